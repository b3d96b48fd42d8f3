"""Draws Discord's pictures from an interview that is really held and a week of questions: `python -m docs.messages docs`.

The bot runs against the Discord of our tests, and what it sends is drawn as Discord draws it, more or less: real Discord was
not asked. It takes Chromium.
"""

import html
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from bot import actions
from bot.debrief import TITLES
from bot.discord.noticeboard import ANSWER
from bot.discord.places import person, team
from docs.browser import CACHE, SCRIPT, draw, page, within
from interviewer import embedded
from interviewer.daily import Item, Standing, moment
from interviewer.daily_store import DailyStore
from tests.discord import DiscordServer, Message
from tests.discord_bot import Seat, connected, register, settings, sits_down
from tests.slack_bot import EMBEDDED, known_by
from tests.test_discord_day import BERLIN, Day, day, only

Json = dict[str, Any]
Pictures = Mapping[str, str]
"""The address of each picture to be drawn by the one it has in Discord."""

STYLE = Path(__file__).with_name("messages.css").read_text("utf-8")
WISH = "start apple-task-scheduler senior practice"
OPENING = 2
"""Answers after which a hint is asked for, and the conversation is drawn."""
TYPED = "pay"
"""What somebody types into the picker."""
SILENCE = timedelta(minutes=7)
"""After which Discord shows the name once more."""
WEEK = {
    "2026-11-25": Item("doordash-payments", "timeout-is-unknown"),
    "2026-11-26": Item("github-access-control", "ordered-change-stream"),
    "2026-11-27": Item("apple-task-scheduler", "lease-expiry"),
}
"""What is asked from Wednesday to Friday; the last of them is drawn."""
OPEN = (
    "Each worker holds a lease on its job and renews it every ten seconds. After three missed heartbeats the lease runs out and "
    "the job becomes visible to another worker. If it fails again we wait longer each time, with jitter, and stop after eight "
    "attempts.",
    "The visibility timeout does it: the worker extends it while it is alive, so a dead worker's message just reappears. Every "
    "failed job is retried at the same fixed interval with no jitter, so that the behaviour stays predictable.",
)
BLIND = (
    "You borrow a job for half a minute. Unless you keep saying that you are still at it, the claim lapses and the next worker "
    "gets it."
)
"""What is answered on Friday, in the open and sealed."""


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
        **await _daily(),
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


async def _daily() -> Mapping[str, str]:
    """Hold three days of daily questions; pages of the last one, and of the week's digest."""
    leads, known = known_by(CACHE)
    async with DiscordServer.running() as discord:
        people = ana, ben, chidi, _ = tuple(discord.adds_user(name) for name in ("ana", "ben", "chidi", "dora"))
        with tempfile.TemporaryDirectory() as data:
            async with embedded.running(Path(data)) as server, DailyStore.from_url(server.url) as store:
                held = day(discord, server.url, CACHE, leads, only(known, *EMBEDDED), *people)
                for date, item in WEEK.items():
                    await store.pin(team(held.guild.id), "senior", date, item)
                for each in (ana, ben, chidi):
                    await store.stand(person(each.id), Standing(ranked=True))
                held.is_(min(WEEK), "08:00")
                async with held.bot():
                    await held.orders("set", time="09:00", zone="Europe/Berlin")
                    await held.orders("leaderboard", show="on")
                    *_, (asked, *revealed) = [await _day(held, date, *people) for date in WEEK]
                    held.is_(max(WEEK), "17:00")
                    digest = _at(held, await held.digest())
    names = {each.id: each.name.title() for each in people}
    drawn = {"question": [asked], "reveal": revealed, "digest": [digest]}
    return {
        f"daily-discord-{name}": thread([_named(each, names) for each in messages], discord.bot)
        for name, messages in drawn.items()
    }


