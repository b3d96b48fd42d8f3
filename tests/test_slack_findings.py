"""What a review of the Slack part found, each as the person sees it: nothing dropped unsaid, nothing kept that was forgotten."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bot import steering
from bot.slack import buttons as row
from bot.slack import errands, platform
from bot.slack.service import Slack
from interviewer.engine import A_WHILE, Pace
from interviewer.model import DELETED, Case, Phase
from interviewer.store import RedisStore
from tests.fakes import wait_until
from tests.slack import Channel, Json, SlackServer, User, buttons, text_of
from tests.slack_bot import Seat, Table, at_rest, known_by, over_http, over_socket, settings, words_of
from tests.test_engine import due, mentions, put_back_after
from tests.test_slack_web import process

SAID = "I would keep a reference of our own with every charge, so that a retry finds the first one."
DOCKET = b"mockingbird:runs:"
OPENS = "Your interview opens in our direct messages, where nobody else reads along."


@pytest.fixture
async def bot(slack: SlackServer, redis_url: str, embeddings: Path) -> AsyncGenerator[Slack]:
    async with over_socket(settings(slack, embeddings), redis_url, *known_by(embeddings)) as running:
        yield running


@pytest.fixture
async def seat(slack: SlackServer, ana: User, bot: Slack) -> Seat:
    return await Table(slack, ana).sits_down()


def candidate(who: User) -> str:
    return f"slack:{who.team}:{who.id}"


async def phase(store: RedisStore, seat: Seat) -> Phase | None:
    interview = await store.interview(seat.name)
    return interview.phase if interview else None


async def closes(seat: Seat, store: RedisStore) -> None:
    """Go to the scorecard, and close the interview."""
    await Table(seat.slack, seat.who).ends(seat.thread)
    await seat.presses(row.END)

    async def closed() -> bool:
        return await phase(store, seat) is Phase.FINISHED

    await wait_until(closed)


async def asked(slack: SlackServer, who: User, text: str, where: Channel | None = None) -> Json:
    """What somebody is shown at once who types `/interview …`."""
    return (await (await slack.slash(who, where, "/interview", text)).acked).body or {}


async def in_channel(slack: SlackServer, who: User, channel: Channel) -> str:
    """Ask for an interview in a channel's thread; the thread, which has its root alone as yet."""
    assert await asked(slack, who, "", channel) == {}
    await slack.until(lambda: slack.modal(who))
    chosen = {"question": "doordash-payments", "format": "quick", "where": "thread"}
    await (await slack.submits(who, None, {name: {name: value} for name, value in chosen.items()})).acked
    return str((await slack.until(lambda: slack.said(channel)))[0]["ts"])


async def seated_in(slack: SlackServer, who: User, channel: Channel) -> Seat:
    seat = Seat(slack, who, channel.id, await in_channel(slack, who, channel))
    await slack.until(lambda: seat.pressable)
    return seat


def threads_of(slack: SlackServer, channel: Channel) -> set[str]:
    """The threads in which an interview can be steered."""
    return {m["thread_ts"] for m in slack.said(channel) if row.HINT in buttons(m)}


# --- what fails, fails aloud and for one alone ---


async def test_who_asked_for_what_can_not_be_done_is_told_after_the_last_try_and_the_bot_goes_on(
    slack: SlackServer, bot: Slack, ana: User, caplog: pytest.LogCaptureFixture
) -> None:
    team, ben = slack.adds_channel("backend", ana), slack.adds_user("ben")
    other = await Table(slack, ben).sits_down()
    slack.fail("users.info", "internal_error", times=1000)
    order = await slack.slash(ana, team, "/interview", "start doordash")
    await order.acked
    task = f"errand|{candidate(ana)}|order:{order.trigger_id}"
    await wait_until(lambda: put_back_after(bot.engine, task, 1))
    await due(bot.engine, task, attempt=A_WHILE.attempts or 0)
    await slack.until(lambda: len(slack.ephemerals(ana)) == 2)
    assert [text_of(m) for m in slack.ephemerals(ana)] == [OPENS, errands.FAILED]
    assert "minutes" in text_of(await other.presses(row.TIME))
    assert "slack.open failed: SlackApiError" in caplog.text
    assert "doordash" not in caplog.text


