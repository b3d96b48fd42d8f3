"""Owns how an administrator writes what a channel is asked when, `09:00 Europe/Berlin weekdays holidays=DE level=senior`, whose
holidays there are, and which posts that comes to."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import available_timezones

from holidays import country_holidays, list_supported_countries
from holidays.registry import COUNTRIES
from rapidfuzz import fuzz

from bot.commands import NotUnderstood
from interviewer.calendar import DAILY, WEEKDAYS, Holidays, Post, Schedule, Skipped, Weekday, no_holidays, upcoming
from interviewer.daily import REVEAL, Board, Plan, Slot, moment
from interviewer.model import Level, Question
from interviewer.questions import Taste, UnknownQuestion, matching

EXAMPLE = "09:00 Europe/Berlin weekdays"
HOLIDAYS = "holidays="
FULL = {"weekdays": WEEKDAYS, "daily": DAILY}
SINGLE = {day.name.lower(): day for day in Weekday}
NAMED = SINGLE | {name[:3]: day for name, day in SINGLE.items()}
UNWANTED = frozenset({"EST", "MST", "HST", "Factory", "localtime"})
"""Known to IANA, and never meant: whoever writes EST means New York, whose clocks do change."""
LIKE = 80
"""How much alike, of 100, two words are of which one may be the other mistyped."""
MOST_PARTS = 60
"""How many parts of a country are listed; the United States have 57, Italy has 114."""
LEVEL, TOPICS, SHOWN = "level", "topics", "reveal"
OPTIONS = {LEVEL: "level=senior", TOPICS: "topics=payments,queues", SHOWN: "reveal=7h", "holidays": "holidays=DE"}
"""What may be said besides a time, a zone and days, as it is written."""
SOONEST, LATEST = 30 * 60.0, 24 * 3600.0
"""Seconds from a question to its answers, at least and at most."""
SOME = 8
"""Topics that are named to somebody who named none there is."""
SKIPPED = "skipped by an administrator"


@dataclass(frozen=True)
class Wanted:
    """What an administrator wants a channel to be asked, and when; the answers are shown `reveal` seconds after each question."""

    schedule: Schedule
    level: Level = Level.SENIOR
    topics: tuple[str, ...] = ()
    reveal: float = REVEAL


@dataclass(frozen=True)
class Coming:
    """A day of a channel's plan: a post, or why there is none."""

    plan: Plan
    on: Post | Skipped


def plan(text: str, questions: Sequence[Question]) -> Wanted:
    """What is wanted in `text`: a schedule as `parse` reads it, and maybe `level=senior`, `topics=payments,queues`, `reveal=7h`.

    Raises NotUnderstood with what to write instead, also where no question is about any of the topics at that level."""
    said: dict[str, str] = {}
    rest: list[str] = []
    for word in _words(text):
        key, equals, value = word.partition("=")
        if not equals or word.lower().startswith(HOLIDAYS):
            rest.append(word)
            continue
        if key.lower() not in OPTIONS:
            near, usual = (
                _near(key, tuple(OPTIONS.values()), tuple(OPTIONS)),
                f"There is {', '.join(OPTIONS.values())}.",
            )
            raise NotUnderstood(f"I don't know what to make of “{word[:40]}”. {near or usual}")
        if key.lower() in said:
            raise NotUnderstood(f"{key.lower()}= is there twice: leave one.")
        said[key.lower()] = value
    level = _level(said[LEVEL]) if LEVEL in said else Level.SENIOR
    topics = _topics(said[TOPICS], level, questions) if TOPICS in said else ()
    reveal = _reveal(said[SHOWN]) if SHOWN in said else REVEAL
    return Wanted(parse(" ".join(rest)), level, topics, reveal)


def parse(text: str) -> Schedule:
    """The schedule in `text`: a time, a zone, days (weekdays if none are said) and maybe whose holidays, in any order.

    Days are `weekdays`, `daily`, or of the kind of `mon,wed` and `sun-thu`. Raises NotUnderstood with what to write instead."""
    minutes: list[time] = []
    days: list[frozenset[Weekday]] = []
    holidays: list[str] = []
    rest: list[str] = []
    for word in _words(text):
        if word[0] in "0123456789":
            minutes.append(_minute(word))
        elif word.lower().startswith(HOLIDAYS):
            holidays.append(_country(word[len(HOLIDAYS) :]))
        elif named := _days(word.lower()):
            days.append(named)
        else:
            rest.append(word)
    if not minutes:
        raise NotUnderstood(f"Say at what time, on a 24-hour clock: “{EXAMPLE}”.")
    if len(minutes) > 1:
        raise NotUnderstood(f"A schedule has one time, not {len(minutes)}: set one schedule for each.")
    if len(holidays) > 1:
        raise NotUnderstood(f"{HOLIDAYS} is there {len(holidays)} times: leave one.")
    every = frozenset(day for some in days for day in some) or WEEKDAYS
    return Schedule(minutes[0], _zone(rest), every, "".join(holidays))


