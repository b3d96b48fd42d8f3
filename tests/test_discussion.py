"""What a day's question is about, and what the answers to it come to: nobody is quoted, named or ranked who is not to be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from interviewer.calendar import DAY, WEEKDAYS, Schedule
from interviewer.daily import (
    DailyQuestion,
    Digest,
    Discussion,
    Effort,
    Item,
    Outcome,
    Slot,
    Standing,
    Took,
    View,
    Voice,
)
from interviewer.discussion import (
    POINTS,
    QUOTED,
    Judged,
    compared,
    digest,
    discuss,
    divide,
    outcome,
    rests,
    sharp,
    streak,
    wording,
)
from interviewer.model import Guide, Level, Phase, PointState, RubricPoint
from interviewer.questions import data_root, load_bank
from tests.cases import GUIDE, rating

SENIOR = {
    "loan-call",
    "copy-record",
    "one-desk",
    "shelf-index",
    "double-loan",
    "returns",
    "flood",
    "fines",
    "paper-or-not",
}
WORTHY = {
    Level.MID: SENIOR - {"shelf-index", "double-loan", "flood"},
    Level.SENIOR: SENIOR,
    Level.STAFF: SENIOR | {"stale-shelf"},
}
MONDAY = date(2026, 11, 23)


def ids(guide: Guide = GUIDE) -> list[str]:
    return [point.id for point in guide.rubric]


def bare(guide: Guide) -> Guide:
    """A guide that asks nothing about its points."""
    return replace(guide, rubric=tuple(replace(point, challenge="", probe="") for point in guide.rubric))


# --- what is asked --------------------------------------------------------------------------------------------------


@given(st.sampled_from(Level), st.text())
def test_no_point_is_asked_again_before_all_that_are_worth_it_were(level: Level, seed: str) -> None:
    asked: list[str] = []
    for _ in range(3 * len(WORTHY[level])):
        found = sharp(GUIDE, level, asked, seed)
        assert found
        assert found == sharp(GUIDE, level, asked, seed)
        asked.append(found.id)
    for begin in range(len(asked) - len(WORTHY[level]) + 1):
        assert set(asked[begin : begin + len(WORTHY[level])]) == WORTHY[level]


@given(st.lists(st.sampled_from([*ids(), "gone"])))
def test_when_all_were_asked_it_is_the_one_asked_longest_ago(before: Sequence[str]) -> None:
    asked = [*sorted(SENIOR), *before]
    lately = list(dict.fromkeys(reversed(asked)))
    found = sharp(GUIDE, Level.SENIOR, asked, "seed")
    assert found
    assert found.id == next(each for each in reversed(lately) if each in SENIOR)


def test_another_seed_asks_another_point() -> None:
    found = {sharp(GUIDE, Level.SENIOR, (), f"slack:T 2026-11-{day}") for day in range(10, 30)}
    assert len(found) > 4


def test_where_no_point_is_worth_it_another_is_asked_and_none_without_a_question() -> None:
    light = replace(GUIDE, rubric=tuple(replace(point, weight=1) for point in GUIDE.rubric))
    asked: list[str] = []
    for _ in ids():
        found = sharp(light, Level.STAFF, asked, "seed")
        assert found
        asked.append(found.id)
    assert sorted(asked) == sorted(ids())
    one = replace(bare(GUIDE), rubric=(*bare(GUIDE).rubric, replace(GUIDE.point("lending"), id="only")))
    assert [sharp(one, Level.MID, asked, "seed") for asked in ((), ("only",))] == [one.point("only")] * 2
    assert sharp(bare(GUIDE), Level.STAFF, (), "seed") is None


def test_a_question_is_a_points_challenge_with_the_requirement_that_changed() -> None:
    assert wording(GUIDE, GUIDE.point("returns")) == ("What happens without returns?", "")
    assert wording(GUIDE, GUIDE.point("flood")) == ("What happens without flood?", "One branch is under water.")
    neutral = replace(GUIDE.point("returns"), challenge="")
    assert wording(GUIDE, neutral) == ("How about returns?", "")


@given(st.sampled_from(ids()), st.sampled_from(Level))
def test_answers_are_compared_by_what_is_asked_and_a_few_points_next_to_it(id: str, level: Level) -> None:
    about, *others = compared(GUIDE, id, level)
    assert about == GUIDE.point(id)
    assert len({each.id for each in (about, *others)}) == 1 + len(others) <= POINTS
    for each in others:
        assert (each.phase, each.twist) == (about.phase, about.twist)
        assert level.reaches(each.level)


def test_what_is_of_the_same_kind_stands_nearest_and_then_what_weighs_most() -> None:
    def like(id: str, weight: int, of: str) -> RubricPoint:
        return replace(GUIDE.point(of), id=id, weight=weight, phase=Phase.DEEP_DIVE, level=Level.MID)

    rubric = (like("far-3", 3, "returns"), like("near-1", 1, "double-loan"), like("near-2", 2, "double-loan"))
    guide = replace(GUIDE, rubric=(*rubric, GUIDE.point("double-loan")))
    assert [each.id for each in compared(guide, "double-loan", Level.SENIOR)] == ["double-loan", "near-2", "near-1"]
    assert [each.id for each in compared(guide, "near-1", Level.MID)] == ["near-1", "near-2", "far-3"]


def test_every_question_of_the_bank_has_a_working_week_of_sharp_ones() -> None:
    bank = load_bank(data_root())
    assert bank.questions
    for question in bank.questions:
        guide, asked = bank.case(question.id).guide, list[str]()
        for _ in range(5):
            point = sharp(guide, Level.SENIOR, asked, "slack:T 2026-11-23")
            assert point, question.id
            assert point.id not in asked, question.id
            assert point.weight >= 2, question.id
            said, changed = wording(guide, point)
            assert said.strip(), (question.id, point.id)
            assert bool(changed) == bool(point.twist), (question.id, point.id)
            assert compared(guide, point.id, Level.SENIOR)[0] == point
            asked.append(point.id)


# --- what the answers come to ---------------------------------------------------------------------------------------

TALKED_OF = ("double-loan", "returns", "flood")
STATES = {"said": PointState.COVERED, "ruled-out": PointState.CHALLENGED, "wrong": PointState.CHALLENGED}
"""What an answer may do with a point; whatever else it does is not to mention it."""


def judged(person: str, does: Mapping[str, str], *, open: bool = True, gradable: bool = True) -> Judged:
    """An answer that does this with these points, all in the words `… of PERSON`."""
    made = rating(
        *(id for id, what in does.items() if what in ("said", "wrong")),
        text=f"words of {person}",
        challenged=[id for id, what in does.items() if what == "ruled-out"],
        unsure=[id for id, what in does.items() if what == "unsure"],
        wrong=[id for id, what in does.items() if what == "wrong"],
        gradable=gradable,
    )
    return Judged(person, made, open)


does = st.fixed_dictionaries({id: st.sampled_from(["said", "ruled-out", "wrong", "unsure", ""]) for id in TALKED_OF})
answers = st.lists(st.tuples(does, st.booleans(), st.booleans()), max_size=8)


@given(answers)
def test_a_discussion_counts_everybody_and_quotes_only_who_answered_in_the_open(
    given: Sequence[tuple[Mapping[str, str], bool, bool]],
) -> None:
    people = [judged(f"p{n}", what, open=open, gradable=fine) for n, (what, open, fine) in enumerate(given)]
    made = discuss(people, TALKED_OF)
    heard = {f"p{n}": (what, open) for n, (what, open, fine) in enumerate(given) if fine}
    views = [*made.agreed, *made.split, *made.missed]
    assert made.answers == len(heard)
    assert sorted(view.point for view in views) == (sorted(TALKED_OF) if heard else [])
    for view in views:
        for count, voices, state in (
            (view.said, view.voices, PointState.COVERED),
            (view.against, view.dissent, PointState.CHALLENGED),
        ):
            those = {person: open for person, (what, open) in heard.items() if STATES.get(what[view.point]) is state}
            assert count == len(those)
            may = [Voice(person, f"words of {person}") for person, open in those.items() if open]
            assert list(voices) == may[:QUOTED]
    for view in made.agreed:
        assert view.said / made.answers >= 0.66
        assert not view.against
    for view in made.missed:
        assert view.said / made.answers <= 0.34
    for view in made.split:
        assert view.said
        assert view.said < made.answers


@pytest.mark.parametrize(
    ("said", "silent", "where"),
    [
        (1, 0, "agreed"),
        (2, 1, "agreed"),
        (1, 1, "split"),
        (3, 2, "split"),
        (1, 2, "missed"),
        (1, 9, "missed"),
        (0, 1, "missed"),
    ],
)
def test_what_most_say_is_agreed_on_and_what_few_say_is_missed(said: int, silent: int, where: str) -> None:
    people = [judged(f"p{n}", {"returns": "said" if n < said else ""}) for n in range(said + silent)]
    made = discuss(people, ["returns"])
    found = {"agreed": made.agreed, "split": made.split, "missed": made.missed}
    assert [name for name, views in found.items() if views] == [where]


def test_nobody_is_quoted_with_no_words() -> None:
    silent = Judged("ada", rating("returns"), True)
    assert silent.quote("returns") == ""
    assert discuss([silent], ["returns"]).agreed == (View("returns", 1, 0),)


def test_a_point_nobody_rated_is_missing() -> None:
    assert judged("ada", {}).state("no-such-point") is PointState.MISSING
    assert judged("ada", {"returns": "said", "flood": "wrong"}).covered(ids()) == {"returns"}


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_being_divided_is_a_share_and_the_same_from_either_side(said: int, against: int, silent: int) -> None:
    answers = said + against + silent
    assume(answers)
    divided = divide(View("", said, against), answers)
    assert 0 <= divided <= 1
    if said and against:
        assert divided == divide(View("", against, said), answers) > 0
        assert (divided == 1) == (said == against)
    if not against:
        assert divided == pytest.approx(divide(View("", silent, 0), answers))
        assert (divided > 0) == (2 * silent > said and 2 * said > silent)
    if not said:
        assert divided == 0


# --- outcomes -------------------------------------------------------------------------------------------------------

covered = st.dictionaries(st.sampled_from("abcd"), st.frozensets(st.sampled_from(TALKED_OF)))


@given(covered, covered)
def test_somebody_improves_by_what_they_had_missed_at_first(
    first: Mapping[str, frozenset[str]], last: Mapping[str, frozenset[str]]
) -> None:
    made = outcome(Discussion(4), ["a", "b"], first, last)
    assert made.takers == ("a", "b")
    assert (made.split, made.divided) == (0.0, "")
    for person in "abcd":
        gained = [id for id in last.get(person, ()) if person in first and id not in first[person]]
        assert made.improved.get(person, 0) == len(gained)
    assert 0 not in made.improved.values()


def test_the_most_divided_point_is_kept() -> None:
    views = (View("mild", 9, 1), View("even", 5, 5), View("also-even", 5, 5))
    made = outcome(Discussion(10, split=views), [], {}, {})
    assert (made.divided, made.split) == ("even", 1.0)


# --- streaks --------------------------------------------------------------------------------------------------------

offsets = st.frozensets(st.integers(-15, 3))


def at_home(days: Iterable[date]) -> list[Took]:
    """Answers of somebody whose days are the channel's."""
    return [Took(day, day) for day in days]


