"""`mockingbird slack`, `web` and `worker` as they are run: real processes, from their start to the signal that ends them."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.conftest import free_ports
from tests.fakes import wait_until
from tests.slack import SlackServer
from tests.slack.reading import text_of

ROOT = Path(__file__).parent.parent
TOKENS = ("SLACK_API_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")

Command = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def command(tmp_path: Path, embeddings: Path) -> Command:
    """`mockingbird …` for as long as it is used, in a directory of its own."""

    @asynccontextmanager
    async def run(*words: str, **settings: str) -> AsyncGenerator[Process]:
        own = {"MOCKINGBIRD_DATA": str(tmp_path), "MOCKINGBIRD_CACHE": str(embeddings), "HOME": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *words,
            cwd=ROOT,
            env=os.environ | own | {"COLUMNS": "300", "PYTHONUNBUFFERED": "1"} | settings,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    return run


def told(slack: SlackServer, *names: str) -> dict[str, str]:
    return {name: slack.environment()[name] for name in names}


async def says(process: Process, words: str) -> None:
    """Wait until a process has said something."""
    assert process.stdout
    async with asyncio.timeout(60):
        while words not in (line := (await process.stdout.readline()).decode()):
            assert line, f"it ended without saying {words!r}"


async def ended(process: Process) -> tuple[int, str]:
    """The exit code of a process that comes to its end, and what it said of errors."""
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


async def told_to_end(process: Process) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    return await ended(process)


async def test_one_process_takes_in_what_another_answers(command: Command, slack: SlackServer, redis_url: str) -> None:
    settings = told(slack, *TOKENS) | {"REDIS_URL": redis_url}
    ana = slack.adds_user("ana")
    async with command("slack", "--admit-only", **settings) as admitting, command("worker", **settings) as working:
        await says(admitting, "In Slack")
        await says(working, "Working")
        begun = await slack.types(ana, None, "start doordash-payments")
        assert (await begun.acked).status == 200
        await slack.until(lambda: slack.said(slack.dm(ana), begun.thread))
        assert await told_to_end(admitting) == (0, "")
        assert await told_to_end(working) == (0, "")
    assert "A payment processor" in text_of(slack.said(slack.dm(ana), begun.thread)[0])


async def test_a_worker_without_a_server_to_share_says_so(command: Command) -> None:
    async with command("worker") as process:
        code, errors = await ended(process)
    assert (code, "set REDIS_URL" in errors) == (2, True)


async def test_a_refused_app_token_ends_it_with_a_sentence(command: Command, slack: SlackServer) -> None:
    settings = told(slack, *TOKENS) | {"SLACK_APP_TOKEN": "xapp-not-one"}
    async with command("slack", **settings) as process:
        code, errors = await ended(process)
    assert code == 2
    assert errors == "Slack refused SLACK_APP_TOKEN (invalid_auth): `mockingbird doctor` says more.\n"


async def test_a_slack_that_is_not_there_ends_it_with_a_sentence(command: Command, slack: SlackServer) -> None:
    settings = told(slack, *TOKENS) | {"SLACK_API_URL": "http://127.0.0.1:1/api/"}
    async with command("slack", **settings) as process:
        code, errors = await ended(process)
    assert code == 2
    assert errors == "Slack can't be reached (ClientConnectorError): `mockingbird doctor` says more.\n"


async def test_it_can_be_ended_while_it_is_connecting(command: Command) -> None:
    asked = asyncio.Event()

    async def opening(request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": f"http://{request.host}/link"})

    async def who(_: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def link(_: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    application = web.Application()
    application.add_routes(
        [web.post("/api/auth.test", who), web.post("/api/apps.connections.open", opening), web.get("/link", link)]
    )
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    settings = {"SLACK_API_URL": address, "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
    try:
        async with command("slack", **settings) as process, asyncio.timeout(60):
            await asked.wait()
            assert await told_to_end(process) == (0, "")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Slack needs SLACK_BOT_TOKEN"),
        ({"SLACK_ENCRYPTION_KEYS": "no-key"}, "Key 1 in SLACK_ENCRYPTION_KEYS is no key"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "REDIS_URL": "redis://127.0.0.1:1/0"}, "127.0.0.1:1"),
    ],
)
async def test_a_web_that_can_not_be_served_says_why_in_a_sentence(
    command: Command, settings: dict[str, str], sentence: str
) -> None:
    async with command("web", **settings | {"SLACK_SIGNING_SECRET": "0123"}) as process:
        code, errors = await ended(process)
    assert code == 2
    assert sentence in errors
    assert "Traceback" not in errors


async def test_with_one_workspaces_token_there_is_nothing_to_install(
    command: Command, slack: SlackServer, redis_url: str, tmp_path: Path
) -> None:
    port = free_ports(1)[0]
    settings = slack.environment() | {"REDIS_URL": redis_url, "PORT": str(port)}
    async with command("web", **settings) as process, aiohttp.ClientSession() as session:
        address = f"http://127.0.0.1:{port}"
        await wait_until(lambda: _answers(session, address), 60)
        for path in ("/slack/install", "/slack/oauth_redirect"):
            async with session.get(address + path) as response:
                assert response.status == 404
        code, errors = await told_to_end(process)
    assert code in {0, -signal.SIGTERM}
    assert errors == ""
    assert not (tmp_path / ".bolt-app-installation").exists()


async def _answers(session: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with session.get(f"{address}/health") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
