"""Owns what a language model is asked about an answer, and what of its reply is believed.

The model sees the rubric and returns ids and quotes; its words are never shown. Each answer is rated in a context of its own,
so that no rating drifts towards the one before. A claim without a literal, long enough quote of the candidate is thrown
away, and so are all claims that rest on a sentence which is made to carry too many.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from interviewer.model import Answer, Case, Intent, RubricPoint, Usage
from interviewer.ports import NOTHING, LanguageModel, Line, ModelTrouble, Role
from interviewer.prompts import Prompts
from interviewer.raters.language import MAX_CHARS, sentences, words

LONG_ENOUGH = 3
"""Words below which a quote is evidence of nothing."""
CARRIED = 3
"""As many points as one sentence may be the evidence for: a sentence that says everything says nothing."""


class Claim(BaseModel):
    """A point of the rubric and the candidate's words."""

    model_config = ConfigDict(extra="forbid")
    point: str
    quote: str


class Reading(BaseModel):
    """What a language model fills in about one message."""

    model_config = ConfigDict(extra="forbid")
    intent: Literal["answer", "clarify", "hint", "dont-know", "move-on", "off-topic", "meta"]
    covered: list[Claim]
    wrong: list[Claim]
    fact: str


@dataclass(frozen=True)
class Heard:
    """What of a reading is believed: quotes by point. `dropped` counts the claims that were thrown away."""

    intent: Intent
    covered: Mapping[str, str]
    wrong: Mapping[str, str]
    fact: str
    dropped: int
    usage: Usage


class ModelRater:
    """Reads an answer with a language model; raises ModelTrouble."""

    def __init__(self, model: LanguageModel, prompts: Prompts) -> None:
        self._model = model
        self._prompts = prompts

    @property
    def name(self) -> str:
        """What it is called on a scorecard."""
        return self._model.name

    async def read(self, case: Case, answer: Answer) -> Heard:
        """One reading; a second one when nothing that was claimed could be believed."""
        lines = self._lines(case, answer)
        reading, usage = await self._model.fill(lines, Reading)
        heard = believe(case, answer.text, reading, usage)
        if heard.dropped and not heard.covered and not heard.wrong:
            again = Line(Role.INSTRUCTIONS, self._prompts.render("model/rate-again", {})[0])
            try:
                reading, more = await self._model.fill([*lines, again], Reading)
            except ModelTrouble as trouble:
                raise ModelTrouble(trouble.trouble, str(trouble), usage + trouble.usage) from trouble
            heard = believe(case, answer.text, reading, usage + more)
        return heard

    def _lines(self, case: Case, answer: Answer) -> list[Line]:
        """What is the same for every answer to a question comes first, so that a provider can keep it ready."""
        rubric = "\n".join(map(_point, case.guide.rubric))
        facts = "\n".join(f"- {fact.id}: {fact.answer}" for fact in case.guide.facts) or "There are none."
        asked = self._prompts.render("model/rate-asked", {"point": answer.asked})[0] if answer.asked else ""
        lines = [Line(Role.INSTRUCTIONS, self._prompts.render("model/rate", {"rubric": rubric, "facts": facts})[0])]
        if answer.heard:
            lines.append(Line(Role.INTERVIEWER, answer.heard[-1]))
        return [
            *lines,
            Line(Role.CANDIDATE, answer.text[:MAX_CHARS]),
            Line(Role.INSTRUCTIONS, self._prompts.render("model/rate-now", {"asked": asked})[0]),
        ]


def _point(point: RubricPoint) -> str:
    wrong = "".join(f"\n  wrong: {claim}" for claim in point.misconceptions)
    return f"- {point.id}: {point.statement}{wrong}"


def believe(case: Case, text: str, reading: Reading, usage: Usage = NOTHING) -> Heard:
    """What of a reading the candidate's own words bear out."""
    known = {point.id for point in case.guide.rubric}
    covered, wrong = _literal(reading.covered, known, text), _literal(reading.wrong, known, text)
    # Who says both has not made up their mind: the doubt counts.
    covered = {id: quote for id, quote in covered.items() if id not in wrong}
    covered = _bearable(covered, text)
    facts = {fact.id for fact in case.guide.facts}
    claims = len({claim.point for claim in reading.covered}) + len({claim.point for claim in reading.wrong})
    return Heard(
        Intent(reading.intent),
        covered,
        wrong,
        reading.fact if reading.fact in facts else "",
        claims - len(covered) - len(wrong),
        usage,
    )


def _literal(claims: Iterable[Claim], known: set[str], text: str) -> dict[str, str]:
    """The first good quote of each point, as it stands in the text; white space may differ."""
    found: dict[str, str] = {}
    for claim in claims:
        if claim.point in known and claim.point not in found and (quote := verbatim(claim.quote, text)):
            found[claim.point] = quote
    return found


def verbatim(quote: str, text: str) -> str:
    """The piece of the text that is quoted, white space aside; "" if it isn't there or is too short to say anything."""
    said = quote.strip().strip("“”\"'").split()
    if len(said) < LONG_ENOUGH:
        return ""
    match = re.search(r"\s+".join(map(re.escape, said)), text)
    return match.group() if match else ""


def resting_on(quote: str, pieces: Sequence[str]) -> list[int]:
    """Which of the pieces of a text a quote from it lies in; all that it joins when it goes over the end of a sentence."""
    whole = [index for index, piece in enumerate(pieces) if quote in piece]
    return whole or [index for index, piece in enumerate(pieces) if _join(words(quote), words(piece))]


def _join(quote: Sequence[str], piece: Sequence[str]) -> bool:
    """Whether one ends as the other begins, or the quote has all of the piece in it: by LONG_ENOUGH words or more."""
    lengths = range(LONG_ENOUGH, min(len(quote), len(piece)) + 1)
    within = len(piece) >= LONG_ENOUGH and f" {' '.join(piece)} " in f" {' '.join(quote)} "
    return within or any(quote[:n] == piece[-n:] or quote[-n:] == piece[:n] for n in lengths)


def _bearable(covered: Mapping[str, str], text: str) -> dict[str, str]:
    """Without the points whose sentence carries more than it can."""
    pieces = [sentence.text for sentence in sentences(text)]
    rests = {id: resting_on(quote, pieces) for id, quote in covered.items()}
    load = Counter(index for indices in rests.values() for index in indices)
    return {id: quote for id, quote in covered.items() if all(load[index] <= CARRIED for index in rests[id])}
