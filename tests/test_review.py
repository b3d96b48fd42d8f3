"""An answer that is replied to after a provisional rating: what the better rating changes, and what it costs."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from interviewer.machine import step
from interviewer.memory import MemoryStore
from interviewer.model import (
    Answer,
    Answered,
    Case,
    CommandName,
    Disputed,
    Ended,
    Event,
    HintRequested,
    Inbound,
    Intent,
    Interview,
    Message,
    Mode,
    Move,
    MoveKind,
    MoveOnRequested,
    Phase,
    PointRating,
    PointState,
    Rated,
    Rating,
    Reviewed,
    Source,
    TimeRequested,
    Trouble,
    Usage,
    Worded,
    Wording,
)
from interviewer.ports import Moment, Rater, Voice, final
from interviewer.prompts import load_prompts
from interviewer.questions import data_root
from interviewer.records import INTERVIEW
from interviewer.runner import Allowance, Ports, run_turn
from interviewer.scoring import credit, scorecard
from interviewer.voice import TemplateVoice
from tests.cases import CASE, GUIDE, Drive, rating, settings
from tests.fakes import (
    COST,
    NOTICES,
    Channel,
    EagerRater,
    PlainVoice,
    bank,
    command,
    message,
    start,
    ticking,
)

TEXT = "Readers borrow at one desk"


@pytest.fixture
def drive() -> Drive:
    drive = Drive()
    drive.start()
    return drive


def look(*covered: str, **how: object) -> Rating:
    """One look at TEXT."""
    return rating(*covered, text=TEXT, **how)  # type: ignore[arg-type]


def looked(drive: Drive, first: Rating, better: Rating, text: str = TEXT) -> str:
    """Answer, have it looked at twice, and return the reply."""
    return drive.answer(text=text, rated=first, better=better).text


def through(drive: Drive, phase: Phase) -> Drive:
    while drive.state.phase is not phase:
        drive.do(MoveOnRequested(drive.now))
    return drive


def source(drive: Drive, point: str) -> Source | None:
    evidence = drive.state.points[point].evidence
    return evidence.source if evidence else None


def states(drive: Drive, *points: str) -> list[PointState]:
    return [drive.state.points[point].state for point in points]


# --- what counts ----------------------------------------------------------------------------------------------------


def test_what_only_the_better_rating_heard_is_credited(drive: Drive) -> None:
    looked(drive, look("lending"), look("lending", "copy-record"))
    assert states(drive, "lending", "copy-record") == [PointState.COVERED, PointState.COVERED]


def test_credit_is_taken_back_when_the_better_rating_says_so(drive: Drive) -> None:
    looked(drive, look("lending", "copy-record"), look("lending", unsure=["copy-record"]))
    assert states(drive, "lending", "copy-record") == [PointState.COVERED, PointState.UNSURE]
    assert drive.state.points["copy-record"].evidence is None


def test_what_was_said_before_the_probe_was_volunteered(drive: Drive) -> None:
    reply = looked(drive, look("lending"), look("lending", "waiting-list"))
    assert reply.endswith("How about waiting-list?")
    assert source(drive, "waiting-list") is Source.VOLUNTEERED
    assert drive.state.points["waiting-list"].asked


def test_what_was_said_before_a_hint_costs_nothing(drive: Drive) -> None:
    drive.answer("lending")
    drive.answer(text=TEXT, rated=look(intent=Intent.HINT), better=look("waiting-list"))
    known = drive.state.points["waiting-list"]
    assert (known.hints, credit(drive.state, GUIDE.point("waiting-list"))) == (1, 1.0)


def test_a_point_credited_before_stays_credited_whatever_both_ratings_say(drive: Drive) -> None:
    drive.answer("lending", text="Readers borrow books")
    looked(drive, look(), look(unsure=["lending"]))
    evidence = drive.state.points["lending"].evidence
    assert evidence is not None
    assert evidence.quote == "Readers borrow books"


def test_the_reply_stays_what_it_is_and_so_does_what_was_done_about_a_point(drive: Drive) -> None:
    other = Drive()
    other.start()
    reply = looked(through(drive, Phase.DESIGN), look("one-desk"), look(challenged=["one-desk"]))
    through(other, Phase.DESIGN)
    assert reply == other.answer(text=TEXT, rated=look("one-desk")).text
    assert "And deeper into one-desk?" in reply
    assert drive.state.open == other.state.open
    known = drive.state.points["one-desk"]
    assert (known.state, known.dug, drive.state.deep_dives) == (PointState.CHALLENGED, True, 1)


def test_a_point_that_was_closed_stays_closed(drive: Drive) -> None:
    drive.answer("lending")
    looked(drive, look(), look(unsure=["waiting-list"]))
    assert drive.state.points["waiting-list"].closed


def test_a_misconception_is_held_only_if_the_better_rating_says_so(drive: Drive) -> None:
    held, none = look(challenged=["one-desk"], wrong=["one-desk"]), look(challenged=["one-desk"])
    looked(drive, held, none)
    assert drive.state.points["one-desk"].misconception == ""
    looked(drive, none, held)
    assert drive.state.points["one-desk"].misconception == TEXT


def test_where_two_raters_disagree_the_scorecard_says_so(drive: Drive) -> None:
    better = look("lending", "returns")
    split = tuple(replace(view, split=view.point == "lending") for view in better.points)
    looked(drive, look("lending"), replace(better, points=split))
    marked = {point.point for point in scorecard(drive.state, CASE).points if point.split}
    assert marked == {"lending"}


def test_a_better_rating_finds_something_in_what_could_not_be_judged(drive: Drive) -> None:
    text = f"{TEXT}, 2 loans a second"
    looked(drive, look(gradable=False), look("lending"), text)
    assert drive.state.gradable
    assert states(drive, "lending", "loan-rate") == [PointState.COVERED, PointState.COVERED]
    assert drive.state.estimated["loans"].right


def test_a_better_rating_finds_nothing_in_what_could_be_judged(drive: Drive) -> None:
    looked(drive, look("lending"), look(gradable=False))
    assert not drive.state.gradable
    assert credit(drive.state, GUIDE.point("lending")) == 0


# --- contradictions -------------------------------------------------------------------------------------------------


def contradicted(drive: Drive, better: Rating) -> Drive:
    """Lending is credited and then contradicted, as the first look has it."""
    drive.answer("lending", text="Anybody may borrow")
    assert looked(drive, look(challenged=["lending"]), better).startswith("[contradiction]")
    return drive


def test_a_contradiction_that_was_asked_about_stays_withdrawn(drive: Drive) -> None:
    contradicted(drive, look(challenged=["lending"]))
    known = drive.state.points["lending"]
    assert (known.state, known.doubt) == (PointState.CHALLENGED, TEXT)
    drive.answer("lending", text="They may borrow after all")
    assert credit(drive.state, GUIDE.point("lending")) == 1


def test_a_contradiction_that_was_none_takes_nothing_away(drive: Drive) -> None:
    contradicted(drive, look())
    known = drive.state.points["lending"]
    assert (known.state, known.doubt, known.challenged) == (PointState.COVERED, "", True)


def test_a_contradiction_only_the_better_rating_heard_takes_nothing_before_it_was_asked_about(drive: Drive) -> None:
    drive.answer("lending", text="Anybody may borrow")
    looked(drive, look(), look(challenged=["lending"]))
    assert credit(drive.state, GUIDE.point("lending")) == 1
    assert drive.answer().kind == "contradiction"
    assert credit(drive.state, GUIDE.point("lending")) == 0


def test_a_second_contradiction_is_not_asked_about_and_takes_nothing(drive: Drive) -> None:
    contradicted(drive, look(challenged=["lending"]))
    drive.answer("lending", text="They may borrow after all")
    again = look(challenged=["lending"])
    assert "[contradiction]" not in looked(drive, again, again)
    assert credit(drive.state, GUIDE.point("lending")) == 1


# --- what goes with it ----------------------------------------------------------------------------------------------


def test_a_turn_that_brought_something_after_all_is_no_stall(drive: Drive) -> None:
    drive.answer()
    assert drive.state.stalls == 1
    looked(drive, look(), look("copy-record"))
    assert drive.state.stalls == 0


def test_a_turn_that_brought_nothing_to_either_rater_is_a_stall(drive: Drive) -> None:
    looked(drive, look(), look(unsure=["copy-record"]))
    assert drive.state.stalls == 1


def test_the_rater_whose_word_counts_is_named_and_all_that_was_asked_is_summed(drive: Drive) -> None:
    first, better = (
        replace(look(), usage=Usage(1, 10, 0, 1)),
        replace(look(), usage=Usage(2, 200, 50, 20), rater="both"),
    )
    looked(drive, first, better)
    assert drive.state.raters == ("both",)
    assert drive.state.usage == Usage(3, 210, 50, 21)
    looked(drive, first, first)
    assert drive.state.raters == ("both", "offline")
    assert drive.state.usage == Usage(5, 230, 50, 23)


def test_numbers_are_reckoned_by_code_whatever_the_raters_say(drive: Drive) -> None:
    through(drive, Phase.ESTIMATES)
    assert drive.answer(text="40 loans a second", rated=look(), better=look()).text.endswith("large is the catalogue?")
    assert not drive.state.estimated["loans"].right
    looked(drive, look(), look(), text="2,000,000 records of 2 KB make 4 GB")
    assert drive.state.estimated["shelf"].right
    assert states(drive, "loan-rate") == [PointState.COVERED]


@pytest.mark.parametrize("mode", Mode)
def test_the_scorecard_at_the_debrief_has_the_better_rating_in_it(mode: Mode) -> None:
    drive = Drive(settings(mode))
    drive.start()
    through(drive, Phase.WRAP_UP)
    looked(drive, look("paper-or-not"), look("lending", "returns"))
    assert (drive.state.phase, drive.scorecards) == (Phase.DEBRIEF, 1)
    credited = {point.point for point in scorecard(drive.state, CASE).points if point.credit}
    assert credited == {"lending", "returns"}


# --- when it comes --------------------------------------------------------------------------------------------------


def weighed(drive: Drive, rating: Rating) -> Interview:
    """The drive's interview in the middle of a turn: rated, and not yet worded."""
    heard, _ = step(drive.state, Answered((Message("t", "m", "ada", TEXT, drive.now),), drive.now), CASE)
    now, _ = step(heard, Rated(rating, drive.now), CASE)
    assert now is not None
    return now


