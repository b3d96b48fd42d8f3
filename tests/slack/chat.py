"""The chat.* methods: posting, editing, deleting and streaming messages."""

from copy import deepcopy
from typing import Any

from tests.slack.limits import MARKDOWN, check_blocks, check_message, check_metadata
from tests.slack.people import Channel, Installation, Json, Refused, StoredFile, Stream
from tests.slack.world import World

WRITTEN = "written"
"""The block_id of a block that Slack made of text."""


def needed(args: Json, *names: str) -> None:
    """Raises Refused unless all of these arguments are there."""
    missing = [name for name in names if args.get(name) in (None, "")]
    if missing:
        messages = [f"[ERROR] missing required field: {name}" for name in missing]
        raise Refused("invalid_arguments", response_metadata={"messages": messages})


def file_problem(world: World, file: Json) -> str:
    """What is wrong with a `slack_file` of an image, "" if nothing is."""
    known = [world.files.get(str(file.get("id")))] if "id" in file else list(world.files.values())
    for each in known:
        if each and each.complete and not each.looks and file.get("url") in {None, url_of(world, each)}:
            return "" if each.mimetype.startswith("image/") else "the file is no image"
    return "invalid slack file"


def url_of(world: World, file: StoredFile) -> str:
    """Where a file's bytes are, for those who have a token."""
    return f"{world.base}/files-pri/{file.team}-{file.id}/{file.name}"


def file_json(world: World, file: StoredFile) -> Json:
    """A file as messages show it."""
    url = url_of(world, file)
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2].lower(),
        "user": file.uploaded_by,
        "user_team": file.team,
        "size": len(file.content or b""),
        "mode": "hosted",
        "is_external": False,
        "file_access": "visible",
        "alt_txt": file.alt_text,
        "url_private": url,
        "url_private_download": url.replace(f"/{file.name}", f"/download/{file.name}"),
        "permalink": f"{world.base}/files/{file.uploaded_by}/{file.id}/{file.name}",
    }


def own_message(world: World, caller: Installation, args: Json, **more: Any) -> Json:
    """A message of the app, from a call's arguments."""
    message: Json = {
        "type": "message",
        "user": caller.user_id,
        "bot_id": caller.bot_id,
        "app_id": world.app_id,
        "team": caller.team,
        "ts": world.ts(),
        "text": args.get("text") or args.get("markdown_text") or "",
    }
    message |= {name: args[name] for name in ("blocks", "metadata", "attachments", "thread_ts") if args.get(name)}
    if args.get("markdown_text"):
        message["blocks"] = [{"type": "markdown", "text": args["markdown_text"], "block_id": WRITTEN}]
    name_blocks(world, message)
    return message | more


def name_blocks(world: World, shown: Json) -> None:
    """Give every block a block_id, and everything pressable an action_id, as Slack does."""
    for block in shown.get("blocks") or ():
        block.setdefault("block_id", world.id("b"))
        for element in (*(block.get("elements") or ()), block.get("accessory"), block.get("element")):
            if element and element.get("type") not in {None, "mrkdwn", "plain_text", "image"}:
                element.setdefault("action_id", world.id("a"))


def event_of(channel: Channel, message: Json) -> Json:
    """The event that tells of a message."""
    return {**message, "channel": channel.id, "channel_type": channel.kind, "event_ts": message["ts"]}


def changed_event(world: World, channel: Channel, message: Json, before: Json) -> Json:
    """The event that tells of a message's edit."""
    now = world.ts()
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": now,
        "event_ts": now,
        "message": message,
        "previous_message": before,
    }


def deleted_event(world: World, channel: Channel, before: Json) -> Json:
    """The event that tells of a message's end."""
    now = world.ts()
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": now,
        "event_ts": now,
        "deleted_ts": before["ts"],
        "previous_message": before,
    }


def post_message(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel")
    channel = world.writable(caller, args["channel"])
    check_message(args, lambda file: file_problem(world, file))
    if args.get("thread_ts"):
        world.threadable(channel.id, args["thread_ts"])
    message = world.say(channel, own_message(world, caller, args))
    world.tell_own(channel, event_of(channel, message))
    return {"channel": channel.id, "ts": message["ts"], "message": message}


def post_ephemeral(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "user")
    channel = world.writable(caller, args["channel"])
    if args["user"] not in channel.members:
        raise Refused("user_not_in_channel")
    check_message(args, lambda file: file_problem(world, file))
    message = own_message(world, caller, args, channel=channel.id, is_ephemeral=True)
    # `user` says who sees it: nobody else does, and the app's own id is in `bot_id`.
    world.ephemerals.append({**message, "user": args["user"]})
    return {"message_ts": message["ts"]}


def update(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "ts")
    channel = world.writable(caller, args["channel"])
    message = world.message(channel.id, args["ts"])
    if message.get("bot_id") != caller.bot_id:
        raise Refused("cant_update_message")
    if (stream := world.streams.get((channel.id, message["ts"]))) and not stream.ended:
        raise Refused("streaming_state_conflict")
    check_message(args, lambda file: file_problem(world, file))
    edit(world, channel, message, args)
    return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}


