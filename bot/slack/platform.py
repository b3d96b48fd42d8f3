"""Owns how posts reach Slack: once each, streamed while they are worded, with buttons on the latest only.

What is tried and what was sent is noted beside the thread, and every message carries its key as metadata: after a crash
between the two, Slack is asked whether it has the message before it is sent again.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.letters import LAST, Sending, once, over, surplus
from bot.slack import cards
from bot.slack.clients import Api, Clients, NotInstalled, error, passing
from bot.slack.keys import found, keyed
from bot.slack.places import Place, place, user
from bot.slack.presence import Presence
from bot.slack.rendering import IN_PRIVATE, NOTICE, Outgoing, outgoing, plainly
from bot.slack.streams import NOTE, Streams
from interviewer.attachments import LIMITS, Unfetchable, kind
from interviewer.model import Attachment, MoveKind, Phase, Scorecard
from interviewer.ports import Post, Store, Undeliverable

logger = logging.getLogger(__name__)

FIXED = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "streaming_state_conflict"})
"""Refusals that mean a message can't be changed any more."""
REFUSED_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"})
GONE = frozenset({"not_in_channel", "channel_not_found", "is_archived"})
"""Refusals that mean an interview can't go on where it was."""
GONE_TEXT = (
    "I can't write to the channel of our interview any more: it was archived, or I was taken out of it. What you said is kept; "
    "`/interview end` brings your scorecard, here."
)
TOLD = "told-gone"

Made = TypeVar("Made")


@dataclass(frozen=True)
class Letter:
    """One message on its way: to which channel and thread ("" for none), and the key it is known by."""

    key: str
    channel: str
    thread: str
    message: Outgoing


