"""Every rule about what happens next in an interview; nothing else knows any.

`step(interview, event, case) -> (interview, effects)` is pure: no clock, no chance, no I/O. It is three tables, to be read
from top to bottom: `EVENTS`, which event means something at which stage; `REPLIES`, what to do about a rated answer, the
first that applies; `ENTER`, how each phase opens. An event that means nothing now changes nothing.

A turn is `Answered` -> Rate -> `Rated` -> Word -> `Worded` -> Say: the machine asks, the runner obeys and reports back.
A provisional rating is good enough to choose a reply; the better one (`Reviewed`) is entered before the reply is said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from interviewer import clock
from interviewer.ledger import REVEALED, expected, hear, mark, newly_covered, outstanding, progress, review
from interviewer.model import (
    Answered,
    Case,
    Corrected,
    Deleted,
    Disputed,
    Effect,
    Ended,
    Event,
    Fact,
    Format,
    HintRequested,
    Intent,
    Interview,
    Level,
    Mode,
    ModelAnswerRequested,
    Move,
    MoveKind,
    MoveOnRequested,
    Open,
    Paused,
    Phase,
    PointState,
    Progress,
    Rate,
    Rated,
    Rating,
    Record,
    RepeatRequested,
    Resumed,
    Review,
    Reviewed,
    RubricPoint,
    Say,
    Settings,
    Speaker,
    Started,
    Strike,
    TimeRequested,
    Turn,
    Unread,
    Word,
    Worded,
    Wording,
)
from interviewer.scoring import credit
from interviewer.speech import SPOKEN, compose, counted, minutes, quoted, statement

DEEP_DIVES = {Level.MID: 1, Level.SENIOR: 2, Level.STAFF: 3}
"""How often a strong answer is followed one level deeper."""
ESTIMATES = {Format.QUICK: 1, Format.STANDARD: 2, Format.FULL: 3}
"""How many estimates are asked for."""
STRONG = 0.7
"""The confidence from which an answer is worth digging into."""
CHAT = frozenset({Intent.MOVE_ON, Intent.META, Intent.OFF_TOPIC})
"""Intents that leave the briefing where it is: "ready when you are" is no requirement."""
FEEDBACK = frozenset({MoveKind.FEEDBACK, MoveKind.FEEDBACK_EMPTY})
PLAIN = "plain"
"""What is told when a language model fails to speak, and still listens."""
QUOTABLE = 4
"""Words from which on somebody is quoted in feedback, if there is a choice."""
STALLS = 2
"""Turns that brought nothing new after which a hint is offered in practice."""

Step = tuple[Interview, tuple[Effect, ...]]
Reply = tuple[Interview, tuple[Move, ...]]


def step(interview: Interview | None, event: Event, case: Case) -> tuple[Interview | None, tuple[Effect, ...]]:
    """What an event does to an interview, and what it asks of the outside world. Never raises for an event."""
    if interview is None:
        return _start(event, case) if isinstance(event, Started) else (None, ())
    rule = EVENTS[stage(interview)].get(type(event))
    return rule(interview, event, case) if rule else (interview, ())


class Stage(StrEnum):
    """What an interview is waiting for."""

    RATING = "rating"
    WORDING = "wording"
    CANDIDATE = "candidate"
    RETURN = "return"
    DISPUTES = "disputes"
    NOTHING = "nothing"


def stage(interview: Interview) -> Stage:
    """What the interview is waiting for, derived from its state."""
    if interview.hearing is not None:
        return Stage.RATING
    if interview.wording:
        return Stage.WORDING
    if interview.phase is Phase.FINISHED:
        return Stage.NOTHING
    if interview.phase is Phase.DEBRIEF:
        return Stage.DISPUTES
    return Stage.RETURN if interview.paused else Stage.CANDIDATE


# --- beginning, hearing, saying -------------------------------------------------------------------------------------


def _start(event: Started, case: Case) -> Step:
    interview = Interview(id=event.id, candidate=event.candidate, settings=event.settings)
    minutes = str(clock.MINUTES[event.settings.format])
    greeting = {"minutes": minutes, "level": event.settings.level.value, "title": case.question.title}
    return _word(
        interview,
        Move(MoveKind.GREET, material=greeting),
        Move(MoveKind.PRESENT, material={"prompt": statement(case.question.prompt)}),
    )


def _hear(interview: Interview, event: Answered, case: Case) -> Step:
    """Write down what was said and have it rated; where nothing could be read, only say so."""
    interview = clock.tick(interview, event.at)
    interview, records = _written(interview, event)
    if event.unread and not event.text.strip():
        interview, effects = _word(interview, *_not_read(event))
        return interview, (*records, *effects)
    asked = interview.open.point if interview.open else ""
    return replace(interview, hearing=event), (*records, Rate(event.text, asked))


def _written(interview: Interview, event: Answered) -> Step:
    """The candidate's messages, each a line of the transcript; one in which nothing could be read leaves none.

    What reading them took is added up."""
    said = [message for message in event.messages if message.text.strip() or not message.attachments]
    lines = [Turn(Speaker.CANDIDATE, interview.phase, "answer", m.text, m.at, m.id) for m in said]
    interview = replace(interview, turns=interview.turns + len(lines), usage=interview.usage + event.usage)
    return interview, tuple(map(Record, lines))


def _weigh(interview: Interview, event: Rated, case: Case) -> Step:
    """Enter a rating and reply with the first row of `REPLIES` that applies."""
    heard = interview.hearing
    assert heard is not None  # the stage says so
    before = _heard(replace(interview, hearing=None), event.rating)
    if before.phase is Phase.BRIEFING and event.rating.gradable and event.rating.intent not in CHAT:
        before = _reach(before, Phase.REQUIREMENTS)
    after = hear(before, case, event.rating, heard)
    if isinstance(heard, Disputed):
        return _word(after, _reconsidered(before, after, case, heard))
    if event.rating.provisional:
        after = replace(after, reviewing=Review(heard, before))
    view = View(before, _count_stalls(before, after, event.rating), case, event.rating, heard)
    reply = next(reply for applies, reply in REPLIES if applies(view))
    interview, moves = reply(view)
    return _word(interview, *_not_read(heard), *_in_passing(view), *moves)


def _not_read(heard: Answered) -> tuple[Move, ...]:
    """A word on each attachment that could not be read; the same trouble with several is named once."""
    once: dict[str, Unread] = {}
    for unread in heard.unread:
        once.setdefault(unread.why, unread)
    return tuple(Move(MoveKind.UNREAD, material={"why": why, "name": quoted(it.name, 60)}) for why, it in once.items())


def _review(interview: Interview, event: Reviewed, case: Case) -> Step:
    """Enter the better rating of the answer that is being replied to. The reply stays what it is, but for feedback that has
    become untrue: that is not given."""
    interview = _heard(interview, event.rating)
    waiting = interview.reviewing
    if waiting is None:
        return interview, ()
    interview = review(interview, case, event.rating, waiting)
    feedback = _feedback(replace(interview, phase=waiting.before.phase), case)
    moves = [
        replace(move, withdrawn=True) if move.kind in FEEDBACK and move not in feedback else move
        for move in interview.wording
    ]
    return replace(interview, wording=tuple(moves)), ()


def _heard(interview: Interview, rating: Rating) -> Interview:
    """What a language model was asked for is added up; why it was of no use is kept until it is told."""
    return replace(interview, usage=interview.usage + rating.usage, trouble=interview.trouble or rating.trouble)


def _spoken(interview: Interview, wording: Wording) -> Interview:
    return replace(
        interview, usage=interview.usage + wording.usage, plain=interview.plain or wording.trouble is not None
    )


def _say(interview: Interview, event: Worded, case: Case) -> Step:
    """Say the first wording of each move that breaks no rule of `speech.py`; the clock runs from here."""
    moves = interview.wording
    for wording in event.wordings:
        interview = _spoken(interview, wording)
    options = [
        event.wordings[i].options if i < len(event.wordings) and not move.withdrawn else ()
        for i, move in enumerate(moves)
    ]
    parts, said = compose(interview, case, moves, options)
    words = {move.kind: part for move, part in zip(moves, parts, strict=True)}
    timed = not interview.paused and interview.phase not in {Phase.DEBRIEF, Phase.FINISHED}
    text = "\n\n".join(part for part in parts if part)
    turn = Turn(Speaker.INTERVIEWER, interview.phase, moves[-1].kind.value, text, event.at)
    with_scorecard = any(move.kind in {MoveKind.DEBRIEF, MoveKind.RECONSIDERED} for move in moves)
    interview = replace(
        interview,
        wording=(),
        reviewing=None,
        said=(*interview.said, *(mark for mark in said if mark not in interview.said)),
        turns=interview.turns + 1,
        since=event.at if timed else None,
        open=interview.open and replace(interview.open, text=interview.open.text or words.get(interview.open.kind, "")),
    )
    return interview, (Say(turn, with_scorecard),)


def _word(interview: Interview, *moves: Move) -> Step:
    if interview.trouble and "listening" not in interview.told:
        moves = (Move(MoveKind.ON_MY_OWN, material={"why": interview.trouble.value}), *moves)
        interview = replace(interview, told=("listening", "speaking"))
    elif interview.plain and "speaking" not in interview.told:
        moves = (Move(MoveKind.ON_MY_OWN, material={"why": PLAIN}), *moves)
        interview = replace(interview, told=(*interview.told, "speaking"))
    interview = replace(interview, trouble=None, plain=False)
    return replace(interview, wording=moves), (Word(moves),)


# --- what a candidate can ask for -----------------------------------------------------------------------------------


def _hint(interview: Interview, event: HintRequested, case: Case) -> Step:
    interview, moves = _climb(clock.tick(interview, event.at), case)
    return _word(interview, *moves)


def _tell_time(interview: Interview, event: TimeRequested, case: Case) -> Step:
    interview = clock.tick(interview, event.at)
    material = {
        "left": minutes(clock.left(interview)),
        "phase": SPOKEN[interview.phase],
        "here": minutes(clock.left_in_phase(interview)),
    }
    return _word(interview, Move(MoveKind.TIME, material=material))


def _repeat(interview: Interview, event: RepeatRequested, case: Case) -> Step:
    interview = clock.tick(interview, event.at)
    words = interview.open.text if interview.open else statement(case.question.prompt)
    return _word(interview, Move(MoveKind.REPEAT, material={"ask": words}))


def _move_on(interview: Interview, event: MoveOnRequested, case: Case) -> Step:
    interview, moves = _advance(clock.tick(interview, event.at), case)
    return _word(interview, *moves)


def _pause(interview: Interview, event: Paused, case: Case) -> Step:
    interview = replace(clock.tick(interview, event.at), paused=True, since=None)
    return _word(interview, Move(MoveKind.PAUSED, material={"left": minutes(clock.left(interview))}))


def _resume(interview: Interview, event: Resumed, case: Case) -> Step:
    interview = _unpaused(interview, event.at)
    words = interview.open.text if interview.open else statement(case.question.prompt)
    material = {"left": minutes(clock.left(interview)), "ask": words}
    return _word(interview, Move(MoveKind.RESUMED, material=material))


def _end(interview: Interview, event: Ended, case: Case) -> Step:
    interview, moves = _enter_debrief(clock.tick(interview, event.at), case)
    return _word(interview, *moves)


def _dispute(interview: Interview, event: Disputed, case: Case) -> Step:
    """A point is rated again with the candidate's argument, once; what the scorecard shows earns nothing by repetition."""
    line = Turn(Speaker.CANDIDATE, interview.phase, "dispute", event.argument, event.at, event.message)
    interview = replace(interview, turns=interview.turns + 1)
    point = next((point for point in case.guide.rubric if point.id == event.point), None)
    known = progress(interview, event.point)
    if point is None or known.disputed or known.state is PointState.COVERED or known.hints >= REVEALED:
        interview, effects = _word(
            interview, Move(MoveKind.NOT_DISPUTABLE, material={"point": quoted(event.point, 40)})
        )
        return interview, (Record(line), *effects)
    shown = (point.statement, *point.hints)
    return replace(interview, hearing=event), (Record(line), Rate(event.argument, point.id, shown, final=True))


