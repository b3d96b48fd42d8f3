"""The thread protocol on Redis or Valkey: every write of a turn is one Lua script over keys that share a hash tag.

    key                  type    TTL    what
    mb:{t:THREAD}:ev     zset    3 d    event id -> second it was claimed; older members are dropped by every ADMIT
    mb:{t:THREAD}:in     list    30 d   inbox: messages and commands as JSON, oldest first; there only while not empty
    mb:{t:THREAD}:out    list    30 d   outbox: posts as JSON, oldest first; there only while not empty
    mb:{t:THREAD}:st     hash    30 d   fence, version, tries, data (the interview, small JSON), who
                                        (its candidate, until it is closed); and what makes a write
                                        that was sent twice recognisable: applied, aside (fences), posted (key)
    mb:{t:THREAD}:log    list    30 d   the transcript as JSON lines, append-only
    mb:{t:THREAD}:lock   string  180 s  the owner of the running turn; the TTL is a backstop only
    mb:{t:THREAD}:aside  list    30 d   messages set aside (reason, at, inbound), the newest 100
    mb:{t:THREAD}:note   hash    30 d   what an adapter keeps about a thread, or, under a candidate's name, about them
    mb:{t:THREAD}:ids    set     30 d   the interviews that were begun in the thread
    mb:{i:INTERVIEW}:th  string  30 d   the thread of an interview
    mb:{c:CANDIDATE}:th  zset    30 d   thread -> second at which the candidate's interview began there
    mb:{c:CANDIDATE}:pref  string 1 y   what the candidate likes an interview to be like, as JSON
    mb:{r:ROOM}:at       string  30 d   a room's candidate and latest thread, as JSON; from when somebody was last there
    mb:{a:ACCOUNT}:tok   string  2 d    tokens that language models were asked for on the account of somebody's day

30 d stands for how long transcripts are kept, which is a setting. It begins anew with every turn that is committed, for all that
belongs to the thread's interview.

Whoever holds the lock is a task that is redelivered until it ends, so a turn that meets a lock simply returns: the
holder looks at the inbox again when it releases. The fence rises with every BEGIN and shuts out a holder presumed dead.
redis-py sends a write again when the reply was lost, so COMMIT, POSTED and SET_ASIDE recognise themselves.
A new fence starts at the time of day: after `forget` it is still higher than any that a zombie may hold.
"""

import re
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast
from urllib.parse import unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from interviewer import records
from interviewer.model import Command, CommandName, Inbound, Interview, Phase, Preferences, Turn
from interviewer.ports import NONE, Aside, Lease, Post, Room, StoreUnavailable

DAY = 24 * 3600
KEEP = 30 * DAY
CLAIM = 3 * DAY
ACCOUNT = 2 * DAY
PREFERENCES = 365 * DAY
LOCK_MS = 180_000

_ADMIT = """
local ev, inbox, st = KEYS[1], KEYS[2], KEYS[3]
local event, inbound, claim, keep, only = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
if only ~= '' and redis.call('HGET', st, 'who') ~= only then return -1 end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', ev, '-inf', now - claim)
if redis.call('ZADD', ev, 'NX', now, event) == 0 then return 0 end
redis.call('EXPIRE', ev, claim)
redis.call('RPUSH', inbox, inbound)
redis.call('EXPIRE', inbox, keep)
return 1
"""

_BEGIN = """
local lock, st, inbox, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local owner, lock_ms, keep = ARGV[1], ARGV[2], ARGV[3]
local holder = redis.call('GET', lock)
if holder and holder ~= owner then return false end
redis.call('SET', lock, owner, 'PX', lock_ms)
if redis.call('HEXISTS', st, 'fence') == 0 then
  local now = redis.call('TIME')
  redis.call('HSET', st, 'fence', string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000)))
end
local fence = redis.call('HINCRBY', st, 'fence', 1)
local tries = 0
if redis.call('EXISTS', inbox) == 1 then tries = redis.call('HINCRBY', st, 'tries', 1) end
redis.call('EXPIRE', st, keep)
local kept = redis.call('HMGET', st, 'version', 'data')
return {fence, tonumber(kept[1] or '0'), tries, kept[2] or '',
        redis.call('LRANGE', inbox, 0, -1), redis.call('LRANGE', log, 0, -1)}
"""

