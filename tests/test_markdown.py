"""A scorecard and a report as Markdown, read back with a Markdown parser."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from itertools import groupby
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.debrief import one_line
from bot.markdown import literal, report, scorecard
from interviewer.model import (
    Case,
    Guide,
    Misconception,
    MoveKind,
    Phase,
    PointState,
    Question,
    Scorecard,
    Speaker,
    Turn,
)
from tests.cases import CASE, GUIDE
from tests.test_debrief import held

HOSTILE = (
    "# heading",
    "Title\n===",
    "a\n---\nb",
    "a\n:-",
    "- item",
    "1. item",
    "> quote",
    "[link](https://evil.example)",
    "![image](https://evil.example/x.png)",
    "[ref]: https://evil.example",
    "<https://evil.example>",
    "<b>bold</b> <script>x</script> <!-- gone -->",
    "&lt;b&gt; &amp; &#35;",
    "**bold** _it_ ~~gone~~ `code` $x$",
    "| a | b |\n| - | - |\n| 1 | 2 |",
    "a | b",
    "\\# \\[x\\](y) \\",
    "    indented",
    "\tindented",
    "[^1] [x] :smile: +++ ***",
)
MARKUP = st.text(alphabet="#*_`~<>[]()!|\\&$@:/.-+=;1aw \n\t\r\x00\u2028\u00a0é”", max_size=60)
UNWANTED = {"link_open", "image", "html_inline", "html_block", "em_open", "s_open", "code_inline", "code_block"}.union(
    ("hr", "table_open", "bullet_list_open", "ordered_list_open", "blockquote_open")
)
CODE = "def f(x):\n    return x ** 2  # <b>\n\n| x |"


def parsed(markdown: str) -> list[Token]:
    """All tokens, the inline ones among them."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    return [each for token in tokens for each in (token, *(token.children or ()))]


def kinds(markdown: str) -> set[str]:
    return {token.type for token in parsed(markdown)}


def structure(markdown: str) -> list[str]:
    """What it is made of, in order; how a text is cut up for escapes does not matter."""
    return [kind for kind, _ in groupby(token.type for token in parsed(markdown))]


def shown(markdown: str) -> str:
    """The text a reader sees, without what is there only against mentions."""
    return "".join(token.content for token in parsed(markdown) if token.type == "text").replace("\u2060", "")


def headings(markdown: str) -> list[str]:
    tokens = parsed(markdown)
    return [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]


def links(markdown: str) -> list[object]:
    return [token.attrs["href"] for token in parsed(markdown) if token.type == "link_open"]


def saying(text: str) -> Scorecard:
    """A scorecard with this text wherever a candidate's words can stand."""
    card = held()
    points = [
        replace(point, evidence=replace(point.evidence, quote=text)) if point.evidence else replace(point, doubt=text)
        for point in card.points
    ]
    # One of each state without a credit, so that doubts are shown too.
    points[2:5] = [replace(point, state=PointState.UNSURE, credit=0.0, expected=True) for point in points[2:5]]
    return replace(
        card, title=text, points=tuple(points), assumptions=(text,), misconceptions=(Misconception("loan-rate", text),)
    )


def line(text: str, kind: str = "answer", message: str = "m1", phase: Phase = Phase.REQUIREMENTS) -> Turn:
    """A line of the candidate's at 21:05:30 UTC on 14 November 2023."""
    return Turn(Speaker.CANDIDATE, phase, kind, text, 1699995930.0, message)


def interviewer(text: str, kind: str = "probe") -> Turn:
    return Turn(Speaker.INTERVIEWER, Phase.REQUIREMENTS, kind, text, 1699995900.0)


def told(*turns: Turn, links: dict[str, str] | None = None) -> str:
    return report(held(), turns, CASE, links or {}, UTC)


def transcript(*turns: Turn) -> str:
    """The report from the transcript on."""
    return told(*turns).split("## Transcript", 1)[1]


def test_a_scorecard_has_its_parts_in_the_order_they_matter() -> None:
    assert headings(scorecard(held())) == [
        "Scorecard: A lending library",
        "First gap",
        "Next",
        "Dimensions",
        "What you were credited for, in your words",
        "Your numbers",
        "Not credited",
        "Assumptions left to you",
    ]


def test_dimensions_are_a_table_with_bars() -> None:
    tokens = parsed(scorecard(held()))
    cells = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "td_open"]
    assert cells[:3] == ["requirements", "████████████│█████░░", "4.6"]
    assert len(cells) == 3 * 9


def test_a_quote_is_a_blockquote_below_its_point() -> None:
    markdown = scorecard(held())
    assert "**lending**: The lending idea is said in full." in markdown
    assert "\n\n> “Readers borrow books”\n\n" in markdown


def test_a_quote_links_to_its_message_when_its_address_is_known() -> None:
    address = "https://team.slack.com/archives/D1/p17?thread_ts=1.2&cid=D1"
    assert links(scorecard(held(), {"m1": address})) == [address]
    assert links(scorecard(held())) == []


