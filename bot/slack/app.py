"""Owns the Bolt app: which of Slack's requests goes to which method of the reception, over Socket Mode and HTTP alike.

Bolt runs each listener before it answers (`process_before_response`): Slack is acknowledged once a message is admitted, and a
listener that fails is not acknowledged at all, so that Slack delivers again. (Bolt's other way acknowledges events before
their listener runs, and polls every 10 ms for the acknowledgement of everything else.)
"""

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any, Protocol

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError

from bot.slack.arrivals import Changed, Said, read
from bot.slack.asides import Who
from bot.slack.clients import Clients, NotInstalled, error, passing
from bot.slack.hearing import Hearing
from bot.slack.reception import Reception

logger = logging.getLogger(__name__)

COMMAND = "/interview"
ANY = re.compile(".*")
NOT_INSTALLED = "I am not installed in this workspace any more: whoever administers it can install me again."
TROUBLE = "Something on my side is not working just now. Nothing is lost: try again in a minute."


class Ack(Protocol):
    """Bolt's way to acknowledge, with what is shown at once."""

    async def __call__(self, *said: Any, **shown: Any) -> Any: ...


Registry = Any
"""A Bolt app whose listeners are registered: its decorators take functions of any kind, which strict checking can't follow."""


class SlackAway(Exception):
    """Slack could not say who the bot is just now."""


