"""Coverage -> dimensions -> verdict at a level: every number on a scorecard, by arithmetic alone.

| step | rule |
| --- | --- |
| a credited point | counts `HINT_CREDIT[hints taken]` of its weight; `DISPUTE_CREDIT` at most when it was argued in afterwards |
| a dimension | 5 x (credit for expected points + credit for points above the level - penalties) / weight expected, within 0-5 |
| a misconception held to the end | costs `MISCONCEPTION` of the point's weight |
| a dimension none of whose phases was reached | not assessed, never 0 |
| drive | 5 x the share of credited weight that was volunteered, once anything was asked and `DRIVE_POINTS` points are credited |
| overall | mean of the assessed dimensions, weighted by `WEIGHTS` |
| verdict | the first row of `VERDICTS` that overall reaches; at best "lean hire" when a `CORE` dimension is below `FLOOR` |
| nothing that could be judged | not gradable: no scores, no verdict |
| no verdict | when fewer than `ENOUGH` dimensions were assessed |
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from interviewer.ledger import REVEALED, expected, progress
from interviewer.model import (
    Case,
    Dimension,
    DimensionScore,
    EstimateScore,
    Interview,
    Level,
    Misconception,
    NextStep,
    Phase,
    PointScore,
    PointState,
    Progress,
    RubricPoint,
    Scorecard,
    Source,
    Verdict,
)

HINT_CREDIT = (1.0, 0.8, 0.6, 0.3, 0.0)
"""The share of a point's weight that counts after 0-3 hints; a revealed point counts nothing."""
DISPUTE_CREDIT = 0.5
ABOVE_LEVEL = 0.5
"""The share of its weight that a point from above the level adds."""
MISCONCEPTION = 0.5
DRIVE_POINTS = 3
ENOUGH = 4

VERDICTS = (
    (4.2, Verdict.STRONG_HIRE),
    (3.3, Verdict.HIRE),
    (2.6, Verdict.LEAN_HIRE),
    (1.7, Verdict.LEAN_NO_HIRE),
    (0.0, Verdict.NO_HIRE),
)
"""The lowest overall score for each verdict."""
BAR = 3.3
"""The score in a dimension that a hire shows on average."""
FLOOR = 1.5
HIRES = frozenset({Verdict.STRONG_HIRE, Verdict.HIRE})
CORE = {
    Level.MID: (Dimension.REQUIREMENTS, Dimension.ARCHITECTURE),
    Level.SENIOR: (Dimension.REQUIREMENTS, Dimension.ARCHITECTURE, Dimension.DATA, Dimension.RELIABILITY),
    Level.STAFF: (Dimension.ARCHITECTURE, Dimension.DEPTH, Dimension.RELIABILITY, Dimension.TRADE_OFFS),
}
WEIGHTS = {
    Level.MID: {Dimension.DEPTH: 0.5, Dimension.TRADE_OFFS: 0.5, Dimension.DRIVE: 0.5},
    Level.SENIOR: {Dimension.ESTIMATES: 0.75, Dimension.DRIVE: 0.5},
    Level.STAFF: {Dimension.DEPTH: 1.5, Dimension.TRADE_OFFS: 1.5, Dimension.ESTIMATES: 0.75, Dimension.API: 0.75},
}
"""How much a dimension weighs in the overall score at a level; 1 where nothing is said."""


def credit(interview: Interview, point: RubricPoint) -> float:
    """The share of the point's weight (0-1) that this interview has earned."""
    known = progress(interview, point.id)
    if known.state is not PointState.COVERED or known.evidence is None:
        return 0.0
    share = HINT_CREDIT[min(known.evidence.hints, REVEALED)]
    return min(share, DISPUTE_CREDIT) if known.evidence.source is Source.DISPUTED else share


def dimension_score(interview: Interview, case: Case, dimension: Dimension) -> float | None:
    """0-5, or None when the dimension was not assessed."""
    if dimension is Dimension.DRIVE:
        return _drive(interview, case)
    if not interview.gradable:
        return None
    points = [point for point in case.guide.rubric if point.dimension is dimension]
    due = [point for point in points if _counts(interview, point)]
    weight = sum(point.weight for point in due)
    if not weight:
        return None
    earned = sum(point.weight * credit(interview, point) for point in due)
    above = sum(ABOVE_LEVEL * point.weight * credit(interview, point) for point in points if point not in due)
    lost = sum(MISCONCEPTION * point.weight for point in due if progress(interview, point.id).misconception)
    return round(min(5.0, max(0.0, 5.0 * (earned + above - lost) / weight)), 1)


def scorecard(interview: Interview, case: Case) -> Scorecard:
    """Everything a candidate is told at the end, for an interview in whatever state it is."""
    level = interview.settings.level
    dimensions = _dimensions(interview, case)
    overall = _overall(dimensions, level)
    points = tuple(_point_score(interview, point) for point in case.guide.rubric)
    held = _held(interview, case)
    gaps = _gaps(interview, case)
    return Scorecard(
        interview=interview.id,
        question=case.question.id,
        title=case.question.title,
        level=level,
        mode=interview.settings.mode,
        gradable=interview.gradable,
        overall=overall,
        verdict=_verdict(dimensions, overall, level),
        held_back=_weak(dimensions, level),
        supported=_supported(interview, case),
        dimensions=dimensions,
        points=points,
        misconceptions=tuple(Misconception(id, known.misconception) for id, known in held),
        estimates=_estimates(interview, case),
        first_gap=gaps[0].id if gaps else "",
        next_steps=_next_steps(interview, case, held, gaps[1:]),
        assumptions=interview.assumptions,
        hints=sum(min(known.hints, REVEALED) for known in interview.points.values()),
        spent=dict(interview.spent),
        raters=interview.raters,
    )


