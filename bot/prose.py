"""Owns telling prose from code in a paragraph of Markdown, which platforms mark up and escape differently."""

import re
from bisect import bisect_right
from collections.abc import Iterator


def spans(paragraph: str) -> Iterator[tuple[str, bool]]:
    """A paragraph taken apart into prose and `code` (True), as CommonMark pairs its backticks where there are no links."""
    runs = [found.span() for found in re.finditer("`+", paragraph)]
    alike: dict[int, list[int]] = {}
    for number, (start, end) in enumerate(runs):
        alike.setdefault(end - start, []).append(number)
    done = number = 0
    while number < len(runs):
        start, end = runs[number]
        slash = start
        while slash > done and paragraph[slash - 1] == "\\":
            slash -= 1
        start += (start - slash) % 2  # \` is a backtick and no mark
        later = alike.get(end - start, [])
        at = bisect_right(later, number)
        number += 1
        if start < end and at < len(later):
            close = runs[later[at]][1]
            yield paragraph[done:start], False
            yield paragraph[start:close], True
            done, number = close, later[at] + 1
    yield paragraph[done:], False
