"""Owns the gateway: the sessions of an app, what each is told, and the websockets over which it hears it."""

import asyncio
import json
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import discord
from aiohttp import WSMsgType, web
from simcord.backend import serializers
from simcord.gateway import FakeGateway, FakeWebSocket
from simcord.intents import PRIVILEGED_INTENTS

from tests.discord.reading import Json
from tests.discord.world import World

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 8, 9, 10, 11
UNKNOWN_OPCODE, NOT_AUTHENTICATED, AUTHENTICATION_FAILED = 4001, 4003, 4004
SESSION_TIMED_OUT, INVALID_SHARD, DISALLOWED_INTENTS = 4009, 4010, 4014


class Parsers:
    """What simcord's gateway hands events to, once it has left out what the intents don't allow."""

    def __init__(self, tell: Callable[[str, Json], None]) -> None:
        self._tell = tell

    def __getitem__(self, event: str) -> Callable[[Json], None]:
        return lambda payload: self._tell(event, payload)

    def get(self, event: str) -> Callable[[Json], None]:
        return self[event]


@dataclass
class State:
    """As much of a client's state as simcord's gateway looks at."""

    intents: discord.Intents
    parsers: Parsers


class Session:
    """What one shard of the app is told, whether or not it listens: it is kept, so that the shard can resume."""

    def __init__(self, world: World, shard: int, shards: int, intents: discord.Intents) -> None:
        self.id = secrets.token_hex(16)
        self.shard, self.shards = shard, shards
        self.told: list[Json] = []
        self.connection: Connection | None = None
        self._gateway = FakeGateway(world.backend, State(intents, Parsers(self.tell)))
        self._members = FakeWebSocket(world.backend, self._gateway, shard_id=shard)

    def tell(self, event: str, payload: Json) -> None:
        frame: Json = {"op": DISPATCH, "t": event, "s": len(self.told) + 1, "d": payload}
        self.told.append(frame)
        if self.connection:
            self.connection.sends(frame)

    def hears(self, event: str, payload: Mapping[str, Any]) -> None:
        """Tell of an event, if it is this shard's and the intents allow it."""
        guild = payload.get("guild_id")
        if guild is None and event in {"GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"}:
            guild = payload["id"]
        if (0 if guild is None else (int(guild) >> 22) % self.shards) == self.shard:
            self._gateway.feed(event, payload)

    async def members(self, asked: Json) -> None:
        """Answer a request for the members of a guild."""
        await self._members.request_chunks(
            int(asked["guild_id"]),
            asked.get("query"),
            limit=asked.get("limit", 0),
            user_ids=asked.get("user_ids"),
            presences=asked.get("presences", False),
            nonce=asked.get("nonce"),
        )


class Connection:
    """One websocket of the app's."""

    def __init__(self, gateway: "Gateway", socket: web.WebSocketResponse, compressed: bool) -> None:
        self._gateway, self._socket = gateway, socket
        self._zlib = zlib.compressobj() if compressed else None
        self._frames: asyncio.Queue[Json] = asyncio.Queue()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.session: Session | None = None
        self.resumed = False
        """Whether it went on with a session, and did not begin one."""

    @property
    def shard(self) -> int:
        assert self.session
        return self.session.shard

    def sends(self, frame: Json) -> None:
        self._frames.put_nowait(frame)

    async def deliver(self) -> None:
        """Send what there is to send, in order, until cancelled."""
        while True:
            frame = await self._frames.get()
            if frame["op"] == DISPATCH:
                await self._flowing.wait()
            text = json.dumps(frame)
            if self._zlib:
                packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                await self._socket.send_bytes(packed)
            else:
                await self._socket.send_str(text)

    # --- what a test does to it

    async def drop(self, code: int = 4000) -> None:
        """Cut it; the session is kept, and the app resumes it."""
        self._leaves()
        await self._socket.close(code=code)

    async def invalidate(self) -> None:
        """Cut it and forget the session: what happens until the app has identified anew is told to nobody."""
        if self.session:
            self._gateway.forgets(self.session)
        await self.drop(SESSION_TIMED_OUT)

    def asks_to_reconnect(self) -> None:
        """Ask the app to come again, as Discord does before it restarts a gateway."""
        self.sends({"op": RECONNECT, "d": None})

    def pause(self) -> None:
        """Hold events back from now on, while the connection stays."""
        self._flowing.clear()

    def proceed(self) -> None:
        """Deliver what was held back, and what comes."""
        self._flowing.set()

    # --- what the app does

    async def hears(self, frame: Json) -> int:
        """Do what the app asks; the code to close with, 0 for none."""
        match frame["op"]:
            case 1:
                self.sends({"op": ACK, "d": None})
            case 2:
                return self._identifies(frame["d"])
            case 3:
                return 0
            case 6:
                return self._resumes(frame["d"])
            case 8:
                if not self.session:
                    return NOT_AUTHENTICATED
                await self.session.members(frame["d"])
            case _:
                return UNKNOWN_OPCODE
        return 0

    def _identifies(self, given: Json) -> int:
        world = self._gateway.world
        if given["token"] != world.token:
            return AUTHENTICATION_FAILED
        intents = discord.Intents.none()
        intents.value = given["intents"]
        if any(getattr(intents, name) and name not in world.approved for name in PRIVILEGED_INTENTS):
            return DISALLOWED_INTENTS
        shard, shards = given.get("shard", (0, 1))
        if not 0 <= shard < shards:
            return INVALID_SHARD
        self.session = session = Session(world, shard, shards, intents)
        session.connection = self
        self._gateway.begins(session)
        return 0

    def _resumes(self, given: Json) -> int:
        world = self._gateway.world
        if given["token"] != world.token:
            return AUTHENTICATION_FAILED
        session = self._gateway.sessions.get(given["session_id"])
        if session is None:
            self.sends({"op": INVALID, "d": False})
            return 0
        if session.connection:
            session.connection.session = None
        self.session, self.resumed, session.connection = session, True, self
        for frame in session.told[given["seq"] :]:
            self.sends(frame)
        session.tell("RESUMED", {})
        self._gateway.resumed += 1
        world.changed()
        return 0

    def _leaves(self) -> None:
        if self.session and self.session.connection is self:
            self.session.connection = None
        self._gateway.leaves(self)


