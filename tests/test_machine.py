"""The rules of an interview, one sentence a test."""

from dataclasses import replace

import pytest

from interviewer.machine import EVENTS, Stage, judged, step
from interviewer.model import (
    DELETED,
    Answered,
    Attachment,
    Case,
    Corrected,
    Deleted,
    Disputed,
    Ended,
    Event,
    Fact,
    Format,
    Guide,
    HintRequested,
    Intent,
    Level,
    Message,
    Mode,
    ModelAnswerRequested,
    MoveOnRequested,
    Paused,
    Phase,
    PointState,
    Question,
    Rated,
    RepeatRequested,
    Resumed,
    RubricPoint,
    Started,
    Strike,
    TimeRequested,
    Unread,
    Usage,
    Worded,
    Wording,
)
from interviewer.scoring import credit
from tests.cases import CASE, GUIDE, Drive, rating, settings


@pytest.fixture
def drive() -> Drive:
    drive = Drive()
    drive.start()
    return drive


def through(drive: Drive, phase: Phase) -> Drive:
    """Move on until the interview is in `phase`."""
    while drive.state.phase is not phase:
        drive.now += 1
        drive.do(MoveOnRequested(drive.now))
    return drive


def test_it_greets_and_puts_the_question_without_asking_anything(drive: Drive) -> None:
    assert "[greet]" in drive.transcript[0].text
    assert "Design a library" in drive.transcript[0].text
    assert drive.state.phase is Phase.BRIEFING


def test_the_first_answer_opens_the_requirements(drive: Drive) -> None:
    said = drive.answer("lending")
    assert drive.state.phase is Phase.REQUIREMENTS
    assert said.text.endswith("How about waiting-list?")


def test_a_clarifying_question_is_answered_from_the_facts(drive: Drive) -> None:
    said = drive.answer(text="How many readers are there?", intent=Intent.CLARIFY, fact="readers")
    assert said.kind == "answer"
    assert "10,000 readers" in said.text


def test_a_question_inside_an_answer_is_answered_before_the_next_one_is_asked(drive: Drive) -> None:
    said = drive.answer("lending", text="Readers borrow books. How many are they?", fact="readers")
    assert "10,000 readers" in said.text
    assert said.text.endswith("How about waiting-list?")


def test_what_the_guide_leaves_open_becomes_a_kept_assumption(drive: Drive) -> None:
    said = drive.answer(text="Is there a cat?", intent=Intent.CLARIFY)
    assert said.kind == "assume"
    assert drive.state.assumptions == ("Is there a cat",)


def test_what_is_unsure_is_probed_before_what_is_missing(drive: Drive) -> None:
    assert "How about waiting-list?" in drive.answer(unsure=["waiting-list"]).text


def test_a_reply_to_a_probe_is_credited_as_probed_and_other_points_as_volunteered(drive: Drive) -> None:
    drive.answer()
    drive.answer("lending", "copy-record")
    sources = {id: known.evidence.source.value for id, known in drive.state.points.items() if known.evidence}
    assert sources == {"lending": "probed", "copy-record": "volunteered"}


def test_no_point_is_probed_twice(drive: Drive) -> None:
    for _ in range(30):
        drive.answer()
    probes = [turn.text.rsplit("[probe]", 1)[1] for turn in drive.transcript if turn.kind == "probe"]
    assert len(probes) == len(set(probes))


def test_something_ruled_out_is_challenged_with_the_candidates_words(drive: Drive) -> None:
    said = drive.answer(challenged=["waiting-list", "one-desk"], text="Nobody waits, at no desk")
    assert said.kind == "challenge"
    assert "Nobody waits, at no desk" in said.text
    assert "What happens without waiting-list?" in said.text


def test_what_belongs_to_a_later_phase_is_challenged_when_its_time_has_come(drive: Drive) -> None:
    assert drive.answer(challenged=["one-desk"], text="At no desk").kind == "probe"
    through(drive, Phase.DESIGN)
    assert "What happens without one-desk?" in drive.answer().text


