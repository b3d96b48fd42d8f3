"""Where Slack's tokens are kept: installations and OAuth states in Redis or Valkey, the installations encrypted.

    key                          type    TTL     what
    mb:{w:ENTERPRISE:TEAM}:inst  hash    none    one workspace's installation, each value a Fernet token around JSON
                                                   bot        the bot's token and what goes with it
                                                   user:USER  somebody who installed the app, without the bot's token
    mb:{w:TEAM}:of               string  none    ENTERPRISE, where a workspace has one: who posts knows no more than TEAM
    mb:{o:DIGEST}:state          string  10 min  "1": an OAuth state that was issued and has not come back yet

ENTERPRISE and TEAM are Slack's ids, "none" where there is none; an installation for a whole organisation has no TEAM.
The bot's token is in one place only, so that deleting it deletes it and a refreshed one replaces it everywhere.
DIGEST is the SHA-256 of a state: whoever can list keys can't finish somebody else's installation.

A value that none of the keys opens counts as no installation, with a warning: a listener then tells a person that the app
isn't installed instead of failing. What has been encrypted says whose it is, so a value copied to another workspace's key
counts as none either.
"""

import hashlib
import inspect
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore

from interviewer.store import address, reaching

STATE_SECONDS = 600
"""As long as Bolt keeps the cookie that ties a state to a browser."""

NONE = "none"
BOT = "bot"
USER = "user:"
BOT_FIELDS = ("bot_token", "bot_id", "bot_user_id", "bot_scopes", "bot_refresh_token", "bot_token_expires_at")
"""What an installation has of its bot."""

# A value that was saved or deleted in the meantime is left as it is.
_REPLACE = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""

Record = dict[str, Any]
_log = logging.getLogger(__name__)


class BadKey(ValueError):
    """An encryption key that is none, or no key at all. Says how to make one, and never shows what was given."""


class Unreadable(Exception):
    """Something in the vault can't be opened with the keys at hand. Says whose it is and what to do."""


def new_key() -> str:
    """A fresh encryption key: 32 random bytes as 44 characters of urlsafe base64."""
    return Fernet.generate_key().decode()


