"""How what the bot says reaches Discord: once, whatever Discord refuses, loses or forbids, and whenever the bot is killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from discord import HTTPException, PermissionOverwrite
from simcord.builders import GuildHandle, UserHandle

from bot import actions
from bot.discord import buttons as row
from bot.discord.client import logged_in
from bot.discord.places import Place, person
from bot.discord.platform import GONE_TEXT, DiscordPlatform, Letter
from bot.discord.presence import Presence
from bot.discord.rendering import Outgoing, outgoing
from bot.discord.service import Discord
from interviewer.model import Phase, Speaker, Turn
from interviewer.ports import Post, Undeliverable
from interviewer.store import RedisStore
from tests.discord import DiscordServer
from tests.discord_bot import Seat, Table, connected, pressable, register, settings, sits_down
from tests.fakes import wait_until
from tests.slack_bot import Model, known_by, spoken
from tests.test_debrief import held

ROOT = Path(__file__).parent.parent
QUESTION = "doordash-payments"
SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
MORE = "The ledger has two rows for every movement of money, and they add up to nothing."
MESSAGES = "/channels/*/messages"
FORGOTTEN = 600.0
"""Seconds after which Discord knows no nonce any more."""


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    """A Discord in which the bot may read along in servers."""
    async with DiscordServer.running(approved=["message_content"]) as server:
        yield server


@pytest.fixture
def ana(discord: DiscordServer) -> UserHandle:
    """Somebody in that Discord."""
    return discord.adds_user("ana")


@asynccontextmanager
async def bot_in(discord: DiscordServer, url: str, cache: Path) -> AsyncGenerator[Discord]:
    """The bot in a Discord, its commands registered, with the message content intent."""
    chosen = settings(discord, cache, discord_message_content=True)
    async with connected(chosen, url, *known_by(cache)) as part:
        register(discord, part.bot)
        yield part


@pytest.fixture
async def seat(discord: DiscordServer, ana: UserHandle, redis_url: str, embeddings: Path) -> AsyncGenerator[Seat]:
    """A seat in an interview by direct messages."""
    async with bot_in(discord, redis_url, embeddings):
        yield await sits_down(discord, ana)


@pytest.fixture
async def platform(
    discord: DiscordServer, redis_store: RedisStore, embeddings: Path
) -> AsyncGenerator[DiscordPlatform]:
    """Only what posts, as in a worker."""
    async with logged_in(settings(discord, embeddings)) as client:
        platform = DiscordPlatform(client, redis_store)
        try:
            yield platform
        finally:
            await platform.aclose()


async def nothing_waits(store: RedisStore) -> bool:
    return [thread async for thread in store.waiting()] == []


def sent(discord: DiscordServer) -> list[Any]:
    """The tries to send a message, oldest first."""
    return discord.calls("POST", MESSAGES)


async def begins(store: RedisStore, who: UserHandle, channel: int, guild: int = 0) -> None:
    """Note that somebody is being interviewed: nothing else is kept of a thread."""
    await store.begun(person(who.id), Place(guild, channel, "1").thread, "i1", 0.0)


def post(who: UserHandle, channel: int, text: str, guild: int = 0, key: str = "i1:1", **more: Any) -> Post:
    """Something the interviewer says in somebody's interview."""
    turn = Turn(Speaker.INTERVIEWER, Phase.DESIGN, "probe", text, 0.0)
    return Post(key, Place(guild, channel, "1").thread, turn, candidate=person(who.id), **more)


# --- Discord is busy, or breaks


async def test_the_bot_waits_as_long_as_discord_asks_and_says_it_once(discord: DiscordServer, seat: Seat) -> None:
    before = len(seat.heard)
    discord.faults.add("POST", MESSAGES, status=429, retry_after=1)
    await seat.says(SAID)
    first, second = sent(discord)[-2:]
    assert (first.status, second.status) == (429, 200)
    assert second.at - first.at >= 1
    assert len(seat.heard) == before + 1


async def test_what_discord_failed_to_take_is_said_later_and_once(discord: DiscordServer, seat: Seat) -> None:
    before = len(seat.heard)
    discord.faults.add("POST", MESSAGES, status=503, times=2)
    await seat.says(SAID)
    assert "minutes" in (await seat.presses(actions.TIME)).content
    assert len(seat.heard) == before + 2


