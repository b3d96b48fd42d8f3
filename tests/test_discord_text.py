"""Text on its way to Discord, as a candidate or a model out for mischief would write it."""

import re
import time
from collections import Counter
from collections.abc import Callable

import pytest
from discord.partial_emoji import PartialEmoji
from discord.utils import TIMESTAMP_PATTERN
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.text import MESSAGE, escape, link, markdown, messages, quote, size, spoiler
from bot.text import clean
from interviewer.questions import data_root, load_bank
from tests.test_chunks import open_fence

JOINER = "\u2060"
ID = "123456789012345678"
MENTIONS = [
    f"<@{ID}>",
    f"<@!{ID}>",
    f"<@&{ID}>",
    f"<#{ID}>",
    f"<\u202e@{ID}>",
    f"\\<@{ID}>",
    f"<</start now:{ID}>>",
    f"</interview:{ID}>",
    "<id:customize>",
    "<id:browse>",
    f"<id:linked-roles:{ID}>",
    "<t:1618953630>",
    "<t:1618953630:R>",
    f"<:wave:{ID}>",
    f"<a:wave:{ID}>",
    "@everyone",
    "@here",
    "bob@here.test",
    "\\@everyone",
]
LINKS = [
    "[bank](http://evil.test)",
    "[bank](<http://evil.test>)",
    "[bank]( http://evil.test 'bank' )",
    "[bank]\\\n(http://evil.test)",
    "![bank](http://evil.test)",
    "[![bank](http://evil.test)](http://evil.test)",
    "[b[a]nk](http://evil.test)",
    "[`bank`](http://evil.test)",
    "[bank](https\\://evil.test)",
    "[bank](discord://x)",
    "`[bank](http://evil.test)``",
    "    [bank](http://evil.test)",
    "[bank]()",
]
# What Discord's API, its clients and discord.py read as more than text.
READ = [
    re.compile(r"<@!?\d+>"),
    re.compile(r"<@&\d+>"),
    re.compile(r"<#\d+>"),
    re.compile(r"</[^:\n]{1,100}:\d+>"),
    re.compile(r"<id:[\w-]+(?::\d+)?>"),
    re.compile(TIMESTAMP_PATTERN.pattern, re.IGNORECASE),
    re.compile(r"<a?:\w+:\d+>"),
    re.compile(r"@(everyone|here)"),
    re.compile(r"\[[\s\S]+\]\([\s\S]*\)"),
]
FRAMES = [
    "{}", "`{}`", "`` {} ``", "```\n{}\n```", "~~~\n{}\n~~~", "> {}", "- {}", "1. {}", "    {}", "**{}**", "a`{}",
    "```{}", "# {}", "##### {}", "| {} | b |\n|-|-|\n| {} | d |", "x\n===\n{}", "||{}||", "[{}", "{}\\",
]  # fmt: skip
mischief = st.lists(
    st.sampled_from(
        [*MENTIONS, *LINKS, "`", "``", "```", "```\n", "\n", "\n\n", "> ", "- ", "    ", "\\", "<", ">", "]"]
    )
    | st.sampled_from(["@here", "|", "||", "|-|-|\n", "| a | b |\n", "~~~", "~~~\n", "*", "<b>", "# ", "#### ", "-# "])
    | st.sampled_from(
        ["(x)", "\u200b", "🙂", "שלום", "1. ", "2) ", "---\n", "===\n", "  \n", "\t", "word ", "sentence. "]
    )
    | st.text(max_size=6),
    max_size=30,
).map("".join)


def letters(text: str) -> Counter[str]:
    return Counter(character for character in text if character.isalnum())


def outside_code(message: str) -> str:
    """What is left of a message without code, as Discord's clients find it: the first that opens, to the next that closes."""
    return re.sub(r"\\[^0-9A-Za-z\s]|```[\s\S]+?```|(`+)[\s\S]*?[^`]\1(?!`)", "", message)


def inside(message: str) -> str:
    """What a spoiler hides, by the expression that Discord's clients find one with."""
    found = re.fullmatch(r"\|\|([\s\S]+?)\|\|", message)
    assert found is not None, message
    assert re.match(r"\|\|([\s\S]+?)\|\|", message) is not None
    assert "||" not in found[1]
    return found[1]