def test_a_better_rating_that_comes_late_changes_nothing(drive: Drive) -> None:
    late = Reviewed(replace(look("returns"), usage=COST, trouble=Trouble.BUSY), 1.0)
    looked(drive, look("lending"), look("lending"))
    assert step(drive.state, late, CASE) == (drive.state, ())
    heard, _ = step(drive.state, Answered((Message("t", "m", "ada", TEXT, 1.0),), 1.0), CASE)
    assert step(heard, late, CASE) == (heard, ())
    for _ in range(2):
        drive.do(Ended(1.0))
        assert step(drive.state, late, CASE) == (drive.state, ())
    assert step(None, late, CASE) == (None, ())


def test_a_reply_that_is_said_does_not_wait_for_the_better_rating_any_more(drive: Drive) -> None:
    now = weighed(drive, replace(look("lending"), provisional=True))
    assert now.reviewing is not None
    said, _ = step(now, Worded((Wording(("Go on.",)),), 1.0), CASE)
    assert said is not None
    assert said.reviewing is None
    assert step(said, Reviewed(look(), 1.0), CASE) == (said, ())


def test_a_rating_is_replaced_once_and_what_comes_again_only_costs(drive: Drive) -> None:
    now = weighed(drive, replace(look(), provisional=True))
    better = Reviewed(replace(look("lending"), usage=COST), 1.0)
    once, effects = step(now, better, CASE)
    assert once is not None
    assert (once.reviewing, effects) == (None, ())
    again, effects = step(once, Reviewed(replace(look("returns"), usage=COST), 1.0), CASE)
    assert (again, effects) == (replace(once, usage=COST + COST), ())


