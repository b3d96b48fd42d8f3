"""A server on this machine that speaks OpenAI's chat completions and transcriptions, for the provider's real client to talk to.

`with OpenAIServer(script) as server:` serves from a thread; what it answers, and how it fails, is up to the script.
`python -m tests.openai_server --port 8399` serves by itself, with `sensible` for a model.
"""

import argparse
import asyncio
import base64
import json
import logging
import re
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle
from typing import Any

import uvicorn
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

CHARACTERS = 4
"""Characters in a token, about."""
CACHED_FROM, CACHED_STEP = 1_024, 128
"""Tokens from which the beginning of a prompt is kept, and the steps in which it is."""
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


@dataclass(frozen=True)
class Request:
    """What a client asked for. `messages`: role and text; `schema` and `strict`: of the form that is to be filled in; `pictures`:
    mime type and bytes of those in the messages; `clip`: name and bytes of what is to be transcribed, without any messages."""

    model: str
    messages: list[tuple[str, str]]
    stream: bool = False
    schema: dict[str, Any] | None = None
    strict: bool = False
    temperature: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    max_tokens: int | None = None
    include_usage: bool = False
    pictures: Sequence[tuple[str, bytes]] = ()
    clip: tuple[str, bytes] | None = None


@dataclass(frozen=True)
class Reply:
    """What the server does. `chunks`: the pieces of a stream (None: the words of `text`); `delay`: seconds before the first
    byte; `when`: the first byte is not sent before; `body`: sent as it is; `drop_after`: chunks after which the connection is
    cut, once `drop_when` is set; `endless` and `hang`: it streams for ever, as fast as it is read, and never answers, until
    the client goes away."""

    text: str = ""
    chunks: Sequence[str] | None = None
    finish: str = "stop"
    delay: float = 0.0
    when: threading.Event | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None
    refusal: str | None = None
    drop_after: int | None = None
    drop_when: threading.Event | None = None
    endless: bool = False
    hang: bool = False

    @property
    def pieces(self) -> Sequence[str]:
        return re.findall(r"\s*\S+\s*", self.text) if self.chunks is None else self.chunks

    @property
    def whole(self) -> str:
        return self.text if self.chunks is None else "".join(self.chunks)


Script = Callable[[Request], Reply]


class OpenAIServer:
    """Serves on a free port for as long as it is entered; `requests` are those that came."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []
        self.url = ""
        self._script = script
        self._stack = ExitStack()

    def __enter__(self) -> "OpenAIServer":
        with self._stack as stack:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            portal = stack.enter_context(start_blocking_portal())
            server = _Server(_configured(application(self._script, self.requests)))
            served = portal.start_task_soon(server.serve, [listening])
            stack.callback(served.result)
            stack.callback(portal.call, server.ended.set)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Server(uvicorn.Server):
    """Uvicorn's server, which is told when to end instead of looking ten times a second, and then waits for nobody."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ended = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _configured(app: Starlette, port: int = 0) -> uvicorn.Config:
    # LangChain keeps its connections for longer than a test keeps its event loop: none outlives its answer.
    closing = [("connection", "close")]
    return uvicorn.Config(
        app, "127.0.0.1", port, loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None, headers=closing
    )


