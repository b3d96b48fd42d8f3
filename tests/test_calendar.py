"""When a daily question is due, in every zone, at every change of its clocks from 2020 to 2035, and on any schedule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.calendar import (
    DAILY,
    DAY,
    LONGEST_SILENCE,
    WEEKDAYS,
    WINDOW,
    Post,
    Schedule,
    Skipped,
    Timing,
    Weekday,
    due,
    fires,
    no_holidays,
    on,
    timing,
    upcoming,
)

MINUTE = timedelta(minutes=1)
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
STRIDE = 7 * DAY
"""Shorter than the shortest time for which the clocks of any zone are moved: Morocco's Ramadan."""


@dataclass(frozen=True)
class Change:
    """The first instant of another offset in a zone."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def moved(self) -> timedelta:
        """By how much the clocks go forward; less than nothing where they go back."""
        return self.after - self.before


@cache
def zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def offset(zone: str, at: datetime) -> timedelta:
    found = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert found is not None
    return found


def changes_of(zone: str, begin: datetime, end: datetime) -> Iterator[Change]:
    """Every change of a zone's offset, found by looking once a week and halving the weeks that differ."""
    known, before = begin, offset(zone, begin)
    while known < end:
        later = known + STRIDE
        after = offset(zone, later)
        if after != before:
            low, high = known, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            yield Change(zone, high, before, after)
        known, before = later, after


@cache
def changes() -> tuple[Change, ...]:
    return tuple(change for zone in zones() for change in changes_of(zone, BEGIN, END))


@cache
def shifts() -> tuple[Change, ...]:
    """One of all zones' changes that are the same: as many hours, at the same instant."""
    return tuple({(each.at, each.before, each.after): each for each in changes()}.values())


