"""What reaches the bot from Discord, and what it has to look for by itself: what of it is heard, once, and what never is."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from simcord.builders import UserHandle

from bot import actions
from bot.discord import buttons
from bot.discord.places import person, room
from bot.discord.reception import AWAY
from bot.discord.service import Discord
from interviewer import embedded
from interviewer.engine import Pace
from interviewer.model import DELETED, Phase
from interviewer.store import CLAIM, RedisStore
from tests.discord import DiscordServer
from tests.discord.reading import as_sent
from tests.discord.world import Cdn
from tests.discord_bot import SWIFT, Seat, Table, connected, pressable, register, settings, sits_down
from tests.fakes import redis_client, wait_until
from tests.slack_bot import Model, interviewer, known_by, spoken

QUESTION = "doordash-payments"
TYPING = Pace(quiet=0.5, redelivery=1.0)
"""Long enough that what is sent in a row is one turn even on a busy machine."""
SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
MORE = "The ledger has two rows for every movement of money, and they add up to nothing."
PNG = b"\x89PNG\r\n\x1a\n"
PREVIEW = [{"type": "link", "title": "a page", "url": "https://example.org/"}]


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    """A Discord in which the bot may not read along in servers."""
    async with DiscordServer.running() as server:
        yield server


@pytest.fixture
def ana(discord: DiscordServer) -> UserHandle:
    """Somebody in that Discord."""
    return discord.adds_user("ana")


@asynccontextmanager
async def bot_in(
    discord: DiscordServer, url: str, cache: Path, *, pace: Pace = SWIFT, reads: bool = False
) -> AsyncGenerator[Discord]:
    """The bot in a Discord, its commands registered; `reads`: with the message content intent."""
    chosen = settings(discord, cache, discord_message_content=reads)
    async with connected(chosen, url, *known_by(cache), pace) as part:
        register(discord, part.bot)
        yield part


@pytest.fixture
async def seat(discord: DiscordServer, ana: UserHandle, redis_url: str, embeddings: Path) -> AsyncGenerator[Seat]:
    """A seat in an interview by direct messages, whose candidate types in bursts."""
    async with bot_in(discord, redis_url, embeddings, pace=TYPING):
        yield await sits_down(discord, ana)


async def nothing_was_said(seat: Seat, before: int) -> None:
    """The next thing that is said is the time, which is asked for now."""
    told = await seat.presses(actions.TIME)
    assert "minutes" in told.content
    assert len(seat.heard) == before + 1


async def lines(store: RedisStore, seat: Seat) -> list[tuple[str, str]]:
    """What the transcript has of the candidate: kind and text."""
    return [(turn.kind, turn.text) for turn in await store.transcript(await seat.name(store)) if turn.message]


async def nothing_waits(store: RedisStore) -> bool:
    return [thread async for thread in store.waiting()] == []


# --- answers


async def test_what_is_typed_in_a_burst_is_one_turn(seat: Seat, redis_store: RedisStore) -> None:
    before = len(seat.heard)
    pieces = ["I would keep a reference of our own", "with every charge", "so that a retry finds the first one"]
    for piece in pieces:
        await seat.writes(piece)
    await seat.hears(before)
    assert [text for _, text in await seat.words(redis_store)] == pieces
    await nothing_was_said(seat, before + 1)


async def test_a_reply_to_one_of_the_bots_messages_is_an_answer(seat: Seat, redis_store: RedisStore) -> None:
    await seat.says(SAID, reply_to=seat.heard[-1])
    assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_an_empty_message_is_nothing(seat: Seat, redis_store: RedisStore) -> None:
    before = len(seat.heard)
    invisible = await seat.writes("\u202e\u0007")
    # A sticker, a poll, a forwarded message: there is nothing in it to read.
    tells(seat.discord, "MESSAGE_CREATE", invisible, id=str(invisible + 1), content="")
    await nothing_was_said(seat, before)
    assert await seat.words(redis_store) == []


# --- edits and deletions


async def test_an_edit_before_the_rating_counts(discord: DiscordServer, seat: Seat, redis_store: RedisStore) -> None:
    before = len(seat.heard)
    told = await seat.writes("I would keep a referense.")
    await discord.edits(told, SAID)
    await seat.hears(before)
    assert await seat.words(redis_store) == [(str(told), SAID)]
    await nothing_was_said(seat, before + 1)


async def test_an_edit_after_the_reply_is_told_once_to_be_too_late(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await seat.writes(SAID)
    await seat.hears(before)
    await discord.edits(told, "I would rather not say.")
    late = await seat.hears(before + 1)
    assert "already" in late.content
    tells(discord, "MESSAGE_UPDATE", told)
    await nothing_was_said(seat, before + 2)
    assert await seat.words(redis_store) == [(str(told), SAID)]


def tells(discord: DiscordServer, event: str, message: int, **changed: Any) -> None:
    """Tell of a message as if it were a little different."""
    backend = discord.env.backend
    stored = next(found[message] for found in backend.messages.values() if message in found)
    backend.emit(event, as_sent(backend, stored) | changed)


async def test_the_preview_of_a_link_is_no_edit(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        before = len(seat.heard)
        told = await seat.writes(f"{SAID} See https://example.org/")
        await seat.hears(before)
        tells(discord, "MESSAGE_UPDATE", told, embeds=PREVIEW)
        await nothing_was_said(seat, before + 1)
    # A bot that has just begun knows nothing of how a message read before.
    async with bot_in(discord, redis_url, embeddings):
        tells(discord, "MESSAGE_UPDATE", told, embeds=PREVIEW)
        await nothing_was_said(seat, before + 2)


async def test_a_deletion_before_the_rating_takes_the_message_back(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await seat.writes(SAID)
    await discord.deletes(told)
    await seat.says(MORE)
    assert [text for _, text in await seat.words(redis_store)] == [MORE]
    assert len(seat.heard) == before + 1


async def test_a_deletion_after_the_reply_strikes_the_line_and_says_nothing(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await seat.writes(SAID)
    await seat.hears(before)
    await discord.deletes(told)
    await wait_until(lambda: struck(redis_store, seat))
    await nothing_was_said(seat, before + 1)


async def struck(store: RedisStore, seat: Seat) -> bool:
    """Whether the only thing they have said is struck out."""
    return await lines(store, seat) == [(DELETED, "")]


@pytest.mark.parametrize("at_once", [False, True], ids=["one", "many at once"])
async def test_a_deletion_of_what_this_bot_has_never_seen_strikes_the_line(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path, at_once: bool
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        before = len(seat.heard)
        told = await seat.writes(SAID)
        await seat.hears(before)
    async with bot_in(discord, redis_url, embeddings):
        if at_once:
            discord.env.backend.bulk_delete_messages(seat.channel, [told, seat.heard[0].id])
        else:
            await discord.deletes(told)
        await wait_until(lambda: struck(redis_store, seat))
        await nothing_was_said(seat, len(seat.heard))


async def test_a_deletion_in_an_earlier_interview_of_the_same_channel_strikes_its_line(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    earlier = await seat.name(redis_store)
    before = len(seat.heard)
    told = await seat.writes(SAID)
    await seat.hears(before)
    await seat.ends()
    following = await sits_down(discord, seat.who)
    assert await following.name(redis_store) != earlier
    await following.says(MORE)
    before = len(following.heard)
    await discord.edits(told, "I would rather not say.")
    await discord.deletes(told)

    async def is_struck() -> bool:
        return [turn.kind for turn in await redis_store.transcript(earlier) if turn.message] == [DELETED]

    await wait_until(is_struck)
    await nothing_was_said(following, before)
    assert [text for _, text in await following.words(redis_store)] == [MORE]


async def test_an_edit_of_what_was_written_before_the_interview_is_no_answer(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        hello = await discord.writes(ana, "hello")
        await Table(discord, ana).hears(1)
        seat = await sits_down(discord, ana)
        before = len(seat.heard)
        await discord.edits(hello, "hello there")
        await discord.deletes(hello)
        await nothing_was_said(seat, before)
        assert await seat.words(redis_store) == []


# --- while nobody listened


async def test_what_was_written_while_the_bot_was_away_is_answered_once_when_it_is_back(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        early = await seat.writes("Who is paid, and when?")
        await seat.hears(len(seat.heard))
    before = len(seat.heard)
    await discord.deletes(early)
    first = await seat.writes("I would keep a referense.")
    second = await seat.writes("Nothing I want to keep.")
    third = await seat.writes(MORE)
    await discord.edits(first, SAID)
    await discord.deletes(second)
    async with bot_in(discord, redis_url, embeddings, pace=TYPING):
        await seat.hears(before)

        async def early_is_struck() -> bool:
            return (await lines(redis_store, seat))[0] == (DELETED, "")

        await wait_until(early_is_struck)
        assert (await seat.words(redis_store))[1:] == [(str(first), SAID), (str(third), MORE)]
        await nothing_was_said(seat, before + 1)
    async with bot_in(discord, redis_url, embeddings):
        await nothing_was_said(seat, before + 2)
        assert len(await lines(redis_store, seat)) == 3


async def test_an_edit_of_an_answer_while_the_bot_was_away_is_told_to_be_too_late_once(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        before = len(seat.heard)
        told = await seat.writes(SAID)
        await seat.hears(before)
    await discord.edits(told, "I would rather not say.")
    for _ in range(2):
        async with bot_in(discord, redis_url, embeddings):
            assert "already" in (await seat.hears(before + 1)).content
            await discord.until(lambda: discord.calls("GET", f"/channels/{seat.channel}/messages"))
            await wait_until(lambda: nothing_waits(redis_store))
    assert len(seat.heard) == before + 2
    assert await seat.words(redis_store) == [(str(told), SAID)]


async def test_a_wish_that_was_written_while_the_bot_was_away_is_granted(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        first = await seat.name(redis_store)
        await seat.ends()
    before = len(seat.heard)
    await seat.writes("start doordash quick")
    async with bot_in(discord, redis_url, embeddings):
        await Table(discord, ana).offered(actions.HINT)
        assert len(seat.heard) == before + 2
    assert await seat.name(redis_store) != first
    async with bot_in(discord, redis_url, embeddings):
        await nothing_was_said(seat, before + 2)


async def test_what_is_written_beside_an_interview_that_is_over_is_for_nobody_in_a_server(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana = discord.adds_user("ana")
        hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, ana, hall.id)
            await seat.ends()
            before = len(seat.heard)
            await discord.presses(ana, seat.heard[-1], buttons.CLOSE)
            await seat.hears(before)
            await seat.writes("Thanks, that was hard.")
        before = len(seat.heard)
        await seat.writes("I shall read the report tonight.")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            await discord.writes(ana, "hello")
            await Table(discord, ana).hears(1)
        assert len(seat.heard) == before


async def test_what_was_written_in_a_private_thread_while_the_bot_was_away_is_answered(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
        hall = discord.adds_guild("Acme", ana, bo).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, ana, hall.id)
        before = len(seat.heard)
        discord.env.backend.add_thread_member(seat.channel, bo.id)
        await discord.writes(bo, "I would just use one database.", channel=seat.channel)
        await seat.writes(SAID)
        async with bot_in(discord, redis_url, embeddings, reads=True):
            await seat.hears(before)
            assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_a_thread_that_was_put_away_before_the_bot_began_is_one_it_hears(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana = discord.adds_user("ana")
        hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, ana, hall.id)
        discord.archives(seat.channel)
        async with bot_in(discord, redis_url, embeddings, reads=True):
            await seat.says(SAID)
            assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_what_was_done_days_ago_is_not_done_again_when_nobody_remembers_it(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis: Any, embeddings: Path
) -> None:
    discord.advances(-CLAIM - 60)
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        await seat.says(SAID)
        assert "minutes" in (await seat.says("time")).content
        assert actions.RESUME in pressable(await seat.says("pause"))
    discord.advances(CLAIM + 60)
    forgotten = [key async for key in redis.scan_iter("mb:*:ev")]
    assert await redis.delete(*forgotten)
    before = len(seat.heard)
    async with bot_in(discord, redis_url, embeddings):
        await discord.until(lambda: discord.calls("GET", f"/channels/{seat.channel}/messages"))
        assert actions.RESUME not in pressable(await seat.presses(actions.RESUME))
    assert len(seat.heard) == before + 1


async def in_a_thread(discord: DiscordServer, who: UserHandle, channel: int) -> Seat:
    """A seat in an interview in a private thread."""
    await Table(discord, who).orders("start", channel=channel, about=QUESTION, length="quick", where="thread")
    (thread,) = await discord.until(lambda: discord.threads(channel))
    await Table(discord, who).offered(actions.HINT, channel=thread)
    return Seat(discord, who, thread)


# --- the connection


async def test_a_connection_that_is_cut_and_resumed_loses_and_repeats_nothing(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    await discord.connections.drop()
    await seat.writes(SAID)
    await seat.hears(before)
    assert discord.connections.resumed == 1
    assert [text for _, text in await seat.words(redis_store)] == [SAID]
    await nothing_was_said(seat, before + 1)


async def test_a_session_that_is_lost_loses_and_repeats_nothing(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with bot_in(discord, redis_url, embeddings):
        seat = await sits_down(discord, ana)
        await seat.says(SAID)
        before = len(seat.heard)
        await discord.connections.invalidate()
        await seat.writes(MORE)
        await seat.hears(before, within=30)
        assert (discord.connections.identified, discord.connections.resumed) == (2, 0)
        assert [text for _, text in await seat.words(redis_store)] == [SAID, MORE]
        await nothing_was_said(seat, before + 1)


async def test_two_shards_hear_what_each_of_them_is_told(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"], shards=2) as discord:
        ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
        hall = discord.adds_guild("Acme", bo, shard=1).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            await discord.connected(2)
            direct, aside = await sits_down(discord, ana), await in_a_thread(discord, bo, hall.id)
            for seat in (direct, aside):
                await seat.says(SAID)
                assert [text for _, text in await seat.words(redis_store)] == [SAID]


# --- the store is away


async def test_what_comes_while_the_store_is_away_is_heard_once_when_it_is_back(
    tmp_path: Path, embeddings: Path
) -> None:
    async with DiscordServer.running() as discord:
        ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
        hall = discord.adds_guild("Acme", ana, bo).create_text_channel("hall")
        server = await embedded.start(tmp_path)
        async with bot_in(discord, server.url, embeddings):
            for old in ("hello", "start apple"):
                await discord.writes(bo, f"{discord.mention} {old}", channel=hall)
            await discord.until(lambda: len(discord.said(hall)) == 1 and discord.said(discord.dm(bo)))
            await Table(discord, bo).offered(actions.HINT)
            seat = await sits_down(discord, ana)
            told = await seat.writes("Who is paid, and when?")
            await seat.hears(len(seat.heard))
            before, others = len(seat.heard), (len(discord.said(hall)), len(discord.said(discord.dm(bo))))
            os.kill(int((tmp_path / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
            await server.aclose()
            await discord.deletes(told)
            first = await seat.writes("I would keep a referense.")
            await discord.edits(first, SAID)
            await seat.writes(MORE)
            await discord.writes(bo, f"{discord.mention} hello", channel=hall)
            pressed = await discord.presses(ana, seat.pressable[-1], actions.TIME)
            assert (await Table(discord, ana).told(pressed)).content == AWAY
            server = await embedded.start(tmp_path)
            async with RedisStore.from_url(server.url) as store:

                async def heard() -> bool:
                    return [text for _, text in await seat.words(store) if text] == [SAID, MORE]

                await wait_until(heard, 30)
                assert (await lines(store, seat))[0] == (DELETED, "")
                await discord.until(lambda: len(discord.said(hall)) == others[0] + 1)
                await wait_until(lambda: nothing_waits(store))
            said = len(seat.heard)
            assert before < said <= before + 2
            await nothing_was_said(seat, said)
            assert len(discord.said(discord.dm(bo))) == others[1]
    assert await server.shutdown_if_last()


# --- who and what is not heard


async def keys(url: str) -> set[str]:
    """What the store has of interviews and people, and what workers are asked to do."""
    async with redis_client(url) as redis:
        found = {key.decode() async for key in redis.scan_iter(count=1000)}
    # A lock goes when its turn does, which may be a moment after its reply.
    return {key for key in found if (key.startswith("mb:") and not key.endswith(":lock")) or ":runs:" in key}


async def test_bots_webhooks_and_what_nobody_wrote_are_nothing(
    redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana = discord.adds_user("ana")
        other = discord.env.create_user("other", bot=True)
        guild = discord.adds_guild("Acme", ana, other)
        hall = guild.create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, ana, hall.id)
            await wait_until(lambda: nothing_waits(redis_store))
            before, name = len(seat.heard), await seat.name(redis_store)
            held = {key for key in await keys(redis_url) if name not in key}
            backend = discord.env.backend
            hers = {"id": str(ana.id), "username": "ana", "discriminator": "0", "avatar": None}
            for channel, text in ((hall.id, "start apple"), (seat.channel, SAID)):
                told = backend.create_message(channel, other.id, f"{discord.mention} {text}")
                by_webhook = {"id": str(told.id + 1), "webhook_id": str(guild.id + 1), "author": hers}
                tells(discord, "MESSAGE_CREATE", told.id, **by_webhook)
                tells(discord, "MESSAGE_CREATE", told.id, id=str(told.id + 2), type=6, author=hers)
            await nothing_was_said(seat, before)
            assert {key for key in await keys(redis_url) if name not in key} == held
            assert await seat.words(redis_store) == []
        assert discord.messages(discord.dm(ana)) == []


async def test_what_others_write_leaves_no_trace(redis_url: str, redis_store: RedisStore, embeddings: Path) -> None:
    async with DiscordServer.running(approved=["message_content"]) as discord:
        ana, bo = discord.adds_user("ana"), discord.adds_user("bo")
        hall = discord.adds_guild("Acme", ana, bo).create_text_channel("hall")
        async with bot_in(discord, redis_url, embeddings, reads=True):
            seat = await in_a_thread(discord, ana, hall.id)
            discord.env.backend.add_thread_member(seat.channel, bo.id)
            await wait_until(lambda: nothing_waits(redis_store))
            before, held = len(seat.heard), await keys(redis_url)
            await discord.writes(bo, "Is anybody up for lunch?", channel=hall)
            other = await discord.writes(bo, "I would just use one database.", channel=seat.channel)
            await discord.writes(ana, "Not me, I am being interviewed.", channel=hall)
            await discord.edits(other, "I would just use two databases.")
            pressed = await discord.presses(bo, seat.pressable[-1], actions.END)
            assert "person being interviewed" in (await Table(discord, bo).told(pressed)).content
            assert await keys(redis_url) == held
            await discord.deletes(other)
            await nothing_was_said(seat, before)
            assert await seat.words(redis_store) == []
            interview = await redis_store.interview(await seat.name(redis_store))
            assert interview
            assert interview.phase is not Phase.DEBRIEF
        assert discord.said(hall) == []
    assert await redis_store.threads(person(bo.id)) == ()


async def test_a_mention_in_a_channel_is_answered_there_and_an_interview_opens_in_private(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    hall = discord.adds_guild("Acme", ana).create_text_channel("hall")
    async with bot_in(discord, redis_url, embeddings):
        await discord.writes(ana, f"{discord.mention} hello", channel=hall)
        (hello,) = await discord.until(lambda: discord.said(hall))
        assert hello.mentions == ()
        assert actions.START in pressable(hello)
        await discord.writes(ana, f"{discord.mention} start doordash quick", channel=hall)
        await Table(discord, ana).offered(actions.HINT)
    assert len(discord.said(hall)) == 1
    assert await redis_store.room(room(hall.id)) is None


# --- files


async def quotes(store: RedisStore, seat: Seat) -> dict[str, tuple[str, str]]:
    """By point, the words that earned it and the message they are from."""
    interview = await store.interview(await seat.name(store))
    assert interview
    return {id: (p.evidence.quote, p.evidence.message) for id, p in interview.points.items() if p.evidence}


def exemplar(cache: Path, point: str) -> str:
    return known_by(cache)[1].case(QUESTION).guide.point(point).exemplars[0]


async def test_a_file_of_text_and_a_block_of_code_are_evidence(
    seat: Seat, redis_store: RedisStore, embeddings: Path
) -> None:
    ledger, parties = exemplar(embeddings, "double-entry-ledger"), exemplar(embeddings, "money-parties")
    before = len(seat.heard)
    file = await seat.writes("My notes:", attachments=[("notes.md", f"# Notes\n\n{ledger}\n".encode())])
    await seat.hears(before)
    assert (await quotes(redis_store, seat))["double-entry-ledger"] == (ledger, str(file))
    before = len(seat.heard)
    code = await seat.writes(f"```\n# {parties}\nSELECT 1 < 2;\n```")
    await seat.hears(before)
    quote, message = (await quotes(redis_store, seat))["money-parties"]
    assert (quote in parties, message) == (True, str(code))


async def test_what_is_too_long_for_a_message_comes_as_a_file_and_is_read(
    seat: Seat, redis_store: RedisStore, embeddings: Path
) -> None:
    ledger = exemplar(embeddings, "double-entry-ledger")
    before = len(seat.heard)
    # What Discord's own client makes of a long text that is pasted.
    padding = "\n\n".join(f"We have step {number} of the plan here." for number in range(2_600))
    told = await seat.writes(attachments=[("message.txt", f"{ledger}\n\n{padding}".encode())])
    assert len(padding) > 90_000
    await seat.hears(before)
    ((message, text),) = await seat.words(redis_store)
    assert message == str(told)
    assert ledger in text


async def test_a_picture_and_a_voice_message_that_nobody_can_take_in_are_said_to_be_so(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    sketch = await seat.says(attachments=[("sketch.png", PNG + bytes(40_000))])
    assert "sketch.png" in sketch.content
    before = len(seat.heard)
    await discord.speaks(seat.who, b"OggS" + bytes(9_000))
    assert "voice-message.ogg" in (await seat.hears(before)).content
    assert await seat.words(redis_store) == []
    both = await seat.says(SAID, attachments=[("second.png", PNG + bytes(4_000_000))])
    assert "second.png" in both.content
    assert [text for _, text in await seat.words(redis_store)] == [SAID]


async def test_a_file_that_is_too_large_or_gone_is_said_to_be_so(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    large = await seat.says(attachments=[("everything.txt", b"a word " * 1_000_000)])
    assert "everything.txt" in large.content
    before = len(seat.heard)
    await seat.writes(attachments=[("lost.txt", SAID.encode())])
    cdn = discord.env.backend.cdn
    assert isinstance(cdn, Cdn)
    del cdn.content[next(path for path in cdn.content if path.endswith("lost.txt"))]
    assert "lost.txt" in (await seat.hears(before)).content
    assert await seat.words(redis_store) == []


async def test_a_file_that_is_not_at_discord_is_not_fetched(
    discord: DiscordServer, seat: Seat, redis_store: RedisStore
) -> None:
    async with DiscordServer.running() as elsewhere:
        before = len(seat.heard)
        there = elsewhere.env.backend.store_attachments(1, [("notes.txt", SAID.encode())])
        told = discord.env.backend.create_message(seat.channel, seat.who.id, "", attachments=there)
        assert "notes.txt" in (await seat.hears(before)).content
        assert str(told.id) not in [message for message, _ in await seat.words(redis_store)]


async def test_a_picture_and_a_voice_message_are_taken_in_where_a_model_can(
    discord: DiscordServer, ana: UserHandle, redis_url: str, redis_store: RedisStore, embeddings: Path, model: Model
) -> None:
    senses = {"vision_model": "openai:eyes", "transcription_model": "ears"}
    chosen = settings(discord, embeddings, **spoken(model.url), **senses)
    async with connected(chosen, redis_url, interviewer(chosen, model.known), model.known, TYPING):
        seat = await sits_down(discord, ana)
        await seat.says(attachments=[("sketch.png", PNG)])
        before = len(seat.heard)
        await discord.speaks(ana, b"OggS" + bytes(900))
        await seat.hears(before)
        sketch, voice = [text for _, text in await seat.words(redis_store)]
    assert "Picture sketch.png" in sketch
    assert "Voice clip voice-message.ogg" in voice
