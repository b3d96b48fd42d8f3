"""Owns drafting a question with a language model: the forms it fills in, what is made of them, and one chance to mend faults.

A guide is too long for one answer: first comes an outline, then, all at the same time, its points, a few to an answer, and the
closing. The bank's own lint reads the whole, and only the parts with faults are asked for again. The folder is written to once
the better of the two drafts is known. The wish is a candidate's text and never stands inside instructions here. What the model
makes of it becomes the guide: so a drafted question is practice for whoever wished for it, and its title says so.
"""

import asyncio
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, TypeVar

import yaml
from filelock import FileLock
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from interviewer.authoring import CATALOGUE, NotBegun, begin
from interviewer.documents import BankError, Fault
from interviewer.formulas import FormulaError, evaluate
from interviewer.lint import lint
from interviewer.model import Level, Usage
from interviewer.ports import NOTHING, LanguageModel, Line, ModelTrouble, Role
from interviewer.prompts import Prompts
from interviewer.questions import load_bank, read_questions
from interviewer.schemas import EstimateEntry

SUFFIX = " (drafted by a model, not reviewed)"
"""The end of a drafted question's title, so that whatever shows the title says so."""
PREFIX, LONGEST_ID, LONGEST_WISH = "draft-", 40, 500
GROUP = 5
"""Points to an answer, at most: so many take some 2,500 tokens."""


class NotDrafted(Exception):
    """There is no draft. Its text says why and what to do; `usage` is what was spent."""

    def __init__(self, text: str, usage: Usage = NOTHING) -> None:
        super().__init__(text)
        self.usage = usage


@dataclass(frozen=True)
class Drafted:
    """A drafted question that can be asked, what lint still finds wrong with it, and what it cost."""

    question: str
    faults: tuple[Fault, ...]
    usage: Usage


# --- the forms: no defaults, mappings or bounds, which not every provider's strict schema knows ----------------------


def _kebab(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:60].strip("-")


def _printable(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "", text)


