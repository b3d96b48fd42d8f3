"""The embedded server: found or started, outliving its users, stopped by the last one, clear about what went wrong."""

import asyncio
import os
import signal
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError  # noqa: A004

from interviewer import embedded
from interviewer.embedded import Embedded, EmbeddedError
from interviewer.store import RedisStore
from tests.fakes import message, wait_until


@pytest.fixture(autouse=True)
def no_server_outlives_a_failed_test(tmp_path: Path) -> Generator[None]:
    yield
    for file in tmp_path.rglob("valkey.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)


def server_pid(directory: Path) -> int:
    return int((directory / "valkey" / "valkey.pid").read_text())


async def test_a_started_server_answers_on_a_private_socket_and_no_port(tmp_path: Path) -> None:
    async with embedded.running(tmp_path) as server:
        assert server.socket.stat().st_mode & 0o077 == 0
        config = await cast("Any", server.presence).config_get("port", "appendonly", "appendfsync")
        assert config == {"port": "0", "appendonly": "yes", "appendfsync": "everysec"}


async def test_a_second_start_finds_the_first_server(tmp_path: Path) -> None:
    async with embedded.running(tmp_path) as first:
        pid = server_pid(tmp_path)
        second = await embedded.start(tmp_path)
        assert second.url == first.url
        assert server_pid(tmp_path) == pid
        assert not await second.shutdown_if_last()
        assert await cast("Any", first.presence).ping()


async def test_starting_many_at_once_starts_one_server(tmp_path: Path) -> None:
    code = "import asyncio, sys; from pathlib import Path; from interviewer import embedded\n"
    code += "asyncio.run(embedded.start(Path(sys.argv[1])))"
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(run_python(code, str(tmp_path)))
    log = (tmp_path / "valkey" / "valkey.log").read_text()
    assert "error" not in log.lower()
    server = await embedded.start(tmp_path)
    assert await server.shutdown_if_last()


async def test_the_server_outlives_a_killed_user_with_all_that_was_written(tmp_path: Path) -> None:
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from interviewer import embedded
from interviewer.store import RedisStore
from tests.fakes import message

async def main():
    server = await embedded.start(Path(sys.argv[1]))
    await RedisStore.from_url(server.url).admit("e1", message("thread", "m1"))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    assert await run_python(code, str(tmp_path)) == -9
    pid = server_pid(tmp_path)
    async with embedded.running(tmp_path) as server:
        assert server_pid(tmp_path) == pid
        async with RedisStore.from_url(server.url) as store:
            assert [thread async for thread in store.waiting()] == ["thread"]


async def test_what_was_written_survives_a_stop_and_a_kill_of_the_server(tmp_path: Path) -> None:
    async with embedded.running(tmp_path) as server, RedisStore.from_url(server.url) as store:
        await store.admit("e1", message("stopped", "m1"))
    server = await embedded.start(tmp_path)
    async with RedisStore.from_url(server.url) as store:
        await store.admit("e1", message("killed", "m1"))
        assert await cast("Any", server.presence).waitaof(1, 0, 5000) == [1, 0]
    os.kill(server_pid(tmp_path), 9)
    await server.aclose()
    async with embedded.running(tmp_path) as server, RedisStore.from_url(server.url) as store:
        assert sorted([thread async for thread in store.waiting()]) == ["killed", "stopped"]


async def test_the_last_one_to_leave_stops_the_server_for_good(tmp_path: Path) -> None:
    server = await embedded.start(tmp_path)
    assert await server.shutdown_if_last()
    assert not server.socket.exists()
    assert not (tmp_path / "valkey" / "valkey.pid").exists()


async def test_leaving_a_server_that_is_gone_already_is_no_error(tmp_path: Path) -> None:
    server = await embedded.start(tmp_path)
    os.kill(server_pid(tmp_path), 9)
    await wait_until(lambda: silent(server))
    assert not await server.shutdown_if_last()


@pytest.mark.parametrize("name", ["Application Support", '100 % "naïve" #1?'])
async def test_a_data_path_may_contain_anything(tmp_path: Path, name: str) -> None:
    async with embedded.running(tmp_path / name) as server, RedisStore.from_url(server.url) as store:
        assert await store.admit("e1", message("thread", "m1"))


@pytest.fixture
def runtime() -> Generator[Path]:
    """A folder with a short name, as the one for sockets has."""
    with TemporaryDirectory(prefix="mb", dir="/tmp") as short:
        yield Path(short)


async def test_a_long_data_path_gets_a_short_private_socket(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    long = tmp_path / ("deep" * 20)
    async with embedded.running(long) as server:
        assert server.socket.parent.parent == runtime
        assert len(os.fsencode(server.socket)) <= 104
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
        assert (long / "valkey" / "appendonlydir").is_dir()


async def test_a_socket_directory_open_to_others_is_refused(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    shared = runtime / f"mockingbird-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(EmbeddedError, match="not a directory private to you"):
        await embedded.start(tmp_path / ("deep" * 20))


async def test_damaged_data_is_reported_with_what_to_do(tmp_path: Path) -> None:
    async with embedded.running(tmp_path) as server, RedisStore.from_url(server.url) as store:
        for n in range(10):
            await store.admit(f"e{n}", message("thread", f"m{n}"))
    (written,) = (tmp_path / "valkey" / "appendonlydir").glob("*.incr.aof")
    content = bytearray(written.read_bytes())
    content[40:60] = b"\xff" * 20
    written.write_bytes(bytes(content))
    with pytest.raises(EmbeddedError, match=r"is damaged.*Move that folder away"):
        await embedded.start(tmp_path)


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbeddedError, match=r"Can't keep data in .*file/valkey.*another data directory"):
        await embedded.start(tmp_path / "file")


async def test_a_server_whose_socket_vanished_is_not_doubled(tmp_path: Path) -> None:
    server = await embedded.start(tmp_path)
    server.socket.unlink()
    with pytest.raises(EmbeddedError, match=f"process {server_pid(tmp_path)}"):
        await embedded.start(tmp_path, patience=0.3)
    assert await server.shutdown_if_last()


async def test_windows_is_told_to_bring_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(EmbeddedError, match="Windows: set REDIS_URL"):
        await embedded.start(tmp_path)


async def run_python(code: str, *arguments: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments)
    return await process.wait()


async def silent(server: Embedded) -> bool:
    try:
        return not await cast("Any", server.presence).ping()
    except ConnectionError:
        return True
