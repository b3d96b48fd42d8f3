"""`/interview` and what it can be followed by, and the form it opens: what each brings about, and what it answers at once."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.oauth.installation_store.models.installation import Installation

from bot.slack import buttons
from bot.slack.places import Place
from bot.slack.service import Slack
from bot.slack.vault import Vault, new_key
from bot.steering import NO_INTERVIEW
from interviewer.model import Format, Level, Mode, Phase
from interviewer.questions import Bank
from tests.slack import Channel, Delivery, Json, SlackServer, User, text_of
from tests.slack import buttons as pressable
from tests.slack_bot import Interviewer, Table, over_socket, settings

QUESTION = "apple-task-scheduler"
SLACKS_PATIENCE = 3.0
"""Seconds for which Slack waits for an answer to a command."""


async def told(slack: SlackServer, who: User, text: str, channel: Channel | None = None) -> Json:
    """What somebody is shown who types `/interview …`, acknowledged in time; nothing if that was empty."""
    ack = await (await slack.slash(who, channel, "/interview", text)).acked
    assert ack.seconds < SLACKS_PATIENCE
    return ack.body or {}


async def form(slack: SlackServer, who: User, channel: Channel | None = None) -> Json:
    """The form that `/interview` alone opens."""
    assert await told(slack, who, "", channel) == {}
    return await slack.until(lambda: slack.modal(who))


def chosen(**fields: Any) -> Mapping[str, Mapping[str, Any]]:
    """Fields of a form, each of which is called what its block is."""
    return {name: {name: value} for name, value in fields.items()}


async def submitted(slack: SlackServer, who: User, **fields: Any) -> Delivery:
    delivery = await slack.submits(who, values={name: dict(field) for name, field in chosen(**fields).items()})
    await delivery.acked
    assert slack.modal(who) is None
    return delivery


async def opened(slack: SlackServer, channel: Channel, count: int = 1) -> str:
    """The thread of the `count`th interview that was opened in a channel, once its question is there."""

    def roots() -> list[str]:
        return [m["ts"] for m in slack.said(channel) if m.get("thread_ts") == m["ts"]]

    await slack.until(lambda: len(roots()) >= count)
    thread = roots()[count - 1]
    await slack.until(lambda: len(slack.said(channel, thread)) > 1)
    return thread


@asynccontextmanager
async def in_two_workspaces(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> AsyncGenerator[str]:
    """The bot, installed in a second workspace besides; yields that workspace's id."""
    other = slack.adds_workspace("Globex")
    slack.installs(other.id)
    key = new_key()
    async with Vault.from_url(redis_url, [key]) as vault:
        for team in (slack.workspace.id, other.id):
            bot = slack.installs(team)
            await vault.async_save(
                Installation(
                    user_id="U0", team_id=team, bot_token=bot.token, bot_id=bot.bot_id, bot_user_id=bot.user_id
                )
            )
    environment = settings(slack, embeddings, slack_bot_token="", slack_encryption_keys=key)
    async with over_socket(environment, redis_url, leads, known):
        yield other.id


# --- the form -------------------------------------------------------------------------------------------------------


async def test_the_form_starts_the_interview_that_was_chosen_in_a_direct_message(
    slack: SlackServer, bot: Slack, ana: User
) -> None:
    view = await form(slack, ana)
    assert {block["block_id"] for block in view["blocks"] if block["type"] == "input"} == {
        "question",
        "company",
        "level",
        "format",
        "mode",
    }
    assert "where nobody else reads along" in text_of(view)
    found = await slack.suggests(ana, "question", "task sched")
    assert found[0]["value"] == QUESTION
    assert len(await slack.suggests(ana, "question")) > 20
    assert [each["value"] for each in await slack.suggests(ana, "company", "appel")] == ["Apple"]
    assert await slack.suggests(ana, "question", "zzzz qqqq") == []
    await submitted(slack, ana, question=QUESTION, company="Google", level="staff", format="full", mode="interview")
    dm = slack.dm(ana)
    thread = await opened(slack, dm)
    root, first = slack.messages(dm, thread)[:2]
    assert "staff · interview · 45 minutes" in text_of(root)
    assert "45 minutes" in text_of(first)
    interview = await bot.store.interview(Place(ana.team, dm.id, thread).thread)
    assert interview
    assert interview.settings.question == QUESTION
    assert (interview.settings.level, interview.settings.mode) == (Level.STAFF, Mode.INTERVIEW)
    assert interview.settings.format is Format.FULL