def assert_inert(shown: str) -> None:
    for pattern in READ:
        assert not pattern.search(shown), (pattern.pattern, shown)
    # discord.py's own: a custom emoji it would find in the text
    assert not any(PartialEmoji.from_str(word).id for word in shown.split() if word.startswith("<"))


# --- Markdown -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "**Bold**, _italic_, ~~gone~~ and `code`.\n\n## Heading\n- one\n- two\n  1. three\n\n> quoted\n\n### Small",
        "```mermaid\nflowchart LR\n  a[Client] -->|reads| b[(Store)]\n  b <--> c([you])\n```",
        "`Vec<String>`, `a || b` and `` a ` b ``",
        "```cpp\n#include <stdio.h>\nstd::map<std::string, int> seen; // a && b || c\n```",
        "A plain https://x.test/?a_b=1&b=2 stays, and so do R&D and a [note] in brackets (or two).",
        "He said “use a queue”, שלום, 🙂 and bob@x.test, </div>, a < b > c.",
    ],
)
def test_what_discord_has_is_left_as_it_was_written(text: str) -> None:
    assert markdown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wrapped\nanywhere,\n  as guides are.", "Wrapped anywhere, as guides are."),
        ("One  \ntwo\\\nthree", "One\ntwo\nthree"),
        ("#### Deep\ntext", "**Deep**\ntext"),
        ("##### A **bold** one", "A **bold** one"),
        ("Title\n===\n\ntext", "# Title\ntext"),
        ("a\n\n---\n\nb", "a\n\nb"),
        ("~~~py\nx = 1\n~~~", "```py\nx = 1\n```"),
        ("````\n```\n````", "```\n`|`|`\n```"),
        ("```py title=x\na\n```", "```\npy title=x\na\n```"),
        ("    x = 1", "```\nx = 1\n```"),
        ("- a\n\n- b\n\n  more", "- a\n- b\n  more"),
        ("7. a\n8. b", "7. a\n8. b"),
        ("- a\n  ```py\n  x\n  ```\n- b", "- a\n```py\nx\n```\n- b"),
        ("> a\n>\n> > b", "> a\n> \n> b"),
        ("> ```\n> x\n> ```", "> ```\n> x\n> ```"),
        ("[the docs](https://x.test/a)", "the docs (https://x.test/a)"),
        ("![a diagram](https://x.test/a.png)", "a diagram (https://x.test/a.png)"),
        ("[](https://x.test/a)", "https://x.test/a"),
        ("[array[0](x)", "[array[0]|(x)"),
        ("a || b || c", "a ||| b ||| c"),
        ("one `stray\n\nand ` another", "one \\`stray\n\nand \\` another"),
        ("one  \n       ~~~\ntwo", "one\n~|~|~ two"),
        ("-# not small", "\\-# not small"),
        ("2\\. no list", "2\\. no list"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("| A | B |\n|:--|--:|\n| **1** | `x` |\n| 2 |", "- A: **1** · B: `x`\n- A: 2 · B: -"),
        ("Sizes:\n| A |\n|---|\n| 1 |", "Sizes:\n- A: 1"),
        ("a | b\n--- | ---\nx \\| y | 2 | 3", "- a: x | y · b: 2 · 3"),
    ],
)  # fmt: skip
def test_what_discord_has_not_reads_sensibly(text: str, shown: str) -> None:
    assert markdown(text).replace(JOINER, "|") == shown


@pytest.mark.parametrize("text", [*MENTIONS, *LINKS])
def test_no_mention_and_no_hidden_address_survives_wherever_it_stands(text: str) -> None:
    for frame in FRAMES:
        for shown in (markdown(frame.replace("{}", text)), escape(frame.replace("{}", text))):
            assert_inert(shown)
    assert_inert(spoiler(text))


def test_what_is_looked_for_would_be_found() -> None:
    """Else the tests above could not fail."""
    assert all(any(pattern.search(clean(text)) for pattern in READ) for text in MENTIONS)
    assert READ[-1].search(LINKS[0])


