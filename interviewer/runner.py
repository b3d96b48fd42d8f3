"""The imperative shell: one turn of one thread, from its inbox to what is posted.

BEGIN, one event, the machine, whatever the machine asks of a rater or a voice, COMMIT, deliver, RELEASE. A turn is one
commit: a crash before it repeats the model calls and nothing else, a crash after it leaves only posts to deliver.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Any
from zlib import crc32

from interviewer.attachments import Blind, Senses, read
from interviewer.attachments import Read as Legible
from interviewer.attachments import Unread as Illegible
from interviewer.machine import step
from interviewer.model import (
    DELETED,
    Answer,
    Answered,
    Attachment,
    Case,
    Command,
    CommandName,
    Corrected,
    Correction,
    Deleted,
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
    Strike,
    TimeRequested,
    Trouble,
    Turn,
    Unread,
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

GLANCE = 0.25
"""Seconds between two looks at whether the candidate has stopped the reply that is being prepared."""

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

    `senses` make something of attached pictures and voice clips. `notices` has the words for "set-aside", "not-started" and
    "already-running". A message whose turn broke off `tries` times is set aside. `workspace` names the workspace of a thread,
    "" where there is none."""

    store: Store
    rater: Rater
    voice: Voice
    platform: ChatPlatform
    clock: Clock
    bank: Callable[[str], Case]
    notices: Mapping[str, str]
    tries: int = 5
    allowance: Allowance = Allowance()
    senses: Senses = field(default_factory=Blind)
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
    if event is None:
        return await ports.store.commit(lease, lease.interview, [], [], len(said))
    if isinstance(event, str):
        return await ports.store.commit(lease, lease.interview, [], [_notice(ports, lease, event)], len(said))
    played = await _unless_stopped(ports, lease.thread, event, _play(ports, lease, event))
    if played is None:
        return False
    if isinstance(event, Started):
        # Before the commit: a crash between the two leaves a note of an interview that is about to be, never none of one.
        await ports.store.begun(event.candidate, lease.thread, event.id, event.at)
    return await ports.store.commit(lease, played.interview, played.lines, played.posts, len(said), played.struck)


async def _unless_stopped(
    ports: Ports, thread: str, event: Event, playing: Coroutine[Any, Any, "Played"]
) -> "Played | None":
    """What comes of an event, or None: the candidate stopped the reply. Then the next turn hears the answer and is brief."""
    task = asyncio.create_task(playing)
    try:
        while not (await asyncio.wait({task}, timeout=GLANCE))[0]:
            # Whoever takes in the stop may be another process, so it is looked for where both can see it.
            if isinstance(event, Answered) and not event.halted and await ports.store.stopped(thread):
                await _stop(task)
                await ports.platform.withdraw(thread)
                return None
        return task.result()
    except asyncio.CancelledError:
        # What was being worded would stand there unfinished for ever, if nobody says it after all.
        await _stop(task)
        await ports.platform.withdraw(thread)
        raise
    finally:
        await _stop(task)


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


def interview_id(start: Command) -> str:
    """The id of the interview that a start begins: the same on every try."""
    return blake2b(f"{start.thread}\n{start.id}".encode(), digest_size=8).hexdigest()


def _next(inbox: tuple[Inbound, ...], settled: Settled) -> tuple[Inbound, ...]:
    """What the next turn is about: one command, or all messages up to the next, with what was done to them since and the
    stop that follows them; nothing while they may go on."""
    row = _in_a_row(inbox)
    messages = [inbound for inbound in row if isinstance(inbound, Message)]
    if not messages:
        return inbox[:1]
    following = inbox[len(row) :]
    if following:
        return (*row, following[0]) if _is_stop(following[0]) else row
    return row if settled(messages) else ()


def _in_a_row(inbox: Sequence[Inbound]) -> tuple[Message | Correction, ...]:
    """The messages at the head of the inbox, and the corrections of these, which may have overtaken them."""
    written: list[Message | Correction] = []
    for inbound in inbox:
        if isinstance(inbound, Command):
            break
        written.append(inbound)
    ids = {inbound.id for inbound in written if isinstance(inbound, Message)}
    mine = itertools.takewhile(lambda inbound: isinstance(inbound, Message) or inbound.of in ids, written)
    return tuple(mine)


def _is_stop(inbound: Inbound) -> bool:
    return isinstance(inbound, Command) and inbound.name is CommandName.STOP


def _as_meant(row: Sequence[Inbound]) -> tuple[Message, ...]:
    """The messages as they read after their corrections, in the order in which they were written."""
    messages = {inbound.id: inbound for inbound in row if isinstance(inbound, Message)}
    corrections = [inbound for inbound in row if isinstance(inbound, Correction)]
    for correction in sorted(corrections, key=lambda correction: correction.at):
        if correction.now is None:
            messages.pop(correction.of, None)
        elif correction.of in messages:
            messages[correction.of] = replace(messages[correction.of], text=correction.now)
    return tuple(sorted(messages.values(), key=lambda message: message.at))


