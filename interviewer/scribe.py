"""Owns what a channel's day is made of before it is posted: its question, what the answers to it come to, and a week's digest."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from interviewer.calendar import Holidays
from interviewer.choosing import choose, occasions, there
from interviewer.daily import (
    Board,
    DailyAnswer,
    DailyQuestion,
    Deed,
    Digested,
    Item,
    Plan,
    Slot,
    slot,
    week,
)
from interviewer.daily_store import DailyStore
from interviewer.discussion import Judged, digest, rests, streak
from interviewer.model import Answer, Case, Rating
from interviewer.ports import Rater, final
from interviewer.questions import Bank, BankError, UnknownQuestion


@dataclass(frozen=True)
class Scribe:
    """Makes what is posted, out of what is kept. `holidays` knows those of any code; `reading` lets one question's answers be
    read at a time. Every method raises StoreUnavailable."""

    store: DailyStore
    bank: Bank
    rater: Rater
    holidays: Callable[[str], Holidays]
    reading: asyncio.Semaphore

    # --- a question ---

    async def question(self, board: Board, plan: Plan, deed: Deed) -> DailyQuestion:
        """The question of a slot, the same on every try, whatever becomes of the plan meanwhile; it has no message yet."""
        which = slot(deed.what)
        if (before := await self.store.question(board.channel, which)) and there(self.bank, before.item):
            return before
        item, zone = await self._item(board, plan, which), plan.schedule.zone
        made = DailyQuestion(which, item, plan.level, deed.at, deed.at + plan.reveal, "", zone=zone)
        await self.keep(board.channel, made)
        return made

    async def _item(self, board: Board, plan: Plan, which: Slot) -> Item:
        """What a slot is about: the same for all of a team that wants the same on the same day, and new until all was asked."""
        had = {each.item for each in await self.store.past(board.channel) if each.slot.day == which.day}
        first, *others = occasions(board, plan, which, len(had) + 1)
        item = await self._pinned(board.team, plan, first)
        while item in had and others:
            item = await self._pinned(board.team, plan, others.pop(0))
        return item

    async def _pinned(self, team: str, plan: Plan, occasion: str) -> Item:
        """What a team is asked on an occasion, decided now unless it was."""
        asked = await self.store.asked(team, plan.about)
        pinned = await self.store.pinned(team, plan.about, occasion)
        pinned = pinned or await self.store.pin(
            team, plan.about, occasion, choose(self.bank, team, plan, occasion, asked)
        )
        # What was pinned may have left the bank since; then everybody chooses the same once more.
        return pinned if there(self.bank, pinned) else choose(self.bank, team, plan, occasion, asked)

    async def keep(self, channel: str, question: DailyQuestion) -> None:
        """Keep a question, unless the channel was taken away meanwhile."""
        if await self.store.board(channel):
            await self.store.keep_question(channel, question)

    # --- what the answers come to ---

    async def judged(self, channel: str, question: DailyQuestion, case: Case) -> Sequence[Judged]:
        """What everybody answered, as it was read."""
        answers = await self.store.answers(channel, question.slot)
        # Read side by side, all would be done when the last is; and an interview on this machine would wait behind each of them.
        async with self.reading:
            ratings = {each: await self._rated(case, each) for each in _texts(answers).items()}
        # Somebody may have left, or taken back what they said, while it was read.
        return [
            await self._judged(person, ratings[person, text], answers)
            for person, text in _texts(await self.store.answers(channel, question.slot)).items()
            if (person, text) in ratings
        ]

    async def _rated(self, case: Case, answer: tuple[str, str]) -> Rating:
        """What a rater makes of all that somebody answered."""
        # Nobody asked for this: it is not to spend anybody's tokens.
        return await final(self.rater.rate(case, Answer(answer[1], frugal=True, final=True)))

    async def _judged(self, person: str, rating: Rating, answers: Iterable[DailyAnswer]) -> Judged:
        """Who sealed any of what they answered, or left, is not quoted."""
        sealed = any(each.sealed for each in answers if each.person == person)
        return Judged(person, rating, not sealed and not (await self.store.standing(person)).hidden)

    # --- a week ---

    async def digest(self, board: Board, name: str) -> Digested | None:
        """The digest of the week of this name ("2026-W48"); None if nobody took part."""
        questions = [each for each in await self.store.past(board.channel) if week(each.slot.day) == name]
        people = {person for each in questions if each.outcome for person in each.outcome.takers}
        standings = {person: await self.store.standing(person) for person in people}
        ranked = [person for person, standing in standings.items() if board.leaderboard and standing.ranked]
        streaks = {person: await self._streak(board, person, questions) for person in ranked}
        made = digest(name, questions, standings, streaks, ranks=board.leaderboard)
        if made is None:
            return None
        cases: dict[str, Case] = {}
        for each in questions:
            with suppress(UnknownQuestion, BankError):
                cases[each.item.question] = self.bank.case(each.item.question)
        return Digested(made, cases)

    async def _streak(self, board: Board, person: str, questions: Sequence[DailyQuestion]) -> int:
        """Somebody's streak by the end of a week, by the days of the channel's first plan."""
        took = await self.store.days(person)
        last = max(each.slot.day for each in questions)
        # To somebody whose day is ahead of the channel's, the week's last question came on the day after.
        until = max([last, *(each.day for each in took if each.asked <= last)])
        if not board.plans:
            return streak(took, until, lambda _: False)
        schedule = board.plans[0].schedule
        return streak(took, until, rests(schedule, self.holidays(schedule.holidays)))


def authors(answers: Iterable[DailyAnswer]) -> tuple[str, ...]:
    """Who answered, in the order in which they first did."""
    return tuple(dict.fromkeys(each.person for each in answers))


def _texts(answers: Sequence[DailyAnswer]) -> Mapping[str, str]:
    """All that each person answered."""
    return {person: "\n".join(each.text for each in answers if each.person == person) for person in authors(answers)}