def test_a_rating_that_is_not_provisional_is_not_replaced(drive: Drive) -> None:
    now = weighed(drive, look("lending"))
    assert now.reviewing is None
    assert step(now, Reviewed(look("returns"), 1.0), CASE) == (now, ())


def test_an_interview_survives_a_round_trip_while_a_better_rating_is_awaited(drive: Drive) -> None:
    drive.answer("lending")
    through(drive, Phase.ESTIMATES)
    now = weighed(drive, replace(look(unsure=["returns"]), provisional=True, usage=COST, trouble=Trouble.BUSY))
    assert now.reviewing is not None
    again = INTERVIEW.validate_json(INTERVIEW.dump_json(now))
    assert again == now
    better = Reviewed(look("returns"), 1.0)
    assert step(again, better, CASE) == step(now, better, CASE)


# --- trouble --------------------------------------------------------------------------------------------------------


def mentions(drive: Drive) -> list[str]:
    """The trouble named in each message of the interviewer, "" for none."""
    said = [turn.text for turn in drive.transcript if not turn.message]
    mark = f"[{MoveKind.ON_MY_OWN}] "
    return [text.split(mark, 1)[1].split("\n", 1)[0] if mark in text else "" for text in said]


def troubled(trouble: Trouble | None, *covered: str) -> Rating:
    return replace(look(*covered), trouble=trouble)


