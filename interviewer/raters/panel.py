"""Owns the judgement of two raters: a language model's reading of an answer beside the offline rater's.

The offline rater always runs. Its rating of an ordinary answer is there within a few tenths of a second and good enough to
choose a reply, so the reply is worded while the model still reads; any other message (a question about the task, a wish) is
what the reply depends on, and waits for the model. What counts in the end is both:

| the model says | offline: covered | unsure | missing | challenged |
| --- | --- | --- | --- | --- |
| covered | covered | covered | unsure, split | challenged, split |
| wrong | challenged, split | challenged | challenged, split | challenged |
| nothing | covered, split | unsure | missing | challenged |

A point is credited on the model's word only where the offline rater finds at least a trace of it in a sentence that it
believes. A reading that claims much that is not there (quotes nobody wrote, points of which there is no trace) is not believed
at all: so a model that obeys whoever writes to it has nothing to give away. "Split" is shown as worth a second look.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from interviewer.model import Answer, Case, Intent, Misconception, PointRating, PointState, Rating, Trouble
from interviewer.ports import ModelTrouble
from interviewer.raters.offline import Look, OfflineRater
from interviewer.raters.reading import Heard, ModelRater, resting_on

FALSE = 2
"""Claims that are not there with which a reading can't be taken at its word."""
ASKED = frozenset({Intent.ANSWER})
"""Intents that are replied to before the model has read the message."""


class Panel:
    """Implements ports.Rater with both raters; one that the model fails is rated offline, and says why."""

    def __init__(self, offline: OfflineRater, reader: ModelRater) -> None:
        self._offline = offline
        self._reader = reader

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        if answer.frugal or not answer.text.strip():
            rating = await asyncio.to_thread(self._offline.judge, case, answer)
            yield replace(rating, trouble=Trouble.BUDGET if answer.frugal else None)
            return
        reading = asyncio.create_task(self._reader.read(case, answer))
        try:
            look = await asyncio.to_thread(self._offline.look, case, answer)
            if not look.rating.gradable:
                reading.cancel()
                yield look.rating
                return
            if look.rating.intent in ASKED and not answer.final and not reading.done():
                yield replace(look.rating, provisional=True)
            try:
                heard = await reading
            except ModelTrouble as trouble:
                yield replace(look.rating, trouble=trouble.trouble, usage=trouble.usage)
                return
            if doubtful(look, heard):
                yield replace(look.rating, trouble=Trouble.UNUSABLE, usage=heard.usage)
            else:
                yield agreed(look, heard, self._reader.name)
        finally:
            reading.cancel()
            # A reading that nobody waits for any more may have failed, and that is nobody's error.
            await asyncio.gather(reading, return_exceptions=True)


def doubtful(look: Look, heard: Heard) -> bool:
    """Whether a reading is not to be believed: of what it claims, a third is not there, and more than one point."""
    states = {point.point: point.state for point in look.rating.points}
    traceless = sum(states[point] is PointState.MISSING for point in heard.covered)
    claims = heard.dropped + len(heard.covered)
    return heard.dropped + traceless >= max(FALSE, claims / 3)


def agreed(look: Look, heard: Heard, name: str) -> Rating:
    """The rating of both, by the table above. A point's confidence is the mean of theirs."""
    views = tuple(_view(point, heard, look.believed) for point in look.rating.points)
    wrong = {claim.point: claim for claim in look.rating.misconceptions}
    wrong |= {id: Misconception(id, quote) for id, quote in heard.wrong.items()}
    # A wrong claim costs: both have to have heard something of it.
    held = [view.point for view in views if view.state is PointState.CHALLENGED and not view.split]
    intent = heard.intent
    if any(view.state is PointState.COVERED for view in views):
        intent = Intent.ANSWER
    return replace(
        look.rating,
        intent=intent,
        points=views,
        misconceptions=tuple(wrong[id] for id in held if id in wrong),
        fact=heard.fact or look.rating.fact,
        rater=f"{name}+{look.rating.rater}",
        usage=heard.usage,
    )


def _view(offline: PointRating, heard: Heard, believed: Sequence[str]) -> PointRating:
    quote, wrong = heard.covered.get(offline.point, ""), heard.wrong.get(offline.point, "")
    if wrong:
        split = offline.state in {PointState.COVERED, PointState.MISSING}
        return PointRating(offline.point, PointState.CHALLENGED, offline.confidence / 2, wrong, split)
    if not quote or not resting_on(quote, believed):
        split = offline.state is PointState.COVERED
        return replace(offline, confidence=offline.confidence / 2, split=split)
    sure = (1 + offline.confidence) / 2
    match offline.state:
        case PointState.CHALLENGED:
            return replace(offline, confidence=sure, split=True)
        # What is unsure without a quote was only named, in a question or a list: that is no trace in a sentence believed.
        case PointState.COVERED | PointState.UNSURE if offline.quote:
            return PointRating(offline.point, PointState.COVERED, sure, quote)
        case _:
            return PointRating(offline.point, PointState.UNSURE, sure, quote, split=True)
