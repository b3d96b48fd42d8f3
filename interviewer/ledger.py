"""What an interview knows of each rubric point, and how a rating changes it.

A credit needs the candidate's literal words; a point once credited keeps its evidence; a revealed point is over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from interviewer import estimates
from interviewer.model import (
    Answered,
    Case,
    Disputed,
    Evidence,
    Intent,
    Interview,
    MoveKind,
    Phase,
    PointRating,
    PointState,
    Progress,
    Rating,
    Review,
    RubricPoint,
    Source,
)

REVEALED = 4
"""The rung of the hint ladder on which the answer is given away."""


def progress(interview: Interview, point: str) -> Progress:
    """What is known of a point so far."""
    return interview.points.get(point, Progress())


def expected(interview: Interview, point: RubricPoint) -> bool:
    """Whether the point is asked of this candidate: at the level, and not about a twist that never came."""
    return interview.settings.level.reaches(point.level) and point.twist in {"", interview.twist}


def outstanding(interview: Interview, case: Case, phases: Iterable[Phase]) -> tuple[RubricPoint, ...]:
    """The expected points of these phases that are neither credited nor done with, in the guide's order."""
    phases = tuple(phases)
    return tuple(
        point
        for point in case.guide.rubric
        if point.phase in phases and expected(interview, point) and _is_outstanding(progress(interview, point.id))
    )


def mark(interview: Interview, point: str, **changes: object) -> Interview:
    """The interview with fields of one point's progress changed."""
    now: Progress = replace(progress(interview, point), **changes)  # type: ignore[arg-type]
    return replace(interview, points={**interview.points, point: now})


def hear(interview: Interview, case: Case, rating: Rating, heard: Answered | Disputed) -> Interview:
    """The interview with an answer's rating entered; points the guide does not know and quotes nobody said are dropped."""
    if isinstance(heard, Disputed):
        return _rehear(interview, rating, heard)
    raters = interview.raters if rating.rater in interview.raters else (*interview.raters, rating.rater)
    interview = replace(interview, raters=raters)
    if not rating.gradable:
        return interview
    substance = any(point.state is not PointState.MISSING for point in rating.points)
    interview = replace(interview, gradable=interview.gradable or substance or rating.intent is Intent.ANSWER)
    points: dict[str, Progress] = dict(interview.points)
    ratings = {point.point: point for point in rating.points}
    for point in case.guide.rubric:
        before = progress(interview, point.id)
        if point.id in ratings and before.hints < REVEALED:
            after = _advance(before, ratings[point.id], interview, heard)
            # Whoever credited it before settled it; else the latest look at it counts.
            settled = before.state is PointState.COVERED
            points[point.id] = after if settled else replace(after, split=ratings[point.id].split)
    for misconception in rating.misconceptions:
        known = misconception.point in points and points[misconception.point].state is not PointState.COVERED
        if known and _literal(misconception.quote, heard.text):
            points[misconception.point] = replace(points[misconception.point], misconception=misconception.quote)
    return _reckon(replace(interview, points=points), case, heard)


def review(interview: Interview, case: Case, rating: Rating, waiting: Review) -> Interview:
    """The interview with a better rating in the place of the provisional one; what was done about a point since stays."""
    again = hear(waiting.before, case, rating, waiting.heard)
    points: dict[str, Progress] = {}
    for id in dict.fromkeys((*interview.points, *again.points)):
        known, now = progress(again, id), progress(interview, id)
        # Asked about a contradiction just now, the candidate decides: until then nothing is credited.
        confronted = now.challenged and not progress(waiting.before, id).challenged
        withdrawn = confronted and known.state is PointState.COVERED and bool(known.doubt)
        points[id] = replace(
            known,
            state=PointState.CHALLENGED if withdrawn else known.state,
            asked=now.asked,
            challenged=now.challenged,
            dug=now.dug,
            closed=now.closed,
            hints=now.hints,
        )
    return replace(
        interview,
        points=points,
        gradable=again.gradable,
        raters=again.raters,
        estimated=again.estimated,
        stalls=0 if newly_covered(waiting.before, again) else interview.stalls,
        reviewing=None,
    )


def newly_covered(before: Interview, after: Interview) -> tuple[str, ...]:
    """The points that are credited in `after` and were not in `before`, best confidence first."""
    new = [id for id in after.points if _covered(after.points, id) and not _covered(before.points, id)]
    return tuple(sorted(new, key=lambda id: -after.points[id].confidence))


