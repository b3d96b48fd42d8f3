"""A scorecard as plain data, for `grade --json` and `play --json`."""

from typing import Any

from interviewer.model import PointState, Scorecard


def graded(card: Scorecard) -> dict[str, Any]:
    """What `grade` tells: scores 0-5 or None, every point with its state, and the words behind it."""
    return {
        "question": card.question,
        "level": card.level.value,
        "gradable": card.gradable,
        "overall": card.overall,
        "verdict": card.verdict.value if card.verdict else None,
        "dimensions": {
            score.dimension.value: {"score": score.score, "assessed": score.assessed} for score in card.dimensions
        },
        "points": [
            {
                "id": point.point,
                "state": point.state.value,
                "credited": point.state is PointState.COVERED and point.credit > 0,
                "confidence": round(point.confidence, 3),
                "quote": point.evidence.quote if point.evidence else point.doubt,
            }
            for point in card.points
        ],
        "misconceptions": [{"point": wrong.point, "quote": wrong.quote} for wrong in card.misconceptions],
        "raters": list(card.raters),
    }


def interviewed(card: Scorecard) -> dict[str, Any]:
    """What `play` tells at the end: what `grade` does, and how the interview went."""
    return {
        **graded(card),
        "supported": card.supported.value if card.supported else None,
        "mode": card.mode.value,
        "hints": card.hints,
        "phases": {phase.value: round(seconds) for phase, seconds in card.spent.items()},
        "evidence": [
            {
                "point": point.point,
                "quote": point.evidence.quote,
                "message": point.evidence.message,
                "source": point.evidence.source.value,
                "hints": point.evidence.hints,
                "credit": round(point.credit, 2),
            }
            for point in card.points
            if point.evidence
        ],
        "estimates": [
            {"name": e.name, "unit": e.unit, "expected": e.expected, "said": e.said, "right": e.right}
            for e in card.estimates
        ],
        "assumptions": list(card.assumptions),
        "first_gap": card.first_gap or None,
        "next_steps": [{"kind": step.kind, "point": step.point} for step in card.next_steps],
    }
