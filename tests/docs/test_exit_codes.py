"""docs/exit-codes.md and the help's last lines name every exit code there is, and none that is not there."""

from __future__ import annotations

from tests.support.documentation import PACKAGES, ROOT, error_classes, first_cells

from expunge_orchestrator.cli import exit_codes
from expunge_reports.verify import cli

WITHOUT_AN_ERROR = {
    exit_codes.DONE,
    exit_codes.INTERNAL_ERROR,
    exit_codes.INTERRUPTED,
    cli.AUTHENTIC,
    cli.REJECTED,
    cli.UNUSABLE,
    cli.INCOMPLETE,
}


def existing() -> set[int]:
    """Return every code that a command can end with."""
    return {error.exit_code for error in error_classes()} | WITHOUT_AN_ERROR


def test_codes_are_documented_and_documented_ones_exist() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    assert {int(cell) for cell in first_cells(page)} == existing()


def test_the_help_names_the_same_codes() -> None:
    assert set(exit_codes.MEANINGS) == existing()


def test_there_are_errors_of_every_package_to_look_at() -> None:
    assert {error.__module__.partition(".")[0] for error in error_classes()} == {one.__name__ for one in PACKAGES}
