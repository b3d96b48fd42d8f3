"""Owns what Discord's part of the bot does besides turns, by a worker and with retries: opening an interview, greeting, handing
over scorecards and reports.

An errand is JSON, so that any worker can do it. One that may have been done before a crash looks before it does it again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import discord
from discord.http import Route
from pydantic import TypeAdapter

from bot.commands import Wish
from bot.discord import buttons, cards, text
from bot.discord.client import GONE, TROUBLE, code, passing, told
from bot.discord.places import DIRECT, Place, person, place, room
from bot.discord.platform import DiscordPlatform, Letter, closed
from bot.discord.rendering import LIMIT, Outgoing
from bot.letters import SENT, Sending, once
from bot.markdown import report
from bot.opening import Submit, begin, chosen, reserve, starting
from bot.people import OVER, Sitting, sitting, zone
from interviewer.clock import MINUTES
from interviewer.engine import Engine
from interviewer.model import Case, Command, Question, Settings
from interviewer.ports import Room, Store
from interviewer.questions import Bank, UnknownQuestion

logger = logging.getLogger(__name__)

IN_PRIVATE = "Your interview opens in our direct messages, where nobody else reads along."
IN_A_THREAD = "Your interview opens in a private thread of this channel."
HELLO = (
    "I am a mock interviewer for system design: I ask a real question, listen, probe, and give you a scorecard that quotes your "
    "own words. I am an AI, and nobody else in Discord is shown any of it. What would you like to practise? Write `start` for a "
    "surprise, or say what you want in any order, as in `start payments senior 30`."
)
HELLO_HERE = (
    "I am a mock interviewer for system design: I ask a real question, listen, probe, and give you a scorecard that quotes your "
    "own words. I am an AI. Type `/interview start`, press a button, or write to me directly: your interview is between the two "
    "of us, and nobody here is shown any of it."
)
NOT_KEPT = "That interview is no longer kept, or has no scorecard yet."
FAILED = "Discord would not let me do that. Try once more; if it stays so, whoever runs me finds the reason in my log."
CLOSED = (
    "I can't write to you directly. Allow direct messages from this server (its name, Privacy Settings), or use `/interview "
    "start` with `where: a private thread` in a server that I am in."
)
UNPERMITTED = (
    "I may not open a private thread in that channel. Somebody who manages the server can allow me Create Private Threads and "
    "Send Messages in Threads there; or let us stay in our direct messages."
)
NO_SERVER = "A private thread needs a text channel of a server that I am in. Let us stay in our direct messages."
ONE_AT_A_TIME = (
    "We are in the middle of another interview here. Go on with it, or write `end` to finish it; then start the next."
)
UNREADABLE = (
    "So that I can read what you write here, use Reply on one of my messages (with its @ on) or mention me: Discord shows me "
    "nothing else in a server. In our direct messages you can simply write."
)
READ_ALONG = "Moderators of this server can open this thread; nobody else can."
WEEK = 10_080
"""Minutes of silence after which Discord puts a thread away; the longest there is."""
ASIDE = "aside:"
"""Notes which private thread was made for an opening."""
BEGINNING = timedelta(minutes=10)
"""For so long an opening may be tried again."""
LONGEST_NAME = 100
"""Characters of a thread's name."""
NO_TOKEN = ""
THINKING = "/webhooks/{application}/{token}/messages/@original"
"""Where it is shown that the bot thinks; discord.py asks for it only in the process that was told of the interaction."""


@dataclass(frozen=True)
class Opening:
    """An interview somebody asked for. `guild` and `channel` are where they asked; `aside`: it is to be in a private thread.

    `key` is the same on every try. `token` answers the interaction that asked, for a quarter of an hour: with where it is, or
    with bad news that could be told nowhere else. They see that the bot `thinks` until then."""

    key: str
    user: int
    wish: Wish
    guild: int = DIRECT
    channel: int = 0
    aside: bool = False
    token: str = NO_TOKEN
    thinks: bool = False


