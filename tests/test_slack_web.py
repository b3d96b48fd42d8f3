"""The bot over signed HTTP: who is listened to, how it is installed, whether it says that it is well; and the processes."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_sdk.signature import SignatureVerifier

from bot.settings import Settings
from bot.slack import buttons
from bot.slack.app import NOT_INSTALLED
from bot.slack.manifest import SCOPES
from bot.slack.vault import new_key
from bot.web import LONGEST_BODY
from interviewer import embedded
from interviewer.questions import Bank
from tests.conftest import free_ports
from tests.fakes import wait_until
from tests.slack import SlackServer, User
from tests.slack_bot import Interviewer, Table, over_http, settings

START = "start apple-task-scheduler senior"
SDK_LAGS_BEHIND = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
"""slack_sdk exchanges codes in a way that the next aiohttp will not know any more."""
CHALLENGE = json.dumps({"type": "url_verification", "token": "t", "challenge": "3eZbrw1aB"}).encode()


@pytest.fixture
async def http() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def address(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> AsyncGenerator[str]:
    """Where the bot is served, for one workspace."""
    async with over_http(settings(slack, embeddings), redis_url, leads, known) as address:
        slack.delivers_to(f"{address}/slack/events")
        yield address


@pytest.fixture
async def anywhere(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> AsyncGenerator[str]:
    """Where the bot is served for every workspace that installs it."""
    async with over_http(installing(slack, embeddings), redis_url, leads, known) as address:
        slack.delivers_to(f"{address}/slack/events")
        yield address


def installing(slack: SlackServer, embeddings: Path) -> Settings:
    """Settings with which any workspace can install the app."""
    told = slack.environment()
    return settings(
        slack,
        embeddings,
        slack_bot_token="",
        slack_client_id=told["SLACK_CLIENT_ID"],
        slack_client_secret=told["SLACK_CLIENT_SECRET"],
        slack_encryption_keys=new_key(),
    )


def signed(slack: SlackServer, body: bytes, at: float | None = None) -> dict[str, str]:
    """The headers of a request that Slack signed `at` a time."""
    now = str(int(at or time.time()))
    secret = slack.environment()["SLACK_SIGNING_SECRET"]
    signature = SignatureVerifier(secret).generate_signature(timestamp=now, body=body)
    return {
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": signature or "",
        "Content-Type": "application/json",
    }


async def posted(http: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    async with http.post(f"{url}/slack/events", data=body, headers=headers) as response:
        return response.status, await response.text()


async def got(http: aiohttp.ClientSession, url: str, **more: Any) -> tuple[int, str, Mapping[str, str]]:
    async with http.get(url, allow_redirects=False, **more) as response:
        return response.status, await response.text(), response.headers.copy()


# --- who is listened to ---------------------------------------------------------------------------------------------


async def test_slack_finds_the_address_only_where_it_is_signed_for(
    slack: SlackServer, address: str, http: aiohttp.ClientSession
) -> None:
    good = signed(slack, CHALLENGE)
    assert await posted(http, address, CHALLENGE, good) == (200, '{"challenge": "3eZbrw1aB"}')
    for wrong in (
        {"Content-Type": "application/json"},
        good | {"X-Slack-Signature": "v0=" + "0" * 64},
        good | {"X-Slack-Signature": ""},
        good | {"X-Slack-Request-Timestamp": "now"},
        good | {"X-Slack-Request-Timestamp": str(int(time.time()) + 1)},
        signed(slack, CHALLENGE, time.time() - 6 * 60),
        signed(slack, CHALLENGE, time.time() + 6 * 60),
        signed(slack, CHALLENGE[:-1] + b" "),
    ):
        status, text = await posted(http, address, CHALLENGE, wrong)
        assert status == 401, wrong
        assert "3eZbrw1aB" not in text
    assert (await posted(http, address, CHALLENGE, signed(slack, CHALLENGE, time.time() - 4 * 60)))[0] == 200


async def test_what_nobody_signed_is_not_done(
    slack: SlackServer, address: str, http: aiohttp.ClientSession, ana: User
) -> None:
    told = await slack.types(ana, None, "hello")
    await told.acked
    await slack.until(lambda: slack.said(slack.dm(ana)))
    forged = json.dumps(told.payload | {"event": told.payload["event"] | {"ts": "1795000000.000001", "text": START}})
    good_for_nothing = signed(slack, b"something else")
    assert (await posted(http, address, forged.encode(), good_for_nothing))[0] == 401
    # The next one that is signed is answered, and nothing came of the other.
    history = await (await slack.slash(ana, None, "/interview", "history")).acked
    assert "No interviews yet" in str(history.body)
    assert len(slack.said(slack.dm(ana))) == 1
    for broken in (b"", b"[]", b"null", b"{", b'{"team": 1}', b"\xff", b"[" * 100_000, b"payload=1"):
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            headers = good_for_nothing | {"Content-Type": kind}
            assert (await posted(http, address, broken, headers))[0] == 401


async def test_a_body_no_request_of_slacks_has_is_not_read_to_its_end(
    slack: SlackServer, address: str, http: aiohttp.ClientSession
) -> None:
    huge = b"x" * (LONGEST_BODY + 1)
    assert (await posted(http, address, huge, signed(slack, huge)))[0] == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LONGEST_BODY // 50_000 + 1):
            yield b"x" * 50_000

    # Without a length, as anybody may send it.
    async with http.post(f"{address}/slack/events", data=pieces(), headers=signed(slack, huge)) as response:
        assert response.status == 413
    assert (await posted(http, address, CHALLENGE, signed(slack, CHALLENGE)))[0] == 200


async def test_there_is_nothing_elsewhere(slack: SlackServer, address: str, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/slack", "/slack/event", "/metrics", "/docs", "/slack/install/x"):
        assert (await got(http, address + path))[0] == 404
    assert (await got(http, f"{address}/slack/events"))[0] == 405
    # One workspace's token is set: nobody can install anything here.
    for path in ("/slack/install", "/slack/oauth_redirect?code=1&state=2"):
        assert (await got(http, address + path))[0] == 404


async def test_it_is_well_as_long_as_its_store_is_there(
    slack: SlackServer, embeddings: Path, tmp_path: Path, leads: Interviewer, known: Bank, http: aiohttp.ClientSession
) -> None:
    store = await embedded.start(tmp_path)
    async with over_http(settings(slack, embeddings), store.url, leads, known) as address:
        assert (await got(http, f"{address}/health"))[:2] == (200, '{"ok":true}')
        server: Any = store.presence
        await server.shutdown(nosave=True)
        await store.aclose()
        status, text, _ = await got(http, f"{address}/health")
        assert status == 503
        assert "check that it runs" in text
        store = await embedded.start(tmp_path)
        assert (await got(http, f"{address}/health"))[0] == 200
    assert await store.shutdown_if_last()


# --- an interview ---------------------------------------------------------------------------------------------------


async def test_an_interview_is_held_over_http(slack: SlackServer, address: str, ana: User) -> None:
    table, dm = Table(slack, ana), slack.dm(ana)
    await (await slack.slash(ana, None, "/interview", "")).acked
    await slack.until(lambda: slack.modal(ana))
    found = await slack.suggests(ana, "question", "scheduler")
    assert found[0]["value"] == "apple-task-scheduler"
    await (await slack.submits(ana, values={"question": {"question": found[0]["value"]}})).acked
    await slack.until(lambda: len(slack.said(dm)) > 1)
    thread = slack.said(dm)[0]["ts"]
    await table.presses(dm, thread, buttons.TIME)
    await table.hears(dm.id, thread, 3)
    told = await slack.types(ana, None, "How many tasks are there a second?", thread=thread)
    assert (await told.acked).seconds < 3
    # Delivered again, with the marks of a retry: heard once.
    await (await slack.redeliver(told)).acked
    await table.hears(dm.id, thread, 4)
    await table.presses(dm, thread, buttons.PAUSE)
    await table.hears(dm.id, thread, 5)
    assert len(table.said(dm.id, thread)) == 5


# --- installing -----------------------------------------------------------------------------------------------------


async def state_of(http: aiohttp.ClientSession, address: str) -> tuple[str, str]:
    """The state of a new installation, and the cookie that goes with it."""
    status, page, headers = await got(http, f"{address}/slack/install")
    assert status == 200
    link = re.search(r'href="(https://slack\.com/oauth/v2/authorize\?[^"]+)"', page)
    assert link
    asked = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)
    assert set(asked["scope"][0].split(",")) == set(SCOPES)
    assert "HttpOnly" in headers["set-cookie"], headers
    return asked["state"][0], headers["set-cookie"].partition(";")[0]


async def installed(
    slack: SlackServer, http: aiohttp.ClientSession, address: str, admin: User
) -> tuple[int, dict[str, str]]:
    """What came of an administrator's installing the app; and what they brought back."""
    state, cookie = await state_of(http, address)
    brought = {"code": slack.authorizes(admin.team, admin), "state": state}
    status, page, _ = await got(http, f"{address}/slack/oauth_redirect", params=brought, headers={"Cookie": cookie})
    assert "xoxb" not in page
    return status, brought | {"cookie": cookie}


