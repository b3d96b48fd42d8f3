"""Owns the rules of a good guide that a program can check, and says of each breach where it is and how to mend it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

from interviewer.documents import BankError, Document, Fault, Loc, read_yaml
from interviewer.mermaid import diagram_faults
from interviewer.model import Dimension, Guide, Level, Phase, Question, RubricPoint
from interviewer.questions import read_guide, read_questions
from interviewer.schemas import ASKED, KEBAB, SCORED
from interviewer.technology import TECHNOLOGY

COUNTS = {"rubric": (14, None), "facts": (8, None), "twists": (3, None), "estimates": (3, None), "pitfalls": (4, 6)}
POINT_COUNTS = {"exemplars": (4, 6), "concepts": (1, None), "misconceptions": (2, 3), "hints": (3, 3)}
POINT_KEYS = ("dimension", "phase", "level", "weight", "challenge", "probe", "deeper")
PER_DIMENSION, PER_PHASE, PER_LEVEL = 1, 1, 3
ANSWER_WORDS = 200
SAME = 90
"""From this likeness (0-100) on, two texts say the same."""
TELLING = 0.5
"""As much of a statement's words as may come back in what is said early."""

_PLACEHOLDER = re.compile(r"\b(?:TODO|TBD|FIXME|XXX|lorem ipsum|placeholder)\b|\?\?\?|\{\{|^\W+$", re.IGNORECASE)
_SCALE = re.compile(r"\d+|\b(?:hundred|thousand|million|billion|trillion)s?\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*(?=\s|$)")


@dataclass(frozen=True)
class _Sheet:
    """A guide and the document it was read from."""

    guide: Guide
    document: Document

    def points(self) -> Iterator[tuple[Loc, RubricPoint]]:
        for index, point in enumerate(self.guide.rubric):
            yield ("rubric", index), point

    def fault(self, loc: Loc, message: str) -> Fault:
        return self.document.fault(loc, message)


def lint(files: Iterable[Path]) -> list[Fault]:
    """What is wrong in these catalogues and guides; a folder stands for the catalogue in it.

    A catalogue is checked together with the guides in the folder beside it. A guide in such a folder must keep every
    rule; any other is for `--guide` and need only be readable.
    """
    faults: set[Fault] = set()
    for given in files:
        path = given / "questions.yaml" if given.is_dir() else given
        if _is_catalogue(path):
            faults.update(lint_bank(path, path.parent / "guides"))
        else:
            beside = path.resolve().parent
            faults.update(
                lint_guide(path, own=beside.name == "guides" and (beside.parent / "questions.yaml").is_file())
            )
    return sorted(faults)


def lint_bank(questions: Path, guides: Path) -> list[Fault]:
    """What is wrong in a catalogue and in the guides to its questions."""
    try:
        entries, document = read_questions(questions)
    except BankError as error:
        return sorted(error.faults)
    faults: list[Fault] = []
    for index, question in enumerate(entries):
        loc: Loc = ("questions", index)
        faults += _question(document, loc, question)
        path = guides / f"{question.id}.yaml"
        if not path.is_file():
            faults.append(document.fault((*loc, "id"), f"its guide is missing: write {path}"))
            continue
        faults += lint_guide(path, own=True)
        faults += _prompt_against_guide(document, (*loc, "prompt"), question, path)
    ids = {question.id for question in entries}
    for path in sorted(guides.glob("*.yaml")):
        if path.stem not in ids:
            faults.append(
                Fault(path, 1, "file", f"{questions.name} has no question of this name: add it, or rename this")
            )
    return sorted(faults)


def lint_guide(path: Path, own: bool) -> list[Fault]:
    """What is wrong in a guide: every rule if it is the bank's `own`, else only what keeps it from being used."""
    try:
        guide, document = read_guide(path, path.stem)
    except BankError as error:
        return sorted(error.faults)
    if not own:
        return []
    sheet = _Sheet(guide, document)
    return sorted(fault for rule in _RULES for fault in rule(sheet))


def _is_catalogue(path: Path) -> bool:
    if path.name == "questions.yaml":
        return True
    try:
        document = read_yaml(path)
    except BankError:
        return False
    return document.at((0, "prompt")) is not None or document.at(("questions",)) is not None


# --- rules of the catalogue -----------------------------------------------------------------------------------------


def _question(document: Document, loc: Loc, question: Question) -> Iterator[Fault]:
    for key in ("company", "topics", "levels", "minutes"):
        if not document.at((*loc, key)):
            yield document.fault(loc, f"`{key}` is missing: add it")
    if question.topics and not 2 <= len(question.topics) <= 5:
        yield document.fault((*loc, "topics"), f"{len(question.topics)} topics: give 2 to 5")
    for index, topic in enumerate(question.topics):
        if topic != topic.lower():
            yield document.fault((*loc, "topics", index), f"topics are lower case: write {topic.lower()!r}")
    prompt = (*loc, "prompt")
    sentences = _sentences(question.prompt)
    if not 2 <= sentences <= 5:
        yield document.fault(prompt, f"the prompt has {sentences} sentence(s): tell the question in 2 to 5")
    if "?" in question.prompt:
        yield document.fault(prompt, "the prompt is an invitation: say it without a question mark")
    if scale := _SCALE.search(question.prompt):
        yield document.fault(prompt, f"{scale.group()!r} tells the scale: leave numbers to the facts, for who asks")
    yield from _placeholders(document, loc)


