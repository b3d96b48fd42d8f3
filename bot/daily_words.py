"""Owns the words of the daily question: every notice as plain texts that Slack and Discord render in their own ways.

A person is named by `mention`, which an adapter replaces by its own mention once it has escaped the text; nothing that somebody
wrote can look like one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from bot import actions
from bot.debrief import one_line
from bot.fitting import LIMITS, shortened
from bot.text import clean
from interviewer import daily
from interviewer.calendar import DAY
from interviewer.daily import (
    REMINDS,
    Asked,
    DailyQuestion,
    Digest,
    Digested,
    Discussion,
    Effort,
    Private,
    Public,
    Reminded,
    Revealed,
    Slot,
    Unsealed,
    View,
    Voice,
    Warned,
)
from interviewer.discussion import MOST, wording
from interviewer.model import Case, Guide, RubricPoint

MARK = "\u2063"
"""An invisible separator: in what `words` returns, it is only around a person's name."""
PERSON = re.compile("\u2063([^\u2063]*)\u2063")
"""A mention; its group is the person's opaque name."""

LONGEST_TITLE = 90
LONGEST_FACT = 280
"""Characters shown of a text of the bank; all of what ships is shorter."""
SITUATION = 350
"""Characters shown of a question's prompt."""
LONGEST_ANSWER = 1500
"""Characters shown of a blind answer, as many as its form takes."""
ROOM = 2800
"""Characters of a notice with quotes; they are cut until it fits."""
ABOVE = "what the strong answer above says."
MOST_NAMES = 30
MOST_RANKS = 15

_SENTENCE = re.compile(r".+?[.!?…][\"'”’)]*(?=\s|$)|.+$")
_INVITATION = re.compile(r"(?i)^(start|begin)\b|\bask me\b")
"""How a prompt ends, which nobody needs who is asked about one point of it."""

Kind = Literal["text", "strong", "heading", "quote", "small"]


@dataclass(frozen=True)
class Part:
    """A piece of a notice, plain and unescaped. `person`: whose words a quote is, where they are to be named."""

    kind: Kind
    text: str
    person: str = ""


@dataclass(frozen=True)
class Words:
    """A notice in words. `buttons` are actions with their labels, `summary` is one line for notifications, with no mention."""

    title: str
    parts: tuple[Part, ...]
    buttons: tuple[tuple[str, str], ...]
    summary: str


PRACTISE = (actions.DAILY_PRACTISE, "Practise this privately")
BLIND = (actions.DAILY_BLIND, "Blind answer")
REMIND = (actions.DAILY_REMIND, "Remind me")
FEEDBACK = (actions.DAILY_FEEDBACK, "Feedback on my answer")
LEAVE = (actions.DAILY_LEAVE, "Leave me out")
JOIN = (actions.DAILY_JOIN, "Count me in")


def words(notice: Public | Private, link: str = "") -> Words:
    """A notice in words. `link` leads to the question of a Reminded, and to the channel of a Warned.

    Raises KeyError for a question about a point that its guide does not have; a Digested leaves such a one out."""
    match notice:
        case Asked():
            return _asked(notice)
        case Unsealed():
            return _unsealed(notice)
        case Revealed():
            return _revealed(notice)
        case Digested():
            return _digested(notice)
        case Reminded():
            return _reminded(notice, link)
        case Warned():
            return _warned(notice, link)


def mention(person: str) -> str:
    """Somebody's opaque name as it stands in a text."""
    return f"{MARK}{person.replace(MARK, '')}{MARK}"


def value(channel: str, slot: Slot) -> str:
    """What a button below the question of a channel's slot carries."""
    return f"{channel}|{slot.name}"


def value_of(value: str) -> tuple[str, Slot]:
    """The channel and the slot a button carries. Raises ValueError."""
    channel, _, name = value.rpartition("|")
    if not channel:
        raise ValueError(f"{value!r:.80} names no channel and slot")
    return channel, daily.slot(name)


# --- a question -----------------------------------------------------------------------------------------------------


def _asked(notice: Asked) -> Words:
    question, case = notice.question, notice.case
    ask, changed = _wording(case, question)
    title = f"Daily question: {_title(case)}"
    company = [Part("small", _fact(case.question.company))] if case.question.company else []
    change = [Part("text", f"One change: {changed}")] if changed else []
    reveal = _time(notice.zone, question.asked, question.reveals)
    how = (
        "Five minutes are enough. Answer in the thread, or seal a blind answer that nobody sees before the reveal "
        f"{reveal}. Answers in the thread can be quoted at the reveal."
    )
    parts = (*company, Part("text", _situation(case.question.prompt)), *change, Part("strong", ask), Part("small", how))
    return Words(title, parts, (PRACTISE, BLIND, REMIND, FEEDBACK), f"{title}. {ask}")


def _reminded(notice: Reminded, link: str) -> Words:
    question = notice.question
    ask, changed = _wording(notice.case, question)
    until = _time(notice.zone, question.reveals - REMINDS, question.reveals)
    change = [Part("text", f"One change: {changed}")] if changed else []
    open = f"You asked to be reminded: it is open until the reveal {until}."
    where = f" Answer it here: {_plain(link)}" if link else ""
    title = f"Still open: {_title(notice.case)}"
    return Words(title, (*change, Part("strong", ask), Part("text", open + where)), (), f"{title}. {ask}")


