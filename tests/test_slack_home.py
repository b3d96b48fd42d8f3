"""The App Home: what is shown there, settings that the next interview follows, an export of everything, and forgetting."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.slack import buttons
from bot.slack.places import Place
from bot.slack.service import Slack
from interviewer.engine import Pace
from interviewer.model import Format, Level, Mode, Preferences
from interviewer.questions import Bank
from tests.keys import everything, of_the_store, settled
from tests.slack import Json, SlackServer, User, text_of
from tests.slack import buttons as pressable
from tests.slack_bot import Interviewer, Table, over_socket, settings

START = "start apple-task-scheduler senior"
ANSWER = "A worker holds each job under a lease, and when the lease runs out another worker takes the job over."
WEEK = 7 * 24 * 3600


@pytest.fixture
def ana(slack: SlackServer) -> User:
    return slack.adds_user("ana", tz="Asia/Tokyo", tz_offset=9 * 3600)


@pytest.fixture
def table(slack: SlackServer, ana: User) -> Table:
    return Table(slack, ana)


async def home(slack: SlackServer, who: User) -> Json:
    """Somebody's App Home as it is drawn when they look at it."""
    before = slack.home(who)
    await (await slack.opens_home(who)).acked
    await slack.until(lambda: (now := slack.home(who)) and (before is None or now["hash"] != before["hash"]))
    drawn = slack.home(who)
    assert drawn
    return drawn


async def drawn_again(slack: SlackServer, who: User, before: Json) -> Json:
    await slack.until(lambda: (now := slack.home(who)) and now["hash"] != before["hash"])
    drawn = slack.home(who)
    assert drawn
    return drawn


def named(shown: Json, action: str) -> str:
    """What a button is called."""
    return str(pressable(shown)[action]["text"]["text"])


async def answered(slack: SlackServer, table: Table, thread: str) -> None:
    dm = slack.dm(table.who).id
    count = len(table.said(dm, thread))
    await (await slack.types(table.who, None, ANSWER, thread=thread)).acked
    await table.hears(dm, thread, count + 1)


# --- what is shown --------------------------------------------------------------------------------------------------


async def test_a_newcomer_is_told_what_this_is_and_can_begin(slack: SlackServer, bot: Slack, ana: User) -> None:
    shown = await home(slack, ana)
    said = text_of(shown)
    assert "Welcome" in said
    assert "How it works" in said
    assert "30 days" in said
    assert "times in Asia/Tokyo, from your Slack profile" in said
    assert "goes to nobody but Slack" in said
    assert set(pressable(shown)) == {
        buttons.START,
        buttons.SURPRISE,
        buttons.GUIDE,
        buttons.PREFER,
        buttons.EXPORT,
        buttons.FORGET,
    }
    await (await slack.presses_in_home(ana, buttons.GUIDE)).acked
    assert "/interview history" in text_of(await slack.until(lambda: slack.modal(ana)))
    # Only a look at this tab draws it.
    count = len(slack.calls("views.publish"))
    await (await slack.opens_home(ana, "messages")).acked
    assert len(slack.calls("views.publish")) == count


async def test_an_interview_is_chosen_or_drawn_by_lot_from_there(slack: SlackServer, bot: Slack, ana: User) -> None:
    await home(slack, ana)
    await (await slack.presses_in_home(ana, buttons.START)).acked
    view = await slack.until(lambda: slack.modal(ana))
    assert "where nobody else reads along" in text_of(view)
    await slack.closes_modal(ana)
    for _ in range(2):
        # Pressed twice by somebody who saw nothing happen yet.
        await (await slack.presses_in_home(ana, buttons.SURPRISE)).acked
    dm = slack.dm(ana)
    await slack.until(lambda: [m for m in slack.said(dm) if buttons.HINT in pressable(m)])
    await slack.until(lambda: [m for m in slack.said(dm) if "already" in text_of(m)])
    assert len([m for m in slack.said(dm) if m.get("thread_ts") == m["ts"]]) == 1