class SlackPlatform:
    """Implements ports.ChatPlatform for every workspace the app is installed in. `aclose` lets what it began end."""

    def __init__(self, clients: Clients, store: Store, presence: Presence) -> None:
        self._clients = clients
        self._store = store
        self._presence = presence
        self._streams = Streams(clients, store)
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun on the side."""
        await self._streams.aclose()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- ports.ChatPlatform ---

    async def post(self, post: Post) -> None:
        where = place(post.thread)
        try:
            await self._post_or_go_on_without(await self._clients.of(where.team), where, post)
        except NotInstalled as problem:
            raise Undeliverable(str(problem)) from problem
        except SlackApiError as problem:
            if passing(problem):
                raise
            raise Undeliverable(f"Slack says {error(problem)}") from problem
        self._aside(self._presence.ready(where))

    def preview(self, thread: str, candidate: str, text: str) -> None:
        self._streams.come(thread, candidate, text)

    async def withdraw(self, thread: str) -> None:
        """Take back what was streamed; Slack's "is thinking" goes with it."""
        with suppress(SlackApiError, NotInstalled, aiohttp.ClientError, TimeoutError):
            client = await self._clients.of(place(thread).team)
            if ts := await self._streams.ended(client, thread, await self._store.notes(thread)):
                await self._streams.discard(client, thread, ts)
            await self._presence.idle(place(thread))

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        try:
            return await self._clients.download(place(thread).team, attachment.place, LIMITS[kind(attachment)])
        except (NotInstalled, aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise Unfetchable(attachment.name) from problem

    # --- one post ---

    async def _post_or_go_on_without(self, client: Api, where: Place, post: Post) -> None:
        try:
            await self._post(client, where, post)
        except SlackApiError as problem:
            if error(problem) in GONE and not where.private:
                await self._go_on_without(client, where, post)
            raise

    async def _post(self, client: Api, where: Place, post: Post) -> None:
        notes = dict(await self._store.notes(post.thread))
        stream = await self._streams.ended(client, post.thread, notes)
        channel, thread = await self._addressed(client, where, post)
        messages = _whatever(lambda: outgoing(post), lambda: plainly(post.turn.text))
        if post.scorecard and not channel.startswith("D"):
            messages = (*messages[:-1], replace(messages[-1], blocks=(*messages[-1].blocks, IN_PRIVATE)))
        await self._store.note(post.thread, over(notes, post.key), kept=True)
        for n, message in enumerate(messages):
            letter = Letter(f"{post.key}/{n}", channel, thread, message)
            ts, form = await self._send(client, post.thread, letter, notes, stream if n == 0 else "", kept=True)
            if form.actions:
                await self._strip(client, post.thread, notes, letter.channel, ts, form)
        if post.scorecard:
            await self._hand_over(client, where, post, post.scorecard, notes)

    async def _addressed(self, client: Api, where: Place, post: Post) -> tuple[str, str]:
        """The channel and thread a post goes to: its own, but for what follows a scorecard in front of others."""
        after = post.turn.phase in {Phase.DEBRIEF, Phase.FINISHED} and post.turn.kind not in {MoveKind.DEBRIEF, NOTICE}
        if where.private or not after:
            return where.channel, where.ts
        return await direct(client, user(post.candidate)), ""

    async def _hand_over(
        self, client: Api, where: Place, post: Post, card: Scorecard, notes: Mapping[str, str]
    ) -> None:
        """The scorecard, to its candidate alone: in the thread if that is in a direct message, else in a direct message."""
        channel, thread = where.channel, where.ts
        if not where.private:
            channel, thread = await direct(client, user(post.candidate)), ""
        on = await cards.day(client, self._store, post.thread, post.candidate)
        message = await cards.message(client, post.thread, card, on)
        letter = Letter(f"{post.key}/card", channel, thread, message)
        ts, form = await self._send(client, post.thread, letter, notes, kept=True)
        await self._strip(client, post.thread, notes, letter.channel, ts, form)

    async def _strip(
        self, client: Api, thread: str, notes: Mapping[str, str], channel: str, ts: str, form: Outgoing
    ) -> None:
        """Take the buttons off the message before this one: what can be pressed is always at the end."""
        mine = {"channel": channel, "ts": ts, "text": form.text, "blocks": list(form.blocks)}
        await self._store.note(thread, {LAST: json.dumps(mine)}, kept=True)
        before: Mapping[str, Any] = json.loads(notes.get(LAST) or "{}")
        if before and before["ts"] != ts:
            self._aside(client.chat_update(**before))

    async def _go_on_without(self, client: Api, where: Place, post: Post) -> None:
        """Tell a candidate, once, that their channel is closed to the interview; their scorecard they get all the same."""
        notes = await self._store.notes(post.thread)
        if post.scorecard:
            await self._hand_over(client, where, post, post.scorecard, notes)
        elif TOLD not in notes:
            await self._store.note(post.thread, {TOLD: "1"}, kept=True)
            with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
                await client.chat_postMessage(channel=await direct(client, user(post.candidate)), text=GONE_TEXT)

    # --- letters ---

    async def send(self, client: Api, person: str, letter: Letter) -> str:
        """Send a letter to a person unless it has been sent; the message's ts."""
        notes = await self._store.notes(person)
        ts, _ = await self._send(client, person, letter, notes)
        await self._store.note(person, surplus(notes))
        return ts

    async def _send(
        self,
        client: Api,
        name: str,
        letter: Letter,
        notes: Mapping[str, str],
        stream: str = "",
        *,
        kept: bool = False,
    ) -> tuple[str, Outgoing]:
        """Send a letter, noted under `name`, unless it has been sent; the message's ts and the form it was sent in."""
        form = letter.message

        async def deliver() -> str:
            nonlocal form
            ts, form = await self._deliver(client, letter, stream, notes)
            return ts

        async def find() -> str:
            # What is being streamed becomes the letter: it needs not be looked for.
            return "" if stream else await self._find(client, letter, notes)

        sending = Sending(letter.key, deliver, find)
        ts = await once(self._store, name, sending, notes=notes, kept=kept, after={NOTE: ""})
        return ts, form

    async def _deliver(
        self, client: Api, letter: Letter, stream: str, notes: Mapping[str, str]
    ) -> tuple[str, Outgoing]:
        """Send a letter in the first of its forms that Slack takes; its ts and that form."""
        *richer, plainest = letter.message.forms
        for form in richer:
            try:
                return await self._put(client, letter, form, stream, notes), form
            except SlackApiError as problem:
                if error(problem) not in REFUSED_BLOCKS:
                    raise
                logger.warning("Slack refused the blocks of %s: %s", letter.key, error(problem))
        return await self._put(client, letter, plainest, stream, notes), plainest

    async def _put(self, client: Api, letter: Letter, form: Outgoing, stream: str, notes: Mapping[str, str]) -> str:
        """The ts of a message that has this form: the stream's, or one of its own."""
        content: dict[str, Any] = {
            "channel": letter.channel,
            "text": form.text,
            "blocks": form.everything,
            "metadata": keyed(letter.key),
        }
        if stream:
            try:
                await client.chat_update(ts=stream, **content)
            except SlackApiError as problem:
                if error(problem) not in FIXED:
                    raise
                logger.info("A stream can't become %s: %s", letter.key, error(problem))
                if ts := await self._find(client, letter, notes):
                    return ts
            else:
                return stream
        response: Any = await client.chat_postMessage(
            thread_ts=letter.thread or None, unfurl_links=False, unfurl_media=False, **content
        )
        return str(response["ts"])

    async def _find(self, client: Api, letter: Letter, notes: Mapping[str, str]) -> str:
        """The ts of a letter that an earlier try may have sent; "" if Slack has none, or can't tell."""
        search: dict[str, Any] = {"channel": letter.channel, "include_all_metadata": True, "limit": 200}
        try:
            if letter.thread:
                # A thread comes oldest first, some apps get 15 messages of it: what was said before is left out.
                before: Mapping[str, Any] = json.loads(notes.get(LAST) or "{}")
                if before.get("channel") == letter.channel:
                    search["oldest"] = before["ts"]
                response: Any = await client.conversations_replies(ts=letter.thread, **search)
            else:
                response = await client.conversations_history(**search)
        except SlackApiError as problem:
            if passing(problem):
                raise
            return ""
        return found(response["messages"], letter.key)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _whatever(make: Callable[[], Sequence[Made]], plainer: Callable[[], Sequence[Made]]) -> tuple[Made, ...]:
    """What is made, or the plainer thing if that fails: a reply that can't be rendered must not be tried for ever."""
    try:
        return tuple(make())
    except Exception as problem:
        logger.exception("A post could not be rendered: %s", type(problem).__name__, exc_info=False)
        return tuple(plainer())


async def direct(client: Api, user: str) -> str:
    """The channel of the bot's direct messages with a user."""
    response: Any = await client.conversations_open(users=user)
    return str(response["channel"]["id"])


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    """What is nice to have must not fail anything."""
    with suppress(SlackApiError, NotInstalled, aiohttp.ClientError, TimeoutError):
        await work