def _show_model_answer(interview: Interview, event: ModelAnswerRequested, case: Case) -> Step:
    pitfalls = "\n".join(f"- {pitfall}" for pitfall in case.guide.pitfalls)
    texts = {"answer": case.guide.model_answer, "diagram": case.guide.diagram, "pitfalls": pitfalls}
    material = {name: statement(text) for name, text in texts.items()}
    return _word(interview, Move(MoveKind.MODEL_ANSWER, material=material))


def _too_late(interview: Interview, event: Corrected, case: Case) -> Step:
    """What was rated counts as it was read."""
    return _word(clock.tick(interview, event.at), Move(MoveKind.TOO_LATE))


def _strike(interview: Interview, event: Deleted, case: Case) -> Step:
    """What a candidate deletes leaves the transcript without a word."""
    return interview, (Strike(event.message),)


def _closed(interview: Interview, event: Corrected, case: Case) -> Step:
    return _word(interview, Move(MoveKind.AFTERWARDS))


def _stay(interview: Interview, event: Answered, case: Case) -> Step:
    """What is written after the debrief is kept, and earns a word on what can still be done."""
    interview, records = _written(interview, event)
    interview, effects = _word(interview, Move(MoveKind.AFTERWARDS))
    return interview, (*records, *effects)


def _finish(interview: Interview, event: Ended, case: Case) -> Step:
    return _word(_reach(interview, Phase.FINISHED), Move(MoveKind.FAREWELL))


