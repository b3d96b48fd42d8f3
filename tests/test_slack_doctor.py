"""`mockingbird doctor` about Slack: real processes that ask the Slack of our tests, in every state an app gets into."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from slack_sdk.oauth.installation_store.models.installation import Installation

from bot.settings import Settings
from bot.slack.checks import Amiss
from bot.slack.checks import checks as slack_checks
from bot.slack.manifest import SCOPES
from bot.slack.vault import Vault, new_key
from tests.slack import SlackServer

ROOT = Path(__file__).parent.parent
SECRETS = ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_CLIENT_SECRET")


@dataclass(frozen=True)
class Found:
    """What the doctor said: its exit code, its lines by what they are about, and all of it without line breaks."""

    code: int
    text: str
    errors: str

    def line(self, name: str) -> str:
        """What a check said, with its mark; "" if there was no such check."""
        pieces = [piece.strip() for piece in self.text.replace("✗", "\0✗").replace("✓", "\0✓").split("\0")]
        return next((piece for piece in pieces if piece[2:].startswith(f"{name} ")), "")


Doctor = Callable[..., Coroutine[Any, Any, Found]]


@pytest.fixture
def doctor(tmp_path: Path, embeddings: Path) -> Doctor:
    """`mockingbird doctor` with these settings, in a directory of its own."""

    async def run(**settings: str) -> Found:
        own = {"MOCKINGBIRD_DATA": str(tmp_path), "MOCKINGBIRD_CACHE": str(embeddings), "COLUMNS": "120"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            "doctor",
            cwd=ROOT,
            env=os.environ | own | settings,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, errors = await process.communicate()
        return Found(process.returncode or 0, " ".join(out.decode().split()), errors.decode())

    return run


def told(slack: SlackServer, *names: str, **more: str) -> dict[str, str]:
    """The settings of these names, and where this Slack is."""
    known = slack.environment()
    return {name: known[name] for name in ("SLACK_API_URL", *names)} | more


def over_socket(slack: SlackServer) -> dict[str, str]:
    """What one workspace over Socket Mode takes."""
    return told(slack, "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")


def by_oauth(slack: SlackServer, redis_url: str, keys: str) -> dict[str, str]:
    """What many workspaces over HTTP take."""
    names = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET")
    return told(slack, *names, SLACK_ENCRYPTION_KEYS=keys, REDIS_URL=redis_url)


def lowered(environment: dict[str, str]) -> dict[str, Any]:
    """Settings by the names of their fields."""
    return {name.lower(): value for name, value in environment.items()}


@asynccontextmanager
async def nowhere() -> AsyncGenerator[str]:
    """A store that nobody may ask."""
    raise AssertionError
    yield ""


@asynccontextmanager
async def served(*routes: web.RouteDef) -> AsyncGenerator[str]:
    """The address of a Slack of a few routes."""
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def installed(slack: SlackServer, redis_url: str, key: str, *names: str) -> list[str]:
    """The ids of workspaces of these names, the app's tokens for them in the vault."""
    teams: list[str] = []
    async with Vault.from_url(redis_url, [key]) as vault:
        for name in names:
            team = slack.adds_workspace(name)
            bot = slack.installs(team.id)
            await vault.async_save(
                Installation(
                    app_id="A1",
                    team_id=team.id,
                    team_name=name,
                    user_id="U1",
                    bot_token=bot.token,
                    bot_id=bot.bot_id,
                    bot_user_id=bot.user_id,
                )
            )
            teams.append(team.id)
    return teams


async def test_nothing_is_said_about_what_is_not_set_up(doctor: Doctor) -> None:
    found = await doctor()
    assert (found.code, found.errors) == (0, "")
    assert "slack" not in found.text.lower()


async def test_a_bot_in_one_workspace_is_named_with_its_scopes_and_its_connection(
    doctor: Doctor, slack: SlackServer
) -> None:
    found = await doctor(**over_socket(slack))
    assert (found.code, found.errors) == (0, "")
    assert found.line("slack") == f"✓ slack mockingbird in Acme, with all {len(SCOPES)} scopes"
    assert found.line("socket").startswith("✓ socket connected over Socket Mode All well")
    assert found.text.endswith("All well: `mockingbird chat` and `mockingbird slack` will work.")
    assert found.line("http") == found.line("keys") == ""
    assert not any(slack.environment()[name] in found.text for name in SECRETS)
    assert slack.connections == 0
    assert {call.method for call in slack.calls()} == {"auth.test", "apps.connections.open"}


