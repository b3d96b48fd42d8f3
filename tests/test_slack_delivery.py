"""How what the bot says reaches Slack: once, whatever Slack refuses, loses or forbids, and whenever the bot is killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.slack import buttons as row
from bot.slack.rendering import outgoing
from interviewer.model import Phase, Speaker, Turn
from interviewer.ports import Post
from interviewer.store import RedisStore
from tests.fakes import wait_until
from tests.openai_server import Reply
from tests.slack import Json, SlackServer, User, buttons, text_of
from tests.slack_bot import Model, Seat, Table, known_by, over_socket, settings, spoken, words_of

ROOT = Path(__file__).parent.parent
SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def seat(slack: SlackServer, ana: User, redis_url: str, embeddings: Path) -> AsyncGenerator[Seat]:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        yield await Table(slack, ana).sits_down()


def keys_of(said: list[Json]) -> list[str]:
    """The keys that the messages carry; those of a stream that is open carry none."""
    return [m["metadata"]["event_payload"]["key"] for m in said if "metadata" in m]


def each_once(seat: Seat) -> bool:
    """Whether every message is there by a key of its own."""
    return len(set(keys_of(seat.heard))) == len(seat.heard)


# --- Slack is busy, or breaks ---


async def test_the_bot_waits_as_long_as_slack_asks_and_says_it_once(slack: SlackServer, seat: Seat) -> None:
    slack.fail("chat.postMessage", status=429, retry_after=1)
    await seat.says(SAID)
    first, second = slack.calls("chat.postMessage")[-2:]
    assert (first.answer, second.answer["ok"]) == (429, True)
    assert second.at - first.at >= 1
    assert each_once(seat)


@pytest.mark.parametrize("failure", [{"status": 500}, {"error": "internal_error"}, {"status": 502, "times": 2}])
async def test_what_slack_failed_to_take_is_said_later(slack: SlackServer, seat: Seat, failure: dict[str, Any]) -> None:
    before = len(seat.heard)
    slack.fail("chat.postMessage", **failure)
    await seat.says(SAID)
    assert "minutes" in text_of(await seat.presses(row.TIME))
    assert len(seat.heard) == before + 2
    assert each_once(seat)


async def test_what_slack_took_and_denied_is_found_and_not_said_again(slack: SlackServer, seat: Seat) -> None:
    slack.is_down(True)
    for number in range(210):  # more than a page of the thread
        await slack.types(seat.who, seat.channel, f"Thought {number}.", thread=seat.thread)
    slack.is_down(False)
    await seat.says("What is a typical order worth?")
    before = len(seat.heard)
    slack.fail("chat.postMessage", status=500, applied=True)
    await seat.says(SAID)
    assert slack.calls("conversations.replies")
    assert "minutes" in text_of(await seat.presses(row.TIME))
    assert len(seat.heard) == before + 2
    assert each_once(seat)


# --- Slack refuses what we send ---


async def test_a_slack_that_refuses_our_blocks_gets_plainer_ones_with_the_same_words_and_buttons(
    slack: SlackServer, seat: Seat
) -> None:
    offered = set(buttons(await seat.says("Do we get webhooks?")))
    for times in (1, 2):
        slack.fail("chat.postMessage", "invalid_blocks", times=times)
        again = await seat.says("Do we get webhooks?")
        kinds = {block["type"] for block in again["blocks"]}
        assert kinds == {"section", "actions"}
        assert "signed notifications at least once" in text_of(again)
        assert set(buttons(again)) == offered
    await seat.presses(row.TIME)
    assert seat.pressable == [seat.heard[-1]["ts"]]
    for call in slack.calls("chat.update")[-2:]:
        assert {block["type"] for block in call.args["blocks"]} == {"section"}, "what was refused is not sent again"


async def test_a_scorecard_whose_picture_is_refused_comes_without_it_and_with_everything_else(
    slack: SlackServer, seat: Seat, redis_store: RedisStore, embeddings: Path
) -> None:
    case = known_by(embeddings)[1].case("doordash-payments")
    await seat.says(case.guide.point("money-parties").exemplars[0])
    before = len(seat.heard)
    told = await slack.presses(seat.who, seat.channel, seat.pressable[-1], row.END)
    await told.acked
    await slack.until(lambda: len(seat.heard) > before)
    slack.fail("chat.postMessage", "invalid_blocks")
    ts = await slack.until(lambda: Table(slack, seat.who).offering(seat.channel, seat.thread, row.REPORT))
    card = next(m for m in seat.heard if m["ts"] == ts)
    assert "image" not in {block["type"] for block in card["blocks"]}
    assert "your message" in text_of(card)
    assert {row.REPORT, row.DISPUTE, row.ANSWER, row.END} <= set(buttons(card))


async def test_what_slack_refuses_for_good_is_dropped_and_the_interview_goes_on(
    slack: SlackServer, seat: Seat, redis_store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(seat.heard)
    slack.fail("chat.postMessage", "invalid_blocks", times=3)
    await seat.types("Do we get webhooks?")
    await slack.until(lambda: [c.answer for c in slack.calls("chat.postMessage")][-3:].count(REFUSED) == 3)
    await wait_until(lambda: nothing_waits(redis_store))
    assert "is dropped: Slack says invalid_blocks" in caplog.text
    await seat.says("Do we get webhooks, or do we have to ask?")
    assert len(seat.heard) == before + 1


REFUSED = {"ok": False, "error": "invalid_blocks"}


async def nothing_waits(store: RedisStore) -> bool:
    return [thread async for thread in store.waiting()] == []


def test_plainer_forms_say_the_same_with_marks_and_entities_as_slack_takes_them() -> None:
    turn = Turn(Speaker.INTERVIEWER, Phase.DESIGN, "probe", "**Suppose** `a < b` & c > d.\n\n- one\n- two", 0.0)
    fancy, classic, plain = outgoing(Post("k", "slack:T:D:1.0", turn))[0].forms
    assert fancy.blocks[0]["type"] == "markdown"
    said = "Suppose a &lt; b &amp; c &gt; d.\n- one\n- two"
    assert [block["text"]["text"] for block in classic.blocks] == [said]
    assert [block["text"]["text"] for block in plain.blocks] == [said]
    assert fancy.actions == classic.actions == plain.actions


def test_a_long_text_loses_nothing_in_its_plainer_form() -> None:
    long = "\n\n".join(f"Paragraph {number} says something of its own, at some length." for number in range(400))
    turn = Turn(Speaker.INTERVIEWER, Phase.DEBRIEF, "model-answer", long, 0.0)
    messages = outgoing(Post("k", "slack:T:D:1.0", turn))
    words = "\n".join(block["text"]["text"] for m in messages for block in m.forms[1].blocks)
    assert len(messages) > 1
    assert all(f"Paragraph {number} says" in words for number in range(400))


# --- the app may not, or may no longer ---


async def test_an_app_that_is_removed_in_the_middle_ends_its_turn_and_tries_no_more(
    slack: SlackServer, seat: Seat, redis_store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    before, tried = len(seat.heard), len(slack.calls("chat.postMessage"))
    await slack.types(seat.who, seat.channel, SAID, thread=seat.thread)
    gone = await slack.uninstalls()
    assert (await gone.acked).status == 200
    assert (await gone.also[0].acked).status == 200
    await slack.until(lambda: len(slack.calls("chat.postMessage")) > tried)
    await wait_until(lambda: nothing_waits(redis_store))
    assert "is dropped: Slack says account_inactive" in caplog.text
    assert len(slack.calls("chat.postMessage")) == tried + 1
    assert len(seat.heard) == before


@pytest.mark.parametrize("why", ["cannot_dm_bot", "user_not_visible", "user_disabled", "messages_tab_disabled"])
async def test_who_can_not_be_written_to_is_told_where_they_typed(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path, why: str
) -> None:
    team = slack.adds_channel("backend", ana)
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)):
        slack.fail("conversations.open", why, times=5)
        ack = await (await slack.slash(ana, team, "/interview", "start doordash")).acked
        assert "direct messages" in str(ack.body)
        told = (await slack.until(lambda: slack.ephemerals(ana)))[-1]
        await slack.until(lambda: "write to you directly" in text_of(slack.ephemerals(ana)[-1]))
        assert told["channel"] == team.id
    assert slack.said(team) == []


async def test_without_leave_to_upload_the_scorecard_comes_without_its_picture(slack: SlackServer, seat: Seat) -> None:
    slack.revoke_scope("files:write")
    slack.revoke_scope("reactions:write")
    slack.revoke_scope("assistant:write")
    await seat.says(SAID)
    ts = await Table(slack, seat.who).ends(seat.thread)
    card = next(m for m in seat.heard if m["ts"] == ts)
    assert "image" not in {block["type"] for block in card["blocks"]}
    assert "requirements" in text_of(card)
    assert slack.files == []


async def test_without_leave_to_write_a_reply_is_dropped_and_that_is_logged(
    slack: SlackServer, seat: Seat, redis_store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    before = len(seat.heard)
    slack.revoke_scope("chat:write")
    await seat.types("Do we get webhooks?")
    await slack.until(lambda: [c for c in slack.calls("chat.postMessage") if not c.answer["ok"]])
    await wait_until(lambda: nothing_waits(redis_store))
    assert "is dropped: Slack says missing_scope" in caplog.text
    slack.bot.scopes.add("chat:write")
    await seat.says(SAID)
    assert len(seat.heard) == before + 1
    assert [text for _, text in await words_of(redis_store, seat)] == ["Do we get webhooks?", SAID]


# --- streams ---


@pytest.fixture
async def spoken_to(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path, model: Model
) -> AsyncGenerator[Seat]:
    """A seat before an interviewer who has a language model."""
    async with over_socket(model.settings(slack, embeddings), redis_url, model.leads, model.known):
        yield await Table(slack, ana).sits_down()


async def streaming(slack: SlackServer) -> tuple[str, str]:
    """The channel and the ts of the message that is being streamed."""
    stream = (await slack.until(lambda: slack.open_streams))[0]
    return stream.channel, stream.ts


async def test_a_reply_is_streamed_and_ends_as_one_message_with_its_buttons(
    slack: SlackServer, spoken_to: Seat, model: Model
) -> None:
    model.reads_slowly()
    before = len(spoken_to.heard)
    await spoken_to.types(SAID)
    _, ts = await streaming(slack)
    model.go_on.set()
    await slack.until(lambda: spoken_to.pressable == [ts])
    said = spoken_to.heard[before]
    (started,) = slack.calls("chat.startStream")
    assert started.answer["ts"] == said["ts"]
    assert started.args["markdown_text"].strip()[:40] in text_of(said)
    assert text_of(said).endswith("[Hint] [Time] [Next] [Pause] [End]")
    assert slack.open_streams == []
    assert len(spoken_to.heard) == before + 1
    assert each_once(spoken_to)


async def test_a_stream_that_expires_becomes_the_reply_all_the_same(
    slack: SlackServer, spoken_to: Seat, model: Model
) -> None:
    model.reads_slowly()
    before = len(spoken_to.heard)
    await spoken_to.types(SAID)
    channel, ts = await streaming(slack)
    slack.expire_stream(channel, ts)
    model.go_on.set()
    await slack.until(lambda: spoken_to.pressable == [ts])
    assert len(spoken_to.heard) == before + 1
    assert each_once(spoken_to)


async def test_a_stream_that_somebody_deletes_is_said_anew(slack: SlackServer, spoken_to: Seat, model: Model) -> None:
    model.reads_slowly()
    before = len(spoken_to.heard)
    await spoken_to.types(SAID)
    channel, ts = await streaming(slack)
    slack.expire_stream(channel, ts)
    await (await slack.deletes(channel, ts)).acked
    model.go_on.set()
    await slack.until(lambda: len(spoken_to.heard) == before + 1 and spoken_to.pressable == [spoken_to.heard[-1]["ts"]])
    assert spoken_to.heard[-1]["ts"] != ts
    assert each_once(spoken_to)


async def test_a_stream_that_slack_fails_to_stop_is_stopped_later(
    slack: SlackServer, spoken_to: Seat, model: Model
) -> None:
    model.reads_slowly()
    slack.fail("chat.stopStream", status=500)
    before = len(spoken_to.heard)
    await spoken_to.types(SAID)
    _, ts = await streaming(slack)
    model.go_on.set()
    await slack.until(lambda: spoken_to.pressable == [ts])
    assert slack.open_streams == []
    assert len(spoken_to.heard) == before + 1


async def test_where_slack_does_not_stream_it_is_asked_once(slack: SlackServer, spoken_to: Seat, model: Model) -> None:
    slack.fail("chat.startStream", "unknown_method", times=100)
    for _ in range(2):
        model.reads_slowly()
        before = len(spoken_to.heard)
        await spoken_to.types(SAID)
        coming = (await slack.until(lambda before=before: spoken_to.heard[before:]))[0]
        model.go_on.set()
        await slack.until(lambda coming=coming: spoken_to.pressable == [coming["ts"]])
        assert row.HINT in buttons(spoken_to.heard[-1])
    assert len(slack.calls("chat.startStream")) == 1
    assert each_once(spoken_to)


async def test_slacks_stop_button_takes_the_reply_back_and_leaves_the_question_open(
    slack: SlackServer, spoken_to: Seat, model: Model, redis_store: RedisStore
) -> None:
    model.reads(hang=True)
    before = len(spoken_to.heard)
    await spoken_to.types(SAID)
    _, ts = await streaming(slack)
    await (await slack.stops(spoken_to.who, spoken_to.channel, spoken_to.thread)).acked
    await slack.until(lambda: len(spoken_to.heard) == before + 1 and spoken_to.heard[-1]["ts"] != ts)
    short = spoken_to.heard[-1]
    assert any(word in text_of(short).lower() for word in ("stopped", "hold my reply"))
    assert slack.open_streams == []
    assert slack.statuses(spoken_to.channel, spoken_to.thread)[-1] == ""
    model.recovers()
    await spoken_to.says("Every request carries it, and the provider remembers it for a day.")
    assert len(spoken_to.heard) == before + 2
    assert (await words_of(redis_store, spoken_to))[0][1] == SAID


# --- killed ---


@dataclass
class Gate:
    """Stands between the bot and Slack, and may do something when Slack has answered and the bot does not know it yet."""

    api: str
    session: aiohttp.ClientSession
    then: dict[str, Callable[[], None]] = field(default_factory=dict[str, Callable[[], None]])

    async def pass_on(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        kept = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with self.session.request(
            request.method, self.api + method, params=request.query, data=await request.read(), headers=kept
        ) as answer:
            body, kind = await answer.read(), answer.content_type
        if do := self.then.pop(method, None):
            do()
        return web.Response(body=body, status=answer.status, content_type=kind)


@asynccontextmanager
async def gate_to(slack: SlackServer) -> AsyncGenerator[tuple[Gate, str]]:
    """A gate, and the address of the Web API behind it."""
    async with aiohttp.ClientSession() as session:
        gate = Gate(slack.environment()["SLACK_API_URL"], session)
        app = web.Application()
        app.router.add_route("*", "/api/{method}", gate.pass_on)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield gate, f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
        finally:
            await runner.cleanup()


@dataclass(frozen=True)
class Bot:
    """The bot in processes of its own, which share a store."""

    slack: SlackServer
    environment: dict[str, str]
    log: Path

    @asynccontextmanager
    async def runs(self, *command: str, **more: str) -> AsyncGenerator[asyncio.subprocess.Process]:
        """One of them, connected; killed at the latest on the way out."""
        greeted = self.slack.connections
        with self.log.open("ab") as errors:
            running = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *(command or ("tests.slack_bot",)),
                cwd=ROOT,
                env=self.environment | more,
                stderr=errors,
            )
            try:
                await self.slack.until(lambda: self.slack.connections > greeted)
                yield running
            finally:
                if running.returncode is None:
                    running.kill()
                await running.wait()
                await self.slack.until(lambda: self.slack.connections == greeted)


@pytest.fixture
def bot(slack: SlackServer, redis_url: str, embeddings: Path, tmp_path: Path) -> Bot:
    told = {name: value for name, value in slack.environment().items() if "CLIENT" not in name}
    kept = {"REDIS_URL": redis_url, "MOCKINGBIRD_CACHE": str(embeddings)}
    return Bot(slack, {**os.environ, **told, **kept}, tmp_path / "log")


async def test_a_bot_that_is_killed_between_posting_and_noting_it_posts_once(
    slack: SlackServer, ana: User, bot: Bot, redis_store: RedisStore
) -> None:
    async with gate_to(slack) as (gate, api):
        async with bot.runs("bot", "slack", SLACK_API_URL=api) as first:
            seat = await Table(slack, ana).sits_down()
            await wait_until(lambda: nothing_waits(redis_store))
            before = len(seat.heard)
            gate.then["chat.postMessage"] = first.kill
            await seat.types(SAID)
            await slack.until(lambda: len(seat.heard) == before + 1)
            assert await first.wait() == -signal.SIGKILL
        assert not await nothing_waits(redis_store)
        async with bot.runs(SLACK_API_URL=api):
            await wait_until(lambda: nothing_waits(redis_store))
            # The buttons of what the dead one said are pressed, and work.
            assert "minutes" in text_of(await seat.presses(row.TIME))
    assert len(seat.heard) == before + 2
    assert each_once(seat)
    assert SAID not in bot.log.read_text()
    assert "xoxb" not in bot.log.read_text()


async def test_a_bot_that_is_killed_while_it_listens_answers_when_it_is_back(
    slack: SlackServer, ana: User, bot: Bot, redis_store: RedisStore, redis: Any, model: Model
) -> None:
    variables = {name.upper(): value for name, value in spoken(model.url).items()}
    model.script = lambda _: Reply(hang=True)
    async with bot.runs(**variables) as first:
        seat = await Table(slack, ana).sits_down()
        await wait_until(lambda: nothing_waits(redis_store))
        before = len(seat.heard)
        told = await seat.types(SAID)

        async def at_work() -> bool:
            return bool(await redis.hget(f"mb:{{t:{seat.name}}}:st", "tries") == b"1")

        await wait_until(at_work)
        first.kill()
        await first.wait()
    assert await words_of(redis_store, seat) == []
    model.recovers()
    async with bot.runs(**variables):
        await seat.hears(before)
        await slack.redeliver(told)
        assert "minutes" in text_of(await seat.presses(row.TIME))
    assert await words_of(redis_store, seat) == [(told.ts, SAID)]
    assert len(seat.heard) == before + 2
    assert each_once(seat)


async def test_what_a_killed_bot_was_saying_is_said_once_from_the_beginning(
    slack: SlackServer, ana: User, bot: Bot, redis_store: RedisStore, model: Model
) -> None:
    variables = {name.upper(): value for name, value in spoken(model.url).items()}
    model.reads(hang=True)
    async with bot.runs(**variables) as first:
        seat = await Table(slack, ana).sits_down()
        before = len(seat.heard)
        await seat.types(SAID)
        _, ts = await streaming(slack)

        async def noted() -> bool:
            return (await redis_store.notes(seat.name)).get("stream") == ts

        await wait_until(noted)
        first.kill()
        await first.wait()
    model.recovers()
    async with bot.runs(**variables):
        await slack.until(lambda: len(seat.pressable) == 1 and seat.pressable[0] > ts)
    assert len(seat.heard) == before + 1
    assert slack.open_streams == []
    assert each_once(seat)
    assert SAID not in bot.log.read_text()