Words = Annotated[str, AfterValidator(lambda text: " ".join(_printable(text).split()))]
Lines = Annotated[str, AfterValidator(_printable)]
Name = Annotated[str, AfterValidator(_kebab)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Known(_Form):
    id: Name
    asks: list[Words]
    answer: Words


class Change(_Form):
    id: Name
    change: Words
    ask: Words


class Sketch(_Form):
    id: Name
    dimension: Literal["requirements", "estimates", "api", "data", "architecture", "depth", "reliability", "trade-offs"]
    phase: Literal["requirements", "estimates", "api", "design", "deep-dive", "twist", "wrap-up"]
    twist: Name
    level: Literal["mid", "senior", "staff"]
    weight: Literal[1, 2, 3]
    statement: Words


class Outline(_Form):
    """What a candidate hears and may ask, and all that a good answer says."""

    title: Words
    topics: list[Name]
    prompt: Words
    facts: list[Known]
    twists: list[Change]
    points: list[Sketch]


class Detail(_Form):
    id: Name
    concepts: list[Words]
    usual_exemplars: list[Words]
    plain_exemplars: list[Words]
    misconceptions: list[Words]
    probe: Words
    hint_concern: Words
    hint_direction: Words
    hint_concept: Words
    challenge: Words
    deeper: Words


class Points(_Form):
    """Some of the outline's points, written out."""

    points: list[Detail]


class Input(_Form):
    name: str
    value: float


class Sum(_Form):
    id: Name
    name: Words
    ask: Words
    formula: Words
    inputs: list[Input]
    unit: Words
    tolerance: float
    point: Name


class Closing(_Form):
    """What is worked out, what goes wrong, and how a strong candidate would answer."""

    estimates: list[Sum]
    pitfalls: list[Words]
    model_answer: Lines
    diagram: Lines


# --- drafting -------------------------------------------------------------------------------------------------------

OUTLINE, CLOSING = "Outline", "Closing"
"""Parts of a draft; each point is one as well, by its id, which has no capital letters."""
Filled = TypeVar("Filled", bound=BaseModel)


@dataclass(frozen=True)
class _Draft:
    """What the model filled in and, once that is checked, what lint finds and whether it can be asked at all."""

    outline: Outline
    details: Mapping[str, Detail]
    closing: Closing
    faults: tuple[Fault, ...] = ()
    usable: bool = False

    def found(self, part: str) -> list[str]:
        """What is wrong in a part, as the model is told."""
        told = [f"{fault.where}: {fault.message}" for fault in self.faults if _part(fault) == part]
        flaws = map(_flaw, self.closing.estimates) if told and part == CLOSING else ()
        return [*told, *filter(None, flaws)]

    def stands(self, sketch: Sketch) -> bool:
        """Whether the point is written out as it is sketched, without faults."""
        same = any((sketch.id, sketch.statement) == (known.id, known.statement) for known in self.outline.points)
        return same and sketch.id in self.details and not self.found(sketch.id)


async def draft(
    model: LanguageModel, prompts: Prompts, wish: str, folder: Path, note: Callable[[str], None]
) -> Drafted:
    """Draft the question somebody wishes for, and its guide, into a folder of own questions; `note` hears how far it is.

    Raises NotDrafted when the wish says nothing, when the catalogue can't be added to, and when the model's draft can't be
    asked even after a second try; BankError when the catalogue can't be read; ModelTrouble, with all that was spent, when
    the model is of no use. A usable first draft is kept when only the mending fails."""
    wish = wish.strip()[:LONGEST_WISH]
    if not any(character.isalpha() for character in wish):
        raise NotDrafted("Say in a few words what you would like to design, as in: a photo-sharing service.")
    id = _free_id(wish, folder)
    author = _Author(model, prompts, wish, note)
    tries: list[_Draft] = []
    try:
        tries.append(_checked(await author.write(None), id))
        if tries[0].faults:
            note(f"Lint finds {len(tries[0].faults)} fault(s) in the draft: the model mends what it can.")
            tries.append(_checked(await author.write(tries[0]), id))
    except ModelTrouble as trouble:
        if not tries or not tries[0].usable:
            raise ModelTrouble(trouble.trouble, str(trouble), author.usage) from trouble
        note(f"The model did not mend the draft ({trouble}): it stays as it was.")
    best = min(tries, key=lambda tried: (not tried.usable, len(tried.faults)))
    if not best.usable:
        why = f"What the model drafted can't be asked, even after a second try ({best.faults[0].message})."
        raise NotDrafted(f"{why} Try again, say the wish in other words, or name another model.", author.usage)
    id, found = _kept(best, folder, wish)
    own = [fault for fault in found if fault.path.stem == id or f"{fault.where}.".startswith(f"questions.{id}.")]
    return Drafted(id, tuple(own), author.usage)


class _Author:
    """Asks a model for the parts of a draft and adds up what they cost; raises ModelTrouble."""

    def __init__(self, model: LanguageModel, prompts: Prompts, wish: str, note: Callable[[str], None]) -> None:
        self._model = model
        self._prompts = prompts
        self._wish = wish
        self._note = note
        self.usage = NOTHING

    async def write(self, before: _Draft | None) -> _Draft:
        """A whole draft; after an earlier one, only those parts are new in which something was found or has changed."""
        outline, closing = (before.outline, before.closing) if before else (None, None)
        found: Callable[[str], list[str]] = before.found if before else lambda _: []
        if outline is None or found(OUTLINE):
            self._note("The model thinks of the question and of what a good answer says.")
            outline = await self._fill(Outline, self._said("draft-outline"), "", outline, found(OUTLINE))
        made = outline.model_dump_json()
        details = dict(before.details) if before else {}
        due = [sketch.id for sketch in outline.points if not (before and before.stands(sketch))]
        asked: list[Awaitable[Points | Closing]] = []
        for ids in (due[start : start + GROUP] for start in range(0, len(due), GROUP)):
            task = self._said("draft-points", points="\n".join(f"- {id}" for id in ids))
            old = Points(points=[details[id] for id in ids if id in details])
            asked.append(self._fill(Points, task, made, old, [fault for id in ids for fault in found(id)]))
        if closing is None or found(CLOSING):
            asked.append(self._fill(Closing, self._said("draft-closing"), made, closing, found(CLOSING)))
        if asked:
            self._note(f"The model writes out {len(due)} point(s), in {len(asked)} answer(s) at the same time.")
        # All are waited for, whatever becomes of one: only then it is known what they cost.
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, Closing):
                closing = answer
            else:
                details |= {detail.id: detail for detail in answer.points}
        assert closing is not None  # it was there before, or has been asked for
        return _Draft(outline, details, closing)

    async def _fill(
        self, form: type[Filled], task: str, made: str, old: BaseModel | None, found: Sequence[str]
    ) -> Filled:
        """The form; `made` is the part it builds upon, and `old` what it was before faults were found in it."""
        if old and found:
            made = "\n\n".join([*filter(None, [made]), old.model_dump_json(), *found])
            task = f"{task}\n\n{self._said('draft-again')}"
        earlier = [Line(Role.INTERVIEWER, made)] if made else []
        lines = [Line(Role.INSTRUCTIONS, self._said("draft")), Line(Role.CANDIDATE, self._wish), *earlier]
        try:
            filled, usage = await self._model.fill([*lines, Line(Role.INSTRUCTIONS, task)], form)
        except ModelTrouble as trouble:
            self.usage += trouble.usage
            raise
        self.usage += usage
        return filled

    def _said(self, prompt: str, **variables: str) -> str:
        return self._prompts.render(f"model/{prompt}", variables)[0]