def _warned(notice: Warned, link: str) -> Words:
    where = _plain(link) or "a channel you set it up in"
    trouble = f"I can't post the daily question to {where} any more. {_plain(notice.why)}"
    further = (
        "It is paused there until that has changed. I look again each time a question is due, and go on by myself. "
        "You can also use /interview daily resume, or /interview daily remove to end it."
    )
    title = "The daily question is paused"
    return Words(title, (Part("text", trouble), Part("text", further)), (), trouble)


def _unsealed(notice: Unsealed) -> Words:
    by = mention(notice.answer.person) if notice.named else "somebody who would rather not be named"
    text = clean(notice.answer.text).replace(MARK, "").strip()
    parts = (Part("text", f"Sealed until now, by {by}:"), Part("quote", shortened(text, LONGEST_ANSWER)))
    return Words("A blind answer", parts, (), "A blind answer to the daily question")


# --- what the answers came to ---------------------------------------------------------------------------------------


def _revealed(notice: Revealed) -> Words:
    """Quotes are cut as little as the room for the whole allows."""
    fitting = (_revealed_within(notice, limit) for limit in LIMITS)
    return next((said for said in fitting if _length(said) <= ROOM), _revealed_within(notice, LIMITS[-1]))


def _length(said: Words) -> int:
    return len(said.title) + sum(len(part.text) + len(part.person) for part in said.parts)


def _revealed_within(notice: Revealed, limit: int) -> Words:
    case = notice.case
    point = case.guide.point(notice.question.item.point)
    ask, _ = _wording(case, notice.question)
    parts = (
        Part("small", f"The question was: {ask}"),
        *_strong(point),
        Part("heading", "What your answers came to"),
        *_discussion(notice.discussion, case.guide, point, limit),
    )
    title = f"Revealed: {_title(case)}"
    summary = f"{title}. {_answered(notice.discussion.answers)}"
    return Words(title, parts, (FEEDBACK, PRACTISE, LEAVE), summary)


def _strong(point: RubricPoint) -> Iterator[Part]:
    """What a point's guide says about it."""
    yield from (Part("heading", "What a strong answer says"), Part("text", _fact(point.statement)))
    told: tuple[tuple[str, Kind, Sequence[str]], ...] = (
        ("In somebody's words", "quote", point.exemplars),
        ("A common slip", "quote", point.misconceptions),
        ("To think on", "text", (point.deeper,)),
    )
    for title, kind, texts in told:
        if texts and texts[0]:
            yield from (Part("heading", title), Part(kind, _fact(texts[0])))


def _discussion(discussion: Discussion, guide: Guide, about: RubricPoint, limit: int) -> Iterator[Part]:
    answers = discussion.answers
    yield Part("text", _answered(answers))
    if not answers:
        return
    told = (
        *((_agreed(view.said, answers), view) for view in discussion.agreed),
        *((f"Where you were split ({_sides(view, answers)})", view) for view in discussion.split),
        *((_missed(view, answers), view) for view in discussion.missed),
    )
    for opening, view in told:
        if view.point == about.id:  # it has just been told
            colon = ":" if view.against or view in discussion.split else ""
            yield Part("text", f"{opening}{colon} {ABOVE}")
        else:
            yield Part("text", f"{opening}: {_fact(guide.point(view.point).statement)}")
        yield from _quotes(view.voices, limit)
        if view.dissent:
            yield Part("small", "Others see it differently:" if view.said else "In their words:")
            yield from _quotes(view.dissent, limit)


def _answered(answers: int) -> str:
    if not answers:
        return "There were no answers to compare this time. The thread stays open, should you like to come back to it."
    return "One person answered." if answers == 1 else f"{answers} people answered."


def _agreed(said: int, answers: int) -> str:
    if answers == 1:
        return "It says"
    if said == answers:
        return "Both said" if answers == 2 else f"All {answers} said"
    return f"Most said ({said} of {answers})" if said / answers >= MOST else f"Only {said} of {answers} said"


def _sides(view: View, answers: int) -> str:
    against = [f"{view.against} ruled it out"] if view.against else []
    silent = answers - view.said - view.against
    unsaid = [f"{silent} did not mention it"] if silent > 0 else []
    return ", ".join([f"{view.said} said so", *against, *unsaid])


def _missed(view: View, answers: int) -> str:
    # To rule something out is to have thought of it.
    if view.against:
        return "It rules this out" if answers == 1 else f"Nobody said so, and {view.against} ruled it out"
    if view.said:
        return "Hardly anybody mentioned"
    return "It does not mention" if answers == 1 else "Nobody mentioned"


def _quotes(voices: Iterable[Voice], limit: int) -> Iterator[Part]:
    for voice in voices:
        yield Part("quote", shortened(_plain(voice.quote), limit), voice.person.replace(MARK, ""))


# --- a week ---------------------------------------------------------------------------------------------------------


