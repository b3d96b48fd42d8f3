"""Prompts: faulty ones are refused with their line, good ones are filled in once and never read again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.documents import Fault
from interviewer.prompts import PromptError, Prompts, UnknownPrompt, WrongVariables, load_prompts
from interviewer.questions import data_root

GOOD = """\
---
purpose: Asks about a point.
variables: [name, place]
---
Well, $name, what about ${place}?
***

That costs $$5, $name.
And then?
"""

RELAY = """\
---
purpose: Passes a question on.
variables: [name, question]
asks: question
---
Tell me, $name. $question
***
$question
"""


def test_the_interviewers_own_prompts_load() -> None:
    assert load_prompts(data_root() / "prompts").names()


def load(root: Path, text: str, name: str = "probe") -> Prompts:
    path = root / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_prompts(root)


def faults_of(root: Path, text: str) -> tuple[Fault, ...]:
    with pytest.raises(PromptError) as caught:
        load(root, text)
    return caught.value.faults


def test_every_wording_is_rendered_in_order(tmp_path: Path) -> None:
    prompts = load(tmp_path, GOOD)
    assert prompts.render("probe", {"name": "Ann", "place": "the gate"}) == (
        "Well, Ann, what about the gate?",
        "That costs $5, Ann.\nAnd then?",
    )


def test_prompts_in_folders_are_named_by_their_path(tmp_path: Path) -> None:
    load(tmp_path, GOOD, "moves/open-phase/api")
    prompts = load(tmp_path, RELAY, "moves/probe")
    assert prompts.names() == ("moves/open-phase/api", "moves/probe")
    prompt = prompts.prompt("moves/probe")
    assert (prompt.purpose, prompt.variables, prompt.asks) == (
        "Passes a question on.",
        ("name", "question"),
        "question",
    )


def test_a_prompt_may_have_no_variables(tmp_path: Path) -> None:
    assert load(tmp_path, "---\npurpose: Greets.\nvariables: []\n---\nHello.\n").render("probe", {}) == ("Hello.",)


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    prompts = load(tmp_path, GOOD.replace("\n", "\r\n"))
    assert prompts.render("probe", {"name": "Ann", "place": "here"})[1] == "That costs $5, Ann.\nAnd then?"


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_template(tmp_path_factory: pytest.TempPathFactory, name: str, place: str) -> None:
    root = tmp_path_factory.getbasetemp() / "values"
    prompts = load(root, "---\npurpose: Echoes.\nvariables: [name, place]\n---\n<$name|$place>\n")
    for value in (name, f"${name}", "$place", "${place}", "$$", "$"):
        assert prompts.render("probe", {"name": value, "place": place}) == (f"<{value}|{place}>",)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"name": "Ann"}, "prompt 'probe' needs the variable 'place'"),
        ({"name": "Ann", "place": "here", "time": "now"}, "prompt 'probe' has no variable 'time'"),
        ({}, "prompt 'probe' needs the variable 'name'"),
    ],
)
def test_rendering_names_the_prompt_and_the_variable_at_fault(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(WrongVariables, match=message):
        load(tmp_path, GOOD).render("probe", variables)


def test_an_unknown_prompt_names_the_nearest(tmp_path: Path) -> None:
    prompts = load(tmp_path, GOOD, "moves/probe")
    with pytest.raises(UnknownPrompt, match="no prompt called 'moves/prob': did you mean moves/probe"):
        prompts.render("moves/prob", {})
    with pytest.raises(UnknownPrompt, match=r"write prompts/xyz\.md"):
        prompts.prompt("xyz")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        # front matter
        ("Hello.\n", 1, "there is no front matter"),
        ("", 1, "there is no front matter"),
        ("---\npurpose: x\n", 1, "there is no front matter"),
        ("\n" + GOOD, 1, "there is no front matter"),
        ("---\n---\nHello.\n", 2, "there is nothing in it"),
        ("---\njust words\n---\nHello.\n", 2, "this must be a mapping"),
        (GOOD.replace("purpose: Asks", "purpose: Asks: well"), 2, "needs quotes around it"),
        (GOOD.replace("purpose: Asks about a point.\n", ""), 2, "`purpose` is missing: add it"),
        (GOOD.replace("Asks about a point.", "''"), 2, "this is empty: write it"),
        (GOOD.replace("purpose", "purpos"), 2, "there is no key `purpos`: did you mean `purpose`?"),
        (GOOD.replace("[name, place]", "name"), 3, "this must be a list"),
        ("---\npurpose: x\n---\nHello.\n", 2, "`variables` is missing: add it"),
        (GOOD.replace("place]", "place, Place]"), 3, "'Place' can't be a variable"),
        (GOOD.replace("place]", "place, name]"), 3, "`name` is declared twice"),
        # variables
        (GOOD.replace("place]", "place, time]"), 3, "`time` is used in no wording: write $time"),
        (GOOD.replace("${place}", "$plaice"), 3, "`place` is used in no wording"),
        (GOOD.replace("costs", "costs $plac"), 8, "`$plac` is not declared: did you mean $place?"),
        (GOOD.replace("costs", "costs $xyz"), 8, "`$xyz` is not declared: add it to `variables`"),
        (GOOD.replace("And", "$Name and"), 9, "`$Name` is not declared: did you mean $name?"),
        (GOOD.replace("$$5", "$5"), 8, "a `$` stands alone: write $name for a variable, $$ for a dollar"),
        (GOOD.replace("And then?", "${name"), 9, "a `$` stands alone"),
        # wordings
        (GOOD.replace("And", "No? And"), 9, "a second question mark"),
        (GOOD + "***\n", 11, "this wording is empty"),
        (GOOD.replace("---\nWell", "---\n***\nWell"), 5, "this wording is empty"),
        (GOOD[: GOOD.index("Well")].replace("[name, place]", "[]"), 5, "this wording is empty"),
        # a question that is passed on
        (RELAY.replace("Tell me,", "Yes?"), 6, "$question brings the question: take this question mark away"),
        (RELAY.replace("***\n$question", "***\nGo on, $name"), 8, "$question, which brings the question, is missing"),
        (RELAY.replace("asks: question", "asks: questions"), 4, "`questions` is not declared: add it to `variables`"),
        (RELAY.replace("asks: question", "asks: [question]"), 4, "this must be text, but it is a list"),
    ],
)
def test_a_faulty_prompt_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    faults = faults_of(tmp_path, text)
    assert all(fault.path == tmp_path / "probe.md" for fault in faults)
    assert any(fault.line == line and message in fault.message for fault in faults), faults


def test_all_faults_of_all_prompts_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("Hello.\n")
    (tmp_path / "bytes.md").write_bytes(b"\xff")
    faults = faults_of(tmp_path, GOOD.replace("And", "No? $who and").replace("$$5", "$5"))
    assert [(fault.path.stem, fault.line) for fault in faults] == [
        ("bytes", 1),
        ("other", 1),
        ("probe", 8),
        ("probe", 9),
        ("probe", 9),
    ]


def test_a_folder_without_prompts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="there are no prompts"):
        load_prompts(tmp_path / "nowhere")


@given(st.text(alphabet=st.sampled_from("-*$?{}[]:ab \n"), max_size=40), st.integers(0, len(GOOD)))
def test_any_text_is_a_prompt_or_a_fault_within_it(
    tmp_path_factory: pytest.TempPathFactory, extra: str, at: int
) -> None:
    text = GOOD[:at] + extra + GOOD[at:]
    lines = [1]
    try:
        load(tmp_path_factory.getbasetemp() / "any", text)
    except PromptError as error:
        lines = [fault.line for fault in error.faults]
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)
