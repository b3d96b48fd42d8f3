"""What the commands share: the screen, the options, the environment, and the parts as the environment wires them."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from bot.commands import Persona, Wish
from bot.settings import Settings as Environment
from interviewer.model import Format, Level, Mode, Preferences, Settings
from interviewer.questions import Bank, data_root, load_bank

if TYPE_CHECKING:
    from bot.wiring import Interviewer
    from interviewer.ports import Rater
    from interviewer.raters.model import Call

# What only one command needs is imported where that command begins: `--help` must not pay for it.

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

LevelOption = Annotated[Level | None, typer.Option(help="The level to be judged at. \\[default: senior]")]
ModeOption = Annotated[
    Mode | None,
    typer.Option(help="practice offers hints and feedback; interview does neither unasked. \\[default: practice]"),
]
FormatOption = Annotated[Format | None, typer.Option(help="15, 30 or 45 active minutes. \\[default: standard]")]
QuestionOption = Annotated[
    str | None, typer.Option("--question", "-q", help="A question's ID; see `mockingbird questions list`.")
]
PersonaOption = Annotated[Persona | None, typer.Option(help="How a model-backed interviewer speaks. \\[default: calm]")]
OfflineOption = Annotated[
    bool,
    typer.Option("--offline", help="Without a language model, whatever is configured: nothing leaves this machine."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
AdmitOption = Annotated[
    bool, typer.Option("--admit-only", help="Only take in what is said; `mockingbird worker` processes answer it.")
]

BESIDE_THE_POINT = (
    # Bolt finds SLACK_BOT_TOKEN by itself, and warns that it has no use for it.
    ("slack_bolt.AsyncApp", "`token` will be unused"),
    # Nobody speaks here, and what only asks for things hears of no server.
    ("discord.client", "voice will NOT be supported"),
    ("discord.state", "Guilds intent seems to be disabled"),
)
"""Loggers, and what each warns of that means nothing to whoever runs the bot."""


class Refused(Exception):
    """The command can't be carried out. Its text says why and what to do."""


@dataclass(frozen=True)
class Asked:
    """What the command line says of the interview; None where it leaves it open."""

    question: str | None = None
    level: Level | None = None
    mode: Mode | None = None
    format: Format | None = None
    persona: Persona | None = None

    def settings(self, question: str, chosen: Wish) -> Settings:
        """What was asked for, then what was wished for, then what is usual."""
        from bot.people import settings

        said = Preferences(self.level, self.mode, self.format, self.persona or "")
        wished = Preferences(chosen.level, chosen.mode, chosen.format, chosen.persona or "")
        return settings(question, said, wished)


@cache
def environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        faults = "; ".join(_fault(str(fault["loc"][0]), str(fault["msg"])) for fault in error.errors())
        raise Refused(f"The environment is not as it should be: {faults}.") from None


def _fault(name: str, message: str) -> str:
    """A fault that names its setting."""
    said = message.removeprefix("Value error, ")
    return said if name.upper() in said else f"{name.upper()}: {said}"


@cache
def bank() -> Bank:
    return load_bank(*shelves())


def shelves() -> tuple[Path, ...]:
    """The folders of questions: a team's own, what a model has drafted, and the bank's."""
    own = environment().questions
    if own and not (own / "questions.yaml").is_file():
        raise Refused(
            f"MOCKINGBIRD_QUESTIONS is {own}, which has no questions.yaml: `mockingbird questions new ID` begins one."
        )
    drafts = environment().data / "drafts"
    return tuple(folder for folder in (own, drafts, data_root()) if folder and (folder / "questions.yaml").is_file())


def make_interviewer(*, offline: bool = False, observe: "Callable[[Call], None] | None" = None) -> "Interviewer":
    """Who leads an interview, as the environment has it."""
    from bot.wiring import make_interviewer as make

    return make(environment(), data_root(), bank().case, offline=offline, observe=observe or (lambda _: None))


def make_rater(*, offline: bool = False) -> "Rater":
    """Who rates, as the environment has it."""
    from bot.wiring import make_rater as make

    return make(environment(), data_root(), offline=offline)


@asynccontextmanager
async def server() -> AsyncGenerator[str]:
    """The URL of the store's server: the configured one, or our own Valkey, which the last to leave stops."""
    configured = environment().redis_url
    if configured:
        yield configured
        return
    from interviewer import embedded

    async with embedded.running(environment().data) as own:
        yield own.url


async def revive() -> None:
    """Start our own Valkey again if it died; a configured server is not ours to start."""
    if environment().redis_url:
        return
    from interviewer import embedded

    await (await embedded.start(environment().data)).aclose()


def read(path: Path) -> str:
    """The text of a file or of standard input."""
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8 (byte {error.start} is {data[error.start]:#04x}). Save it as UTF-8 and try again."
        ) from None


async def before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done before somebody wanted this process to end; what it raises is raised."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    await asyncio.wait({working, stopping})
    if working.cancelled():
        return False
    working.result()
    return True


@asynccontextmanager
async def until_told() -> AsyncGenerator[asyncio.Event]:
    """An event that is set when somebody wants this process to end: it drains, where it would have been cut off."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def log() -> None:
    """Warnings on standard error. Bolt, discord.py and aiohttp would log what people write at lower levels."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    # Where Discord asks to be spared, discord.py writes the address: that of an answer holds the token it is given with.
    logging.getLogger("discord.http").setLevel(logging.ERROR)
    for name, phrase in BESIDE_THE_POINT:
        logging.getLogger(name).addFilter(partial(_says_more, phrase))


def _says_more(phrase: str, record: logging.LogRecord) -> bool:
    return phrase not in record.getMessage()
