"""Draws the pictures of docs/slack.md, and Slack's of docs/daily.md, from what is really held: `python -m docs.blocks docs`.

The bot runs against the Slack of our tests, and what it sends is drawn as Slack draws it, more or less: real Slack was not
asked. It takes Chromium.
"""

import html
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from markdown_it import MarkdownIt

from bot.slack.places import person
from docs.browser import CACHE, SCRIPT, draw, page, within
from docs.messages import BLIND, OPEN
from interviewer import embedded
from interviewer.daily import Item, Standing
from interviewer.daily_store import DailyStore
from interviewer.questions import Bank
from tests.slack import SlackServer, User, buttons
from tests.slack_bot import EMBEDDED, Table, bank, interviewer, over_socket, settings
from tests.test_slack_day import Day, titled

Json = dict[str, Any]
Thread = tuple[str, str]
"""A channel's id, and the ts of a message that begins a thread there."""
Pictures = Mapping[str, str]
"""The address of each picture by the id of its file."""

STYLE = Path(__file__).with_name("blocks.css").read_text("utf-8")
OPENING = 2
"""Answers after which the conversation is drawn."""
OTHER = ("start ebay-ticketing mid quick", "Sellers list tickets and buyers reserve a seat for ten minutes.")
LEFT = ("start airbnb staff", "Guests search for homes by place and dates; hosts offer homes and set prices.")
"""Two interviews that the Home tab lists beside: one that is ended early, and one that is paused."""


# --- what is drawn --------------------------------------------------------------------------------------------------


async def held() -> dict[str, str]:
    """Hold an interview, and others less well; pages of HTML by their names."""
    pages = await _daily()
    async with SlackServer() as slack:
        ana = slack.adds_user("ana", real_name="Ana Pereira", tz="Europe/Lisbon")
        chosen, known = settings(slack, CACHE), bank()
        with tempfile.TemporaryDirectory() as data:
            async with (
                embedded.running(Path(data)) as server,
                over_socket(chosen, server.url, interviewer(chosen, known), known),
            ):
                pages["slack-home-new"] = home(await _home(slack, ana, lambda _: True))
                await (await slack.slash(ana, slack.adds_channel("architecture", ana), "/interview")).acked
                pages["slack-start"] = modal(await slack.until(lambda: slack.modal(ana)))
                await slack.closes_modal(ana)
                conversation, card = await _interview(slack, ana)
                pages["slack-thread"] = thread(conversation, ana)
                above, below = _parted(card)
                pages["slack-scorecard"] = thread([above], ana, _pictures(slack))
                pages["slack-evidence"] = thread([below], ana)
                await _ends(slack, Table(slack, ana), await _begins(slack, ana, *OTHER))
                await _answers(slack, Table(slack, ana), await _begins(slack, ana, *LEFT), "pause")
                pages["slack-home"] = home(await _home(slack, ana, lambda view: "Past interviews" in json.dumps(view)))
    return pages


async def _daily() -> dict[str, str]:
    """Hold a Friday with a daily question; pages of it, of its reveal and of the week's digest."""
    known = bank()
    async with SlackServer() as slack:
        people = ana, ben, chidi = tuple(slack.adds_user(name, tz="Europe/Berlin") for name in ("ana", "ben", "chidi"))
        boss = slack.adds_user("boss", is_admin=True)
        room = slack.adds_channel("architecture", boss, *people)
        one = Bank([(known.question(EMBEDDED[1]), known.guide_path(EMBEDDED[1]))])
        with tempfile.TemporaryDirectory() as data:
            async with embedded.running(Path(data)) as server, DailyStore.from_url(server.url) as store:
                chosen = settings(slack, CACHE)
                held = Day(slack, room, server.url, CACHE, interviewer(chosen, one), one)
                await store.pin(f"slack:{room.team}", "senior", "2026-11-27", Item(EMBEDDED[1], "lease-expiry"))
                for each in people:
                    await store.stand(person(each.team, each.id), Standing(ranked=True))
                held.is_("08:00")
                async with held.bot():
                    await held.orders(boss, "set 09:00 Europe/Berlin weekdays")
                    await held.orders(boss, "leaderboard on")
                    held.is_("09:00")
                    ts = (await held.asked()).message
                    question = await held.posted(None, titled("Daily question"))
                    for who, text in zip((ana, ben), OPEN, strict=True):
                        await (await slack.types(who, room, text, thread=ts)).acked
                    await held.seals(chidi, ts, BLIND)
                    held.is_("16:00")
                    revealed = await held.posted(ts, titled("Revealed"))
                    unsealed = await held.posted(ts, titled("Sealed until now"))
                    held.is_("17:00")
                    digest = await held.posted(None, titled("The week in daily questions"))
    drawn = {"question": (9, [question]), "reveal": (16, [unsealed, revealed]), "digest": (17, [digest])}
    return {
        f"daily-slack-{name}": thread([_named(each, people, hour) for each in shown], ana)
        for name, (hour, shown) in drawn.items()
    }


