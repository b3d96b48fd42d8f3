"""Owns the bars: what a set of ratings is worth against its labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from evals.labelled import Labelled
from interviewer.machine import judged
from interviewer.model import (
    Answered,
    Case,
    Dimension,
    Intent,
    Level,
    Message,
    Misconception,
    PointRating,
    PointState,
    Rating,
    Scorecard,
    Settings,
)
from interviewer.scoring import scorecard

ORDINARY = ("ordinary", "one-liner", "medium", "strong", "staff", "bullets", "broken")
PLAIN = ("plain",)
REFUSING = ("contradicting", "refusing")
NATURAL = (*ORDINARY, *PLAIN, *REFUSING)
GAMING = ("stuffing", "boilerplate", "gaming", "injection", "parroting", "off-topic")
GROUPS = {"ordinary": ORDINARY, "plain voice": PLAIN, "refusing": REFUSING, "plain and refusing": (*PLAIN, *REFUSING)}
APART = 2
"""Steps of quality from which two answers must come in the right order."""


@dataclass(frozen=True)
class Judged:
    """An answer, the case it was judged against, and what the rater made of it."""

    answer: Labelled
    case: Case
    rating: Rating

    @property
    def card(self) -> Scorecard:
        return card(self.case, self.answer.text, self.rating)


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


def card(case: Case, text: str, rating: Rating) -> Scorecard:
    """The scorecard of one written answer, at senior level."""
    heard = Answered((Message("eval", "", "candidate", text, 0.0),), 0.0)
    return scorecard(judged(case, Settings(case.question.id, Level.SENIOR), heard, rating), case)


def labelled_rating(case: Case, answer: Labelled) -> Rating:
    """What a rater that is never wrong would say: the labels."""
    points: list[PointRating] = []
    quote = answer.text.strip()[:80]
    for point in case.guide.rubric:
        state = PointState.MISSING
        for labels, named in (
            (answer.covered, PointState.COVERED),
            (answer.contradicted, PointState.CHALLENGED),
            (answer.partial, PointState.UNSURE),
        ):
            state = named if point.id in labels else state
        sure = float(state is PointState.COVERED)
        points.append(PointRating(point.id, state, sure, quote if state in _QUOTED else ""))
    wrong = tuple(Misconception(point.id, quote) for point in case.guide.rubric if point.id in answer.contradicted)
    return Rating(Intent.ANSWER, gradable=bool(quote), points=tuple(points), misconceptions=wrong, rater="labels")


_QUOTED = (PointState.COVERED, PointState.CHALLENGED)


def figures(found: Sequence[Judged]) -> list[Figure]:
    """The table of one set of answers."""
    natural = _of(found, NATURAL)
    replies = _of(found, ("probe-reply",))
    table: list[Figure] = []
    for name, kinds in GROUPS.items():
        mine = _of(found, kinds)
        bar = {"ordinary": 0.80, "plain and refusing": 0.65}.get(name)
        table.append(Figure(f"{name}: F1", *_f1(mine), at_least=bar))
        table.append(Figure(f"{name}: precision", *_precision(mine)))
        table.append(Figure(f"{name}: recall", *_recall(mine)))
        table.append(Figure(f"{name}: kappa", *_kappa(mine)))
        whole = all(one.case.guide.facts for one in mine)  # a minimal guide has all its points in one dimension
        if whole:
            bar = 0.75 if name == "ordinary" else None
            table.append(Figure(f"{name}: QWK of dimensions", *_weighted_kappa(mine), at_least=bar))
    table += [
        Figure("all natural: F1", *_f1(natural)),
        Figure("all natural: kappa", *_kappa(natural)),
        Figure("all natural: AUC of the confidence", *_auc(natural)),
        Figure("called missing but said", *_wrongly_missing(natural), at_most=0.05),
        Figure(
            "contradicted but credited", *_share(natural + replies, "contradicted", PointState.COVERED), at_most=0.15
        ),
        Figure("contradicted and challenged", *_share(natural + replies, "contradicted", PointState.CHALLENGED)),
        Figure("covered but challenged", *_share(natural, "covered", PointState.CHALLENGED)),
        Figure("next question is open", *_next_open(natural), at_least=0.95),
        Figure("order, two steps of quality apart", *_ordered(found), at_least=0.95),
        Figure("quotes that are literal", *_literal(found), at_least=1.0),
        Figure("replies judged right", *_replies(replies)),
        Figure("replies credit something else", *_elsewhere(replies)),
    ]
    for kind in GAMING:
        bar = 0.0 if kind in ("stuffing", "boilerplate", "injection") else None
        table.append(Figure(f"{kind}: points credited", *_credited(_of(found, (kind,))), at_most=bar))
    empty = _of(found, ("empty", "gibberish"))
    table.append(Figure("empty and gibberish: gradable", *_gradable(empty), at_most=0.0))
    table.append(
        Figure("everything else: gradable", *_gradable([one for one in found if one not in empty]), at_least=1.0)
    )
    return [figure for figure in table if figure.of]


def _of(found: Iterable[Judged], kinds: Sequence[str]) -> list[Judged]:
    return [one for one in found if one.answer.kind in kinds]


def _views(found: Sequence[Judged]) -> list[tuple[str, bool, float, PointState]]:
    """(label, covered?, confidence, state) of every point that is not partial."""
    views: list[tuple[str, bool, float, PointState]] = []
    for one in found:
        for view in one.rating.points:
            if view.point in one.answer.partial:
                continue
            label = "covered" if view.point in one.answer.covered else "missing"
            label = "contradicted" if view.point in one.answer.contradicted else label
            views.append((label, label == "covered", view.confidence, view.state))
    return views


def _counts(found: Sequence[Judged]) -> tuple[int, int, int, int]:
    """Points said, points credited, both, and all."""
    views = _views(found)
    said = sum(covered for _, covered, _, _ in views)
    called = sum(state is PointState.COVERED for *_, state in views)
    return said, called, sum(covered and state is PointState.COVERED for _, covered, _, state in views), len(views)


def _f1(found: Sequence[Judged]) -> tuple[float, int]:
    said, called, both, _ = _counts(found)
    return (2 * both / (said + called) if said + called else 0.0), said


def _precision(found: Sequence[Judged]) -> tuple[float, int]:
    _, called, both, _ = _counts(found)
    return (both / called if called else 0.0), called


def _recall(found: Sequence[Judged]) -> tuple[float, int]:
    said, _, both, _ = _counts(found)
    return (both / said if said else 0.0), said


def _kappa(found: Sequence[Judged]) -> tuple[float, int]:
    """Cohen's kappa of credited against said."""
    said, called, both, total = _counts(found)
    if not total:
        return 0.0, 0
    agreed = (total - said - called + 2 * both) / total
    chance = (said * called + (total - said) * (total - called)) / total**2
    return ((agreed - chance) / (1 - chance) if chance < 1 else 1.0), total


