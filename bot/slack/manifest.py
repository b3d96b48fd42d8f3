"""What the app asks of Slack: its manifest, and for every scope and event in it the reason why."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

EVENTS_PATH = "/slack/events"
"""Where Bolt takes events, commands and clicks in HTTP mode."""
REDIRECT_PATH = "/slack/oauth_redirect"
"""Where Bolt takes somebody back who has installed the app."""
NAME_LENGTH = 35

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "app_mentions:read": "To answer when somebody mentions the bot in a channel (event `app_mention`).",
        "assistant:write": "To be an agent in Slack: to show that an answer is being read, and to suggest how to begin "
        "(`assistant.threads.setStatus`, `setSuggestedPrompts`).",
        "channels:history": "To hear the candidate in an interview's thread, and what is answered in a daily question's, in a "
        "public channel the bot was added to (event `message.channels`); to see there whether a message of its own "
        "arrived that was cut off (`conversations.replies`, `conversations.history`), and, before it shows the answers to "
        "a daily question, which of them still stand (`conversations.replies`).",
        "groups:history": "The same in a private channel the bot was added to (event `message.groups`).",
        "channels:read": "To offer the public channels the bot was added to for a daily question, and to see whether it can "
        "post there (`users.conversations`, `conversations.info`).",
        "groups:read": "The same for private channels the bot was added to, offered only to those who are in them.",
        "chat:write": "To ask questions, reply and show the scorecard (`chat.postMessage`, `chat.update`, streaming), "
        "and to say that a reply is being prepared (`agents.sessions.setStatus`).",
        "commands": "To offer `/interview`.",
        "im:history": "To hear what a candidate writes to the bot in a direct message (event `message.im`), and to see "
        "whether a message of its own arrived that was cut off (`conversations.replies`, `conversations.history`).",
        "im:write": "To open a direct message with somebody who asks for an interview elsewhere (`conversations.open`).",
        "files:write": "To post the scorecard's picture, the full report and the export of what is kept of a person "
        "(`files.getUploadURLExternal`, `files.completeUploadExternal`).",
        "files:read": "To fetch a text, a picture or a voice clip that the candidate attaches to an answer, "
        "and to wait until Slack has taken in the scorecard's picture (`files.info`).",
        "reactions:write": "To mark a message as seen while a reply is being prepared (`reactions.add`).",
        "users:read": "To know a person's time zone, whether they are a guest of the workspace, and whether they administer it, "
        "as they must to order a daily question (`users.info`).",
    }
)
"""Every bot scope the app asks for, with the reason. There are no user scopes: it never acts in a person's name."""

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "app_home_opened": "Shows the Home tab, and suggests how to begin when the chat is opened.",
        "app_mention": "Answers, or starts an interview in a direct message, when the bot is mentioned in a channel.",
        "message.im": "Hears what a candidate writes to the bot, and what they change or delete afterwards.",
        "message.channels": "The same in an interview's or a daily question's thread in a public channel; any other message is "
        "dropped and not kept.",
        "message.groups": "The same in a private channel.",
        "agent_session_stopped": "Stops preparing a reply when somebody presses Slack's stop button.",
        "app_uninstalled": "Deletes the workspace's tokens.",
        "tokens_revoked": "Deletes the tokens that were revoked.",
    }
)
"""Every event the app subscribes to, with what it does then."""

_DESCRIPTION = (
    "Practise system design interviews. AI-assisted: scores are estimates, and every credited point quotes you."
)
_LONG_DESCRIPTION = """\
Practise system design interviews where you already talk. Mockingbird asks a real question, lets you think, probes what you \
left vague, offers a hint when you are stuck, changes a requirement half-way, and ends with a scorecard in which every \
credited point quotes your own words. You choose the question, the level (mid, senior or staff) and the length (15, 30 or 45 \
minutes). You can pause and come back another day.

Mockingbird is AI-assisted. A small model on the server that runs it judges your answers and, if whoever runs it has set one \
up, a large language model does too and words what the interviewer says. Both estimate and can be wrong: a scorecard is there \
to learn from, and no decision about anybody should rest on it.

A channel can also have a daily question: one sharp question at a time its workspace's administrators choose, answered in its \
thread or sealed until the answers are discussed.

Interviews are held in direct messages. If you hold one in a channel's thread instead, everybody in that channel can read it."""
_AGENT_DESCRIPTION = (
    "Holds a mock system design interview with you: it asks, probes, gives hints if you want them and ends with a scorecard "
    "that quotes your own words. AI-assisted, so scores are estimates."
)
PROMPTS: Mapping[str, str] = MappingProxyType(
    {
        "Surprise me": "start surprise",
        "Senior, 30 minutes": "start senior standard",
        "A short one on payments": "start payments quick",
        "How does this work?": "help",
    }
)
"""How somebody may begin: what they see, and what they say by choosing it."""


def manifest(socket: bool, url: str = "", name: str = "Mockingbird") -> dict[str, Any]:
    """The app's manifest as plain JSON values: over Socket Mode, or with Slack calling the public address `url`.

    Raises ValueError for an address Slack can't call, for one that Socket Mode has no use for, and for a name it won't take.
    """
    base = _address(socket, url)
    if not 1 <= len(name.strip()) <= NAME_LENGTH:
        raise ValueError(f"Slack takes a name of 1 to {NAME_LENGTH} characters for an app.")
    called = {"request_url": base + EVENTS_PATH} if base else {}
    menus = {"message_menu_options_url": base + EVENTS_PATH} if base else {}
    returns = {"redirect_urls": [base + REDIRECT_PATH]} if base else {}
    return {
        "display_information": {
            "name": name.strip(),
            "description": _DESCRIPTION,
            "long_description": _LONG_DESCRIPTION,
            "background_color": "#2b3a55",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name.strip(), "always_online": True},
            "agent_view": {
                "agent_description": _AGENT_DESCRIPTION,
                "suggested_prompts": [{"title": title, "message": text} for title, text in PROMPTS.items()],
            },
            "slash_commands": [_command(base)],
        },
        "oauth_config": {**returns, "scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**called, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **called, **menus},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }


def missing(granted: Iterable[str]) -> tuple[str, ...]:
    """The scopes that the app asks for and that are not among `granted`, in the manifest's order.

    Slack says what a token was granted in the header `x-oauth-scopes` of every answer, with commas between."""
    held = {scope.strip() for scope in granted}
    return tuple(scope for scope in SCOPES if scope not in held)


def _command(base: str) -> dict[str, Any]:
    return {
        "command": "/interview",
        **({"url": base + EVENTS_PATH} if base else {}),
        "description": "Practise a system design interview",
        "usage_hint": "[start senior 30 | hint | time | next | pause | resume | end | daily | help]",
        # A person or a channel then comes as an id, as in messages, rather than as a name that anybody may bear.
        "should_escape": True,
    }


def _address(socket: bool, url: str) -> str:
    """The public address without a slash at its end, "" for Socket Mode."""
    if socket and url:
        raise ValueError("Socket Mode needs no address, since the app calls Slack: give one or the other.")
    if socket:
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in url):
        raise ValueError(
            "Slack calls a public https address, such as https://mockingbird.example.com: give that one, "
            "or use Socket Mode, which needs none."
        )
    return url.rstrip("/")