@SDK_LAGS_BEHIND
async def test_a_workspace_installs_the_app_is_served_and_leaves_again(
    slack: SlackServer, anywhere: str, http: aiohttp.ClientSession, redis: Any
) -> None:
    team = slack.adds_workspace("Globex").id
    zoe = slack.adds_user("zoe", team=team)
    name = f"mb:{{w:none:{team}}}:inst"
    status, brought = await installed(slack, http, anywhere, zoe)
    assert status == 200
    kept = await redis.hgetall(name)
    assert {field.decode() for field in kept} == {"bot", f"user:{zoe.id}"}
    assert not [value for value in kept.values() if b"xoxb" in value]
    table = Table(slack, zoe)
    thread = await table.begins(START)
    command = await slack.slash(zoe, None, "/interview", "time")
    await command.acked
    await table.hears(slack.dm(zoe).id, thread, 2)
    event = await slack.types(zoe, None, "I would begin with the numbers.", thread=thread)
    await event.acked
    await table.hears(slack.dm(zoe).id, thread, 3)
    # They remove it: Slack says so twice, and all that was kept of the installation is gone.
    gone = await slack.uninstalls(team)
    for each in (gone, *gone.also):
        assert (await each.acked).status == 200
    assert await redis.exists(name) == 0
    # What still comes from there is answered, and nobody is spoken to.
    calls = len(slack.calls())
    assert (await (await slack.redeliver(event, new_event_id=True)).acked).status == 200
    answer = await (await slack.redeliver(command)).acked
    assert answer.status == 200
    assert NOT_INSTALLED in str(answer.body) + str(slack.ephemerals(zoe))
    assert len(slack.calls()) == calls
    # And they may come back.
    assert (await installed(slack, http, anywhere, zoe))[0] == 200
    await (await slack.slash(zoe, None, "/interview", "time")).acked
    await table.hears(slack.dm(zoe).id, thread, 4)
    assert brought["code"] not in str(await redis.hgetall(name))


