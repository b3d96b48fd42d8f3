"""Owns reading labelled answers: what people wrote, and which rubric points a fair interviewer would hear in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from interviewer.model import Case, Question
from interviewer.questions import data_root, load_bank, load_guide

EVALS = data_root() / "evals"
DEV = EVALS / "dev"
ANSWERS = EVALS / "answers"


@dataclass(frozen=True)
class Labelled:
    """An answer and its labels; points in none of the three sets are truly missing.

    `quality` is what the answer is, from 0 (nothing of worth) to 4 (staff), or None where nobody said."""

    question: str
    id: str
    kind: str
    text: str
    covered: frozenset[str] = frozenset()
    contradicted: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    probe: str = ""
    quality: int | None = None


def read_answers(folder: Path) -> list[Labelled]:
    """Every labelled answer in the folder's YAML files."""
    found: list[Labelled] = []
    for path in sorted(folder.glob("*.yaml")):
        document = cast("dict[str, Any]", yaml.safe_load(path.read_text(encoding="utf-8")))
        found += [_labelled(str(document["question"]), entry) for entry in document["answers"]]
    return found


def _labelled(question: str, entry: dict[str, Any]) -> Labelled:
    covered, contradicted, partial = (frozenset(entry.get(key) or ()) for key in ("covered", "contradicted", "partial"))
    text, probe = str(entry.get("text") or ""), str(entry.get("probe") or "")
    quality = None if entry.get("quality") is None else int(entry["quality"])
    return Labelled(
        question, str(entry["id"]), str(entry["kind"]), text, covered, contradicted, partial, probe, quality
    )


def read_bank() -> dict[str, Case]:
    """The bank's questions with their guides."""
    bank = load_bank(data_root())
    return {question.id: bank.case(question.id) for question in bank.questions}


def read_cases(folder: Path) -> dict[str, Case]:
    """Guides outside the bank, one a file, named as their question; there is no prompt to repeat."""
    return {
        path.stem: Case(Question(path.stem, path.stem, ""), load_guide(path, path.stem))
        for path in sorted(folder.glob("*.yaml"))
    }
