"""A small question with a complete guide, and a harness that holds an interview with the machine and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from interviewer.machine import step
from interviewer.model import (
    DELETED,
    Answered,
    Case,
    Dimension,
    Estimate,
    Event,
    Fact,
    Format,
    Guide,
    Intent,
    Interview,
    Level,
    Message,
    Misconception,
    Mode,
    Move,
    Phase,
    PointRating,
    PointState,
    Question,
    Rate,
    Rated,
    Rating,
    Record,
    Reviewed,
    RubricPoint,
    Say,
    Settings,
    Started,
    Strike,
    Turn,
    Twist,
    Word,
    Worded,
    Wording,
)


def point(
    id: str, dimension: Dimension, phase: Phase, level: Level = Level.MID, weight: int = 2, twist: str = ""
) -> RubricPoint:
    return RubricPoint(
        id=id,
        statement=f"The {id} idea is said in full.",
        exemplars=(f"I would do the {id} thing.", f"My way to {id} is this."),
        dimension=dimension,
        phase=phase,
        level=level,
        weight=weight,
        misconceptions=(f"We never need {id}.",),
        challenge=f"What happens without {id}?",
        probe=f"How about {id}?",
        hints=(f"The {id} concern.", f"The {id} direction.", f"The {id} concept and its price."),
        deeper=f"And deeper into {id}?",
        twist=twist,
    )


GUIDE = Guide(
    question="library",
    rubric=(
        point("lending", Dimension.REQUIREMENTS, Phase.REQUIREMENTS, weight=3),
        point("waiting-list", Dimension.REQUIREMENTS, Phase.REQUIREMENTS),
        point("loan-rate", Dimension.ESTIMATES, Phase.ESTIMATES),
        point("loan-call", Dimension.API, Phase.API),
        point("copy-record", Dimension.DATA, Phase.API, weight=3),
        point("one-desk", Dimension.ARCHITECTURE, Phase.DESIGN, weight=3),
        point("shelf-index", Dimension.ARCHITECTURE, Phase.DESIGN, Level.SENIOR),
        point("double-loan", Dimension.RELIABILITY, Phase.DEEP_DIVE, Level.SENIOR, 3),
        point("returns", Dimension.DEPTH, Phase.DEEP_DIVE),
        point("stale-shelf", Dimension.DEPTH, Phase.DEEP_DIVE, Level.STAFF),
        point("flood", Dimension.RELIABILITY, Phase.TWIST, Level.SENIOR, twist="flooded"),
        point("fines", Dimension.TRADE_OFFS, Phase.TWIST, twist="no-fines"),
        point("paper-or-not", Dimension.TRADE_OFFS, Phase.WRAP_UP),
    ),
    facts=(Fact("readers", "About 10,000 readers borrow from us.", ("How many readers are there?",)),),
    twists=(
        Twist("flooded", "One branch is under water.", "What still works?"),
        Twist("no-fines", "The city forbids fines.", "What brings books back?"),
    ),
    estimates=(
        Estimate(
            "loans",
            "Loans a second",
            "How many loans a second is that?",
            2.0,
            "loans/s",
            2.0,
            "172,800 / 86,400",
            "loan-rate",
        ),
        Estimate("shelf", "Catalogue size", "How large is the catalogue?", 4.0, "GB", 2.0, "2M x 2 KB", "loan-rate"),
    ),
    model_answer="Begin with the desk.",
    diagram="flowchart LR\n  a --> b",
)
QUESTION = Question("library", "A lending library", "Design a library that lends books to a whole city.")
CASE = Case(QUESTION, GUIDE)


def settings(mode: Mode = Mode.PRACTICE, format: Format = Format.STANDARD, level: Level = Level.SENIOR) -> Settings:
    return Settings("library", level, mode, format)


def rating(
    *covered: str,
    text: str = "",
    intent: Intent = Intent.ANSWER,
    unsure: Sequence[str] = (),
    challenged: Sequence[str] = (),
    wrong: Sequence[str] = (),
    fact: str = "",
    gradable: bool = True,
    confidence: float = 0.9,
) -> Rating:
    """A rating of `text` in which each point is quoted with the whole text."""

    def state(id: str) -> tuple[PointState, float, str]:
        if id in covered:
            return PointState.COVERED, confidence, text
        if id in challenged:
            return PointState.CHALLENGED, 0.2, text
        return (PointState.UNSURE, 0.5, text) if id in unsure else (PointState.MISSING, 0.05, "")

    points = tuple(PointRating(p.id, *state(p.id)) for p in GUIDE.rubric)
    return Rating(intent, gradable, points, tuple(Misconception(id, text) for id in wrong), fact)


def plainly(move: Move) -> tuple[str, ...]:
    """A voice that says what it is handed and marks the move's kind."""
    return (f"[{move.kind}] " + " ".join(move.material.values()),)


@dataclass
class Drive:
    """Holds an interview: events in, lines of the transcript out. `voice` words a move."""

    settings: Settings = field(default_factory=settings)
    case: Case = CASE
    voice: Callable[[Move], Sequence[str]] = plainly
    interview: Interview | None = None
    now: float = 0.0
    transcript: list[Turn] = field(default_factory=list[Turn])
    scorecards: int = 0
    written: int = 0

    def start(self) -> Turn:
        return self.do(Started("i1", "ada", self.settings, self.now))

    def answer(
        self,
        *covered: str,
        text: str = "",
        rated: Rating | None = None,
        better: Rating | None = None,
        after: float = 30.0,
        **how: object,
    ) -> Turn:
        """Write an answer `after` seconds and have it rated as told; what the interviewer says to it."""
        self.now += after
        self.written += 1
        text = text or f"answer number {self.written} about {', '.join(covered) or 'this and that'}"
        message = Message("t", f"m{self.written}", "ada", text, self.now)
        return self.do(Answered((message,), self.now), rated or rating(*covered, text=text, **how), better)  # type: ignore[arg-type]

    def do(self, event: Event, rated: Rating | None = None, better: Rating | None = None) -> Turn:
        """Give the machine an event and obey until nothing is left to do; the last thing said.

        With a `better` rating the first is provisional, and the better one comes while the reply is worded."""
        queue: list[Event] = [event]
        while queue:
            self.interview, effects = step(self.interview, queue.pop(0), self.case)
            for effect in effects:
                match effect:
                    case Rate():
                        first = rated or rating(text=effect.text)
                        queue.append(Rated(replace(first, provisional=True) if better else first, self.now))
                    case Word(moves):
                        queue += [Reviewed(better, self.now)] if better else []
                        queue.append(Worded(tuple(Wording(tuple(self.voice(move))) for move in moves), self.now))
                    case Say(turn, scorecard):
                        self.transcript.append(turn)
                        self.scorecards += scorecard
                    case Record(turn):
                        self.transcript.append(turn)
                    case Strike(message):
                        struck = [turn.message == message for turn in self.transcript]
                        self.transcript = [
                            replace(turn, kind=DELETED, text="") if gone else turn
                            for turn, gone in zip(self.transcript, struck, strict=True)
                        ]
        return self.transcript[-1]

    @property
    def state(self) -> Interview:
        assert self.interview is not None
        return self.interview
