"""The methods of the Web API that are not about messages or views, and the table of all methods with the scopes they need."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.slack import chat, views
from tests.slack.chat import event_of, file_json, file_problem, needed, own_message
from tests.slack.limits import check_message
from tests.slack.people import Channel, Installation, Json, Refused, StoredFile, channel_json, is_set, user_json
from tests.slack.world import World

Answer = Callable[[World, Installation, Json], Json]


@dataclass(frozen=True)
class Method:
    """A method. `scopes`: one of them is enough; with `kind` it is that of the conversation's kind, `{kind}:read` say."""

    answer: Answer
    scopes: tuple[str, ...] = ()
    by_channel: str = ""


def auth_test(world: World, caller: Installation, args: Json) -> Json:
    team, user = world.workspaces[caller.team], world.users[caller.user_id]
    organisation = {"enterprise_id": team.enterprise} if team.enterprise else {}
    return organisation | {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": user.name,
        "team_id": team.id,
        "user_id": user.id,
        "bot_id": caller.bot_id,
        "is_enterprise_install": False,
    }


def conversations_open(world: World, caller: Installation, args: Json) -> Json:
    if args.get("channel"):
        return {"channel": {"id": world.channel_of(caller, args["channel"]).id}}
    needed(args, "users")
    names = str(args["users"]).split(",")
    if len(names) != 1:
        raise Refused("method_not_supported_for_channel_type")
    user = world.users.get(names[0])
    if user is None or (user.team != caller.team and not user.is_stranger):
        raise Refused("user_not_found")
    if user.is_bot:
        raise Refused("cannot_dm_bot")
    if user.deleted:
        raise Refused("user_disabled")
    known = user.id in world.dms
    channel = world.dm(user)
    if channel.closed:
        raise Refused("user_not_visible")
    world.changed()
    shown = channel_json(channel) if is_set(args.get("return_im")) else {"id": channel.id}
    return {"channel": shown} | ({"no_op": True, "already_open": True} if known else {})


def conversations_info(world: World, caller: Installation, args: Json) -> Json:
    channel = world.channel_of(caller, args.get("channel"))
    return {"channel": channel_json(channel) | {"is_member": caller.user_id in channel.members}}


def conversations_members(world: World, caller: Installation, args: Json) -> Json:
    return _page(args, "members", sorted(world.channel_of(caller, args.get("channel")).members))


def conversations_history(world: World, caller: Installation, args: Json) -> Json:
    channel = _readable(world, caller, args)
    said = [each for each in world.messages.get(channel.id, []) if each.get("thread_ts", each["ts"]) == each["ts"]]
    return _page(args, "messages", _shown(args, [*reversed(said)]), world.page)


def conversations_replies(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "ts")
    channel, ts = _readable(world, caller, args), str(args["ts"])
    found = world.find(channel.id, ts)
    ts = str(found.get("thread_ts", ts)) if found else ts
    replies = [each for each in world.thread(channel.id, ts) if each["ts"] != ts]
    root = world.find(channel.id, ts) or (_tombstone(ts) if replies else None)
    if root is None:
        raise Refused("thread_not_found")
    # Slack pages from the latest replies to the first, in order on each page, and begins every page with the root.
    size, replies = min(int(args.get("limit") or 1000), world.page), _shown(args, replies)
    end = int(args.get("cursor") or len(replies))
    begin = max(0, end - size)
    return {
        "messages": [*_shown({**args, "ts": ts}, [root]), *replies[begin:end]],
        "has_more": begin > 0,
        "response_metadata": {"next_cursor": str(begin or "")},
    }


def _tombstone(ts: str) -> Json:
    """What stands in place of a deleted message that has replies."""
    text = {"text": "This message was deleted.", "user": "USLACKBOT", "hidden": True}
    return {"type": "message", "subtype": "tombstone", "ts": ts, "thread_ts": ts, **text}


def _readable(world: World, caller: Installation, args: Json) -> Channel:
    channel = world.channel_of(caller, args.get("channel"))
    if caller.user_id not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _shown(args: Json, said: Sequence[Json]) -> list[Json]:
    inclusive = is_set(args.get("inclusive"))
    oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "9")
    within = [
        each
        for each in said
        if oldest < each["ts"] < latest
        or (inclusive and each["ts"] in {oldest, latest})
        or each["ts"] == args.get("ts")
    ]
    if is_set(args.get("include_all_metadata")):
        return [dict(each) for each in within]
    return [{name: value for name, value in each.items() if name != "metadata"} for each in within]


def _page(args: Json, name: str, items: Sequence[Any], most: int = 999) -> Json:
    start, size = int(args.get("cursor") or 0), min(int(args.get("limit") or 100), most)
    rest = start + size < len(items)
    return {
        name: list(items[start : start + size]),
        "has_more": rest,
        "response_metadata": {"next_cursor": str(start + size) if rest else ""},
    }