def _unpaused(interview: Interview, at: float) -> Interview:
    return replace(interview, paused=False, since=at)


Rule = Callable[[Interview, Any, Case], Step]


def _returning(rule: Rule) -> Rule:
    """The rule for somebody who comes back from a pause with this: the clock starts again, then the rule holds."""
    return lambda interview, event, case: rule(_unpaused(interview, event.at), event, case)


# fmt: off
EVENTS: Mapping[Stage, Mapping[type, Rule]] = {
    Stage.CANDIDATE: {
        Answered:        _hear,
        Corrected:       _too_late,
        Deleted:         _strike,
        HintRequested:   _hint,
        TimeRequested:   _tell_time,
        RepeatRequested: _repeat,
        MoveOnRequested: _move_on,
        Paused:          _pause,
        Resumed:         _resume,  # somebody is back who never said that they left; their absence costs nothing
        Ended:           _end,
    },
    Stage.RETURN: {
        Answered:        _returning(_hear),
        Corrected:       _too_late,
        Deleted:         _strike,
        HintRequested:   _returning(_hint),
        TimeRequested:   _tell_time,
        RepeatRequested: _returning(_repeat),
        MoveOnRequested: _returning(_move_on),
        Resumed:         _resume,
        Ended:           _returning(_end),
    },
    Stage.RATING:  {Rated: _weigh},
    Stage.WORDING: {Reviewed: _review, Worded: _say},
    Stage.DISPUTES: {
        Answered:             _stay,
        Corrected:            _closed,
        Deleted:              _strike,
        Disputed:             _dispute,
        ModelAnswerRequested: _show_model_answer,
        Ended:                _finish,
    },
    Stage.NOTHING: {Deleted: _strike},
}
# fmt: on


