"""One contract for every store, then what only Redis can get wrong: keys, their lives, re-sent writes and outages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import RedisCluster
from redis.crc import key_slot
from redis.exceptions import AuthenticationError, BusyLoadingError, OutOfMemoryError, ResponseError

from interviewer.memory import MemoryStore
from interviewer.model import Interview, Phase, Settings, Speaker, Turn
from interviewer.ports import Lease, Post, Store, StoreUnavailable
from interviewer.records import Aside
from interviewer.store import RedisStore
from tests.fakes import message, start, ticking

THREAD = "slack:T1:D024:1700.01"
INTERVIEW = Interview(id="i1", candidate="ada", settings=Settings(question="shortener"), spent={Phase.BRIEFING: 2.5})
LINE = Turn(Speaker.INTERVIEWER, Phase.BRIEFING, "greet", "Hello Ada – schön, dass Sie da sind.", 100.5)


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
        await store.begun("ada", thread, at)
    await store.begun("bob", "t:4", 100.0)
    assert await store.threads("ada") == ("t:1", "t:2", "t:3")


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


async def test_messages_and_commands_come_back_as_they_were(store: Store) -> None:
    sent = (start(THREAD), message(THREAD, "m1", "naïve\n“quotes” \\ \x00 🎉 [DONE]", at=1700000000.123456))
    for inbound in sent:
        await store.admit(inbound.id, inbound)
    assert (await begun(store)).inbox == sent


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


async def test_state_is_read_without_a_lease(store: Store) -> None:
    await store.commit(await begun(store), INTERVIEW, [LINE], [], taken=0)
    assert await store.interview(THREAD) == INTERVIEW
    assert await store.interview("nobody") is None
    assert await store.transcript("nobody") == ()


# --- only Redis -----------------------------------------------------------------------------------------------------


async def full_thread(store: RedisStore) -> None:
    """A thread that has every key it can have."""
    for n in range(3):
        await store.admit(f"e{n}", message(THREAD, f"m{n}"))
    lease = await begun(store)
    await store.set_aside(lease, "poison")
    await store.commit(lease, INTERVIEW, [LINE], [post("p1")], taken=0)


async def test_every_key_has_its_type_and_an_end(redis_store: RedisStore, redis: Any) -> None:
    await full_thread(redis_store)
    found = {
        key.decode(): ((await redis.type(key)).decode(), await redis.pttl(key) / 1000)
        async for key in redis.scan_iter()
    }
    days = 24 * 3600
    expected = {
        "ev": ("zset", 3 * days),
        "in": ("list", 30 * days),
        "out": ("list", 30 * days),
        "st": ("hash", 30 * days),
        "log": ("list", 30 * days),
        "aside": ("list", 30 * days),
        "lock": ("string", 180),
    }
    assert {key: kind for key, (kind, _) in found.items()} == {
        f"mb:{{t:{THREAD}}}:{name}": kind for name, (kind, _) in expected.items()
    }
    for name, (_, ttl) in expected.items():
        assert found[f"mb:{{t:{THREAD}}}:{name}"][1] == pytest.approx(ttl, abs=10)


async def test_all_keys_of_a_thread_live_in_one_slot(redis_store: RedisStore, redis: Any) -> None:
    await full_thread(redis_store)
    assert len({key_slot(key) async for key in redis.scan_iter()}) == 1


async def test_forgetting_leaves_no_key(redis_store: RedisStore, redis: Any) -> None:
    await full_thread(redis_store)
    await redis_store.forget(THREAD)
    assert await redis.dbsize() == 0


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
