"""The engine in one process: who typed in a row gets one reply, what was cut short is healed, leaving drains."""

import asyncio
import itertools
import os
import re
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, cast

import pytest
from docket import Docket, ExecutionState

from interviewer import embedded
from interviewer.engine import A_WHILE, Engine, Pace
from interviewer.model import Answer, Case, Command, CommandName, Inbound, Message, Preferences, Rating
from interviewer.ports import Store, StoreUnavailable, final
from interviewer.runner import Ports
from interviewer.store import RedisStore
from tests.fakes import (
    COST,
    NOTICES,
    Channel,
    EagerRater,
    FailingRater,
    PlainVoice,
    bank,
    command,
    correction,
    message,
    start,
    ticking,
    wait_until,
)

AT_ONCE = Pace(quiet=0)
ONLY_TAKES_IN = Pace(quiet=0, works=False)
TYPING = Pace(quiet=0.3)
TAKES_IN_TYPING = replace(TYPING, works=False)
"""However long a busy machine takes to submit some messages, nobody finds it quiet in between."""
THREAD = "discord:dm:42"
PRIVATE = "I would rather not see this in a log"


@pytest.fixture
async def ports(redis_url: str) -> AsyncGenerator[Ports]:
    async with RedisStore.from_url(redis_url) as store:
        yield Ports(store, EagerRater(), PlainVoice(), Channel(), ticking(), bank, NOTICES)


async def posts(ports: Ports, count: int) -> None:
    """Wait until so many posts were made and nothing is left to do."""

    async def done() -> bool:
        return len(posted(ports)) >= count and not [thread async for thread in ports.store.waiting()]

    await wait_until(done)
    assert len(posted(ports)) == count


async def begun(ports: Ports, url: str) -> None:
    """Begin an interview, with a worker that then goes."""
    async with Engine(ports, url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)


def posted(ports: Ports) -> list[str]:
    assert isinstance(ports.platform, Channel)
    return ports.platform.texts(THREAD)


def rated(ports: Ports) -> list[str]:
    assert isinstance(ports.rater, EagerRater)
    return [answer.text for answer in ports.rater.asked]


async def test_what_is_submitted_is_answered(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, AT_ONCE) as engine:
        assert await engine.submit("e1", start(THREAD))
        await posts(ports, 1)
        assert await engine.submit("e2", message(THREAD, "m1"))
        await posts(ports, 2)


async def test_a_duplicate_is_answered_once(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, AT_ONCE) as engine:
        assert await engine.submit("e1", start(THREAD))
        assert not await engine.submit("e1", start(THREAD))
        await posts(ports, 1)
        assert not await engine.submit("e1", start(THREAD))
        await engine.submit("e2", message(THREAD, "m1"))
        await posts(ports, 2)


async def test_a_duplicate_heals_a_gateway_that_died_before_adding_the_task(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, AT_ONCE) as engine:
        await ports.store.admit("e1", start(THREAD))
        await engine.submit("e1", start(THREAD))
        await posts(ports, 1)


async def test_a_message_that_is_admitted_after_its_turn_was_run_is_answered_all_the_same(
    ports: Ports, redis_url: str
) -> None:
    late: Any = LateStore(ports.store)
    async with Engine(replace(ports, store=late), redis_url, Pace(quiet=0.05)) as engine:
        late.go_on.set()
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        late.go_on.clear()
        submitting = asyncio.create_task(engine.submit("e1", message(THREAD, "m1")))
        await wait_until(lambda: done(engine, f"turn|{THREAD}|e1"))
        late.go_on.set()
        assert await submitting
        await posts(ports, 2)


async def test_what_waited_while_nobody_was_there_is_answered_on_start(ports: Ports, redis_url: str) -> None:
    await ports.store.admit("e1", start(THREAD))
    async with Engine(ports, redis_url, AT_ONCE):
        await posts(ports, 1)


async def test_threads_that_are_others_to_answer_are_left_to_them(ports: Ports, redis_url: str) -> None:
    await ports.store.admit("e1", start("elsewhere"))
    await ports.store.admit("e1", start(THREAD))
    async with Engine(ports, redis_url, AT_ONCE, concerns=lambda thread: thread == THREAD):
        await wait_until(lambda: posted_in(ports, THREAD))
    assert [thread async for thread in ports.store.waiting()] == ["elsewhere"]


