"""The linter: a good guide passes, and one broken in exactly one way yields exactly that fault, on the right line."""

import re
from pathlib import Path

import pytest

from interviewer.lint import lint, lint_bank, lint_guide
from interviewer.model import Level
from interviewer.questions import data_root
from interviewer.schemas import SCORED

NAMES = ["amber", "basil", "cedar", "daisy", "ebony", "fennel", "ginger", "hazel"]
NAMES.extend(["iris", "jasmine", "kale", "lilac", "maple", "nettle", "olive", "poppy"])
PHASES = ["requirements", "estimates", "api", "design", "deep-dive", "wrap-up"]
TWISTS = {13: "frost", 14: "drought", 15: "flood"}

CATALOGUE = """\
- id: kitchen-garden
  title: A kitchen garden
  company: Acme
  topics: [soil, water]
  levels: [mid, senior, staff]
  minutes: 45
  prompt: >-
    Lay out a garden for the canteen. Begin where you like.
"""


def point(index: int, name: str) -> str:
    twist = TWISTS.get(index)
    place = f"phase: twist\n    twist: {twist}" if twist else f"phase: {PHASES[index % len(PHASES)]}"
    return f"""\
  - id: {name}-bed
    dimension: {SCORED[index % len(SCORED)]}
    {place}
    level: {list(Level)[index % 3]}
    weight: 2
    statement: The {name} gets {name[::-1]}.
    exemplars:
      - I would give my {name} what it needs.
      - More {name}, said in other words.
      - The {name[::-1]} thing goes to the left.
      - Nobody calls {name[::-1]} by its right word.
    concepts: ['\\b{name}\\b', '{name}s']
    misconceptions:
      - No {name} ever grows.
      - All {name} is a weed.
    challenge: What if the {name} dies?
    probe: What stands in the row called {name[::-1]}?
    hints:
      - Look at the row called {name[::-1]}.
      - Something like {name}.
      - It is {name}, which costs water.
    deeper: How tall is the {name}?
"""


def fact(name: str) -> str:
    return f"""\
  - id: {name}-fact
    asks:
      - How much {name} is there?
      - Is there any {name}?
      - Where is the {name}?
    answer: There is some {name}.
"""


def estimate(name: str) -> str:
    return f"""\
  - id: {name}-yield
    name: Yield of {name}
    ask: How much {name} is that?
    formula: beds * {name}
    inputs: {{beds: 2, {name}: 3}}
    unit: kg
    tolerance: 2
    point: basil-bed
"""


GUIDE = (
    "question: kitchen-garden\nfacts:\n"
    + "".join(map(fact, NAMES[:8]))
    + "rubric:\n"
    + "".join(point(index, name) for index, name in enumerate(NAMES))
    + "twists:\n"
    + "".join(
        f"  - id: {twist}\n    change: Now comes a {twist}.\n    ask: What about {twist}?\n"
        for twist in TWISTS.values()
    )
    + "estimates:\n"
    + "".join(map(estimate, NAMES[:4]))
    + "pitfalls:\n"
    + "".join(f"  - Too much {name}.\n" for name in NAMES[:4])
    + "model_answer:\n  text: |\n"
    + "    I would water the beds in turn and look at them every morning.\n" * 20
    + "  diagram: |\n    flowchart LR\n      well[Well] --> amber[Amber bed]\n      well --> basil\n"
)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    (tmp_path / "guides").mkdir()
    (tmp_path / "questions.yaml").write_text(CATALOGUE)
    (tmp_path / "guides" / "kitchen-garden.yaml").write_text(GUIDE)
    return tmp_path


def line_of(text: str, mark: str) -> int:
    """The line on which `mark` first stands."""
    return text[: text.index(mark)].count("\n") + 1


def cut(text: str, start: str, stop: str) -> str:
    """`text` without what lies from `start` up to the `stop` after it."""
    begin = text.index(start)
    return text[:begin] + text[text.index(stop, begin + 1) :]


def swap(old: str, new: str) -> str:
    assert old in GUIDE
    return GUIDE.replace(old, new, 1)


def test_the_banks_own_files_keep_every_rule() -> None:
    assert lint([data_root() / "questions.yaml"]) == []


def test_a_catalogue_is_known_by_its_content_too(bank: Path) -> None:
    path = (bank / "questions.yaml").rename(bank / "draft.yaml")
    assert lint([path]) == []
    path.write_text(CATALOGUE.replace("canteen. ", "canteen? "))
    assert len(lint([path])) == 1


def test_a_good_bank_passes(bank: Path) -> None:
    assert lint([bank / "questions.yaml", bank / "guides" / "kitchen-garden.yaml"]) == []


