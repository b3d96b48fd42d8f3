"""One grammar for what people type on every platform: `/hint`, `/dispute lease-expiry because …`, `2 staff strict full`."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from rapidfuzz import process

from interviewer.model import CommandName, Format, Level, Mode, Question

COMMANDS: Mapping[str, tuple[CommandName, str]] = {
    "hint": (CommandName.HINT, "the next hint on what was asked; each costs a little credit on that point"),
    "time": (CommandName.TIME, "how much time is left"),
    "next": (CommandName.NEXT, "move on to the next part"),
    "repeat": (CommandName.REPEAT, "hear the open question again"),
    "pause": (CommandName.PAUSE, "stop the clock and leave; everything is kept"),
    "resume": (CommandName.RESUME, "start the clock again"),
    "end": (CommandName.END, "finish and see the scorecard; after it, close the interview"),
    "dispute": (CommandName.DISPUTE, "after the scorecard: /dispute POINT and why you did say it"),
    "answer": (CommandName.ANSWER, "after the scorecard: the model answer"),
}
"""Every command, what it does to the interview, and what its help says."""

HELP = frozenset({"/help", "/h", "/?"})
STARTERS = ("start", "interview", "practise", "practice", "begin")
ASKING = frozenset({"help", "hi", "hello", "hey", "?"})
LONGEST_WISH = 6
"""Words; more is a sentence."""
COMMONPLACE = frozenset(
    "a about access again and are at bye cool for from good great have into it later never night no now nice of ok okay on "  # noqa: SIM905
    "once over real right sleep sure thank thanks that the there this time to what when will with work yes you your".split()
)
"""Words that ask for nothing by themselves, though some stand in the titles of questions."""
SURPRISE = "surprise"
AFTERWARDS = frozenset({CommandName.DISPUTE, CommandName.ANSWER})
"""What can be asked for only once there is a scorecard."""


@dataclass(frozen=True)
class Typed:
    """A command somebody typed."""

    name: CommandName
    argument: str = ""


class NotUnderstood(ValueError):
    """Something typed that means nothing here. Its text tells the person what would."""


def is_command(text: str) -> bool:
    """Whether a message is a command: a slash and a word alone, or a dispute, which says more.

    `/end users call POST /jobs` is an answer, and so is `/jobs/{id} returns the job`: nothing said is lost to a slash."""
    words = text.split()
    if not words or not re.fullmatch(r"/[A-Za-z?]+", words[0]):
        return False
    return len(words) == 1 or words[0].lower() == f"/{CommandName.DISPUTE}"


def parse(text: str) -> Typed:
    """The command in `text`, with or without its slash. Raises NotUnderstood with the nearest command."""
    word, *rest = text.strip().removeprefix("/").split(maxsplit=1) or [""]
    argument = rest[0] if rest else ""
    known = COMMANDS.get(word.lower())
    if known is None:
        raise NotUnderstood(f"There is no command /{word[:30]}. {_did_you_mean(word, (*COMMANDS, 'help'), '/')}")
    if known[0] is CommandName.DISPUTE and len(argument.split()) < 2:
        raise NotUnderstood("Say which point and why: /dispute POINT and then where you said it, in your own words.")
    return Typed(known[0], argument.strip())


def untimely(name: CommandName, over: bool) -> str:
    """Why a command means nothing now, or "" if it does: the machine ignores it, a person is told."""
    if over and name not in {*AFTERWARDS, CommandName.END}:
        return "The interview is over. There is /dispute, /answer and /end."
    if not over and name in AFTERWARDS:
        return f"/{name.value} comes after the scorecard; /end takes you there."
    return ""


class Persona(StrEnum):
    """How a model-backed interviewer speaks; each has a prompt of its name in `prompts/personas/`."""

    CALM = "calm"
    BRISK = "brisk"
    SCEPTICAL = "sceptical"


WORDS: Mapping[str, Level | Mode | Format | Persona] = {
    **{level.value: level for level in Level},
    **{mode.value: mode for mode in Mode},
    **{format.value: format for format in Format},
    **{persona.value: persona for persona in Persona},
    "strict": Mode.INTERVIEW,
    "15": Format.QUICK,
    "30": Format.STANDARD,
    "45": Format.FULL,
}


@dataclass(frozen=True)
class Wish:
    """What somebody would like to be asked; empty and None where they leave it open."""

    questions: tuple[Question, ...] = ()
    level: Level | None = None
    mode: Mode | None = None
    format: Format | None = None
    persona: Persona | None = None


def wish(text: str, questions: Sequence[Question]) -> Wish:
    """ "2 staff strict full", "apple senior", "payments" or nothing at all. Raises NotUnderstood for a word that fits nothing.

    Questions are named by a number in the list, an id, a company, a topic or a word of a title; further words narrow them."""
    chosen = Wish()
    for word in text.lower().split():
        if word == SURPRISE:
            continue
        match WORDS.get(word):
            case Level() as level:
                chosen = replace(chosen, level=level)
            case Mode() as mode:
                chosen = replace(chosen, mode=mode)
            case Format() as format:
                chosen = replace(chosen, format=format)
            case Persona() as persona:
                chosen = replace(chosen, persona=persona)
            case None if word in COMMONPLACE:
                raise NotUnderstood(f"I don't know what to make of “{word}”. Name a question, a company or a topic.")
            case None:
                chosen = replace(chosen, questions=_narrowed(chosen.questions, word, questions))
    return chosen


@dataclass(frozen=True)
class Addressed:
    """What somebody says to the bot outside any interview. `starting`: they say outright that they want one. `asking`: they say
    hello, or want to know what this is. `wish` is what they would like to be asked, and `problem` why it was not understood;
    neither for a hello or a sentence."""

    starting: bool = False
    asking: bool = False
    wish: Wish | None = None
    problem: str = ""

    @property
    def outright(self) -> bool:
        """Whether an interview is asked for in so many words, and understood."""
        return self.starting and self.wish is not None


def addressed(words: str, questions: Sequence[Question]) -> Addressed:
    """What "start payments", "apple senior", "hello" or a whole sentence asks for."""
    words = words.removeprefix("/interview").strip()
    first, _, rest = words.partition(" ")
    starting = first.lower() in STARTERS
    wished = rest if starting else words
    if _asks(words):
        return Addressed(asking=True)
    if len(wished.split()) > LONGEST_WISH or not (starting or _telling(wished)):
        return Addressed(starting)
    try:
        return Addressed(starting, wish=wish(wished, questions))
    except NotUnderstood as problem:
        # Of "good night" nobody wants to hear that it is no question.
        return Addressed(starting, problem=str(problem) if starting or _understood(wished, questions) else "")


def _asks(words: str) -> bool:
    """Whether somebody says hello, or asks what this is: "hi", "hello there", "help"."""
    said = set(words.lower().split())
    return bool(said & ASKING) and said <= ASKING | COMMONPLACE


def _telling(words: str) -> bool:
    """Whether anything is said that could ask for an interview without saying so: not "thanks", "that" or "1"."""
    return any(word not in COMMONPLACE and not word.isdecimal() for word in re.findall(r"[\w-]+", words.lower()))


def _understood(words: str, questions: Sequence[Question]) -> bool:
    """Whether at least one of the words means something."""
    for word in set(words.lower().split()) - COMMONPLACE:
        with suppress(NotUnderstood):
            wish(word, questions)
            return True
    return False


def _narrowed(chosen: tuple[Question, ...], word: str, questions: Sequence[Question]) -> tuple[Question, ...]:
    named = _named(word, questions)
    both = tuple(question for question in chosen if question in named)
    if chosen and not both:
        raise NotUnderstood(
            f"“{word[:40]}” goes with none of {', '.join(q.id for q in chosen)}: leave one of them out."
        )
    return both or named


def _named(word: str, questions: Sequence[Question]) -> tuple[Question, ...]:
    if word.isdecimal() and 1 <= int(word) <= len(questions):
        return (questions[int(word) - 1],)
    for names in (_ids, _companies, _subjects):
        if found := tuple(question for question in questions if word in names(question)):
            return found
    known = {name for question in questions for names in (_ids, _companies, _subjects) for name in names(question)}
    raise NotUnderstood(f"I don't know what to make of “{word[:40]}”. {_did_you_mean(word, (*sorted(known), *WORDS))}")


def _ids(question: Question) -> Sequence[str]:
    return (question.id,)


def _companies(question: Question) -> Sequence[str]:
    return [word.lower() for company in (question.company, *question.also_asked_at) for word in company.split()]


def _subjects(question: Question) -> Sequence[str]:
    """The topics, and the words of the title that could name it."""
    return [
        *(topic.lower() for topic in question.topics),
        *(word.lower() for word in question.title.partition(" (")[0].split() if len(word) > 3),
    ]


def _did_you_mean(word: str, known: Sequence[str], prefix: str = "") -> str:
    near = [name for name, score, _ in process.extract(word, known, limit=2) if score >= 60]
    if near:
        return f"Did you mean {' or '.join(prefix + name for name in near)}?"
    return "/help shows what there is." if prefix else "Name a question by its number, or a level, a mode or a length."
