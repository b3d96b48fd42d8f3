"""Owns how a daily question and what becomes of it stand in Slack's channels, and what to do where a channel takes nothing.

A notice is one message, which carries its key as metadata; what comes `under` a question is a reply in its thread.
"""

import logging
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import HeaderBlock, PlainTextObject

from bot.actions import DAILY_JOIN, DAILY_LEAVE
from bot.chunks import split
from bot.daily_words import MARK, PERSON, Part, Words, value, words
from bot.fitting import shortened
from bot.slack import buttons, cards
from bot.slack.arrivals import SPOKEN, Payload, Said, read
from bot.slack.clients import GONE as UNINSTALLED
from bot.slack.clients import NOT_HERE, Api, Clients, NotInstalled, error, passing
from bot.slack.keys import found, keyed
from bot.slack.places import SCHEME, person, team, user
from bot.slack.platform import REFUSED_BLOCKS, Letter, SlackPlatform, direct
from bot.slack.rendering import MOST, SECTION, Block, Outgoing
from bot.slack.text import FALLBACK, escape, mrkdwn
from interviewer.daily import GIVEN_UP, Digested, Private, Public, Reminded, Revealed, Unsealed, Written
from interviewer.ports import Away, Closed, StoreUnavailable

logger = logging.getLogger(__name__)

EVERYWHERE = frozenset({DAILY_LEAVE, DAILY_JOIN})
"""Buttons that are about a person and no question."""
TITLE = 150
PAGE, PAGES = 200, 10
"""Messages that Slack is asked for at once, and how often; some apps get 15 of them."""
EARLIER = 300.0
"""Seconds for which Slack's clock may be behind ours."""
NO_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message", "message_not_found"})
"""Refusals that mean that somebody deleted the question, which is no reason to ask nothing more."""
TOMBSTONE = "tombstone"
"""The subtype of what Slack shows in place of some deleted messages, such as those with replies."""
CODE = re.compile(r"(`[^`\n]+`)")
TAKEN_BACK = frozenset({"message_not_found", "thread_not_found"})

UNINVITED = "I am not in {}: type `/invite @Mockingbird` there, then try again."
ARCHIVED = "That channel is archived. Unarchive it, or choose another one with `/interview daily set`."
NOT_ALLOWED = (
    "This workspace lets only some people post in that channel. Whoever administers it can allow me to, or choose another one "
    "with `/interview daily set`."
)
GONE = "I can't see that channel: if it is a private one, type `/invite @Mockingbird` there, else choose another one."
NOT_INSTALLED = "I am not installed in this workspace any more: whoever administers it can install me again."
NO_PERMISSION = "I lack a permission that I need for that: whoever runs me finds which one with `mockingbird doctor`."
NOT_DIRECTLY = "They take no direct messages from me."
NOT_A_CHANNEL = "A daily question needs a channel. Name one, as in `/interview daily set #channel 09:00 Europe/Berlin`."
REFUSED = "Slack refuses what I would post in that channel ({}). Whoever runs me finds more in my log."

ADVICE: Mapping[str, str] = {
    "not_in_channel": UNINVITED.format("that channel"),
    "channel_not_found": GONE,
    "is_archived": ARCHIVED,
    **dict.fromkeys(("restricted_action", "restricted_action_read_only_channel", "no_permission"), NOT_ALLOWED),
    **dict.fromkeys(UNINSTALLED, NOT_INSTALLED),
    **dict.fromkeys(("missing_scope", *NOT_HERE), NO_PERMISSION),
    **dict.fromkeys(
        (
            *("cannot_dm_bot", "user_not_visible", "user_disabled", "user_not_found"),
            *("messages_tab_disabled", "method_not_supported_for_channel_type"),
        ),
        NOT_DIRECTLY,
    ),
}
"""What would help where Slack says no for good."""


