"""The bot inside simcord: the real discord.py, its gateway and REST API played by simcord in the same process.

simcord waits until everything the bot began has ended, and turns its clock by hand; so the engine, which works on its own, is
begun outside the bot, and what it says is waited for.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import discord
import pytest
import simcord
from discord.webhook.async_ import async_context
from simcord.builders import ChannelHandle, UserHandle
from simcord.http import FakeWebhookAdapter

from bot import actions
from bot.discord import buttons as row
from bot.discord import errands, reception
from bot.discord.bot import create_bot
from bot.discord.service import Discord, wired
from bot.settings import Settings
from bot.steering import NO_INTERVIEW, REALLY_END
from bot.wiring import Interviewer
from interviewer.model import Phase
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.discord_bot import SWIFT
from tests.fakes import wait_until

SAID = "I would keep an idempotency key of our own with every charge, so that a retry finds the first one."
Seen = TypeVar("Seen")


@dataclass
class Stage:
    """simcord's Discord, and how the bot is put into it."""

    env: simcord.Env
    settings: Settings
    url: str
    leads: Interviewer
    known: Bank

    @asynccontextmanager
    async def bot(self) -> AsyncGenerator[Discord]:
        """The bot, connected; the first starts simcord, any other takes the place of the one before."""
        bot = self.env.bot if not self.env.backend.transcript else create_bot(self.settings)
        assert isinstance(bot, type(create_bot()))
        async with wired(bot, self.settings, self.url, self.known, self.leads, pace=SWIFT) as part:
            if bot is self.env.bot:
                await self.env.start()
            else:
                await self.env.restart_bot(bot)
            await bot.tree.sync()
            yield part

    async def until(self, condition: Callable[[], Seen | None]) -> Seen:
        """What `condition` gives once it is true; simcord tells nobody of an answer that only one person sees."""
        seen: list[Seen] = []

        async def look() -> bool:
            found = condition()
            seen.extend([found] if found else [])
            return bool(found)

        await wait_until(look)
        return seen[0]

    def said(self, channel: ChannelHandle) -> list[discord.Message]:
        """What the bot has said in a channel, but for what only one person sees."""
        return [m for m in channel.history() if m.author.bot and not m.flags.ephemeral]

    async def offered(self, channel: ChannelHandle, action: str) -> discord.Message:
        """The latest message, once `action` can be pressed below it."""

        def last() -> discord.Message | None:
            said = self.said(channel)
            return said[-1] if said and action in custom_ids(said[-1]) else None

        return await self.until(last)


def custom_ids(message: discord.Message) -> dict[str, str]:
    """The buttons below a message: custom id by action."""
    found = [str(getattr(part, "custom_id", "")) for part in row.nested(message.components)]
    return {id.partition("|")[0]: id for id in found if "|" in id}


@asynccontextmanager
async def staged(
    url: str, cache: Path, leads: Interviewer, known: Bank, approved: discord.Intents | None = None, **chosen: Any
) -> AsyncGenerator[Stage]:
    """A stage; leaving it looks whether the bot raised anything."""
    settings = Settings(MOCKINGBIRD_CACHE=cache, **chosen)  # pyright: ignore[reportCallIssue]
    env = simcord.Env(create_bot(settings), shard_count=1, approved_intents=approved)
    # What answers interactions is found by context, and the engine's is not the bot's.
    async_context.set(FakeWebhookAdapter(env.backend))  # pyright: ignore[reportArgumentType]
    try:
        yield Stage(env, settings, url, leads, known)
    finally:
        await env.shutdown()
    env.raise_errors()


@pytest.fixture
async def stage(redis_url: str, embeddings: Path, leads: Interviewer, known: Bank) -> AsyncGenerator[Stage]:
    async with staged(redis_url, embeddings, leads, known) as stage:
        yield stage


async def test_an_interview_is_held_by_commands_messages_and_buttons(stage: Stage) -> None:
    async with stage.bot() as part:
        ana = stage.env.create_user("ana")
        dm = ana.dm_channel
        offered = await ana.autocomplete("interview start", "about", "doordsh")
        about = next(str(each["value"]) for each in offered if each["value"] == "doordash-payments")
        opened = await ana.slash("interview start", about=about, length="quick")
        question = await stage.offered(dm, actions.HINT)
        await stage.until(lambda: opened.response is None)
        thread = custom_ids(question)[actions.HINT].partition("|")[2]
        await ana.send_dm(SAID)
        await stage.until(lambda: len(stage.said(dm)) == 3)
        hint = await ana.click(stage.said(dm)[-1], label="Hint")
        assert hint.acknowledged
        assert "hidden until you tap it" in (await stage.until(lambda: stage.said(dm)[3:]))[0].content
        asked = await ana.slash("interview end")
        assert asked.response
        assert asked.response.ephemeral
        assert asked.response.content == REALLY_END
        await ana.click(asked.response.message, label="End")
        card = await stage.offered(dm, actions.REPORT)
        assert card.flags.components_v2
        assert [each.filename for each in card.attachments] == ["scorecard.png"]
        interview = await part.store.interview(thread)
        assert interview
        assert interview.phase is Phase.DEBRIEF
        assert SAID in [turn.text for turn in await part.store.transcript(thread)]
        # A form, and what was written in it.
        form = await ana.click(card, label="Dispute a point")
        assert form.modal
        point = str(form.modal["components"][0]["component"]["options"][0]["value"])
        count = len(stage.said(dm))
        await ana.submit_modal(form, {"point": [point], "argument": "The restaurant and the courier get a share each."})
        changed = await stage.until(lambda: stage.said(dm)[count:])
        assert re.search(r"\d+ %", changed[0].content)