async def test_a_running_interview_is_there_with_the_way_to_it(
    slack: SlackServer, bot: Slack, ana: User, table: Table
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    shown = await home(slack, ana)
    assert "Going on" in text_of(shown)
    assert "A distributed task scheduler" in text_of(shown)
    assert "Unfinished" in text_of(shown)
    button = pressable(shown)[buttons.RESUME]
    assert named(shown, buttons.RESUME) == "Continue"
    assert button["url"].endswith(f"/archives/{dm.id}/p{thread.replace('.', '')}")
    await table.presses(dm, thread, buttons.PAUSE)
    await table.hears(dm.id, thread, 2)
    shown = await home(slack, ana)
    assert "Paused" in text_of(shown)
    assert named(shown, buttons.RESUME) == "Resume"
    for _ in range(2):
        await (await slack.presses_in_home(ana, buttons.RESUME)).acked
    await table.hears(dm.id, thread, 3)
    await slack.until(lambda: [m for m in slack.said(dm) if "already" in text_of(m)])
    assert len(table.said(dm.id, thread)) == 3
    interview = await bot.store.interview(Place(ana.team, dm.id, thread).thread)
    assert interview
    assert not interview.paused
    # A link is nice to have.
    slack.fail("chat.getPermalink", "message_not_found")
    assert "url" not in pressable(await home(slack, ana))[buttons.RESUME]


async def test_past_interviews_are_there_with_their_scores_and_their_scorecards(
    slack: SlackServer, bot: Slack, ana: User, table: Table
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await answered(slack, table, thread)
    await table.ends(thread)
    shown = await home(slack, ana)
    assert "Past interviews" in text_of(shown)
    assert "Going on" not in text_of(shown)
    assert "too little was reached for a verdict" in text_of(shown)
    for _ in range(2):
        await (await slack.presses_in_home(ana, buttons.SCORE)).acked

    def cards() -> list[Json]:
        return [m for m in slack.said(dm) if "thread_ts" not in m and "Scorecard" in text_of(m)]

    (card,) = await slack.until(cards)
    assert buttons.REPORT in pressable(card)
    await slack.until(lambda: [m for m in slack.said(dm) if "already" in text_of(m)])
    assert len(cards()) == 1


# --- settings -------------------------------------------------------------------------------------------------------


async def test_settings_are_kept_shown_and_followed_by_the_next_interview(
    slack: SlackServer, bot: Slack, ana: User, table: Table
) -> None:
    before = await home(slack, ana)
    await (await slack.presses_in_home(ana, buttons.PREFER)).acked
    await slack.until(lambda: slack.modal(ana))
    chosen = {
        "level": "staff",
        "format": "quick",
        "mode": "interview",
        "persona": "brisk",
        "language": "German",
        "zone": "Europe/Berlin",
    }
    await (await slack.submits(ana, values={name: {name: value} for name, value in chosen.items()})).acked
    after = await drawn_again(slack, ana, before)
    assert "Staff level · 15 minutes · interview mode · times in Europe/Berlin" in text_of(after)
    candidate = f"slack:{ana.team}:{ana.id}"
    kept = Preferences(Level.STAFF, Mode.INTERVIEW, Format.QUICK, "brisk", "German", "Europe/Berlin")
    assert await bot.store.preferences(candidate) == kept
    # What is asked for outright comes first, what one likes second.
    thread = await table.begins("start apple mid")
    interview = await bot.store.interview(Place(ana.team, slack.dm(ana).id, thread).thread)
    assert interview
    assert (interview.settings.level, interview.settings.mode) == (Level.MID, Mode.INTERVIEW)
    assert (interview.settings.format, interview.settings.persona) == (Format.QUICK, "brisk")
    assert interview.settings.language == "German"
    # The form has it chosen already.
    await (await slack.slash(ana, None, "/interview", "")).acked
    form = await slack.until(lambda: slack.modal(ana))
    assert pressable(form)["level"]["initial_option"]["value"] == "staff"
    assert pressable(form)["mode"]["initial_option"]["value"] == "interview"


# --- what is kept ---------------------------------------------------------------------------------------------------


async def test_the_export_holds_everything_that_was_said(
    slack: SlackServer, bot: Slack, ana: User, table: Table
) -> None:
    dm, thread = slack.dm(ana), await table.begins(START)
    await answered(slack, table, thread)
    await table.ends(thread)
    await home(slack, ana)
    for _ in range(2):
        await (await slack.presses_in_home(ana, buttons.EXPORT)).acked

    def exported() -> list[Any]:
        return [file for file in slack.files if file.name == "mockingbird-export.json" and file.complete]

    (file,) = await slack.until(exported)
    assert file.shared == {dm.id}
    everything = json.loads(file.content)
    assert everything["candidate"] == f"slack:{ana.team}:{ana.id}"
    (interview,) = everything["interviews"]
    said = [turn["text"] for turn in interview["transcript"]]
    assert ANSWER in said
    assert len(said) == len(await bot.store.transcript(Place(ana.team, dm.id, thread).thread))
    assert interview["scorecard"]["question"] == "apple-task-scheduler"
    await slack.until(lambda: [m for m in slack.said(dm) if "already" in text_of(m)])
    assert len(exported()) == 1
    # And by command, from anywhere: the file goes to the direct message all the same.
    room = slack.adds_channel("general", ana)
    await (await slack.slash(ana, room, "/interview", "export")).acked
    await slack.until(lambda: len(exported()) == 2)
    assert all(file.shared == {dm.id} for file in exported())


async def test_whoever_is_forgotten_leaves_no_key_and_nobody_else_loses_one(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, redis: Any
) -> None:
    ana, ben = slack.adds_user("ana"), slack.adds_user("ben")
    # A pace at which a turn still waits for quiet when everything is deleted.
    slow = Pace(quiet=30.0, patience=60.0, redelivery=1.0)

    async with over_socket(settings(slack, embeddings), redis_url, leads, known) as bot:
        theirs = Table(slack, ben)
        other = await theirs.begins(START)
        await answered(slack, theirs, other)
        await settled(redis)
        before = await everything(redis)
        mine = Table(slack, ana)
        first = await mine.begins(START)
        await answered(slack, mine, first)
        await mine.ends(first)
        await mine.presses(slack.dm(ana), first, buttons.REPORT)
        await slack.until(lambda: [file for file in slack.files if file.name.endswith(".md")])
        await home(slack, ana)
        await bot.store.prefer(f"slack:{ana.team}:{ana.id}", Preferences(zone="Asia/Tokyo"))
        await (await slack.presses_in_home(ana, buttons.EXPORT)).acked
        await slack.until(lambda: [file for file in slack.files if file.name.endswith(".json")])
    async with over_socket(settings(slack, embeddings), redis_url, leads, known, pace=slow) as bot:
        second = await mine.begins(START)
        await (await slack.types(ana, None, "I would begin with the numbers.", thread=second)).acked
        assert [key for key in await everything(redis) if second in key and key.endswith(":in")]
        shown = await home(slack, ana)
        assert "Going on" in text_of(shown)
        assert "undone" in pressable(shown)[buttons.FORGET]["confirm"]["text"]["text"]
        await (await slack.presses_in_home(ana, buttons.FORGET)).acked
        assert "Welcome" in text_of(await drawn_again(slack, ana, shown))
        assert "everything I kept of you is deleted" in text_of(slack.said(slack.dm(ana))[-1])
        await settled(redis)
        assert set(await everything(redis)) <= set(before)
        assert of_the_store(await everything(redis)) == of_the_store(before)
        left = json.dumps(await everything(redis))
        assert not [name for name in (ana.id, slack.dm(ana).id) if name in left]
        # What is written where the interview was belongs to nothing.
        await (await slack.types(ana, None, "And I would go on with the numbers from there.", thread=second)).acked
        await slack.until(lambda: buttons.SURPRISE in pressable(slack.said(slack.dm(ana))[-1]))
        assert not [key for key in of_the_store(await everything(redis)) if second in key]
        await bot.engine.forget(f"slack:{ana.team}:{ana.id}")
        await settled(redis)
        assert of_the_store(await everything(redis)) == of_the_store(before)
        assert await bot.store.transcript(Place(ben.team, slack.dm(ben).id, other).thread)


async def test_the_command_asks_before_it_forgets(slack: SlackServer, bot: Slack, ana: User, table: Table) -> None:
    thread = await table.begins(START)
    room = slack.adds_channel("general", ana)
    await (await slack.slash(ana, room, "/interview", "forget")).acked
    asked = slack.ephemerals(ana)[-1]
    assert "Delete everything" in text_of(asked)
    assert await bot.store.interview(Place(ana.team, slack.dm(ana).id, thread).thread)
    await (await slack.presses(ana, room, asked["ts"], buttons.FORGET)).acked
    await slack.until(lambda: "is deleted" in text_of(slack.ephemerals(ana)[-1]))
    assert await bot.store.interview(Place(ana.team, slack.dm(ana).id, thread).thread) is None
    assert slack.messages(room) == []


@pytest.mark.parametrize("kind", ["is_restricted", "is_ultra_restricted"])
async def test_a_guest_is_told_that_it_is_for_members(slack: SlackServer, bot: Slack, kind: str) -> None:
    mark: dict[str, Any] = {kind: True}
    guest = slack.adds_user("gil", **mark)
    assert "Welcome" in text_of(await home(slack, guest))
    await (await slack.presses_in_home(guest, buttons.SURPRISE)).acked
    dm = slack.dm(guest)
    await slack.until(lambda: slack.said(dm))
    assert "members of this workspace only" in text_of(slack.said(dm)[0])
    await (await slack.types(guest, None, START)).acked
    await slack.until(lambda: slack.ephemerals(guest))
    assert "members of this workspace only" in text_of(slack.ephemerals(guest)[0])
    assert await bot.store.threads(f"slack:{guest.team}:{guest.id}") == ()


async def test_guests_are_let_in_where_the_settings_say_so(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank
) -> None:
    guest = slack.adds_user("gil", is_restricted=True)
    async with over_socket(settings(slack, embeddings, slack_guests=True), redis_url, leads, known):
        await Table(slack, guest).begins(START)


async def test_nothing_of_an_interview_is_kept_longer_than_the_settings_say(
    slack: SlackServer, embeddings: Path, redis_url: str, leads: Interviewer, known: Bank, redis: Any
) -> None:
    ana = slack.adds_user("ana")
    table = Table(slack, ana)
    async with over_socket(settings(slack, embeddings, retention_days=7), redis_url, leads, known):
        assert "7 days" in text_of(await home(slack, ana))
        thread = await table.begins(START)
        await answered(slack, table, thread)
        await table.ends(thread)
        await table.presses(slack.dm(ana), thread, buttons.REPORT)
        await slack.until(lambda: [file for file in slack.files if file.name.endswith(".md")])
        kept = {key.decode(): await redis.ttl(key) async for key in redis.scan_iter(match="mb:*", count=1000)}
        kinds = {key.rpartition(":")[2] for key in kept}
        assert {"st", "log", "note", "ev", "ids", "th"} <= kinds
        assert {key for key, seconds in kept.items() if not 0 < seconds <= WEEK} == set()