@given(offsets, offsets)
def test_a_streak_is_every_answer_with_no_working_day_missed_since(
    days: frozenset[int], holidays: frozenset[int]
) -> None:
    schedule = Schedule(time(9), "Europe/Berlin")
    rest = rests(schedule, lambda day: "a holiday" if (day - MONDAY).days in holidays else "")

    def works(passed: int) -> bool:
        return (MONDAY + passed * DAY).isoweekday() <= 5 and passed not in holidays

    unbroken = [day for day in days if day <= 0 and all(each in days or not works(each) for each in range(day + 1, 0))]
    assert streak(at_home(MONDAY + day * DAY for day in days), MONDAY, rest) == len(unbroken)


def test_a_weekend_neither_breaks_a_streak_nor_is_lost_and_today_is_not_over() -> None:
    rest = rests(Schedule(time(9), "Europe/Berlin", WEEKDAYS), lambda _: "")
    friday, saturday = MONDAY - 3 * DAY, MONDAY - 2 * DAY
    assert streak(at_home([friday]), MONDAY, rest) == 1
    assert streak(at_home([friday, saturday]), MONDAY, rest) == 2
    assert streak(at_home([friday, MONDAY]), MONDAY, rest) == 2
    assert streak(at_home([friday]), MONDAY + DAY, rest) == 0
    assert streak([], MONDAY, rest) == 0


