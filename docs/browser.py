"""Owns drawing: pages become pictures in Chromium, each as high as its page, and the programs that draw share a command line.

With CHROMIUM, another browser of its kind is used.
"""

import argparse
import asyncio
import base64
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".pytest_cache" / "embeddings"
"""What the tests have made ready of the questions that are drawn."""
SCRIPT = tuple(answer.strip() for answer in (ROOT / "tests" / "script.md").read_text("utf-8").split("\n---\n"))
"""What the candidate says in an interview that is drawn."""
FILLS, SHADES = 8, 28
"""Colours in a picture: the commonest, just as they are, and so many that stand for the rest."""
WIDTH = 700
"""CSS pixels; a picture has SHARPNESS times as many."""
SHARPNESS = 1.5

Held = Callable[[], Coroutine[Any, Any, Mapping[str, str]]]
"""Holds what is to be drawn; gives pages of HTML by the names of their pictures."""


def draw(program: str, about: str, held: Held) -> None:
    """Draw every page into the folder that is given on the command line. Raises SystemExit without a browser."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--html", action="store_true", help="leave the pages there too")
    given = parser.parse_args()
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        raise SystemExit("This takes Chromium: install it, or set CHROMIUM to a browser of its kind.")
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in asyncio.run(held()).items():
            source = (given.folder if given.html else Path(scratch)) / f"{name}.html"
            source.write_text(text, "utf-8")
            photograph(browser, source.absolute(), given.folder / f"{name}.png")


def page(style: str, body: str, kind: str) -> str:
    """A whole page."""
    return f'<!doctype html><meta charset="utf-8"><style>{style}</style><body class="{kind}">{body}</body>'


def within(content: bytes, mimetype: str) -> str:
    """A picture's address that has all of it."""
    return f"data:{mimetype};base64,{base64.b64encode(content).decode()}"


def photograph(browser: str, source: Path, target: Path) -> None:
    """A picture of a page, as high as the page is."""
    with tempfile.TemporaryDirectory() as profile:
        measured = Path(profile) / source.name
        base = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        base += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
        base += [f"--user-data-dir={profile}", f"--force-device-scale-factor={SHARPNESS}"]
        script = "<script>document.title = document.documentElement.getBoundingClientRect().height</script>"
        measured.write_text(source.read_text("utf-8") + script, "utf-8")
        told = _run([*base, f"--window-size={WIDTH},600", "--dump-dom", measured.as_uri()])
        height = re.search(r"<title>([\d.]+)</title>", told)
        if not height:
            raise SystemExit(f"{browser} did not draw {source}.")
        size = f"--window-size={WIDTH},{round(float(height[1]) + 0.5)}"
        _run([*base, size, f"--screenshot={target}", source.as_uri()])
    _few_colours(Image.open(target).convert("RGB")).save(target, optimize=True)


def _few_colours(drawn: Image.Image) -> Image.Image:
    """Text needs few colours, and with a palette takes a third of the bytes."""
    counted = cast("list[tuple[int, tuple[int, int, int]]]", drawn.getcolors(drawn.width * drawn.height))
    fills = [value for _, colour in sorted(counted, reverse=True)[:FILLS] for value in colour]
    shades = drawn.quantize(SHADES, Image.Quantize.MAXCOVERAGE, kmeans=1).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*fills, *shades])
    return drawn.quantize(palette=palette, dither=Image.Dither.NONE)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)  # noqa: S603 (the browser that was asked for)
    return done.stdout.decode("utf-8", "replace")
