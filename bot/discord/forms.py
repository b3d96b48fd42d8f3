"""Owns Discord's modals: what they ask, and reading what was submitted, whichever process had shown them.

A modal says all there is to know in its custom id, `FORM|VALUE`, like a button.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.commands import SURPRISE
from bot.daily import EXAMPLE
from bot.daily_words import LONGEST_ANSWER
from bot.debrief import LOOKED_AT_ONCE, disputable, one_line
from bot.feedback import MORE, REASON, WHAT, WHO_READS
from interviewer.clock import MINUTES
from interviewer.model import Format, Level, Scorecard

START, DISPUTE, FEEDBACK = "start", "dispute", "feedback"
DAILY_SET, DAILY_BLIND, DAILY_ANSWER = "daily.set", "daily.blind", "daily.answer"
DAILY = frozenset({DAILY_SET, DAILY_BLIND, DAILY_ANSWER})
ABOUT, LEVEL, LENGTH = "about", "level", "length"
POINT, ARGUMENT = "point", "argument"
REASONS, WORDS = "reasons", "words"
WHEN, HOLIDAYS, TOPICS, REVEAL = "when", "holidays", "topics", "reveal"
MOST = 25
"""Options of a menu."""
OPTION = 100
"""Characters of an option, and of what it stands for."""
LIFETIME = 900.0
"""Seconds for which discord.py remembers a modal, which it does though nothing here needs it."""
POSTED = "I post it in the thread, with your name, for all to see."
LONGEST_ARGUMENT, LONGEST_WORDS = 2_000, 1_000

Fields = Mapping[str, Sequence[str]]
"""What was filled in: the values of each field by its custom id."""


def start() -> ui.Modal:
    """Asks what to practise."""
    about = ui.TextInput[Any](
        custom_id=ABOUT, required=False, max_length=100, placeholder="payments, apple, scheduler … or leave it empty"
    )
    levels = [discord.SelectOption(label=level.value.capitalize(), value=level.value) for level in Level]
    lengths = [
        discord.SelectOption(label=f"{MINUTES[each]} minutes of your thinking time", value=each.value)
        for each in Format
    ]
    return _modal(
        START,
        "",
        "What shall we practise?",
        ui.Label(text="A company, a topic or a question", description="Empty for a surprise.", component=about),
        ui.Label(text="Level", component=_menu(LEVEL, levels, required=False)),
        ui.Label(text="Length", component=_menu(LENGTH, lengths, required=False)),
    )


def wish(fields: Fields) -> str:
    """What was filled in there, in the words of `/interview start`."""
    words = [*fields.get(ABOUT, ()), *fields.get(LEVEL, ()), *fields.get(LENGTH, ())]
    return " ".join(filter(None, words)) or SURPRISE


def dispute(thread: str, card: Scorecard) -> ui.Modal | None:
    """Argues for a point; None when no point is left to argue for."""
    options = [
        discord.SelectOption(
            label=_shortened(one_line(point.statement) or point.point),
            value=point.point,
            description=_shortened(point.point),
        )
        for point in disputable(card)
        if len(point.point) <= OPTION
    ]
    if not options:
        return None
    argument = ui.TextInput[Any](
        custom_id=ARGUMENT, style=discord.TextStyle.paragraph, min_length=1, max_length=LONGEST_ARGUMENT
    )
    return _modal(
        DISPUTE,
        thread,
        "Dispute a point",
        ui.Label(text="Point", component=_menu(POINT, options[:MOST])),
        ui.Label(text="Where did you say it?", description=_shortened(LOOKED_AT_ONCE), component=argument),
    )


def feedback(thread: str) -> ui.Modal:
    """Asks what was wrong with an interview."""
    options = [discord.SelectOption(label=text, value=name) for name, text in REASON.items()]
    words = ui.TextInput[Any](
        custom_id=WORDS, style=discord.TextStyle.paragraph, required=False, max_length=LONGEST_WORDS
    )
    menu = _menu(REASONS, options, required=False, most=len(options))
    return _modal(
        FEEDBACK,
        thread,
        "Your feedback",
        ui.Label(text=WHAT, component=menu),
        ui.Label(
            text=MORE,
            description=WHO_READS,
            component=words,
        ),
    )


def daily(channel: str) -> ui.Modal:
    """Asks when a channel is to be asked its daily question, and what about."""
    when = ui.TextInput[Any](custom_id=WHEN, max_length=100, placeholder=EXAMPLE)
    holidays = ui.TextInput[Any](custom_id=HOLIDAYS, required=False, max_length=20, placeholder="DE, or DE-BY")
    levels = [discord.SelectOption(label=level.value.capitalize(), value=level.value) for level in Level]
    topics = ui.TextInput[Any](custom_id=TOPICS, required=False, max_length=100, placeholder="payments, queues")
    reveal = ui.TextInput[Any](custom_id=REVEAL, required=False, max_length=10, placeholder="7h, or 90m")
    return _modal(
        DAILY_SET,
        channel,
        "A daily question",
        ui.Label(text="When", description="A time, a city in your time zone, and the days.", component=when),
        ui.Label(text="Whose public holidays are left out", description="Empty for nobody's.", component=holidays),
        ui.Label(
            text="Level", description="Senior, unless you choose.", component=_menu(LEVEL, levels, required=False)
        ),
        ui.Label(text="Topics", description="By commas; empty for all.", component=topics),
        ui.Label(text="How long after it the answers are shown", description="Empty for 7 hours.", component=reveal),
    )


def planned(fields: Fields) -> str:
    """What was filled in there, in the words of `/interview daily set`."""
    filled = {name: "".join(fields.get(name, ())).strip() for name in (WHEN, HOLIDAYS, LEVEL, TOPICS, REVEAL)}
    when = filled.pop(WHEN)
    return " ".join(filter(None, ("set", when, options(filled))))


def options(chosen: Mapping[str, str]) -> str:
    """What was filled in besides a time and days, as `bot.daily.plan` reads it; "" where nothing was."""
    return " ".join(f"{name}={''.join(value.split())}" for name, value in chosen.items() if value.strip())


def blind(value: str, sealed: str) -> ui.Modal:
    """Asks for an answer that nobody sees before the reveal; `sealed` is the one they gave."""
    return _answering(DAILY_BLIND, value, "Blind answer", "Nobody sees it before the reveal.", sealed)


def answer(value: str, posted: str) -> ui.Modal:
    """Asks for an answer that goes into the question's thread; `posted` is the one they gave."""
    about = "I change it in the thread. Empty it to take it back." if posted else POSTED
    return _answering(DAILY_ANSWER, value, "Answer", about, posted)


