"""Owns what of Slack's events is a person speaking to the bot. What is not, is nothing: bots, other apps, joins and topics.

| event | becomes |
| --- | --- |
| `message` without subtype, or `file_share`, `thread_broadcast`; `app_mention` | `Said` |
| `message_changed` by its author, where the text did change (not Slack unfurling a link, not the bot's own edits) | `Changed` |
| `message_deleted` of a person's message | `Changed` to nothing |
| anything else: `bot_message`, other apps' messages, `channel_join`, `me_message`, an empty text without a file … | None |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.slack.places import Place, person
from bot.slack.text import mention, unescape
from interviewer.model import Attachment

SPOKEN = frozenset({None, "file_share", "thread_broadcast"})
"""Subtypes of messages that somebody wrote."""

Payload = Mapping[str, Any]
NOTHING: Payload = {}


@dataclass(frozen=True)
class Said:
    """Somebody wrote a message. `thread` is the ts of its thread, "" for a message outside any. `home`: it was written by
    somebody of the workspace itself, no guest of another by Slack Connect."""

    team: str
    channel: str
    thread: str
    ts: str
    user: str
    text: str
    attachments: tuple[Attachment, ...]
    home: bool

    @property
    def private(self) -> bool:
        """Whether it was written to the bot alone."""
        return self.channel.startswith("D")

    @property
    def where(self) -> Place:
        """The thread it is in, or begins."""
        return Place(self.team, self.channel, self.thread or self.ts)

    @property
    def candidate(self) -> str:
        """Who wrote it."""
        return person(self.team, self.user)

    @property
    def event(self) -> str:
        """What it is claimed by: the same for `message`, `app_mention` and every redelivery, whatever their event ids."""
        return f"{self.channel}:{self.ts}"


@dataclass(frozen=True)
class Changed:
    """Somebody edited a message of theirs, which now reads as `said`, or deleted it (`deleted`). `at` is when, as a ts."""

    said: Said
    at: str
    deleted: bool


def read(event: Payload, team: str, bot: str, enterprise: str = "") -> Said | Changed | None:
    """What an event of the Events API is. `bot` is the bot's own user id; a mention of it at the beginning is left out.

    `enterprise` is the organisation the workspace belongs to, "" for none: its people are at home too."""
    subtype = event.get("subtype")
    if subtype == "message_changed":
        return _changed(event, team, bot, enterprise)
    if subtype == "message_deleted":
        before = _said({**event, **(event.get("previous_message") or {})}, team, bot, enterprise)
        at = str(event.get("event_ts") or event.get("deleted_ts", ""))
        return Changed(before, at, deleted=True) if before else None
    return _said(event, team, bot, enterprise)


def _changed(event: Payload, team: str, bot: str, enterprise: str) -> Changed | None:
    message: Payload = event.get("message") or NOTHING
    before: Payload = event.get("previous_message") or NOTHING
    if message.get("text") == before.get("text") or "edited" not in message:
        return None
    said = _said({**event, "files": None, **message}, team, bot, enterprise)
    return Changed(said, str(message["edited"].get("ts", "")), deleted=False) if said else None


def _said(event: Payload, team: str, bot: str, enterprise: str) -> Said | None:
    user, ts, channel = event.get("user"), event.get("ts"), event.get("channel")
    subtype = event.get("subtype")
    spoken = subtype in SPOKEN or subtype in {"message_changed", "message_deleted"}
    machine = event.get("bot_id") or event.get("app_id") or user in (bot, "USLACKBOT")
    if not (user and ts and channel) or machine or not spoken:
        return None
    text = unescape(mention(str(event.get("text") or ""), bot)).strip()
    attachments = tuple(_attachments(event.get("files") or ()))
    if not text and not attachments:
        return None
    origin = event.get("user_team") or event.get("source_team") or team
    # A thread's first message carries its own ts as the thread's once it has replies.
    thread = str(event.get("thread_ts") or "")
    return Said(team, str(channel), thread, str(ts), str(user), text, attachments, home=origin in (team, enterprise))


def _attachments(files: Sequence[Payload]) -> list[Attachment]:
    return [
        Attachment(
            id=str(file["id"]),
            name=str(file.get("name") or file.get("title") or "a file"),
            mime=str(file.get("mimetype") or ""),
            size=int(file.get("size") or 0),
            place=str(file.get("url_private_download") or file.get("url_private") or ""),
        )
        for file in files
        if file.get("id") and file.get("mode") != "tombstone"
    ]
