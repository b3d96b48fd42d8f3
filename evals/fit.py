"""Owns the fitted numbers: reads the bank and the labelled answers, writes the background and the parameters of the rater.

    python -m evals.fit   # interviewer/raters/background.json, background.npz and offline.json

Three logistic regressions (numpy, L2) on the features of `features.py` and two thresholds, once for whole guides and once
for minimal ones; everything else is in the bank and in contrasts.yaml. How good it is, `mockingbird eval` tells.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evals.figures import NATURAL, ORDINARY
from evals.labelled import ANSWERS, DEV, Labelled, read_answers, read_bank
from evals.memo import remembering
from interviewer.model import Answer, Case, Guide, RubricPoint
from interviewer.raters.background import Background, build, dump, shipped_rows
from interviewer.raters.contrasts import read_contrasts
from interviewer.raters.embedding import Encoder, Vectors
from interviewer.raters.features import BARE, COVER, Floats, Measured
from interviewer.raters.language import sentences
from interviewer.raters.offline import EMPTY, OfflineRater, listen
from interviewer.raters.parameters import Fit, Logistic, Parameters, odds, standardised, to_json

OUT = Path(__file__).resolve().parent.parent / "interviewer" / "raters"
CUTS = ((3, 1, 0), (5, 1, 0), (4, 3, 0), (4, 3, 1), (4, 3, 2))
"""The cut-down guides that `bare` is fitted on: exemplars a point, and of how many points one is kept, from which on. Short
rubrics are part of it: with fewer points there is less to tell a point from."""
KEEP = 0.836
"""The F1 on ordinary answers to left-out questions below which no bar is raised. It leaves dimension scores as close to the
labels as the bars ask (QWK 0.75); at 0.80 a fifth fewer mistakes are credited, and QWK is 0.70."""
FOLDS = 5
"""Groups of questions that are left out in turn while the bar is found."""
MISTAKE = 4.0
"""How many unseen points one credited mistake weighs."""
_FLAT = Logistic((0.0,), (1.0,), (0.0,), 0.0)
_NOTHING = Fit(_FLAT, _FLAT, _FLAT, 0.5, 0.1)
PLACEHOLDER = Parameters(_NOTHING, _NOTHING, 0.0)
"""For preparing guides before there are parameters."""


@dataclass(frozen=True)
class Sample:
    """What was measured of one labelled answer; None when it holds no evidence at all."""

    answer: Labelled
    points: tuple[str, ...]
    measured: Measured | None
    bare: bool = False

    def labels(self, points: frozenset[str]) -> Floats:
        return np.array([float(point in points) for point in self.points])


@dataclass
class Folds:
    """The bank seen from each question as if that question were not in it: its answers are measured against a background
    drawn from the others, and rated with parameters fitted on the others' answers."""

    cases: Mapping[str, Case]
    models: Sequence[Encoder]
    _backgrounds: dict[str, Background] = field(default_factory=dict[str, Background])
    _samples: dict[Labelled, list[Sample]] = field(default_factory=dict[Labelled, list[Sample]])

    def vectors(self) -> list[Vectors]:
        """The models; what the package has vectors of is not embedded again."""
        return [Vectors(model, None, shipped_rows(model.name)) for model in self.models]

    def background(self, question: str) -> Background:
        """What the other questions give; the whole bank for a question that is not in it."""
        name = question if question in self.cases else ""
        if name not in self._backgrounds:
            guides = [case.guide for id, case in self.cases.items() if id != name]
            self._backgrounds[name] = build(guides, read_contrasts(), self.vectors())
        return self._backgrounds[name]

    def rater(self, question: str, parameters: Parameters) -> OfflineRater:
        """A rater that has never met the question."""
        return OfflineRater(None, self.models, self.background(question), parameters)

    def samples(self, answers: Sequence[Labelled]) -> list[Sample]:
        """Every answer measured against its whole guide and against cut-down ones; parameters play no part in it."""
        for question in sorted({answer.question for answer in answers if answer not in self._samples}):
            rater, case = self.rater(question, PLACEHOLDER), self.cases[question]
            for answer in answers:
                if answer.question == question and answer not in self._samples:
                    self._samples[answer] = [
                        _sample(rater, case, answer, bare=False),
                        *(_sample(rater, cut(case, *how), answer, bare=True) for how in CUTS),
                    ]
        return [sample for answer in answers for sample in self._samples[answer]]

    def fit_without(self, question: str, answers: Sequence[Labelled]) -> Parameters:
        """The parameters that the answers to all other questions give."""
        return fit([sample for sample in self.samples(answers) if sample.answer.question != question], FACT)


