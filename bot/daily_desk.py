"""Owns what people ask of a channel's daily question, on every platform: answers, open and sealed, reminders, feedback.

Every reply is plain text in which only backticks mean something. What it says of a person is for that person alone.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from bot.text import clean
from interviewer.daily import (
    REMINDS,
    DailyAnswer,
    DailyQuestion,
    Deed,
    Kind,
    Standing,
    moment,
    slot,
)
from interviewer.daily_store import DailyStore, key
from interviewer.discussion import Judged, compared
from interviewer.hearing import LONGEST, note, where
from interviewer.model import Answer, Level, PointState, RubricPoint
from interviewer.ports import Clock, Rater, final
from interviewer.questions import Bank, BankError, UnknownQuestion

LONGEST_SEALED = 1500
"""Characters of a blind answer."""
QUOTE = 200
"""Characters of somebody's words as far as they are repeated to them."""
SOON, TOO_SOON = 75 * 60.0, 10 * 60.0
"""Seconds until the reveal: with less than the first a reminder comes half-way, with less than the second none does."""
GONE = "That question is no longer kept. The latest one in the channel takes answers."
OUT = "The answers are out already: answer in the thread."
LEFT = (
    "You are left out from now on, in every channel: nothing I post names or quotes you, and I don't count your days. You can "
    "still answer, and ask for feedback. “Count me in” takes it back."
)
JOINED = (
    "You are counted in: where a channel has a leaderboard, it shows your days with an answer, the points you improved and "
    "your streak. Digests may name you, and reveals may quote what you answer in the open. “Leave me out” takes it back."
)


@dataclass(frozen=True)
class Desk:
    """Answers what is asked of daily questions. Every method raises StoreUnavailable.

    A channel, a person and a team are opaque names; a question goes by the name of its slot, a zone by its IANA name, or "" where
    the person's is not known."""

    store: DailyStore
    bank: Bank
    rater: Rater
    clock: Clock

    # --- what people answer -----------------------------------------------------------------------------------------

    async def heard(  # noqa: PLR0913 (a message is that much)
        self, channel: str, under: str, message: str, person: str, zone: str, text: str, *, posted: bool = False
    ) -> bool:
        """Note a message, new or edited, in the thread of the message `under`. `posted`: the bot said it for them. False: that is
        no daily question's."""
        which = await self.store.slot_of(channel, under)
        if which is None:
            return False
        said = clean(text).strip()[:LONGEST]
        question, now = await self.store.question(channel, which), self.clock()
        if not said:
            await self.store.unanswer(channel, which, message)
        elif question and now < question.reveals:
            # An edit is no new answer: it counts for the day of the first.
            before = (each.at for each in await self.store.answers(channel, which) if each.message == message)
            await note(
                self.store,
                channel,
                question,
                DailyAnswer(person, said, next(before, now), message, posted=posted),
                zone,
            )
        return True

    async def unheard(self, channel: str, under: str, message: str) -> bool:
        """Drop a message that was deleted from the thread of the message `under`. False: that is no daily question's."""
        which = await self.store.slot_of(channel, under)
        if which is None:
            return False
        await self.store.unanswer(channel, which, message, for_good=True)
        return True

    async def posted(self, channel: str, under: str, person: str) -> DailyAnswer | None:
        """What the bot said for somebody in the thread of the message `under`, while it can be changed; None for nothing."""
        question = await self._question_under(channel, under)
        if question is None or self.clock() >= question.reveals:
            return None
        answers = await self.store.answers(channel, question.slot)
        return next((each for each in reversed(answers) if each.posted and each.person == person), None)

    async def closed(self, channel: str, under: str) -> str:
        """Why the question that stands as the message `under` takes no answers any more; "" while it does."""
        question = await self._question_under(channel, under)
        if question is None:
            return GONE
        return OUT if self.clock() >= question.reveals else ""

    async def seal(self, channel: str, slot_name: str, person: str, zone: str, text: str) -> str:
        """Keep a blind answer, in place of the one before; an empty one takes it back."""
        question, now = await self._named_question(channel, slot_name), self.clock()
        if question is None:
            return GONE
        if now >= question.reveals:
            return OUT
        said = clean(text).strip()
        if len(said) > LONGEST_SEALED:
            return (
                f"That is {len(said):,} characters, and a blind answer has room for {LONGEST_SEALED:,}: shorten it, or answer in "
                "the thread."
            )
        if not said:
            if not await self.sealed(channel, slot_name, person):
                return "There was nothing in it, so nothing is sealed. Press “Blind answer” again to write one."
            await self.store.unanswer(channel, question.slot, key(DailyAnswer(person, "", now, sealed=True)))
            return "Your blind answer is taken back. Press “Blind answer” again to write another."
        answer = DailyAnswer(person, said, now, secrets.token_hex(4), sealed=True)
        await note(self.store, channel, question, answer, zone)
        name = "without" if (await self.store.standing(person)).hidden else "with"
        when = _when(question.reveals, now, where(question, zone))
        return (
            f"Sealed. It is shown in the thread {when}, {name} your name, and nobody sees it before. Until then you can change "
            "it: press “Blind answer” again."
        )

    async def sealed(self, channel: str, slot_name: str, person: str) -> str:
        """What somebody has sealed, to change it; "" if nothing."""
        question = await self._named_question(channel, slot_name)
        answers = await self.store.answers(channel, question.slot) if question else ()
        return next((each.text for each in answers if each.sealed and each.person == person), "")

    # --- what people ask for ----------------------------------------------------------------------------------------

    async def remind(self, channel: str, slot_name: str, person: str, zone: str) -> str:
        """Remind somebody before the answers are shown, or no longer if they were to be reminded."""
        question, now = await self._named_question(channel, slot_name), self.clock()
        if question is None:
            return GONE
        left = question.reveals - now
        if left <= 0:
            return OUT
        here = where(question, zone)
        out = _when(question.reveals, now, here)
        if await self.store.unremind(channel, person, question.slot):
            return (
                f"I won't remind you. The answers are shown {out}. Press “Remind me” again if you want me to after all."
            )
        if left < TOO_SOON:
            return f"The answers are shown {out}, too soon for a reminder. Answer now, in the thread or blind."
        at = question.reveals - REMINDS if left >= SOON else now + left / 2
        done = (await self.store.doings(channel)).get(Deed(Kind.REMIND, f"{person}/{question.slot.name}", at).name)
        if done and done.id:
            return f"I have reminded you already. The answers are shown {out}."
        await self.store.remind(channel, person, question.slot, at)
        return f"I'll remind you {_when(at, now, here)}. The answers are shown {out}. Press “Remind me” again to take it back."

    async def feedback(self, channel: str, slot_name: str, person: str) -> str:
        """What somebody's answer has and has not, in their own words; before the reveal without giving anything away."""
        question = await self._named_question(channel, slot_name)
        if question is None:
            return GONE
        shown = self.clock() >= question.reveals
        answers = await self.store.answers(channel, question.slot)
        text = "\n".join(each.text for each in answers if each.person == person)
        if not text:
            return (
                "You have not answered this one, and its answers are out. Try it by yourself with “Practise this privately”."
                if shown
                else "You have not answered. Write a sentence or two in the thread or press “Blind answer”, then ask me again."
            )
        try:
            case = self.bank.case(question.item.question)
            points = compared(case.guide, question.item.point, question.level)
        except (UnknownQuestion, BankError, KeyError):
            return "This question is no longer in the bank, so I can't say anything about your answer. The next one will do."
        rating = await final(self.rater.rate(case, Answer(text=text, frugal=True, final=True)))
        if not rating.gradable:
            return "I can't make out an answer in that. Say in a sentence or two what you would build and why, and ask me again."
        judged = Judged(person, rating, open=True)
        if not shown:
            covered = judged.covered(point.id for point in points)
            await self.store.first(channel, question.slot, person, covered)
        return _feedback(judged, points, shown=shown)

    async def practise(self, channel: str, slot_name: str) -> tuple[str, Level] | None:
        """The question's id and level, for an interview of one's own; None if it is no longer kept or no longer in the bank."""
        question = await self._named_question(channel, slot_name)
        if question is None:
            return None
        with suppress(UnknownQuestion):
            return self.bank.question(question.item.question).id, question.level
        return None

    async def leave(self, person: str) -> str:
        """Name somebody nowhere any more."""
        await self.store.stand(person, Standing(hidden=True))
        return LEFT

    async def join(self, person: str) -> str:
        """Count somebody in, also if they had left."""
        await self.store.stand(person, Standing(ranked=True))
        return JOINED

    # --- what it takes ----------------------------------------------------------------------------------------------

    async def _named_question(self, channel: str, name: str) -> DailyQuestion | None:
        with suppress(ValueError):
            return await self.store.question(channel, slot(name))
        return None

    async def _question_under(self, channel: str, under: str) -> DailyQuestion | None:
        which = await self.store.slot_of(channel, under)
        return await self.store.question(channel, which) if which else None


