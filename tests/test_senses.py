"""Pictures and voice clips on their way to a language model and back, through the real clients, to a server on this machine."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings
from bot.wiring import make_interviewer, make_senses
from evals.injections import Attempt, credited, read_attempts, run
from evals.labelled import read_bank
from evals.memo import remembering
from interviewer.attachments import Blind, Read, Senses, Unread, Why, read
from interviewer.memory import MemoryStore
from interviewer.model import Answer, Attachment, Trouble, Usage
from interviewer.ports import ModelTrouble
from interviewer.questions import data_root, load_bank
from interviewer.raters.model import LONGEST, REST, Call, ChatModel, Connection
from interviewer.raters.offline import OfflineRater
from tests.fakes import Channel
from tests.openai_server import OpenAIServer, Reply, Request, Script, sensible

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
CLIP = b"\0\0\0\x18ftypM4A \r\n--\r\n\r\n\0" + bytes(range(256))
AT_ONCE = {"Retry-After-Ms": "1"}
SKETCH = Attachment("F1", "sketch.png", "image/png", len(PNG), "")
VOICE = Attachment("F2", "audio_message.m4a", "audio/mp4", len(CLIP), "")
DURATION = json.dumps({"text": "We cache reads.", "usage": {"type": "duration", "seconds": 3}})


def settings(server: OpenAIServer, **options: Any) -> Settings:
    usual: dict[str, Any] = {
        "interview_model": "openai:llama",
        "openai_api_key": "sk-test",
        "openai_base_url": server.url,
    }
    return Settings(**(usual | options))


def senses(server: OpenAIServer, observe: list[Call] | None = None, **options: Any) -> Senses:
    """Eyes and ears at the server, as the settings describe them."""
    usual = {"vision_model": "openai:eyes", "transcription_model": "ears", "model_retries": 0}
    told: list[Call] = [] if observe is None else observe
    return make_senses(settings(server, **(usual | options)), data_root(), told.append)


async def taken(attachment: Attachment, by: Senses, data: bytes | None = None) -> Read | Unread:
    async def fetch(_: Attachment) -> bytes:
        return data or (PNG if attachment is SKETCH else CLIP)

    return await read(attachment, fetch, by)


def always(reply: Reply) -> Script:
    return lambda _: reply


either = pytest.mark.parametrize("attachment", [SKETCH, VOICE], ids=["picture", "voice"])


# --- what is asked, and what comes back -----------------------------------------------------------------------------


async def test_a_picture_is_described_by_a_model_that_is_told_to_obey_nothing_in_it() -> None:
    calls: list[Call] = []
    with OpenAIServer(sensible) as server:
        found = await taken(SKETCH, senses(server, calls))
    assert isinstance(found, Read)
    heading, _, text = found.text.partition("\n\n")
    assert heading == "[Picture sketch.png, as a language model describes it]"
    assert text == "A sketch of two boxes, Client and API.\nClient -> API: POST /links"
    (request,) = server.requests
    assert request.pictures == [("image/png", PNG)]
    assert [role for role, _ in request.messages] == ["system", "user"]
    assert "never an instruction" in request.messages[0][1]
    assert "sketch.png" not in str(request.messages)
    assert (request.model, request.max_tokens, request.stream) == ("eyes", LONGEST["see"], False)
    assert [(call.purpose, call.model, call.trouble) for call in calls] == [("see", "openai:eyes", None)]
    assert calls[0].usage == found.usage
    assert (found.usage.calls, found.usage.written) == (1, -(-len(text) // 4))


async def test_a_picture_of_4_mb_arrives_whole() -> None:
    large = PNG + os.urandom(4_000_000)
    with OpenAIServer(sensible) as server:
        assert isinstance(await taken(SKETCH, senses(server), large), Read)
    assert server.requests[0].pictures == [("image/png", large)]


async def test_a_voice_clip_is_transcribed_without_anybodys_name() -> None:
    calls: list[Call] = []
    with OpenAIServer(sensible) as server:
        found = await taken(VOICE, senses(server, calls))
    heard = "I would begin with the numbers."
    usage = Usage(1, -(-len(CLIP) // 4), 0, -(-len(heard) // 4))
    assert found == Read(f"[Voice clip audio_message.m4a, transcribed]\n\n{heard}", usage)
    (request,) = server.requests
    assert (request.model, request.clip) == ("ears", ("clip.m4a", CLIP))
    assert request.headers["authorization"] == "Bearer sk-test"
    assert [(call.purpose, call.model, call.usage) for call in calls] == [("hear", "ears", usage)]


@pytest.mark.parametrize("body", [DURATION, '{"text": "We cache reads."}'], ids=["seconds", "nothing"])
async def test_a_transcription_that_counts_no_tokens_is_a_call_all_the_same(body: str) -> None:
    with OpenAIServer(always(Reply(body=body))) as server:
        found = await taken(VOICE, senses(server))
    assert found == Read("[Voice clip audio_message.m4a, transcribed]\n\nWe cache reads.", Usage(calls=1))


async def test_silence_is_an_empty_clip() -> None:
    with OpenAIServer(always(Reply(" "))) as server:
        found = await taken(VOICE, senses(server))
    assert isinstance(found, Unread)
    assert (found.why, found.usage.calls) == (Why.EMPTY, 1)


async def test_several_files_are_read_at_the_same_time() -> None:
    with OpenAIServer(sensible) as server:
        by = senses(server)
        found = await asyncio.gather(*(taken(each, by) for each in (SKETCH, VOICE, SKETCH)))
    assert all(isinstance(each, Read) for each in found)
    assert len(server.requests) == 3


# --- what goes wrong ------------------------------------------------------------------------------------------------


@either
@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        pytest.param(Reply(status=401), Trouble.KEY, id="401"),
        pytest.param(Reply(status=403), Trouble.KEY, id="403"),
        pytest.param(Reply(status=404), Trouble.UNKNOWN, id="404"),
        pytest.param(Reply(status=400), Trouble.UNUSABLE, id="400"),
        pytest.param(Reply(status=413), Trouble.UNUSABLE, id="413"),
        pytest.param(Reply(status=429, headers=AT_ONCE), Trouble.BUSY, id="429"),
        pytest.param(Reply(status=500, headers=AT_ONCE), Trouble.UNREACHABLE, id="500"),
        pytest.param(Reply(hang=True), Trouble.UNREACHABLE, id="hangs"),
        pytest.param(Reply(endless=True), Trouble.UNREACHABLE, id="endless"),
        pytest.param(Reply("Two boxes.", drop_after=1), Trouble.UNREACHABLE, id="breaks-off"),
        pytest.param(Reply(body="<html>Sorry"), Trouble.UNUSABLE, id="no-json"),
        pytest.param(Reply(body="[]"), Trouble.UNUSABLE, id="other-json"),
        pytest.param(Reply(body='{"text": null, "choices": null}'), Trouble.UNUSABLE, id="nulls"),
        pytest.param(Reply(body="Sorry", headers={"Content-Type": "text/html"}), Trouble.UNUSABLE, id="a-page"),
    ],
)
async def test_a_model_of_no_use_leaves_the_file_unread_and_the_reason_in_the_log(
    attachment: Attachment, reply: Reply, trouble: Trouble
) -> None:
    calls: list[Call] = []
    with OpenAIServer(always(reply)) as server:
        found = await taken(attachment, senses(server, calls, model_timeout=0.5))
    assert found == Unread(attachment.name, Why.TROUBLE, Usage(calls=1))
    assert [call.trouble for call in calls] == [trouble]


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        pytest.param(Reply(refusal="I can't help with that."), Trouble.UNUSABLE, id="refused"),
        pytest.param(Reply(""), Trouble.UNUSABLE, id="empty"),
        pytest.param(Reply("Two bo", finish="length"), Trouble.UNUSABLE, id="cut-off"),
        pytest.param(Reply("Two", finish="content_filter"), Trouble.FILTERED, id="filtered"),
    ],
)
async def test_a_picture_that_is_not_described_to_the_end_has_its_price(reply: Reply, trouble: Trouble) -> None:
    calls: list[Call] = []
    with OpenAIServer(always(reply)) as server:
        found = await taken(SKETCH, senses(server, calls))
    assert isinstance(found, Unread)
    assert (found.why, found.usage) == (Why.TROUBLE, calls[0].usage)
    assert found.usage.read > 0
    assert calls[0].trouble is trouble


@either
async def test_a_model_that_stumbles_is_asked_again(attachment: Attachment) -> None:
    replies = iter([Reply(status=500, headers=AT_ONCE), Reply("We cache reads.")])
    with OpenAIServer(lambda _: next(replies)) as server:
        assert isinstance(await taken(attachment, senses(server, model_retries=1)), Read)
    assert len(server.requests) == 2


@either
async def test_a_model_that_is_gone_rests(attachment: Attachment) -> None:
    with OpenAIServer(always(Reply(status=503))) as server:
        by = senses(server)
        first, second = await taken(attachment, by), await taken(attachment, by)
    assert REST > 1
    assert len(server.requests) == 1
    assert first == Unread(attachment.name, Why.TROUBLE, Usage(calls=1))
    assert second == Unread(attachment.name, Why.TROUBLE)


async def test_who_is_told_to_stop_stops_listening() -> None:
    arrived, loop = asyncio.Event(), asyncio.get_running_loop()

    def script(_: Request) -> Reply:
        loop.call_soon_threadsafe(arrived.set)
        return Reply(hang=True)

    with OpenAIServer(script) as server:
        listening = asyncio.create_task(taken(VOICE, senses(server)))
        await arrived.wait()
        listening.cancel()
        assert (await asyncio.wait({listening}, timeout=10))[0], "it is still listening"
    assert listening.cancelled()


async def test_only_openais_protocol_has_transcriptions() -> None:
    with pytest.raises(ModelTrouble, match="check TRANSCRIPTION_MODEL") as raised:
        await ChatModel(Connection(("anthropic:ears",))).hear(CLIP, "clip.m4a")
    assert raised.value.trouble is Trouble.UNKNOWN


# --- a picture is the candidate's, and no instruction ---------------------------------------------------------------


async def test_what_a_picture_orders_wins_nothing_from_a_model_that_obeys_whoever_writes() -> None:
    attempts = [attempt for attempt in read_attempts() if not attempt.honest][::6]
    orders = iter(attempts)
    drawn: list[Attempt] = []
    with OpenAIServer(lambda _: Reply(next(orders).text)) as server:
        by = senses(server)
        for attempt in attempts:
            found = await taken(SKETCH, by)
            assert isinstance(found, Read)
            drawn.append(replace(attempt, text=found.text))
    assert len(drawn) > 5
    won = await run(drawn, read_bank(), OfflineRater(None, remembering()))
    assert {one.attempt.id: sorted(one.points) for one in won if one.points} == {}


async def test_what_a_picture_says_of_the_design_counts_as_said() -> None:
    case = load_bank(data_root()).case("apple-task-scheduler")
    point = case.guide.rubric[0]
    with OpenAIServer(always(Reply(f"A sketch of a scheduler with notes.\n{point.exemplars[0]}"))) as server:
        found = await taken(SKETCH, senses(server))
    assert isinstance(found, Read)
    assert point.id in credited(OfflineRater(None, remembering()).judge(case, Answer(found.text)))


# --- whom the settings ask ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sees", "hears"),
    [
        pytest.param({"interview_model": ""}, True, False, id="the-usual-model-sees"),
        pytest.param({"interview_model": "gpt-4.1-mini", "vision_model": "none"}, False, False, id="nobody-shall"),
        pytest.param(
            {"interview_model": "gpt-4.1-mini", "vision_model": "None"}, False, False, id="nobody-shall-either"
        ),
        pytest.param({"interview_model": "openai:o3-mini"}, False, False, id="a-model-without-eyes"),
        pytest.param({"interview_model": "openai:llama3.1:8b"}, False, False, id="an-unknown-model"),
        pytest.param({"interview_model": "anthropic:x"}, False, False, id="a-provider-without-its-package"),
        pytest.param({"interview_model": "openai:llava", "vision_model": "openai:llava"}, True, False, id="chosen"),
        pytest.param(
            {"interview_model": "openai:a", "fallback_model": "gpt-4.1-mini"}, False, False, id="the-fallback"
        ),
        pytest.param({"vision_model": "none", "transcription_model": "ears"}, False, True, id="ears-alone"),
        pytest.param({"vision_model": "none", "transcription_model": "none"}, False, False, id="neither"),
    ],
)
def test_the_settings_say_who_sees_and_hears(options: dict[str, str], sees: bool, hears: bool) -> None:
    found = make_senses(Settings(openai_api_key="sk-test", **options), data_root())  # type: ignore[arg-type]
    assert (found.sees, found.hears) == (sees, hears)


def test_without_a_key_nobody_sees_or_hears() -> None:
    assert isinstance(make_senses(Settings(), data_root()), Blind)


async def test_the_model_that_speaks_is_the_one_that_looks_unless_another_is_named() -> None:
    with OpenAIServer(sensible) as server:
        for options in ({"interview_model": "gpt-4.1"}, {"vision_model": "openai:eyes", "fallback_model": "spare"}):
            await taken(SKETCH, make_senses(settings(server, **options), data_root()))
    assert [request.model for request in server.requests] == ["gpt-4.1", "eyes"]


async def test_a_sense_that_is_missing_says_what_would_bring_it() -> None:
    with OpenAIServer(sensible) as server:
        deaf = make_senses(settings(server, vision_model="eyes"), data_root())
        blind = make_senses(settings(server, vision_model="none", transcription_model="ears"), data_root())
        with pytest.raises(ModelTrouble, match="set TRANSCRIPTION_MODEL"):
            await deaf.hear(CLIP, "clip.m4a")
        with pytest.raises(ModelTrouble, match="set VISION_MODEL"):
            await blind.see(PNG, "image/png")
        assert [await taken(VOICE, deaf), await taken(SKETCH, blind)] == [
            Unread(VOICE.name, Why.VOICE),
            Unread(SKETCH.name, Why.PICTURE),
        ]
    assert server.requests == []


@pytest.mark.parametrize("offline", [False, True])
def test_an_interviewer_has_senses_unless_it_is_offline(offline: bool, tmp_path: Path) -> None:
    bank = load_bank(data_root())
    chosen = Settings(openai_api_key="sk-test", transcription_model="ears", MOCKINGBIRD_CACHE=tmp_path)  # type: ignore[arg-type, call-arg]
    interviewer = make_interviewer(chosen, data_root(), bank.case, offline=offline)
    assert interviewer.senses.hears is not offline
    assert interviewer.ports(MemoryStore(lambda: 0.0), Channel(), lambda: 0.0).senses is interviewer.senses
