"""Owns the interviewer's words: reads `prompts/**/*.md`, refuses a faulty one with its line, and fills placeholders in.

A prompt is YAML front matter between `---` lines (`purpose`, `variables`, perhaps `asks`) and then one or more wordings
separated by `***` lines. A placeholder is `$name`, a dollar is `$$`. A wording asks one question at most; where `asks`
names a variable, that variable brings the question and the wording has none of its own. A prompt for a language model is
`free` of that rule; a persona says how many words are its `longest` message and what it `never` says (regular expressions).
"""

import itertools
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from interviewer.documents import BankError, Document, Fault, nearest, parse_yaml, read_text, validate
from interviewer.schemas import Entry


class PromptError(Exception):
    """The prompts can't be used as they are written; `faults` says why, one a place."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class UnknownPrompt(LookupError):
    """There is no prompt of this name."""


class WrongVariables(ValueError):
    """A prompt was rendered with a variable missing, or with one that it doesn't declare."""


@dataclass(frozen=True)
class Prompt:
    """One prompt: what it is for, what it must be given, which of that brings the question, and its wordings."""

    name: str
    purpose: str
    variables: tuple[str, ...]
    asks: str
    wordings: tuple[str, ...]
    longest: int = 0
    never: tuple[re.Pattern[str], ...] = ()


