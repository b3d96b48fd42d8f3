"""What holds for any history of an interview, whatever is written, however it is rated and whoever words the moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from interviewer.ledger import fold, hear, progress
from interviewer.machine import Stage, stage, step
from interviewer.model import (
    DELETED,
    Answered,
    Attachment,
    Command,
    Corrected,
    Correction,
    Deleted,
    Disputed,
    Ended,
    Event,
    Format,
    HintRequested,
    Inbound,
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
    Reviewed,
    Settings,
    Speaker,
    Started,
    Strike,
    TimeRequested,
    Trouble,
    Turn,
    Unread,
    Worded,
    Wording,
)
from interviewer.records import INBOUND, INTERVIEW
from interviewer.scoring import credit, scorecard
from interviewer.speech import questions
from tests.cases import CASE, GUIDE, Drive, plainly, rating, settings

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
    trouble=st.none() | st.sampled_from(Trouble),
)
judged = st.tuples(ratings) | st.tuples(ratings, ratings)
"""A rating, or a provisional one and then a better one, which comes before the reply is worded."""
voices = st.lists(
    st.lists(
        st.sampled_from(["Go on.", "Why? And how?", "Why?", "", "Yes.", *SECRETS[:9]]) | st.text(max_size=9), max_size=3
    ),
    max_size=3,
)
kinds = st.sampled_from(
    [
        HintRequested,
        TimeRequested,
        RepeatRequested,
        MoveOnRequested,
        Paused,
        Resumed,
        Ended,
        ModelAnswerRequested,
        Corrected,
    ]
)
actions = st.one_of(
    st.tuples(st.sampled_from(["answer", "stopped", "unread"]), texts, judged),
    st.tuples(st.just("delete"), st.sampled_from(["m1", "m2", "m9", "d", "unknown"]), st.none()),
    st.tuples(st.just("dispute"), POINTS, st.tuples(ratings)),
    st.tuples(st.just("do"), kinds, st.none()),
)
histories = st.lists(st.tuples(st.floats(-50, 2000), actions, voices), max_size=25)

Act = tuple[str, object, tuple[Rating, ...] | None]
History = Sequence[tuple[float, Act, list[list[str]]]]


@dataclass
class Played(Drive):
    """A drive that can be given one action of a history at a time, with a voice that may say anything."""

    moves: list[Move] = field(default_factory=list[Move])

    def act(self, wait: float, action: Act, proposals: list[list[str]]) -> None:
        spoken = iter(proposals)

        def voice(move: Move) -> Sequence[str]:
            self.moves.append(move)
            return (*next(spoken, ()), *plainly(move))

        self.voice = voice
        self.now += wait
        kind, what, rated = action
        if kind in {"answer", "stopped", "unread"}:
            assert isinstance(what, str)
            assert rated is not None
            self.do(self.written_down(what, kind), *rated)
        elif kind == "delete":
            assert isinstance(what, str)
            self.do(Deleted(what, self.now))
        elif kind == "dispute":
            assert isinstance(what, str)
            assert rated is not None
            self.do(Disputed(what, "We lend books", self.now, "d"), *rated)
        else:
            assert isinstance(what, type)
            self.do(what(self.now))

    def written_down(self, text: str, kind: str) -> Answered:
        self.written += 1
        unread = (Unread("sketch.png", "picture"), Unread("log.txt", "size")) if kind == "unread" else ()
        files = tuple(Attachment(it.name, it.name, "", 1, "") for it in unread)
        message = Message("t", f"m{self.written}", "ada", text, self.now, files)
        return Answered((message,), self.now, unread, halted=kind == "stopped")


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
        for then, now in zip(before, drive.transcript, strict=False):
            assert now in (then, replace(then, kind=DELETED, text=""))
        assert drive.state.turns == len(drive.transcript) >= len(before)


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
        asked = action[1] is HintRequested or (action[2] is not None and action[2][0].intent is Intent.HINT)
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
        Reviewed(rated, drive.now),
        Worded(tuple(Wording(tuple(options)) for options in proposals), drive.now),
        Started("again", "eve", chosen, drive.now),
    )
    over = (Corrected(drive.now), Answered((), drive.now), Ended(drive.now)) * (drive.state.phase is Phase.FINISHED)
    for event in (*late, *over):
        assert step(drive.state, event, CASE) == (drive.state, ())
    for event in (*late, Corrected(drive.now), Deleted("m1", drive.now)):
        assert isinstance(event, Started) or step(None, event, CASE) == (None, ())


@given(settings_, histories, texts, ratings, st.sampled_from(["m1", "unknown"]))
def test_a_turn_that_is_under_way_is_not_disturbed_by_what_is_taken_back(
    chosen: Settings, history: History, text: str, rated: Rating, message: str
) -> None:
    drive = play(chosen, history)
    heard, now = weighed(drive, text, rated)
    for state in (heard, now):
        assert state is not None
        if stage(state) in {Stage.RATING, Stage.WORDING}:
            for event in (Corrected(drive.now), Deleted(message, drive.now)):
                assert step(state, event, CASE) == (state, ())


@given(settings_, histories, st.sampled_from(["m1", "m2", "d", "unknown"]))
def test_a_deletion_takes_the_text_and_nothing_else(chosen: Settings, history: History, message: str) -> None:
    drive = play(chosen, history)
    before = drive.state
    assert step(before, Deleted(message, drive.now), CASE) == (before, (Strike(message),))
    rest = [turn for turn in drive.transcript if turn.message != message]
    drive.do(Deleted(message, drive.now))
    assert [turn for turn in drive.transcript if turn.message != message] == rest
    assert all(turn.kind == DELETED and not turn.text for turn in drive.transcript if turn.message == message)


def listening(drive: Drive) -> bool:
    return stage(drive.state) in {Stage.CANDIDATE, Stage.RETURN}


@given(settings_, histories, texts, judged)
def test_who_stops_a_reply_hears_nothing_but_that(
    chosen: Settings, history: History, text: str, rated: tuple[Rating, ...]
) -> None:
    drive = play(chosen, history)
    assume(listening(drive))
    before, told = drive.state, len(drive.moves)
    drive.act(1.0, ("stopped", text, rated), [])
    kinds = {move.kind for move in drive.moves[told:]}
    assert MoveKind.STOPPED in kinds
    assert kinds <= {MoveKind.STOPPED, MoveKind.ON_MY_OWN}
    after = drive.state
    opened = Phase.REQUIREMENTS if before.phase is Phase.BRIEFING else before.phase
    assert after.phase in {before.phase, opened}
    done = ("asked", "challenged", "dug", "closed", "hints")
    for point in GUIDE.rubric:
        was, now = progress(before, point.id), progress(after, point.id)
        assert [getattr(was, name) for name in done] == [getattr(now, name) for name in done]
    assert (after.open and after.open.point) == (before.open and before.open.point)


@given(settings_, histories)
def test_what_could_not_be_read_changes_nothing_but_the_time(chosen: Settings, history: History) -> None:
    drive = play(chosen, history)
    assume(listening(drive))
    before, lines = drive.state, list(drive.transcript)
    drive.do(drive.written_down("", "unread"))
    after = drive.state
    kept = ("points", "phase", "reached", "open", "stalls", "dont_knows", "raters", "gradable", "estimated")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    new: list[Turn] = drive.transcript[len(lines) :]
    assert [turn.speaker for turn in new] == [Speaker.INTERVIEWER]


inbounds = st.one_of(
    st.builds(
        Message,
        at=st.floats(0, 2e9),
        attachments=st.lists(st.builds(Attachment), max_size=2).map(tuple),
    ),
    st.builds(Command, at=st.floats(0, 2e9), settings=st.none() | settings_),
    st.builds(Correction, at=st.floats(0, 2e9)),
)


@given(inbounds)
def test_what_arrives_survives_a_round_trip_as_what_it_was(inbound: Inbound) -> None:
    again = INBOUND.validate_json(INBOUND.dump_json(inbound))
    assert again == inbound
    assert type(again) is type(inbound)


def weighed(drive: Drive, text: str, rated: Rating) -> tuple[Interview | None, Interview | None]:
    """The drive's interview in the middle of a turn: when an answer was heard, and when it was rated."""
    message = Message("t", "last", "ada", text, drive.now)
    heard, _ = step(drive.state, Answered((message,), drive.now), CASE)
    return heard, step(heard, Rated(rated, drive.now), CASE)[0]


