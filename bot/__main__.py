"""`mockingbird …`: the command line, and the only place where parts are wired together."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.commands import NotUnderstood, Persona, Wish, wish
from bot.settings import Settings as Environment
from interviewer.model import Case, Format, Level, Mode, Question, Scorecard, Settings
from interviewer.questions import (
    Bank,
    BankError,
    Taste,
    UnknownQuestion,
    data_root,
    load_bank,
    load_guide,
    matching,
    pick,
)

if TYPE_CHECKING:
    from bot.wiring import Interviewer
    from interviewer.ports import Rater, Store
    from interviewer.raters.model import Call

# What only one command needs is imported where that command begins: `--help` must not pay for it.

EXAMPLES = """
Start with [bold]mockingbird chat[/]. It needs no key, no server and no account.
"""

app = typer.Typer(
    name="mockingbird",
    help="A mock interviewer for system design that shows its evidence." + EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
questions = typer.Typer(help="The question bank: list it, look at a question, check it.", no_args_is_help=True)
app.add_typer(questions, name="questions")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

LevelOption = Annotated[Level | None, typer.Option(help="The level to be judged at. \\[default: senior]")]
ModeOption = Annotated[
    Mode | None,
    typer.Option(help="practice offers hints and feedback; interview does neither unasked. \\[default: practice]"),
]
FormatOption = Annotated[Format | None, typer.Option(help="15, 30 or 45 active minutes. \\[default: standard]")]
QuestionOption = Annotated[
    str | None, typer.Option("--question", "-q", help="A question's ID; see `mockingbird questions list`.")
]
PersonaOption = Annotated[Persona | None, typer.Option(help="How a model-backed interviewer speaks. \\[default: calm]")]
OfflineOption = Annotated[
    bool,
    typer.Option("--offline", help="Without a language model, whatever is configured: nothing leaves this machine."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


class Refused(Exception):
    """The command can't be carried out. Its text says why and what to do."""


# --- wiring ---------------------------------------------------------------------------------------------------------


@cache
def environment() -> Environment:
    try:
        return Environment()
    except ValidationError as error:
        faults = "; ".join(_fault(str(fault["loc"][0]), str(fault["msg"])) for fault in error.errors())
        raise Refused(f"The environment is not as it should be: {faults}.") from None


def _fault(name: str, message: str) -> str:
    """A fault that names its setting."""
    said = message.removeprefix("Value error, ")
    return said if name.upper() in said else f"{name.upper()}: {said}"


@cache
def bank() -> Bank:
    return load_bank(*shelves())


def shelves() -> tuple[Path, ...]:
    """The folders of questions: a team's own, what a model has drafted, and the bank's."""
    own = environment().questions
    if own and not (own / "questions.yaml").is_file():
        raise Refused(
            f"MOCKINGBIRD_QUESTIONS is {own}, which has no questions.yaml: `mockingbird questions new ID` begins one."
        )
    drafts = environment().data / "drafts"
    return tuple(folder for folder in (own, drafts, data_root()) if folder and (folder / "questions.yaml").is_file())


def make_interviewer(*, offline: bool = False, observe: "Callable[[Call], None] | None" = None) -> "Interviewer":
    """Who leads an interview, as the environment has it."""
    from bot.wiring import make_interviewer as make

    return make(environment(), data_root(), bank().case, offline=offline, observe=observe or (lambda _: None))


def make_rater(*, offline: bool = False) -> "Rater":
    """Who rates, as the environment has it."""
    from bot.wiring import make_rater as make

    return make(environment(), data_root(), offline=offline)


@asynccontextmanager
async def server() -> "AsyncGenerator[str]":
    """The URL of the store's server: the configured one, or our own Valkey, which the last to leave stops."""
    configured = environment().redis_url
    if configured:
        yield configured
        return
    from interviewer import embedded

    async with embedded.running(environment().data) as own:
        yield own.url


async def revive() -> None:
    """Start our own Valkey again if it died; a configured server is not ours to start."""
    if environment().redis_url:
        return
    from interviewer import embedded

    await (await embedded.start(environment().data)).aclose()