@SDK_LAGS_BEHIND
async def test_a_state_is_good_once_and_only_for_whom_it_was_made(
    slack: SlackServer, anywhere: str, http: aiohttp.ClientSession, redis: Any
) -> None:
    team = slack.adds_workspace("Globex").id
    zoe = slack.adds_user("zoe", team=team)

    async def brings(cookie: str, **params: str) -> int:
        headers = {"Cookie": cookie} if cookie else {}
        status, page, _ = await got(http, f"{anywhere}/slack/oauth_redirect", params=params, headers=headers)
        assert "Traceback" not in page
        return status

    state, cookie = await state_of(http, anywhere)
    code = slack.authorizes(team, zoe)
    other, _ = await state_of(http, anywhere)
    assert await brings("", code=code, state=state) == 400
    assert await brings(cookie, code=code, state=other) == 400
    assert await brings(cookie, code=code) == 400
    assert await brings("slack-app-oauth-state=made-up", code=code, state="made-up") == 401
    assert await brings(cookie, error="access_denied", state=state) == 200
    assert [key async for key in redis.scan_iter(match="mb:{w:*")] == []
    status, brought = await installed(slack, http, anywhere, zoe)
    assert status == 200
    again = slack.authorizes(team, zoe)
    assert await brings(brought["cookie"], code=again, state=brought["state"]) == 401
    # A code that Slack does not know.
    state, cookie = await state_of(http, anywhere)
    assert await brings(cookie, code="made-up", state=state) == 401
    assert await brings(cookie, code=again, state=state) == 401