async def test_messages_typed_in_a_row_get_one_reply_once_it_is_quiet(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, TAKES_IN_TYPING) as gateway:
        await begun(ports, redis_url)
        for n in range(4):
            await gateway.submit(f"e{n + 1}", message(THREAD, f"m{n}", f"part {n}"))
        async with Engine(ports, redis_url, TYPING):
            await posts(ports, 2)
    assert rated(ports) == ["part 0\npart 1\npart 2\npart 3"]


async def test_who_may_go_on_typing_is_not_answered_before_it_has_been_quiet(
    ports: Ports, redis_url: str, redis: Any
) -> None:
    async with Engine(ports, redis_url, Pace(quiet=3600)) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        submitted = time.time()
        await engine.submit("e1", message(THREAD, "m1"))
        assert await redis.zscore(docket(engine).queue_key, f"turn|{THREAD}|e1") >= submitted + 3600


async def test_a_command_is_answered_without_waiting_for_quiet(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, Pace(quiet=3600)) as engine:
        await engine.submit("e0", start(THREAD))
        await engine.submit("e1", message(THREAD, "m1", "half a thought"))
        await engine.submit("e2", command(THREAD, "c1", CommandName.TIME))
        await posts(ports, 3)
        assert rated(ports) == ["half a thought"]


async def test_somebody_who_never_stops_typing_is_answered_in_the_end(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, Pace(quiet=0.3, patience=10)) as engine:
        await engine.submit("e", start(THREAD))
        answered = asyncio.Event()
        typing = asyncio.create_task(keep_typing(engine, answered))
        await wait_until(lambda: rated_something(ports))
        answered.set()  # a cancellation can be swallowed in the middle of a Redis call
        await typing
        await wait_until(lambda: idle(ports))


