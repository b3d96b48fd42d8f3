# ruff: noqa: S105, S106  (no token here opens anything)
"""The vault on one server and on a cluster: whose installation is found, what bytes are stored, and Bolt on top of it."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from redis.asyncio import RedisCluster
from slack_bolt.authorization.async_authorize import AsyncInstallationStoreAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.listener.async_builtins import AsyncTokenRevocationListeners
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.vault import STATE_SECONDS, BadKey, States, Unreadable, Vault, new_key
from interviewer.ports import StoreUnavailable
from tests.conftest import free_ports
from tests.fakes import redis_client

KEY = new_key()


@pytest.fixture(params=["server", "cluster"])
async def url(request: pytest.FixtureRequest, redis_url: str, valkey_cluster: str) -> AsyncGenerator[str]:
    """An empty server, and an empty cluster."""
    if request.param == "server":
        yield redis_url
        return
    async with plain(valkey_cluster) as client:
        await client.flushall()
        yield valkey_cluster
        await client.flushall()


@pytest.fixture
async def vault(url: str) -> AsyncGenerator[Vault]:
    async with Vault.from_url(url, [KEY]) as vault:
        yield vault


@asynccontextmanager
async def plain(url: str) -> AsyncGenerator[Any]:
    """redis-py's own client of either."""
    cluster: Any = RedisCluster
    make = cluster.from_url if "+cluster" in url else redis_client
    async with make(url.replace("+cluster", "")) as client:
        yield client


async def stored(url: str) -> dict[str, dict[str, bytes]]:
    """Every key with its hash, as bytes see it."""
    async with plain(url) as client:
        keys = sorted([key async for key in client.scan_iter()])
        found = {key.decode(): await client.hgetall(key) for key in keys if key.endswith(b":inst")}
        assert len(found) == len(keys)
    return {key: {field.decode(): value for field, value in values.items()} for key, values in found.items()}


def installation(
    team: str | None = "T1",
    user: str = "U1",
    *,
    bot: str | None = "xoxb-1",
    at: float = 100.0,
    enterprise: str | None = None,
    **more: Any,
) -> Installation:
    """What Bolt makes of an OAuth answer."""
    return Installation(
        app_id="A1",
        enterprise_id=enterprise,
        team_id=team,
        team_name="Analytical Engines",
        bot_token=bot,
        bot_id=bot and "B1",
        bot_user_id=bot and "UBOT",
        bot_scopes="chat:write,commands" if bot else "",
        user_id=user,
        installed_at=at,
        **more,
    )


async def token(vault: Vault, team: str | None, enterprise: str | None = None, *, whole: bool = False) -> str | None:
    """The token by which Bolt would speak to a workspace; both ways of asking for it agree."""
    ids: dict[str, Any] = {"enterprise_id": enterprise, "team_id": team, "is_enterprise_install": whole}
    bot, installed = await vault.async_find_bot(**ids), await vault.async_find_installation(**ids)
    assert (bot and bot.bot_token) == (installed and installed.bot_token)
    return bot and bot.bot_token


async def test_what_is_saved_is_found_again(vault: Vault) -> None:
    saved = installation(
        user_token="xoxp-1", user_scopes="identify", token_type="bot", custom_values={"plan": "free"}, enterprise="E1"
    )
    await vault.async_save(saved)
    found = await vault.async_find_installation(enterprise_id="E1", team_id="T1")
    bot = await vault.async_find_bot(enterprise_id="E1", team_id="T1")
    assert found is not None
    assert bot is not None
    assert vars(found) == vars(saved)
    assert vars(bot) == vars(saved.to_bot())


async def test_a_workspace_nobody_installed_in_has_nothing(vault: Vault) -> None:
    await vault.async_save(installation("T1"))
    assert await token(vault, "T2") is None
    assert await token(vault, "T1", "E1") is None
    assert await vault.async_find_installation(enterprise_id=None, team_id="T1", user_id="U2") is None


async def test_each_workspace_has_its_own_token(vault: Vault) -> None:
    await vault.async_save(installation("T1", bot="xoxb-1"))
    await vault.async_save(installation("T2", bot="xoxb-2"))
    await vault.async_save(installation("T1", bot="xoxb-3", enterprise="E1"))
    assert [await token(vault, "T1"), await token(vault, "T2"), await token(vault, "T1", "E1")] == [
        "xoxb-1",
        "xoxb-2",
        "xoxb-3",
    ]