def _weighted_kappa(found: Sequence[Judged]) -> tuple[float, int]:
    """Quadratic weighted kappa of the dimensions' scores, rounded to 0-5, against the scores that the labels give."""
    pairs: list[tuple[int, int]] = []
    for one in found:
        true = card(one.case, one.answer.text, labelled_rating(one.case, one.answer))
        mine = {view.dimension: view.score for view in one.card.dimensions}
        pairs += [
            (round(view.score), round(mine[view.dimension] or 0.0))
            for view in true.dimensions
            if view.score is not None and view.dimension is not Dimension.DRIVE
        ]
    if not pairs:
        return 0.0, 0
    seen: NDArray[np.float64] = np.zeros((6, 6))
    for row, column in pairs:
        seen[row, column] += 1
    steps = np.arange(6)
    cost = (steps[:, None] - steps[None]) ** 2
    by_chance = seen.sum(axis=1)[:, None] * seen.sum(axis=0)[None] / len(pairs)
    chance = float((cost * by_chance).sum())
    return (1 - float((cost * seen).sum()) / chance if chance else 1.0), len(pairs)


def _ordered(found: Sequence[Judged]) -> tuple[float, int]:
    """Of two answers to a question that lie `APART` steps of quality apart, how often the better scores higher; a tie is
    half right."""
    rated = [(one, one.card.overall or 0.0) for one in found if one.answer.quality is not None]
    right: list[float] = []
    for (one, mine), (other, theirs) in combinations(rated, 2):
        distance = (one.answer.quality or 0) - (other.answer.quality or 0)
        if one.answer.question == other.answer.question and abs(distance) >= APART:
            right.append(0.5 if mine == theirs else float((mine > theirs) == (distance > 0)))
    return (sum(right) / len(right) if right else 0.0), len(right)