@dataclass
class Gateway:
    """The gateway connections that are live, oldest first, and how often the app identified and resumed."""

    world: World
    sessions: dict[str, Session] = field(default_factory=dict[str, Session])
    live: list[Connection] = field(default_factory=list[Connection])
    identified: int = 0
    resumed: int = 0
    refusing: bool = False
    """Whether new connections are refused, as while Discord is down."""
    refused: int = 0

    def __post_init__(self) -> None:
        self.world.listeners.append(self._hears)

    def __len__(self) -> int:
        return len(self.live)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self.live))

    def __getitem__(self, index: int) -> Connection:
        return self.live[index]

    @property
    def url(self) -> str:
        return self.world.base.replace("http", "ws", 1) + "/gateway/"

    async def drop(self, code: int = 4000) -> None:
        for connection in self:
            await connection.drop(code)

    async def invalidate(self) -> None:
        for connection in self:
            await connection.invalidate()

    def asks_to_reconnect(self) -> None:
        for connection in self:
            connection.asks_to_reconnect()

    def _hears(self, event: str, payload: Mapping[str, Any]) -> None:
        for session in list(self.sessions.values()):
            session.hears(event, payload)

    def forgets(self, session: Session) -> None:
        self.sessions.pop(session.id, None)

    def leaves(self, connection: Connection) -> None:
        if connection in self.live:
            self.live.remove(connection)
            self.world.changed()

    def begins(self, session: Session) -> None:
        """Tell a new session of the world."""
        world, backend = self.world, self.world.backend
        guilds = [
            guild
            for guild in backend.guilds.values()
            if world.is_member(guild.id) and (guild.id >> 22) % session.shards == session.shard
        ]
        ready: Json = {
            "v": 10,
            "user": dict(serializers.user_payload(backend.bot_user)),
            "private_channels": [],
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "shard": [session.shard, session.shards],
            "application": {"id": str(backend.application_id), "flags": flags(world)},
        }
        session.tell("READY", ready)
        for guild in guilds:
            payload: Json = {**serializers.guild_create_payload(backend, guild)}
            payload["threads"] = [each for each in payload["threads"] if is_open(world, each)]
            session.hears("GUILD_CREATE", payload)
        self.sessions[session.id] = session
        self.identified += 1
        world.changed()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One websocket, from beginning to end."""
        if self.refusing:
            self.refused += 1
            self.world.changed()
            return web.Response(status=503)
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        connection = Connection(self, socket, request.query.get("compress") == "zlib-stream")
        self.live.append(connection)
        delivering = asyncio.create_task(connection.deliver())
        connection.sends({"op": HELLO, "d": {"heartbeat_interval": 41_250}})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and (code := await connection.hears(json.loads(message.data))):
                    await connection.drop(code)
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            connection._leaves()  # pyright: ignore[reportPrivateUsage]
        return socket


def is_open(world: World, thread: Mapping[str, Any]) -> bool:
    """Whether a thread is one the app hears of when it connects."""
    return not thread["thread_metadata"]["archived"] and world.sees(int(thread["id"]))


def flags(world: World) -> int:
    """The app's public flags: that of a small app for each privileged intent the portal allows."""
    chosen = discord.ApplicationFlags(
        gateway_presence_limited="presences" in world.approved,
        gateway_guild_members_limited="members" in world.approved,
        gateway_message_content_limited="message_content" in world.approved,
    )
    return chosen.value