async def test_an_installation_for_a_whole_organisation_serves_each_of_its_workspaces(vault: Vault) -> None:
    await vault.async_save(installation(None, enterprise="E1", is_enterprise_install=True))
    assert await token(vault, "T1", "E1", whole=True) == "xoxb-1"
    assert await token(vault, None, "E1", whole=True) == "xoxb-1"
    assert await token(vault, None, "E1") == "xoxb-1"
    assert await token(vault, "T1", "E1") is None
    assert await token(vault, "T1", "E2", whole=True) is None


async def test_an_organisations_installation_and_a_workspaces_do_not_mix(vault: Vault) -> None:
    await vault.async_save(installation(None, bot="xoxb-whole", enterprise="E1", is_enterprise_install=True))
    await vault.async_save(installation("T1", bot="xoxb-one", enterprise="E1"))
    await vault.async_delete_all(enterprise_id="E1", team_id="T1")
    assert await token(vault, "T1", "E1") is None
    assert await token(vault, "T1", "E1", whole=True) == "xoxb-whole"


async def test_the_latest_installation_counts_whoever_made_it(vault: Vault) -> None:
    await vault.async_save(installation(user="U2", bot="xoxb-2", at=200.0))
    await vault.async_save(installation(user="U1", bot="xoxb-3", at=300.0))
    found = await vault.async_find_installation(enterprise_id=None, team_id="T1")
    assert found is not None
    assert (found.user_id, found.bot_token) == ("U1", "xoxb-3")
    await vault.async_delete_installation(enterprise_id=None, team_id="T1", user_id="U1")
    left = await vault.async_find_installation(enterprise_id=None, team_id="T1")
    assert left is not None
    assert (left.user_id, left.bot_token) == ("U2", "xoxb-3")


async def test_a_person_finds_their_own_token_and_the_bots_latest(vault: Vault) -> None:
    await vault.async_save(installation(user="U1", bot="xoxb-1", at=100.0, user_token="xoxp-1"))
    await vault.async_save(installation(user="U2", bot="xoxb-2", at=200.0, user_token="xoxp-2"))
    found = await vault.async_find_installation(enterprise_id=None, team_id="T1", user_id="U1")
    assert found is not None
    assert (found.user_token, found.bot_token) == ("xoxp-1", "xoxb-2")


async def test_a_person_who_only_lends_a_token_leaves_the_bots_alone(vault: Vault) -> None:
    await vault.async_save(installation(user="U1"))
    await vault.async_save(installation(user="U2", bot=None, at=200.0, user_token="xoxp-2"))
    assert await token(vault, "T1") == "xoxb-1"


async def test_installing_again_replaces_the_token(vault: Vault, url: str) -> None:
    await vault.async_save(installation(bot="xoxb-old"))
    before = await stored(url)
    await vault.async_save(installation(bot="xoxb-new", at=200.0))
    assert await token(vault, "T1") == "xoxb-new"
    assert {key: set(values) for key, values in (await stored(url)).items()} == {
        key: set(values) for key, values in before.items()
    }


async def test_a_bot_saved_by_itself_is_found(vault: Vault) -> None:
    bot = Bot(team_id="T1", bot_token="xoxb-1", bot_id="B1", bot_user_id="UBOT", installed_at=100.0)
    await vault.async_save_bot(bot)
    found = await vault.async_find_bot(enterprise_id=None, team_id="T1")
    assert found is not None
    assert vars(found) == vars(bot)


async def test_whoever_posts_needs_the_workspaces_id_alone(vault: Vault) -> None:
    await vault.async_save(installation("T1", bot="xoxb-1"))
    await vault.async_save(installation("T2", bot="xoxb-2", enterprise="E1"))
    assert [await vault.token(team) for team in ("T1", "T2", "T3")] == ["xoxb-1", "xoxb-2", None]


async def test_a_workspace_that_changes_its_organisation_is_known_by_the_latest(vault: Vault) -> None:
    await vault.async_save(installation(bot="xoxb-1"))
    await vault.async_save(installation(bot="xoxb-2", enterprise="E1"))
    assert await vault.token("T1") == "xoxb-2"
    await vault.async_delete_all(enterprise_id=None, team_id="T1")
    assert await vault.token("T1") == "xoxb-2"
    await vault.async_save(installation(bot="xoxb-3"))
    assert await vault.token("T1") == "xoxb-3"


