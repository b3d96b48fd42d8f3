"""Who leads an interview here: the offline rater and the templates, joined by a language model where one is configured."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from bot.settings import Settings
from interviewer.attachments import Blind, Senses
from interviewer.model import Case
from interviewer.model_voice import ModelVoice
from interviewer.ports import ChatPlatform, Clock, Rater, Store, Voice
from interviewer.prompts import Prompts, load_prompts
from interviewer.raters.embedding import encoders
from interviewer.raters.model import Call, ChatModel, Connection
from interviewer.raters.offline import OfflineRater
from interviewer.raters.panel import Panel
from interviewer.raters.reading import ModelRater
from interviewer.raters.senses import ModelSenses
from interviewer.runner import Allowance, Ports
from interviewer.voice import TemplateVoice

DRAFTING = 180.0
"""Seconds for one part of a draft: some thousand tokens, of which nothing is seen before the last."""
NOBODY = "none"
"""Instead of a model's name: there shall be none."""
NOTICES = ("set-aside", "not-started", "already-running")


@dataclass(frozen=True)
class Interviewer:
    """A rater, a voice and the words for what is outside an interview. `prepare` makes a question's guide ready, `overhear`
    whatever somebody is typing: both take their time, in the calling thread."""

    rater: Rater
    voice: Voice
    notices: Mapping[str, str]
    bank: Callable[[str], Case]
    allowance: Allowance
    prepare: Callable[[Case], object]
    overhear: Callable[[str], None]
    senses: Senses
    """Who looks at pictures and listens to voice clips."""
    models: str = ""
    """Which language models are used and where they are, for people to read; "" for none."""

    def ports(
        self, store: Store, platform: ChatPlatform, clock: Clock, workspace: Callable[[str], str] = lambda _: ""
    ) -> Ports:
        """Everything a turn needs. `workspace` names the workspace of a thread."""
        return Ports(
            store,
            self.rater,
            self.voice,
            platform,
            clock,
            self.bank,
            self.notices,
            allowance=self.allowance,
            senses=self.senses,
            workspace=workspace,
        )


def make_interviewer(
    settings: Settings,
    root: Path,
    bank: Callable[[str], Case],
    *,
    offline: bool = False,
    observe: Callable[[Call], None] = lambda _: None,
) -> Interviewer:
    """The interviewer that the settings describe; `offline` leaves language models out, `observe` is told of every call."""
    rater = _offline(settings)
    prompts = load_prompts(root / "prompts")
    voice = TemplateVoice(prompts)
    notices = {name: prompts.render(f"notices/{name}", {})[0] for name in NOTICES}
    allowance = Allowance(
        settings.tokens_per_interview, settings.tokens_per_person_a_day, settings.tokens_per_workspace_a_day
    )
    senses = Blind() if offline else _senses(settings, prompts, observe)
    if offline or not settings.speaking:
        return Interviewer(rater, voice, notices, bank, allowance, rater.prepare, rater.overhear, senses)
    listening, speaking = listener(settings, observe), speaker(settings, observe)

    def prepare(case: Case) -> None:
        rater.prepare(case)
        for model in (listening, speaking):
            model.warm()

    panel = Panel(rater, ModelRater(listening, prompts))
    worded = ModelVoice(speaking, voice, prompts)
    return Interviewer(panel, worded, notices, bank, allowance, prepare, rater.overhear, senses, models=used(settings))


def make_rater(settings: Settings, root: Path, *, offline: bool = False) -> Rater:
    """Who rates, without what it takes to speak."""
    rater = _offline(settings)
    if offline or not settings.speaking:
        return rater
    return Panel(rater, ModelRater(listener(settings), load_prompts(root / "prompts")))


def make_senses(settings: Settings, root: Path, observe: Callable[[Call], None] = lambda _: None) -> Senses:
    """Who looks at pictures and listens to voice clips."""
    return _senses(settings, load_prompts(root / "prompts"), observe)


def _senses(settings: Settings, prompts: Prompts, observe: Callable[[Call], None]) -> Senses:
    chosen, heard_by = (
        "" if name.lower() == NOBODY else name for name in (settings.vision_model, settings.transcription_model)
    )
    # The fallback is not asked about pictures: whether it sees is another matter.
    seen_by = (chosen,) if settings.vision_model else settings.speaking[:1]
    eyes = _model(settings, seen_by, observe, None) if any(seen_by) else None
    ears = _model(settings, (heard_by,), observe, None) if heard_by else None
    return ModelSenses(prompts, eyes, ears, certain=bool(chosen)) if eyes or ears else Blind()


def _offline(settings: Settings) -> OfflineRater:
    models = encoders()
    for model in models:
        # Loading takes longer than anything else, and goes on meanwhile.
        Thread(target=model.load, daemon=True).start()
    return OfflineRater(settings.cache, models)


def used(settings: Settings) -> str:
    """Which language models listen and speak, and where they are."""
    where = urlsplit(settings.openai_base_url).netloc if settings.openai_base_url else "its provider"
    speaks, listens = settings.speaking[0], settings.listening[0]
    who = f"{speaks} listens and speaks" if speaks == listens else f"{listens} listens and {speaks} speaks"
    return f"{who}, at {where}: what you write goes there."


def each(settings: Settings) -> Iterator[tuple[str, ChatModel]]:
    """Every model that is configured, by itself, and what it is there for."""
    for name in settings.speaking:
        yield "speaks", _model(settings, (name,), lambda _: None, None)
    for name in settings.listening:
        yield "listens", _model(settings, (name,), lambda _: None, 0.0)


def listener(settings: Settings, observe: Callable[[Call], None] = lambda _: None) -> ChatModel:
    """The model that listens: at temperature 0, since the same answer should be heard the same way."""
    return _model(settings, settings.listening, observe, 0.0)


def speaker(settings: Settings, observe: Callable[[Call], None] = lambda _: None) -> ChatModel:
    """The model that speaks."""
    return _model(settings, settings.speaking, observe, None)


def drafter(settings: Settings, observe: Callable[[Call], None]) -> ChatModel:
    """The model that speaks, with the patience that a whole guide takes."""
    patient = replace(_connection(settings, settings.speaking), timeout=DRAFTING, limit=2 * DRAFTING, longest=8_000)
    return ChatModel(patient, observe)


def _model(
    settings: Settings, names: tuple[str, ...], observe: Callable[[Call], None], temperature: float | None
) -> ChatModel:
    return ChatModel(replace(_connection(settings, names), temperature=temperature), observe)


def _connection(settings: Settings, names: tuple[str, ...]) -> Connection:
    key = settings.openai_api_key.get_secret_value()
    return Connection(names, key, settings.openai_base_url, settings.model_timeout, settings.model_retries)
