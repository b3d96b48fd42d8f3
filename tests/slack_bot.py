"""The bot in a Slack of our tests' own: the real app, engine and store, over Socket Mode or signed HTTP."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

import uvicorn

from bot.settings import Settings
from bot.slack.buttons import END, REPORT
from bot.slack.places import Place
from bot.slack.service import DOCKET, Slack, run, running
from bot.web import make_web
from bot.wiring import Interviewer, make_interviewer
from interviewer.engine import Pace
from interviewer.model import Case
from interviewer.questions import Bank, data_root, load_bank
from interviewer.store import RedisStore
from tests.openai_server import OpenAIServer, Reply, Request, Script, sensible
from tests.slack import Channel, Delivery, SlackServer, Upload, User, buttons

SWIFT = Pace(quiet=0.05, redelivery=1.0)
"""Fast enough for a test."""
EMBEDDED = ("doordash-payments", "apple-task-scheduler", "github-access-control")
"""Questions that tests answer, the last one in `mockingbird doctor`: what a rater makes of their guides is there beforehand."""


def bank() -> Bank:
    """The bank as it ships."""
    return load_bank(data_root())


def settings(slack: SlackServer, cache: Path, **more: Any) -> Settings:
    """The bot's settings for this Slack: one workspace by its token, and no language model."""
    told = slack.environment()
    chosen: dict[str, Any] = {
        "slack_api_url": told["SLACK_API_URL"],
        "slack_bot_token": told["SLACK_BOT_TOKEN"],
        "slack_app_token": told["SLACK_APP_TOKEN"],
        "slack_signing_secret": told["SLACK_SIGNING_SECRET"],
        "MOCKINGBIRD_CACHE": cache,
        **more,
    }
    return Settings(**chosen)


def interviewer(settings: Settings, known: Bank) -> Interviewer:
    """Who leads the interviews: the offline rater and the templates, unless the settings name a model.

    A question that nobody is going to answer is not made ready: each guide takes half a minute of a core, once."""
    made = make_interviewer(settings, data_root(), known.case)

    def prepare(case: Case) -> None:
        if case.question.id in EMBEDDED:
            made.prepare(case)

    return replace(made, prepare=prepare)


@cache
def known_by(cache: Path) -> tuple[Interviewer, Bank]:
    """An interviewer without a language model, and the bank: made once for all tests, since loading the rater takes a second."""
    known = bank()
    return interviewer(Settings(MOCKINGBIRD_CACHE=cache), known), known  # pyright: ignore[reportCallIssue]


@dataclass
class Model:
    """A language model on this machine, what it says, and an interviewer who uses it."""

    url: str
    leads: Interviewer
    known: Bank
    script: Script = sensible
    go_on: Event = field(default_factory=Event)

    def settings(self, slack: SlackServer, cache: Path) -> Settings:
        """The bot's settings for this Slack, with this model."""
        return settings(slack, cache, **spoken(self.url))

    def reads(self, **how: Any) -> None:
        """From now on it speaks at once, and what it makes of an answer comes like this."""

        def script(request: Request) -> Reply:
            reply = sensible(request)
            return Reply(reply.text, **how) if request.schema else reply

        self.script = script

    def reads_slowly(self) -> None:
        """From now on it speaks at once, and is done with an answer when it is told to go on: what it says is seen meanwhile."""
        self.go_on = Event()
        self.reads(when=self.go_on)

    def recovers(self) -> None:
        """It does everything at once again."""
        self.go_on.set()
        self.script = sensible


def spoken(url: str) -> dict[str, Any]:
    """The settings that have the model at `url` speak; it is waited for for as long as a test is."""
    return {
        "openai_base_url": url,
        "openai_api_key": "sk-test",
        "interview_model": "openai:scripted",
        "model_timeout": "60",
    }


@contextmanager
def speaking(cache: Path) -> Generator[Model]:
    """A model that is served."""

    def answered(request: Request) -> Reply:
        return model.script(request)

    with OpenAIServer(answered) as server:
        known = bank()
        chosen = Settings(MOCKINGBIRD_CACHE=cache, **spoken(server.url))  # pyright: ignore[reportCallIssue]
        model = Model(server.url, interviewer(chosen, known), known)
        yield model
        model.recovers()