def test_a_contradiction_with_something_said_before_is_named(drive: Drive) -> None:
    drive.answer("lending", text="Readers borrow books")
    said = drive.answer(challenged=["lending"], text="Nobody borrows")
    assert said.kind == "contradiction"
    assert "Readers borrow books" in said.text
    assert "Nobody borrows" in said.text
    drive.answer("lending", text="They do borrow after all")
    assert drive.state.points["lending"].state is PointState.COVERED


def test_a_strong_answer_in_the_design_is_followed_deeper_as_often_as_the_level_allows(drive: Drive) -> None:
    through(drive, Phase.DESIGN)
    assert drive.answer("one-desk").kind == "deeper"
    assert drive.answer("shelf-index").kind == "deeper"
    assert drive.answer("copy-record").kind != "deeper"


def test_when_all_was_said_early_the_deep_dive_goes_on_from_the_candidates_own_words(drive: Drive) -> None:
    drive.answer(*(point.id for point in CASE.guide.rubric), text="All of it at once")
    said = [drive.answer(text="Forty loans a second, say") for _ in range(8)]
    deeper = next(turn for turn in said if turn.kind == "deeper")
    assert deeper.phase is Phase.DEEP_DIVE
    assert "All of it at once" in deeper.text


def test_the_hint_ladder_climbs_from_the_probe_to_the_reveal_and_each_rung_costs(drive: Drive) -> None:
    drive.answer("lending")
    kinds = [drive.do(HintRequested(drive.now)).text for _ in range(4)]
    assert "The waiting-list concern." in kinds[0]
    assert "The waiting-list direction." in kinds[1]
    assert "The waiting-list concept and its price." in kinds[2]
    assert "The waiting-list idea is said in full." in kinds[3]
    drive.answer("waiting-list")
    assert credit(drive.state, GUIDE.point("waiting-list")) == 0


@pytest.mark.parametrize(("rungs", "share"), [(0, 1.0), (1, 0.8), (2, 0.6), (3, 0.3)])
def test_a_hinted_point_is_worth_less_the_higher_the_rung(drive: Drive, rungs: int, share: float) -> None:
    drive.answer("lending")
    for _ in range(rungs):
        drive.do(HintRequested(drive.now))
    drive.answer("waiting-list")
    assert credit(drive.state, GUIDE.point("waiting-list")) == share


def test_a_hint_asked_for_before_any_probe_is_the_neutral_probe_and_costs_nothing(drive: Drive) -> None:
    through(drive, Phase.API)
    assert drive.do(HintRequested(drive.now)).kind == "probe"
    assert sum(known.hints for known in drive.state.points.values()) == 0


def test_there_is_no_hint_where_nothing_is_open(drive: Drive) -> None:
    assert drive.do(HintRequested(1.0)).kind == "no-hint"


def test_i_do_not_know_is_deflected_once_and_let_go_the_second_time(drive: Drive) -> None:
    drive.answer("lending")
    assert drive.answer(intent=Intent.DONT_KNOW).text.startswith("[deflect]")
    assert drive.answer(intent=Intent.DONT_KNOW).text.startswith("[let-go]")
    assert drive.state.points["waiting-list"].closed


def test_practice_offers_a_hint_after_two_stalls_and_an_interview_never_does() -> None:
    for mode, offered in ((Mode.PRACTICE, True), (Mode.INTERVIEW, False)):
        drive = Drive(settings(mode))
        drive.start()
        drive.answer()
        drive.answer()
        assert any("[offer-hint]" in turn.text for turn in drive.transcript) is offered


def test_feedback_quotes_words_rather_than_a_number() -> None:
    drive = Drive()
    drive.start()
    words, number = "Readers borrow books at one desk", "14,000"
    told = rating("lending", text=words, confidence=0.6)
    surer = replace(next(point for point in told.points if point.point != "lending"), state=PointState.COVERED)
    both = replace(
        told, points=(*(p for p in told.points if p.point != surer.point), replace(surer, confidence=1.0, quote=number))
    )
    drive.answer(text=f"{words}. {number}", rated=both)
    drive.do(MoveOnRequested(drive.now))
    (feedback,) = [turn.text for turn in drive.transcript if "[feedback]" in turn.text]
    assert words in feedback


