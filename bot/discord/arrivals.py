"""Owns what of Discord's messages is a person speaking to the bot. What is not, is nothing: bots, webhooks, joins, pins, and
everything in a server's channels but private threads and mentions of the bot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import discord

from bot.commands import addressed
from bot.discord.places import DIRECT, person
from bot.text import clean
from interviewer.model import Attachment, Question

SPOKEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
"""Messages that somebody wrote."""


@dataclass(frozen=True)
class Said:
    """Somebody wrote a message. `guild` is DIRECT in direct messages; `mentioned`: the bot is mentioned in it. `at` and `edited`
    are in seconds since the epoch; `edited` is 0 for a message nobody changed."""

    guild: int
    channel: int
    id: str
    user: int
    text: str
    attachments: tuple[Attachment, ...]
    at: float
    edited: float
    mentioned: bool

    @property
    def private(self) -> bool:
        """Whether it was written to the bot alone."""
        return self.guild == DIRECT

    @property
    def candidate(self) -> str:
        """Who wrote it."""
        return person(self.user)

    @property
    def event(self) -> str:
        """What it is claimed by: ids are Discord's for good, whatever they name."""
        return self.id

    @property
    def unreadable(self) -> bool:
        """Whether Discord may have kept from the bot what it says: in a server, without the message content intent."""
        return self.empty and not self.private and not self.mentioned

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it that can be read; it may be a sticker."""
        return not clean(self.text).strip() and not self.attachments


def read(message: discord.Message, me: int) -> Said | None:
    """What a message is. `me` is the bot's own user id; a mention of it at the beginning is left out."""
    if not by_somebody(message):
        return None
    mentioned = mentions(message, me)
    guild = _guild(message)
    if guild != DIRECT and not _aside(message.channel) and not mentioned:
        return None
    return Said(
        guild,
        message.channel.id,
        str(message.id),
        message.author.id,
        _text(message, me),
        tuple(map(_attachment, message.attachments)),
        message.created_at.timestamp(),
        message.edited_at.timestamp() if message.edited_at else 0.0,
        mentioned,
    )


def wrote(message: discord.Message, me: int) -> str:
    """What somebody wrote anywhere, without a mention of the bot at its beginning; "" where that is not for the bot to read."""
    return clean(_text(message, me)).strip() if by_somebody(message) else ""


def wants(message: discord.Message, me: int, questions: Sequence[Question]) -> bool:
    """Whether somebody asks the bot for something there, such as an interview: then it is no answer to a daily question."""
    asked = addressed(_text(message, me), questions)
    return mentions(message, me) and (asked.outright or asked.asking)


def mentions(message: discord.Message, me: int) -> bool:
    """Whether the bot is mentioned in a message, or is told that somebody replies to it."""
    return any(user.id == me for user in message.mentions)


def by_somebody(message: discord.Message) -> bool:
    """Whether a person wrote a message: no bot, no webhook, and not Discord itself."""
    return not (message.author.bot or message.webhook_id) and message.type in SPOKEN


def _text(message: discord.Message, me: int) -> str:
    return re.sub(rf"^\s*<@!?{me}>", "", message.content).strip()


def _guild(message: discord.Message) -> int:
    """The server a message is in: also one that discord.py has not been told of yet, or a channel that was read by its id."""
    if message.guild:
        return message.guild.id
    where = message.channel
    return (where.guild_id if isinstance(where, discord.PartialMessageable) else None) or DIRECT


def _aside(where: object) -> bool:
    """Whether it is a private thread, or may be one."""
    if isinstance(where, discord.Thread):
        return where.is_private()
    return isinstance(where, discord.PartialMessageable)


def _attachment(file: discord.Attachment) -> Attachment:
    # "audio/ogg; codecs=opus" is for players; a voice message may come without any.
    mime = (file.content_type or ("audio/ogg" if file.is_voice_message() else "")).partition(";")[0].strip()
    return Attachment(str(file.id), file.filename, mime, file.size, file.url)
