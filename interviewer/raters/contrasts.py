"""Owns reading contrasts.yaml: pairs of design claims that sound alike and disagree, a practice and its mistake."""

from pathlib import Path

from interviewer.documents import read_yaml, validate
from interviewer.schemas import Entry

PAIRS = Path(__file__).with_name("contrasts.yaml")


class Contrast(Entry):
    """What an experienced engineer would say, and the mistake in the same words."""

    practice: str
    mistake: str


class Contrasts(Entry):
    pairs: list[Contrast]


def read_contrasts(path: Path = PAIRS) -> tuple[Contrast, ...]:
    """The pairs in the file at `path`; raises BankError."""
    return tuple(validate(read_yaml(path), Contrasts).pairs)
