"""Owns what is done at once with commands, buttons and forms: it is admitted, or becomes an errand, and somebody gets a word.

Nothing here takes long: Slack is acknowledged when it is done. What asks Slack for anything goes on beside it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rapidfuzz import fuzz, process
from slack_sdk.errors import SlackApiError

from bot.actions import COMMAND_OF, REALLY
from bot.commands import COMMANDS, NotUnderstood, Typed, Wish, parse, wish
from bot.feedback import GLAD, THANKS, felt
from bot.people import Sitting, sitting, sittings, unfinished, zone
from bot.slack import buttons, cards, daily_forms, home, views
from bot.slack.asides import Asides, Who
from bot.slack.clients import Api
from bot.slack.daily import MINE, Daily
from bot.slack.daily_orders import Orders
from bot.slack.errands import Errand, Errands, Opening, have_done, have_opened
from bot.slack.places import ours, place, team
from bot.slack.presence import suggest
from bot.slack.text import escape, mrkdwn, unescape
from bot.steering import GONE, HAVE_IT, IS_CLOSED, NO_INTERVIEW, NOT_YOURS, ends, steer, wrong, wrong_press
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import CommandName, Interview, Phase
from interviewer.ports import StoreUnavailable
from interviewer.questions import Bank

logger = logging.getLogger(__name__)

ON_ITS_WAY = "I have that already: it is in our direct messages, or on its way there."
WHICH_POINT = (
    "Say which point and why, as in `/interview dispute POINT` and then where you said it, in your own words; or press "
    "Dispute a point below the scorecard."
)
SLIP = 70
"""From here on (of 100) a word may be a command with a slip of the finger."""
DAILY = "daily"
FORGOTTEN = "Done: everything I kept of you is deleted. What stands in our messages in Slack is yours to delete there."
NOT_FORGOTTEN = "I could not delete everything just now. Press Forget me once more in a minute, please."

ABOUT_A_CARD = frozenset({buttons.DISPUTE, buttons.SHARE, buttons.REPORT, buttons.FEEDBACK, buttons.SCORE})

Reply = str | list[dict[str, Any]] | None
"""What somebody is shown at once, themselves alone: a text, blocks or nothing."""


class Reception:
    """Takes in commands, buttons and forms, and draws the App Home."""

    def __init__(  # noqa: PLR0913 (each of them is a different thing, and they are named where this is called)
        self,
        engine: Engine,
        errands: Errands,
        asides: Asides,
        daily: Daily,
        orders: Orders,
        *,
        voice: str,
        keep_days: int,
    ) -> None:
        self._engine = engine
        self._errands = errands
        self._daily = daily
        self._daily_orders = orders
        self._store = errands.store
        self._bank = errands.bank
        self._clients = errands.clients
        self._asides = asides
        self._voice = voice
        self._keep_days = keep_days

    # --- commands ---

    async def ordered(self, who: Who, text: str, id: str, trigger: str) -> Reply:
        """`/interview …`, as Slack passes on what follows; None when a modal opens, or a word follows."""
        word, _, rest = text.strip().partition(" ")
        if word.lower() == DAILY:
            # It may name a channel, which only as it comes has an id.
            self._daily_orders.ordered(who, rest, trigger)
            return None
        text = unescape(text)
        word, _, rest = text.strip().partition(" ")
        word = word.lower().removeprefix("/")
        if not word:
            likes = await self._store.preferences(who.candidate)
            form = views.start_form(likes, *_here(who), voice=bool(self._voice))
            self._asides.show(who, trigger, form)
            return None
        ask = self._orders().get(word)
        if ask:
            return await ask(who, rest.strip(), id)
        if word in COMMANDS:
            return await self._command(who, text, id)
        return self._meant(word) or await self._start(who, text, id)

    def _orders(self) -> Mapping[str, Callable[[Who, str, str], Awaitable[Reply]]]:
        return {
            "start": self._start,
            "score": self._score,
            "history": self._history,
            "help": self._help,
            "export": self._export,
            "forget": self._forget_form,
        }

    def _meant(self, word: str) -> str:
        """The question whether a word is a command with a slip of the finger; "" if it means something as it is."""
        with suppress(NotUnderstood):
            wish(word, self._bank.questions)
            return ""
        near = process.extractOne(word, (*self._orders(), DAILY, *COMMANDS), scorer=fuzz.ratio, score_cutoff=SLIP)
        return f"There is no `/interview {escape(word)}`. Did you mean `/interview {near[0]}`?" if near else ""

    async def _start(self, who: Who, rest: str, id: str) -> Reply:
        try:
            wished = wish(rest, self._bank.questions)
        except NotUnderstood as problem:
            return escape(f"{problem}\n`/interview help` shows what you can ask for.")
        await have_opened(self._engine, Opening(id, who.team, who.user, wished, reply=who.channel))
        return "Your interview opens in our direct messages, where nobody else reads along."

    async def _command(self, who: Who, text: str, id: str) -> Reply:
        thread = await unfinished(self._store, who.candidate, lambda thread: team(thread) == who.team)
        if thread is None:
            return NO_INTERVIEW
        try:
            typed = parse(text)
        except NotUnderstood:
            return WHICH_POINT
        interview = await self._store.interview(thread)
        if interview and ends(typed.name, interview):
            return buttons.really_end(thread)
        return await self._obey(who, thread, typed, id) or "My reply is in the interview's thread."

    async def _obey(self, who: Who, thread: str, typed: Typed, id: str) -> str | None:
        """Have a command done; a text when it means nothing now."""
        interview = await self._store.interview(thread)
        if interview and (problem := wrong(typed.name, interview)):
            return problem
        await steer(self._engine, thread, who.candidate, typed, id)
        return None

    async def _score(self, who: Who, rest: str, id: str) -> Reply:
        over = [each for each in await self._sittings(who) if each.over]
        if not over:
            return "There is no scorecard yet: it comes at the end of an interview. `/interview end` takes you there."
        await have_done(
            self._engine, "slack.card", Errand(f"card:{id}", who.team, who.user, over[0].thread, who.channel)
        )
        return f"The scorecard of “{mrkdwn(over[0].title)}” comes to our direct messages."

    async def _history(self, who: Who, rest: str, id: str) -> Reply:
        found = await self._sittings(who)
        if not found:
            return "No interviews yet. `/interview` starts the first."
        lines: list[str] = []
        for each in found[:10]:
            verdict = "not finished"
            if each.card:
                verdict = f"{each.card.verdict}, {each.card.overall} of 5" if each.card.verdict else "no verdict"
            day = home.day(each.began, zone((await self._store.preferences(who.candidate)).zone or "UTC"))
            lines.append(f"• {mrkdwn(each.title)}, {each.interview.settings.level}, {day}: {verdict}")
        return "\n".join(lines)

    async def _help(self, who: Who, rest: str, id: str) -> Reply:
        return views.help_blocks()

    async def _export(self, who: Who, rest: str, id: str) -> Reply:
        await have_done(self._engine, "slack.export", Errand(f"export:{id}", who.team, who.user, channel=who.channel))
        return "Everything I keep of you comes to our direct messages as a file."

    async def _forget_form(self, who: Who, rest: str, id: str) -> Reply:
        return home.forgetting()

    # --- buttons and forms ---

    async def pressed(self, who: Who, action: str, value: str, message: str, trigger: str, thread: str = "") -> None:
        """A button. `message` is the ts of the message it stands below, or names the App Home as it was drawn; `thread` is the
        ts of the thread that message is in, "" for none.

        Each of those steers the interview once. What is handed over or opened is so once for a press that is repeated at
        once, and again when it is pressed again later."""
        at_once = f"{action}:{value}:{message}"
        if action in COMMAND_OF:
            await self._steer(who, action, value, message)
        elif action in MINE:
            await self._daily.pressed(who, action, value, message, trigger, thread)
        elif action in ABOUT_A_CARD:
            await self._about_a_card(who, action, value, at_once, trigger)
        elif action in (buttons.START, buttons.PREFER, buttons.GUIDE):
            await self._open_form(who, action, trigger)
        elif action == buttons.SURPRISE:
            opening = Opening(f"surprise:{trigger}", who.team, who.user, Wish(), reply=who.channel)
            await self._once(who, have_opened(self._engine, opening, at_once))
        elif action == buttons.EXPORT:
            errand = Errand(f"export:{trigger}", who.team, who.user, channel=who.channel)
            await self._once(who, have_done(self._engine, "slack.export", errand, at_once))
        elif action == buttons.FORGET:
            self._asides.begin(self._forget(who))

    async def _steer(self, who: Who, action: str, thread: str, message: str) -> None:
        interview, name = await self._owned(who, thread), COMMAND_OF[action]
        if interview is None:
            return
        if problem := wrong_press(action, interview):
            self._asides.tell(who, problem, thread)
            return
        # Who was asked twice ends it once: the second time would close it.
        id = "really" if action == REALLY else f"press:{message}:{name}"
        if not await steer(self._engine, thread, who.candidate, Typed(name), id):
            self._asides.tell(who, HAVE_IT, thread)

    async def _about_a_card(self, who: Who, action: str, value: str, at_once: str, trigger: str) -> None:
        rating, _, thread = value.rpartition("|") if action == buttons.FEEDBACK else ("", "", value)
        interview = await self._owned(who, thread)
        if interview is None:
            return
        errand = Errand(f"{action}:{trigger}", who.team, who.user, thread, who.channel)
        if action == buttons.REPORT:
            await self._once(who, have_done(self._engine, "slack.report", errand, at_once))
        elif action == buttons.SCORE:
            await self._once(who, have_done(self._engine, "slack.card", errand, at_once))
        elif action == buttons.SHARE:
            where = place(thread)
            self._asides.show(who, trigger, views.share_form(thread, "" if where.private else where.channel))
        elif action == buttons.DISPUTE and interview.phase is Phase.FINISHED:
            self._asides.tell(who, IS_CLOSED, thread)
        elif action == buttons.DISPUTE:
            found = await sitting(self._store, self._bank, thread)
            if found and found.card:
                self._asides.show(who, trigger, views.dispute_form(thread, found.card))
        elif rating == buttons.DOWN:
            self._asides.show(who, trigger, views.feedback_form(thread))
        else:
            await felt(self._store, thread, rating)
            self._asides.tell(who, GLAD, thread)

    async def _open_form(self, who: Who, action: str, trigger: str) -> None:
        likes = await self._store.preferences(who.candidate)
        if action == buttons.START:
            form = views.start_form(likes, *_here(who), voice=bool(self._voice))
        elif action == buttons.PREFER:
            form = views.preferences_form(likes)
        else:
            form = {**views.notice("How this works", ""), "blocks": views.help_blocks()}
        self._asides.show(who, trigger, form)

    async def submitted(self, who: Who, view: Mapping[str, Any]) -> dict[str, Any] | None:
        """A modal was submitted; what Slack is to do with it, None to close it."""
        form, id = view["callback_id"], str(view["id"])
        if form == views.START_FORM:
            choice = views.read_start(view)
            await have_opened(self._engine, _opening(who, choice, id, self._bank))
        elif form == views.PREFERENCES_FORM:
            await self._store.prefer(who.candidate, views.read_preferences(view))
            self._asides.begin(self.at_home(who))
        elif form == views.DISPUTE_FORM:
            return await self._dispute(who, view, id)
        elif form == views.SHARE_FORM:
            thread, channel = views.read_share(view)
            if await self._owned(who, thread):
                await have_done(self._engine, "slack.share", Errand(f"share:{id}", who.team, who.user, thread, channel))
        elif form == daily_forms.SET_FORM:
            return await self._daily_orders.submitted(who, view)
        elif form == daily_forms.BLIND_FORM:
            await self._daily.sealed(who, view)
        elif form == views.FEEDBACK_FORM:
            thread, reasons, text = views.read_feedback(view)
            if await self._owned(who, thread):
                await felt(self._store, thread, ", ".join((buttons.DOWN, *reasons)), clean(text))
                thanks = views.notice("Thank you", THANKS)
                return {"response_action": "update", "view": thanks}
        return None

    async def _dispute(self, who: Who, view: Mapping[str, Any], id: str) -> dict[str, Any] | None:
        thread, point, argument = views.read_dispute(view)
        if not argument.strip():
            return {"response_action": "errors", "errors": {views.ARGUMENT: "Say where you said it, in a sentence."}}
        if await self._owned(who, thread) is None:
            return None
        typed = Typed(CommandName.DISPUTE, f"{point} {clean(argument)}")
        if problem := await self._obey(who, thread, typed, f"dispute:{id}"):
            self._asides.tell(who, problem, thread)
        return None

    async def options(self, who: Who, action: str, query: str) -> list[dict[str, Any]]:
        """What a menu that is searched offers."""
        if action in (daily_forms.CHANNEL, daily_forms.ZONE):
            return await self._daily_orders.options(who, action, query)
        known = self._bank.questions
        return views.question_options(query, known) if action == "question" else views.company_options(query, known)

    # --- home ---

    def greet(self, who: Who) -> None:
        """Somebody opens their direct messages with the bot."""
        self._asides.begin(self._suggest(who))

    async def _suggest(self, who: Who) -> None:
        await suggest(await self._clients.of(who.team), who.channel)

    def visit(self, who: Who) -> None:
        """Somebody looks at their App Home."""
        self._asides.begin(self.at_home(who))

    async def at_home(self, who: Who) -> None:
        """Draw somebody's App Home."""
        client = await self._clients.of(who.team)
        found = await self._sittings(who)
        likes = await self._store.preferences(who.candidate)
        profile: Mapping[str, Any] = {}
        with suppress(SlackApiError):
            profile = (await client.users_info(user=who.user))["user"]
        running = [each.thread for each in found if not each.over and ours(each.thread)]
        view = home.home(
            found,
            likes,
            str(profile.get("tz") or "UTC"),
            self._keep_days,
            time.time(),
            self._voice,
            links=await _links(client, running[: home.GOING_ON]),
        )
        await client.views_publish(user_id=who.user, view=view)

    async def _forget(self, who: Who) -> None:
        try:
            await self._engine.forget(who.candidate)
            await self._errands.daily.forget(who.candidate)
        except StoreUnavailable as problem:
            logger.warning("%s", problem)
            await self._asides.whisper(who, NOT_FORGOTTEN)
            return
        await self._asides.whisper(who, FORGOTTEN)
        await self.at_home(who)

    async def _sittings(self, who: Who) -> tuple[Sitting, ...]:
        return await sittings(self._store, self._bank, who.candidate)

    # --- small things ---

    async def _owned(self, who: Who, thread: str) -> Interview | None:
        """The interview, if it is theirs; else they are told."""
        interview = await self._store.interview(thread) if ours(thread) else None
        if interview and interview.candidate == who.candidate:
            return interview
        self._asides.tell(who, NOT_YOURS if interview else GONE, thread)
        return None

    async def _once(self, who: Who, asked: Awaitable[bool]) -> None:
        if not await asked:
            self._asides.tell(who, ON_ITS_WAY)


def _opening(who: Who, choice: views.StartChoice, id: str, bank: Bank) -> Opening:
    """What was chosen in the form."""
    among = tuple(
        question
        for question in bank.questions
        if question.id == choice.question
        or (not choice.question and choice.company and choice.company in (question.company, *question.also_asked_at))
    )
    wished = Wish(among, choice.level, choice.mode, choice.format, choice.persona)
    return Opening(id, who.team, who.user, wished, channel=choice.channel, reply=choice.channel or who.channel)


def _here(who: Who) -> tuple[str, str]:
    """The channel somebody is in and its name, which a form does without; nothing in a direct message."""
    # In a group's direct messages Slack tells the bot nothing of what is said.
    shared = who.channel.startswith(("C", "G")) and not who.name.startswith("mpdm-")
    return (who.channel, "") if shared else ("", "")


async def _links(client: Api, threads: Sequence[str]) -> Mapping[str, str]:
    """The addresses of these threads; one that Slack has no link for is left out."""
    where = [place(thread) for thread in threads]
    found = await asyncio.gather(*(cards.permalink(client, each.channel, each.ts) for each in where))
    return {thread: url for thread, url in zip(threads, found, strict=True) if url}
