"""A scorecard in a terminal: dimensions as bars, the verdict, and the words behind every credit."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.debrief import SPLIT, TITLES, Credited, Debrief, Row, debrief, gauge
from interviewer.model import Scorecard, Verdict

DOUBT = 100
"""Characters of the candidate's words about a point that is not credited."""
INDENT = (0, 0, 0, 2)

COLOURS: Mapping[Verdict, str] = {
    Verdict.STRONG_HIRE: "green",
    Verdict.HIRE: "green",
    Verdict.LEAN_HIRE: "yellow",
    Verdict.LEAN_NO_HIRE: "yellow",
    Verdict.NO_HIRE: "red",
}
MARKS: Mapping[bool | None, str] = {True: "green", False: "red", None: ""}


Places = Mapping[str, str]
"""What a message is called here, by its id; one without a name goes by its id."""


def render(card: Scorecard, places: Places = MappingProxyType({})) -> RenderableType:
    """The whole scorecard. Quotes are shown as they were written, with nothing in them taken for markup."""
    said = debrief(card)
    parts = [
        _head(said),
        _dimensions(said),
        *_evidence(said, places),
        *_numbers(said),
        *_open(said),
        *_advice(said),
        *_foot(said),
    ]
    subtitle = f"{escape(said.title)} · {said.level}"
    return Panel(Group(*parts), title=TITLES["scorecard"], subtitle=subtitle, padding=(1, 2))


def _head(said: Debrief) -> RenderableType:
    text = " ".join(said.headline)
    if said.verdict is None:
        return Text(text, style="bold")
    line = Text(text)
    line.stylize(f"bold {COLOURS[said.verdict]}", 0, len(said.verdict))
    return line


def _dimensions(said: Debrief) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for row in said.dimensions:
        table.add_row(row.name, _bar(row), row.words)
    return Padding(Group(table, Text(said.legend, style="dim")), (1, 0))


def _bar(row: Row) -> Text:
    if row.score is None:
        return Text(gauge(row), style="dim")
    return Text(gauge(row), style="green" if row.score >= row.bar else "yellow" if row.score >= 2 else "red")


def _evidence(said: Debrief, places: Places) -> Iterator[RenderableType]:
    if said.credited:
        yield Text(TITLES["credited"], style="bold")
    yield from (_quote(point, places) for point in said.credited)


def _quote(point: Credited, places: Places) -> RenderableType:
    where = f"message {places.get(point.message, point.message)}, " if point.message else ""
    about = f"{point.point} · {point.dimension} ({where}{point.how})"
    quote = Text(f"“{point.quote}”", style="italic")
    return Padding(Group(Text.assemble((about, "cyan"), *_split(point.split)), quote), INDENT)


def _split(split: bool) -> Iterator[tuple[str, str]]:
    if split:
        yield (f" · {SPLIT}", "yellow")


def _numbers(said: Debrief) -> Iterator[RenderableType]:
    if said.numbers:
        yield _title("numbers")
    for number in said.numbers:
        yield Padding(Text(f"{number.mark} {number.sentence}", style=MARKS[number.right]), INDENT)


def _open(said: Debrief) -> Iterator[RenderableType]:
    """What was expected and is not credited, by the name a dispute needs."""
    if said.uncredited:
        yield _title("open")
    for point in said.uncredited:
        line = Text.assemble((point.point, "cyan"), f" · {point.dimension}: {point.why}", *_split(point.split))
        if point.doubt:
            line.append(f" (“{point.doubt[:DOUBT]}”)", style="italic")
        yield Padding(line, INDENT)


def _advice(said: Debrief) -> Iterator[RenderableType]:
    if said.first_gap:
        yield _title("first_gap")
        yield Padding(Text(said.first_gap), INDENT)
    if said.next_steps:
        yield _title("next")
    for number, step in enumerate(said.next_steps, 1):
        yield Padding(Text(f"{number}. {step}"), INDENT)


def _foot(said: Debrief) -> Iterator[RenderableType]:
    if said.assumptions:
        yield _title("assumptions")
        yield from (Padding(Text(f"· {assumption}"), INDENT) for assumption in said.assumptions)
    yield Text("\n" + " ".join(said.foot), style="dim")


def _title(part: str) -> Text:
    return Text(f"\n{TITLES[part]}", style="bold")
