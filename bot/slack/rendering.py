"""Owns what a post looks like in Slack: its text as blocks within limits, and the buttons that suit the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.chunks import split
from bot.slack import buttons, text
from interviewer.model import MoveKind, Phase, Turn
from interviewer.ports import Post

Block = Mapping[str, Any]
CLASSIC = 2_900
"""Characters of a section; Slack takes 3,000, and escaping makes some longer."""
NOTICE = "notice"
"""The kind of a turn that is about the interview and no part of it."""


@dataclass(frozen=True)
class Outgoing:
    """One message: `text` is what notifications and screen readers get, `actions` what can be pressed below it."""

    text: str
    blocks: Sequence[Block]
    actions: Sequence[Block] = field(default=())

    def with_actions(self, *actions: Block) -> "Outgoing":
        """The same message with these buttons."""
        return Outgoing(self.text, self.blocks, actions)

    @property
    def everything(self) -> list[Block]:
        """All its blocks, buttons last."""
        return [*self.blocks, *self.actions]

    @property
    def classic(self) -> list[Block]:
        """The same in blocks that every Slack knows: what `everything` is replaced by where it is refused."""
        sections: list[Block] = [
            {"type": "section", "text": {"type": "mrkdwn", "text": piece}}
            for piece in split(text.escape(self.text), CLASSIC)
        ]
        return [*sections, *(block for block in self.actions if block["type"] == "actions")]


def outgoing(post: Post) -> tuple[Outgoing, ...]:
    """The messages of a post, without its scorecard; the last has the buttons."""
    spoken = post.turn.text
    found = [Outgoing(text.plain(spoken), blocks) for blocks in text.messages(spoken)]
    if post.scorecard or not found:
        return tuple(found)
    return (*found[:-1], found[-1].with_actions(*_actions(post.thread, post.turn)))


def _actions(thread: str, turn: Turn) -> Sequence[Block]:
    if turn.kind == NOTICE:
        return () if turn.phase not in {Phase.BRIEFING, Phase.FINISHED} else (buttons.welcome(),)
    if turn.phase is Phase.FINISHED:
        return (buttons.closed(),)
    if turn.phase is Phase.DEBRIEF:
        return (buttons.afterwards(thread, disputable=True),)
    return (buttons.paused(thread),) if turn.kind == MoveKind.PAUSED else (buttons.during(thread),)
