"""Owns the bank: the questions candidates may see and their hidden guides, read from YAML, checked and picked from."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from interviewer.documents import BankError, Document, Fault, Loc, nearest, read_yaml, validate
from interviewer.formulas import FormulaError, evaluate, working
from interviewer.model import Case, Dimension, Estimate, Fact, Guide, Level, Question, RubricPoint, Twist
from interviewer.schemas import EstimateEntry, GuideFile, PointEntry, QuestionsFile

__all__ = [
    "Bank",
    "BankError",
    "Fault",
    "Taste",
    "UnknownQuestion",
    "data_root",
    "load_bank",
    "load_guide",
    "matching",
    "pick",
    "read_guide",
    "read_questions",
]


DRAWN = 5
"""Among as many questions drawn at random the one is chosen that practises most of what is weak."""


class UnknownQuestion(LookupError):
    """There is no such question; `nearest` are the ids that were perhaps meant."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


class Bank:
    """The questions in the catalogues' order, and their guides, each read when it is first asked for."""

    def __init__(self, entries: Iterable[tuple[Question, Path]]) -> None:
        self._entries = {question.id: (question, guide) for question, guide in entries}
        self._cases: dict[str, Case] = {}

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(question for question, _ in self._entries.values())

    def question(self, id: str) -> Question:
        """The question called `id`; raises UnknownQuestion."""
        return self._entry(id)[0]

    def case(self, id: str) -> Case:
        """The question called `id` with its guide; raises UnknownQuestion, or BankError for a faulty guide."""
        question = self.question(id)
        if id not in self._cases:
            self._cases[id] = Case(question, load_guide(self.guide_path(id), id))
        return self._cases[id]

    def guide_path(self, id: str) -> Path:
        """Where the guide to the question called `id` is kept; raises UnknownQuestion."""
        return self._entry(id)[1]

    def _entry(self, id: str) -> tuple[Question, Path]:
        if id not in self._entries:
            like = nearest(id, list(self._entries))
            advice = f"Did you mean {' or '.join(like)}?" if like else "`mockingbird questions list` shows them all."
            raise UnknownQuestion(f"There is no question called {id!r:.80}. {advice}", like)
        return self._entries[id]


def data_root(package: Path = Path(__file__).parent) -> Path:
    """The folder of questions.yaml, guides/ and prompts/: inside an installed wheel, else the repository's root."""
    package = package.resolve()
    packed = package / "_data"
    return packed if packed.is_dir() else package.parent


def load_bank(*folders: Path) -> Bank:
    """The bank of all `folders`, each with its questions.yaml and guides/; raises BankError.

    Where two have a question of the same id, the first folder's is taken."""
    entries: dict[str, tuple[Question, Path]] = {}
    for folder in folders:
        for question in read_questions(folder / "questions.yaml")[0]:
            entries.setdefault(question.id, (question, folder / "guides" / f"{question.id}.yaml"))
    return Bank(entries.values())


def load_guide(path: Path, question: str) -> Guide:
    """The guide in the file at `path`, to any question; raises BankError.

    A point needs no more than id, statement and exemplars, and the file no more than a list of points.
    """
    return read_guide(path, question)[0]


@dataclass(frozen=True)
class Taste:
    """What somebody would like to be asked; "" and None leave it open. `minutes` is as long as they have."""

    company: str = ""
    topic: str = ""
    level: Level | None = None
    minutes: int | None = None

    def fits(self, question: Question) -> bool:
        return (
            (not self.company or self.company.lower() in _companies(question))
            and (not self.topic or self.topic.lower() in _topics(question))
            and (self.level is None or self.level in question.levels)
            and (self.minutes is None or question.minutes <= self.minutes)
        )


def matching(questions: Sequence[Question], taste: Taste) -> tuple[Question, ...]:
    """The questions that fit. Raises UnknownQuestion for a company or a topic that no question has."""
    for kind, name, known in (
        ("company", taste.company, {company for question in questions for company in _companies(question)}),
        ("topic", taste.topic, {topic for question in questions for topic in _topics(question)}),
    ):
        if name and name.lower() not in known:
            like = nearest(name.lower(), sorted(known))
            advice = f"Did you mean {' or '.join(like)}?" if like else "`mockingbird questions list` shows them all."
            raise UnknownQuestion(f"No question has the {kind} {name!r:.80}. {advice}", like)
    return tuple(question for question in questions if taste.fits(question))


def pick(
    bank: Bank,
    level: Level,
    seen: Sequence[str],
    seed: int,
    among: Sequence[Question] = (),
    weak: Sequence[Dimension] = (),
) -> Question:
    """A question asked at `level`, of those in `among` if there are any (else of the whole bank).

    One not in `seen` (oldest first) or, when all are, the one seen longest ago. `weak` are dimensions to practise: of a
    few questions that come up, the one whose guide gives them most weight is taken."""
    asked = [question for question in among or bank.questions if level in question.levels]
    if not asked:
        where = "Of what you asked for, nothing" if among else "No question in the bank"
        raise UnknownQuestion(f"{where} is asked at {level} level: choose another level.")
    fresh = [question for question in asked if question.id not in seen]
    if not fresh:
        last = {name: place for place, name in enumerate(seen)}
        return min(asked, key=lambda question: last[question.id])
    # A digest, not an index: a question added to the bank then leaves most picks as they were.
    drawn = sorted(fresh, key=lambda question: hashlib.sha256(f"{seed} {question.id}".encode()).digest())
    return max(drawn[:DRAWN], key=lambda question: _practises(bank, question, level, weak)) if weak else drawn[0]


