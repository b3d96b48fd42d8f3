"""Turns carried by docket: what is admitted gets a task, and a task that was cut off is run again by another worker.

docket alone keeps no order within a thread; the store's inbox and lock do (design.md, section 2). So a task carries no
message, only the thread's name, and its key names the event it was added for. That key is the lock's owner too: docket
runs a task again under the same key until it ends, which is what the lock relies on.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, cast
from uuid import uuid4

from docket import (
    CurrentExecution,
    Disposition,
    Docket,
    Execution,
    ExecutionState,
    ExponentialRetry,
    Perpetual,
    Retry,
    TaskKey,
    Worker,
)
from docket.dependencies import current_execution
from redis.asyncio.lock import Lock

from interviewer.model import Inbound, Message
from interviewer.runner import Ports, run_turn
from interviewer.store import address, literal, reaching

logger = logging.getLogger(__name__)

AGAIN = ExponentialRetry.forever(delay=timedelta(seconds=1), maximum_delay=timedelta(seconds=30))
"""A turn that failed keeps its thread's lock and comes back; the lock's 180 s are longer than any wait."""
LATER = ExponentialRetry.forever(delay=timedelta(seconds=5), maximum_delay=timedelta(minutes=5))
A_WHILE = ExponentialRetry(attempts=12, minimum_delay=timedelta(seconds=1), maximum_delay=timedelta(minutes=1))
"""Some six minutes in all."""
REGULARLY = Perpetual(every=timedelta(minutes=5), automatic=True)
THIS = CurrentExecution()
SLOW = 0.5
"""The share of the wait that admitting a message may take until its turn is added once more: the first may come too early."""
LEAVING = 5.0
"""Seconds that a cancelled turn has to end before what it works on is deleted; a dead worker's never does."""
ASKING = 3.0
"""Seconds after which an errand can be asked for again by others when whoever was about to ask for it died."""
ASKED = frozenset(
    state.value.encode()
    for state in (ExecutionState.SCHEDULED, ExecutionState.QUEUED, ExecutionState.RUNNING, ExecutionState.COMPLETED)
)
"""States of an errand that is not asked for again: it is under way, or has been done. One that is being done by a worker
that died is under way too, since it is given to another."""


Errand = Callable[[str, bool], Awaitable[None]]
"""Something a worker does once, besides turns. It is given what was submitted with it, and whether this is the last try: it is
run again some times if it fails."""


class TaskFailed(Exception):
    """A task did not come to its end; it is tried again. Plain text, which says of what type the trouble was: docket pickles
    what a task raises, which not everything bears, and writes it to the log, where no message may stand."""


class UnknownTaskError(Exception):
    """A task of a newer version came to this worker. It is tried again later, when that version may be everywhere."""


NO_ERRANDS: Mapping[str, Errand] = MappingProxyType({})


@dataclass(frozen=True)
class Pace:
    """How fast things go, in seconds.

    A candidate has finished typing after `quiet` without a further message (0 in a terminal); one who goes on typing is
    answered after `patience`. Turns of a dead worker are run by another after `redelivery`."""

    quiet: float = 2.0
    patience: float = 15.0
    redelivery: float = 15.0
    check: float = 0.02
    concurrency: int = 20
    works: bool = True


