"""What is kept of daily questions, on a server and on a cluster: who wins, what is dropped, and what a person leaves behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError  # noqa: A004

from interviewer import records
from interviewer.calendar import DAILY, Schedule
from interviewer.daily import (
    GIVEN_UP,
    Board,
    DailyAnswer,
    DailyQuestion,
    Deed,
    Doing,
    Extra,
    Item,
    Kind,
    Outcome,
    Plan,
    Slot,
    Standing,
    Took,
)
from interviewer.daily_store import DailyStore
from interviewer.model import Level
from interviewer.ports import StoreUnavailable
from interviewer.store import DAY, KEEP
from tests.fakes import redis_client
from tests.keys import everything

CHANNEL = "slack:T1:C1"
TEAM = "slack:T1"
ADA, BOB = "slack:T1:U1", "slack:T1:U12"
TODAY = date(2026, 11, 24)
SLOT = Slot("a", TODAY)
PLAN = Plan("a", Schedule(time(9), "Europe/Berlin", DAILY, "DE-BY"), 1795500000.123456, Level.STAFF, ("queues",))
BOARD = Board(
    CHANNEL, TEAM, ADA, (PLAN,), (Extra(Slot("now1", TODAY), 5.5, PLAN),), skipped=(SLOT,), news=("Ein Tag – fiel aus",)
)
QUESTION = DailyQuestion(SLOT, Item("shortener", "keys"), Level.STAFF, 1795507200.1, 1795532400.1, "1700.01")
ASK = Deed(Kind.ASK, SLOT.name, 1795507200.0).name


@pytest.fixture(params=["redis", "cluster"])
async def url(request: pytest.FixtureRequest, redis_url: str, valkey_cluster: str) -> AsyncGenerator[str]:
    if request.param == "redis":
        yield redis_url
        return
    yield valkey_cluster
    async with redis_client(node(valkey_cluster)) as client:
        await client.flushall()


@pytest.fixture
async def store(url: str) -> AsyncGenerator[DailyStore]:
    async with DailyStore.from_url(url) as store:
        yield store


@pytest.fixture
async def redis(url: str) -> AsyncGenerator[Any]:
    """A plain client of the server, or of the cluster's only node."""
    async with redis_client(node(url)) as client:
        yield client


def key(tag: str, name: str, kind: str) -> str:
    return f"mb:{{{tag}:{name}}}:{kind}"


def node(url: str) -> str:
    return url.replace("+cluster", "")


class Dying(Redis):
    """A client that is gone after some commands."""

    left = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("gone")
        return await cast("Any", super()).execute_command(*args, **options)


def dying(url: str, commands: int) -> Redis:
    client: Any = cast("Any", Dying).from_url(url)
    client.left = commands
    return client


async def boards(store: DailyStore, prefix: str) -> list[str]:
    return sorted([board.channel async for board in store.boards(prefix)])


async def waiting(store: DailyStore, now: float = 1e9) -> list[str]:
    return [channel for channel, _ in await store.waiting("slack", now)]


async def seen(store: DailyStore, now: float = 1e9) -> float:
    """The score of the one channel that is waiting."""
    ((_, score),) = await store.waiting("slack", now)
    return score


async def lives(store: DailyStore, person: str) -> None:
    """Somebody leaves something of every kind."""
    await store.answer(CHANNEL, SLOT, DailyAnswer(person, "In the open", 10.0, f"m-{person[-3:]}"))
    await store.answer(CHANNEL, SLOT, DailyAnswer(person, "Blind", 11.0, sealed=True))
    await store.first(CHANNEL, SLOT, person, frozenset({"keys", "hot"}))
    await store.remind(CHANNEL, person, SLOT, 20.5)
    for deed in (f"remind:{person}/{SLOT.name}", f"unseal:{SLOT.name}/{person}"):
        await store.take(CHANNEL, deed)
    await store.took(person, Took(TODAY, TODAY))
    await store.stand(person, Standing(hidden=True))


# --- boards ---------------------------------------------------------------------------------------------------------


