"""A scorecard as a picture, and what a screen reader says in its place."""

import asyncio
import datetime
import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from bot.picture import (
    BARS,
    DPI,
    FULL,
    MARGIN,
    PALETTES,
    SMALL,
    THICK,
    WIDTH,
    Palette,
    Theme,
    alt_text,
    compose,
    draw,
    drawable,
    picture,
)
from interviewer.model import Dimension, DimensionScore, Ended, Level, Mode, Scorecard, Verdict
from interviewer.scoring import scorecard
from tests.cases import CASE, Drive

ON = datetime.date(2026, 11, 23)


def dimensions(*scores: float | None) -> tuple[DimensionScore, ...]:
    return tuple(DimensionScore(dimension, score, 3.3) for dimension, score in zip(Dimension, scores, strict=True))


CARD = Scorecard(
    interview="interview-7",
    question="apple-task-scheduler",
    title="A distributed task scheduler",
    level=Level.SENIOR,
    mode=Mode.PRACTICE,
    gradable=True,
    overall=3.1,
    verdict=Verdict.LEAN_HIRE,
    held_back=(Dimension.DATA,),
    supported=Level.MID,
    dimensions=dimensions(4.0, 2.9, 5.0, 1.2, 3.5, 3.3, 3.1, 0.0, 4.4),
    points=(),
    raters=("offline",),
)
PARTIAL = replace(
    CARD,
    verdict=None,
    held_back=(),
    supported=None,
    dimensions=dimensions(4.0, 2.0, None, None, None, None, None, None, None),
)
UNGRADABLE = replace(PARTIAL, gradable=False, overall=None, dimensions=dimensions(*[None] * 9), raters=())
POOR = replace(
    CARD,
    verdict=Verdict.NO_HIRE,
    overall=0.4,
    held_back=(Dimension.REQUIREMENTS, Dimension.ARCHITECTURE, Dimension.DATA, Dimension.RELIABILITY),
    supported=None,
)
LONG = replace(CARD, title="A platform for exceedingly long titles that nobody would ever ask about " * 40)
WIDE = replace(CARD, title="W" * 3000, question="M" * 3000)
CARDS = (CARD, PARTIAL, UNGRADABLE, POOR, LONG, WIDE)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def shown(card: Scorecard, name: str = "") -> str:
    return " ".join(texts(compose(card, ON, name=name)))


def boxes(figure: Figure) -> list[Bbox]:
    """Where the texts are, as the renderer sets them."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [text.get_window_extent(renderer) for text in figure.texts]


def check_that_it_fits(figure: Figure) -> None:
    """All text is within the margins, but for the overhang of a letter, and no text is on another."""
    width, height = figure.get_size_inches() * DPI
    placed = boxes(figure)
    for box, text in zip(placed, texts(figure), strict=True):
        assert MARGIN - 4 <= box.x0 <= box.x1 <= width - MARGIN + 4, text
        assert MARGIN - 20 <= box.y0 <= box.y1 <= height - MARGIN + 20, text
    bodies = [box.padded(0, -5) for box in placed]  # an accent may reach into the line above it
    for number, body in enumerate(bodies):
        assert not body.count_overlaps(bodies[number + 1 :]), texts(figure)[number]


def contrast(one: str, other: str) -> float:
    """As WCAG 2 has it, from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("theme", Theme)
def test_a_picture_is_a_png_of_a_phones_shape_that_is_sent_fast(card: Scorecard, theme: Theme) -> None:
    drawn = draw(card, ON, theme, "Ada Lovelace")
    with Image.open(io.BytesIO(drawn)) as image:
        assert image.format == "PNG"
        assert image.width == WIDTH
        assert WIDTH / 2 < image.height < WIDTH * 5 / 3
        assert image.convert("RGB").getpixel((5, image.height - 1)) == pixel(PALETTES[theme].page)
        assert clear(image.convert("RGB"), MARGIN - 6), "something is drawn on the margin"
    assert len(drawn) < 200_000


