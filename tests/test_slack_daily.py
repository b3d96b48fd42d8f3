"""The daily question in Slack: who may order it, what stands in the channel, its buttons, and what is heard in its thread."""

import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.actions import DAILY_BLIND, DAILY_FEEDBACK, DAILY_JOIN, DAILY_LEAVE, DAILY_PRACTISE, DAILY_REMIND
from bot.slack.buttons import FORGET
from bot.slack.clients import Clients
from bot.slack.daily_forms import CHANNEL, DAYS, HOLIDAYS, WORDS, ZONE
from bot.slack.daily_orders import addressed
from bot.slack.noticeboard import PAGES, SlackNoticeboard, board
from bot.slack.places import Place, person
from bot.slack.platform import SlackPlatform
from bot.slack.presence import Presence
from bot.slack.service import Slack
from interviewer.daily import (
    GIVEN_UP,
    Asked,
    DailyAnswer,
    DailyQuestion,
    Digest,
    Digested,
    Discussion,
    Item,
    Reminded,
    Revealed,
    Slot,
    Unsealed,
    Warned,
    Written,
)
from interviewer.daily_store import DailyStore
from interviewer.model import Level
from interviewer.ports import Away, Closed
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.cases import CASE
from tests.keys import everything, of_the_store
from tests.slack import Channel, Json, SlackServer, Upload, User, buttons, text_of
from tests.slack_bot import Interviewer, over_socket, settings

QUESTION = "apple-task-scheduler"
SLOT = Slot("a", date(2026, 11, 24))
KEY = f"ask:{SLOT.name}"
ANSWER = "A worker holds each job under a lease, and when the lease runs out another worker takes the job over."
TO_SET = "set 09:00 Europe/Berlin weekdays"


@pytest.fixture
def ana(slack: SlackServer) -> User:
    """An administrator of the workspace."""
    return slack.adds_user("ana", is_admin=True)


@pytest.fixture
def ben(slack: SlackServer) -> User:
    return slack.adds_user("ben", tz="Asia/Tokyo")


@pytest.fixture
def team(slack: SlackServer, ana: User, ben: User) -> Channel:
    """A channel of both, with the bot in it."""
    return slack.adds_channel("team", ana, ben)


@pytest.fixture
async def kept(redis_url: str) -> AsyncGenerator[DailyStore]:
    async with DailyStore.from_url(redis_url) as store:
        yield store


@pytest.fixture
async def noticeboard(slack: SlackServer, redis_store: RedisStore) -> AsyncGenerator[SlackNoticeboard]:
    async def token(_: str) -> str:
        return slack.bot.token

    async with Clients.open(slack.environment()["SLACK_API_URL"], token) as clients:
        platform = SlackPlatform(clients, redis_store, Presence(clients))
        yield SlackNoticeboard(clients, platform)
        await platform.aclose()


def question(message: str = "") -> DailyQuestion:
    """One that was asked a minute ago and is revealed in an hour."""
    now = time.time()
    return DailyQuestion(SLOT, Item("library", "double-loan"), Level.SENIOR, now - 60, now + 3600, message)


def asked() -> Asked:
    return Asked(question(), CASE, "Europe/Berlin")


def name(channel: Channel) -> str:
    return board(channel.team, channel.id)


async def told(slack: SlackServer, who: User, text: str, channel: Channel | None) -> str:
    """What somebody is told, alone, who types `/interview daily …`."""
    before = len(slack.ephemerals(who))
    ack = await (await slack.slash(who, channel, "/interview", f"daily {text}")).acked
    assert not ack.body
    await slack.until(lambda: len(slack.ephemerals(who)) > before)
    return text_of(slack.ephemerals(who)[before])


# --- what is ordered ------------------------------------------------------------------------------------------------


