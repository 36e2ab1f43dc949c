"""docs/exit-codes.md and the help's last lines name every exit code there is, and none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

from tests.docs.pages import ROOT, first_cells

import expunge_config
import expunge_connectors
import expunge_orchestrator
import expunge_reports
from expunge_config.errors import ExpungeError
from expunge_orchestrator.cli import exit_codes
from expunge_reports.errors import ReportError
from expunge_reports.verify import cli

PACKAGES = (expunge_config, expunge_connectors, expunge_orchestrator, expunge_reports)
# Scripts that do something when they are imported.
NOT_IMPORTED = re.compile(r"\.__main__$|\.migrations\.(env|versions)")
WITHOUT_AN_ERROR = {
    exit_codes.DONE,
    exit_codes.INTERNAL_ERROR,
    exit_codes.INTERRUPTED,
    cli.AUTHENTIC,
    cli.REJECTED,
    cli.UNUSABLE,
}


def error_classes() -> list[type[ExpungeError | ReportError]]:
    """Return every error class of the four packages."""
    for package in PACKAGES:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not NOT_IMPORTED.search(module.name):
                import_module(module.name)
    return [
        error
        for base in (ExpungeError, ReportError)
        for error in (base, *below(base))
        if error.__module__.partition(".")[0] in {package.__name__ for package in PACKAGES}
    ]


def below(error: type) -> Iterator[type]:
    """Return everything derived from a class."""
    for derived in error.__subclasses__():
        yield derived
        yield from below(derived)


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
