"""Runs the Slack of our tests by itself: prints the settings that point an app to it, and takes deeds over HTTP.

    python -m tests.slack --port 8400
    curl -d '{"user": "ana", "text": "start"}' localhost:8400/control/types
    curl localhost:8400/control/picture

A deed is a method of `driver.People` with its arguments as JSON; "ana" and her direct message are there from the start.
"""

import argparse
import asyncio
import sys
from typing import Any

from aiohttp import web

from tests.slack.people import User
from tests.slack.server import SlackServer

DEEDS = frozenset(
    {"types", "edits", "deletes", "slash", "presses", "presses_in_home", "presses_in_modal", "submits"}
) | {
    "closes_modal",
    "opens_home",
    "stops",
    "uninstalls",
}


async def serve(port: int, request_url: str) -> None:
    """Serve until cancelled."""

    async def control(request: web.Request) -> web.Response:
        deed = request.match_info["deed"]
        if deed == "picture":
            return web.Response(text=slack.picture() + "\n")
        if deed not in DEEDS:
            return web.Response(status=404, text=f"no such deed; there are {', '.join(sorted(DEEDS))}\n")
        given: dict[str, Any] = await request.json() if request.can_read_body else {}
        if "user" in given:
            given["user"] = people.get(given["user"], given["user"])
            if deed in {"types", "slash", "presses", "stops"}:
                given.setdefault("channel", None)
        try:
            delivery = await getattr(slack, deed)(**given)
            ack = await delivery.acked
        except (AssertionError, KeyError, TypeError) as error:
            return web.Response(status=400, text=f"{error!r}\n")
        return web.json_response({"ts": delivery.ts, "thread": delivery.thread, "status": ack.status, "body": ack.body})

    routes = [web.route("*", "/control/{deed}", control)]
    async with SlackServer(port=port, request_url=request_url, routes=routes) as slack:
        people: dict[str, User] = {"ana": slack.adds_user("ana")}
        for name, value in slack.environment().items():
            sys.stdout.write(f"{name}={value}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.slack", description="A Slack on this machine")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--request-url", default="", help="deliver over HTTP to there; over Socket Mode without it")
    given = parser.parse_args()
    try:
        asyncio.run(serve(given.port, given.request_url))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
