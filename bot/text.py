"""What candidates write, made safe to show: no control character reaches a terminal or a chat."""

import re

UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters but line ends and tabs, lone surrogates, and characters that turn the direction of all that follows:
right-to-left text needs none of these."""


def clean(text: str) -> str:
    """The text without control characters (but line ends and tabs), lone surrogates and changes of direction."""
    return UNFIT.sub("", text)