async def test_a_company_alone_brings_one_of_its_questions(
    slack: SlackServer, bot: Slack, ana: User, known: Bank
) -> None:
    await form(slack, ana)
    await submitted(slack, ana, company="Uber")
    thread = await opened(slack, slack.dm(ana))
    interview = await bot.store.interview(Place(ana.team, slack.dm(ana).id, thread).thread)
    assert interview
    question = known.case(interview.settings.question).question
    assert "Uber" in (question.company, *question.also_asked_at)


async def test_only_where_a_language_model_speaks_is_there_a_manner_to_choose(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, ana: User
) -> None:
    talking = replace(leads, models="a model somewhere")
    async with over_socket(settings(slack, embeddings), redis_url, talking, known) as bot:
        view = await form(slack, ana)
        assert "persona" in {block["block_id"] for block in view["blocks"]}
        await submitted(slack, ana, persona="sceptical")
        thread = await opened(slack, slack.dm(ana))
        interview = await bot.store.interview(Place(ana.team, slack.dm(ana).id, thread).thread)
        assert interview
        assert interview.settings.persona == "sceptical"


async def test_in_a_channel_the_interview_is_held_in_a_thread_if_that_is_chosen(
    slack: SlackServer, bot: Slack, ana: User
) -> None:
    room = slack.adds_channel("practice", ana, slack.adds_user("ben"))
    view = await form(slack, ana, room)
    assert "Everybody there can read along" in str(view["blocks"])
    await submitted(slack, ana, question=QUESTION, where="thread")
    thread = await opened(slack, room)
    root = slack.messages(room, thread)[0]
    assert f"<@{ana.id}>" in text_of(root)
    assert "Everybody in this channel can read along" in text_of(root)
    assert "the scorecard stays private" in text_of(root)
    assert slack.messages(slack.dm(ana)) == []
    # What is not said stays where nobody reads along.
    await form(slack, ana, room)
    await submitted(slack, ana, question=QUESTION)
    await opened(slack, slack.dm(ana))
    assert len([m for m in slack.messages(room) if m["ts"] == m.get("thread_ts")]) == 1


async def test_where_the_bot_is_not_the_thread_can_not_be_opened_and_that_is_said(
    slack: SlackServer, bot: Slack, ana: User
) -> None:
    room = slack.adds_channel("elsewhere", ana, with_bot=False)
    await form(slack, ana, room)
    await submitted(slack, ana, where="thread")
    dm = slack.dm(ana)
    await slack.until(lambda: slack.said(dm))
    assert "/invite" in text_of(slack.said(dm)[0])
    assert len(slack.said(dm)) == 1


async def test_a_form_that_came_too_late_is_asked_for_again(slack: SlackServer, bot: Slack, ana: User) -> None:
    slack.fail("views.open", "expired_trigger_id")
    assert await told(slack, ana, "") == {}
    await slack.until(lambda: slack.ephemerals(ana))
    assert "did not open in time" in text_of(slack.ephemerals(ana)[0])
    assert slack.modal(ana) is None
    # Where the bot can't show it to them alone, it tells them directly.
    slack.fail("views.open", "expired_trigger_id")
    room = slack.adds_channel("elsewhere", ana, with_bot=False)
    assert await told(slack, ana, "", room) == {}
    await slack.until(lambda: slack.said(slack.dm(ana)))
    assert "did not open in time" in text_of(slack.said(slack.dm(ana))[0])


