"""Active time: what a candidate's thinking costs, phase by phase.

The clock runs from the interviewer's last word to the candidate's next, at most `LONGEST_THOUGHT` a message, and stands still
while an interview is paused or over. Nothing is lost when somebody comes back tomorrow.
"""

from dataclasses import replace

from interviewer.model import Format, Interview, Phase

LONGEST_THOUGHT = 300.0
"""Seconds a single message can cost, so that a doorbell is not held against anybody."""

MINUTES = {Format.QUICK: 15, Format.STANDARD: 30, Format.FULL: 45}

SHARES = {
    Phase.BRIEFING: 2,
    Phase.REQUIREMENTS: 6,
    Phase.ESTIMATES: 3,
    Phase.API: 6,
    Phase.DESIGN: 11,
    Phase.DEEP_DIVE: 10,
    Phase.TWIST: 3,
    Phase.WRAP_UP: 4,
}
"""Minutes of 45 that each phase gets (design.md, section 3); other formats scale them."""


def budget(format: Format, phase: Phase) -> float:
    """Active seconds the phase has in this format; 0 for a phase that is not timed."""
    return SHARES.get(phase, 0) * 60.0 * MINUTES[format] / sum(SHARES.values())


def left(interview: Interview) -> float:
    """Active seconds left of the whole interview, never below zero."""
    return max(0.0, MINUTES[interview.settings.format] * 60.0 - sum(interview.spent.values()))


def left_in_phase(interview: Interview) -> float:
    """Active seconds left of the current phase, never below zero.

    A phase inherits what earlier ones left over or overdrew, so it is measured by when it should end."""
    due = sum(budget(interview.settings.format, phase) for phase in _until(interview.phase))
    return max(0.0, due - sum(interview.spent.values()))


def tick(interview: Interview, at: float) -> Interview:
    """Charge the time since the clock was last read to the current phase. A clock that went backwards charges nothing."""
    if interview.since is None:
        return interview
    elapsed = min(max(0.0, at - interview.since), LONGEST_THOUGHT)
    spent = {**interview.spent, interview.phase: interview.spent.get(interview.phase, 0.0) + elapsed}
    return replace(interview, spent=spent, since=max(at, interview.since))


def _until(phase: Phase) -> tuple[Phase, ...]:
    order = tuple(Phase)
    return order[: order.index(phase) + 1]
