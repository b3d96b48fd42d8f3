"""Owns the rating that needs no language model: an answer's sentences against each rubric point, on this machine's CPU.

Embeddings decide, guards raise doubt, and a doubt becomes a question (design.md, section 4). Time is bounded: the first
20,000 characters of a message are read and at most `MAX_SENTENCES` of its sentences are embedded, those that share most
with the rubric; repetitions count once. Every quote is a literal piece of the answer.
"""

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from interviewer.model import Answer, Case, Guide, Intent, Misconception, PointRating, PointState, Rating, RubricPoint
from interviewer.raters.background import Background, shipped_rows, wordings
from interviewer.raters.background import shipped as shipped_background
from interviewer.raters.embedding import Encoder, Vectors, encoders
from interviewer.raters.features import BARE, COVER, Flags, Floats, Heard, Measured, Rubric, texts_of
from interviewer.raters.intents import Listener
from interviewer.raters.language import Echo, Sentence, keywords, readable, sentences
from interviewer.raters.parameters import Parameters, shipped

MAX_SENTENCES = 40
_ENDS = (".", "!", "?", "\n")
_PREPARED = 32
_UNTRUSTED = frozenset({"asks", "list", "names", "quotes", "recants"})
_FEW = 4
"""Sentences from which on an answer is more than a reply."""
_ELSEWHERE = 2.35
"""An answer that fits the rubric less than this talks of something else, however well single sentences fit (measured:
off-topic answers at most 2.31, nineteen in twenty in plain words over 2.6, in an engineer's words over 3.3)."""
_ECHO = 0.7
_SILENT = frozenset({Intent.DONT_KNOW, Intent.MOVE_ON, Intent.OFF_TOPIC})
"""Intents that somebody who says a point can't have, whatever their words look like."""
_DIRECT, _ASIDE = 0.7, 0.7
EMPTY = 1.0
_RULED_OUT = 0.7
"""The doubt from which a point is challenged; below it its neutral probe is asked, which a false alarm does not hurt."""
_NAMED = 0.2
"""The chance of having been talked about from which a point can be challenged, or asked about when it was only named."""
_BESIEGED = 1 / 3
"""The share of sentences addressed to the grader from which nothing else in the message is believed either."""
_WARY = 0.7
"""The least confidence for a credit in a message that also addresses the grader, or holds somebody else's text."""
_SHARED = 3
"""As many points as one sentence may be the evidence for: a sentence that says everything says nothing."""


@dataclass(frozen=True)
class Prepared:
    """A guide made ready, once a process."""

    rubric: Rubric
    listener: Listener


@dataclass(frozen=True)
class Look:
    """A rating, and the sentences of the answer that can be evidence of something."""

    rating: Rating
    believed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """An answer's sentences compared with the rubric, and which of them can be believed, or at least asked about."""

    heard: Heard
    trusted: Flags
    doubtful: Flags
    wary: bool = False


