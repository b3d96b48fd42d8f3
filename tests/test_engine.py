"""The engine in one process: who typed in a row gets one reply, what was cut short is healed, leaving drains."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from docket import Docket

from interviewer import embedded
from interviewer.engine import Engine, Pace
from interviewer.model import Answer, Case, CommandName, Rating
from interviewer.ports import StoreUnavailable, final
from interviewer.runner import Ports
from interviewer.store import RedisStore
from tests.fakes import (
    NOTICES,
    Channel,
    EagerRater,
    FailingRater,
    PlainVoice,
    bank,
    command,
    message,
    start,
    ticking,
    wait_until,
)

AT_ONCE = Pace(quiet=0)
ONLY_TAKES_IN = Pace(quiet=0, works=False)
THREAD = "discord:dm:42"


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
    async with Engine(ports, redis_url, Pace(quiet=0.3)) as engine:
        await engine.submit("e0", start(THREAD))
        await posts(ports, 1)
        for n in range(4):
            await engine.submit(f"e{n + 1}", message(THREAD, f"m{n}", f"part {n}"))
        await posts(ports, 2)
        assert rated(ports) == ["part 0\npart 1\npart 2\npart 3"]


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


class SlowRater(EagerRater):
    """Stops half-way until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.reached.set()
        await self.go_on.wait()
        yield await final(super().rate(case, answer))


class RecoveringRater:
    """Fails once."""

    def __init__(self) -> None:
        self.rater = EagerRater()
        self.failed = asyncio.Event()

    async def rate(self, case: Case, answer: Any) -> Any:
        if not self.failed.is_set():
            self.failed.set()
            raise ArithmeticError("once")
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
