"""The bank: what is read, what is refused and where, and what is picked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.documents import BankError, Fault
from interviewer.model import Dimension, Level, Phase, Question
from interviewer.questions import Bank, Taste, UnknownQuestion, data_root, load_bank, load_guide, matching, pick

QUESTIONS = """\
- id: parking-garage
  title: A parking garage
  prompt: Design a garage. Begin where you like.
- id: lift-control
  title: Lifts
  prompt: Design the lifts of a tower. Begin where you like.
  levels: [senior, staff]
  minutes: 30
"""

GUIDE = """\
rubric:
  - id: free-count
    statement: The number of free places is counted at the gate.
    exemplars:
      - I count cars at the gate.
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "guide.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def faults_of(path: Path) -> tuple[Fault, ...]:
    with pytest.raises(BankError) as caught:
        load_guide(path, "anything")
    assert str(path) in str(caught.value)
    return caught.value.faults


# --- the bank -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    (tmp_path / "questions.yaml").write_text(QUESTIONS)
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "parking-garage.yaml").write_text(GUIDE)
    return load_bank(tmp_path)


def test_questions_keep_the_catalogues_order_and_get_their_defaults(bank: Bank) -> None:
    garage, lift = bank.questions
    assert (garage.id, garage.minutes, garage.levels) == ("parking-garage", 45, tuple(Level))
    assert (lift.id, lift.minutes, lift.levels) == ("lift-control", 30, (Level.SENIOR, Level.STAFF))


def test_a_guide_is_read_once_and_only_when_asked_for(bank: Bank, tmp_path: Path) -> None:
    case = bank.case("parking-garage")
    (tmp_path / "guides" / "parking-garage.yaml").unlink()
    assert bank.case("parking-garage") is case
    assert case.guide.question == case.question.id == "parking-garage"


def test_a_question_without_a_guide_says_which_file_is_missing(bank: Bank) -> None:
    with pytest.raises(BankError, match=r"lift-control\.yaml:1: file: there is no such file: check the path"):
        bank.case("lift-control")


@pytest.mark.parametrize(
    ("id", "nearest", "advice"),
    [
        ("parking-garag", ("parking-garage",), "Did you mean parking-garage?"),
        ("garage", ("parking-garage",), "Did you mean parking-garage?"),
        ("xyzzy", (), "`mockingbird questions list` shows them all."),
        ("", (), "`mockingbird questions list` shows them all."),
    ],
)
def test_an_unknown_question_names_the_nearest(bank: Bank, id: str, nearest: tuple[str, ...], advice: str) -> None:
    with pytest.raises(UnknownQuestion) as caught:
        bank.case(id)
    assert caught.value.nearest == nearest
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("broken", "line", "message"),
    [
        (QUESTIONS.replace("id: lift-control", "id: parking-garage"), 4, "stands here a second time"),
        (QUESTIONS.replace("id: lift-control", "id: Lift_Control"), 4, "is not kebab-case"),
        (QUESTIONS.replace("id: lift-control", "id: ../lift"), 4, "is not kebab-case"),
        (QUESTIONS.replace("minutes: 30", "minutes: 3"), 8, "out of range"),
        (QUESTIONS.replace("minutes: 30", "minutes: half an hour"), 8, "must be a whole number"),
        (QUESTIONS.replace("staff]", "boss]"), 7, "'boss' is none of mid, senior, staff"),
        (QUESTIONS.replace("[senior, staff]", "[]"), 7, "list is too short"),
        (QUESTIONS.replace("  title: Lifts\n", ""), 4, "`title` is missing: add it"),
        (QUESTIONS.replace("title: Lifts", "titel: Lifts"), 5, "no key `titel`: did you mean `title`?"),
        (QUESTIONS.replace("title: Lifts", "title: 12"), 5, "this must be text, but it is a number: put quotes"),
        (QUESTIONS.replace("title: Lifts", "title: [Lifts]"), 5, "this must be text, but it is a list"),
        (QUESTIONS.replace("title: Lifts", "title: ''"), 5, "this is empty"),
        ("", 1, "there is nothing in it"),
        ("[]", 1, "list is too short"),
        ("just words", 1, "this must be a mapping"),
    ],
)
def test_a_faulty_catalogue_is_refused_with_its_line(
    write: Write, tmp_path: Path, broken: str, line: int, message: str
) -> None:
    path = write(broken).rename(tmp_path / "questions.yaml")
    with pytest.raises(BankError) as caught:
        load_bank(path.parent)
    assert any(fault.line == line and message in fault.message for fault in caught.value.faults), caught.value


