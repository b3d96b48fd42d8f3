"""A scorecard and a whole interview as Markdown (GitHub's), with everything anybody said rendered literally."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from types import MappingProxyType

from bot.debrief import CAUTION, SPLIT, TITLES, Credited, Debrief, Uncredited, debrief, gauge, one_line
from bot.text import clean
from interviewer.model import Case, Guide, MoveKind, Scorecard, Speaker, Turn

Links = Mapping[str, str]
"""The address of a message, by its id."""

NO_LINKS: Links = MappingProxyType({})
DEEPEST = 40
"""Characters a line of the transcript is indented at most."""
DELETED = "deleted"
"""The kind of a line whose words the candidate took back."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&$])")
_BLOCK_START = re.compile(r"^(?:(\d+)(?=[.)](?: |$))|(?=[-+=:]))")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_WORD_JOINER = "\u2060"


def scorecard(card: Scorecard, links: Links = NO_LINKS) -> str:
    """The scorecard. A quote links to its message when `links` has its address."""
    return _document(_scorecard(debrief(card), links))


def report(card: Scorecard, transcript: Sequence[Turn], case: Case, links: Links, zone: tzinfo) -> str:
    """Scorecard, model answer and transcript with times in `zone`. It names no candidate."""
    return _document(
        (*_scorecard(debrief(card), links), *_model_answer(case.guide), *_transcript(transcript, links, zone))
    )


def literal(text: str) -> str:
    """One line that renders as the characters it holds: nothing in it is a heading, a link, HTML or a mention."""
    line = _SPECIAL.sub(r"\\\1", one_line(text))
    line = _BLOCK_START.sub(lambda found: f"{found[1] or ''}\\", line)
    # What GitHub takes for an address is found after escapes are gone, except in "://" and "www.".
    line = re.sub(r":(?=//)", r"\:", line)
    line = re.sub(r"(?i)(?<=www)\.", r"\.", line)
    return line.replace("@", f"@{_WORD_JOINER}")


