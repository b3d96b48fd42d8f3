"""One turn at a time: what arrives becomes events, the machine answers, and what it says is posted in order."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from interviewer.attachments import LIMITS, Kind, Why
from interviewer.memory import MemoryStore
from interviewer.model import (
    Case,
    CommandName,
    Inbound,
    Mode,
    MoveKind,
    Phase,
    Settings,
    Speaker,
    Trouble,
    Usage,
)
from interviewer.ports import ModelTrouble, Post, Rater, StoreUnavailable, Undeliverable, final
from interviewer.runner import Allowance, run_turn
from interviewer.store import RedisStore
from tests.fakes import (
    CASE,
    COST,
    NOTICES,
    FailingRater,
    Table,
    as_read,
    attachment,
    command,
    laid,
    message,
    start,
    ticking,
)

THREAD = "terminal:1"


@pytest.fixture(params=["memory", "redis"])
async def table(request: pytest.FixtureRequest, redis_url: str) -> AsyncGenerator[Table]:
    async with RedisStore.from_url(redis_url) as redis_store:
        yield laid(redis_store if request.param == "redis" else MemoryStore(ticking()), THREAD)


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


async def test_who_loses_its_thread_while_it_posts_posts_nothing_more(table: Table) -> None:
    async def redelivered(_: Post) -> None:
        table.channel.before = None
        assert await table.store.begin(THREAD, "turn:1")

    await table.hears(message(THREAD, "m1"))
    table.channel.before = redelivered
    assert await run_turn(table.ports, THREAD, "turn:1") == 0
    assert len(table.channel.posts) == 1
    assert await table.store.next_post(THREAD) == table.channel.posts[0]


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


async def test_an_interview_can_be_found_by_its_id_and_its_posts_name_the_candidate(table: Table) -> None:
    await table.answers(message(THREAD, "m0"), start(THREAD), message(THREAD, "m1"))
    interview = await table.store.interview(THREAD)
    assert await table.store.thread(interview.id) == THREAD
    assert await table.store.threads("ada") == (THREAD,)
    assert [post.candidate for post in table.channel.posts] == ["ada"] * 3, "a notice, too"


# --- what came with a message ---------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Sharp:
    """Senses that see and hear, at a price."""

    seen: str | ModelTrouble = "Two boxes: the reads go to one."
    sees: bool = True
    hears: bool = True
    given: list[bytes] = field(default_factory=list[bytes])

    async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
        self.given.append(data)
        if isinstance(self.seen, ModelTrouble):
            raise self.seen
        return self.seen, COST

    async def hear(self, data: bytes, name: str) -> tuple[str, Usage]:
        return await self.see(data, name)


@pytest.fixture
async def begun(table: Table) -> Table:
    """An interview has been begun at the table."""
    await table.answers(start(THREAD))
    return table


def sensing(table: Table, senses: Sharp) -> Table:
    return replace(table, ports=replace(table.ports, senses=senses))


def rated(table: Table) -> list[str]:
    return [answer.text for answer in table.rater.asked]


async def test_a_text_file_counts_as_evidence(begun: Table) -> None:
    begun.channel.files["notes.md"] = b"reads outnumber writes\n"
    (reply,) = await begun.answers(message(THREAD, "m1", "", 100.0, attachment("notes.md", "text/plain", 23)))
    text = as_read("notes.md", "reads outnumber writes")
    assert rated(begun) == [text]
    evidence = (await begun.store.interview(THREAD)).points["reads"].evidence
    assert (evidence.message, evidence.quote) == ("m1", text)
    assert [turn.text for turn in await begun.store.transcript(THREAD) if turn.message] == [text]
    assert not reply.startswith(MoveKind.UNREAD)


async def test_what_was_written_comes_before_what_was_attached_and_files_keep_their_order(begun: Table) -> None:
    begun.channel.files |= {"a.txt": b"first", "b.sql": b"SELECT 1"}
    files = attachment("a.txt"), attachment("b.sql")
    await begun.answers(message(THREAD, "m1", "See both.", 100.0, *files), message(THREAD, "m2", "That is all.", 101.0))
    texts = as_read("a.txt", "first"), as_read("b.sql", "```sql\nSELECT 1\n```")
    assert rated(begun) == ["See both.\n\n" + "\n\n".join(texts) + "\nThat is all."]


@pytest.mark.parametrize(("name", "data"), [("sketch.png", PNG), ("clip.m4a", b"\0\0\0\x20ftypM4A ")])
async def test_what_is_seen_or_heard_counts_as_evidence_and_is_charged(begun: Table, name: str, data: bytes) -> None:
    senses = Sharp()
    begun.channel.files[name] = data
    await sensing(begun, senses).answers(message(THREAD, "m1", "", 100.0, attachment(name)))
    interview = await begun.store.interview(THREAD)
    assert senses.given == [data]
    assert str(senses.seen) in rated(begun)[0]
    assert interview.points["reads"].evidence.message == "m1"
    assert interview.usage == COST
    assert await begun.store.spend("person:ada:1970-01-01", 0) == COST.tokens


UNREADABLE: Mapping[Why, tuple[str, bytes | None]] = {
    Why.PICTURE: ("sketch.png", PNG),
    Why.VOICE: ("clip.ogg", b"OggS"),
    Why.KIND: ("design.pdf", b"%PDF-1.7"),
    Why.SIZE: ("log.txt", b"x" * (LIMITS[Kind.TEXT] + 1)),
    Why.EMPTY: ("empty.md", b""),
    Why.UNREACHABLE: ("gone.md", None),
    Why.ENCODING: ("strange.txt", bytes(range(0xC0, 0xFF)) * 3),
}


def lay_out(table: Table, *whys: Why) -> list[Any]:
    """Files that can't be read for these reasons."""
    for name, data in map(UNREADABLE.__getitem__, whys):
        if data is not None:
            table.channel.files[name] = data
    return [attachment(UNREADABLE[why][0]) for why in whys]


