"""Owns what administrators want of a channel's daily question, on every platform: their orders, and what they are told.

Every reply is plain text in which only backticks mean something.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.commands import NotUnderstood
from bot.daily import EXAMPLE, Coming, Wanted, coming, plan, written
from bot.text import clean
from interviewer.calendar import Post, Schedule, fires
from interviewer.daily import (
    LOOKS_BACK,
    NOW,
    Board,
    Extra,
    Kind,
    Plan,
    Slot,
    moment,
    slot,
)
from interviewer.daily_store import DailyStore
from interviewer.documents import nearest
from interviewer.ports import Clock, StoreUnavailable
from interviewer.questions import Bank

MOST_PLANS = 10
ON_ITS_WAY = 600.0
"""Seconds for which a question that was asked for at once, and is not there yet, is not asked for again."""
TRIES = 10
"""How often a board is changed anew because somebody else changed it meanwhile."""
REALLY = "really"
"""What has to be said besides `remove` before a channel's daily question is deleted."""
UNDO = "undo"
IDS = "abcdefghijklmnopqrstuvwxyz"
SET = f"`daily set {EXAMPLE}`"
NONE = f"This channel has no daily question. {SET} sets one."
HELP: Mapping[str, str] = MappingProxyType(
    {
        "set": f"{SET} asks a question at that time; add `holidays=DE`, `level=senior`, `topics=payments,queues` or `reveal=7h`",
        "status": "`daily status` shows what is set and what comes next",
        "pause": "`daily pause` asks nothing until `daily resume`",
        "resume": "`daily resume` goes on after a pause, or once I can post again",
        "skip": "`daily skip` leaves out the next question, and `daily skip undo` puts it back",
        "ask-now": "`daily ask-now` asks a question at once",
        "leaderboard": "`daily leaderboard on` lists, each week, those who asked to be counted; `off` stops that",
        "remove": "`daily remove` takes the daily question away",
        "help": "`daily help` shows this",
    }
)


