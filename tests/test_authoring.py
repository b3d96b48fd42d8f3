"""A question of one's own, from nothing: what the skeleton says, and what lint makes of it."""

from pathlib import Path

import pytest

from interviewer.authoring import NotBegun, begin
from interviewer.documents import BankError
from interviewer.lint import lint
from interviewer.questions import load_bank


def test_a_skeleton_can_be_read_and_lint_names_all_that_is_left_to_write(tmp_path: Path) -> None:
    catalogue, guide = begin("lunch-orders", tmp_path / "new")
    assert load_bank(tmp_path / "new").case("lunch-orders").guide.rubric[0].id == "todo-point"
    faults = lint([catalogue])
    todo = sum(text.count("TODO ") + text.count(" TODO\n") for text in (catalogue.read_text(), guide.read_text()))
    assert len([fault for fault in faults if "is a placeholder" in fault.message]) >= todo - 2 > 20
    counts = [fault.message for fault in faults if "there must be at least" in fault.message]
    assert any("of `rubric`" in message for message in counts)
    assert any("of phase twist" in message for message in counts)


def test_a_second_question_joins_the_first(tmp_path: Path) -> None:
    begin("lunch-orders", tmp_path)
    begin("tea-orders", tmp_path)
    assert [question.id for question in load_bank(tmp_path).questions] == ["lunch-orders", "tea-orders"]


@pytest.mark.parametrize("id", ["Lunch", "lunch orders", "../lunch", "", "-"])
def test_an_id_that_will_not_do_is_refused(tmp_path: Path, id: str) -> None:
    with pytest.raises(NotBegun, match="lower-case words joined by hyphens"):
        begin(id, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    catalogue, guide = begin("lunch-orders", tmp_path)
    before = catalogue.read_text()
    with pytest.raises(NotBegun, match="has a question called lunch-orders already"):
        begin("lunch-orders", tmp_path)
    catalogue.write_text("")
    with pytest.raises(NotBegun, match=r"lunch-orders\.yaml is there already"):
        begin("lunch-orders", tmp_path)
    guide.unlink()
    begin("lunch-orders", tmp_path)
    assert catalogue.read_text() == before


@pytest.mark.parametrize("before", ["", "\n", "[]\n", "# Our questions.\n"])
def test_a_catalogue_with_nothing_in_it_is_begun(tmp_path: Path, before: str) -> None:
    (tmp_path / "questions.yaml").write_text(before)
    begin("lunch-orders", tmp_path)
    assert load_bank(tmp_path).question("lunch-orders").title.startswith("TODO")


@pytest.mark.parametrize(
    "before", ["  - id: a\n    title: A\n    prompt: Do a.\n", "- id: a\n  title: A\n  prompt: P.\n...\n"]
)
def test_a_catalogue_that_would_no_longer_be_read_is_left_alone(tmp_path: Path, before: str) -> None:
    (tmp_path / "questions.yaml").write_text(before)
    with pytest.raises(NotBegun, match="Add this one to it yourself"):
        begin("lunch-orders", tmp_path)
    assert (tmp_path / "questions.yaml").read_text() == before


def test_no_comment_of_the_skeleton_ends_up_in_a_text(tmp_path: Path) -> None:
    begin("lunch-orders", tmp_path)
    case = load_bank(tmp_path).case("lunch-orders")
    assert "#" not in repr(case)


def test_a_catalogue_that_is_no_list_or_no_yaml_is_left_alone(tmp_path: Path) -> None:
    catalogue = tmp_path / "questions.yaml"
    catalogue.write_text("questions:\n  - id: a\n")
    with pytest.raises(NotBegun, match=r"Add this one to it yourself:\n\n- id: lunch-orders"):
        begin("lunch-orders", tmp_path)
    catalogue.write_text("- id: [\n")
    with pytest.raises(BankError):
        begin("lunch-orders", tmp_path)
    assert catalogue.read_text() == "- id: [\n"
    assert not (tmp_path / "guides").exists()
