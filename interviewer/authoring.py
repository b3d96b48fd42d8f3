"""Owns beginning a question: a commented skeleton in a team's own folder, for its author to fill in."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from interviewer.documents import BankError, parse_yaml, read_text
from interviewer.schemas import KEBAB

CATALOGUE = "questions.yaml"


class NotBegun(Exception):
    """The skeleton can't be written. Its text says why and what to do."""


def begin(id: str, folder: Path) -> Sequence[Path]:
    """Add a question called `id` to the catalogue in `folder` and write the skeleton of its guide; both are made if need be.

    Returns the files written to. Raises NotBegun, before anything is written, when the id will not do or is taken, and
    BankError when the catalogue there can't be read."""
    if not KEBAB.fullmatch(id):
        raise NotBegun(
            f"{id!r:.80} will not do as an id: write lower-case words joined by hyphens, as in lunch-orders."
        )
    catalogue, guide = folder / CATALOGUE, folder / "guides" / f"{id}.yaml"
    entry = _skeleton("question.yaml", id)
    text = _joined(catalogue, entry, id)
    if guide.exists():
        raise NotBegun(f"{guide} is there already: go on with it, or take another id.")
    guide.parent.mkdir(parents=True, exist_ok=True)
    guide.write_text(_skeleton("guide.yaml", id), "utf-8")
    catalogue.write_text(text, "utf-8")
    return catalogue, guide


def _joined(catalogue: Path, entry: str, id: str) -> str:
    """The catalogue with the entry at its end. Raises NotBegun if it is written in a way that can't be added to."""
    before = read_text(catalogue).strip("\n").rstrip() if catalogue.exists() else ""
    if not before or before == "[]" or all(line.lstrip()[:1] in ("", "#") for line in before.splitlines()):
        return f"{before}\n\n{entry}" if before and before != "[]" else entry
    known = parse_yaml(catalogue, before)
    if any(known.at((loc[0], "id")) == id for loc in known.lines if len(loc) == 1):
        raise NotBegun(f"{catalogue} has a question called {id} already: go on with it, or take another id.")
    text = f"{before}\n\n{entry}"
    try:
        whole = parse_yaml(catalogue, text).value
    except BankError:
        whole = None
    if not isinstance(whole, list) or not isinstance(known.value, list):
        raise NotBegun(f"{catalogue} is no plain list of questions. Add this one to it yourself:\n\n{entry}")
    return text


def _skeleton(name: str, id: str) -> str:
    return Template(files("interviewer").joinpath("skeleton", name).read_text("utf-8")).substitute(id=id)