def _sample(rater: OfflineRater, case: Case, answer: Labelled, *, bare: bool) -> Sample:
    heard = sentences(answer.text)
    evidence = listen(rater.prepare(case).rubric, heard, Answer(answer.text, asked=answer.probe)) if heard else None
    measured = evidence.heard.measure(evidence.trusted) if evidence and evidence.trusted.any() else None
    return Sample(answer, tuple(point.id for point in case.guide.rubric), measured, bare)


def cut(case: Case, exemplars: int, one_of: int = 1, start: int = 0) -> Case:
    """The case with a minimal guide: id, statement and a few exemplars a point, and only one of so many points."""
    kept = case.guide.rubric[start::one_of]
    rubric = tuple(RubricPoint(point.id, point.statement, point.exemplars[:exemplars]) for point in kept)
    return replace(case, guide=Guide(case.guide.question, rubric))


def fit(found: Sequence[Sample], fact: float) -> Parameters:
    """The regressions and the thresholds: for whole guides, and for guides cut down to statements and exemplars."""
    rich = [sample for sample in found if sample.measured is not None and not sample.bare]
    bare = [sample for sample in found if sample.measured is not None and sample.bare]
    return Parameters(_fit(rich, slice(None)), _fit(bare, BARE), fact)


def _fit(usable: Sequence[Sample], part: slice) -> Fit:
    cover, doubt = _fit_cover(usable), _fit_doubt(usable, part)
    sure = _fit_sure(usable, doubt, part)
    return Fit(cover, doubt, sure, _credit(usable, part), _missing(usable, cover))


def _fit_cover(usable: Sequence[Sample]) -> Logistic:
    """Said against not said; what was ruled out is neither, it is a match that the doubt has to catch."""
    rows: list[Floats] = []
    labels: list[Floats] = []
    for sample in usable:
        assert sample.measured is not None
        keep = sample.labels(sample.answer.partial | sample.answer.contradicted) == 0
        rows.append(sample.measured.cover[keep])
        labels.append(sample.labels(sample.answer.covered)[keep])
    y = np.concatenate(labels)
    return logistic(np.concatenate(rows), y, np.ones(y.shape, dtype=np.float64), l2=3.0)


def _fit_doubt(usable: Sequence[Sample], part: slice) -> Logistic:
    """Ruled out against said."""
    rows: list[Floats] = []
    labels: list[Floats] = []
    for sample in usable:
        assert sample.measured is not None
        contradicted, covered = sample.labels(sample.answer.contradicted), sample.labels(sample.answer.covered)
        keep = contradicted + covered > 0
        rows.append(sample.measured.doubt[keep, part])
        labels.append(contradicted[keep])
    y = np.concatenate(labels)
    # As many of each: how often people contradict is the data's accident, and a doubt costs one question.
    share = float(y.mean())
    weights = y * 0.5 / share + (1 - y) * 0.5 / (1 - share)
    return logistic(np.concatenate(rows), y, weights, l2=3.0)


def _fit_sure(usable: Sequence[Sample], doubt: Logistic, part: slice) -> Logistic:
    """Said against all else; a mistake that is credited weighs more than one that is not seen."""
    rows: list[Floats] = []
    labels: list[Floats] = []
    weights: list[Floats] = []
    for sample in usable:
        assert sample.measured is not None
        keep = sample.labels(sample.answer.partial) == 0
        seen = np.column_stack([sample.measured.cover, odds(doubt(sample.measured.doubt[:, part]))])
        rows.append(seen[keep])
        labels.append(sample.labels(sample.answer.covered)[keep])
        weights.append(1 + (MISTAKE - 1) * sample.labels(sample.answer.contradicted)[keep])
    return logistic(np.concatenate(rows), np.concatenate(labels), np.concatenate(weights), l2=10.0, products=True)


def logistic(rows: Floats, labels: Floats, weights: Floats, l2: float, *, products: bool = False) -> Logistic:
    """Newton's method on standardised features; a missing value counts as average, as it will when rating."""
    mean, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0) + 1e-6
    design = np.column_stack([np.ones(len(rows)), standardised(rows, mean, scale, products=products)])
    ridge = l2 * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    found = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -30.0, 30.0)))
        slope = design.T @ (weights * (chance - labels)) + ridge @ found
        curve = (design.T * (weights * chance * (1 - chance) + 1e-9)) @ design + ridge
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    return Logistic(tuple(mean), tuple(scale), tuple(found[1:]), float(found[0]), products)


Scored = tuple[Sample, Floats]


