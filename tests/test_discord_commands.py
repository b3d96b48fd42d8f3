"""The slash commands: what the picker shows of them, what is suggested while somebody types, and who is told."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import discord
import pytest
from discord.ext import commands
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import Persona, Wish, wish
from bot.discord.commands import DIRECT, THREAD, interview
from bot.discord.picker import CHOICES, LONGEST, Menu, further, zones
from bot.discord.registry import wanted
from interviewer.model import CommandName, Format, Level, Mode, Question
from interviewer.questions import Bank, data_root, load_bank
from tests.discord import DiscordServer
from tests.discord.client import turned_to

BANK = load_bank(data_root())
MENU = Menu(BANK.questions)
STEERED = ("hint", "time", "repeat", "next", "pause", "resume", "end", "answer")
ASKED = ("dispute", "score", "share", "history", "help", "export", "forget")


@dataclass
class Desk:
    """Notes who is told what, and says so."""

    told: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])

    async def _note(self, interaction: discord.Interaction, *what: str) -> None:
        self.told.append(what)
        await interaction.response.send_message("Noted.", ephemeral=True)

    async def start(self, interaction: discord.Interaction, words: str, where: str) -> None:
        await self._note(interaction, "start", words, where)

    async def steer(self, interaction: discord.Interaction, name: CommandName) -> None:
        await self._note(interaction, "steer", name)

    async def dispute(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "dispute")

    async def score(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "score")

    async def share(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "share")

    async def history(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "history")

    async def help(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "help")

    async def export(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "export")

    async def forget(self, interaction: discord.Interaction) -> None:
        await self._note(interaction, "forget")

    async def daily(self, interaction: discord.Interaction, order: str, channel: str = "") -> None:
        await self._note(interaction, "daily", order, channel)


@asynccontextmanager
async def attended(bank: Bank = BANK, *, personas: bool = True) -> AsyncGenerator[tuple[DiscordServer, Desk]]:
    """A Discord with the commands registered, and a bot that answers them."""
    desk = Desk()
    bot = commands.Bot(commands.when_mentioned, intents=discord.Intents(guilds=True), guild_ready_timeout=0.0)
    bot.tree.add_command(interview(desk, bank, personas=personas))
    async with DiscordServer.running() as server:
        server.registers(*(dict(each) for each in wanted(bank, personas=personas)))
        with turned_to(server):
            async with bot:
                running = asyncio.create_task(bot.start(server.token))
                try:
                    await server.connected()
                    yield server, desk
                finally:
                    await bot.close()
                    await running


async def test_each_command_tells_the_desk() -> None:
    async with attended() as (server, desk):
        ana = server.adds_user("ana")
        for name in (*STEERED, *ASKED):
            pressed = await server.types_command(ana, f"interview {name}")
            await server.until(lambda pressed=pressed: pressed.acknowledged)
    assert desk.told == [*(("steer", name) for name in STEERED), *((name,) for name in ASKED)]


async def test_all_that_was_chosen_becomes_words_that_are_understood() -> None:
    async with attended() as (server, desk):
        ana = server.adds_user("ana")
        pressed = await server.types_command(
            ana,
            "interview start",
            about="doordash",
            level="staff",
            length="quick",
            mode="interview",
            persona="sceptical",
            where="thread",
        )
        await server.until(lambda: pressed.acknowledged)
        bare = await server.types_command(ana, "interview start")
        await server.until(lambda: bare.acknowledged)
    (_, words, where), nothing = desk.told
    chosen = wish(words, BANK.questions)
    assert (chosen.level, chosen.format, chosen.mode) == (Level.STAFF, Format.QUICK, Mode.INTERVIEW)
    assert chosen.persona is Persona.SCEPTICAL
    assert [question.company for question in chosen.questions] == ["DoorDash"]
    assert where == THREAD
    assert nothing == ("start", "", "")
    assert wish("", BANK.questions) == Wish()


async def test_what_is_ordered_about_the_daily_question_becomes_words() -> None:
    async with attended() as (server, desk):
        ana = server.adds_user("ana")
        for name, more in (
            ("status", {}),
            ("skip", {"which": "undo"}),
            ("leaderboard", {"show": "on"}),
            ("set", {}),
            (
                "set",
                {
                    "channel": "general",
                    "time": "09:00",
                    "zone": "Europe/Berlin",
                    "topics": "payments, queues",
                    "level": "staff",
                },
            ),
        ):
            pressed = await server.types_command(ana, f"interview daily {name}", filled=more)
            await server.until(lambda pressed=pressed: pressed.acknowledged)
    assert [each[1:] for each in desk.told] == [
        ("status", ""),
        ("skip undo", ""),
        ("leaderboard on", ""),
        ("set", ""),
        ("set 09:00 Europe/Berlin level=staff topics=payments,queues", "general"),
    ]


def test_time_zones_and_topics_are_completed() -> None:
    assert zones("berl")[0] == "Europe/Berlin"
    assert zones("new y")[0] == "America/New_York"
    assert len(zones("")) <= CHOICES
    assert "Europe/Berlin" in zones("berln")
    assert further("payments, pay", BANK.questions) == []
    first, *_ = further("payments,que", BANK.questions)
    assert first.startswith("payments,que")


async def test_who_installed_it_for_themselves_has_it_in_a_server_without_the_bot() -> None:
    async with attended() as (server, desk):
        ana = server.adds_user("ana", installs=True)
        channel = server.adds_guild("Elsewhere", ana, with_bot=False).create_text_channel("general")
        pressed = await server.types_command(ana, "interview time", channel=channel)
        await server.until(lambda: pressed.acknowledged)
    assert desk.told == [("steer", "time")]


async def test_what_is_typed_is_completed_by_what_can_be_asked() -> None:
    async with attended() as (server, _):
        ana = server.adds_user("ana")
        first = await server.completes(ana, "interview start", option="about")
        found = await server.completes(ana, "interview start", option="about", text="Doordahs")
        nothing = await server.completes(ana, "interview start", option="about", text="kubernetes \N{BALLOON}")
    assert first[0] == {"name": "Surprise me", "value": "surprise"}
    assert len(first) == CHOICES
    assert found[0] == {"name": "Asked at DoorDash: 1 question", "value": "doordash"}
    assert nothing == []


def parts(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield payload
    for option in payload.get("options", ()):
        yield from parts(option)


def length(part: Mapping[str, Any]) -> int:
    values = [text for choice in part.get("choices", ()) for text in (choice["name"], choice["value"])]
    return sum(map(len, (part["name"], part["description"], *values)))


@pytest.mark.parametrize("personas", [True, False])
def test_discord_takes_every_command_as_it_is(personas: bool) -> None:
    (payload,) = wanted(BANK, personas=personas)
    for part in parts(payload):
        assert 1 <= len(part["name"]) <= 32
        assert 1 <= len(part["description"]) <= 100
        assert "!" not in part["description"]
        assert len(part.get("options", ())) <= 25
        choices = part.get("choices", ())
        assert len(choices) <= CHOICES
        assert all(1 <= len(choice["name"]) <= 100 and len(choice["value"]) <= 100 for choice in choices)
    named = {part["name"] for part in payload["options"]}
    assert named == {"start", *STEERED, *ASKED, "daily"}
    # Names, descriptions and values of a command and all its options may have so many characters together.
    assert sum(map(length, parts(payload))) <= 8_000
    assert payload["contexts"] == [0, 1, 2]
    assert payload["integration_types"] == [0, 1]


def choices_of(option: str, *, personas: bool) -> list[str] | None:
    (payload,) = wanted(BANK, personas=personas)
    found = [part for part in parts(payload) if part["name"] == option]
    return [choice["value"] for choice in found[0]["choices"]] if found else None


def test_what_can_be_chosen_is_what_there_is() -> None:
    assert choices_of("level", personas=False) == list(Level)
    assert choices_of("length", personas=False) == list(Format)
    assert choices_of("mode", personas=False) == list(Mode)
    assert choices_of("where", personas=False) == [DIRECT, THREAD]


def test_how_the_interviewer_speaks_is_a_choice_only_where_a_language_model_speaks() -> None:
    assert choices_of("persona", personas=True) == list(Persona)
    assert choices_of("persona", personas=False) is None


# --- the menu


def values(typed: str, menu: Menu = MENU) -> list[str]:
    return [offer.value for offer in menu.offers(typed)]


@pytest.mark.parametrize(
    ("typed", "best"),
    [
        ("apple", "apple"),
        ("APP", "apple"),
        ("goggle", "google"),
        ("uber eats", "uber eats"),
        ("pay", "payments"),
        ("payments senior", "payments"),
        ("task schedular", "apple-task-scheduler"),
        ("ratelimiter", "nvidia-rate-limiter"),
        ("design a chat", "oracle-chat"),
        ("surp", "surprise"),
    ],
)
def test_the_best_comes_first(typed: str, best: str) -> None:
    assert values(typed)[0] == best


def test_with_nothing_typed_the_way_out_comes_first_and_the_questions_last() -> None:
    first = values("")
    assert first[0] == "surprise"
    assert {"payments", "google"} < set(first[:15])
    assert first[-1] in {question.id for question in BANK.questions}
    assert values("  \N{BALLOON} ?") == first


def test_every_offer_of_the_bank_is_understood_as_what_it_says() -> None:
    everything = {offer.value: offer for word in "abcdefghijklmnopqrstuvwxyz" for offer in MENU.offers(word)}
    for question in BANK.questions:
        offer = MENU.offers(question.title)[0]
        assert offer.value == question.id
        assert question.title in offer.name
        everything[offer.value] = offer
    for offer in everything.values():
        meant = wish(offer.value, BANK.questions).questions
        if ": " in offer.name and offer.name.split(": ")[-1].split()[0].isdecimal():
            assert int(offer.name.split(": ")[-1].split()[0]) == len(meant)
        else:
            assert offer.value == "surprise" or [question.id for question in meant] == [offer.value]


TEXT = st.text(st.characters(codec=None))
"""Any text, lone surrogates included."""


@given(TEXT | st.sampled_from(["خوادم", "\u202egnip", "\N{BALLOON}" * 50]) | TEXT.map(lambda text: text * 2_000))
def test_nothing_that_can_be_typed_hurts(typed: str) -> None:
    found = MENU.offers(typed)
    assert len(found) <= CHOICES
    assert len({offer.value for offer in found}) == len({offer.name for offer in found}) == len(found)
    for offer in found:
        assert 1 <= len(offer.name) <= LONGEST
        assert 1 <= len(offer.value) <= LONGEST
        assert offer.value == "surprise" or wish(offer.value, BANK.questions).questions


def test_a_book_is_looked_at_no_further_than_its_first_words() -> None:
    assert values("payments " + "zzz " * 20_000)[0] == "payments"


def test_what_can_not_be_looked_up_is_answered_with_the_beginning_and_kept_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Discord sends text. Whatever else comes, a picker has no room for an apology.
    assert values(cast(str, 20_231_123)) == values("")
    assert "can't be looked up: TypeError" in caplog.text
    assert "20231123" not in caplog.text


def own(id: str, title: str, company: str = "", *topics: str) -> Question:
    return Question(id=id, title=title, prompt="Design it.", company=company, topics=topics)


def test_names_that_mean_something_else_are_not_offered(tmp_path: Path) -> None:
    questions = [
        own("42", "A number that is no place in the list", "Staff", "surprise"),
        own("1", "The second in the list", "Acme", "quick"),
        own("long", "Long " * 60, "Acme", "x" * 120),
        own("long-too", "Long " * 60, "Acme", "acme"),
        own("marked", "Turned\u202e\x00 round", "Acme", ""),
    ]
    menu = Menu(Bank((question, tmp_path) for question in questions).questions)
    offered = {offer.value: offer.name for offer in (*menu.offers(""), *menu.offers("acme"))}
    assert offered["acme"] == "Asked at Acme: 4 questions"
    assert not {"staff", "quick", "1", "x" * 120} & set(offered)
    assert offered["marked"] == "Turned round (Acme)"
    assert len(offered["long"]) <= LONGEST
    # What can't be told from another in the picker is there once.
    assert "long-too" not in offered


def test_a_bank_without_questions_offers_a_surprise() -> None:
    assert values("", Menu([])) == ["surprise"]
    assert values("payments", Menu([])) == []
