"""Owns the eyes and ears that a language model lends the interview: what it is told about a picture, and whom to ask."""

from interviewer.attachments import Blind
from interviewer.model import Usage
from interviewer.ports import Line, Role
from interviewer.prompts import Prompts
from interviewer.raters.model import ChatModel


class ModelSenses:
    """Implements attachments.Senses; a sense without a model is missing. `certain`: the eyes were chosen by somebody who knows
    that they see; otherwise LangChain's profile of the model has to say so."""

    def __init__(self, prompts: Prompts, eyes: ChatModel | None, ears: ChatModel | None, *, certain: bool) -> None:
        self._prompts = prompts
        self._eyes = eyes
        self._ears = ears
        self._certain = certain

    @property
    def sees(self) -> bool:
        return self._eyes is not None and (self._certain or self._eyes.takes_pictures())

    @property
    def hears(self) -> bool:
        return self._ears is not None

    async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
        if self._eyes is None:
            return await Blind().see(data, mime)
        told, now = (self._prompts.render(f"model/{name}", {})[0] for name in ("see", "see-now"))
        return await self._eyes.see(data, mime, [Line(Role.INSTRUCTIONS, told), Line(Role.CANDIDATE, now)])

    async def hear(self, data: bytes, name: str) -> tuple[str, Usage]:
        if self._ears is None:
            return await Blind().hear(data, name)
        return await self._ears.hear(data, name)
