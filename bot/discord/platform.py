"""Owns how posts reach Discord: once each, whole, with buttons on the latest only.

What is tried and what was sent is noted beside the thread, and every message carries a nonce by which Discord drops a repetition
for some minutes. Later than that, after a crash between the two, the channel is searched before anything is sent again.
"""

import asyncio
import logging
import re
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import discord
from discord.http import Route

from bot.discord import buttons, cards
from bot.discord.client import ARCHIVED, CLOSED, GONE, TROUBLE, code, passing, told
from bot.discord.places import Place, person, place, user
from bot.discord.rendering import Outgoing, outgoing, plainly
from bot.downloads import at_most
from bot.fitting import REST
from bot.letters import LAST, TRYING, Sending, once, over, surplus
from interviewer.attachments import LIMITS, Unfetchable, kind
from interviewer.model import Attachment, Scorecard
from interviewer.ports import Post, Store, Undeliverable

logger = logging.getLogger(__name__)

GONE_TEXT = (
    "I can't write to the thread of our interview any more: it was deleted or locked, or I was taken out of it. What you said is "
    "kept; `/interview end` brings your scorecard, here."
)
TOLD = "told-gone"
LAYOUT = "layout"
LOOKS_BACK = 50
"""Messages that are searched for one that may have been sent."""
SNOWFLAKE = re.compile(r"(?<!\d)\d{17,20}(?!\d)")
"""One of Discord's ids, which rise with time."""
TIMEOUT = aiohttp.ClientTimeout(total=20)
HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})


@dataclass(frozen=True)
class Letter:
    """One message on its way to a channel, and the key it is known by."""

    key: str
    channel: int
    message: Outgoing

    @property
    def nonce(self) -> str:
        """What Discord knows it by: at most 25 characters."""
        return blake2b(f"{self.channel}/{self.key}".encode(), digest_size=12).hexdigest()


