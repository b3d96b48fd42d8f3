"""What was missed below a daily question: messages that were deleted, changed or written while nobody listened."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from interviewer.daily import DailyAnswer, DailyQuestion, Item, Revealed, Took, Written
from interviewer.hearing import LONGEST, Unheard, look_again, unheard, where
from interviewer.model import Level
from interviewer.ports import Away
from tests.daily_office import ANA, BEN, BOARD, CAT, CHANNEL, NINE, REVEALS, SLOT, TODAY, Office
from tests.noticeboard import FakeNoticeboard

NOTED = DailyAnswer(ANA, "A lease.", NINE + 60, "1")
STANDS = Written(ANA, "A lease.", NINE + 60, "1")


def test_what_stands_as_it_was_noted_is_nothing_new() -> None:
    sealed = DailyAnswer(BEN, "A queue.", NINE + 90, "hidden", sealed=True)
    spaced = replace(STANDS, text=" A lease.\n")
    for stands in (STANDS, spaced, replace(STANDS, text=None)):
        assert unheard([NOTED, sealed], [stands], REVEALS) == Unheard()
    long = replace(NOTED, text="x" * LONGEST)
    assert unheard([long], [replace(STANDS, text="x" * (LONGEST + 1))], REVEALS) == Unheard()


def test_what_is_gone_was_deleted_and_what_is_empty_is_no_answer_any_more() -> None:
    assert unheard([NOTED], [], REVEALS) == Unheard(deleted=("1",))
    assert unheard([NOTED], [replace(STANDS, text=" ")], REVEALS) == Unheard(emptied=("1",))
    assert unheard([], [replace(STANDS, text="")], REVEALS) == Unheard()


def test_what_was_changed_or_missed_is_noted_unless_it_came_too_late() -> None:
    changed = replace(STANDS, text="A lock.")
    assert unheard([NOTED], [changed], REVEALS) == Unheard(said=(replace(NOTED, text="A lock."),))
    assert unheard([], [STANDS, replace(STANDS, message="2", at=REVEALS)], REVEALS) == Unheard(said=(NOTED,))
    # That a message is an answer was decided when it was written.
    assert unheard([NOTED], [replace(changed, at=REVEALS)], REVEALS) == Unheard(said=(replace(NOTED, text="A lock."),))


async def test_a_reveal_goes_by_what_stands_below_its_question(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    for person in (ANA, BEN):
        await office.says(person, "Ids")
    under = await office.under()
    thread = office.wall.threads[CHANNEL, under]
    # While nobody listened, Ana deleted her message, Ben said something else, and Cat answered.
    thread[:] = [replace(thread[1], text="No"), Written(CAT, "Leases", NINE + 60, "9")]
    await office.at(REVEALS)
    answers = await office.store.answers(CHANNEL, SLOT)
    assert {(each.person, each.text) for each in answers} == {(BEN, "No"), (CAT, "Leases")}
    outcome = (await office.question()).outcome
    assert outcome
    assert set(outcome.takers) == {BEN, CAT}
    assert await office.store.days(CAT) == {Took(TODAY, TODAY)}
    assert [each.text for each in office.rater.asked] == ["No", "Leases"]
    # Delivered late, what was deleted stays so.
    await office.store.answer(CHANNEL, SLOT, DailyAnswer(ANA, "Ids", NINE, f"{ANA} Ids"))
    assert len(await office.store.answers(CHANNEL, SLOT)) == 2


@pytest.mark.parametrize("trouble", [Away("Slow down.", unclear=False), None])
async def test_a_thread_that_cannot_be_read_holds_up_no_reveal(office: Office, trouble: Away | None) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    office.wall.threads.clear()
    office.wall.long = trouble is None
    office.wall.unread = trouble
    await office.at(REVEALS)
    assert len(office.stands(Revealed)) == 1
    assert [each.person for each in await office.store.answers(CHANNEL, SLOT)] == [ANA]


async def test_who_was_forgotten_is_not_heard_of_again_though_their_message_stands(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    await office.store.forget(ANA)
    question = await office.question()
    await look_again(office.store, office.wall, CHANNEL, question)
    assert await office.store.answers(CHANNEL, SLOT) == ()
    assert await office.store.exported(ANA) == await office.store.exported(BEN)


@pytest.mark.parametrize(
    ("theirs", "questions", "here"),
    [
        ("Asia/Tokyo", "Europe/Berlin", "Asia/Tokyo"),
        ("", "Europe/Berlin", "Europe/Berlin"),
        ("Nowhere/Land", "", "UTC"),
    ],
)
def test_a_day_is_local_to_whoever_answers_else_to_the_question(theirs: str, questions: str, here: str) -> None:
    question = DailyQuestion(SLOT, Item("garage", "garage-first"), Level.SENIOR, NINE, REVEALS, "m1", zone=questions)
    assert str(where(question, theirs)) == here


async def test_what_was_emptied_while_nobody_listened_is_no_answer_until_it_says_something_again(
    office: Office,
) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    await office.says(ANA, "Ids")
    question = await office.question()
    thread = office.wall.threads[CHANNEL, question.message]
    for text in ("", "Leases"):
        thread[:] = [replace(thread[0], text=text)]
        await look_again(office.store, office.wall, CHANNEL, question)
        assert [each.text for each in await office.store.answers(CHANNEL, SLOT)] == [text][: len(text)]


@dataclass
class Slow(FakeNoticeboard):
    """Shows a thread as it was before something `happens`."""

    happens: Callable[[], Awaitable[object]] | None = None

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        stands = await super().written(channel, under)
        assert self.happens
        await self.happens()
        return stands


async def test_what_is_heard_while_the_thread_is_read_is_not_taken_for_deleted(office: Office) -> None:
    await office.sets_up(BOARD)
    await office.at(NINE)
    answer = DailyAnswer(ANA, "Ids", NINE + 60, "1")
    wall = Slow(happens=lambda: office.store.answer(CHANNEL, SLOT, answer))
    await look_again(office.store, wall, CHANNEL, await office.question())
    assert await office.store.answers(CHANNEL, SLOT) == (answer,)
