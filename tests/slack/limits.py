"""Slack's limits on blocks and views, checked as strictly as Slack checks them and reported in its words.

Every check yields complaints such as "must be less than 76 characters [json-pointer:/blocks/0/elements/1/text/text]".
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, cast

from tests.slack.people import Json, Refused, as_json
from tests.slack.reading import MENUS, PICKERS
from tests.slack.reading import elements as elements_of
from tests.slack.reading import options as options_of

MESSAGE_TEXT = 40_000
BLOCKS_TEXT = 13_200
MARKDOWN = 12_000
METADATA = 8_000
VIEW_BYTES = 250_000

Complaints = Iterator[str]
Knows = Callable[[Json], str]
"""Says what is wrong with a `slack_file`, "" if nothing is."""
Check = Callable[[Json, str, Knows], Complaints]

BUTTONS = frozenset({"button"})
IN_ROWS = BUTTONS | MENUS | PICKERS | {"workflow_button"}
TEXT_INPUTS = frozenset(
    {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input"}
)
INPUTS = MENUS | (PICKERS - {"overflow"}) | TEXT_INPUTS
EVERYWHERE = frozenset({"section", "divider", "image", "actions", "context", "header", "input", "rich_text", "video"})
ONLY_MESSAGES = frozenset(
    {"markdown", "table", "context_actions", "task_card", "plan", "card", "alert", "container", "carousel"}
)
VIEW_FIELDS = frozenset({"type", "title", "submit", "close", "blocks", "private_metadata", "callback_id"}) | {
    "external_id",
    "clear_on_close",
    "notify_on_close",
    "submit_disabled",
}
OPTION_COUNTS: Mapping[str, int] = {"overflow": 5, "checkboxes": 10, "radio_buttons": 10}
PLACEHOLDER = 150


def check_message(args: Json, knows: Knows) -> None:
    """Raises Refused unless these text, blocks and metadata make a message."""
    blocks: list[Json] = args.get("blocks") or []
    if not (args.get("text") or blocks or args.get("attachments") or args.get("markdown_text")):
        raise Refused("no_text")
    if len(str(args.get("text") or "")) > MESSAGE_TEXT:
        raise Refused("msg_too_long")
    if len(str(args.get("markdown_text") or "")) > MARKDOWN:
        raise Refused("msg_too_long")
    if args.get("markdown_text") and (args.get("text") or blocks):
        raise Refused("markdown_text_conflict")
    check_blocks(blocks, knows)
    check_metadata(args.get("metadata"))


def check_blocks(blocks: list[Json], knows: Knows) -> None:
    """Raises Refused unless these blocks can be in a message."""
    if complaints := list(_blocks(blocks, "", EVERYWHERE | ONLY_MESSAGES, 50, knows)):
        raise _refused("invalid_blocks", complaints)
    if sum(block["type"] == "table" for block in blocks) > 1:
        raise Refused("only_one_table_allowed")
    if sum(_text_in(block) for block in blocks) > BLOCKS_TEXT:
        raise Refused("msg_blocks_too_long")


def check_metadata(metadata: Any) -> None:
    """Raises Refused unless this can be a message's metadata."""
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= set(cast(Json, metadata)):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA:
        raise Refused("metadata_too_large")


def check_view(view: Any, kind: str, knows: Knows) -> None:
    """Raises Refused unless this is a view of the kind, modal or home."""
    if not isinstance(view, dict) or cast(Json, view).get("type") != kind:
        raise _refused("invalid_arguments", [f"must be a {kind} [json-pointer:/view/type]"])
    given = cast(Json, view)
    if len(json.dumps(given)) > VIEW_BYTES:
        raise Refused("view_too_large")
    if complaints := list(_view(given, kind, knows)):
        raise _refused("invalid_arguments", complaints)


def _refused(error: str, complaints: list[str]) -> Refused:
    messages = [f"[ERROR] {complaint}" for complaint in complaints]
    return Refused(error, errors=complaints, response_metadata={"messages": messages})


