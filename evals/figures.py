"""Owns the bars: what a set of ratings is worth against its labels (issue 2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.labelled import Labelled
from interviewer.model import PointState, Rating

NATURAL = ("ordinary", "plain", "contradicting")
GAMES = ("stuffing", "boilerplate", "gaming", "parroting")

Pair = tuple[Labelled, Rating]


@dataclass(frozen=True)
class Figure:
    """A measured number, what it is measured on, and the bar it has to clear (None: shown for information)."""

    name: str
    value: float
    of: int
    at_least: float | None = None
    at_most: float | None = None

    @property
    def passed(self) -> bool | None:
        if self.at_least is None and self.at_most is None:
            return None
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)


def figures(pairs: Sequence[Pair]) -> list[Figure]:
    """The bars' table."""
    ordinary = [pair for pair in pairs if pair[0].kind == "ordinary"]
    plain = [pair for pair in pairs if pair[0].kind == "plain"]
    natural = [pair for pair in pairs if pair[0].kind in NATURAL]
    replies = [pair for pair in pairs if pair[0].kind == "probe-reply"]
    table = [
        Figure("ordinary: F1", *_f1(ordinary), at_least=0.80),
        Figure("plain: F1", *_f1(plain)),
        Figure("all natural: F1", *_f1(natural)),
        Figure("all natural: AUC of the confidence", *_auc(natural)),
        Figure("called missing but said", *_wrongly_missing(natural), at_most=0.05),
        Figure(
            "contradicted but credited", *_share(natural + replies, "contradicted", PointState.COVERED), at_most=0.15
        ),
        Figure("contradicted and challenged", *_share(natural + replies, "contradicted", PointState.CHALLENGED)),
        Figure("covered but challenged", *_share(natural, "covered", PointState.CHALLENGED)),
        Figure("next question is open", *_next_open(natural), at_least=0.95),
        Figure("replies judged right", *_replies(replies)),
        Figure("replies credit something else", *_elsewhere(replies), at_most=None),
    ]
    for kind in GAMES:
        mine = [pair for pair in pairs if pair[0].kind == kind]
        bar = 0.0 if kind in ("stuffing", "boilerplate") else None
        table.append(Figure(f"{kind}: points credited an answer", *_credited(mine), at_most=bar))
    empty = [pair for pair in pairs if pair[0].kind in ("empty", "gibberish")]
    full = [pair for pair in pairs if pair[0].kind not in ("empty", "gibberish")]
    table.append(Figure("empty and gibberish: gradable", *_gradable(empty), at_most=0.0))
    table.append(Figure("everything else: gradable", *_gradable(full), at_least=1.0))
    return [figure for figure in table if figure.of]


def _views(pairs: Sequence[Pair]) -> list[tuple[str, bool, float, PointState]]:
    """(label, covered?, confidence, state) of every point that is not partial."""
    found: list[tuple[str, bool, float, PointState]] = []
    for answer, rating in pairs:
        for view in rating.points:
            if view.point in answer.partial:
                continue
            label = "covered" if view.point in answer.covered else "missing"
            label = "contradicted" if view.point in answer.contradicted else label
            found.append((label, label == "covered", view.confidence, view.state))
    return found


def _f1(pairs: Sequence[Pair]) -> tuple[float, int]:
    views = _views(pairs)
    true = sum(covered for _, covered, _, _ in views)
    called = sum(state is PointState.COVERED for *_, state in views)
    both = sum(covered and state is PointState.COVERED for _, covered, _, state in views)
    return (2 * both / (true + called) if true + called else 0.0), true


def _auc(pairs: Sequence[Pair]) -> tuple[float, int]:
    views = [view for view in _views(pairs) if view[0] != "contradicted"]
    yes = np.array([confidence for _, covered, confidence, _ in views if covered])
    no = np.array([confidence for _, covered, confidence, _ in views if not covered])
    if not len(yes) or not len(no):
        return 0.0, 0
    wins = (yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean()
    return float(wins), len(views)


def _wrongly_missing(pairs: Sequence[Pair]) -> tuple[float, int]:
    called = [covered for _, covered, _, state in _views(pairs) if state is PointState.MISSING]
    return (sum(called) / len(called) if called else 0.0), len(called)


def _share(pairs: Sequence[Pair], label: str, state: PointState) -> tuple[float, int]:
    states = [view[3] for view in _views(pairs) if view[0] == label]
    return (sum(found is state for found in states) / len(states) if states else 0.0), len(states)


def _next_open(pairs: Sequence[Pair]) -> tuple[float, int]:
    """Whether the point with the lowest confidence among those not credited was truly not said."""
    right: list[bool] = []
    for answer, rating in pairs:
        uncovered = [view for view in rating.points if view.state is not PointState.COVERED]
        if uncovered:
            right.append(min(uncovered, key=lambda view: view.confidence).point not in answer.covered)
    return (sum(right) / len(right) if right else 0.0), len(right)


def _replies(pairs: Sequence[Pair]) -> tuple[float, int]:
    """Whether the point a reply was asked for is credited exactly when it was said (partial ones left out)."""
    right = [
        (view.state is PointState.COVERED) == (view.point in answer.covered)
        for answer, rating in pairs
        for view in rating.points
        if view.point == answer.probe and view.point not in answer.partial
    ]
    return (sum(right) / len(right) if right else 0.0), len(right)


def _elsewhere(pairs: Sequence[Pair]) -> tuple[float, int]:
    wrong = [
        sum(
            view.state is PointState.COVERED
            and view.point != answer.probe
            and view.point not in answer.covered | answer.partial
            for view in rating.points
        )
        for answer, rating in pairs
    ]
    return (sum(wrong) / len(wrong) if wrong else 0.0), len(wrong)


def _credited(pairs: Sequence[Pair]) -> tuple[float, int]:
    counts = [sum(view.state is PointState.COVERED for view in rating.points) for _, rating in pairs]
    return (sum(counts) / len(counts) if counts else 0.0), len(counts)


def _gradable(pairs: Sequence[Pair]) -> tuple[float, int]:
    return (sum(rating.gradable for _, rating in pairs) / len(pairs) if pairs else 0.0), len(pairs)