def written(wanted: Schedule | Wanted | Plan) -> str:
    """A schedule as `parse` reads it, or all that is wanted as `plan` does."""
    if not isinstance(wanted, Schedule):
        topics = [f"{TOPICS}={','.join(wanted.topics)}"] if wanted.topics else []
        shown = f"{SHOWN}={_brief(wanted.reveal)}"
        return " ".join([written(wanted.schedule), f"{LEVEL}={wanted.level}", *topics, shown])
    schedule = wanted
    days = next((word for word, days in FULL.items() if days == schedule.days), "")
    days = days or ",".join(day.name[:3].lower() for day in sorted(schedule.days))
    holidays = [HOLIDAYS + _one_word(schedule.holidays)] if schedule.holidays else []
    return " ".join([f"{schedule.minute:%H:%M}", schedule.zone, days, *holidays])


def holidays(code: str) -> Holidays:
    """Who knows the public holidays of a country ("DE") or of a part of one ("DE-BY"), by their names there; "" has none."""
    if not code:
        return no_holidays
    country, _, part = code.partition("-")
    language = country_holidays(country, subdiv=part or None).default_language
    # Said outright, because what is left open follows the language of this machine.
    kept = country_holidays(country, subdiv=part or None, language=language)

    def name(day: date) -> str:
        return kept.get(day) or ""

    return name


def coming(board: Board, after: datetime, count: int) -> tuple[Coming, ...]:
    """The next `count` posts of all of a channel's plans later than `after`, in order, with the days skipped before and between
    them; as if it were not paused. Fewer where no plan has a post for a year."""
    found = sorted((each for plan in board.plans for each in _days_of(board, plan, after, count)), key=_order)
    posts = islice((place for place, each in enumerate(found, 1) if isinstance(each.on, Post)), count)
    return tuple(found[: max(posts, default=0)])


def _days_of(board: Board, plan: Plan, after: datetime, count: int) -> Iterator[Coming]:
    skipped = {slot.day for slot in board.skipped if slot.plan == plan.id}
    since, free = max(after, moment(plan.since)), holidays(plan.schedule.holidays)
    for each in upcoming(plan.schedule, since, count + len(skipped), free):
        left_out = isinstance(each, Post) and Slot(plan.id, each.day) in board.skipped
        yield Coming(plan, Skipped(each.day, each.at, SKIPPED) if left_out else each)


def _order(each: Coming) -> tuple[datetime, str]:
    return each.on.at, each.plan.id


def _words(text: str) -> list[str]:
    # Whoever writes a list puts spaces in it.
    return re.sub(r"\s*,\s*", ",", text.strip()).split()


def _level(said: str) -> Level:
    if said.lower() not in list(Level):
        *most, last = (f"{LEVEL}={level}" for level in Level)
        raise NotUnderstood(f"“{said[:40]}” is no level: write {', '.join(most)} or {last}.")
    return Level(said.lower())


def _topics(said: str, level: Level, questions: Sequence[Question]) -> tuple[str, ...]:
    """The topics that were named, each once. Raises NotUnderstood for one no question has, or if all have none at `level`."""
    topics = tuple(dict.fromkeys(topic for topic in said.lower().split(",") if topic))
    common = Counter(topic for question in questions for topic in question.topics)
    usual = f"There is {', '.join(topic for topic, _ in common.most_common(SOME))} and more."
    if not topics:
        raise NotUnderstood(
            f"{TOPICS}= says nothing: name one or more, as in {OPTIONS[TOPICS]}, or leave it away. {usual}"
        )
    fit: set[str] = set()
    for topic in topics:
        try:
            fit |= {each.id for each in matching(questions, Taste(topic=topic, level=level))}
        except UnknownQuestion as unknown:
            advice = f"Did you mean {unknown.nearest[0]}?" if unknown.nearest else usual
            raise NotUnderstood(f"No question has the topic “{topic[:40]}”. {advice}") from None
    if not fit:
        about = " or ".join(topics)
        raise NotUnderstood(
            f"No question about {about} is asked at {level} level: choose another level or more topics."
        )
    return topics


def _reveal(said: str) -> float:
    """Seconds, of "7h", "90m" or "1h30m"."""
    length = re.fullmatch(r"(?:([0-9]{1,2})h)?(?:([0-9]{1,4})m(?:in)?)?", said.lower())
    seconds = (int(length[1] or 0) * 60 + int(length[2] or 0)) * 60.0 if length and said else 0.0
    if not SOONEST <= seconds <= LATEST:
        raise NotUnderstood(
            f"“{said[:40]}” is no time to think: write {SHOWN}=7h or {SHOWN}=90m, from 30 minutes to 24 hours."
        )
    return seconds