# --- chat -----------------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Asked:
    """What the command line says of the interview; None where it leaves it open."""

    question: str | None = None
    level: Level | None = None
    mode: Mode | None = None
    format: Format | None = None
    persona: Persona | None = None

    def settings(self, question: str, chosen: "Wish") -> Settings:
        """What was asked for, then what was wished for, then what is usual."""
        return Settings(
            question,
            self.level or chosen.level or Level.SENIOR,
            self.mode or chosen.mode or Mode.PRACTICE,
            self.format or chosen.format or Format.STANDARD,
            self.persona or chosen.persona or Persona.CALM,
        )


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
    async with server() as url, RedisStore.from_url(url) as store:
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
    chosen, question = Wish(), asked.question
    if question is None:
        out.print("\n[bold]What would you like to practise?[/]\n")
        out.print(_catalogue(bank().questions))
        out.print(
            "\n[dim]Enter for a surprise, or a number, company or topic, with a level (mid senior staff), strict, quick or "
            "full.[/]"
        )
        while True:
            try:
                chosen = wish(out.input("[cyan]> [/]"), bank().questions)
                question = await _pick(store, asked.level or chosen.level or Level.SENIOR, chosen.questions)
                break
            except (NotUnderstood, UnknownQuestion) as problem:
                out.print(str(problem), style="yellow", markup=False)
            except (EOFError, KeyboardInterrupt):
                raise typer.Exit(0) from None
    return asked.settings(question, chosen)


async def _pick(store: "Store", level: Level, among: Sequence[Question]) -> str:
    """The question that was named, or of those that were: not what this person has had, and rather what they are weak at."""
    from bot.terminal import OVER, candidate
    from interviewer.progress import RECENT, weak
    from interviewer.scoring import scorecard

    if len(among) == 1:
        return among[0].id
    threads = await store.threads(candidate())
    past = [interview for thread in threads if (interview := await store.interview(thread))]
    cards: list[Scorecard] = []
    for interview in [interview for interview in past if interview.phase in OVER][-RECENT:]:
        # A question that is gone, or whose guide is being rewritten, has nothing to say about the next.
        with suppress(UnknownQuestion, BankError):
            cards.append(scorecard(interview, bank().case(interview.settings.question)))
    seen = [interview.settings.question for interview in past]
    return pick(bank(), level, seen, time.time_ns(), among, weak(cards)).id


# --- play and grade -------------------------------------------------------------------------------------------------


