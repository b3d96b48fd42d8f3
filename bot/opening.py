"""Owns how an interview is opened on a platform: a question that suits, then its beginning in a thread, the same on every try."""

import time
from collections.abc import Awaitable, Callable
from zlib import crc32

from bot.commands import Wish
from bot.people import choose, settings
from interviewer.model import Command, CommandName, Inbound, Level, Question, Settings
from interviewer.ports import Store
from interviewer.questions import Bank
from interviewer.runner import interview_id

Submit = Callable[[str, Inbound], Awaitable[bool | None]]


async def chosen(store: Store, bank: Bank, candidate: str, wish: Wish, key: str) -> tuple[Question, Settings]:
    """The question somebody is asked who wished for this, and how. Raises UnknownQuestion when none fits."""
    likes = await store.preferences(candidate)
    level = wish.level or likes.level or Level.SENIOR
    question = await choose(store, bank, candidate, level, wish.questions, crc32(key.encode()))
    return question, settings(question.id, wish, likes)


async def reserve(store: Store, start: Command) -> None:
    """From here on, what is written in a thread belongs to an interview, even before its first turn."""
    await store.note(start.thread, {"opened": start.id})
    # Noted before its first turn does so, since whoever asks to be forgotten may not wait for that.
    await store.begun(start.author, start.thread, interview_id(start), start.at)


def starting(thread: str, key: str, candidate: str, settings: Settings) -> Command:
    """What starts the interview of `key` in a thread."""
    return Command(thread, key, candidate, CommandName.START, time.time(), settings=settings)


async def begin(store: Store, submit: Submit, start: Command) -> None:
    """Have an interview begun."""
    await reserve(store, start)
    await submit(start.id, start)