async def test_nothing_is_left_of_an_organisations_workspace(vault: Vault, url: str) -> None:
    await vault.async_save(installation("T1", enterprise="E1"))
    await vault.async_save(installation("T2", enterprise="E1"))
    await vault.async_delete_all(enterprise_id="E1", team_id="T1")
    await vault.async_delete_bot(enterprise_id="E1", team_id="T2")
    assert await vault.token("T1") is None
    await vault.async_delete_installation(enterprise_id="E1", team_id="T2")
    assert await stored(url) == {}


async def test_deleting_a_workspace_leaves_no_key_of_it(vault: Vault, url: str) -> None:
    await vault.async_save(installation("T1", user_token="xoxp-1"))
    await vault.async_save(installation("T1", "U2"))
    await vault.async_save(installation("T2"))
    await vault.async_delete_all(enterprise_id=None, team_id="T1")
    assert list(await stored(url)) == ["mb:{w:none:T2}:inst"]
    await vault.async_delete_all(enterprise_id=None, team_id="T2")
    assert await stored(url) == {}


async def test_deleting_bit_by_bit_leaves_no_key_either(vault: Vault, url: str) -> None:
    for user in ("U1", "U2", "U3"):
        await vault.async_save(installation(user=user))
    await vault.async_delete_bot(enterprise_id=None, team_id="T1")
    await vault.async_delete_installation(enterprise_id=None, team_id="T1", user_id="U1")
    assert set((await stored(url))["mb:{w:none:T1}:inst"]) == {"user:U2", "user:U3"}
    await vault.async_delete_installation(enterprise_id=None, team_id="T1")
    assert await stored(url) == {}


async def test_a_deleted_bot_has_no_token_left_in_any_installation(vault: Vault) -> None:
    await vault.async_save(installation())
    await vault.async_delete_bot(enterprise_id=None, team_id="T1")
    assert await token(vault, "T1") is None
    assert await vault.async_find_installation(enterprise_id=None, team_id="T1") is not None


async def test_deleting_what_is_not_there_is_no_mistake(vault: Vault, url: str) -> None:
    await vault.async_delete_bot(enterprise_id=None, team_id="T1")
    await vault.async_delete_installation(enterprise_id=None, team_id="T1")
    await vault.async_delete_installation(enterprise_id=None, team_id="T1", user_id="U1")
    await vault.async_delete_all(enterprise_id="E1", team_id=None)
    assert await stored(url) == {}


async def test_nothing_stored_can_be_read(vault: Vault, url: str) -> None:
    secrets: dict[str, Any] = {
        "bot_refresh_token": "xoxe-refreshes-the-bot",
        "user_token": "xoxp-speaks-for-a-person",
        "user_refresh_token": "xoxe-refreshes-a-person",
        "incoming_webhook_url": "https://hooks.slack.test/services/secret",
    }
    await vault.async_save(installation(bot="xoxb-speaks-for-the-bot", **secrets))
    kept = [
        part
        for key, values in (await stored(url)).items()
        for part in (key.encode(), *(field.encode() for field in values), *values.values())
    ]
    hidden = ["xoxb-speaks-for-the-bot", *secrets.values(), "chat:write", "Analytical Engines", "bot_token", KEY]
    assert [text for text in hidden if any(text.encode() in part for part in kept)] == []
    opened = [Fernet(KEY).decrypt(value) for values in (await stored(url)).values() for value in values.values()]
    assert [text for text in hidden[:-1] if not any(text.encode() in part for part in opened)] == []


async def test_the_same_token_is_never_stored_as_the_same_bytes(vault: Vault, url: str) -> None:
    await vault.async_save(installation())
    first = await stored(url)
    await vault.async_save(installation())
    second = await stored(url)
    assert all(first[key][field] != second[key][field] for key in first for field in first[key])


async def test_an_installation_lasts_until_it_is_deleted(vault: Vault, url: str) -> None:
    await vault.async_save(installation())
    async with plain(url) as client:
        assert await client.ttl("mb:{w:none:T1}:inst") == -1


async def test_a_new_first_key_still_opens_what_the_old_one_closed(vault: Vault, url: str) -> None:
    await vault.async_save(installation())
    async with Vault.from_url(url, [new_key(), KEY]) as newer:
        assert await token(newer, "T1") == "xoxb-1"


