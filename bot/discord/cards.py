"""Owns what a scorecard needs in Discord: its picture, its date, the addresses of the messages it quotes, and its buttons."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial

from discord import ui

from bot.debrief import disputable
from bot.discord import buttons, scorecard
from bot.discord.places import Place, place
from bot.discord.rendering import Outgoing
from bot.people import zone
from bot.picture import Theme, picture
from interviewer.model import Phase, Scorecard
from interviewer.ports import Store

logger = logging.getLogger(__name__)

PICTURE = "scorecard.png"
UNDRAWN = "Your scorecard is ready, but I could not lay it out here. Full report, below, has all of it."


async def day(store: Store, thread: str, candidate: str) -> date:
    """The day the interview in a thread began, in the time zone its candidate chose, else UTC; today if it is being
    forgotten."""
    transcript = await store.transcript(thread)
    began = transcript[0].at if transcript else time.time()
    return datetime.fromtimestamp(began, zone((await store.preferences(candidate)).zone)).date()


async def messages(thread: str, card: Scorecard, on: date, phase: Phase = Phase.DEBRIEF) -> tuple[Outgoing, ...]:
    """A scorecard with its picture, its quotes linked; the last of its messages has the buttons. `on` is the day it is of; a
    closed interview has fewer buttons."""
    drawn = await _drawn(card, on)
    if phase is Phase.FINISHED:
        rows = (buttons.closed_card(thread), buttons.feedback(thread))
    else:
        rows = (buttons.afterwards(thread, bool(disputable(card))), buttons.feedback(thread))

    def layouts() -> tuple[ui.LayoutView, ...]:
        shown, quoted = f"attachment://{PICTURE}" if drawn else None, links(place(thread), card)
        return scorecard.cards(card, quoted, shown, [buttons.action_row(row) for row in rows])

    try:
        count = len(layouts())
    except Exception as problem:  # it must not be tried for ever; the report is made in another way
        logger.exception("A scorecard could not be rendered: %s", type(problem).__name__, exc_info=False)
        return (Outgoing(UNDRAWN, rows),)
    first = Outgoing(scorecard.notice(card), rows if count == 1 else (), partial(_nth, layouts, 0), _files(drawn))
    return (first, *(Outgoing(layout=partial(_nth, layouts, n), rows=rows) for n in range(1, count)))


async def shared(card: Scorecard, on: date) -> Outgoing:
    """What a channel sees of a scorecard."""
    drawn = await _drawn(card, on)
    address = f"attachment://{PICTURE}" if drawn else None
    return Outgoing(scorecard.notice(card), (), lambda: scorecard.shared(card, address), _files(drawn))


def _nth(layouts: Callable[[], tuple[ui.LayoutView, ...]], n: int) -> ui.LayoutView:
    return layouts()[n]


def links(where: Place, card: Scorecard) -> Mapping[str, str]:
    """Where each quoted message is, by its id. What was argued in a dispute is no message."""
    ids = {point.evidence.message for point in card.points if point.evidence}
    return {id: where.link(id) for id in ids if id.isdecimal()}


def _files(drawn: bytes | None) -> tuple[tuple[str, bytes], ...]:
    return ((PICTURE, drawn),) if drawn else ()


async def _drawn(card: Scorecard, on: date) -> bytes | None:
    try:
        return await picture(card, on, Theme.DARK)
    except Exception as problem:
        logger.exception("A scorecard could not be drawn: %s", type(problem).__name__, exc_info=False)
        return None
