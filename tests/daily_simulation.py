"""Days of daily questions in minutes: real schedulers, a Slack over the wire and a real store, all of which get into trouble.

`python -m tests.daily_simulation` runs 40 channels for ten days and prints the table. One scheduler of three is killed with -9
every second. Slack loses answers, refuses and asks for patience every day, and is out for a while on the fifth; the store is
killed on the seventh, and comes back. The clock goes 600 times as fast while something is due, and jumps over what is between.

What should be there is computed here, from the wall clocks of the channels' zones alone.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from interviewer import embedded
from interviewer.calendar import DAILY, WINDOW, Schedule
from interviewer.daily import REVEAL, Board, Plan
from interviewer.daily_store import DailyStore
from tests.conftest import free_ports
from tests.daily_scheduler import SharedClock
from tests.fakes import redis_client, wait_until
from tests.slack import Channel, SlackServer

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Europe/London")
"""Half of them put their clocks forward on the fourth of the days."""
FIRST = date(2026, 3, 26)
HOUR = time(9, 0)
SPEED = 600.0
"""Seconds of the channels a second: their window of two hours is twelve."""
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Scale:
    """How much is simulated. `seed` says who is killed when."""

    channels: int = 40
    days: int = 10
    schedulers: int = 3
    seed: int = 7
    outage: int = 5
    """The day, from 1, on which Slack takes nothing for a while; 0 for none."""
    crash: int = 7
    """The day on which the store is killed; 0 for none."""


@dataclass
class Day:
    """What became of a day's posts, questions and reveals. `latest` is in minutes of the channels."""

    due: int = 0
    posted: int = 0
    doubled: int = 0
    missing: int = 0
    late: int = 0
    latest: float = 0.0
    kills: int = 0
    trouble: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True)
class Due:
    """A message that is to be in a channel once: its key, and when it is due."""

    channel: str
    key: str
    at: datetime


def chance(scale: Scale) -> random.Random:
    """The dice, which fall the same every time."""
    return random.Random(scale.seed)  # noqa: S311 (nobody is to be kept from guessing)


def expected(zone: str, channel: str, day: date) -> tuple[Due, Due]:
    """A day's question and its reveal in a channel."""
    at = datetime.combine(day, HOUR, ZoneInfo(zone)).astimezone(UTC)
    slot = f"a/{day.isoformat()}"
    return Due(channel, f"ask:{slot}", at), Due(channel, f"reveal:{slot}", at + timedelta(seconds=REVEAL))


