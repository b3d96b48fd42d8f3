"""Fakes of the ports, and makers of what candidates send: small and deterministic."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from redis.asyncio import Redis

from interviewer.model import (
    Answer,
    Case,
    Command,
    CommandName,
    Dimension,
    Guide,
    Intent,
    Message,
    Move,
    Phase,
    PointRating,
    PointState,
    Question,
    Rating,
    RubricPoint,
    Settings,
)
from interviewer.ports import Post

CASE = Case(
    Question(id="shortener", title="A link shortener", prompt="Design a service that makes long links short."),
    Guide(
        question="shortener",
        rubric=(
            RubricPoint(
                id="reads",
                statement="Reads outnumber writes by far.",
                exemplars=("Many more people follow a link than make one.",),
                dimension=Dimension.REQUIREMENTS,
                phase=Phase.REQUIREMENTS,
                probe="How do reads and writes compare?",
            ),
            RubricPoint(
                id="cache",
                statement="Hot links are served from a cache.",
                exemplars=("I would keep popular links in memory.",),
                dimension=Dimension.ARCHITECTURE,
                phase=Phase.DESIGN,
                probe="What happens to a link everybody follows?",
            ),
        ),
    ),
)
NOTICES = {
    "set-aside": "Something went wrong with that message.",
    "not-started": "Say start to begin.",
    "already-running": "An interview is running.",
}


def bank(question: str) -> Case:
    """The only case there is."""
    return {"shortener": CASE}[question]


def message(thread: str, id: str, text: str = "I would start with the numbers.", at: float = 100.0) -> Message:
    return Message(thread=thread, id=id, author="ada", text=text, at=at)


def command(thread: str, id: str, name: CommandName, at: float = 100.0, argument: str = "") -> Command:
    settings = Settings(question="shortener") if name is CommandName.START else None
    return Command(thread=thread, id=id, author="ada", name=name, at=at, argument=argument, settings=settings)


def start(thread: str, id: str = "start", at: float = 90.0) -> Command:
    return command(thread, id, CommandName.START, at)


def ticking(start: float = 1_000.0) -> Callable[[], float]:
    """A clock that moves one second each time it is read."""
    seconds = count(int(start))
    return lambda: float(next(seconds))


@dataclass
class EagerRater:
    """Covers a point when the answer names it, with the whole answer as its quote."""

    asked: list[Answer] = field(default_factory=list[Answer])

    async def rate(self, case: Case, answer: Answer) -> Rating:
        self.asked.append(answer)
        return Rating(
            intent=Intent.ANSWER,
            gradable=True,
            points=tuple(
                PointRating(point.id, PointState.COVERED, 0.9, answer.text)
                if point.id in answer.text
                else PointRating(point.id, PointState.MISSING, 0.1)
                for point in case.guide.rubric
            ),
        )


@dataclass
class FailingRater:
    """Fails while the text contains `on`, as a rater with a bug would."""

    on: str
    rater: EagerRater = field(default_factory=EagerRater)

    async def rate(self, case: Case, answer: Answer) -> Rating:
        if self.on in answer.text:
            raise ArithmeticError(self.on)
        return await self.rater.rate(case, answer)


class PlainVoice:
    """Says what a move is and what it is made of, numbered, so that nothing is ever said twice."""

    async def word(self, move: Move, persona: str, seed: int) -> tuple[str, ...]:
        material = " ".join(move.material.values()).replace("?", ".")
        return (f"{move.kind}: {material} ({seed})", f"{move.kind} ({seed})")


@dataclass
class Channel:
    """A platform that keeps what was posted; `before` runs ahead of every post and may refuse it."""

    posts: list[Post] = field(default_factory=list[Post])
    before: Callable[[Post], Awaitable[None]] | None = None

    async def post(self, post: Post) -> None:
        if self.before:
            await self.before(post)
        self.posts.append(post)

    def texts(self, thread: str) -> list[str]:
        return [post.turn.text for post in self.posts if post.thread == thread]


def redis_client(url: str) -> Any:
    """redis-py's own client, whose types say little."""
    return cast("Any", Redis).from_url(url)


async def wait_until(condition: Callable[[], Awaitable[bool]], within: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail the test if it does not in time."""
    async with asyncio.timeout(within):
        wait = 0.001
        while not await condition():
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.05)