# --- processes ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def process(
    slack: SlackServer, tmp_path: Path, embeddings: Path, *words: object, **more: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`mockingbird …` in this Slack, with a store of its own. A setting that is "" is not set."""
    told = {key: value for key, value in slack.environment().items() if "CLIENT" not in key}
    environment = {
        **os.environ,
        "MOCKINGBIRD_DATA": str(tmp_path / "data"),
        "MOCKINGBIRD_CACHE": str(embeddings),
        **told,
        **more,
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *map(str, words),
        cwd=Path(__file__).parent.parent,
        env={name: value for name, value in environment.items() if value},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def exchanged_until_the_end(slack: SlackServer, ana: User, running: asyncio.subprocess.Process) -> None:
    """Hold an exchange, end the process in the middle of the next, and see that it was answered first."""
    table, dm = Table(slack, ana), slack.dm(ana)
    thread = await table.begins(START)
    told = await slack.types(ana, None, "How many tasks are there a second?", thread=thread)
    await told.acked
    await table.hears(dm.id, thread, 2)
    # Slack is in no hurry: the turn is not done yet when the process is told to end.
    slack.fail("chat.postMessage", status=429, retry_after=1)
    await table.presses(dm, thread, buttons.HINT)
    await slack.until(lambda: [call for call in slack.calls("chat.postMessage") if call.answer == 429])
    running.send_signal(signal.SIGTERM)
    out, errors = await asyncio.wait_for(running.communicate(), 60)
    assert (running.returncode, errors.decode()) == (0, "")
    assert len(table.said(dm.id, thread)) == 3
    assert "How many tasks" not in out.decode()


async def test_over_socket_mode_a_process_drains_and_exits_when_it_is_told(
    slack: SlackServer, tmp_path: Path, embeddings: Path, ana: User
) -> None:
    async with process(slack, tmp_path, embeddings, "slack") as running:
        await slack.until(lambda: slack.connections)
        await exchanged_until_the_end(slack, ana, running)
        assert slack.connections == 0


async def test_over_http_a_process_drains_and_exits_when_it_is_told(
    slack: SlackServer, tmp_path: Path, embeddings: Path, ana: User, http: aiohttp.ClientSession
) -> None:
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    slack.delivers_to(f"{address}/slack/events")
    # What is set for many workspaces is no reason to refuse, or to install anything, where there is one token.
    creds = {name: value for name, value in slack.environment().items() if "CLIENT" in name}
    async with process(slack, tmp_path, embeddings, "web", "--port", port, **creds) as running:
        await wait_until(lambda: well(http, address))
        assert (await got(http, f"{address}/slack/install"))[0] == 404
        await exchanged_until_the_end(slack, ana, running)


async def well(http: aiohttp.ClientSession, address: str) -> bool:
    try:
        return (await got(http, f"{address}/health"))[0] == 200
    except aiohttp.ClientError:
        return False


@pytest.mark.parametrize(
    ("command", "missing", "said"),
    [
        ("slack", {"SLACK_APP_TOKEN": ""}, "needs SLACK_APP_TOKEN (xapp-"),
        ("slack", {"SLACK_BOT_TOKEN": ""}, "needs SLACK_BOT_TOKEN (one workspace"),
        ("web", {"SLACK_SIGNING_SECRET": ""}, "needs SLACK_SIGNING_SECRET (Basic Information"),
        ("web", {"SLACK_BOT_TOKEN": ""}, "needs SLACK_BOT_TOKEN (one workspace"),
        ("web", {"SLACK_BOT_TOKEN": "", "SLACK_ENCRYPTION_KEYS": "short"}, "`mockingbird slack key` makes them"),
        ("slack", {"SLACK_APP_TOKEN": "xapp-1-wrong"}, "Slack refused SLACK_APP_TOKEN (invalid_auth)"),
        ("slack", {"SLACK_BOT_TOKEN": "xoxb-wrong"}, "Slack refused SLACK_BOT_TOKEN (invalid_auth)"),
        ("web", {"SLACK_BOT_TOKEN": "xoxb-wrong"}, "Slack refused SLACK_BOT_TOKEN (invalid_auth)"),
        ("web", {"REDIS_URL": "redis://127.0.0.1:1/0"}, "check that it runs"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_sentence_that_says_what_to_do(
    slack: SlackServer, tmp_path: Path, embeddings: Path, command: str, missing: dict[str, str], said: str
) -> None:
    async with process(slack, tmp_path, embeddings, command, **missing) as running:
        _, errors = await asyncio.wait_for(running.communicate(), 60)
        assert running.returncode == 2, errors.decode()
        assert said in " ".join(errors.decode().split())
        assert "Traceback" not in errors.decode()
        assert "wrong" not in errors.decode()