async def test_a_board_is_kept_as_it_is_and_found_by_how_its_channel_begins(store: DailyStore) -> None:
    assert await store.board(CHANNEL) is None
    elsewhere = ["slack:T12:C1", "discord:1:2"]
    for channel in (CHANNEL, *elsewhere):
        assert await store.keep_board(None, replace(BOARD, channel=channel))
    assert await store.board(CHANNEL) == BOARD
    assert await boards(store, "slack:") == sorted([CHANNEL, "slack:T12:C1"])
    assert await boards(store, "slack:T1:") == [CHANNEL]
    assert await boards(store, "discord:1:") == ["discord:1:2"]
    assert await boards(store, "discord:2:") == []


async def test_of_two_who_change_a_board_at_once_one_wins(store: DailyStore) -> None:
    assert await store.keep_board(None, BOARD)
    changed = [replace(BOARD, paused=True), replace(BOARD, leaderboard=True)]
    # With a connection for each, so that neither waits for its own while the other is done.
    await asyncio.gather(*(store.board(CHANNEL) for _ in changed))
    won = await asyncio.gather(*(store.keep_board(BOARD, each) for each in changed))
    assert sorted(won) == [False, True]
    assert await store.board(CHANNEL) == changed[won.index(True)]
    assert not await store.keep_board(None, BOARD), "there is one already"
    assert not await store.keep_board(replace(BOARD, channel="slack:T1:C2"), replace(BOARD, channel="slack:T1:C2"))
    assert await boards(store, "slack:") == [CHANNEL]


async def test_a_board_that_another_version_wrote_can_be_changed(store: DailyStore, redis: Any) -> None:
    await redis.set(key("d", CHANNEL, "board"), f'{{"channel": "{CHANNEL}", "team": "t", "admin": "a", "mood": "new"}}')
    old = await store.board(CHANNEL)
    assert old == Board(CHANNEL, "t", "a")
    assert await store.keep_board(old, BOARD)
    assert await store.board(CHANNEL) == BOARD


async def test_a_channel_is_looked_at_when_its_board_changes_and_then_rests_until_its_time(store: DailyStore) -> None:
    await store.keep_board(None, BOARD)
    now = datetime.now(UTC).timestamp()
    until = now + 600.1234567
    await store.rest(CHANNEL, await seen(store), until)
    assert await waiting(store, until - 0.001) == []
    assert await store.waiting("slack", until) == ((CHANNEL, until),)
    assert await store.waiting("discord", until) == ()
    await store.rest(CHANNEL, until, None)
    assert await waiting(store, now + 3590) == []
    # No clock that was ahead is believed for longer.
    for far in (now + 1e6, None):
        ((_, score),) = await store.waiting("slack", now + 3700)
        await store.rest(CHANNEL, score, far)
        assert await waiting(store, now + 3590) == []
    assert await boards(store, "slack:") == [CHANNEL], "it is found although it rests"
    assert await store.keep_board(BOARD, replace(BOARD, paused=True))
    assert await waiting(store) == [CHANNEL]


async def test_whoever_saw_too_little_does_not_put_a_channel_to_rest(store: DailyStore) -> None:
    await store.keep_board(None, BOARD)
    scores = [await seen(store)]
    for _ in range(3):
        await store.look_again(CHANNEL)
        scores.append(await seen(store))
    assert len(set(scores)) == 4, "else one could not tell whether it saw the latest"
    for stale in scores[:-1]:
        await store.rest(CHANNEL, stale, None)
    assert await waiting(store) == [CHANNEL]
    await store.rest(CHANNEL, scores[-1], None)
    assert await waiting(store) == []


async def test_a_writer_who_lost_leaves_the_channel_to_be_looked_at(store: DailyStore) -> None:
    await store.keep_board(None, BOARD)
    before = await seen(store)
    won = await asyncio.gather(*(store.keep_board(BOARD, replace(BOARD, stuck=why)) for why in ("a", "b")))
    assert won.count(True) == 1
    await store.rest(CHANNEL, before, None)
    assert await waiting(store) == [CHANNEL]


