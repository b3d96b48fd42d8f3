"""Our tests' own Slack against the real slack-bolt and slack-sdk: what the app is told, and what it may answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.models.blocks import ActionsBlock, ButtonElement, SectionBlock
from slack_sdk.web.async_client import AsyncWebClient

from tests.slack import Channel, Clock, Json, SlackServer, Upload, User, buttons, text_of
from tests.slack.driver import as_typed

Heard = list[Json]


@pytest.fixture
async def slack() -> AsyncGenerator[SlackServer]:
    """A Slack whose clock stands still."""
    async with SlackServer(clock=Clock(1_760_000_000.0)) as server:
        yield server


@pytest.fixture
def client(slack: SlackServer) -> Any:
    """What an app calls Slack with."""
    return client_of(slack)


@pytest.fixture
def ana(slack: SlackServer) -> User:
    return slack.adds_user("ana", tz="Europe/Madrid", tz_offset=7200, locale="es-ES")


@pytest.fixture
def team(slack: SlackServer, ana: User) -> Channel:
    return slack.adds_channel("backend", ana)


def client_of(slack: SlackServer, token: str | None = None) -> Any:
    """An app's client. Any: the SDK leaves its own types half unknown."""
    settings = slack.environment()
    return AsyncWebClient(settings["SLACK_BOT_TOKEN"] if token is None else token, base_url=settings["SLACK_API_URL"])


def app_of(slack: SlackServer, heard: Heard) -> AsyncApp:
    """A small app: it repeats what it is told, asks a name in a modal, and notes in `heard` every body it gets."""
    app = AsyncApp(client=client_of(slack), signing_secret=slack.environment()["SLACK_SIGNING_SECRET"])

    async def note(body: Json, next: Callable[[], Awaitable[None]]) -> None:
        heard.append(body)
        await next()

    async def repeat(event: Json, client: Any) -> None:
        if event.get("subtype") in {None, "file_share"}:
            where = {"channel": event["channel"], "thread_ts": event.get("thread_ts") or event["ts"]}
            await client.chat_postMessage(**where, text=f"You said {event['text']}", blocks=reply(event["text"]))

    async def ignore() -> None: ...

    async def open_modal(ack: Callable[..., Awaitable[None]], body: Json, client: Any) -> None:
        await ack(f"Opening {body['text']}")
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    async def pressed(ack: Callable[..., Awaitable[None]], body: Json, respond: Callable[..., Awaitable[None]]) -> None:
        await ack()
        await respond(text=f"Pressed {body['actions'][0]['value']}", replace_original=True)

    async def submitted(ack: Callable[..., Awaitable[None]], view: Json) -> None:
        name = view["state"]["values"]["name"]["said"]["value"]
        if name == "x":
            await ack(response_action="errors", errors={"name": "A longer name, please"})
        elif name == "again":
            await ack(response_action="update", view=modal("Once more"))
        else:
            await ack()

    async def offer(ack: Callable[..., Awaitable[None]], payload: Json) -> None:
        named = f"{payload['value']}-1"
        await ack(options=[{"text": {"type": "plain_text", "text": named}, "value": named}])

    register: Any = app
    register.use(note)
    register.event("message")(repeat)
    for kind in ("app_mention", "app_home_opened", "agent_session_stopped", "tokens_revoked", "app_uninstalled"):
        register.event(kind)(ignore)
    register.command("/interview")(open_modal)
    register.action("again")(pressed)
    register.view("ask")(submitted)
    register.options("pick")(offer)
    return app


def reply(text: str) -> list[Json]:
    said: Any = SectionBlock(text=f"*You said* {text}")
    again: Any = ActionsBlock(elements=[ButtonElement(text="Again", action_id="again", value="one more")])
    return [said.to_dict(), again.to_dict()]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(title: str = "Your name") -> Json:
    name = {"type": "plain_text_input", "action_id": "said", "max_length": 20}
    pick = {"type": "external_select", "action_id": "pick", "min_query_length": 1}
    level: Json = {"type": "static_select", "action_id": "level", "initial_option": option("senior")}
    level["options"] = [option("senior"), option("staff")]
    return {
        "type": "modal",
        "callback_id": "ask",
        "title": plain(title),
        "submit": plain("Go"),
        "blocks": [
            {"type": "input", "block_id": "name", "label": plain("Name"), "element": name},
            {"type": "input", "block_id": "topic", "optional": True, "label": plain("Topic"), "element": pick},
            {"type": "input", "block_id": "level", "label": plain("Level"), "element": level},
        ],
    }


def option(value: str) -> Json:
    return {"text": plain(value.title()), "value": value}


@asynccontextmanager
async def over_socket_mode(slack: SlackServer, app: AsyncApp) -> AsyncGenerator[None]:
    settings = slack.environment()
    web_client = AsyncWebClient(settings["SLACK_APP_TOKEN"], base_url=settings["SLACK_API_URL"])
    handler = AsyncSocketModeHandler(app, settings["SLACK_APP_TOKEN"], web_client=web_client)
    await handler.connect_async()
    try:
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def over_http(slack: SlackServer, app: AsyncApp) -> AsyncGenerator[None]:
    runner = web.AppRunner(app.web_app("/slack/events", port=0))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.delivers_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
def heard() -> Heard:
    return []


