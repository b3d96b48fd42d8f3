"""Owns what is shown of a text or a scorecard where there is too little room: which parts stay, and where words are cut."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.chunks import Measure, whole_characters

Part = TypeVar("Part")
"""What a platform builds its messages of: a block, a component."""

LIMITS = (400, 200, 100, 50, 25)
"""Where a statement or a quote is cut: at the first of these with which it fits its place once it is escaped."""
REST = "The rest is in the full report."


@dataclass(frozen=True)
class Piece(Generic[Part]):
    """Parts that are shown together or not at all. When there is no room for all, the lowest `rank` is kept longest."""

    rank: int
    parts: tuple[Part, ...]


def fitted(
    pieces: Sequence[Piece[Part]], room: Sequence[int], cost: Callable[[Part], Sequence[int]]
) -> tuple[Piece[Part], ...]:
    """As many pieces as there is room for, by rank, in the order they are shown: nothing is kept for want of something
    that ranks before it.

    `room` has every limit of the platform, and `cost` what a part takes of each."""
    left = tuple(room)
    kept: list[int] = []
    for place in sorted(range(len(pieces)), key=lambda place: pieces[place].rank):
        for part in pieces[place].parts:
            left = tuple(free - taken for free, taken in zip(left, cost(part), strict=True))
        if min(left) < 0:
            break
        kept.append(place)
    return tuple(pieces[place] for place in sorted(kept))


def packed(title: str, lines: Iterable[str], limit: int, measure: Measure = len) -> Iterator[str]:
    """The lines below a title, in texts of at most `limit`; nothing without a line. A longer line is a text of its own."""
    text = title
    for line in lines:
        if measure(text) + 1 + measure(line) > limit:
            yield text
            text = line
        else:
            text = f"{text}\n{line}"
    if text != title:
        yield text


def snug(render: Callable[[int], str], room: int, measure: Measure = len) -> str:
    """The text with its parts cut as little as its place allows; escaping makes some texts several times as long.

    Raises StopIteration when `render` does not fit the room even with the shortest of `LIMITS`: that is ours to fix."""
    return next(text for text in map(render, LIMITS) if measure(text) <= room)


def shortened(text: str, limit: int, shown: Callable[[str], str] = str, measure: Measure = len) -> str:
    """What is shown of the text, or of as many of its words as fit; of a word that doesn't fit, as many characters.

    At most `limit` as measured (`limit` must have room for one shown character and …); what was cut ends with …"""
    if len(text) <= limit and measure(shown(text)) <= limit:
        return shown(text)

    def part(end: int) -> str:
        return shown(text[: whole_characters(text, 0, end)].rstrip() + "…")

    def too_long(end: int) -> bool:
        return measure(part(end)) > limit

    words = [found.start() for found in re.finditer(r"\s+", text[: limit + 1])]
    most = bisect_left(words, True, key=too_long)
    return part(words[most - 1] if most else bisect_left(range(1, limit), True, key=too_long))