def _prompt_against_guide(document: Document, loc: Loc, question: Question, path: Path) -> Iterator[Fault]:
    try:
        guide, _ = read_guide(path, question.id)
    except BankError:
        return  # its own faults say so
    for point in guide.rubric:
        if word := _mention(point, question.prompt):
            yield document.fault(loc, f"{word!r} gives away a concept of the point {point.id!r}: say it in other words")


# --- rules of a guide -----------------------------------------------------------------------------------------------


def _names(sheet: _Sheet) -> Iterator[Fault]:
    said = sheet.document.at(("question",))
    if said != sheet.guide.question:
        yield sheet.fault(
            ("question",), f"the file is called after its question: write `question: {sheet.guide.question}`"
        )
    for key in ("rubric", "facts", "twists", "estimates"):
        for index, entry in enumerate(getattr(sheet.guide, key)):
            if not KEBAB.fullmatch(entry.id):
                message = f"{entry.id!r} is not kebab-case: write lower-case words joined by hyphens"
                yield sheet.fault((key, index, "id"), message)


def _counts(sheet: _Sheet) -> Iterator[Fault]:
    for key, bounds in COUNTS.items():
        yield from _count(sheet, (key,), len(getattr(sheet.guide, key)), bounds)
    for loc, point in sheet.points():
        for key, bounds in POINT_COUNTS.items():
            yield from _count(sheet, (*loc, key), len(getattr(point, key)), bounds)
        for key in POINT_KEYS:
            if not sheet.document.at((*loc, key)):
                yield sheet.fault(loc, f"`{key}` is missing: add it")
    for index, fact in enumerate(sheet.guide.facts):
        yield from _count(sheet, ("facts", index, "asks"), len(fact.asks), (3, 5))


def _count(sheet: _Sheet, loc: Loc, count: int, bounds: tuple[int, int | None]) -> Iterator[Fault]:
    least, most = bounds
    if count < least or (most is not None and count > most):
        wanted = f"at least {least}" if most is None else f"{least}" if least == most else f"{least} to {most}"
        yield sheet.fault(loc, f"{count} of `{loc[-1]}`: there must be {wanted}")


def _spread(sheet: _Sheet) -> Iterator[Fault]:
    points = sheet.guide.rubric
    wanted = [(dimension, PER_DIMENSION, "dimension") for dimension in SCORED]
    wanted += [(phase, PER_PHASE, "phase") for phase in ASKED]
    wanted += [(level, PER_LEVEL, "level") for level in Level]
    for choice, least, key in wanted:
        count = sum(getattr(point, key) is choice for point in points)
        if count < least:
            yield sheet.fault(("rubric",), f"{count} point(s) of {key} {choice}: there must be at least {least}")


def _twists(sheet: _Sheet) -> Iterator[Fault]:
    borne = Counter(point.twist for point in sheet.guide.rubric)
    for index, twist in enumerate(sheet.guide.twists):
        if not borne[twist.id]:
            message = "no point says what a good answer to this is: add one with `phase: twist` and this id as `twist`"
            yield sheet.fault(("twists", index), message)
    for loc, point in sheet.points():
        if point.phase is Phase.TWIST and not point.twist:
            yield sheet.fault(loc, "a point of phase twist belongs to a twist: add `twist:` and its id")
        if point.twist and point.phase is not Phase.TWIST:
            yield sheet.fault(
                (*loc, "twist"), f"a point with a twist has `phase: twist`, not {point.phase}: change one"
            )


def _estimates(sheet: _Sheet) -> Iterator[Fault]:
    for index, estimate in enumerate(sheet.guide.estimates):
        loc: Loc = ("estimates", index)
        if estimate.point and sheet.guide.point(estimate.point).dimension is not Dimension.ESTIMATES:
            message = f"{estimate.point!r} is not of dimension estimates: name one that is"
            yield sheet.fault((*loc, "point"), message)


