"""The imperative shell: one turn of one thread, from its inbox to what is posted.

BEGIN, one event, the machine, whatever the machine asks of a rater or a voice, COMMIT, deliver, RELEASE. A turn is one
commit: a crash before it repeats the model calls and nothing else, a crash after it leaves only posts to deliver.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from zlib import crc32

from interviewer.machine import step
from interviewer.model import (
    Answer,
    Answered,
    Case,
    Command,
    CommandName,
    Disputed,
    Ended,
    Event,
    HintRequested,
    Inbound,
    Interview,
    Message,
    ModelAnswerRequested,
    Move,
    MoveOnRequested,
    Paused,
    Phase,
    Rate,
    Rated,
    Rating,
    Record,
    RepeatRequested,
    Resumed,
    Reviewed,
    Say,
    Speaker,
    Started,
    TimeRequested,
    Turn,
    Word,
    Worded,
    Wording,
)
from interviewer.ports import (
    NOTHING,
    ChatPlatform,
    Clock,
    Lease,
    Moment,
    Post,
    Rater,
    Store,
    Undeliverable,
    Voice,
    final,
)
from interviewer.scoring import scorecard

logger = logging.getLogger(__name__)

Settled = Callable[[Sequence[Message]], bool]
"""Whether the candidate has finished typing, given the messages there are."""


@dataclass(frozen=True)
class Allowance:
    """The tokens that language models may be asked for: an interview, and a day (UTC) for a person and for a workspace."""

    interview: int = 400_000
    person: int = 1_000_000
    workspace: int = 20_000_000


@dataclass(frozen=True)
class Ports:
    """What a turn needs of the outside world.

    `notices` has the words for "set-aside", "not-started" and "already-running". A message whose turn broke off `tries`
    times is set aside. `workspace` names the workspace of a thread, "" where there is none."""

    store: Store
    rater: Rater
    voice: Voice
    platform: ChatPlatform
    clock: Clock
    bank: Callable[[str], Case]
    notices: Mapping[str, str]
    tries: int = 5
    allowance: Allowance = Allowance()
    workspace: Callable[[str], str] = lambda _: ""


async def run_turn(ports: Ports, thread: str, owner: str, settled: Settled = lambda _: True) -> int:
    """Run the thread's next turn in the name of `owner`, a task that is redelivered until it ends.

    Returns how much is left to do, for which the caller wakes a successor; 0 too while another owner has the thread,
    since that one looks again. When this raises, the lock stays with `owner`, who is expected to come back."""
    lease = await ports.store.begin(thread, owner)
    if lease is None:
        return 0
    committed = True
    if lease.tries > ports.tries:
        committed = await _set_aside(ports, lease)
    elif said := _next(lease.inbox, settled):
        committed = await _answer(ports, lease, said)
    if committed:
        await _deliver(ports, lease)
    return await ports.store.release(lease)


async def _answer(ports: Ports, lease: Lease, said: Sequence[Inbound]) -> bool:
    """What was said becomes an event, the machine answers it, and both are committed at once."""
    event = _event(lease, said)
    if isinstance(event, str):
        return await ports.store.commit(lease, lease.interview, [], [_notice(ports, lease, event)], len(said))
    interview, lines, posts = await _play(ports, lease, event)
    if isinstance(event, Started):
        # Before the commit: a crash between the two leaves a note of an interview that is about to be, never none of one.
        await ports.store.begun(event.candidate, lease.thread, event.at)
    return await ports.store.commit(lease, interview, lines, posts, len(said))


async def _set_aside(ports: Ports, lease: Lease) -> bool:
    """Go on without the head of the inbox: an operator finds it, and the candidate is told."""
    logger.error("Message %s of %s failed %d times and is set aside", lease.inbox[0].id, lease.thread, ports.tries)
    notice = _notice(ports, lease, "set-aside")
    return await ports.store.set_aside(lease, f"failed {ports.tries} times") and await ports.store.commit(
        lease, lease.interview, [], [notice], taken=0
    )


async def _deliver(ports: Ports, lease: Lease) -> None:
    """Post what is queued, the oldest first; what a crash left behind goes before what this turn said."""
    while post := await ports.store.next_post(lease.thread):
        try:
            await ports.platform.post(post)
        except Undeliverable as error:
            logger.warning("%s is dropped: %s", post.key, error)
        if not await ports.store.posted(lease, post.key):
            return


# --- from what was said to an event ---------------------------------------------------------------------------------


def _disputed(command: Command) -> Disputed:
    point, _, argument = command.argument.strip().partition(" ")
    return Disputed(point, argument.strip(), command.at, command.id)


COMMANDS: Mapping[CommandName, Callable[[Command], Event]] = {
    CommandName.HINT: lambda command: HintRequested(command.at),
    CommandName.TIME: lambda command: TimeRequested(command.at),
    CommandName.REPEAT: lambda command: RepeatRequested(command.at),
    CommandName.NEXT: lambda command: MoveOnRequested(command.at),
    CommandName.PAUSE: lambda command: Paused(command.at),
    CommandName.RESUME: lambda command: Resumed(command.at),
    CommandName.END: lambda command: Ended(command.at),
    CommandName.DISPUTE: _disputed,
    CommandName.ANSWER: lambda command: ModelAnswerRequested(command.at),
}


def _next(inbox: tuple[Inbound, ...], settled: Settled) -> tuple[Inbound, ...]:
    """What the next turn is about: one command, or all messages up to the next; nothing while they may go on."""
    messages = _in_a_row(inbox)
    if not messages:
        return inbox[:1]
    return () if len(messages) == len(inbox) and not settled(messages) else messages


def _in_a_row(inbox: Sequence[Inbound]) -> tuple[Message, ...]:
    messages: list[Message] = []
    for inbound in inbox:
        if not isinstance(inbound, Message):
            break
        messages.append(inbound)
    return tuple(messages)


def _event(lease: Lease, said: Sequence[Inbound]) -> Event | str:
    """The event that was brought about, or the name of the notice that was earned instead."""
    first, interview = said[0], lease.interview
    running = interview is not None and interview.phase is not Phase.FINISHED
    if isinstance(first, Command) and first.name is CommandName.START:
        if running or first.settings is None:
            return "already-running" if running else "not-started"
        id = blake2b(f"{first.thread}\n{first.id}".encode(), digest_size=8).hexdigest()
        return Started(id, first.author, first.settings, first.at)
    if not running:
        return "not-started"
    if isinstance(first, Command):
        return COMMANDS[first.name](first)
    messages = _in_a_row(said)
    return Answered(messages, messages[-1].at)


# --- from an event to what is said ----------------------------------------------------------------------------------


async def _play(ports: Ports, lease: Lease, event: Event) -> tuple[Interview | None, list[Turn], list[Post]]:
    """Feed the event to the machine, and to it again what its effects bring, until only words are left."""
    interview = None if isinstance(event, Started) else lease.interview
    settings = event.settings if isinstance(event, Started) else interview and interview.settings
    case = ports.bank(settings.question if settings else "")
    before = lease.transcript[len(lease.transcript) - interview.turns :] if interview else ()
    spent = interview.usage if interview else NOTHING
    frugal = await _frugal(ports, lease.thread, interview)
    lines: list[Turn] = []
    posts: list[Post] = []
    events = deque([event])
    async with AsyncExitStack() as ratings:
        better: asyncio.Task[Rating] | None = None
        while events:
            interview, effects = step(interview, events.popleft(), case)
            for effect in effects:
                match effect:
                    case Rate(text, asked, shown, at_last):
                        answer = Answer(text, asked, (*shown, *_heard(before), *_heard(lines)), frugal, at_last)
                        rated = await ratings.enter_async_context(aclosing(ports.rater.rate(case, answer)))
                        rating = await anext(rated)
                        if rating.provisional:
                            better = asyncio.create_task(final(rated))
                            ratings.push_async_callback(_stop, better)
                        events.append(Rated(rating, ports.clock()))
                    case Word(moves):
                        # The reply is worded while the answer is looked at again; both are in it when it is said.
                        wordings = await _word(ports, lease.thread, interview, moves, (*before, *lines), frugal)
                        if better:
                            events.append(Reviewed(await better, ports.clock()))
                            better = None
                        events.append(Worded(wordings, ports.clock()))
                    case Say(turn, with_scorecard):
                        lines.append(turn)
                        card = scorecard(interview, case) if interview and with_scorecard else None
                        posts.append(Post(_key(lease, len(posts)), lease.thread, turn, card))
                    case Record(turn):
                        lines.append(turn)
    if interview:
        await _charge(ports, lease.thread, interview, interview.usage.tokens - spent.tokens)
    return interview, lines, posts


async def _stop(task: asyncio.Task[Rating]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _word(
    ports: Ports, thread: str, interview: Interview | None, moves: Sequence[Move], said: Sequence[Turn], frugal: bool
) -> tuple[Wording, ...]:
    """Every move in words, all at once. The seed is the same on every try of a turn, and goes round from turn to turn."""
    if interview is None:
        return ()
    settings, seed = interview.settings, crc32(interview.id.encode()) + interview.turns
    asked = next((turn.text for turn in reversed(said) if turn.speaker is Speaker.INTERVIEWER), "")
    since = itertools.takewhile(lambda turn: turn.speaker is Speaker.CANDIDATE, reversed(said))
    answered = "\n".join(turn.text for turn in reversed(tuple(since)))
    moments = [
        Moment(settings.persona, settings.mode, seed + n, asked, answered, n == len(moves) - 1, frugal)
        for n in range(len(moves))
    ]

    hear = partial(ports.platform.preview, thread)
    try:
        async with asyncio.TaskGroup() as voices:
            words = (ports.voice.word(move, at, hear) for move, at in zip(moves, moments, strict=True))
            tasks = [voices.create_task(word) for word in words]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors  # a voice never fails; if one does, its error says more than a group
    return tuple(task.result() for task in tasks)


# --- what language models may cost ----------------------------------------------------------------------------------


def _accounts(ports: Ports, thread: str, interview: Interview) -> Mapping[str, int]:
    """The accounts of this day that an interview's tokens go on, and what each allows."""
    accounts = {account("person", interview.candidate, ports.clock()): ports.allowance.person}
    if workspace := ports.workspace(thread):
        accounts[account("workspace", workspace, ports.clock())] = ports.allowance.workspace
    return accounts