def test_trouble_with_a_rating_is_told_with_the_reply_and_only_once(drive: Drive) -> None:
    for trouble in (None, Trouble.UNREACHABLE, Trouble.UNREACHABLE, Trouble.BUDGET, None, Trouble.BUSY):
        drive.answer(text=TEXT, rated=troubled(trouble))
    assert mentions(drive) == ["", "", "unreachable", "", "", "", ""]
    assert drive.state.trouble is None


def test_the_word_about_it_comes_first_and_the_reply_follows(drive: Drive) -> None:
    told = drive.answer(text=TEXT, rated=troubled(Trouble.KEY))
    assert told.text.startswith("[on-my-own] key\n\n")
    assert (told.kind, told.text.endswith("How about lending?")) == ("probe", True)


def test_trouble_with_the_better_rating_is_told_with_the_next_message(drive: Drive) -> None:
    looked(drive, look(), troubled(Trouble.FILTERED))
    assert mentions(drive) == ["", ""]
    drive.do(TimeRequested(drive.now))
    looked(drive, look(), troubled(Trouble.FILTERED))
    drive.do(TimeRequested(drive.now))
    assert mentions(drive) == ["", "", "filtered", "", ""]


@pytest.mark.parametrize("event", [HintRequested, TimeRequested, MoveOnRequested, Ended])
def test_trouble_with_a_wording_is_told_with_the_next_message(drive: Drive, event: Callable[[float], Event]) -> None:
    now = weighed(drive, look())
    drive.interview, _ = step(now, Worded((Wording(("Go on.",), COST, Trouble.BUSY),), 1.0), CASE)
    assert drive.state.usage == COST
    drive.do(event(1.0))
    drive.do(TimeRequested(1.0))
    assert mentions(drive)[1:] == (["plain"] if event is Ended else ["plain", ""])


def test_trouble_with_listening_is_told_even_after_trouble_with_speaking_and_not_the_other_way_round(
    drive: Drive,
) -> None:
    now = weighed(drive, look())
    drive.interview, _ = step(now, Worded((Wording(("Go on.",), COST, Trouble.BUSY),), 1.0), CASE)
    drive.do(TimeRequested(1.0))
    looked(drive, look(), troubled(Trouble.KEY))
    drive.do(TimeRequested(1.0))
    assert [mention for mention in mentions(drive) if mention] == ["plain", "key"]
    now = weighed(drive, look())
    drive.interview, _ = step(now, Worded((Wording(("Go on.",), COST, Trouble.BUSY),), 1.0), CASE)
    drive.do(TimeRequested(1.0))
    assert [mention for mention in mentions(drive) if mention] == ["plain", "key"]


