"""Error translation: S3 errors to transient or terminal ones, without their message."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    SSLError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from expunge_connectors.errors import AnswerLostError, ConnectorError, TerminalError, TransientError

_PASSING = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)
NOT_THERE = ("404", "NoSuchKey", "NoSuchVersion", "NotFound")
"""Codes that say that an object, or a version of it, is not there."""
_REFUSED = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"})
_UNSUPPORTED = frozenset({"NotImplemented", "501", "MethodNotAllowed", "405"})


class RefusedError(TerminalError):
    """The service refused access."""


class BusyError(TransientError):
    """The service answered that it cannot do this now."""


class InternalFailureError(BusyError, AnswerLostError):
    """The service failed as it worked on the request."""


class NotSupportedError(TerminalError):
    """This service does not know the operation."""


def code_of(error: ClientError) -> str:
    """The service's error code; for answers without a body (HEAD) the HTTP status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def passing(code: str, status: int = 0) -> bool:
    """Whether the same request may succeed later."""
    server_error = 500  # and above; 501 says "never"
    return code in _PASSING or (status >= server_error and code not in _UNSUPPORTED)


def unsure(code: str, status: int = 0) -> bool:
    """Whether the service may have done what it was asked for although it answered with an error."""
    return code == "InternalError" or (passing(code, status) and code not in _PASSING)


def translated(store: str, place: str | None, error: Exception) -> ConnectorError:
    """The error that may leave the connector: store, bucket or collection, operation and code; never a key.

    Messages of S3 and of botocore can hold keys, buckets' policies and parameters, so none is passed on.
    """
    where = f"Store {store}" if place is None else f"Store {store}, {place}"
    if isinstance(error, ClientError):
        return _answered(where, error)
    kind = type(error).__name__
    if isinstance(error, HTTPClientError | NoConnectionError | ResponseParserError) and not isinstance(error, SSLError):
        unasked = isinstance(error, ConnectTimeoutError | EndpointConnectionError)
        kind_of_error = TransientError if unasked else AnswerLostError
        return kind_of_error(f"{where}: the service cannot be reached ({kind}).")
    if isinstance(error, BotoCoreError):
        return TerminalError(
            f"{where}: the request could not be made ({kind}).", remedy="Check endpoint, certificate and keys."
        )
    return TerminalError(f"{where}: unexpected {kind}.")


def _answered(where: str, error: ClientError) -> ConnectorError:
    code, operation = code_of(error), error.operation_name
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if passing(code, status):
        kind = InternalFailureError if unsure(code, status) else BusyError
        return kind(f"{where}: the service cannot answer now ({operation}: {code}).")
    if code in _REFUSED:
        return RefusedError(
            f"{where}: access refused ({operation}: {code}).",
            remedy="Give the role this right; `expunge check` lists what is needed.",
        )
    if code in _UNSUPPORTED:
        return NotSupportedError(f"{where}: the service does not support {operation} ({code}).")
    return TerminalError(f"{where}: the service refused the request ({operation}: {code}).")
