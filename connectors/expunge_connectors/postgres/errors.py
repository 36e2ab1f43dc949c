"""Error translation: driver errors to ours by SQLSTATE, without their text (it quotes values)."""

from __future__ import annotations

import psycopg

from expunge_connectors.errors import (
    ConnectorError,
    LockTimeoutError,
    RightMissingError,
    SomeRecordsError,
    StillReferencedError,
    TerminalError,
    TookTooLongError,
    TransientError,
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_TIMEOUT = "55P03"  # lock_not_available
_TOO_LONG = frozenset({
    "25P04",  # transaction_timeout
    "57014",  # query_canceled: statement_timeout, or an administrator
})  # fmt: skip
# Of class 53 too: a full disk has room again once somebody sees to it, and nobody's request should end by it.
_TRANSIENT_CLASSES = ("08", "40", "53", "57P", "58")
_TRANSIENT_STATES = frozenset(
    {
        "25P03",  # idle_in_transaction_session_timeout
        "55006",  # object_in_use
        _LOCK_TIMEOUT,
        *_TOO_LONG,
    }
)
# Of these the server works: who else is at work on the records, or how many these are, is what it was about.
_OF_RECORDS = ("40", "25P03", "55006")
_FOREIGN_KEY = "23503"
# restrict_violation: what servers from 18 on say where the key is ON DELETE RESTRICT.
_REFERENCED = frozenset({_FOREIGN_KEY, "23001"})
_DENIED = "42501"  # insufficient_privilege
_RAISED = "P0"  # PL/pgSQL error
REFERENCED = (
    "A row that stays points to one that should go: one that is retained longer (give both tables one `start`), or one"
    " of somebody else (who is in the batch as well: `expunge retry` once they are erased; where rows of both point at"
    " each other that never helps, so end or cancel the batch and plan anew with a larger EXPUNGE_CHUNK_SIZE). Or"
    " tombstone the latter's table. Where the map finds it by a shared row too (`sharing`), leave that link out: the"
    " shared row then stays as long as it points there."
)
"""What helps where rows that stay keep one from going, or would go or be changed with it."""

_ADVICE = {
    **dict.fromkeys(_REFERENCED, REFERENCED),
    "53100": "Make room: look for log files that a replication slot or archive_command holds back. Nothing of the"
    " transaction is kept, and it is done again by itself.",
    _DENIED: "Grant the right that `expunge check` names.",
    "25P04": "Raise transaction_timeout of our role, or lower rows_per_transaction of the store.",
    "42P01": "Correct `table` in the data map, or restore the table.",
    "22P05": "A document in a json column holds the escape \\u0000, which cannot be looked into: `expunge check` names"
    " such columns and the ALTER TABLE to jsonb that finds the row.",
    "42703": "Correct the column's name in the data map.",
    "42883": "A column has another type than when it was looked at, or a function of a tombstone is gone:"
    " `expunge check` says what does not fit; then `expunge retry`.",
}
_MEANING = {
    **dict.fromkeys(_REFERENCED, "a foreign key forbids it"),
    "23505": "a unique constraint forbids it",
    "23514": "a check constraint forbids it",
    "23502": "a column may not be empty",
    _DENIED: "permission denied",
    "42P01": "the table is missing",
    "22P05": "a text cannot be read",
    "42703": "a column is missing",
    "42883": "there is no such operator or function for these types",
    "42P17": "a rule, policy or view refers to itself",
    "55P03": "a lock was not to be had in time",
    "57014": "the statement was cancelled or timed out",
    "25P04": "the transaction took longer than transaction_timeout",
    "P0001": "a trigger raised an exception",
    "40P01": "deadlock",
    "40001": "concurrent change",
    "53100": "the server's disk is full",
    "53200": "the server is out of memory",
    "53300": "the server has no connection left",
}
# A refused connection carries no SQLSTATE in libpq's answer. These phrases (of servers that speak English) tell a
# refusal from an absence; in any other language a refusal counts as transient, which only costs a few attempts.
_REFUSED = ("authentication failed", "no pg_hba.conf entry", "does not exist", "not permitted to log in", "no password")

OF_THE_CATALOGUE = "expunge: names of the catalogue"
"""What our own statements say as the name of a type where they have looked up the other names of an error."""


class RaisedError(TerminalError):
    """A trigger raised an exception."""


def translate(error: psycopg.Error, store: str, collection: str | None = None) -> ConnectorError:
    """The error of ours that stands for a driver's error; raise it `from None`.

    Args:
        error: What the driver raised. Only its SQLSTATE and class are used, and the names of table and constraint where
            a statement of ours has looked them up: whoever raises an error may give any text as a name.
        store: Name of the store in the data map.
        collection: The collection at work, where there was one.
    """
    where = f"store {store}" if collection is None else f"store {store}, collection {collection}"
    state = error.sqlstate
    if state is None:
        return _without_state(error, where, store)
    meaning = _MEANING.get(state)
    text = f"{where}: {meaning} (SQLSTATE {state})" if meaning else f"{where}: {_told(state)}"
    if error.diag.datatype_name == OF_THE_CATALOGUE and error.diag.constraint_name:
        text += f", constraint {error.diag.constraint_name}"
        if error.diag.table_name:
            text += f" of table {error.diag.schema_name}.{error.diag.table_name}"
    if state in _TRANSIENT_STATES or state.startswith(_TRANSIENT_CLASSES):
        passing = SomeRecordsError if state.startswith(_OF_RECORDS) else TransientError
        ended = LockTimeoutError if state == _LOCK_TIMEOUT else TookTooLongError if state in _TOO_LONG else passing
        return ended(f"{text}.", remedy=_ADVICE.get(state))
    kind = StillReferencedError if state in _REFERENCED else RightMissingError if state == _DENIED else TerminalError
    if state.startswith(_RAISED):
        kind = RaisedError
    return kind(f"{text}.", remedy=_ADVICE.get(state))


def _told(state: str) -> str:
    """An SQLSTATE as we tell it: one of the documented ones. A RAISE may give any five letters and digits."""
    try:
        psycopg.errors.lookup(state)
    except KeyError:
        return "an SQLSTATE of its own"
    return f"SQLSTATE {state}"


def _without_state(error: psycopg.Error, where: str, store: str) -> ConnectorError:
    kind = type(error).__name__
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return TerminalError(f"{where}: the driver refused ({kind}).")
    if any(phrase in str(error) for phrase in _REFUSED):
        return TerminalError(
            f"{where}: the server refused the connection ({kind}).",
            remedy=f"Check user, password and database in EXPUNGE_STORES__{store.upper()}__URL.",
        )
    return TransientError(
        f"{where}: no connection ({kind}).",
        remedy=f"Check that the server is up, and host and port in EXPUNGE_STORES__{store.upper()}__URL.",
    )


def still_referenced(store: str, collection: str, constraint: str, child: str) -> StillReferencedError:
    """The same error as a foreign key's own, for a violation that was seen coming.

    Seen coming, it never happens: the server's own log would quote the key of the row (law 5).
    """
    return StillReferencedError(
        f"store {store}, collection {collection}: {_MEANING[_FOREIGN_KEY]}, constraint {constraint} of table {child}.",
        remedy=_ADVICE[_FOREIGN_KEY],
    )


class translated:  # noqa: N801 - reads as a verb: `with translated(store):`
    """Let only our errors out of the block.

    A class and no generator: the driver's error quotes values, and a traceback with local variables shows those of
    every frame that our error passes. `contextlib` would keep the driver's error in one of them.

    Raises:
        TransientError: The same call may succeed later.
        TerminalError: It will not, until somebody changes something.
    """

    def __init__(self, store: str, collection: str | None = None) -> None:
        self._store = store
        self._collection = collection

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Translate."""
        if isinstance(error, psycopg.Error):
            ours = translate(error, self._store, self._collection)
            del error, trace
            raise ours from None
