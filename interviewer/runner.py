"""The imperative shell: one turn of one thread, from its inbox to what is posted.

BEGIN, one event, the machine, whatever the machine asks of a rater or a voice, COMMIT, deliver, RELEASE. A turn is one
commit: a crash before it repeats the model calls and nothing else, a crash after it leaves only posts to deliver.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    Record,
    RepeatRequested,
    Resumed,
    Say,
    Speaker,
    Started,
    TimeRequested,
    Turn,
    Word,
    Worded,
)
from interviewer.ports import ChatPlatform, Clock, Lease, Post, Rater, Store, Undeliverable, Voice
from interviewer.scoring import scorecard

logger = logging.getLogger(__name__)

Settled = Callable[[Sequence[Message]], bool]
"""Whether the candidate has finished typing, given the messages there are."""


@dataclass(frozen=True)
class Ports:
    """What a turn needs of the outside world.

    `notices` has the words for "set-aside", "not-started" and "already-running". A message whose turn broke off `tries`
    times is set aside."""

    store: Store
    rater: Rater
    voice: Voice
    platform: ChatPlatform
    clock: Clock
    bank: Callable[[str], Case]
    notices: Mapping[str, str]
    tries: int = 5


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
    lines: list[Turn] = []
    posts: list[Post] = []
    events = deque([event])
    while events:
        interview, effects = step(interview, events.popleft(), case)
        for effect in effects:
            match effect:
                case Rate(text, asked, shown):
                    answer = Answer(text, asked, (*_heard(before), *_heard(lines), *shown))
                    events.append(Rated(await ports.rater.rate(case, answer), ports.clock()))
                case Word(moves):
                    events.append(Worded(await _word(ports.voice, interview, moves), ports.clock()))
                case Say(turn, with_scorecard):
                    lines.append(turn)
                    card = scorecard(interview, case) if interview and with_scorecard else None
                    posts.append(Post(_key(lease, len(posts)), lease.thread, turn, card))
                case Record(turn):
                    lines.append(turn)
    return interview, lines, posts


async def _word(voice: Voice, interview: Interview | None, moves: Sequence[Move]) -> tuple[tuple[str, ...], ...]:
    """Every move in words, all at once. The seed is the same on every try of a turn, and goes round from turn to turn."""
    id, turns, persona = (interview.id, interview.turns, interview.settings.persona) if interview else ("", 0, "")
    seeds = [crc32(id.encode()) + turns + n for n in range(len(moves))]
    wordings = (voice.word(move, persona, seed) for move, seed in zip(moves, seeds, strict=True))
    return tuple(await asyncio.gather(*wordings))


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