def test_practice_gives_feedback_after_a_phase_and_an_interview_does_not() -> None:
    for mode, given in ((Mode.PRACTICE, True), (Mode.INTERVIEW, False)):
        drive = Drive(settings(mode))
        drive.start()
        drive.answer("lending", "waiting-list", text="Readers borrow books")
        feedback = [turn.text for turn in drive.transcript if "[feedback]" in turn.text]
        assert bool(feedback) is given
        assert all("Readers borrow books" in text for text in feedback)


def test_a_covered_phase_leads_to_the_next_which_says_the_time_left(drive: Drive) -> None:
    said = drive.answer("lending", "waiting-list")
    assert drive.state.phase is Phase.ESTIMATES
    assert "minutes" in said.text
    assert said.text.endswith("How many loans a second is that?")


def test_a_right_number_is_evidence_and_a_wrong_one_is_kept_for_the_scorecard(drive: Drive) -> None:
    through(drive, Phase.ESTIMATES)
    drive.answer(text="Roughly 40 loans a second")
    assert not drive.state.estimated["loans"].right
    drive.answer(text="2,000,000 records of 2 KB make 4 GB")
    assert drive.state.estimated["shelf"].right
    assert drive.state.points["loan-rate"].state is PointState.COVERED


def test_a_right_number_stays_right_whatever_is_said_later(drive: Drive) -> None:
    through(drive, Phase.ESTIMATES)
    drive.answer(text="Roughly 40 loans a second")
    drive.answer(text="2,000,000 records of 2 KB make 4 GB")
    drive.answer(text="Or 9 GB, I think")
    assert drive.state.estimated["shelf"].right


def test_a_phase_whose_time_is_up_is_left(drive: Drive) -> None:
    drive.answer("lending", after=290)
    said = drive.answer(after=290)
    assert drive.state.phase is Phase.ESTIMATES
    assert "[time-up] the requirements" in said.text


def test_when_all_time_is_up_the_wrap_up_comes_next_and_what_was_not_reached_stays_unreached() -> None:
    drive = Drive(settings(format=Format.QUICK))
    drive.start()
    for _ in range(3):
        drive.answer(after=300)
    assert drive.state.phase is Phase.WRAP_UP
    assert Phase.TWIST not in drive.state.reached


def test_a_single_thought_costs_five_minutes_at_most(drive: Drive) -> None:
    drive.answer(after=50_000)
    assert sum(drive.state.spent.values()) == 300


def test_a_twist_changes_a_requirement_the_design_is_least_prepared_for(drive: Drive) -> None:
    drive.answer("flood")
    through(drive, Phase.TWIST)
    assert drive.state.twist == "no-fines"
    assert "The city forbids fines." in drive.transcript[-1].text
    assert "How about fines?" in drive.answer().text
    assert drive.answer("fines").kind == "wrap-up"


def test_after_the_wrap_up_comes_the_debrief_with_the_scorecard(drive: Drive) -> None:
    through(drive, Phase.WRAP_UP)
    drive.answer("paper-or-not")
    assert drive.state.phase is Phase.DEBRIEF
    assert drive.scorecards == 1


def test_a_pause_stops_the_clock_and_a_message_ends_it(drive: Drive) -> None:
    drive.answer("lending", after=10)
    drive.do(Paused(drive.now))
    assert drive.do(TimeRequested(drive.now + 60)).kind == "time"
    drive.answer(after=100_000)
    assert sum(drive.state.spent.values()) == 10
    assert not drive.state.paused


def test_resuming_repeats_what_was_open(drive: Drive) -> None:
    drive.answer("lending")
    drive.do(Paused(drive.now))
    assert "How about waiting-list?" in drive.do(Resumed(drive.now + 9)).text


def test_coming_back_without_having_paused_costs_no_time(drive: Drive) -> None:
    drive.answer("lending", after=10)
    assert "How about waiting-list?" in drive.do(Resumed(drive.now + 50_000)).text
    assert sum(drive.state.spent.values()) == 10


