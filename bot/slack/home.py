"""Owns the App Home: what is going on, what is past, what somebody likes, and what is kept of them; and the way to delete it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from slack_sdk.models.blocks import (
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.debrief import MAXIMUM, one_line
from bot.people import Sitting
from bot.slack import buttons
from bot.slack.buttons import Made, button, made, row
from bot.slack.forms import shortened
from bot.slack.text import mrkdwn
from interviewer.clock import MINUTES
from interviewer.model import Format, Level, Mode, Preferences, Scorecard

GOING_ON, PAST = 5, 10
"""As many interviews of each kind are shown."""
TITLE, VOICE = 150, 500
"""Characters of a question's title and of what is said of language models."""
NO_LINKS: Mapping[str, str] = MappingProxyType({})

WHAT = (
    "I hold mock interviews in system design: I ask a real question, listen, and probe what stays vague. At the end you "
    "get a scorecard on which every credited point quotes your own words."
)
HOW = (
    "*How it works*\n"
    "1. Choose a question, a level, and 15, 30 or 45 minutes of your thinking time.\n"
    "2. Think aloud in writing, and ask me anything you need to know. When you pause, the clock stops; you can come back "
    "another day.\n"
    "3. Read your scorecard, argue where I missed something you said, and see a model answer."
)
DAILY = (
    "A channel can have a *daily question*, answered in five minutes: whoever administers this workspace types "
    "`/interview daily` there."
)
AI = (
    "An AI holds the interviews and estimates the scores. It can be wrong: learn from it, and let no decision about "
    "anybody rest on it."
)
NO_MODEL = "No language model is set up here: what you write goes to nobody but Slack and the server I run on."
DELETED = (
    "This deletes every interview of yours, also one that is going on: all you said, your scorecards and your settings. "
    "Messages in Slack stay until you delete them there. It can't be undone."
)


def home(  # noqa: PLR0913 (each of them is a different thing, and they are named where this is called)
    sittings: Sequence[Sitting],
    likes: Preferences,
    profile_zone: str,
    keep_days: int,
    now: float,
    voice: str,
    *,
    links: Mapping[str, str] = NO_LINKS,
) -> Made:
    """The App Home of somebody with these interviews, the latest first.

    `profile_zone` is the time zone of their Slack profile; `keep_days` is how long words are kept; `now` is in seconds since
    the epoch; `voice` says which language models are used, "" for none; `links` has the address of a thread."""
    zone = _zone(likes.zone, profile_zone)
    running = [each for each in sittings if not each.over]
    past = [each for each in sittings if each.over]
    top = [*_running(running, zone, now, links), *_past(past, zone)] if sittings else [_header("Welcome"), _text(WHAT)]
    blocks = [
        *top,
        *([] if sittings else [_text(HOW)]),
        _begin(),
        _context(_mrkdwn(DAILY)),
        made(DividerBlock()),
        _settings(likes, profile_zone, voice),
        _text(_kept(keep_days)),
        row(button(buttons.EXPORT, "Export all of it"), _forget()),
        _foot(voice),
    ]
    return View(type="home", blocks=blocks).to_dict()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def forgetting() -> list[Made]:
    """What somebody is asked who wants to be forgotten: nothing is deleted before they press the button."""
    return [
        _text(f"*Delete everything I keep of you?*\n{DELETED}"),
        row(_forget(), button(buttons.EXPORT, "Export it first")),
    ]


def day(at: float, zone: tzinfo) -> str:
    """A moment's date where somebody is, as in "23 Nov 2026"; 0 stands for what has only just begun."""
    if not at:
        return "just now"
    date = datetime.fromtimestamp(at, zone)
    return f"{date.day} {date:%b %Y}"


# --- the interviews -------------------------------------------------------------------------------------------------


def _running(running: Sequence[Sitting], zone: tzinfo, now: float, links: Mapping[str, str]) -> list[Made]:
    if not running:
        return []
    shown = [_unfinished(each, zone, now, links.get(each.thread)) for each in running[:GOING_ON]]
    return [_header("Going on"), *shown, *_more(len(running) - GOING_ON)]


def _unfinished(sitting: Sitting, zone: tzinfo, now: float, url: str | None) -> Made:
    state = "Paused" if sitting.interview.paused else "Unfinished"
    about = f"{sitting.interview.settings.level.capitalize()} · begun {_lately(sitting.began, zone, now)} · {state}"
    text = "Resume" if sitting.interview.paused else "Continue"
    return _interview(sitting, about, button(buttons.RESUME, text, sitting.thread, style="primary", url=url))


