"""What reaches the bot from Slack, in whatever order and however often: what of it is heard, once, and what never is."""

import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.slack import buttons as row
from bot.slack.service import DOCKET, Slack
from interviewer import embedded
from interviewer.model import DELETED, Format, Phase
from interviewer.raters.language import keywords, sentences
from interviewer.store import RedisStore
from tests.fakes import redis_client, wait_until
from tests.slack import Delivery, SlackServer, Upload, User, buttons, text_of
from tests.slack_bot import SWIFT, Seat, Table, at_rest, known_by, over_http, over_socket, settings, words_of

QUESTION = "doordash-payments"
SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def seat(slack: SlackServer, ana: User, bot: Slack) -> Seat:
    """A seat in an interview."""
    return await Table(slack, ana).sits_down()


Answering = Callable[[], AbstractAsyncContextManager[Slack]]


@pytest.fixture
async def unhurried(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> AsyncGenerator[tuple[Seat, Answering]]:
    """A seat where all that is written is taken in, and nobody answers before the second is entered: however long a busy
    machine takes to write some messages, nobody was quiet in between."""

    def bot(*, works: bool = True) -> AbstractAsyncContextManager[Slack]:
        pace = replace(SWIFT, works=works)
        return over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings), pace)

    async with bot():
        seat = await Table(slack, ana).sits_down()
    async with bot(works=False):
        yield seat, bot


async def nothing_was_said(seat: Seat, before: int) -> None:
    """The next thing that is said is the time, which is asked for now."""
    told = await seat.presses(row.TIME)
    assert "minutes" in text_of(told)
    assert len(seat.heard) == before + 1


async def kept(slack: SlackServer, deed: Callable[[], Awaitable[Delivery]]) -> Delivery:
    """Something that is done and not told yet; `redeliver` tells it."""
    slack.is_down(True)
    delivery = await deed()
    slack.is_down(False)
    return delivery


async def tell(slack: SlackServer, delivery: Delivery, **how: bool) -> None:
    await (await slack.redeliver(delivery, **how)).acked


# --- answers ---


async def test_what_is_typed_in_a_burst_is_one_turn(
    slack: SlackServer, unhurried: tuple[Seat, Answering], redis_store: RedisStore
) -> None:
    seat, answering = unhurried
    before = len(seat.heard)
    pieces = ["I would keep a reference of our own", "with every charge", "so that a retry finds the first one"]
    for piece in pieces:
        await seat.types(piece)
    async with answering():
        await seat.hears(before)
        assert [text for _, text in await words_of(redis_store, seat)] == pieces
        await nothing_was_said(seat, before + 1)
    mine = [m for m in slack.messages(seat.channel, seat.thread) if m["user"] == seat.who.id][-3:]
    assert [[r["name"] for r in m["reactions"]] for m in mine] == [["eyes"]] * 3


async def test_what_is_said_to_start_is_where_the_interview_is(seat: Seat, redis_store: RedisStore) -> None:
    interview = await redis_store.interview(seat.name)
    assert interview
    assert (interview.settings.question, interview.settings.format) == (QUESTION, Format.QUICK)
    assert interview.candidate == f"slack:{seat.who.team}:{seat.who.id}"


async def test_a_message_beside_the_thread_is_an_answer_in_it(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await slack.types(seat.who, None, SAID)
    await seat.hears(before)
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]
    assert slack.said(seat.channel, told.ts) == []
    edit = await slack.edits(seat.channel, told.ts, f"{SAID} Sorry, twice.")
    await edit.acked
    await seat.hears(before + 1)
    assert [text for _, text in await words_of(redis_store, seat)] == [SAID]


