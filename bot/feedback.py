"""Owns what people think of an interview: what they are asked, and keeping it beside the interview, for no longer than that."""

import logging
from collections.abc import Mapping
from types import MappingProxyType

from bot.people import FEEDBACK
from interviewer.ports import Store

logger = logging.getLogger(__name__)

REASON: Mapping[str, str] = MappingProxyType(
    {
        "unfair-score": "A score was unfair",
        "not-heard": "You missed something I said",
        "odd-question": "A question was odd",
        "other": "Something else",
    }
)
WHAT, MORE = "What was wrong?", "Anything you would like to add"
WHO_READS = "The people who run this bot read what you write here. It changes nothing on your scorecard."
THANKS = "It is kept beside this interview for the people who run me, and deleted with it."
GLAD = "Thank you. I am glad it helped."


async def felt(store: Store, thread: str, rating: str, text: str = "") -> None:
    """Keep what somebody thought of an interview; only that they did is logged."""
    said = {f"{FEEDBACK}-text": text} if text else {}
    await store.note(thread, {FEEDBACK: rating, **said}, kept=True)
    logger.info("Feedback: %s", rating)