async def test_only_administrators_and_those_who_are_named_order_it(  # noqa: PLR0917 (pytest names each)
    slack: SlackServer,
    embeddings: Path,
    redis_url: str,
    leads: Interviewer,
    known: Bank,
    ana: User,
    ben: User,
    team: Channel,
    kept: DailyStore,
) -> None:
    eve = slack.adds_user("eve")
    team.members.add(eve.id)
    async with over_socket(settings(slack, embeddings, slack_daily_admins=f"U1, {eve.id}"), redis_url, leads, known):
        for text in (TO_SET, "pause", "remove", "ask-now", ""):
            assert "Only this workspace's admins" in await told(slack, ben, text, team)
        assert slack.modal(ben) is None
        assert await kept.board(name(team)) is None
        assert "no daily question" in await told(slack, ben, "status", team)
        assert "/interview daily pause" in await told(slack, ben, "help", team)

        assert "Set: a: 09:00 Europe/Berlin weekdays" in (await told(slack, ana, TO_SET, team)).replace("`", "")
        assert "Paused" in await told(slack, eve, "pause", team)
        made = await kept.board(name(team))
        assert made
        assert (made.team, made.admin, made.paused) == (f"slack:{ana.team}", called(ana), True)
        assert "09:00 Europe/Berlin" in await told(slack, ben, "status", team)


def called(who: User) -> str:
    return person(who.team, who.id)


@pytest.mark.parametrize(
    ("text", "channel", "order"),
    [
        ("set 09:00 UTC", "", "set 09:00 UTC"),
        ("set <#C1|team> 09:00 UTC", "C1", "set 09:00 UTC"),
        ("<#C1|> status", "C1", "status"),
        ("#team-a set 09:00 UTC", "#team-a", "set 09:00 UTC"),
        ("status #team", "#team", "status"),
        ("", "", ""),
    ],
    ids=range(6),
)
def test_a_channel_may_be_named_first_or_second(text: str, channel: str, order: str) -> None:
    assert addressed(text) == (channel, order)


async def test_another_channel_is_found_by_its_name_or_its_id_if_one_may_know_of_it(
    slack: SlackServer, bot: Slack, ana: User, ben: User, team: Channel, kept: DailyStore
) -> None:
    other = slack.adds_channel("other", ben)
    secret, elsewhere = slack.adds_channel("secret", ben, private=True), slack.adds_channel("elsewhere", with_bot=False)
    assert "Set:" in await told(slack, ana, f"#other {TO_SET}", team)
    assert await kept.board(name(other))
    assert "09:00" in await told(slack, ben, f"<#{other.id}|other> status", None)
    for said in ("#secret", f"<#{secret.id}|secret>"):
        assert "no daily question" in await told(slack, ben, f"status {said}", team)
        refused = await told(slack, ana, f"status {said}", team)
        assert "/invite @Mockingbird" in refused
        assert "daily question" not in refused
    assert "I am not in #elsewhere: type /invite @Mockingbird there" in (
        await told(slack, ana, f"set <#{elsewhere.id}|elsewhere> 09:00 UTC", team)
    ).replace("`", "")
    assert "Name one" in await told(slack, ana, "pause", None)
    slack.archive(other)
    assert "archived" in await told(slack, ana, f"<#{other.id}|other> set 10:00 UTC", team)


