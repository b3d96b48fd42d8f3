"""Owns the modals of the daily question: the one that sets it up, and the one that takes a blind answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from rapidfuzz import fuzz, process
from slack_sdk.models.blocks import PlainTextInputElement, TimePickerElement

from bot.daily import UNWANTED
from bot.daily_desk import LONGEST_SEALED
from bot.slack import forms
from bot.slack.buttons import Made
from bot.slack.forms import OPTION, OPTIONS, VALUE, Text
from bot.slack.views import LEVELS
from interviewer.calendar import WEEKDAYS, Weekday
from interviewer.model import Level, Question

SET_FORM, BLIND_FORM = "daily.set", "daily.blind"
CHANNEL, TIME, ZONE, DAYS = "daily.channel", "daily.time", "daily.zone", "daily.days"
HOLIDAYS, LEVEL, TOPICS, REVEAL, WORDS = "daily.holidays", "daily.level", "daily.topics", "daily.reveal", "daily.words"
"""What the inputs are called: each name is an input's block_id and its action_id."""
ABOUT = "about"

NINE, SEVEN_HOURS = "09:00", "7h"
REVEALS: Mapping[str, Text] = MappingProxyType(
    {f"{hours}h": f"{hours} hour{'s' * (hours > 1)} later" for hours in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 24)}
)
NAMES: Mapping[str, Text] = MappingProxyType({day.name[:3].lower(): day.name.capitalize() for day in Weekday})
ENOUGH = 60
"""From here on (of 100) a name may be what somebody types."""

WHAT = (
    "At this time I ask the channel one sharp question about a system design. People answer in its thread, or seal a blind "
    "answer; later I post what a strong answer says."
)
BLIND = (
    "Nobody sees it before the reveal. At the reveal everybody in the channel sees it, with your name. You can change it until "
    "then; leave it empty to take it back."
)


@dataclass(frozen=True)
class Setup:
    """What was filled in: `channel` is Slack's id, and the rest is as an administrator would write it."""

    channel: str
    time: str
    zone: str
    days: tuple[str, ...]
    holidays: str
    level: str
    topics: tuple[str, ...]
    reveal: str

    @property
    def words(self) -> str:
        """All of it as it is typed after `set`."""
        days = [",".join(self.days)] if self.days else []
        holidays = [f"holidays={self.holidays}"] if self.holidays else []
        topics = [f"topics={','.join(self.topics)}"] if self.topics else []
        more = (f"level={self.level}", *topics, f"reveal={self.reveal}")
        return " ".join((self.time, self.zone, *days, *holidays, *more))


def set_form(channel: Made | None, zone: str, questions: Sequence[Question]) -> Made:
    """The modal that sets a daily question up, with a `channel` (an option) and a time zone chosen if they are known."""
    topics = sorted({topic for question in questions for topic in question.topics})
    chosen = forms.option(zone, _readable(zone)) if zone in _zones() else None
    where = "Only channels that I am in: type /invite @Mockingbird in one to add me."
    country = PlainTextInputElement(action_id=HOLIDAYS, max_length=40)
    blocks = [
        forms.said(WHAT),
        forms.asking(CHANNEL, "Channel", "Choose a channel", where, optional=False, chosen=channel),
        forms.field(TIME, "Time", TimePickerElement(action_id=TIME, initial_time=NINE)),
        forms.asking(ZONE, "Time zone", "A city, as in Berlin", optional=False, chosen=chosen),
        forms.field(DAYS, "Days", forms.boxes(DAYS, NAMES, [Weekday(day).name[:3].lower() for day in WEEKDAYS])),
        forms.field(HOLIDAYS, "Except on holidays", country, optional=True, hint="Of a country, DE, or a part, DE-BY."),
        forms.field(LEVEL, "Level", forms.menu(LEVEL, LEVELS, Level.SENIOR)),
        forms.field(
            TOPICS,
            "Topics",
            forms.menu_of_several(TOPICS, {topic: topic[:OPTION] for topic in topics}, "All"),
            optional=True,
        ),
        forms.field(REVEAL, "Reveal", forms.menu(REVEAL, REVEALS, SEVEN_HOURS), hint="When the answers are discussed."),
    ]
    return forms.modal(SET_FORM, "Daily question", "Set", blocks)


def read_set(view: Mapping[str, Any]) -> Setup:
    """What was chosen in a submitted form. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return Setup(
        form.one(CHANNEL),
        form.one(TIME) or NINE,
        form.one(ZONE),
        form.several(DAYS),
        "".join(form.one(HOLIDAYS).split()),
        form.one(LEVEL) or Level.SENIOR,
        form.several(TOPICS),
        form.one(REVEAL) or SEVEN_HOURS,
    )


def blind_form(about: str, text: str) -> Made:
    """The modal that takes a blind answer, with what was sealed before. `about` is what its button carries."""
    words = PlainTextInputElement(
        action_id=WORDS, multiline=True, max_length=LONGEST_SEALED, initial_value=text[:LONGEST_SEALED] or None
    )
    blocks = [forms.said(BLIND), forms.field(WORDS, "Your answer", words, optional=True)]
    return forms.modal(BLIND_FORM, "Blind answer", "Seal", blocks, {ABOUT: about})


def read_blind(view: Mapping[str, Any]) -> tuple[str, str]:
    """What the form was about, and the answer. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return form.carried(ABOUT), form.one(WORDS)


def channel_option(id: str, name: str) -> Made:
    """A channel to choose; one whose name is not known is where the form was asked for."""
    return forms.option(id, forms.shortened(f"#{name}" if name else "This channel", OPTION))


def channel_options(query: str, rooms: Mapping[str, str]) -> list[Made]:
    """At most 100 of these channels for what was typed, the best first; all, by name, for nothing."""
    found = _like(query.removeprefix("#"), sorted(rooms, key=lambda id: rooms[id]), rooms)
    return [channel_option(id, rooms[id]) for id in found]


def zone_options(query: str) -> list[Made]:
    """At most 100 time zones for what was typed, the best first. None may fit."""
    names = {name: _readable(name) for name in _zones() if len(name) <= VALUE}
    cities = [name for name in names if "/" in name and not name.startswith("Etc/")]
    return [forms.option(name, names[name]) for name in _like(query.replace("_", " "), cities, names)]


def _like(query: str, ids: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Those whose name holds what was typed, in order, else those whose name is like it, the best first."""
    typed = query.strip().casefold()
    if holding := [id for id in ids if typed in names[id].casefold()]:
        return holding[:OPTIONS]
    last = {id: names[id].rpartition("/")[2].casefold() for id in ids}
    near = process.extract(typed, last, scorer=fuzz.ratio, score_cutoff=ENOUGH, limit=OPTIONS)
    return [id for _, _, id in near]


def _readable(zone: str) -> str:
    return zone.replace("_", " ")


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones() - UNWANTED))
