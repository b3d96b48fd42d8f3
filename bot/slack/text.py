"""How text reaches Slack and comes back: nothing a candidate or a model writes can ping, mention, link or format by itself.

Slack reads its own tokens (`<!channel>`, `<@U1>`, `<https://x|nice>`) in every text, `markdown` blocks included, and takes
`&`, `<` and `>` as entities there. An invisible word joiner does the rest: it parts what Slack or Markdown would
otherwise read together, and what is shown stays the same to the eye.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from slack_sdk.models.blocks import MarkdownBlock

from bot.chunks import split, whole_characters
from bot.prose import spans
from bot.text import clean

BLOCK = 11_000
"""The longest `markdown` block sent, in UTF-16 units, which are never fewer than the characters Slack allows 12,000 of."""
MESSAGE = 12_000
"""The most all `markdown` blocks of a message hold together."""
BLOCKS = 50
FALLBACK = 4_000
"""The longest `text` of a message that Slack asks for."""

WORD_JOINER = "\u2060"

BROADCAST = re.compile(r"(?<![^\W_])@(?=(?:channel|here|everyone|group)(?![^\W_]))", re.IGNORECASE)
LINK = re.compile(r"\](?=[(:])")
"""Where `[text](address)` and `[label]: address` come apart; without the latter, `[text][label]` means nothing."""
LESS_OR_ENTITY = re.compile(r"(?<!\\)(\\*)(<|&(?=(?:#[0-9]+|#x[0-9a-f]+|[a-z][a-z0-9]*);))", re.IGNORECASE)
TOKEN_IN_CODE = re.compile(r"<(?=[@#!]\w|(?:mailto|tel):|[a-z][a-z0-9+.-]*://)", re.IGNORECASE)

LINE_START = re.compile(r"^([ \t]*)(?=&gt;|[-*+•][ \t]|\d+[.)][ \t])", re.MULTILINE)
OPENS_OR_CLOSES = re.compile(r"(?<![^\W_])(?=[*_~`]\S)|(?<=\S[*_~`])(?![^\W_])")
EMOJI = re.compile(r":(?=[\w+'-]{1,100}:)")

TOKEN = re.compile(r"<([@#!][^<>]*|[a-z][a-z0-9+.-]*:[^<>]*)>|&(lt|gt|amp);", re.IGNORECASE)
ENTITIES = {"lt": "<", "gt": ">", "amp": "&"}


# --- to Slack -------------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """The text with `&`, `<` and `>` as the entities Slack takes: no mention, ping or link is left in it.

    For text objects and `text`. Formatting (`*bold*`) still works; `mrkdwn` turns that off too."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str) -> str:
    """An interviewer's Markdown for the `text` of one `markdown` block, with nothing in it that pings or hides an address.

    Bold, lists, headings, quotations and code are left as they are. Links and images are shown as they are written, with
    their address in sight. Found out (public code and reports of 2026; Slack documents none of it for this block):
    Slack reads `<!here>` and `<@U1>` in it (PostHog/posthog#95054, posted and read back); an entity in prose is decoded
    for display and not read again as a token (ditto); an entity in code is not decoded and would be seen as `&lt;`.
    So `<` is an entity in prose and stays itself in code, where a word joiner parts whatever could be a token. `&` becomes
    `&amp;` only where it would be read as an entity, for it spoils the address of a plain link otherwise. `>` stays: it
    is a quotation. Assumed, not tested against Slack: that it takes the same text for code as CommonMark does. If not,
    a reader sees `&lt;` in code, or `<` in prose; still nothing pings.
    """
    text = clean(text)
    shown = "".join(_in_code(part) if code else _in_prose(part) for part, code in _parts(text))
    return BROADCAST.sub("@" + WORD_JOINER, LINK.sub("]" + WORD_JOINER, shown))


def mrkdwn(text: str) -> str:
    """Plain text (a candidate's words, a statement) for a `mrkdwn` text object, shown as it is.

    Slack has no escape for `*`, `_`, `~`, a backtick, `>` or `:smile:`: a word joiner beside them keeps them from being
    read as marks (reported to work with a soft hyphen, which may show as a hyphen; assumed for the word joiner). Marks
    within words and between spaces are left alone. Whoever sends it sets `verbatim`, and neither `link_names` nor `parse`.
    """
    shown = LINE_START.sub(r"\1" + WORD_JOINER, escape(text))
    shown = OPENS_OR_CLOSES.sub(WORD_JOINER, shown)
    return BROADCAST.sub("@" + WORD_JOINER, EMOJI.sub(":" + WORD_JOINER, shown))


def quote(text: str, limit: int) -> str:
    """The text on one line in quotation marks, for a `mrkdwn` text object; "" if it is blank.

    At most `limit` characters as sent, marks and entities included (`limit` >= 10); what is too long ends with … at a word.
    """
    words = " ".join(clean(text).split())
    return _shortened(words, limit, lambda part: mrkdwn(f"“{part}”")) if words else ""


