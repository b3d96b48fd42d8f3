"""Measures what a candidate waits for and prints it as JSON: `python -m evals.bench`, or `make bench`.

Everything runs on real parts: the command itself in a pseudo-terminal, the embedded Valkey, the engine, the rater. The
machine it runs on is shared and noisy, so quote figures of one run against each other.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pexpect

from bot.__main__ import bank, make_interviewer
from evals.labelled import DEV, read_answers
from interviewer import embedded
from interviewer.engine import Engine, Pace
from interviewer.model import (
    Answer,
    Case,
    Command,
    CommandName,
    Intent,
    Message,
    PointRating,
    PointState,
    Rating,
    Settings,
)
from interviewer.ports import Post, Rater, final
from interviewer.store import RedisStore

QUESTION = "apple-task-scheduler"
WORDS = 300


class Blank:
    """Rates at once: what is left of a turn is ours."""

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        points = tuple(PointRating(point.id, PointState.MISSING, 0.0) for point in case.guide.rubric)
        yield Rating(Intent.ANSWER, gradable=True, points=points)


@dataclass
class Wall:
    posts: asyncio.Queue[Post] = field(default_factory=asyncio.Queue[Post])

    async def post(self, post: Post) -> None:
        await self.posts.put(post)

    def preview(self, thread: str, text: str) -> None: ...


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the count, in milliseconds."""
    ms = [value * 1000 for value in values]
    shares = {f"p{round(share * 100)}": round(percentile(ms, share), 1) for share in (0.5, 0.95, 0.99)}
    return {**shares, "n": len(ms)}


def question_on_screen(home: Path) -> float:
    """Seconds from `mockingbird chat` to the question on the screen."""
    environment: dict[str, str] = {**os.environ, "MOCKINGBIRD_DATA": str(home / "data"), "TERM": "xterm"}
    environment.pop("REDIS_URL", None)
    began = time.perf_counter()
    chat: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        ["-m", "bot", "chat", "--new", "--question", QUESTION],
        env=environment,
        encoding="utf-8",
        timeout=30,
    )
    chat.expect("background work")
    seconds = time.perf_counter() - began
    chat.expect_exact("\x1b[?2004h")  # the prompt turns bracketed paste on
    chat.send("\x03")
    chat.expect(pexpect.EOF)
    chat.close()
    return seconds


@asynccontextmanager
async def sitting(rater: Rater, home: Path) -> AsyncGenerator[tuple[Engine, Wall, str]]:
    """A started interview on an embedded Valkey."""
    interviewer = replace(make_interviewer(offline=True), rater=rater)
    server, wall = await embedded.start(home), Wall()
    thread = f"bench:{time.time_ns()}"
    try:
        async with RedisStore.from_url(server.url) as store:
            ports = interviewer.ports(store, wall, time.time)
            async with Engine(ports, server.url, Pace(quiet=0), name=f"mockingbird:{thread}") as engine:
                settings = Settings(QUESTION)
                await engine.submit(
                    "start", Command(thread, "start", "ada", CommandName.START, time.time(), settings=settings)
                )
                await wall.posts.get()
                yield engine, wall, thread
    finally:
        await server.shutdown_if_last()


async def turns(rater: Rater, home: Path, texts: Sequence[str]) -> list[float]:
    """Seconds from submitting each text to its reply."""
    seconds: list[float] = []
    while len(seconds) < len(texts):
        async with sitting(rater, home) as (engine, wall, thread):
            for number, text in enumerate(texts[len(seconds) :]):
                began = time.perf_counter()
                await engine.submit(f"m{number}", Message(thread, f"m{number}", "ada", text, time.time()))
                post = await wall.posts.get()
                seconds.append(time.perf_counter() - began)
                if post.scorecard:
                    break  # what comes after the debrief is not rated
    return seconds


FIRST = """
import asyncio, json, sys, time
began = float(sys.argv[1])
from bot.__main__ import bank, make_interviewer
from interviewer.model import Answer
from interviewer.ports import final
rater = make_interviewer(offline=True).rater
case = bank().case(sys.argv[2])
asyncio.run(final(rater.rate(case, Answer(sys.stdin.read()))))
# Not ru_maxrss: that begins with what the parent had.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"s": round(time.time() - began, 2), "mb": round(int(peak.split()[1]) / 1024)}))
"""


def first_rating(text: str) -> dict[str, float]:
    """Seconds from the start of a process to its first rating with a warm cache, and the memory it took."""
    command = [sys.executable, "-c", FIRST, str(time.time()), QUESTION]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    return json.loads(done.stdout)


def long_answers() -> list[str]:
    """Answers of about 300 words, made of labelled ones."""
    words = " ".join(answer.text for answer in read_answers(DEV) if answer.kind == "ordinary").split()
    return [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS // 4)]


async def ratings(texts: Sequence[str]) -> list[float]:
    """Seconds a rating."""
    rater, case, seconds = make_interviewer(offline=True).rater, bank().case(QUESTION), list[float]()
    await final(rater.rate(case, Answer(texts[0])))
    for text in texts:
        began = time.perf_counter()
        await final(rater.rate(case, Answer(text)))
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    """Measure everything and print it."""
    texts = long_answers()
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        home = Path(folder)
        screens = [question_on_screen(home) for _ in range(5)]
        interviewer = make_interviewer(offline=True)
        rater = interviewer.rater
        interviewer.prepare(bank().case(QUESTION))
        figures: dict[str, Any] = {
            "chat_to_question_s": {"median": round(statistics.median(screens), 2), "worst": round(max(screens), 2)},
            "turn_without_rating_ms": milliseconds(
                asyncio.run(turns(Blank(), home / "blank", ["A short answer."] * 300))
            ),
            "turn_with_rating_ms": milliseconds(asyncio.run(turns(rater, home / "rated", texts[:60]))),
            "rating_300_words_ms": milliseconds(asyncio.run(ratings(texts))),
            "first_rating_cold_process": first_rating(texts[0]),
        }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