@dataclass
class Store:
    """A server of our own with an append-only file, to be killed and started again."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home), "--save", ""]
        options += ["--appendonly", "yes", "--logfile", str(self.home / "valkey.log")]
        self.process = subprocess.Popen([embedded.binary(), *options])  # noqa: ASYNC220 (it begins at once)

        async def answers() -> bool:
            with suppress(Exception):
                async with redis_client(self.url) as client:
                    return bool(await client.ping())
            return False

        await wait_until(answers)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@dataclass
class Schedulers:
    """The fleet of `tests.daily_scheduler`, and who of it lives."""

    process: asyncio.subprocess.Process
    alive: list[int] = field(default_factory=list[int])
    kills: int = 0

    async def listen(self) -> None:
        """Learn of births."""
        assert self.process.stdout
        async for line in self.process.stdout:
            self.alive.append(int(line))

    async def kill_one_a_second(self, dice: random.Random) -> None:
        while True:
            await asyncio.sleep(1)
            if self.alive:
                victim = self.alive.pop(dice.randrange(len(self.alive)))
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    self.kills += 1


@asynccontextmanager
async def fleet(scale: Scale, url: str, slack: SlackServer, clock: SharedClock) -> AsyncGenerator[Schedulers]:
    """Schedulers that are killed one after another."""
    told = slack.environment()
    arguments = [url, told["SLACK_API_URL"], told["SLACK_BOT_TOKEN"], str(clock.path), str(scale.schedulers)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.daily_scheduler", *arguments, stdout=subprocess.PIPE, start_new_session=True
    )
    schedulers = Schedulers(process)
    tasks = [
        asyncio.create_task(schedulers.listen()),
        asyncio.create_task(schedulers.kill_one_a_second(chance(scale))),
    ]
    try:
        yield schedulers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def simulate(scale: Scale, home: Path) -> Mapping[int, Day]:
    """The days, from 1, and what became of each."""
    clock = SharedClock(home / "clock")
    begin = datetime.combine(FIRST, time(0), UTC)
    clock.set(begin.timestamp(), 0.0)
    store = Store(home, free_ports(1)[0])
    await store.start()
    try:
        async with SlackServer(clock=cast("Any", clock), echoes=False) as slack:
            channels = [slack.adds_channel(f"team-{n}") for n in range(scale.channels)]
            zones = {channel.id: ZONES[n % len(ZONES)] for n, channel in enumerate(channels)}
            await _set_up(store.url, channels, zones, begin)
            async with fleet(scale, store.url, slack, clock) as schedulers:
                return await _days(scale, slack, store, schedulers, clock, zones)
    finally:
        store.kill()


async def _set_up(url: str, channels: list[Channel], zones: Mapping[str, str], begin: datetime) -> None:
    async with DailyStore.from_url(url) as dailies:
        for channel in channels:
            name = f"slack:{channel.team}:{channel.id}"
            plan = Plan("a", Schedule(HOUR, zones[channel.id], DAILY), since=begin.timestamp())
            board = Board(name, f"slack:{channel.team}", f"slack:{channel.team}:UADMIN", (plan,))
            assert await dailies.keep_board(None, board)


async def _days(
    scale: Scale,
    slack: SlackServer,
    store: Store,
    schedulers: Schedulers,
    clock: SharedClock,
    zones: Mapping[str, str],
) -> Mapping[int, Day]:
    """Go from one instant at which something is due to the next."""
    days: defaultdict[int, Day] = defaultdict(Day)
    dues: defaultdict[datetime, list[tuple[int, Due]]] = defaultdict(list)
    for n in range(scale.days):
        for channel, zone in zones.items():
            for due in expected(zone, channel, FIRST + n * timedelta(days=1)):
                dues[due.at].append((n + 1, due))
    dice = chance(scale)
    crashed = struck = False
    for at in sorted(dues):
        number = dues[at][0][0]
        before = schedulers.kills
        clock.set((at - MARGIN).timestamp(), SPEED)
        asks = dues[at][0][1].key.startswith("ask:")
        days[number].trouble.update(_trouble(slack, dice, len(dues[at])))
        if asks and number == scale.outage and not struck:
            struck = True
            slack.fail("chat.postMessage", status=503, times=4 * len(dues[at]))
            days[number].trouble["Slack out"] += 1
        if asks and number == scale.crash and not crashed:
            crashed = True
            store.kill()
            await asyncio.sleep(0.5)
            await store.start()
            days[number].trouble["store killed"] += 1
        await _over(slack, clock, dues[at], at)
        days[number].kills += schedulers.kills - before
    for number, due in (each for some in dues.values() for each in some):
        _count(days[number], slack, due)
    return days


def _trouble(slack: SlackServer, dice: random.Random, posts: int) -> list[str]:
    """What Slack does to some of the next posts."""
    told = dice.sample(["answer lost", "refused", "too many"], k=min(3, 1 + posts // 4))
    for name in told:
        if name == "answer lost":
            slack.fail("chat.postMessage", status=500, applied=True)
        elif name == "refused":
            slack.fail("chat.postMessage", status=503)
        else:
            slack.fail("chat.postMessage", status=429, retry_after=1)
    return told


async def _over(slack: SlackServer, clock: SharedClock, dues: list[tuple[int, Due]], at: datetime) -> None:
    """Return when all of it is there, and for some more minutes of the channels in which it might come twice; or too late."""
    end = (at + WINDOW).timestamp() + 1200
    there = 0.0
    while clock() < end:
        if all(_found(slack, due) for _, due in dues):
            there = there or clock()
            if clock() > there + 120:
                return
        await asyncio.sleep(0.02)


def _found(slack: SlackServer, due: Due) -> list[float]:
    """When the messages of a key were posted to a channel, in seconds since the epoch."""
    messages = slack.messages(due.channel)
    if due.key.startswith("reveal:"):
        asked = due.key.replace("reveal:", "ask:")
        roots = [each["ts"] for each in messages if _key(each) == asked]
        messages = [each for root in roots for each in slack.messages(due.channel, root)]
    return [float(each["ts"]) for each in messages if _key(each) == due.key]


def _key(message: Mapping[str, object]) -> str:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def _count(day: Day, slack: SlackServer, due: Due) -> None:
    found = _found(slack, due)
    minutes = (min(found) - due.at.timestamp()) / 60 if found else 0.0
    day.due += 1
    day.posted += bool(found)
    day.doubled += len(found) > 1
    day.missing += not found
    day.late += minutes > WINDOW.total_seconds() / 60
    day.latest = max(day.latest, minutes)


def table(days: Mapping[int, Day]) -> Table:
    """The days for people to read, with their sum."""
    made = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("day", "due", "posted", "doubled", "missing", "latest (min)", "kills", "trouble"):
        made.add_column(heading, justify="left" if heading == "trouble" else "right")
    whole = Day()
    for number, day in sorted(days.items()):
        trouble = ", ".join(f"{count} {name}" for name, count in sorted(day.trouble.items()))
        made.add_row(
            *map(str, (number, day.due, day.posted, day.doubled, day.missing)),
            f"{day.latest:.0f}",
            str(day.kills),
            trouble,
        )
        for name in ("due", "posted", "doubled", "missing", "kills"):
            setattr(whole, name, getattr(whole, name) + getattr(day, name))
        whole.latest = max(whole.latest, day.latest)
    made.add_section()
    made.add_row(
        "all",
        *map(str, (whole.due, whole.posted, whole.doubled, whole.missing)),
        f"{whole.latest:.0f}",
        str(whole.kills),
    )
    return made


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        Console(width=130).print(table(asyncio.run(simulate(Scale(), Path(folder)))))
