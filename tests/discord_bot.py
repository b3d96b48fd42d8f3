"""The bot in a Discord of our tests' own: the real client, gateway, engine and store."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcord.builders import UserHandle

from bot import actions
from bot.discord import buttons as row
from bot.discord.bot import Mockingbird
from bot.discord.places import room
from bot.discord.service import Discord, run, running
from bot.settings import Settings
from bot.wiring import Interviewer
from interviewer.engine import Pace
from interviewer.questions import Bank
from interviewer.store import RedisStore
from tests.discord import DiscordServer, Message, Pressed
from tests.slack_bot import bank, interviewer

SWIFT = Pace(quiet=0.05, redelivery=1.0)
"""Fast enough for a test, slow enough for a burst of messages to be one turn."""


def settings(discord: DiscordServer, cache: Path, **more: Any) -> Settings:
    """The bot's settings for this Discord, without a language model."""
    told = discord.environment()
    chosen: dict[str, Any] = {
        "discord_token": told["DISCORD_TOKEN"],
        "discord_api_url": told["DISCORD_API_URL"],
        "MOCKINGBIRD_CACHE": cache,
        **more,
    }
    return Settings(**chosen)


@asynccontextmanager
async def connected(
    settings: Settings, url: str, leads: Interviewer, known: Bank, pace: Pace = SWIFT
) -> AsyncGenerator[Discord]:
    """The bot, connected to the gateway; leaving drains it."""
    stop, ready = asyncio.Event(), asyncio.Event()
    async with running(settings, url, known, leads, pace=pace) as part:
        # Nothing that the bot does waits for the guilds, which discord.py gives two seconds to arrive.
        part.bot._connection.guild_ready_timeout = 0.0  # pyright: ignore[reportPrivateUsage]
        serving = asyncio.create_task(run(part, stop, ready.set))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield part
        finally:
            stop.set()
            await serving


def register(discord: DiscordServer, bot: Mockingbird) -> None:
    """Register the slash commands, as `mockingbird discord sync` does."""
    discord.registers(*(command.to_dict(bot.tree) for command in bot.tree.get_commands()))


def pressable(message: Message) -> list[str]:
    """The actions that can be pressed below a message."""
    return [id.partition("|")[0] for id in message.buttons]


def thread_of(message: Message) -> str:
    """The interview that the buttons below a message are about, as the interviewer calls it."""
    return next(id.partition("|")[2] for id in message.buttons)


@dataclass(frozen=True)
class Table:
    """A person at a table with the bot: what they write, and what the bot says."""

    discord: DiscordServer
    who: UserHandle

    @property
    def dm(self) -> int:
        return self.discord.dm(self.who)

    def said(self) -> list[Message]:
        """What the bot has said in their direct messages."""
        return self.discord.said(self.dm)

    async def hears(self, count: int, within: float = 30) -> Message:
        """The bot's `count`th message, when it is there."""
        await self.discord.until(lambda: len(self.said()) >= count, within)
        return self.said()[count - 1]

    async def begins(self, words: str = "start doordash quick") -> Message:
        """Start an interview in direct messages; its question, with buttons below."""
        await self.discord.writes(self.who, words)
        return await self.offered(actions.HINT)

    async def offered(self, action: str, within: float = 30, channel: int | None = None) -> Message:
        """The latest message below which `action` can be pressed, once it is the last of the bot's."""
        where = channel or self.dm

        def last() -> Message | None:
            said = self.discord.said(where)
            return said[-1] if said and action in pressable(said[-1]) else None

        return await self.discord.until(last, within)

    async def says(self, text: str, within: float = 30) -> Message:
        """Write an answer; the reply to it."""
        before = len(self.said())
        await self.discord.writes(self.who, text)
        return await self.hears(before + 1, within)

    async def presses(self, action: str, message: Message | None = None) -> Any:
        """Press `action` where it is offered last, once it is."""
        where = message or await self.offered(action)
        return await self.discord.presses(self.who, where, action)

    async def ends(self) -> Message:
        """End the interview; the scorecard's last message."""
        asked = await self.presses(actions.END)
        await self.discord.until(lambda: asked.followups)
        await self.discord.presses(self.who, asked.followups[0], row.REALLY)
        return await self.offered(actions.REPORT)

    async def orders(self, name: str, *, channel: Any = None, **options: Any) -> Pressed:
        """Type `/interview NAME`."""
        return await self.discord.types_command(self.who, f"interview {name}", channel=channel, **options)

    async def told(self, pressed: Pressed, within: float = 30) -> Message:
        """What they alone were told for a command or a press, once they were."""

        def answer() -> Message | None:
            # The response to a press may be the message that has the button.
            found = [*([pressed.response] if pressed.response else []), *pressed.followups]
            return next((each for each in reversed(found) if each.id > pressed.id), None)

        message = await self.discord.until(answer, within)
        assert message.ephemeral, message
        return message