@pytest.mark.parametrize("event", [HintRequested, RepeatRequested, MoveOnRequested])
def test_any_request_ends_a_pause(drive: Drive, event: type[HintRequested]) -> None:
    drive.do(Paused(drive.now))
    drive.do(event(drive.now + 1000))
    assert not drive.state.paused
    assert sum(drive.state.spent.values()) == 0


def test_repeat_says_the_open_question_again_or_the_task(drive: Drive) -> None:
    assert "Design a library" in drive.do(RepeatRequested(1.0)).text
    drive.answer("lending")
    assert drive.do(RepeatRequested(drive.now)).text.endswith("How about waiting-list?")


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"gradable": False}, "unreadable"),
        ({"intent": Intent.OFF_TOPIC}, "redirect"),
        ({"intent": Intent.META}, "meta"),
    ],
)
def test_what_is_no_answer_leaves_the_question_open(drive: Drive, how: dict[str, object], kind: str) -> None:
    drive.answer("lending")
    open = drive.state.open
    assert drive.answer(**how).kind == kind  # type: ignore[arg-type]
    assert drive.state.open == open


def test_hints_and_moving_on_can_be_asked_for_in_words(drive: Drive) -> None:
    drive.answer("lending")
    assert drive.answer(intent=Intent.HINT).kind == "hint"
    drive.answer(intent=Intent.MOVE_ON)
    assert drive.state.phase is Phase.ESTIMATES


def test_a_late_clarification_is_answered_and_the_phase_left(drive: Drive) -> None:
    drive.answer("lending", after=290)
    said = drive.answer(intent=Intent.CLARIFY, fact="readers", after=290)
    assert "10,000 readers" in said.text
    assert drive.state.phase is Phase.ESTIMATES


def test_a_dispute_is_rated_again_once_and_shows_the_change(drive: Drive) -> None:
    drive.answer("lending")
    drive.do(Ended(drive.now))
    text = "I did say what happens to returned books"
    said = drive.do(Disputed("returns", text, drive.now, "m9"), rating("returns", text=text))
    assert "0 %" in said.text
    assert "50 %" in said.text
    assert drive.scorecards == 2
    assert drive.do(Disputed("returns", text, drive.now)).kind == "not-disputable"


def test_a_dispute_that_brings_nothing_changes_nothing(drive: Drive) -> None:
    drive.do(Ended(drive.now))
    drive.do(Disputed("returns", "please", drive.now), rating(text="please"))
    assert credit(drive.state, GUIDE.point("returns")) == 0


@pytest.mark.parametrize("point", ["lending", "nonsense", ""])
def test_only_a_point_without_credit_can_be_disputed(drive: Drive, point: str) -> None:
    drive.answer("lending")
    drive.do(Ended(drive.now))
    assert drive.do(Disputed(point, "but I did", drive.now)).kind == "not-disputable"


def test_the_model_answer_comes_on_request_after_the_debrief_only(drive: Drive) -> None:
    said = len(drive.transcript)
    drive.do(ModelAnswerRequested(1.0))
    assert len(drive.transcript) == said
    drive.do(Ended(2.0))
    assert "Begin with the desk." in drive.do(ModelAnswerRequested(3.0)).text


def test_what_is_written_after_the_debrief_is_kept_and_not_scored(drive: Drive) -> None:
    drive.do(Ended(1.0))
    assert drive.answer("lending").kind == "afterwards"
    assert not drive.state.points


def test_a_finished_interview_is_over(drive: Drive) -> None:
    drive.do(Ended(1.0))
    assert drive.do(Ended(2.0)).kind == "farewell"
    for event in (Answered((), 3.0), HintRequested(3.0), Ended(3.0), Resumed(3.0), Started("x", "y", settings(), 3.0)):
        assert step(drive.state, event, CASE) == (drive.state, ())


