"""Owns Discord's part of a running bot: everything wired together, for the gateway (`run`) and for workers, which only post."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bot.daily import holidays
from bot.daily_desk import Desk
from bot.daily_planning import Planning
from bot.discord.bot import Mockingbird, create_bot
from bot.discord.client import reach
from bot.discord.daily import Daily
from bot.discord.errands import Errands
from bot.discord.hearing import Hearing
from bot.discord.noticeboard import DiscordNoticeboard
from bot.discord.places import SCHEME, ours
from bot.discord.platform import DiscordPlatform
from bot.discord.presence import Presence
from bot.discord.reception import Reception
from bot.settings import Settings
from bot.wiring import Interviewer
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine, Pace
from interviewer.herald import ERRAND, Herald
from interviewer.model import Inbound
from interviewer.ports import Clock, by
from interviewer.questions import Bank
from interviewer.store import RedisStore

DOCKET = "mockingbird-discord"
IN_CHAT = Pace()
ADMITTING = Pace(works=False)
"""For a process that only takes in, and leaves turns and errands to workers."""


@dataclass(frozen=True)
class Discord:
    """A running Discord part: the bot, logged in but not connected, and the engine behind it."""

    bot: Mockingbird
    engine: Engine
    store: RedisStore
    works: bool = True
    """Whether this process runs turns too, rather than only take in."""

    async def ended(self) -> None:
        """Return when no turn is run any more; never where none is. Raises what the engine died of."""
        await (self.engine.ended() if self.works else asyncio.Event().wait())


@asynccontextmanager
async def running(
    settings: Settings,
    url: str,
    bank: Bank,
    interviewer: Interviewer,
    *,
    pace: Pace = IN_CHAT,
    clock: Clock | None = None,
) -> AsyncGenerator[Discord]:
    """Discord's part on the store at `url`; leaving it drains. Daily questions go by `clock`, or the store's.

    Raises NotConfigured, discord.LoginFailure for a token that is refused, and what else a call may raise (`client.TROUBLE`)."""
    token = reach(settings)
    async with create_bot(settings) as bot:
        await bot.login(token)
        async with wired(bot, settings, url, bank, interviewer, pace=pace, clock=clock) as part:
            yield part


@asynccontextmanager
async def wired(  # noqa: PLR0913 (each of them is a different thing, and they are named where this is called)
    bot: Mockingbird,
    settings: Settings,
    url: str,
    bank: Bank,
    interviewer: Interviewer,
    *,
    pace: Pace = IN_CHAT,
    clock: Clock | None = None,
) -> AsyncGenerator[Discord]:
    """The same around a bot that somebody else logs in, and connects once it is wired."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(RedisStore.from_url(url, keep=settings.keep))
        platform = DiscordPlatform(bot, store)
        # What language models may cost a day is counted for all of Discord: most of it happens in no server.
        ports = interviewer.ports(store, platform, time.time, lambda _: SCHEME)

        async def submit(event: str, inbound: Inbound) -> bool | None:
            return await engine.submit(event, inbound)

        reads = settings.discord_message_content
        daily_store = await stack.enter_async_context(DailyStore.from_url(url, keep=settings.keep))
        noticeboard = DiscordNoticeboard(bot, platform, bank.questions, reads=reads)
        now, clock = by(clock) if clock else daily_store.now, clock or time.time
        herald = Herald(daily_store, bank, interviewer.rater, noticeboard, holidays, now, SCHEME)
        desk = Desk(daily_store, bank, interviewer.rater, clock)
        daily = Daily(
            desk, Planning(daily_store, bank, clock), noticeboard, store, bank, settings.discord_daily_permission
        )
        errands = Errands(store, bank, bot, platform, submit, interviewer.prepare, reads)
        engine = Engine(ports, url, pace, DOCKET, ours, {**errands.by_name(), ERRAND: herald.do})
        presence = Presence(bot)
        hearing = Hearing(bot, engine, platform, errands, presence, daily)
        reception = Reception(engine, errands, presence, daily, daily_store)
        bot.attend(reception, hearing, bank, personas=bool(interviewer.models))
        # The engine ends first: its turns post, and what was begun on the side follows.
        stack.push_async_callback(platform.aclose)
        stack.push_async_callback(presence.aclose)
        await stack.enter_async_context(engine)
        stack.push_async_callback(hearing.aclose)
        stack.push_async_callback(reception.aclose)
        if pace.works:
            await stack.enter_async_context(herald.at_work(engine.ask))
        yield Discord(bot, engine, store, pace.works)


async def run(discord: Discord, stop: asyncio.Event, connected: Callable[[], None]) -> None:
    """Be connected until told to stop, or until the engine dies. Raises discord.PrivilegedIntentsRequired where an intent is not
    switched on, and what else ends a connection for good.

    What comes while the engine drains is taken in; it is answered after the next start."""

    async def tell() -> None:
        await discord.bot.wait_until_ready()
        connected()

    serving = asyncio.create_task(discord.bot.connect(reconnect=True))
    tasks = [serving, asyncio.create_task(discord.ended()), asyncio.create_task(stop.wait())]
    telling = asyncio.create_task(tell())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks[:2]:
            if task.done():
                task.result()
    finally:
        for task in (*tasks, telling):
            task.cancel()
        await asyncio.wait({*tasks, telling})