@pytest.mark.parametrize("why", UNREADABLE)
@pytest.mark.parametrize("mode", Mode)
async def test_what_cannot_be_read_is_named_and_costs_neither_a_rating_nor_a_stall(
    table: Table, why: Why, mode: Mode
) -> None:
    await table.answers(replace(start(THREAD), settings=Settings("shortener", mode=mode)))
    await table.answers(message(THREAD, "m0", "to begin with", 95.0))
    before = await table.store.interview(THREAD)
    (reply,) = await table.answers(message(THREAD, "m1", "", 100.0, *lay_out(table, why)))
    assert reply.startswith(f"unread: {why} {UNREADABLE[why][0]}")
    after = await table.store.interview(THREAD)
    assert rated(table) == ["to begin with"]
    assert (after.points, after.open, after.stalls) == (before.points, before.open, before.stalls)
    assert [turn.message for turn in await table.store.transcript(THREAD) if turn.message] == ["m0"]


async def test_what_cannot_be_read_is_named_before_the_reply_to_the_rest(begun: Table) -> None:
    begun.channel.files["notes.md"] = b"reads outnumber writes"
    files = lay_out(begun, Why.PICTURE, Why.KIND)
    first, second = message(THREAD, "m1", "", 100.0, files[0]), message(THREAD, "m2", "Mine:", 101.0, files[1])
    third = message(THREAD, "m3", "", 102.0, attachment("notes.md"))
    (reply,) = await begun.answers(first, second, third)
    assert rated(begun) == [f"\nMine:\n{as_read('notes.md', 'reads outnumber writes')}"]
    parts = reply.split("\n\n")
    assert [part.split("(")[0].strip() for part in parts[:2]] == [
        "unread: picture sketch.png",
        "unread: kind design.pdf",
    ]
    assert len(parts) > 2
    assert [turn.message for turn in await begun.store.transcript(THREAD) if turn.message] == ["m2", "m3"]


async def test_a_model_that_fails_on_a_file_is_said_and_paid_for(begun: Table) -> None:
    begun.channel.files["sketch.png"] = PNG
    broken = sensing(begun, Sharp(ModelTrouble(Trouble.BUSY, "no", COST)))
    (reply,) = await broken.answers(message(THREAD, "m1", "", 100.0, attachment("sketch.png")))
    assert reply.startswith("unread: trouble sketch.png")
    assert (await begun.store.interview(THREAD)).usage == COST


async def test_who_has_no_allowance_left_has_text_read_and_nothing_looked_at(begun: Table) -> None:
    senses = Sharp()
    begun.channel.files |= {"sketch.png": PNG, "notes.md": b"reads"}
    poor = replace(begun, ports=replace(begun.ports, senses=senses, allowance=Allowance(interview=0)))
    files = attachment("sketch.png"), attachment("notes.md")
    (reply,) = await poor.answers(message(THREAD, "m1", "", 100.0, *files))
    assert reply.startswith("unread: budget sketch.png")
    assert rated(begun) == [as_read("notes.md", "reads")]
    assert senses.given == []


async def test_files_of_all_messages_are_read_at_the_same_time(begun: Table) -> None:
    """One message after the other, many pictures would take longer than the thread's lock lasts."""
    together = asyncio.Barrier(4)

    class Waiting(Sharp):
        async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
            await together.wait()
            return await super().see(data, mime)

    names = [f"{n}.png" for n in range(4)]
    begun.channel.files |= dict.fromkeys(names, PNG)
    files = [attachment(name) for name in names]
    said = message(THREAD, "m1", "one", 100.0, *files[:2]), message(THREAD, "m2", "two", 101.0, *files[2:])
    await sensing(begun, Waiting()).answers(*said)
    assert [name in text for text in rated(begun) for name in names] == [True] * 4


async def test_what_was_attached_is_read_again_when_a_turn_is_run_again(begun: Table) -> None:
    begun.channel.files["notes.md"] = b"the reads are poison"
    broken = replace(begun.ports, rater=FailingRater(on="poison"))
    await begun.hears(message(THREAD, "m1", "", 100.0, attachment("notes.md")))
    with pytest.raises(ArithmeticError):
        await run_turn(broken, THREAD, "turn:1")
    assert [turn.message for turn in await begun.store.transcript(THREAD)] == [""]
    await begun.answers()
    assert rated(begun) == [as_read("notes.md", "the reads are poison")]


async def test_what_comes_with_a_message_after_the_debrief_is_kept(begun: Table) -> None:
    begun.channel.files["notes.md"] = b"my notes"
    await begun.answers(command(THREAD, "c1", CommandName.END))
    (reply,) = await begun.answers(message(THREAD, "m1", "", 100.0, attachment("notes.md")))
    assert reply.startswith("afterwards")
    assert (await begun.store.transcript(THREAD))[-2].text == as_read("notes.md", "my notes")


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
