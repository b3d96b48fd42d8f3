"""Owns the way to Discord's REST API: a client without a gateway, and which of Discord's refusals are final."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import discord
from discord.http import Route

from bot.settings import Settings

LONGEST_WAIT = 30.0
"""Seconds that a call waits when Discord says that it is too much: discord.py takes no less."""
TROUBLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, TimeoutError, OSError)
"""What a call may raise."""
CLOSED = frozenset({50007, 50278})
"""Codes that mean somebody takes no direct messages from the bot: it is blocked, they are closed, or no server is shared."""
GONE = frozenset({10003, 10004, 50001, 50013, 160005})
"""Codes that mean an interview can't go on where it was: the channel or the server is gone, or the bot may not write there."""
ARCHIVED = 50083
"""The code that means a thread has to be opened again before anything is said in it."""
SILENT = discord.AllowedMentions.none()


class NotConfigured(Exception):
    """Something is not set that Discord needs. Its text says what, and where to find it."""


def passing(problem: Exception) -> bool:
    """Whether the same call may be taken later: also once somebody has set the token anew, or what stands before Discord lets us
    pass, which gives no code."""
    if isinstance(problem, discord.HTTPException):
        return problem.status in {401, 429} or problem.status >= 500 or (problem.status == 403 and not problem.code)
    return isinstance(problem, TROUBLE)


def code(problem: Exception) -> int:
    """Discord's number for what was wrong; 0 where there is none."""
    return problem.code if isinstance(problem, discord.HTTPException) else 0


def told(problem: Exception) -> str:
    """What was wrong, for a log: no more than Discord's number or the error's type."""
    return f"Discord says {code(problem)}" if code(problem) else type(problem).__name__


def reach(settings: Settings) -> str:
    """Have discord.py ask the API that is set, and return the token. Raises NotConfigured without one."""
    token = settings.discord_token.get_secret_value()
    if not token:
        raise NotConfigured(
            "Discord needs DISCORD_TOKEN: make an application at discord.com/developers/applications, and copy the token "
            "from its Bot page. docs/discord.md goes through all of it."
        )
    # discord.py has no other place for it than this, one for the whole process.
    Route.BASE = settings.discord_api_url
    return token


@asynccontextmanager
async def logged_in(settings: Settings) -> AsyncGenerator[discord.Client]:
    """A client that can ask Discord for things and hears of nothing. Raises NotConfigured, discord.LoginFailure for a token
    that is refused, and what else a call may raise (`TROUBLE`)."""
    token = reach(settings)
    client = discord.Client(intents=discord.Intents.none(), allowed_mentions=SILENT, max_ratelimit_timeout=LONGEST_WAIT)
    async with client:
        await client.login(token)
        yield client
