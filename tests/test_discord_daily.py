"""The daily question in Discord: who sets it up, how it stands in a channel, and what people do about it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from discord import PermissionOverwrite, Permissions
from pydantic import ValidationError
from simcord.builders import ChannelHandle, GuildHandle, UserHandle

from bot import actions
from bot.daily import parse
from bot.daily_desk import JOINED, LEFT, OUT
from bot.daily_words import words
from bot.discord import daily, forms, notices
from bot.discord.client import logged_in
from bot.discord.daily import NOT_HERE, REMOVE
from bot.discord.noticeboard import ANSWER, DELETED, REMOVED, DiscordNoticeboard
from bot.discord.notices import pages
from bot.discord.places import board, person, team
from bot.discord.platform import DiscordPlatform
from bot.discord.service import Discord
from bot.settings import Settings
from bot.wiring import Interviewer
from interviewer.daily import (
    GIVEN_UP,
    Asked,
    Board,
    DailyAnswer,
    DailyQuestion,
    Digest,
    Digested,
    Discussion,
    Item,
    Plan,
    Reminded,
    Revealed,
    Slot,
    Unsealed,
    View,
    Voice,
    Warned,
)
from interviewer.daily_store import DailyStore
from interviewer.model import Level
from interviewer.ports import Away, Closed
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.discord import DiscordServer, Message, modal_fields
from tests.discord_bot import Table, connected, pressable, register, settings
from tests.fakes import wait_until
from tests.slack_bot import bank
from tests.test_discord_people import file

BANK = bank()
ITEM = Item("apple-task-scheduler", "lease-expiry")
CASE = BANK.case(ITEM.question)
SLOT = Slot("now-0123abcd", date(2026, 11, 24))
SAID = (
    "A worker holds a lease that it renews; when it stops, the lease runs out and another worker takes the task over."
)
MESSAGES = "/channels/*/messages"
THREADS = "/channels/*/messages/*/threads"


@dataclass(frozen=True)
class Town:
    """A server with a channel, an administrator and a member."""

    discord: DiscordServer
    guild: GuildHandle
    room: ChannelHandle
    admin: UserHandle
    ben: UserHandle

    @property
    def channel(self) -> str:
        return board(self.guild.id, self.room.id)

    def without(self, **denied: bool) -> ChannelHandle:
        """A channel where something is forbidden."""
        return self.guild.create_text_channel(
            "quiet", overwrites={self.guild.default_role: PermissionOverwrite(**denied)}
        )


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer.running(approved=["message_content"]) as server:
        yield server


@pytest.fixture
def town(discord: DiscordServer) -> Town:
    admin, ben = discord.adds_user("admin"), discord.adds_user("ben")
    guild = discord.adds_guild("Acme", ben)
    guild.add_member(admin, roles=[guild.create_role("boss", permissions=Permissions(manage_guild=True))])
    return Town(discord, guild, guild.create_text_channel("general"), admin, ben)


@pytest.fixture
async def store(redis_url: str) -> AsyncGenerator[DailyStore]:
    async with DailyStore.from_url(redis_url) as store:
        yield store


@pytest.fixture
async def posts(town: Town, redis_store: RedisStore, embeddings: Path) -> AsyncGenerator[DiscordNoticeboard]:
    """Only what posts, as in a worker."""
    async with logged_in(settings(town.discord, embeddings)) as client:
        yield DiscordNoticeboard(client, DiscordPlatform(client, redis_store))


def question(**more: Any) -> DailyQuestion:
    now = datetime.now(UTC).timestamp()
    return DailyQuestion(SLOT, ITEM, Level.SENIOR, now, now + 7 * 3600, "", **more)


def asked() -> Asked:
    return Asked(question(), CASE, "Europe/Berlin")


def unsealed(text: str = SAID, *, named: bool = True, by: int = 7) -> Unsealed:
    return Unsealed(question(), DailyAnswer(person(by), text, 0.0, sealed=True), named)


# --- how it stands in a channel


async def test_a_question_is_one_message_with_buttons_that_opens_a_thread(
    town: Town, posts: DiscordNoticeboard
) -> None:
    id = await posts.post(town.channel, "ask:1", asked())
    (message,) = town.discord.said(town.room)
    assert str(message.id) == id
    assert CASE.question.title in message.text
    assert pressable(message) == [
        ANSWER,
        actions.DAILY_PRACTISE,
        actions.DAILY_BLIND,
        actions.DAILY_REMIND,
        actions.DAILY_FEEDBACK,
    ]
    assert {each.partition("|")[2] for each in message.buttons} == {f"{town.channel}|{SLOT.name}"}
    assert all(len(each) <= 100 for each in message.buttons)
    assert town.discord.threads(town.room) == [message.id]


async def test_the_longest_names_there_can_be_fit_into_a_button_and_a_form() -> None:
    value = f"{board(10**20 - 1, 10**20 - 1)}|{SLOT.name}"
    made = notices.outgoing(words(asked()), value)
    assert all(len(each.custom_id) <= 100 for row in made.rows for each in row)
    assert len(forms.blind(value, "").custom_id) <= 100


async def test_what_was_posted_is_found_again_and_posted_once(town: Town, posts: DiscordNoticeboard) -> None:
    notice = asked()
    assert await posts.find(town.channel, "ask:1", notice) == ""
    town.discord.faults.add("POST", THREADS, status=503)
    with pytest.raises(Away) as problem:
        await posts.post(town.channel, "ask:1", notice)
    assert problem.value.unclear
    assert town.discord.threads(town.room) == []
    # Finding the question gives it the thread it had not got.
    (message,) = town.discord.said(town.room)
    assert await posts.find(town.channel, "ask:1", notice) == str(message.id)
    assert town.discord.threads(town.room) == [message.id]
    # Discord itself knows a repetition.
    assert await posts.post(town.channel, "ask:1", notice) == str(message.id)
    assert len(town.discord.said(town.room)) == 1


async def test_what_follows_comes_in_the_thread_and_each_is_told_from_the_others(
    town: Town, posts: DiscordNoticeboard
) -> None:
    under = await posts.post(town.channel, "ask:1", asked())
    one = unsealed(f"{SAID} <@1> @everyone https://example.com\n# no heading \u2063discord:5\u2063", by=town.ben.id)
    other = unsealed("Two workers agree by a fencing token.", named=False)
    view = View("lease-expiry", 1, 0, (Voice(person(town.ben.id), SAID),))
    revealed = Revealed(question(), CASE, Discussion(1, agreed=(view,)))
    ids = [await posts.post(town.channel, key, each, under) for key, each in (("u1", one), ("r", revealed))]
    first, second = town.discord.said(int(under))
    assert [str(first.id), str(second.id)] == ids
    assert f"<@{town.ben.id}>" in first.text
    assert "\\<\u2060@1\\>" in first.text
    assert "<@5>" not in first.text
    assert "://" not in first.text
    assert pressable(second) == [actions.DAILY_FEEDBACK, actions.DAILY_PRACTISE, actions.DAILY_LEAVE]
    assert f"<@{town.ben.id}>" in second.text
    assert first.mentions == second.mentions == ()
    assert [await posts.find(town.channel, "-", each, under) for each in (one, other, revealed)] == [ids[0], "", ids[1]]


async def test_a_digest_is_found_in_its_channel(town: Town, posts: DiscordNoticeboard) -> None:
    names = tuple(person(each) for each in (town.admin.id, town.ben.id))
    notice = Digested(Digest("2026-W48", 3, names, 2, question(), ranks=True), {ITEM.question: CASE})
    id = await posts.post(town.channel, "digest:1", notice)
    assert await posts.find(town.channel, "digest:1", notice) == id
    (message,) = town.discord.said(town.room)
    assert list(message.buttons) == [f"{actions.DAILY_JOIN}|", f"{actions.DAILY_LEAVE}|"]
    assert town.discord.threads(town.room) == []


async def test_a_thread_that_was_put_away_is_opened_again(town: Town, posts: DiscordNoticeboard) -> None:
    under = await posts.post(town.channel, "ask:1", asked())
    town.discord.archives(int(under))
    await posts.post(town.channel, "u1", unsealed(), under)
    assert len(town.discord.said(int(under))) == 1


async def test_where_the_question_was_deleted_with_its_thread_the_rest_is_left(
    town: Town, posts: DiscordNoticeboard
) -> None:
    under = await posts.post(town.channel, "ask:1", asked())
    town.discord.env.backend.delete_channel(int(under))
    assert await posts.find(town.channel, "u1", unsealed(), under) == ""
    # The question still stands: it gets another thread.
    assert await posts.post(town.channel, "u1", unsealed(), under) != GIVEN_UP
    town.discord.env.backend.delete_channel(int(under))
    await town.discord.deletes(int(under))
    assert await posts.post(town.channel, "u2", unsealed("Another."), under) == GIVEN_UP


async def test_what_was_posted_twice_is_taken_back(town: Town, posts: DiscordNoticeboard) -> None:
    id = await posts.post(town.channel, "ask:1", asked())
    await posts.take_back(town.channel, id)
    await posts.take_back(town.channel, id)
    await posts.take_back(town.channel, GIVEN_UP)
    assert town.discord.said(town.room) == []
    assert town.discord.is_archived(int(id))


@pytest.mark.parametrize(("status", "unclear"), [(429, False), (503, True)])
async def test_what_passes_is_away(town: Town, posts: DiscordNoticeboard, status: int, unclear: bool) -> None:
    town.discord.faults.add("POST", MESSAGES, status=status, retry_after=60)
    with pytest.raises(Away) as problem:
        await posts.post(town.channel, "ask:1", asked())
    assert problem.value.unclear is unclear


async def test_an_answer_that_was_lost_is_away_and_what_was_posted_is_found(
    town: Town, posts: DiscordNoticeboard
) -> None:
    town.discord.faults.add("POST", MESSAGES, status=503, applied=True)
    notice = asked()
    with pytest.raises(Away):
        await posts.post(town.channel, "ask:1", notice)
    assert await posts.find(town.channel, "ask:1", notice) == str(town.discord.said(town.room)[0].id)


@pytest.mark.parametrize(
    ("denied", "missing"),
    [
        ({"send_messages": False}, "Send Messages"),
        ({"view_channel": False}, "View Channel"),
        ({"create_public_threads": False}, "Create Public Threads"),
        (
            {"send_messages_in_threads": False, "read_message_history": False},
            "Send Messages in Threads and Read Message History",
        ),
    ],
    ids=["write", "see", "thread", "both"],
)
async def test_a_permission_that_is_missing_is_named(
    town: Town, posts: DiscordNoticeboard, denied: dict[str, bool], missing: str
) -> None:
    await posts.usable(town.channel)
    where = board(town.guild.id, town.without(**denied).id)
    with pytest.raises(Closed, match=f"I am missing {missing} in .*my role"):
        await posts.usable(where)
    if "send_messages_in_threads" not in denied:
        with pytest.raises(Closed, match=f"I am missing {missing} in "):
            await posts.post(where, "ask:1", asked())


async def test_a_question_that_can_have_no_thread_does_not_stand(town: Town, posts: DiscordNoticeboard) -> None:
    quiet = town.without(create_public_threads=False)
    with pytest.raises(Closed):
        await posts.post(board(town.guild.id, quiet.id), "ask:1", asked())
    assert town.discord.said(quiet) == []


async def test_a_channel_or_a_server_that_is_gone_is_closed(town: Town, posts: DiscordNoticeboard) -> None:
    town.discord.env.backend.delete_channel(town.room.id)
    with pytest.raises(Closed, match=DELETED[:20]):
        await posts.post(town.channel, "ask:1", asked())
    voice = town.guild.create_voice_channel("talk")
    with pytest.raises(Closed, match="needs a text channel"):
        await posts.usable(board(town.guild.id, voice.id))
    with pytest.raises(Closed, match=REMOVED[:20]):
        await posts.usable(board(town.guild.id + 1, voice.id))


async def test_one_person_is_told_alone_and_once(town: Town, posts: DiscordNoticeboard) -> None:
    ben = person(town.ben.id)
    reminded = Reminded(replace(question(), message="77"), CASE, town.channel, "Europe/Berlin")
    for _ in range(2):
        await posts.tell(ben, "remind:1", reminded)
    await posts.tell(ben, "stuck:1", Warned(town.channel, "I am missing *Send Messages* there."))
    first, second = town.discord.said(town.discord.dm(town.ben))
    assert "Still open" in first.text
    assert f" https://discord.com/channels/{town.guild.id}/{town.room.id}/77" in first.text
    assert "\\*Send Messages\\*" in second.text
    town.discord.closes_dms(town.ben)
    with pytest.raises(Closed):
        await posts.tell(ben, "remind:2", reminded)


async def test_a_text_that_is_too_long_is_cut_to_what_discord_takes(town: Town, posts: DiscordNoticeboard) -> None:
    under = await posts.post(town.channel, "ask:1", asked())
    await posts.post(town.channel, "u1", unsealed("_[|" * 500), under)
    (message,) = town.discord.said(int(under))
    assert 1_000 < len(message.text) <= 4_000
    assert all(len(page) <= 2_000 for page in pages("- `code` and <@1>\n" * 300))


# --- who orders it, and how


@asynccontextmanager
async def bot_in(
    town: Town, url: str, cache: Path, leads: Interviewer, known: Bank, **more: Any
) -> AsyncGenerator[Discord]:
    async with connected(settings(town.discord, cache, **more), url, leads, known) as part:
        register(town.discord, part.bot)
        yield part


@pytest.fixture
async def bot(town: Town, redis_url: str, embeddings: Path, leads: Interviewer, known: Bank) -> AsyncGenerator[Discord]:
    async with bot_in(town, redis_url, embeddings, leads, known) as part:
        yield part


async def ordered(town: Town, name: str, who: UserHandle | None = None, where: Any = None, **filled: Any) -> Message:
    """What somebody is told who types `/interview daily NAME` in the channel."""
    table = Table(town.discord, who or town.admin)
    return await table.told(
        await town.discord.types_command(
            table.who, f"interview daily {name}", channel=where or town.room, filled=filled
        )
    )


PLAN: dict[str, Any] = {"time": "09:00", "zone": "Europe/Berlin", "days": "mon,wed"}


@pytest.mark.usefixtures("bot")
async def test_who_may_manage_the_server_sets_it_up_and_others_only_look(town: Town, store: DailyStore) -> None:
    refused = await ordered(town, "set", town.ben, **PLAN)
    assert "Manage Server" in refused.text
    assert await store.board(town.channel) is None
    done = await ordered(town, "set", **PLAN, level="staff", topics="payments, queues", reveal="90m")
    assert "Set: `a`: `09:00 Europe/Berlin mon,wed level=staff topics=payments,queues reveal=90m`" in done.text
    kept = await store.board(town.channel)
    assert kept
    assert (kept.team, kept.admin) == (team(town.guild.id), person(town.admin.id))
    assert "09:00 Europe/Berlin" in (await ordered(town, "status", town.ben)).text
    assert "Only members" in (await ordered(town, "pause", town.ben)).text
    assert "Paused" in (await ordered(town, "pause")).text
    assert (await ordered(town, "help", where=town.discord.dm(town.ben), who=town.ben)).text == daily.HELP
    assert (await ordered(town, "status", where=town.discord.dm(town.admin))).text == NOT_HERE


@pytest.mark.usefixtures("bot")
async def test_without_options_a_form_asks_for_them(town: Town, store: DailyStore) -> None:
    pressed = await town.discord.types_command(town.admin, "interview daily set", channel=town.room)
    await town.discord.until(lambda: pressed.modal)
    assert pressed.modal
    assert list(modal_fields(pressed.modal)) == [forms.WHEN, forms.HOLIDAYS, forms.LEVEL, forms.TOPICS, forms.REVEAL]
    filled = {forms.WHEN: "9:30 Europe/Berlin daily", forms.HOLIDAYS: "de-by", forms.REVEAL: "2h"}
    sent = await town.discord.submits(pressed, filled)
    assert "Set: " in (await Table(town.discord, town.admin).told(sent)).text
    kept = await store.board(town.channel)
    assert kept
    assert (kept.plans[0].schedule.holidays, kept.plans[0].reveal) == ("DE-BY", 7_200)
    refused = await town.discord.types_command(town.ben, "interview daily set", channel=town.room)
    assert "Only members" in (await Table(town.discord, town.ben).told(refused)).text
    assert refused.modal is None


async def test_another_channel_is_chosen_among_those_the_bot_can_post_to(
    town: Town, bot: Discord, store: DailyStore
) -> None:
    other, quiet = town.guild.create_text_channel("other"), town.without(send_messages=False)
    await wait_until(lambda: known_to(bot, quiet.id))
    offered = await town.discord.completes(town.admin, "interview daily set", option="channel", channel=town.room)
    assert {each["name"] for each in offered} >= {"#general", "#other"}
    assert "#quiet" not in {each["name"] for each in offered}
    refused = await ordered(town, "set", **PLAN, channel=str(quiet.id))
    assert "I am missing Send Messages in #quiet" in refused.text
    assert "no text channel" in (await ordered(town, "set", **PLAN, channel="nowhere")).text
    assert "Set: " in (await ordered(town, "set", **PLAN, channel=str(other.id))).text
    assert await store.board(board(town.guild.id, other.id))
    assert await store.board(town.channel) is None


@pytest.mark.usefixtures("bot")
async def test_a_question_asked_for_at_once_comes_and_is_removed_only_after_another_word(
    town: Town, store: DailyStore
) -> None:
    await ordered(town, "set", **PLAN)
    assert "in a moment" in (await ordered(town, "ask-now")).text
    await town.discord.until(lambda: town.discord.threads(town.room))
    (message,) = town.discord.said(town.room)
    assert await wait_until_kept(store, town.channel, message)
    said = await ordered(town, "remove")
    assert await store.board(town.channel)
    assert pressable(said) == [REMOVE]
    await town.discord.presses(town.admin, said, REMOVE)
    await town.discord.until(lambda: "is deleted" in town.discord.message(said).text)
    assert await store.board(town.channel) is None


async def wait_until_kept(store: DailyStore, channel: str, message: Message) -> bool:
    async def kept() -> bool:
        return await store.slot_of(channel, str(message.id)) is not None

    await wait_until(kept)
    return True


async def test_who_may_order_it_can_be_chosen(
    town: Town, redis_url: str, embeddings: Path, leads: Interviewer, known: Bank
) -> None:
    async with bot_in(town, redis_url, embeddings, leads, known, discord_daily_permission="send_messages"):
        assert "Set: " in (await ordered(town, "set", town.ben, **PLAN)).text


def test_a_permission_that_discord_has_not_is_refused() -> None:
    assert Settings(discord_daily_permission="Manage Messages").discord_daily_permission == "manage_messages"
    with pytest.raises(ValidationError, match="DISCORD_DAILY_PERMISSION"):
        Settings(discord_daily_permission="manage_everything")


# --- what people do about it


@dataclass(frozen=True)
class Open:
    """A question that stands in the channel, and somebody in front of it."""

    town: Town
    store: DailyStore
    message: Message
    table: Table

    async def press(self, action: str) -> str:
        """Press a button; what they are told."""
        return (await self.table.told(await self.town.discord.presses(self.table.who, self.message, action))).text

    async def form(self, action: str) -> Any:
        pressed = await self.town.discord.presses(self.table.who, self.message, action)
        await self.town.discord.until(lambda: pressed.modal)
        return pressed

    async def fill(self, action: str, text: str) -> str:
        """Fill in the form that a button shows; what they are told."""
        sent = await self.town.discord.submits(await self.form(action), {forms.WORDS: text})
        return (await self.table.told(sent)).text

    async def answers(self) -> list[tuple[str, str, str]]:
        found = await self.store.answers(self.town.channel, SLOT)
        return [(each.person, each.message, each.text) for each in found]

    @property
    def thread(self) -> int:
        return self.message.id


async def ask(town: Town, part: Discord, store: DailyStore, *, reads: bool = False) -> Open:
    """Have a question stand in the channel, as a herald would."""
    notice = asked()
    channel = town.channel
    assert await store.keep_board(
        None, Board(channel, team(town.guild.id), person(town.admin.id), (plan(),), paused=True)
    )
    posts = DiscordNoticeboard(part.bot, DiscordPlatform(part.bot, part.store), reads=reads)
    id = await posts.post(channel, "ask:1", notice)
    await store.keep_question(channel, replace(notice.question, message=id))
    await wait_until(lambda: known_to(part, int(id)))
    return Open(town, store, town.discord.message(int(id)), Table(town.discord, town.ben))


async def known_to(part: Discord, id: int) -> bool:
    return part.bot.get_channel(id) is not None


def plan() -> Plan:
    return Plan("a", parse("09:00 Europe/Berlin"), 0.0)


@pytest.fixture
async def open_(town: Town, bot: Discord, store: DailyStore) -> Open:
    return await ask(town, bot, store)


async def test_a_blind_answer_is_sealed_and_nobody_sees_it(town: Town, open_: Open) -> None:
    assert "Sealed" in await open_.fill(actions.DAILY_BLIND, SAID)
    assert [(who, text) for who, _, text in await open_.answers()] == [(person(town.ben.id), SAID)]
    seen = [*town.discord.messages(town.room), *town.discord.messages(open_.thread)]
    assert not [each for each in seen if SAID in each.text]
    again = await open_.form(actions.DAILY_BLIND)
    (label,) = again.modal["components"]
    assert label["component"]["value"] == SAID


async def test_what_is_pressed_below_a_question_is_answered_to_one_person_alone(town: Town, open_: Open) -> None:
    assert "remind you" in await open_.press(actions.DAILY_REMIND)
    assert len(await open_.store.reminders(town.channel)) == 1
    assert "not answered" in await open_.press(actions.DAILY_FEEDBACK)
    await open_.fill(actions.DAILY_BLIND, SAID)
    assert "Only you see this" in await open_.press(actions.DAILY_FEEDBACK)
    assert not [each for each in town.discord.messages(town.room) if "Only you see" in each.text]


async def test_practising_opens_an_interview_on_that_question_in_direct_messages(town: Town, open_: Open) -> None:
    await town.discord.presses(town.ben, open_.message, actions.DAILY_PRACTISE)
    first = await open_.table.offered(actions.HINT)
    assert first
    assert CASE.question.title in open_.table.said()[0].text
    assert "senior" in open_.table.said()[0].text


async def test_leaving_and_joining_are_noted(town: Town, open_: Open, bot: Discord) -> None:
    posts = DiscordNoticeboard(bot.bot, DiscordPlatform(bot.bot, bot.store))
    made = Digest("2026-W48", 1, (person(town.ben.id),), 0, question(), ranks=True)
    id = await posts.post(town.channel, "digest:1", Digested(made, {ITEM.question: CASE}))
    below = replace(open_, message=town.discord.message(int(id)))
    assert await below.press(actions.DAILY_JOIN) == JOINED
    assert await below.press(actions.DAILY_LEAVE) == LEFT
    assert (await open_.store.standing(person(town.ben.id))).hidden


async def test_an_answer_from_the_form_stands_in_the_thread_and_is_noted(town: Town, open_: Open) -> None:
    assert await open_.fill(ANSWER, f"{SAID}\n@everyone <@{town.admin.id}>") == daily.ANSWERED
    (message,) = town.discord.said(open_.thread)
    assert message.text.startswith(f"<@{town.ben.id}> answers:\n> {SAID}")
    assert message.mentions == ()
    assert await open_.answers() == [(person(town.ben.id), str(message.id), f"{SAID}\n@everyone <@{town.admin.id}>")]
    await town.discord.deletes(message)
    await wait_until(lambda: nothing_noted(open_))


async def nothing_noted(open_: Open) -> bool:
    return not await open_.answers()


async def test_an_answer_from_the_form_is_changed_in_its_place_and_taken_back(town: Town, open_: Open) -> None:
    await open_.fill(ANSWER, SAID)
    (first,) = town.discord.said(open_.thread)
    (label,) = (await open_.form(ANSWER)).modal["components"]
    assert (label["component"]["value"], label["component"]["required"]) == (SAID, False)
    assert await open_.fill(ANSWER, f"{SAID} @everyone") == daily.CHANGED
    (now,) = town.discord.said(open_.thread)
    assert (now.id, now.mentions) == (first.id, ())
    assert now.text.startswith(f"<@{town.ben.id}> answers:\n> {SAID} @")
    assert "@everyone" not in now.text
    assert await open_.answers() == [(person(town.ben.id), str(first.id), f"{SAID} @everyone")]
    assert await open_.fill(ANSWER, " ") == daily.WITHDRAWN
    assert town.discord.said(open_.thread) == []
    assert await open_.answers() == []
    assert await open_.fill(ANSWER, " ") == daily.SAY_SOMETHING


async def test_an_answer_that_can_not_be_changed_in_its_place_takes_its_place_below(town: Town, open_: Open) -> None:
    """A long one is a layout, which a plain message can't become; and one that a moderator deletes is nowhere."""
    await open_.fill(ANSWER, SAID)
    assert await open_.fill(ANSWER, "_a*\n" * 374) == daily.CHANGED
    (long,) = town.discord.said(open_.thread)
    assert long.text.count("\\_a\\*") == 374
    assert [message for _, message, _ in await open_.answers()] == [str(long.id)]
    assert await open_.fill(ANSWER, SAID) == daily.CHANGED
    (short,) = town.discord.said(open_.thread)
    assert await open_.answers() == [(person(town.ben.id), str(short.id), SAID)]