def _brief(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}h" if hours and not minutes else f"{hours * 60 + minutes}m"


def _minute(word: str) -> time:
    said = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", word)
    if not said or int(said[1]) > 23 or int(said[2]) > 59:
        raise NotUnderstood(f"“{word[:40]}” is not a time: write it on a 24-hour clock, from 00:00 to 23:59.")
    return time(int(said[1]), int(said[2]))


def _days(word: str) -> frozenset[Weekday]:
    """The days of "daily", "mon,wed" or "sun-thu"; none if it is something else."""
    some: set[Weekday] = set()
    for stretch in word.strip(",").split(","):
        first, _, last = stretch.partition("-")
        if stretch in FULL:
            some |= FULL[stretch]
        elif first in NAMED and (last or first) in NAMED:
            begin, end = NAMED[first], NAMED[last or first]
            some |= {Weekday((begin + passed) % 7) for passed in range((end - begin) % 7 + 1)}
        else:
            return frozenset()
    return frozenset(some)


def _zone(words: list[str]) -> str:
    """The one zone that is named, in IANA's spelling."""
    known = {name.lower(): name for name in available_timezones() - UNWANTED}
    # A city of two words is one name, and nobody knows of the underscore.
    whole = known.get("_".join(words).lower())
    if whole:
        return whole
    named = [word for word in words if word.lower() in known]
    strange = [word for word in words if word not in named]
    if len(named) > 1 and not strange:
        raise NotUnderstood(f"A schedule has one time zone, not {len(named)}: set one schedule for each.")
    if named:
        near = _near(strange[0], [*FULL, *SINGLE, f"{HOLIDAYS}DE"])
        usual = f"A schedule is a time, a zone, days and maybe whose holidays: “{EXAMPLE} {HOLIDAYS}DE”."
        raise NotUnderstood(f"I don't know what to make of “{strange[0][:40]}”. {near or usual}")
    if not words:
        raise NotUnderstood(f"Say in which time zone, by a city in it: “{EXAMPLE}”.")
    said = " ".join(words)
    zones = [zone for zone in known.values() if "/" in zone and not zone.startswith("Etc/")]
    near = _near(said, [*FULL, *SINGLE, *zones])
    usual = "A time zone is named by a city, as in Europe/Berlin or America/New_York, and not by an abbreviation."
    raise NotUnderstood(f"I don't know what to make of “{said[:40]}”. {near or usual}")


def _country(said: str) -> str:
    """The code of a country or of a part of it, as the `holidays` library writes them."""
    first, _, rest = said.partition("-")
    country, countries = first.upper(), list_supported_countries()
    if country not in countries:
        usual = f"Write a country's two letters, as in {HOLIDAYS}DE, or a part of it too, as in {HOLIDAYS}DE-BY."
        if not said:
            raise NotUnderstood(f"{HOLIDAYS} says nothing. {usual}")
        names = {key.replace("_", " ").title(): codes[1] for key, codes in COUNTRIES.items()}
        near = _near(said, [f"{HOLIDAYS}{code} ({name})" for name, code in names.items()], list(names))
        raise NotUnderstood(f"I know of no holidays of “{said[:40]}”. {near or usual}")
    if not rest:
        return country
    parts = {_one_word(part).lower(): part for part in countries[country]}
    if rest.lower() not in parts:
        some = ", ".join(_one_word(part) for part in countries[country][:MOST_PARTS])
        more = " and more" if len(parts) > MOST_PARTS else ""
        usual = f"There is {some}{more}." if parts else f"{HOLIDAYS}{country} is the whole of it."
        raise NotUnderstood(f"I know of no part of {country} called “{rest[:40]}”. {usual}")
    return f"{country}-{parts[rest.lower()]}"


def _one_word(name: str) -> str:
    """A name as one word, as France's Zone_A is written here."""
    return name.replace(" ", "_")


def _near(said: str, known: Sequence[str], by: Sequence[str] = ()) -> str:
    """ "Did you mean …?" with what is most like what was said, or "". `by`: what each is known by, if not by itself."""
    best = sorted(((_alike(said, name), shown) for shown, name in zip(known, by or known, strict=True)), reverse=True)
    # Of few letters something is always like: only what is the same.
    enough = max(LIKE if len(said) > 4 else 100, best[0][0] - 5)
    near = [shown for like, shown in best[:2] if like >= enough]
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _alike(said: str, name: str) -> float:
    """How much two names are alike, of 100: as a whole, or their cities."""
    said, name = (re.sub(r"[ _]", "", each).lower() for each in (said, name))
    return max(fuzz.ratio(said, name), fuzz.ratio(said.rpartition("/")[2], name.rpartition("/")[2]))
