"""What language models were asked for in one interview, call by call: `mockingbird play --usage`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from interviewer.model import Usage
from interviewer.raters.model import Call

STEADY = 3
"""The answer from which on a provider's cache has seen everything that stays the same."""


@dataclass
class Ledger:
    """Every call, under the number of the message it was made for."""

    calls: list[tuple[int, Call]] = field(default_factory=list[tuple[int, Call]])
    message: int = 0

    def turn(self, message: int) -> None:
        """The message that is answered next."""
        self.message = message

    def note(self, call: Call) -> None:
        """A call was made."""
        self.calls.append((self.message, call))

    @property
    def total(self) -> Usage:
        return _sum([call for _, call in self.calls])

    @property
    def steady(self) -> Usage:
        """What was asked for from the STEADY-th turn with a call on."""
        turns = sorted({message for message, _ in self.calls})[STEADY - 1 :]
        return _sum([call for message, call in self.calls if message in turns])

    @property
    def most(self) -> int:
        """The most calls that one turn took."""
        turns = [message for message, _ in self.calls]
        return max((turns.count(message) for message in turns), default=0)

    def as_json(self) -> dict[str, Any]:
        """Totals, and every call."""
        return {
            "calls": self.total.calls,
            "most_calls_a_turn": self.most,
            "tokens_read": self.total.read,
            "tokens_cached": self.total.cached,
            "tokens_written": self.total.written,
            "cached_share_from_turn_3": share(self.steady),
            "each": [
                {
                    "message": message,
                    "purpose": call.purpose,
                    "model": call.model,
                    "read": call.usage.read,
                    "cached": call.usage.cached,
                    "written": call.usage.written,
                    "first_s": None if call.first is None else round(call.first, 3),
                    "seconds": round(call.seconds, 3),
                    "trouble": call.trouble,
                }
                for message, call in self.calls
            ],
        }

    def render(self) -> RenderableType:
        """A table for people; it says so when no model was asked."""
        if not self.calls:
            return Text("No language model was asked: nothing left this machine.", style="dim")
        table = Table(box=None, padding=(0, 2), pad_edge=False)
        for name in ("message", "for", "model"):
            table.add_column(name, style="dim" if name == "message" else None)
        for name in ("read", "cached", "written", "first token", "seconds"):
            table.add_column(name, justify="right")
        for message, call in self.calls:
            told = call.usage
            first = "" if call.first is None else f"{call.first:.2f} s"
            table.add_row(
                str(message),
                call.purpose,
                escape(call.model) + (f" [red]({call.trouble})[/]" if call.trouble else ""),
                f"{told.read:,}",
                f"{told.cached:,}",
                f"{told.written:,}",
                first,
                f"{call.seconds:.2f}",
            )
        total = self.total
        line = (
            f"\n{total.calls} calls, {self.most} a turn at most. Tokens: {total.read:,} read, {total.cached:,} of them from "
            f"the provider's cache, and {total.written:,} written. Cached from the third turn on: {share(self.steady):.0%}."
        )
        return Group(table, Text(line))


def share(usage: Usage) -> float:
    """How much of what was read came from the provider's cache."""
    return round(usage.cached / usage.read, 3) if usage.read else 0.0


def _sum(calls: Sequence[Call]) -> Usage:
    return sum((call.usage for call in calls), Usage())
