"""What the interview needs from the outside world, as protocols: a store, a rater, a voice, a platform to post to and a clock.

`runner.py` is written against these alone. Every implementation of a port passes the same contract suite in `tests/`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeVar

from pydantic import BaseModel

from interviewer.daily import Private, Public, Written
from interviewer.model import (
    Answer,
    Attachment,
    Case,
    Inbound,
    Interview,
    Mode,
    Move,
    Preferences,
    Rating,
    Scorecard,
    Trouble,
    Turn,
    Usage,
    Wording,
)

NOTHING = Usage()
NONE: Mapping[int, Turn] = MappingProxyType({})


@dataclass(frozen=True)
class Post:
    """Something to be sent to a thread. `key` is the same on every try, so that a platform can drop a repetition.

    `candidate` is whose interview it belongs to, "" where there is none."""

    key: str
    thread: str
    turn: Turn
    scorecard: Scorecard | None = None
    candidate: str = ""


@dataclass(frozen=True)
class Lease:
    """The right to run a thread's turn, and what the thread looked like when it was given.

    `fence` rises with every lease of the thread; a commit under an older fence is refused. `version` counts commits.
    `tries` is how often the message at the head of the inbox has been begun, this time included, since a turn last ended
    in order.
    """

    thread: str
    owner: str
    fence: int
    version: int
    tries: int
    interview: Interview | None
    inbox: tuple[Inbound, ...]
    transcript: tuple[Turn, ...]


@dataclass(frozen=True)
class Aside:
    """A message taken out of its inbox because its turn failed again and again, for an operator to look at."""

    reason: str
    at: float
    inbound: Inbound


@dataclass(frozen=True)
class Room:
    """Where a platform has people and interviews follow one another: whose room it is, and the thread of the latest one there."""

    candidate: str
    thread: str


class StoreUnavailable(Exception):
    """The store can't be reached; nothing was changed that it did not report. Says what the operator can do."""


class Store(Protocol):
    """A thread's inbox, state, transcript and outbox, under the thread protocol (design.md, section 2)."""

    async def admit(self, event: str, inbound: Inbound, only: str = "") -> bool | None:
        """Claim the event and append to its thread's inbox, in one step. False: the event was admitted before.

        None: `only` is given and is not the thread's holder, so nothing was done."""
        ...

    async def begin(self, thread: str, owner: str) -> Lease | None:
        """Take the thread's lock in the name of `owner`, a task that is redelivered until it ends. None: another holds it."""
        ...

    async def commit(
        self,
        lease: Lease,
        interview: Interview | None,
        turns: Sequence[Turn],
        posts: Sequence[Post],
        taken: int,
        struck: Mapping[int, Turn] = NONE,
    ) -> bool:
        """Write the state, append to the transcript, queue the posts and drop `taken` messages from the inbox, in one step.

        `struck` replaces lines of the transcript, by their place in the lease's. True also when this very commit was applied
        before (a client may re-send a write). False: the lease is outdated."""
        ...

    async def next_post(self, thread: str) -> Post | None:
        """The post at the head of the outbox."""
        ...

    async def posted(self, lease: Lease, key: str) -> bool:
        """Drop the post called `key` from the head of the outbox. False: the lease is outdated or the head is another."""
        ...

    async def release(self, lease: Lease) -> int:
        """Give the lock back if it is ours and count what is left to do (inbox and outbox), in one step."""
        ...

    async def set_aside(self, lease: Lease, reason: str) -> bool:
        """Move the head of the inbox to where an operator sees it (`reason` beside it). False: the lease is outdated."""
        ...

    async def aside(self, thread: str) -> tuple[Aside, ...]:
        """What was set aside in a thread, oldest first."""
        ...

    async def stopped(self, thread: str) -> bool:
        """Whether there is a stop in the inbox: whoever prepares a reply there should leave it."""
        ...

    async def take_over(self, thread: str) -> None:
        """Free the thread's lock. Only for a caller that knows its holder is dead; the fence keeps a zombie out."""
        ...

    def waiting(self) -> AsyncIterator[str]:
        """Every thread with something in its inbox or outbox."""
        ...

    async def interview(self, thread: str) -> Interview | None:
        """The thread's state, without a lease."""
        ...

    async def transcript(self, thread: str) -> tuple[Turn, ...]:
        """The whole transcript, oldest first."""
        ...

    async def begun(self, candidate: str, thread: str, interview: str, at: float) -> None:
        """Note that the candidate's interview in this thread began at `at`; the same thing noted twice is noted once."""
        ...

    async def holder(self, thread: str) -> str:
        """Whose interview the thread has, from when it was noted as begun until it is closed; "" for nobody's."""
        ...

    async def thread(self, interview: str) -> str | None:
        """The thread of the interview with this id."""
        ...

    async def threads(self, candidate: str) -> tuple[str, ...]:
        """The threads of the candidate's interviews, the latest last; one that was forgotten or ran out may be among them."""
        ...

    async def enter(self, name: str, room: Room, before: str) -> bool:
        """Note whose a room is and which thread is the latest there. False: `before` is not the latest until now, "" for none."""
        ...

    async def room(self, name: str, *, renew: bool = False) -> Room | None:
        """The room of this name. `renew`: its time begins anew, since somebody is there."""
        ...

    def rooms(self, prefix: str) -> AsyncIterator[str]:
        """The names of all rooms that begin with `prefix`."""
        ...

    async def spend(self, account: str, tokens: int) -> int:
        """Add tokens to what an account has used (0 only looks) and return the sum. An account lasts two days."""
        ...

    async def preferences(self, candidate: str) -> Preferences:
        """What the candidate likes an interview to be like."""
        ...

    async def prefer(self, candidate: str, preferences: Preferences) -> None:
        """Keep what the candidate likes an interview to be like."""
        ...

    async def notes(self, thread: str) -> Mapping[str, str]:
        """What an adapter keeps about a thread, or about a candidate under their name."""
        ...

    async def note(self, name: str, notes: Mapping[str, str], *, kept: bool = False) -> None:
        """Add to, or replace, what an adapter keeps there; "" takes a note away. `kept`: only if the thread still is."""
        ...

    async def forget(self, thread: str) -> None:
        """Delete everything the thread has in the store."""
        ...

    async def forget_candidate(self, candidate: str) -> None:
        """Delete everything the store has of a candidate: every thread, room, preference and account."""
        ...


