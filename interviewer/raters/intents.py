"""Owns what a message is for: an answer, a question that a fact may answer, or one of the other things candidates say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interviewer.model import Case, Intent
from interviewer.raters.background import Background, said, wordings
from interviewer.raters.embedding import Vectors
from interviewer.raters.features import Floats
from interviewer.raters.language import FUNCTION_WORDS, Sentence
from interviewer.raters.prototypes import INTENTS

_LONG = 45
"""Words from which a message is an answer, whatever else it says."""

_NEAR = 2.0
"""The score from which a question is about a fact of the guide, whatever else it sounds like."""

_PATTERNS: Mapping[Intent, re.Pattern[str]] = {
    Intent.HINT: re.compile(
        r"""\b(?:a|any|another|some|the|one\s+more|small|little|tiny)\s+(?:hint|clue|tip|nudge|pointer|help|guidance)s?\b|^\W*(?:hint|help)\b
        |\bpoint\s+me\b|\bi(?:'m|\s+am)\s+(?:\w+\s+)?stuck\b|\bhelp\s+me\b""",
        re.IGNORECASE | re.VERBOSE,
    ),
    Intent.MOVE_ON: re.compile(
        r"""\b(?:move|go|carry)\s+(?:on|ahead|forward)\b(?=\s*(?:[.!?,]|$|to\s+(?:the|another|something|what)\b|with\s+(?:the\s+)?(?:next|design|interview)|please|now|then))
        |\b(?:go|move|on|ready|skip|continue|jump|proceed)\b.{0,20}\bnext\b|^\W*next\s+(?:question|topic|part|point|phase|section|one)\b|^\W*(?:next|skip|continue)\W*$
        |\bskip\s+(?:this|that|it|the\s+question)\b|\bi(?:'m|\s+am)\s+done\b|\bnothing\s+(?:more|else)\s+to\s+(?:add|say)\b
        |\bthat(?:'s|\s+is)\s+(?:all|it)\b(?=\s*(?:[.!,]|$|from|for|i\s+have))""",
        re.IGNORECASE | re.VERBOSE,
    ),
    Intent.DONT_KNOW: re.compile(
        r"""\b(?:i\s+)?(?:really\s+|honestly\s+|just\s+)?(?:don'?t|do\s+not|wouldn'?t)\s+(?:really\s+|actually\s+)?(?:know|have\s+(?:an?\s+)?(?:idea|clue|answer))\b
        |\b(?:no|not\s+a|haven'?t\s+(?:a|got\s+a))\s+(?:idea|clue)\b|\b(?:idk|dunno|beats\s+me)\b|^\W*pass\W*$
        |\bi(?:'m|\s+am)\s+(?:really\s+|honestly\s+)?(?:not\s+sure|unsure|lost|drawing\s+a\s+blank)\b|^\W*(?:not\s+sure|unsure)\b
        |\bi(?:'ve|\s+have)?\s+never\s+(?:\w+\s+)?(?:used|worked|done|seen|heard|thought|dealt)\b""",
        re.IGNORECASE | re.VERBOSE,
    ),
    Intent.META: re.compile(
        r"""\bhow\s+(?:am\s+i|did\s+i)\s+(?:doing|do)\b|\bhow\s+(?:much|many)\s+(?:time|minutes)\b.{0,30}\b(?:left|remain\w*|have|got)\b
        |\bare\s+you\s+(?:\w+\s+)?(?:a\s+)?(?:bot|robot|human|person|ai|real|llm|machine|chatgpt|language\s+model)\b
        |\b(?:repeat|rephrase|say)\s+(?:the|that|your|this)\b.{0,20}\b(?:question|again|prompt|last)\b|\bsay\s+that\s+again\b
        |\b(?:this|the|your)\s+(?:interview|bot|session|feedback|scorecard|score)\b.{0,40}\?|\bmy\s+(?:score|feedback|scorecard|progress)\b
        |\b(?:graded|scored|whiteboard|scorecard)\b.{0,30}\?|\b(?:i|me)\b.{0,20}\b(?:score|feedback|grade)\b.{0,30}\?""",
        re.IGNORECASE | re.VERBOSE,
    ),
}
_ASKS = re.compile(
    r"""^\W*(?:(?:so|and|but|ok(?:ay)?|hm+|first|also|then|sorry|quick\s+question|question|one\s+question|just\s+to\s+clarify|wait)\W+)*
    (?:(?:how|what(?:'s)?|which|who|why|do|does|did|is|are|can|could|should|shall|will|would|may|am|any)\s+
        (?!i'd\b|i\s+would\b|you\s+do\b)
    # "When the machine dies, the lease runs out" asks nothing.
    |(?:where|when)\s+(?:do|does|did|is|are|was|were|can|could|should|shall|will|would|may|must|has|have)\b)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Reading:
    """What a message is for, and how well the fact that comes closest would answer it."""

    intent: Intent
    fact: str = ""
    score: float = 0.0


class Listener:
    """A guide's facts and the intents' prototypes, prepared for comparison. Embedding happens here, once."""

    def __init__(self, case: Case, background: Background, vectors: Sequence[Vectors]) -> None:
        facts, question = case.guide.facts, case.question.id
        cohort = [*background.asks_beside(question), *INTENTS[Intent.CLARIFY]]
        technical = [
            *background.claims_beside(question),
            *(text for point in case.guide.rubric for text in said(point)),
        ]
        asks = [text for fact in facts for text in wordings(fact)]
        self._owners = [fact.id for fact in facts for _ in wordings(fact)]
        self._vectors = vectors
        self._kinds = [intent for intent, texts in INTENTS.items() for _ in texts]
        prototypes = [text for texts in INTENTS.values() for text in texts]
        self._prepared = [
            (v.remembered(prototypes), v.remembered(technical), v.remembered(cohort), v.remembered(asks or cohort))
            for v in vectors
        ]

    def read(self, heard: Sequence[Sentence]) -> Reading:
        """The intent of a readable message."""
        count = sum(len(sentence.words) for sentence in heard)
        if not heard or count > _LONG:
            return Reading(Intent.ANSWER)
        asking = [s for s in heard if _asking(s)]
        telling = [s for s in heard if s not in asking]
        views = [
            (v.fresh([s.plain for s in heard]), *prepared)
            for v, prepared in zip(self._vectors, self._prepared, strict=True)
        ]
        for intent, pattern in _PATTERNS.items():
            hits = [s for s in heard if pattern.search(s.plain)]
            rest = sum(len(s.words) for s in heard if s not in hits)
            # "I'm not sure, but ..." followed by more than a remark is an answer.
            if hits and rest <= 8 and not (intent is Intent.DONT_KNOW and _goes_on(hits)):
                return Reading(intent)
        fact, score = self._fact(heard, asking, views)
        if asking and sum(len(s.words) for s in telling) <= sum(len(s.words) for s in asking):
            other = self._other(views)
            on_topic = other in (Intent.CLARIFY, Intent.ANSWER) or score >= _NEAR
            return Reading(Intent.CLARIFY if on_topic else other, fact, score)
        other = self._other(views)
        if other in (Intent.OFF_TOPIC, Intent.DONT_KNOW, Intent.MOVE_ON):
            return Reading(other)
        return Reading(Intent.ANSWER, fact, score)  # an answer may end in a question

    def _other(self, views: Sequence[tuple[Floats | np.ndarray, ...]]) -> Intent:
        """The kind whose prototype is nearest, unless talk of systems is nearer, which makes it an answer."""
        like = np.mean([rows @ prototypes.T for rows, prototypes, *_ in views], axis=0).max(axis=0)
        technical = np.mean([rows @ texts.T for rows, _, texts, *_ in views], axis=0).max()
        nearest = int(like.argmax())
        return self._kinds[nearest] if like[nearest] > technical else Intent.ANSWER

    def _fact(
        self, heard: Sequence[Sentence], asking: Sequence[Sentence], views: Sequence[tuple[np.ndarray, ...]]
    ) -> tuple[str, float]:
        """The fact that comes closest to what is asked, and by how much closer than other questions' facts come."""
        if not self._owners or not asking:
            return "", 0.0
        rows = [index for index, sentence in enumerate(heard) if sentence in asking]
        scores = np.zeros((len(rows), len(self._owners)))
        for embedded, _, _, cohort, asks in views:
            own, against = embedded[rows] @ asks.T, embedded[rows] @ cohort.T
            background = asks @ cohort.T
            scores += 0.5 * (own - against.mean(axis=1, keepdims=True)) / (against.std(axis=1, keepdims=True) + 1e-6)
            scores += 0.5 * (own - background.mean(axis=1)) / (background.std(axis=1) + 1e-6)
        nearest = int(scores.max(axis=0).argmax())
        return self._owners[nearest], float(scores.max()) / len(views)


def _asking(sentence: Sentence) -> bool:
    return "asks" in sentence.guards or (_ASKS.search(sentence.plain) is not None and len(sentence.words) <= 25)


def _goes_on(hits: Sequence[Sentence]) -> bool:
    """Whether the sentence that admits not knowing goes on to say something."""
    return any(
        sum(word not in FUNCTION_WORDS for word in s.words) > 7
        and re.search(r"\bbut\b|\bmaybe\b", s.plain, re.IGNORECASE)
        for s in hits
    )
