"""A whole day of a daily question in Discord, by a clock of the test's own: set, asked, answered, revealed, and its digest."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from discord import Permissions
from simcord.builders import ChannelHandle, GuildHandle, UserHandle

from bot import actions
from bot.daily_desk import JOINED, LEFT
from bot.discord import forms
from bot.discord.daily import ANSWERED
from bot.discord.noticeboard import ANSWER
from bot.discord.places import board
from bot.discord.service import run, running
from bot.wiring import Interviewer
from interviewer.daily import DailyQuestion
from interviewer.daily_store import DailyStore
from interviewer.model import RubricPoint
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.discord import DiscordServer, Message
from tests.discord_bot import SWIFT, Table, pressable, register, settings
from tests.fakes import wait_until
from tests.slack_bot import EMBEDDED

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = "2026-11-27"
SOON = 20
"""Seconds in which what is due by the day's clock is there by ours."""


def only(known: Bank, *questions: str) -> Bank:
    """A bank of these questions alone: what a rater makes of the others would have to be worked out first."""
    return Bank((known.question(each), known.guide_path(each)) for each in questions)


@dataclass
class Day:
    """A channel of a server, those who are in it, and the bot with a clock that stands until it is told the time."""

    discord: DiscordServer
    guild: GuildHandle
    room: ChannelHandle
    boss: UserHandle
    url: str
    cache: Path
    leads: Interviewer
    known: Bank
    now: float = 0.0

    def is_(self, day: str, time: str) -> None:
        """From now on it is this time of a day, in Berlin."""
        self.now = datetime.fromisoformat(f"{day} {time}").replace(tzinfo=BERLIN).timestamp()

    @property
    def channel(self) -> str:
        return board(self.guild.id, self.room.id)

    @asynccontextmanager
    async def bot(self) -> AsyncGenerator[None]:
        """The bot, for as long as this lasts."""
        stop, ready = asyncio.Event(), asyncio.Event()
        chosen = settings(self.discord, self.cache)
        async with running(chosen, self.url, self.known, self.leads, pace=SWIFT, clock=lambda: self.now) as part:
            part.bot._connection.guild_ready_timeout = 0.0  # pyright: ignore[reportPrivateUsage]
            register(self.discord, part.bot)
            serving = asyncio.create_task(run(part, stop, ready.set))
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            try:
                yield
            finally:
                stop.set()
                await serving

    async def orders(self, name: str, **filled: Any) -> str:
        """The administrator types `/interview daily NAME`; what they are told."""
        table = Table(self.discord, self.boss)
        typed = await self.discord.types_command(self.boss, f"interview daily {name}", channel=self.room, filled=filled)
        return (await table.told(typed)).text

    async def presses(self, who: UserHandle, below: Message, action: str) -> str:
        """Somebody presses a button; what they alone are told."""
        pressed = await self.discord.presses(who, below, action)
        return (await Table(self.discord, who).told(pressed)).text

    async def fills(self, who: UserHandle, below: Message, action: str, text: str) -> str:
        """Somebody fills in the form that a button shows; what they alone are told."""
        shown = await self.discord.presses(who, below, action)
        await self.discord.until(lambda: shown.modal)
        sent = await self.discord.submits(shown, {forms.WORDS: text})
        return (await Table(self.discord, who).told(sent)).text

    async def posted(self, where: ChannelHandle | int, like: Callable[[Message], bool]) -> Message:
        """What the bot has posted like this, once it has."""
        await self.discord.until(lambda: any(map(like, self.discord.said(where))), SOON)
        (found,) = filter(like, self.discord.said(where))
        return found

    async def asked(self) -> tuple[Message, DailyQuestion]:
        """The latest question, once it stands and is kept."""
        found: list[DailyQuestion] = []
        async with DailyStore.from_url(self.url) as store:

            async def kept() -> bool:
                found[:] = [each for each in await store.past(self.channel) if each.message and each.outcome is None]
                return bool(found)

            await wait_until(kept, SOON)
        (question,) = found
        return self.discord.message(int(question.message)), question

    async def revealed(self, message: Message) -> Message:
        """What the answers to a question came to, once that is posted in its thread."""
        return await self.posted(message.id, lambda each: each.text.startswith("## Revealed"))

    async def digest(self) -> Message:
        """The week's digest, once it is there."""
        return await self.posted(self.room, lambda each: each.text.startswith("## The week"))

    def point(self, question: DailyQuestion) -> RubricPoint:
        """What a question is about."""
        return self.known.case(question.item.question).guide.point(question.item.point)


