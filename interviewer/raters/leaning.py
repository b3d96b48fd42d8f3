"""Owns which way a claim leans: towards sound practice or towards the mistakes that sound like it.

Wrong claims need no word of refusal ("the worker marks it as running and keeps it until it reports back"), so tone and
nearest neighbours miss them. Kernel ridge regression over claims whose side is known weighs the whole neighbourhood
instead: each pair of a practice and its mistake cancels what the two are about and leaves where they differ.
"""

from collections.abc import Sequence

import numpy as np

from interviewer.raters.embedding import Matrix, Vectors

_REACH = 2.0
"""How fast a claim's influence falls with distance, in units of the mean distance between claims."""
_RIDGE = 0.2


class Leaning:
    """The sides of known claims, spread over what is near them: about -1 for sound claims, +1 for mistakes."""

    def __init__(self, vectors: Vectors, sound: Sequence[str], mistaken: Sequence[str]) -> None:
        self._rows = vectors.remembered([*sound, *mistaken])
        sides = np.repeat(np.array([-1.0, 1.0], dtype=np.float32), [len(sound), len(mistaken)])
        likeness = self._rows @ self._rows.T
        self._sharpness = _REACH / max(float(1.0 - likeness.mean()), 1e-3)
        # Guides have more sound claims than mistakes; each side weighs the same.
        ridge = _RIDGE * 2.0 * np.repeat([len(sound), len(mistaken)], [len(sound), len(mistaken)]) / len(sides)
        kernel = self._near(likeness)
        kernel[np.diag_indices_from(kernel)] += ridge.astype(np.float32)
        self._shares: Matrix = np.linalg.solve(kernel, sides).astype(np.float32)

    def of(self, rows: Matrix) -> Matrix:
        """The leaning of each embedded sentence."""
        return np.matmul(self._near(rows @ self._rows.T), self._shares, dtype=np.float32)

    def _near(self, likeness: Matrix) -> Matrix:
        return np.exp(self._sharpness * (likeness - 1.0), dtype=np.float32)