@pytest.mark.parametrize("ahead", [-1, 0, 1])
@pytest.mark.parametrize("missed", [None, 0, 1, 2, 3, 4])
def test_a_streak_far_away_breaks_with_the_questions_that_were_missed_and_with_no_other(
    ahead: int, missed: int | None
) -> None:
    """Of two working weeks, all questions answered or all but one of the first week."""
    rest = rests(Schedule(time(9), "America/New_York", WEEKDAYS), lambda _: "")
    asked = [MONDAY + (week * 7 + n) * DAY for week in range(2) for n in range(5) if (week, n) != (0, missed)]
    took = [Took(day + ahead * DAY, day) for day in asked]
    assert streak(took, max(took).day, rest) == (10 if missed is None else 9 - missed)


def test_who_answers_now_and_then_after_midnight_breaks_no_streak() -> None:
    rest = rests(Schedule(time(18), "Europe/Berlin", WEEKDAYS), lambda _: "")
    late = [
        Took(MONDAY + DAY, MONDAY),
        Took(MONDAY + 3 * DAY, MONDAY + 3 * DAY),
        Took(MONDAY + 8 * DAY, MONDAY + 7 * DAY),
    ]
    assert streak(late[:2], MONDAY + 3 * DAY, rest) == 1, "Wednesday's was not answered"
    assert streak([Took(MONDAY - 2 * DAY, MONDAY - 3 * DAY), late[0]], MONDAY + DAY, rest) == 2, "Friday's and Monday's"


