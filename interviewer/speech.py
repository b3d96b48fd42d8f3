"""What may be said aloud: one question a message, nothing twice, nothing from the guide before it is earned.

A voice proposes wordings; the first that obeys is said. So these rules hold for any voice, a language model's too.
"""

import hashlib
from collections.abc import Iterable, Sequence

from interviewer.ledger import REVEALED, fold, progress
from interviewer.model import Case, Interview, Move, MoveKind, Phase

SPOKEN = {
    Phase.BRIEFING: "the briefing",
    Phase.REQUIREMENTS: "the requirements",
    Phase.ESTIMATES: "the numbers",
    Phase.API: "the interface and the data",
    Phase.DESIGN: "the overall design",
    Phase.DEEP_DIVE: "the deep dive",
    Phase.TWIST: "the change",
    Phase.WRAP_UP: "the wrap-up",
}
"""What each phase is called aloud."""
QUESTION_MARKS = "?？؟⁇⁈⁉"
PLAIN = "Go on."
OPTIONAL = frozenset(
    {
        MoveKind.OFFER_HINT,
        MoveKind.LET_GO,
        MoveKind.FEEDBACK,
        MoveKind.FEEDBACK_EMPTY,
        MoveKind.TIME_UP,
        MoveKind.ON_MY_OWN,
    }
)
"""Moves that go along with another and are left out when there is nothing new to say."""


def questions(text: str) -> int:
    """How many questions a text asks, by its question marks."""
    return sum(text.count(mark) for mark in QUESTION_MARKS)


def statement(text: str) -> str:
    """A text with its question marks made full stops: somebody's words, repeated without asking them."""
    return text.translate({ord(mark): "." for mark in QUESTION_MARKS})


def fingerprint(text: str) -> str:
    """A short digest of a text, blind to white space and case."""
    return hashlib.blake2s(fold(text).encode(errors="replace"), digest_size=6).hexdigest()


def secrets(interview: Interview, case: Case) -> tuple[str, ...]:
    """What may not be said yet: the statements and exemplars of points not revealed, and hints above the rung reached."""
    if interview.phase in {Phase.DEBRIEF, Phase.FINISHED}:
        return ()
    kept: list[str] = []
    for point in case.guide.rubric:
        rung = progress(interview, point.id).hints
        kept += point.hints[rung:]
        if rung < REVEALED:
            kept += (point.statement, *point.exemplars)
    return tuple(fold(text) for text in kept if text.strip())


def compose(
    interview: Interview, case: Case, moves: Sequence[Move], options: Sequence[Sequence[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A paragraph for each move ("" for one left out), which together make one lawful message, and the fingerprints of
    what they say."""
    hidden = secrets(interview, case)
    said = set(interview.said)
    parts: list[str] = []
    asked = 0
    for move, wordings in zip(moves, options, strict=True):
        text = _first_lawful(wordings, said, hidden, 1 - asked)
        if not text and (move.kind not in OPTIONAL or len(moves) == 1):
            text = _last_resort(interview, (*wordings, move.material.get("ask", ""), PLAIN), said, hidden, 1 - asked)
        asked += questions(text)
        said.add(fingerprint(text))
        parts.append(text)
    spoken = [part for part in parts if part]
    return tuple(parts), tuple(dict.fromkeys((*map(fingerprint, spoken), fingerprint("\n\n".join(spoken)))))


def _first_lawful(wordings: Iterable[str], said: set[str], hidden: Sequence[str], allowed: int) -> str:
    for wording in wordings:
        text = wording.strip()
        folded = fold(text)
        fresh = bool(text) and fingerprint(text) not in said and questions(text) <= allowed
        if fresh and not any(secret in folded for secret in hidden):
            return text
    return ""


def _last_resort(
    interview: Interview, wordings: Iterable[str], said: set[str], hidden: Sequence[str], allowed: int
) -> str:
    """The first wording that would do if it were new, said as a repetition; the plain word at the end always does."""
    words = next(
        text.strip()
        for text in wordings
        if text.strip() and questions(text) <= allowed and not any(secret in fold(text) for secret in hidden)
    )
    text, number = f"As I said: {words}", interview.turns
    while fingerprint(text) in said:
        number += 1
        text = f"As I said ({number}): {words}"
    return text


def minutes(seconds: float) -> str:
    """A duration as it is said: whole minutes, rounded, never "0 minutes" while time is left."""
    if seconds <= 0:
        return "no time"
    if seconds < 90:
        return "a minute" if seconds >= 45 else "less than a minute"
    return f"{seconds / 60:.0f} minutes"


def counted(number: int, noun: str) -> str:
    """ "one point", "3 points"."""
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def quoted(text: str, width: int = 160) -> str:
    """Somebody's words on one line, not asked again, cut at a word."""
    line = " ".join(statement(text).split()).rstrip(".")
    return line if len(line) <= width else line[:width].rsplit(" ", 1)[0] + " …"
