"""`mockingbird eval`: the raters against labelled answers, as a table or as JSON."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table as Grid

from evals.evaluate import Evaluation, Figures, Table, as_json, fallen
from evals.memo import remembering
from evals.models import Measured, NothingRead, Prices, measure
from evals.recorded import BadRecording, Reading, Recorder, Replay, read, write
from interviewer.ports import LanguageModel
from interviewer.raters.offline import OfflineRater


def evaluate(out: Console, err: Console, *, only_json: bool, before: Figures | None, quick: bool) -> bool:
    """Measure the offline rater and print it. False: something fell below what it was `before`."""
    models = remembering()
    with err.status("[dim]Reading the bank…[/]") as status:
        tables = Evaluation(models, lambda what: status.update(f"[dim]{what}[/]")).tables(quick=quick)
    for model in models:
        model.save()
    if only_json:
        out.print_json(json.dumps(as_json(tables)))
    else:
        for table in tables:
            out.print(_grid(table))
    dropped = [] if before is None else fallen(tables, before, quick=quick)
    for line in dropped:
        err.print(f"Fallen: {line}.", style="red", markup=False)
    return not dropped


@dataclass(frozen=True)
class Source:
    """Where readings come from: a recording, or a model, whose readings may be kept in a file."""

    model: Callable[[], LanguageModel] | None = None
    replay: Path | None = None
    record: Path | None = None
    repetitions: int = 3


def evaluate_models(
    out: Console, err: Console, source: Source, prices: Prices | None, *, cache: Path, only_json: bool
) -> None:
    """Measure the model-backed rater and print it, or say why there is nothing to measure and exit with 2."""
    try:
        found = _measured(err, source, cache)
    except (BadRecording, NothingRead) as problem:
        err.print(str(problem), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if only_json:
        out.print_json(json.dumps({**as_json(found.tables), "usage": _usage(found, prices)}))
        return
    for table in found.tables:
        out.print(_grid(table))
    told = _usage(found, prices)
    out.print(
        f"\n{told['answers']} answers, {told['unrecorded']} without a reading. {told['calls']} calls: {told['read']:,} tokens "
        f"read, {told['cached']:,} of them from the provider's cache, {told['written']:,} written."
    )
    if prices:
        out.print(f"Cost at these prices: {told['cost']:.2f}, {told['cost_an_answer']:.4f} an answer.")


def _measured(err: Console, source: Source, cache: Path) -> Measured:
    readings: dict[tuple[str, int], Reading] = read(source.replay) if source.replay else {}
    wanted = range(1, source.repetitions + 1)
    models: list[LanguageModel] = []
    for repetition in wanted:
        if source.model is None:
            models.append(Replay(readings, repetition))
        else:
            models.append(Recorder(source.model(), readings, repetition))
    embedders = remembering()
    try:
        with err.status("[dim]Reading the bank…[/]") as status:
            found = measure(models, OfflineRater(cache, embedders), lambda what: status.update(f"[dim]{what}[/]"))
    finally:
        # What was read has been paid for: it is kept also when the rest is given up.
        if source.record and readings:
            source.record.parent.mkdir(parents=True, exist_ok=True)
            write(source.record, readings.values())
    for model in embedders:
        model.save()
    return found


def _usage(found: Measured, prices: Prices | None) -> dict[str, float]:
    usage = found.usage
    told: dict[str, float] = {
        "answers": found.answers,
        "unrecorded": found.unrecorded,
        "calls": usage.calls,
        "read": usage.read,
        "cached": usage.cached,
        "written": usage.written,
    }
    if prices:
        cost = prices.of(usage)
        told |= {"cost": round(cost, 4), "cost_an_answer": round(cost / max(1, usage.calls), 6)}
    return told


def _grid(table: Table) -> Grid:
    grid = Grid(title=table.title, title_justify="left", title_style="bold", box=None, padding=(0, 2), pad_edge=False)
    grid.add_column("")
    for heading in ("value", "of", "bar"):
        grid.add_column(heading, justify="right", style="dim" if heading == "of" else None)
    grid.add_column("")
    for figure in table.figures:
        limit = f"≥ {figure.at_least:.2f}" if figure.at_least is not None else ""
        limit = f"≤ {figure.at_most:.2f}" if figure.at_most is not None else limit
        mark = {None: "", True: "[green]reached[/]", False: "[yellow]not reached[/]"}[figure.passed]
        grid.add_row(figure.name, f"{figure.value:.3f}", str(figure.of), limit, mark)
    return grid
