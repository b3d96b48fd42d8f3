"""Owns how Discord's ids of people, channels and messages become the opaque names the interviewer uses, and back."""

from dataclasses import dataclass

SCHEME = "discord"
EVERYWHERE = f"{SCHEME}:"
"""How the names of all rooms begin."""
DIRECT = 0
"""Stands for a server where there is none: in direct messages."""


@dataclass(frozen=True)
class Place:
    """One interview in Discord: the channel it is in, and what began it (`key`, the id of a message or an interaction), since
    many can follow one another in the same direct messages. `guild` is DIRECT there."""

    guild: int
    channel: int
    key: str

    @property
    def thread(self) -> str:
        """The interview's name for the interviewer."""
        return f"{SCHEME}:{self.guild}:{self.channel}:{self.key}"

    @property
    def private(self) -> bool:
        """Whether it is in direct messages."""
        return self.guild == DIRECT

    def link(self, message: str = "") -> str:
        """The address of a message there, or of the channel."""
        return link(self.guild, self.channel, message)


def link(guild: int, channel: int, message: str = "") -> str:
    """The address of a channel, or of a message in it."""
    address = f"https://discord.com/channels/{guild or '@me'}/{channel}"
    return f"{address}/{message}" if message else address


def place(thread: str) -> Place:
    """The place a thread's name stands for. Raises ValueError for a name that is not Discord's."""
    scheme, guild, channel, key = thread.split(":")
    if scheme != SCHEME:
        raise ValueError(f"{thread} is not in Discord")
    return Place(int(guild), int(channel), key)


def ours(thread: str) -> bool:
    """Whether a thread is in Discord."""
    return thread.startswith(f"{SCHEME}:")


def room(channel: int) -> str:
    """A channel's name for the store."""
    return f"{SCHEME}:{channel}"


def channel_of(room: str) -> int:
    """The channel of a room's name."""
    return int(room.removeprefix(f"{SCHEME}:"))


def person(user: int) -> str:
    """A Discord user's name for the interviewer."""
    return f"{SCHEME}:{user}"


def user(candidate: str) -> int:
    """The Discord user id of a candidate. Raises ValueError for one who is not in Discord."""
    scheme, id = candidate.split(":")
    if scheme != SCHEME:
        raise ValueError(f"{candidate} is not in Discord")
    return int(id)


def board(guild: int, channel: int) -> str:
    """The name of a channel with a daily question."""
    return f"{SCHEME}:{guild}:{channel}"


def on_board(name: str) -> tuple[int, int]:
    """The server and the channel of a name of `board`. Raises ValueError for one that is not Discord's."""
    scheme, guild, channel = name.split(":")
    if scheme != SCHEME:
        raise ValueError(f"{name} is not in Discord")
    return int(guild), int(channel)


def team(guild: int) -> str:
    """A server's name for the interviewer."""
    return f"{SCHEME}:{guild}"
