"""Measures what taking in a message from Discord costs: our bot against a bare discord.py bot that only shows that it types.

Both are processes of their own, connected to the same stand-in for Discord's gateway and REST API, and given the same messages at
the same pace, in turns. Ours takes in answers to interviews that are under way (it looks up whose room it is, admits the message
and adds its turn); the turns themselves are left to `mockingbird worker`. A message counts as handled once the bot has typed and,
with ours, once it is in the store.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
from aiohttp import web
from discord.ext import commands
from discord.http import Route

from bot.cli.common import bank, make_interviewer
from bot.discord.places import DIRECT, Place, person, room
from bot.discord.service import run, running
from bot.settings import Settings as Environment
from evals.timing import ANSWER, median, milliseconds, paced, under_way
from interviewer import embedded
from interviewer.engine import Pace
from interviewer.ports import Room
from interviewer.store import RedisStore

TOKEN, BOT = "bench", 1
TALKERS = 200
"""Interviews under way."""
PEOPLE = [(10_000 + n, Place(DIRECT, 20_000 + n, "1")) for n in range(TALKERS)]
EPOCH_MS = 1_420_070_400_000
"""Where Discord's ids begin to count."""
AT_ONCE = 32
"""Messages on their way when the bot is given as many as it takes."""


# --- Discord --------------------------------------------------------------------------------------------------------


class Stand:
    """As much of Discord as the two bots need, one at a time: `says` sends a message and waits until the bot types there."""

    def __init__(self) -> None:
        self._socket: web.WebSocketResponse | None = None
        self._ready = asyncio.Event()
        self._sequence = itertools.count(1)
        self._ids = itertools.count(1)
        self._typed: dict[int, asyncio.Future[float]] = {}
        self._people: Iterator[tuple[int, Place]] = itertools.cycle(PEOPLE)
        self.sent = 0

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        """Its API's address, for as long as it is needed."""
        application = web.Application()
        application.add_routes([web.get("/gateway/", self._gateway), web.route("*", "/api/v10/{path:.*}", self._rest)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = int(runner.addresses[0][1])
        try:
            yield f"http://127.0.0.1:{self._port}/api/v10"
        finally:
            await runner.cleanup()

    async def connected(self) -> None:
        """Wait for a bot."""
        await asyncio.wait_for(self._ready.wait(), 60)

    def next(self) -> None:
        """Expect another bot."""
        self._ready.clear()

    async def says(self) -> float:
        """Seconds from a message until the bot types."""
        user, where = next(self._people)
        while where.channel in self._typed:
            user, where = next(self._people)
        typed = self._typed[where.channel] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._create(where.channel, user, ANSWER, bot=False)
        self.sent += 1
        ended = await asyncio.wait_for(typed, 30)
        # What the bot says ends its typing: without it the next message here would find it typing still.
        await self._create(where.channel, BOT, "Go on.", bot=True)
        return ended - began

    async def _create(self, channel: int, user: int, content: str, *, bot: bool) -> None:
        author = {"id": str(user), "username": f"u{user}", "discriminator": "0", "avatar": None, "bot": bot}
        id = ((int(time.time() * 1000) - EPOCH_MS) << 22) + next(self._ids) % (1 << 22)
        message: dict[str, Any] = {
            "id": str(id),
            "channel_id": str(channel),
            "author": author,
            "content": content,
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "channel_type": 1,
        }
        await self._event("MESSAGE_CREATE", message)

    async def _event(self, name: str, payload: dict[str, Any]) -> None:
        assert self._socket
        await self._socket.send_str(json.dumps({"op": 0, "t": name, "s": next(self._sequence), "d": payload}))

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}})
        async for received in socket:
            told = json.loads(received.data)
            if told["op"] == 1:
                await socket.send_json({"op": 11})
            elif told["op"] == 2:
                self._socket = socket
                await self._event(
                    "READY",
                    {
                        "v": 10,
                        "user": {
                            "id": str(BOT),
                            "username": "bench",
                            "discriminator": "0",
                            "avatar": None,
                            "bot": True,
                        },
                        "guilds": [],
                        "session_id": "bench",
                        "resume_gateway_url": f"ws://127.0.0.1:{self._port}/gateway/",
                        "shard": told["d"].get("shard", [0, 1]),
                        "application": {"id": "2", "flags": 0},
                    },
                )
                self._ready.set()
        return socket

    async def _rest(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path.endswith("/typing"):
            typed = self._typed.pop(int(path.split("/")[1]), None)
            if typed:
                typed.set_result(time.perf_counter())
            return web.Response(status=204)
        if path == "gateway/bot":
            limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
            address = f"ws://127.0.0.1:{self._port}/gateway/"
            return _json({"url": address, "shards": 1, "session_start_limit": limit})
        if path == "users/@me":
            return _json({"id": str(BOT), "username": "bench", "discriminator": "0", "avatar": None})
        if path == "oauth2/applications/@me":
            owner = {"id": "3", "username": "owner", "discriminator": "0", "avatar": None}
            about = {
                "owner": owner,
                "name": "bench",
                "description": "",
                "icon": None,
                "summary": "",
                "verify_key": "",
                "flags": 0,
            }
            return _json({"id": "2", "bot_public": False, "bot_require_code_grant": False, **about})
        return _json([])


def _json(data: Any) -> web.Response:
    # As Discord names it: discord.py takes a type with a character set for text.
    return web.Response(body=json.dumps(data).encode(), headers={"Content-Type": "application/json"})


# --- the bots -------------------------------------------------------------------------------------------------------


async def bare(api: str) -> None:
    """A discord.py bot that types when it is written to, and does nothing else."""
    Route.BASE = api
    intents = discord.Intents.none()
    intents.guilds = intents.guild_messages = intents.dm_messages = True
    bot = commands.AutoShardedBot(command_prefix=commands.when_mentioned, help_command=None, intents=intents)

    async def on_message(message: discord.Message) -> None:
        if not message.author.bot:
            await message.channel.typing()

    bot.event(on_message)
    async with bot:
        await bot.start(TOKEN)


async def ours(api: str, url: str) -> None:
    """Our bot, taking in only."""
    settings = Environment(discord_token=TOKEN, discord_api_url=api)  # pyright: ignore[reportCallIssue, reportArgumentType]
    interviewer = make_interviewer(offline=True)
    async with running(settings, url, bank(), interviewer, pace=Pace(works=False)) as part:
        await run(part, asyncio.Event(), lambda: None)


# --- the measurement ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def process(stand: Stand, *arguments: str) -> AsyncGenerator[None]:
    """A bot of its own process, connected."""
    stand.next()
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "evals.bench_discord", *arguments)
    try:
        await stand.connected()
        await asyncio.sleep(2)  # what a bot does on being ready is not measured
        yield
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def flat_out(stand: Stand, seconds: float, admitted: "Admitted | None") -> float:
    """Messages handled a second with so many on their way."""
    before = await admitted.count() if admitted else 0
    began = time.perf_counter()
    end, done = began + seconds, 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await stand.says()
            done += 1

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    while admitted and await admitted.count() < before + done:  # noqa: ASYNC110 (it is another process's doing)
        await asyncio.sleep(0.01)
    return done / (time.perf_counter() - began)


