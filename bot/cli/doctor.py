"""`mockingbird doctor`: the checks, each of which tries a part as it is configured."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import typer

from bot.cli.common import Refused, bank, environment, make_interviewer, make_rater, out, server, shelves

if TYPE_CHECKING:
    from bot.doctor import Check

app = typer.Typer()


@app.command()
def doctor() -> None:
    """What is configured, which store and rater are in use, what is missing and how to get it."""
    from bot.doctor import examine

    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        (
            "bank",
            lambda: (
                f"{len([bank().case(q.id) for q in bank().questions])} questions from {', '.join(map(str, shelves()))}"
            ),
        ),
        ("prompts", lambda: f"{len(make_interviewer(offline=True).notices)} notices and every move have their words"),
        ("rater", lambda: asyncio.run(_try_rater())),
        *((("model", lambda: asyncio.run(_try_models())),) if environment().speaking else ()),
        ("store", lambda: asyncio.run(_try_store())),
        *_try_slack(),
        *_try_discord(),
    )
    if not examine(out, environment(), checks):
        raise typer.Exit(1)


async def _try_rater() -> str:
    from interviewer.model import Answer
    from interviewer.ports import final

    case = bank().case(bank().questions[-1].id)  # the bank's own, whatever a team has begun to write
    began = time.perf_counter()
    rating = await final(make_rater(offline=True).rate(case, Answer(case.guide.rubric[0].exemplars[0])))
    return f"{rating.rater}, estimated coverage without a model; first rating in {time.perf_counter() - began:.1f} s"


async def _try_models() -> str:
    """Have every model that is configured, the fallback too, do for once what it is there for."""
    from bot.wiring import each
    from interviewer.ports import Line, ModelTrouble, Role
    from interviewer.raters.reading import Reading

    answered: list[str] = []
    for what, model in each(environment()):
        began = time.perf_counter()
        try:
            if what == "listens":
                await model.fill([Line(Role.CANDIDATE, "The intent is answer; nothing is covered or wrong.")], Reading)
            else:
                await model.say([Line(Role.CANDIDATE, "Say: ready.")], lambda _: None)
        except ModelTrouble as trouble:
            raise Refused(f"{model.name}, which {what}: {trouble}") from None
        answered.append(f"{model.name} {what} ({time.perf_counter() - began:.1f} s)")
    return ", ".join(answered)


def _try_slack() -> Iterator[tuple[str, Callable[[], str]]]:
    """What there is to be tried of Slack: nothing where nothing about it is set."""
    from bot.doctor import concerns_slack

    if not concerns_slack(environment()):
        return
    from bot.slack.checks import checks

    _unlogged()
    for name, check in checks(environment(), server):
        yield name, partial(_run, check)


def _try_discord() -> Iterator[tuple[str, Callable[[], str]]]:
    """What there is to be tried of Discord: nothing where nothing about it is set."""
    from bot.doctor import concerns_discord

    if not concerns_discord(environment()):
        return
    from bot.discord.checks import checks

    _unlogged()
    for name, check in checks(environment(), bank()):
        yield name, partial(_run, check)


def _unlogged() -> None:
    """Keep the log quiet: what it would say about a failure is what the check says of it."""
    logging.basicConfig(handlers=[logging.NullHandler()])


def _run(check: "Check") -> str:
    return asyncio.run(check())


async def _try_store() -> str:
    from interviewer.store import RedisStore, address

    async with server() as url, RedisStore.from_url(url) as store:
        await store.interview("doctor:nobody")
        return f"{address(url)} answers" + (
            "" if environment().redis_url else " (our own Valkey; set REDIS_URL to use yours)"
        )
