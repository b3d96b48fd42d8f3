"""Owns the HTTP side of the bot: Slack's signed requests, installing by OAuth, and whether the bot is well."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.slack.service import Slack
from interviewer.ports import StoreUnavailable

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
            yield

    async def slack(request: Request) -> Response:
        if int(request.headers.get("content-length") or 0) > LONGEST_BODY:
            return Response("Too large.", status_code=413)
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
            Route(EVENTS, slack, methods=["POST"]),
            Route("/slack/install", slack, methods=["GET"]),
            Route("/slack/oauth_redirect", slack, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ],
    )
