"""Owns a reply while it is worded: a stream where Slack has them, else a message that is edited now and then.

Either becomes the final post in the end (`ended`), or is taken back (`discard`). Its ts is noted beside the thread, so that
the worker after a crash finds what the one before left behind.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.slack.clients import NOT_HERE, Api, Clients, NotInstalled, error, passing
from bot.slack.places import Place, place, user
from bot.slack.text import markdown, plain
from interviewer.ports import Store

logger = logging.getLogger(__name__)

STREAMED = 2_800
"""Characters of a stream; a longer text comes whole at its end."""
PACE, EDITED = 0.7, 1.5
"""Seconds between two appends to a stream, and between two edits of a message: Slack counts both."""
NOTE = "stream"
"""The note that holds the ts of what is being worded."""


@dataclass
class Stream:
    """A message that is being worded. `ts` once Slack has it, `shown` as far as Slack has it, `over` when no more is to come."""

    where: Place
    candidate: str
    text: str = ""
    ts: str = ""
    shown: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    pump: asyncio.Task[None] | None = None


class Streams:
    """What is being worded just now, a thread each. `aclose` lets the calls under way end."""

    def __init__(self, clients: Clients, store: Store) -> None:
        self._clients = clients
        self._store = store
        self._streams: dict[str, Stream] = {}
        self._ending: set[asyncio.Task[str]] = set()
        self._without: set[str] = set()
        """Workspaces whose Slack does not stream: there the message is edited."""

    async def aclose(self) -> None:
        """Begin nothing more and wait for what was begun."""
        for thread in list(self._streams):
            await self._close(self._streams.pop(thread))
        await asyncio.gather(*self._ending, return_exceptions=True)

    def come(self, thread: str, candidate: str, text: str) -> None:
        """This much of the reply has come."""
        stream = self._streams.get(thread)
        if stream is None:
            stream = self._streams[thread] = Stream(place(thread), candidate)
            stream.pump = asyncio.create_task(self._pump(thread, stream))
        stream.text = text
        stream.changed.set()

    async def ended(self, client: Api, thread: str, notes: Mapping[str, str]) -> str:
        """The ts of what was being worded in a thread, in the end a message like any other; "" if there is none. It may be a
        dead worker's: then it is in the notes."""
        # A turn of somebody who is forgotten is cut off, and nobody comes back to stop what it was saying.
        ending = asyncio.create_task(self._end(client, thread, notes))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return await asyncio.shield(ending)

    async def _end(self, client: Api, thread: str, notes: Mapping[str, str]) -> str:
        stream = self._streams.pop(thread, None)
        ts = notes.get(NOTE, "")
        if stream:
            await self._close(stream)
            ts = stream.ts or ts
        if ts:
            await self._stop(client, place(thread), ts)
        return ts

    async def discard(self, client: Api, thread: str, ts: str) -> None:
        """Delete what was being worded."""
        await client.chat_delete(channel=place(thread).channel, ts=ts)
        await self._store.note(thread, {NOTE: ""}, kept=True)

    async def _stop(self, client: Api, where: Place, ts: str) -> None:
        """One that is not stopped spins for ever; one that expired is no stream any more, and a message never was."""
        if where.team in self._without:
            return
        try:
            await client.chat_stopStream(channel=where.channel, ts=ts)
        except SlackApiError as problem:
            if passing(problem):
                raise

    async def _pump(self, thread: str, stream: Stream) -> None:
        """Hand on what has come, at Slack's pace, until it is over or Slack won't have it."""
        try:
            client = await self._clients.of(stream.where.team)
            while not stream.over.is_set():
                await stream.changed.wait()
                stream.changed.clear()
                if not stream.over.is_set():
                    await self._hand_on(client, thread, stream)
        except (SlackApiError, NotInstalled, aiohttp.ClientError, TimeoutError) as problem:
            told = error(problem) if isinstance(problem, SlackApiError) else type(problem).__name__
            logger.info("A stream ended early: %s", told)

    async def _hand_on(self, client: Api, thread: str, stream: Stream) -> None:
        pace = PACE
        if stream.where.team not in self._without:
            try:
                await self._append(client, thread, stream)
            except SlackApiError as problem:
                if error(problem) not in NOT_HERE:
                    raise
                self._without.add(stream.where.team)
        if stream.where.team in self._without:
            pace = EDITED
            await self._edit(client, thread, stream)
        with suppress(TimeoutError):
            await asyncio.wait_for(stream.over.wait(), pace)

    async def _append(self, client: Api, thread: str, stream: Stream) -> None:
        now, where = markdown(stream.text)[:STREAMED], stream.where
        more = now[len(stream.shown) :]
        # What was made safe may read otherwise once more of it is there: then it waits for the final text.
        if not more or not now.startswith(stream.shown):
            return
        if stream.ts:
            await client.chat_appendStream(channel=where.channel, ts=stream.ts, markdown_text=more)
        else:
            await self._after_a_crash(client, thread)
            response: Any = await client.chat_startStream(
                channel=where.channel,
                thread_ts=where.ts,
                recipient_team_id=where.team,
                recipient_user_id=user(stream.candidate),
                markdown_text=more,
            )
            await self._begun(thread, stream, str(response["ts"]))
        stream.shown = now

    async def _edit(self, client: Api, thread: str, stream: Stream) -> None:
        now, where = markdown(stream.text)[:STREAMED], stream.where
        blocks = [{"type": "markdown", "text": now}]
        content: dict[str, Any] = {"channel": where.channel, "text": plain(stream.text), "blocks": blocks}
        if now == stream.shown:
            return
        if stream.ts:
            await client.chat_update(ts=stream.ts, **content)
        else:
            await self._after_a_crash(client, thread)
            response: Any = await client.chat_postMessage(thread_ts=where.ts, unfurl_links=False, **content)
            await self._begun(thread, stream, str(response["ts"]))
        stream.shown = now

    async def _begun(self, thread: str, stream: Stream, ts: str) -> None:
        stream.ts = ts
        await self._store.note(thread, {NOTE: ts}, kept=True)

    async def _after_a_crash(self, client: Api, thread: str) -> None:
        """Take back what a dead worker had begun to say: this one says it from the beginning."""
        if left := (await self._store.notes(thread)).get(NOTE):
            await self._stop(client, place(thread), left)
            with suppress(SlackApiError):
                await self.discard(client, thread, left)

    async def _close(self, stream: Stream) -> None:
        """Let the call that is under way end: cancelled, it could leave a stream that nobody knows of."""
        stream.over.set()
        stream.changed.set()
        if stream.pump:
            await asyncio.wait({stream.pump})
