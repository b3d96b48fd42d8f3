"""Owns what a button is for, on every platform, and which of them steer the interview."""

from collections.abc import Mapping

from interviewer.model import CommandName

HINT = "interview.hint"
TIME = "interview.time"
REPEAT = "interview.repeat"
NEXT = "interview.next"
PAUSE = "interview.pause"
RESUME = "interview.resume"
END = "interview.end"
REALLY = "interview.really"
"""Ends an interview for good: what `END` that was typed leads to, by way of a question."""
ANSWER = "interview.answer"
DISPUTE = "scorecard.dispute"
SHARE = "scorecard.share"
REPORT = "scorecard.report"
FEEDBACK = "scorecard.feedback"
START = "home.start"
SURPRISE = "home.surprise"
DAILY_PRACTISE = "daily.practise"
DAILY_BLIND = "daily.blind"
DAILY_REMIND = "daily.remind"
DAILY_FEEDBACK = "daily.feedback"
DAILY_LEAVE = "daily.leave"
DAILY_JOIN = "daily.join"
"""Below a daily question. The value is `CHANNEL|SLOT`, and "" for the last two."""

UP, DOWN = "up", "down"
"""What somebody thought of an interview."""

COMMAND_OF: Mapping[str, CommandName] = {
    HINT: CommandName.HINT,
    TIME: CommandName.TIME,
    REPEAT: CommandName.REPEAT,
    NEXT: CommandName.NEXT,
    PAUSE: CommandName.PAUSE,
    RESUME: CommandName.RESUME,
    END: CommandName.END,
    REALLY: CommandName.END,
    ANSWER: CommandName.ANSWER,
}
"""Buttons that steer the interview."""
