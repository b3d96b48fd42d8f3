"""What a person can ask of the bot in Discord besides an interview, by command or below a scorecard: told to them alone, kept for
them alone, shown to others only when they say so, and forgotten when they say so."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import discord as library
import pytest
from simcord.builders import ChannelHandle, UserHandle

from bot import actions
from bot.debrief import NONE_LEFT
from bot.discord import buttons as row
from bot.discord import errands, reception
from bot.discord.errands import ONE_AT_A_TIME
from bot.discord.places import Place, person, room
from bot.discord.service import Discord
from bot.steering import IS_CLOSED, IS_OVER, NO_INTERVIEW, NOT_YET, REALLY_END, STANDS_STILL
from bot.wiring import Interviewer
from interviewer import embedded
from interviewer.engine import Pace
from interviewer.model import CommandName, Interview, Phase, Preferences
from interviewer.ports import Room
from interviewer.questions import Bank
from tests.discord import DiscordServer, Message
from tests.discord.reading import parts
from tests.discord_bot import Table, connected, pressable, register, settings, thread_of
from tests.fakes import wait_until
from tests.keys import everything, of_the_store, settled
from tests.test_people import held

SAID = "I would keep an idempotency key of our own with every charge, so that a retry finds the first one."
STEERING = ("hint", "time", "repeat", "next", "pause", "resume", "end", "answer")


@pytest.fixture
async def discord() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer.running() as server:
        yield server


@pytest.fixture
def ana(discord: DiscordServer) -> UserHandle:
    return discord.adds_user("ana")


@pytest.fixture
async def bot(
    discord: DiscordServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> AsyncGenerator[Discord]:
    async with connected(settings(discord, embeddings), redis_url, leads, known) as part:
        register(discord, part.bot)
        yield part


@pytest.fixture
def table(discord: DiscordServer, ana: UserHandle, bot: Discord) -> Table:
    return Table(discord, ana)


@pytest.fixture
def channel(discord: DiscordServer, ana: UserHandle) -> ChannelHandle:
    """A channel of a server that both are in."""
    return discord.adds_guild("Acme", ana, discord.adds_user("ben")).create_text_channel("general")


async def state(bot: Discord, thread: str) -> Interview:
    interview = await bot.store.interview(thread)
    assert interview
    return interview


async def answer(table: Table, name: str, channel: ChannelHandle | int | None = None, **options: Any) -> str:
    """What they are told for `/interview NAME`."""
    return (await table.told(await table.orders(name, channel=channel, **options))).text


def file(discord: DiscordServer, message: Message) -> bytes:
    """The file that came with a message."""
    path = str(message.attachments[0]["url"]).partition("/attachments/")[2].partition("?")[0]
    content: dict[str, tuple[bytes, str]] = getattr(discord.env.backend.cdn, "content")  # noqa: B009
    return content[f"/attachments/{path}"][0]


# --- commands -------------------------------------------------------------------------------------------------------


async def test_with_nothing_running_each_command_says_how_to_begin(
    discord: DiscordServer, table: Table, channel: ChannelHandle
) -> None:
    expected = {
        **dict.fromkeys(STEERING, NO_INTERVIEW),
        "score": reception.NO_CARD,
        "share": reception.NO_CARD,
        "dispute": reception.NOTHING_TO_DISPUTE,
        "history": reception.NO_HISTORY,
        "help": reception.HELP,
        "forget": reception.REALLY_FORGET,
        "export": reception.EXPORTED,
    }
    for where in (None, channel):
        for name, said in expected.items():
            assert await answer(table, name, where) == said, name
    assert discord.said(table.dm) == []
    assert discord.said(channel) == []
    assert len(discord.ephemerals(table.who)) == 2 * len(expected)


async def test_every_command_does_its_work_where_the_interview_is_held_and_leaves_nothing_else_there(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    thread = thread_of(await table.begins())
    for name, paused in (
        ("hint", False),
        ("time", False),
        ("repeat", False),
        ("next", False),
        ("pause", True),
        ("resume", False),
    ):
        count = len(table.said())
        pressed = await table.orders(name)
        await table.hears(count + 1)
        await discord.until(lambda pressed=pressed: pressed.deleted)
        assert pressed.ephemeral, name
        assert (await state(bot, thread)).paused is paused
    assert (await state(bot, thread)).phase is Phase.REQUIREMENTS
    await table.orders("pause")
    await table.offered(actions.RESUME)
    assert await answer(table, "pause") == STANDS_STILL
    for early in ("answer", "dispute"):
        assert await answer(table, early) == {"answer": NOT_YET, "dispute": reception.NOTHING_TO_DISPUTE}[early]
    assert await answer(table, "end") == REALLY_END


async def test_from_elsewhere_a_command_steers_the_interview_and_says_where_the_reply_is(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    thread = thread_of(await table.begins())
    link = f"https://discord.com/channels/@me/{table.dm}"
    assert link in await answer(table, "time", channel)
    await table.hears(3)
    asked = await table.told(await table.orders("end", channel=channel))
    assert asked.text == REALLY_END
    await discord.presses(table.who, asked, row.REALLY)
    card = await table.offered(actions.REPORT)
    assert (await state(bot, thread)).phase is Phase.DEBRIEF
    assert link in await answer(table, "score", channel)
    await discord.until(lambda: len([m for m in table.said() if actions.REPORT in pressable(m)]) == 2)
    assert link in await answer(table, "answer", channel)
    assert discord.said(channel) == []
    assert card.id != table.said()[-1].id


async def test_after_the_end_come_score_history_answer_dispute_and_the_close(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    thread = thread_of(await table.begins())
    await table.says(SAID)
    assert "not finished" in await answer(table, "history")
    assert await answer(table, "score") == reception.NO_CARD
    await table.ends()
    for late in ("hint", "time", "next", "pause", "resume", "repeat"):
        assert await answer(table, late) == IS_OVER
    count = len(table.said())
    await table.orders("answer")
    assert "answer" in (await table.hears(count + 1)).text.lower()
    await table.offered(actions.ANSWER)
    count = len(table.said()) - 1
    # By command, the form is in nobody's way: nothing is left of it once the reply is there.
    form = await table.orders("dispute")
    modal = await discord.until(lambda: form.modal)
    (point, *_) = [option["value"] for option in modal["components"][0]["component"]["options"]]
    done = await discord.submits(form, {"point": point, "argument": "The restaurant and the courier get a share each."})
    changed = await table.hears(count + 2)
    assert "Scorecard" in (await table.hears(count + 3)).text
    await discord.until(lambda: done.deleted)
    assert changed.mentions == ()
    assert (await state(bot, thread)).points[point].disputed
    shown = await table.orders("score")
    await discord.until(lambda: shown.deleted)
    again = await table.hears(count + 4)
    assert "scorecard" in again.text.lower()
    assert {actions.REPORT, actions.DISPUTE, actions.ANSWER, actions.SHARE, row.CLOSE} <= set(pressable(again))
    # In the debrief, `end` is what Close is.
    await table.orders("end")
    await table.offered(actions.SURPRISE)
    assert (await state(bot, thread)).phase is Phase.FINISHED
    assert await answer(table, "end") == NO_INTERVIEW
    assert await answer(table, "dispute") == IS_CLOSED
    # What is closed can still be read and shown, and no more than that.
    await table.orders("score")
    closed = await table.offered(actions.REPORT)
    assert set(pressable(closed)) == {actions.REPORT, actions.SHARE, row.HELPFUL, row.UNHELPFUL}
    assert "no verdict" in await answer(table, "history")


async def test_where_no_point_is_left_a_dispute_says_so(bot: Discord, table: Table) -> None:
    await table.begins()
    card = await table.ends()
    assert actions.DISPUTE not in pressable(card), "nothing was reached"
    assert (await table.told(await table.orders("dispute"))).text == NONE_LEFT


async def test_what_is_not_understood_is_said_with_what_may_have_been_meant_and_pings_nobody(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    for typed, meant in (("payments snior", "senior"), ("unicorns", "/interview help"), ("appel", "apple")):
        assert meant in await answer(table, "start", channel, about=typed)
    for wicked in ("@everyone", "<@&1> <@1>", "[pay](https://evil.example)", "||x|| # h", "@here payments"):
        told = await table.told(await table.orders("start", channel=channel, about=wicked))
        assert told.mentions == ()
        assert not [mark for mark in ("@everyone", "<@", "](http", "||x||") if mark in told.text]
    assert discord.said(channel) == []
    assert discord.said(table.dm) == []


async def test_the_picker_offers_questions_companies_and_topics_that_can_be_begun(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    def values(offers: Sequence[Any]) -> list[str]:
        assert len(offers) <= 25
        assert all(1 <= len(str(offer[part])) <= 100 for offer in offers for part in ("name", "value"))
        return [str(offer["value"]) for offer in offers]

    async def typed(text: str) -> list[str]:
        return values(await discord.completes(table.who, "interview start", option="about", text=text, channel=channel))

    assert len(await typed("")) == 25
    assert "doordash-payments" in await typed("doordsh")
    assert [value for value in await typed("appel") if "apple" in value.lower()]
    assert [value for value in await typed("paymen") if value == "payments"]
    for garbage in ("@everyone", "'; DROP TABLE", "\N{PILE OF POO}" * 50, "x" * 6000, " ", "\x00\n", "(.*)+", "%s{}"):
        await typed(garbage)
    (company, *_) = [value for value in await typed("doordash") if value.lower() == "doordash"]
    await table.orders("start", channel=channel, about=company)
    question = await table.offered(actions.HINT)
    assert (await state(bot, thread_of(question))).settings.question == "doordash-payments"


async def test_asked_for_between_two_people_it_opens_where_nobody_else_is(
    discord: DiscordServer, bot: Discord, known: Bank
) -> None:
    ana, ben = discord.adds_user("ana", installs=True), discord.adds_user("ben")
    group, table = discord.adds_group(ana, ben), Table(discord, ana)
    # Two people's direct message is of the same type as that with the bot.
    discord.env.backend.channels[group].type = library.ChannelType.private.value
    told = await table.told(await table.orders("start", channel=group, about="doordash"))
    assert told.text == errands.IN_PRIVATE
    await table.offered(actions.HINT)
    refused = await table.orders("start", channel=group, where="thread")
    await discord.until(lambda: [m for m in discord.ephemerals(ana) if m.text == errands.NO_SERVER])
    assert refused.ephemeral
    assert [m for m in discord.messages(group) if not m.ephemeral] == []


# --- one at a time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["typed", "commands", "both", "three"])
async def test_of_two_that_are_begun_at_the_same_moment_one_opens_and_can_be_answered(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle, how: str
) -> None:
    async def write() -> None:
        await discord.writes(ana, "start doordash quick")

    async def order() -> None:
        await table.orders("start", about="doordash", length="quick")

    begun = {
        "typed": (write, write),
        "commands": (order, order),
        "both": (write, order),
        "three": (write, order, write),
    }
    await asyncio.gather(*(begin() for begin in begun[how]))

    def refused() -> list[Message]:
        return [m for m in (*table.said(), *discord.ephemerals(ana)) if m.text == ONE_AT_A_TIME]

    await discord.until(lambda: len(refused()) == len(begun[how]) - 1)
    questions = await discord.until(lambda: [m for m in table.said() if actions.HINT in pressable(m)])
    assert len(questions) == 1
    thread = thread_of(questions[0])
    before = len(table.said())
    await discord.writes(ana, SAID)
    await discord.until(lambda: len(table.said()) > before)
    assert SAID in [turn.text for turn in await bot.store.transcript(thread)]
    others = [each for each in await bot.store.threads(person(ana.id)) if each != thread]
    assert [each for each in others if await bot.store.interview(each) or await bot.store.transcript(each)] == []
    assert [each for each in others if await bot.store.holder(each)] == []


async def test_a_second_interview_waits_for_the_scorecard_of_the_first(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    first = thread_of(await table.begins())
    for where in (None, channel):
        await table.orders("start", channel=where)
    await discord.until(lambda: len([m for m in discord.ephemerals(table.who) if m.text == ONE_AT_A_TIME]) == 2)
    assert discord.said(channel) == []
    await table.ends()
    await table.orders("start", about="doordash")
    second = thread_of(await table.offered(actions.HINT))
    assert second != first
    assert (await state(bot, first)).phase is Phase.DEBRIEF
    # What is typed now is meant for the second.
    await table.orders("pause")
    await table.offered(actions.RESUME)
    assert (await state(bot, second)).paused


# --- the scorecard --------------------------------------------------------------------------------------------------


async def finished(bot: Discord, table: Table, *said: str) -> str:
    """The thread of an interview that has come to its scorecard."""
    thread = thread_of(await table.begins())
    for each in said:
        await table.says(each)
    await table.ends()
    return thread


def bare(text: str) -> str:
    """Letters and spaces alone, whatever marks were put between them."""
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ")


async def test_a_channel_sees_a_scorecard_only_when_its_candidate_says_so_and_then_none_of_their_words(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle, known: Bank
) -> None:
    thread = await finished(bot, table, SAID)
    assert (await table.told(await table.presses(actions.SHARE))).text == reception.SHARE_HOW
    assert await answer(table, "share") == reception.SHARE_HOW
    asked = await table.told(await table.orders("share", channel=channel))
    assert asked.text == reception.SHARE_HERE.format(title="A payment processor that never charges twice")
    assert discord.said(channel) == [], "it was asked, and nothing else"
    pressed = await asyncio.gather(*(discord.presses(table.who, asked, row.POST_HERE) for _ in range(3)))
    (shared,) = await discord.until(lambda: discord.said(channel))
    await discord.until(lambda: discord.message(asked).text == reception.SHARED)
    assert pressable(discord.message(asked)) == []
    await discord.until(lambda: len([each for each in pressed if each.followups]) == 3)
    told = [each.text for press in pressed for each in press.followups if each.ephemeral]
    assert told == [reception.ON_ITS_WAY] * 2
    assert not shared.ephemeral
    assert [each["filename"] for each in shared.attachments] == ["scorecard.png"]
    assert "never charges twice" in shared.text
    assert "senior" in shared.text
    assert pressable(shared) == []
    words = bare(json.dumps(shared.components))
    interview = await state(bot, thread)
    quotes = [found.evidence.quote for found in interview.points.values() if found.evidence]
    assert quotes
    gaps = [point.statement for point in known.case("doordash-payments").guide.rubric]
    assert [each for each in (*quotes, *gaps) if bare(each)[:40] in words] == []
    assert discord.said(channel) == [shared]


async def test_who_installed_the_bot_can_share_where_it_is_no_member(
    discord: DiscordServer, bot: Discord, known: Bank
) -> None:
    ana, ben = discord.adds_user("ana", installs=True), discord.adds_user("ben")
    guild = discord.adds_guild("Elsewhere", ana, ben, with_bot=False)
    elsewhere, table = guild.create_text_channel("wins"), Table(discord, ana)
    await finished(bot, table, SAID)
    for where in (elsewhere.id, discord.adds_group(ana, ben)):
        asked = await table.told(await table.orders("share", channel=where))
        assert discord.said(where) == []
        await discord.presses(ana, asked, row.POST_HERE)
        (shared,) = await discord.until(lambda where=where: discord.said(where))
        assert "never charges twice" in shared.text


async def test_a_scorecard_that_can_not_be_shared_in_time_is_told_to_its_candidate_alone(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    await finished(bot, table)
    asked = await table.told(await table.orders("share", channel=channel))
    discord.faults.add("POST", "/webhooks/*", status=403, code=50013)
    await discord.presses(table.who, asked, row.POST_HERE)
    await discord.until(lambda: [m for m in discord.ephemerals(table.who) if m.text == errands.FAILED])
    assert discord.said(channel) == []


async def test_nothing_of_an_interview_is_in_a_channel_where_nobody_shared_it(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle
) -> None:
    await table.orders("start", channel=channel, about="doordash", length="quick")
    await table.offered(actions.HINT)
    await table.says(SAID)
    for name in ("time", "hint", "history", "score", "export", "help", "share"):
        await table.orders(name, channel=channel)
    await table.hears(5)
    card = await table.ends()
    for action in (actions.REPORT, actions.ANSWER):
        await table.presses(action, card)
    await discord.until(
        lambda: [m for m in table.said() if [a for a in m.attachments if a["filename"].endswith(".md")]]
    )
    assert await answer(table, "share", channel)
    assert discord.messages(channel) == []
    assert discord.threads(channel) == []
    ben = next(user for user in discord.env.backend.users.values() if user.name == "ben")
    assert discord.ephemerals(UserHandle(discord.env, ben)) == []


async def test_a_scorecard_stays_within_discords_limits_however_much_was_said(
    discord: DiscordServer, bot: Discord, table: Table, known: Bank
) -> None:
    guide = known.case("doordash-payments").guide
    first = await table.begins("start doordash full staff")
    # As long as a message may be, and full of marks that have to be escaped.
    for number in range(0, len(guide.rubric), 2):
        said = [f"{point.exemplars[0]} *_`~|{'x' * 40}|~`_*" for point in guide.rubric[number : number + 2]]
        await table.says(" ".join(said)[:2000])
    card = await table.ends()
    interview = await state(bot, thread_of(first))
    assert len([found for found in interview.points.values() if found.evidence]) > 3
    layouts = [m for m in table.said() if m.components and m.components[0]["type"] == 17]
    assert layouts[-1].id == card.id
    for message in layouts:
        shown = list(parts(message.components))
        assert len(shown) <= 40
        assert len("".join(str(each["content"]) for each in shown if each["type"] == 10)) <= 4000
    assert actions.REPORT in pressable(card)


# --- what is kept ---------------------------------------------------------------------------------------------------


async def test_the_history_lists_the_latest_interviews_on_their_days(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle, leads: Interviewer
) -> None:
    days = [1_700_000_000 + 86_400 * number for number in range(12)]
    for number, at in enumerate(days):
        ended = (CommandName.END,) if number % 2 else ()
        thread = Place(0, table.dm, str(1000 + number)).thread
        await held(bot.store, leads, thread, *ended, candidate=person(ana.id), at=float(at))
    lines = (await answer(table, "history")).split("\n")
    assert (
        lines
        == [
            f"- A distributed task scheduler, senior, <t:{at}:d>: {'no verdict' if number % 2 else 'not finished'}"
            for number, at in reversed(list(enumerate(days)))
        ][:10]
    )


async def test_the_export_is_everything_and_for_them_alone(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle, ana: UserHandle
) -> None:
    thread = await finished(bot, table, SAID)
    await bot.store.prefer(person(ana.id), Preferences(zone="Asia/Tokyo"))
    for where in (None, channel):
        told = await table.told(await table.orders("export", channel=where))
        assert told.text == reception.EXPORTED
        assert [each["filename"] for each in told.attachments] == ["mockingbird-export.json"]
        everything_kept = json.loads(file(discord, told))
        assert everything_kept["candidate"] == person(ana.id)
        assert everything_kept["preferences"]["zone"] == "Asia/Tokyo"
        (interview,) = everything_kept["interviews"]
        assert interview["thread"] == thread
        said = [turn["text"] for turn in interview["transcript"]]
        assert SAID in said
        assert len(said) == len(await bot.store.transcript(thread))
        assert interview["scorecard"]["question"] == "doordash-payments"
    assert discord.said(channel) == []


async def test_whoever_is_forgotten_leaves_no_key_and_nobody_else_loses_one(
    discord: DiscordServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, redis: Any
) -> None:
    ana, ben = discord.adds_user("ana"), discord.adds_user("ben")
    practice = discord.adds_guild("Acme", ana, ben).create_text_channel("practice")
    mine, theirs, environment = Table(discord, ana), Table(discord, ben), settings(discord, embeddings)
    # A pace at which a turn still waits for quiet when everything is deleted.
    slow = Pace(quiet=30.0, patience=60.0, redelivery=1.0)
    async with connected(environment, redis_url, leads, known) as bot:
        register(discord, bot.bot)
        await theirs.begins()
        await theirs.says(SAID)
        await settled(redis)
        before = await everything(redis)
        await finished(bot, mine, SAID)
        card = await mine.offered(actions.REPORT)
        await mine.presses(actions.REPORT, card)
        await discord.until(lambda: mine.said()[-1].attachments)
        await mine.presses(row.HELPFUL, card)
        await mine.orders("start", channel=practice, about="doordash", where="thread")
        (thread,) = await discord.until(lambda: discord.threads(practice))
        await mine.offered(actions.HINT, channel=thread)
        await answer(mine, "export")
        await bot.store.prefer(person(ana.id), Preferences(zone="Asia/Tokyo"))
    async with connected(environment, redis_url, leads, known, pace=slow) as bot:
        second = await mine.begins()
        message = await discord.writes(ana, "I would begin with the numbers.")
        await wait_for_key(redis, f"{thread_of(second)}}}:in")
        asked = await mine.told(await mine.orders("forget"))
        assert asked.text == reception.REALLY_FORGET
        assert (await bot.store.room(room(mine.dm))) == Room(person(ana.id), thread_of(second))
        pressed = await discord.presses(ana, asked, row.REALLY_FORGET)
        assert (await mine.told(pressed)).text == reception.FORGOTTEN
        await settled(redis)
        after = await everything(redis)
        assert of_the_store(after) == of_the_store(before)
        assert set(after) <= set(before)
        left = json.dumps(after)
        assert [name for name in map(str, (ana.id, mine.dm, thread, message)) if name in left] == []
        # The interview that was running has ended, and its buttons say so.
        count = len(mine.said())
        assert (await mine.told(await mine.presses(actions.HINT, second))).text.startswith(
            "That interview is no longer"
        )
        assert (await mine.told(await discord.presses(ana, asked, row.REALLY_FORGET))).text == reception.FORGOTTEN
        assert await answer(mine, "history") == reception.NO_HISTORY
        # What is written where the interview was belongs to nothing.
        await discord.writes(ana, "And I would go on with the numbers from there.")
        await mine.offered(actions.SURPRISE)
        assert len(mine.said()) == count + 1
        await settled(redis)
        assert of_the_store(await everything(redis)) == of_the_store(before)
    async with connected(environment, redis_url, leads, known):
        await theirs.says("And the provider's answer goes into the same row.")


async def wait_for_key(redis: Any, end: str) -> None:
    """Wait until a key that ends like this is there."""

    async def there() -> bool:
        return bool([key async for key in redis.scan_iter(match=f"*{end}", count=1000)])

    await wait_until(there)


async def mockingbird(url: str, cache: Path, *words: str) -> str:
    """What `mockingbird …` prints, on the server at `url`."""
    told = {**os.environ, "REDIS_URL": url, "MOCKINGBIRD_CACHE": str(cache), "COLUMNS": "200"}
    command = [sys.executable, "-m", "bot", *words]
    here = Path(__file__).parent.parent
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=here, env=told, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


async def test_whoever_runs_the_bot_exports_and_forgets_somebody_on_the_command_line(
    discord: DiscordServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, redis: Any
) -> None:
    ana, ben = discord.adds_user("ana"), discord.adds_user("ben")
    mine, theirs, environment = Table(discord, ana), Table(discord, ben), settings(discord, embeddings)
    async with connected(environment, redis_url, leads, known) as bot:
        register(discord, bot.bot)
        await theirs.begins()
        await settled(redis)
        before = await everything(redis)
        await mine.begins()
    async with connected(environment, redis_url, leads, known, pace=Pace(quiet=60.0, patience=90.0, redelivery=1.0)):
        # What is still to be done for them when nobody runs who could do it.
        await discord.writes(ana, SAID)
        await wait_for_key(redis, ":in")
    exported = json.loads(await mockingbird(redis_url, embeddings, "export", person(ana.id)))
    assert [each["interview"]["candidate"] for each in exported["interviews"]] == [person(ana.id)]
    assert [key for key in await everything(redis) if key.startswith("mockingbird-discord:") and str(mine.dm) in key]
    said = await mockingbird(redis_url, embeddings, "forget", person(ana.id), "--yes")
    assert f"Deleted: 1 interview of {person(ana.id)}" in said
    await settled(redis)
    after = await everything(redis)
    assert of_the_store(after) == of_the_store(before)
    assert [key for key, held in after.items() if f"{ana.id}" in key + held or f"{mine.dm}" in key + held] == []
    assert "PERSON" in (helped := await mockingbird(redis_url, embeddings, "forget", "--help"))
    assert "discord:USER" in helped


# --- when something fails -------------------------------------------------------------------------------------------


async def test_while_the_store_is_away_everybody_is_told_to_try_again(
    discord: DiscordServer,
    tmp_path: Path,
    embeddings: Path,
    leads: Interviewer,
    known: Bank,
    caplog: pytest.LogCaptureFixture,
) -> None:
    table, server = Table(discord, discord.adds_user("ana")), await embedded.start(tmp_path)
    async with connected(settings(discord, embeddings), server.url, leads, known) as part:
        register(discord, part.bot)
        question = await table.begins()
        os.kill(int((tmp_path / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
        await server.aclose()
        asked = [await table.orders(name) for name in ("hint", "history", "score", "dispute", "export", "start")]
        asked += [await table.presses(action, question) for action in (actions.HINT, actions.END)]
        assert {(await table.told(each)).text for each in asked} == {reception.AWAY}
        forget = await table.told(await table.orders("forget"))
        assert forget.text == reception.REALLY_FORGET
        sure = await discord.presses(table.who, forget, row.REALLY_FORGET)
        assert (await table.told(sure)).text == reception.NOT_FORGOTTEN
        assert await answer(table, "help") == reception.HELP
        server = await embedded.start(tmp_path)
        assert "not finished" in await answer(table, "history")
        await table.presses(actions.TIME, question)
        await table.hears(3)
    assert await server.shutdown_if_last()
    assert [record for record in caplog.records if record.exc_info and record.name.startswith("bot")] == []


async def test_what_goes_wrong_in_a_handler_is_said_and_its_text_is_not_logged(
    discord: DiscordServer, bot: Discord, table: Table, redis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    question = await table.begins()
    # Written by a version that this one can't read.
    await redis.hset(f"mb:{{t:{thread_of(question)}}}:st", "data", b'{"zebra": "crossing"}')
    for name in ("hint", "history"):
        assert await answer(table, name) == reception.FAILED
    assert (await table.told(await table.presses(actions.PAUSE, question))).text == reception.FAILED
    told = [f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records]
    assert [line for line in told if line.startswith("An interaction failed: ValidationError")]
    assert [line for line in told if "zebra" in line] == []
    assert await answer(table, "help") == reception.HELP


async def test_what_is_said_is_in_no_log_that_anybody_keeps(
    discord: DiscordServer, bot: Discord, table: Table, channel: ChannelHandle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    question = await table.begins()
    (opened,) = discord.calls("POST", "/channels/*/messages")[:1]
    await table.says(f"{SAID} ZEBRA")
    await table.orders("start", channel=channel, about="ZEBRA")
    for action in (actions.HINT, actions.TIME, actions.NEXT):
        count = len(table.said())
        await table.presses(action)
        await table.hears(count + 1)
    card = await table.ends()
    form = await table.presses(actions.DISPUTE, card)
    modal = await discord.until(lambda: form.modal)
    (point, *_) = [option["value"] for option in modal["components"][0]["component"]["options"]]
    count = len(table.said())
    await discord.submits(form, {"point": point, "argument": "ZEBRA, I said, and its stripes."})
    await table.hears(count + 2)
    feedback = await table.presses(row.UNHELPFUL, card)
    await discord.until(lambda: feedback.modal)
    await table.told(await discord.submits(feedback, {"words": "ZEBRA"}))
    asked = await table.told(await table.orders("share", channel=channel))
    await discord.presses(table.who, asked, row.POST_HERE)
    await discord.until(lambda: discord.said(channel))
    await answer(table, "export")
    spoken = [turn.text for turn in await bot.store.transcript(thread_of(question))]
    assert opened.json["nonce"]
    # What the Discord of our tests logs is not the bot's.
    kept = [record for record in caplog.records if not record.name.startswith(("aiohttp", "simcord", "tests"))]
    told = [f"{record.name} {record.getMessage()} {record.exc_text or ''}" for record in kept]
    assert {record.name.partition(".")[0] for record in kept} >= {"bot", "docket"}
    secret = ["ZEBRA", "simcord_interaction", "test.token", *(text[:60] for text in spoken if len(text) > 20)]
    assert [line for line in told if any(each in line for each in secret)] == []
    assert [f"{r.name} {r.getMessage()}" for r in kept if r.levelno >= logging.WARNING] == []