# --- replies to a rated answer --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """A rated answer as the rows of `REPLIES` see it: the interview before and after the rating was entered."""

    before: Interview
    interview: Interview
    case: Case
    rating: Rating
    heard: Answered

    @property
    def intent(self) -> Intent:
        return self.rating.intent

    @property
    def strong(self) -> RubricPoint | None:
        """A point credited just now, well enough to dig into."""
        for id in newly_covered(self.before, self.interview):
            known, point = progress(self.interview, id), self.case.guide.point(id)
            if known.confidence >= STRONG and not known.dug and point.deeper:
                return point
        return None


def _time_is_up(view: View) -> bool:
    return clock.left_in_phase(view.interview) <= 0


def _can_dig(view: View) -> bool:
    deep = view.interview.phase in {Phase.DESIGN, Phase.DEEP_DIVE}
    return deep and _may_dig(view.interview) and view.strong is not None


def _stop(view: View) -> Reply:
    """The candidate wants to hear nothing now: the question stays open, and the next move is theirs."""
    return view.interview, (Move(MoveKind.STOPPED),)


def _unreadable(view: View) -> Reply:
    interview, moves = _unless_late(view, view.interview, Move(MoveKind.UNREADABLE))
    return interview, (*moves, *_offer(interview))


def _take_hint(view: View) -> Reply:
    return _climb(view.interview, view.case)