def _document(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


# --- the scorecard --------------------------------------------------------------------------------------------------


def _scorecard(said: Debrief, links: Links) -> Iterator[str]:
    yield f"# {TITLES['scorecard']}: {literal(said.title)}"
    yield f"Level: {said.level} · {said.mode} mode"
    first, *rest = said.headline
    yield " ".join((f"**{first}**", *rest))
    if said.first_gap:
        yield _heading("first_gap")
        yield literal(said.first_gap)
    if said.next_steps:
        yield _heading("next")
        yield _lines(f"{number}. {literal(step)}" for number, step in enumerate(said.next_steps, 1))
    if said.dimensions:
        yield _heading("dimensions")
        yield _table(said)
        yield said.legend.capitalize() + "."
    if said.credited:
        yield _heading("credited")
    for point in said.credited:
        yield from _credited(point, links)
    if said.numbers:
        yield _heading("numbers")
        yield _lines(f"- {number.mark} {literal(number.sentence)}" for number in said.numbers)
    if said.uncredited:
        yield _heading("open")
        yield _lines(map(_uncredited, said.uncredited))
    if said.assumptions:
        yield _heading("assumptions")
        yield _lines(f"- {literal(assumption)}" for assumption in said.assumptions)
    yield "---"
    yield literal(" ".join(said.foot))
    yield f"*{CAUTION}*"


def _heading(part: str) -> str:
    return f"## {TITLES[part]}"


def _table(said: Debrief) -> str:
    rows = (f"| {row.name} | {gauge(row)} | {row.words} |" for row in said.dimensions)
    return _lines(("| Dimension | Estimated coverage | Score |", "| :-- | :-- | --: |", *rows))


def _credited(point: Credited, links: Links) -> Iterator[str]:
    link = [_link("your message", links[point.message])] if point.message in links else []
    split = [SPLIT] if point.split else []
    about = " · ".join((point.dimension, point.how, f"during {point.phase}", *split, *link))
    yield f"**{literal(point.point)}**: {literal(point.statement)}  \n{about}"
    yield f"> “{literal(point.quote)}”"


def _uncredited(point: Uncredited) -> str:
    split = f" · {SPLIT}" if point.split else ""
    words = f" (“{literal(point.words)}”)" if point.words else ""
    return f"- **{literal(point.point)}** · {point.dimension}: {point.why}{split}{words}"


# --- the rest of the report -----------------------------------------------------------------------------------------


def _model_answer(guide: Guide) -> Iterator[str]:
    """The paragraphs of a guide are wrapped anywhere, so each becomes one line."""
    if not guide.model_answer and not guide.diagram and not guide.pitfalls:
        return
    yield "## One good way through it"
    yield from (literal(paragraph) for paragraph in re.split(r"\n\s*\n", guide.model_answer) if paragraph.strip())
    if guide.diagram:
        yield _fenced(guide.diagram.strip("\n").split("\n"), "mermaid")
    if guide.pitfalls:
        yield "### Where people go wrong"
        yield _lines(f"- {literal(pitfall)}" for pitfall in guide.pitfalls)


def _transcript(transcript: Sequence[Turn], links: Links, zone: tzinfo) -> Iterator[str]:
    if not transcript:
        return
    yield "## Transcript"
    yield f"Times are local ({literal(str(zone))})."
    for phase, turns in groupby(transcript, key=lambda turn: turn.phase):
        yield f"### {phase.capitalize()}"
        for turn in turns:
            yield _speaker(turn, links, zone)
            yield _words(turn)


def _speaker(turn: Turn, links: Links, zone: tzinfo) -> str:
    at = datetime.fromtimestamp(turn.at, zone)
    when = f"{at.day} {at:%B %Y, %H:%M}"
    who = "Interviewer" if turn.speaker is Speaker.INTERVIEWER else "You"
    return f"**{who}** · {_link(when, links[turn.message]) if turn.message in links else when}"


def _words(turn: Turn) -> str:
    if turn.kind == DELETED:
        return "*(deleted by the candidate)*"
    if turn.kind == MoveKind.MODEL_ANSWER:
        return "*(the model answer, as above)*"
    return _spoken(turn.text) or "*(nothing)*"


def _spoken(text: str) -> str:
    """Somebody's text, line by line as it was written; what was fenced stays fenced."""
    blocks: list[str] = []
    lines = clean(text).expandtabs(4).split("\n")
    while lines:
        if (opened := _FENCE.fullmatch(lines[0])) is None:
            count = next((i for i, line in enumerate(lines) if _FENCE.fullmatch(line)), len(lines))
            blocks.append(_paragraphs(lines[:count]))
            lines = lines[count:]
            continue
        fence = opened["fence"]
        closing = re.compile(rf" {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*\s*")
        end = next((i for i, line in enumerate(lines[1:], 1) if closing.fullmatch(line)), len(lines))
        blocks.append(_fenced(lines[1:end], _language(opened["info"])))
        lines = lines[end + 1 :]
    return "\n\n".join(filter(None, blocks))


def _paragraphs(lines: Iterable[str]) -> str:
    """Lines end where they were ended (two spaces and a line end), and begin as far in as they did."""
    groups = (list(group) for empty, group in groupby(lines, key=lambda line: not line.strip()) if not empty)
    return "\n\n".join("  \n".join(map(_indented, group)) for group in groups)


def _indented(line: str) -> str:
    depth = min(len(line) - len(line.lstrip(" ")), DEEPEST)
    return "&nbsp;" * depth + literal(line)


def _fenced(lines: Sequence[str], language: str) -> str:
    """A code block whose fence is longer than any in it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return _lines((f"{fence}{language}", *lines, fence))


def _language(info: str) -> str:
    found = re.match(r"[\w+#-]{1,20}", info.strip(), re.ASCII)
    return found[0] if found else ""


def _link(text: str, address: str) -> str:
    """A link to an address of ours; what would end it early is percent-encoded."""
    safe = re.sub(r"[<>\\\s]", lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), address)
    return f"[{text}](<{safe}>)"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
