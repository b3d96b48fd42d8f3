"""One turn at a time: what arrives becomes events, the machine answers, and what it says is posted in order."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from interviewer.memory import MemoryStore
from interviewer.model import (
    Case,
    CommandName,
    Inbound,
    MoveKind,
    Phase,
    Settings,
    Speaker,
)
from interviewer.ports import Post, Rater, StoreUnavailable, Undeliverable, final
from interviewer.runner import Ports, run_turn
from interviewer.store import RedisStore
from tests.fakes import (
    CASE,
    NOTICES,
    Channel,
    EagerRater,
    FailingRater,
    PlainVoice,
    bank,
    command,
    message,
    start,
    ticking,
)

THREAD = "terminal:1"


@dataclass
class Table:
    """A thread, a store and fakes around them."""

    store: Any
    channel: Channel
    rater: EagerRater
    ports: Ports

    async def hears(self, *said: Inbound) -> None:
        for inbound in said:
            await self.store.admit(inbound.id, inbound)

    async def answers(self, *said: Inbound) -> list[str]:
        """Let it be said, run turns until nothing is left, and return what was posted meanwhile."""
        before = len(self.channel.posts)
        await self.hears(*said)
        while await run_turn(self.ports, THREAD, "turn:1"):
            pass
        return [post.turn.text for post in self.channel.posts[before:]]


@pytest.fixture(params=["memory", "redis"])
async def table(request: pytest.FixtureRequest, redis_url: str) -> AsyncGenerator[Table]:
    clock = ticking()
    channel, rater = Channel(), EagerRater()
    async with RedisStore.from_url(redis_url) as redis_store:
        store = redis_store if request.param == "redis" else MemoryStore(clock)
        ports = Ports(store, rater, PlainVoice(), channel, clock, bank, NOTICES)
        yield Table(store, channel, rater, ports)


async def test_a_start_is_greeted_with_the_question(table: Table) -> None:
    (text,) = await table.answers(start(THREAD))
    assert CASE.question.prompt in text
    interview = await table.store.interview(THREAD)
    assert (interview.candidate, interview.settings) == ("ada", Settings(question="shortener"))


async def test_an_answer_is_rated_and_replied_to(table: Table) -> None:
    await table.answers(start(THREAD))
    (reply,) = await table.answers(message(THREAD, "m1", "reads outnumber writes"))
    assert reply
    assert [answer.text for answer in table.rater.asked] == ["reads outnumber writes"]
    interview = await table.store.interview(THREAD)
    assert interview.points["reads"].evidence.message == "m1"


async def test_messages_in_a_row_are_one_answer_and_get_one_reply(table: Table) -> None:
    await table.answers(start(THREAD))
    replies = await table.answers(message(THREAD, "m1", "First,"), message(THREAD, "m2", "the reads."))
    assert len(replies) == 1
    assert [answer.text for answer in table.rater.asked] == ["First,\nthe reads."]


async def test_a_command_ends_a_row_of_messages(table: Table) -> None:
    await table.answers(start(THREAD))
    asked = command(THREAD, "c1", CommandName.TIME)
    replies = await table.answers(message(THREAD, "m1", "one"), asked, message(THREAD, "m2", "two"))
    assert [answer.text for answer in table.rater.asked] == ["one", "two"]
    assert len(replies) == 3
    assert replies[1].startswith(MoveKind.TIME)


async def test_a_turn_waits_while_the_candidate_is_still_typing(table: Table) -> None:
    await table.answers(start(THREAD))
    await table.hears(message(THREAD, "m1"), message(THREAD, "m2"))
    assert await run_turn(table.ports, THREAD, "turn:m1", lambda messages: messages[-1].id == "m1") == 2
    assert table.rater.asked == []
    assert await run_turn(table.ports, THREAD, "turn:m2", lambda messages: messages[-1].id == "m2") == 0
    assert len(table.rater.asked) == 1


async def test_messages_before_a_command_do_not_wait(table: Table) -> None:
    await table.answers(start(THREAD))
    await table.hears(message(THREAD, "m1"), command(THREAD, "c1", CommandName.HINT))
    assert await run_turn(table.ports, THREAD, "turn:m1", lambda _: False) == 1
    assert len(table.rater.asked) == 1


async def test_the_rater_learns_what_the_interviewer_has_said(table: Table) -> None:
    (greeting,) = await table.answers(start(THREAD))
    (reply,) = await table.answers(message(THREAD, "m1"))
    await table.answers(message(THREAD, "m2"))
    assert [answer.heard for answer in table.rater.asked] == [(greeting,), (greeting, reply)]


async def test_a_second_interview_in_a_thread_has_heard_nothing_of_the_first(table: Table) -> None:
    await table.answers(start(THREAD), *[command(THREAD, f"c{n}", CommandName.END) for n in range(2)])
    assert (await table.store.interview(THREAD)).phase is Phase.FINISHED
    (greeting,) = await table.answers(start(THREAD, "again"))
    await table.answers(message(THREAD, "m1"))
    assert table.rater.asked[-1].heard == (greeting,)


async def test_the_transcript_holds_both_sides_in_order(table: Table) -> None:
    await table.answers(start(THREAD), message(THREAD, "m1", "one"), message(THREAD, "m2", "two"))
    transcript = await table.store.transcript(THREAD)
    speakers = [line.speaker for line in transcript]
    assert speakers == [Speaker.INTERVIEWER, Speaker.CANDIDATE, Speaker.CANDIDATE, Speaker.INTERVIEWER]
    assert [line.message for line in transcript] == ["", "m1", "m2", ""]
    assert len(transcript) == (await table.store.interview(THREAD)).turns


async def test_a_scorecard_goes_with_the_debrief(table: Table) -> None:
    await table.answers(start(THREAD), message(THREAD, "m1", "reads"), command(THREAD, "c1", CommandName.END))
    cards = [post.scorecard for post in table.channel.posts]
    assert cards[:-1] == [None] * (len(cards) - 1)
    assert cards[-1] is not None
    assert cards[-1].question == "shortener"


async def test_an_argued_point_is_rated_again(table: Table) -> None:
    await table.answers(start(THREAD), message(THREAD, "m1", "reads"), command(THREAD, "c1", CommandName.END))
    await table.answers(command(THREAD, "c2", CommandName.DISPUTE, argument="cache  I meant the cache "))
    assert (table.rater.asked[-1].text, table.rater.asked[-1].asked) == ("I meant the cache", "cache")


async def test_every_command_is_understood(table: Table) -> None:
    await table.answers(start(THREAD))
    for name in set(CommandName) - {CommandName.START}:
        await table.answers(command(THREAD, name, name))
    assert [thread async for thread in table.store.waiting()] == []


@pytest.mark.parametrize("said", [message(THREAD, "m1"), command(THREAD, "c1", CommandName.HINT)])
async def test_without_an_interview_the_candidate_learns_how_to_start(table: Table, said: Inbound) -> None:
    assert await table.answers(said) == [NOTICES["not-started"]]
    assert await table.store.transcript(THREAD) == ()


async def test_after_an_interview_the_candidate_learns_how_to_start(table: Table) -> None:
    await table.answers(start(THREAD), *[command(THREAD, f"c{n}", CommandName.END) for n in range(2)])
    assert await table.answers(message(THREAD, "m1")) == [NOTICES["not-started"]]


async def test_a_start_during_an_interview_changes_nothing(table: Table) -> None:
    await table.answers(start(THREAD))
    before = await table.store.interview(THREAD)
    assert await table.answers(start(THREAD, "again")) == [NOTICES["already-running"]]
    assert await table.store.interview(THREAD) == before


async def test_a_start_without_a_question_is_no_start(table: Table) -> None:
    assert await table.answers(replace(start(THREAD), settings=None)) == [NOTICES["not-started"]]


async def test_the_same_start_makes_the_same_interview_in_any_process(table: Table) -> None:
    await table.answers(start(THREAD))
    first = (await table.store.interview(THREAD)).id
    await table.store.forget(THREAD)
    await table.answers(start(THREAD))
    assert (await table.store.interview(THREAD)).id == first
    await table.store.forget(THREAD)
    await table.answers(start(THREAD, "another"))
    assert (await table.store.interview(THREAD)).id != first


async def test_a_turn_cut_off_before_its_commit_is_run_again_from_the_start(table: Table) -> None:
    await table.answers(start(THREAD))
    broken = replace(table.ports, rater=FailingRater(on="reads"))
    await table.hears(message(THREAD, "m1", "reads"))
    with pytest.raises(ArithmeticError):
        await run_turn(broken, THREAD, "turn:m1")
    assert await run_turn(table.ports, THREAD, "turn:other") == 0, "its owner has not ended yet"
    assert table.rater.asked == []
    assert await run_turn(table.ports, THREAD, "turn:m1") == 0
    assert [answer.text for answer in table.rater.asked] == ["reads"]
    assert len(table.channel.posts) == 2


async def test_a_post_cut_off_is_posted_again_under_the_same_key(table: Table) -> None:
    table.channel.before = once(ConnectionResetError("the platform hung up"))
    await table.hears(start(THREAD))
    with pytest.raises(ConnectionResetError):
        await run_turn(table.ports, THREAD, "turn:1")
    queued = await table.store.next_post(THREAD)
    await table.answers(message(THREAD, "m1"))
    assert [post.key for post in table.channel.posts] == [queued.key, f"{THREAD}:m1:0"]


async def test_a_post_nobody_will_take_does_not_hold_up_the_thread(table: Table) -> None:
    table.channel.before = once(Undeliverable("the channel is archived"))
    assert await table.answers(start(THREAD)) == []
    assert len(await table.answers(message(THREAD, "m1"))) == 1


async def test_a_message_that_fails_again_and_again_is_set_aside_and_the_candidate_told(table: Table) -> None:
    await table.answers(start(THREAD))
    broken = replace(table.ports, rater=FailingRater(on="poison", rater=table.rater), tries=2)
    await table.hears(message(THREAD, "m1", "poison"))
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            await run_turn(broken, THREAD, "turn:m1")
    assert await run_turn(broken, THREAD, "turn:m1") == 0
    assert table.channel.texts(THREAD)[1:] == [NOTICES["set-aside"]]
    (aside,) = await table.store.aside(THREAD)
    assert (aside.inbound.id, aside.reason) == ("m1", "failed 2 times")
    await table.hears(message(THREAD, "m2", "and on"))
    assert await run_turn(broken, THREAD, "turn:m2") == 0
    assert [answer.text for answer in table.rater.asked] == ["and on"]


async def test_a_zombie_neither_commits_nor_posts(table: Table) -> None:
    """Its turn was given to another while it was rating; what it brings home is refused."""
    await table.answers(start(THREAD))
    await table.hears(message(THREAD, "m1"))
    slow = SlowRater(table.rater)
    zombie = asyncio.create_task(run_turn(replace(table.ports, rater=slow), THREAD, "turn:m1"))
    await slow.reached.wait()
    assert await run_turn(table.ports, THREAD, "turn:m1") == 0
    slow.go_on.set()
    assert await zombie == 0
    assert len(table.channel.posts) == 2
    assert len(await table.store.transcript(THREAD)) == 3


async def test_an_outage_in_the_middle_of_a_turn_surfaces(table: Table) -> None:
    await table.answers(start(THREAD))
    await table.hears(message(THREAD, "m1"))

    class Vanishing:
        async def rate(self, case: Case, answer: Any) -> Any:
            raise StoreUnavailable("gone")
            yield

    with pytest.raises(StoreUnavailable):
        await run_turn(replace(table.ports, rater=Vanishing()), THREAD, "turn:m1")


async def test_there_is_nothing_to_do_in_an_empty_thread(table: Table) -> None:
    assert await table.answers() == []


class SlowRater:
    """A rater that stops half-way until it is told to go on."""

    def __init__(self, rater: Rater) -> None:
        self.rater = rater
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def rate(self, case: Case, answer: Any) -> Any:
        self.reached.set()
        await self.go_on.wait()
        yield await final(self.rater.rate(case, answer))


def once(error: Exception) -> Any:
    """Refuses the first post."""
    errors = [error]

    async def before(_: Post) -> None:
        if errors:
            raise errors.pop()

    return before
