"""The thread protocol in memory: for an interview that need not outlive its process, and for tests.

Every method runs without awaiting anything, so each is as indivisible as the Lua script it stands for.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from interviewer.model import Command, CommandName, Inbound, Interview, Phase, Preferences, Turn
from interviewer.ports import NONE, Aside, Clock, Lease, Post, Room


@dataclass
class _Thread:
    """What a thread has in the store; the fields are the keys of `store.py`."""

    events: set[str] = field(default_factory=set[str])
    inbox: list[Inbound] = field(default_factory=list[Inbound])
    outbox: list[Post] = field(default_factory=list[Post])
    log: list[Turn] = field(default_factory=list[Turn])
    aside: list[Aside] = field(default_factory=list[Aside])
    interview: Interview | None = None
    owner: str | None = None
    fence: int = 0
    version: int = 0
    tries: int = 0
    applied: int = 0
    set_aside: int = 0
    posted: str = ""
    notes: dict[str, str] = field(default_factory=dict[str, str])
    who: str = ""


class MemoryStore:
    """`ports.Store` in this process. It never forgets an event's claim by itself and needs no server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._threads: dict[str, _Thread] = {}
        self._fence = 0
        self._begun: dict[str, dict[str, float]] = {}
        self._ids: dict[str, str] = {}
        self._preferences: dict[str, Preferences] = {}
        self._rooms: dict[str, Room] = {}
        self._spent: Counter[str] = Counter()

    async def admit(self, event: str, inbound: Inbound, only: str = "") -> bool | None:
        if only and await self.holder(inbound.thread) != only:
            return None
        kept = self._threads.setdefault(inbound.thread, _Thread())
        if event in kept.events:
            return False
        kept.events.add(event)
        kept.inbox.append(inbound)
        return True

    async def begin(self, thread: str, owner: str) -> Lease | None:
        kept = self._threads.setdefault(thread, _Thread())
        if kept.owner not in (None, owner):
            return None
        # One counter for all threads: a fence is never given twice, not even after `forget`.
        self._fence += 1
        kept.owner, kept.fence = owner, self._fence
        if kept.inbox:
            kept.tries += 1
        return Lease(
            thread=thread,
            owner=owner,
            fence=kept.fence,
            version=kept.version,
            tries=kept.tries if kept.inbox else 0,
            interview=kept.interview,
            inbox=tuple(kept.inbox),
            transcript=tuple(kept.log),
        )

    async def commit(
        self,
        lease: Lease,
        interview: Interview | None,
        turns: Sequence[Turn],
        posts: Sequence[Post],
        taken: int,
        struck: Mapping[int, Turn] = NONE,
    ) -> bool:
        kept = self._threads.get(lease.thread)
        if kept is None:
            return False
        if kept.applied == lease.fence:
            return True
        if kept.fence != lease.fence or kept.version != lease.version:
            return False
        if taken and (not kept.inbox or kept.inbox[0].id != lease.inbox[0].id):
            return False
        del kept.inbox[:taken]
        kept.interview = interview
        kept.who = interview.candidate if interview and interview.phase is not Phase.FINISHED else ""
        for place, turn in struck.items():
            kept.log[place] = turn
        kept.log.extend(turns)
        kept.outbox.extend(posts)
        kept.version += 1
        kept.applied = lease.fence
        kept.tries = 0
        return True

    async def next_post(self, thread: str) -> Post | None:
        kept = self._threads.get(thread)
        return kept.outbox[0] if kept and kept.outbox else None

    async def posted(self, lease: Lease, key: str) -> bool:
        kept = self._held(lease)
        if kept is None:
            return False
        if kept.outbox and kept.outbox[0].key == key:
            del kept.outbox[0]
            kept.posted = key
        return kept.posted == key

    async def release(self, lease: Lease) -> int:
        kept = self._held(lease)
        if kept is None:
            return 0
        if kept.owner == lease.owner:
            kept.owner = None
        kept.tries = 0
        return len(kept.inbox) + len(kept.outbox)

    async def set_aside(self, lease: Lease, reason: str) -> bool:
        kept = self._held(lease)
        if kept is None:
            return False
        if kept.set_aside == lease.fence:
            return True
        if not kept.inbox:
            return False
        kept.aside.append(Aside(reason, self._clock(), kept.inbox.pop(0)))
        kept.set_aside = lease.fence
        kept.tries = 0
        return True

    async def aside(self, thread: str) -> tuple[Aside, ...]:
        """What was set aside in a thread, oldest first."""
        kept = self._threads.get(thread)
        return tuple(kept.aside) if kept else ()

    async def stopped(self, thread: str) -> bool:
        kept = self._threads.get(thread)
        return any(map(_is_stop, kept.inbox)) if kept else False

    async def take_over(self, thread: str) -> None:
        if kept := self._threads.get(thread):
            kept.owner = None

    async def waiting(self) -> AsyncIterator[str]:
        for thread, kept in list(self._threads.items()):
            if kept.inbox or kept.outbox:
                yield thread

    async def interview(self, thread: str) -> Interview | None:
        kept = self._threads.get(thread)
        return kept.interview if kept else None

    async def transcript(self, thread: str) -> tuple[Turn, ...]:
        kept = self._threads.get(thread)
        return tuple(kept.log) if kept else ()

    async def begun(self, candidate: str, thread: str, interview: str, at: float) -> None:
        self._begun.setdefault(candidate, {})[thread] = at
        self._ids[interview] = thread
        self._threads.setdefault(thread, _Thread()).who = candidate

    async def holder(self, thread: str) -> str:
        kept = self._threads.get(thread)
        return kept.who if kept else ""

    async def thread(self, interview: str) -> str | None:
        return self._ids.get(interview)

    async def threads(self, candidate: str) -> tuple[str, ...]:
        begun = self._begun.get(candidate, {})
        return tuple(sorted(begun, key=lambda thread: (begun[thread], thread)))

    async def enter(self, name: str, room: Room, before: str) -> bool:
        known = self._rooms.get(name)
        if before != (known.thread if known else ""):
            return False
        self._rooms[name] = room
        return True

    async def room(self, name: str, *, renew: bool = False) -> Room | None:
        return self._rooms.get(name)

    async def rooms(self, prefix: str) -> AsyncIterator[str]:
        for name in list(self._rooms):
            if name.startswith(prefix):
                yield name

    async def spend(self, account: str, tokens: int) -> int:
        self._spent[account] += tokens
        return self._spent[account]

    async def preferences(self, candidate: str) -> Preferences:
        return self._preferences.get(candidate, Preferences())

    async def prefer(self, candidate: str, preferences: Preferences) -> None:
        self._preferences[candidate] = preferences

    async def notes(self, thread: str) -> Mapping[str, str]:
        kept = self._threads.get(thread)
        return dict(kept.notes) if kept else {}

    async def note(self, name: str, notes: Mapping[str, str], *, kept: bool = False) -> None:
        thread = self._threads.get(name)
        if not notes or (kept and not (thread and (thread.who or thread.fence))):
            return
        there = self._threads.setdefault(name, _Thread())
        there.notes = {field: value for field, value in {**there.notes, **notes}.items() if value}

    async def forget(self, thread: str) -> None:
        self._threads.pop(thread, None)
        self._ids = {id: known for id, known in self._ids.items() if known != thread}

    async def forget_candidate(self, candidate: str) -> None:
        for thread in await self.threads(candidate):
            await self.forget(thread)
        self._threads.pop(candidate, None)
        self._begun.pop(candidate, None)
        self._preferences.pop(candidate, None)
        self._rooms = {name: room for name, room in self._rooms.items() if room.candidate != candidate}
        # Up to the day and no further: "ada" is not "ada:b".
        for account in [name for name in self._spent if name.rpartition(":")[0] == f"person:{candidate}"]:
            del self._spent[account]

    def _held(self, lease: Lease) -> _Thread | None:
        """The thread, if the lease is still its newest."""
        kept = self._threads.get(lease.thread)
        return kept if kept and kept.fence == lease.fence else None


def _is_stop(inbound: Inbound) -> bool:
    return isinstance(inbound, Command) and inbound.name is CommandName.STOP
