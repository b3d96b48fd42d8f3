"""Owns the scorecard in Discord's components: verdict, picture and what to do next first, then the candidate's words behind
every credit.

Whatever the card holds, the layout is within Discord's limits; what has no room is in the full report, and that is said.
A link stands in the text: a button beside every quote would take three of the forty components and a third of a phone's width.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import discord
from discord.ui import ActionRow, Container, LayoutView, MediaGallery, TextDisplay

from bot.debrief import (
    CAUTION,
    DISPUTE,
    NOT_ASSESSED,
    SPLIT,
    TITLES,
    Credited,
    Debrief,
    Row,
    Uncredited,
    debrief,
    gauge,
    one_line,
)
from bot.discord.text import escape, link, quote, size
from bot.fitting import REST, Piece, fitted, packed, shortened, snug
from bot.picture import HIRES, PALETTES, Theme, alt_text
from interviewer.model import Scorecard

Item = discord.ui.Item[Any]
Rows = Sequence[ActionRow[Any]]

TEXT, COMPONENTS, ALTERNATIVE = 4_000, 40, 1_024
"""What Discord takes of text and of components in a message, nested ones included, and of text in a picture's place."""
TITLE, LIST, LINE = 200, 1_200, 400
"""The longest title, part of a list, and line in it."""
MESSAGES = 4
"""The most messages a scorecard takes: one holds nine quotes of a usual length, and no question of the bank has 27 points."""
DOUBT = 100
"""Where the candidate's words about a point that is not credited are cut."""
GAUGE = 10
"""Characters of a bar: with its name and its score it fits on one line of a phone."""


def cards(
    card: Scorecard, links: Mapping[str, str], picture: str | None = None, rows: Rows = ()
) -> tuple[LayoutView, ...]:
    """The scorecard for its candidate, a layout a message: one, or up to four when the candidate's words don't fit into it.

    `links` has the address of a message by its id; `picture` is the address of an image in the first message,
    `attachment://NAME` for a file that is sent along; `rows` are buttons below the last. Needs a running event loop; raises
    ValueError when the rows alone are more than Discord takes."""
    said = debrief(card)
    foot = snug(lambda limit: _small(_plain(" ".join(said.foot), limit)), LINE, size)
    end = TextDisplay[Any](f"{foot}\n{_small(CAUTION)}")
    result, quotes, details = tuple(_result(card, said, picture)), tuple(_quotes(said, links)), tuple(_details(said))
    shown, left = _filled((*result, *quotes, *details), rows, end)
    if not left or not quotes:
        return (_layout(card, (*shown, *_rest(left), end), rows),)
    shown, left = _filled((*result, *details), (), end)
    layouts = [_layout(card, (*shown, *_rest(left), end))]
    while quotes and len(layouts) < MESSAGES:
        shown, quotes = _filled(quotes, rows)
        last = not quotes or len(layouts) == MESSAGES - 1
        layouts.append(_layout(card, (*shown, *(_rest(quotes) if last else ())), rows if last else ()))
    return tuple(layouts)


def shared(card: Scorecard, picture: str | None = None) -> LayoutView:
    """What a channel sees of it: title, level, verdict, picture and dimensions; none of the candidate's words or gaps."""
    said = debrief(card)
    image = [_image(card, picture)] if picture else []
    dimensions = [_dimensions(said, pictured=bool(picture))] if said.dimensions else []
    about = TextDisplay[Any](f"{_small(f'Level: {said.level} · {said.mode} mode')}\n{_small(CAUTION)}")
    return _layout(card, (_header(said, said.headline[:1]), *image, *dimensions, about))


def notice(card: Scorecard) -> str:
    """The scorecard in one line, for whatever shows no layout."""
    said = debrief(card)
    return f"Your scorecard: {_plain(said.title, TITLE)}. {said.headline[0]}"


# --- the parts ------------------------------------------------------------------------------------------------------


def _result(card: Scorecard, said: Debrief, picture: str | None) -> Iterator[Piece[Item]]:
    """What the interview came to, and what to do next."""
    yield Piece(0, (_header(said, said.headline),))
    if picture:
        yield Piece(1, (_image(card, picture),))
    if said.first_gap:
        yield from _listed(2, _title("first_gap"), [_plain(said.first_gap, LINE)])
    steps = [f"{number}. {_plain(step, LINE)}" for number, step in enumerate(said.next_steps, 1)]
    yield from _listed(2, _title("next"), steps)
    if said.dimensions:
        yield Piece(3, (_dimensions(said, pictured=bool(picture)),))


def _details(said: Debrief) -> Iterator[Piece[Item]]:
    yield from _listed(
        5, _title("numbers"), [f"{number.mark} {_plain(number.sentence, LINE)}" for number in said.numbers]
    )
    yield from _listed(4, f"{_title('open')}\n{DISPUTE}", map(_open, said.uncredited))
    yield from _listed(7, _title("assumptions"), [f"- {quote(words, LINE)}" for words in said.assumptions if words])


