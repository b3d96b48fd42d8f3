"""A reply while it is worded, and when it can't be said as it should: it ends as one message, plainer if need be, or as none."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bot.letters import KEPT, SENT
from bot.people import sitting
from bot.picture import picture
from bot.slack import buttons as row
from bot.slack.cards import UNDRAWN
from bot.slack.clients import LONGEST_WAIT, Clients
from bot.slack.places import Place, person, place
from bot.slack.platform import Letter, SlackPlatform
from bot.slack.presence import Presence
from bot.slack.rendering import plainly
from bot.slack.service import Slack
from bot.slack.streams import Streams
from interviewer.memory import MemoryStore
from interviewer.model import MoveKind, Phase, Speaker, Turn
from interviewer.ports import Post
from interviewer.scoring import scorecard
from interviewer.store import RedisStore
from tests.cases import CASE, Drive
from tests.fakes import wait_until
from tests.slack import SlackServer, User, buttons, text_of
from tests.slack_bot import SWIFT, Model, Seat, Table, known_by, over_socket, settings, words_of
from tests.test_engine import mentions

SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
ASKED = "What if **two** workers pick up the same charge?"
DOCKET = b"mockingbird:runs:"


# --- with a language model ---


async def streaming(slack: SlackServer) -> str:
    """The ts of the message that is being streamed."""
    return (await slack.until(lambda: slack.open_streams))[0].ts


def pumps() -> list[str]:
    """The tasks that hand on what is being worded."""
    return [name for task in asyncio.all_tasks() if "Streams" in (name := str(task.get_coro()))]


async def nothing_is_left(slack: SlackServer, redis: Any, seat: Seat) -> None:
    """No stream, no task, and no key but what docket remembers for a minute."""

    async def forgotten() -> bool:
        found = await mentions(redis, seat.name, person(seat.who.team, seat.who.id))
        return all([key.startswith(DOCKET) and 0 < await redis.ttl(key) <= 60 for key in found])

    await slack.until(lambda: not slack.open_streams)
    await wait_until(forgotten)
    assert pumps() == []


@pytest.mark.parametrize("works", [True, False])
async def test_who_is_forgotten_while_a_reply_is_streamed_leaves_nothing(
    slack: SlackServer, ana: User, model: Model, redis_url: str, redis: Any, embeddings: Path, *, works: bool
) -> None:
    environment = model.settings(slack, embeddings)
    async with over_socket(environment, redis_url, model.leads, model.known) as bot:
        seat = await Table(slack, ana).sits_down()
        model.reads(hang=True)
        await seat.types(SAID)
        ts = await streaming(slack)
        if works:
            await bot.engine.forget(person(ana.team, ana.id))
        else:
            takes_in = replace(SWIFT, works=False)
            async with over_socket(environment, redis_url, model.leads, model.known, takes_in) as other:
                await other.engine.forget(person(ana.team, ana.id))
        await nothing_is_left(slack, redis, seat)
        assert ts not in {m["ts"] for m in seat.heard}


async def test_who_is_forgotten_while_slack_is_slow_to_stop_a_stream_leaves_none_open(
    slack: SlackServer, ana: User, model: Model, redis_url: str, redis: Any, embeddings: Path
) -> None:
    environment = model.settings(slack, embeddings)
    async with over_socket(environment, redis_url, model.leads, model.known) as bot:
        seat = await Table(slack, ana).sits_down()
        model.reads_slowly()
        slack.fail("chat.stopStream", status=429, retry_after=1)
        await seat.types(SAID)
        await streaming(slack)
        model.go_on.set()
        await slack.until(lambda: slack.calls("chat.stopStream"))
        assert slack.open_streams
        await bot.engine.forget(person(ana.team, ana.id))
        await nothing_is_left(slack, redis, seat)


async def test_a_reply_that_a_draining_worker_was_streaming_is_said_once_by_the_next(
    slack: SlackServer, ana: User, model: Model, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    environment = model.settings(slack, embeddings)
    async with over_socket(environment, redis_url, model.leads, model.known) as bot:
        seat = await Table(slack, ana).sits_down()
        before = len(seat.heard)
        model.reads(hang=True)
        told = await seat.types(SAID)
        await streaming(slack)
        await bot.engine.drain(within=0.05)
        assert slack.open_streams == []
        assert pumps() == []
        assert len(seat.heard) == before
    model.recovers()
    async with over_socket(environment, redis_url, model.leads, model.known):
        await seat.hears(before)
        await slack.until(lambda: seat.pressable == [seat.heard[-1]["ts"]])
    assert len(seat.heard) == before + 1
    assert slack.open_streams == []
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]


async def test_where_slack_does_not_stream_one_message_is_posted_and_becomes_the_reply(
    slack: SlackServer, ana: User, model: Model, redis_url: str, embeddings: Path
) -> None:
    async with over_socket(model.settings(slack, embeddings), redis_url, model.leads, model.known):
        seat = await Table(slack, ana).sits_down()
        slack.fail("chat.startStream", "unknown_method", times=100)
        for text in (SAID, "Every request carries it, and the provider remembers it for a day."):
            before, posts = len(seat.heard), len(slack.calls("chat.postMessage"))
            model.reads_slowly()
            await seat.types(text)
            told = await slack.until(lambda before=before: seat.heard[before:])
            assert row.HINT not in buttons(told[0]), "it is not all there yet"
            model.go_on.set()
            await slack.until(lambda told=told: seat.pressable == [told[0]["ts"]])
            assert len(seat.heard) == before + 1
            assert len(slack.calls("chat.postMessage")) == posts + 1
    assert len(slack.calls("chat.startStream")) == 1
    assert slack.calls("chat.stopStream") == []


async def test_slacks_stop_button_is_there_while_a_reply_is_prepared_and_no_longer(
    slack: SlackServer, ana: User, model: Model, redis_url: str, embeddings: Path
) -> None:
    async with over_socket(model.settings(slack, embeddings), redis_url, model.leads, model.known):
        seat = await Table(slack, ana).sits_down()
        await slack.until(lambda: slack.session(seat.channel, seat.thread) == "active")
        await seat.types(SAID)
        await slack.until(lambda: sessions(slack) == ["active", "processing", "active"])
        model.reads(hang=True)
        before = len(seat.heard)
        await seat.types("Every request carries it.")
        ts = await streaming(slack)
        await slack.until(lambda: slack.session(seat.channel, seat.thread) == "processing")
        await (await slack.stops(ana, seat.channel, seat.thread)).acked
        await slack.until(lambda: len(seat.heard) == before + 1 and seat.heard[-1]["ts"] != ts)
        await slack.until(lambda: slack.session(seat.channel, seat.thread) == "active")
        assert slack.open_streams == []
        # Where no reply is coming that would show it, Slack is told.
        await slack.until(lambda: sessions(slack)[-1] == "active")
        told = len(sessions(slack))
        await (await slack.stops(ana, seat.channel, seat.thread)).acked
        await slack.until(lambda: sessions(slack)[told:] == ["active"])


def sessions(slack: SlackServer) -> list[str]:
    """What Slack was told of the sessions, in turn."""
    return [call.args["status"] for call in slack.calls("agents.sessions.setStatus")]


# --- without one ---


async def test_a_slack_without_sessions_is_asked_once_and_nothing_else_suffers(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    slack.fail("agents.sessions.setStatus", "unknown_method", times=100)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        seat = await Table(slack, ana).sits_down()
        for text in (SAID, "Every request carries it."):
            asked = len(slack.statuses(seat.channel, seat.thread))
            await seat.says(text)
            await slack.until(lambda asked=asked: slack.statuses(seat.channel, seat.thread)[asked:])
    assert sessions(slack) == ["active"]
    assert slack.statuses(seat.channel, seat.thread)[-1] == ""


@pytest.fixture
async def clients(slack: SlackServer) -> AsyncGenerator[Clients]:
    async def token(_: str) -> str:
        return slack.bot.token

    async with Clients.open(slack.environment()["SLACK_API_URL"], token) as clients:
        yield clients


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: 0.0)


@pytest.fixture
async def posting(clients: Clients, store: MemoryStore) -> AsyncGenerator[SlackPlatform]:
    platform = SlackPlatform(clients, store, Presence(clients))
    yield platform
    await platform.aclose()


async def thread_of(slack: SlackServer, store: MemoryStore, who: User, **more: Any) -> Post:
    """What the interviewer says in a thread of somebody's; `more` is about its first message."""
    slack.is_down(True)
    told = await slack.types(who, None, "start", **more)
    candidate, thread = person(who.team, who.id), Place(who.team, slack.dm(who).id, told.ts).thread
    await store.begun(candidate, thread, "i1", 1.0)
    return Post("k", thread, Turn(Speaker.INTERVIEWER, Phase.DESIGN, MoveKind.PROBE, ASKED, 1.0), candidate=candidate)


