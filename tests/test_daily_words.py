"""What the daily question says: to a channel, to one person, and about whom."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bot.daily_words import PERSON, Part, Words, mention, value, value_of, words
from interviewer import discussion
from interviewer.daily import (
    Asked,
    DailyAnswer,
    DailyQuestion,
    Digest,
    Digested,
    Discussion,
    Effort,
    Item,
    Outcome,
    Reminded,
    Revealed,
    Slot,
    Unsealed,
    View,
    Voice,
    Warned,
)
from interviewer.model import Case, Level
from interviewer.questions import data_root, load_bank
from tests.cases import CASE

NINE = datetime(2026, 11, 24, 8, tzinfo=UTC).timestamp()
"""At nine in Berlin."""
SLOT = Slot("a", date(2026, 11, 24))
QUESTION = DailyQuestion(SLOT, Item("library", "double-loan"), Level.SENIOR, NINE, NINE + 7 * 3600, "m1")
BERLIN = "Europe/Berlin"
ANA, BEN = "slack:T1:ANA", "slack:T1:BEN"
LONG = Voice("slack:T0123456789:U0123456789", "We would put a lease on it and let the late one fail, " * 20)


def length(said: Words) -> int:
    return len(said.title) + sum(len(part.text) + len(part.person) for part in said.parts)


def lines(said: Words) -> tuple[str, ...]:
    return tuple(part.text for part in said.parts)


def revealed(
    answers: int, agreed: Sequence[View] = (), split: Sequence[View] = (), missed: Sequence[View] = ()
) -> tuple[Part, ...]:
    """What a reveal tells of the answers."""
    said = words(Revealed(QUESTION, CASE, Discussion(answers, tuple(agreed), tuple(split), tuple(missed))))
    begins = said.parts.index(Part("heading", "What your answers came to"))
    return said.parts[begins + 1 :]


def digest(**changes: object) -> Digested:
    week = Digest("2026-W48", 5, (ANA, BEN), 0, replace(QUESTION, outcome=Outcome((ANA, BEN), {}, 0.5, "returns")))
    return Digested(replace(week, **changes), {"library": CASE})


def test_a_question_is_told_in_short_and_says_how_to_answer() -> None:
    prompt = f"Design a library. {'Books go out and come back. ' * 12}Start where you like, and ask me what you need."
    case = replace(CASE, question=replace(CASE.question, prompt=prompt, company="Alexandria"))
    said = words(Asked(QUESTION, case, BERLIN))
    company, situation, ask, how = said.parts
    assert said.title == "Daily question: A lending library"
    assert company == Part("small", "Alexandria")
    assert situation.text.startswith("Design a library. Books")
    assert situation.text.endswith("come back.")
    assert 300 < len(situation.text) <= 350
    assert ask == Part("strong", "What happens without double-loan?")
    assert how.text == (
        "Five minutes are enough. Answer in the thread, or seal a blind answer that nobody sees before the reveal "
        "at 16:00 (Berlin). Answers in the thread can be quoted at the reveal."
    )


def test_a_question_leaves_out_its_invitation_to_begin() -> None:
    prompt = "Books go out.  They come back. Begin wherever you like, and ask me for what you need."
    case = replace(CASE, question=replace(CASE.question, prompt=prompt))
    assert words(Asked(QUESTION, case, BERLIN)).parts[0] == Part("text", "Books go out. They come back.")


def test_a_point_of_a_twist_comes_with_what_has_changed() -> None:
    question = replace(QUESTION, item=Item("library", "flood"))
    assert "One change: One branch is under water." in lines(words(Asked(question, CASE, BERLIN)))
    assert "One change: One branch is under water." in lines(words(Reminded(question, CASE, "slack:T1:C1", BERLIN)))


@pytest.mark.parametrize(
    ("zone", "when"),
    [
        ("Asia/Kolkata", "the reveal at 20:30 (Kolkata)."),
        ("America/New_York", "the reveal at 10:00 (New York)."),
        ("Asia/Tokyo", "the reveal on Wednesday at 00:00 (Tokyo)."),
        ("Mars/Olympus", "the reveal at 15:00 (UTC)."),
        ("../passwd", "the reveal at 15:00 (UTC)."),
        ("Europe", "the reveal at 15:00 (UTC)."),
        ("", "the reveal at 15:00 (UTC)."),
    ],
)
def test_the_reveal_is_told_in_the_zone_of_the_channel(zone: str, when: str) -> None:
    assert when in words(Asked(QUESTION, CASE, zone)).parts[-1].text


def test_a_reminder_says_until_when_and_leads_to_the_question() -> None:
    said = words(Reminded(QUESTION, CASE, "slack:T1:C1", BERLIN), "https://chat.example/m1")
    assert lines(said) == (
        "What happens without double-loan?",
        "You asked to be reminded: it is open until the reveal at 16:00 (Berlin). Answer it here: https://chat.example/m1",
    )


def test_a_warning_says_why_and_what_helps() -> None:
    said = words(Warned("slack:T1:C1", "It is archived. Unarchive it."), "https://chat.example/c1")
    assert said.parts[0].text == (
        "I can't post the daily question to https://chat.example/c1 any more. It is archived. Unarchive it."
    )
    assert "/interview daily resume" in said.parts[1].text
    assert "/interview daily remove" in said.parts[1].text


# --- what the answers came to ---------------------------------------------------------------------------------------


def test_a_reveal_tells_what_a_strong_answer_says() -> None:
    said = words(Revealed(QUESTION, CASE, Discussion(0)))
    assert lines(said)[:9] == (
        "The question was: What happens without double-loan?",
        "What a strong answer says",
        "The double-loan idea is said in full.",
        "In somebody's words",
        "I would do the double-loan thing.",
        "A common slip",
        "We never need double-loan.",
        "To think on",
        "And deeper into double-loan?",
    )


def test_without_answers_nobody_is_blamed() -> None:
    (only,) = revealed(0)
    assert only.text.startswith("There were no answers to compare this time.")


@pytest.mark.parametrize(
    ("answers", "said", "opening"),
    [
        (1, 1, "It says"),
        (2, 2, "Both said"),
        (4, 4, "All 4 said"),
        (3, 2, "Most said (2 of 3)"),
        (4, 1, "Only 1 of 4 said"),
    ],
)
def test_agreement_is_told_by_how_many_there_were(answers: int, said: int, opening: str) -> None:
    count, view, quote = revealed(answers, agreed=[View("double-loan", said, 0, (Voice(ANA, "We lock it."),))])
    assert count.text == ("One person answered." if answers == 1 else f"{answers} people answered.")
    assert view == Part("text", f"{opening} what the strong answer above says.")
    assert quote == Part("quote", "We lock it.", ANA)


def test_a_split_quotes_both_sides() -> None:
    view = View("returns", 3, 1, (Voice(ANA, "Yes."),), (Voice(BEN, "No."),))
    assert revealed(5, split=[view])[1:] == (
        Part(
            "text",
            "Where you were split (3 said so, 1 ruled it out, 1 did not mention it): The returns idea is said in full.",
        ),
        Part("quote", "Yes.", ANA),
        Part("small", "Others see it differently:"),
        Part("quote", "No.", BEN),
    )


@pytest.mark.parametrize(
    ("answers", "said", "against", "opening"),
    [
        (5, 1, 0, "Hardly anybody mentioned"),
        (5, 0, 0, "Nobody mentioned"),
        (5, 0, 2, "Nobody said so, and 2 ruled it out"),
        (1, 0, 0, "It does not mention"),
        (1, 0, 1, "It rules this out"),
    ],
)
def test_what_was_missed_is_told_from_what_was_ruled_out(answers: int, said: int, against: int, opening: str) -> None:
    _, view = revealed(answers, missed=[View("returns", said, against)])
    assert view.text == f"{opening}: The returns idea is said in full."


# --- who is named ---------------------------------------------------------------------------------------------------


def test_a_blind_answer_is_shown_whole_and_names_only_who_may_be_named() -> None:
    answer = DailyAnswer(ANA, "A lease.\n\nThen a fence." + " Why?" * 295, NINE, sealed=True)
    by, quote = words(Unsealed(QUESTION, answer, named=True)).parts
    assert by.text == f"Sealed until now, by {mention(ANA)}:"
    assert quote == Part("quote", answer.text)
    shy, _ = words(Unsealed(QUESTION, answer, named=False)).parts
    assert shy.text == "Sealed until now, by somebody who would rather not be named:"


def test_nobody_can_write_a_mention() -> None:
    forged = f"Ask {mention(BEN)} \x1b[31mnow"
    unsealed = words(Unsealed(QUESTION, DailyAnswer(ANA, forged, NINE), named=True))
    assert [PERSON.findall(part.text) for part in unsealed.parts] == [[ANA], []]
    (_, _, quote) = revealed(1, agreed=[View("double-loan", 1, 0, (Voice(ANA, forged),))])
    assert quote.text == f"Ask {BEN} [31mnow"
    titled = replace(CASE, question=replace(CASE.question, title=forged, company=forged, prompt=forged))
    asked = words(Asked(QUESTION, titled, BERLIN))
    assert not PERSON.search("".join((asked.title, asked.summary, *lines(asked))))
    assert PERSON.findall(mention(f"slack:\u2063T1:\u2063{BEN}")) == [f"slack:T1:{BEN}"]


@pytest.mark.parametrize(
    ("named", "unnamed", "sentence"),
    [
        (("a",), 0, "Took part: <a>."),
        (("a", "b", "c"), 0, "Took part: <a>, <b> and <c>."),
        (("a", "b"), 2, "Took part: <a> and <b>, and 2 more who would rather not be named."),
        ((), 3, "Took part: 3 who would rather not be named."),
    ],
)
def test_a_digest_names_only_who_may_be_named(named: tuple[str, ...], unnamed: int, sentence: str) -> None:
    said = words(digest(named=named, unnamed=unnamed))
    assert sentence in [PERSON.sub(r"<\1>", line) for line in lines(said)]


# --- a week ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("week", "questions", "when"),
    [
        ("2026-W48", 5, "Monday 23 to Sunday 29 November, 5 questions"),
        ("2026-W49", 1, "Monday 30 November to Sunday 6 December, 1 question"),
        ("2026-W53", 2, "Monday 28 December 2026 to Sunday 3 January 2027, 2 questions"),
    ],
)
def test_a_digest_says_of_which_week_it_is(week: str, questions: int, when: str) -> None:
    assert words(digest(week=week, questions=questions)).parts[0] == Part("small", when)


def test_a_digest_tells_the_favourite_and_what_divided_most() -> None:
    said = lines(words(digest(divided=digest().digest.favourite)))
    assert said[2:8] == (
        "Question of the week",
        "A lending library",
        "What happens without double-loan?",
        "Most divided decision",
        "A lending library",
        "The returns idea is said in full.",
    )


def test_a_digest_leaves_out_a_question_that_the_bank_has_lost() -> None:
    lost = replace(QUESTION, item=Item("library", "gone"), outcome=Outcome((ANA,), {}, 0.5, "gone"))
    said = lines(words(digest(favourite=lost, divided=replace(lost, item=Item("gone", "gone")))))
    assert "A lending library" in said
    assert "Most divided decision" not in said


def test_a_leaderboard_counts_in_the_right_numbers() -> None:
    efforts = (Effort(ANA, 4, 2, 9), Effort(BEN, 1, 1, 1), Effort("slack:T1:CLEO", 1, 0, 0))
    said = words(digest(ranks=True, leaderboard=efforts))
    assert (
        f"{mention(ANA)}: 4 days, 2 points improved, streak 9\n{mention(BEN)}: 1 day, 1 point improved, streak 1\n"
        f"{mention('slack:T1:CLEO')}: 1 day"
    ) in lines(said)
    assert [label for _, label in said.buttons] == ["Count me in", "Leave me out"]


def test_an_empty_leaderboard_invites_and_none_does_not() -> None:
    empty, none = words(digest(ranks=True)), words(digest())
    assert "Nobody has joined it yet." in lines(empty)
    assert "Count me in" in empty.parts[-1].text
    assert [label for _, label in none.buttons] == ["Leave me out"]
    assert "Leaderboard" not in lines(none)
    assert "Count me in" not in none.parts[-1].text


# --- lengths, and buttons -------------------------------------------------------------------------------------------


def test_questions_of_the_bank_and_their_reveals_are_short_enough() -> None:
    bank = load_bank(data_root())
    for entry in bank.questions[::4]:
        case = bank.case(entry.id)
        for point in case.guide.rubric:
            question = replace(QUESTION, item=Item(entry.id, point.id))
            assert length(words(Asked(question, case, BERLIN))) < 3000
            said = words(Revealed(question, case, quarrel(case, point.id)))
            assert length(said) < 3000
            assert point.statement in lines(said), "a fact of the bank is never cut"


def quarrel(case: Case, point: str) -> Discussion:
    """Everybody is split about everything, at length."""
    points = discussion.compared(case.guide, point, Level.STAFF)
    return Discussion(8, split=tuple(View(each.id, 4, 4, (LONG, LONG), (LONG, LONG)) for each in points))


def test_a_reveal_is_short_enough_whatever_a_guide_says() -> None:
    def wordy(text: str) -> str:
        return f"{text} " * 100

    rubric = tuple(
        replace(
            point,
            statement=wordy(point.statement),
            exemplars=(wordy("Thus."),),
            misconceptions=(wordy("Never."),),
            challenge=wordy("Why?"),
            deeper=wordy("And then?"),
        )
        for point in CASE.guide.rubric
    )
    case = Case(replace(CASE.question, title=wordy("Long")), replace(CASE.guide, rubric=rubric))
    assert length(words(Revealed(QUESTION, case, quarrel(case, "double-loan")))) < 4000


def test_a_digest_of_sixty_people_is_short_enough() -> None:
    people = tuple(f"slack:T0123456789:U{number:010}" for number in range(60))
    efforts = tuple(Effort(person, 5, 12, 40) for person in people)
    said = words(digest(named=people, unnamed=12, ranks=True, leaderboard=efforts, divided=digest().digest.favourite))
    assert length(said) < 3500
    assert len(PERSON.findall(said.parts[1].text)) == 30
    assert "and 30 more, and 12 more who would rather not be named." in said.parts[1].text


def test_a_button_carries_its_channel_and_slot() -> None:
    assert value("discord:1:2", SLOT) == "discord:1:2|a/2026-11-24"
    assert value_of(value("slack:T1:C|1", SLOT)) == ("slack:T1:C|1", SLOT)


@pytest.mark.parametrize("junk", ["", "slack:T1:C1", "|a/2026-11-24", "slack:T1:C1|", "slack:T1:C1|a/tomorrow"])
def test_a_button_that_carries_something_else_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match=r"no channel and slot|Invalid isoformat"):
        value_of(junk)
