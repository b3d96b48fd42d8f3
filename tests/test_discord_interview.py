"""Whole interviews in Discord, over the wire: how they are begun, what a candidate reads, presses and takes home."""

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from discord import PermissionOverwrite

from bot import actions
from bot.discord import buttons as row
from bot.discord import forms
from bot.discord.errands import (
    CLOSED,
    IN_A_THREAD,
    IN_PRIVATE,
    NO_SERVER,
    ONE_AT_A_TIME,
    UNPERMITTED,
    UNREADABLE,
)
from bot.discord.places import person, place
from bot.discord.service import Discord
from bot.steering import REALLY_END
from interviewer.model import Phase, PointState
from interviewer.scoring import scorecard
from interviewer.store import RedisStore
from tests.discord import DiscordServer, Message
from tests.discord_bot import Seat, Table, connected, pressable, register, settings, sits_down
from tests.fakes import redis_client, wait_until
from tests.slack_bot import known_by

QUESTION = "doordash-payments"
SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    """A Discord in which the bot may not read along in servers."""
    async with DiscordServer.running() as server:
        yield server


@asynccontextmanager
async def bot_in(discord: DiscordServer, url: str, cache: Path, *, reads: bool = False) -> AsyncGenerator[Discord]:
    """The bot in a Discord, its commands registered; `reads`: with the message content intent."""
    chosen = settings(discord, cache, discord_message_content=reads)
    async with connected(chosen, url, *known_by(cache)) as part:
        register(discord, part.bot)
        yield part


def wording(cache: Path, point: str, which: int = 0) -> str:
    """How somebody may say a point of the guide."""
    return known_by(cache)[1].case(QUESTION).guide.point(point).exemplars[which]


async def answers_until(seat: Seat, store: RedisStore, phase: Phase, cache: Path) -> None:
    """One good answer in each phase on the way, and on to the next."""
    case = known_by(cache)[1].case(QUESTION)
    name = await seat.name(store)
    while (interview := await store.interview(name)) and interview.phase is not phase:
        here = [point for point in case.guide.rubric if point.phase is interview.phase]
        for point in here[:1]:
            await seat.says(point.exemplars[0])
        now = await store.interview(name)
        if now and now.phase is interview.phase:
            await seat.presses(actions.NEXT)


async def disputes(seat: Seat, point: str, argument: str) -> Message:
    """Argue for a point; what the bot says to it. The scorecard as it is then comes after that."""
    before = len(seat.heard)
    asked = await seat.discord.presses(seat.who, seat.heard[-1], actions.DISPUTE)
    await seat.discord.until(lambda: asked.modal)
    await seat.discord.submits(asked, {forms.POINT: point, forms.ARGUMENT: argument})
    await seat.discord.until(lambda: len(seat.heard) > before + 1 and actions.REPORT in pressable(seat.heard[-1]), 30)
    return seat.heard[before]