def test_the_data_is_packed_in_a_wheel_and_beside_the_package_in_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "interviewer"
    package.mkdir()
    assert data_root(package) == tmp_path.resolve()
    (package / "_data").mkdir()
    assert data_root(package) == (package / "_data").resolve()
    assert (data_root() / "questions.yaml").is_file()


# --- guides ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        GUIDE,
        GUIDE.removeprefix("rubric:\n"),
        GUIDE.replace("\n", "\r\n"),
        "\N{BYTE ORDER MARK}" + GUIDE,
        "---\n" + GUIDE + "facts: []\nmodel_answer: {text: Hello}\n",
    ],
)
def test_a_guide_of_ones_own_needs_only_points_with_id_statement_and_exemplars(write: Write, text: str) -> None:
    guide = load_guide(write(text), "any question, even this")
    assert guide.question == "any question, even this"
    (point,) = guide.rubric
    assert (point.id, point.exemplars) == ("free-count", ("I count cars at the gate.",))
    assert (point.dimension, point.phase, point.level, point.weight) == (
        Dimension.DEPTH,
        Phase.DEEP_DIVE,
        Level.MID,
        1,
    )


def test_a_whole_guide_arrives_whole(write: Write) -> None:
    guide = load_guide(
        write(
            GUIDE
            + """\
    phase: twist
    twist: snow
    dimension: estimates
    weight: 3
    concepts: ['\\bgate']
    hints: [one, two, three]
facts:
  - {id: places, answer: There are 500., asks: ['How many places?']}
twists:
  - {id: snow, change: It snows., ask: What now?}
estimates:
  - id: cars
    name: Cars a second
    ask: How many?
    formula: cars_per_day / seconds_per_day
    inputs: {cars_per_day: 864_000, seconds_per_day: 86400}
    unit: cars/s
    tolerance: 1.5
    point: free-count
pitfalls: [No gate.]
model_answer:
  text: |
    Count.
  diagram: |
    flowchart LR
      a --> b
"""
        ),
        "garage",
    )
    (estimate,) = guide.estimates
    assert estimate.value == 10
    assert estimate.working == "864,000 cars per day / 86,400 = 10 cars/s"
    assert guide.twists[0].id == guide.rubric[0].twist == "snow"
    assert guide.facts[0].asks == ("How many places?",)
    assert guide.diagram == "flowchart LR\n  a --> b"
    assert (guide.model_answer, guide.pitfalls) == ("Count.", ("No gate.",))


ESTIMATE = "estimates:\n  - {id: e, name: E, ask: E?, unit: x, formula: a, inputs: {a: 1}}\n"


