"""Owns what there is in our tests' own Discord beside simcord's model of it, and who is woken when it changes."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, TypeVar

import discord
from simcord.backend import Backend, serializers
from simcord.backend.access import channel_accessible
from simcord.backend.cdn import CdnStore
from simcord.backend.models import Message as Stored
from simcord.env import Env

from tests.discord.reading import Call, Json, Message, shown

Seen = TypeVar("Seen")
Listener = Callable[[str, Mapping[str, Any]], None]
IN_A_CHANNEL = ("MESSAGE_", "TYPING_", "THREAD_", "CHANNEL_PINS_")
"""Events of a channel, which an app that can't see the channel is not told of."""


class Clock:
    """The real time, and what a test has put it forward by; simcord's own stands still."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.elapsed)

    def advance(self, seconds: float) -> None:
        self.elapsed += seconds


class Cdn(CdnStore):
    """Attachments, under an address of our own."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.content: dict[str, tuple[bytes, str]] = {}

    def store_attachment(
        self, attachment_id: int, channel_id: int, filename: str, data: bytes, description: str | None
    ) -> dict[str, Any]:
        stored = super().store_attachment(attachment_id, channel_id, filename, data, description)
        path = f"/attachments/{channel_id}/{attachment_id}/{filename}"
        self.content[path] = (data, str(stored["content_type"]))
        # Discord signs its addresses; whoever takes a file's name from the address meets the signature.
        url = f"{self.base}{path}?ex=6900&is=6800&hm=00"
        return {**stored, "url": url, "proxy_url": url}

    def is_of_type(self, stored: Mapping[str, Any], content_type: str) -> None:
        """Serve an attachment as of this type, whatever its name says."""
        path = str(stored["url"]).removeprefix(self.base).partition("?")[0]
        self.content[path] = (self.content[path][0], content_type)


class Scene(Env):
    """simcord's environment with nobody in it: the bot of a test is outside, and nothing here waits for one."""

    def __init__(self, shards: int) -> None:
        nobody = discord.Client(intents=discord.Intents.all())
        super().__init__(nobody)
        self.backend = Backend(clock=Clock())  # pyright: ignore[reportArgumentType]  # it has what simcord's has
        self.backend.cdn = Cdn()
        self._started = True
        self._shard_count = shards
        self._message_states.add(nobody._connection)  # pyright: ignore[reportPrivateUsage]

    async def _settle_internal(self, **_: Any) -> None:
        return