async def test_a_bot_that_is_running_shows_as_another_connection(doctor: Doctor, slack: SlackServer) -> None:
    settings = over_socket(slack)
    async with aiohttp.ClientSession() as session:
        asked = {"token": settings["SLACK_APP_TOKEN"]}
        async with session.post(f"{settings['SLACK_API_URL']}apps.connections.open", data=asked) as response:
            address = (await response.json())["url"]
        async with session.ws_connect(address):
            found = await doctor(**settings)
    assert "connected over Socket Mode; 1 other connection is open" in found.line("socket")


async def test_a_scope_that_was_not_granted_is_named_with_the_way_to_get_it(doctor: Doctor, slack: SlackServer) -> None:
    slack.revoke_scope("files:read")
    slack.revoke_scope("channels:history")
    found = await doctor(**over_socket(slack))
    assert found.code == 1
    assert "In Acme the app lacks channels:history, files:read. Paste what `mockingbird slack manifest`" in found.text
    assert "reinstall the app" in found.line("slack")
    assert found.line("socket").startswith("✓")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("token_revoked", "it was revoked. To have a new one, reinstall the app"),
        ("account_inactive", "the app was uninstalled. To have a new one, reinstall the app"),
        ("token_expired", "token rotation is on. Create the app anew from the manifest"),
        ("team_access_not_granted", "Slack says team_access_not_granted, which its page on auth.test explains"),
        ("internal_error", "Slack says internal_error, which may pass: try again in a minute"),
    ],
)
async def test_a_refused_bot_token_comes_with_what_to_do_about_it(slack: SlackServer, error: str, advice: str) -> None:
    slack.revoke_token(error=error)
    checks = dict(slack_checks(Settings(**lowered(over_socket(slack))), nowhere))
    with pytest.raises(Amiss, match=re.escape(advice)):
        await checks["slack"]()


async def test_tokens_that_took_each_others_place_are_told_apart(doctor: Doctor, slack: SlackServer) -> None:
    known = slack.environment()
    settings = over_socket(slack) | {
        "SLACK_BOT_TOKEN": known["SLACK_APP_TOKEN"],
        "SLACK_APP_TOKEN": known["SLACK_BOT_TOKEN"],
    }
    found = await doctor(**settings)
    assert found.code == 1
    assert "SLACK_BOT_TOKEN is refused: it is of another kind. The Bot User OAuth Token begins with xoxb-" in found.text
    assert "SLACK_APP_TOKEN has to be an app-level token (xapp-…)" in found.line("socket")
    assert not any(known[name] in found.text + found.errors for name in SECRETS)


async def test_a_wrong_app_token_is_told_beside_a_bot_token_that_works(doctor: Doctor, slack: SlackServer) -> None:
    found = await doctor(**over_socket(slack) | {"SLACK_APP_TOKEN": "xapp-1-from-somewhere-else"})
    assert found.code == 1
    assert found.line("slack").startswith("✓")
    assert "Slack doesn't know SLACK_APP_TOKEN. A new one is made under Basic Information" in found.line("socket")


async def test_a_connection_that_slack_will_not_open_points_to_socket_mode(doctor: Doctor, slack: SlackServer) -> None:
    slack.fail("apps.connections.open", "a_name_we_never_saw")
    found = await doctor(**over_socket(slack))
    assert found.code == 1
    assert "Slack says a_name_we_never_saw. See that Socket Mode is on" in found.line("socket")


@pytest.mark.parametrize("ending", ["disconnect", "close", "silence"])
async def test_a_connection_without_a_hello_points_to_socket_mode(ending: str) -> None:
    async def opening(request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": f"http://{request.host}/link"})

    async def link(request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        if ending == "disconnect":
            await connection.send_str('{"type": "disconnect", "reason": "link_disabled"}')
        if ending != "close":
            await connection.receive()
        return connection

    async with served(web.post("/api/apps.connections.open", opening), web.get("/link", link)) as address:
        settings = Settings(slack_api_url=f"{address}/api/", slack_app_token=SecretStr("xapp-1"))
        checks = dict(slack_checks(settings, nowhere, patience=0.2))
        with pytest.raises(Amiss, match=r"No connection over Socket Mode: .* See that Socket Mode is on"):
            await checks["socket"]()


async def test_a_slack_that_is_not_there_is_told_with_its_address(doctor: Doctor, slack: SlackServer) -> None:
    found = await doctor(**over_socket(slack) | {"SLACK_API_URL": "http://127.0.0.1:1/api"})
    assert found.code == 1
    for name in ("slack", "socket"):
        assert "Slack can't be reached at http://127.0.0.1:1/api/ (ClientConnectorError)" in found.line(name)


async def test_a_person_s_token_is_no_bot_token() -> None:
    async def auth_test(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "user": "ana", "team": "Acme", "user_id": "U1"})

    async with served(web.post("/api/auth.test", auth_test)) as address:
        settings = Settings(slack_api_url=f"{address}/api/", slack_bot_token=SecretStr("xoxp-1"))
        with pytest.raises(Amiss, match=r"it is ana's own. The Bot User OAuth Token begins with xoxb-"):
            await dict(slack_checks(settings, nowhere))["slack"]()


async def test_a_slack_that_does_not_tell_its_scopes_is_believed() -> None:
    async def auth_test(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "user": "mockingbird", "team": "Acme", "bot_id": "B1"})

    async with served(web.post("/api/auth.test", auth_test)) as address:
        settings = Settings(slack_api_url=f"{address}/api/", slack_bot_token=SecretStr("xoxb-1"))
        told = await dict(slack_checks(settings, nowhere))["slack"]()
    assert told == "mockingbird in Acme; this Slack doesn't tell its scopes"