def _named(message: Json, people: Sequence[User], hour: int) -> Json:
    """A message with people's names for their ids, as Slack shows it, at an hour of that day."""
    written = json.dumps(message)
    for each in people:
        written = written.replace(f"<@{each.id}>", f"<@{each.name.title()}>")
    return json.loads(written) | {"ts": str(datetime(2026, 11, 27, hour, tzinfo=UTC).timestamp())}


async def _interview(slack: SlackServer, ana: User) -> tuple[list[Json], Json]:
    """The beginning of the conversation as it looked then, and the scorecard."""
    table, conversation = Table(slack, ana), list[Json]()
    thread = await _begins(slack, ana, "start apple-task-scheduler senior practice", SCRIPT[0])
    for number, answer in enumerate(SCRIPT[1:], 1):
        if number == OPENING:
            await slack.until(lambda: _pressable(table, thread) == 1)
            conversation = deepcopy(slack.messages(*thread))
        await _answers(slack, table, thread, answer)
    return conversation, await _ends(slack, table, thread)


async def _begins(slack: SlackServer, who: User, wish: str, answer: str) -> Thread:
    """Start an interview and answer once."""
    begun = await slack.types(who, None, wish)
    thread, table = (slack.dm(who).id, begun.thread), Table(slack, who)
    await table.hears(*thread, 1)
    await _answers(slack, table, thread, answer)
    return thread


async def _answers(slack: SlackServer, table: Table, thread: Thread, text: str) -> None:
    heard = len(table.said(*thread))
    await (await slack.types(table.who, None, text, thread=thread[1])).acked
    await table.hears(*thread, heard + 1)


def _pressable(table: Table, thread: Thread) -> int:
    """Messages with buttons: those of the one before are taken off a moment after the latest is there."""
    return sum("interview.hint" in buttons(each) for each in table.said(*thread))


async def _ends(slack: SlackServer, table: Table, thread: Thread) -> Json:
    """End the interview; the message with the scorecard."""
    channel, latest = thread[0], table.said(*thread)[-1]["ts"]
    await (await slack.presses(table.who, channel, latest, "interview.end")).acked
    return await slack.until(
        lambda: next((each for each in table.said(*thread) if "scorecard.report" in buttons(each)), None), within=30
    )


async def _home(slack: SlackServer, ana: User, drawn: Callable[[Json], bool]) -> Json:
    """The Home tab, once it is drawn as it should be."""
    await (await slack.opens_home(ana)).acked

    def shown() -> Json | None:
        view = slack.home(ana)
        return view if view and drawn(view) else None

    return await slack.until(shown)


def _parted(card: Json) -> tuple[Json, Json]:
    """A scorecard above its line, and below it: two pictures, since it is as long as five screens."""
    at = next(number for number, block in enumerate(card["blocks"]) if block["type"] == "divider")
    return {**card, "blocks": card["blocks"][:at]}, {**card, "blocks": card["blocks"][at + 1 :]}


def _pictures(slack: SlackServer) -> Pictures:
    return {file.id: within(file.content, file.mimetype) for file in slack.files if file.content}


# --- pages ----------------------------------------------------------------------------------------------------------


def thread(messages: Sequence[Json], who: User, pictures: Pictures = MappingProxyType({})) -> str:
    """A conversation, oldest first."""
    return page(STYLE, "\n".join(_message(each, who, pictures) for each in messages), "thread")


def modal(view: Json) -> str:
    """A modal with its title and its buttons."""
    title = f'<header><b class="app">M</b><h2>{_text(view["title"])}</h2><i>✕</i></header>'
    submit = f'<button class="primary">{_text(view["submit"])}</button>' if view.get("submit") else ""
    foot = f"<footer><button>{_text(view['close'])}</button>{submit}</footer>"
    return page(STYLE, f'<div class="modal">{title}<main>{blocks(view["blocks"])}</main>{foot}</div>', "behind")


def home(view: Json) -> str:
    """The Home tab."""
    tabs = '<span class="tab on">Home</span><span class="tab">Messages</span>'
    top = f'<nav><b class="app">M</b><strong>Mockingbird</strong>{tabs}</nav>'
    return page(STYLE, f"{top}<main>{blocks(view['blocks'])}</main>", "home")


def _message(message: Json, who: User, pictures: Pictures) -> str:
    own = message.get("user") == who.id
    name, mark = (who.real_name, "") if own else ("Mockingbird", '<span class="bot">APP</span>')
    at = datetime.fromtimestamp(float(message["ts"]), UTC)
    said = f'<div class="text">{mrkdwn(message["text"])}</div>' if own else blocks(message["blocks"], pictures)
    seen = '<span class="reaction">👀 1</span>' if message.get("reactions") else ""
    return (
        f'<article><b class="{"person" if own else "app"}">{name[0]}</b><div><h3>{html.escape(name)} {mark}'
        f"<time>{at:%H:%M}</time></h3>{said}{seen}</div></article>"
    )


# --- blocks ---------------------------------------------------------------------------------------------------------


