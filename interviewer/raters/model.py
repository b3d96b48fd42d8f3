"""Owns the way to a language model: LangChain, and nothing else of Mockingbird, is spoken here and only here.

Importing LangChain costs a second, so it is imported when a model is first asked, off the event loop. Retries, with jitter
and honouring Retry-After, are the provider's own client's; what is left of a failure becomes a `ModelTrouble` that says why.
A model that failed rests for a while instead of making every turn wait, and the next one named is asked meanwhile.
"""

import asyncio
import base64
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from interviewer.model import Trouble, Usage
from interviewer.ports import Line, ModelTrouble, Role

logger = logging.getLogger(__name__)

REST = 60.0
"""Seconds for which a model that could not be reached, or was busy, is left alone."""
LONG_REST = 600.0
"""Seconds for which one is left alone that only an operator can bring back."""
LIMIT = 40.0
"""Seconds for everything that is tried to get one answer. A turn asks three times at most, one after the other, and its thread's
lock lasts 180 s."""
LONGEST = {"say": 400, "fill": 4_000, "see": 1_000}
"""Tokens that a model may write: a wording is three sentences, a form at most a rubric's quotes or a whole guide, and a
description has some 250 words, labels in any language."""

Form = TypeVar("Form", bound=BaseModel)


@dataclass(frozen=True)
class Connection:
    """How models are reached. `names`: "provider:model" or an OpenAI model's bare name, the fallback second. `timeout` in
    seconds, for one try, and `limit` for all of them together; `longest` tokens are written at most."""

    names: tuple[str, ...]
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    timeout: float = 20.0
    retries: int = 2
    temperature: float | None = None
    longest: int | None = None
    limit: float = LIMIT


@dataclass(frozen=True)
class Call:
    """One call that was made: what for, the tokens, seconds to the first token (None if it did not stream) and in all."""

    purpose: str
    model: str
    usage: Usage
    first: float | None
    seconds: float
    trouble: Trouble | None = None