@given(mischief | st.text())
def test_markdown_is_inert_hides_nothing_and_says_what_was_written(text: str) -> None:
    shown = markdown(text)
    assert_inert(shown)
    assert not letters(clean(text)) - letters(shown)
    assert "||" not in outside_code(shown)


def test_text_that_goes_deeper_than_anybody_writes_is_shown_as_typed() -> None:
    assert markdown("> " * 60 + "so") == "\\> " * 60 + "so"


# --- messages -------------------------------------------------------------------------------------------------------


def test_a_short_text_is_one_message() -> None:
    assert messages("How would you **shard** it?") == ("How would you **shard** it?",)


@pytest.mark.parametrize("text", ["", " \n", "\x00\u202e", "---"])
def test_a_blank_text_is_no_message(text: str) -> None:
    assert messages(text) == ()
    assert messages(text, hidden=True) == ()
    assert spoiler(text) == ""


def test_a_long_text_is_cut_at_the_ends_of_paragraphs() -> None:
    paragraphs = [f"{letter} {'tell me more ' * 60}".strip() for letter in "abcdef"]
    assert messages("\n\n".join(paragraphs)) == tuple(
        "\n\n".join(pair) for pair in zip(paragraphs[::2], paragraphs[1::2], strict=True)
    )


def test_a_fence_that_fits_is_kept_whole() -> None:
    fence = "```py\n" + "if a < b: pass\n" * 100 + "```"
    sent = messages("Look at this. " * 60 + "\n\n" + fence + "\n\nWell?")
    assert [fence in message for message in sent] == [False, True]


def test_a_longer_fence_is_a_fence_in_every_message() -> None:
    sent = messages("```py\n" + "if a < b: pass\n" * 400 + "```")
    assert len(sent) == 4
    assert all(message.startswith("```py\n") and message.endswith("\n```") for message in sent)
    assert sum(message.count("if a < b: pass") for message in sent) == 400


def test_length_is_counted_so_that_neither_discord_nor_its_clients_find_it_too_long() -> None:
    sent = messages("🙂" * 1_500)
    assert [len(message) for message in sent] == [1_000, 500]


@given(mischief | st.text(), st.booleans(), st.sampled_from((100, 137, MESSAGE)))
def test_every_message_fits_and_none_of_the_words_are_lost(text: str, hidden: bool, limit: int) -> None:
    sent = messages(text, limit, hidden=hidden)
    assert all(0 < size(message) <= limit and message.strip() for message in sent)
    assert not letters(clean(text)) - letters("".join(sent))
    for message in sent:
        assert_inert(message)
        inner = inside(message) if hidden else message
        assert not open_fence(inner.removeprefix("\n"))
        assert inner.count("```") % 2 == 0


@given(mischief | st.text())
def test_a_spoiler_hides_all_of_it(text: str) -> None:
    shown = spoiler(text)
    assert not letters(clean(text)) - letters(shown)
    if shown:
        inside(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Think of a lease.", "||Think of a lease.||"),
        ("a || b and `c || d`", "||a |_| b and `c |_| d`||"),
        ("One.\n\nTwo.", "||One.\n\nTwo.||"),
        ("- one\n- two", "||\n- one\n- two||"),
        ("```py\na || b\n```", "||```py\na |_| b\n```||"),
        ("|x|", "||_|x|_||"),
        ("ends with \\", "||ends with \\\\||"),
        ("ends with \\\\", "||ends with \\\\||"),
    ],
)
def test_a_hint_is_hidden_until_it_is_tapped_whatever_it_contains(text: str, shown: str) -> None:
    assert spoiler(text).replace(JOINER, "_") == shown
    assert messages(text, hidden=True) == (spoiler(text),)


def test_every_message_of_a_long_hint_is_a_spoiler_of_its_own() -> None:
    sent = messages("Think of || leases. " * 300, hidden=True)
    assert len(sent) > 2
    assert all("leases" in inside(message) for message in sent)
    whole = messages("x" * 3 * MESSAGE, hidden=True)
    assert all(size(message) <= MESSAGE for message in whole)