def test_late_and_illegal_events_change_nothing(drive: Drive) -> None:
    illegal: tuple[Event, ...] = (
        Rated(rating("lending", text="x"), 1.0),
        Worded((Wording(("hello",)),), 1.0),
        Disputed("lending", "x", 1.0),
        Started("x", "y", settings(), 1.0),
    )
    for event in illegal:
        assert step(drive.state, event, CASE) == (drive.state, ())
    assert step(None, HintRequested(1.0), CASE) == (None, ())


def test_a_rating_cannot_credit_what_was_not_said_or_what_the_guide_does_not_know(drive: Drive) -> None:
    drive.answer(rated=rating("lending", "returns", text="words nobody wrote"))
    assert not [id for id, known in drive.state.points.items() if known.state is PointState.COVERED]


def test_messages_written_in_a_row_are_quoted_each_by_its_own_id(drive: Drive) -> None:
    first, second = (
        Message("t", "m1", "ada", "Readers borrow.", 1.0),
        Message("t", "m2", "ada", "They wait in line.", 2.0),
    )
    drive.do(Answered((first, second), 2.0), rating("waiting-list", text="They wait in line."))
    evidence = drive.state.points["waiting-list"].evidence
    assert evidence is not None
    assert evidence.message == "m2"


def test_a_level_decides_what_is_asked() -> None:
    for level, asked in ((Level.MID, False), (Level.SENIOR, True)):
        drive = Drive(settings(level=level))
        drive.start()
        through(drive, Phase.DESIGN)
        drive.answer()
        drive.answer()
        assert any("How about shelf-index?" in turn.text for turn in drive.transcript) is asked


def test_every_stage_has_its_row() -> None:
    assert set(EVENTS) == set(Stage)


def test_a_quote_over_several_messages_is_ascribed_to_the_first(drive: Drive) -> None:
    first, second = Message("t", "m1", "ada", "Readers", 1.0), Message("t", "m2", "ada", "borrow.", 2.0)
    drive.do(Answered((first, second), 2.0), rating("lending", text="Readers borrow."))
    evidence = drive.state.points["lending"].evidence
    assert evidence is not None
    assert evidence.message == "m1"


def test_a_point_answered_after_the_probe_is_no_longer_the_one_at_hand(drive: Drive) -> None:
    through(drive, Phase.DESIGN)
    drive.answer(unsure=["one-desk"])
    drive.answer("one-desk", confidence=0.5)
    assert "shelf-index" in (drive.state.open.point if drive.state.open else "")
    drive.answer("shelf-index", intent=Intent.META)
    assert drive.do(HintRequested(drive.now)).kind == "no-hint"


def test_an_answer_too_weak_to_dig_into_is_followed_by_the_next_question(drive: Drive) -> None:
    through(drive, Phase.DESIGN)
    assert drive.answer("one-desk", confidence=0.5).kind == "probe"


def test_bare_points_without_probes_hints_twists_or_estimates_still_make_an_interview() -> None:
    bare = Guide("bare", (RubricPoint("a", "A is said.", ("I say a.",)), RubricPoint("b", "B is said.", ("I say b.",))))
    drive = Drive(case=Case(Question("bare", "Bare", "Design it."), bare))
    drive.start()
    drive.do(HintRequested(1.0))
    for _ in range(12):
        drive.answer()
        if drive.state.phase is Phase.DEBRIEF:
            break
    assert drive.state.phase is Phase.DEBRIEF
    assert Phase.WRAP_UP in drive.state.reached
    with pytest.raises(KeyError):
        bare.point("c")


def test_credit_once_given_is_not_doubted_away(drive: Drive) -> None:
    drive.answer("lending", text="Readers borrow books")
    drive.answer(unsure=["lending"])
    assert drive.state.points["lending"].state is PointState.COVERED


