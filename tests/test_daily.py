"""What is due in a channel and when, however the clock runs: once a slot, in its hours, and never again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.calendar import DAILY, DAY, WEEKDAYS, WINDOW, Holidays, Schedule, Weekday, due, no_holidays
from interviewer.daily import (
    DIGEST_AFTER,
    GIVEN_UP,
    GRACE,
    REVEAL,
    Agenda,
    Board,
    DailyQuestion,
    Deed,
    Doing,
    Extra,
    Item,
    Kind,
    Outcome,
    Plan,
    Slot,
    agenda,
    following,
    moment,
    retry,
    slot,
    takers,
    week,
)
from interviewer.model import Level

HOUR = 3600.0
BERLIN = Schedule(time(9), "Europe/Berlin")
MONDAY = date(2026, 11, 23)
W48 = [MONDAY + passed * DAY for passed in range(7)]
TOOK_PART, NOBODY = Outcome(("ada",)), Outcome()


def at(day: date, hour: float = 8) -> float:
    """Seconds since the epoch, by default at nine in Berlin in winter."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + hour * HOUR


BEFORE = at(MONDAY - 7 * DAY)
PLAN = Plan("a", BERLIN, BEFORE)
BOARD = Board("slack:T:C", "slack:T", "slack:T:U", (PLAN,))


def every_fifth(day: date) -> str:
    return "a holiday" if day.day % 5 == 0 else ""


def every_day(_: date) -> str:
    return "a holiday"


KNOWN: Mapping[str, Holidays] = {"": no_holidays, "FIFTH": every_fifth, "ALL": every_day}


def question(day: date, outcome: Outcome | None = TOOK_PART, plan: str = "a", asked: float = 0.0) -> DailyQuestion:
    asked = asked or at(day)
    return DailyQuestion(Slot(plan, day), Item("library", "flood"), Level.SENIOR, asked, asked + REVEAL, "m1", outcome)


@dataclass
class Channel:
    """A board, and what was kept of what happened there."""

    board: Board
    past: list[DailyQuestion] = field(default_factory=list[DailyQuestion])
    doings: dict[str, Doing] = field(default_factory=dict[str, Doing])
    reminders: tuple[Deed, ...] = ()

    def look(self, now: float) -> Agenda:
        return agenda(self.board, self.past, self.doings, self.reminders, now, lambda code: KNOWN[code])

    def names(self, now: float, *kinds: Kind) -> list[str]:
        """What is due of these kinds, or of any."""
        return [deed.name for deed in self.look(now).due if deed.kind in (kinds or Kind)]

    def do(self, deeds: Iterable[Deed]) -> None:
        for deed in deeds:
            self.doings[deed.name] = Doing(1, id="m")
            if deed.kind is Kind.ASK:
                which = slot(deed.what)
                plan = self.board.plan(which.plan)
                assert plan
                made = question(which.day, None, which.plan, deed.at)
                self.past.append(replace(made, reveals=deed.at + plan.reveal))
            if deed.kind is Kind.REVEAL:
                self.past = [
                    replace(each, outcome=TOOK_PART) if each.slot.name == deed.what else each for each in self.past
                ]

    def leave(self, deeds: Iterable[Deed]) -> None:
        self.doings |= {deed.name: Doing(id=GIVEN_UP) for deed in deeds}


def scheduled(board: Board, until: float) -> dict[str, float]:
    """When each slot's question is to be asked, by the calendar."""
    posts = (
        (Slot(plan.id, post.day), post.at.timestamp())
        for plan in board.plans
        for post in due(plan.schedule, moment(plan.since), moment(until), KNOWN[plan.schedule.holidays])
    )
    return {f"ask:{each.name}": when for each, when in posts if each not in board.skipped}


ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati"]
BEGINNINGS = [date(2026, 3, 27), date(2026, 10, 23), date(2026, 10, 31), date(2026, 12, 30), MONDAY]
"""Clocks go forward and back soon after the first three."""