def _advance(before: Progress, rating: PointRating, interview: Interview, heard: Answered) -> Progress:
    quoted = _literal(rating.quote, heard.text)
    match rating.state:
        case PointState.COVERED if quoted and before.state is not PointState.COVERED:
            source = Source.HINTED if before.hints else Source.PROBED if before.asked else Source.VOLUNTEERED
            evidence = Evidence(rating.quote, _origin(rating.quote, heard), source, interview.phase, before.hints)
            return replace(
                before, state=rating.state, confidence=rating.confidence, evidence=evidence, doubt="", misconception=""
            )
        case PointState.CHALLENGED if quoted and before.state is PointState.COVERED:
            return replace(before, doubt=rating.quote)  # credit stands until it was asked about
        case PointState.CHALLENGED if quoted and not before.closed:
            return replace(before, state=rating.state, doubt=rating.quote)
        case PointState.UNSURE if before.state is PointState.MISSING:
            doubt = rating.quote if quoted else ""
            return replace(
                before, state=rating.state, confidence=max(before.confidence, rating.confidence), doubt=doubt
            )
        case PointState.UNSURE | PointState.MISSING if before.state is not PointState.COVERED:
            return replace(before, confidence=max(before.confidence, rating.confidence))
        case _:
            return before


def _rehear(interview: Interview, rating: Rating, heard: Disputed) -> Interview:
    """Only the disputed point is rated again, on the argument alone."""
    before = progress(interview, heard.point)
    again = next((point for point in rating.points if point.point == heard.point), None)
    after = replace(before, disputed=True)
    raters = interview.raters if rating.rater in interview.raters else (*interview.raters, rating.rater)
    interview = replace(interview, gradable=interview.gradable or rating.gradable, raters=raters)
    if rating.gradable and again and again.state is PointState.COVERED and _literal(again.quote, heard.text):
        evidence = Evidence(again.quote, heard.message, Source.DISPUTED, interview.phase, before.hints)
        after = replace(after, state=again.state, confidence=again.confidence, evidence=evidence, misconception="")
    return replace(interview, points={**interview.points, heard.point: after})


def _reckon(interview: Interview, case: Case, heard: Answered) -> Interview:
    """Hold the numbers in an answer against the guide's estimates; arithmetic is checked here and never by a model.

    A right number is evidence for the estimate's rubric point: as a reply to that estimate, or whenever it is said of the
    estimate's own things ("700 jobs/s"). What the guide's facts say is no estimate, nor is a list with something for
    everyone. A wrong number is noted only as a reply to that estimate."""
    asked = interview.estimates_asked[-1:] if interview.open and interview.open.kind is MoveKind.ESTIMATE else ()
    found = dict(interview.estimated)
    told = tuple(fact.answer for fact in case.guide.facts)
    points: dict[str, Progress] = dict(interview.points)
    for estimate in case.guide.estimates:
        if estimate.id in found and found[estimate.id].right:
            continue
        wanted = estimate.id in asked
        said = estimates.check(estimate, heard.text, told, named=not wanted)
        if said is None or not (said.right or wanted):
            continue
        found[estimate.id] = said
        before = points.get(estimate.point, Progress())
        known = any(point.id == estimate.point for point in case.guide.rubric)
        if said.right and known and before.hints < REVEALED:
            rating = PointRating(estimate.point, PointState.COVERED, 1.0, said.quote)
            points[estimate.point] = _advance(before, rating, interview, heard)
    return replace(interview, estimated=found, points=points)


def _covered(points: Mapping[str, Progress], id: str) -> bool:
    return id in points and points[id].state is PointState.COVERED


def _is_outstanding(progress: Progress) -> bool:
    return progress.state is not PointState.COVERED and not progress.closed and progress.hints < REVEALED


def fold(text: str) -> str:
    """Text with white space folded and case dropped, for comparing what was said."""
    return re.sub(r"\s+", " ", text).strip().casefold()


def _literal(quote: str, text: str) -> bool:
    return bool(quote.strip()) and re.sub(r"\s+", " ", quote).strip() in re.sub(r"\s+", " ", text)


def _origin(quote: str, heard: Answered) -> str:
    """The id of the message a quote came from; one that spans several is ascribed to the first."""
    for message in heard.messages:
        if _literal(quote, message.text):
            return message.id
    return heard.messages[0].id
