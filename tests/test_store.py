"""One contract for every store, then what only Redis can get wrong: keys, their lives, re-sent writes and outages."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import RedisCluster
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, BusyLoadingError, OutOfMemoryError, ResponseError

from interviewer.memory import MemoryStore
from interviewer.model import (
    DELETED,
    CommandName,
    Format,
    Inbound,
    Interview,
    Level,
    Mode,
    Phase,
    Preferences,
    Settings,
    Speaker,
    Turn,
)
from interviewer.ports import Aside, Lease, Post, Room, Store, StoreUnavailable
from interviewer.store import DAY, KEEP, RedisStore
from tests.fakes import attachment, command, correction, message, start, ticking

THREAD = "slack:T1:D024:1700.01"
INTERVIEW = Interview(id="i1", candidate="ada", settings=Settings(question="shortener"), spent={Phase.BRIEFING: 2.5})
LINE = Turn(Speaker.INTERVIEWER, Phase.BRIEFING, "greet", "Hello Ada – schön, dass Sie da sind.", 100.5)


PAIRS = [
    ("ada", "bob"),
    ("ada", "ada:b"),
    ("ada:b", "ada"),
    ("slack:T1:U1", "slack:T1:U12"),
    ("ad*", "ada"),
    ("a?a", "ada"),
    ("[ab]da", "ada"),
    ("ad\\a", "ada"),
    ("{ada}", "ada"),
    ("ünïcödé 🎉\n", "ada"),
]
"""Candidates, the first of whom is to be forgotten, and the second isn't."""


class AnyStore(Store):
    """What both stores offer beyond the port."""

    async def aside(self, thread: str) -> tuple[Aside, ...]: ...


@pytest.fixture(params=["memory", "redis", "cluster"])
async def store(request: pytest.FixtureRequest, redis_url: str, valkey_cluster: str) -> AsyncGenerator[Store]:
    if request.param == "memory":
        yield MemoryStore(ticking())
        return
    async with RedisStore.from_url(redis_url if request.param == "redis" else valkey_cluster) as store:
        yield store
        if request.param == "cluster":
            await vars(store)["_redis"].flushall()


async def begun(store: Store, owner: str = "turn:1", thread: str = THREAD) -> Lease:
    lease = await store.begin(thread, owner)
    assert lease is not None
    return lease


def post(key: str, thread: str = THREAD) -> Post:
    return Post(key=key, thread=thread, turn=replace(LINE, text=key))


async def waiting(store: Store) -> list[str]:
    return sorted([thread async for thread in store.waiting()])


async def test_a_candidates_interviews_are_known_in_the_order_they_began(store: Store) -> None:
    assert await store.threads("ada") == ()
    for thread, at in (("t:2", 200.0), ("t:1", 100.0), ("t:2", 300.0), ("t:3", 300.0)):
        await store.begun("ada", thread, f"{thread}-{at}", at)
    await store.begun("bob", "t:4", "i4", 100.0)
    assert await store.threads("ada") == ("t:1", "t:2", "t:3")


async def test_an_interview_is_found_by_its_id_until_its_thread_is_forgotten(store: Store) -> None:
    assert await store.thread("i1") is None
    for interview in ("i1", "i2"):
        await store.begun("ada", THREAD, interview, 100.0)
    await store.begun("ada", "elsewhere", "i3", 100.0)
    assert [await store.thread(id) for id in ("i1", "i2", "i3")] == [THREAD, THREAD, "elsewhere"]
    await store.forget(THREAD)
    assert [await store.thread(id) for id in ("i1", "i2", "i3")] == [None, None, "elsewhere"]


async def test_the_same_interview_noted_twice_is_noted_once(store: Store) -> None:
    for _ in range(2):
        await store.begun("ada", THREAD, "i1", 100.0)
    assert await store.threads("ada") == (THREAD,)
    assert await store.thread("i1") == THREAD


async def test_a_person_without_preferences_has_none(store: Store) -> None:
    assert await store.preferences("ada") == Preferences()


async def test_preferences_are_kept_for_each_person_and_replaced_as_a_whole(store: Store) -> None:
    chosen = Preferences(Level.STAFF, Mode.INTERVIEW, Format.QUICK, "brisk", "Deutsch – bitte", "Europe/Berlin")
    await store.prefer("ada", chosen)
    await store.prefer("bob", Preferences(persona="calm"))
    assert await store.preferences("ada") == chosen
    await store.prefer("ada", Preferences(language="français"))
    assert await store.preferences("ada") == Preferences(language="français")
    assert await store.preferences("bob") == Preferences(persona="calm")


