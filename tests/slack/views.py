"""The views.* methods, modals and homes, and how a person fills a view in."""

from copy import deepcopy
from typing import Any

from tests.slack.chat import file_problem, name_blocks, needed
from tests.slack.limits import check_view
from tests.slack.people import Installation, Json, Refused, Trigger, as_json
from tests.slack.reading import elements
from tests.slack.world import World

DEEPEST = 3
"""Views in a modal's stack, at most."""
WITHOUT_STATE = frozenset({"button", "overflow", "icon_button", "feedback_buttons"})


def open_view(world: World, caller: Installation, args: Json) -> Json:
    trigger = _begin(world, caller, args)
    view = _made(world, caller, args["view"], world.id("V"))
    world.modals[trigger.user] = [view]
    world.modal_errors.pop(trigger.user, None)
    world.changed()
    return {"view": view}


def push_view(world: World, caller: Installation, args: Json) -> Json:
    trigger = _begin(world, caller, args)
    if not trigger.view:
        raise Refused("invalid_trigger_id")
    return {"view": push(world, caller, trigger.user, args["view"])}


def push(world: World, caller: Installation, user: str, given: Any) -> Json:
    """Put a view on top of a person's modal. Raises Refused."""
    stack = world.modals.setdefault(user, [])
    if len(stack) >= DEEPEST:
        raise Refused("push_limit_reached")
    check_view(given, "modal", lambda file: file_problem(world, file))
    view = _made(world, caller, given, world.id("V"))
    if stack:
        view |= {"root_view_id": stack[0]["id"], "previous_view_id": stack[-1]["id"]}
    stack.append(view)
    world.changed()
    return view


def update_view(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "view")
    wanted = str(args.get("view_id") or args.get("external_id"))
    for user, stack in world.modals.items():
        for place, view in enumerate(stack):
            if view["team_id"] == caller.team and wanted in {view["id"], view.get("external_id")}:
                if args.get("hash", view["hash"]) != view["hash"]:
                    raise Refused("hash_conflict")
                return {"view": replace(world, caller, user, place, args["view"])}
    raise Refused("not_found")


def replace(world: World, caller: Installation, user: str, place: int, given: Any) -> Json:
    """Put another view in the place of one of a person's modal. Raises Refused."""
    check_view(given, "modal", lambda file: file_problem(world, file))
    before = world.modals[user][place]
    view = _made(world, caller, given, before["id"])
    # What was filled in stays where block and action are called as before.
    view |= {name: before[name] for name in ("root_view_id", "previous_view_id", "state")}
    world.modals[user][place] = view
    world.modal_errors.pop(user, None)
    world.changed()
    return view


def publish_view(world: World, caller: Installation, args: Json) -> Json:
    needed(args, "user_id", "view")
    user = world.users.get(str(args["user_id"]))
    if user is None or user.team != caller.team:
        raise Refused("user_not_found")
    check_view(args["view"], "home", lambda file: file_problem(world, file))
    before = world.homes.get(user.id)
    if before and args.get("hash", before["hash"]) != before["hash"]:
        raise Refused("hash_conflict")
    world.homes[user.id] = _made(world, caller, args["view"], before["id"] if before else world.id("V"))
    if before:
        world.homes[user.id]["state"] = before["state"]
    world.changed()
    return {"view": world.homes[user.id]}


def chosen(view: Json, block_id: str, action_id: str) -> Json | None:
    """What a person has chosen in one place of a view so far, None if nothing."""
    return view.get("state", {}).get("values", {}).get(block_id, {}).get(action_id)


def filled(view: Json, values: dict[str, dict[str, Any]], *, submitting: bool = True) -> Json:
    """The `state` of a view in which a person filled in `values`, by block_id and action_id, and left the rest as it was.

    A value is a text, the value of an option (or a list of them), an id, or Slack's own dict. Raises AssertionError for what
    a person could not do: an unknown field, an option that is not there, an empty field that is required, too long a text.
    """
    state: dict[str, dict[str, Any]] = {}
    unused = {(block, action) for block, fields in values.items() for action in fields}
    for block, element in elements(view):
        if element["type"] in WITHOUT_STATE:
            continue
        key = (block["block_id"], element["action_id"])
        given = values.get(key[0], {}).get(key[1])
        unused.discard(key)
        value = _value(element, chosen(view, *key) if given is None else given)
        empty = not [each for name, each in value.items() if name != "type" and each]
        if submitting and block["type"] == "input" and empty and not block.get("optional"):
            raise AssertionError(f"{key} must be filled in before this can be submitted")
        state.setdefault(key[0], {})[key[1]] = value
    assert not unused, f"the view has no {sorted(unused)}; it has {[(each, [*state[each]]) for each in state]}"
    return {"values": state}


PICKED = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}


def _value(element: Json, given: Any) -> Json:
    kind: str = element["type"]
    if isinstance(given, dict):
        return {"type": kind, **as_json(given)}
    if kind in PICKED:
        name = PICKED[kind]
        initial = element.get(name.replace("selected", "initial"))
        return {"type": kind, name: initial if given is None else given}
    if kind in {"checkboxes", "multi_static_select", "multi_external_select"}:
        chosen = element.get("initial_options", []) if given is None else [_option(element, each) for each in given]
        return {"type": kind, "selected_options": chosen}
    if kind in {"static_select", "external_select", "radio_buttons"}:
        return {
            "type": kind,
            "selected_option": element.get("initial_option") if given is None else _option(element, given),
        }
    text = element.get("initial_value") if given is None else given
    long = len(text or "")
    assert long <= int(element.get("max_length") or 3000), f"{element['action_id']} takes no {long} characters"
    assert not text or long >= int(element.get("min_length") or 0), (
        f"{element['action_id']} wants more than {long} characters"
    )
    return {"type": kind, "value": text or None}


def _option(element: Json, value: Any) -> Json:
    if isinstance(value, dict):
        return as_json(value)
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": str(value)}, "value": str(value)}
    offered = [*(element.get("options") or ())] + [
        each for g in element.get("option_groups") or () for each in g["options"]
    ]
    for option in offered:
        if option["value"] == value:
            return option
    raise AssertionError(f"{element['action_id']} offers no {value!r}, only {[option['value'] for option in offered]}")


def _begin(world: World, caller: Installation, args: Json) -> Trigger:
    needed(args, "trigger_id", "view")
    check_view(args["view"], "modal", lambda file: file_problem(world, file))
    trigger = world.redeem(str(args["trigger_id"]))
    if trigger.team != caller.team:
        raise Refused("invalid_trigger_id")
    return trigger


def _made(world: World, caller: Installation, given: Json, id: str) -> Json:
    view: Json = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "submit": None,
        "close": None,
        **deepcopy(given),
        "id": id,
        "team_id": caller.team,
        "app_id": world.app_id,
        "bot_id": caller.bot_id,
        "app_installed_team_id": caller.team,
        "hash": world.id("h"),
        "root_view_id": id,
        "previous_view_id": None,
        "state": {"values": {}},
    }
    name_blocks(world, view)
    return view