def account(kind: str, name: str, at: float) -> str:
    """The account on which the tokens of somebody's day go."""
    return f"{kind}:{name}:{datetime.fromtimestamp(at, UTC).date()}"


async def _frugal(ports: Ports, thread: str, interview: Interview | None) -> bool:
    """Whether one of the allowances is used up."""
    if interview is None:
        return False
    if interview.usage.tokens >= ports.allowance.interview:
        return True
    accounts = _accounts(ports, thread, interview)
    return any([await ports.store.spend(account, 0) >= allowed for account, allowed in accounts.items()])


async def _charge(ports: Ports, thread: str, interview: Interview, tokens: int) -> None:
    """Put a turn's tokens on their accounts; a turn that is run again after a crash is charged again, as it was by the model."""
    if tokens:
        for account in _accounts(ports, thread, interview):
            await ports.store.spend(account, tokens)


def _heard(lines: Sequence[Turn]) -> tuple[str, ...]:
    return tuple(line.text for line in lines if line.speaker is Speaker.INTERVIEWER)


def _notice(ports: Ports, lease: Lease, name: str) -> Post:
    """Words about the interview that are no part of it: they are posted and not entered in the transcript."""
    phase = lease.interview.phase if lease.interview else Phase.BRIEFING
    turn = Turn(Speaker.INTERVIEWER, phase, "notice", ports.notices[name], ports.clock())
    return Post(_key(lease, 0), lease.thread, turn)


def _key(lease: Lease, n: int) -> str:
    """Named after the message that is answered, not after the try: the same when a turn is run again."""
    return f"{lease.thread}:{lease.inbox[0].id}:{n}"
