"""`mockingbird scorecard`, `export` and `forget` as they are called: real processes on a store with real interviews."""

import asyncio
import getpass
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.terminal import Desk
from interviewer import embedded
from interviewer.model import CommandName, Preferences
from interviewer.store import RedisStore
from tests.fakes import redis_client
from tests.slack_bot import known_by
from tests.test_people import LEASE, held

ME = f"terminal:{getpass.getuser()}"
DONE, RUNNING, THEIRS = "terminal:done", "terminal:running", "slack:T1:D1:1.1"
SOMEBODY = "slack:T1:U1"
PNG = b"\x89PNG\r\n"

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Had = TypeVar("Had")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path: Path, data: Path, embeddings: Path) -> Run:
    """`mockingbird …` on the store in `data`."""

    def run(*words: object, stdin: bytes = b"", **more: str) -> "subprocess.CompletedProcess[bytes]":
        settings = {"MOCKINGBIRD_DATA": str(data), "MOCKINGBIRD_CACHE": str(embeddings), "COLUMNS": "120", "TZ": "UTC"}
        environment = {**os.environ, **settings, **more}
        if "REDIS_URL" not in more:
            environment.pop("REDIS_URL", None)
        command = [sys.executable, "-m", "bot", *map(str, words)]
        here = Path(__file__).parent.parent
        return subprocess.run(
            command, cwd=here, env=environment, input=stdin, capture_output=True, check=False, timeout=60
        )

    return run


def on_the_store(data: Path, work: Callable[[RedisStore, Any], Awaitable[Had]]) -> Had:
    """Do this on the store in `data` while no command is using it."""

    async def do() -> Had:
        async with embedded.running(data) as own, RedisStore.from_url(own.url) as store, redis_client(own.url) as redis:
            return await work(store, redis)

    return asyncio.run(do())


@pytest.fixture
def interviews(data: Path, embeddings: Path) -> dict[str, str]:
    """One of mine that is over, one that runs, and one of somebody else's; their ids by their threads."""
    leads, _ = known_by(embeddings)

    async def hold(store: RedisStore, _: Any) -> dict[str, str]:
        await held(store, leads, DONE, LEASE, CommandName.END, candidate=ME, at=1_700_000_000.0)
        await held(store, leads, RUNNING, "First the load.", candidate=ME, at=1_700_100_000.0)
        await held(store, leads, THEIRS, LEASE, CommandName.END, candidate=SOMEBODY, at=1_700_200_000.0)
        await store.prefer(ME, Preferences(zone="Asia/Tokyo"))
        found = {thread: await store.interview(thread) for thread in (DONE, RUNNING, THEIRS)}
        return {thread: interview.id for thread, interview in found.items() if interview}

    desk = Desk(data)
    data.mkdir()
    desk.open(RUNNING)
    desk.keep(RUNNING, "half a sentence")
    return on_the_store(data, hold)


async def _keys(_: RedisStore, redis: Any) -> set[str]:
    return {key.decode() async for key in redis.scan_iter(count=1000)}


# --- scorecard ------------------------------------------------------------------------------------------------------


def test_scorecards_are_listed_and_printed_as_text_markdown_json_and_a_picture(
    run: Run, interviews: dict[str, str], tmp_path: Path
) -> None:
    listed = run("scorecard").stdout.decode().splitlines()
    assert listed == [
        f"{interviews[RUNNING]}  2023-11-16  A distributed task scheduler: not finished",
        f"{interviews[DONE]}  2023-11-14  A distributed task scheduler: no verdict",
    ]
    id = interviews[DONE]
    assert "A distributed task scheduler" in run("scorecard", id).stdout.decode()
    markdown = run("scorecard", id, "--format", "md").stdout.decode()
    assert markdown.startswith("# Scorecard: A distributed task scheduler\n")
    assert "the lease lapses and another worker gets the job" in markdown
    card = json.loads(run("scorecard", id, "--format", "json").stdout)
    assert [each["point"] for each in card["evidence"]] == ["lease-expiry"]
    assert card["evidence"][0]["quote"] in LEASE
    # To files: the same; a picture, light or dark, with a name or without.
    done = run("scorecard", id, "--format", "md", "--out", tmp_path / "card.md")
    assert done.stdout.decode() == f"Written: {tmp_path / 'card.md'}\n"
    assert (tmp_path / "card.md").read_text("utf-8") == markdown
    run("scorecard", id, "--out", tmp_path / "card.txt")
    assert (tmp_path / "card.txt").read_text("utf-8").startswith(("# Scorecard", "╭"))
    pictures = {
        name: run("scorecard", id, "--format", "png", "--out", tmp_path / f"{name}.png", *options)
        for name, options in {"light": (), "dark": ("--dark",), "named": ("--name", "Ada L. <script>")}.items()
    }
    assert [done.returncode for done in pictures.values()] == [0, 0, 0]
    drawn = {name: (tmp_path / f"{name}.png").read_bytes() for name in pictures}
    assert all(picture.startswith(PNG) for picture in drawn.values())
    assert len(set(drawn.values())) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["0123456789abcdef"], "No interview is called 0123456789abcdef: `mockingbird scorecard` lists yours."),
        (["{running}"], "has no scorecard yet: it comes at its end"),
        (["{done}", "--format", "png"], "--out scorecard.png"),
        (["{done}", "--format", "md", "--out", "/nowhere/at/all.md"], "can't be written"),
        (["{done}", "--format", "pdf"], "pdf"),
    ],
)
def test_what_can_not_be_had_is_said_with_what_to_do(
    run: Run, interviews: dict[str, str], words: list[str], said: str
) -> None:
    named = [word.format(running=interviews[RUNNING], done=interviews[DONE]) for word in words]
    done = run("scorecard", *named)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""


