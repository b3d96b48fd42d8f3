"""The command line with a language model configured: real processes, and OpenAI's real client, to a server on this machine."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from interviewer.prompts import Prompts, load_prompts
from interviewer.questions import data_root
from tests.openai_server import OpenAIServer, Reply, Request, Script, sensible

ROOT = Path(__file__).parent.parent
SCRIPT = (ROOT / "tests" / "script.md").read_text("utf-8")
QUESTION = "apple-task-scheduler"
ANSWER = (
    "A worker takes a job under a lease that it has to renew; when the machine dies the lease runs out and another worker "
    "picks the job up. The old worker may still be alive, so every write carries a fencing number and stale ones are refused."
)
KEY = "sk-a-secret-nobody-may-see"
CLIENTS = ("langchain", "langchain_core", "langchain_openai", "openai")
LOCAL_MODEL = os.environ.get("LOCAL_MODEL_URL", "")

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class CommandLine:
    """`mockingbird …`, with a data folder of its own; `patience` in seconds."""

    data: Path
    cache: Path
    patience: float = 180.0

    def __call__(self, *words: object, stdin: str = "", **settings: str) -> Done:
        environment = {
            **os.environ,
            "MOCKINGBIRD_DATA": str(self.data),
            "MOCKINGBIRD_CACHE": str(self.cache),
            "COLUMNS": "120",
        }
        environment.pop("REDIS_URL", None)
        environment.update(settings)
        command = [sys.executable, "-m", "bot", *map(str, words)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=self.patience,
        )
        return Done(command, done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True)
class Held:
    """An interview that was played with --json --usage, and what its models were asked."""

    transcript: Sequence[dict[str, Any]]
    card: dict[str, Any]
    usage: dict[str, Any]
    requests: Sequence[Request] = ()


def held(done: Done, requests: Sequence[Request] = ()) -> Held:
    assert done.returncode == 0, done.stderr
    *transcript, card, usage = [json.loads(line) for line in done.stdout.splitlines()]
    return Held(transcript, card["scorecard"], usage["usage"], requests)


def configured(server: OpenAIServer, **settings: str) -> dict[str, str]:
    """The environment in which the server's models are used."""
    return {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": server.url,
        "INTERVIEW_MODEL": "openai:speaker",
        "RATER_MODEL": "openai:listener",
        **settings,
    }


