"""What people type, on any platform."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import COMMANDS, NotUnderstood, Typed, Wish, is_command, parse, wish
from interviewer.model import Format, Level, Mode, Question
from interviewer.questions import data_root, load_bank

QUESTIONS = load_bank(data_root()).questions

SHOPS = (
    Question("a-shop", "A shop", "Sell it.", company="Acme", topics=("selling",)),
    Question("b-shop", "Shops", "Sell them.", company="Bolt Works", topics=("selling", "renting")),
    Question("c-mill", "A mill", "Grind it.", company="Coal", also_asked_at=("Acme",), topics=("grinding",)),
)


@pytest.mark.parametrize("word", list(COMMANDS))
def test_every_command_is_understood_with_and_without_its_slash(word: str) -> None:
    argument = "lease-expiry because I said so" if word == "dispute" else ""
    assert parse(f"/{word} {argument}") == parse(f"{word.upper()} {argument}") == Typed(COMMANDS[word][0], argument)


def test_a_misspelt_command_is_met_with_the_nearest() -> None:
    with pytest.raises(NotUnderstood, match=r"Did you mean /hint\b"):
        parse("/hnit")
    with pytest.raises(NotUnderstood, match="/help"):
        parse("/zzzzzz")


def test_a_dispute_needs_a_point_and_a_reason() -> None:
    with pytest.raises(NotUnderstood, match="which point and why"):
        parse("/dispute lease-expiry")
    assert parse("/dispute lease-expiry I said it").argument == "lease-expiry I said it"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/hint", True),
        ("  /next ", True),
        ("/", False),
        ("/?", True),
        ("/end users call us", False),
        ("/pause stops it", False),
        ("/hnit", True),
        ("/dispute lease I said it", True),
        ("/ 2", False),
        ("a /hint", False),
        ("/a\nb", False),
        ("", False),
    ],
)
def test_a_command_is_one_line_with_a_slash_and_a_word(text: str, command: bool) -> None:
    assert is_command(text) is command


@pytest.mark.parametrize("text", ["/jobs/{id} returns the state", "/jobs returns the state", "/jobs/1"])
def test_a_path_in_an_answer_is_not_taken_for_a_command(text: str) -> None:
    assert not is_command(text)


@pytest.mark.parametrize(
    ("text", "named", "level", "mode", "format"),
    [
        ("", None, None, None, None),
        ("surprise", None, None, None, None),
        ("2 staff strict full", "b-shop", Level.STAFF, Mode.INTERVIEW, Format.FULL),
        ("acme senior", "a-shop c-mill", Level.SENIOR, None, None),
        ("15 Mill", "c-mill", None, None, Format.QUICK),
        ("practice mid b-shop", "b-shop", Level.MID, Mode.PRACTICE, None),
        ("selling", "a-shop b-shop", None, None, None),
        ("selling bolt", "b-shop", None, None, None),
        ("works selling", "b-shop", None, None, None),
    ],
)
def test_a_wish_names_a_question_a_level_a_mode_and_a_length_in_any_order(
    text: str, named: str | None, level: Level | None, mode: Mode | None, format: Format | None
) -> None:
    chosen = wish(text, SHOPS)
    assert " ".join(question.id for question in chosen.questions) == (named or "")
    assert chosen == Wish(chosen.questions, level, mode, format)


def test_words_that_exclude_each_other_are_told_apart() -> None:
    with pytest.raises(NotUnderstood, match="“bolt” goes with none of c-mill: leave one of them out"):
        wish("mill bolt", SHOPS)


def test_a_wish_that_fits_nothing_says_what_would() -> None:
    with pytest.raises(NotUnderstood, match=r"Did you mean .*apple"):
        wish("aple", QUESTIONS)
    with pytest.raises(NotUnderstood, match="number"):
        wish("99", QUESTIONS)


@given(st.text(max_size=60))
def test_anything_typed_is_understood_or_explained(text: str) -> None:
    with suppress(NotUnderstood):
        parse(text)
    with suppress(NotUnderstood):
        wish(text, QUESTIONS)