class Admitted:
    """How many messages wait in the store."""

    def __init__(self, url: str) -> None:
        self._store = RedisStore.from_url(url)

    async def count(self) -> int:
        """Of all interviews together."""
        redis = vars(self._store)["_redis"]
        return sum([await redis.llen(f"mb:{{t:{where.thread}}}:in") for _, where in PEOPLE])

    async def aclose(self) -> None:
        await self._store.aclose()


async def measure(home: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """The two bots in turns."""
    typed: dict[str, list[float]] = {"bare": [], "ours": []}
    capacity: dict[str, list[float]] = {"bare": [], "ours": []}
    stand = Stand()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded.running(home))
        await under_way(server.url, [(person(user), where.thread) for user, where in PEOPLE])
        admitted = Admitted(server.url)
        stack.push_async_callback(admitted.aclose)
        async with RedisStore.from_url(server.url) as store:
            for user, where in PEOPLE:
                await store.enter(room(where.channel), Room(person(user), where.thread), before="")
        api = await stack.enter_async_context(stand.listening())
        for _ in range(rounds):
            for name, arguments in (("bare", ()), ("ours", ("--store", server.url))):
                async with process(stand, name, "--api", api, *arguments):
                    await paced(stand.says, 50, 2)  # connections and caches
                    typed[name] += await paced(stand.says, 50, seconds)
                    counted = admitted if name == "ours" else None
                    capacity[name].append(await flat_out(stand, seconds, counted))
    handled = {name: round(median(values)) for name, values in capacity.items()}
    return {
        "discord_typing_at_50_a_second_ms": {name: milliseconds(values) for name, values in typed.items()},
        "discord_typing_p50_ratio": round(median(typed["ours"]) / median(typed["bare"]), 2),
        "discord_events_a_second": handled,
        "discord_events_ratio": round(handled["bare"] / handled["ours"], 2),
    }


def figures(rounds: int = 3, seconds: float = 8) -> dict[str, Any]:
    """What `make bench` prints of Discord."""
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as folder:
        return asyncio.run(measure(Path(folder), rounds, seconds))


def main() -> None:
    """Measure and print, or be one of the bots that are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", choices=["bare", "ours"])
    parser.add_argument("--api", default="")
    parser.add_argument("--store", default="")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if asked.role is None:
        sys.stdout.write(json.dumps(figures(asked.rounds, asked.seconds), indent=2) + "\n")
        return
    os.environ["MOCKINGBIRD_ENV"] = os.devnull
    asyncio.run(bare(asked.api) if asked.role == "bare" else ours(asked.api, asked.store))


if __name__ == "__main__":
    main()
