"""Owns the modals: each as JSON from what is known, and back from what was submitted; and the options their menus ask for.

Text is plain, so that Slack finds no mention and no link in it; only `help_blocks` is marked up, and none of that is
anybody's. A value that a form doesn't offer counts as not chosen: somebody may submit what was opened before an update.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from rapidfuzz import fuzz
from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationSelectElement,
    MarkdownTextObject,
    PlainTextInputElement,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.commands import Persona
from bot.debrief import LOOKED_AT_ONCE, NONE_LEFT, WHERE_SAID, disputable, one_line
from bot.feedback import MORE, REASON, WHAT, WHO_READS
from bot.slack import forms
from bot.slack.buttons import Made, made
from bot.slack.forms import OPTION, OPTIONS, TITLE, VALUE, Text
from interviewer.clock import MINUTES
from interviewer.model import Format, Level, Mode, Preferences, Question, Scorecard

START_FORM = "start"
PREFERENCES_FORM = "preferences"
DISPUTE_FORM = "dispute"
SHARE_FORM = "share"
FEEDBACK_FORM = "feedback"

QUESTION, COMPANY, LEVEL, FORMAT, MODE, WHERE = "question", "company", "level", "format", "mode", "where"
PERSONA, LANGUAGE, ZONE, POINT, ARGUMENT = "persona", "language", "zone", "point", "argument"
CHANNEL, REASONS, WORDS = "channel", "reasons", "words"
"""What the inputs are called: each name is an input's block_id and its action_id."""

AUTOMATIC = "automatic"
"""Stands for "", which is no value of an option."""
DIRECT, THREAD = "dm", "thread"
LONGEST_ARGUMENT, LONGEST_WORDS = 2_000, 1_000

LEVELS: Mapping[str, Text] = MappingProxyType({Level.MID: "Mid", Level.SENIOR: "Senior", Level.STAFF: "Staff"})
FORMATS: Mapping[str, Text] = MappingProxyType(
    {format: f"{minutes} minutes of your thinking time" for format, minutes in MINUTES.items()}
)
MODES: Mapping[str, Text] = MappingProxyType(
    {
        Mode.PRACTICE: ("Practice", "A hint when you are stuck, a word of feedback after each part."),
        Mode.INTERVIEW: ("Interview", "As in the real one: no hint unless you ask, no word before the end."),
    }
)
PERSONAS: Mapping[str, Text] = MappingProxyType(
    {
        Persona.CALM: "Calm: warm and in no hurry",
        Persona.BRISK: "Brisk: friendly and short",
        Persona.SCEPTICAL: "Sceptical: hard on the design, kind to you",
    }
)
_SPOKEN = "English German French Spanish Portuguese Italian Dutch Polish Hindi Japanese Korean Chinese"
LANGUAGES: Mapping[str, Text] = MappingProxyType(
    {AUTOMATIC: "The language I write in", **{language: language for language in _SPOKEN.split()}}
)
_ZONES = """
Pacific/Honolulu America/Anchorage America/Los_Angeles America/Vancouver America/Phoenix America/Denver
America/Chicago America/Mexico_City America/Costa_Rica America/New_York America/Toronto America/Bogota America/Lima
America/Caracas America/Santiago America/Halifax America/Sao_Paulo America/Buenos_Aires America/Montevideo
America/St_Johns Atlantic/Azores UTC Atlantic/Reykjavik Europe/London Europe/Dublin Europe/Lisbon Africa/Casablanca
Africa/Accra Africa/Lagos Africa/Algiers Africa/Tunis Europe/Madrid Europe/Paris Europe/Brussels Europe/Amsterdam
Europe/Berlin Europe/Zurich Europe/Vienna Europe/Rome Europe/Prague Europe/Budapest Europe/Warsaw Europe/Belgrade
Europe/Copenhagen Europe/Oslo Europe/Stockholm Europe/Helsinki Europe/Tallinn Europe/Riga Europe/Vilnius Europe/Athens
Europe/Bucharest Europe/Sofia Europe/Kyiv Africa/Cairo Africa/Johannesburg Asia/Jerusalem Asia/Beirut Europe/Istanbul
Europe/Moscow Asia/Riyadh Africa/Nairobi Africa/Addis_Ababa Asia/Tehran Asia/Dubai Asia/Baku Asia/Tbilisi Asia/Yerevan
Asia/Kabul Asia/Karachi Asia/Tashkent Asia/Almaty Asia/Kolkata Asia/Colombo Asia/Kathmandu Asia/Dhaka Asia/Yangon
Asia/Bangkok Asia/Jakarta Asia/Ho_Chi_Minh Asia/Singapore Asia/Kuala_Lumpur Asia/Manila Asia/Hong_Kong Asia/Shanghai
Asia/Taipei Australia/Perth Asia/Tokyo Asia/Seoul Australia/Adelaide Australia/Brisbane Australia/Sydney
Pacific/Auckland
"""
ZONES = tuple(_ZONES.split())
"""Where people are, from west to east; a zone that somebody already has is added."""