def _part(fault: Fault) -> str:
    """Which part of a draft is to be asked for again because of a fault."""
    top, id, key, *_ = (*fault.where.split("."), "", "", "")
    if top in ("estimates", "pitfalls", "model_answer"):
        return CLOSING
    return id if top == "rubric" and id and key not in Sketch.model_fields else OUTLINE


# --- files ----------------------------------------------------------------------------------------------------------


def _free_id(wish: str, folder: Path) -> str:
    """An id made of the wish that nothing in the folder has. Raises BankError and NotDrafted, before anything is spent."""
    catalogue = folder / CATALOGUE
    taken = {path.stem for path in (folder / "guides").glob("*.yaml")}
    if catalogue.exists():
        taken |= {question.id for question in read_questions(catalogue)[0]}
    tails = ("", *(f"-{number}" for number in range(2, 1000)))
    stem = _kebab(wish) or "question"
    ids = (PREFIX + stem[: LONGEST_ID - len(PREFIX) - len(tail)].strip("-") + tail for tail in tails)
    id = next(id for id in ids if id not in taken)
    with TemporaryDirectory() as copy:
        if catalogue.exists():
            shutil.copy(catalogue, copy)
        try:
            begin(id, Path(copy))
        except NotBegun:
            advice = "make it a list of questions with nothing around it, or draft into another folder"
            raise NotDrafted(f"{catalogue} can't be added to: {advice}.") from None
    return id


def _checked(draft: _Draft, id: str) -> _Draft:
    """The draft with what lint says of it."""
    with TemporaryDirectory() as folder:
        faults = _placed(draft, Path(folder), id)
        try:
            load_bank(Path(folder)).case(id)
        except BankError:
            return replace(draft, faults=faults)
        return replace(draft, faults=faults, usable=True)