def users_info(world: World, caller: Installation, args: Json) -> Json:
    user = world.users.get(str(args.get("user")))
    if user is None or (user.team != caller.team and not user.is_stranger):
        raise Refused("user_not_found")
    return {"user": user_json(user, locale=is_set(args.get("include_locale")))}


def users_conversations(world: World, caller: Installation, args: Json) -> Json:
    kinds = str(args.get("types") or "public_channel").split(",")
    who = args.get("user") or caller.user_id
    names = {"im": "im", "group": "private_channel", "channel": "public_channel"}
    gone = is_set(args.get("exclude_archived"))
    found = [
        channel_json(channel)
        for channel in world.channels.values()
        if channel.team == caller.team
        and names[channel.kind] in kinds
        and {who, caller.user_id} <= channel.members
        and not (gone and channel.archived)
    ]
    return _page(args, "channels", found)


def bots_info(world: World, caller: Installation, args: Json) -> Json:
    if args.get("bot", caller.bot_id) != caller.bot_id:
        raise Refused("bot_not_found")
    name = world.users[caller.user_id].real_name
    return {
        "bot": {"id": caller.bot_id, "deleted": False, "name": name, "app_id": world.app_id, "user_id": caller.user_id}
    }


def team_info(world: World, caller: Installation, args: Json) -> Json:
    team = world.workspaces[caller.team]
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


def reactions_add(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "timestamp", "name")
    message = world.message(world.channel_of(caller, args["channel"]).id, args["timestamp"])
    reactions: list[Json] = message.setdefault("reactions", [])
    entry = next((each for each in reactions if each["name"] == args["name"]), None)
    if entry and caller.user_id in entry["users"]:
        raise Refused("already_reacted")
    if entry is None:
        reactions.append(entry := {"name": args["name"], "users": [], "count": 0})
    entry["users"].append(caller.user_id)
    entry["count"] += 1
    world.changed()
    return {}


def reactions_remove(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "timestamp", "name")
    message = world.message(world.channel_of(caller, args["channel"]).id, args["timestamp"])
    for entry in message.get("reactions", []):
        if entry["name"] == args["name"] and caller.user_id in entry["users"]:
            entry["users"].remove(caller.user_id)
            entry["count"] -= 1
            message["reactions"] = [each for each in message["reactions"] if each["count"]]
            world.changed()
            return {}
    raise Refused("no_reaction")


