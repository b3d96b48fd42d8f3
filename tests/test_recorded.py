"""Recorded readings, and the measurement that is run on them."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from evals.evaluate import FRESH
from evals.figures import Figure
from evals.labelled import EVALS, Labelled, read_answers, read_bank
from evals.memo import Memo
from evals.models import Measured, NothingRead, Prices, measure
from evals.recorded import BadRecording, NotRecorded, Recorder, Replay, digest, read, write
from evals.recorded import Reading as Recorded
from interviewer.model import Answer, Case, Level, PointRating, PointState, RubricPoint, Trouble, Usage
from interviewer.ports import Line, ModelTrouble, Role
from interviewer.prompts import load_prompts
from interviewer.questions import data_root
from interviewer.raters.embedding import encoders
from interviewer.raters.offline import OfflineRater
from interviewer.raters.reading import Claim, ModelRater, Reading
from tests.fakes import COST, ScriptedModel

LINES = (
    Line(Role.INSTRUCTIONS, "Fill in the form."),
    Line(Role.INTERVIEWER, "How do reads and writes compare?"),
    Line(Role.CANDIDATE, "Many more people follow a link than make one."),
)
QUESTION = "figma-shared-canvas"
ONE, OTHER = f"{QUESTION}-01", f"{QUESTION}-02"
RECORDING = EVALS / "recorded" / "agent.jsonl"

Readings = dict[tuple[str, int], Recorded]


def reading(*covered: tuple[str, str]) -> Reading:
    """A form that claims these points, with these quotes."""
    claims = [Claim(point=point, quote=quote) for point, quote in covered]
    return Reading(intent="answer", covered=claims, wrong=[], fact="")


def recorded(form: Reading, lines: Sequence[Line] = LINES, repetition: int = 1) -> Readings:
    """A recording of one reading."""
    readings: Readings = {}
    asyncio.run(Recorder(ScriptedModel(form), readings, repetition).fill(lines, Reading))
    return readings


def replayed(readings: Readings, lines: Sequence[Line] = LINES, repetition: int = 1) -> tuple[Reading, Usage]:
    return asyncio.run(Replay(readings, repetition).fill(lines, Reading))


# --- a recording ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quote", ["more people follow", "“naïve” 🙂", 'a\n"b"\\c', "one\u2028two", "one\x85two", "\x1c"]
)
def test_what_a_model_filled_in_comes_back_from_a_file_as_it_was(tmp_path: Path, quote: str) -> None:
    form = reading(("reads", quote))
    write(tmp_path / "kept.jsonl", recorded(form).values())
    kept = read(tmp_path / "kept.jsonl")
    assert replayed(kept) == (form, COST)
    assert Replay(kept, 1).name == "scripted"


def test_a_recording_reads_the_same_in_whatever_order_it_was_made(tmp_path: Path) -> None:
    others = (LINES[:1], LINES[:2], LINES)
    made: Readings = {}
    for number, lines in enumerate(others, 1):
        made |= recorded(reading(("reads", str(number))), lines, number)
    write(tmp_path / "one.jsonl", made.values())
    write(tmp_path / "other.jsonl", reversed(made.values()))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "other.jsonl").read_bytes()
    kept = read(tmp_path / "one.jsonl")
    assert kept.keys() == made.keys()
    assert [replayed(kept, lines, number)[0].covered[0].quote for number, lines in enumerate(others, 1)] == [
        "1",
        "2",
        "3",
    ]


def test_an_empty_recording_is_one(tmp_path: Path) -> None:
    write(tmp_path / "none.jsonl", [])
    assert read(tmp_path / "none.jsonl") == {}
    assert Replay({}, 1).name == "nobody"


@pytest.mark.parametrize("line", ["words", "[]", "{}", '{"key": "a", "repetition": "x"}', "\xff"])
def test_a_file_that_is_no_recording_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    write(path, recorded(reading()).values())
    with path.open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    with pytest.raises(BadRecording, match=r"bad\.jsonl:2 is no recorded reading .* record it again"):
        read(path)


@pytest.mark.parametrize(
    "lines",
    [
        LINES[:-1],
        LINES[::-1],
        (*LINES, Line(Role.CANDIDATE, "")),
        *((*LINES[:at], Line(line.role, f"{line.text} "), *LINES[at + 1 :]) for at, line in enumerate(LINES)),
        *((*LINES[:at], Line(role, LINES[at].text), *LINES[at + 1 :]) for at, role in enumerate([*Role][1:] + [*Role][:1])),
        (LINES[0], Line(Role.INTERVIEWER, LINES[1].text + LINES[2].text)),
    ],
)  # fmt: skip
def test_a_prompt_that_differs_in_any_line_was_never_recorded(lines: Sequence[Line]) -> None:
    assert digest(lines) != digest(LINES)
    with pytest.raises(NotRecorded, match="--record FILE"):
        replayed(recorded(reading()), lines)


@given(*[st.lists(st.builds(Line, st.sampled_from(Role), st.text(max_size=5)), max_size=3)] * 2)
def test_two_prompts_share_a_digest_only_if_they_are_the_same(one: list[Line], other: list[Line]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_another_repetition_was_never_recorded() -> None:
    with pytest.raises(NotRecorded):
        replayed(recorded(reading(), repetition=1), repetition=2)


def test_a_reading_that_is_no_longer_the_form_has_to_be_recorded_again() -> None:
    readings = {key: Recorded(key[0], 1, "agent", '{"stars": 5}', COST) for key in recorded(reading())}
    with pytest.raises(NotRecorded, match="does not fit the form"):
        replayed(readings)


async def test_words_are_not_recorded() -> None:
    with pytest.raises(ModelTrouble) as raised:
        await Replay({}, 1).say(LINES, lambda _: None)
    assert raised.value.trouble is Trouble.UNREACHABLE


async def test_a_recorder_passes_on_words_and_trouble_and_keeps_neither() -> None:
    readings: Readings = {}
    heard: list[str] = []
    assert await Recorder(ScriptedModel("Go on."), readings, 1).say(LINES, heard.append) == ("Go on.", COST)
    assert heard[-1] == "Go on."
    failing = Recorder(ScriptedModel(ModelTrouble(Trouble.BUSY, "later")), readings, 1)
    with pytest.raises(ModelTrouble, match="later"):
        await failing.fill(LINES, Reading)
    assert readings == {}


async def test_the_committed_recording_fits_the_prompts_and_the_answers_it_was_made_of() -> None:
    kept = read(RECORDING)
    bank, prompts, answers = read_bank(), load_prompts(data_root() / "prompts"), read_answers(FRESH)
    found: Readings = {}
    read_once = 0
    for repetition in sorted({repetition for _, repetition in kept}):
        rater = ModelRater(Recorder(Replay(kept, repetition), found, repetition), prompts)
        for one in answers:
            try:
                await rater.read(bank[one.question], Answer(one.text, asked=one.probe))
            except NotRecorded:
                continue
            read_once += repetition == 1
    assert found.keys() == kept.keys(), "prompts/model/rate*.md, a rubric or an answer changed: record it again"
    assert read_once >= 100


# --- the measurement ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def offline(embeddings: Path, tmp_path_factory: pytest.TempPathFactory) -> OfflineRater:
    # The same two answers are looked at again and again.
    return OfflineRater(embeddings, [Memo(encoder, tmp_path_factory.mktemp("memo")) for encoder in encoders()])


@pytest.fixture(scope="module")
def case() -> Case:
    return read_bank()[QUESTION]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two answers of one question."""
    document = cast("dict[str, Any]", yaml.safe_load((FRESH / f"{QUESTION}.yaml").read_text("utf-8")))
    document["answers"] = [entry for entry in document["answers"] if entry["id"] in {ONE, OTHER}]
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / f"{QUESTION}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return folder


