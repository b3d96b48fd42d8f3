"""Whole interviews in Slack, over Socket Mode and over signed HTTP: what a candidate reads, presses and takes home."""

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.slack import buttons as row
from bot.slack import views
from bot.slack.places import person
from interviewer.model import Phase, PointState, Speaker
from interviewer.scoring import scorecard
from interviewer.store import RedisStore
from tests.slack import SlackServer, User, buttons, text_of
from tests.slack_bot import Seat, Table, known_by, over_http, over_socket, settings

QUESTION = "doordash-payments"
WITHIN = 3.0
"""Seconds that Slack waits for an acknowledgement."""
PNG = b"\x89PNG\r\n\x1a\n"


@asynccontextmanager
async def open_for(way: str, slack: SlackServer, url: str, cache: Path) -> AsyncGenerator[None]:
    """The bot, reached the one way or the other."""
    chosen, known = settings(slack, cache), known_by(cache)
    if way == "socket":
        async with over_socket(chosen, url, *known):
            yield
        return
    async with over_http(chosen, url, *known) as address:
        slack.delivers_to(f"{address}/slack/events")
        yield


def wording(cache: Path, point: str, which: int = 0) -> str:
    """How somebody may say a point of the guide."""
    _, bank = known_by(cache)
    return bank.case(QUESTION).guide.point(point).exemplars[which]


async def answers_until(seat: Seat, store: RedisStore, phase: Phase, cache: Path) -> None:
    """One good answer in each phase on the way, and on to the next."""
    case = known_by(cache)[1].case(QUESTION)
    while (interview := await store.interview(seat.name)) and interview.phase is not phase:
        here = [point for point in case.guide.rubric if point.phase is interview.phase]
        for point in here[:1]:
            await seat.says(point.exemplars[0])
        now = await store.interview(seat.name)
        if now and now.phase is interview.phase:
            await seat.presses(row.NEXT)


