"""Owns the gateway's end of Discord: the bot that hears events and hands each to whom it concerns."""

import logging
import sys
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket

from bot.discord.answers import tell
from bot.discord.buttons import Press
from bot.discord.client import LONGEST_WAIT, SILENT
from bot.discord.commands import interview
from bot.discord.hearing import Hearing
from bot.discord.reception import Reception
from bot.settings import Settings
from interviewer.questions import Bank

logger = logging.getLogger(__name__)


UPDATED = (
    "I was changed a moment ago, and your Discord still has my old commands. Reload it (Ctrl+R, or close and open the app), then "
    "try once more. Or simply write to me directly."
)


class Mockingbird(commands.AutoShardedBot):
    """The bot, before it is connected. `attend` gives it somebody to hand events to, which it needs before it connects."""

    desk: Reception
    hearing: Hearing

    def attend(self, desk: Reception, hearing: Hearing, bank: Bank, *, personas: bool) -> None:
        """Hand commands, buttons and forms to `desk` and messages to `hearing`."""
        self.desk = desk
        self.hearing = hearing
        self.tree.add_command(interview(desk, bank, personas=personas))

    async def setup_hook(self) -> None:
        """Answer the buttons of every message that was ever sent."""
        self.add_dynamic_items(Press)

    async def connect(self, *, reconnect: bool = True) -> None:
        """Be connected, and stay with the Discord that is set: discord.py would go back to the public one when it has to connect
        anew."""
        _, gateway, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
        await super().connect(reconnect=reconnect)

    async def on_shard_connect(self, _: int) -> None:
        self.hearing.listens()

    async def on_ready(self) -> None:
        """Connected anew: Discord says nothing of what was written meanwhile. (A connection that is resumed misses nothing.)"""
        await self.hearing.catch_up()

    async def on_message(self, message: discord.Message, /) -> None:
        await self.hearing.said(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        before = payload.cached_message
        # Discord adds previews of links by an edit that nobody made.
        if before is None or before.content != payload.message.content:
            await self.hearing.changed(payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self.hearing.deleted(payload.channel_id, payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message in payload.message_ids:
            await self.hearing.deleted(payload.channel_id, message)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Modals, whichever process had shown them; discord.py knows only its own."""
        if interaction.type is discord.InteractionType.modal_submit:
            await self.desk.submitted(interaction, interaction.data)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Say what failed and of what type it was, and nothing of what was written."""
        kind = sys.exc_info()[0]
        logger.error("%s failed: %s", event_method, kind.__name__ if kind else "")


class Tree(app_commands.CommandTree[Mockingbird]):
    """The slash commands."""

    async def on_error(
        self, interaction: discord.Interaction[Mockingbird], error: app_commands.AppCommandError, /
    ) -> None:
        """Say of what type the trouble was, and nothing of what was written. Whoever asked has commands of another version, most
        likely."""
        logger.error("A command failed: %s", type(error).__name__)
        await tell(interaction, UPDATED)


def create_bot(settings: Settings | None = None) -> Mockingbird:
    """The bot, which is not connected, nor has anybody to hand events to (`Mockingbird.attend`)."""
    intents = discord.Intents.none()
    intents.guilds = intents.guild_messages = intents.dm_messages = True
    intents.message_content = bool(settings and settings.discord_message_content)
    return Mockingbird(
        command_prefix=commands.when_mentioned,
        help_command=None,
        intents=intents,
        tree_cls=Tree,
        allowed_mentions=SILENT,
        chunk_guilds_at_startup=False,
        member_cache_flags=discord.MemberCacheFlags.none(),
        max_ratelimit_timeout=LONGEST_WAIT,
    )