# ARGV: fence, version, id of the inbox head, how many to take, TTL, interview, number of turns, turns...,
#       number of lines to replace, (place, line)..., posts...
_COMMIT = """
local st, inbox, log, out, note, ids = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local fence, version, head_id, taken, keep, data = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local who, last_turn = ARGV[7], 8 + tonumber(ARGV[8])
local kept = redis.call('HMGET', st, 'fence', 'version', 'applied')
if kept[3] == fence then return 1 end
if kept[1] ~= fence or (kept[2] or '0') ~= version then return 0 end
if taken > 0 then
  local head = redis.call('LINDEX', inbox, 0)
  if not head or cjson.decode(head).id ~= head_id then return 0 end
  redis.call('LTRIM', inbox, taken, -1)
end
redis.call('HSET', st, 'version', version + 1, 'applied', fence, 'tries', 0, 'data', data, 'who', who)
redis.call('EXPIRE', st, keep)
for i = 9, last_turn do redis.call('RPUSH', log, ARGV[i]) end
redis.call('EXPIRE', log, keep)
local last_struck = last_turn + 1 + 2 * tonumber(ARGV[last_turn + 1])
for i = last_turn + 2, last_struck, 2 do redis.call('LSET', log, ARGV[i], ARGV[i + 1]) end
for i = last_struck + 1, #ARGV do redis.call('RPUSH', out, ARGV[i]) end
redis.call('EXPIRE', out, keep)
redis.call('EXPIRE', note, keep)
redis.call('EXPIRE', ids, keep)
return 1
"""

_POSTED = """
local st, out = KEYS[1], KEYS[2]
local fence, key = ARGV[1], ARGV[2]
local kept = redis.call('HMGET', st, 'fence', 'posted')
if kept[1] ~= fence then return 0 end
local head = redis.call('LINDEX', out, 0)
if head and cjson.decode(head).key == key then
  redis.call('LPOP', out)
  redis.call('HSET', st, 'posted', key)
  return 1
end
return kept[2] == key and 1 or 0
"""

# A turn that ends in order forgets its tries: only one that broke off counts.
# A thread that never committed leaves no key.
_RELEASE = """
local st, lock, inbox, out = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local fence, owner = ARGV[1], ARGV[2]
if redis.call('HGET', st, 'fence') ~= fence then return 0 end
if redis.call('GET', lock) == owner then redis.call('DEL', lock) end
redis.call('HSET', st, 'tries', 0)
local left = redis.call('LLEN', inbox) + redis.call('LLEN', out)
local idle = left == 0 and redis.call('HEXISTS', st, 'version') == 0 and redis.call('HEXISTS', st, 'who') == 0
if idle then redis.call('DEL', st) end
return left
"""

# ARGV: TTL, "1" if the thread must still be there, (name, value)...; "" takes a note away
_NOTE = """
local note, st = KEYS[1], KEYS[2]
if ARGV[2] == '1' and redis.call('EXISTS', st) == 0 then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', note, ARGV[i]) else redis.call('HSET', note, ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', note, ARGV[1])
return 1
"""

