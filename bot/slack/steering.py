"""Owns how an interview is steered from Slack: which word or button is which command, and why one means nothing now."""

import time
from typing import Any

from bot.commands import COMMANDS, Typed, untimely
from bot.people import OVER
from bot.slack import buttons
from bot.slack.arrivals import Said
from interviewer.engine import Engine
from interviewer.model import Command, CommandName, Interview, Phase

COMMAND_OF = {
    buttons.HINT: CommandName.HINT,
    buttons.TIME: CommandName.TIME,
    buttons.REPEAT: CommandName.REPEAT,
    buttons.NEXT: CommandName.NEXT,
    buttons.PAUSE: CommandName.PAUSE,
    buttons.RESUME: CommandName.RESUME,
    buttons.END: CommandName.END,
    buttons.ANSWER: CommandName.ANSWER,
}
"""Buttons that steer the interview."""
IS_OVER = "The interview is over. Below the scorecard you can dispute a point, see the model answer, or close it."
NOT_YET = "That comes after the scorecard: `/interview end` takes you there."
IS_CLOSED = (
    "That interview is closed. `/interview score` brings your last scorecard, `/interview start` begins another."
)
STANDS_STILL = "The clock stands still already. Write on whenever you like, or press Resume."
REALLY_END = "End the interview here and see the scorecard? It can't be taken up again."


def wrong(name: CommandName, interview: Interview) -> str:
    """Why a command means nothing now, or "" if it does, in words that can be typed in Slack."""
    if interview.phase is Phase.FINISHED:
        return IS_CLOSED
    over = interview.phase in OVER
    if untimely(name, over):
        return IS_OVER if over else NOT_YET
    return STANDS_STILL if name is CommandName.PAUSE and interview.paused else ""


def ends(name: CommandName, interview: Interview) -> bool:
    """Whether a command ends an interview for good: typed, it is asked for once more."""
    return name is CommandName.END and interview.phase not in OVER


def really_end(thread: str) -> list[dict[str, Any]]:
    """What somebody is asked who typed that they want to end."""
    question = {"type": "section", "text": {"type": "mrkdwn", "text": REALLY_END}}
    return [question, buttons.ending(thread)]


def bare_command(said: Said) -> Typed | None:
    """The command a message is, if it is one word: people type `hint` in a thread, where Slack takes no slash commands."""
    word = said.text.lower().removeprefix("/")
    known = COMMANDS.get(word)
    alone = known and known[0] is not CommandName.DISPUTE and not said.attachments
    return Typed(known[0]) if known and alone else None


async def steer(engine: Engine, thread: str, candidate: str, typed: Typed, id: str) -> bool:
    """Have a command done in somebody's interview. False: it has been asked for already."""
    return bool(await engine.submit(id, Command(thread, id, candidate, typed.name, time.time(), typed.argument)))
