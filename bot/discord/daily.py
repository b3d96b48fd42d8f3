"""Owns what people do about a channel's daily question in Discord: administrators order it, members answer it and ask about it.

What is said in answer is one person's alone, except an answer itself, which whoever gives it puts into the question's thread.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

import discord

from bot import actions
from bot.actions import DAILY_BLIND, DAILY_FEEDBACK, DAILY_JOIN, DAILY_LEAVE, DAILY_REMIND
from bot.commands import Wish
from bot.daily_desk import Desk
from bot.daily_planning import REALLY, Planning
from bot.discord import buttons, forms
from bot.discord.answers import instead, show, tell
from bot.discord.arrivals import wrote
from bot.discord.client import ARCHIVED, GONE, TROUBLE, code
from bot.discord.errands import Refused
from bot.discord.noticeboard import ANSWER, LOCKED, DiscordNoticeboard
from bot.discord.notices import mention, pages
from bot.discord.places import board, on_board, person, team
from bot.discord.rendering import LIMIT, Outgoing
from bot.discord.text import escape, size
from bot.text import clean
from interviewer.daily import DailyAnswer
from interviewer.model import Format
from interviewer.ports import Away, Closed, Store, StoreUnavailable
from interviewer.questions import Bank, UnknownQuestion

REMOVE = "daily.remove"
"""Ends a channel's daily question: what `/interview daily remove` leads to, by way of a question."""
MINE = frozenset(
    {actions.DAILY_PRACTISE, DAILY_BLIND, DAILY_REMIND, DAILY_FEEDBACK, DAILY_LEAVE, DAILY_JOIN, ANSWER, REMOVE}
)
"""The buttons that are about a daily question."""
FORMS = frozenset({DAILY_BLIND, ANSWER})
"""Those of them that show a form, which must be the first answer."""
POSTING = frozenset({"set", "resume", "ask-now"})
"""What is ordered only where the bot can post."""

HELP = (
    "**The daily question** asks a channel one sharp question about a system design, at a time of its own. People answer in the "
    "thread below it, or seal a blind answer that nobody sees before the reveal. Hours later I post what a strong answer says, "
    "and what the answers agreed and split on. Once a week there is a digest.\n\n"
    "**To set it up**, somebody who may manage the server types `/interview daily set`: without any option, a form asks for all "
    "there is. `status` shows what is coming, `skip` leaves the next one out, `ask-now` asks one at once, `pause`, `resume` and "
    "`remove` do what they say. `leaderboard` adds one of effort to the digest, which people join one by one.\n\n"
    "**Below a question**, Practise this privately opens an interview in our direct messages, Remind me writes to you before the "
    "reveal, and Feedback on my answer is shown to you alone. Leave me out keeps your name out of all that I post."
)
NOT_HERE = "That is for a channel of a server that I am in. Type it there; `/interview daily help` says how."
NOT_ALLOWED = (
    "Only members with the permission {permission} here can order the daily question. `/interview daily status` shows what there "
    "is."
)
CALLED = {"manage_guild": "Manage Server"}
"""Permissions that Discord calls otherwise than discord.py does."""
NO_CHANNEL = (
    "There is no text channel of this server called “{said}” that you and I can write in. Choose one of those offered."
)
BUSY = "Discord does not answer just now. Nothing has changed: try once more in a minute, please."
GONE_QUESTION = "That question is no longer kept. The next one comes by itself."
NO_THREAD = (
    "I can't write to that question's thread any more: it was deleted or locked, or I may not write there. This was your "
    "answer:"
)
NOT_POSTED = "Discord did not take your answer just now. Try once more in a minute, please. This was it:"
NOT_NOTED = (
    "I could not note your answer, so I took it out of the thread. Try once more in a minute, please. This was it:"
)
MUTED = "You may not write in threads here, so I can't post an answer for you. Practise it privately, if you like."
SAY_SOMETHING = "There was nothing in it. Press the button again and write a sentence or two."
ANSWERED = (
    "Your answer is in the thread. Press “Answer” again to change it or to take it back. Feedback on my answer, below the "
    "question, tells you alone how it does."
)
CHANGED = "Your answer is changed. Feedback on my answer, below the question, tells you alone how it does now."
WITHDRAWN = "Your answer is taken back. Press “Answer” again to write another."
STAYS = "Your answer counts no more and is not quoted, but Discord does not let me delete it from the thread. A moderator can."


