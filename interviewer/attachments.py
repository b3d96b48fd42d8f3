"""Owns what becomes of a file that came with an answer: the text that stands for it, or the reason why there is none.

Text is taken as it is; a picture is described and a voice clip transcribed by whoever has the senses for it. What comes out
is the candidate's, however it came to be: it is rated as their own words, under the same guards, and is never an instruction.
"""

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from interviewer.model import Attachment, Trouble, Usage
from interviewer.ports import NOTHING, ModelTrouble


class Kind(StrEnum):
    """What it takes to read a file."""

    TEXT = "text"
    PICTURE = "picture"
    VOICE = "voice"
    OTHER = "other"


LIMITS: Mapping[Kind, int] = {
    # Ten times as much as is read of an answer; what is longer is no answer but somebody's repository.
    Kind.TEXT: 200_000,
    # A screenshot of a large screen has 1-4 MB. As base64 it is a third longer, and providers refuse requests from 20 MB or so.
    Kind.PICTURE: 8_000_000,
    # OpenAI's own limit for a file to be transcribed: half an hour of speech as chats record it.
    Kind.VOICE: 25_000_000,
    Kind.OTHER: 0,
}
"""Bytes of each kind that are read."""
PATIENCE = 15.0
"""Seconds for fetching a file: with 40 s for a model and three more times as much for the turn's own calls, that ends before the
180 s that the thread's lock lasts, if a message's files are read at the same time."""
LONGEST_NAME = 80
"""Characters of a file's name that are shown."""


class Unfetchable(Exception):
    """A file could not be had from where its adapter finds it."""


@dataclass(frozen=True)
class Read:
    """What stands for a file in the transcript and goes to the rater."""

    text: str
    usage: Usage = NOTHING


class Why(StrEnum):
    """Why nothing stands for a file. PICTURE, VOICE: no model is configured that sees, or hears. KIND: nobody here reads such
    a file. UNREACHABLE: it could not be fetched. TROUBLE: the model was of no use. ENCODING: text, but in letters that can't be
    told. BUDGET: the interview has used up what it may spend on models."""

    PICTURE = "picture"
    VOICE = "voice"
    KIND = "kind"
    SIZE = "size"
    EMPTY = "empty"
    UNREACHABLE = "unreachable"
    TROUBLE = "trouble"
    ENCODING = "encoding"
    BUDGET = "budget"


@dataclass(frozen=True)
class Unread:
    """A file that nothing stands for. `name` is fit to be shown."""

    name: str
    why: Why
    usage: Usage = NOTHING


class Senses(Protocol):
    """Who looks at pictures and listens to voice clips. Both methods raise ModelTrouble, and nothing else."""

    @property
    def sees(self) -> bool:
        """Whether pictures can be described. May take a second the first time: ask outside the event loop."""
        ...

    @property
    def hears(self) -> bool:
        """Whether voice clips can be transcribed."""
        ...

    async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
        """What a picture shows. `mime` is image/png, image/jpeg, image/gif or image/webp."""
        ...

    async def hear(self, data: bytes, name: str) -> tuple[str, Usage]:
        """What is said, "" for silence. The ending of `name` tells the format."""
        ...


class Blind:
    """Implements Senses without a model: nothing is seen or heard."""

    @property
    def sees(self) -> bool:
        return False

    @property
    def hears(self) -> bool:
        return False

    async def see(self, data: bytes, mime: str) -> tuple[str, Usage]:
        raise ModelTrouble(Trouble.UNKNOWN, "no model looks at pictures: set VISION_MODEL")

    async def hear(self, data: bytes, name: str) -> tuple[str, Usage]:
        raise ModelTrouble(Trouble.UNKNOWN, "no model listens to voice clips: set TRANSCRIPTION_MODEL")


Fetch = Callable[[Attachment], Awaitable[bytes]]


# --- what a file is -------------------------------------------------------------------------------------------------

_PROSE = frozenset({"adoc", "asciidoc", "markdown", "md", "org", "rst", "text", "txt"})
_CODE_ENDINGS = """
    avsc bash bat c cc cfg clj conf cpp cql cs css csv cts cue cypher dart ddl diff dot drawio env erl ex excalidraw exs fish fs
    go gql gradle graphql graphqls groovy gv h hcl hpp hs htm html http ini ipynb java jl js json json5 jsonc jsonl jsonnet jsp
    jsx kt kts less lock log lua mermaid mjs ml mmd mts ndjson nix patch php pl plantuml pm properties proto ps1 pu puml py pyi
    r rb rego rs sass sbt scala scss sh sol sql structurizr svelte svg swift tex tf thrift toml ts tsv tsx vue wsd xhtml xml xsd
    yaml yml zig zsh"""