@pytest.fixture(params=[over_socket_mode, over_http])
async def app(request: pytest.FixtureRequest, slack: SlackServer, heard: Heard) -> AsyncGenerator[AsyncApp]:
    """The small app, over each transport in turn."""
    made = app_of(slack, heard)
    async with request.param(slack, made):
        yield made


async def test_a_message_is_told_and_answered_in_its_thread(slack: SlackServer, app: AsyncApp, ana: User) -> None:
    told = await slack.types(ana, None, "hello <b> & you")

    assert (await told.acked).status == 200
    root, answer = await slack.until(
        lambda: slack.messages(slack.dm(ana), told.thread)[1:] and slack.messages(slack.dm(ana))
    )
    assert root["text"] == "hello &lt;b&gt; &amp; you"
    assert answer["thread_ts"] == told.ts
    assert text_of(answer) == "*You said* hello &lt;b&gt; &amp; you\n[Again]"
    assert list(buttons(answer)) == ["again"]


async def test_a_mention_is_told_twice(
    slack: SlackServer, app: AsyncApp, heard: Heard, ana: User, team: Channel
) -> None:
    told = await slack.types(ana, team, f"{slack.mention} hello")

    await told.acked
    await told.also[0].acked
    events = [body["event"] for body in heard if body["event"]["user"] == ana.id]
    assert sorted((event["type"], event["ts"]) for event in events) == [("app_mention", told.ts), ("message", told.ts)]
    assert told.event_id != told.also[0].event_id


async def test_the_app_is_told_of_its_own_messages_and_bolt_ignores_them(
    slack: SlackServer, app: AsyncApp, heard: Heard, ana: User
) -> None:
    told = await slack.types(ana, None, "hello")

    await slack.until(lambda: len(slack.deliveries) == 2)
    await slack.deliveries[1].acked
    assert slack.deliveries[1].payload["event"]["user"] == slack.bot.user_id
    assert len(slack.said(slack.dm(ana), told.thread)) == 1


async def test_where_the_app_is_no_member_it_is_told_of_nothing(slack: SlackServer, app: AsyncApp, ana: User) -> None:
    elsewhere = slack.adds_channel("elsewhere", ana, with_bot=False)

    told = await slack.types(ana, elsewhere, f"{slack.mention} hello")

    with pytest.raises(AssertionError, match="not in #elsewhere"):
        await told.acked
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client_of(slack).chat_postMessage(channel=elsewhere.id, text="hello")


async def test_a_redelivery_is_the_same_event_and_says_so_or_not(
    slack: SlackServer, app: AsyncApp, heard: Heard, ana: User
) -> None:
    slack.is_down(True)
    told = await slack.types(ana, None, "hello")
    assert told.lost
    slack.is_down(False)

    marked = await slack.redeliver(told)
    await marked.acked
    unmarked = await slack.redeliver(told, headers=False, new_event_id=True)
    await unmarked.acked

    assert [body["event_id"] for body in heard if body["event"]["user"] == ana.id] == [told.event_id, unmarked.event_id]
    assert (marked.attempt, marked.reason, unmarked.attempt) == (1, "timeout", 0)
    assert told.event_id != unmarked.event_id


async def test_an_edit_and_a_deletion_are_told(slack: SlackServer, app: AsyncApp, heard: Heard, ana: User) -> None:
    channel = slack.dm(ana)
    told = await slack.types(ana, None, "helo")

    await (await slack.edits(channel, told.ts, "hello")).acked
    await (await slack.deletes(channel, told.ts)).acked

    edited, deleted = (body["event"] for body in heard if body["event"].get("subtype") and "bot_id" not in str(body))
    assert (edited["subtype"], edited["message"]["text"], edited["previous_message"]["text"]) == (
        "message_changed",
        "hello",
        "helo",
    )
    assert edited["message"]["edited"]["user"] == ana.id
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", told.ts)


async def test_a_command_opens_a_modal_and_a_submission_is_answered(
    slack: SlackServer, app: AsyncApp, ana: User
) -> None:
    told = await slack.slash(ana, None, "/interview", "apple")
    assert (await told.acked).body
    modal = await slack.until(lambda: slack.modal(ana))
    assert text_of(modal) == "Your name\nName: [plain_text_input]\nTopic: [external_select]\nLevel: [static_select]"
    assert [text_of(each) for each in slack.ephemerals(ana)] == ["Opening apple"]

    with pytest.raises(AssertionError, match="must be filled in"):
        await slack.submits(ana, modal["id"])
    with pytest.raises(AssertionError, match="takes no 21 characters"):
        await slack.submits(ana, modal["id"], {"name": {"said": "x" * 21}})
    with pytest.raises(AssertionError, match="offers no 'junior'"):
        await slack.submits(ana, modal["id"], {"name": {"said": "Ana"}, "level": {"level": "junior"}})

    await (await slack.submits(ana, modal["id"], {"name": {"said": "x"}})).acked
    assert slack.modal_errors(ana) == {"name": "A longer name, please"}
    await (await slack.submits(ana, modal["id"], {"name": {"said": "again"}, "topic": {"pick": "queues"}})).acked
    assert (slack.modal(ana) or {})["title"]["text"] == "Once more"
    await (await slack.submits(ana, values={"name": {"said": "Ana"}})).acked
    assert slack.modal(ana) is None


