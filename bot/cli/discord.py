"""`mockingbird discord`: the bot in Discord, its commands, and the links that install it."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.common import (
    AdmitOption,
    Refused,
    bank,
    before,
    environment,
    log,
    make_interviewer,
    out,
    server,
    until_told,
)

if TYPE_CHECKING:
    from bot.discord.registry import Payload, Registry
    from bot.discord.service import Discord

app = typer.Typer()
discord = typer.Typer(
    name="discord",
    help="The bot in Discord; and its commands and links. docs/discord.md takes you there in ten minutes.",
    invoke_without_command=True,
)
app.add_typer(discord)


@discord.callback()
def gateway(context: typer.Context, admit_only: AdmitOption = False) -> None:
    """Run the bot in Discord: needs DISCORD_TOKEN, and no public address. `sync` first, once."""
    if context.invoked_subcommand:
        return
    from bot.discord.client import reach

    with _refusing():
        reach(environment())
    log()
    asyncio.run(_serve(admit_only=admit_only))


@discord.command()
def sync(
    guild: Annotated[
        int | None,
        typer.Option("--server", metavar="ID", min=1, help="For this server alone, to try them out. \\[default: all]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change; exit code 1 if anything would.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the commands away instead.")] = False,
) -> None:
    """Register the slash commands with Discord, and say what changes: once at first, and after an update."""
    log()
    if asyncio.run(_sync(guild, dry_run=dry_run, remove=remove)) and dry_run:
        raise typer.Exit(1)


@discord.command()
def invite() -> None:
    """Print the links that install the bot, and what each permission in them is for."""
    log()
    asyncio.run(_invite())


async def _serve(*, admit_only: bool) -> None:
    from bot.discord.service import run

    async with until_told() as stop:
        out.print("[dim]Connecting to Discord…[/]")
        if not await before(stop, _accepted()):
            return
        async with opened(admit_only=admit_only) as discord:
            await run(discord, stop, lambda: out.print("In Discord. Ctrl-C stops; what was begun is answered first."))


async def _accepted() -> None:
    """Raises Refused for a token that Discord doesn't take, before anything is started that takes its time to end."""
    from bot.discord.client import logged_in

    with _refusing():
        async with logged_in(environment()):
            pass


@asynccontextmanager
async def opened(*, admit_only: bool = False) -> "AsyncGenerator[Discord]":
    """Discord's part, running on the store, logged in and not connected. Raises Refused when it can't be, or can't go on."""
    from bot.discord.service import ADMITTING, IN_CHAT, running

    interviewer, pace = make_interviewer(), ADMITTING if admit_only else IN_CHAT
    with _refusing():
        async with server() as url, running(environment(), url, bank(), interviewer, pace=pace) as discord:
            yield discord


@contextmanager
def _refusing() -> Generator[None]:
    """Turn what Discord may fail with into what to do about it."""
    from bot.discord.checks import TROUBLE, advice

    try:
        yield
    except TROUBLE as problem:
        raise Refused(advice(problem, environment())) from None


async def _sync(guild: int | None, *, dry_run: bool, remove: bool) -> bool:
    """Whether anything changes. Raises Refused."""
    from bot.discord.client import logged_in
    from bot.discord.registry import Registry, difference, wanted

    to_be = () if remove else wanted(bank(), personas=bool(environment().speaking), server=guild is not None)
    with _refusing():
        async with logged_in(environment()) as client:
            assert client.application
            registry = Registry(client, client.application.id, guild)
            registered = await _there(registry)
            changes = difference(to_be, registered)
            _say(changes or ["Nothing to do: no command is there." if remove else "Nothing to do: all is registered."])
            if changes and not dry_run:
                await registry.register(to_be, registered)
                _say(["Done. Who has Discord open may have to reload it (Ctrl+R) to see it."])
            if guild and not remove:
                _say(await _of_one_server(registry))
    return bool(changes)


async def _there(registry: "Registry") -> "Sequence[Payload]":
    """What is registered. Raises Refused for a server where the app may not register anything."""
    import discord

    try:
        return await registry.registered()
    except (discord.Forbidden, discord.NotFound):
        if registry.server is None:
            raise
        raise Refused(
            f"Discord has no server {registry.server} with the bot in it: `mockingbird discord invite` prints the link that adds "
            "it. (With Developer Mode on, a right click on a server copies its ID.)"
        ) from None


async def _of_one_server(registry: "Registry") -> list[str]:
    """What is otherwise about commands in one server."""
    from bot.discord.registry import Registry

    told = [
        "In one server, where the commands can be used and who can install them is not registered: Discord takes that only "
        "of commands that are registered for all."
    ]
    if await Registry(registry.client, registry.application).registered():
        told.append(
            "The commands are registered for all too, so this server shows them twice: "
            f"`mockingbird discord sync --server {registry.server} --remove` takes its own away."
        )
    return told


async def _invite() -> None:
    from bot.discord.checks import CODE_GRANT, limits
    from bot.discord.client import logged_in
    from bot.discord.registry import PERMISSIONS, PERSON, SERVER, invite

    with _refusing():
        async with logged_in(environment()) as client:
            application = client.application
            assert application
    _say(
        [
            "For a server, by somebody who may manage it:",
            f"  {invite(application.id, SERVER)}",
            *(f"  {name}: {why}." for name, why in PERMISSIONS.values()),
            "",
            "For yourself, in any server and in direct messages:",
            f"  {invite(application.id, PERSON)}",
            "  It adds the commands, and permits nothing.",
            "",
            *_intents(),
            *([CODE_GRANT] if application.bot_require_code_grant else []),
            *(f"{limit}." for limit in limits(application)),
        ]
    )


def _intents() -> list[str]:
    if environment().discord_message_content:
        return [
            "Intents: Message Content, for plain messages in private threads (DISCORD_MESSAGE_CONTENT). It is privileged: switch "
            "it on under Bot at discord.com/developers/applications."
        ]
    return [
        "Intents: none that is privileged. Direct messages and mentions are heard without; DISCORD_MESSAGE_CONTENT=true asks for "
        "Message Content, with which plain messages in private threads are heard too."
    ]


def _say(lines: "Sequence[str]") -> None:
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
