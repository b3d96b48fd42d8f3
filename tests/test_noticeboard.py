"""What every noticeboard does (ours for tests, Slack's, Discord's): posts, finds, takes back, and says what is in the way."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from discord import PermissionOverwrite

from bot.discord import places as in_discord
from bot.discord.client import logged_in
from bot.discord.noticeboard import DiscordNoticeboard
from bot.discord.platform import DiscordPlatform
from bot.slack.clients import Clients
from bot.slack.noticeboard import SlackNoticeboard, board
from bot.slack.places import person
from bot.slack.platform import SlackPlatform
from bot.slack.presence import Presence
from interviewer.daily import (
    Asked,
    DailyAnswer,
    DailyQuestion,
    Discussion,
    Item,
    Revealed,
    Slot,
    Unsealed,
    Warned,
    Written,
)
from interviewer.model import Level
from interviewer.ports import Away, Closed, Noticeboard
from interviewer.store import RedisStore
from tests import discord_bot
from tests.cases import CASE
from tests.discord import DiscordServer
from tests.noticeboard import FakeNoticeboard, Trouble
from tests.slack import SlackServer

SLOT = Slot("a", date(2026, 11, 24))
KEY = f"ask:{SLOT.name}"
CLOCKS = 60.0
"""Seconds by which a platform's clock may differ from ours."""


@dataclass(frozen=True)
class Place:
    """A noticeboard, a channel and somebody there; how many messages stand in the channel, and how many they were sent.

    `quiet` takes no posts. `loses` has a post come through whose answer does not, `refuses` has one asked to come later.
    Ben `writes` in the thread under a message, which returns the new message's id, `edits` what he wrote (message, thread, text)
    and `erases` it (message, thread)."""

    noticeboard: Noticeboard
    channel: str
    quiet: str
    ben: str
    count: Callable[[], int]
    told: Callable[[], int]
    loses: Callable[[], object]
    refuses: Callable[[], object]
    closes_dms: Callable[[], object]
    writes: Callable[[str, str], Awaitable[str]]
    edits: Callable[[str, str, str], Awaitable[object]]
    erases: Callable[[str, str], Awaitable[object]]

    async def standing(self, under: str) -> Sequence[Written]:
        """What is written in a thread, oldest first."""
        written = await self.noticeboard.written(self.channel, under)
        assert written is not None
        assert list(written) == sorted(written, key=lambda each: each.at)
        return written

    async def bens(self, under: str) -> dict[str, str | None]:
        """What Ben has written in a thread, by its ids."""
        return {each.message: each.text for each in await self.standing(under) if each.person == self.ben}


def fake() -> Place:
    made = FakeNoticeboard(closed={"slack:T:QUIET": "It is archived."})

    async def writes(text: str, under: str) -> str:
        return made.writes("slack:T:BEN", "slack:T:C", under, text)

    async def edits(message: str, under: str, text: str) -> None:
        made.edits("slack:T:C", under, message, text)

    async def erases(message: str, under: str) -> None:
        made.erases("slack:T:C", under, message)

    return Place(
        made,
        "slack:T:C",
        "slack:T:QUIET",
        "slack:T:BEN",
        lambda: sum(not each.under for each in made.on("slack:T:C")),
        lambda: len(made.told),
        lambda: made.troubles.append(Trouble(Away("Timed out."), stands=True)),
        lambda: made.troubles.append(Trouble(Away("Slow down.", unclear=False))),
        lambda: made.closed.update({"slack:T:BEN": "They take none."}),
        writes,
        edits,
        erases,
    )