class Vault(AsyncInstallationStore):
    """Slack's installation store. `keys` are as `new_key` makes them: the first one encrypts, each may decrypt.

    Raises BadKey for a key that isn't one or for no key, and StoreUnavailable from everything that asks the server.
    """

    def __init__(self, client: Redis, keys: Sequence[str], where: str = "Redis") -> None:
        self._redis = client
        self._where = where
        self._fernet = MultiFernet([_fernet(key, number) for number, key in enumerate(_some(keys), start=1)])
        self._replace = client.register_script(_REPLACE)

    @classmethod
    def from_url(cls, url: str, keys: Sequence[str], *, max_connections: int = 8) -> "Vault":
        """A vault on the server at `url` (redis, rediss, unix or redis+cluster); `aclose` closes its connections."""
        return cls(_client(url, max_connections), keys, address(url))

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> "Vault":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def logger(self) -> logging.Logger:
        return _log

    def states(self) -> "States":
        """The OAuth states on the same server, over the same connections."""
        return States(self._redis, self._where)

    async def async_save(self, installation: Installation) -> None:
        """Keep an installation; one without a bot's token leaves the bot that is there alone."""
        values = {_user(installation.user_id): self._sealed(_without_bot(installation))}
        if installation.bot_token:
            values[BOT] = self._sealed(vars(installation.to_bot()))
        await self._put(_owner(vars(installation)), values)

    async def async_save_bot(self, bot: Bot) -> None:
        await self._put(_owner(vars(bot)), {BOT: self._sealed(vars(bot))})

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        workspace = _workspace(enterprise_id, team_id, is_enterprise_install)
        with reaching(self._where):
            sealed = cast("bytes | None", await self._redis.hget(_key(workspace), BOT))
        return self._bot(workspace, sealed)

    async def token(self, team: str) -> str | None:
        """The bot's token of a workspace known by its id alone; None where the app was not installed by itself."""
        with reaching(self._where):
            enterprise = cast("bytes | None", await self._redis.get(_of(team)))
        bot = await self.async_find_bot(enterprise_id=enterprise.decode() if enterprise else None, team_id=team)
        return bot and bot.bot_token

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """What `user_id` installed, or with None the latest installation, each with the bot as it is now."""
        workspace = _workspace(enterprise_id, team_id, is_enterprise_install)
        kept = await self._kept(workspace)
        wanted = [field for field in kept if field.startswith(USER) and (user_id is None or field == _user(user_id))]
        opened = [self._opened(workspace, kept[field]) for field in wanted]
        found = [Installation(**_known(Installation, record)) for record in opened if record is not None]
        if not found:
            return None
        latest = max(found, key=lambda installation: installation.installed_at)
        if bot := self._bot(workspace, kept.get(BOT)):
            vars(latest).update({name: vars(bot)[name] for name in BOT_FIELDS})
        return latest

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await self._drop(_workspace(enterprise_id, team_id), [BOT])

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Delete what `user_id` installed, or with None what anybody did; the bot is deleted by `async_delete_bot`."""
        workspace = _workspace(enterprise_id, team_id)
        kept = await self._kept(workspace) if user_id is None else [_user(user_id)]
        await self._drop(workspace, [field for field in kept if field.startswith(USER)])

    async def async_delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Delete everything the vault has of a workspace."""
        workspace = _workspace(enterprise_id, team_id)
        with reaching(self._where):
            await self._redis.delete(_key(workspace))
        await self._left(workspace)

    async def rotate(self) -> int:
        """Encrypt everything anew under the first key; returns how many workspaces are wholly under it then.

        May run beside the app. What can't be opened is left as it is, with a warning; `check` names it."""
        done = 0
        async for workspace in self._workspaces():
            fields = await self._kept(workspace)
            moved = [await self._moved(workspace, field, sealed) for field, sealed in fields.items()]
            done += bool(moved) and all(moved)
        return done

    async def check(self) -> int:
        """How many workspaces are kept. Raises Unreadable if something of any can't be opened."""
        whole, broken = 0, list[str]()
        async for workspace in self._workspaces():
            kept = await self._kept(workspace)
            if all(self._opened(workspace, sealed) is not None for sealed in kept.values()):
                whole += bool(kept)
            else:
                broken.append(workspace)
        if broken:
            named = ", ".join(sorted(broken)[:5]) + (" and others" if len(broken) > 5 else "")
            raise Unreadable(
                f"The tokens of {len(broken)} of {whole + len(broken)} workspaces (enterprise:team {named}) can't be "
                "opened with SLACK_ENCRYPTION_KEYS. Put the key they were kept under back, after the first one; "
                "if it is lost, have the app installed there again."
            )
        return whole

    async def bots(self) -> AsyncIterator[Bot]:
        """The bot of every workspace, but for those whose token can't be opened."""
        async for workspace in self._workspaces():
            kept = await self._kept(workspace)
            if bot := self._bot(workspace, kept.get(BOT)):
                yield bot

    def _sealed(self, record: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(dict(record)).encode())

    def _opened(self, workspace: str, sealed: bytes) -> Record | None:
        try:
            record: Record = json.loads(self._fernet.decrypt(sealed))
        except InvalidToken:
            _log.warning(
                "What is kept of workspace %s can't be opened with the keys that are set, so it counts as not installed: "
                "put the key it was kept under back, or have the app installed there again.",
                workspace,
            )
            return None
        if _owner(record) != workspace:
            _log.warning("What is kept of workspace %s is another's, so it counts as not installed.", workspace)
            return None
        return record

    def _bot(self, workspace: str, sealed: bytes | None) -> Bot | None:
        record = None if sealed is None else self._opened(workspace, sealed)
        return None if record is None else Bot(**_known(Bot, record))

    async def _kept(self, workspace: str) -> dict[str, bytes]:
        with reaching(self._where):
            kept: Any = await self._redis.hgetall(_key(workspace))
        return {field.decode(): sealed for field, sealed in kept.items()}

    async def _put(self, workspace: str, values: Mapping[str, bytes]) -> None:
        with reaching(self._where):
            await self._redis.hset(_key(workspace), mapping=dict[Any, Any](values))
            enterprise, team = workspace.split(":")
            if NONE not in (enterprise, team):
                await self._redis.set(_of(team), enterprise)
            elif team != NONE:
                await self._redis.delete(_of(team))

    async def _drop(self, workspace: str, fields: Sequence[str]) -> None:
        if fields:
            with reaching(self._where):
                await self._redis.hdel(_key(workspace), *fields)
            await self._left(workspace)

    async def _left(self, workspace: str) -> None:
        """Forget which organisation a workspace is in once nothing else is kept of it."""
        enterprise, team = workspace.split(":")
        with reaching(self._where):
            known = cast("bytes | None", await self._redis.get(_of(team)))
            if known == enterprise.encode() and not await self._redis.exists(_key(workspace)):
                await self._redis.delete(_of(team))

    async def _moved(self, workspace: str, field: str, sealed: bytes | None) -> bool:
        while sealed is not None:
            if self._opened(workspace, sealed) is None:
                return False
            with reaching(self._where):
                if await self._replace([_key(workspace)], [field, sealed, self._fernet.rotate(sealed)]):
                    return True
                # Somebody saved it meanwhile, perhaps a process that does not know the new key yet.
                sealed = cast("bytes | None", await self._redis.hget(_key(workspace), field))
        return True

    async def _workspaces(self) -> AsyncIterator[str]:
        seen: set[str] = set()
        with reaching(self._where):
            redis: Any = self._redis
            async for key in redis.scan_iter(match=_key("*"), count=1000):
                workspace = key.decode().removeprefix("mb:{w:").removesuffix("}:inst")
                if workspace not in seen:
                    seen.add(workspace)
                    yield workspace