def heard(offline: OfflineRater, case: Case, folder: Path) -> dict[str, tuple[PointRating, ...]]:
    """What the offline rater makes of each answer's points."""
    return {one.id: offline.judge(case, _said(one)).points for one in read_answers(folder)}


def credited(points: Sequence[PointRating]) -> list[tuple[str, str]]:
    return [(point.point, point.quote) for point in points if point.state is PointState.COVERED]


def measured(offline: OfflineRater, case: Case, folder: Path, *repetitions: Mapping[str, Reading]) -> Measured:
    """The measurement of readings made by hand: one for each answer, repetition by repetition."""
    prompts = load_prompts(data_root() / "prompts")
    readings: Readings = {}
    answers = {one.id: one for one in read_answers(folder)}
    for repetition, forms in enumerate(repetitions, 1):
        for id, form in forms.items():
            rater = ModelRater(Recorder(ScriptedModel(form), readings, repetition), prompts)
            asyncio.run(rater.read(case, _said(answers[id])))
    models = [Replay(readings, repetition) for repetition, _ in enumerate(repetitions, 1)]
    return measure(models, offline, lambda _: None, folder)


def _said(one: Labelled) -> Answer:
    return Answer(one.text, asked=one.probe)


def figures(found: Measured) -> dict[str, Figure]:
    """The last table: agreement and spread."""
    return {figure.name: figure for figure in found.tables[-1].figures}


