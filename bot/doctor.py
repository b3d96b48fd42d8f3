"""`mockingbird doctor`: one line a check, and what to do about each that fails."""

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.markup import escape

from bot.settings import Settings


def examine(console: Console, settings: Settings, checks: Iterable[tuple[str, Callable[[], str]]]) -> bool:
    """Print what is configured and run the checks; True if all passed."""
    store = "REDIS_URL" if settings.redis_url else "none (an embedded Valkey is started)"
    models = ", ".join(dict.fromkeys((*settings.speaking, *settings.listening))) or _without(settings)
    console.print(f"[bold]models[/]   {escape(models)}")
    console.print(f"[bold]store[/]    configured: {store}")
    console.print(f"[bold]data[/]     {escape(str(settings.data))}")
    console.print(f"[bold]cache[/]    {escape(str(settings.cache))}\n")
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
    console.print(
        "\nAll well: `mockingbird chat` will work." if healthy else "\nMend what is marked ✗ and run this again."
    )
    return healthy


def _without(settings: Settings) -> str:
    if settings.openai_base_url:
        return "none: OPENAI_BASE_URL is set, and INTERVIEW_MODEL has to name a model that is served there"
    return "none, which is fine; with OPENAI_API_KEY a language model listens and speaks (docs/models.md)"
