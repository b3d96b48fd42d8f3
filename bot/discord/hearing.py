"""Owns what becomes of a message from Discord: an answer where its author is being interviewed, else a wish, else a hello.

Discord delivers nothing twice. What comes while the store is away waits here until it is back; what was written while nobody
listened is read from the channel's history (`catch_up`); what had been taken in already is known by its id.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import discord

from bot.commands import addressed
from bot.discord import buttons
from bot.discord.arrivals import Said, read
from bot.discord.client import TROUBLE, passing, told
from bot.discord.daily import Daily, open_thread
from bot.discord.errands import ONE_AT_A_TIME, UNREADABLE, Errand, Errands, Opening, have_done, have_opened
from bot.discord.places import EVERYWHERE, channel_of, ours, place, room, user
from bot.discord.platform import DiscordPlatform, Letter
from bot.discord.presence import Presence
from bot.discord.rendering import Outgoing
from bot.people import OVER
from bot.steering import REALLY_END, meant, steer
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import DELETED, Correction, Message
from interviewer.ports import Room, StoreUnavailable
from interviewer.store import CLAIM

logger = logging.getLogger(__name__)

NEVER = 1 << 63
MARGIN = timedelta(seconds=5)
"""By so much our clock and Discord's may differ."""
LATER = 2.0
"""Seconds between two looks at whether a store that was away is back."""
AT_ONCE = 5
"""Channels whose history is read at the same time."""
LOOKS_BACK = 200
"""Messages of a channel that are read when somebody may have written while nobody listened; none is older than `CLAIM`, since
the store forgets then what it has taken in."""