_ENTER = """
local known = redis.call('GET', KEYS[1])
if (known and cjson.decode(known).thread or '') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""

_SET_ASIDE = """
local st, inbox, aside = KEYS[1], KEYS[2], KEYS[3]
local fence, reason, keep = ARGV[1], ARGV[2], ARGV[3]
local kept = redis.call('HMGET', st, 'fence', 'aside')
if kept[1] ~= fence then return 0 end
if kept[2] == fence then return 1 end
local head = redis.call('LPOP', inbox)
if not head then return 0 end
local at = redis.call('TIME')[1]
redis.call('RPUSH', aside, '{"reason":' .. cjson.encode(reason) .. ',"at":' .. at .. ',"inbound":' .. head .. '}')
redis.call('LTRIM', aside, -100, -1)
redis.call('EXPIRE', aside, keep)
redis.call('HSET', st, 'aside', fence, 'tries', 0)
return 1
"""


@contextmanager
def reaching(where: str) -> Generator[None]:
    """Turn what an operator must mend into `StoreUnavailable`; anything else is a bug and goes up as it is."""
    try:
        yield
    except (AuthenticationError, AuthorizationError) as error:
        raise StoreUnavailable(f"{where} refused the login ({error}): check the password in REDIS_URL.") from error
    except BusyLoadingError as error:
        raise StoreUnavailable(f"{where} is still loading its data: try again shortly.") from error
    except OutOfMemoryError as error:
        raise StoreUnavailable(
            f"{where} is out of memory: raise its maxmemory (and keep maxmemory-policy at noeviction)."
        ) from error
    except (ReadOnlyError, ClusterDownError) as error:
        raise StoreUnavailable(f"{where} takes no writes now ({error}): point REDIS_URL at the primary.") from error
    except ResponseError as error:
        if not str(error).startswith("MISCONF"):
            raise
        raise StoreUnavailable(f"{where} can't write to its disk: {error}") from error
    except (ConnectionError, TimeoutError) as error:
        raise StoreUnavailable(
            f"{where} can't be reached ({error}): check that it runs and that REDIS_URL is right."
        ) from error


class _Scan(Protocol):
    """What redis-py leaves untyped."""

    def __call__(self, match: str, count: int) -> AsyncIterator[bytes]: ...


class RedisStore:
    """`ports.Store` on a Redis >= 7 or a Valkey, alone or as a cluster (`redis+cluster://`)."""

    def __init__(self, client: Redis, where: str = "Redis", keep: int = KEEP) -> None:
        self._redis = client
        self._where = where
        self._keep = keep
        self._admit = client.register_script(_ADMIT)
        self._begin = client.register_script(_BEGIN)
        self._commit = client.register_script(_COMMIT)
        self._posted = client.register_script(_POSTED)
        self._release = client.register_script(_RELEASE)
        self._set_aside = client.register_script(_SET_ASIDE)
        self._note = client.register_script(_NOTE)
        self._enter = client.register_script(_ENTER)

    @classmethod
    def from_url(cls, url: str, max_connections: int = 50, keep: int = KEEP) -> "RedisStore":
        """A store on the server at `url` that keeps transcripts for `keep` seconds; nothing is opened before the first call."""
        return cls(*connect(url, max_connections), keep)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> "RedisStore":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def admit(self, event: str, inbound: Inbound, only: str = "") -> bool | None:
        with reaching(self._where):
            found = await self._admit(
                _keys(inbound.thread, "ev", "in", "st"),
                [event, records.INBOUND.dump_json(inbound), CLAIM, self._keep, only],
            )
        return None if found == -1 else bool(found)

    async def begin(self, thread: str, owner: str) -> Lease | None:
        with reaching(self._where):
            answer = await self._begin(_keys(thread, "lock", "st", "in", "log"), [owner, LOCK_MS, self._keep])
        if answer is None:
            return None
        fence, version, tries, data, inbox, log = cast("tuple[int, int, int, bytes, list[bytes], list[bytes]]", answer)
        return Lease(
            thread=thread,
            owner=owner,
            fence=fence,
            version=version,
            tries=tries,
            interview=_interview(data),
            inbox=tuple(map(records.INBOUND.validate_json, inbox)),
            transcript=tuple(map(records.TURN.validate_json, log)),
        )

    async def commit(
        self,
        lease: Lease,
        interview: Interview | None,
        turns: Sequence[Turn],
        posts: Sequence[Post],
        taken: int,
        struck: Mapping[int, Turn] = NONE,
    ) -> bool:
        data = b"" if interview is None else records.INTERVIEW.dump_json(interview)
        head = lease.inbox[0].id if lease.inbox else ""
        lines = [records.TURN.dump_json(turn) for turn in turns]
        queued = [records.POST.dump_json(post) for post in posts]
        replaced = [part for place, turn in struck.items() for part in (place, records.TURN.dump_json(turn))]
        counted = [len(lines), *lines, len(struck), *replaced]
        who = interview.candidate if interview and interview.phase is not Phase.FINISHED else ""
        args = [lease.fence, lease.version, head, taken, self._keep, data, who, *counted, *queued]
        with reaching(self._where):
            done = bool(await self._commit(_keys(lease.thread, "st", "in", "log", "out", "note", "ids"), args))
            if done and interview:
                # The ways to the thread last as long as it does: nothing of it could be found or forgotten otherwise.
                await self._redis.expire(_of(interview.candidate, "th"), self._keep)
                await self._redis.expire(_id_key(interview.id), self._keep)
        return done

    async def next_post(self, thread: str) -> Post | None:
        with reaching(self._where):
            head = cast("bytes | None", await self._redis.lindex(_key(thread, "out"), 0))
        return None if head is None else records.POST.validate_json(head)

    async def posted(self, lease: Lease, key: str) -> bool:
        with reaching(self._where):
            return bool(await self._posted(_keys(lease.thread, "st", "out"), [lease.fence, key]))

    async def release(self, lease: Lease) -> int:
        with reaching(self._where):
            left = await self._release(_keys(lease.thread, "st", "lock", "in", "out"), [lease.fence, lease.owner])
        return cast("int", left)

    async def set_aside(self, lease: Lease, reason: str) -> bool:
        with reaching(self._where):
            return bool(
                await self._set_aside(_keys(lease.thread, "st", "in", "aside"), [lease.fence, reason, self._keep])
            )

    async def aside(self, thread: str) -> tuple[Aside, ...]:
        """What was set aside in a thread, oldest first."""
        return tuple(map(records.ASIDE.validate_json, await self._list(thread, "aside")))

    async def stopped(self, thread: str) -> bool:
        inbox = map(records.INBOUND.validate_json, await self._list(thread, "in"))
        return any(isinstance(inbound, Command) and inbound.name is CommandName.STOP for inbound in inbox)

    async def take_over(self, thread: str) -> None:
        with reaching(self._where):
            await self._redis.delete(_key(thread, "lock"))

    async def waiting(self) -> AsyncIterator[str]:
        seen: set[str] = set()
        for kind in ("in", "out"):
            async for key in self._scan(_key("*", kind)):
                thread = key.decode().removeprefix("mb:{t:").removesuffix("}:" + kind)
                if thread not in seen:
                    seen.add(thread)
                    yield thread

    async def interview(self, thread: str) -> Interview | None:
        with reaching(self._where):
            data = cast("bytes | None", await self._redis.hget(_key(thread, "st"), "data"))
        return _interview(data or b"")

    async def transcript(self, thread: str) -> tuple[Turn, ...]:
        return tuple(map(records.TURN.validate_json, await self._list(thread, "log")))

    async def begun(self, candidate: str, thread: str, interview: str, at: float) -> None:
        key, ids = _of(candidate, "th"), _key(thread, "ids")
        adding: Any = interview
        with reaching(self._where):
            await self._redis.sadd(ids, adding)  # pyright: ignore[reportUnknownMemberType]
            await self._redis.expire(ids, self._keep)
            await self._redis.set(_id_key(interview), thread, ex=self._keep)
            await self._redis.zadd(key, {thread: at})
            await self._redis.expire(key, self._keep)
            await self._redis.hset(_key(thread, "st"), "who", candidate)
            await self._redis.expire(_key(thread, "st"), self._keep)
            # One that began long ago may have gone on until yesterday.
            old: Any = await self._redis.zrangebyscore(key, "-inf", at - self._keep)  # pyright: ignore[reportUnknownMemberType]
            for name in old:
                if not await self._redis.exists(_key(name.decode(), "st")):
                    await self._redis.zrem(key, name)

    async def holder(self, thread: str) -> str:
        with reaching(self._where):
            found = cast("bytes | None", await self._redis.hget(_key(thread, "st"), "who"))
        return found.decode() if found else ""

    async def thread(self, interview: str) -> str | None:
        with reaching(self._where):
            found = cast("bytes | None", await self._redis.get(_id_key(interview)))
        return found.decode() if found else None

    async def threads(self, candidate: str) -> tuple[str, ...]:
        with reaching(self._where):
            found: Any = await self._redis.zrange(_of(candidate, "th"), 0, -1)  # pyright: ignore[reportUnknownMemberType]
        return tuple(thread.decode() for thread in found)

    async def enter(self, name: str, room: Room, before: str) -> bool:
        with reaching(self._where):
            return bool(await self._enter([_room_key(name)], [records.ROOM.dump_json(room), before, self._keep]))

    async def room(self, name: str, *, renew: bool = False) -> Room | None:
        key = _room_key(name)
        with reaching(self._where):
            found = await (self._redis.getex(key, ex=self._keep) if renew else self._redis.get(key))
        data = cast("bytes | None", found)
        return records.ROOM.validate_json(data) if data else None

    async def rooms(self, prefix: str) -> AsyncIterator[str]:
        async for key in self._scan(_room_key(f"{literal(prefix)}*")):
            yield key.decode().removeprefix("mb:{r:").removesuffix("}:at")

    async def spend(self, account: str, tokens: int) -> int:
        key = f"mb:{{a:{account}}}:tok"
        with reaching(self._where):
            if not tokens:
                return int(cast("bytes | None", await self._redis.get(key)) or 0)
            spent = await self._redis.incrby(key, tokens)
            await self._redis.expire(key, ACCOUNT)
        return spent

    async def preferences(self, candidate: str) -> Preferences:
        with reaching(self._where):
            data = cast("bytes | None", await self._redis.get(_of(candidate, "pref")))
        return records.PREFERENCES.validate_json(data) if data else Preferences()

    async def prefer(self, candidate: str, preferences: Preferences) -> None:
        with reaching(self._where):
            await self._redis.set(_of(candidate, "pref"), records.PREFERENCES.dump_json(preferences), ex=PREFERENCES)

    async def notes(self, thread: str) -> Mapping[str, str]:
        with reaching(self._where):
            found: Any = await self._redis.hgetall(_key(thread, "note"))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def note(self, name: str, notes: Mapping[str, str], *, kept: bool = False) -> None:
        if not notes:
            return
        changed = [part for pair in notes.items() for part in pair]
        with reaching(self._where):
            await self._note(_keys(name, "note", "st"), [self._keep, "1" if kept else "", *changed])

    async def forget(self, thread: str) -> None:
        with reaching(self._where):
            members: Any = await self._redis.smembers(_key(thread, "ids"))
            # The ways to it last: what was cut off half-way is begun again.
            await self._redis.unlink(*_keys(thread, "ev", "in", "out", "st", "log", "lock", "aside", "note"))
            for id in members:
                await self._redis.unlink(_id_key(id.decode()))
            await self._redis.unlink(_key(thread, "ids"))

    async def forget_candidate(self, candidate: str) -> None:
        for thread in await self.threads(candidate):
            await self.forget(thread)
        with reaching(self._where):
            # Up to the day and no further: "ada" is not "ada:b".
            async for key in self._scan(f"mb:{{a:person:{literal(candidate)}:????-??-??}}:tok"):
                await self._redis.unlink(key)
            async for key in self._scan(_room_key("*")):
                data = cast("bytes | None", await self._redis.get(key))
                if data and records.ROOM.validate_json(data).candidate == candidate:
                    await self._redis.unlink(key)
            for key in (_key(candidate, "note"), _of(candidate, "pref"), _of(candidate, "th")):
                await self._redis.unlink(key)

    async def _scan(self, match: str) -> AsyncIterator[bytes]:
        with reaching(self._where):
            scan = cast("_Scan", self._redis.scan_iter)  # pyright: ignore[reportUnknownMemberType]
            async for key in scan(match, count=1000):
                yield key

    async def _list(self, thread: str, kind: str) -> list[bytes]:
        with reaching(self._where):
            return cast("list[bytes]", await self._redis.lrange(_key(thread, kind), 0, -1))


def connect(url: str, max_connections: int) -> tuple[Redis, str]:
    """A client of the server at `url`, a cluster's for `redis+cluster://`, and the server's name for people."""
    # redis-py would keep a caller waiting through 10 retries; an early, clear failure serves a candidate better.
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=4)
    timeouts: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 3, "decode_responses": False}
    if "+cluster://" in url:
        cluster: Any = RedisCluster.from_url(
            url.replace("+cluster", ""), max_connections=max_connections, retry=retry, **timeouts
        )
        return cluster, address(url)
    pool: Any = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, max_connections=max_connections, timeout=5, retry=retry, **timeouts
    )
    return Redis.from_pool(pool), address(url)


def address(url: str) -> str:
    """The server's address without login or options, for people to read."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else unquote(parts.path)


def _key(thread: str, kind: str) -> str:
    return f"mb:{{t:{thread}}}:{kind}"


def _of(candidate: str, kind: str) -> str:
    return f"mb:{{c:{candidate}}}:{kind}"


def _id_key(interview: str) -> str:
    return f"mb:{{i:{interview}}}:th"


def _room_key(name: str) -> str:
    return f"mb:{{r:{name}}}:at"


def literal(text: str) -> str:
    """The text as a SCAN pattern that matches nothing else."""
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)


def _keys(thread: str, *kinds: str) -> list[str]:
    return [_key(thread, kind) for kind in kinds]


def _interview(data: bytes) -> Interview | None:
    return records.INTERVIEW.validate_json(data) if data else None