async def test_after_rotating_the_old_key_is_no_longer_needed(vault: Vault, url: str) -> None:
    for team in ("T1", "T2", "T3"):
        await vault.async_save(installation(team, "U1", bot=f"xoxb-{team}", at=1.0))
        await vault.async_save(installation(team, "U2", bot=f"xoxb-{team}", at=2.0))
    new = new_key()
    async with Vault.from_url(url, [new, KEY]) as both:
        assert await both.rotate() == 3
    async with Vault.from_url(url, [new]) as only_new:
        assert await only_new.check() == 3
        assert [await token(only_new, team) for team in ("T1", "T2", "T3")] == ["xoxb-T1", "xoxb-T2", "xoxb-T3"]
        latest = await only_new.async_find_installation(enterprise_id=None, team_id="T3")
        assert latest is not None
        assert latest.user_id == "U2"
    with pytest.raises(Unreadable):
        await vault.check()


async def test_rotating_beside_the_app_neither_loses_nor_revives_anything(vault: Vault, url: str) -> None:
    teams = [f"T{number}" for number in range(40)]
    for team in teams:
        await vault.async_save(installation(team, bot="xoxb-old"))

    async def live() -> None:
        for team in teams[::2]:
            await vault.async_save(installation(team, bot="xoxb-new"))
        for team in teams[1::2]:
            await vault.async_delete_all(enterprise_id=None, team_id=team)

    async with Vault.from_url(url, [new_key(), KEY]) as both:
        await asyncio.gather(both.rotate(), live())
        assert [await token(both, team) for team in teams] == ["xoxb-new", None] * 20


async def test_rotating_an_empty_vault_does_nothing(vault: Vault) -> None:
    assert await vault.rotate() == 0
    assert await vault.check() == 0


async def test_what_no_key_opens_counts_as_not_installed(
    vault: Vault, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await vault.async_save(installation("T1"))
    async with Vault.from_url(url, [new_key()]) as stranger:
        await stranger.async_save(installation("T2"))
        assert await token(stranger, "T1") is None
        assert await token(stranger, "T2") == "xoxb-1"
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings
    assert all("none:T1" in text and "installed there again" in text for text in warnings)
    kept = [value.decode() for values in (await stored(url)).values() for value in values.values()]
    assert [text for text in ("xoxb-1", KEY, *kept) if text in caplog.text] == []


async def test_check_names_whose_tokens_cannot_be_opened(vault: Vault, url: str) -> None:
    await vault.async_save(installation("T1"))
    async with Vault.from_url(url, [new_key()]) as stranger:
        await stranger.async_save(installation("T2"))
    with pytest.raises(Unreadable, match=r"of 1 of 2 workspaces \(enterprise:team none:T2\).*Put the key"):
        await vault.check()


async def test_rotating_leaves_what_it_cannot_open(vault: Vault, url: str) -> None:
    other, new = new_key(), new_key()
    await vault.async_save(installation("T1"))
    async with Vault.from_url(url, [other]) as stranger:
        await stranger.async_save(installation("T2"))
    async with Vault.from_url(url, [new, KEY]) as both:
        assert await both.rotate() == 1
    async with Vault.from_url(url, [new, other]) as repaired:
        assert await repaired.check() == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"gAAAAA", "ünïcödé".encode()])
async def test_a_damaged_value_counts_as_not_installed(vault: Vault, url: str, damage: bytes) -> None:
    await vault.async_save(installation())
    async with plain(url) as client:
        await client.hset("mb:{w:none:T1}:inst", mapping={"bot": damage, "user:U1": damage})
    assert await token(vault, "T1") is None
    with pytest.raises(Unreadable):
        await vault.check()


