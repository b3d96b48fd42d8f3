"""`mockingbird daily …`: the daily question of a team's channel, seen from the command line."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.common import JsonOption, Refused, bank, out, server
from interviewer.calendar import Post, Skipped, reaches, upcoming

if TYPE_CHECKING:
    from interviewer.daily import Board

WIDE = 200
"""Columns where no screen sets them: a day is a line."""
YEARS = range(1970, 2100)
"""Of which zones and holidays are known well enough."""

PLATFORMS = ("slack", "discord")
"""What the name of a channel begins with."""
NO_CHANNEL = (
    "No channel has a daily question yet. An administrator sets one in Slack or Discord: "
    "/interview daily set #channel 09:00 Europe/Berlin weekdays"
)

app = typer.Typer(
    name="daily",
    help="The daily question of a team's channel: see where it is set, and when it is posted.",
    no_args_is_help=True,
)


@app.command()
def preview(
    schedule: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCHEDULE",
            help="A time, a zone and days: weekdays, daily, or some, as in mon,wed or sun-thu. \\[default days: weekdays]",
            show_default=False,
        ),
    ] = None,
    channel: Annotated[
        str,
        typer.Option(
            metavar="CHANNEL", help="Instead of a SCHEDULE: what is set for a channel, C024 or slack:T1:C024."
        ),
    ] = "",
    holidays: Annotated[
        str, typer.Option(metavar="CODE", help="Leave out the holidays of a country or a part of it: DE, DE-BY.")
    ] = "",
    count: Annotated[int, typer.Option(min=1, max=366, help="How many posts to show.")] = 5,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="The first local day to look at. \\[default: from now on]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """When a schedule would post, before it is set for a channel: in local time and UTC, and what the clocks do to it.

    For example: mockingbird daily preview "09:00 Europe/Berlin weekdays" --holidays DE --from 2026-03-25

    Or when a channel's own are due: mockingbird daily preview --channel C024"""
    if since and since.year not in YEARS:
        raise Refused(
            f"--from is a day of the years {YEARS[0]} to {YEARS[-1]}: nobody knows the clocks of {since.year}."
        )
    if channel and (schedule or holidays):
        raise Refused("What a channel is asked is set there: name a schedule or --channel, and not both.")
    if channel:
        _preview_channel(_called(asyncio.run(_boards()), channel), count, since, as_json=as_json)
        return
    if not schedule:
        raise Refused('Name a schedule, as in "09:00 Europe/Berlin weekdays", or a --channel that has one.')
    _preview(" ".join(schedule), holidays, count, since, as_json=as_json)


@app.command()
def channels(*, as_json: JsonOption = False) -> None:
    """Which channels have a daily question, and when the next one comes."""
    from bot.daily import coming, written

    boards, now = asyncio.run(_boards()), datetime.now(UTC)
    next_posts = [next((each for each in coming(board, now, 1) if isinstance(each.on, Post)), None) for board in boards]
    if as_json:
        listed = [
            {**_board_as_data(board), "next": _as_data(post.on) | {"plan": post.plan.id} if post else None}
            for board, post in zip(boards, next_posts, strict=True)
        ]
        typer.echo(json.dumps(listed, ensure_ascii=False, indent=2))
        return
    if not boards:
        typer.echo(NO_CHANNEL)
        return
    table = _columns("Channel", "Plan", "Next")
    for board, post in zip(boards, next_posts, strict=True):
        for place, plan in enumerate(board.plans):
            first = place == 0
            when = _state(board) or (_moment(post.on) if post and isinstance(post.on, Post) else "none within a year")
            table.add_row(
                board.channel if first else "", f"{plan.id}: {escape(written(plan))}", escape(when) if first else ""
            )
    _print(table)


@app.command()
def run() -> None:
    """Post daily questions in a process of its own. You don't need it where the bot runs: every `mockingbird slack`, `web`,
    `discord` and `worker` posts them already, each question once however many of these there are. This is one more worker."""
    from bot.cli.worker import worker

    worker()


def _preview(schedule: str, holidays: str, count: int, since: datetime | None, *, as_json: bool) -> None:
    from bot.commands import NotUnderstood
    from bot.daily import HOLIDAYS, Wanted, plan, written
    from bot.daily import holidays as public

    # What a part of a country is called may be two words here, and is one in a schedule.
    left_out = [HOLIDAYS + holidays.replace(" ", "_")] if holidays else []
    try:
        # Only topics need the bank: everybody else should not wait for it.
        wanted = plan(" ".join([schedule, *left_out]), bank().questions if "=" in schedule else ())
    except NotUnderstood as problem:
        raise Refused(str(problem)) from None
    shown = written(wanted if wanted != Wanted(wanted.schedule) else wanted.schedule)
    found = upcoming(wanted.schedule, _after(wanted.schedule.zone, since), count, public(wanted.schedule.holidays))
    if as_json:
        data = {"schedule": shown, "days": [_as_data(each) for each in found]}
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
        return
    out.print(f"[bold]{escape(shown)}[/]", soft_wrap=True)
    _print(_table(found))


