"""Owns the rows of buttons below what the bot says: which there are when, what they are called, and their action ids.

A button's value is the thread it is about, as an opaque string; one that is about no thread has none.
"""

from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextActionsBlock,
    FeedbackButtonObject,
    FeedbackButtonsElement,
)

from bot.actions import (
    ANSWER,
    DISPUTE,
    DOWN,
    END,
    FEEDBACK,
    HINT,
    NEXT,
    PAUSE,
    REALLY,
    REPORT,
    RESUME,
    SHARE,
    START,
    SURPRISE,
    TIME,
    UP,
)
from bot.steering import REALLY_END

PREFER = "home.preferences"
EXPORT = "home.export"
FORGET = "home.forget"
GUIDE = "home.help"
SCORE = "home.scorecard"

Made = dict[str, Any]
"""A block as it is sent."""


def during(thread: str) -> Made:
    """Below what the interviewer says while the clock runs."""
    return row(
        button(HINT, "Hint", thread),
        button(TIME, "Time", thread),
        button(NEXT, "Next", thread),
        button(PAUSE, "Pause", thread),
        _end(thread),
    )


def ending(thread: str) -> Made:
    """Below the question whether somebody really wants to end; Slack need not ask them once more."""
    return row(button(REALLY, "End", thread, style="danger"))


def really_end(thread: str) -> list[Made]:
    """What somebody is asked who typed that they want to end."""
    return [{"type": "section", "text": {"type": "mrkdwn", "text": REALLY_END}}, ending(thread)]


def paused(thread: str) -> Made:
    """Below the word that the clock stands still."""
    return row(button(RESUME, "Resume", thread, style="primary"), _end(thread))


def afterwards(thread: str, disputable: bool) -> Made:
    """Below the scorecard. `disputable`: there is a point left to argue for."""
    return row(
        button(REPORT, "Full report", thread),
        *([button(DISPUTE, "Dispute a point", thread)] if disputable else []),
        button(ANSWER, "Model answer", thread),
        button(SHARE, "Share…", thread),
        button(END, "Close", thread),
    )


def closed_card(thread: str) -> Made:
    """Below the scorecard of an interview that is closed: it can be read and shown."""
    return row(button(REPORT, "Full report", thread), button(SHARE, "Share…", thread))


def closed() -> Made:
    """Below the farewell."""
    return row(button(START, "Start another", style="primary"), button(SURPRISE, "Surprise me"))


def welcome() -> Made:
    """Below the first hello."""
    return row(button(START, "Choose a question", style="primary"), button(SURPRISE, "Surprise me"))


def feedback(thread: str) -> Made:
    """Below the last message: whether the interview was any good. The value is what was thought of it, "|" and the thread."""
    positive = FeedbackButtonObject(
        text="Helpful", value=f"{UP}|{thread}", accessibility_label="This interview was helpful"
    )
    negative = FeedbackButtonObject(
        text="Not helpful", value=f"{DOWN}|{thread}", accessibility_label="Say what was wrong with this interview"
    )
    buttons = FeedbackButtonsElement(action_id=FEEDBACK, positive_button=positive, negative_button=negative)
    return made(ContextActionsBlock(elements=[buttons]))


def row(*buttons: ButtonElement) -> Made:
    """Buttons side by side."""
    return made(ActionsBlock(elements=buttons))


def button(
    action: str,
    text: str,
    value: str | None = None,
    *,
    style: str | None = None,
    confirm: ConfirmObject | None = None,
    url: str | None = None,
) -> ButtonElement:
    """A button. With a `url`, pressing it opens that address and tells the app all the same."""
    return ButtonElement(action_id=action, text=text, value=value, style=style, confirm=confirm, url=url)


def made(block: Block) -> Made:
    """Checked against Slack's limits on the way; one that breaks them is ours to fix, so SlackObjectFormationError is raised."""
    return block.to_dict()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _end(thread: str) -> ButtonElement:
    sure = ConfirmObject(
        title="End the interview",
        text="End here and see the scorecard?",
        confirm="See the scorecard",
        deny="Go on",
        style="danger",
    )
    return button(END, "End", thread, style="danger", confirm=sure)