@st.composite
def boards(draw: st.DrawFn) -> Board:
    """Any board with one plan or two, set up at about the same time."""
    begin = at(draw(st.sampled_from(BEGINNINGS)), 0)

    def plan(id: str) -> Plan:
        schedule = Schedule(
            time(draw(st.integers(0, 23)), draw(st.sampled_from([0, 30, 59]))),
            draw(st.sampled_from(ZONES)),
            draw(st.frozensets(st.sampled_from(Weekday), min_size=2)),
            draw(st.sampled_from(["", "FIFTH"])),
        )
        reveal = draw(st.sampled_from([HOUR, REVEAL, 30 * HOUR]))
        return Plan(id, schedule, begin + draw(st.integers(0, 7200)), reveal=reveal)

    plans = tuple(plan(id) for id in "ab"[: draw(st.integers(1, 2))])
    days = st.sampled_from([moment(begin).date() + passed * DAY for passed in range(6)])
    skipped = draw(st.lists(st.builds(Slot, st.sampled_from("ab"), days), max_size=4, unique=True))
    return replace(BOARD, plans=plans, skipped=tuple(skipped))


# --- questions ------------------------------------------------------------------------------------------------------


@given(boards(), st.lists(st.integers(600, 7200), min_size=10, max_size=45), st.data())
@settings(max_examples=40, deadline=None)
def test_every_scheduled_day_is_asked_once_however_time_is_looked_at(
    board: Board, steps: Sequence[int], data: st.DataObject
) -> None:
    channel, asked = Channel(board), Counter[str]()
    times = [float(each) for each in accumulate(steps, initial=round(min(plan.since for plan in board.plans)))]
    for now in times:
        found = channel.look(now)
        assert not found.missed
        assert found.next is not None
        assert found.next > now
        asked.update(deed.name for deed in found.due if deed.kind is Kind.ASK)
        channel.do(found.due)
        assert not channel.names(now, Kind.ASK)
    assert asked == Counter(scheduled(board, times[-1]).keys())
    # A clock put back brings nothing back, and the next is still known.
    earlier = channel.look(data.draw(st.sampled_from(times)))
    assert not {deed.name for deed in earlier.due} & asked.keys()
    coming = scheduled(board, times[-1] + 60 * 24 * HOUR).items() - scheduled(board, times[-1]).items()
    assert earlier.next is not None
    assert earlier.next <= min(when for _, when in coming)


@given(boards())
@settings(max_examples=25, deadline=None)
def test_whoever_only_looks_when_told_to_misses_nothing_and_is_never_late(board: Board) -> None:
    channel, asked = Channel(board), dict[str, float]()
    now = before = min(plan.since for plan in board.plans)
    for _ in range(40):
        found = channel.look(now)
        assert not found.missed
        asked |= {deed.name: now for deed in found.due if deed.kind is Kind.ASK}
        channel.do(found.due)
        coming = channel.look(now).next
        assert coming is not None
        now, before = coming, now
    assert asked == scheduled(board, before)


@given(boards(), st.integers(0, 45).map(lambda some: some * 6400 + 1), st.integers(1, 80 * 3600))
@settings(max_examples=40, deadline=None)
def test_after_a_jump_of_the_clock_late_questions_are_missed_and_the_others_due(
    board: Board, asleep: int, more: int
) -> None:
    now = max(plan.since for plan in board.plans) + asleep
    found = Channel(board).look(now)
    slots = scheduled(board, now)
    late = {name for name, when in slots.items() if now - when > WINDOW.total_seconds()}
    assert {deed.name for deed in found.due} == slots.keys() - late
    told = {deed.name for deed in found.missed}
    assert told == {name for name in late if slots[name] > now - 3 * 24 * HOUR}
    # What was left stays left.
    channel = Channel(board)
    channel.leave((*found.missed, *found.due))
    assert not {deed.name for deed in channel.look(now + more).due} & (told | slots.keys())


def test_a_question_may_be_two_hours_late_and_not_a_second_more() -> None:
    channel = Channel(replace(BOARD, plans=(replace(PLAN, since=at(MONDAY, 0)),)))
    assert channel.look(at(MONDAY) - 1) == Agenda(next=at(MONDAY))
    asking = Deed(Kind.ASK, "a/2026-11-23", at(MONDAY))
    for now in (at(MONDAY), at(MONDAY, 10)):
        assert channel.look(now).due == (asking,)
    assert channel.look(at(MONDAY, 10) + 1) == Agenda(missed=(asking,), next=at(W48[1]))


