"""Owns what is offered while somebody fills in a command: questions, channels, time zones and topics."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from zoneinfo import available_timezones

import discord
from rapidfuzz import fuzz, process, utils

from bot.commands import SURPRISE, NotUnderstood, wish
from bot.debrief import one_line
from bot.fitting import shortened
from interviewer.model import Question

logger = logging.getLogger(__name__)

CHOICES, LONGEST = 25, 100
"""So many choices an option can have, and so many characters their names and values: Discord takes no more."""
READ = 100
"""So many characters of what is being typed are looked at."""
MAY_POST = discord.Permissions(view_channel=True, send_messages=True)
FIRST_ZONES = (
    "Europe/London",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Warsaw",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Toronto",
    "America/Sao_Paulo",
    "Africa/Lagos",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""Time zones that are offered while nothing is typed."""
ALIKE = 80
"""From here on (of 100) two words count as one with a slip of the finger, and two texts as alike."""
MOST = 8
"""So many words of what is being typed count, and so many companies and topics are shown while nothing is."""


@dataclass(frozen=True)
class Offer:
    """What the picker shows, what `bot.commands.wish` makes the same of, and the words it goes by."""

    name: str
    value: str
    words: tuple[str, ...]


class Menu:
    """What an interview can be about: a surprise, companies, topics and questions."""

    def __init__(self, questions: Sequence[Question]) -> None:
        surprise = Offer("Surprise me", SURPRISE, _split("surprise me anything"))
        companies = _named(questions, lambda question: (question.company, *question.also_asked_at), "asked at {}")
        topics = _named(questions, lambda question: question.topics, "on {}")
        asked = tuple(_asked(questions))
        self._offers = _fit((surprise, *companies, *topics, *asked))
        # Who has typed nothing sees the way out first, then what narrows most, then the questions themselves.
        several = [offer for offer in (*topics[:MOST], *companies[:MOST]) if not offer.name.endswith(": 1 question")]
        self._first = _fit((surprise, *several, *asked))[:CHOICES]

    def offers(self, typed: str) -> Sequence[Offer]:
        """At most 25 for what is being typed, the best first. Never raises: a picker has no room for an apology."""
        try:
            words = _split(typed[:READ])[:MOST]
            return self._found(typed[:READ], words) if words else self._first
        except Exception as problem:
            # Their words stay out of the log.
            logger.warning("what is being typed can't be looked up: %s", type(problem).__name__)
            return self._first

    def _found(self, typed: str, words: Sequence[str]) -> Sequence[Offer]:
        """Those that have something like most of the words, else those that are alike as a whole: "ratelimiter"."""
        telling = [word for word in words if len(word) > 2] or words
        found: list[tuple[int, float, Offer]] = []
        for offer in self._offers:
            close = [_closest(word, offer.words) for word in telling]
            found.append((sum(map(bool, close)), sum(close), offer))
        most = max(hits for hits, _, _ in found)
        if most:
            ranked = sorted((each for each in found if each[0] == most), key=lambda each: -each[1])
            return [offer for _, _, offer in ranked][:CHOICES]
        names = [offer.name for offer in self._offers]
        alike = process.extract(
            typed, names, scorer=fuzz.WRatio, processor=utils.default_process, limit=CHOICES, score_cutoff=ALIKE
        )
        return [self._offers[place] for _, _, place in alike]


def _closest(typed: str, words: Iterable[str]) -> float:
    """How surely somebody who types the one means one of the others, 0-100."""
    return max((_likeness(typed, word) for word in words), default=0.0)


def _likeness(typed: str, word: str) -> float:
    if typed == word:
        return 100.0
    if word.startswith(typed):  # They may not have come to its end.
        return 90.0
    return 0.8 * fuzz.ratio(typed, word, score_cutoff=ALIKE) if len(typed) > 3 else 0.0


