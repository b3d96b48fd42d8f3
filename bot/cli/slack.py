"""`mockingbird slack` and `mockingbird web`: the bot in Slack, and what it takes to install it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
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
    from bot.slack.service import Slack

app = typer.Typer()
slack = typer.Typer(
    name="slack",
    help="The bot in Slack, over Socket Mode; and its manifest and keys. docs/slack.md takes you there in ten minutes.",
    invoke_without_command=True,
)
app.add_typer(slack)


@slack.callback()
def socket(context: typer.Context, admit_only: AdmitOption = False) -> None:
    """Run the bot in Slack over Socket Mode: needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN, and no public address."""
    if context.invoked_subcommand:
        return
    if not environment().slack_app_token.get_secret_value():
        raise Refused(
            "Socket Mode needs SLACK_APP_TOKEN (xapp-…, with connections:write): make one under Basic Information, "
            "App-Level Tokens. `mockingbird slack manifest` begins an app; docs/slack.md goes through all of it."
        )
    log()
    asyncio.run(_serve(admit_only=admit_only))


@app.command()
def web(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=0, max=65535, help="The port to listen on.")] = 3000,
    admit_only: AdmitOption = False,
) -> None:
    """Run the bot in Slack over signed HTTP: needs SLACK_SIGNING_SECRET, and a public address in front of it."""
    if not environment().slack_signing_secret.get_secret_value():
        raise Refused(
            "HTTP needs SLACK_SIGNING_SECRET (Basic Information, App Credentials): without it anybody could speak as Slack. "
            "Without a public address, `mockingbird slack` uses Socket Mode."
        )
    log()
    asyncio.run(_listen(host, port, admit_only=admit_only))


@slack.command()
def manifest(
    socket: Annotated[bool, typer.Option("--socket", help="For Socket Mode, the default.")] = False,
    http: Annotated[str, typer.Option(metavar="URL", help="For HTTP: the public address of `mockingbird web`.")] = "",
    name: Annotated[str, typer.Option(help="What the app is called in your workspace.")] = "Mockingbird",
) -> None:
    """Print the manifest that creates the app: paste it at api.slack.com/apps, Create New App, From a manifest."""
    from bot.slack.manifest import manifest as make

    if socket and http:
        raise Refused("--socket and --http exclude each other: over Socket Mode Slack needs no address.")
    try:
        typer.echo(json.dumps(make(not http, http, name), indent=2, ensure_ascii=False))
    except ValueError as problem:
        raise Refused(str(problem)) from None


@slack.command()
def key() -> None:
    """Print a new key for SLACK_ENCRYPTION_KEYS, which tokens of many workspaces are encrypted with."""
    from bot.slack.vault import new_key

    typer.echo(new_key())


@slack.command()
def rotate() -> None:
    """Encrypt every stored token anew, with the first of SLACK_ENCRYPTION_KEYS; after it the others can go."""
    count = asyncio.run(_rotate())
    out.print(f"{count} workspace{'' if count == 1 else 's'} encrypted with the first key. The other keys can go now.")


async def _rotate() -> int:
    from bot.slack.vault import BadKey, Vault

    try:
        async with server() as url, Vault.from_url(url, environment().slack_keys) as vault:
            return await vault.rotate()
    except BadKey as problem:
        raise Refused(str(problem)) from None


@asynccontextmanager
async def opened(*, signed: bool, admit_only: bool = False) -> "AsyncGenerator[Slack]":
    """Slack's part, running on the store. Raises Refused when it is not set up."""
    from bot.slack.service import ADMITTING, IN_CHAT, NotConfigured, running
    from bot.slack.vault import BadKey

    interviewer, pace = make_interviewer(), ADMITTING if admit_only else IN_CHAT
    try:
        async with server() as url, running(environment(), url, bank(), interviewer, signed=signed, pace=pace) as slack:
            yield slack
    except (NotConfigured, BadKey) as problem:
        raise Refused(str(problem)) from None


async def accepted(slack: "Slack", *, connects: bool = False) -> None:
    """Raises Refused for a token that Slack doesn't take: with one of those slack_sdk would go on trying for ever."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    from bot.slack.clients import error

    name = "SLACK_BOT_TOKEN"
    try:
        if environment().slack_bot_token.get_secret_value():
            await (await slack.clients.of("")).auth_test()
        if connects:
            name = "SLACK_APP_TOKEN"
            token = environment().slack_app_token.get_secret_value()
            await slack.clients.with_token(None).apps_connections_open(app_token=token)
    except SlackApiError as problem:
        raise Refused(f"Slack refused {name} ({error(problem)}): `mockingbird doctor` says more.") from None
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise Refused(f"Slack can't be reached ({type(problem).__name__}): `mockingbird doctor` says more.") from None


async def _listen(host: str, port: int, *, admit_only: bool) -> None:
    import uvicorn

    from bot.web import make_web

    # uvicorn ends at a signal and raises it again afterwards, which must not end this process before it has drained.
    async with until_told(), opened(signed=True, admit_only=admit_only) as slack:
        await accepted(slack)
        web = make_web(lambda: nullcontext(slack))
        server = uvicorn.Server(uvicorn.Config(web, host=host, port=port, log_level="warning", access_log=False))

        async def watch() -> None:
            try:
                await slack.ended()
            finally:
                server.should_exit = True

        watching = asyncio.create_task(watch())
        await server.serve()
        if watching.done():
            watching.result()
        watching.cancel()


async def _serve(*, admit_only: bool) -> None:
    from bot.slack.service import run

    async with until_told() as stop, opened(signed=False, admit_only=admit_only) as slack:
        out.print("[dim]Connecting to Slack…[/]")
        if not await before(stop, accepted(slack, connects=True)):
            return
        await run(slack, stop, lambda: out.print("In Slack. Ctrl-C stops; what was begun is answered first."))
