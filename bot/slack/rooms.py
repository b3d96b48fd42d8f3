"""Owns which channels somebody may be told that the bot is in: public ones, and private ones that they are in too."""

import time
from collections.abc import Mapping
from typing import Any

from bot.slack.asides import Who
from bot.slack.clients import Api, Clients
from bot.slack.noticeboard import asking, channel_id

FRESH = 30.0
"""Seconds for which it is not asked again: a menu asks with every letter."""
PAGE, PAGES = 200, 5


class Rooms:
    """Remembers for a moment what Slack said."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    async def of(self, who: Who) -> Mapping[str, str]:
        """The channels, by id, with their names. Raises Closed and Away."""
        now = time.monotonic()
        self._known = {name: known for name, known in self._known.items() if known[0] > now}
        if who.candidate not in self._known:
            async with asking(self._clients, who.candidate) as client:
                # Of somebody's private channels Slack names those that the bot is in too.
                public = await _all(client, types="public_channel")
                found = public | await _all(client, types="private_channel", user=who.user)
            self._known[who.candidate] = (now + FRESH, found)
        return self._known[who.candidate][1]

    async def private(self, who: Who, channel: str) -> bool:
        """Whether somebody may know of a private channel (by its name for the daily question). Raises Closed and Away."""
        return channel_id(channel) in await self.of(who)


async def _all(client: Api, **which: str) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = ""
    for _ in range(PAGES):
        response: Any = await client.users_conversations(exclude_archived=True, limit=PAGE, cursor=cursor, **which)
        found |= {str(each["id"]): str(each.get("name") or "") for each in response["channels"]}
        further: Mapping[str, Any] = response.get("response_metadata") or {}
        cursor = str(further.get("next_cursor") or "")
        if not cursor:
            break
    return found