@dataclass(frozen=True)
class Planning:
    """Carries out administrators' orders. Every method raises StoreUnavailable; channels, people and teams have opaque names."""

    store: DailyStore
    bank: Bank
    clock: Clock

    async def order(self, team: str, channel: str, person: str, text: str) -> str:
        """Carry out what an administrator wrote, `set …`, `pause`, `status` and so on, and what to tell them."""
        word, *rest = clean(text).split(maxsplit=1) or ["status"]
        orders: Mapping[str, Callable[[str, str], Awaitable[str]]] = {
            "set": partial(self._set, team, person),
            "status": self._status,
            "pause": self._pause,
            "resume": self._resume,
            "skip": self._skip,
            "ask-now": self._ask_now,
            "leaderboard": self._leaderboard,
            "remove": self._remove,
        }
        if word.lower() == "help":
            return "\n".join(f"- {said}" for said in HELP.values())
        if word.lower() not in orders:
            return _strange(word)
        try:
            return await orders[word.lower()](channel, rest[0].strip() if rest else "")
        except NotUnderstood as problem:
            return str(problem)

    async def plan(self, team: str, channel: str, person: str, words: str) -> str:
        """Set a schedule for a channel, as in `09:00 Europe/Berlin weekdays level=senior`, and what to tell who did."""
        return await self.order(team, channel, person, f"set {words}")

    async def _set(self, team: str, person: str, channel: str, words: str) -> str:
        wanted, now = plan(words, self.bank.questions), self.clock()
        used = await self._used(channel, now)
        was = Board(channel, team, person)

        def want(board: Board | None) -> Board:
            nonlocal was
            was = board or Board(channel, team, person)
            kept = _with(_going_on(was, now), wanted, now, used)
            return replace(kept, team=team, admin=person)

        board = await self._kept(channel, want)
        new = next(each for each in board.plans if each.schedule == wanted.schedule)
        days = [each for each in coming(replace(board, plans=(new,)), moment(now), 3) if isinstance(each.on, Post)]
        lines = [f"{'Set' if len(board.plans) > len(was.plans) else 'Changed'}: {_named(new)}."]
        lines += [f"It asks {_listed(days)}."]
        lines += ["It was paused, and goes on from now on."] if was.paused else []
        lines += [f"This channel has {len(board.plans)} schedules now."] if len(board.plans) > 1 else []
        return "\n".join([*lines, "`daily status` shows what comes next, and `daily ask-now` asks a question at once."])

    async def _used(self, channel: str, now: float) -> frozenset[str]:
        """Ids under which something was asked these days: a new plan of that id would find its day done."""
        names = [name for name in await self.store.doings(channel) if name.startswith(f"{Kind.ASK}:")]
        slots = [slot(name.partition(":")[2]) for name in names]
        slots += [each.slot for each in await self.store.past(channel)]
        lately = (moment(now) - LOOKS_BACK).date()
        return frozenset(each.plan for each in slots if each.day >= lately)

    async def _pause(self, channel: str, _: str) -> str:
        before = await self._board(channel)
        await self._changed(channel, lambda board: replace(board, paused=True))
        if before.paused:
            return "It is paused already. `daily resume` goes on."
        return "Paused: nothing is asked until `daily resume`. What is open is still revealed."

    async def _resume(self, channel: str, _: str) -> str:
        before, now = await self._board(channel), self.clock()
        after = await self._changed(channel, lambda board: _going_on(board, now))
        days = [each for each in coming(after, moment(now), 3) if isinstance(each.on, Post)]
        began = "It goes on" if before.paused or before.stuck else "It is not paused"
        return (
            f"{began}: it asks {_listed(days)}."
            if days
            else f"{began}, but no question comes within a year. {SET} adds one."
        )

    async def _status(self, channel: str, _: str) -> str:
        board = await self.store.board(channel)
        if board is None or not board.plans:
            return NONE
        lines = [f"- {_named(each)}" for each in board.plans]
        if board.paused:
            lines.append("Paused by an administrator: `daily resume` goes on.")
        if board.stuck:
            lines.append(f"I can't post here: {board.stuck} Then `daily resume`.")
        several = len(board.plans) > 1
        lines.append("Once it goes on:" if board.paused or board.stuck else "Next:")
        days = [f"- {_day(each, several=several)}" for each in coming(board, moment(self.clock()), 5)]
        lines += days or ["No question within a year."]
        if board.news:
            lines += ["What went differently:", *(f"- {each}" for each in board.news)]
        shown, other = ("on", "off") if board.leaderboard else ("off", "on")
        lines.append(f"The leaderboard is {shown}: `daily leaderboard {other}` changes that.")
        return "\n".join(lines)

    async def _skip(self, channel: str, words: str) -> str:
        now, words = moment(self.clock()), words.lower()
        touched = Slot("", now.date())

        def skip(board: Board) -> Board:
            nonlocal touched
            if words == UNDO:
                left = [each for each in board.skipped if _to_come(board, each, now)]
                if not left:
                    raise NotUnderstood("No question to come is left out. `daily skip` leaves out the next.")
                touched = left[-1]
                return replace(board, skipped=tuple(each for each in board.skipped if each != touched))
            among = replace(board, plans=(_of(board, words),)) if words else board
            posts = [each for each in coming(among, now, 1) if isinstance(each.on, Post)]
            if not posts:
                raise NotUnderstood("No question comes within a year: there is nothing to leave out.")
            touched = Slot(posts[0].plan.id, posts[0].on.day)
            lately = (now - LOOKS_BACK).date()
            return replace(board, skipped=(*(each for each in board.skipped if each.day >= lately), touched))

        board = await self._changed(channel, skip)
        posts = [each for each in coming(board, now, 1) if isinstance(each.on, Post)]
        then = f"The next question comes {_listed(posts)}." if posts else "No other comes within a year."
        paused = " The channel is paused: `daily resume` goes on." if board.paused else ""
        day = f"{touched.day:%a} {touched.day.day} {touched.day:%b}"
        if words == UNDO:
            return f"{day} is asked after all. {then}{paused}"
        which = f" of `{touched.plan}`" if len(board.plans) > 1 else ""
        return f"Left out: the question{which} on {day}. {then}{paused} `daily skip undo` puts it back."

    async def _ask_now(self, channel: str, _: str) -> str:
        now = self.clock()

        def ask(board: Board) -> Board:
            if board.paused or board.stuck:
                why = "it is paused" if board.paused else f"I can't post here: {board.stuck.rstrip('.')}"
                raise NotUnderstood(f"Nothing is asked now, because {why}. `daily resume` goes on.")
            if any(now - each.at < ON_ITS_WAY for each in board.extras):
                raise NotUnderstood("A question was asked for a moment ago and is on its way.")
            extras = (each for each in board.extras if now - each.at < LOOKS_BACK.total_seconds())
            like = board.plans[0]
            today = moment(now).astimezone(ZoneInfo(like.schedule.zone)).date()
            extra = Extra(Slot(f"{NOW}-{secrets.token_hex(4)}", today), now, like)
            return replace(board, extras=(*extras, extra))

        board = await self._changed(channel, ask)
        like = board.plans[0]
        return f"A question comes in a moment, asked as by {_named(like)}. The schedule stays as it is."

    async def _remove(self, channel: str, words: str) -> str:
        board, words = await self._board(channel), words.lower()
        if words == REALLY:
            await self.store.remove(channel)
            return f"The daily question of this channel is deleted, with its answers. {SET} sets one anew."
        if words and len(board.plans) > 1:
            gone = _of(board, words)

            def remove(now: Board) -> Board:
                # Its id may be given again, to a plan of which nothing was to be skipped.
                skipped = tuple(each for each in now.skipped if each.plan != gone.id)
                return replace(now, plans=tuple(each for each in now.plans if each.id != gone.id), skipped=skipped)

            after = await self._changed(channel, remove)
            left = " and ".join(_named(each) for each in after.plans)
            return f"Removed: {_named(gone)}. What stays: {left}. To have it back, `daily set {written(gone)}`."
        if words:
            _of(board, words)
        return "\n".join(
            [
                "This would delete the daily question of this channel:",
                *(f"- {_named(each)}" for each in board.plans),
                "A question that is open is not revealed then, and its answers are deleted from what I keep. To do so, write "
                f"`daily remove {REALLY}`. `daily pause` keeps everything.",
                *(["`daily remove a` takes only the one away that is called `a`."] if len(board.plans) > 1 else []),
            ]
        )

    async def _leaderboard(self, channel: str, words: str) -> str:
        words = words.lower()
        if words not in ("on", "off"):
            await self._board(channel)
            raise NotUnderstood("Write `daily leaderboard on` or `daily leaderboard off`.")
        await self._changed(channel, lambda board: replace(board, leaderboard=words == "on"))
        if words == "off":
            return "The leaderboard is off: the digest of a week ranks nobody."
        return "The leaderboard is on: the digest of a week lists the effort of those who press “Count me in”, and nobody else."

    async def _board(self, channel: str) -> Board:
        """The channel's board. Raises NotUnderstood if it has none."""
        board = await self.store.board(channel)
        if board is None or not board.plans:
            raise NotUnderstood(NONE)
        return board

    async def _changed(self, channel: str, change: Callable[[Board], Board]) -> Board:
        """The channel's board, changed. Raises NotUnderstood if it has none, and what `change` raises."""

        def changed(board: Board | None) -> Board:
            if board is None or not board.plans:
                raise NotUnderstood(NONE)
            return change(board)

        return await self._kept(channel, changed)

    async def _kept(self, channel: str, change: Callable[[Board | None], Board]) -> Board:
        for _ in range(TRIES):
            before = await self.store.board(channel)
            after = change(before)
            if after == before or await self.store.keep_board(before, after):
                return after
        raise StoreUnavailable("The channel's settings are being changed all the time: try again in a moment.")


