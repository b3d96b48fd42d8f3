"""The offline voice: words the machine's moves from the templates in `prompts/moves/`.

It proposes every wording of a move's prompt, starting at a place that changes from turn to turn, so that an interview does
not sound like a form. `MATERIAL` says what each move brings along; it is checked against the prompts when a voice is made.
"""

from collections.abc import Callable, Mapping

from interviewer.attachments import Why
from interviewer.model import Move, MoveKind, Trouble, Wording
from interviewer.ports import Moment
from interviewer.prompts import Prompts

VARIANTS = {MoveKind.OPEN_PHASE: "phase", MoveKind.ON_MY_OWN: "why", MoveKind.UNREAD: "why"}
"""Moves with a prompt for each value of a piece of their material."""
MATERIAL: Mapping[str, frozenset[str]] = {
    name: frozenset(variables.split())
    for name, variables in {
        **{kind.value: "" for kind in MoveKind if kind not in VARIANTS},
        **{f"on-my-own/{why}": "" for why in (*(trouble.value for trouble in Trouble), "plain")},
        **{f"unread/{why}": "name" for why in Why},
        "greet": "title level minutes",
        "present": "prompt",
        "answer": "fact",
        "probe": "ask",
        "challenge": "quote ask",
        "contradiction": "before now",
        "deeper": "quote ask",
        "estimate": "ask",
        "hint": "hint",
        "reveal": "statement",
        "twist": "change ask",
        "feedback": "phase count quote",
        "feedback-empty": "phase",
        "time": "left phase here",
        "time-up": "phase",
        "repeat": "ask",
        "paused": "left",
        "resumed": "left ask",
        "reconsidered": "statement before after",
        "not-disputable": "point",
        "model-answer": "answer diagram pitfalls",
        "open-phase/requirements": "left",
        "open-phase/estimates": "left",
        "open-phase/api": "left",
        "open-phase/design": "left",
        "open-phase/deep-dive": "left",
    }.items()
}
"""The variables of each prompt under `prompts/moves/`."""


def prompt_name(move: Move) -> str:
    """The prompt that a move is worded from."""
    variant = VARIANTS.get(move.kind)
    return f"moves/{move.kind.value}/{move.material[variant]}" if variant else f"moves/{move.kind.value}"


class UnfitPrompt(ValueError):
    """A move's prompt asks for something the move does not bring, or leaves out what it does."""


class TemplateVoice:
    """A `Voice` without a model. Raises UnknownPrompt for a move without a prompt and UnfitPrompt for one that can't be
    filled in by its move."""

    def __init__(self, prompts: Prompts) -> None:
        for name, variables in MATERIAL.items():
            declared = frozenset(prompts.prompt(f"moves/{name}").variables)
            if declared != variables:
                wanted = ", ".join(sorted(variables)) or "nothing"
                raise UnfitPrompt(f"prompts/moves/{name}.md: declares {sorted(declared)}, but its move brings {wanted}")
        self._prompts = prompts

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        """The move's wordings, rotated by the moment's seed."""
        material = {name: text for name, text in move.material.items() if name != VARIANTS.get(move.kind)}
        wordings = self._prompts.render(prompt_name(move), material)
        start = moment.seed % len(wordings)
        return Wording(wordings[start:] + wordings[:start])