@pytest.mark.parametrize("later", [0.0, FORGOTTEN], ids=["at once", "when the nonce is forgotten"])
async def test_what_discord_took_without_saying_so_is_found_and_not_said_again(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore, later: float
) -> None:
    before = len(seat.heard)
    discord.faults.add("POST", MESSAGES, lost=True)
    await seat.writes(SAID)
    await discord.until(lambda: len(seat.heard) > before)
    discord.advances(later)
    await wait_until(lambda: nothing_waits(redis_store))
    assert "minutes" in (await seat.presses(actions.TIME)).content
    assert len(seat.heard) == before + 2


async def test_words_that_were_said_before_are_not_taken_for_what_is_to_be_said_now(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform
) -> None:
    dm = discord.dm(ana)
    hello = Outgoing("Hello. What would you like to practise?")
    for times in (1, 2):
        asked = await discord.writes(ana, "hello")
        letter = Letter(f"greet:{asked}", dm, hello)
        discord.faults.add("POST", MESSAGES, status=403, code=50007)
        with pytest.raises(HTTPException):
            await platform.send(ana.id, letter)
        await platform.send(ana.id, letter)
        await platform.send(ana.id, letter)
        assert len(discord.said(dm)) == times


async def test_a_long_reply_is_whole_and_said_once_though_every_answer_is_lost(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform, redis_store: RedisStore
) -> None:
    await begins(redis_store, ana, discord.dm(ana))
    paragraphs = [f"Paragraph {number} says something of its own, at some length." for number in range(40)]
    code = [f"charge(order={number}, key='order-{number}')" for number in range(120)]
    said = post(
        ana, discord.dm(ana), "\n\n".join([*paragraphs, "```python", *code, "```"]).replace("\n\ncharge", "\ncharge")
    )
    pieces = [message.content for message in outgoing(said)]
    assert len(pieces) >= 4
    for _ in pieces:
        discord.faults.add("POST", MESSAGES, lost=True)
        with pytest.raises(ClientError):
            await platform.post(said)
        discord.advances(FORGOTTEN)
    await platform.post(said)
    there = discord.said(discord.dm(ana))
    assert [message.content for message in there] == pieces
    assert [bool(message.buttons) for message in there] == [False] * (len(there) - 1) + [True]
    assert max(len(message.content) for message in there) <= 2_000
    assert all(message.content.count("```") % 2 == 0 for message in there)
    words = "\n".join(message.content for message in there)
    assert [line for line in (*paragraphs, *code) if line not in words] == []


async def test_the_buttons_are_below_the_latest_message_alone(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform, redis_store: RedisStore
) -> None:
    dm = discord.dm(ana)
    await begins(redis_store, ana, dm)
    for number in range(3):
        await platform.post(post(ana, dm, f"Question {number}?", key=f"i1:{number}"))
    await discord.until(lambda: [bool(message.buttons) for message in discord.said(dm)] == [False, False, True])
    await discord.deletes(discord.said(dm)[-1])
    await platform.post(post(ana, dm, "Are you there?", key="i1:3"))
    assert discord.said(dm)[-1].buttons


# --- Discord refuses


async def test_a_scorecard_that_discord_refuses_comes_in_a_plainer_form_with_its_buttons(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform
) -> None:
    discord.faults.add("POST", MESSAGES, status=400, code=50035)
    await platform.post(post(ana, discord.dm(ana), "", scorecard=held()))
    plain, *_ = discord.said(discord.dm(ana))
    assert plain.content
    assert actions.REPORT in pressable(discord.said(discord.dm(ana))[-1])