def test_a_voice_that_only_repeats_itself_is_numbered_until_it_is_new() -> None:
    drive = Drive(voice=lambda move: ("(3) Go on.",))
    drive.start()
    drive.do(TimeRequested(1.0))
    drive.do(TimeRequested(2.0))
    lines = [turn.text for turn in drive.transcript]
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("intent", [Intent.MOVE_ON, Intent.META, Intent.OFF_TOPIC])
def test_small_talk_before_the_first_answer_costs_no_phase_and_is_not_gradable(drive: Drive, intent: Intent) -> None:
    drive.answer(text="Sounds good, let us start", intent=intent)
    assert drive.state.phase in {Phase.BRIEFING, Phase.REQUIREMENTS}
    assert not drive.state.gradable
    drive.answer("lending")
    assert drive.state.phase is Phase.REQUIREMENTS


def test_not_knowing_does_not_stop_the_clock(drive: Drive) -> None:
    drive.answer("lending", after=290)
    drive.answer(intent=Intent.DONT_KNOW, after=290)
    assert drive.state.phase is Phase.ESTIMATES


def test_a_hint_on_an_estimate_stays_with_the_estimate(drive: Drive) -> None:
    through(drive, Phase.ESTIMATES)
    assert drive.do(HintRequested(drive.now)).kind == "hint"
    drive.answer(text="Perhaps 40 loans a second")
    assert not drive.state.estimated["loans"].right


def test_there_is_no_hint_on_a_question_that_goes_deeper(drive: Drive) -> None:
    through(drive, Phase.DESIGN)
    drive.answer("one-desk")
    assert drive.do(HintRequested(drive.now)).kind == "no-hint"


def test_a_number_the_interviewer_gave_is_no_estimate() -> None:
    told = replace(GUIDE, facts=(Fact("loans", "There are 2 loans a second."),))
    drive = Drive(case=Case(CASE.question, told))
    drive.start()
    drive.answer(text="You said 2 loans a second")
    assert not drive.state.estimated


def test_a_list_with_a_number_for_everybody_earns_nothing(drive: Drive) -> None:
    drive.answer(text="1 loans/s, 2 loans/s, 3 loans/s, 4 loans/s, 1 GB, 2 GB, 4 GB, 8 GB")
    assert not drive.state.estimated


def test_a_contradiction_takes_no_credit_before_it_was_asked_about(drive: Drive) -> None:
    drive.answer("lending", text="Readers borrow")
    drive.answer(challenged=["lending"], text="Nobody may borrow", intent=Intent.CLARIFY)
    assert credit(drive.state, GUIDE.point("lending")) == 1
    drive.answer(text="Go on")
    assert drive.state.open is not None
    assert drive.state.open.kind == "contradiction"
    assert credit(drive.state, GUIDE.point("lending")) == 0


def test_what_is_said_along_with_a_question_is_left_out_when_it_would_be_a_repetition() -> None:
    drive = Drive(voice=lambda move: (f"[{move.kind}] " + move.material.get("ask", ""),))
    drive.start()
    for _ in range(6):
        drive.answer(intent=Intent.DONT_KNOW)
    said = [turn.text for turn in drive.transcript]
    assert sum("[let-go]" in text for text in said) == 1
    assert not any("Go on." in text for text in said)


def test_the_model_answer_comes_with_the_mistakes_people_make() -> None:
    drive = Drive(case=Case(CASE.question, replace(GUIDE, pitfalls=("They forget the rain.",))))
    drive.start()
    drive.do(Ended(1.0))
    assert "- They forget the rain." in drive.do(ModelAnswerRequested(2.0)).text


def test_a_dispute_can_make_an_interview_gradable(drive: Drive) -> None:
    drive.do(Ended(drive.now))
    text = "Returned books go back to the shelf"
    drive.do(Disputed("returns", text, drive.now), rating("returns", text=text))
    assert drive.state.gradable


def test_a_written_answer_is_judged_as_if_every_phase_had_been_reached() -> None:
    heard = Answered((Message("t", "m1", "ada", "Readers borrow", 1.0),), 1.0)
    interview = judged(CASE, settings(), heard, rating("lending", text="Readers borrow"))
    assert (interview.phase, set(interview.reached)) == (Phase.DEBRIEF, set(Phase) - {Phase.FINISHED})
    assert credit(interview, GUIDE.point("lending")) == 1


# --- what is taken back ---------------------------------------------------------------------------------------------


