"""Owns what becomes of a message from Discord: an answer where its author is being interviewed, else a wish, else a hello.

Discord delivers nothing twice. What was written while nobody listened, or while the store was away, is read from the channel's
history (`catch_up`); what had been taken in already is known by its id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary

import discord

from bot.commands import addressed
from bot.discord import buttons
from bot.discord.arrivals import Said, read
from bot.discord.client import TROUBLE, told
from bot.discord.errands import ONE_AT_A_TIME, UNREADABLE, Errand, Errands, Opening, have_done, have_opened
from bot.discord.places import EVERYWHERE, channel_of, ours, place, room, user
from bot.discord.platform import DiscordPlatform, Letter
from bot.discord.presence import Presence
from bot.discord.rendering import Outgoing
from bot.people import OVER
from bot.steering import REALLY_END, meant, steer
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import Correction, Message
from interviewer.ports import Room, StoreUnavailable

logger = logging.getLogger(__name__)

ALL = 0
LATER = 2.0
"""Seconds between two looks at whether a store that was away is back."""
AT_ONCE = 5
"""Channels whose history is read at the same time."""
LOOKS_BACK = 200
"""Messages of a channel that are read when somebody may have written while nobody listened."""


class Hearing:
    """Takes in messages, and what people do to them afterwards, each channel's in their order. `aclose` ends what waits."""

    def __init__(
        self, client: discord.Client, engine: Engine, platform: DiscordPlatform, errands: Errands, presence: Presence
    ) -> None:
        self._client = client
        self._engine = engine
        self._platform = platform
        self._store = errands.store
        self._bank = errands.bank
        self._presence = presence
        self._orders: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._missed: set[int] = set()
        """Channels that are to be read again; ALL stands for every room."""
        self._waiting: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Leave what is still missed to the next start."""
        if self._waiting:
            self._waiting.cancel()
            await asyncio.wait({self._waiting})

    # --- what arrives ---

    async def said(self, message: discord.Message) -> None:
        """A message."""
        me = self._client.user
        if me and message.author.id == me.id:
            self._presence.ready(message.channel.id)
        said = read(message, me.id if me else 0)
        if said is None:
            return
        if said.private:
            # A sign that somebody listens is worth most when it is at once: it is sent before the store is asked anything.
            self._presence.thinking(said.channel)
            await asyncio.sleep(0)
        await self._in_order(said.channel, partial(self._hear, said))

    async def changed(self, message: discord.Message) -> None:
        """A message was edited: it counts as long as it has not been answered."""
        said = read(message, self._client.user.id if self._client.user else 0)
        if said and said.edited:
            await self._in_order(said.channel, partial(self._correct, said))

    async def deleted(self, channel: int, message: int) -> None:
        """A message was deleted: it leaves the transcript."""
        await self._in_order(channel, partial(self._strike, channel, str(message)))

    async def _in_order(self, channel: int, work: Callable[[], Awaitable[None]]) -> None:
        """One thing after another in a channel. What fails because the store is away is read again from the channel later."""
        lock = self._orders.setdefault(channel, asyncio.Lock())
        async with lock:
            try:
                await work()
            except StoreUnavailable as problem:
                logger.warning("%s", problem)
                self._miss(channel)

    # --- messages ---

    async def _hear(self, said: Said) -> None:
        found = await self._store.room(room(said.channel))
        if found and found.candidate == said.candidate and await self._heard(said, found):
            return
        if said.private or said.mentioned:
            await self._addressed(said)

    async def _heard(self, said: Said, found: Room) -> bool:
        """Take it in if the room has an interview of its author that goes on."""
        if said.unreadable:
            return await self._say_unreadable(said, found)
        asked = addressed(said.text, self._bank.questions)
        if asked.outright and not said.attachments:
            interview = await self._store.interview(found.thread)
            if interview is None or interview.phase in OVER:
                return False
            await self._reply(said, found.thread, Outgoing(ONE_AT_A_TIME))
            return True
        if not said.attachments:
            typed, reply = await meant(self._store, found.thread, said.candidate, said.text)
            if typed:
                self._presence.thinking(said.channel)
                await steer(self._engine, found.thread, said.candidate, typed, said.event)
                return True
            if reply:
                rows = (buttons.really_end(found.thread),) if reply == REALLY_END else ()
                await self._reply(said, found.thread, Outgoing(reply, rows))
                return True
        text = Message(found.thread, said.id, said.candidate, clean(said.text), said.at, said.attachments)
        new = await self._engine.submit(said.event, text, said.candidate)
        if new is False:
            self._presence.ready(said.channel)
        elif new and not said.private:
            self._presence.thinking(said.channel)
        return new is not None

    async def _say_unreadable(self, said: Said, found: Room) -> bool:
        """Say once in an interview how to be heard, where Discord does not let the bot read along."""
        interview = await self._store.interview(found.thread)
        if interview and interview.phase not in OVER:
            await self._reply(said, found.thread, Outgoing(UNREADABLE), "unreadable")
        return True

    async def _addressed(self, said: Said) -> None:
        """Something said to the bot outside any interview."""
        asked = addressed(said.text, self._bank.questions)
        if asked.wish is None:
            errand = Errand(f"greet:{said.event}", said.user, channel=said.channel, text=asked.problem)
            await have_done(self._engine, "discord.greet", errand)
        else:
            opening = Opening(said.event, said.user, asked.wish, said.guild, said.channel)
            await have_opened(self._engine, opening)

    async def _reply(self, said: Said, thread: str, message: Outgoing, key: str = "") -> None:
        """Say something about the interview that is no part of it."""
        self._presence.ready(said.channel)
        with suppress(*TROUBLE):
            await self._platform.say(thread, Letter(f"{key or said.event}/reply", said.channel, message))

    # --- corrections ---

    async def _correct(self, said: Said) -> None:
        found = await self._store.room(room(said.channel))
        if found and found.candidate == said.candidate and await self._store.holder(found.thread) == said.candidate:
            id = f"{said.event}:{said.edited:.3f}"
            correction = Correction(found.thread, id, said.candidate, said.id, clean(said.text), said.edited)
            await self._engine.submit(id, correction)

    async def _strike(self, channel: int, message: str) -> None:
        found = await self._store.room(room(channel))
        if found is None:
            return
        thread = await self._thread_of(found, channel, message)
        id = f"message:{message}:deleted"
        at = discord.utils.utcnow().timestamp()
        await self._engine.submit(id, Correction(thread, id, found.candidate, message, None, at))
        self._presence.ready(channel)

    async def _thread_of(self, found: Room, channel: int, message: str) -> str:
        """The interview that a message of this channel belongs to: one that has it in its transcript, else the latest."""
        for thread in reversed(await self._store.threads(found.candidate)):
            here = ours(thread) and place(thread).channel == channel
            if here and any(turn.message == message for turn in await self._store.transcript(thread)):
                return thread
        return found.thread

    # --- what was missed ---

    async def catch_up(self) -> None:
        """Read in every room of an interview what was written there while nobody listened."""
        try:
            missed = {channel_of(name) async for name in self._store.rooms(EVERYWHERE)}
        except StoreUnavailable as problem:
            logger.warning("%s", problem)
            self._miss(ALL)
            return
        await self._read_again(missed)

    async def _read_again(self, channels: set[int]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(channel: int) -> None:
            async with gate:
                try:
                    await self._read(channel)
                except StoreUnavailable as problem:
                    logger.warning("%s", problem)
                    self._miss(channel)
                except TROUBLE as problem:
                    # A room that is gone has nothing to say; another one is read when Discord is connected to anew.
                    logger.info("A channel could not be read again: %s", told(problem))

        await asyncio.gather(*map(one, channels))

    async def _read(self, channel: int) -> None:
        """Take in what stands in a channel after the last thing that was taken in from there."""
        found = await self._store.room(room(channel))
        heard = await self._last_heard(found)
        messages: list[discord.Message] = []
        async for message in self._client.get_partial_messageable(channel).history(limit=LOOKS_BACK):
            mine = self._client.user is not None and message.author.id == self._client.user.id
            if message.id <= heard or (mine and not heard):
                break
            messages.append(message)
        for message in reversed(messages):
            said = read(message, self._client.user.id if self._client.user else 0)
            if said and (found is None or said.user == user(found.candidate)):
                await self._in_order(channel, partial(self._hear, said))
                if said.edited:
                    # Taken in before it was edited, perhaps: then it reads as it does now.
                    await self._in_order(channel, partial(self._correct, said))

    async def _last_heard(self, found: Room | None) -> int:
        """The id of the last message that was answered in a room's interview; 0 where none goes on."""
        interview = await self._store.interview(found.thread) if found else None
        if found is None or interview is None or interview.phase in OVER:
            return 0
        opened = place(found.thread).key
        ids = [turn.message for turn in await self._store.transcript(found.thread) if turn.message.isdecimal()]
        return max(map(int, ids), default=int(opened) if opened.isdecimal() else 0)

    def _miss(self, channel: int) -> None:
        self._missed.add(channel)
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._until_back())

    async def _until_back(self) -> None:
        """Wait until the store is back, then read what was missed."""
        while self._missed:
            await asyncio.sleep(LATER)
            missed, self._missed = self._missed, set()
            if ALL in missed:
                await self.catch_up()
            await self._read_again(missed - {ALL})