@pytest.mark.parametrize("way", ["socket", "http"])
async def test_a_whole_interview_from_the_start_to_the_goodbye(
    way: str, slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    dm = slack.dm(ana)
    case = known_by(embeddings)[1].case(QUESTION)
    async with open_for(way, slack, redis_url, embeddings):
        seat = await Table(slack, ana).sits_down(f"start {QUESTION} quick senior")
        assert "food-delivery marketplace" in text_of(seat.heard[0])
        assert "signed notifications at least once" in text_of(await seat.says("Do we get webhooks?"))
        asked = [m for m in slack.messages(dm, seat.thread) if m["user"] == ana.id][-1]
        await slack.until(lambda: [r["name"] for r in asked.get("reactions", [])] == ["eyes"])
        assert "is reading your answer…" in slack.statuses(dm, seat.thread)

        await seat.says(wording(embeddings, "money-parties"))
        await seat.presses(row.HINT)
        assert "minutes" in text_of(await seat.presses(row.TIME))
        await answers_until(seat, redis_store, Phase.TWIST, embeddings)
        assert any(twist.ask in text_of(seat.heard[-1]) for twist in case.guide.twists)
        await answers_until(seat, redis_store, Phase.WRAP_UP, embeddings)

        card = await ends(seat)
        finished = await redis_store.interview(seat.name)
        assert finished
        assert set(Phase) - set(finished.reached) == {Phase.FINISHED}
        assert_the_card_shows_its_evidence(slack, seat, card)
        missing = next(
            p.point for p in scorecard(finished, case).points if p.expected and p.state is not PointState.COVERED
        )
        told = await disputes(seat, missing, wording(embeddings, missing, 2))
        assert case.guide.point(missing).statement[:60] in text_of(told)
        assert case.guide.model_answer.split()[0] in text_of(await seat.presses(row.ANSWER))
        assert row.START in buttons(await seat.presses(row.END))

    assert seat.pressable == []
    closed = await redis_store.interview(seat.name)
    assert closed
    assert closed.phase is Phase.FINISHED
    assert slack.said(dm) == seat.heard, "everything was said in one thread"
    assert slack.statuses(dm, seat.thread)[-1] == ""
    answered = [delivery.answer.result() for delivery in slack.deliveries if delivery.answer.done()]
    assert [ack for ack in answered if ack.status != 200 or ack.seconds > WITHIN] == []
    failed = [call for call in slack.calls() if call.answer.get("ok") is not True]
    assert {call.answer.get("error") for call in failed} <= {"unknown_method"}
    assert len({call.method for call in failed}) == len(failed), "what a Slack does not know is asked for once"


async def ends(seat: Seat) -> Any:
    """End the interview; the scorecard."""
    said = len(seat.heard)
    await (await seat.slack.presses(seat.who, seat.channel, seat.pressable[-1], row.END)).acked
    await seat.slack.until(lambda: len(seat.heard) == said + 2)
    card = seat.heard[-1]
    await seat.slack.until(lambda: seat.pressable == [card["ts"]])
    return card


async def disputes(seat: Seat, point: str, argument: str) -> Any:
    """Argue for a point; what the bot says to it. The scorecard as it is then comes after that."""
    await (await seat.slack.presses(seat.who, seat.channel, seat.pressable[-1], row.DISPUTE)).acked
    await seat.slack.until(lambda: seat.slack.modal(seat.who))
    said = len(seat.heard)
    argued = {views.POINT: point, views.ARGUMENT: argument}
    await (await seat.slack.submits(seat.who, None, {name: {name: value} for name, value in argued.items()})).acked
    await seat.slack.until(lambda: len(seat.heard) == said + 2)
    await seat.slack.until(lambda: seat.pressable == [seat.heard[-1]["ts"]])
    return seat.heard[said]


def assert_the_card_shows_its_evidence(slack: SlackServer, seat: Seat, card: Any) -> None:
    """Its picture is there, and every quote links to the message of the candidate's that it is from."""
    image = next(block for block in card["blocks"] if block["type"] == "image")
    drawn = next(file for file in slack.files if file.id == image["slack_file"]["id"])
    assert (drawn.content or b"").startswith(PNG)
    assert image["alt_text"]
    words = "\n".join(block["text"]["text"] for block in card["blocks"] if block["type"] == "section")
    quoted = re.findall(r"^>“(.+)”\n.*?<(https?://[^|>]+)\|your message>", words, re.MULTILINE)
    assert len(quoted) >= 3
    mine = {m["ts"]: m for m in slack.messages(seat.channel, seat.thread) if m["user"] == seat.who.id}
    for quote, address in quoted:
        found = re.fullmatch(
            rf"https://acme\.slack\.com/archives/{seat.channel}/p(\d+)(\d{{6}})"
            rf"\?thread_ts={re.escape(seat.thread)}&amp;cid={seat.channel}",
            address,
        )
        assert found, address
        start = quote.rstrip("…").replace("\u2060", "")[:40]
        assert start in " ".join(mine[f"{found[1]}.{found[2]}"]["text"].split())


async def test_an_interview_in_a_channel_keeps_its_scorecard_out_of_it(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    team = slack.adds_channel("backend", ana, slack.adds_user("bo"))
    dm = slack.dm(ana)
    async with open_for("socket", slack, redis_url, embeddings):
        await (await slack.slash(ana, team, "/interview")).acked
        await slack.until(lambda: slack.modal(ana))
        chosen = {views.QUESTION: QUESTION, views.FORMAT: "quick", views.WHERE: views.THREAD}
        await (await slack.submits(ana, None, {name: {name: value} for name, value in chosen.items()})).acked
        root = (await slack.until(lambda: slack.said(team)))[0]
        seat = Seat(slack, ana, team.id, root["ts"])
        await slack.until(lambda: len(seat.heard) == 2)
        assert f"<@{ana.id}> is being interviewed" in text_of(root)
        case = known_by(embeddings)[1].case(QUESTION)
        await seat.says(case.guide.rubric[0].exemplars[0])
        await (await slack.presses(ana, team, seat.pressable[-1], row.END)).acked
        ts = await slack.until(lambda: Table(slack, ana).offering(dm, None, row.REPORT))
        card = next(m for m in slack.said(dm) if m["ts"] == ts)
        assert "your message" in text_of(card)
        await slack.until(lambda: seat.pressable == [])
        said = len(slack.said(team))
        await Table(slack, ana).presses(dm, None, row.ANSWER)
        await slack.until(lambda: case.guide.model_answer.split()[0] in text_of(slack.said(dm)[-1]))
        assert len(slack.said(team)) == said
    shown = "\n".join(text_of(m) for m in slack.said(team))
    assert "your message" not in shown
    assert case.guide.model_answer[:40] not in shown
    assert all(block["type"] != "image" for m in slack.said(team) for block in m.get("blocks", ()))
    assert [f.shared for f in slack.files] == [set()]
    assert slack.statuses(team, seat.thread)[-1] == ""


async def test_logs_carry_neither_what_was_said_nor_a_token(
    slack: SlackServer,
    ana: User,
    redis_url: str,
    redis_store: RedisStore,
    embeddings: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    secrets = ["xoxb", "xapp", "ZEBRA", *known_by(embeddings)[1].case(QUESTION).question.prompt.split(". ")]
    with caplog.at_level(logging.DEBUG, "bot"), caplog.at_level(logging.DEBUG, "interviewer"):
        async with open_for("socket", slack, redis_url, embeddings):
            seat = await Table(slack, ana).sits_down(f"start {QUESTION} quick")
            slack.fail("chat.postMessage", status=500)
            slack.fail("chat.postMessage", status=429)
            slack.fail("reactions.add", "missing_scope")
            slack.fail("assistant.threads.setStatus", status=500)
            await seat.says("ZEBRA: the provider keeps a reference, so I would send the same one again.")
            slack.fail("chat.postMessage", "invalid_blocks")
            slack.fail("files.getUploadURLExternal", "missing_scope")
            slack.fail("chat.getPermalink", status=500)
            await slack.types(ana, None, "ZEBRA nonsense that is nobody's wish", thread=seat.thread)
            await (await slack.slash(ana, None, "/interview", "ZEBRA")).acked
            await (await slack.opens_home(ana)).acked
            await Table(slack, ana).ends(seat.thread)
            slack.revoke_token()
            await slack.types(ana, None, "ZEBRA after the end", thread=seat.thread)
    told = [f"{record.name} {record.getMessage()} {record.exc_text or ''}" for record in caplog.records]
    assert told
    assert [line for line in told if any(secret in line for secret in secrets)] == []


async def test_the_transcript_has_every_line_with_the_message_it_came_from(
    slack: SlackServer, ana: User, redis_url: str, redis_store: RedisStore, embeddings: Path
) -> None:
    async with open_for("socket", slack, redis_url, embeddings):
        seat = await Table(slack, ana).sits_down(f"start {QUESTION} quick")
        await seat.says("Tom & Jerry <script> ask @here: *who* pays whom?")
    lines = [turn for turn in await redis_store.transcript(seat.name) if turn.speaker is Speaker.CANDIDATE]
    mine = [m for m in slack.messages(seat.channel, seat.thread) if m["user"] == ana.id]
    assert [(line.text, line.message) for line in lines] == [
        ("Tom & Jerry <script> ask @here: *who* pays whom?", mine[-1]["ts"])
    ]
    assert await redis_store.threads(person(ana.team, ana.id)) == (seat.name,)