async def test_a_message_that_is_edited_while_it_is_worded_stays_one(
    slack: SlackServer, ana: User, clients: Clients, store: MemoryStore
) -> None:
    post = await thread_of(slack, store, ana)
    slack.fail("chat.startStream", "feature_not_enabled")
    streams, client = Streams(clients, store), await clients.of(ana.team)
    for words in ("What if", "What if **two** workers", ASKED):
        streams.come(post.thread, post.candidate, words)
        await slack.until(lambda words=words: [text_of(m) for m in slack.said(slack.dm(ana))] == [words])
    (said,) = slack.said(slack.dm(ana))
    assert (await store.notes(post.thread))["stream"] == said["ts"]
    assert await streams.ended(client, post.thread, await store.notes(post.thread)) == said["ts"]
    assert len(slack.calls("chat.startStream")) == 1
    assert len(slack.calls("chat.update")) == 2
    await streams.aclose()


async def test_what_can_not_be_laid_out_is_said_plainly(
    slack: SlackServer, ana: User, posting: SlackPlatform, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    # No button takes so long a value.
    post = await thread_of(slack, store, ana, ts="1700000000." + 3_000 * "0")
    await posting.post(post)
    (said,) = slack.said(slack.dm(ana))
    assert text_of(said) == ASKED
    assert buttons(said) == {}
    assert "could not be rendered: SlackObjectFormationError" in caplog.text
    assert ASKED not in caplog.text


async def test_a_scorecard_that_can_not_be_laid_out_says_where_all_of_it_is(
    slack: SlackServer, ana: User, posting: SlackPlatform, store: MemoryStore
) -> None:
    drive = Drive()
    drive.start()
    drive.answer("lending")
    card = replace(scorecard(drive.state, CASE), dimensions=(cast("Any", None),))
    post = await thread_of(slack, store, ana)
    await posting.post(replace(post, scorecard=card))
    words, said = slack.said(slack.dm(ana))
    assert text_of(words) == ASKED
    assert text_of(said).startswith(UNDRAWN)
    assert {row.REPORT, row.ANSWER, row.END, row.FEEDBACK} <= set(buttons(said))


async def test_what_is_noted_of_posts_does_not_grow(
    slack: SlackServer, ana: User, posting: SlackPlatform, store: MemoryStore, clients: Clients
) -> None:
    post = await thread_of(slack, store, ana)
    for number in range(30):
        await posting.post(replace(post, key=f"k{number}"))
        notes = await store.notes(post.thread)
        assert set(notes) == {f"{SENT}k{number}/0", "last"}
    client, dm = await clients.of(ana.team), slack.dm(ana)
    for number in range(30):
        await posting.send(client, post.candidate, Letter(f"e{number}", dm.id, "", plainly(ASKED)[0]))
        await posting.send(client, post.candidate, Letter(f"e{number}", dm.id, "", plainly(ASKED)[0]))
    notes = await store.notes(post.candidate)
    assert f"{SENT}e29" in notes
    assert len(notes) <= KEPT + 1
    assert len(slack.said(dm)) == 60


async def test_a_thread_slack_refuses_a_session_for_is_no_reason_to_do_without_elsewhere(
    slack: SlackServer, ana: User, clients: Clients, store: MemoryStore
) -> None:
    presence, post = Presence(clients), await thread_of(slack, store, ana)
    room = slack.adds_channel("backend", ana, with_bot=False)
    await presence.ready(Place(ana.team, room.id, "1700000000.000001"))
    await presence.ready(place(post.thread))
    assert [call.answer["ok"] for call in slack.calls("agents.sessions.setStatus")] == [False, True]


# --- Slack is slow ---


@pytest.fixture
async def bot(slack: SlackServer, redis_url: str, embeddings: Path) -> AsyncGenerator[Slack]:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)) as running:
        yield running


