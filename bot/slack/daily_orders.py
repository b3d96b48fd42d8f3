"""Owns `/interview daily …`: who may order what of which channel, and the form that sets a daily question up."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from bot.commands import NotUnderstood
from bot.daily import EXAMPLE, parse, plan
from bot.daily_planning import Planning
from bot.slack import daily_forms, views
from bot.slack.asides import Asides, Who
from bot.slack.cards import zone_name
from bot.slack.clients import Clients
from bot.slack.daily import TROUBLE, whisper
from bot.slack.noticeboard import GONE, NOT_A_CHANNEL, SlackNoticeboard, asking, board, channel_id, sections, workspace
from bot.slack.rooms import Rooms
from bot.slack.text import unescape
from interviewer.ports import Away, Closed, Store, StoreUnavailable

ID = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^<>]*)?>")
"""A channel as Slack passes it on."""
NAME = re.compile(r"#([^\s#<>]+)")
OPEN = frozenset({"status", "help"})
"""What anybody may ask for."""
POSTING = frozenset({"set", "resume", "ask-now"})
"""What is ordered only where the bot can post."""
PATIENCE = 2.0
"""Seconds for which Slack is asked about a form while it waits for what becomes of it."""

NOT_ALLOWED = (
    "Only this workspace's admins and owners, and those whom whoever runs me has named (SLACK_DAILY_ADMINS), can order the daily "
    "question. `daily status` shows what there is."
)
NO_CHANNEL = "I am in no channel called #{}. If it exists, type `/invite @Mockingbird` there, then try again."
BUSY = "Slack does not answer just now. Nothing has changed: try once more in a minute, please."


class Orders:
    """Does what administrators order. `admins` are user ids that may besides a workspace's own administrators."""

    def __init__(
        self,
        planning: Planning,
        noticeboard: SlackNoticeboard,
        store: Store,
        clients: Clients,
        asides: Asides,
        admins: frozenset[str],
    ) -> None:
        self._planning = planning
        self._noticeboard = noticeboard
        self._store = store
        self._clients = clients
        self._asides = asides
        self._admins = admins
        self._rooms = Rooms(clients)

    def ordered(self, who: Who, text: str, trigger: str) -> None:
        """`/interview daily …`, as Slack passes on what follows. All of it is done beside: Slack has to be asked who they are."""
        said, words = addressed(text)
        self._asides.begin(self._order(who, said, unescape(words), trigger))

    async def _order(self, who: Who, said: str, words: str, trigger: str) -> None:
        try:
            told = await self._obeyed(who, said, words, trigger)
        except (Closed, NotUnderstood) as problem:
            told = str(problem)
        except Away:
            told = BUSY
        except StoreUnavailable:
            await self._asides.whisper(who, TROUBLE)
            raise
        if told:
            await whisper(self._asides, who, told)

    async def _obeyed(self, who: Who, said: str, words: str, trigger: str) -> str:
        """Carry an order out, and what to tell of it; "" once a form is on its way. Raises Closed and Away."""
        what = words.partition(" ")[0].lower() or "set"
        if what not in OPEN:
            await self._allow(who)
        if words.lower() in {"", "set"}:
            await self._show(who, said, trigger)
            return ""
        if what == "help":
            return await self._planning.order(workspace(who.team), "", who.candidate, words)
        channel = await self._where(who, said)
        if what in POSTING:
            await self._noticeboard.usable(channel)
        return await self._planning.order(workspace(who.team), channel, who.candidate, words)

    async def _allow(self, who: Who) -> None:
        """Raises Closed for somebody who may not order anything, and Away."""
        if who.user in self._admins:
            return
        async with asking(self._clients, who.candidate) as client:
            response: Any = await client.users_info(user=who.user)
        profile: Mapping[str, Any] = response["user"]
        if not (profile.get("is_admin") or profile.get("is_owner") or profile.get("is_primary_owner")):
            raise Closed(NOT_ALLOWED)

    async def _where(self, who: Who, said: str) -> str:
        """The channel that is meant: an id, a name after "#", or "" for this one. Raises Closed and Away."""
        if said.startswith("#"):
            named = [id for id, name in (await self._rooms.of(who)).items() if name.casefold() == said[1:].casefold()]
            if not named:
                raise Closed(NO_CHANNEL.format(said[1:].replace("`", "")))
            return board(who.team, named[0])
        if not said or said == who.channel:
            if not _shared(who):
                raise Closed(NOT_A_CHANNEL)
            return board(who.team, who.channel)
        channel = board(who.team, said)
        shown = await self._noticeboard.seen(channel)
        # Whoever is not in a private channel is not to learn from the bot that there is one.
        if shown.get("is_private") and not await self._rooms.private(who, channel):
            raise Closed(GONE)
        return channel

    # --- the form ---

    async def _show(self, who: Who, said: str, trigger: str) -> None:
        chosen = None
        if said or _shared(who):
            channel = await self._where(who, said)
            # Where Slack shows the bot nothing, it can't post; the form offers where it can.
            with suppress(Closed):
                shown = await self._noticeboard.seen(channel)
                if shown.get("is_member"):
                    chosen = daily_forms.channel_option(channel_id(channel), str(shown.get("name") or ""))
        async with asking(self._clients, who.candidate) as client:
            zone = await zone_name(client, self._store, who.candidate)
        self._asides.show(who, trigger, daily_forms.set_form(chosen, zone, self._planning.bank.questions))

    async def submitted(self, who: Who, view: Mapping[str, Any]) -> dict[str, Any]:
        """The form was submitted: what Slack is to show instead, or which of its fields are wrong."""
        setup = daily_forms.read_set(view)
        errors = self._wrong(setup)
        if not errors and (problem := await self._refused(who, setup.channel)):
            errors[daily_forms.CHANNEL] = problem
        if errors:
            return {"response_action": "errors", "errors": errors}
        told = await self._planning.plan(
            workspace(who.team), board(who.team, setup.channel), who.candidate, setup.words
        )
        shown = {
            **views.notice("Daily question", ""),
            "blocks": sections(told.replace("`daily ", "`/interview daily ")),
        }
        return {"response_action": "update", "view": shown}

    def _wrong(self, setup: daily_forms.Setup) -> dict[str, str]:
        """What is wrong in a form, by the name of the field."""
        topics = f"level={setup.level} topics={','.join(setup.topics)}"
        checks: dict[str, Callable[[], object]] = {daily_forms.ZONE: lambda: parse(f"{setup.time} {setup.zone}")}
        if setup.holidays:
            checks[daily_forms.HOLIDAYS] = lambda: parse(f"{EXAMPLE} holidays={setup.holidays}")
        if setup.topics:
            checks[daily_forms.TOPICS] = lambda: plan(f"{EXAMPLE} {topics}", self._planning.bank.questions)
        errors: dict[str, str] = {}
        for name, check in checks.items():
            try:
                check()
            except NotUnderstood as problem:
                errors[name] = str(problem)
        return errors

    async def _refused(self, who: Who, channel: str) -> str:
        """Why a form is not for them, or not for this channel; "" if it is."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._allow(who)
                await self._noticeboard.usable(await self._where(who, channel))
        except Closed as problem:
            return str(problem)
        except (Away, TimeoutError):
            return BUSY
        return ""

    async def options(self, who: Who, action: str, query: str) -> list[dict[str, Any]]:
        """What a menu of the form offers."""
        if action == daily_forms.ZONE:
            return daily_forms.zone_options(query)
        try:
            return daily_forms.channel_options(query, await self._rooms.of(who))
        except (Closed, Away):
            return []


def addressed(text: str) -> tuple[str, str]:
    """The channel that an order names, as an id or "#name", and the order without it.

    It is the first word, or the second, since `set #channel 09:00` is as natural as `#channel set 09:00`."""
    words = text.split()
    for n, word in enumerate(words[:2]):
        if found := ID.fullmatch(word):
            return found[1], " ".join((*words[:n], *words[n + 1 :]))
        if found := NAME.fullmatch(word):
            return f"#{found[1]}", " ".join((*words[:n], *words[n + 1 :]))
    return "", " ".join(words)


def _shared(who: Who) -> bool:
    """Whether somebody is in a channel: no direct message, of two or of several."""
    return who.channel.startswith(("C", "G")) and not who.name.startswith("mpdm-")
