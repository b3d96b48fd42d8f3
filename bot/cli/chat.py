"""`mockingbird chat`: an interview in this terminal, on a question of the bank or on one that a model drafts."""

import asyncio
import logging
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import (
    Asked,
    FormatOption,
    LevelOption,
    ModeOption,
    OfflineOption,
    PersonaOption,
    QuestionOption,
    Refused,
    bank,
    environment,
    make_interviewer,
    out,
    revive,
    server,
)
from bot.cli.questions import catalogue
from bot.commands import NotUnderstood, Wish, wish
from interviewer.model import Level, Settings
from interviewer.questions import UnknownQuestion, data_root

if TYPE_CHECKING:
    from interviewer.ports import Store
    from interviewer.raters.model import Call

app = typer.Typer()


@app.command()
def chat(
    question: QuestionOption = None,
    level: LevelOption = None,
    mode: ModeOption = None,
    format: FormatOption = None,
    persona: PersonaOption = None,
    new: Annotated[
        bool, typer.Option("--new", help="Start another interview; an unfinished one is kept for later.")
    ] = False,
    offline: OfflineOption = False,
    design: Annotated[
        str | None,
        typer.Option(
            help='A system of your choice, as in "a photo-sharing service": a language model drafts the question.'
        ),
    ] = None,
) -> None:
    """Hold an interview here: resumes an unfinished one, or asks what you would like to practise.

    Enter sends; Alt+Enter starts a new line. Type /help for what you can ask for. Ctrl-C pauses: everything is kept."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(
            "chat needs a terminal to talk in. To run an interview from a file, use `mockingbird play SCRIPT`."
        )
    if design is not None and (question or offline):
        raise Refused(
            "--design asks a question of your own choice, drafted by a model: leave --question and --offline out."
        )
    if design is not None and not environment().speaking:
        raise Refused(
            "--design needs a language model: set OPENAI_API_KEY (docs/models.md). Without one, `mockingbird questions list` has "
            f"{len(bank().questions)} questions, and `mockingbird questions new` begins one of your own."
        )
    if question:
        bank().question(question)
    if design is not None:
        try:
            question, new = asyncio.run(_draft(design)), True
        except KeyboardInterrupt:
            out.print("\n[dim]Left: there is no draft, and what was written of it so far is gone.[/]")
            return
    try:
        asyncio.run(_chat(Asked(question, level, mode, format, persona), new=new, offline=offline))
    except KeyboardInterrupt:
        out.print(
            "\n[dim]Left. Nothing is lost, and your absence costs no time: `mockingbird chat` brings you back.[/]"
        )


async def _draft(wish: str) -> str:
    """Have a question drafted; its id. What it took goes on the account of this person's day."""
    from bot.terminal import candidate
    from bot.wiring import drafter
    from interviewer.authoring import NotBegun
    from interviewer.drafting import NotDrafted, draft
    from interviewer.ports import ModelTrouble
    from interviewer.prompts import load_prompts
    from interviewer.runner import account
    from interviewer.store import RedisStore

    folder = environment().data / "drafts"
    mine = account("person", candidate(), time.time())
    calls: list[Call] = []
    async with server() as url, RedisStore.from_url(url) as store:
        if await store.spend(mine, 0) >= environment().tokens_per_person_a_day:
            raise Refused(
                "What you may spend on a language model is used up for today: TOKENS_PER_PERSON_A_DAY sets it."
            )
        with out.status("[dim]Drafting a question…[/]") as status:
            try:
                drafted = await draft(
                    drafter(environment(), calls.append),
                    load_prompts(data_root() / "prompts"),
                    wish,
                    folder,
                    lambda what: status.update(f"[dim]{escape(what)}[/]"),
                )
            except (NotDrafted, NotBegun) as problem:
                raise Refused(str(problem)) from None
            except ModelTrouble as trouble:
                raise Refused(
                    f"The question could not be drafted: {trouble}. `mockingbird doctor` says more."
                ) from None
            finally:
                await store.spend(mine, sum(call.usage.tokens for call in calls))
    bank.cache_clear()
    faults = f" It still has {len(drafted.faults)} faults; `mockingbird questions lint {folder}` lists them."
    out.print(
        f"[yellow]Drafted by a model, not reviewed: {drafted.question}.[/]{escape(faults) if drafted.faults else ''}",
        soft_wrap=True,
    )
    return drafted.question


