"""Owns what a scorecard needs of Slack: its picture, its date, the addresses of the messages it quotes, and its buttons."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, tzinfo
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.debrief import disputable
from bot.people import zone
from bot.picture import picture
from bot.slack import buttons, scorecard
from bot.slack.clients import Api
from bot.slack.places import Place, place, user
from bot.slack.rendering import Outgoing
from interviewer.model import Scorecard
from interviewer.ports import Store

logger = logging.getLogger(__name__)

UNDRAWN = "Your scorecard is ready, but I could not lay it out here. Full report, below, has all of it."
LOOKS, PAUSE = 6, 0.5
"""How often, and how many seconds apart, Slack is asked whether it has taken a picture in: it does so after it has said yes."""


async def message(client: Api, thread: str, card: Scorecard, on: date) -> Outgoing:
    """A scorecard, its quotes linked and its picture uploaded where Slack lets us. `on` is the day it is of."""
    links, shown = await asyncio.gather(links_of(client, place(thread), card), upload(client, card, on))
    try:
        rows = (buttons.afterwards(thread, bool(disputable(card))), buttons.feedback(thread))
        return Outgoing(scorecard.notice(card), scorecard.blocks(card, links, shown), rows)
    except Exception as problem:  # it must not be tried for ever; the report is made in another way
        logger.exception("A scorecard could not be rendered: %s", type(problem).__name__, exc_info=False)
        block = {"type": "section", "text": {"type": "mrkdwn", "text": UNDRAWN}}
        return Outgoing(UNDRAWN, (block,), (buttons.afterwards(thread, disputable=False), buttons.feedback(thread)))


async def day(client: Api, store: Store, thread: str, candidate: str) -> date:
    """The day the interview in a thread began, where its candidate is; today if it is being forgotten."""
    transcript = await store.transcript(thread)
    began = transcript[0].at if transcript else time.time()
    return datetime.fromtimestamp(began, await zone_of(client, store, candidate)).date()


async def zone_of(client: Api, store: Store, candidate: str) -> tzinfo:
    """The time zone somebody chose, else that of their Slack profile; UTC if neither is known."""
    return zone(await zone_name(client, store, candidate))


async def zone_name(client: Api, store: Store, candidate: str) -> str:
    """The name of that time zone; "" if neither is known."""
    name = (await store.preferences(candidate)).zone
    if not name:
        with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
            response: Any = await client.users_info(user=user(candidate))
            name = str(response["user"].get("tz") or "")
    return name


async def links_of(client: Api, where: Place, card: Scorecard) -> Mapping[str, str]:
    """Where each quoted message is, by its id; one that Slack has no link for is left out."""
    ids = tuple(dict.fromkeys(point.evidence.message for point in card.points if point.evidence))
    # What was argued in a dispute is no message: only a ts is.
    found = {id: permalink(client, where.channel, id) for id in ids if id.replace(".", "", 1).isdecimal()}
    return {id: url for id, url in zip(found, await asyncio.gather(*found.values()), strict=True) if url}


async def permalink(client: Api, channel: str, ts: str) -> str:
    """The address of a message; "" where Slack has none."""
    with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
        response: Any = await client.chat_getPermalink(channel=channel, message_ts=ts)
        return str(response.get("permalink") or "")
    return ""


async def upload(client: Api, card: Scorecard, on: date) -> str | None:
    """The id of the scorecard's picture; None where Slack won't take it."""
    try:
        drawn = await picture(card, on)
    except Exception as problem:
        logger.exception("A scorecard could not be drawn: %s", type(problem).__name__, exc_info=False)
        return None
    with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
        response: Any = await client.files_upload_v2(
            content=drawn, filename="scorecard.png", title=f"Scorecard: {card.title}"
        )
        id = cast("str", response["files"][0]["id"])
        await _taken_in(client, id)
        return id
    return None


async def _taken_in(client: Api, id: str) -> None:
    """Wait until Slack knows what the file is: before, it refuses blocks that show it (python-slack-sdk issue 1521)."""
    with suppress(SlackApiError):
        for _ in range(LOOKS):
            response: Any = await client.files_info(file=id)
            if response["file"].get("mimetype"):
                return
            await asyncio.sleep(PAUSE)
