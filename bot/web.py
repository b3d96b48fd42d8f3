"""Owns the HTTP side of the bot: Slack's signed requests, installing by OAuth, and whether the bot is well."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from slack_bolt.adapter.starlette.async_handler import (
    AsyncSlackRequestHandler,
    to_async_bolt_request,
    to_starlette_response,
)
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.settings import Settings
from bot.slack.service import Slack
from interviewer.ports import StoreUnavailable

logger = logging.getLogger(__name__)

EVENTS = "/slack/events"
LONGEST_BODY = 1_000_000
"""Bytes of a request; Slack's are far smaller."""


def make_web(open_slack: Callable[[], AbstractAsyncContextManager[Slack]]) -> Starlette:
    """The ASGI app. `open_slack` is entered when it starts and left, which drains, when it stops."""
    state: dict[str, Slack] = {}

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with open_slack() as slack:
            state["slack"] = slack
            watching = asyncio.create_task(_dies_with(slack))
            yield
            watching.cancel()

    async def event(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response("Too large.", status_code=413)
        # Bolt reads what it is sent before it looks who has sent it, and breaks off at what is none of Slack's.
        if not _from_slack(state["slack"].settings, body, request.headers):
            return Response("Not signed by Slack.", status_code=401)
        return to_starlette_response(await state["slack"].app.async_dispatch(to_async_bolt_request(request, body)))

    async def install(request: Request) -> Response:
        # Bolt sets up an installation of its own, with tokens in plain files, wherever it finds SLACK_CLIENT_ID.
        if not state["slack"].installs:
            return Response("Nobody can install the app here: it has one workspace's token.", status_code=404)
        return await AsyncSlackRequestHandler(state["slack"].app).handle(request)

    async def health(_: Request) -> Response:
        try:
            await state["slack"].store.interview("health:nobody")
        except StoreUnavailable as problem:
            return JSONResponse({"ok": False, "store": str(problem)}, status_code=503)
        return JSONResponse({"ok": True})

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route(EVENTS, event, methods=["POST"]),
            Route("/slack/install", install, methods=["GET"]),
            Route("/slack/oauth_redirect", install, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
    )


async def _dies_with(slack: Slack) -> None:
    """End this process when nobody works in it any more: what it would take in would wait for somebody to notice."""
    if not slack.works:
        return
    with suppress(Exception):  # whatever it died of is raised once more when it is left
        await slack.engine.ended()
    logger.error("The engine has stopped, and the server stops with it.")
    signal.raise_signal(signal.SIGTERM)


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is longer than anything of Slack's, whatever length it said it had."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return bytes(body)


def _from_slack(settings: Settings, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether Slack signed this, within the last five minutes."""
    secret = settings.slack_signing_secret.get_secret_value()
    try:
        return bool(secret) and SignatureVerifier(secret).is_valid_request(body, dict(headers))
    except ValueError:
        return False  # no UTF-8, or a time that is no number