async def _chat(asked: Asked, *, new: bool, offline: bool) -> None:
    from bot.terminal import Chat, Desk, OpenElsewhere, Screen, new_thread
    from interviewer.engine import Engine, Pace, abandon
    from interviewer.store import RedisStore

    desk = Desk(environment().data)
    desk.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Not on the screen: a worker that reconnects has much to say.
    logging.basicConfig(filename=desk.directory / "mockingbird.log", level=logging.WARNING)
    interviewer = make_interviewer(offline=offline)
    screen = Screen(out)
    if interviewer.models:
        out.print(f"[dim]{escape(interviewer.models)} `--offline` leaves it out.[/]", soft_wrap=True)
    async with server() as url, RedisStore.from_url(url, keep=environment().keep) as store:
        thread, interview = (new_thread(), None) if new else await _unfinished(desk, store)
        if interview and asked != Asked():
            out.print(
                f"[yellow]You have an unfinished interview on {interview.settings.question}: it goes on here. "
                "`--new` starts another one.[/]"
            )
        chosen = interview.settings if interview else await _choose(store, asked)
        ports = interviewer.ports(store, screen, time.time)
        try:
            with desk.seat(thread):
                # The seat was free, so whoever ran this thread's last turn is dead.
                await store.take_over(thread)
                # A docket of its own, since no other process can print here.
                docket = f"mockingbird:{thread}"
                async with Engine(
                    ports, url, Pace(quiet=0, redelivery=5), docket, lambda other: other == thread
                ) as engine:
                    # What is slow to load loads while the question is being read; a daemon, so that leaving waits for nothing.
                    warming = Thread(target=interviewer.prepare, args=[bank().case(chosen.question)], daemon=True)
                    sitting = Chat(
                        engine, store, screen, desk, thread, bank().case, revive, warming.is_alive, interviewer.overhear
                    )
                    if interview:
                        await sitting.resume(interview)
                    else:
                        await sitting.begin(chosen)
                    warming.start()
                    await sitting.converse()
                if thread not in desk.threads():
                    await abandon(url, docket)
        except OpenElsewhere:
            raise Refused(
                "This interview is open in another terminal. Go on there, or close it with Ctrl-C and try again; "
                "`mockingbird chat --new` starts another one here."
            ) from None


async def _unfinished(desk: Any, store: "Store") -> tuple[str, Any]:
    """The latest interview that was begun here and not closed, or a new thread."""
    from bot.terminal import new_thread

    for thread in reversed(desk.threads()):
        interview = await store.interview(thread)
        if interview and not _known(interview.settings.question):
            out.print(
                f"[yellow]An unfinished interview on {escape(interview.settings.question)} has to wait: that question is in "
                "none of the folders here. If it is one of your own, set MOCKINGBIRD_QUESTIONS to its folder.[/]"
            )
        elif interview:
            return thread, interview
    return new_thread(), None


def _known(question: str) -> bool:
    return any(question == known.id for known in bank().questions)


async def _choose(store: "Store", asked: Asked) -> Settings:
    """What is asked: as given on the command line, or as wished for on the screen."""
    from bot.people import choose
    from bot.terminal import candidate

    chosen, question = Wish(), asked.question
    if question is None:
        out.print("\n[bold]What would you like to practise?[/]\n")
        out.print(catalogue(bank().questions))
        out.print(
            "\n[dim]Enter for a surprise, or a number, company or topic, with a level (mid senior staff), strict, quick or "
            "full.[/]"
        )
        while True:
            try:
                chosen = wish(out.input("[cyan]> [/]"), bank().questions)
                level = asked.level or chosen.level or Level.SENIOR
                found = await choose(store, bank(), candidate(), level, chosen.questions, time.time_ns())
                question = found.id
                break
            except (NotUnderstood, UnknownQuestion) as problem:
                out.print(str(problem), style="yellow", markup=False)
            except (EOFError, KeyboardInterrupt):
                raise typer.Exit(0) from None
    return asked.settings(question, chosen)
