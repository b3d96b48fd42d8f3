"""Owns what goes on beside a request from Slack: calls that nobody waits for, and words to one person alone."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.slack.clients import Clients, NotInstalled, error
from bot.slack.places import ours, person, place
from bot.slack.text import escape
from interviewer.ports import StoreUnavailable

logger = logging.getLogger(__name__)

AFTER = 0.02
"""Seconds after which what goes on beside begins."""
CROWD = 50
"""Calls under way from which on a message gets no eyes and no status: Slack would not take so many, and answers come first."""
TOO_LATE = "That form did not open in time. Press or type it once more, please."


@dataclass(frozen=True)
class Who:
    """Somebody who pressed, typed or submitted something, the channel they did it in ("" for none), and its name if known."""

    team: str
    user: str
    channel: str = ""
    name: str = ""

    @property
    def candidate(self) -> str:
        """Their name for the interviewer."""
        return person(self.team, self.user)


class Asides:
    """What is begun here goes on after Slack was acknowledged. `aclose` lets it end."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def crowded(self) -> bool:
        """Whether there is so much to do that what is only nice to have should be left."""
        return len(self._tasks) >= CROWD

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have this done beside; what goes wrong with Slack or the store is logged."""

        async def quietly() -> None:
            # Not before Slack has been acknowledged.
            await asyncio.sleep(AFTER)
            try:
                await work
            except (NotInstalled, StoreUnavailable) as problem:
                logger.warning("%s", problem)
            except SlackApiError as problem:
                logger.warning("Slack says %s", error(problem))
            except (aiohttp.ClientError, TimeoutError) as problem:
                logger.warning("Slack can't be reached: %s", type(problem).__name__)

        task = asyncio.create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, who: Who, text: str, thread: str = "", blocks: Sequence[Mapping[str, Any]] = ()) -> None:
        """Tell one person: where they are, in the `thread` ("" for none) if it is there, or directly if they are nowhere."""
        self.begin(self.whisper(who, text, thread, blocks))

    async def whisper(self, who: Who, text: str, thread: str = "", blocks: Sequence[Mapping[str, Any]] = ()) -> None:
        """The same, at once."""
        client = await self._clients.of(who.team)
        content: dict[str, Any] = {"text": escape(text), "blocks": list(blocks) or None}
        if who.channel:
            # Slack shows nobody what it is told to put into a thread of another channel.
            where = place(thread) if ours(thread) else None
            ts = where.ts if where and where.channel == who.channel else None
            with suppress(SlackApiError):
                await client.chat_postEphemeral(channel=who.channel, user=who.user, thread_ts=ts, **content)
                return
        channel = (await client.conversations_open(users=who.user))["channel"]["id"]
        await client.chat_postMessage(channel=channel, **content)

    def show(self, who: Who, trigger: str, form: Mapping[str, Any]) -> None:
        """Open a modal."""
        self.begin(self._show(who, trigger, form))

    async def _show(self, who: Who, trigger: str, form: Mapping[str, Any]) -> None:
        client = await self._clients.of(who.team)
        try:
            await client.views_open(trigger_id=trigger, view=form)
        except SlackApiError as problem:
            logger.info("A form did not open: %s", error(problem))
            await self.whisper(who, TOO_LATE)
