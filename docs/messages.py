"""Draws docs/discord.md's pictures from an interview that is really held: `python -m docs.messages docs`.

The bot runs against the Discord of our tests, and what it sends is drawn as Discord draws it, more or less: real Discord was
not asked. It takes Chromium.
"""

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from bot import actions
from bot.debrief import TITLES
from docs.browser import CACHE, SCRIPT, draw, page, within
from interviewer import embedded
from tests.discord import DiscordServer, Message
from tests.discord_bot import Seat, connected, register, settings, sits_down
from tests.slack_bot import known_by

Json = dict[str, Any]
Pictures = Mapping[str, str]
"""The address of each picture to be drawn by the one it has in Discord."""

STYLE = Path(__file__).with_name("messages.css").read_text("utf-8")
WISH = "start apple-task-scheduler senior practice"
OPENING = 2
"""Answers after which a hint is asked for, and the conversation is drawn."""
TYPED = "pay"
"""What somebody types into the picker."""


# --- what is drawn --------------------------------------------------------------------------------------------------


async def held() -> Mapping[str, str]:
    """Hold an interview; pages of HTML by their names."""
    async with DiscordServer.running() as discord:
        ana = discord.adds_user("ana")
        with tempfile.TemporaryDirectory() as data:
            async with (
                embedded.running(Path(data)) as server,
                connected(settings(discord, CACHE), server.url, *known_by(CACHE)) as part,
            ):
                register(discord, part.bot)
                offered = await discord.completes(ana, "interview start", option="about", text=TYPED)
                started = discord.commands()["interview"]["options"][0]
                seat = await sits_down(discord, ana, WISH)
                conversation = await _talks(discord, seat)
                above, *below = await seat.ends()
                pictures = {address: await _fetched(address) for address in _addresses((above, *below))}
    top, bottom = _parted(above, TITLES["numbers"])
    return {
        "discord-start": picker(started, "about", TYPED, offered),
        "discord-conversation": thread(conversation, discord.bot),
        "discord-scorecard": thread([top], discord.bot, pictures),
        "discord-gaps": thread([bottom], discord.bot),
        "discord-evidence": thread(below, discord.bot, pictures),
    }


async def _talks(discord: DiscordServer, seat: Seat) -> Sequence[Message]:
    """Say all there is to say; the beginning of the conversation as it looked then."""
    conversation: Sequence[Message] = ()
    for number, answer in enumerate(SCRIPT, 1):
        await seat.says(answer)
        if number == OPENING:
            await seat.presses(actions.HINT)
            conversation = discord.messages(seat.channel)
    return conversation


def _parted(card: Message, title: str) -> tuple[Message, Message]:
    """A scorecard's message above the part with this title, and from there on: two pictures, since it is as long as four
    screens."""
    (container,) = card.components
    parts = container["components"]
    at = next(number for number, part in enumerate(parts) if title in part.get("content", ""))
    halves = (parts[:at], parts[at:])
    above, below = (replace(card, components=({**container, "components": half},)) for half in halves)
    return above, below