def test_feedback_that_the_better_rating_makes_untrue_is_not_given(drive: Drive) -> None:
    through(drive, Phase.REQUIREMENTS)
    same = looked(drive, look(intent=Intent.MOVE_ON), look(intent=Intent.MOVE_ON))
    assert "[feedback-empty]" in same
    other = Drive()
    other.start()
    through(other, Phase.REQUIREMENTS)
    said = looked(other, look(intent=Intent.MOVE_ON), look("lending", intent=Intent.MOVE_ON))
    assert "feedback" not in said
    assert same.replace("[feedback-empty]", "").split()[-5:] == said.split()[-5:]  # what follows is said all the same


def test_a_dispute_is_on_the_scorecard_with_whoever_rated_it(drive: Drive) -> None:
    drive.do(Ended(1.0))
    drive.do(Disputed("lending", TEXT, 2.0, "d1"), replace(look("lending"), rater="second"))
    assert scorecard(drive.state, CASE).raters == ("second",)


def test_the_first_trouble_is_the_one_that_is_told(drive: Drive) -> None:
    now = weighed(drive, replace(look(), provisional=True))
    now, _ = step(now, Reviewed(troubled(Trouble.UNUSABLE), 1.0), CASE)
    drive.interview, _ = step(now, Worded((Wording(("Go on.",), COST, Trouble.BUSY),), 1.0), CASE)
    drive.do(TimeRequested(1.0))
    assert mentions(drive)[-1] == "unusable"


@pytest.mark.parametrize("trouble", Trouble)
async def test_trouble_is_told_in_plain_words(trouble: Trouble) -> None:
    voice = TemplateVoice(load_prompts(data_root() / "prompts"))
    move = Move(MoveKind.ON_MY_OWN, material={"why": trouble.value})
    (words,) = (await voice.word(move, Moment(), print)).options
    assert "my own rules" in words
    assert "nothing you said is lost" in words
    assert "?" not in words
    assert not [
        jargon for jargon in ("API", "HTTP", "429", "token", "exception", "Error", "trouble") if jargon in words
    ]


# --- through the runner ---------------------------------------------------------------------------------------------

THREAD = "terminal:1"
PLENTY = Allowance()


class TwoLooks:
    """Finds nothing at first, and what an EagerRater finds when `go_on` is set; by then `looking` is."""

    def __init__(self, better: Exception | None = None) -> None:
        self.looking, self.go_on, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.better = better

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        eager = await final(EagerRater().rate(case, answer))
        nothing = tuple(PointRating(point.id, PointState.MISSING, 0.1) for point in case.guide.rubric)
        yield replace(eager, points=nothing, provisional=True)
        try:
            self.looking.set()
            await self.go_on.wait()
            if self.better:
                raise self.better
            yield replace(eager, rater="both", usage=COST)
        finally:
            self.over.set()


class Interplay:
    """A voice that words an answer's reply only while it is being looked at again, and lets that go on."""

    def __init__(self, rater: TwoLooks, error: Exception | None = None) -> None:
        self.rater, self.error = rater, error

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        if moment.answered:
            await self.rater.looking.wait()
            if self.error:
                raise self.error
            self.rater.go_on.set()
        return replace(await PlainVoice().word(move, moment, hear), usage=COST)