def _preview_channel(board: "Board", count: int, since: datetime | None, *, as_json: bool) -> None:
    from bot.daily import coming, written

    zone = board.plans[0].schedule.zone if board.plans else "UTC"
    found = coming(board, _after(zone, since), count)
    if as_json:
        days = [_as_data(each.on) | {"plan": each.plan.id} for each in found]
        typer.echo(json.dumps({**_board_as_data(board), "days": days}, ensure_ascii=False, indent=2))
        return
    out.print(f"[bold]{escape(board.channel)}[/]", soft_wrap=True)
    for plan in board.plans:
        out.print(f"{plan.id}: {escape(written(plan))}", soft_wrap=True)
    if state := _state(board):
        out.print(f"[yellow]{escape(state)}[/]: this is what comes once it goes on", soft_wrap=True)
    _print(_table([each.on for each in found], [each.plan.id for each in found] if len(board.plans) > 1 else ()))


async def _boards() -> list["Board"]:
    """Every channel's board, by name."""
    from interviewer.daily_store import DailyStore

    async with server() as url, DailyStore.from_url(url) as store:
        found = [board for platform in PLATFORMS async for board in store.boards(f"{platform}:")]
    return sorted(found, key=lambda board: board.channel)


def _called(boards: Sequence["Board"], name: str) -> "Board":
    """The board of the channel of this name, or with a name that ends so. Raises Refused with those there are."""
    if not boards:
        raise Refused(NO_CHANNEL)
    found = [each for each in boards if each.channel == name] or [
        each for each in boards if each.channel.endswith(f":{name}")
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(each.channel for each in found or boards)
    if found:
        raise Refused(f"There are {len(found)} channels called {name[:80]}: name one of {there}.")
    raise Refused(f"The channel {name[:80]} has no daily question. These have one: {there}.")


def _after(zone: str, since: datetime | None) -> datetime:
    """The instant before a local day begins, or now."""
    return reaches(ZoneInfo(zone), since) - timedelta.resolution if since else datetime.now(UTC)


def _table(found: Sequence[Post | Skipped], plans: Sequence[str] = ()) -> Table:
    """Days, one a line; `plans` says whose each of them is, where there are several."""
    table = _columns(*(["Plan"] if plans else []), "Day", "Local", "UTC", "")
    for place, each in enumerate(found):
        whose = [plans[place]] if plans else []
        day = f"{each.day:%a} {each.day.day:>2} {each.day:%b %Y}"
        if isinstance(each, Post):
            note = f"[yellow]{escape(each.note)}[/]"
            table.add_row(*whose, day, _clock(each.local, each.day), _clock(each.at, each.day), note)
        else:
            table.add_row(*whose, day, "", "", escape(each.note), style="dim")
    return table


def _columns(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=bool(heading))
    return table


def _print(table: Table) -> None:
    """To a screen as it fits there; elsewhere a line a day, with nothing after its end."""
    if out.is_terminal:
        out.print(table)
        return
    wide = Console(width=WIDE)
    with wide.capture() as plain:
        wide.print(table)
    for line in plain.get().splitlines():
        typer.echo(line.rstrip())


def _clock(at: datetime, day: date) -> str:
    """A time, with its day of the week where it is another one."""
    return f"{at:%H:%M}" if at.date() == day else f"{at:%H:%M} {at:%a}"


def _moment(post: Post) -> str:
    """A post in local time and UTC."""
    return (
        f"{post.day:%a} {post.day.day} {post.day:%b}, {_clock(post.local, post.day)} ({_clock(post.at, post.day)} UTC)"
    )


def _state(board: "Board") -> str:
    """Why nothing is posted to a channel, or ""."""
    return "paused" if board.paused else f"stuck: {board.stuck.rstrip('.')}" if board.stuck else ""


def _board_as_data(board: "Board") -> dict[str, Any]:
    from bot.daily import written

    plans = [{"id": plan.id, "schedule": written(plan)} for plan in board.plans]
    return {"channel": board.channel, "paused": board.paused, "stuck": board.stuck, "plans": plans}


def _as_data(each: Post | Skipped) -> dict[str, Any]:
    posted = isinstance(each, Post)
    return {
        "day": each.day.isoformat(),
        "skipped": not posted,
        "local": each.local.isoformat() if posted else None,
        "utc": each.at.isoformat() if posted else None,
        "note": each.note,
    }
