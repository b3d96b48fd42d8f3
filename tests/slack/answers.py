"""What becomes of the app's answers: to a submitted modal, to a menu that asked for options, to a `response_url`."""

from typing import Any

from tests.slack.chat import file_problem, name_blocks, remove
from tests.slack.limits import check_message, option_list
from tests.slack.people import Json, Refused, as_json
from tests.slack.views import push, replace
from tests.slack.world import World


def answer_submission(world: World, user: str, view: Json, body: Any) -> None:
    """Do with a person's modal what the app's answer to its submission says. Raises Refused for an answer Slack can't use."""
    caller, stack = world.bot(view["team_id"]), world.modals.get(user, [])
    place = next((index for index, each in enumerate(stack) if each["id"] == view["id"]), None)
    if place is None:
        return
    answer = as_json(body)
    action = answer.get("response_action")
    match action:
        case None:
            stack.pop()
        case "clear":
            stack.clear()
        case "errors":
            inputs = {str(block.get("block_id")) for block in view["blocks"] if block["type"] == "input"}
            if not answer.get("errors") or not set(answer["errors"]) <= inputs:
                raise Refused("the errors of a modal belong to its input blocks", errors=answer.get("errors"))
            world.modal_errors[user] = dict(answer["errors"])
        case "update":
            replace(world, caller, user, place, answer.get("view"))
        case "push":
            push(world, caller, user, answer.get("view"))
        case _:
            raise Refused(f"unknown response_action {action}")
    if action != "errors":
        world.modal_errors.pop(user, None)
    world.changed()


def check_options(body: Any) -> None:
    """Raises Refused unless this answers a menu that asked for its options."""
    answer = as_json(body)
    if not {"options", "option_groups"} & set(answer):
        raise Refused("a menu's options were asked for")
    lists = [group["options"] for group in answer.get("option_groups") or ()] or [answer["options"]]
    # No options at all is a fine answer: nothing matched what was typed.
    if complaints := [each for offered in lists if offered for each in option_list(offered, 100, "/options")]:
        raise Refused("invalid options", complaints=complaints)


def use_response_url(world: World, name: str, body: Json) -> None:
    """Do what the app posted to a `response_url`. Raises Refused for what can't be a message."""
    target = world.response_urls[name]
    target.posted.append(body)
    channel, bot = world.channels[target.channel], world.bot(world.users[target.user].team)
    visible = [*world.ephemerals, *world.messages.get(channel.id, [])]
    old = next((each for each in visible if target.message and each["ts"] == target.message), None)
    if body.get("delete_original"):
        world.ephemerals = [each for each in world.ephemerals if each is not old]
        if old and old in world.messages.get(channel.id, []):
            remove(world, channel, old)
        world.changed()
        return
    check_message(body, lambda file: file_problem(world, file))
    fresh: Json = {
        "type": "message",
        "bot_id": bot.bot_id,
        "app_id": world.app_id,
        "ts": world.ts(),
        "text": body.get("text", ""),
    }
    fresh |= {key: body[key] for key in ("blocks", "thread_ts") if body.get(key)}
    name_blocks(world, fresh)
    if old and body.get("replace_original", True) and "response_type" not in body:
        old.pop("blocks", None)
        old |= {key: fresh[key] for key in ("text", "blocks") if key in fresh}
        world.changed()
    elif body.get("response_type") == "in_channel":
        world.say(channel, fresh | {"user": bot.user_id})
    else:
        world.ephemerals.append(fresh | {"user": target.user, "channel": channel.id, "is_ephemeral": True})
        world.changed()
