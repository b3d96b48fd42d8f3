"""Owns the daily question of a team's channel: its nouns, and what is due there when; pure.

`calendar.py` knows the days, `discussion.py` what is asked and what the answers come to. `herald.py` does what is due, and posts
these nouns to a `Noticeboard`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from interviewer import calendar
from interviewer.calendar import DAY, Holidays, Schedule, Timing
from interviewer.model import Case, Level

REVEAL = 7 * 3600.0
"""Seconds from a question to what is made of its answers."""
GRACE: Mapping[str, float] = MappingProxyType(
    {
        "ask": calendar.WINDOW.total_seconds(),
        "reveal": 24 * 3600.0,
        "digest": 7 * 24 * 3600.0,
        "remind": 24 * 3600.0,
        "back": 24 * 3600.0,
    }
)
"""Seconds, by kind of deed, after which what could not be sent is left. A week may come to its end with a plan that is taken
away on another day."""
DIGEST_AFTER = 3600.0
"""Seconds from the last reveal of a week to its digest."""
REMINDS = 3600.0
"""Seconds before the reveal at which somebody is reminded."""
AGAIN = (30.0, 120.0, 600.0)
"""Seconds until what could not be sent is tried again; the last goes on until it is too late."""
LOOKS_BACK = 3 * DAY
"""For so long a question that was missed is told of."""
NEWS = 5
"""As many of the latest things that went differently are shown."""
NOW = "now"
"""How the plan of a question begins that was asked for at once."""
GIVEN_UP = "-"
"""Stands for a message's id where there will be none."""


# --- what an administrator wants ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """A place for a question: one local day of one plan."""

    plan: str
    day: date

    @property
    def name(self) -> str:
        return f"{self.plan}/{self.day.isoformat()}"


def slot(name: str) -> Slot:
    """The slot of this name. Raises ValueError."""
    plan, _, day = name.partition("/")
    return Slot(plan, date.fromisoformat(day))


@dataclass(frozen=True)
class Plan:
    """What a channel wants to be asked, and when: `since` (seconds since the epoch) is when it was set, or taken up again, and
    nothing before that is due. The answers are discussed `reveal` seconds after the question."""

    id: str
    schedule: Schedule
    since: float
    level: Level = Level.SENIOR
    topics: tuple[str, ...] = ()
    reveal: float = REVEAL

    @property
    def about(self) -> str:
        """The name of what it wants to be asked, by which the plans of a team share their questions."""
        return "|".join((self.level, *sorted(self.topics)))


@dataclass(frozen=True)
class Extra:
    """A question that was asked for at once, `at`, outside every plan; it is asked as the plan `like` would."""

    slot: Slot
    at: float
    like: Plan


@dataclass(frozen=True)
class Board:
    """A channel with a daily question. `admin` set it up last and is told of trouble; `team` is the workspace or server.

    `paused` by an administrator; `stuck` says why nothing can be posted, "" while it can. `skipped` are slots to leave out,
    `news` what went differently, the latest last, for people to read."""

    channel: str
    team: str
    admin: str
    plans: tuple[Plan, ...] = ()
    extras: tuple[Extra, ...] = ()
    paused: bool = False
    stuck: str = ""
    leaderboard: bool = False
    skipped: tuple[Slot, ...] = ()
    news: tuple[str, ...] = ()

    def plan(self, id: str) -> Plan | None:
        """The plan of this id, or what an extra question is asked like; None for one that was removed."""
        extras = ((extra.slot.plan, extra.like) for extra in self.extras)
        plans = ((plan.id, plan) for plan in self.plans)
        return next((plan for name, plan in (*plans, *extras) if name == id), None)


# --- what is asked, and what comes of it ----------------------------------------------------------------------------


class Item(NamedTuple):
    """What a day's question is about: a question of the bank and one point of its rubric."""

    question: str
    point: str


@dataclass(frozen=True)
class Outcome:
    """What became of a question: who took part (names), and how often each made up for something they had missed at first.

    `split` is 0 (everybody said the same of the point) to 1 (one half against the other), `divided` the point it is about."""

    takers: tuple[str, ...] = ()
    improved: Mapping[str, int] = field(default_factory=dict[str, int])
    split: float = 0.0
    divided: str = ""


@dataclass(frozen=True)
class DailyQuestion:
    """A question that stands in a channel, or is about to: `message` is the platform's id of it, "" until it is known. Times are
    seconds since the epoch, and are told in `zone`."""

    slot: Slot
    item: Item
    level: Level
    asked: float
    reveals: float
    message: str
    outcome: Outcome | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class DailyAnswer:
    """What somebody answered. `message` is the platform's id of it; a `sealed` one has none but ours, which names nobody, and is
    shown only at the reveal. `posted`: the bot said it for them."""

    person: str
    text: str
    at: float
    message: str = ""
    sealed: bool = False
    posted: bool = False


@dataclass(frozen=True)
class Written:
    """A message below a question, as it stands there now. `text` is None where the platform does not show the bot what it says,
    or it is the bot's own; "" where there is nothing in it to read. `message` is the platform's id of it."""

    person: str
    text: str | None
    at: float
    message: str