class States(AsyncOAuthStateStore):
    """OAuth states: random, good for ten minutes and for one use. Raises StoreUnavailable."""

    def __init__(self, client: Redis, where: str = "Redis") -> None:
        self._redis = client
        self._where = where

    @property
    def logger(self) -> logging.Logger:
        return _log

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """A new state, 43 characters that fit into a URL and a cookie; Bolt passes nothing."""
        state = secrets.token_urlsafe(32)
        with reaching(self._where):
            await self._redis.set(_state_key(state), "1", ex=STATE_SECONDS)
        return state

    async def async_consume(self, state: str) -> bool:
        """Whether the state was issued, is young enough and comes back for the first time."""
        with reaching(self._where):
            return await self._redis.getdel(_state_key(state)) is not None


def _some(keys: Sequence[str]) -> Sequence[str]:
    if isinstance(keys, str) or not keys:
        raise BadKey(
            "There is no key to encrypt Slack's tokens with: `mockingbird slack key` makes one for SLACK_ENCRYPTION_KEYS."
        )
    return keys


def _fernet(key: str, number: int) -> Fernet:
    # Fernet itself takes whatever can be decoded, such as two keys with a comma between them, and drops the second.
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}=", key.strip()):
        raise BadKey(
            f"Key {number} in SLACK_ENCRYPTION_KEYS is no key: it should be 44 characters of urlsafe base64, "
            "as `mockingbird slack key` makes them."
        )
    return Fernet(key.strip())


def _client(url: str, max_connections: int) -> Redis:
    # As RedisStore makes its own: an early, clear failure serves people better than redis-py's ten retries.
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=4)
    timeouts: dict[str, Any] = {"socket_timeout": 5, "socket_connect_timeout": 3, "decode_responses": False}
    if "+cluster://" in url:
        cluster: Any = RedisCluster.from_url(
            url.replace("+cluster", ""), max_connections=max_connections, retry=retry, **timeouts
        )
        return cluster
    pool: Any = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, max_connections=max_connections, timeout=5, retry=retry, **timeouts
    )
    return Redis.from_pool(pool)


def _workspace(enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False) -> str:
    return f"{enterprise_id or NONE}:{(not is_enterprise_install and team_id) or NONE}"


def _owner(record: Mapping[str, Any]) -> str:
    return _workspace(record["enterprise_id"], record["team_id"], record["is_enterprise_install"])


def _user(user_id: str | None) -> str:
    return f"{USER}{user_id or NONE}"


def _without_bot(installation: Installation) -> Record:
    return {name: value for name, value in vars(installation).items() if name not in BOT_FIELDS}


def _known(kind: type[Bot] | type[Installation], record: Record) -> Record:
    """What a kind takes of a record: one that a newer slack-sdk wrote may have more."""
    names: Iterable[str] = inspect.signature(kind).parameters
    return {name: record[name] for name in names if name in record}


def _key(workspace: str) -> str:
    return f"mb:{{w:{workspace}}}:inst"


def _of(team: str) -> str:
    return f"mb:{{w:{team}}}:of"


def _state_key(state: str) -> str:
    return f"mb:{{o:{hashlib.sha256(state.encode()).hexdigest()}}}:state"
