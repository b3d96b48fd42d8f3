"""Owns what people do about a channel's daily question in Slack: they press its buttons, and answer in its thread or blind.

Whatever is said in answer is shown to one person alone.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any

from bot import actions
from bot.actions import DAILY_BLIND, DAILY_FEEDBACK, DAILY_JOIN, DAILY_LEAVE, DAILY_PRACTISE, DAILY_REMIND
from bot.commands import Wish
from bot.daily_desk import Desk
from bot.daily_words import MARK
from bot.slack import cards, daily_forms
from bot.slack.arrivals import Changed, Said
from bot.slack.asides import Asides, Who
from bot.slack.clients import Clients, NotInstalled
from bot.slack.errands import Opening, have_opened
from bot.slack.noticeboard import board, sections
from bot.slack.places import Place, team
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import Format
from interviewer.ports import Store, StoreUnavailable
from interviewer.questions import UnknownQuestion

MINE = frozenset({DAILY_PRACTISE, DAILY_BLIND, DAILY_REMIND, DAILY_FEEDBACK, DAILY_LEAVE, DAILY_JOIN})
"""The buttons that are about a daily question."""
PATIENCE = 1.0
"""Seconds for which Slack is asked for a time zone while it waits to be acknowledged."""

GONE = "That question is no longer kept. The next one comes by itself."
OPENS = "Your interview opens in our direct messages, where nobody else reads along."
HAVE_IT = "I have that already: it is on its way."
TROUBLE = "Something on my side is not working just now. Nothing is lost: try again in a minute."


class Daily:
    """Does what people ask about daily questions, and hears their answers."""

    def __init__(self, desk: Desk, engine: Engine, store: Store, clients: Clients, asides: Asides) -> None:
        self._desk = desk
        self._engine = engine
        self._store = store
        self._clients = clients
        self._asides = asides
        self._reading: set[str] = set()
        """Whose answers are being read, and which."""

    # --- buttons and the form ---

    async def pressed(self, who: Who, action: str, value: str, message: str, trigger: str, thread: str = "") -> None:
        """One of `MINE`. `value` is what the button carries, `thread` the ts of the thread its message is in, "" for none."""
        if action == DAILY_LEAVE:
            self._reply(who, self._desk.leave(who.candidate), thread)
        elif action == DAILY_JOIN:
            self._reply(who, self._desk.join(who.candidate), thread)
        elif team(about(value)[0]) != who.team:
            self._asides.tell(who, GONE)
        elif action == DAILY_BLIND:
            sealed = await self._desk.sealed(*about(value), who.candidate)
            self._asides.show(who, trigger, daily_forms.blind_form(value, sealed))
        elif action == DAILY_REMIND:
            self._reply(who, self._remind(who, value), _aside(thread, message))
        elif action == DAILY_FEEDBACK:
            self._reply(who, self._feedback(who, value), thread)
        elif action == DAILY_PRACTISE:
            await self._practise(who, value, message, trigger, _aside(thread, message))

    async def sealed(self, who: Who, view: Mapping[str, Any]) -> None:
        """A blind answer was submitted."""
        value, text = daily_forms.read_blind(view)
        channel, name = about(value)
        if team(channel) == who.team:
            zone = await self._zone(who.team, who.candidate)
            told = await self._desk.seal(channel, name, who.candidate, zone, text)
            # The form says of no channel that it was opened in it.
            await self._told(Who(who.team, who.user, channel.rpartition(":")[2]), told)

    async def _remind(self, who: Who, value: str) -> str:
        return await self._desk.remind(*about(value), who.candidate, await self._zone(who.team, who.candidate))

    async def _feedback(self, who: Who, value: str) -> str:
        reading = f"{who.candidate}|{value}"
        if reading in self._reading:
            return HAVE_IT
        self._reading.add(reading)
        try:
            return await self._desk.feedback(*about(value), who.candidate)
        finally:
            self._reading.discard(reading)

    async def _practise(self, who: Who, value: str, message: str, trigger: str, thread: str) -> None:
        found = await self._desk.practise(*about(value))
        with suppress(UnknownQuestion):
            if found:
                wish = Wish((self._desk.bank.question(found[0]),), found[1], format=Format.QUICK)
                opening = Opening(f"practise:{trigger}", who.team, who.user, wish, reply=who.channel)
                new = await have_opened(self._engine, opening, f"{actions.DAILY_PRACTISE}:{value}:{message}")
                await self._told(who, OPENS if new else HAVE_IT, thread)
                return
        await self._told(who, GONE, thread)

    # --- answers in the open ---

    async def heard(self, said: Said) -> bool:
        """Note a message in a thread of a channel; False if that is no daily question's, of which nothing is kept."""
        channel = board(said.team, said.channel)
        if said.private or not said.text:
            return False
        which = await self._desk.store.slot_of(channel, said.thread)
        if which is None:
            return False
        noted = [each.text for each in await self._desk.store.answers(channel, which) if each.message == said.ts]
        if noted and noted[0] != clean(said.text).strip():
            return True  # delivered once more, it would undo what it was changed to
        return await self._noted(channel, said)

    async def changed(self, changed: Changed) -> None:
        """A message in a thread of a channel was edited or deleted."""
        said = changed.said
        channel = board(said.team, said.channel)
        if changed.deleted:
            await self._desk.unheard(channel, said.thread, said.ts)
        elif await self._desk.store.slot_of(channel, said.thread):
            await self._noted(channel, said)

    async def _noted(self, channel: str, said: Said) -> bool:
        zone = await self._zone(said.team, said.candidate)
        return await self._desk.heard(channel, said.thread, said.ts, said.candidate, zone, clean(said.text))

    # --- small things ---

    async def _zone(self, team: str, person: str) -> str:
        """Somebody's time zone; "" if Slack does not tell it at once."""
        with suppress(TimeoutError, NotInstalled):
            async with asyncio.timeout(PATIENCE):
                return await cards.zone_name(await self._clients.of(team), self._store, person)
        return ""

    def _reply(self, who: Who, asked: Awaitable[str], thread: str = "") -> None:
        """Have something done beside, and tell who asked for it."""

        async def work() -> None:
            try:
                told = await asked
            except StoreUnavailable:
                await self._asides.whisper(who, TROUBLE)
                raise
            await self._whisper(who, told, thread)

        self._asides.begin(work())

    async def _told(self, who: Who, text: str, thread: str = "") -> None:
        self._asides.begin(self._whisper(who, text, thread))

    async def _whisper(self, who: Who, text: str, thread: str = "") -> None:
        await whisper(self._asides, who, text, thread)


async def whisper(asides: Asides, who: Who, text: str, thread: str = "") -> None:
    """Tell somebody what the desk says, as it is typed in Slack."""
    text = text.replace("`daily ", "`/interview daily ")
    where = Place(who.team, who.channel, thread).thread if thread else ""
    await asides.whisper(who, text.replace(MARK, ""), where, sections(text))


def about(value: str) -> tuple[str, str]:
    """The channel and the slot's name that a button carries; "" for what it does not."""
    channel, _, name = value.rpartition("|")
    return channel, name


def _aside(thread: str, message: str) -> str:
    """Where a word is seen by who pressed a button: in the thread, unless it stands below the thread's first message, which
    is read in the channel."""
    return "" if thread == message else thread