@dataclass
class World:
    """Everything the server knows. `base` is its own address, `approved` the privileged intents the portal allows."""

    env: Scene
    approved: frozenset[str]
    shards: int
    patience: float
    """Seconds that a person waits for the first answer to a press or a command."""
    base: str = ""
    calls: list[Call] = field(default_factory=list[Call])
    gaps: list[str] = field(default_factory=list[str])
    """What the app asked for that is built neither here nor in simcord."""
    closed: dict[int, int] = field(default_factory=dict[int, int])
    """People whose direct messages the app can't reach, and the code that says so."""
    elsewhere: set[int] = field(default_factory=set[int])
    """Channels between people, where the app is not."""
    installers: set[int] = field(default_factory=set[int])
    """People who installed the app for themselves."""
    nonces: dict[int, str] = field(default_factory=dict[int, str])
    remembered: dict[str, tuple[int, datetime]] = field(default_factory=dict[str, tuple[int, datetime]])
    """Which message a nonce of the app's made, and when."""
    sending: str | None = None
    """The nonce of the message that is being made."""
    listeners: list[Listener] = field(default_factory=list[Listener])
    log: list[str] = field(default_factory=list[str])
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        bot = self.backend.bot_user
        # The id of an app and that of its bot are the same in every app made since 2016.
        del self.backend.users[bot.id]
        bot.id, bot.name = self.backend.application_id, "mockingbird"
        self.backend.users[bot.id] = bot
        self.token = f"{bot.id}.test.token"
        self.backend.subscribers.append(self._heard)

    # --- looking

    @property
    def backend(self) -> Backend:
        return self.env.backend

    @property
    def bot(self) -> int:
        """The id of the app and its bot."""
        return self.backend.bot_user.id

    @property
    def cdn(self) -> Cdn:
        assert isinstance(self.backend.cdn, Cdn)
        return self.backend.cdn

    def now(self) -> datetime:
        return self.backend.clock.now()

    def is_member(self, guild: int) -> bool:
        """Whether the app is in a guild."""
        return guild in self.backend.guilds and self.bot in self.backend.guilds[guild].members

    def sees(self, channel: int) -> bool:
        """Whether the app can see a channel."""
        return channel not in self.elsewhere and channel_accessible(self.backend, channel, self.bot)

    def stored(self, message: int) -> Stored:
        """A message, wherever it is. Raises AssertionError when it is nowhere."""
        for messages in self.backend.messages.values():
            if message in messages:
                return messages[message]
        raise AssertionError(f"there is no message {message}")

    def message(self, stored: Stored) -> Message:
        return shown(self.backend, stored, self.nonces.get(stored.id))

    def messages(self, channel: int) -> list[Message]:
        """What stands in a channel, oldest first."""
        return [self.message(each) for each in sorted(self.backend.messages[channel].values(), key=lambda m: m.id)]

    def calls_of(self, method: str = "*", path: str = "*") -> list[Call]:
        return [each for each in self.calls if fnmatch(each.method, method) and fnmatch(each.path, path)]

    # --- changing

    def _heard(self, event: str, payload: Mapping[str, Any]) -> None:
        told = dict(payload)
        if event == "MESSAGE_CREATE" and self.sending and int(told["author"]["id"]) == self.bot:
            self.nonces[int(told["id"])] = told["nonce"] = self.sending
        if event == "INTERACTION_CREATE":
            told |= self._authorized(told)
            self.backend.interactions[int(told["id"])].initial_response_deadline = self.backend.iso_after(self.patience)
        self.log.append(event)
        if self._tells(event, told):
            for listener in self.listeners:
                listener(event, told)
        self.changed()

    def _authorized(self, payload: Mapping[str, Any]) -> Json:
        """By whose installation an interaction is the app's, and where that is; simcord says neither."""
        guild, channel = payload.get("guild_id"), int(payload["channel_id"])
        user = str((payload.get("member") or payload)["user"]["id"])
        there = channel not in self.elsewhere and (guild is None or self.is_member(int(guild)))
        owners: Json = {"0": guild or "0"} if there else {}
        if int(user) in self.installers:
            owners["1"] = user
        told: Json = {"authorizing_integration_owners": owners}
        if guild is not None:
            told["guild"] = {"id": guild, "locale": "en-US", "features": []}
        if channel in self.elsewhere:
            members = self.backend.get_channel(channel).recipient_ids
            recipients = [dict(serializers.user_payload(self.backend.get_user(each))) for each in members]
            told["context"] = 2
            told["channel"] = {**payload["channel"], "recipients": recipients, "icon": None, "owner_id": user}
        return told

    def _tells(self, event: str, payload: Mapping[str, Any]) -> bool:
        if event == "INTERACTION_CREATE":
            return True
        guild = payload.get("guild_id") or (payload["id"] if event in {"GUILD_CREATE", "GUILD_UPDATE"} else None)
        if guild is not None and not self.is_member(int(guild)):
            return event == "GUILD_DELETE"
        channel = payload.get("channel_id") or (payload.get("id") if event.startswith("THREAD_") else None)
        if not event.startswith(IN_A_CHANNEL) or int(channel or 0) not in self.backend.channels:
            return True
        return self.sees(int(channel or 0))

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._change.set()
        self._change = asyncio.Event()

    async def until(self, condition: Callable[[], Seen | None], within: float = 10) -> Seen:
        """What `condition` gives once it is true; looked at after every change. Raises AssertionError after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not (seen := condition()):
                    await self._change.wait()
                return seen
        except TimeoutError:
            raise AssertionError(f"not so within {within} s\n{self.picture()}") from None

    # --- telling

    def picture(self) -> str:
        """What was said and called lately, for someone who reads why a test failed."""
        lines = ["messages:"]
        for channel, stored in self.backend.messages.items():
            if stored:
                about = self.backend.channels[channel]
                lines.append(f"  {about.name or 'a direct message'} ({channel}), the last of {len(stored)}")
            for each in self.messages(channel)[-12:]:
                by = self.backend.users[each.author].name
                marks = " only one sees" * each.ephemeral + " thinking" * each.loading + " edited" * each.edited
                lines.append(f"    {each.id} {by}{marks}: {each.text[:160]!r} {list(each.buttons) or ''}")
        lines.append("events:")
        lines.append(f"    {' '.join(self.log[-20:])}")
        lines.append("calls:")
        for call in self.calls[-15:]:
            answer = call.status if call.status < 400 else f"{call.status} {call.answer}"
            body = json.dumps(call.json, ensure_ascii=False)[:160]
            lines.append(f"    {call.method} {call.path} {body} -> {answer or 'lost'}")
        lines += [f"not built: {gap}" for gap in self.gaps]
        return "\n".join(lines)