def day(discord: DiscordServer, url: str, cache: Path, leads: Interviewer, known: Bank, *people: UserHandle) -> Day:
    """A server with these people in it, and somebody who manages it."""
    boss, guild = discord.adds_user("boss"), discord.adds_guild("Acme", *people)
    guild.add_member(boss, roles=[guild.create_role("boss", permissions=Permissions(manage_guild=True))])
    return Day(discord, guild, guild.create_text_channel("architecture"), boss, url, cache, leads, known)


async def test_a_day_goes_from_its_question_to_the_digest_each_once_and_names_nobody_who_did_not_take_part(
    redis_url: str, redis_store: RedisStore, embeddings: Path, leads: Interviewer, known: Bank
) -> None:
    async with DiscordServer.running() as discord:
        ana, ben, cem = (discord.adds_user(name) for name in ("ana", "ben", "cem"))
        today = day(discord, redis_url, embeddings, leads, only(known, EMBEDDED[1]), ana, ben, cem)
        today.is_(FRIDAY, "08:50")
        async with today.bot():
            plan = {"time": "09:00", "zone": "Europe/Berlin", "days": "weekdays", "reveal": "7h"}
            assert "It asks Fri 27 Nov 09:00" in await today.orders("set", **plan)
            assert "The leaderboard is on" in await today.orders("leaderboard", show="on")

            today.is_(FRIDAY, "09:00")
            message, question = await today.asked()
            assert pressable(message) == [
                ANSWER,
                actions.DAILY_PRACTISE,
                actions.DAILY_BLIND,
                actions.DAILY_REMIND,
                actions.DAILY_FEEDBACK,
            ]
            assert "at 16:00 (Berlin)" in message.text
            assert discord.threads(today.room) == [message.id]

            today.is_(FRIDAY, "11:30")
            open_, blind = today.point(question).exemplars[1:3]
            assert await today.fills(ana, message, ANSWER, open_) == ANSWERED
            assert "Sealed" in await today.fills(ben, message, actions.DAILY_BLIND, blind)
            assert "at 15:00" in await today.presses(cem, message, actions.DAILY_REMIND)
            assert "Only you see this" in await today.presses(ana, message, actions.DAILY_FEEDBACK)
            await discord.presses(ana, message, actions.DAILY_PRACTISE)
            await Table(discord, ana).offered(actions.HINT)
            assert [await redis_store.room(f"discord:{discord.dm(who)}") for who in (ben, cem)] == [None, None]

            today.is_(FRIDAY, "15:00")
            reminder = await Table(discord, cem).hears(1, SOON)
            assert f"/{today.room.id}/{message.id}" in reminder.text
            assert [len(discord.said(discord.dm(who))) for who in (ben, cem)] == [0, 1]
            assert [each.text for each in discord.said(message.id)] == [f"<@{ana.id}> answers:\n> {open_}"]

        # The minute of the reveal passes without the bot.
        today.is_(FRIDAY, "16:01")
        async with today.bot():
            revealed = await today.revealed(message)
            unsealed = await today.posted(message.id, lambda each: each.text.startswith("## A blind answer"))
            assert [each.id for each in discord.said(message.id)][1:] == [unsealed.id, revealed.id]
            assert f"<@{ben.id}>" in unsealed.text
            assert blind in unsealed.text
            assert f"> {open_}\n> <@{ana.id}>" in revealed.text
            assert "Both said" in revealed.text
            assert not [who.name for who in (ben, cem) if str(who.id) in revealed.text]
            assert await today.presses(ben, revealed, actions.DAILY_LEAVE) == LEFT
            assert "You have not answered" in await today.presses(cem, revealed, actions.DAILY_FEEDBACK)

            today.is_(FRIDAY, "17:00")
            digest = await today.digest()
            assert f"Took part: <@{ana.id}>, and 1 more who would rather not be named." in digest.text
            assert not [who.name for who in (ben, cem) if str(who.id) in digest.text]
            assert "Nobody has joined it yet" in digest.text
            assert await today.presses(ana, digest, actions.DAILY_JOIN) == JOINED
            assert [each.id for each in discord.said(today.room)] == [message.id, digest.id]
            assert len(discord.said(message.id)) == 3
            assert not [each for each in discord.said(today.room) + discord.said(message.id) if each.mentions]
