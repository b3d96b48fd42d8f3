"""The chat as a candidate meets it: a real pseudo-terminal, the real engine, real kill -9."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pexpect
import psutil
import pytest

from tests.openai_server import OpenAIServer, Reply, Request
from tests.test_drafting import drafting_model

ROOT = Path(__file__).parent.parent
QUESTION = "doordash-payments"
OPENING = "restaurants"  # one word, since lines wrap where they will
PROMPT = re.escape("\x1b[?2004h")  # a prompt turns bracketed paste on
ANSWER = "Every charge carries a key the client made up once, so a retry of the same order finds the first charge and returns it."


class Terminal:
    """A terminal with `mockingbird chat` in it."""

    def __init__(self, home: Path, cache: Path, *options: str, **variables: str) -> None:
        environment = {
            **os.environ,
            **variables,
            "MOCKINGBIRD_DATA": str(home / "data"),
            "MOCKINGBIRD_CACHE": str(cache),
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        environment.pop("REDIS_URL", None)
        self.process: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "bot", "chat", *options],
            cwd=ROOT,
            env=environment,
            encoding="utf-8",
            timeout=60,  # a machine may have much else to do
            dimensions=(50, 200),
        )

    def sees(self, *patterns: str) -> None:
        """Wait for each of these, in order, in what is printed."""
        for pattern in patterns:
            self.process.expect(pattern)

    def types(self, text: str) -> None:
        self.process.send(text)

    def sends(self, text: str) -> None:
        self.process.send(text + "\r")

    def dies(self) -> None:
        """kill -9, as an out-of-memory killer would."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def ends(self) -> int | None:
        """Wait for the process to end by itself; its exit code."""
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus


Open = Callable[..., Terminal]


@pytest.fixture
def opened(tmp_path: Path, embeddings: Path) -> Generator[Open]:
    """Opens terminals on one home; at the end none is left, nor the Valkey they shared."""
    terminals: list[Terminal] = []

    def open(*options: str, **variables: str) -> Terminal:
        terminals.append(Terminal(tmp_path, embeddings, *options, **variables))
        return terminals[-1]

    yield open
    for terminal in terminals:
        terminal.process.close(force=True)
    for server in servers(tmp_path):
        with suppress(psutil.NoSuchProcess):
            server.kill()
            server.wait()