async def test_what_discord_refuses_for_good_is_dropped_and_the_interview_goes_on(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(seat.heard)
    discord.faults.add("POST", MESSAGES, status=400, code=50035)
    await seat.writes("Do we get webhooks?")
    await discord.until(lambda: sent(discord)[-1].status == 400)
    await wait_until(lambda: nothing_waits(redis_store))
    assert "is dropped: Discord says 50035" in caplog.text
    await seat.says("Do we get webhooks, or do we have to ask?")
    assert len(seat.heard) == before + 1


# --- threads


async def test_a_thread_that_discord_has_put_away_is_opened_again(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform
) -> None:
    guild, thread = a_thread(discord, ana)
    discord.archives(thread)
    await platform.post(post(ana, thread, "Shall we go on?", guild))
    assert [message.content for message in discord.said(thread)] == ["Shall we go on?"]
    discord.archives(thread)
    discord.faults.add("POST", MESSAGES, status=400, code=50083)
    await platform.post(post(ana, thread, "Where were we?", guild, key="i1:2"))
    assert [message.content for message in discord.said(thread)] == ["Shall we go on?", "Where were we?"]
    assert not discord.is_archived(thread)


def a_thread(discord: DiscordServer, who: UserHandle, **denied: bool) -> tuple[int, int]:
    """A server and a private thread of the bot's in it, where it is `denied` something."""
    guild = discord.adds_guild("Acme", who)
    overwrite = PermissionOverwrite(**denied)
    hall = guild.create_text_channel("hall", overwrites={guild.roles["mockingbird"]: overwrite})
    backend = discord.env.backend
    thread = backend.create_thread(hall.id, "interview", discord.bot, type=12, auto_archive_duration=10_080)
    backend.add_thread_member(thread.id, who.id)
    return guild.id, thread.id


WAYS = ["locked", "locked and put away", "deleted", "not permitted", "not to be seen", "the bot was removed"]


def taken_away(discord: DiscordServer, who: UserHandle, why: str) -> tuple[int, int]:
    """A server and a private thread in it, which the bot can't write in."""
    denied = {"not permitted": "send_messages_in_threads", "not to be seen": "view_channel"}
    guild, thread = a_thread(discord, who, **{denied.get(why, "manage_threads"): False})
    if why.startswith("locked"):
        discord.locks(thread)
    if why.endswith("put away"):
        discord.archives(thread, locked=True)
    if why == "deleted":
        discord.env.backend.delete_channel(thread)
    if why == "the bot was removed":
        discord.removes_bot(next(each for each in guilds(discord) if each.id == guild))
    return guild, thread


def guilds(discord: DiscordServer) -> list[GuildHandle]:
    return [GuildHandle(discord.env, guild) for guild in discord.env.backend.guilds.values()]


@pytest.mark.parametrize("why", WAYS)
async def test_whose_thread_is_gone_is_told_once_and_gets_the_scorecard_in_direct_messages(
    discord: DiscordServer, ana: UserHandle, platform: DiscordPlatform, redis_store: RedisStore, why: str
) -> None:
    guild, thread = taken_away(discord, ana, why)
    dm = discord.dm(ana)
    await begins(redis_store, ana, thread, guild)
    for number in range(2):
        with pytest.raises(Undeliverable):
            await platform.post(post(ana, thread, f"Question {number}?", guild, key=f"i1:{number}"))
        assert [message.content for message in discord.said(dm)] == [GONE_TEXT]
    with pytest.raises(Undeliverable):
        await platform.post(post(ana, thread, "Here it is.", guild, key="i1:9", scorecard=held()))
    card = discord.said(dm)[1:]
    assert "Scorecard" in card[0].text
    assert actions.REPORT in pressable(card[-1])


async def test_an_interview_whose_thread_is_locked_is_ended_in_direct_messages(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    guild = discord.adds_guild("Acme", ana)
    denied = PermissionOverwrite(manage_threads=False)
    hall = guild.create_text_channel("hall", overwrites={guild.roles["mockingbird"]: denied})
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        await table.orders("start", channel=hall, about=QUESTION, length="quick", where="thread")
        (thread,) = await discord.until(lambda: discord.threads(hall))
        await table.offered(actions.HINT, channel=thread)
        seat = Seat(discord, ana, thread)
        before = len(seat.heard)
        await seat.writes(SAID)
        discord.locks(thread)
        assert (await table.hears(1)).content == GONE_TEXT
        asked = await table.orders("end")
        await discord.presses(ana, await table.told(asked), row.REALLY)
        card = await table.offered(actions.REPORT)
        assert SAID[:40] in card.text
        await discord.presses(ana, card, actions.REPORT)
        await discord.until(lambda: [file["filename"] for file in table.said()[-1].attachments] == [f"{QUESTION}.md"])
    assert len(seat.heard) == before
    assert await nothing_waits(redis_store)


# --- typing


async def test_typing_is_shown_at_once_and_until_the_reply_is_there(
    discord: DiscordServer, ana: UserHandle, redis_url: str, embeddings: Path, model: Model
) -> None:
    chosen = settings(discord, embeddings, **spoken(model.url))
    async with connected(chosen, redis_url, model.leads, model.known):
        seat = await sits_down(discord, ana)
        typed, before = len(discord.typing(seat.channel)), len(seat.heard)
        model.reads_slowly()
        await seat.writes(SAID)
        await discord.until(lambda: len(discord.typing(seat.channel)) > typed)
        assert len(seat.heard) == before
        model.recovers()
        await seat.hears(before)
        assert len(seat.heard) == before + 1
    assert [call for call in discord.calls("PATCH", "/channels/*/messages/*") if "content" in call.json] == []


async def test_typing_goes_on_for_as_long_as_it_takes_and_no_longer(
    discord: DiscordServer, ana: UserHandle, embeddings: Path
) -> None:
    bo = discord.adds_user("bo")
    hers, his = discord.dm(ana), discord.dm(bo)
    async with logged_in(settings(discord, embeddings)) as client:
        presence = Presence(client, again=0.02)
        presence.thinking(hers)
        presence.thinking(hers)
        await discord.until(lambda: len(discord.typing(hers)) >= 3)
        presence.ready(hers)
        shown = len(discord.typing(hers))
        presence.thinking(his)
        await discord.until(lambda: len(discord.typing(his)) >= 3)
        assert len(discord.typing(hers)) <= shown + 1, "one may have been on its way"
        await presence.aclose()


async def test_a_person_who_can_not_be_shown_typing_is_answered_all_the_same(
    discord: DiscordServer, seat: Seat
) -> None:
    discord.faults.add("POST", "/channels/*/typing", status=403, code=50001)
    assert (await seat.says(SAID)).content
    discord.faults.add("POST", "/channels/*/typing", lost=True)
    assert (await seat.says(MORE)).content


# --- killed


@dataclass(frozen=True)
class Processes:
    """The bot in processes of its own, which share a store."""

    discord: DiscordServer
    environment: dict[str, str]
    log: Path

    @asynccontextmanager
    async def running(self, *command: str) -> AsyncGenerator[asyncio.subprocess.Process]:
        """One of them, logged in; killed at the latest on the way out."""
        before = len(self.discord.calls("GET", "/users/@me"))
        with self.log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *command, cwd=ROOT, env=self.environment, stderr=errors, stdout=errors
            )
            try:
                await self.discord.until(lambda: len(self.discord.calls("GET", "/users/@me")) > before, 60)
                yield process
            finally:
                await self.kill(process)

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.fixture
def processes(discord: DiscordServer, redis_url: str, embeddings: Path, tmp_path: Path) -> Processes:
    kept = {"REDIS_URL": redis_url, "MOCKINGBIRD_CACHE": str(embeddings)}
    return Processes(discord, {**os.environ, **discord.environment(), **kept}, tmp_path / "log")


async def test_a_worker_that_is_killed_between_posting_and_noting_it_posts_once(
    discord: DiscordServer, ana: UserHandle, processes: Processes, redis_store: RedisStore
) -> None:
    async with processes.running("bot", "discord", "--admit-only"):
        await discord.connected(within=60)
        async with processes.running("bot", "worker") as first:
            seat = await sits_down(discord, ana)
            await wait_until(lambda: nothing_waits(redis_store))
            before = len(seat.heard)
            # What Discord took it never says: the worker is dead before it asks again.
            discord.faults.add("POST", MESSAGES, lost=True)
            await seat.writes(SAID)
            await discord.until(lambda: len(seat.heard) > before, 30)
            await processes.kill(first)
        assert not await nothing_waits(redis_store)
        async with processes.running("tests.discord_bot") as second:
            await wait_until(lambda: nothing_waits(redis_store), 60)
            # The buttons of what the dead one said are pressed, and work.
            assert "minutes" in (await seat.presses(actions.TIME)).content
            assert len(seat.heard) == before + 2
            discord.faults.add("POST", MESSAGES, lost=True)
            await seat.writes(MORE)
            await discord.until(lambda: len(seat.heard) > before + 2, 30)
            await processes.kill(second)
        discord.advances(FORGOTTEN)
        async with processes.running("tests.discord_bot"):
            await wait_until(lambda: nothing_waits(redis_store), 60)
            assert "minutes" in (await seat.presses(actions.TIME)).content
    assert len(seat.heard) == before + 4
    assert [text for _, text in await seat.words(redis_store)] == [SAID, MORE]
    log = processes.log.read_text()
    assert SAID not in log
    assert discord.token not in log


async def test_a_gateway_that_is_killed_hears_when_it_is_back_what_it_was_not_told(
    discord: DiscordServer, ana: UserHandle, processes: Processes, redis_store: RedisStore
) -> None:
    async with processes.running("bot", "discord") as first:
        await discord.connected(within=60)
        seat = await sits_down(discord, ana)
        await wait_until(lambda: nothing_waits(redis_store))
        before = len(seat.heard)
        await processes.kill(first)
    await seat.writes(SAID)
    async with processes.running("bot", "discord"):
        await seat.hears(before, within=60)
        assert "minutes" in (await seat.presses(actions.TIME)).content
    assert len(seat.heard) == before + 2
    assert [text for _, text in await seat.words(redis_store)] == [SAID]
