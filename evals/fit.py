"""Owns the fitted numbers: reads the bank and the labelled answers in evals/dev, writes interviewer/raters/offline.json.

    python -m evals.fit            # fits on all questions, prints the leave-one-question-out figures, writes the file
    python -m evals.fit --dry-run  # prints only

Plain logistic regressions (numpy, L2) on four and six features and two thresholds, once for whole guides and once for
minimal ones; everything else is in the bank and in contrasts.yaml.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from evals.figures import NATURAL, Pair, figures
from evals.labelled import DEV, Labelled, read_answers, read_bank
from interviewer.model import Answer, Case, Guide, RubricPoint
from interviewer.raters.embedding import Encoder, Matrix, encoders
from interviewer.raters.features import BARE, COVER, Floats, Measured
from interviewer.raters.language import sentences
from interviewer.raters.offline import EMPTY, OfflineRater, listen
from interviewer.raters.parameters import Fit, Logistic, Parameters, to_json

OUT = Path(__file__).resolve().parent.parent / "interviewer" / "raters" / "offline.json"
CACHE = user_cache_path("mockingbird-evals") / "embeddings"
CUTS = (3, 5)
"""Exemplars a point in the cut-down guides that `bare` is fitted on."""
KEEP = 0.84
"""The F1 on ordinary answers below which no bar is raised: a little over the 0.80 that unseen questions have to reach."""
_FLAT = Logistic((0.0,), (1.0,), (0.0,), 0.0)
PLACEHOLDER = Parameters(Fit(_FLAT, _FLAT, 0.5, 0.1), Fit(_FLAT, _FLAT, 0.5, 0.1), 0.0)
"""For preparing guides before there are parameters."""


class Memo:
    """An encoder that remembers everything: one answer is measured against many guides."""

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._known: dict[str, Matrix] = {}

    def load(self) -> None:
        self._encoder.load()

    def encode(self, texts: Sequence[str]) -> Matrix:
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._encoder.encode(missing), strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True)
class Sample:
    """What was measured of one labelled answer; None when it holds no evidence at all."""

    answer: Labelled
    points: tuple[str, ...]
    measured: Measured | None
    bare: bool = False

    def labels(self, points: frozenset[str]) -> Floats:
        return np.array([float(point in points) for point in self.points])


def samples(rater: OfflineRater, cases: Mapping[str, Case], answers: Sequence[Labelled]) -> list[Sample]:
    """Measure every answer against its whole guide and against two cut-down ones; parameters play no part in it."""
    whole = [_sample(rater, cases[answer.question], answer, bare=False) for answer in answers]
    return whole + [_sample(rater, cut(cases[a.question], size), a, bare=True) for size in CUTS for a in answers]


def _sample(rater: OfflineRater, case: Case, answer: Labelled, *, bare: bool) -> Sample:
    heard = sentences(answer.text)
    evidence = listen(rater.prepare(case).rubric, heard, Answer(answer.text, asked=answer.probe)) if heard else None
    measured = evidence.heard.measure(evidence.trusted) if evidence and evidence.trusted.any() else None
    return Sample(answer, tuple(point.id for point in case.guide.rubric), measured, bare)


def cut(case: Case, exemplars: int) -> Case:
    """The case with a minimal guide: id, statement and a few exemplars a point."""
    rubric = tuple(RubricPoint(point.id, point.statement, point.exemplars[:exemplars]) for point in case.guide.rubric)
    return replace(case, guide=Guide(case.guide.question, rubric))


def fit(found: Sequence[Sample], fact: float) -> Parameters:
    """The regressions and the thresholds: for whole guides, and for guides cut down to statements and exemplars."""
    rich = [sample for sample in found if sample.measured is not None and not sample.bare]
    bare = [sample for sample in found if sample.measured is not None and sample.bare]
    return Parameters(_fit(rich, slice(None)), _fit(bare, BARE), fact)


def _fit(usable: Sequence[Sample], part: slice) -> Fit:
    cover, doubt = _fit_cover(usable), _fit_doubt(usable, part)
    credit = _credit(usable, cover, doubt, part)
    # What could be credited is never called missing: between the two bars lies doubt, and a doubt is asked about.
    return Fit(cover, doubt, credit, min(_missing(usable, cover), credit))


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


def logistic(rows: Floats, labels: Floats, weights: Floats, l2: float) -> Logistic:
    """Newton's method on standardised features; a missing value counts as average, as it will when rating."""
    mean, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0) + 1e-6
    standard = (rows - mean) / scale
    design = np.column_stack([np.ones(len(rows)), np.where(np.isnan(standard), 0.0, standard)])
    ridge = l2 * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    found = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (weights * (chance - labels)) + ridge @ found
        curve = (design.T * (weights * chance * (1 - chance) + 1e-9)) @ design + ridge
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(tuple(mean), tuple(scale), tuple(found[1:]), float(found[0]))


Scored = tuple[Sample, Floats]


