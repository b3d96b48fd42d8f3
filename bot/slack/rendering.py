"""Owns what a post looks like in Slack: its text as blocks within limits, and the buttons that suit the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.chunks import split
from bot.slack import buttons, text
from interviewer.model import MoveKind, Phase, Turn
from interviewer.ports import Post

Block = Mapping[str, Any]
SECTION = 2_900
"""Characters of a section; Slack takes 3,000."""
MOST = 45
"""Blocks of a message, without its buttons; Slack takes 50."""
CLASSIC = frozenset({"section", "header", "divider", "context"})
"""Blocks that every Slack knows."""
NOTICE = "notice"
"""The kind of a turn that is about the interview and no part of it."""


IN_PRIVATE: Block = {
    "type": "context",
    "elements": [{"type": "mrkdwn", "text": "Your scorecard is in our direct messages, for you alone."}],
}
"""Stands below the last words of an interview that others could read."""


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
    def forms(self) -> tuple["Outgoing", ...]:
        """The same message in ever plainer blocks: where Slack refuses one form, the next is sent."""
        rows = tuple(block for block in self.actions if block["type"] == "actions")
        classic = tuple(known for block in self.blocks for known in _classic(block))
        # A picture that Slack has not taken in is no reason to do without the rest.
        pictureless = tuple(block for block in self.blocks if block["type"] != "image")
        return (
            self,
            *([Outgoing(self.text, pictureless, self.actions)] if len(pictureless) < len(self.blocks) else []),
            Outgoing(self.text, classic[:MOST], rows),
            Outgoing(self.text, _sections(self.text), rows),
        )


def _classic(block: Block) -> Sequence[Block]:
    """What stands for a block where only the oldest kinds are known; a picture has nothing that does."""
    if block["type"] == "markdown":
        return _sections(text.plain(block["text"], limit=2 * text.MESSAGE))
    return (block,) if block["type"] in CLASSIC else ()


def _sections(escaped: str) -> tuple[Block, ...]:
    return tuple({"type": "section", "text": {"type": "mrkdwn", "text": piece}} for piece in split(escaped, SECTION))


def plainly(spoken: str) -> tuple[Outgoing, ...]:
    """The same words without anything that could go wrong: what is said if `outgoing` fails."""
    return (Outgoing(text.plain(spoken), _sections(text.escape(spoken))),)


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
