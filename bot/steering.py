"""Owns how an interview is steered from a chat: which word is which command, why one means nothing now, and having it done."""

import time

from bot.actions import COMMAND_OF, REALLY
from bot.commands import COMMANDS, Typed, untimely
from bot.people import OVER
from interviewer.engine import Engine
from interviewer.model import Command, CommandName, Interview, Phase
from interviewer.ports import Store

IS_OVER = "The interview is over. Below the scorecard you can dispute a point, see the model answer, or close it."
NOT_YET = "That comes after the scorecard: `/interview end` takes you there."
IS_CLOSED = (
    "That interview is closed. `/interview score` brings your last scorecard, `/interview start` begins another."
)
STANDS_STILL = "The clock stands still already. Write on whenever you like, or press Resume."
REALLY_END = "End the interview here and see the scorecard? It can't be taken up again."
NO_INTERVIEW = "No interview of yours is running. `/interview start` begins one."
HAVE_IT = "I have that already: my reply is there, or on its way."
GONE = "That interview is no longer kept. `/interview start` begins another."
NOT_YOURS = "These buttons are for the person being interviewed. `/interview start` begins one of your own."


def wrong(name: CommandName, interview: Interview) -> str:
    """Why a command means nothing now, or "" if it does, in words that can be typed in a chat."""
    if interview.phase is Phase.FINISHED:
        return IS_CLOSED
    over = interview.phase in OVER
    if untimely(name, over):
        return IS_OVER if over else NOT_YET
    return STANDS_STILL if name is CommandName.PAUSE and interview.paused else ""


def wrong_press(action: str, interview: Interview) -> str:
    """Why a button means nothing now, or "" if it does. Whoever was asked twice whether to end is not to close it instead."""
    return IS_OVER if action == REALLY and interview.phase is Phase.DEBRIEF else wrong(COMMAND_OF[action], interview)


def ends(name: CommandName, interview: Interview) -> bool:
    """Whether a command ends an interview for good: typed, it is asked for once more."""
    return name is CommandName.END and interview.phase not in OVER


def bare_command(text: str) -> Typed | None:
    """The command a message is, if it is one word that is one: people type `hint` where they are being interviewed."""
    known = COMMANDS.get(text.lower().removeprefix("/"))
    return Typed(known[0]) if known and known[0] is not CommandName.DISPUTE else None


async def meant(store: Store, thread: str, candidate: str, text: str) -> tuple[Typed | None, str]:
    """What a message to the interviewer is besides an answer: a command, or what there is to say to it; neither for an answer.

    A command that means nothing now may still be meant as one."""
    typed = bare_command(text)
    if typed is None or await store.holder(thread) != candidate:
        return None, ""
    interview = await store.interview(thread)
    if interview is None:
        return None, ""
    if ends(typed.name, interview):
        return None, REALLY_END
    problem = wrong(typed.name, interview)
    return (None, problem if problem == STANDS_STILL else "") if problem else (typed, "")


async def steer(engine: Engine, thread: str, candidate: str, typed: Typed, id: str, at: float | None = None) -> bool:
    """Have a command done in somebody's interview, given at `at` (None for now). False: it has been asked for already."""
    when = time.time() if at is None else at
    return bool(await engine.submit(id, Command(thread, id, candidate, typed.name, when, typed.argument)))