async def test_a_failing_turn_comes_back_by_itself(ports: Ports, redis_url: str) -> None:
    recovering = RecoveringRater()
    async with Engine(replace(ports, rater=recovering), redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await engine.submit("e1", message(THREAD, "m1", "one"))
        await recovering.failed.wait()
        await engine.submit("e2", message(THREAD, "m2", "two"))
        await posts(ports, 2)
        assert [answer.text for answer in recovering.rater.asked] == ["one\ntwo"]


async def test_a_poisonous_message_does_not_stop_its_thread(ports: Ports, redis_url: str) -> None:
    broken = replace(ports, rater=FailingRater(on="poison"), tries=1)
    async with Engine(broken, redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1", "poison"))
        await posts(ports, 2)
        await engine.submit("e2", message(THREAD, "m2", "bread"))
        await posts(ports, 3)
        assert posted(ports)[1] == NOTICES["set-aside"]


async def test_leaving_lets_a_running_turn_end_and_begins_no_other(ports: Ports, redis_url: str) -> None:
    slow = SlowRater()
    async with Engine(replace(ports, rater=slow), redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await slow.reached.wait()
        draining = asyncio.create_task(engine.drain())
        await engine.submit("other", start("elsewhere"))
        slow.go_on.set()
        await draining
        assert len(posted(ports)) == 2
        assert [thread async for thread in ports.store.waiting()] == ["elsewhere"]


async def test_a_turn_that_does_not_end_in_time_is_left_to_the_next_worker(ports: Ports, redis_url: str) -> None:
    stuck, pace = SlowRater(), replace(AT_ONCE, redelivery=0.3)
    async with Engine(replace(ports, rater=stuck), redis_url, pace) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await stuck.reached.wait()
        await engine.drain(within=0.05)
    async with Engine(ports, redis_url, pace):
        await posts(ports, 2)


async def test_a_task_of_a_newer_version_is_kept_for_it(ports: Ports, redis_url: str) -> None:
    async with Docket(name="mockingbird", url=redis_url) as newer:
        newer.register(novelty)
        async with Engine(ports, redis_url, AT_ONCE) as engine:
            await newer.add(novelty, key="novelty")()
            await wait_until(lambda: put_back(newer))
            await engine.drain()


async def test_an_unreachable_server_is_reported_on_entering(ports: Ports, tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    async with RedisStore.from_url(url) as store:
        with pytest.raises(StoreUnavailable, match=r"nobody.sock can't be reached"):
            async with Engine(replace(ports, store=store), url, ONLY_TAKES_IN):
                pytest.fail("entered")


async def test_an_outage_is_reported_and_outlived(ports: Ports, tmp_path: Path) -> None:
    server = await embedded.start(tmp_path)
    async with (
        RedisStore.from_url(server.url) as store,
        Engine(replace(ports, store=store), server.url, AT_ONCE) as engine,
    ):
        await engine.submit("e0", start(THREAD))
        await posts(replace(ports, store=store), 1)
        os.kill(int((tmp_path / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
        await server.aclose()
        with pytest.raises(StoreUnavailable):
            await engine.submit("e1", message(THREAD, "m1"))
        server = await embedded.start(tmp_path)
        await engine.submit("e2", start("afterwards"))
        await wait_until(lambda: posted_in(ports, "afterwards"))
    assert await server.shutdown_if_last()


# --- corrections and stops ------------------------------------------------------------------------------------------


async def test_an_edit_while_a_message_waits_for_quiet_gets_one_reply(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, TAKES_IN_TYPING) as gateway:
        await begun(ports, redis_url)
        await gateway.submit("e1", message(THREAD, "m1", "the cach"))
        await gateway.submit("e2", correction(THREAD, "m1", "the cache"))
        async with Engine(ports, redis_url, TYPING):
            await posts(ports, 2)
    assert rated(ports) == ["the cache"]


async def test_a_deletion_while_a_message_waits_for_quiet_gets_no_reply(ports: Ports, redis_url: str) -> None:
    async with Engine(ports, redis_url, TAKES_IN_TYPING) as gateway:
        await begun(ports, redis_url)
        await gateway.submit("e1", message(THREAD, "m1"))
        await gateway.submit("e2", correction(THREAD, "m1", None))
        async with Engine(ports, redis_url, TYPING):
            await wait_until(lambda: idle(ports))
    assert rated(ports) == []
    assert len(posted(ports)) == 1


async def test_a_reply_is_stopped_by_whoever_takes_the_stop_in(ports: Ports, redis_url: str) -> None:
    slow = SlowRater()
    async with (
        Engine(replace(ports, rater=slow), redis_url, AT_ONCE),
        RedisStore.from_url(redis_url) as another,
        Engine(replace(ports, store=another), redis_url, ONLY_TAKES_IN) as gateway,
    ):
        await gateway.submit("e0", start(THREAD))
        await posts(ports, 1)
        await gateway.submit("e1", message(THREAD, "m1", "reads"))
        await slow.reached.wait()
        await gateway.submit("e2", command(THREAD, "c1", CommandName.STOP))
        await wait_until(lambda: withdrawn(ports))
        slow.go_on.set()
        await posts(ports, 2)
        assert posted(ports)[1].startswith("stopped")
        assert [answer.frugal for answer in slow.asked] == [True]


# --- errands --------------------------------------------------------------------------------------------------------


async def test_an_errand_is_done_with_what_was_given_along(ports: Ports, redis_url: str) -> None:
    shop = Shop()
    async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}) as engine:
        await engine.ask("ada|e1", "buy", '{"what": "größer 🎉"}')
        await wait_until(lambda: shop.sold(1))
    assert shop.bought == ['{"what": "größer 🎉"}']


async def test_an_errand_is_done_once_for_each_key_while_it_waits_while_it_runs_and_afterwards(
    ports: Ports, redis_url: str
) -> None:
    shop = Shop(held=True)
    async with Engine(ports, redis_url, ONLY_TAKES_IN) as gateway:
        asked = [await gateway.ask(key, "buy", key) for key in ("ada|e1", "ada|e1", "bob|e1")]
        assert asked == [True, False, True]
        async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}) as engine:
            await shop.asked.wait()
            assert not await gateway.ask("ada|e1", "buy", "while it runs")
            shop.open.set()
            await wait_until(lambda: shop.sold(2))
            await wait_until(lambda: over(gateway, "errand|ada|e1"))
            assert not await gateway.ask("ada|e1", "buy", "afterwards")
            assert await gateway.ask("ada|e2", "buy", "another")
            await wait_until(lambda: shop.sold(3))
            await engine.drain()
    assert sorted(shop.bought) == ["ada|e1", "another", "bob|e1"]


@pytest.mark.parametrize("where", ["server", "cluster"])
async def test_an_errand_that_many_ask_for_again_and_again_is_done_once(
    ports: Ports, redis_url: str, valkey_cluster: str, where: str
) -> None:
    shop, url = Shop(), redis_url if where == "server" else valkey_cluster
    keys = [f"{where}|e{n}" for n in range(10, 30)]
    async with (
        Engine(ports, url, AT_ONCE, errands={"buy": shop.buy}),
        Engine(ports, url, ONLY_TAKES_IN) as one,
        Engine(ports, url, ONLY_TAKES_IN) as other,
    ):

        async def ask_until_done(gateway: Engine, key: str) -> int:
            """How often it was said to be new; asked for once more when it is over."""
            new = 0
            while not await done(gateway, f"errand|{key}"):
                new += await gateway.ask(key, "buy", key)
            return new + await gateway.ask(key, "buy", key)

        asked = [ask_until_done(gateway, key) for gateway in (one, other) for key in keys for _ in range(2)]
        assert sum(await asyncio.gather(*asked)) == len(keys)
    assert sorted(shop.bought) == keys


async def test_an_errand_whose_worker_died_is_not_asked_for_again_and_is_done_by_the_next(
    ports: Ports, redis_url: str
) -> None:
    held, shop, pace = Shop(held=True), Shop(), replace(AT_ONCE, redelivery=0.3)
    async with Engine(ports, redis_url, ONLY_TAKES_IN) as gateway:
        async with Engine(ports, redis_url, pace, errands={"buy": held.buy}) as engine:
            await gateway.ask("ada|e1", "buy", "bread")
            await held.asked.wait()
            await engine.drain(within=0.05)
        assert not await gateway.ask("ada|e1", "buy", "more bread")
        async with Engine(ports, redis_url, pace, errands={"buy": shop.buy}):
            await wait_until(lambda: shop.sold(1))
            await wait_until(lambda: done(gateway, "errand|ada|e1"))
    assert (held.bought, shop.bought) == ([], ["bread"])


async def test_a_worker_that_stood_still_and_is_given_its_own_task_again_does_it_once(
    ports: Ports, redis_url: str, redis: Any
) -> None:
    pace, rater, shop, bakery = replace(AT_ONCE, redelivery=0.2), SlowRater(), Shop(held=True), Shop()
    errands = {"buy": shop.buy, "bake": bakery.buy}
    async with Engine(replace(ports, rater=rater), redis_url, pace, errands=errands) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await engine.ask("ada|e1", "buy", "bread")
        await asyncio.gather(rater.reached.wait(), shop.asked.wait())
        await wait_until(lambda: given_again(engine, redis, 2))
        # Whatever is begun now is begun after what was given again.
        await engine.ask("ada|e2", "bake", "cake")
        await wait_until(lambda: bakery.sold(1))
        rater.go_on.set()
        shop.open.set()
        await posts(ports, 2)
        await wait_until(lambda: done(engine, "errand|ada|e1"))
        await engine.drain()
    assert (rater.times, len(shop.lasts), shop.bought) == (1, 1, ["bread"])


async def test_a_worker_that_stood_still_can_be_made_to_forget_what_it_was_given_again(
    ports: Ports, redis_url: str, redis: Any
) -> None:
    costly = CostlyRater()
    async with Engine(replace(ports, rater=costly), redis_url, replace(AT_ONCE, redelivery=0.2)) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await costly.reached.wait()
        await wait_until(lambda: given_again(engine, redis, 1))
        await engine.forget("ada")
        await asyncio.wait_for(costly.cut_off.wait(), 60)
        await wait_until(lambda: unmentioned(redis, THREAD, "ada"))


async def test_an_errand_that_failed_for_good_can_be_asked_for_again(ports: Ports, redis_url: str) -> None:
    shop = Shop(fails=2)
    async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}) as engine:
        assert await engine.ask("ada|e1", "buy", "bread")
        await wait_until(lambda: put_back_after(engine, "errand|ada|e1", 1))
        await due(engine, "errand|ada|e1", attempt=A_WHILE.attempts or 0)
        await wait_until(lambda: failed(engine, "errand|ada|e1"))
        assert await engine.ask("ada|e1", "buy", "bread")
        await wait_until(lambda: shop.sold(1))


async def test_an_errand_can_be_asked_for_after_whoever_was_about_to_ask_for_it_died(
    ports: Ports, redis_url: str, redis: Any
) -> None:
    async with Engine(ports, redis_url, ONLY_TAKES_IN) as gateway:
        asking = docket(gateway).key("asking:errand|ada|e1")
        await redis.set(asking, "somebody", px=300)
        assert await gateway.ask("ada|e1", "buy", "bread")
        assert not await redis.exists(asking)


async def test_an_errand_that_fails_is_tried_again_and_then_it_is_done(ports: Ports, redis_url: str) -> None:
    shop = Shop(fails=1)
    async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}) as engine:
        await engine.ask("ada|e1", "buy", "bread")
        await wait_until(lambda: shop.sold(1))
    assert shop.fails == 0