@app.command()
def play(
    script: Annotated[
        Path, typer.Argument(help="Candidate messages separated by lines of ---; - reads standard input.")
    ],
    question: QuestionOption = None,
    level: LevelOption = None,
    mode: ModeOption = None,
    format: FormatOption = None,
    persona: PersonaOption = None,
    usage: Annotated[
        bool,
        typer.Option("--usage", help="Show what language models were asked for: calls, tokens, cached share, time."),
    ] = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Play an interview from a file. Without a language model the same script gives the same interview."""
    from bot.play import play as run
    from bot.usage import Ledger

    text = _read(script)
    asked = question or "apple-task-scheduler"
    bank().question(asked)
    settings = Asked(None, level, mode, format, persona).settings(asked, Wish())
    ledger = Ledger()
    interviewer = make_interviewer(offline=offline, observe=ledger.note)
    played = asyncio.run(run(text, settings, interviewer, ledger.turn))
    for problem in played.problems:
        err.print(f"{script}: {problem}", style="yellow", markup=False)
    if as_json:
        from bot.report import interviewed

        for turn in played.transcript:
            line = {"speaker": turn.speaker.value, "phase": turn.phase.value, "kind": turn.kind, "text": turn.text}
            typer.echo(json.dumps(line, ensure_ascii=False))
        typer.echo(
            json.dumps({"scorecard": interviewed(played.scorecard) if played.scorecard else None}, ensure_ascii=False)
        )
        if usage:
            typer.echo(json.dumps({"usage": ledger.as_json()}, ensure_ascii=False))
        return
    from bot.terminal import Screen

    screen = Screen(out)
    for turn in played.transcript:
        screen.say(turn)
    _show(played.scorecard)
    if usage:
        out.print(ledger.render())


@app.command()
def grade(
    question: Annotated[str, typer.Argument(help="A question's ID; with --guide, any name.")],
    file: Annotated[Path, typer.Argument(help="The answer; - reads standard input.")],
    level: LevelOption = None,
    guide: Annotated[
        Path | None, typer.Option(help="A guide to use instead of the bank's; see docs/guides.md.")
    ] = None,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge one written answer: every credit quotes it. Without a language model it is estimated coverage."""
    from bot.report import graded
    from interviewer.machine import judged
    from interviewer.model import Answer, Answered, Message
    from interviewer.ports import final
    from interviewer.scoring import scorecard

    text = _read(file)
    case = Case(Question(question, question, ""), load_guide(guide, question)) if guide else bank().case(question)
    rating = asyncio.run(final(make_rater(offline=offline).rate(case, Answer(text, final=True))))
    heard = Answered((Message("grade", "", "candidate", text, 0.0),), 0.0)
    interview = judged(case, Settings(question, level or Level.SENIOR), heard, rating)
    card = scorecard(interview, case)
    if as_json:
        typer.echo(json.dumps(graded(card), ensure_ascii=False, indent=2))
    else:
        _show(card)


def _show(card: Scorecard | None) -> None:
    from bot.scorecard import render

    if card:
        out.print(render(card))


def _read(path: Path) -> str:
    """The text of a file or of standard input."""
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"{path} is not UTF-8 (byte {error.start} is {data[error.start]:#04x}). Save it as UTF-8 and try again."
        ) from None


# --- questions ------------------------------------------------------------------------------------------------------


@questions.command("list")
def list_questions(
    company: Annotated[str, typer.Option(help="Only those asked at this company.")] = "",
    topic: Annotated[str, typer.Option(help="Only those about this topic.")] = "",
    level: Annotated[Level | None, typer.Option(help="Only those asked at this level.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1, help="Only those that take no longer.")] = None,
    as_json: JsonOption = False,
) -> None:
    """All questions, or those that fit."""
    found = matching(bank().questions, Taste(company, topic, level, minutes))
    if as_json:
        typer.echo(json.dumps([_public(question) for question in found], ensure_ascii=False, indent=2))
    elif found:
        out.print(_catalogue(bank().questions, found))
        out.print(f"\n[dim]{len(found)} of {len(bank().questions)}. `mockingbird chat -q ID` asks one.[/]")
    else:
        out.print("No question fits all of that: leave one of the options out.")


@questions.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="A question's ID.")],
    guide: Annotated[
        bool, typer.Option("--guide", help="Show the interviewer's hidden guide too. It spoils the question.")
    ] = False,
) -> None:
    """A question as a candidate sees it."""
    question = bank().question(id)
    out.print(
        f"[bold]{escape(question.title)}[/]  [dim]{escape(question.company)} · {escape(', '.join(question.topics))} · "
        f"{question.minutes} minutes[/]\n"
    )
    out.print(question.prompt, markup=False)
    if guide:
        out.print()
        out.print(bank().guide_path(id).read_text("utf-8"), markup=False)


@questions.command()
def lint(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Catalogues, guides or folders of them; without any, the whole bank and your own."),
    ] = None,
) -> None:
    """Check questions and guides: every fault with its file, its line and what to do. Exits with 1 if there is one."""
    from interviewer.lint import lint as check

    faults = check(files or [folder / "questions.yaml" for folder in shelves()])
    for fault in faults:
        out.print(str(fault), markup=False, soft_wrap=True)
    if faults:
        err.print(f"[red]{len(faults)} fault{'s' if len(faults) > 1 else ''}.[/]")
        raise typer.Exit(1)
    out.print("[green]No faults.[/]")