def _view(view: Json, kind: str, knows: Knows) -> Complaints:
    blocks: Any = view.get("blocks")
    if not isinstance(blocks, list) or not blocks:
        yield "must have at least one block [json-pointer:/view/blocks]"
        return
    yield from _only(view, VIEW_FIELDS, "/view")
    yield from _blocks(cast(list[Json], blocks), "/view", EVERYWHERE, 100, knows)
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        yield from _long(view.get(name) or "", most, f"/view/{name}")
    if kind == "home":
        yield from (f"a home has no {name} [json-pointer:/view/{name}]" for name in ("submit", "close") if name in view)
        return
    yield from _text(view.get("title"), 24, "/view/title", plain=True)
    for name in ("submit", "close"):
        if name in view:
            yield from _text(view[name], 24, f"/view/{name}", plain=True)
    if any(block.get("type") == "input" for block in cast(list[Json], blocks)) and "submit" not in view:
        yield "a modal with an input needs a submit [json-pointer:/view/submit]"


def _blocks(blocks: Any, where: str, allowed: Collection[str], most: int, knows: Knows) -> Complaints:
    if not isinstance(blocks, list) or not all(isinstance(each, dict) for each in cast(list[Any], blocks)):
        yield f"must be an array of blocks [json-pointer:{where}/blocks]"
        return
    given = cast(list[Json], blocks)
    if len(given) > most:
        yield f"no more than {most} items allowed [json-pointer:{where}/blocks]"
    names: set[str] = set()
    for index, block in enumerate(given):
        at = f"{where}/blocks/{index}"
        kind = block.get("type")
        if kind not in allowed:
            yield f"unsupported type: {kind} [json-pointer:{at}/type]"
            continue
        if name := block.get("block_id"):
            yield from _long(name, 255, f"{at}/block_id")
            if name in names:
                yield f"`block_id` {name} already exists [json-pointer:{at}/block_id]"
            names.add(name)
        yield from _block(block, at, knows)
        yield from _duplicates(block, at)
    if sum(len(str(block.get("text", ""))) for block in given if block.get("type") == "markdown") > MARKDOWN:
        yield f"markdown blocks must be less than {MARKDOWN + 1} characters in all [json-pointer:{where}/blocks]"


def _duplicates(block: Json, at: str) -> Complaints:
    # What is malformed is complained about elsewhere; only what has elements can repeat an action_id.
    if not all(isinstance(each, dict) and "type" in each for each in block.get("elements") or ()):
        return
    names = [str(each["action_id"]) for _, each in elements_of({"blocks": [block]}) if each.get("action_id")]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"`action_id` {name} already exists in this block [json-pointer:{at}]"


def _block(block: Json, at: str, knows: Knows) -> Complaints:
    check = BLOCKS.get(block["type"])
    if check:
        yield from check(block, at, knows)


def _header(block: Json, at: str, _: Knows) -> Complaints:
    yield from _text(block.get("text"), 150, f"{at}/text", plain=True)


def _markdown(block: Json, at: str, _: Knows) -> Complaints:
    yield from _string(block.get("text"), MARKDOWN, f"{at}/text")