# --- words ----------------------------------------------------------------------------------------------------------


async def test_start_takes_a_company_a_level_and_a_mode_in_any_order(slack: SlackServer, bot: Slack, ana: User) -> None:
    dm = slack.dm(ana)
    for number, words in enumerate(("start apple senior strict", "45 strict apple-task-scheduler mid"), 1):
        assert "direct messages" in (await told(slack, ana, words))["text"]
        thread = await opened(slack, dm, number)
        interview = await bot.store.interview(Place(ana.team, dm.id, thread).thread)
        assert interview
        assert interview.settings.mode is Mode.INTERVIEW
        assert (interview.settings.level, interview.settings.format) == [
            (Level.SENIOR, Format.STANDARD),
            (Level.MID, Format.FULL),
        ][number - 1]
        assert interview.candidate == f"slack:{ana.team}:{ana.id}"


async def test_every_command_does_its_work_in_the_running_interview(slack: SlackServer, bot: Slack, ana: User) -> None:
    table, dm = Table(slack, ana), slack.dm(ana)
    thread = await table.begins()
    heard = len(table.said(dm.id, thread))
    expected = {
        "hint": "",
        "time": "minutes",
        "repeat": "",
        "next": "",
        "pause": "minutes",
        "RESUME": "",
        "/time": "minutes",
    }
    for word, words in expected.items():
        assert (await told(slack, ana, word))["text"] == "My reply is in the interview's thread."
        heard += 1
        assert words in text_of(await table.hears(dm.id, thread, heard)), word
    interview = await bot.store.interview(Place(ana.team, dm.id, thread).thread)
    assert interview
    assert interview.phase is Phase.REQUIREMENTS
    assert not interview.paused


async def test_after_the_end_come_score_history_answer_dispute_and_the_close(
    slack: SlackServer, bot: Slack, ana: User
) -> None:
    table, dm = Table(slack, ana), slack.dm(ana)
    thread = await table.begins(f"start {QUESTION}")
    spoken = await slack.types(ana, None, "How many tasks a second do we schedule?", thread=thread)
    await spoken.acked
    await table.hears(dm.id, thread, 2)
    assert "not finished" in (await told(slack, ana, "history"))["text"]
    assert "no scorecard yet" in (await told(slack, ana, "score"))["text"]
    # Not yet: a person is told, and nothing is posted.
    for early in ("answer", "dispute lease-expiry I said so"):
        assert "/interview end" in (await told(slack, ana, early))["text"]
    # What can't be taken back is asked for once more.
    asked = await told(slack, ana, "end")
    assert "can't be taken up again" in text_of(asked)
    assert not table.offering(dm, thread, buttons.REPORT)
    await (await slack.presses(ana, dm, slack.ephemerals(ana)[-1]["ts"], buttons.REALLY)).acked
    await slack.until(lambda: table.offering(dm, thread, buttons.REPORT))
    heard = len(table.said(dm.id, thread))
    for late in ("hint", "time", "next", "pause", "resume", "repeat"):
        assert "The interview is over" in (await told(slack, ana, late))["text"]
    assert (await told(slack, ana, "answer"))["text"] == "My reply is in the interview's thread."
    assert "answer" in text_of(await table.hears(dm.id, thread, heard + 1)).lower()
    assert "in your own words" in (await told(slack, ana, "dispute"))["text"]
    await told(slack, ana, "dispute lease-expiry When a worker dies its lease runs out and another takes the task.")
    assert "a worker holds its job" in text_of(await table.hears(dm.id, thread, heard + 2)).lower()
    assert "Scorecard" in text_of(await table.hears(dm.id, thread, heard + 3))
    assert "task scheduler" in (await told(slack, ana, "history"))["text"].lower()
    assert "comes to our direct messages" in (await told(slack, ana, "score"))["text"]

    def cards() -> list[Json]:
        return [m for m in slack.said(dm) if "thread_ts" not in m and "Scorecard" in text_of(m)]

    await slack.until(cards)
    await told(slack, ana, "end")
    await slack.until(lambda: table.offering(dm, thread, buttons.SURPRISE))
    assert (await told(slack, ana, "end"))["text"] == NO_INTERVIEW
    # What is closed can still be read and shown, and no more than that.
    await told(slack, ana, "score")
    await slack.until(lambda: len(cards()) == 2)
    assert set(pressable(cards()[1])) == {buttons.REPORT, buttons.SHARE, buttons.FEEDBACK}


