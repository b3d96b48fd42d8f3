"""What candidates write, made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;pwned\x07 red\x1b[31m", "]0;pwned red[31m"),
        ("caf\udce9", "caf"),
        ("\u202eevil\u202c", "evil"),
        ("two\n\tlines", "two\n\tlines"),
        ("عربى שלום 🙂 ünïcödé", "عربى שלום 🙂 ünïcödé"),
    ],
)
def test_only_what_could_do_harm_is_taken_out(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_nothing_harmful_is_left_and_cleaning_again_changes_nothing(text: str) -> None:
    shown = clean(text)
    assert all(ch in "\n\t" or unicodedata.category(ch) not in {"Cc", "Cs"} for ch in shown)
    assert clean(shown) == shown