class Authorize(AsyncAuthorize):
    """Who the bot is in a workspace. Slack is asked once for each token, not with every request."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, AuthorizeResult] = {}

    async def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] (Bolt takes None for "not installed")
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        **_: Any,
    ) -> AuthorizeResult | None:
        try:
            client = await self._clients.of(team_id or "")
        except NotInstalled as problem:
            logger.warning("%s", problem)
            return None
        token = str(client.token)
        if token not in self._known:
            try:
                told: Any = await client.auth_test()
            except SlackApiError as problem:
                # Bolt would acknowledge what it can't place; what Slack only stumbled over is to be delivered again.
                if passing(problem):
                    raise SlackAway(error(problem)) from None
                raise
            self._known[token] = AuthorizeResult(
                enterprise_id=told.get("enterprise_id"),
                team_id=told.get("team_id"),
                bot_user_id=told.get("user_id"),
                bot_id=told.get("bot_id"),
                bot_token=token,
            )
        return self._known[token]


def make_app(
    hearing: Hearing,
    reception: Reception,
    authorize: Authorize,
    client: Any,
    *,
    signing_secret: str = "",
    oauth: AsyncOAuthSettings | None = None,
) -> AsyncApp:
    """The app. Without a signing secret it is for Socket Mode, where Slack is known by the connection."""
    authorizing: Any = authorize
    app = AsyncApp(
        name="Mockingbird",
        client=client,
        authorize=authorizing,
        oauth_settings=oauth,
        signing_secret=signing_secret or None,
        request_verification_enabled=bool(signing_secret),
        process_before_response=True,
        user_facing_authorize_error_message=NOT_INSTALLED,
    )
    if oauth:
        app.enable_token_revocation_listeners()
    else:
        _ignores(app, "tokens_revoked", "app_uninstalled")
    _events(app, hearing, reception)
    _interactions(app, reception)
    app.error(_failed)
    return app


def _events(app: Registry, hearing: Hearing, reception: Reception) -> None:
    async def message(event: dict[str, Any], context: AsyncBoltContext) -> None:
        await _arrived(hearing, event, context)

    async def mention(event: dict[str, Any], context: AsyncBoltContext) -> None:
        await _arrived(hearing, event, context, mentioned=True)

    async def home(event: dict[str, Any], context: AsyncBoltContext) -> None:
        who = Who(context.team_id or "", str(event["user"]), str(event.get("channel") or ""))
        if event.get("tab") == "home":
            reception.visit(who)
        elif who.channel:
            reception.greet(who)

    async def stop(event: dict[str, Any], context: AsyncBoltContext, body: Mapping[str, Any]) -> None:
        where: Mapping[str, Any] = event.get("assistant_thread") or event.get("session") or event
        channel, thread = where.get("channel") or where.get("channel_id"), where.get("thread_ts")
        user = event.get("user") or where.get("user_id")
        if channel and thread and user:
            id = str(body.get("event_id") or event.get("event_ts"))
            await hearing.stopped(Who(context.team_id or "", str(user), str(channel)), str(thread), id)

    app.event("message")(message)
    app.event("app_mention")(mention)
    app.event("app_home_opened")(home)
    app.event("agent_session_stopped")(stop)


def _ignores(app: Registry, *events: str) -> None:
    """Acknowledge events that mean nothing where there is one workspace and its token is a setting."""

    async def nothing() -> None: ...

    for event in events:
        app.event(event)(nothing)


async def _arrived(
    hearing: Hearing, event: Mapping[str, Any], context: AsyncBoltContext, *, mentioned: bool = False
) -> None:
    match read(event, context.team_id or "", context.bot_user_id or "", context.enterprise_id or ""):
        case Said() as said:
            await hearing.said(said, mentioned)
        case Changed() as changed:
            await hearing.changed(changed)
        case None:
            pass


def _interactions(app: Registry, reception: Reception) -> None:
    async def ordered(ack: Ack, body: Mapping[str, Any], context: AsyncBoltContext) -> None:
        channel, name = str(body.get("channel_id") or ""), str(body.get("channel_name") or "")
        who = Who(context.team_id or "", str(body["user_id"]), channel, name)
        # Slack does not redeliver a command; its trigger is as good a name as any.
        told = await reception.ordered(
            who, str(body.get("text") or ""), f"order:{body['trigger_id']}", str(body["trigger_id"])
        )
        if isinstance(told, str):
            await ack(text=told)
        elif told:
            await ack(text="Mockingbird", blocks=told)
        else:
            await ack()

    async def pressed(ack: Ack, body: Mapping[str, Any], action: Mapping[str, Any], context: AsyncBoltContext) -> None:
        container: Mapping[str, Any] = body.get("container") or {}
        view: Mapping[str, Any] = body.get("view") or {}
        who, trigger = _who(body, context), str(body.get("trigger_id") or "")
        # The App Home has no message; its hash is another each time it is drawn.
        message = str(container.get("message_ts") or view.get("hash") or trigger)
        thread = str(container.get("thread_ts") or "")
        await reception.pressed(who, str(action["action_id"]), str(action.get("value") or ""), message, trigger, thread)
        await ack()

    async def submitted(ack: Ack, body: Mapping[str, Any], view: Mapping[str, Any], context: AsyncBoltContext) -> None:
        then = await reception.submitted(_who(body, context), view)
        await ack(**(then or {}))

    async def searched(
        ack: Ack, body: Mapping[str, Any], payload: Mapping[str, Any], context: AsyncBoltContext
    ) -> None:
        typed = str(payload.get("value") or "")
        await ack(options=await reception.options(_who(body, context), str(payload["action_id"]), typed))

    app.command(COMMAND)(ordered)
    app.action(ANY)(pressed)
    app.view(ANY)(submitted)
    app.options(ANY)(searched)


def _who(body: Mapping[str, Any], context: AsyncBoltContext) -> Who:
    user: Mapping[str, Any] = body["user"]
    channel: Mapping[str, Any] = body.get("channel") or {}
    # The workspace the app is installed in, which a person's own need not be.
    where, name = str(channel.get("id") or ""), str(channel.get("name") or "")
    return Who(context.team_id or "", str(user["id"]), where, name)


async def _failed(error: Exception, body: Mapping[str, Any]) -> BoltResponse | None:
    """Not acknowledged, so Slack delivers again; somebody who typed a command is told. What they wrote is not logged."""
    where = "".join(traceback.format_tb(error.__traceback__)[-3:])
    logger.error("A request of type %s failed: %s\n%s", body.get("type"), type(error).__name__, where)
    return BoltResponse(status=200, body=TROUBLE) if "command" in body else BoltResponse(status=500, body="")
