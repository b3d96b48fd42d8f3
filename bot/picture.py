"""Owns the scorecard as a picture: what is drawn and where, and what a screen reader says in its place.

Drawn for a phone: `WIDTH` pixels are shown at about a third of that, so no text is smaller than `SMALL`. The height follows
from what there is to say. Lengths are pixels, down from the top left corner. Matplotlib is used without pyplot and without
a setting of its own, so that pictures do not know of each other.
"""

import asyncio
import datetime
import io
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle
from matplotlib.transforms import Affine2D

from bot.text import clean
from interviewer.model import Dimension, DimensionScore, Scorecard, Verdict

WIDTH = 1080
MARGIN = 64
INSIDE = WIDTH - 2 * MARGIN
SMALL = 33
"""The size of the smallest text."""
LEADING = 1.32
"""From one line to the next, in sizes of its text."""
ROW, THICK = 62, 32
"""From one dimension to the next, and how thick its bar is."""
BARS, FULL = 346, 572
"""Where bars begin, and how long one of 5 is."""
LINES = 3
"""How many lines a title may take."""
DPI = 72
"""So that a point is a pixel."""
OFFLINE = "offline"
"""What the rater that needs no language model goes by on a scorecard."""
HIRES = frozenset({Verdict.STRONG_HIRE, Verdict.HIRE, Verdict.LEAN_HIRE})

# Matplotlib isn't made for threads, and a picture more at once would only take more of the time that the event loop needs.
EASEL = ThreadPoolExecutor(1, "picture")
"""The one thread that draws; it starts with the first picture."""


class Theme(StrEnum):
    """What the picture is looked at on."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True)
class Type:
    """How text is set."""

    size: int
    bold: bool = False
    quiet: bool = False


BODY, STRONG, QUIET, NOTE = Type(36), Type(36, bold=True), Type(36, quiet=True), Type(SMALL, quiet=True)
WORDMARK, TITLE, VERDICT = Type(SMALL, bold=True, quiet=True), Type(48, bold=True), Type(62, bold=True)


@dataclass(frozen=True)
class Palette:
    """A theme's colours. `reached` and `below` differ in hue (blue, orange) and in lightness."""

    page: str
    panel: str
    ink: str
    quiet: str
    track: str
    reached: str
    below: str


PALETTES: Mapping[Theme, Palette] = MappingProxyType(
    {
        Theme.LIGHT: Palette("#fcfbf8", "#f1efe9", "#1b2026", "#555d66", "#e3e0d8", "#1b5585", "#bd6413"),
        Theme.DARK: Palette("#15181c", "#20252b", "#f2f4f6", "#aab3bc", "#333b43", "#84c3f2", "#c77b30"),
    }
)


# --- what is said ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Headline:
    """What the interview came to: `verdict` in large letters, `at` below it, then the sentences."""

    verdict: str
    at: str
    sentences: tuple[str, ...]


def headline(card: Scorecard) -> Headline:
    """The verdict, or why there is none."""
    if not card.gradable:
        return Headline("Not gradable", "", ("There was nothing in it that could be judged.",))
    if card.verdict is None:
        rest = "; what was reached is scored below." if _assessed(card) else "."
        return Headline("No verdict", "", (f"Too little of the interview was reached for a verdict{rest}",))
    held = (f"Held back by {', '.join(map(_called, card.held_back))}.",) if card.held_back else ()
    supported = (
        f"It would support: {card.supported}." if card.supported else "It does not yet support a hire at any level."
    )
    return Headline(card.verdict.value.capitalize(), f"at {card.level}, {card.overall} of 5", (*held, supported))


def alt_text(card: Scorecard) -> str:
    """All that the picture says, for a screen reader; plain text of at most 2,000 characters."""
    said = headline(card)
    verdict = f"{said.verdict} {said.at}".strip()
    title = _shortened(" ".join(clean(card.title).split()), 300)
    parts = [
        f"Scorecard for: {title or card.question}.",
        f"Level: {card.level}. Mode: {card.mode}.",
        f"{verdict}.",
        *said.sentences,
    ]
    if _assessed(card):
        bar = _bar(card)
        parts.append(f"Scores of 5{f'; a hire shows {bar}' if bar else ''}:")
        parts.append("; ".join(f"{_called(score.dimension)} {_figure(score)}" for score in card.dimensions) + ".")
    else:
        parts.append(NOTHING)
    return " ".join([*parts, *_honesty(card)])


