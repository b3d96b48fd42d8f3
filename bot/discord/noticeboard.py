"""Owns how a daily question and what becomes of it stand in Discord's channels, and what to do where a channel takes nothing.

A notice is one message. A question's message opens the thread that it is answered in, which Discord names after the message: what
comes `under` a question goes to the channel of that id.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import discord

from bot.daily_words import value, words
from bot.discord import buttons
from bot.discord.arrivals import by_somebody, mentions, wants, wrote
from bot.discord.client import ARCHIVED, CLOSED, TROUBLE, code, passing, told
from bot.discord.notices import features, outgoing, seen
from bot.discord.places import link, on_board, person, user
from bot.discord.platform import DiscordPlatform, Letter
from bot.discord.rendering import Outgoing
from interviewer.daily import GIVEN_UP, Asked, Private, Public, Reminded, Unsealed, Written
from interviewer.model import Question
from interviewer.ports import Away, Closed

logger = logging.getLogger(__name__)

ANSWER = "daily.answer"
"""Asks for an answer in a form: without the message content intent, Discord shows the bot nothing that is written in a thread."""
NAME = 100
"""Characters of a thread's name."""
WEEK = 10_080
"""Minutes of silence after which Discord puts a thread away; the longest there is."""
LOOKS_BACK, RECENT = 1000, timedelta(days=3)
"""Messages that are read of a channel or a thread; and how old one may be that may have been posted: no notice is tried for
longer."""
HAS_THREAD, LOCKED, NO_MESSAGE, NO_CHANNEL, NO_SERVER = 160004, 160005, 10008, 10003, 10004
NO_ACCESS, NOT_PERMITTED = 50001, 50013
NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "create_public_threads": "Create Public Threads",
    "send_messages_in_threads": "Send Messages in Threads",
    "read_message_history": "Read Message History",
}
"""What the bot has to be permitted in a channel, by discord.py's names and by Discord's."""

MISSING = (
    "I am missing {missing} in {channel}. Somebody who manages the server can allow me that: Edit Channel, Permissions, and "
    "there my role."
)
DELETED = "The channel was deleted. Choose another one with `/interview daily set`."
REMOVED = "I am not in that server any more. Somebody who manages it can invite me again."
WRONG_KIND = "A daily question needs a text channel of a server. Choose one with `/interview daily set`."
NOT_DIRECTLY = "They take no direct messages from me."
REFUSED = "Discord refuses what I would post in that channel (code {code}). Whoever runs me finds more in my log."
SOMEWHERE = "that channel"