async def _day(held: Day, date: str, *people: Any) -> list[Message]:
    """Ask, answer and reveal: the question, and what stands in its thread at the end."""
    held.is_(date, "09:00")
    message, question = await held.asked()
    shown = [_at(held, message)]
    ana, ben, chidi, dora = people
    held.is_(date, "11:20")
    if date == max(WEEK):
        for who, text in zip((ana, ben), OPEN, strict=True):
            await held.fills(who, message, ANSWER, text)
        await held.fills(chidi, message, actions.DAILY_BLIND, BLIND)
    else:
        first, second, *_ = held.point(question).exemplars
        await held.fills(ana, message, ANSWER, "I would start by asking what has to hold when it goes wrong.")
        # What is added after feedback counts as improved.
        await held.presses(ana, message, actions.DAILY_FEEDBACK)
        await held.fills(ana, message, ANSWER, first)
        await held.fills(dora if date == min(WEEK) else ben, message, actions.DAILY_BLIND, second)
    said = [_at(held, each) for each in held.discord.said(message.id)]
    held.is_(date, "16:00")
    await held.revealed(message)
    return [*shown, *said, *(_at(held, each) for each in held.discord.said(message.id)[len(said) :])]


def _at(held: Day, message: Message) -> Message:
    """A message as of the time it is on that day."""
    return replace(message, at=moment(held.now).astimezone(BERLIN))


def _named(message: Message, names: Mapping[int, str]) -> Message:
    """A message whose mentions have the names of people, as Discord shows them, in place of their ids."""

    def named(text: str) -> str:
        return re.sub(r"<@(\d+)>", lambda found: f"<@{names[int(found[1])]}>", text)

    components = json.loads(named(json.dumps(message.components)))
    return replace(message, content=named(message.content), components=tuple(components))


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
    said = (_group(turn, turn[0].author == bot, pictures) for turn in _turns(messages))
    return page(STYLE, "\n".join(said), "thread")


def _turns(messages: Sequence[Message]) -> Sequence[list[Message]]:
    """What somebody says without a long silence, each."""
    turns: list[list[Message]] = []
    for each in messages:
        if turns and turns[-1][-1].author == each.author and each.at - turns[-1][-1].at < SILENCE:
            turns[-1].append(each)
        else:
            turns.append([each])
    return turns


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
    colour = part.get("accent_color")
    edge = "" if colour is None else f' style="border-left: 4px solid #{colour:06x}"'
    return f'<div class="container"{edge}>{components(part["components"], pictures)}</div>'


DRAWN: Mapping[int, Callable[[Json, Pictures], str]] = MappingProxyType(
    {1: _row, 2: _button, 10: _text, 12: _gallery, 17: _container}
)
"""By Discord's number of a component's type."""
BUTTONS: Mapping[int, str] = MappingProxyType({1: "primary", 2: "secondary", 3: "success", 4: "danger"})
"""By Discord's number of a button's style."""


# --- text -----------------------------------------------------------------------------------------------------------

SMALL = "-# "
GAP = "<hr>"
"""An empty line beside small print; those within CommonMark are its own."""


def markdown(text: str) -> str:
    """Discord's Markdown as HTML: CommonMark in which a line ends where it ends, with small print and what is hidden."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.inline.ruler.before("text", "spoiler", _spoiler)
    parser.inline.ruler.before("text", "mention", _mention)
    # In CommonMark, small print below a quotation would go on with it.
    runs = groupby(text.split("\n"), key=lambda line: line.startswith(SMALL))
    return "\n".join(_small(parser, lines) if small else _large(parser, list(lines)) for small, lines in runs)


def _small(parser: MarkdownIt, lines: Iterable[str]) -> str:
    return "".join(f"<small>{parser.renderInline(line.removeprefix(SMALL))}</small>" for line in lines)


def _large(parser: MarkdownIt, lines: Sequence[str]) -> str:
    before, after = (GAP if not lines[0] else "", GAP if any(lines) and not lines[-1] else "")
    return before + parser.render("\n".join(lines)) + after


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


def _mention(state: StateInline, silent: bool) -> bool:
    """`<@Name>`."""
    found = re.compile(r"<(@\w+)>").match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        state.push("mention_open", "span", 1).attrSet("class", "mention")
        state.push("text", "", 0).content = found[1]
        state.push("mention_close", "span", -1)
    state.pos = found.end()
    return True


def _plain(text: str) -> str:
    return html.escape(text)


if __name__ == "__main__":
    draw("docs.messages", "The pictures of docs/discord.md and docs/daily.md", held)
