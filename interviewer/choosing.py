"""Owns which question of the bank a day's question is about, and which point of it."""

from collections.abc import Sequence
from contextlib import suppress
from zlib import crc32

from interviewer.daily import Board, Item, Plan, Slot
from interviewer.discussion import sharp
from interviewer.questions import Bank, BankError, Taste, UnknownQuestion, pick


def choose(bank: Bank, team: str, plan: Plan, occasion: str, asked: Sequence[Item]) -> Item:
    """A question not asked before (`asked`, oldest first), or the one asked longest ago, and a point of it: the same for a team
    on an occasion. Raises UnknownQuestion for a bank in which nothing can be asked."""
    seed = f"{team} {occasion}"
    suited = [question for question in bank.questions if plan.level in question.levels]
    wanted = [question for question in suited if any(Taste(topic=topic).fits(question) for topic in plan.topics)]
    # A bank that has lost a topic is no reason for a day without a question.
    left = wanted or suited
    seen = [each.question for each in asked]
    while left:
        question = pick(bank, plan.level, seen, crc32(seed.encode()), left)
        with suppress(BankError):
            points = [each.point for each in asked if each.question == question.id]
            if point := sharp(bank.case(question.id).guide, plan.level, points, seed):
                return Item(question.id, point.id)
        left.remove(question)
    raise UnknownQuestion(f"No question in the bank is asked at {plan.level} level.")


def occasions(board: Board, plan: Plan, which: Slot, count: int) -> Sequence[str]:
    """What a slot's question may be chosen for, at best the first of `count`: a team's day for the first plan in a channel that
    wants the same, its second question of that day for the second. A question that was asked for at once is like no other."""
    if not any(each.id == plan.id == which.plan for each in board.plans):
        return [which.name]
    alike = sorted(
        (each.schedule.minute, each.id)
        for each in board.plans
        if each.about == plan.about and which.day.weekday() in each.schedule.days
    )
    first = [id for _, id in alike].index(plan.id) if any(id == plan.id for _, id in alike) else 0
    day = which.day.isoformat()
    return [f"{day}/{n + 1}" if n else day for n in range(first, first + count)]


def there(bank: Bank, item: Item) -> bool:
    """Whether a bank still has what an item is about."""
    try:
        bank.case(item.question).guide.point(item.point)
    except (UnknownQuestion, BankError, KeyError):
        return False
    return True
