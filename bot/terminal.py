"""The interview in a terminal: what is typed goes through the real engine, what comes back is printed.

A half-typed answer is kept in a file on every change, so that even a kill -9 in the middle of a sentence loses nothing.
"""

import asyncio
import getpass
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout
from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import HTML
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from pydantic import TypeAdapter
from rich.console import Console
from rich.markdown import Markdown
from rich.rule import Rule
from rich.status import Status
from rich.table import Table
from rich.text import Text

from bot.commands import COMMANDS, HELP, NotUnderstood, Typed, is_command, parse, untimely
from bot.people import OVER
from bot.scorecard import render
from bot.text import clean
from interviewer.attachments import Unfetchable
from interviewer.engine import Engine
from interviewer.model import (
    Attachment,
    Case,
    Command,
    CommandName,
    Inbound,
    Interview,
    Message,
    MoveKind,
    Phase,
    Scorecard,
    Settings,
    Speaker,
    Turn,
)
from interviewer.ports import Post, Store, StoreUnavailable
from interviewer.scoring import scorecard

LONGEST = 500_000
"""Characters of one message."""
PATIENCE = 120.0
"""Seconds to wait for a reply before saying that it takes long."""
GLANCE = 0.2
"""Seconds between two looks at whether anything is left to be answered."""
THREADS = TypeAdapter(list[str])
ENDS = (".", "!", "?", "\n", ". ", "? ", "! ")
"""What a sentence that is being typed ends with."""
KEPT = 50
"""Unfinished interviews that are remembered."""


class OpenElsewhere(Exception):
    """The interview is open in another terminal."""


@dataclass(frozen=True)
class Desk:
    """Where a terminal keeps what is its own: which interviews are unfinished, and what is half typed."""

    directory: Path

    @property
    def _file(self) -> Path:
        return self.directory / "chat.json"

    def threads(self) -> list[str]:
        """The threads of unfinished interviews, the latest last."""
        try:
            return THREADS.validate_json(self._file.read_bytes())
        except (OSError, ValueError):
            return []

    def open(self, thread: str) -> None:
        """Note an interview before it begins, so that a crash can't hide it."""
        with self._alone():
            self._write([*(known for known in self.threads() if known != thread), thread])

    def close(self, thread: str) -> None:
        """Forget an interview that is over."""
        with self._alone():
            self._write([known for known in self.threads() if known != thread])
        self.keep(thread, "")

    def draft(self, thread: str) -> str:
        """What was half typed when the terminal last closed."""
        try:
            return self._draft(thread).read_text("utf-8")
        except (OSError, ValueError):
            return ""

    def keep(self, thread: str, text: str) -> None:
        """Keep what is half typed."""
        if text:
            self._put(self._draft(thread), text.encode(errors="replace"))
        else:
            self._draft(thread).unlink(missing_ok=True)

    @contextmanager
    def seat(self, thread: str) -> Generator[None]:
        """The only seat at an interview. Raises OpenElsewhere when another terminal has it; a dead one never does."""
        lock = FileLock(self._seat(thread))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise OpenElsewhere from None
        try:
            yield
        finally:
            lock.release()
            if thread not in self.threads():
                self._seat(thread).unlink(missing_ok=True)

    def _alone(self) -> FileLock:
        """Two terminals that begin or end at the same moment don't undo each other's note."""
        return FileLock(self._file.with_suffix(".lock"), timeout=10)

    def _seat(self, thread: str) -> Path:
        return self.directory / f"{thread.rpartition(':')[2]}.lock"

    def _draft(self, thread: str) -> Path:
        return self.directory / f"{thread.rpartition(':')[2]}.draft"

    def _write(self, threads: list[str]) -> None:
        self._put(self._file, THREADS.dump_json(threads[-KEPT:]))

    def _put(self, path: Path, data: bytes) -> None:
        """Replace a file in one step; nobody else may read it."""
        new = path.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_bytes(data)
        new.replace(path)


def candidate() -> str:
    """Who is interviewed here: whoever is logged in; a container may not know."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (ImportError, KeyError, OSError):
        return f"terminal:{os.getuid() if hasattr(os, 'getuid') else 'somebody'}"


def new_thread() -> str:
    """A thread of this terminal's own."""
    return f"terminal:{uuid.uuid4().hex[:12]}"