def test_a_model_that_hears_what_the_offline_rater_hears_agrees_with_it(
    offline: OfflineRater, case: Case, folder: Path
) -> None:
    found = measured(
        offline, case, folder, {id: reading(*credited(points)) for id, points in heard(offline, case, folder).items()}
    )
    told = figures(found)
    assert told["points on which both say the same"].value == 1.0
    assert told["Cohen's kappa of the two"].value == pytest.approx(1.0)
    assert told["points worth a second look"].value == 0.0
    assert told["claims thrown away: not literal, too short, overloaded"].value == 0.0
    alone, both = ({figure.name: figure.value for figure in table.figures} for table in found.tables[1:3])
    assert alone["ordinary: F1"] == both["ordinary: F1"]
    assert (found.answers, found.unrecorded, found.usage) == (2, 0, COST + COST)


def test_agreement_is_what_the_textbook_says_when_the_model_hears_less(
    offline: OfflineRater, case: Case, folder: Path
) -> None:
    points = heard(offline, case, folder)
    forms = {ONE: reading(), OTHER: reading(*credited(points[OTHER])[1:], ("one-home", "nobody ever wrote this"))}
    told = figures(measured(offline, case, folder, forms))
    of = 2 * len(case.guide.rubric)
    mine, theirs = len(credited(points[ONE])) + len(credited(points[OTHER])), len(credited(points[OTHER])) - 1
    assert mine > theirs > 0
    same = 1 - (mine - theirs) / of
    chance = (mine * theirs + (of - mine) * (of - theirs)) / of**2
    assert told["points on which both say the same"].value == pytest.approx(same)
    assert told["Cohen's kappa of the two"].value == pytest.approx((same - chance) / (1 - chance))
    assert told["points worth a second look"].value == pytest.approx((mine - theirs) / of)
    thrown = told["claims thrown away: not literal, too short, overloaded"]
    assert (thrown.value, thrown.of) == (pytest.approx(1 / (theirs + 1)), theirs + 1)


def test_two_that_hear_nothing_at_all_agree(offline: OfflineRater, case: Case, tmp_path: Path) -> None:
    (tmp_path / "nothing.yaml").write_text(
        f"question: {QUESTION}\nanswers:\n  - {{id: soup, kind: off-topic, text: I had some soup for lunch today.}}\n"
    )
    told = figures(measured(offline, case, tmp_path, {"soup": reading()}))
    assert told["Cohen's kappa of the two"].value == 1.0


def test_the_spread_is_how_far_a_dimension_moves_between_repetitions(
    offline: OfflineRater, case: Case, folder: Path
) -> None:
    points = heard(offline, case, folder)
    silent = {id: reading(*credited(points[id])) for id in (ONE, OTHER)}
    sure = doubted(case, points[OTHER])[:2]
    also = {OTHER: reading(*credited(points[OTHER]), *((point.point, point.quote) for point in sure))}
    told = figures(measured(offline, case, folder, silent, silent | also, silent))
    moves = [5 * weight(case, point.point) / weight_beside(case, point.point) for point in sure]
    assert len(moves) == 2
    largest, mean = (told[f"spread of a dimension's score, {which}"] for which in ("largest", "mean"))
    # A score is rounded to a tenth.
    assert largest.value == pytest.approx(max(moves), abs=0.1)
    assert largest.passed is False
    assert mean.value * mean.of == pytest.approx(sum(moves), abs=0.2)
    assert told["dimensions whose score stays within 0.5"].value == pytest.approx(1 - 2 / largest.of)


