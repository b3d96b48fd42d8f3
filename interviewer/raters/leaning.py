"""Owns which way a claim leans: towards sound practice or towards the mistakes that sound like it.

Wrong claims need no word of refusal ("the worker marks it as running and keeps it until it reports back"), so tone and
nearest neighbours miss them. Kernel ridge regression over claims whose side is known weighs the whole neighbourhood
instead: each pair of a practice and its mistake cancels what the two are about and leaves where they differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from interviewer.raters.embedding import Matrix, Vectors

_REACH = 2.0
"""How fast a claim's influence falls with distance, in units of the mean distance between claims."""
_RIDGE = 0.2


@dataclass(frozen=True)
class Leaning:
    """The sides of known claims, spread over what is near them: about -1 for sound claims, +1 for mistakes."""

    shares: tuple[float, ...]
    sharpness: float

    @classmethod
    def fit(cls, vectors: Vectors, sound: Sequence[str], mistaken: Sequence[str]) -> "Leaning":
        """The leaning given that these claims are sound and those mistaken, as one encoder sees them."""
        rows = vectors.remembered([*sound, *mistaken])
        sides = np.repeat([-1.0, 1.0], [len(sound), len(mistaken)])
        likeness = rows @ rows.T
        sharpness = _REACH / max(float(1.0 - likeness.mean()), 1e-3)
        # Whichever side has more claims, each side weighs the same.
        ridge = _RIDGE * 2.0 * np.repeat([len(sound), len(mistaken)], [len(sound), len(mistaken)]) / len(sides)
        kernel = _near(likeness, sharpness).astype(np.float64) + np.diag(ridge)
        shares = np.linalg.solve(kernel, sides)
        return cls(tuple(np.round(shares, 5).tolist()), round(sharpness, 5))

    def of(self, rows: Matrix, landmarks: Matrix) -> Matrix:
        """The leaning of each embedded sentence, given the embedded claims it was fitted on, in their order."""
        shares = np.array(self.shares, dtype=np.float32)
        return np.matmul(_near(rows @ landmarks.T, self.sharpness), shares, dtype=np.float32)


def _near(likeness: Matrix, sharpness: float) -> Matrix:
    return np.exp(sharpness * (likeness - 1.0), dtype=np.float32)
