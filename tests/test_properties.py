"""What holds for any history of an interview, whatever is written, however it is rated and whoever words the moves."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from interviewer.ledger import fold
from interviewer.machine import step
from interviewer.model import (
    Answered,
    Disputed,
    Ended,
    Event,
    Format,
    HintRequested,
    Intent,
    Interview,
    Level,
    Message,
    Misconception,
    Mode,
    ModelAnswerRequested,
    Move,
    MoveKind,
    MoveOnRequested,
    Paused,
    Phase,
    PointRating,
    PointState,
    Rated,
    Rating,
    RepeatRequested,
    Resumed,
    Settings,
    Speaker,
    Started,
    TimeRequested,
    Worded,
)
from interviewer.scoring import credit, scorecard
from interviewer.speech import questions
from tests.cases import CASE, GUIDE, Drive, plainly, rating, settings

INTERVIEW = TypeAdapter(Interview)
SECRETS = [text for point in GUIDE.rubric for text in (point.statement, *point.hints, *point.exemplars)]
POINTS = st.sampled_from([point.id for point in GUIDE.rubric])

texts = st.text(max_size=40) | st.sampled_from(["We lend books", "How many?", "2 loans a second, or 4 GB", *SECRETS])
settings_ = st.builds(
    Settings,
    question=st.just("library"),
    level=st.sampled_from(Level),
    mode=st.sampled_from(Mode),
    format=st.sampled_from(Format),
)
quotes = st.sampled_from(["We lend", "books", "words nobody said", ""]) | st.text(max_size=5)
ratings = st.builds(
    Rating,
    intent=st.sampled_from(Intent),
    gradable=st.booleans(),
    points=st.lists(
        st.builds(PointRating, POINTS | st.just("unknown"), st.sampled_from(PointState), st.floats(0, 1), quotes),
        max_size=6,
    ).map(tuple),
    misconceptions=st.lists(st.builds(Misconception, POINTS | st.just("unknown"), quotes), max_size=2).map(tuple),
    fact=st.sampled_from(["readers", "unknown", ""]),
)
voices = st.lists(
    st.lists(
        st.sampled_from(["Go on.", "Why? And how?", "Why?", "", "Yes.", *SECRETS[:9]]) | st.text(max_size=9), max_size=3
    ),
    max_size=3,
)
kinds = st.sampled_from(
    [HintRequested, TimeRequested, RepeatRequested, MoveOnRequested, Paused, Resumed, Ended, ModelAnswerRequested]
)
actions = st.one_of(
    st.tuples(st.just("answer"), texts, ratings),
    st.tuples(st.just("dispute"), POINTS, ratings),
    st.tuples(st.just("do"), kinds, st.none()),
)
histories = st.lists(st.tuples(st.floats(-50, 2000), actions, voices), max_size=25)

Act = tuple[str, object, object]
History = Sequence[tuple[float, Act, list[list[str]]]]


class Played(Drive):
    """A drive that can be given one action of a history at a time, with a voice that may say anything."""

    def act(self, wait: float, action: Act, proposals: list[list[str]]) -> None:
        spoken = iter(proposals)

        def voice(move: Move) -> Sequence[str]:
            return (*next(spoken, ()), *plainly(move))

        self.voice = voice
        self.now += wait
        kind, what, rated = action
        if kind == "answer":
            assert isinstance(what, str)
            assert isinstance(rated, Rating)
            self.written += 1
            message = Message("t", f"m{self.written}", "ada", what, self.now)
            self.do(Answered((message,), self.now), rated)
        elif kind == "dispute":
            assert isinstance(what, str)
            assert isinstance(rated, Rating)
            self.do(Disputed(what, "We lend books", self.now, "d"), rated)
        else:
            assert isinstance(what, type)
            self.do(what(self.now))


def play(chosen: Settings, history: History) -> Played:
    drive = Played(chosen)
    drive.start()
    for turn in history:
        drive.act(*turn)
    return drive


def said(drive: Drive) -> list[str]:
    return [turn.text for turn in drive.transcript if turn.speaker is Speaker.INTERVIEWER]


@given(settings_, histories)
def test_the_transcript_only_grows_and_the_state_counts_its_lines(chosen: Settings, history: History) -> None:
    drive = Played(chosen)
    drive.start()
    for turn in history:
        before = list(drive.transcript)
        drive.act(*turn)
        assert drive.transcript[: len(before)] == before
        assert drive.state.turns == len(drive.transcript)


@given(settings_, histories)
def test_nothing_is_said_twice_and_no_message_holds_two_questions(chosen: Settings, history: History) -> None:
    lines = said(play(chosen, history))
    assert len({fold(line) for line in lines}) == len(lines)
    assert all(questions(line) <= 1 for line in lines)


@given(settings_, histories)
def test_active_time_never_runs_while_paused_and_never_backwards(chosen: Settings, history: History) -> None:
    drive = Played(chosen)
    drive.start()
    for turn in history:
        before = drive.state
        drive.act(*turn)
        now, then = sum(drive.state.spent.values()), sum(before.spent.values())
        assert now >= then
        assert now == then or not before.paused


@given(histories)
def test_no_hint_is_given_unasked_in_an_interview(history: History) -> None:
    drive = Played(settings(Mode.INTERVIEW))
    drive.start()
    for wait, action, proposals in history:
        before = sum(known.hints for known in drive.state.points.values())
        told = len(drive.transcript)
        drive.act(wait, action, proposals)
        asked = action[1] is HintRequested or (isinstance(action[2], Rating) and action[2].intent is Intent.HINT)
        after = sum(known.hints for known in drive.state.points.values())
        assert asked or after == before
        new = [turn.text for turn in drive.transcript[told:] if turn.speaker is Speaker.INTERVIEWER]
        assert not any(f"[{MoveKind.OFFER_HINT}]" in text for text in new)


@given(settings_, histories)
def test_statements_and_hints_are_never_said_before_they_are_earned(chosen: Settings, history: History) -> None:
    drive = Played(chosen)
    drive.start()
    for turn in history:
        told = len(drive.transcript)
        drive.act(*turn)
        if drive.state.phase in {Phase.DEBRIEF, Phase.FINISHED}:
            break
        for line in drive.transcript[told:]:
            if line.speaker is Speaker.CANDIDATE:
                continue
            for point in GUIDE.rubric:
                rung = drive.state.points[point.id].hints if point.id in drive.state.points else 0
                hidden = [*point.hints[rung:], *((point.statement, *point.exemplars) if rung < 4 else ())]
                assert not any(fold(secret) in fold(line.text) for secret in hidden)


@given(settings_, histories)
def test_what_was_not_reached_is_not_assessed_and_scores_stay_in_range(chosen: Settings, history: History) -> None:
    drive = play(chosen, history)
    card = scorecard(drive.state, CASE)
    for score in card.dimensions:
        points = [point for point in GUIDE.rubric if point.dimension is score.dimension]
        touched = any(point.phase in drive.state.reached or credit(drive.state, point) for point in points)
        assert touched or score.score is None
        assert score.score is None or 0 <= score.score <= 5
    for point in card.points:
        assert (point.credit > 0) <= (point.evidence is not None)


@given(settings_, histories)
def test_credit_never_rises_because_a_hint_was_taken(chosen: Settings, history: History) -> None:
    drive = play(chosen, history)
    before = {point.id: credit(drive.state, point) for point in GUIDE.rubric}
    drive.act(1.0, ("do", HintRequested, None), [])
    assert {point.id: credit(drive.state, point) for point in GUIDE.rubric} == before


@given(settings_, histories, st.integers(0, 5))
def test_an_answer_after_hints_never_earns_more_than_without(chosen: Settings, history: History, hints: int) -> None:
    with_hints, without = play(chosen, history), play(chosen, history)
    for _ in range(hints):
        with_hints.do(HintRequested(with_hints.now))
    if with_hints.state.phase is not without.state.phase:
        return  # the last hint ended the phase
    text = "We lend books"
    everything = rating(*(point.id for point in GUIDE.rubric), text=text)
    for drive in (with_hints, without):
        drive.answer(text=text, rated=everything)
    for point in GUIDE.rubric:
        assert credit(with_hints.state, point) <= credit(without.state, point)


@given(settings_, histories, histories)
def test_a_finished_interview_stays_finished(chosen: Settings, history: History, more: History) -> None:
    drive = play(chosen, history)
    drive.do(Ended(drive.now))
    drive.do(Ended(drive.now))
    over = drive.state
    assert over.phase is Phase.FINISHED
    for turn in more:
        drive.act(*turn)
    assert drive.state == over


@given(settings_, histories)
def test_state_survives_a_round_trip_through_json_at_every_step(chosen: Settings, history: History) -> None:
    drive = Played(chosen)
    drive.start()
    for turn in history:
        drive.act(*turn)
        assert INTERVIEW.validate_json(INTERVIEW.dump_json(drive.state)) == drive.state


@given(settings_, histories, ratings, voices)
@example(Settings("library"), [], rating("lending", text="x"), [["hello"]])
def test_events_that_mean_nothing_now_change_nothing(
    chosen: Settings, history: History, rated: Rating, proposals: list[list[str]]
) -> None:
    drive = play(chosen, history)
    late: tuple[Event, ...] = (
        Rated(rated, drive.now),
        Worded(tuple(map(tuple, proposals)), drive.now),
        Started("again", "eve", chosen, drive.now),
    )
    for event in late:
        assert step(drive.state, event, CASE) == (drive.state, ())


@given(settings_, texts, ratings)
def test_state_round_trips_in_the_middle_of_a_turn(chosen: Settings, text: str, rated: Rating) -> None:
    drive = Played(chosen)
    drive.start()
    heard, _ = step(drive.state, Answered((Message("t", "m1", "ada", text, 1.0),), 1.0), CASE)
    weighed, _ = step(heard, Rated(rated, 1.0), CASE)
    for state in (heard, weighed):
        assert state is not None
        assert INTERVIEW.validate_json(INTERVIEW.dump_json(state)) == state


@pytest.mark.parametrize("mode", list(Mode))
def test_an_interview_always_comes_to_an_end(mode: Mode) -> None:
    drive = Drive(settings(mode, Format.FULL))
    drive.start()
    for _ in range(100):
        if drive.state.phase is Phase.DEBRIEF:
            return
        drive.answer(after=1.0)
    raise AssertionError("a hundred answers and no debrief")