def _practises(bank: Bank, question: Question, level: Level, weak: Sequence[Dimension]) -> float:
    """Which share of what is expected at the level lies in these dimensions; 0 for a guide that can't be read."""
    try:
        rubric = bank.case(question.id).guide.rubric
    except BankError:
        return 0.0  # a preference must not stop an interview; whoever is asked this question is told
    expected = [point for point in rubric if level.reaches(point.level)]
    weight = sum(point.weight for point in expected)
    return sum(point.weight for point in expected if point.dimension in weak) / weight if weight else 0.0


def _topics(question: Question) -> list[str]:
    return [topic.lower() for topic in question.topics]


def _companies(question: Question) -> list[str]:
    return [company.lower() for company in (question.company, *question.also_asked_at)]


def read_questions(path: Path) -> tuple[tuple[Question, ...], Document]:
    """The catalogue in the file at `path`, and the document its entries (at "questions", i) came from."""
    document = _titled(read_yaml(path), "questions")
    entries = validate(document, QuestionsFile).questions
    if faults := _repeated(document, "questions", [entry.id for entry in entries]):
        raise BankError(faults)
    questions = tuple(
        Question(
            id=entry.id,
            title=entry.title,
            prompt=entry.prompt,
            company=entry.company,
            also_asked_at=tuple(entry.also_asked_at),
            topics=tuple(entry.topics),
            levels=tuple(entry.levels),
            minutes=entry.minutes,
        )
        for entry in entries
    )
    return questions, document


def read_guide(path: Path, question: str) -> tuple[Guide, Document]:
    """The guide in the file at `path`, and the document its points (at "rubric", i) came from."""
    document = _titled(read_yaml(path), "rubric")
    entry = validate(document, GuideFile)
    estimates, faults = _estimates(document, entry.estimates)
    faults += _references(document, entry)
    if faults:
        raise BankError(sorted(faults))
    guide = Guide(
        question=question,
        rubric=tuple(_point(point) for point in entry.rubric),
        facts=tuple(Fact(fact.id, fact.answer, tuple(fact.asks)) for fact in entry.facts),
        twists=tuple(Twist(twist.id, twist.change, twist.ask) for twist in entry.twists),
        estimates=estimates,
        pitfalls=tuple(entry.pitfalls),
        model_answer=entry.model_answer.text,
        diagram=entry.model_answer.diagram,
    )
    return guide, document


def _titled(document: Document, title: str) -> Document:
    """A document that is a bare list, as if it stood under the key `title`."""
    value: object = document.value
    if not isinstance(value, list):
        return document
    lines: dict[Loc, int] = {(title, *loc): line for loc, line in document.lines.items()}
    return Document(document.path, {title: value}, lines)  # pyright: ignore[reportUnknownArgumentType]


def _point(entry: PointEntry) -> RubricPoint:
    return RubricPoint(
        id=entry.id,
        statement=entry.statement,
        exemplars=tuple(entry.exemplars),
        dimension=entry.dimension,
        phase=entry.phase,
        level=entry.level,
        weight=entry.weight,
        concepts=tuple(entry.concepts),
        misconceptions=tuple(entry.misconceptions),
        challenge=entry.challenge,
        probe=entry.probe,
        hints=tuple(entry.hints),
        deeper=entry.deeper,
        twist=entry.twist,
    )


def _estimates(document: Document, entries: Sequence[EstimateEntry]) -> tuple[tuple[Estimate, ...], list[Fault]]:
    estimates: list[Estimate] = []
    faults: list[Fault] = []
    for index, entry in enumerate(entries):
        try:
            value = evaluate(entry.formula, entry.inputs)
        except FormulaError as error:
            faults.append(document.fault(("estimates", index, "formula"), str(error)))
            continue
        estimates.append(
            Estimate(
                id=entry.id,
                name=entry.name,
                ask=entry.ask,
                value=value,
                unit=entry.unit,
                tolerance=entry.tolerance,
                working=working(entry.formula, entry.inputs, value, entry.unit),
                point=entry.point,
            )
        )
    return tuple(estimates), faults


def _references(document: Document, entry: GuideFile) -> list[Fault]:
    """Ids said twice, and mentions of points and twists that are not there."""
    points = [point.id for point in entry.rubric]
    twists = [twist.id for twist in entry.twists]
    faults = _repeated(document, "rubric", points) + _repeated(document, "twists", twists)
    faults += _repeated(document, "facts", [fact.id for fact in entry.facts])
    faults += _repeated(document, "estimates", [estimate.id for estimate in entry.estimates])
    mentions = [(("rubric", i, "twist"), point.twist, "twist", twists) for i, point in enumerate(entry.rubric)]
    mentions += [(("estimates", i, "point"), est.point, "point", points) for i, est in enumerate(entry.estimates)]
    for loc, name, kind, known in mentions:
        if name and name not in known:
            like = nearest(name, known, 1)
            advice = f"did you mean {like[0]!r}?" if like else f"write it under `{kind}s`, or take this line away"
            faults.append(document.fault(loc, f"there is no {kind} called {name!r:.80} in this guide: {advice}"))
    return faults


def _repeated(document: Document, key: str, ids: Sequence[str]) -> list[Fault]:
    return [
        document.fault((key, index, "id"), f"the id {name!r} stands here a second time: give one of the two another id")
        for index, name in enumerate(ids)
        if name in ids[:index]
    ]