class Rater(Protocol):
    """Judges an answer against a guide. Never raises for anything a candidate can write."""

    def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        """One rating, or a provisional one that can be replied to at once and then a better one. Only the last counts."""
        ...


async def final(ratings: AsyncGenerator[Rating]) -> Rating:
    """The last of an answer's ratings, the one that counts."""
    return [rating async for rating in ratings][-1]


@dataclass(frozen=True)
class Moment:
    """When a move is said: all that a voice may know besides the move. `seed` goes round from turn to turn.

    `asked` and `answered` are the last exchange, what the interviewer said and what the candidate replied. `leads`: of the
    moves of a message this is the one that carries it. `frugal`: as in an `Answer`."""

    persona: str = "calm"
    mode: Mode = Mode.PRACTICE
    seed: int = 0
    asked: str = ""
    answered: str = ""
    leads: bool = True
    frugal: bool = False
    language: str = ""


class Voice(Protocol):
    """Puts a move into words. Never raises for anything a candidate can write."""

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        """The move's wordings. One that comes bit by bit is passed to `hear` as far as it has come."""
        ...


class Role(StrEnum):
    """Who speaks a line of what a language model is given."""

    INSTRUCTIONS = "instructions"
    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


@dataclass(frozen=True)
class Line:
    """One line of what a language model is given."""

    role: Role
    text: str


class ModelTrouble(Exception):
    """A language model was of no use. `trouble` says why, the text says what an operator can do."""

    def __init__(self, trouble: Trouble, text: str, usage: Usage = NOTHING) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.usage = usage


Form = TypeVar("Form", bound=BaseModel)


class LanguageModel(Protocol):
    """A chat model. Both methods raise ModelTrouble, and nothing else, whatever the model or the way to it does."""

    @property
    def name(self) -> str:
        """What it is called on a scorecard."""
        ...

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        """What it says; `hear` is given all of it that has come so far, each time more has come."""
        ...

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        """The form filled in."""
        ...


class Undeliverable(Exception):
    """A post that its platform will never take (the channel is gone, the bot was removed): it is dropped, not retried."""


class ChatPlatform(Protocol):
    """Where posts go. Delivered at least once; a platform that can, drops a key it has seen. Raises `Undeliverable`."""

    async def post(self, post: Post) -> None: ...

    def preview(self, thread: str, candidate: str, text: str) -> None:
        """What the interviewer is saying, as far as it has come; the post that follows may say something else."""
        ...

    async def withdraw(self, thread: str) -> None:
        """What was previewed is not going to be said."""
        ...

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        """What was attached to a message of the thread. Raises attachments.Unfetchable, and nothing else."""
        ...


class Clock(Protocol):
    """Seconds since the epoch."""

    def __call__(self) -> float: ...


Now = Callable[[], Awaitable[float]]
"""Seconds since the epoch, by a clock that has to be asked."""


def by(clock: Clock) -> Now:
    """A clock that is at hand, as one to be asked."""

    async def now() -> float:
        return clock()

    return now


class Closed(Exception):
    """A channel that can't be posted to until somebody changes something: it is archived or deleted, or the bot may not write
    there. Says so in one or two sentences, with what would help."""


class Away(Exception):
    """A platform that doesn't answer, or asks for patience: the same may be taken later. `unclear`: it may have been taken."""

    def __init__(self, text: str, *, unclear: bool = True) -> None:
        super().__init__(text)
        self.unclear = unclear


class Noticeboard(Protocol):
    """Where daily questions are posted: the channels of a platform. Every method raises Closed and Away, and nothing else."""

    async def post(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        """Post to a channel, or in the thread `under` the message of this id; the id of the new message. A question opens the
        thread that it is answered in. `key` is the same on every try."""
        ...

    async def find(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        """The id of a message that an earlier try may have posted; "" if there is none."""
        ...

    async def take_back(self, channel: str, message: str, under: str = "") -> None:
        """Delete a message of the bot's own that was posted twice. One that is gone is no trouble."""
        ...

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        """All that stands in the thread `under` a question, oldest first: what people wrote, and what the bot did. Nothing, if
        the thread is gone; None for one too long to be read to its end."""
        ...

    async def usable(self, channel: str) -> None:
        """Return if the channel can be posted to."""
        ...

    async def tell(self, person: str, key: str, notice: Private) -> None:
        """Tell somebody alone, once for each key. Closed: they take no messages from the bot."""
        ...
