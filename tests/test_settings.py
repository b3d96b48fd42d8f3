"""Settings, as they are read from the environment: which models speak and listen, and what is refused."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.settings import DEFAULT_MODEL, Settings

KEY = "sk-a-secret-nobody-may-see"
URL = "http://localhost:11434/v1"

Read = Callable[..., Settings]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """The settings of an environment that has these variables and no others of ours."""

    def read(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings()

    return read


@pytest.mark.parametrize(
    ("variables", "speaking", "listening"),
    [
        ({}, (), ()),
        ({"OPENAI_API_KEY": KEY}, (DEFAULT_MODEL,), (DEFAULT_MODEL,)),
        ({"OPENAI_API_KEY": ""}, (), ()),
        ({"INTERVIEW_MODEL": "a"}, ("a",), ("a",)),
        ({"OPENAI_API_KEY": KEY, "INTERVIEW_MODEL": "a"}, ("a",), ("a",)),
        ({"OPENAI_BASE_URL": URL, "INTERVIEW_MODEL": "a"}, ("a",), ("a",)),
        ({"OPENAI_API_KEY": KEY, "RATER_MODEL": "b"}, (DEFAULT_MODEL,), ("b",)),
        ({"INTERVIEW_MODEL": "a", "RATER_MODEL": "b"}, ("a",), ("b",)),
        ({"INTERVIEW_MODEL": "a", "FALLBACK_MODEL": "c"}, ("a", "c"), ("a", "c")),
        ({"INTERVIEW_MODEL": "a", "RATER_MODEL": "b", "FALLBACK_MODEL": "c"}, ("a", "c"), ("b", "c")),
        ({"OPENAI_API_KEY": KEY, "FALLBACK_MODEL": "c"}, (DEFAULT_MODEL, "c"), (DEFAULT_MODEL, "c")),
        # Nobody is asked twice.
        ({"INTERVIEW_MODEL": "a", "FALLBACK_MODEL": "a"}, ("a",), ("a",)),
        ({"INTERVIEW_MODEL": "a", "RATER_MODEL": "c", "FALLBACK_MODEL": "c"}, ("a", "c"), ("c",)),
        # Without a model that speaks there is none at all.
        ({"RATER_MODEL": "b"}, (), ()),
        ({"FALLBACK_MODEL": "c"}, (), ()),
    ],
)  # fmt: skip
def test_a_key_or_a_name_decides_which_models_speak_and_listen(
    read: Read, variables: dict[str, str], speaking: tuple[str, ...], listening: tuple[str, ...]
) -> None:
    found = read(**variables)
    assert (found.speaking, found.listening) == (speaking, listening)


@pytest.mark.parametrize("more", [{}, {"RATER_MODEL": "b", "FALLBACK_MODEL": "c"}])
def test_an_address_that_was_set_for_another_program_switches_nothing_on(read: Read, more: dict[str, str]) -> None:
    found = read(OPENAI_BASE_URL=URL, **more)
    assert (found.speaking, found.listening) == ((), ())


def test_an_address_with_a_key_stands_for_the_providers_own(read: Read) -> None:
    assert read(OPENAI_BASE_URL=URL, OPENAI_API_KEY=KEY).speaking == (DEFAULT_MODEL,)


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://localhost/v1", "/v1", "http:/localhost"])
def test_an_address_that_is_none_of_the_web_is_refused_with_an_example(read: Read, url: str) -> None:
    with pytest.raises(ValidationError, match=r"must start with http:// or https://, as in http://localhost:11434/v1"):
        read(OPENAI_BASE_URL=url, INTERVIEW_MODEL="a")


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODEL_TIMEOUT", "0"), ("MODEL_TIMEOUT", "soon"), ("MODEL_RETRIES", "-1"), ("TOKENS_PER_INTERVIEW", "-1")],
)
def test_a_number_that_makes_no_sense_is_refused(read: Read, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.lower()):
        read(**{name: value})


def test_the_key_is_never_printed(read: Read) -> None:
    found = read(OPENAI_API_KEY=KEY)
    assert found.openai_api_key.get_secret_value() == KEY
    assert KEY not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"


def test_the_key_is_not_printed_with_a_refusal_either(read: Read) -> None:
    with pytest.raises(ValidationError) as refused:
        read(OPENAI_API_KEY=KEY, OPENAI_BASE_URL="nowhere")
    assert KEY[:4] not in f"{refused.value!r} {refused.value}"


def test_a_file_may_hold_what_the_environment_does_not(tmp_path: Path) -> None:
    named = tmp_path / "mine.env"
    named.write_text(f"OPENAI_BASE_URL={URL}\nINTERVIEW_MODEL=from-the-file\nRATER_MODEL=from-the-file\n")
    (tmp_path / ".env").write_text("FALLBACK_MODEL=from-the-usual-file\n")
    program = "from bot.settings import Settings; found = Settings(); print(*found.speaking, *found.listening)"

    def told(**variables: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **variables}
        if "MOCKINGBIRD_ENV" not in variables:
            del environment["MOCKINGBIRD_ENV"]
        words = [sys.executable, "-c", program]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=60)
        return done.stdout.decode().strip()

    assert told(MOCKINGBIRD_ENV=str(named)) == "from-the-file from-the-file"
    assert told(MOCKINGBIRD_ENV=str(named), RATER_MODEL="mine") == "from-the-file mine"
    assert told(INTERVIEW_MODEL="mine") == "mine from-the-usual-file mine from-the-usual-file"