async def test_an_errand_that_fails_for_good_is_told_which_try_is_its_last_and_the_worker_goes_on(
    ports: Ports, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop, bakery = Shop(fails=100, how=Unpicklable), Shop()
    async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy, "bake": bakery.buy}) as engine:
        await engine.ask("ada|e1", "buy", "bread")
        await wait_until(lambda: put_back_after(engine, "errand|ada|e1", 1))
        await due(engine, "errand|ada|e1", attempt=A_WHILE.attempts or 0)
        await wait_until(lambda: failed(engine, "errand|ada|e1"))
        assert shop.lasts == [False, True]
        await engine.ask("ada|e2", "bake", "cake")
        await wait_until(lambda: bakery.sold(1))
    assert PRIVATE not in caplog.text
    assert "buy failed: Unpicklable" in caplog.text
    assert "in buy" in caplog.text, "where it failed"


async def test_a_turn_that_raises_what_can_not_be_kept_comes_back_and_its_words_are_in_no_log(
    ports: Ports, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    recovering = RecoveringRater(how=Unpicklable)
    async with Engine(replace(ports, rater=recovering), redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await engine.submit("e1", message(THREAD, "m1", PRIVATE))
        await posts(ports, 2)
        await engine.submit("e2", message(THREAD, "m2", "two"))
        await posts(ports, 3)
    assert PRIVATE not in caplog.text
    assert f"{THREAD} failed: Unpicklable" in caplog.text
    assert "in rate" in caplog.text, "where it failed"


async def test_an_errand_nobody_here_knows_is_put_back_for_a_newer_version_however_long_that_takes(
    ports: Ports, redis_url: str
) -> None:
    shop = Shop()
    async with Engine(ports, redis_url, AT_ONCE) as older:
        await older.ask("ada|e1", "buy", "bread")
        await wait_until(lambda: put_back_after(older, "errand|ada|e1", 1))
        await due(older, "errand|ada|e1", attempt=40)
        await wait_until(lambda: put_back_after(older, "errand|ada|e1", 40))
        await older.drain()
        async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}):
            await due(older, "errand|ada|e1", attempt=41)
            await wait_until(lambda: shop.sold(1))