async def slack(stack: AsyncExitStack, store: RedisStore) -> Place:
    server = await stack.enter_async_context(SlackServer())

    async def token(_: str) -> str:
        return server.bot.token

    clients = await stack.enter_async_context(Clients.open(server.environment()["SLACK_API_URL"], token))
    platform = SlackPlatform(clients, store, Presence(clients))
    stack.push_async_callback(platform.aclose)
    ben = server.adds_user("ben")
    team, quiet = server.adds_channel("team", ben), server.adds_channel("quiet", ben)
    server.archive(quiet)
    server.is_down(True)

    async def writes(text: str, under: str) -> str:
        return (await server.types(ben, team, text, thread=under)).ts

    return Place(
        SlackNoticeboard(clients, platform),
        board(team.team, team.id),
        board(quiet.team, quiet.id),
        person(ben.team, ben.id),
        lambda: sum(each.get("thread_ts", each["ts"]) == each["ts"] for each in server.said(team)),
        lambda: len(server.said(server.dm(ben))),
        lambda: server.fail("chat.postMessage", status=503, applied=True),
        lambda: server.fail("chat.postMessage", status=429, retry_after=60),
        lambda: server.closes_dm(ben),
        writes,
        lambda message, _, text: server.edits(team, message, text),
        lambda message, _: server.deletes(team, message),
    )


async def discord(stack: AsyncExitStack, store: RedisStore, cache: Path) -> Place:
    server = await stack.enter_async_context(DiscordServer.running())
    ben = server.adds_user("ben")
    guild = server.adds_guild("Acme", ben)
    team = guild.create_text_channel("team")
    denied = PermissionOverwrite(send_messages=False)
    quiet = guild.create_text_channel("quiet", overwrites={guild.default_role: denied})
    client = await stack.enter_async_context(logged_in(discord_bot.settings(server, cache)))
    messages = "/channels/*/messages"

    # The bot is shown what mentions it.
    async def writes(text: str, under: str) -> str:
        return str(await server.writes(ben, f"{server.mention} {text}", channel=int(under)))

    return Place(
        DiscordNoticeboard(client, DiscordPlatform(client, store)),
        in_discord.board(guild.id, team.id),
        in_discord.board(guild.id, quiet.id),
        in_discord.person(ben.id),
        lambda: len(server.said(team)),
        lambda: len(server.said(server.dm(ben))),
        lambda: server.faults.add("POST", messages, status=503, applied=True),
        lambda: server.faults.add("POST", messages, status=429, retry_after=60),
        lambda: server.closes_dms(ben),
        writes,
        lambda message, _, text: server.edits(int(message), f"{server.mention} {text}"),
        lambda message, _: server.deletes(int(message)),
    )


@pytest.fixture(params=["fake", "slack", "discord"])
async def place(request: pytest.FixtureRequest, redis_store: RedisStore, tmp_path: Path) -> AsyncGenerator[Place]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            yield fake()
        elif request.param == "slack":
            yield await slack(stack, redis_store)
        else:
            yield await discord(stack, redis_store, tmp_path)


def question(message: str = "") -> DailyQuestion:
    """One that was asked a minute ago, and is revealed now."""
    now = time.time()
    return DailyQuestion(SLOT, Item("library", "double-loan"), Level.SENIOR, now - 60, now, message)


def asked() -> Asked:
    return Asked(question(), CASE, "Europe/Berlin")


async def test_a_notice_stands_once_is_found_and_can_be_taken_back(place: Place) -> None:
    wall, notice = place.noticeboard, asked()
    assert await wall.find(place.channel, KEY, notice) == ""
    id = await wall.post(place.channel, KEY, notice)
    assert place.count() == 1
    assert await wall.find(place.channel, KEY, notice) == id
    for _ in range(2):
        await wall.take_back(place.channel, id)
        assert place.count() == 0
    assert await wall.find(place.channel, KEY, notice) == ""