def test_for_three_days_what_was_missed_is_told_of() -> None:
    found = Channel(BOARD).look(at(W48[3], 9))
    assert [deed.name for deed in found.missed] == ["ask:a/2026-11-24", "ask:a/2026-11-25"]
    assert [deed.name for deed in found.due] == ["ask:a/2026-11-26"]


def test_a_plan_that_is_yet_to_begin_asks_nothing_before() -> None:
    board = replace(BOARD, plans=(replace(PLAN, since=at(W48[1])),))
    assert Channel(board).look(at(MONDAY)) == Channel(board).look(at(W48[1])) == Agenda(next=at(W48[2]))


def test_nothing_is_asked_while_paused_but_what_was_asked_is_revealed() -> None:
    extra = Extra(Slot("now-1", MONDAY), at(MONDAY), PLAN)
    channel = Channel(replace(BOARD, paused=True, extras=(extra,)), [question(MONDAY - DAY, None)])
    assert channel.look(at(MONDAY)).due == (Deed(Kind.REVEAL, "a/2026-11-22", at(MONDAY - DAY, 15)),)
    assert Channel(channel.board).look(at(MONDAY)) == Agenda()


def test_a_channel_that_takes_no_posts_is_still_to_be_tried() -> None:
    assert Channel(replace(BOARD, stuck="I am not in it.")).names(at(MONDAY)) == ["ask:a/2026-11-23"]


def test_two_plans_of_a_channel_both_ask() -> None:
    channel = Channel(replace(BOARD, plans=(PLAN, replace(PLAN, id="b"))))
    assert channel.names(at(MONDAY)) == ["ask:a/2026-11-23", "ask:b/2026-11-23"]


def test_a_question_that_is_asked_for_at_once_is_asked_once() -> None:
    extra = Extra(Slot("now-1", MONDAY), at(MONDAY, 12), replace(PLAN, reveal=HOUR))
    channel = Channel(replace(BOARD, extras=(extra,)))
    assert channel.names(at(MONDAY, 12)) == ["ask:now-1/2026-11-23"]
    channel.do(channel.look(at(MONDAY, 12)).due)
    assert channel.names(at(MONDAY, 12)) == []
    assert channel.names(at(MONDAY, 13)) == ["reveal:now-1/2026-11-23"]


def test_a_plan_moved_to_a_later_hour_does_not_ask_again_that_day_and_is_not_forgotten() -> None:
    channel = Channel(BOARD)
    channel.do(channel.look(at(MONDAY)).due)
    channel.do(channel.look(at(MONDAY, 15)).due)
    moved = replace(PLAN, schedule=replace(BERLIN, minute=time(20)), since=at(MONDAY, 16))
    channel.board = replace(BOARD, plans=(moved,))
    assert channel.look(at(MONDAY, 16)) == Agenda(next=at(W48[1], 19))
    assert channel.look(at(MONDAY, 19)) == Agenda(next=at(W48[1], 19))


def test_a_question_whose_message_was_not_kept_is_still_due_and_one_that_was_given_up_is_not() -> None:
    channel = Channel(BOARD, doings={"ask:a/2026-11-23": Doing(1, id="m")})
    assert channel.names(at(MONDAY)) == ["ask:a/2026-11-23"]
    channel.doings = {"ask:a/2026-11-23": Doing(1, id=GIVEN_UP)}
    assert channel.look(at(MONDAY)) == Agenda(next=at(W48[1]))


def test_what_could_not_be_done_comes_back_when_it_is_to_be_tried_again() -> None:
    channel = Channel(BOARD, doings={"ask:a/2026-11-23": Doing(1, again=at(MONDAY) + 30)})
    for now in (at(MONDAY), at(MONDAY) + 29):
        assert channel.look(now) == Agenda(next=at(MONDAY) + 30)
    assert channel.names(at(MONDAY) + 30) == ["ask:a/2026-11-23"]


def test_tries_are_further_and_further_apart_up_to_ten_minutes() -> None:
    assert [retry(tries, 1000.0) for tries in range(1, 6)] == [1030.0, 1120.0, 1600.0, 1600.0, 1600.0]


