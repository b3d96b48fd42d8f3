"""A process of the bot, to be killed: a worker or a gateway with the real store, engine and machine behind fake ports.

`python -m tests.worker URL` works until it is killed; with a thread and a message id it submits one message and ends.
Before or after some calls it looks for an order to die (`order`) and obeys with SIGKILL, so that no `finally` runs.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any

from interviewer.attachments import Unfetchable
from interviewer.engine import Engine, Pace
from interviewer.model import Answer, Attachment, Case, Rating
from interviewer.ports import Post, final
from interviewer.runner import Ports
from interviewer.store import RedisStore
from tests.fakes import NOTICES, EagerRater, PlainVoice, bank, message, redis_client

POINTS = ("after-admit", "after-begin", "after-rating", "after-commit", "after-post", "before-release")
POSTS = "test:posts"
PACE = Pace(quiet=0, redelivery=1.0)


class Doom:
    """Where this process may die: an order is a key, and whoever deletes it obeys."""

    def __init__(self, redis: Any) -> None:
        self.redis = redis

    async def point(self, name: str) -> None:
        if await self.redis.delete(order(name)):
            os.kill(os.getpid(), signal.SIGKILL)


def order(point: str) -> str:
    return f"test:die:{point}"


class DoomedStore:
    """The real store, with a point of death after or before some of its calls."""

    def __init__(self, store: RedisStore, doom: Doom) -> None:
        self.store = store
        self.doom = doom

    async def admit(self, *arguments: Any) -> Any:
        return await self._then("after-admit", await self.store.admit(*arguments))

    async def begin(self, *arguments: Any) -> Any:
        return await self._then("after-begin", await self.store.begin(*arguments))

    async def commit(self, *arguments: Any, **named: Any) -> Any:
        return await self._then("after-commit", await self.store.commit(*arguments, **named))

    async def release(self, *arguments: Any) -> Any:
        await self.doom.point("before-release")
        return await self.store.release(*arguments)

    async def _then(self, point: str, result: Any) -> Any:
        await self.doom.point(point)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class DoomedRater:
    """Takes its time, as a model does, and may not live to tell."""

    def __init__(self, doom: Doom) -> None:
        self.rater = EagerRater()
        self.doom = doom

    async def rate(self, case: Case, answer: Answer) -> AsyncGenerator[Rating]:
        await asyncio.sleep(random.uniform(0.02, 0.2))  # noqa: S311
        rating = await final(self.rater.rate(case, answer))
        await self.doom.point("after-rating")
        yield rating


class PublicWall:
    """A platform everybody can read, which keeps repetitions."""

    def __init__(self, doom: Doom) -> None:
        self.doom = doom

    async def post(self, post: Post) -> None:
        await self.doom.redis.rpush(POSTS, f"{post.key}\n{post.thread}\n{post.turn.text}")
        await self.doom.point("after-post")

    def preview(self, thread: str, candidate: str, text: str) -> None: ...

    async def withdraw(self, thread: str) -> None: ...

    async def fetch(self, thread: str, attachment: Attachment) -> bytes:
        raise Unfetchable(attachment.name)


async def main(url: str, *submitted: str) -> None:
    async with redis_client(url) as redis, RedisStore.from_url(url) as real:
        doom = Doom(redis)
        store: Any = DoomedStore(real, doom)
        ports = Ports(store, DoomedRater(doom), PlainVoice(), PublicWall(doom), time.time, bank, NOTICES, tries=50)
        async with Engine(ports, url, Pace(quiet=0, works=False) if submitted else PACE) as engine:
            if submitted:
                thread, id = submitted
                await engine.submit(id, message(thread, id))
            else:
                await engine.ended()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