class SlackNoticeboard:
    """Implements ports.Noticeboard for every workspace the app is installed in."""

    def __init__(self, clients: Clients, platform: SlackPlatform) -> None:
        self._clients = clients
        self._platform = platform

    # --- ports.Noticeboard ---

    async def post(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        message = outgoing(words(notice), _about(channel, notice))
        async with self._refusals(channel) as client:
            try:
                return await _posted(client, Letter(key, channel_id(channel), under, message))
            except SlackApiError as problem:
                if not under or error(problem) not in NO_THREAD:
                    raise
                logger.info("What belongs under a question is left out: Slack says %s", error(problem))
                return GIVEN_UP

    async def find(self, channel: str, key: str, notice: Public, under: str = "") -> str:
        asked: dict[str, Any] = {
            "channel": channel_id(channel),
            "oldest": f"{_since(notice) - EARLIER:.6f}",
            "include_all_metadata": True,
        }
        async with self._refusals(channel) as client:
            try:
                for _ in range(PAGES):
                    messages, asked["cursor"] = await _page(client, under, asked)
                    if ts := found(messages, key):
                        return ts
                    if not asked["cursor"]:
                        return ""
            except SlackApiError as problem:
                if not under or error(problem) not in NO_THREAD:
                    raise
            return ""

    async def take_back(self, channel: str, message: str, under: str = "") -> None:
        if message == GIVEN_UP:
            return
        async with self._refusals(channel) as client:
            try:
                await client.chat_delete(channel=channel_id(channel), ts=message)
            except SlackApiError as problem:
                if error(problem) not in TAKEN_BACK:
                    raise

    async def written(self, channel: str, under: str) -> Sequence[Written] | None:
        asked: dict[str, Any] = {"channel": channel_id(channel)}
        stands: list[Written] = []
        async with self._refusals(channel) as client:
            me: Any = await client.auth_test()
            try:
                for _ in range(PAGES):
                    messages, asked["cursor"] = await _page(client, under, asked)
                    replies = (each for each in messages if each["ts"] != under and each.get("subtype") != TOMBSTONE)
                    stands += [_as_it_stands(channel, each, me) for each in replies]
                    if not asked["cursor"]:
                        # Slack begins with the latest page, on which the oldest come first.
                        return sorted(stands, key=lambda each: each.at)
            except SlackApiError as problem:
                if error(problem) not in NO_THREAD:
                    raise
                return ()
        return None

    async def usable(self, channel: str) -> None:
        shown = await self.seen(channel)
        if shown.get("is_im") or shown.get("is_mpim"):
            raise Closed(NOT_A_CHANNEL)
        if shown.get("is_archived"):
            raise Closed(ARCHIVED)
        if not shown.get("is_member"):
            raise Closed(UNINVITED.format(f"#{shown['name']}" if shown.get("name") else "that channel"))

    async def tell(self, person: str, key: str, notice: Private) -> None:
        # Two channels may have a slot of the same name.
        key = f"{notice.channel}/{key}"
        async with self._refusals(person) as client:
            # The channel's name stands for where it leads, which Slack has its own way of writing.
            message = outgoing(words(notice, notice.channel), "", {notice.channel: await _link(client, notice)})
            where = await direct(client, user(person))
            try:
                await self._platform.send(client, person, Letter(key, where, "", message))
            except StoreUnavailable as problem:
                raise Away(str(problem)) from problem

    # --- besides ---

    async def seen(self, channel: str) -> Mapping[str, Any]:
        """What Slack shows of a channel, whether it can be posted to or not. Raises Closed and Away."""
        async with self._refusals(channel) as client:
            response: Any = await client.conversations_info(channel=channel_id(channel))
        return response["channel"]

    def _refusals(self, name: str) -> AbstractAsyncContextManager[Api]:
        return asking(self._clients, name)


@asynccontextmanager
async def asking(clients: Clients, name: str) -> AsyncGenerator[Api]:
    """The client of somebody's or a channel's workspace; what Slack refuses becomes Closed and Away."""
    try:
        yield await clients.of(team(name))
    except NotInstalled as problem:
        raise Closed(NOT_INSTALLED) from problem
    except SlackApiError as problem:
        if passing(problem):
            raise Away(f"Slack says {error(problem)}.", unclear=not _too_much(problem)) from problem
        raise Closed(ADVICE.get(error(problem)) or REFUSED.format(error(problem))) from problem
    except (aiohttp.ClientError, TimeoutError) as problem:
        raise Away(f"Slack can't be reached: {type(problem).__name__}.") from problem


async def _page(client: Api, under: str, asked: Mapping[str, Any]) -> tuple[Sequence[Payload], str]:
    """Some messages of a channel, or of the thread `under` one of its messages, and the cursor of the next; "" for no more."""
    response: Any = await (
        client.conversations_replies(ts=under, limit=PAGE, **asked)
        if under
        else client.conversations_history(limit=PAGE, **asked)
    )
    further: Mapping[str, Any] = response.get("response_metadata") or {}
    return response["messages"], str(further.get("next_cursor") or "")


def _as_it_stands(channel: str, message: Payload, me: Mapping[str, Any]) -> Written:
    """A message of a thread, read as the event was that told of it. `me` is what auth.test says of the bot."""
    at, bot, enterprise = team(channel), str(me.get("user_id") or ""), str(me.get("enterprise_id") or "")
    said = read({**message, "channel": channel_id(channel)}, at, bot, enterprise)
    if isinstance(said, Said):
        text = said.text if said.home else None
    else:
        # What is left of a person's message that was emptied is nothing; what was no person's is not for reading.
        text = "" if message.get("subtype") in SPOKEN and not message.get("bot_id") else None
    who, ts = str(message.get("user") or message.get("bot_id") or ""), str(message["ts"])
    return Written(person(at, who), text, float(ts), ts)


async def _posted(client: Api, letter: Letter) -> str:
    """The ts of a letter, sent in the first of its forms that Slack takes."""
    *richer, plainest = forms(letter.message)
    for form in richer:
        try:
            return await _put(client, letter, form)
        except SlackApiError as problem:
            if error(problem) not in REFUSED_BLOCKS:
                raise
            logger.warning("Slack refused the blocks of %s: %s", letter.key, error(problem))
    return await _put(client, letter, plainest)


async def _put(client: Api, letter: Letter, form: Outgoing) -> str:
    response: Any = await client.chat_postMessage(
        channel=letter.channel,
        thread_ts=letter.thread or None,
        text=form.text,
        blocks=form.everything or None,
        metadata=keyed(letter.key),
        unfurl_links=False,
        unfurl_media=False,
    )
    return str(response["ts"])


def _too_much(problem: SlackApiError) -> bool:
    """Whether Slack asked for patience before it did anything."""
    response: Any = problem.response
    return getattr(response, "status_code", 200) == 429 or error(problem) in {"ratelimited", "rate_limited"}


def _since(notice: Public) -> float:
    """The earliest that a notice can have been posted, in seconds since the epoch."""
    if isinstance(notice, Digested):
        return notice.digest.favourite.reveals
    return notice.question.reveals if isinstance(notice, Unsealed | Revealed) else notice.question.asked


async def _link(client: Api, notice: Private) -> str:
    """Where a notice to one person leads, as Slack writes it; the channel where there is no link to the question."""
    id = channel_id(notice.channel)
    url = await cards.permalink(client, id, notice.question.message) if isinstance(notice, Reminded) else ""
    return f"<{escape(url)}>" if url else f"<#{id}>"


def _about(channel: str, notice: Public) -> str:
    """What the buttons below a notice carry."""
    return "" if isinstance(notice, Digested) else value(channel, notice.question.slot)


# --- names ----------------------------------------------------------------------------------------------------------


def board(team: str, channel: str) -> str:
    """A Slack channel's name for the daily question."""
    return person(team, channel)


def workspace(team: str) -> str:
    """A workspace's name for the daily question."""
    return f"{SCHEME}:{team}"


def channel_id(channel: str) -> str:
    """Slack's id of a channel with a daily question."""
    return user(channel)


# --- the message ----------------------------------------------------------------------------------------------------

NO_LINKS: Mapping[str, str] = {}


def outgoing(said: Words, about: str, links: Mapping[str, str] = NO_LINKS) -> Outgoing:
    """A notice as a message. `about` is what its buttons carry; what `links` stand for takes their place in its words."""
    title = shortened(said.title, TITLE)
    header = buttons.made(HeaderBlock(text=PlainTextObject(text=title, emoji=False)))
    blocks = [block for part in said.parts for block in _blocks(part, links)]
    row = [buttons.button(action, label, _carried(action, about)) for action, label in said.buttons]
    actions = (buttons.row(*row),) if row else ()
    return Outgoing(shown(shortened(said.summary, FALLBACK // 2), links), (header, *blocks[: MOST - 1]), actions)


def forms(message: Outgoing) -> tuple[Outgoing, ...]:
    """A notice, and the same as plain text alone, for a Slack that refuses its blocks."""
    texts = (line for block in message.blocks for line in _texts(block))
    return message, Outgoing("\n\n".join(texts), ())


def shown(text: str, links: Mapping[str, str] = NO_LINKS) -> str:
    """A notice's words in mrkdwn: nothing in them is a mark, a mention or a link, but whom the text itself mentions."""
    pieces = PERSON.split(text)
    return "".join(_mention(piece) if n % 2 else _linked(piece, links) for n, piece in enumerate(pieces))


def sections(text: str) -> list[Block]:
    """A text of the bot's own for one person, whole, as blocks."""
    return [_section(piece) for piece in _pieces(text, shown)][:MOST]


def _carried(action: str, about: str) -> str | None:
    return None if action in EVERYWHERE else about or None


def _mention(name: str) -> str:
    return f"<@{user(name)}>" if user(name) else mrkdwn(name)


def _linked(text: str, links: Mapping[str, str]) -> str:
    text = text.replace(MARK, "")
    for name, link in links.items():
        before, there, after = text.partition(name)
        if there:
            return f"{_unmarked(before)}{link}{_linked(after, links)}"
    return _unmarked(text)


def _unmarked(text: str) -> str:
    # Within backticks Slack reads nothing else, once what could be a token is escaped.
    return "".join(escape(piece) if n % 2 else mrkdwn(piece) for n, piece in enumerate(CODE.split(text)))


def _blocks(part: Part, links: Mapping[str, str]) -> Iterator[Block]:
    for piece in _pieces(part.text, lambda text: _rendered(part, shown(text, links))):
        if part.kind == "small":
            yield {"type": "context", "elements": [{"type": "mrkdwn", "text": piece, "verbatim": True}]}
        else:
            yield _section(piece)
    if part.person:
        yield {"type": "context", "elements": [{"type": "mrkdwn", "text": _mention(part.person), "verbatim": True}]}


def _pieces(text: str, render: Callable[[str], str]) -> Iterator[str]:
    """A text as it is sent, in as many pieces as it takes: escaping makes some texts several times as long."""
    sent = render(text)
    if len(sent) <= SECTION:
        yield sent
        return
    for piece in split(text, len(text) // 2):
        yield from _pieces(piece, render)


def _rendered(part: Part, words: str) -> str:
    lines = words.split("\n")
    if part.kind in {"strong", "heading"}:
        return "\n".join(f"*{line}*" if line.strip() else line for line in lines)
    return "\n".join(f"> {line}" for line in lines) if part.kind == "quote" else words


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _texts(block: Block) -> Iterable[str]:
    """The words of one of our blocks, in mrkdwn."""
    if block["type"] == "header":
        yield f"*{mrkdwn(block['text']['text'])}*"
    elif block["type"] == "context":
        yield from (each["text"] for each in block["elements"])
    else:
        yield block["text"]["text"]
