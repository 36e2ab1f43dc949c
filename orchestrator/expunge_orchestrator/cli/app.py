"""CLI application (typer): the verbs, and the one place where errors are printed and become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import version
from typing import Annotated

import typer

from expunge_config.errors import ConfigError, ExpungeError, UsageError
from expunge_orchestrator.cli import commands, exit_codes, output
from expunge_orchestrator.errors import LedgerError
from expunge_reports.errors import ReportError


def build(verbs: Iterable[str]) -> typer.Typer:
    """The command tree with these verbs.

    Raises:
        ConfigError: One is of an installed package and cannot be loaded.
    """
    app = typer.Typer(
        name="expunge",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        epilog=exit_codes.EPILOG,
        help="Erase a person from Postgres, Redis and S3, follow every backup copy, and prove it.",
    )

    @app.callback()
    def root(
        version_: Annotated[
            bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_version)
        ] = False,
    ) -> None:
        pass

    for verb in verbs:
        commands.add(app, verb)
    return app


def _whole() -> typer.Typer:
    """The command tree with everything, without what cannot be loaded: that is said where it is typed."""
    app = build(())
    for verb in commands.names():
        with suppress(ConfigError):
            commands.add(app, verb)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("expunge"))
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command; print errors without values and without a traceback (law 5: locals hold records)."""
    typed = next((word for word in arguments if not word.startswith("-")), None)
    try:
        app = build([typed]) if typed is not None and commands.exists(typed) else _whole()
        outcome = typer.main.get_command(app).main(args=list(arguments), prog_name="expunge", standalone_mode=False)
    except ExpungeError as error:
        output.print_error(error.message, error.remedy)
        return error.exit_code
    except ReportError as error:
        output.print_error(str(error), None)
        return error.exit_code
    except OSError as error:
        output.print_error(
            f"A file cannot be read or written ({error.strerror or type(error).__name__}).",
            "Check the paths that were given, their directories, and the disk.",
        )
        return UsageError.exit_code
    except typer.TyperException as error:
        if message := error.format_message():  # otherwise the help was shown, because nothing was typed
            meant = None if typed is None or commands.exists(typed) else _meant(typed)
            remedy = "`--help` after a command explains it." if meant is None else f"Did you mean `expunge {meant}`?"
            output.print_error(_without_words(message, arguments), remedy)
        return UsageError.exit_code
    except (typer.Abort, KeyboardInterrupt):
        outcome = exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the text and the traceback of a defect may hold a record's value
        return _unforeseen(error)
    if outcome == exit_codes.INTERRUPTED:
        output.print_error("Interrupted.", "What was begun is taken up again by the same command: expunge erase BATCH")
    return outcome if isinstance(outcome, int) else exit_codes.DONE


def _meant(typed: str) -> str | None:
    """The command that was probably meant. What was typed is not repeated: it may be an identifier (law 5)."""
    close = get_close_matches(typed.lower(), commands.names(), n=1)
    return close[0] if close else None


def _without_words(message: str, arguments: Sequence[str]) -> str:
    """A usage message without what was typed: somebody may have typed an identifier by mistake (law 5)."""
    for word in sorted(arguments, key=len, reverse=True):
        if not word.startswith("-") and not commands.exists(word):
            message = message.replace(word, "…")
    return message


def _unforeseen(error: Exception) -> int:
    from expunge_orchestrator.ledger.failures import is_ledger_failure  # noqa: PLC0415 - start-up time

    if is_ledger_failure(error):
        output.print_error(
            "The ledger cannot be written or read any more.",
            "Look at its disk or server; then the same command takes up what was begun.",
        )
        return LedgerError.exit_code
    output.print_error(f"A defect in Expunge: {type(error).__name__} at {_where(error)}.", "Please report it.")
    return exit_codes.INTERNAL_ERROR


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