def application(script: Script, requests: list[Request] | None = None) -> Starlette:
    """The server's paths."""
    books = _Books()

    async def complete(http: HTTPRequest) -> Response:
        return await answer(http, _read(await http.json(), dict(http.headers)))

    async def transcribe(http: HTTPRequest) -> Response:
        return await answer(http, _read_form(await http.body(), dict(http.headers)))

    async def answer(http: HTTPRequest, request: Request) -> Response:
        if requests is not None:
            requests.append(request)
        reply = script(request)
        if reply.hang:
            await _departure(http)
            return Response()
        if reply.when:
            await asyncio.to_thread(reply.when.wait, 60)
        await asyncio.sleep(reply.delay)
        headers = {"content-type": "application/json"} | {name.lower(): value for name, value in reply.headers.items()}
        if reply.body is not None:
            return Response(reply.body, reply.status, headers)
        if reply.status >= 400:
            return JSONResponse(_error(reply.status), reply.status, headers)
        usage = books.usage(request, reply)
        if request.stream:
            headers["content-type"] = "text/event-stream"
            return StreamingResponse(_stream(request, reply, usage), reply.status, headers)
        return StreamingResponse(_document(request, reply, usage), reply.status, headers)

    async def models(_: HTTPRequest) -> Response:
        model = {"id": "scripted", "object": "model", "created": 0, "owned_by": "tests"}
        return JSONResponse({"object": "list", "data": [model]})

    paths = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/audio/transcriptions", transcribe, methods=["POST"]),
        Route("/v1/models", models),
    ]
    return Starlette(routes=paths)


