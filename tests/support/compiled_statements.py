"""One cache of compiled statements for all ledgers of a process: compiling takes longer than running most of them."""

from __future__ import annotations

from functools import wraps
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

CAPACITY = 2_000


class SharedStatements(LRUCache[Any, Any]):
    """Compiled statements by the kind of database and how JSON is written to it, not by the engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        """The compiled statement, whichever engine it was compiled for."""
        return super().get(_alike(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Keep it for engines that come."""
        super().__setitem__(_alike(key), value)


def share_compiled_statements() -> None:
    """Give one cache to every engine that is made from now on."""
    shared = SharedStatements(CAPACITY)
    made = sa.create_engine

    @wraps(made)
    def create_engine(*arguments: Any, **options: Any) -> sa.Engine:
        engine = made(*arguments, **options)
        engine._compiled_cache = shared
        return engine

    sa.create_engine = create_engine


def _alike(key: Any) -> Any:
    dialect, *rest = key
    return (type(dialect), dialect._json_serializer, *rest)