async def test_notes_add_up_and_the_latest_of_a_name_counts(store: Store) -> None:
    assert await store.notes(THREAD) == {}
    await store.note(THREAD, {"opened": "e1", "läuft": "ja\n🎉"})
    await store.note(THREAD, {"opened": "e2"})
    await store.note(THREAD, {})
    await store.note("elsewhere", {"opened": "e3"})
    assert await store.notes(THREAD) == {"opened": "e2", "läuft": "ja\n🎉"}


async def test_notes_on_a_thread_are_nothing_to_do(store: Store) -> None:
    await store.note(THREAD, {"opened": "e1"})
    assert await waiting(store) == []
    assert await store.interview(THREAD) is None


async def test_a_stop_is_seen_wherever_it_is_in_the_inbox(store: Store) -> None:
    assert not await store.stopped(THREAD)
    for inbound in (message(THREAD, "m1"), command(THREAD, "c1", CommandName.TIME)):
        await store.admit(inbound.id, inbound)
        assert not await store.stopped(THREAD)
    await store.admit("c2", command(THREAD, "c2", CommandName.STOP))
    assert await store.stopped(THREAD)
    await store.admit("m2", message(THREAD, "m2"))
    assert await store.stopped(THREAD)
    assert not await store.stopped("elsewhere")
    assert await store.commit(await begun(store), INTERVIEW, [], [], taken=3)
    assert not await store.stopped(THREAD)


async def test_a_line_is_struck_where_it_stands_and_with_everything_else_of_the_turn(store: Store) -> None:
    lines = [replace(LINE, text=text, message=text) for text in ("a", "b", "c")]
    assert await store.commit(await begun(store), INTERVIEW, lines, [], taken=0)
    struck = {place: replace(lines[place], kind=DELETED, text="") for place in (0, 2)}
    lease, more = await begun(store), replace(LINE, text="d")
    assert await store.commit(lease, INTERVIEW, [more], [post("p1"), post("p2")], 0, struck)
    assert await store.transcript(THREAD) == (struck[0], lines[1], struck[2], more)
    assert await store.next_post(THREAD) == post("p1")
    assert (await begun(store)).transcript == (struck[0], lines[1], struck[2], more)


async def test_a_zombie_strikes_nothing_and_a_strike_sent_twice_is_one(store: Store) -> None:
    assert await store.commit(await begun(store), INTERVIEW, [LINE], [], taken=0)
    struck = {0: replace(LINE, kind=DELETED, text="")}
    zombie, heir = await begun(store), await begun(store)
    assert not await store.commit(zombie, INTERVIEW, [], [], 0, struck)
    assert await store.transcript(THREAD) == (LINE,)
    for _ in range(2):
        assert await store.commit(heir, INTERVIEW, [LINE], [], 0, struck)
    assert await store.transcript(THREAD) == (struck[0], LINE)


async def whole_life(store: Store, candidate: str) -> tuple[str, ...]:
    """A candidate who has everything one can have; their threads."""
    threads = (f"{candidate}/1", f"{candidate}/2")
    for thread in threads:
        for interview in ("first", "second"):
            await store.begun(candidate, thread, f"{thread}-{interview}", 100.0)
        await full_thread(store, thread, replace(INTERVIEW, id=f"{thread}-second", candidate=candidate))
        await store.note(thread, {"opened": "e1"})
    await store.prefer(candidate, Preferences(persona="brisk"))
    await store.note(candidate, {"home": "e1"})
    for n, thread in enumerate(threads):
        await store.enter(f"chat:{candidate}:{n}", Room(candidate, thread), before="")
    for day in ("2026-01-30", "2026-01-31"):
        await store.spend(f"person:{candidate}:{day}", 7)
    return threads


async def remains(store: Store, candidate: str, threads: Sequence[str]) -> list[object]:
    """All that can be asked about a candidate, as it is where there is nothing."""
    found: list[object] = [await store.threads(candidate), await store.preferences(candidate)]
    found += [await store.notes(name) for name in (candidate, *threads)]
    found += [await store.room(f"chat:{candidate}:{n}") for n in range(len(threads))]
    found += [await store.spend(f"person:{candidate}:{day}", 0) for day in ("2026-01-30", "2026-01-31")]
    for thread in threads:
        found += [await store.interview(thread), await store.transcript(thread), await store.next_post(thread)]
        found += [await store.thread(f"{thread}-{interview}") for interview in ("first", "second")]
    return found


