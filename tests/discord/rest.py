"""Owns the REST API over HTTP: who calls, what befalls the call, and whose answer it gets."""

import io
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from simcord.backend.errors import BackendError
from simcord.http.router import RouteNotImplemented, UnsupportedField

from tests.discord.faults import Fault, Faults
from tests.discord.gateway import Gateway
from tests.discord.reading import Call
from tests.discord.routes import OWN, Asked, Own, before
from tests.discord.world import World

API = re.compile(r"^/api/v10")
WITHOUT_TOKEN = re.compile(r"^(/interactions/\d+/[^/]+/callback|/webhooks/\d+/[^/]+(/.*)?|/gateway)$")


@dataclass
class Uploaded:
    """A file of a call, with what simcord asks of one."""

    fp: io.BytesIO
    filename: str
    description: str | None


class Rest:
    """Discord's REST API, for one app."""

    def __init__(self, world: World, gateway: Gateway, faults: Faults) -> None:
        self._world, self._gateway, self._faults = world, gateway, faults

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.route("*", "/api/v10/{path:.*}", self._serve),
            web.get("/attachments/{path:.*}", self._attachment),
            web.get("/gateway/", self._gateway.serve),
        ]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = API.sub("", request.path)
        body, files = await read(request)
        fault = self._faults.next(request.method, path)
        at = time.monotonic()
        if fault and fault.held:
            self._world.changed()
            await fault.held.wait()
        asked = Asked(self._world, self._gateway, request.method, path, body, dict(request.query), tuple(files))
        asked.reason = (
            unquote(request.headers["X-Audit-Log-Reason"]) if "X-Audit-Log-Reason" in request.headers else None
        )
        status, answer = self._answer(request, asked, fault)
        lost = bool(fault and fault.lost)
        self._world.calls.append(
            Call(
                request.method,
                path,
                body,
                asked.params,
                tuple(each.filename for each in files),
                asked.reason,
                at,
                0 if lost else status,
                answer,
            )
        )
        self._world.changed()
        if lost and request.transport:
            request.transport.abort()
        headers = {"Via": "1.1 google", "X-RateLimit-Bucket": bucket(request.method, path)}
        if fault and fault.status:
            headers |= fault.headers()
        if answer is None:
            return web.Response(status=status, headers=headers)
        # discord.py knows JSON by this header, without a charset.
        headers["Content-Type"] = "application/json"
        return web.Response(body=json.dumps(answer).encode(), status=status, headers=headers)

    def _answer(self, request: web.Request, asked: Asked, fault: Fault | None) -> tuple[int, Any]:
        if fault and fault.status and not fault.applied:
            return fault.status, fault.body()
        try:
            answer = self._perform(asked, request.headers.get("Authorization", ""))
        except (RouteNotImplemented, UnsupportedField) as gap:
            self._world.gaps.append(gap.message)
            return 501, gap.to_json()
        except BackendError as error:
            return error.status, error.to_json()
        except Exception as error:
            # Where simcord fails, a 500 would only have the app try for half a minute.
            self._world.gaps.append(f"{asked.method} {asked.path}: {error!r}")
            return 501, {"code": 0, "message": repr(error)}
        if fault and fault.status:
            return fault.status, fault.body()
        return (204, None) if answer is None else (200, answer)

    def _perform(self, asked: Asked, authorization: str) -> Any:
        if not WITHOUT_TOKEN.match(asked.path) and authorization != f"Bot {self._world.token}":
            raise BackendError(401, 0, "401: Unauthorized")
        before(asked)
        own: Own | None = next((each for each in OWN if each.fits(asked)), None)
        return own.perform(asked) if own else asked.forward()

    async def _attachment(self, request: web.Request) -> web.Response:
        content = self._world.cdn.content.get(request.path)
        if content is None:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=content[0], content_type=content[1])


async def read(request: web.Request) -> tuple[Any, list[Uploaded]]:
    """The JSON and the files of a call."""
    if not request.can_read_body:
        return None, []
    if request.content_type != "multipart/form-data":
        return await request.json(), []
    form = await request.post()
    body: Any = json.loads(str(form.get("payload_json", "{}")))
    found: dict[int, tuple[str, bytes]] = {}
    for name, field in form.items():
        if isinstance(field, web.FileField):
            index = int(name.removeprefix("files[").removesuffix("]"))
            found[index] = (field.filename, field.file.read())
            field.file.close()
    meant = body.get("data", body)
    about = {int(each["id"]): each for each in meant.get("attachments") or () if int(each["id"]) in found}
    return body, [
        Uploaded(
            io.BytesIO(content),
            about.get(index, {}).get("filename", filename),
            about.get(index, {}).get("description"),
        )
        for index, (filename, content) in sorted(found.items())
    ]


def bucket(method: str, path: str) -> str:
    """The rate limit bucket of a route, a name without meaning."""
    return f"{method}{re.sub(r'[0-9]{15,}', 'id', path)}".encode().hex()[:32]