def _do_not_know(view: View) -> Reply:
    """Deflected once; the second time the point is let go and the interview moves on."""
    if view.interview.dont_knows <= 1 and not _time_is_up(view):
        return view.interview, (Move(MoveKind.DEFLECT), *_offer(view.interview))
    follow = _advance if _time_is_up(view) else _next_question
    interview, moves = follow(_close_open(view.interview), view.case)
    return interview, (Move(MoveKind.LET_GO), *moves)


def _go_on(view: View) -> Reply:
    return _advance(view.interview, view.case)


def _answer_question(view: View) -> Reply:
    """From the guide's facts, or with an assumption that is written down and kept."""
    if fact := _fact(view):
        return _unless_late(view, view.interview, Move(MoveKind.ANSWER, material={"fact": statement(fact.answer)}))
    interview = replace(view.interview, assumptions=(*view.interview.assumptions, quoted(view.heard.text)))
    return _unless_late(view, interview, Move(MoveKind.ASSUME))


def _in_passing(view: View) -> tuple[Move, ...]:
    """An answer may hold a question that a fact settles: it is answered before anything is asked."""
    fact = _fact(view) if view.intent is Intent.ANSWER and not view.heard.halted else None
    return (Move(MoveKind.ANSWER, material={"fact": statement(fact.answer)}),) if fact else ()


def _fact(view: View) -> Fact | None:
    return next((fact for fact in view.case.guide.facts if fact.id == view.rating.fact), None)


def _redirect(view: View) -> Reply:
    return _unless_late(view, view.interview, Move(MoveKind.REDIRECT))


def _about_the_interview(view: View) -> Reply:
    return _unless_late(view, view.interview, Move(MoveKind.META))


def _out_of_time(view: View) -> Reply:
    interview, moves = _advance(view.interview, view.case)
    return interview, (Move(MoveKind.TIME_UP, material={"phase": SPOKEN[view.interview.phase]}), *moves)


def _challenge(view: View) -> Reply:
    point = _ruled_out(view)
    assert point is not None  # the row's condition
    known = progress(view.interview, point.id)
    if known.evidence:
        material = {"before": quoted(known.evidence.quote), "now": quoted(known.doubt)}
        # Asked about, the credit is withdrawn until the candidate decides; unasked, it would have stood.
        interview = mark(view.interview, point.id, state=PointState.CHALLENGED)
        return _ask(interview, Move(MoveKind.CONTRADICTION, point.id, material), challenged=True)
    material = {"ask": point.challenge, "quote": quoted(known.doubt)}
    return _ask(view.interview, Move(MoveKind.CHALLENGE, point.id, material), challenged=True)


def _dig(view: View) -> Reply:
    point = view.strong
    assert point is not None  # the row's condition
    return _deeper(view.interview, point)


def _wrap(view: View) -> Reply:
    return _enter_debrief(view.interview, view.case)


def _continue(view: View) -> Reply:
    interview, moves = _next_question(_close_open(view.interview), view.case)
    stays = interview.phase is view.interview.phase
    return interview, (*(_offer(view.interview) if stays else ()), *moves)


def _is(*intents: Intent) -> Callable[[View], bool]:
    return lambda view: view.intent in intents


def _in(phase: Phase) -> Callable[[View], bool]:
    return lambda view: view.interview.phase is phase


# fmt: off
REPLIES: tuple[tuple[Callable[[View], bool], Callable[[View], Reply]], ...] = (
    (lambda view: view.heard.halted,              _stop),
    (lambda view: not view.rating.gradable,       _unreadable),
    (_is(Intent.HINT),                            _take_hint),
    (_is(Intent.DONT_KNOW),                       _do_not_know),
    (_is(Intent.MOVE_ON),                         _go_on),
    (_is(Intent.CLARIFY),                         _answer_question),
    (_is(Intent.OFF_TOPIC),                       _redirect),
    (_is(Intent.META),                            _about_the_interview),
    (_in(Phase.WRAP_UP),                          _wrap),
    (_time_is_up,                                 _out_of_time),
    (lambda view: _ruled_out(view) is not None,   _challenge),
    (_can_dig,                                    _dig),
    (lambda view: True,                           _continue),
)
# fmt: on


# --- choosing a question --------------------------------------------------------------------------------------------


def _next_question(interview: Interview, case: Case) -> Reply:
    """The next question of this phase; when all is covered, the next phase."""
    return _question_here(interview, case) or _advance(interview, case)