def plain(text: str, limit: int = FALLBACK) -> str:
    """An interviewer's Markdown without its marks, for notifications and the `text` beside blocks.

    At most `limit` characters as sent (`limit` >= 10); what is too long ends with … at a word."""
    lines: list[str] = []
    bullet = ""
    for token in _parser(inline=True).parse(clean(text)):
        if token.type == "list_item_open":
            bullet += f"{token.info}{token.markup} " if token.info else "- "
        elif token.type == "inline":
            words = "".join("\n" if child.type.endswith("break") else child.content for child in token.children or ())
            lines.append(bullet + words)
            bullet = ""
        elif token.type in {"fence", "code_block"}:
            lines.append(bullet + token.content.rstrip())
            bullet = ""
    return _shortened("\n".join(lines).strip(), limit, lambda part: BROADCAST.sub("@" + WORD_JOINER, escape(part)))


def sections(text: str) -> list[dict[str, Any]]:
    """An interviewer's message as `markdown` blocks, as many as it takes; none for a blank one."""
    pieces = split(clean(text), BLOCK, _size)
    return [
        MarkdownBlock(text=markdown(piece)).to_dict()  # pyright: ignore[reportUnknownMemberType]
        for piece in pieces
    ]


def messages(text: str) -> tuple[tuple[dict[str, Any], ...], ...]:
    """The blocks of an interviewer's message, a tuple for each Slack message it takes."""
    grouped: list[list[dict[str, Any]]] = []
    room = 0
    for block in sections(text):
        size = _utf16(block["text"])
        if size > room or len(grouped[-1]) == BLOCKS:
            grouped.append([])
            room = MESSAGE
        grouped[-1].append(block)
        room -= size
    return tuple(map(tuple, grouped))


# --- from Slack -----------------------------------------------------------------------------------------------------


def unescape(text: str) -> str:
    """What Slack sends for a message, as the person typed it: `@U1`, `#general`, `@here`, plain addresses, `<` and `&`.

    A link with a label gives its label. A user's name is not in what Slack sends; their id is."""
    return clean(TOKEN.sub(_typed, text))


def mention(text: str, bot_user_id: str) -> str:
    """A message as Slack sends it or unescaped, without the mentions of the bot it begins with."""
    id = re.escape(bot_user_id)
    called = rf"(?:<@{id}(?:\|[^<>]*)?>|@{id}(?!\w))"
    return re.sub(rf"\A\s*(?:{called}[\s,:]*)+", "", text)


def _typed(found: re.Match[str]) -> str:
    token, entity = found[1], found[2]
    if entity:
        return ENTITIES[entity.lower()]
    target, _, label = token.partition("|")
    target, label = _entities(target), _entities(label)
    kind, name = target[0], target[1:]
    if kind in "@#":
        return kind + (label.removeprefix(kind) or name)
    if kind == "!":
        command, _, argument = name.partition("^")
        if command == "date":
            return label or argument.partition("^")[0]
        return "@" + (label.removeprefix("@") or argument or command)
    return label or re.sub(r"\A(?:mailto|tel):", "", target)


def _entities(text: str) -> str:
    return re.sub(r"&(lt|gt|amp);", lambda found: ENTITIES[found[1]], text)


# --- Markdown -------------------------------------------------------------------------------------------------------


@cache
def _parser(*, inline: bool) -> MarkdownIt:
    """CommonMark as Slack will see it once links, images and HTML are gone from the text; or the blocks of it alone."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    parser.disable(["link", "image", "autolink", "html_inline", "html_block", "reference"])
    return parser if inline else parser.disable(["inline", "text_join"])


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text taken apart into prose and code (True); together they are the text."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    done = 0
    for token in _parser(inline=False).parse(text):
        if token.map is None or token.type not in {"fence", "code_block", "inline"}:
            continue
        start, end = token.map
        start += token.type == "fence"  # the line that opens it is prose
        yield "".join(lines[done:start]), False
        body = "".join(lines[start:end])
        if token.type == "inline":
            yield from spans(body)
        else:
            yield body, True
        done = end
    yield "".join(lines[done:]), False


def _in_prose(text: str) -> str:
    return LESS_OR_ENTITY.sub(_entity, text)


def _entity(found: re.Match[str]) -> str:
    slashes = found[1]
    # \< is a plain < in Markdown: its backslash would make the entity a plain &lt;
    return slashes[len(slashes) % 2 :] + ("&lt;" if found[2] == "<" else "&amp;")


def _in_code(text: str) -> str:
    return TOKEN_IN_CODE.sub("<" + WORD_JOINER, text)


def _size(text: str) -> int:
    """The most UTF-16 units a text is long once `markdown` has been over it."""
    return _utf16(text) + 3 * text.count("<") + 4 * text.count("&") + text.count("@") + text.count("]")


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _shortened(text: str, limit: int, shown: Callable[[str], str]) -> str:
    """What is shown of the text, or of as many of its words as fit; of a word that doesn't fit, as many characters."""
    if len(text) <= limit and len(shown(text)) <= limit:
        return shown(text)

    def part(end: int) -> str:
        return shown(text[: whole_characters(text, 0, end)].rstrip() + "…")

    def too_long(end: int) -> bool:
        return len(part(end)) > limit

    words = [found.start() for found in re.finditer(r"\s+", text[: limit + 1])]
    most = bisect_left(words, True, key=too_long)
    return part(words[most - 1] if most else bisect_left(range(1, limit), True, key=too_long))
