"""Owns what a scorecard needs of Slack: its picture, the addresses of the messages it quotes, and its buttons."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.picture import picture
from bot.slack import buttons, scorecard, views
from bot.slack.clients import Api
from bot.slack.places import Place, place
from bot.slack.rendering import Outgoing
from interviewer.model import Scorecard

logger = logging.getLogger(__name__)

LOOKS, PAUSE = 6, 0.5
"""How often, and how many seconds apart, Slack is asked whether it has taken a picture in: it does so after it has said yes."""


async def message(client: Api, thread: str, card: Scorecard, on: date) -> Outgoing:
    """A scorecard, its quotes linked and its picture uploaded where Slack lets us. `on` is the day it is of."""
    links, shown = await asyncio.gather(links_of(client, place(thread), card), upload(client, card, on))
    disputable = bool(views.disputable(card))
    rows = (buttons.afterwards(thread, disputable), buttons.feedback(thread))
    return Outgoing(scorecard.notice(card), scorecard.blocks(card, links, shown), rows)


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
    with suppress(SlackApiError, aiohttp.ClientError, TimeoutError):
        response: Any = await client.files_upload_v2(
            content=await picture(card, on), filename="scorecard.png", title=f"Scorecard: {card.title}"
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