class ChatModel:
    """Implements ports.LanguageModel. `observe` is told of every call, `clock` gives seconds that only rise."""

    def __init__(
        self,
        connection: Connection,
        observe: Callable[[Call], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._observe = observe
        self._clock = clock
        self._resting: dict[str, tuple[float, ModelTrouble]] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._answered = connection.names[0]

    @property
    def name(self) -> str:
        """The model that answered last; until one has, the first that is asked."""
        return self._answered.partition(":")[2] or self._answered

    def warm(self) -> None:
        """Import what is needed, in the calling thread; what fails here fails again, and is told, when it is needed."""
        for name in self._connection.names:
            for kind in ("say", "fill"):
                with suppress(ModelTrouble), _troubles():
                    self._client(name, kind)

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        """What it says. Raises ModelTrouble also when it was cut off: half a sentence is nobody's wording."""

        async def stream(client: Any, tried: _Try) -> str:
            text, ended = "", ""
            async with aclosing(cast("AsyncGenerator[Any]", client.astream(_messages(lines, client)))) as chunks:
                async for chunk in chunks:
                    tried.read(chunk)
                    ended = _ending(chunk) or ended
                    if chunk.text:
                        tried.began()
                        text += str(chunk.text)
                        hear(text)
            # Only of OpenAI's protocol is it known how an answer ends that is whole.
            if not ended and text and _is_openai(client):
                raise ModelTrouble(Trouble.UNREACHABLE, "the answer broke off")
            _complete(ended, text)
            return text.strip()

        return await self._ask("say", "word", stream)

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        """The form filled in. Raises ModelTrouble also for anything that is not the form."""

        async def structured(client: Any, tried: _Try) -> Form:
            method: dict[str, Any] = {"method": "json_schema", "strict": True} if _is_openai(client) else {}
            found = await client.with_structured_output(form, include_raw=True, **method).ainvoke(
                _messages(lines, client)
            )
            raw = found["raw"]
            tried.read(raw)
            _complete(_ending(raw), str(raw.text) or "{}")
            if found["parsing_error"]:
                raise found["parsing_error"]
            if not isinstance(found["parsed"], form):
                raise ModelTrouble(Trouble.UNUSABLE, "it did not fill in the form")
            return found["parsed"]

        return await self._ask("fill", form.__name__.lower(), structured)

    def takes_pictures(self) -> bool:
        """Whether LangChain's profile of the first model says so; not if it has none. Imports LangChain in the calling thread."""
        with suppress(ModelTrouble), _troubles():
            profile: dict[str, Any] | None = self._client(self._connection.names[0], "see").profile
            return bool(profile and profile.get("image_inputs"))
        return False

    async def see(self, data: bytes, mime: str, lines: Sequence[Line]) -> tuple[str, Usage]:
        """What it says about a picture, which goes with the last of the lines. Raises ModelTrouble as `say` does."""

        async def look(client: Any, tried: _Try) -> str:
            from langchain_core.messages import HumanMessage

            encoded = (await asyncio.to_thread(base64.b64encode, data)).decode()
            shown = {"type": "image", "base64": encoded, "mime_type": mime}
            content: list[Any] = [shown, {"type": "text", "text": lines[-1].text}]
            answer = await client.ainvoke([*_messages(lines[:-1], client), HumanMessage(content)])
            tried.read(answer)
            _complete(_ending(answer), str(answer.text))
            return str(answer.text).strip()

        return await self._ask("see", "see", look)

    async def hear(self, data: bytes, name: str) -> tuple[str, Usage]:
        """What is said in a recording, "" for silence; the ending of `name` tells its format. Raises ModelTrouble."""

        async def transcribe(client: Any, tried: _Try) -> str:
            # LangChain has no transcription; OpenAI's own client, which it has set up as it should be, does.
            speech = client.root_async_client.audio.transcriptions
            found = await speech.create(file=(name, data), model=client.model_name)
            tried.heard(found)
            return str(found.text.strip())

        return await self._ask("hear", "hear", transcribe)

    async def _ask(self, kind: str, purpose: str, use: "Callable[[Any, _Try], Any]") -> tuple[Any, Usage]:
        """Use the first model that is of use; raises the first one's trouble, with the tokens of all."""
        usage = Usage()
        first: ModelTrouble | None = None
        deadline = asyncio.get_running_loop().time() + self._connection.limit
        for name in self._connection.names:
            until, rested = self._resting.get(name, (0.0, None))
            if rested is not None and self._clock() < until:
                first = first or rested
                continue
            tried = _Try(self._clock)
            try:
                with _troubles():
                    client = await asyncio.to_thread(self._client, name, kind)
                    # The client's own timeout is for one read of one try: an endless answer would never end.
                    limit = self._connection.timeout * (self._connection.retries + 1)
                    async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + limit)):
                        with _untraced():
                            found = await use(client, tried)
            except ModelTrouble as trouble:
                tried.read_thrown_away(trouble.__cause__)
                self._rest(name, trouble)
                first = first or trouble
                usage += tried.usage
                self._observe(tried.call(purpose, name, trouble.trouble))
                logger.warning("%s was of no use to %s (%s): %s", name, purpose, trouble.trouble, trouble)
                continue
            self._observe(tried.call(purpose, name, None))
            self._answered = name
            return found, usage + tried.usage
        assert first is not None  # there is at least one name
        raise ModelTrouble(first.trouble, str(first), usage)

    def _rest(self, name: str, trouble: ModelTrouble) -> None:
        rest = RESTS.get(trouble.trouble)
        if rest:
            self._resting[name] = (self._clock() + rest, ModelTrouble(trouble.trouble, str(trouble)))

    def _client(self, name: str, kind: str) -> Any:
        with self._lock:
            if (name, kind) not in self._clients:
                self._clients[name, kind] = _connect(name, self._connection, kind)
            return self._clients[name, kind]