@pytest.mark.parametrize("command", ["slack", "web", "worker"])
async def test_a_process_whose_engine_dies_ends_with_an_error(
    command: str, slack: SlackServer, redis_url: str, redis: Any, tmp_path: Path, embeddings: Path
) -> None:
    async with process(slack, tmp_path, embeddings, command, REDIS_URL=redis_url, PORT="0") as running:

        async def works() -> bool:
            return bool(await redis.exists("mockingbird:stream") and await redis.exists("mockingbird:workers"))

        await wait_until(works)
        await redis.xadd("mockingbird:stream", {"no": "task"})
        _, errors = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode not in {0, None}
    assert "KeyError" in errors.decode()


@pytest.mark.parametrize("failure", [{"error": "internal_error"}, {"status": 500}, {"status": 429, "retry_after": 60}])
async def test_what_comes_while_slack_can_not_say_who_the_bot_is_is_heard_when_it_comes_again(
    failure: dict[str, Any], slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    async with over_http(settings(slack, embeddings), redis_url, *known_by(embeddings)) as address:
        slack.delivers_to(f"{address}/slack/events")
        slack.fail("auth.test", **failure)
        told = await slack.types(ana, None, "start doordash quick")
        assert (await told.acked).status == 500
        for _ in range(2):
            assert (await (await slack.redeliver(told)).acked).status == 200
        await Table(slack, ana).hears(slack.dm(ana).id, told.thread, 1)
    assert len(slack.said(slack.dm(ana))) == 1


async def test_what_comes_after_the_token_was_revoked_is_acknowledged_and_goes_nowhere(
    slack: SlackServer, ana: User, redis_url: str, embeddings: Path
) -> None:
    async with over_http(settings(slack, embeddings), redis_url, *known_by(embeddings)) as address:
        slack.delivers_to(f"{address}/slack/events")
        slack.fail("auth.test", "token_revoked")
        told = await slack.types(ana, None, "start doordash quick")
        assert (await told.acked).status == 200
        assert [call.method for call in slack.calls()] == ["auth.test"]


# --- after the farewell, and after being forgotten ---


async def test_after_the_farewell_another_interview_is_begun_in_the_same_thread_by_typing(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    await closes(seat, redis_store)
    told = await seat.types("start stripe quick")
    (thread,) = await slack.until(lambda: threads_of(slack, slack.dm(seat.who)) - {seat.thread})
    assert thread not in {seat.thread, told.ts}, "it has a thread of its own"


async def test_after_the_farewell_what_is_said_in_the_channels_thread_is_between_colleagues(
    slack: SlackServer, ana: User, bot: Slack, redis: Any
) -> None:
    room = slack.adds_channel("backend", ana, slack.adds_user("ben"))
    seat = await seated_in(slack, ana, room)
    await seat.presses(row.END)
    dm = Table(slack, ana)
    await dm.presses(slack.dm(ana), None, row.END)
    await slack.until(lambda: dm.offering(slack.dm(ana), None, row.SURPRISE))
    await wait_until(lambda: at_rest(redis))
    held = await mentions(redis, seat.name)
    told = [await slack.types(ana, room, text, thread=seat.thread) for text in ("Phew. Lunch?", "time", "end")]
    for each in told:
        assert (await each.acked).status == 200
    assert "ago" not in str(await asked(slack, ana, "history"))
    assert set(await mentions(redis, seat.name)) <= set(held)
    assert [m for m in slack.messages(room) if m["ts"] in {each.ts for each in told} and m.get("reactions")] == []
    assert [m for m in slack.ephemerals(ana) if m["channel"] == room.id] == []


async def test_who_was_forgotten_by_whichever_process_leaves_nothing_by_writing_in_the_old_thread(
    slack: SlackServer, ana: User, redis_url: str, redis: Any, embeddings: Path
) -> None:
    environment, known = settings(slack, embeddings), known_by(embeddings)
    async with over_socket(environment, redis_url, *known), over_socket(environment, redis_url, *known) as another:
        seat = await Table(slack, ana).sits_down()
        await seat.says(SAID)
        await another.engine.forget(candidate(ana))
        before = len(seat.heard)
        for number in (1, 2):  # either process is told one of them
            await seat.types(f"I would rather keep two of them, {number} and a copy of it.")
            await slack.until(lambda number=number: len(seat.heard) == before + number)

        async def only_dockets_own_for_a_minute() -> bool:
            found = await mentions(redis, seat.name, candidate(ana))
            return all([key.startswith(DOCKET) and 0 < await redis.ttl(key) <= 60 for key in found])

        await wait_until(only_dockets_own_for_a_minute)


async def test_an_old_message_beside_the_thread_is_remembered_as_long_as_its_interview_and_no_longer(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    await (await slack.types(seat.who, None, SAID)).acked
    beside = [name for name in await redis_store.notes(candidate(seat.who)) if name.startswith("beside:")]
    assert len(beside) == 1
    await redis_store.note(candidate(seat.who), {"beside:1700000000.000001": "slack:T1:D1:1700000000.000000"})
    await (await slack.types(seat.who, None, "It is sent along with the retry.")).acked
    now = [name for name in await redis_store.notes(candidate(seat.who)) if name.startswith("beside:")]
    assert len(now) == 2
    assert beside[0] in now


# --- what is an answer, and whose ---


async def test_what_is_written_below_the_root_before_the_question_is_there_is_heard(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    room, (leads, known), go_on = slack.adds_channel("backend", ana), known_by(embeddings), Event()

    def prepare(case: Case) -> object:
        return go_on.wait(60) and leads.prepare(case)

    one_at_a_time = Pace(quiet=0.05, redelivery=60, concurrency=1)
    slow = replace(leads, prepare=prepare)
    async with over_socket(settings(slack, embeddings), redis_url, slow, known, one_at_a_time):
        seat = Seat(slack, ana, room.id, await in_channel(slack, ana, room))

        async def begun() -> bool:
            return await redis_store.holder(seat.name) == candidate(ana)

        await wait_until(begun)
        told = await seat.types(SAID)
        assert await redis_store.interview(seat.name) is None, "its first turn has not come"
        go_on.set()
        await slack.until(lambda: len(seat.heard) == 3)
        assert await words_of(redis_store, seat) == [(told.ts, SAID)]


async def test_a_sentence_that_begins_with_start_is_an_answer_and_a_wish_is_a_start(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    before = len(seat.heard)
    said = "Start with the write path: the API puts every order in a queue before it answers."
    told = await slack.types(seat.who, None, said)
    await seat.hears(before)
    assert await words_of(redis_store, seat) == [(told.ts, said)]
    await slack.types(seat.who, None, "start stripe quick")
    await slack.until(lambda: threads_of(slack, slack.dm(seat.who)) - {seat.thread})
    assert len(await words_of(redis_store, seat)) == 1


async def test_what_was_said_can_be_taken_back_after_the_end_and_beside_the_thread_after_the_next_beginning(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    told = await seat.types(SAID)
    await seat.hears(1)
    before = len(seat.heard)
    beside = await slack.types(seat.who, None, "The provider remembers it for a day.")
    await seat.hears(before)
    await slack.types(seat.who, None, "start stripe quick")
    dm = slack.dm(seat.who)
    (thread,) = await slack.until(lambda: threads_of(slack, dm) - {seat.thread})
    await (await slack.edits(dm, beside.ts, "The provider remembers it for a week.")).acked
    assert "already" in text_of(await seat.hears(before + 1))
    assert len(slack.said(dm, thread)) == 1
    await closes(seat, redis_store)
    for ts in (told.ts, beside.ts):
        await (await slack.deletes(dm, ts)).acked

    async def struck() -> bool:
        lines = [turn for turn in await redis_store.transcript(seat.name) if turn.message]
        return [(line.kind, line.text) for line in lines] == [(DELETED, "")] * 2

    await wait_until(struck)


async def test_the_people_of_the_organisation_a_workspace_belongs_to_are_at_home(
    slack: SlackServer, seat: Seat
) -> None:
    before = len(seat.heard)
    slack.is_down(True)
    told = await slack.types(seat.who, seat.channel, SAID, thread=seat.thread, user_team="E0GRID")
    slack.is_down(False)
    told.payload["authorizations"][0]["enterprise_id"] = "E0GRID"
    await (await slack.redeliver(told)).acked
    await seat.hears(before)
    assert slack.ephemerals(seat.who) == []


async def test_guests_may_be_let_in_and_strangers_never(slack: SlackServer, redis_url: str, embeddings: Path) -> None:
    guest, stranger = slack.adds_user("guest", is_restricted=True), slack.adds_user("stranger", is_stranger=True)
    environment = settings(slack, embeddings, slack_guests=True)
    async with over_socket(environment, redis_url, *known_by(embeddings)):
        await Table(slack, guest).begins("start doordash quick")
        await (await slack.types(stranger, None, "start doordash quick")).acked
        await slack.until(lambda: slack.ephemerals(stranger))
        assert text_of(slack.ephemerals(stranger)[0]) == errands.GUEST
    assert slack.said(slack.dm(stranger)) == []


# --- the clock and the end ---


async def test_who_pauses_while_the_clock_stands_still_is_told_so(
    slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    await seat.presses(row.PAUSE)
    await seat.types("pause")
    await slack.until(lambda: slack.ephemerals(seat.who))
    assert text_of(slack.ephemerals(seat.who)[0]) == steering.STANDS_STILL
    assert steering.STANDS_STILL in str(await asked(slack, seat.who, "pause"))
    interview = await redis_store.interview(seat.name)
    assert interview
    assert interview.paused
    assert await words_of(redis_store, seat) == []


@pytest.mark.parametrize("how", ["typed", "ordered"])
async def test_who_types_that_they_want_to_end_is_asked_once_and_after_the_scorecard_not_at_all(
    how: str, slack: SlackServer, seat: Seat, redis_store: RedisStore
) -> None:
    async def end() -> None:
        await (seat.types("end") if how == "typed" else asked(slack, seat.who, "end"))

    before = len(seat.heard)
    await end()
    question = (await slack.until(lambda: slack.ephemerals(seat.who)))[0]
    assert steering.REALLY_END in text_of(question)
    assert "confirm" not in buttons(question)[row.REALLY], "once is enough"
    assert len(seat.heard) == before
    await (await slack.presses(seat.who, seat.channel, question["ts"], row.REALLY)).acked
    await slack.until(lambda: row.REPORT in buttons(seat.heard[-1]))
    await end()
    await slack.until(lambda: row.SURPRISE in buttons(seat.heard[-1]))
    assert await phase(redis_store, seat) is Phase.FINISHED
    assert len(slack.ephemerals(seat.who)) == 1 + (how == "ordered")


# --- the scorecard and what comes after it ---


async def test_what_else_is_posted_strips_no_buttons_and_what_was_posted_before_a_crash_is_posted_once(
    slack: SlackServer, seat: Seat, bot: Slack
) -> None:
    dm, room, table = slack.dm(seat.who), slack.adds_channel("wins", seat.who), Table(slack, seat.who)
    hello = await slack.types(seat.who, None, "hello")
    await table.hears(dm.id, hello.ts, 1)
    assert seat.pressable == [seat.heard[-1]["ts"]]
    card = await table.ends(seat.thread)
    await asked(slack, seat.who, "score")
    again = await slack.until(lambda: (ts := table.offering(dm, None, row.REPORT)) > card and ts)
    await table.presses(dm, seat.thread, row.SHARE)
    await slack.until(lambda: slack.modal(seat.who))
    slack.fail("chat.postMessage", "internal_error", applied=True)
    await (await slack.submits(seat.who, values={"channel": {"channel": room.id}})).acked
    await slack.until(lambda: slack.messages(room))
    hello = await slack.types(seat.who, None, "hello")
    await table.hears(dm.id, hello.ts, 1)
    await slack.until(lambda: [m for m in slack.ephemerals(seat.who) if room.id in text_of(m)])
    assert len(slack.messages(room)) == 1
    offering = {m["ts"] for m in slack.said(dm) if row.REPORT in buttons(m)}
    assert offering == {card, again}
    # A wish of the next day, beside the thread whose scorecard was never closed.
    await slack.types(seat.who, None, "payments quick")
    await slack.until(lambda: threads_of(slack, dm))
    assert await words_of(bot.store, seat) == []


async def test_what_somebody_wrote_of_an_interview_outlives_their_next_press(
    slack: SlackServer, seat: Seat, bot: Slack
) -> None:
    card = await Table(slack, seat.who).ends(seat.thread)
    for written in ("It went on too long.", None):
        down = f"down|{seat.name}"
        await (await slack.presses(seat.who, seat.channel, card, row.FEEDBACK, down)).acked
        await slack.until(lambda: slack.modal(seat.who))
        words = {"words": {"words": written}} if written else {}
        await (await slack.submits(seat.who, values={"reasons": {"reasons": ["other"]}, **words})).acked
        await slack.closes_modal(seat.who, all=True)
    notes = await bot.store.notes(seat.name)
    assert notes["feedback-text"] == "It went on too long."


async def test_a_dispute_is_rated_as_it_was_typed(slack: SlackServer, seat: Seat, bot: Slack, embeddings: Path) -> None:
    await Table(slack, seat.who).ends(seat.thread)
    point = known_by(embeddings)[1].case("doordash-payments").guide.rubric[0].id
    before = len(seat.heard)
    await asked(slack, seat.who, f"dispute {point} I said &lt;id&gt; &amp; amount, ask <@U1|bo>.")
    await slack.until(lambda: len(seat.heard) > before)
    (argued,) = [turn.text for turn in await bot.store.transcript(seat.name) if turn.message]
    assert "I said <id> & amount, ask @" in argued
    assert "&amp;" not in argued


# --- places ---


async def test_a_group_of_people_is_offered_no_thread(slack: SlackServer, bot: Slack, ana: User) -> None:
    group = slack.adds_channel("mpdm-ana--ben--mockingbird-1", ana, slack.adds_user("ben"))
    await asked(slack, ana, "", group)
    view = await slack.until(lambda: slack.modal(ana))
    assert "where" not in {block["block_id"] for block in view["blocks"]}
    await slack.closes_modal(ana)
    await asked(slack, ana, "", slack.adds_channel("backend", ana))
    view = await slack.until(lambda: slack.modal(ana))
    assert "where" in {block["block_id"] for block in view["blocks"]}


@pytest.mark.parametrize("why", ["archived", "without the bot"])
async def test_who_is_interviewed_in_a_channel_that_closes_is_told_once_and_gets_the_scorecard(
    why: str, slack: SlackServer, bot: Slack, ana: User
) -> None:
    room, dm, table = slack.adds_channel("backend", ana), slack.dm(ana), Table(slack, ana)
    await seated_in(slack, ana, room)
    slack.archive(room) if why == "archived" else slack.removes_bot(room)
    for number, order in enumerate(("time", "hint", "repeat"), 1):
        await asked(slack, ana, order)
        await slack.until(lambda number=number: refusals(slack, room) == number)
    await slack.until(lambda: slack.said(dm))
    assert [text_of(m) for m in slack.said(dm)] == [platform.GONE_TEXT]
    await asked(slack, ana, "end")
    question = (await slack.until(lambda: slack.ephemerals(ana)))[-1]
    await (await slack.presses(ana, dm, question["ts"], row.REALLY)).acked
    await slack.until(lambda: table.offering(dm, None, row.REPORT))
    assert len(slack.said(dm)) == 2


def refusals(slack: SlackServer, room: Channel) -> int:
    """How often the bot was not let into a channel."""
    posts = [call for call in slack.calls("chat.postMessage") if call.args["channel"] == room.id]
    return len([call for call in posts if not call.answer["ok"]])
