"""Draws the README's pictures from an interview that is really played: `python -m docs.record`."""

import asyncio
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from bot.cli.common import make_interviewer
from bot.play import play
from bot.scorecard import render
from bot.terminal import Screen
from interviewer.model import Level, Settings

DOCS = Path(__file__).parent
SCRIPT = DOCS.parent / "tests" / "script.md"
LINES = 10
"""Lines of the transcript in the picture."""


def main() -> None:
    """Play the script and save both pictures."""
    settings = Settings("apple-task-scheduler", Level.SENIOR)
    played = asyncio.run(play(SCRIPT.read_text("utf-8"), settings, make_interviewer(offline=True)))
    interview = _console()
    for turn in played.transcript[:LINES]:
        Screen(interview).say(turn)
    interview.save_svg(str(DOCS / "interview.svg"), title="mockingbird chat", theme=MONOKAI)
    card = _console()
    if played.scorecard:
        card.print(render(played.scorecard))
    card.save_svg(str(DOCS / "scorecard.svg"), title="mockingbird chat", theme=MONOKAI)


def _console() -> Console:
    return Console(record=True, width=100, force_terminal=True, file=io.StringIO())


if __name__ == "__main__":
    main()
