"""A scorecard in Slack: what comes first, what a channel sees, and limits that hold for any card."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.debrief import CAUTION, DISPUTE, debrief
from bot.picture import alt_text
from bot.slack.scorecard import REST, blocks, notice, shared
from interviewer.model import (
    Dimension,
    DimensionScore,
    EstimateScore,
    Evidence,
    Level,
    Misconception,
    Mode,
    NextStep,
    Phase,
    PointScore,
    PointState,
    Scorecard,
    Source,
    Verdict,
)
from tests.slack.limits import check_blocks
from tests.test_debrief import held

PERMALINK = "https://team.slack.com/archives/D1/p17?thread_ts=1.2&cid=D1"
HOSTILE = (
    "<!channel>",
    "<!here|here>",
    "<!subteam^S1>",
    "<@U1>",
    "<#C1|general>",
    "<https://evil.example|click me>",
    "<mailto:a@b.example|mail>",
    "&lt;!channel&gt;",
    "```code``` `x` *bold* _it_ ~gone~",
    "> quoted\n>>> more",
)
TAG = re.compile(r"<[^<>]*>")


def texts(shown: Sequence[Mapping[str, Any]], kind: str = "mrkdwn") -> list[str]:
    """Every text object of the kind, in order."""
    objects = [each for block in shown for each in (block.get("text"), *(block.get("elements") or ())) if each]
    return [each["text"] for each in objects if each["type"] == kind]


def read(shown: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(texts(shown))


def check(shown: Sequence[Mapping[str, Any]]) -> None:
    """Slack takes these blocks, and there is room left for two rows of buttons, however Slack counts."""
    check_blocks(json.loads(json.dumps(shown)), lambda file: "" if set(file) == {"id"} else "which file?")
    assert len(shown) <= 46
    assert len(json.dumps(shown, ensure_ascii=False)) <= 11_600
    assert all(text["verbatim"] for text in _mrkdwn(shown))


def _mrkdwn(shown: object) -> Iterable[Mapping[str, Any]]:
    if isinstance(shown, Mapping):
        if shown.get("type") == "mrkdwn":  # pyright: ignore[reportUnknownMemberType]
            yield shown  # pyright: ignore[reportUnknownVariableType]
        shown = list(shown.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(shown, list | tuple):
        for each in shown:  # pyright: ignore[reportUnknownVariableType]
            yield from _mrkdwn(each)  # pyright: ignore[reportUnknownArgumentType]


def saying(text: str) -> Scorecard:
    """A scorecard with this text wherever a candidate's words can stand."""
    card = held()
    points = tuple(
        replace(point, evidence=replace(point.evidence, quote=text))
        if point.evidence
        else replace(point, doubt=text, expected=True, credit=0.0)
        for point in card.points
    )
    wrong = (Misconception("loan-rate", text),)
    return replace(card, title=text, points=points, assumptions=(text,), misconceptions=wrong)


def long(words: int, credited: int = 13) -> Scorecard:
    """A scorecard with this many credited points, each with a statement and a quote of so many words."""
    first = held().points[0]
    text = " ".join(["reservation"] * words)
    points = [
        replace(
            first,
            point=f"point-{number}",
            statement=f"{number}: {text}",
            evidence=Evidence(f"{number}: {text}", "m1", Source.VOLUNTEERED, Phase.DESIGN),
        )
        for number in range(credited)
    ]
    return replace(held(), points=(*points, *held().points[2:]), next_steps=held().next_steps[:2])


# --- what is shown --------------------------------------------------------------------------------------------------


def test_verdict_picture_and_what_to_do_next_come_before_the_evidence() -> None:
    shown = blocks(held(), {}, "F1")
    assert shown[0]["type"] == "header"
    assert shown[0]["text"]["text"] == "Scorecard: A lending library"
    assert shown[1]["text"]["text"].startswith("*No hire at senior, 1.2 of 5.* Held back by data.")
    assert shown[2]["type"] == "image"
    whole = read(shown)
    order = [
        "First gap", "Put this right", "requirements 4.6", "What you were credited for", "Your numbers",
        "Not credited", "Assumptions left to you", "Hints used: 1", CAUTION,
    ]  # fmt: skip
    assert [whole.index(part) for part in order] == sorted(whole.index(part) for part in order)
    check(shown)


def test_the_picture_is_slacks_file_with_all_it_says_in_words() -> None:
    (image,) = (block for block in blocks(held(), {}, "F1") if block["type"] == "image")
    assert image["slack_file"] == {"id": "F1"}
    assert image["alt_text"] == alt_text(held())


def test_without_a_picture_the_dimensions_are_bars() -> None:
    shown = blocks(held(), {})
    assert not [block for block in shown if block["type"] == "image"]
    assert "requirements ██████│██░ 4.6\nestimates    ░░░░░░│░░░ 0.0\n" in read(shown)
    assert "drive        not assessed```" in read(shown)
    assert max(len(line) for line in _code(read(shown)).splitlines()) <= 30  # a line of a phone


def _code(text: str) -> str:
    return text.split("```")[1]