async def test_errands_do_not_wait_for_the_turns_of_a_thread(ports: Ports, redis_url: str) -> None:
    shop, slow = Shop(), SlowRater()
    async with Engine(replace(ports, rater=slow), redis_url, AT_ONCE, errands={"buy": shop.buy}) as engine:
        await engine.submit("e0", start(THREAD))
        await engine.submit("e1", message(THREAD, "m1"))
        await slow.reached.wait()
        await engine.ask(f"{THREAD}|e1", "buy", "bread")
        await wait_until(lambda: shop.sold(1))
        slow.go_on.set()


# --- forgetting -----------------------------------------------------------------------------------------------------


async def test_a_candidate_who_is_idle_is_forgotten_to_the_last_key(ports: Ports, redis_url: str, redis: Any) -> None:
    async with Engine(ports, redis_url, AT_ONCE) as engine:
        for inbound in (start(THREAD), message(THREAD, "m1"), by_bob(start("bob's")), by_bob(message("bob's", "m1"))):
            await engine.submit(inbound.id, inbound)
            await wait_until(lambda: idle(ports))
        await wait_until(lambda: at_rest(engine, redis))
        await ports.store.prefer("ada", Preferences(persona="brisk"))
        assert await mentions(redis, THREAD, "ada")
        theirs = await mentions(redis, "bob")
        await engine.forget("ada")
        assert await mentions(redis, THREAD, "ada") == []
        assert await mentions(redis, "bob") == theirs
        assert len(theirs) > 6


