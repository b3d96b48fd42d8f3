"""Mermaid diagrams: what draws is let through, what does not is refused on its line."""

import pytest

from interviewer.mermaid import diagram_faults


@pytest.mark.parametrize(
    "diagram",
    [
        "flowchart LR\n  a[One] --> b[(Two)]\n  b -->|three, four| c((Five)) --> d",
        "graph TD;\n  %% a note\n  a-->b;\n  a & b ---> c:::warm\n  classDef warm fill:#f96;",
        'flowchart TB\n  subgraph core [The core]\n    direction LR\n    a{"Is it (so)?"} -- yes --> b\n  end\n'
        "  b -.-> c",
        "flowchart LR\n  a-one -. maybe .-> b\n  a-one == surely ==> b\n  b <--> c --o d\n  c --- d",
        "sequenceDiagram\n  participant A as App\n  A->>B: pay\n  loop every day\n"
        "    B-->>A: done\n  end\n  Note over A,B: end",
    ],
)
def test_mermaid_that_draws_is_let_through(diagram: str) -> None:
    assert diagram_faults(diagram) == []


@pytest.mark.parametrize(
    ("diagram", "line", "message"),
    [
        ("", 0, "there is no diagram"),
        ("pie\n a", 0, "starts no diagram"),
        ("flowchart LR\n  a[One]\n  b", 0, "nothing is connected"),
        ("flowchart LR\n  a --> b\n  c[One --> d", 2, "is no node, edge or block"),
        ("flowchart LR\n  a --> b[Two (2)]", 1, "is no node, edge or block"),
        ("flowchart LR\n  a -> b", 1, "is no node, edge or block"),
        ("flowchart LR\n  a --> b\n  subgraph x\n  a --> c", 2, "this block is not closed"),
        ("flowchart LR\n  a --> b\n  end", 2, "this `end` closes nothing"),
        ("sequenceDiagram\n  A pays B", 1, "is no node, edge or block"),
    ],
)
def test_mermaid_that_does_not_draw_is_refused(diagram: str, line: int, message: str) -> None:
    ((index, said),) = diagram_faults(diagram)
    assert index == line
    assert message in said
