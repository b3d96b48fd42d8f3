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


async def begin(store: Store, submit: Submit, thread: str, key: str, candidate: str, settings: Settings) -> None:
    """Have the interview of `key` begun in a thread."""
    # From here on, what is written there belongs to an interview, even before its first turn.
    await store.note(thread, {"opened": key})
    start = Command(thread, key, candidate, CommandName.START, time.time(), settings=settings)
    # Noted before its first turn does so, since whoever asks to be forgotten may not wait for that.
    await store.begun(candidate, thread, interview_id(start), start.at)
    await submit(key, start)