class DiscordPlatform:
    """Implements ports.ChatPlatform. `aclose` lets what it began end."""

    def __init__(self, client: discord.Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun on the side."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- ports.ChatPlatform ---

    async def post(self, post: Post) -> None:
        where = place(post.thread)
        try:
            await self._post(where, post)
        except discord.HTTPException as problem:
            if passing(problem):
                raise
            if code(problem) in GONE and not where.private:
                await self._go_on_without(post)
            raise Undeliverable(told(problem)) from problem

    def preview(self, thread: str, candidate: str, text: str) -> None:
        """Nothing: whoever takes messages in shows that the bot is typing, and edits are rationed so that a reply which grows
        would be late. It comes once, and whole."""

    async def withdraw(self, thread: str) -> None:
        """Nothing was shown."""

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        try:
            return await _download(attachment.place, LIMITS[kind(attachment)] + 1)
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise Unfetchable(attachment.name) from problem

    # --- one post ---

    async def _post(self, where: Place, post: Post) -> None:
        notes = dict(await self._store.notes(post.thread))
        await self._store.note(post.thread, over(notes, post.key), kept=True)
        for n, message in enumerate(_whatever(post)):
            letter = Letter(f"{post.key}/{n}", where.channel, message)
            await self._send_and_strip(post.thread, letter, notes)
        if post.scorecard:
            await self._hand_over(where.channel, post, post.scorecard, notes)

    async def _hand_over(self, channel: int, post: Post, card: Scorecard, notes: dict[str, str]) -> None:
        on = await cards.day(self._store, post.thread, post.candidate)
        for n, message in enumerate(await cards.messages(post.thread, card, on)):
            await self._send_and_strip(post.thread, Letter(f"{post.key}/card{n}", channel, message), notes)

    async def _send_and_strip(self, thread: str, letter: Letter, notes: dict[str, str]) -> None:
        """Send a letter, and take the buttons off the message before it: what can be pressed is always at the end."""
        id = await self._send(thread, letter, notes, kept=True)
        if letter.message.pressable:
            before, notes[LAST] = (
                notes.get(LAST, ""),
                f"{letter.channel}/{id}/{LAYOUT if letter.message.layout else ''}",
            )
            await self._store.note(thread, {LAST: notes[LAST]}, kept=True)
            if before and before != notes[LAST]:
                self._aside(self._strip(before))

    async def _strip(self, which: str) -> None:
        channel, id, form = which.split("/")
        # A scorecard's buttons are part of its layout, and stay good.
        if form != LAYOUT:
            await self._channel(int(channel)).get_partial_message(int(id)).edit(view=None)

    async def _go_on_without(self, post: Post) -> None:
        """Tell a candidate, once, that their thread is closed to the interview; their scorecard they get all the same."""
        notes = dict(await self._store.notes(post.thread))
        with suppress(*TROUBLE):
            direct = await self.direct(user(post.candidate))
            if post.scorecard:
                await self._hand_over(direct, post, post.scorecard, notes)
            elif TOLD not in notes:
                await self._store.note(post.thread, {TOLD: "1"}, kept=True)
                await self._channel(direct).send(GONE_TEXT)

    # --- letters ---

    async def direct(self, user: int) -> int:
        """The channel of the bot's direct messages with somebody; whether they take any shows when one is sent."""
        return (await self._client.create_dm(discord.Object(user))).id

    async def send(self, to: int, letter: Letter) -> str:
        """Send a letter to a person unless it has been sent; the message's id."""
        notes = await self._store.notes(person(to))
        try:
            id = await self._send(person(to), letter, notes)
        except discord.HTTPException as problem:
            if not passing(problem):
                await self._store.note(person(to), {f"{TRYING}{letter.key}": ""})
            raise
        await self._store.note(person(to), surplus(notes))
        return id

    async def say(self, thread: str, letter: Letter) -> None:
        """Say something about an interview that is no part of it, unless it has been said."""
        await self._send(thread, letter, await self._store.notes(thread), kept=True)

    async def _send(self, name: str, letter: Letter, notes: Mapping[str, str], *, kept: bool = False) -> str:
        async def deliver() -> str:
            return await self.deliver(letter)

        async def find() -> str:
            return await self._find(letter, notes)

        return await once(self._store, name, Sending(letter.key, deliver, find), notes=notes, kept=kept)

    async def deliver(self, letter: Letter) -> str:
        """Send a letter; the message's id. Discord drops a repetition for some minutes. Raises as any call does."""
        channel = self._channel(letter.channel)
        try:
            sent = await channel.send(nonce=letter.nonce, **letter.message.arguments())
        except discord.HTTPException as problem:
            if code(problem) == ARCHIVED:
                await self._open_again(letter.channel)
                sent = await channel.send(nonce=letter.nonce, **letter.message.arguments())
            elif letter.message.layout and problem.status == 400:
                # A scorecard that Discord refuses is no reason to go without it.
                logger.warning("Discord refused the layout of %s: %d", letter.key, code(problem))
                plain = Outgoing(letter.message.content or REST, letter.message.rows)
                sent = await channel.send(nonce=letter.nonce, **plain.arguments())
            else:
                raise
        return str(sent.id)

    async def _open_again(self, thread: int) -> None:
        """Take a thread out of the archive, where Discord puts one that was silent for days."""
        await self._client.http.edit_channel(thread, archived=False)

    async def _find(self, letter: Letter, notes: Mapping[str, str]) -> str:
        """The id of a letter that an earlier try may have sent; "" if there is none."""
        channel, id, _ = (notes.get(LAST) or "//").split("/")
        # It comes after what it answers; the same words may have been said before that.
        before = [*SNOWFLAKE.findall(letter.key), *([id] if channel == str(letter.channel) else [])]
        after = discord.Object(max(map(int, before))) if before else None
        me, looked_for = self._client.user, _mark(letter.message)
        async for message in self._channel(letter.channel).history(limit=LOOKS_BACK, after=after, oldest_first=False):
            if me and message.author.id == me.id and looked_for in _marks(message):
                return str(message.id)
        return ""

    def _channel(self, id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(id)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def closed(problem: discord.HTTPException) -> bool:
    """Whether somebody takes no direct messages from the bot."""
    return code(problem) in CLOSED


def _whatever(post: Post) -> tuple[Outgoing, ...]:
    """The messages, or the same words plainly if they can't be rendered: a reply must not be tried for ever."""
    try:
        return outgoing(post)
    except Exception as problem:
        logger.exception("A post could not be rendered: %s", type(problem).__name__, exc_info=False)
        return plainly(post.turn.text)


def _mark(message: Outgoing) -> str:
    """What a message is found by: its text, or what is written and can be pressed in a layout."""
    return message.content if not message.layout else _features(message.layout().walk_children())


def _marks(message: discord.Message) -> Sequence[str]:
    return (message.content, _features(buttons.nested(message.components)))


def _features(parts: Iterable[Any]) -> str:
    features = ((getattr(part, "content", ""), getattr(part, "custom_id", "")) for part in parts)
    return "\n".join(str(found) for pair in features for found in pair if found)


async def _download(url: str, limit: int) -> bytes:
    """A file, at most `limit` bytes of it. Raises ValueError for an address that is not Discord's."""
    parts, api = urlsplit(url), urlsplit(Route.BASE)
    if not (parts.scheme == "https" and parts.hostname in HOSTS) and (parts.scheme, parts.netloc) != (
        api.scheme,
        api.netloc,
    ):
        raise ValueError("The file is not at Discord.")
    async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url, allow_redirects=False) as response:
        response.raise_for_status()
        return await at_most(response, limit)


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    """What is nice to have must not fail anything."""
    with suppress(*TROUBLE):
        await work
