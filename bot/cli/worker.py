"""`mockingbird worker`: answers what other processes take in, on every platform that is configured."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import typer

from bot.cli.common import Refused, before, environment, log, out, until_told

app = typer.Typer()

Ended = Callable[[], Coroutine[Any, Any, None]]
"""Returns when a platform's turns are run no more; raises what ended them."""


@app.command()
def worker() -> None:
    """Answer what other processes take in (`--admit-only`): as many of these as you need, on one REDIS_URL."""
    if not environment().redis_url:
        raise Refused("Workers share a server with who takes in: set REDIS_URL for all of them.")
    platforms = tuple(_configured())
    if not platforms:
        raise Refused(
            "A worker needs a platform to answer on: set SLACK_BOT_TOKEN (or SLACK_ENCRYPTION_KEYS), DISCORD_TOKEN or both, "
            "as for the process that takes in."
        )
    log()
    asyncio.run(_work(platforms))


def _configured() -> Iterator[Callable[[], AbstractAsyncContextManager[Ended]]]:
    settings = environment()
    if settings.slack_bot_token.get_secret_value() or settings.slack_keys:
        yield _slack
    if settings.discord_token.get_secret_value():
        yield _discord


@asynccontextmanager
async def _slack() -> AsyncGenerator[Ended]:
    from bot.cli.slack import accepted, opened

    async with opened(signed=False) as slack:
        await accepted(slack)
        yield slack.engine.ended


@asynccontextmanager
async def _discord() -> AsyncGenerator[Ended]:
    from bot.cli.discord import opened

    async with opened() as discord:
        yield discord.engine.ended


async def _work(platforms: tuple[Callable[[], AbstractAsyncContextManager[Ended]], ...]) -> None:
    async with until_told() as stop, AsyncExitStack() as stack:
        ended = [await stack.enter_async_context(platform()) for platform in platforms]
        out.print("Working. Ctrl-C stops; what was begun is answered first.")
        await before(stop, _first(ended))


async def _first(ended: list[Ended]) -> None:
    """Return when the first platform has ended, and raise what it died of: a worker that serves half of them hides it."""
    waiting = [asyncio.create_task(each()) for each in ended]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
