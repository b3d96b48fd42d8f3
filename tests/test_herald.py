"""Posting daily questions on a real server: once each, whatever dies, refuses, or runs at the same time."""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from interviewer.calendar import Schedule, Weekday
from interviewer.daily import (
    Asked,
    Board,
    Digested,
    Discussion,
    Extra,
    Outcome,
    Reminded,
    Revealed,
    Slot,
    Standing,
    Took,
    Unsealed,
    Warned,
)
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine, Pace
from interviewer.herald import ERRAND
from interviewer.model import Level, Question
from interviewer.ports import Away, by
from interviewer.store import RedisStore
from tests.daily_office import (
    ADMIN,
    ANA,
    BEN,
    BOARD,
    CAT,
    CHANNEL,
    DAY,
    EVERY_DAY,
    HOUR,
    NINE,
    PLAN,
    REVEALS,
    SENIOR,
    SKIPPED,
    SLOT,
    TODAY,
    WHY,
    Office,
    made,
)
from tests.fakes import laid, redis_client, wait_until
from tests.noticeboard import Told, Trouble

# --- a day, and two workers -----------------------------------------------------------------------------------------


async def test_a_question_is_posted_once_at_its_time_and_revealed_and_digested_at_theirs(office: Office) -> None:
    await office.sets_up(
        replace(BOARD, plans=(replace(PLAN, schedule=replace(PLAN.schedule, days=frozenset({Weekday.TUESDAY}))),))
    )
    await office.at(NINE - 1)
    assert office.wall.tried == []
    await office.at(NINE)
    (message,) = office.stands()
    question = await office.question()
    posted = replace(question, message="")
    assert message.notice == Asked(posted, office.known.case(question.item.question), "Europe/Berlin")
    assert (question.slot, question.asked, question.reveals, question.message) == (SLOT, NINE, REVEALS, message.id)
    assert await office.store.slot_of(CHANNEL, message.id) == SLOT
    await office.says(ANA, "Ids")
    await office.at(REVEALS - 1)
    assert office.stands(Revealed) == []
    await office.at(REVEALS)
    assert [each.under for each in office.stands(Revealed)] == [message.id]
    await office.at(REVEALS + HOUR - 1)
    assert office.stands(Digested) == []
    await office.at(REVEALS + HOUR)
    await office.at(REVEALS + HOUR + 60)
    assert [(each.under, each.notice.digest.week) for each in office.stands(Digested)] == [("", "2026-W48")]  # type: ignore[union-attr]
    assert len(office.wall.tried) == len(set(office.wall.tried)) == 3


async def test_workers_that_do_the_same_errand_at_once_leave_one_message(office: Office) -> None:
    await office.sets_up(BOARD)
    office.clock.now = NINE
    (what,) = await office.errands()
    await asyncio.gather(*(office.herald().do(what, False) for _ in range(5)))
    (message,) = office.stands()
    assert (await office.question()).message == message.id
    await office.herald().do(what, False)
    assert office.stands() == [message]


@pytest.mark.parametrize("busy", [False, True])
async def test_whoever_posts_second_takes_its_own_message_back(office: Office, busy: bool) -> None:
    await office.sets_up(BOARD)
    office.clock.now = NINE
    (what,) = await office.errands()
    key = f"ask:{SLOT.name}"
    stood, goes_on = asyncio.Event(), asyncio.Event()

    async def stand_still(_: str) -> None:
        office.wall.after = None
        stood.set()
        await goes_on.wait()

    office.wall.after, office.wall.unseen = stand_still, {key}
    slow = asyncio.create_task(office.herald().do(what, False))
    await stood.wait()
    await office.herald().do(what, False)
    assert [each.id for each in office.stands()] == ["m1", "m2"]
    office.wall.away = busy
    goes_on.set()
    await slow
    if busy:
        assert [each.id for each in office.stands()] == ["m1", "m2"]
        office.wall.away = False
        await office.at(NINE + 29)
        assert [each.id for each in office.stands()] == ["m1", "m2"]
        await office.at(NINE + 30)
    assert [each.id for each in office.stands()] == ["m2"]
    assert (await office.question()).message == "m2"