@dataclass(frozen=True)
class Standing:
    """How somebody wants to be seen: `hidden` is never named and never kept count of, `ranked` joins in leaderboards."""

    hidden: bool = False
    ranked: bool = False


class Took(NamedTuple):
    """One of somebody's local days on which they answered, and the channel's day of the question."""

    day: date
    asked: date


@dataclass(frozen=True)
class Voice:
    """Somebody's own words on a point; only of those who answered in the open."""

    person: str
    quote: str


@dataclass(frozen=True)
class View:
    """What the answers make of a point: how many said it, how many ruled it out, and some of their words."""

    point: str
    said: int
    against: int
    voices: tuple[Voice, ...] = ()
    dissent: tuple[Voice, ...] = ()


@dataclass(frozen=True)
class Discussion:
    """What `answers` people agreed on, where they were split, and what hardly anybody said."""

    answers: int
    agreed: tuple[View, ...] = ()
    split: tuple[View, ...] = ()
    missed: tuple[View, ...] = ()


@dataclass(frozen=True)
class Effort:
    """A line of a leaderboard: days of the week with an answer, points improved, and the streak in days."""

    person: str
    days: int
    improved: int
    streak: int


@dataclass(frozen=True)
class Digest:
    """A week of a channel (`week` as in "2026-W48"). `named` took part and may be named, the most days first; `unnamed` is how
    many others did. `favourite` was answered most, `divided` split the answers most."""

    week: str
    questions: int
    named: tuple[str, ...]
    unnamed: int
    favourite: DailyQuestion
    divided: DailyQuestion | None = None
    leaderboard: tuple[Effort, ...] = ()
    ranks: bool = False


# --- notices: what is posted ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A question, for a channel."""

    question: DailyQuestion
    case: Case
    zone: str


@dataclass(frozen=True)
class Unsealed:
    """A blind answer, below its question, once it may be seen. `named`: their name may stand there."""

    question: DailyQuestion
    answer: DailyAnswer
    named: bool


@dataclass(frozen=True)
class Revealed:
    """What a strong answer says and what the answers came to, below their question."""

    question: DailyQuestion
    case: Case
    discussion: Discussion


@dataclass(frozen=True)
class Digested:
    """A week, for a channel. `cases` by the id of their question."""

    digest: Digest
    cases: Mapping[str, Case]


@dataclass(frozen=True)
class Reminded:
    """A reminder, for one person, that a question is still open."""

    question: DailyQuestion
    case: Case
    channel: str
    zone: str


@dataclass(frozen=True)
class Warned:
    """For an administrator: why nothing can be posted to a channel any more, and what would help."""

    channel: str
    why: str


Public = Asked | Unsealed | Revealed | Digested
Private = Reminded | Warned


# --- what is due ----------------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What a channel's day is made of."""

    ASK = "ask"
    REVEAL = "reveal"
    DIGEST = "digest"
    REMIND = "remind"
    BACK = "back"
    """Take back a message that was posted twice."""


@dataclass(frozen=True)
class Deed:
    """Something to be done once: `what` is a slot's name, a week, a person and a slot (`PERSON/SLOT`), or a message and the one
    that it is under (`MESSAGE/UNDER`); `at` in seconds since the epoch is when it is due."""

    kind: Kind
    what: str
    at: float

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.what}"


@dataclass(frozen=True)
class Doing:
    """How far a deed has come: `id` is the message it led to, `again` when it is tried again, `unclear` that an earlier try may
    have led to a message that nobody noted."""

    tries: int = 0
    again: float = 0.0
    id: str = ""
    unclear: bool = False


NOT_BEGUN = Doing()
Doings = Mapping[str, Doing]
NO_DOINGS: Doings = MappingProxyType({})


@dataclass(frozen=True)
class Agenda:
    """What is to be done in a channel now, what is too late to be done, and when to look again (None: no more)."""

    due: tuple[Deed, ...] = ()
    missed: tuple[Deed, ...] = ()
    next: float | None = None


def agenda(
    board: Board,
    past: Sequence[DailyQuestion],
    doings: Doings,
    reminders: Sequence[Deed],
    now: float,
    holidays: Callable[[str], Holidays],
) -> Agenda:
    """What is due in a channel by `now`. `holidays` knows those of a code, `reminders` are those that were asked for."""
    stand = [each for each in past if each.message]
    standing = {Deed(Kind.ASK, each.slot.name, each.asked).name for each in stand}

    def done(deed: Deed) -> bool:
        id = doings.get(deed.name, NOT_BEGUN).id
        if deed.kind is Kind.ASK:
            return bool(id) and (deed.name in standing or id == GIVEN_UP)
        # A reveal is done once its outcome is kept, whatever was posted.
        return bool(id) and deed.kind is not Kind.REVEAL

    asking = {deed.name: deed for deed in _questions(board, done, now, holidays)}
    deeds = [
        *asking.values(),
        *(deed for deed in _begun(past, doings) if deed.name not in asking),
        *(Deed(Kind.REVEAL, each.slot.name, each.reveals) for each in stand if each.outcome is None),
        *_digests(board, stand, holidays),
        *reminders,
        *_twice(doings, now),
    ]
    due: list[Deed] = []
    missed: list[Deed] = []
    later: list[float] = []
    for deed in deeds:
        if done(deed):
            continue
        timing, again = _timing(deed, now), doings.get(deed.name, NOT_BEGUN).again
        if timing is Timing.MISSED:
            missed.append(deed)
        elif timing is Timing.EARLY or again > now:
            later.append(max(deed.at, again))
        else:
            due.append(deed)
    return Agenda(tuple(due), tuple(missed), min(later, default=None))