def test_nothing_is_to_come_where_every_day_is_left_out() -> None:
    plan = replace(PLAN, schedule=replace(BERLIN, holidays="ALL"))
    board = replace(BOARD, plans=(plan,))
    assert Channel(board).look(at(MONDAY)) == Agenda()
    assert following(board, plan, moment(at(MONDAY)), every_day) is None


@given(st.frozensets(st.integers(-10, 20)), st.frozensets(st.integers(-10, 20)))
@settings(max_examples=30, deadline=None)
def test_the_following_question_is_the_first_that_is_not_skipped(days: frozenset[int], others: frozenset[int]) -> None:
    skipped = [Slot("a", MONDAY + day * DAY) for day in days] + [Slot("b", MONDAY + day * DAY) for day in others]
    plan = replace(PLAN, schedule=replace(BERLIN, days=DAILY))
    coming = following(replace(BOARD, skipped=tuple(skipped)), plan, moment(at(MONDAY)), no_holidays)
    assert coming
    assert (coming.day - MONDAY).days == min(set(range(1, 22)) - days)


# --- reveals and reminders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deed", [Deed(Kind.REVEAL, "a/2026-11-23", at(MONDAY, 15)), Deed(Kind.REMIND, "slack:T:U/a/2026-11-23", at(MONDAY))]
)
def test_what_follows_a_question_is_due_for_a_day(deed: Deed) -> None:
    revealing = deed.kind is Kind.REVEAL
    past = [question(MONDAY, None)] if revealing else []
    channel = Channel(replace(BOARD, plans=()), past, reminders=() if revealing else (deed,))
    assert channel.look(deed.at - 1) == Agenda(next=deed.at)
    grace = GRACE[deed.kind]
    for now in (deed.at, deed.at + grace):
        assert channel.look(now).due == (deed,)
    assert channel.look(deed.at + grace + 1) == Agenda(missed=(deed,))
    channel.leave([deed])
    channel.past = [replace(each, outcome=Outcome()) for each in past]
    assert channel.look(deed.at) == channel.look(deed.at + grace + 1) == Agenda()


def test_a_question_is_revealed_until_what_came_of_it_is_kept() -> None:
    channel = Channel(BOARD, [question(MONDAY, None)], {"reveal:a/2026-11-23": Doing(1, id="m")})
    assert channel.names(at(MONDAY, 15), Kind.REVEAL) == ["reveal:a/2026-11-23"]
    channel.past = [question(MONDAY)]
    assert channel.names(at(MONDAY, 15), Kind.REVEAL) == []


# --- digests --------------------------------------------------------------------------------------------------------

FRIDAYS = at(W48[4], 15) + DIGEST_AFTER
"""When the digest of that week is due."""
DIGEST = Deed(Kind.DIGEST, "2026-W48", FRIDAYS)


def digests(channel: Channel, now: float) -> list[Deed]:
    return [deed for deed in channel.look(now).due if deed.kind is Kind.DIGEST]


@given(st.lists(st.sampled_from([None, NOBODY, TOOK_PART]), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_digest_comes_when_all_is_revealed_and_somebody_took_part(outcomes: Sequence[Outcome | None]) -> None:
    channel = Channel(BOARD, [question(day, outcome) for day, outcome in zip(W48, outcomes, strict=False)])
    ready = None not in outcomes and TOOK_PART in outcomes
    assert digests(channel, FRIDAYS - 1) == []
    assert digests(channel, FRIDAYS) == digests(channel, FRIDAYS + GRACE[Kind.DIGEST]) == ([DIGEST] if ready else [])
    assert digests(channel, FRIDAYS + GRACE[Kind.DIGEST] + 1) == []
    assert (DIGEST in channel.look(FRIDAYS + GRACE[Kind.DIGEST] + 1).missed) == ready
    channel.do([DIGEST])
    assert digests(channel, FRIDAYS) == []
    assert DIGEST not in channel.look(FRIDAYS + GRACE[Kind.DIGEST] + 1).missed


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(replace(BOARD, paused=True), id="paused"),
        pytest.param(replace(BOARD, stuck="I am not in it."), id="stuck"),
        pytest.param(replace(BOARD, skipped=tuple(Slot("a", day) for day in W48[1:])), id="skipped"),
        pytest.param(replace(BOARD, plans=(replace(PLAN, since=at(W48[4], 9)),)), id="taken up again"),
    ],
)
def test_a_digest_keeps_its_hour_when_the_rest_of_its_week_is_left_out(board: Board) -> None:
    channel = Channel(board, [question(MONDAY)])
    # Long after Monday's reveal, and not at once: the days to come may yet be taken up again.
    assert digests(channel, at(W48[3], 12)) == []
    assert DIGEST not in channel.look(at(W48[3], 12)).missed
    assert digests(channel, FRIDAYS) == [DIGEST]