async def test_a_score_never_returns_even_if_the_servers_clock_goes_back(store: DailyStore, redis: Any) -> None:
    await store.keep_board(None, BOARD)
    ahead = -9e15
    await redis.zadd("mb:daily:slack", {CHANNEL: ahead})
    await store.look_again(CHANNEL)
    assert await seen(store) < ahead


@pytest.mark.parametrize("commands", range(5))
async def test_a_changed_board_is_looked_at_wherever_its_writer_dies(redis_url: str, commands: int) -> None:
    paused = replace(BOARD, paused=True)
    async with DailyStore.from_url(redis_url) as store, redis_client(redis_url) as redis:
        await store.keep_board(None, BOARD)
        # A worker sees it just before, and puts it to rest in the worst moment.
        before = await seen(store)
        async with DailyStore(dying(redis_url, commands)) as writer:
            with suppress(StoreUnavailable):
                await writer.keep_board(BOARD, paused)
        await store.rest(CHANNEL, before, None)
        changed = await store.board(CHANNEL) == paused
        assert changed == (commands > 2)
        if changed:
            soon = (await redis.time())[0] + 61.0
            assert await waiting(store, soon) == [CHANNEL]


async def test_a_channel_without_a_board_is_nothing_to_look_at(store: DailyStore, redis: Any) -> None:
    await store.look_again(CHANNEL)
    await store.rest(CHANNEL, 0.0, 1.0)
    assert await waiting(store) == []
    assert await redis.dbsize() == 0


async def test_removing_a_channel_leaves_nothing_of_it(store: DailyStore, redis: Any) -> None:
    await store.keep_board(None, replace(BOARD, channel=CHANNEL + "2"))
    await store.answer(CHANNEL + "2", SLOT, DailyAnswer(ADA, "elsewhere", 1.0, "m9"))
    kept = await everything(redis)
    await store.keep_board(None, BOARD)
    await lives(store, BOB)
    await store.answer(CHANNEL, Slot("gone", TODAY), DailyAnswer(ADA, "Of a plan long gone", 1.0, "m1"))
    await store.keep_question(CHANNEL, replace(QUESTION, outcome=Outcome((ADA, BOB))))
    await store.settle(CHANNEL, ASK, "m1")
    await redis.delete(key("c", BOB, "days"), key("c", BOB, "standing"))
    for _ in range(2):
        await store.remove(CHANNEL)
        assert await everything(redis) == kept
    assert await store.keep_board(None, BOARD), "it can be set up anew"


# --- questions and deeds --------------------------------------------------------------------------------------------


async def test_questions_are_read_oldest_first_and_found_by_their_messages(store: DailyStore) -> None:
    earlier = replace(QUESTION, slot=Slot("b", TODAY), asked=1.5, message="m0")
    for question in (QUESTION, earlier):
        await store.keep_question(CHANNEL, question)
    assert await store.past(CHANNEL) == (earlier, QUESTION)
    closed = replace(QUESTION, outcome=Outcome((ADA,), {ADA: 2}, 0.1, "keys"))
    await store.keep_question(CHANNEL, closed)
    assert await store.past(CHANNEL) == (earlier, closed)
    assert [await store.slot_of(CHANNEL, id) for id in ("1700.01", "m0", "m1")] == [SLOT, Slot("b", TODAY), None]
    assert await store.past(CHANNEL + "2") == ()


async def test_questions_of_more_than_40_days_ago_are_dropped_with_their_messages(store: DailyStore) -> None:
    def ago(days: int) -> DailyQuestion:
        return replace(QUESTION, slot=Slot("a", TODAY - timedelta(days)), asked=-float(days), message=f"m{days}")

    for days in (41, 40, 0):
        await store.keep_question(CHANNEL, ago(days))
    assert await store.past(CHANNEL) == (ago(40), ago(0))
    assert await store.slot_of(CHANNEL, "m41") is None
    assert await store.slot_of(CHANNEL, "m40") == ago(40).slot


