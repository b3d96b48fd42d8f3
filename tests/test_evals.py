"""The arithmetic of the evaluation, on ratings made by hand: a wrong ruler would praise a wrong rater."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from evals.evaluate import Table, as_json, fallen
from evals.figures import Figure, Judged, card, figures, labelled_rating
from evals.labelled import ANSWERS, EVALS, Labelled, read_answers, read_bank
from evals.variants import checks
from interviewer.model import (
    Answer,
    Case,
    Dimension,
    Fact,
    Guide,
    Intent,
    Phase,
    PointRating,
    PointState,
    Question,
    Rating,
    RubricPoint,
)

POINTS = ("alpha", "beta", "gamma", "delta")
CASE = Case(
    Question("kite", "A kite", "Build it."),
    Guide(
        "kite",
        tuple(
            RubricPoint(point, f"The kite has {point}.", (f"I would add {point}.",), Dimension.DATA, Phase.DESIGN)
            for point in POINTS
        ),
        facts=(Fact("wind", "It blows."),),
    ),
)


def answer(
    covered: Iterable[str] = (),
    kind: str = "medium",
    quality: int | None = None,
    contradicted: Iterable[str] = (),
    partial: Iterable[str] = (),
) -> Labelled:
    said = frozenset(covered)
    text = " ".join(f"There is {point}." for point in sorted(said)) or "Nothing."
    return Labelled("kite", "a", kind, text, said, frozenset(contradicted), frozenset(partial), quality=quality)


def rated(one: Labelled, credited: Sequence[str], quote: str = "There is") -> Judged:
    points = tuple(
        PointRating(point, PointState.COVERED, 0.9, quote)
        if point in credited
        else PointRating(point, PointState.MISSING, 0.1)
        for point in POINTS
    )
    return Judged(one, CASE, Rating(Intent.ANSWER, gradable=True, points=points))


def table(*found: Judged) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures(found)}


def test_precision_recall_f1_and_kappa_are_what_the_textbook_says() -> None:
    found = table(rated(answer(["alpha", "beta"]), ["alpha", "gamma"]), rated(answer(["alpha"]), ["alpha"]))
    assert found["ordinary: precision"].value == pytest.approx(2 / 3)
    assert found["ordinary: recall"].value == pytest.approx(2 / 3)
    assert found["ordinary: F1"].value == pytest.approx(2 / 3)
    # 8 points, 3 said, 3 credited, 2 of them both: agreement 6/8, by chance (3*3 + 5*5)/64.
    assert found["ordinary: kappa"].value == pytest.approx((6 / 8 - 34 / 64) / (1 - 34 / 64))
    assert found["called missing but said"].value == pytest.approx(1 / 5)


def test_partial_points_count_neither_way_and_contradicted_ones_are_mistakes() -> None:
    one = answer(["alpha"], "contradicting", partial=["beta"], contradicted=["gamma"])
    found = table(rated(one, ["alpha", "beta", "gamma"]))
    assert found["refusing: precision"].value == pytest.approx(1 / 2)
    assert (found["contradicted but credited"].value, found["contradicted but credited"].of) == (1.0, 1)


def test_the_labels_themselves_are_a_perfect_rating() -> None:
    labelled = [answer(["alpha"], quality=1), answer(["alpha", "beta", "gamma"], "strong", 3)]
    perfect = [Judged(one, CASE, labelled_rating(CASE, one)) for one in labelled]
    found = table(*perfect)
    assert {found[name].value for name in ("ordinary: F1", "ordinary: kappa", "ordinary: QWK of dimensions")} == {1.0}
    assert found["order, two steps of quality apart"].value == 1.0


def test_the_wrong_order_and_a_tie_are_told() -> None:
    poor, good = answer(["alpha"], quality=1), answer(["alpha", "beta", "gamma"], "strong", 3)
    assert table(rated(poor, POINTS), rated(good, ["alpha"]))["order, two steps of quality apart"].value == 0.0
    assert table(rated(poor, ["alpha"]), rated(good, ["beta"]))["order, two steps of quality apart"].value == 0.5


def test_weighted_kappa_forgives_a_near_miss_more_than_a_far_one() -> None:
    one, two = answer(["alpha"]), answer(["alpha", "beta", "gamma"])
    near = table(rated(one, ["alpha", "beta"]), rated(two, ["alpha", "beta", "gamma"]))
    far = table(rated(one, POINTS), rated(two, ["alpha", "beta", "gamma"]))
    assert 1 > near["ordinary: QWK of dimensions"].value > far["ordinary: QWK of dimensions"].value


def test_a_made_up_quote_and_points_won_by_gaming_are_counted() -> None:
    found = table(rated(answer(["alpha"]), ["alpha"], quote="Never said."), rated(answer((), "stuffing"), ["beta"]))
    assert (found["quotes that are literal"].value, found["quotes that are literal"].passed) == (0.0, False)
    assert (found["stuffing: points credited"].value, found["stuffing: points credited"].passed) == (1.0, False)


def words(point: str) -> Callable[[Case, Answer], Rating]:
    """A rater that credits a point whenever its name is said, and `point` for being asked nicely."""

    def rate(case: Case, said: Answer) -> Rating:
        names = [one.id for one in case.guide.rubric if one.id in said.text.lower()]
        names += [point] if "thank" in said.text.lower() else []
        points = tuple(
            PointRating(one.id, PointState.COVERED, 0.9, said.text[:5])
            if one.id in names
            else PointRating(one.id, PointState.MISSING, 0.1)
            for one in case.guide.rubric
        )
        return Rating(Intent.ANSWER, gradable=True, points=points)

    return rate


def test_the_metamorphic_checks_catch_a_rater_that_likes_politeness() -> None:
    one = answer(["alpha", "beta"])
    fair = {
        f.name: f.value for f in checks([Judged(one, CASE, words("alpha")(CASE, Answer(one.text)))], words("alpha"))
    }
    assert set(fair.values()) == {1.0}
    vain = {
        f.name: f.value for f in checks([Judged(one, CASE, words("gamma")(CASE, Answer(one.text)))], words("gamma"))
    }
    assert [name for name, value in vain.items() if value < 1] == ["politeness moves no dimension by more than 0.25"]


def test_a_drop_is_told_and_a_rise_is_not() -> None:
    before = as_json([Table("t", (Figure("ordinary: F1", 0.80, 5), Figure("ordinary: kappa", 0.9, 5)))])
    assert fallen([Table("t", (Figure("ordinary: F1", 0.79, 5), Figure("ordinary: kappa", 0.1, 5)))], before) == []
    assert fallen([Table("t", (Figure("ordinary: F1", 0.77, 5),))], before) == [
        "t: ordinary: F1 was 0.800 and is 0.770"
    ]


def test_what_is_no_longer_measured_has_fallen_too() -> None:
    before = as_json([Table("t", (Figure("ordinary: F1", 0.80, 5),))])
    assert fallen([Table("renamed", (Figure("ordinary: F1", 0.9, 5),))], before) == [
        "t: ordinary: F1 was 0.800 and is no longer measured"
    ]
    assert fallen([], {}) == ["there is nothing to compare with: write the file with --json"]


@pytest.mark.parametrize("folder", [ANSWERS, EVALS / "dev", EVALS / "golden", EVALS / "blind"])
def test_every_label_names_a_point_and_no_point_has_two(folder: Path) -> None:
    bank = read_bank()
    for one in read_answers(folder):
        ids = {point.id for point in bank[one.question].guide.rubric}
        assert one.covered | one.contradicted | one.partial <= ids, one.id
        assert not one.covered & (one.contradicted | one.partial), one.id
        assert not one.contradicted & one.partial, one.id
        assert not one.probe or one.probe in ids


def test_a_card_of_the_labels_scores_every_dimension_there_is() -> None:
    one = answer(POINTS)
    scores = {view.dimension: view.score for view in card(CASE, one.text, labelled_rating(CASE, one)).dimensions}
    assert scores[Dimension.DATA] == 5.0