@dataclass
class Table:
    """Threads, a store in memory, a clock that can be put forward, and whoever is asked."""

    rater: Rater
    voice: Voice
    allowance: Allowance = PLENTY
    workspace: Callable[[str], str] = lambda _: ""
    days: float = 0.0
    channel: Channel = field(default_factory=Channel)
    store: MemoryStore = field(default_factory=lambda: MemoryStore(ticking()))

    @property
    def ports(self) -> Ports:
        return Ports(
            self.store,
            self.rater,
            self.voice,
            self.channel,
            lambda: 1_000.0 + self.days * 86_400,
            bank,
            NOTICES,
            allowance=self.allowance,
            workspace=self.workspace,
        )

    async def answers(self, *said: Inbound) -> None:
        for inbound in said:
            await self.store.admit(inbound.id, inbound)
            async with asyncio.timeout(10):
                while await run_turn(self.ports, inbound.thread, f"turn:{inbound.thread}"):
                    pass

    async def interview(self, thread: str = THREAD) -> Interview:
        interview = await self.store.interview(thread)
        assert interview is not None
        return interview


def others() -> set[asyncio.Task[object]]:
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


async def test_the_reply_is_worded_while_the_answer_is_looked_at_again() -> None:
    rater = TwoLooks()
    table = Table(rater, Interplay(rater))
    await table.answers(start(THREAD), message(THREAD, "m1", "reads and more"))
    interview = await table.interview()
    assert interview.points["reads"].state is PointState.COVERED
    assert interview.points["reads"].evidence is not None
    assert interview.points["reads"].evidence.source is Source.VOLUNTEERED
    assert (interview.raters, interview.reviewing) == (("both",), None)
    greeting, reply = table.channel.texts(THREAD)
    assert reply.startswith("probe: How do reads and writes compare."), "the reply to the first look"
    assert greeting != reply
    assert others() == set()


async def test_the_scorecard_that_is_posted_has_the_better_rating_in_it() -> None:
    rater = TwoLooks()
    table = Table(rater, Interplay(rater))
    moves = [command(THREAD, f"c{n}", CommandName.NEXT) for n in range(2)]
    await table.answers(start(THREAD), *moves)
    while (await table.interview()).phase is not Phase.WRAP_UP:
        await table.answers(command(THREAD, f"n{len(table.channel.posts)}", CommandName.NEXT))
    await table.answers(message(THREAD, "m1", "the cache"))
    card = table.channel.posts[-1].scorecard
    assert card is not None
    assert [point.point for point in card.points if point.credit] == ["cache"]
    assert card.raters == ("both",)


@pytest.mark.parametrize(
    ("wording", "rating"),
    [(ArithmeticError("the voice"), None), (None, ArithmeticError("the rater"))],
    ids=["the voice fails", "the better rating fails"],
)
async def test_a_turn_that_fails_half_way_leaves_no_task_behind_and_can_be_run_again(
    wording: Exception | None, rating: Exception | None
) -> None:
    rater = TwoLooks(rating)
    table = Table(rater, Interplay(rater, wording))
    await table.answers(start(THREAD))
    before = await table.interview()
    with pytest.raises(ArithmeticError):
        await table.answers(message(THREAD, "m1", "reads"))
    assert rater.over.is_set()
    assert others() == set()
    assert await table.interview() == before
    table.rater = rater = TwoLooks()
    table.voice = Interplay(rater)
    assert await run_turn(table.ports, THREAD, f"turn:{THREAD}") == 0
    assert (await table.interview()).points["reads"].state is PointState.COVERED
    assert others() == set()


async def test_a_turn_that_is_cancelled_leaves_no_task_behind() -> None:
    rater = TwoLooks()
    table = Table(rater, PlainVoice())
    await table.answers(start(THREAD))
    turn = asyncio.create_task(table.answers(message(THREAD, "m1", "reads")))
    await rater.looking.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert rater.over.is_set()
    assert others() == set()


# --- budgets --------------------------------------------------------------------------------------------------------


@dataclass
class Costly:
    """A rater and a voice of which each answer costs COST once, unless it has to be frugal; says who was."""

    answers: list[bool] = field(default_factory=list[bool])
    moments: list[bool] = field(default_factory=list[bool])

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        self.answers.append(answer.frugal)
        rating = await final(EagerRater().rate(case, answer))
        spent = {"trouble": Trouble.BUDGET} if answer.frugal else {"usage": COST}
        yield replace(rating, **spent)  # type: ignore[arg-type]

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        if moment.answered and moment.leads:
            self.moments.append(moment.frugal)
        return await PlainVoice().word(move, moment, hear)