async def test_the_form_sets_one_up_and_says_at_its_fields_what_is_wrong(
    slack: SlackServer, bot: Slack, ana: User, team: Channel, kept: DailyStore
) -> None:
    slack.adds_channel("secret", private=True)
    other = slack.adds_channel("other")
    slack.adds_channel("elsewhere", ana, with_bot=False)
    for text in ("daily", "daily set"):
        assert not (await (await slack.slash(ana, team, "/interview", text)).acked).body
        await slack.until(lambda: slack.modal(ana))
        if text == "daily":
            await slack.closes_modal(ana)
    offered = [each["text"]["text"] for each in await slack.suggests(ana, CHANNEL)]
    assert offered == ["#other", "#team"]
    assert (await slack.suggests(ana, ZONE, "san marino"))[0]["value"] == "Europe/San_Marino"
    assert (await slack.suggests(ana, ZONE, "berln"))[0]["value"] == "Europe/Berlin"

    slack.removes_bot(other)
    wrong: dict[str, dict[str, Any]] = {
        CHANNEL: {CHANNEL: other.id},
        HOLIDAYS: {HOLIDAYS: "Germany"},
        DAYS: {DAYS: ["sun"]},
    }
    await (await slack.submits(ana, values=wrong)).acked
    assert "Did you mean holidays=DE" in slack.modal_errors(ana)[HOLIDAYS]
    await (await slack.submits(ana, values={HOLIDAYS: {HOLIDAYS: "DE"}, DAYS: {DAYS: ["mon", "thu"]}})).acked
    assert "/invite @Mockingbird" in slack.modal_errors(ana)[CHANNEL]
    await (await slack.submits(ana, values={CHANNEL: {CHANNEL: team.id}})).acked
    assert "Set:" in text_of(slack.modal(ana) or {})
    made = await kept.board(name(team))
    assert made
    plan = made.plans[0]
    assert (plan.schedule.zone, plan.schedule.holidays, sorted(plan.schedule.days)) == (ana.tz, "DE", [0, 3])


async def test_what_is_asked_at_once_stands_in_the_channel_a_moment_later(
    slack: SlackServer, bot: Slack, ana: User, team: Channel, kept: DailyStore
) -> None:
    await told(slack, ana, TO_SET, team)
    await told(slack, ana, "ask-now", team)
    await slack.until(lambda: slack.said(team))
    (message,) = slack.said(team)
    assert "Daily question: " in text_of(message)
    assert list(buttons(message)) == [DAILY_PRACTISE, DAILY_BLIND, DAILY_REMIND, DAILY_FEEDBACK]


# --- the noticeboard ------------------------------------------------------------------------------------------------


