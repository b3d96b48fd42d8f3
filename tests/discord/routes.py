"""Owns the routes that simcord has not, or has otherwise than Discord: who the app is, nonces, threads, closed messages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from simcord.backend import errors, permissions, serializers
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel
from simcord.enums import CallbackType, ChannelType, MessageType
from simcord.http.router import RequestContext, dispatch

from tests.discord.gateway import Gateway, flags
from tests.discord.reading import Json, as_sent
from tests.discord.world import World

if TYPE_CHECKING:
    from tests.discord.rest import Uploaded

NONCE_HOLDS = timedelta(minutes=5)
"""Discord says "a few minutes"."""
NONCE_LENGTH = 25
THREAD_FIELDS = ("name", "archived", "locked", "invitable", "auto_archive_duration", "rate_limit_per_user")


def archived() -> BackendError:
    return BackendError(400, 50083, "Thread is archived")


def locked() -> BackendError:
    return BackendError(403, 160005, "This thread is locked")


def not_in_a_dm() -> BackendError:
    return BackendError(403, 50003, "Cannot execute action on a DM channel")


def invalid_token() -> BackendError:
    return BackendError(401, 50027, "Invalid Webhook Token")


@dataclass
class Asked:
    """A call that is to be answered. `path` has no /api/v10."""

    world: World
    gateway: Gateway
    method: str
    path: str
    json: Any
    params: dict[str, str]
    files: tuple["Uploaded", ...]
    reason: str | None = None

    @property
    def body(self) -> Json:
        given = self.json
        return cast(Json, given) if isinstance(given, dict) else {}

    def part(self, index: int) -> str:
        """A part of the path, counted from 0."""
        return self.path.strip("/").split("/")[index]

    def forward(self) -> Any:
        """What simcord answers."""
        return dispatch(
            self.world.backend,
            self.method,
            self.path,
            json=self.json,
            params=dict(self.params),
            files=list(self.files),
            reason=self.reason,
            message_content_access="message_content" in self.world.approved,
        )


@dataclass(frozen=True)
class Own:
    """A route of our own."""

    method: str
    path: re.Pattern[str]
    perform: Callable[[Asked], Any]
    when: Callable[[Asked], bool] = lambda _: True

    def fits(self, asked: Asked) -> bool:
        return self.method == asked.method and bool(self.path.fullmatch(asked.path)) and self.when(asked)


def before(asked: Asked) -> None:
    """Refuse what Discord refuses whatever the route does. Raises BackendError."""
    backend = asked.world.backend
    if named := re.match(r"/channels/(\d+)(/|$)", asked.path):
        channel = backend.channels.get(int(named[1]))
        if channel:
            before_channel(asked, channel)
    if (token := re.match(r"/webhooks/\d+/([^/]+)(/|$)", asked.path)) and token[1] in backend.interaction_tokens:
        record = backend.interactions[backend.interaction_tokens[token[1]]]
        if record.expires_at and backend.now_iso() >= record.expires_at:
            raise invalid_token()
        if asked.method == "PATCH" and is_archived(backend.channels.get(record.channel_id)):
            raise archived()
    if callback := re.fullmatch(r"/interactions/(\d+)/[^/]+/callback", asked.path):
        before_answer(asked, int(callback[1]))


def before_channel(asked: Asked, channel: Channel) -> None:
    """Refuse what can't be done in a channel. Raises BackendError."""
    world = asked.world
    if channel.id in world.elsewhere:
        raise errors.missing_access()
    if asked.method == "POST" and asked.path.endswith("/messages"):
        reaches(world, channel)
        answers_something(asked, channel)
        wake(world, channel, world.bot)
    elif is_archived(channel) and asked.method != "GET" and asked.path.count("/") > 2 and "typing" not in asked.path:
        # Only a new message wakes an archived thread: nothing else is done in it.
        raise archived()
    if channel.type == ChannelType.DM and (deleted := re.fullmatch(r"/channels/\d+/messages/(\d+)", asked.path)):
        stored = world.backend.messages[channel.id].get(int(deleted[1]))
        if asked.method == "DELETE" and stored and stored.author_id != world.bot:
            raise not_in_a_dm()


def before_answer(asked: Asked, interaction: int) -> None:
    """Refuse the first answer to an interaction where nothing can be said. Raises BackendError."""
    backend = asked.world.backend
    record = backend.interactions.get(interaction)
    channel = backend.channels.get(record.channel_id) if record else None
    if not channel or not is_archived(channel):
        return
    if asked.body.get("type") == CallbackType.UPDATE_MESSAGE or may_not_open(asked.world, channel, asked.world.bot):
        raise archived()
    if asked.body.get("type") in {4, 5}:
        wake(asked.world, channel, asked.world.bot)


