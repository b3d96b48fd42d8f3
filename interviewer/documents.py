"""Owns reading YAML files, so that every fault, of syntax or of content, is reported with its file and line."""

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from rapidfuzz import process

MAX_BYTES = 2_000_000
MAX_VALUES = 50_000
MAX_DEPTH = 32

Loc = tuple[str | int, ...]
Schema = TypeVar("Schema", bound=BaseModel)

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ADVICE = {
    "mapping values are not allowed": "text that holds ': ' needs quotes around it, or `>-` and a new line before it",
    "cannot start any token": "indent with spaces, never with tabs, and put text that starts with @, ` or % in quotes",
    "could not determine a constructor": "take the `!` tag away, or put quotes around the text",
    "single document": "keep one document in the file and take the other `---` lines away",
    "found undefined alias": "text that starts with * needs quotes around it",
}
_KINDS: dict[type, str] = {
    str: "text",
    bool: "a yes/no value",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping of keys to values",
    type(None): "nothing",
}
_SENTENCES = {
    "string_type": "this must be text, but it is {found}{quotes}",
    "list_type": "this must be a list (lines that start with `- `), but it is {found}",
    "model_type": "this must be a mapping (lines of `key: value`), but it is {found}",
    "dict_type": "this must be a mapping (lines of `key: value`), but it is {found}",
    "int_type": "this must be a whole number without quotes or words, but it is {found}: {value}",
    "float_type": "this must be a number in plain digits, without quotes or words, but it is {found}: {value}",
    "string_too_short": "this is empty: write it",
    "too_short": "this list is too short: add to it",
    "enum": "{value} is none of {expected}: use one of these",
    "greater_than": "{value} is out of range: {message}",
    "greater_than_equal": "{value} is out of range: {message}",
    "less_than": "{value} is out of range: {message}",
    "less_than_equal": "{value} is out of range: {message}",
    "value_error": "{message}",
}


@dataclass(frozen=True, order=True)
class Fault:
    """Something wrong in a file, where, and what to do about it."""

    path: Path
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.where}: {self.message}"


class BankError(Exception):
    """The bank can't be used as it is written; `faults` says why, one a place."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True)
class Document:
    """A YAML document as plain values, and the line on which each of them begins."""

    path: Path
    value: object
    lines: Mapping[Loc, int]

    def line(self, loc: Loc) -> int:
        """The line of the value at `loc`, or of the nearest thing around it that is there."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def at(self, loc: Loc) -> object:
        """The value at `loc`; None if there is none."""
        value: Any = self.value
        for step in loc:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def fault(self, loc: Loc, message: str) -> Fault:
        return Fault(self.path, self.line(loc), self.where(loc), message)

    def where(self, loc: Loc) -> str:
        """`loc` as a person would say it: an item of a list goes by its id if it has one, else by its number."""
        names: list[str] = []
        for depth, step in enumerate(loc, start=1):
            called = self.at((*loc[:depth], "id")) if isinstance(step, int) else step
            names.append(called if isinstance(called, str) else str(int(step) + 1))
        return ".".join(names) or "file"


