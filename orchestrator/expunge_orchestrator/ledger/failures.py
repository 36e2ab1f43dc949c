"""Failures of the ledger's database, told apart from failures of what is asked of it."""

from __future__ import annotations

import sqlite3
from typing import TypeAlias

from sqlalchemy.exc import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
)

from expunge_orchestrator.errors import LedgerReplacedError

LedgerDatabaseError: TypeAlias = SQLAlchemyError
"""Everything that the ledger's database says: it failed, or refuses what it is asked."""

RefusedRowError: TypeAlias = IntegrityError
"""A row was not written: there is one like it."""


def is_ledger_failure(error: BaseException) -> bool:
    """Whether the ledger's database went away, was replaced, has no room, or was made read-only: no record is to blame.

    Postgres says InternalError (classes 25 and XX) of a database that takes no writes, as a standby does and one whose
    host ran out of room, and of files that it cannot read or write. Of a connection that was lost within a transaction
    SQLAlchemy says PendingRollbackError at the next statement. Only the ledger is reached through SQLAlchemy.
    """
    return isinstance(
        error,
        (
            LedgerReplacedError,
            OperationalError,
            InterfaceError,
            InternalError,
            PendingRollbackError,
            sqlite3.OperationalError,
        ),
    )
