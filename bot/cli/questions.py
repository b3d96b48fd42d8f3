"""`mockingbird questions …`: the question bank, to list, to look at, to check and to add to."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bot.cli.common import JsonOption, Refused, bank, environment, err, out, shelves
from interviewer.model import Level, Question
from interviewer.questions import Taste, matching

app = typer.Typer(
    name="questions", help="The question bank: list it, look at a question, check it.", no_args_is_help=True
)


@app.command("list")
def list_questions(
    company: Annotated[str, typer.Option(help="Only those asked at this company.")] = "",
    topic: Annotated[str, typer.Option(help="Only those about this topic.")] = "",
    level: Annotated[Level | None, typer.Option(help="Only those asked at this level.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1, help="Only those that take no longer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """All questions, or those that fit."""
    found = matching(bank().questions, Taste(company, topic, level, minutes))
    if as_json:
        typer.echo(json.dumps([_public(question) for question in found], ensure_ascii=False, indent=2))
    elif found:
        out.print(catalogue(bank().questions, found))
        out.print(f"\n[dim]{len(found)} of {len(bank().questions)}. `mockingbird chat -q ID` asks one.[/]")
    else:
        out.print("No question fits all of that: leave one of the options out.")


@app.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A question's ID.")],
    guide: Annotated[
        bool, typer.Option("--guide", help="Show the interviewer's hidden guide too. It spoils the question.")
    ] = False,
) -> None:
    """A question as a candidate sees it."""
    question = bank().question(id)
    out.print(
        f"[bold]{escape(question.title)}[/]  [dim]{escape(question.company)} · {escape(', '.join(question.topics))} · "
        f"{question.minutes} minutes[/]\n"
    )
    out.print(question.prompt, markup=False)
    if guide:
        out.print()
        out.print(bank().guide_path(id).read_text("utf-8"), markup=False)


@app.command()
def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Catalogues, guides or folders of them; without any, the whole bank and your own."),
    ] = None,
) -> None:
    """Check questions and guides: every fault with its file, its line and what to do. Exits with 1 if there is one."""
    from interviewer.lint import lint as check

    faults = check(files or [folder / "questions.yaml" for folder in shelves()])
    for fault in faults:
        out.print(str(fault), markup=False, soft_wrap=True)
    if faults:
        err.print(f"[red]{len(faults)} fault{'s' if len(faults) > 1 else ''}.[/]")
        raise typer.Exit(1)
    out.print("[green]No faults.[/]")


@app.command()
def new(
    id: Annotated[str, typer.Argument(metavar="ID", help="Lower-case words joined by hyphens, as in lunch-orders.")],
    folder: Annotated[
        Path | None, typer.Option("--in", help="The folder to write it to; MOCKINGBIRD_QUESTIONS, if that is set.")
    ] = None,
) -> None:
    """Begin a question of your own: writes a commented skeleton, which `lint` then helps you to fill in."""
    from interviewer.authoring import NotBegun, begin

    where = folder or environment().questions
    if where is None:
        raise Refused("Say where: `--in FOLDER`, or set MOCKINGBIRD_QUESTIONS to a folder of your own questions.")
    try:
        catalogue, guide = begin(id, where)
    except NotBegun as problem:
        raise Refused(str(problem)) from None
    out.print(f"Written: {catalogue}\n         {guide}\n", soft_wrap=True, markup=False)
    out.print("Now replace every TODO in the two, and see what is left to do:\n", soft_wrap=True)
    out.print(f"    mockingbird questions lint {where}\n", soft_wrap=True, markup=False)
    if where != environment().questions:
        out.print(
            f"So that `grade`, `chat` and `play` find it: export MOCKINGBIRD_QUESTIONS={where.resolve()}\n",
            soft_wrap=True,
            markup=False,
        )
    out.print("docs/authors.md goes through one from beginning to end.", soft_wrap=True)


def catalogue(all: tuple[Question, ...], found: tuple[Question, ...] | None = None) -> Table:
    """The questions `found` (by default all), numbered as in the whole catalogue; topics where there is room for them."""
    wide = out.width >= 120
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    table.add_column("", style="dim", justify="right")
    table.add_column("Question")
    table.add_column("ID", no_wrap=True, style="cyan")
    if wide:
        table.add_column("Topics", style="dim")
    for number, question in enumerate(all, 1):
        if found is None or question in found:
            row = [str(number), f"{escape(question.title)} [dim]({escape(question.company)})[/]", escape(question.id)]
            table.add_row(*row, *([escape(", ".join(question.topics))] if wide else []))
    return table


def _public(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "title": question.title,
        "company": question.company,
        "also_asked_at": list(question.also_asked_at),
        "topics": list(question.topics),
        "levels": [level.value for level in question.levels],
        "minutes": question.minutes,
        "prompt": question.prompt,
    }
