"""Owns the slash commands: what is said of each, and which method of the desk it is for."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.commands import Persona
from bot.discord.forms import options
from bot.discord.picker import Menu, channels, further, zones
from interviewer.clock import MINUTES
from interviewer.model import CommandName, Format, Level, Mode, Question
from interviewer.questions import Bank

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
DAILY: Mapping[str, str] = MappingProxyType(
    {
        "status": "What this channel is asked and when, and what is coming",
        "pause": "Stop asking in this channel until you say resume",
        "resume": "Ask in this channel again",
        "ask-now": "Ask this channel a question at once",
        "help": "What the daily question is, and how to set it up",
    }
)
"""What the picker says of what is ordered in one word about a channel's daily question."""
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

    async def daily(self, interaction: discord.Interaction, order: str, channel: str = "") -> None:
        """Do something about the daily question of a channel, as `bot.daily_planning` reads it. `channel` is as it was chosen or
        typed, "" for the one where they asked."""
        ...


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
    group.add_command(_daily(desk, bank.questions))
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


# --- the daily question ---------------------------------------------------------------------------------------------


def _daily(desk: Desk, questions: Sequence[Question]) -> app_commands.Group:
    """`/interview daily …`."""
    group = app_commands.Group(name="daily", description="A daily question for a channel of your server")
    group.add_command(_set(desk, questions))
    for name, description in DAILY.items():
        group.add_command(_command(name, description, _ordering(desk, name)))

    for command in _further_orders(desk):
        group.add_command(command)
    return group


def _further_orders(desk: Desk) -> Iterator[Slash]:
    """What is ordered with a word besides."""

    async def skip(interaction: discord.Interaction, which: str = "") -> None:
        await desk.daily(interaction, _words("skip", which))

    async def remove(interaction: discord.Interaction, which: str = "") -> None:
        await desk.daily(interaction, _words("remove", which))

    async def leaderboard(interaction: discord.Interaction, show: str) -> None:
        await desk.daily(interaction, _words("leaderboard", show))

    made = app_commands.Command[Any, ..., Any]
    skips = made(name="skip", description="Leave out this channel's next question", callback=skip)
    app_commands.describe(which="The letter of a schedule, or undo to put back what was left out last")(skips)
    yield skips
    removes = made(
        name="remove",
        description="End this channel's daily question; I ask once more before I do",
        callback=remove,
    )
    app_commands.describe(which="The letter of one schedule, where there are several")(removes)
    yield removes
    shows = made(
        name="leaderboard",
        description="Whether this channel's weekly digest has a leaderboard of effort",
        callback=leaderboard,
    )
    app_commands.describe(show="People join it one by one; nobody is on it who has not")(shows)
    app_commands.choices(show=[Choice(name="On", value="on"), Choice(name="Off", value="off")])(shows)
    yield shows


def _ordering(desk: Desk, name: str) -> Callable[[discord.Interaction], Awaitable[None]]:
    return lambda interaction: desk.daily(interaction, name)


def _set(desk: Desk, questions: Sequence[Question]) -> Slash:
    # A command has as many parameters as options.
    async def plan(  # noqa: PLR0913, PLR0917
        interaction: discord.Interaction,
        channel: str = "",
        time: str = "",
        zone: str = "",
        days: str = "",
        holidays: str = "",
        level: str = "",
        topics: str = "",
        reveal: str = "",
    ) -> None:
        chosen = {"holidays": holidays, "level": level, "topics": topics, "reveal": reveal}
        await desk.daily(interaction, _words("set", time, zone, days, options(chosen)), channel)

    async def where(interaction: discord.Interaction, current: str) -> list[Choice[str]]:
        return [Choice(name=name, value=value) for name, value in channels(interaction, current)]

    async def clocks(_: discord.Interaction, current: str) -> list[Choice[str]]:
        return [Choice(name=name, value=name) for name in zones(current)]

    async def about(_: discord.Interaction, current: str) -> list[Choice[str]]:
        return [Choice(name=name, value=name) for name in further(current, questions)]

    made = app_commands.Command[Any, ..., Any](
        name="set",
        description="When a channel is asked its question; without any option, a form asks you",
        callback=plan,
    )
    for decorate in (
        app_commands.describe(
            channel="Where; this channel, unless you say otherwise",
            time="On a 24-hour clock, as in 09:00",
            zone="A city in your time zone, as in Europe/Berlin",
            days="weekdays, daily, or some, as in mon,wed or sun-thu",
            holidays="Whose public holidays are left out, as in DE or DE-BY",
            level="The level it is asked at",
            topics="One or more, by commas",
            reveal="How long after it the answers are shown, as in 7h or 90m",
        ),
        app_commands.choices(level=_choices(LEVELS)),
        app_commands.autocomplete(channel=where, zone=clocks, topics=about),
    ):
        decorate(made)
    return made
