"""Owns posting what is due in channels, once each: whatever dies, whoever else is at it, and however often the platform says no.

Every worker ticks. What a tick finds due becomes an errand, which docket gives to one worker, and to another if that one dies.
Whoever does it *takes* the deed in the store first: from then on it is unclear whether its message stands. It posts, and
*settles* the deed with the message's id. Who takes a deed that is unclear asks the platform before posting. Should two post all
the same (one stood still between taking and posting), the first to settle has posted, and the other takes its message back.

Nothing depends on a task's memory: what is due follows from the store and the clock alone. The clock is the store's own, one for
all workers: one whose machine shows another time for a moment neither posts too early nor skips a day.
"""

import asyncio
import logging
import traceback
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from interviewer.calendar import WINDOW, Holidays, no_holidays
from interviewer.choosing import there
from interviewer.daily import (
    GIVEN_UP,
    GRACE,
    NEWS,
    Agenda,
    Asked,
    Board,
    DailyQuestion,
    Deed,
    Kind,
    Outcome,
    Public,
    Reminded,
    Revealed,
    Slot,
    Unsealed,
    Warned,
    agenda,
    moment,
    retry,
    slot,
)
from interviewer.daily_store import DailyStore
from interviewer.discussion import compared, discuss, outcome
from interviewer.hearing import look_again
from interviewer.ports import Away, Closed, Noticeboard, Now, Rater, StoreUnavailable
from interviewer.questions import Bank
from interviewer.scribe import Scribe, authors

logger = logging.getLogger(__name__)

ERRAND = "daily"
"""The name under which `Herald.do` is to be known to the engine."""
TOLD = "told"
"""Stands for the id of what was said to one person."""
PACE = 1.0
"""Seconds between ticks."""
CANCELS = 0.2
"""Seconds after which a cancellation that was swallowed is repeated."""
AT_ONCE = 20
"""Channels that are looked at at a time."""

Ask = Callable[[str, str, str], Awaitable[bool]]
"""Has an errand done: its key, its name and what goes with it (`Engine.ask`)."""


@dataclass(frozen=True)
class _Errand:
    channel: str
    deed: Deed


ERRANDS: TypeAdapter[_Errand] = TypeAdapter(_Errand)