async def test_a_value_copied_from_another_workspace_is_not_believed(
    vault: Vault, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await vault.async_save(installation("T1", bot="xoxb-of-T1"))
    async with plain(url) as client:
        values = await client.hgetall("mb:{w:none:T1}:inst")
        await client.hset("mb:{w:none:T2}:inst", mapping=values)
    assert await token(vault, "T2") is None
    assert "none:T2" in caplog.text
    assert "xoxb-of-T1" not in caplog.text


async def test_what_a_newer_sdk_wrote_can_be_read(vault: Vault, url: str) -> None:
    await vault.async_save(installation())
    async with plain(url) as client:
        record = json.loads(Fernet(KEY).decrypt(await client.hget("mb:{w:none:T1}:inst", "bot")))
        sealed = Fernet(KEY).encrypt(json.dumps(record | {"invented_in_2031": True}).encode())
        await client.hset("mb:{w:none:T1}:inst", "bot", sealed)
    assert await token(vault, "T1") == "xoxb-1"


@pytest.mark.parametrize(
    "keys",
    [[], "", KEY, ["nonsense"], [KEY, ""], [KEY, KEY[:-2]], [f"{KEY},{new_key()}"], ["é" * 44], [KEY.replace("=", "")]],
    ids=["none", "empty", "no-list", "nonsense", "an-empty-one", "cut-off", "two-in-one", "no-base64", "unpadded"],
)
async def test_a_bad_key_is_refused_and_not_shown(redis: Any, keys: Sequence[str]) -> None:
    with pytest.raises(BadKey, match="`mockingbird slack key`") as caught:
        Vault(redis, keys)
    assert KEY[:10] not in str(caught.value)


async def test_a_key_may_have_white_space_around_it(redis: Any) -> None:
    async with Vault(redis, [f" {KEY}\n"]) as vault:
        await vault.async_save(installation())
        assert await token(vault, "T1") == "xoxb-1"


async def test_a_new_key_is_another_each_time() -> None:
    assert len({new_key() for _ in range(10)}) == 10


async def test_a_server_that_is_gone_is_named() -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_ports(1)[0]}/0"
    async with Vault.from_url(url, [KEY]) as vault:
        for asked in (token(vault, "T1"), vault.check(), vault.rotate(), vault.async_save(installation())):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1") as caught:
                await asked
            assert "hunter2" not in str(caught.value)


# --- OAuth states ---------------------------------------------------------------------------------------------------


async def test_a_state_is_good_for_one_use(vault: Vault) -> None:
    states = vault.states()
    state = await states.async_issue()
    assert await states.async_consume(state)
    assert not await states.async_consume(state)


async def test_of_two_who_bring_a_state_at_once_one_is_let_in(vault: Vault) -> None:
    states = vault.states()
    state = await states.async_issue()
    assert sorted(await asyncio.gather(*(states.async_consume(state) for _ in range(8)))) == [False] * 7 + [True]


@pytest.mark.parametrize("state", ["", "made-up", "}{", "*", "ünïcödé", "x" * 10_000])
async def test_a_state_that_was_not_issued_is_refused(vault: Vault, state: str) -> None:
    await vault.states().async_issue()
    assert not await vault.states().async_consume(state)


async def test_a_state_runs_out_after_ten_minutes(vault: Vault, url: str) -> None:
    state = await vault.states().async_issue()
    async with plain(url) as client:
        keys = [key async for key in client.scan_iter()]
        assert [STATE_SECONDS - 5 < await client.ttl(key) <= STATE_SECONDS for key in keys] == [True]
        assert state.encode() not in keys[0]
        assert await client.get(keys[0]) == b"1"
        await client.expire(keys[0], 0)
    assert not await vault.states().async_consume(state)


async def test_states_cannot_be_guessed_from_one_another(vault: Vault) -> None:
    issued = [await vault.states().async_issue() for _ in range(20)]
    assert len(set(issued)) == 20
    assert {len(state) for state in issued} == {43}


# --- Bolt on top ----------------------------------------------------------------------------------------------------


class Slack:
    """A few methods of Slack's Web API: a refresh token is good for one use, as it is at Slack."""

    def __init__(self) -> None:
        self.refresh = "xoxe-1"
        self.refreshed = 0
        self.spoken_with = list[str]()

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.path.endswith("auth.test"):
            token = request.headers["Authorization"].removeprefix("Bearer ")
            self.spoken_with.append(token)
            found = {"ok": True, "url": "https://t1.slack.test/", "team_id": "T1", "user_id": "UBOT", "bot_id": "B1"}
            return web.json_response(found)
        if form.get("grant_type") == "refresh_token":
            if form["refresh_token"] != self.refresh:
                return web.json_response({"ok": False, "error": "invalid_refresh_token"})
            self.refreshed += 1
            self.refresh = f"xoxe-{self.refreshed + 1}"
            return web.json_response(self.granted(f"xoxb-{self.refreshed + 1}"))
        return web.json_response(self.granted("xoxb-1"))

    def granted(self, token: str) -> dict[str, Any]:
        return {
            "ok": True,
            "app_id": "A1",
            "token_type": "bot",
            "access_token": token,
            "refresh_token": self.refresh,
            "expires_in": 43_200,
            "scope": "chat:write",
            "bot_user_id": "UBOT",
            "team": {"id": "T1", "name": "Analytical Engines"},
            "authed_user": {"id": "U1"},
        }


