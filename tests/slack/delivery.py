"""How the app is told what happened: over its Socket Mode connections, or by signed requests to its URL.

Each telling is a `Delivery`. Awaiting its `acked` gives the app's answer, and how long it took; a delivery that is never
answered, or answered with something Slack can't use, is an AssertionError there.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from tests.slack.people import Json, Refused
from tests.slack.world import PATIENCE, World


class Ack(NamedTuple):
    """The app's answer: an HTTP status (200 over Socket Mode), the body it carried (None if empty), and how long it took."""

    status: int
    body: Any
    seconds: float


@dataclass
class Delivery:
    """One telling. `kind` is events_api, interactive or slash_commands; `payload` is what the app gets; `id` is the envelope's.

    `also` are deliveries of the same happening (a mention is told as `app_mention` and as `message`). `lost`: nothing was sent,
    for the reason it gives."""

    id: str
    kind: str
    payload: Json
    attempt: int = 0
    reason: str = ""
    lost: str = ""
    also: "tuple[Delivery, ...]" = ()
    answer: "asyncio.Future[Ack]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    problem: str = ""
    began: float = 0.0

    @property
    def event_id(self) -> str:
        return str(self.payload.get("event_id", ""))

    @property
    def ts(self) -> str:
        """The timestamp of the message an event is about."""
        event = self.payload.get("event", {})
        return str(event.get("deleted_ts") or event.get("message", event).get("ts", ""))

    @property
    def thread(self) -> str:
        """The thread that message is in, or begins."""
        event = self.payload.get("event", {})
        return str(event.get("message", event).get("thread_ts") or self.ts)

    @property
    def trigger_id(self) -> str:
        return str(self.payload.get("trigger_id", ""))

    @property
    def acked(self) -> Coroutine[Any, Any, Ack]:
        """To await: the app's answer. Raises AssertionError when there is none, or none that Slack can use."""
        return self._acked()

    async def _acked(self) -> Ack:
        assert not self.lost, f"nothing was delivered: {self.lost}"
        try:
            async with asyncio.timeout(PATIENCE):
                ack = await asyncio.shield(self.answer)
        except TimeoutError:
            raise AssertionError(f"the app never acknowledged {self.kind} {json.dumps(self.payload)[:500]}") from None
        assert not self.problem, f"Slack can't use this answer: {self.problem}"
        return ack


class PostOffice:
    """Where deliveries go out and acknowledgements come in. `down`: what is delivered meanwhile gets lost."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turn = count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._uses: dict[str, Callable[[Any], None]] = {}
        self._awaited: dict[str, Delivery] = {}
        self._session: aiohttp.ClientSession | None = None
        self.request_url = ""
        self.down = False
        self.sockets: list[web.WebSocketResponse] = []
        self.greeted = 0
        self.deliveries: list[Delivery] = []

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in [*self.sockets]:
            await socket.close(code=1001)
        for delivery in self.deliveries:
            delivery.answer.cancel()
        assert self._session
        await self._session.close()

    async def deliver(
        self, kind: str, payload: Json, *, use: Callable[[Any], None] | None = None, attempt: int = 0, reason: str = ""
    ) -> Delivery:
        """Tell the app; `use` is given the body of its answer, and may raise Refused. Waits for a connection, not for the
        answer. Raises AssertionError when no app is connected."""
        delivery = Delivery(self._world.id("e"), kind, payload, attempt, reason)
        self.deliveries.append(delivery)
        self._awaited[delivery.id] = delivery
        if use:
            self._uses[delivery.id] = use
        if self.down:
            delivery.lost = "the app can't be reached"
            return delivery
        if self.request_url:
            self.begin(self._post(delivery))
            return delivery
        if not self.sockets:
            await self._connected()
        envelope: Json = {
            "envelope_id": delivery.id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        delivery.began = time.monotonic()
        await self.sockets[next(self._turn) % len(self.sockets)].send_str(json.dumps(envelope))
        return delivery

    def tell(self, kind: str, payload: Json) -> None:
        """Tell the app in a while, if it is there: nobody waits for this one."""
        if not self.down and (self.request_url or self.sockets):
            self.begin(self._tell(kind, deepcopy(payload)))

    async def redeliver(self, delivery: Delivery, *, headers: bool = True, new_event_id: bool = False) -> Delivery:
        """Tell it again, as Slack does when it saw no answer: with the marks of a retry or without, and under another event
        id if so asked."""
        payload = deepcopy(delivery.payload)
        if new_event_id:
            payload["event_id"] = self._world.id("Ev")
        again = (delivery.attempt + 1, "timeout") if headers else (0, "")
        return await self.deliver(
            delivery.kind, payload, use=self._uses.get(delivery.id), attempt=again[0], reason=again[1]
        )

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        """One Socket Mode connection, from hello to goodbye."""
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        hello: Json = {"type": "hello", "num_connections": len(self.sockets) + 1}
        hello |= {"connection_info": {"app_id": self._world.app_id}, "debug_info": {"host": "localhost"}}
        await socket.send_str(json.dumps(hello))
        self.sockets.append(socket)
        self.greeted += 1
        self._world.changed()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    body = json.loads(message.data)
                    self._settle(str(body.get("envelope_id")), 200, body.get("payload"))
        finally:
            self.sockets.remove(socket)
            self._world.changed()
        return socket

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to come again, as Slack does about once an hour, and wait until one has."""
        greeted = self.greeted
        for socket in [*self.sockets]:
            await socket.send_str(
                json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "localhost"}})
            )
        await self._world.until(lambda: self.greeted > greeted)

    async def _connected(self) -> None:
        try:
            await self._world.until(lambda: self.sockets)
        except AssertionError as error:
            raise AssertionError(
                f"no app is connected over Socket Mode, and there is no request URL; {error}"
            ) from None

    async def _tell(self, kind: str, payload: Json) -> None:
        with suppress(AssertionError, ConnectionError):
            await self.deliver(kind, payload)

    async def _post(self, delivery: Delivery) -> None:
        events = delivery.kind == "events_api"
        if events:
            body = json.dumps(delivery.payload)
        elif delivery.kind == "interactive":
            body = urlencode({"payload": json.dumps(delivery.payload)})
        else:
            body = urlencode(delivery.payload)
        # The app checks the time of a request against its own clock, which no test advances.
        now = str(int(time.time()))
        signed = SignatureVerifier(self._world.signing_secret).generate_signature(timestamp=now, body=body)
        headers = {
            "Content-Type": "application/json" if events else "application/x-www-form-urlencoded",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": signed or "",
        }
        if delivery.attempt:
            headers |= {"X-Slack-Retry-Num": str(delivery.attempt), "X-Slack-Retry-Reason": f"http_{delivery.reason}"}
        assert self._session
        delivery.began = time.monotonic()
        try:
            async with self._session.post(self.request_url, data=body.encode(), headers=headers) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            delivery.lost = f"the app can't be reached: {error!r}"
            self._world.changed()
            return
        with suppress(ValueError):
            text = json.loads(text)
        self._settle(delivery.id, status, text or None)

    def _settle(self, id: str, status: int, body: Any) -> None:
        delivery = self._awaited.pop(id, None)
        if delivery is None or delivery.answer.done():
            return
        if status == 200 and (use := self._uses.get(id)):
            try:
                use(body)
            except Refused as refused:
                delivery.problem = f"{refused.error} {refused.extra or ''}"
        delivery.answer.set_result(Ack(status, body, time.monotonic() - delivery.began))
        self._world.changed()

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do this beside everything else; it ends with the server at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