class Daily:
    """Does what is asked about daily questions. `permission` is what discord.py calls the permission that ordering one takes."""

    def __init__(
        self,
        desk: Desk,
        planning: Planning,
        noticeboard: DiscordNoticeboard,
        store: Store,
        bank: Bank,
        permission: str,
    ) -> None:
        self._desk = desk
        self._planning = planning
        self._noticeboard = noticeboard
        self._store = store
        self._bank = bank
        self._permission = permission

    # --- what administrators order ---

    async def ordered(self, interaction: discord.Interaction, order: str, channel: str = "") -> None:
        """`/interview daily …`. `channel` is as it was chosen or typed, "" for this one."""
        what = order.partition(" ")[0]
        if what == "help":
            await tell(interaction, HELP)
            return
        try:
            where = self._where(interaction, channel)
            if what != "status":
                self._allow(interaction, where)
            if what in POSTING:
                await self._noticeboard.usable(where)
            asks = order == "remove" and await self._planning.store.board(where) is not None
            said = await self._order(interaction, where, order)
            await self._say(interaction, said, ((_remove(where),),) if asks else ())
        except (Refused, Closed) as problem:
            await self._say(interaction, str(problem))
        except Away:
            await tell(interaction, BUSY)

    async def form(self, interaction: discord.Interaction, channel: str = "") -> None:
        """`/interview daily set` without saying when."""
        try:
            where = self._where(interaction, channel)
            self._allow(interaction, where)
        except Refused as problem:
            await self._say(interaction, str(problem))
        else:
            await show(interaction, forms.daily(where))

    async def _order(self, interaction: discord.Interaction, where: str, order: str) -> str:
        guild, _ = on_board(where)
        said = await self._planning.order(team(guild), where, person(interaction.user.id), order)
        return said.replace("`daily ", "`/interview daily ")

    def _where(self, interaction: discord.Interaction, said: str) -> str:
        """The channel that is meant. Raises Refused."""
        guild = interaction.client.get_guild(interaction.guild_id) if interaction.guild_id else None
        if guild is None or not interaction.channel_id:
            raise Refused(NOT_HERE)
        if not said:
            here = interaction.channel
            # In a question's thread, its channel is meant.
            parent = here.parent_id if isinstance(here, discord.Thread) else interaction.channel_id
            return board(guild.id, parent)
        wanted = said.strip().strip("<#>")
        found = [each for each in guild.text_channels if wanted.casefold() in {str(each.id), each.name.casefold()}]
        member = interaction.user
        if not found or not isinstance(member, discord.Member) or not found[0].permissions_for(member).view_channel:
            raise Refused(NO_CHANNEL.format(said=said[:100]))
        return board(guild.id, found[0].id)

    def _allow(self, interaction: discord.Interaction, where: str) -> None:
        """Raises Refused for somebody who may not order this of a channel."""
        _, channel = on_board(where)
        held = interaction.permissions
        there = interaction.client.get_channel(channel)
        if (
            channel != interaction.channel_id
            and isinstance(there, discord.TextChannel)
            and isinstance(interaction.user, discord.Member)
        ):
            held = there.permissions_for(interaction.user)
        if not (held.administrator or getattr(held, self._permission)):
            called = CALLED.get(self._permission, self._permission.replace("_", " ").title())
            raise Refused(NOT_ALLOWED.format(permission=called))

    # --- buttons ---

    async def pressed(self, interaction: discord.Interaction, action: str, value: str) -> None:
        """One of `MINE`, except to practise."""
        who = person(interaction.user.id)
        channel, _, slot = value.rpartition("|")
        if action in {DAILY_BLIND, ANSWER} and not interaction.permissions.send_messages_in_threads:
            await tell(interaction, MUTED)
        elif action == DAILY_BLIND:
            await show(interaction, forms.blind(value, await self._desk.sealed(channel, slot, who)))
        elif action == ANSWER:
            under = str(interaction.message.id) if interaction.message else ""
            if closed := await self._desk.closed(channel, under):
                await tell(interaction, closed)
                return
            before = await self._desk.posted(channel, under, who)
            await show(interaction, forms.answer(f"{channel}|{under}", before.text if before else ""))
        elif action == DAILY_REMIND:
            await self._say(interaction, await self._desk.remind(channel, slot, who, await self._zone(who)))
        elif action == DAILY_FEEDBACK:
            await self._say(interaction, await self._desk.feedback(channel, slot, who))
        elif action == DAILY_LEAVE:
            await self._say(interaction, await self._desk.leave(who))
        elif action == DAILY_JOIN:
            await self._say(interaction, await self._desk.join(who))
        elif action == REMOVE:
            await self._removed(interaction, value)

    async def _removed(self, interaction: discord.Interaction, where: str) -> None:
        try:
            self._allow(interaction, where)
        except Refused as problem:
            await self._say(interaction, str(problem))
        else:
            await instead(interaction, pages(await self._order(interaction, where, f"remove {REALLY}"))[0])

    async def wish(self, interaction: discord.Interaction, value: str) -> Wish | None:
        """The interview that practises a question in private; None, and they are told, where it is no longer kept."""
        channel, _, slot = value.rpartition("|")
        if found := await self._desk.practise(channel, slot):
            question, level = found
            try:
                return Wish((self._bank.question(question),), level, format=Format.QUICK)
            except UnknownQuestion:
                pass
        await tell(interaction, GONE_QUESTION)
        return None

    # --- forms ---

    async def submitted(self, interaction: discord.Interaction, form: str, value: str, fields: forms.Fields) -> None:
        """One of `forms.DAILY`."""
        who = person(interaction.user.id)
        if form == forms.DAILY_SET:
            await self.ordered(interaction, forms.planned(fields), value.rpartition(":")[2])
            return
        text = clean("".join(fields.get(forms.WORDS, ()))).strip()
        if form == forms.DAILY_BLIND:
            channel, _, slot = value.rpartition("|")
            await self._say(interaction, await self._desk.seal(channel, slot, who, await self._zone(who), text))
        else:
            channel, _, thread = value.rpartition("|")
            await self._answer(interaction, channel, thread, text)

    async def _answer(self, interaction: discord.Interaction, channel: str, thread: str, text: str) -> None:
        """Put somebody's answer into the thread, in the place of the one before, and note it; both or neither."""
        who, message = person(interaction.user.id), ""
        if closed := await self._desk.closed(channel, thread):
            await self._say(interaction, f"{closed}\n\n{text}".strip())
            return
        before = await self._desk.posted(channel, thread, who)
        if not text:
            await tell(interaction, await self._withdrawn(channel, thread, before) if before else SAY_SOMETHING)
            return
        name, zone = await self._called(who), await self._zone(who)
        try:
            message = await self._said(interaction, thread, _quoted(name, text), before)
            noted = await self._desk.heard(channel, thread, message, who, zone, text, posted=True)
        except TROUBLE as problem:
            final = code(problem) in {*GONE, LOCKED, ARCHIVED}
            await self._say(interaction, f"{NO_THREAD if final else NOT_POSTED}\n\n{text}")
            return
        except StoreUnavailable:
            if before and before.message == message:
                with suppress(*TROUBLE):
                    await self._said(interaction, thread, _quoted(name, before.text), before)
            else:
                await self._take_back(channel, message, thread)
            await self._say(interaction, f"{NOT_NOTED}\n\n{text}")
            return
        if not noted:
            await self._take_back(channel, message, thread)
        elif before and before.message != message:
            await self._desk.unheard(channel, thread, before.message)
            await self._take_back(channel, before.message, thread)
        await tell(interaction, (CHANGED if before else ANSWERED) if noted else GONE_QUESTION)

    async def _said(
        self, interaction: discord.Interaction, thread: str, answer: Outgoing, before: DailyAnswer | None
    ) -> str:
        """The message of an answer, which takes the place of the one before where Discord lets it."""
        alike = before and not answer.layout and not _quoted("", before.text).layout
        instead = before.message if before and alike else ""
        return await self._noticeboard.say(int(thread), str(interaction.id), answer, instead)

    async def _withdrawn(self, channel: str, thread: str, before: DailyAnswer) -> str:
        """Take an answer out of the thread, and note that; what its author is told."""
        told = WITHDRAWN
        try:
            await self._noticeboard.take_back(channel, before.message, thread)
        except Away:
            return BUSY
        except Closed:
            told = STAYS
        await self._desk.unheard(channel, thread, before.message)
        return told

    async def _called(self, who: str) -> str:
        """Who answers, unless they are to be named nowhere."""
        return "Somebody" if (await self._desk.store.standing(who)).hidden else mention(who)

    async def _take_back(self, channel: str, message: str, thread: str) -> None:
        with suppress(Away, Closed):
            await self._noticeboard.take_back(channel, message, thread)

    # --- messages ---

    async def heard(self, thread: discord.Thread, message: discord.Message, me: int) -> bool:
        """Note what somebody wrote, or now writes instead, in a thread; False if that is no daily question's."""
        text = wrote(message, me)
        who = person(message.author.id)
        if not text:
            if not message.author.bot:
                # Edited into something that is not for the bot to read: what it said before is not to be quoted.
                await self._desk.heard(_asked_in(thread), str(thread.id), str(message.id), who, "", "")
            return False
        return await self._desk.heard(
            _asked_in(thread), str(thread.id), str(message.id), who, await self._zone(who), text
        )

    async def unheard(self, thread: discord.Thread, message: int) -> None:
        """A message in a thread was deleted."""
        await self._desk.unheard(_asked_in(thread), str(thread.id), str(message))

    # --- small things ---

    async def _zone(self, who: str) -> str:
        return (await self._store.preferences(who)).zone

    async def _say(self, interaction: discord.Interaction, text: str, rows: Sequence[buttons.Row] = ()) -> None:
        *before, last = pages(text)
        for page in before:
            await tell(interaction, page)
        await tell(interaction, Outgoing(last, rows))


def open_thread(where: object) -> discord.Thread | None:
    """A thread that everybody in its channel sees, where a daily question may be answered."""
    return where if isinstance(where, discord.Thread) and not where.is_private() else None


def _asked_in(thread: discord.Thread) -> str:
    return board(thread.guild.id, thread.parent_id)


def _remove(where: str) -> buttons.Press:
    return buttons.Press(REMOVE, where, "End it", discord.ButtonStyle.danger)


def _quoted(name: str, text: str) -> Outgoing:
    """Somebody's answer, which the bot posts for them."""
    lines = escape(re.sub(r"\n{3,}", "\n\n", text)).replace("\n", "\n> ")
    said = f"{name} answers:\n> {lines}"
    if size(said) <= LIMIT:
        return Outgoing(said)

    def layout() -> discord.ui.LayoutView:
        made = discord.ui.LayoutView(timeout=None)
        made.add_item(discord.ui.TextDisplay(said))
        return made

    return Outgoing(layout=layout)