def _question_here(interview: Interview, case: Case) -> Reply | None:
    """What is unsure, then the next estimate, then the weakest dimension; in the deep dive, all that was reached counts."""
    phases = interview.reached if interview.phase is Phase.DEEP_DIVE else (interview.phase,)
    askable = [p for p in outstanding(interview, case, phases) if p.probe and not progress(interview, p.id).asked]
    unsure = [point for point in askable if progress(interview, point.id).state is PointState.UNSURE]
    if unsure:
        return _probe(interview, min(unsure, key=lambda point: _rank(interview, case, point)))
    if interview.phase is Phase.ESTIMATES and (estimate := _estimate(interview, case)):
        return estimate
    if askable:
        return _probe(interview, min(askable, key=lambda point: _rank(interview, case, point)))
    if interview.phase is Phase.DEEP_DIVE and _may_dig(interview) and (point := _diggable(interview, case)):
        return _deeper(interview, point)
    return None


def _rank(interview: Interview, case: Case, point: RubricPoint) -> tuple[float, float, int]:
    """The weakest dimension first, in it what was least likely said, then what weighs most."""
    peers = [p for p in case.guide.rubric if p.dimension is point.dimension and expected(interview, p)]
    earned = sum(p.weight * credit(interview, p) for p in peers) / sum(p.weight for p in peers)
    return (earned, progress(interview, point.id).confidence, -point.weight)


def _probe(interview: Interview, point: RubricPoint) -> Reply:
    return _ask(interview, Move(MoveKind.PROBE, point.id, {"ask": point.probe}))


def _deeper(interview: Interview, point: RubricPoint) -> Reply:
    # It may have been said a while ago: the candidate is told what this goes on from.
    evidence = progress(interview, point.id).evidence
    material = {"ask": point.deeper, "quote": quoted(evidence.quote if evidence else "")}
    interview = mark(replace(interview, deep_dives=interview.deep_dives + 1), point.id, dug=True)
    move = Move(MoveKind.DEEPER, point.id, material)
    return replace(interview, open=Open(move.kind, "", point.deeper), dont_knows=0), (move,)


def _may_dig(interview: Interview) -> bool:
    return interview.deep_dives < DEEP_DIVES[interview.settings.level]


def _diggable(interview: Interview, case: Case) -> RubricPoint | None:
    """The best covered point that has not been followed deeper."""
    known = [(point, progress(interview, point.id)) for point in case.guide.rubric if point.deeper]
    strong = [
        (state.confidence, point) for point, state in known if state.state is PointState.COVERED and not state.dug
    ]
    return max(strong, key=lambda pair: pair[0])[1] if strong else None


def _estimate(interview: Interview, case: Case) -> Reply | None:
    """The next estimate nobody has worked out yet, while the format allows another."""
    if len(interview.estimates_asked) >= ESTIMATES[interview.settings.format]:
        return None
    for estimate in case.guide.estimates:
        if estimate.id not in interview.estimates_asked and estimate.id not in interview.estimated:
            interview = replace(
                interview,
                estimates_asked=(*interview.estimates_asked, estimate.id),
                open=Open(MoveKind.ESTIMATE, estimate.point, estimate.ask),
                dont_knows=0,
            )
            return interview, (Move(MoveKind.ESTIMATE, estimate.point, {"ask": estimate.ask}),)
    return None


def _ask(interview: Interview, move: Move, **changes: bool) -> Reply:
    """Ask about a point: it counts as asked from here, and the next answer is a reply to it."""
    interview = mark(interview, move.point, asked=True, **changes)
    words = move.material.get("ask", "")
    return replace(interview, open=Open(move.kind, move.point, words), dont_knows=0), (move,)


def _close_open(interview: Interview) -> Interview:
    """A point that was asked about is done with after the reply, whatever the reply was."""
    if interview.open is None:
        return interview
    if interview.open.point:
        interview = mark(interview, interview.open.point, closed=True)
    return replace(interview, open=None)


