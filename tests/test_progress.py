"""What earlier interviews say about the next."""

from interviewer.model import Dimension, DimensionScore, Level, Mode, Scorecard
from interviewer.progress import RECENT, weak


def card(**scores: float | None) -> Scorecard:
    return Scorecard(
        interview="i",
        question="q",
        title="Q",
        level=Level.SENIOR,
        mode=Mode.PRACTICE,
        gradable=True,
        overall=3.0,
        verdict=None,
        held_back=(),
        supported=None,
        dimensions=tuple(DimensionScore(Dimension(name), score, 3.3) for name, score in scores.items()),
        points=(),
    )


def test_somebody_new_has_no_weakness() -> None:
    assert weak([]) == ()


def test_the_two_lowest_of_what_lies_under_the_bar_are_weak() -> None:
    found = weak([card(data=1.0, api=2.0, depth=3.0, architecture=4.0), card(data=3.0, api=1.0, estimates=None)])
    assert found == (Dimension.API, Dimension.DATA)


def test_what_lies_over_the_bar_is_not_weak_and_drive_is_no_subject() -> None:
    assert weak([card(data=3.3, api=3.2, drive=0.0)]) == (Dimension.API,)


def test_old_interviews_no_longer_count() -> None:
    assert weak([card(data=0.0), *[card(data=5.0)] * RECENT]) == ()