async def test_a_menu_asks_the_app_for_its_options(slack: SlackServer, app: AsyncApp, ana: User) -> None:
    await slack.slash(ana, None, "/interview")
    await slack.until(lambda: slack.modal(ana))

    offered = await slack.suggests(ana, "pick", "cache")

    assert [each["value"] for each in offered] == ["cache-1"]


async def test_a_button_is_pressed_and_its_message_replaced(slack: SlackServer, app: AsyncApp, ana: User) -> None:
    told = await slack.types(ana, None, "hello")
    answer = (await slack.until(lambda: slack.said(slack.dm(ana))))[0]

    pressed = await slack.presses(ana, None, answer["ts"], "again")
    await pressed.acked

    await slack.until(lambda: slack.responses(pressed))
    assert [text_of(each) for each in slack.said(slack.dm(ana), told.thread)] == ["Pressed one more"]
    with pytest.raises(AssertionError, match="nothing here is called again"):
        await slack.presses(ana, None, answer["ts"], "again")


async def test_home_is_opened_and_the_stop_button_stops_a_stream(
    slack: SlackServer, app: AsyncApp, heard: Heard, ana: User
) -> None:
    told = await slack.types(ana, None, "hello")
    channel = slack.dm(ana)
    stream = await client_of(slack).chat_startStream(channel=channel.id, thread_ts=told.ts, markdown_text="Let me ")

    await (await slack.opens_home(ana)).acked
    await (await slack.stops(ana, None, told.thread)).acked

    opened, stopped = (
        body["event"] for body in heard if body["event"]["type"] in {"app_home_opened", "agent_session_stopped"}
    )
    assert (opened["tab"], opened["channel"]) == ("home", channel.id)
    assert (stopped["thread_ts"], stopped["streaming_message_ts"]) == (told.ts, [stream["ts"]])
    with pytest.raises(SlackApiError, match="stopped_by_user"):
        await client_of(slack).chat_appendStream(channel=channel.id, ts=str(stream["ts"]), markdown_text="think")


async def test_an_uninstalled_app_is_told_and_its_token_is_dead(
    slack: SlackServer, app: AsyncApp, heard: Heard
) -> None:
    client = client_of(slack)
    await client.auth_test()

    told = await slack.uninstalls()

    kinds = {told.payload["event"]["type"], told.also[0].payload["event"]["type"]}
    assert kinds == {"tokens_revoked", "app_uninstalled"}
    with pytest.raises(SlackApiError, match="account_inactive"):
        await client.auth_test()


async def test_a_request_with_a_wrong_signature_is_turned_away(slack: SlackServer, heard: Heard, ana: User) -> None:
    app = AsyncApp(client=client_of(slack), signing_secret="another secret")  # noqa: S106
    async with over_http(slack, app):
        told = await slack.types(ana, None, "hello")

        assert (await told.acked).status == 401


async def test_a_refreshed_connection_is_used_from_then_on(slack: SlackServer, heard: Heard, ana: User) -> None:
    async with over_socket_mode(slack, app_of(slack, heard)):
        await slack.disconnects()
        await slack.until(lambda: slack.connections == 1)

        await (await slack.types(ana, None, "hello")).acked

    assert [call.method for call in slack.calls("apps.connections.open")] == ["apps.connections.open"] * 2


async def test_waiting_in_vain_shows_what_was_said_and_called(slack: SlackServer, ana: User) -> None:
    with pytest.raises(AssertionError, match="not so within") as failure:
        await slack.until(lambda: slack.said(slack.dm(ana)), within=0.01)
    assert "calls:" in str(failure.value)


# --- the Web API