async def test_what_is_still_to_be_done_for_a_candidate_is_not_done(ports: Ports, redis_url: str, redis: Any) -> None:
    shop = Shop()
    async with Engine(ports, redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.drain()
    async with Engine(ports, redis_url, Pace(quiet=3600, works=False)) as gateway:
        await gateway.submit("e1", message(THREAD, "m1"))  # later
        await gateway.submit("e2", command(THREAD, "c1", CommandName.TIME))  # at once
        await gateway.ask("ada|e1", "buy", "for ada")
        await gateway.ask(f"{THREAD}|e2", "buy", "for ada's thread")
        await gateway.ask("ada:b|e1", "buy", "for another")
        await gateway.submit("e3", by_bob(start(f"{THREAD}1")))
        await gateway.forget("ada")
        assert await mentions(redis, THREAD, "ada", but=(f"{THREAD}1", "ada:b")) == []
        async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}):
            await wait_until(lambda: shop.sold(1))
            await wait_until(lambda: posted_in(ports, f"{THREAD}1"))
            await wait_until(lambda: idle(ports))
    assert shop.bought == ["for another"]
    assert len(posted(ports)) == 1


async def test_a_turn_that_is_running_is_cut_off_and_leaves_nothing(ports: Ports, redis_url: str, redis: Any) -> None:
    costly = CostlyRater()
    async with Engine(replace(ports, rater=costly), redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await costly.reached.wait()
        await engine.submit("e2", message(THREAD, "m2"))
        await engine.forget("ada")
        assert costly.cut_off.is_set()
        assert await mentions(redis, THREAD, "ada") == []
        await engine.submit("e0", start(THREAD, "anew"))
        await posts(ports, 2)
        assert await ports.store.threads("ada") == (THREAD,)


async def test_a_turn_that_will_not_be_cut_off_commits_nothing(ports: Ports, redis_url: str, redis: Any) -> None:
    stubborn = StubbornRater()
    async with Engine(replace(ports, rater=stubborn), redis_url, AT_ONCE) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await stubborn.reached.wait()
        forgetting = asyncio.create_task(engine.forget("ada"))
        await stubborn.asked_to_leave.wait()
        await asyncio.wait({forgetting}, timeout=0.3)
        assert not forgetting.done(), "what the turn costs is charged when it ends"
        stubborn.go_on.set()
        await forgetting
        assert await mentions(redis, THREAD, "ada") == []
        assert len(posted(ports)) == 1


async def test_a_turn_of_a_dead_worker_is_not_waited_for_and_not_run_again(
    ports: Ports, redis_url: str, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, pace = SlowRater(), replace(AT_ONCE, redelivery=0.3)
    async with Engine(replace(ports, rater=stuck), redis_url, pace) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.submit("e1", message(THREAD, "m1"))
        await stuck.reached.wait()
        await engine.drain(within=0.05)
        monkeypatch.setattr("interviewer.engine.LEAVING", 0.2)
        await engine.forget("ada")
    async with Engine(ports, redis_url, pace) as engine:
        await wait_until(lambda: unmentioned(redis, THREAD, "ada"))
        assert rated(ports) == []
        assert len(posted(ports)) == 1


async def test_an_errand_can_forget_whom_it_is_named_after(ports: Ports, redis_url: str, redis: Any) -> None:
    done = asyncio.Event()

    async def forget(what: str, last: bool) -> None:
        await engine.forget(what)
        done.set()

    async with Engine(ports, redis_url, AT_ONCE, errands={"forget": forget}) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        await engine.ask("ada|e1", "forget", "ada")
        await asyncio.wait_for(done.wait(), 60)
        await wait_until(lambda: over(engine, "errand|ada|e1"))
        itself = docket(engine).runs_key("errand|ada|e1")
        assert await mentions(redis, THREAD, "ada") == [itself.encode()]
        assert 0 < await redis.ttl(itself) <= 60


@pytest.mark.parametrize("name", ["a*a", "a?a", "[ab]da", "a|da", "ad\\a"])
async def test_a_candidate_may_be_called_anything(ports: Ports, redis_url: str, redis: Any, name: str) -> None:
    shop = Shop()
    async with Engine(ports, redis_url, ONLY_TAKES_IN) as gateway:
        for who in (name, "ada", f"{name}2", f"2{name}"):
            await gateway.ask(f"{who}|e1", "buy", who)
        await gateway.forget(name)
        async with Engine(ports, redis_url, AT_ONCE, errands={"buy": shop.buy}):
            await wait_until(lambda: shop.sold(3))
    assert sorted(shop.bought) == sorted(["ada", f"{name}2", f"2{name}"])


class LateStore:
    """A store that admits nothing until it is told to go on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.go_on = asyncio.Event()

    async def admit(self, event: str, inbound: Inbound, only: str = "") -> bool | None:
        await self.go_on.wait()
        return await self.store.admit(event, inbound, only)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Unpicklable(Exception):
    """Holds what was said, and something nobody can pickle, as slack_sdk's errors do."""

    def __init__(self) -> None:
        super().__init__(PRIVATE)
        self.lock = Lock()


class Shop:
    """Where an errand leads: it keeps what was bought, is closed while held, and fails so many times."""

    def __init__(self, fails: int = 0, held: bool = False, how: Callable[[], Exception] = ArithmeticError) -> None:
        self.bought: list[str] = []
        self.fails = fails
        self.how = how
        self.lasts: list[bool] = []
        self.asked, self.open = asyncio.Event(), asyncio.Event()
        if not held:
            self.open.set()

    async def buy(self, what: str, last: bool) -> None:
        self.lasts.append(last)
        self.asked.set()
        if self.fails:
            self.fails -= 1
            raise self.how()
        await self.open.wait()
        self.bought.append(what)

    async def sold(self, count: int) -> bool:
        return len(self.bought) >= count


async def mentions(redis: Any, *names: str, but: Sequence[str] = ()) -> list[bytes]:
    """Every key on the server that holds one of the names, in itself or in what is kept there."""
    found: list[bytes] = []
    # By themselves: fingerprints are hexadecimal, and one of them may well hold "ada".
    named = re.compile(rb"(?<![0-9A-Za-z])(%s)(?![0-9A-Za-z])" % b"|".join(re.escape(name.encode()) for name in names))
    async for key in redis.scan_iter(count=1000):
        kind = (await redis.type(key)).decode()
        held = b"\n".join(flat([key, await READING[kind](redis, key)]))
        for other in but:
            held = held.replace(other.encode(), b"")
        if named.search(held):
            found.append(key)
    return sorted(found)


READING: Mapping[str, Callable[[Any, bytes], Awaitable[Any]]] = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: redis.hgetall(key),
    "list": lambda redis, key: redis.lrange(key, 0, -1),
    "set": lambda redis, key: redis.smembers(key),
    "zset": lambda redis, key: redis.zrange(key, 0, -1),
    "stream": lambda redis, key: redis.xrange(key),
    "none": lambda redis, key: redis.get(key),  # gone since it was found
}


def flat(value: Any) -> list[bytes]:
    """Every string in what was read."""
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, dict):
        value = cast("dict[Any, Any]", value).items()
    return [text for each in value or () for text in flat(each)]


