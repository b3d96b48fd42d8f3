"""Owns what people do in our tests' own Discord: write, edit, run commands, press, choose and fill in; none of it waits."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from simcord.actors import MemberActor
from simcord.backend.access import channel_accessible
from simcord.backend.command_access import command_access
from simcord.backend.models import Interaction
from simcord.backend.models import Message as Stored
from simcord.builders import ChannelHandle, GuildHandle, UserHandle
from simcord.enums import AppCommandType, InteractionType
from simcord.interactions import base_payload, build_options, nest_options, resolve_handle, walk_to_subcommand
from simcord.results import InteractionResult

from tests.discord.reading import BUTTON, SELECTS, VOICE, Json, Message, as_sent, modal_fields, parts
from tests.discord.routes import wake
from tests.discord.world import World

Where: TypeAlias = ChannelHandle | int | None
"""A channel, or None for the person's direct message with the app."""
Which: TypeAlias = Message | int
NONE: Mapping[str, Any] = MappingProxyType({})
GROUP_DM = 3
GUILD_INSTALL, USER_INSTALL = 0, 1
IN_A_GUILD, IN_PRIVATE = 0, 2


class Pressed:
    """What became of a command, a button, a menu or a modal; every look is at how things stand now."""

    def __init__(self, world: World, interaction: Interaction) -> None:
        self._world, self._record = world, interaction

    @property
    def id(self) -> int:
        return self._record.id

    @property
    def user(self) -> int:
        return self._record.user_id

    @property
    def channel(self) -> int:
        return self._record.channel_id

    @property
    def acknowledged(self) -> bool:
        return self._record.responded

    @property
    def deferred(self) -> bool:
        """Whether the app asked for time, also when it has answered since."""
        calls = self._world.calls_of("POST", f"/interactions/{self.id}/*/callback")
        return any(call.json["type"] in {5, 6} for call in calls if call.status < 300)

    @property
    def loading(self) -> bool:
        """Whether the person sees "thinking…"."""
        return self._record.loading and not self.deleted

    @property
    def ephemeral(self) -> bool:
        return self._record.ephemeral

    @property
    def response(self) -> Message | None:
        """The answer; the message of the button when that was edited; None while there is only "thinking…"."""
        found = self._find(self._record.message_id)
        return None if found is None or found.loading else found

    @property
    def followups(self) -> list[Message]:
        return [found for each in self._record.followup_ids if (found := self._find(each))]

    @property
    def deleted(self) -> bool:
        """Whether the app took its answer back."""
        return self._record.message_id is not None and self._find(self._record.message_id) is None

    @property
    def modal(self) -> Json | None:
        """The modal the app opened, as Discord got it."""
        return self._record.modal

    @property
    def choices(self) -> list[Json] | None:
        """What the app offers to complete an option with."""
        return self._record.autocomplete_choices

    @property
    def failed(self) -> bool:
        """Whether the person reads "The application did not respond"."""
        deadline = self._record.initial_response_deadline
        return not self.acknowledged and deadline is not None and self._world.backend.now_iso() >= deadline

    def _find(self, message: int | None) -> Message | None:
        stored = self._world.backend.messages.get(self.channel, {}).get(message or 0)
        return self._world.message(stored) if stored else None