NOTHING = "None of the nine dimensions was assessed."


def _honesty(card: Scorecard) -> tuple[str, ...]:
    if card.raters and all(rater == OFFLINE for rater in card.raters):
        return ("Estimated coverage: rated without a language model, by how close your words came to each point.",)
    return ()


def _assessed(card: Scorecard) -> bool:
    return any(score.assessed for score in card.dimensions)


def _bar(card: Scorecard) -> float | None:
    """What a hire shows, if that is the same in all dimensions."""
    bars = {score.bar for score in card.dimensions}
    return bars.pop() if len(bars) == 1 else None


def _called(dimension: Dimension) -> str:
    return "API" if dimension is Dimension.API else dimension.value


def _figure(score: DimensionScore) -> str:
    return "not assessed" if score.score is None else f"{score.score:.1f}"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


# --- what can be drawn ----------------------------------------------------------------------------------------------


@cache
def font(bold: bool = False) -> FontProperties:
    """The font that comes with Matplotlib, by its file: no machine has another one."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontProperties(fname=Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _glyphs(bold: bool) -> frozenset[int]:
    return frozenset(FT2Font(str(font(bold).get_file())).get_charmap())


def drawable(text: str, bold: bool = False, limit: int = 200) -> str:
    """The text as far as the font has it, on one line: an unknown script becomes "…", unknown symbols are left out.

    "" if nothing is left that can be read."""
    known, composed = _glyphs(bold), unicodedata.normalize("NFC", clean(text[: 4 * limit]))
    # A pile of accents would leave its line: one is enough.
    single = (ch for before, ch in pairwise(f" {composed}") if not (_accent(before) and _accent(ch)))
    kept = " ".join(re.sub("…+", "…", "".join(_drawn(ch, known) for ch in single)).split())
    return _shortened(kept, limit) if any(ch.isalnum() for ch in kept) else ""


def _accent(ch: str) -> bool:
    return unicodedata.category(ch).startswith("M")


def _drawn(ch: str, known: frozenset[int]) -> str:
    category = unicodedata.category(ch)
    if category == "Cf" and ch != "\u200c":  # what joined emoji is of no use; the non-joiner shapes Persian words
        return ""
    if ch.isspace() or ord(ch) in known:
        return ch
    return "…" if category[0] in "LN" else ""


# --- where it stands ------------------------------------------------------------------------------------------------


@dataclass
class Sheet:
    """A sheet that is drawn on from the top down. `down` is how far it is full."""

    palette: Palette
    figure: Figure = field(default_factory=lambda: Figure(dpi=DPI))
    page: Affine2D = field(default_factory=Affine2D)
    """From our pixels to Matplotlib's, which count upwards: known when the height is."""
    down: float = MARGIN

    def __post_init__(self) -> None:
        self.renderer = FigureCanvasAgg(self.figure).get_renderer()
        self.figure.set_facecolor(self.palette.page)

    def width(self, text: str, type: Type) -> float:
        """How long a line of text is."""
        chosen = font(type.bold).copy()
        chosen.set_size(type.size)
        return self.renderer.get_text_width_height_descent(text, chosen, ismath=False)[0]

    def text(self, x: float, baseline: float, text: str, type: Type) -> None:
        """One line that begins at `x`; if that is negative, one that ends at `-x`."""
        self.figure.text(  # pyright: ignore[reportUnknownMemberType]
            abs(x),
            baseline,
            text,
            fontproperties=font(type.bold),
            fontsize=type.size,
            color=self.palette.quiet if type.quiet else self.palette.ink,
            ha="right" if x < 0 else "left",
            va="baseline",
            transform=self.page,
            parse_math=False,
            usetex=False,
        )

    def lines(self, texts: Iterable[str], type: Type, x: float = MARGIN) -> None:
        """Lines one below the other."""
        for text in texts:
            self.text(x, self.down + type.size, text, type)
            self.down += type.size * LEADING

    def wrapped(self, text: str, type: Type, room: float = INSIDE, most: int = LINES) -> list[str]:
        """The text in lines that fit into `room`, at most `most` of them and about equally long.

        What is too long ends in "…"."""

        def within(limit: float) -> list[str]:
            return list(_broken(text, lambda line: self.width(line, type) <= limit))

        lines = within(room)
        if len(lines) > most:
            last = lines[most - 1]
            while self.width(f"{last}…", type) > room:
                last = last[:-1].rstrip()
            return [*lines[: most - 1], f"{last}…"]
        if len(lines) == 1:
            return lines
        word = max(self.width(word, type) for word in text.split())
        least = min(room, max(room / 2, word))
        rooms = [least + (room - least) * n / 10 for n in range(11)]
        return within(rooms[bisect_left(rooms, True, hi=10, key=lambda narrow: len(within(narrow)) <= len(lines))])

    def block(self, x: float, y: float, width: float, height: float, colour: str) -> Patch:
        """A filled rectangle with round corners."""
        style = "round,pad=0,rounding_size=8"
        shape = FancyBboxPatch((x, y), width, height, style, transform=self.page, facecolor=colour, linewidth=0)
        self.figure.add_artist(shape)
        return shape

    def strip(self, x: float, y: float, width: float, height: float, colour: str, within: Patch | None = None) -> None:
        """A filled rectangle, cut off at the shape it is `within`."""
        shape = Rectangle((x, y), width, height, transform=self.page, facecolor=colour, linewidth=0)
        self.figure.add_artist(shape)
        if within:
            shape.set_clip_path(within)

    def finish(self) -> None:
        """Cut the sheet below what is on it."""
        height = round(self.down + MARGIN)
        self.figure.set_size_inches(WIDTH / DPI, height / DPI)
        self.page.scale(1, -1).translate(0, height)


