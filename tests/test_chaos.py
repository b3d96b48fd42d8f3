"""Real worker processes under kill -9: no message is lost, none is answered twice, and the order holds.

A post may be made twice when the kill fell between posting and noting that it was posted, and only then.
"""

import asyncio
import logging
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from interviewer.engine import Engine, Pace
from interviewer.model import Speaker
from interviewer.runner import Ports
from interviewer.store import RedisStore
from tests.fakes import NOTICES, Channel, EagerRater, PlainVoice, bank, message, start, ticking, wait_until
from tests.worker import POINTS, POSTS, order

logger = logging.getLogger(__name__)


@dataclass
class Fleet:
    """Worker processes. Every death is answered with a birth."""

    url: str
    alive: list[asyncio.subprocess.Process] = field(default_factory=list[asyncio.subprocess.Process])
    deaths: int = 0

    async def run(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.worker", self.url, *arguments)

    async def keep(self, count: int) -> None:
        """Keep so many workers alive until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._one_after_another())

    async def _one_after_another(self) -> None:
        while True:
            process = await self.run()
            self.alive.append(process)
            try:
                assert await process.wait() == -signal.SIGKILL
                self.deaths += 1
            finally:
                self.alive.remove(process)
                if process.returncode is None:
                    process.kill()
                    await process.wait()


@dataclass
class Scene:
    """A gateway that takes in, a fleet that works, and what can be read on the wall."""

    store: RedisStore
    engine: Engine
    fleet: Fleet
    redis: Any

    async def wall(self, thread: str) -> list[tuple[str, str]]:
        """Key and text of every post in the thread, repetitions included."""
        posts = [line.decode().split("\n", 2) for line in await self.redis.lrange(POSTS, 0, -1)]
        return [(key, text) for key, where, text in posts if where == thread]

    async def figures(self, sent: dict[str, list[str]]) -> "Figures":
        figures = Figures(threads=len(sent), messages=sum(map(len, sent.values())), kills=self.fleet.deaths)
        for thread, ids in sent.items():
            transcript = await self.store.transcript(thread)
            answered = [line.message for line in transcript if line.speaker is Speaker.CANDIDATE]
            spoken = [line.text for line in transcript if line.speaker is Speaker.INTERVIEWER]
            wall = await self.wall(thread)
            figures.lost += len(set(ids) - set(answered))
            figures.answered_twice += len(answered) - len(set(answered))
            figures.out_of_order += answered != ids or [text for _, text in dict(wall).items()] != spoken
            figures.posts += len(spoken)
            figures.posted_twice += sum(times - 1 for times in Counter(wall).values())
        return figures


@dataclass
class Figures:
    threads: int
    messages: int
    kills: int
    lost: int = 0
    answered_twice: int = 0
    out_of_order: int = 0
    posts: int = 0
    posted_twice: int = 0

    @property
    def wrong(self) -> int:
        return self.lost + self.answered_twice + self.out_of_order


@pytest.fixture
async def scene(redis_url: str, redis: Any) -> AsyncGenerator[Scene]:
    async with RedisStore.from_url(redis_url) as store:
        ports = Ports(store, EagerRater(), PlainVoice(), Channel(), ticking(), bank, NOTICES)
        async with Engine(ports, redis_url, Pace(quiet=0, works=False)) as engine:
            yield Scene(store, engine, Fleet(redis_url), redis)


@asynccontextmanager
async def working(fleet: Fleet, count: int) -> AsyncGenerator[None]:
    keeping = asyncio.create_task(fleet.keep(count))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
    if not keeping.cancelled():
        keeping.result()


async def all_answered(scene: Scene, sent: dict[str, list[str]]) -> bool:
    for thread, ids in sent.items():
        lines = await scene.store.transcript(thread)
        if not set(ids) <= {line.message for line in lines}:
            return False
    return not [thread async for thread in scene.store.waiting()]


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_at_any_point_loses_nothing_and_repeats_nothing(scene: Scene, point: str) -> None:
    sent = {"thread": ["m0", "m1", "m2"]}
    async with working(scene.fleet, 2):
        await scene.engine.submit("start", start("thread"))
        await scene.engine.submit("m0", message("thread", "m0"))
        await wait_until(lambda: all_answered(scene, {"thread": ["m0"]}))
        await scene.redis.set(order(point), 1)
        if point == "after-admit":
            gateway = await scene.fleet.run("thread", "m1")
            assert await gateway.wait() == -signal.SIGKILL
            scene.fleet.deaths += 1
        await scene.engine.submit("m1", message("thread", "m1"))
        await wait_until(lambda: died(scene))
        if point == "after-admit":
            # Nobody but the platform's second delivery may have woken the thread.
            await wait_until(lambda: all_answered(scene, {"thread": ["m0", "m1"]}))
        await scene.engine.submit("m2", message("thread", "m2"))
        await wait_until(lambda: all_answered(scene, sent))
    figures = await scene.figures(sent)
    logger.info("%s: %s", point, figures)
    assert (figures.kills, figures.wrong) == (1, 0)
    assert figures.posted_twice == (1 if point == "after-post" else 0)


async def test_a_storm_of_kills_loses_nothing_and_answers_nothing_twice(scene: Scene) -> None:
    chance = random.Random(20)  # noqa: S311
    sent = {f"thread-{n}": [f"m{k}" for k in range(10)] for n in range(20)}
    async with working(scene.fleet, 3):
        async with asyncio.TaskGroup() as talk:
            for thread, ids in sent.items():
                talk.create_task(hold_forth(scene, thread, ids, random.Random(chance.random())))  # noqa: S311
            killing = asyncio.create_task(kill_one_a_second(scene.fleet, chance))
        await wait_until(lambda: all_answered(scene, sent))
        killing.cancel()
    figures = await scene.figures(sent)
    logger.info("storm: %s", figures)
    assert figures.kills >= 3
    assert figures.wrong == 0
    assert figures.posted_twice <= figures.kills


async def hold_forth(scene: Scene, thread: str, ids: list[str], chance: random.Random) -> None:
    """One candidate, whose platform sends some events twice and whose gateway dies between its two writes now and then."""
    await scene.engine.submit("start", start(thread))
    for id in ids:
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        said = message(thread, id, f"{id} and the {chance.choice(['reads', 'cache', 'rest'])}")
        if chance.random() < 0.1:
            await scene.store.admit(id, said)
            await asyncio.sleep(0.2)
        for _ in range(chance.choice([1, 1, 1, 2])):
            await scene.engine.submit(id, said)


async def kill_one_a_second(fleet: Fleet, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(1)
        if fleet.alive:
            chance.choice(fleet.alive).kill()


async def died(scene: Scene) -> bool:
    return scene.fleet.deaths > 0
