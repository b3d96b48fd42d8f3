"""Owns the slash commands: what the picker shows of them, and which method of the desk each is for."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import discord
from discord import app_commands
from discord.app_commands import Choice
from rapidfuzz import fuzz, process, utils

from bot.commands import SURPRISE, NotUnderstood, Persona, wish
from bot.debrief import one_line
from bot.fitting import shortened
from interviewer.clock import MINUTES
from interviewer.model import CommandName, Format, Level, Mode, Question
from interviewer.questions import Bank

logger = logging.getLogger(__name__)

CHOICES, LONGEST = 25, 100
"""So many choices an option can have, and so many characters their names and values: Discord takes no more."""
READ = 100
"""So many characters of what is being typed are looked at."""
DIRECT, THREAD = "dm", "thread"

STEERING: Mapping[CommandName, str] = MappingProxyType(
    {
        CommandName.HINT: "The next hint on what was asked; the first is a question, and free",
        CommandName.TIME: "How much time is left",
        CommandName.REPEAT: "Hear the open question again",
        CommandName.NEXT: "Move on to the next part",
        CommandName.PAUSE: "Stop the clock and leave; everything is kept",
        CommandName.RESUME: "Start the clock again and go on where you were",
        CommandName.END: "Finish and see your scorecard; after it, close the interview",
        CommandName.ANSWER: "After the scorecard: the model answer",
    }
)
"""What the picker says of the commands that steer the interview."""
LEVELS: Mapping[Level, str] = MappingProxyType({Level.MID: "Mid", Level.SENIOR: "Senior", Level.STAFF: "Staff"})
LENGTHS: Mapping[Format, str] = MappingProxyType(
    {format: f"{minutes} minutes of your thinking time" for format, minutes in MINUTES.items()}
)
MODES: Mapping[Mode, str] = MappingProxyType(
    {
        Mode.PRACTICE: "Practice: a hint when you are stuck, a word of feedback after each part",
        Mode.INTERVIEW: "Interview: as in the real one, no hint unless you ask, no word before the end",
    }
)
PERSONAS: Mapping[Persona, str] = MappingProxyType(
    {
        Persona.CALM: "Calm: warm and in no hurry",
        Persona.BRISK: "Brisk: friendly and short",
        Persona.SCEPTICAL: "Sceptical: hard on the design, kind to you",
    }
)
PLACES: Mapping[str, str] = MappingProxyType(
    {DIRECT: "In our direct messages", THREAD: "In a private thread of this channel"}
)


class Desk(Protocol):
    """Who does what a command is for, and answers its interaction."""

    async def start(self, interaction: discord.Interaction, words: str, where: str) -> None:
        """Begin an interview. `words` are for `bot.commands.wish`; `where` is DIRECT, THREAD or ""."""
        ...

    async def steer(self, interaction: discord.Interaction, name: CommandName) -> None:
        """Do one of `STEERING` in the interview that is running."""
        ...

    async def dispute(self, interaction: discord.Interaction) -> None: ...
    async def score(self, interaction: discord.Interaction) -> None: ...
    async def share(self, interaction: discord.Interaction) -> None: ...
    async def history(self, interaction: discord.Interaction) -> None: ...
    async def help(self, interaction: discord.Interaction) -> None: ...
    async def export(self, interaction: discord.Interaction) -> None: ...
    async def forget(self, interaction: discord.Interaction) -> None: ...


Slash = app_commands.Command[Any, ..., Any]


def interview(desk: Desk, bank: Bank, *, personas: bool) -> app_commands.Group:
    """`/interview …`. `personas`: a language model speaks, so how it speaks can be chosen."""
    group = app_commands.Group(
        name="interview",
        description="Practise a system design interview",
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
    )
    group.add_command(_start(desk, Menu(bank.questions), personas))
    for command in (*_steering(desk), *_others(desk)):
        group.add_command(command)
    return group


def _start(desk: Desk, menu: "Menu", personas: bool) -> Slash:
    async def typed(interaction: discord.Interaction, current: str) -> list[Choice[str]]:
        return [Choice(name=offer.name, value=offer.value) for offer in menu.offers(current)]

    async def plain(
        interaction: discord.Interaction,
        about: str = "",
        level: str = "",
        length: str = "",
        mode: str = "",
        where: str = "",
    ) -> None:
        await desk.start(interaction, _words(about, level, length, mode), where)

    # A command has as many parameters as options.
    async def as_somebody(  # noqa: PLR0913, PLR0917
        interaction: discord.Interaction,
        about: str = "",
        level: str = "",
        length: str = "",
        mode: str = "",
        persona: str = "",
        where: str = "",
    ) -> None:
        await desk.start(interaction, _words(about, level, length, mode, persona), where)

    start = app_commands.Command[Any, ..., Any](
        name="start",
        description="Begin an interview: choose what you like of it, and leave the rest to me",
        callback=as_somebody if personas else plain,
    )
    for decorate in (
        app_commands.describe(
            about="A question, a company or a topic",
            level="The level to be judged at",
            length="How long it takes; the clock stops when you pause",
            mode="With hints and feedback on the way, or as in the real one",
            where="Where we talk: direct messages, unless you say otherwise",
            **({"persona": "How your interviewer speaks"} if personas else {}),
        ),
        app_commands.choices(
            level=_choices(LEVELS),
            length=_choices(LENGTHS),
            mode=_choices(MODES),
            where=_choices(PLACES),
            **({"persona": _choices(PERSONAS)} if personas else {}),
        ),
        app_commands.autocomplete(about=typed),
    ):
        decorate(start)
    return start


def _words(*chosen: str) -> str:
    return " ".join(filter(None, (each.strip() for each in chosen)))


def _choices(names: Mapping[Any, str]) -> list[Choice[str]]:
    return [Choice(name=name, value=str(value)) for value, name in names.items()]


def _steering(desk: Desk) -> Iterator[Slash]:
    def steer(name: CommandName) -> Callable[[discord.Interaction], Awaitable[None]]:
        return lambda interaction: desk.steer(interaction, name)

    for name, description in STEERING.items():
        yield _command(name.value, description, steer(name))


def _others(desk: Desk) -> Iterator[Slash]:
    yield _command("score", "Your last scorecard once more", desk.score)
    yield _command("dispute", "After the scorecard: have a point you did make looked at again", desk.dispute)
    yield _command("share", "Show your last scorecard to others; nobody sees it unless you do", desk.share)
    yield _command("history", "Your interviews so far", desk.history)
    yield _command("help", "What you can do here", desk.help)
    yield _command("export", "Everything I keep of you, as a file", desk.export)
    yield _command("forget", "Delete everything I keep of you; I ask once more before I do", desk.forget)


def _command(name: str, description: str, do: Callable[[discord.Interaction], Awaitable[None]]) -> Slash:
    async def callback(interaction: discord.Interaction) -> None:
        await do(interaction)

    return app_commands.Command[Any, ..., Any](name=name, description=description, callback=callback)


# --- what there is to be asked about --------------------------------------------------------------------------------

ALIKE = 80
"""From here on (of 100) two words count as one with a slip of the finger, and two texts as alike."""
MOST = 8
"""So many words of what is being typed count, and so many companies and topics are shown while nothing is."""


@dataclass(frozen=True)
class Offer:
    """What the picker shows, what `bot.commands.wish` makes the same of, and the words it goes by."""

    name: str
    value: str
    words: tuple[str, ...]


class Menu:
    """What an interview can be about: a surprise, companies, topics and questions."""

    def __init__(self, questions: Sequence[Question]) -> None:
        surprise = Offer("Surprise me", SURPRISE, _split("surprise me anything"))
        companies = _named(questions, lambda question: (question.company, *question.also_asked_at), "asked at {}")
        topics = _named(questions, lambda question: question.topics, "on {}")
        asked = tuple(_asked(questions))
        self._offers = _fit((surprise, *companies, *topics, *asked))
        # Who has typed nothing sees the way out first, then what narrows most, then the questions themselves.
        several = [offer for offer in (*topics[:MOST], *companies[:MOST]) if not offer.name.endswith(": 1 question")]
        self._first = _fit((surprise, *several, *asked))[:CHOICES]

    def offers(self, typed: str) -> Sequence[Offer]:
        """At most 25 for what is being typed, the best first. Never raises: a picker has no room for an apology."""
        try:
            words = _split(typed[:READ])[:MOST]
            return self._found(typed[:READ], words) if words else self._first
        except Exception as problem:
            # Their words stay out of the log.
            logger.warning("what is being typed can't be looked up: %s", type(problem).__name__)
            return self._first

    def _found(self, typed: str, words: Sequence[str]) -> Sequence[Offer]:
        """Those that have something like most of the words, else those that are alike as a whole: "ratelimiter"."""
        telling = [word for word in words if len(word) > 2] or words
        found: list[tuple[int, float, Offer]] = []
        for offer in self._offers:
            close = [_closest(word, offer.words) for word in telling]
            found.append((sum(map(bool, close)), sum(close), offer))
        most = max(hits for hits, _, _ in found)
        if most:
            ranked = sorted((each for each in found if each[0] == most), key=lambda each: -each[1])
            return [offer for _, _, offer in ranked][:CHOICES]
        names = [offer.name for offer in self._offers]
        alike = process.extract(
            typed, names, scorer=fuzz.WRatio, processor=utils.default_process, limit=CHOICES, score_cutoff=ALIKE
        )
        return [self._offers[place] for _, _, place in alike]


def _closest(typed: str, words: Iterable[str]) -> float:
    """How surely somebody who types the one means one of the others, 0-100."""
    return max((_likeness(typed, word) for word in words), default=0.0)


def _likeness(typed: str, word: str) -> float:
    if typed == word:
        return 100.0
    if word.startswith(typed):  # They may not have come to its end.
        return 90.0
    return 0.8 * fuzz.ratio(typed, word, score_cutoff=ALIKE) if len(typed) > 3 else 0.0


def _split(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


def _named(questions: Sequence[Question], names: Callable[[Question], Iterable[str]], said: str) -> Sequence[Offer]:
    """An offer for each name that several questions may share, the most shared first."""
    having: dict[str, list[Question]] = {}
    for question in questions:
        for name in {one_line(name): None for name in names(question) if one_line(name)}:
            having.setdefault(name, []).append(question)
    found: list[tuple[int, Offer]] = []
    for name, expected in having.items():
        meant = _meant(name.lower(), questions)
        if set(expected) <= set(meant):
            count = f"{len(meant)} question{'s' * (len(meant) != 1)}"
            shown = f"{shortened(said.format(name), LONGEST - 20)}: {count}"
            found.append((len(meant), Offer(shown[0].upper() + shown[1:], name.lower(), _split(name))))
    return [offer for _, offer in sorted(found, key=lambda each: (-each[0], each[1].value))]


def _asked(questions: Sequence[Question]) -> Iterator[Offer]:
    for question in questions:
        if _meant(question.id, questions) == (question,):
            title = one_line(question.title) or question.id
            where = f" ({one_line(question.company)})" if question.company else ""
            words = _split(" ".join((title, question.company, *question.also_asked_at, *question.topics, question.id)))
            yield Offer(shortened(f"{title}{where}", LONGEST), question.id, words)


def _meant(value: str, questions: Sequence[Question]) -> tuple[Question, ...]:
    """What `wish` makes of a value: a company called Staff is a level to it."""
    try:
        return wish(value, questions).questions
    except NotUnderstood:
        return ()


def _fit(offers: Iterable[Offer]) -> Sequence[Offer]:
    """Those that Discord takes, each name and each value once."""
    names: set[str] = set()
    values: set[str] = set()
    fitting: list[Offer] = []
    for offer in offers:
        if len(offer.value) <= LONGEST and offer.name not in names and offer.value not in values:
            names.add(offer.name)
            values.add(offer.value)
            fitting.append(offer)
    return fitting
