"""Owns how posts reach Slack: once each, streamed while they are worded where Slack can, with buttons on the latest only.

What was tried and what was sent is noted beside the thread, and every message carries its key as metadata: after a crash
between the two, Slack is asked whether it has the message before it is sent again.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.picture import picture
from bot.slack import buttons, scorecard, views
from bot.slack.clients import NOT_HERE, Api, Clients, NotInstalled, error, passing
from bot.slack.places import Place, place, user
from bot.slack.rendering import Outgoing, outgoing
from bot.slack.text import markdown
from interviewer.attachments import LIMITS, Unfetchable
from interviewer.model import Attachment, Scorecard
from interviewer.ports import Post, Store, Undeliverable

logger = logging.getLogger(__name__)

EVENT = "mockingbird_post"
"""The type of the metadata that carries a post's key."""
STREAMED = 2_800
"""Characters of a stream; a longer text comes whole at its end."""
PACE = 0.7
"""Seconds between two appends to a stream: Slack counts them."""
REFUSED_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "invalid_attachments"})


@dataclass
class Stream:
    """A message that is being worded. `ts` once Slack has begun it; `over` when no more is to come."""

    where: Place
    candidate: str
    text: str = ""
    ts: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    pump: asyncio.Task[None] | None = None


@dataclass(frozen=True)
class Letter:
    """One message on its way: to which channel and thread ("" for none), and the key it is known by."""

    key: str
    channel: str
    thread: str
    message: Outgoing


