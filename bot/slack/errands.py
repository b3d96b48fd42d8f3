"""Owns what Slack's part of the bot does besides turns, by a worker and with retries: opening an interview, greeting, handing
over scorecards, reports and exports, forgetting.

An errand is JSON, so that any worker can do it. One that may have been done before a crash looks before it does it again.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from pydantic import TypeAdapter
from slack_sdk.errors import SlackApiError

from bot.commands import Wish
from bot.letters import SENT
from bot.markdown import report
from bot.opening import begin, chosen, starting
from bot.people import export, sitting
from bot.picture import alt_text
from bot.slack import buttons, cards, scorecard
from bot.slack.clients import NOT_HERE, Api, Clients, NotInstalled, error, passing
from bot.slack.places import Place, ours, person, place
from bot.slack.platform import Letter, SlackPlatform, direct
from bot.slack.presence import suggest
from bot.slack.rendering import Block, Outgoing
from bot.slack.text import escape, mrkdwn, plain
from interviewer.clock import MINUTES
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine
from interviewer.model import Case, Inbound, Phase, Question, Settings
from interviewer.ports import Store
from interviewer.questions import Bank, UnknownQuestion

logger = logging.getLogger(__name__)

GUEST = (
    "I hold interviews with members of this workspace only; guests would have to be allowed by whoever runs me "
    "(SLACK_GUESTS). In a terminal I am open to everybody."
)
UNINVITED = (
    "I am not in that channel: type `/invite @Mockingbird` there and try again, or let us stay in our direct messages."
)
NOT_KEPT = "That interview is no longer kept, or has no scorecard yet."
FAILED = "Slack would not let me do that. Try once more; if it stays so, whoever runs me finds the reason in my log."
CLOSED = (
    "I can't write to you directly: open a direct message with me, or start the interview in a channel that I am in."
)
HELLO = (
    "I am a mock interviewer for system design: I ask a real question, listen, probe, and give you a scorecard that quotes "
    "your own words. Nobody else in Slack is shown any of it. What would you like to practise?"
)
SORRY = {
    "not_in_channel": UNINVITED,
    "channel_not_found": UNINVITED,
    "is_archived": "That channel is archived: choose another one, or our direct messages.",
    "restricted_action": "This workspace lets only some people post there: choose another channel, or our direct messages.",
    "cannot_dm_bot": CLOSED,
    "user_not_visible": CLOSED,
    "user_disabled": CLOSED,
    "messages_tab_disabled": CLOSED,
    "missing_scope": "I lack a permission for that: whoever runs me finds which one with `mockingbird doctor`.",
}
"""What somebody is told when Slack says no for good."""


@dataclass(frozen=True)
class Opening:
    """An interview somebody asked for. `channel` "" is their direct messages; `thread` "" is a thread of its own there.

    `key` is the same on every try. `reply` is where somebody can be told that it can't be done: a channel they are in."""

    key: str
    team: str
    user: str
    wish: Wish
    channel: str = ""
    thread: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Errand:
    """Something else to be done for somebody: about a `thread` of theirs, in a `channel`, with a `text`."""

    key: str
    team: str
    user: str
    thread: str = ""
    channel: str = ""
    text: str = ""


OPENING: TypeAdapter[Opening] = TypeAdapter(Opening)
ERRAND: TypeAdapter[Errand] = TypeAdapter(Errand)


async def have_opened(engine: Engine, opening: Opening, at_once: str = "") -> bool:
    """Have an interview opened; False if another of the same `at_once` is under way or has just been opened."""
    key = f"{person(opening.team, opening.user)}|{at_once or opening.key}"
    return await engine.ask(key, "slack.open", OPENING.dump_json(opening).decode())


async def have_done(engine: Engine, name: str, errand: Errand, at_once: str = "") -> bool:
    """Have an errand done; False if another of the same `at_once` is under way or has just been done."""
    key = f"{person(errand.team, errand.user)}|{at_once or errand.key}"
    return await engine.ask(key, name, ERRAND.dump_json(errand).decode())


Do = Callable[[str, bool], Awaitable[None]]
Asked = TypeVar("Asked", Opening, Errand)