RESTS = {
    Trouble.UNREACHABLE: REST,
    Trouble.BUSY: REST,
    Trouble.KEY: LONG_REST,
    Trouble.UNKNOWN: LONG_REST,
}


class _Try:
    """What one try took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self._first: float | None = None
        self.usage = Usage(calls=1)

    def began(self) -> None:
        """The first visible character is there."""
        if self._first is None:
            self._first = self._clock() - self._start

    def read(self, message: Any) -> None:
        """Take the tokens from a message or a piece of one; they come once."""
        told: dict[str, Any] | None = message.usage_metadata
        if told:
            details: dict[str, int] = told.get("input_token_details") or {}
            self.usage += Usage(0, told["input_tokens"], details.get("cache_read") or 0, told["output_tokens"])

    def heard(self, transcription: Any) -> None:
        """Take the tokens from a transcription, where its server counts any and not seconds, or nothing."""
        with suppress(Exception):
            told = transcription.usage
            self.usage += Usage(0, int(told.input_tokens), 0, int(told.output_tokens))

    def read_thrown_away(self, error: Any) -> None:
        """Take the tokens from an answer that OpenAI's client did not hand on: a form cut off costs what a whole one does."""
        # It is looked for where any server may have put anything: what cannot be read is not counted.
        with suppress(Exception):
            told: dict[str, Any] = error.response.json()["usage"]
            details: dict[str, int] = told.get("prompt_tokens_details") or {}
            self.usage += Usage(0, told["prompt_tokens"], details.get("cached_tokens") or 0, told["completion_tokens"])

    def call(self, purpose: str, name: str, trouble: Trouble | None) -> Call:
        return Call(purpose, name, self.usage, self._first, self._clock() - self._start, trouble)


def _connect(name: str, connection: Connection, kind: str) -> Any:
    """LangChain's own client for a model. Raises ImportError when the provider's package is not there."""
    from langchain.chat_models import init_chat_model

    # The first colon parts them: a model's own name may have more of them ("llama3:8b").
    provider, model = name.split(":", 1) if ":" in name else ("", name)
    if kind == "hear" and provider not in ("", "openai"):
        raise ModelTrouble(Trouble.UNKNOWN, "only OpenAI's protocol has transcriptions here: check TRANSCRIPTION_MODEL")
    options: dict[str, Any] = {
        "timeout": connection.timeout,
        "max_retries": connection.retries,
        "max_tokens": connection.longest or LONGEST.get(kind),
    }
    if connection.temperature is not None:
        options["temperature"] = connection.temperature
    if provider in ("", "openai"):
        if not connection.api_key and not connection.base_url:
            raise ModelTrouble(Trouble.KEY, "there is no key: set OPENAI_API_KEY")
        # Nothing but what we send reaches the provider, and any compatible server understands it.
        options |= {"stream_usage": True, "use_responses_api": False, "api_key": connection.api_key or "none"}
        # LangChain's own limit for each piece is a wait_for, and in Python 3.11 that swallows a cancellation, such as our
        # limit for all of them, when a piece is there (python/cpython#86296). `timeout` holds for each read as it is.
        options["stream_chunk_timeout"] = None
        if connection.base_url:
            options["base_url"] = connection.base_url
    try:
        # Its type says that it may also be a model which is configured later: only when it is asked to be.
        return cast("Any", init_chat_model)(model, model_provider=provider or "openai", **options)
    except ValueError as error:
        advice = "write provider:model, as in openai:llama3:8b, with a provider that LangChain knows"
        raise ModelTrouble(Trouble.UNKNOWN, f"{provider!r} is no provider: {advice}") from error


def _is_openai(client: Any) -> bool:
    return type(client).__name__ == "ChatOpenAI"


