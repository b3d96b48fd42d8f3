"""The nouns of an interview, the events that happen to it and the effects it asks for.

Everything here is a frozen dataclass or an enumeration from the standard library: no behaviour but small derivations.
Times are seconds since the epoch, durations are seconds, texts are plain Unicode. `Mapping` fields are never mutated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """The level a candidate interviews for; a point is expected from its level upwards."""

    MID = "mid"
    SENIOR = "senior"
    STAFF = "staff"

    def reaches(self, other: "Level") -> bool:
        """Whether what is expected at `other` is expected at this level too."""
        order = list(Level)
        return order.index(self) >= order.index(other)


class Mode(StrEnum):
    """`practice` offers hints and feedback on the way; `interview` does neither unasked."""

    PRACTICE = "practice"
    INTERVIEW = "interview"


class Format(StrEnum):
    """How long an interview is, in active minutes: 15, 30 or 45."""

    QUICK = "quick"
    STANDARD = "standard"
    FULL = "full"


class Phase(StrEnum):
    """The stations of an interview, in order."""

    BRIEFING = "briefing"
    REQUIREMENTS = "requirements"
    ESTIMATES = "estimates"
    API = "api"
    DESIGN = "design"
    DEEP_DIVE = "deep-dive"
    TWIST = "twist"
    WRAP_UP = "wrap-up"
    DEBRIEF = "debrief"
    FINISHED = "finished"


class Dimension(StrEnum):
    """What a scorecard scores. `drive` is derived from how points came to be said; no rubric point bears it."""

    REQUIREMENTS = "requirements"
    ESTIMATES = "estimates"
    API = "api"
    DATA = "data"
    ARCHITECTURE = "architecture"
    DEPTH = "depth"
    RELIABILITY = "reliability"
    TRADE_OFFS = "trade-offs"
    DRIVE = "drive"


class Intent(StrEnum):
    """What a candidate's message is for."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    HINT = "hint"
    DONT_KNOW = "dont-know"
    MOVE_ON = "move-on"
    OFF_TOPIC = "off-topic"
    META = "meta"


class PointState(StrEnum):
    """Where a rubric point stands: said, to be asked about, not said, or ruled out by the candidate."""

    COVERED = "covered"
    UNSURE = "unsure"
    MISSING = "missing"
    CHALLENGED = "challenged"


class Source(StrEnum):
    """How a credited point came to be said."""

    VOLUNTEERED = "volunteered"
    PROBED = "probed"
    HINTED = "hinted"
    DISPUTED = "disputed"


class Speaker(StrEnum):
    """Who said a line of the transcript."""

    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class CommandName(StrEnum):
    """What a candidate can do besides answering; the same on every platform."""

    START = "start"
    HINT = "hint"
    TIME = "time"
    REPEAT = "repeat"
    NEXT = "next"
    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    DISPUTE = "dispute"
    ANSWER = "answer"
    STOP = "stop"


class MoveKind(StrEnum):
    """Everything the interviewer can do with a sentence. Each kind has a prompt of the same name in `prompts/moves/`."""

    GREET = "greet"
    PRESENT = "present"
    OPEN_PHASE = "open-phase"
    ANSWER = "answer"
    ASSUME = "assume"
    PROBE = "probe"
    CHALLENGE = "challenge"
    CONTRADICTION = "contradiction"
    DEEPER = "deeper"
    ESTIMATE = "estimate"
    HINT = "hint"
    REVEAL = "reveal"
    NO_HINT = "no-hint"
    OFFER_HINT = "offer-hint"
    DEFLECT = "deflect"
    LET_GO = "let-go"
    TWIST = "twist"
    FEEDBACK = "feedback"
    FEEDBACK_EMPTY = "feedback-empty"
    TIME = "time"
    TIME_UP = "time-up"
    REPEAT = "repeat"
    REDIRECT = "redirect"
    META = "meta"
    UNREADABLE = "unreadable"
    UNREAD = "unread"
    TOO_LATE = "too-late"
    STOPPED = "stopped"
    WRAP_UP = "wrap-up"
    PAUSED = "paused"
    RESUMED = "resumed"
    DEBRIEF = "debrief"
    AFTERWARDS = "afterwards"
    RECONSIDERED = "reconsidered"
    NOT_DISPUTABLE = "not-disputable"
    MODEL_ANSWER = "model-answer"
    FAREWELL = "farewell"
    ON_MY_OWN = "on-my-own"


