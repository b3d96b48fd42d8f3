"""Owns how a message carries the key it was sent under, by which it is found again after a crash."""

from collections.abc import Mapping
from typing import Any

EVENT = "mockingbird_post"
"""The type of the metadata that carries a key."""


def keyed(key: str) -> dict[str, Any]:
    """The metadata of a message with this key."""
    return {"event_type": EVENT, "event_payload": {"key": key}}


def key_of(message: Mapping[str, Any]) -> str:
    """The key of a message that Slack shows with its metadata; "" for one that has none."""
    metadata: Mapping[str, Any] | None = message.get("metadata")
    payload: Mapping[str, Any] | None = metadata and metadata.get("event_payload")
    return str(payload.get("key", "")) if payload else ""


def found(messages: Any, key: str) -> str:
    """The ts of the message with this key; "" if it is not among them."""
    return next((str(message["ts"]) for message in messages if key_of(message) == key), "")
