"""Owns what a language model's wording of a move must not do, whatever it was told: a breach is named, and the template speaks.

Rules of the message as a whole (one question, nothing twice, nothing from the guide before it is earned) are `speech.py`'s.
"""

import re
from collections.abc import Iterable

from interviewer.ledger import fold
from interviewer.model import Mode, Move
from interviewer.ports import Moment
from interviewer.prompts import Prompt
from interviewer.speech import questions
from interviewer.technology import TECHNOLOGY

ROOM = 25
"""Words that may come on top of what the move itself needs."""
PRAISE = re.compile(
    r"""\b(?:great|good|nice|excellent|perfect|impressive|brilliant|strong|solid|smart|clever|fantastic|awesome|amazing|wonderful)
        \s+(?:\w+\s+)?(?:point|answer|idea|choice|thinking|start|question|job|work|call|design|plan|approach|catch|instinct|observation)s?\b
    |(?:^|[.!?…:–—]\s+)(?:great|good|nice|excellent|perfect|exactly|correct|right|absolutely|brilliant|indeed|yes|no|wrong|hmm)\s*[,.!;:–—]
    |\bwell\s+(?:done|said|put|reasoned|thought)\b
    |\byou(?:'re|’re|\s+are)\s+(?:\w+\s+)?(?:right|wrong|correct|mistaken|on\s+track|off\s+track|doing\s+\w+)\b
    |\bthat(?:'s|’s|\s+is)\s+(?:\w+\s+)?(?:right|correct|wrong|incorrect|good|great|fine|true|false|not\s+(?:quite\s+)?(?:right|true))\b
    |\b(?:makes|sounds)\s+(?:\w+\s+)?(?:sense|good|great|fine|right|reasonable|sensible|solid)\b
    |\bI\s+(?:really\s+)?(?:like|love|agree|disagree)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Praise and verdicts; in an interview neither is given before the debrief."""
OUT_OF_ROLE = re.compile(
    r"""\b(?:rubric|scorecard|system\s+prompt|my\s+instructions|the\s+candidate|language\s+model|as\s+an\s+AI|an\s+AI)\b
    |</?\w+>|^\s*(?:\#|[-*]\s|\d+[.)]\s)|@everyone|@here|<[!@#]|\*\*|```""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
KEPT = ("fact", "change", "hint", "ask", "left")
"""Material whose numbers have to come through."""


def breach(text: str, move: Move, moment: Moment, persona: Prompt) -> str:
    """What is wrong with this wording of the move; "" when nothing is."""
    if not text.strip():
        return "nothing is said"
    if fault := manner(text, move, moment, persona):
        return fault
    if questions(text) != 1 and questions(move.material.get("ask", "")):
        return "the question is not asked"
    if missing := numbers(" ".join(move.material.get(name, "") for name in KEPT)) - numbers(text):
        return f"a number is missing: {min(missing)}"
    return ""


def manner(text: str, move: Move, moment: Moment, persona: Prompt) -> str:
    """What is wrong already with a wording as far as it has come; "" when nothing is."""
    material = " ".join(move.material.values())
    known = f"{material} {moment.asked} {moment.answered}"
    own = unquoted(text, known)
    if questions(text) > 1:
        return "a second question"
    if len(text.split()) > max(persona.longest, len(material.split()) + ROOM):
        return "too long"
    if OUT_OF_ROLE.search(own):
        return "out of its role"
    if moment.mode is Mode.INTERVIEW and PRAISE.search(own):
        return "praise or a verdict"
    if any(pattern.search(own) for pattern in persona.never):
        return "against the persona"
    return _added(text, known)


def _added(text: str, known: str) -> str:
    # What is known may be as long as a book, and is looked through only when there is something to look for.
    if (named := names(text)) and (added := named - names(known)):
        return f"names what nobody named: {min(added)}"
    if (figures := numbers(text)) and (added := figures - numbers(known)):
        return f"a number nobody gave: {min(added)}"
    return ""


def unquoted(text: str, known: str) -> str:
    """The text without what it quotes of `known`: the candidate's words are the candidate's. A made-up quote stays."""

    def without(quote: re.Match[str]) -> str:
        return "“”" if fold(quote.group()[1:-1]).strip(".,;:!?… ") in fold(known) else quote.group()

    return re.sub(r"“[^”]*”|„[^“]*“|«[^»]*»", without, text)


def numbers(text: str) -> set[str]:
    """The figures in a text as bare digits: "1,200" and "1.200" are the same in two languages."""
    return {re.sub(r"\D", "", figure) for figure in re.findall(r"\d[\d.,\u00a0\u202f’']*", text)}


def names(text: str) -> set[str]:
    """The products and named mechanisms in a text."""
    return {match.lower() for match in _found(text)}


def _found(text: str) -> Iterable[str]:
    return (match.group() for match in TECHNOLOGY.finditer(text))