async def test_an_answer_in_a_thread_that_was_put_away_is_changed_below(town: Town, open_: Open) -> None:
    await open_.fill(ANSWER, SAID)
    town.discord.archives(open_.thread)
    assert await open_.fill(ANSWER, "A fencing token.") == daily.CHANGED
    (now,) = town.discord.said(open_.thread)
    assert await open_.answers() == [(person(town.ben.id), str(now.id), "A fencing token.")]


@pytest.mark.parametrize(("status", "told", "left"), [(503, daily.BUSY, 1), (403, daily.STAYS, 0)])
async def test_who_takes_an_answer_back_is_told_if_it_still_stands(
    town: Town, open_: Open, status: int, told: str, left: int
) -> None:
    await open_.fill(ANSWER, SAID)
    town.discord.faults.add("DELETE", f"/channels/{open_.thread}/messages/*", status=status)
    assert await open_.fill(ANSWER, "") == told
    assert len(town.discord.said(open_.thread)) == 1
    assert len(await open_.answers()) == left


async def test_once_the_answers_are_out_the_form_takes_none_and_gives_it_back(town: Town, open_: Open) -> None:
    await open_.fill(ANSWER, SAID)
    shown = await open_.form(ANSWER)
    await open_.store.keep_question(town.channel, replace(question(), message=str(open_.thread), reveals=0.0))
    assert await open_.press(ANSWER) == OUT
    sent = await town.discord.submits(shown, {forms.WORDS: "A fencing token."})
    assert (await open_.table.told(sent)).text == f"{OUT}\n\nA fencing token."
    assert len(town.discord.said(open_.thread)) == 1
    assert [text for _, _, text in await open_.answers()] == [SAID]