@pytest.fixture
async def slack() -> AsyncGenerator[tuple[Slack, AsyncWebClient]]:
    slack = Slack()
    app = web.Application()
    app.router.add_route("*", "/api/{method}", slack.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_ports(1)[0]
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield slack, AsyncWebClient(base_url=f"http://127.0.0.1:{port}/api/")
    await runner.cleanup()


# aiohttp 3.14 deprecates what slack-sdk 3.47 sends client_id and client_secret with.
deprecated = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")


@deprecated
async def test_bolt_installs_into_the_vault(vault: Vault, slack: tuple[Slack, AsyncWebClient]) -> None:
    flow = AsyncOAuthFlow(
        client=slack[1],
        settings=AsyncOAuthSettings(
            client_id="1.2",
            client_secret="hush",
            scopes=["chat:write"],
            installation_store=vault,
            state_store=vault.states(),
            install_page_rendering_enabled=False,
        ),
    )
    sent = await flow.handle_installation(AsyncBoltRequest(body=""))
    [cookie] = sent.headers["set-cookie"]
    state = parse_qs(urlsplit(sent.headers["location"][0]).query)["state"][0]
    back = AsyncBoltRequest(
        body="", query={"code": "c", "state": state}, headers={"cookie": [cookie.partition(";")[0]]}
    )
    assert (await flow.handle_callback(back)).status == 200
    assert await token(vault, "T1") == "xoxb-1"
    assert (await flow.handle_callback(back)).status == 401


@deprecated
@pytest.mark.parametrize("asker", ["U1", "U2"])
async def test_bolt_refreshes_a_token_once_and_keeps_it(
    vault: Vault, slack: tuple[Slack, AsyncWebClient], asker: str
) -> None:
    server, client = slack
    soon = int(time()) + 60
    await vault.async_save(installation(bot_refresh_token="xoxe-1", bot_token_expires_at=soon))
    authorize = AsyncInstallationStoreAuthorize(
        logger=logging.getLogger(__name__),
        installation_store=vault,
        client_id="1.2",
        client_secret="hush",
        client=client,
    )
    for _ in range(3):
        context = AsyncBoltContext({"client": client, "is_enterprise_install": False})
        result = await authorize(context=context, enterprise_id=None, team_id="T1", user_id=asker)
        assert result is not None
        assert result.bot_token == "xoxb-2"
    assert server.refreshed == 1
    assert server.spoken_with == ["xoxb-2"] * 3
    bot = await vault.async_find_bot(enterprise_id=None, team_id="T1")
    assert bot is not None
    assert (bot.bot_refresh_token, bot.bot_token_expires_at or soon < 0) == ("xoxe-2", bot.bot_token_expires_at)


@pytest.mark.parametrize("bot_only", [False, True])
async def test_bolt_takes_an_unreadable_token_for_none(
    vault: Vault, url: str, slack: tuple[Slack, AsyncWebClient], bot_only: bool
) -> None:
    await vault.async_save(installation())
    async with Vault.from_url(url, [new_key()]) as stranger:
        authorize = AsyncInstallationStoreAuthorize(
            logger=logging.getLogger(__name__), installation_store=stranger, bot_only=bot_only
        )
        context = AsyncBoltContext({"client": slack[1], "is_enterprise_install": False})
        assert await authorize(context=context, enterprise_id=None, team_id="T1", user_id="U1") is None
    assert slack[0].spoken_with == []


async def test_bolts_listeners_delete_what_slack_revoked(vault: Vault, url: str) -> None:
    listeners: Any = AsyncTokenRevocationListeners(vault)
    context = AsyncBoltContext({"enterprise_id": None, "team_id": "T1"})
    await vault.async_save(installation(user="U1", user_token="xoxp-1"))
    await vault.async_save(installation(user="U2"))
    await listeners.handle_tokens_revoked_events({"tokens": {"oauth": ["U1"], "bot": ["UBOT"]}}, context)
    assert {key: list(values) for key, values in (await stored(url)).items()} == {"mb:{w:none:T1}:inst": ["user:U2"]}
    await listeners.handle_app_uninstalled_events(context)
    assert await stored(url) == {}


async def test_states_share_the_vaults_connections(redis: Any) -> None:
    vault, states = Vault(redis, [KEY]), States(redis)
    assert await vault.states().async_consume(await states.async_issue())
