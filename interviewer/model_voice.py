"""The voice that speaks through a language model: it words the one move that carries a message; templates do the rest.

It is given the persona, the last exchange and the move's own material: never the rubric, hints that are not due, or the model
answer. What breaks a rule of `manners.py` is not said: the template's wording is there to take its place.
"""

import logging
from collections.abc import Callable

from interviewer.manners import breach, manner
from interviewer.model import Move, MoveKind, Wording
from interviewer.ports import LanguageModel, Line, ModelTrouble, Moment, Role
from interviewer.prompts import Prompt, Prompts, UnknownPrompt
from interviewer.voice import TemplateVoice, prompt_name

logger = logging.getLogger(__name__)

WORDED = frozenset(
    {
        MoveKind.OPEN_PHASE,
        MoveKind.ANSWER,
        MoveKind.ASSUME,
        MoveKind.PROBE,
        MoveKind.CHALLENGE,
        MoveKind.CONTRADICTION,
        MoveKind.DEEPER,
        MoveKind.ESTIMATE,
        MoveKind.HINT,
        MoveKind.DEFLECT,
        MoveKind.TWIST,
        MoveKind.REDIRECT,
        MoveKind.WRAP_UP,
    }
)
"""Moves that a model words. What has to be exact (the question, times, a reveal, the debrief) is the template's."""
EARLIER = ("quote", "before", "now")
"""Material in the candidate's own words: it travels as theirs."""
LONGEST = 6_000
"""Characters of the last exchange that are passed on, of each side."""


class ModelVoice:
    """Implements ports.Voice; what the model fails to word, or words against the rules, `templates` word."""

    def __init__(self, model: LanguageModel, templates: TemplateVoice, prompts: Prompts) -> None:
        self._model = model
        self._templates = templates
        self._prompts = prompts

    async def word(self, move: Move, moment: Moment, hear: Callable[[str], None]) -> Wording:
        plain = await self._templates.word(move, moment, hear)
        if moment.frugal or not moment.leads or move.kind not in WORDED:
            return plain
        persona = self._persona(moment.persona)
        shown = ""

        def pass_on(text: str) -> None:
            nonlocal shown
            # Word by word: half a word can't be told from the start of one that must not be said.
            whole = text[: max(text.rfind(" "), text.rfind("\n")) + 1].rstrip()
            if len(whole) > len(shown) and not manner(whole, move, moment, persona):
                shown = whole
                hear(whole)

        try:
            text, usage = await self._model.say(self._lines(move, moment), pass_on)
        except ModelTrouble as trouble:
            return Wording(plain.options, trouble.usage, trouble.trouble)
        if fault := breach(text, move, moment, persona):
            logger.info("A wording of %s was replaced: %s", move.kind, fault)
            return Wording(plain.options, usage)
        return Wording((text, *plain.options), usage)

    def _persona(self, name: str) -> Prompt:
        try:
            return self._prompts.prompt(f"personas/{name}")
        except UnknownPrompt:
            return self._prompts.prompt("personas/calm")

    def _lines(self, move: Move, moment: Moment) -> list[Line]:
        """What is the same for everybody first, then for this interview, then this exchange."""
        persona = self._persona(moment.persona).wordings[0]
        mode = self._prompts.prompt(f"model/mode-{moment.mode}").wordings[0]
        language = self._prompts.prompt("model/language-follow").wordings[0]
        if moment.language:
            language = self._prompts.render("model/language-chosen", {"language": moment.language})[0]
        system = self._prompts.render("model/voice", {"persona": persona, "mode": mode, "language": language})[0]
        lines = [Line(Role.INSTRUCTIONS, system)]
        if moment.asked:
            lines.append(Line(Role.INTERVIEWER, moment.asked[-LONGEST:]))
        if moment.answered:
            lines.append(Line(Role.CANDIDATE, moment.answered[:LONGEST]))
        earlier = ((name, move.material[name]) for name in EARLIER if move.material.get(name))
        lines += [Line(Role.CANDIDATE, f"<earlier> {name}: {words}") for name, words in earlier]
        told = {name: text for name, text in move.material.items() if name not in EARLIER}
        material = "\n".join(f"{name}: {text}" for name, text in told.items())
        what = self._prompts.prompt(prompt_name(move)).purpose
        return [
            *lines,
            Line(Role.INSTRUCTIONS, self._prompts.render("model/move", {"what": what, "material": material})[0]),
        ]
