"""`mockingbird eval`: the raters against labelled answers, as a table or as JSON."""

import json

from rich.console import Console
from rich.table import Table as Grid

from evals.evaluate import Evaluation, Figures, Table, as_json, fallen
from evals.memo import remembering


def evaluate(out: Console, err: Console, *, only_json: bool, before: Figures | None) -> bool:
    """Measure the offline rater and print it. False: something fell below what it was `before`."""
    models = remembering()
    with err.status("[dim]Reading the bank…[/]") as status:
        tables = Evaluation(models, lambda what: status.update(f"[dim]{what}[/]")).tables()
    for model in models:
        model.save()
    if only_json:
        out.print_json(json.dumps(as_json(tables)))
    else:
        for table in tables:
            out.print(_grid(table))
    dropped = [] if before is None else fallen(tables, before)
    for line in dropped:
        err.print(f"Fallen: {line}.", style="red", markup=False)
    return not dropped


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
