"""What reviewers found in the daily question, so that it stays mended."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import time, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.daily_desk import Desk
from bot.daily_planning import Planning
from interviewer.calendar import Weekday
from interviewer.daily import (
    Asked,
    Digested,
    Outcome,
    Revealed,
    Slot,
    Unsealed,
)
from interviewer.model import Answer, Case, Question, Rating
from interviewer.ports import Away, Closed, Private
from tests.daily_office import (
    ADMIN,
    ANA,
    BEN,
    BOARD,
    CHANNEL,
    DAY,
    HOUR,
    NINE,
    PLAN,
    REVEALS,
    SLOT,
    TEAM,
    TODAY,
    WHY,
    Office,
    made,
)
from tests.fakes import EagerRater
from tests.noticeboard import FakeNoticeboard, Trouble

EVENING = replace(PLAN, id="b", schedule=replace(PLAN.schedule, minute=time(20)))
CALLED_OFF: Mapping[str, Mapping[str, Any]] = {
    "pause": {"paused": True},
    "skip": {"skipped": (SLOT,)},
    "remove a": {"plans": (EVENING,)},
}
"""What somebody may do to a board meanwhile."""


def planning(office: Office) -> Planning:
    return Planning(office.store, office.known, office.clock)


@dataclass
class Interrupted:
    """A rater during whose work something happens."""

    rater: EagerRater
    happens: Callable[[], Awaitable[object]]

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        await self.happens()
        async for each in self.rater.rate(case, answer):
            yield each


async def test_a_clock_that_was_ahead_for_a_moment_puts_no_channel_to_sleep(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE - HOUR + 7 * DAY)
    for hours in range(3 * 24):
        await office.at(NINE - HOUR + hours * HOUR)
    days = {each.notice.question.slot.day for each in office.stands() if isinstance(each.notice, Asked)}
    assert days >= {TODAY, TODAY + timedelta(days=1)}


async def test_what_is_kept_is_what_was_posted_though_the_plan_changed_between_tries(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(replace(PLAN, topics=("storage",)),)))
    office.wall.troubles = [Trouble(Away("Timed out."), stands=True)]
    await office.at(NINE)
    await planning(office).order(TEAM, CHANNEL, ADMIN, "set 09:00 Europe/Berlin weekdays topics=queues reveal=2h")
    await office.at(NINE + 30)
    (posted,) = office.stands()
    assert isinstance(posted.notice, Asked)
    assert await office.question() == replace(posted.notice.question, message=posted.id)


async def test_a_plan_that_is_taken_away_in_mid_week_takes_no_digest_with_it(office: Office) -> None:
    monday = replace(PLAN, since=NINE - 2 * DAY, schedule=replace(PLAN.schedule, days=frozenset({Weekday.MONDAY})))
    friday = replace(PLAN, id="b", schedule=replace(PLAN.schedule, days=frozenset({Weekday.FRIDAY})))
    await office.sets_up(replace(BOARD, plans=(monday, friday)))
    await office.at(NINE - DAY)
    await office.says(ANA, "Ids", slot=Slot("a", TODAY - timedelta(days=1)))
    await office.at(REVEALS - DAY)
    office.clock.now = NINE + 2 * DAY
    await planning(office).order(TEAM, CHANNEL, ADMIN, "remove b")
    for hours in range(0, 4 * 24, 3):
        await office.at(NINE + 2 * DAY + hours * HOUR)
    assert len(office.stands(Digested)) == 1


@pytest.mark.parametrize("how", ["leaves", "deletes", "is forgotten"])
async def test_who_goes_while_answers_are_read_is_not_quoted(office: Office, how: str) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    question = await office.question()
    text = f"I say {question.item.point}"
    await office.says(ANA, text)
    desk = Desk(office.store, office.known, office.rater, office.clock)

    async def goes() -> None:
        if how == "leaves":
            await desk.leave(ANA)
        elif how == "deletes":
            assert await desk.unheard(CHANNEL, question.message, f"{ANA} {text}")
        else:
            await office.store.forget(ANA)

    office.rater = cast("EagerRater", Interrupted(office.rater, goes))
    await office.at(REVEALS)
    (revealed,) = office.stands(Revealed)
    assert isinstance(revealed.notice, Revealed)
    assert ANA not in repr(revealed.notice.discussion)


async def test_who_is_forgotten_during_a_reveal_is_in_no_digest(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    await office.says(BEN, "No")

    async def forgotten(key: str) -> None:
        if key.startswith("reveal:"):
            await office.store.forget(ANA)

    office.wall.before = forgotten
    await office.at(REVEALS)
    outcome = (await office.question()).outcome
    assert outcome
    assert outcome.takers == (BEN,)


async def test_a_channel_that_took_a_reveal_again_is_not_stuck_any_more(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    office.wall.closed[CHANNEL] = WHY
    await office.at(REVEALS)
    assert (await office.board()).stuck == WHY
    office.wall.closed.clear()
    await office.at(REVEALS + 30)
    assert len(office.stands(Revealed)) == 1
    assert (await office.board()).stuck == ""


async def test_an_administrator_is_told_once_where_only_posting_is_refused(office: Office) -> None:
    await office.sets_up(BOARD)

    async def refused(_: str) -> None:
        raise Closed("Only some may post here.")

    office.wall.before = refused
    for day in range(3):
        for seconds in (0, 30, 150, 750):
            await office.at(NINE + day * DAY + seconds)
    assert len(office.wall.told) == 1


async def test_an_administrator_who_could_not_be_told_is_told_at_the_next_try(office: Office) -> None:
    await office.sets_up(BOARD)
    office.wall.closed[CHANNEL] = WHY

    class Busy:
        def __getattr__(self, name: str) -> Any:
            return getattr(office.wall, name)

        async def tell(self, person: str, key: str, notice: Private) -> None:
            raise Away("Slow down.", unclear=False)

    office.clock.now = NINE
    (what,) = await office.errands()
    await replace(office.herald(), noticeboard=cast("FakeNoticeboard", Busy())).do(what, False)
    assert office.wall.told == []
    await office.at(NINE + 30)
    await office.at(NINE + 150)
    assert len(office.wall.told) == 1


async def test_blind_answers_are_shown_though_their_question_has_left_the_bank(office: Office, tmp_path: Path) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids", sealed=True)
    office.known = made(tmp_path, Question("kiosk", "A kiosk", "Design a kiosk."))
    await office.at(REVEALS)
    assert len(office.stands(Unsealed)) == 1
    assert (await office.question()).outcome == Outcome((ANA,))


async def test_a_blind_answer_is_posted_under_a_key_that_names_nobody(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    desk = Desk(office.store, office.known, office.rater, office.clock)
    await desk.seal(CHANNEL, SLOT.name, ANA, "", "Ids")
    await office.at(REVEALS)
    (shown,) = office.stands(Unsealed)
    assert ANA not in shown.key


async def test_a_schedule_with_holidays_replaces_the_one_without(office: Office) -> None:
    await planning(office).order(TEAM, CHANNEL, ADMIN, "set 09:00 Europe/Berlin weekdays")
    await planning(office).order(TEAM, CHANNEL, ADMIN, "set 09:00 Europe/Berlin weekdays holidays=DE")
    await office.at(NINE)
    assert len(office.stands()) == 1
    assert [each.schedule.holidays for each in (await office.board()).plans] == ["DE"]


async def test_holidays_that_nobody_knows_any_more_stop_no_reveal(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.changes(plans=(replace(PLAN, schedule=replace(PLAN.schedule, holidays="ES-XX")),))
    await office.at(REVEALS)
    assert len(office.stands(Revealed)) == 1


async def test_a_message_that_was_deleted_is_not_heard_when_it_is_delivered_again(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    desk, under = Desk(office.store, office.known, office.rater, office.clock), (await office.question()).message
    for _ in range(2):
        assert await desk.heard(CHANNEL, under, "1", ANA, "", "Ids")
        assert await desk.unheard(CHANNEL, under, "1")
    await desk.heard(CHANNEL, under, "1", ANA, "", "Ids")
    assert await office.store.answers(CHANNEL, SLOT) == ()
    await office.store.forget(ANA)


async def test_two_schedules_of_a_channel_that_want_the_same_are_asked_different_questions_on_a_day(
    office: Office,
) -> None:
    later = replace(PLAN, id="b", schedule=replace(PLAN.schedule, minute=time(15)))
    other = replace(BOARD, channel="slack:T1:C2", plans=(replace(later, id="c"),))
    await office.sets_up(replace(BOARD, plans=(later, PLAN)), other)
    await office.at(NINE)
    await office.at(NINE + 6 * HOUR)
    (morning, afternoon), (elsewhere,) = [await office.store.past(each) for each in (CHANNEL, other.channel)]
    assert morning.item == elsewhere.item, "it is the team's for the day"
    assert afternoon.item != morning.item


async def test_a_question_that_is_moved_to_a_later_hour_of_the_day_is_a_new_one(office: Office) -> None:
    await office.sets_up(replace(BOARD, plans=(PLAN, EVENING)))
    await office.at(NINE)
    await office.changes(plans=(replace(PLAN, id="c", schedule=replace(PLAN.schedule, minute=time(15))), EVENING))
    for hours in (6, 11):
        await office.at(NINE + hours * HOUR)
    items = [each.item for each in await office.store.past(CHANNEL)]
    assert len(items) == len(set(items)) == 3


@pytest.mark.parametrize("order", ["pause", "skip", "remove a"])
async def test_a_question_that_was_called_off_as_it_was_being_posted_stands_and_is_revealed(
    office: Office, order: str
) -> None:
    await office.sets_up(replace(BOARD, plans=(PLAN, EVENING)))
    office.wall.troubles = [Trouble(Away("Timed out."), stands=True)]
    await office.at(NINE)
    await office.changes(**CALLED_OFF[order])
    await office.at(NINE + 30)
    (posted,) = office.stands()
    assert (await office.question()).message == posted.id
    await office.at(REVEALS)
    assert len(office.stands(Revealed)) == 1


@pytest.mark.parametrize("order", ["pause", "skip"])
async def test_a_question_that_was_called_off_before_it_was_posted_is_not_asked(office: Office, order: str) -> None:
    await office.sets_up(BOARD)
    office.wall.troubles = [Trouble(Away("Timed out."))]
    await office.at(NINE)
    await office.changes(**CALLED_OFF[order])
    for later in (30, 3 * HOUR):
        await office.at(NINE + later)
    assert office.stands() == []
    assert (await office.board()).news == ()
