"""What a scorecard says, in plain words: every platform renders these and adds none of its own.

Nothing here is marked up. The candidate's own words come without control characters and on one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.text import clean
from interviewer.ledger import REVEALED
from interviewer.model import (
    DimensionScore,
    EstimateScore,
    Level,
    Mode,
    Phase,
    PointScore,
    PointState,
    Scorecard,
    Source,
    Verdict,
)

MAXIMUM = 5
"""The best score in a dimension and overall."""
NOT_ASSESSED = "not assessed"
SPLIT = "worth a second look: the two raters disagree"
CAUTION = "An AI estimated this from what was said, and it can be wrong."
DISPUTE = "If you did say one of these, dispute it by its name and I will look at it again."

WHERE_SAID = "Where did you say it, or why does it follow from what you said?"
LOOKED_AT_ONCE = "Each point is looked at once, on what you write: say it in your own words, not in the scorecard's."
NONE_LEFT = "There is no point left to dispute: each one that was expected of you is credited or was given away."
"""What is said where a point is disputed."""

SOURCES: Mapping[Source, str] = {
    Source.VOLUNTEERED: "volunteered",
    Source.PROBED: "said when asked",
    Source.HINTED: "after a hint",
    Source.DISPUTED: "argued afterwards",
}
HEARD: Mapping[PointState, str] = {
    PointState.CHALLENGED: "it sounded ruled out",
    PointState.UNSURE: "touched, not said",
    PointState.COVERED: "given away",
    PointState.MISSING: "not heard",
}
"""What was heard of a point that is not credited."""
STEPS: Mapping[str, str] = {
    "correct": "Put this right",
    "learn": "Learn to say this",
    "volunteer": "Say this before you are asked",
}
TITLES: Mapping[str, str] = {
    "scorecard": "Scorecard",
    "dimensions": "Dimensions",
    "credited": "What you were credited for, in your words",
    "numbers": "Your numbers",
    "open": "Not credited",
    "first_gap": "First gap",
    "next": "Next",
    "assumptions": "Assumptions left to you",
}
"""What the parts of a scorecard are called."""


@dataclass(frozen=True)
class Row:
    """A dimension: `score` 0-5 or None, the `bar` a hire shows, and the score in words."""

    name: str
    score: float | None
    bar: float
    words: str


@dataclass(frozen=True)
class Credited:
    """A point with the candidate's words behind it. `how` says how it came to be said, and the share of credit if not all."""

    point: str
    statement: str
    dimension: str
    how: str
    quote: str
    message: str
    phase: str
    split: bool


@dataclass(frozen=True)
class Number:
    """One of the candidate's numbers: `right` is None when none was given."""

    name: str
    right: bool | None
    said: str
    working: str

    @property
    def mark(self) -> str:
        return "·" if self.right is None else "✓" if self.right else "✗"

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.said}. {self.working}"


@dataclass(frozen=True)
class Uncredited:
    """A point that was expected and is not credited: the words that left it in doubt, and a wrong claim about it, or ""."""

    point: str
    dimension: str
    why: str
    doubt: str
    claim: str
    split: bool

    @property
    def words(self) -> str:
        """What the candidate did say about it."""
        return self.claim or self.doubt


@dataclass(frozen=True)
class Debrief:
    """A whole scorecard. `headline` and `foot` are sentences; `verdict` is how the headline begins, if there is one."""

    title: str
    level: Level
    mode: Mode
    verdict: Verdict | None
    headline: tuple[str, ...]
    dimensions: tuple[Row, ...]
    legend: str
    credited: tuple[Credited, ...]
    numbers: tuple[Number, ...]
    uncredited: tuple[Uncredited, ...]
    first_gap: str
    next_steps: tuple[str, ...]
    assumptions: tuple[str, ...]
    foot: tuple[str, ...]


