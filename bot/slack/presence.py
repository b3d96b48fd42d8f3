"""Owns what Slack shows of the bot at work: eyes on a message, a status while it thinks, and the session with its Stop button."""

from collections.abc import Sequence
from contextlib import suppress

from slack_sdk.errors import SlackApiError

from bot.slack.clients import NOT_HERE, Api, Clients, error
from bot.slack.manifest import PROMPTS
from bot.slack.places import Place

NEVER = NOT_HERE | {"missing_scope"}
"""Refusals that say something of the whole workspace; every other one is about this thread or this moment."""
READING = ("Reading your answer…", "Weighing what you said…", "Choosing what to ask next…")


class Presence:
    """All of it is nice to have: what Slack won't do is left out, and not asked for again where it never will."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._without: set[str] = set()
        """Workspaces whose Slack has no agent sessions."""

    async def eyes(self, team: str, channel: str, ts: str) -> None:
        """Show that a message has arrived."""
        client = await self._clients.of(team)
        with suppress(SlackApiError):
            await client.reactions_add(channel=channel, timestamp=ts, name="eyes")

    async def thinking(self, where: Place) -> None:
        """Show that an answer is being read; Slack offers to stop that."""
        client = await self._clients.of(where.team)
        await self._session(client, where, "processing")
        await self._status(client, where, "is reading your answer…", READING)

    async def ready(self, where: Place) -> None:
        """The reply is there: a message ends the status by itself, and a session has to be told."""
        await self._session(await self._clients.of(where.team), where, "active")

    async def idle(self, where: Place) -> None:
        """Nothing is being prepared, and no message comes to show it."""
        client = await self._clients.of(where.team)
        await self._session(client, where, "active")
        await self._status(client, where, "", ())

    async def _status(self, client: Api, where: Place, status: str, loading: Sequence[str]) -> None:
        with suppress(SlackApiError):
            await client.assistant_threads_setStatus(
                channel_id=where.channel, thread_ts=where.ts, status=status, loading_messages=list(loading) or None
            )

    async def _session(self, client: Api, where: Place, status: str) -> None:
        if where.team in self._without:
            return
        try:
            await client.agents_sessions_setStatus(channel_id=where.channel, thread_ts=where.ts, status=status)
        except SlackApiError as problem:
            if error(problem) in NEVER:
                self._without.add(where.team)


async def suggest(client: Api, channel: str, thread: str | None = None) -> None:
    """Suggest how to begin, where Slack has a place for it."""
    prompts = [{"title": title, "message": text} for title, text in PROMPTS.items()]
    with suppress(SlackApiError):
        await client.assistant_threads_setSuggestedPrompts(channel_id=channel, thread_ts=thread, prompts=prompts)
