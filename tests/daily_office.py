"""An office for the herald: a real store, a noticeboard, a small bank, two workers, and a clock that the test sets."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.daily import holidays
from interviewer.calendar import DAILY, Schedule
from interviewer.daily import (
    Asked,
    Board,
    DailyAnswer,
    DailyQuestion,
    Plan,
    Slot,
    Written,
)
from interviewer.daily_store import DailyStore
from interviewer.herald import ERRAND, Herald
from interviewer.model import Level, Question
from interviewer.ports import by
from interviewer.questions import Bank
from tests.fakes import EagerRater
from tests.noticeboard import Clock, FakeNoticeboard, Pinned

CHANNEL, TEAM = "slack:T1:C1", "slack:T1"
ADMIN, ANA, BEN, CAT = "slack:T1:ADMIN", "slack:T1:ANA", "slack:T1:BEN", "slack:T1:CAT"
TODAY = date(2026, 11, 24)
NINE = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
"""At nine in Berlin, on a Tuesday."""
HOUR, DAY = 3600.0, 24 * 3600.0
REVEALS = NINE + 7 * HOUR
SLOT = Slot("a", TODAY)
PLAN = Plan("a", Schedule(time(9), "Europe/Berlin"), NINE - HOUR)
EVERY_DAY = replace(PLAN, schedule=replace(PLAN.schedule, days=DAILY))
BOARD = Board(CHANNEL, TEAM, ADMIN, (PLAN,))
SKIPPED = "Tue 24 Nov, 08:00 UTC: skipped, since I could not post it within 2 hours"
WHY = "That channel is archived."

GUIDE = """\
rubric:
  - {{id: {0}-first, statement: First., exemplars: [One.], phase: design, weight: 2, probe: Why?, level: senior}}
  - {{id: {0}-second, statement: Second., exemplars: [Two.], phase: design, weight: 2, probe: How?, level: mid}}
  - {{id: {0}-third, statement: Third., exemplars: [Three.], phase: design, level: senior}}
"""
SENIOR = ("garage", "library", "lifts")


def made(folder: Path, *questions: Question) -> Bank:
    for each in questions:
        (folder / f"{each.id}.yaml").write_text(GUIDE.format(each.id))
    return Bank((each, folder / f"{each.id}.yaml") for each in questions)


@dataclass
class Office:
    """Two workers, a store, a noticeboard, and a clock that the test sets."""

    store: DailyStore
    known: Bank
    clock: Clock
    wall: FakeNoticeboard = field(default_factory=FakeNoticeboard)
    rater: EagerRater = field(default_factory=EagerRater)
    seconds: Iterator[float] = field(default_factory=lambda: count(NINE))

    def herald(self, store: DailyStore | None = None) -> Herald:
        return Herald(
            store or self.store, self.known, self.rater, self.wall, holidays, by(self.clock), platform="slack"
        )

    async def sets_up(self, *boards: Board) -> None:
        for board in boards:
            assert await self.store.keep_board(None, board)

    async def changes(self, **changes: Any) -> None:
        board = await self.board()
        assert await self.store.keep_board(board, replace(board, **changes))

    async def errands(self) -> list[str]:
        """What two workers that tick at the same time have done now."""
        asked: dict[str, str] = {}

        async def ask(key: str, name: str, what: str) -> bool:
            assert name == ERRAND
            new = key not in asked
            asked[key] = what
            return new

        await asyncio.gather(self.herald().tick(ask), self.herald().tick(ask))
        return list(asked.values())

    async def at(self, now: float, store: DailyStore | None = None) -> None:
        """Let it be `now`, and all be done that is due."""
        self.clock.now = now
        for _ in range(20):
            errands = await self.errands()
            if not errands:
                return
            for what in errands:
                await self.herald(store).do(what, False)
        raise AssertionError("what is due never comes to an end")

    async def board(self, channel: str = CHANNEL) -> Board:
        board = await self.store.board(channel)
        assert board
        return board

    async def question(self, channel: str = CHANNEL) -> DailyQuestion:
        """The latest question of a channel."""
        return (await self.store.past(channel))[-1]

    async def says(self, person: str, text: str, *, sealed: bool = False, slot: Slot = SLOT) -> None:
        at, message = next(self.seconds), "" if sealed else f"{person} {text}"
        await self.store.answer(CHANNEL, slot, DailyAnswer(person, text, at, message, sealed))
        if not sealed:
            self.wall.threads[CHANNEL, await self.under(slot)].append(Written(person, text, at, message))

    async def under(self, slot: Slot = SLOT) -> str:
        """The message of a question."""
        return next(each.message for each in await self.store.past(CHANNEL) if each.slot == slot)

    def stands(self, kind: type[Any] = Asked, channel: str = CHANNEL) -> list[Pinned]:
        return [each for each in self.wall.on(channel) if isinstance(each.notice, kind)]


class Dying(DailyStore):
    """What a worker has that dies before it keeps a question."""

    async def keep_question(self, channel: str, question: DailyQuestion) -> None:
        if question.message:
            raise asyncio.CancelledError
        await super().keep_question(channel, question)


# --- fixtures, known to all tests (conftest.py) ---


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Three questions for seniors with two points each that are worth asking about, and one for others."""
    return made(
        tmp_path_factory.mktemp("bank"),
        Question("garage", "A garage", "Design a garage.", topics=("Queues",)),
        Question("library", "A library", "Design a library.", topics=("storage",)),
        Question("lifts", "Lifts", "Design lifts.", topics=("queues",)),
        Question("kiosk", "A kiosk", "Design a kiosk.", topics=("payments",), levels=(Level.STAFF,)),
    )


@pytest.fixture
async def office(redis_url: str, small: Bank) -> AsyncGenerator[Office]:
    async with DailyStore.from_url(redis_url) as store:
        yield Office(store, small, Clock(NINE - HOUR))


@pytest.fixture
async def dying(redis_url: str) -> AsyncGenerator[DailyStore]:
    async with Dying.from_url(redis_url) as store:
        yield store
