"""Owns when a channel's daily question is due: a schedule's local days as instants in UTC, whatever the clocks do.

No state, and no clock of its own: instants come in as data, always aware. What tells one post of a schedule from the next is
its local day, never its instant: zones change their rules, and two machines may know different editions of them.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import IntEnum, StrEnum
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
WINDOW = timedelta(hours=2)
"""How late a post may be; one that is later is skipped."""
LONGEST_SILENCE = 366 * DAY
"""How far past the last post the next one is looked for: a schedule on Sundays has none where every Sunday is a holiday."""

Holidays = Callable[[date], str]
"""The name of the holiday on a local date, or ""."""


class Weekday(IntEnum):
    """The days of the week, numbered as by `date.weekday()`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


DAILY = frozenset(Weekday)
WEEKDAYS = DAILY - {Weekday.SATURDAY, Weekday.SUNDAY}


@dataclass(frozen=True)
class Schedule:
    """When a channel wants its question: a minute of the wall clock in an IANA zone, on some days of the week.

    `holidays` says whose holidays are left out ("DE", "DE-BY"; "" for nobody's); what they are is asked of a `Holidays`.
    Whatever reads `zone` raises ZoneInfoNotFoundError for one that this machine does not know."""

    minute: time
    zone: str
    days: frozenset[Weekday] = WEEKDAYS
    holidays: str = ""


@dataclass(frozen=True)
class Post:
    """A scheduled day with its question: when, in UTC and on the local clock, and what is special about it, or "".

    `local` has the offset of that moment, and falls on the next day where the clocks skip the end of `day`."""

    day: date
    at: datetime
    local: datetime
    note: str = ""


@dataclass(frozen=True)
class Skipped:
    """A scheduled day without a question, why, and when in UTC it would have been."""

    day: date
    at: datetime
    note: str


class Timing(StrEnum):
    """What may still be done about a post."""

    EARLY = "early"
    OPEN = "open"
    MISSED = "missed"


def timing(at: datetime, now: datetime) -> Timing:
    """Whether a post that is due at `at` may be sent now: from then on, and for as long as WINDOW, its last instant included."""
    # In one zone Python subtracts what the clocks show, not what has passed.
    late = now.astimezone(UTC) - at.astimezone(UTC)
    if late < timedelta(0):
        return Timing.EARLY
    return Timing.OPEN if late <= WINDOW else Timing.MISSED


def reaches(zone: ZoneInfo, wall: datetime) -> datetime:
    """The first instant, in UTC, at which the clocks of a zone show `wall` (naive), or at which a gap ends that swallows it."""
    # PEP 495: of a doubled time, fold 0 is the first. In a gap it is as far after the change as fold 1 is before it.
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    seconds = range(round((first - second).total_seconds()) + 1)
    shown = bisect_left(seconds, wall, key=lambda passed: _shown(zone, second + timedelta(seconds=passed)))
    return second + timedelta(seconds=shown)


def fires(schedule: Schedule, day: date) -> datetime | None:
    """When it would fire on a local date, in UTC, were that one of its days; None for a date that its zone left out."""
    zone = ZoneInfo(schedule.zone)
    at = reaches(zone, datetime.combine(day, schedule.minute))
    return at if _had(zone, day, at) else None


def no_holidays(_: date) -> str:
    """For schedules that leave no holiday out."""
    return ""


def on(schedule: Schedule, day: date, holidays: Holidays = no_holidays) -> Post | Skipped | None:
    """What a local date means to a schedule; None if it is none of its days."""
    if day.weekday() not in schedule.days:
        return None
    zone = ZoneInfo(schedule.zone)
    at = reaches(zone, datetime.combine(day, schedule.minute))
    if not _had(zone, day, at):
        return Skipped(day, at, f"{schedule.zone} had no such day, skipped")
    if name := holidays(day):
        return Skipped(day, at, f"holiday: {name}, skipped")
    local = at.astimezone(zone)
    # PEP 495: in a zone, a time that comes twice equals no other, not even itself in UTC.
    fixed = local.replace(tzinfo=timezone(_offset(local)))
    return Post(day, at, fixed, _turn(schedule, day, local) or _shift(_offset(local), _before(schedule, day, holidays)))


def due(schedule: Schedule, after: datetime, until: datetime, holidays: Holidays = no_holidays) -> tuple[Post, ...]:
    """The posts later than `after` and not later than `until`, in order: stretches that adjoin share none and lose none."""
    zone = ZoneInfo(schedule.zone)
    # What the clocks have shown by `after` is past, but clocks put back past midnight make it yesterday again.
    first, last = after.astimezone(zone).date(), until.astimezone(zone).date() + DAY
    days = (on(schedule, first + passed * DAY, holidays) for passed in range((last - first).days + 1))
    return tuple(each for each in days if isinstance(each, Post) and after < each.at <= until)


def upcoming(
    schedule: Schedule, after: datetime, count: int, holidays: Holidays = no_holidays
) -> tuple[Post | Skipped, ...]:
    """The next `count` posts later than `after`, in order, with the days skipped before and between them.

    Fewer, or none at all, where there is no post for LONGEST_SILENCE."""
    found: list[Post | Skipped] = []
    since: list[Post | Skipped] = []
    day = latest = after.astimezone(ZoneInfo(schedule.zone)).date()
    while count > 0 and day - latest <= LONGEST_SILENCE:
        entry = on(schedule, day, holidays)
        if entry and entry.at > after:
            since.append(entry)
        if isinstance(entry, Post) and entry.at > after:
            found, since, latest, count = found + since, [], day, count - 1
        day += DAY
    return tuple(found)


def _shown(zone: ZoneInfo, at: datetime) -> datetime:
    """What the clocks of a zone show, naive."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _had(zone: ZoneInfo, day: date, at: datetime) -> bool:
    """Whether a zone had this date, given when it reached a minute of it."""
    # Pacific/Apia had no 30 December 2011: its clocks went from the end of the 29th to the beginning of the 31st.
    return any(_shown(zone, moment).date() == day for moment in (at, at - timedelta.resolution))


def _turn(schedule: Schedule, day: date, local: datetime) -> str:
    """What the clocks do to the very minute of a day's post."""
    minute = f"{schedule.minute:%H:%M}"
    if local.replace(tzinfo=None) != datetime.combine(day, schedule.minute):
        instead = f"{local:%H:%M}" if local.date() == day else f"{local:%H:%M on %A}"
        return f"clocks went forward: {minute} does not exist, {instead} instead"
    if local.replace(fold=1).utcoffset() != local.utcoffset():
        return f"clocks go back: the first {minute}"
    return ""


def _shift(offset: timedelta, before: timedelta | None) -> str:
    """What the clocks have done since the post before, by the offsets of the two."""
    if before is None or offset == before:
        return ""
    way, turn = ("forward", "earlier") if offset > before else ("back", "later")
    return f"clocks went {way}: {_span(abs(offset - before))} {turn} in UTC than before"


def _before(schedule: Schedule, day: date, holidays: Holidays) -> timedelta | None:
    """The offset of the post before that of a day; None if there was none for LONGEST_SILENCE."""
    earlier = (day - passed * DAY for passed in range(1, LONGEST_SILENCE.days + 1))
    days = (each for each in earlier if each.weekday() in schedule.days and not holidays(each))
    instants = (fires(schedule, each) for each in days)
    return next((_offset(at.astimezone(ZoneInfo(schedule.zone))) for at in instants if at), None)


def _offset(local: datetime) -> timedelta:
    return local.utcoffset() or timedelta(0)


def _span(length: timedelta) -> str:
    hours, minutes = divmod(round(length.total_seconds()) // 60, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