def _questions(sheet: _Sheet) -> Iterator[Fault]:
    """One question, at the end, where something is asked; none where something is told."""
    asking: list[tuple[Loc, str]] = []
    telling: list[tuple[Loc, str]] = []
    for loc, point in sheet.points():
        asking += [((*loc, key), getattr(point, key)) for key in ("probe", "challenge", "deeper")]
        telling += [((*loc, "statement"), point.statement)]
        telling += [((*loc, "hints", rung), hint) for rung, hint in enumerate(point.hints)]
    for i, twist in enumerate(sheet.guide.twists):
        asking.append((("twists", i, "ask"), twist.ask))
        telling.append((("twists", i, "change"), twist.change))
    asking += [(("estimates", i, "ask"), estimate.ask) for i, estimate in enumerate(sheet.guide.estimates)]
    asking += [
        (("facts", i, "asks", j), ask) for i, fact in enumerate(sheet.guide.facts) for j, ask in enumerate(fact.asks)
    ]
    telling += [(("facts", i, "answer"), fact.answer) for i, fact in enumerate(sheet.guide.facts)]
    for loc, text in asking:
        marks = text.count("?")
        if text and marks != 1:
            yield sheet.fault(loc, f"{marks} question marks: ask one question, no more and no less")
        elif text and not text.endswith("?"):
            yield sheet.fault(loc, "something follows the question: put the question last")
    for loc, text in telling:
        if "?" in text:
            yield sheet.fault(loc, "a question mark where something is told: make it a statement")


def _vocabulary(sheet: _Sheet) -> Iterator[Fault]:
    """Exemplars with and without the usual words; nothing said early that gives the point away."""
    for loc, point in sheet.points():
        plain = sum(not _mention(point, exemplar) for exemplar in point.exemplars)
        if point.concepts and 2 * plain < len(point.exemplars):
            message = (
                f"only {plain} of {len(point.exemplars)} avoid the point's own `concepts`: say half in plain words"
            )
            yield sheet.fault((*loc, "exemplars"), message)
        if point.concepts and plain == len(point.exemplars):
            yield sheet.fault((*loc, "exemplars"), "none matches the point's `concepts`: use the usual word in one")
        early = [((*loc, "probe"), point.probe), *(((*loc, "hints", 0), hint) for hint in point.hints[:1])]
        for place, text in early:
            if word := _mention(point, text):
                yield sheet.fault(place, f"{word!r} is one of the point's `concepts`: ask without giving it away")
            if text and _gives_away(point.statement, text):
                yield sheet.fault(place, "this is the statement itself: ask without giving it away")
        if named := TECHNOLOGY.search(point.probe):
            yield sheet.fault((*loc, "probe"), f"{named.group()!r} is a technology: ask for what it should do instead")


def _variety(sheet: _Sheet) -> Iterator[Fault]:
    """Exemplars as different people would say them."""
    for loc, point in sheet.points():
        for index, text in enumerate(point.exemplars):
            if any(fuzz.token_set_ratio(_plain(text), _plain(other)) >= SAME for other in point.exemplars[:index]):
                message = "this says the same as an exemplar above, in the same words: say it as somebody else would"
                yield sheet.fault((*loc, "exemplars", index), message)


def _likeness(sheet: _Sheet) -> Iterator[Fault]:
    earlier: list[tuple[str, str]] = []
    for loc, point in sheet.points():
        text = _plain(point.statement)
        for other, said in earlier:
            if fuzz.token_set_ratio(text, said) >= SAME:
                message = f"this says the same as {other!r}: merge the two, or say what is different"
                yield sheet.fault((*loc, "statement"), message)
        earlier.append((point.id, text))


def _answer(sheet: _Sheet) -> Iterator[Fault]:
    words = len(sheet.guide.model_answer.split())
    if words < ANSWER_WORDS:
        message = f"the model answer has {words} words: walk through the design in at least {ANSWER_WORDS}"
        yield sheet.fault(("model_answer", "text"), message)
    loc: Loc = ("model_answer", "diagram")
    first = sheet.document.line(loc) + ("\n" in sheet.guide.diagram)
    for index, message in diagram_faults(sheet.guide.diagram):
        yield Fault(sheet.document.path, first + index, sheet.document.where(loc), message)


def _no_placeholders(sheet: _Sheet) -> Iterator[Fault]:
    yield from _placeholders(sheet.document, ())


_RULES: Sequence[Callable[[_Sheet], Iterator[Fault]]] = (
    _names,
    _counts,
    _spread,
    _twists,
    _estimates,
    _questions,
    _vocabulary,
    _variety,
    _likeness,
    _answer,
    _no_placeholders,
)


# --- words ----------------------------------------------------------------------------------------------------------


def _placeholders(document: Document, base: Loc) -> Iterator[Fault]:
    for loc in document.lines:
        text = document.at(loc)
        if loc[: len(base)] == base and isinstance(text, str) and (found := _PLACEHOLDER.search(text)):
            yield document.fault(loc, f"{found.group()!r:.40} is a placeholder: write what belongs here")


def _mention(point: RubricPoint, text: str) -> str:
    """The first words in `text` that one of the point's concepts matches."""
    matches = (re.search(concept, text, re.IGNORECASE) for concept in point.concepts)
    return next((match.group() for match in matches if match), "")


def _gives_away(statement: str, text: str) -> bool:
    """Whether the statement, or most of what it is made of, is in the text."""
    if fuzz.partial_ratio(_plain(statement), _plain(text)) >= SAME:
        return True
    telling = {word for word in _plain(statement).split() if len(word) > 4}
    return len(telling & set(_plain(text).split())) > TELLING * len(telling)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _sentences(text: str) -> int:
    return len(_SENTENCE_END.findall(text)) or 1
