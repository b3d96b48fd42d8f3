"""Owns how Slack's names for people, messages and threads become the opaque names the interviewer uses, and back."""

from dataclasses import dataclass

SCHEME = "slack"


@dataclass(frozen=True)
class Place:
    """A thread in Slack. `ts` names its first message."""

    team: str
    channel: str
    ts: str

    @property
    def thread(self) -> str:
        """The thread's name for the interviewer."""
        return f"{SCHEME}:{self.team}:{self.channel}:{self.ts}"

    @property
    def private(self) -> bool:
        """Whether it is in a direct message with the bot."""
        return self.channel.startswith("D")


def place(thread: str) -> Place:
    """The place a thread's name stands for. Raises ValueError for a name that is not Slack's."""
    scheme, team, channel, ts = thread.split(":")
    if scheme != SCHEME:
        raise ValueError(f"{thread} is not in Slack")
    return Place(team, channel, ts)


def ours(thread: str) -> bool:
    """Whether a thread is in Slack."""
    return thread.startswith(f"{SCHEME}:")


def person(team: str, user: str) -> str:
    """A Slack user's name for the interviewer."""
    return f"{SCHEME}:{team}:{user}"


def user(candidate: str) -> str:
    """The Slack user id of a candidate; "" for one who is not in Slack."""
    parts = candidate.split(":")
    return parts[2] if len(parts) == 3 and parts[0] == SCHEME else ""


def team(name: str) -> str:
    """The workspace of a person or a thread; "" for one that is not Slack's."""
    parts = name.split(":")
    return parts[1] if len(parts) > 2 and parts[0] == SCHEME else ""
