"""What a candidate takes back: an edit, a deletion, a reply that is not wanted any more; in any order and at any time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interviewer.attachments import Blind
from interviewer.memory import MemoryStore
from interviewer.model import (
    DELETED,
    CommandName,
    Correction,
    Inbound,
    Message,
    Phase,
    Settings,
    Speaker,
    Trouble,
    Usage,
)
from interviewer.model_voice import ModelVoice
from interviewer.ports import Store
from interviewer.prompts import load_prompts
from interviewer.questions import data_root
from interviewer.raters.offline import OfflineRater
from interviewer.raters.panel import Panel
from interviewer.raters.reading import ModelRater, Reading
from interviewer.runner import Allowance, run_turn
from interviewer.store import RedisStore
from interviewer.voice import TemplateVoice
from tests.fakes import (
    COST,
    NOTICES,
    ScriptedModel,
    Table,
    as_read,
    attachment,
    command,
    correction,
    laid,
    message,
    start,
    ticking,
)

THREAD = "terminal:1"
STOP = command(THREAD, "stop", CommandName.STOP, 120.0)
TIME = command(THREAD, "time", CommandName.TIME, 115.0)
READS = message(THREAD, "m1", "reads outnumber writes")
ENOUGH = [command(THREAD, f"end{n}", CommandName.END) for n in range(2)]
"""What ends an interview."""
WORDS = "Reads, you say. How do they compare?"


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, redis_url: str) -> AsyncGenerator[Store]:
    async with RedisStore.from_url(redis_url) as redis_store:
        yield redis_store if request.param == "redis" else MemoryStore(ticking())


@pytest.fixture
async def table(store: Store) -> Table:
    """An interview has been begun at it."""
    table = laid(store, THREAD)
    await table.answers(start(THREAD))
    return table


@pytest.fixture
async def elsewhere(store: Store, redis_url: str) -> AsyncGenerator[Store]:
    """The same store as another process has it."""
    async with RedisStore.from_url(redis_url) as another:
        yield another if isinstance(store, RedisStore) else store


def rated(table: Table) -> list[str]:
    return [answer.text for answer in table.rater.asked]


async def lines(table: Table) -> list[tuple[str, str, str]]:
    """Kind, text and id of what the candidate has in the transcript."""
    transcript = await table.store.transcript(THREAD)
    return [(turn.kind, turn.text, turn.message) for turn in transcript if turn.speaker is Speaker.CANDIDATE]


# --- before the reply -----------------------------------------------------------------------------------------------


async def test_an_edit_counts_while_its_message_waits(table: Table) -> None:
    replies = await table.answers(READS, correction(THREAD, "m1", "the cache"))
    assert len(replies) == 1
    assert rated(table) == ["the cache"]
    assert await lines(table) == [("answer", "the cache", "m1")]


async def test_a_deletion_removes_a_message_that_waits_and_earns_no_word(table: Table) -> None:
    before = await table.store.interview(THREAD)
    assert await table.answers(READS, correction(THREAD, "m1", None)) == []
    assert rated(table) == []
    assert await lines(table) == []
    assert await table.store.interview(THREAD) == before


async def test_of_messages_in_a_row_each_is_corrected_by_itself(table: Table) -> None:
    row = [message(THREAD, f"m{n}", f"part {n}", 100.0 + n) for n in range(3)]
    fixed, gone = correction(THREAD, "m2", "part two", 104.0), correction(THREAD, "m0", None, 105.0)
    await table.answers(*row[:2], row[2], fixed, gone, message(THREAD, "m3", "part 3", 106.0))
    assert rated(table) == ["part 1\npart two\npart 3"]


async def test_an_edit_leaves_the_files_that_came_with_a_message(table: Table) -> None:
    table.channel.files["notes.md"] = b"the cache"
    sent = message(THREAD, "m1", "See my nots", 100.0, attachment("notes.md"))
    await table.answers(sent, correction(THREAD, "m1", "See my notes"))
    assert rated(table) == [f"See my notes\n\n{as_read('notes.md', 'the cache')}"]


async def test_what_was_written_first_is_heard_first_whatever_arrives_first(table: Table) -> None:
    late, early = message(THREAD, "m2", "the reads.", 102.0), message(THREAD, "m1", "First,", 101.0)
    await table.answers(late, early)
    assert rated(table) == ["First,\nthe reads."]
    assert [id for _, _, id in await lines(table)] == ["m1", "m2"]


async def test_an_edit_that_overtook_its_message_counts(table: Table) -> None:
    await table.answers(correction(THREAD, "m1", "the cache"), READS)
    assert rated(table) == ["the cache"]


async def test_a_correction_of_something_older_ends_a_row(table: Table) -> None:
    await table.answers(message(THREAD, "m0", "before", 90.0))
    old = correction(THREAD, "m0", "afterwards")
    replies = await table.answers(message(THREAD, "m1", "one"), old, message(THREAD, "m2", "two"))
    assert rated(table) == ["before", "one", "two"]
    assert [reply.split(":")[0] for reply in replies][1] == "too-late"
    assert len(replies) == 3


async def test_what_is_still_being_typed_waits_and_its_corrections_with_it(table: Table) -> None:
    await table.hears(READS, correction(THREAD, "m1", "the cache"))
    assert await run_turn(table.ports, THREAD, "turn:1", lambda messages: [it.id for it in messages] != ["m1"]) == 2
    assert rated(table) == []
    assert await run_turn(table.ports, THREAD, "turn:1", lambda _: True) == 0
    assert rated(table) == ["the cache"]


@pytest.mark.parametrize("now", ["edited", None])
@pytest.mark.parametrize("begun", [True, False])
async def test_a_correction_of_a_message_nobody_has_seen_is_ignored(table: Table, begun: bool, now: str | None) -> None:
    if not begun:
        await table.store.forget(THREAD)
    assert await table.answers(correction(THREAD, "m1", now)) == []
    assert [thread async for thread in table.store.waiting()] == []


async def test_who_deletes_a_message_where_no_interview_is_hears_nothing(table: Table) -> None:
    await table.answers(*ENOUGH)
    assert await table.answers(READS, correction(THREAD, "m1", None)) == []
    assert await table.answers(READS, correction(THREAD, "m1", "the cache")) == []  # that event was claimed
    again = message(THREAD, "m2"), correction(THREAD, "m2", "the cache")
    assert await table.answers(*again) == [NOTICES["not-started"]]


# --- after the reply ------------------------------------------------------------------------------------------------


async def test_an_edit_of_what_was_answered_comes_too_late(table: Table) -> None:
    await table.answers(READS)
    before = await table.store.interview(THREAD)
    (reply,) = await table.answers(correction(THREAD, "m1", "the cache"))
    assert reply.startswith("too-late")
    after = await table.store.interview(THREAD)
    assert (rated(table), after.points, after.open) == ([READS.text], before.points, before.open)
    assert await lines(table) == [("answer", READS.text, "m1")]


async def test_a_deletion_strikes_the_line_without_a_word_and_the_credit_stays(table: Table) -> None:
    await table.answers(READS, message(THREAD, "m2", "and more"))
    before, transcript = await table.store.interview(THREAD), await table.store.transcript(THREAD)
    assert await table.answers(correction(THREAD, "m1", None)) == []
    assert await table.store.interview(THREAD) == before
    after = await table.store.transcript(THREAD)
    assert after == tuple(replace(it, kind=DELETED, text="") if it.message == "m1" else it for it in transcript)
    assert await lines(table) == [(DELETED, "", "m1"), ("answer", "and more", "m2")]


@pytest.mark.parametrize("now", ["edited", None])
async def test_what_was_struck_stays_struck_whatever_comes_after(table: Table, now: str | None) -> None:
    await table.answers(READS, correction(THREAD, "m2", None))
    await table.answers(correction(THREAD, "m1", None, 110.0))
    transcript = await table.store.transcript(THREAD)
    assert await table.answers(correction(THREAD, "m1", now, 111.0)) == []
    assert await table.store.transcript(THREAD) == transcript


async def test_a_deletion_never_touches_what_the_interviewer_said(table: Table) -> None:
    transcript = await table.store.transcript(THREAD)
    for now in ("edited", None):
        assert await table.answers(correction(THREAD, "", now, 110.0 + bool(now))) == []
    assert await table.store.transcript(THREAD) == transcript


async def test_in_a_finished_interview_a_deletion_still_strikes_and_an_edit_is_ignored(table: Table) -> None:
    await table.answers(READS, *ENOUGH)
    over = await table.store.interview(THREAD)
    assert over.phase is Phase.FINISHED
    assert await table.answers(correction(THREAD, "m1", "edited", 110.0), correction(THREAD, "m1", None, 111.0)) == []
    assert await lines(table) == [(DELETED, "", "m1")]
    assert await table.store.interview(THREAD) == over


async def test_what_belongs_to_an_earlier_interview_of_the_thread_is_struck_too(table: Table) -> None:
    await table.answers(READS, *ENOUGH, start(THREAD, "again"))
    await table.answers(message(THREAD, "m2", "the cache"))
    assert await table.answers(correction(THREAD, "m1", None)) == []
    assert await lines(table) == [(DELETED, "", "m1"), ("answer", "the cache", "m2")]
    await table.answers(message(THREAD, "m3", "and so on"))
    assert len(await table.store.transcript(THREAD)) == 1 + 2 + 2 + 1 + 2 + 2


# --- in any order ---------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(["reads", "the cache", "a queue", "so and so"])
FATES = st.lists(
    st.tuples(TEXTS, st.lists(TEXTS, max_size=3), st.booleans()).map(lambda it: (it[0], (*it[1], *[None] * it[2]))),
    min_size=1,
    max_size=4,
)
"""Of each message: what was written, what was made of it, and whether it was deleted in the end."""
Fates = Sequence[tuple[str, tuple[str | None, ...]]]


def arriving(fates: Fates) -> tuple[list[Message | Correction], list[tuple[str, str]]]:
    """All that arrives, as it was done; and ids and texts of what the candidate finally meant."""
    done: list[Message | Correction] = [message(THREAD, f"m{n}", text, 100.0 + n) for n, (text, _) in enumerate(fates)]
    later = count(200)
    for n, (_, changes) in enumerate(fates):
        done += [correction(THREAD, f"m{n}", change, float(next(later))) for change in changes]
    meant = [(f"m{n}", [text, *changes][-1]) for n, (text, changes) in enumerate(fates)]
    return done, [(id, text) for id, text in meant if text is not None]


@given(FATES, st.randoms(use_true_random=False), st.booleans())
@example([("reads", ("the cache", None)), ("a queue", ("reads", "the cache"))], None, False)
def test_in_whatever_order_it_arrives_the_answer_is_what_was_finally_meant(
    fates: Fates, chance: "object", stopped: bool
) -> None:
    done, meant = arriving(fates)
    shuffled: list[Inbound] = list(done)
    if chance is not None:
        chance.shuffle(shuffled)  # type: ignore[attr-defined]
    else:
        shuffled.reverse()

    async def scene() -> None:
        table = laid(MemoryStore(ticking()), THREAD)
        await table.answers(start(THREAD))
        replies = await table.answers(*shuffled, *([STOP] if stopped else []))
        assert rated(table) == (["\n".join(text for _, text in meant)] if meant else [])
        assert [(id, text) for _, text, id in await lines(table)] == meant
        assert len(replies) == bool(meant)
        assert not meant or replies[0].startswith("stopped") is stopped

    asyncio.run(scene())


@given(FATES, st.lists(st.booleans(), min_size=20, max_size=20))
def test_whenever_the_turns_are_run_what_was_deleted_is_gone_and_the_rest_is_there_once(
    fates: Fates, pauses: Sequence[bool]
) -> None:
    done, meant = arriving(fates)

    async def scene() -> None:
        table = laid(MemoryStore(ticking()), THREAD)
        await table.answers(start(THREAD))
        for inbound, pause in zip(done, pauses, strict=False):
            await table.hears(inbound)
            if pause:
                await table.answers()
        await table.answers()
        left = [(id, text) for kind, text, id in await lines(table) if kind != DELETED]
        assert [id for id, _ in left] == [id for id, _ in meant]
        written = {f"m{n}": (text, *changes) for n, (text, changes) in enumerate(fates)}
        assert all(text in written[id] for id, text in left)
        assert [thread async for thread in table.store.waiting()] == []

    asyncio.run(scene())


# --- stopping a reply -----------------------------------------------------------------------------------------------


def speaking(table: Table, model: ScriptedModel) -> Table:
    """The table with a voice that speaks through a model."""
    prompts = load_prompts(data_root() / "prompts")
    return replace(table, ports=replace(table.ports, voice=ModelVoice(model, TemplateVoice(prompts), prompts)))


@pytest.fixture(scope="session")
def offline(embeddings: Path) -> OfflineRater:
    return OfflineRater(embeddings)


@pytest.fixture
def panel(offline: OfflineRater) -> Callable[[ScriptedModel], Panel]:
    return lambda model: Panel(offline, ModelRater(model, load_prompts(data_root() / "prompts")))


NOTHING_READ = Reading(intent="answer", covered=[], wrong=[], fact="")


async def kinds(table: Table) -> list[str]:
    """What the interviewer has said, by kind."""
    transcript = await table.store.transcript(THREAD)
    return [turn.kind for turn in transcript if turn.speaker is Speaker.INTERVIEWER]


async def test_a_reply_that_is_being_worded_is_cut_short_from_another_process(table: Table, elsewhere: Store) -> None:
    model = ScriptedModel(WORDS, held=True)
    table = speaking(table, model)
    before = await table.store.interview(THREAD), await table.store.transcript(THREAD)
    await table.hears(READS)
    turn = asyncio.create_task(run_turn(table.ports, THREAD, "turn:m1"))
    await model.reached.wait()
    await elsewhere.admit("stop", STOP)
    assert await turn == 2, "the message and the stop"
    assert model.cancelled.is_set()
    assert table.channel.withdrawn == [THREAD]
    assert (await table.store.interview(THREAD), await table.store.transcript(THREAD)) == before
    (reply,) = await table.answers()
    assert await kinds(table) == ["present", "stopped"]
    assert reply == table.channel.texts(THREAD)[-1]
    assert len(model.given) == 1, "no model is asked again"
    assert [answer.frugal for answer in table.rater.asked] == [False, True]
    assert rated(table) == [READS.text] * 2
    assert (await table.store.interview(THREAD)).points["reads"].evidence.message == "m1"
    assert len(table.channel.withdrawn) == 1


async def test_a_reply_that_waits_for_a_reading_is_cut_short(
    table: Table, panel: Callable[[ScriptedModel], Panel]
) -> None:
    reader, speaker = ScriptedModel(NOTHING_READ, held=True), ScriptedModel(WORDS)
    table = speaking(table, speaker)
    table = replace(table, ports=replace(table.ports, rater=panel(reader)))
    await table.hears(message(THREAD, "m1", "Many more people follow a link than make one, so reads outnumber writes."))
    turn = asyncio.create_task(run_turn(table.ports, THREAD, "turn:m1"))
    await reader.reached.wait()
    await table.hears(STOP)
    assert await turn == 2
    assert reader.cancelled.is_set()
    await table.answers()
    assert await kinds(table) == ["present", "stopped"]
    assert len(reader.given) == 1
    interview = await table.store.interview(THREAD)
    assert interview.gradable
    assert interview.usage == Usage(), "what was cut short is not in the books"


async def test_who_stops_a_reply_is_not_told_that_an_allowance_is_used_up(
    table: Table, panel: Callable[[ScriptedModel], Panel]
) -> None:
    table = replace(table, ports=replace(table.ports, rater=panel(ScriptedModel(NOTHING_READ))))
    (reply,) = await table.answers(READS, STOP)
    assert reply.startswith("stopped")
    assert Trouble.BUDGET not in reply
    assert (await table.store.interview(THREAD)).told == ()


async def test_an_allowance_that_is_used_up_is_told_even_to_who_stops_a_reply(
    table: Table, panel: Callable[[ScriptedModel], Panel]
) -> None:
    poor = replace(table.ports, rater=panel(ScriptedModel(NOTHING_READ)), allowance=Allowance(interview=0))
    (reply,) = await replace(table, ports=poor).answers(READS, STOP)
    assert reply.startswith("on-my-own: budget")


async def test_a_stop_that_is_there_before_the_turn_costs_no_call(table: Table) -> None:
    model = ScriptedModel(WORDS, held=True)
    await speaking(table, model).answers(READS, correction(THREAD, "m1", "the cache"), STOP)
    assert await kinds(table) == ["present", "stopped"]
    assert model.given == []
    assert rated(table) == ["the cache"]
    assert table.channel.withdrawn == []


async def test_a_stop_that_comes_too_late_changes_nothing(table: Table) -> None:
    await table.answers(READS)
    before = await table.store.interview(THREAD)
    assert await table.answers(STOP) == []
    assert await table.store.interview(THREAD) == before
    assert table.channel.withdrawn == []
    assert [thread async for thread in table.store.waiting()] == []


@pytest.mark.parametrize("begun", [True, False])
async def test_a_stop_with_nothing_before_it_is_ignored(table: Table, begun: bool) -> None:
    if not begun:
        await table.store.forget(THREAD)
    assert await table.answers(STOP, replace(STOP, id="stop2")) == []
    assert [thread async for thread in table.store.waiting()] == []


@pytest.mark.parametrize(
    "typed",
    [
        (STOP, message(THREAD, "m2", "the cache", 121.0)),
        (TIME, STOP),
        (TIME, message(THREAD, "m2", "the cache", 116.0), STOP),
        (correction(THREAD, "m1", "reads, mostly"), STOP),
        (correction(THREAD, "m0", "as I said"), STOP),
        (STOP, replace(STOP, id="stop2")),
    ],
    ids=["and typed on", "after a command", "after another message", "after an edit", "after an old edit", "twice"],
)
async def test_a_reply_is_stopped_whatever_was_typed_along_with_it(table: Table, typed: Sequence[Inbound]) -> None:
    await table.answers(message(THREAD, "m0", "to begin with", 95.0))
    model = ScriptedModel("Go on with that.", held=True)
    table = speaking(table, model)
    await table.hears(READS)
    turn = asyncio.create_task(run_turn(table.ports, THREAD, "turn:m1"))
    await model.reached.wait()
    await table.hears(*typed)
    await turn
    model.ready.set()
    await table.answers()
    assert table.channel.withdrawn == [THREAD]
    assert (await kinds(table))[2] == "stopped"
    answered = [id for _, _, id in await lines(table)]
    assert answered == ["m0", "m1", *(inbound.id for inbound in typed if isinstance(inbound, Message))]
    assert [thread async for thread in table.store.waiting()] == []


async def test_a_stop_does_not_cut_short_what_a_command_is_answered_with(table: Table) -> None:
    await table.answers(READS)
    model = ScriptedModel("What happens to a link that everybody follows?", held=True)
    table = speaking(table, model)
    await table.hears(command(THREAD, "next", CommandName.NEXT))
    turn = asyncio.create_task(run_turn(table.ports, THREAD, "turn:m1"))
    await model.reached.wait()
    await table.hears(STOP)
    model.ready.set()
    assert await turn == 1
    assert await table.answers() == []
    assert table.channel.withdrawn == []
    assert len(await kinds(table)) == 3


async def test_the_question_stays_open_and_the_next_answer_is_a_reply_to_it(table: Table) -> None:
    await table.answers(message(THREAD, "m0", "to begin with", 95.0))
    asked = (await table.store.interview(THREAD)).open
    await table.answers(message(THREAD, "m1", "so and so"), STOP)
    assert (await table.store.interview(THREAD)).open == asked
    await table.answers(message(THREAD, "m2", "reads"))
    assert [answer.asked for answer in table.rater.asked] == ["", "reads", "reads"]


class Sharp(Blind):
    """Sees, at a price."""

    @property
    def sees(self) -> bool:
        return True

    async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
        return "Clients, a cache.", COST


async def test_a_picture_is_looked_at_even_if_the_reply_was_stopped(table: Table) -> None:
    """Otherwise it would be said of it that no allowance is left, which is not true, and its content would be lost."""
    table.channel.files["sketch.png"] = b"\x89PNG\r\n\x1a\n"
    seeing = replace(table, ports=replace(table.ports, senses=Sharp()))
    sent = message(THREAD, "m1", "Like so:", 100.0, attachment("sketch.png", "image/png"))
    (reply,) = await seeing.answers(sent, STOP)
    assert reply.startswith("stopped")
    assert "Clients, a cache." in rated(table)[0]
    assert (await table.store.interview(THREAD)).usage == COST


async def test_a_turn_that_fails_after_a_stop_is_run_again_and_stopped(table: Table) -> None:
    class Stubborn:
        """A platform that can't take back what it previewed, the first time."""

        async def withdraw(self, thread: str) -> None:
            raise ConnectionResetError("the platform hung up")

        def __getattr__(self, name: str) -> object:
            return getattr(table.channel, name)

    model = ScriptedModel(WORDS, held=True)
    talking = speaking(table, model)
    stubborn = replace(talking.ports, platform=Stubborn())  # type: ignore[arg-type]
    await table.hears(READS)
    turn = asyncio.create_task(run_turn(stubborn, THREAD, "turn:1"))
    await model.reached.wait()
    await table.hears(STOP)
    with pytest.raises(ConnectionResetError):
        await turn
    assert model.cancelled.is_set()
    await talking.answers()
    assert await kinds(table) == ["present", "stopped"]


async def test_an_interview_of_another_language_is_begun_as_any(table: Table) -> None:
    await table.answers(*ENOUGH)
    chosen = Settings("shortener", language="Deutsch")
    await table.answers(replace(start(THREAD, "again"), settings=chosen))
    assert (await table.store.interview(THREAD)).settings == chosen
