"""Measures what admitting a message from Slack costs: our app against a bare slack-bolt app that only acknowledges.

Both are processes of their own under uvicorn, given the same signed messages over HTTP at the same pace, in turns. Ours takes
in answers to interviews that are under way (it looks the interview up, admits the message, adds its turn, and shows eyes and a
status through Slack's Web API); the turns themselves are left to `mockingbird worker`, as where many write at once.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.cli.common import bank, make_interviewer
from bot.settings import Settings as Environment
from bot.slack.places import Place, person
from bot.slack.service import running
from bot.web import make_web
from evals.timing import ANSWER, Send, median, milliseconds, paced, under_way
from interviewer import embedded
from interviewer.engine import Pace

SECRET = "bench"  # noqa: S105
TEAM, BOT = "T0BENCH", "U0BOT"
TALKERS = 100
"""Interviews under way."""
PEOPLE = [
    (f"U{number:08}", Place(TEAM, f"D{number:08}", f"{1_700_000_000 + number}.000100")) for number in range(TALKERS)
]


# --- the processes --------------------------------------------------------------------------------------------------


def serve(app: Starlette, port: int) -> None:
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def stub() -> Starlette:
    """A Slack that says yes to everything."""

    async def api(request: Request) -> Response:
        await request.body()
        return JSONResponse({"ok": True, "team_id": TEAM, "user_id": BOT, "bot_id": "B0BOT", "ts": "1.1"})

    return Starlette(routes=[Route("/api/{method}", api, methods=["POST"])])


def bare(api: str) -> Starlette:
    """A Bolt app that acknowledges messages and does nothing else."""
    app: Any = AsyncApp(client=AsyncWebClient(token="xoxb-bench", base_url=api), signing_secret=SECRET)  # noqa: S106

    async def message() -> None: ...

    app.event("message")(message)
    handler = AsyncSlackRequestHandler(app)

    async def slack(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", slack, methods=["POST"])])


def ours(api: str, url: str) -> Starlette:
    """Our app, taking in only."""
    chosen: dict[str, Any] = {"slack_api_url": api, "slack_bot_token": "xoxb-bench", "slack_signing_secret": SECRET}
    interviewer = make_interviewer(offline=True)
    return make_web(
        lambda: running(Environment(**chosen), url, bank(), interviewer, signed=True, pace=Pace(works=False))
    )


# --- the load -------------------------------------------------------------------------------------------------------


def requests() -> Iterator[tuple[bytes, dict[str, str]]]:
    """Signed messages, each new, from everybody in turn."""
    for number, (user, where) in zip(itertools.count(), itertools.cycle(PEOPLE), strict=False):
        ts = f"{time.time():.0f}.{number:06}"
        event = {
            "type": "message",
            "channel": where.channel,
            "channel_type": "im",
            "user": user,
            "text": ANSWER,
            "ts": ts,
            "thread_ts": where.ts,
            "event_ts": ts,
        }
        body = json.dumps(
            {
                "type": "event_callback",
                "team_id": TEAM,
                "api_app_id": "A1",
                "event": event,
                "event_id": f"Ev{number}",
                "event_time": int(time.time()),
                "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            }
        )
        now = str(int(time.time()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=now, body=body)
        headers = {"x-slack-request-timestamp": now, "x-slack-signature": str(signature)}
        yield body.encode(), {**headers, "content-type": "application/json"}


def sender(session: aiohttp.ClientSession, port: int, made: Iterator[tuple[bytes, dict[str, str]]]) -> Send:
    """What sends the next message and returns the seconds until it was acknowledged."""

    async def send() -> float:
        body, headers = next(made)
        began = time.perf_counter()
        async with session.post(f"http://127.0.0.1:{port}/slack/events", data=body, headers=headers) as response:
            await response.read()
            if response.status != 200:
                raise RuntimeError(f"not acknowledged: {response.status}")
        return time.perf_counter() - began

    return send


async def flat_out(send: Send, seconds: float, at_once: int = 16) -> float:
    """Messages acknowledged a second with so many on their way."""
    end, done = time.perf_counter() + seconds, 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await send()
            done += 1

    await asyncio.gather(*(one() for _ in range(at_once)))
    return done / seconds


# --- the measurement ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def process(*arguments: str, port: int) -> AsyncGenerator[None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "evals.bench_slack", *arguments, "--port", str(port)
    )
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(60):
                while True:
                    try:
                        async with session.get(f"http://127.0.0.1:{port}/health"):
                            break
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.05)
        yield
    finally:
        child.terminate()
        await child.wait()


async def measure(home: Path, rounds: int, seconds: float, heavy: float) -> dict[str, Any]:
    """Everything, in one run: the two apps in turns, then ours under the heavy load."""
    ports = {"stub": 8471, "bare": 8472, "ours": 8473}
    api = f"http://127.0.0.1:{ports['stub']}/api/"
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded.running(home))
        await under_way(server.url, [(person(TEAM, user), where.thread) for user, where in PEOPLE])
        await stack.enter_async_context(process("stub", port=ports["stub"]))
        await stack.enter_async_context(process("bare", "--api", api, port=ports["bare"]))
        await stack.enter_async_context(process("ours", "--api", api, "--store", server.url, port=ports["ours"]))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        made = requests()
        send = {name: sender(session, ports[name], made) for name in ("bare", "ours")}
        acknowledged: dict[str, list[float]] = {"bare": [], "ours": []}
        for name in ("bare", "ours"):
            await paced(send[name], 50, 2)  # connections and caches
        for _ in range(rounds):
            for name in ("bare", "ours"):
                acknowledged[name] += await paced(send[name], 50, seconds)
        capacity = {name: round(await flat_out(send[name], seconds)) for name in ("bare", "ours")}
        loaded = await paced(send["ours"], 200, heavy)
    return {
        "slack_ack_at_50_a_second_ms": {name: milliseconds(values) for name, values in acknowledged.items()},
        "slack_ack_p50_ratio": round(median(acknowledged["ours"]) / median(acknowledged["bare"]), 2),
        "slack_events_a_second": capacity,
        "slack_ack_at_200_a_second_ms": {
            **milliseconds(loaded),
            "worst": round(max(loaded) * 1000, 1),
            "over_3_s": sum(value > 3 for value in loaded),
            "seconds": heavy,
        },
    }


def figures(rounds: int = 4, seconds: float = 10, heavy: float = 60) -> dict[str, Any]:
    """What `make bench` prints of Slack."""
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        return asyncio.run(measure(Path(folder), rounds, seconds, heavy))


def main() -> None:
    """Measure and print, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", choices=["stub", "bare", "ours"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api", default="")
    parser.add_argument("--store", default="")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--heavy", type=float, default=60)
    asked = parser.parse_args()
    if asked.role is None:
        sys.stdout.write(json.dumps(figures(seconds=asked.seconds, heavy=asked.heavy), indent=2) + "\n")
        return
    os.environ["MOCKINGBIRD_ENV"] = os.devnull
    app = {"stub": stub, "bare": lambda: bare(asked.api), "ours": lambda: ours(asked.api, asked.store)}[asked.role]()
    serve(app, asked.port)


if __name__ == "__main__":
    main()
