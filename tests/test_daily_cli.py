"""`mockingbird daily …` as it is called, in real processes; and what an administrator may write for a schedule."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pexpect
import pytest
from holidays import list_supported_countries
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands import NotUnderstood
from bot.daily import UNWANTED, Wanted, coming, holidays, parse, plan, written
from interviewer.calendar import DAILY, WEEKDAYS, Post, Schedule, Weekday
from interviewer.daily import Board, Plan, Slot
from interviewer.daily_store import DailyStore
from interviewer.model import Level, Question
from tests.test_calendar import zones

ROOT = Path(__file__).parent.parent
MORNINGS = "09:00 Europe/Berlin weekdays"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "MOCKINGBIRD_DATA": str(tmp_path), "TZ": "Asia/Tokyo", "LANG": "uk_UA.UTF-8", "COLUMNS": "80"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """`mockingbird daily preview …`, on a machine that is in another zone than any channel, and speaks another language."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "bot", "daily", "preview", *words]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    return run


# --- preview --------------------------------------------------------------------------------------------------------


def test_a_preview_shows_local_time_utc_and_where_the_clocks_change(run: Run) -> None:
    done = run(MORNINGS, "--from", "2026-03-26")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "09:00 Europe/Berlin weekdays",
        "Day              Local  UTC",
        "Thu 26 Mar 2026  09:00  08:00",
        "Fri 27 Mar 2026  09:00  08:00",
        "Mon 30 Mar 2026  09:00  07:00  clocks went forward: 1 h earlier in UTC than before",
        "Tue 31 Mar 2026  09:00  07:00",
        "Wed  1 Apr 2026  09:00  07:00",
    ]


def test_a_time_that_is_on_another_day_than_its_question_says_on_which(run: Run) -> None:
    # In words or in one: the shell may have taken the quotes.
    done = run("23:30", "America/Nuuk", "daily", "--from", "2026-03-27", "--count", "2")
    assert done.stdout.splitlines()[2:] == [
        "Fri 27 Mar 2026  23:30      01:30 Sat",
        "Sat 28 Mar 2026  00:00 Sun  01:00 Sun  clocks went forward: 23:30 does not exist, 00:00 on Sunday instead",
    ]


def test_holidays_are_shown_between_the_posts_by_their_names_there(run: Run) -> None:
    done = run("02:30 Europe/Berlin daily", "--holidays", "de-by", "--from", "2026-10-02", "--count", "2")
    assert done.stdout.splitlines() == [
        "02:30 Europe/Berlin daily holidays=DE-BY",
        "Day              Local  UTC",
        "Fri  2 Oct 2026  02:30  00:30",
        "Sat  3 Oct 2026                holiday: Tag der Deutschen Einheit, skipped",
        "Sun  4 Oct 2026  02:30  00:30",
    ]


def test_a_preview_as_json_says_the_same(run: Run) -> None:
    done = run("9:00 europe/paris sat,sun", "--holidays", "fr-Zone A", "--from=2026-10-24", "--count=2", "--json")
    assert json.loads(done.stdout) == {
        "schedule": "09:00 Europe/Paris sat,sun holidays=FR-Zone_A",
        "days": [
            {
                "day": "2026-10-24",
                "skipped": False,
                "local": "2026-10-24T09:00:00+02:00",
                "utc": "2026-10-24T07:00:00+00:00",
                "note": "",
            },
            {
                "day": "2026-10-25",
                "skipped": False,
                "local": "2026-10-25T09:00:00+01:00",
                "utc": "2026-10-25T08:00:00+00:00",
                "note": "clocks went back: 1 h later in UTC than before",
            },
        ],
    }
    apia = json.loads(run("09:00 Pacific/Apia fri", "--from", "2011-12-30", "--count", "1", "--json").stdout)
    assert apia["days"][0] == {
        "day": "2011-12-30",
        "skipped": True,
        "local": None,
        "utc": None,
        "note": "Pacific/Apia had no such day, skipped",
    }


def test_without_a_day_to_begin_with_the_next_posts_are_shown(run: Run) -> None:
    before = datetime.now(UTC)
    days = json.loads(run("00:00 Etc/GMT daily", "--json", "--count", "3").stdout)["days"]
    at = [datetime.fromisoformat(day["utc"]) for day in days]
    assert before < at[0]
    assert [(each - at[0]).days for each in at] == [0, 1, 2]
    assert (at[0] - before).days == 0


