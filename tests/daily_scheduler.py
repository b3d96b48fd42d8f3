"""Schedulers of the daily question, to be killed: real workers, whose clock is the test's.

`python -m tests.daily_scheduler URL API TOKEN CLOCK COUNT` keeps COUNT of them alive, each a process of its own, and prints the
process id of each. They are forked from one that has imported everything: one that is killed is missed for a moment only.
"""

import asyncio
import os
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bot.daily import holidays
from bot.slack.clients import Clients
from bot.slack.noticeboard import SlackNoticeboard
from bot.slack.platform import SlackPlatform
from bot.slack.presence import Presence
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine, Pace
from interviewer.herald import ERRAND, Herald
from interviewer.ports import by
from interviewer.questions import Bank, data_root, load_bank
from interviewer.runner import Ports
from interviewer.store import RedisStore
from tests.fakes import NOTICES, Channel, EagerRater, PlainVoice, bank

PACE = Pace(quiet=0, redelivery=1.0)
TICK = 0.05
FORMAT = struct.Struct("ddd")


@dataclass(frozen=True)
class SharedClock:
    """A clock that several processes share through a file: it goes at a speed of its own from an instant that was set."""

    path: Path

    def __call__(self) -> float:
        with self.path.open("rb") as file:
            shown, at, speed = FORMAT.unpack(file.read(FORMAT.size))
        return shown + (time.time() - at) * speed

    def set(self, shown: float, speed: float) -> None:
        """Show this instant from now on, and go on at this speed."""
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(FORMAT.pack(shown, time.time(), speed))
        fresh.replace(self.path)


async def schedule(url: str, api: str, token: str, clock: SharedClock, known: Bank) -> None:
    """Be a scheduler and a worker until killed."""

    async def of(_: str) -> str:
        return token

    async with (
        RedisStore.from_url(url) as store,
        DailyStore.from_url(url) as dailies,
        Clients.open(api, of) as clients,
    ):
        platform = SlackPlatform(clients, store, Presence(clients))
        herald = Herald(
            dailies, known, EagerRater(), SlackNoticeboard(clients, platform), holidays, by(clock), platform="slack"
        )
        ports = Ports(store, EagerRater(), PlainVoice(), Channel(), time.time, bank, MappingProxyType(NOTICES))
        async with Engine(ports, url, PACE, "daily-simulation", errands={ERRAND: herald.do}) as engine:
            await herald.run(engine.ask, TICK)


def main(url: str, api: str, token: str, clock: str, count: str) -> None:
    known = load_bank(data_root())
    for question in known.questions:
        known.case(question.id)
    alive: set[int] = set()
    while True:
        while len(alive) < int(count):
            child = os.fork()
            if not child:
                asyncio.run(schedule(url, api, token, SharedClock(Path(clock)), known))
                os._exit(1)
            alive.add(child)
            sys.stdout.write(f"{child}\n")
            sys.stdout.flush()
        ended, _ = os.wait()
        alive.discard(ended)


if __name__ == "__main__":
    main(*sys.argv[1:])