async def unmentioned(redis: Any, *names: str) -> bool:
    return not await mentions(redis, *names)


def docket(engine: Engine) -> Docket:
    return vars(engine)["_docket"]


async def done(engine: Engine, key: str) -> bool:
    execution = await docket(engine).get_execution(key)
    return execution is not None and execution.state is ExecutionState.COMPLETED


async def at_rest(engine: Engine, redis: Any) -> bool:
    """Whether every task that was due has ended, and left what it leaves."""
    return not await redis.xlen(docket(engine).stream_key)


async def over(engine: Engine, key: str) -> bool:
    execution = await docket(engine).get_execution(key)
    return execution is None or execution.state is ExecutionState.COMPLETED


async def failed(engine: Engine, key: str) -> bool:
    execution = await docket(engine).get_execution(key)
    return execution is not None and execution.state is ExecutionState.FAILED


async def given_again(engine: Engine, redis: Any, tasks: int) -> bool:
    """Whether so many tasks were given out once more than they were begun; stands still for longer than a lease lasts."""
    stream, group = docket(engine).stream_key, docket(engine).worker_group_name
    given = await redis.xpending_range(stream, group, "-", "+", 10)
    if sum(task["times_delivered"] > 1 for task in given) >= tasks:
        return True
    time.sleep(0.3)  # noqa: ASYNC251 (nothing else of this process shall run meanwhile)
    return False