async def test_an_answer_that_takes_a_moment_is_announced_at_once_and_for_one_alone(stage: Stage) -> None:
    async with stage.bot():
        guild = stage.env.create_guild()
        channel, ana = guild.create_text_channel("general"), stage.env.create_user("ana")
        member = guild.add_member(ana)
        for name, said in (("history", reception.NO_HISTORY), ("hint", NO_INTERVIEW), ("score", reception.NO_CARD)):
            result = await member.slash(channel, f"interview {name}")
            assert result.ephemeral
            assert result.response
            assert result.response.content == said
        answers = [each.json for each in stage.env.http_requests if each.path.endswith("/callback")]
        later = discord.InteractionResponseType.deferred_channel_message.value
        assert [answer["type"] for answer in answers if answer] == [later] * 3
        opened = await member.slash(channel, "interview start", about="doordash")
        await stage.offered(ana.dm_channel, actions.HINT)
        await stage.until(lambda: opened.response and opened.response.content == errands.IN_PRIVATE)
        assert stage.said(channel) == []


async def test_a_button_is_pressed_after_the_bot_was_restarted(stage: Stage) -> None:
    async with stage.bot():
        ana = stage.env.create_user("ana")
        dm = ana.dm_channel
        await ana.send_dm("start doordash quick")
        question = await stage.offered(dm, actions.HINT)
        asked = await ana.click(question, label="End")
    async with stage.bot():
        await ana.click(question, label="Pause")
        paused = await stage.offered(dm, actions.RESUME)
        await ana.click(asked.followups[0].message, label="End")
        card = await stage.offered(dm, actions.REPORT)
    async with stage.bot() as part:
        await ana.click(card, label="Close")
        farewell = await stage.offered(dm, actions.SURPRISE)
        interview = await part.store.interview(custom_ids(paused)[actions.RESUME].partition("|")[2])
        assert interview
        assert interview.phase is Phase.FINISHED
        await ana.click(farewell, label="Surprise me")
        await stage.offered(dm, actions.HINT)


async def test_without_the_content_of_messages_the_bot_says_how_it_can_be_heard(
    redis_url: str, embeddings: Path, leads: Interviewer, known: Bank
) -> None:
    none = discord.Intents.default()
    none.message_content = none.members = none.presences = False
    async with staged(redis_url, embeddings, leads, known, none) as stage, stage.bot() as part:
        guild = stage.env.create_guild()
        channel, ana = guild.create_text_channel("general"), stage.env.create_user("ana")
        member = guild.add_member(ana)
        await member.slash(channel, "interview start", about="doordash", where="thread")
        (thread,) = await stage.until(lambda: channel.threads)
        question = await stage.offered(thread, actions.HINT)
        await member.send(thread, SAID)
        assert (await stage.until(lambda: stage.said(thread)[2:]))[0].content == errands.UNREADABLE
        assert stage.env.bot.user
        await member.send(thread, f"<@{stage.env.bot.user.id}> {SAID}")
        await stage.until(lambda: len(stage.said(thread)) == 4)
        said = await part.store.transcript(custom_ids(question)[actions.HINT].partition("|")[2])
        assert [turn.text for turn in said if turn.message] == [SAID]
        # In direct messages nothing is kept from it.
        await ana.send_dm("hello")
        assert "mock interviewer" in (await stage.until(lambda: stage.said(ana.dm_channel)))[0].content


async def test_a_bot_that_wants_an_intent_the_portal_denies_does_not_start(
    redis_url: str, embeddings: Path, leads: Interviewer, known: Bank
) -> None:
    none = discord.Intents.none()
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with (
            staged(redis_url, embeddings, leads, known, none, DISCORD_MESSAGE_CONTENT=True) as stage,
            stage.bot(),
        ):
            pass


async def test_what_discord_has_no_room_for_just_now_is_said_once_a_little_later(stage: Stage) -> None:
    async with stage.bot() as part:
        ana = stage.env.create_user("ana")
        dm = ana.dm_channel
        await ana.send_dm("start doordash quick")
        question = await stage.offered(dm, actions.HINT)
        thread = custom_ids(question)[actions.HINT].partition("|")[2]
        stage.env.inject_error("POST", "/channels/*/messages", status=429, times=2)
        await ana.click(question, label="Time")
        await stage.until(lambda: len(stage.said(dm)) == 3)
        stage.env.inject_error("PATCH", "/channels/*/messages/*", status=403, code=50013, times=1)
        await ana.click(stage.said(dm)[-1], label="Hint")
        await stage.until(lambda: len(stage.said(dm)) == 4)
        transcript = await part.store.transcript(thread)
        assert len(transcript) == len(stage.said(dm)) - 1


async def test_where_the_bot_may_open_no_thread_it_says_so_to_who_asked(stage: Stage) -> None:
    async with stage.bot() as part:
        guild = stage.env.create_guild()
        me = guild.me
        assert me
        denied = discord.PermissionOverwrite(
            create_private_threads=False, create_public_threads=False, send_messages=False
        )
        channel = guild.create_text_channel("hall", overwrites={me: denied})
        ana = stage.env.create_user("ana")
        member = guild.add_member(ana)
        asked = await member.slash(channel, "interview start", where="thread")
        await stage.until(lambda: asked.response and asked.response.content == errands.UNPERMITTED)
        assert asked.ephemeral
        assert await nothing_of(part.store, ana)
        assert channel.threads == []


async def nothing_of(store: RedisStore, user: UserHandle) -> bool:
    """Whether no interview of theirs is there."""
    return not [each for each in await store.threads(f"discord:{user.id}") if await store.interview(each)]