async def test_settings_that_lack_the_rest_say_where_it_is_to_be_found(doctor: Doctor) -> None:
    found = await doctor(SLACK_GUESTS="true")
    assert found.code == 1
    assert "SLACK_BOT_TOKEN is not set: install the app and copy" in found.line("slack")
    assert "set SLACK_APP_TOKEN (Basic Information, App-Level Tokens) for `mockingbird slack`" in found.line("http")


async def test_installing_by_oauth_needs_keys_a_client_and_a_signing_secret(doctor: Doctor) -> None:
    found = await doctor(SLACK_CLIENT_ID="111.222")
    assert found.code == 1
    assert "✗ keys There is no key" in found.line("keys")
    assert "`mockingbird slack key` makes one" in found.line("keys")
    assert "Nobody can install the app without SLACK_CLIENT_ID and SLACK_CLIENT_SECRET" in found.line("slack")
    assert "`mockingbird web`, which needs SLACK_SIGNING_SECRET" in found.line("http")


async def test_every_workspace_that_installed_the_app_is_asked(
    doctor: Doctor, slack: SlackServer, redis_url: str
) -> None:
    key = new_key()
    before = await doctor(**by_oauth(slack, redis_url, key))
    assert before.code == 0
    assert "no workspace has the app yet: it is installed at /slack/install" in before.line("slack")
    await installed(slack, redis_url, key, "Globex", "Initech")
    found = await doctor(**by_oauth(slack, redis_url, key))
    assert found.code == 0
    assert "2 workspaces asked, and nothing is missing" in found.line("slack")
    assert found.line("keys") == "✓ keys 1 set; the tokens of 2 workspaces can be opened"
    assert found.text.endswith("`mockingbird chat` and `mockingbird web` will work.")


async def test_of_many_workspaces_those_in_trouble_are_named(
    doctor: Doctor, slack: SlackServer, redis_url: str
) -> None:
    old, new = new_key(), new_key()
    _, dead, poor = await installed(slack, redis_url, old, "Globex", "Initech", "Hooli")
    slack.revoke_token(dead)
    slack.revoke_scope("commands", poor)
    found = await doctor(**by_oauth(slack, redis_url, f"{new},{old}"))
    assert found.code == 1
    assert found.line("keys").startswith("✓ keys 2 set; the tokens of 3 workspaces")
    assert "The token of Initech is refused: it was revoked" in found.line("slack")
    assert "In Hooli the app lacks commands" in found.line("slack")
    assert "Globex" not in found.text


async def test_tokens_under_a_key_that_is_gone_are_told_once(
    doctor: Doctor, slack: SlackServer, redis_url: str
) -> None:
    await installed(slack, redis_url, new_key(), "Globex")
    found = await doctor(**by_oauth(slack, redis_url, new_key()))
    assert (found.code, found.errors) == (1, "")
    assert "The tokens of 1 of 1 workspaces" in found.line("keys")
    assert "Put the key they were kept under back" in found.line("keys")


async def test_a_key_that_is_none_is_told_without_showing_it(
    doctor: Doctor, slack: SlackServer, redis_url: str
) -> None:
    found = await doctor(**by_oauth(slack, redis_url, f"{new_key()},not-a-key-at-all"))
    assert (found.code, found.errors) == (1, "")
    assert "Key 2 in SLACK_ENCRYPTION_KEYS is no key" in found.line("keys")
    assert "can't be read before SLACK_ENCRYPTION_KEYS is mended" in found.line("slack")
    assert "not-a-key-at-all" not in found.text


async def test_the_models_that_look_and_listen_are_named(doctor: Doctor) -> None:
    found = await doctor(VISION_MODEL="openai:eyes", TRANSCRIPTION_MODEL="openai:ears")
    assert "openai:eyes looks at pictures; openai:ears listens to voice clips store" in found.text
    nobody = await doctor(VISION_MODEL="none", TRANSCRIPTION_MODEL="None")
    assert "pictures" not in nobody.text
    assert "voice clips" not in nobody.text
