"""Owns Slack's part of a running bot: everything wired together, for Socket Mode (`run`) and for HTTP (`bot/web.py`)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_sdk.web.async_client import AsyncWebClient

from bot.daily import holidays
from bot.daily_desk import Desk
from bot.daily_planning import Planning
from bot.settings import Settings
from bot.slack.app import Authorize, make_app
from bot.slack.asides import Asides
from bot.slack.clients import Api, Clients
from bot.slack.daily import Daily
from bot.slack.daily_orders import Orders
from bot.slack.errands import Errands
from bot.slack.hearing import Hearing
from bot.slack.manifest import SCOPES
from bot.slack.noticeboard import SlackNoticeboard
from bot.slack.places import SCHEME, ours, team
from bot.slack.platform import SlackPlatform
from bot.slack.presence import Presence
from bot.slack.reception import Reception
from bot.slack.vault import Vault
from bot.wiring import Interviewer
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine, Pace
from interviewer.herald import ERRAND, Herald
from interviewer.model import Inbound
from interviewer.ports import Clock, by
from interviewer.questions import Bank
from interviewer.store import RedisStore

DOCKET = "mockingbird"
IN_CHAT = Pace()
ADMITTING = Pace(works=False)
"""For a process that only takes in, and leaves turns and errands to workers."""


class NotConfigured(Exception):
    """Something is not set that Slack needs. Its text says what, and where to find it."""


@dataclass(frozen=True)
class Slack:
    """A running Slack part: the Bolt app and the engine behind it."""

    app: AsyncApp
    engine: Engine
    store: RedisStore
    clients: Clients
    settings: Settings
    works: bool = True
    """Whether this process runs turns too, rather than only take in."""

    @property
    def installs(self) -> bool:
        """Whether workspaces install the app by OAuth, rather than that one token is set."""
        return _installs(self.settings)

    async def ended(self) -> None:
        """Return when no turn is run any more; never where none is. Raises what the engine died of."""
        await (self.engine.ended() if self.works else asyncio.Event().wait())

    async def socket(self) -> AsyncSocketModeHandler:
        """Where Socket Mode is to connect to, which Slack's Web API is asked with the app-level token. Raises SlackApiError,
        aiohttp.ClientError and TimeoutError: a handler that asked by itself would ask a wrong token's Slack for ever."""
        token = self.settings.slack_app_token.get_secret_value()
        web: Api = AsyncWebClient(token=token, base_url=self.settings.slack_api_url)
        told: Any = await web.apps_connections_open(app_token=token)
        handler = AsyncSocketModeHandler(self.app, token, web_client=web)
        handler.client.wss_uri = told["url"]
        return handler


@asynccontextmanager
async def running(  # noqa: PLR0913 (what a whole platform is made of)
    settings: Settings,
    url: str,
    bank: Bank,
    interviewer: Interviewer,
    *,
    signed: bool,
    pace: Pace = IN_CHAT,
    clock: Clock | None = None,
) -> AsyncGenerator[Slack]:
    """Slack's part on the store at `url`; leaving it drains. `signed`: requests come over HTTP and are signed. Daily questions go
    by `clock`, or the store's."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(RedisStore.from_url(url, keep=settings.keep))
        kept = await stack.enter_async_context(DailyStore.from_url(url, keep=settings.keep))
        vault = (
            await stack.enter_async_context(Vault.from_url(url, settings.slack_keys)) if settings.slack_keys else None
        )
        token = settings.slack_bot_token.get_secret_value()
        if not token and vault is None:
            raise NotConfigured(
                "Slack needs SLACK_BOT_TOKEN (one workspace; OAuth & Permissions in your app's settings), or for many "
                "workspaces SLACK_CLIENT_ID, SLACK_CLIENT_SECRET and SLACK_ENCRYPTION_KEYS (docs/slack.md)."
            )
        tokens = _one(token) if token or vault is None else vault.token
        clients = await stack.enter_async_context(Clients.open(settings.slack_api_url, tokens))
        presence = Presence(clients)
        platform = SlackPlatform(clients, store, presence)
        ports = interviewer.ports(store, platform, time.time, team)

        async def submit(event: str, inbound: Inbound) -> bool | None:
            return await engine.submit(event, inbound)

        errands = Errands(store, kept, bank, clients, platform, submit, interviewer.prepare, settings.slack_guests)
        noticeboard = SlackNoticeboard(clients, platform)
        now, clock = by(clock) if clock else kept.now, clock or time.time
        herald = Herald(kept, bank, interviewer.rater, noticeboard, holidays, now, SCHEME)
        engine = Engine(ports, url, pace, DOCKET, ours, {**errands.by_name(), ERRAND: herald.do})
        asides = Asides(clients)
        desk = Desk(kept, bank, interviewer.rater, clock)
        daily = Daily(desk, engine, store, clients, asides)
        orders = Orders(Planning(kept, bank, clock), noticeboard, store, clients, asides, settings.slack_admins)
        hearing = Hearing(engine, store, bank, asides, presence, daily)
        reception = Reception(
            engine, errands, asides, daily, orders, voice=interviewer.models, keep_days=settings.retention_days
        )
        secret = settings.slack_signing_secret.get_secret_value() if signed else ""
        oauth = _oauth(settings, vault) if vault and _installs(settings) else None
        client = clients.with_token(None)
        # The engine ends first: its turns post, and the reception's last words follow.
        stack.push_async_callback(platform.aclose)
        stack.push_async_callback(asides.aclose)
        await stack.enter_async_context(engine)
        if pace.works:
            await stack.enter_async_context(herald.at_work(engine.ask))
        yield Slack(
            make_app(hearing, reception, Authorize(clients), client, signing_secret=secret, oauth=oauth),
            engine,
            store,
            clients,
            settings,
            pace.works,
        )


async def run(slack: Slack, stop: asyncio.Event, connected: Callable[[], None]) -> None:
    """Serve over Socket Mode until told to stop, or until the engine dies. Raises as `Slack.socket` if Slack won't have it."""
    handler = await slack.socket()

    async def serve() -> None:
        await handler.connect_async()
        connected()
        await slack.ended()

    serving, stopping = asyncio.create_task(serve()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        for task in (serving, stopping):
            task.cancel()
        await asyncio.wait({serving, stopping})
        # No further message is taken in; what was admitted is answered while the engine drains.
        await handler.close_async()


def _installs(settings: Settings) -> bool:
    return bool(settings.slack_keys and settings.slack_client_id and not settings.slack_bot_token.get_secret_value())


def _one(token: str) -> Callable[[str], Awaitable[str | None]]:
    async def of(_: str) -> str | None:
        return token

    return of


def _oauth(settings: Settings, vault: Vault) -> AsyncOAuthSettings:
    options: dict[str, Any] = {
        "client_id": settings.slack_client_id,
        "client_secret": settings.slack_client_secret.get_secret_value(),
        "scopes": list(SCOPES),
        "installation_store": vault,
        "state_store": vault.states(),
        "authorization_url": settings.slack_authorize_url,
    }
    return AsyncOAuthSettings(**options)