@dataclass(frozen=True)
class Seat:
    """A person where an interview of theirs is held: in direct messages or in a private thread."""

    discord: DiscordServer
    who: UserHandle
    channel: int

    @property
    def heard(self) -> list[Message]:
        """What the bot has said there, oldest first."""
        return self.discord.said(self.channel)

    @property
    def pressable(self) -> list[int]:
        """The messages there, scorecards aside, that have buttons of the interview."""
        return [m.id for m in self.heard if m.content and any(name.startswith("interview.") for name in pressable(m))]

    async def writes(self, text: str = "", **more: Any) -> int:
        """Write there; the message."""
        return await self.discord.writes(self.who, text, channel=self.channel, **more)

    async def says(self, text: str = "", **more: Any) -> Message:
        """Write there; the reply."""
        before = len(self.heard)
        await self.writes(text, **more)
        return await self.hears(before)

    async def hears(self, before: int, within: float = 20) -> Message:
        """The next thing the bot says after the `before` it has said, once its buttons are the only ones."""
        await self.discord.until(lambda: len(self.heard) > before, within)
        said = self.heard[before]
        await self.discord.until(lambda: len(self.pressable) <= 1, within)
        return said

    async def presses(self, action: str) -> Message:
        """Press a button of the latest message that has any; the reply."""
        before = len(self.heard)
        await self.discord.presses(self.who, self.pressable[-1], action)
        return await self.hears(before)

    async def ends(self) -> list[Message]:
        """End the interview; the messages of the scorecard, the last of which has the buttons."""
        before = len(self.heard)
        asked = await self.discord.presses(self.who, self.pressable[-1], actions.END)
        await self.discord.until(lambda: asked.followups)
        await self.discord.presses(self.who, asked.followups[0], row.REALLY)
        await self.discord.until(lambda: actions.REPORT in pressable(self.heard[-1]), 30)
        return [m for m in self.heard[before:] if m.components]

    async def name(self, store: RedisStore) -> str:
        """The latest interview there, as the interviewer calls it."""
        found = await store.room(room(self.channel))
        assert found
        return found.thread

    async def words(self, store: RedisStore) -> list[tuple[str, str]]:
        """What the transcript of the latest interview there has of the candidate: message and text."""
        return [(turn.message, turn.text) for turn in await store.transcript(await self.name(store)) if turn.message]


async def sits_down(discord: DiscordServer, who: UserHandle, words: str = "start doordash quick") -> Seat:
    """Start an interview in direct messages, and be there once its question is."""
    await Table(discord, who).begins(words)
    return Seat(discord, who, discord.dm(who))


async def main() -> None:
    """Do the work of turns and errands as the environment says, at a test's pace, until killed: another process takes in."""
    chosen, known = Settings(), bank()
    async with running(chosen, chosen.redis_url, known, interviewer(chosen, known), pace=SWIFT) as part:
        await part.engine.ended()


if __name__ == "__main__":
    asyncio.run(main())
