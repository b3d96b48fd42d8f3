"""What the benches share: a rater and a platform that take no time, interviews under way, and figures of how long things took."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.cli.common import make_interviewer
from interviewer.attachments import Unfetchable
from interviewer.model import (
    Answer,
    Attachment,
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
from interviewer.ports import Post
from interviewer.runner import run_turn
from interviewer.store import RedisStore

QUESTION = "apple-task-scheduler"
ANSWER = (
    "I would keep due jobs in a sorted index sharded by minute, and let several workers claim them with a lease. " * 3
)
Send = Callable[[], Coroutine[Any, Any, float]]
"""Sends something, and returns the seconds until it was answered."""


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

    def preview(self, thread: str, candidate: str, text: str) -> None: ...

    async def withdraw(self, thread: str) -> None: ...

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        raise Unfetchable(attachment.name)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the count, in milliseconds."""
    ms = [value * 1000 for value in values]
    shares = {f"p{round(share * 100)}": round(percentile(ms, share), 1) for share in (0.5, 0.95, 0.99)}
    return {**shares, "n": len(ms)}


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


async def paced(send: Send, rate: float, seconds: float) -> list[float]:
    """Acknowledgement times of messages sent at random moments (a Poisson process), whether earlier ones were acknowledged or
    not."""
    chance, tasks = random.Random(7), list[asyncio.Task[float]]()  # noqa: S311
    due = time.perf_counter()
    for _ in range(int(rate * seconds)):
        due += chance.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(send()))
    return list(await asyncio.gather(*tasks))


async def under_way(url: str, people: Sequence[tuple[str, str]]) -> None:
    """Begin everybody's interview, each a candidate and a thread, and answer once."""
    interviewer = make_interviewer(offline=True)
    async with RedisStore.from_url(url) as store:
        ports = replace(interviewer.ports(store, Wall(), time.time), rater=Blank())
        for who, thread in people:
            begin = Command(thread, "s", who, CommandName.START, time.time(), settings=Settings(QUESTION))
            for inbound in (begin, Message(thread, "m", who, ANSWER, time.time())):
                await store.admit(inbound.id, inbound)
                await run_turn(ports, thread, inbound.id)