async def test_an_answer_that_somebody_typed_in_the_thread_is_not_the_forms_to_change(town: Town, open_: Open) -> None:
    await town.discord.writes(town.ben, f"{town.discord.mention} {SAID}", channel=open_.thread)
    await wait_until(lambda: noted(open_, 1))
    (label,) = (await open_.form(ANSWER)).modal["components"]
    assert not label["component"].get("value")
    assert await open_.fill(ANSWER, "And a queue.") == daily.ANSWERED
    assert len(await open_.answers()) == 2


async def test_the_longest_answer_is_posted_whole(town: Town, open_: Open) -> None:
    text = "_a*\n" * 374
    assert await open_.fill(ANSWER, text) == daily.ANSWERED
    (message,) = town.discord.said(open_.thread)
    assert message.text.count("\\_a\\*") == 374


async def test_where_the_thread_takes_nothing_an_answer_is_given_back(town: Town, open_: Open) -> None:
    town.discord.faults.add("POST", f"/channels/{open_.thread}/messages", status=503)
    assert (await open_.fill(ANSWER, SAID)).startswith(daily.NOT_POSTED)
    town.discord.env.backend.delete_channel(open_.thread)
    told = await open_.fill(ANSWER, SAID)
    assert told.startswith("I can't write to that question's thread")
    assert SAID in told
    assert await open_.answers() == []