async def test_a_notice_is_posted_found_and_taken_back(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    slack.is_down(True)
    await slack.types(ben, team, "good morning")
    assert await noticeboard.find(name(team), KEY, asked()) == ""
    ts = await noticeboard.post(name(team), KEY, asked())
    (message,) = slack.said(team)
    assert buttons(message)[DAILY_BLIND]["value"] == f"{name(team)}|{SLOT.name}"
    assert message["text"].startswith("Daily question: A lending library")
    assert await noticeboard.find(name(team), KEY, asked()) == ts
    assert await noticeboard.find(name(team), "ask:b/2026-11-24", asked()) == ""

    revealed = Revealed(replace(question(ts), reveals=time.time() - 1), CASE, Discussion(0))
    reply = await noticeboard.post(name(team), "reveal:1", revealed, ts)
    assert [each["ts"] for each in slack.messages(team, ts)] == [ts, reply]
    assert await noticeboard.find(name(team), "reveal:1", revealed, ts) == reply
    for _ in range(2):
        await noticeboard.take_back(name(team), reply, ts)
    assert await noticeboard.find(name(team), "reveal:1", revealed, ts) == ""


async def test_one_is_found_behind_many_others(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    ts = await noticeboard.post(name(team), KEY, asked())
    slack.is_down(True)
    for n in range(201):
        await slack.types(ben, team, f"{n}")
    assert await noticeboard.find(name(team), KEY, asked()) == ts
    assert len(slack.calls("conversations.history")) == 2


async def test_what_belongs_under_a_deleted_question_is_left_out(noticeboard: SlackNoticeboard, team: Channel) -> None:
    revealed = Revealed(question("1700000000.000001"), CASE, Discussion(0))
    assert await noticeboard.find(name(team), "r", revealed, "1700000000.000001") == ""
    assert await noticeboard.post(name(team), "r", revealed, "1700000000.000001") == GIVEN_UP
    await noticeboard.take_back(name(team), GIVEN_UP)


async def test_people_are_mentioned_and_their_words_mention_nobody(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    evil = (
        "<!channel> @here <@U1> *bold* \u2063slack:T:U9\u2063 `<!everyone>`\n<https://evil.example|nice> & " + "<" * 900
    )
    blind = Unsealed(question(), DailyAnswer(called(ben), evil, 0.0, sealed=True), named=True)
    week = Digest("2026-W48", 1, (called(ben),), 0, question())
    for notice in (blind, Digested(week, {"library": CASE})):
        await noticeboard.post(name(team), notice.__class__.__name__, notice)
    first, second = slack.said(team)
    written = json.dumps(first, ensure_ascii=False)
    assert f"<@{ben.id}>" in written
    for bad in ("<!", "<@U1>", "<@U9>", "<https", " *bold*", "\u2063", "@here"):
        assert bad not in written
    assert f"<@{ben.id}>" in text_of(second)
    assert "value" not in buttons(second)[DAILY_LEAVE]


async def test_where_blocks_are_refused_the_words_come_all_the_same(
    slack: SlackServer, noticeboard: SlackNoticeboard, team: Channel
) -> None:
    slack.fail("chat.postMessage", "invalid_blocks")
    ts = await noticeboard.post(name(team), KEY, asked())
    (message,) = slack.said(team)
    assert "blocks" not in message
    assert "What happens without double-loan?" in message["text"]
    assert await noticeboard.find(name(team), KEY, asked()) == ts


@pytest.mark.parametrize(
    ("failure", "unclear"),
    [({"status": 429, "retry_after": 60}, False), ({"status": 503}, True), ({"error": "internal_error"}, True)],
    ids=["patience", "status", "stumble"],
)
async def test_what_may_pass_comes_later(
    slack: SlackServer, noticeboard: SlackNoticeboard, team: Channel, failure: dict[str, Any], unclear: bool
) -> None:
    slack.fail("chat.postMessage", **failure)
    with pytest.raises(Away) as caught:
        await noticeboard.post(name(team), KEY, asked())
    assert caught.value.unclear is unclear


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        ("not_in_channel", "/invite @Mockingbird"),
        ("channel_not_found", "/invite @Mockingbird"),
        ("is_archived", "Unarchive it"),
        ("restricted_action", "administers it"),
        ("missing_scope", "mockingbird doctor"),
        ("token_revoked", "install me again"),
        ("account_inactive", "install me again"),
        ("msg_too_long", "msg_too_long"),
    ],
)
async def test_what_stays_so_closes_the_channel_and_says_what_would_help(
    slack: SlackServer, noticeboard: SlackNoticeboard, team: Channel, error: str, helps: str
) -> None:
    slack.fail("chat.postMessage", error)
    with pytest.raises(Closed, match=helps):
        await noticeboard.post(name(team), KEY, asked())


async def test_a_channel_is_usable_once_the_bot_is_in_it(
    slack: SlackServer, noticeboard: SlackNoticeboard, team: Channel, ana: User
) -> None:
    await noticeboard.usable(name(team))
    slack.removes_bot(team)
    with pytest.raises(Closed, match="I am not in #team: type `/invite @Mockingbird` there"):
        await noticeboard.usable(name(team))
    with pytest.raises(Closed, match="needs a channel"):
        await noticeboard.usable(name(slack.dm(ana)))
    slack.archive(team)
    with pytest.raises(Closed, match="archived"):
        await noticeboard.usable(name(team))


async def test_a_long_thread_is_read_page_by_page_and_one_that_is_too_long_not_at_all(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    slack.is_down(True)
    slack.shows_at_most(15)
    ts = await noticeboard.post(name(team), KEY, asked())
    said = [f"{n}" for n in range(15 * PAGES)]
    for text in said:
        await slack.types(ben, team, text, thread=ts)
    assert [each.text for each in await noticeboard.written(name(team), ts) or ()] == said
    assert len(slack.calls("conversations.replies")) == PAGES
    await slack.types(ben, team, "one more", thread=ts)
    assert await noticeboard.written(name(team), ts) is None


async def test_what_stands_below_a_deleted_question_is_read_as_long_as_it_stands(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    slack.is_down(True)
    ts = await noticeboard.post(name(team), KEY, asked())
    reply = (await slack.types(ben, team, ANSWER, thread=ts)).ts
    await slack.types(ben, team, "This message was deleted.", thread=ts, subtype="tombstone")
    await noticeboard.take_back(name(team), ts)
    assert await noticeboard.written(name(team), ts) == [Written(called(ben), ANSWER, float(reply), reply)]
    for each in slack.messages(team):
        await slack.deletes(team, each["ts"])
    assert await noticeboard.written(name(team), ts) == ()


async def test_a_thread_that_slack_does_not_show_is_not_taken_for_an_empty_one(
    slack: SlackServer, noticeboard: SlackNoticeboard, team: Channel
) -> None:
    ts = await noticeboard.post(name(team), KEY, asked())
    slack.fail("conversations.replies", status=429, retry_after=60)
    with pytest.raises(Away):
        await noticeboard.written(name(team), ts)
    slack.removes_bot(team)
    with pytest.raises(Closed, match="/invite @Mockingbird"):
        await noticeboard.written(name(team), ts)


async def test_somebody_is_told_once_and_led_there(
    slack: SlackServer, noticeboard: SlackNoticeboard, ben: User, team: Channel
) -> None:
    ts = await noticeboard.post(name(team), KEY, asked())
    for _ in range(2):
        await noticeboard.tell(called(ben), "remind:1", Reminded(question(ts), CASE, name(team), "Europe/Berlin"))
    await noticeboard.tell(called(ben), "stuck:1", Warned(name(team), "It is archived."))
    reminder, warning = (text_of(each) for each in slack.said(slack.dm(ben)))
    assert f"<https://acme.slack.com/archives/{team.id}/p{ts.replace('.', '')}>" in reminder
    assert f"to <#{team.id}> any more. It is archived." in warning
    slack.closes_dm(ben)
    with pytest.raises(Closed):
        await noticeboard.tell(called(ben), "remind:2", Reminded(question(ts), CASE, name(team), "Europe/Berlin"))


# --- in the channel -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """A question that stands in a channel, and who has seen it."""

    slack: SlackServer
    channel: Channel
    ts: str
    kept: DailyStore

    async def presses(self, who: User, action: str) -> None:
        await (await self.slack.presses(who, self.channel, self.ts, action)).acked

    async def told(self, who: User, action: str) -> str:
        """What somebody is told, alone, who presses a button."""
        before = len(self.slack.ephemerals(who))
        await self.presses(who, action)
        return await self.says(who, before)

    async def says(self, who: User, before: int) -> str:
        await self.slack.until(lambda: len(self.slack.ephemerals(who)) > before)
        return text_of(self.slack.ephemerals(who)[before])

    async def answers(self) -> list[tuple[str, str]]:
        return [(each.person, each.text) for each in await self.kept.answers(name(self.channel), SLOT)]


@pytest.fixture
async def standing(
    slack: SlackServer, bot: Slack, noticeboard: SlackNoticeboard, known: Bank, team: Channel, kept: DailyStore
) -> Standing:
    case = known.case(QUESTION)
    of = replace(question(), item=Item(QUESTION, case.guide.rubric[0].id))
    ts = await noticeboard.post(name(team), KEY, Asked(of, case, "Europe/Berlin"))
    await kept.keep_question(name(team), replace(of, message=ts))
    return Standing(slack, team, ts, kept)


async def test_practising_opens_an_interview_on_that_question_in_private(
    slack: SlackServer, bot: Slack, standing: Standing, ben: User
) -> None:
    assert "direct messages" in await standing.told(ben, DAILY_PRACTISE)
    dm = slack.dm(ben)
    await slack.until(lambda: len(slack.said(dm)) > 1)
    root = slack.said(dm)[0]
    interview = await bot.store.interview(Place(ben.team, dm.id, root["ts"]).thread)
    assert interview
    assert (interview.settings.question, interview.settings.level) == (QUESTION, Level.SENIOR)
    assert "15 minutes" in text_of(root)


async def test_a_blind_answer_is_seen_by_nobody_and_can_be_changed(
    slack: SlackServer, standing: Standing, ana: User, ben: User, team: Channel
) -> None:
    def field() -> Json:
        view = slack.modal(ben)
        return next(block["element"] for block in view["blocks"] if block.get("block_id") == WORDS) if view else {}

    await standing.presses(ben, DAILY_BLIND)
    await slack.until(lambda: slack.modal(ben))
    assert "everybody in the channel sees it, with your name" in text_of(slack.modal(ben) or {})
    await (await slack.submits(ben, values={WORDS: {WORDS: ANSWER}})).acked
    assert "Sealed" in await standing.says(ben, 0)
    await standing.presses(ben, DAILY_BLIND)
    await slack.until(lambda: slack.modal(ben))
    assert field()["initial_value"] == ANSWER
    await (await slack.submits(ben, values={WORDS: {WORDS: f"{ANSWER} Really."}})).acked
    await standing.says(ben, 1)
    assert await standing.answers() == [(called(ben), f"{ANSWER} Really.")]
    assert "lease" not in json.dumps([slack.messages(team), slack.ephemerals(ana), slack.messages(slack.dm(ana))])
    assert await standing.kept.days(called(ben))


async def test_the_other_buttons_tell_only_who_pressed_them(
    slack: SlackServer, noticeboard: SlackNoticeboard, standing: Standing, ana: User, ben: User, team: Channel
) -> None:
    assert "I'll remind you" in await standing.told(ben, DAILY_REMIND)
    assert "won't remind you" in await standing.told(ben, DAILY_REMIND)
    assert "have not answered" in await standing.told(ben, DAILY_FEEDBACK)
    digest = Digested(Digest("2026-W48", 1, (), 0, question(), ranks=True), {})
    weekly = replace(standing, ts=await noticeboard.post(name(team), "digest", digest))
    assert "left out" in await weekly.told(ben, DAILY_LEAVE)
    assert (await standing.kept.standing(called(ben))).hidden
    assert "counted in" in await weekly.told(ben, DAILY_JOIN)
    assert (await standing.kept.standing(called(ben))).ranked
    assert slack.ephemerals(ana) == []


async def test_feedback_is_given_in_the_thread_to_who_asks_for_it(
    slack: SlackServer, standing: Standing, ana: User, ben: User, team: Channel
) -> None:
    await (await slack.types(ben, team, ANSWER, thread=standing.ts)).acked
    said = await standing.told(ben, DAILY_FEEDBACK)
    assert "Only you see this" in said
    assert slack.ephemerals(ben)[0]["thread_ts"] == standing.ts
    assert slack.ephemerals(ana) == []


async def test_an_answer_in_the_thread_is_noted_edited_and_deleted(
    slack: SlackServer, standing: Standing, ben: User, team: Channel
) -> None:
    delivery = await slack.types(ben, team, f"{slack.mention} {ANSWER}", thread=standing.ts)
    await delivery.acked
    ts = slack.messages(team)[-1]["ts"]
    assert await standing.answers() == [(called(ben), ANSWER)]
    assert await standing.kept.days(called(ben))
    await (await slack.edits(team, ts, "A queue & a lease")).acked
    assert await standing.answers() == [(called(ben), "A queue & a lease")]
    await (await slack.redeliver(delivery)).acked
    assert await standing.answers() == [(called(ben), "A queue & a lease")]
    await (await slack.deletes(team, ts)).acked
    assert await standing.answers() == []
    assert slack.ephemerals(ben) == []


async def test_what_is_read_in_a_thread_is_what_was_heard_in_it(
    slack: SlackServer, noticeboard: SlackNoticeboard, standing: Standing, ben: User, team: Channel
) -> None:
    slack.joins("E0GRID")

    async def types(text: str, **more: Any) -> str:
        delivery = await slack.types(ben, team, text, thread=standing.ts, **more)
        for each in (delivery, *delivery.also):
            await each.acked
        return delivery.ts

    first = await types(f"{slack.mention}: {ANSWER}")
    await types("A <queue> & https://example.org \u202eesael a")
    await types("A lease", subtype="thread_broadcast", user_team="E0GRID")
    await (await slack.edits(team, first, f"{slack.mention} Ids, says {slack.mention}")).acked
    heard = {each.message: (each.person, each.text) for each in await standing.kept.answers(name(team), SLOT)}
    assert len(heard) == 3

    guest, other = await types("A guest", user_team="T0OTHER"), await types("A bot", bot_id="B1")
    joined = await types("has joined", subtype="channel_join")
    await (await slack.uploads(ben, team, Upload("a.md", b"A queue"), thread=standing.ts)).acked
    file, emptied = slack.messages(team)[-1]["ts"], await types("A mistake")
    await (await slack.edits(team, emptied, slack.mention)).acked
    own = await noticeboard.post(
        name(team), "reveal", Revealed(question(standing.ts), CASE, Discussion(0)), standing.ts
    )

    written = await noticeboard.written(name(team), standing.ts) or ()
    assert {each.message: (each.person, each.text) for each in written if each.text} == heard
    assert [(each.message, each.text) for each in written if not each.text] == [
        *((ts, None) for ts in (guest, other, joined)),
        *((ts, "") for ts in (file, emptied)),
        (own, None),
    ]


async def test_of_what_is_said_elsewhere_nothing_is_kept(
    slack: SlackServer, standing: Standing, ben: User, team: Channel, redis: Any
) -> None:
    before = of_the_store(await everything(redis)).keys()
    other = await slack.types(ben, team, "Lunch?")
    await other.acked
    ts = slack.messages(team)[-1]["ts"]
    await (await slack.types(ben, team, "At noon", thread=ts)).acked
    await (await slack.edits(team, slack.messages(team)[-1]["ts"], "At one")).acked
    await (await slack.types(ben, team, "from a bot", thread=standing.ts, bot_id="B1")).acked
    await (await slack.types(ben, team, "", thread=standing.ts, subtype="channel_join")).acked
    assert await standing.answers() == []
    # Docket's own keys come and go with what its workers do every minute; none of them may hold what was said.
    kept = await everything(redis)
    assert of_the_store(kept).keys() - before == set()
    assert [
        key for key, value in kept.items() for said in ("Lunch?", "At noon", "At one", "from a bot") if said in value
    ] == []


async def test_what_is_kept_of_somebody_is_exported_and_forgotten(
    slack: SlackServer, standing: Standing, ben: User, team: Channel
) -> None:
    await (await slack.types(ben, team, ANSWER, thread=standing.ts)).acked
    await (await slack.slash(ben, team, "/interview", "export")).acked
    await slack.until(lambda: slack.files and slack.files[0].complete)
    assert ANSWER in json.dumps(json.loads(slack.files[0].content or b"")["daily"])
    ack = await (await slack.slash(ben, None, "/interview", "forget")).acked
    assert ack.body
    shown = slack.ephemerals(ben)
    await (await slack.presses(ben, None, shown[-1]["ts"], FORGET)).acked
    await slack.until(lambda: len(slack.ephemerals(ben)) > len(shown))
    assert await standing.answers() == []
