"""Owns what a person's earlier interviews say about what to practise next; pure."""

from collections.abc import Sequence
from statistics import fmean

from interviewer.model import Dimension, Scorecard

RECENT = 5
"""As many of the latest interviews count: who has practised is not held to how they began."""
WEAKEST = 2


def weak(cards: Sequence[Scorecard]) -> tuple[Dimension, ...]:
    """The dimensions to practise, the weakest first: of those that lie under their bar, on average of the latest
    scorecards (`cards`, oldest first), the lowest. None after a person's first interviews went well, or before them.

    Drive is no subject of a question and is left out."""
    scores: dict[Dimension, list[float]] = {}
    bars: dict[Dimension, float] = {}
    for card in cards[-RECENT:]:
        for view in card.dimensions:
            if view.score is not None and view.dimension is not Dimension.DRIVE:
                scores.setdefault(view.dimension, []).append(view.score)
                bars[view.dimension] = view.bar
    means = {dimension: fmean(found) for dimension, found in scores.items()}
    below = [dimension for dimension, mean in means.items() if mean < bars[dimension]]
    return tuple(sorted(below, key=lambda dimension: means[dimension])[:WEAKEST])