@asynccontextmanager
async def over_socket(
    settings: Settings, url: str, leads: Interviewer, known: Bank, pace: Pace = SWIFT
) -> AsyncGenerator[Slack]:
    """The bot, connected over Socket Mode; leaving drains it."""
    stop, connected = asyncio.Event(), asyncio.Event()
    async with running(settings, url, known, leads, signed=False, pace=pace) as slack:
        serving = asyncio.create_task(run(slack, stop, connected.set))
        waiting = asyncio.create_task(connected.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield slack
        finally:
            stop.set()
            await serving


@asynccontextmanager
async def over_http(
    settings: Settings, url: str, leads: Interviewer, known: Bank, pace: Pace = SWIFT
) -> AsyncGenerator[str]:
    """The bot behind uvicorn; yields its address. Leaving drains it.

    Tell the Slack: `slack.delivers_to(address + "/slack/events")`."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        port = listening.getsockname()[1]
        web = make_web(lambda: running(settings, url, known, leads, signed=True, pace=pace))
        server = uvicorn.Server(uvicorn.Config(web, log_level="warning", access_log=False, lifespan="on"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            await serving


@dataclass(frozen=True)
class Table:
    """A person at a table with the bot: what they write, and what the bot says."""

    slack: SlackServer
    who: User

    def said(self, channel: str, thread: str) -> list[Any]:
        """What the bot has said in a thread, oldest first."""
        return [m for m in self.slack.messages(channel, thread) if m.get("user") != self.who.id]

    async def hears(self, channel: str, thread: str, count: int) -> Any:
        """The bot's `count`th message in a thread, when it is there."""
        found: Callable[[], bool] = lambda: len(self.said(channel, thread)) >= count  # noqa: E731
        await self.slack.until(found)
        return self.said(channel, thread)[count - 1]

    async def begins(self, words: str = "start apple senior") -> str:
        """Start an interview in a direct message; its thread, once the question is there."""
        told = await self.slack.types(self.who, None, words)
        await told.acked
        await self.hears(self.slack.dm(self.who).id, told.thread, 1)
        return told.thread

    def offering(self, channel: Channel | str, thread: str | None, action: str) -> str:
        """The ts of the latest message below which `action` can be pressed, "" if there is none."""
        found = [m["ts"] for m in self.slack.said(channel, thread) if action in buttons(m)]
        return str(found[-1]) if found else ""

    async def presses(
        self, channel: Channel | str, thread: str | None, action: str, value: str | None = None
    ) -> Delivery:
        """Press `action` where it is offered last, once it is; acknowledged."""
        ts = await self.slack.until(lambda: self.offering(channel, thread, action))
        told = await self.slack.presses(self.who, channel, ts, action, value)
        await told.acked
        return told

    async def ends(self, thread: str) -> str:
        """End an interview in a direct message; the ts of the scorecard."""
        dm = self.slack.dm(self.who)
        await self.presses(dm, thread, END)
        return await self.slack.until(lambda: self.offering(dm, thread, REPORT))

    async def sits_down(self, words: str = "start doordash quick") -> "Seat":
        """Start an interview in a direct message, and be in its thread."""
        thread = await self.begins(words)
        return Seat(self.slack, self.who, self.slack.dm(self.who).id, thread)


@dataclass(frozen=True)
class Seat:
    """A person in the thread of an interview of theirs."""

    slack: SlackServer
    who: User
    channel: str
    thread: str

    @property
    def name(self) -> str:
        """The thread as the interviewer calls it."""
        return Place(self.who.team, self.channel, self.thread).thread

    @property
    def heard(self) -> list[Any]:
        """What the bot has said in the thread, oldest first."""
        return [m for m in self.slack.said(self.channel, self.thread) if m["user"] != self.who.id]

    @property
    def pressable(self) -> list[str]:
        """The messages of the thread that have buttons of the interview, by their ts."""
        return [m["ts"] for m in self.heard if any(name.startswith("interview.") for name in buttons(m))]

    async def types(self, text: str, *files: Upload) -> Delivery:
        """Write in the thread; acknowledged."""
        told = await self.slack.types(self.who, self.channel, text, thread=self.thread, files=files)
        await told.acked
        return told

    async def says(self, text: str, *files: Upload) -> Any:
        """Write in the thread; the bot's reply."""
        before = len(self.heard)
        await self.types(text, *files)
        return await self.hears(before)

    async def hears(self, before: int) -> Any:
        """The next thing the bot says after the `before` it has said, once its buttons are the only ones."""
        await self.slack.until(lambda: len(self.heard) > before)
        said = self.heard[before]
        await self.slack.until(lambda: self.pressable in ([self.heard[-1]["ts"]], []))
        return said

    async def presses(self, action: str) -> Any:
        """Press a button of the latest message that has any; the bot's reply."""
        before = len(self.heard)
        await (await self.slack.presses(self.who, self.channel, self.pressable[-1], action)).acked
        return await self.hears(before)


async def at_rest(redis: Any) -> bool:
    """Whether workers have nothing to do but to sweep later."""
    return not await redis.xlen(f"{DOCKET}:stream") and set(await redis.zrange(f"{DOCKET}:queue", 0, -1)) <= {b"sweep"}


async def words_of(store: RedisStore, seat: Seat) -> list[tuple[str, str]]:
    """What the transcript has of the candidate: message and text."""
    return [(turn.message, turn.text) for turn in await store.transcript(seat.name) if turn.message]


async def main() -> None:
    """Serve over Socket Mode as the environment says, at a test's pace, until killed."""
    chosen, known = Settings(), bank()
    async with running(chosen, chosen.redis_url, known, interviewer(chosen, known), signed=False, pace=SWIFT) as slack:
        await run(slack, asyncio.Event(), lambda: None)


if __name__ == "__main__":
    asyncio.run(main())