@dataclass
class Screen:
    """A `ChatPlatform`: posts are handed to whoever waits for them, and printed once each."""

    console: Console
    posts: asyncio.Queue[Post] = field(default_factory=asyncio.Queue[Post])
    seen: set[str] = field(default_factory=set[str])
    said: set[Turn] = field(default_factory=set[Turn])
    status: Status | None = None
    """What is shown while a reply is awaited."""

    async def post(self, post: Post) -> None:
        if post.key not in self.seen:
            self.seen.add(post.key)
            await self.posts.put(post)

    def preview(self, thread: str, candidate: str, text: str) -> None:
        """Show what the interviewer is saying while it comes."""
        if self.status:
            self.status.update(Text(clean(text)))

    async def withdraw(self, thread: str) -> None:
        """What was shown while it came is gone with the next status."""

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        raise Unfetchable(attachment.name)

    def show(self, post: Post, transcript: Sequence[Turn] = ()) -> None:
        """Print a post, its scorecard below it."""
        if self.status:
            self.status.update("[dim]Listening…[/]")  # what was seen while it came stands below in its final words
        if post.turn in self.said:
            return  # shown already, from the transcript
        self.say(post.turn)
        if post.scorecard:
            self.card(post.scorecard, transcript)

    def card(self, card: Scorecard, transcript: Sequence[Turn]) -> None:
        """Print a scorecard, with messages numbered as they stand in the transcript."""
        spoken = [turn.message for turn in transcript if turn.speaker is Speaker.CANDIDATE]
        places = {message: str(number) for number, message in enumerate(spoken, 1)}
        self.console.print(render(card, places))

    def say(self, turn: Turn) -> None:
        """Print one line of the transcript."""
        who = "[bold magenta]Interviewer[/]" if turn.speaker is Speaker.INTERVIEWER else "[bold cyan]You[/]"
        self.console.print(f"\n{who} [dim]{turn.phase.value}[/]")
        self.said.add(turn)
        # Only our own texts are Markdown; what quotes a candidate is printed as it is.
        own = turn.speaker is Speaker.INTERVIEWER and turn.kind in {MoveKind.PRESENT, MoveKind.MODEL_ANSWER}
        self.console.print(Markdown(turn.text) if own else Text(clean(turn.text)))


