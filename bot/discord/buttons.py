"""Owns the buttons below what the bot says: which there are when, what they are called, and that they outlive every restart.

A button says all there is to know in its custom id, `ACTION|VALUE`; the value is the thread it is about, or "".
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

import discord
from discord import ButtonStyle, ui

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

CLOSE = "interview.close"
POST_HERE = "scorecard.here"
REALLY_FORGET = "home.forget"
HELPFUL, UNHELPFUL = f"{FEEDBACK}.{UP}", f"{FEEDBACK}.{DOWN}"
WIDEST = 5
"""Buttons in a row."""

Row = Sequence["Press"]


class Pressed(Protocol):
    """Who is told of a press."""

    async def pressed(self, interaction: discord.Interaction, action: str, value: str) -> None: ...


class Press(ui.DynamicItem[ui.Button[Any]], template=r"(?P<action>[a-z]+(?:\.[a-z]+)+)\|(?P<value>.*)"):
    """A button that any process answers which has this class: it needs no memory of having sent it."""

    def __init__(self, action: str, value: str, label: str = "", style: ButtonStyle = ButtonStyle.secondary) -> None:
        self.action = action
        self.value = value
        super().__init__(ui.Button(label=label, style=style, custom_id=f"{action}|{value}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: ui.Item[Any], match: re.Match[str]
    ) -> "Press":
        """The button somebody pressed."""
        return cls(match["action"], match["value"])

    async def callback(self, interaction: discord.Interaction) -> None:
        """Tell the bot's desk."""
        desk: Pressed = cast("Any", interaction.client).desk
        await desk.pressed(interaction, self.action, self.value)


def during(thread: str) -> Row:
    """Below what the interviewer says while the clock runs."""
    return (
        Press(HINT, thread, "Hint"),
        Press(TIME, thread, "Time"),
        Press(NEXT, thread, "Next"),
        Press(PAUSE, thread, "Pause"),
        Press(END, thread, "End", ButtonStyle.danger),
    )


def paused(thread: str) -> Row:
    """Below the word that the clock stands still."""
    return (Press(RESUME, thread, "Resume", ButtonStyle.primary), Press(END, thread, "End", ButtonStyle.danger))


def really_end(thread: str) -> Row:
    """Below the question whether somebody really wants to end."""
    return (Press(REALLY, thread, "End", ButtonStyle.danger),)


def afterwards(thread: str, disputable: bool) -> Row:
    """Below the scorecard. `disputable`: there is a point left to argue for."""
    return (
        Press(REPORT, thread, "Full report"),
        *([Press(DISPUTE, thread, "Dispute a point")] if disputable else []),
        Press(ANSWER, thread, "Model answer"),
        Press(SHARE, thread, "Share…"),
        Press(CLOSE, thread, "Close"),
    )


def closed_card(thread: str) -> Row:
    """Below the scorecard of an interview that is closed: it can be read and shown."""
    return (Press(REPORT, thread, "Full report"), Press(SHARE, thread, "Share…"))


def feedback(thread: str) -> Row:
    """Below the scorecard: whether the interview was any good."""
    return (Press(HELPFUL, thread, "Helpful"), Press(UNHELPFUL, thread, "Not helpful"))


def welcome() -> Row:
    """Below a hello."""
    return (Press(START, "", "Choose a question", ButtonStyle.primary), Press(SURPRISE, "", "Surprise me"))


def closed() -> Row:
    """Below the farewell."""
    return (Press(START, "", "Start another", ButtonStyle.primary), Press(SURPRISE, "", "Surprise me"))


def post_here(thread: str) -> Row:
    """Below what a channel would see of a scorecard."""
    return (Press(POST_HERE, thread, "Post it here", ButtonStyle.primary),)


def really_forget() -> Row:
    """Below what forgetting means."""
    return (Press(REALLY_FORGET, "", "Forget me", ButtonStyle.danger),)


def view(*rows: Row) -> ui.View:
    """Rows of buttons below a text."""
    made = ui.View(timeout=None)
    for n, row in enumerate(rows):
        for button in row:
            button.row = n
            made.add_item(button)
    return made


def action_row(row: Row) -> "ui.ActionRow[Any]":
    """A row of buttons inside a layout."""
    made: Any = ui.ActionRow
    return made(*row)


def nested(components: Sequence[Any]) -> Iterator[Any]:
    """Every component of a message, however deep it is in others."""
    for component in components:
        yield component
        yield from nested(getattr(component, "children", None) or ())
