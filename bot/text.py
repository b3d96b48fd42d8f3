"""What candidates write, made safe to show: no control character reaches a terminal or a chat."""

import unicodedata

DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of all that follows; right-to-left text needs none of them."""


def clean(text: str) -> str:
    """The text without control characters (but line ends and tabs), lone surrogates and changes of direction."""
    return "".join(
        ch for ch in text if ch in "\n\t" or (ch not in DIRECTIONS and unicodedata.category(ch) not in {"Cc", "Cs"})
    )
