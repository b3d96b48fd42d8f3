"""Discord as whoever sets the bot up meets it: who the application is, and which commands it has registered."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from discord.http import Route

from bot.settings import Settings

ID = 1234567890123456789
TOKEN = "a-token-that-nobody-may-see"  # noqa: S105
NO_SUCH_SERVER = {"message": "Missing Access", "code": 50001}
INSTALL = {"oauth2_install_params": {"scopes": ["applications.commands"], "permissions": "0"}}


def stored(payload: Mapping[str, Any], *, server: bool) -> dict[str, Any]:
    """A command as Discord gives it back: with ids and what is usual, without what is empty."""
    told = {key: value for key, value in payload.items() if key != "options"}
    options = [option(each) for each in payload.get("options") or ()]
    places = {"contexts": None, "integration_types": [0]} if server else {}
    return {
        "id": "1",
        "application_id": str(ID),
        "version": "2",
        "default_member_permissions": None,
        "dm_permission": True,
        "nsfw": False,
        "name_localizations": None,
        "description_localizations": None,
        **told,
        **places,
        **({"options": options} if options else {}),
    }


def option(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an option."""
    told = {key: value for key, value in payload.items() if value not in (False, [])}
    if "options" in told:
        told["options"] = [option(each) for each in told["options"]]
    if "choices" in told:
        told["choices"] = [{**choice, "name_localizations": None} for choice in told["choices"]]
    return {"name_localizations": None, "description_localizations": None, **told}


@dataclass
class Portal:
    """Who the application is (`application` has what differs from one in order), and its commands by server; 0 for all."""

    application: dict[str, Any] = field(default_factory=dict[str, Any])
    commands: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: {0: [], 5: []})
    put: list[tuple[int, Any]] = field(default_factory=list[tuple[int, Any]])
    """What was registered: where, and what."""
    fails: int = 0
    """The status of every answer, if not 0."""
    silent: bool = False
    """Whether nothing is answered at all."""
    address: str = ""

    def environment(self) -> dict[str, str]:
        return {"DISCORD_TOKEN": TOKEN, "DISCORD_API_URL": self.address}

    def settings(self, **more: Any) -> Settings:
        told: dict[str, Any] = {"discord_token": TOKEN, "discord_api_url": self.address, **more}
        return Settings(**told)

    def has(self, payloads: Sequence[Mapping[str, Any]], server: int = 0) -> None:
        """Have these commands registered."""
        self.commands[server] = [stored(each, server=bool(server)) for each in payloads]

    async def serve(self, request: web.Request) -> web.Response:
        if self.silent:
            await asyncio.Event().wait()
        if self.fails:
            return _json({"message": "no", "code": 0}, status=self.fails)
        if request.headers.get("Authorization") != f"Bot {TOKEN}":
            return _json({"message": "401: Unauthorized", "code": 0}, status=401)
        match request.path.removeprefix("/api/v10").strip("/").split("/"):
            case ["users", "@me"]:
                answer = self._user()
            case ["oauth2", "applications", "@me"]:
                answer = self._application()
            case ["applications", _, *rest]:
                return await self._commands(request, int(rest[1]) if rest[0] == "guilds" else 0)
            case _:
                raise AssertionError(request.path)
        return _json(answer)

    def _user(self) -> dict[str, Any]:
        return {"id": str(ID), "username": "mockingbird", "discriminator": "0042", "avatar": None, "bot": True}

    def _application(self) -> dict[str, Any]:
        usual = {
            "id": str(ID),
            "name": "Mockingbird",
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "owner": {"id": "2", "username": "ana", "discriminator": "0", "avatar": None},
            "team": None,
            "flags": 0,
            "interactions_endpoint_url": None,
            "integration_types_config": {"0": INSTALL, "1": INSTALL},
        }
        return usual | self.application

    async def _commands(self, request: web.Request, server: int) -> web.Response:
        if server not in self.commands:
            return _json(NO_SUCH_SERVER, status=403)
        if request.method == "PUT":
            payload = json.loads(await request.read())
            self.put.append((server, payload))
            self.has(payload, server)
        return _json(self.commands[server])


def _json(answer: Any, status: int = 200) -> web.Response:
    # discord.py knows JSON by its bare type, without a charset.
    return web.Response(body=json.dumps(answer).encode(), status=status, content_type="application/json")


@asynccontextmanager
async def open_portal() -> AsyncGenerator[Portal]:
    """A portal for as long as it is used; discord.py in this process is turned back afterwards."""
    before = Route.BASE
    portal, application = Portal(), web.Application()
    application.router.add_route("*", "/api/v10/{path:.*}", portal.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    portal.address = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    try:
        yield portal
    finally:
        Route.BASE = before
        await runner.cleanup()
