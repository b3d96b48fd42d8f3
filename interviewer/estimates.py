"""Reads quantities out of prose and holds them against what the guide's inputs give.

A quantity is compared with an estimate of its own kind: a rate per the same period, a size in bytes (decimal prefixes, as
capacity estimates are made), or a plain count. "60 million a day" is what a candidate was told; that it makes 694 a second
is the estimate, so periods are never converted here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interviewer.model import Estimate, Estimated

MAGNITUDES = {
    "k": 1e3, "thousand": 1e3,
    "m": 1e6, "mn": 1e6, "million": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9,
    "t": 1e12, "trillion": 1e12,
}  # fmt: skip
BYTES = {
    "b": 1.0, "byte": 1.0, "bytes": 1.0,
    "kb": 1e3, "kib": 1024.0, "mb": 1e6, "mib": 1024.0**2, "gb": 1e9, "gib": 1024.0**3,
    "tb": 1e12, "tib": 1024.0**4, "pb": 1e15, "pib": 1024.0**5,
}  # fmt: skip
SECONDS = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "hr": 3600, "h": 3600, "day": 86400,
           "d": 86400, "week": 604800, "month": 2592000, "year": 31536000}  # fmt: skip

_NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,15}(?:\.\d{1,9})?)(?![\d,]*\d)")
_SIZE = re.compile(r"\s*([kmgtp]i?b|bytes?)\b", re.IGNORECASE)
_MAGNITUDE = re.compile(r"\s*(k|m|mn|million|thousand|b|bn|billion|t|trillion)\b", re.IGNORECASE)
_QPS = re.compile(r"\W{0,2}(?:[a-z]+\W+)?(?:qps|rps|tps|hz)\b", re.IGNORECASE)
_PER = re.compile(
    r"(?:\s*\b[a-z-]+){0,3}?\s*(?:/|\b(?:per|an?|each|every)\b)\s*"
    r"(second|sec|s|minute|min|hour|hr|h|day|d|week|month|year)s?\b",
    re.IGNORECASE,
)


TOO_MANY = 4
"""Different numbers of one kind from which on an answer is a list to choose from and no estimate."""
LONGEST = 20_000
"""Characters of an answer in which quantities are looked for."""


@dataclass(frozen=True)
class Quantity:
    """A number in a text: `per` is the seconds it is spread over (None: not a rate), `size` whether it is in bytes."""

    value: float
    per: int | None
    size: bool
    quote: str
    context: str
    """The quote and a little of what follows."""


def quantities(text: str) -> Iterator[Quantity]:
    """The quantities in a text, in order. A quote reaches from the number to the end of its unit."""
    text = text[:LONGEST]
    for match in _NUMBER.finditer(text):
        value, end = float(match[1].replace(",", "")), match.end()
        size = _SIZE.match(text, end)
        if size:
            value, end = value * BYTES[size[1].lower()], size.end()
        elif magnitude := _MAGNITUDE.match(text, end):
            value, end = value * MAGNITUDES[magnitude[1].lower()], magnitude.end()
        per = None
        if rate := _QPS.match(text, end):
            per, end = 1, rate.end()
        elif rate := _PER.match(text, end):
            per, end = SECONDS[rate[1].lower()], rate.end()
        around = text[match.start() : end + 25].partition("\n")[0]
        yield Quantity(value, per, bool(size), text[match.start() : end], around)


def check(estimate: Estimate, text: str, told: Sequence[str] = (), *, named: bool = False) -> Estimated | None:
    """The quantity in `text` nearest to the estimate among those of its kind, or None if there is none of its kind.

    Numbers that stand in `told` are left out: they were given. With `named`, only a number that is said of what the
    estimate counts is taken, and none at all when there are `TOO_MANY` to choose from."""
    given = {(quantity.value, quantity.per) for fact in told for quantity in quantities(fact)}
    noun = estimate.unit.partition("/")[0].strip().lower().rstrip("s")
    found: list[Estimated] = []
    for quantity in quantities(text):
        value = _in_unit(quantity, estimate.unit)
        if value is None or value <= 0 or (quantity.value, quantity.per) in given:
            continue
        if named and not quantity.size and noun not in quantity.context.lower():
            continue
        factor = max(value / estimate.value, estimate.value / value)
        found.append(Estimated(estimate.id, value, quantity.quote, factor <= estimate.tolerance))
    if not found or (named and len({said.value for said in found}) >= TOO_MANY):
        return None
    return min(found, key=lambda said: max(said.value / estimate.value, estimate.value / said.value))


def _in_unit(quantity: Quantity, unit: str) -> float | None:
    """The quantity converted to `unit` ("jobs/s", "GB", "GB/day", "workers"), or None if it is of another kind."""
    amount, slash, time = unit.partition("/")
    scale = BYTES.get(amount.strip().lower())
    period = SECONDS.get(time.strip().lower()) if slash else None
    if quantity.size != (scale is not None) or quantity.per != period:
        return None
    return quantity.value / (scale or 1.0)