def _image_block(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _image(block, at, knows)
    if "title" in block:
        yield from _text(block["title"], 2000, f"{at}/title", plain=True)


def _actions(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _row(block, at, 25, IN_ROWS, knows)


def _context_actions(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _row(block, at, 5, {"feedback_buttons", "icon_button"}, knows)


def _input(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _text(block.get("label"), 2000, f"{at}/label", plain=True)
    if "hint" in block:
        yield from _text(block["hint"], 2000, f"{at}/hint", plain=True)
    yield from _element(block.get("element"), f"{at}/element", INPUTS, knows)


def _alert(block: Json, at: str, _: Knows) -> Complaints:
    yield from _text(block.get("text"), 3000, f"{at}/text")


def _container(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _blocks(block.get("child_blocks"), f"{at}/child_blocks", EVERYWHERE | {"markdown", "table"}, 10, knows)
    if "rich_text_title" not in block:
        yield from _text(block.get("title"), 150, f"{at}/title", plain=True)


def _rich_text(block: Json, at: str, _: Knows) -> Complaints:
    yield from _list(block.get("elements"), 1_000, f"{at}/elements")


def _section(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _only(block, ("type", "block_id", "text", "fields", "accessory", "expand"), at)
    if "text" not in block and not block.get("fields"):
        yield f"missing required field: text [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], 3000, f"{at}/text")
    if "fields" in block:
        yield from _list(block["fields"], 10, f"{at}/fields")
        for index, field in enumerate(block["fields"]):
            yield from _text(field, 2000, f"{at}/fields/{index}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory", IN_ROWS | {"image"}, knows)


def _context(block: Json, at: str, knows: Knows) -> Complaints:
    yield from _list(block.get("elements"), 10, f"{at}/elements")
    for index, each in enumerate(block.get("elements") or ()):
        if each.get("type") == "image":
            yield from _image(each, f"{at}/elements/{index}", knows)
        else:
            yield from _text(each, 3000, f"{at}/elements/{index}")


def _row(block: Json, at: str, most: int, allowed: Collection[str], knows: Knows) -> Complaints:
    yield from _list(block.get("elements"), most, f"{at}/elements")
    for index, element in enumerate(block.get("elements") or ()):
        yield from _element(element, f"{at}/elements/{index}", allowed, knows)


def _table(block: Json, at: str, _: Knows) -> Complaints:
    yield from _list(block.get("rows"), 100, f"{at}/rows")
    for index, row in enumerate(block.get("rows") or ()):
        yield from _list(row, 20, f"{at}/rows/{index}")
        for column, cell in enumerate(cast(list[Json], row)):
            if cell.get("type") not in {"raw_text", "raw_number", "rich_text"}:
                yield f"unsupported type: {cell.get('type')} [json-pointer:{at}/rows/{index}/{column}]"
            elif cell["type"] == "raw_text" and not cell.get("text"):
                yield f"must be more than 0 characters [json-pointer:{at}/rows/{index}/{column}/text]"


def _element(element: Any, at: str, allowed: Collection[str], knows: Knows) -> Complaints:
    if not isinstance(element, dict) or cast(Json, element).get("type") not in allowed:
        kind = cast(Json, element).get("type") if isinstance(element, dict) else element
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    given = cast(Json, element)
    yield from _long(given.get("action_id") or "", 255, f"{at}/action_id")
    if "placeholder" in given:
        yield from _text(given["placeholder"], PLACEHOLDER, f"{at}/placeholder", plain=True)
    if "confirm" in given:
        for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            yield from _text(given["confirm"].get(name), most, f"{at}/confirm/{name}")
    check = ELEMENTS.get(given["type"])
    if check:
        yield from check(given, at, knows)


def _icon_button(button: Json, at: str, _: Knows) -> Complaints:
    yield from _text(button.get("text"), 75, f"{at}/text", plain=True)
    yield from _long(button.get("value") or "", 2000, f"{at}/value")


def _feedback(element: Json, at: str, _: Knows) -> Complaints:
    for name in ("positive_button", "negative_button"):
        button = as_json(element.get(name))
        yield from _text(button.get("text"), 75, f"{at}/{name}/text", plain=True)
        yield from _string(button.get("value"), 2000, f"{at}/{name}/value")


def _text_input(element: Json, at: str, _: Knows) -> Complaints:
    for name in ("max_length", "min_length"):
        if not 0 <= int(element.get(name) or 0) <= 3000:
            yield f"must be between 0 and 3000 [json-pointer:{at}/{name}]"
    yield from _long(element.get("initial_value") or "", int(element.get("max_length") or 3000), f"{at}/initial_value")


def _button(button: Json, at: str, _: Knows) -> Complaints:
    yield from _text(button.get("text"), 75, f"{at}/text", plain=True)
    yield from _long(button.get("value") or "", 2000, f"{at}/value")
    yield from _long(button.get("url") or "", 3000, f"{at}/url")
    yield from _long(button.get("accessibility_label") or "", 75, f"{at}/accessibility_label")
    if button.get("style", "primary") not in {"primary", "danger"}:
        yield f"unsupported style: {button['style']} [json-pointer:{at}/style]"


def _options(menu: Json, at: str, _: Knows) -> Complaints:
    groups = menu.get("option_groups")
    if groups is None:
        yield from option_list(menu.get("options"), OPTION_COUNTS.get(menu["type"], 100), f"{at}/options", menu["type"])
    elif "options" in menu:
        yield f"options and option_groups exclude each other [json-pointer:{at}]"
    else:
        yield from _list(groups, 100, f"{at}/option_groups")
        for index, group in enumerate(groups):
            yield from _text(group.get("label"), 75, f"{at}/option_groups/{index}/label", plain=True)
            yield from option_list(group.get("options"), 100, f"{at}/option_groups/{index}/options", menu["type"])
    initial = [*(menu.get("initial_options") or ())] + ([menu["initial_option"]] if "initial_option" in menu else [])
    for option in initial:
        if option not in options_of(menu):
            yield f"the initial option is not one of the options [json-pointer:{at}/initial_option]"


def option_list(options: Any, most: int, at: str, kind: str = "external_select") -> Complaints:
    """What is wrong with the options of a menu of this kind; also of those given to a menu that asks for its options."""
    yield from _list(options, most, at)
    plain = kind not in {"checkboxes", "radio_buttons"}
    for index, option in enumerate(options or ()):
        yield from _text(option.get("text"), 75, f"{at}/{index}/text", plain=plain)
        yield from _string(option.get("value"), 150, f"{at}/{index}/value")
        if "description" in option:
            yield from _text(option["description"], 75, f"{at}/{index}/description", plain=plain)


def _image(image: Json, at: str, knows: Knows) -> Complaints:
    yield from _string(image.get("alt_text"), 2000, f"{at}/alt_text")
    if ("image_url" in image) == ("slack_file" in image):
        yield f"exactly one of image_url and slack_file is needed [json-pointer:{at}]"
    elif "image_url" in image:
        yield from _string(image["image_url"], 3000, f"{at}/image_url")
        if not str(image["image_url"]).startswith(("https://", "http://")):
            yield f"invalid url [json-pointer:{at}/image_url]"
    elif wrong := knows(image["slack_file"]):
        yield f"{wrong} [json-pointer:{at}/slack_file]"


def _text(text: Any, most: int, at: str, *, plain: bool = False) -> Complaints:
    if not isinstance(text, dict):
        yield f"missing required text object [json-pointer:{at}]"
        return
    given = cast(Json, text)
    if given.get("type") not in ({"plain_text"} if plain else {"plain_text", "mrkdwn"}):
        yield f"unsupported type: {given.get('type')} [json-pointer:{at}/type]"
    yield from _only(
        given, ("type", "text", "emoji") if given.get("type") == "plain_text" else ("type", "text", "verbatim"), at
    )
    yield from _string(given.get("text"), most, f"{at}/text")


def _string(text: Any, most: int, at: str) -> Complaints:
    if not isinstance(text, str) or not text:
        yield f"must be more than 0 characters [json-pointer:{at}]"
    else:
        yield from _long(text, most, at)


def _long(text: Any, most: int, at: str) -> Complaints:
    if not isinstance(text, str):
        yield f"must be a string [json-pointer:{at}]"
    elif len(text) > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}]"


def _list(items: Any, most: int, at: str) -> Complaints:
    if not isinstance(items, list) or not items:
        yield f"must have at least one item [json-pointer:{at}]"
    elif len(cast(list[Any], items)) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}]"


def _only(given: Json, known: Collection[str], at: str) -> Complaints:
    yield from (f"unsupported field: {name} [json-pointer:{at}/{name}]" for name in given if name not in known)


BLOCKS: Mapping[str, Check] = {
    "section": _section,
    "header": _header,
    "markdown": _markdown,
    "image": _image_block,
    "actions": _actions,
    "context_actions": _context_actions,
    "context": _context,
    "input": _input,
    "table": _table,
    "alert": _alert,
    "container": _container,
    "rich_text": _rich_text,
}
ELEMENTS: Mapping[str, Check] = {
    "button": _button,
    "icon_button": _icon_button,
    "feedback_buttons": _feedback,
    "image": _image,
    "plain_text_input": _text_input,
    "static_select": _options,
    "multi_static_select": _options,
    "overflow": _options,
    "checkboxes": _options,
    "radio_buttons": _options,
}


def _text_in(block: Any) -> int:
    """Characters of text in a block, wherever they are."""
    if isinstance(block, list):
        return sum(_text_in(each) for each in cast(list[Any], block))
    if isinstance(block, dict):
        items = cast(Json, block).items()
        return sum(len(each) if name == "text" and isinstance(each, str) else _text_in(each) for name, each in items)
    return 0