class Engine:
    """Takes in what candidates send (`submit`) and, unless told not to, works on it. An async context manager.

    Leaving drains: no further turn is begun, and running ones end. `name` is the docket that workers share. A worker that
    can't post to every thread of the store has a name of its own, and `concerns` says which threads are its to wake.
    `errands` are what workers can be asked to do besides, by name."""

    def __init__(
        self,
        ports: Ports,
        url: str,
        pace: Pace = Pace(),
        name: str = "mockingbird",
        concerns: Callable[[str], bool] = lambda _: True,
        errands: Mapping[str, Errand] = NO_ERRANDS,
    ) -> None:
        self._concerns = concerns
        self._errands = errands
        self._ports = ports
        self._pace = pace
        self._where = address(url)
        # redis-py caps a pool at 100; every task that is running needs one or two of its own.
        options = "" if "max_connections=" in url else ("&" if "?" in url else "?") + "max_connections=500"
        self._docket = Docket(name=name, url=url + options, execution_ttl=timedelta(minutes=1))
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._working: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Engine":
        async with AsyncExitStack() as stack:
            with reaching(self._where):
                await stack.enter_async_context(self._docket)
            # Under their own names: docket adds automatic tasks by function, which would register a second name.
            self._docket.register(self.turn)
            self._docket.register(self.sweep)
            self._docket.register(self.errand)
            # Discord does not deliver again what came while nobody listened, so what waits is looked for.
            await self._wake_all()
            if self._pace.works:
                self._working = asyncio.create_task(self._work(), name="engine")
            stack.push_async_callback(self.drain)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    async def submit(self, event: str, inbound: Inbound, only: str = "") -> bool | None:
        """Take in what arrived; then the platform may be told. False: the event had been admitted before.

        None: `only` is given, and the thread has no interview of theirs, so it was not taken in."""
        wait = self._pace.quiet if isinstance(inbound, Message) else 0
        # The task is added for a duplicate too: whoever admitted that may have died before adding it.
        add = partial(self._add, _key("turn", inbound.thread, event), inbound.thread, last=inbound.id, wait=wait)
        admit = partial(self._ports.store.admit, event, inbound, only)
        if not wait:
            new = await admit()
            await add()
            return new
        # A turn that is not due yet may be added while its message is being admitted; should it come first, it finds nothing.
        began = time.monotonic()
        new, _ = await asyncio.gather(admit(), add())
        if time.monotonic() - began > SLOW * wait:
            await self._wake(inbound.thread)
        return new

    async def ask(self, key: str, name: str, what: str) -> bool:
        """Have an errand done by a worker. `key`, whose parts (`|`) name whose it is, is done once, however often it is asked
        for while it is under way or has been done within the last minute: after that, only an errand itself can tell.

        False: it is under way or has been done."""
        task = f"errand|{key}"
        with reaching(self._where):
            async with self._docket.redis() as redis:
                # docket adds again what has been done, which it may be by the time that somebody who looked adds it.
                asking = self._docket.key(f"asking:{task}")
                async with Lock(cast("Any", redis), asking, ASKING, self._pace.check, raise_on_release_error=False):
                    if await redis.hget(self._docket.runs_key(task), "state") in ASKED:
                        return False
                    added = await self._docket.add("errand", key=task)(name, what)
                    return added.disposition is Disposition.SCHEDULED

    async def forget(self, candidate: str) -> None:
        """Delete everything there is of a candidate: what the store has, and what is still to be done for them.

        An errand may call this for whom it is named after: it goes on, and docket remembers it for a minute more."""
        names = {candidate, *await self._ports.store.threads(candidate)}
        await self._cancel(names)
        await self._ports.store.forget_candidate(candidate)
        # A turn that ended all the same may have woken its successor.
        await self._cancel(names)

    async def _cancel(self, names: Collection[str]) -> None:
        """Cancel every task whose key names one of these threads or people, wait until none is under way, and delete what
        docket remembers of those that ran."""
        this = current_execution.get(None)
        with reaching(self._where):
            async with self._docket.redis() as redis:
                prefix, tasks = self._docket.runs_key(""), set[str]()
                async for key in redis.scan_iter(match=f"{literal(prefix)}*", count=1000):
                    task = key.decode().removeprefix(prefix)
                    # Whole parts only: "ada" is not "ada:b".
                    if any(f"|{name}|" in f"|{task}|" for name in names) and not (this and this.key == task):
                        tasks.add(task)
                for task in tasks:
                    await self._docket.cancel(task)
                    # Without its record a task that was begun by mistake ends at once, and one that ends leaves none.
                    await redis.delete(self._docket.runs_key(task))
                for _ in range(round(LEAVING / self._pace.check)):
                    if not await self._under_way(redis, tasks):
                        return
                    await asyncio.sleep(self._pace.check)

    async def _under_way(self, redis: Any, tasks: Collection[str]) -> bool:
        """Whether one of these tasks is in the stream, where a task stays until its worker is done with it."""
        queued = await redis.xrange(self._docket.stream_key)
        return any(fields[b"key"].decode() in tasks for _, fields in queued)

    async def ended(self) -> None:
        """Return when the worker has been drained; raise what it died of."""
        if self._working:
            await asyncio.wait({self._working})
            if not self._working.cancelled():
                self._working.result()

    async def drain(self, within: float = 30.0) -> None:
        """Begin no further turn and let the running ones end. One that doesn't is left to be run again elsewhere."""
        for seconds in (within, None):
            if self._working and not self._working.done():
                self._working.cancel()
                await asyncio.wait({self._working}, timeout=seconds)
        await self.ended()

    async def _work(self) -> None:
        pace = self._pace
        async with Worker(
            self._docket,
            name=f"{uuid4().hex}",
            concurrency=pace.concurrency,
            redelivery_timeout=timedelta(seconds=pace.redelivery),
            minimum_check_interval=timedelta(seconds=pace.check),
            reconnection_delay=timedelta(seconds=1),
            fallback_task=_put_back,
        ) as worker:
            await worker.run_forever()

    # --- tasks: called by docket's worker ---

    async def turn(
        self,
        thread: str,
        last: str,
        key: str = TaskKey(),
        retry: Retry = AGAIN,
    ) -> None:
        """Run a turn if `last` is still the last message, that is, if it has been quiet since the task was added."""
        more = ""

        def settled(messages: Sequence[Message]) -> bool:
            nonlocal more
            patient = messages[-1].at - messages[0].at < self._pace.patience
            more = messages[-1].id if self._pace.quiet and messages[-1].id != last and patient else ""
            return not more

        async with self._alone(key) as first:
            if not first:
                return
            with _plain(thread):
                left = await run_turn(self._ports, thread, key, settled)
        if more:
            await self._add(_key("next", thread, more), thread, last=more, wait=self._pace.quiet)
        elif left:
            await self._wake(thread)

    async def errand(self, name: str, what: str, key: str = TaskKey(), retry: Retry = A_WHILE) -> None:
        """Do an errand. One that a newer version knows and this one doesn't is tried again, by whoever comes to it."""
        if name not in self._errands:
            retry.attempts = None  # the newer version may be minutes away
            raise UnknownTaskError(name)
        async with self._alone(key) as first:
            if first:
                with _plain(name):
                    await self._errands[name](what, retry.attempt == retry.attempts)

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncGenerator[bool]:
        """Whether a task is to be done; False once this process has done it, which was at it already.

        docket gives a worker that stood still for longer than `redelivery` (its machine slept, say) its own task again."""
        running, this = self._running.get(key), asyncio.current_task()
        if running is None and this:
            self._running[key] = this
            try:
                yield True
            finally:
                del self._running[key]
            return
        if running:
            try:
                await asyncio.wait({running})
            except asyncio.CancelledError:
                # docket knows only the latest task of a key: whoever cuts that off means both.
                running.cancel()
                raise
        yield False

    async def sweep(self, perpetual: Perpetual = REGULARLY) -> None:
        """Wake what waits though nothing is on its way to it; it should not happen, and it must not last if it does."""
        await self._wake_all()

    async def _wake_all(self) -> None:
        async for thread in self._ports.store.waiting():
            if self._concerns(thread):
                await self._wake(thread)

    async def _wake(self, thread: str) -> None:
        await self._add(_key("next", thread, uuid4().hex), thread, last="")

    async def _add(self, key: str, thread: str, *, last: str, wait: float = 0) -> None:
        when = datetime.now(UTC) + timedelta(seconds=wait)
        with reaching(self._where):
            await self._docket.add("turn", when=when, key=key)(thread, last)


def _key(kind: str, thread: str, event: str) -> str:
    """A task's key, in parts that tell whose it is."""
    return f"{kind}|{thread}|{event}"


@contextmanager
def _plain(name: str) -> Generator[None]:
    try:
        yield
    except Exception as problem:
        where = "".join(traceback.format_tb(problem.__traceback__)[-3:])
        logger.error("%s failed: %s\n%s", name, type(problem).__name__, where)  # noqa: TRY400 (its text may hold a message)
        raise TaskFailed(type(problem).__name__) from None


async def _put_back(
    *_: Any,
    execution: Execution = THIS,
    retry: Retry = LATER,
    **__: Any,
) -> None:
    """docket would drop a task whose name it doesn't know; this one waits for a worker that does."""
    raise UnknownTaskError(execution.function_name)


async def abandon(url: str, name: str) -> None:
    """Delete what docket keeps under a name that no worker will use again."""
    where = address(url)
    with reaching(where):
        async with Docket(name=name, url=url) as docket, docket.redis() as redis:
            keys = [key async for key in redis.scan_iter(match=f"{docket.prefix}:*", count=1000)]
            if keys:
                await redis.delete(*keys)
