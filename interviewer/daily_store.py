"""Owns what is kept of daily questions, on Redis or Valkey: every write is one Lua script over keys that share a hash tag.

    key                        type    TTL     what
    mb:daily:PLATFORM          zset    none    channel -> second at which it is looked at next, for every channel with a board
    mb:{d:CHANNEL}:board       string  none    what an administrator wants, as JSON
    mb:{d:CHANNEL}:past        hash    40 d    slot -> its question as JSON, of the 40 days before the latest
    mb:{d:CHANNEL}:at          hash    40 d    id of a question's message -> its slot, of the same questions
    mb:{d:CHANNEL}:deeds       hash    60 d    deed -> how far it has come as JSON, and `since`, when that was last changed;
                                               60 days after that a deed is dropped
    mb:{d:CHANNEL}:remind      hash    40 d    PERSON/SLOT -> second at which they want to be reminded, until it was done
    mb:{d:CHANNEL}:said:SLOT   hash    30 d    an answer's message, or `sealed:PERSON` -> the answer as JSON, "" for a message
                                               that was deleted
    mb:{d:CHANNEL}:first:SLOT  hash    30 d    person -> the points they covered when they first asked for feedback, as JSON
    mb:{d:TEAM}:asked:ABOUT    hash    none    occasion -> what was asked then, as JSON, the newest 1000
    mb:{d:TEAM}:order:ABOUT    list    none    the same occasions, oldest first
    mb:{c:PERSON}:days         zset    400 d   `DAY ASKED`: their local day with an answer, the channel's day of its question
                                               -> the first one's number
    mb:{c:PERSON}:standing     string  1 y     how they want to be seen, as JSON
    mb:{c:PERSON}:said         set     150 d   `CHANNEL SLOT` where something of theirs is: outlasts everything that it leads to

30 d stands for how long transcripts are kept, which is a setting (and is in the 150 d too). A TTL begins anew with every write.

A channel's score says who may put it to rest: only whoever saw the score that it still has. So a score never returns: to be
looked at now is minus the server's time in microseconds. A board and its channel's place in the zset are in different slots of a
cluster. A board that is about to be changed is therefore first put down to be looked at in a minute, which no worker sees before
and which outdates what any has seen, then changed, and then put down for now: wherever that breaks off, the channel is looked at.

redis-py sends a write again when the reply was lost. A board recognises itself, as do a settled deed, a pinned item and a
postponement; a deed that was taken twice is unclear, which only costs a look.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from redis.asyncio import Redis

from interviewer import daily_scripts as scripts
from interviewer import records
from interviewer.daily import (
    Board,
    DailyAnswer,
    DailyQuestion,
    Deed,
    Doing,
    Item,
    Kind,
    Slot,
    Standing,
    Took,
    slot,
    takers,
)
from interviewer.store import DAY, KEEP, connect, literal, reaching

LONGEST_REST = 3600
PAST_DAYS = 40
PAST = PAST_DAYS * DAY
DEEDS = 60 * DAY
ASKED = 1000
DAYS = 400
STANDING = 365 * DAY
KNOWN = 120 * DAY
"""Twice what the longest-lived hash keeps its entries for: they are dropped by the next write, or with the hash."""
STALE = 2 * DAY
"""A reminder this much older than a new one is too late by any measure."""


class DailyStore:
    """What is kept of daily questions, on a Redis >= 7 or a Valkey, alone or as a cluster (`redis+cluster://`).

    A channel, a person and a team are opaque names, times seconds since the epoch. Every method raises StoreUnavailable."""

    def __init__(self, client: Redis, where: str = "Redis", keep: int = KEEP) -> None:
        self._redis: Any = client
        self._where = where
        self._keep = keep
        self._look = client.register_script(scripts.LOOK)
        self._soon = client.register_script(scripts.SOON)
        self._rest = client.register_script(scripts.REST)
        self._keep_board = client.register_script(scripts.KEEP_BOARD)
        self._keep_question = client.register_script(scripts.KEEP_QUESTION)
        self._take = client.register_script(scripts.DEEDS + scripts.TAKE)
        self._settle = client.register_script(scripts.DEEDS + scripts.SETTLE)
        self._postpone = client.register_script(scripts.DEEDS + scripts.POSTPONE)
        self._pin = client.register_script(scripts.PIN)
        self._put = client.register_script(scripts.PUT)
        self._say = client.register_script(scripts.SAY)
        self._remind = client.register_script(scripts.REMIND)
        self._know = client.register_script(scripts.KNOW)
        self._took = client.register_script(scripts.TOOK)
        self._replace = client.register_script(scripts.REPLACE)

    @classmethod
    def from_url(cls, url: str, max_connections: int = 50, keep: int = KEEP) -> "DailyStore":
        """A store on the server at `url` that keeps answers for `keep` seconds; nothing is opened before the first call."""
        return cls(*connect(url, max_connections), keep)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> "DailyStore":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # --- boards, and when they are looked at ------------------------------------------------------------------------

    async def board(self, channel: str) -> Board | None:
        """What an administrator wants in a channel; None where there is no daily question."""
        return _board(await self._raw_board(channel))

    async def keep_board(self, before: Board | None, after: Board) -> bool:
        """Replace a board, and have its channel looked at. False, and nothing changed: the board is not `before` any more."""
        raw = await self._raw_board(after.channel)
        if _board(raw) != before:
            return False
        with reaching(self._where):
            await self._soon([_channels(after.channel)], [after.channel])
            # What was read, not what would be written today: an older version may have written it.
            kept = bool(
                await self._keep_board([_in(after.channel, "board")], [raw or b"", records.BOARD.dump_json(after)])
            )
            await self._look([_channels(after.channel)], [after.channel, "1" if kept else ""])
        return kept

    async def remove(self, channel: str) -> None:
        """Delete everything that is kept of a channel; what its team was asked and what people did elsewhere stays."""
        people = await self._people(channel)
        with reaching(self._where):
            await self._redis.unlink(*(_in(channel, kind) for kind in ("board", "past", "at", "deeds", "remind")))
            async for key in self._redis.scan_iter(match=f"mb:{{d:{literal(channel)}}}:*", count=1000):
                await self._redis.unlink(key)
        for person in people:
            for place, where in await self._places(person):
                if place == channel:
                    await self._left(person, place, where)
        with reaching(self._where):
            await self._redis.zrem(_channels(channel), channel)
            # Somebody may have set it up anew meanwhile.
            if await self._redis.exists(_in(channel, "board")):
                await self._look([_channels(channel)], [channel, "1"])

    async def boards(self, prefix: str) -> AsyncIterator[Board]:
        """The boards of all channels that begin with `prefix`, which begins with the platform's name."""
        with reaching(self._where):
            found = await self._redis.zrange(_channels(prefix), 0, -1)
        for channel in found:
            if channel.decode().startswith(prefix) and (board := await self.board(channel.decode())):
                yield board

    async def waiting(self, platform: str, now: float) -> tuple[tuple[str, float], ...]:
        """The channels of a platform that are to be looked at by now, the longest waiting first, each with its score."""
        with reaching(self._where):
            found = await self._redis.zrangebyscore(_channels(platform), "-inf", now, withscores=True)
        return tuple((channel.decode(), float(score)) for channel, score in found)

    async def now(self) -> float:
        """What the server's clock shows."""
        with reaching(self._where):
            seconds, micros = await self._redis.time()
        return seconds + micros / 1e6

    async def rest(self, channel: str, seen: float, until: float | None) -> None:
        """Leave a channel until then, and for no more than an hour, unless its score is not what was seen any more.

        The hour is the server's: a clock that is ahead for a moment puts no channel to sleep for long."""
        then = "" if until is None else repr(float(until))
        with reaching(self._where):
            await self._rest([_channels(channel)], [channel, repr(float(seen)), then, LONGEST_REST])

    async def look_again(self, channel: str) -> None:
        """Have a channel looked at now; one without a board is left alone."""
        with reaching(self._where):
            await self._look([_channels(channel)], [channel, ""])

    # --- questions and deeds ----------------------------------------------------------------------------------------

    async def past(self, channel: str) -> tuple[DailyQuestion, ...]:
        """The questions of the last 40 days, oldest first."""
        with reaching(self._where):
            found = await self._redis.hvals(_in(channel, "past"))
        questions = map(records.DAILY_QUESTION.validate_json, found)
        return tuple(sorted(questions, key=lambda each: (each.asked, each.slot.name)))

    async def question(self, channel: str, which: Slot) -> DailyQuestion | None:
        """The question of a slot, if it is kept."""
        with reaching(self._where):
            found = await self._redis.hget(_in(channel, "past"), which.name)
        return records.DAILY_QUESTION.validate_json(found) if found else None

    async def keep_question(self, channel: str, question: DailyQuestion) -> None:
        """Keep a question, or what has become of it; those of more than 40 days before it are dropped."""
        for person in takers(question):
            await self._known(person, channel, question.slot)
        oldest = question.slot.day - timedelta(days=PAST_DAYS)
        kept = records.DAILY_QUESTION.dump_json(question)
        with reaching(self._where):
            await self._keep_question(
                [_in(channel, "past"), _in(channel, "at")],
                [question.slot.name, kept, question.message, PAST, oldest.isoformat()],
            )

    async def slot_of(self, channel: str, message: str) -> Slot | None:
        """The slot of the question that was posted as this message; None if none was."""
        with reaching(self._where):
            found = await self._redis.hget(_in(channel, "at"), message)
        return slot(found.decode()) if found else None

    async def doings(self, channel: str) -> Mapping[str, Doing]:
        """How far a channel's deeds have come, by their names."""
        with reaching(self._where):
            found = await self._redis.hgetall(_in(channel, "deeds"))
        return {name.decode(): records.DOING.validate_json(doing) for name, doing in found.items()}

    async def take(self, channel: str, deed: str) -> Doing:
        """Begin the deed of this name: how far it had come until now. From now on it is unclear, unless it is settled."""
        with reaching(self._where):
            was = await self._take([_in(channel, "deeds")], [deed, DEEDS])
        return records.DOING.validate_json(was)

    async def settle(self, channel: str, deed: str, id: str) -> str:
        """Note the message that a deed led to, unless one is noted; the id that is noted now."""
        with reaching(self._where):
            first: Any = await self._settle([_in(channel, "deeds")], [deed, DEEDS, id])
        return first.decode()

    async def postpone(self, channel: str, deed: str, again: float, *, unclear: bool) -> None:
        """Count a try that failed, and note when the next is; nothing for a settled deed."""
        args = [deed, DEEDS, repr(float(again)), "1" if unclear else ""]
        with reaching(self._where):
            await self._postpone([_in(channel, "deeds")], args)

    async def asked(self, team: str, about: str) -> tuple[Item, ...]:
        """What a team was asked about something, oldest first, as far as the newest 1000 go."""
        with reaching(self._where):
            occasions = await self._redis.lrange(_in(team, f"order:{about}"), 0, -1)
            found: Any = await self._redis.hmget(_in(team, f"asked:{about}"), occasions) if occasions else ()
        return tuple(records.ITEM.validate_json(item) for item in found if item)

    async def pin(self, team: str, about: str, occasion: str, item: Item) -> Item:
        """Decide what is asked on an occasion, unless it is decided; what is decided now."""
        keys = [_in(team, f"asked:{about}"), _in(team, f"order:{about}")]
        with reaching(self._where):
            first: Any = await self._pin(keys, [occasion, records.ITEM.dump_json(item), ASKED])
        return records.ITEM.validate_json(first)

    async def pinned(self, team: str, about: str, occasion: str) -> Item | None:
        """What is asked on an occasion, if it is decided."""
        with reaching(self._where):
            found = await self._redis.hget(_in(team, f"asked:{about}"), occasion)
        return records.ITEM.validate_json(found) if found else None

    # --- answers ----------------------------------------------------------------------------------------------------

    async def answer(self, channel: str, slot: Slot, answer: DailyAnswer) -> bool:
        """Keep an answer; it replaces the one with the same key. False: that was deleted, and stays so."""
        await self._known(answer.person, channel, slot)
        said = [key(answer), records.DAILY_ANSWER.dump_json(answer), self._keep]
        with reaching(self._where):
            return bool(await self._say([_in(channel, f"said:{slot.name}")], said))

    async def unanswer(self, channel: str, slot: Slot, key: str, *, for_good: bool = False) -> None:
        """Delete the answer with this key. `for_good`: it stays so, though a platform may deliver the message again."""
        name = _in(channel, f"said:{slot.name}")
        if for_good:
            await self._hash_set(name, key, b"")
        else:
            with reaching(self._where):
                await self._redis.hdel(name, key)

    async def answers(self, channel: str, slot: Slot) -> tuple[DailyAnswer, ...]:
        """The answers to a question, in the order they were given."""
        with reaching(self._where):
            found = filter(None, await self._redis.hvals(_in(channel, f"said:{slot.name}")))
        return tuple(sorted(map(records.DAILY_ANSWER.validate_json, found), key=lambda each: (each.at, key(each))))

    async def deleted(self, channel: str, slot: Slot) -> frozenset[str]:
        """The messages below a question that were deleted for good."""
        with reaching(self._where):
            found = await self._redis.hgetall(_in(channel, f"said:{slot.name}"))
        return frozenset(key.decode() for key, answer in found.items() if not answer)

    async def first(self, channel: str, slot: Slot, person: str, points: frozenset[str]) -> None:
        """Keep which points somebody covered when they first asked; what they cover later changes nothing."""
        await self._known(person, channel, slot)
        await self._hash_set(
            _in(channel, f"first:{slot.name}"), person, records.POINTS.dump_json(sorted(points)), "HSETNX"
        )

    async def firsts(self, channel: str, slot: Slot) -> Mapping[str, frozenset[str]]:
        """Which points people covered when they first asked, by person."""
        with reaching(self._where):
            found = await self._redis.hgetall(_in(channel, f"first:{slot.name}"))
        return {person.decode(): frozenset(records.POINTS.validate_json(points)) for person, points in found.items()}

    # --- people -----------------------------------------------------------------------------------------------------

    async def remind(self, channel: str, person: str, slot: Slot, at: float) -> None:
        """Note when somebody wants to be reminded of a question, and have the channel looked at."""
        await self._known(person, channel, slot)
        args = [f"{person}/{slot.name}", repr(float(at)), PAST, repr(float(at - STALE))]
        with reaching(self._where):
            await self._remind([_in(channel, "remind")], args)
        await self.look_again(channel)

    async def unremind(self, channel: str, person: str, slot: Slot) -> bool:
        """Drop a reminder. False: there was none."""
        with reaching(self._where):
            return bool(await self._redis.hdel(_in(channel, "remind"), f"{person}/{slot.name}"))

    async def reminders(self, channel: str) -> tuple[Deed, ...]:
        """The reminders that were asked for and not dropped, the earliest first."""
        with reaching(self._where):
            found = await self._redis.hgetall(_in(channel, "remind"))
        deeds = (Deed(Kind.REMIND, what.decode(), float(at)) for what, at in found.items())
        return tuple(sorted(deeds, key=lambda deed: (deed.at, deed.what)))

    async def took(self, person: str, took: Took) -> None:
        """Note one of somebody's local days as one on which they answered."""
        member = f"{took.day.isoformat()} {took.asked.isoformat()}"
        with reaching(self._where):
            await self._took([_of(person, "days")], [member, took.day.toordinal(), DAYS, DAYS * DAY])

    async def days(self, person: str) -> frozenset[Took]:
        """Their local days with an answer, of the 400 before the latest."""
        with reaching(self._where):
            found = await self._redis.zrange(_of(person, "days"), 0, -1)
        return frozenset(Took(*map(date.fromisoformat, member.decode().split())) for member in found)

    async def standing(self, person: str) -> Standing:
        """How somebody wants to be seen."""
        with reaching(self._where):
            # Who left stays away for as long as they are met.
            found = await self._redis.getex(_of(person, "standing"), ex=STANDING)
        return records.STANDING.validate_json(found) if found else Standing()

    async def stand(self, person: str, standing: Standing) -> None:
        """Keep how somebody wants to be seen."""
        with reaching(self._where):
            await self._redis.set(_of(person, "standing"), records.STANDING.dump_json(standing), ex=STANDING)

    async def exported(self, person: str) -> dict[str, Any]:
        """All that is kept of somebody, as it would be in JSON; what `forget` deletes."""
        answers: list[dict[str, Any]] = []
        firsts: list[dict[str, Any]] = []
        reminders: list[dict[str, Any]] = []
        outcomes: list[dict[str, Any]] = []
        for channel, name in sorted(await self._places(person)):
            where = {"channel": channel, "slot": name}
            said = await self.answers(channel, slot(name))
            answers += [
                where | {"text": each.text, "at": each.at, "sealed": each.sealed}
                for each in said
                if each.person == person
            ]
            points = (await self.firsts(channel, slot(name))).get(person)
            firsts += [] if points is None else [where | {"points": sorted(points)}]
            due = [each.at for each in await self.reminders(channel) if each.what == f"{person}/{name}"]
            reminders += [where | {"at": at} for at in due]
            became = next((each.outcome for each in await self.past(channel) if each.slot.name == name), None)
            if became and person in (*became.takers, *became.improved):
                outcomes.append(where | {"improved": became.improved.get(person, 0)})
        return {
            "standing": asdict(await self.standing(person)),
            "days": sorted({each.day.isoformat() for each in await self.days(person)}),
            "answers": answers,
            "first_feedback": firsts,
            "reminders": reminders,
            "took_part": outcomes,
        }

    async def forget(self, person: str) -> None:
        """Delete everything that is kept of somebody, in every channel; a board that they set up stays, and they its admin."""
        for channel, name in await self._places(person):
            with reaching(self._where):
                said = _in(channel, f"said:{name}")
                for field, answer in (await self._redis.hgetall(said)).items():
                    if answer and records.DAILY_ANSWER.validate_json(answer).person == person:
                        await self._redis.hdel(said, field)
                        # A message may stand in the channel still: it is not to be heard of again.
                        if field.decode() == records.DAILY_ANSWER.validate_json(answer).message:
                            await self._put([said], ["HSET", field, b"", self._keep])
                await self._redis.hdel(_in(channel, f"first:{name}"), person)
                await self._redis.hdel(_in(channel, "remind"), f"{person}/{name}")
                for deed in await self._redis.hkeys(_in(channel, "deeds")):
                    if _is_about(deed.decode(), person):
                        await self._redis.hdel(_in(channel, "deeds"), deed)
            while not await self._unnamed(person, channel, name):
                pass
            # The ways to it last: what was cut off half-way is begun again.
            await self._left(person, channel, name)
        with reaching(self._where):
            await self._redis.unlink(_of(person, "days"))
            await self._redis.unlink(_of(person, "standing"))

    async def _unnamed(self, person: str, channel: str, name: str) -> bool:
        """Take somebody out of what has become of a question. False: it was changed meanwhile."""
        past = _in(channel, "past")
        with reaching(self._where):
            raw = await self._redis.hget(past, name)
            question = records.DAILY_QUESTION.validate_json(raw) if raw else None
            if question is None or question.outcome is None:
                return True
            others = replace(
                question.outcome,
                takers=tuple(each for each in question.outcome.takers if each != person),
                improved={each: count for each, count in question.outcome.improved.items() if each != person},
            )
            if others == question.outcome:
                return True
            after = records.DAILY_QUESTION.dump_json(replace(question, outcome=others))
            return bool(await self._replace([past], [name, raw, after]))

    async def _known(self, person: str, channel: str, slot: Slot) -> None:
        """Note where something of somebody's is about to be; before it is, so that nothing is ever left behind."""
        with reaching(self._where):
            await self._know([_of(person, "said")], [KNOWN + self._keep, f"{channel} {slot.name}"])

    async def _places(self, person: str) -> list[tuple[str, str]]:
        """The channels and names of slots where something of somebody's may be."""
        with reaching(self._where):
            found = await self._redis.smembers(_of(person, "said"))
        places = (place.decode().partition(" ") for place in found)
        return [(channel, name) for channel, _, name in places]

    async def _left(self, person: str, channel: str, name: str) -> None:
        with reaching(self._where):
            await self._redis.srem(_of(person, "said"), f"{channel} {name}")

    async def _people(self, channel: str) -> set[str]:
        """Everybody of whom something is in a channel."""
        people = {person for question in await self.past(channel) for person in takers(question)}
        people |= {deed.what.partition("/")[0] for deed in await self.reminders(channel)}
        begin = f"mb:{{d:{channel}}}:"
        with reaching(self._where):
            async for found in self._redis.scan_iter(match=f"{literal(begin)}*:*", count=1000):
                kind, _, name = found.decode().removeprefix(begin).partition(":")
                if kind == "said":
                    people |= {each.person for each in await self.answers(channel, slot(name))}
                elif kind == "first":
                    people |= set(await self.firsts(channel, slot(name)))
        return people

    async def _hash_set(self, name: str, field: str, value: bytes, command: str = "HSET") -> None:
        with reaching(self._where):
            await self._put([name], [command, field, value, self._keep])

    async def _raw_board(self, channel: str) -> bytes | None:
        with reaching(self._where):
            return await self._redis.get(_in(channel, "board"))


def key(answer: DailyAnswer) -> str:
    """What an answer is kept under: the id of its message, or whose it is if it is sealed."""
    return f"sealed:{answer.person}" if answer.sealed else answer.message


def _board(raw: bytes | None) -> Board | None:
    return records.BOARD.validate_json(raw) if raw else None


def _is_about(deed: str, person: str) -> bool:
    """Whether a deed's name names somebody, as a reminder's does."""
    return f"/{person}/" in f"/{deed.partition(':')[2]}/"


def _in(channel: str, kind: str) -> str:
    return f"mb:{{d:{channel}}}:{kind}"


def _of(person: str, kind: str) -> str:
    return f"mb:{{c:{person}}}:{kind}"


def _channels(channel: str) -> str:
    """The channels of a platform: the one that a channel, or a prefix of some, begins with."""
    return f"mb:daily:{channel.partition(':')[0]}"
