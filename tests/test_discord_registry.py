"""What Discord is told of the app once: the commands, what would change of them, and the links that install it."""

import copy
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import discord
import pytest

from bot.discord.client import logged_in
from bot.discord.registry import PERMISSIONS, PERSON, SERVER, Registry, difference, invite, local, permissions, wanted
from interviewer.questions import Bank
from tests.discord_portal import ID, Portal, open_portal, stored


@pytest.fixture
async def portal() -> AsyncGenerator[Portal]:
    async with open_portal() as portal:
        yield portal


@pytest.fixture
def payload(known: Bank) -> dict[str, Any]:
    """`/interview`, as it is registered for all."""
    return dict(wanted(known, personas=True)[0])


def test_what_discord_gives_back_of_a_command_is_no_difference(payload: dict[str, Any]) -> None:
    assert difference([payload], [stored(payload, server=False)]) == ()


def test_what_discord_gives_back_of_a_servers_command_is_no_difference(payload: dict[str, Any]) -> None:
    assert difference([local(payload)], [stored(local(payload), server=True)]) == ()


def test_what_discord_itself_made_is_left_alone(payload: dict[str, Any]) -> None:
    launch = {"id": "7", "type": 4, "name": "launch", "handler": 2}
    assert difference([payload], [stored(payload, server=False), launch]) == ()


def test_a_first_registration_names_all_that_comes(payload: dict[str, Any]) -> None:
    (line,) = difference([payload], [])
    assert line.startswith("/interview is added, with start, hint, time, ")


def test_what_is_not_ours_any_more_is_removed(payload: dict[str, Any]) -> None:
    old = [stored({"name": "quiz", "description": "-"}, server=False), {"type": 2, "name": "Quiz them"}]
    assert difference([payload], [stored(payload, server=False), *old]) == (
        "/quiz is removed",
        "user menu “Quiz them” is removed",
    )


def option(payload: dict[str, Any], *path: str) -> dict[str, Any]:
    """An option, by the names on the way to it."""
    for name in path:
        payload = next(each for each in payload["options"] if each["name"] == name)
    return payload


Change = Callable[[dict[str, Any]], object]


CHANGES: list[tuple[Change, str]] = [
    (
        lambda old: old.update(description="Quiz"),
        "/interview: its description changes from “Quiz” to “Practise a system design interview”",
    ),
    (
        lambda old: old.update(contexts=[0]),
        "/interview: where it can be used changes from servers to servers and our direct messages and direct messages "
        "between others",
    ),
    (lambda old: old.update(contexts=None, dm_permission=False), "/interview: where it can be used changes from"),
    (
        lambda old: old.update(integration_types=[0]),
        "/interview: for whom it can be installed changes from servers to servers and people",
    ),
    (
        lambda old: old.update(default_member_permissions="0"),
        "/interview: who may use it changes from “0” to nothing",
    ),
    (lambda old: old["options"].remove(option(old, "hint")), "/interview hint is added"),
    (
        lambda old: old["options"].append({"type": 1, "name": "weekly", "description": "-"}),
        "/interview weekly is removed",
    ),
    (
        lambda old: option(old, "hint").update(description="A hint"),
        "/interview hint: its description changes from “A hint” to “The next hint",
    ),
    (
        lambda old: option(old, "start")["options"].remove(option(old, "start", "level")),
        "/interview start, option level is added",
    ),
    (
        lambda old: option(old, "start")["options"].append({"type": 3, "name": "zone", "description": "-"}),
        "/interview start, option zone is removed",
    ),
    (
        lambda old: option(old, "start", "level").update(required=True),
        "/interview start, option level: whether it has to be given changes from yes to no",
    ),
    (
        lambda old: option(old, "start", "about").pop("autocomplete"),
        "/interview start, option about: whether it is suggested while somebody types changes from no to yes",
    ),
    (
        lambda old: option(old, "start", "level")["choices"][0].update(name="Junior"),
        "/interview start, option level: the choices change: “Mid” is added, “Junior” is removed",
    ),
    (
        lambda old: option(old, "start", "level")["choices"].reverse(),
        "/interview start, option level: the choices change: they come in another order",
    ),
    (lambda old: old["options"].reverse(), "/interview: what it has comes in another order"),
]


@pytest.mark.parametrize(("change", "line"), CHANGES, ids=range(len(CHANGES)))
def test_each_change_is_one_line(payload: dict[str, Any], change: Change, line: str) -> None:
    old = copy.deepcopy(stored(payload, server=False))
    change(old)
    lines = difference([payload], [old])
    assert len(lines) == 1
    assert lines[0].startswith(line)


async def test_what_is_registered_is_what_was_wanted_and_there_is_no_more_to_do(portal: Portal, known: Bank) -> None:
    to_be = wanted(known, personas=False)
    async with logged_in(portal.settings()) as client:
        registry = Registry(client, ID)
        before = await registry.registered()
        assert difference(to_be, before) != ()
        await registry.register(to_be, before)
        assert difference(to_be, await registry.registered()) == ()
    assert portal.put == [(0, list(to_be))]


async def test_the_command_of_an_activity_is_registered_again_with_ours(portal: Portal, known: Bank) -> None:
    launch = {"id": "7", "type": 4, "name": "launch", "handler": 2}
    portal.commands[0] = [launch]
    async with logged_in(portal.settings()) as client:
        registry = Registry(client, ID)
        await registry.register(wanted(known, personas=False), await registry.registered())
    ((_, sent),) = portal.put
    assert [each["name"] for each in sent] == ["interview", "launch"]
    assert sent[1] == launch


async def test_one_servers_commands_are_its_own(portal: Portal, known: Bank) -> None:
    to_be = wanted(known, personas=False, server=True)
    async with logged_in(portal.settings()) as client:
        registry = Registry(client, ID, 5)
        await registry.register(to_be, await registry.registered())
        assert difference(to_be, await registry.registered()) == ()
    ((server, (sent,)),) = portal.put
    assert server == 5
    assert not {"contexts", "integration_types", "dm_permission"} & set(sent)
    assert portal.commands[0] == []


def asked(link: str) -> dict[str, str]:
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "discord.com", "/oauth2/authorize")
    return {key: value for key, (value,) in parse_qs(parts.query, strict_parsing=True).items()}


def test_a_server_is_asked_for_seven_permissions_and_no_more() -> None:
    told = asked(invite(ID, SERVER))
    bits = told.pop("permissions")
    assert told == {"client_id": str(ID), "scope": "bot applications.commands", "integration_type": "0"}
    held = discord.Permissions(int(bits))
    assert all(getattr(held, name) for name in PERMISSIONS)
    assert int(bits).bit_count() == len(PERMISSIONS) == 7
    # What can harm a server, or counts as privileged.
    assert not held.value & discord.Permissions.elevated().value
    assert permissions() == held


def test_a_person_is_asked_for_the_commands_alone() -> None:
    told = asked(invite(ID, PERSON))
    assert told == {"client_id": str(ID), "scope": "applications.commands", "integration_type": "1"}
