"""The arithmetic of a scorecard, row by row of the table in `scoring.py`."""

from dataclasses import replace

import pytest

from interviewer.machine import judged
from interviewer.model import (
    Answered,
    Dimension,
    Ended,
    Evidence,
    HintRequested,
    Interview,
    Level,
    Message,
    Phase,
    PointState,
    Progress,
    Scorecard,
    Source,
    Verdict,
)
from interviewer.scoring import credit, dimension_score, scorecard
from tests.cases import CASE, GUIDE, Drive, rating, settings

EVERYTHING = tuple(point.id for point in GUIDE.rubric)
TEXT = "We lend books"


def written(
    *covered: str, level: Level = Level.SENIOR, wrong: tuple[str, ...] = (), gradable: bool = True
) -> Interview:
    """One written answer that covers these points."""
    heard = Answered((Message("t", "m1", "ada", TEXT, 0.0),), 0.0)
    return judged(CASE, settings(level=level), heard, rating(*covered, text=TEXT, wrong=wrong, gradable=gradable))


def card(interview: Interview) -> Scorecard:
    return scorecard(interview, CASE)


def test_full_coverage_is_a_strong_hire_with_nothing_left_to_learn() -> None:
    full = card(written(*EVERYTHING))
    assert (full.overall, full.verdict, full.supported) == (5.0, Verdict.STRONG_HIRE, Level.STAFF)
    assert (full.first_gap, full.next_steps) == ("", ())


def test_nothing_said_is_no_hire_and_names_the_heaviest_gap_first() -> None:
    empty = card(written())
    assert (empty.overall, empty.verdict, empty.supported) == (0.0, Verdict.NO_HIRE, None)
    assert empty.first_gap == "lending"
    assert [step.kind for step in empty.next_steps] == ["learn", "learn", "learn"]
    assert "lending" not in [step.point for step in empty.next_steps]


def test_a_dimension_is_the_credited_share_of_the_weight_expected_at_the_level() -> None:
    assert dimension_score(written("lending"), CASE, Dimension.REQUIREMENTS) == 3.0  # weight 3 of 5
    assert dimension_score(written("one-desk", level=Level.MID), CASE, Dimension.ARCHITECTURE) == 5.0
    assert dimension_score(written("one-desk"), CASE, Dimension.ARCHITECTURE) == 3.0  # senior expects the index too


def test_a_point_above_the_level_adds_half_its_weight() -> None:
    at_mid = dimension_score(written("shelf-index", level=Level.MID), CASE, Dimension.ARCHITECTURE)
    assert at_mid == pytest.approx(5 * 0.5 * 2 / 3, abs=0.05)


def test_a_misconception_held_to_the_end_costs_half_the_points_weight_and_never_below_zero() -> None:
    assert dimension_score(written("lending", wrong=("waiting-list",)), CASE, Dimension.REQUIREMENTS) == 2.0
    assert dimension_score(written(wrong=("waiting-list",)), CASE, Dimension.REQUIREMENTS) == 0.0
    assert card(written(wrong=("waiting-list",))).next_steps[0].kind == "correct"


def test_the_core_of_a_level_holds_a_verdict_back() -> None:
    held = card(written(*(id for id in EVERYTHING if id not in {"double-loan", "flood"})))
    assert held.overall is not None
    assert held.overall >= 3.3
    assert held.verdict is Verdict.LEAN_HIRE
    assert held.held_back == (Dimension.RELIABILITY,)
    assert held.supported is Level.MID


def test_an_interview_that_ended_early_is_not_assessed_where_it_never_was_and_gets_no_verdict() -> None:
    drive = Drive()
    drive.start()
    drive.answer("lending")
    drive.do(Ended(drive.now))
    early = card(drive.state)
    assessed = {score.dimension for score in early.dimensions if score.assessed}
    assert assessed == {Dimension.REQUIREMENTS}
    assert early.verdict is None
    assert early.overall is not None


def test_an_ungradable_answer_has_no_evidence_and_no_credit() -> None:
    unreadable = card(written(*EVERYTHING, gradable=False))
    assert not unreadable.gradable
    assert (unreadable.overall, unreadable.verdict) == (None, None)
    assert not any(point.credit for point in unreadable.points)
    assert not any(score.assessed for score in unreadable.dimensions)


def test_nothing_reached_is_not_gradable() -> None:
    drive = Drive()
    drive.start()
    drive.do(Ended(1.0))
    nothing = card(drive.state)
    assert not nothing.gradable
    assert nothing.overall is None


@pytest.mark.parametrize(("hints", "share"), [(0, 1.0), (1, 0.8), (2, 0.6), (3, 0.3), (4, 0.0)])
def test_credit_falls_with_every_hint(hints: int, share: float) -> None:
    evidence = Evidence(TEXT, "m1", Source.VOLUNTEERED, Phase.DESIGN, hints)
    known = Progress(PointState.COVERED, 1.0, evidence)
    interview = replace(written(), points={"lending": known})
    assert credit(interview, GUIDE.point("lending")) == share
    argued = replace(known, evidence=replace(evidence, source=Source.DISPUTED))
    assert credit(replace(interview, points={"lending": argued}), GUIDE.point("lending")) == min(share, 0.5)


def test_drive_is_the_share_volunteered_once_anything_was_asked() -> None:
    drive = Drive()
    drive.start()
    drive.answer("lending")
    drive.answer("waiting-list")  # it was asked for
    assert dimension_score(drive.state, CASE, Dimension.DRIVE) is None  # two points are too few
    drive.answer("copy-record")
    assert dimension_score(drive.state, CASE, Dimension.DRIVE) == pytest.approx(5 * 6 / 8, abs=0.05)
    assert dimension_score(written(*EVERYTHING), CASE, Dimension.DRIVE) is None  # nothing was asked


def test_what_had_to_be_asked_for_becomes_a_next_step_when_nothing_is_missing() -> None:
    drive = Drive()
    drive.start()
    drive.answer(*(id for id in EVERYTHING if id not in {"waiting-list", "flood", "fines"}))
    drive.answer("waiting-list")
    drive.do(Ended(drive.now))
    assert [(step.kind, step.point) for step in card(drive.state).next_steps] == [("volunteer", "waiting-list")]


def test_a_scorecard_counts_hints_and_time_and_keeps_assumptions_and_numbers() -> None:
    drive = Drive()
    drive.start()
    drive.answer("lending", after=60)
    drive.do(HintRequested(drive.now))
    drive.answer(text="2 loans per second", after=30)
    told = card(drive.state)
    assert told.hints == 1
    assert told.spent == {Phase.BRIEFING: 60, Phase.REQUIREMENTS: 30}
    assert ("Loans a second", 2.0, True) in [(e.name, e.said, e.right) for e in told.estimates]
