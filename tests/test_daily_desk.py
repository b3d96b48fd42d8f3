"""What people ask of a channel's daily question, on a real store: orders, answers, reminders, feedback."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest

from bot.daily_desk import GONE, OUT, Desk
from bot.daily_planning import NONE, Planning
from bot.wiring import Interviewer
from interviewer.daily import (
    Board,
    DailyAnswer,
    DailyQuestion,
    Item,
    Slot,
    Standing,
    Took,
)
from interviewer.daily_store import DailyStore
from interviewer.model import Level
from interviewer.questions import Bank
from tests.fakes import EagerRater
from tests.slack_bot import bank

TEAM, CHANNEL, OTHER = "slack:T1", "slack:T1:C1", "slack:T1:C2"
ANA, BEN, ADMIN = "slack:T1:ANA", "slack:T1:BEN", "slack:T1:ADMIN"
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
HOUR, MINUTE = 3600.0, 60.0
TODAY = Slot("a", date(2026, 11, 23))
ABOUT = Item("apple-task-scheduler", "lease-expiry")


@dataclass
class Time:
    """A clock that stands still until it is told."""

    now: float = MONDAY

    def __call__(self) -> float:
        return self.now


@dataclass
class Office:
    """A desk, with what it works on."""

    desk: Desk
    planning: Planning
    store: DailyStore
    time: Time
    rater: EagerRater

    async def order(self, text: str, channel: str = CHANNEL) -> str:
        return await self.planning.order(TEAM, channel, ADMIN, text)

    async def board(self) -> Board:
        board = await self.store.board(CHANNEL)
        assert board
        return board

    async def asks(self, about: Item = ABOUT, level: Level = Level.SENIOR) -> DailyQuestion:
        """A question that was asked just now and is revealed in seven hours, as the message "q"."""
        board = await self.store.board(CHANNEL)
        zone = board.plans[0].schedule.zone if board else "UTC"
        question = DailyQuestion(TODAY, about, level, self.time.now, self.time.now + 7 * HOUR, "q", zone=zone)
        await self.store.keep_question(CHANNEL, question)
        return question

    async def hears(self, text: str, message: str = "1", person: str = ANA, zone: str = "Europe/Berlin") -> bool:
        return await self.desk.heard(CHANNEL, "q", message, person, zone, text)

    async def said(self) -> list[tuple[str, str]]:
        return [(each.person, each.text) for each in await self.store.answers(CHANNEL, TODAY)]


@pytest.fixture
async def office(redis_url: str) -> AsyncGenerator[Office]:
    async with DailyStore.from_url(redis_url) as store:
        time, rater = Time(), EagerRater()
        yield Office(Desk(store, bank(), rater, time), Planning(store, bank(), time), store, time, rater)


# --- what administrators want ---------------------------------------------------------------------------------------


async def test_a_schedule_that_is_set_says_what_it_asks_when(office: Office) -> None:
    said = await office.order("set 09:00 europe/berlin holidays=de level=staff topics=payments,queues reveal=90m")
    words = "09:00 Europe/Berlin weekdays holidays=DE level=staff topics=payments,queues reveal=90m"
    assert said.splitlines() == [
        f"Set: `a`: `{words}`.",
        "It asks Tue 24 Nov 09:00, Wed 25 Nov 09:00, Thu 26 Nov 09:00 (Europe/Berlin).",
        "`daily status` shows what comes next, and `daily ask-now` asks a question at once.",
    ]
    board = await office.board()
    assert (board.team, board.admin, board.plans[0].since, board.plans[0].reveal) == (TEAM, ADMIN, MONDAY, 90 * MINUTE)


async def test_a_schedule_that_is_set_again_with_other_words_is_changed_and_keeps_its_place(office: Office) -> None:
    await office.order("set 09:00 UTC")
    before = await office.board()
    office.time.now += HOUR
    said = await office.order("set 09:00 UTC level=mid reveal=2h")
    assert said.startswith("Changed: `a`: `09:00 UTC weekdays level=mid reveal=2h`.\nIt asks Tue 24 Nov 09:00,")
    changed = replace(before.plans[0], level=Level.MID, reveal=2 * HOUR)
    assert (await office.board()).plans == (changed,)


async def test_a_status_shows_every_plan_in_order_with_holidays_clock_changes_and_news(office: Office) -> None:
    office.time.now = datetime(2027, 3, 24, 12, tzinfo=UTC).timestamp()
    await office.order("set 09:00 Europe/Berlin weekdays holidays=DE")
    await office.order("set 23:00 America/New_York sat")
    await office.order("leaderboard on")
    board = await office.board()
    assert await office.store.keep_board(board, replace(board, news=("Mon 22 Mar, 08:00 UTC: skipped",)))
    assert (await office.order("status")).splitlines() == [
        "- `a`: `09:00 Europe/Berlin weekdays holidays=DE level=senior reveal=7h`",
        "- `b`: `23:00 America/New_York sat level=senior reveal=7h`",
        "Next:",
        "- Thu 25 Mar 09:00 Europe/Berlin (08:00 UTC) `a`",
        "- Fri 26 Mar `a`: holiday: Karfreitag, skipped",
        "- Sat 27 Mar 23:00 America/New_York (Sun 03:00 UTC) `b`",
        "- Mon 29 Mar `a`: holiday: Ostermontag, skipped",
        "- Tue 30 Mar 09:00 Europe/Berlin (07:00 UTC) `a`: clocks went forward: 1 h earlier in UTC than before",
        "- Wed 31 Mar 09:00 Europe/Berlin (07:00 UTC) `a`",
        "- Thu 1 Apr 09:00 Europe/Berlin (07:00 UTC) `a`",
        "What went differently:",
        "- Mon 22 Mar, 08:00 UTC: skipped",
        "The leaderboard is on: `daily leaderboard off` changes that.",
    ]


@pytest.mark.parametrize(
    "text", ["", "status", "pause", "resume", "skip", "ask-now", "remove", "remove really", "leaderboard on"]
)
async def test_a_channel_without_a_daily_question_says_how_to_set_one(office: Office, text: str) -> None:
    assert await office.order(text) == NONE
    assert await office.store.board(CHANNEL) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("set", "Say at what time"),
        ("set 09:00 Berlin", "Did you mean Europe/Berlin?"),
        ("set 09:00 UTC topics=paymnts", "No question has the topic “paymnts”. Did you mean payments?"),
        (
            "set 10:00 utc weekdays level=senior",
            "That is set already: `a`: `10:00 UTC weekdays level=senior reveal=7h`.",
        ),
        ("skip b", "There is no schedule called `b`. There is `a`: `10:00 UTC weekdays level=senior reveal=7h`."),
        ("skip undo", "No question to come is left out."),
        ("leaderboard", "Write `daily leaderboard on` or `daily leaderboard off`."),
        ("stauts", "I don't know `stauts`. Did you mean `daily status`?"),
        ("`@channel`", "I don't know `@channel`. `daily help` shows what there is."),
        ("09:00 Europe/Berlin", "To set a daily question, write `daily set 09:00 Europe/Berlin weekdays`."),
        ("remove", "To do so, write `daily remove really`."),
        ("remove a", "To do so, write `daily remove really`."),
    ],
)
async def test_what_is_refused_says_what_to_do_and_changes_nothing(office: Office, text: str, said: str) -> None:
    await office.order("set 10:00 UTC")
    before = await office.board()
    assert said in await office.order(text)
    assert await office.board() == before


async def test_every_order_there_is_is_in_the_help(office: Office) -> None:
    said = await office.order("help")
    for order in ("set", "status", "pause", "resume", "skip", "ask-now", "leaderboard", "remove"):
        assert f"`daily {order}" in said


async def test_a_channel_has_ten_schedules_at_most_and_orders_at_once_lose_none(office: Office) -> None:
    orders = [office.planning.plan(TEAM, CHANNEL, ADMIN, f"{hour:02}:00 UTC") for hour in range(8)]
    await asyncio.gather(*orders)
    assert sorted(plan.id for plan in (await office.board()).plans) == list("abcdefgh")
    for hour in (8, 9):
        await office.order(f"set {hour:02}:00 UTC")
    assert "at most 10 schedules" in await office.order("set 10:00 UTC")


async def test_what_was_missed_in_a_pause_is_not_made_up_for(office: Office) -> None:
    await office.order("set 13:00 UTC")
    await office.order("pause")
    assert "Paused by an administrator" in await office.order("status")
    assert "because it is paused" in await office.order("ask-now")
    assert await office.order("pause") == "It is paused already. `daily resume` goes on."
    office.time.now += 2 * HOUR
    said = await office.order("resume")
    assert said == "It goes on: it asks Tue 24 Nov 13:00, Wed 25 Nov 13:00, Thu 26 Nov 13:00 (UTC)."
    board = await office.board()
    assert (board.paused, board.plans[0].since) == (False, MONDAY + 2 * HOUR)
    assert (await office.order("resume")).startswith("It is not paused: it asks Tue 24 Nov 13:00")


@pytest.mark.parametrize("text", ["resume", "set 14:00 UTC"])
async def test_a_channel_that_was_stuck_goes_on_when_somebody_says_so(office: Office, text: str) -> None:
    await office.order("set 13:00 UTC")
    board = await office.board()
    assert await office.store.keep_board(board, replace(board, stuck="The channel is archived. Unarchive it."))
    assert "I can't post here: The channel is archived. Unarchive it. Then `daily resume`." in await office.order("")
    office.time.now += 2 * HOUR
    await office.order(text)
    after = await office.board()
    assert (after.stuck, {plan.since for plan in after.plans}) == ("", {MONDAY + 2 * HOUR})


async def test_the_next_question_is_left_out_and_put_back(office: Office) -> None:
    await office.order("set 09:00 Europe/Berlin")
    await office.order("set 10:00 Europe/Berlin")
    assert (await office.order("skip")).startswith(
        "Left out: the question of `a` on Tue 24 Nov. The next question comes Tue 24 Nov 10:00 (Europe/Berlin)."
    )
    assert "of `a` on Wed 25 Nov. The next question comes Tue 24 Nov 10:00" in await office.order("skip a")
    assert "- Tue 24 Nov `a`: skipped by an administrator" in await office.order("status")
    assert (await office.order("skip undo")).startswith("Wed 25 Nov is asked after all.")
    assert (await office.board()).skipped == (Slot("a", date(2026, 11, 24)),)
    office.time.now += 24 * HOUR
    assert "No question to come is left out." in await office.order("skip undo")


async def test_a_question_that_is_asked_for_now_is_one_extra_on_the_local_day(office: Office) -> None:
    office.time.now = datetime(2026, 11, 23, 20, tzinfo=UTC).timestamp()
    await office.order("set 09:00 Asia/Tokyo level=mid")
    assert (await office.order("ask-now")).startswith("A question comes in a moment")
    assert "on its way" in await office.order("ask-now")
    (extra,) = (await office.board()).extras
    assert (extra.slot.day, extra.at, extra.like.level) == (date(2026, 11, 24), office.time.now, Level.MID)
    assert extra.slot.plan.startswith("now-")


async def test_one_of_several_plans_is_removed_by_name_and_all_of_them_when_really_meant(office: Office) -> None:
    await office.order("set 09:00 UTC")
    await office.order("set 10:00 UTC level=mid")
    await office.order("skip b")
    said = await office.order("remove b")
    assert said.endswith("To have it back, `daily set 10:00 UTC weekdays level=mid reveal=7h`.")
    board = await office.board()
    assert ([plan.id for plan in board.plans], board.skipped) == (["a"], ())
    assert "is deleted" in await office.order("remove really")
    assert await office.store.board(CHANNEL) is None


async def test_a_plan_that_is_set_anew_does_not_take_a_day_for_done_that_another_asked(office: Office) -> None:
    await office.order("set 09:00 UTC")
    await office.order("set 10:00 UTC")
    await office.asks()
    await office.order("remove a")
    await office.order("set 15:00 UTC")
    assert [plan.id for plan in (await office.board()).plans] == ["b", "c"]


# --- what people answer ---------------------------------------------------------------------------------------------


async def test_messages_below_a_question_are_answers_as_they_stand_last(office: Office) -> None:
    await office.asks()
    assert not await office.desk.heard(CHANNEL, "another", "1", ANA, "", "hello")
    assert not await office.desk.heard(OTHER, "q", "1", ANA, "", "hello")
    assert not await office.desk.unheard(CHANNEL, "another", "1")
    assert await office.hears("A lease that\x07 expires.")
    assert await office.hears("x" * 5000, "2", BEN)
    office.time.now += MINUTE
    assert await office.hears("A lease that expires, renewed by a heartbeat.")
    assert await office.said() == [(ANA, "A lease that expires, renewed by a heartbeat."), (BEN, "x" * 4000)]
    assert await office.desk.unheard(CHANNEL, "q", "2")
    assert await office.hears("  ")
    assert await office.said() == []


async def test_what_is_written_after_the_reveal_is_no_answer_and_can_still_be_deleted(office: Office) -> None:
    await office.asks()
    await office.hears("A lease.")
    office.time.now += 7 * HOUR
    assert await office.hears("A lease, as the reveal says.")
    assert await office.hears("Me too.", "2", BEN)
    assert await office.said() == [(ANA, "A lease.")]
    assert await office.desk.unheard(CHANNEL, "q", "1")
    assert await office.said() == []


async def test_an_answer_counts_for_the_day_it_is_where_the_person_is(office: Office) -> None:
    office.time.now = datetime(2026, 11, 23, 22, tzinfo=UTC).timestamp()
    await office.order("set 09:00 Asia/Tokyo")
    await office.asks()
    await office.hears("A lease.", "1", ANA, "America/New_York")
    await office.hears("A lease.", "2", BEN, "Nowhere/Land")
    await office.store.stand(ADMIN, Standing(hidden=True))
    await office.hears("A lease.", "3", ADMIN)
    # Edited the next day, it is no answer of that day.
    office.time.now += 6.5 * HOUR
    await office.hears("A lease that expires.", "1", ANA, "America/New_York")
    assert await office.store.days(ANA) == {Took(date(2026, 11, 23), TODAY.day)}
    assert await office.store.days(BEN) == {Took(date(2026, 11, 24), TODAY.day)}
    assert await office.store.days(ADMIN) == set()


async def test_a_blind_answer_is_sealed_changed_and_taken_back(office: Office) -> None:
    await office.asks()
    said = await office.desk.seal(CHANNEL, TODAY.name, ANA, "Europe/Berlin", "A lease.")
    assert said == (
        "Sealed. It is shown in the thread at 20:00 (Europe/Berlin), with your name, and nobody sees it before. Until then you "
        "can change it: press “Blind answer” again."
    )
    await office.desk.seal(CHANNEL, TODAY.name, ANA, "Europe/Berlin", "A lease that expires.")
    assert await office.desk.sealed(CHANNEL, TODAY.name, ANA) == "A lease that expires."
    assert await office.desk.sealed(CHANNEL, TODAY.name, BEN) == ""
    (kept,) = await office.store.answers(CHANNEL, TODAY)
    assert replace(kept, message="") == DailyAnswer(ANA, "A lease that expires.", MONDAY, sealed=True)
    assert kept.message
    assert ANA not in kept.message
    too_long = await office.desk.seal(CHANNEL, TODAY.name, ANA, "", "x" * 1501)
    assert too_long.startswith("That is 1,501 characters, and a blind answer has room for 1,500")
    assert "taken back" in await office.desk.seal(CHANNEL, TODAY.name, ANA, "", " ")
    assert "nothing is sealed" in await office.desk.seal(CHANNEL, TODAY.name, ANA, "", "")
    assert await office.said() == []
    assert {took.day for took in await office.store.days(ANA)} == {date(2026, 11, 23)}


async def test_nothing_is_sealed_or_taken_back_once_the_answers_are_out_or_the_question_is_gone(office: Office) -> None:
    await office.asks()
    await office.store.stand(ANA, Standing(hidden=True))
    assert "without your name" in await office.desk.seal(CHANNEL, TODAY.name, ANA, "", "A lease.")
    office.time.now += 7 * HOUR
    assert await office.desk.seal(CHANNEL, TODAY.name, ANA, "", "") == OUT
    assert await office.said() == [(ANA, "A lease.")]
    for name in ("a/2026-11-20", "nonsense", ""):
        assert await office.desk.seal(CHANNEL, name, ANA, "", "A lease.") == GONE
        assert await office.desk.sealed(CHANNEL, name, ANA) == ""
        assert await office.desk.remind(CHANNEL, name, ANA, "") == GONE
        assert await office.desk.feedback(CHANNEL, name, ANA) == GONE
        assert await office.desk.practise(CHANNEL, name) is None


# --- what people ask for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "at", "said"),
    [
        (7 * HOUR, 6 * HOUR, "I'll remind you at 03:00 (Asia/Tokyo). The answers are shown at 04:00 (Asia/Tokyo)."),
        (75 * MINUTE, 15 * MINUTE, "I'll remind you at 21:15 (Asia/Tokyo)."),
        (74 * MINUTE, 37 * MINUTE, "I'll remind you at 21:37 (Asia/Tokyo)."),
        (10 * MINUTE, 5 * MINUTE, "I'll remind you at 21:05 (Asia/Tokyo)."),
        (9 * MINUTE, None, "The answers are shown at 21:09 (Asia/Tokyo), too soon for a reminder."),
        (0, None, OUT),
    ],
)
async def test_a_reminder_comes_an_hour_before_the_reveal_or_half_way(
    office: Office, left: float, at: float | None, said: str
) -> None:
    question = await office.asks()
    await office.store.keep_question(CHANNEL, replace(question, reveals=MONDAY + left))
    answer = await office.desk.remind(CHANNEL, TODAY.name, ANA, "Asia/Tokyo")
    # Past midnight in Tokyo it is tomorrow.
    assert said in answer.replace("tomorrow ", "")
    assert ("tomorrow at 03:00" in answer) == (left == 7 * HOUR)
    assert [deed.at - MONDAY for deed in await office.store.reminders(CHANNEL)] == ([] if at is None else [at])


async def test_a_reminder_is_taken_back_by_asking_again_and_comes_once(office: Office) -> None:
    await office.asks()
    await office.desk.remind(CHANNEL, TODAY.name, ANA, "")
    said = await office.desk.remind(CHANNEL, TODAY.name, ANA, "")
    assert said.startswith("I won't remind you. The answers are shown at 19:00 (UTC).")
    assert await office.store.reminders(CHANNEL) == ()
    await office.store.settle(CHANNEL, f"remind:{ANA}/{TODAY.name}", "told")
    assert (await office.desk.remind(CHANNEL, TODAY.name, ANA, "")).startswith("I have reminded you already.")
    assert await office.store.reminders(CHANNEL) == ()


async def test_feedback_quotes_what_is_there_and_gives_nothing_away_before_the_reveal(office: Office) -> None:
    await office.asks()
    point = office.desk.bank.case(ABOUT.question).guide.point
    await office.hears("Nothing yet.", "1", BEN)
    assert "You have not answered" in await office.desk.feedback(CHANNEL, TODAY.name, ANA)
    await office.hears(f"I have a `lease-expiry` here{' and more' * 40}.")
    await office.desk.seal(CHANNEL, TODAY.name, ANA, "", "And retries.")
    said = (await office.desk.feedback(CHANNEL, TODAY.name, ANA)).splitlines()
    assert said[:2] == [
        "Only you see this. It is an estimate, and I may have misread you.",
        "What I heard, in your words:",
    ]
    assert said[2].startswith("- “I have a 'lease-expiry' here and more")
    assert said[2].endswith("…”")
    assert said[3] == "What you could still think about:"
    assert f"- {point('retry-backoff').probe}" in said
    for each in ("lease-expiry", "retry-backoff"):
        assert point(each).statement not in "\n".join(said)
    assert office.rater.asked[-1].text.endswith("\nAnd retries.")
    await office.hears("Now retry-backoff too.", "3")
    await office.desk.feedback(CHANNEL, TODAY.name, ANA)
    assert await office.store.firsts(CHANNEL, TODAY) == {ANA: {"lease-expiry"}}


async def test_feedback_after_the_reveal_has_what_was_missing_and_is_no_first_try(office: Office) -> None:
    await office.asks()
    point = office.desk.bank.case(ABOUT.question).guide.point
    await office.hears("lease-expiry")
    office.time.now += 7 * HOUR
    said = await office.desk.feedback(CHANNEL, TODAY.name, ANA)
    assert f"- “lease-expiry”: {point('lease-expiry').statement}" in said
    assert f"- {point('retry-backoff').statement}" in said
    assert point("retry-backoff").probe not in said
    assert await office.store.firsts(CHANNEL, TODAY) == {}
    assert "Practise this privately" in await office.desk.feedback(CHANNEL, TODAY.name, BEN)


async def test_the_offline_rater_hears_an_answer_and_makes_nothing_of_noise(
    office: Office, leads: Interviewer, known: Bank
) -> None:
    desk = Desk(office.store, known, leads.rater, office.time)
    await office.asks()
    await office.hears("asdf asdf")
    assert (await desk.feedback(CHANNEL, TODAY.name, ANA)).startswith("I can't make out an answer in that.")
    assert await office.store.firsts(CHANNEL, TODAY) == {}
    exemplar = known.case(ABOUT.question).guide.point(ABOUT.point).exemplars[0]
    await office.hears(exemplar, "2")
    said = await desk.feedback(CHANNEL, TODAY.name, ANA)
    assert "What I heard, in your words:" in said
    assert "lease-expiry" in (await office.store.firsts(CHANNEL, TODAY))[ANA]


async def test_what_is_no_longer_in_the_bank_is_said(office: Office) -> None:
    await office.asks(Item("gone", "gone"))
    await office.hears("A lease.")
    assert "no longer in the bank" in await office.desk.feedback(CHANNEL, TODAY.name, ANA)
    assert await office.desk.practise(CHANNEL, TODAY.name) is None
    await office.asks(Item(ABOUT.question, "gone"))
    assert "no longer in the bank" in await office.desk.feedback(CHANNEL, TODAY.name, ANA)


async def test_a_question_is_practised_at_the_level_it_was_asked_at(office: Office) -> None:
    await office.asks(level=Level.STAFF)
    assert await office.desk.practise(CHANNEL, TODAY.name) == (ABOUT.question, Level.STAFF)


async def test_whoever_leaves_is_hidden_until_they_join(office: Office) -> None:
    assert "“Count me in” takes it back" in await office.desk.leave(ANA)
    assert await office.store.standing(ANA) == Standing(hidden=True)
    assert "“Leave me out” takes it back" in await office.desk.join(ANA)
    assert await office.store.standing(ANA) == Standing(ranked=True)
