"""Errors of embedded servers."""

from __future__ import annotations

from expunge_config.errors import ExpungeError


class EmbeddedError(ExpungeError):
    """The embedded servers could not be started or ended in order."""
