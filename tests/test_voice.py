"""The offline voice and the prompts it speaks from."""

from pathlib import Path

import pytest

from interviewer.attachments import Why
from interviewer.model import Move, MoveKind, Phase, Trouble
from interviewer.ports import Moment
from interviewer.prompts import UnknownPrompt, load_prompts
from interviewer.questions import data_root
from interviewer.speech import questions
from interviewer.voice import MATERIAL, TemplateVoice, UnfitPrompt

PROMPTS = data_root() / "prompts"
PHASES = (Phase.REQUIREMENTS, Phase.ESTIMATES, Phase.API, Phase.DESIGN, Phase.DEEP_DIVE)
MOVES = [
    *(
        Move(MoveKind(name), material=dict.fromkeys(variables, "Why so?" if "ask" in variables else "so"))
        for name, variables in MATERIAL.items()
        if "/" not in name
    ),
    *(Move(MoveKind.OPEN_PHASE, material={"phase": phase, "left": "9 minutes"}) for phase in PHASES),
    *(Move(MoveKind.ON_MY_OWN, material={"why": why}) for why in (*Trouble, "plain")),
    *(Move(MoveKind.UNREAD, material={"why": why, "name": "notes.pdf"}) for why in Why),
]


def test_every_move_has_its_material_named() -> None:
    assert {name.partition("/")[0] for name in MATERIAL} == set(MoveKind)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: "-".join([move.kind, *move.material.values()]))
async def test_every_move_can_be_worded_and_asks_one_question_at_most(move: Move) -> None:
    material = {**move.material, **({"ask": "Why so?"} if "ask" in move.material else {})}
    material = {
        name: value if name in {"ask", "phase"} else value.replace("?", ".") for name, value in material.items()
    }
    worded = await TemplateVoice(load_prompts(PROMPTS)).word(Move(move.kind, material=material), Moment(), print)
    wordings = worded.options
    assert wordings
    assert all(questions(wording) <= 1 for wording in wordings)
    assert len(set(wordings)) == len(wordings)


@pytest.mark.parametrize("why", Why)
async def test_what_could_not_be_read_is_named_and_another_way_offered(why: Why) -> None:
    voice = TemplateVoice(load_prompts(PROMPTS))
    move = Move(MoveKind.UNREAD, material={"why": why, "name": "$name ${why}.pdf"})
    for wording in (await voice.word(move, Moment(), print)).options:
        assert "$name ${why}.pdf" in wording
        assert len(wording.split(".")) > 2, "what happened, and what to do instead"
        assert "!" not in wording
        assert not questions(wording)


async def test_the_same_move_is_worded_differently_from_turn_to_turn() -> None:
    voice = TemplateVoice(load_prompts(PROMPTS))
    move = Move(MoveKind.PROBE, material={"ask": "Why so?"})
    first = [(await voice.word(move, Moment(seed=turn), print)).options[0] for turn in range(0, 18, 2)]
    assert len(set(first)) == 9


async def test_a_candidates_words_are_never_taken_for_a_template() -> None:
    voice = TemplateVoice(load_prompts(PROMPTS))
    move = Move(MoveKind.CHALLENGE, material={"quote": "we pay $ask and ${quote} $$", "ask": "Why so?"})
    assert "we pay $ask and ${quote} $$" in (await voice.word(move, Moment(), print)).options[0]


def test_a_prompt_that_is_missing_or_does_not_fit_its_move_is_refused(tmp_path: Path) -> None:
    for path in PROMPTS.rglob("*.md"):
        copy = tmp_path / path.relative_to(PROMPTS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8")
    (tmp_path / "moves" / "hint.md").unlink()
    with pytest.raises(UnknownPrompt, match="moves/hint"):
        TemplateVoice(load_prompts(tmp_path))
    (tmp_path / "moves" / "hint.md").write_text("---\npurpose: p\nvariables: [wrong]\n---\nSee $wrong.\n")
    with pytest.raises(UnfitPrompt, match=r"hint\.md.*hint"):
        TemplateVoice(load_prompts(tmp_path))