def test_an_address_can_not_end_its_link_early() -> None:
    hostile = "https://team.slack.com/a> <b>x</b> \\) [y](z"
    markdown = scorecard(held(), {"m1": hostile})
    assert len(links(markdown)) == 1
    assert not kinds(markdown) & {"html_inline", "html_block"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_candidates_words_on_a_scorecard_render_literally(text: str) -> None:
    markdown = scorecard(saying(text))
    assert structure(markdown) == structure(scorecard(saying("plain words")))
    # The title, two quotes, three doubts (or a claim) and an assumption.
    assert shown(markdown).count(one_line(text)) >= 7


@given(MARKUP)
def test_a_literal_line_is_nothing_but_its_text(text: str) -> None:
    tokens = parsed(f"> {literal(text)}")
    assert {token.type for token in tokens} <= {
        "blockquote_open", "paragraph_open", "inline", "text", "paragraph_close", "blockquote_close",
    }  # fmt: skip
    assert "".join(token.content for token in tokens if token.type == "text").replace("\u2060", "") == one_line(text)


@given(MARKUP)
def test_what_github_links_of_its_own_accord_is_broken_up(text: str) -> None:
    escaped = literal(text)
    assert "://" not in escaped
    assert "www." not in escaped.lower()
    assert not re.search(r"@(?!\u2060)", escaped)


def test_a_report_is_scorecard_then_model_answer_then_transcript() -> None:
    found = headings(told(interviewer("How so?"), line("Like this.")))
    rest = ["One good way through it", "Where people go wrong", "Transcript", "Requirements"]
    assert found[0] == "Scorecard: A lending library"
    assert found[-3:] == [rest[0], rest[2], rest[3]]
    assert told().startswith(scorecard(held()))


def test_the_model_answer_has_its_diagram_and_its_pitfalls() -> None:
    guide = replace(GUIDE, model_answer="First # line\nwrapped.\n\nSecond.", pitfalls=("Lending * twice",))
    tokens = parsed(report(held(), (), Case(CASE.question, guide), {}, UTC))
    (diagram,) = (token for token in tokens if token.type == "fence")
    assert (diagram.info, diagram.content) == ("mermaid", "flowchart LR\n  a --> b\n")
    texts = [token.content for token in tokens if token.type == "inline"]
    assert texts[-4:] == [r"First \# line wrapped.", "Second.", "Where people go wrong", r"Lending \* twice"]


def test_a_question_without_a_model_answer_has_no_empty_part() -> None:
    bare = Case(Question("q", "Q", "?"), Guide("q", ()))
    assert report(held(), (), bare, {}, UTC) == scorecard(held())


def test_the_transcript_says_who_spoke_when_and_in_which_phase() -> None:
    markdown = report(
        held(),
        (interviewer("How so?"), line("Like this."), line("And more.", phase=Phase.DESIGN)),
        CASE,
        {"m1": "https://x.example/m1"},
        ZoneInfo("Europe/Berlin"),
    )
    said = markdown.split("## Transcript")[1]
    assert headings(said) == ["Requirements", "Design"]
    assert "Times are local (Europe/Berlin)." in said
    assert "**Interviewer** · 14 November 2023, 22:05\n\nHow so?" in said
    assert "**You** · [14 November 2023, 22:05](<https://x.example/m1>)\n\nLike this." in said


def test_a_deleted_line_is_shown_as_deleted() -> None:
    assert "**You** · 14 November 2023, 21:05\n\n*(deleted by the candidate)*" in transcript(line("", kind="deleted"))


def test_the_model_answer_is_not_repeated_in_the_transcript() -> None:
    said = transcript(interviewer("Begin with the desk.\n```mermaid\nx\n```", MoveKind.MODEL_ANSWER.value))
    assert "as above" in said
    assert "desk" not in said


def test_code_stays_code() -> None:
    tokens = parsed(transcript(line(f"I would write:\n```python\n{CODE}\n```\nand be done.")))
    (code,) = (token for token in tokens if token.type == "fence")
    assert (code.info, code.content) == ("python", f"{CODE}\n")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("````\n```\n# x\n```\n````", "```\n# x\n```\n"),
        ("~~~\n```\n# x\n~~~", "```\n# x\n"),
        ("```\nnever closed\n# x", "never closed\n# x\n"),
        ("```js <img src=x>\nx\n```", "x\n"),
    ],
)
def test_a_fence_ends_where_the_candidate_ended_it(text: str, code: str) -> None:
    said = transcript(line(text), interviewer("Go on."))
    (fence,) = (token for token in parsed(said) if token.type == "fence")
    assert fence.content == code
    assert re.fullmatch(r"\w*", fence.info)
    assert "Go on." in shown(said)


def test_lines_and_their_indentation_are_kept() -> None:
    said = transcript(line("Steps:\n  - take it\n  - lend it\n\nDone."))
    assert "Steps:  \n&nbsp;&nbsp;\\- take it  \n&nbsp;&nbsp;\\- lend it\n\nDone." in said
    assert "hardbreak" in kinds(said)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("speaker", Speaker)
def test_what_anybody_said_renders_literally(text: str, speaker: Speaker) -> None:
    said = transcript(replace(line(text, message=""), speaker=speaker))
    assert headings(said) == ["Requirements"]
    assert not kinds(said) & UNWANTED
    for part in filter(None, map(one_line, text.split("\n"))):
        assert part in shown(said)


@given(st.lists(MARKUP, max_size=4))
def test_nothing_that_is_said_gets_out_of_its_place(texts: Iterable[str]) -> None:
    turns = [line(text, message="") for text in texts if one_line(text)]
    said = transcript(*turns, interviewer("The end."))
    assert headings(said) == ["Requirements"]
    assert not kinds(said) & UNWANTED
    assert shown(said).endswith("The end.")


def test_a_report_names_no_candidate() -> None:
    assert "ada" not in told(interviewer("How so?"), line("Like this.")).lower()