Thing = TypeVar("Thing")


# --- the beginning of an interview ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class StartChoice:
    """What somebody would like to be asked. `question` and `company` are "" where they leave it open, `persona` is None
    where they had no choice, `channel` is "" for a direct message."""

    question: str
    company: str
    level: Level
    format: Format
    mode: Mode
    persona: Persona | None
    channel: str


def start_form(
    likes: Preferences, channel: str = "", channel_name: str = "", voice: bool = True, note: str = ""
) -> Made:
    """The modal that starts an interview, with what the person likes chosen already. `voice`: a language model speaks, so
    that there is a manner to choose; `note` is plain text above it all; `channel` is where it was asked for."""
    company = "For a surprise from one company. A question you choose above comes first."
    blocks = [
        *([forms.said(note)] if note else []),
        forms.asking(QUESTION, "Question", "Surprise me, or search…"),
        forms.asking(COMPANY, "Company", "Any company", company),
        *_usual(likes),
        *([_persona(likes)] if voice else []),
        _where(channel_name) if channel else forms.aside("We talk in a direct message, where nobody else reads along."),
    ]
    return forms.modal(START_FORM, "Mock interview", "Start", blocks, {CHANNEL: channel})


def read_start(view: Mapping[str, Any]) -> StartChoice:
    """What was chosen in a submitted start form. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return StartChoice(
        question=form.one(QUESTION),
        company=form.one(COMPANY),
        level=forms.known(Level, form.one(LEVEL)) or Level.SENIOR,
        format=forms.known(Format, form.one(FORMAT)) or Format.STANDARD,
        mode=forms.known(Mode, form.one(MODE)) or Mode.PRACTICE,
        persona=forms.known(Persona, form.one(PERSONA)),
        channel=form.carried(CHANNEL) if form.one(WHERE) == THREAD else "",
    )


def _where(name: str) -> Block:
    there = forms.shortened(f"In a thread in #{one_line(name)}" if name else "In a thread here", OPTION)
    places = {
        DIRECT: ("In a direct message with me", "Private: nobody else reads along."),
        THREAD: (there, "Everybody there can read along. The scorecard comes to you alone."),
    }
    return forms.field(WHERE, "Where", forms.radios(WHERE, places, DIRECT))


# --- what somebody likes --------------------------------------------------------------------------------------------


def preferences_form(likes: Preferences) -> Made:
    """The settings, as they are; what was never chosen shows what is usual."""
    languages = {**LANGUAGES, **({likes.language: forms.shortened(likes.language, OPTION)} if likes.language else {})}
    language = forms.menu(LANGUAGE, languages, likes.language or AUTOMATIC)
    zone = forms.menu(ZONE, _zones(likes.zone), likes.zone or AUTOMATIC)
    blocks = [
        *_usual(likes),
        _persona(likes),
        forms.field(LANGUAGE, "Language", language, hint="Needs a language model; without one I speak English."),
        forms.field(ZONE, "Time zone", zone, hint="For the dates and times I show you."),
    ]
    return forms.modal(PREFERENCES_FORM, "Your settings", "Save", blocks)


def read_preferences(view: Mapping[str, Any]) -> Preferences:
    """What was chosen in a submitted settings form. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return Preferences(
        level=forms.known(Level, form.one(LEVEL)),
        mode=forms.known(Mode, form.one(MODE)),
        format=forms.known(Format, form.one(FORMAT)),
        persona=forms.known(Persona, form.one(PERSONA)) or "",
        language=_unless_automatic(form.one(LANGUAGE)),
        zone=_unless_automatic(form.one(ZONE)),
    )


def _usual(likes: Preferences) -> tuple[Block, ...]:
    """What every interview has, chosen as somebody likes it."""
    return (
        forms.field(LEVEL, "Level", forms.menu(LEVEL, LEVELS, likes.level or Level.SENIOR)),
        forms.field(FORMAT, "Length", forms.menu(FORMAT, FORMATS, likes.format or Format.STANDARD)),
        forms.field(MODE, "Mode", forms.radios(MODE, MODES, likes.mode or Mode.PRACTICE)),
    )


def _persona(likes: Preferences) -> Block:
    chosen = forms.known(Persona, likes.persona) or Persona.CALM
    hint = "How a language model words what I say. Your score does not depend on it."
    return forms.field(PERSONA, "Manner", forms.menu(PERSONA, PERSONAS, chosen), hint=hint)