# --- digests --------------------------------------------------------------------------------------------------------


def asked(n: int, *takers: str, improved: Mapping[str, int] | None = None, split: float = 0.0) -> DailyQuestion:
    """The n-th question of a week, two a day."""
    which = Slot("ab"[n % 2], MONDAY + n // 2 * DAY)
    became = Outcome(takers, improved or {}, split)
    return DailyQuestion(which, Item(f"q{n}", "p"), Level.SENIOR, 0.0, 0.0, f"m{n}", became)


people = st.sampled_from(["ada", "bob", "cyd", "dan", "eve"])
weeks = st.lists(
    st.tuples(
        st.lists(people, unique=True), st.dictionaries(people, st.integers(1, 3)), st.sampled_from([0.0, 0.4, 1.0])
    ),
    min_size=1,
    max_size=6,
)
standing = st.dictionaries(people, st.builds(Standing, st.booleans(), st.booleans()))


@given(weeks, standing, st.dictionaries(people, st.integers(0, 9)), st.booleans())
def test_a_digest_names_who_took_part_and_may_be_named_and_ranks_who_joined(
    week: Sequence[tuple[list[str], dict[str, int], float]],
    standings: Mapping[str, Standing],
    streaks: Mapping[str, int],
    ranks: bool,
) -> None:
    questions = [asked(n, *took, improved=better, split=split) for n, (took, better, split) in enumerate(week)]
    made = digest("2026-W48", questions, standings, streaks, ranks=ranks)
    took_part = {person for took, _, _ in week for person in took}
    if not took_part:
        assert made is None
        return
    assert made
    hidden = {person for person, how in standings.items() if how.hidden}
    joined = {person for person, how in standings.items() if how.ranked}
    assert set(made.named) == took_part - hidden
    assert made.unnamed == len(took_part & hidden)
    assert len(made.named) == len(took_part - hidden)

    def line(person: str) -> Effort:
        days = {n // 2 for n, (took, _, _) in enumerate(week) if person in took}
        return Effort(person, len(days), sum(better.get(person, 0) for _, better, _ in week), streaks.get(person, 0))

    lines = {person: line(person) for person in made.named}
    assert sorted(made.named, key=lambda person: (-lines[person].days, person)) == list(made.named)
    ranked = [lines[person] for person in lines if ranks and person in joined]
    assert sorted(ranked, key=lambda each: (-each.days, -each.improved, each.person)) == list(made.leaderboard)
    assert (made.week, made.questions, made.ranks) == ("2026-W48", len(week), ranks)
    assert len(week[questions.index(made.favourite)][0]) == max(len(took) for took, _, _ in week)
    splits = [split for _, _, split in week]
    assert made.divided == (questions[splits.index(max(splits))] if any(splits) else None)


def test_a_leaderboard_goes_by_days_before_points_and_by_points_before_names() -> None:
    questions = [asked(0, "ada", "bob", "cyd", improved={"ada": 1, "bob": 2, "cyd": 9}), asked(2, "ada", "bob")]
    joined = dict.fromkeys(["ada", "bob", "cyd"], Standing(ranked=True))
    made = digest("2026-W48", questions, joined, {"bob": 4}, ranks=True)
    assert made
    assert made.leaderboard == (Effort("bob", 2, 2, 4), Effort("ada", 2, 1, 0), Effort("cyd", 1, 9, 0))


def test_two_questions_of_a_day_are_one_day_and_what_is_not_revealed_counts_for_nothing() -> None:
    questions = [asked(0, "ada"), asked(1, "ada", "bob"), asked(2, "bob"), replace(asked(3), outcome=None)]
    made = digest("2026-W48", questions, {}, {}, ranks=True)
    assert made == Digest("2026-W48", 4, ("bob", "ada"), 0, questions[1], ranks=True)