class Hearing:
    """Takes in messages, and what people do to them afterwards, each channel's in their order. `aclose` ends what waits for the
    store."""

    def __init__(
        self,
        client: discord.Client,
        engine: Engine,
        platform: DiscordPlatform,
        errands: Errands,
        presence: Presence,
        daily: Daily,
    ) -> None:
        self._client = client
        self._engine = engine
        self._platform = platform
        self._store = errands.store
        self._bank = errands.bank
        self._reads = errands.reads
        self._presence = presence
        self._daily = daily
        self._orders: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._closing = asyncio.Event()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._since = NEVER
        """The id that a message would have had when the bot began to listen anew; NEVER once it has caught up."""
        self._live: set[int] = set()
        """The messages that have come since."""

    async def aclose(self) -> None:
        """Let what was begun come to an end, and leave what still waits to the next start."""
        self._closing.set()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --- what arrives ---

    async def said(self, message: discord.Message) -> None:
        """A message."""
        me = self._client.user
        if me and message.author.id == me.id:
            self._presence.ready(message.channel.id)
        said = read(message, me.id if me else 0)
        if thread := open_thread(message.channel):
            await self._in_order(thread.id, partial(self._hear_in_the_open, thread, message, said))
            return
        if said is None:
            return
        if self._since != NEVER:
            self._live.add(int(said.id))
        if said.private:
            # A sign that somebody listens is worth most when it is at once: it is sent before the store is asked anything.
            self._presence.thinking(said.channel)
        await self._in_order(said.channel, partial(self._hear, said))

    async def changed(self, message: discord.Message) -> None:
        """A message was edited: it counts as long as it has not been answered."""
        said = read(message, self._client.user.id if self._client.user else 0)
        if thread := open_thread(message.channel):
            await self._in_order(thread.id, partial(self._note, thread, message, said))
            return
        if said and said.edited:
            await self._in_order(said.channel, partial(self._correct, said))

    async def deleted(self, channel: int, message: int) -> None:
        """A message was deleted: it leaves the transcript."""
        where = self._client.get_channel(channel)
        if thread := open_thread(where):
            await self._in_order(channel, partial(self._daily.unheard, thread, message))
            return
        if isinstance(where, discord.abc.GuildChannel):
            return  # what people do in channels is not ours, and nothing is asked about it
        await self._in_order(channel, partial(self._strike, channel, str(message)))

    async def _in_order(self, channel: int, work: Callable[[], Awaitable[object]]) -> None:
        """One thing after another in a channel, in the order in which they came."""
        lock = self._orders.setdefault(channel, asyncio.Lock())
        async with lock:
            await self._insist(work)

    async def _insist(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do it, as soon as the store is there; or not at all when the bot ends before."""
        if this := asyncio.current_task():
            self._under_way.add(this)
            this.add_done_callback(self._under_way.discard)
        while not self._closing.is_set():
            try:
                await work()
            except StoreUnavailable as problem:
                logger.warning("%s", problem)
            else:
                return
            await self._a_while()

    async def _a_while(self) -> None:
        """Wait a little, or until the bot ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LATER)

    # --- threads that everybody sees ---

    async def _hear_in_the_open(self, thread: discord.Thread, message: discord.Message, said: Said | None) -> None:
        """Note an answer to a daily question; somebody may want something else of the bot there."""
        noted = await self._note(thread, message, said)
        if said and not noted:
            await self._hear(said)

    async def _note(self, thread: discord.Thread, message: discord.Message, said: Said | None) -> bool:
        """Note what somebody wrote to others in a thread, if that is a daily question's."""
        asked = addressed(said.text, self._bank.questions) if said else None
        if asked and (asked.outright or asked.asking):
            return False
        return await self._daily.heard(thread, message, self._client.user.id if self._client.user else 0)

    # --- messages ---

    async def _hear(self, said: Said) -> None:
        # Typing is shown by a task that has not run yet.
        await asyncio.sleep(0)
        found = await self._store.room(room(said.channel), renew=True)
        if found and found.candidate == said.candidate and await self._heard(said, found):
            return
        if said.private or said.mentioned:
            await self._addressed(said)

    async def _heard(self, said: Said, found: Room) -> bool:
        """Take it in if the room has an interview of its author that goes on."""
        if said.empty:
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
                if await steer(self._engine, found.thread, said.candidate, typed, said.event, said.at):
                    self._presence.thinking(said.channel)
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
        """Nothing is in it: say once in an interview how to be heard, where Discord does not let the bot read along."""
        interview = await self._store.interview(found.thread)
        self._presence.ready(said.channel)
        if said.unreadable and not self._reads and interview and interview.phase not in OVER:
            await self._reply(said, found.thread, Outgoing(UNREADABLE), f"unreadable:{found.thread}")
        return True

    async def _addressed(self, said: Said) -> None:
        """Something said to the bot outside any interview."""
        asked = addressed(said.text, self._bank.questions)
        if asked.wish is None:
            errand = Errand(
                f"greet:{said.event}", said.user, channel=said.channel, text=asked.problem, private=said.private
            )
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

    def listens(self) -> None:
        """The bot begins to listen anew: what is older than this moment may have been missed."""
        began = discord.utils.utcnow() - MARGIN
        self._since = min(self._since, discord.utils.time_snowflake(began))

    async def catch_up(self) -> None:
        """Read in every room of an interview what was written there while nobody listened."""
        since = self._since
        await self._insist(self._read_all)
        if self._since == since:
            self._since = NEVER
            self._live.clear()

    async def _read_all(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(channel: int) -> None:
            async with gate:
                while not self._closing.is_set():
                    try:
                        await self._insist(partial(self._read, channel))
                    except TROUBLE as problem:
                        logger.info("A channel could not be read again: %s", told(problem))
                        if passing(problem):
                            await self._a_while()
                            continue
                        # A room that is gone has nothing to say.
                    return

        await asyncio.gather(*[one(channel_of(name)) async for name in self._store.rooms(EVERYWHERE)])

    async def _read(self, channel: int) -> None:
        """Take in what stands in a channel after the last thing that was taken in from there, and what is not there any more."""
        found = await self._store.room(room(channel))
        if found is None:
            return
        where, heard = place(found.thread), await self._heard_so_far(found)
        if not heard and not where.private:
            return  # nothing is begun by a word in the thread of an interview that is over
        since = min(heard, default=0)
        # What has come since the bot listens again says nothing of what was written before.
        last = max((id for id in heard if id < self._since), default=since)
        there: dict[int, discord.Message] = {}
        async for message in self._client.get_partial_messageable(channel, guild_id=where.guild or None).history(
            limit=LOOKS_BACK
        ):
            mine = self._client.user is not None and message.author.id == self._client.user.id
            if message.id < since or (mine and not heard) or _long_ago(message.created_at.timestamp()):
                break
            there[message.id] = message
        me = self._client.user.id if self._client.user else 0
        for said in [said for message in reversed(there.values()) if (said := read(message, me))]:
            if said.user == user(found.candidate):
                if int(said.id) > last and int(said.id) not in heard | self._live:
                    await self._in_order(channel, partial(self._hear, said))
                if said.edited and not _long_ago(said.edited):
                    # Taken in before it was edited, perhaps: then it reads as it does now.
                    await self._in_order(channel, partial(self._correct, said))
        for id in sorted(heard):
            if min(there, default=id) < id and id not in there:
                await self._in_order(channel, partial(self._strike, channel, str(id)))

    async def _heard_so_far(self, found: Room) -> set[int]:
        """The ids of the messages that were answered in a room's interview, and what began it; none where it does not go on."""
        interview = await self._store.interview(found.thread)
        if interview is None or interview.phase in OVER:
            return set()
        transcript = await self._store.transcript(found.thread)
        ids = (place(found.thread).key, *(turn.message for turn in transcript if turn.kind != DELETED))
        return {int(id) for id in ids if id.isdecimal()}


def _long_ago(at: float) -> bool:
    return at < time.time() - CLAIM
