"""Owns a small check that a Mermaid flowchart or sequence diagram is one: its heading, each line, balanced blocks."""

import re

_TEXT = r'(?:"[^"]*"|[^\[\](){}"|]+)'
_PLAIN_SHAPES = (("[", "]"), ("(", ")"), ("{", "}"), (">", "]"))
_SHAPES = (("[[", "]]"), ("[(", ")]"), ("([", "])"), ("((", "))"), ("{{", "}}"), ("[/", "/]"), *_PLAIN_SHAPES)
_SHAPE = "|".join(re.escape(left) + _TEXT + re.escape(right) for left, right in _SHAPES)
_NODE = rf"\w+(?:-\w+)*(?:{_SHAPE})?(?::::\w+)?"
_NODES = rf"{_NODE}(?:\s*&\s*{_NODE})*"
_EDGE = (
    r"<?(?:(?:-{2,}[>xo]|-{3,}|={2,}>|={3,}|-\.+->?)"  # A --> B, with or without a label between bars
    rf"(?:\s*\|{_TEXT}\|)?"
    r"|-- *[^\s|>-][^|>]*? *-{2,}>?|-\. *[^|]+? *\.->?|== *[^|=]+? *={2,}>?)"  # A -- label --> B
)
_FLOW_HEAD = re.compile(r"(?:flowchart|graph)(?:\s+(?:TB|TD|BT|RL|LR))?")
_CHAIN = re.compile(rf"{_NODES}(?:\s*{_EDGE}\s*{_NODES})*")
_HAS_EDGE = re.compile(rf"{_NODES}\s*{_EDGE}\s*{_NODES}.*")
_FLOW_WORD = re.compile(r"(?:direction\s+(?:TB|TD|BT|RL|LR)|(?:classDef|class|style|linkStyle|click)\s+\S.*)")
_SEQUENCE = re.compile(
    r"[^:]+?(?:<<)?--?(?:>>|>|x|\))[+-]?\s*[^:]+:\s*\S.*"  # A->>B: text
    r"|(?:participant|actor|activate|deactivate|title|else|and|option|autonumber)\b.*|[Nn]ote\s.+:.+"
)
_FLOW_OPEN = re.compile(r"subgraph\s+\S.*")
_SEQUENCE_OPEN = re.compile(r"(?:loop|alt|opt|par|critical|break|rect|box)\b.*")


def diagram_faults(diagram: str) -> list[tuple[int, str]]:
    """What is wrong in a diagram, each with the index of its line."""
    lines = [(index, line.strip().removesuffix(";").strip()) for index, line in enumerate(diagram.splitlines())]
    lines = [(index, line) for index, line in lines if line and not line.startswith("%%")]
    if not lines:
        return [(0, "there is no diagram: draw the design as a Mermaid flowchart")]
    index, head = lines[0]
    if head == "sequenceDiagram":
        return _check(lines, _SEQUENCE, _SEQUENCE_OPEN, _SEQUENCE)
    if _FLOW_HEAD.fullmatch(head):
        statement = re.compile(f"{_CHAIN.pattern}|{_FLOW_WORD.pattern}")
        return _check(lines, statement, _FLOW_OPEN, _HAS_EDGE)
    return [(index, f"{head!r:.40} starts no diagram: begin with `flowchart LR` or `sequenceDiagram`")]


def _check(
    lines: list[tuple[int, str]], statement: re.Pattern[str], opening: re.Pattern[str], edge: re.Pattern[str]
) -> list[tuple[int, str]]:
    faults: list[tuple[int, str]] = []
    open_blocks: list[int] = []
    for index, line in lines[1:]:
        if line == "end":
            if not open_blocks:
                faults.append((index, "this `end` closes nothing: take it away"))
            else:
                open_blocks.pop()
        elif opening.fullmatch(line):
            open_blocks.append(index)
        elif not statement.fullmatch(line):
            faults.append((index, f"{line!r:.60} is no node, edge or block: write `a[Name] --> b[Name]`"))
    faults += [(index, "this block is not closed: add a line `end`") for index in open_blocks]
    if not faults and not any(edge.fullmatch(line) for _, line in lines[1:]):
        faults.append((lines[0][0], "nothing is connected: add an edge such as `a --> b`"))
    return faults