async def test_a_word_that_is_a_command_is_one_in_the_thread_and_beside_it(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    await seat.says("Hint")
    before = len(seat.heard)
    await (await slack.types(seat.who, None, "time")).acked
    assert "minutes" in text_of(await seat.hears(before))
    assert await words_of(redis_store, seat) == []


# --- edits and deletions ---


async def test_an_edit_before_the_rating_counts(
    slack: SlackServer, unhurried: tuple[Seat, Answering], redis_store: RedisStore
) -> None:
    seat, answering = unhurried
    before = len(seat.heard)
    told = await seat.types("I would keep a referense.")
    await (await slack.edits(seat.channel, told.ts, SAID)).acked
    async with answering():
        await seat.hears(before)
        assert await words_of(redis_store, seat) == [(told.ts, SAID)]
        await nothing_was_said(seat, before + 1)


async def test_an_edit_that_overtakes_its_message_counts(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await kept(slack, lambda: slack.types(seat.who, seat.channel, "I would kepe one.", thread=seat.thread))
    edit = await kept(slack, lambda: slack.edits(seat.channel, told.ts, SAID))
    await tell(slack, edit)
    await seat.hears(before)
    await tell(slack, told)
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]
    await nothing_was_said(seat, before + 1)


async def test_an_edit_after_the_reply_is_told_to_be_too_late(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    told = await seat.types(SAID)
    before = len(seat.heard)
    await seat.hears(before)
    edit = await slack.edits(seat.channel, told.ts, "I would rather not say.")
    late = await seat.hears(before + 1)
    assert "already" in text_of(late)
    for headers in (True, False):
        await tell(slack, edit, headers=headers)
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]
    await nothing_was_said(seat, before + 2)


async def test_slack_unfurling_a_link_is_no_edit(slack: SlackServer, seat: Seat, redis_store: RedisStore) -> None:
    before = len(seat.heard)
    told = await seat.types(SAID)
    await seat.hears(before)
    message = told.payload["event"]
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": seat.channel,
        "ts": told.ts,
        "message": {**message, "attachments": [{"title": "a page"}]},
        "previous_message": message,
    }
    told.payload["event"] = event
    await tell(slack, told, new_event_id=True)
    await nothing_was_said(seat, before + 1)


async def test_a_deletion_before_the_rating_takes_the_message_back(
    slack: SlackServer, unhurried: tuple[Seat, Answering], redis_store: RedisStore
) -> None:
    seat, answering = unhurried
    before = len(seat.heard)
    told = await seat.types(SAID)
    await (await slack.deletes(seat.channel, told.ts)).acked
    async with answering():
        await nothing_was_said(seat, before)
        assert await words_of(redis_store, seat) == []