@dataclass(frozen=True)
class Errand:
    """Something else to be done for somebody: about a `thread` of theirs, in a `channel`, with a `text`. `token` is as in an
    `Opening`, and for what is shown where the bot itself may have no place. `private`: the channel is a direct message."""

    key: str
    user: int
    thread: str = ""
    channel: int = 0
    text: str = ""
    token: str = NO_TOKEN
    private: bool = True


OPENING: TypeAdapter[Opening] = TypeAdapter(Opening)
ERRAND: TypeAdapter[Errand] = TypeAdapter(Errand)


async def have_opened(engine: Engine, opening: Opening, at_once: str = "") -> bool:
    """Have an interview opened; False if another of the same `at_once` is under way or has just been opened."""
    key = f"{person(opening.user)}|{at_once or opening.key}"
    return await engine.ask(key, "discord.open", OPENING.dump_json(opening).decode())


async def have_done(engine: Engine, name: str, errand: Errand, at_once: str = "") -> bool:
    """Have an errand done; False if another of the same `at_once` is under way or has just been done."""
    return await engine.ask(f"{person(errand.user)}|{at_once or errand.key}", name, ERRAND.dump_json(errand).decode())


class Refused(Exception):
    """Something can't be done. Its text tells the person what they can do instead."""


Do = Callable[[str, bool], Awaitable[None]]
Asked = TypeVar("Asked", Opening, Errand)