def _counts(interview: Interview, point: RubricPoint) -> bool:
    """An expected point counts once its phase was reached; one that was credited before counts too."""
    return expected(interview, point) and (point.phase in interview.reached or credit(interview, point) > 0)


def _drive(interview: Interview, case: Case) -> float | None:
    credited = [point for point in case.guide.rubric if credit(interview, point) > 0]
    anything_asked = any(known.asked for known in interview.points.values())
    if len(credited) < DRIVE_POINTS or not anything_asked:
        return None
    volunteered = sum(p.weight for p in credited if _source(progress(interview, p.id)) is Source.VOLUNTEERED)
    return round(5.0 * volunteered / sum(point.weight for point in credited), 1)


def _source(known: Progress) -> Source | None:
    return known.evidence.source if known.evidence else None


def _dimensions(interview: Interview, case: Case) -> tuple[DimensionScore, ...]:
    return tuple(DimensionScore(dim, dimension_score(interview, case, dim), BAR) for dim in Dimension)


def _overall(dimensions: Iterable[DimensionScore], level: Level) -> float | None:
    weights = WEIGHTS[level]
    scored = [(score.score, weights.get(score.dimension, 1.0)) for score in dimensions if score.score is not None]
    if not scored:
        return None
    return round(sum(score * weight for score, weight in scored) / sum(weight for _, weight in scored), 1)


def _verdict(dimensions: Sequence[DimensionScore], overall: float | None, level: Level) -> Verdict | None:
    assessed = [score for score in dimensions if score.assessed]
    if overall is None or len(assessed) < ENOUGH:
        return None
    verdict = next(verdict for bar, verdict in VERDICTS if overall >= bar)
    return Verdict.LEAN_HIRE if verdict in HIRES and _weak(assessed, level) else verdict


def _weak(dimensions: Iterable[DimensionScore], level: Level) -> tuple[Dimension, ...]:
    """The core dimensions too low for a hire, whatever the rest is like."""
    return tuple(
        s.dimension for s in dimensions if s.dimension in CORE[level] and s.score is not None and s.score < FLOOR
    )


def _supported(interview: Interview, case: Case) -> Level | None:
    for level in reversed(Level):
        at = replace(interview, settings=replace(interview.settings, level=level))
        dimensions = _dimensions(at, case)
        if _verdict(dimensions, _overall(dimensions, level), level) in HIRES:
            return level
    return None


def _point_score(interview: Interview, point: RubricPoint) -> PointScore:
    known = progress(interview, point.id)
    return PointScore(
        point=point.id,
        statement=point.statement,
        dimension=point.dimension,
        level=point.level,
        weight=point.weight,
        state=known.state,
        confidence=known.confidence,
        credit=credit(interview, point),
        expected=_counts(interview, point),
        evidence=known.evidence if known.state is PointState.COVERED else None,
        doubt=known.doubt,
        hints=known.hints,
        split=known.split,
    )


def _held(interview: Interview, case: Case) -> tuple[tuple[str, Progress], ...]:
    """The points about which the candidate held a misconception to the end."""
    known = ((point.id, progress(interview, point.id)) for point in case.guide.rubric)
    return tuple((id, state) for id, state in known if state.misconception)


def _gaps(interview: Interview, case: Case) -> list[RubricPoint]:
    """Expected points without credit: the heaviest first, then the earlier phase, then the guide's order."""
    order = list(Phase)
    due = [p for p in case.guide.rubric if _counts(interview, p) and credit(interview, p) == 0]
    return sorted(due, key=lambda point: (-point.weight, order.index(point.phase)))


def _next_steps(
    interview: Interview, case: Case, held: Iterable[tuple[str, Progress]], gaps: Iterable[RubricPoint]
) -> tuple[NextStep, ...]:
    """Up to three: wrong claims first, then what was not said, then what had to be asked for."""
    prompted = [
        point.id
        for point in case.guide.rubric
        if credit(interview, point) and _source(progress(interview, point.id)) in {Source.PROBED, Source.HINTED}
    ]
    steps = [
        *(NextStep("correct", id) for id, _ in held),
        *(NextStep("learn", point.id) for point in gaps),
        *(NextStep("volunteer", id) for id in prompted),
    ]
    once = {step.point: step for step in reversed(steps)}
    return tuple(step for step in steps if once[step.point] is step)[:3]


def _estimates(interview: Interview, case: Case) -> tuple[EstimateScore, ...]:
    """The estimates that were asked for or got right unasked."""
    due = (e for e in case.guide.estimates if e.id in interview.estimates_asked or e.id in interview.estimated)
    return tuple(
        EstimateScore(
            name=estimate.name,
            unit=estimate.unit,
            expected=estimate.value,
            working=estimate.working,
            said=said.value if (said := interview.estimated.get(estimate.id)) else None,
            right=bool(said and said.right),
        )
        for estimate in due
    )