async def download(address: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        return await response.read()


async def assert_the_card_shows_its_evidence(seat: Seat, card: list[Message]) -> None:
    """Its picture is there, and every quote links to the message of the candidate's that it is from."""
    (drawn,) = card[0].attachments
    assert (await download(drawn["url"])).startswith(PNG)
    assert drawn["url"] in str(card[0].components) or f"attachment://{drawn['filename']}" in str(card[0].components)
    words = "\n".join(message.text for message in card)
    quoted = re.findall(r"^> “(.+)”\n.*?\[your message\]\((https?://[^)]+)\)", words, re.MULTILINE)
    assert len(quoted) >= 3
    mine = {m.id: m for m in seat.discord.messages(seat.channel) if m.author == seat.who.id}
    for quote, address in quoted:
        found = re.fullmatch(rf"https://discord\.com/channels/@me/{seat.channel}/(\d+)", address)
        assert found, address
        assert quote.rstrip("…").replace("\u2060", "")[:40] in " ".join(mine[int(found[1])].content.split())


async def test_a_whole_interview_from_the_start_to_the_goodbye(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana")
    case = known_by(embeddings)[1].case(QUESTION)
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana, f"start {QUESTION} quick senior")
        name = await seat.name(redis_store)
        assert case.question.title in seat.heard[0].content
        assert "food-delivery marketplace" in seat.heard[-1].content
        assert "signed notifications at least once" in (await seat.says("Do we get webhooks?")).content

        await seat.says(wording(embeddings, "money-parties"))
        assert re.search(r"^\|\|.+\|\|$", (await seat.presses(actions.HINT)).content, re.MULTILINE | re.DOTALL)
        assert "minutes" in (await seat.presses(actions.TIME)).content
        stopped = await seat.presses(actions.PAUSE)
        assert pressable(stopped) == [actions.RESUME, actions.END]
        paused = await redis_store.interview(name)
        assert paused
        assert paused.paused
        assert actions.HINT in pressable(await seat.presses(actions.RESUME))
        await answers_until(seat, redis_store, Phase.TWIST, embeddings)
        assert any(twist.ask in seat.heard[-1].content for twist in case.guide.twists)
        await answers_until(seat, redis_store, Phase.WRAP_UP, embeddings)

        card = await seat.ends()
        finished = await redis_store.interview(name)
        assert finished
        assert set(Phase) - set(finished.reached) == {Phase.FINISHED}
        await assert_the_card_shows_its_evidence(seat, card)
        missing = next(
            p.point for p in scorecard(finished, case).points if p.expected and p.state is not PointState.COVERED
        )
        told = await disputes(seat, missing, wording(embeddings, missing, 2))
        assert case.guide.point(missing).statement[:60] in told.text
        before = len(seat.heard)
        await discord.presses(ana, seat.heard[-1], actions.ANSWER)
        await discord.until(lambda: len(seat.heard) > before and row.CLOSE in pressable(seat.heard[-1]))
        answer = "\n".join(m.content for m in seat.heard[before:])
        assert case.guide.model_answer.split()[0] in answer
        before = len(seat.heard)
        await discord.presses(ana, seat.heard[-1], row.CLOSE)
        await discord.until(lambda: len(seat.heard) > before)
        assert {actions.START, actions.SURPRISE} == set(pressable(seat.heard[-1]))
    closed = await redis_store.interview(name)
    assert closed
    assert closed.phase is Phase.FINISHED
    refused = [call for call in discord.calls() if call.status >= 400]
    assert refused == []
    texts = [call for call in discord.calls("PATCH", "*/messages/*") if "content" in call.json]
    assert texts == [], "a reply is never edited; only its buttons are taken away"


# --- how an interview is begun


async def test_a_command_in_a_server_opens_the_interview_in_direct_messages(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana")
    hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        pressed = await table.orders("start", channel=hall, about=QUESTION, length="quick")
        assert (await table.told(pressed)).content == IN_PRIVATE
        await table.offered(actions.HINT)
        seat = Seat(discord, ana, table.dm)
        await seat.says(SAID)
        assert [text for _, text in await seat.words(redis_store)] == [SAID]
    assert discord.messages(hall) == []


async def test_a_private_thread_where_the_bot_reads_along(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
        hall = discord.adds_guild("Acme", ana, bo).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, Table(discord, ana), hall.id)
            assert UNREADABLE not in seat.heard[0].content
            assert discord.members(seat.channel) == {ana.id, discord.bot}
            await seat.says(SAID)
            await seat.ends()
            assert f"/{seat.channel}/" in "".join(m.text for m in seat.heard if m.components)
            assert [text for _, text in await seat.words(redis_store)] == [SAID]
        assert discord.said(hall) == []
        assert discord.messages(discord.dm(ana)) == []


async def in_a_thread(discord: DiscordServer, table: Table, channel: int) -> Seat:
    """A seat in an interview in a private thread."""
    pressed = await table.orders("start", channel=channel, about=QUESTION, length="quick", where="thread")
    assert (await table.told(pressed)).content == IN_A_THREAD
    (thread,) = await discord.until(lambda: discord.threads(channel))
    await table.offered(actions.HINT, channel=thread)
    return Seat(discord, table.who, thread)


async def test_a_private_thread_where_the_bot_may_not_read_along(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
    hall = discord.adds_guild("Acme", ana, bo).create_text_channel("hall")
    async with bot_in(discord, redis_url, embeddings):
        seat = await in_a_thread(discord, Table(discord, ana), hall.id)
        assert UNREADABLE in seat.heard[0].content
        assert UNREADABLE in (await seat.says(SAID)).content
        before = len(seat.heard)
        await seat.writes("They would find it by the key.")
        await seat.says(f"{discord.mention} {SAID}")
        assert len(seat.heard) == before + 1, "how to be heard is said once"
        replied = await seat.says("And the reference goes to the provider, too.", reply_to=seat.heard[-1])
        assert replied.content
        words = [text for _, text in await seat.words(redis_store)]
        assert words == [SAID, "And the reference goes to the provider, too."]
        assert "minutes" in (await seat.says(f"{discord.mention} time")).content


async def test_closed_direct_messages_lead_to_a_private_thread_where_the_interview_was_asked_for(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana", dms="closed")
    hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        await table.orders("start", channel=hall, about=QUESTION, length="quick")
        (thread,) = await discord.until(lambda: discord.threads(hall))
        await table.offered(actions.HINT, channel=thread)
        seat = Seat(discord, ana, thread)
        await seat.says(f"{discord.mention} {SAID}")
        assert place(await seat.name(redis_store)).channel == thread
        assert [text for _, text in await seat.words(redis_store)] == [SAID]
        # What could not begin in direct messages does not stand in the way of what can.
        discord.opens_dms(ana)
        await sits_down(discord, ana)
    assert discord.ephemerals(ana)


async def test_closed_direct_messages_and_no_leave_to_open_a_thread_are_told_in_the_answer(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana", dms="closed")
    guild = discord.adds_guild("Acme", ana)
    denied = PermissionOverwrite(create_private_threads=False)
    hall = guild.create_text_channel("hall", overwrites={guild.roles["mockingbird"]: denied})
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        await table.orders("start", channel=hall, about=QUESTION)
        await discord.until(lambda: [m for m in discord.ephemerals(ana) if m.content == UNPERMITTED])
    assert discord.messages(hall) == []
    assert await holds_nothing(redis_store, person(ana.id))


async def holds_nothing(store: RedisStore, candidate: str) -> bool:
    """Whether no interview of theirs is running."""
    return [each for each in await store.threads(candidate) if await store.holder(each)] == []


async def test_closed_direct_messages_and_no_server_are_told_in_the_answer(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana", dms="closed", installs=True)
    hall = discord.adds_guild("Elsewhere", ana, with_bot=False).create_text_channel("hall")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        await table.orders("start", channel=hall, about=QUESTION)
        await discord.until(lambda: [m for m in discord.ephemerals(ana) if m.content == CLOSED])
        await table.orders("start", channel=hall, about=QUESTION, where="thread")
        await discord.until(lambda: [m for m in discord.ephemerals(ana) if m.content == NO_SERVER])
    assert await holds_nothing(redis_store, person(ana.id))


async def test_who_has_installed_the_bot_uses_it_in_a_server_that_has_not(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana", installs=True)
    hall = discord.adds_guild("Elsewhere", ana, with_bot=False).create_text_channel("hall")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        pressed = await table.orders("start", channel=hall, about=QUESTION)
        assert (await table.told(pressed)).content == IN_PRIVATE
        await table.offered(actions.HINT)
        seat = Seat(discord, ana, table.dm)
        await seat.says(SAID)
        hint = await table.orders("hint", channel=hall)
        assert "My reply is where we talk" in (await table.told(hint)).content
        await seat.hears(len(seat.heard) - 1)
        assert [text for _, text in await seat.words(redis_store)] == [SAID]
    assert discord.messages(hall) == []


async def test_a_wish_that_fits_nothing_says_so_and_how_to_begin(
    discord: DiscordServer, redis_url: str, embeddings: Path
) -> None:
    ana = discord.adds_user("ana")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        await discord.writes(ana, "start paymants")
        hello = await table.hears(1)
        assert "payments" in hello.content
        assert actions.START in pressable(hello)
        await discord.presses(ana, hello, actions.SURPRISE)
        await table.offered(actions.HINT)


async def test_a_second_interview_waits_for_the_end_of_the_first(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana = discord.adds_user("ana")
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        first, before = await seat.name(redis_store), len(seat.heard)
        await seat.writes("start apple")
        await discord.until(lambda: len(seat.heard) == before + 1)
        assert seat.heard[-1].content == ONE_AT_A_TIME
        order = await Table(discord, ana).orders("start", about=QUESTION)
        await discord.until(
            lambda: [m.content for m in (*seat.heard, *discord.ephemerals(ana))].count(ONE_AT_A_TIME) == 2
        )
        assert not order.loading
        assert "minutes" in (await seat.presses(actions.TIME)).content
        await seat.ends()
        again = await sits_down(discord, ana)
        assert await again.name(redis_store) != first
    assert await redis_store.threads(person(ana.id)) == (first, await seat.name(redis_store))


async def test_whoever_was_only_greeted_leaves_no_trace(
    discord: DiscordServer, redis_url: str, embeddings: Path
) -> None:
    ana = discord.adds_user("ana")
    async with bot_in(discord, redis_url, embeddings):
        await discord.writes(ana, "hello there")
        hello = await Table(discord, ana).hears(1)
        assert {actions.START, actions.SURPRISE} == set(pressable(hello))
        async with redis_client(redis_url) as redis:

            async def nothing_is_kept() -> bool:
                return [key async for key in redis.scan_iter("mb:*", count=1000)] == []

            await wait_until(nothing_is_kept)


# --- how it goes on


async def test_a_word_that_is_a_command_is_one(
    discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, discord.adds_user("ana"))
        await seat.says(SAID)
        assert "||" in (await seat.says("Hint")).content
        assert "minutes" in (await seat.says("time")).content
        assert actions.RESUME in pressable(await seat.says("pause"))
        assert actions.RESUME not in pressable(await seat.says("resume"))
        before = len(seat.heard)
        await seat.writes("end")
        await discord.until(lambda: len(seat.heard) == before + 1)
        asked = seat.heard[-1]
        assert asked.content == REALLY_END
        await discord.presses(seat.who, asked, row.REALLY)
        await Table(discord, seat.who).offered(actions.REPORT)
        assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_whoever_blocks_the_bot_in_the_middle_gets_the_scorecard_all_the_same(
    discord: DiscordServer,
    redis_url: str,
    redis_store: RedisStore,
    embeddings: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ana = discord.adds_user("ana")
    table = Table(discord, ana)
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        before = len(seat.heard)
        discord.closes_dms(ana)
        await seat.writes(SAID)
        await discord.until(lambda: [c for c in discord.calls("POST", "/channels/*/messages") if c.status == 403])
        await wait_until(lambda: nothing_waits(redis_store))
        assert "is dropped: Discord says 50007" in caplog.text
        assert len(seat.heard) == before
        discord.opens_dms(ana)
        assert "minutes" in (await seat.presses(actions.TIME)).content
        await table.ends()
    assert SAID[:40] in "".join(m.text for m in seat.heard)
    assert SAID not in caplog.text


async def nothing_waits(store: RedisStore) -> bool:
    return [thread async for thread in store.waiting()] == []


# --- what is said


NOBODY = "@everyone @here <@{who}> <@&{role}> <#{channel}> would all read this."
SPOKEN = {
    "emoji": "🐢 is the queue and 🐇 is the cache, 👩‍💻 retries with the same key.",
    "right to left": "המפתח נשמר לפני החיוב, ולכן ניסיון חוזר מוצא את הראשון.",
    "a code block": "```python\n# @everyone\ncharge(key='order-1')\n```",
    "markup": "||hidden|| **bold** [words](https://example.org) > quoted `code` # heading",
    "mentions": NOBODY,
}


@pytest.mark.parametrize("kind", sorted(SPOKEN))
async def test_what_is_said_is_kept_as_it_was_and_notifies_nobody(
    kind: str, discord: DiscordServer, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
    guild = discord.adds_guild("Acme", ana, bo)
    role = guild.create_role("oncall")
    text = SPOKEN[kind].format(who=bo.id, role=role.id, channel=guild.create_text_channel("hall").id)
    text = f"{text} {SAID}" if kind == "mentions" else text
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        await seat.says(text)
        assert [said for _, said in await seat.words(redis_store)] == [text]
        await seat.ends()
    for message in seat.heard:
        assert message.mentions == ()
        assert not re.search(r"@everyone|@here|<@!?\d|<@&\d", message.text)
    for call in discord.calls("POST", "/channels/*/messages"):
        assert call.json["allowed_mentions"]["parse"] == []


async def test_what_a_person_with_an_ugly_wish_is_told_pings_nobody(
    discord: DiscordServer, redis_url: str, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        ana = discord.adds_user("ana")
        await discord.writes(ana, f"start @everyone <@{discord.bot}> **x**")
        hello = await Table(discord, ana).hears(1)
    assert "@everyone" not in hello.content
    assert hello.mentions == ()


# --- logs


async def test_logs_carry_neither_what_was_said_nor_a_token(
    discord: DiscordServer, redis_url: str, embeddings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ana = discord.adds_user("ana")
    table = Table(discord, ana)
    secrets = ["ZEBRA", "test.token", *known_by(embeddings)[1].case(QUESTION).question.prompt.split(". ")]
    with caplog.at_level(logging.DEBUG, "bot"), caplog.at_level(logging.DEBUG, "interviewer"):
        async with bot_in(discord, redis_url, embeddings):
            seat = await sits_down(discord, ana)
            discord.faults.add("POST", "/channels/*/messages", status=500)
            discord.faults.add("POST", "/channels/*/typing", status=403)
            await seat.says("ZEBRA: the provider keeps a reference, so I would send the same one again.")
            discord.faults.add("POST", "/channels/*/messages", status=400, code=50035, message="ZEBRA")
            await seat.writes("ZEBRA once more")
            await discord.until(lambda: [c for c in discord.calls("POST", "/channels/*/messages") if c.status == 400])
            await table.orders("start", about="ZEBRA")
            discord.faults.add("GET", "/channels/*/messages", status=403)
            discord.faults.add("POST", "/interactions/*", status=404, code=10062, message="ZEBRA")
            await table.orders("score")
            await discord.until(lambda: [c for c in discord.calls("POST", "/interactions/*") if c.status == 404])
            await seat.ends()
    told = [f"{record.name} {record.getMessage()} {record.exc_text or ''}" for record in caplog.records]
    assert told
    assert [line for line in told if any(secret in line for secret in secrets)] == []
