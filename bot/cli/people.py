"""`mockingbird scorecard`, `export` and `forget`: what is kept of interviews, wherever they were held."""

import asyncio
import datetime
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.common import Refused, bank, environment, make_interviewer, out, server

if TYPE_CHECKING:
    from bot.people import Sitting
    from interviewer.model import Turn
    from interviewer.store import RedisStore

app = typer.Typer()

PersonArgument = Annotated[
    str,
    typer.Argument(
        metavar="[PERSON]",
        help="Whose: slack:TEAM:USER, discord:USER, or terminal:NAME. [default: you, in this terminal]",
    ),
]


class Form(StrEnum):
    """What a scorecard can be printed as."""

    TEXT = "text"
    MD = "md"
    JSON = "json"
    PNG = "png"


@app.command()
def scorecard(
    id: Annotated[str, typer.Argument(metavar="[ID]", help="An interview's ID; without it, yours are listed.")] = "",
    format: Annotated[Form, typer.Option(help="text for this terminal, md, json, or a png picture.")] = Form.TEXT,
    output: Annotated[Path | None, typer.Option("--out", help="A file to write to; a picture needs one.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="With png: light on dark.")] = False,
    name: Annotated[str, typer.Option(help="With png: a name to put on it. Without it there is none.")] = "",
) -> None:
    """An interview's scorecard as text, Markdown, JSON or a picture."""
    from bot.markdown import report
    from bot.picture import Theme, draw
    from bot.report import interviewed
    from bot.scorecard import render
    from bot.terminal import candidate

    if not id:
        _list(asyncio.run(_all(candidate())))
        return
    found, transcript = asyncio.run(_one(id))
    card = found.card
    if card is None:
        raise Refused("That interview has no scorecard yet: it comes at its end.")
    if format is Form.TEXT and not output:
        out.print(render(card))
        return
    content: str | bytes
    match format:
        case Form.PNG:
            if output is None:
                raise Refused("A picture goes to a file: `--out scorecard.png`.")
            day = datetime.datetime.fromtimestamp(found.began, datetime.UTC).astimezone().date()
            content = draw(card, day, Theme.DARK if dark else Theme.LIGHT, name)
        case Form.JSON:
            content = json.dumps(interviewed(card), ensure_ascii=False, indent=2) + "\n"
        case _:
            here = datetime.datetime.now(datetime.UTC).astimezone().tzinfo or datetime.UTC
            content = report(card, transcript, bank().case(card.question), {}, here)
    _put(content, output)


@app.command()
def export(
    person: PersonArgument = "",
    output: Annotated[Path | None, typer.Option("--out", help="A file to write to. [default: the screen]")] = None,
) -> None:
    """Everything that is kept of a person, as JSON: preferences, interviews, transcripts, scorecards."""
    from bot.terminal import candidate

    _put(asyncio.run(_export(person or candidate())), output)


@app.command()
def forget(
    person: PersonArgument = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete everything that is kept of a person, and what is still to be done for them."""
    from bot.terminal import candidate

    who = person or candidate()
    count = len(asyncio.run(_all(who)))
    what = f"{count} interview{'' if count == 1 else 's'} of {who}, with everything said in {'it' if count == 1 else 'them'}"
    if not yes and not typer.confirm(f"Delete {what}? Nothing of it can be had back."):
        out.print("Nothing was deleted.")
        return
    asyncio.run(_forget(who, mine=who == candidate()))
    out.print(f"Deleted: {what}.", markup=False)


def _list(found: "tuple[Sitting, ...]") -> None:
    if not found:
        out.print("No interviews yet: `mockingbird chat` holds the first.")
    for each in found:
        verdict = f"{each.card.verdict}, {each.card.overall} of 5" if each.card and each.card.verdict else "no verdict"
        day = datetime.datetime.fromtimestamp(each.began, datetime.UTC).astimezone().date()
        told = verdict if each.over else "not finished"
        out.print(f"{each.interview.id}  {day}  {each.title}: {told}", markup=False, soft_wrap=True)


def _put(content: str | bytes, output: Path | None) -> None:
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        output.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as problem:
        raise Refused(f"{output} can't be written: {problem.strerror}.") from None
    out.print(f"Written: {output}", markup=False, soft_wrap=True)


@asynccontextmanager
async def _store() -> "AsyncGenerator[tuple[str, RedisStore]]":
    from interviewer.store import RedisStore

    async with server() as url, RedisStore.from_url(url, keep=environment().keep) as store:
        yield url, store


async def _all(person: str) -> "tuple[Sitting, ...]":
    from bot.people import sittings

    async with _store() as (_, store):
        return await sittings(store, bank(), person)


async def _one(id: str) -> "tuple[Sitting, tuple[Turn, ...]]":
    from bot.people import sitting

    async with _store() as (_, store):
        thread = await store.thread(id)
        found = await sitting(store, bank(), thread) if thread else None
        if not found:
            raise Refused(f"No interview is called {id:.60}: `mockingbird scorecard` lists yours.")
        return found, await store.transcript(found.thread)


async def _export(person: str) -> str:
    from bot.people import export as written
    from interviewer.daily_store import DailyStore

    async with _store() as (url, store), DailyStore.from_url(url) as dailies:
        return await written(store, bank().case, person, await dailies.exported(person)) + "\n"


def _docket(person: str) -> str:
    """What the workers share that do things for a person."""
    from bot.discord.places import ours

    if not ours(person):
        return "mockingbird"
    from bot.discord.service import DOCKET

    return DOCKET


async def _forget(person: str, *, mine: bool) -> None:
    """Delete a person's keys and tasks, and for the person at this terminal what lies on their desk."""
    import time

    from bot.play import Recording
    from bot.terminal import Desk
    from interviewer.daily_store import DailyStore
    from interviewer.engine import Engine, Pace

    async with _store() as (url, store):
        threads = await store.threads(person)
        ports = make_interviewer(offline=True).ports(store, Recording(), time.time)
        async with Engine(ports, url, Pace(works=False), _docket(person), concerns=lambda _: False) as engine:
            await engine.forget(person)
        async with DailyStore.from_url(url) as dailies:
            await dailies.forget(person)
        if mine:
            desk = Desk(environment().data)
            # What the store has let go of may still lie there, half typed.
            for thread in {*threads, *desk.threads()}:
                desk.close(thread)