def pixel(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def clear(image: Image.Image, margin: int) -> bool:
    """Whether nothing but the page's own colour is on the margins."""
    width, height = image.size
    sides = [(0, 0, margin, height), (width - margin, 0, width, height)]
    ends = [(0, 0, width, margin - 10), (0, height - margin + 10, width, height)]
    return all(len(image.crop(box).getcolors() or ()) == 1 for box in [*sides, *ends])


def test_the_themes_differ_and_the_same_card_is_drawn_the_same() -> None:
    assert draw(CARD, ON, Theme.LIGHT) != draw(CARD, ON, Theme.DARK)
    assert draw(CARD, ON, Theme.DARK) == draw(CARD, ON, Theme.DARK)


@pytest.mark.parametrize("card", CARDS)
def test_all_text_is_on_the_page_and_none_on_other_text(card: Scorecard) -> None:
    check_that_it_fits(compose(card, ON, name="Ada Lovelace " * 20))


@pytest.mark.parametrize("theme", Theme)
def test_text_can_be_read_on_a_phone(theme: Theme) -> None:
    palette = PALETTES[theme]
    for text in compose(PARTIAL, ON, theme).texts:
        assert float(text.get_fontsize()) >= SMALL >= 11 * WIDTH / 360
        assert min(contrast(str(text.get_color()), ground) for ground in (palette.page, palette.panel)) >= 4.5


@pytest.mark.parametrize("theme", Theme)
def test_bars_stand_out_from_their_tracks_and_from_each_other(theme: Theme) -> None:
    palette = PALETTES[theme]
    assert min(contrast(bar, palette.track) for bar in (palette.reached, palette.below)) >= 3
    assert contrast(palette.reached, palette.below) >= 1.5


def test_a_picture_says_what_the_interview_was_and_what_came_of_it() -> None:
    assert texts(compose(CARD, ON)) == [
        "Mockingbird", "23 Nov 2026", "A distributed task scheduler", "Senior level, practice mode",
        "Lean hire", "at senior, 3.1 of 5", "Held back by data.", "It would support: mid.",
        "Requirements", "4.0", "Estimates", "2.9", "API", "5.0", "Data", "1.2", "Architecture", "3.5", "Depth", "3.3",
        "Reliability", "3.1", "Trade-offs", "0.0", "Drive", "4.4", "what a hire shows (3.3)",
        "Estimated coverage: rated without a language model,", "by how close your words came to each point.",
    ]  # fmt: skip


@pytest.mark.parametrize("theme", Theme)
def test_a_score_is_as_long_as_its_bar_and_has_a_hires_colour_from_the_mark_on(theme: Theme) -> None:
    with Image.open(io.BytesIO(draw(CARD, ON, theme))) as image:
        drawn = bars(image.convert("RGB"), PALETTES[theme])
    expected = [(score.score, score.score >= 3.3) for score in CARD.dimensions if score.score]
    assert [reached for _, reached in drawn] == [reached for _, reached in expected]
    assert [score for score, _ in drawn] == pytest.approx([score for score, _ in expected], abs=0.06)


def bars(image: Image.Image, palette: Palette) -> list[tuple[float, bool]]:
    """From the top down, how long each bar is and whether it has a hire's colour; one of 0 isn't there."""
    kinds: dict[object, bool] = {pixel(palette.reached): True, pixel(palette.below): False}
    starts = [image.getpixel((BARS + 12, y)) for y in range(image.height)]
    tops = [y for y in range(1, image.height) if starts[y] in kinds and starts[y - 1] not in kinds]
    middles = [(y + THICK // 2, starts[y]) for y in tops]
    ends = [max(x for x in range(BARS, BARS + FULL) if image.getpixel((x, y)) == colour) for y, colour in middles]
    return [(5 * (end + 1 - BARS) / FULL, kinds[colour]) for end, (_, colour) in zip(ends, middles, strict=True)]


def test_what_was_not_assessed_says_so_and_has_no_score() -> None:
    assert texts(compose(PARTIAL, ON)).count("not assessed") == 7
    assert "No verdict Too little of the interview was reached" in shown(PARTIAL)


def test_a_card_that_is_not_gradable_shows_no_scores() -> None:
    said = shown(UNGRADABLE)
    assert (
        "Not gradable There was nothing in it that could be judged. None of the nine dimensions was assessed." in said
    )
    assert "what a hire shows" not in said
    assert "is scored below" not in shown(replace(UNGRADABLE, gradable=True))


def test_a_card_without_support_at_any_level_says_so() -> None:
    assert "It does not yet support a hire at any level." in shown(POOR)


def test_a_rating_with_a_language_model_is_not_called_estimated_coverage() -> None:
    assert "Estimated coverage" in shown(CARD)
    assert "Estimated coverage" not in shown(replace(CARD, raters=("offline", "a-model+offline")))
    assert "Estimated coverage" not in alt_text(replace(CARD, raters=("a-model+offline",)))


def test_bars_that_differ_are_not_given_one_number() -> None:
    first, *rest = CARD.dimensions
    card = replace(CARD, dimensions=(replace(first, bar=2.5), *rest))
    assert texts(compose(card, ON))[-3] == "what a hire shows"
    assert "a hire shows" not in alt_text(card)


def test_a_long_title_ends_in_an_ellipsis_after_three_lines() -> None:
    assert texts(compose(LONG, ON))[2:6] == [
        "A platform for exceedingly long", "titles that nobody would ever ask", "about A platform for exceedingly…",
        "Senior level, practice mode",
    ]  # fmt: skip


def test_a_title_in_two_lines_leaves_no_word_alone() -> None:
    title = "Notifications from several regions that survive the loss of one"
    lines = texts(compose(replace(CARD, title=title), ON))[2:4]
    assert lines == ["Notifications from several regions", "that survive the loss of one"]


@pytest.mark.parametrize(
    ("title", "drawn"),
    [
        ("Design 🚀 a rocket 👩‍🚀", "Design a rocket"),
        ("設計 Twitter", "… Twitter"),
        ("תכנון מערכת (v2)", "תכנון מערכת (v2)"),
        ("تصميم نظام", "تصميم نظام"),
        ("\u202eevil\u2069 \x07title\nhere", "evil title here"),
        ("from $x^{ to $y", "from $x^{ to $y"),
        ("e\u0301\u0301\u0302" * 3, "\u00e9\u0301" * 3),
        ("設計", "apple-task-scheduler"),
        ("🚀", "apple-task-scheduler"),
        ("", "apple-task-scheduler"),
    ],
)
def test_what_the_font_cannot_draw_is_left_out(title: str, drawn: str) -> None:
    card = replace(CARD, title=title)
    assert draw(card, ON)
    assert texts(compose(card, ON))[2] == drawn


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=300), st.text(max_size=100))
def test_no_title_and_no_name_breaks_the_picture(title: str, name: str) -> None:
    card = replace(CARD, title=title, question=title)
    assert draw(card, ON, name=name)
    check_that_it_fits(compose(card, ON, name=name))
    assert len(alt_text(card)) <= 2000


def test_the_candidates_name_is_shown_only_when_it_is_given() -> None:
    drive = Drive()
    drive.start()
    drive.answer("lending", text="Ada: readers borrow books")
    drive.do(Ended(drive.now))
    card = scorecard(drive.state, CASE)
    assert drive.state.candidate not in shown(card)
    assert "Ada" not in shown(card)
    assert card.interview not in shown(card)
    assert "Ada Lovelace" in texts(compose(card, ON, name="Ada Lovelace"))


def test_a_name_takes_one_line_and_one_that_cannot_be_drawn_takes_none() -> None:
    assert texts(compose(CARD, ON, name="李明")) == texts(compose(CARD, ON))
    assert len(texts(compose(CARD, ON, name="Ada Lovelace " * 20))) == len(texts(compose(CARD, ON))) + 1


async def test_the_event_loop_goes_on_while_pictures_are_drawn() -> None:
    drawing = asyncio.gather(*(picture(CARD, ON, theme) for theme in Theme for _ in range(2)))
    ticks = 0
    while not drawing.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert len(set(await drawing)) == len(Theme)
    assert ticks > 40, "a loop that each picture holds ticks once a picture"


def test_a_screen_reader_says_all_that_is_shown() -> None:
    assert alt_text(CARD) == (
        "Scorecard for: A distributed task scheduler. Level: senior. Mode: practice. Lean hire at senior, 3.1 of 5. "
        "Held back by data. It would support: mid. Scores of 5; a hire shows 3.3: requirements 4.0; estimates 2.9; "
        "API 5.0; data 1.2; architecture 3.5; depth 3.3; reliability 3.1; trade-offs 0.0; drive 4.4. "
        "Estimated coverage: rated without a language model, by how close your words came to each point."
    )
    assert "estimates 2.0; API not assessed;" in alt_text(PARTIAL)
    assert alt_text(UNGRADABLE).endswith("None of the nine dimensions was assessed.")


def test_a_screen_reader_hears_a_title_in_any_script_and_of_any_length() -> None:
    assert "設計 🚀" in alt_text(replace(CARD, title="設計 🚀"))
    assert len(alt_text(LONG)) < 2000
    assert "drive 4.4" in alt_text(LONG)


def test_a_text_keeps_what_shapes_it() -> None:
    assert drawable("می\u200cخواهم") == "می\u200cخواهم"