def _split(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


def _named(questions: Sequence[Question], names: Callable[[Question], Iterable[str]], said: str) -> Sequence[Offer]:
    """An offer for each name that several questions may share, the most shared first."""
    having: dict[str, list[Question]] = {}
    for question in questions:
        for name in {one_line(name): None for name in names(question) if one_line(name)}:
            having.setdefault(name, []).append(question)
    found: list[tuple[int, Offer]] = []
    for name, expected in having.items():
        meant = _meant(name.lower(), questions)
        if set(expected) <= set(meant):
            count = f"{len(meant)} question{'s' * (len(meant) != 1)}"
            shown = f"{shortened(said.format(name), LONGEST - 20)}: {count}"
            found.append((len(meant), Offer(shown[0].upper() + shown[1:], name.lower(), _split(name))))
    return [offer for _, offer in sorted(found, key=lambda each: (-each[0], each[1].value))]


def _asked(questions: Sequence[Question]) -> Iterator[Offer]:
    for question in questions:
        if _meant(question.id, questions) == (question,):
            title = one_line(question.title) or question.id
            where = f" ({one_line(question.company)})" if question.company else ""
            words = _split(" ".join((title, question.company, *question.also_asked_at, *question.topics, question.id)))
            yield Offer(shortened(f"{title}{where}", LONGEST), question.id, words)


def _meant(value: str, questions: Sequence[Question]) -> tuple[Question, ...]:
    """What `wish` makes of a value: a company called Staff is a level to it."""
    try:
        return wish(value, questions).questions
    except NotUnderstood:
        return ()


def _fit(offers: Iterable[Offer]) -> Sequence[Offer]:
    """Those that Discord takes, each name and each value once."""
    names: set[str] = set()
    values: set[str] = set()
    fitting: list[Offer] = []
    for offer in offers:
        if len(offer.value) <= LONGEST and offer.name not in names and offer.value not in values:
            names.add(offer.name)
            values.add(offer.value)
            fitting.append(offer)
    return fitting


# --- the daily question ---------------------------------------------------------------------------------------------


def channels(interaction: discord.Interaction, typed: str) -> Sequence[tuple[str, str]]:
    """The text channels of a server, by name and id, that are like what is typed, and that both the bot and who types may write
    in: 25 at most."""
    guild, who = interaction.guild, interaction.user
    if guild is None or not isinstance(who, discord.Member):
        return []
    both = (who, guild.me) if guild.me else (who,)
    said = typed[:READ].lstrip("#").casefold()
    found = (
        (f"#{channel.name}"[:LONGEST], str(channel.id))
        for channel in guild.text_channels
        if said in channel.name.casefold() and all(channel.permissions_for(each) >= MAY_POST for each in both)
    )
    return list(islice(found, CHOICES))


def zones(typed: str) -> Sequence[str]:
    """The time zones that are like what is typed, 25 at most."""
    return _like(typed, _zones(), FIRST_ZONES)


@cache
def _zones() -> tuple[str, ...]:
    """The time zones that are named by a city."""
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


def _like(typed: str, names: Sequence[str], first: Sequence[str]) -> Sequence[str]:
    """The names that begin or have a part beginning like what is typed, else those alike; `first` while nothing is."""
    said = typed[:READ].strip().casefold().replace(" ", "_")
    if not said:
        return first[:CHOICES]
    having = [name for name in names if said in name.casefold()]
    having.sort(key=lambda name: not any(part.startswith(said) for part in name.casefold().split("/")))
    alike = process.extract(said, names, scorer=fuzz.partial_ratio, processor=utils.default_process, score_cutoff=ALIKE)
    return (having or [name for name, _, _ in alike])[:CHOICES]


def further(typed: str, questions: Sequence[Question]) -> Sequence[str]:
    """The topics named so far, with another one after them."""
    *named, current = (each.strip() for each in typed[:READ].casefold().split(","))
    counted = Counter(topic for question in questions for topic in question.topics)
    left = [topic for topic, _ in counted.most_common() if topic not in named and not re.search(r"[\s,]", topic)]
    lists = [",".join((*named, topic)) for topic in _like(current, left, left)]
    return [each for each in lists if len(each) <= LONGEST]
