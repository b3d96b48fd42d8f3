"""What people do in Slack, one method a deed: each tells the app as Slack would and returns the `Delivery`."""

import re
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from tests.slack.answers import answer_submission, check_options, use_response_url
from tests.slack.chat import changed_event, deleted_event, event_of, file_json, remove
from tests.slack.delivery import Delivery, PostOffice
from tests.slack.people import Channel, Json, StoredFile, Upload, User, as_json
from tests.slack.reading import elements, options, text_of
from tests.slack.views import PICKED, WITHOUT_STATE, filled
from tests.slack.world import World

SCOPE_OF_MESSAGES = {"im": "im:history", "group": "groups:history", "channel": "channels:history"}
Chosen = str | list[str] | None
"""The value of an option, or of several in a menu that takes several."""
MADE_BY_SLACK = re.compile(r"<(@[UW]\w+|#C\w+(\|[^>]*)?)>|https?://[^\s<>]+")


def as_typed(text: str) -> str:
    """A text as Slack passes it on: &, < and > escaped, addresses in angle brackets; `<@U…>` is a mention."""
    pieces: list[str] = []
    end = 0
    for made in MADE_BY_SLACK.finditer(text):
        pieces.append(_escaped(text[end : made.start()]))
        pieces.append(made[0] if made[0].startswith("<") else f"<{made[0]}>")
        end = made.end()
    return "".join([*pieces, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _state(shown: Json, action: Json) -> Json:
    """What stands in every menu and field of a view or message once this action has been taken."""
    if action["type"] in WITHOUT_STATE:
        return filled(shown, {}, submitting=False)
    taken = {name: each for name, each in action.items() if name.startswith("selected_") or name == "value"}
    return filled(shown, {action["block_id"]: {action["action_id"]: taken}}, submitting=False)


def _picked(element: Json, value: Chosen) -> Json:
    """The part of an action that says what was chosen. Raises AssertionError for what the menu does not offer."""
    kind = element["type"]
    if kind in PICKED or kind == "plain_text_input":
        return {PICKED.get(kind, "value"): value}
    if kind == "external_select":
        return {"selected_option": {"text": {"type": "plain_text", "text": value}, "value": value}}
    wanted = value if isinstance(value, list) else [value] if value is not None else []
    chosen = [option for option in options(element) if option.get("value") in wanted]
    if kind in {"checkboxes", "multi_static_select"}:
        return {"selected_options": chosen}
    assert chosen, (
        f"{element['action_id']} offers {[option.get('value') for option in options(element)]}, not {value!r}"
    )
    if kind == "feedback_buttons":
        return {"text": chosen[0]["text"], "value": chosen[0]["value"]}
    return {"selected_option": chosen[0]}


class People:
    """Everyone in every workspace. Users and channels are given as such or by id; None as the channel is the user's DM."""

    def __init__(self, world: World, office: PostOffice) -> None:
        self._world = world
        self._office = office

    async def types(
        self,
        user: User | str,
        channel: Channel | str | None,
        text: str,
        *,
        thread: str | None = None,
        files: Iterable[Upload] = (),
        subtype: str | None = None,
        **more: Any,
    ) -> Delivery:
        """Write a message. `thread`: the ts it replies to; `more`: further fields of the message (`bot_id`, say). A mention is
        told twice, as `app_mention` and, in `also`, as `message`. Where the app is no member it is told of nothing."""
        world, who = self._world, self._user(user)
        where = world.dm(who) if channel is None else self._channel(channel)
        where.members.add(who.id)
        if thread:
            world.threadable(where.id, thread)
        stored = [self._stored(who, where, upload) for upload in files]
        message: Json = {"type": "message", "user": who.id, "ts": world.ts(), "team": who.team, "text": as_typed(text)}
        message["client_msg_id"] = world.id("m")
        rich: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
        message["blocks"] = [{"type": "rich_text", "block_id": world.id("b"), "elements": [rich]}] if text else []
        if thread:
            message |= {"thread_ts": thread, "parent_user_id": self._root_user(where, thread)}
        if stored:
            message |= {"files": [file_json(world, file) for file in stored], "subtype": "file_share", "upload": False}
        if subtype:
            message["subtype"] = subtype
        message |= more
        world.say(where, message)
        event = event_of(where, message)
        told = await self._event(where, deepcopy(event))
        bot = world.installations.get(where.team)
        if bot is None or where.im or f"<@{bot.user_id}>" not in message["text"]:
            return told
        del event["channel_type"]
        mention = await self._event(where, deepcopy(event | {"type": "app_mention"}))
        mention.also = (told,)
        return mention

    async def uploads(
        self, user: User | str, channel: Channel | str | None, *files: Upload, text: str = "", thread: str | None = None
    ) -> Delivery:
        """Share files, with a word if there is one."""
        return await self.types(user, channel, text, thread=thread, files=files)

    async def edits(self, channel: Channel | str, ts: str, text: str) -> Delivery:
        """Change one's own message."""
        where = self._channel(channel)
        message = self._world.message(where.id, ts)
        before = deepcopy(message)
        message["text"] = as_typed(text)
        rich: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
        message["blocks"] = [{"type": "rich_text", "block_id": self._world.id("b"), "elements": [rich]}]
        message["edited"] = {"user": message["user"], "ts": self._world.ts()}
        self._world.changed()
        return await self._event(where, changed_event(self._world, where, deepcopy(message), before))

    async def deletes(self, channel: Channel | str, ts: str) -> Delivery:
        """Delete one's own message."""
        where = self._channel(channel)
        message = self._world.message(where.id, ts)
        remove(self._world, where, message)
        return await self._event(where, deleted_event(self._world, where, message))

    async def slash(self, user: User | str, channel: Channel | str | None, command: str, text: str = "") -> Delivery:
        """Type a slash command. What the app answers with shows as a message only the user sees, or everyone."""
        world, who = self._world, self._user(user)
        where = world.dm(who) if channel is None else self._channel(channel)
        names = {"im": "directmessage", "group": "privategroup", "channel": where.name}
        payload: Json = {
            "token": "verification",
            "team_id": who.team,
            "team_domain": world.workspaces[who.team].domain,
            "channel_id": where.id,
            "channel_name": names[where.kind],
            "user_id": who.id,
            "user_name": who.name,
            "command": command,
            "text": text,
            "api_app_id": world.app_id,
            "is_enterprise_install": "false",
            "response_url": (url := world.response_url(who.id, where.id)),
            "trigger_id": world.trigger(who),
        }
        if "commands" not in world.bot(who.team).scopes:
            return self._lost("the app lacks the scope commands")
        return await self._office.deliver("slash_commands", payload, use=lambda body: self._answered(url, body))

    async def presses(
        self,
        user: User | str,
        channel: Channel | str | None,
        ts: str,
        action_id: str,
        value: Chosen = None,
        **more: Any,
    ) -> Delivery:
        """Press a button of a message, one that only the user sees included, or choose `value` in a menu. `value` also tells
        buttons of one action_id apart. `more`: further fields of the action."""
        world, who = self._world, self._user(user)
        where = world.dm(who) if channel is None else self._channel(channel)
        private = next((each for each in world.ephemerals if (each["ts"], each["user"]) == (ts, who.id)), None)
        message = private or world.message(where.id, ts)
        action = self._action(message, action_id, value) | more
        container = {"type": "message", "message_ts": ts, "channel_id": where.id, "is_ephemeral": bool(private)}
        if message.get("thread_ts"):
            container["thread_ts"] = message["thread_ts"]
        shown: Json = {} if private else {"message": deepcopy(message)}
        payload: Json = self._interaction("block_actions", who) | {
            "container": container,
            "channel": {"id": where.id, "name": where.name},
            "response_url": world.response_url(who.id, where.id, ts),
            "state": _state(message, action),
            "actions": [action],
        }
        return await self._office.deliver("interactive", payload | shown)

    async def presses_in_home(self, user: User | str, action_id: str, value: Chosen = None, **more: Any) -> Delivery:
        """Press a button of the app's home, or choose `value` in a menu."""
        who = self._user(user)
        assert who.id in self._world.homes, f"{who.name} has no home yet: the app has published none"
        return await self._in_view(who, self._world.homes[who.id], action_id, value, more)

    async def presses_in_modal(self, user: User | str, action_id: str, value: Chosen = None, **more: Any) -> Delivery:
        """Press a button of the open modal, or choose `value` in a menu that tells the app at once."""
        who = self._user(user)
        return await self._in_view(who, self._top(who), action_id, value, more)

    async def submits(
        self, user: User | str, view_id: str | None = None, values: dict[str, dict[str, Any]] | None = None
    ) -> Delivery:
        """Fill in the open modal and submit it; see `views.filled` for the values. The app's answer is done as it says."""
        who = self._user(user)
        view = self._top(who)
        assert view_id in {None, view["id"]}, f"the view on top is {view['id']}, not {view_id}"
        view["state"] = filled(view, values or {})
        payload: Json = self._interaction("view_submission", who) | {"view": deepcopy(view), "response_urls": []}
        return await self._office.deliver(
            "interactive", payload, use=lambda body: answer_submission(self._world, who.id, view, body)
        )

    async def closes_modal(self, user: User | str, *, all: bool = False) -> Delivery:
        """Close the open view, or all of the modal; the app is told if it wants to be."""
        who = self._user(user)
        view = self._top(who)
        stack = self._world.modals[who.id]
        stack.clear() if all else stack.pop()
        self._world.changed()
        payload = self._interaction("view_closed", who) | {"view": deepcopy(view), "is_cleared": all}
        if not view["notify_on_close"]:
            return self._lost("the view asks for no notice when it is closed")
        return await self._office.deliver("interactive", payload)

    async def suggests(
        self, user: User | str, action_id: str, typed: str = "", *, channel: Channel | str | None = None, ts: str = ""
    ) -> list[Json]:
        """Type into a menu that asks the app for its options, in the modal or in the message `ts`; returns the options."""
        who = self._user(user)
        where = self._world.dm(who) if channel is None else self._channel(channel)
        shown = self._world.message(where.id, ts) if ts else self._top(who)
        block, _ = self._find(shown, action_id, None)
        payload = self._interaction("block_suggestion", who) | {
            "action_id": action_id,
            "block_id": block["block_id"],
            "value": typed,
            "container": {"type": "message", "message_ts": ts} if ts else {"type": "view", "view_id": shown["id"]},
            ("message" if ts else "view"): deepcopy(shown),
        }
        del payload["trigger_id"]
        ack = await (await self._office.deliver("interactive", payload, use=check_options)).acked
        found = [each for group in ack.body.get("option_groups") or () for each in group["options"]]
        return [*(ack.body.get("options") or ()), *found]

    async def opens_home(self, user: User | str, tab: str = "home") -> Delivery:
        """Look at the app's home, or at its messages."""
        who = self._user(user)
        where = self._world.dm(who)
        event: Json = {
            "type": "app_home_opened",
            "user": who.id,
            "channel": where.id,
            "tab": tab,
            "event_ts": self._world.ts(),
        }
        if tab == "home" and who.id in self._world.homes:
            event["view"] = deepcopy(self._world.homes[who.id])
        return await self._event(where, event)

    async def stops(self, user: User | str, channel: Channel | str | None, thread: str) -> Delivery:
        """Press the stop button Slack shows while the app is at work: what it streams there is stopped."""
        world, who = self._world, self._user(user)
        where = world.dm(who) if channel is None else self._channel(channel)
        here = {each["ts"] for each in world.thread(where.id, thread)}
        stopped = [
            each for each in world.streams.values() if each.channel == where.id and each.ts in here and not each.ended
        ]
        for stream in stopped:
            stream.ended = "stopped_by_user"
        world.changed()
        event: Json = {"type": "agent_session_stopped", "user": who.id, "channel": where.id, "thread_ts": thread}
        event |= {"streaming_message_ts": [each.ts for each in stopped], "event_ts": world.ts()}
        return await self._event(where, event)

    async def uninstalls(self, team: str | None = None) -> Delivery:
        """Remove the app from a workspace: its token is dead at once, and the app is told of both."""
        installation = self._world.bot(team or next(iter(self._world.workspaces)))
        installation.dead = "account_inactive"
        self._world.changed()
        revoked: Json = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [installation.user_id]}}
        first = await self._office.deliver("events_api", self.event_payload(installation.team, revoked))
        gone = await self._office.deliver(
            "events_api", self.event_payload(installation.team, {"type": "app_uninstalled"})
        )
        first.also = (gone,)
        return first

    def event_payload(self, team: str, event: Json) -> Json:
        """An event in the envelope of the Events API."""
        world = self._world
        who: Json = {"enterprise_id": world.workspaces[team].enterprise or None, "team_id": team, "is_bot": True}
        return {
            "token": "verification",
            "team_id": team,
            "context_team_id": team,
            "context_enterprise_id": who["enterprise_id"],
            "api_app_id": world.app_id,
            "event": {**event, "event_ts": event.get("event_ts") or world.ts()},
            "type": "event_callback",
            "event_id": world.id("Ev"),
            "event_time": int(world.clock()),
            "authorizations": [who | {"user_id": world.bot(team).user_id, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
            "event_context": world.id("4-"),
        }

    # --- the rest serves the deeds above

    async def _event(self, channel: Channel, event: Json) -> Delivery:
        reason = self.untold(channel, event["type"])
        payload = self.event_payload(channel.team, event)
        return self._lost(reason, payload) if reason else await self._office.deliver("events_api", payload)

    def untold(self, channel: Channel, kind: str) -> str:
        """Why the app is not told of such an event, "" if it is."""
        bot = self._world.installations.get(channel.team)
        if bot is None or bot.dead:
            return "the app is not installed"
        if kind not in self._world.subscribed:
            return f"the app is not subscribed to {kind}"
        scope = {"message": SCOPE_OF_MESSAGES[channel.kind], "app_mention": "app_mentions:read"}.get(kind, "")
        if scope and scope not in bot.scopes:
            return f"the app lacks the scope {scope}"
        return "" if channel.im or bot.user_id in channel.members else f"the app is not in #{channel.name}"

    def _lost(self, reason: str, payload: Json | None = None) -> Delivery:
        return Delivery(self._world.id("e"), "events_api", payload or {}, lost=reason)

    def _user(self, user: User | str) -> User:
        return self._world.users[user if isinstance(user, str) else user.id]

    def _channel(self, channel: Channel | str) -> Channel:
        return self._world.channels[channel if isinstance(channel, str) else channel.id]

    def _root_user(self, channel: Channel, thread: str) -> str:
        root = self._world.find(channel.id, thread)
        return str(root["user"]) if root else ""

    def _top(self, user: User) -> Json:
        stack = self._world.modals.get(user.id)
        assert stack, f"{user.name} has no modal open\n{self._world.picture()}"
        return stack[-1]

    def _stored(self, user: User, channel: Channel, upload: Upload) -> StoredFile:
        file = StoredFile(self._world.id("F"), user.team, upload.name, upload.mimetype, user.id, upload.content)
        file.shared, file.complete, file.looks = {channel.id}, True, 0
        self._world.files[file.id] = file
        return file

    def _interaction(self, kind: str, user: User) -> Json:
        world = self._world
        view = world.modals.get(user.id) or [{"id": ""}]
        return {
            "type": kind,
            "team": {"id": user.team, "domain": world.workspaces[user.team].domain},
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
            "api_app_id": world.app_id,
            "token": "verification",
            "enterprise": None,
            "is_enterprise_install": False,
            "trigger_id": world.trigger(user, view[-1]["id"]),
        }

    async def _in_view(self, user: User, view: Json, action_id: str, value: Chosen, more: Json) -> Delivery:
        action = self._action(view, action_id, value) | more
        view["state"] = _state(view, action)
        payload = self._interaction("block_actions", user) | {
            "container": {"type": "view", "view_id": view["id"]},
            "view": deepcopy(view),
            "actions": [action],
        }
        return await self._office.deliver("interactive", payload)

    def _find(self, shown: Json, action_id: str, value: Chosen) -> tuple[Json, Json]:
        found = [(block, element) for block, element in elements(shown) if element.get("action_id") == action_id]
        assert found, (
            f"nothing here is called {action_id}: {[each.get('action_id') for _, each in elements(shown)]}\n{text_of(shown)}"
        )
        named = [(block, element) for block, element in found if element.get("value") == value]
        return named[0] if value is not None and named else found[0]

    def _action(self, shown: Json, action_id: str, value: Chosen) -> Json:
        block, element = self._find(shown, action_id, value)
        kind = element["type"]
        action: Json = {
            "type": kind,
            "action_id": action_id,
            "block_id": block["block_id"],
            "action_ts": self._world.ts(),
        }
        if kind in {"button", "icon_button"}:
            assert value in {None, element.get("value")}, (
                f"{action_id} has the value {element.get('value')!r}, not {value!r}"
            )
            return action | {name: element[name] for name in ("text", "value") if name in element}
        return action | _picked(element, value)

    def _answered(self, url: str, body: Any) -> None:
        if body:
            use_response_url(self._world, url.rpartition("/")[2], as_json(body) or {"text": body})
