"""Owns the evaluation: every set of labelled answers, each question rated by a rater that has never met it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.figures import Figure, Judged, figures
from evals.fit import Folds, cut, fitting_answers
from evals.labelled import ANSWERS, EVALS, Labelled, read_answers, read_bank, read_cases
from evals.variants import checks
from interviewer.model import Answer, Case, Rating
from interviewer.raters.embedding import Encoder
from interviewer.raters.offline import OfflineRater

STEADY = ("medium", "strong")
"""The kinds of answers that the metamorphic checks are done on."""


@dataclass(frozen=True)
class Table:
    """One set of answers and its figures."""

    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Set:
    """Labelled answers that belong together. `guides`: a folder of guides that are not the bank's."""

    title: str
    answers: Path
    guides: Path | None = None
    minimal: int = 0


FRESH = EVALS / "fresh"

SETS = (
    Set("answers: sixteen questions of the bank, each left out of the fit", ANSWERS),
    Set("answers, guides cut down to four exemplars a point", ANSWERS, minimal=4),
    Set("fresh: twelve other questions of the bank, never fitted on", FRESH),
    Set("golden: three questions, never fitted on", EVALS / "golden"),
    Set("blind: the same three, written later, never fitted on", EVALS / "blind"),
    Set(
        "unseen: two questions with minimal guides",
        EVALS / "golden-unseen" / "answers",
        EVALS / "golden-unseen" / "guides",
    ),
)


class Evaluation:
    """The offline rater, measured. Fitting is part of it, so that no question is judged by what was learned from it."""

    def __init__(self, models: Sequence[Encoder], note: Callable[[str], None] = lambda _: None) -> None:
        self._bank = read_bank()
        self._folds = Folds(self._bank, models)
        self._models = models
        self._fitting = fitting_answers()
        self._fitted = {answer.question for answer in self._fitting}
        self._note = note
        self._raters: dict[str, OfflineRater] = {}

    def tables(self, *, quick: bool = False) -> list[Table]:
        """Every set's table, and the metamorphic checks; `quick`: only the answers that nothing was fitted on."""
        found = [(each, self.judged(each)) for each in SETS if not quick or each.answers == FRESH]
        tables = [Table(each.title, tuple(figures(judged))) for each, judged in found]
        if quick:
            return tables
        self._note("metamorphic checks")
        steady = [one for one in found[0][1] if one.answer.kind in STEADY]
        kinds = " and ".join(STEADY)
        tables.append(
            Table(f"metamorphic checks on {kinds} answers: share that passes", tuple(checks(steady, self._rate)))
        )
        return tables

    def judged(self, one: Set) -> list[Judged]:
        """The answers of a set, rated."""
        answers = read_answers(one.answers)
        cases: Mapping[str, Case] = self._bank if one.guides is None else read_cases(one.guides)
        found: list[Judged] = []
        for question in sorted({answer.question for answer in answers}):
            self._note(f"{one.answers.name}: {question}")
            case = cut(cases[question], one.minimal) if one.minimal else cases[question]
            found += [self._judge(case, answer) for answer in answers if answer.question == question]
        return found

    def _judge(self, case: Case, answer: Labelled) -> Judged:
        return Judged(answer, case, self._rate(case, Answer(answer.text, asked=answer.probe)))

    def _rate(self, case: Case, answer: Answer) -> Rating:
        question = case.question.id
        if question not in self._raters:
            self._raters[question] = (
                self._folds.rater(question, self._folds.fit_without(question, self._fitting))
                if question in self._fitted
                else OfflineRater(None, self._models)  # nothing was learned from it: the rater as it ships
            )
        return self._raters[question].judge(case, answer)


Figures = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Values by table, figure and "value", "of" or "passed"."""


def as_json(tables: Sequence[Table]) -> Figures:
    """Every figure by table and name."""
    return {
        table.title: {
            figure.name: {"value": round(figure.value, 4), "of": figure.of, "passed": figure.passed}
            for figure in table.figures
        }
        for table in tables
    }


HELD = ("ordinary: F1", "plain and refusing: F1", "all natural: F1")
DROP = 0.02


def fallen(tables: Sequence[Table], before: Figures, *, quick: bool = False) -> list[str]:
    """What has dropped by more than `DROP` since `before`, or is no longer measured, in words; after a quick measurement only
    what was measured."""
    now = as_json(tables)
    found: list[str] = []
    for title, table in before.items():
        if quick and title not in now:
            continue
        for name in HELD:
            was, value = (each.get(name, {}).get("value") for each in (table, now.get(title, {})))
            if was is not None and value is None:
                found.append(f"{title}: {name} was {was:.3f} and is no longer measured")
            elif was is not None and value < was - DROP:
                found.append(f"{title}: {name} was {was:.3f} and is {value:.3f}")
    return found or ([] if before else ["there is nothing to compare with: write the file with --json"])