@pytest.mark.parametrize(("gone", "stays"), PAIRS)
async def test_a_forgotten_candidate_leaves_nothing_and_another_keeps_everything(
    store: Store, gone: str, stays: str
) -> None:
    theirs, others = await whole_life(store, gone), await whole_life(store, stays)
    await store.spend("workspace:T1:2026-01-31", 9)
    before = await remains(store, stays, others)
    await store.forget_candidate(gone)
    nothing = MemoryStore(ticking())
    assert await remains(store, gone, theirs) == await remains(nothing, gone, theirs)
    assert await remains(store, stays, others) == before
    assert await waiting(store) == sorted(others)
    assert await store.spend("workspace:T1:2026-01-31", 0) == 9


async def test_a_room_has_the_latest_thread_and_is_found_by_how_its_name_begins(store: Store) -> None:
    assert await store.room("chat:1") is None
    rooms = (("chat:1", "chat:1:a", ""), ("chat:1", "chat:1:b", "chat:1:a"), ("chat*", "c", ""), ("chats:2", "d", ""))
    for name, thread, before in rooms:
        assert await store.enter(name, Room("ada", thread), before)
    assert await store.room("chat:1") == Room("ada", "chat:1:b")
    assert [name async for name in store.rooms("chat:")] == ["chat:1"]
    assert [name async for name in store.rooms("chat*")] == ["chat*"]


async def test_of_two_who_enter_a_room_at_the_same_time_one_does(store: Store) -> None:
    entering = (store.enter("chat:1", Room("ada", f"chat:1:{n}"), before="") for n in range(8))
    entered = await asyncio.gather(*entering)
    assert sum(entered) == 1
    assert await store.room("chat:1") == Room("ada", f"chat:1:{entered.index(True)}")
    assert not await store.enter("chat:1", Room("bob", "chat:1:x"), before="chat:1:y")


async def test_a_candidate_nobody_knows_is_forgotten_without_more_ado(store: Store) -> None:
    await store.forget_candidate("nobody")
    assert await store.threads("nobody") == ()


async def test_tokens_add_up_on_each_account(store: Store) -> None:
    assert await store.spend("person:ada:2026-01-31", 0) == 0
    assert await store.spend("person:ada:2026-01-31", 1_200) == 1_200
    assert await store.spend("person:ada:2026-01-31", 34) == 1_234
    for account in ("person:ada:2026-02-01", "person:bob:2026-01-31", "workspace:ada:2026-01-31"):
        assert await store.spend(account, 0) == 0
        assert await store.spend(account, 5) == 5
    assert await store.spend("person:ada:2026-01-31", 0) == 1_234


async def test_looking_at_an_account_spends_nothing(store: Store) -> None:
    await store.spend("person:ada", 7)
    assert [await store.spend("person:ada", 0) for _ in range(3)] == [7, 7, 7]


async def test_what_is_spent_at_the_same_time_is_all_counted(store: Store) -> None:
    await asyncio.gather(*(store.spend("workspace:T1", 3) for _ in range(20)))
    assert await store.spend("workspace:T1", 0) == 60


async def test_an_account_may_be_called_anything(store: Store) -> None:
    accounts = ["person:{ada}:x", "person:}{", "person:ünïcödé 🎉\n", "person:" + "a" * 500]
    for number, account in enumerate(accounts, start=1):
        await store.spend(account, number)
    assert [await store.spend(account, 0) for account in accounts] == [1, 2, 3, 4]