class Trouble(StrEnum):
    """Why a language model was of no use for a turn."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    KEY = "key"
    UNKNOWN = "unknown"
    FILTERED = "filtered"
    UNUSABLE = "unusable"
    BUDGET = "budget"


class Verdict(StrEnum):
    """What an interviewer would write at the bottom of the page."""

    STRONG_HIRE = "strong hire"
    HIRE = "hire"
    LEAN_HIRE = "lean hire"
    LEAN_NO_HIRE = "lean no hire"
    NO_HIRE = "no hire"


# --- the bank -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What a candidate may see of a question."""

    id: str
    title: str
    prompt: str
    company: str = ""
    also_asked_at: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    levels: tuple[Level, ...] = tuple(Level)
    minutes: int = 45


@dataclass(frozen=True)
class Fact:
    """The answer to a clarifying question, and some ways to ask it."""

    id: str
    answer: str
    asks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RubricPoint:
    """One idea that can be heard, or not heard, in an answer."""

    id: str
    statement: str
    exemplars: tuple[str, ...]
    dimension: Dimension = Dimension.DEPTH
    phase: Phase = Phase.DEEP_DIVE
    level: Level = Level.MID
    weight: int = 1
    concepts: tuple[str, ...] = ()
    misconceptions: tuple[str, ...] = ()
    challenge: str = ""
    probe: str = ""
    hints: tuple[str, ...] = ()
    deeper: str = ""
    twist: str = ""


@dataclass(frozen=True)
class Twist:
    """A requirement that changes half-way, and the question that follows."""

    id: str
    change: str
    ask: str


@dataclass(frozen=True)
class Estimate:
    """A number code can check: `value` (in `unit`) is right within a factor of `tolerance` either way."""

    id: str
    name: str
    ask: str
    value: float
    unit: str
    tolerance: float
    working: str = ""
    point: str = ""


@dataclass(frozen=True)
class Guide:
    """The interviewer's hidden guide to one question."""

    question: str
    rubric: tuple[RubricPoint, ...]
    facts: tuple[Fact, ...] = ()
    twists: tuple[Twist, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    pitfalls: tuple[str, ...] = ()
    model_answer: str = ""
    diagram: str = ""

    def point(self, id: str) -> RubricPoint:
        """The point called `id`; raises KeyError."""
        for point in self.rubric:
            if point.id == id:
                return point
        raise KeyError(id)


@dataclass(frozen=True)
class Case:
    """A question together with its guide: all the machine needs to know of the bank."""

    question: Question
    guide: Guide


# --- what arrives and what is kept ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message. `place` is where its adapter finds it; `size` in bytes, 0 if not known."""

    id: str
    name: str
    mime: str
    size: int
    place: str


@dataclass(frozen=True)
class Message:
    """Something a candidate wrote in a thread. `thread` is opaque to all but its adapter."""

    thread: str
    id: str
    author: str
    text: str
    at: float
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Correction:
    """The candidate changed the message `of` into `now`, or deleted it (None)."""

    thread: str
    id: str
    author: str
    of: str
    now: str | None
    at: float


@dataclass(frozen=True)
class Settings:
    """What was chosen when an interview was started."""

    question: str
    level: Level = Level.SENIOR
    mode: Mode = Mode.PRACTICE
    format: Format = Format.STANDARD
    persona: str = "calm"
    language: str = ""
    """What a language model speaks; "" for the language the candidate writes in. Without a model it is English."""


@dataclass(frozen=True)
class Command:
    """A command a candidate gave in a thread. `settings` goes with `start`, `argument` with `dispute`.

    `stop` cuts short the reply that is being prepared; what was said is heard all the same."""

    thread: str
    id: str
    author: str
    name: CommandName
    at: float
    argument: str = ""
    settings: Settings | None = None


Inbound = Message | Command | Correction


@dataclass(frozen=True)
class Turn:
    """One line of the transcript. `message` is the platform's id of a candidate's message, "" for the interviewer.

    A message that the candidate deleted leaves its line, of kind `DELETED` and without its text."""

    speaker: Speaker
    phase: Phase
    kind: str
    text: str
    at: float
    message: str = ""


@dataclass(frozen=True)
class Usage:
    """What language models were asked for: calls, and tokens read, of those read from the provider's cache, and written."""

    calls: int = 0
    read: int = 0
    cached: int = 0
    written: int = 0

    @property
    def tokens(self) -> int:
        """Tokens read and written, those from a cache included."""
        return self.read + self.written

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.read + other.read,
            self.cached + other.cached,
            self.written + other.written,
        )