_CODE = frozenset(_CODE_ENDINGS.split())
_BARE = frozenset({"dockerfile", "makefile", "procfile", "jenkinsfile", "caddyfile", "gemfile", "readme", "license"})
"""Names without an ending that are text."""
_LANGUAGES = {"mmd": "mermaid", "puml": "plantuml", "pu": "plantuml", "wsd": "plantuml", "yml": "yaml"}
"""The names that fences have for endings, where they differ."""
_WRITTEN = re.compile(
    r"text/(?!rtf\b|richtext\b).+|.+/(?:.+\+)?(?:json|xml|yaml|x-yaml|toml|sql|graphql)"
    r"|application/(?:x-)?(?:javascript|typescript|ecmascript|sh|httpd-php|python-code|ndjson|plantuml|mermaid)"
)
"""Mime types of text."""
_PLAIN = ("text/plain", "text/markdown", "text/x-markdown")
_PICTURES = frozenset({"png", "jpg", "jpeg", "jpe", "jfif", "gif", "webp"})
_STRANGE_PICTURES = frozenset({"heic", "heif", "avif", "bmp", "tif", "tiff", "jxl", "ico"})
"""Pictures that models, as a rule, can't read."""
_STRANGE_MIMES = re.compile(r"image/(?!png|p?jpe?g|gif|webp).*")
_VOICES = frozenset({"aac", "flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "opus", "wav", "weba", "webm"})
_SOUNDS = re.compile(r"audio/.+|video/(?:mp4|webm|ogg|mpeg)")
_PAGES = frozenset({"htm", "html", "jsp", "php", "vue", "svelte", "xhtml"})
"""Endings of files that may well begin as a web page does."""


def kind(attachment: Attachment) -> Kind:
    """What it takes to read the file, by its name and mime type: chats guess the types, and .ts is no video here."""
    ending, mime = _ending(attachment.name), _mime(attachment)
    if ending in _CODE or _WRITTEN.fullmatch(mime):
        return Kind.TEXT
    if mime.startswith("image/"):
        return Kind.PICTURE
    if _SOUNDS.fullmatch(mime):
        return Kind.VOICE
    if ending in _PROSE or attachment.name.strip().lower() in _BARE:
        return Kind.TEXT
    # Only where the type says nothing does the name decide alone: a type like video/quicktime says enough.
    unsaid = mime in ("", "application/octet-stream", "binary/octet-stream")
    if unsaid and ending in _PICTURES | _STRANGE_PICTURES:
        return Kind.PICTURE
    return Kind.VOICE if unsaid and ending in _VOICES else Kind.OTHER


def _ending(name: str) -> str:
    return name.strip().lower().rpartition(".")[2] if "." in name else ""


def _mime(attachment: Attachment) -> str:
    return attachment.mime.partition(";")[0].strip().lower()


# --- reading --------------------------------------------------------------------------------------------------------


async def read(
    attachment: Attachment, fetch: Fetch, senses: Senses, frugal: bool = False, *, patience: float = PATIENCE
) -> Read | Unread:
    """What stands for the file. `fetch` raises Unfetchable and need not bring more than LIMITS of its kind, and a byte; it has
    `patience` seconds. `frugal`: no model may be asked. Raises nothing for anything that can be attached."""
    found, name = kind(attachment), _shown(attachment.name)
    # Whether a model sees may take an import of a second to find out.
    can = await asyncio.to_thread(_can, senses, found)
    if why := _hopeless(attachment, found, can, frugal):
        return Unread(name, why)
    try:
        async with asyncio.timeout(patience):
            data = await fetch(attachment)
    except (Unfetchable, TimeoutError):
        return Unread(name, Why.UNREACHABLE)
    if why := _useless(attachment, found, data):
        return Unread(name, why)
    if found is Kind.TEXT:
        return _written(attachment, name, data)
    if found is Kind.VOICE:
        return await _sensed(name, f"Voice clip {name}, transcribed", senses.hear(data, _clip(attachment)))
    seen = senses.see(data, _picture(data))
    return await _sensed(name, f"Picture {name}, as a language model describes it", seen)


def _can(senses: Senses, found: Kind) -> bool:
    return (found is not Kind.PICTURE or senses.sees) and (found is not Kind.VOICE or senses.hears)


def _hopeless(attachment: Attachment, found: Kind, can: bool, frugal: bool) -> Why | None:
    """Why the file need not be fetched. First what the candidate can't mend: nobody should shrink a picture in vain."""
    if found is Kind.OTHER:
        return Why.KIND
    if not can:
        return Why.PICTURE if found is Kind.PICTURE else Why.VOICE
    if frugal and found is not Kind.TEXT:
        return Why.BUDGET
    strange = _ending(attachment.name) in _STRANGE_PICTURES or _STRANGE_MIMES.fullmatch(_mime(attachment))
    if found is Kind.PICTURE and strange:
        return Why.KIND
    return Why.SIZE if attachment.size > LIMITS[found] else None


def _useless(attachment: Attachment, found: Kind, data: bytes) -> Why | None:
    if not data:
        return Why.EMPTY
    # A chat may answer with its login page, and 200, where the token may not read files.
    own = found is Kind.TEXT and (_ending(attachment.name) in _PAGES or "html" in attachment.mime)
    if not own and data[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return Why.UNREACHABLE
    if len(data) > LIMITS[found]:
        return Why.SIZE
    return Why.KIND if found is Kind.PICTURE and not _picture(data) else None


def _picture(data: bytes) -> str:
    """The mime type of a picture, by how it begins; "" for what is none, or none that models can read."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def _clip(attachment: Attachment) -> str:
    """A name that tells a clip's format and nothing else: what the candidate called it is nobody's business."""
    ending = _ending(attachment.name)
    if ending not in _VOICES:
        ending = re.sub(r"[^a-z0-9]", "", _mime(attachment).partition("/")[2].removeprefix("x-"))
    return f"clip.{ending}"


async def _sensed(name: str, heading: str, sensing: Awaitable[tuple[str, Usage]]) -> Read | Unread:
    try:
        text, usage = await sensing
    except ModelTrouble as trouble:
        return Unread(name, Why.TROUBLE, trouble.usage)
    text = _clean(text).strip()
    return Read(_headed(heading, text), usage) if text else Unread(name, Why.EMPTY, usage)


# --- text -----------------------------------------------------------------------------------------------------------


def _written(attachment: Attachment, name: str, data: bytes) -> Read | Unread:
    text = _decoded(data)
    if isinstance(text, Why):
        return Unread(name, text)
    text = _clean(text).strip("\n")
    if not text.strip():
        return Unread(name, Why.EMPTY)
    ending, mime = _ending(attachment.name), _mime(attachment)
    # A type such as application/json is code by whatever name; a text of unknown ending is somebody's notes.
    if ending in _PROSE or (ending not in _CODE and mime in ("", *_PLAIN)):
        return Read(_headed(f"File {name}", text))
    language = _LANGUAGES.get(ending, ending if ending in _CODE else "")
    # Longer than any run of backticks within, so that the file can't end its own fence.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return Read(_headed(f"File {name}", f"{fence}{language}\n{text}\n{fence}"))


def _decoded(data: bytes) -> str | Why:
    """The text, or why it can't be had."""
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
            return Why.ENCODING if "\0" in text else text  # UTF-32 begins alike
        if b"\0" in data:
            return Why.KIND
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _western(data)


def _western(data: bytes) -> str | Why:
    """The text in Windows' code page for western Europe, if it can be that: every other code page would decode, too."""
    # Accents are few among letters. In Cyrillic or Chinese code pages most bytes are high, in pictures and archives many are
    # controls.
    high = sum(byte >= 0x80 for byte in data)
    controls = sum(byte < 0x20 and byte not in b"\t\n\r\f" for byte in data)
    if controls or 10 * high > 3 * len(data):
        return Why.ENCODING
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return Why.ENCODING


def _headed(heading: str, text: str) -> str:
    # Without an empty line between them, the rater would take a long heading and the first line for one sentence.
    return f"[{heading}]\n\n{text}"


def _clean(text: str) -> str:
    """The text with plain line ends and without control characters, lone surrogates and changes of direction."""
    lines = re.sub("\r\n|[\r\v\f\x85\u2028\u2029]", "\n", text)
    turning = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    return "".join(
        ch for ch in lines if ch in "\n\t" or (ch not in turning and unicodedata.category(ch) not in ("Cc", "Cs"))
    )


def _shown(name: str) -> str:
    """The name as part of a line of ours, which it can neither break nor close."""
    plain = " ".join(re.sub(r"[\[\]`<>|]", " ", _clean(name)).split()) or "untitled"
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 13]}…{plain[-12:]}"
