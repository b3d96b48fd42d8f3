"""A scorecard in Slack blocks: verdict, picture and what to do next first, then the candidate's words behind every credit.

Whatever the card holds, the blocks are within Slack's limits; what has no room is in the full report, and that is said.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    ImageBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.debrief import (
    CAUTION,
    DISPUTE,
    NOT_ASSESSED,
    SPLIT,
    TITLES,
    Credited,
    Debrief,
    Number,
    Row,
    Uncredited,
    debrief,
    gauge,
    one_line,
)
from bot.fitting import REST, Piece, fitted, packed, shortened, snug
from bot.picture import alt_text
from bot.slack.text import mrkdwn, quote
from interviewer.model import Scorecard

Made = dict[str, Any]
"""A block as it is sent."""
Blocks = tuple[Made, ...]

ROOM = 11_500
"""Characters of all blocks together, as JSON. Slack takes about 13,200; the buttons below the scorecard need some."""
BLOCKS = 44
"""Slack takes 50 a message; the buttons below the scorecard need some."""
SECTION, HEADER, ALTERNATIVE, ADDRESS = 3_000, 150, 2_000, 500
"""The longest text of a section, a header, a picture's description, and an address that is linked to."""
LIST, LINE = 1_500, 600
"""The longest part of a list, and the longest line in it."""
ASSUMPTION = 400
"""Where an assumption is cut."""
DOUBT = 100
"""Where the candidate's words about a point that is not credited are cut."""
GAUGE = 10
"""Characters of a bar: with its name and its score it fits on one line of a phone."""


def blocks(card: Scorecard, links: Mapping[str, str], picture: str | None = None) -> Blocks:
    """The scorecard for its candidate. `links` has the address of a message by its id; `picture` is the id of a file of
    Slack's."""
    said = debrief(card)
    pieces = (
        Piece[Made](0, (_header(said), _headline(said))),
        *([Piece(1, (_image(card, picture),))] if picture else []),
        *_advice(said),
        *([Piece(3, (_scores(said) if picture else _gauges(said),))] if said.dimensions else []),
        *_evidence(said, links),
        *_listed(5, _title("numbers"), [snug(_number(number), LINE) for number in said.numbers]),
        *_listed(4, f"{_title('open')}\n{DISPUTE}", [snug(_open(point), LINE) for point in said.uncredited]),
        *_listed(7, _title("assumptions"), [f"• {quote(words, ASSUMPTION)}" for words in said.assumptions if words]),
    )
    below = (_context(snug(lambda limit: _plain(" ".join(said.foot), limit), LINE), CAUTION), _context(REST))
    kept = fitted(pieces, (ROOM - sum(map(_size, below)), BLOCKS - len(below)), lambda block: (_size(block), 1))
    shown = (block for piece in kept for block in piece.parts)
    return (*shown, *(below[:1] if len(kept) == len(pieces) else below[::-1]))


def shared(card: Scorecard, picture: str | None = None) -> Blocks:
    """What a channel sees of it: title, level, verdict, picture and dimensions; none of the candidate's words or gaps."""
    said = debrief(card)
    verdict = _section(f"*{said.headline[0]}*")
    image = [_image(card, picture)] if picture else []
    dimensions = [_scores(said) if picture else _gauges(said)] if said.dimensions else []
    about = _context(f"Level: {said.level} · {said.mode} mode", CAUTION)
    return (_header(said), verdict, *image, *dimensions, about)


def notice(card: Scorecard) -> str:
    """The scorecard in one line, for a notification and for whatever shows no blocks."""
    said = debrief(card)
    return snug(lambda limit: f"Your scorecard: {_plain(said.title, limit)}. {said.headline[0]}", SECTION)


# --- the parts ------------------------------------------------------------------------------------------------------


def _header(said: Debrief) -> Made:
    title = shortened(f"{TITLES['scorecard']}: {one_line(said.title)}", HEADER)
    return _made(HeaderBlock(text=PlainTextObject(text=title, emoji=False)))


def _headline(said: Debrief) -> Made:
    first, *rest = said.headline
    return _section(" ".join((f"*{first}*", *rest)))


def _image(card: Scorecard, picture: str) -> Made:
    return _made(ImageBlock(alt_text=shortened(alt_text(card), ALTERNATIVE), slack_file={"id": picture}))