DELETED = "deleted"


@dataclass(frozen=True)
class Preferences:
    """What a person likes an interview to be like, wherever they start one. `zone` is an IANA name, "" if not known."""

    level: Level | None = None
    mode: Mode | None = None
    format: Format | None = None
    persona: str = ""
    language: str = ""
    zone: str = ""


# --- judging --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a rater is asked to judge.

    `asked` is the point whose probe, challenge or hint this replies to ("" for none): it is judged as a direct answer.
    `heard` is what the interviewer has said so far, so that repeating it earns nothing. `frugal`: the interview has used up
    what it may spend on language models. `final`: a provisional rating won't do.
    """

    text: str
    asked: str = ""
    heard: tuple[str, ...] = ()
    frugal: bool = False
    final: bool = False


@dataclass(frozen=True)
class PointRating:
    """A rater's view of one point. `confidence` is the estimated probability (0-1) that the point is covered;
    `quote` is a literal piece of the answer: always there when covered or challenged. `split`: two raters disagreed."""

    point: str
    state: PointState
    confidence: float
    quote: str = ""
    split: bool = False


@dataclass(frozen=True)
class Misconception:
    """A wrong claim the candidate made about a point, in the candidate's words."""

    point: str
    quote: str


@dataclass(frozen=True)
class Rating:
    """A rater's view of one answer: every point of the guide once, in the guide's order.

    `gradable` is False for an empty or meaningless text: then every point is missing. `fact` names the fact that answers
    a clarifying question ("" if none does). `provisional`: good enough to reply to, and a better rating of the same answer
    follows."""

    intent: Intent
    gradable: bool
    points: tuple[PointRating, ...]
    misconceptions: tuple[Misconception, ...] = ()
    fact: str = ""
    rater: str = "offline"
    provisional: bool = False
    usage: Usage = Usage()
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Evidence:
    """The candidate's own words behind a credit: `message` is the id they came from, `hints` the rung reached by then."""

    quote: str
    message: str
    source: Source
    phase: Phase
    hints: int = 0


@dataclass(frozen=True)
class Progress:
    """How far an interview has come with one point."""

    state: PointState = PointState.MISSING
    confidence: float = 0.0
    evidence: Evidence | None = None
    doubt: str = ""
    """The candidate's words that left the point unsure or ruled it out."""
    hints: int = 0
    """The highest rung of the hint ladder taken: 0 none, 1-3, 4 revealed."""
    asked: bool = False
    challenged: bool = False
    dug: bool = False
    closed: bool = False
    misconception: str = ""
    disputed: bool = False
    split: bool = False
    """Whether two raters disagreed about it when it was last looked at."""


@dataclass(frozen=True)
class Estimated:
    """A number the candidate gave for one of the guide's estimates, in that estimate's unit."""

    estimate: str
    value: float
    quote: str
    right: bool