def test_below_the_picture_the_dimensions_are_words() -> None:
    whole = read(blocks(held(), {}, "F1"))
    assert "requirements 4.6 · estimates 0.0 · api 0.0 · data 0.0 · not assessed: architecture, depth" in whole
    assert "█" not in whole


def test_a_quote_stands_below_its_point_with_a_link_to_its_message() -> None:
    shown = texts(blocks(held(), {"m1": PERMALINK}))
    address = PERMALINK.replace("&", "&amp;")
    assert (
        "*The lending idea is said in full.*\n>“Readers borrow books”\n"
        f"requirements · volunteered · <{address}|your message>"
    ) in shown
    assert (
        "*The waiting-list idea is said in full.*\n>“A queue for each title”\nrequirements · after a hint, 80% credit"
    ) in shown


@pytest.mark.parametrize(
    "address", ["", "javascript:x", "https://x|y", "https://x> <!channel>", "https://" + "x" * 900]
)
def test_what_is_no_address_is_not_linked(address: str) -> None:
    shown = blocks(held(), {"m1": address})
    assert "your message" not in read(shown)
    check(shown)


def test_what_is_not_credited_has_the_name_that_a_dispute_needs_and_the_words_that_were_heard() -> None:
    card = replace(held(), misconceptions=(Misconception("loan-rate", "No rate ever"),))
    whole = read(blocks(card, {}))
    assert f"*Not credited*\n{DISPUTE}\n" in whole
    assert "• `loan-rate` · estimates: it sounded ruled out (“No rate ever”)" in whole
    assert "• `copy-record` · data: not heard" in whole


def test_where_two_raters_disagree_it_says_so() -> None:
    card = held()
    whole = read(blocks(replace(card, points=tuple(replace(point, split=True) for point in card.points)), {}))
    listed = debrief(card)
    assert whole.count("worth a second look") == len(listed.credited) + len(listed.uncredited)


def test_an_interview_that_could_not_be_judged_still_has_a_scorecard() -> None:
    card = replace(
        held(), gradable=False, verdict=None, overall=None, points=(), dimensions=(), first_gap="", next_steps=(),
        misconceptions=(), estimates=(), assumptions=(), spent={}, raters=(),
    )  # fmt: skip
    shown = blocks(card, {})
    assert read(shown) == (
        f"*Not gradable: there was nothing in it that could be judged.*\nHints used: 1. Rated by: nobody.\n{CAUTION}"
    )
    check(shown)


def test_what_has_no_room_is_in_the_full_report_and_that_is_said() -> None:
    card = long(40, 30)
    shown = blocks(card, {"m1": PERMALINK}, "F1")
    whole = read(shown)
    assert REST in whole
    assert "Not credited" in whole  # what can be disputed is worth more than the thirtieth quote
    quoted = whole.count("your message")
    assert 3 < quoted < 30
    assert all(f">“{number}: " in whole for number in range(quoted))
    check(shown)


def test_what_fits_is_shown_whole() -> None:
    assert REST not in read(blocks(held(), {"m1": PERMALINK}, "F1"))
    assert REST not in read(blocks(long(12), {"m1": PERMALINK}, "F1"))


def test_a_long_quote_is_cut_between_words() -> None:
    whole = read(blocks(long(200, 2), {}))
    quotes = re.findall(r">“([^”]*)”", whole)
    assert len(quotes) == 2
    for quote in quotes:
        assert re.fullmatch(r"\d: (reservation ?)+…", quote), quote


def test_a_notification_says_the_verdict() -> None:
    assert notice(held()) == "Your scorecard: A lending library. No hire at senior, 1.2 of 5."


# --- what a channel sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [None, "F1"])
def test_a_channel_sees_title_level_verdict_dimensions_and_picture(picture: str | None) -> None:
    shown = shared(held(), picture)
    whole = read(shown)
    assert shown[0]["text"]["text"] == "Scorecard: A lending library"
    assert "*No hire at senior, 1.2 of 5.*" in whole
    assert "requirements" in whole
    assert "4.6" in whole
    assert "Level: senior · practice mode" in whole
    assert [block["slack_file"] for block in shown if block["type"] == "image"] == (
        [{"id": picture}] if picture else []
    )
    check(shown)


@pytest.mark.parametrize("picture", [None, "F1"])
def test_a_channel_sees_none_of_the_candidates_words_and_gaps(picture: str | None) -> None:
    card = replace(saying("my own secret words"), title="A lending library")
    whole = json.dumps(shared(card, picture))
    for private in ("secret", "lending idea", "copy-record", "First gap", "Held back", "support", "loan-rate", "Hints"):
        assert private not in whole.replace(json.dumps(alt_text(card))[1:-1], ""), private