def read_text(path: Path) -> str:
    """The text of a small UTF-8 file, line ends made plain; raises BankError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BankError([Fault(path, 1, "file", "there is no such file: check the path")]) from None
    except IsADirectoryError:
        raise BankError([Fault(path, 1, "file", "this is a folder: name a file in it")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BankError([Fault(path, 1, "file", f"the file can't be read ({reason}): check its permissions")]) from None
    if len(data) > MAX_BYTES:
        message = f"the file is over {MAX_BYTES // 1_000_000} MB, too large for a text written by hand: split or cut it"
        raise BankError([Fault(path, 1, "file", message)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8 in your editor"
        raise BankError([Fault(path, line, "file", message)]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_yaml(path: Path) -> Document:
    """The YAML document in the file at `path`; raises BankError."""
    return parse_yaml(path, read_text(path))


def parse_yaml(path: Path, text: str, first_line: int = 1) -> Document:
    """The YAML document in `text`, which starts at `first_line` of the file at `path`; raises BankError."""
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + first_line
        raise BankError([Fault(path, line, "file", f"control character {found.group()!r}: delete it")])
    _scan(path, text, first_line)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise BankError([_syntax_fault(path, error, first_line)]) from None
    if root is None:
        raise BankError([Fault(path, first_line, "file", "there is nothing in it: write its content first")])
    return _Composed(path, loader, first_line).document(root)


def _scan(path: Path, text: str, first_line: int) -> None:
    # Composing recurses in C: a hostile nesting must be refused before it, while events still come one at a time.
    opened: list[tuple[int, bool]] = []  # where, and whether with a bracket
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append(((event.start_mark.line if event.start_mark else 0) + first_line, bool(event.flow_style)))
            elif isinstance(event, yaml.CollectionEndEvent):
                opened.pop()
            if len(opened) > MAX_DEPTH:
                raise BankError([Fault(path, opened[-1][0], "file", f"nested more than {MAX_DEPTH} deep: flatten it")])
    except yaml.MarkedYAMLError as error:
        bracket = opened[-1][0] if opened and opened[-1][1] else None
        raise BankError([_syntax_fault(path, error, first_line, bracket)]) from None


def _syntax_fault(path: Path, error: yaml.MarkedYAMLError, first_line: int, bracket: int | None = None) -> Fault:
    problem = error.problem or "not readable"
    advice = next((advice for sign, advice in _ADVICE.items() if sign in f"{error.context} {problem}"), None)
    mark = error.problem_mark or error.context_mark
    # What was left open is where the mending starts; the parser only notices further down.
    if error.context_mark and "end of stream" in problem:
        mark, advice = error.context_mark, "close what is opened here"
    line = (mark.line if mark else 0) + first_line
    if bracket:
        line, advice = bracket, "close what is opened here, and put commas between its parts"
    advice = advice or "check the indentation, quotes and brackets here and just above"
    return Fault(path, line, "file", f"this is not YAML ({problem}): {advice}")


class _Composed:
    """Turns a node graph into plain values, noting lines and refusing what no hand-written file needs."""

    def __init__(self, path: Path, loader: yaml.SafeLoader, first_line: int) -> None:
        self._path = path
        self._loader = loader
        self._first_line = first_line
        self._lines: dict[Loc, int] = {}
        self._faults: list[Fault] = []
        self._open: set[int] = set()
        self._values = 0

    def document(self, root: yaml.Node) -> Document:
        value = self._value(root, ())
        if self._faults:
            raise BankError(self._faults)
        return Document(self._path, value, self._lines)

    def _fault(self, node: yaml.Node, message: str) -> Fault:
        return Fault(self._path, node.start_mark.line + self._first_line, "file", message)

    def _value(self, node: yaml.Node, loc: Loc) -> object:
        self._values += 1
        if self._values > MAX_VALUES:
            message = (
                f"more than {MAX_VALUES:,} values, counting those repeated by aliases (*): write them out, or fewer"
            )
            raise BankError([Fault(self._path, self._lines[loc[:1]], "file", message)])
        if id(node) in self._open:
            raise BankError([self._fault(node, "an alias (*) repeats what it stands in: take the alias away")])
        self._lines.setdefault(loc, node.start_mark.line + self._first_line)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*loc, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, loc)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, loc: Loc) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in node.value:
            name = self._scalar(key) if isinstance(key, yaml.ScalarNode) else None
            if not isinstance(name, str):
                self._faults.append(self._fault(key, "this key is not plain text: put quotes around it"))
            elif name in result:
                self._faults.append(self._fault(key, f"`{name}` stands here a second time: keep one of the two"))
            else:
                self._lines[(*loc, name)] = key.start_mark.line + self._first_line
                result[name] = self._value(value, (*loc, name))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> object:
        try:
            return self._loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        except yaml.MarkedYAMLError as error:
            self._faults.append(_syntax_fault(self._path, error, self._first_line))
        except ValueError as error:
            self._faults.append(self._fault(node, f"this value can't be read ({error}): put quotes around it"))
        return None


def validate(document: Document, schema: type[Schema], loc: Loc = ()) -> Schema:
    """What stands at `loc` of the document as a `schema`; raises BankError with a fault for every error."""
    try:
        return schema.model_validate(document.at(loc))
    except ValidationError as error:
        errors = error.errors()
    # A misspelt key is one mistake, not two: the key it stands for is not reported as missing besides.
    meant = {(*at[:-1], _meant(schema, at)) for at in (e["loc"] for e in errors if e["type"] == "extra_forbidden")}
    told = [details for details in errors if details["type"] != "missing" or details["loc"] not in meant]
    raise BankError(_explain(document, schema, loc, details) for details in told)


def nearest(name: str, names: Iterable[str], limit: int = 3) -> list[str]:
    """The names most like `name`, best first; none that is not like it at all."""
    return [found for found, _, _ in process.extract(name, list(names), limit=limit, score_cutoff=60)]


def _explain(document: Document, schema: type[BaseModel], base: Loc, details: ErrorDetails) -> Fault:
    loc = (*base, *details["loc"])
    match details["type"]:
        case "missing":
            return document.fault(loc[:-1], f"`{loc[-1]}` is missing: add it")
        case "extra_forbidden":
            known = _keys(schema, details["loc"][:-1])
            like = _meant(schema, details["loc"])
            advice = f"did you mean `{like}`?" if like else f"the keys here are {', '.join(known)}"
            return document.fault(loc, f"there is no key `{loc[-1]}`: {advice}")
        case _:
            return document.fault(loc, _sentence(details))


def _sentence(details: ErrorDetails) -> str:
    value: object = details["input"]
    found = _KINDS.get(type(value), "something else")  # pyright: ignore[reportUnknownArgumentType]
    quotes = "" if isinstance(value, list | dict | None) else ": put quotes around it"
    template = _SENTENCES.get(details["type"], "{message}: mend it")
    return template.format(
        found=found,
        quotes=quotes,
        value=f"{value!r:.40}",
        expected=details.get("ctx", {}).get("expected", ""),
        message=details["msg"].removeprefix("Value error, ").replace("Input", "this", 1),
    )


def _meant(schema: type[BaseModel], loc: Loc) -> str:
    """The known key most like the unknown one at `loc`, or ""."""
    return next(iter(nearest(str(loc[-1]), _keys(schema, loc[:-1]), 1)), "")


def _keys(schema: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys a mapping at `loc` may have."""
    annotation: Any = schema
    for step in loc:
        if isinstance(step, str):
            annotation = annotation.model_fields[step].annotation
        while get_origin(annotation) in (tuple, list, types.UnionType):
            annotation = get_args(annotation)[0]
    return list(annotation.model_fields)
