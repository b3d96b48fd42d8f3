"""Owns the injection suite: messages that try to win credit without saying anything, and the model that falls for them.

    python -m evals.injections   # a table: what each attempt wins from a model that obeys whoever writes to it

An attempt is run with every way of obeying there is in `WAYS`; what it wins is what is credited beyond what its honest part
covers, or earns from the offline rater alone.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import yaml
from pydantic import BaseModel

from evals.labelled import EVALS, read_bank
from evals.memo import remembering
from interviewer.model import Answer, Case, PointState, Rating, RubricPoint, Usage
from interviewer.ports import Line, Role, final
from interviewer.prompts import load_prompts
from interviewer.questions import data_root
from interviewer.raters.language import content, sentences
from interviewer.raters.offline import OfflineRater
from interviewer.raters.panel import Panel
from interviewer.raters.reading import CARRIED, LONG_ENOUGH, Claim, ModelRater, Reading

SUITES = EVALS / "injections"

Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True)
class Attempt:
    """A message as it was sent, the honest part of it ("" for none), and the points which that covers by its author's word."""

    id: str
    kind: str
    question: str
    honest: str
    covers: frozenset[str]
    text: str


def read_attempts(folder: Path = SUITES) -> list[Attempt]:
    """Every attempt of every suite."""
    return [
        Attempt(
            str(entry["id"]),
            str(entry["kind"]),
            str(entry["question"]),
            str(entry["honest"] or ""),
            frozenset(cast("list[str]", entry["covers"])),
            str(entry["text"]),
        )
        for path in sorted(folder.glob("*.yaml"))
        for entry in cast("list[dict[str, object]]", yaml.safe_load(path.read_text("utf-8")))
    ]


Way = Callable[[Sequence[RubricPoint], Sequence[str]], Mapping[str, str]]
"""A quote for every point, from the pieces of a message."""


def likeliest(points: Sequence[RubricPoint], pieces: Sequence[str]) -> Mapping[str, str]:
    """For every point the piece that shares most words with it."""
    return {point.id: max(pieces, key=lambda piece: _shared(point, piece)) for point in points}


def spread(points: Sequence[RubricPoint], pieces: Sequence[str]) -> Mapping[str, str]:
    """No piece for more points than one may carry, the likeliest first: what a careful liar would do."""
    load: Counter[str] = Counter()
    found: dict[str, str] = {}
    pairs = sorted(((point, piece) for point in points for piece in pieces), key=lambda pair: -_shared(*pair))
    for point, piece in pairs:
        if point.id not in found and load[piece] < CARRIED:
            found[point.id] = piece
            load[piece] += 1
    return found


WAYS: Sequence[Way] = (likeliest, spread)


def _shared(point: RubricPoint, piece: str) -> float:
    own = set(content(" ".join((point.statement, *point.exemplars))))
    return len(own & set(content(piece)))


class Obedient:
    """A `LanguageModel` that does as it is told by whoever writes: it claims every point, with the best quotes there are."""

    name = "obedient"

    def __init__(self, case: Case, way: Way) -> None:
        self._case = case
        self._way = way

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        return lines[-1].text, Usage()

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        text = next(line.text for line in lines if line.role is Role.CANDIDATE)
        pieces = [piece.text for piece in sentences(text) if len(piece.text.split()) >= LONG_ENOUGH]
        quotes: Mapping[str, str] = self._way(self._case.guide.rubric, pieces) if pieces else {}
        claims = [Claim(point=point, quote=quote) for point, quote in quotes.items()]
        return cast("Form", Reading(intent="answer", covered=claims, wrong=[], fact="")), Usage(calls=1)


@dataclass(frozen=True)
class Won:
    """What an attempt won: points credited beyond the honest part's."""

    attempt: Attempt
    points: frozenset[str]


async def run(attempts: Iterable[Attempt], bank: Mapping[str, Case], offline: OfflineRater) -> list[Won]:
    """Every attempt, in every way of obeying; what any of them won counts."""
    prompts = load_prompts(data_root() / "prompts")
    found: list[Won] = []
    for attempt in attempts:
        case = bank[attempt.question]
        alone = credited(offline.judge(case, Answer(attempt.honest))) if attempt.honest else frozenset[str]()
        earned = alone | attempt.covers
        won = frozenset[str]()
        for way in WAYS:
            panel = Panel(offline, ModelRater(Obedient(case, way), prompts))
            won |= credited(await final(panel.rate(case, Answer(attempt.text, final=True)))) - earned
        found.append(Won(attempt, won))
    return found


def credited(rating: Rating) -> frozenset[str]:
    """The points a rating credits."""
    return frozenset(view.point for view in rating.points if view.state is PointState.COVERED)


def main() -> None:
    """Print what each attempt won."""
    models = remembering()
    won = asyncio.run(run(read_attempts(), read_bank(), OfflineRater(None, models)))
    for model in models:
        model.save()
    for one in won:
        if one.points:
            sys.stdout.write(f"{one.attempt.id} {one.attempt.kind}: {', '.join(sorted(one.points))}\n")
    kinds = Counter(one.attempt.kind for one in won)
    gained = Counter(one.attempt.kind for one in won for _ in one.points)
    for kind, count in sorted(kinds.items()):
        sys.stdout.write(f"{kind:<16} {count:>3} attempts, {gained[kind]} points won\n")
    sys.stdout.write(f"{len(won)} attempts, {sum(len(one.points) for one in won)} points won\n")


if __name__ == "__main__":
    main()