def _ruled_out(view: View) -> RubricPoint | None:
    """A point of what was reached so far that the candidate ruled out or contradicted; each is challenged once."""
    for point in view.case.guide.rubric:
        known = progress(view.interview, point.id)
        doubted = known.state is PointState.CHALLENGED or (known.state is PointState.COVERED and bool(known.doubt))
        open = doubted and not known.challenged and not known.closed and expected(view.interview, point)
        due = point.phase in view.interview.reached or known.evidence is not None
        if open and due and (point.challenge or known.evidence):
            return point
    return None


# --- the hint ladder ------------------------------------------------------------------------------------------------


def _climb(interview: Interview, case: Case) -> Reply:
    """One rung up for the point at hand: 0 its neutral probe, 1-3 its hints, then the answer, which ends the point."""
    point = _at_hand(interview, case)
    if point is None:
        return interview, (Move(MoveKind.NO_HINT),)
    known = progress(interview, point.id)
    at_hand = interview.open is not None and interview.open.point == point.id
    if not at_hand and not known.asked and point.probe:
        return _probe(interview, point)
    if known.hints < len(point.hints):
        interview = mark(interview, point.id, hints=known.hints + 1, asked=True)
        move = Move(MoveKind.HINT, point.id, {"hint": statement(point.hints[known.hints])})
        asked = interview.open if interview.open and at_hand else Open(MoveKind.PROBE, point.id, point.probe)
        return replace(interview, open=asked, stalls=0), (move,)
    interview = _close_open(mark(interview, point.id, hints=REVEALED, closed=True))
    interview, moves = _next_question(interview, case)
    return interview, (Move(MoveKind.REVEAL, point.id, {"statement": statement(point.statement)}), *moves)


def _at_hand(interview: Interview, case: Case) -> RubricPoint | None:
    """The point that was asked about, else the weakest one outstanding in this phase; only one that has hints.

    A question that goes deeper stands outside the rubric: there is no hint for it."""
    if interview.open and interview.open.kind is MoveKind.DEEPER:
        return None
    helpful = [point for point in outstanding(interview, case, (interview.phase,)) if point.hints]
    if interview.open and interview.open.point:
        point = next((p for p in case.guide.rubric if p.id == interview.open.point and p.hints), None)
        if point and not _settled(progress(interview, point.id)):
            return point
    return min(helpful, key=lambda point: _rank(interview, case, point), default=None)


def _settled(known: Progress) -> bool:
    return known.state is PointState.COVERED or known.hints >= REVEALED


def _offer(interview: Interview) -> tuple[Move, ...]:
    """In practice, a hint is offered after two turns that brought nothing new. In an interview it never is."""
    practice = interview.settings.mode is Mode.PRACTICE
    return (Move(MoveKind.OFFER_HINT),) if practice and interview.stalls == STALLS else ()


def _count_stalls(before: Interview, after: Interview, rating: Rating) -> Interview:
    """A turn stalls when it is an answer and credits nothing new; "I don't know" is counted a question."""
    dont_knows = after.dont_knows + 1 if rating.intent is Intent.DONT_KNOW else after.dont_knows
    stalls = before.stalls
    if newly_covered(before, after):
        stalls = 0
    elif rating.intent in {Intent.ANSWER, Intent.DONT_KNOW} or not rating.gradable:
        stalls = before.stalls % STALLS + 1
    return replace(after, stalls=stalls, dont_knows=dont_knows)


# --- phases ---------------------------------------------------------------------------------------------------------


def _advance(interview: Interview, case: Case) -> Reply:
    """To the next phase that has something to ask; when the whole time is up, straight to the wrap-up."""
    feedback = _feedback(interview, case)
    order = list(Phase)
    following = order[order.index(interview.phase) + 1 :]
    if clock.left(interview) <= 0 and Phase.WRAP_UP in following:
        following = following[following.index(Phase.WRAP_UP) :]
    interview = replace(interview, open=None, dont_knows=0, stalls=0)
    phases, opened = iter(following), None
    while opened is None:
        interview = _reach(interview, next(phases))
        opened = ENTER[interview.phase](interview, case)
    return opened[0], (*feedback, *opened[1])


def _reach(interview: Interview, phase: Phase) -> Interview:
    return replace(interview, phase=phase, reached=tuple(dict.fromkeys((*interview.reached, phase))))


def _opening(interview: Interview) -> Move:
    return Move(MoveKind.OPEN_PHASE, material={"phase": interview.phase.value, "left": minutes(clock.left(interview))})


