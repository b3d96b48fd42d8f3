"""Cutting long texts into pieces: where, and that nothing is lost."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chunks import Measure, split, whole_characters

FAMILY = "👩‍👩‍👧‍👦"
MERMAID = "```mermaid\nflowchart LR\n  a --> b\n```"
pieces_of_markdown = st.sampled_from(
    [
        "a",
        "word ",
        "one. Two ",
        "\n",
        "\n\n",
        "  ",
        "`",
        "```",
        "```py\n",
        "\n```\n",
        "~~~",
        "> ",
        "- ",
        "é",
        FAMILY,
        "`" * 40,
    ]
)
markdown_like = st.lists(pieces_of_markdown | st.text(max_size=12), max_size=60).map("".join)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def open_fence(piece: str) -> bool:
    """Whether a code fence is open at the end, by the rules of CommonMark, read line by line."""
    marks, quoted = "", False
    for line in piece.split("\n"):
        if quoted and not line.lstrip(" \t").startswith(">"):
            marks = ""
        if marks:
            end = line.strip(" \t>") if quoted else line.strip(" \t")
            marks = "" if len(end) >= len(marks) and not end.strip(marks[0]) else marks
        elif found := re.fullmatch(r"([ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(`{3,}(?=[^`]*$)|~{3,}).*", line):
            marks, quoted = found[2], ">" in found[1]
    return bool(marks)


def test_a_text_that_fits_comes_back_as_it_is() -> None:
    text = "  Two lines,\nand a fence:\n\n" + MERMAID + "\n"
    assert split(text, len(text)) == (text,)


@pytest.mark.parametrize("text", ["", " ", "\n\n\t\n"])
def test_blank_text_gives_nothing(text: str) -> None:
    assert split(text, 10) == ()


def test_there_must_be_room_for_a_character() -> None:
    with pytest.raises(ValueError, match="room"):
        split("a", 0)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One two. Three\nfour.\n\nFive six seven.", ("One two. Three\nfour.", "Five six seven.")),
        ("One two. Three\nfour five six seven.", ("One two. Three", "four five six seven.")),
        ("One two three. Four five six.", ("One two three.", "Four five six.")),
        ("He said “no.” And then he left", ("He said “no.”", "And then he left")),
        ("one two three four five six", ("one two three four", "five six")),
        ("x" * 45, ("x" * 20, "x" * 20, "x" * 5)),
        ("これは文です。これも文です。これも文です。", ("これは文です。これも文です。", "これも文です。")),
    ],
)
def test_a_long_text_is_cut_at_the_best_place(text: str, pieces: tuple[str, ...]) -> None:
    assert split(text, 20) == pieces


@pytest.mark.parametrize("character", [FAMILY, "e\u0301\u0323", "👍🏽", "🇩🇪", "❤️", "🏴\U000e0067\U000e0062\U000e007f"])
def test_a_character_as_the_reader_sees_it_is_never_cut(character: str) -> None:
    pieces = split(character * 20, 10 if len(character) > 2 else 3)
    assert len(pieces) > 1
    assert "".join(pieces) == character * 20
    assert all(piece == character * (len(piece) // len(character)) for piece in pieces)


def test_a_character_longer_than_a_piece_is_cut_all_the_same() -> None:
    text = "e" + "\u0301" * 99
    assert "".join(split(text, 10)) == text
    assert whole_characters(text, 0, 10) == 10


def test_the_length_is_what_the_platform_measures() -> None:
    assert split("🙂🙂🙂 🙂🙂🙂", 6, utf16) == ("🙂🙂🙂", "🙂🙂🙂")


def test_a_fence_that_fits_is_kept_whole() -> None:
    text = f"Here is how the parts fit together:\n\n{MERMAID}\n\nTell me where it breaks."
    assert split(text, 60) == ("Here is how the parts fit together:", f"{MERMAID}", "Tell me where it breaks.")


def test_a_fence_too_long_is_closed_and_opened_again_with_its_info_string() -> None:
    lines = [f"  a{number} --> b{number}" for number in range(20)]
    pieces = split("Look:\n```mermaid\n" + "\n".join(lines) + "\n```\nAnd then?", 100)
    assert pieces[0] == "Look:"
    assert all(piece.startswith("```mermaid\n") and not open_fence(piece) for piece in pieces[1:])
    assert [line for piece in pieces for line in piece.splitlines() if "-->" in line] == lines
    assert pieces[-1].endswith("\n```\nAnd then?")


def test_a_fence_left_open_is_closed() -> None:
    assert split("So:\n~~~ python\nx = 1", 80) == ("So:\n~~~ python\nx = 1\n~~~",)
    assert split("> ```\n> x = 1", 80) == ("> ```\n> x = 1\n> ```",)


def test_code_in_a_list_and_in_a_quotation_stays_code() -> None:
    quotation = "\n".join(["> ```py", *(f"> x{number} = {number}" for number in range(30)), "> ```"])
    assert all(re.fullmatch(r"> ```py\n(> x\d+ = \d+\n)+> ```", piece) for piece in split(quotation, 80))
    listed = "1. First\n\n    ```py\n" + "    x = 1\n" * 20 + "    ```\n2. Second"
    assert all(piece.count("```") % 2 == 0 and len(piece) <= 80 for piece in split(listed, 80))


def test_an_info_string_too_long_to_repeat_becomes_code() -> None:
    pieces = split("```" + "word " * 40 + "\ncode\n```", 60)
    assert all(piece.startswith("```\n") and piece.endswith("\n```") for piece in pieces)
    assert "".join(pieces).count("word") == 40


def test_marks_within_the_code_do_not_close_it() -> None:
    code = "x" * 70 + "```" + "y" * 70
    pieces = split(f"```\n{code}\n```", 80)
    assert all(piece.startswith("````\n") and piece.endswith("\n````") for piece in pieces)
    assert "".join(piece.removeprefix("````\n").removesuffix("\n````") for piece in pieces) == code


@given(markdown_like, st.integers(12, 200))
def test_no_piece_is_too_long_and_none_is_blank(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(len(piece) <= limit and piece.strip() for piece in pieces)
    assert bool(pieces) == bool(text.strip())


@given(markdown_like, st.integers(12, 200))
def test_nothing_is_lost_and_the_order_is_kept(text: str, limit: int) -> None:
    said = iter("".join(split(text, limit)))
    assert all(ch in said for ch in text if not ch.isspace() and ch not in "`~")


@given(st.text(st.characters(exclude_characters="`~")), st.integers(1, 50))
def test_without_fences_the_pieces_are_the_text_but_for_white_space_at_the_cuts(text: str, limit: int) -> None:
    at = 0
    for piece in split(text, limit):
        found = text.find(piece, at)
        assert not text[at:found].strip()
        at = found + len(piece)
    assert not text[at:].strip()


@given(markdown_like, st.integers(64, 300))
def test_no_piece_leaves_a_fence_open(text: str, limit: int) -> None:
    marks = limit // 8 - 2
    assert not [
        piece for piece in split(re.sub(f"`{{{marks},}}|~{{{marks},}}", "``", text), limit) if open_fence(piece)
    ]


@given(markdown_like, st.integers(12, 200), st.sampled_from([len, utf16]))
def test_a_piece_cut_again_stays_as_it_is(text: str, limit: int, measure: Measure) -> None:
    pieces = split(text, limit, measure)
    if len(pieces) == 1:
        assert split(pieces[0], limit, measure) == pieces


@given(st.lists(st.sampled_from(["a", "é", "\u0301", FAMILY, "🇩🇪", "👍🏽"]), max_size=60).map("".join))
def test_no_piece_begins_with_a_mark_that_belongs_to_the_character_before(text: str) -> None:
    for piece in split(text, 64)[1:]:
        assert unicodedata.category(piece[0]) not in {"Mn", "Me", "Mc"}
        assert piece[0] not in {"\u200d", "🏽"}


@pytest.mark.parametrize("limit", [50, 2_000, 11_000])
@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        "x" * 100_000,
        "`" * 100_000,
        "\n" * 50_000 + "a" * 50_000,
        "```\n" * 25_000,
        "```\na\n```\n" * 10_000,
        "> " * 50_000,
        "- " * 50_000,
        "é\u0301" * 50_000,
        "```py\n" + "x = [1, 2, 3]\n" * 7_000,
        "🇩🇪" * 50_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_a_hundred_kilobytes_take_less_than_a_second(text: str, limit: int) -> None:
    began = time.perf_counter()
    pieces = split(text, limit)
    assert time.perf_counter() - began < 1
    assert all(len(piece) <= limit for piece in pieces)