@questions.command()
def new(
    id: Annotated[str, typer.Argument(metavar="ID", help="Lower-case words joined by hyphens, as in lunch-orders.")],
    folder: Annotated[
        Path | None, typer.Option("--in", help="The folder to write it to; MOCKINGBIRD_QUESTIONS, if that is set.")
    ] = None,
) -> None:
    """Begin a question of your own: writes a commented skeleton, which `lint` then helps you to fill in."""
    from interviewer.authoring import NotBegun, begin

    where = folder or environment().questions
    if where is None:
        raise Refused("Say where: `--in FOLDER`, or set MOCKINGBIRD_QUESTIONS to a folder of your own questions.")
    try:
        catalogue, guide = begin(id, where)
    except NotBegun as problem:
        raise Refused(str(problem)) from None
    out.print(f"Written: {catalogue}\n         {guide}\n", soft_wrap=True, markup=False)
    out.print("Now replace every TODO in the two, and see what is left to do:\n", soft_wrap=True)
    out.print(f"    mockingbird questions lint {where}\n", soft_wrap=True, markup=False)
    if where != environment().questions:
        out.print(
            f"So that `grade`, `chat` and `play` find it: export MOCKINGBIRD_QUESTIONS={where.resolve()}\n",
            soft_wrap=True,
            markup=False,
        )
    out.print("docs/authors.md goes through one from beginning to end.", soft_wrap=True)


def _catalogue(all: tuple[Question, ...], found: tuple[Question, ...] | None = None) -> Table:
    """The questions `found` (by default all), numbered as in the whole catalogue; topics where there is room for them."""
    wide = out.width >= 120
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    table.add_column("", style="dim", justify="right")
    table.add_column("Question")
    table.add_column("ID", no_wrap=True, style="cyan")
    if wide:
        table.add_column("Topics", style="dim")
    for number, question in enumerate(all, 1):
        if found is None or question in found:
            row = [str(number), f"{escape(question.title)} [dim]({escape(question.company)})[/]", escape(question.id)]
            table.add_row(*row, *([escape(", ".join(question.topics))] if wide else []))
    return table


def _public(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "title": question.title,
        "company": question.company,
        "also_asked_at": list(question.also_asked_at),
        "topics": list(question.topics),
        "levels": [level.value for level in question.levels],
        "minutes": question.minutes,
        "prompt": question.prompt,
    }


# --- eval -----------------------------------------------------------------------------------------------------------


class RaterName(StrEnum):
    """A rater that can be measured."""

    OFFLINE = "offline"
    MODEL = "model"


@app.command("eval")
def evaluate(
    rater: Annotated[RaterName, typer.Option(help="Which rater to measure.")] = RaterName.OFFLINE,
    as_json: JsonOption = False,
    against: Annotated[
        Path | None, typer.Option(help="Earlier figures (--json); exits with 1 if an F1 has fallen by more than 0.02.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the rater as it ships, on the answers that nothing was fitted on.")
    ] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="With --rater model: how often each answer is read.")] = 3,
    replay: Annotated[Path | None, typer.Option(help="With --rater model: readings from this recording.")] = None,
    record: Annotated[Path | None, typer.Option(help="With --rater model: keep the readings in this file.")] = None,
    prices: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="With --rater model: what a million tokens cost, read, cached and written."),
    ] = None,
) -> None:
    """Measure a rater on labelled answers: each question is judged by parameters fitted without it.

    Takes some minutes the first time. docs/rater.md says what the figures mean, and what they don't. The model-backed rater
    asks whatever model is configured, which costs money; `--replay` measures recorded readings."""
    try:
        from bot.evaluation import Prices, evaluate_models
        from bot.evaluation import evaluate as measure
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("evals"):
            raise
        raise Refused(
            "The labelled answers are not in the package: run this in a checkout of the repository."
        ) from None
    if rater is RaterName.MODEL:
        evaluate_models(
            out,
            err,
            _readings(replay, record, repetitions),
            prices and Prices(*prices),
            cache=environment().cache,
            only_json=as_json,
        )
        return
    before = None
    if against:
        try:
            before = json.loads(_read(against))
        except ValueError:
            raise Refused(f"{against} is no JSON: write it with `mockingbird eval --json > {against}`.") from None
    if not measure(out, err, only_json=as_json, before=before, quick=quick):
        raise typer.Exit(1)