def test_on_a_screen_what_is_special_stands_out_and_what_is_skipped_is_dimmed(environment: dict[str, str]) -> None:
    words = ["-m", "bot", "daily", "preview", "02:30 Europe/Berlin daily", "--holidays", "FI", "--from", "2026-04-03"]
    environment |= {"TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    screen: pexpect.spawn[str] = pexpect.spawn(
        sys.executable, [*words, "--count", "1"], cwd=ROOT, env=environment, encoding="utf-8", timeout=60
    )
    screen.expect(pexpect.EOF)
    screen.close()
    assert screen.exitstatus == 0
    lines = (screen.before or "").splitlines()
    assert re.search(r"\x1b\[2mholiday: Pitkäperjantai, skipped", lines[2])
    assert lines[3].startswith("Sat  4 Apr 2026  02:30")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["09:00 Berlin"], "I don't know what to make of “Berlin”. Did you mean Europe/Berlin?"),
        ([MORNINGS, "--from", "9999-12-30"], "--from is a day of the years 1970 to 2099"),
        ([MORNINGS, "--from", "tomorrow"], "'%Y-%m-%d'"),
        ([], "Name a schedule"),
        ([MORNINGS, "--channel", "C1"], "name a schedule or --channel, and not both"),
    ],
    ids=["zone", "year", "day", "nothing", "both"],
)
def test_what_can_not_be_previewed_is_said_with_what_to_do(run: Run, words: list[str], said: str) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


# --- channels -------------------------------------------------------------------------------------------------------

CHANNELS = ("slack:T1:C1", "slack:T2:C1", "slack:T1:C2", "discord:G1:C3")


def two_plans(channel: str, **more: Any) -> Board:
    """A board with a plan in the morning and one on Sundays, both of them long ago."""
    plans = (
        Plan("a", parse("09:00 Europe/Berlin weekdays holidays=DE"), 0.0),
        Plan("b", parse("23:30 America/New_York sun"), 0.0, Level.MID, ("payments",), 5400.0),
    )
    return Board(channel, "slack:T1", "slack:T1:ADMIN", plans, **more)


async def kept(redis_url: str, *boards: Board) -> None:
    async with DailyStore.from_url(redis_url) as store:
        for board in boards:
            assert await store.keep_board(None, board)