class SlackPlatform:
    """Implements ports.ChatPlatform for every workspace the app is installed in. `aclose` lets what it began end."""

    def __init__(self, clients: Clients, store: Store) -> None:
        self._clients = clients
        self._store = store
        self._streams: dict[str, Stream] = {}
        self._silent: set[str] = set()
        """Workspaces whose Slack does not stream."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun on the side."""
        for thread in list(self._streams):
            await self._close(self._streams.pop(thread))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- posting ---

    async def post(self, post: Post) -> None:
        where = place(post.thread)
        async with _final():
            client = await self._clients.of(where.team)
            notes = await self._store.notes(post.thread)
            stream = await self._ended(client, where, post.thread, notes)
            messages = outgoing(post)
            letters = [
                Letter(f"{post.key}/{n}", where.channel, where.ts, message) for n, message in enumerate(messages)
            ]
            for n, letter in enumerate(letters):
                await self._send(client, post.thread, letter, stream if n == 0 else "", notes)
            if post.scorecard:
                await self._hand_over(client, where, post, post.scorecard, notes)

    async def send(self, client: Api, name: str, letter: Letter) -> str:
        """Send a letter unless it has been sent; the message's ts. What was sent is noted under `name`, a person's."""
        return await self._send(client, name, letter, "", await self._store.notes(name))

    async def _send(self, client: Api, name: str, letter: Letter, stream: str, notes: Mapping[str, str]) -> str:
        if sent := notes.get(f"sent:{letter.key}"):
            return sent
        if notes.get("trying") == letter.key and not stream:
            ts = await self._find(client, letter)
        else:
            await self._store.note(name, {"trying": letter.key})
            ts = ""
        ts = ts or await self._deliver(client, letter, stream)
        await self._store.note(name, {f"sent:{letter.key}": ts, "stream": ""})
        if letter.message.actions:
            await self._strip(client, name, letter, ts, notes)
        return ts

    async def _deliver(self, client: Api, letter: Letter, stream: str) -> str:
        message = letter.message
        for blocks in (message.everything, message.classic):
            content: dict[str, Any] = {
                "channel": letter.channel,
                "text": message.text,
                "blocks": blocks,
                "metadata": {"event_type": EVENT, "event_payload": {"key": letter.key}},
            }
            try:
                if stream:
                    await client.chat_update(ts=stream, **content)
                    return stream
                response: Any = await client.chat_postMessage(
                    thread_ts=letter.thread or None, unfurl_links=False, unfurl_media=False, **content
                )
                return str(response["ts"])
            except SlackApiError as problem:
                if error(problem) not in REFUSED_BLOCKS or blocks is message.classic:
                    raise
                logger.warning("Slack refused the blocks of %s: %s", letter.key, error(problem))
        raise AssertionError  # the second try returns or raises

    async def _find(self, client: Api, letter: Letter) -> str:
        """The ts of a letter that an earlier try may have sent; "" if Slack has none, or can't tell."""
        search: dict[str, Any] = {"channel": letter.channel, "include_all_metadata": True, "limit": 200}
        try:
            if letter.thread:
                response: Any = await client.conversations_replies(ts=letter.thread, **search)
            else:
                response = await client.conversations_history(**search)
        except SlackApiError as problem:
            if passing(problem):
                raise
            return ""
        return next((str(m["ts"]) for m in response["messages"] if _key_of(m) == letter.key), "")

    async def _strip(self, client: Api, thread: str, letter: Letter, ts: str, notes: Mapping[str, str]) -> None:
        """Take the buttons off the message before: what can be pressed is always at the end."""
        message = letter.message
        mine = {"channel": letter.channel, "ts": ts, "text": message.text, "blocks": list(message.blocks)}
        await self._store.note(thread, {"last": json.dumps(mine)})
        before = json.loads(notes.get("last") or "null")
        if before and before["ts"] != ts:
            self._aside(_quietly(client.chat_update(**before)))

    # --- the scorecard ---

    async def _hand_over(
        self, client: Api, where: Place, post: Post, card: Scorecard, notes: Mapping[str, str]
    ) -> None:
        """The scorecard, to its candidate alone: in the thread if that is in a direct message, else in a direct message."""
        channel, thread = where.channel, where.ts
        if not where.private:
            channel, thread = await direct(client, user(post.candidate)), ""
        letter = await self.card(client, post.thread, card, f"{post.key}/card", channel, thread)
        await self._send(client, post.thread, letter, "", notes)

    async def card(self, client: Api, thread: str, card: Scorecard, key: str, channel: str, into: str) -> Letter:
        """A scorecard as a letter, with its picture uploaded and its quotes linked where Slack lets us."""
        links = await self.links(client, place(thread), card)
        picture = await upload(client, card)
        blocks = scorecard.blocks(card, links, picture)
        disputable = bool(views.disputable(card))
        message = Outgoing(
            scorecard.notice(card), blocks, (buttons.afterwards(thread, disputable), buttons.feedback(thread))
        )
        return Letter(key, channel, into, message)

    async def links(self, client: Api, where: Place, card: Scorecard) -> Mapping[str, str]:
        """Where each quoted message is, by its id; one that Slack has no link for is left out."""
        ids = tuple(dict.fromkeys(point.evidence.message for point in card.points if point.evidence))

        async def link(id: str) -> str:
            with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
                response: Any = await client.chat_getPermalink(channel=where.channel, message_ts=id)
                return str(response.get("permalink") or "")
            return ""

        found = await asyncio.gather(*(link(id) for id in ids))
        return {id: url for id, url in zip(ids, found, strict=True) if url}

    # --- streaming ---

    def preview(self, thread: str, candidate: str, text: str) -> None:
        where = place(thread)
        if where.team in self._silent:
            return
        stream = self._streams.get(thread)
        if stream is None:
            stream = self._streams[thread] = Stream(where, candidate)
            stream.pump = asyncio.create_task(self._pump(thread, stream))
        stream.text = text
        stream.changed.set()

    async def withdraw(self, thread: str) -> None:
        """Take back what was streamed; Slack's "is thinking" goes with it."""
        where = place(thread)
        with suppress(SlackApiError, NotInstalled, aiohttp.ClientError, TimeoutError):
            client = await self._clients.of(where.team)
            notes = await self._store.notes(thread)
            if ts := await self._ended(client, where, thread, notes):
                await client.chat_delete(channel=where.channel, ts=ts)
                await self._store.note(thread, {"stream": ""})
            await client.assistant_threads_setStatus(channel_id=where.channel, thread_ts=where.ts, status="")

    async def _pump(self, thread: str, stream: Stream) -> None:
        """Hand on what has come, at Slack's pace, until it is over or Slack won't have it."""
        try:
            client = await self._clients.of(stream.where.team)
            shown = ""
            while not stream.over.is_set():
                await stream.changed.wait()
                stream.changed.clear()
                now = markdown(stream.text)[:STREAMED]
                if stream.over.is_set() or not now.startswith(shown) or now == shown:
                    continue
                await self._append(client, thread, stream, now[len(shown) :])
                shown = now
                with suppress(TimeoutError):
                    await asyncio.wait_for(stream.over.wait(), PACE)
        except SlackApiError as problem:
            if error(problem) in NOT_HERE:
                self._silent.add(stream.where.team)
            logger.info("A stream ended early: %s", error(problem))
        except (NotInstalled, aiohttp.ClientError, TimeoutError) as problem:
            logger.info("A stream ended early: %s", type(problem).__name__)

    async def _append(self, client: Api, thread: str, stream: Stream, more: str) -> None:
        where = stream.where
        if stream.ts:
            await client.chat_appendStream(channel=where.channel, ts=stream.ts, markdown_text=more)
            return
        response: Any = await client.chat_startStream(
            channel=where.channel,
            thread_ts=where.ts,
            recipient_team_id=where.team,
            recipient_user_id=user(stream.candidate),
            markdown_text=more,
        )
        stream.ts = str(response["ts"])
        await self._store.note(thread, {"stream": stream.ts})

    async def _ended(self, client: Api, where: Place, thread: str, notes: Mapping[str, str]) -> str:
        """The ts of this thread's stream, which is stopped, or "". A stream may be a dead worker's: then it is in the notes."""
        stream = self._streams.pop(thread, None)
        ts = notes.get("stream", "")
        if stream:
            await self._close(stream)
            ts = stream.ts or ts
        if ts:
            # One that is not stopped spins for ever; one that expired is no stream any more.
            with suppress(SlackApiError):
                await client.chat_stopStream(channel=where.channel, ts=ts)
        return ts

    async def _close(self, stream: Stream) -> None:
        """Let the call that is under way end: cancelled, it could leave a stream that nobody knows of."""
        stream.over.set()
        stream.changed.set()
        if stream.pump:
            await asyncio.wait({stream.pump})

    # --- files ---

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        try:
            return await self._clients.download(place(thread).team, attachment.place, max(LIMITS.values()))
        except (NotInstalled, aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise Unfetchable(attachment.name) from problem

    def _aside(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@asynccontextmanager
async def _final() -> AsyncGenerator[None]:
    """Tell what Slack will never take from what it may take later."""
    try:
        yield
    except NotInstalled as problem:
        raise Undeliverable(str(problem)) from problem
    except SlackApiError as problem:
        if passing(problem):
            raise
        raise Undeliverable(f"Slack says {error(problem)}") from problem


async def direct(client: Api, user: str) -> str:
    """The channel of the bot's direct messages with a user."""
    response: Any = await client.conversations_open(users=user)
    return str(response["channel"]["id"])


async def upload(client: Api, card: Scorecard) -> str | None:
    """The id of the scorecard's picture; None where Slack won't take it."""
    today = datetime.now(UTC).date()
    with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
        response: Any = await client.files_upload_v2(
            content=await picture(card, today), filename="scorecard.png", title=f"Scorecard: {card.title}"
        )
        return cast("str", response["files"][0]["id"])
    return None


async def _quietly(work: Any) -> None:
    """What is nice to have must not fail anything."""
    with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
        await work


def _key_of(message: Mapping[str, Any]) -> str:
    metadata: Mapping[str, Any] | None = message.get("metadata")
    payload: Mapping[str, Any] | None = metadata and metadata.get("event_payload")
    return str(payload.get("key", "")) if payload else ""
