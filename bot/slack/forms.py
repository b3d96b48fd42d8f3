"""Owns the parts that modals are made of, and what they were filled in with when they come back.

Text is plain, so that Slack finds no mention and no link in it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel
from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ContextBlock,
    ExternalDataSelectElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextObject,
    RadioButtonsElement,
    SectionBlock,
    StaticMultiSelectElement,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.slack.buttons import Made

TITLE, OPTION, VALUE, OPTIONS, SECTION = 24, 75, 150, 100, 3_000
"""The longest title, text and value of an option, menu, and section that Slack takes."""
Text = str | tuple[str, str]
"""What an option says, and what may stand below it in small print."""
Kind = TypeVar("Kind", bound=StrEnum)


# --- what was filled in ---------------------------------------------------------------------------------------------


class _Picked(BaseModel):
    value: str


class _Field(BaseModel):
    """What Slack says of one input: which of these it has goes by its kind."""

    value: str | None = None
    selected_option: _Picked | None = None
    selected_options: list[_Picked] | None = None
    selected_conversation: str | None = None
    selected_time: str | None = None


class _State(BaseModel):
    values: dict[str, dict[str, _Field]] = {}


class Form(BaseModel):
    """A submitted view."""

    state: _State
    private_metadata: str = ""

    def one(self, name: str) -> str:
        """What was chosen or written; "" for nothing."""
        field = self._field(name)
        picked = field.selected_option.value if field.selected_option else ""
        return picked or field.selected_conversation or field.selected_time or (field.value or "").strip()

    def several(self, name: str) -> tuple[str, ...]:
        """What was ticked."""
        return tuple(each.value for each in self._field(name).selected_options or ())

    def carried(self, name: str) -> str:
        """What the form has carried along unseen; "" for nothing."""
        return str(json.loads(self.private_metadata or "{}").get(name, ""))

    def _field(self, name: str) -> _Field:
        return self.state.values.get(name, {}).get(name, _Field())


def submitted(view: Mapping[str, Any]) -> Form:
    """A view as a form that was filled in. Raises ValueError for one that is none."""
    return Form.model_validate(view)


def known(kind: type[Kind], value: str) -> Kind | None:
    """The member of this value; None for one that there is not."""
    return kind(value) if value in list(kind) else None


# --- the parts ------------------------------------------------------------------------------------------------------


def modal(
    callback_id: str, title: str, submit: str, blocks: Sequence[Block], carried: Mapping[str, str] | None = None
) -> Made:
    """A modal that can be submitted; what is `carried` comes back with it, unseen."""
    return sent(
        View(
            type="modal",
            callback_id=callback_id,
            title=plain(title),
            submit=plain(submit),
            close=plain("Cancel"),
            blocks=blocks,
            private_metadata=json.dumps(carried) if carried else None,
        )
    )


def sent(view: View) -> Made:
    """A view as it is sent."""
    return view.to_dict()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def field(
    name: str, label: str, element: InputInteractiveElement, *, optional: bool = False, hint: str = ""
) -> InputBlock:
    """An input whose block and action have the same name."""
    below = plain(hint) if hint else None
    return InputBlock(block_id=name, label=plain(label), element=element, optional=optional, hint=below)


def asking(
    name: str,
    label: str,
    placeholder: str,
    hint: str = "",
    *,
    optional: bool = True,
    chosen: Any = None,
) -> InputBlock:
    """A menu that asks the app for its options, from the first letter and before it, with an option `chosen`."""
    menu = ExternalDataSelectElement(
        action_id=name, placeholder=plain(placeholder), min_query_length=0, initial_option=chosen
    )
    return field(name, label, menu, optional=optional, hint=hint)


def menu(name: str, choices: Mapping[str, Text], chosen: str, placeholder: str = "Choose") -> StaticSelectElement:
    """A menu with an option chosen, or none if there is no such option."""
    options = offered(choices)
    return StaticSelectElement(
        action_id=name, placeholder=plain(placeholder), options=options, initial_option=_initial(options, chosen)
    )


def menu_of_several(name: str, choices: Mapping[str, Text], placeholder: str) -> StaticMultiSelectElement:
    """A menu of which any number may be chosen."""
    options: Any = offered(choices)
    return StaticMultiSelectElement(action_id=name, placeholder=plain(placeholder), options=options)


def radios(name: str, choices: Mapping[str, Text], chosen: str) -> RadioButtonsElement:
    """Choices that are all seen, with one chosen."""
    options = offered(choices)
    return RadioButtonsElement(action_id=name, options=options, initial_option=_initial(options, chosen))


def boxes(name: str, choices: Mapping[str, Text], chosen: Iterable[str] = ()) -> CheckboxesElement:
    """Choices of which any number may be ticked, with some ticked."""
    options, ticked = offered(choices), frozenset(chosen)
    initial = [option for option in options if option["value"] in ticked]
    return CheckboxesElement(action_id=name, options=options, initial_options=initial or None)


def _initial(options: Sequence[dict[str, Any]], chosen: str) -> dict[str, Any] | None:
    return next((option for option in options if option["value"] == chosen), None)


def offered(choices: Mapping[str, Text]) -> list[dict[str, Any]]:
    """As many options as Slack takes."""
    return [option(value, text) for value, text in choices.items() if len(value) <= VALUE][:OPTIONS]


def option(value: str, text: Text) -> dict[str, Any]:
    """An option of a menu."""
    words, below = text if isinstance(text, tuple) else (text, None)
    made = Option(value=str(value), text=plain(words), description=plain(below) if below else None)
    return made.to_dict()


def said(text: str) -> SectionBlock:
    """Something that only is said."""
    return SectionBlock(text=plain(shortened(text, SECTION)))


def aside(text: str) -> ContextBlock:
    """Something in small print."""
    return ContextBlock(elements=[plain(text)])


def plain(text: str) -> PlainTextObject:
    """Plain text."""
    return PlainTextObject(text=text, emoji=False)


def shortened(text: str, limit: int) -> str:
    """The text in at most `limit` characters, cut at a word if it has one to cut at."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 2].rsplit(' ', 1)[0]} …"