async def test_with_nothing_running_each_command_says_how_to_begin(slack: SlackServer, bot: Slack, ana: User) -> None:
    for word in ("hint", "time", "next", "pause", "resume", "end", "answer", "repeat", "dispute x y"):
        assert (await told(slack, ana, word))["text"] == NO_INTERVIEW
    assert "No interviews yet" in (await told(slack, ana, "history"))["text"]
    assert "no scorecard yet" in (await told(slack, ana, "score"))["text"]
    helped = text_of(await told(slack, ana, "help"))
    assert all(word in helped for word in ("hint", "pause", "/interview export", "/interview forget"))
    assert slack.messages(slack.dm(ana)) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hnit", "/interview hint"),
        ("puase", "/interview pause"),
        ("exprot", "/interview export"),
        ("start appel", "apple"),
        ("appel senior", "apple"),
        ("start payments snior", "senior"),
        ("unicorns", "/interview help"),
    ],
)
async def test_a_word_that_is_none_gets_the_nearest_that_is(
    slack: SlackServer, bot: Slack, ana: User, typed: str, meant: str
) -> None:
    said = (await told(slack, ana, typed))["text"]
    assert meant in said
    assert slack.messages(slack.dm(ana)) == []


@pytest.mark.parametrize("before", ["", "start ", "dispute "])
async def test_nothing_that_is_typed_reaches_anybody_as_a_mention(
    slack: SlackServer, bot: Slack, ana: User, before: str
) -> None:
    for wicked in ("<!channel>", "<!here|here>", "<@U0123>", "<https://evil.example|payments>", "&lt;!channel&gt;"):
        said = (await told(slack, ana, before + wicked))["text"]
        assert "<!" not in said
        assert "<@" not in said
        assert "<http" not in said


# --- several of them ------------------------------------------------------------------------------------------------


async def test_two_people_are_interviewed_at_once_and_neither_hears_the_other(
    slack: SlackServer, bot: Slack, ana: User
) -> None:
    ben = slack.adds_user("ben")
    await told(slack, ana, "start apple-task-scheduler mid")
    await told(slack, ben, "start ebay-ticketing staff")
    first, second = await opened(slack, slack.dm(ana)), await opened(slack, slack.dm(ben))
    await told(slack, ana, "pause")
    await Table(slack, ana).hears(slack.dm(ana).id, first, 3)
    paused = await bot.store.interview(Place(ana.team, slack.dm(ana).id, first).thread)
    other = await bot.store.interview(Place(ben.team, slack.dm(ben).id, second).thread)
    assert paused
    assert other
    assert (paused.paused, other.paused) == (True, False)
    assert (paused.settings.question, other.settings.question) == (QUESTION, "ebay-ticketing")
    assert len(slack.said(slack.dm(ben), second)) == 2


async def test_each_workspace_is_spoken_to_with_its_own_token(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, ana: User
) -> None:
    async with in_two_workspaces(slack, embeddings, redis_url, leads, known) as other:
        zoe = slack.adds_user("zoe", team=other)
        for who in (ana, zoe):
            await told(slack, who, "start apple-task-scheduler")
        for who in (ana, zoe):
            thread = await opened(slack, slack.dm(who))
            await told(slack, who, "time")
            await Table(slack, who).hears(slack.dm(who).id, thread, 3)
        assert {m["team"] for m in slack.messages(slack.dm(zoe))} == {other}
        assert {m["team"] for m in slack.messages(slack.dm(ana))} == {ana.team}
