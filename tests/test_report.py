"""A scorecard as data and in a terminal."""

import io

from rich.console import Console

from bot.report import graded, interviewed
from bot.scorecard import render
from interviewer.model import Ended, HintRequested, Intent, Scorecard
from interviewer.scoring import scorecard
from tests.cases import CASE, GUIDE, Drive


def shown(card: Scorecard, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(render(card, {"m1": "the first"}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def held() -> Scorecard:
    drive = Drive()
    drive.start()
    drive.answer("lending", text="Readers [bold]borrow[/] books :smile:")
    drive.do(HintRequested(drive.now))
    drive.answer("waiting-list")
    drive.answer(text="Is there a cat?", intent=Intent.CLARIFY)
    drive.answer(text="40 loans a second")
    drive.answer(challenged=["loan-rate"], wrong=["loan-rate"], text="No rate ever")
    drive.do(Ended(drive.now))
    return scorecard(drive.state, CASE)


def test_a_scorecard_shows_bars_verdict_words_gap_steps_hints_and_times() -> None:
    text = shown(held())
    for expected in (
        "requirements", "█", "not assessed", "estimated coverage", "lending", "after a hint", "80% credit",
        "message the first", "First gap", "Next", "Hints used: 1", "briefing 0:30", "Rated by: offline",
        "you said 40 loans/s", "Is there a cat",
    ):  # fmt: skip
        assert expected in text, expected


def test_what_was_ruled_out_is_listed_with_the_words_that_did_it() -> None:
    drive = Drive()
    drive.start()
    drive.answer(challenged=["lending"], text="Nobody may borrow")
    drive.do(Ended(drive.now))
    assert "it sounded ruled out (“Nobody may borrow”)" in shown(scorecard(drive.state, CASE))


def test_what_a_candidate_wrote_is_never_taken_for_markup() -> None:
    assert "Readers [bold]borrow[/] books :smile:" in shown(held())


def test_a_scorecard_fits_a_narrow_terminal() -> None:
    assert max(map(len, shown(held(), width=60).splitlines())) <= 60


def test_an_interview_without_an_answer_is_shown_as_not_gradable() -> None:
    drive = Drive()
    drive.start()
    drive.do(Ended(1.0))
    card = scorecard(drive.state, CASE)
    assert "Not gradable" in shown(card)
    assert graded(card)["overall"] is None


def test_the_data_holds_every_point_once_and_every_dimension() -> None:
    data = interviewed(held())
    assert [point["id"] for point in data["points"]] == [point.id for point in GUIDE.rubric]
    assert set(data["dimensions"]["drive"]) == {"score", "assessed"}
    assert data["evidence"][0]["message"] == "m1"
    assert data["misconceptions"] == [{"point": "loan-rate", "quote": "No rate ever"}]
    assert data["phases"]["briefing"] == 30
