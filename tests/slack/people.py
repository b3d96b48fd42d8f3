"""The nouns of our tests' own Slack: workspaces, the app installed in them, people, channels, files and the clock."""

import time
from dataclasses import dataclass, field
from typing import Any, cast

Json = dict[str, Any]
"""A message, a view or a payload, in the shape Slack itself gives it."""


def as_json(given: Any) -> Json:
    """What was given if it is an object, else an empty one."""
    return cast(Json, given) if isinstance(given, dict) else {}


def is_set(given: Any) -> bool:
    """Whether an argument says yes, in any of the ways a form or JSON may."""
    return str(given) in {"1", "true", "True"}


SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "groups:history",
        "channels:read",
        "groups:read",
        "chat:write",
        "commands",
        "im:history",
        "im:read",
        "im:write",
        "files:write",
        "files:read",
        "reactions:write",
        "users:read",
    }
)
"""What the app is granted unless a test says otherwise: the scopes of platforms.md."""

EVENTS = frozenset(
    {"message", "app_mention", "app_home_opened", "agent_session_stopped", "tokens_revoked", "app_uninstalled"}
)
"""What the app is subscribed to unless a test says otherwise."""


class Clock:
    """Seconds since the epoch, and as far ahead as a test has advanced it. With `at`, it stands still between advances."""

    def __init__(self, at: float | None = None) -> None:
        self._at = at
        self._ahead = 0.0

    def __call__(self) -> float:
        return (time.time() if self._at is None else self._at) + self._ahead

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead += seconds


class Refused(Exception):
    """What Slack answers with `ok: false`. `extra` goes beside the error."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


@dataclass(frozen=True)
class Workspace:
    """A team. `name` and `domain` as an administrator would choose them; `enterprise` is the organisation it belongs to."""

    id: str
    name: str
    domain: str
    enterprise: str = ""


@dataclass
class Installation:
    """The app in one workspace. `dead` is the error its token gets since it was revoked, "" while it is alive."""

    team: str
    token: str
    user_id: str
    bot_id: str
    scopes: set[str]
    installer: str = ""
    dead: str = ""


@dataclass(frozen=True)
class User:
    """A person or a bot. `is_stranger`: from another company, met in a shared channel."""

    id: str
    name: str
    real_name: str
    team: str
    tz: str = "Europe/London"
    tz_offset: int = 0
    locale: str = "en-GB"
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False


@dataclass
class Channel:
    """A conversation. `im` names the person of a direct message with the app, "" for a channel."""

    id: str
    name: str
    team: str
    private: bool = False
    im: str = ""
    members: set[str] = field(default_factory=set[str])
    archived: bool = False
    closed: bool = False

    @property
    def kind(self) -> str:
        """What events call it: im, group or channel."""
        return "im" if self.im else "group" if self.private else "channel"


@dataclass
class StoredFile:
    """A file. `uploaded_by` is a user id; `shared` the channels it is in; `content` None until the bytes have come."""

    id: str
    team: str
    name: str
    mimetype: str
    uploaded_by: str
    content: bytes | None = None
    title: str = ""
    shared: set[str] = field(default_factory=set[str])
    alt_text: str = ""
    expected: int = 0
    complete: bool = False
    looks: int = 1
    """How often files.info still says that the file is not taken in; until then no block may show it."""


@dataclass(frozen=True)
class Upload:
    """A file a person is about to upload. `mimetype` is what Slack would say of it."""

    name: str
    content: bytes
    mimetype: str = "text/plain"


@dataclass
class Trigger:
    """A `trigger_id`: good for one view, within three seconds of `at`."""

    user: str
    team: str
    at: float
    view: str = ""
    used: bool = False


@dataclass
class Stream:
    """A message that is being streamed. `ended` is the error further calls get, "" while it is open."""

    channel: str
    ts: str
    mode: str = ""
    text: str = ""
    blocks: list[Json] = field(default_factory=list[Json])
    ended: str = ""


@dataclass(frozen=True)
class Call:
    """One call of the Web API. `answer` is the body it got, or the status of a failure without one."""

    method: str
    args: Json
    token: str
    at: float
    answer: Any


@dataclass
class Failure:
    """What a method does the next `times` times. `applied`: it does its work first, and only the answer is lost."""

    error: str = ""
    status: int = 0
    times: int = 1
    retry_after: int = 1
    applied: bool = False


@dataclass
class ResponseUrl:
    """Where the app may answer an interaction. `message` is the ts of the message it came from, "" for a command."""

    user: str
    channel: str
    message: str
    at: float
    posted: list[Json] = field(default_factory=list[Json])


def user_json(user: User, *, locale: bool) -> Json:
    """A user as `users.info` gives them."""
    shown: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": user.tz_offset,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "profile": {"real_name": user.real_name, "display_name": user.name, "team": user.team},
    }
    if user.is_stranger:
        shown["is_stranger"] = True
    if locale:
        shown["locale"] = user.locale
    return shown


def channel_json(channel: Channel) -> Json:
    """A conversation as `conversations.info` gives it."""
    if channel.im:
        return {"id": channel.id, "is_im": True, "user": channel.im, "is_archived": False, "is_open": True}
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.private,
        "is_archived": channel.archived,
        "context_team_id": channel.team,
        "num_members": len(channel.members),
    }