@dataclass(frozen=True)
class Errands:
    """Everything a worker can be asked to do for Slack. `submit` is the engine's, `prepare` makes a question's guide ready,
    `daily` has what is kept of daily questions."""

    store: Store
    daily: DailyStore
    bank: Bank
    clients: Clients
    platform: SlackPlatform
    submit: Callable[[str, Inbound], Awaitable[bool | None]]
    prepare: Callable[[Case], object]
    guests: bool = False

    def by_name(self) -> Mapping[str, Do]:
        """The errands under the names they are asked for by."""
        return {
            "slack.open": self._doing(OPENING, self.open),
            "slack.greet": self._doing(ERRAND, self.greet),
            "slack.card": self._doing(ERRAND, self.card),
            "slack.report": self._doing(ERRAND, self.report),
            "slack.share": self._doing(ERRAND, self.share),
            "slack.export": self._doing(ERRAND, self.export),
        }

    def _doing(self, kind: TypeAdapter[Asked], do: Callable[[Api, Asked], Awaitable[None]]) -> Do:
        async def run(what: str, last: bool) -> None:
            asked = kind.validate_json(what)
            try:
                client = await self.clients.of(asked.team)
            except NotInstalled as problem:
                logger.warning("%s is not done: %s", asked.key, problem)
                return
            try:
                await do(client, asked)
            except SlackApiError as problem:
                if passing(problem) and not last:
                    raise
                logger.warning("%s is not done: Slack says %s", asked.key, error(problem))
                await self._tell(client, asked, SORRY.get(error(problem), FAILED))
            except Exception:
                if last:
                    await self._tell(client, asked, FAILED)
                raise

        return run

    async def open(self, client: Api, asked: Opening) -> None:
        """Find a question and a place for it, and begin."""
        profile = await self._profile(client, asked.user)
        if is_stranger(profile) or (is_guest(profile) and not self.guests):
            await self._tell(client, asked, GUEST)
            return
        candidate = person(asked.team, asked.user)
        try:
            question, settings = await chosen(self.store, self.bank, candidate, asked.wish, asked.key)
        except UnknownQuestion as problem:
            await self._tell(client, asked, str(problem))
            return
        where = await self._place(client, asked, question, settings)
        await begin(self.store, self.submit, starting(where.thread, asked.key, candidate, settings))
        # Takes seconds the first time: while the question is being read, rather than when it is answered.
        await asyncio.to_thread(self.prepare, self.bank.case(question.id))

    async def _place(self, client: Api, asked: Opening, question: Question, chosen: Settings) -> Place:
        if asked.thread:
            return Place(asked.team, asked.channel, asked.thread)
        channel = asked.channel or await direct(client, asked.user)
        length = f"{MINUTES[chosen.format]} minutes of your thinking time"
        what = f"*{mrkdwn(question.title)}*\n{chosen.level} · {chosen.mode} · {length}"
        told = (
            f"{what}\nWe talk in this thread."
            if not asked.channel
            else f"<@{asked.user}> is being interviewed in this thread: {what}\nEverybody in this channel can read along; "
            "the scorecard stays private."
        )
        ts = await self.post(client, asked, channel, "", told)
        return Place(asked.team, channel, ts)

    async def _profile(self, client: Api, user: str) -> Mapping[str, Any]:
        """What Slack knows of somebody; nothing where there is no such thing to ask."""
        try:
            return (await client.users_info(user=user, include_locale=True))["user"]
        except SlackApiError as problem:
            # Who can't be looked up for any other reason may be a guest, so it goes up.
            if error(problem) not in NOT_HERE:
                raise
            return {}

    async def greet(self, client: Api, asked: Errand) -> None:
        """Say what this is and how to begin, with `text` first, if there is any."""
        if asked.thread and asked.channel.startswith("D"):
            with suppress(aiohttp.ClientError, TimeoutError):
                await suggest(client, asked.channel, asked.thread)
        told = f"{asked.text}\n\n{HELLO}" if asked.text else HELLO
        await self.post(client, asked, asked.channel, asked.thread, escape(told), (buttons.welcome(),))
        # Nothing is kept of somebody who only said hello, or was forgotten a moment ago.
        await self.store.note(person(asked.team, asked.user), {f"{SENT}{asked.key}": ""})

    async def card(self, client: Api, asked: Errand) -> None:
        """The scorecard of an interview once more, to its candidate."""
        found = await sitting(self.store, self.bank, asked.thread)
        if not found or not found.card:
            await self._tell(client, asked, NOT_KEPT)
            return
        channel = await direct(client, asked.user)
        on = await cards.day(client, self.store, asked.thread, found.interview.candidate)
        message = await cards.message(client, asked.thread, found.card, on)
        if found.interview.phase is Phase.FINISHED:
            message = message.with_actions(buttons.closed_card(asked.thread), buttons.feedback(asked.thread))
        await self.platform.send(client, person(asked.team, asked.user), Letter(asked.key, channel, "", message))

    async def report(self, client: Api, asked: Errand) -> None:
        """The full report as a file: in the interview's thread if nobody else can read that, else in a direct message."""
        found = await sitting(self.store, self.bank, asked.thread)
        if not found or not found.card:
            await self._tell(client, asked, NOT_KEPT)
            return
        where = place(asked.thread)
        channel, into = (where.channel, where.ts) if where.private else (await direct(client, asked.user), None)
        zone = await cards.zone_of(client, self.store, found.interview.candidate)
        written = report(
            found.card,
            await self.store.transcript(asked.thread),
            self.bank.case(found.interview.settings.question),
            await cards.links_of(client, where, found.card),
            zone,
        )
        await self._file(client, asked, channel, into, f"{found.interview.settings.question}.md", written)

    async def share(self, client: Api, asked: Errand) -> None:
        """What a candidate chose to show, to the channel they chose."""
        found = await sitting(self.store, self.bank, asked.thread)
        if not found or not found.card:
            await self._tell(client, asked, NOT_KEPT)
            return
        on = await cards.day(client, self.store, asked.thread, found.interview.candidate)
        picture = await cards.upload(client, found.card, on)
        said = {"type": "section", "text": {"type": "mrkdwn", "text": f"<@{asked.user}> shares a scorecard:"}}
        message = Outgoing(escape(alt_text(found.card)), (said, *scorecard.shared(found.card, picture)))
        letter = Letter(asked.key, asked.channel, "", message)
        await self.platform.send(client, person(asked.team, asked.user), letter)
        with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
            await client.chat_postEphemeral(
                channel=await direct(client, asked.user), user=asked.user, text=f"Shared in <#{asked.channel}>."
            )

    async def export(self, client: Api, asked: Errand) -> None:
        """Everything that is kept of somebody, as a file in their direct messages."""
        who = person(asked.team, asked.user)
        everything = json.loads(await export(self.store, self.bank.case, who))
        daily = await self.daily.exported(who)
        written = json.dumps({**everything, "daily": daily}, ensure_ascii=False, indent=2)
        await self._file(client, asked, await direct(client, asked.user), None, "mockingbird-export.json", written)

    async def _file(
        self, client: Api, asked: Errand, channel: str, thread: str | None, name: str, content: str
    ) -> None:
        who = person(asked.team, asked.user)
        if f"{SENT}{asked.key}" in await self.store.notes(who):
            return
        await client.files_upload_v2(
            content=content.encode(), filename=name, title=name, channel=channel, thread_ts=thread
        )
        await self.store.note(who, {f"{SENT}{asked.key}": f"{time.time():.6f}"})

    async def post(
        self, client: Api, asked: Opening | Errand, channel: str, thread: str, told: str, actions: Sequence[Block] = ()
    ) -> str:
        """Say something in our own words (mrkdwn), once; the message's ts."""
        section = {"type": "section", "text": {"type": "mrkdwn", "text": told}}
        letter = Letter(asked.key, channel, thread, Outgoing(plain(told), (section,), actions))
        return await self.platform.send(client, person(asked.team, asked.user), letter)

    async def _tell(self, client: Api, asked: Opening | Errand, told: str) -> None:
        """Tell somebody alone: where they asked, or directly if that can't be."""
        channel = asked.reply if isinstance(asked, Opening) else asked.channel
        thread = "" if ours(asked.thread) else asked.thread
        text = escape(told)
        if channel:
            with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
                await client.chat_postEphemeral(channel=channel, user=asked.user, text=text, thread_ts=thread or None)
                return
        with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
            await client.chat_postMessage(channel=await direct(client, asked.user), text=text)


def is_guest(profile: Mapping[str, Any]) -> bool:
    """Whether somebody is a guest of the workspace."""
    return any(profile.get(mark) for mark in ("is_restricted", "is_ultra_restricted"))


def is_stranger(profile: Mapping[str, Any]) -> bool:
    """Whether somebody is not of the workspace at all: met over Slack Connect, or a machine."""
    return any(profile.get(mark) for mark in ("is_stranger", "is_bot"))
