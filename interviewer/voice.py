"""The offline voice: words the machine's moves from the templates in `prompts/moves/`.

It proposes every wording of a move's prompt, starting at a place that changes from turn to turn, so that an interview does
not sound like a form. `MATERIAL` says what each move brings along; it is checked against the prompts when a voice is made.
"""

from collections.abc import Mapping

from interviewer.model import Move, MoveKind, Phase
from interviewer.prompts import Prompts

MATERIAL: Mapping[str, frozenset[str]] = {
    name: frozenset(variables.split())
    for name, variables in {
        **{kind.value: "" for kind in MoveKind if kind is not MoveKind.OPEN_PHASE},
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

    async def word(self, move: Move, persona: str, seed: int) -> tuple[str, ...]:
        """The move's wordings, rotated by `seed`."""
        material = dict(move.material)
        name = move.kind.value
        if move.kind is MoveKind.OPEN_PHASE:
            name = f"{name}/{Phase(material.pop('phase'))}"
        wordings = self._prompts.render(f"moves/{name}", material)
        start = seed % len(wordings)
        return wordings[start:] + wordings[:start]
