"""What a review of the Discord part found: each of these went wrong once."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

import pytest
from discord import ChannelType
from simcord.builders import ChannelHandle, UserHandle

from bot import actions
from bot.commands import addressed
from bot.discord import buttons, errands
from bot.discord.bot import UPDATED, create_bot
from bot.discord.errands import CLOSED, HELLO, HELLO_HERE, NO_SERVER, UNREADABLE
from bot.discord.places import Place, person, room
from bot.discord.service import Discord, run, running
from bot.steering import IS_OVER, REALLY_END
from interviewer import embedded
from interviewer.model import Case, Command, CommandName, Interview, Level, Phase
from interviewer.ports import Room
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.discord import DiscordServer, Message
from tests.discord_bot import SWIFT, Seat, Table, connected, pressable, register, settings, sits_down, thread_of
from tests.fakes import wait_until
from tests.keys import everything, of_the_store
from tests.slack_bot import known_by
from tests.test_discord_arrivals import bot_in, in_a_thread, nothing_waits, nothing_was_said

SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
MORE = "The ledger has two rows for every movement of money, and they add up to nothing."
MESSAGES = "/channels/*/messages"
FAILS: Mapping[str, Mapping[str, Any]] = {"is unavailable": {"status": 503}, "loses the answer": {"lost": True}}
"""How Discord may fail to say that it has taken a message: it has, or it has not."""


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    """A Discord in which the bot may not read along in servers."""
    async with DiscordServer.running() as server:
        yield server


@pytest.fixture
def ana(discord: DiscordServer) -> UserHandle:
    """Somebody in that Discord."""
    return discord.adds_user("ana")


@pytest.fixture
async def bot(discord: DiscordServer, redis_url: str, embeddings: Path) -> AsyncGenerator[Discord]:
    """The bot, connected, with its commands registered."""
    async with bot_in(discord, redis_url, embeddings) as part:
        yield part


@pytest.fixture
def table(discord: DiscordServer, ana: UserHandle, bot: Discord) -> Table:
    return Table(discord, ana)


@pytest.fixture
def hall(discord: DiscordServer, ana: UserHandle) -> ChannelHandle:
    """A channel of a server that both are in."""
    return discord.adds_guild("Acme", ana).create_text_channel("hall")


async def state(store: RedisStore, thread: str) -> Interview:
    interview = await store.interview(thread)
    assert interview
    return interview


async def errands_are_done(redis: Any) -> None:
    """Wait until no errand is under way or to be tried again."""

    async def none() -> bool:
        runs = [key async for key in redis.scan_iter(match="mockingbird*:runs:errand*", count=1000)]
        return not {await redis.hget(key, "state") for key in runs} & {b"running", b"queued", b"scheduled"}

    await wait_until(none)


# --- what Discord does not take at once ---


@pytest.mark.parametrize("how", FAILS)
async def test_a_hello_comes_once_though_discord_fails(
    how: str, discord: DiscordServer, table: Table, redis: Any
) -> None:
    for times in (1, 2):
        fault = discord.faults.add("POST", MESSAGES, **FAILS[how])
        await discord.writes(table.who, "hello")
        assert (await table.hears(times)).content == HELLO
        await errands_are_done(redis)
        assert (fault.met, len(table.said())) == (1, times)


@pytest.mark.parametrize("how", FAILS)
async def test_what_an_interview_begins_with_comes_once_though_discord_fails_each_time(
    how: str, discord: DiscordServer, table: Table, redis: Any, redis_store: RedisStore
) -> None:
    await table.begins()
    await table.ends()
    before = len(table.said())
    # The same header and the same question stand in the channel already.
    discord.faults.add("POST", MESSAGES, **FAILS[how])
    if "status" in FAILS[how]:
        taken = asyncio.Event()
        taken.set()
        discord.faults.add("POST", MESSAGES, held=taken)
    last = discord.faults.add("POST", MESSAGES, **FAILS[how])
    await table.begins()
    await errands_are_done(redis)
    await wait_until(lambda: nothing_waits(redis_store))
    header, question = table.said()[before:]
    assert last.met == 1
    assert (bool(header.buttons), bool(question.buttons)) == (False, True)


@pytest.mark.parametrize("how", FAILS)
async def test_a_report_comes_once_each_time_it_is_asked_for_though_discord_fails(
    how: str, discord: DiscordServer, table: Table, redis: Any
) -> None:
    def reports() -> list[Message]:
        return [message for message in table.said() if message.attachments and not message.components]

    await table.begins()
    card = await table.ends()
    for times in (1, 2):
        fault = discord.faults.add("POST", MESSAGES, **FAILS[how])
        await discord.presses(table.who, card, actions.REPORT)
        await discord.until(lambda times=times: len(reports()) == times, 30)
        await errands_are_done(redis)
        assert (fault.met, len(reports())) == (1, times)
        await table.orders("score")
        card = await table.offered(actions.REPORT)


@pytest.mark.parametrize("refusal", [(401, 0), (403, 0)], ids=["the token is refused", "something stands before it"])
async def test_what_is_refused_until_somebody_mends_it_comes_later(
    refusal: tuple[int, int], discord: DiscordServer, table: Table
) -> None:
    status, code = refusal
    seat = await sits_down(discord, table.who)
    before = len(seat.heard)
    fault = discord.faults.add("POST", MESSAGES, status=status, code=code)
    await seat.says(SAID)
    assert fault.met == 1
    await nothing_was_said(seat, before + 1)


async def test_who_is_told_to_try_once_more_can(discord: DiscordServer, table: Table) -> None:
    discord.faults.add("POST", MESSAGES, status=403, code=20026)
    await discord.writes(table.who, "start doordash quick")
    assert (await table.hears(1)).content == errands.FAILED
    await table.begins()
    assert [bool(message.buttons) for message in table.said()] == [False, False, True]


async def test_two_people_who_can_not_be_read_are_both_told(
    discord: DiscordServer, bot: Discord, redis_store: RedisStore
) -> None:
    people = [discord.adds_user(name) for name in ("ana", "ben")]
    guild = discord.adds_guild("Acme", *people)
    halls = [guild.create_text_channel(name) for name in ("hall", "attic")]
    seats = [await in_a_thread(discord, who, hall.id) for who, hall in zip(people, halls, strict=True)]
    for seat in seats:
        before = len(seat.heard)
        await seat.writes(SAID)
        assert (await seat.hears(before)).content == UNREADABLE


async def test_a_guide_that_can_not_be_made_ready_opens_no_second_interview(
    discord: DiscordServer,
    ana: UserHandle,
    redis_url: str,
    redis: Any,
    embeddings: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
    leads, known = known_by(embeddings)
    tried: list[str] = []

    def prepare(case: Case) -> None:
        tried.append(case.question.id)
        if len(tried) == 1:
            raise MemoryError

    chosen = settings(discord, embeddings)
    async with connected(chosen, redis_url, replace(leads, prepare=prepare), known) as part:
        register(discord, part.bot)
        seat = await in_a_thread(discord, ana, hall.id)
        await errands_are_done(redis)
        assert len(await part.store.threads(person(ana.id))) == 1
    assert discord.threads(hall) == [seat.channel]
    assert "doordash-payments could not be prepared: MemoryError" in caplog.text
    assert tried == ["doordash-payments"]
    assert discord.ephemerals(ana)[-1].content == errands.IN_A_THREAD


# --- what is nobody's business ---


async def test_a_deletion_in_a_channel_while_the_store_is_away_has_no_consequences(
    tmp_path: Path, embeddings: Path
) -> None:
    async with DiscordServer.running() as discord:
        ana, ben = discord.adds_user("ana"), discord.adds_user("ben")
        hall = discord.adds_guild("Acme", ana, ben).create_text_channel("hall")
        server = await embedded.start(tmp_path)
        async with bot_in(discord, server.url, embeddings):
            await discord.writes(ben, "my salary is 100", channel=hall)
            typo = await discord.writes(ana, f"{discord.mention} start apple", channel=hall)
            await Table(discord, ana).offered(actions.HINT)
            before = len(discord.said(discord.dm(ana)))
            os.kill(int((tmp_path / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
            await server.aclose()
            await discord.deletes(typo)
            await discord.writes(ben, "hello")
            server = await embedded.start(tmp_path)
            await discord.until(lambda: discord.said(discord.dm(ben)), 30)
            assert [message.content for message in discord.said(discord.dm(ben))] == [HELLO]
            assert discord.calls("GET", f"/channels/{hall.id}/messages") == []
            assert len(discord.said(discord.dm(ana))) == before
            assert discord.said(hall) == []
    assert await server.shutdown_if_last()


async def test_about_a_deletion_in_a_channel_the_store_is_asked_nothing(
    discord: DiscordServer, table: Table, hall: ChannelHandle, redis: Any
) -> None:
    typo = await discord.writes(table.who, "lunch?", channel=hall)
    hello = await discord.writes(table.who, "hello")
    await table.hears(1)
    async with redis.monitor() as monitor:
        await discord.deletes(typo)
        await discord.deletes(hello)
        asked = ""
        while room(table.dm) not in asked:
            asked = str((await monitor.next_command())["command"])
            assert room(hall.id) not in asked


@pytest.mark.parametrize("where", ["directly", "in a channel"])
async def test_what_asks_for_nothing_is_greeted_and_opens_no_interview(
    where: str, discord: DiscordServer, table: Table, hall: ChannelHandle, redis: Any, redis_store: RedisStore
) -> None:
    said = {"directly": ("hello there", discord.mention), "in a channel": ("", " ", " hello there", " thanks")}
    channel, hello, at = (table.dm, HELLO, "") if where == "directly" else (hall.id, HELLO_HERE, discord.mention)
    for number, words in enumerate(said[where], 1):
        await discord.writes(table.who, f"{at}{words}", channel=channel)
        await discord.until(lambda number=number: len(discord.said(channel)) == number)
        assert discord.said(channel)[-1].content == hello
        assert actions.START in pressable(discord.said(channel)[-1])
    await errands_are_done(redis)
    assert await redis_store.threads(person(table.who.id)) == ()
    assert len(discord.said(channel)) == len(said[where])


@pytest.mark.parametrize("words", ["thanks", "good night", "that", "never", "1", "ok", "goodnight", "lol"])
def test_a_commonplace_is_no_wish_and_none_that_is_not_understood(words: str, known: Bank) -> None:
    asked = addressed(words, known.questions)
    assert (asked.wish, asked.problem, asked.starting, asked.asking) == (None, "", False, False)


@pytest.mark.parametrize("words", ["hello", "hello there", "Hi", "hey you"])
def test_a_hello_is_one_whatever_commonplace_follows(words: str, known: Bank) -> None:
    assert addressed(words, known.questions).asking


@pytest.mark.parametrize("words", ["start that", "start never 30"])
def test_who_asks_to_start_with_a_commonplace_is_told_that_it_is_no_question(words: str, known: Bank) -> None:
    asked = addressed(words, known.questions)
    assert (asked.wish, asked.starting) == (None, True)
    assert words.split()[1] in asked.problem


async def test_after_an_interview_a_word_of_thanks_is_greeted_and_a_wish_is_granted(
    discord: DiscordServer, table: Table, redis_store: RedisStore
) -> None:
    first = thread_of(await table.begins())
    await table.presses(buttons.CLOSE, await table.ends())
    await table.offered(actions.SURPRISE)
    await discord.until(lambda: not table.said()[-2].buttons or table.said()[-2].components)
    for words in ("thanks", "good night", "1"):
        count = len(table.said())
        await discord.writes(table.who, words)
        assert (await table.hears(count + 1)).content == HELLO
    assert await redis_store.threads(person(table.who.id)) == (first,)
    second = await state(redis_store, thread_of(await table.begins("payments senior")))
    assert second.settings.level is Level.SENIOR


# --- what was missed ---


@asynccontextmanager
async def in_shards(discord: DiscordServer, url: str, cache: Path, second: asyncio.Event) -> AsyncGenerator[Discord]:
    """The bot in two shards, the second of which connects on `second`; the first at once."""
    leads, known = known_by(cache)
    stop = asyncio.Event()
    async with running(settings(discord, cache), url, known, leads, pace=SWIFT) as part:

        async def wait(shard_id: int | None, *, initial: bool = False) -> None:
            if shard_id:
                await second.wait()

        part.bot.before_identify_hook = wait
        part.bot._connection.guild_ready_timeout = 0.0  # pyright: ignore[reportPrivateUsage]
        serving = asyncio.create_task(run(part, stop, lambda: None))
        try:
            await discord.connected(1)
            yield part
        finally:
            stop.set()
            await serving


async def test_what_was_missed_is_answered_though_something_later_was_answered_before(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(shards=2) as discord:
        ana, at_once = discord.adds_user("ana"), asyncio.Event()
        at_once.set()
        async with in_shards(discord, redis_url, embeddings, at_once):
            seat = await sits_down(discord, ana)
            await wait_until(lambda: nothing_waits(redis_store))
        before = len(seat.heard)
        first = await seat.writes(SAID)
        second_shard = asyncio.Event()
        async with in_shards(discord, redis_url, embeddings, second_shard) as part:
            second = await seat.writes(MORE)
            await seat.hears(before)
            second_shard.set()
            await part.bot.wait_until_ready()
            await seat.hears(before + 1)
            assert sorted(await seat.words(redis_store)) == [(str(first), SAID), (str(second), MORE)]
            await nothing_was_said(seat, before + 2)


async def test_what_was_missed_is_found_though_discord_fails_to_show_it_at_first(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
    before = len(seat.heard)
    await seat.writes(SAID)
    fault = discord.faults.add("GET", MESSAGES, status=503)
    async with bot_in(discord, redis_url, embeddings):
        await seat.hears(before)
        assert fault.met == 1
        assert [text for _, text in await seat.words(redis_store)] == [SAID]
        await nothing_was_said(seat, before + 1)


async def test_a_pause_that_was_typed_while_the_bot_was_away_counts_from_then(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
    thread = await seat.name(redis_store)
    since = (await state(redis_store, thread)).since
    assert since
    pause = discord.message(await seat.writes("pause"))
    async with bot_in(discord, redis_url, embeddings):
        await Table(discord, ana).offered(actions.RESUME)
    interview = await state(redis_store, thread)
    assert interview.paused
    assert sum(interview.spent.values()) == pytest.approx(pause.at.timestamp() - since, abs=0.02)


async def test_what_is_said_before_the_header_is_there_is_greeted(
    discord: DiscordServer, table: Table, redis: Any, redis_store: RedisStore
) -> None:
    header = asyncio.Event()
    held = discord.faults.add("POST", MESSAGES, held=header)
    await discord.writes(table.who, "start doordash quick")
    await discord.until(lambda: held.met)
    early = await discord.writes(table.who, "Ready when you are.")

    async def is_to_be_greeted() -> bool:
        return f"greet:{early}" in str(await everything(redis))

    await wait_until(is_to_be_greeted)
    header.set()
    await discord.until(lambda: len(table.said()) == 3)
    await errands_are_done(redis)
    await wait_until(lambda: nothing_waits(redis_store))
    about, *others = table.said()
    assert "minutes of your thinking time" in about.content
    assert HELLO in [message.content for message in others]
    assert len([message for message in others if actions.HINT in pressable(message)]) == 1
    seat = Seat(discord, table.who, table.dm)
    assert await seat.words(redis_store) == []
    await seat.says(SAID)
    assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_what_is_said_between_the_header_and_the_question_is_answered(
    discord: DiscordServer, table: Table, redis: Any, redis_store: RedisStore
) -> None:
    header, question = asyncio.Event(), asyncio.Event()
    header.set()
    discord.faults.add("POST", MESSAGES, held=header)
    held = discord.faults.add("POST", MESSAGES, held=question)
    await discord.writes(table.who, "start doordash quick")
    await discord.until(lambda: held.met)
    early = await discord.writes(table.who, SAID)

    async def is_taken_in() -> bool:
        return str(early) in str(of_the_store(await everything(redis)))

    await wait_until(is_taken_in)
    question.set()
    await table.hears(3)
    await wait_until(lambda: nothing_waits(redis_store))
    assert len(table.said()) == 3
    assert await Seat(discord, table.who, table.dm).words(redis_store) == [(str(early), SAID)]


# --- rooms ---


async def test_a_room_is_kept_for_longer_only_by_those_who_use_it(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis: Any, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
    (key,) = [key async for key in redis.scan_iter("mb:{r:*")]
    kept = await redis.ttl(key)
    await redis.expire(key, 100)
    async with bot_in(discord, redis_url, embeddings):
        await discord.until(lambda: discord.calls("GET", f"/channels/{seat.channel}/messages"))
        told = await seat.writes(SAID[:9])
        await discord.until(lambda: discord.typing(seat.channel))
        await seat.hears(len(seat.heard))
        assert await redis.ttl(key) > kept - 60
        await redis.expire(key, 100)
        await discord.edits(told, SAID)
        await discord.deletes(told)
        await wait_until(lambda: nothing_waits(redis_store))
    async with bot_in(discord, redis_url, embeddings):
        await errands_are_done(redis)
    assert await redis.ttl(key) <= 100


async def test_who_looks_into_a_room_does_not_keep_it(redis: Any, redis_store: RedisStore) -> None:
    name, thread = room(5), Place(0, 5, "7").thread
    assert await redis_store.enter(name, Room(person(1), thread), "")
    (key,) = [key async for key in redis.scan_iter("mb:{r:*")]
    kept = await redis.ttl(key)
    await redis.expire(key, 100)
    assert await redis_store.room(name) == Room(person(1), thread)
    assert await redis.ttl(key) <= 100
    assert await redis_store.room(name, renew=True) == Room(person(1), thread)
    assert await redis.ttl(key) > kept - 60


# --- buttons and commands ---


async def test_a_late_yes_to_the_end_does_not_close_what_has_ended_and_close_does(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    thread = thread_of(await table.begins())
    count = len(table.said())
    await discord.writes(table.who, "end")
    question = await table.hears(count + 1)
    # It ends in another way meanwhile, as by the clock.
    await bot.engine.submit("x", Command(thread, "x", person(table.who.id), CommandName.END, time()))
    card = await table.offered(actions.REPORT)
    assert (await table.told(await discord.presses(table.who, question, actions.REALLY))).content == IS_OVER
    assert (await state(bot.store, thread)).phase is Phase.DEBRIEF
    await discord.presses(table.who, card, buttons.CLOSE)
    await table.offered(actions.SURPRISE)
    assert (await state(bot.store, thread)).phase is Phase.FINISHED


async def test_who_has_commands_of_another_version_is_told_to_reload(
    discord: DiscordServer, bot: Discord, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    (command,) = [command.to_dict(bot.bot.tree) for command in bot.bot.tree.get_commands()]
    discord.registers(command | {"options": [*command["options"], {"type": 1, "name": "gone", "description": "Gone"}]})
    assert (await table.told(await table.orders("gone"))).content == UPDATED
    assert "A command failed: CommandNotFound" in caplog.text


async def test_a_press_that_is_under_way_when_the_bot_is_told_to_stop_is_answered(
    discord: DiscordServer,
    ana: UserHandle,
    redis_url: str,
    redis_store: RedisStore,
    embeddings: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    up, leave, held = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        async with bot_in(discord, redis_url, embeddings):
            up.set()
            await leave.wait()

    serving = asyncio.create_task(serve())
    await up.wait()
    table = Table(discord, ana)
    question = await table.begins()
    await wait_until(lambda: nothing_waits(redis_store))
    callback = discord.faults.add("POST", "/interactions/*/callback", held=held)
    pressed = await discord.presses(ana, question, actions.END)
    await discord.until(lambda: callback.met)
    leave.set()
    await asyncio.wait({serving}, timeout=1)
    assert not serving.done(), "the bot is not to end before"
    held.set()
    await serving
    assert pressed.acknowledged
    assert [message.content for message in pressed.followups] == [REALLY_END]
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


async def test_in_an_announcement_channel_there_are_no_private_threads_and_that_is_said(
    discord: DiscordServer, table: Table, hall: ChannelHandle, redis: Any
) -> None:
    discord.env.backend.channels[hall.id].type = ChannelType.news.value
    await table.orders("start", channel=hall, about="doordash", where="thread")
    await discord.until(lambda: discord.ephemerals(table.who))
    await errands_are_done(redis)
    assert [message.content for message in discord.ephemerals(table.who)] == [NO_SERVER]
    assert discord.threads(hall) == []


async def test_whose_direct_messages_are_closed_by_now_is_told_so_where_they_ask_for_the_score(
    discord: DiscordServer, table: Table, hall: ChannelHandle
) -> None:
    await table.begins()
    await table.ends()
    before = len(table.said())
    discord.closes_dms(table.who)
    await table.orders("score", channel=hall)
    await discord.until(lambda: discord.ephemerals(table.who)[-1:], 30)
    await discord.until(lambda: CLOSED in [message.content for message in discord.ephemerals(table.who)], 30)
    assert len(table.said()) == before
    assert discord.said(hall) == []


async def test_what_fails_is_logged_by_its_type_and_without_what_was_written(caplog: pytest.LogCaptureFixture) -> None:
    try:
        int(SAID)
    except ValueError:
        await create_bot().on_error("on_message", SAID)
    assert "on_message failed: ValueError" in caplog.text
    assert SAID not in caplog.text
