"""Owns what a day's question is about, and what a team's answers to it come to: agreement, outcomes, streaks, digests; pure."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

from interviewer.calendar import DAY, Holidays, Schedule
from interviewer.daily import (
    DailyQuestion,
    Digest,
    Discussion,
    Effort,
    Outcome,
    Standing,
    Took,
    View,
    Voice,
    takers,
)
from interviewer.model import Guide, Level, Phase, PointState, Rating, RubricPoint

POINTS = 3
"""As many points of a rubric answers are compared by: the one that is asked about, and what belongs to it."""
SHARP = 2
"""The least weight of a point that is worth five minutes."""
SUBJECTS = frozenset({Phase.API, Phase.DESIGN, Phase.DEEP_DIVE, Phase.TWIST, Phase.WRAP_UP})
"""Phases whose points can be thought about by themselves."""
MOST = 2 / 3
"""The share of answers from which on they agree, and the share of 1 under which they leave something out."""
QUOTED = 2
"""Voices that are quoted on each side."""


def sharp(guide: Guide, level: Level, asked: Sequence[str], seed: str) -> RubricPoint | None:
    """A point of a guide that is worth five minutes by itself: one that was not `asked` (oldest first), or the one asked longest
    ago; None for a guide that has no question about any."""
    able = [point for point in guide.rubric if _wording(point) and level.reaches(point.level)]
    worthy = [point for point in able if point.phase in SUBJECTS and point.weight >= SHARP] or able
    fresh = [point for point in worthy if point.id not in asked]
    if fresh:
        return min(fresh, key=lambda point: hashlib.sha256(f"{seed} {point.id}".encode()).digest())
    last = {name: place for place, name in enumerate(asked)}
    return min(worthy, key=lambda point: last[point.id], default=None)


def wording(guide: Guide, point: RubricPoint) -> tuple[str, str]:
    """What a question asks about a point, and the requirement that has changed before, or ""."""
    changed = next((twist.change for twist in guide.twists if twist.id == point.twist), "")
    return _wording(point), changed


def _wording(point: RubricPoint) -> str:
    # A challenge paints a situation, which is easier to begin with than a neutral probe.
    return point.challenge or point.probe


def compared(guide: Guide, point: str, level: Level) -> tuple[RubricPoint, ...]:
    """The points answers are compared by: the one that is asked about, and what stands next to it."""
    about = guide.point(point)
    others = [
        each
        for each in guide.rubric
        if each.id != point and each.phase == about.phase and each.twist == about.twist and level.reaches(each.level)
    ]
    others.sort(key=lambda each: (each.dimension != about.dimension, -each.weight))
    return (about, *others[: POINTS - 1])


# --- what the answers come to ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Somebody's answer, all they wrote, and what a rater makes of it. `open`: they may be quoted, by name."""

    person: str
    rating: Rating
    open: bool

    def state(self, point: str) -> PointState:
        """Where a point stands in it; a wrong claim about it rules it out."""
        if any(claim.point == point for claim in self.rating.misconceptions):
            return PointState.CHALLENGED
        return next((each.state for each in self.rating.points if each.point == point), PointState.MISSING)

    def covered(self, points: Iterable[str]) -> frozenset[str]:
        """Which of these points it covers."""
        return frozenset(point for point in points if self.state(point) is PointState.COVERED)

    def quote(self, point: str) -> str:
        """Their words on a point."""
        claims = (claim.quote for claim in self.rating.misconceptions if claim.point == point)
        rated = (each.quote for each in self.rating.points if each.point == point)
        return next((quote for quote in (*claims, *rated) if quote), "")


def discuss(judged: Sequence[Judged], points: Sequence[str]) -> Discussion:
    """What answers agree on and where they are split, point by point. One that could not be judged counts for nothing."""
    heard = [each for each in judged if each.rating.gradable]
    agreed: list[View] = []
    split: list[View] = []
    missed: list[View] = []
    for point in points if heard else ():
        view = _view(heard, point)
        if divide(view, len(heard)) > 0:
            split.append(view)
        else:
            # Undivided they may also be in leaving it out, all but a few.
            (agreed if 2 * view.said > len(heard) else missed).append(view)
    return Discussion(len(heard), tuple(agreed), tuple(split), tuple(missed))


