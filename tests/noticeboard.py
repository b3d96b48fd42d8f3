"""A noticeboard in memory, which fails as it is told to, and a clock that shows what it was set to."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from interviewer.daily import Private, Public
from interviewer.ports import Away, Closed


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

    The next posts run into `troubles`, the first one first (None: it goes well). While it is `away` it asks for patience,
    whatever is asked. `closed` says of channels and people why they take nothing. `unseen` are keys of messages that `find`
    does not see yet. `before` runs ahead of every post, `after` once its message stands; both are given the key. `tried` are
    the keys of all posts there were."""

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

    async def usable(self, channel: str) -> None:
        self._answers(channel)

    async def tell(self, person: str, key: str, notice: Private) -> None:
        self._answers(person)
        # Two channels may have a slot of the same name.
        if not any((each.person, each.key, each.notice.channel) == (person, key, notice.channel) for each in self.told):
            self.told.append(Told(person, key, notice))

    def on(self, channel: str) -> list[Pinned]:
        """What stands in a channel and in its threads, oldest first."""
        return [each for each in self.pinned if each.channel == channel]

    def _answers(self, place: str) -> None:
        if self.away:
            raise Away("Slow down.", unclear=False)
        if why := self.closed.get(place):
            raise Closed(why)
