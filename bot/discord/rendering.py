"""Owns what a post looks like in Discord: its text as messages within the limit, hints hidden, and the buttons that suit the
moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import discord
from discord import ui

from bot.discord import buttons, text
from interviewer.model import MoveKind, Phase, Turn
from interviewer.ports import Post

LIMIT = 2_000
"""Characters of a message."""
HINT = "A hint, hidden until you tap it:\n"
NOTICE = "notice"
"""The kind of a turn that is about the interview and no part of it."""


@dataclass(frozen=True)
class Outgoing:
    """One message: a text with rows of buttons, or a `layout`, made anew for every try, and files that go with it."""

    content: str = ""
    rows: Sequence[buttons.Row] = ()
    layout: Callable[[], ui.LayoutView] | None = None
    files: Sequence[tuple[str, bytes]] = ()

    def arguments(self) -> dict[str, Any]:
        """What `send` takes of it."""
        made: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none()}
        if self.files:
            made["files"] = [discord.File(BytesIO(data), filename=name) for name, data in self.files]
        if self.layout:
            return {**made, "view": self.layout()}
        made["suppress_embeds"] = True
        return {**made, "content": self.content, **({"view": buttons.view(*self.rows)} if self.rows else {})}

    @property
    def pressable(self) -> bool:
        """Whether it has buttons."""
        return bool(self.rows or self.layout)


def outgoing(post: Post) -> tuple[Outgoing, ...]:
    """The messages of a post, without its scorecard; the last has the buttons."""
    if post.turn.kind == MoveKind.HINT:
        hidden = text.messages(post.turn.text, LIMIT - len(HINT), hidden=True)
        found = [Outgoing(f"{HINT}{piece}") for piece in hidden]
    else:
        found = [Outgoing(piece) for piece in text.messages(post.turn.text, LIMIT)]
    rows = () if post.scorecard or not found else _rows(post.thread, post.turn)
    return tuple(found) if not rows else (*found[:-1], replace(found[-1], rows=rows))


def plainly(spoken: str) -> tuple[Outgoing, ...]:
    """The same words without anything that could go wrong: what is said if `outgoing` fails."""
    return tuple(Outgoing(piece) for piece in text.messages(text.escape(spoken)))


def _rows(thread: str, turn: Turn) -> Sequence[buttons.Row]:
    if turn.kind == NOTICE:
        return () if turn.phase not in {Phase.BRIEFING, Phase.FINISHED} else (buttons.welcome(),)
    if turn.phase is Phase.FINISHED:
        return (buttons.closed(),)
    if turn.phase is Phase.DEBRIEF:
        return (buttons.afterwards(thread, disputable=True),)
    return (buttons.paused(thread),) if turn.kind == MoveKind.PAUSED else (buttons.during(thread),)