def set_status(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel_id", "thread_ts")
    if "status" not in args:
        needed(args, "status")
    channel = _thread_of(world, caller, args)
    if len(args.get("loading_messages") or ()) > 10:
        raise Refused("invalid_arguments")
    world.loading[channel.id, args["thread_ts"]] = args.get("loading_messages") or []
    world.set_status(channel.id, args["thread_ts"], args["status"])
    return {}


def session_status(world: World, caller: Installation, args: Json) -> Json:
    """The state of an agent session; the Stop button is there while it is processing."""
    needed(args, "channel_id", "thread_ts", "status")
    if args["status"] not in {"active", "processing", "suspended", "closed"}:
        raise Refused("invalid_arguments")
    world.sessions[_thread_of(world, caller, args).id, args["thread_ts"]] = args["status"]
    world.changed()
    return {"agent_status": args["status"]}


def set_suggested_prompts(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel_id", "prompts")
    channel = _thread_of(world, caller, args) if args.get("thread_ts") else world.channel_of(caller, args["channel_id"])
    if len(args["prompts"]) > 4 or not all(each.get("title") and each.get("message") for each in args["prompts"]):
        raise Refused("invalid_arguments")
    shown = {"thread_ts": args.get("thread_ts", ""), "title": args.get("title", ""), "prompts": args["prompts"]}
    world.prompts.append({"channel_id": channel.id, **shown})
    world.changed()
    return {}


def set_title(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel_id", "thread_ts", "title")
    world.titles[_thread_of(world, caller, args).id, args["thread_ts"]] = args["title"]
    world.changed()
    return {}


def _thread_of(world: World, caller: Installation, args: Json) -> Channel:
    channel = world.writable(caller, args["channel_id"])
    try:
        world.threadable(channel.id, args["thread_ts"])
    except Refused:
        raise Refused("invalid_thread_ts") from None
    return channel


def upload_url(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "filename", "length")
    name, size = str(args["filename"]), int(args["length"])
    if size <= 0:
        raise Refused("file_upload_size_restricted")
    known = {
        "png": "image/png",
        "jpg": "image/jpeg",
        "svg": "image/svg+xml",
        "md": "text/markdown",
        "pdf": "application/pdf",
    }
    mimetype = known.get(name.rpartition(".")[2].lower(), "text/plain")
    file = StoredFile(world.id("F"), caller.team, name, mimetype, caller.user_id, expected=size)
    file.alt_text = str(args.get("alt_txt") or "")
    world.files[file.id] = file
    return {"file_id": file.id, "upload_url": f"{world.base}/upload/{file.id}"}


def file_info(world: World, caller: Installation, args: Json) -> Json:
    """A file; of one that was only just uploaded Slack knows no type yet."""
    file = world.files.get(str(args.get("file")))
    if file is None or file.team != caller.team:
        raise Refused("file_not_found")
    waiting, file.looks = file.looks > 0, max(0, file.looks - 1)
    told = file_json(world, file)
    return {"file": {**told, "mimetype": "" if waiting else told["mimetype"]}}


def complete_upload(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "files")
    found: list[StoredFile] = []
    for given in args["files"]:
        file = world.files.get(given["id"])
        if file is None or file.team != caller.team or file.content is None or file.complete:
            raise Refused("file_not_found")
        file.title = given.get("title") or file.name
        found.append(file)
    names = [each for each in (args.get("channel_id"), *str(args.get("channels") or "").split(",")) if each]
    channels = [world.writable(caller, name) for name in names]
    for channel in channels:
        if args.get("thread_ts"):
            world.threadable(channel.id, args["thread_ts"])
    comment = {
        "text": args.get("initial_comment") or "",
        "blocks": args.get("blocks"),
        "thread_ts": args.get("thread_ts"),
    }
    if comment["text"] or comment["blocks"]:
        check_message(comment, lambda file: file_problem(world, file))
    for file in found:
        file.complete = True
        file.shared |= {channel.id for channel in channels}
    for channel in channels:
        shown = [file_json(world, file) for file in found]
        world.say(channel, message := own_message(world, caller, comment, files=shown, subtype="file_share"))
        world.tell_own(channel, event_of(channel, message))
    world.changed()
    return {"files": [file_json(world, file) for file in found]}


def oauth_access(world: World, args: Json) -> Json:
    """Exchange a code for a token: without a token, so not in the table."""
    if args.get("client_id") != world.client_id:
        raise Refused("invalid_client_id")
    if not secrets.compare_digest(str(args.get("client_secret")), world.client_secret):
        raise Refused("bad_client_secret")
    granted = world.codes.pop(str(args.get("code")), None)
    if granted is None:
        raise Refused("invalid_code")
    team, user, scopes = granted
    installation = world.install(team, scopes, user)
    world.changed()
    return {
        "access_token": installation.token,
        "token_type": "bot",
        "scope": ",".join(sorted(scopes)),
        "bot_user_id": installation.user_id,
        "app_id": world.app_id,
        "team": {"id": team, "name": world.workspaces[team].name},
        "enterprise": None,
        "is_enterprise_install": False,
        "authed_user": {"id": user},
    }


METHODS: Mapping[str, Method] = {
    "auth.test": Method(auth_test),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.permalink),
    "chat.startStream": Method(chat.start_stream, ("chat:write",)),
    "chat.appendStream": Method(chat.append_stream, ("chat:write",)),
    "chat.stopStream": Method(chat.stop_stream, ("chat:write",)),
    "conversations.open": Method(conversations_open, ("im:write",)),
    "conversations.info": Method(conversations_info, by_channel="read"),
    "conversations.members": Method(conversations_members, by_channel="read"),
    "conversations.history": Method(conversations_history, by_channel="history"),
    "conversations.replies": Method(conversations_replies, by_channel="history"),
    "users.info": Method(users_info, ("users:read",)),
    "users.conversations": Method(users_conversations, ("channels:read", "groups:read", "im:read")),
    "bots.info": Method(bots_info, ("users:read",)),
    "team.info": Method(team_info, ("team:read",)),
    "reactions.add": Method(reactions_add, ("reactions:write",)),
    "reactions.remove": Method(reactions_remove, ("reactions:write",)),
    "views.open": Method(views.open_view),
    "views.push": Method(views.push_view),
    "views.update": Method(views.update_view),
    "views.publish": Method(views.publish_view),
    "assistant.threads.setStatus": Method(set_status, ("assistant:write", "chat:write")),
    "assistant.threads.setSuggestedPrompts": Method(set_suggested_prompts, ("assistant:write",)),
    "assistant.threads.setTitle": Method(set_title, ("assistant:write",)),
    "agents.sessions.setStatus": Method(session_status, ("chat:write",)),
    "files.info": Method(file_info, ("files:read",)),
    "files.getUploadURLExternal": Method(upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
}
"""Those that need a bot's token. `apps.connections.open`, `apps.uninstall` and `oauth.v2.access` are in `server.py`."""


def require_scope(world: World, caller: Installation, method: Method, args: Json) -> None:
    """Raises Refused unless the token has a scope the method asks for."""
    scopes = method.scopes
    if method.by_channel:
        channel = world.channels.get(str(args.get("channel")))
        kind = {"im": "im", "group": "groups", "channel": "channels"}[channel.kind if channel else "channel"]
        scopes = (f"{kind}:{method.by_channel}",)
    if scopes and not caller.scopes & set(scopes):
        raise Refused("missing_scope", needed=",".join(scopes), provided=",".join(sorted(caller.scopes)))