def flat(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def imported(done: Done) -> set[str]:
    """The packages that a process imported, by its own account (PYTHONPROFILEIMPORTTIME)."""
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    return {name.partition(".")[0] for name in names}


def claiming(point: str, quote: str) -> Script:
    """A model that hears one point in whatever is said."""
    claim = {"point": point, "quote": quote}
    return lambda _: Reply(json.dumps({"intent": "answer", "covered": [claim], "wrong": [], "fact": ""}))


@pytest.fixture
def run(tmp_path: Path, embeddings: Path) -> CommandLine:
    return CommandLine(tmp_path / "data", embeddings)


@pytest.fixture
def server() -> Generator[OpenAIServer]:
    with OpenAIServer(sensible) as server:
        yield server


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return load_prompts(data_root() / "prompts")


@pytest.fixture(scope="module")
def interview(tmp_path_factory: pytest.TempPathFactory, embeddings: Path) -> Held:
    """A whole interview with a model that listens and one that speaks."""
    run = CommandLine(tmp_path_factory.mktemp("data"), embeddings)
    with OpenAIServer(sensible) as server:
        done = run("play", "-", "-q", QUESTION, "--usage", "--json", stdin=SCRIPT, **configured(server))
        return held(done, server.requests)


# --- a whole interview ----------------------------------------------------------------------------------------------


def test_an_interview_takes_two_calls_a_turn_at_most_and_counts_them(interview: Held) -> None:
    usage = interview.usage
    assert usage["most_calls_a_turn"] == 2
    assert usage["calls"] == len(usage["each"]) == len(interview.requests) > 20
    assert {one["purpose"] for one in usage["each"]} == {"reading", "word"}
    assert usage["tokens_read"] == sum(one["read"] for one in usage["each"]) > 50_000
    assert all(one["first_s"] is not None for one in usage["each"] if one["purpose"] == "word")


def test_from_the_third_turn_on_most_of_what_is_read_comes_from_the_providers_cache(interview: Held) -> None:
    assert interview.usage["cached_share_from_turn_3"] >= 0.8


def test_nobody_is_asked_about_a_command(interview: Held) -> None:
    commands = [number for number, text in enumerate(SCRIPT.split("\n---\n"), 1) if text.strip() in {"/time", "/next"}]
    asked = {(one["message"], one["purpose"]) for one in interview.usage["each"]}
    assert len(commands) == 2
    assert not asked & {(number, "reading") for number in commands}


def test_the_scorecard_names_the_model_that_listened_and_quotes_the_candidate(interview: Held) -> None:
    assert interview.card["raters"] == ["listener+offline"]
    said = "\n".join(line["text"] for line in interview.transcript if line["speaker"] == "candidate")
    assert interview.card["evidence"]
    assert all(evidence["quote"] in said for evidence in interview.card["evidence"])


def test_ratings_are_asked_for_at_temperature_0_as_a_form_and_words_as_a_stream(interview: Held) -> None:
    listening = [request for request in interview.requests if request.schema]
    speaking = [request for request in interview.requests if not request.schema]
    assert {(request.model, request.temperature, request.stream, request.strict) for request in listening} == {
        ("listener", 0.0, False, True)
    }
    assert {(request.model, request.temperature, request.stream) for request in speaking} == {("speaker", None, True)}


def test_the_key_goes_to_the_provider_and_nowhere_else(interview: Held) -> None:
    assert {request.headers["authorization"] for request in interview.requests} == {f"Bearer {KEY}"}
    assert KEY not in json.dumps([interview.transcript, interview.card, interview.usage])
    assert not [text for request in interview.requests for _, text in request.messages if KEY in text]


def test_what_a_candidate_says_is_never_part_of_the_instructions(interview: Held) -> None:
    lines = [line for request in interview.requests for line in request.messages]
    said = [line["text"] for line in interview.transcript if line["speaker"] == "candidate"]
    answers = [text for text in said if len(text.split()) > 10]
    assert {text for role, text in lines if role == "user"}.issuperset(answers)
    assert not [text for role, text in lines if role == "system" and any(answer in text for answer in answers)]


# --- what is chosen on the command line -----------------------------------------------------------------------------


def test_the_persona_and_the_mode_reach_the_system_prompt(
    run: CommandLine, server: OpenAIServer, prompts: Prompts
) -> None:
    words = ("--persona", "sceptical", "--mode", "interview", "--usage")
    done = run("play", "-", "-q", QUESTION, *words, stdin=ANSWER, **configured(server))
    assert done.returncode == 0, done.stderr
    systems = {request.messages[0] for request in server.requests if not request.schema}
    assert len(systems) == 1
    role, text = systems.pop()
    assert role == "system"
    assert prompts.prompt("personas/sceptical").wordings[0] in text
    assert prompts.prompt("personas/calm").wordings[0] not in text
    assert "No praise, no judgement, and no sign of how an answer was received." in text
    # Without --json the usage is a table under the scorecard.
    assert f"{len(server.requests)} calls, 2 a turn at most." in flat(done.stdout)
    assert "Rated by: listener+offline" in done.stdout


def test_offline_means_that_nobody_is_asked_and_no_client_is_imported(run: CommandLine, server: OpenAIServer) -> None:
    profiled = configured(server, PYTHONPROFILEIMPORTTIME="1")
    done = run("play", "-", "-q", QUESTION, "--offline", "--usage", stdin=ANSWER, **profiled)
    assert done.returncode == 0, done.stderr
    assert server.requests == []
    assert "No language model was asked: nothing left this machine." in done.stdout
    assert "Rated by: offline" in done.stdout
    assert {"interviewer", "numpy"} <= imported(done)
    assert not imported(done).intersection(CLIENTS)


def test_help_imports_no_client(run: CommandLine, server: OpenAIServer) -> None:
    done = run("--help", **configured(server, PYTHONPROFILEIMPORTTIME="1"))
    assert (done.returncode, "Usage" in done.stdout) == (0, True)
    assert "typer" in imported(done)
    assert not imported(done).intersection(CLIENTS)


def test_a_written_answer_is_judged_by_both_raters_together(run: CommandLine) -> None:
    quote = "when the machine dies the lease runs out and another worker picks the job up"
    with OpenAIServer(claiming("lease-expiry", quote)) as server:
        done = run("grade", QUESTION, "-", "--json", stdin=ANSWER, **configured(server))
    assert done.returncode == 0, done.stderr
    card = json.loads(done.stdout)
    points = {point["id"]: point for point in card["points"]}
    assert card["raters"] == ["listener+offline"]
    assert (points["lease-expiry"]["credited"], points["lease-expiry"]["quote"]) == (True, quote)
    assert [(request.model, request.temperature) for request in server.requests] == [("listener", 0.0)]


def test_a_model_that_quotes_what_nobody_said_is_asked_again_and_wins_nothing(run: CommandLine) -> None:
    with OpenAIServer(claiming("dependency-counter", "every job counts what it waits for")) as server:
        done = run("grade", QUESTION, "-", "--json", stdin=ANSWER, **configured(server))
    points = {point["id"]: point for point in json.loads(done.stdout)["points"]}
    assert not points["dependency-counter"]["credited"]
    assert len(server.requests) == 2


# --- when something is wrong ----------------------------------------------------------------------------------------


def test_an_interview_with_a_model_that_only_fails_is_rated_offline_and_says_so_once(
    run: CommandLine, prompts: Prompts
) -> None:
    script = "\n---\n".join(
        [ANSWER, "/hint", "60 million a day are about 700 a second.", "I don't know", "/next", ANSWER]
    )
    with OpenAIServer(lambda _: Reply(status=500)) as server:
        settings = configured(server, MODEL_RETRIES="0")
        done = run("play", "-", "-q", QUESTION, "--usage", "--json", stdin=script, **settings)
    found = held(done)
    spoken = "\n".join(line["text"] for line in found.transcript if line["speaker"] == "interviewer")
    assert flat(spoken).count(flat(prompts.prompt("moves/on-my-own/unreachable").wordings[0])) == 1
    assert flat(spoken).count("A word about me") == 1
    assert found.card["raters"] == ["offline"]
    assert found.card["evidence"]
    # A model that could not be reached rests, instead of making every turn wait: each is tried once, both at the same time.
    assert sorted((one["purpose"], one["trouble"]) for one in found.usage["each"]) == [
        ("reading", "unreachable"),
        ("word", "unreachable"),
    ]
    assert len(server.requests) == 2


def test_the_doctor_asks_both_models_for_a_word(run: CommandLine, server: OpenAIServer) -> None:
    done = run("doctor", **configured(server))
    assert done.returncode == 0, done.stdout
    assert "✓ model" in done.stdout
    assert "speaker speaks" in done.stdout
    assert "listener listens" in done.stdout
    assert [request.model for request in server.requests] == ["speaker", "listener"]
    assert KEY not in done.stdout + done.stderr


def test_the_doctor_says_what_to_do_about_a_key_that_is_refused(run: CommandLine) -> None:
    with OpenAIServer(lambda _: Reply(status=401)) as server:
        done = run("doctor", **configured(server))
    assert done.returncode == 1
    assert "✗ model" in done.stdout
    assert "speaker, which speaks: the key is refused: check OPENAI_API_KEY" in flat(done.stdout)
    assert "Mend what is marked ✗" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_setting_that_makes_no_sense_is_named(run: CommandLine) -> None:
    done = run("play", "-", stdin=ANSWER, OPENAI_API_KEY=KEY, MODEL_TIMEOUT="soon")
    assert (done.returncode, done.stdout) == (2, "")
    assert "MODEL_TIMEOUT: Input should be a valid number" in flat(done.stderr)
    assert "Traceback" not in done.stderr
    assert KEY not in done.stderr


def test_an_address_without_a_model_is_told_by_doctor(run: CommandLine) -> None:
    done = run("doctor", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert done.returncode == 0
    assert "INTERVIEW_MODEL has to name a model that is served there" in flat(done.stdout)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.jsonl", None, "missing.jsonl is not there: make it with `mockingbird eval --rater model --record"),
        ("bad.jsonl", "not json\n", "bad.jsonl:1 is no recorded reading"),
        ("empty.jsonl", "", "No answer was read: this prompt was never recorded: record it with --record FILE"),
    ],
    ids=["missing", "bad", "empty"],
)
def test_a_recording_that_cannot_be_measured_is_refused_in_a_line(
    run: CommandLine, tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    done = run("eval", "--rater", "model", "--replay", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_readings_that_were_paid_for_are_kept_when_the_model_fails_afterwards(run: CommandLine, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "mine.jsonl"
    words = ("eval", "--rater", "model", "--repetitions", "1", "--json")
    form = Reply('{"intent":"answer","covered":[],"wrong":[],"fact":""}')
    replies = chain([form], repeat(Reply(status=401)))
    with OpenAIServer(lambda _: next(replies)) as server:
        settings = configured(server, XDG_CACHE_HOME=str(tmp_path))
        done = run(*words, "--record", kept, "--prices", "1", "0.5", "2", **settings)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    usage = told.pop("usage")
    assert (usage["answers"], len(kept.read_text("utf-8").splitlines())) == (1, 1)
    assert usage["unrecorded"] > 100
    assert usage["cost"] == pytest.approx((usage["read"] + 2 * usage["written"]) / 1e6, abs=1e-4)
    again = run(*words, "--replay", kept, XDG_CACHE_HOME=str(tmp_path))
    assert again.returncode == 0, again.stderr
    repeated = json.loads(again.stdout)
    assert repeated.pop("usage")["answers"] == 1
    assert repeated == told


# --- a real one -----------------------------------------------------------------------------------------------------


@pytest.mark.local_model
@pytest.mark.skipif(not LOCAL_MODEL, reason="LOCAL_MODEL_URL (and LOCAL_MODEL_NAME) name no server with a model")
def test_a_whole_interview_with_a_local_model_keeps_the_rules(run: CommandLine) -> None:
    settings = {
        "OPENAI_BASE_URL": LOCAL_MODEL,
        "INTERVIEW_MODEL": f"openai:{os.environ.get('LOCAL_MODEL_NAME', 'local')}",
        "MODEL_TIMEOUT": "600",
        "TOKENS_PER_INTERVIEW": "10000000",
    }
    patient = replace(run, patience=4 * 60 * 60)
    found = held(patient("play", "-", "-q", QUESTION, "--usage", "--json", stdin=SCRIPT, **settings))
    said = "\n".join(line["text"] for line in found.transcript if line["speaker"] == "candidate")
    assert all(line["text"].strip() for line in found.transcript)
    assert found.card["gradable"]
    assert all(evidence["quote"] in said for evidence in found.card["evidence"])
    assert found.usage["calls"] > 0
    assert found.usage["most_calls_a_turn"] <= 3
    assert [one for one in found.usage["each"] if not one["trouble"]], "it was never of use"