class Prompts:
    """All prompts, by name: the path under the root without its suffix, such as `moves/probe`."""

    def __init__(self, prompts: Iterable[Prompt]) -> None:
        self._prompts = {prompt.name: prompt for prompt in prompts}

    def names(self) -> tuple[str, ...]:
        """Every prompt's name, in order."""
        return tuple(sorted(self._prompts))

    def prompt(self, name: str) -> Prompt:
        """The prompt called `name`; raises UnknownPrompt."""
        if name not in self._prompts:
            like = nearest(name, self._prompts)
            advice = f"did you mean {' or '.join(like)}?" if like else f"write prompts/{name}.md"
            raise UnknownPrompt(f"there is no prompt called {name!r}: {advice}")
        return self._prompts[name]

    def render(self, name: str, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Every wording of the prompt, in order, filled in; raises UnknownPrompt or WrongVariables."""
        prompt = self.prompt(name)
        if missing := [variable for variable in prompt.variables if variable not in variables]:
            raise WrongVariables(f"prompt {name!r} needs the variable {missing[0]!r}: pass it")
        if unknown := [variable for variable in variables if variable not in prompt.variables]:
            raise WrongVariables(f"prompt {name!r} has no variable {unknown[0]!r}: declare it, or don't pass it")
        # One pass: what a value holds, `$name` included, is never read as a template.
        return tuple(string.Template(wording).substitute(variables) for wording in prompt.wordings)


def load_prompts(root: Path) -> Prompts:
    """Every prompt under the folder `root`; raises PromptError with all that is wrong in any of them."""
    prompts: list[Prompt] = []
    faults: list[Fault] = []
    for path in sorted(root.rglob("*.md")):
        try:
            prompts.append(_load(path, path.relative_to(root).with_suffix("").as_posix()))
        except (BankError, PromptError) as error:
            faults += error.faults
    if not prompts and not faults:
        faults.append(Fault(root, 1, "folder", "there are no prompts (*.md) here: check the path"))
    if faults:
        raise PromptError(faults)
    return Prompts(prompts)


def _variable(name: str) -> str:
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        raise ValueError(f"{name!r:.60} can't be a variable: use lower-case letters, digits and _")
    return name


def _pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r:.60} is no regular expression: {error}") from None
    return pattern


Variable = Annotated[str, Field(min_length=1), AfterValidator(_variable)]


class _FrontMatter(Entry):
    purpose: Annotated[str, Field(min_length=1)]
    variables: list[Variable]
    asks: Variable | None = None
    free: bool = False
    longest: Annotated[int, Field(ge=10)] | None = None
    never: Annotated[list[Annotated[str, AfterValidator(_pattern)]], Field(default_factory=list)]


@dataclass(frozen=True)
class _Wording:
    text: str
    line: int


def _load(path: Path, name: str) -> Prompt:
    lines = read_text(path).split("\n")
    fences = [number for number, line in enumerate(lines) if line.rstrip() == "---"][:2]
    if len(fences) < 2 or fences[0] != 0:
        message = "there is no front matter: begin with `---`, `purpose:`, `variables:` and `---`, each on its line"
        raise PromptError([Fault(path, 1, "front matter", message)])
    document = parse_yaml(path, "\n".join(lines[1 : fences[1]]), first_line=2)
    front = validate(document, _FrontMatter)
    wordings = _wordings(lines[fences[1] + 1 :], fences[1] + 2)
    faults = _front_faults(document, front, wordings)
    for number, wording in enumerate(wordings, start=1):
        for offset, message in _wording_faults(front, wording.text):
            line = wording.line + wording.text.count("\n", 0, offset)
            faults.append(Fault(path, line, f"wording {number}", message))
    if faults:
        raise PromptError(sorted(faults))
    texts = tuple(wording.text for wording in wordings)
    never = tuple(re.compile(pattern, re.IGNORECASE) for pattern in front.never)
    return Prompt(name, front.purpose, tuple(front.variables), front.asks or "", texts, front.longest or 0, never)


def _wordings(lines: Sequence[str], first_line: int) -> list[_Wording]:
    """The parts between `***` lines; a wording's line is that of its first word."""
    bounds = [-1, *(index for index, line in enumerate(lines) if line.strip() == "***"), len(lines)]
    wordings: list[_Wording] = []
    for before, after in itertools.pairwise(bounds):
        part = lines[before + 1 : after]
        blank = next((index for index, line in enumerate(part) if line.strip()), 0)
        wordings.append(_Wording("\n".join(part).strip(), first_line + before + 1 + blank))
    return wordings


def _front_faults(document: Document, front: _FrontMatter, wordings: Sequence[_Wording]) -> list[Fault]:
    faults: list[Fault] = []
    used = {name for wording in wordings for name in _placeholders(wording.text)}
    for index, name in enumerate(front.variables):
        if name in front.variables[:index]:
            faults.append(document.fault(("variables", index), f"`{name}` is declared twice: keep one"))
        elif name not in used:
            message = f"`{name}` is used in no wording: write ${name} in one, or take it out of `variables`"
            faults.append(document.fault(("variables", index), message))
    if front.asks and front.asks not in front.variables:
        faults.append(document.fault(("asks",), f"`{front.asks}` is not declared: add it to `variables`"))
    return faults


def _wording_faults(front: _FrontMatter, text: str) -> Iterator[tuple[int, str]]:
    """What is wrong in a wording, each with its place in the text."""
    if not text:
        yield 0, "this wording is empty: write it, or take its `***` line away"
        return
    for match in string.Template.pattern.finditer(text):
        if match["invalid"] is not None:
            yield match.start(), "a `$` stands alone: write $name for a variable, $$ for a dollar"
    mentioned = _placeholders(text)
    for name, offset in mentioned.items():
        if name not in front.variables:
            like = nearest(name, front.variables, 1)
            yield (
                offset,
                f"`${name}` is not declared: {f'did you mean ${like[0]}?' if like else 'add it to `variables`'}",
            )
    marks = [offset for offset, sign in enumerate(text) if sign == "?"]
    if front.asks and marks:
        yield marks[0], f"${front.asks} brings the question: take this question mark away"
    elif len(marks) > 1 and not front.free:
        yield marks[1], "a second question mark: ask one question at a time"
    if front.asks and front.asks not in mentioned:
        yield 0, f"${front.asks}, which brings the question, is missing here: write it in"


def _placeholders(text: str) -> dict[str, int]:
    """The variables mentioned in a wording, each with the place of its first mention."""
    found: dict[str, int] = {}
    for match in string.Template.pattern.finditer(text):
        if name := match["named"] or match["braced"]:
            found.setdefault(name, match.start())
    return found