def _past(past: Sequence[Sitting], zone: tzinfo) -> list[Made]:
    if not past:
        return []
    return [_header("Past interviews"), *(_finished(each, zone) for each in past[:PAST]), *_more(len(past) - PAST)]


def _finished(sitting: Sitting, zone: tzinfo) -> Made:
    about = f"{sitting.interview.settings.level.capitalize()} · {day(sitting.began, zone)} · {_outcome(sitting.card)}"
    score = button(buttons.SCORE, "Scorecard", sitting.thread) if sitting.card else None
    return _interview(sitting, about, score)


def _outcome(card: Scorecard | None) -> str:
    if card is None:
        return "the question is no longer there, so there is no scorecard"
    if not card.gradable:
        return "nothing in it could be judged"
    if card.verdict is None:
        return "too little was reached for a verdict"
    return f"{card.verdict.capitalize()}, {card.overall} of {MAXIMUM}"


def _interview(sitting: Sitting, about: str, accessory: ButtonElement | None) -> Made:
    title = shortened(one_line(sitting.title) or sitting.interview.settings.question, TITLE)
    return _text(f"*{mrkdwn(title)}*\n{about}", accessory)


def _more(number: int) -> list[Made]:
    return [_context(_mrkdwn(f"And {number} more before that; the export has them all."))] if number > 0 else []


def _lately(at: float, zone: tzinfo, now: float) -> str:
    if not at:
        return "just now"
    days = datetime.fromtimestamp(now, zone).date() - datetime.fromtimestamp(at, zone).date()
    return {timedelta(0): "today", timedelta(1): "yesterday"}.get(days, day(at, zone))


# --- what is below them ---------------------------------------------------------------------------------------------


def _begin() -> Made:
    return row(
        button(buttons.START, "Choose a question", style="primary"),
        button(buttons.SURPRISE, "Surprise me"),
        button(buttons.GUIDE, "What you can do"),
    )


def _settings(likes: Preferences, profile_zone: str, voice: str) -> Made:
    zone = likes.zone or (f"{profile_zone}, from your Slack profile" if profile_zone else "UTC")
    said = (
        f"{(likes.level or Level.SENIOR).capitalize()} level",
        f"{MINUTES[likes.format or Format.STANDARD]} minutes",
        f"{likes.mode or Mode.PRACTICE} mode",
        *([f"{likes.persona or 'calm'} manner", likes.language or "the language you write in"] if voice else []),
        f"times in {zone.replace('_', ' ')}",
    )
    text = f"*Your settings*\n{mrkdwn(' · '.join(shortened(one_line(each), TITLE) for each in said))}"
    return _text(text, button(buttons.PREFER, "Change…"))


def _kept(days: int) -> str:
    return (
        f"*What is kept of you*\nYour words are kept for {days} day{'' if days == 1 else 's'} after the last thing you say in "
        "an interview, then deleted, and the scorecard with them. Your settings are kept for a year. Here in Slack nobody "
        "but you is shown any of it, unless you share a scorecard or hold an interview in a channel."
    )


def _forget() -> ButtonElement:
    sure = ConfirmObject(
        title="Delete everything?",
        text=PlainTextObject(text=DELETED),
        confirm="Delete everything",
        deny="Keep it",
        style="danger",
    )
    return button(buttons.FORGET, "Forget me", style="danger", confirm=sure)


def _foot(voice: str) -> Made:
    # In plain text: the name of a model is not ours.
    said = PlainTextObject(text=shortened(one_line(voice), VOICE) or NO_MODEL, emoji=False)
    return _context(_mrkdwn(AI), said)


# --- the parts ------------------------------------------------------------------------------------------------------


def _zone(*names: str) -> tzinfo:
    """The first of these time zones that is known here, else UTC."""
    for name in filter(None, names):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name)
    return UTC


def _header(text: str) -> Made:
    return made(HeaderBlock(text=PlainTextObject(text=text, emoji=False)))


def _text(text: str, accessory: ButtonElement | None = None) -> Made:
    return made(SectionBlock(text=_mrkdwn(text), accessory=accessory))


def _context(*elements: MarkdownTextObject | PlainTextObject) -> Made:
    return made(ContextBlock(elements=elements))


def _mrkdwn(text: str) -> MarkdownTextObject:
    """Verbatim: Slack looks for no channels, people and addresses of its own accord."""
    return MarkdownTextObject(text=text, verbatim=True)