def test_an_edit_of_what_was_answered_comes_too_late_and_counts_for_nothing(drive: Drive) -> None:
    drive.answer("lending")
    before, written = drive.state, len(drive.transcript)
    assert drive.do(Corrected(drive.now + 7)).kind == "too-late"
    after = drive.state
    assert (after.points, after.open, after.stalls, after.phase) == (
        before.points,
        before.open,
        before.stalls,
        before.phase,
    )
    assert sum(after.spent.values()) == sum(before.spent.values()) + 7
    assert len(drive.transcript) == written + 1
    assert drive.do(RepeatRequested(drive.now)).text.endswith("How about waiting-list?")


def test_an_edit_during_a_pause_neither_ends_it_nor_costs_time(drive: Drive) -> None:
    drive.answer("lending", after=10)
    drive.do(Paused(drive.now))
    assert drive.do(Corrected(drive.now + 1000)).kind == "too-late"
    assert drive.state.paused
    drive.do(Resumed(drive.now + 2000))
    assert sum(drive.state.spent.values()) == 10


def test_after_the_debrief_an_edit_earns_the_same_word_as_a_message(drive: Drive) -> None:
    drive.answer("lending")
    drive.do(Ended(drive.now))
    assert drive.do(Corrected(drive.now)).kind == "afterwards"


def test_an_edit_in_a_finished_interview_is_ignored(drive: Drive) -> None:
    for _ in range(2):
        drive.do(Ended(drive.now))
    assert step(drive.state, Corrected(drive.now), CASE) == (drive.state, ())


@pytest.mark.parametrize(
    "before", [(), (Paused,), (Ended,), (Ended, Ended)], ids=["running", "paused", "in the debrief", "finished"]
)
def test_what_is_deleted_is_struck_without_a_word_at_any_time(drive: Drive, before: tuple[type[Paused], ...]) -> None:
    drive.answer("lending", text="Readers borrow books")
    for event in before:
        drive.do(event(drive.now))
    state, lines = drive.state, len(drive.transcript)
    assert step(state, Deleted("m1", 1.0), CASE) == (state, (Strike("m1"),))
    drive.do(Deleted("m1", drive.now))
    assert (drive.state, len(drive.transcript)) == (state, lines)
    assert [(turn.kind, turn.text) for turn in drive.transcript if turn.message] == [(DELETED, "")]


def halted(drive: Drive, unread: tuple[Unread, ...] = (), text: str = "This and that") -> Answered:
    drive.now += 30
    message = Message("t", "stopped", "ada", text, drive.now, FILES if unread else ())
    return Answered((message,), drive.now, unread, halted=True)


def test_who_stops_a_reply_is_heard_and_asked_nothing_and_the_question_stays_open(drive: Drive) -> None:
    drive.answer("lending")
    asked, phase = drive.state.open, drive.state.phase
    text = "A queue for those who wait, and the copy is on record"
    said = drive.do(halted(drive, text=text), rating("waiting-list", "copy-record", text=text))
    assert (said.kind, said.text) == ("stopped", "[stopped]")
    assert (drive.state.open, drive.state.phase) == (asked, phase)
    assert {"waiting-list", "copy-record"} <= {id for id, known in drive.state.points.items() if known.evidence}
    assert drive.state.open is not None
    assert not drive.state.points["waiting-list"].closed


@pytest.mark.parametrize("intent", Intent)
def test_a_stop_is_the_reply_whatever_the_message_was_for(drive: Drive, intent: Intent) -> None:
    drive.answer("lending")
    drive.answer()
    before = drive.state
    said = drive.do(halted(drive), rating(text="x", intent=intent, fact="readers", gradable=intent is not Intent.META))
    assert said.text == "[stopped]"
    assert (drive.state.phase, drive.state.assumptions) == (before.phase, before.assumptions)


def test_a_reply_that_is_stopped_when_all_time_is_up_is_stopped(drive: Drive) -> None:
    drive.answer("lending", after=300)
    drive.now += 300
    assert drive.do(halted(drive)).kind == "stopped"
    assert drive.answer(after=1).text.startswith("[time-up]"), "the next one is not"