def _named(plan: Plan) -> str:
    return f"`{plan.id}`: `{written(plan)}`"


def _listed(posts: Sequence[Coming]) -> str:
    """Posts in local time, the zone once for those that share it: "Tue 24 Nov 09:00, Wed 25 Nov 09:00 (Europe/Berlin)"."""
    zones = [each.plan.schedule.zone for each in posts]
    said = [
        _local(each.on) + (f" ({zone})" if zone != following else "")
        for each, zone, following in zip(posts, zones, [*zones[1:], ""], strict=True)
        if isinstance(each.on, Post)
    ]
    return ", ".join(said)


def _local(post: Post) -> str:
    return f"{post.local:%a} {post.local.day} {post.local:%b} {post.local:%H:%M}"


def _day(each: Coming, *, several: bool) -> str:
    """A day of a plan: its post in local time and UTC, or why there is none, and what the clocks do."""
    which = f" `{each.plan.id}`" if several else ""
    if not isinstance(each.on, Post):
        return f"{each.on.day:%a} {each.on.day.day} {each.on.day:%b}{which}: {each.on.note}"
    there = f"{each.on.at:%H:%M}" if each.on.at.date() == each.on.local.date() else f"{each.on.at:%a %H:%M}"
    note = f": {each.on.note}" if each.on.note else ""
    return f"{_local(each.on)} {each.plan.schedule.zone} ({there} UTC){which}{note}"


