"""Owns what Discord shows of the bot at work: that it is typing, from when a message arrives until it has replied."""

import asyncio
from contextlib import suppress

import discord

from bot.discord.client import TROUBLE

AGAIN = 8.0
"""Seconds after which typing is shown anew: Discord shows it for ten."""
LONGEST = 90.0
"""Seconds after which nothing is shown any more, whatever has become of the reply."""


class Presence:
    """Shows typing in as many channels as there are replies on their way, `again` after so many seconds. `aclose` ends all of
    it."""

    def __init__(self, client: discord.Client, again: float = AGAIN) -> None:
        self._client = client
        self._again = again
        self._awaited: dict[int, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Show nothing more."""
        for channel in list(self._awaited):
            self.ready(channel)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def thinking(self, channel: int) -> None:
        """Show that a reply is on its way; a second message does not begin it again."""
        if channel not in self._awaited:
            replied = self._awaited[channel] = asyncio.Event()
            task = asyncio.create_task(self._show(channel, replied))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def ready(self, channel: int) -> None:
        """The reply is there, or none will come."""
        if replied := self._awaited.pop(channel, None):
            replied.set()

    async def _show(self, channel: int, replied: asyncio.Event) -> None:
        """The call under way is let end: one that is cut off may hold up the next."""
        ends = asyncio.get_running_loop().time() + LONGEST
        with suppress(*TROUBLE):
            while not replied.is_set() and asyncio.get_running_loop().time() < ends:
                await self._client.http.send_typing(channel)
                with suppress(TimeoutError):
                    await asyncio.wait_for(replied.wait(), self._again)
        if self._awaited.get(channel) is replied:
            del self._awaited[channel]