@dataclass(frozen=True)
class Herald:
    """Posts a platform's daily questions, what becomes of them, and digests. `holidays` knows those of a country's code."""

    store: DailyStore
    bank: Bank
    rater: Rater
    noticeboard: Noticeboard
    holidays: Callable[[str], Holidays]
    now: Now
    platform: str
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    @property
    def _scribe(self) -> Scribe:
        return Scribe(self.store, self.bank, self.rater, self._free, self._reading)

    # --- what is due ---

    async def run(self, ask: Ask, pace: float = PACE) -> None:
        """Tick until cancelled. A tick that fails is made up for by the next."""
        failed, this = "", asyncio.current_task()
        # redis-py swallows one cancellation in four.
        while not (this and this.cancelling()):
            problem = ""
            try:
                await self.tick(ask)
            except StoreUnavailable as trouble:
                problem = str(trouble)
            except Exception as trouble:
                where = "".join(traceback.format_tb(trouble.__traceback__)[-3:])
                problem = f"{type(trouble).__name__}\n{where}"  # its text may hold a message
            if problem and problem != failed:
                logger.error("Daily questions: %s", problem)
            failed = problem
            await asyncio.sleep(pace)

    @asynccontextmanager
    async def at_work(self, ask: Ask) -> AsyncGenerator[None]:
        """The same beside whatever is done here."""
        ticking = asyncio.create_task(self.run(ask), name="herald")
        try:
            yield
        finally:
            # redis-py may swallow a cancellation while it connects, which a process that fails at once meets.
            while not ticking.done():
                ticking.cancel()
                await asyncio.wait({ticking}, timeout=CANCELS)

    async def tick(self, ask: Ask) -> None:
        """Have done what is due now, and note what is too late."""
        places = asyncio.Semaphore(AT_ONCE)

        async def look(channel: str, seen: float) -> None:
            async with places:
                await self._look(channel, seen, ask)

        waiting = await self.store.waiting(self.platform, await self.now())
        # A channel that can't be looked at is no reason to leave the others, or to begin with them anew before they are done.
        looked = await asyncio.gather(*(look(*each) for each in waiting), return_exceptions=True)
        for problem in looked:
            if problem:
                raise problem

    async def _look(self, channel: str, seen: float, ask: Ask) -> None:
        board = await self.store.board(channel)
        if board is None:
            await self.store.rest(channel, seen, None)
            return
        found, tries = await self._agenda(board)
        for deed in found.missed:
            await self._miss(board, deed)
        # One that another process was about to ask for when it died is waited for, and holds up no other.
        await asyncio.gather(
            *(
                ask(
                    f"{channel}|{deed.name}|{tries[deed.name]}",
                    ERRAND,
                    ERRANDS.dump_json(_Errand(channel, deed)).decode(),
                )
                for deed in found.due
            )
        )
        if not found.due and not found.missed:
            await self.store.rest(channel, seen, found.next)

    async def _agenda(self, board: Board) -> tuple[Agenda, Mapping[str, int]]:
        """What there is to do in a channel, and how often each was tried."""
        channel = board.channel
        past, doings = await self.store.past(channel), await self.store.doings(channel)
        reminders = await self.store.reminders(channel)
        tries = defaultdict(int, {name: doing.tries for name, doing in doings.items()})
        return agenda(board, past, doings, reminders, await self.now(), self._free), tries

    def _free(self, code: str) -> Holidays:
        """The holidays of a code, none of one that this machine does not know any more."""
        try:
            return self.holidays(code)
        except (KeyError, NotImplementedError) as problem:
            logger.warning("Holidays of %s are not known here: %s", code, type(problem).__name__)
            return no_holidays

    async def _miss(self, board: Board, deed: Deed) -> None:
        """Leave what is too late to be done; a question that was not asked is told of."""
        channel = board.channel
        if deed.kind is Kind.REVEAL:
            question = await self.store.question(channel, slot(deed.what))
            if question and question.outcome is None:
                await self._scribe.keep(channel, replace(question, outcome=Outcome()))
        if deed.kind is Kind.REMIND:
            person, _, name = deed.what.partition("/")
            await self.store.unremind(channel, person, slot(name))
        if deed.kind is Kind.ASK:
            stands = ""
            with suppress(Away, Closed):
                stands = await self._found(channel, deed)
            told = "" if board.stuck or await self._closed(channel, deed, stands) else _skipped(deed)
            await self._change(channel, lambda now: _without(now, slot(deed.what), told))
        else:
            await self.store.settle(channel, deed.name, GIVEN_UP)

    async def _found(self, channel: str, deed: Deed) -> str:
        """The message of a question that was posted by somebody who died before noting it; "" if there is none."""
        question = await self.store.question(channel, slot(deed.what))
        doing = (await self.store.doings(channel)).get(deed.name)
        if question and doing and doing.unclear and there(self.bank, question.item):
            notice = Asked(question, self.bank.case(question.item.question), question.zone)
            return await self.noticeboard.find(channel, deed.name, notice)
        return ""

    async def _closed(self, channel: str, deed: Deed, stands: str) -> bool:
        """Ask a question no more: it stands as that message, or ("") not at all. Whether it stands."""
        message = await self.store.settle(channel, deed.name, stands or GIVEN_UP)
        question = await self.store.question(channel, slot(deed.what))
        if question and message != GIVEN_UP:
            await self._scribe.keep(channel, replace(question, message=message))
        return message != GIVEN_UP

    # --- doing it ---

    async def do(self, what: str, last: bool) -> None:
        """Do a deed, unless it has been done. One that the platform does not take now comes back by itself."""
        asked = ERRANDS.validate_json(what)
        channel, deed = asked.channel, asked.deed
        board = await self.store.board(channel)
        if board is None or await self.now() - deed.at > GRACE[deed.kind]:
            return
        try:
            await self._do(board, deed)
        except Away as problem:
            logger.warning("%s in %s comes later: %s", deed.kind, channel, problem)
            await self._later(channel, deed)
        except Closed as problem:
            logger.warning("%s in %s is not done: %s", deed.kind, channel, problem)
            await self._stuck(board, deed, str(problem))
        finally:
            await self.store.look_again(channel)

    async def _do(self, board: Board, deed: Deed) -> None:
        match deed.kind:
            case Kind.ASK:
                await self._ask(board, deed)
            case Kind.REVEAL:
                await self._reveal(board, deed)
            case Kind.DIGEST:
                await self._digest(board, deed)
            case Kind.REMIND:
                await self._remind(board, deed)
            case Kind.BACK:
                await self._take_back(board.channel, deed)

    async def _ask(self, board: Board, deed: Deed) -> None:
        which = slot(deed.what)
        plan = board.plan(which.plan)
        if plan is None or board.paused or which in board.skipped:
            # It was called off, maybe as it was being posted: then it stands.
            await self._closed(board.channel, deed, await self._found(board.channel, deed))
            return
        if board.stuck and not await self._usable_again(board, deed):
            return
        question = await self._scribe.question(board, plan, deed)
        notice = Asked(question, self.bank.case(question.item.question), plan.schedule.zone)
        message = await self._once(board.channel, deed.name, notice)
        if message == GIVEN_UP:
            return  # it took so long that others have told of it
        # Until it is kept the deed is due, whatever its message.
        await self._scribe.keep(board.channel, replace(question, message=message))
        await self._change(board.channel, lambda now: _without(now, which))

    async def _reveal(self, board: Board, deed: Deed) -> None:
        channel = board.channel
        question = await self.store.question(channel, slot(deed.what))
        if question is None or question.outcome is not None:
            return
        await self._look_again(channel, question)
        answers = await self.store.answers(channel, question.slot)
        for each in answers:
            if each.sealed:
                notice = Unsealed(question, each, named=not (await self.store.standing(each.person)).hidden)
                # The platform is told the key, which names nobody.
                await self._once(channel, f"unseal:{deed.what}/{each.message or each.person}", notice, question.message)
        if not there(self.bank, question.item):
            logger.warning("%s is no longer in the bank, and not revealed", question.item.question)
            await self._scribe.keep(channel, replace(question, outcome=Outcome(authors(answers))))
            return
        case = self.bank.case(question.item.question)
        points = tuple(point.id for point in compared(case.guide, question.item.point, question.level))
        judged = await self._scribe.judged(channel, question, case)
        discussion = discuss(judged, points)
        await self._once(channel, deed.name, Revealed(question, case, discussion), question.message)
        covered = {each.person: each.covered(points) for each in judged}
        people = authors(await self.store.answers(channel, question.slot))
        firsts = await self.store.firsts(channel, question.slot)
        became = outcome(discussion, people, {each: firsts[each] for each in people if each in firsts}, covered)
        await self._scribe.keep(channel, replace(question, outcome=became))

    async def _look_again(self, channel: str, question: DailyQuestion) -> None:
        """See what stands below a question: while nobody listened, messages may have been deleted, which are not to be quoted."""
        try:
            await look_again(self.store, self.noticeboard, channel, question)
        except (Away, Closed) as problem:
            logger.warning("What stands below a question in %s can't be read: %s", channel, problem)

    async def _digest(self, board: Board, deed: Deed) -> None:
        digested = await self._scribe.digest(board, deed.what)
        if digested is None:
            await self.store.settle(board.channel, deed.name, GIVEN_UP)
            return
        await self._once(board.channel, deed.name, digested)

    async def _remind(self, board: Board, deed: Deed) -> None:
        person, _, name = deed.what.partition("/")
        question = await self.store.question(board.channel, slot(name))
        wanted = {each.name for each in await self.store.reminders(board.channel)}
        now = await self.now()
        open = question and question.outcome is None and now < question.reveals
        if question and open and deed.name in wanted and there(self.bank, question.item):
            with suppress(Closed):
                case = self.bank.case(question.item.question)
                await self.noticeboard.tell(person, deed.name, Reminded(question, case, board.channel, question.zone))
        await self.store.settle(board.channel, deed.name, TOLD)
        await self.store.unremind(board.channel, person, slot(name))

    # --- once ---

    async def _once(self, channel: str, name: str, notice: Public, under: str = "") -> str:
        """The id of a notice's message: posted now, unless it has been."""
        doing = await self.store.take(channel, name)
        if doing.id:
            return doing.id
        # Until the platform has been asked, what was unclear stays so.
        unclear = doing.unclear
        try:
            found = await self.noticeboard.find(channel, name, notice, under) if doing.unclear else ""
            unclear = False
            mine = found or await self.noticeboard.post(channel, name, notice, under)
        except (Away, Closed) as problem:
            unclear = unclear or (isinstance(problem, Away) and problem.unclear)
            await self.store.postpone(channel, name, retry(doing.tries + 1, await self.now()), unclear=unclear)
            raise
        kept = await self.store.settle(channel, name, mine)
        await self._change(channel, lambda now: replace(now, stuck=""))
        if kept != mine:
            logger.warning("%s was posted twice to %s: mine is taken back", name, channel)
            await self._take_back(channel, Deed(Kind.BACK, f"{mine}/{under}", await self.now()))
        return kept

    async def _take_back(self, channel: str, deed: Deed) -> None:
        message, _, under = deed.what.partition("/")
        doing = await self.store.take(channel, deed.name)
        try:
            await self.noticeboard.take_back(channel, message, under)
        except Away as problem:
            logger.warning("A second message to %s is taken back later: %s", channel, problem)
            again = retry(doing.tries + 1, await self.now())
            await self.store.postpone(channel, deed.name, again, unclear=False)
        except Closed as problem:
            logger.warning("A second message to %s stays: %s", channel, problem)
            await self.store.settle(channel, deed.name, GIVEN_UP)
        else:
            await self.store.settle(channel, deed.name, GIVEN_UP)

    async def _later(self, channel: str, deed: Deed) -> None:
        """Have a deed come back that broke off where nothing of its own had been tried."""
        doing = (await self.store.doings(channel)).get(deed.name)
        now = await self.now()
        if doing is None or doing.again <= now:
            tries = doing.tries if doing else 0
            unclear = bool(doing and doing.unclear)
            await self.store.postpone(channel, deed.name, retry(tries + 1, now), unclear=unclear)

    # --- channels that can't be posted to ---

    async def _usable_again(self, board: Board, deed: Deed) -> bool:
        """Whether a channel takes posts again that took none; if not, this one is left."""
        try:
            await self.noticeboard.usable(board.channel)
        except Closed:
            doing = (await self.store.doings(board.channel)).get(deed.name)
            # What made it stuck is tried again for a while: somebody who is told may put it right.
            if doing is None or not doing.tries:
                await self.store.settle(board.channel, deed.name, GIVEN_UP)
                await self._change(board.channel, lambda now: _without(now, slot(deed.what)))
            else:
                await self._later(board.channel, deed)
            return False
        return True

    async def _stuck(self, board: Board, deed: Deed, why: str) -> None:
        """The channel takes nothing: tell its administrator once, and come back for a while."""
        await self._later(board.channel, deed)
        if board.stuck:
            return
        with suppress(Closed):
            try:
                await self.noticeboard.tell(board.admin, f"stuck:{deed.name}", Warned(board.channel, why))
            except Away:
                return  # the next try tells them
        await self._change(board.channel, lambda now: replace(now, stuck=why))

    # --- small things ---

    async def _change(self, channel: str, change: Callable[[Board], Board]) -> Board | None:
        """Change a channel's board, and return it as it was; None where there is none any more."""
        while board := await self.store.board(channel):
            after = change(board)
            if after == board or await self.store.keep_board(board, after):
                return board
        return None


def _without(board: Board, which: Slot, told: str = "") -> Board:
    """A board without the extra question of a slot, with news if there are any."""
    extras = tuple(each for each in board.extras if each.slot != which)
    news = (*board.news, told)[-NEWS:] if told and told not in board.news else board.news
    return replace(board, extras=extras, news=news)


def _skipped(deed: Deed) -> str:
    """What is told of a question that was not asked: nobody was there to post it, or the platform took nothing."""
    when, hours = moment(deed.at), WINDOW.total_seconds() / 3600
    return (
        f"{when:%a} {when.day} {when:%b}, {when:%H:%M} UTC: skipped, since I could not post it within {hours:.0f} hours"
    )