def daily(environment: dict[str, str], url: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """`mockingbird daily …` on this store, with a screen wide enough for a table."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "daily", *words],
        cwd=ROOT,
        env={**environment, "REDIS_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_a_channels_own_posts_are_shown_in_order_as_those_of_a_schedule(
    environment: dict[str, str], redis_url: str
) -> None:
    skipped = (Slot("a", date(2027, 3, 25)),)
    await kept(redis_url, two_plans("slack:T1:C1", skipped=skipped, paused=True))
    done = daily(environment, redis_url, "preview", "--channel", "C1", "--from", "2027-03-25", "--count", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "slack:T1:C1",
        "a: 09:00 Europe/Berlin weekdays holidays=DE level=senior reveal=7h",
        "b: 23:30 America/New_York sun level=mid topics=payments reveal=90m",
        "paused: this is what comes once it goes on",
        "Plan  Day              Local  UTC",
        "a     Thu 25 Mar 2027                    skipped by an administrator",
        "a     Fri 26 Mar 2027                    holiday: Karfreitag, skipped",
        "b     Sun 28 Mar 2027  23:30  03:30 Mon",
        "a     Mon 29 Mar 2027                    holiday: Ostermontag, skipped",
        "a     Tue 30 Mar 2027  09:00  07:00      clocks went forward: 1 h earlier in UTC than before",
        "a     Wed 31 Mar 2027  09:00  07:00",
    ]
    shown = daily(
        environment, redis_url, "preview", "--channel=slack:T1:C1", "--from=2027-03-25", "--count=1", "--json"
    )
    said = json.loads(shown.stdout)
    assert (said["channel"], said["paused"], [plan["id"] for plan in said["plans"]]) == (
        "slack:T1:C1",
        True,
        ["a", "b"],
    )
    assert [(day["plan"], day["day"], day["skipped"]) for day in said["days"]] == [
        ("a", "2027-03-25", True),
        ("a", "2027-03-26", True),
        ("b", "2027-03-28", False),
    ]


async def test_channels_are_listed_and_found_by_the_end_of_their_names(
    environment: dict[str, str], redis_url: str
) -> None:
    none = daily(environment, redis_url, "channels")
    assert none.stdout.startswith("No channel has a daily question yet.")
    assert "/interview daily set #channel" in none.stdout
    await kept(redis_url, *(two_plans(channel, stuck="It is archived.") for channel in CHANNELS))
    listed = json.loads(daily(environment, redis_url, "channels", "--json").stdout)
    assert [each["channel"] for each in listed] == sorted(CHANNELS)
    assert {each["next"]["plan"] for each in listed} <= {"a", "b"}
    table = daily(environment, redis_url, "channels").stdout.splitlines()
    assert re.fullmatch(r"discord:G1:C3  a: 09:00 Europe/Berlin .* reveal=7h +stuck: It is archived", table[1])
    assert re.fullmatch(r" +b: 23:30 America/New_York .* reveal=90m", table[2])
    for name, said in (
        ("C1", "There are 2 channels called C1: name one of slack:T1:C1, slack:T2:C1."),
        ("C9", "The channel C9 has no daily question. These have one: discord:G1:C3, slack:T1:C1,"),
    ):
        done = daily(environment, redis_url, "preview", "--channel", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_running_alone_is_a_worker_that_says_what_it_needs(environment: dict[str, str]) -> None:
    done = daily(environment, "", "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "set REDIS_URL" in done.stderr


# --- what an administrator writes -----------------------------------------------------------------------------------

MON, WED, THU, SUN = Weekday.MONDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.SUNDAY


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("09:00 Europe/Berlin weekdays holidays=DE", Schedule(time(9), "Europe/Berlin", WEEKDAYS, "DE")),
        ("holidays=de-by  daily europe/BERLIN 9:05", Schedule(time(9, 5), "Europe/Berlin", DAILY, "DE-BY")),
        ("23:59 UTC", Schedule(time(23, 59), "UTC")),
        ("00:00 America/New York daily", Schedule(time(0), "America/New_York", DAILY)),
        ("09:00 Asia/Dubai mon, Wed", Schedule(time(9), "Asia/Dubai", frozenset({MON, WED}))),
        ("09:00 Asia/Dubai monday wednesday", Schedule(time(9), "Asia/Dubai", frozenset({MON, WED}))),
        ("09:00 Asia/Dubai sun-thu", Schedule(time(9), "Asia/Dubai", DAILY - {Weekday.FRIDAY, Weekday.SATURDAY})),
        ("09:00 Asia/Dubai thu-thu,", Schedule(time(9), "Asia/Dubai", frozenset({THU}))),
        ("09:00 Asia/Dubai weekdays,sun", Schedule(time(9), "Asia/Dubai", WEEKDAYS | {SUN})),
        ("09:00 Asia/Dubai mon-sun", Schedule(time(9), "Asia/Dubai", DAILY)),
        ("09:00 Europe/London holidays=UK-sct", Schedule(time(9), "Europe/London", WEEKDAYS, "UK-SCT")),
        ("09:00 Europe/Paris holidays=fr-zone_a", Schedule(time(9), "Europe/Paris", WEEKDAYS, "FR-Zone A")),
    ],
)
def test_a_schedule_is_read_in_any_order_and_spelling(text: str, schedule: Schedule) -> None:
    assert parse(text) == schedule


SCHEDULE = "A schedule is a time, a zone, days and maybe whose holidays: “09:00 Europe/Berlin weekdays holidays=DE”."
CITY = "A time zone is named by a city, as in Europe/Berlin or America/New_York, and not by an abbreviation."
COUNTRY = "Write a country's two letters, as in holidays=DE, or a part of it too, as in holidays=DE-BY."


def unclear(words: str, advice: str) -> str:
    return f"I don't know what to make of “{words}”. {advice}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Say at what time, on a 24-hour clock: “09:00 Europe/Berlin weekdays”."),
        ("Europe/Berlin", "Say at what time, on a 24-hour clock: “09:00 Europe/Berlin weekdays”."),
        ("9am Europe/Berlin", "“9am” is not a time: write it on a 24-hour clock, from 00:00 to 23:59."),
        ("24:00 UTC", "“24:00” is not a time: write it on a 24-hour clock, from 00:00 to 23:59."),
        ("12:60 UTC", "“12:60” is not a time: write it on a 24-hour clock, from 00:00 to 23:59."),
        ("09:00 17:00 UTC", "A schedule has one time, not 2: set one schedule for each."),
        ("09:00 daily", "Say in which time zone, by a city in it: “09:00 Europe/Berlin weekdays”."),
        ("09:00 UTC Asia/Tokyo", "A schedule has one time zone, not 2: set one schedule for each."),
        ("09:00 Europe/Belin", unclear("Europe/Belin", "Did you mean Europe/Berlin?")),
        ("09:00 Amercia/New_York", unclear("Amercia/New_York", "Did you mean America/New_York?")),
        ("09:00 New York", unclear("New York", "Did you mean America/New_York?")),
        ("09:00 Oslo daily", unclear("Oslo", "Did you mean Europe/Oslo?")),
        (
            "09:00 buenos aires",
            unclear("buenos aires", "Did you mean America/Buenos_Aires or America/Argentina/Buenos_Aires?"),
        ),
        ("09:00 Europe/München", unclear("Europe/München", CITY)),
        ("09:00 EST", unclear("EST", CITY)),
        ("09:00 PST daily", unclear("PST", CITY)),
        ("09:00 localtime", unclear("localtime", CITY)),
        ("09:00 UTC+2", unclear("UTC+2", CITY)),
        ("09:00 weekdyas", unclear("weekdyas", "Did you mean weekdays?")),
        ("09:00 UTC weekdyas", unclear("weekdyas", "Did you mean weekdays?")),
        ("09:00 UTC mondays", unclear("mondays", "Did you mean monday?")),
        ("09:00 UTC holidays DE", unclear("holidays", "Did you mean holidays=DE?")),
        ("09:00 UTC mon-someday", unclear("mon-someday", SCHEDULE)),
        ("09:00 UTC Asia/Tokyo level=senior", unclear("level=senior", SCHEDULE)),
        (f"09:00 UTC {'x' * 99}", unclear("x" * 40, SCHEDULE)),
        ("09:00 UTC holidays=", f"holidays= says nothing. {COUNTRY}"),
        ("09:00 UTC holidays=XX", f"I know of no holidays of “XX”. {COUNTRY}"),
        ("09:00 UTC holidays=Germny", "I know of no holidays of “Germny”. Did you mean holidays=DE (Germany)?"),
        (
            "09:00 UTC holidays=united_kingdom",
            "I know of no holidays of “united_kingdom”. Did you mean holidays=GB (United Kingdom)?",
        ),
        ("09:00 UTC holidays=DE holidays=FR", "holidays= is there 2 times: leave one."),
        (
            "09:00 UTC holidays=GB-XX",
            "I know of no part of GB called “XX”. There is ENG, NIR, SCT, WLS.",
        ),
        ("09:00 UTC holidays=SG-XX", "I know of no part of SG called “XX”. holidays=SG is the whole of it."),
    ],
)
def test_what_is_no_schedule_is_answered_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as problem:
        parse(text)
    assert str(problem.value) == said


def test_of_a_country_with_many_parts_some_are_listed() -> None:
    with pytest.raises(NotUnderstood, match=r"There is AG, AL, AN, .* and more\.$") as problem:
        parse("09:00 Europe/Rome holidays=IT-XX")
    assert len(str(problem.value)) < 300
    assert parse("09:00 Europe/Rome holidays=IT-rm").holidays == "IT-RM"


def codes() -> list[str]:
    return [
        code
        for country, parts in list_supported_countries().items()
        for code in (country, *(f"{country}-{part}" for part in parts))
    ]


@settings(deadline=None)
@given(
    st.builds(
        Schedule,
        st.times().map(lambda any: any.replace(second=0, microsecond=0)),
        st.sampled_from([zone for zone in zones() if zone not in UNWANTED]),
        st.frozensets(st.sampled_from(Weekday), min_size=1),
        st.sampled_from(["", *codes()]),
    )
)
def test_a_schedule_reads_as_it_is_written(schedule: Schedule) -> None:
    assert parse(written(schedule)) == schedule


@settings(deadline=None)
@given(
    st.text() | st.lists(st.sampled_from(["09:00", "UTC", "daily", "-", ",", "mon,", "holidays=", "DE"])).map(" ".join)
)
def test_whatever_is_written_is_a_schedule_or_answered(text: str) -> None:
    answer = ""
    try:
        assert parse(written(parse(text))) == parse(text)
    except NotUnderstood as problem:
        answer = str(problem)
    assert answer.endswith((".", "?")) or not answer


# --- and what else they want ----------------------------------------------------------------------------------------

QUESTIONS = (
    Question("pay", "Payments", "…", topics=("payments", "queues")),
    Question("chat", "Chat", "…", topics=("real-time", "queues"), levels=(Level.STAFF,)),
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("09:00 UTC", Wanted(Schedule(time(9), "UTC"))),
        ("level=STAFF 09:00 UTC reveal=90m", Wanted(Schedule(time(9), "UTC"), Level.STAFF, reveal=5400.0)),
        ("09:00 UTC topics=Queues, payments,queues", Wanted(Schedule(time(9), "UTC"), topics=("queues", "payments"))),
        # Some of them at that level are enough.
        ("09:00 UTC Topics=real-time,payments", Wanted(Schedule(time(9), "UTC"), topics=("real-time", "payments"))),
        ("09:00 UTC reveal=1h30min", Wanted(Schedule(time(9), "UTC"), reveal=5400.0)),
        ("09:00 UTC reveal=24h", Wanted(Schedule(time(9), "UTC"), reveal=86400.0)),
        ("09:00 UTC holidays=DE reveal=30m", Wanted(Schedule(time(9), "UTC", holidays="DE"), reveal=1800.0)),
    ],
)
def test_what_is_wanted_besides_a_schedule_is_read_in_any_order(text: str, wanted: Wanted) -> None:
    assert plan(text, QUESTIONS) == wanted


THINK = "is no time to think: write reveal=7h or reveal=90m, from 30 minutes to 24 hours."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("level=senior", "Say at what time, on a 24-hour clock: “09:00 Europe/Berlin weekdays”."),
        ("level=principal", "“principal” is no level: write level=mid, level=senior or level=staff."),
        ("level=", "“” is no level: write level=mid, level=senior or level=staff."),
        ("level=mid level=staff", "level= is there twice: leave one."),
        ("topic=queues", unclear("topic=queues", "Did you mean topics=payments,queues?")),
        (
            "a=b",
            unclear("a=b", "There is level=senior, topics=payments,queues, reveal=7h, holidays=DE."),
        ),
        ("topics=paymnts", "No question has the topic “paymnts”. Did you mean payments?"),
        ("topics=xyz", "No question has the topic “xyz”. There is queues, payments, real-time and more."),
        (
            "topics=,",
            "topics= says nothing: name one or more, as in topics=payments,queues, or leave it away. There is queues, payments, "
            "real-time and more.",
        ),
        (
            "topics=real-time level=mid",
            "No question about real-time is asked at mid level: choose another level or more topics.",
        ),
        ("reveal=29m", f"“29m” {THINK}"),
        ("reveal=24h1m", f"“24h1m” {THINK}"),
        ("reveal=7", f"“7” {THINK}"),
        ("reveal=", f"“” {THINK}"),
    ],
)
def test_what_can_not_be_wanted_is_answered_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(NotUnderstood) as problem:
        plan(text if text == "level=senior" else f"09:00 UTC {text}", QUESTIONS)
    assert str(problem.value) == said


@given(
    st.sampled_from(Level),
    st.sampled_from([(), ("queues",), ("queues", "payments")]),
    st.integers(30, 24 * 60).map(lambda minutes: minutes * 60.0),
)
def test_what_is_wanted_reads_as_it_is_written(level: Level, topics: tuple[str, ...], reveal: float) -> None:
    wanted = Wanted(parse("09:00 Europe/Berlin sun-thu holidays=DE"), level, topics, reveal)
    assert plan(written(wanted), QUESTIONS) == wanted
    assert written(Plan("a", wanted.schedule, 0.0, level, topics, reveal)) == written(wanted)


def test_posts_come_as_often_as_asked_for_whatever_is_skipped_and_not_before_a_plan_was_set() -> None:
    board = two_plans("slack:T1:C1", skipped=tuple(Slot("a", date(2026, 11, day)) for day in range(23, 28)))
    found = coming(board, datetime(2026, 11, 22, tzinfo=UTC), 3)
    assert [each.on.day.day for each in found if isinstance(each.on, Post)] == [22, 29, 30]
    assert len(found) == 8
    later = replace(board.plans[1], since=datetime(2026, 12, 1, tzinfo=UTC).timestamp())
    (only,) = coming(replace(board, plans=(later,)), datetime(2026, 11, 22, tzinfo=UTC), 1)
    assert only.on.day == date(2026, 12, 6)
    assert coming(replace(board, plans=()), datetime(2026, 11, 22, tzinfo=UTC), 3) == ()


# --- whose holidays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "day", "name"),
    [
        ("DE", date(2026, 10, 3), "Tag der Deutschen Einheit"),
        ("DE", date(2026, 11, 1), ""),
        ("DE-BY", date(2026, 11, 1), "Allerheiligen"),
        ("DE", date(2026, 10, 5), ""),
        ("JP", date(2026, 3, 20), "春分の日"),
        ("US", date(2026, 7, 3), "Independence Day (observed)"),
        ("UK-SCT", date(2026, 11, 30), "Saint Andrew's Day"),
        ("", date(2026, 12, 25), ""),
    ],
)
def test_holidays_are_those_of_the_country_or_the_part_by_their_names_there(code: str, day: date, name: str) -> None:
    assert holidays(code)(day) == name
