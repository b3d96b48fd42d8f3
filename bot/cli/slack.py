"""`mockingbird slack` and `mockingbird web`: the bot in Slack, and what it takes to install it."""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.common import Refused, bank, environment, make_interviewer, out, server

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
def socket(context: typer.Context) -> None:
    """Run the bot in Slack over Socket Mode: needs SLACK_BOT_TOKEN and SLACK_APP_TOKEN, and no public address."""
    if context.invoked_subcommand:
        return
    if not environment().slack_app_token.get_secret_value():
        raise Refused(
            "Socket Mode needs SLACK_APP_TOKEN (xapp-…, with connections:write): make one under Basic Information, "
            "App-Level Tokens. `mockingbird slack manifest` begins an app; docs/slack.md goes through all of it."
        )
    _log()
    asyncio.run(_serve())


@app.command()
def web(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", min=0, max=65535, help="The port to listen on.")] = 3000,
) -> None:
    """Run the bot in Slack over signed HTTP: needs SLACK_SIGNING_SECRET, and a public address in front of it."""
    import uvicorn

    from bot.web import make_web

    if not environment().slack_signing_secret.get_secret_value():
        raise Refused(
            "HTTP needs SLACK_SIGNING_SECRET (Basic Information, App Credentials): without it anybody could speak as Slack. "
            "Without a public address, `mockingbird slack` uses Socket Mode."
        )
    _log()
    uvicorn.run(make_web(lambda: _open(signed=True)), host=host, port=port, log_level="warning", access_log=False)


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
async def _open(*, signed: bool) -> "AsyncGenerator[Slack]":
    from bot.slack.service import NotConfigured, running
    from bot.slack.vault import BadKey

    interviewer = make_interviewer()
    try:
        async with server() as url, running(environment(), url, bank(), interviewer, signed=signed) as slack:
            yield slack
    except (NotConfigured, BadKey) as problem:
        raise Refused(str(problem)) from None


async def _serve() -> None:
    from slack_sdk.errors import SlackApiError

    from bot.slack.clients import error
    from bot.slack.service import run

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with _open(signed=False) as slack:
            out.print("[dim]Connecting to Slack…[/]")
            try:
                await run(slack, stop, lambda: out.print("In Slack. Ctrl-C stops; what was begun is answered first."))
            except SlackApiError as problem:
                raise Refused(
                    f"Slack refused the connection ({error(problem)}): `mockingbird doctor` says more."
                ) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _log() -> None:
    """Warnings on standard error. Bolt and aiohttp would log what people write at lower levels."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