# --- moves ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """One thing for the interviewer to say. `material` is all a voice may draw on. `withdrawn`: a better rating has made it
    untrue before it was said."""

    kind: MoveKind
    point: str = ""
    material: Mapping[str, str] = field(default_factory=dict[str, str])
    withdrawn: bool = False


@dataclass(frozen=True)
class Wording:
    """A move in words: `options` in order of preference, the later ones plainer."""

    options: tuple[str, ...]
    usage: Usage = Usage()
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Open:
    """What the candidate was last asked: a move's kind, the point it is about, and its words."""

    kind: MoveKind
    point: str
    text: str


@dataclass(frozen=True)
class Interview:
    """The whole state of one interview; small, since the transcript is kept beside it."""

    id: str
    candidate: str
    settings: Settings
    phase: Phase = Phase.BRIEFING
    reached: tuple[Phase, ...] = (Phase.BRIEFING,)
    spent: Mapping[Phase, float] = field(default_factory=dict[Phase, float])
    """Active seconds a phase."""
    since: float | None = None
    """When the clock was last read; None while it stands still."""
    paused: bool = False
    points: Mapping[str, Progress] = field(default_factory=dict[str, Progress])
    estimated: Mapping[str, Estimated] = field(default_factory=dict[str, Estimated])
    estimates_asked: tuple[str, ...] = ()
    open: Open | None = None
    twist: str = ""
    deep_dives: int = 0
    stalls: int = 0
    dont_knows: int = 0
    assumptions: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Fingerprints of everything the interviewer has said, so that nothing is said twice."""
    turns: int = 0
    """Lines in the transcript."""
    raters: tuple[str, ...] = ()
    gradable: bool = False
    """Whether any answer so far could be judged at all."""
    hearing: "Answered | Disputed | None" = None
    """The answer a rating is awaited for."""
    wording: tuple[Move, ...] = ()
    """The reply a wording is awaited for."""
    reviewing: "Review | None" = None
    """The answer that was replied to after a provisional rating; a better one is awaited."""
    usage: Usage = Usage()
    """What language models have been asked for so far."""
    trouble: Trouble | None = None
    """Why an answer was heard without a language model, until the candidate is told."""
    plain: bool = False
    """Whether a language model failed to word something, until the candidate is told."""
    told: tuple[str, ...] = ()
    """Of what the candidate was told: "listening", "speaking"; once each is enough."""


@dataclass(frozen=True)
class Review:
    """An answer, and the interview as it was before the answer's provisional rating."""

    heard: "Answered"
    before: Interview


# --- events: past tense ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Started:
    """An interview was asked for."""

    id: str
    candidate: str
    settings: Settings
    at: float


@dataclass(frozen=True)
class Unread:
    """An attachment that could not be read; `why` names the prompt that says so."""

    name: str
    why: str


@dataclass(frozen=True)
class Answered:
    """The candidate wrote one or more messages in a row; `unread` came with them. `halted`: and wants no reply to them."""

    messages: tuple[Message, ...]
    at: float
    unread: tuple[Unread, ...] = ()
    halted: bool = False
    usage: Usage = Usage()
    """What reading the attachments took."""

    @property
    def text(self) -> str:
        return "\n".join(message.text for message in self.messages)


@dataclass(frozen=True)
class Rated:
    """The rating asked for with `Rate` is there."""

    rating: Rating
    at: float


@dataclass(frozen=True)
class Reviewed:
    """The better rating of an answer that was replied to after a provisional one is there."""

    rating: Rating
    at: float


@dataclass(frozen=True)
class Worded:
    """Each move of `Word` in words; the machine says the first wording of each that breaks no rule."""

    wordings: tuple[Wording, ...]
    at: float


@dataclass(frozen=True)
class Corrected:
    """The candidate changed a message that had been answered."""

    at: float


@dataclass(frozen=True)
class Deleted:
    """The candidate deleted a message of the transcript."""

    message: str
    at: float


@dataclass(frozen=True)
class HintRequested:
    at: float