def _literal(found: Sequence[Judged]) -> tuple[float, int]:
    quotes = [(view.quote, one.answer.text) for one in found for view in one.rating.points if view.quote]
    return (sum(quote in text for quote, text in quotes) / len(quotes) if quotes else 0.0), len(quotes)


def _auc(found: Sequence[Judged]) -> tuple[float, int]:
    views = [view for view in _views(found) if view[0] != "contradicted"]
    yes = np.array([confidence for _, covered, confidence, _ in views if covered])
    no = np.array([confidence for _, covered, confidence, _ in views if not covered])
    if not len(yes) or not len(no):
        return 0.0, 0
    wins = (yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean()
    return float(wins), len(views)


def _wrongly_missing(found: Sequence[Judged]) -> tuple[float, int]:
    called = [covered for _, covered, _, state in _views(found) if state is PointState.MISSING]
    return (sum(called) / len(called) if called else 0.0), len(called)


def _share(found: Sequence[Judged], label: str, state: PointState) -> tuple[float, int]:
    states = [view[3] for view in _views(found) if view[0] == label]
    return (sum(one is state for one in states) / len(states) if states else 0.0), len(states)


def _next_open(found: Sequence[Judged]) -> tuple[float, int]:
    """Whether the point with the lowest confidence among those not credited was truly not said."""
    right: list[bool] = []
    for one in found:
        uncovered = [view for view in one.rating.points if view.state is not PointState.COVERED]
        if uncovered:
            right.append(min(uncovered, key=lambda view: view.confidence).point not in one.answer.covered)
    return (sum(right) / len(right) if right else 0.0), len(right)


def _replies(found: Sequence[Judged]) -> tuple[float, int]:
    """Whether the point a reply was asked for is credited exactly when it was said (partial ones left out)."""
    right = [
        (view.state is PointState.COVERED) == (view.point in one.answer.covered)
        for one in found
        for view in one.rating.points
        if view.point == one.answer.probe and view.point not in one.answer.partial
    ]
    return (sum(right) / len(right) if right else 0.0), len(right)


def _elsewhere(found: Sequence[Judged]) -> tuple[float, int]:
    wrong = [
        sum(
            view.state is PointState.COVERED
            and view.point != one.answer.probe
            and view.point not in one.answer.covered | one.answer.partial
            for view in one.rating.points
        )
        for one in found
    ]
    return (sum(wrong) / len(wrong) if wrong else 0.0), len(wrong)


def _credited(found: Sequence[Judged]) -> tuple[float, int]:
    """Points credited in all that the labels don't credit."""
    counts = [
        sum(view.state is PointState.COVERED and view.point not in one.answer.covered for view in one.rating.points)
        for one in found
    ]
    return float(sum(counts)), len(counts)


def _gradable(found: Sequence[Judged]) -> tuple[float, int]:
    return (sum(one.rating.gradable for one in found) / len(found) if found else 0.0), len(found)