@pytest.mark.parametrize(
    ("broken", "line", "where", "message"),
    [
        (
            GUIDE.replace("    statement:", "    statment:"),
            3,
            "rubric.free-count.statment",
            "did you mean `statement`?",
        ),
        (GUIDE.replace("  - id: free-count\n    s", "  - s"), 2, "rubric.1", "`id` is missing: add it"),
        (
            GUIDE.replace("free-count", "free count"),
            2,
            "rubric.free count.id",
            "an id has no spaces: write 'free-count'",
        ),
        (
            GUIDE.replace("free-count", "yes"),
            2,
            "rubric.1.id",
            "this must be text, but it is a yes/no value: put quotes",
        ),
        (
            GUIDE[: GUIDE.index("      - I")],
            4,
            "rubric.free-count.exemplars",
            "must be a list (lines that start with `-",
        ),
        (GUIDE + "      - {I: count}\n", 6, "rubric.free-count.exemplars.2", "must be text, but it is a mapping"),
        (GUIDE + "      - cost: high\n", 6, "rubric.free-count.exemplars.2", "must be text, but it is a mapping"),
        (GUIDE + "    weight: 4\n", 6, "rubric.free-count.weight", "out of range"),
        (GUIDE + "    weight: 1.5\n", 6, "rubric.free-count.weight", "must be a whole number"),
        (GUIDE + "    dimension: drive\n", 6, "rubric.free-count.dimension", "'drive' is none of requirements, estim"),
        (GUIDE + "    phase: debrief\n", 6, "rubric.free-count.phase", "'debrief' is none of requirements, estimates"),
        (GUIDE + "    level: 3\n", 6, "rubric.free-count.level", "3 is none of mid, senior, staff"),
        (GUIDE + "    concepts:\n    - ok\n    - '(gate'\n", 8, "rubric.free-count.concepts.2", "not a regular expres"),
        (GUIDE + "    twist: snow\n", 6, "rubric.free-count.twist", "there is no twist called 'snow'"),
        (GUIDE + GUIDE.removeprefix("rubric:\n"), 6, "rubric.free-count.id", "stands here a second time"),
        (GUIDE + ESTIMATE.replace("}}", "}, point: free-cont}"), 7, "estimates.e.point", "did you mean 'free-count'?"),
        (GUIDE + ESTIMATE.replace("a: 1", "a: 0"), 7, "estimates.e.formula", "must give a number above zero"),
        (GUIDE + ESTIMATE.replace("a: 1", "a: 1e6"), 7, "estimates.e.inputs.a", "a number in plain digits"),
        (GUIDE + ESTIMATE.replace("a: 1", "a: .inf"), 7, "estimates.e.inputs.a", "this should be a finite number"),
        (GUIDE + ESTIMATE.replace("}}", "}, tolerance: 6}"), 7, "estimates.e.tolerance", "out of range"),
        (GUIDE + ESTIMATE.replace("}}", "}, tolerance: 1}"), 7, "estimates.e.tolerance", "out of range"),
        ("facts: []\n", 1, "file", "`rubric` is missing: add it"),
        ("rubric: []\n", 1, "rubric", "list is too short"),
    ],
)
def test_a_faulty_guide_is_refused_with_its_line(
    write: Write, broken: str, line: int, where: str, message: str
) -> None:
    (fault,) = faults_of(write(broken))
    assert (fault.line, fault.where) == (line, where)
    assert message in fault.message


def test_every_fault_of_a_guide_is_told_at_once(write: Write) -> None:
    faults = faults_of(write(GUIDE + "    weight: 9\n    levle: mid\n    concepts: ['(']\nfact: []\n"))
    assert [fault.line for fault in sorted(faults)] == [6, 7, 8, 9]


@given(st.data())
def test_a_guide_with_anything_cut_out_loads_or_tells_its_faults(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(GUIDE)))
    stop = data.draw(st.integers(start, len(GUIDE)))
    path = tmp_path_factory.getbasetemp() / "cut.yaml"
    path.write_text(GUIDE[:start] + data.draw(st.text(max_size=5)) + GUIDE[stop:], encoding="utf-8")
    try:
        found = load_guide(path, "cut").rubric
    except BankError as error:
        found = error.faults
    assert found


# --- picking --------------------------------------------------------------------------------------------------------

NAMES = [f"question-{number}" for number in range(6)]
SIX = Bank((Question(name, name, "Design it."), Path(f"{name}.yaml")) for name in NAMES)


@given(st.lists(st.sampled_from(NAMES), max_size=12), st.integers())
def test_what_was_seen_is_avoided_and_else_the_oldest_comes_again(seen: list[str], seed: int) -> None:
    picked = pick(SIX, Level.MID, seen, seed)
    assert picked == pick(SIX, Level.MID, seen, seed)
    if set(seen) < set(NAMES):
        assert picked.id not in seen
    else:
        assert picked.id == min(NAMES, key=lambda name: len(seen) - 1 - seen[::-1].index(name))


def test_seeds_spread_over_the_questions() -> None:
    assert {pick(SIX, Level.MID, [], seed).id for seed in range(100)} == set(NAMES)


