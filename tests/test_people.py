"""What a person can ask for besides an interview: a question that suits them, their history, an export of all that is kept."""

import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.commands import Persona, Wish
from bot.people import choose, export, settings, sitting, sittings, spoken, unfinished
from bot.play import Recording
from interviewer.memory import MemoryStore
from interviewer.model import (
    Command,
    CommandName,
    Format,
    Inbound,
    Level,
    Message,
    Mode,
    Phase,
    Preferences,
    Settings,
)
from interviewer.ports import Store
from interviewer.questions import Bank, UnknownQuestion, data_root
from interviewer.runner import run_turn
from interviewer.store import RedisStore
from tests.slack_bot import Interviewer

ANA, BEN = "slack:T1:U1", "slack:T1:U2"
QUESTION = "apple-task-scheduler"
LEASE = (
    "A worker takes a job under a lease that it renews while it runs; if the machine dies the lease lapses and another "
    "worker gets the job."
)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, redis_url: str) -> AsyncGenerator[Store]:
    """Each kind of store."""
    if request.param == "memory":
        yield MemoryStore(lambda: 0.0)
        return
    async with RedisStore.from_url(redis_url) as kept:
        yield kept


async def held(
    store: Store,
    leads: Interviewer,
    thread: str,
    *said: str | CommandName,
    candidate: str = ANA,
    question: str = QUESTION,
    at: float = 1_000.0,
) -> None:
    """An interview that began `at`, in which this was said and asked for, half a minute apart."""
    now = at
    ports = leads.ports(store, Recording(), lambda: now)

    async def give(inbound: Inbound) -> None:
        await store.admit(inbound.id, inbound)
        while await run_turn(ports, thread, inbound.id):
            pass

    await give(Command(thread, "start", candidate, CommandName.START, now, settings=Settings(question)))
    for number, each in enumerate(said, 1):
        now += 30.0
        if isinstance(each, CommandName):
            await give(Command(thread, f"m{number}", candidate, each, now))
        else:
            await give(Message(thread, f"m{number}", candidate, each, now))


async def test_interviews_are_listed_latest_first_and_with_a_scorecard_once_they_are_over(
    store: Store, leads: Interviewer, known: Bank
) -> None:
    await held(store, leads, "slack:T1:D1:1.1", LEASE, CommandName.END)
    await held(store, leads, "slack:T1:D1:2.2", CommandName.PAUSE, at=2_000.0)
    await held(store, leads, "slack:T1:D2:3.3", candidate=BEN, at=3_000.0)
    latest, first = await sittings(store, known, ANA)
    assert (latest.thread, latest.began, latest.over, latest.card) == ("slack:T1:D1:2.2", 2_000.0, False, None)
    assert (first.thread, first.began, first.over) == ("slack:T1:D1:1.1", 1_000.0, True)
    assert first.title == latest.title == "A distributed task scheduler"
    assert first.card
    assert [point.point for point in first.card.points if point.evidence] == ["lease-expiry"]
    assert await sittings(store, known, "slack:T1:U9") == ()


async def test_an_interview_whose_question_is_gone_is_listed_without_a_scorecard(
    store: Store, leads: Interviewer, known: Bank
) -> None:
    await held(store, leads, "slack:T1:D1:1.1", CommandName.END)
    smaller = Bank([(each, data_root()) for each in known.questions if each.id != QUESTION])
    found = await sitting(store, smaller, "slack:T1:D1:1.1")
    assert found
    assert (found.title, found.card, found.over) == (QUESTION, None, True)
    written = json.loads(await export(store, smaller.case, ANA))
    assert written["interviews"][0]["scorecard"] is None
    assert len(written["interviews"][0]["transcript"]) == 2
    assert await sitting(store, known, "slack:T1:D1:9.9") is None


async def test_what_is_unfinished_is_what_runs_before_what_only_waits_to_be_closed(
    store: Store, leads: Interviewer
) -> None:
    assert await unfinished(store, ANA) is None
    await held(store, leads, "slack:T1:D1:1.1")
    await held(store, leads, "slack:T1:C1:2.2", at=2_000.0)
    await held(store, leads, "slack:T1:D1:3.3", CommandName.END, at=3_000.0)
    await held(store, leads, "slack:T1:D1:4.4", CommandName.END, CommandName.END, at=4_000.0)
    direct: Callable[[str], bool] = lambda thread: ":D1:" in thread  # noqa: E731
    assert await unfinished(store, ANA) == "slack:T1:C1:2.2"
    assert await unfinished(store, ANA, direct) == "slack:T1:D1:1.1"
    await store.forget("slack:T1:D1:1.1")
    assert await unfinished(store, ANA, direct) == "slack:T1:D1:3.3"
    assert await unfinished(store, ANA, direct, debriefs=False) is None
    await store.forget("slack:T1:D1:3.3")
    assert await unfinished(store, ANA, direct) is None


