"""Owns what is done at once with commands, buttons and forms: it is admitted, or becomes an errand, and somebody gets a word."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot import actions
from bot.actions import COMMAND_OF, DOWN, UP
from bot.commands import NotUnderstood, Typed, Wish, wish
from bot.debrief import NONE_LEFT, one_line
from bot.discord import buttons, forms
from bot.discord.answers import done, hold, instead, show, tell, thinks
from bot.discord.daily import FORMS, MINE, Daily
from bot.discord.errands import Errand, Errands, Opening, have_done, have_opened
from bot.discord.places import DIRECT, ours, person, place, room
from bot.discord.presence import Presence
from bot.discord.rendering import Outgoing
from bot.discord.text import escape, size
from bot.feedback import GLAD, THANKS, felt
from bot.fitting import shortened
from bot.people import Sitting, export, sitting, sittings, unfinished
from bot.steering import GONE, HAVE_IT, IS_OVER, NO_INTERVIEW, NOT_YOURS, REALLY_END, ends, steer, wrong, wrong_press
from bot.text import clean
from interviewer.daily_store import DailyStore
from interviewer.engine import Engine
from interviewer.model import CommandName, Interview, Phase
from interviewer.ports import StoreUnavailable

logger = logging.getLogger(__name__)

ON_ITS_WAY = "I have that already: it is on its way."
NO_CARD = "There is no scorecard yet: it comes at the end of an interview. `/interview end` takes you there."
NOTHING_TO_DISPUTE = (
    "There is no scorecard to dispute: it comes at the end of an interview, and can be disputed until you close it."
)
NO_HISTORY = "No interviews yet. `/interview start` begins the first."
SHARE_HOW = (
    "Type `/interview share` in the channel where you want it. You are asked once more there; it shows the title, the verdict, "
    "the scores and the picture, and none of your words."
)
SHARE_HERE = (
    "This posts the scorecard of **{title}** here, where everybody in this channel sees it: title, level, verdict, scores and "
    "the picture. None of your words, and nothing of what you missed."
)
SHARED = "It is on its way."
EXPORTED = "Everything I keep of you:"
REALLY_FORGET = (
    "This deletes all I keep of you: every interview with its transcript and scorecard, and your settings. An interview that is "
    "running ends. It can't be undone; `/interview export` hands you a copy first. What stands in our messages stays there."
)
FORGOTTEN = (
    "Done: everything I kept of you is deleted. What stands in our messages in Discord is yours to delete there."
)
NOT_FORGOTTEN = "I could not delete everything just now. Ask me once more in a minute, please."
AWAY = "I can't reach my memory just now. Nothing of yours is lost: try once more in a minute, please."
FAILED = "Something went wrong on my side. Nothing of yours is lost: try once more, please."
SAY_WHERE = "Say where you said it, in a sentence."
HELP = (
    "**Begin** with `/interview start`, or simply write to me what you would like, in any order: a company, a topic, a level "
    "(`mid`, `senior`, `staff`), a length (`15`, `30`, `45`), `strict` for no hints unless you ask. As in `start payments senior "
    "30`.\n\n"
    "**During the interview**, write as you would speak, and ask me whatever you would ask an interviewer. Press a button, or "
    "write its word alone:\n"
    "- `hint`: the next hint on what was asked; each costs a little credit on that point\n"
    "- `time`: how much time is left\n"
    "- `repeat`: the open question again\n"
    "- `next`: move on to the next part\n"
    "- `pause`: stop the clock; everything is kept, and `resume` brings you back, today or another day\n"
    "- `end`: finish, and see the scorecard\n\n"
    "**After it**, read the full report and the model answer, dispute a point if I missed something you did say, and show the "
    "scorecard in a channel with `/interview share` if you like. Nothing is shared unless you do.\n\n"
    "**At any time**, `/interview score` brings your last scorecard, `/interview history` lists your interviews, `/interview "
    "export` hands you all that is kept of you, and `/interview forget` deletes it.\n\n"
    "**For a channel** of your server there is a daily question: `/interview daily help`."
)
LISTED, TITLE = 10, 100
"""Interviews in the history, and characters of a title in it: all of it fits into a message."""


class Reception:
    """Takes in commands, buttons and forms; implements `commands.Desk` and `buttons.Pressed`."""

    def __init__(
        self, engine: Engine, errands: Errands, presence: Presence, daily: Daily, daily_store: DailyStore
    ) -> None:
        self._engine = engine
        self._store = errands.store
        self._bank = errands.bank
        self._presence = presence
        self._daily = daily
        self._daily_store = daily_store
        self._under_way: set[asyncio.Task[Any]] = set()

    async def aclose(self) -> None:
        """Wait for what was begun."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # --- commands ---

    async def start(self, interaction: discord.Interaction, words: str, where: str) -> None:
        """`/interview start`; `words` as `bot.commands.wish` reads them, `where` "thread" for a private thread."""

        async def work() -> None:
            try:
                wished = wish(words, self._bank.questions)
            except NotUnderstood as problem:
                await tell(interaction, f"{escape(str(problem))}\n`/interview help` shows what you can ask for.")
                return
            await self._open(interaction, wished, aside=where == "thread")

        await self._held(interaction, work)

    async def _open(
        self, interaction: discord.Interaction, wished: Wish, *, aside: bool = False, at_once: str = ""
    ) -> None:
        # Where it opens they are told once it does.
        await self._once(interaction, have_opened(self._engine, _opening(interaction, wished, aside=aside), at_once))

    async def steer(self, interaction: discord.Interaction, name: CommandName) -> None:
        """`/interview hint` and whatever else is a command of the interview."""

        async def work() -> None:
            thread = await self._thread(interaction)
            interview = await self._store.interview(thread) if thread else None
            if thread is None or interview is None:
                await tell(interaction, NO_INTERVIEW)
            elif ends(name, interview):
                await tell(interaction, Outgoing(REALLY_END, (buttons.really_end(thread),)))
            elif problem := wrong(name, interview):
                await tell(interaction, problem)
            else:
                await self._steer(interaction, thread, Typed(name), str(interaction.id))
                await self._point_to(interaction, thread)

        await self._held(interaction, work)

    async def dispute(self, interaction: discord.Interaction) -> None:
        """`/interview dispute`."""

        async def work() -> None:
            over = [each for each in await self._sittings(interaction) if each.over and each.card]
            if over:
                await self._dispute(interaction, over[0])
            else:
                await tell(interaction, NOTHING_TO_DISPUTE)

        await self._safely(interaction, work)

    async def score(self, interaction: discord.Interaction) -> None:
        """`/interview score`."""

        async def work() -> None:
            over = [each for each in await self._sittings(interaction) if each.over]
            if not over:
                await tell(interaction, NO_CARD)
                return
            errand = Errand(f"card:{interaction.id}", interaction.user.id, over[0].thread, token=interaction.token)
            await have_done(self._engine, "discord.card", errand)
            if place(over[0].thread).channel == interaction.channel_id:
                await done(interaction)
            else:
                await tell(interaction, f"It comes to where we talked: {place(over[0].thread).link()}")

        await self._held(interaction, work)

    async def share(self, interaction: discord.Interaction) -> None:
        """`/interview share`: asks once more, here."""

        async def work() -> None:
            over = [each for each in await self._sittings(interaction) if each.card]
            if not over:
                await tell(interaction, NO_CARD)
            elif place(over[0].thread).channel == interaction.channel_id:
                await tell(interaction, SHARE_HOW)
            else:
                said = SHARE_HERE.format(title=escape(over[0].title))
                await tell(interaction, Outgoing(said, (buttons.post_here(over[0].thread),)))

        await self._held(interaction, work)

    async def history(self, interaction: discord.Interaction) -> None:
        """`/interview history`."""

        async def work() -> None:
            found = await self._sittings(interaction)
            await tell(interaction, "\n".join(map(_line, found[:LISTED])) or NO_HISTORY)

        await self._held(interaction, work)

    async def help(self, interaction: discord.Interaction) -> None:
        """`/interview help`."""
        await tell(interaction, HELP)

    async def export(self, interaction: discord.Interaction) -> None:
        """`/interview export`."""

        async def work() -> None:
            who = person(interaction.user.id)
            daily = await self._daily_store.exported(who)
            written = await export(self._store, self._bank.case, who, daily)
            await tell(interaction, Outgoing(EXPORTED, files=(("mockingbird-export.json", written.encode()),)))

        await self._held(interaction, work)

    async def forget(self, interaction: discord.Interaction) -> None:
        """`/interview forget`: asks once more."""
        await tell(interaction, Outgoing(REALLY_FORGET, (buttons.really_forget(),)))

    async def daily(self, interaction: discord.Interaction, order: str, channel: str = "") -> None:
        """`/interview daily …`; `set` without saying when shows a form."""
        if order == "set":
            await self._safely(interaction, lambda: self._daily.form(interaction, channel))
        else:
            await self._held(interaction, lambda: self._daily.ordered(interaction, order, channel))

    # --- buttons ---

    async def pressed(self, interaction: discord.Interaction, action: str, value: str) -> None:
        """A button; `value` is the thread it is about, or ""."""
        if action == actions.START:
            await show(interaction, forms.start())
        elif action in FORMS:
            await self._safely(interaction, lambda: self._daily.pressed(interaction, action, value))
        elif action in (actions.DISPUTE, buttons.UNHELPFUL):
            # A form must be the first answer, so these are not held.
            await self._safely(interaction, lambda: self._show_form(interaction, action, value))
        else:
            await self._held(interaction, lambda: self._pressed(interaction, action, value))

    async def _pressed(self, interaction: discord.Interaction, action: str, value: str) -> None:
        at_once = f"{action}:{value}:{interaction.message.id if interaction.message else 0}"
        if action == actions.SURPRISE:
            await self._open(interaction, Wish(), at_once=at_once)
            return
        if action == buttons.REALLY_FORGET:
            await self._forget(interaction)
            return
        if action in MINE:
            await self._about_daily(interaction, action, value, at_once)
            return
        interview = await self._owned(interaction, value)
        if interview is None:
            return
        if action == actions.REPORT:
            errand = Errand(f"report:{interaction.id}", interaction.user.id, value, token=interaction.token)
            await self._once(interaction, have_done(self._engine, "discord.report", errand, at_once))
        elif action == actions.SHARE:
            await tell(interaction, SHARE_HOW)
        elif action == buttons.POST_HERE:
            await self._post_here(interaction, value, at_once)
        elif action == buttons.HELPFUL:
            await felt(self._store, value, UP)
            await tell(interaction, GLAD)
        elif action == buttons.CLOSE:
            await self._press(interaction, actions.END, value, interview)
        elif action == actions.END and interview.phase is Phase.DEBRIEF:
            # Of a message whose buttons could not be taken away: it is not to close what it was to end.
            await tell(interaction, IS_OVER)
        elif action == actions.END and ends(CommandName.END, interview):
            await tell(interaction, Outgoing(REALLY_END, (buttons.really_end(value),)))
        elif action in COMMAND_OF:
            await self._press(interaction, action, value, interview)

    async def _about_daily(self, interaction: discord.Interaction, action: str, value: str, at_once: str) -> None:
        if action != actions.DAILY_PRACTISE:
            await self._daily.pressed(interaction, action, value)
        elif wished := await self._daily.wish(interaction, value):
            await self._open(interaction, wished, at_once=at_once)

    async def _press(self, interaction: discord.Interaction, action: str, thread: str, interview: Interview) -> None:
        """A button that steers the interview: each does so once."""
        name = COMMAND_OF[action]
        if problem := wrong_press(action, interview):
            await tell(interaction, problem)
        else:
            message = interaction.message.id if interaction.message else interaction.id
            # Who was asked twice ends it once: the second time would close it.
            id = "really" if action == actions.REALLY else f"press:{message}:{name}"
            if not await self._steer(interaction, thread, Typed(name), id):
                await tell(interaction, HAVE_IT)

    async def _show_form(self, interaction: discord.Interaction, action: str, thread: str) -> None:
        if await self._owned(interaction, thread) is None:
            return
        if action == buttons.UNHELPFUL:
            await show(interaction, forms.feedback(thread))
        elif found := await sitting(self._store, self._bank, thread):
            await self._dispute(interaction, found)

    async def _dispute(self, interaction: discord.Interaction, found: Sitting) -> None:
        form = forms.dispute(found.thread, found.card) if found.card else None
        if problem := wrong(CommandName.DISPUTE, found.interview):
            await tell(interaction, problem)
        elif form is None:
            await tell(interaction, NONE_LEFT)
        else:
            await show(interaction, form)

    async def _post_here(self, interaction: discord.Interaction, thread: str, at_once: str) -> None:
        errand = Errand(f"share:{interaction.id}", interaction.user.id, thread, token=interaction.token)
        await self._once(interaction, have_done(self._engine, "discord.share", errand, at_once))
        await instead(interaction, SHARED)

    async def _forget(self, interaction: discord.Interaction) -> None:
        try:
            await self._engine.forget(person(interaction.user.id))
            await self._daily_store.forget(person(interaction.user.id))
        except StoreUnavailable as problem:
            logger.warning("%s", problem)
            await tell(interaction, NOT_FORGOTTEN)
        else:
            await tell(interaction, FORGOTTEN)

    # --- forms ---

    async def submitted(self, interaction: discord.Interaction, data: Any) -> None:
        """A modal was submitted."""
        form, thread, fields = forms.read(data)
        if form == forms.START:
            await self.start(interaction, forms.wish(fields), "")
        elif form == forms.DISPUTE:
            await self._held(interaction, lambda: self._argue(interaction, thread, fields))
        elif form in forms.DAILY:
            await self._held(interaction, lambda: self._daily.submitted(interaction, form, thread, fields))
        elif form == forms.FEEDBACK:
            await self._held(interaction, lambda: self._thank(interaction, thread, fields))

    async def _argue(self, interaction: discord.Interaction, thread: str, fields: forms.Fields) -> None:
        point, argument = _one(fields, forms.POINT), clean(_one(fields, forms.ARGUMENT)).strip()
        interview = await self._owned(interaction, thread)
        if interview is None:
            return
        if not argument:
            await tell(interaction, SAY_WHERE)
        elif problem := wrong(CommandName.DISPUTE, interview):
            await tell(interaction, problem)
        else:
            typed = Typed(CommandName.DISPUTE, f"{point} {argument}")
            await self._steer(interaction, thread, typed, f"dispute:{interaction.id}")
            await self._point_to(interaction, thread)

    async def _thank(self, interaction: discord.Interaction, thread: str, fields: forms.Fields) -> None:
        if await self._owned(interaction, thread):
            reasons = [each for each in fields.get(forms.REASONS, ()) if each in forms.REASON]
            await felt(self._store, thread, ", ".join((DOWN, *reasons)), clean(_one(fields, forms.WORDS)))
            await tell(interaction, THANKS)

    # --- small things ---

    async def _held(self, interaction: discord.Interaction, work: Callable[[], Awaitable[None]]) -> None:
        """Do what takes a moment, after Discord was told that it does."""
        self._is_awaited()
        await hold(interaction)
        await self._safely(interaction, work)

    async def _safely(self, interaction: discord.Interaction, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, and say so if it can't be done."""
        self._is_awaited()
        try:
            await work()
        except StoreUnavailable as problem:
            logger.warning("%s", problem)
            await tell(interaction, AWAY)
        except asyncio.CancelledError:
            raise
        except Exception as problem:
            logger.exception("An interaction failed: %s", type(problem).__name__, exc_info=False)
            await tell(interaction, FAILED)

    def _is_awaited(self) -> None:
        """Have the end wait for this task, since discord.py doesn't."""
        if this := asyncio.current_task():
            self._under_way.add(this)
            this.add_done_callback(self._under_way.discard)

    async def _steer(self, interaction: discord.Interaction, thread: str, typed: Typed, id: str) -> bool:
        new = await steer(self._engine, thread, person(interaction.user.id), typed, id)
        if new:
            self._presence.thinking(place(thread).channel)
        return new

    async def _point_to(self, interaction: discord.Interaction, thread: str) -> None:
        """There is nothing to say here but where the reply comes, if that is elsewhere."""
        where = place(thread)
        if where.channel == interaction.channel_id:
            await done(interaction)
        else:
            await tell(interaction, f"My reply is where we talk: {where.link()}")

    async def _thread(self, interaction: discord.Interaction) -> str | None:
        """The interview a command is about: the one that is held here, else the latest that goes on."""
        candidate = person(interaction.user.id)
        here = await self._store.room(room(interaction.channel_id or 0))
        if here and here.candidate == candidate and await self._store.holder(here.thread) == candidate:
            return here.thread
        return await unfinished(self._store, candidate, ours)

    async def _sittings(self, interaction: discord.Interaction) -> tuple[Sitting, ...]:
        return await sittings(self._store, self._bank, person(interaction.user.id))

    async def _owned(self, interaction: discord.Interaction, thread: str) -> Interview | None:
        """The interview, if it is theirs; else they are told."""
        interview = await self._store.interview(thread) if ours(thread) else None
        if interview and interview.candidate == person(interaction.user.id):
            return interview
        await tell(interaction, NOT_YOURS if interview else GONE)
        return None

    async def _once(self, interaction: discord.Interaction, asked: Awaitable[bool]) -> None:
        if not await asked:
            await tell(interaction, ON_ITS_WAY)


def _opening(interaction: discord.Interaction, wished: Wish, *, aside: bool = False) -> Opening:
    # Where only the person has installed the bot, it is no member of the server, and may do nothing there.
    guild = interaction.guild_id or DIRECT
    if interaction.client.get_guild(guild) is None:
        guild = DIRECT
    return Opening(
        str(interaction.id),
        interaction.user.id,
        wished,
        guild,
        interaction.channel_id or 0,
        aside,
        interaction.token,
        thinks(interaction),
    )


def _line(each: Sitting) -> str:
    verdict = "not finished"
    if each.card:
        verdict = f"{each.card.verdict}, {each.card.overall} of 5" if each.card.verdict else "no verdict"
    title = shortened(one_line(each.title), TITLE, escape, size)
    began = each.began or discord.utils.utcnow().timestamp()
    return f"- {title}, {each.interview.settings.level}, <t:{int(began)}:d>: {verdict}"


def _one(fields: forms.Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "")