@pytest.fixture
async def seat(slack: SlackServer, ana: User, bot: Slack) -> Seat:
    return await Table(slack, ana).sits_down()


async def test_a_call_that_slack_wants_to_come_much_later_is_left_to_the_next_try_of_its_turn(
    slack: SlackServer, seat: Seat
) -> None:
    before = len(seat.heard)
    slack.fail("chat.postMessage", status=429, retry_after=int(LONGEST_WAIT) + 1)
    await seat.types(SAID)
    await slack.until(lambda: len(seat.heard) == before + 1)
    refused, taken = slack.calls("chat.postMessage")[-2:]
    assert taken.at - refused.at < LONGEST_WAIT
    assert "minutes" in text_of(await seat.presses(row.TIME))
    assert len(seat.heard) == before + 2
    assert seat.heard[-2]["metadata"]["event_payload"]["key"] != seat.heard[-1]["metadata"]["event_payload"]["key"]


@pytest.mark.parametrize(("looks", "shown"), [(3, True), (1000, False)])
async def test_a_scorecard_waits_for_its_picture_a_while_and_does_without_it_but_not_without_its_buttons(
    looks: int, shown: bool, slack: SlackServer, seat: Seat
) -> None:
    def slowed() -> bool:
        for file in slack.files:
            file.looks = looks
        return bool(slack.files)

    slowing = asyncio.create_task(slack.until(slowed))
    card = await Table(slack, seat.who).ends(seat.thread)
    await slowing
    message = next(m for m in seat.heard if m["ts"] == card)
    assert ("image" in {block["type"] for block in message["blocks"]}) is shown
    assert {row.REPORT, row.ANSWER, row.SHARE, row.END, row.FEEDBACK} <= set(buttons(message))
    assert "context_actions" in {block["type"] for block in message["blocks"]}


async def test_every_picture_of_a_scorecard_has_the_day_its_interview_began_where_its_candidate_is(
    slack: SlackServer, bot: Slack, redis: Any, embeddings: Path
) -> None:
    seat = await Table(slack, slack.adds_user("kai", tz="Pacific/Kiritimati")).sits_down()
    line = json.loads(await redis.lindex(f"mb:{{t:{seat.name}}}:log", 0))
    line["at"] = datetime.fromisoformat("2026-03-01T12:00:00+00:00").timestamp()
    await redis.lset(f"mb:{{t:{seat.name}}}:log", 0, json.dumps(line))
    await Table(slack, seat.who).ends(seat.thread)
    await (await slack.slash(seat.who, None, "/interview", "score")).acked
    await slack.until(lambda: len(slack.files) == 2 and slack.files[1].complete)
    found = await sitting(bot.store, known_by(embeddings)[1], seat.name)
    assert found
    assert found.card
    drawn = await picture(found.card, date(2026, 3, 2))
    assert [file.content == drawn for file in slack.files] == [True, True]