@pytest.mark.parametrize(
    ("holidays", "ends"), [("", date(2026, 12, 5)), ("FIFTH", date(2026, 12, 4))], ids=["without", "with"]
)
def test_a_week_does_not_wait_for_a_holiday_at_its_end(holidays: str, ends: date) -> None:
    days = WEEKDAYS | {Weekday.SATURDAY}
    plan = replace(PLAN, schedule=replace(BERLIN, days=days, holidays=holidays))
    channel = Channel(replace(BOARD, plans=(plan,)), [question(date(2026, 12, 2))])
    assert digests(channel, at(ends, 16) - 1) == []
    assert digests(channel, at(ends, 16)) == [Deed(Kind.DIGEST, "2026-W49", at(ends, 16))]


def test_a_week_may_end_in_the_next_and_does_not_wait_for_its_questions() -> None:
    night = replace(PLAN, schedule=Schedule(time(23), "UTC", DAILY))
    channel = Channel(replace(BOARD, plans=(night,)), [question(W48[5]), question(MONDAY + 7 * DAY, None)])
    ends = at(MONDAY + 7 * DAY, 7)
    assert digests(channel, ends - 1) == []
    assert digests(channel, ends) == [Deed(Kind.DIGEST, "2026-W48", ends)]


def test_a_plan_moved_to_a_later_hour_does_not_delay_the_digest_of_what_was_asked() -> None:
    moved = replace(PLAN, schedule=replace(BERLIN, minute=time(20)))
    channel = Channel(replace(BOARD, plans=(moved,)), [question(day) for day in W48[:5]])
    assert digests(channel, FRIDAYS) == [DIGEST]


def test_without_plans_a_week_ends_with_its_last_question() -> None:
    channel = Channel(replace(BOARD, plans=()), [question(day, plan="now-1") for day in (MONDAY, W48[2])])
    assert channel.look(at(W48[2], 15)) == Agenda(next=at(W48[2], 16))
    assert digests(channel, at(W48[2], 16)) == [Deed(Kind.DIGEST, "2026-W48", at(W48[2], 16))]


def test_each_week_has_its_digest_across_the_turn_of_the_year() -> None:
    eve, day, next = date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 4)
    assert [week(each) for each in (eve, day, next)] == ["2026-W53", "2026-W53", "2027-W01"]
    channel = Channel(BOARD, [question(each) for each in (eve, day, next)])
    assert digests(channel, at(day, 16)) == [Deed(Kind.DIGEST, "2026-W53", at(day, 16))]
    channel.do([Deed(Kind.DIGEST, "2026-W53", at(day, 16))])
    assert digests(channel, at(next + 4 * DAY, 16)) == [Deed(Kind.DIGEST, "2027-W01", at(next + 4 * DAY, 16))]


# --- nouns ----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_characters="/")), st.dates())
def test_a_slot_is_found_by_its_name(plan: str, day: date) -> None:
    assert slot(Slot(plan, day).name) == Slot(plan, day)


@pytest.mark.parametrize("name", ["", "a", "a/", "a/tomorrow", "2026-11-23"])
def test_what_names_no_slot_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="isoformat"):
        slot(name)


def test_a_board_knows_the_plans_of_all_its_questions() -> None:
    like = replace(PLAN, level=Level.STAFF)
    board = replace(BOARD, extras=(Extra(Slot("now-1", MONDAY), at(MONDAY), like),))
    assert [board.plan(id) for id in ("a", "now-1", "gone")] == [PLAN, like, None]


def test_nobody_has_taken_part_in_what_is_not_revealed() -> None:
    assert takers(question(MONDAY, None)) == ()
    assert takers(question(MONDAY)) == ("ada",)


def test_an_instant_is_in_utc() -> None:
    assert moment(at(MONDAY)) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert moment(at(MONDAY)).utcoffset() == timedelta(0)