class People:
    """The people of one Discord."""

    def __init__(self, world: World) -> None:
        self._world = world

    # --- writing

    async def writes(
        self,
        user: UserHandle,
        text: str = "",
        *,
        channel: Where = None,
        attachments: Sequence[tuple[str, bytes]] = (),
        reply_to: Which | None = None,
    ) -> int:
        """Write a message, with files (name and content); its id."""
        return self._says(user, channel, text, self._stores(user, channel, attachments), reply_to)

    async def speaks(self, user: UserHandle, content: bytes, *, seconds: float = 2.0, channel: Where = None) -> int:
        """Send a voice message (Ogg Opus); its id."""
        (stored,) = self._stores(user, channel, [("voice-message.ogg", content)])
        voice: Json = {**stored, "content_type": "audio/ogg", "duration_secs": seconds, "waveform": "AAAA"}
        self._world.cdn.is_of_type(stored, "audio/ogg")
        return self._says(user, channel, "", [voice], None, VOICE)

    async def edits(self, message: Which, text: str) -> None:
        stored = self._stored(message)
        self._world.backend.edit_message(stored.channel_id, stored.id, {"content": text})

    async def deletes(self, message: Which) -> None:
        stored = self._stored(message)
        self._world.backend.delete_message(stored.channel_id, stored.id)

    def _says(
        self,
        user: UserHandle,
        channel: Where,
        text: str,
        attachments: list[Json],
        reply_to: Which | None,
        flags: int = 0,
    ) -> int:
        world, place = self._world, self._place(user, channel)
        found = world.backend.get_channel(place)
        if found.guild_id is not None:
            needed = "send_messages_in_threads" if found.is_thread else "send_messages"
            world.backend.require_permissions(found.guild_id, user.id, place, needed)
        wake(world, found, user.id)
        reference = {"channel_id": str(place), "message_id": str(self._stored(reply_to).id)} if reply_to else None
        message = world.backend.create_message(
            place, user.id, text, attachments=attachments, reference=reference, flags=flags
        )
        return message.id

    # --- commands

    async def types_command(
        self, user: UserHandle, name: str, *, channel: Where = None, filled: Mapping[str, Any] = NONE, **options: Any
    ) -> Pressed:
        """Run a slash command, such as "interview start". `filled` has options too, whatever they are called."""
        options |= filled
        place = self._place(user, channel)
        root, leaf, nesting = self._command(user, place, name)
        built, resolved = build_options(user, name, leaf, options, channel_id=place)
        data = self._called(root, nest_options(root, nesting, built), resolved)
        return self._interacts(InteractionType.APPLICATION_COMMAND, user, place, data)

    async def completes(
        self,
        user: UserHandle,
        name: str,
        *,
        option: str,
        text: str = "",
        channel: Where = None,
        within: float = 3,
        **filled: Any,
    ) -> list[Json]:
        """Type in an option of a slash command; the choices the app offers, once it does."""
        place = self._place(user, channel)
        root, leaf, nesting = self._command(user, place, name)
        declared = {each["name"]: each for each in leaf.get("options") or ()}
        assert declared[option].get("autocomplete"), f"{option} of /{name} is not completed"
        built, _ = build_options(user, name, leaf, filled, partial=True, channel_id=place)
        built.append({"name": option, "type": declared[option]["type"], "value": text, "focused": True})
        data = self._called(root, nest_options(root, nesting, built), {})
        asked = self._interacts(InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE, user, place, data)
        await self._world.until(lambda: asked.choices is not None, within)
        return asked.choices or []

    def _command(self, user: UserHandle, channel: int, name: str) -> tuple[Json, Json, list[str]]:
        world, (first, *rest) = self._world, name.split()
        guild = world.backend.get_channel(channel).guild_id
        root = world.backend.find_command(first, guild)
        assert root, f"the app has registered no /{first}"
        kinds, contexts = root.get("integration_types") or [GUILD_INSTALL], root.get("contexts")
        access = command_access(world.backend, root, user_id=user.id, channel_id=channel)
        if channel in world.elsewhere or (guild is not None and not world.is_member(guild)):
            assert user.id in world.installers, f"{user.name} has not installed the app, and the app is not there"
            assert USER_INSTALL in kinds, f"/{first} is not for those who install the app for themselves"
            context = IN_A_GUILD if guild is not None else IN_PRIVATE
            assert contexts is None or context in contexts, f"/{first} is not for this context"
            assert guild is None or access.allowed, f"/{first} is not to be seen here: {access.reason}"
        else:
            assert access.allowed, f"/{first} is not to be seen here: {access.reason}"
        leaf, nesting = walk_to_subcommand(root, rest)
        return root, leaf, nesting

    def _called(self, root: Json, options: list[Json], resolved: Json) -> Json:
        data: Json = {
            "id": root["id"],
            "name": root["name"],
            "type": int(AppCommandType.CHAT_INPUT),
            "options": options,
        }
        if resolved:
            data["resolved"] = resolved
        if root.get("guild_id"):
            data["guild_id"] = root["guild_id"]
        return data

    # --- components

    async def presses(self, user: UserHandle, message: Which, button: str) -> Pressed:
        """Press a button by its custom_id, what of that is before the first "|", or its label."""
        stored = self._stored(message)
        found = self._component(stored, button, {BUTTON})
        return self._uses(user, stored, found, {})

    async def selects(self, user: UserHandle, message: Which, values: Sequence[Any], menu: str = "") -> Pressed:
        """Choose in a menu, by its custom_id or the beginning of it; the only menu when none is named.

        `values`: strings, or simcord's handles in a menu of people, roles or channels."""
        stored = self._stored(message)
        found = self._component(stored, menu, SELECTS)
        low, high = found.get("min_values", 1), found.get("max_values", 1)
        assert low <= len(values) <= high, f"{low} to {high} are to be chosen"
        resolved: Json = {}
        for value in values:
            if isinstance(value, str):
                offered = [option["value"] for option in found.get("options") or ()]
                assert value in offered, f"{value} is not among {offered}"
            else:
                resolve_handle(user, value, resolved, channel_id=stored.channel_id)
        chosen = [value if isinstance(value, str) else str(value.id) for value in values]
        return self._uses(user, stored, found, {"values": chosen} | ({"resolved": resolved} if resolved else {}))

    async def submits(self, pressed: Pressed, values: Mapping[str, Any]) -> Pressed:
        """Fill in the modal that was opened, by custom_id or label, and send it.

        A string for a text or a single choice, a list of strings for a menu, a bool for a checkbox."""
        world = self._world
        assert pressed.modal, "no modal was opened"
        fields = modal_fields(pressed.modal)
        menus = {str(each["custom_id"]) for each in parts(pressed.modal["components"]) if each["type"] in SELECTS}
        given: Json = {}
        for name, value in values.items():
            found = [custom_id for custom_id, label in fields.items() if name in {custom_id, label}]
            assert len(found) == 1, f"{name} is none of the fields: {fields}"
            given[found[0]] = [value] if found[0] in menus and isinstance(value, str) else value
        record = world.backend.interactions[pressed.id]
        who = UserHandle(world.env, world.backend.get_user(pressed.user))
        shown = InteractionResult(world.env, record)
        if record.guild_id is None:
            await who.submit_modal(shown, given)
        else:
            guild = GuildHandle(world.env, world.backend.get_guild(record.guild_id))
            await MemberActor(world.env, guild, who).submit_modal(shown, given)
        return Pressed(world, world.backend.interactions[max(world.backend.interactions)])

    def _uses(self, user: UserHandle, stored: Stored, component: Json, chosen: Json) -> Pressed:
        world = self._world
        assert stored.visible_to(user.id), f"{user.name} does not see message {stored.id}"
        data: Json = {"custom_id": component["custom_id"], "component_type": int(component["type"])} | chosen
        if component.get("id") is not None:
            data["id"] = component["id"]
        told = {"message": as_sent(world.backend, stored)}
        return self._interacts(InteractionType.MESSAGE_COMPONENT, user, stored.channel_id, data, told, stored.id)

    def _component(self, stored: Stored, name: str, kinds: set[int] | frozenset[int]) -> Json:
        there = [each for each in parts(stored.components) if each["type"] in kinds and each.get("custom_id")]
        found = [
            each
            for each in there
            if name in {"", each["custom_id"], str(each["custom_id"]).partition("|")[0], each.get("label")}
        ]
        names = [each["custom_id"] for each in there]
        assert len(found) == 1, f"{name!r} is {len(found)} of what message {stored.id} has: {names}"
        assert not found[0].get("disabled"), f"{name!r} can't be used any more"
        return found[0]

    # --- what all of it needs

    def _interacts(
        self,
        kind: InteractionType,
        user: UserHandle,
        channel: int,
        data: Json,
        told: Json | None = None,
        source: int | None = None,
    ) -> Pressed:
        world = self._world
        found = world.backend.get_channel(channel)
        sees = channel_accessible(world.backend, channel, user.id) or user.id in found.recipient_ids
        assert sees, f"{user.name} does not see channel {channel}"
        record, payload = base_payload(
            world.backend,
            type=int(kind),
            channel_id=channel,
            guild_id=found.guild_id,
            user_id=user.id,
            data=data,
        )
        record.source_message_id = source
        world.backend.emit("INTERACTION_CREATE", payload | (told or {}))
        return Pressed(world, record)

    def _place(self, user: UserHandle, channel: Where) -> int:
        if channel is None:
            return self._world.backend.get_dm_channel(user.id).id
        return channel if isinstance(channel, int) else channel.id

    def _stored(self, message: Which) -> Stored:
        return self._world.stored(message if isinstance(message, int) else message.id)

    def _stores(self, user: UserHandle, channel: Where, files: Sequence[tuple[str, bytes]]) -> list[Json]:
        place = self._place(user, channel)
        names = [(re.sub(r"[^\w.-]", "_", name), content) for name, content in files]
        return self._world.backend.store_attachments(place, names)
