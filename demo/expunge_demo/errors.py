"""Errors of the demonstration."""

from __future__ import annotations

from typing import ClassVar

from expunge_config.errors import ExpungeError


class DemoError(ExpungeError):
    """The example company could not be set up."""


class NotEmptyError(DemoError):
    """The example company is loaded into empty stores only, and one of these holds something already."""

    exit_code: ClassVar[int] = 3