def _answering(form: str, value: str, title: str, about: str, filled: str) -> ui.Modal:
    words = ui.TextInput[Any](
        custom_id=WORDS,
        style=discord.TextStyle.paragraph,
        required=form != DAILY_BLIND and not filled,
        max_length=LONGEST_ANSWER,
        default=filled[:LONGEST_ANSWER] or None,
    )
    return _modal(form, value, title, ui.Label(text="Your answer", description=about, component=words))


def read(data: Mapping[str, Any]) -> tuple[str, str, Fields]:
    """The form that was submitted, what it is about, and what was filled in."""
    form, _, value = str(data.get("custom_id", "")).partition("|")
    return form, value, dict(_fields(data.get("components") or ()))


def _fields(components: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[str]]]:
    for component in components:
        if id := component.get("custom_id"):
            values = component.get("values")
            yield str(id), [str(each) for each in (values if values is not None else [component.get("value") or ""])]
        yield from _fields(component.get("components") or ())
        if inner := component.get("component"):
            yield from _fields([inner])


def _modal(form: str, value: str, title: str, *labels: "ui.Label[Any]") -> ui.Modal:
    made = ui.Modal(title=title, custom_id=f"{form}|{value}", timeout=LIFETIME)
    for label in labels:
        made.add_item(label)
    return made


def _menu(name: str, options: list[discord.SelectOption], *, required: bool = True, most: int = 1) -> "ui.Select[Any]":
    return ui.Select(
        custom_id=name, options=options, required=required, min_values=1 if required else 0, max_values=most
    )


def _shortened(text: str) -> str:
    return text if len(text) <= OPTION else f"{text[: OPTION - 2].rsplit(' ', 1)[0]} …"