def doubted(case: Case, points: Sequence[PointRating]) -> list[PointRating]:
    """Points that the offline rater has half heard, one of each dimension, the first that a senior is expected to name."""
    of = {point.id: point for point in case.guide.rubric}
    found = {
        of[point.point].dimension: point
        for point in reversed(points)
        if point.state is PointState.UNSURE and point.quote and asked_of_a_senior(of[point.point])
    }
    return list(found.values())


def asked_of_a_senior(point: RubricPoint) -> bool:
    return Level.SENIOR.reaches(point.level) and not point.twist


def weight(case: Case, id: str) -> int:
    return next(point.weight for point in case.guide.rubric if point.id == id)


def weight_beside(case: Case, id: str) -> int:
    """The weight of all that is expected in the point's dimension."""
    dimension = next(point.dimension for point in case.guide.rubric if point.id == id)
    return sum(p.weight for p in case.guide.rubric if p.dimension is dimension and asked_of_a_senior(p))


def test_what_is_the_same_in_every_repetition_has_no_spread(offline: OfflineRater, case: Case, folder: Path) -> None:
    same = {ONE: reading(), OTHER: reading()}
    twice = figures(measured(offline, case, folder, same, same))
    assert twice["spread of a dimension's score, largest"].value == 0.0
    assert twice["dimensions whose score stays within 0.5"].value == 1.0
    once = figures(measured(offline, case, folder, same))
    assert not [name for name in once if "spread" in name]
    # An answer that was not read every time is left out.
    partly = figures(measured(offline, case, folder, same, same, {OTHER: reading()}))
    assert 2 * partly["spread of a dimension's score, mean"].of == twice["spread of a dimension's score, mean"].of


def test_answers_without_a_recording_are_counted_and_left_out(offline: OfflineRater, case: Case, folder: Path) -> None:
    found = measured(offline, case, folder, {OTHER: reading()})
    assert (found.answers, found.unrecorded, found.usage) == (1, 1, COST)
    assert figures(found)["points on which both say the same"].of == len(case.guide.rubric)


def test_a_recording_in_which_nothing_fits_is_refused_in_words(offline: OfflineRater, folder: Path) -> None:
    with pytest.raises(NothingRead, match="never recorded: record it with --record FILE and a model"):
        measure([Replay({}, 1)], offline, lambda _: None, folder)


def test_an_answer_that_the_model_fails_does_not_cost_the_others(offline: OfflineRater, folder: Path) -> None:
    trouble = ModelTrouble(Trouble.UNUSABLE, "it did not come to an end", Usage(calls=1, read=7, written=3))
    found = measure([ScriptedModel(trouble, reading())], offline, lambda _: None, folder)
    assert (found.answers, found.unrecorded, found.usage) == (1, 1, COST + trouble.usage)
    with pytest.raises(NothingRead, match="it did not come to an end"):
        measure([ScriptedModel(trouble)], offline, lambda _: None, folder)


def test_a_price_counts_what_came_from_the_providers_cache_once() -> None:
    usage = Usage(calls=2, read=1_000_000, cached=400_000, written=100_000)
    assert Prices(0.4, 0.1, 1.6).of(usage) == pytest.approx(0.6 * 0.4 + 0.4 * 0.1 + 0.1 * 1.6)
    assert Prices(0.4, 0.1, 1.6).of(Usage()) == 0.0
    costs = [Prices(1.0, cached, 0.0).of(usage) for cached in (0.0, 0.5, 1.0)]
    assert all(less < more for less, more in pairwise(costs))
    assert costs[-1] == 1.0
