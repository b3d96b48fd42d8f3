"""`mockingbird daily …`: the daily question of a team's channel, seen from the command line."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.cli.common import JsonOption, Refused, out
from interviewer.calendar import Post, Skipped, reaches, upcoming

WIDE = 200
"""Columns where no screen sets them: a day is a line."""
YEARS = range(1970, 2100)
"""Of which zones and holidays are known well enough."""

app = typer.Typer(
    name="daily", help="The daily question of a team's channel: see when it would be posted.", no_args_is_help=True
)


@app.command()
def preview(
    schedule: Annotated[
        list[str],
        typer.Argument(
            metavar="SCHEDULE",
            help="A time, a zone and days: weekdays, daily, or some, as in mon,wed or sun-thu. \\[default days: weekdays]",
        ),
    ],
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

    For example: mockingbird daily preview "09:00 Europe/Berlin weekdays" --holidays DE --from 2026-03-25"""
    from bot.commands import NotUnderstood
    from bot.daily import HOLIDAYS, parse, written
    from bot.daily import holidays as public

    if since and since.year not in YEARS:
        raise Refused(
            f"--from is a day of the years {YEARS[0]} to {YEARS[-1]}: nobody knows the clocks of {since.year}."
        )
    # What a part of a country is called may be two words here, and is one in a schedule.
    left_out = [HOLIDAYS + holidays.replace(" ", "_")] if holidays else []
    try:
        wanted = parse(" ".join([*schedule, *left_out]))
    except NotUnderstood as problem:
        raise Refused(str(problem)) from None
    after = reaches(ZoneInfo(wanted.zone), since) - timedelta.resolution if since else datetime.now(UTC)
    found = upcoming(wanted, after, count, public(wanted.holidays))
    if as_json:
        days = [_as_data(each) for each in found]
        typer.echo(json.dumps({"schedule": written(wanted), "days": days}, ensure_ascii=False, indent=2))
        return
    out.print(f"[bold]{escape(written(wanted))}[/]", soft_wrap=True)
    _print(_table(found))


def _table(found: Sequence[Post | Skipped]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("Day", "Local", "UTC"):
        table.add_column(heading, no_wrap=True)
    table.add_column("")
    for each in found:
        day = f"{each.day:%a} {each.day.day:>2} {each.day:%b %Y}"
        if isinstance(each, Post):
            note = f"[yellow]{escape(each.note)}[/]"
            table.add_row(day, _clock(each.local, each.day), _clock(each.at, each.day), note)
        else:
            table.add_row(day, "", "", escape(each.note), style="dim")
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


def _as_data(each: Post | Skipped) -> dict[str, Any]:
    posted = isinstance(each, Post)
    return {
        "day": each.day.isoformat(),
        "skipped": not posted,
        "local": each.local.isoformat() if posted else None,
        "utc": each.at.isoformat() if posted else None,
        "note": each.note,
    }
