"""Owns how a test reads all that is kept in Redis: the store's keys, and what docket has yet to do."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.fakes import wait_until

OF_WORKERS = re.compile(rb"mockingbird[\w-]*:(worker-tasks|leases|workers)")


async def everything(redis: Any) -> dict[str, str]:
    """Every key and what it holds, but for what docket notes of its workers."""
    read: Mapping[bytes, Callable[[bytes], Awaitable[Any]]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    kept: dict[str, str] = {}
    async for key in redis.scan_iter(count=1000):
        kind = await redis.type(key)
        # A key may have expired since it was named.
        if kind in read and not OF_WORKERS.match(key):
            kept[key.decode()] = str(await read[kind](key))
    return kept


def of_the_store(kept: Mapping[str, str]) -> dict[str, str]:
    """What of it the store keeps, and not docket."""
    return {key: value for key, value in kept.items() if key.startswith("mb:")}


async def settled(redis: Any) -> None:
    """Wait until docket remembers no task that has ended: it does for a minute, and says so in the key's TTL."""

    async def none() -> bool:
        runs = [key async for key in redis.scan_iter(match="mockingbird*:runs:*", count=1000)]
        for key in runs:
            if 0 < await redis.ttl(key) <= 60:
                await redis.delete(key)
        return not [key for key in runs if await redis.hget(key, "state") in {b"running", b"queued"}]

    await wait_until(none)