def costly(allowance: Allowance = PLENTY, workspace: Callable[[str], str] = lambda _: "") -> tuple[Table, Costly]:
    brain = Costly()
    return Table(brain, brain, allowance, workspace), brain


def by(author: str, thread: str, *texts: str) -> Sequence[Inbound]:
    """An interview begun and as many answers given by somebody."""
    said = [message(thread, f"{thread}-{text}", text) for text in texts]
    return [replace(inbound, author=author) for inbound in (start(thread, f"{thread}-start"), *said)]


async def test_an_interview_that_has_used_up_its_allowance_is_frugal() -> None:
    table, brain = costly(Allowance(interview=2 * COST.tokens))
    await table.answers(*by("ada", "t:1", "one", "two", "three", "four"))
    assert brain.answers == brain.moments == [False, False, True, True]
    await table.answers(*by("ada", "t:2", "one"))
    assert brain.answers[-1] is False, "another interview has its own"
    assert (await table.interview("t:1")).usage == COST + COST


async def test_a_person_who_has_used_up_their_day_is_frugal_everywhere() -> None:
    table, brain = costly(Allowance(person=2 * COST.tokens))
    await table.answers(*by("ada", "t:1", "one", "two"), *by("ada", "t:2", "one"), *by("bob", "t:3", "one"))
    assert brain.answers == brain.moments == [False, False, True, False]
    table.days = 1
    await table.answers(message("t:2", "morning", "two"))
    assert brain.answers[-1] is False, "it is another day"


async def test_a_workspace_that_has_used_up_its_day_makes_everybody_in_it_frugal() -> None:
    table, brain = costly(Allowance(workspace=2 * COST.tokens), lambda thread: thread.partition(":")[0])
    await table.answers(*by("ada", "T1:1", "one"), *by("bob", "T1:2", "one"), *by("eve", "T1:3", "one"))
    await table.answers(*by("ada", "T2:1", "one"))
    assert brain.answers == brain.moments == [False, False, True, False]
    table.days = 1
    await table.answers(message("T1:1", "morning", "two"))
    assert brain.answers[-1] is False, "it is another day"


async def test_where_there_is_no_workspace_there_is_no_such_limit() -> None:
    table, brain = costly(Allowance(workspace=0))
    await table.answers(*by("ada", "t:1", "one", "two"))
    assert brain.answers == [False, False]


async def test_what_is_used_is_charged_to_the_person_and_the_workspace_of_the_day() -> None:
    table, _ = costly(workspace=lambda _: "T1")
    await table.answers(*by("ada", "t:1", "one", "two"), *by("bob", "t:2", "one"))
    table.days = 1
    await table.answers(message("t:1", "morning", "three"))
    accounts = [f"{who}:1970-01-0{day}" for day in (1, 2) for who in ("person:ada", "person:bob", "workspace:T1")]
    spent = [await table.store.spend(account, 0) for account in accounts]
    assert spent == [calls * COST.tokens for calls in (2, 1, 3, 1, 0, 1)]


async def test_both_ratings_and_every_wording_are_charged() -> None:
    rater = TwoLooks()
    table = Table(rater, Interplay(rater))
    await table.answers(start(THREAD), message(THREAD, "m1", "the tea"))
    usage = (await table.interview()).usage
    assert usage.calls == 4, "a greeting, the task, a reply and a better rating"
    assert await table.store.spend("person:ada:1970-01-01", 0) == usage.tokens


async def test_who_is_out_of_allowance_is_told_once() -> None:
    table, brain = costly(Allowance(interview=1))
    await table.answers(*by("ada", "t:1", "one", "two", "three"))
    assert brain.answers == [False, True, True]
    assert ["on-my-own: budget" in text for text in table.channel.texts("t:1")] == [False, False, True, False]
