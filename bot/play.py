"""Plays an interview from a script: candidate messages separated by lines of `---`, commands with a slash.

The real runner and the real rater on the in-memory store, with a clock that charges every message for the time it takes to
say it: so the same script gives the same interview.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.commands import HELP, NotUnderstood, is_command, parse, untimely
from bot.wiring import Interviewer
from interviewer.attachments import Unfetchable
from interviewer.memory import MemoryStore
from interviewer.model import Attachment, Command, CommandName, Inbound, Message, Phase, Scorecard, Settings, Turn
from interviewer.ports import Post
from interviewer.runner import run_turn

THREAD = "play:script"
CANDIDATE = "candidate"
WORDS_A_SECOND = 2.5
"""The pace of speech, 150 words a minute."""
THINKING = 10.0
"""Seconds before each message."""


@dataclass
class Recording:
    """What is posted, kept in order."""

    posts: list[Post] = field(default_factory=list[Post])

    async def post(self, post: Post) -> None:
        self.posts.append(post)

    def preview(self, thread: str, candidate: str, text: str) -> None:
        """Only what is said in the end is kept."""

    async def withdraw(self, thread: str) -> None:
        """Nothing of it was kept."""

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        raise Unfetchable(attachment.name)


@dataclass(frozen=True)
class Played:
    """An interview that was played to the end of its script."""

    transcript: tuple[Turn, ...]
    scorecard: Scorecard | None
    problems: tuple[str, ...]


def messages(script: str) -> Iterator[str]:
    """The messages of a script; empty ones are left out."""
    for part in re.split(r"^---[ \t]*$", script.replace("\r\n", "\n"), flags=re.MULTILINE):
        if part.strip():
            yield part.strip("\n")


async def play(
    script: str, settings: Settings, interviewer: Interviewer, turn: Callable[[int], None] = lambda _: None
) -> Played:
    """Hold the interview; one that the script leaves open is ended, so that there is a scorecard. `turn` is told which
    message is answered next."""
    now = 0.0
    platform = Recording()
    store = MemoryStore(lambda: now)
    ports = interviewer.ports(store, platform, lambda: now)
    problems: list[str] = []

    async def give(inbound: Inbound) -> None:
        await store.admit(inbound.id, inbound)
        while await run_turn(ports, THREAD, inbound.id):
            pass

    await give(Command(THREAD, "start", CANDIDATE, CommandName.START, now, settings=settings))
    for number, text in enumerate(messages(script), 1):
        if platform.posts[-1].turn.phase is Phase.FINISHED:
            problems.append(f"message {number}: it came after the interview was closed.")
            continue
        turn(number)
        now += THINKING + len(text.split()) / WORDS_A_SECOND
        if not is_command(text):
            await give(Message(THREAD, f"m{number}", CANDIDATE, text, now))
            continue
        if text.strip().lower() in HELP:
            continue
        try:
            typed = parse(text)
        except NotUnderstood as problem:
            problems.append(f"message {number}: {problem}")
            continue
        over = any(post.scorecard for post in platform.posts)
        if problem := untimely(typed.name, over):
            problems.append(f"message {number}: {problem}")
        else:
            await give(Command(THREAD, f"m{number}", CANDIDATE, typed.name, now, typed.argument))
    if not any(post.scorecard for post in platform.posts):
        await give(Command(THREAD, "end", CANDIDATE, CommandName.END, now))
    cards = [post.scorecard for post in platform.posts if post.scorecard]
    return Played(await store.transcript(THREAD), cards[-1] if cards else None, tuple(problems))