def edit(world: World, channel: Channel, message: Json, args: Json) -> None:
    """Change a message of the app's to these arguments, and tell of it."""
    before = deepcopy(message)
    fresh = own_message(world, world.bot(channel.team), args)
    message["text"] = fresh["text"]
    # Slack keeps the blocks an app gave, and the metadata, unless it gives others; blocks made of text go with the text.
    written = any(block["block_id"].startswith(WRITTEN) for block in message.get("blocks") or ())
    if written or "blocks" in args:
        message.pop("blocks", None)
    message |= {name: fresh[name] for name in ("blocks", "metadata", "attachments") if name in fresh}
    message["edited"] = {"user": message["user"], "ts": fresh["ts"]}
    world.changed()
    world.tell_own(channel, changed_event(world, channel, message, before))


def delete(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "ts")
    channel = world.channel_of(caller, args["channel"])
    message = world.message(channel.id, args["ts"])
    if message.get("bot_id") != caller.bot_id:
        raise Refused("cant_delete_message")
    remove(world, channel, message)
    world.tell_own(channel, deleted_event(world, channel, message))
    return {"channel": channel.id, "ts": message["ts"]}


def remove(world: World, channel: Channel, message: Json) -> None:
    """Take a message away; its thread, if it has one, stays."""
    world.messages[channel.id].remove(message)
    world.gone.add((channel.id, message["ts"]))
    world.changed()


def permalink(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "message_ts")
    channel = world.channel_of(caller, args["channel"])
    message = world.message(channel.id, args["message_ts"])
    url = f"https://{world.workspaces[caller.team].domain}.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    if (thread := message.get("thread_ts", message["ts"])) != message["ts"]:
        url += f"?thread_ts={thread}&cid={channel.id}"
    return {"channel": channel.id, "permalink": url}


# --- streams: a message that grows until it is stopped


def start_stream(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "thread_ts")
    channel = world.writable(caller, args["channel"])
    if not channel.im:
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args.get(name):
                raise Refused(f"missing_{name}")
        if args["recipient_team_id"] not in world.workspaces:
            raise Refused("team_not_found")
        if args["recipient_user_id"] not in channel.members:
            raise Refused("user_not_found")
    world.threadable(channel.id, args["thread_ts"])
    stream = Stream(channel.id, world.ts())
    _grow(world, stream, args)
    message = world.say(channel, own_message(world, caller, {"thread_ts": args["thread_ts"]}, ts=stream.ts))
    world.streams[channel.id, stream.ts] = stream
    _show(world, stream, message)
    world.tell_own(channel, event_of(channel, message))
    return {"channel": channel.id, "ts": stream.ts}


def append_stream(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "ts")
    stream, message = _streaming(world, caller, args)
    if not (args.get("markdown_text") or args.get("chunks")):
        raise Refused("no_text")
    _grow(world, stream, args)
    _show(world, stream, message)
    return {"channel": stream.channel, "ts": stream.ts}


def stop_stream(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "channel", "ts")
    stream, message = _streaming(world, caller, args)
    check_metadata(args.get("metadata"))
    _grow(world, stream, args)
    check_blocks([*stream.blocks, *(args.get("blocks") or ())], lambda file: file_problem(world, file))
    before = deepcopy(message)
    stream.blocks += args.get("blocks") or []
    stream.ended = "message_not_in_streaming_state"
    if args.get("metadata"):
        message["metadata"] = args["metadata"]
    _show(world, stream, message)
    channel = world.channels[stream.channel]
    world.tell_own(channel, changed_event(world, channel, message, before))
    return {"channel": stream.channel, "ts": stream.ts, "message": message}


def _streaming(world: World, caller: Installation, args: Json) -> tuple[Stream, Json]:
    channel = world.writable(caller, args["channel"])
    message = world.message(channel.id, args["ts"])
    if message.get("bot_id") != caller.bot_id:
        raise Refused("message_not_owned_by_app")
    stream = world.streams.get((channel.id, message["ts"]))
    if stream is None or stream.ended:
        raise Refused(stream.ended if stream else "message_not_in_streaming_state")
    return stream, message


def _grow(world: World, stream: Stream, args: Json) -> None:
    # A stream is locked to the shape of its opening call: seen of the live API, documented nowhere.
    mode = "text" if args.get("markdown_text") else "chunks" if args.get("chunks") else ""
    if mode and stream.mode and mode != stream.mode:
        raise Refused("streaming_mode_mismatch")
    text, blocks = stream.text + str(args.get("markdown_text") or ""), list[Json]()
    for chunk in args.get("chunks") or ():
        match chunk.get("type"):
            case "markdown_text":
                text += chunk["text"]
            case "blocks":
                blocks += chunk["blocks"]
            case "plan_update":
                needed(chunk, "title")
                blocks.append({"type": "plan", "title": chunk["title"]})
            case "task_update":
                needed(chunk, "id", "title", "status")
                blocks.append(
                    {"type": "task_card", "task_id": chunk["id"], "title": chunk["title"], "status": chunk["status"]}
                )
            case _:
                raise Refused("invalid_chunks")
    if len(text) > MARKDOWN:
        raise Refused("msg_too_long")
    check_blocks(blocks, lambda file: file_problem(world, file))
    stream.mode = stream.mode or mode
    stream.text = text
    stream.blocks += blocks


def _show(world: World, stream: Stream, message: Json) -> None:
    message["text"] = stream.text
    words = [{"type": "markdown", "text": stream.text, "block_id": WRITTEN}] if stream.text else []
    message["blocks"] = [*words, *stream.blocks]
    name_blocks(world, message)
    world.changed()