def divide(view: View, answers: int) -> float:
    """How divided `answers` are about a point: 1 where one half stands against the other, 0 where they agree.

    Whoever rules it out stands against it; silence does so only where neither side is a clear majority."""
    if view.said and view.against:
        return 1 - abs(view.said - view.against) / (view.said + view.against + 1)
    share = view.said / answers
    return 0.0 if share >= MOST or share <= 1 - MOST else 1 - abs(2 * share - 1)


def _view(heard: Sequence[Judged], point: str) -> View:
    said = [each for each in heard if each.state(point) is PointState.COVERED]
    against = [each for each in heard if each.state(point) is PointState.CHALLENGED]
    return View(point, len(said), len(against), _voices(said, point), _voices(against, point))


def _voices(judged: Sequence[Judged], point: str) -> tuple[Voice, ...]:
    voices = (Voice(each.person, each.quote(point)) for each in judged if each.open)
    return tuple(voice for voice in voices if voice.quote)[:QUOTED]


def outcome(
    discussion: Discussion,
    takers: Sequence[str],
    first: Mapping[str, frozenset[str]],
    last: Mapping[str, frozenset[str]],
) -> Outcome:
    """What became of a question. `first` and `last` are the points people covered when they first asked for feedback and when the
    answers were revealed."""
    improved = {person: len(last.get(person, frozenset()) - before) for person, before in first.items()}
    most = max(discussion.split, key=lambda view: divide(view, discussion.answers), default=None)
    return Outcome(
        tuple(takers),
        {person: count for person, count in improved.items() if count},
        divide(most, discussion.answers) if most else 0.0,
        most.point if most else "",
    )


Rests = Callable[[date], bool]
"""Whether a date is none of the days on which a channel has a question."""


def rests(schedule: Schedule, free: Holidays) -> Rests:
    """The days a plan leaves out: those that are not its own, and holidays."""
    return lambda day: day.weekday() not in schedule.days or bool(free(day))


def streak(took: Iterable[Took], today: date, rest: Rests) -> int:
    """How many of somebody's local days in a row, up to `today`, have an answer.

    A day of rest neither breaks a streak nor is needed for it, and today is not over yet. Somebody whose day is not the channel's
    (in Auckland, of a channel in New York) rests when it does: as many days later as they answered before and after."""
    shifts: dict[date, set[timedelta]] = {}
    for each in took:
        if each.day <= today:
            shifts.setdefault(each.day, set()).add(each.day - each.asked)
    count, after, around = 0, today, frozenset[timedelta]()
    for day in sorted(shifts, reverse=True):
        own = shifts[day] | around
        missed = (day + passed * DAY for passed in range(1, (after - day).days))
        if not all(any(rest(each - shift) for shift in own) for each in missed):
            break
        count, after, around = count + 1, day, frozenset(shifts[day])
    return count


def digest(
    name: str,
    questions: Sequence[DailyQuestion],
    standings: Mapping[str, Standing],
    streaks: Mapping[str, int],
    *,
    ranks: bool,
) -> Digest | None:
    """The digest of a week's questions, None where nobody took part. Who has not taken part is never named, nor who is hidden;
    `ranks`: the channel has a leaderboard, which lists who joined it."""
    dates: dict[str, set[date]] = {}
    improved: dict[str, int] = {}
    for each in questions:
        for person in takers(each):
            dates.setdefault(person, set()).add(each.slot.day)
        for person, count in each.outcome.improved.items() if each.outcome else ():
            improved[person] = improved.get(person, 0) + count
    if not dates:
        return None
    # A channel may have two questions on a day.
    days = {person: len(own) for person, own in dates.items()}
    named = sorted(
        (each for each in days if not _standing(standings, each).hidden), key=lambda each: (-days[each], each)
    )
    ranked = [
        Effort(each, days[each], improved.get(each, 0), streaks.get(each, 0))
        for each in named
        if ranks and _standing(standings, each).ranked
    ]
    ranked.sort(key=lambda each: (-each.days, -each.improved, each.person))
    return Digest(
        name,
        len(questions),
        tuple(named),
        len(days) - len(named),
        favourite=max(questions, key=lambda each: len(takers(each))),
        divided=_best(questions, lambda each: each.outcome.split if each.outcome else 0.0),
        leaderboard=tuple(ranked),
        ranks=ranks,
    )


def _standing(standings: Mapping[str, Standing], person: str) -> Standing:
    return standings.get(person, Standing())


Of = TypeVar("Of")


def _best(of: Sequence[Of], by: Callable[[Of], float]) -> Of | None:
    """The first of those that have most, if any has something."""
    found = max(of, key=by, default=None)
    return found if found is not None and by(found) > 0 else None
