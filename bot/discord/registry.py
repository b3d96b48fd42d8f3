"""Owns what of the app Discord is told once: which commands are registered and what would change, and the links that install it.

A payload is a command as Discord's API has it, in plain JSON values.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import discord
from discord import app_commands

from bot.discord.commands import Desk, interview
from interviewer.questions import Bank

Payload = Mapping[str, Any]

GLOBAL_ONLY = ("contexts", "integration_types", "dm_permission")
"""What says where a command may be used. Discord takes it of global commands only: one server's are for that server."""
ENTRY_POINT = 4
"""The type of the command that Discord itself makes for an app with an Activity; it must not be taken away with the rest."""
GROUPS = frozenset({1, 2})
"""Types of options that are commands within a command."""
KINDS = MappingProxyType({2: "user menu “{}”", 3: "message menu “{}”"})

PERMISSIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "view_channel": ("View Channels", "to hear when somebody mentions the bot, and to open a thread there"),
        "send_messages": ("Send Messages", "to answer them"),
        "create_private_threads": (
            "Create Private Threads",
            "to hold an interview in one, if its candidate asks for that",
        ),
        "create_public_threads": (
            "Create Public Threads",
            "to open the thread in which a daily question is answered",
        ),
        "send_messages_in_threads": ("Send Messages in Threads", "to speak there"),
        "attach_files": ("Attach Files", "to show the scorecard's picture, and to hand over the report"),
        "read_message_history": (
            "Read Message History",
            "to hear what was said while the bot was away, and to see whether a message of its own arrived",
        ),
    }
)
"""Every permission the app asks for in a server, by discord.py's name: what Discord calls it, and the reason."""
SERVER, PERSON = 0, 1
"""How Discord numbers the two ways to install an app: for a server, and for oneself."""
SCOPES: Mapping[int, Sequence[str]] = MappingProxyType(
    {SERVER: ("bot", "applications.commands"), PERSON: ("applications.commands",)}
)
"""What an install grants. Neither scope acts in a person's name."""


# --- commands -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Registry:
    """The commands of one application, everywhere or in one server, as Discord has them."""

    client: discord.Client
    application: int
    server: int | None = None

    async def registered(self) -> Sequence[Payload]:
        """What is registered. Raises as any call to Discord (`bot.discord.client.TROUBLE`)."""
        http = self.client.http
        if self.server is None:
            return cast(Sequence[Payload], await http.get_global_commands(self.application))
        return cast(Sequence[Payload], await http.get_guild_commands(self.application, self.server))

    async def register(self, wanted: Sequence[Payload], registered: Sequence[Payload]) -> None:
        """Have exactly `wanted`, beside what is not ours to take away."""
        payload = [dict(each) for each in (*wanted, *(each for each in registered if each.get("type") == ENTRY_POINT))]
        http = self.client.http
        if self.server is None:
            await http.bulk_upsert_global_commands(self.application, payload=payload)
        else:
            await http.bulk_upsert_guild_commands(self.application, self.server, payload=payload)


def wanted(bank: Bank, *, personas: bool, server: bool = False) -> Sequence[Payload]:
    """What the app registers: everywhere, or in one `server`."""
    # Nobody is at this desk: its commands are described, never called.
    group = interview(cast(Desk, Desk), bank, personas=personas)
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    return [local(group.to_dict(tree)) if server else group.to_dict(tree)]


def local(payload: Payload) -> Payload:
    """The payload as Discord takes it in a single server."""
    return {key: value for key, value in payload.items() if key not in GLOBAL_ONLY}


def difference(wanted: Sequence[Payload], registered: Sequence[Payload]) -> Sequence[str]:
    """What registering `wanted` would change, in words, a line each; nothing when all is as it should be."""
    to_be, there = _by_name(wanted), _by_name(registered)
    lines = [f"{_called(each)} is added{_parts(each)}" for key, each in to_be.items() if key not in there]
    for key, each in to_be.items():
        if key in there:
            lines += _changes(_called(each), each, there[key])
    return (*lines, *(f"{_called(each)} is removed" for key, each in there.items() if key not in to_be))


def _by_name(payloads: Iterable[Payload]) -> Mapping[tuple[int, str], Payload]:
    return {(each.get("type") or 1, str(each["name"])): each for each in payloads if each.get("type") != ENTRY_POINT}


def _called(command: Payload) -> str:
    return KINDS.get(command.get("type") or 1, "/{}").format(command["name"])


def _parts(command: Payload) -> str:
    names = [str(option["name"]) for option in command.get("options") or ()]
    return f", with {', '.join(names)}" if names else ""


