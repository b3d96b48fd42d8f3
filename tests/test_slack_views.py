"""What people are shown in Slack besides messages: it is within Slack's limits, whoever wrote what is in it, and what they
submit is read as they meant it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import Persona
from bot.people import Sitting
from bot.slack import buttons, views
from bot.slack.home import day, forgetting, home
from interviewer.model import (
    Dimension,
    Format,
    Interview,
    Level,
    Mode,
    Phase,
    PointScore,
    PointState,
    Preferences,
    Question,
    Scorecard,
    Settings,
    Verdict,
)
from interviewer.questions import data_root, load_bank
from tests.slack import Json, text_of
from tests.slack import buttons as pressable
from tests.slack.limits import check_blocks, check_view, option_list
from tests.slack.reading import elements
from tests.slack.views import filled

THREAD = "slack:T0123456789:D0123456789:1760000000.000100"
NOW = 1_795_431_600.0
"""23 November 2026, 11:00 UTC."""
HOSTILE = (
    "<!channel> `*_~",
    "@everyone " * 60,
    "a" * 400,
    "<https://evil.example|click>",
    "\u202e:smile:\x00 & <@U1>",
    "\x00",
)
BANK = load_bank(data_root()).questions
LIKES = Preferences(Level.STAFF, Mode.INTERVIEW, Format.FULL, Persona.BRISK, "German", "Asia/Kolkata")
CARD = Scorecard(
    interview="i1",
    question="shortener",
    title="A link shortener",
    level=Level.SENIOR,
    mode=Mode.PRACTICE,
    gradable=True,
    overall=3.4,
    verdict=Verdict.HIRE,
    held_back=(),
    supported=Level.SENIOR,
    dimensions=(),
    points=(),
)

chosen = st.sampled_from
preferences = st.builds(
    Preferences,
    level=chosen(Level),
    mode=chosen(Mode),
    format=chosen(Format),
    persona=chosen(Persona),
    language=chosen(["", "English", "Korean", "Klingon", *HOSTILE[2:3]]).map(lambda name: name[:150]),
    zone=chosen(["", "Europe/Berlin", "Pacific/Chatham", "America/Argentina/ComodRivadavia"]),
)
questions = st.lists(
    st.builds(
        Question,
        id=st.text("abc-", min_size=1, max_size=200),
        title=st.one_of(st.text(max_size=200), chosen(HOSTILE)),
        prompt=st.just("Design it."),
        company=st.one_of(st.text(max_size=200), chosen(HOSTILE), st.just("")),
        also_asked_at=st.lists(st.text(max_size=20), max_size=3).map(tuple),
        topics=st.lists(st.text(max_size=40), max_size=5).map(tuple),
        levels=st.lists(chosen(Level), min_size=1, max_size=3).map(tuple),
    ),
    max_size=8,
    unique_by=lambda question: question.id,
)


def modal(view: Json) -> Json:
    """The modal, which Slack would take."""
    check_view(view, "modal", lambda _: "")
    return view


def submitted(view: Json, values: Mapping[str, Any] | None = None) -> Json:
    """The view as Slack sends it once somebody filled in `values` and pressed the button."""
    answers = {name: {name: value} for name, value in (values or {}).items()}
    return {**modal(view), "state": filled(view, answers)}


def options(view: Json, name: str) -> list[Json]:
    return pressable(view)[name]["options"]


def point(name: str, **changes: Any) -> PointScore:
    """A point that was expected and not heard."""
    plain = PointScore(name, f"Says {name}.", Dimension.DATA, Level.MID, 1, PointState.MISSING, 0.1, 0.0, expected=True)
    return replace(plain, **changes)


def sitting(number: int = 1, phase: Phase = Phase.FINISHED, title: str = "A link shortener", **changes: Any) -> Sitting:
    interview = Interview("i1", "slack:T1:U1", Settings("shortener"), phase, paused=bool(changes.pop("paused", False)))
    card = CARD if phase is Phase.FINISHED else None
    return replace(Sitting(f"{THREAD}{number}", interview, title, NOW, card), **changes)


def at_home(*sittings: Sitting, likes: Preferences | None = None, **changes: Any) -> Json:
    """The App Home, which Slack would take."""
    given: dict[str, Any] = {"profile_zone": "Europe/Madrid", "keep_days": 30, "now": NOW, "voice": "", **changes}
    view = home(sittings, likes or Preferences(), **given)
    check_view(view, "home", lambda _: "")
    return view


def texts(shown: Any) -> list[str]:
    """Every marked-up text in it."""
    if isinstance(shown, list):
        return [text for each in shown for text in texts(each)]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(shown, dict):
        own = [str(shown["text"])] if shown.get("type") == "mrkdwn" else []  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        return [*own, *texts(list(shown.values()))]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return []


# --- buttons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "actions"),
    [
        (buttons.during(THREAD), [buttons.HINT, buttons.TIME, buttons.NEXT, buttons.PAUSE, buttons.END]),
        (buttons.paused(THREAD), [buttons.RESUME, buttons.END]),
        (
            buttons.afterwards(THREAD, disputable=True),
            [buttons.REPORT, buttons.DISPUTE, buttons.ANSWER, buttons.SHARE, buttons.END],
        ),
        (
            buttons.afterwards(THREAD, disputable=False),
            [buttons.REPORT, buttons.ANSWER, buttons.SHARE, buttons.END],
        ),
    ],
)
def test_every_button_below_an_interview_names_its_thread(row: Json, actions: list[str]) -> None:
    check_blocks([row], lambda _: "")
    assert [(each["action_id"], each["value"]) for each in row["elements"]] == [(name, THREAD) for name in actions]


@pytest.mark.parametrize("row", [buttons.closed(), buttons.welcome()])
def test_whoever_is_in_no_interview_can_choose_a_question_or_be_surprised(row: Json) -> None:
    check_blocks([row], lambda _: "")
    assert [each["action_id"] for each in row["elements"]] == [buttons.START, buttons.SURPRISE]


def test_ending_early_asks_once_more_and_closing_does_not() -> None:
    for row in (buttons.during(THREAD), buttons.paused(THREAD)):
        end = pressable({"blocks": [row]})[buttons.END]
        assert end["style"] == "danger"
        assert end["confirm"]["text"]["text"] == "End here and see the scorecard?"
    assert "confirm" not in pressable({"blocks": [buttons.afterwards(THREAD, disputable=True)]})[buttons.END]


def test_feedback_says_which_way_and_of_which_interview() -> None:
    row = buttons.feedback("t" * 200)
    check_blocks([row], lambda _: "")
    asked = pressable({"blocks": [row]})[buttons.FEEDBACK]
    assert asked["positive_button"]["value"] == f"up|{'t' * 200}"
    assert asked["negative_button"]["value"] == f"down|{'t' * 200}"


# --- the beginning of an interview ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "format", "mode"), list(product(Level, Format, Mode)))
def test_what_is_chosen_at_the_start_is_what_is_asked_for(level: Level, format: Format, mode: Mode) -> None:
    for persona, where in product(Persona, ("dm", "thread")):
        form = views.start_form(Preferences(), "C1", "backend")
        picked = {"level": level, "format": format, "mode": mode, "persona": persona, "where": where}
        choice = views.read_start(submitted(form, {**picked, "question": "oracle-chat", "company": "Oracle"}))
        channel = "C1" if where == "thread" else ""
        assert choice == views.StartChoice("oracle-chat", "Oracle", level, format, mode, persona, channel)


@given(preferences, st.booleans(), chosen(["", "C1"]), st.one_of(st.text(max_size=90), chosen(HOSTILE)), st.text())
def test_a_start_form_that_is_sent_as_it_was_opened_asks_for_what_somebody_likes(
    likes: Preferences, voice: bool, channel: str, name: str, note: str
) -> None:
    choice = views.read_start(submitted(views.start_form(likes, channel, name, voice, note)))
    assert (choice.level, choice.mode, choice.format) == (likes.level, likes.mode, likes.format)
    assert choice.persona == (likes.persona if voice else None)
    assert (choice.question, choice.company, choice.channel) == ("", "", "")


def test_a_newcomer_starts_with_what_is_usual() -> None:
    choice = views.read_start(submitted(views.start_form(Preferences())))
    assert (choice.level, choice.format, choice.mode) == (Level.SENIOR, Format.STANDARD, Mode.PRACTICE)
    assert choice.persona is Persona.CALM


def test_only_in_a_channel_there_is_a_choice_of_where_and_it_says_who_reads_along() -> None:
    private, shared = views.start_form(Preferences()), views.start_form(Preferences(), "C1", "backend")
    assert "where" not in pressable(private)
    assert "where nobody else reads along" in text_of(private)
    there = options(shared, "where")[1]
    assert there["text"]["text"] == "In a thread in #backend"
    assert there["description"]["text"] == "Everybody there can read along. The scorecard comes to you alone."


def test_a_channel_whose_name_is_not_known_is_here() -> None:
    assert options(views.start_form(Preferences(), "C1"), "where")[1]["text"]["text"] == "In a thread here"


def test_what_a_form_no_longer_offers_counts_as_not_chosen() -> None:
    form = submitted(views.start_form(LIKES))
    for name in ("level", "format", "mode", "persona"):
        form["state"]["values"][name][name]["selected_option"]["value"] = "principal"
    usual = views.StartChoice("", "", Level.SENIOR, Format.STANDARD, Mode.PRACTICE, None, "")
    assert views.read_start(form) == usual


def test_a_view_without_a_state_is_refused() -> None:
    with pytest.raises(ValueError, match="state"):
        views.read_start({"type": "modal"})


# --- what somebody likes --------------------------------------------------------------------------------------------


@given(preferences)
def test_settings_that_are_saved_as_they_were_opened_stay_as_they_are(likes: Preferences) -> None:
    assert views.read_preferences(submitted(views.preferences_form(likes))) == likes


@given(preferences, preferences)
def test_settings_become_what_was_chosen(before: Preferences, after: Preferences) -> None:
    offered = views.preferences_form(replace(before, language=after.language, zone=after.zone))
    values: dict[str, Any] = {
        "level": after.level,
        "mode": after.mode,
        "format": after.format,
        "persona": after.persona,
        "language": after.language or "automatic",
        "zone": after.zone or "automatic",
    }
    assert views.read_preferences(submitted(offered, values)) == after


def test_settings_nobody_has_made_show_what_is_usual() -> None:
    saved = views.read_preferences(submitted(views.preferences_form(Preferences())))
    assert saved == Preferences(Level.SENIOR, Mode.PRACTICE, Format.STANDARD, Persona.CALM)


def test_every_time_zone_that_is_offered_exists() -> None:
    assert set(views.ZONES) <= available_timezones()
    assert len(options(views.preferences_form(replace(LIKES, zone="Pacific/Chatham")), "zone")) == len(views.ZONES) + 2


def test_a_language_needs_a_model_and_that_is_said() -> None:
    assert "Needs a language model; without one I speak English." in text_of(views.preferences_form(LIKES))


# --- after the scorecard --------------------------------------------------------------------------------------------


def test_only_what_can_be_argued_for_is_offered_to_a_dispute() -> None:
    points = (
        point("open"),
        point("doubted", state=PointState.UNSURE),
        point("ruled-out", state=PointState.CHALLENGED),
        point("credited", state=PointState.COVERED, credit=1.0),
        point("given-away", state=PointState.COVERED),
        point("revealed", hints=4),
        point("above-the-level", expected=False),
    )
    form = views.dispute_form(THREAD, replace(CARD, points=points))
    assert [each["value"] for each in options(form, "point")] == ["open", "doubted", "ruled-out"]


@given(st.text(min_size=1, max_size=2_000).filter(str.strip))
def test_a_dispute_comes_back_with_its_thread_its_point_and_the_argument(argument: str) -> None:
    form = views.dispute_form(THREAD, replace(CARD, points=(point("cache"), point("reads"))), "cache")
    assert views.read_dispute(submitted(form, {"argument": argument})) == (THREAD, "cache", argument.strip())
    other = submitted(form, {"point": "reads", "argument": argument})
    assert views.read_dispute(other) == (THREAD, "reads", argument.strip())


def test_a_point_that_cannot_be_disputed_is_not_chosen() -> None:
    form = views.dispute_form(THREAD, replace(CARD, points=(point("cache"),)), "gone")
    assert "initial_option" not in pressable(form)["point"]


def test_a_long_statement_is_cut_at_a_word_with_its_name_below() -> None:
    statement = "Hot links are served from a cache in memory, since a few of them get nearly all of the traffic."
    form = views.dispute_form(THREAD, replace(CARD, points=(point("cache", statement=statement),)))
    option = options(modal(form), "point")[0]
    assert option["text"]["text"] == "Hot links are served from a cache in memory, since a few of them get …"
    assert option["description"]["text"] == "cache"


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_dispute_is_within_limits_whatever_a_guide_says(statement: str) -> None:
    points = tuple(point(f"{number}{'p' * 140}", statement=statement) for number in range(150))
    assert len(options(modal(views.dispute_form("t" * 200, replace(CARD, points=points))), "point")) == 100


def test_where_nothing_can_be_disputed_that_is_said() -> None:
    view = modal(views.dispute_form(THREAD, replace(CARD, points=(point("cache", credit=1.0),))))
    assert "There is no point left to dispute" in text_of(view)
    assert "submit" not in view


@pytest.mark.parametrize("channel", ["", "C0123456789"])
def test_sharing_offers_channels_only_and_says_what_will_be_seen(channel: str) -> None:
    form = modal(views.share_form(THREAD, channel))
    menu = pressable(form)["channel"]
    assert menu["filter"] == {"include": ["public", "private"], "exclude_bot_users": True}
    assert menu.get("initial_conversation", "") == channel
    assert "What you said, and which points you missed, stays between us." in text_of(form)
    assert views.read_share(submitted(form, {"channel": "C2"})) == (THREAD, "C2")


@given(st.lists(chosen(list(views.REASON)), unique=True), st.text(max_size=1_000))
def test_feedback_comes_back_with_its_reasons_and_its_text(reasons: list[str], text: str) -> None:
    form = submitted(views.feedback_form(THREAD), {"reasons": reasons, "words": text})
    assert views.read_feedback(form) == (THREAD, tuple(reasons), text.strip())


def test_feedback_may_be_sent_empty_and_says_who_reads_it() -> None:
    form = views.feedback_form(THREAD)
    assert views.read_feedback(submitted(form)) == (THREAD, (), "")
    assert "The people who run this bot read what you write here." in text_of(form)


# --- words ----------------------------------------------------------------------------------------------------------


@given(st.text(min_size=1), st.text(min_size=1, max_size=4_000))
def test_a_notice_is_within_limits_and_as_plain_as_it_was_written(title: str, text: str) -> None:
    view = modal(views.notice(title, text))
    assert texts(view) == []
    if len(text) <= 3_000:
        assert text_of(view).endswith(text)


def test_help_names_every_command_there_is_in_an_interview() -> None:
    check_blocks(views.help_blocks(), lambda _: "")
    told = text_of({"blocks": views.help_blocks()})
    assert all(f"`{word}`" in told for word in ("hint", "time", "repeat", "next", "pause", "resume", "end"))


# --- what a menu is asked for ---------------------------------------------------------------------------------------


def found(query: str, company: str = "", level: Level | None = None) -> list[str]:
    return [option["value"] for option in views.question_options(query, BANK, company, level)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("rate limiter", "nvidia-rate-limiter"),
        ("Design a RATE limiter please", "nvidia-rate-limiter"),
        ("ratelimiter", "nvidia-rate-limiter"),
        ("limiter rate", "nvidia-rate-limiter"),
        ("chat", "oracle-chat"),
        ("uber", "uber-eats-search"),
        ("stripe", "stripe-logs-metrics"),
        ("apple storage", "hybrid-media-storage"),
        ("payemnt doordash", "doordash-payments"),
        ("cachin", "microsoft-kv-cache"),
        ("key value", "microsoft-kv-cache"),
        ("pinterest-home-feed", "pinterest-home-feed"),
    ],
)
def test_the_question_somebody_means_comes_first(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_a_company_comes_before_those_that_ask_its_questions_too() -> None:
    assert found("google") == ["google-hashtag-aggregator", "apple-task-scheduler", "hybrid-media-storage"]


def test_more_words_narrow_what_is_found() -> None:
    assert (
        set(found("multi region")) > set(found("multi region notifications")) == {"walmart-multi-region-notifications"}
    )


@pytest.mark.parametrize("query", ["", "  ", "?!"])
def test_who_has_typed_nothing_sees_the_whole_bank_in_its_order(query: str) -> None:
    assert found(query) == [question.id for question in BANK]


def test_nothing_is_offered_for_what_nobody_asks() -> None:
    assert found("kubernetes operator") == []
    assert views.company_options("kubernetes", BANK) == []


def test_company_and_level_leave_the_others_out() -> None:
    mid_only = replace(BANK[0], id="easy", levels=(Level.MID,), company="Apple")
    offered = views.question_options("", (*BANK, mid_only), "apple", Level.STAFF)
    assert [option["value"] for option in offered] == ["apple-task-scheduler", "hybrid-media-storage"]


def test_companies_are_offered_by_name_with_how_much_they_ask() -> None:
    offered = views.company_options("", BANK)
    names = [option["value"] for option in offered]
    assert names == sorted(set(names), key=str.casefold)
    google = next(option for option in offered if option["value"] == "Google")
    assert google["description"]["text"] == "3 questions"
    assert [option["value"] for option in views.company_options("goggle", BANK)] == ["Google"]


def test_of_a_large_bank_a_hundred_are_offered_and_the_rest_is_found_by_typing() -> None:
    bank = [
        Question(f"q{number}", f"Question number {number}", "Design it.", f"Firm {number}") for number in range(500)
    ]
    assert len(views.question_options("", bank)) == len(views.company_options("", bank)) == 100
    assert views.question_options("number 417", bank)[0]["value"] == "q417"
    assert views.company_options("firm 417", bank)[0]["value"] == "Firm 417"


def test_an_empty_bank_offers_nothing() -> None:
    assert views.question_options("", []) == views.company_options("", []) == views.question_options("chat", []) == []


@given(st.text(max_size=80), questions)
def test_whatever_is_typed_and_whatever_is_in_the_bank_slack_takes_the_options(
    query: str, bank: list[Question]
) -> None:
    for offered in (views.question_options(query, bank), views.company_options(query, bank)):
        assert not offered or list(option_list(offered, 100, "/options")) == []
        assert len({option["value"] for option in offered}) == len(offered)


# --- home -----------------------------------------------------------------------------------------------------------


def test_a_newcomer_is_told_what_this_is_and_how_to_begin() -> None:
    view = at_home()
    told = text_of(view)
    assert "every credited point quotes your own words" in told
    assert "How it works" in told
    assert {buttons.START, buttons.SURPRISE, buttons.PREFER, buttons.EXPORT, buttons.FORGET} <= set(pressable(view))
    assert "Past interviews" not in told


def test_a_past_interview_shows_how_it_went_and_has_its_scorecard() -> None:
    view = at_home(sitting())
    assert "A link shortener*\nSenior · 23 Nov 2026 · Hire, 3.4 of 5" in text_of(view)
    assert pressable(view)[buttons.SCORE]["value"] == f"{THREAD}1"
    assert "How it works" not in text_of(view)


def test_an_interview_that_goes_on_can_be_continued_where_it_is() -> None:
    url = "https://acme.slack.com/archives/D1/p1"
    running, paused = sitting(1, Phase.DESIGN), sitting(2, Phase.API, paused=True, began=NOW - 86_400)
    view = at_home(running, paused, links={running.thread: url})
    resuming = [element for _, element in elements(view) if element["action_id"] == buttons.RESUME]
    assert [(each["text"]["text"], each["value"]) for each in resuming] == [
        ("Continue", running.thread),
        ("Resume", paused.thread),
    ]
    assert [each.get("url") for each in resuming] == [url, None]
    assert "begun today · Unfinished" in text_of(view)
    assert "begun yesterday · Paused" in text_of(view)


@pytest.mark.parametrize(
    ("card", "outcome"),
    [
        (None, "the question is no longer there"),
        (replace(CARD, verdict=None, overall=None), "too little was reached for a verdict"),
        (replace(CARD, gradable=False), "nothing in it could be judged"),
        (replace(CARD, verdict=Verdict.LEAN_NO_HIRE, overall=1.0), "Lean no hire, 1.0 of 5"),
    ],
)
def test_an_interview_without_a_verdict_says_why(card: Scorecard | None, outcome: str) -> None:
    view = at_home(sitting(card=card))
    assert outcome in text_of(view)
    assert (buttons.SCORE in pressable(view)) == (card is not None)


@pytest.mark.parametrize(
    ("zone", "profile", "date"),
    [
        ("Pacific/Auckland", "Europe/Madrid", "24 Nov 2026"),
        ("", "Pacific/Auckland", "24 Nov 2026"),
        ("Europe/Madrid", "Pacific/Auckland", "23 Nov 2026"),
        ("Nowhere/Atlantis", "Pacific/Auckland", "24 Nov 2026"),
        ("Europe", "", "23 Nov 2026"),
        ("", "", "23 Nov 2026"),
    ],
)
def test_dates_are_those_where_somebody_is(zone: str, profile: str, date: str) -> None:
    assert f"· {date} ·" in text_of(at_home(sitting(), likes=Preferences(zone=zone), profile_zone=profile))


def test_an_interview_that_has_only_just_begun_has_no_date() -> None:
    assert "begun just now" in text_of(at_home(sitting(phase=Phase.BRIEFING, began=0.0)))


@pytest.mark.parametrize("title", HOSTILE)
def test_two_hundred_interviews_of_any_title_fit_and_ping_nobody(title: str) -> None:
    phases = (Phase.FINISHED, Phase.DEEP_DIVE)
    view = at_home(*(sitting(number, phases[number % 2], title) for number in range(200)), voice=title)
    told = text_of(view)
    assert "And 90 more before that" in told
    assert "And 95 more before that" in told
    for text in texts(view):
        assert "<" not in text
        assert "@everyone" not in text


def test_settings_are_shown_as_they_are() -> None:
    view = at_home(likes=LIKES, voice="a model speaks, at its provider")
    assert "Staff level · 45 minutes · interview mode · brisk manner · German · times in Asia/Kolkata" in text_of(view)
    assert "times in Europe/Madrid, from your Slack profile" in text_of(at_home())
    assert "manner" not in text_of(at_home(likes=LIKES))


@pytest.mark.parametrize(("days", "kept"), [(30, "kept for 30 days after"), (1, "kept for 1 day after")])
def test_home_says_how_long_words_are_kept(days: int, kept: str) -> None:
    assert kept in text_of(at_home(keep_days=days))


def test_home_says_that_it_is_an_ai_and_where_words_go() -> None:
    assert "An AI holds the interviews" in text_of(at_home())
    assert "what you write goes to nobody but Slack and the server I run on" in text_of(at_home())
    assert "tiny-model listens and speaks" in text_of(at_home(voice="tiny-model listens and speaks, at home.example."))


def test_nobody_is_forgotten_before_they_have_read_what_is_deleted() -> None:
    check_blocks(forgetting(), lambda _: "")
    for shown in (at_home(), {"blocks": forgetting()}):
        told = pressable(shown)[buttons.FORGET]["confirm"]["text"]["text"]
        assert "This deletes every interview of yours" in told
        assert "Messages in Slack stay until you delete them there" in told


def test_a_day_of_one_digit_is_written_as_people_write_it() -> None:
    assert day(NOW - 20 * 86_400, ZoneInfo("Europe/Madrid")) == "3 Nov 2026"


def test_the_past_of_somebody_whose_words_ran_out_has_no_date_either() -> None:
    assert "Senior · just now · Hire" in text_of(at_home(sitting(began=0.0)))
