"""`mockingbird doctor`: one line a check, and what to do about each that fails."""

from collections.abc import Callable, Iterable

from rich.console import Console
from rich.markup import escape

from bot.settings import Settings


def examine(console: Console, settings: Settings, checks: Iterable[tuple[str, Callable[[], str]]]) -> bool:
    """Print what is configured and run the checks; True if all passed."""
    store = "REDIS_URL" if settings.redis_url else "none (an embedded Valkey is started)"
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
            console.print(f"{type(problem).__name__}: {problem}", markup=False)
    console.print(
        "\nAll well: `mockingbird chat` will work." if healthy else "\nMend what is marked ✗ and run this again."
    )
    return healthy
