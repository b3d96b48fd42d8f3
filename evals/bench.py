"""Measures what a candidate waits for and prints it as JSON: `python -m evals.bench`, or `make bench`.

Everything runs on real parts: the command itself in a pseudo-terminal, the embedded Valkey, the engine, the rater. The
machine it runs on is shared and noisy, so quote figures of one run against each other.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
from pydantic import SecretStr

from bot.cli.common import bank, make_interviewer, make_rater
from bot.settings import Settings as Environment
from bot.wiring import make_interviewer as wired
from evals import bench_daily, bench_discord, bench_slack
from evals.labelled import DEV, read_answers
from evals.timing import QUESTION, Blank, Wall, milliseconds
from interviewer import embedded
from interviewer.engine import Engine, Pace
from interviewer.memory import MemoryStore
from interviewer.model import (
    Answer,
    Command,
    CommandName,
    Message,
    Settings,
)
from interviewer.ports import Rater, final
from interviewer.questions import data_root
from interviewer.raters.model import Call
from interviewer.raters.reading import Reading
from interviewer.runner import run_turn
from interviewer.store import RedisStore
from tests.openai_server import OpenAIServer, Reply, Request

WORDS = 300


def question_on_screen(home: Path) -> float:
    """Seconds from `mockingbird chat` to the question on the screen."""
    environment: dict[str, str] = {**os.environ, "MOCKINGBIRD_DATA": str(home / "data"), "TERM": "xterm"}
    environment.pop("REDIS_URL", None)
    began = time.perf_counter()
    chat: pexpect.spawn[str] = pexpect.spawn(
        sys.executable,
        ["-m", "bot", "chat", "--new", "--question", QUESTION],
        env=environment,
        encoding="utf-8",
        timeout=30,
    )
    chat.expect("background work")
    seconds = time.perf_counter() - began
    chat.expect_exact("\x1b[?2004h")  # the prompt turns bracketed paste on
    chat.send("\x03")
    chat.expect(pexpect.EOF)
    chat.close()
    return seconds


@asynccontextmanager
async def sitting(rater: Rater, home: Path) -> AsyncGenerator[tuple[Engine, Wall, str]]:
    """A started interview on an embedded Valkey."""
    interviewer = replace(make_interviewer(offline=True), rater=rater)
    server, wall = await embedded.start(home), Wall()
    thread = f"bench:{time.time_ns()}"
    try:
        async with RedisStore.from_url(server.url) as store:
            ports = interviewer.ports(store, wall, time.time)
            async with Engine(ports, server.url, Pace(quiet=0), name=f"mockingbird:{thread}") as engine:
                settings = Settings(QUESTION)
                await engine.submit(
                    "start", Command(thread, "start", "ada", CommandName.START, time.time(), settings=settings)
                )
                await wall.posts.get()
                yield engine, wall, thread
    finally:
        await server.shutdown_if_last()


async def turns(rater: Rater, home: Path, texts: Sequence[str]) -> list[float]:
    """Seconds from submitting each text to its reply."""
    seconds: list[float] = []
    while len(seconds) < len(texts):
        async with sitting(rater, home) as (engine, wall, thread):
            for number, text in enumerate(texts[len(seconds) :]):
                began = time.perf_counter()
                await engine.submit(f"m{number}", Message(thread, f"m{number}", "ada", text, time.time()))
                post = await wall.posts.get()
                seconds.append(time.perf_counter() - began)
                if post.scorecard:
                    break  # what comes after the debrief is not rated
    return seconds


FIRST = """
import asyncio, json, sys, time
began = float(sys.argv[1])
from bot.cli.common import bank, make_rater
from interviewer.model import Answer
from interviewer.ports import final
rater = make_rater(offline=True)
case = bank().case(sys.argv[2])
asyncio.run(final(rater.rate(case, Answer(sys.stdin.read()))))
# Not ru_maxrss: that begins with what the parent had.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"s": round(time.time() - began, 2), "mb": round(int(peak.split()[1]) / 1024)}))
"""


def first_rating(text: str) -> dict[str, float]:
    """Seconds from the start of a process to its first rating with a warm cache, and the memory it took."""
    command = [sys.executable, "-c", FIRST, str(time.time()), QUESTION]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    return json.loads(done.stdout)


def start_up(options: Sequence[str], key: str) -> float:
    """Seconds that a command takes in a process of its own; the median of five."""
    environment = {**os.environ, "OPENAI_API_KEY": key}
    return imported("from bot.__main__ import app; app()", options, environment)


def imported(code: str, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> float:
    """Seconds that some Python takes in a process of its own; the median of five."""
    seconds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *options], capture_output=True, check=True, env=environment)  # noqa: S603
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds), 2)


def long_answers() -> list[str]:
    """Answers of about 300 words, made of labelled ones."""
    words = " ".join(answer.text for answer in read_answers(DEV) if answer.kind == "ordinary").split()
    return [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS // 4)]


async def ratings(texts: Sequence[str]) -> list[float]:
    """Seconds a rating."""
    rater, case, seconds = make_rater(offline=True), bank().case(QUESTION), list[float]()
    await final(rater.rate(case, Answer(texts[0])))
    for text in texts:
        began = time.perf_counter()
        await final(rater.rate(case, Answer(text)))
        seconds.append(time.perf_counter() - began)
    return seconds


FIRST_TOKEN, READING = 0.3, 1.5
"""Seconds that the scripted model takes to its first token, and to a reading."""


def scripted(request: Request) -> Reply:
    """A model that is never faster than a real one."""
    if request.schema:
        return Reply(Reading(intent="answer", covered=[], wrong=[], fact="").model_dump_json(), delay=READING)
    ask = request.messages[-1][1].partition("ask: ")[2].partition("\n")[0]
    return Reply(ask or "Carry on with what you have in mind.", delay=FIRST_TOKEN)


class Preview(Wall):
    """Notes when the first character of a reply was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.first: float | None = None

    def preview(self, thread: str, candidate: str, text: str) -> None:
        self.first = self.first or time.perf_counter()


