"""What a scorecard says in words, before any platform shows it; and that the terminal shows just that."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bot.debrief import DISPUTE, Debrief, Row, debrief, gauge
from bot.scorecard import render
from interviewer.model import (
    Dimension,
    DimensionScore,
    Ended,
    EstimateScore,
    Evidence,
    HintRequested,
    Intent,
    Level,
    Misconception,
    Phase,
    PointScore,
    PointState,
    Scorecard,
    Source,
    Verdict,
)
from interviewer.scoring import scorecard
from tests.cases import CASE, Drive

HOSTILE = "so\x1b[2J\u202e we\n\n  lend"
LETTERS = """\
╭────────────────────────────── Scorecard ───────────────────────────────╮
│                                                                        │
│  No hire at senior, 1.2 of 5. Held back by data. It does not yet       │
│  support a hire at any level.                                          │
│                                                                        │
│  requirements  ████████████│█████░░  4.6                               │
│  estimated coverage · the │ marks what a hire shows (3.3)              │
│                                                                        │
│  What you were credited for, in your words                             │
│    lending · requirements (message 1, volunteered)                     │
│    “Readers borrow books”                                              │
│    waiting-list · requirements (message m2, after a hint, 80% credit)  │
│    “A queue for each title”                                            │
│                                                                        │
│  Your numbers                                                          │
│    ✗ Loans a second: you said 40 loans/s. 172,800 / 86,400             │
│    · Catalogue size: none given. 2M x 2 KB                             │
│                                                                        │
│  Not credited                                                          │
│    loan-rate · estimates: it sounded ruled out                         │
│    loan-call · api: not heard                                          │
│    copy-record · data: not heard                                       │
│                                                                        │
│  First gap                                                             │
│    The copy-record idea is said in full.                               │
│                                                                        │
│  Next                                                                  │
│    1. Put this right: The loan-rate idea is said in full.              │
│    2. Learn to say this: The loan-call idea is said in full.           │
│    3. Say this before you are asked: The waiting-list idea is said in  │
│    full.                                                               │
│                                                                        │
│  Assumptions left to you                                               │
│    · Is there a cat                                                    │
│                                                                        │
│  Time: briefing 0:30, requirements 0:30, estimates 1:30. Hints used:   │
│  1. Rated by: offline.                                                 │
│                                                                        │
╰────────────────────── A [red]library[/] · senior ──────────────────────╯
"""


def held() -> Scorecard:
    """An interview with something of everything in it."""
    drive = Drive()
    drive.start()
    drive.answer("lending", text="Readers borrow books")
    drive.do(HintRequested(drive.now))
    drive.answer("waiting-list", text="A queue for each title")
    drive.answer(text="Is there a cat?", intent=Intent.CLARIFY)
    drive.answer(text="40 loans a second")
    drive.answer(challenged=["loan-rate"], wrong=["loan-rate"], text="No rate ever")
    drive.do(Ended(drive.now))
    return scorecard(drive.state, CASE)


def with_point(**changes: object) -> Scorecard:
    """A scorecard whose first point is different."""
    card = held()
    first: PointScore = replace(card.points[0], **changes)  # type: ignore[arg-type]
    return replace(card, points=(first, *card.points[1:]))


def test_the_headline_is_the_verdict_what_holds_it_back_and_what_it_would_support() -> None:
    card = replace(held(), verdict=Verdict.LEAN_HIRE, overall=3.4, held_back=(Dimension.DATA,), supported=Level.MID)
    said = debrief(card)
    assert said.verdict is Verdict.LEAN_HIRE
    assert said.headline == (
        "Lean hire at senior, 3.4 of 5.",
        "Held back by data.",
        "It would support: mid.",
    )
    assert debrief(replace(card, held_back=(), supported=None)).headline[1:] == (
        "It does not yet support a hire at any level.",
    )


def test_without_a_verdict_the_headline_says_why() -> None:
    card = held()
    assert debrief(replace(card, verdict=None)).headline[0].startswith("Too little of the interview was reached")
    ungradable = debrief(replace(card, gradable=False))
    assert ungradable.headline == ("Not gradable: there was nothing in it that could be judged.",)
    assert ungradable.verdict is None


def test_every_credit_has_its_words_its_message_and_how_it_came_to_be_said() -> None:
    lending, queue = debrief(held()).credited
    assert (lending.point, lending.quote, lending.message, lending.phase, lending.how) == (
        "lending", "Readers borrow books", "m1", "requirements", "volunteered",
    )  # fmt: skip
    assert lending.statement == "The lending idea is said in full."
    assert queue.how == "after a hint, 80% credit"


def test_the_candidates_words_come_on_one_line_and_without_control_characters() -> None:
    evidence = Evidence(HOSTILE, "m1", Source.VOLUNTEERED, Phase.REQUIREMENTS)
    card = replace(
        with_point(evidence=evidence),
        misconceptions=(Misconception("loan-rate", HOSTILE),),
        assumptions=(HOSTILE,),
    )
    said = debrief(replace(card, points=tuple(replace(point, doubt=HOSTILE) for point in card.points)))
    claim = next(point for point in said.uncredited if point.point == "loan-rate").claim
    heard = {said.credited[0].quote, claim, *said.assumptions, *(point.doubt for point in said.uncredited)}
    assert heard == {"so[2J we lend"}


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (PointState.CHALLENGED, "it sounded ruled out"),
        (PointState.UNSURE, "touched, not said"),
        (PointState.COVERED, "given away"),
        (PointState.MISSING, "not heard"),
    ],
)
def test_what_is_not_credited_says_what_was_heard_of_it(state: PointState, why: str) -> None:
    said = debrief(with_point(state=state, credit=0.0, evidence=None, doubt="perhaps", split=True)).uncredited[0]
    assert (said.point, said.dimension, said.why, said.words, said.split) == (
        "lending", "requirements", why, "perhaps", True,
    )  # fmt: skip


def test_a_wrong_claim_counts_as_ruling_out_and_is_quoted_before_a_doubt() -> None:
    card = replace(
        with_point(state=PointState.UNSURE, credit=0.0, evidence=None, doubt="perhaps"),
        misconceptions=(Misconception("lending", "we never lend"),),
    )
    said = debrief(card).uncredited[0]
    assert (said.why, said.words) == ("it sounded ruled out", "we never lend")


def test_what_was_not_expected_is_not_held_against_anybody() -> None:
    said = debrief(with_point(expected=False, credit=0.0, evidence=None))
    assert "lending" not in [point.point for point in said.uncredited]


@pytest.mark.parametrize(
    ("said", "right", "sentence"),
    [
        (None, False, "· Loans: none given. 2 x 3"),
        (1234.5, True, "✓ Loans: you said 1,234 loans/s. 2 x 3"),
        (0.25, False, "✗ Loans: you said 0.25 loans/s. 2 x 3"),
    ],
)
def test_a_number_is_marked_right_wrong_or_not_given(said: float | None, right: bool, sentence: str) -> None:
    card = replace(held(), estimates=(EstimateScore("Loans", "loans/s", 6.0, "2 x 3", said, right),))
    (number,) = debrief(card).numbers
    assert f"{number.mark} {number.sentence}" == sentence


def test_gap_and_steps_are_said_in_full() -> None:
    said = debrief(held())
    assert said.first_gap == "The copy-record idea is said in full."
    assert said.next_steps[0] == "Put this right: The loan-rate idea is said in full."


def test_the_foot_says_time_hints_and_raters() -> None:
    assert debrief(held()).foot == (
        "Time: briefing 0:30, requirements 0:30, estimates 1:30.",
        "Hints used: 1.",
        "Rated by: offline.",
    )
    assert debrief(replace(held(), spent={}, raters=())).foot == ("Hints used: 1.", "Rated by: nobody.")


def test_a_dimension_that_was_not_assessed_is_not_a_zero() -> None:
    card = replace(
        held(), dimensions=(DimensionScore(Dimension.API, None, 3.3), DimensionScore(Dimension.DATA, 0.0, 3.3))
    )
    assert [row.words for row in debrief(card).dimensions] == ["not assessed", "0.0"]


@pytest.mark.parametrize(
    ("score", "bar", "drawn"),
    [
        (None, 3.3, "··········"),
        (0.0, 3.3, "░░░░░░│░░░"),
        (3.0, 3.3, "██████│░░░"),
        (5.0, 3.3, "██████│███"),
        (5.0, 0.0, "│█████████"),
    ],
)
def test_a_bar_has_its_length_and_the_mark_of_a_hire(score: float | None, bar: float, drawn: str) -> None:
    assert gauge(Row("data", score, bar, ""), 10) == drawn


def spoken(said: Debrief) -> list[str]:
    """Every word of it that a terminal shows."""
    return [
        *said.headline,
        *(word for row in said.dimensions for word in (row.name, gauge(row), row.words)),
        said.legend,
        *(word for point in said.credited for word in (point.point, point.dimension, point.how, point.quote)),
        *(number.sentence for number in said.numbers),
        *(word for point in said.uncredited for word in (point.point, point.why, point.doubt)),
        said.first_gap,
        *said.next_steps,
        *said.assumptions,
        *said.foot,
    ]


def test_a_terminal_shows_all_of_it_in_this_order() -> None:
    card = held()
    console = Console(file=io.StringIO(), width=1000, force_terminal=False)
    console.print(render(card))
    assert isinstance(console.file, io.StringIO)
    rest = console.file.getvalue()
    for words in spoken(debrief(card)):
        assert words in rest, words
        rest = rest[rest.index(words) :]


def test_a_terminal_shows_a_card_to_the_letter() -> None:
    card = replace(held(), dimensions=held().dimensions[:1], title="A [red]library[/]")
    console = Console(file=io.StringIO(), width=74, force_terminal=False)
    console.print(render(card, {"m1": "1"}))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == LETTERS


def test_disputing_is_described_without_any_platforms_commands() -> None:
    assert "/" not in DISPUTE
