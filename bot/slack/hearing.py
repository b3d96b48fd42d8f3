"""Owns what becomes of a message from Slack: an answer where its author is being interviewed, or to a daily question, else a
wish, else a hello."""

import asyncio
import time

from bot.commands import addressed
from bot.people import OVER, unfinished
from bot.slack.arrivals import Changed, Said
from bot.slack.asides import Asides, Who
from bot.slack.buttons import really_end
from bot.slack.daily import Daily
from bot.slack.errands import Errand, Opening, have_done, have_opened
from bot.slack.places import Place, ours, person, place
from bot.slack.presence import Presence
from bot.steering import NO_INTERVIEW, REALLY_END, meant, steer
from bot.text import clean
from interviewer.engine import Engine
from interviewer.model import Command, CommandName, Correction, Message
from interviewer.ports import Store
from interviewer.questions import Bank

SETTLING = 600.0
"""Seconds for which an edit may arrive before its message does."""
BESIDE = "beside:"
IN_PRIVATE = "Your interview opens in our direct messages, where nobody else reads along."
STRANGER = "I hold interviews with members of this workspace only."


class Hearing:
    """Takes in messages, and what people do to them afterwards."""

    def __init__(
        self, engine: Engine, store: Store, bank: Bank, asides: Asides, presence: Presence, daily: Daily
    ) -> None:
        self._engine = engine
        self._store = store
        self._bank = bank
        self._asides = asides
        self._presence = presence
        self._daily = daily

    async def said(self, said: Said, mentioned: bool = False) -> None:
        """A message."""
        if not said.home:
            if said.private:
                self._asides.tell(_who(said), STRANGER, said.where.thread)
        elif said.thread and (await self._heard(said, said.where.thread) or await self._daily.heard(said)):
            pass
        elif said.private or mentioned:
            await self._addressed(said)

    async def _heard(self, said: Said, thread: str) -> bool:
        """Take it in if the thread has an interview of its author: a command if it is one word that is one, else an answer."""
        if not said.attachments:
            typed, reply = await meant(self._store, thread, said.candidate, said.text)
            if typed:
                await steer(self._engine, thread, said.candidate, typed, said.event, float(said.ts))
                return True
            if reply:
                asking = really_end(thread) if reply == REALLY_END else ()
                self._asides.tell(_who(said), reply, thread, asking)
                return True
        if not said.private and await self._store.holder(thread) != said.candidate:
            return False  # what people say in channels is not ours, and leaves no trace
        new = await self._engine.submit(said.event, _message(said, thread), said.candidate)
        # What is not new has been answered, or is being read: a status would stay for ever.
        if new and not self._asides.crowded:
            self._asides.begin(self._receive(said, thread))
        return new is not None

    async def _addressed(self, said: Said) -> None:
        """Something said to the bot outside any interview."""
        asked = addressed(said.text, self._bank.questions)
        if said.private and not said.thread and not asked.outright and not asked.asking:
            thread = await unfinished(self._store, said.candidate, _in_direct_messages, debriefs=False)
            if thread:
                # Written beside the thread instead of in it: an answer all the same, and still theirs to correct.
                await self._note_beside(said, thread)
                await self._heard(said, thread)
                return
        if asked.wish is None:
            await self._greet(said, asked.problem)
            return
        # In a thread that had an interview, and from a channel, it gets a place of its own.
        fresh = said.private and await self._store.interview(said.where.thread) is None
        where = (said.channel, said.where.ts) if fresh else ("", "")
        await have_opened(
            self._engine, Opening(said.event, said.team, said.user, asked.wish, *where, reply=said.channel)
        )
        if not said.private:
            self._asides.tell(_who(said), IN_PRIVATE, said.where.thread if said.thread else "")

    async def _note_beside(self, said: Said, thread: str) -> None:
        """Keep to which thread a message went that was written in none, and no longer than the thread is kept."""
        notes, kept = await self._store.notes(said.candidate), await self._store.threads(said.candidate)
        over = {name: "" for name, into in notes.items() if name.startswith(BESIDE) and into not in kept}
        await self._store.note(said.candidate, {**over, _beside(said): thread})

    async def _greet(self, said: Said, text: str) -> None:
        if said.private:
            errand = Errand(f"greet:{said.event}", said.team, said.user, said.where.ts, said.channel, text)
            await have_done(self._engine, "slack.greet", errand)
        else:
            told = f"{text}\n{NO_INTERVIEW}" if text else NO_INTERVIEW
            self._asides.tell(_who(said), told, said.where.thread if said.thread else "")

    async def changed(self, changed: Changed) -> None:
        """A message was edited or deleted: it counts as long as it has not been answered."""
        said = changed.said
        thread = said.where.thread
        if not said.thread:
            thread = (await self._store.notes(said.candidate)).get(_beside(said), "")
        if not thread:
            return
        if not await self._theirs(said, thread, deleted=changed.deleted):
            if said.home and said.thread and not said.private:
                await self._daily.changed(changed)
            return
        id = f"{said.event}:{'deleted' if changed.deleted else changed.at}"
        now = None if changed.deleted else clean(said.text)
        correction = Correction(thread, id, said.candidate, said.ts, now, float(changed.at))
        if float(changed.at) - float(said.ts) < SETTLING:
            # Should it arrive first, it is the message, or that there is none; what follows is its repetition.
            first = correction if changed.deleted else _message(said, thread)
            if await self._engine.submit(said.event, first):
                if not changed.deleted:
                    self._asides.begin(self._receive(said, thread))
                return
        await self._engine.submit(id, correction)
        if changed.deleted:
            # No reply may come to end the status.
            self._asides.begin(self._presence.idle(place(thread)))

    async def _theirs(self, said: Said, thread: str, *, deleted: bool) -> bool:
        """Whether a change matters: an edit in an interview that is open, a deletion in any that is kept."""
        if await self._store.holder(thread) == said.candidate:
            return True
        interview = await self._store.interview(thread) if deleted else None
        return interview is not None and interview.candidate == said.candidate

    async def stopped(self, who: Who, ts: str, id: str) -> None:
        """Slack's own Stop button: what is being prepared is not said."""
        where = Place(who.team, who.channel, ts)
        interview = await self._store.interview(where.thread)
        if interview and interview.candidate == person(who.team, who.user) and interview.phase not in OVER:
            stop = Command(where.thread, id, interview.candidate, CommandName.STOP, time.time())
            await self._engine.submit(f"stop:{id}", stop)
        self._asides.begin(self._presence.idle(where))

    async def _receive(self, said: Said, thread: str) -> None:
        """Show that a message has arrived, and that it is being read."""
        # At once: a status that waited for the eyes might be set when the reply is there already, and stay.
        eyes, thinking = self._presence.eyes(said.team, said.channel, said.ts), self._presence.thinking(place(thread))
        await asyncio.gather(eyes, thinking)


def _who(said: Said) -> Who:
    return Who(said.team, said.user, said.channel)


def _message(said: Said, thread: str) -> Message:
    return Message(thread, said.ts, said.candidate, clean(said.text), float(said.ts), said.attachments)


def _beside(said: Said) -> str:
    """The note of which thread a message went to that was written in none."""
    return f"{BESIDE}{said.ts}"


def _in_direct_messages(thread: str) -> bool:
    return ours(thread) and place(thread).private
