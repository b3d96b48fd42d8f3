"""Owns noting what people answer to a daily question, as it is said and as it stands when it is looked at again."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from interviewer.daily import DailyAnswer, DailyQuestion, Took, Written, moment
from interviewer.daily_store import DailyStore
from interviewer.ports import Noticeboard

LONGEST = 4000
"""Characters of an answer in the open, as far as it is heard."""


async def note(store: DailyStore, channel: str, question: DailyQuestion, answer: DailyAnswer, zone: str) -> None:
    """Keep an answer, and that its author answered on their local day. `zone` is theirs, "" where it is not known."""
    kept = await store.answer(channel, question.slot, answer)
    if kept and not (await store.standing(answer.person)).hidden:
        local = moment(answer.at).astimezone(where(question, zone))
        await store.took(answer.person, Took(local.date(), question.slot.day))


def where(question: DailyQuestion, zone: str) -> tzinfo:
    """Somebody's zone, else the question's, else UTC."""
    for name in (zone, question.zone):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    return UTC


@dataclass(frozen=True)
class Unheard:
    """What nobody heard when it happened: messages that were deleted, answers that are empty by now, and what is to be noted."""

    deleted: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    said: tuple[DailyAnswer, ...] = ()


def unheard(noted: Iterable[DailyAnswer], stands: Sequence[Written], until: float) -> Unheard:
    """How what stands below a question differs from what is noted of it. What was written from `until` on is no answer; what is
    sealed stands nowhere yet."""
    known = {each.message: each for each in noted if not each.sealed}
    there = {each.message: each for each in stands}
    emptied: list[str] = []
    said: list[DailyAnswer] = []
    for message, now in there.items():
        before, text = known.get(message), None if now.text is None else now.text.strip()[:LONGEST]
        if text is None or (before and before.text == text):
            continue
        if text and (before or now.at < until):
            said.append(replace(before, text=text) if before else DailyAnswer(now.person, text, now.at, message))
        elif before:
            emptied.append(message)
    return Unheard(tuple(message for message in known if message not in there), tuple(emptied), tuple(said))


async def look_again(store: DailyStore, noticeboard: Noticeboard, channel: str, question: DailyQuestion) -> None:
    """Note what nobody heard of what stands below a question. Raises StoreUnavailable, Away and Closed."""
    # What is noted from here on has just been heard, and may be too new to be seen.
    noted, gone = await store.answers(channel, question.slot), await store.deleted(channel, question.slot)
    stands = await noticeboard.written(channel, question.message)
    if stands is None:
        return
    missed = unheard(noted, [each for each in stands if each.message not in gone], question.reveals)
    for message in missed.deleted:
        await store.unanswer(channel, question.slot, message, for_good=True)
    for message in missed.emptied:
        await store.unanswer(channel, question.slot, message)
    for answer in missed.said:
        # Where they are is not asked for again.
        await note(store, channel, question, answer, "")