@dataclass
class Chat:
    """One sitting: reads, submits, waits for the reply, prints it."""

    engine: Engine
    store: Store
    screen: Screen
    desk: Desk
    thread: str
    case: Callable[[str], Case]
    revive: Callable[[], Awaitable[None]]
    """Starts the store again where that is ours to do."""
    loading: Callable[[], bool]
    """Whether the rater is still being made ready."""
    overhear: Callable[[str], None]
    """Makes ready for what is being typed; takes its time."""
    overhearing: asyncio.Task[None] | None = None
    unsent: tuple[str, Inbound] | None = None
    """What was typed and could not be submitted: sent again, it goes under the same id, so that it can't be heard twice."""

    async def begin(self, settings: Settings) -> None:
        """Start a new interview and put the question on the screen."""
        self.desk.open(self.thread)
        await self.give(self._command(CommandName.START, settings=settings))

    async def resume(self, interview: Interview) -> None:
        """Show where things stood; whatever was sent before a crash is answered first."""
        transcript = await self.store.transcript(self.thread)
        self.screen.console.print(Rule(f"Resuming: {interview.settings.question}", style="dim"))
        pending = await self._pending() or not self.screen.posts.empty()
        back = interview.phase not in OVER and not pending
        # Coming back repeats what was open; otherwise the interviewer's last words are shown as they were.
        for turn in transcript[-3:]:
            if turn.speaker is Speaker.CANDIDATE or not back:
                self.screen.say(turn)
        if interview.phase in OVER:
            self.screen.card(scorecard(interview, self.case(interview.settings.question)), transcript)
        await self._catch_up()
        heard = [turn.text for turn in await self.store.transcript(self.thread) if turn.speaker is Speaker.CANDIDATE]
        if heard and heard[-1] == self.desk.draft(self.thread):
            self.desk.keep(self.thread, "")  # it was sent just before the crash
        if back:
            await self.give(self._command(CommandName.RESUME))

    async def converse(self) -> None:
        """Until the interview is closed or the candidate leaves; leaving pauses."""
        prompt = _session()
        while True:
            try:
                text = await self._read(prompt)
            except (KeyboardInterrupt, EOFError):
                await self._leave()
                return
            try:
                if not await self._take(text):
                    return
            except StoreUnavailable as problem:
                self.desk.keep(self.thread, text)
                self.screen.console.print(str(problem), style="red", markup=False)
                self.screen.console.print("What you wrote is kept: press Enter to send it again.")
                await self.revive()

    async def _read(self, prompt: "PromptSession[str]") -> str:
        def keep(_: object) -> None:
            self.desk.keep(self.thread, buffer.text)
            # One at a time: what is typed meanwhile is heard with the next sentence.
            busy = self.overhearing and not self.overhearing.done()
            if buffer.text.endswith(ENDS) and not busy and not self.loading():
                self.overhearing = asyncio.create_task(asyncio.to_thread(self.overhear, buffer.text))

        buffer = prompt.default_buffer
        buffer.on_text_changed.add_handler(keep)
        try:
            return await prompt.prompt_async(
                HTML("\n<ansicyan><b>You</b></ansicyan> "),
                default=self.desk.draft(self.thread),
                bottom_toolbar="Enter sends · Alt+Enter or a \\ at the end of a line: new line · /help · Ctrl-C pauses",
                handle_sigint=True,
            )
        finally:
            buffer.on_text_changed.remove_handler(keep)

    async def _take(self, text: str) -> bool:
        """Do what was typed. False: this sitting is over."""
        if not text.strip():
            self.screen.console.print("[dim]Nothing typed. Say what you are thinking, or /help.[/]")
            return True
        if not is_command(text):
            return await self._answer(text)
        self.desk.keep(self.thread, "")
        if text.strip().lower() in HELP:
            self.screen.console.print(help_table())
            return True
        try:
            typed = parse(text)
        except NotUnderstood as problem:
            self.screen.console.print(str(problem), style="yellow", markup=False)
            return True
        return await self._obey(text, typed)

    async def _answer(self, text: str) -> bool:
        if len(text) > LONGEST:
            self.screen.console.print(
                f"[yellow]That is {len(text):,} characters; I can take {LONGEST:,} at once. "
                "It is still in your prompt: cut it to what matters, or send it in pieces.[/]"
            )
            return True
        said = clean(text)
        await self._once(text, Message(self.thread, uuid.uuid4().hex[:8], candidate(), said, time.time()))
        return True

    async def _once(self, text: str, inbound: Inbound) -> None:
        """Give what was typed, or what the same text became when it could not be submitted."""
        if self.unsent is None or self.unsent[0] != text:
            self.unsent = (text, inbound)
        await self.give(self.unsent[1])
        self.unsent = None

    async def _obey(self, text: str, typed: Typed) -> bool:
        state = await self.store.interview(self.thread)
        if typed.name is CommandName.PAUSE:
            await self._leave()
            return False
        if state and (problem := untimely(typed.name, state.phase in OVER)):
            self.screen.console.print(problem, style="yellow", markup=False)
            return True
        await self._once(text, self._command(typed.name, typed.argument))
        after = await self.store.interview(self.thread)
        if after and after.phase is Phase.FINISHED:
            self.desk.close(self.thread)
            return False
        return True

    async def _leave(self) -> None:
        state = await self.store.interview(self.thread)
        if state and state.phase in OVER:
            self.desk.close(self.thread)
            return
        if state and not state.paused:
            await self.give(self._command(CommandName.PAUSE))
        self.screen.console.print("[dim]`mockingbird chat` brings you back here.[/]")

    async def give(self, inbound: Inbound) -> None:
        """Submit and show the reply. Raises StoreUnavailable when it could not be submitted."""
        await self.engine.submit(inbound.id, inbound)
        if isinstance(inbound, Message):
            self.desk.keep(self.thread, "")  # from here the store has it
        while post := await self._reply():
            await self._show(post)
            # A reply that was late comes before the one to this.
            mine = post.key.startswith(f"{self.thread}:{inbound.id}:")
            if mine or (self.screen.posts.empty() and not await self._pending()):
                return
        self.screen.console.print("[yellow]No reply yet. Nothing is lost: it comes here, or at the next start.[/]")

    async def _reply(self) -> Post | None:
        """The next post. None: it takes too long, or the engine stopped."""
        with self._listening():
            reply = asyncio.create_task(self.screen.posts.get())
            ended = asyncio.create_task(self.engine.ended())
            try:
                done, _ = await asyncio.wait({reply, ended}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
                return reply.result() if reply in done else None
            finally:
                reply.cancel()
                ended.cancel()

    @contextmanager
    def _listening(self) -> Generator[None]:
        first = " The first answer to a question takes some seconds more, once." if self.loading() else ""
        try:
            with self.screen.console.status(f"[dim]Listening…{first}[/]", spinner="dots") as self.screen.status:
                yield
        finally:
            self.screen.status = None

    async def _catch_up(self) -> None:
        """Print the replies to whatever was sent before a crash."""
        with self._listening():
            while await self._pending() or not self.screen.posts.empty():
                with suppress(TimeoutError):
                    await self._show(await asyncio.wait_for(self.screen.posts.get(), GLANCE))

    async def _show(self, post: Post) -> None:
        transcript = await self.store.transcript(self.thread) if post.scorecard else ()
        self.screen.show(post, transcript)

    async def _pending(self) -> bool:
        return self.thread in [thread async for thread in self.store.waiting()]

    def _command(self, name: CommandName, argument: str = "", settings: Settings | None = None) -> Command:
        return Command(self.thread, uuid.uuid4().hex[:8], candidate(), name, time.time(), argument, settings)


def help_table() -> Table:
    """What can be typed in a chat."""
    table = Table.grid(padding=(0, 2))
    for word, (_, help) in COMMANDS.items():
        table.add_row(f"[cyan]/{word}[/]", help)
    table.add_row("[cyan]Alt+Enter[/]", "a new line; so does a \\ at the end of one")
    table.add_row("[cyan]Ctrl-C[/]", "pause and leave; everything is kept")
    return table


def _session() -> "PromptSession[str]":
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return PromptSession(
        multiline=True, key_bindings=keys, enable_open_in_editor=True, enable_suspend=os.name == "posix"
    )