def blocks(blocks: Sequence[Json], pictures: Pictures = MappingProxyType({})) -> str:
    """Blocks as HTML. Raises KeyError for one of a kind that the bot does not send."""
    return "\n".join(f'<div class="{block["type"]}">{DRAWN[block["type"]](block, pictures)}</div>' for block in blocks)


def _header(block: Json, _: Pictures) -> str:
    return _text(block["text"])


def _divider(_: Json, __: Pictures) -> str:
    return "<hr>"


def _section(block: Json, _: Pictures) -> str:
    accessory = _element(block["accessory"]) if block.get("accessory") else ""
    return f'<div class="text">{_text(block["text"])}</div>{accessory}'


def _markdown(block: Json, _: Pictures) -> str:
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).render(block["text"])


def _context(block: Json, _: Pictures) -> str:
    return "".join(f"<span>{_text(each)}</span>" for each in block["elements"])


def _image(block: Json, pictures: Pictures) -> str:
    return f'<img src="{pictures[block["slack_file"]["id"]]}" alt="{html.escape(block["alt_text"])}">'


def _actions(block: Json, _: Pictures) -> str:
    return "".join(map(_element, block["elements"]))


def _input(block: Json, _: Pictures) -> str:
    optional = ' <small class="optional">(optional)</small>' if block.get("optional") else ""
    hint = f'<p class="hint">{_text(block["hint"])}</p>' if block.get("hint") else ""
    return f"<label>{_text(block['label'])}{optional}</label>{_element(block['element'])}{hint}"


DRAWN: Mapping[str, Callable[[Json, Pictures], str]] = MappingProxyType(
    {
        "header": _header,
        "divider": _divider,
        "section": _section,
        "markdown": _markdown,
        "context": _context,
        "image": _image,
        "actions": _actions,
        "context_actions": _actions,
        "input": _input,
    }
)


def _element(element: Json) -> str:
    kind = element["type"]
    if kind == "button":
        return f'<button class="{element.get("style", "")}">{_text(element["text"])}</button>'
    if kind == "feedback_buttons":
        given = ((element["positive_button"], "👍"), (element["negative_button"], "👎"))
        return "".join(f'<button class="quiet">{icon} {_text(each["text"])}</button>' for each, icon in given)
    if kind in {"radio_buttons", "checkboxes"}:
        return "".join(_option(each, each == element.get("initial_option")) for each in element["options"])
    if kind == "plain_text_input":
        return '<div class="field tall"></div>'
    chosen = element.get("initial_option")
    shown = _text(chosen["text"]) if chosen else f"<em>{_text(element['placeholder'])}</em>"
    return f'<div class="field">{shown}<i>⌄</i></div>'


def _option(option: Json, chosen: bool) -> str:
    about = f"<small>{_text(option['description'])}</small>" if option.get("description") else ""
    return f'<div class="option"><i class="{"on" if chosen else "off"}"></i><div>{_text(option["text"])}{about}</div></div>'


# --- text -----------------------------------------------------------------------------------------------------------

CODE = re.compile(r"```(?P<block>.+?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
LINK = re.compile(r"<(?P<address>https?://[^|>]+)\|(?P<label>[^>]*)>|<(?P<other>[@#!][^>]*)>")
MARKS = {"*": "strong", "_": "em", "~": "s"}
MARK = re.compile(r"(?<![\w\u2060])([*_~])(?=[^\s*_~])(.+?)(?<=\S)\1(?![\w\u2060])")


def mrkdwn(text: str) -> str:
    """Slack's own markup as HTML. The text is as it is sent: `&`, `<` and `>` are entities, and `<…>` is Slack's."""
    done, end = "", 0
    for code in CODE.finditer(text):
        done += _prose(text[end : code.start()])
        kind, inside = ("pre", code["block"]) if code["block"] else ("code", code["span"])
        done += f"<{kind}>{_escaped(inside)}</{kind}>"
        end = code.end()
    return done + _prose(text[end:])


def _prose(text: str) -> str:
    lines = [
        f"<blockquote>{_marked(line[1:].removeprefix('gt;'))}</blockquote>"
        if line.startswith(">")
        else f"{_marked(line)}<br>"
        for line in text.split("\n")
    ]
    return "".join(lines).removesuffix("<br>")


def _marked(line: str) -> str:
    done, end = "", 0
    for link in LINK.finditer(line):
        shown = f"<a>{_escaped(link['label'])}</a>" if link["address"] else f"<mark>{_escaped(link['other'])}</mark>"
        done += _escaped(line[end : link.start()]) + shown
        end = link.end()
    done += _escaped(line[end:])
    return MARK.sub(lambda found: f"<{MARKS[found[1]]}>{found[2]}</{MARKS[found[1]]}>", done)


def _escaped(sent: str) -> str:
    return html.escape(html.unescape(sent), quote=False)


def _text(text: Json) -> str:
    return mrkdwn(text["text"]) if text["type"] == "mrkdwn" else html.escape(text["text"])


if __name__ == "__main__":
    draw("docs.blocks", "The pictures of docs/slack.md", held)