def test_model_answers_of_the_bank_go_out_whole() -> None:
    bank = load_bank(data_root())
    for question in bank.questions[::10]:
        guide = bank.case(question.id).guide
        text = f"One way:\n\n{guide.model_answer}\n\n```mermaid\n{guide.diagram}\n```\n\n" + "\n".join(
            f"- {pitfall}" for pitfall in guide.pitfalls
        )
        sent = messages(text)
        assert not letters(text) - letters("".join(sent))
        assert all(size(message) <= MESSAGE for message in sent)
        assert any("```mermaid\n" in message for message in sent)


# --- what others say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* __under__ ~~gone~~ `code`", r"\*bold\* \_\_under\_\_ \~\~gone\~\~ \`code\`"),
        ("||secret||", r"\|\|secret\|\|"),
        ("# Title\n-# small\n- item\n+ item\n1. one\n2) two", "\\# Title\n\\-# small\n\\- item\n\\+ item\n1\\. one\n2\\) two"),
        ("> quoted\n>>> more", "\\> quoted\n\\>\\>\\> more"),
        ("[a](https://x.test/a_b)", r"\[a\]_(https:\//x.test/a\_b)"),
        (f"<@{ID}> @here", rf"\<_@{ID}\> @_here"),
        ("C:\\temp", r"C:\\temp"),
        ("2 * 3 - 1 is 5. #1", r"2 \* 3 - 1 is 5. #1"),
    ],
)  # fmt: skip
def test_somebodys_words_are_shown_as_they_typed_them(text: str, shown: str) -> None:
    assert escape(text).replace(JOINER, "_") == shown


@given(mischief | st.text())
def test_an_escaped_text_is_the_text_and_nothing_in_it_is_a_mark(text: str) -> None:
    shown = escape(text)
    assert_inert(shown)
    assert re.sub(r"\\([^0-9A-Za-z\s])", r"\1", shown).replace(JOINER, "") == clean(text).replace(JOINER, "")
    bare = re.sub(r"\\[^0-9A-Za-z\s]", "", shown)
    assert not set(bare) & set("\\`*_~|[]<>")
    assert "://" not in shown
    assert not re.search(r"^[ \t]*(?:-#|#{1,3}|[-+]|\d+[.)])\s", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("We use\n a   queue.", 40, "“We use a queue.”"),
        ("We would put a queue in front of it", 20, "“We would put a…”"),
        ("x" * 50, 12, "“" + "x" * 9 + "…”"),
        ("a_b and some more of it", 14, "“a\\_b and…”"),
        ("🙂" * 20, 12, "“" + "🙂" * 4 + "…”"),
        (" \n ", 20, ""),
    ],
)
def test_a_quote_is_one_line_and_ends_at_a_word(text: str, limit: int, shown: str) -> None:
    assert quote(text, limit) == shown


@given(mischief | st.text(), st.integers(10, 80))
def test_a_quote_keeps_to_its_limit(text: str, limit: int) -> None:
    shown = quote(text, limit)
    assert size(shown) <= limit
    assert "\n" not in shown
    assert_inert(shown)


def test_a_link_of_ours_says_where_it_leads_only_to_discord() -> None:
    address = "https://discord.com/channels/@me/1/2"
    assert link("your message", address) == f"[your message]({address})"


@pytest.mark.parametrize(
    "address", ["", "javascript:x", "https://x y", "https://x)", "https://x||", "https://" + "x" * 900]
)
def test_what_is_no_address_is_not_linked(address: str) -> None:
    assert link("your message", address) == ""


# --- speed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        "word ", "\\", "\\`", "`a", "<", "<@", "</", "](", "[a](", "**a*_", "> ", "- ", "1. ", "@here ", "a\n", "|a", "||",
        "| a | b |\n|-|-|\n", "| -", " ", "\t|", "\u0301", "_", "```\n", "```", "~", "# ", "  \n", "-# ", "=\n",
    ],
)  # fmt: skip
def test_a_hundred_kilobytes_take_a_moment(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    makers: list[Callable[[str], object]] = [
        escape,
        messages,
        lambda said: messages(said, hidden=True),
        spoiler,
        lambda said: quote(said, 300),
    ]
    for make in makers:
        began = time.perf_counter()
        make(text)
        # A guard that runs away takes minutes; how fast it is exactly depends on the machine.
        assert time.perf_counter() - began < 20