@given(settings_, texts, ratings, ratings)
def test_state_round_trips_in_the_middle_of_a_turn(chosen: Settings, text: str, first: Rating, better: Rating) -> None:
    drive = Played(chosen)
    drive.start()
    for rated in (first, replace(first, provisional=True)):
        heard, now = weighed(drive, text, rated)
        reviewed, _ = step(now, Reviewed(better, 1.0), CASE)
        for state in (heard, now, reviewed):
            assert state is not None
            assert INTERVIEW.validate_json(INTERVIEW.dump_json(state)) == state


@given(settings_, histories, texts, ratings, ratings)
@example(
    # A contradiction that was asked about before is not asked about again, and so takes no credit.
    Settings("library"),
    [
        (1.0, ("answer", "We lend", (rating("lending", text="We lend"),)), []),
        (1.0, ("answer", "We don't", (rating(challenged=["lending"], text="We don't"),)), []),
        (1.0, ("answer", "We do lend", (rating("lending", text="We do lend"),)), []),
    ],
    "We never do",
    rating(challenged=["lending"], text="We never do"),
    rating(challenged=["lending"], text="We never do"),
)
def test_of_two_ratings_only_the_last_counts(
    chosen: Settings, history: History, text: str, first: Rating, better: Rating
) -> None:
    """All but what was withdrawn because the reply asks about a contradiction."""
    drive = play(chosen, history)
    _, now = weighed(drive, text, replace(first, provisional=True))
    reviewed, _ = step(now, Reviewed(better, drive.now), CASE)
    assert now is not None
    assert reviewed is not None
    if now.reviewing is None:
        assert drive.state.phase in {Phase.DEBRIEF, Phase.FINISHED}
        return
    before = now.reviewing.before
    alone = hear(before, CASE, better, now.reviewing.heard)
    assert (reviewed.raters, reviewed.gradable, reviewed.estimated) == (alone.raters, alone.gradable, alone.estimated)
    for point in GUIDE.rubric:
        confronted = progress(now, point.id).challenged and not progress(before, point.id).challenged
        here, there = progress(reviewed, point.id), progress(alone, point.id)
        assert here.evidence == there.evidence
        assert credit(reviewed, point) == credit(alone, point) or (confronted and not credit(reviewed, point))