async def first_characters(texts: Sequence[str], *, typed: bool) -> list[float]:
    """Seconds from an answer to the first visible character, without the model's own to its first token. `typed`: all but the
    last twentieth of the answer was seen while it was typed, as in the chat."""
    ours: list[float] = []
    calls: list[Call] = []
    case = bank().case(QUESTION)
    with OpenAIServer(scripted) as server:
        key = SecretStr("bench")
        settings = Environment(openai_api_key=key, openai_base_url=server.url, interview_model="bench")
        interviewer = wired(settings, data_root(), bank().case, observe=calls.append)
        interviewer.prepare(case)
        for text in texts:
            wall, store = Preview(), MemoryStore(time.time)
            ports = interviewer.ports(store, wall, time.time)
            start = Command("bench", "start", "ada", CommandName.START, time.time(), settings=Settings(QUESTION))
            for inbound in (start, Message("bench", "m", "ada", text, time.time())):
                if typed and isinstance(inbound, Message):
                    await asyncio.to_thread(interviewer.overhear, text[: len(text) * 19 // 20])
                calls.clear()
                began = time.perf_counter()
                await store.admit(inbound.id, inbound)
                while await run_turn(ports, "bench", inbound.id):
                    pass
            word = next((call for call in calls if call.purpose == "word"), None)
            if wall.first and word and word.first:
                ours.append(wall.first - began - word.first)
    return ours


def main() -> None:
    """Measure everything and print it."""
    texts = long_answers()
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        home = Path(folder)
        screens = [question_on_screen(home) for _ in range(5)]
        interviewer = make_interviewer(offline=True)
        rater = interviewer.rater
        interviewer.prepare(bank().case(QUESTION))
        figures: dict[str, Any] = {
            "chat_to_question_s": {"median": round(statistics.median(screens), 2), "worst": round(max(screens), 2)},
            "turn_without_rating_ms": milliseconds(
                asyncio.run(turns(Blank(), home / "blank", ["A short answer."] * 300))
            ),
            "turn_with_rating_ms": milliseconds(asyncio.run(turns(rater, home / "rated", texts[:60]))),
            "rating_300_words_ms": milliseconds(asyncio.run(ratings(texts))),
            "first_rating_cold_process": first_rating(texts[0]),
            "first_character_beyond_the_model_ms": {
                "typed": milliseconds(asyncio.run(first_characters(texts[:40], typed=True))),
                "pasted": milliseconds(asyncio.run(first_characters(texts[:40], typed=False))),
            },
            "help_s": {name: start_up(["--help"], key) for name, key in (("without_key", ""), ("with_key", "x"))},
            "import_langchain_s": imported(
                "from langchain.chat_models import init_chat_model; import langchain_openai"
            ),
        }
    figures |= bench_slack.figures()
    figures |= bench_discord.figures()
    figures |= bench_daily.figures()
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
