"""Cutting a long text into pieces a platform takes, so that nothing of it is lost and every piece reads by itself.

`split` is the whole of it: Slack and Discord differ in the limit and in how they count. (textwrap folds lines and knows no
code fences; the splitters of the language-model libraries cut fences apart. Hence our own.)
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

Measure = Callable[[str], int]
"""How long a text is for a platform: at least 1 a character, and as much as its parts together (as `len` is)."""

BREAKS = (
    re.compile(r"(?=\n[ \t]*\n)"),
    re.compile(r"(?=\n)"),
    re.compile(r"(?<=[.!?…])[\"'”’)\]]*(?=\s)|(?<=[。！？])"),
    re.compile(r"(?=\s)"),
)
"""Where a text is cut, the best first: the end of a paragraph, of a line, of a sentence, of a word. A match ends at the cut."""
FENCE = re.compile(
    r"(?P<prefix>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<marks>`{3,}(?=[^`\n]*\n?\Z)|~{3,})(?P<info>.*)"
)
"""A line that opens a code fence, be it in a list or a quotation."""
NON_SPACE = re.compile(r"\S")
ZWJ = "\u200d"


def split(text: str, limit: int, measure: Measure = len) -> tuple[str, ...]:
    """The text in pieces of at most `limit`, cut at the best place there is; blank text gives none.

    A code fence that fits into one piece is kept whole. A longer one is closed at the cut and opened again, with its info
    string, in the next piece; one left open is closed. All that is dropped is white space at the cuts. A text that fits
    comes back as it is. A fence whose marks and indentation take more than an eighth of a piece is cut as if it were text.
    `limit` must be at least what the longest single character measures; ValueError if it is below 1.
    """
    if limit < 1:
        raise ValueError(f"a piece needs room for a character; the limit given is {limit}")
    pieces = _pack(text, limit, measure)
    if any(_unclosed(piece, limit, measure) for piece in pieces):
        # A line such as ```code``` cut in two leaves an opening behind; cut again, with room for a closing line.
        pieces = [
            piece + _unclosed(piece, limit, measure) for piece in _pack(text, max(1, limit - limit // 4 - 1), measure)
        ]
    return tuple(pieces)


def whole_characters(text: str, start: int, end: int) -> int:
    """The last place up to `end`, and after `start`, to cut between characters as a reader counts them; `end` if none."""
    cut = end
    while cut > start and _within_character(text, start, cut):
        cut -= 1
    return cut if cut > start else end


def _within_character(text: str, start: int, cut: int) -> bool:
    if cut >= len(text):
        return False
    before, after = text[cut - 1], text[cut]
    if _is_flag_letter(before) and _is_flag_letter(after):
        letters = sum(1 for _ in takewhile(_is_flag_letter, (text[at] for at in range(cut - 1, start - 1, -1))))
        return letters % 2 == 1
    return (
        ZWJ in {before, after}
        or unicodedata.category(after) in {"Mn", "Me", "Mc"}
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # the letters of a regional flag
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )


def _is_flag_letter(ch: str) -> bool:
    return "\U0001f1e6" <= ch <= "\U0001f1ff"


@dataclass(frozen=True)
class _Fence:
    """A code fence: what stands before its marks, the lines between, and the source it was read from, closed or not."""

    prefix: str
    marks: str
    info: str
    lines: tuple[str, ...]
    source: str
    closed: bool

    @property
    def closing(self) -> str:
        """The line that closes it where it stands: indented alike, and in the same quotation."""
        return re.sub(r"[^>\s]", " ", self.prefix) + self.marks

    @property
    def missing(self) -> str:
        """What has to follow the source to close it."""
        if self.closed:
            return ""
        return self.closing if self.source.endswith("\n") else f"\n{self.closing}"

    def whole(self) -> str:
        return self.source + self.missing

    def alone(self) -> str:
        """The fence at the head of a piece: without the indentation of a list that stayed behind."""
        if self.prefix.strip():
            return self.whole()
        return "\n".join((self.marks + self.info, *self.lines, self.marks)) + "\n"

    def parts(self, limit: int, measure: Measure) -> Iterator[str]:
        """The fence in pieces, each a fence of its own."""
        quoted = self.prefix[: self.prefix.rfind(">") + 1] + " " if ">" in self.prefix else ""
        marks = _longer_than_any(self.marks, (self.info, *self.lines), limit, measure)
        first = self.prefix if self.prefix.strip() else ""
        info, lines = self.info, self.lines
        frame = measure(first or quoted) * 2 + measure(marks) * 2 + 2
        if frame + measure(info) > limit // 2:
            info, lines = "", (quoted + info, *lines)  # too long to be said again with every piece
        room = limit - frame - measure(info)
        opening, closing = first + marks + info, re.sub(r"[^>\s]", " ", first) + marks
        held: list[str] = []
        used = 0
        for line in _short_lines(lines, quoted, room, measure):
            if held and used + measure(line) > room:
                yield "\n".join((opening, *held, closing)) + "\n"
                opening, closing, held, used = quoted + marks + info, quoted + marks, [], 0
            held.append(line)
            used += measure(line) + 1
        yield "\n".join((opening, *held, closing)) + "\n"


def _longer_than_any(marks: str, lines: tuple[str, ...], limit: int, measure: Measure) -> str:
    """Marks that no part of a line can be taken for, wherever the line is cut."""
    runs = re.findall(re.escape(marks[0]) + "+", "\n".join(lines))
    longer = marks[0] * max(len(marks), 1 + max(map(len, runs), default=0))
    return longer if measure(longer) <= limit // 8 else marks


def _short_lines(lines: tuple[str, ...], quoted: str, room: int, measure: Measure) -> Iterator[str]:
    """Lines of code, those longer than `room` cut behind a space if there is one: in code, no white space is dropped."""
    for line in lines:
        at, lead = 0, ""
        while True:
            most = _most(line, at, room - measure(lead), measure)
            space = line.rfind(" ", at, most) + 1
            end = len(line) if most >= len(line) else space or whole_characters(line, at, most)
            yield lead + line[at:end]
            at, lead = end, quoted
            if at >= len(line):
                break


def _pack(text: str, limit: int, measure: Measure) -> list[str]:
    pieces: list[str] = []
    piece = ""
    used = 0
    for block in _blocks(text, limit, measure):
        source = block if isinstance(block, str) else block.whole()
        if used + measure(source.rstrip("\n")) <= limit:
            piece, used = piece + source, used + measure(source)
            continue
        if isinstance(block, str):
            *full, piece = _flow(piece, block, limit, measure)
        elif measure((alone := block.alone()).rstrip("\n")) <= limit:
            full, piece = [piece], alone
        else:
            *full, piece = (piece, *block.parts(limit, measure))
        if not source.endswith("\n"):
            piece = piece.removesuffix("\n")
        pieces += [kept for one in full if (kept := one.rstrip())]
        used = measure(piece)
    if used > limit:
        piece = piece.rstrip("\n")
    return [*pieces, piece] if piece.strip() else pieces


def _blocks(text: str, limit: int, measure: Measure) -> Iterator[str | _Fence]:
    """The text taken apart into fences and what is between them; together they are the text."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at = start = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None or measure(opening["prefix"] + opening["marks"]) * 2 + 2 > limit // 4:
            at += 1
            continue
        if start < at:
            yield "".join(lines[start:at])
        fence = _fence(opening, lines, at)
        yield fence
        at = start = at + fence.source.count("\n") + (not fence.source.endswith("\n"))
    if start < at:
        yield "".join(lines[start:at])


