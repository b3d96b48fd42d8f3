"""A scorecard in a terminal: dimensions as bars, the verdict, and the words behind every credit."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.text import clean
from interviewer.model import DimensionScore, Phase, PointScore, PointState, Scorecard, Source, Verdict

WIDTH = 20
"""Characters of a full bar."""

COLOURS: Mapping[Verdict, str] = {
    Verdict.STRONG_HIRE: "green",
    Verdict.HIRE: "green",
    Verdict.LEAN_HIRE: "yellow",
    Verdict.LEAN_NO_HIRE: "yellow",
    Verdict.NO_HIRE: "red",
}
SOURCES: Mapping[Source, str] = {
    Source.VOLUNTEERED: "volunteered",
    Source.PROBED: "said when asked",
    Source.HINTED: "after a hint",
    Source.DISPUTED: "argued afterwards",
}
STEPS: Mapping[str, str] = {
    "correct": "Put this right",
    "learn": "Learn to say this",
    "volunteer": "Say this before you are asked",
}


Places = Mapping[str, str]
"""What a message is called here, by its id; one without a name goes by its id."""


def render(card: Scorecard, places: Places = MappingProxyType({})) -> RenderableType:
    """The whole scorecard. Quotes are shown as they were written, with nothing in them taken for markup."""
    parts = [
        _head(card),
        _dimensions(card),
        *_evidence(card, places),
        *_estimates(card),
        *_open(card),
        *_advice(card),
        *_foot(card),
    ]
    return Panel(Group(*parts), title="Scorecard", subtitle=f"{escape(card.title)} · {card.level}", padding=(1, 2))


def _head(card: Scorecard) -> RenderableType:
    if not card.gradable:
        return Text("Not gradable: there was nothing in it that could be judged.", style="bold")
    if card.verdict is None:
        return Text(
            "Too little of the interview was reached for a verdict; what was reached is scored below.", style="bold"
        )
    line = Text.assemble(
        (card.verdict.value.capitalize(), f"bold {COLOURS[card.verdict]}"), f" at {card.level}, {card.overall} of 5."
    )
    if card.held_back:
        line.append(f" Held back by {', '.join(card.held_back)}.")
    supported = (
        f" It would support: {card.supported}." if card.supported else " It does not yet support a hire at any level."
    )
    return line.append(supported)


def _dimensions(card: Scorecard) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for score in card.dimensions:
        table.add_row(
            score.dimension.value, _bar(score), f"{score.score:.1f}" if score.score is not None else "not assessed"
        )
    legend = Text(f"estimated coverage · the │ marks what a hire shows ({card.dimensions[0].bar})", style="dim")
    return Padding(Group(table, legend), (1, 0))


def _bar(score: DimensionScore) -> Text:
    """A bar of `WIDTH` characters with the level's bar drawn in."""
    if score.score is None:
        return Text("·" * WIDTH, style="dim")
    filled, mark = round(score.score / 5 * WIDTH), round(score.bar / 5 * WIDTH)
    cells = ["█" if place < filled else "░" for place in range(WIDTH)]
    cells[mark - 1] = "│"
    return Text("".join(cells), style="green" if score.score >= score.bar else "yellow" if score.score >= 2 else "red")


def _evidence(card: Scorecard, places: Places) -> Iterator[RenderableType]:
    credited = [point for point in card.points if point.evidence]
    if credited:
        yield Text("What you were credited for, in your words", style="bold")
        yield from (_quote(point, places) for point in credited)


def _quote(point: PointScore, places: Places) -> RenderableType:
    assert point.evidence is not None  # the caller's filter
    share = "" if point.credit == 1 else f", {point.credit:.0%} credit"
    message = point.evidence.message
    where = f"message {places.get(message, message)}, " if message else ""
    about = f"{point.point} · {point.dimension} ({where}{SOURCES[point.evidence.source]}{share})"
    quote = Text(f"“{' '.join(clean(point.evidence.quote).split())}”", style="italic")
    return Padding(Group(Text.assemble((about, "cyan"), *_split(point)), quote), (0, 0, 0, 2))


def _split(point: PointScore) -> Iterator[tuple[str, str]]:
    if point.split:
        yield (" · worth a second look: the two raters disagree", "yellow")


def _estimates(card: Scorecard) -> Iterator[RenderableType]:
    if card.estimates:
        yield Text("\nYour numbers", style="bold")
    for estimate in card.estimates:
        if estimate.said is None:
            yield Padding(Text(f"· {estimate.name}: none given. {estimate.working}"), (0, 0, 0, 2))
            continue
        mark, style = ("✓", "green") if estimate.right else ("✗", "red")
        said = f"{mark} {estimate.name}: you said {_number(estimate.said)} {estimate.unit}. {estimate.working}"
        yield Padding(Text(said, style=style), (0, 0, 0, 2))


def _open(card: Scorecard) -> Iterator[RenderableType]:
    """What was expected and is not credited, by the name a dispute needs."""
    rest = [point for point in card.points if point.expected and not point.credit]
    if not rest:
        return
    yield Text("\nNot credited", style="bold")
    words = {
        PointState.CHALLENGED: "it sounded ruled out",
        PointState.UNSURE: "touched, not said",
        PointState.COVERED: "given away",
    }
    wrong = {claim.point for claim in card.misconceptions}
    for point in rest:
        heard = words[PointState.CHALLENGED] if point.point in wrong else words.get(point.state, "not heard")
        line = Text.assemble((point.point, "cyan"), f" · {point.dimension}: {heard}")
        for note, style in _split(point):
            line.append(note, style=style)
        if point.doubt:
            line.append(f" (“{' '.join(clean(point.doubt).split())[:100]}”)", style="italic")
        yield Padding(line, (0, 0, 0, 2))


def _advice(card: Scorecard) -> Iterator[RenderableType]:
    statements = {point.point: point.statement for point in card.points}
    if card.first_gap:
        yield Text("\nFirst gap", style="bold")
        yield Padding(Text(statements[card.first_gap]), (0, 0, 0, 2))
    if card.next_steps:
        yield Text("\nNext", style="bold")
    for number, step in enumerate(card.next_steps, 1):
        yield Padding(Text(f"{number}. {STEPS[step.kind]}: {statements[step.point]}"), (0, 0, 0, 2))


def _foot(card: Scorecard) -> Iterator[RenderableType]:
    if card.assumptions:
        yield Text("\nAssumptions left to you", style="bold")
        yield from (Padding(Text(f"· {assumption}"), (0, 0, 0, 2)) for assumption in card.assumptions)
    spent = [f"{phase} {_clock(seconds)}" for phase, seconds in card.spent.items() if phase in Phase and seconds >= 1]
    times = f"\nTime: {', '.join(spent)}. " if spent else "\n"
    yield Text(f"{times}Hints used: {card.hints}. Rated by: {', '.join(card.raters) or 'nobody'}.", style="dim")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
