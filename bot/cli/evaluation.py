"""`mockingbird eval`: which rater is measured, on what, and against which earlier figures."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.common import JsonOption, Refused, environment, err, out, read

app = typer.Typer()


class RaterName(StrEnum):
    """A rater that can be measured."""

    OFFLINE = "offline"
    MODEL = "model"


@app.command("eval")
def evaluate(
    rater: Annotated[RaterName, typer.Option(help="Which rater to measure.")] = RaterName.OFFLINE,
    as_json: JsonOption = False,
    against: Annotated[
        Path | None, typer.Option(help="Earlier figures (--json); exits with 1 if an F1 has fallen by more than 0.02.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the rater as it ships, on the answers that nothing was fitted on.")
    ] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="With --rater model: how often each answer is read.")] = 3,
    replay: Annotated[Path | None, typer.Option(help="With --rater model: readings from this recording.")] = None,
    record: Annotated[Path | None, typer.Option(help="With --rater model: keep the readings in this file.")] = None,
    prices: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="With --rater model: what a million tokens cost, read, cached and written."),
    ] = None,
) -> None:
    """Measure a rater on labelled answers: each question is judged by parameters fitted without it.

    Takes some minutes the first time. docs/rater.md says what the figures mean, and what they don't. The model-backed rater
    asks whatever model is configured, which costs money; `--replay` measures recorded readings."""
    try:
        from bot.evaluation import Prices, evaluate_models
        from bot.evaluation import evaluate as measure
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("evals"):
            raise
        raise Refused(
            "The labelled answers are not in the package: run this in a checkout of the repository."
        ) from None
    if rater is RaterName.MODEL:
        evaluate_models(
            out,
            err,
            _readings(replay, record, repetitions),
            prices and Prices(*prices),
            cache=environment().cache,
            only_json=as_json,
        )
        return
    before = None
    if against:
        try:
            before = json.loads(read(against))
        except ValueError:
            raise Refused(f"{against} is no JSON: write it with `mockingbird eval --json > {against}`.") from None
    if not measure(out, err, only_json=as_json, before=before, quick=quick):
        raise typer.Exit(1)


def _readings(replay: Path | None, record: Path | None, repetitions: int) -> Any:
    """Where the readings of the model-backed rater come from."""
    from bot.evaluation import Source
    from bot.wiring import listener

    if replay:
        if not replay.is_file():
            raise Refused(f"{replay} is not there: make it with `mockingbird eval --rater model --record {replay}`.")
        return Source(replay=replay, repetitions=repetitions)
    if not environment().listening:
        raise Refused(
            "No model is configured: set OPENAI_API_KEY or INTERVIEW_MODEL, or measure a recording (--replay)."
        )
    return Source(lambda: listener(environment()), record=record, repetitions=repetitions)