def _read(body: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
    form = _part(_part(body, "response_format"), "json_schema")
    return Request(
        model=body["model"],
        messages=[(message["role"], _text(message.get("content"))) for message in body["messages"]],
        stream=bool(body.get("stream")),
        schema=form.get("schema"),
        strict=bool(form.get("strict")),
        temperature=body.get("temperature"),
        headers=headers,
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        include_usage=bool(_part(body, "stream_options").get("include_usage")),
        pictures=[picture for message in body["messages"] for picture in _pictures(message.get("content"))],
    )


def _read_form(body: bytes, headers: Mapping[str, str]) -> Request:
    """A form in parts, as a recording is sent in: so little of it is needed that no package is."""
    boundary = headers["content-type"].partition("boundary=")[2].strip('"').encode()
    fields: dict[str, tuple[str, bytes]] = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        named = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
        fields[named["name"]] = (named.get("filename", ""), content.removesuffix(b"\r\n"))
    return Request(fields["model"][1].decode(), [], headers=headers, clip=fields["file"])


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return body.get(name) or {}


def _text(content: str | Iterable[Mapping[str, str]] | None) -> str:
    """Content is a text, or parts of one."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.get("text", "") for part in content)


def _pictures(content: str | Iterable[Mapping[str, Any]] | None) -> Iterable[tuple[str, bytes]]:
    for part in () if content is None or isinstance(content, str) else content:
        if part["type"] == "image_url":
            mime, data = re.fullmatch("data:([^;]*);base64,(.*)", part["image_url"]["url"]).groups()  # type: ignore[union-attr]
            yield mime, base64.b64decode(data, validate=True)


async def _departure(http: HTTPRequest) -> None:
    """Wait until the client goes away."""
    while (await http.receive())["type"] != "http.disconnect":
        pass


class _Books:
    """Keeps what was asked, as far as the provider's cache would."""

    def __init__(self) -> None:
        self._kept: set[int] = set()

    def usage(self, request: Request, reply: Reply) -> dict[str, Any]:
        prompt = json.dumps([{"role": role, "content": text} for role, text in request.messages], ensure_ascii=False)
        written = _tokens(reply.refusal or reply.whole)
        return {
            "prompt_tokens": _tokens(prompt),
            "completion_tokens": written,
            "total_tokens": _tokens(prompt) + written,
            "prompt_tokens_details": {"cached_tokens": self._cached(request, prompt), "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def _cached(self, request: Request, prompt: str) -> int:
        """The longest beginning that an earlier prompt to the same model had, too."""
        # "The structured output schema serves as a prefix to the system message": another form, another beginning.
        before = (request.model, json.dumps(request.schema))
        lengths = range(CACHED_FROM, len(prompt) // CHARACTERS + 1, CACHED_STEP)
        beginnings = {length: hash((before, prompt[: length * CHARACTERS])) for length in lengths}
        cached = max((length for length, beginning in beginnings.items() if beginning in self._kept), default=0)
        self._kept.update(beginnings.values())
        return cached


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS)


async def _stream(request: Request, reply: Reply, usage: Mapping[str, Any]) -> AsyncGenerator[str]:
    """Server-sent events: the role, the pieces, the end, the usage."""

    def event(delta: Mapping[str, Any], finish: str | None = None) -> str:
        return _event(request, {"choices": [_choice("delta", delta, finish)]})

    yield event({"role": "assistant", "content": "", "refusal": None})
    if reply.refusal is not None:
        yield event({"refusal": reply.refusal})
    pieces = cycle(reply.pieces or ("on ",)) if reply.endless else reply.pieces
    for number, piece in enumerate(pieces):
        if number == reply.drop_after:
            if reply.drop_when:
                await asyncio.to_thread(reply.drop_when.wait, 60)
            raise ConnectionAbortedError
        yield event({"content": piece})
        if reply.endless:
            await asyncio.sleep(0)
    if reply.drop_after is not None:
        raise ConnectionAbortedError
    yield event({}, reply.finish)
    if request.include_usage:
        yield _event(request, {"choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


async def _document(request: Request, reply: Reply, usage: Mapping[str, Any]) -> AsyncGenerator[str]:
    """One JSON document: without an end, it never comes to its beginning; dropped, it is cut in half."""
    message = {"role": "assistant", "content": reply.whole, "refusal": None}
    if reply.refusal is not None:
        message |= {"content": None, "refusal": reply.refusal}
    head = _head(request, "chat.completion")
    document = json.dumps(head | {"choices": [_choice("message", message, reply.finish)], "usage": usage})
    if request.clip:
        document = json.dumps({"text": reply.whole, "usage": _heard(request.clip[1], reply)})
    while reply.endless:
        yield " "
        await asyncio.sleep(0)
    if reply.drop_after is not None:
        yield document[: len(document) // 2]
        raise ConnectionAbortedError
    yield document


def _heard(clip: bytes, reply: Reply) -> dict[str, Any]:
    """What a transcription cost; as many tokens as if sound were text."""
    read, written = -(-len(clip) // CHARACTERS), _tokens(reply.whole)
    details = {"audio_tokens": read, "text_tokens": 0}
    counted = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return {"type": "tokens", "input_token_details": details, **counted}


def _event(request: Request, fields: Mapping[str, Any]) -> str:
    head = _head(request, "chat.completion.chunk")
    usage = {"usage": None} if request.include_usage else {}
    return f"data: {json.dumps({**head, **usage, **fields})}\n\n"


def _head(request: Request, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": int(time.time()), "model": request.model}


def _choice(part: str, said: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, part: said, "finish_reason": finish, "logprobs": None}


def _error(status: int) -> dict[str, Any]:
    error = {"message": HTTPStatus(status).phrase, "type": "scripted", "param": None, "code": CODES.get(status)}
    return {"error": error}


def sensible(request: Request) -> Reply:
    """A model that claims nothing of an answer, words a move as the move has it, and sees and hears the same thing always."""
    if request.pictures:
        return Reply("A sketch of two boxes, Client and API.\nClient -> API: POST /links")
    if request.clip:
        return Reply("I would begin with the numbers.")
    if request.schema and {"intent", "covered", "wrong", "fact"} <= set(request.schema.get("properties", {})):
        return Reply('{"intent":"answer","covered":[],"wrong":[],"fact":""}')
    moves = re.findall(r"<move>(.*?)</move>", request.messages[-1][1], re.DOTALL)
    words = re.search(r"^(?:ask|fact|hint):\s*(.+)$", moves[-1], re.MULTILINE) if moves else None
    return Reply(words.group(1).strip() if words else "Go on.")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tests.openai_server", description="Serve OpenAI's chat completions, scripted."
    )
    parser.add_argument("--port", type=int, default=8399)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server = uvicorn.Server(_configured(application(sensible), parser.parse_args().port))
    with suppress(KeyboardInterrupt):
        server.run()


if __name__ == "__main__":
    main()
