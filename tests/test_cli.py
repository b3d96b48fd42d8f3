"""The command line as it is called: real processes, real files, what they print and how they exit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
QUESTION = "apple-task-scheduler"
ANSWER = (
    "A worker takes a job under a lease that it has to renew; when the machine dies the lease runs out and another worker "
    "picks the job up. The old worker may still be alive, so every write carries a fencing number and stale ones are refused."
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, embeddings: Path) -> Run:
    """`mockingbird …` in a directory of its own."""

    def run(*words: object, stdin: bytes = b"", **settings: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "MOCKINGBIRD_DATA": str(tmp_path / "data"),
            "MOCKINGBIRD_CACHE": str(embeddings),
            "COLUMNS": "120",
        }
        environment.pop("REDIS_URL", None)
        environment.update(settings)
        command = [sys.executable, "-m", "bot", *map(str, words)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, input=stdin, capture_output=True, check=False, timeout=60
        )
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def graded(run: Run, text: str | bytes, *options: str, question: str = QUESTION, **settings: str) -> dict[str, Any]:
    data = text if isinstance(text, bytes) else text.encode()
    done = run("grade", question, "-", "--json", *options, stdin=data, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "words",
    [[], ["chat"], ["play"], ["grade"], ["questions"], ["questions", "list"], ["questions", "show"], ["doctor"]],
)
def test_every_level_has_help(run: Run, words: list[str]) -> None:
    done = run(*words, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_questions_are_listed_by_company_topic_level_and_minutes(run: Run) -> None:
    everything = [question["id"] for question in json.loads(run("questions", "list", "--json").stdout)]
    assert everything[0] != everything[1]
    some = json.loads(run("questions", "list", "--json", "--company", "ebay", "--level", "mid").stdout)
    assert [question["id"] for question in some] == ["ebay-ticketing"]
    table = run("questions", "list", "--topic", "ticketing").stdout
    assert "ebay-ticketing" in table
    assert f"1 of {len(everything)}." in table
    none = run("questions", "list", "--topic", "ticketing", "--minutes", "5")
    assert (none.returncode, none.stdout) == (0, "No question fits all of that: leave one of the options out.\n")
    unknown = run("questions", "list", "--topic", "tickets")
    assert unknown.returncode == 2
    assert "Did you mean ticketing" in unknown.stderr


def test_what_cannot_be_measured_is_said_before_minutes_have_passed(run: Run, tmp_path: Path) -> None:
    none = run("eval", "--rater", "model")
    assert (none.returncode, "No model is configured" in none.stderr) == (2, True)
    lost = run("eval", "--rater", "model", "--replay", tmp_path / "nothing.jsonl")
    assert (lost.returncode, "is not there: make it with" in lost.stderr) == (2, True)
    missing = run("eval", "--against", tmp_path / "nothing.json")
    assert (missing.returncode, "can't be read" in missing.stderr) == (2, True)
    (tmp_path / "bad.json").write_text("not json")
    bad = run("eval", "--against", tmp_path / "bad.json")
    assert (bad.returncode, "is no JSON" in bad.stderr) == (2, True)


def test_a_question_of_ones_own_is_begun_checked_and_asked_beside_the_banks(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own"
    assert "Say where: `--in FOLDER`" in run("questions", "new", "lunch-orders").stderr
    missing = run("questions", "list", MOCKINGBIRD_QUESTIONS=str(own))
    assert missing.returncode == 2
    assert "`mockingbird questions new ID` begins one" in missing.stderr
    begun = run("questions", "new", "lunch-orders", "--in", own)
    assert begun.returncode == 0, begun.stderr
    assert f"export MOCKINGBIRD_QUESTIONS={own}" in begun.stdout
    assert run("questions", "new", "lunch-orders", "--in", own).returncode == 2
    listed = json.loads(run("questions", "list", "--json", MOCKINGBIRD_QUESTIONS=str(own)).stdout)
    assert listed[0]["id"] == "lunch-orders"
    assert QUESTION in [question["id"] for question in listed]
    faults = run("questions", "lint", MOCKINGBIRD_QUESTIONS=str(own))
    assert faults.returncode == 1
    assert "lunch-orders.yaml:6: facts: 1 of `facts`: there must be at least 8" in faults.stdout
    # What is unfinished can be tried all the same.
    card = graded(run, ANSWER, question="lunch-orders", MOCKINGBIRD_QUESTIONS=str(own))
    assert [point["id"] for point in card["points"]] == ["todo-point"]


def test_grade_credits_what_was_said_with_the_candidates_words(run: Run) -> None:
    card = graded(run, ANSWER)
    points = {point["id"]: point for point in card["points"]}
    assert set(card) >= {
        "question",
        "level",
        "gradable",
        "overall",
        "verdict",
        "dimensions",
        "points",
        "misconceptions",
        "raters",
    }
    assert points["lease-expiry"]["credited"]
    assert points["lease-expiry"]["quote"] in ANSWER
    assert set(points["lease-expiry"]) == {"id", "state", "credited", "confidence", "quote"}
    assert card["dimensions"]["drive"] == {"score": None, "assessed": False}
    assert card["raters"] == ["offline"]


@pytest.mark.parametrize("text", ["", "   \n\n", "asdf qwer zxcv lkjh", "😀😀😀", "…!!! ???"])
def test_grade_says_so_when_there_is_nothing_to_judge(run: Run, text: str) -> None:
    card = graded(run, text)
    assert card["gradable"] is False
    assert card["overall"] is None
    assert not any(point["credited"] for point in card["points"])


@pytest.mark.parametrize(
    "text",
    [
        "a long answer about workers and leases. " * 2600,
        "🙂 عربى שלום — a worker renews its lease 🙂",
        "a\x00b\x07 lease\x1b[31m",
        "```py\nx = 1\n```",
    ],
)
def test_grade_takes_whatever_it_is_given(run: Run, text: str) -> None:
    assert graded(run, text)["question"] == QUESTION


def test_grade_judges_against_a_guide_of_ones_own(run: Run, tmp_path: Path) -> None:
    guide = tmp_path / "mine.yaml"
    guide.write_text(
        "rubric:\n"
        "  - id: returns\n    statement: A late book goes to the next reader in line when it comes back.\n"
        "    exemplars:\n      - When a late book comes back the next person waiting gets it.\n"
        "      - Returned copies are held for whoever is first on the waiting list.\n"
        "  - id: fines\n    statement: Late readers pay a small fine for every day.\n"
        "    exemplars:\n      - Each day over costs the reader a little money.\n"
    )
    card = graded(
        run,
        "Once a late book is back we hand it to the first person on the waiting list.",
        "--guide",
        str(guide),
        question="my library",
    )
    assert card["question"] == "my library"
    states = {point["id"]: point["state"] for point in card["points"]}
    assert states["returns"] == "covered"
    assert states["fines"] == "missing"


def test_grade_of_a_faulty_guide_names_the_line(run: Run, tmp_path: Path) -> None:
    guide = tmp_path / "bad.yaml"
    guide.write_text("rubric:\n  - id: a\n    statment: typo\n    exemplars: [x]\n")
    done = run("grade", "x", "-", "--guide", guide, stdin=b"hello")
    assert done.returncode == 2
    assert f"{guide}:3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        (["grade", "aple-task-scheduler", "-"], b"x", "Did you mean apple-task-scheduler"),
        (["grade", QUESTION, "-"], b"caf\xe9", "not UTF-8"),
        (["grade", QUESTION, "/nowhere/at/all"], b"", "can't be read"),
        (["play", "/nowhere/at/all"], b"", "can't be read"),
        (["chat", "--question", QUESTION], b"", "needs a terminal"),
        (["questions", "show", "nothing"], b"", "no question called"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line_with_what_to_do(
    run: Run, words: list[str], stdin: bytes, message: str
) -> None:
    done = run(*words, stdin=stdin)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


SCRIPT = (ROOT / "tests" / "script.md").read_text("utf-8")


def test_play_holds_a_whole_interview_and_the_same_one_again(run: Run) -> None:
    first, second = (run("play", "-", "--question", QUESTION, "--json", stdin=SCRIPT.encode()) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert all(set(line) == {"speaker", "phase", "kind", "text"} for line in lines[:-1])
    assert [line["speaker"] for line in lines[:2]] == ["interviewer", "candidate"]
    card = lines[-1]["scorecard"]
    said = "\n".join(line["text"] for line in lines[:-1] if line["speaker"] == "candidate")
    assert card["evidence"]
    assert all(evidence["quote"] in said for evidence in card["evidence"])
    assert card["hints"] == 2
    assert lines[-2]["kind"] == "debrief"


def test_play_keeps_its_hands_off_hints_in_an_interview(run: Run) -> None:
    script = "I am not sure at all\n---\nI don't know\n---\nno idea\n---\nI have no clue\n---\nno"
    done = run("play", "-", "--question", QUESTION, "--mode", "interview", "--json", stdin=script.encode())
    kinds = [json.loads(line).get("kind") for line in done.stdout.splitlines()]
    assert "hint" not in kinds
    assert "offer-hint" not in kinds


def test_play_names_a_command_it_does_not_know_and_goes_on(run: Run) -> None:
    done = run("play", "-", "--question", QUESTION, stdin=b"/hnit\n---\nA worker renews its lease.")
    assert done.returncode == 0
    assert "/hint" in done.stderr
    assert "Scorecard" in done.stdout


def test_questions_are_listed_and_shown_without_their_guide(run: Run) -> None:
    listed = json.loads(run("questions", "list", "--json").stdout)
    assert {question["id"] for question in listed} >= {QUESTION, "doordash-payments", "ebay-ticketing"}
    shown = run("questions", "show", QUESTION).stdout
    assert "lease" not in shown
    assert "lease-expiry" in run("questions", "show", QUESTION, "--guide").stdout


def test_the_bank_lints_clean_and_a_broken_guide_does_not(run: Run, tmp_path: Path) -> None:
    assert run("questions", "lint").returncode == 0
    broken = tmp_path / "broken.yaml"
    broken.write_text("rubric: [\n")
    done = run("questions", "lint", broken)
    assert done.returncode == 1
    assert f"{broken}:" in done.stdout


def test_doctor_finds_a_working_store_and_rater(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("✓") == 4


def test_doctor_says_what_is_wrong_with_a_store_that_is_away(run: Run) -> None:
    done = run("doctor", REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    assert "✗ store" in done.stdout
    assert "check that it runs" in " ".join(done.stdout.split())


def test_no_colour_reaches_a_file(run: Run) -> None:
    assert "\x1b[" not in run("questions", "list").stdout
