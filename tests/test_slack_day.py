"""A whole day of a daily question in Slack, by a clock of the test's own: set, asked, answered, revealed, and its digest."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.actions import DAILY_BLIND, DAILY_FEEDBACK, DAILY_JOIN, DAILY_LEAVE, DAILY_PRACTISE, DAILY_REMIND
from bot.slack.daily_forms import WORDS
from bot.slack.noticeboard import board
from bot.slack.service import run, running
from bot.wiring import Interviewer
from interviewer.daily import DailyQuestion
from interviewer.daily_store import DailyStore
from interviewer.questions import Bank
from tests.fakes import wait_until
from tests.slack import Channel, Json, SlackServer, User, buttons, text_of
from tests.slack_bot import EMBEDDED, SWIFT, settings

BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Day:
    """A channel of a workspace, and the bot with a clock that stands until it is told the time."""

    slack: SlackServer
    room: Channel
    url: str
    cache: Path
    leads: Interviewer
    known: Bank
    now: float = 0.0

    def is_(self, time: str) -> None:
        """From now on it is this time of a Friday in Berlin."""
        self.now = datetime.fromisoformat(f"2026-11-27 {time}").replace(tzinfo=BERLIN).timestamp()

    @asynccontextmanager
    async def bot(self) -> AsyncGenerator[None]:
        """The bot, for as long as this lasts."""
        stop, ready = asyncio.Event(), asyncio.Event()
        chosen = settings(self.slack, self.cache)
        about = {"signed": False, "pace": SWIFT, "clock": lambda: self.now}
        async with running(chosen, self.url, self.known, self.leads, **about) as part:  # pyright: ignore[reportArgumentType]
            serving = asyncio.create_task(run(part, stop, ready.set))
            waiting = asyncio.create_task(ready.wait())
            await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            try:
                yield
            finally:
                stop.set()
                await serving

    async def orders(self, who: User, text: str) -> str:
        """Somebody types `/interview daily …`; what they alone are told."""
        before = len(self.slack.ephemerals(who))
        await (await self.slack.slash(who, self.room, "/interview", f"daily {text}")).acked
        return await self.whispered(who, before)

    async def presses(self, who: User, ts: str, action: str) -> str:
        """Somebody presses a button; what they alone are told."""
        before = len(self.slack.ephemerals(who))
        await (await self.slack.presses(who, self.room, ts, action)).acked
        return await self.whispered(who, before)

    async def seals(self, who: User, ts: str, text: str) -> str:
        """Somebody fills in the form for a blind answer; what they alone are told."""
        before = len(self.slack.ephemerals(who))
        await (await self.slack.presses(who, self.room, ts, DAILY_BLIND)).acked
        await self.slack.until(lambda: self.slack.modal(who))
        await (await self.slack.submits(who, values={WORDS: {WORDS: text}})).acked
        return await self.whispered(who, before)

    async def whispered(self, who: User, before: int) -> str:
        await self.slack.until(lambda: len(self.slack.ephemerals(who)) > before)
        return text_of(self.slack.ephemerals(who)[before])

    async def asked(self) -> DailyQuestion:
        """The question, once it stands and is kept."""
        found: list[DailyQuestion] = []
        async with DailyStore.from_url(self.url) as store:

            async def kept() -> bool:
                past = await store.past(board(self.room.team, self.room.id))
                found[:] = [each for each in past if each.message]
                return bool(found)

            await wait_until(kept)
        return found[0]

    async def posted(self, thread: str | None, like: Callable[[Json], bool]) -> Json:
        """What the bot has posted like this, once it has."""
        await self.slack.until(lambda: any(map(like, self.slack.said(self.room, thread))))
        (found,) = filter(like, self.slack.said(self.room, thread))
        return found


def titled(title: str) -> Callable[[Json], bool]:
    return lambda message: title in text_of(message)


async def test_a_day_goes_from_its_question_to_the_digest_each_once_and_names_nobody_who_did_not_take_part(
    slack: SlackServer, redis_url: str, embeddings: Path, leads: Interviewer, known: Bank
) -> None:
    boss = slack.adds_user("boss", is_admin=True)
    ana, ben, cem = (slack.adds_user(name, tz="Europe/Berlin") for name in ("ana", "ben", "cem"))
    room = slack.adds_channel("architecture", boss, ana, ben, cem)
    one = Bank([(known.question(EMBEDDED[1]), known.guide_path(EMBEDDED[1]))])
    today = Day(slack, room, redis_url, embeddings, leads, one)
    today.is_("08:50")
    async with today.bot():
        assert "Fri 27 Nov 09:00" in await today.orders(boss, "set 09:00 Europe/Berlin weekdays")
        assert "leaderboard is on" in await today.orders(boss, "leaderboard on")

        today.is_("09:00")
        question = await today.asked()
        ts = question.message
        message = await today.posted(None, titled("Daily question"))
        assert set(buttons(message)) == {DAILY_PRACTISE, DAILY_BLIND, DAILY_REMIND, DAILY_FEEDBACK}
        assert "at 16:00 (Berlin)" in text_of(message)

        today.is_("11:30")
        open_, blind = one.case(question.item.question).guide.point(question.item.point).exemplars[1:3]
        await (await slack.types(ana, room, open_, thread=ts)).acked
        assert "Sealed" in await today.seals(ben, ts, blind)
        assert "15:00" in await today.presses(cem, ts, DAILY_REMIND)
        assert "Only you see this" in await today.presses(ana, ts, DAILY_FEEDBACK)
        assert "direct messages" in await today.presses(ana, ts, DAILY_PRACTISE)
        await slack.until(lambda: len(slack.said(slack.dm(ana))) > 1)

        today.is_("15:00")
        await slack.until(lambda: slack.said(slack.dm(cem)))
        assert [len(slack.said(slack.dm(who))) for who in (ben, cem)] == [0, 1]
        assert slack.said(room, ts)[1:] == [], "nothing of a blind answer is seen"

    # The minute of the reveal passes without the bot.
    today.is_("16:01")
    async with today.bot():
        revealed = await today.posted(ts, titled("Revealed"))
        unsealed = await today.posted(ts, titled("Sealed until now"))
        assert f"<@{ben.id}>" in text_of(unsealed)
        assert f"<@{ana.id}>" in text_of(revealed)
        assert "Both said" in text_of(revealed)
        assert not [who.name for who in (ben, cem) if who.id in text_of(revealed)]
        assert "left out" in await today.presses(ben, revealed["ts"], DAILY_LEAVE)

        today.is_("17:00")
        digest = await today.posted(None, titled("The week in daily questions"))
        assert f"Took part: <@{ana.id}>, and 1 more who would rather not be named." in text_of(digest)
        assert not [who.name for who in (ben, cem) if who.id in text_of(digest)]
        assert "counted in" in await today.presses(ana, digest["ts"], DAILY_JOIN)
        assert len(list(filter(titled("Daily question"), slack.said(room)))) == 1
        assert len([each for each in slack.said(room, ts) if each["ts"] != ts]) == 2
