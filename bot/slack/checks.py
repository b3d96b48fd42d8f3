"""Owns what `mockingbird doctor` asks of Slack: whether tokens, scopes, connection and keys are as the bot needs them.

Nobody is written to. Which events the app is subscribed to can't be asked with any of its tokens.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.doctor import Amiss, Check
from bot.settings import Settings
from bot.slack.clients import Clients, error, passing
from bot.slack.manifest import SCOPES, missing
from bot.slack.vault import BadKey, Vault

Server = Callable[[], AbstractAsyncContextManager[str]]
"""The URL of the store's server, for as long as it is used."""

ASKED = 50
"""Workspaces whose token is tried; the app may be in thousands."""
PATIENCE = 10.0
"""Seconds for Slack's hello."""

REINSTALL = "reinstall the app (Install App, Reinstall to Workspace)"
UNINSTALLED = (
    "SLACK_BOT_TOKEN is not set: install the app and copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions. For many "
    "workspaces set SLACK_CLIENT_ID, SLACK_CLIENT_SECRET and SLACK_ENCRYPTION_KEYS instead (docs/slack.md)."
)
NO_CLIENT = (
    "Nobody can install the app without SLACK_CLIENT_ID and SLACK_CLIENT_SECRET: both are under Basic Information, App "
    "Credentials. For a single workspace set SLACK_BOT_TOKEN instead."
)
NO_WAY_IN = (
    "Slack can't reach the bot: set SLACK_APP_TOKEN (Basic Information, App-Level Tokens) for `mockingbird slack`, or "
    "SLACK_SIGNING_SECRET (Basic Information, App Credentials) for `mockingbird web`."
)
UNSIGNED = (
    "Installing by OAuth goes through `mockingbird web`, which needs SLACK_SIGNING_SECRET (Basic Information, App "
    "Credentials)."
)
KEYS_FIRST = "Which workspaces have the app can't be read before SLACK_ENCRYPTION_KEYS is mended."
SOCKET_MODE = "See that Socket Mode is on, under Socket Mode in the app's settings"
MADE_SO = "one is made under Basic Information, App-Level Tokens, with connections:write"

OF_A_TOKEN: Mapping[str, str] = MappingProxyType(
    {
        "invalid_auth": "Slack doesn't know it. Copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions",
        "not_allowed_token_type": "it is of another kind. The Bot User OAuth Token begins with xoxb-",
        "token_revoked": f"it was revoked. To have a new one, {REINSTALL}",
        "account_inactive": f"the app was uninstalled. To have a new one, {REINSTALL}",
        "token_expired": "it has expired, since token rotation is on. Create the app anew from the manifest, where it is off",
        "": "Slack says {}, which its page on auth.test explains",
    }
)
"""What to do about a bot token that Slack refuses, by what Slack says; "" for anything else."""
OF_AN_APP_TOKEN: Mapping[str, str] = MappingProxyType(
    {
        "invalid_auth": f"Slack doesn't know SLACK_APP_TOKEN. A new {MADE_SO}",
        "not_allowed_token_type": f"SLACK_APP_TOKEN has to be an app-level token (xapp-…): {MADE_SO}",
        "token_revoked": f"SLACK_APP_TOKEN was revoked. A new {MADE_SO}",
        "missing_scope": f"SLACK_APP_TOKEN lacks connections:write. A new {MADE_SO}",
        "": f"Slack says {{}}. {SOCKET_MODE}",
    }
)
"""The same for the app-level token."""


def checks(settings: Settings, server: Server, patience: float = PATIENCE) -> tuple[tuple[str, Check], ...]:
    """What to try, each under a short name; Slack has `patience` seconds to say hello."""
    installs, called = installing(settings), bool(settings.slack_signing_secret.get_secret_value())
    connects = bool(settings.slack_app_token.get_secret_value())

    async def http() -> str:
        if not called:
            raise Amiss(UNSIGNED if installs else NO_WAY_IN)
        return "SLACK_SIGNING_SECRET is set; only a request from Slack can show that it is the right one"

    return (
        *((("keys", lambda: _keys(settings, server)),) if installs or settings.slack_keys else ()),
        ("slack", lambda: _bots(settings, server)),
        *((("socket", lambda: _socket(settings, patience)),) if connects else ()),
        *((("http", http),) if called or installs or not connects else ()),
    )


def installing(settings: Settings) -> bool:
    """Whether the app is to be installed by OAuth, in many workspaces."""
    client = settings.slack_client_id or settings.slack_client_secret.get_secret_value()
    return bool(client) and not settings.slack_bot_token.get_secret_value()


async def _keys(settings: Settings, server: Server) -> str:
    async with server() as url, Vault.from_url(url, settings.slack_keys) as vault:
        count = await vault.check()
    return f"{len(settings.slack_keys)} set; the tokens of {_counted(count)} can be opened"


