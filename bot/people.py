"""Owns what a person can ask of the bot besides an interview, on every platform: a question that suits them, their history,
their scorecards, an export of all that is kept of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.commands import Persona, Wish
from bot.report import interviewed
from interviewer.model import (
    Case,
    Format,
    Interview,
    Level,
    Mode,
    Phase,
    Preferences,
    Question,
    Scorecard,
    Settings,
    Turn,
)
from interviewer.ports import Store
from interviewer.progress import RECENT, weak
from interviewer.questions import Bank, BankError, UnknownQuestion, pick
from interviewer.records import INBOUND, INTERVIEW, PREFERENCES, TURN
from interviewer.scoring import scorecard

FEEDBACK = "feedback"
"""What the notes begin with that hold what somebody thought of an interview."""
NOTHING_DAILY: Mapping[str, Any] = MappingProxyType({})
OVER = frozenset({Phase.DEBRIEF, Phase.FINISHED})
"""Where an interview has its scorecard."""


@dataclass(frozen=True)
class Sitting:
    """One interview of a person: where it is, what it was about, and how it went. `card` once there is a scorecard.

    `began` is in seconds since the epoch; 0 while its first turn is on its way."""

    thread: str
    interview: Interview
    title: str
    began: float
    card: Scorecard | None

    @property
    def over(self) -> bool:
        """Whether it has come to its scorecard."""
        return self.interview.phase in OVER


async def sittings(store: Store, bank: Bank, candidate: str) -> tuple[Sitting, ...]:
    """Every interview of a person that is still kept, the latest first. One whose question is gone has no scorecard."""
    found = [await sitting(store, bank, thread) for thread in reversed(await store.threads(candidate))]
    return tuple(each for each in found if each)


async def sitting(store: Store, bank: Bank, thread: str) -> Sitting | None:
    """The interview in a thread, or None."""
    interview = await store.interview(thread)
    if interview is None:
        return None
    title, card = interview.settings.question, None
    with suppress(UnknownQuestion, BankError):
        case = bank.case(interview.settings.question)
        title, card = case.question.title, scorecard(interview, case) if interview.phase in OVER else None
    transcript = await store.transcript(thread)
    return Sitting(thread, interview, title, transcript[0].at if transcript else 0.0, card)


async def unfinished(
    store: Store, candidate: str, among: Callable[[str], bool] = lambda _: True, *, debriefs: bool = True
) -> str | None:
    """The thread of the latest interview that has not come to its scorecard, else, with `debriefs`, of the latest that is not
    closed."""
    debriefing = None
    for thread in reversed(await store.threads(candidate)):
        interview = await store.interview(thread) if among(thread) else None
        if interview and interview.phase not in OVER:
            return thread
        if debriefs and interview and interview.phase is Phase.DEBRIEF:
            debriefing = debriefing or thread
    return debriefing


async def choose(
    store: Store, bank: Bank, candidate: str, level: Level, among: Sequence[Question], seed: int
) -> Question:
    """The question that was named, or of those that were: not what this person has had, and rather what they are weak at.

    Raises UnknownQuestion when none fits."""
    if len(among) == 1:
        return among[0]
    past = await sittings(store, bank, candidate)
    cards = [each.card for each in past if each.card][:RECENT]
    seen = [each.interview.settings.question for each in reversed(past)]
    return pick(bank, level, seen, seed, among, weak(cards[::-1]))


def settings(question: str, wish: Wish | Preferences, likes: Preferences) -> Settings:
    """What was wished for, then what the person likes, then what is usual."""
    return Settings(
        question,
        wish.level or likes.level or Level.SENIOR,
        wish.mode or likes.mode or Mode.PRACTICE,
        wish.format or likes.format or Format.STANDARD,
        wish.persona or likes.persona or Persona.CALM,
        likes.language,
    )


async def export(
    store: Store, case: Callable[[str], Case], candidate: str, daily: Mapping[str, Any] = NOTHING_DAILY
) -> str:
    """All that is kept of a person, as JSON for people and programs: preferences, every interview with its state, its
    transcript and its scorecard, and `daily`, what is kept of them for daily questions."""
    threads = await store.threads(candidate)
    everything = {
        "candidate": candidate,
        "preferences": PREFERENCES.dump_python(await store.preferences(candidate), mode="json"),
        "interviews": [await _exported(store, case, thread) for thread in threads],
        **({"daily": daily} if daily else {}),
    }
    return json.dumps(everything, ensure_ascii=False, indent=2)


async def _exported(store: Store, case: Callable[[str], Case], thread: str) -> dict[str, Any]:
    interview, transcript = await store.interview(thread), await store.transcript(thread)
    card = None
    if interview and interview.phase in OVER:
        with suppress(UnknownQuestion, BankError):
            card = interviewed(scorecard(interview, case(interview.settings.question)))
    return {
        "thread": thread,
        "interview": INTERVIEW.dump_python(interview, mode="json") if interview else None,
        "transcript": [TURN.dump_python(turn, mode="json") for turn in transcript],
        "scorecard": card,
        "feedback": {name: note for name, note in (await store.notes(thread)).items() if name.startswith(FEEDBACK)},
        "set_aside": [INBOUND.dump_python(aside.inbound, mode="json") for aside in await store.aside(thread)],
    }


def spoken(transcript: Sequence[Turn]) -> tuple[str, ...]:
    """The ids of the candidate's messages, each once, in the order in which they were said."""
    return tuple(dict.fromkeys(turn.message for turn in transcript if turn.message))


def zone(name: str) -> tzinfo:
    """The time zone of this name; UTC for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
