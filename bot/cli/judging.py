"""`mockingbird play` and `mockingbird grade`: what is judged here was written beforehand."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import (
    Asked,
    FormatOption,
    JsonOption,
    LevelOption,
    ModeOption,
    OfflineOption,
    PersonaOption,
    QuestionOption,
    bank,
    err,
    make_interviewer,
    make_rater,
    out,
    read,
)
from bot.commands import Wish
from interviewer.model import Case, Level, Question, Scorecard, Settings
from interviewer.questions import load_guide

app = typer.Typer()


@app.command()
def play(
    script: Annotated[
        Path, typer.Argument(help="Candidate messages separated by lines of ---; - reads standard input.")
    ],
    question: QuestionOption = None,
    level: LevelOption = None,
    mode: ModeOption = None,
    format: FormatOption = None,
    persona: PersonaOption = None,
    usage: Annotated[
        bool,
        typer.Option("--usage", help="Show what language models were asked for: calls, tokens, cached share, time."),
    ] = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Play an interview from a file. Without a language model the same script gives the same interview."""
    from bot.play import play as run
    from bot.usage import Ledger

    text = read(script)
    asked = question or "apple-task-scheduler"
    bank().question(asked)
    settings = Asked(None, level, mode, format, persona).settings(asked, Wish())
    ledger = Ledger()
    interviewer = make_interviewer(offline=offline, observe=ledger.note)
    played = asyncio.run(run(text, settings, interviewer, ledger.turn))
    for problem in played.problems:
        err.print(f"{script}: {problem}", style="yellow", markup=False)
    if as_json:
        from bot.report import interviewed

        for turn in played.transcript:
            line = {"speaker": turn.speaker.value, "phase": turn.phase.value, "kind": turn.kind, "text": turn.text}
            typer.echo(json.dumps(line, ensure_ascii=False))
        typer.echo(
            json.dumps({"scorecard": interviewed(played.scorecard) if played.scorecard else None}, ensure_ascii=False)
        )
        if usage:
            typer.echo(json.dumps({"usage": ledger.as_json()}, ensure_ascii=False))
        return
    from bot.terminal import Screen

    screen = Screen(out)
    for turn in played.transcript:
        screen.say(turn)
    _show(played.scorecard)
    if usage:
        out.print(ledger.render())


@app.command()
def grade(
    question: Annotated[str, typer.Argument(help="A question's ID; with --guide, any name.")],
    file: Annotated[Path, typer.Argument(help="The answer; - reads standard input.")],
    level: LevelOption = None,
    guide: Annotated[
        Path | None, typer.Option(help="A guide to use instead of the bank's; see docs/guides.md.")
    ] = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge one written answer: every credit quotes it. Without a language model it is estimated coverage."""
    from bot.report import graded
    from interviewer.machine import judged
    from interviewer.model import Answer, Answered, Message
    from interviewer.ports import final
    from interviewer.scoring import scorecard

    text = read(file)
    case = Case(Question(question, question, ""), load_guide(guide, question)) if guide else bank().case(question)
    rating = asyncio.run(final(make_rater(offline=offline).rate(case, Answer(text, final=True))))
    heard = Answered((Message("grade", "", "candidate", text, 0.0),), 0.0)
    interview = judged(case, Settings(question, level or Level.SENIOR), heard, rating)
    card = scorecard(interview, case)
    if as_json:
        typer.echo(json.dumps(graded(card), ensure_ascii=False, indent=2))
    else:
        _show(card)


def _show(card: Scorecard | None) -> None:
    from bot.scorecard import render

    if card:
        out.print(render(card))
