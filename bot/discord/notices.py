"""Owns what a notice about a daily question looks like in Discord, and what such a message is known by."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord.ui import ActionRow, Container, LayoutView, TextDisplay

from bot.actions import DAILY_JOIN, DAILY_LEAVE
from bot.chunks import split
from bot.daily_words import MARK, PERSON, Part, Words
from bot.discord import buttons
from bot.discord.places import user
from bot.discord.rendering import LIMIT, Outgoing
from bot.discord.text import escape, size
from bot.fitting import LIMITS, shortened

EVERYWHERE = frozenset({DAILY_LEAVE, DAILY_JOIN})
"""Buttons that are about a person and no question."""
ROOM = 3_900
"""Characters of text in a message; Discord takes 4,000."""
TITLE = 200
PARAGRAPHS = frozenset({"text", "strong", "small"})
"""Parts with an empty line above, but below a heading."""
NAMED = re.compile(r"discord:[0-9]{1,20}")
CODE = re.compile(r"(`[^`\n]+`)")
ADDRESS = re.compile(r"https:\\//(discord\.com/channels/(?:@me|[0-9]+)/[0-9]+(?:/[0-9]+)?)")
"""Where a text leads to a place in Discord: of all addresses, these can be pressed."""
HOW_TO_ANSWER = (
    "-# Press Answer, or mention me when you write in the thread: Discord shows me nothing else that is said there."
)


def outgoing(said: Words, about: str, first: Sequence[buttons.Press] = ()) -> Outgoing:
    """A notice as a message, with `first` before its buttons: a layout, and the same in a plain text where Discord takes none."""
    pressed = (*first, *(buttons.Press(action, _about(action, about), label) for action, label in said.buttons))
    rows = [pressed[n : n + buttons.WIDEST] for n in range(0, len(pressed), buttons.WIDEST)]
    below = (HOW_TO_ANSWER,) if first else ()

    def layout() -> LayoutView:
        made = LayoutView(timeout=None)
        shown = [TextDisplay[Any](text) for text in _fitted(said, below, ROOM)]
        made.add_item(Container[Any](*shown))
        for row in rows:
            # A button belongs to the layout it was put into: each try has its own.
            made.add_item(_row(row))
        return made

    return Outgoing("\n\n".join(_fitted(said, below, LIMIT - 50)), rows, layout)


def _about(action: str, value: str) -> str:
    return "" if action in EVERYWHERE else value


def _row(row: Sequence[buttons.Press]) -> "ActionRow[Any]":
    return buttons.action_row(
        [buttons.Press(each.action, each.value, each.item.label or "", each.item.style) for each in row]
    )


def _fitted(said: Words, below: Sequence[str], room: int) -> tuple[str, ...]:
    """The texts of a notice: its title, then a text for each heading, in `room` characters all together. Where there is too
    little, every part is cut as little as can be, and at last the end is left out."""
    title = f"## {shown(said.title, TITLE)}"

    def fits(*texts: str) -> bool:
        return sum(size(text) + 2 for text in (title, *texts, *below)) <= room

    texts: tuple[str, ...] = ()
    for limit in (1_600, 800, *LIMITS):
        texts = tuple(_texts(said.parts, limit))
        if fits(*texts):
            break
    while not fits(*texts):
        texts = texts[:-1]
    return (title, *texts, *below)


def _texts(parts: Iterable[Part], limit: int) -> Iterator[str]:
    """The parts as Discord shows them; those below a heading are one text with it."""
    text, before = "", ""
    for part in parts:
        if part.kind == "heading" and text:
            yield text
            text = ""
        # Two quotations without a line between them are one.
        apart = before == "quote" if part.kind == "quote" else part.kind in PARAGRAPHS and before != "heading"
        text += (("\n\n" if apart else "\n") if text else "") + _written(part, limit)
        before = part.kind
    if text:
        yield text


def _written(part: Part, limit: int) -> str:
    words = shown(part.text, limit)
    match part.kind:
        case "heading":
            return f"### {words}"
        case "strong":
            return f"**{words}**"
        case "quote":
            by = f"\n> {mention(part.person)}" if part.person else ""
            return f"> {words}".replace("\n", "\n> ") + by
        case "small":
            return "\n".join(f"-# {line}" for line in words.split("\n") if line.strip())
        case _:
            return words


def mention(person: str) -> str:
    """Somebody as Discord shows them; nobody is notified."""
    return f"<@{user(person)}>"


def shown(text: str, limit: int) -> str:
    """A notice's words, of at most `limit` characters: nothing in them is a mark, a mention or a link, but whom the text itself
    mentions, and what it says to type."""
    return shortened(text, limit, _inert, size)


def pages(text: str) -> tuple[str, ...]:
    """A text of the bot's own for one person, whole, as messages."""
    return split(_inert(text), LIMIT, size)


def _inert(text: str) -> str:
    if text.count(MARK) % 2:
        text = text.rpartition(MARK)[0].rstrip() + "…"  # it was cut within a mention
    pieces = PERSON.split(text)
    return "".join(
        _somebody(piece) if n % 2 else "".join(_unmarked(each) for each in CODE.split(piece))
        for n, piece in enumerate(pieces)
    )


def _somebody(person: str) -> str:
    return mention(person) if NAMED.fullmatch(person) else escape(person)


def _unmarked(piece: str) -> str:
    # Within backticks Discord reads nothing else.
    return piece if CODE.fullmatch(piece) else ADDRESS.sub(r"https://\1", escape(piece.replace(MARK, "")))


# --- finding it -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Features:
    """What a message is known by: its texts, the first of them, and its buttons."""

    texts: str
    title: str
    buttons: frozenset[str]


def features(message: Outgoing) -> Features:
    """Those of a notice that is to be posted."""
    assert message.layout
    return _of(message.layout().walk_children())


def seen(message: discord.Message) -> Features:
    """Those of a message that stands in a channel."""
    found = _of(buttons.nested(message.components))
    if not message.content:
        return found
    return Features(message.content, message.content.partition("\n\n")[0], found.buttons)


def _of(parts: Iterable[Any]) -> Features:
    found = list(parts)
    texts = [str(text) for part in found if (text := getattr(part, "content", ""))]
    pressable = (getattr(part, "custom_id", "") for part in found)
    return Features("\n\n".join(texts), next(iter(texts), ""), frozenset(str(each) for each in pressable if each))
