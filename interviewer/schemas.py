"""Owns what questions.yaml and a guide's file may say: keys, types and defaults, as pydantic models at the edge."""

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from interviewer.model import Dimension, Level, Phase

Choice = TypeVar("Choice", bound=StrEnum)

SCORED = tuple(dimension for dimension in Dimension if dimension is not Dimension.DRIVE)
ASKED = tuple(phase for phase in Phase if phase not in (Phase.BRIEFING, Phase.DEBRIEF, Phase.FINISHED))
KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _one_of(choices: Iterable[Choice]) -> Callable[[object], Choice]:
    known = {str(choice): choice for choice in choices}

    def choose(value: object) -> Choice:
        if isinstance(value, str) and value.strip() in known:
            return known[value.strip()]
        raise ValueError(f"{value!r:.60} is none of {', '.join(known)}: write one of these")

    return choose


def _kebab(id: str) -> str:
    if not KEBAB.fullmatch(id):
        raise ValueError(f"{id!r:.80} is not kebab-case: write lower-case words joined by hyphens")
    return id


def _one_word(id: str) -> str:
    if re.search(r"\s", id):
        raise ValueError(f"an id has no spaces: write {'-'.join(id.split())!r:.80}")
    return id


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"this is not a regular expression ({error}): mend it, or put \\ before its signs") from None
    return pattern


Text = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_one_word)]
Pattern = Annotated[str, Field(min_length=1), AfterValidator(_compiles)]
Number = Annotated[float, Field(allow_inf_nan=False)]
AnyLevel = Annotated[Level, BeforeValidator(_one_of(Level))]


class Entry(BaseModel):
    """Nothing but the keys below, and no type taken for another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, str_strip_whitespace=True)


class QuestionEntry(Entry):
    id: Annotated[Id, AfterValidator(_kebab)]
    title: Text
    prompt: Text
    company: str = ""
    also_asked_at: list[Text] = []
    topics: list[Text] = []
    levels: Annotated[list[AnyLevel], Field(min_length=1)] = list(Level)
    minutes: Annotated[int, Field(ge=5, le=180)] = 45


class QuestionsFile(Entry):
    questions: Annotated[list[QuestionEntry], Field(min_length=1)]


class FactEntry(Entry):
    id: Id
    answer: Text
    asks: list[Text] = []


class PointEntry(Entry):
    id: Id
    statement: Text
    exemplars: Annotated[list[Text], Field(min_length=1)]
    dimension: Annotated[Dimension, BeforeValidator(_one_of(SCORED))] = Dimension.DEPTH
    phase: Annotated[Phase, BeforeValidator(_one_of(ASKED))] = Phase.DEEP_DIVE
    level: AnyLevel = Level.MID
    weight: Annotated[int, Field(ge=1, le=3)] = 1
    concepts: list[Pattern] = []
    misconceptions: list[Text] = []
    challenge: str = ""
    probe: str = ""
    hints: list[Text] = []
    deeper: str = ""
    twist: str = ""


class TwistEntry(Entry):
    id: Id
    change: Text
    ask: Text


class EstimateEntry(Entry):
    id: Id
    name: Text
    ask: Text
    formula: Text
    unit: Text
    inputs: dict[str, Number] = {}
    tolerance: Annotated[float, Field(gt=1, le=5)] = 2
    point: str = ""


class ModelAnswerEntry(Entry):
    text: str = ""
    diagram: str = ""


class GuideFile(Entry):
    rubric: Annotated[list[PointEntry], Field(min_length=1)]
    question: str = ""
    facts: list[FactEntry] = []
    twists: list[TwistEntry] = []
    estimates: list[EstimateEntry] = []
    pitfalls: list[Text] = []
    model_answer: ModelAnswerEntry = ModelAnswerEntry()