def _zones(current: str) -> Mapping[str, Text]:
    names = filter(None, dict.fromkeys((current, *ZONES)))
    return {
        AUTOMATIC: "As in my Slack profile",
        **{name: forms.shortened(name.replace("_", " "), OPTION) for name in names},
    }


def _unless_automatic(value: str) -> str:
    return "" if value == AUTOMATIC else value


# --- after the scorecard --------------------------------------------------------------------------------------------


def dispute_form(thread: str, card: Scorecard, point: str = "") -> Made:
    """The modal that argues for a point, with `point` chosen if it can be; or one that says that none can."""
    statements = {
        each.point: (
            forms.shortened(one_line(each.statement) or each.point, OPTION),
            forms.shortened(each.point, OPTION),
        )
        for each in disputable(card)
        if len(each.point) <= VALUE
    }
    if not statements:
        return notice(
            "Dispute a point",
            NONE_LEFT,
        )
    menu = forms.menu(POINT, statements, point, "Choose a point")
    text = PlainTextInputElement(action_id=ARGUMENT, multiline=True, min_length=1, max_length=LONGEST_ARGUMENT)
    blocks = [forms.field(POINT, "Point", menu), forms.field(ARGUMENT, WHERE_SAID, text, hint=LOOKED_AT_ONCE)]
    return forms.modal(DISPUTE_FORM, "Dispute a point", "Look again", blocks, {THREAD: thread})


def read_dispute(view: Mapping[str, Any]) -> tuple[str, str, str]:
    """The thread, the point and the argument. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return form.carried(THREAD), form.one(POINT), form.one(ARGUMENT)


def share_form(thread: str, default_channel: str = "") -> Made:
    """The modal that shows a scorecard to a channel, and says exactly what of it."""
    shown = (
        "I post your name, the title of the question, the level and the mode, the verdict, your scores and the picture "
        "of your scorecard. What you said, and which points you missed, stays between us."
    )
    menu = ConversationSelectElement(
        action_id=CHANNEL,
        placeholder=forms.plain("Choose a channel"),
        initial_conversation=default_channel or None,
        filter=ConversationFilter(include=["public", "private"], exclude_bot_users=True),
    )
    hint = "Everybody in the channel will see it. I can post only where I have been added."
    blocks = [forms.said(shown), forms.field(CHANNEL, "Channel", menu, hint=hint)]
    return forms.modal(SHARE_FORM, "Share your scorecard", "Share", blocks, {THREAD: thread})


def read_share(view: Mapping[str, Any]) -> tuple[str, str]:
    """The thread and the channel. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return form.carried(THREAD), form.one(CHANNEL)


def feedback_form(thread: str) -> Made:
    """The modal that asks what was wrong with an interview."""
    boxes = CheckboxesElement(action_id=REASONS, options=forms.offered(REASON))
    text = PlainTextInputElement(action_id=WORDS, multiline=True, max_length=LONGEST_WORDS)
    blocks = [
        forms.field(REASONS, WHAT, boxes, optional=True),
        forms.field(WORDS, MORE, text, optional=True),
        forms.aside(WHO_READS),
    ]
    return forms.modal(FEEDBACK_FORM, "Your feedback", "Send", blocks, {THREAD: thread})