def _advice(said: Debrief) -> Iterator[Piece[Made]]:
    if said.first_gap:
        title = _title("first_gap")
        yield Piece(2, (_section(snug(lambda limit: f"{title}\n{_plain(said.first_gap, limit)}", SECTION)),))
    steps = [
        snug(lambda limit, line=f"{number}. {step}": _plain(line, limit), LINE)
        for number, step in enumerate(said.next_steps, 1)
    ]
    yield from _listed(2, _title("next"), steps)


def _gauges(said: Debrief) -> Made:
    rows = "\n".join(map(_gauge, said.dimensions))
    return _section(f"{_title('dimensions')}\n```{rows}```\n{said.legend}")


def _gauge(row: Row) -> str:
    bar = "" if row.score is None else f"{gauge(row, GAUGE)} "
    return f"{row.name:<12} {bar}{row.words}"


def _scores(said: Debrief) -> Made:
    """In words, below the picture, for whoever can't see it."""
    scored = [f"{row.name} {row.words}" for row in said.dimensions if row.score is not None]
    rest = [row.name for row in said.dimensions if row.score is None]
    return _context(" · ".join((*scored, *([f"{NOT_ASSESSED}: {', '.join(rest)}"] if rest else []))))


def _evidence(said: Debrief, links: Mapping[str, str]) -> Iterator[Piece[Made]]:
    """The title comes with the first quote, so that it never stands alone."""
    title: Blocks = (_made(DividerBlock()), _section(_title("credited")))
    for point in said.credited:
        yield Piece(6, (*title, _section(snug(_quoted(point, links), SECTION))))
        title = ()


def _quoted(point: Credited, links: Mapping[str, str]) -> Callable[[int], str]:
    link = _link("your message", links.get(point.message, ""))
    split = SPLIT if point.split else ""

    def text(limit: int) -> str:
        about = " · ".join(filter(None, (point.dimension, point.how, split, link)))
        return f"{_bold(point.statement, limit)}\n>{quote(point.quote, limit)}\n{about}"

    return text


def _number(number: Number) -> Callable[[int], str]:
    return lambda limit: f"{number.mark} {_plain(number.sentence, limit)}"


def _open(point: Uncredited) -> Callable[[int], str]:
    """By the name a dispute needs."""
    split = f" · {SPLIT}" if point.split else ""

    def text(limit: int) -> str:
        words = f" ({quote(point.words, min(limit, DOUBT))})" if point.words else ""
        return f"• {_name(point.point, limit)} · {point.dimension}: {point.why}{split}{words}"

    return text


def _listed(rank: int, title: str, lines: Iterable[str]) -> Iterator[Piece[Made]]:
    """Lines below a title, in as few sections as are easy to read."""
    for text in packed(title, lines, LIST):
        yield Piece(rank, (_section(text),))


def _size(block: Made) -> int:
    """Characters on the wire: nobody says what Slack counts, and this is the most it can."""
    return len(json.dumps(block, ensure_ascii=False)) + 2


# --- the text -------------------------------------------------------------------------------------------------------


def _plain(text: str, limit: int) -> str:
    return mrkdwn(shortened(one_line(text), limit))


def _bold(text: str, limit: int) -> str:
    return f"*{_plain(text, limit)}*"


def _title(part: str) -> str:
    return f"*{TITLES[part]}*"


def _name(point: str, limit: int) -> str:
    """A point's name to be copied: as it is, which is safe for what names are made of."""
    return f"`{point}`" if re.fullmatch(r"[\w-]{1,80}", point) else _plain(point, limit)


def _link(text: str, address: str) -> str:
    """A link, or "" for an address that is none."""
    if not re.fullmatch(rf"https?://[^\s<>|]{{1,{ADDRESS}}}", address):
        return ""
    return f"<{address.replace('&', '&amp;')}|{text}>"


def _section(text: str) -> Made:
    """It is shown whole, without a "see more"."""
    return _made(SectionBlock(text=_text(text), expand=True))


def _context(*texts: str) -> Made:
    return _made(ContextBlock(elements=[_text(text) for text in texts]))


def _text(text: str) -> MarkdownTextObject:
    """Verbatim: Slack looks for no channels, people and addresses of its own accord."""
    return MarkdownTextObject(text=text, verbatim=True)


def _made(block: Block) -> Made:
    """Checked against Slack's limits on the way; one that breaks them is ours to fix, so SlackObjectFormationError is raised."""
    return block.to_dict()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
