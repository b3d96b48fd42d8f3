"""Owns what `mockingbird doctor` asks of Discord, and what to do about each of its refusals. Nobody is written to."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
import discord

from bot.discord.client import NotConfigured, code, logged_in
from bot.discord.registry import PERSON, SERVER, Payload, Registry, difference, wanted, ways
from bot.doctor import Amiss, Check
from bot.settings import Settings
from interviewer.questions import Bank

PATIENCE = 10.0
"""Seconds for all that Discord is asked."""
PORTAL = "discord.com/developers/applications"

REFUSED = (
    f"Discord refused DISCORD_TOKEN: copy it anew from the Bot page of your application at {PORTAL}, where Reset Token makes "
    "another. It is neither the application's ID nor its client secret."
)
INTENT_OFF = (
    "DISCORD_MESSAGE_CONTENT is set, and the application may not read messages: switch on Message Content Intent, under Bot, "
    f"Privileged Gateway Intents, at {PORTAL}. Or leave it unset: direct messages and mentions are heard without it."
)
ELSEWHERE = (
    "The application has an Interactions Endpoint URL, so Discord sends commands and buttons there and not to the bot: delete it "
    f"under General Information at {PORTAL}."
)
CODE_GRANT = f"Nobody can install the bot while Requires OAuth2 Code Grant is on: switch it off under Bot at {PORTAL}."
NOT_PUBLIC = f"Only its owner can install it, unless Public Bot is switched on, under Bot at {PORTAL}"
NOT_PERSONAL = (
    f"People can't install it for themselves, unless User Install is switched on, under Installation at {PORTAL}: `/interview` "
    "is there in servers that have the bot, and in its direct messages"
)
NOT_IN_SERVERS = f"Servers can't install it, unless Guild Install is switched on, under Installation at {PORTAL}"
NOT_ASKED = "Discord can't be asked for this yet: mend what is said of it above first."
WAYS: Mapping[int, str] = MappingProxyType({SERVER: "by servers", PERSON: "by people for themselves"})

TROUBLE = (
    NotConfigured,
    discord.LoginFailure,
    discord.PrivilegedIntentsRequired,
    discord.HTTPException,
    discord.RateLimited,
    discord.GatewayNotFound,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    TimeoutError,
)
"""What being in Discord may fail with, and `advice` knows something to do about."""


@dataclass(frozen=True)
class Seen:
    """What Discord says of the bot, its application and the commands that are registered."""

    bot: str
    application: discord.AppInfo
    registered: Sequence[Payload]


def checks(settings: Settings, bank: Bank, patience: float = PATIENCE) -> tuple[tuple[str, Check], ...]:
    """What to try, each under a short name; Discord is asked once, for `patience` seconds at most."""
    seen: list[Seen] = []

    async def token() -> str:
        seen.append(await _asked(settings, patience))
        return f"{seen[0].bot}, of the application {seen[0].application.name}"

    def about(check: Callable[[Seen], str]) -> Check:
        async def run() -> str:
            if not seen:
                raise Amiss(NOT_ASKED)
            return check(seen[0])

        return run

    return (
        ("discord", token),
        ("intents", about(lambda seen: _intents(settings, seen))),
        ("commands", about(lambda seen: _commands(settings, bank, seen))),
        ("installs", about(_installs)),
    )


async def _asked(settings: Settings, patience: float) -> Seen:
    """Raises Amiss."""
    try:
        async with asyncio.timeout(patience), logged_in(settings) as client:
            application, user = client.application, client.user
            assert application
            assert user
            return Seen(str(user), application, await Registry(client, application.id).registered())
    except TROUBLE as problem:
        raise Amiss(advice(problem, settings)) from None


def _intents(settings: Settings, seen: Seen) -> str:
    flags = seen.application.flags
    granted = flags.gateway_message_content or flags.gateway_message_content_limited
    if settings.discord_message_content and not granted:
        raise Amiss(INTENT_OFF)
    if settings.discord_message_content:
        return "plain messages in private threads are heard too"
    spare = "; Message Content Intent is on and not used, unless DISCORD_MESSAGE_CONTENT is true" if granted else ""
    return f"no privileged one is asked for: direct messages and mentions are heard{spare}"


def _commands(settings: Settings, bank: Bank, seen: Seen) -> str:
    if seen.application.interactions_endpoint_url:
        raise Amiss(ELSEWHERE)
    changes = difference(wanted(bank, personas=bool(settings.speaking)), seen.registered)
    if not changes:
        return "registered and up to date"
    if not seen.registered:
        raise Amiss("No command is registered yet: run `mockingbird discord sync`.")
    more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    raise Amiss(f"The registered commands are out of date ({changes[0]}{more}): run `mockingbird discord sync`.")


def _installs(seen: Seen) -> str:
    application = seen.application
    if application.bot_require_code_grant:
        raise Amiss(CODE_GRANT)
    known = ways(application)
    how = " and ".join(WAYS[way] for way in sorted(known)) if known else "in ways that Discord doesn't tell"
    return ". ".join((f"can be installed {how}; `mockingbird discord invite` prints the links", *limits(application)))


def limits(application: discord.AppInfo) -> Sequence[str]:
    """Who can't install the app, and what to do about it if that is not meant."""
    known = ways(application)
    return tuple(
        limit
        for limit, there in (
            (NOT_PUBLIC, not application.bot_public),
            (NOT_IN_SERVERS, known is not None and SERVER not in known),
            (NOT_PERSONAL, known is not None and PERSON not in known),
        )
        if there
    )


def advice(problem: Exception, settings: Settings) -> str:
    """What to do about one of `TROUBLE`; never the token."""
    match problem:
        case NotConfigured():
            return str(problem)
        case discord.LoginFailure():
            return REFUSED
        case discord.PrivilegedIntentsRequired():
            return INTENT_OFF
        case discord.ConnectionClosed():
            return f"Discord closed the connection for good (code {problem.code}): `mockingbird doctor` may know why."
        case discord.HTTPException() | discord.RateLimited():
            return _refusal(problem)
        case _:
            how = "does not answer" if isinstance(problem, TimeoutError) else "can't be reached"
            return (
                f"Discord {how} at {settings.discord_api_url} ({type(problem).__name__}): look at the network, at "
                "discordstatus.com, and at DISCORD_API_URL if you have set it."
            )


def _refusal(problem: discord.HTTPException | discord.RateLimited) -> str:
    if isinstance(problem, discord.RateLimited) or problem.status == 429 or problem.status >= 500:
        return "Discord has trouble of its own, or was asked too much, which passes: try again in a few minutes."
    known = f"code {code(problem)}" if code(problem) else f"HTTP {problem.status}"
    return f"Discord refuses what it was asked ({known}): {problem.text[:200] or 'it does not say why'}"