async def test_a_deed_that_was_taken_is_unclear_until_it_is_settled(store: DailyStore) -> None:
    assert await store.take(CHANNEL, ASK) == Doing()
    assert await store.take(CHANNEL, ASK) == Doing(unclear=True)
    assert await store.settle(CHANNEL, ASK, "m1") == "m1"
    assert await store.doings(CHANNEL) == {ASK: Doing(id="m1")}
    assert await store.take(CHANNEL, ASK) == Doing(id="m1")
    await store.postpone(CHANNEL, ASK, 9.0, unclear=True)
    assert await store.doings(CHANNEL) == {ASK: Doing(id="m1")}, "what is settled stays so"


async def test_of_two_messages_of_a_deed_the_first_that_is_noted_counts(store: DailyStore) -> None:
    settled = await asyncio.gather(*(store.settle(CHANNEL, ASK, id) for id in ("m1", 'm"2', GIVEN_UP)))
    assert len(set(settled)) == 1
    assert await store.doings(CHANNEL) == {ASK: Doing(id=settled[0])}


async def test_a_deed_that_failed_counts_its_tries_and_knows_when_the_next_is(store: DailyStore) -> None:
    again = 1795507230.1234567
    await store.take(CHANNEL, ASK)
    for _ in range(2):
        # The second is what redis-py sends again after a lost reply.
        await store.postpone(CHANNEL, ASK, again, unclear=False)
        assert (await store.doings(CHANNEL))[ASK] == Doing(1, again)
    await store.postpone(CHANNEL, ASK, again + 120, unclear=True)
    assert await store.take(CHANNEL, ASK) == Doing(2, again + 120, unclear=True)


async def test_deeds_are_dropped_60_days_after_they_last_changed(store: DailyStore, redis: Any) -> None:
    deeds = key("d", CHANNEL, "deeds")
    now = (await redis.time())[0]
    for name, days in (("old", 61), ("recent", 59)):
        await redis.hset(deeds, f"ask:{name}", f'{{"id": "m", "since": {now - days * DAY}}}')
    await store.settle(CHANNEL, ASK, "m1")
    assert set(await store.doings(CHANNEL)) == {"ask:recent", ASK}


async def test_what_is_asked_on_an_occasion_is_decided_once(store: DailyStore) -> None:
    items = [Item("shortener", "keys"), Item("feed", "fan-out")]
    assert await store.pinned(TEAM, "", "o1") is None
    first = await asyncio.gather(*(store.pin(TEAM, "", "o1", item) for item in items))
    assert first[0] == first[1] == await store.pinned(TEAM, "", "o1")
    await store.pin(TEAM, "", "o0", items[0])
    await store.pin(TEAM, "feed", "o1", items[1])
    assert await store.asked(TEAM, "") == (first[0], items[0])
    assert await store.asked(TEAM, "feed") == (items[1],)
    assert await store.asked("slack:T2", "") == ()


async def test_of_what_a_team_was_asked_the_newest_1000_are_kept(store: DailyStore, redis: Any) -> None:
    old = [f"o{number}" for number in range(1000)]
    await redis.rpush(key("d", TEAM, "order:"), *old)
    item = records.ITEM.dump_json(Item("old", "point"))
    await redis.hset(key("d", TEAM, "asked:"), mapping=dict.fromkeys(old, item))
    await store.pin(TEAM, "", "new", Item("new", "point"))
    asked = await store.asked(TEAM, "")
    assert len(asked) == 1000
    assert asked[-1] == Item("new", "point")
    assert await store.pinned(TEAM, "", "o0") is None
    assert await store.pinned(TEAM, "", "o1") == Item("old", "point")


# --- answers and people ---------------------------------------------------------------------------------------------