def answers_something(asked: Asked, channel: Channel) -> None:
    """Raises BackendError when the message is a reply to none, unless it says that this doesn't matter."""
    reference: Json = asked.body.get("message_reference") or {}
    if not reference or reference.get("type", 0) or not reference.get("fail_if_not_exists", True):
        return
    if int(reference["message_id"]) not in asked.world.backend.messages[channel.id]:
        raise errors.invalid_form_body("message_reference: Unknown message")


def reaches(world: World, channel: Channel) -> None:
    """Raises BackendError when this is the direct message of somebody who takes none from the app."""
    for user in channel.recipient_ids:
        if user in world.closed:
            raise BackendError(403, world.closed[user], "Cannot send messages to this user")


def is_archived(channel: Channel | None) -> bool:
    return bool(channel and channel.thread_metadata and channel.thread_metadata.archived)


def may_not_open(world: World, thread: Channel, by: int) -> bool:
    assert thread.thread_metadata
    return thread.thread_metadata.locked and not may(world, thread, by, "manage_threads")


def wake(world: World, channel: Channel, by: int) -> None:
    """Open a thread, if it is archived, since somebody writes in it. Raises BackendError when it is locked for them."""
    if not channel.thread_metadata:
        return
    if may_not_open(world, channel, by):
        raise archived() if is_archived(channel) else locked()
    if is_archived(channel):
        world.backend.edit_channel(channel.id, {}, thread_metadata={"archived": False})


def may(world: World, channel: Channel, who: int, permission: str) -> bool:
    assert channel.guild_id
    held = world.backend.compute_permissions(channel.guild_id, who, channel.id)
    return bool(held & (permissions.flag(permission) | permissions.flag("administrator")))


# --- the routes


def gateway(asked: Asked) -> Json:
    return {"url": asked.gateway.url}


def gateway_bot(asked: Asked) -> Json:
    limit = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
    return {"url": asked.gateway.url, "shards": asked.world.shards, "session_start_limit": limit}


def application(asked: Asked) -> Json:
    world, backend = asked.world, asked.world.backend
    install = {"oauth2_install_params": {"scopes": ["applications.commands"], "permissions": "0"}}
    owner = next(iter(backend.users.values()))
    return {
        "id": str(backend.application_id),
        "name": backend.bot_user.name,
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": dict(serializers.user_payload(owner)),
        "bot": dict(serializers.user_payload(backend.bot_user)),
        "team": None,
        "flags": flags(world),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": sum(world.is_member(guild) for guild in backend.guilds),
        "approximate_user_install_count": len(world.installers),
        "integration_types_config": {"0": install, "1": install},
    }


def send(asked: Asked) -> Any:
    """Post a message; twice with an enforced nonce, and the second time the first message is the answer."""
    world, nonce = asked.world, str(asked.body["nonce"])
    if len(nonce) > NONCE_LENGTH:
        raise errors.invalid_form_body(f"nonce: Must be {NONCE_LENGTH} or fewer in length.")
    enforced = bool(asked.body.get("enforce_nonce"))
    if enforced and (known := world.remembered.get(nonce)) and holds(world, *known):
        return as_sent(world.backend, world.stored(known[0])) | {"nonce": nonce}
    world.sending = nonce
    try:
        answer = asked.forward()
    finally:
        world.sending = None
    world.remembered[nonce] = (int(answer["id"]), world.now())
    return {**answer, "nonce": nonce}


def holds(world: World, message: int, at: datetime) -> bool:
    """Whether a nonce still stands for a message."""
    exists = any(message in messages for messages in world.backend.messages.values())
    return exists and world.now() - at < NONCE_HOLDS


def private_thread(asked: Asked) -> Json:
    """Begin a private thread: unlike a public one it is announced to nobody outside it."""
    backend = asked.world.backend
    context = RequestContext(backend, {}, json=asked.json, method=asked.method, path=asked.path)
    parent = context.require_channel_permissions(int(asked.part(1)), "create_private_threads")
    if parent.type != ChannelType.TEXT:
        raise errors.cannot_execute_on_channel_type()
    body = context.fields("name", "type", "auto_archive_duration", "invitable", ignore=("rate_limit_per_user",))
    if not 1 <= len(body["name"]) <= 100:
        raise errors.invalid_form_body("name: Must be between 1 and 100 in length.")
    thread = backend.create_thread(
        parent.id,
        body["name"],
        asked.world.bot,
        type=ChannelType.PRIVATE_THREAD,
        auto_archive_duration=int(body.get("auto_archive_duration") or 1440),
        broadcast=False,
    )
    assert thread.thread_metadata
    thread.thread_metadata.invitable = bool(body.get("invitable", True))
    backend.announce_thread_create(thread)
    return dict(serializers.thread_payload(backend, thread))