async def _fetched(address: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        return within(await response.read(), response.content_type)


def _addresses(messages: Sequence[Message]) -> set[str]:
    return {
        item["media"]["url"]
        for message in messages
        for container in message.components
        for part in container["components"]
        for item in part.get("items", ())
    }


# --- pages ----------------------------------------------------------------------------------------------------------


def thread(messages: Sequence[Message], bot: int, pictures: Pictures = MappingProxyType({})) -> str:
    """A conversation, oldest first, in which `bot` is ours."""
    turns = groupby(messages, key=lambda each: each.author)
    said = (_group(list(turn), author == bot, pictures) for author, turn in turns)
    return page(STYLE, "\n".join(said), "thread")


def picker(command: Json, option: str, typed: str, offered: Sequence[Json]) -> str:
    """A slash command while something is typed into one of its options, and what is offered for that."""
    about = next(each for each in command["options"] if each["name"] == option)
    rows = "".join(f'<li class="{"on" if not n else ""}">{_plain(each["name"])}</li>' for n, each in enumerate(offered))
    name = f"/interview {command['name']}"
    field = f"<b>{name}</b><kbd><i>{option}</i>{html.escape(typed)}<u></u></kbd>"
    rest = f"<small>+{len(command['options']) - 1} optional</small>"
    menu = f"<h4>{option} <span>{_plain(about['description'])}</span></h4><ul>{rows}</ul>"
    return page(STYLE, f'<div class="menu">{menu}</div><div class="composer">{field}{rest}</div>', "picker")


def _group(messages: Sequence[Message], ours: bool, pictures: Pictures) -> str:
    """What one person says in a row: their name stands above it once."""
    name, mark = ("Mockingbird", '<span class="bot">APP</span>') if ours else ("Ana", "")
    said = "\n".join(f"<section>{_message(each, pictures)}</section>" for each in messages)
    return (
        f'<article><b class="{"app" if ours else "person"}">{name[0]}</b><div><h3>{name} {mark}'
        f"<time>{messages[0].at:%H:%M}</time></h3>{said}</div></article>"
    )


def _message(message: Message, pictures: Pictures) -> str:
    said = f'<div class="text">{markdown(message.content)}</div>' if message.content else ""
    return said + components(message.components, pictures)


# --- components -----------------------------------------------------------------------------------------------------


def components(parts: Sequence[Json], pictures: Pictures = MappingProxyType({})) -> str:
    """Components as HTML. Raises KeyError for one of a kind that the bot does not send."""
    return "\n".join(DRAWN[part["type"]](part, pictures) for part in parts)


def _row(part: Json, pictures: Pictures) -> str:
    return f'<div class="row">{components(part["components"], pictures)}</div>'


def _button(part: Json, _: Pictures) -> str:
    return f'<button class="{BUTTONS[part["style"]]}">{_plain(part["label"])}</button>'


def _text(part: Json, _: Pictures) -> str:
    return f'<div class="text">{markdown(part["content"])}</div>'


def _gallery(part: Json, pictures: Pictures) -> str:
    return "".join(
        f'<img src="{pictures[item["media"]["url"]]}" alt="{_plain(item["description"])}">' for item in part["items"]
    )


def _container(part: Json, pictures: Pictures) -> str:
    colour = f"#{part['accent_color']:06x}"
    return (
        f'<div class="container" style="border-left-color: {colour}">{components(part["components"], pictures)}</div>'
    )


DRAWN: Mapping[int, Callable[[Json, Pictures], str]] = MappingProxyType(
    {1: _row, 2: _button, 10: _text, 12: _gallery, 17: _container}
)
"""By Discord's number of a component's type."""
BUTTONS: Mapping[int, str] = MappingProxyType({1: "primary", 2: "secondary", 3: "success", 4: "danger"})
"""By Discord's number of a button's style."""


# --- text -----------------------------------------------------------------------------------------------------------

SMALL = "-# "


def markdown(text: str) -> str:
    """Discord's Markdown as HTML: CommonMark in which a line ends where it ends, with small print and what is hidden."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.inline.ruler.before("text", "spoiler", _spoiler)
    # In CommonMark, small print below a quotation would go on with it.
    runs = groupby(text.split("\n"), key=lambda line: line.startswith(SMALL))
    return "\n".join(
        "".join(f"<small>{parser.renderInline(line.removeprefix(SMALL))}</small>" for line in lines)
        if small
        else parser.render("\n".join(lines))
        for small, lines in runs
    )


def _spoiler(state: StateInline, silent: bool) -> bool:
    """`||…||`, not yet tapped."""
    end = state.src.find("||", state.pos + 2) if state.src.startswith("||", state.pos) else -1
    if end < 0:
        return False
    if not silent:
        state.push("spoiler_open", "span", 1).attrSet("class", "spoiler")
        hidden = StateInline(state.src[state.pos + 2 : end], state.md, state.env, [])
        state.md.inline.tokenize(hidden)
        state.tokens.extend(hidden.tokens)
        state.push("spoiler_close", "span", -1)
    state.pos = end + 2
    return True


def _plain(text: str) -> str:
    return html.escape(text)


if __name__ == "__main__":
    draw("docs.messages", "The pictures of docs/discord.md", held)