def _messages(lines: Sequence[Line], client: Any) -> list[Any]:
    """LangChain's messages. Made one by one: a template would read what a candidate wrote.

    Not every provider takes instructions after the first message; there the later ones come as the other side's."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {Role.INSTRUCTIONS: SystemMessage, Role.INTERVIEWER: AIMessage, Role.CANDIDATE: HumanMessage}
    later = SystemMessage if _is_openai(client) else HumanMessage
    return [
        (later if number and line.role is Role.INSTRUCTIONS else kinds[line.role])(line.text)
        for number, line in enumerate(lines)
    ]


def _ending(message: Any) -> str:
    """How an answer ended, in whichever word its provider has for it."""
    told: dict[str, Any] = message.response_metadata
    return str(told.get("finish_reason") or told.get("stop_reason") or told.get("done_reason") or "")


@contextmanager
def _untraced() -> Generator[None]:
    """LangChain would pass on everything to LangSmith for whoever has that switched on for another program."""
    import langsmith

    with cast("Any", langsmith).tracing_context(enabled=False):
        yield


def _complete(ended: str, text: str) -> None:
    """Raise for an answer that is not whole."""
    if ended in ("content_filter", "refusal"):
        raise ModelTrouble(Trouble.FILTERED, "the provider's content filter stopped it")
    if ended in ("length", "max_tokens"):
        raise ModelTrouble(Trouble.UNUSABLE, "it did not come to an end")
    if not text.strip():
        raise ModelTrouble(Trouble.UNUSABLE, "it said nothing")


_REASONS: tuple[tuple[tuple[str, ...], Trouble, str], ...] = (
    (
        ("ModelAuthenticationError", "ModelPermissionDeniedError", "AuthenticationError", "PermissionDeniedError"),
        Trouble.KEY,
        "the key is refused: check OPENAI_API_KEY",
    ),
    (
        ("ModelNotFoundError", "NotFoundError"),
        Trouble.UNKNOWN,
        "there is no such model: check its name in the settings",
    ),
    (("ImportError", "ModuleNotFoundError"), Trouble.UNKNOWN, "its provider's package is not installed"),
    (("ModelRateLimitError", "RateLimitError"), Trouble.BUSY, "the provider is overrun, or the quota is used up"),
    (("ContentFilterFinishReasonError", "OpenAIRefusalError"), Trouble.FILTERED, "it refused"),
    (("LengthFinishReasonError", "OutputParserException", "ContextOverflowError"), Trouble.UNUSABLE, "not the form"),
    (("ModelInvalidRequestError", "BadRequestError"), Trouble.UNUSABLE, "the provider did not accept the request"),
    (("ModelTimeoutError", "TimeoutError", "APITimeoutError"), Trouble.UNREACHABLE, "it took too long"),
    (
        ("ModelConnectionError", "ModelAPIError", "APIConnectionError", "InternalServerError"),
        Trouble.UNREACHABLE,
        "it could not be reached",
    ),
)
"""What a failure means, by the names of its class and of that class's bases: LangChain's, and OpenAI's own."""


@contextmanager
def _troubles() -> Generator[None]:
    """Turn whatever goes wrong into a ModelTrouble: a provider's package may raise anything."""
    try:
        yield
    except ModelTrouble:
        raise
    except Exception as error:
        names = {each.__name__ for each in type(error).__mro__}
        if "content_filter" in str(getattr(error, "code", "")):
            raise ModelTrouble(Trouble.FILTERED, "the provider's content filter stopped it") from error
        for known, trouble, advice in _REASONS:
            if names & set(known):
                raise ModelTrouble(trouble, f"{advice} ({type(error).__name__})") from error
        # Malformed JSON, a stream that broke off, a bug in a provider's package: the interview goes on without.
        broken = "HTTP" in " ".join(names) or "Protocol" in " ".join(names) or isinstance(error, OSError)
        reason = Trouble.UNREACHABLE if broken else Trouble.UNUSABLE
        raise ModelTrouble(reason, f"it answered with something unusable ({type(error).__name__})") from error
