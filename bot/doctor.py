"""`mockingbird doctor`: one line a check, and what to do about each that fails."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape

from bot.settings import Settings
from bot.wiring import NOBODY

Check = Callable[[], Coroutine[Any, Any, str]]
"""Says what was found of a platform; raises an exception of ours with what to do about it."""

EVENTS = (
    "Slack doesn't say which it sends: if the bot doesn't answer a hello, compare Event Subscriptions in the app's settings with "
    "`mockingbird slack manifest`"
)


class Amiss(Exception):
    """Something is not as the bot needs it. Its text says what, and what to do."""


def concerns_slack(settings: Settings) -> bool:
    """Whether anything about Slack is set."""
    return any(name.startswith("slack_") for name in settings.model_fields_set)


def concerns_discord(settings: Settings) -> bool:
    """Whether anything about Discord is set."""
    return any(name.startswith("discord_") for name in settings.model_fields_set)


def examine(console: Console, settings: Settings, checks: Iterable[tuple[str, Callable[[], str]]]) -> bool:
    """Print what is configured and run the checks; True if all passed."""
    store = "REDIS_URL" if settings.redis_url else "none (an embedded Valkey is started)"
    models = "; ".join(filter(None, (_models(settings), *_senses(settings))))
    console.print(f"[bold]models[/]   {escape(models)}")
    console.print(f"[bold]store[/]    configured: {store}")
    console.print(f"[bold]data[/]     {escape(str(settings.data))}")
    console.print(f"[bold]cache[/]    {escape(str(settings.cache))}")
    if concerns_slack(settings):
        console.print(f"[bold]slack[/]    {escape(_slack(settings))}")
        console.print(f"[bold]events[/]   {EVENTS}")
    if concerns_discord(settings):
        console.print(f"[bold]discord[/]  {_discord(settings)}")
    console.print()
    healthy = True
    for name, check in checks:
        try:
            console.print(f"[green]✓[/] {name:<8} {escape(check())}")
        except Exception as problem:
            healthy = False
            console.print(f"[red]✗[/] {name:<8} ", end="")
            # What we say ourselves needs no class before it.
            known = type(problem).__module__.partition(".")[0] in ("bot", "interviewer", "__main__")
            console.print(str(problem) if known else f"{type(problem).__name__}: {problem}", markup=False)
    if healthy:
        console.print(f"\nAll well: {_in_a_row(_ways(settings))} will work.")
    else:
        console.print("\nMend what is marked ✗ and run this again.")
    return healthy


def _models(settings: Settings) -> str:
    return ", ".join(dict.fromkeys((*settings.speaking, *settings.listening))) or _without(settings)


def _senses(settings: Settings) -> Iterator[str]:
    """Who looks at pictures and listens to voice clips, where there is anybody who might."""
    eyes, ears = settings.vision_model, settings.transcription_model
    if eyes and eyes.lower() != NOBODY:
        yield f"{eyes} looks at pictures"
    elif settings.speaking and not eyes:
        yield f"{settings.speaking[0]} looks at pictures if LangChain knows that it can"
    if ears and ears.lower() != NOBODY:
        yield f"{ears} listens to voice clips"


def _slack(settings: Settings) -> str:
    """Where in Slack the bot is to be, and how Slack reaches it."""
    ways = (
        (settings.slack_app_token, "Socket Mode (`mockingbird slack`)"),
        (settings.slack_signing_secret, "HTTP (`mockingbird web`)"),
    )
    over = " and ".join(way for secret, way in ways if secret.get_secret_value())
    if settings.slack_bot_token.get_secret_value():
        where = "one workspace"
    else:
        where = "every workspace that installs it" if settings.slack_keys else "no workspace yet"
    return f"{where}, over {over}" if over else where


def _discord(settings: Settings) -> str:
    """What the bot is to hear in Discord."""
    if settings.discord_message_content:
        return "direct messages, mentions, and plain messages in private threads (DISCORD_MESSAGE_CONTENT)"
    return (
        "direct messages and mentions; in private threads what mentions the bot, unless DISCORD_MESSAGE_CONTENT is true"
    )


def _ways(settings: Settings) -> Iterator[str]:
    """What can be run as it is set up."""
    yield "`mockingbird chat`"
    ways = (
        (settings.slack_app_token, "`mockingbird slack`"),
        (settings.slack_signing_secret, "`mockingbird web`"),
        (settings.discord_token, "`mockingbird discord`"),
    )
    yield from (way for secret, way in ways if secret.get_secret_value())


def _in_a_row(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _without(settings: Settings) -> str:
    if settings.openai_base_url:
        return "none: OPENAI_BASE_URL is set, and INTERVIEW_MODEL has to name a model that is served there"
    return "none, which is fine; with OPENAI_API_KEY a language model listens and speaks (docs/models.md)"
