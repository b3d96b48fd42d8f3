"""Owns what is done at once with what arrives from Slack: it is admitted, or becomes an errand, and somebody gets a word.

Nothing here takes long: Slack is acknowledged when it is done. What asks Slack for anything goes on beside it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from cachetools import LRUCache
from rapidfuzz import fuzz, process
from slack_sdk.errors import SlackApiError

from bot.commands import COMMANDS, NotUnderstood, Typed, Wish, parse, untimely, wish
from bot.people import OVER, Sitting, sitting, sittings, unfinished
from bot.slack import buttons, home, views
from bot.slack.arrivals import Changed, Said
from bot.slack.clients import NotInstalled, error
from bot.slack.errands import ERRAND, OPENING, Errand, Errands, Opening, zone
from bot.slack.places import Place, ours, person, place, team
from bot.slack.text import escape, mrkdwn
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import Command, CommandName, Correction, Interview, Message, Phase
from interviewer.questions import Bank

logger = logging.getLogger(__name__)

READING = ("Reading your answer…", "Weighing what you said…", "Choosing what to ask next…")
AFTER = 0.02
"""Seconds after which what goes on beside begins."""
SETTLING = 600.0
"""Seconds for which an edit may arrive before its message does."""
STARTERS = ("start", "interview", "practise", "practice", "begin")
KNOWN = 10_000
"""Threads whose candidate is remembered."""
LONGEST_WISH = 6
"""Words; more is a sentence."""
ASKING = frozenset({"help", "hi", "hello", "hey", "?"})
NO_INTERVIEW = "No interview of yours is running. `/interview start` begins one."
NOT_YOURS = "These buttons are for the person being interviewed. `/interview` starts one of your own."
GONE = "That interview is no longer kept. `/interview` starts another."
HAVE_IT = "I have that already: my reply is in the thread."
ON_ITS_WAY = "I have that already: it is in our direct messages, or on its way there."
IS_OVER = "The interview is over. Below the scorecard you can dispute a point, see the model answer, or close it."
NOT_YET = "That comes after the scorecard: `/interview end` takes you there."
IS_CLOSED = "That interview is closed. `/interview score` brings your last scorecard, `/interview start` begins another."
WHICH_POINT = (
    "Say which point and why, as in `/interview dispute POINT` and then where you said it, in your own words; or press "
    "Dispute a point below the scorecard."
)
SLIP = 70
"""From here on (of 100) a word may be a command with a slip of the finger."""
DAILY = "The daily question is not here yet. `/interview start` holds an interview now."
STRANGER = "I hold interviews with members of this workspace only."

COMMAND_OF = {
    buttons.HINT: CommandName.HINT,
    buttons.TIME: CommandName.TIME,
    buttons.REPEAT: CommandName.REPEAT,
    buttons.NEXT: CommandName.NEXT,
    buttons.PAUSE: CommandName.PAUSE,
    buttons.RESUME: CommandName.RESUME,
    buttons.END: CommandName.END,
    buttons.ANSWER: CommandName.ANSWER,
}
"""Buttons that steer the interview."""
ABOUT_A_CARD = frozenset({buttons.DISPUTE, buttons.SHARE, buttons.REPORT, buttons.FEEDBACK, buttons.SCORE})

Reply = str | list[dict[str, Any]] | None
"""What somebody is shown at once, themselves alone: a text, blocks or nothing."""


@dataclass(frozen=True)
class Who:
    """Somebody who pressed, typed or submitted something, and the channel they did it in ("" for none)."""

    team: str
    user: str
    channel: str = ""

    @property
    def candidate(self) -> str:
        return person(self.team, self.user)


class Reception:
    """Takes in everything from Slack. `aclose` lets what it began beside end."""

    def __init__(self, engine: Engine, errands: Errands, *, voice: str, keep_days: int) -> None:
        self._engine = engine
        self._store = errands.store
        self._bank = errands.bank
        self._clients = errands.clients
        self._voice = voice
        self._keep_days = keep_days
        self._known: LRUCache[str, str] = LRUCache(KNOWN)
        """The candidates of threads lately seen."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun beside."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- messages ---

    async def said(self, said: Said, mentioned: bool = False) -> None:
        """A message: an answer if it belongs to an interview of its author, else a wish, else a hello."""
        if not said.home:
            if said.private:
                self._beside(self._whisper(Who(said.team, said.user, said.channel), STRANGER, said.where.thread))
            return
        if said.thread and await self._belongs(said, said.where.thread):
            await self._answered(said, said.where.thread)
        elif said.private or mentioned:
            await self._addressed(said)

    async def _belongs(self, said: Said, thread: str) -> bool:
        """Whether it is part of an interview of its author. That a thread is, is remembered: it does not change before the
        interview is over, and what is written then is told so by its turn."""
        if self._known.get(thread) == said.candidate:
            return True
        interview = await self._store.interview(thread)
        if interview is None:
            # One that has been asked for and not begun is on its way: only its candidate can have been told where.
            return said.private and "opened" in await self._store.notes(thread)
        if interview.candidate != said.candidate or interview.phase is Phase.FINISHED:
            return False
        self._known[thread] = said.candidate
        return True

    async def _answered(self, said: Said, thread: str) -> None:
        """Something said in an interview: a command if it is one word that is one, else an answer."""
        typed = _bare_command(said)
        if typed and await self._obey(Who(said.team, said.user, said.channel), thread, typed, said.event) is None:
            return
        text = clean(said.text)
        await self._engine.submit(
            said.event, Message(thread, said.ts, said.candidate, text, float(said.ts), said.attachments)
        )
        self._beside(self._receive(said, thread))

    async def _addressed(self, said: Said) -> None:
        """Something said to the bot outside any interview."""
        words = said.text.removeprefix("/interview").strip()
        starting, rest = _starting(words)
        if not starting and said.private and not said.thread and words.lower() not in ASKING:
            thread = await unfinished(self._store, said.candidate, _in_direct_messages)
            if thread:
                # Written beside the thread instead of in it: an answer all the same.
                await self._answered(said, thread)
                return
        try:
            wished = wish(rest, self._bank.questions) if starting else _wish_of(words, self._bank)
        except NotUnderstood as problem:
            await self._greet(said, str(problem))
            return
        if wished is None:
            await self._greet(said, "")
            return
        # In a thread that had an interview, and from a channel, it gets a place of its own.
        fresh = said.private and await self._store.interview(said.where.thread) is None
        where = (said.channel, said.where.ts) if fresh else ("", "")
        await self._open(Opening(said.event, said.team, said.user, wished, *where, reply=said.channel))

    async def _greet(self, said: Said, text: str) -> None:
        errand = Errand(f"greet:{said.event}", said.team, said.user, said.where.ts, said.channel, text)
        if said.private:
            await self._ask("slack.greet", errand)
        else:
            who = Who(said.team, said.user, said.channel)
            told = f"{text}\n{NO_INTERVIEW}" if text else NO_INTERVIEW
            self._beside(self._whisper(who, told, said.where.thread if said.thread else ""))

    async def changed(self, changed: Changed) -> None:
        """A message was edited or deleted: it counts as long as it has not been answered."""
        said, thread = changed.said, changed.said.where.thread
        if not said.thread or not await self._belongs(said, thread):
            thread = await self._thread_of(said) if said.private and not said.thread else None
            if not thread:
                return
        text = clean(said.text)
        if not changed.deleted and float(changed.at) - float(said.ts) < SETTLING:
            # Should the edit arrive first, it is the message; what follows is its repetition.
            first = Message(thread, said.ts, said.candidate, text, float(said.ts), said.attachments)
            if await self._engine.submit(said.event, first):
                return
        now = None if changed.deleted else text
        id = f"{said.event}:{'deleted' if changed.deleted else changed.at}"
        await self._engine.submit(id, Correction(thread, id, said.candidate, said.ts, now, float(changed.at)))

    async def _thread_of(self, said: Said) -> str | None:
        """The interview a message outside any thread may have gone to."""
        return await unfinished(self._store, said.candidate, _in_direct_messages)

    async def stopped(self, team: str, user: str, channel: str, ts: str, id: str) -> None:
        """Slack's own Stop button: what is being prepared is not said."""
        where = Place(team, channel, ts)
        interview = await self._store.interview(where.thread)
        if interview and interview.candidate == person(team, user) and interview.phase not in OVER:
            stop = Command(where.thread, id, interview.candidate, CommandName.STOP, time.time())
            await self._engine.submit(f"stop:{id}", stop)
        self._beside(self._status(where, ""))

    async def _receive(self, said: Said, thread: str) -> None:
        """Show that a message has arrived, and that it is being read."""
        where = place(thread)
        with suppress(SlackApiError):
            client = await self._clients.of(said.team)
            await client.reactions_add(channel=said.channel, timestamp=said.ts, name="eyes")
        await self._status(where, "is reading your answer…", READING)

    async def _status(self, where: Place, status: str, loading: tuple[str, ...] = ()) -> None:
        client = await self._clients.of(where.team)
        with suppress(SlackApiError):
            await client.assistant_threads_setStatus(
                channel_id=where.channel, thread_ts=where.ts, status=status, loading_messages=list(loading) or None
            )

    # --- commands ---

    async def ordered(self, who: Who, text: str, id: str, trigger: str) -> Reply:
        """`/interview …`; None when a modal opens."""
        word, _, rest = text.strip().partition(" ")
        word = word.lower().removeprefix("/")
        if not word:
            likes = await self._store.preferences(who.candidate)
            form = views.start_form(likes, *_here(who), voice=bool(self._voice))
            self._beside(self._show(who, trigger, form))
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
            "daily": self._daily,
        }

    def _meant(self, word: str) -> str:
        """The question whether a word is a command with a slip of the finger; "" if it means something as it is."""
        with suppress(NotUnderstood):
            wish(word, self._bank.questions)
            return ""
        near = process.extractOne(word, (*self._orders(), *COMMANDS), scorer=fuzz.ratio, score_cutoff=SLIP)
        return f"There is no `/interview {escape(word)}`. Did you mean `/interview {near[0]}`?" if near else ""

    async def _start(self, who: Who, rest: str, id: str) -> Reply:
        try:
            wished = wish(rest, self._bank.questions)
        except NotUnderstood as problem:
            return escape(f"{problem}\n`/interview help` shows what you can ask for.")
        await self._open(Opening(id, who.team, who.user, wished, reply=who.channel))
        return "Your interview opens in our direct messages, where nobody else reads along."

    async def _command(self, who: Who, text: str, id: str) -> Reply:
        thread = await unfinished(self._store, who.candidate, lambda thread: team(thread) == who.team)
        if thread is None:
            return NO_INTERVIEW
        try:
            typed = parse(text)
        except NotUnderstood:
            return WHICH_POINT
        return await self._obey(who, thread, typed, id) or "My reply is in the interview's thread."

    async def _obey(self, who: Who, thread: str, typed: Typed, id: str) -> str | None:
        """Have a command done; a text when it means nothing now."""
        interview = await self._store.interview(thread)
        if interview and (problem := _untimely(typed.name, interview.phase)):
            return problem
        await self._engine.submit(id, Command(thread, id, who.candidate, typed.name, time.time(), typed.argument))
        return None

    async def _score(self, who: Who, rest: str, id: str) -> Reply:
        over = [each for each in await self._sittings(who) if each.over]
        if not over:
            return "There is no scorecard yet: it comes at the end of an interview. `/interview end` takes you there."
        await self._ask("slack.card", Errand(f"card:{id}", who.team, who.user, over[0].thread, who.channel))
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
        await self._ask("slack.export", Errand(f"export:{id}", who.team, who.user, channel=who.channel))
        return "Everything I keep of you comes to our direct messages as a file."

    async def _forget_form(self, who: Who, rest: str, id: str) -> Reply:
        return home.forgetting()

    async def _daily(self, who: Who, rest: str, id: str) -> Reply:
        return DAILY

    # --- buttons and forms ---

    async def pressed(self, who: Who, action: str, value: str, message: str, trigger: str) -> None:
        """A button. `message` is the ts of the message it stands below, "" in the App Home.

        Below a message, each that steers the interview does so once. What is handed over or opened is so once for a press
        that is repeated at once, and again when it is pressed again later."""
        name = COMMAND_OF.get(action)
        at_once = f"{action}:{value}:{message}"
        if name:
            await self._steer(who, name, value, message or trigger)
        elif action in ABOUT_A_CARD:
            await self._about_a_card(who, action, value, at_once, trigger)
        elif action in (buttons.START, buttons.PREFER, buttons.GUIDE):
            await self._open_form(who, action, trigger)
        elif action == buttons.SURPRISE:
            opening = Opening(f"surprise:{trigger}", who.team, who.user, Wish(), reply=who.channel)
            await self._once(who, self._open(opening, at_once))
        elif action == buttons.EXPORT:
            errand = Errand(f"export:{trigger}", who.team, who.user, channel=who.channel)
            await self._once(who, self._ask("slack.export", errand, at_once))
        elif action == buttons.FORGET:
            self._beside(self._forget(who))

    async def _steer(self, who: Who, name: CommandName, thread: str, message: str) -> None:
        interview = await self._owned(who, thread)
        if interview is None:
            return
        if problem := _untimely(name, interview.phase):
            self._beside(self._whisper(who, problem, thread))
            return
        id = f"press:{message}:{name}"
        if not await self._engine.submit(id, Command(thread, id, who.candidate, name, time.time())):
            self._beside(self._whisper(who, HAVE_IT, thread))

    async def _about_a_card(self, who: Who, action: str, value: str, at_once: str, trigger: str) -> None:
        rating, _, thread = value.rpartition("|") if action == buttons.FEEDBACK else ("", "", value)
        interview = await self._owned(who, thread)
        if interview is None:
            return
        errand = Errand(f"{action}:{trigger}", who.team, who.user, thread, who.channel)
        if action == buttons.REPORT:
            await self._once(who, self._ask("slack.report", errand, at_once))
        elif action == buttons.SCORE:
            await self._once(who, self._ask("slack.card", errand, at_once))
        elif action == buttons.SHARE:
            where = place(thread)
            self._beside(self._show(who, trigger, views.share_form(thread, "" if where.private else where.channel)))
        elif action == buttons.DISPUTE and interview.phase is Phase.FINISHED:
            self._beside(self._whisper(who, IS_CLOSED, thread))
        elif action == buttons.DISPUTE:
            found = await sitting(self._store, self._bank, thread)
            if found and found.card:
                self._beside(self._show(who, trigger, views.dispute_form(thread, found.card)))
        elif rating == buttons.DOWN:
            self._beside(self._show(who, trigger, views.feedback_form(thread)))
        else:
            await self.felt(thread, rating, "")
            self._beside(self._whisper(who, "Thank you. I am glad it helped.", thread))

    async def felt(self, thread: str, rating: str, text: str) -> None:
        """Keep what somebody thought of an interview, beside it; only that they did is logged."""
        await self._store.note(thread, {"feedback": rating, "feedback-text": text})
        logger.info("Feedback: %s", rating)

    async def _open_form(self, who: Who, action: str, trigger: str) -> None:
        likes = await self._store.preferences(who.candidate)
        if action == buttons.START:
            form = views.start_form(likes, *_here(who), voice=bool(self._voice))
        elif action == buttons.PREFER:
            form = views.preferences_form(likes)
        else:
            form = {**views.notice("How this works", ""), "blocks": views.help_blocks()}
        self._beside(self._show(who, trigger, form))

    async def submitted(self, who: Who, view: Mapping[str, Any]) -> dict[str, Any] | None:
        """A modal was submitted; what Slack is to do with it, None to close it."""
        form, id = view["callback_id"], str(view["id"])
        if form == views.START_FORM:
            choice = views.read_start(view)
            await self._open(_opening(who, choice, id, self._bank))
        elif form == views.PREFERENCES_FORM:
            await self._store.prefer(who.candidate, views.read_preferences(view))
            self._beside(self.at_home(who))
        elif form == views.DISPUTE_FORM:
            return await self._dispute(who, view, id)
        elif form == views.SHARE_FORM:
            thread, channel = views.read_share(view)
            if await self._owned(who, thread):
                await self._ask("slack.share", Errand(f"share:{id}", who.team, who.user, thread, channel))
        elif form == views.FEEDBACK_FORM:
            thread, reasons, text = views.read_feedback(view)
            if await self._owned(who, thread):
                await self.felt(thread, ", ".join((buttons.DOWN, *reasons)), clean(text))
                thanks = views.notice("Thank you", "The people who run me read this, and it makes the next one better.")
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
            self._beside(self._whisper(who, problem, thread))
        return None

    def options(self, action: str, query: str) -> list[dict[str, Any]]:
        """What a menu that is searched offers."""
        known = self._bank.questions
        return views.question_options(query, known) if action == "question" else views.company_options(query, known)

    # --- home ---

    def visit(self, who: Who) -> None:
        """Somebody looks at their App Home."""
        self._beside(self.at_home(who))

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
            links=await links(client, running[: home.GOING_ON]),
        )
        await client.views_publish(user_id=who.user, view=view)

    async def _forget(self, who: Who) -> None:
        for thread in [thread for thread, candidate in self._known.items() if candidate == who.candidate]:
            del self._known[thread]
        await self._engine.forget(who.candidate)
        told = (
            "Done: everything I kept of you is deleted. What stands in our messages in Slack is yours to delete there."
        )
        await self._whisper(who, told, "")
        await self.at_home(who)

    async def _sittings(self, who: Who) -> tuple[Sitting, ...]:
        return await sittings(self._store, self._bank, who.candidate)

    # --- small things ---

    async def _owned(self, who: Who, thread: str) -> Interview | None:
        """The interview, if it is theirs; else they are told."""
        interview = await self._store.interview(thread) if ours(thread) else None
        if interview and interview.candidate == who.candidate:
            return interview
        self._beside(self._whisper(who, NOT_YOURS if interview else GONE, thread))
        return None

    async def _open(self, opening: Opening, at_once: str = "") -> bool:
        key = f"{person(opening.team, opening.user)}|{at_once or opening.key}"
        return await self._engine.ask(key, "slack.open", OPENING.dump_json(opening).decode())

    async def _ask(self, name: str, errand: Errand, at_once: str = "") -> bool:
        """Have an errand done; False if another of the same `at_once` is under way or has just been done."""
        key = f"{person(errand.team, errand.user)}|{at_once or errand.key}"
        return await self._engine.ask(key, name, ERRAND.dump_json(errand).decode())

    async def _once(self, who: Who, asked: Awaitable[bool]) -> None:
        if not await asked:
            self._beside(self._whisper(who, ON_ITS_WAY, ""))

    async def _show(self, who: Who, trigger: str, form: dict[str, Any]) -> None:
        client = await self._clients.of(who.team)
        try:
            await client.views_open(trigger_id=trigger, view=form)
        except SlackApiError as problem:
            logger.info("A form did not open: %s", error(problem))
            await self._whisper(who, "That form did not open in time. Press or type it once more, please.", "")

    async def _whisper(self, who: Who, text: str, thread: str) -> None:
        """Tell one person: where they are, in the `thread` ("" for none) if it is there, or directly if they are nowhere."""
        client = await self._clients.of(who.team)
        if who.channel:
            # Slack shows nobody what it is told to put into a thread of another channel.
            where = place(thread) if ours(thread) else None
            ts = where.ts if where and where.channel == who.channel else None
            with suppress(SlackApiError):
                await client.chat_postEphemeral(channel=who.channel, user=who.user, text=escape(text), thread_ts=ts)
                return
        channel = (await client.conversations_open(users=who.user))["channel"]["id"]
        await client.chat_postMessage(channel=channel, text=escape(text))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        async def quietly() -> None:
            # Not before Slack has been acknowledged.
            await asyncio.sleep(AFTER)
            try:
                await work
            except NotInstalled as problem:
                logger.warning("%s", problem)
            except SlackApiError as problem:
                logger.warning("Slack says %s", error(problem))
            except (aiohttp.ClientError, TimeoutError) as problem:
                logger.warning("Slack can't be reached: %s", type(problem).__name__)

        task = asyncio.create_task(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _bare_command(said: Said) -> Typed | None:
    """The command a message is, if it is one word: people type `hint` in a thread, where Slack takes no slash commands."""
    word = said.text.lower().removeprefix("/")
    known = COMMANDS.get(word)
    alone = known and known[0] is not CommandName.DISPUTE and not said.attachments
    return Typed(known[0]) if known and alone else None


def _untimely(name: CommandName, phase: Phase) -> str:
    """Why a command means nothing now, or "" if it does, in words that can be typed in Slack."""
    if phase is Phase.FINISHED:
        return IS_CLOSED
    over = phase in OVER
    return (IS_OVER if over else NOT_YET) if untimely(name, over) else ""


def _starting(words: str) -> tuple[bool, str]:
    """Whether somebody says outright that they want to start, and what else they say."""
    first, _, rest = words.partition(" ")
    return first.lower() in STARTERS, rest


def _wish_of(words: str, bank: Bank) -> Wish | None:
    """What somebody wishes for who does not say "start"; None for a hello, or for a sentence."""
    if words.lower() in ASKING or len(words.split()) > LONGEST_WISH:
        return None
    return wish(words, bank.questions)


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
    return (who.channel, "") if who.channel and not who.channel.startswith("D") else ("", "")


def _in_direct_messages(thread: str) -> bool:
    return ours(thread) and place(thread).private