async def test_an_answer_is_replaced_by_its_edit_and_answers_are_read_by_time(store: DailyStore) -> None:
    late = DailyAnswer(ADA, "Later – müde", 30.25, "m3")
    blind = DailyAnswer(BOB, "Blind", 20.0, sealed=True)
    for answer in (late, DailyAnswer(BOB, "frist", 10.0, "m1"), blind, DailyAnswer(BOB, "first", 10.0, "m1")):
        await store.answer(CHANNEL, SLOT, answer)
    assert await store.answers(CHANNEL, SLOT) == (DailyAnswer(BOB, "first", 10.0, "m1"), blind, late)
    await store.unanswer(CHANNEL, SLOT, f"sealed:{BOB}")
    await store.unanswer(CHANNEL, SLOT, "m1")
    assert await store.answers(CHANNEL, SLOT) == (late,)
    assert await store.answers(CHANNEL, Slot("b", TODAY)) == ()


async def test_the_points_of_the_first_feedback_stay(store: DailyStore) -> None:
    for points in (frozenset({"keys"}), frozenset({"keys", "hot"})):
        await store.first(CHANNEL, SLOT, ADA, points)
    await store.first(CHANNEL, SLOT, BOB, frozenset())
    assert await store.firsts(CHANNEL, SLOT) == {ADA: frozenset({"keys"}), BOB: frozenset()}


async def test_a_reminder_has_its_channel_looked_at_until_it_is_dropped(store: DailyStore) -> None:
    await store.keep_board(None, BOARD)
    await store.rest(CHANNEL, await seen(store), None)
    await store.remind(CHANNEL, ADA, SLOT, 300000.25)
    assert await waiting(store) == [CHANNEL]
    await store.remind(CHANNEL, BOB, SLOT, 200000.0)
    first, second = (Deed(Kind.REMIND, f"{who}/a/2026-11-24", at) for who, at in ((BOB, 200000.0), (ADA, 300000.25)))
    assert await store.reminders(CHANNEL) == (first, second)
    await store.remind(CHANNEL, ADA, Slot("a", TODAY + timedelta(1)), 400000.0)
    assert first not in await store.reminders(CHANNEL), "one of more than two days before is of no use"
    assert [await store.unremind(CHANNEL, ADA, SLOT) for _ in range(2)] == [True, False]
    assert [deed.at for deed in await store.reminders(CHANNEL)] == [400000.0]


async def test_a_persons_days_and_standing_are_theirs(store: DailyStore) -> None:
    assert await store.days(ADA) == frozenset()
    assert await store.standing(ADA) == Standing()
    for day in (TODAY - timedelta(400), TODAY - timedelta(399), TODAY, TODAY):
        await store.took(ADA, Took(day, TODAY))
    await store.stand(ADA, Standing(ranked=True))
    assert await store.days(ADA) == {Took(TODAY, TODAY), Took(TODAY - timedelta(399), TODAY)}
    assert (await store.standing(ADA), await store.standing(BOB)) == (Standing(ranked=True), Standing())


async def test_somebody_who_is_forgotten_is_named_nowhere_and_nobody_else_loses_anything(
    store: DailyStore, redis: Any
) -> None:
    bobs = replace(QUESTION, outcome=Outcome((BOB,), {BOB: 1}))
    await lives(store, BOB)
    await store.keep_question(CHANNEL, bobs)
    kept, answers = await everything(redis), await store.answers(CHANNEL, SLOT)
    await lives(store, ADA)
    await store.keep_question(CHANNEL, replace(QUESTION, outcome=Outcome((ADA, BOB), {ADA: 2, BOB: 1})))
    assert await everything(redis) != kept
    await store.forget(ADA)
    left = await everything(redis)
    assert not any(
        f"{ADA}{end}" in f"{name} {value}" for name, value in left.items() for end in ("'", '"', "}", "/", " ")
    )
    said = f"mb:{{d:{CHANNEL}}}:said:{SLOT.name}"
    assert {**left, said: ""} == {**kept, said: ""}
    assert await store.answers(CHANNEL, SLOT) == answers
    assert await store.past(CHANNEL) == (bobs,)
    # Their message may stand in the channel still.
    await store.answer(CHANNEL, SLOT, DailyAnswer(ADA, "In the open", 10.0, f"m-{ADA[-3:]}"))
    assert await store.answers(CHANNEL, SLOT) == answers