def _timing(deed: Deed, now: float) -> Timing:
    if deed.kind is Kind.ASK:
        return calendar.timing(moment(deed.at), moment(now))
    late = now - deed.at
    return Timing.EARLY if late < 0 else Timing.OPEN if late <= GRACE[deed.kind] else Timing.MISSED


def _questions(
    board: Board, done: Callable[[Deed], bool], now: float, holidays: Callable[[str], Holidays]
) -> Iterable[Deed]:
    """The questions of the last days and the next of each plan; none while an administrator has paused them."""
    if board.paused:
        return
    for extra in board.extras:
        yield Deed(Kind.ASK, extra.slot.name, extra.at)
    for plan in board.plans:
        free = holidays(plan.schedule.holidays)
        since = max(moment(plan.since), moment(now) - LOOKS_BACK)
        for post in calendar.due(plan.schedule, since, moment(now), free):
            if Slot(plan.id, post.day) not in board.skipped:
                yield _asking(plan, post)
        coming = following(board, plan, moment(now), free)
        # The next may be done: a plan is moved to a later hour of the day, or a clock put back.
        while coming and done(_asking(plan, coming)):
            coming = following(board, plan, coming.at, free)
        if coming:
            yield _asking(plan, coming)


def _begun(past: Sequence[DailyQuestion], doings: Doings) -> Iterable[Deed]:
    """The questions that may have been posted already, even if they were called off just then."""
    for each in past:
        deed = Deed(Kind.ASK, each.slot.name, each.asked)
        if not each.message and doings.get(deed.name, NOT_BEGUN).unclear:
            yield deed


def _twice(doings: Doings, now: float) -> Iterable[Deed]:
    """The messages that were posted twice, as long as one is there."""
    prefix = f"{Kind.BACK}:"
    for name, doing in doings.items():
        if name.startswith(prefix):
            yield Deed(Kind.BACK, name.removeprefix(prefix), max(doing.again, now))


def _asking(plan: Plan, post: calendar.Post) -> Deed:
    return Deed(Kind.ASK, Slot(plan.id, post.day).name, post.at.timestamp())


def following(board: Board, plan: Plan, after: datetime, free: Holidays) -> calendar.Post | None:
    """The next post of a plan that is not to be skipped; None if there is none for a year."""
    count = 1 + sum(each.plan == plan.id for each in board.skipped)
    for post in calendar.upcoming(plan.schedule, max(after, moment(plan.since)), count, free):
        if isinstance(post, calendar.Post) and Slot(plan.id, post.day) not in board.skipped:
            return post
    return None


def _digests(board: Board, past: Sequence[DailyQuestion], holidays: Callable[[str], Holidays]) -> Iterable[Deed]:
    """The weeks with answers whose questions are all revealed, from an hour after the last of them was to be."""
    asked = {each.slot for each in past}
    weeks = {week(each.slot.day) for each in past}
    for name in sorted(weeks):
        questions = [each for each in past if week(each.slot.day) == name]
        if all(each.outcome is not None for each in questions) and any(takers(each) for each in questions):
            last = max(each.reveals for each in questions)
            yield Deed(Kind.DIGEST, name, max(last, _last_reveal(board, name, asked, holidays)) + DIGEST_AFTER)


def _last_reveal(board: Board, name: str, asked: Set[Slot], holidays: Callable[[str], Holidays]) -> float:
    """When a week's last question that is not yet asked would be revealed, by the plans there are; 0 if there is none.

    A pause or a day left out changes nothing: with the end of its week brought forward, a digest would come in the middle of it,
    or be too late at once, and there is but one a week."""
    monday = date.fromisocalendar(int(name[:4]), int(name[6:]), 1)
    last = 0.0
    for plan in board.plans:
        for passed in range(7):
            post = calendar.on(plan.schedule, monday + passed * DAY, holidays(plan.schedule.holidays))
            if isinstance(post, calendar.Post) and Slot(plan.id, post.day) not in asked:
                last = max(last, post.at.timestamp() + plan.reveal)
    return last


def week(day: date) -> str:
    """The ISO week of a date, as in "2026-W48"."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def moment(at: float) -> datetime:
    """Seconds since the epoch as an instant in UTC."""
    return datetime.fromtimestamp(at, UTC)


def retry(tries: int, now: float) -> float:
    """When something that has failed `tries` times, at least once, is tried again."""
    return now + AGAIN[min(tries, len(AGAIN)) - 1]


def takers(question: DailyQuestion) -> tuple[str, ...]:
    """Who took part in a question, as far as it is known."""
    return question.outcome.takers if question.outcome else ()