def _credit(usable: Sequence[Sample], part: slice) -> float:
    """The highest bar with which ordinary answers to questions that are left out keep an F1 of `KEEP`: whatever it costs
    there buys fewer credited mistakes. A point that is not credited becomes a question, which costs little; a credited
    mistake costs trust."""
    scored: list[Scored] = []
    names = sorted({sample.answer.question for sample in usable})
    for left_out in (set(names[start::FOLDS]) for start in range(min(FOLDS, len(names)))):
        others = [sample for sample in usable if sample.answer.question not in left_out]
        doubt = _fit_doubt(others, part)
        sure = _fit_sure(others, doubt, part)
        for sample in usable:
            assert sample.measured is not None
            if sample.answer.question in left_out and sample.answer.kind in ORDINARY:
                cover, against = sample.measured.cover, odds(doubt(sample.measured.doubt[:, part]))
                chance = sure(np.column_stack([cover, against]))
                scored.append((sample, np.where(cover[:, COVER.index("anti")] > EMPTY, 0.0, chance)))
    worth = {float(bar): _f1(scored, float(bar)) for bar in np.arange(0.10, 0.90, 0.01)}
    kept = [bar for bar, f1 in worth.items() if f1 >= KEEP]
    return max(kept) if kept else max(worth, key=lambda bar: worth[bar])


def _f1(scored: Sequence[Scored], bar: float) -> float:
    said = called = both = 0.0
    for sample, confidence in scored:
        over = confidence >= bar
        known = sample.labels(sample.answer.partial) == 0
        covered = sample.labels(sample.answer.covered)
        said, called, both = said + covered.sum(), called + over[known].sum(), both + covered[over].sum()
    return 2 * both / (said + called) if said + called else 0.0


def _missing(usable: Sequence[Sample], cover: Logistic) -> float:
    """The highest bar under which at most 2 % of the points in natural answers had been said after all; on answers that
    took no part in the fit that share about doubles."""
    rows: list[tuple[float, float]] = []
    for sample in usable:
        assert sample.measured is not None
        if sample.answer.kind in NATURAL:
            keep = sample.labels(sample.answer.partial) == 0
            chances, covered = cover(sample.measured.cover)[keep], sample.labels(sample.answer.covered)[keep]
            rows += zip(chances.tolist(), covered.tolist(), strict=True)
    bars = [bar for bar in np.arange(0.02, 0.5, 0.01) if _said_below(rows, float(bar)) <= 0.02]
    return float(max(bars, default=0.02))


def _said_below(rows: Sequence[tuple[float, float]], bar: float) -> float:
    below = [covered for chance, covered in rows if chance < bar]
    return sum(below) / len(below) if below else 0.0


FACT = 2.3
"""The score from which a fact answers a question, as `fit_fact` found it; no figure of the evaluation rests on it."""


def fit_fact(folds: Folds) -> float:
    """The bar for facts: wordings held out of their own guide against wordings from other guides."""
    right: list[float] = []
    wrong: list[float] = []
    for id, case in folds.cases.items():
        shortened = tuple(replace(fact, asks=fact.asks[:-1]) for fact in case.guide.facts)
        rater = folds.rater(id, PLACEHOLDER)
        listener = rater.prepare(replace(case, guide=replace(case.guide, facts=shortened))).listener
        for fact in case.guide.facts:
            reading = listener.read(sentences(fact.asks[-1]))
            (right if reading.fact == fact.id else wrong).append(reading.score)
        strangers = [ask.text for ask in folds.background(id).asks]
        wrong += [listener.read(sentences(ask)).score for ask in strangers]
    bars = np.arange(0.5, 6.0, 0.1)
    kept = [np.mean(np.array(right) >= bar) + np.mean(np.array(wrong) < bar) for bar in bars]
    return float(bars[int(np.argmax(kept))])


def fitting_answers() -> list[Labelled]:
    """The answers that parameters may be fitted on."""
    return read_answers(DEV) + read_answers(ANSWERS)


def main() -> None:
    """Fit everything and write it."""
    cases, answers = read_bank(), fitting_answers()
    installed = remembering()
    vectors = [Vectors(model) for model in installed]
    background, rows = dump(build([case.guide for case in cases.values()], read_contrasts(), vectors), vectors)
    (OUT / "background.json").write_text(background, "utf-8")
    (OUT / "background.npz").write_bytes(rows)
    written: dict[str, object] = {}
    for models in [installed, installed[-1:]][: len(installed)]:
        folds = Folds(cases, models)
        written["+".join(model.name for model in models)] = to_json(fit(folds.samples(answers), fit_fact(folds)))
        for model in models:
            model.save()
    questions = sorted({answer.question for answer in answers})
    origin = f"evals/fit.py on {len(answers)} labelled answers to {', '.join(questions)}"
    (OUT / "offline.json").write_text(json.dumps({"fitted": origin, "parameters": written}, indent=2) + "\n", "utf-8")
    sys.stdout.write(f"Fitted on {len(answers)} answers to {len(questions)} questions.\n")


if __name__ == "__main__":
    main()
