"""Owns answering an interaction: at once, to one person alone, and without harm to anything where the answer comes too late."""

import logging
from contextlib import suppress

import discord

from bot.discord.client import TROUBLE, told
from bot.discord.rendering import Outgoing

logger = logging.getLogger(__name__)


async def hold(interaction: discord.Interaction) -> None:
    """Answer within Discord's three seconds that the answer is on its way, seen by whoever asked alone.

    What was asked for is done all the same where that comes too late."""
    try:
        await interaction.response.defer(ephemeral=True, thinking=thinks(interaction))
    except TROUBLE as problem:
        logger.info("An interaction could not be answered in time: %s", told(problem))


async def tell(interaction: discord.Interaction, what: str | Outgoing) -> None:
    """Answer, to whoever asked alone."""
    message = Outgoing(what) if isinstance(what, str) else what
    try:
        if interaction.response.is_done():
            await interaction.followup.send(ephemeral=True, **message.arguments())
        else:
            await interaction.response.send_message(ephemeral=True, **message.arguments())
    except TROUBLE as problem:
        logger.info("An interaction could not be answered: %s", told(problem))


async def instead(interaction: discord.Interaction, text: str) -> None:
    """Put this in the place of the message whose button was pressed, which had nothing else to offer."""
    with suppress(*TROUBLE):
        await interaction.edit_original_response(content=text, view=None)


async def done(interaction: discord.Interaction) -> None:
    """There is nothing to say: what was asked for shows where the interview is."""
    if thinks(interaction):
        with suppress(*TROUBLE):
            await interaction.delete_original_response()


async def show(interaction: discord.Interaction, form: discord.ui.Modal) -> None:
    """Open a modal, which must be the first answer."""
    try:
        await interaction.response.send_modal(form)
    except TROUBLE as problem:
        logger.info("A form did not open: %s", told(problem))


def thinks(interaction: discord.Interaction) -> bool:
    """Whether somebody sees that the bot is thinking until they are answered: below a message, they see the message."""
    return interaction.type is discord.InteractionType.application_command or interaction.message is None