async def test_a_deletion_that_overtakes_its_message_takes_it_back(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await kept(slack, lambda: slack.types(seat.who, seat.channel, SAID, thread=seat.thread))
    await (await slack.deletes(seat.channel, told.ts)).acked
    await nothing_was_said(seat, before)
    await tell(slack, told)
    await nothing_was_said(seat, before + 1)
    assert await words_of(redis_store, seat) == []


async def test_a_deletion_after_the_reply_strikes_the_line_and_says_nothing(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await seat.types(SAID)
    await seat.hears(before)
    deletion = await slack.deletes(seat.channel, told.ts)
    await tell(slack, deletion)
    await nothing_was_said(seat, before + 1)
    lines = [turn for turn in await redis_store.transcript(seat.name) if turn.message]
    assert [(line.kind, line.text) for line in lines] == [(DELETED, "")]


async def test_an_edit_of_what_was_said_in_an_earlier_interview_is_no_answer_in_the_next(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await slack.types(seat.who, None, SAID)
    await seat.hears(before)
    await Table(slack, seat.who).ends(seat.thread)
    await seat.presses(row.END)
    following = await Table(slack, seat.who).sits_down()
    before = len(following.heard)
    await (await slack.edits(seat.channel, told.ts, "I would rather not say.")).acked
    await nothing_was_said(following, before)
    assert await words_of(redis_store, following) == []


async def test_an_edit_of_what_was_written_before_the_interview_is_no_answer(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        table = Table(slack, ana)
        hello = await slack.types(ana, None, "hello")
        await slack.until(lambda: table.offering(slack.dm(ana), None, row.START))
        seat = await table.sits_down()
        before = len(seat.heard)
        await (await slack.edits(seat.channel, hello.ts, "hello there")).acked
        await (await slack.edits(seat.channel, seat.thread, "start doordash quick, please")).acked
        await (await slack.deletes(seat.channel, hello.ts)).acked
        await nothing_was_said(seat, before)
        assert await words_of(redis_store, seat) == []


# --- redelivery ---


@pytest.mark.parametrize("how", [{}, {"headers": False}, {"new_event_id": True}])
async def test_what_is_delivered_again_is_heard_once(
    slack: SlackServer, seat: Seat, redis_store: RedisStore, how: dict[str, bool]
) -> None:
    before = len(seat.heard)
    told = await slack.types(seat.who, seat.channel, SAID, thread=seat.thread)
    await tell(slack, told, **how)
    await seat.hears(before)
    await slack.until(lambda: slack.statuses(seat.channel, seat.thread)[-1] == "")
    await tell(slack, told, **how)
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]
    await nothing_was_said(seat, before + 1)
    assert slack.statuses(seat.channel, seat.thread).count("is reading your answer…") == 1


async def test_a_retry_that_is_the_only_delivery_is_heard(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    told = await kept(slack, lambda: slack.types(seat.who, seat.channel, SAID, thread=seat.thread))
    await tell(slack, told)
    await seat.hears(before)
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]


async def test_messages_that_arrive_out_of_order_are_heard_in_the_order_they_were_written(
    slack: SlackServer, unhurried: tuple[Seat, Answering], redis_store: RedisStore
) -> None:
    seat, answering = unhurried
    before = len(seat.heard)
    first = await kept(slack, lambda: slack.types(seat.who, seat.channel, "We keep a reference.", thread=seat.thread))
    await seat.types("A retry finds it.")
    await tell(slack, first)
    async with answering():
        await seat.hears(before)
        assert [text for _, text in await words_of(redis_store, seat)] == ["We keep a reference.", "A retry finds it."]
        await nothing_was_said(seat, before + 1)


async def test_a_mention_in_a_thread_is_told_twice_and_heard_once(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    team = slack.adds_channel("backend", ana)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        seat = await in_channel(slack, ana, team.id)
        before = len(seat.heard)
        told = await slack.types(ana, team, f"{slack.mention} {SAID}", thread=seat.thread)
        assert [d.payload["event"]["type"] for d in (told, *told.also)] == ["app_mention", "message"]
        await seat.hears(before)
        assert await words_of(redis_store, seat) == [(told.ts, SAID)]
        await (await slack.types(ana, team, f"{slack.mention} time", thread=seat.thread)).acked
        assert "minutes" in text_of(await seat.hears(before + 1))
        assert len(seat.heard) == before + 2


async def in_channel(slack: SlackServer, who: User, channel: str) -> Seat:
    """A seat in an interview in a channel's thread."""
    await (await slack.slash(who, channel, "/interview")).acked
    await slack.until(lambda: slack.modal(who))
    chosen = {"question": QUESTION, "format": "quick", "where": "thread"}
    await (await slack.submits(who, None, {name: {name: value} for name, value in chosen.items()})).acked
    root = (await slack.until(lambda: slack.said(channel)))[0]
    seat = Seat(slack, who, channel, root["ts"])
    await slack.until(lambda: seat.pressable)
    return seat


# --- acknowledging ---


@asynccontextmanager
async def reached(way: str, slack: SlackServer, url: str, cache: Path) -> AsyncGenerator[None]:
    chosen, known = settings(slack, cache), known_by(cache)
    if way == "socket":
        async with over_socket(chosen, url, *known):
            yield
        return
    async with over_http(chosen, url, *known) as address:
        slack.delivers_to(f"{address}/slack/events")
        yield


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_what_could_not_be_kept_is_not_acknowledged_and_heard_once_when_it_comes_again(
    way: str, slack: SlackServer, ana: User, tmp_path: Path, embeddings: Path
) -> None:
    server = await embedded.start(tmp_path)
    async with reached(way, slack, server.url, embeddings):
        seat = await Table(slack, ana).sits_down()
        before = len(seat.heard)
        os.kill(int((tmp_path / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
        await server.aclose()
        told = await slack.types(ana, seat.channel, SAID, thread=seat.thread)
        order = await slack.slash(ana, None, "/interview", "time")
        ack = await order.acked
        assert "try again" in str(ack.body)
        assert ack.seconds < 3
        if way == "http":
            refused = await told.acked
            assert refused.status == 500
            assert refused.seconds < 3
        server = await embedded.start(tmp_path)
        assert way == "http" or not told.answer.done()
        await tell(slack, told)
        await seat.hears(before)
        await tell(slack, told)
        async with RedisStore.from_url(server.url) as store:
            assert await words_of(store, seat) == [(told.ts, SAID)]
        await nothing_was_said(seat, before + 1)
    assert await server.shutdown_if_last()


# --- greetings ---


async def test_nonsense_is_greeted_once_however_often_it_is_told(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        told = await slack.types(ana, None, "colourless green ideas sleep furiously in the old town hall")
        hello = await Table(slack, ana).hears(slack.dm(ana).id, told.thread, 1)
        assert {row.START, row.SURPRISE} <= set(buttons(hello))
        for how in ({}, {"headers": False}, {"new_event_id": True}):
            await tell(slack, told, **how)
        await Table(slack, ana).begins("start doordash quick")
        assert len(slack.said(slack.dm(ana), told.thread)) == 1


async def test_a_wish_that_fits_nothing_says_so_and_how_to_begin(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        told = await slack.types(ana, None, "start paymants")
        hello = await Table(slack, ana).hears(slack.dm(ana).id, told.thread, 1)
        assert "payments" in text_of(hello)
        assert row.START in buttons(hello)


# --- who and what is not heard ---


async def keys(url: str) -> set[str]:
    """What the store has of interviews and people, and what workers are asked to do for them, once all of it has been done."""
    async with redis_client(url) as redis:
        await wait_until(lambda: at_rest(redis))
        found = {key.decode() async for key in redis.scan_iter(count=1000)}
    # The sweep is asked for by the worker itself, when it begins.
    return {key for key in found if key.startswith("mb:") or (":runs:" in key and key != f"{DOCKET}:runs:sweep")}


OTHERS: dict[str, dict[str, Any]] = {
    "another bot": {"bot_id": "B0OTHER"},
    "another app": {"app_id": "A0OTHER"},
    "a bot's message": {"subtype": "bot_message", "bot_id": "B0OTHER"},
    "a join": {"subtype": "channel_join"},
    "a topic": {"subtype": "channel_topic"},
    "a /me": {"subtype": "me_message"},
    "a reminder": {"subtype": "reminder_add"},
    "a pinned item": {"subtype": "pinned_item"},
    "a tombstone": {"subtype": "tombstone"},
    "something of the future": {"subtype": "telepathy"},
}


async def test_bots_apps_and_all_other_subtypes_are_nothing(
    slack: SlackServer, seat: Seat, redis_url: str, redis_store: RedisStore
) -> None:
    before, held = len(seat.heard), await keys(redis_url)
    for more in OTHERS.values():
        told = await slack.types(seat.who, seat.channel, SAID, thread=seat.thread, **more)
        assert (await told.acked).status == 200
    assert await keys(redis_url) <= held
    await nothing_was_said(seat, before)
    assert await words_of(redis_store, seat) == []


async def test_an_empty_message_is_nothing(slack: SlackServer, seat: Seat) -> None:
    before = len(seat.heard)
    await (await slack.types(seat.who, seat.channel, "  ", thread=seat.thread)).acked
    await nothing_was_said(seat, before)


async def test_what_others_write_in_a_channel_leaves_no_trace(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    bo = slack.adds_user("bo")
    team = slack.adds_channel("backend", ana, bo)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        seat = await in_channel(slack, ana, team.id)
        before, held = len(seat.heard), await keys(redis_url)
        mine = await slack.types(bo, team, "Is anybody up for lunch?")
        other = await slack.types(bo, team, "I would just use one database.", thread=seat.thread)
        for told in (
            mine,
            other,
            await slack.types(ana, team, "Not me, I am being interviewed."),
            await slack.types(ana, team, "Bring me something?", thread=mine.ts),
            await slack.edits(team, other.ts, "I would just use two databases."),
            await slack.deletes(team, other.ts),
        ):
            assert (await told.acked).status == 200
        assert await keys(redis_url) <= held
        await nothing_was_said(seat, before)
        assert await words_of(redis_store, seat) == []
        pressed = await slack.presses(bo, team, seat.pressable[-1], row.END)
        await pressed.acked
        told = (await slack.until(lambda: slack.ephemerals(bo)))[0]
        assert "person being interviewed" in text_of(told)
        interview = await redis_store.interview(seat.name)
        assert interview
        assert interview.phase is not Phase.DEBRIEF


@pytest.mark.parametrize("mark", ["is_restricted", "is_ultra_restricted"])
async def test_a_guest_is_told_that_interviews_are_for_members(
    slack: SlackServer, redis_url: str, embeddings: Path, mark: str
) -> None:
    marked: dict[str, Any] = {mark: True}
    guest = slack.adds_user("guest", **marked)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        told = await slack.types(guest, None, "start doordash quick")
        only = (await slack.until(lambda: slack.ephemerals(guest)))[0]
        assert "members of this workspace" in text_of(only)
        assert slack.said(slack.dm(guest), told.thread) == []
    async with RedisStore.from_url(redis_url) as store:
        assert await store.threads(f"slack:{guest.team}:{guest.id}") == ()


async def test_somebody_of_another_company_is_told_so_in_private_and_ignored_in_channels(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    team = slack.adds_channel("shared", ana)
    stranger = slack.adds_user("stranger", is_stranger=True)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        held = await keys(redis_url)
        await (await slack.types(stranger, None, "start doordash", user_team="T0OTHER")).acked
        only = (await slack.until(lambda: slack.ephemerals(stranger)))[0]
        assert "members of this workspace" in text_of(only)
        await (await slack.types(stranger, team, f"{slack.mention} start doordash", user_team="T0OTHER")).acked
        assert await keys(redis_url) <= held
        # Somebody Slack tells of only when asked.
        await (await slack.types(stranger, team, f"{slack.mention} start doordash")).acked
        await slack.until(lambda: len(slack.ephemerals(stranger)) == 2)
    assert slack.said(team) == []


# --- files ---


async def quotes(store: RedisStore, seat: Seat) -> dict[str, tuple[str, str]]:
    """By point, the words that earned it and the message they are from."""
    interview = await store.interview(seat.name)
    assert interview
    return {id: (p.evidence.quote, p.evidence.message) for id, p in interview.points.items() if p.evidence}


def exemplar(cache: Path, point: str) -> str:
    return known_by(cache)[1].case(QUESTION).guide.point(point).exemplars[0]


async def test_a_file_of_text_and_a_block_of_code_are_evidence(
    seat: Seat, redis_store: RedisStore, embeddings: Path
) -> None:
    ledger, parties = exemplar(embeddings, "double-entry-ledger"), exemplar(embeddings, "money-parties")
    before = len(seat.heard)
    file = await seat.types("My notes:", Upload("notes.md", f"# Notes\n\n{ledger}\n".encode(), "text/markdown"))
    await seat.hears(before)
    assert (await quotes(redis_store, seat))["double-entry-ledger"] == (ledger, file.ts)
    before = len(seat.heard)
    code = await seat.types(f"```\n# {parties}\nSELECT 1 < 2;\n```")
    await seat.hears(before)
    quote, message = (await quotes(redis_store, seat))["money-parties"]
    assert (quote in parties, message) == (True, code.ts)


FLOWCHART = """\
```
flowchart LR
  app[Customer app] -->|card number| provider[Payment provider]
  api["Payment API"] -->|payment row and outbox row in one transaction| db[(Database)]
  db -->|relay publishes outbox rows| queue
  workers -->|balanced debits and credits| ledger
```"""
ARROWS = """\
app -> provider: card number
api -> database: payment row and outbox row in one transaction
database -> queue: relay publishes outbox rows
workers -> ledger: balanced debits and credits"""


@pytest.mark.parametrize("drawn", [FLOWCHART, ARROWS])
async def test_a_diagram_in_text_is_evidence_like_any_text(seat: Seat, redis_store: RedisStore, drawn: str) -> None:
    before = len(seat.heard)
    told = await seat.types(drawn)
    await seat.hears(before)
    quote, message = (await quotes(redis_store, seat))["durable-intent-queue"]
    assert "payment row and outbox row in one transaction" in quote
    assert (quote in drawn, message) == (True, told.ts)


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("a -->|req| b", "a -> b: req"),
        ('gw["API gateway"] -->|"a request"| q[(Job queue)];', "API gateway -> Job queue: a request"),
        ("app ==>|card number| pay-in{{Provider}}", "app -> Provider: card number"),
        ("a -.->|later| b((Cache))", "a -> Cache: later"),
        ("a --> b", "a --> b"),
        ("| p99 | 200 ms |", "p99 | 200 ms |"),
    ],
)
def test_an_edge_with_a_label_is_read_as_a_line_with_an_arrow(line: str, read: str) -> None:
    (sentence,) = sentences(line)
    assert sentence.plain == read
    assert sentence.text in line


def test_names_and_arrows_alone_are_still_keywords() -> None:
    names = ["client -> gateway -> cache -> store", "sharding -> replication -> consensus", "queue -> worker -> ledger"]
    assert keywords(sentences("\n".join([*names, "outbox -> relay -> bank"])))
    assert not keywords(sentences(ARROWS))


async def test_a_picture_and_a_voice_clip_that_nobody_can_take_in_are_said_to_be_so(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    sketch = await seat.says("", Upload("sketch.png", PNG + bytes(4_000_000), "image/png"))
    assert "sketch.png" in text_of(sketch)
    clip = await seat.says("", Upload("audio_message.m4a", bytes(9_000), "audio/mp4"))
    assert "audio_message.m4a" in text_of(clip)
    assert await words_of(redis_store, seat) == []
    both = await seat.says(SAID, Upload("second.png", PNG + bytes(4_000_000), "image/png"))
    assert "second.png" in text_of(both)
    assert [text for _, text in await words_of(redis_store, seat)] == [SAID]


async def test_slacks_login_page_is_not_taken_for_what_somebody_wrote(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    slack.revoke_scope("files:read")
    told = await seat.says("", Upload("notes.txt", SAID.encode()))
    assert "notes.txt" in text_of(told)
    assert await words_of(redis_store, seat) == []


@pytest.mark.parametrize("way", ["another port", "another host", "a redirect"])
async def test_the_token_goes_to_nobody_but_slack(
    way: str, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    came: list[str] = []

    async def taken(request: web.Request) -> web.Response:
        came.append(request.headers.get("Authorization", ""))
        return web.Response(text=SAID)

    app = web.Application()
    app.router.add_get("/{path:.*}", taken)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{port}/notes.txt")

    try:
        async with SlackServer(routes=[web.get("/moved/notes.txt", away)]) as slack:
            api = slack.environment()["SLACK_API_URL"]
            address = {
                "another port": f"http://127.0.0.1:{port}/notes.txt",
                "another host": f"http://localhost:{port}/files.slack.com/notes.txt",
                "a redirect": api.replace("/api/", "/moved/notes.txt"),
            }[way]
            async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
                seat = await Table(slack, slack.adds_user("bo")).sits_down()
                before = len(seat.heard)
                files = [Upload("notes.txt", b"mine")]
                told = await kept(
                    slack, lambda: slack.types(seat.who, seat.channel, "", thread=seat.thread, files=files)
                )
                told.payload["event"]["files"][0] |= {"url_private": address, "url_private_download": address}
                await tell(slack, told)
                assert "notes.txt" in text_of(await seat.hears(before))
                assert await words_of(redis_store, seat) == []
    finally:
        await runner.cleanup()
    assert came == []
