"""What the bot reads of a daily question's thread in Discord, and what of it is an answer."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from simcord.builders import UserHandle
from simcord.enums import MessageType

from bot.discord.client import logged_in
from bot.discord.noticeboard import LOOKS_BACK, DiscordNoticeboard
from bot.discord.places import board
from bot.discord.platform import DiscordPlatform
from bot.discord.rendering import Outgoing
from interviewer.ports import Away, Closed
from interviewer.store import RedisStore
from tests.discord import DiscordServer
from tests.discord_bot import settings
from tests.slack_bot import bank

BANK = bank()
SAID = "A worker holds a lease that it renews."


@dataclass(frozen=True)
class Thread:
    """A thread in which somebody writes, and a noticeboard that reads it: `plain` one that reads plain messages too."""

    discord: DiscordServer
    ben: UserHandle
    noticeboard: DiscordNoticeboard
    plain: DiscordNoticeboard
    channel: str
    id: int

    async def writes(self, text: str) -> int:
        return await self.discord.writes(self.ben, text, channel=self.id)

    async def read(self, *, plain: bool = False) -> dict[str, str | None] | None:
        """What stands in it, by its ids."""
        written = await (self.plain if plain else self.noticeboard).written(self.channel, str(self.id))
        return None if written is None else {each.message: each.text for each in written}


@pytest.fixture
async def thread(redis_store: RedisStore, embeddings: Path) -> AsyncGenerator[Thread]:
    async with (
        # Once the portal allows the intent, Discord shows all to who asks for it.
        DiscordServer.running(approved=["message_content"]) as server,
        logged_in(settings(server, embeddings)) as client,
    ):
        ben = server.adds_user("ben")
        guild = server.adds_guild("Acme", ben)
        room = guild.create_text_channel("general")
        platform = DiscordPlatform(client, redis_store)
        strict, plain = (DiscordNoticeboard(client, platform, BANK.questions, reads=reads) for reads in (False, True))
        id = server.env.backend.create_thread(room.id, "Leases", server.bot).id
        yield Thread(server, ben, strict, plain, board(guild.id, room.id), id)


async def test_what_people_wrote_is_an_answer_if_it_is_for_the_bot_to_read_and_asks_it_for_nothing(
    thread: Thread,
) -> None:
    me, long = thread.discord.mention, "start with a lease that every worker renews"
    texts = {
        SAID: ("", SAID),
        "hello": ("", "hello"),
        f"{me} {SAID}": (SAID, SAID),
        f"{SAID} {me}": (f"{SAID} {me}", f"{SAID} {me}"),
        f"{me} {long}": (long, long),
        f"{me} hello": ("", ""),
        f"{me} start payments": ("", ""),
    }
    ids = [str(await thread.writes(text)) for text in texts]
    for plain in (False, True):
        assert await thread.read(plain=plain) == dict(zip(ids, (each[plain] for each in texts.values()), strict=True))
    # The mention goes, and with it all that was for the bot.
    await thread.discord.edits(int(ids[2]), SAID)
    assert (await thread.read() or {})[ids[2]] == ""


async def test_what_no_person_wrote_is_listed_without_its_text(thread: Thread) -> None:
    backend = thread.discord.env.backend
    backend.create_system_message(thread.id, MessageType.RECIPIENT_ADD, thread.ben.id, recipient_id=thread.ben.id)
    said = await thread.noticeboard.say(thread.id, "1", Outgoing("I post this."))
    assert list((await thread.read() or {}).values()) == [None, None]
    assert said in (await thread.read() or {})


async def test_what_is_too_long_is_not_read_and_in_what_is_gone_nothing_stands(thread: Thread) -> None:
    for _ in range(LOOKS_BACK):
        await thread.writes("A lease.")
    assert len(await thread.read() or ()) == LOOKS_BACK
    await thread.writes("One more.")
    assert await thread.read() is None
    thread.discord.env.backend.delete_channel(thread.id)
    assert await thread.read() == {}


@pytest.mark.parametrize(("status", "problem"), [(503, Away), (403, Closed)])
async def test_what_cannot_be_read_now_or_at_all_is_said(thread: Thread, status: int, problem: type[Exception]) -> None:
    thread.discord.faults.add("GET", f"/channels/{thread.id}/messages", status=status)
    with pytest.raises(problem):
        await thread.read()