class OfflineRater:
    """Implements ports.Rater. What a guide's texts look like to the models is kept in the folder `cache` (None: in memory
    only). `background`, `parameters` and `models` are the package's own and the installed ones unless told otherwise."""

    def __init__(
        self,
        cache: Path | None,
        models: Sequence[Encoder] | None = None,
        background: Background | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        models = encoders() if models is None else models
        self._background = background or shipped_background()
        # Only the package's own background has its vectors with it.
        self._vectors = [Vectors(model, cache, {} if background else shipped_rows(model.name)) for model in models]
        self._parameters = parameters or shipped("+".join(model.name for model in models))
        self._prepared: OrderedDict[Case, Prepared] = OrderedDict()
        self._preparing: dict[Case, threading.Lock] = {}
        self._lock = threading.Lock()

    @property
    def embedded(self) -> int:
        """How many texts have been put through a model so far."""
        return sum(vectors.embedded for vectors in self._vectors)

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        yield await asyncio.to_thread(self.judge, case, answer)

    def prepare(self, case: Case) -> Prepared:
        """The case made ready; embeds what the cache does not know."""
        for vectors in self._vectors if not self._prepared else ():
            # One model takes a second to load, about as long as the other needs for the first answer.
            threading.Thread(target=vectors.encoder.load, daemon=True).start()
        if ready := self._ready(case):
            return ready
        with self._lock:
            preparing = self._preparing.setdefault(case, threading.Lock())
        # Half a minute of a core, once: whoever is asked another question does not wait for it.
        with preparing:
            if ready := self._ready(case):
                return ready
            asks = [text for fact in case.guide.facts for text in wordings(fact)]
            for vectors in self._vectors:
                vectors.remembered([*texts_of(case), *asks], shelf=case.question.id)
            rubric = Rubric(case, self._background, self._vectors)
            ready = Prepared(rubric, Listener(case, self._background, self._vectors))
            with self._lock:
                self._prepared[case] = ready
                self._preparing.pop(case, None)
                while len(self._prepared) > _PREPARED:
                    self._prepared.popitem(last=False)
            return ready

    def _ready(self, case: Case) -> Prepared | None:
        with self._lock:
            if case in self._prepared:
                self._prepared.move_to_end(case)
            return self._prepared.get(case)

    def overhear(self, text: str) -> None:
        """Make ready, in the calling thread, for what somebody is typing: every sentence that they have ended."""
        ended = [piece.plain for piece in sentences(text)][: None if text.rstrip(" ").endswith(_ENDS) else -1]
        for vectors in self._vectors:
            vectors.overhear(ended[-MAX_SENTENCES:])

    def judge(self, case: Case, answer: Answer) -> Rating:
        """Rate an answer in the calling thread."""
        return self.look(case, answer).rating

    def look(self, case: Case, answer: Answer) -> Look:
        """Rate an answer in the calling thread, and say what of it can be believed."""
        points = case.guide.rubric
        nothing = tuple(PointRating(point.id, PointState.MISSING, 0.0) for point in points)
        if not points:
            return Look(Rating(Intent.ANSWER, gradable=False, points=()))
        prepared = self.prepare(case)
        if not readable(answer.text, prepared.rubric.vocabulary):
            return Look(Rating(Intent.ANSWER, gradable=False, points=nothing))
        heard = sentences(answer.text)
        reading = prepared.listener.read(heard)
        fact = reading.fact if reading.score >= self._parameters.fact else ""
        rated = Rating(reading.intent, gradable=True, points=nothing, fact=fact)
        evidence = listen(prepared.rubric, heard, answer)
        if evidence is None:
            return Look(rated)
        views = verdicts(case.guide, evidence, self._parameters, answer.asked)
        if reading.intent in _SILENT and any(view.state is PointState.COVERED for view, _ in views):
            rated = replace(rated, intent=Intent.ANSWER)
        rated = replace(rated, points=tuple(view for view, _ in views), misconceptions=tuple(m for _, m in views if m))
        kept = zip(evidence.heard.sentences, evidence.trusted, strict=True)
        return Look(rated, tuple(sentence.text for sentence, trusted in kept if trusted))


def listen(rubric: Rubric, heard: Sequence[Sentence], answer: Answer) -> Evidence | None:
    """The answer's sentences compared with the rubric; None if none is evidence of anything."""
    said_before = Echo(answer.heard)
    # What is addressed to the grader is no part of the design.
    kept = [sentence for sentence in heard if "to-grader" not in sentence.guards]
    if not kept:
        return None
    pasted = [rubric.hidden.copied(sentence) for sentence in kept]
    besieged = len(heard) - len(kept) + sum(pasted) >= _BESIEGED * len(heard)
    if len(kept) > MAX_SENTENCES:
        relevance = rubric.relevance(kept).tolist()
        chosen = sorted(range(len(kept)), key=lambda i: -relevance[i])[:MAX_SENTENCES]
        kept = [kept[i] for i in sorted(chosen)]
    echoes = [
        max(rubric.echo.share(sentence), said_before.share(sentence)) >= _ECHO or rubric.hidden.copied(sentence)
        for sentence in kept
    ]
    named = besieged or keywords(kept)
    # A short reply to what was asked claims something; a short piece of something longer names it.
    untrusted = _UNTRUSTED if answer.asked or len(kept) < _FEW else _UNTRUSTED | {"fragment"}
    doubtful = np.array([echoes[i] or named or bool(untrusted & s.guards) for i, s in enumerate(kept)])
    compared = rubric.compare(kept)
    if not answer.asked and len(kept) >= _FEW:
        doubtful |= compared.about() < _ELSEWHERE
    wary = any(pasted) or any("to-grader" in sentence.guards for sentence in heard)
    return Evidence(compared, ~doubtful, doubtful, wary)


@dataclass(frozen=True)
class Judged:
    """The fitted view of each point: `match` says it was talked about, `doubt` that it was ruled out, `confidence` that it
    was said."""

    match: Floats
    doubt: Floats
    confidence: Floats
    bars: Floats
    missing: Floats


def weigh(guide: Guide, measured: Measured, parameters: Parameters, asked: str) -> Judged:
    """Apply the fitted numbers, each point's by whether it has misconceptions."""
    rich = np.array([bool(point.misconceptions) for point in guide.rubric])
    one, two = parameters.rich, parameters.bare
    cover, doubt, bare = measured.cover, measured.doubt, measured.doubt[:, BARE]
    bars = np.where(rich, one.credit, two.credit)
    if asked:
        # A reply to a point's probe is likelier to be about that point, and less likely to be about any other.
        mine = np.array([point.id == asked for point in guide.rubric])
        bars = np.where(mine, _DIRECT * bars, np.maximum(bars, _ASIDE))
    # What is closer to talk that fits any system, or to the question itself, than to the point is not evidence for it.
    bars = np.where(cover[:, COVER.index("anti")] > EMPTY, np.inf, bars)
    return Judged(
        np.where(rich, one.cover(cover), two.cover(cover)),
        np.where(rich, one.doubt(doubt), two.doubt(bare)),
        np.where(rich, one.confidence(cover, doubt), two.confidence(cover, bare)),
        bars,
        np.where(rich, one.missing, two.missing),
    )


def verdicts(
    guide: Guide, evidence: Evidence, parameters: Parameters, asked: str
) -> list[tuple[PointRating, Misconception | None]]:
    """The state of each point, in the guide's order."""
    heard = evidence.heard
    named = [False] * len(guide.rubric)
    if evidence.doubtful.any():
        hinted = weigh(guide, heard.measure(evidence.doubtful), parameters, asked)
        # A list of keywords or a repeated question that names a point is worth asking about.
        named = list(hinted.match >= _NAMED)
    if not evidence.trusted.any():
        return [(_unheard(point, 0.0, named[i]), None) for i, point in enumerate(guide.rubric)]
    measured = heard.measure(evidence.trusted)
    judged = weigh(guide, measured, parameters, asked)
    if evidence.wary:
        judged = replace(judged, bars=np.maximum(judged.bars, _WARY))
    credited = _credited(judged, measured, asked, guide)
    ruled_out = {
        i: _against(heard, measured, i)
        for i in range(len(guide.rubric))
        if i not in credited and judged.match[i] >= _NAMED and judged.doubt[i] >= _RULED_OUT
    }
    mistaken = _mistaken(heard, ruled_out)
    found: list[tuple[PointRating, Misconception | None]] = []
    for i, point in enumerate(guide.rubric):
        sure, best = round(float(judged.confidence[i]), 4), heard.sentences[int(measured.best[i])].text
        wrong = None
        if i in credited:
            rating = PointRating(point.id, PointState.COVERED, sure, best)
        elif i in ruled_out:
            rating = PointRating(point.id, PointState.CHALLENGED, sure, heard.sentences[ruled_out[i][0]].text)
            wrong = Misconception(point.id, rating.quote) if i in mistaken else None
        elif judged.match[i] >= judged.missing[i]:
            rating = PointRating(point.id, PointState.UNSURE, sure, best)
        else:
            rating = _unheard(point, sure, named[i])
        found.append((rating, wrong))
    return found


def _mistaken(heard: Heard, ruled_out: Mapping[int, tuple[int, bool]]) -> set[int]:
    """The points about which something wrong was asserted: a sentence is held against the one it is most wrong about."""
    worst: dict[int, int] = {}
    for i, (index, asserted) in ruled_out.items():
        if asserted and (index not in worst or heard.wrong[index, i] > heard.wrong[index, worst[index]]):
            worst[index] = i
    return set(worst.values())


def _unheard(point: RubricPoint, sure: float, named: bool) -> PointRating:
    return PointRating(point.id, PointState.UNSURE if named else PointState.MISSING, sure)


def _credited(judged: Judged, measured: Measured, asked: str, guide: Guide) -> set[int]:
    """The points to credit: of those that rest on one sentence only the `_SHARED` likeliest."""
    confidence, bars = judged.confidence, judged.bars
    used: Counter[int] = Counter()
    kept: set[int] = set()
    over = [i for i in range(len(bars)) if confidence[i] >= bars[i]]
    for i in sorted(over, key=lambda i: (guide.rubric[i].id != asked, -confidence[i])):
        used[int(measured.best[i])] += 1
        if used[int(measured.best[i])] <= _SHARED:
            kept.add(i)
    return kept


def _against(heard: Heard, measured: Measured, point: int) -> tuple[int, bool]:
    """The sentence that rules a point out, and whether it asserts one of its misconceptions."""
    best = int(measured.best[point])
    nearest = best if np.isnan(heard.wrong[:, point]).all() else int(np.nanargmax(heard.wrong[:, point]))
    if heard.wrong[nearest, point] > heard.right[best, point]:
        return nearest, True
    following = min(best + 1, len(heard.sentences) - 1)
    return (following if heard.refuses[following] and not heard.refuses[best] else best), False
