"""The buttons below what the bot says and the forms they open: what a press does, whose it is, and that it does it once."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.people import export
from bot.slack import buttons
from bot.slack.places import Place
from bot.slack.service import Slack
from bot.steering import GONE, HAVE_IT, IS_CLOSED, IS_OVER, NOT_YOURS
from interviewer.model import Interview, Phase
from interviewer.questions import Bank
from tests.slack import Channel, Json, SlackServer, User, text_of
from tests.slack import buttons as pressable
from tests.slack_bot import Interviewer, Table, over_socket, settings

START = "start apple-task-scheduler senior"
ANSWER = (
    "A worker takes a job under a lease that it has to renew; when the machine dies the lease runs out and another worker "
    "picks the job up. The old worker may still be alive, so every write carries a fencing number and stale ones are refused."
)
DURING = {buttons.HINT, buttons.TIME, buttons.NEXT, buttons.PAUSE, buttons.END}


@pytest.fixture
def table(slack: SlackServer, ana: User) -> Table:
    return Table(slack, ana)


async def state(bot: Slack, where: Channel, thread: str) -> Interview:
    interview = await bot.store.interview(Place(where.team, where.id, thread).thread)
    assert interview
    return interview


async def whispered(slack: SlackServer, who: User, count: int = 1) -> str:
    """The `count`th thing that only this person was told."""
    await slack.until(lambda: len(slack.ephemerals(who)) >= count)
    return text_of(slack.ephemerals(who)[count - 1])


async def in_a_channel(slack: SlackServer, who: User, room: Channel) -> str:
    """The thread of an interview in a channel, once its question is there."""
    await (await slack.slash(who, room, "/interview", "")).acked
    await slack.until(lambda: slack.modal(who))
    values = {"question": {"question": "apple-task-scheduler"}, "where": {"where": "thread"}}
    await (await slack.submits(who, values=values)).acked
    await slack.until(lambda: len(slack.said(room)) > 1)
    return str(slack.said(room)[0]["ts"])


@asynccontextmanager
async def kept(slack: SlackServer) -> AsyncGenerator[None]:
    """While this lasts, Slack takes no button off a message."""
    slack.fail("chat.update", "cant_update_message", times=1000)
    yield


# --- during the interview -------------------------------------------------------------------------------------------


async def test_each_button_steers_the_interview_and_only_the_latest_message_has_any(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    for number, action in enumerate((buttons.HINT, buttons.TIME, buttons.NEXT, buttons.PAUSE, buttons.RESUME), 2):
        await table.presses(dm, thread, action)
        latest = await table.hears(dm.id, thread, number)
        expected = {buttons.RESUME, buttons.END} if action == buttons.PAUSE else DURING
        assert set(pressable(latest)) == expected, action
        assert (await state(bot, dm, thread)).paused is (action == buttons.PAUSE)
        before = table.said(dm.id, thread)[number - 2]
        await slack.until(lambda message=before: not pressable(message))
        assert text_of(before)
    assert (await state(bot, dm, thread)).phase is Phase.REQUIREMENTS
    assert slack.ephemerals(ana) == []


async def test_to_end_an_interview_one_is_asked_first(slack: SlackServer, bot: Slack, table: Table, ana: User) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await table.presses(dm, thread, buttons.PAUSE)
    await table.hears(dm.id, thread, 2)
    for message in table.said(dm.id, thread)[-1:]:
        sure = pressable(message)[buttons.END]["confirm"]
        assert sure["title"]["text"] == "End the interview"
        assert "scorecard" in sure["text"]["text"]
        assert sure["deny"]["text"] == "Go on"


async def test_who_types_end_and_says_yes_twice_ends_the_interview_and_does_not_close_it(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    for count in (1, 2):
        await (await slack.types(ana, dm, "end", thread=thread)).acked
        await whispered(slack, ana, count)
    questions = [question["ts"] for question in slack.ephemerals(ana)]
    for question in questions:
        await (await slack.presses(ana, dm, question, buttons.REALLY)).acked
    await slack.until(lambda: table.offering(dm, thread, buttons.REPORT))
    assert await whispered(slack, ana, 3) in {HAVE_IT, IS_OVER}
    await (await slack.presses(ana, dm, questions[0], buttons.REALLY)).acked
    assert await whispered(slack, ana, 4) == IS_OVER
    assert (await state(bot, dm, thread)).phase is Phase.DEBRIEF


async def test_nobody_else_can_press_and_is_told_so_alone(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    ben, room = slack.adds_user("ben"), slack.adds_channel("practice", ana)
    room.members.add(ben.id)
    thread = await in_a_channel(slack, ana, room)
    before = await state(bot, room, thread)
    for number, action in enumerate((buttons.END, buttons.PAUSE, buttons.HINT), 1):
        press = await slack.presses(ben, room, table.offering(room, thread, action), action)
        await press.acked
        assert await whispered(slack, ben, number) == NOT_YOURS
    assert {message["thread_ts"] for message in slack.ephemerals(ben)} == {thread}
    assert await state(bot, room, thread) == before
    assert len(slack.said(room, thread)) == 2
    # Nor with a value of somebody else's in a button of one's own.
    own = Table(slack, ben)
    mine = await own.begins(START)
    press = await own.presses(slack.dm(ben), mine, buttons.TIME)
    press.payload["actions"][0]["value"] = Place(room.team, room.id, thread).thread
    await (await slack.redeliver(press)).acked
    assert await whispered(slack, ben, 4) == NOT_YOURS
    assert await state(bot, room, thread) == before


async def test_a_press_that_is_repeated_does_its_work_once(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    ts = table.offering(dm, thread, buttons.HINT)
    presses = await asyncio.gather(*(slack.presses(ana, dm, ts, buttons.HINT) for _ in range(3)))
    await asyncio.gather(*(press.acked for press in presses))
    assert [await whispered(slack, ana, number) for number in (1, 2)] == [HAVE_IT, HAVE_IT]
    await table.hears(dm.id, thread, 2)
    await table.presses(dm, thread, buttons.TIME)
    await table.hears(dm.id, thread, 3)
    assert len(table.said(dm.id, thread)) == 3
    assert len(slack.ephemerals(ana)) == 2


async def test_a_button_of_an_old_message_works_as_long_as_the_interview_lasts(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await answered(slack, table, dm, thread)
    first = table.offering(dm, thread, buttons.HINT)
    async with kept(slack):
        await table.presses(dm, thread, buttons.TIME)
        await table.hears(dm.id, thread, 3)
        await (await slack.presses(ana, dm, first, buttons.HINT)).acked
        await table.hears(dm.id, thread, 4)
        await table.ends(thread)
        count = len(table.said(dm.id, thread))
        await (await slack.presses(ana, dm, first, buttons.PAUSE)).acked
        assert await whispered(slack, ana) == IS_OVER
        card = table.offering(dm, thread, buttons.REPORT)
        await table.presses(dm, thread, buttons.END)
        await table.hears(dm.id, thread, count + 1)
        for number, (ts, action) in enumerate(
            ((first, buttons.PAUSE), (card, buttons.ANSWER), (card, buttons.DISPUTE)), 2
        ):
            await (await slack.presses(ana, dm, ts, action)).acked
            assert await whispered(slack, ana, number) == IS_CLOSED
        # What was said of it can still be had.
        await (await slack.presses(ana, dm, card, buttons.REPORT)).acked
        await slack.until(lambda: [file for file in slack.files if file.name.endswith(".md")])
        await bot.engine.forget(f"slack:{ana.team}:{ana.id}")
        count = len(slack.said(dm))
        for number, (ts, action) in enumerate(
            ((first, buttons.PAUSE), (card, buttons.REPORT), (card, buttons.SHARE), (card, buttons.FEEDBACK)), 5
        ):
            up = f"up|{Place(dm.team, dm.id, thread).thread}" if action == buttons.FEEDBACK else None
            await (await slack.presses(ana, dm, ts, action, up)).acked
            assert await whispered(slack, ana, number) == GONE
        assert len(slack.said(dm)) == count


async def test_buttons_are_alive_after_a_restart_and_whichever_process_is_told(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, table: Table
) -> None:
    environment, dm = settings(slack, embeddings), slack.dm(table.who)
    async with over_socket(environment, redis_url, leads, known):
        thread = await table.begins(START)
        await table.presses(dm, thread, buttons.PAUSE)
        await table.hears(dm.id, thread, 2)
    async with (
        over_socket(environment, redis_url, leads, known) as one,
        over_socket(environment, redis_url, leads, known),
    ):
        assert slack.connections == 2
        order = (buttons.RESUME, buttons.TIME, buttons.HINT, buttons.TIME, buttons.NEXT)
        for number, action in enumerate(order, 3):
            await table.presses(dm, thread, action)
            await table.hears(dm.id, thread, number)
        assert len(table.said(dm.id, thread)) == 2 + len(order)
        assert not (await state(one, dm, thread)).paused


# --- after it -------------------------------------------------------------------------------------------------------


async def answered(slack: SlackServer, table: Table, where: Channel, thread: str) -> None:
    """Say something worth a credit, and wait for the reply."""
    count = len(table.said(where.id, thread))
    told = await slack.types(table.who, where, ANSWER, thread=thread)
    await told.acked
    await table.hears(where.id, thread, count + 1)


async def test_the_report_the_answer_and_a_dispute_are_had_below_the_scorecard(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await answered(slack, table, dm, thread)
    card = await table.ends(thread)
    assert set(pressable(slack.messages(dm, thread)[-1])) == {
        buttons.REPORT,
        buttons.DISPUTE,
        buttons.ANSWER,
        buttons.SHARE,
        buttons.END,
        buttons.FEEDBACK,
    }
    # The report: once for two presses, in this thread.
    presses = await asyncio.gather(*(slack.presses(ana, dm, card, buttons.REPORT) for _ in range(2)))
    await asyncio.gather(*(press.acked for press in presses))
    assert "already" in await whispered(slack, ana)

    def reports() -> list[Json]:
        return [m for m in slack.said(dm, thread) if m.get("files")]

    await slack.until(reports)
    (file,) = [file for file in slack.files if file.name == "apple-task-scheduler.md"]
    assert reports()[0]["files"][0]["id"] == file.id
    assert len(reports()) == 1
    assert file.shared == {dm.id}
    written = (file.content or b"").decode()
    assert written.startswith("# Scorecard")
    assert "has to renew; when the machine dies" in written
    for turn in await bot.store.transcript(Place(dm.team, dm.id, thread).thread):
        assert max(re.findall(r"[A-Za-z ,]+", turn.text), key=len) in written
    # A dispute: the point is looked at again, and the change is shown.
    await table.presses(dm, thread, buttons.DISPUTE)
    view = await slack.until(lambda: slack.modal(ana))
    offered = [option["value"] for option in pressable(view)["point"]["options"]]
    before = await state(bot, dm, thread)
    assert offered
    assert not any(before.points[point].evidence for point in offered if point in before.points)
    count = len(table.said(dm.id, thread))
    argument = "I said it: the old worker may still be alive, so stale writes are refused <!channel>."
    await (await slack.submits(ana, values={"point": {"point": offered[0]}, "argument": {"argument": argument}})).acked
    assert slack.modal(ana) is None
    changed = await table.hears(dm.id, thread, count + 1)
    assert re.search(r"\d+ %.*\d+ %", text_of(changed))
    again = await table.hears(dm.id, thread, count + 2)
    assert "Scorecard" in text_of(again)
    assert "<!channel>" not in str(again) + str(changed)
    assert (await state(bot, dm, thread)).points[offered[0]].disputed
    # The model answer, then the end of it all.
    await table.presses(dm, thread, buttons.ANSWER)
    count = len(table.said(dm.id, thread))
    await slack.until(lambda: table.offering(dm, thread, buttons.ANSWER) > again["ts"])
    await table.presses(dm, thread, buttons.END)
    await slack.until(lambda: table.offering(dm, thread, buttons.SURPRISE))
    assert (await state(bot, dm, thread)).phase is Phase.FINISHED


async def test_only_what_one_chose_to_show_is_shared(slack: SlackServer, bot: Slack, table: Table, ana: User) -> None:
    room, closed = slack.adds_channel("wins", ana), slack.adds_channel("hidden", ana, with_bot=False)
    dm, thread = slack.dm(ana), await table.begins(START)
    await answered(slack, table, dm, thread)
    await table.ends(thread)
    quotes = [p.evidence.quote for p in (await state(bot, dm, thread)).points.values() if p.evidence]
    assert quotes
    for channel in (closed, room):
        await table.presses(dm, thread, buttons.SHARE)
        view = await slack.until(lambda: slack.modal(ana))
        assert "stays between us" in text_of(view)
        await (await slack.submits(ana, values={"channel": {"channel": channel.id}})).acked
        if channel is closed:
            await slack.until(lambda: "/invite" in text_of(slack.said(dm)[-1]))
    await slack.until(lambda: slack.messages(room))
    assert f"<#{room.id}>" in await whispered(slack, ana)
    (shared,) = slack.messages(room)
    assert f"<@{ana.id}>" in text_of(shared)
    assert "task scheduler" in text_of(shared).lower()
    assert "senior" in text_of(shared)
    everything = json.dumps(shared)
    assert not [quote for quote in quotes if quote in everything]
    assert "lease" not in everything
    assert pressable(shared) == {}
    assert slack.messages(closed) == []


async def test_what_somebody_thought_of_it_is_kept_beside_the_interview(
    slack: SlackServer, bot: Slack, table: Table, ana: User, known: Bank
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    card = await table.ends(thread)
    name = Place(dm.team, dm.id, thread).thread
    press = await slack.presses(ana, dm, card, buttons.FEEDBACK, f"up|{name}")
    await press.acked
    assert "Thank you" in await whispered(slack, ana)
    assert (await bot.store.notes(name))["feedback"] == "up"
    await (await slack.presses(ana, dm, card, buttons.FEEDBACK, f"down|{name}")).acked
    await slack.until(lambda: slack.modal(ana))
    words = "The second question was odd <!here>"
    values = {"reasons": {"reasons": ["odd-question", "other"]}, "words": {"words": words}}
    await (await slack.submits(ana, values=values)).acked
    thanks = slack.modal(ana)
    assert thanks
    assert "Thank you" in text_of(thanks)
    notes = await bot.store.notes(name)
    assert notes["feedback"] == "down, odd-question, other"
    assert notes["feedback-text"] == words
    candidate = f"slack:{ana.team}:{ana.id}"
    (exported,) = json.loads(await export(bot.store, known.case, candidate))["interviews"]
    assert exported["feedback"]["feedback-text"] == words
    await bot.engine.forget(candidate)
    assert await bot.store.notes(name) == {}


async def test_the_next_interview_is_begun_below_the_farewell(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await table.ends(thread)
    await table.presses(dm, thread, buttons.END)
    farewell = await slack.until(lambda: table.offering(dm, thread, buttons.SURPRISE))
    await (await slack.presses(ana, dm, farewell, buttons.START)).acked
    assert text_of(await slack.until(lambda: slack.modal(ana))).startswith("Mock interview")

    def begun() -> set[str]:
        return {m["thread_ts"] for m in slack.said(dm) if buttons.HINT in pressable(m)} - {thread}

    presses = await asyncio.gather(*(slack.presses(ana, dm, farewell, buttons.SURPRISE) for _ in range(2)))
    await asyncio.gather(*(press.acked for press in presses))
    assert "already" in await whispered(slack, ana)
    (other,) = await slack.until(begun)
    assert (await state(bot, dm, other)).settings.question != "apple-task-scheduler"
    assert len([m for m in slack.said(dm) if m.get("thread_ts") == m["ts"]]) == 1


async def test_in_a_channel_nothing_but_the_talk_is_seen_by_others(
    slack: SlackServer, bot: Slack, table: Table, ana: User
) -> None:
    room, dm = slack.adds_channel("practice", ana, slack.adds_user("ben")), slack.dm(ana)
    thread = await in_a_channel(slack, ana, room)
    await answered(slack, table, room, thread)
    await table.presses(room, thread, buttons.END)
    card = await slack.until(lambda: table.offering(dm, None, buttons.REPORT))
    assert "Scorecard" in text_of(slack.messages(dm)[-1])
    await slack.until(lambda: not table.offering(room, thread, buttons.END))
    talk = len(slack.said(room, thread))
    await (await slack.presses(ana, dm, card, buttons.REPORT)).acked
    await slack.until(lambda: [m for m in slack.said(dm) if m.get("files")])
    await (await slack.presses(ana, dm, card, buttons.DISPUTE)).acked
    view = await slack.until(lambda: slack.modal(ana))
    point = pressable(view)["point"]["options"][0]["value"]
    values = {"point": {"point": point}, "argument": {"argument": "I did say what happens to stale writes."}}
    await (await slack.submits(ana, values=values)).acked
    await slack.until(lambda: table.offering(dm, None, buttons.REPORT) > card)
    again = table.offering(dm, None, buttons.REPORT)
    assert re.search(r"\d+ %.*\d+ %", text_of(slack.said(dm)[-2]))
    await (await slack.presses(ana, dm, again, buttons.ANSWER)).acked
    await slack.until(lambda: slack.said(dm)[-1]["ts"] > again)
    # All of it in private; the channel has the interview and no more.
    assert len(slack.said(room, thread)) == talk
    assert all(room.id not in file.shared for file in slack.files)
    assert not any("Scorecard" in text_of(m) for m in slack.messages(room, thread))
    assert "in our direct messages" in text_of(slack.said(room, thread)[-1])
    await table.presses(dm, None, buttons.END)
    await slack.until(lambda: table.offering(dm, None, buttons.SURPRISE))
    assert len(slack.said(room, thread)) == talk
    assert (await state(bot, room, thread)).phase is Phase.FINISHED
