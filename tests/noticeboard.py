"""A noticeboard in memory, which fails as it is told to, and a clock that shows what it was set to."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from interviewer.daily import Private, Public, Written
from interviewer.ports import Away, Closed

ME = "the bot"
"""Who writes what the bot posts below a question."""


@dataclass
class Clock:
    """Shows seconds since the epoch: those it was set to."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Pinned:
    """A message that stands in a channel, or in the thread `under` a message of it."""

    id: str
    channel: str
    under: str
    key: str
    notice: Public


@dataclass(frozen=True)
class Told:
    """A direct message."""

    person: str
    key: str
    notice: Private


@dataclass(frozen=True)
class Trouble:
    """What a post comes to: this is raised, and yet the message `stands`."""

    problem: BaseException
    stands: bool = False


@dataclass
class FakeNoticeboard:
    """Implements ports.Noticeboard. Like Slack it takes the same message twice.

    `threads` is what was written below a message of a channel: more than can be read if it is `long`, and `unread` is what
    reading it runs into. The next posts run into `troubles`, the first one first (None: it goes well). While it is `away` it
    asks for patience, whatever is asked. `closed` says of channels and people why they take nothing. `unseen` are keys of
    messages that `find` does not see yet. `before` runs ahead of every post, `after` once its message stands; both are given
    the key. `tried` are the keys of all posts there were."""

    pinned: list[Pinned] = field(default_factory=list[Pinned])
    told: list[Told] = field(default_factory=list[Told])
    tried: list[str] = field(default_factory=list[str])
    troubles: list[Trouble | None] = field(default_factory=list[Trouble | None])
    away: bool = False
    closed: dict[str, str] = field(default_factory=dict[str, str])
    unseen: set[str] = field(default_factory=set[str])
    before: Callable[[str], Awaitable[None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None
    ids: Iterable[int] = field(default_factory=lambda: count(1))
    threads: dict[tuple[str, str], list[Written]] = field(default_factory=lambda: defaultdict(list[Written]))
    long: bool = False
    unread: Away | None = None

    async def post(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        self.tried.append(key)
        if self.before:
            await self.before(key)
        await self.usable(channel)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble and not trouble.stands:
            raise trouble.problem
        message = Pinned(f"m{next(iter(self.ids))}", channel, under, key, notice)
        self.pinned.append(message)
        if under:
            self.threads[channel, under].append(Written(ME, None, time.time(), message.id))
        if trouble:
            raise trouble.problem
        if self.after:
            await self.after(key)
        return message.id

    async def find(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        await self.usable(channel)
        found = (each for each in self.on(channel) if each.under == under and each.key == key)
        return next((each.id for each in found if key not in self.unseen), "")

    async def take_back(self, channel: str, message: str, under: str = "") -> None:
        await self.usable(channel)
        self.pinned = [each for each in self.pinned if each.channel != channel or each.id != message]
        if under:
            self.erases(channel, under, message)

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        await self.usable(channel)
        if self.unread:
            raise self.unread
        return None if self.long else list(self.threads[channel, under])

    async def usable(self, channel: str) -> None:
        self._answers(channel)

    async def tell(self, person: str, key: str, notice: Private) -> None:
        self._answers(person)
        # Two channels may have a slot of the same name.
        if not any((each.person, each.key, each.notice.channel) == (person, key, notice.channel) for each in self.told):
            self.told.append(Told(person, key, notice))

    def writes(self, person: str, channel: str, under: str, text: str) -> str:
        """Have somebody write below a message; the id of what they wrote."""
        written = Written(person, text, time.time(), f"m{next(iter(self.ids))}")
        self.threads[channel, under].append(written)
        return written.message

    def edits(self, channel: str, under: str, message: str, text: str) -> None:
        """Have somebody change what they wrote below a message."""
        thread = self.threads[channel, under]
        thread[:] = [replace(each, text=text) if each.message == message else each for each in thread]

    def erases(self, channel: str, under: str, message: str) -> None:
        """Take what was written below a message away."""
        thread = self.threads[channel, under]
        thread[:] = [each for each in thread if each.message != message]

    def on(self, channel: str) -> list[Pinned]:
        """What stands in a channel and in its threads, oldest first."""
        return [each for each in self.pinned if each.channel == channel]

    def _answers(self, place: str) -> None:
        if self.away:
            raise Away("Slow down.", unclear=False)
        if why := self.closed.get(place):
            raise Closed(why)
