"""Commands by name: a module of this package for each of ours, and those that installed packages add by entry point.

Nothing is imported before it is typed or listed, so a package that is broken stops its own command alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import typer

from expunge_config.installed_objects import load

GROUP = "expunge.commands"
"""Entry points: the name of a command, and a function that adds it to a `typer.Typer`."""

OURS = (
    "check",
    "locate",
    "search",
    "plan",
    "approve",
    "erase",
    "status",
    "pause",
    "resume",
    "retry",
    "cancel",
    "end",
    "holds",
    "attribute",
    "run-due",
    "serve",
    "api-keys",
    "copies",
    "replay",
    "retention",
    "receipts",
    "keys",
    "adopt",
    "map",
)


def names() -> tuple[str, ...]:
    """Every command, ours first."""
    return (*OURS, *_added())


def exists(name: str) -> bool:
    """Whether there is such a command. For ours, no package's metadata are read."""
    return name in OURS or name in _added()


def add(app: typer.Typer, name: str) -> None:
    """Import a command and add it to the command tree.

    Raises:
        ConfigError: It is of an installed package and cannot be loaded.
    """
    register: Callable[[typer.Typer], None]
    if name in OURS:
        register = import_module(f"expunge_orchestrator.cli.{name.replace('-', '_')}").register
    else:
        register = cast("Callable[[typer.Typer], None]", load("command", _added()[name]))
    register(app)


@cache  # the packages' metadata are files, one of every package
def _added() -> Mapping[str, EntryPoint]:
    """Commands of installed packages. None takes the name of one of ours."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in OURS}
