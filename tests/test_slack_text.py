"""Text on its way to Slack and back, as a candidate or a model out for mischief would write it."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.slack.text import (
    BLOCK,
    BLOCKS,
    MESSAGE,
    escape,
    markdown,
    mention,
    messages,
    mrkdwn,
    plain,
    quote,
    sections,
    unescape,
)
from bot.text import clean

JOINER = "\u2060"
MENTIONS = [
    "<!channel>",
    "<!here>",
    "<!everyone|all>",
    "<!here|here>",
    "<@U1>",
    "<@U1|bob>",
    "<#C1|general>",
    "<!subteam^S1|@team>",
    "<!date^1^{date}^https://evil.test|nice>",
    "<https://evil.test|nice>",
    "<mailto:a@evil.test|nice>",
    "<<!channel>>",
    "<\u202e!channel>",
    "\\<!channel>",
    "&lt;!channel&gt;",
    "&#60;!channel&#62;",
]
LINKS = [
    "[bank](http://evil.test)",
    "[bank](<http://evil.test>)",
    "[bank]( http://evil.test 'bank' )",
    "[bank]\\\n(http://evil.test)",
    "![bank](http://evil.test)",
    "[![bank](http://evil.test)](http://evil.test)",
    "[bank][1]\n\n[1]: http://evil.test",
    "[bank][]\n\n[bank]: http://evil.test",
    "[bank]\n\n[bank]: <http://evil.test> 'bank'",
    "> [bank]\n>\n> [bank]:\n> http://evil.test",
    "- [bank]\n\n  [bank]: http://evil.test",
    "<http://evil.test>",
    "<a@evil.test>",
    "<a href='http://evil.test'>bank</a>",
    "<div>\n[bank](http://evil.test)\n</div>",
    "<!-- [bank](http://evil.test) -->",
    "[b[a]nk](http://evil.test)",
    "[`bank`](http://evil.test)",
    "[bank\\](http://evil.test)](http://evil.test)",
    "`[bank](http://evil.test)``",
    "    [bank](http://evil.test)",
    "&#91;bank&#93;(http://evil.test)",
]
mischief = st.lists(
    st.sampled_from(
        [*MENTIONS, *LINKS, "`", "``", "```\n", "\n", "\n\n", "> ", "- ", "    ", "\\", "<", ">", "&", "]", "](x)"]
    )
    | st.sampled_from(["[a]", "]: x", "@here", "|", "|-|-|\n", "~~~\n", "*", "<b>", "&lt;", "\u200b", "🙂", "שלום"])
    | st.text(max_size=6),
    max_size=14,
).map("".join)


def tokens(text: str, preset: str = "commonmark") -> list[str]:
    """The kinds of everything Markdown makes of a text."""
    found = MarkdownIt(preset, {"html": True}).parse(text)
    return [inner.type for token in found for inner in (token, *(token.children or ()))]


def code_in(text: str) -> str:
    found = MarkdownIt("commonmark").parse(text)
    every = [inner for token in found for inner in (token, *(token.children or ()))]
    return "".join(token.content for token in every if token.type in {"fence", "code_block", "code_inline"})


def bare(text: str) -> str:
    """The text without what `markdown` may add or drop."""
    while "&lt;" in text or "&amp;" in text:
        text = text.replace("&lt;", "<").replace("&amp;", "&")
    return text.replace(JOINER, "").replace("\\", "")


def is_token(text: str) -> bool:
    """Whether Slack could find one of its tokens in the text."""
    return bool(re.search(r"<([@#!][\w]|mailto:|[a-z]+://)", text, re.IGNORECASE))


# --- escape and unescape --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*MENTIONS, *LINKS])
def test_escaped_text_has_no_token_in_it(text: str) -> None:
    assert not set(escape(text)) & set("<>")


@given(st.text() | mischief)
def test_what_was_escaped_comes_back_as_it_was(text: str) -> None:
    assert unescape(escape(text)) == clean(text)


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;", "&lt;"),
        ("see <https://x.test/?a=1&amp;b=2>", "see https://x.test/?a=1&b=2"),
        ("see <http://x.test|x.test> and <https://y.test|the &lt;docs&gt;>", "see x.test and the <docs>"),
        ("<@U1> and <@U2|bob>", "@U1 and @bob"),
        ("<#C1|general> <#C2|> <#C3>", "#general #C2 #C3"),
        ("<!here> <!channel|channel> <!everyone|@everyone>", "@here @channel @everyone"),
        ("<!subteam^S1|@team> <!subteam^S2>", "@team @S2"),
        ("<!date^1392734382^{date}^https://x.test|18 February>", "18 February"),
        ("<mailto:a@b.test|a@b.test> <mailto:c@d.test> <tel:+123>", "a@b.test c@d.test +123"),
        ("```if a &lt; b:\n  <https://x.test>```", "```if a < b:\n  https://x.test```"),
        ("“smart” ‘quotes’…", "“smart” ‘quotes’…"),
        ("a\r\nb\x00", "a\nb"),
        ("1 <2> 3", "1 <2> 3"),
    ],
)
def test_what_slack_sends_is_read_as_it_was_typed(sent: str, typed: str) -> None:
    assert unescape(sent) == typed


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ("<@U1> start apple", "start apple"),
        (" <@U1>: <@U1|bot>, start", "start"),
        ("@U1 start", "start"),
        ("<@U1>", ""),
        ("ask <@U1> to start", "ask <@U1> to start"),
        ("<@U12> start", "<@U12> start"),
        ("@U12 start", "@U12 start"),
    ],
)
def test_the_bot_is_called_at_the_beginning_only(sent: str, left: str) -> None:
    assert mention(sent, "U1") == left


# --- markdown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "**Bold**, _italic_, ~~gone~~ and `code`.\n\n## Heading\n\n- one\n- two\n  1. three\n\n> quoted\n\n---",
        "```mermaid\nflowchart LR\n  a[Client] -->|reads| b[(Store)]\n  b <--> c([you])\n```",
        "`Vec<String>` and `a && b &lt; c`",
        "```cpp\n#include <stdio.h>\nstd::map<std::string, int> seen; // a && b\n```",
        "1. First\n\n   ```py\n   if a < b: pass\n   ```",
        "A plain https://x.test/?a=1&b=2 stays, and so do R&D and a [note] in brackets (or two).",
        "He said “use a queue”, שלום, 🙂 and bob@x.test.",
    ],
)
def test_an_interviewers_markdown_is_left_as_it_was_written(text: str) -> None:
    assert markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < b and Vec<String>", "a &lt; b and Vec&lt;String>"),
        ("a \\< b, \\\\< c", "a &lt; b, \\\\&lt; c"),
        ("write &lt; or \\&amp;", "write &amp;lt; or &amp;amp;"),
        ("<!channel> and `<!channel>`", f"&lt;!channel> and `<{JOINER}!channel>`"),
        ("@here, @Channel, @everyone_", f"@{JOINER}here, @{JOINER}Channel, @{JOINER}everyone_"),
        ("bob@here.test @hereafter @channels", "bob@here.test @hereafter @channels"),
        ("[bank](http://evil.test)", f"[bank]{JOINER}(http://evil.test)"),
        ("`a` < `b", "`a` &lt; `b"),
        ("\\`<b>`", "\\`&lt;b>`"),
        ("one `\n\ntwo <b> `", "one `\n\ntwo &lt;b> `"),
        ("```\n<b>", "```\n<b>"),
    ],
)
def test_what_could_do_harm_is_shown_and_inert(text: str, shown: str) -> None:
    assert markdown(text) == shown


FRAMES = ["{}", "`{}`", "```\n{}\n```", "> {}", "- {}", "    {}", "**{}**", "a`{}", "```{}", "| {} |\n|-|"]


@pytest.mark.parametrize("text", [*MENTIONS, *LINKS, "@here", "@channel"])
def test_no_link_and_no_mention_survives_wherever_it_stands(text: str) -> None:
    for frame in FRAMES:
        shown = markdown(frame.format(text))
        assert not {"link_open", "image"} & {*tokens(shown), *tokens(shown, "js-default")}, frame
        assert not is_token(shown), frame
        assert not re.search(r"(?<!\w)@(here|channel|everyone)\b", shown), frame


@given(mischief)
def test_markdown_has_no_link_no_image_no_html_and_no_token_left_in_it(text: str) -> None:
    shown = markdown(text)
    assert not {"link_open", "image", "html_inline", "html_block"} & set(tokens(shown))
    assert not {"link_open", "image"} & set(tokens(shown, "js-default"))
    assert not is_token(shown)
    assert shown.count("<") == code_in(shown).count("<")


@given(mischief)
def test_markdown_says_what_was_written(text: str) -> None:
    assert bare(markdown(text)) == bare(clean(text))


# --- mrkdwn and quotes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* and _it_", "|*bold*| and |_it_|"),
        ("~gone~ `code`", "|~gone~| |`code`|"),
        ("**very**", "|*|*very*|*|"),
        ("snake_case, 2 * 3 and a_b_c", "snake_case, 2 * 3 and a_b_c"),
        ("> quoted\n- one\n1. two\n• three", "|&gt; quoted\n|- one\n|1. two\n|• three"),
        ("a > b - c", "a &gt; b - c"),
        (":smile: at 10:30", ":|smile: at 10:30"),
        ("<!here> @here", "&lt;!here&gt; @|here"),
        ("R&D", "R&amp;D"),
    ],
)
def test_plain_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert mrkdwn(text) == shown.replace("|", JOINER)


@given(mischief)
def test_in_mrkdwn_no_mark_stands_free_before_a_word(text: str) -> None:
    shown = mrkdwn(text)
    assert not set(shown) & set("<>")
    assert not re.search(r"(?:^|[\s(\"'])[*_~`]\S", shown)
    assert not re.search(r"^[ \t]*&gt;", shown, re.MULTILINE)
    assert unescape(shown).replace(JOINER, "") == clean(text).replace(JOINER, "")


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("We use\n a   queue.", 40, "“We use a queue.”"),
        ("We would put a queue in front of it", 20, "“We would put a…”"),
        ("x" * 50, 12, "“" + "x" * 9 + "…”"),
        ("a & b < c, and then some more", 22, "“a &amp; b &lt; c,…”"),
        (" \n ", 20, ""),
    ],
)
def test_a_quote_is_one_line_and_ends_at_a_word(text: str, limit: int, shown: str) -> None:
    assert quote(text, limit) == shown


@given(mischief | st.text(), st.integers(10, 80))
def test_a_quote_keeps_to_its_limit(text: str, limit: int) -> None:
    shown = quote(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert not set(shown) & set("<>")


# --- the fallback text ----------------------------------------------------------------------------------------------


def test_the_fallback_text_has_no_marks() -> None:
    text = "## Next\n\n**One** thing: `a < b`?\nThen \\*this\\*.\n\n1. first\n2. second\n\n- a\n\n```py\nx = 1\n```\n> ~~why~~"
    assert plain(text) == "Next\nOne thing: a &lt; b?\nThen *this*.\n1. first\n2. second\n- a\nx = 1\nwhy"


def test_the_fallback_text_shows_where_a_link_goes() -> None:
    assert plain("[bank](http://evil.test) <!here> @here") == f"[bank](http://evil.test) &lt;!here&gt; @{JOINER}here"


def test_a_long_fallback_text_ends_at_a_word() -> None:
    assert plain("one two three four", 12) == "one two…"
    assert len(plain("word " * 5_000)) <= 4_000


@given(mischief | st.text(), st.integers(10, 80))
def test_the_fallback_text_keeps_to_its_limit_and_is_inert(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert not set(shown) & set("<>")


# --- blocks and messages --------------------------------------------------------------------------------------------


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_short_message_is_one_block() -> None:
    assert sections("How would you **shard** it?") == [{"type": "markdown", "text": "How would you **shard** it?"}]
    assert messages("Hello") == (({"type": "markdown", "text": "Hello"},),)


@pytest.mark.parametrize("text", ["", " \n", "\x00\u202e"])
def test_a_blank_message_is_none(text: str) -> None:
    assert sections(text) == []
    assert messages(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Tell me more about that. " * 2_000,
        "<@U1> & " * 4_000,
        "🙂" * 20_000,
        "```py\n" + "if a < b: pass\n" * 3_000,
        "@here ](x)" * 5_000,
        "&lt;" * 10_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_long_message_is_as_many_as_it_takes_and_whole(text: str) -> None:
    sent = messages(text)
    assert len(sent) > 1
    for message in sent:
        assert len(message) <= BLOCKS
        assert all(utf16(block["text"]) <= BLOCK for block in message)
        assert sum(utf16(block["text"]) for block in message) <= MESSAGE
    said = "".join(unescape(block["text"]) for message in sent for block in message)
    assert said.count("Tell me more") == text.count("Tell me more")
    assert said.count("if a < b: pass") == text.count("if a < b: pass")
    assert said.count("🙂") == text.count("🙂")
    assert said.count("(x)") == text.count("(x)")


def test_a_fence_across_two_messages_is_a_fence_in_both() -> None:
    sent = messages("Look:\n\n```py\n" + "if a < b: pass\n" * 1_000 + "```\n\nWell?")
    fences = [block["text"] for message in sent for block in message if "pass" in block["text"]]
    assert len(fences) > 1
    assert all(tokens(fence)[0] == "fence" and "&lt;" not in fence for fence in fences)


def test_a_short_rest_goes_with_the_message_before() -> None:
    assert [len(message) for message in messages("a" * 10_990 + "\n\n" + "b" * 500)] == [2]


@pytest.mark.parametrize(
    "piece",
    [
        "word ",
        "\\",
        "\\`",
        "`a",
        "<",
        "<@",
        "&a",
        "](",
        "**a*_",
        "> ",
        "[a]: b\n",
        "@here ",
        ":a",
        "a\n",
        "\u0301",
        "_",
        "```\n",
    ],
)
def test_a_hundred_kilobytes_take_a_moment(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    makers: list[Callable[[str], object]] = [
        escape,
        markdown,
        mrkdwn,
        plain,
        unescape,
        messages,
        lambda said: quote(said, 300),
    ]
    for make in makers:
        began = time.perf_counter()
        make(text)
        # A guard that runs away takes minutes; how fast it is exactly depends on the machine.
        assert time.perf_counter() - began < 20