def _changes(called: str, wanted: Payload, there: Payload) -> Iterator[str]:
    """What changes in a command or an option that is there already."""
    ours, theirs = _plain(wanted), _plain(there)
    # Registered in one server, a command says nothing of where it may be used; Discord fills it in.
    about_places = not any(key in wanted for key in GLOBAL_ONLY)
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key) and not (about_places and key in GLOBAL_ONLY):
            yield f"{called}: {_change(key, theirs.get(key), ours.get(key))}"
    yield from _options(called, wanted.get("options") or (), there.get("options") or ())


def _options(called: str, wanted: Sequence[Payload], there: Sequence[Payload]) -> Iterator[str]:
    to_be, before = ({str(option["name"]): option for option in options} for options in (wanted, there))
    for name, option in to_be.items():
        within = f"{called} {name}" if option.get("type") in GROUPS else f"{called}, option {name}"
        if name in before:
            yield from _changes(within, option, before[name])
        else:
            yield f"{within} is added"
    for name, option in before.items():
        if name not in to_be:
            yield (
                f"{called} {name} is removed" if option.get("type") in GROUPS else f"{called}, option {name} is removed"
            )
    if list(to_be) != list(before) and to_be.keys() == before.keys():
        yield f"{called}: what it has comes in another order"


def _plain(payload: Payload) -> Mapping[str, Any]:
    """What tells two payloads of the same name apart, but options: without what Discord adds, and without its defaults."""
    kept = {key: payload.get(key) for key in _COMPARED}
    kept["type"] = kept["type"] or 1
    # Before there were contexts, this said the same; Discord derives it from them now.
    if kept["contexts"] or kept["dm_permission"] is True:
        del kept["dm_permission"]
    for key in ("contexts", "integration_types", "channel_types"):
        kept[key] = sorted(kept[key] or ())
    kept["choices"] = [(choice["name"], choice["value"]) for choice in payload.get("choices") or ()]
    return {key: value for key, value in kept.items() if value not in (None, False, "", [])}


_COMPARED = (
    "type",
    "description",
    "contexts",
    "integration_types",
    "dm_permission",
    "default_member_permissions",
    "nsfw",
    "required",
    "autocomplete",
    "choices",
    "channel_types",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
)
"""What is compared; Discord doesn't tell other languages unless it is asked for them, and there are none."""
_SAID: Mapping[str, str] = MappingProxyType(
    {
        "contexts": "where it can be used",
        "integration_types": "for whom it can be installed",
        "dm_permission": "whether it can be used in direct messages",
        "default_member_permissions": "who may use it",
        "nsfw": "whether it is for adults only",
        "required": "whether it has to be given",
        "autocomplete": "whether it is suggested while somebody types",
    }
)
_OF: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "contexts": MappingProxyType({0: "servers", 1: "our direct messages", 2: "direct messages between others"}),
        "integration_types": MappingProxyType({0: "servers", 1: "people"}),
    }
)


def _change(key: str, before: Any, after: Any) -> str:
    if key == "choices":
        return f"the choices change: {_choices(before or (), after or ())}"
    said = _SAID.get(key, f"its {key.replace('_', ' ')}")
    return f"{said} changes from {_value(key, before)} to {_value(key, after)}"


def _value(key: str, value: Any) -> str:
    if key in _OF:
        return " and ".join(_OF[key].get(each, str(each)) for each in value) if value else "what is usual"
    if value is None:
        return "no" if key in ("nsfw", "required", "autocomplete") else "nothing"
    return "yes" if value is True else f"“{value}”"


def _choices(before: Sequence[tuple[str, Any]], after: Sequence[tuple[str, Any]]) -> str:
    told = (
        *(f"“{name}” is added" for name, value in after if (name, value) not in before),
        *(f"“{name}” is removed" for name, value in before if (name, value) not in after),
    )
    return ", ".join(told) or "they come in another order"


# --- installing -----------------------------------------------------------------------------------------------------


def permissions() -> discord.Permissions:
    """All that the app asks for in a server."""
    return discord.Permissions(**dict.fromkeys(PERMISSIONS, True))


def invite(application_id: int, way: int = SERVER) -> str:
    """The link that installs the app for a server, or for oneself (PERSON)."""
    asked = permissions() if way == SERVER else discord.utils.MISSING
    return f"{discord.utils.oauth_url(application_id, permissions=asked, scopes=SCOPES[way])}&integration_type={way}"


def ways(application: discord.AppInfo) -> frozenset[int] | None:
    """How the application may be installed; None when Discord doesn't tell: an application has at least one way."""
    known = {SERVER: application.guild_integration_config, PERSON: application.user_integration_config}
    found = frozenset(way for way, configured in known.items() if configured is not None)
    return found or None
