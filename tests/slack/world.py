"""What there is in our tests' own Slack, how it is looked up, and who is woken when it changes; nothing here speaks HTTP."""

import asyncio
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from tests.slack.people import (
    SCOPES,
    Call,
    Channel,
    Clock,
    Failure,
    Installation,
    Json,
    Refused,
    ResponseUrl,
    StoredFile,
    Stream,
    Trigger,
    User,
    Workspace,
)
from tests.slack.reading import text_of

TRIGGER_SECONDS = 3.0
PATIENCE = 60.0
"""Seconds after which what is waited for is not expected any more, by nobody: a busy machine may take long, and a test that
passes waits for what happens and no longer."""
Seen = TypeVar("Seen")


@dataclass
class World:
    """Everything the server knows. `base` is its own address; `echoes`: the app is told of its own messages;
    `page`: as many messages are shown at once at most."""

    clock: Clock
    echoes: bool
    subscribed: frozenset[str]
    base: str = ""
    app_id: str = "A0MOCKAPP"
    app_token: str = "xapp-1-A0MOCKAPP-1-secret"  # noqa: S105
    signing_secret: str = "0123456789abcdef0123456789abcdef"  # noqa: S105
    client_id: str = "111.222"
    client_secret: str = "client-secret"  # noqa: S105
    workspaces: dict[str, Workspace] = field(default_factory=dict[str, Workspace])
    installations: dict[str, Installation] = field(default_factory=dict[str, Installation])
    tokens: dict[str, Installation] = field(default_factory=dict[str, Installation])
    users: dict[str, User] = field(default_factory=dict[str, User])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    dms: dict[str, str] = field(default_factory=dict[str, str])
    messages: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    gone: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    ephemerals: list[Json] = field(default_factory=list[Json])
    files: dict[str, StoredFile] = field(default_factory=dict[str, StoredFile])
    homes: dict[str, Json] = field(default_factory=dict[str, Json])
    modals: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    modal_errors: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    streams: dict[tuple[str, str], Stream] = field(default_factory=dict[tuple[str, str], Stream])
    statuses: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    standing: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    loading: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    prompts: list[Json] = field(default_factory=list[Json])
    sessions: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    titles: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    triggers: dict[str, Trigger] = field(default_factory=dict[str, Trigger])
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict[str, ResponseUrl])
    codes: dict[str, tuple[str, str, frozenset[str]]] = field(
        default_factory=dict[str, tuple[str, str, frozenset[str]]]
    )
    failures: dict[str, list[Failure]] = field(default_factory=dict[str, list[Failure]])
    calls: list[Call] = field(default_factory=list[Call])
    echo: Callable[[Channel, Json], None] = lambda channel, event: None
    page: int = 999
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _last_ts: int = 0
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    # --- names and times

    def id(self, prefix: str) -> str:
        """A new id that begins with `prefix`."""
        return f"{prefix}0{next(self._numbers):08X}"

    def ts(self) -> str:
        """A new timestamp, later than every other."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def trigger(self, user: User, view: str = "") -> str:
        """A new `trigger_id` of an interaction of `user`, in the modal `view` if there is one."""
        name = f"{next(self._numbers)}.{user.team}.{self.id('x').lower()}"
        self.triggers[name] = Trigger(user.id, user.team, self.clock(), view)
        return name

    def redeem(self, trigger_id: str) -> Trigger:
        """Use a `trigger_id`. Raises Refused when it is unknown, too old, or used."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise Refused("invalid_trigger_id")
        if trigger.used:
            raise Refused("exchanged_trigger_id")
        if self.clock() - trigger.at > TRIGGER_SECONDS:
            raise Refused("expired_trigger_id")
        trigger.used = True
        return trigger

    def response_url(self, user: str, channel: str, message: str = "") -> str:
        """A new `response_url`."""
        name = self.id("R")
        self.response_urls[name] = ResponseUrl(user, channel, message, self.clock())
        return f"{self.base}/response/{name}"

    # --- looking up

    def install(self, team: str, scopes: frozenset[str] = SCOPES, installer: str = "") -> Installation:
        """Install the app, or install it again: the bot user stays, the token is a new one."""
        before = self.installations.get(team)
        token = f"xoxb-{team}-{self.id('t')}"
        user_id, bot_id = (before.user_id, before.bot_id) if before else (self.id("U"), self.id("B"))
        installation = Installation(team, token, user_id, bot_id, set(scopes), installer)
        self.installations[team] = self.tokens[token] = installation
        self.users[user_id] = User(user_id, "mockingbird", "Mockingbird", team, is_bot=True)
        return installation

    def bot(self, team: str) -> Installation:
        return self.installations[team]

    def channel_of(self, caller: Installation, name: object) -> Channel:
        """The conversation called `name` (an id; a user's id stands for the direct message). Raises Refused."""
        if name in self.users and self.users[str(name)].team == caller.team:
            return self.dm(self.users[str(name)])
        channel = self.channels.get(str(name))
        if channel is None or channel.team != caller.team:
            raise Refused("channel_not_found")
        if channel.private and caller.user_id not in channel.members:
            raise Refused("channel_not_found")
        return channel

    def writable(self, caller: Installation, name: object) -> Channel:
        """The conversation, if the app may write to it. Raises Refused."""
        channel = self.channel_of(caller, name)
        if channel.archived:
            raise Refused("is_archived")
        if channel.closed:
            raise Refused("messages_tab_disabled")
        if not channel.im and caller.user_id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def dm(self, user: User) -> Channel:
        """The direct message between the app and a person, opened if it was not."""
        if user.id in self.dms:
            return self.channels[self.dms[user.id]]
        bot = self.installations.get(user.team)
        members = {user.id} | ({bot.user_id} if bot else set[str]())
        channel = Channel(self.id("D"), "directmessage", user.team, im=user.id, members=members)
        self.channels[channel.id] = channel
        self.dms[user.id] = channel.id
        return channel

    def find(self, channel: str, ts: str) -> Json | None:
        """A message, or None."""
        return next((message for message in self.messages.get(channel, []) if message["ts"] == ts), None)

    def message(self, channel: str, ts: object) -> Json:
        """A message. Raises Refused."""
        found = self.find(channel, str(ts))
        if found is None:
            raise Refused("message_not_found")
        return found

    def thread(self, channel: str, ts: str) -> list[Json]:
        """A thread's messages, its root first."""
        return [each for each in self.messages.get(channel, []) if ts in {each["ts"], each.get("thread_ts")}]

    def threadable(self, channel: str, ts: str) -> None:
        """Raises Refused unless something can be said in this thread: a deleted root still holds its thread."""
        if (channel, ts) in self.gone:
            return
        root = self.find(channel, ts)
        if root is None or root.get("thread_ts", ts) != ts:
            raise Refused("cannot_reply_to_message")

    # --- changing

    def say(self, channel: Channel, message: Json) -> Json:
        """Add a message, and clear the app's status in its thread if the app said it."""
        if root := self.find(channel.id, str(message.get("thread_ts", ""))):
            root["thread_ts"] = root["ts"]
        self.messages.setdefault(channel.id, []).append(message)
        if "bot_id" in message and self.standing.get((channel.id, message.get("thread_ts", ""))):
            self.set_status(channel.id, message["thread_ts"], "")
        self.changed()
        return message

    def set_status(self, channel: str, thread: str, status: str) -> None:
        """Show the app's status in a thread, "" for none."""
        self.standing[channel, thread] = status
        self.statuses.setdefault((channel, thread), []).append(status)
        self.changed()

    def tell_own(self, channel: Channel, event: Json) -> None:
        """Tell the app of something it did itself, as Slack does."""
        if self.echoes:
            self.echo(channel, deepcopy(event))

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._change.set()
        self._change = asyncio.Event()

    async def until(self, condition: Callable[[], Seen | None], within: float = PATIENCE) -> Seen:
        """What `condition` gives once it is true; looked at after every change. Raises AssertionError after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while not (seen := condition()):
                    await self._change.wait()
                return seen
        except TimeoutError:
            raise AssertionError(f"not so within {within} s\n{self.picture()}") from None

    def picture(self) -> str:
        """What was said and called lately, for someone who reads why a test failed."""
        lines = ["messages:"]
        for channel in self.channels.values():
            said = self.messages.get(channel.id, [])
            if said:
                lines.append(f"  #{channel.name} ({channel.id}), the last of {len(said)}")
            for each in said[-12:]:
                by = self.users[each["user"]].name if each.get("user") in self.users else "?"
                where = f" in {each['thread_ts']}" if each.get("thread_ts") else ""
                lines.append(f"    {each['ts']}{where} {by}: {text_of(each)[:160]!r}")
        lines += [f"  only {each['user']} sees: {text_of(each)[:160]!r}" for each in self.ephemerals[-5:]]
        lines += [f"  modal of {user}: {view[-1].get('title')}" for user, view in self.modals.items() if view]
        lines.append("calls:")
        for call in self.calls[-15:]:
            answer = call.answer if isinstance(call.answer, int) else call.answer.get("error", "ok")
            lines.append(f"    {call.method} {json.dumps(call.args, ensure_ascii=False)[:160]} -> {answer}")
        return "\n".join(lines)
