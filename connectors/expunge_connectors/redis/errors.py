"""Error translation: Redis errors to transient or terminal ones, without their message."""

from __future__ import annotations

from redis import exceptions as redis_errors

from expunge_connectors.errors import AnswerLostError, ConnectorError, RightMissingError, TerminalError, TransientError

_REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthenticationWrongNumberOfArgsError,
    redis_errors.AuthorizationError,
    redis_errors.ExternalAuthProviderError,
    redis_errors.NoPermissionError,
)
_LOST = (redis_errors.ConnectionError, redis_errors.TimeoutError)
_PASSING = (
    redis_errors.BusyLoadingError,
    redis_errors.ClusterDownError,
    redis_errors.TryAgainError,
    redis_errors.ReadOnlyError,  # a failover is under way; `inspect` reports a replica
    redis_errors.OutOfMemoryError,
)
_PASSING_CODES = ("LOADING", "MASTERDOWN", "BUSY", "NOREPLICAS", "MISCONF")


def translated(store: str, collection: str | None, error: Exception) -> ConnectorError:
    """The error that may leave the connector: it names the store and the collection and the kind of failure only.

    Redis' own messages can hold keys (`NOPERM ... access the 'session:...' key`), so none is passed on.
    """
    where = f"Store {store}" if collection is None else f"Store {store}, collection {collection}"
    kind = type(error).__name__
    if isinstance(error, _REFUSED):
        kind_of_error = RightMissingError if isinstance(error, redis_errors.NoPermissionError) else TerminalError
        return kind_of_error(
            f"{where}: the server refused the login or the command ({kind}).",
            remedy="Check the user's password and ACL; `expunge check` lists the rights that are needed.",
        )
    if isinstance(error, _LOST) and not isinstance(error, redis_errors.BusyLoadingError):
        return AnswerLostError(f"{where}: the server did not answer ({kind}).")
    code = str(error).partition(" ")[0]
    if isinstance(error, _PASSING) or (isinstance(error, redis_errors.ResponseError) and code in _PASSING_CODES):
        return TransientError(f"{where}: the server cannot answer now ({kind}).")
    if isinstance(error, redis_errors.ResponseError) and code == "WRONGTYPE":
        return wrong_type(store, collection)
    if isinstance(error, UnicodeError):
        return TerminalError(f"{where}: a key cannot be written as UTF-8.")
    return TerminalError(f"{where}: the server refused the command ({kind}).")


def wrong_type(store: str, collection: str | None) -> TerminalError:
    """A key is of another type than the map says: nothing is guessed, nothing is touched."""
    return TerminalError(
        f"Store {store}, collection {collection}: a key is of another type than the data map declares.",
        remedy="Correct `type` in the data map, or find out who writes this key.",
    )