# --- any card -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_a_candidate_wrote_is_more_than_text(text: str) -> None:
    card = saying(text)
    for shown in (blocks(card, {"m1": PERMALINK}, "F1"), shared(card, "F1")):
        check(shown)
        for each in texts(shown):
            found = TAG.findall(each)
            assert found in ([], [f"<{PERMALINK.replace('&', '&amp;')}|your message>"]), each
    assert not TAG.findall(notice(card))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_quote_ends_its_line_or_begins_markup(text: str) -> None:
    plain = read(blocks(saying("plain"), {}))
    whole = read(blocks(saying(text), {}))
    assert whole.count("\n") == plain.count("\n")
    assert whole.count("```") == plain.count("```")


WILD = st.text(alphabet="ab é&<>*_~`|\n\t@!#:/.”\x00\u202e界", max_size=300)
"""Among them the texts that are longest once they are escaped."""
WORDS = st.one_of(
    st.sampled_from(("", "word", "&" * 2_000, "<" * 700, "*`_~" * 300, "long " * 800, "x" * 5_000, *HOSTILE)), WILD
)
SCORES = st.floats(0, 5).map(lambda score: round(score, 1))


def points(names: Sequence[str]) -> st.SearchStrategy[tuple[PointScore, ...]]:
    return st.tuples(*(_point(name) for name in names))


def _point(name: str) -> st.SearchStrategy[PointScore]:
    evidence = st.builds(
        Evidence, WORDS, st.sampled_from(("", "m1", "m2")), st.sampled_from(Source), st.sampled_from(Phase)
    )
    return st.builds(
        PointScore,
        point=st.just(name),
        statement=WORDS,
        dimension=st.sampled_from(Dimension),
        level=st.sampled_from(Level),
        weight=st.just(1),
        state=st.sampled_from(PointState),
        confidence=st.just(0.5),
        credit=st.sampled_from((0.0, 0.3, 1.0)),
        expected=st.booleans(),
        evidence=st.none() | evidence,
        doubt=WORDS,
        split=st.booleans(),
    )


@st.composite
def cards(draw: st.DrawFn) -> Scorecard:
    """Any scorecard, sensible or not: as many points as a guide never has, and texts as long as nobody writes."""
    strange = draw(st.sampled_from(("point", "`<!channel>` ", "p" * 300)))
    names = [f"{strange}-{number}" for number in range(draw(st.sampled_from((0, 1, 5, 40, 90))))]
    once = draw(points(names[:5]))
    known = tuple(replace(once[place % len(once)], point=name) for place, name in enumerate(names)) if names else ()
    chosen = st.sampled_from(names) if names else st.nothing()
    wrong = st.builds(Misconception, chosen, WORDS)
    steps = st.builds(NextStep, st.sampled_from(("correct", "learn", "volunteer")), chosen)
    estimate = st.builds(
        EstimateScore, WORDS, st.sampled_from(("GB", "a" * 400)), st.just(2.0), WORDS, st.none() | st.floats(0, 1e18),
        st.booleans(),
    )  # fmt: skip
    few = draw(st.sampled_from((0, 1, 30)))
    return Scorecard(
        interview="i1",
        question=draw(st.sampled_from(("library", "x" * 3_000))),
        title=draw(WORDS),
        level=draw(st.sampled_from(Level)),
        mode=draw(st.sampled_from(Mode)),
        gradable=draw(st.booleans()),
        overall=draw(SCORES),
        verdict=draw(st.none() | st.sampled_from(Verdict)),
        held_back=tuple(draw(st.lists(st.sampled_from(Dimension), unique=True))),
        supported=draw(st.none() | st.sampled_from(Level)),
        dimensions=tuple(
            DimensionScore(dimension, draw(st.none() | SCORES), 3.3)
            for dimension in draw(st.sampled_from(((), tuple(Dimension))))
        ),
        points=known,
        misconceptions=tuple(draw(st.lists(wrong, max_size=3))) if names else (),
        estimates=tuple(draw(st.lists(estimate, max_size=2))) * few,
        first_gap=draw(st.sampled_from(("", names[0]))) if names else "",
        next_steps=tuple(draw(st.lists(steps, max_size=3))) if names else (),
        assumptions=tuple(draw(st.lists(WORDS, max_size=2))) * few,
        hints=3,
        spent=draw(st.dictionaries(st.sampled_from(Phase), st.floats(0, 1e6))),
        raters=tuple(draw(st.lists(WORDS, max_size=3))),
    )


ADDRESSES = st.dictionaries(
    st.sampled_from(("m1", "m2")), st.sampled_from((PERMALINK, "<!channel>", "https://x.example/" + "&" * 480))
)


@given(cards(), ADDRESSES, st.sampled_from((None, "F1")))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_card_is_within_slacks_limits_and_pings_nobody(
    card: Scorecard, links: Mapping[str, str], picture: str | None
) -> None:
    shown, public = blocks(card, links, picture), shared(card, picture)
    check(shown)
    check(public)
    tags = {tag for text in (*texts(shown), *texts(public), notice(card)) for tag in TAG.findall(text)}
    assert {tag.removesuffix("|your message>") for tag in tags} <= {
        f"<{address.replace('&', '&amp;')}" for address in links.values() if address.startswith("https://")
    }
    assert len(notice(card)) <= 3_000
    assert shown[0]["type"] == "header"
    assert debrief(card).headline[0] in read(shown)
