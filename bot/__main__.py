"""`mockingbird …`: puts the command line together, and says how a command ends that can't be carried out."""

import sys

import typer

from bot.cli import chat, daily, discord, doctor, evaluation, judging, people, questions, slack, worker
from bot.cli.common import Refused, err
from interviewer.questions import BankError, UnknownQuestion

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

# In the order of `--help`; an app without a name lends its commands to ours.
app.add_typer(chat.app)
app.add_typer(judging.app)
app.add_typer(slack.app)
app.add_typer(discord.app)
app.add_typer(daily.app)
app.add_typer(worker.app)
app.add_typer(people.app)
app.add_typer(questions.app)
app.add_typer(evaluation.app)
app.add_typer(doctor.app)


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
