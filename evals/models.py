"""Owns the measurement of the model-backed rater: on answers that nothing was fitted on, alone and beside the offline rater."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from evals.evaluate import FRESH, Table
from evals.figures import Figure, Judged, card, figures
from evals.labelled import Labelled, read_answers, read_bank
from evals.recorded import NotRecorded
from interviewer.model import Answer, Case, Misconception, PointRating, PointState, Rating, Usage
from interviewer.ports import LanguageModel, ModelTrouble
from interviewer.prompts import load_prompts
from interviewer.questions import data_root
from interviewer.raters.offline import Look, OfflineRater
from interviewer.raters.panel import agreed, doubtful
from interviewer.raters.reading import Heard, ModelRater

SPREAD = 0.5
"""Of 5: as much as a dimension's score may differ between repetitions."""
AT_ONCE = 8


@dataclass(frozen=True)
class Prices:
    """What a million tokens cost: read, read from the provider's cache, written."""

    read: float
    cached: float
    written: float

    def of(self, usage: Usage) -> float:
        """The cost of some usage, in the prices' currency."""
        fresh = usage.read - usage.cached
        return (fresh * self.read + usage.cached * self.cached + usage.written * self.written) / 1e6


@dataclass(frozen=True)
class Measured:
    """The tables, what was asked for, how many answers were measured and how many were not: they had no recording, or the model
    was of no use."""

    tables: tuple[Table, ...]
    usage: Usage
    answers: int
    unrecorded: int


class NothingRead(LookupError):
    """There is nothing to measure. Says why."""


@dataclass(frozen=True)
class _Reading:
    """One answer, read once by the model and looked at by the offline rater."""

    answer: Labelled
    case: Case
    look: Look
    heard: Heard
    together: Rating


def measure(
    models: Sequence[LanguageModel], offline: OfflineRater, note: Callable[[str], None], folder: Path = FRESH
) -> Measured:
    """Each answer in the folder is read by every model: the same one once more for each repetition. Raises NothingRead."""
    bank, prompts = read_bank(), load_prompts(data_root() / "prompts")
    answers = read_answers(folder)
    found: list[list[_Reading]] = []
    lost: list[NotRecorded | ModelTrouble] = []
    # One loop for all: a provider's client keeps its connections, which belong to the loop they were made in.
    with asyncio.Runner() as runner:
        for number, model in enumerate(models, 1):
            note(f"repetition {number} of {len(models)}")
            found.append(runner.run(_read(ModelRater(model, prompts), answers, bank, offline, lost)))
            if not found[0]:
                raise NothingRead(f"No answer was read: {lost[-1] if lost else f'{folder} has none'}.")
    first = found[0]
    tables = (
        Table("the offline rater, on the same answers", _figures(first, lambda one: one.look.rating)),
        Table(f"{models[0].name} alone: what of its readings is literal", _figures(first, _alone)),
        Table("both, as an interview has it", _figures(first, lambda one: one.together)),
        Table("how far they agree, and the model with itself", (*_agreement(first), *_spread(found))),
    )
    usage = sum((one.heard.usage for repetition in found for one in repetition), Usage())
    usage = sum((one.usage for one in lost if isinstance(one, ModelTrouble)), usage)
    return Measured(tables, usage, len(first), len(answers) - len(first))


async def _read(
    rater: ModelRater,
    answers: Sequence[Labelled],
    bank: Mapping[str, Case],
    offline: OfflineRater,
    lost: list[NotRecorded | ModelTrouble],
) -> list[_Reading]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(answer: Labelled) -> _Reading | None:
        case = bank[answer.question]
        async with limit:
            try:
                heard = await rater.read(case, Answer(answer.text, asked=answer.probe))
            except (NotRecorded, ModelTrouble) as trouble:
                # One answer that a model fails must not cost the others, which may have been paid for.
                lost.append(trouble)
                return None
        look = await asyncio.to_thread(offline.look, case, Answer(answer.text, asked=answer.probe))
        together = look.rating if doubtful(look, heard) else agreed(look, heard, rater.name)
        return _Reading(answer, case, look, heard, together)

    return [reading for reading in await asyncio.gather(*map(one, answers)) if reading]


def _figures(found: Sequence[_Reading], rating: Callable[[_Reading], Rating]) -> tuple[Figure, ...]:
    return tuple(figures([Judged(one.answer, one.case, rating(one)) for one in found]))


def _alone(one: _Reading) -> Rating:
    """The model's word as a rating, for comparison: nobody is rated so."""
    points = tuple(
        PointRating(point.id, PointState.CHALLENGED, 0.0, one.heard.wrong[point.id])
        if point.id in one.heard.wrong
        else PointRating(point.id, PointState.COVERED, 1.0, one.heard.covered[point.id])
        if point.id in one.heard.covered
        else PointRating(point.id, PointState.MISSING, 0.0)
        for point in one.case.guide.rubric
    )
    wrong = tuple(Misconception(id, quote) for id, quote in one.heard.wrong.items())
    return Rating(one.heard.intent, gradable=True, points=points, misconceptions=wrong, rater="model")


def _agreement(found: Sequence[_Reading]) -> tuple[Figure, ...]:
    """On how many points the two raters say the same: credited or not."""
    pairs = [
        (point.state is PointState.COVERED, point.point in one.heard.covered)
        for one in found
        for point in one.look.rating.points
    ]
    same = mean(mine == theirs for mine, theirs in pairs)
    mine, theirs = (mean(pair[i] for pair in pairs) for i in (0, 1))
    chance = mine * theirs + (1 - mine) * (1 - theirs)
    split = [point.split for one in found for point in one.together.points]
    claims = [(one.heard.dropped, len(one.heard.covered) + len(one.heard.wrong)) for one in found]
    dropped, kept = (sum(claim[i] for claim in claims) for i in (0, 1))
    return (
        Figure("points on which both say the same", same, len(pairs)),
        Figure("Cohen's kappa of the two", (same - chance) / (1 - chance) if chance < 1 else 1.0, len(pairs)),
        Figure("points worth a second look", mean(split), len(split)),
        Figure(
            "claims thrown away: not literal, too short, overloaded", dropped / max(1, dropped + kept), dropped + kept
        ),
        Figure("readings not believed at all", mean(doubtful(one.look, one.heard) for one in found), len(found)),
    )


def _spread(found: Sequence[Sequence[_Reading]]) -> tuple[Figure, ...]:
    """How far a dimension's score differs between repetitions of the same answer, of 5."""
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for repetition in found:
        for one in repetition:
            for score in card(one.case, one.answer.text, one.together).dimensions:
                if score.score is not None:
                    scores[one.answer.id, score.dimension].append(score.score)
    spreads = [max(values) - min(values) for values in scores.values() if len(values) == len(found) > 1]
    if not spreads:
        return ()
    return (
        Figure("spread of a dimension's score, largest", max(spreads), len(spreads), at_most=SPREAD),
        Figure("spread of a dimension's score, mean", mean(spreads), len(spreads)),
        Figure("dimensions whose score stays within 0.5", mean(spread <= SPREAD for spread in spreads), len(spreads)),
    )