def _fence(opening: re.Match[str], lines: list[str], at: int) -> _Fence:
    marks, quoted = opening["marks"], ">" in opening["prefix"]
    last, end, closed = len(lines), len(lines), False
    for number in range(at + 1, len(lines)):
        line = lines[number].strip(" \t\n")
        if quoted and not line.startswith(">"):
            last, end, closed = number, number, True  # a quotation that ends takes its fence along
            break
        line = line.lstrip(" \t>") if quoted else line
        if len(line) >= len(marks) and not line.strip(marks[0]):
            last, end, closed = number, number + 1, True
            break
    inner = tuple(line.removesuffix("\n") for line in lines[at + 1 : last])
    return _Fence(opening["prefix"], marks, opening["info"], inner, "".join(lines[at:end]), closed)


def _unclosed(piece: str, limit: int, measure: Measure) -> str:
    """What has to follow the piece so that no fence is left open."""
    missing = ""
    for block in _blocks(piece, limit, measure):
        missing = "" if isinstance(block, str) else block.missing
    return missing


def _flow(piece: str, text: str, limit: int, measure: Measure) -> list[str]:
    """The piece so far and the text after it, cut into pieces that fit; the last may be added to."""
    pieces: list[str] = []
    at = 0
    while measure(piece) + measure(text[at : at + limit + 1]) > limit:
        room = limit - measure(piece)
        end = _most(text, at, room, measure)
        if piece:  # it ends with a fence, which is as good as the end of a paragraph
            cut = (_cut(text, at, end, BREAKS[:1]) if room > 0 else None) or at
        else:
            cut = _cut(text, at, end, BREAKS) or whole_characters(text, at, end)
        pieces.append(piece + text[at:cut])
        found = NON_SPACE.search(text, cut)
        piece, at = "", found.start() if found else len(text)
    return [*pieces, piece + text[at:]]


def _cut(text: str, at: int, end: int, breaks: tuple[re.Pattern[str], ...]) -> int | None:
    for kind in breaks:
        places = [found.end() for found in kind.finditer(text, at, end + 2) if at < found.end() <= end]
        if places:
            return places[-1]
    return None


def _most(text: str, at: int, room: int, measure: Measure) -> int:
    """Where the longest stretch from `at` that fits into `room` ends; one character at least."""
    low, high = at + 1, max(at + 1, min(len(text), at + room))
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[at:middle]) <= room:
            low = middle
        else:
            high = middle - 1
    return low