@dataclass(frozen=True)
class TimeRequested:
    at: float


@dataclass(frozen=True)
class RepeatRequested:
    at: float


@dataclass(frozen=True)
class MoveOnRequested:
    at: float


@dataclass(frozen=True)
class Paused:
    at: float


@dataclass(frozen=True)
class Resumed:
    at: float


@dataclass(frozen=True)
class Ended:
    at: float


@dataclass(frozen=True)
class Disputed:
    """After the debrief, the candidate argued for a point that was not credited."""

    point: str
    argument: str
    at: float
    message: str = ""

    @property
    def text(self) -> str:
        return self.argument


@dataclass(frozen=True)
class ModelAnswerRequested:
    at: float


Event = (
    Started
    | Answered
    | Corrected
    | Deleted
    | Rated
    | Reviewed
    | Worded
    | HintRequested
    | TimeRequested
    | RepeatRequested
    | MoveOnRequested
    | Paused
    | Resumed
    | Ended
    | Disputed
    | ModelAnswerRequested
)


# --- effects: imperative --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """Judge this text; answer with `Rated`. `shown` is what the candidate has been shown outside the transcript; `final`: a
    provisional rating won't do."""

    text: str
    asked: str = ""
    shown: tuple[str, ...] = ()
    final: bool = False


@dataclass(frozen=True)
class Word:
    """Put these moves into words; answer with `Worded`."""

    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Say:
    """Send this to the candidate and append it to the transcript. A scorecard goes along when `scorecard` is set."""

    turn: Turn
    scorecard: bool = False


@dataclass(frozen=True)
class Record:
    """Append what the candidate said to the transcript."""

    turn: Turn


@dataclass(frozen=True)
class Strike:
    """Take the text of this message out of the transcript."""

    message: str


Effect = Rate | Word | Say | Record | Strike


# --- the scorecard --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DimensionScore:
    """0-5, or None when no phase that bears on the dimension was reached. `bar` is what the level asks for."""

    dimension: Dimension
    score: float | None
    bar: float

    @property
    def assessed(self) -> bool:
        return self.score is not None


@dataclass(frozen=True)
class PointScore:
    """One point on the scorecard; `credit` is the share of its weight that counts (0-1)."""

    point: str
    statement: str
    dimension: Dimension
    level: Level
    weight: int
    state: PointState
    confidence: float
    credit: float
    expected: bool
    evidence: Evidence | None = None
    doubt: str = ""
    hints: int = 0
    split: bool = False
    """Two raters disagreed: worth a second look."""


@dataclass(frozen=True)
class EstimateScore:
    """The candidate's number beside the one the guide's inputs give."""

    name: str
    unit: str
    expected: float
    working: str
    said: float | None
    right: bool


@dataclass(frozen=True)
class NextStep:
    """Something to work on: `kind` is "correct" (a wrong claim), "learn" (not said) or "volunteer" (said only when asked)."""

    kind: str
    point: str


@dataclass(frozen=True)
class Scorecard:
    """What the candidate takes home. Rendered by adapters; every number was computed by `scoring.py`."""

    interview: str
    question: str
    title: str
    level: Level
    mode: Mode
    gradable: bool
    overall: float | None
    verdict: Verdict | None
    held_back: tuple[Dimension, ...]
    """Core dimensions too low for a hire, whatever the others are like."""
    supported: Level | None
    """The highest level at which this interview would be a hire; None if none."""
    dimensions: tuple[DimensionScore, ...]
    points: tuple[PointScore, ...]
    misconceptions: tuple[Misconception, ...] = ()
    estimates: tuple[EstimateScore, ...] = ()
    first_gap: str = ""
    """The point most worth having said and not credited; "" if there is none."""
    next_steps: tuple[NextStep, ...] = ()
    assumptions: tuple[str, ...] = ()
    hints: int = 0
    spent: Mapping[Phase, float] = field(default_factory=dict[Phase, float])
    raters: tuple[str, ...] = ()
