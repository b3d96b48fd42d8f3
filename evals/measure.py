"""Owns the bars' table for a directory of labelled answers; each question is rated with parameters fitted without it.

python -m evals.measure evals/dev                     # the bank's questions
python -m evals.measure ANSWERS --guides GUIDES       # other guides: then the parameters are fitted on the whole bank
python -m evals.measure evals/dev --minimal 3         # guides cut down to statement and three exemplars a point
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.figures import Pair, figures
from evals.fit import CACHE, PLACEHOLDER, Memo, cut, fit, fit_fact, render, samples
from evals.labelled import DEV, read_answers, read_bank, read_cases
from interviewer.model import Answer
from interviewer.raters.embedding import Encoder, encoders
from interviewer.raters.offline import OfflineRater


def measure(answers: Path, guides: Path | None, minimal: int, models: Sequence[Encoder]) -> list[Pair]:
    """Rate every answer in the folder."""
    bank = read_bank()
    background = [case.guide for case in bank.values()]
    found = samples(OfflineRater(background, CACHE, PLACEHOLDER, models), bank, read_answers(DEV))
    fact = fit_fact(bank, models, CACHE)
    labelled = read_answers(answers)
    cases = bank if guides is None else read_cases(guides)
    cases = {id: cut(case, minimal) for id, case in cases.items()} if minimal else cases
    pairs: list[Pair] = []
    for question in sorted({answer.question for answer in labelled}):
        parameters = fit([sample for sample in found if sample.answer.question != question], fact)
        rater = OfflineRater(background, CACHE, parameters, models)
        mine = [answer for answer in labelled if answer.question == question]
        pairs += [(answer, rater.judge(cases[question], Answer(answer.text, asked=answer.probe))) for answer in mine]
    return pairs


def as_json(pairs: list[Pair]) -> Mapping[str, object]:
    return {
        figure.name: {"value": round(figure.value, 4), "of": figure.of, "passed": figure.passed}
        for figure in figures(pairs)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the offline rater on labelled answers.")
    parser.add_argument("answers", type=Path, help="a folder of labelled answers, one YAML file a question")
    parser.add_argument("--guides", type=Path, help="a folder of guides to the questions, if they are not the bank's")
    parser.add_argument("--minimal", type=int, default=0, metavar="N", help="cut guides down to N exemplars a point")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = parser.parse_args()
    pairs = measure(chosen.answers, chosen.guides, chosen.minimal, [Memo(encoder) for encoder in encoders()])
    sys.stdout.write(json.dumps(as_json(pairs), indent=2) + "\n" if chosen.json else render(pairs))


if __name__ == "__main__":
    main()