def wall(zone: str, at: datetime) -> datetime:
    """What a clock on the wall shows."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def walked(zone: str, begin: datetime, end: datetime) -> dict[datetime, datetime]:
    """For every minute from what the clocks show at `begin` to what they show at `end`, the instant that a post set for it has to
    be at: when they first show it, or when they first show a later one, if they never do. Found by walking UTC."""
    walk = [(begin + passed * MINUTE) for passed in range((end - begin) // MINUTE + 1)]
    seen: dict[datetime, datetime] = {}
    for at in walk:
        seen.setdefault(wall(zone, at), at)
    expected = dict(seen)
    shown = sorted(seen)
    for earlier, later in pairwise(shown):
        for passed in range(1, (later - earlier) // MINUTE):
            expected[earlier + passed * MINUTE] = seen[later]
    return expected


def daily(zone: str, minute: time) -> Schedule:
    return Schedule(minute, zone, DAILY)


def days_between(zone: str, begin: datetime, end: datetime) -> list[date]:
    """The local days of a stretch, without those at its ends, of which it has only a part."""
    first, last = wall(zone, begin).date() + DAY, wall(zone, end).date() - DAY
    return [first + passed * DAY for passed in range((last - first).days + 1)]


def apart(posts: Sequence[Post]) -> bool:
    return all(earlier.at < later.at and earlier.day < later.day for earlier, later in pairwise(posts))


def mismatches(zone: str, expected: dict[datetime, datetime]) -> list[tuple[str, datetime, datetime | None, datetime]]:
    found = [(minute, fires(daily(zone, minute.time()), minute.date())) for minute in expected]
    return [(zone, minute, at, expected[minute]) for minute, at in found if at != expected[minute]]


# --- around every change --------------------------------------------------------------------------------------------


def test_what_is_walked_is_all_that_changes() -> None:
    assert len(zones()) > 400
    assert len({change.zone for change in changes()}) > 150
    assert len(changes()) > 4_000
    assert len(shifts()) > 500
    # So that a walk by the minute misses nothing.
    assert [change for change in changes() if change.at.second or change.moved % MINUTE] == []
    known = {(each.at, each.moved) for each in changes() if each.zone == "Europe/Berlin"}
    hour = timedelta(hours=1)
    assert {(datetime(2026, 3, 29, 1, tzinfo=UTC), hour), (datetime(2026, 10, 25, 1, tzinfo=UTC), -hour)} <= known
    assert len(known) == 32


def test_every_minute_around_every_change_is_posted_at_when_the_wall_clock_first_shows_it_or_has_skipped_it() -> None:
    wrong: list[object] = []
    for shift in shifts():
        span = abs(shift.moved) + 2 * MINUTE
        wrong += mismatches(shift.zone, walked(shift.zone, shift.at - span, shift.at + span))
    assert wrong == []


def test_around_every_change_of_every_zone_each_day_has_one_post_and_each_is_later_than_the_one_before() -> None:
    for change in changes():
        # In the middle of what is skipped or doubled.
        middle = (wall(change.zone, change.at) - change.moved / 2).time()
        begin, end = change.at - 2 * DAY, change.at + 2 * DAY
        whole = days_between(change.zone, begin, end)
        posts = due(daily(change.zone, middle), begin, end)
        assert [post.day for post in posts if post.day in whole] == whole, change
        assert apart(posts), change
        assert begin < posts[0].at < posts[-1].at <= end, change
        assert all(post.local == post.at for post in posts), change


@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        # 30 December 2011 and 21 August 1993 were left out; 30 September 1969 began again an hour after its beginning.
        pytest.param("Pacific/Apia", "2011-12-28T12:00", "2012-01-01T12:00", id="a day left out in Samoa"),
        pytest.param("Pacific/Kwajalein", "1993-08-19T12:00", "1993-08-23T12:00", id="a day left out on Kwajalein"),
        pytest.param("Pacific/Kwajalein", "1969-09-29T12:00", "1969-10-03T12:00", id="a day twice on Kwajalein"),
        pytest.param("America/St_Johns", "2010-11-05T12:00", "2010-11-09T12:00", id="midnight twice in Newfoundland"),
    ],
)
def test_where_the_clocks_did_worse_than_in_these_years_a_minute_is_still_posted_once(
    zone: str, begin: str, end: str
) -> None:
    expected = walked(zone, *(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (begin, end)))
    left_out = {minute for minute in expected if wall(zone, expected[minute]).date() > minute.date()}
    # All of the day is left out, or none of it.
    assert len(left_out) in {0, 24 * 60}
    assert mismatches(zone, {minute: at for minute, at in expected.items() if minute not in left_out}) == []
    assert {fires(daily(zone, minute.time()), minute.date()) for minute in left_out} <= {None}


# --- any schedule ---------------------------------------------------------------------------------------------------


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Schedule, datetime, datetime]:
    """Any schedule in any zone, and at most seven weeks, in most cases near a change of its clocks."""
    minute = draw(st.times().map(lambda any: any.replace(second=0, microsecond=0)))
    days = draw(st.frozensets(st.sampled_from(Weekday), min_size=1))
    if draw(st.integers(0, 3)):
        change = draw(st.sampled_from(changes()))
        zone, begin = change.zone, change.at - draw(st.integers(0, 20 * 24 * 60)) * MINUTE
        if draw(st.booleans()):
            nearby = draw(st.integers(-90, 90)) * MINUTE
            minute = (wall(zone, change.at) + nearby).time()
    else:
        zone = draw(st.sampled_from(zones()))
        begin = BEGIN + draw(st.integers(0, (END - BEGIN) // MINUTE)) * MINUTE
    return Schedule(minute, zone, days), begin, begin + draw(st.integers(0, 49 * 24 * 60)) * MINUTE


@settings(max_examples=250, deadline=None)
@given(stretches())
def test_every_scheduled_day_has_exactly_one_post_and_no_other_day_has_any(
    stretch: tuple[Schedule, datetime, datetime],
) -> None:
    schedule, begin, end = stretch
    posts = due(schedule, begin, end)
    assert apart(posts)
    days = [post.day for post in posts]
    assert all(Weekday(day.weekday()) in schedule.days for day in days)
    whole = days_between(schedule.zone, begin, end)
    assert [day for day in days if day in whole] == [day for day in whole if day.weekday() in schedule.days]
    for earlier, later in pairwise(posts):
        moved = earlier.local.utcoffset() != later.local.utcoffset()
        assert ("than before" in later.note) == (moved and not {"instead", "first"} & set(later.note.split()))
    # A gap may carry the post of the day before into the stretch.
    assert all(wall(schedule.zone, begin).date() - DAY <= day <= wall(schedule.zone, end).date() + DAY for day in days)


@settings(max_examples=200, deadline=None)
@given(stretches())
def test_every_post_is_at_its_minute_of_the_wall_clock_or_at_the_first_after_a_gap(
    stretch: tuple[Schedule, datetime, datetime],
) -> None:
    schedule, begin, end = stretch
    for post in due(schedule, max(begin, end - 4 * DAY), end):
        wanted = datetime.combine(post.day, schedule.minute)
        before = [wall(schedule.zone, post.at - passed * MINUTE) for passed in range(1, 200)]
        assert post.local.replace(tzinfo=None, fold=0) == wall(schedule.zone, post.at) >= wanted
        assert post.local == post.at
        # Nowhere in the three hours before did the clocks show that minute, nor any after it.
        assert max(before) < wanted
        gap = wall(schedule.zone, post.at) - before[0] - MINUTE
        assert wall(schedule.zone, post.at) - wanted <= gap
        assert ("does not exist" in post.note) == (wall(schedule.zone, post.at) != wanted)
        after = [wall(schedule.zone, post.at + passed * MINUTE) for passed in range(1, 200)]
        assert ("the first" in post.note) == (wanted in after)


@settings(deadline=None)
@given(stretches(), st.floats(0, 1))
def test_stretches_that_adjoin_share_no_post_and_lose_none(
    stretch: tuple[Schedule, datetime, datetime], share: float
) -> None:
    schedule, begin, end = stretch
    whole = due(schedule, begin, end)
    near = [post.at - early for post in whole[:2] for early in (timedelta(0), timedelta.resolution)]
    for cut in [begin + (end - begin) * share, *near]:
        assert due(schedule, begin, cut) + due(schedule, cut, end) == whole


@settings(deadline=None)
@given(stretches(), st.integers(0, 8))
def test_what_is_upcoming_is_what_will_be_due(stretch: tuple[Schedule, datetime, datetime], count: int) -> None:
    schedule, begin, _ = stretch
    found = [each for each in upcoming(schedule, begin, count) if isinstance(each, Post)]
    assert len(found) == count
    assert tuple(found) == (due(schedule, begin, found[-1].at) if found else ())


def test_days_that_are_not_in_the_set_mean_nothing() -> None:
    schedule = Schedule(time(9), "Europe/Berlin", frozenset({Weekday.MONDAY}))
    assert [bool(on(schedule, date(2026, 11, 23) + passed * DAY)) for passed in range(7)] == [True, *[False] * 6]


def test_weekdays_are_what_is_usual() -> None:
    schedule = Schedule(time(9), "Europe/Berlin")
    assert (schedule.days, schedule.holidays) == (WEEKDAYS, "")
    assert {day.name for day in DAILY - WEEKDAYS} == {"SATURDAY", "SUNDAY"}
    assert [date(2026, 11, 23 + day).strftime("%A").upper() for day in Weekday] == [day.name for day in Weekday]


def test_a_zone_that_this_machine_does_not_know_is_told() -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="Atlantis"):
        due(daily("Europe/Atlantis", time(9)), BEGIN, END)


# --- what is special about a day ------------------------------------------------------------------------------------


def told(minute: str, zone: str, since: str, *, count: int = 3, days: frozenset[Weekday] = DAILY) -> list[str]:
    """The next posts as `day, local, UTC, note`."""
    after = datetime.fromisoformat(since).replace(tzinfo=UTC)
    found = upcoming(Schedule(time.fromisoformat(minute), zone, days), after, count)
    lines = [
        f"{each.day:%a %d} {f'{each.local:%H:%M}' if isinstance(each, Post) else '-'} {each.at:%H:%M} {each.note}"
        for each in found
    ]
    return [line.strip() for line in lines]


def test_a_minute_that_is_skipped_is_posted_at_the_first_after_the_gap() -> None:
    assert told("02:30", "Europe/Berlin", "2026-03-28") == [
        "Sat 28 02:30 01:30",
        "Sun 29 03:00 01:00 clocks went forward: 02:30 does not exist, 03:00 instead",
        "Mon 30 02:30 00:30",
    ]


def test_a_minute_that_comes_twice_is_posted_the_first_time() -> None:
    assert told("02:30", "Europe/Berlin", "2026-10-24") == [
        "Sat 24 02:30 00:30",
        "Sun 25 02:30 00:30 clocks go back: the first 02:30",
        "Mon 26 02:30 01:30 clocks went back: 1 h later in UTC than before",
    ]


def test_what_was_posted_just_before_it_became_yesterday_again_is_not_forgotten() -> None:
    # In Newfoundland the clocks went from a minute past midnight on Sunday to 23:01 on Saturday.
    newfoundland, midnight = daily("America/St_Johns", time(0)), datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    again = midnight + 10 * MINUTE
    assert wall("America/St_Johns", again).isoformat() == "2010-11-06T23:10:00"
    assert [post.at for post in due(newfoundland, midnight - MINUTE, again)] == [midnight]
    assert due(newfoundland, again, again + 10 * 60 * MINUTE) == ()


@pytest.mark.parametrize(
    ("minute", "shown"),
    [("01:59", "01:59 00:59"), ("02:00", "03:00 01:00"), ("02:59", "03:00 01:00"), ("03:00", "03:00 01:00")],
)
def test_a_gap_takes_in_its_first_minute_and_not_the_one_it_ends_with(minute: str, shown: str) -> None:
    assert told(minute, "Europe/Berlin", "2026-03-28T12:00", count=1)[0].startswith(f"Sun 29 {shown}")


def test_a_gap_at_the_end_of_a_day_carries_its_post_into_the_next_which_has_its_own_too() -> None:
    assert told("23:30", "America/Nuuk", "2026-03-28T12:00", count=2) == [
        "Sat 28 00:00 01:00 clocks went forward: 23:30 does not exist, 00:00 on Sunday instead",
        "Sun 29 23:30 00:30",
    ]


def test_a_gap_at_midnight_stays_in_the_day_that_it_shortens() -> None:
    told_of = told("00:15", "Africa/Cairo", "2026-04-23T00:00", count=2)
    assert told_of[0] == "Fri 24 01:00 22:00 clocks went forward: 00:15 does not exist, 01:00 instead"
    assert told_of[1].startswith("Sat 25 00:15")


def test_the_first_post_after_a_change_says_so_wherever_in_between_the_change_was() -> None:
    assert told("09:00", "Europe/Berlin", "2026-03-27", days=WEEKDAYS) == [
        "Fri 27 09:00 08:00",
        "Mon 30 09:00 07:00 clocks went forward: 1 h earlier in UTC than before",
        "Tue 31 09:00 07:00",
    ]
    thursdays = frozenset({Weekday.THURSDAY})
    assert told("09:00", "America/New_York", "2026-10-28", count=2, days=thursdays) == [
        "Thu 29 09:00 13:00",
        "Thu 05 09:00 14:00 clocks went back: 1 h later in UTC than before",
    ]


@pytest.mark.parametrize(
    ("zone", "since", "note"),
    [
        ("Australia/Lord_Howe", "2026-04-04", "clocks went back: 30 min later in UTC than before"),
        ("Antarctica/Troll", "2026-03-28T12:00", "clocks went forward: 2 h earlier in UTC than before"),
        ("Asia/Pyongyang", "2018-05-05", "clocks went forward: 30 min earlier in UTC than before"),
        ("America/Caracas", "2007-12-08T20:00", "clocks went back: 30 min later in UTC than before"),
        ("Africa/Monrovia", "1972-01-06T12:00", "clocks went forward: 44 min earlier in UTC than before"),
        ("Asia/Colombo", "1996-05-24T12:00", "clocks went forward: 1 h earlier in UTC than before"),
        ("Pacific/Kwajalein", "1969-10-01T12:00", "clocks went back: 23 h later in UTC than before"),
        ("Antarctica/Casey", "2020-10-03T12:00", "clocks went forward: 3 h earlier in UTC than before"),
    ],
)
def test_how_far_the_clocks_went_is_said_in_hours_and_minutes(zone: str, since: str, note: str) -> None:
    assert note in " ".join(told("12:00", zone, since, count=2))


def test_a_day_that_a_zone_left_out_is_skipped_and_the_next_has_its_own_post() -> None:
    assert told("09:00", "Pacific/Apia", "2011-12-29", count=2) == [
        "Thu 29 09:00 19:00",
        "Fri 30 - 10:00 Pacific/Apia had no such day, skipped",
        "Sat 31 09:00 19:00 clocks went forward: 24 h earlier in UTC than before",
    ]
    # Whoever posts on Fridays misses one.
    assert told("09:00", "Pacific/Apia", "2011-12-23T12:00", count=2, days=frozenset({Weekday.FRIDAY})) == [
        "Fri 23 09:00 19:00",
        "Fri 30 - 10:00 Pacific/Apia had no such day, skipped",
        "Fri 06 09:00 19:00 clocks went forward: 24 h earlier in UTC than before",
    ]
    morning, evening = (datetime(2011, 12, 30, hour, tzinfo=UTC) for hour in (0, 18))
    assert due(daily("Pacific/Apia", time(9)), morning, evening) == ()


# --- holidays -------------------------------------------------------------------------------------------------------

UNITY = date(2026, 10, 3)
BERLIN = daily("Europe/Berlin", time(9))


def unity(day: date) -> str:
    return "Tag der Deutschen Einheit" if (day.month, day.day) == (UNITY.month, UNITY.day) else ""


def test_a_holiday_has_no_post_and_is_told_between_those_around_it() -> None:
    after = datetime(2026, 10, 1, 12, tzinfo=UTC)
    found = upcoming(BERLIN, after, 3, unity)
    assert [(each.day.day, type(each)) for each in found] == [(2, Post), (3, Skipped), (4, Post), (5, Post)]
    assert found[1].note == "holiday: Tag der Deutschen Einheit, skipped"
    assert found[1].at == datetime(2026, 10, 3, 7, tzinfo=UTC)
    assert due(BERLIN, after, after + 4 * DAY, unity) == tuple(each for each in found if isinstance(each, Post))


def test_a_holiday_counts_from_midnight_to_midnight_where_the_channel_is() -> None:
    # In Auckland it is nine on the 3rd when it is still the 2nd in UTC.
    auckland = daily("Pacific/Auckland", time(9))
    posts = due(auckland, datetime(2026, 10, 1, 12, tzinfo=UTC), datetime(2026, 10, 4, 20, tzinfo=UTC), unity)
    assert [(post.day.day, post.at.day) for post in posts] == [(2, 1), (4, 3), (5, 4)]


def test_a_holiday_on_none_of_its_days_is_not_told() -> None:
    weekdays = Schedule(time(9), "Europe/Berlin")
    found = upcoming(weekdays, datetime(2026, 10, 1, 12, tzinfo=UTC), 2, unity)
    assert [(each.day.day, each.note) for each in found] == [(2, ""), (5, "")]


def test_a_holiday_is_told_until_its_post_would_have_been() -> None:
    nine = datetime(2026, 10, 3, 7, tzinfo=UTC)
    assert [each.day.day for each in upcoming(BERLIN, nine - MINUTE, 1, unity)] == [3, 4]
    assert [each.day.day for each in upcoming(BERLIN, nine, 1, unity)] == [4]


def test_the_clocks_are_told_of_after_a_holiday_too() -> None:
    def sunday(day: date) -> str:
        return "Palm Sunday" if day == date(2026, 3, 29) else ""

    found = upcoming(BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC), 1, sunday)
    assert [each.note for each in found] == [
        "holiday: Palm Sunday, skipped",
        "clocks went forward: 1 h earlier in UTC than before",
    ]


def test_where_every_day_is_a_holiday_looking_for_a_post_comes_to_an_end() -> None:
    assert upcoming(BERLIN, BEGIN, 3, lambda _: "closed") == ()
    # And where it becomes so, what there was is told, without the days after it.
    last = date(2020, 1, 2)
    found = upcoming(BERLIN, BEGIN, 3, lambda day: "closed" if day > last else "")
    assert [each.day.day for each in found] == [1, 2]
    # A year's silence is none yet.
    again = last + LONGEST_SILENCE
    found = upcoming(BERLIN, BEGIN, 3, lambda day: "closed" if last < day < again else "")
    assert [each.day for each in found if isinstance(each, Post)] == [date(2020, 1, 1), last, again]


def test_nobodys_holidays_are_none() -> None:
    assert no_holidays(UNITY) == ""


# --- the window -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        pytest.param(-timedelta.resolution, Timing.EARLY, id="a moment before"),
        pytest.param(timedelta(0), Timing.OPEN, id="on time"),
        pytest.param(WINDOW, Timing.OPEN, id="two hours late"),
        pytest.param(WINDOW + timedelta.resolution, Timing.MISSED, id="a moment later"),
        pytest.param(30 * DAY, Timing.MISSED, id="a month late"),
    ],
)
def test_a_post_may_be_two_hours_late_and_no_more(late: timedelta, expected: Timing) -> None:
    assert timedelta(hours=2) == WINDOW
    # Across a change of the clocks: hours are what has passed, not what the wall shows.
    at, berlin = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert timing(at, at + late) is expected
    assert timing(at.astimezone(berlin), (at + late).astimezone(berlin)) is expected
