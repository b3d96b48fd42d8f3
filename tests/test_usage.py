"""The ledger of an interview: what language models were asked for, turn by turn."""

import io
import json
from collections.abc import Iterable

import pytest
from rich.console import Console

from bot.usage import Ledger, share
from interviewer.model import Trouble, Usage
from interviewer.raters.model import Call


def call(
    purpose: str = "reading",
    read: int = 1_000,
    cached: int = 0,
    written: int = 10,
    *,
    model: str = "openai:scripted",
    first: float | None = None,
    trouble: Trouble | None = None,
) -> Call:
    return Call(purpose, model, Usage(1, read, cached, written), first, 0.123456, trouble)


def ledger(turns: Iterable[tuple[int, Iterable[Call]]]) -> Ledger:
    """Calls, under the messages that they were made for."""
    kept = Ledger()
    for message, calls in turns:
        kept.turn(message)
        for one in calls:
            kept.note(one)
    return kept


def shown(kept: Ledger, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(kept.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_ledger_adds_up_every_call_there_was() -> None:
    kept = ledger(
        [(1, [call(read=4_000, written=14), call("word", read=2_000, cached=1_500, written=30)]), (2, [call()])]
    )
    assert kept.total == Usage(calls=3, read=7_000, cached=1_500, written=54)


def test_the_most_calls_a_turn_are_those_of_the_busiest_message() -> None:
    assert ledger([(1, [call()]), (2, [call(), call(), call()]), (3, []), (4, [call(), call()])]).most == 3
    assert ledger([(1, []), (2, [])]).most == 0


def test_a_call_that_failed_counts_too() -> None:
    kept = ledger([(1, [call(read=0, written=0, trouble=Trouble.BUSY), call()])])
    assert (kept.total.calls, kept.most) == (2, 2)


def test_the_steady_share_begins_with_the_third_turn_that_asked_a_model() -> None:
    kept = ledger(
        [
            (1, [call(read=1_000, cached=0)]),
            (2, []),
            (3, [call(read=1_000, cached=0)]),
            (4, []),
            (6, [call(read=3_000, cached=2_000), call("word", read=1_000, cached=1_000)]),
            (9, [call(read=1_000, cached=800)]),
        ]
    )
    assert kept.steady == Usage(calls=3, read=5_000, cached=3_800, written=30)
    assert kept.as_json()["cached_share_from_turn_3"] == 0.76


def test_two_turns_have_no_steady_share_yet() -> None:
    kept = ledger([(1, [call(cached=900)]), (2, [call(cached=900)])])
    assert kept.steady == Usage()
    assert kept.as_json()["cached_share_from_turn_3"] == 0.0


@pytest.mark.parametrize(
    ("usage", "part"), [(Usage(), 0.0), (Usage(1, 3, 1, 0), 0.333), (Usage(1, 5, 5, 9), 1.0), (Usage(1, 0, 0, 9), 0.0)]
)
def test_a_share_is_of_what_was_read(usage: Usage, part: float) -> None:
    assert share(usage) == part


def test_as_json_a_ledger_has_its_totals_and_every_call() -> None:
    kept = ledger(
        [(1, [call(first=None)]), (2, [call("word", 2_000, 1_920, 7, first=0.98765), call(trouble=Trouble.KEY)])]
    )
    told = json.loads(json.dumps(kept.as_json()))
    each = told.pop("each")
    assert told == {
        "calls": 3,
        "most_calls_a_turn": 2,
        "tokens_read": 4_000,
        "tokens_cached": 1_920,
        "tokens_written": 27,
        "cached_share_from_turn_3": 0.0,
    }
    assert [one["message"] for one in each] == [1, 2, 2]
    assert each[1] == {
        "message": 2,
        "purpose": "word",
        "model": "openai:scripted",
        "read": 2_000,
        "cached": 1_920,
        "written": 7,
        "first_s": 0.988,
        "seconds": 0.123,
        "trouble": None,
    }
    assert (each[0]["first_s"], each[2]["trouble"]) == (None, "key")


def test_the_table_has_a_line_a_call_and_one_for_all_of_them() -> None:
    turns = [(number, [call(read=4_000, cached=3_000), call("word", first=0.5)]) for number in range(1, 5)]
    lines = [line.split() for line in shown(ledger(turns)).splitlines() if line.strip()]
    assert lines[0] == ["message", "for", "model", "read", "cached", "written", "first", "token", "seconds"]
    assert lines[1] == ["1", "reading", "openai:scripted", "4,000", "3,000", "10", "0.12"]
    assert lines[2] == ["1", "word", "openai:scripted", "1,000", "0", "10", "0.50", "s", "0.12"]
    assert [line[0] for line in lines[1:9]] == ["1", "1", "2", "2", "3", "3", "4", "4"]
    said = " ".join(word for line in lines[9:] for word in line)
    assert said == (
        "8 calls, 2 a turn at most. Tokens: 20,000 read, 12,000 of them from the provider's cache, and 80 written. "
        "Cached from the third turn on: 60%."
    )


def test_the_table_says_what_went_wrong_beside_the_model() -> None:
    assert "openai:scripted (busy)" in shown(ledger([(1, [call(trouble=Trouble.BUSY)])]))


def test_a_models_name_is_not_taken_for_markup() -> None:
    assert "openai:mine[q4] (key)" in shown(ledger([(1, [call(model="openai:mine[q4]", trouble=Trouble.KEY)])]))


def test_a_ledger_without_a_call_says_that_nothing_left_this_machine() -> None:
    kept = ledger([(1, []), (2, [])])
    assert shown(kept) == "No language model was asked: nothing left this machine.\n"
    assert kept.as_json() == {
        "calls": 0,
        "most_calls_a_turn": 0,
        "tokens_read": 0,
        "tokens_cached": 0,
        "tokens_written": 0,
        "cached_share_from_turn_3": 0.0,
        "each": [],
    }