def _header(said: Debrief, headline: Sequence[str]) -> TextDisplay[Any]:
    title = _plain(f"{TITLES['scorecard']}: {said.title}", TITLE)
    first, *rest = headline
    return TextDisplay(f"## {title}\n{' '.join((f'**{first}**', *rest))}")


def _image(card: Scorecard, picture: str) -> MediaGallery[Any]:
    image = discord.MediaGalleryItem(picture, description=shortened(alt_text(card), ALTERNATIVE, measure=size))
    return MediaGallery(image)


def _dimensions(said: Debrief, *, pictured: bool) -> TextDisplay[Any]:
    """Bars, or below the picture words for whoever can't see it."""
    if not pictured:
        rows = "\n".join(map(_gauge, said.dimensions))
        return TextDisplay(f"{_title('dimensions')}\n```\n{rows}\n```\n{_small(said.legend)}")
    scored = [f"{row.name} {row.words}" for row in said.dimensions if row.score is not None]
    rest = [row.name for row in said.dimensions if row.score is None]
    return TextDisplay(_small(" · ".join((*scored, *([f"{NOT_ASSESSED}: {', '.join(rest)}"] if rest else [])))))


def _gauge(row: Row) -> str:
    bar = "" if row.score is None else f"{gauge(row, GAUGE)} "
    return f"{row.name:<12} {bar}{row.words}"


def _quotes(said: Debrief, links: Mapping[str, str]) -> Iterator[Piece[Item]]:
    """The candidate's words behind every credit. The title comes with the first, so that it never stands alone."""
    title = f"{_title('credited')}\n"
    for point in said.credited:
        yield Piece(6, (TextDisplay(title + _quoted(point, links)),))
        title = ""


def _quoted(point: Credited, links: Mapping[str, str]) -> str:
    address = link("your message", links.get(point.message, ""))
    about = " · ".join(filter(None, (point.dimension, point.how, SPLIT if point.split else "", address)))
    return f"**{_plain(point.statement, LINE)}**\n> {quote(point.quote, LINE)}\n{_small(about)}"


def _open(point: Uncredited) -> str:
    """By the name a dispute needs."""
    split = f" · {SPLIT}" if point.split else ""
    words = f" ({quote(point.words, DOUBT)})" if point.words else ""
    return f"- {_name(point.point)} · {point.dimension}: {point.why}{split}{words}"


def _listed(rank: int, title: str, lines: Iterable[str]) -> Iterator[Piece[Item]]:
    """Lines below a title, in as few texts as are easy to read."""
    for text in packed(title, lines, LIST, size):
        yield Piece(rank, (TextDisplay(text),))


# --- the layout -----------------------------------------------------------------------------------------------------


def _filled(
    pieces: Sequence[Piece[Item]], rows: Rows, *below: Item
) -> tuple[tuple[Item, ...], tuple[Piece[Item], ...]]:
    """The parts there is room for in a message above what comes below them, and the pieces that are left."""
    room = (TEXT, COMPONENTS - 1 - sum(1 + len(row.children) for row in rows))
    for part in (*below, *_rest(pieces)):
        text, components = _cost(part)
        room = (room[0] - text, room[1] - components)
    kept = fitted(pieces, room, _cost)
    left = tuple(piece for piece in pieces if piece not in kept)
    return tuple(part for piece in kept for part in piece.parts), left


def _rest(left: Sequence[Piece[Item]]) -> tuple[Item, ...]:
    return (TextDisplay(REST),) if left else ()


def _layout(card: Scorecard, parts: Sequence[Item], rows: Rows = ()) -> LayoutView:
    layout = LayoutView(timeout=None)
    layout.add_item(Container(*parts, accent_colour=_accent(card)))
    for row in rows:
        layout.add_item(row)
    return layout


def _accent(card: Scorecard) -> discord.Colour:
    """As in the picture: one colour for a hire, one for none, and grey when there is no verdict."""
    colours = PALETTES[Theme.DARK]
    verdict = card.verdict if card.gradable else None
    return discord.Colour.from_str(
        colours.quiet if verdict is None else colours.reached if verdict in HIRES else colours.below
    )


def _cost(part: Item) -> tuple[int, int]:
    return (size(part.content) if isinstance(part, TextDisplay) else 0, 1)


# --- the text -------------------------------------------------------------------------------------------------------


def _plain(text: str, limit: int) -> str:
    return shortened(one_line(text), limit, escape, size)


def _title(part: str) -> str:
    return f"### {TITLES[part]}"


def _small(text: str) -> str:
    return f"-# {text}"


def _name(point: str) -> str:
    """A point's name to be copied: as it is, which is safe for what names are made of."""
    return f"`{point}`" if re.fullmatch(r"[\w-]{1,80}", point) else _plain(point, DOUBT)