@given(settings_, histories, texts, ratings, ratings, voices)
def test_a_better_rating_changes_nothing_that_is_said_or_done(
    chosen: Settings, history: History, text: str, first: Rating, better: Rating, proposals: list[list[str]]
) -> None:
    drive = play(chosen, history)
    _, now = weighed(drive, text, replace(first, provisional=True))
    reviewed, effects = step(now, Reviewed(better, drive.now), CASE)
    worded = Worded(tuple(Wording((*options, f"Go on {n}.")) for n, options in enumerate(proposals)), drive.now)
    assert now is not None
    assert reviewed is not None
    assert effects == ()
    assume(not any(move.withdrawn for move in reviewed.wording))  # feedback that has become untrue is not given
    (after, plain), (after_review, reply) = step(now, worded, CASE), step(reviewed, worded, CASE)
    assert reply == plain
    assert after is not None
    assert after_review is not None
    judged = ("points", "gradable", "raters", "estimated", "stalls", "usage", "trouble")
    assert replace(after_review, **{name: getattr(after, name) for name in judged}) == after
    for point, known in after.points.items():
        done = ("asked", "challenged", "dug", "closed", "hints")
        assert [getattr(known, name) for name in done] == [getattr(after_review.points[point], name) for name in done]


@given(settings_, histories)
def test_trouble_with_a_language_model_is_told_once_at_most(chosen: Settings, history: History) -> None:
    drive = play(chosen, history)
    told = [move.material["why"] for move in drive.moves if move.kind is MoveKind.ON_MY_OWN]
    listening = [why for why in told if why != "plain"]
    assert len(listening) <= 1
    assert told in (listening, ["plain", *listening])
    assert bool(told) == bool(drive.state.told)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_interview_always_comes_to_an_end(mode: Mode) -> None:
    drive = Drive(settings(mode, Format.FULL))
    drive.start()
    for _ in range(100):
        if drive.state.phase is Phase.DEBRIEF:
            return
        drive.answer(after=1.0)
    raise AssertionError("a hundred answers and no debrief")
