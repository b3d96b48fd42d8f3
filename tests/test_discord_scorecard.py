"""A scorecard in Discord: what comes first, what a channel sees, and limits that hold for any card."""

import io
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import discord
import pytest
import simcord
from discord.ext import commands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.debrief import CAUTION, DISPUTE, debrief
from bot.discord.scorecard import cards, notice, shared
from bot.fitting import REST
from bot.picture import alt_text
from interviewer.model import Level, Misconception, Scorecard, Verdict
from tests.test_chunks import utf16
from tests.test_debrief import held
from tests.test_discord_text import READ
from tests.test_slack_scorecard import cards as any_card
from tests.test_slack_scorecard import long, saying

ADDRESS = "https://discord.com/channels/@me/1234567890123456789/1234567890123456789"
PICTURE = "attachment://scorecard.png"
HOSTILE = (
    "@everyone",
    "<@123456789012345678>",
    "<#123456789012345678>",
    "</start:123456789012345678>",
    "<t:1618953630:R>",
    "<:wave:123456789012345678>",
    "[click me](https://evil.example)",
    "https://evil.example",
    "||hidden||",
    "```code``` `x` **bold** _it_ ~~gone~~",
    "> quoted\n>>> more\n# title\n-# small",
)
TOP = {discord.ComponentType.container.value, discord.ComponentType.action_row.value}


def rows(count: int = 2, buttons: int = 4) -> list[discord.ui.ActionRow[Any]]:
    return [
        discord.ui.ActionRow(
            *(discord.ui.Button[Any](label="Do it", custom_id=f"{row}.{number}") for number in range(buttons))
        )
        for row in range(count)
    ]


