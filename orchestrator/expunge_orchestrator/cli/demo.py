"""`expunge demo`: the whole promise on three real servers, judged by code that trusts nobody."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