async def put_back_after(engine: Engine, key: str, attempt: int) -> bool:
    """Whether a task waits that has failed this often."""
    async with docket(engine).redis() as redis:
        return await redis.hget(docket(engine).parked_task_key(key), "attempt") == str(attempt + 1).encode()


async def due(engine: Engine, key: str, attempt: int) -> None:
    """As if a task that waits had been tried so often, and were due now."""
    async with docket(engine).redis() as redis:
        await redis.hset(docket(engine).parked_task_key(key), "attempt", str(attempt))
        await redis.zadd(docket(engine).queue_key, {key: 0})


async def withdrawn(ports: Ports) -> bool:
    assert isinstance(ports.platform, Channel)
    return ports.platform.withdrawn == [THREAD]


def by_bob(inbound: Command | Message) -> Command | Message:
    return replace(inbound, id=f"bob-{inbound.id}", author="bob")


class CostlyRater(EagerRater):
    """Never comes to an end by itself, and would cost something."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.cut_off = asyncio.Event(), asyncio.Event()

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cut_off.set()
        yield replace(await final(super().rate(case, answer)), usage=COST)


class StubbornRater(EagerRater):
    """Ends what it has begun, whoever wants it to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.asked_to_leave, self.go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.reached.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.asked_to_leave.set()
            await self.go_on.wait()
        yield replace(await final(super().rate(case, answer)), usage=COST)


class SlowRater(EagerRater):
    """Stops half-way until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.times = 0

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.times += 1
        self.reached.set()
        await self.go_on.wait()
        yield await final(super().rate(case, answer))


class RecoveringRater:
    """Fails once."""

    def __init__(self, how: Callable[[], Exception] = ArithmeticError) -> None:
        self.rater = EagerRater()
        self.how = how
        self.failed = asyncio.Event()

    async def rate(self, case: Case, answer: Any) -> Any:
        if not self.failed.is_set():
            self.failed.set()
            raise self.how()
        yield await final(self.rater.rate(case, answer))


async def keep_typing(engine: Engine, answered: asyncio.Event) -> None:
    """A message every 50 ms, far more often than the quiet that is waited for."""
    for n in itertools.count():
        await engine.submit(f"e{n}", message(THREAD, f"m{n}", at=100.0 + n))
        with suppress(TimeoutError):
            await asyncio.wait_for(answered.wait(), 0.05)
            return


async def rated_something(ports: Ports) -> bool:
    return bool(rated(ports))


async def posted_in(ports: Ports, thread: str) -> bool:
    assert isinstance(ports.platform, Channel)
    return bool(ports.platform.texts(thread))


async def idle(ports: Ports) -> bool:
    return not [thread async for thread in ports.store.waiting()]


async def novelty() -> None:
    """A task this version knows nothing of."""


async def put_back(docket: Docket) -> bool:
    execution = await docket.get_execution("novelty")
    return execution is not None and execution.function_name == "novelty" and execution.when > datetime.now(UTC)