async def test_who_is_only_named_in_an_outcome_is_forgotten_too(store: DailyStore) -> None:
    await store.keep_question(CHANNEL, replace(QUESTION, outcome=Outcome((ADA, BOB), {ADA: 1})))
    await store.forget(ADA)
    assert await store.past(CHANNEL) == (replace(QUESTION, outcome=Outcome((BOB,))),)


async def test_what_is_exported_is_all_that_will_be_forgotten(store: DailyStore) -> None:
    nothing: dict[str, Any] = {"answers": [], "first_feedback": [], "reminders": [], "took_part": [], "days": []}
    assert await store.exported(ADA) == nothing | {"standing": {"hidden": False, "ranked": False}}
    await lives(store, BOB)
    await lives(store, ADA)
    await store.keep_question(CHANNEL, replace(QUESTION, outcome=Outcome((ADA, BOB), {ADA: 2})))
    where = {"channel": CHANNEL, "slot": "a/2026-11-24"}
    assert await store.exported(ADA) == {
        "standing": {"hidden": True, "ranked": False},
        "days": ["2026-11-24"],
        "answers": [
            where | {"text": "In the open", "at": 10.0, "sealed": False},
            where | {"text": "Blind", "at": 11.0, "sealed": True},
        ],
        "first_feedback": [where | {"points": ["hot", "keys"]}],
        "reminders": [where | {"at": 20.5}],
        "took_part": [where | {"improved": 2}],
    }
    await store.forget(ADA)
    assert await store.exported(ADA) == nothing | {"standing": {"hidden": False, "ranked": False}}


async def test_what_people_leave_behind_runs_out(url: str, redis: Any) -> None:
    async with DailyStore.from_url(url, keep=7 * DAY) as store:
        await lives(store, ADA)
        await store.keep_board(None, BOARD)
        await store.keep_question(CHANNEL, QUESTION)
        await store.pin(TEAM, "", "o1", QUESTION.item)
    ttls = {name.decode(): await redis.ttl(name) async for name in redis.scan_iter(count=1000)}
    days = {name: round(ttl / DAY) if ttl > 0 else None for name, ttl in ttls.items()}
    channel, person, team = key("d", CHANNEL, ""), key("c", ADA, ""), key("d", TEAM, "")
    assert days == {
        channel + "said:a/2026-11-24": 7,
        channel + "first:a/2026-11-24": 7,
        channel + "remind": 40,
        channel + "past": 40,
        channel + "at": 40,
        channel + "deeds": 60,
        person + "said": 127,
        person + "days": 400,
        person + "standing": 365,
        channel + "board": None,
        team + "asked:": None,
        team + "order:": None,
        "mb:daily:slack": None,
    }
    assert KEEP == 30 * DAY


async def test_a_server_that_is_away_says_so() -> None:
    async with DailyStore.from_url("redis://127.0.0.1:1") as store:
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1 can't be reached"):
            await store.board(CHANNEL)


# --- small things ---------------------------------------------------------------------------------------------------


async def test_the_clock_is_the_servers_and_no_workers(store: DailyStore, redis: Any) -> None:
    before = await redis.time()
    now = await store.now()
    after = await redis.time()
    assert before[0] + before[1] / 1e6 <= now <= after[0] + after[1] / 1e6


async def test_a_message_that_was_deleted_is_known_as_such_and_takes_no_answer(store: DailyStore) -> None:
    kept, gone = DailyAnswer(ADA, "A lease", 1.0, "1"), DailyAnswer(ADA, "A lock", 2.0, "2")
    for each in (kept, gone):
        assert await store.answer(CHANNEL, SLOT, each)
    assert await store.deleted(CHANNEL, SLOT) == frozenset()
    await store.unanswer(CHANNEL, SLOT, "2", for_good=True)
    assert await store.deleted(CHANNEL, SLOT) == {"2"}
    assert not await store.answer(CHANNEL, SLOT, gone)
    assert await store.answers(CHANNEL, SLOT) == (kept,)
