"""Owns an encoder that forgets nothing: labelled answers are measured many times, and embedding is what costs."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from interviewer.raters.embedding import Encoder, Matrix, encoders

FOLDER = user_cache_path("mockingbird-evals", appauthor=False)
BATCH = 64


class Memo:
    """An encoder whose vectors are kept in the process and, after `save`, in a file."""

    def __init__(self, encoder: Encoder, folder: Path = FOLDER) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._file = folder / f"{encoder.name}.npz"
        self._known: dict[str, Matrix] = {}
        self._saved = 0
        if self._file.exists():
            with np.load(self._file) as kept:
                self._known = dict(zip(json.loads(kept["texts"].tobytes()), kept["rows"], strict=True))
            self._saved = len(self._known)

    def load(self) -> None:
        self._encoder.load()

    def encode(self, texts: Sequence[str]) -> Matrix:
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            self._known.update(zip(batch, self._encoder.encode(batch), strict=True))
        return np.stack([self._known[text] for text in texts])

    def save(self) -> None:
        """Keep what was embedded for the next run."""
        if len(self._known) > self._saved:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".new.npz")
            texts = np.frombuffer(json.dumps(list(self._known)).encode(), dtype=np.uint8)
            np.savez(new, texts=texts, rows=np.stack(list(self._known.values())))
            new.replace(self._file)
            self._saved = len(self._known)


def remembering() -> list[Memo]:
    """The installed encoders, with a memory."""
    return [Memo(encoder) for encoder in encoders()]