def read_feedback(view: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """The thread, the reasons (of `REASON`) and the text. Raises ValueError for a view that is no submitted form."""
    form = forms.submitted(view)
    return form.carried(THREAD), tuple(each for each in form.several(REASONS) if each in REASON), form.one(WORDS)


# --- words ----------------------------------------------------------------------------------------------------------


def notice(title: str, text: str) -> Made:
    """A modal that only says something, in plain text."""
    return forms.sent(
        View(
            type="modal",
            title=forms.plain(forms.shortened(title, TITLE)),
            close=forms.plain("Close"),
            blocks=[forms.said(text)],
        )
    )


def help_blocks() -> list[Made]:
    """What a person can do here: for a reply that only they see, and for the Home tab."""
    parts = (
        "*Begin* with `/interview`, or say at once what you would like, in any order: a company, a topic, a level (`mid`, "
        "`senior`, `staff`), a length (`15`, `30`, `45`), `strict` for no hints unless you ask. As in `/interview start "
        "payments senior 30`, or `/interview start surprise`.",
        "*During the interview*, write as you would speak, and ask me whatever you would ask an interviewer. Press a "
        "button, or type its word alone:\n"
        "• `hint`: the next hint on what was asked; each costs a little credit on that point\n"
        "• `time`: how much time is left\n"
        "• `repeat`: the open question again\n"
        "• `next`: move on to the next part\n"
        "• `pause`: stop the clock; everything is kept, and `resume` brings you back, today or another day\n"
        "• `end`: finish, and see the scorecard",
        "*After it*, read the full report and the model answer, dispute a point if I missed something you did say, and "
        "share the scorecard with a channel if you like. Nothing is shared unless you do.",
        "*A channel* can have a daily question: one to think about for five minutes, with what everybody made of it later. An "
        "administrator sets it up with `/interview daily`, and `/interview daily status` shows what comes next.",
        "*At any time*, `/interview score` brings your last scorecard, `/interview history` lists your interviews, "
        "`/interview export` hands you all that is kept of you, and `/interview forget` deletes it. Your settings are in "
        "my Home tab.",
    )
    return [made(SectionBlock(text=MarkdownTextObject(text=part, verbatim=True))) for part in parts]


# --- what a menu is asked for ---------------------------------------------------------------------------------------

FILLERS = frozenset(
    {"a", "an", "and", "build", "design", "for", "in", "me", "of", "on", "please", "system", "the", "to", "with"}
)
"""Words that tell no question from another."""
ALIKE = 80
"""From here on (of 100) two words count as one with a slip of the finger."""
Names = Iterable[tuple[str, float]]
"""What something goes by, and how much each name says (0-1)."""


def question_options(
    query: str, questions: Sequence[Question], company: str = "", level: Level | None = None
) -> list[dict[str, Any]]:
    """At most 100 options for what was typed, the best first; all, in the bank's order, for nothing. None may fit."""
    asked = [
        question
        for question in questions
        if len(question.id) <= VALUE
        and (not company or company.casefold() in map(str.casefold, (question.company, *question.also_asked_at)))
        and (level is None or level in question.levels)
    ]
    return [_question(question) for question in _best(query, asked, _question_names)[:OPTIONS]]


def company_options(query: str, questions: Sequence[Question]) -> list[dict[str, Any]]:
    """At most 100 companies for what was typed, the best first; all, by name, for nothing. None may fit."""
    counts: dict[str, int] = {}
    for question in questions:
        for name in dict.fromkeys((question.company, *question.also_asked_at)):
            if one_line(name) and len(name) <= VALUE:
                counts[name] = counts.get(name, 0) + 1
    found = _best(query, sorted(counts, key=str.casefold), lambda name: [(name, 1.0)])[:OPTIONS]
    return [
        forms.option(
            name, (forms.shortened(one_line(name), OPTION), f"{counts[name]} question{'s' * (counts[name] > 1)}")
        )
        for name in found
    ]


def _question(question: Question) -> dict[str, Any]:
    companies = ", ".join(filter(None, (question.company, *question.also_asked_at)))
    about = forms.shortened(one_line(" · ".join(filter(None, (companies, ", ".join(question.topics))))), OPTION)
    title = forms.shortened(one_line(question.title) or question.id, OPTION)
    return forms.option(question.id, (title, about) if about else title)


def _question_names(question: Question) -> Names:
    yield question.title, 1.0
    yield question.company, 1.0
    yield from ((name, 0.9) for name in question.also_asked_at)
    yield from ((topic, 0.8) for topic in question.topics)
    yield question.id, 0.6


def _best(query: str, things: Sequence[Thing], names: Callable[[Thing], Names]) -> list[Thing]:
    """Those that have most of the words of `query`, the closest first, else in order."""
    typed = _words(query)
    wanted = [word for word in typed if word not in FILLERS] or typed
    if not wanted:
        return list(things)
    found: list[tuple[int, float, Thing]] = []
    for thing in things:
        known = [(word, weight) for name, weight in names(thing) for word in _words(name)]
        close = [max((weight * _likeness(word, name) for name, weight in known), default=0.0) for word in wanted]
        nearness = sum(len(word) * each for word, each in zip(wanted, close, strict=True))
        found.append((sum(map(bool, close)), nearness, thing))
    most = max((hits for hits, _, _ in found), default=0)
    if not most:
        return _run_together("".join(wanted), things, names)
    ranked = sorted((each for each in found if each[0] == most), key=lambda each: -each[1])
    return [thing for _, _, thing in ranked]


def _likeness(typed: str, name: str) -> float:
    """How surely somebody who typed the one means the other, 0-1."""
    if typed == name:
        return 1.0
    if name.startswith(typed):
        return 0.9
    if len(typed) > 2 and typed in name:
        return 0.6
    alike = fuzz.ratio(typed, name, score_cutoff=ALIKE) if len(typed) > 3 else 0.0
    return alike / 200


def _run_together(typed: str, things: Sequence[Thing], names: Callable[[Thing], Names]) -> list[Thing]:
    """Those with a name that holds what was typed once there are no spaces, as in "ratelimiter"."""
    return [thing for thing in things if any(typed in "".join(_words(name)) for name, _ in names(thing))]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())[:20]