async def test_a_second_message_to_a_channel_that_lets_nobody_in_any_more_is_left(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    office.wall.away = True
    await office.store.take(CHANNEL, "back:m1/")
    await office.store.look_again(CHANNEL)
    await office.at(NINE + 1)
    office.wall.away, office.wall.closed = False, {CHANNEL: WHY}
    await office.at(NINE + 31)
    office.wall.closed = {}
    await office.at(NINE + HOUR)
    assert [each.id for each in office.stands()] == ["m1"]
    assert (await office.board()).stuck == ""


async def test_a_worker_that_stands_still_until_its_question_was_given_up_leaves_nothing(office: Office) -> None:
    await office.sets_up(BOARD)
    office.clock.now = NINE
    (what,) = await office.errands()
    stood, goes_on = asyncio.Event(), asyncio.Event()

    async def stand_still(_: str) -> None:
        stood.set()
        await goes_on.wait()

    office.wall.before = stand_still
    slow = asyncio.create_task(office.herald().do(what, False))
    await stood.wait()
    await office.at(NINE + 3 * HOUR)
    goes_on.set()
    await slow
    assert office.stands() == []
    assert not any(each.message for each in await office.store.past(CHANNEL))


async def test_two_workers_with_engines_of_their_own_post_a_day_once(office: Office, redis_url: str) -> None:
    await office.sets_up(BOARD)
    async with RedisStore.from_url(redis_url) as store:
        ports = laid(store, "nobody").ports
        pace = Pace(quiet=0, redelivery=1.0)
        one, two = (
            Engine(ports, redis_url, pace, "test-herald", errands={ERRAND: office.herald().do}) for _ in range(2)
        )
        async with one, two:
            ticking = [asyncio.create_task(office.herald().run(engine.ask, 0.01)) for engine in (one, two)]
            for now, kind in ((NINE, Asked), (REVEALS, Revealed)):
                office.clock.now = now
                await wait_until(lambda kind=kind: _true(bool(office.stands(kind))))
            await wait_until(lambda: _revealed(office))
            for task in ticking:
                task.cancel()
            await asyncio.wait(ticking)
    assert [type(each.notice) for each in office.wall.on(CHANNEL)] == [Asked, Revealed]
    assert len(office.wall.tried) == 2


async def _true(value: bool) -> bool:
    return value


async def _revealed(office: Office) -> bool:
    return (await office.question()).outcome is not None


# --- what goes wrong while posting ----------------------------------------------------------------------------------


async def test_a_question_whose_answer_was_lost_is_found_and_not_posted_again(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.troubles = [Trouble(Away("Timed out."), stands=True)]
    await office.at(NINE)
    office.wall.away = True
    await office.at(NINE + 30)
    office.wall.away = False
    await office.at(NINE + 149)
    assert not any(each.message for each in await office.store.past(CHANNEL))
    await office.at(NINE + 150)
    (message,) = office.stands()
    assert (await office.question()).message == message.id
    assert len(office.wall.tried) == 1


async def test_a_question_that_was_refused_is_tried_again_with_longer_and_longer_waits(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.troubles = [Trouble(Away("Slow down.", unclear=False))] * 4
    for now, tries in ((0, 1), (29, 1), (30, 2), (149, 2), (150, 3), (749, 3), (750, 4), (1349, 4), (1350, 5)):
        await office.at(NINE + now)
        assert len(office.wall.tried) == tries, now
    question = await office.question()
    assert (question.asked, question.reveals, question.message) == (NINE, REVEALS, office.stands()[0].id)
    assert (await office.board()).news == ()


async def test_a_question_may_be_two_hours_late_and_is_skipped_after_that(office: Office) -> None:
    other = replace(BOARD, channel="slack:T1:C2")
    await office.sets_up(BOARD, other)
    office.wall.troubles = [Trouble(Away("Slow down.", unclear=False)), Trouble(Away("Slow down.", unclear=False))]
    await office.at(NINE)
    office.wall.away = True
    await office.at(NINE + 2 * HOUR)
    assert (await office.board()).news == ()
    office.wall.away = False
    await office.at(NINE + 2 * HOUR + 600)
    assert office.wall.pinned == []
    assert [(await office.board(each)).news for each in (CHANNEL, other.channel)] == [(SKIPPED,), (SKIPPED,)]


async def test_a_question_that_is_first_looked_at_two_hours_late_is_still_posted(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE + 2 * HOUR)
    assert len(office.stands()) == 1
    assert (await office.question()).reveals == REVEALS


async def test_after_three_hours_of_silence_a_question_is_skipped_and_told_of_once(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE + 3 * HOUR)
    await office.at(NINE + 4 * HOUR)
    assert office.wall.tried == []
    assert (await office.board()).news == (SKIPPED,)
    await office.at(NINE + DAY)
    assert len(office.stands()) == 1


async def test_an_errand_that_comes_after_its_time_does_nothing(office: Office) -> None:
    await office.sets_up(BOARD)
    office.clock.now = NINE
    (what,) = await office.errands()
    office.clock.now = NINE + 2 * HOUR + 1
    await office.herald().do(what, False)
    assert office.wall.tried == []


async def test_a_clock_that_jumps_back_a_day_has_nothing_posted_twice(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(replace(EVERY_DAY, since=NINE - 3 * DAY),)))
    await office.at(NINE - DAY)
    await office.says(ANA, "Ids", slot=Slot("a", TODAY - timedelta(1)))
    for now in (REVEALS - DAY, NINE, REVEALS):
        await office.at(now)
    before = list(office.wall.pinned)
    assert len(before) == 4
    for now in (NINE - DAY, REVEALS - DAY, NINE, REVEALS):
        await office.at(now)
    assert office.wall.pinned == before


# --- workers that die -----------------------------------------------------------------------------------------------


async def test_who_dies_between_posting_and_noting_it_is_made_up_for(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.troubles = [Trouble(asyncio.CancelledError(), stands=True)]
    with pytest.raises(asyncio.CancelledError):
        await office.at(NINE)
    await office.at(NINE + 5)
    (message,) = office.stands()
    assert (await office.question()).message == message.id
    assert len(office.wall.tried) == 1


@pytest.mark.parametrize("later", [5.0, 3 * HOUR])
async def test_a_question_that_was_posted_is_kept_though_whoever_posted_it_died(
    office: Office, dying: DailyStore, later: float
) -> None:
    await office.sets_up(BOARD)
    with pytest.raises(asyncio.CancelledError):
        await office.at(NINE, dying)
    assert not any(each.message for each in await office.store.past(CHANNEL))
    await office.at(NINE + later)
    (message,) = office.stands()
    assert isinstance(message.notice, Asked)
    assert await office.question() == replace(message.notice.question, message=message.id)
    assert (await office.board()).news == ()
    assert len(office.wall.tried) == 1


async def test_a_question_that_was_posted_by_somebody_who_died_is_found_however_late(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.troubles = [Trouble(asyncio.CancelledError(), stands=True)]
    with pytest.raises(asyncio.CancelledError):
        await office.at(NINE)
    await office.at(NINE + 3 * HOUR)
    (message,) = office.stands()
    assert (await office.question()).message == message.id
    assert (await office.board()).news == ()


# --- channels that take nothing -------------------------------------------------------------------------------------


async def test_a_closed_channel_is_told_of_once_and_posted_to_as_soon_as_it_is_open(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.closed[CHANNEL] = WHY
    for later in (0, 30, 150, 750):
        await office.at(NINE + later)
        assert (await office.board()).stuck == WHY
    assert [(each.person, each.notice) for each in office.wall.told] == [(ADMIN, Warned(CHANNEL, WHY))]
    assert len(office.wall.tried) == 1
    office.wall.closed.clear()
    await office.at(NINE + 1349)
    assert office.stands() == []
    await office.at(NINE + 1350)
    assert len(office.stands()) == 1
    assert (await office.board()).stuck == ""


async def test_a_channel_that_stays_closed_is_left_in_peace_and_comes_back_by_itself(office: Office) -> None:
    extra = Extra(Slot("now1", TODAY + timedelta(1)), NINE + DAY + 60, PLAN)
    await office.sets_up(BOARD)
    office.wall.closed[CHANNEL] = WHY
    await office.at(NINE)
    await office.at(NINE + 3 * HOUR)
    await office.changes(extras=(extra,))
    for later in (0, 30, 60, 90):
        await office.at(NINE + DAY + later)
    board = await office.board()
    assert (len(office.wall.tried), len(office.wall.told), board.news, board.stuck) == (1, 1, (), WHY)
    assert board.extras == ()
    office.wall.closed.clear()
    await office.at(NINE + DAY + 120)
    assert office.stands() == []
    await office.at(NINE + 2 * DAY)
    assert [each.notice.question.slot.day.day for each in office.stands()] == [26]  # type: ignore[union-attr]
    assert (await office.board()).stuck == ""


async def test_an_administrator_who_takes_no_messages_stops_nothing(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.closed |= {CHANNEL: WHY, ADMIN: "They take none."}
    await office.at(NINE)
    office.wall.closed.clear()
    await office.at(NINE + 30)
    assert len(office.stands()) == 1


async def test_a_platform_that_is_away_while_a_channel_is_looked_at_is_asked_again(office: Office) -> None:
    await office.sets_up(replace(BOARD, stuck=WHY))
    office.wall.away = True
    await office.at(NINE)
    office.wall.away = False
    await office.at(NINE + 29)
    assert office.stands() == []
    await office.at(NINE + 30)
    assert len(office.stands()) == 1


# --- what administrators do in between ------------------------------------------------------------------------------


async def _pauses(office: Office) -> None:
    await office.changes(paused=True)


async def _skips(office: Office) -> None:
    await office.changes(skipped=(SLOT,))


async def _drops(office: Office) -> None:
    await office.changes(plans=())


async def _removes(office: Office) -> None:
    await office.store.remove(CHANNEL)


@pytest.mark.parametrize("change", [_pauses, _skips, _drops, _removes])
async def test_what_is_called_off_at_the_last_moment_is_not_posted(
    office: Office, change: Callable[[Office], Awaitable[None]]
) -> None:
    await office.sets_up(BOARD)
    office.clock.now = NINE
    (what,) = await office.errands()
    await change(office)
    await office.herald().do(what, False)
    await office.at(NINE + 60)
    assert office.wall.tried == []
    assert not any(each.message for each in await office.store.past(CHANNEL))


async def test_a_paused_channel_is_silent_until_it_is_taken_up_again(office: Office) -> None:
    await office.sets_up(replace(BOARD, paused=True))
    await office.at(NINE + 60)
    await office.changes(paused=False, plans=(replace(PLAN, since=NINE + 120),))
    await office.at(NINE + 120)
    assert office.wall.tried == []
    await office.at(NINE + DAY)
    assert len(office.stands()) == 1
    assert (await office.board()).news == ()


async def test_a_question_that_stands_is_revealed_though_the_channel_was_paused_since(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.changes(paused=True)
    await office.at(REVEALS)
    assert len(office.stands(Revealed)) == 1


async def test_a_question_asked_for_at_once_is_posted_besides_and_leaves_the_board(office: Office) -> None:
    extra = Extra(Slot("now1", TODAY), NINE + 60, PLAN)
    await office.sets_up(replace(BOARD, extras=(extra,)))
    await office.at(NINE + 60)
    await office.at(NINE + 120)
    day, besides = await office.store.past(CHANNEL)
    assert (besides.slot, besides.reveals) == (extra.slot, NINE + 60 + 7 * HOUR)
    assert besides.item.question != day.item.question
    assert len(office.stands()) == 2
    assert (await office.board()).extras == ()


async def test_an_extra_question_that_comes_too_late_leaves_the_board_too(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(), extras=(Extra(SLOT, NINE, PLAN),)))
    await office.at(NINE + 3 * HOUR)
    board = await office.board()
    assert (board.extras, board.news) == ((), (SKIPPED,))


async def test_a_board_that_cannot_be_read_keeps_no_other_channel_waiting(office: Office) -> None:
    unknown = replace(PLAN, schedule=replace(PLAN.schedule, zone="Mars/Olympus"))
    await office.sets_up(BOARD, replace(BOARD, channel="slack:T1:C0", plans=(unknown,)))
    office.clock.now = NINE
    asked: list[str] = []

    async def ask(key: str, _name: str, _what: str) -> bool:
        asked.append(key)
        return True

    with suppress(Exception):
        await office.herald().tick(ask)
    assert asked == [f"{CHANNEL}|ask:{SLOT.name}|0"]


# --- which question -------------------------------------------------------------------------------------------------


async def test_channels_of_a_team_that_want_the_same_get_the_same_on_a_day(office: Office) -> None:
    early = replace(PLAN, topics=("storage", "queues"))
    late = replace(early, id="z", schedule=Schedule(time(10), "Europe/Berlin"), topics=("queues", "storage"))
    teams = [Board(f"slack:T{n}:C", f"slack:T{n}", ADMIN, (early,)) for n in range(2, 12)]
    await office.sets_up(replace(BOARD, plans=(early,)), replace(BOARD, channel="slack:T1:C2", plans=(late,)), *teams)
    await office.at(NINE)
    await office.at(NINE + HOUR)
    assert (await office.question("slack:T1:C2")).item == (await office.question()).item
    assert len({(await office.question(each.channel)).item for each in teams}) > 1


async def test_no_question_comes_again_until_all_were_asked_and_then_with_another_point(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(EVERY_DAY,)))
    for day in range(6):
        await office.at(NINE + day * DAY)
    items = [each.item for each in await office.store.past(CHANNEL)]
    assert len(set(items)) == 6
    assert {each.question for each in items[:3]} == set(SENIOR)
    assert [each.question for each in items[:3]] == [each.question for each in items[3:]]
    assert not any(each.point.endswith("third") for each in items)


@pytest.mark.parametrize(
    ("topics", "level", "among"),
    [
        (("storage",), Level.SENIOR, {"library"}),
        (("storage", "QUEUES"), Level.SENIOR, set(SENIOR)),
        (("payments",), Level.STAFF, {"kiosk"}),
        (("gone",), Level.SENIOR, set(SENIOR)),
        (("payments",), Level.SENIOR, set(SENIOR)),
    ],
)
async def test_a_question_is_on_a_topic_that_was_wished_for_while_the_bank_has_it(
    office: Office, topics: tuple[str, ...], level: Level, among: set[str]
) -> None:
    await office.sets_up(replace(BOARD, plans=(replace(EVERY_DAY, topics=topics, level=level),)))
    for day in range(3):
        await office.at(NINE + day * DAY)
    past = await office.store.past(CHANNEL)
    assert {each.item.question for each in past} == among
    assert {each.level for each in past} == {level}


# --- reveals --------------------------------------------------------------------------------------------------------


async def test_a_reveal_shows_sealed_answers_and_quotes_only_who_may_be_quoted(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    question = await office.question()
    point = question.item.point
    await office.store.stand(CAT, Standing(hidden=True))
    await office.says(ANA, f"{point} by Ana")
    await office.says(ANA, "and more")
    await office.says(BEN, f"{point} by Ben", sealed=True)
    await office.says(CAT, f"{point} by Cat")
    await office.says(ADMIN, f"{point} by a hidden one", sealed=True)
    await office.store.stand(ADMIN, Standing(hidden=True))
    await office.at(REVEALS)
    thread = [each for each in office.wall.on(CHANNEL) if each.under == question.message]
    assert [type(each.notice) for each in thread] == [Unsealed, Unsealed, Revealed]
    sealed = {each.notice.answer.person: each.notice.named for each in thread if isinstance(each.notice, Unsealed)}
    assert sealed == {BEN: True, ADMIN: False}
    revealed = thread[-1].notice
    assert isinstance(revealed, Revealed)
    assert revealed.discussion.answers == 4
    (view,) = revealed.discussion.agreed
    assert (view.point, view.said) == (point, 4)
    assert [(each.person, each.quote) for each in view.voices] == [(ANA, f"{point} by Ana\nand more")]
    assert len(revealed.discussion.missed) == 2
    assert all(answer.frugal for answer in office.rater.asked)


async def test_what_became_of_a_question_is_kept(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    question = await office.question()
    point = question.item.point
    await office.store.first(CHANNEL, SLOT, ANA, frozenset())
    await office.store.first(CHANNEL, SLOT, BEN, frozenset())
    await office.says(ANA, point)
    await office.says(BEN, "No idea")
    await office.at(REVEALS)
    assert (await office.question()).outcome == Outcome((ANA, BEN), {ANA: 1}, 1.0, point)


@pytest.mark.parametrize("stands", [True, False])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_reveal_that_is_cut_off_anywhere_repeats_nothing(office: Office, place: int, stands: bool) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids", sealed=True)
    await office.says(BEN, "Leases", sealed=True)
    office.wall.troubles = [*[None] * place, Trouble(asyncio.CancelledError(), stands)]
    with pytest.raises(asyncio.CancelledError):
        await office.at(REVEALS)
    await office.at(REVEALS + 5)
    kinds = [type(each.notice) for each in office.wall.on(CHANNEL)]
    assert kinds == [Asked, Unsealed, Unsealed, Revealed]
    assert (await office.question()).outcome == Outcome((ANA, BEN))


async def test_a_reveal_that_was_posted_by_somebody_who_died_has_an_outcome_all_the_same(
    office: Office, dying: DailyStore
) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    with pytest.raises(asyncio.CancelledError):
        await office.at(REVEALS, dying)
    await office.at(REVEALS + 5)
    assert len(office.stands(Revealed)) == 1
    assert (await office.question()).outcome == Outcome((ANA,))


async def test_a_question_that_nobody_answered_is_revealed(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.at(REVEALS)
    (revealed,) = office.stands(Revealed)
    assert isinstance(revealed.notice, Revealed)
    assert revealed.notice.discussion == Discussion(0)
    assert (await office.question()).outcome == Outcome()


async def test_a_question_that_has_left_the_bank_is_closed_without_a_word(office: Office, tmp_path: Path) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    office.known = made(tmp_path, Question("kiosk", "A kiosk", "Design a kiosk."))
    await office.store.remind(CHANNEL, BEN, SLOT, REVEALS - HOUR)
    await office.at(REVEALS - HOUR)
    await office.at(REVEALS)
    assert office.stands(Revealed) == []
    assert (await office.question()).outcome == Outcome((ANA,))
    assert office.wall.told == []


async def test_a_reveal_that_comes_a_day_late_is_left(office: Office) -> None:
    await office.sets_up(
        replace(BOARD, plans=(replace(PLAN, schedule=replace(PLAN.schedule, days=frozenset({Weekday.TUESDAY}))),))
    )
    await office.at(NINE)
    await office.says(ANA, "Ids")
    await office.at(REVEALS + DAY + 1)
    assert office.stands(Revealed) == []
    assert (await office.question()).outcome == Outcome()
    await office.at(REVEALS + DAY + 2)
    assert len(office.wall.tried) == 1


async def test_a_channel_that_closes_before_the_reveal_is_told_of_and_revealed_once_it_is_open(office: Office) -> None:
    await office.sets_up(replace(BOARD, extras=(Extra(Slot("now1", TODAY), NINE + 60, PLAN),)))
    await office.at(NINE)
    await office.at(NINE + 60)
    await office.says(ANA, "Ids", sealed=True)
    office.wall.closed[CHANNEL] = WHY
    await office.at(REVEALS)
    await office.at(REVEALS + 30)
    await office.at(REVEALS + 60)
    assert [each.person for each in office.wall.told] == [ADMIN]
    office.wall.closed.clear()
    await office.at(REVEALS + 150)
    assert [each.person for each in office.wall.told] == [ADMIN]
    assert [len(office.stands(kind)) for kind in (Asked, Unsealed, Revealed)] == [2, 1, 2]


# --- digests --------------------------------------------------------------------------------------------------------

TWICE = replace(PLAN, schedule=replace(PLAN.schedule, days=frozenset({Weekday.TUESDAY, Weekday.WEDNESDAY})))


async def holds(office: Office, *days: Sequence[str]) -> None:
    """Have people answer, day by day, until all is revealed. Each makes up for something on the first day."""
    for n, people in enumerate(days):
        await office.at(NINE + n * DAY)
        which = Slot("a", TODAY + timedelta(n))
        for person in people:
            await office.says(person, (await office.question()).item.point, slot=which)
            await office.store.took(person, Took(which.day, which.day))
            if not n:
                await office.store.first(CHANNEL, which, person, frozenset())
        await office.at(REVEALS + n * DAY)


@pytest.mark.parametrize("leaderboard", [True, False])
async def test_a_digest_names_who_took_part_and_ranks_who_asked_for_it(office: Office, leaderboard: bool) -> None:
    await office.sets_up(replace(BOARD, plans=(TWICE,), leaderboard=leaderboard))
    for person, standing in ((ANA, Standing(ranked=True)), (BEN, Standing(hidden=True, ranked=True))):
        await office.store.stand(person, standing)
    await holds(office, (ANA, BEN), (ANA, CAT))
    await office.at(REVEALS + DAY + HOUR - 1)
    assert office.stands(Digested) == []
    await office.at(REVEALS + DAY + HOUR)
    (message,) = office.stands(Digested)
    assert isinstance(message.notice, Digested)
    digest = message.notice.digest
    assert (digest.week, digest.questions, digest.named, digest.unnamed) == ("2026-W48", 2, (ANA, CAT), 1)
    ranks = [(each.person, each.days, each.improved, each.streak) for each in digest.leaderboard]
    assert ranks == ([(ANA, 2, 1, 2)] if leaderboard else [])
    assert set(message.notice.cases) == {each.item.question for each in await office.store.past(CHANNEL)}


async def test_a_week_in_which_nobody_took_part_has_no_digest_and_the_channel_rests(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(TWICE,)))
    await holds(office, (), ())
    await office.at(REVEALS + DAY + HOUR)
    assert office.stands(Digested) == []
    office.clock.now = NINE + 7 * DAY - 1
    assert await office.errands() == []
    office.clock.now = NINE + 7 * DAY
    assert len(await office.errands()) == 1


async def test_a_digest_whose_answer_was_lost_is_not_posted_again(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(TWICE,)))
    await holds(office, (ANA,), ())
    office.wall.troubles = [Trouble(Away("Timed out."), stands=True)]
    await office.at(REVEALS + DAY + HOUR)
    await office.at(REVEALS + DAY + HOUR + 30)
    await office.at(REVEALS + DAY + HOUR + 150)
    assert len(office.stands(Digested)) == 1


# --- reminders ------------------------------------------------------------------------------------------------------


async def test_a_reminder_is_given_once_at_its_time(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.store.remind(CHANNEL, ANA, SLOT, REVEALS - HOUR)
    await office.at(REVEALS - HOUR - 1)
    assert office.wall.told == []
    await office.at(REVEALS - HOUR)
    question = await office.question()
    reminded = Reminded(question, office.known.case(question.item.question), CHANNEL, "Europe/Berlin")
    assert office.wall.told == [Told(ANA, f"remind:{ANA}/{SLOT.name}", reminded)]
    office.wall.told.clear()
    await office.at(REVEALS - HOUR + 60)
    assert office.wall.told == []
    assert await office.store.reminders(CHANNEL) == ()


async def test_nobody_is_reminded_of_what_is_over(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.store.remind(CHANNEL, ANA, SLOT, REVEALS - HOUR)
    office.wall.troubles = [Trouble(Away("Slow down.", unclear=False))]
    await office.at(REVEALS)
    await office.at(REVEALS + 30)
    assert len(office.stands(Revealed)) == 1
    assert office.wall.told == []
    assert await office.store.reminders(CHANNEL) == ()


async def test_a_reminder_that_was_taken_back_is_not_given(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.store.remind(CHANNEL, ANA, SLOT, REVEALS - HOUR)
    office.clock.now = REVEALS - HOUR
    (what,) = await office.errands()
    assert await office.store.unremind(CHANNEL, ANA, SLOT)
    await office.herald().do(what, False)
    await office.at(REVEALS - HOUR + 60)
    assert office.wall.told == []


async def test_who_takes_no_messages_is_not_reminded_and_holds_up_nobody(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    for person in (ANA, BEN):
        await office.store.remind(CHANNEL, person, SLOT, REVEALS - HOUR)
    office.wall.closed[ANA] = "They take no messages."
    await office.at(REVEALS - HOUR)
    await office.at(REVEALS)
    assert [each.person for each in office.wall.told] == [BEN]
    assert len(office.stands(Revealed)) == 1
    assert (await office.board()).stuck == ""


async def test_a_reminder_comes_later_while_the_platform_is_away(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.store.remind(CHANNEL, ANA, SLOT, REVEALS - HOUR)
    office.wall.away = True
    await office.at(REVEALS - HOUR)
    office.wall.away = False
    await office.at(REVEALS - HOUR + 29)
    assert office.wall.told == []
    await office.at(REVEALS - HOUR + 30)
    assert [each.person for each in office.wall.told] == [ANA]


# --- ticking --------------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """A clock that notes how often it was read, which every tick does at first."""

    now: float
    read: int = 0

    def __call__(self) -> float:
        self.read += 1
        return self.now

    async def ticks(self, count: int) -> None:
        until = self.read + count
        await wait_until(lambda: _true(self.read >= until))


async def test_a_store_that_is_away_is_logged_once_and_ticking_goes_on(
    office: Office, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await office.sets_up(BOARD)
    clock = Heard(NINE)
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def ask(key: str, _name: str, _what: str) -> bool:
        await asked.put(key)
        return True

    # A socket's path is short on every machine.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        door = Path(folder, "s")
        client: Any = redis_client(f"unix://{door}")
        client.set_retry(Retry(NoBackoff(), 0))
        async with DailyStore(client) as store:
            herald = replace(office.herald(store), now=by(clock))
            running = asyncio.create_task(herald.run(ask, 0.001))
            await clock.ticks(5)
            door.symlink_to(redis_url.removeprefix("unix://"))  # noqa: ASYNC240
            assert await asyncio.wait_for(asked.get(), 30) == f"{CHANNEL}|ask:{SLOT.name}|0"
            running.cancel()
            await asyncio.wait({running})
    (record,) = (each for each in caplog.records if each.name == "interviewer.herald")
    assert record.levelno == logging.ERROR


async def test_what_goes_wrong_is_logged_without_its_words(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    await office.sets_up(BOARD)
    clock = Heard(NINE)

    async def ask(_key: str, _name: str, _what: str) -> bool:
        raise ArithmeticError(ANA)

    running = asyncio.create_task(replace(office.herald(), now=by(clock)).run(ask, 0.001))
    await clock.ticks(10)
    running.cancel()
    await asyncio.wait({running})
    (record,) = (each for each in caplog.records if each.name == "interviewer.herald")
    assert "ArithmeticError" in record.getMessage()
    assert ANA not in caplog.text
