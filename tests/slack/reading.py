"""What a person reads in a message or a view, and what they can press in it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from tests.slack.people import Json

MENUS = frozenset(
    f"{several}{kind}_select"
    for several in ("", "multi_")
    for kind in ("static", "external", "users", "conversations", "channels")
)
PICKERS = frozenset({"overflow", "checkboxes", "radio_buttons", "datepicker", "timepicker", "datetimepicker"})
PRESSABLE = MENUS | PICKERS | {"button", "icon_button", "feedback_buttons", "plain_text_input"}


def text_of(shown: Json) -> str:
    """A message's or a view's words as a person reads them, one block a line; a message without blocks is its text."""
    lines = [line for block in shown.get("blocks") or () for line in _lines(block)]
    if shown.get("title") and shown.get("type") in {"modal", "home"}:
        lines.insert(0, _words(shown["title"]))
    return "\n".join(line for line in lines if line) or str(shown.get("text", ""))


def elements(shown: Json) -> Iterator[tuple[Json, Json]]:
    """Every element of a message or view that can be pressed or filled in, with the block it is in."""
    for block in _blocks(shown.get("blocks") or ()):
        inside = [
            *(block.get("elements") or ()),
            block.get("accessory"),
            block.get("element"),
            *(block.get("actions") or ()),
        ]
        for element in inside:
            if element and element.get("type") in PRESSABLE:
                yield block, element


def buttons(shown: Json) -> dict[str, Json]:
    """What can be pressed, by action_id. Of two with one action_id in different blocks, the first."""
    found: dict[str, Json] = {}
    for _, element in elements(shown):
        found.setdefault(str(element.get("action_id", "")), element)
    return found


def options(element: Json) -> list[Json]:
    """The options of a menu, those of its groups included; of feedback buttons, the two buttons."""
    if element["type"] == "feedback_buttons":
        return [element["positive_button"], element["negative_button"]]
    grouped = [option for group in element.get("option_groups") or () for option in group["options"]]
    return [*(element.get("options") or ()), *grouped]


def _blocks(blocks: Any) -> Iterator[Json]:
    for block in blocks:
        yield block
        yield from _blocks(block.get("child_blocks") or ())
        if block["type"] == "carousel":
            yield from _blocks(block["elements"])


def _words(text: Any) -> str:
    return str(cast(Json, text).get("text", "")) if isinstance(text, dict) else str(text or "")


def _lines(block: Json) -> list[str]:
    return READERS.get(block["type"], _plain)(block)


def _plain(block: Json) -> list[str]:
    return [_words(block.get("text")), *(_words(each) for each in block.get("fields") or ()), _accessory(block)]


def _rich_text(block: Json) -> list[str]:
    return ["".join(_rich(element) for element in block["elements"])]


def _table(block: Json) -> list[str]:
    return [" | ".join(_cell(cell) for cell in row) for row in block["rows"]]


def _image(block: Json) -> list[str]:
    return [_words(block.get("title")), f"[image: {block['alt_text']}]"]


def _context(block: Json) -> list[str]:
    return [" ".join(_words(each.get("text")) or f"[image: {each.get('alt_text')}]" for each in block["elements"])]


def _actions(block: Json) -> list[str]:
    return [" ".join(f"[{_label(element)}]" for element in block["elements"])]


def _input(block: Json) -> list[str]:
    return [f"{_words(block['label'])}: [{_label(block['element'])}]", _words(block.get("hint"))]


def _container(block: Json) -> list[str]:
    inside = [line for child in block["child_blocks"] for line in _lines(child)]
    return [_words(block.get("title")), _words(block.get("subtitle")), *inside]


def _carousel(block: Json) -> list[str]:
    return [line for card in block["elements"] for line in _lines(card)]


def _plan(block: Json) -> list[str]:
    return [_words(block.get("title")), *(line for task in block.get("tasks") or () for line in _lines(task))]


def _task(block: Json) -> list[str]:
    return [f"{_words(block.get('title'))} ({block.get('status', 'pending')})"]


def _card(block: Json) -> list[str]:
    words = [_words(block.get(key)) for key in ("title", "subtitle", "body")]
    return words + [f"[{_label(each)}]" for each in block.get("actions") or ()]


READERS: Mapping[str, Callable[[Json], list[str]]] = {
    "rich_text": _rich_text,
    "table": _table,
    "image": _image,
    "context": _context,
    "actions": _actions,
    "context_actions": _actions,
    "input": _input,
    "container": _container,
    "carousel": _carousel,
    "plan": _plan,
    "task_card": _task,
    "card": _card,
}


def _accessory(block: Json) -> str:
    accessory = block.get("accessory")
    if not accessory:
        return ""
    return f"[image: {accessory['alt_text']}]" if accessory["type"] == "image" else f"[{_label(accessory)}]"


def _label(element: Json) -> str:
    if element["type"] in {"button", "icon_button"}:
        return _words(element["text"])
    if element["type"] in {"feedback_buttons", "overflow", "checkboxes", "radio_buttons"}:
        return "] [".join(_words(option["text"]) for option in options(element))
    return _words(element.get("placeholder")) or str(element["type"])


def _cell(cell: Json) -> str:
    return (
        "".join(_rich(element) for element in cell["elements"])
        if cell["type"] == "rich_text"
        else _words(cell.get("text"))
    )


def _rich(element: Json) -> str:
    match element["type"]:
        case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
            return "".join(_rich(each) for each in element["elements"])
        case "rich_text_list":
            return "".join(f"\n- {_rich(each)}" for each in element["elements"])
        case "link":
            return str(element.get("text") or element["url"])
        case "user":
            return f"<@{element['user_id']}>"
        case "emoji":
            return f":{element['name']}:"
        case _:
            return str(element.get("text", ""))
