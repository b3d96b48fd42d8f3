"""Numbers in prose against the numbers of a guide."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.estimates import check, quantities
from interviewer.model import Estimate


def estimate(value: float, unit: str, tolerance: float = 1.5) -> Estimate:
    return Estimate("e", "E", "How many?", value, unit, tolerance)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("so about 1,200 jobs per second on average", 1157, "jobs/s"),
        ("that is 1.2k/s", 1157, "jobs/s"),
        ("roughly 1200 qps then", 1157, "jobs/s"),
        ("70k jobs a minute", 69420, "jobs/minute"),
        ("peaks of 4 million writes an hour", 4e6, "writes/hour"),
        ("we keep 2.5 TB", 2500, "GB"),
        ("around 80 GB per day", 80, "GB/day"),
        ("1 MB/s of traffic", 1, "MB/s"),
        ("we need 240 workers", 250, "workers"),
        ("2 KB times 2,000,000 makes 4 GB", 4, "GB"),
    ],
)
def test_a_number_near_the_estimate_is_right_whatever_its_unit(text: str, value: float, unit: str) -> None:
    said = check(estimate(value, unit), text)
    assert said is not None
    assert said.right
    assert said.quote in text


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("12,000 jobs per second", 1157, "jobs/s"), ("we keep 2.5 GB", 2500, "GB"), ("10 workers", 250, "workers")],
)
def test_a_number_of_the_right_kind_but_far_off_is_wrong(text: str, value: float, unit: str) -> None:
    said = check(estimate(value, unit), text)
    assert said is not None
    assert not said.right


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("three replicas", "jobs/s"),
        ("with 1157 nodes", "jobs/s"),
        ("1157 jobs/s", "GB"),
        ("", "GB"),
        ("v1.157", "workers"),
        ("100 million jobs a day", "jobs/s"),
    ],
)
def test_a_number_of_another_kind_is_no_estimate(text: str, unit: str) -> None:
    assert check(estimate(1157, unit), text) is None


def test_the_nearest_of_several_numbers_counts() -> None:
    said = check(estimate(1157, "jobs/s"), "not 10 jobs/s but 1,100 jobs/s, at peak 9,000 jobs/s")
    assert said is not None
    assert said.value == 1100


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for quantity in quantities(text):
        assert quantity.quote in text


@given(st.floats(0.01, 1e12, allow_nan=False), st.sampled_from(["jobs/s", "GB", "GB/day", "workers"]))
def test_whatever_is_said_of_the_value_itself_is_right(value: float, unit: str) -> None:
    said = check(estimate(value, unit), f"I get {value:.6f} {unit}")
    assert said is None or said.right


def test_unasked_a_number_counts_only_beside_the_estimates_own_things() -> None:
    assert check(estimate(250, "workers"), "we run 250 pods", (), named=True) is None
    said = check(estimate(250, "workers"), "we run 250 workers", (), named=True)
    assert said is not None
    assert said.right