def servers(home: Path) -> list[psutil.Process]:
    """The Valkeys that keep their data below `home`."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if "valkey" in process.name() and str(home) in process.cwd():
                found.append(process)
    return found


def test_a_whole_interview_from_the_greeting_to_the_goodbye(opened: Open) -> None:
    chat = opened("--question", QUESTION, "--format", "quick")
    chat.sees(OPENING, PROMPT)
    chat.sends(ANSWER)
    chat.sees("Interviewer", PROMPT)
    chat.sends("/time")
    chat.sees("the requirements", PROMPT)
    chat.sends("/help")
    chat.sees("/dispute", PROMPT)
    chat.sends("/end")
    chat.sees("Scorecard", "estimated coverage", PROMPT)
    chat.sends("/answer")
    chat.sees("Interviewer", PROMPT)
    chat.sends("/end")
    assert chat.ends() == 0


def test_a_half_typed_answer_survives_kill_9(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.types("We would never charge a customer tw")
    chat.sees("customer tw")
    chat.dies()
    again = opened()
    again.sees("Resuming", "customer tw")


def test_an_answer_that_was_sent_is_answered_after_kill_9_and_only_once(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.sends(ANSWER)
    chat.sees("Listening")
    chat.dies()
    again = opened()
    again.sees("Resuming", "Interviewer", PROMPT)
    again.sends("/end")
    again.sees("Scorecard", PROMPT)
    again.sends("/end")
    assert again.ends() == 0


def test_ctrl_c_pauses_and_the_next_chat_goes_on_there(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.types("\x03")
    chat.sees("mockingbird chat")
    assert chat.ends() == 0
    again = opened()
    again.sees("Resuming", OPENING, PROMPT)


def test_an_interview_is_open_in_one_terminal_at_a_time(opened: Open) -> None:
    first = opened("--question", QUESTION)
    first.sees(OPENING, PROMPT)
    second = opened()
    second.sees("open in another terminal")
    assert second.ends() == 2
    first.sends("/time")
    first.sees(r"left|to go", PROMPT)


def test_a_store_that_dies_in_mid_interview_is_started_again_and_nothing_is_lost(opened: Open, tmp_path: Path) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    (server,) = servers(tmp_path)
    server.kill()
    server.wait()
    chat.sends(ANSWER)
    chat.sees("kept", PROMPT)
    chat.sends("")
    chat.sees("Interviewer", PROMPT)
    chat.sends("/end")
    chat.sees("Scorecard", PROMPT)


def test_without_a_question_it_asks_what_to_practise_and_explains_what_it_does_not_understand(opened: Open) -> None:
    chat = opened()
    chat.sees("What would you like to practise", "> ")
    chat.sends("doordash wombat")
    chat.sees("wombat", "> ")
    chat.sends("doordash mid quick strict")
    chat.sees("15 minutes|mid level", OPENING, PROMPT)


def test_another_interview_can_be_begun_beside_an_unfinished_one(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.types("\x03")
    chat.ends()
    other = opened("--new", "--question", "ebay-ticketing")
    other.sees("tickets", PROMPT)


def test_an_answer_of_several_lines_is_one_message(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.types("A ledger with two entries per movement\x1b\rand a nightly reconciliation\\\rwith the provider's file")
    chat.sends("")
    chat.sees("Interviewer", PROMPT)
    chat.types("\x03")
    chat.ends()
    again = opened()
    again.sees("Resuming")


def test_nothing_typed_is_met_with_a_word_and_costs_nothing(opened: Open) -> None:
    chat = opened("--question", QUESTION)
    chat.sees(OPENING, PROMPT)
    chat.sends("   ")
    chat.sees("Nothing typed", PROMPT)
    chat.sends("/hnit")
    chat.sees(re.escape("/hint"), PROMPT)


class Capricious:
    """A model that reads nothing into answers and asks what it is told to, until it fails in the middle of a sentence."""

    def __init__(self) -> None:
        self.failing = False
        self.seen = threading.Event()
        """Set when what it said before it failed has been seen."""

    def __call__(self, request: Request) -> Reply:
        if request.schema:
            return Reply(status=500) if self.failing else Reply(EMPTY)
        told = request.messages[-1][1]
        ask = told.partition("ask: ")[2].partition("\n")[0] or "Carry on with what you have in mind."
        return Reply(f"Marvellously: {ask}", drop_after=3 if self.failing else None, drop_when=self.seen)


EMPTY = '{"intent": "answer", "covered": [], "wrong": [], "fact": ""}'


def test_a_model_that_dies_in_mid_answer_is_replaced_and_that_is_said_once_and_on_the_scorecard(opened: Open) -> None:
    model = Capricious()
    with OpenAIServer(model) as server:
        chat = opened(
            *("--question", QUESTION, "--format", "quick"),
            OPENAI_BASE_URL=server.url,
            INTERVIEW_MODEL="capricious",
            MODEL_RETRIES="0",
        )
        chat.sees(OPENING, PROMPT)
        chat.sends(ANSWER)
        chat.sees("Marvellously", PROMPT)
        model.failing = True
        chat.sends("The ledger keeps two entries for each movement of money, and they always add up to nothing.")
        chat.sees("Marvellously")  # seen while it came, and then withdrawn
        model.seen.set()
        chat.sees("Interviewer", PROMPT)
        told = str(chat.process.before)
        chat.sends("Money that was taken twice is found by a comparison with the bank's file every night.")
        chat.sees("Interviewer", PROMPT)
        told = " ".join((told + str(chat.process.before)).split())
        # With the reply to the answer that it failed on, or with the next if that reply was on its way already.
        assert told.count("can't be reached right now") == told.count("nothing you said is lost") == 1
        chat.sends("/end")
        chat.sees("Scorecard", "Rated by: .*capricious.*offline", PROMPT)
        chat.sends("/end")
        assert chat.ends() == 0


def test_a_question_is_drafted_by_a_model_said_to_be_so_and_asked(opened: Open) -> None:
    with OpenAIServer(drafting_model) as server:
        chat = opened("--design", "a library of stamps", OPENAI_BASE_URL=server.url, INTERVIEW_MODEL="drafter")
        chat.sees("Drafted by a model, not reviewed: draft-a-library-of-stamps", "not reviewed", PROMPT)
        chat.sends("/end")
        chat.sees("Scorecard", PROMPT)
        chat.sends("/end")
        assert chat.ends() == 0


def test_designing_without_a_model_says_what_to_do(opened: Open) -> None:
    chat = opened("--design", "a library of stamps")
    chat.sees("needs a language model: set OPENAI_API_KEY")
    assert chat.ends() == 2