def thread_of_message(asked: Asked) -> Json:
    """Begin the thread of a message, which has one at most; unlike another, it is announced by no message of its own."""
    backend, message = asked.world.backend, int(asked.part(3))
    context = RequestContext(backend, {}, json=asked.json, method=asked.method, path=asked.path)
    parent = context.require_channel_permissions(int(asked.part(1)), "create_public_threads")
    context.require_message(parent.id, message, "read_message_history")
    if message in backend.channels:
        raise BackendError(400, 160004, "A thread has already been created for this message")
    body = context.fields("name", "auto_archive_duration", ignore=("rate_limit_per_user",))
    if not 1 <= len(body["name"]) <= 100:
        raise errors.invalid_form_body("name: Must be between 1 and 100 in length.")
    thread = backend.create_thread(
        parent.id,
        body["name"],
        asked.world.bot,
        message_id=message,
        auto_archive_duration=int(body.get("auto_archive_duration") or 1440),
        broadcast=False,
    )
    backend.announce_thread_create(thread)
    return dict(serializers.thread_payload(backend, thread))


def edit_thread(asked: Asked) -> Json:
    """Change a thread: whoever began it may, and whoever manages threads; only the latter may lock."""
    world, backend = asked.world, asked.world.backend
    context = RequestContext(backend, {}, json=asked.json, method=asked.method, path=asked.path)
    thread = context.require_channel_permissions(int(asked.part(1)))
    fields = context.fields(*THREAD_FIELDS, ignore=("flags",))
    assert thread.thread_metadata
    manages = may(world, thread, world.bot, "manage_threads")
    opens = fields == {"archived": False} and may(world, thread, world.bot, "send_messages_in_threads")
    if (
        not manages
        and not (opens and not thread.thread_metadata.locked)
        and (thread.owner_id != world.bot or "locked" in fields or thread.thread_metadata.locked)
    ):
        raise errors.missing_permissions()
    if thread.thread_metadata.archived and fields.get("archived") is not False and set(fields) - {"archived"}:
        raise archived()
    metadata = {
        key: fields[key] for key in ("archived", "locked", "invitable", "auto_archive_duration") if key in fields
    }
    if "archived" in fields:
        metadata["archive_timestamp"] = backend.now_iso()
    changes = {key: fields[key] for key in ("name", "rate_limit_per_user") if key in fields}
    backend.edit_channel(thread.id, changes, thread_metadata=metadata)
    return dict(serializers.thread_payload(backend, thread))


def delete_thread(asked: Asked) -> Json:
    backend = asked.world.backend
    context = RequestContext(backend, {}, method=asked.method, path=asked.path)
    thread = context.require_channel_permissions(int(asked.part(1)), "manage_threads")
    payload = dict(serializers.thread_payload(backend, thread))
    backend.delete_channel(thread.id)
    return payload


def add_to_thread(asked: Asked) -> None:
    """Add somebody to a thread, which says so in a message of its own."""
    world, thread, user = asked.world, int(asked.part(1)), int(asked.part(3))
    found = world.backend.get_thread(thread)
    if found.guild_id and user not in world.backend.get_guild(found.guild_id).members:
        raise errors.unknown_member()
    new = user not in found.thread_members
    asked.forward()
    if new and user != world.bot:
        world.backend.create_system_message(thread, MessageType.RECIPIENT_ADD, world.bot, recipient_id=user)


def is_thread(asked: Asked) -> bool:
    channel = asked.world.backend.channels.get(int(asked.part(1)))
    return bool(channel and channel.is_thread)


def makes_private_thread(asked: Asked) -> bool:
    return int(asked.body.get("type", ChannelType.PUBLIC_THREAD)) == ChannelType.PRIVATE_THREAD


CHANNEL = r"/channels/\d+"
OWN = (
    Own("GET", re.compile("/gateway"), gateway),
    Own("GET", re.compile("/gateway/bot"), gateway_bot),
    Own("GET", re.compile("(/oauth2)?/applications/@me"), application),
    Own("POST", re.compile(f"{CHANNEL}/messages"), send, lambda asked: asked.body.get("nonce") is not None),
    Own("POST", re.compile(f"{CHANNEL}/threads"), private_thread, makes_private_thread),
    Own("POST", re.compile(rf"{CHANNEL}/messages/\d+/threads"), thread_of_message),
    Own("PATCH", re.compile(CHANNEL), edit_thread, is_thread),
    Own("DELETE", re.compile(CHANNEL), delete_thread, is_thread),
    Own("PUT", re.compile(rf"{CHANNEL}/thread-members/\d+"), add_to_thread),
)