async def test_a_question_is_one_that_was_not_had_unless_it_is_named(
    store: Store, leads: Interviewer, known: Bank
) -> None:
    had = known.case(QUESTION).question
    others = [each for each in known.questions if Level.SENIOR in each.levels and each != had][:2]
    await held(store, leads, "slack:T1:D1:1.1", CommandName.END)
    for seed in range(8):
        assert await choose(store, known, ANA, Level.SENIOR, (had, others[0]), seed) == others[0]
        assert await choose(store, known, ANA, Level.SENIOR, (), seed) != had
    assert {await choose(store, known, BEN, Level.SENIOR, (had, *others), seed) for seed in range(30)} == {had, *others}
    # Who asks for it outright gets it again.
    assert await choose(store, known, ANA, Level.SENIOR, (had,), 0) == had
    # One that has been had longest ago is better than none.
    await held(store, leads, "slack:T1:D1:2.2", question=others[0].id, at=2_000.0)
    assert await choose(store, known, ANA, Level.SENIOR, (had, others[0]), 0) == had


async def test_where_no_question_fits_the_level_that_is_said(store: Store, known: Bank) -> None:
    grown = [replace(each, levels=(Level.STAFF,)) for each in known.questions[:2]]
    with pytest.raises(UnknownQuestion, match="another level"):
        await choose(store, known, ANA, Level.MID, grown, 0)


@pytest.mark.parametrize(
    ("wish", "likes", "chosen"),
    [
        (Wish(), Preferences(), Settings("q", Level.SENIOR, Mode.PRACTICE, Format.STANDARD, "calm", "")),
        (
            Wish(),
            Preferences(Level.STAFF, Mode.INTERVIEW, Format.FULL, "brisk", "German", "Europe/Berlin"),
            Settings("q", Level.STAFF, Mode.INTERVIEW, Format.FULL, "brisk", "German"),
        ),
        (
            Wish((), Level.MID, Mode.PRACTICE, Format.QUICK, Persona.SCEPTICAL),
            Preferences(Level.STAFF, Mode.INTERVIEW, Format.FULL, "brisk", "German"),
            Settings("q", Level.MID, Mode.PRACTICE, Format.QUICK, "sceptical", "German"),
        ),
    ],
)
def test_settings_are_what_is_wished_then_what_is_liked_then_what_is_usual(
    wish: Wish, likes: Preferences, chosen: Settings
) -> None:
    assert settings("q", wish, likes) == chosen


async def test_an_export_holds_everything_that_is_kept_of_a_person_and_nothing_of_another(
    store: Store, leads: Interviewer, known: Bank
) -> None:
    await store.prefer(ANA, Preferences(Level.STAFF, zone="Asia/Tokyo"))
    await held(store, leads, "slack:T1:D1:1.1", f"{LEASE} \N{SNOWMAN}", CommandName.END)
    await store.note("slack:T1:D1:1.1", {"feedback": "down", "feedback-text": "odd <!here>", "last": "ours"})
    await held(store, leads, "slack:T1:D1:2.2", "I would begin with the load.", at=2_000.0)
    await held(store, leads, "slack:T1:D2:3.3", "Nobody else's business.", candidate=BEN, at=3_000.0)
    written = await export(store, known.case, ANA)
    assert "\N{SNOWMAN}" in written
    assert "Nobody else" not in written
    everything: dict[str, Any] = json.loads(written)
    assert everything["candidate"] == ANA
    assert everything["preferences"]["level"] == "staff"
    assert everything["preferences"]["zone"] == "Asia/Tokyo"
    first, second = everything["interviews"]
    for exported in (first, second):
        transcript = await store.transcript(exported["thread"])
        assert [(line["speaker"], line["text"], line["at"]) for line in exported["transcript"]] == [
            (turn.speaker.value, turn.text, turn.at) for turn in transcript
        ]
        interview = await store.interview(exported["thread"])
        assert interview
        assert exported["interview"]["id"] == interview.id
    assert first["feedback"] == {"feedback": "down", "feedback-text": "odd <!here>"}
    assert first["scorecard"]["evidence"][0]["quote"] in LEASE
    assert (second["scorecard"], second["interview"]["phase"]) == (None, Phase.REQUIREMENTS.value)
    nobody = json.loads(await export(store, known.case, "slack:T1:U9"))
    assert (nobody["interviews"], nobody["preferences"]["level"]) == ([], None)


async def test_messages_are_named_once_each_in_the_order_in_which_they_were_said(
    redis_store: RedisStore, leads: Interviewer
) -> None:
    thread = "slack:T1:D1:1.1"
    await held(redis_store, leads, thread, "First the load.", CommandName.TIME, LEASE)
    said = await redis_store.transcript(thread)
    assert spoken((*said, *said)) == ("m1", "m3")
    assert spoken(()) == ()