def every(components: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every component as it is sent, nested ones too."""
    for component in components:
        yield component
        yield from every(component.get("components", ()))
        if "accessory" in component:
            yield from every([component["accessory"]])


def sent(layout: discord.ui.LayoutView) -> list[Mapping[str, Any]]:
    return list(every(layout.to_components()))


def read(*layouts: discord.ui.LayoutView) -> str:
    """All text there is in them."""
    return "\n".join(part["content"] for layout in layouts for part in sent(layout) if part["type"] == 10)


def images(*layouts: discord.ui.LayoutView) -> list[Mapping[str, Any]]:
    return [image for layout in layouts for part in sent(layout) if part["type"] == 12 for image in part["items"]]


def check(*layouts: discord.ui.LayoutView) -> None:
    """Discord takes each of these as a message."""
    for layout in layouts:
        components = layout.to_components()
        assert len(sent(layout)) <= 40
        assert {component["type"] for component in components} <= TOP
        assert utf16(read(layout).replace("\n", "")) <= 4_000
        assert sum(utf16(part["content"]) for part in sent(layout) if part["type"] == 10) <= 4_000
        assert all(part["content"].strip() for part in sent(layout) if part["type"] == 10)
        assert all(len(image["description"]) <= 1_024 for image in images(layout))
        assert layout.timeout is None


# --- what is shown --------------------------------------------------------------------------------------------------


async def test_verdict_picture_and_what_to_do_next_come_before_the_evidence() -> None:
    (shown,) = cards(held(), {}, PICTURE, rows())
    whole = read(shown)
    assert whole.startswith("## Scorecard: A lending library\n**No hire at senior, 1.2 of 5.** Held back by data. "), (
        whole
    )
    order = [
        "First gap", "Put this right", "requirements 4.6", "What you were credited for", "Your numbers",
        "Not credited", "Assumptions left to you", "Hints used: 1", CAUTION,
    ]  # fmt: skip
    assert [whole.index(part) for part in order] == sorted(whole.index(part) for part in order)
    assert [part["type"] for part in sent(shown)][:3] == [17, 10, 12]
    assert REST not in whole
    check(shown)


async def test_the_picture_is_the_file_sent_along_with_all_it_says_in_words() -> None:
    (image,) = images(*cards(held(), {}, PICTURE))
    assert image["media"]["url"] == PICTURE
    assert image["description"] == alt_text(held())


async def test_without_a_picture_the_dimensions_are_bars() -> None:
    shown = cards(held(), {})
    assert not images(*shown)
    assert "```\nrequirements ██████│██░ 4.6\nestimates    ░░░░░░│░░░ 0.0\n" in read(*shown)
    assert "drive        not assessed\n```" in read(*shown)
    assert max(len(line) for line in read(*shown).split("```")[1].splitlines()) <= 30  # a line of a phone


async def test_below_the_picture_the_dimensions_are_words() -> None:
    whole = read(*cards(held(), {}, PICTURE))
    assert "-# requirements 4.6 · estimates 0.0 · api 0.0 · data 0.0 · not assessed: architecture, depth" in whole
    assert "█" not in whole


async def test_a_quote_stands_below_its_point_with_a_link_to_its_message() -> None:
    whole = read(*cards(held(), {"m1": ADDRESS}))
    assert (
        "**The lending idea is said in full.**\n> “Readers borrow books”\n"
        f"-# requirements · volunteered · [your message]({ADDRESS})"
    ) in whole
    assert (
        "**The waiting-list idea is said in full.**\n> “A queue for each title”\n"
        "-# requirements · after a hint, 80% credit\n"
    ) in whole


@pytest.mark.parametrize("address", ["", "javascript:x", "https://x)", "https://x y", "https://" + "x" * 900])
async def test_what_is_no_address_is_not_linked(address: str) -> None:
    shown = cards(held(), {"m1": address})
    assert "your message" not in read(*shown)
    check(*shown)


async def test_what_is_not_credited_has_the_name_that_a_dispute_needs_and_the_words_that_were_heard() -> None:
    card = replace(held(), misconceptions=(Misconception("loan-rate", "No rate ever"),))
    whole = read(*cards(card, {}))
    assert f"### Not credited\n{DISPUTE}\n" in whole
    assert "- `loan-rate` · estimates: it sounded ruled out (“No rate ever”)" in whole
    assert "- `copy-record` · data: not heard" in whole


async def test_where_two_raters_disagree_it_says_so() -> None:
    card = held()
    whole = read(*cards(replace(card, points=tuple(replace(point, split=True) for point in card.points)), {}))
    listed = debrief(card)
    assert whole.count("worth a second look") == len(listed.credited) + len(listed.uncredited)


async def test_an_interview_that_could_not_be_judged_still_has_a_scorecard() -> None:
    card = replace(
        held(), gradable=False, verdict=None, overall=None, points=(), dimensions=(), first_gap="", next_steps=(),
        misconceptions=(), estimates=(), assumptions=(), spent={}, raters=(),
    )  # fmt: skip
    (shown,) = cards(card, {}, None, rows())
    assert read(shown) == (
        "## Scorecard: A lending library\n**Not gradable: there was nothing in it that could be judged.**\n"
        f"-# Hints used: 1. Rated by: nobody.\n-# {CAUTION}"
    )
    check(shown)


async def test_words_that_have_no_room_get_a_message_of_their_own_and_the_buttons_are_below_the_last() -> None:
    shown = cards(long(6), {"m1": ADDRESS}, PICTURE, rows())
    assert len(shown) == 2
    first, second = shown
    assert "What you were credited for" not in read(first)
    assert read(second).startswith("### What you were credited for, in your words\n**0: ")
    assert read(second).count("your message") == 13
    assert CAUTION in read(first)
    assert len(images(first)) == 1
    assert not images(second)
    assert [[part["type"] for part in layout.to_components()] for layout in shown] == [[17], [17, 1, 1]]
    assert REST not in read(*shown)
    check(*shown)


async def test_what_has_no_room_is_in_the_full_report_and_that_is_said_once_above_the_buttons() -> None:
    shown = cards(long(40, 30), {"m1": ADDRESS}, PICTURE, rows())
    assert len(shown) == 4
    assert "Not credited" in read(shown[0])
    quoted = read(*shown).count("your message")
    assert 8 < quoted < 30
    assert all(f"> “{number}: " in read(*shown) for number in range(quoted))
    assert [REST in read(layout) for layout in shown] == [False, False, False, True]
    assert [bool([part for part in sent(layout) if part["type"] == 2]) for layout in shown] == [
        False,
        False,
        False,
        True,
    ]
    check(*shown)


async def test_a_long_quote_is_cut_between_words() -> None:
    quotes = re.findall(r"> “([^”]*)”", read(*cards(long(200, 2), {})))
    assert len(quotes) == 2
    for quote in quotes:
        assert re.fullmatch(r"\d: (reservation ?)+…", quote), quote


async def test_the_colour_tells_a_hire_from_none_and_both_from_no_verdict() -> None:
    card = replace(held(), supported=Level.MID)

    def colour(card: Scorecard) -> int:
        return cards(card, {})[0].to_components()[0]["accent_color"]

    hires = {colour(replace(card, verdict=verdict)) for verdict in Verdict if "no" not in verdict}
    others = {colour(replace(card, verdict=verdict)) for verdict in Verdict if "no" in verdict}
    none = {colour(replace(card, verdict=None)), colour(replace(card, gradable=False))}
    assert (len(hires), len(others), len(none)) == (1, 1, 1)
    assert len(hires | others | none) == 3


def test_a_notice_says_the_verdict() -> None:
    assert notice(held()) == "Your scorecard: A lending library. No hire at senior, 1.2 of 5."


# --- what a channel sees --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [None, PICTURE])
async def test_a_channel_sees_title_level_verdict_dimensions_and_picture(picture: str | None) -> None:
    shown = shared(held(), picture)
    whole = read(shown)
    assert whole.startswith("## Scorecard: A lending library\n**No hire at senior, 1.2 of 5.**\n")
    assert "requirements" in whole
    assert "4.6" in whole
    assert "Level: senior · practice mode" in whole
    assert CAUTION in whole
    assert [image["media"]["url"] for image in images(shown)] == ([picture] if picture else [])
    check(shown)


@pytest.mark.parametrize("picture", [None, PICTURE])
async def test_a_channel_sees_none_of_the_candidates_words_and_gaps(picture: str | None) -> None:
    card = replace(saying("my own secret words"), title="A lending library")
    whole = read(shared(card, picture))
    for private in ("secret", "lending idea", "copy-record", "First gap", "Held back", "support", "loan-rate", "Hints"):
        assert private not in whole, private
        assert private in read(*cards(card, {})), private


# --- any card -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
async def test_nothing_a_candidate_wrote_is_more_than_text(text: str) -> None:
    card = saying(text)
    shown = (*cards(card, {}, PICTURE), shared(card, PICTURE))
    check(*shown)
    for whole in (read(*shown), notice(card)):
        for pattern in READ:
            assert not pattern.search(whole), whole
        assert "://" not in whole
        assert "||" not in whole.replace("\\|", "")


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_quote_ends_its_line_or_begins_markup(text: str) -> None:
    plain, whole = read(*cards(saying("plain"), {})), read(*cards(saying(text), {}))
    assert whole.count("\n") == plain.count("\n")
    assert whole.count("```") == plain.count("```")


async def test_rows_that_leave_no_room_are_refused() -> None:
    with pytest.raises(ValueError, match="maximum number of children"):
        cards(held(), {}, None, rows(8, 5))


ADDRESSES = st.dictionaries(
    st.sampled_from(("m1", "m2")), st.sampled_from((ADDRESS, "<@1>", "https://x.example/" + "&" * 480))
)


@given(any_card(), ADDRESSES, st.sampled_from((None, PICTURE)), st.integers(0, 5), st.integers(1, 5))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
async def test_any_card_is_within_discords_limits_and_mentions_nobody(
    card: Scorecard, links: Mapping[str, str], picture: str | None, count: int, buttons: int
) -> None:
    below = rows(count, buttons)
    shown, public = cards(card, links, picture, below), shared(card, picture)
    check(*shown, public)
    assert 1 <= len(shown) <= 4
    for whole in (read(*shown), read(public), notice(card)):
        unlinked = re.sub(r"\[your message\]\(https://[^()]*\)", "", whole)
        for pattern in READ:
            assert not pattern.search(unlinked), pattern.pattern
    assert utf16(notice(card)) <= 2_000
    assert debrief(card).headline[0] in read(shown[0])
    assert CAUTION in read(shown[0])
    assert [part for part in sent(shown[-1]) if part["type"] == 1] == [row.to_component_dict() for row in below]


# --- as Discord takes it --------------------------------------------------------------------------------------------


@asynccontextmanager
async def channel() -> AsyncGenerator[discord.TextChannel]:
    """A channel on a simulated Discord that a bare bot may write to."""
    bot = commands.Bot("!", intents=discord.Intents.default())
    async with simcord.run(bot) as env:
        made = env.create_guild().create_text_channel("general")
        found = bot.get_channel(made.id)
        assert isinstance(found, discord.TextChannel)
        yield found


def largest() -> Sequence[Scorecard]:
    return (
        held(),
        long(12),
        long(200, 40),
        saying("*`_~|" * 300),
        replace(held(), points=(), dimensions=(), first_gap="", next_steps=()),
    )


async def test_discord_takes_every_message_of_a_scorecard() -> None:
    async with channel() as here:
        for card in largest():
            for number, layout in enumerate(cards(card, {"m1": ADDRESS}, PICTURE, rows())):
                if number:
                    await here.send(view=layout)
                else:
                    await here.send(view=layout, file=discord.File(io.BytesIO(b"png"), "scorecard.png"))
            await here.send(view=shared(card))


async def test_discord_refuses_one_component_and_one_character_too_many() -> None:
    """Else the test above could not fail."""
    async with channel() as here:
        texts = [discord.ui.TextDisplay[Any]("x") for _ in range(39)]
        layout = discord.ui.LayoutView(timeout=None).add_item(discord.ui.Container[Any](*texts))
        await here.send(view=layout)
        texts[-1].content = "x" * 3_962
        await here.send(view=layout)
        texts[-1].content += "x"
        with pytest.raises(discord.HTTPException, match="4000"):
            await here.send(view=layout)
        texts[-1].content = "x"
        container = layout.children[0]
        assert isinstance(container, discord.ui.Container)
        container._children.append(discord.ui.TextDisplay("x"))  # pyright: ignore[reportPrivateUsage]  # past discord.py's own count
        with pytest.raises(discord.HTTPException, match="40 components"):
            await here.send(view=layout)