class DiscordNoticeboard:
    """Implements ports.Noticeboard. `reads`: the bot may read plain messages in servers, so nobody needs a form to answer.
    `questions` are what somebody may ask the bot for in a thread, which is no answer."""

    def __init__(
        self,
        client: discord.Client,
        platform: DiscordPlatform,
        questions: Sequence[Question] = (),
        *,
        reads: bool = False,
    ) -> None:
        self._client = client
        self._platform = platform
        self._questions = questions
        self._reads = reads

    # --- ports.Noticeboard ---

    async def post(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        _, where = on_board(channel)
        message = outgoing(words(notice), _value(channel, notice), _answer(channel, notice, reads=self._reads))
        async with self._refusals(channel):
            if under:
                return await self._under(channel, Letter(key, int(under), message))
            id = await self._platform.deliver(Letter(key, where, message))
            if isinstance(notice, Asked):
                await self._with_thread(channel, int(id), words(notice).title)
            return id

    async def find(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        _, where = on_board(channel)
        said = words(notice)
        looked_for = outgoing(said, _value(channel, notice), _answer(channel, notice, reads=self._reads))
        async with self._refusals(channel):
            try:
                found = await self._search(int(under or where), looked_for, whole=isinstance(notice, Unsealed))
            except discord.HTTPException as problem:
                if under and code(problem) == NO_CHANNEL:
                    return ""  # `post` knows what to do without the thread
                raise
            if found and isinstance(notice, Asked):
                await self._open_thread(where, int(found), said.title)
            return found

    async def take_back(self, channel: str, message: str, under: str = "") -> None:
        if message == GIVEN_UP:
            return
        _, where = on_board(channel)
        async with self._refusals(channel):
            try:
                await self._messageable(int(under or where)).get_partial_message(int(message)).delete()
            except discord.HTTPException as problem:
                if code(problem) not in {NO_MESSAGE, NO_CHANNEL}:
                    raise
        if not under:
            # Its thread, if it has one, is only put away: to delete it is more than the bot may do.
            with suppress(*TROUBLE):
                await self._client.http.edit_channel(int(message), archived=True)

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        async with self._refusals(channel):
            try:
                history = self._messageable(int(under)).history(limit=LOOKS_BACK + 1)
                messages = [message async for message in history]
            except discord.HTTPException as problem:
                if code(problem) == NO_CHANNEL:
                    return ()
                raise
        me = self._client.user.id if self._client.user else 0
        if len(messages) > LOOKS_BACK:
            return None
        return [self._as_it_stands(each, me) for each in reversed(messages)]

    async def usable(self, channel: str) -> None:
        guild, where = on_board(channel)
        found = None
        async with self._refusals(channel, explain=False):
            server = await self._client.fetch_guild(guild, with_counts=False)
            assert self._client.user
            me = await server.fetch_member(self._client.user.id)
            with suppress(discord.InvalidData):  # of a kind that discord.py does not know
                found = await server.fetch_channel(where)
        if not isinstance(found, discord.TextChannel):
            raise Closed(WRONG_KIND)
        permitted = found.permissions_for(me)
        missing = [name for each, name in NEEDED.items() if not getattr(permitted, each)]
        if missing:
            raise Closed(MISSING.format(channel=f"#{found.name}", missing=_listed(missing)))

    async def tell(self, person: str, key: str, notice: Private) -> None:
        message = outgoing(words(notice, _link(notice)), _value(notice.channel, notice))
        async with self._refusals(notice.channel, explain=False):
            direct = await self._platform.direct(user(person))
            # Two channels may have a slot of the same name.
            await self._platform.send(user(person), Letter(f"{notice.channel}/{key}", direct, message))

    # --- answers that somebody typed in a form ---

    async def say(self, thread: int, key: str, message: Outgoing, instead: str = "") -> str:
        """Say something in a question's thread, in the place of the message `instead` if that still stands; its id.

        Raises as any call does. What is said in another's place has no layout, nor had that."""
        if instead:
            try:
                await (
                    self._messageable(thread)
                    .get_partial_message(int(instead))
                    .edit(content=message.content, allowed_mentions=discord.AllowedMentions.none())
                )
            except discord.HTTPException as problem:
                # In a thread that was put away nothing can be changed; what is new opens it.
                if code(problem) not in {NO_MESSAGE, ARCHIVED}:
                    raise
            else:
                return instead
        return await self._platform.deliver(Letter(key, thread, message))

    # --- posting ---

    async def _under(self, channel: str, letter: Letter) -> str:
        """Post in a question's thread; GIVEN_UP where somebody deleted or locked it, which is no reason to ask nothing more."""
        try:
            return await self._platform.deliver(letter)
        except discord.HTTPException as problem:
            if code(problem) == NOT_PERMITTED:
                # Where the bot may write in threads it is this one that is locked.
                await self.usable(channel)
            elif code(problem) not in {NO_CHANNEL, LOCKED, ARCHIVED}:
                raise
            if code(problem) != NO_CHANNEL:
                return _given_up(problem)
        try:
            await self._open_thread(on_board(channel)[1], letter.channel, "")
        except discord.HTTPException as problem:
            if code(problem) == NO_MESSAGE:
                return _given_up(problem)
            raise
        return await self._platform.deliver(letter)

    async def _with_thread(self, channel: str, message: int, title: str) -> None:
        """Open the thread of a question that has just been posted; one that can't have a thread is no use."""
        try:
            await self._open_thread(on_board(channel)[1], message, title)
        except TROUBLE as problem:
            if passing(problem):
                # Whatever became of the thread, the question stands.
                raise Away(told(problem)) from problem
            with suppress(Closed, Away):
                await self.take_back(channel, str(message))
            raise

    async def _open_thread(self, channel: int, message: int, title: str) -> None:
        """Open the thread of a question, unless it has one."""
        name = (" ".join(title.split()) or "Daily question")[:NAME]
        try:
            await self._client.http.start_thread_with_message(channel, message, name=name, auto_archive_duration=WEEK)
        except discord.HTTPException as problem:
            if code(problem) != HAS_THREAD:
                raise

    async def _search(self, channel: int, looked_for: Outgoing, *, whole: bool) -> str:
        """The id of such a message in a channel; "" if there is none. Its words may have changed since, unless they are all it
        is known by (`whole`); its title and its buttons have not."""
        me, sought = self._client.user, features(looked_for)
        after = discord.utils.utcnow() - RECENT
        async for message in self._messageable(channel).history(limit=LOOKS_BACK, after=after, oldest_first=False):
            found = seen(message)
            same = found.title == sought.title and found.buttons == sought.buttons
            if (
                me
                and message.author.id == me.id
                and same
                and (not whole or found.texts in (sought.texts, looked_for.content))
            ):
                return str(message.id)
        return ""

    def _as_it_stands(self, message: discord.Message, me: int) -> Written:
        """A message of a thread, read as the event was that told of it."""
        text = wrote(message, me) if by_somebody(message) else None
        # Without the intent, an event tells only of what mentions the bot, though Discord may show more to who asks for it. What
        # a person wrote and the bot is not to read counts as nothing: it may be what is left of something for the bot.
        shown = self._reads or mentions(message, me)
        if text and (not shown or wants(message, me, self._questions)):
            text = ""
        return Written(person(message.author.id), text, message.created_at.timestamp(), str(message.id))

    def _messageable(self, channel: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel)

    @asynccontextmanager
    async def _refusals(self, channel: str, *, explain: bool = True) -> AsyncGenerator[None]:
        """Turn what Discord refuses into Closed and Away. `explain`: look which permission is missing."""
        try:
            yield
        except TROUBLE as problem:
            if passing(problem):
                raise Away(told(problem), unclear=not _not_taken(problem)) from problem
            if explain and code(problem) in {NO_ACCESS, NOT_PERMITTED, NO_CHANNEL}:
                await self.usable(channel)
            raise Closed(_advice(problem)) from problem


def _given_up(problem: discord.HTTPException) -> str:
    logger.info("What belongs under a question is left out: %s", told(problem))
    return GIVEN_UP


def _not_taken(problem: Exception) -> bool:
    """Whether Discord certainly did nothing: it asked for patience, or let nobody in."""
    return isinstance(problem, discord.RateLimited) or (
        isinstance(problem, discord.HTTPException) and problem.status < 500
    )


def _advice(problem: Exception) -> str:
    known = {
        **dict.fromkeys(CLOSED, NOT_DIRECTLY),
        NO_CHANNEL: DELETED,
        NO_SERVER: REMOVED,
        NO_ACCESS: MISSING.format(missing=NEEDED["view_channel"], channel=SOMEWHERE),
        NOT_PERMITTED: MISSING.format(missing="a permission", channel=SOMEWHERE),
    }
    return known.get(code(problem)) or REFUSED.format(code=code(problem))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _value(channel: str, notice: Public | Private) -> str:
    """What the buttons below a notice are about."""
    question = getattr(notice, "question", None)
    return value(channel, question.slot) if question else ""


def _answer(channel: str, notice: Public, *, reads: bool) -> Sequence[buttons.Press]:
    if reads or not isinstance(notice, Asked):
        return ()
    return (buttons.Press(ANSWER, _value(channel, notice), "Answer", discord.ButtonStyle.primary),)


def _link(notice: Private) -> str:
    """Where a notice to one person leads."""
    return link(*on_board(notice.channel), notice.question.message if isinstance(notice, Reminded) else "")