async def test_what_belongs_below_a_question_is_found_below_it_and_told_from_the_others(place: Place) -> None:
    wall = place.noticeboard
    id = await wall.post(place.channel, KEY, asked())
    below = question(id)
    notices = {
        f"unseal:{SLOT.name}/{n}": Unsealed(below, DailyAnswer(place.ben, f"Answer {n}", 0.0, sealed=True), named=False)
        for n in range(2)
    } | {f"reveal:{SLOT.name}": Revealed(below, CASE, Discussion(0))}
    for key, notice in notices.items():
        assert await wall.find(place.channel, key, notice, id) == ""
        reply = await wall.post(place.channel, key, notice, id)
        assert await wall.find(place.channel, key, notice, id) == reply
    assert place.count() == 1
    assert await wall.find(place.channel, KEY, asked()) == id


async def test_what_was_posted_without_an_answer_is_unclear_and_found(place: Place) -> None:
    notice = asked()
    place.loses()
    with pytest.raises(Away) as caught:
        await place.noticeboard.post(place.channel, KEY, notice)
    assert caught.value.unclear
    assert await place.noticeboard.find(place.channel, KEY, notice) != ""
    assert place.count() == 1


async def test_what_was_refused_for_now_is_clear_and_can_be_posted_later(place: Place) -> None:
    notice = asked()
    place.refuses()
    with pytest.raises(Away) as caught:
        await place.noticeboard.post(place.channel, KEY, notice)
    assert not caught.value.unclear
    assert place.count() == 0
    await place.noticeboard.post(place.channel, KEY, notice)
    assert place.count() == 1


async def test_a_channel_that_takes_no_posts_is_closed_whatever_is_asked(place: Place) -> None:
    await place.noticeboard.usable(place.channel)
    for refused in (place.noticeboard.usable(place.quiet), place.noticeboard.post(place.quiet, KEY, asked())):
        with pytest.raises(Closed) as caught:
            await refused
        assert str(caught.value)


async def test_what_stands_below_a_question_is_read_in_order_the_bots_own_words_left_out(place: Place) -> None:
    wall, before = place.noticeboard, time.time()
    id = await wall.post(place.channel, KEY, asked())
    assert await place.bens(id) == {}
    first = await place.writes("I would lock the loan.", id)
    own = await wall.post(place.channel, "reveal", Revealed(question(id), CASE, Discussion(0)), id)
    second = await place.writes("Or number the loans.", id)
    standing = {each.message: each for each in await place.standing(id)}
    assert [each for each in standing if each in {first, own, second}] == [first, own, second]
    assert standing[first].text == "I would lock the loan."
    assert (standing[first].person, standing[second].person) == (place.ben, place.ben)
    assert (standing[own].person == place.ben, standing[own].text) == (False, None)
    assert all(before - CLOCKS < each.at < time.time() + CLOCKS for each in standing.values())


async def test_what_was_edited_is_read_as_it_is_now_and_what_was_erased_is_gone(place: Place) -> None:
    id = await place.noticeboard.post(place.channel, KEY, asked())
    first, second = await place.writes("A lock.", id), await place.writes("A queue.", id)
    await place.edits(first, id, "A lease.")
    await place.erases(second, id)
    texts = await place.bens(id)
    assert list(texts) == [first]
    assert texts[first] == "A lease."
    await place.erases(first, id)
    assert await place.bens(id) == {}


async def test_below_a_question_that_was_taken_back_nobody_has_written_anything(place: Place) -> None:
    id = await place.noticeboard.post(place.channel, KEY, asked())
    await place.noticeboard.take_back(place.channel, id)
    assert await place.bens(id) == {}


async def test_somebody_is_told_once_for_each_channel_and_key_until_they_take_no_messages(place: Place) -> None:
    tell, here = place.noticeboard.tell, Warned(place.channel, "It is archived.")
    for _ in range(2):
        await tell(place.ben, "stuck:1", here)
    await tell(place.ben, "stuck:1", replace(here, channel=place.quiet))
    await tell(place.ben, "stuck:2", here)
    assert place.told() == 3
    place.closes_dms()
    with pytest.raises(Closed):
        await tell(place.ben, "stuck:3", here)