def test_before_the_first_interview_there_is_nothing_and_that_is_said(run: Run) -> None:
    assert run("scorecard").stdout.decode() == "No interviews yet: `mockingbird chat` holds the first.\n"
    assert json.loads(run("export").stdout)["interviews"] == []
    done = run("forget", "--yes")
    assert (done.returncode, done.stdout.decode().startswith("Deleted: 0 interviews of ")) == (0, True)


@pytest.mark.parametrize("words", [["scorecard"], ["export"], ["forget", "--yes"]])
def test_a_store_that_is_away_is_one_line_and_not_a_traceback(run: Run, words: list[str]) -> None:
    done = run(*words, REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 2
    assert "check that it runs" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


# --- export and forget ----------------------------------------------------------------------------------------------


def test_an_export_is_whose_it_is_said_to_be(run: Run, interviews: dict[str, str], tmp_path: Path) -> None:
    mine = json.loads(run("export").stdout)
    assert mine["candidate"] == ME
    assert mine["preferences"]["zone"] == "Asia/Tokyo"
    assert [each["thread"] for each in mine["interviews"]] == [DONE, RUNNING]
    assert LEASE in [line["text"] for line in mine["interviews"][0]["transcript"]]
    done = run("export", SOMEBODY, "--out", tmp_path / "theirs.json")
    assert done.stdout.decode() == f"Written: {tmp_path / 'theirs.json'}\n"
    theirs = json.loads((tmp_path / "theirs.json").read_text("utf-8"))
    assert [each["interview"]["id"] for each in theirs["interviews"]] == [interviews[THEIRS]]
    refused = run("export", "--out", "/nowhere/at/all.json")
    assert (refused.returncode, "can't be written" in refused.stderr.decode()) == (2, True)


def test_nothing_is_forgotten_that_was_not_confirmed(run: Run, interviews: dict[str, str], data: Path) -> None:
    before = on_the_store(data, _keys)
    done = run("forget", stdin=b"n\n")
    assert done.returncode == 0
    assert f"Delete 2 interviews of {ME}" in done.stdout.decode()
    assert "Nothing was deleted." in done.stdout.decode()
    cut_off = run("forget")
    assert cut_off.returncode == 1
    assert on_the_store(data, _keys) == before
    assert Desk(data).threads() == [RUNNING]


def test_whoever_is_forgotten_leaves_no_key_and_nothing_on_their_desk(
    run: Run, interviews: dict[str, str], data: Path
) -> None:
    before = on_the_store(data, _keys)
    # An interview of mine that the store has let go of: half a sentence of it still lies here.
    Desk(data).open("terminal:older")
    Desk(data).keep("terminal:older", "and another half")
    theirs = run("forget", SOMEBODY, "--yes")
    assert theirs.stdout.decode() == f"Deleted: 1 interview of {SOMEBODY}, with everything said in it.\n"
    left = on_the_store(data, _keys)
    assert left == {key for key in before if not re.search(rf"{SOMEBODY}|{THEIRS}|{interviews[THEIRS]}", key)}
    assert Desk(data).threads() == [RUNNING, "terminal:older"]
    done = run("forget", stdin=b"y\n")
    assert done.returncode == 0
    assert f"Deleted: 2 interviews of {ME}" in done.stdout.decode()
    assert on_the_store(data, _keys) == set()
    assert Desk(data).threads() == []
    assert not list(data.glob("*.draft"))
    assert run("scorecard").stdout.decode() == "No interviews yet: `mockingbird chat` holds the first.\n"
