"""YAML with lines: what is no plain document is refused where it is wrong, whatever is in the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.documents import MAX_BYTES, BankError, Fault, nearest, parse_yaml, read_yaml


def faults_of(path: Path) -> tuple[Fault, ...]:
    with pytest.raises(BankError) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    return caught.value.faults


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: c: d\n", 2, "text that holds ': ' needs quotes"),
        ("a: 1\nb:\n\t- c\n", 3, "indent with spaces, never with tabs"),
        ("a: 1\nb: [c,\n", 2, "close what is opened here"),
        ("a: 1\nb: 'c\n", 2, "close what is opened here"),
        ("a: 1\nb: @c\n", 2, "put text that starts with @"),
        ("a: 1\n---\nb: 2\n", 2, "keep one document in the file"),
        ("a: 1\nb: *c\n", 2, "text that starts with * needs quotes"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "take the `!` tag away"),
        ("a: 1\nb: \x07\n", 2, "control character '\\x07': delete it"),
        ("a: 1\nb: 2024-13-45\n", 2, "this value can't be read"),
        (f"a: 1\nb: {'9' * 5000}\n", 2, "this value can't be read"),
        ("a: 1\nb: 2\na: 3\n", 3, "`a` stands here a second time"),
        ("a: 1\non: 2\n", 2, "this key is not plain text: put quotes around it"),
        ("a: 1\n? [b]\n: c\n", 2, "this key is not plain text"),
        ("a: 1\nb: " + "[" * 100_000, 2, "nested more than 32 deep"),
        (BOMB, 5, "more than 50,000 values"),
        ("a: &a\n  b: *a\n", 1, "an alias (*) repeats what it stands in"),
        ("# nothing but a comment\n", 1, "there is nothing in it"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    faults = faults_of(path)
    assert faults[0].line == line
    assert message in faults[0].message


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("rubric:\n  - id: café\n".encode("latin-1"))
    (fault,) = faults_of(path)
    assert fault.line == 2
    assert "not UTF-8: save the file as UTF-8" in fault.message


def test_a_file_of_monstrous_size_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"a" * (MAX_BYTES + 1))
    assert "over 2 MB" in faults_of(path)[0].message


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    assert "this is a folder" in faults_of(tmp_path)[0].message
    assert "there is no such file" in faults_of(tmp_path / "none.yaml")[0].message


@given(st.text(alphabet=st.sampled_from("ab:- \n[]{}*&!#'\"|>?%@`,\t~1.<$"), max_size=60) | st.text(max_size=60))
def test_any_text_is_a_document_or_a_fault_within_it(text: str) -> None:
    try:
        document = parse_yaml(Path("any.yaml"), text)
    except BankError as error:
        lines = [fault.line for fault in error.faults]
    else:
        lines = list(document.lines.values())
    # The other line breaks YAML knows (NEL, LS, PS) count too; a fault may stand just past the last line.
    assert all(1 <= line <= len(text.splitlines()) + 1 for line in lines)


def test_nothing_alike_is_not_near() -> None:
    assert nearest("zebra", ["probe", "challenge"]) == []
    assert nearest("prob", ["challenge", "probe"], 1) == ["probe"]