@dataclass(frozen=True)
class Errands:
    """Everything a worker can be asked to do for Discord. `submit` is the engine's, `prepare` makes a question's guide ready;
    `reads` says whether the bot may read plain messages in servers."""

    store: Store
    bank: Bank
    client: discord.Client
    platform: DiscordPlatform
    submit: Submit
    prepare: Callable[[Case], object]
    reads: bool = False

    def by_name(self) -> Mapping[str, Do]:
        """The errands under the names they are asked for by."""
        return {
            "discord.open": self._doing(OPENING, self.open),
            "discord.greet": self._doing(ERRAND, self.greet),
            "discord.card": self._doing(ERRAND, self.card),
            "discord.report": self._doing(ERRAND, self.report),
            "discord.share": self._doing(ERRAND, self.share),
        }

    def _doing(self, kind: TypeAdapter[Asked], do: Callable[[Asked], Awaitable[None]]) -> Do:
        async def run(what: str, last: bool) -> None:
            asked = kind.validate_json(what)
            try:
                await do(asked)
            except Refused as problem:
                await self._tell(asked, str(problem))
            except discord.HTTPException as problem:
                if passing(problem) and not last:
                    raise
                logger.warning("%s is not done: %s", asked.key, told(problem))
                await self._tell(asked, CLOSED if closed(problem) else FAILED)
            except Exception:
                if last:
                    await self._tell(asked, FAILED)
                raise

        return run

    # --- opening ---

    async def open(self, asked: Opening) -> None:
        """Find a question and a place for it, and begin."""
        try:
            question, settings = await chosen(self.store, self.bank, person(asked.user), asked.wish, asked.key)
        except UnknownQuestion as problem:
            raise Refused(text.escape(str(problem))) from problem
        start = None if asked.aside else await self._directly(asked, question, settings)
        start = start or await self._aside(asked, question, settings)
        await begin(self.store, self.submit, start)
        await self._answer(asked, place(start.thread))
        try:
            # Takes seconds the first time: while the question is being read, rather than when it is answered.
            await asyncio.to_thread(self.prepare, self.bank.case(question.id))
        except Exception as problem:  # the interview has begun, and must not be opened once more
            logger.exception("%s could not be prepared: %s", question.id, type(problem).__name__, exc_info=False)
        await self.store.note(person(asked.user), {f"{ASIDE}{asked.key}": ""})

    async def _directly(self, asked: Opening, question: Question, settings: Settings) -> Command | None:
        """In direct messages; None where these are closed and there is a server to be in instead."""
        where = Place(DIRECT, await self.platform.direct(asked.user), asked.key)
        await self._refuse_a_second(where)
        try:
            # Before the room is taken: where it can't be said, nothing has begun.
            await self.platform.send(asked.user, Letter(asked.key, where.channel, Outgoing(_about(question, settings))))
        except discord.HTTPException as problem:
            if not closed(problem) or asked.guild == DIRECT:
                raise
            return None
        start = starting(where.thread, asked.key, person(asked.user), settings)
        await self._take(where, start)
        return start

    async def _answer(self, asked: Opening, where: Place) -> None:
        """Tell whoever asked where it is, unless they see it."""
        hook = self._hook(asked.token)
        with suppress(*TROUBLE):
            if hook and where.channel != asked.channel:
                said = Outgoing(IN_PRIVATE if where.private else IN_A_THREAD)
                await hook.send(ephemeral=True, **said.arguments())
            elif hook and asked.thinks:
                await self.client.http.request(Route("DELETE", THINKING, application=hook.id, token=asked.token))

    async def _refuse_a_second(self, where: Place) -> str:
        """The thread that was the latest where one is to begin, "" for none. One at a time: nobody could tell which of two is
        being answered."""
        found = await self.store.room(room(where.channel))
        if found and found.thread != where.thread and await self._goes_on(found):
            raise Refused(ONE_AT_A_TIME)
        return found.thread if found else ""

    async def _take(self, where: Place, start: Command) -> None:
        """Take a room for an interview; of two who do so at the same time, one does."""
        before = await self._refuse_a_second(where)
        await reserve(self.store, start)
        if not await self.store.enter(room(where.channel), Room(start.author, start.thread), before):
            await self.store.forget(start.thread)
            raise Refused(ONE_AT_A_TIME)

    async def _goes_on(self, found: Room) -> bool:
        """Whether the interview in a room has not come to its scorecard, or is just beginning."""
        interview = await self.store.interview(found.thread)
        if interview:
            return interview.phase not in OVER
        # One that was taken and never began, since its worker was lost for good, does not hold the room for ever.
        asked = place(found.thread).key
        young = asked.isdecimal() and discord.utils.utcnow() - discord.utils.snowflake_time(int(asked)) < BEGINNING
        return young and bool(await self.store.holder(found.thread))

    async def _aside(self, asked: Opening, question: Question, settings: Settings) -> Command:
        """In a private thread of the channel where they asked."""
        noted = f"{ASIDE}{asked.key}"
        found = (await self.store.notes(person(asked.user))).get(noted)
        thread = int(found) if found else await self._private_thread(asked, question)
        await self.store.note(person(asked.user), {noted: str(thread)})
        where = Place(asked.guild, thread, asked.key)
        with _permitted():
            await self.client.http.add_user_to_thread(thread, asked.user)
            rules = READ_ALONG if self.reads else f"{READ_ALONG} {UNREADABLE}"
            said = Outgoing(f"{_about(question, settings)}\n{rules}")
            await self.platform.send(asked.user, Letter(f"{asked.key}/aside", thread, said))
        start = starting(where.thread, asked.key, person(asked.user), settings)
        await self._take(where, start)
        return start

    async def _private_thread(self, asked: Opening, question: Question) -> int:
        if asked.guild == DIRECT:
            raise Refused(NO_SERVER)
        with _permitted():
            found = await self.client.fetch_channel(asked.channel)
            # Asked for inside a thread, it is opened beside that.
            parent = found.parent if isinstance(found, discord.Thread) else found
            if isinstance(found, discord.Thread) and parent is None:
                parent = await self.client.fetch_channel(found.parent_id)
            # An announcement channel is one of those, and takes no private threads.
            if not isinstance(parent, discord.TextChannel) or parent.is_news():
                raise Refused(NO_SERVER)
            thread = await parent.create_thread(
                name=question.title[:LONGEST_NAME],
                type=discord.ChannelType.private_thread,
                auto_archive_duration=WEEK,
                invitable=False,
            )
        return thread.id

    # --- the rest ---

    async def greet(self, asked: Errand) -> None:
        """Say what this is and how to begin, with `text` first, if there is any."""
        hello = HELLO if asked.private else HELLO_HERE
        said = f"{text.escape(asked.text)}\n\n{hello}" if asked.text else hello
        await self.platform.send(
            asked.user, Letter(asked.key, asked.channel, Outgoing(said[:LIMIT], (buttons.welcome(),)))
        )
        # Nothing is kept of somebody who only said hello, or was forgotten a moment ago.
        await self.store.note(person(asked.user), {f"{SENT}{asked.key}": ""})

    async def card(self, asked: Errand) -> None:
        """The scorecard of an interview once more, where that was held or, if that is gone, in direct messages."""
        found = await self._found(asked)
        assert found.card
        on = await cards.day(self.store, asked.thread, person(asked.user))
        shown = await cards.messages(asked.thread, found.card, on, found.interview.phase)
        for n, message in enumerate(shown):
            await self._hand(asked, f"{asked.key}/{n}", message)

    async def report(self, asked: Errand) -> None:
        """The full report as a file."""
        found = await self._found(asked)
        assert found.card
        case = self.bank.case(found.interview.settings.question)
        where, transcript = place(asked.thread), await self.store.transcript(asked.thread)
        at = zone((await self.store.preferences(person(asked.user))).zone)
        written = report(found.card, transcript, case, cards.links(where, found.card), at)
        name = f"{found.interview.settings.question}.md"
        await self._hand(asked, asked.key, Outgoing("The full report:", files=((name, written.encode()),)))

    async def share(self, asked: Errand) -> None:
        """A scorecard where its candidate asked for that, for everybody there: once, or not at all."""
        found, hook = await self._found(asked), self._hook(asked.token)
        assert found.card
        assert hook
        shown = await cards.shared(found.card, await cards.day(self.store, asked.thread, person(asked.user)))

        async def deliver() -> str:
            try:
                return str((await hook.send(wait=True, **shown.arguments())).id)
            except TROUBLE as problem:
                logger.warning("%s is not done: %s", asked.key, told(problem))
                raise Refused(FAILED) from problem

        async def find() -> str:
            # It may stand there already, and the bot may not be let in to look.
            return asked.key

        letter = Sending(asked.key, deliver, find)
        await once(self.store, asked.thread, letter, notes=await self.store.notes(asked.thread), kept=True)

    async def _found(self, asked: Errand) -> Sitting:
        found = await sitting(self.store, self.bank, asked.thread)
        if not found or not found.card:
            raise Refused(NOT_KEPT)
        return found

    async def _hand(self, asked: Errand, key: str, message: Outgoing) -> None:
        """To where the interview was, which is private; if that is gone, to direct messages."""
        where = place(asked.thread)
        try:
            await self.platform.send(asked.user, Letter(key, where.channel, message))
        except discord.HTTPException as problem:
            if code(problem) not in GONE or where.private:
                raise
            direct = await self.platform.direct(asked.user)
            await self.platform.send(asked.user, Letter(f"{key}/direct", direct, message))

    def _hook(self, token: str) -> discord.Webhook | None:
        """What answers the interaction with this token."""
        application = self.client.application_id
        if not token or not application:
            return None
        hook = discord.Webhook.partial(application, token, client=self.client)
        # discord.py takes it for a channel's, which can't tell one person alone.
        hook.type = discord.WebhookType.application
        return hook

    async def _tell(self, asked: Opening | Errand, told: str) -> None:
        """Tell somebody alone: by what they asked with, else in direct messages."""
        if hook := self._hook(asked.token):
            with suppress(*TROUBLE):
                await hook.send(ephemeral=True, **Outgoing(told).arguments())
                return
        with suppress(*TROUBLE):
            channel = await self.platform.direct(asked.user)
            await self.client.get_partial_messageable(channel).send(**Outgoing(told).arguments())


@contextmanager
def _permitted() -> Generator[None]:
    """Turn Discord's refusal of what the bot may not do into words for whoever asked."""
    try:
        yield
    except discord.HTTPException as problem:
        if code(problem) not in GONE:
            raise
        raise Refused(UNPERMITTED) from problem


def _about(question: Question, settings: Settings) -> str:
    length = f"{MINUTES[settings.format]} minutes of your thinking time"
    return f"**{text.escape(question.title)}**\n{settings.level} · {settings.mode} · {length}"