def _kept(draft: _Draft, folder: Path, wish: str) -> tuple[str, tuple[Fault, ...]]:
    """Put the draft into the folder, the guide first and each file in one step: nobody reads half of it. Its id is chosen once
    more, since another draft may have taken it meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"), TemporaryDirectory(dir=folder.parent, prefix=".draft-") as name:
        copy, id = Path(name), _free_id(wish, folder)
        if (folder / CATALOGUE).exists():
            shutil.copy(folder / CATALOGUE, copy)
        _placed(draft, copy, id)
        (folder / "guides").mkdir(exist_ok=True)
        (copy / "guides" / f"{id}.yaml").replace(folder / "guides" / f"{id}.yaml")
        (copy / CATALOGUE).replace(folder / CATALOGUE)
        return id, tuple(lint([folder]))


def _placed(draft: _Draft, folder: Path, id: str) -> tuple[Fault, ...]:
    """Write the draft into the folder, in place of a skeleton; returns all that lint finds wrong there."""
    catalogue, guide = begin(id, folder)
    before, _, _ = catalogue.read_text("utf-8").rpartition(f"- id: {id}\n")
    catalogue.write_text(before + _yaml([_entry(draft.outline, id)]), "utf-8")
    guide.write_text("# Drafted by a language model; nobody has reviewed it.\n" + _yaml(_guide(draft, id)), "utf-8")
    return tuple(lint([folder]))


def _entry(outline: Outline, id: str) -> dict[str, object]:
    title = outline.title.removesuffix(SUFFIX) + SUFFIX
    about = {"company": "Draft", "also_asked_at": [], "topics": outline.topics}
    return {"id": id, "title": title, **about, "levels": [*map(str, Level)], "minutes": 45, "prompt": outline.prompt}


def _guide(draft: _Draft, id: str) -> dict[str, object]:
    """The guide's file. What the model forgot to write out, or what can't be worked out, is left out."""
    outline, closing = draft.outline, draft.closing
    twists = {twist.id for twist in outline.twists}
    rubric = [
        _point(sketch, draft.details[sketch.id])
        for sketch in outline.points
        if sketch.id in draft.details and (sketch.phase != "twist" or sketch.twist in twists)
    ]
    sums = {sketch.id for sketch in outline.points if sketch.dimension == "estimates"} & draft.details.keys()
    return {
        "question": id,
        "facts": [fact.model_dump() for fact in outline.facts],
        "rubric": rubric,
        "twists": [twist.model_dump() for twist in outline.twists],
        "estimates": [_estimate(each, sums) for each in closing.estimates if not _flaw(each)],
        "pitfalls": closing.pitfalls,
        "model_answer": {"text": _paragraphs(closing.model_answer), "diagram": _unfenced(closing.diagram)},
    }


def _point(sketch: Sketch, detail: Detail) -> Mapping[str, object]:
    point = sketch.model_dump(exclude=set() if sketch.phase == "twist" else {"twist"})
    return point | {
        "exemplars": [*detail.usual_exemplars, *detail.plain_exemplars],
        "concepts": [_pattern(word) for word in detail.concepts if word],
        "misconceptions": detail.misconceptions,
        "challenge": detail.challenge,
        "probe": detail.probe,
        "hints": [detail.hint_concern, detail.hint_direction, detail.hint_concept],
        "deeper": detail.deeper,
    }


def _pattern(word: str) -> str:
    """A regular expression for a word, or its beginning, with whatever ends it."""
    signs = re.sub(r"[][.^$*+?{}\\|()]", r"\\\g<0>", word)
    return (r"\b" if word[0].isalnum() else "") + re.sub(r"[ -]", "[ -]?", signs) + r"\w*"


def _estimate(each: Sum, points: Container[str] = ()) -> Mapping[str, object]:
    inputs = {given.name: int(given.value) if given.value.is_integer() else given.value for given in each.inputs}
    return each.model_dump() | {"inputs": inputs, "point": each.point if each.point in points else ""}


def _flaw(each: Sum) -> str:
    """Why an estimate can't be used; "" if it can."""
    try:
        entry = EstimateEntry.model_validate(_estimate(each))
        evaluate(entry.formula, entry.inputs)
    except FormulaError as error:
        return f"estimates.{each.id}.formula: {error}"
    except ValidationError as error:
        return f"estimates.{each.id}.{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}"
    return ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(textwrap.fill(part, 110) for part in re.split(r"\n\s*\n", text.strip())) + "\n"


def _unfenced(diagram: str) -> str:
    """A diagram without the fence that Markdown puts around it."""
    diagram = re.sub(r"^```\w*\n|\n```$", "", diagram.strip())
    return "".join(f"{line.rstrip()}\n" for line in diagram.expandtabs(2).splitlines())


class _Dumper(yaml.SafeDumper):
    """Writes long texts in blocks, as a person would."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > 90 else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value: object) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