def debrief(card: Scorecard) -> Debrief:
    """The scorecard in words."""
    statements = {point.point: point.statement for point in card.points}
    claims = {claim.point: one_line(claim.quote) for claim in card.misconceptions}
    return Debrief(
        title=card.title,
        level=card.level,
        mode=card.mode,
        verdict=card.verdict if card.gradable else None,
        headline=tuple(_headline(card)),
        dimensions=tuple(_row(score) for score in card.dimensions),
        legend=_legend(card),
        credited=tuple(filter(None, map(_credited, card.points))),
        numbers=tuple(_number(estimate) for estimate in card.estimates),
        uncredited=tuple(_uncredited(point, claims) for point in card.points if point.expected and not point.credit),
        first_gap=statements[card.first_gap] if card.first_gap else "",
        next_steps=tuple(f"{STEPS[step.kind]}: {statements[step.point]}" for step in card.next_steps),
        assumptions=tuple(map(one_line, card.assumptions)),
        foot=tuple(_foot(card)),
    )


def disputable(card: Scorecard) -> tuple[PointScore, ...]:
    """The points somebody may argue for: expected, not credited, and not given away. One that was argued for before is
    among them, since a scorecard doesn't say so."""
    return tuple(
        point
        for point in card.points
        if point.expected and not point.credit and point.state is not PointState.COVERED and point.hints < REVEALED
    )


def one_line(text: str) -> str:
    """Somebody's words without control characters and with white space folded."""
    return " ".join(clean(text).split())


def gauge(row: Row, width: int = 20) -> str:
    """A dimension as a bar of `width` characters with the level's bar drawn in; dots when it was not assessed."""
    if row.score is None:
        return "·" * width
    filled, mark = round(row.score / MAXIMUM * width), round(row.bar / MAXIMUM * width)
    cells = ["█" if place < filled else "░" for place in range(width)]
    cells[max(mark, 1) - 1] = "│"
    return "".join(cells)


def _headline(card: Scorecard) -> list[str]:
    if not card.gradable:
        return ["Not gradable: there was nothing in it that could be judged."]
    if card.verdict is None:
        return ["Too little of the interview was reached for a verdict; what was reached is scored below."]
    held_back = [f"Held back by {', '.join(card.held_back)}."] if card.held_back else []
    supported = (
        f"It would support: {card.supported}." if card.supported else "It does not yet support a hire at any level."
    )
    return [f"{card.verdict.capitalize()} at {card.level}, {card.overall} of {MAXIMUM}.", *held_back, supported]


def _row(score: DimensionScore) -> Row:
    words = NOT_ASSESSED if score.score is None else f"{score.score:.1f}"
    return Row(score.dimension.value, score.score, score.bar, words)


def _legend(card: Scorecard) -> str:
    return f"estimated coverage · the │ marks what a hire shows ({card.dimensions[0].bar})" if card.dimensions else ""


def _credited(point: PointScore) -> Credited | None:
    if point.evidence is None:
        return None
    share = "" if point.credit == 1 else f", {point.credit:.0%} credit"
    return Credited(
        point=point.point,
        statement=point.statement,
        dimension=point.dimension.value,
        how=f"{SOURCES[point.evidence.source]}{share}",
        quote=one_line(point.evidence.quote),
        message=point.evidence.message,
        phase=point.evidence.phase.value,
        split=point.split,
    )


def _number(estimate: EstimateScore) -> Number:
    if estimate.said is None:
        return Number(estimate.name, None, "none given", estimate.working)
    said = f"you said {_figure(estimate.said)} {estimate.unit}"
    return Number(estimate.name, estimate.right, said, estimate.working)


def _uncredited(point: PointScore, claims: Mapping[str, str]) -> Uncredited:
    return Uncredited(
        point=point.point,
        dimension=point.dimension.value,
        why=HEARD[PointState.CHALLENGED if point.point in claims else point.state],
        doubt=one_line(point.doubt),
        claim=claims.get(point.point, ""),
        split=point.split,
    )


def _foot(card: Scorecard) -> list[str]:
    spent = [f"{phase} {_clock(seconds)}" for phase, seconds in card.spent.items() if phase in Phase and seconds >= 1]
    times = [f"Time: {', '.join(spent)}."] if spent else []
    return [*times, f"Hints used: {card.hints}.", f"Rated by: {', '.join(card.raters) or 'nobody'}."]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