def _enter_asking(interview: Interview, case: Case) -> Reply | None:
    """A phase that opens with its own broad question."""
    move = _opening(interview)
    return replace(interview, open=Open(move.kind, "", "")), (move,)


def _enter_pointed(interview: Interview, case: Case) -> Reply | None:
    """A phase that opens with its first pointed question; skipped when there is none."""
    asked = _question_here(interview, case)
    return (asked[0], (_opening(interview), *asked[1])) if asked else None


def _enter_twist(interview: Interview, case: Case) -> Reply | None:
    """One requirement changes: the twist the design is least prepared for."""
    if not case.guide.twists:
        return None

    def prepared(twist: str) -> float:
        points = [point for point in case.guide.rubric if point.twist == twist]
        return max((progress(interview, point.id).confidence for point in points), default=1.0)

    twist = min(case.guide.twists, key=lambda twist: prepared(twist.id))
    interview = replace(
        interview, twist=twist.id, open=Open(MoveKind.TWIST, "", f"{statement(twist.change)} {twist.ask}")
    )
    return interview, (Move(MoveKind.TWIST, material={"change": statement(twist.change), "ask": twist.ask}),)


def _enter_wrap_up(interview: Interview, case: Case) -> Reply | None:
    return replace(interview, open=Open(MoveKind.WRAP_UP, "", "")), (Move(MoveKind.WRAP_UP),)


def _enter_debrief(interview: Interview, case: Case) -> Reply:
    interview = replace(_reach(interview, Phase.DEBRIEF), open=None, since=None, paused=False)
    return interview, (Move(MoveKind.DEBRIEF),)


# fmt: off
ENTER: Mapping[Phase, Callable[[Interview, Case], Reply | None]] = {
    Phase.REQUIREMENTS: _enter_asking,
    Phase.ESTIMATES:    _enter_pointed,
    Phase.API:          _enter_asking,
    Phase.DESIGN:       _enter_asking,
    Phase.DEEP_DIVE:    _enter_pointed,
    Phase.TWIST:        _enter_twist,
    Phase.WRAP_UP:      _enter_wrap_up,
    Phase.DEBRIEF:      _enter_debrief,
}
# fmt: on


def _feedback(interview: Interview, case: Case) -> tuple[Move, ...]:
    """In practice, a word on the phase that ends: what was heard in it or of it, in the candidate's own words."""
    if interview.settings.mode is not Mode.PRACTICE or interview.phase is Phase.BRIEFING:
        return ()
    phase = interview.phase
    known = [(point, progress(interview, point.id)) for point in case.guide.rubric]
    heard = [
        (state.confidence, state.evidence)
        for point, state in known
        if state.evidence and phase in {point.phase, state.evidence.phase}
    ]
    if not heard:
        return (Move(MoveKind.FEEDBACK_EMPTY, material={"phase": SPOKEN[phase]}),)
    # A bare number is good evidence and a poor quotation.
    best = max(heard, key=lambda pair: (len(pair[1].quote.split()) >= QUOTABLE, pair[0]))[1]
    material = {"phase": SPOKEN[phase], "count": counted(len(heard), "point"), "quote": quoted(best.quote)}
    return (Move(MoveKind.FEEDBACK, material=material),)


def _unless_late(view: View, interview: Interview, move: Move) -> Reply:
    """A short reply, followed by the next phase when this one's time is up."""
    if not _time_is_up(view):
        return interview, (move,)
    interview, moves = _advance(interview, view.case)
    return interview, (move, *moves)


def _reconsidered(before: Interview, after: Interview, case: Case, heard: Disputed) -> Move:
    point = case.guide.point(heard.point)
    was, now = (f"{100 * credit(state, point):.0f} %" for state in (before, after))
    material = {"statement": statement(point.statement), "before": was, "after": now}
    return Move(MoveKind.RECONSIDERED, heard.point, material)


def judged(case: Case, settings: Settings, heard: Answered, rating: Rating) -> Interview:
    """One written answer as an interview at its debrief: every phase reached, nothing asked, no twist."""
    phases = tuple(phase for phase in Phase if phase is not Phase.FINISHED)
    interview = Interview(id="", candidate="", settings=settings, phase=Phase.DEBRIEF, reached=phases)
    return hear(interview, case, rating, heard)