def _readings(replay: Path | None, record: Path | None, repetitions: int) -> Any:
    """Where the readings of the model-backed rater come from."""
    from bot.evaluation import Source
    from bot.wiring import listener

    if replay:
        if not replay.is_file():
            raise Refused(f"{replay} is not there: make it with `mockingbird eval --rater model --record {replay}`.")
        return Source(replay=replay, repetitions=repetitions)
    if not environment().listening:
        raise Refused(
            "No model is configured: set OPENAI_API_KEY or INTERVIEW_MODEL, or measure a recording (--replay)."
        )
    return Source(lambda: listener(environment()), record=record, repetitions=repetitions)


# --- doctor ---------------------------------------------------------------------------------------------------------


@app.command()
def doctor() -> None:
    """What is configured, which store and rater are in use, what is missing and how to get it."""
    from bot.doctor import examine

    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        (
            "bank",
            lambda: (
                f"{len([bank().case(q.id) for q in bank().questions])} questions from {', '.join(map(str, shelves()))}"
            ),
        ),
        ("prompts", lambda: f"{len(make_interviewer(offline=True).notices)} notices and every move have their words"),
        ("rater", lambda: asyncio.run(_try_rater())),
        *((("model", lambda: asyncio.run(_try_models())),) if environment().speaking else ()),
        ("store", lambda: asyncio.run(_try_store())),
    )
    if not examine(out, environment(), checks):
        raise typer.Exit(1)


async def _try_rater() -> str:
    from interviewer.model import Answer
    from interviewer.ports import final

    case = bank().case(bank().questions[-1].id)  # the bank's own, whatever a team has begun to write
    began = time.perf_counter()
    rating = await final(make_rater(offline=True).rate(case, Answer(case.guide.rubric[0].exemplars[0])))
    return f"{rating.rater}, estimated coverage without a model; first rating in {time.perf_counter() - began:.1f} s"


async def _try_models() -> str:
    """Have every model that is configured, the fallback too, do for once what it is there for."""
    from bot.wiring import each
    from interviewer.ports import Line, ModelTrouble, Role
    from interviewer.raters.reading import Reading

    answered: list[str] = []
    for what, model in each(environment()):
        began = time.perf_counter()
        try:
            if what == "listens":
                await model.fill([Line(Role.CANDIDATE, "The intent is answer; nothing is covered or wrong.")], Reading)
            else:
                await model.say([Line(Role.CANDIDATE, "Say: ready.")], lambda _: None)
        except ModelTrouble as trouble:
            raise Refused(f"{model.name}, which {what}: {trouble}") from None
        answered.append(f"{model.name} {what} ({time.perf_counter() - began:.1f} s)")
    return ", ".join(answered)


async def _try_store() -> str:
    from interviewer.store import RedisStore, address

    async with server() as url, RedisStore.from_url(url) as store:
        await store.interview("doctor:nobody")
        return f"{address(url)} answers" + (
            "" if environment().redis_url else " (our own Valkey; set REDIS_URL to use yours)"
        )


# --- the way in and out ---------------------------------------------------------------------------------------------


def main() -> None:
    """Run the command line; whatever goes wrong for a reason that can be named is one message and exit code 2."""
    from interviewer.embedded import EmbeddedError
    from interviewer.ports import StoreUnavailable
    from interviewer.prompts import PromptError
    from interviewer.voice import UnfitPrompt

    try:
        app()
    except (Refused, UnknownQuestion, BankError, StoreUnavailable, EmbeddedError, PromptError, UnfitPrompt) as problem:
        err.print(str(problem), style="red", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    except PermissionError as problem:
        err.print(
            f"{problem.filename} can't be written to: set MOCKINGBIRD_DATA to a folder of yours.",
            style="red",
            markup=False,
        )
        raise SystemExit(2) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
