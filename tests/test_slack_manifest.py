"""The manifest is one that Slack takes, asks for no more than it gives a reason for, and is told of in the documentation."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.commands import wish
from bot.slack.manifest import EVENTS, SCOPES, manifest, missing
from interviewer.model import Format, Level
from interviewer.questions import data_root, load_bank

PUBLIC = "https://mockingbird.example.com"
DOCUMENT = Path(__file__).parent.parent / "docs" / "slack-scopes.md"
ALLOWED = {
    *(
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
    ),
    *("channels:read", "groups:read"),
    *("groups:history", "im:history", "im:read", "im:write", "reactions:write", "users:read"),
}
Where = tuple[str | int, ...]

# Slack's own JSON schema, version 2 (github.com/slackapi/manifest-schema): shortest and longest text, by where it is.
LENGTHS: dict[Where, tuple[int, int]] = {
    ("display_information", "name"): (1, 35),
    ("display_information", "description"): (1, 140),
    ("display_information", "long_description"): (175, 4000),
    ("features", "bot_user", "display_name"): (1, 80),
    ("features", "agent_view", "agent_description"): (1, 300),
    ("features", "slash_commands", 0, "command"): (2, 32),
    ("features", "slash_commands", 0, "description"): (1, 2000),
    ("features", "slash_commands", 0, "usage_hint"): (1, 1000),
}
# The same schema's keys, as far as an app like this one may have them; it takes no others.
KEYS: dict[Where, set[str]] = {
    (): {"display_information", "features", "oauth_config", "settings"},
    ("display_information",): {"name", "description", "background_color", "long_description"},
    ("features",): {"app_home", "bot_user", "slash_commands", "agent_view"},
    ("features", "app_home"): {"home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"},
    ("features", "bot_user"): {"display_name", "always_online"},
    ("features", "agent_view"): {"agent_description", "suggested_prompts"},
    ("features", "agent_view", "suggested_prompts", 0): {"title", "message"},
    ("features", "slash_commands", 0): {"command", "url", "description", "usage_hint", "should_escape"},
    ("oauth_config",): {"redirect_urls", "scopes"},
    ("oauth_config", "scopes"): {"bot"},
    ("settings",): {
        "event_subscriptions",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
    },
    ("settings", "event_subscriptions"): {"request_url", "bot_events"},
    ("settings", "interactivity"): {"is_enabled", "request_url", "message_menu_options_url"},
}


def both() -> list[dict[str, Any]]:
    return [manifest(socket=True), manifest(socket=False, url=PUBLIC)]


def at(made: Any, path: Where) -> Any:
    for step in path:
        made = made[step]
    return made


def urls(made: Any) -> list[str]:
    return re.findall(r"https?://[^\"]*", json.dumps(made))


@pytest.mark.parametrize("path", LENGTHS, ids=lambda path: str(path[-1]))
def test_every_text_is_as_long_as_slack_takes_it(path: Where) -> None:
    shortest, longest = LENGTHS[path]
    for made in both():
        assert shortest <= len(at(made, path)) <= longest


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)) or "manifest")
def test_there_is_no_key_slack_does_not_know(path: Where) -> None:
    socket, called = (set(at(made, path)) for made in both())
    assert socket <= called
    assert called == KEYS[path]


def test_it_survives_being_printed_as_json_and_as_yaml() -> None:
    for made in both():
        assert json.loads(json.dumps(made)) == made
        assert yaml.safe_load(yaml.safe_dump(made, sort_keys=False)) == made


def test_over_socket_mode_slack_is_given_no_address() -> None:
    made = manifest(socket=True)
    assert made["settings"]["socket_mode_enabled"] is True
    assert urls(made) == []


@pytest.mark.parametrize("url", [PUBLIC, f"{PUBLIC}/"])
def test_over_http_everything_goes_where_bolt_listens(url: str) -> None:
    made = manifest(socket=False, url=url)
    assert made["settings"]["socket_mode_enabled"] is False
    events = f"{PUBLIC}/slack/events"
    assert made["settings"]["event_subscriptions"]["request_url"] == events
    assert made["settings"]["interactivity"]["request_url"] == events
    assert made["settings"]["interactivity"]["message_menu_options_url"] == events
    assert made["features"]["slash_commands"][0]["url"] == events
    assert made["oauth_config"]["redirect_urls"] == [f"{PUBLIC}/slack/oauth_redirect"]
    assert len(urls(made)) == 5


def test_a_path_in_front_of_bolts_is_kept() -> None:
    made = manifest(socket=False, url=f"{PUBLIC}/bots/")
    assert set(urls(made)) == {f"{PUBLIC}/bots/slack/events", f"{PUBLIC}/bots/slack/oauth_redirect"}


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "mockingbird.example.com",
            "http://mockingbird.example.com",
            "ftp://example.com",
            "https://",
            "https://[",
        ),
        *(f"{PUBLIC}?a=b", f"{PUBLIC}#a", f"{PUBLIC}\n", "https://me:secret@example.com", "https://exa mple.com"),
    ],
)
def test_an_address_slack_cannot_call_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public https address"):
        manifest(socket=False, url=url)


def test_an_address_beside_socket_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="one or the other"):
        manifest(socket=True, url=PUBLIC)


@pytest.mark.parametrize("name", ["", "   ", "M" * 36])
def test_a_name_slack_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 35 characters"):
        manifest(socket=True, name=name)


def test_the_app_may_be_called_something_else() -> None:
    made = manifest(socket=True, name="M" * 35)
    assert made["display_information"]["name"] == made["features"]["bot_user"]["display_name"] == "M" * 35


def test_two_manifests_share_nothing_that_could_be_changed() -> None:
    first = manifest(socket=True)
    first["oauth_config"]["scopes"]["bot"].append("admin")
    first["features"]["agent_view"]["suggested_prompts"].clear()
    assert manifest(socket=True) != first
    assert "admin" not in manifest(socket=True)["oauth_config"]["scopes"]["bot"]


def test_it_asks_for_what_has_a_reason_and_for_nothing_else() -> None:
    for made in both():
        assert made["oauth_config"]["scopes"] == {"bot": list(SCOPES)}
        assert made["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert set(SCOPES) <= ALLOWED


@pytest.mark.parametrize("reason", [*SCOPES.values(), *EVENTS.values()])
def test_a_reason_is_one_sentence_that_fits_into_a_table(reason: str) -> None:
    assert re.fullmatch(r"[A-Z][^|\n]*\.", reason)
    assert ". " not in reason


@pytest.mark.parametrize(
    ("event", "scope"),
    [
        ("app_mention", "app_mentions:read"),
        ("message.im", "im:history"),
        ("message.channels", "channels:history"),
        ("message.groups", "groups:history"),
        ("agent_session_stopped", "assistant:write"),
    ],
)
def test_an_event_has_the_scope_it_needs(event: str, scope: str) -> None:
    assert event in EVENTS
    assert scope in SCOPES


def test_the_direct_message_can_be_written_in() -> None:
    home = manifest(socket=True)["features"]["app_home"]
    assert home == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }


def test_every_suggested_start_is_understood() -> None:
    prompts = manifest(socket=True)["features"]["agent_view"]["suggested_prompts"]
    assert 1 <= len(prompts) <= 4
    questions = load_bank(data_root()).questions
    wishes = {
        prompt["title"]: wish(prompt["message"].removeprefix("start "), questions)
        for prompt in prompts
        if prompt["message"].startswith("start ")
    }
    assert [prompt["message"] for prompt in prompts if prompt["title"] not in wishes] == ["help"]
    assert wishes["Surprise me"].questions == ()
    senior, short = wishes["Senior, 30 minutes"], wishes["A short one on payments"]
    assert (senior.level, senior.format) == (Level.SENIOR, Format.STANDARD)
    assert short.format is Format.QUICK
    assert short.questions
    assert all("payments" in question.topics for question in short.questions)


def test_every_description_says_that_it_is_ai_and_estimates() -> None:
    made = manifest(socket=True)
    shown = [made["display_information"]["description"], made["display_information"]["long_description"]]
    for text in [*shown, made["features"]["agent_view"]["agent_description"]]:
        assert "AI-assisted" in text
        assert "estimate" in text
        assert not re.search("[!—–]", text)


def test_what_a_token_lacks_is_named() -> None:
    assert missing(SCOPES) == ()
    assert missing(()) == tuple(SCOPES)
    assert missing(["chat:write", " commands ", "admin"]) == tuple(
        scope for scope in SCOPES if scope not in ("chat:write", "commands")
    )
    assert missing(scope for scope in SCOPES if scope != "files:read") == ("files:read",)


def rows(heading: str) -> list[str]:
    """The rows of the table under a heading of the documentation."""
    _, _, section = DOCUMENT.read_text(encoding="utf-8").partition(f"## {heading}\n")
    table = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return table[2:]


@pytest.mark.parametrize(("heading", "reasons"), [("What it asks for", SCOPES), ("What it is told", EVENTS)])
def test_the_documentation_has_the_manifests_reasons(heading: str, reasons: dict[str, str]) -> None:
    assert rows(heading) == [f"| `{name}` | {reason} |" for name, reason in reasons.items()]