async def _bots(settings: Settings, server: Server) -> str:
    """The tokens: of one workspace, or of those that the app was installed in."""
    if token := settings.slack_bot_token.get_secret_value():
        async with _asking(settings) as (clients, _):
            return await _tried(clients, token, "SLACK_BOT_TOKEN is refused")
    if not (settings.slack_keys or installing(settings)):
        raise Amiss(UNINSTALLED)
    if not (settings.slack_client_id and settings.slack_client_secret.get_secret_value()):
        raise Amiss(NO_CLIENT)
    try:
        async with (
            server() as url,
            Vault.from_url(url, settings.slack_keys) as vault,
            _asking(settings) as (clients, _),
        ):
            return await _every(clients, vault)
    except BadKey:
        raise Amiss(KEYS_FIRST) from None


async def _every(clients: Clients, vault: Vault) -> str:
    asked = 0
    problems: list[str] = []
    async for bot in vault.bots():
        if asked == ASKED:
            break
        asked += 1
        where = bot.team_name or bot.team_id or bot.enterprise_id
        try:
            await _tried(clients, bot.bot_token, f"The token of {where} is refused")
        except Amiss as problem:
            problems.append(str(problem))
    if problems:
        raise Amiss(" ".join(problems))
    if not asked:
        return "no workspace has the app yet: it is installed at /slack/install of `mockingbird web`"
    return f"{_counted(asked)} asked, and nothing is missing"


async def _tried(clients: Clients, token: str, refused: str) -> str:
    """Who a token stands for, and where. Raises Amiss for one that Slack refuses, or that lacks a scope."""
    try:
        told = await clients.with_token(token).auth_test()
    except SlackApiError as problem:
        raise Amiss(f"{refused}: {_advice(problem, OF_A_TOKEN)}.") from None
    who, where = told.get("user"), told.get("team")
    if not told.get("bot_id"):
        raise Amiss(f"{refused}: it is {who}'s own. The Bot User OAuth Token begins with xoxb-.")
    granted: str | None = told.headers.get("x-oauth-scopes")
    if granted is None:
        return f"{who} in {where}; this Slack doesn't tell its scopes"
    if lacking := missing(granted.split(",")):
        raise Amiss(
            f"In {where} the app lacks {', '.join(lacking)}. Paste what `mockingbird slack manifest` prints under "
            f"App Manifest in the app's settings, then {REINSTALL}."
        )
    return f"{who} in {where}, with all {len(SCOPES)} scopes"


async def _socket(settings: Settings, patience: float) -> str:
    """Connect over Socket Mode, for no longer than it takes Slack to say hello. Raises Amiss."""
    async with _asking(settings) as (clients, session):
        client = clients.with_token(None)
        try:
            told = await client.apps_connections_open(app_token=settings.slack_app_token.get_secret_value())
        except SlackApiError as problem:
            raise Amiss(f"No connection over Socket Mode: {_advice(problem, OF_AN_APP_TOKEN)}.") from None
        async with session.ws_connect(told["url"], proxy=client.proxy) as connection:
            try:
                first: dict[str, Any] = await connection.receive_json(timeout=patience)
            except (TimeoutError, TypeError, ValueError):
                # Silence, a connection that is closed, or words that are none of Slack's.
                first = {}
    if first.get("type") != "hello":
        reason = first.get("reason") or "it says nothing"
        raise Amiss(f"No connection over Socket Mode: Slack does not say hello ({reason}). {SOCKET_MODE}.")
    others = int(first.get("num_connections") or 1) - 1
    beside = f"; {others} other connection{'s are' if others > 1 else ' is'} open" if others else ""
    return f"connected over Socket Mode{beside}"


@asynccontextmanager
async def _asking(settings: Settings) -> AsyncGenerator[tuple[Clients, aiohttp.ClientSession]]:
    """Clients of Slack's Web API, and the session they share. Raises Amiss when it can't be reached."""

    async def nobody(_: str) -> str | None:
        return None

    api = settings.slack_api_url
    try:
        async with aiohttp.ClientSession() as session:
            yield Clients(session, api, nobody), session
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise Amiss(
            f"Slack can't be reached at {api} ({type(problem).__name__}): look at the network, at HTTPS_PROXY if you need a "
            "proxy, and at SLACK_API_URL if you have set it."
        ) from None


def _advice(problem: SlackApiError, known: Mapping[str, str]) -> str:
    """What to do about Slack's refusal."""
    said = error(problem)
    if said in known:
        return f"{known[said]} ({said})"
    return f"Slack says {said}, which may pass: try again in a minute" if passing(problem) else known[""].format(said)


def _counted(workspaces: int) -> str:
    return f"{workspaces} workspace{'' if workspaces == 1 else 's'}"