async def test_without_the_intent_only_what_mentions_the_bot_or_replies_to_it_is_noted(town: Town, open_: Open) -> None:
    await town.discord.writes(town.ben, SAID, channel=open_.thread)
    mentioned = await town.discord.writes(town.ben, f"{town.discord.mention} {SAID}", channel=open_.thread)
    await wait_until(lambda: noted(open_, 1))
    assert await open_.answers() == [(person(town.ben.id), str(mentioned), SAID)]
    await town.discord.writes(town.ben, f"{town.discord.mention} help", channel=open_.thread)
    await town.discord.until(lambda: town.discord.said(open_.thread))
    assert len(await open_.answers()) == 1


async def noted(open_: Open, count: int) -> bool:
    return len(await open_.answers()) == count


async def test_with_the_intent_what_is_written_edited_and_deleted_counts_by_itself(
    town: Town, redis_url: str, embeddings: Path, leads: Interviewer, known: Bank, store: DailyStore
) -> None:
    async with bot_in(town, redis_url, embeddings, leads, known, discord_message_content=True) as part:
        open_ = await ask(town, part, store, reads=True)
        assert ANSWER not in pressable(open_.message)
        elsewhere = town.discord.env.backend.create_thread(town.room.id, "Elsewhere", town.ben.id).id
        await town.discord.writes(town.ben, "Nothing of this is kept.", channel=elsewhere)
        said = await town.discord.writes(town.ben, SAID, channel=open_.thread)
        await wait_until(lambda: noted(open_, 1))
        await town.discord.edits(said, "A fencing token.")

        async def changed() -> bool:
            return [text for _, _, text in await open_.answers()] == ["A fencing token."]

        await wait_until(changed)
        await town.discord.deletes(said)
        await wait_until(lambda: nothing_noted(open_))
        assert town.discord.said(open_.thread) == town.discord.said(elsewhere) == []


async def test_who_is_forgotten_leaves_no_answer_and_can_take_it_along_before(town: Town, open_: Open) -> None:
    await open_.fill(actions.DAILY_BLIND, SAID)
    export = await open_.table.told(await open_.table.orders("export", channel=town.room))
    assert json.loads(file(town.discord, export))["daily"]["answers"][0]["text"] == SAID
    sure = await open_.table.told(await open_.table.orders("forget", channel=town.room))
    await open_.table.told(await town.discord.presses(town.ben, sure, "home.forget"))
    assert await open_.answers() == []