def test_only_questions_asked_at_the_level_are_picked(bank: Bank) -> None:
    assert {pick(bank, Level.MID, [], seed).id for seed in range(50)} == {"parking-garage"}
    assert pick(bank, Level.MID, ["parking-garage"], 1).id == "parking-garage"
    with pytest.raises(UnknownQuestion, match="No question in the bank is asked at mid level"):
        pick(Bank([(bank.question("lift-control"), Path())]), Level.MID, [], 1)


def test_only_what_was_asked_for_is_picked() -> None:
    among = SIX.questions[2:4]
    assert {pick(SIX, Level.MID, ["question-2"], seed, among).id for seed in range(50)} == {"question-3"}
    assert pick(SIX, Level.MID, ["question-3", "question-2", "question-5"], 1, among).id == "question-3"
    with pytest.raises(UnknownQuestion, match="Of what you asked for, nothing is asked at mid level"):
        pick(SIX, Level.MID, [], 1, [Question("x", "X", "Design it.", levels=(Level.STAFF,))])


def test_what_is_weak_is_practised_if_chance_offers_it(tmp_path: Path) -> None:
    (tmp_path / "guides").mkdir()
    subjects = {"parking-garage": "data", "lift-control": "api"}
    catalogue = QUESTIONS.replace("  levels: [senior, staff]\n", "")
    (tmp_path / "questions.yaml").write_text(catalogue)
    for name, subject in subjects.items():
        text = GUIDE + f"    dimension: {subject}\n" + GUIDE.replace("rubric:\n", "").replace("free-count", "other")
        (tmp_path / "guides" / f"{name}.yaml").write_text(text)
    bank = load_bank(tmp_path)
    for subject, name in ((Dimension.DATA, "parking-garage"), (Dimension.API, "lift-control")):
        assert {pick(bank, Level.MID, [], seed, weak=[subject]).id for seed in range(20)} == {name}
    assert {pick(bank, Level.MID, [], seed, weak=[Dimension.DEPTH]).id for seed in range(50)} == set(subjects)


def test_a_guide_that_cannot_help_to_choose_does_not_hinder_either(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "guides" / "parking-garage.yaml").write_text(GUIDE + "    level: staff\n")
    weak = [Dimension.DATA]  # the garage expects nothing at senior level, and the lift has no guide at all
    assert {pick(bank, Level.SENIOR, [], seed, weak=weak).id for seed in range(50)} == {
        "parking-garage",
        "lift-control",
    }


@pytest.mark.parametrize(
    ("taste", "found"),
    [
        (Taste(), ["parking-garage", "lift-control"]),
        (Taste(level=Level.MID), ["parking-garage"]),
        (Taste(minutes=30), ["lift-control"]),
        (Taste(company="acme"), ["parking-garage", "lift-control"]),
        (Taste(company="Bolt", topic="Cars"), ["parking-garage"]),
        (Taste(topic="cars", minutes=30), []),
    ],
)
def test_a_taste_leaves_what_fits_it(taste: Taste, found: list[str]) -> None:
    questions = (
        Question("parking-garage", "G", "Design it.", company="Acme", also_asked_at=("Bolt",), topics=("cars",)),
        Question("lift-control", "L", "Design it.", company="Acme", levels=(Level.SENIOR,), minutes=30),
    )
    assert [question.id for question in matching(questions, taste)] == found
    with pytest.raises(UnknownQuestion, match=r"No question has the company 'Acne'. Did you mean acme\?"):
        matching(questions, Taste(company="Acne"))
    with pytest.raises(UnknownQuestion, match=r"No question has the topic 'xyz'. `mockingbird questions list`"):
        matching(questions, Taste(topic="xyz"))


def test_the_first_folder_wins_where_two_have_the_same_question(bank: Bank, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "guides").mkdir(parents=True)
    (own / "questions.yaml").write_text(QUESTIONS.replace("Lifts", "Our lifts").replace("parking-garage", "tram-stop"))
    both = load_bank(own, tmp_path)
    assert [question.id for question in both.questions] == ["tram-stop", "lift-control", "parking-garage"]
    assert both.question("lift-control").title == "Our lifts"
    assert both.guide_path("lift-control") == own / "guides" / "lift-control.yaml"
    assert both.case("parking-garage") == bank.case("parking-garage")
