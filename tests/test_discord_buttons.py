"""The buttons below what the bot says in Discord: what a press does, whose it is, and that it does it once."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import discord as library
import pytest
from simcord.builders import ChannelHandle, UserHandle
from simcord.components import walk_components

from bot import actions
from bot.discord import buttons as row
from bot.discord import errands, reception
from bot.discord.errands import ONE_AT_A_TIME
from bot.discord.service import Discord
from bot.people import export
from bot.steering import GONE, HAVE_IT, IS_CLOSED, IS_OVER, NO_INTERVIEW, NOT_YOURS, REALLY_END
from bot.wiring import Interviewer
from interviewer.model import Interview, Phase
from interviewer.questions import Bank
from tests.discord import DiscordServer, Message, Pressed
from tests.discord.reading import BUTTON
from tests.discord_bot import Table, connected, pressable, register, settings, thread_of

DURING = [actions.HINT, actions.TIME, actions.NEXT, actions.PAUSE, actions.END]
AFTERWARDS = [actions.REPORT, actions.DISPUTE, actions.ANSWER, actions.SHARE, row.CLOSE, row.HELPFUL, row.UNHELPFUL]
ANSWER = "I would keep an idempotency key of our own with every charge, so that a retry finds the first one."
ARGUMENT = "I said that the restaurant, the courier and the platform each get their part of it, ask <@&1> @everyone."
TOO_LATE = 4
"""Seconds; Discord waits for three."""
TOKEN_GONE = 16 * 60


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


async def state(bot: Discord, thread: str) -> Interview:
    interview = await bot.store.interview(thread)
    assert interview
    return interview


async def stripped(discord: DiscordServer, message: Message) -> None:
    """Wait until nothing can be pressed below a message any more."""
    await discord.until(lambda: not discord.message(message).buttons)


def silent(discord: DiscordServer, pressed: Pressed) -> bool:
    """Whether a press was taken, and nothing was said to it."""
    return pressed.acknowledged and not pressed.followups and not pressed.loading


async def aside(discord: DiscordServer, table: Table, room: ChannelHandle) -> Message:
    """Start an interview in a private thread of a channel; its question, with buttons below."""
    told = await table.told(await table.orders("start", channel=room, about="doordash", where="thread"))
    assert told.text == errands.IN_A_THREAD
    (thread,) = await discord.until(lambda: discord.threads(room))
    return await table.offered(actions.HINT, channel=thread)


def moderated(discord: DiscordServer, *members: UserHandle) -> tuple[ChannelHandle, UserHandle]:
    """A channel, and somebody who sees every thread in it."""
    guild, mia = discord.adds_guild("Acme", *members), discord.adds_user("mia")
    guild.add_member(mia, roles=[guild.create_role("mods", permissions=library.Permissions(manage_threads=True))])
    return guild.create_text_channel("practice"), mia


def forged(discord: DiscordServer, message: Message, id: str) -> str:
    """Let the first button of a message have another custom id: a message of an older version, or of somebody wicked."""

    components: list[Any] = discord.env.backend.messages[message.channel][message.id].components
    next(each for each in walk_components(components) if each["type"] == BUTTON)["custom_id"] = id
    return id


# --- during the interview -------------------------------------------------------------------------------------------


async def test_each_button_steers_the_interview_and_only_the_latest_message_has_any(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    before = await table.begins()
    assert pressable(before) == DURING
    thread = thread_of(before)
    for action in (actions.HINT, actions.TIME, actions.NEXT, actions.PAUSE, actions.RESUME):
        count = len(table.said())
        pressed = await table.presses(action)
        latest = await table.hears(count + 1)
        assert pressable(latest) == ([actions.RESUME, actions.END] if action == actions.PAUSE else DURING), action
        assert (await state(bot, thread)).paused is (action == actions.PAUSE)
        await stripped(discord, before)
        assert discord.message(before).text == before.text
        assert silent(discord, pressed)
        before = latest
    assert (await state(bot, thread)).phase is Phase.REQUIREMENTS
    assert discord.ephemerals(table.who) == []


async def test_to_end_an_interview_one_is_asked_first_and_alone(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    question = await table.begins()
    asked = await table.told(await table.presses(actions.END))
    assert asked.text == REALLY_END
    assert pressable(asked) == [row.REALLY]
    assert (await state(bot, thread_of(question))).phase is Phase.BRIEFING
    assert pressable(discord.message(question)) == DURING
    await discord.presses(table.who, asked, row.REALLY)
    card = await table.offered(actions.REPORT)
    assert (await state(bot, thread_of(question))).phase is Phase.DEBRIEF
    assert set(pressable(card)) <= set(AFTERWARDS)


async def test_who_is_asked_twice_and_says_yes_twice_ends_the_interview_and_does_not_close_it(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    question = await table.begins()
    questions = [await table.told(await table.presses(actions.END, question)) for _ in range(3)]
    pressed = [await discord.presses(table.who, each, row.REALLY) for each in questions[:2]]
    card = await table.offered(actions.REPORT)
    pressed.append(await discord.presses(table.who, questions[2], row.REALLY))
    await discord.until(lambda: len([each for each in pressed if each.followups]) == 2)
    # The second says so, or that it is over, if that is so by then; the third comes after the end.
    answers = sorted(each.text for press in pressed for each in press.followups)
    assert len(answers) == 2
    assert set(answers) <= {HAVE_IT, IS_OVER}
    assert pressed[-1].followups[0].text == IS_OVER
    count = len(table.said())
    await table.presses(actions.ANSWER, card)
    assert "answer" in (await table.hears(count + 1)).text.lower()
    assert (await state(bot, thread_of(card))).phase is Phase.DEBRIEF


async def test_a_press_that_is_repeated_does_its_work_once(discord: DiscordServer, bot: Discord, table: Table) -> None:
    question = await table.begins()
    for action in (actions.HINT, actions.TIME, actions.NEXT, actions.PAUSE):
        before = await table.offered(actions.HINT)
        count = len(table.said())
        pressed = await asyncio.gather(*(table.presses(action, before) for _ in range(3)))
        await discord.until(lambda all=pressed: len([each for each in all if each.followups]) == 2)
        await table.hears(count + 1)
        assert {each.followups[0].text for each in pressed if each.followups} == {HAVE_IT}
        await stripped(discord, before)
        # A turn later there is one more message, and no more than that.
        await table.presses(actions.RESUME if action == actions.PAUSE else actions.TIME)
        await table.hears(count + 2)
        assert len(table.said()) == count + 2
    assert (await state(bot, thread_of(question))).phase is Phase.REQUIREMENTS


async def test_nobody_else_can_press_and_is_told_so_alone(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle
) -> None:
    room, mia = moderated(discord, ana)
    question = await aside(discord, table, room)
    thread, other = thread_of(question), Table(discord, mia)
    before, said = await state(bot, thread), len(discord.said(question.channel))
    for action in (actions.END, actions.PAUSE, actions.HINT):
        assert (await other.told(await other.presses(action, question))).text == NOT_YOURS
    # Nor with somebody else's thread in a button of one's own.
    own = await other.begins()
    id = forged(discord, own, f"{actions.TIME}|{thread}")
    assert (await other.told(await discord.presses(mia, own, id))).text == NOT_YOURS
    assert await state(bot, thread) == before
    assert len(discord.said(question.channel)) == said
    assert discord.ephemerals(ana) == [each for each in discord.ephemerals(ana) if each.text == errands.IN_A_THREAD]
    assert discord.said(room) == []


async def test_a_button_of_an_old_message_says_what_has_become_of_the_interview(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    # While this lasts, Discord takes no button off a message.
    discord.faults.add("PATCH", "/channels/*/messages/*", status=403, times=1000)
    first = await table.begins()
    await table.says(ANSWER)
    await table.presses(actions.TIME)
    await table.hears(4)
    await table.presses(actions.HINT, first)
    await table.hears(5)
    card = await table.ends()
    for action, said in ((actions.PAUSE, IS_OVER), (actions.NEXT, IS_OVER)):
        assert (await table.told(await table.presses(action, first))).text == said
    await table.presses(row.CLOSE, card)
    closed = await table.offered(actions.SURPRISE)
    assert "Start another" in closed.buttons.values()
    for message, action in (
        (first, actions.PAUSE),
        (card, actions.ANSWER),
        (card, actions.DISPUTE),
        (card, row.CLOSE),
    ):
        assert (await table.told(await table.presses(action, message))).text == IS_CLOSED
    # What was said of it can still be had.
    await table.presses(actions.REPORT, card)
    await discord.until(lambda: table.said()[-1].attachments)
    await bot.engine.forget(f"discord:{table.who.id}")
    count = len(table.said())
    gone = [
        (first, actions.PAUSE),
        *((card, each) for each in (actions.REPORT, actions.DISPUTE, actions.SHARE, row.HELPFUL, row.UNHELPFUL)),
    ]
    for message, action in gone:
        assert (await table.told(await table.presses(action, message))).text == GONE
    assert len(table.said()) == count


async def test_buttons_and_forms_are_alive_after_a_restart(
    discord: DiscordServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> None:
    environment, table = settings(discord, embeddings), Table(discord, discord.adds_user("ana"))
    async with connected(environment, redis_url, leads, known) as part:
        register(discord, part.bot)
        question = await table.begins()
        await table.says(ANSWER)
        await table.presses(actions.PAUSE)
        paused = await table.offered(actions.RESUME)
    async with connected(environment, redis_url, leads, known):
        await table.presses(actions.RESUME, paused)
        await table.offered(actions.HINT)
        asked = await table.told(await table.presses(actions.END))
    async with connected(environment, redis_url, leads, known):
        await discord.presses(table.who, asked, row.REALLY)
        card = await table.offered(actions.REPORT)
        dispute = await table.presses(actions.DISPUTE, card)
        feedback = await table.presses(row.UNHELPFUL, card)
        start = await table.orders("dispute")
        await discord.until(lambda: dispute.modal and feedback.modal and start.modal)
    async with connected(environment, redis_url, leads, known) as part:
        thread = thread_of(question)
        offered = points(dispute)
        for form, point in ((dispute, offered[0]), (start, offered[1])):
            await discord.submits(form, {"point": point, "argument": ARGUMENT})
        await table.told(await discord.submits(feedback, {"reasons": ["other"], "words": "Odd."}))
        await discord.until(lambda: len([m for m in table.said() if actions.REPORT in pressable(m)]) == 3)
        interview = await state(part, thread)
        assert {point for point, found in interview.points.items() if found.disputed} == set(offered[:2])
        assert (await part.store.notes(thread))["feedback"] == "down, other"


def points(form: Pressed) -> list[str]:
    """The points that a form offers to dispute."""
    assert form.modal
    options = form.modal["components"][0]["component"]["options"]
    return [str(option["value"]) for option in options]


NOBODYS = (
    "interview.hint|",
    "interview.hint|discord:0:1",
    "interview.pause|discord:0:x:y:z:" + "9" * 60,
    "interview.end|slack:T1:D1:1.1",
    "interview.end|terminal:ana",
    "scorecard.report|discord:0:1:../../etc",
    "scorecard.here|discord:0:0:0",
    "scorecard.dispute|*",
    "interview.fly|discord:0:1:1",
    "nothing.at.all|",
    "a|b|c",
    "|",
    "interview.hint",
    "x" * 100,
    "interview.hint|" + "9" * 200,
    "interview.hint|" + "\N{PILE OF POO}" * 80,
)


async def test_a_custom_id_that_is_nobodys_does_no_harm(discord: DiscordServer, bot: Discord, table: Table) -> None:
    question = await table.begins()
    thread = thread_of(question)
    before, count = await state(bot, thread), len(table.said())
    for id in NOBODYS:
        pressed = await discord.presses(table.who, question, forged(discord, question, id))
        if "." in id.partition("|")[0] and "|" in id:
            assert (await table.told(pressed)).text == GONE
    assert (await table.told(await table.presses(actions.END, question))).text == REALLY_END
    assert await state(bot, thread) == before
    assert len(table.said()) == count
    await table.says("What is the expected load?")


async def test_a_press_that_is_answered_too_late_is_done_all_the_same(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    question, go = await table.begins(), asyncio.Event()
    late = discord.faults.add("POST", "/interactions/*/callback", held=go)
    pressed = await table.presses(actions.HINT)
    await discord.until(lambda: late.met)
    discord.advances(TOO_LATE)
    assert pressed.failed
    go.set()
    await table.hears(3)
    await stripped(discord, question)
    assert not pressed.acknowledged
    assert discord.ephemerals(table.who) == []
    # Where there is something to say and no way to say it to them alone, it is said to nobody.
    for action in (actions.HINT, actions.END):
        count, go = len(table.said()), asyncio.Event()
        late = discord.faults.add("POST", "/interactions/*/callback", times=2, held=go)
        pressed = await table.presses(action)
        await discord.until(lambda late=late: late.met)
        discord.advances(TOO_LATE)
        go.set()
        if action == actions.HINT:
            await table.hears(count + 1)
        else:
            await discord.until(lambda late=late: late.met == 2)
        assert not pressed.acknowledged
        discord.faults.clear()
    assert (await state(bot, thread_of(question))).phase is not Phase.DEBRIEF
    await table.ends()
    assert [each.text for each in discord.ephemerals(table.who)] == [REALLY_END]


async def test_a_token_that_ran_out_before_the_answer_takes_nothing_away(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    question, go = await table.begins(), asyncio.Event()
    late = discord.faults.add("POST", "/webhooks/*", held=go)
    pressed = await table.presses(actions.END)
    await discord.until(lambda: late.met)
    discord.advances(TOKEN_GONE)
    go.set()
    await discord.until(lambda: [call for call in discord.calls("POST", "/webhooks/*") if call.status == 401])
    assert pressed.followups == []
    assert discord.ephemerals(table.who) == []
    assert len(table.said()) == 2
    assert (await state(bot, thread_of(question))).phase is Phase.BRIEFING
    await table.ends()


# --- before and after it --------------------------------------------------------------------------------------------


async def test_an_interview_is_chosen_or_drawn_by_lot_below_a_hello(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle
) -> None:
    await discord.writes(ana, "hello")
    hello = await table.offered(actions.START)
    chosen = await table.presses(actions.START)
    await discord.until(lambda: chosen.modal)
    pressed = [await table.presses(actions.SURPRISE, hello) for _ in range(2)]
    await table.offered(actions.HINT)
    await discord.until(lambda: any(each.followups for each in pressed))
    assert [each.text for press in pressed for each in press.followups] == [reception.ON_ITS_WAY]
    assert len([message for message in table.said() if actions.HINT in pressable(message)]) == 1
    # What was typed into the form while that began is not lost on anybody.
    refused = await discord.submits(chosen, {"about": "doordash"})
    assert (await table.told(refused)).text == ONE_AT_A_TIME
    assert len([message for message in table.said() if actions.HINT in pressable(message)]) == 1


async def test_what_is_typed_into_the_form_begins_that_interview(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle
) -> None:
    await discord.writes(ana, "hello")
    form, other = [await table.presses(actions.START) for _ in range(2)]
    await discord.until(lambda: form.modal and other.modal)
    await discord.submits(form, {"about": "doordash", "level": "staff", "length": "full"})
    question = await table.offered(actions.HINT)
    interview = await state(bot, thread_of(question))
    chosen = interview.settings
    assert (chosen.question, chosen.level, chosen.format) == ("doordash-payments", "staff", "full")
    again = await discord.submits(other, {"about": "unicorns <@1> @everyone"})
    said = (await table.told(again)).text
    assert "/interview help" in said
    assert "<@1>" not in said
    assert "@everyone" not in said


async def test_who_presses_below_a_hello_in_a_channel_is_told_where_it_opens(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle
) -> None:
    room = discord.adds_guild("Acme", ana).create_text_channel("general")
    await discord.writes(ana, f"{discord.mention} hello", channel=room)
    hello = await table.offered(actions.SURPRISE, channel=room.id)
    told = await table.told(await table.presses(actions.SURPRISE, hello))
    assert told.text == errands.IN_PRIVATE
    await table.offered(actions.HINT)
    assert len(discord.said(room)) == 1


async def test_the_report_the_answer_and_a_dispute_are_had_below_the_scorecard(
    discord: DiscordServer, bot: Discord, table: Table
) -> None:
    thread = thread_of(await table.begins())
    await table.says(ANSWER)
    card = await table.ends()
    assert pressable(card) == AFTERWARDS
    assert [each["filename"] for each in card.attachments] == ["scorecard.png"]
    # The report: once for two presses.
    pressed = await asyncio.gather(*(table.presses(actions.REPORT, card) for _ in range(2)))
    await discord.until(lambda: any(each.followups for each in pressed))
    assert [each.text for press in pressed for each in press.followups] == [reception.ON_ITS_WAY]

    def reports() -> list[Message]:
        return [m for m in table.said() if [a for a in m.attachments if a["filename"] == "doordash-payments.md"]]

    (report,) = await discord.until(reports)
    written = read(discord, report)
    assert written.startswith("# Scorecard")
    (credited, *_) = [each.evidence for each in (await state(bot, thread)).points.values() if each.evidence]
    assert f"https://discord.com/channels/@me/{table.dm}/{credited.message}" in written
    for turn in await bot.store.transcript(thread):
        assert max(re.findall(r"[A-Za-z ,]+", turn.text), key=len) in written
    # A dispute: the point is looked at again, and the change is shown.
    form, again_form, late_form = [await table.presses(actions.DISPUTE, card) for _ in range(3)]
    await discord.until(lambda: form.modal and again_form.modal and late_form.modal)
    (point, *_) = points(form)
    count = len(table.said())
    done = await discord.submits(form, {"point": point, "argument": ARGUMENT})
    changed = await table.hears(count + 1)
    assert re.search(r"\d+ %.*\d+ %", changed.text)
    again = await table.hears(count + 2)
    assert "Scorecard" in again.text
    assert again.mentions == changed.mentions == ()
    assert silent(discord, done)
    assert (await state(bot, thread)).points[point].disputed
    # It is looked at once: who had the form open all the while is told so, where they talk.
    before = await state(bot, thread)
    await discord.submits(again_form, {"point": point, "argument": "And once more."})
    assert point in (await table.hears(count + 3)).text
    assert (await state(bot, thread)).points == before.points
    # The model answer, then the end of it all.
    await table.presses(actions.ANSWER, again)
    await table.hears(count + 4)
    await table.presses(row.CLOSE, again)
    await table.offered(actions.SURPRISE)
    assert (await state(bot, thread)).phase is Phase.FINISHED
    # The form of a closed interview.
    late = await discord.submits(late_form, {"point": point, "argument": "And once more."})
    assert (await table.told(late)).text == IS_CLOSED


def read(discord: DiscordServer, message: Message) -> str:
    """The text of the file that came with a message."""
    path = str(message.attachments[0]["url"]).partition("/attachments/")[2].partition("?")[0]
    cdn = discord.env.backend.cdn
    return bytes(cdn.content[f"/attachments/{path}"][0]).decode()  # pyright: ignore


async def test_an_argument_without_a_word_is_asked_for_again_and_nobody_elses_point_can_be_argued_for(
    discord: DiscordServer, bot: Discord, table: Table, ana: UserHandle
) -> None:
    await table.begins()
    await table.says(ANSWER)
    card = await table.ends()
    form = await table.presses(actions.DISPUTE, card)
    await discord.until(lambda: form.modal)
    (point, *_), count = points(form), len(table.said())
    blank = await discord.submits(form, {"point": point, "argument": " \n "})
    assert (await table.told(blank)).text == reception.SAY_WHERE
    assert len(table.said()) == count
    # A form that says it is of somebody else's interview.
    zoe = discord.adds_user("zoe")
    hers = Table(discord, zoe)
    await hers.begins()
    await hers.says(ANSWER)
    own = await hers.presses(actions.DISPUTE, await hers.ends())
    await discord.until(lambda: own.modal)
    assert own.modal
    discord.env.backend.interactions[own.id].modal["custom_id"] = f"dispute|{thread_of(card)}"  # pyright: ignore
    stolen = await discord.submits(own, {"point": point, "argument": ARGUMENT})
    assert (await hers.told(stolen)).text == NOT_YOURS
    assert not [each for each in (await state(bot, thread_of(card))).points.values() if each.disputed]


async def test_what_somebody_thought_of_it_is_kept_beside_the_interview(
    discord: DiscordServer, bot: Discord, table: Table, known: Bank
) -> None:
    thread = thread_of(await table.begins())
    card = await table.ends()
    assert "Thank you" in (await table.told(await table.presses(row.HELPFUL, card))).text
    assert (await bot.store.notes(thread))["feedback"] == "up"
    for words in ("The second question was odd <@1>", ""):
        form = await table.presses(row.UNHELPFUL, card)
        await discord.until(lambda form=form: form.modal)
        filled = {"reasons": ["odd-question", "other"], **({"words": words} if words else {})}
        thanks = await table.told(await discord.submits(form, filled))
        assert "deleted with it" in thanks.text
    notes = await bot.store.notes(thread)
    assert notes["feedback"] == "down, odd-question, other"
    assert notes["feedback-text"] == "The second question was odd <@1>"
    (exported,) = json.loads(await export(bot.store, known.case, f"discord:{table.who.id}"))["interviews"]
    assert exported["feedback"]["feedback-text"] == notes["feedback-text"]


async def test_a_command_of_an_interview_that_was_forgotten_finds_none(bot: Discord, table: Table) -> None:
    question = await table.begins()
    await bot.engine.forget(f"discord:{table.who.id}")
    assert (await table.told(await table.presses(actions.PAUSE, question))).text == GONE
    assert (await table.told(await table.orders("pause"))).text == NO_INTERVIEW