def _strange(word: str) -> str:
    """What to write instead of an order that there is not."""
    if word[0] in "0123456789":
        return f"To set a daily question, write {SET}."
    near = nearest(word.lower(), list(HELP), 1)
    return f"I don't know `{word[:30].replace('`', '')}`. " + (
        f"Did you mean `daily {near[0]}`?" if near else "`daily help` shows what there is."
    )


# --- changes of a board ---------------------------------------------------------------------------------------------


def _going_on(board: Board, now: float) -> Board:
    """A board that is neither paused nor stuck; what it missed while it was is not made up for."""
    if not board.paused and not board.stuck:
        return board
    plans = tuple(replace(each, since=now) for each in board.plans)
    return replace(board, plans=plans, extras=(), paused=False, stuck="")


def _with(board: Board, wanted: Wanted, now: float, used: frozenset[str]) -> Board:
    """A board on which this is wanted too; a plan of the same minute and of a day that is wanted is changed, since nobody wants
    two questions at once. Raises NotUnderstood where that can't be."""
    for each in board.plans:
        if _meets(each.schedule, wanted.schedule):
            if written(each) == written(wanted):
                raise NotUnderstood(f"That is set already: {_named(each)}. `daily status` shows what comes next.")
            changed = replace(
                each, schedule=wanted.schedule, level=wanted.level, topics=wanted.topics, reveal=wanted.reveal
            )
            return replace(board, plans=tuple(changed if plan == each else plan for plan in board.plans))
    if len(board.plans) >= MOST_PLANS:
        raise NotUnderstood(f"A channel has at most {MOST_PLANS} schedules: `daily remove a` takes one away.")
    new = Plan(_free(board, used), wanted.schedule, now, wanted.level, wanted.topics, wanted.reveal)
    if not coming(replace(board, plans=(new,)), moment(now), 1):
        raise NotUnderstood("No day of that comes within a year: choose other days, or leave the holidays away.")
    return replace(board, plans=(*board.plans, new))


def _meets(one: Schedule, other: Schedule) -> bool:
    """Whether two schedules ask at the same minute of some day."""
    return (one.minute, one.zone) == (other.minute, other.zone) and bool(one.days & other.days)


def _free(board: Board, used: frozenset[str]) -> str:
    """An id that no plan has, and under which nothing was asked lately if there is one."""
    taken = {each.id for each in board.plans}
    names = [*IDS, *(f"{first}{second}" for first in IDS for second in IDS)]
    return next(name for name in names if name not in taken | used)


def _to_come(board: Board, skipped: Slot, now: datetime) -> bool:
    """Whether the question that is to be skipped has not been due yet."""
    plan = board.plan(skipped.plan)
    at = fires(plan.schedule, skipped.day) if plan else None
    return at is not None and at > now


def _of(board: Board, id: str) -> Plan:
    """The plan of this id. Raises NotUnderstood with those there are."""
    found = next((each for each in board.plans if each.id == id), None)
    if found is None:
        there = ", ".join(_named(each) for each in board.plans)
        raise NotUnderstood(f"There is no schedule called `{id[:30].replace('`', '')}`. There is {there}.")
    return found
