"""`mockingbird doctor` about Discord: every state that an application gets into, and what there is to do about it."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import discord
import pytest
from pydantic import SecretStr, ValidationError

from bot.discord.checks import advice, checks
from bot.discord.registry import wanted
from bot.doctor import Amiss
from bot.settings import Settings
from interviewer.questions import Bank
from tests.discord_portal import INSTALL, TOKEN, Portal, open_portal

ROOT = Path(__file__).parent.parent
WRONG = "no-token"
READS, READS_A_LITTLE = 1 << 18, 1 << 19
"""The flags of an application that may read messages, in many servers and in few."""


@pytest.fixture
async def portal() -> AsyncGenerator[Portal]:
    async with open_portal() as portal:
        yield portal


async def examined(settings: Settings, bank: Bank, patience: float = 10.0) -> dict[str, str]:
    """What each check said, with "✗ " before what is amiss."""
    told: dict[str, str] = {}
    for name, check in checks(settings, bank, patience):
        try:
            told[name] = await check()
        except Amiss as problem:
            told[name] = f"✗ {problem}"
    assert not any(TOKEN in said for said in told.values())
    return told


async def test_a_bot_in_order_is_named_and_nothing_is_amiss(portal: Portal, known: Bank) -> None:
    portal.has(wanted(known, personas=False))
    assert await examined(portal.settings(), known) == {
        "discord": "mockingbird#0042, of the application Mockingbird",
        "intents": "no privileged one is asked for: direct messages and mentions are heard",
        "commands": "registered and up to date",
        "installs": "can be installed by servers and by people for themselves; `mockingbird discord invite` prints the links",
    }
    assert portal.put == []


async def test_a_refused_token_is_told_once_with_where_another_is_found(portal: Portal, known: Bank) -> None:
    told = await examined(portal.settings(discord_token=WRONG), known)
    assert told.pop("discord").startswith("✗ Discord refused DISCORD_TOKEN: copy it anew from the Bot page")
    assert set(told.values()) == {"✗ Discord can't be asked for this yet: mend what is said of it above first."}


async def test_a_missing_token_is_told_with_where_it_is_found(portal: Portal, known: Bank) -> None:
    told = await examined(portal.settings(discord_token=""), known)
    assert told["discord"].startswith("✗ Discord needs DISCORD_TOKEN: make an application at discord.com/developers")


async def test_a_discord_that_is_not_there_is_told_with_its_address(known: Bank) -> None:
    settings: dict[str, Any] = {"discord_token": TOKEN, "discord_api_url": "http://127.0.0.1:1/api/v10"}
    told = await examined(Settings(**settings), known)
    assert told["discord"].startswith(
        "✗ Discord can't be reached at http://127.0.0.1:1/api/v10 (ClientConnectorError): look at the network"
    )


async def test_a_discord_that_says_nothing_is_waited_for_no_longer_than_patience_has_it(
    portal: Portal, known: Bank
) -> None:
    portal.silent = True
    told = await examined(portal.settings(), known, patience=0.1)
    assert told["discord"].startswith(f"✗ Discord does not answer at {portal.address} (TimeoutError)")


async def test_what_discord_refuses_is_told_with_its_number(portal: Portal, known: Bank) -> None:
    portal.fails = 403
    told = await examined(portal.settings(), known)
    assert told["discord"] == "✗ Discord refuses what it was asked (HTTP 403): no"


@pytest.mark.parametrize(
    ("flags", "wish", "said"),
    [
        (0, True, "✗ DISCORD_MESSAGE_CONTENT is set, and the application may not read messages: switch on"),
        (READS, True, "plain messages in private threads are heard too"),
        (READS_A_LITTLE, True, "plain messages in private threads are heard too"),
        (
            READS,
            False,
            "no privileged one is asked for: direct messages and mentions are heard; Message Content Intent is on",
        ),
    ],
)
async def test_the_intent_to_read_messages_is_held_against_what_is_set(
    portal: Portal, known: Bank, flags: int, wish: bool, said: str
) -> None:
    portal.application["flags"] = flags
    told = await examined(portal.settings(discord_message_content=wish), known)
    assert told["intents"].startswith(said)


async def test_commands_that_are_not_registered_lead_to_sync(portal: Portal, known: Bank) -> None:
    told = await examined(portal.settings(), known)
    assert told["commands"] == "✗ No command is registered yet: run `mockingbird discord sync`."


async def test_commands_of_an_older_version_lead_to_sync_with_what_changes(portal: Portal, known: Bank) -> None:
    portal.has(wanted(known, personas=True))
    old = portal.commands[0][0]
    old["options"] = [each for each in old["options"] if each["name"] != "hint"]
    told = await examined(portal.settings(), known)
    assert told["commands"] == (
        "✗ The registered commands are out of date (/interview start, option persona is removed, and 1 more): run "
        "`mockingbird discord sync`."
    )


async def test_a_language_model_that_was_set_up_since_is_a_change_of_the_commands(portal: Portal, known: Bank) -> None:
    portal.has(wanted(known, personas=False))
    told = await examined(portal.settings(interview_model="openai:any"), known)
    assert told["commands"] == (
        "✗ The registered commands are out of date (/interview start, option persona is added): run `mockingbird discord sync`."
    )


async def test_an_address_for_interactions_keeps_them_from_the_bot(portal: Portal, known: Bank) -> None:
    portal.has(wanted(known, personas=False))
    portal.application["interactions_endpoint_url"] = "https://example.com/interactions"
    told = await examined(portal.settings(), known)
    assert told["commands"].startswith("✗ The application has an Interactions Endpoint URL")


@pytest.mark.parametrize(
    ("application", "said"),
    [
        ({"bot_require_code_grant": True}, "✗ Nobody can install the bot while Requires OAuth2 Code Grant is on"),
        (
            {"integration_types_config": {"0": INSTALL}},
            "can be installed by servers; `mockingbird discord invite` prints the links. "
            "People can't install it for themselves, unless User Install is switched on",
        ),
        (
            {"integration_types_config": {"1": INSTALL}},
            "can be installed by people for themselves; `mockingbird discord invite` prints "
            "the links. Servers can't install it, unless Guild Install is switched on",
        ),
        (
            {"integration_types_config": {}},
            "can be installed in ways that Discord doesn't tell; `mockingbird discord invite`",
        ),
        (
            {"bot_public": False},
            "can be installed by servers and by people for themselves; `mockingbird discord invite` prints the "
            "links. Only its owner can install it, unless Public Bot is switched on",
        ),
    ],
    ids=["code-grant", "servers", "people", "untold", "owner"],
)
async def test_who_can_install_it_is_told(portal: Portal, known: Bank, application: dict[str, Any], said: str) -> None:
    portal.application.update(application)
    told = await examined(portal.settings(), known)
    assert told["installs"].startswith(said)


async def doctor(data: Path, embeddings: Path, **settings: str) -> tuple[int, str, str]:
    """The exit code of `mockingbird doctor`, what it printed without line breaks, and what it said of errors."""
    own = {"MOCKINGBIRD_DATA": str(data), "MOCKINGBIRD_CACHE": str(embeddings), "COLUMNS": "300"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "doctor",
        cwd=ROOT,
        env=os.environ | own | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    return process.returncode or 0, " ".join(out.decode().split()), errors.decode()


async def test_the_doctor_says_that_the_bot_will_work(
    portal: Portal, known: Bank, tmp_path: Path, embeddings: Path
) -> None:
    portal.has(wanted(known, personas=False))
    code, said, errors = await doctor(tmp_path, embeddings, **portal.environment())
    assert (code, errors) == (0, "")
    assert "discord direct messages and mentions; in private threads what mentions the bot" in said
    assert "✓ discord mockingbird#0042, of the application Mockingbird ✓ intents" in said
    assert said.endswith("All well: `mockingbird chat` and `mockingbird discord` will work.")
    assert TOKEN not in said


async def test_the_doctor_says_what_is_amiss_without_a_traceback(
    portal: Portal, tmp_path: Path, embeddings: Path
) -> None:
    settings = portal.environment() | {"DISCORD_TOKEN": "no-token"}
    code, said, errors = await doctor(tmp_path, embeddings, **settings)
    assert (code, errors) == (1, "")
    assert "✗ discord Discord refused DISCORD_TOKEN: copy it anew" in said
    assert "no-token" not in said


def test_a_token_is_taken_as_discords_examples_write_it_and_never_printed() -> None:
    found = Settings(discord_token=SecretStr(f" Bot {TOKEN} "))
    assert found.discord_token.get_secret_value() == TOKEN
    assert TOKEN not in f"{found!r} {found.model_dump_json()}"


def test_an_address_that_is_none_is_refused_with_an_example() -> None:
    assert Settings(discord_api_url="http://127.0.0.1:1/api/v10/").discord_api_url == "http://127.0.0.1:1/api/v10"
    with pytest.raises(
        ValidationError, match=r"DISCORD_API_URL must start with http:// or https://, as in https://discord"
    ):
        Settings(discord_api_url="discord.com/api")


def test_an_intent_that_is_off_and_too_many_calls_have_words_of_their_own() -> None:
    settings = Settings()
    assert "DISCORD_MESSAGE_CONTENT is set" in advice(discord.PrivilegedIntentsRequired(None), settings)
    assert "try again in a few minutes" in advice(discord.RateLimited(90.0), settings)