def _event(lease: Lease, said: Sequence[Inbound]) -> Event | str | None:
    """The event that was brought about, or the name of the notice that was earned instead; None: nothing is left of it."""
    first, interview = said[0], lease.interview
    running = interview is not None and interview.phase is not Phase.FINISHED
    if isinstance(first, Command):
        return _commanded(first, running)
    messages = _as_meant(said)
    if not messages:
        return _corrected(lease, first, running) if isinstance(first, Correction) else None
    # A stop further behind means this reply, too: it was given while this one was awaited.
    return Answered(messages, messages[-1].at, halted=any(map(_is_stop, lease.inbox))) if running else "not-started"


def _commanded(command: Command, running: bool) -> Event | str | None:
    if _is_stop(command):
        return None
    if command.name is not CommandName.START:
        return COMMANDS[command.name](command) if running else "not-started"
    if running or command.settings is None:
        return "already-running" if running else "not-started"
    return Started(interview_id(command), command.author, command.settings, command.at)


def _corrected(lease: Lease, correction: Correction, running: bool) -> Event | None:
    if not _lines(lease.transcript, correction.of):
        return None
    if correction.now is None:
        return Deleted(correction.of, correction.at)
    return Corrected(correction.at) if running else None


async def _attended(ports: Ports, thread: str, event: Event, frugal: bool) -> Event:
    """The event with its attachments read: what they say becomes part of the message they came with."""
    if not isinstance(event, Answered):
        return event

    async def fetch(attachment: Attachment) -> bytes:
        return await ports.platform.fetch(thread, attachment)

    async def attached(message: Message) -> Sequence[Legible | Illegible]:
        return await asyncio.gather(*(read(it, fetch, ports.senses, frugal) for it in message.attachments))

    # All at once: one message after the other could take longer than the thread's lock lasts.
    found = await asyncio.gather(*map(attached, event.messages))
    return replace(
        event,
        messages=tuple(itertools.starmap(_with, zip(event.messages, found, strict=True))),
        unread=tuple(Unread(it.name, it.why) for each in found for it in each if isinstance(it, Illegible)),
        usage=sum((it.usage for each in found for it in each), event.usage),
    )


def _with(message: Message, attached: Sequence[Legible | Illegible]) -> Message:
    texts = (message.text, *(it.text for it in attached if isinstance(it, Legible)))
    return replace(message, text="\n\n".join(text for text in texts if text.strip()))


# --- from an event to what is said ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    """What came of an event, to be committed: the interview, its new lines, what is said, and lines that were struck."""

    interview: Interview | None
    lines: Sequence[Turn]
    posts: Sequence[Post]
    struck: Mapping[int, Turn]


async def _play(ports: Ports, lease: Lease, event: Event) -> Played:
    """Feed the event to the machine, and to it again what its effects bring, until only words are left."""
    interview = None if isinstance(event, Started) else lease.interview
    settings = event.settings if isinstance(event, Started) else interview and interview.settings
    case = ports.bank(settings.question if settings else "")
    before = lease.transcript[len(lease.transcript) - interview.turns :] if interview else ()
    spent = interview.usage if interview else NOTHING
    broke = await _frugal(ports, lease.thread, interview)
    # Who stopped a reply does not wait for a language model either; but what was attached is part of what was said.
    frugal = broke or (isinstance(event, Answered) and event.halted)
    lines: list[Turn] = []
    posts: list[Post] = []
    struck: dict[int, Turn] = {}
    events = deque([await _attended(ports, lease.thread, event, broke)])
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
                        if rating.trouble is Trouble.BUDGET and not broke:
                            # Nothing is used up: for a stop's sake no model was wanted, which is no trouble to tell of.
                            rating = replace(rating, trouble=None)
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
                        posts.append(Post(_key(lease, len(posts)), lease.thread, turn, card, _candidate(interview)))
                    case Record(turn):
                        lines.append(turn)
                    case Strike(message):
                        struck |= _struck(lease.transcript, message)
    if interview:
        await _charge(ports, lease.thread, interview, interview.usage.tokens - spent.tokens)
    return Played(interview, lines, posts, struck)


def _struck(transcript: Sequence[Turn], message: str) -> dict[int, Turn]:
    """The lines of a message, without its text, by their place in the transcript."""
    return {place: replace(turn, kind=DELETED, text="") for place, turn in _lines(transcript, message).items()}


def _lines(transcript: Sequence[Turn], message: str) -> Mapping[int, Turn]:
    """What is left of a candidate's message, by place in the transcript."""
    return {
        place: turn
        for place, turn in enumerate(transcript)
        if turn.speaker is Speaker.CANDIDATE and turn.message == message and turn.kind != DELETED
    }


def _candidate(interview: Interview | None) -> str:
    return interview.candidate if interview else ""


async def _stop(task: asyncio.Task[Any]) -> None:
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
        Moment(
            settings.persona, settings.mode, seed + n, asked, answered, n == len(moves) - 1, frugal, settings.language
        )
        for n in range(len(moves))
    ]

    hear = partial(ports.platform.preview, thread, interview.candidate)
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
    return Post(_key(lease, 0), lease.thread, turn, candidate=_candidate(lease.interview) or lease.inbox[0].author)


def _key(lease: Lease, n: int) -> str:
    """Named after the message that is answered, not after the try: the same when a turn is run again."""
    return f"{lease.thread}:{lease.inbox[0].id}:{n}"