BREACHES = {
    # counts
    "too few facts": (cut(GUIDE, "  - id: hazel-fact", "rubric:"), "facts:", "7 of `facts`: there must be at least 8"),
    "too few twists": (
        swap("  - id: flood\n    change: Now comes a flood.\n    ask: What about flood?\n", "").replace(
            "flood", "frost"
        ),
        "twists:",
        "2 of `twists`: there must be at least 3",
    ),
    "too few estimates": (
        cut(GUIDE, "  - id: cedar-yield", "pitfalls:"),
        "estimates:\n",
        "2 of `estimates`: there must be at least 3",
    ),
    "too few pitfalls": (swap("  - Too much daisy.\n", ""), "pitfalls:", "3 of `pitfalls`: there must be 4 to 6"),
    "too many pitfalls": (
        swap("pitfalls:\n", "pitfalls:\n" + "  - Too dry.\n" * 3),
        "pitfalls:",
        "7 of `pitfalls`: there must be 4 to 6",
    ),
    "too few exemplars": (
        swap("      - More amber, said in other words.\n", ""),
        "    exemplars:",
        "3 of `exemplars`: there must be 4 to 6",
    ),
    "too many exemplars": (
        swap("    exemplars:\n", "    exemplars:\n      - Well watered.\n      - Much sun.\n      - Rich soil.\n"),
        "    exemplars:",
        "7 of `exemplars`: there must be 4 to 6",
    ),
    "one misconception": (
        swap("      - All amber is a weed.\n", ""),
        "    misconceptions:",
        "1 of `misconceptions`: there must be 2 to 3",
    ),
    "four misconceptions": (
        swap("    misconceptions:\n", "    misconceptions:\n      - Wet.\n      - Dry.\n"),
        "    misconceptions:",
        "4 of `misconceptions`: there must be 2 to 3",
    ),
    "two hints": (swap("      - Something like amber.\n", ""), "    hints:", "2 of `hints`: there must be 3"),
    "no concepts": (
        swap("    concepts: ['\\bamber\\b', 'ambers']\n", ""),
        "  - id: amber-bed",
        "0 of `concepts`: there must be at least 1",
    ),
    "two ways to ask": (
        swap("      - Is there any amber?\n", ""),
        "    asks:",
        "2 of `asks`: there must be 3 to 5",
    ),
    # spread
    "a dimension too thin": (
        swap("jasmine-bed\n    dimension: estimates", "jasmine-bed\n    dimension: depth")
        .replace("    point: basil-bed\n", "")
        .replace("basil-bed\n    dimension: estimates", "basil-bed\n    dimension: depth"),
        "rubric:",
        "0 point(s) of dimension estimates: there must be at least 1",
    ),
    "a phase left out": (
        GUIDE.replace("phase: wrap-up", "phase: design"),
        "rubric:",
        "0 point(s) of phase wrap-up: there must be at least 1",
    ),
    "a level too thin": (
        GUIDE.replace("level: staff", "level: senior").replace("level: senior", "level: staff", 2),
        "rubric:",
        "2 point(s) of level staff: there must be at least 3",
    ),
    # names
    "another question's guide": (swap("kitchen-garden", "garden"), "question:", "write `question: kitchen-garden`"),
    "no question named": (swap("question: kitchen-garden\n", ""), "facts:", "write `question: kitchen-garden`"),
    "an id in capitals": (swap("id: amber-fact", "id: Amber_Fact"), "Amber_Fact", "'Amber_Fact' is not kebab-case"),
    "an id said twice": (swap("id: basil-fact", "id: amber-fact # again"), "# again", "stands here a second time"),
    # references
    "a twist nobody wrote": (swap("twist: frost", "twist: frosty"), "twist: frosty", "did you mean 'frost'?"),
    "a point nobody wrote": (
        swap("point: basil-bed", "point: basil-bad"),
        "point: basil-bad",
        "there is no point called 'basil-bad' in this guide: did you mean 'basil-bed'?",
    ),
    "an estimate that bears on another dimension": (
        swap("point: basil-bed", "point: cedar-bed"),
        "point: cedar-bed",
        "'cedar-bed' is not of dimension estimates",
    ),
    "a twist without a point": (
        swap("    twist: flood", "    twist: drought"),
        "  - id: flood",
        "no point says what a good answer to this is",
    ),
    "a twist point without a twist": (
        swap("    phase: wrap-up\n", "    phase: twist\n"),
        "  - id: fennel-bed",
        "a point of phase twist belongs to a twist",
    ),
    "a twist on another phase": (
        swap("    phase: wrap-up\n", "    phase: wrap-up\n    twist: frost\n"),
        "    twist: frost",
        "a point with a twist has `phase: twist`, not wrap-up",
    ),
    # question marks
    "a probe that asks nothing": (swap("called rebma?", "called rebma."), "    probe:", "0 question marks: ask one"),
    "a probe that asks twice": (swap("probe: What", "probe: Well? What"), "    probe:", "2 question marks: ask one"),
    "a challenge that talks on": (swap("dies?", "dies? I ask you."), "    challenge:", "put the question last"),
    "a deeper that asks nothing": (swap("How tall is the amber?", "Go on."), "    deeper:", "0 question marks"),
    "a twist that asks nothing": (swap("What about frost?", "Frost."), "    ask: Frost.", "0 question marks"),
    "an estimate that asks twice": (swap("ask: How much", "ask: Eh? How much"), "ask: Eh?", "2 question marks"),
    "a way to ask that asks nothing": (swap("- Is there any amber?", "- Amber."), "- Amber.", "0 question marks"),
    "an asking statement": (swap("gets rebma.", "gets rebma?"), "gets rebma?", "make it a statement"),
    "an asking hint": (swap("- Something like amber.", "- Amber?"), "- Amber?", "make it a statement"),
    "an asking fact": (swap("answer: There is some amber.", "answer: Some?"), "answer: Some?", "make it a statement"),
    "an asking change": (swap("Now comes a frost.", "Frost, is it?"), "change: Frost,", "make it a statement"),
    # vocabulary
    "exemplars all in the usual words": (
        swap("The rebma thing goes", "The amber thing goes"),
        "    exemplars:",
        "only 1 of 4 avoid the point's own `concepts`",
    ),
    "exemplars all in plain words": (
        swap("give my amber", "give my bush").replace("More amber,", "More bush,"),
        "    exemplars:",
        "none matches the point's `concepts`",
    ),
    "a probe with a concept": (swap("row called rebma?", "row of Amber?"), "    probe:", "'Amber' is one of the point"),
    "a first hint with a concept": (
        swap("- Look at the row called rebma.", "- Look at the amber."),
        "- Look at the amber.",
        "'amber' is one of the point's `concepts`",
    ),
    "a probe that is the statement": (
        swap("The amber gets rebma.", "The bush has a row of its own.").replace(
            "What stands in the row called rebma?", "Is it so that the bush has a row of its own?"
        ),
        "    probe:",
        "this is the statement itself",
    ),
    "a probe that names a product": (
        swap("called rebma?", "called Kafka?"),
        "    probe:",
        "'Kafka' is a technology: ask for what it should do instead",
    ),
    "a probe that names a mechanism": (
        swap("What stands", "Which token bucket stands"),
        "    probe:",
        "'token bucket'",
    ),
    "a first hint made of the statement": (
        swap("The amber gets rebma.", "The bushes stand apart, watered nightly.").replace(
            "- Look at the row called rebma.", "- Nightly, apart and watered."
        ),
        "- Nightly, apart",
        "this is the statement itself",
    ),
    "exemplars that repeat one another": (
        swap("- Nobody calls rebma by its right word.", "- To the left goes the rebma thing."),
        "- To the left goes",
        "this says the same as an exemplar above",
    ),
    "two points that say the same": (
        swap("The basil gets lisab.", "It is rebma the amber gets."),
        "It is rebma the",
        "this says the same as 'amber-bed'",
    ),
    # the rest
    "a concept that is no pattern": (swap("'ambers'", "'(ambers'"), "'(ambers'", "not a regular expression"),
    "a formula that computes nothing": (swap("beds * amber", "beds - amber"), "beds - amber", "above zero"),
    "a formula of strangers": (swap("beds * amber", "beds * amber * x"), "beds * amber", "`x` is none of the inputs"),
    "too wide a tolerance": (swap("tolerance: 2", "tolerance: 5.5"), "tolerance: 5.5", "out of range"),
    "a tolerance of one": (swap("tolerance: 2", "tolerance: 1"), "tolerance: 1", "out of range"),
    "a short model answer": (
        GUIDE.replace("    I would water the beds in turn and look at them every morning.\n", "", 5),
        "  text: |",
        "the model answer has 195 words",
    ),
    "a diagram of nothing": (swap("flowchart LR", "drawing"), "    drawing", "begin with `flowchart LR`"),
    "a diagram that breaks off": (swap("well --> basil", "well -->"), "well -->\n", "is no node, edge or block"),
    "a placeholder": (swap("- All amber is a weed.", "- TODO"), "- TODO", "'TODO' is a placeholder"),
    "a line of dots": (swap("- All amber is a weed.", "- ..."), "- ...", "'...' is a placeholder"),
} | {
    f"a point without {key}": (
        re.sub(rf"    {key}: .*\n", "", GUIDE, count=1),
        "  - id: amber-bed",
        f"`{key}` is missing: add it",
    )
    for key in ("level", "weight", "challenge", "probe", "deeper")  # dimension and phase upset the spread too: below
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_guide_broken_in_one_way_yields_that_fault(bank: Path, name: str) -> None:
    text, mark, message = BREACHES[name]
    path = bank / "guides" / "kitchen-garden.yaml"
    path.write_text(text)
    (fault,) = lint([path])
    assert message in fault.message
    assert (fault.path, fault.line) == (path, line_of(text, mark))


@pytest.mark.parametrize("key", ["dimension", "phase"])
def test_a_point_must_say_its_dimension_and_phase(bank: Path, key: str) -> None:
    path = bank / "guides" / "kitchen-garden.yaml"
    path.write_text(re.sub(rf"    {key}: .*\n", "", GUIDE, count=1))
    assert f"`{key}` is missing: add it" in [fault.message for fault in lint([path])]


def test_thirteen_points_are_too_few(bank: Path) -> None:
    path = bank / "guides" / "kitchen-garden.yaml"
    path.write_text(cut(GUIDE, "  - id: ginger-bed", "  - id: jasmine-bed"))
    assert "13 of `rubric`: there must be at least 14" in [fault.message for fault in lint([path])]


def test_a_guide_of_ones_own_needs_only_be_readable(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("- id: x\n  statement: TODO?\n  exemplars: [x]\n")
    assert lint([path]) == []
    assert lint_guide(path, own=True) != []
    path.write_text("- id: x\n  exemplars: [x]\n")
    (fault,) = lint([path])
    assert (fault.line, fault.message) == (1, "`statement` is missing: add it")


@pytest.mark.parametrize(
    ("old", "new", "mark", "message"),
    [
        ("A garden", "A garden", "", ""),
        ("for the canteen. Begin where you like.", "for the canteen.", "prompt:", "the prompt has 1 sentence(s)"),
        ("Begin where", "One. Two. Three. Four. Begin where", "prompt:", "the prompt has 6 sentence(s)"),
        ("canteen. ", "canteen? ", "prompt:", "say it without a question mark"),
        ("the canteen", "500 people", "prompt:", "'500' tells the scale"),
        ("the canteen", "a million people", "prompt:", "'million' tells the scale"),
        ("the canteen", "growing Basil", "prompt:", "'Basil' gives away a concept of the point 'basil-bed'"),
        ("the canteen", "TBD", "prompt:", "'TBD' is a placeholder"),
        ("  company: Acme\n", "", "- id:", "`company` is missing: add it"),
        ("  levels: [mid, senior, staff]\n", "", "- id:", "`levels` is missing: add it"),
        ("[soil, water]", "[soil]", "topics:", "1 topics: give 2 to 5"),
        ("[soil, water]", "[soil, Water]", "topics:", "topics are lower case: write 'water'"),
        ("  title: A kitchen garden\n", "", "- id:", "`title` is missing: add it"),
        ("levels:", "lvels:", "lvels:", "there is no key `lvels`: did you mean `levels`?"),
    ],
)
def test_a_catalogue_broken_in_one_way_yields_that_fault(
    bank: Path, old: str, new: str, mark: str, message: str
) -> None:
    text = CATALOGUE.replace(old, new)
    (bank / "questions.yaml").write_text(text)
    faults = lint([bank / "questions.yaml"])
    assert [fault.line for fault in faults] == ([line_of(text, mark)] if mark else [])
    assert all(message in fault.message for fault in faults)


def test_questions_and_guides_must_pair_up(bank: Path) -> None:
    guides = bank / "guides"
    (guides / "kitchen-garden.yaml").rename(guides / "herb-garden.yaml")
    missing, stray = sorted(lint_bank(bank / "questions.yaml", guides), key=lambda fault: fault.path.name, reverse=True)
    assert (missing.line, missing.where) == (1, "questions.kitchen-garden.id")
    assert "its guide is missing: write " in missing.message
    assert stray.path.name == "herb-garden.yaml"
    assert "questions.yaml has no question of this name" in stray.message


def test_what_cannot_be_read_is_a_fault_too(bank: Path) -> None:
    (bank / "questions.yaml").write_text("- id: [\n")
    (bank / "guides" / "kitchen-garden.yaml").write_text("rubric: {\n")
    files = [bank / "questions.yaml", bank / "guides" / "kitchen-garden.yaml", bank / "nothing.yaml"]
    assert [fault.path for fault in lint(files)] == sorted(files)
