"""`mockingbird discord`, its sub-commands and `worker` as they are run: real processes, from their start to their end."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot.discord.registry import difference, invite, wanted
from interviewer.questions import Bank
from tests.discord import DiscordServer
from tests.discord_portal import ID, INSTALL, Portal, open_portal
from tests.slack import SlackServer, User
from tests.slack.reading import text_of

ROOT = Path(__file__).parent.parent
LATEST = {"COLUMNS": "300", "PYTHONUNBUFFERED": "1"}

Command = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def command(tmp_path: Path, embeddings: Path) -> Command:
    """`mockingbird …` for as long as it is used, in a directory of its own."""

    @asynccontextmanager
    async def run(*words: str, **settings: str) -> AsyncGenerator[Process]:
        own = {"MOCKINGBIRD_DATA": str(tmp_path), "MOCKINGBIRD_CACHE": str(embeddings), "HOME": str(tmp_path)}
        environment = os.environ | own | LATEST | settings
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *words, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    return run


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer.running() as server:
        yield server


@pytest.fixture
async def portal() -> AsyncGenerator[Portal]:
    async with open_portal() as portal:
        yield portal


async def says(process: Process, words: str) -> None:
    """Wait until a process has said something."""
    assert process.stdout
    async with asyncio.timeout(60):
        while words not in (line := (await process.stdout.readline()).decode()):
            assert line, f"it ended without saying {words!r}"


async def ended(process: Process) -> tuple[int, str, str]:
    """The exit code of a process that comes to its end, what it said, and what it said of errors."""
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


async def told_to_end(process: Process) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    code, _, errors = await ended(process)
    return code, errors


# --- running


async def test_one_process_takes_in_what_another_answers(
    command: Command, discord: DiscordServer, redis_url: str
) -> None:
    settings = discord.environment() | {"REDIS_URL": redis_url}
    ana = discord.adds_user("ana")
    async with command("discord", "sync", **settings) as process:
        assert (await ended(process))[0] == 0
    async with command("discord", "--admit-only", **settings) as admitting, command("worker", **settings) as working:
        await says(admitting, "In Discord")
        await says(working, "Working")
        await discord.types_command(ana, "interview start", about="ebay-ticketing", level="staff")
        await discord.until(lambda: discord.said(discord.dm(ana)), within=30)
        assert len(discord.connections) == 1
        assert await told_to_end(admitting) == (0, "")
        assert await told_to_end(working) == (0, "")
    assert "Concert ticketing" in "\n".join(message.text for message in discord.said(discord.dm(ana)))


async def test_one_worker_answers_on_every_platform_that_is_configured(
    command: Command, discord: DiscordServer, slack: SlackServer, ana: User, redis_url: str
) -> None:
    of_slack = {name: slack.environment()[name] for name in ("SLACK_API_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")}
    shared = {"REDIS_URL": redis_url}
    bo = discord.adds_user("bo")
    async with (
        command("slack", "--admit-only", **of_slack, **shared) as in_slack,
        command("discord", "--admit-only", **discord.environment(), **shared) as in_discord,
        command("worker", **of_slack, **discord.environment(), **shared) as working,
    ):
        await asyncio.gather(says(in_slack, "In Slack"), says(in_discord, "In Discord"), says(working, "Working"))
        await discord.writes(bo, "start ebay-ticketing")
        begun = await slack.types(ana, None, "start ebay-ticketing")
        await discord.until(lambda: discord.said(discord.dm(bo)), within=30)
        await slack.until(lambda: slack.said(slack.dm(ana), begun.thread), within=30)
        assert await told_to_end(working) == (0, "")
    assert "Concert ticketing" in text_of(slack.said(slack.dm(ana), begun.thread)[0])


async def test_a_worker_without_a_platform_says_what_to_set(command: Command, redis_url: str) -> None:
    async with command("worker", REDIS_URL=redis_url) as process:
        code, _, errors = await ended(process)
    assert code == 2
    assert errors.startswith("A worker needs a platform to answer on: set SLACK_BOT_TOKEN")
    assert "DISCORD_TOKEN" in errors


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("discord",), "Discord needs DISCORD_TOKEN: make an application"),
        (("discord", "sync"), "Discord needs DISCORD_TOKEN: make an application"),
        (("discord", "invite"), "Discord needs DISCORD_TOKEN: make an application"),
    ],
    ids=["run", "sync", "invite"],
)
async def test_without_a_token_it_says_where_one_is_found(
    command: Command, words: tuple[str, ...], sentence: str
) -> None:
    async with command(*words) as process:
        code, out, errors = await ended(process)
    assert (code, out) == (2, "")
    assert errors.startswith(sentence)


@pytest.mark.parametrize("words", [("discord",), ("worker",), ("discord", "sync")], ids=["run", "worker", "sync"])
async def test_a_refused_token_ends_it_with_a_sentence(
    command: Command, portal: Portal, redis_url: str, words: tuple[str, ...]
) -> None:
    settings = portal.environment() | {"DISCORD_TOKEN": "no-token", "REDIS_URL": redis_url}
    async with command(*words, **settings) as process:
        code, _, errors = await ended(process)
    assert code == 2
    assert errors.startswith("Discord refused DISCORD_TOKEN: copy it anew from the Bot page of your application")
    assert errors.count("\n") == 1
    assert "no-token" not in errors


async def test_a_discord_that_is_not_there_ends_it_with_a_sentence(command: Command) -> None:
    settings = {"DISCORD_TOKEN": "any", "DISCORD_API_URL": "http://127.0.0.1:1/api/v10/"}
    async with command("discord", **settings) as process:
        code, _, errors = await ended(process)
    assert code == 2
    assert errors.startswith("Discord can't be reached at http://127.0.0.1:1/api/v10 (ClientConnectorError): look at")


async def test_an_intent_that_is_not_switched_on_ends_it_with_where_the_switch_is(
    command: Command, discord: DiscordServer
) -> None:
    async with command("discord", **discord.environment(), DISCORD_MESSAGE_CONTENT="true") as process:
        code, _, errors = await ended(process)
    assert code == 2
    assert errors.startswith(
        "DISCORD_MESSAGE_CONTENT is set, and the application may not read messages: switch on Message Content Intent"
    )
    assert "Traceback" not in errors


async def test_it_can_be_ended_while_it_is_connecting(command: Command, discord: DiscordServer) -> None:
    held = discord.faults.add("GET", "/users/@me", held=asyncio.Event())
    async with command("discord", **discord.environment()) as process:
        await discord.until(lambda: held.met, within=60)
        assert await told_to_end(process) == (0, "")
        assert held.held
        held.held.set()


# --- registering


async def test_sync_registers_once_what_the_bot_answers(command: Command, portal: Portal, known: Bank) -> None:
    settings = portal.environment()
    async with command("discord", "sync", "--dry-run", **settings) as process:
        code, out, errors = await ended(process)
    assert (code, errors, portal.put) == (1, "", [])
    assert out.startswith("/interview is added, with start, hint,")

    async with command("discord", "sync", **settings) as process:
        code, out, errors = await ended(process)
    assert (code, errors) == (0, "")
    assert "Done. Who has Discord open" in out
    assert difference(wanted(known, personas=False), portal.commands[0]) == ()

    for again in (("discord", "sync"), ("discord", "sync", "--dry-run")):
        async with command(*again, **settings) as process:
            assert await ended(process) == (0, "Nothing to do: all is registered.\n", "")
    assert len(portal.put) == 1


async def test_sync_with_one_server_says_what_is_otherwise_there_and_takes_it_away_again(
    command: Command, portal: Portal, known: Bank
) -> None:
    portal.has(wanted(known, personas=False))
    settings = portal.environment()
    async with command("discord", "sync", "--server", "5", **settings) as process:
        code, out, errors = await ended(process)
    assert (code, errors) == (0, "")
    assert "Discord takes that only of commands that are registered for all." in out
    assert "`mockingbird discord sync --server 5 --remove` takes its own away." in out
    assert [each["name"] for each in portal.commands[5]] == ["interview"]

    async with command("discord", "sync", "--server", "5", "--remove", **settings) as process:
        code, out, errors = await ended(process)
    assert (code, errors) == (0, "")
    assert out.startswith("/interview is removed\n")
    assert portal.commands[5] == []
    assert [each["name"] for each in portal.commands[0]] == ["interview"]


async def test_sync_with_a_server_without_the_bot_says_how_it_gets_there(command: Command, portal: Portal) -> None:
    async with command("discord", "sync", "--server", "6", **portal.environment()) as process:
        code, _, errors = await ended(process)
    assert code == 2
    assert errors.startswith("Discord has no server 6 with the bot in it: `mockingbird discord invite` prints the link")


async def test_invite_prints_both_links_and_what_each_permission_is_for(command: Command, portal: Portal) -> None:
    async with command("discord", "invite", **portal.environment()) as process:
        code, out, errors = await ended(process)
    assert (code, errors) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert {invite(ID, 0), invite(ID, 1)} < set(lines)
    assert "Create Private Threads: to hold an interview in one, if its candidate asks for that." in lines
    assert any(line.startswith("Intents: none that is privileged.") for line in lines)
    assert "switched on" not in out


async def test_invite_says_what_stands_in_the_way(command: Command, portal: Portal) -> None:
    portal.application = {"integration_types_config": {"0": INSTALL}, "bot_require_code_grant": True}
    async with command("discord", "invite", **portal.environment(), DISCORD_MESSAGE_CONTENT="true") as process:
        code, out, errors = await ended(process)
    assert (code, errors) == (0, "")
    assert "Intents: Message Content, for plain messages in private threads" in out
    assert "Nobody can install the bot while Requires OAuth2 Code Grant is on" in out
    assert "People can't install it for themselves, unless User Install is switched on" in out
