"""Owns that a message is sent once: what is tried and what was sent is noted, and after a crash between the two the platform
is asked whether it has the message before it is sent again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from interviewer.ports import Store

SENT, TRYING, LAST = "sent:", "trying:", "last"
"""Notes: what the message of a key is called by its platform, that one is being tried, and the latest with buttons."""
KEPT = 20
"""So many letters to a person are remembered as sent; errands are over long before there are more."""
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Sending:
    """How the letter `key` is sent: `deliver` gives its id, `find` that of one which an earlier try may have sent, "" if there is
    none."""

    key: str
    deliver: Callable[[], Awaitable[str]]
    find: Callable[[], Awaitable[str]]


async def once(
    store: Store,
    name: str,
    letter: Sending,
    *,
    notes: Mapping[str, str],
    kept: bool = False,
    after: Mapping[str, str] = NOTHING,
) -> str:
    """The id of a letter, noted under `name`: delivered now, unless it has been.

    `notes` are those of `name`; `after` is noted with it. `kept`: nothing is noted of a thread that is no more."""
    sent, trying = f"{SENT}{letter.key}", f"{TRYING}{letter.key}"
    if id := notes.get(sent):
        return id
    found = ""
    if trying in notes:
        found = await letter.find()
    else:
        await store.note(name, {trying: "1"}, kept=kept)
    id = found or await letter.deliver()
    await store.note(name, {sent: id, trying: "", **after}, kept=kept)
    return id


def over(notes: Mapping[str, str], key: str) -> Mapping[str, str]:
    """What takes away the notes of every post but the one with this key: a post is sent after the one before it."""
    return {name: "" for name in notes if name.startswith((SENT, TRYING)) and f":{key}/" not in name}


def surplus(notes: Mapping[str, str]) -> Mapping[str, str]:
    """What takes away the notes of all but the latest letters to a person; ids rise."""
    sent = sorted((id, name) for name, id in notes.items() if name.startswith(SENT))
    return {name: "" for _, name in sent[:-KEPT]}