# --- what came with a message ---------------------------------------------------------------------------------------

FILES = (Attachment("f1", "sketch.png", "image/png", 9, "p1"),)
PICTURE, SECOND, HUGE = Unread("sketch.png", "picture"), Unread("other.png", "picture"), Unread("log.txt", "size")
COST = Usage(2, 30, 0, 4)


def sent(drive: Drive, *unread: Unread, text: str = "") -> Answered:
    drive.now += 30
    return Answered((Message("t", "m9", "ada", text, drive.now, FILES),), drive.now, unread, usage=COST)


def test_what_could_not_be_read_is_named_before_the_reply(drive: Drive) -> None:
    drive.answer("lending")
    said = drive.do(sent(drive, PICTURE, text="Like this sketch"))
    assert said.text.startswith("[unread] picture sketch.png\n\n")
    assert said.text.endswith("How many loans a second is that?")
    assert drive.state.usage == COST


def test_the_same_trouble_with_several_files_is_named_once_and_each_trouble_is(drive: Drive) -> None:
    said = drive.do(sent(drive, PICTURE, HUGE, SECOND, HUGE, text="Both of these"))
    assert said.text.count("[unread]") == 2
    assert "picture sketch.png" in said.text
    assert "size log.txt" in said.text


@pytest.mark.parametrize("mode", Mode)
def test_what_could_not_be_read_at_all_is_not_rated_and_no_stall(mode: Mode) -> None:
    drive = Drive(settings(mode))
    drive.start()
    drive.answer("lending")
    drive.answer()
    before, lines = drive.state, len(drive.transcript)
    said = drive.do(sent(drive, PICTURE), rating("returns", text="x"))
    assert (said.kind, said.text) == ("unread", "[unread] picture sketch.png")
    after = drive.state
    assert (after.points, after.open, after.stalls, after.raters) == (
        before.points,
        before.open,
        before.stalls,
        before.raters,
    )
    assert after.usage == COST
    assert len(drive.transcript) == lines + 1, "a message of which nothing could be read leaves no line"


def test_a_file_nobody_can_read_ends_a_pause_and_costs_the_time_it_took(drive: Drive) -> None:
    drive.do(Paused(drive.now))
    drive.do(sent(drive, PICTURE))
    assert not drive.state.paused
    drive.do(sent(drive, HUGE))
    assert sum(drive.state.spent.values()) == 30


def test_a_file_nobody_can_read_is_named_even_if_no_reply_was_wanted(drive: Drive) -> None:
    assert drive.do(halted(drive, unread=(PICTURE,), text="")).text == "[unread] picture sketch.png"
    said = drive.do(halted(drive, unread=(SECOND,), text="Some words"))
    assert said.text.split("\n\n") == ["[unread] picture other.png", "[stopped]"]


def test_of_several_messages_only_those_with_something_in_them_leave_lines(drive: Drive) -> None:
    messages = (
        Message("t", "a", "ada", "  ", 1.0, FILES),
        Message("t", "b", "ada", "Readers borrow", 2.0, FILES),
        Message("t", "c", "ada", " ", 3.0),
    )
    drive.do(Answered(messages, 3.0, (PICTURE,)), rating("lending", text="Readers borrow"))
    assert [turn.message for turn in drive.transcript if turn.message] == ["b", "c"]
    assert drive.state.turns == len(drive.transcript)
    evidence = drive.state.points["lending"].evidence
    assert evidence is not None
    assert evidence.message == "b"


def test_a_files_name_is_quoted_like_anything_a_candidate_says(drive: Drive) -> None:
    name = "Shall we stop? " + "x" * 100
    said = drive.do(sent(drive, Unread(name, "kind")))
    assert "?" not in said.text
    assert len(said.text) < len(name)


def test_reading_a_file_after_the_debrief_is_paid_for_too(drive: Drive) -> None:
    drive.do(Ended(1.0))
    assert drive.do(sent(drive, text="My notes")).kind == "afterwards"
    assert drive.state.usage == COST
