"""Daily questions under kill -9: every one is posted, once, and so is its reveal.

All ten days of forty channels: `python -m tests.daily_simulation`.
"""

from pathlib import Path

from tests.daily_simulation import Scale, simulate


async def test_days_of_killed_schedulers_and_outages_double_no_question_and_miss_none(tmp_path: Path) -> None:
    days = await simulate(Scale(channels=8, days=2, outage=1, crash=2), tmp_path)
    assert [day.due for day in days.values()] == [16, 16]
    assert [(day.posted, day.doubled, day.missing, day.late) for day in days.values()] == [(16, 0, 0, 0)] * 2
    assert all(day.kills for day in days.values()), "nobody was killed: it shows nothing"
    assert days[1].trouble["Slack out"]
    assert days[2].trouble["store killed"]
