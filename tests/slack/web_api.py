"""What the app reaches over HTTP: the Web API, uploads and downloads of files, response URLs."""

import base64
import json
from typing import Any

from aiohttp import web

from tests.slack.answers import use_response_url
from tests.slack.delivery import PostOffice
from tests.slack.driver import People
from tests.slack.methods import METHODS, oauth_access, require_scope
from tests.slack.people import Call, Failure, Json, Refused, as_json
from tests.slack.world import World

LOGIN = "<!DOCTYPE html><html><head><title>Sign in to your workspace | Slack</title></head><body>Sign in</body></html>"
AS_JSON = frozenset({"blocks", "view", "metadata", "chunks", "prompts", "files", "attachments", "loading_messages"})
RESPONSES, RESPONSE_SECONDS = 5, 1800


class WebApi:
    """The routes of one server."""

    def __init__(self, world: World, office: PostOffice, people: People) -> None:
        self._world = world
        self._office = office
        self._people = people

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/api/{method}", self._api),
            web.get("/link", self._office.serve_socket),
            web.post("/upload/{file}", self._upload),
            web.get("/files-pri/{file}/{rest:.*}", self._download),
            web.post("/response/{name}", self._respond),
        ]

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        args, token = await _arguments(request)
        failure = self._failure(method)
        if failure and not failure.applied:
            answer: Any = {"ok": False, "error": failure.error} if failure.error else failure.status
        else:
            answer = self._answer(method, args, token)
        if failure and failure.applied:
            answer = {"ok": False, "error": failure.error} if failure.error else failure.status
        self._world.calls.append(Call(method, args, token, self._world.clock(), answer))
        self._world.changed()
        if answer == 429:
            headers = {"Retry-After": str(failure.retry_after if failure else 1)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if isinstance(answer, int):
            return web.Response(status=answer, text="<html>Something went wrong</html>", content_type="text/html")
        return web.json_response(answer, headers={"x-oauth-scopes": ",".join(sorted(self._scopes(token)))})

    def _failure(self, method: str) -> Failure | None:
        waiting = self._world.failures.get(method)
        if not waiting:
            return None
        waiting[0].times -= 1
        return waiting[0] if waiting[0].times else waiting.pop(0)

    def _scopes(self, token: str) -> set[str]:
        return self._world.tokens[token].scopes if token in self._world.tokens else set()

    def _answer(self, method: str, args: Json, token: str) -> Json:
        try:
            return {"ok": True} | self._work(method, args, token)
        except Refused as refused:
            return {"ok": False, "error": refused.error} | refused.extra

    def _work(self, method: str, args: Json, token: str) -> Json:
        world = self._world
        if method == "oauth.v2.access":
            return oauth_access(world, args)
        if method not in METHODS and method not in {"apps.connections.open", "apps.uninstall"}:
            raise Refused("unknown_method", req_method=method)
        if not token:
            raise Refused("not_authed")
        if token == world.app_token and method == "apps.connections.open":
            return {"url": f"{world.base.replace('http', 'ws', 1)}/link?ticket={world.id('k')}&app_id={world.app_id}"}
        if token == world.app_token or (method == "apps.connections.open" and token in world.tokens):
            raise Refused("not_allowed_token_type")
        caller = world.tokens.get(token)
        if caller is None:
            raise Refused("invalid_auth")
        if caller.dead or world.installations[caller.team] is not caller:
            raise Refused(caller.dead or "token_revoked")
        if method == "apps.uninstall":
            if (args.get("client_id"), args.get("client_secret")) != (world.client_id, world.client_secret):
                raise Refused("invalid_client_id")
            self._office.begin(self._people.uninstalls(caller.team))
            return {}
        require_scope(world, caller, METHODS[method], args)
        return METHODS[method].answer(world, caller, args)

    async def _upload(self, request: web.Request) -> web.Response:
        file = self._world.files.get(request.match_info["file"])
        if file is None or file.complete:
            return web.Response(status=404)
        content = await request.read()
        if len(content) != file.expected:
            return web.Response(status=400, text=f"expected {file.expected} bytes, got {len(content)}")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.Response:
        file = self._world.files.get(request.match_info["file"].partition("-")[2])
        caller = self._world.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        allowed = caller and not caller.dead and "files:read" in caller.scopes and file and file.team == caller.team
        # Slack shows who may not see a file its login page, and calls that a success.
        if not allowed or file is None or file.content is None:
            return web.Response(text=LOGIN, content_type="text/html")
        return web.Response(body=file.content, content_type=file.mimetype)

    async def _respond(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        target = self._world.response_urls.get(name)
        if target is None or len(target.posted) >= RESPONSES or self._world.clock() - target.at > RESPONSE_SECONDS:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            use_response_url(self._world, name, as_json(await request.json()))
        except Refused as refused:
            return web.json_response({"ok": False, "error": refused.error} | refused.extra, status=400)
        return web.Response(text="ok")


async def _arguments(request: web.Request) -> tuple[Json, str]:
    """What a call was given, and the token it came with."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        args |= as_json(await request.json())
    else:
        args |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    for name in AS_JSON & set(args):
        if isinstance(args[name], str):
            try:
                args[name] = json.loads(args[name])
            except ValueError:
                args[name] = [{"type": "this is no JSON"}]
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        login, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        args |= {"client_id": login, "client_secret": password}
        header = ""
    token = str(args.pop("token", "")) or header.removeprefix("Bearer ")
    return args, token
