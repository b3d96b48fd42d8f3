"""What the benches share: a rater and a platform that take no time, and figures of how long something took."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from interviewer.attachments import Unfetchable
from interviewer.model import Answer, Attachment, Case, Intent, PointRating, PointState, Rating
from interviewer.ports import Post

QUESTION = "apple-task-scheduler"


class Blank:
    """Rates at once: what is left of a turn is ours."""

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        points = tuple(PointRating(point.id, PointState.MISSING, 0.0) for point in case.guide.rubric)
        yield Rating(Intent.ANSWER, gradable=True, points=points)


@dataclass
class Wall:
    posts: asyncio.Queue[Post] = field(default_factory=asyncio.Queue[Post])

    async def post(self, post: Post) -> None:
        await self.posts.put(post)

    def preview(self, thread: str, candidate: str, text: str) -> None: ...

    async def withdraw(self, thread: str) -> None: ...

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        raise Unfetchable(attachment.name)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the count, in milliseconds."""
    ms = [value * 1000 for value in values]
    shares = {f"p{round(share * 100)}": round(percentile(ms, share), 1) for share in (0.5, 0.95, 0.99)}
    return {**shares, "n": len(ms)}