async def test_a_trigger_lasts_three_seconds_and_opens_one_modal(slack: SlackServer, heard: Heard, ana: User) -> None:
    slack.is_down(True)
    early = (await slack.slash(ana, None, "/interview")).trigger_id
    late = (await slack.slash(ana, None, "/interview")).trigger_id
    client = client_of(slack)

    await client.views_open(trigger_id=early, view=modal())
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await client.views_open(trigger_id=early, view=modal())
    slack.clock.advance(3.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await client.views_open(trigger_id=late, view=modal())
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await client.views_open(trigger_id="1.2.3", view=modal())


async def test_views_stack_three_deep_and_know_their_hash(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    opened = await client.views_open(trigger_id=(await slack.slash(ana, None, "/interview")).trigger_id, view=modal())
    view_id, hash = opened["view"]["id"], opened["view"]["hash"]

    async def push() -> None:
        trigger = (await slack.presses_in_modal(ana, "level", "staff")).trigger_id
        await client.views_push(trigger_id=trigger, view=modal("Another"))

    await client.views_update(view_id=view_id, hash=hash, view=modal("Changed"))
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await client.views_update(view_id=view_id, hash=hash, view=modal())
    await push()
    await push()
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        await push()
    assert [view["title"]["text"] for view in slack.modals(ana)] == ["Changed", "Another", "Another"]
    assert (await slack.closes_modal(ana, all=True)).lost
    assert slack.modal(ana) is None


async def test_a_home_is_published_and_pressed(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    with pytest.raises(AssertionError, match="has no home yet"):
        await slack.presses_in_home(ana, "again")

    await client.views_publish(user_id=ana.id, view={"type": "home", "blocks": reply("hello")})

    pressed = await slack.presses_in_home(ana, "again")
    assert text_of(slack.home(ana) or {}) == "*You said* hello\n[Again]"
    assert pressed.payload["container"] == {"type": "view", "view_id": (slack.home(ana) or {})["id"]}
    assert pressed.payload["actions"][0]["value"] == "one more"


async def test_what_is_chosen_in_a_view_is_told_with_the_next_press(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    ticks: Json = {"type": "checkboxes", "action_id": "c", "options": [option("hints"), option("time")]}
    levels = menu("senior", "staff") | {"initial_option": option("senior")}
    blocks = [row(levels) | {"block_id": "level"}, row(ticks) | {"block_id": "ticks"}, row(button())]
    await client.views_publish(user_id=ana.id, view={"type": "home", "blocks": blocks})

    await slack.presses_in_home(ana, "m", "staff")
    await slack.presses_in_home(ana, "c", ["hints", "time"])
    state = (await slack.presses_in_home(ana, "a0")).payload["view"]["state"]["values"]

    assert state["level"]["m"]["selected_option"]["value"] == "staff"
    assert [each["value"] for each in state["ticks"]["c"]["selected_options"]] == ["hints", "time"]
    with pytest.raises(AssertionError, match="not 'junior'"):
        await slack.presses_in_home(ana, "m", "junior")


async def test_a_limited_call_is_tried_again_after_a_while(slack: SlackServer, team: Channel) -> None:
    client = client_of(slack)
    slack.fail("chat.postMessage", status=429, retry_after=1, times=2)

    with pytest.raises(SlackApiError, match="ratelimited") as failure:
        await client.chat_postMessage(channel=team.id, text="hello")
    refusal: Any = failure.value
    assert refusal.response.headers["Retry-After"] == "1"
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await client.chat_postMessage(channel=team.id, text="hello")

    assert [call.answer if isinstance(call.answer, int) else 200 for call in slack.calls("chat.postMessage")] == [
        429,
        429,
        200,
    ]


async def test_a_call_may_fail_before_or_after_its_work(slack: SlackServer, client: Any, team: Channel) -> None:
    slack.fail("chat.postMessage", "fatal_error")
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client.chat_postMessage(channel=team.id, text="hello")
    assert not slack.messages(team)

    slack.fail("chat.postMessage", status=500, applied=True)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=team.id, text="hello")
    assert len(slack.messages(team)) == 1


async def test_a_stream_grows_until_it_is_stopped(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    channel, thread = slack.dm(ana), (await slack.types(ana, None, "hello")).ts
    await client.assistant_threads_setStatus(channel_id=channel.id, thread_ts=thread, status="is thinking")

    stream = await client.chat_stream(channel=channel.id, thread_ts=thread, buffer_size=1)
    await stream.append(markdown_text="**Let me")
    await stream.append(markdown_text=" ask.**")
    ts = str(stream.ts)
    with pytest.raises(SlackApiError, match="streaming_state_conflict"):
        await client.chat_update(channel=channel.id, ts=ts, text="Let me ask.")
    assert [each.ts for each in slack.open_streams] == [ts]
    await stream.stop(blocks=reply("hello"), metadata={"event_type": "said", "event_payload": {"key": "1"}})

    assert not slack.open_streams
    assert text_of(slack.said(channel, thread)[0]) == "**Let me ask.**\n*You said* hello\n[Again]"
    assert slack.statuses(channel, thread) == ["is thinking", ""]
    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_appendStream(channel=channel.id, ts=ts, markdown_text="And")
    await client.chat_update(channel=channel.id, ts=ts, text="Instead")
    assert text_of(slack.said(channel, thread)[0]) == "Instead"


async def test_a_slow_stream_runs_out_and_a_long_one_is_refused(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    channel, thread = slack.dm(ana), (await slack.types(ana, None, "hello")).ts
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await client.chat_startStream(channel=channel.id, thread_ts=thread, markdown_text="x" * 12_001)
    stream = await client.chat_startStream(channel=channel.id, thread_ts=thread, markdown_text="x" * 12_000)
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await client.chat_appendStream(channel=channel.id, ts=str(stream["ts"]), markdown_text="x")
    with pytest.raises(SlackApiError, match="streaming_mode_mismatch"):
        await client.chat_appendStream(
            channel=channel.id, ts=str(stream["ts"]), chunks=[{"type": "markdown_text", "text": "x"}]
        )

    slack.expire_stream(channel, str(stream["ts"]))

    with pytest.raises(SlackApiError, match="message_not_in_streaming_state"):
        await client.chat_stopStream(channel=channel.id, ts=str(stream["ts"]))


async def test_a_stream_in_a_channel_names_its_reader(slack: SlackServer, ana: User, team: Channel) -> None:
    slack.is_down(True)
    client, thread = client_of(slack), (await slack.types(ana, team, "hello")).ts
    to = {"channel": team.id, "thread_ts": thread}
    with pytest.raises(SlackApiError, match="missing_recipient_team_id"):
        await client.chat_startStream(**to)
    with pytest.raises(SlackApiError, match="missing_recipient_user_id"):
        await client.chat_startStream(**to, recipient_team_id=slack.workspace.id)
    await client.chat_startStream(**to, recipient_team_id=slack.workspace.id, recipient_user_id=ana.id)
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.api_call("chat.startStream", json={"channel": team.id})


async def test_files_go_up_and_come_down(slack: SlackServer, client: Any, ana: User, team: Channel) -> None:
    slack.is_down(True)
    thread = (await slack.types(ana, team, "hello")).ts
    await client.files_upload_v2(
        channel=team.id,
        thread_ts=thread,
        filename="radar.png",
        content=b"\x89PNG",
        title="Radar",
        initial_comment="Here",
    )
    shared = slack.said(team, thread)[0]
    assert (shared["text"], shared["files"][0]["title"], slack.files[0].content) == ("Here", "Radar", b"\x89PNG")
    image = {"type": "image", "alt_text": "a radar", "slack_file": {"id": shared["files"][0]["id"]}}
    with pytest.raises(SlackApiError, match="invalid slack file"):
        await client.chat_postMessage(channel=team.id, text="Radar", blocks=[image])
    looks = [await client.files_info(file=shared["files"][0]["id"]) for _ in range(2)]
    assert [look["file"]["mimetype"] for look in looks] == ["", "image/png"]
    await client.chat_postMessage(channel=team.id, text="Radar", blocks=[image])

    told = await slack.uploads(ana, None, Upload("design.md", b"# Design", "text/markdown"), text="mine")
    event = told.payload["event"]
    assert (event["subtype"], event["text"], event["files"][0]["mimetype"]) == ("file_share", "mine", "text/markdown")
    url = event["files"][0]["url_private_download"]
    bearer = {"Authorization": f"Bearer {slack.bot.token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=bearer) as response:
            assert await response.read() == b"# Design"
        async with session.get(url) as response:
            assert (response.status, response.content_type) == (200, "text/html")
        slack.revoke_scope("files:read")
        async with session.get(url, headers=bearer) as response:
            assert "Sign in" in await response.text()


async def test_an_image_of_no_file_is_refused(client: Any, team: Channel) -> None:
    image = {"type": "image", "alt_text": "a radar", "slack_file": {"id": "F404"}}
    with pytest.raises(SlackApiError, match="invalid slack file"):
        await client.chat_postMessage(channel=team.id, text="Radar", blocks=[image])


async def test_tokens_and_scopes_are_checked(slack: SlackServer, client: Any, team: Channel) -> None:
    with pytest.raises(SlackApiError, match="not_authed"):
        await client_of(slack, "").auth_test()
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await client_of(slack, "xoxb-another").auth_test()
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.apps_connections_open(app_token=slack.bot.token)
    with pytest.raises(SlackApiError, match="unknown_method"):
        await client.api_call("agents.sessions.rename")
    with pytest.raises(SlackApiError, match="missing_scope") as missing:
        await client.team_info()
    refusal: Any = missing.value
    assert refusal.response["needed"] == "team:read"
    slack.revoke_scope("channels:history")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.conversations_history(channel=team.id)
    slack.revoke_token()
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client.auth_test()


async def test_a_direct_message_is_opened_unless_the_person_can_have_none(
    slack: SlackServer, client: Any, ana: User
) -> None:
    opened = await client.conversations_open(users=ana.id)
    assert opened["channel"]["id"] == slack.dm(ana).id
    await client.chat_postMessage(channel=ana.id, text="hello")
    assert text_of(slack.messages(slack.dm(ana))[0]) == "hello"

    robot = slack.adds_user("robot", is_bot=True)
    for user, error in ((robot.id, "cannot_dm_bot"), ("U404", "user_not_found")):
        with pytest.raises(SlackApiError, match=error):
            await client.conversations_open(users=user)
    slack.closes_dm(ana)
    with pytest.raises(SlackApiError, match="user_not_visible"):
        await client.conversations_open(users=ana.id)
    with pytest.raises(SlackApiError, match="messages_tab_disabled"):
        await client.chat_postMessage(channel=slack.dm(ana).id, text="hello")


async def test_people_are_described(client: Any, ana: User) -> None:
    seen = (await client.users_info(user=ana.id, include_locale=True))["user"]
    assert (seen["tz"], seen["locale"], seen["is_restricted"], seen["real_name"]) == (
        "Europe/Madrid",
        "es-ES",
        False,
        "Ana",
    )
    assert "locale" not in (await client.users_info(user=ana.id))["user"]


async def test_a_thread_is_read_back_with_its_metadata(
    slack: SlackServer, client: Any, ana: User, team: Channel
) -> None:
    slack.is_down(True)
    thread = (await slack.types(ana, team, "hello")).ts
    metadata = {"event_type": "said", "event_payload": {"key": "1"}}
    for number in range(3):
        await client.chat_postMessage(channel=team.id, thread_ts=thread, text=str(number), metadata=metadata)

    page = await client.conversations_replies(channel=team.id, ts=thread, limit=2, include_all_metadata=True)
    rest = await client.conversations_replies(
        channel=team.id, ts=thread, limit=2, cursor=page["response_metadata"]["next_cursor"]
    )
    history = await client.conversations_history(channel=team.id)

    assert [each["text"] for each in page["messages"]] == ["hello", "1", "2"]
    assert [each["text"] for each in rest["messages"]] == ["hello", "0"]
    assert (page["messages"][1]["metadata"], "metadata" in rest["messages"][1]) == (metadata, False)
    assert [each["text"] for each in history["messages"]] == ["hello"]
    with pytest.raises(SlackApiError, match="thread_not_found"):
        await client.conversations_replies(channel=team.id, ts="1.000000")
    with pytest.raises(SlackApiError, match="cannot_reply_to_message"):
        await client.chat_postMessage(channel=team.id, thread_ts="1.000000", text="hello")


async def test_an_update_keeps_blocks_that_it_does_not_replace(slack: SlackServer, client: Any, team: Channel) -> None:
    ts = str((await client.chat_postMessage(channel=team.id, text="hello", blocks=reply("hello")))["ts"])

    await client.chat_update(channel=team.id, ts=ts, text="bye")
    assert text_of(slack.messages(team)[0]) == "*You said* hello\n[Again]"
    await client.chat_update(channel=team.id, ts=ts, text="bye", blocks=[])
    assert text_of(slack.messages(team)[0]) == "bye"

    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=team.id, ts="1.000000", text="bye")
    slack.archive(team)
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_update(channel=team.id, ts=ts, text="bye")


async def test_only_its_own_messages_are_the_apps_to_change(
    slack: SlackServer, client: Any, ana: User, team: Channel
) -> None:
    slack.is_down(True)
    ts = (await slack.types(ana, team, "hello")).ts
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client.chat_update(channel=team.id, ts=ts, text="bye")
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        await client.chat_delete(channel=team.id, ts=ts)
    await client.reactions_add(channel=team.id, timestamp=ts, name="eyes")
    with pytest.raises(SlackApiError, match="already_reacted"):
        await client.reactions_add(channel=team.id, timestamp=ts, name="eyes")
    assert slack.messages(team)[0]["reactions"] == [{"name": "eyes", "users": [slack.bot.user_id], "count": 1}]
    await client.reactions_remove(channel=team.id, timestamp=ts, name="eyes")
    link = (await client.chat_getPermalink(channel=team.id, message_ts=ts))["permalink"]
    assert link == f"https://acme.slack.com/archives/{team.id}/p{ts.replace('.', '')}"


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
async def test_a_second_workspace_installs_the_app_with_a_code(slack: SlackServer, ana: User) -> None:
    other = slack.adds_workspace("Other Team")
    boss = slack.adds_user("boss", team=other.id)
    settings = slack.environment()
    client = client_of(slack, "")
    secrets = {"client_id": settings["SLACK_CLIENT_ID"], "client_secret": settings["SLACK_CLIENT_SECRET"]}
    code = slack.authorizes(other.id, boss)

    granted = await client.oauth_v2_access(**secrets, code=code)

    theirs = client_of(slack, granted["access_token"])
    assert (await theirs.auth_test())["team_id"] == granted["team"]["id"] == other.id
    with pytest.raises(SlackApiError, match="user_not_found"):
        await theirs.users_info(user=ana.id)
    with pytest.raises(SlackApiError, match="invalid_code"):
        await client.oauth_v2_access(**secrets, code=code)
    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await client.oauth_v2_access(**{**secrets, "client_secret": "wrong"}, code="code")


async def test_conversations_are_described_to_who_may_read_them(
    slack: SlackServer, client: Any, ana: User, team: Channel
) -> None:
    hidden = slack.adds_channel("hidden", ana, private=True, with_bot=False)
    slack.bot.scopes.update({"channels:read", "groups:read"})

    assert (await client.conversations_info(channel=team.id))["channel"]["name"] == "backend"
    assert (await client.conversations_members(channel=team.id))["members"] == sorted([ana.id, slack.bot.user_id])
    listed = await client.users_conversations(user=ana.id, types="public_channel,private_channel,im")
    assert [each["id"] for each in listed["channels"]] == [team.id]
    with pytest.raises(SlackApiError, match="channel_not_found"):
        await client.conversations_info(channel=hidden.id)
    slack.revoke_scope("channels:read")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.conversations_info(channel=team.id)


async def test_an_agents_thread_has_a_status_prompts_and_a_title(slack: SlackServer, client: Any, ana: User) -> None:
    slack.is_down(True)
    channel, thread = slack.dm(ana), (await slack.types(ana, None, "hello")).ts
    where = {"channel_id": channel.id, "thread_ts": thread}
    prompt = {"title": "Start", "message": "start"}

    await client.assistant_threads_setStatus(**where, status="is thinking", loading_messages=["Reading", "Weighing"])
    await client.assistant_threads_setSuggestedPrompts(**where, prompts=[prompt])
    await client.assistant_threads_setTitle(**where, title="A link shortener")

    assert slack.statuses(channel, thread) == ["is thinking"]
    assert slack.loading_messages(channel, thread) == ["Reading", "Weighing"]
    assert slack.prompts(channel)[0]["prompts"] == [prompt]
    assert slack.titles(channel, thread) == "A link shortener"
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.assistant_threads_setSuggestedPrompts(**where, prompts=[prompt] * 5)
    with pytest.raises(SlackApiError, match="invalid_thread_ts"):
        await client.assistant_threads_setStatus(channel_id=channel.id, thread_ts="1.000000", status="is thinking")


async def test_one_person_sees_an_ephemeral_message_and_can_have_it_removed(
    slack: SlackServer, client: Any, ana: User, team: Channel
) -> None:
    slack.is_down(True)
    bo = slack.adds_user("bo")
    await client.chat_postEphemeral(channel=team.id, user=ana.id, text="psst", blocks=reply("psst"))
    with pytest.raises(SlackApiError, match="user_not_in_channel"):
        await client.chat_postEphemeral(channel=team.id, user=bo.id, text="psst")
    assert (len(slack.ephemerals(ana)), slack.ephemerals(bo), slack.messages(team)) == (1, [], [])

    pressed = await slack.presses(ana, team, slack.ephemerals(ana)[0]["ts"], "again")
    assert pressed.payload["container"]["is_ephemeral"]
    async with aiohttp.ClientSession() as session:
        await session.post(pressed.payload["response_url"], json={"delete_original": True})
        assert slack.ephemerals(ana) == []
        said = {"text": "hello all", "response_type": "in_channel"}
        await session.post(pressed.payload["response_url"], json=said)
        assert [text_of(each) for each in slack.messages(team)] == ["hello all"]
        refused = await session.post(pressed.payload["response_url"], json={"text": ""})
        assert await refused.json() == {"ok": False, "error": "no_text"}
    assert slack.responses(pressed) == [{"delete_original": True}, said, {"text": ""}]


async def test_the_app_can_uninstall_itself(slack: SlackServer, app: AsyncApp, heard: Heard) -> None:
    settings = slack.environment()
    secrets = {"client_id": settings["SLACK_CLIENT_ID"], "client_secret": settings["SLACK_CLIENT_SECRET"]}
    with pytest.raises(SlackApiError, match="invalid_client_id"):
        await client_of(slack).apps_uninstall(client_id="1.2", client_secret="wrong")  # noqa: S106

    await client_of(slack).apps_uninstall(**secrets)

    await slack.until(lambda: len(slack.deliveries) == 2)
    assert [each.payload["event"]["type"] for each in slack.deliveries] == ["tokens_revoked", "app_uninstalled"]
    with pytest.raises(SlackApiError, match="account_inactive"):
        await client_of(slack).auth_test()


async def test_what_people_lack_a_scope_or_subscription_for_is_not_told(
    slack: SlackServer, ana: User, team: Channel
) -> None:
    slack.revoke_scope("im:history")
    slack.revoke_scope("commands")
    for told in (await slack.types(ana, None, "hello"), await slack.slash(ana, team, "/interview")):
        with pytest.raises(AssertionError, match="lacks the scope"):
            await told.acked


def test_a_typed_text_is_escaped_but_for_mentions_and_addresses() -> None:
    assert as_typed("a<b & <@U1> https://x.y/z?a=b <!channel>") == (
        "a&lt;b &amp; <@U1> <https://x.y/z?a=b> &lt;!channel&gt;"
    )


def test_a_message_reads_as_a_person_sees_it() -> None:
    rich = {
        "type": "rich_text_section",
        "elements": [{"type": "link", "url": "https://x.y"}, {"type": "user", "user_id": "U1"}],
    }
    cells = [{"type": "raw_text", "text": "reads"}, {"type": "rich_text", "elements": [rich]}]
    feedback = {
        "type": "feedback_buttons",
        "action_id": "f",
        "positive_button": {"text": plain("Good"), "value": "+"},
        "negative_button": {"text": plain("Bad"), "value": "-"},
    }
    shown: Json = {
        "text": "not this",
        "blocks": [
            {"type": "header", "text": plain("Scorecard")},
            {"type": "divider"},
            {"type": "table", "rows": [cells]},
            {"type": "context", "elements": [plain("an estimate"), {"type": "image", "alt_text": "radar"}]},
            section("Overall") | {"accessory": button(1)},
            {
                "type": "container",
                "title": plain("More"),
                "child_blocks": [row(menu("x") | {"placeholder": plain("Pick")})],
            },
            row(feedback, type="context_actions"),
        ],
    }
    assert text_of(shown).splitlines() == [
        "Scorecard",
        "reads | https://x.y<@U1>",
        "an estimate [image: radar]",
        "Overall",
        "[Go]",
        "More",
        "[Pick]",
        "[Good] [Bad]",
    ]
    assert sorted(buttons(shown)) == ["a1", "f", "m"]


def section(text: str) -> Json:
    return {"type": "section", "text": plain(text)}


def button(number: int = 0, **fields: Any) -> Json:
    return {"type": "button", "action_id": f"a{number}", "text": plain("Go")} | fields


def row(*elements: Json, type: str = "actions") -> Json:
    return {"type": type, "elements": list(elements)}


def menu(*values: str) -> Json:
    return {"type": "static_select", "action_id": "m", "options": [option(value) for value in values]}


GOOD: dict[str, list[Json]] = {
    "50 blocks": [{"type": "divider"}] * 50,
    "a section of 3000": [section("x" * 3000)],
    "a header of 150": [{"type": "header", "text": plain("x" * 150)}],
    "markdown of 12000": [{"type": "markdown", "text": "x" * 12_000}],
    "25 buttons": [row(*(button(number) for number in range(25)))],
    "an option of 75": [row(menu("x" * 75))],
    "one action_id in two blocks": [row(button()), row(button())],
}
BAD: dict[str, tuple[list[Json], str]] = {
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items"),
    "an unknown block": ([{"type": "poem"}], "unsupported type: poem"),
    "a section of 3001": ([section("x" * 3001)], "less than 3001 characters .json-pointer:/blocks/0/text/text"),
    "an empty section": ([section("")], "more than 0 characters"),
    "11 fields": ([{"type": "section", "fields": [plain("x")] * 11}], "no more than 10 items"),
    "a field of 2001": ([{"type": "section", "fields": [plain("x" * 2001)]}], "less than 2001 characters"),
    "a header of 151": ([{"type": "header", "text": plain("x" * 151)}], "less than 151 characters"),
    "a header in mrkdwn": ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type: mrkdwn"),
    "markdown of 12001": ([{"type": "markdown", "text": "x" * 12_001}], "less than 12001 characters"),
    "markdown of 12001 in two": ([{"type": "markdown", "text": "x" * n} for n in (12_000, 1)], "in all"),
    "26 buttons": ([row(*(button(number) for number in range(26)))], "no more than 25 items"),
    "two buttons of one action_id": ([row(button(), button())], "`action_id` a0 already exists"),
    "two blocks of one block_id": ([row(button()) | {"block_id": "b"}] * 2, "`block_id` b already exists"),
    "a long action_id": ([row(button(action_id="x" * 256))], "less than 256 characters"),
    "a long button": ([row(button(text=plain("x" * 76)))], "less than 76 characters"),
    "a long value": ([row(button(value="x" * 2001))], "less than 2001 characters"),
    "a strange style": ([row(button(style="loud"))], "unsupported style"),
    "six context actions": (
        [row(*[{"type": "icon_button", "text": plain("x")}] * 6, type="context_actions")],
        "no more than 5",
    ),
    "a button among context actions": ([row(button(), type="context_actions")], "unsupported type: button"),
    "101 options": ([row(menu(*map(str, range(101))))], "no more than 100 items"),
    "a long option": ([row(menu("x" * 76))], "less than 76 characters"),
    "a long option value": (
        [row(menu() | {"options": [option("x") | {"value": "x" * 151}]})],
        "less than 151 characters",
    ),
    "an initial option not offered": ([row(menu("x") | {"initial_option": option("y")})], "not one of the options"),
    "an image without alt_text": ([{"type": "image", "image_url": "https://x.y/z.png"}], "alt_text"),
    "an image from nowhere": ([{"type": "image", "alt_text": "x"}], "exactly one of image_url and slack_file"),
    "a table of 101 rows": (
        [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}],
        "no more than 100",
    ),
    "13201 characters": ([section("x" * 2641) for _ in range(5)], "msg_blocks_too_long"),
}


@pytest.mark.parametrize("name", GOOD)
async def test_blocks_at_a_limit_are_taken(name: str, client: Any, team: Channel) -> None:
    assert (await client.chat_postMessage(channel=team.id, text="x", blocks=GOOD[name]))["ok"]


@pytest.mark.parametrize("name", BAD)
async def test_blocks_beyond_a_limit_are_refused(name: str, slack: SlackServer, client: Any, team: Channel) -> None:
    blocks, complaint = BAD[name]
    with pytest.raises(SlackApiError, match=complaint):
        await client.chat_postMessage(channel=team.id, text="x", blocks=blocks)
    assert not slack.messages(team)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": {"event_type": "x", "event_payload": {"x": "y" * 9_000}}}, "metadata_too_large"),
        ({"text": "x", "channel": "C404"}, "channel_not_found"),
    ],
)
async def test_a_message_beyond_a_limit_is_refused(given: Json, error: str, client: Any, team: Channel) -> None:
    with pytest.raises(SlackApiError, match=error):
        await client.api_call("chat.postMessage", json={"channel": team.id} | given)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"title": plain("x" * 25)}, "/view/title"),
        ({"submit": plain("x" * 25)}, "/view/submit"),
        ({"close": plain("x" * 25)}, "/view/close"),
        ({"private_metadata": "x" * 3001}, "/view/private_metadata"),
        ({"blocks": [{"type": "divider"}] * 101}, "no more than 100 items"),
        ({"blocks": [{"type": "markdown", "text": "x"}]}, "unsupported type: markdown"),
        ({"type": "home"}, "must be a modal"),
    ],
)
async def test_a_view_beyond_a_limit_is_refused(
    change: Json, complaint: str, slack: SlackServer, client: Any, ana: User
) -> None:
    slack.is_down(True)
    trigger = (await slack.slash(ana, None, "/interview")).trigger_id
    with pytest.raises(SlackApiError, match=complaint):
        await client.views_open(trigger_id=trigger, view=modal() | change)
    assert slack.modal(ana) is None


async def test_the_clock_runs_and_can_be_advanced() -> None:
    clock, standing = Clock(), Clock(5.0)
    before = clock()
    clock.advance(60)
    standing.advance(1.5)
    assert before + 60 <= clock() < before + 120
    assert standing() == 6.5


async def test_what_nobody_waits_for_ends_with_the_server() -> None:
    async with SlackServer() as slack:
        slack.delivers_to("http://127.0.0.1:1/nowhere")
        told = await slack.types(slack.adds_user("bo"), None, "hello")
        await slack.until(lambda: told.lost)
    assert asyncio.all_tasks() == {asyncio.current_task()}