# --- in words -------------------------------------------------------------------------------------------------------


def _feedback(judged: Judged, points: Sequence[RubricPoint], *, shown: bool) -> str:
    has: list[str] = []
    open: list[str] = []
    for point in points:
        quote, state = _quoted(judged.quote(point.id)), judged.state(point.id)
        if state is PointState.COVERED:
            has.append(f"- {quote}: {point.statement}" if shown else f"- {quote}")
        else:
            doubt = f"{quote}: look at this again. " if quote and state is PointState.CHALLENGED else ""
            nudge = point.probe or "There is one more idea next to what you wrote. What could go wrong here?"
            open.append(f"- {doubt}{point.statement if shown else nudge}")
    lines = ["Only you see this. It is an estimate, and I may have misread you."]
    lines += ["What I heard, in your words:", *has] if has else []
    lines += (
        ["What a strong answer says besides:" if shown else "What you could still think about:", *open] if open else []
    )
    lines += [] if open else ["That is all I was listening for."]
    lines += ["You can add to your answer until the answers are shown, and ask me again."] if open and not shown else []
    return "\n".join(lines)


def _quoted(words: str) -> str:
    """Somebody's words on one line, between quotation marks; "" for none."""
    line = " ".join(words.replace("`", "'").split())
    return f"“{line if len(line) <= QUOTE else f'{line[: QUOTE - 1].rstrip()}…'}”" if line else ""


def _when(at: float, now: float, zone: tzinfo) -> str:
    """A moment as somebody would say it where they are: "at 16:00 (Europe/Berlin)"."""
    then, today = moment(at).astimezone(zone), moment(now).astimezone(zone).date()
    day = {today: "", today + timedelta(days=1): "tomorrow "}.get(then.date(), f"on {then:%a} {then.day} {then:%b} ")
    return f"{day}at {then:%H:%M} ({zone})"
