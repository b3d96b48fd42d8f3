"""What every test may ask for: a real Valkey, started once and emptied before each use."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from redis.exceptions import ConnectionError  # noqa: A004

from interviewer import embedded
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.fakes import redis_client, wait_until
from tests.slack import SlackServer, User

# No test may find a key or a provider of the machine it runs on, and neither may the processes it starts.
os.environ["MOCKINGBIRD_ENV"] = os.devnull
for name in [
    name
    for name in os.environ
    if name.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_", "TOKENS_", "MODEL_", "SLACK_", "DISCORD_"))
]:
    del os.environ[name]
for name in ("INTERVIEW_MODEL", "RATER_MODEL", "FALLBACK_MODEL", "VISION_MODEL", "TRANSCRIPTION_MODEL"):
    os.environ.pop(name, None)

# Only now: settings look for their file when they are imported.
from bot.slack.service import Slack  # noqa: E402
from bot.wiring import Interviewer  # noqa: E402
from tests.daily_office import dying, office, small  # noqa: E402
from tests.slack_bot import EMBEDDED, Model, known_by, over_socket, settings, speaking  # noqa: E402

__all__ = ["dying", "office", "small"]
"""Fixtures that stand elsewhere."""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of a server that lives as long as the test run."""
    directory = tmp_path_factory.mktemp("valkey")
    url = asyncio.run(_start(directory))
    yield url
    assert asyncio.run(_stop(directory)), "a test left a connection open"


@pytest.fixture(scope="session")
def valkey_cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of a cluster of one node: small, and as strict about slots as any."""
    directory = tmp_path_factory.mktemp("cluster")
    port, bus = free_ports(2)
    options = ["--port", str(port), "--cluster-port", str(bus), "--cluster-enabled", "yes", "--bind", "127.0.0.1"]
    options += ["--dir", str(directory), "--save", "", "--logfile", str(directory / "valkey.log")]
    process = subprocess.Popen([embedded.binary(), *options])
    try:
        asyncio.run(_own_all_slots(port))
        yield f"redis+cluster://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
async def redis_url(valkey: str) -> str:
    """The URL of an empty server."""
    async with redis_client(valkey) as client:
        await client.flushall()
    return valkey


@pytest.fixture
async def redis(redis_url: str) -> AsyncGenerator[Any]:
    """A plain client of an empty server."""
    async with redis_client(redis_url) as client:
        yield client


@pytest.fixture
async def redis_store(redis_url: str) -> AsyncGenerator[RedisStore]:
    """A store on an empty server."""
    async with RedisStore.from_url(redis_url) as store:
        yield store


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


async def _own_all_slots(port: int) -> None:
    async with redis_client(f"redis://127.0.0.1:{port}") as node:
        await wait_until(lambda: _answers(node))
        await node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        await wait_until(lambda: _is_whole(node))


async def _answers(node: Any) -> bool:
    try:
        return bool(await node.ping())
    except ConnectionError:
        return False


async def _is_whole(node: Any) -> bool:
    return (await node.cluster("INFO"))["cluster_state"] == "ok"


async def _start(directory: Path) -> str:
    server = await embedded.start(directory)
    await server.aclose()
    return server.url


async def _stop(directory: Path) -> bool:
    server = await embedded.start(directory)
    return await server.shutdown_if_last()


@pytest.fixture(scope="session")
def embeddings(pytestconfig: pytest.Config) -> Path:
    """A folder in which what the models make of a guide is kept between test runs, and is there for those that tests answer.

    On a clean checkout each takes half a minute of a core, for which no test should wait while its own clock is running."""
    folder = pytestconfig.rootpath / ".pytest_cache" / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    leads, known = known_by(folder)
    for question in EMBEDDED:
        # Of the processes in which tests run one does it, and the others read what it has written.
        with FileLock(folder / f"{question}.lock"):
            leads.prepare(known.case(question))
    return folder


@pytest.fixture
async def slack() -> AsyncGenerator[SlackServer]:
    """A Slack with the app installed."""
    async with SlackServer() as server:
        yield server


@pytest.fixture
def ana(slack: SlackServer) -> User:
    """Somebody in that Slack."""
    return slack.adds_user("ana")


@pytest.fixture
def leads(embeddings: Path) -> Interviewer:
    """Who leads interviews without a language model."""
    return known_by(embeddings)[0]


@pytest.fixture
def known(embeddings: Path) -> Bank:
    """The bank as it ships."""
    return known_by(embeddings)[1]


@pytest.fixture(scope="session")
def scripted(embeddings: Path) -> Generator[Model]:
    """A language model that is served for as long as the test run."""
    with speaking(embeddings) as model:
        yield model


@pytest.fixture
def model(scripted: Model) -> Generator[Model]:
    """That model, sensible again after each test."""
    yield scripted
    scripted.recovers()


@pytest.fixture
async def bot(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> AsyncGenerator[Slack]:
    """The bot in that Slack, over Socket Mode."""
    async with over_socket(settings(slack, embeddings), redis_url, leads, known) as running:
        yield running
