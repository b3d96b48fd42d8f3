"""Owns how a test reads what stands in our tests' own Discord: messages, their words, buttons and fields, and calls."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from simcord.backend import Backend, serializers
from simcord.backend.models import Message as Stored
from simcord.components import walk_components

Json: TypeAlias = dict[str, Any]
EPHEMERAL, LOADING, VOICE, V2 = 1 << 6, 1 << 7, 1 << 13, 1 << 15
BUTTON, TEXT_DISPLAY, TEXT_INPUT = 2, 10, 4
SELECTS = frozenset({3, 5, 6, 7, 8})


@dataclass(frozen=True)
class Message:
    """A message as it stood when it was looked at. `components` and `attachments` are as Discord sends them."""

    id: int
    channel: int
    author: int
    content: str
    components: tuple[Json, ...]
    attachments: tuple[Json, ...]
    flags: int
    type: int
    nonce: str | None
    edited: bool
    reply_to: int | None
    at: datetime
    mentions: tuple[int, ...]
    """Whom it really notifies, after `allowed_mentions`."""

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Whether the person sees "thinking…" in its place."""
        return bool(self.flags & LOADING)

    @property
    def text(self) -> str:
        """All its words, those in its components included, a paragraph each."""
        displays = [str(each["content"]) for each in parts(self.components) if each["type"] == TEXT_DISPLAY]
        return "\n\n".join([*([self.content] if self.content else []), *displays])

    @property
    def buttons(self) -> dict[str, str]:
        """The label of every button that can be pressed, by custom_id."""
        return {
            str(each["custom_id"]): str(each.get("label") or "")
            for each in parts(self.components)
            if each["type"] == BUTTON and each.get("custom_id") and not each.get("disabled")
        }

    @property
    def links(self) -> dict[str, str]:
        """The address behind every link button, by label."""
        found = [each for each in parts(self.components) if each["type"] == BUTTON and each.get("url")]
        return {str(each.get("label") or ""): str(each["url"]) for each in found}

    @property
    def selects(self) -> dict[str, list[str]]:
        """The values of every menu that can be used, by custom_id."""
        return {
            str(each["custom_id"]): [str(option["value"]) for option in each.get("options") or ()]
            for each in parts(self.components)
            if each["type"] in SELECTS and not each.get("disabled")
        }


def parts(components: Any) -> Iterator[Json]:
    """Every component there is, those within others included."""
    for each in walk_components(list(components)):
        yield dict(each)


def shown(backend: Backend, stored: Stored, nonce: str | None = None) -> Message:
    """A stored message as a test reads it."""
    reference = stored.reference or {}
    return Message(
        id=stored.id,
        channel=stored.channel_id,
        author=stored.author_id,
        content=stored.content,
        components=tuple(deepcopy(stored.components)),
        attachments=tuple(deepcopy(stored.attachments)),
        flags=stored.flags,
        type=stored.type,
        nonce=nonce,
        edited=stored.edited_timestamp is not None,
        reply_to=int(reference["message_id"]) if reference.get("message_id") else None,
        at=datetime.fromisoformat(stored.timestamp),
        mentions=tuple(stored.ping_user_ids),
    )


def as_sent(backend: Backend, stored: Stored) -> Json:
    """A stored message as Discord sends it to an app."""
    return dict(serializers.message_payload(backend, stored))


def modal_fields(modal: Json) -> dict[str, str]:
    """The label of every field of a modal, by custom_id."""
    fields: dict[str, str] = {}

    def visit(components: list[Json], label: str) -> None:
        for each in components:
            own = str(each.get("label") or label)
            if each.get("custom_id"):
                fields[str(each["custom_id"])] = own
            visit([each["component"]] if each.get("component") else list(each.get("components") or ()), own)

    visit(list(modal.get("components") or ()), "")
    return fields


@dataclass(frozen=True)
class Call:
    """One call of the app's to the REST API. `path` has no /api/v10; `status` 0: the answer was lost on its way."""

    method: str
    path: str
    json: Any
    params: dict[str, str]
    files: tuple[str, ...]
    reason: str | None
    at: float
    status: int
    answer: Any
    """What was answered; None for nothing."""
