"""Owns recorded readings: what a model filled in, kept so that a measurement can be run again without it.

A recording is JSON Lines, one reading a line: {"key", "repetition", "model", "form", "usage"}. The key is a digest of the lines
that the model was given: a prompt that changed has no recording, and the replay says so instead of making one up.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from interviewer.model import Trouble, Usage
from interviewer.ports import LanguageModel, Line, ModelTrouble

Form = TypeVar("Form", bound=BaseModel)


class NotRecorded(LookupError):
    """There is no recording of this reading. Says how to make one."""


class BadRecording(ValueError):
    """A file is no recording. Says where it stops being one."""


@dataclass(frozen=True)
class Reading:
    """A form as a model filled it in."""

    key: str
    repetition: int
    model: str
    form: str
    usage: Usage


def digest(lines: Sequence[Line]) -> str:
    """What a model is given, in a few characters."""
    told = json.dumps([[line.role.value, line.text] for line in lines], ensure_ascii=False)
    return hashlib.sha256(told.encode(errors="replace")).hexdigest()[:20]


def read(path: Path) -> dict[tuple[str, int], Reading]:
    """Every reading of a recording. Raises BadRecording."""
    found: dict[tuple[str, int], Reading] = {}
    # Not splitlines(): a quote may hold one of the characters that only Unicode calls the end of a line.
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            reading = _reading(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise BadRecording(
                f"{path}:{number} is no recorded reading ({type(error).__name__}): record it again with --record."
            ) from None
        found[reading.key, reading.repetition] = reading
    return found


def _reading(entry: dict[str, Any]) -> Reading:
    form = json.dumps(entry["form"], ensure_ascii=False)
    return Reading(entry["key"], int(entry["repetition"]), entry["model"], form, Usage(**entry["usage"]))


def write(path: Path, readings: Iterable[Reading]) -> None:
    """Write a recording, in the order of its keys."""
    lines = [
        json.dumps({**asdict(reading), "form": json.loads(reading.form)}, ensure_ascii=False)
        for reading in sorted(readings, key=lambda reading: (reading.key, reading.repetition))
    ]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


class Replay:
    """A `LanguageModel` that says what was recorded of this repetition, and raises NotRecorded for anything else."""

    def __init__(self, readings: dict[tuple[str, int], Reading], repetition: int) -> None:
        self._readings = readings
        self._repetition = repetition
        self.name = next((reading.model for reading in readings.values()), "nobody")

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        """Words are not recorded."""
        raise ModelTrouble(Trouble.UNREACHABLE, "a recording has readings only")

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        reading = self._readings.get((digest(lines), self._repetition))
        if reading is None:
            raise NotRecorded("this prompt was never recorded: record it with --record FILE and a model")
        try:
            return form.model_validate_json(reading.form), reading.usage
        except ValidationError:
            raise NotRecorded("what was recorded does not fit the form: record it again with --record FILE") from None


class Recorder:
    """A `LanguageModel` that passes on to another and keeps what it filled in."""

    def __init__(self, model: LanguageModel, readings: dict[tuple[str, int], Reading], repetition: int) -> None:
        self._model = model
        self._readings = readings
        self._repetition = repetition
        self.name = model.name

    async def say(self, lines: Sequence[Line], hear: Callable[[str], None]) -> tuple[str, Usage]:
        return await self._model.say(lines, hear)

    async def fill(self, lines: Sequence[Line], form: type[Form]) -> tuple[Form, Usage]:
        filled, usage = await self._model.fill(lines, form)
        key = digest(lines)
        self._readings[key, self._repetition] = Reading(
            key, self._repetition, self.name, filled.model_dump_json(), usage
        )
        return filled, usage
