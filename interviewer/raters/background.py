"""Owns what the rater knows before it meets a guide: claims, mistakes and clarifying questions about many other systems.

Similarities mean something only beside what a sentence scores elsewhere, and a wrong claim is told by the company it keeps.
`evals/fit.py` draws all of this from the bank and from contrasts.yaml and writes `background.json` (the texts, so that a
reader sees them) and `background.npz` (their vectors, so that no candidate waits for them). The bank of the day plays no
part: a team's single question is judged against the same background as any other.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interviewer.model import Fact, Guide, RubricPoint
from interviewer.raters.contrasts import Contrast
from interviewer.raters.embedding import Matrix, Vectors
from interviewer.raters.language import FUNCTION_WORDS, content, stem, words
from interviewer.raters.leaning import Leaning
from interviewer.raters.prototypes import APPEALS, GENERIC, INTENTS, RESTATED

CLAIMS, MISTAKES, ASKS = 20, 20, 8
"""As many claims, misconceptions and ways to ask as are drawn from each guide."""
_RARE = 3


@dataclass(frozen=True)
class Drawn:
    """A text and the question whose guide it is from; it says nothing about that question itself."""

    question: str
    text: str


@dataclass(frozen=True)
class Background:
    """What is known of other systems.

    `contrasts` are pairs of a practice and a mistake. `words` counts the claims (of `documents` in all) that hold a stem.
    `tones` are log-odds of small words in mistakes against sound claims: how people sound who rule things out. `leanings` are
    fitted for each encoder, on `landmarks`."""

    claims: tuple[Drawn, ...]
    mistakes: tuple[Drawn, ...]
    asks: tuple[Drawn, ...]
    contrasts: tuple[tuple[str, str], ...]
    words: Mapping[str, int]
    documents: int
    tones: Mapping[str, float]
    leanings: Mapping[str, Leaning]

    def claims_beside(self, question: str) -> list[str]:
        """Claims about any other question."""
        return [claim.text for claim in self.claims if claim.question != question]

    def asks_beside(self, question: str) -> list[str]:
        """Clarifying questions about any other question."""
        return [ask.text for ask in self.asks if ask.question != question]

    @property
    def sound(self) -> list[str]:
        return [*(practice for practice, _ in self.contrasts), *(claim.text for claim in self.claims)]

    @property
    def mistaken(self) -> list[str]:
        return [*(mistake for _, mistake in self.contrasts), *(claim.text for claim in self.mistakes)]

    @property
    def landmarks(self) -> list[str]:
        """Sound claims, then mistaken ones."""
        return [*self.sound, *self.mistaken]

    def texts(self) -> list[str]:
        """Every text that is compared with, once: those whose vectors are kept."""
        kinds = [text for texts in INTENTS.values() for text in texts]
        asks = [ask.text for ask in self.asks]
        return list(dict.fromkeys([*self.landmarks, *asks, *GENERIC, *APPEALS, *RESTATED, *kinds]))


def build(guides: Sequence[Guide], contrasts: Sequence[Contrast], vectors: Sequence[Vectors]) -> Background:
    """The background that these guides and contrasts give."""
    claims = [text for guide in guides for text in _claims(guide)]
    mistakes = [text for guide in guides for text in _mistakes(guide)]
    background = Background(
        claims=_drawn(guides, _claims, CLAIMS),
        mistakes=_drawn(guides, _mistakes, MISTAKES),
        asks=_drawn(guides, _asks, ASKS),
        contrasts=tuple((pair.practice, pair.mistake) for pair in contrasts),
        words=dict(sorted(Counter(stem for text in claims for stem in frozenset(content(text))).items())),
        documents=len(claims),
        tones=_tones(claims, mistakes),
        leanings={},
    )
    leanings = {each.encoder.name: Leaning.fit(each, background.sound, background.mistaken) for each in vectors}
    return replace(background, leanings=leanings)


def said(point: RubricPoint) -> list[str]:
    """The ways of saying a point."""
    return [point.statement, *point.exemplars]


def wordings(fact: Fact) -> list[str]:
    """The ways of asking for a fact; whoever says the answer as a question asks for it too."""
    return [*fact.asks, fact.answer]


def shuffled(texts: Sequence[str]) -> list[str]:
    """The texts in an order that has nothing to do with what they say, the same everywhere and always."""
    return sorted(texts, key=lambda text: blake2b(text.encode(), digest_size=8).digest())


def grams(found: Sequence[str]) -> frozenset[str]:
    """Single words, and pairs with a function word in them: tone lives in the small words."""
    stems = [word if word in FUNCTION_WORDS else stem(word) for word in found]
    pairs = (f"{one} {two}" for one, two in pairwise(stems) if {one, two} & FUNCTION_WORDS)
    return frozenset([*stems, *pairs])


def _drawn(guides: Sequence[Guide], texts: Callable[[Guide], list[str]], count: int) -> tuple[Drawn, ...]:
    return tuple(Drawn(guide.question, text) for guide in guides for text in shuffled(texts(guide))[:count])


def _claims(guide: Guide) -> list[str]:
    return [text for point in guide.rubric for text in said(point)]


def _mistakes(guide: Guide) -> list[str]:
    return [text for point in guide.rubric for text in point.misconceptions]


def _asks(guide: Guide) -> list[str]:
    return [text for fact in guide.facts for text in wordings(fact)]


def _tones(claims: Sequence[str], mistakes: Sequence[str]) -> Mapping[str, float]:
    """Naive Bayes: log-odds of a gram in mistakes against claims."""
    right = Counter(gram for text in claims for gram in grams(words(text)))
    wrong = Counter(gram for text in mistakes for gram in grams(words(text)))
    rights, wrongs = len(claims) + 2, len(mistakes) + 2
    return {
        gram: round(math.log((wrong[gram] + 1) / wrongs) - math.log((right[gram] + 1) / rights), 3)
        for gram in sorted(right | wrong)
        if right[gram] + wrong[gram] >= _RARE
    }


# --- kept in the package --------------------------------------------------------------------------------------------


def dump(background: Background, vectors: Sequence[Vectors]) -> tuple[str, bytes]:
    """The contents of `background.json` and `background.npz`."""
    texts = background.texts()
    rows: dict[str, Any] = {each.encoder.name: each.remembered(texts).astype(np.float16) for each in vectors}
    file = BytesIO()
    np.savez(file, texts=_digest(texts), **rows)
    return json.dumps(asdict(background), indent=1, ensure_ascii=False) + "\n", file.getvalue()


@cache
def shipped() -> Background:
    """The background in the package."""
    return load(files("interviewer.raters").joinpath("background.json").read_text("utf-8"))


@cache
def shipped_rows(encoder: str) -> Mapping[str, Matrix]:
    """The vectors of the shipped background's texts, by text. Raises RuntimeError when they are not of these texts."""
    texts = shipped().texts()
    with files("interviewer.raters").joinpath("background.npz").open("rb") as file, np.load(file) as rows:
        if rows["texts"].tobytes() != _digest(texts).tobytes():
            raise RuntimeError("background.npz belongs to other texts: run `python -m evals.fit` (make fit)")
        return dict(zip(texts, rows[encoder].astype(np.float32), strict=True))


def _digest(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Which texts, in which order."""
    return np.frombuffer(blake2b("\n".join(texts).encode(), digest_size=16).digest(), dtype=np.uint8)


def load(text: str) -> Background:
    """The background that `dump` wrote."""
    value = json.loads(text)
    return Background(
        claims=tuple(Drawn(**each) for each in value["claims"]),
        mistakes=tuple(Drawn(**each) for each in value["mistakes"]),
        asks=tuple(Drawn(**each) for each in value["asks"]),
        contrasts=tuple((practice, mistake) for practice, mistake in value["contrasts"]),
        words=value["words"],
        documents=value["documents"],
        tones=value["tones"],
        leanings={name: Leaning(tuple(each["shares"]), each["sharpness"]) for name, each in value["leanings"].items()},
    )
