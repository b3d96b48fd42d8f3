"""Owns how words reach Discord: in messages short enough, with Markdown that Discord has, and nothing in them that pings,
mentions, hides an address or is hidden by itself.

Discord reads Markdown in its own way: a fence has three backticks and ends at the next three, `||` hides what is between,
and a line ends where it ends. So an interviewer's text is read as CommonMark and written anew for Discord. A word joiner,
which cannot be seen, parts what Discord would read together. Whoever sends a message still sets
`AllowedMentions.none()`, and `suppress_embeds`: addresses are shown as they are, and without that one would bring a preview.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.chunks import split
from bot.debrief import one_line
from bot.fitting import shortened
from bot.prose import spans
from bot.text import clean

MESSAGE = 2_000
"""The longest message, in UTF-16 units: Discord's clients count these; its API counts code points, which are never more
(discord/discord-api-docs#1315)."""
BARS = 8
"""What the bars around a hidden message take at most."""
DEEPEST = 40
"""How deep lists and quotations are taken apart; what goes deeper is shown as it was typed."""

WORD_JOINER = "\u2060"

TOKEN = re.compile(r"<(?=[@#]|/[^<>\n]{1,120}:\d|id:|t:-?\d|a?:\w|sound:|\d+:)", re.IGNORECASE)
"""Where a mention of a person, a role, a channel, a command, a place of the server begins, or a time or an emoji."""
BROADCAST = re.compile(r"@(?=everyone|here)", re.IGNORECASE)
MASKED = re.compile(r"\](?=\()")
"""Where `[words](address)` comes apart."""
DOUBLE_BAR = re.compile(r"\|(?=\|)")

LINK = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?((?:https?://|mailto:)[^\s<>()]+)>?\s*\)", re.IGNORECASE)
TICKS = re.compile(r"(?<!\\)(\\*)(`+)")
LONG_RUN = re.compile(r"`{3,}|~{3,}")
LANGUAGE = re.compile(r"[\w+#.-]+", re.ASCII)
LINE_START = re.compile(r"^([ \t]*)(?:(\d+)(?=\.(?:\s|\Z))|(?=(?:-#|#{1,3}|>{1,3}|[-+*])(?:\s|\Z)))", re.MULTILINE)
"""Where a line begins that Discord would read as an item, a heading, a quotation or small print."""
DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?")
"""The line below the names of a table's columns."""
BLOCK = re.compile(r"[#>\-*+\d]")
"""How a piece begins that has to begin a line."""

MARK = re.compile(r"[\\`*_~|\[\]<>]")
MARK_AT_START = re.compile(r"^([ \t]*)(?:(\d+)(?=[.)](?:\s|\Z))|(?=[-+#](?:[\s#]|\Z)))", re.MULTILINE)

ADDRESS = re.compile(r"https?://[^\s<>()\[\]\\|]{1,500}")


def size(text: str) -> int:
    """How long a text is for Discord, however it counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- what the interviewer says --------------------------------------------------------------------------------------


def messages(text: str, limit: int = MESSAGE, *, hidden: bool = False) -> tuple[str, ...]:
    """An interviewer's Markdown as messages of at most `limit` (100 or more) characters; none for a blank one.

    They are cut at the ends of paragraphs where there are any, and no code fence is left open. `hidden`: every message is
    a spoiler of its own."""
    if not hidden:
        return split(markdown(text), limit, size)
    return tuple(map(_barred, split(_written(text, hidden=True), limit - BARS, size)))


def markdown(text: str) -> str:
    """An interviewer's Markdown as Discord's, in one piece.

    A link is its words and its address; a table is a list with the names of its columns; what has no counterpart in
    Discord keeps its words."""
    return _written(text, hidden=False)


def spoiler(text: str) -> str:
    """An interviewer's Markdown in one piece, hidden until it is tapped; "" if it is blank."""
    written = _written(text, hidden=True).strip()
    return _barred(written) if written else ""


def _barred(piece: str) -> str:
    before = "\n" if BLOCK.match(piece) else WORD_JOINER if piece.startswith("|") else ""
    slashes = len(piece) - len(piece.rstrip("\\"))
    after = "\\" if slashes % 2 else WORD_JOINER if piece.endswith("|") else ""
    return f"||{before}{piece}{after}||"


# --- what others say ------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Somebody's words within a text of ours, shown as they were typed: no mark, mention or link is left in them.

    They may have several lines. At the beginning of a line of ours or below another of theirs they are no list either."""
    shown = MARK.sub(r"\\\g<0>", clean(text))
    shown = MARK_AT_START.sub(r"\1\2\\", shown).replace("://", r":\//")
    return _inert(shown)


def quote(text: str, limit: int) -> str:
    """Somebody's words on one line in quotation marks; "" if there are none.

    At most `limit` characters as sent, escapes included (`limit` >= 10); what is too long ends with … at a word."""
    words = one_line(text)
    return shortened(words, limit, lambda part: escape(f"“{part}”"), size) if words else ""


def link(words: str, address: str) -> str:
    """Words of ours that lead to an address, or "" for an address that is none."""
    return f"[{words}]({address})" if ADDRESS.fullmatch(address) else ""


def _inert(text: str) -> str:
    """The text with a word joiner in all that Discord would make more of than text, be it in code or not."""
    text = TOKEN.sub("<" + WORD_JOINER, text)
    text = BROADCAST.sub("@" + WORD_JOINER, text)
    return MASKED.sub("]" + WORD_JOINER, text)


def _parted(run: re.Match[str]) -> str:
    return WORD_JOINER.join(run[0])


# --- blocks ---------------------------------------------------------------------------------------------------------


@cache
def _parser() -> MarkdownIt:
    """The blocks of CommonMark, without HTML and definitions of links, which Discord does not have."""
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
    return parser.disable(["html_block", "reference", "inline", "text_join"])


@dataclass(frozen=True)
class _Place:
    """Where a block stands: in how many quotations, how far the lists around it are indented, and the markers of the items
    that begin with it."""

    quotes: int = 0
    indents: tuple[int, ...] = ()
    marker: str = ""

    def lines(self, text: str) -> str:
        """A block's lines as they stand there."""
        indent = " " * sum(self.indents)
        first = indent[: len(indent) - len(self.marker)] + self.marker
        begun = (first + text.replace("\n", f"\n{indent}")).rstrip()
        return self.quoted(begun)

    def code(self, text: str) -> str:
        """Code is not indented with its list: Discord would show that."""
        marker = f"{self.lines('')}\n" if self.marker else ""
        return marker + self.quoted(text)

    def quoted(self, text: str) -> str:
        """Discord knows no quotation within another."""
        return "> " + text.replace("\n", "\n> ") if self.quotes else text


@dataclass(frozen=True)
class _Block:
    """Some lines for Discord, and the lines of the source they are from. `leads`: what follows belongs to it."""

    text: str
    place: _Place
    start: int
    end: int
    leads: bool = False


def _written(text: str, *, hidden: bool) -> str:
    text = clean(text)
    tokens = _parser().parse(text)
    if any(token.level >= DEEPEST - 1 for token in tokens):
        return DOUBLE_BAR.sub("|" + WORD_JOINER, escape(text))
    shown = _joined(tuple(_blocks(tokens)))
    return DOUBLE_BAR.sub("|" + WORD_JOINER, shown) if hidden else shown


def _joined(blocks: Sequence[_Block]) -> str:
    """Blocks with an empty line between them, except within a list, before one that follows at once, and below a heading."""
    shown = ""
    for number, block in enumerate(blocks):
        before = blocks[number - 1] if number else None
        if before is not None:
            listed = bool(block.place.indents)
            close = before.leads or (listed and (bool(before.place.indents) or before.end >= block.start))
            quoted = bool(before.place.quotes and block.place.quotes)
            shown += "\n" if close else "\n> \n" if quoted else "\n\n"
        shown += block.text
    return shown


def _blocks(tokens: Sequence[Token]) -> Iterator[_Block]:
    place, heading = _Place(), 0
    for token in tokens:
        start, end = token.map or (0, 0)
        match token.type:
            case "blockquote_open":
                place = replace(place, quotes=place.quotes + 1)
            case "blockquote_close":
                place = replace(place, quotes=place.quotes - 1)
            case "list_item_open":
                marker = f"{token.info}{token.markup} " if token.info else "- "
                place = replace(place, indents=(*place.indents, len(marker)), marker=place.marker + marker)
            case "list_item_close":
                if place.marker:
                    yield _Block(place.lines(""), place, start, end)
                place = replace(place, indents=place.indents[:-1], marker="")
            case "heading_open":
                heading = int(token.tag[1:])
            case "heading_close":
                heading = 0
            case "inline" if token.content.strip():
                text = _titled(token.content, heading) if heading else _paragraph(token.content)
                yield _Block(place.lines(text), place, start, end, leads=heading > 0)
                place = replace(place, marker="")
            case "fence" | "code_block":
                yield _Block(place.code(_fence(token.info.strip(), token.content)), place, start, end)
                place = replace(place, marker="")
            case _:
                pass


def _titled(text: str, level: int) -> str:
    """A heading; Discord has three levels of them."""
    words = _inline(text).replace("\n", " ")
    if level <= 3:
        return f"{'#' * level} {words}"
    return words if "**" in words else f"**{words}**"


def _fence(info: str, content: str) -> str:
    """Code between three backticks, which nothing in it can close."""
    if not LANGUAGE.fullmatch(info):
        info, content = "", f"{info}\n{content}" if info else content
    body = _inert(LONG_RUN.sub(_parted, content.rstrip("\n")))
    return f"```{info}\n{body}\n```"


def _paragraph(text: str) -> str:
    lines = text.split("\n")
    for number in range(1, len(lines)):
        below = lines[number].strip(" \t")
        if "|" not in below or not DELIMITER.fullmatch(below):
            continue
        names = _cells(lines[number - 1])
        if len(names) == len(_cells(below)):
            above = [_inline("\n".join(lines[: number - 1]))] if number > 1 else []
            return "\n".join((*above, *_table(names, lines[number + 1 :])))
    return _inline(text)


def _table(names: Sequence[str], rows: Sequence[str]) -> Iterator[str]:
    """A table as a list, a row an item: it can be read on a phone, and marks in it stay marks."""
    if not rows:
        yield " · ".join(map(_inline, names))
    for row in rows:
        pairs = zip_longest(names, _cells(row), fillvalue="")
        yield "- " + " · ".join(
            f"{_inline(name)}: {_inline(cell) or '-'}" if name else _inline(cell) for name, cell in pairs
        )


def _cells(row: str) -> list[str]:
    row = re.sub(r"(?<!\\)\|[ \t]*\Z", "", re.sub(r"\A[ \t]*\|", "", row))
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


# --- within a block -------------------------------------------------------------------------------------------------


def _inline(text: str) -> str:
    """A paragraph's words: a line that ends nowhere in particular goes on."""
    shown = "".join(_code(part) if code else _prose(part) for part, code in spans(text))
    return LINE_START.sub(r"\1\2\\", _inert(shown))


def _prose(text: str) -> str:
    text = LINK.sub(_shown_link, text)
    text = "".join(_unwrapped(text.split("\n")))
    text = TICKS.sub(_escaped_ticks, text)
    text = LONG_RUN.sub(_parted, text)
    return DOUBLE_BAR.sub("|" + WORD_JOINER, text)


def _shown_link(found: re.Match[str]) -> str:
    words, address = found[1].strip(), found[2]
    return f"{words} ({address})" if words and words != address else address


def _unwrapped(lines: Sequence[str]) -> Iterator[str]:
    """A line goes on in the next, unless it ends with two spaces or a backslash."""
    for number, line in enumerate(lines):
        begun = line.lstrip(" \t") if number else line
        if number == len(lines) - 1:
            yield begun
            return
        bare = begun.rstrip(" \t")
        if bare == begun and (len(bare) - len(bare.rstrip("\\"))) % 2:
            yield f"{bare[:-1]}\n"
        else:
            yield f"{bare}\n" if len(begun) - len(bare) >= 2 else f"{bare} "


def _escaped_ticks(found: re.Match[str]) -> str:
    """Backticks that stand alone: Discord would look for another in the next paragraph."""
    slashes, ticks = found[1], found[2]
    return slashes[len(slashes) % 2 :] + r"\`" * len(ticks)


def _code(span: str) -> str:
    ticks = len(span) - len(span.lstrip("`"))
    body = re.sub(r"[ \t]*\n[ \t]*", " ", span[ticks:-ticks])
    if not body.strip():
        return _prose(span)
    if "`" not in body:
        return f"`{body}`"
    body = re.sub("`{2,}", _parted, body.strip(" "))
    return f"`` {body} ``"
