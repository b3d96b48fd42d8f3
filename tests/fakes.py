"""Fakes of the ports, and makers of what candidates send: small and deterministic."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from redis.asyncio import Redis

from interviewer.attachments import Unfetchable
from interviewer.model import (
    Answer,
    Attachment,
    Case,
    Command,
    CommandName,
    Correction,
    Dimension,
    Guide,
    Inbound,
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
    Usage,
    Wording,
)
from interviewer.ports import Line, ModelTrouble, Moment, Post, Role, Store, final
from interviewer.runner import Ports, run_turn

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


def message(
    thread: str, id: str, text: str = "I would start with the numbers.", at: float = 100.0, *files: Attachment
) -> Message:
    return Message(thread=thread, id=id, author="ada", text=text, at=at, attachments=files)


def correction(thread: str, of: str, now: str | None, at: float = 110.0) -> Correction:
    """An edit of the message `of`, or its deletion."""
    return Correction(thread=thread, id=f"{of}-{at}", author="ada", of=of, now=now, at=at)


def attachment(name: str, mime: str = "", size: int = 0) -> Attachment:
    """A file that a `Channel` has if its `files` do, by name."""
    return Attachment(id=name, name=name, mime=mime, size=size, place=name)


def as_read(name: str, text: str) -> str:
    """What stands for a text file in an answer."""
    return f"[File {name}]\n\n{text}"


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

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.asked.append(answer)
        yield Rating(
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

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        if self.on in answer.text:
            raise ArithmeticError(self.on)
        yield await final(self.rater.rate(case, answer))


class PlainVoice:
    """Says what a move is and what it is made of, numbered, so that nothing is ever said twice."""

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        material = " ".join(move.material.values()).replace("?", ".")
        return Wording((f"{move.kind}: {material} ({moment.seed})", f"{move.kind} ({moment.seed})"))


COST = Usage(calls=1, read=100, cached=60, written=10)
"""What every call of a scripted model takes."""
Form = TypeVar("Form", bound=BaseModel)


class ScriptedModel:
    """A language model that says, fills in or raises one thing of its script after the other, the last one for ever.

    `given` is what it was asked, call by call. It answers once `ready` is set, which it is unless told otherwise."""

    name = "scripted"

    def __init__(self, *script: str | BaseModel | ModelTrouble, held: bool = False) -> None:
        self.given: list[tuple[Line, ...]] = []
        self.reached, self.ready, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._script = list(script)
        if not held:
            self.ready.set()

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        """A text, heard letter by letter."""
        text = await self._next(lines)
        assert isinstance(text, str)
        for letters in range(1, len(text) + 1):
            hear(text[:letters])
        return text, COST

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        filled = await self._next(lines)
        assert isinstance(filled, form)
        return filled, COST

    def texts(self, role: Role) -> list[str]:
        """What it was given in this role in its latest call."""
        return [line.text for line in self.given[-1] if line.role is role]

    async def _next(self, lines: Sequence[Line]) -> str | BaseModel:
        self.given.append(tuple(lines))
        self.reached.set()
        try:
            await self.ready.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        told = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(told, ModelTrouble):
            raise told
        return told


@dataclass
class Channel:
    """A platform that keeps what was posted; `before` runs ahead of every post and may refuse it."""

    posts: list[Post] = field(default_factory=list[Post])
    previews: list[str] = field(default_factory=list[str])
    withdrawn: list[str] = field(default_factory=list[str])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    before: Callable[[Post], Awaitable[None]] | None = None

    async def post(self, post: Post) -> None:
        if self.before:
            await self.before(post)
        self.posts.append(post)

    def preview(self, thread: str, candidate: str, text: str) -> None:
        self.previews.append(text)

    async def withdraw(self, thread: str) -> None:
        self.withdrawn.append(thread)

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        if attachment.place not in self.files:
            raise Unfetchable(attachment.name)
        return self.files[attachment.place]

    def texts(self, thread: str) -> list[str]:
        return [post.turn.text for post in self.posts if post.thread == thread]


@dataclass
class Table:
    """A thread, a store and fakes around them."""

    thread: str
    store: Any
    channel: Channel
    rater: EagerRater
    ports: Ports

    async def hears(self, *said: Inbound) -> None:
        for inbound in said:
            await self.store.admit(inbound.id, inbound)

    async def answers(self, *said: Inbound) -> list[str]:
        """Let it be said, run turns until nothing is left, and return what was posted meanwhile."""
        before = len(self.channel.posts)
        await self.hears(*said)
        async with asyncio.timeout(60):
            while await run_turn(self.ports, self.thread, "turn:1"):
                pass
        return [post.turn.text for post in self.channel.posts[before:]]


def laid(store: Store, thread: str) -> Table:
    """A table at which nobody sits yet."""
    channel, rater = Channel(), EagerRater()
    return Table(thread, store, channel, rater, Ports(store, rater, PlainVoice(), channel, ticking(), bank, NOTICES))


def redis_client(url: str) -> Any:
    """redis-py's own client, whose types say little."""
    return cast("Any", Redis).from_url(url)


async def wait_until(condition: Callable[[], Awaitable[bool]], within: float = 60.0) -> None:
    """Return as soon as `condition` holds; fail the test if it does not in time."""
    async with asyncio.timeout(within):
        wait = 0.001
        while not await condition():
            await asyncio.sleep(wait)
            wait = min(wait * 2, 0.05)