def _credit(usable: Sequence[Sample], cover: Logistic, doubt: Logistic, part: slice) -> float:
    """The highest bar with which ordinary answers keep their F1: whatever it costs there buys fewer credited mistakes.

    A point that is not credited becomes a question, which costs little; a credited mistake costs trust."""
    scored: list[Scored] = []
    for sample in usable:
        assert sample.measured is not None
        if sample.answer.kind == "ordinary":
            chance = cover(sample.measured.cover) * (1 - doubt(sample.measured.doubt[:, part]))
            scored.append((sample, np.where(sample.measured.cover[:, COVER.index("anti")] > EMPTY, 0.0, chance)))
    worth = {float(bar): _f1(scored, float(bar)) for bar in np.arange(0.10, 0.90, 0.01)}
    kept = [bar for bar, f1 in worth.items() if f1 >= KEEP]
    return max(kept) if kept else max(worth, key=lambda bar: worth[bar])


def _f1(scored: Sequence[Scored], bar: float) -> float:
    said = called = both = 0.0
    for sample, confidence in scored:
        over = confidence >= bar
        known = sample.labels(sample.answer.partial | sample.answer.contradicted) == 0
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


def fit_fact(cases: Mapping[str, Case], models: Sequence[Encoder], folder: Path | None) -> float:
    """The bar for facts: wordings held out of their own guide against wordings from other guides."""
    guides = [case.guide for case in cases.values()]
    right: list[float] = []
    wrong: list[float] = []
    for case in cases.values():
        shortened = tuple(replace(fact, asks=fact.asks[:-1]) for fact in case.guide.facts)
        rater = OfflineRater(guides, folder, PLACEHOLDER, models)
        listener = rater.prepare(replace(case, guide=replace(case.guide, facts=shortened))).listener
        for fact in case.guide.facts:
            reading = listener.read(sentences(fact.asks[-1]))
            (right if reading.fact == fact.id else wrong).append(reading.score)
        strangers = [ask for guide in guides if guide is not case.guide for fact in guide.facts for ask in fact.asks]
        wrong += [listener.read(sentences(ask)).score for ask in strangers]
    bars = np.arange(0.5, 6.0, 0.1)
    kept = [np.mean(np.array(right) >= bar) + np.mean(np.array(wrong) < bar) for bar in bars]
    return float(bars[int(np.argmax(kept))])


def leave_one_out(
    cases: Mapping[str, Case],
    found: Sequence[Sample],
    answers: Sequence[Labelled],
    models: Sequence[Encoder],
    fact: float,
) -> list[Pair]:
    """Rate each of `answers` with parameters fitted on the other questions' samples only."""
    guides = [case.guide for case in cases.values()]
    pairs: list[Pair] = []
    for question in sorted({answer.question for answer in answers}):
        parameters = fit([sample for sample in found if sample.answer.question != question], fact)
        rater = OfflineRater(_bank_guides(guides, found), CACHE, parameters, models)
        mine = [answer for answer in answers if answer.question == question]
        pairs += [(answer, rater.judge(cases[question], Answer(answer.text, asked=answer.probe))) for answer in mine]
    return pairs


def _bank_guides(guides: Sequence[Guide], found: Sequence[Sample]) -> list[Guide]:
    fitted = {sample.answer.question for sample in found}
    return [guide for guide in guides if guide.question in fitted]


def render(pairs: Sequence[Pair]) -> str:
    """The figures as a table."""
    lines = [f"{'':45} {'value':>7}  {'of':>5}  bar"]
    for figure in figures(pairs):
        limit = f">= {figure.at_least:.2f}" if figure.at_least is not None else ""
        limit = f"<= {figure.at_most:.2f}" if figure.at_most is not None else limit
        mark = {None: "", True: "ok", False: "NOT REACHED"}[figure.passed]
        lines.append(f"{figure.name:45} {figure.value:7.3f}  {figure.of:5d}  {limit:8} {mark}".rstrip())
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the offline rater's parameters.")
    parser.add_argument("--dry-run", action="store_true", help="print the figures and write nothing")
    dry = parser.parse_args().dry_run
    cases, answers = read_bank(), read_answers(DEV)
    guides = [case.guide for case in cases.values()]
    written: dict[str, object] = {}
    installed = [Memo(encoder) for encoder in encoders()]
    for models in [installed, installed[-1:]][: len(installed)]:
        name = "+".join(model.name for model in models)
        found = samples(OfflineRater(guides, CACHE, PLACEHOLDER, models), cases, answers)
        fact = fit_fact(cases, models, CACHE)
        sys.stdout.write(f"{name}, each question rated with parameters fitted on the others:\n")
        sys.stdout.write(render(leave_one_out(cases, found, answers, models, fact)) + "\n")
        written[name] = to_json(fit(found, fact))
    origin = f"evals/fit.py on {len(answers)} labelled answers to {', '.join(sorted(cases))} (evals/dev)"
    if not dry:
        OUT.write_text(json.dumps({"fitted": origin, "parameters": written}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