def _broken(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """The text in lines that fit, each as long as can be; a word is broken only where it fills a line by itself."""
    words = text.split()
    while words:
        line = words.pop(0)
        if not fits(line):
            length = max(1, bisect_left(range(len(line)), True, key=lambda n: not fits(line[:n])) - 1)
            words.insert(0, line[length:])
            line = line[:length]
        while words and fits(f"{line} {words[0]}"):
            line = f"{line} {words.pop(0)}"
        yield line


# --- what is drawn --------------------------------------------------------------------------------------------------


def compose(card: Scorecard, on: datetime.date, theme: Theme = Theme.LIGHT, name: str = "") -> Figure:
    """The drawing: `WIDTH` pixels wide at `DPI`, and as high as it needs to be."""
    sheet = Sheet(PALETTES[theme])
    _top(sheet, card, on, name)
    _verdict(sheet, card)
    if _assessed(card):
        sheet.down += 44
        for score in card.dimensions:
            _row(sheet, score)
        _legend(sheet, card)
    else:
        sheet.down += 40
        sheet.lines(sheet.wrapped(NOTHING, BODY), BODY)
    for note in _honesty(card):
        sheet.down += 20
        sheet.lines(sheet.wrapped(note, NOTE), NOTE)
    sheet.finish()
    return sheet.figure


def draw(card: Scorecard, on: datetime.date, theme: Theme = Theme.LIGHT, name: str = "") -> bytes:
    """The scorecard as a PNG. `on` is the day of the interview; the candidate's name is on it only if it is given.

    Takes a tenth to a fifth of a second of processor time: in an event loop, await `picture`."""
    file = io.BytesIO()
    canvas = FigureCanvasAgg(compose(card, on, theme, name))
    canvas.print_png(file, metadata={"Software": None})  # pyright: ignore[reportUnknownMemberType]
    return file.getvalue()


async def picture(card: Scorecard, on: datetime.date, theme: Theme = Theme.LIGHT, name: str = "") -> bytes:
    """`draw`, while the event loop goes on; pictures asked for at once are drawn one after the other.

    One thread is enough: at the 99th percentile the loop was 4-8 ms late with it, 3-5 ms with a process, which takes its
    time to start, and 7-16 ms with four threads."""
    return await asyncio.get_running_loop().run_in_executor(EASEL, partial(draw, card, on, theme, name))


def _top(sheet: Sheet, card: Scorecard, on: datetime.date, name: str) -> None:
    """The wordmark and the date, the question, whose interview it was and of what kind."""
    sheet.strip(MARGIN, sheet.down + 8, 10, SMALL - 6, sheet.palette.reached)
    sheet.text(MARGIN + 26, sheet.down + SMALL, "Mockingbird", WORDMARK)
    sheet.text(-(WIDTH - MARGIN), sheet.down + SMALL, f"{on.day} {on:%b %Y}", NOTE)
    sheet.down += SMALL * LEADING + 34
    title = drawable(card.title, bold=True) or drawable(card.question, bold=True) or "A question of your own"
    sheet.lines(sheet.wrapped(title, TITLE), TITLE)
    sheet.down += 12
    if whose := drawable(name):
        sheet.lines(sheet.wrapped(whose, BODY, most=1), BODY)
    sheet.lines([f"{card.level.capitalize()} level, {card.mode} mode"], QUIET)


def _verdict(sheet: Sheet, card: Scorecard) -> None:
    """What it came to, on a panel of its own."""
    said, pad, x = headline(card), 40, MARGIN + 40
    sentences = [line for sentence in said.sentences for line in sheet.wrapped(sentence, BODY, INSIDE - 2 * pad)]
    texts = [([said.verdict], VERDICT), ([said.at] if said.at else [], STRONG), (sentences, BODY)]
    top, gap = sheet.down + 30, 14
    height = 2 * pad + sum(len(lines) * type.size * LEADING for lines, type in texts) + gap - 18
    panel = sheet.block(MARGIN, top, INSIDE, height, sheet.palette.panel)
    if card.verdict:
        colour = sheet.palette.reached if card.verdict in HIRES else sheet.palette.below
        sheet.strip(MARGIN, top, 12, height, colour, panel)
    sheet.down = top + pad - 10
    for lines, type in texts:
        sheet.down += gap if type is BODY else 0
        sheet.lines(lines, type, x)
    sheet.down = top + height


def _row(sheet: Sheet, score: DimensionScore) -> None:
    """A dimension: its name, its bar with what a hire shows marked on it, and its score."""
    palette, top = sheet.palette, sheet.down
    base, bar = top + ROW / 2 + 12, top + (ROW - THICK) / 2
    name = _called(score.dimension)
    sheet.text(MARGIN, base, name[0].upper() + name[1:], BODY)
    sheet.down += ROW
    if score.score is None:
        sheet.text(-(WIDTH - MARGIN), base, _figure(score), NOTE)
        for x in range(BARS, round(WIDTH - MARGIN - sheet.width(_figure(score), NOTE)) - 24, 20):
            sheet.strip(x, bar + THICK / 2 - 2, 4, 4, palette.quiet)
        return
    track = sheet.block(BARS, bar, FULL, THICK, palette.track)
    colour = palette.reached if score.score >= score.bar else palette.below
    sheet.strip(BARS, bar, FULL * score.score / 5, THICK, colour, track)
    for place in range(1, 5):
        sheet.strip(BARS + FULL * place / 5 - 1, bar, 2, THICK, palette.page)
    _mark(sheet, BARS + FULL * score.bar / 5, bar)
    sheet.text(-(WIDTH - MARGIN), base, _figure(score), STRONG)


def _mark(sheet: Sheet, x: float, top: float) -> None:
    """What a hire shows: a line across a bar."""
    sheet.strip(x - 5, top - 8, 10, THICK + 16, sheet.palette.page)
    sheet.strip(x - 2.5, top - 8, 5, THICK + 16, sheet.palette.ink)


def _legend(sheet: Sheet, card: Scorecard) -> None:
    bar = _bar(card)
    sheet.down += 22
    _mark(sheet, BARS + 4, sheet.down + 2)
    sheet.text(BARS + 26, sheet.down + SMALL - 3, f"what a hire shows{f' ({bar})' if bar else ''}", NOTE)
    sheet.down += SMALL * LEADING