async def test_forgetting_a_thread_leaves_what_it_cost(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.spend("person:ada", 7)
    await store.forget(THREAD)
    assert await store.spend("person:ada", 0) == 7


async def test_an_event_is_admitted_once(store: Store) -> None:
    assert await store.admit("e1", message(THREAD, "m1"))
    assert not await store.admit("e1", message(THREAD, "m1"))
    assert await store.admit("e2", message(THREAD, "m2"))
    assert [each.id for each in (await begun(store)).inbox] == ["m1", "m2"]


async def test_an_event_of_another_thread_is_another_event(store: Store) -> None:
    assert await store.admit("e1", message(THREAD, "m1"))
    assert await store.admit("e1", message("elsewhere", "m1"))


async def test_what_arrives_comes_back_as_it_was_and_as_what_it_was(store: Store) -> None:
    files = attachment("größe.png", "image/png", 12), attachment("a|b:{c}*?.md")
    sent: Sequence[Inbound] = (
        start(THREAD),
        message(THREAD, "m1", "naïve\n“quotes” \\ \x00 🎉 [DONE]", 1700000000.123456),
        message(THREAD, "m2", "", 100.0, *files),
        correction(THREAD, "m1", "naïver"),
        correction(THREAD, "m1", "", at=111.0),
        correction(THREAD, "m2", None, at=1700000000.123456),
        command(THREAD, "c1", CommandName.STOP),
        command(THREAD, "c2", CommandName.DISPUTE, argument="cache I said so"),
    )
    for inbound in sent:
        await store.admit(inbound.id, inbound)
    inbox = (await begun(store)).inbox
    assert inbox == sent
    assert list(map(type, inbox)) == list(map(type, sent))


async def test_a_thread_is_begun_by_one_owner_at_a_time(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    lease = await begun(store, "turn:1")
    assert await store.begin(THREAD, "turn:2") is None
    await store.release(lease)
    assert await store.begin(THREAD, "turn:2") is not None


async def test_threads_do_not_wait_for_each_other(store: Store) -> None:
    await begun(store, "turn:1", "here")
    await begun(store, "turn:2", "there")


async def test_a_redelivered_owner_begins_again_under_a_higher_fence(store: Store) -> None:
    first = await begun(store)
    second = await begun(store)
    assert second.fence > first.fence


async def test_a_new_thread_has_no_interview_no_transcript_and_no_version(store: Store) -> None:
    lease = await begun(store)
    assert (lease.interview, lease.transcript, lease.inbox, lease.version, lease.tries) == (None, (), (), 0, 0)


async def test_a_commit_writes_everything_at_once(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.admit("e2", message(THREAD, "m2"))
    lease = await begun(store)
    assert await store.commit(lease, INTERVIEW, [LINE], [post("p1")], taken=1)
    assert await store.interview(THREAD) == INTERVIEW
    assert await store.transcript(THREAD) == (LINE,)
    assert await store.next_post(THREAD) == post("p1")
    after = await begun(store)
    assert [each.id for each in after.inbox] == ["m2"]
    assert (after.interview, after.transcript, after.version) == (INTERVIEW, (LINE,), 1)


async def test_the_transcript_only_grows(store: Store) -> None:
    lines = [replace(LINE, text=str(n)) for n in range(3)]
    for line in lines:
        assert await store.commit(await begun(store), INTERVIEW, [line], [], taken=0)
    assert await store.transcript(THREAD) == tuple(lines)


async def test_a_message_that_arrives_during_a_turn_stays(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    lease = await begun(store)
    await store.admit("e2", message(THREAD, "m2"))
    assert await store.commit(lease, INTERVIEW, [], [], taken=1)
    assert await store.release(lease) == 1
    assert [each.id for each in (await begun(store)).inbox] == ["m2"]


async def test_a_zombie_can_neither_commit_nor_post_nor_set_aside_nor_release(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    zombie = await begun(store)
    heir = await begun(store)
    assert not await store.commit(zombie, INTERVIEW, [LINE], [post("zombie")], taken=1)
    assert not await store.set_aside(zombie, "I said so")
    assert await store.commit(heir, INTERVIEW, [], [post("p1")], taken=1)
    assert not await store.posted(zombie, "p1")
    assert await store.release(zombie) == 0
    assert await store.begin(THREAD, "turn:2") is None
    assert await store.transcript(THREAD) == ()


async def test_a_commit_that_is_sent_twice_is_applied_once(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.admit("e2", message(THREAD, "m2"))
    lease = await begun(store)
    for _ in range(2):
        assert await store.commit(lease, INTERVIEW, [LINE], [post("p1")], taken=1)
    assert await store.transcript(THREAD) == (LINE,)
    after = await begun(store)
    assert (after.version, [each.id for each in after.inbox]) == (1, ["m2"])
    # Even when somebody has begun in between, the caller learns that its commit was applied.
    assert await store.commit(lease, INTERVIEW, [LINE], [post("p1")], taken=1)


async def test_posting_and_setting_aside_recognise_themselves(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.admit("e2", message(THREAD, "m2"))
    lease = await begun(store)
    assert await store.set_aside(lease, "no luck")
    assert await store.set_aside(lease, "no luck")
    assert await store.commit(lease, None, [], [post("p1"), post("p2")], taken=0)
    assert await store.posted(lease, "p1")
    assert await store.posted(lease, "p1")
    assert await store.next_post(THREAD) == post("p2")
    assert [each.id for each in (await begun(store)).inbox] == ["m2"]


async def test_a_commit_needs_the_head_it_was_made_for(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    lease = await begun(store)
    await store.set_aside(lease, "gone meanwhile")
    assert not await store.commit(lease, INTERVIEW, [], [], taken=1)


async def test_posts_leave_in_the_order_they_were_queued(store: Store) -> None:
    lease = await begun(store)
    await store.commit(lease, INTERVIEW, [], [post("p1"), post("p2"), post("p3")], taken=0)
    assert not await store.posted(lease, "p2")
    left: list[str] = []
    while head := await store.next_post(THREAD):
        left.append(head.key)
        assert await store.posted(lease, head.key)
    assert left == ["p1", "p2", "p3"]


async def test_a_release_counts_what_is_left_to_do(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.admit("e2", message(THREAD, "m2"))
    lease = await begun(store)
    await store.commit(lease, INTERVIEW, [], [post("p1"), post("p2")], taken=1)
    assert await store.release(lease) == 3


async def test_only_turns_that_broke_off_count_as_tries(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    await store.admit("e2", message(THREAD, "m2"))
    assert [(await begun(store)).tries for _ in range(3)] == [1, 2, 3]
    await store.commit(await begun(store), INTERVIEW, [], [], taken=1)
    after = await begun(store)
    assert after.tries == 1
    await store.release(after)
    assert (await begun(store)).tries == 1


async def test_a_message_set_aside_is_kept_for_the_operator(store: AnyStore) -> None:
    poison = message(THREAD, "m1", at=1700000000.123456)
    await store.admit("e1", poison)
    lease = await begun(store)
    assert await store.set_aside(lease, 'five times "no"')
    (aside,) = await store.aside(THREAD)
    assert (aside.reason, aside.inbound) == ('five times "no"', poison)
    assert await store.release(lease) == 0
    assert not await store.set_aside(await begun(store), "nothing there")


async def test_taking_over_frees_the_lock_and_shuts_the_old_holder_out(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    dead = await begun(store, "turn:1")
    await store.take_over(THREAD)
    heir = await begun(store, "turn:2")
    assert not await store.commit(dead, INTERVIEW, [], [], taken=1)
    assert await store.commit(heir, INTERVIEW, [], [], taken=1)


async def test_threads_with_something_to_do_are_found(store: Store) -> None:
    await store.admit("e1", message("inbox", "m1"))
    await store.commit(await begun(store, thread="outbox"), INTERVIEW, [], [post("p1", "outbox")], taken=0)
    await store.commit(await begun(store, thread="idle"), INTERVIEW, [LINE], [], taken=0)
    await store.admit("e1", message("both", "m1"))
    await store.commit(await begun(store, thread="both"), INTERVIEW, [], [post("p1", "both")], taken=0)
    assert await waiting(store) == ["both", "inbox", "outbox"]


async def test_a_forgotten_thread_begins_anew_and_keeps_zombies_out(store: AnyStore) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    zombie = await begun(store)
    await store.commit(zombie, INTERVIEW, [LINE], [post("p1")], taken=1)
    await store.forget(THREAD)
    assert await store.interview(THREAD) is None
    assert await store.transcript(THREAD) == ()
    assert await store.next_post(THREAD) is None
    assert await store.aside(THREAD) == ()
    assert await waiting(store) == []
    assert await store.admit("e1", message(THREAD, "m1"))
    heir = await begun(store)
    assert heir.version == 0
    assert heir.fence > zombie.fence
    assert not await store.commit(zombie, INTERVIEW, [LINE], [], taken=1)


async def test_who_held_a_thread_that_was_forgotten_can_do_nothing_there_any_more(store: Store) -> None:
    await store.admit("e1", message(THREAD, "m1"))
    held = await begun(store)
    await store.forget(THREAD)
    struck = {0: replace(LINE, kind=DELETED, text="")}
    assert not await store.commit(held, INTERVIEW, [LINE], [post("p1")], 1, struck)
    assert not await store.posted(held, "p1")
    assert not await store.set_aside(held, "I said so")
    assert await store.release(held) == 0
    await store.take_over(THREAD)
    assert await store.interview(THREAD) is None
    assert await store.transcript(THREAD) == ()
    assert await waiting(store) == []


async def test_state_is_read_without_a_lease(store: Store) -> None:
    await store.commit(await begun(store), INTERVIEW, [LINE], [], taken=0)
    assert await store.interview(THREAD) == INTERVIEW
    assert await store.interview("nobody") is None
    assert await store.transcript("nobody") == ()


# --- only Redis -----------------------------------------------------------------------------------------------------


async def full_thread(store: Store, thread: str = THREAD, interview: Interview = INTERVIEW) -> None:
    """A thread that has every key it can have."""
    for n in range(3):
        await store.admit(f"e{n}", message(thread, f"m{n}"))
    lease = await begun(store, thread=thread)
    await store.set_aside(lease, "poison")
    await store.commit(lease, interview, [LINE], [post("p1", thread)], taken=0)


async def lives(redis: Any) -> dict[str, tuple[str, float]]:
    """Type and seconds to live of every key."""
    return {
        key.decode(): ((await redis.type(key)).decode(), await redis.pttl(key) / 1000)
        async for key in redis.scan_iter()
    }


@pytest.mark.parametrize("keep", [KEEP, 7 * DAY, 3600])
async def test_every_key_has_its_type_and_an_end(redis_url: str, redis: Any, keep: int) -> None:
    async with RedisStore.from_url(redis_url, keep=keep) as store:
        await full_thread(store)
        await store.begun("ada", THREAD, "i1", 100.0)
        await store.note(THREAD, {"opened": "e1"})
        await store.note("ada", {"home": "e1"})
        await store.prefer("ada", Preferences(persona="brisk"))
        await store.spend("person:ada:2026-01-31", 5)
    found = await lives(redis)
    expected = {
        "{t:%s}:ev": ("zset", 3 * DAY),
        "{t:%s}:in": ("list", keep),
        "{t:%s}:out": ("list", keep),
        "{t:%s}:st": ("hash", keep),
        "{t:%s}:log": ("list", keep),
        "{t:%s}:aside": ("list", keep),
        "{t:%s}:note": ("hash", keep),
        "{t:%s}:ids": ("set", keep),
        "{t:%s}:lock": ("string", 180),
        "{t:ada}:note": ("hash", keep),
        "{i:i1}:th": ("string", keep),
        "{c:ada}:th": ("zset", keep),
        "{c:ada}:pref": ("string", 365 * DAY),
        "{a:person:ada:2026-01-31}:tok": ("string", 2 * DAY),
    }
    keys = {f"mb:{name}".replace("%s", THREAD): life for name, life in expected.items()}
    assert {key: kind for key, (kind, _) in found.items()} == {key: kind for key, (kind, _) in keys.items()}
    assert {key: ttl for key, (_, ttl) in found.items()} == {
        key: pytest.approx(ttl, abs=10) for key, (_, ttl) in keys.items()
    }


async def test_all_that_belongs_to_an_interview_lasts_as_long_as_it_does(redis_store: RedisStore, redis: Any) -> None:
    await redis_store.begun("ada", THREAD, "i1", 100.0)
    await redis_store.note(THREAD, {"opened": "e1"})
    await redis_store.commit(await begun(redis_store), INTERVIEW, [LINE], [], taken=0)
    async for key in redis.scan_iter():
        await redis.expire(key, 500)
    await redis_store.commit(await begun(redis_store), INTERVIEW, [], [], taken=0)
    left = await lives(redis)
    assert left.pop(f"mb:{{t:{THREAD}}}:lock")[1] <= 180
    assert {key: ttl for key, (_, ttl) in left.items()} == {key: pytest.approx(KEEP, abs=10) for key in left}
    assert len(left) == 6


async def test_a_thread_that_went_on_is_known_however_long_ago_it_began(redis_store: RedisStore, redis: Any) -> None:
    await redis_store.begun("ada", "gone", "i0", 100.0)
    await redis.delete("mb:{t:gone}:st")  # its time ran out
    await redis_store.begun("ada", THREAD, "i1", 100.0)
    await redis_store.commit(await begun(redis_store), INTERVIEW, [LINE], [], taken=0)
    await redis_store.begun("ada", "new", "i2", 100.0 + KEEP + 1)
    assert await redis_store.threads("ada") == (THREAD, "new")


@pytest.mark.parametrize("where", ["redis", "cluster"])
@pytest.mark.parametrize(("gone", "stays"), PAIRS)
async def test_forgetting_a_candidate_leaves_not_one_key_of_theirs(
    redis_url: str, valkey_cluster: str, where: str, gone: str, stays: str
) -> None:
    async with RedisStore.from_url(redis_url if where == "redis" else valkey_cluster) as store:
        client = vars(store)["_redis"]
        await whole_life(store, stays)
        before = await dump(client)
        await whole_life(store, gone)
        assert len(await dump(client)) == 2 * len(before)
        await store.forget_candidate(gone)
        assert await dump(client) == before
        await client.flushall()


async def dump(client: Any) -> dict[bytes, bytes]:
    """Every key with its value, as the server would move it elsewhere."""
    return {key: await client.dump(key) async for key in client.scan_iter(count=1000)}


async def test_all_keys_of_a_thread_live_in_one_slot(redis_store: RedisStore, redis: Any) -> None:
    await full_thread(redis_store)
    assert len({key_slot(key) async for key in redis.scan_iter()}) == 1


async def test_forgetting_leaves_no_key_but_in_the_candidates_list(redis_store: RedisStore, redis: Any) -> None:
    for interview in ("i0", "i1"):
        await redis_store.begun("ada", THREAD, interview, 100.0)
    await redis_store.note(THREAD, {"opened": "e1"})
    await full_thread(redis_store)
    await redis_store.forget(THREAD)
    assert await redis.keys() == [b"mb:{c:ada}:th"]


async def test_a_turn_with_nothing_to_do_leaves_no_key(redis_store: RedisStore, redis: Any) -> None:
    await redis_store.release(await begun(redis_store))
    assert await redis.dbsize() == 0


async def test_an_account_ends_two_days_after_it_was_last_charged(redis_store: RedisStore, redis: Any) -> None:
    key = "mb:{a:person:ada:2026-01-31}:tok"
    await redis_store.spend("person:ada:2026-01-31", 5)
    assert await redis.type(key) == b"string"
    assert await redis.ttl(key) == pytest.approx(2 * 24 * 3600, abs=10)
    await redis.expire(key, 100)
    await redis_store.spend("person:ada:2026-01-31", 0)
    assert await redis.ttl(key) <= 100, "a look does not keep it alive"
    await redis_store.spend("person:ada:2026-01-31", 5)
    assert 100 < await redis.ttl(key) <= 2 * 24 * 3600


async def test_a_look_at_an_account_leaves_no_key(redis_store: RedisStore, redis: Any) -> None:
    assert await redis_store.spend("person:ada", 0) == 0
    assert await redis.dbsize() == 0


async def test_claims_older_than_three_days_are_dropped(redis_store: RedisStore, redis: Any) -> None:
    await redis_store.admit("old", message(THREAD, "m1"))
    await redis.zadd(f"mb:{{t:{THREAD}}}:ev", {"old": 1})
    await redis_store.admit("new", message(THREAD, "m2"))
    assert await redis.zrange(f"mb:{{t:{THREAD}}}:ev", 0, -1) == [b"new"]


async def test_a_state_written_by_another_version_is_readable(redis_store: RedisStore, redis: Any) -> None:
    written = b'{"id": "i1", "candidate": "ada", "settings": {"question": "q", "mood": "sunny"}, "unheard-of": 1}'
    await redis.hset(f"mb:{{t:{THREAD}}}:st", "data", written)
    assert await redis_store.interview(THREAD) == Interview(id="i1", candidate="ada", settings=Settings(question="q"))


async def test_an_unreachable_server_is_named_without_its_password(tmp_path: Path) -> None:
    async with RedisStore.from_url(f"unix://:secret@{tmp_path}/nobody.sock") as store:
        with pytest.raises(StoreUnavailable, match=r"nobody.sock can't be reached.*REDIS_URL") as caught:
            await store.admit("e1", message(THREAD, "m1"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (AuthenticationError("WRONGPASS"), "check the password"),
        (BusyLoadingError("LOADING"), "still loading"),
        (OutOfMemoryError("OOM"), "raise its maxmemory"),
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "No space left"),
    ],
)
async def test_what_an_operator_must_mend_is_said(error: Exception, advice: str) -> None:
    async with RedisStore(cast("Any", Refusing(error))) as store:
        with pytest.raises(StoreUnavailable, match=advice):
            await store.take_over(THREAD)


async def test_a_bug_is_not_reported_as_an_outage(redis_store: RedisStore, redis: Any) -> None:
    await redis.set(f"mb:{{t:{THREAD}}}:in", "not a list")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await redis_store.admit("e1", message(THREAD, "m1"))


async def test_a_write_whose_reply_was_lost_is_sent_again_and_applied_once(redis_url: str, tmp_path: Path) -> None:
    async with losing_replies(redis_url, tmp_path / "lossy.sock") as (url, losses), RedisStore.from_url(url) as store:
        await store.admit("e1", message(THREAD, "m1"))
        lease = await begun(store)
        losses.append(1)
        assert await store.commit(lease, INTERVIEW, [LINE], [post("p1")], taken=1)
        assert await store.transcript(THREAD) == (LINE,)
        losses.append(1)
        assert await store.posted(lease, "p1")
        losses.append(1)
        assert await store.release(lease) == 0
        assert losses == []


@asynccontextmanager
async def losing_replies(redis_url: str, socket: Path) -> AsyncGenerator[tuple[str, list[int]]]:
    """A way to the server that, for each entry in the list, swallows one reply and hangs up."""
    losses: list[int] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(redis_url.removeprefix("unix://"))
        while request := await reader.read(65536):
            to_server.write(request)
            reply = await from_server.read(65536)
            if losses:
                losses.pop()
                break
            writer.write(reply)
        for each in (to_server, writer):
            each.close()
            await each.wait_closed()

    async with await asyncio.start_unix_server(forward, socket):
        yield f"unix://{socket}", losses


class Refusing:
    """A client whose server refuses everything."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def register_script(self, script: str) -> str:
        return script

    async def delete(self, *_: str) -> None:
        raise self.error

    async def aclose(self) -> None: ...


def test_a_cluster_is_told_by_its_url() -> None:
    assert isinstance(vars(RedisStore.from_url("redis+cluster://127.0.0.1:7000"))["_redis"], RedisCluster)


# --- whose a thread is ----------------------------------------------------------------------------------------------


async def test_a_thread_is_held_from_when_its_interview_was_asked_for_until_it_is_closed(store: Store) -> None:
    assert await store.holder(THREAD) == ""
    await store.begun("ada", THREAD, "i1", 100.0)
    assert await store.holder(THREAD) == "ada"
    await store.commit(await begun(store), INTERVIEW, [LINE], [], taken=0)
    assert await store.holder(THREAD) == INTERVIEW.candidate
    await store.commit(await begun(store), replace(INTERVIEW, phase=Phase.FINISHED), [], [], taken=0)
    assert await store.holder(THREAD) == ""


async def test_what_is_meant_for_ones_own_interview_alone_is_admitted_nowhere_else(store: Store) -> None:
    await store.begun("ada", THREAD, "i1", 100.0)
    assert await store.admit("e1", message(THREAD, "m1"), "bob") is None
    assert await store.admit("e1", message(THREAD, "m1"), "ada") is True
    assert await store.admit("e1", message(THREAD, "m1"), "ada") is False
    assert await store.admit("e2", message("elsewhere", "m2"), "ada") is None
    assert [each.id for each in (await begun(store)).inbox] == ["m1"]
    await store.forget(THREAD)
    assert await store.admit("e3", message(THREAD, "m3"), "ada") is None


async def test_a_holder_outlives_a_turn_that_found_nothing(store: Store) -> None:
    await store.begun("ada", THREAD, "i1", 100.0)
    await store.release(await begun(store))
    assert await store.holder(THREAD) == "ada"


async def test_a_note_is_taken_away_by_an_empty_one(store: Store) -> None:
    await store.note(THREAD, {"a": "1", "b": "2"})
    await store.note(THREAD, {"a": "", "c": "3"})
    assert await store.notes(THREAD) == {"b": "2", "c": "3"}


async def test_nothing_is_noted_of_a_thread_that_is_gone_where_it_must_still_be_there(store: Store) -> None:
    await store.note(THREAD, {"a": "1"}, kept=True)
    assert await store.notes(THREAD) == {}
    await store.begun("ada", THREAD, "i1", 100.0)
    await store.note(THREAD, {"a": "1"}, kept=True)
    assert await store.notes(THREAD) == {"a": "1"}
    await store.forget(THREAD)
    await store.note(THREAD, {"a": "2"}, kept=True)
    assert await store.notes(THREAD) == {}