def _digested(notice: Digested) -> Words:
    digest = notice.digest
    when = f"{_dates(digest.week)}, {_counted(digest.questions, 'question')}"
    parts = [Part("small", when), Part("text", _took_part(digest))]
    if case := notice.cases.get(digest.favourite.item.question):
        parts += _favourite(case, digest.favourite)
    if digest.divided and (case := notice.cases.get(digest.divided.item.question)):
        parts += _divided(case, digest.divided)
    if digest.ranks:
        parts += _leaderboard(digest.leaderboard)
    join = f"“{JOIN[1]}” puts you on the leaderboard, which counts days and never scores. " if digest.ranks else ""
    parts.append(Part("small", f"{join}“{LEAVE[1]}” keeps your name out of all I post here."))
    title = "The week in daily questions"
    return Words(title, tuple(parts), (JOIN, LEAVE) if digest.ranks else (LEAVE,), f"{title}: {when}")


def _dates(week: str) -> str:
    """ "Monday 23 to Sunday 29 November" of "2026-W48"."""
    monday = date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
    sunday = monday + 6 * DAY
    year = f" {monday.year}" if monday.year != sunday.year else ""
    month = f" {monday:%B}" if monday.month != sunday.month else ""
    return f"Monday {monday.day}{month}{year} to Sunday {sunday.day} {sunday:%B}{year and f' {sunday.year}'}"


def _took_part(digest: Digest) -> str:
    names = [mention(person) for person in digest.named[:MOST_NAMES]]
    rest = len(digest.named) - len(names)
    named = f"{', '.join(names)} and {rest} more" if rest else _listed(names)
    more = f"{digest.unnamed}{' more' if names else ''} who would rather not be named" if digest.unnamed else ""
    return f"Took part: {', and '.join(filter(None, (named, more)))}."


def _favourite(case: Case, question: DailyQuestion) -> list[Part]:
    point = _point(case.guide, question.item.point)
    ask = [Part("text", _fact(wording(case.guide, point)[0]))] if point else []
    return [Part("heading", "Question of the week"), Part("strong", _title(case)), *ask]


def _divided(case: Case, question: DailyQuestion) -> list[Part]:
    point = _point(case.guide, question.outcome.divided if question.outcome else "")
    if point is None:
        return []
    return [
        Part("heading", "Most divided decision"),
        Part("strong", _title(case)),
        Part("text", _fact(point.statement)),
    ]


def _point(guide: Guide, id: str) -> RubricPoint | None:
    return next((point for point in guide.rubric if point.id == id), None)


def _leaderboard(efforts: Sequence[Effort]) -> list[Part]:
    lines = [_effort(effort) for effort in efforts[:MOST_RANKS]]
    rest = len(efforts) - len(lines)
    more = [f"and {rest} more"] if rest else []
    text = "\n".join([*lines, *more]) or "Nobody has joined it yet."
    return [Part("heading", "Leaderboard"), Part("text", text)]


def _effort(effort: Effort) -> str:
    """Improving nothing is no news: there may have been nothing to improve."""
    improved = [f"{_counted(effort.improved, 'point')} improved"] if effort.improved else []
    streak = [f"streak {effort.streak}"] if effort.streak else []
    return f"{mention(effort.person)}: {', '.join([_counted(effort.days, 'day'), *improved, *streak])}"


# --- texts ----------------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return one_line(text.replace(MARK, ""))


def _fact(text: str) -> str:
    return shortened(_plain(text), LONGEST_FACT)


def _title(case: Case) -> str:
    return shortened(_plain(case.question.title), LONGEST_TITLE)


def _wording(case: Case, question: DailyQuestion) -> tuple[str, str]:
    ask, changed = wording(case.guide, case.guide.point(question.item.point))
    return _fact(ask), _fact(changed)


def _situation(prompt: str) -> str:
    """As many of the first sentences of a prompt as there is room for, and without its invitation to begin."""
    first, *others = _SENTENCE.findall(_plain(prompt)) or [""]
    if others and _INVITATION.search(others[-1].strip()):
        others.pop()
    text = first
    for sentence in others:
        if len(text) + len(sentence) > SITUATION:
            break
        text += sentence
    return shortened(text, SITUATION)


def _time(zone: str, since: float, at: float) -> str:
    """ "at 16:00 (Berlin)", and "on Wednesday at 07:00 (Berlin)" where it is another day than at `since`."""
    clocks, name = _zone(zone)
    before, then = (daily.moment(moment).astimezone(clocks) for moment in (since, at))
    day = f"on {then:%A} " if then.date() != before.date() else ""
    return f"{day}at {then:%H:%M} ({name})"


def _zone(zone: str) -> tuple[tzinfo, str]:
    """A zone and what it is called; UTC for one this machine does not know."""
    try:
        return ZoneInfo(zone), _plain(zone.rpartition("/")[2].replace("_", " "))
    # zoneinfo: a name it has no file for is a KeyError, one that can't be a file's a ValueError, and a folder's an OSError.
    except (KeyError, ValueError, OSError):
        return UTC, "UTC"


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
