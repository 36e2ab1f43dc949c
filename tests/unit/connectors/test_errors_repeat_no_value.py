"""No error of a driver passes its own words on: they quote keys and rows (law 5)."""

from __future__ import annotations

import inspect

import psycopg
import pytest
from botocore import exceptions as botocore_errors
from psycopg.pq import DiagnosticField
from redis import exceptions as redis_errors

from expunge_connectors.postgres.errors import translate
from expunge_connectors.redis.errors import translated as translated_redis
from expunge_connectors.s3.errors import translated as translated_s3

SECRET = "sesame-7f3a"
REDIS_CODES = ("ERR", "WRONGTYPE", "NOPERM", "LOADING", "OOM", "MOVED", "EXECABORT", "NOSCRIPT", "UNKNOWN")
S3_CODES = ("NoSuchKey", "AccessDenied", "SlowDown", "InternalError", "NotImplemented", "PreconditionFailed", "Unknown")


def kinds_of(module: object) -> list[type[Exception]]:
    """Every kind of error that a driver has."""
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]


def made(kind: type[Exception], *words: str) -> Exception:
    """An error with these words, whatever its kind asks for to be made."""
    error = kind.__new__(kind)
    error.args = words
    return error


@pytest.mark.parametrize("kind", kinds_of(redis_errors), ids=lambda kind: kind.__name__)
def test_of_redis(kind: type[Exception]) -> None:
    for code in REDIS_CODES:
        told = translated_redis("cache", "sessions", made(kind, f"{code} the key 'session:{SECRET}' it is"))
        assert SECRET not in f"{told} {told.remedy}", code


def test_of_a_key_that_is_no_text() -> None:
    told = translated_redis("cache", "sessions", UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET))
    assert SECRET not in f"{told} {told.remedy}"


@pytest.mark.parametrize("kind", kinds_of(psycopg.errors), ids=lambda kind: kind.__name__)
def test_of_postgres(kind: type[Exception]) -> None:
    """Neither the message nor any field of it: a trigger's RAISE may write a value into each."""
    if issubclass(kind, psycopg.Error):
        said: dict[int, bytes | None] = {int(field): SECRET.encode() for field in DiagnosticField}
        told = translate(kind(f"Key (email)=({SECRET}) exists", info=said), "main", "users")
        assert SECRET not in f"{told} {told.remedy}"


@pytest.mark.parametrize("kind", [psycopg.OperationalError, psycopg.InterfaceError, psycopg.DataError])
@pytest.mark.parametrize("words", ["authentication failed", "no password", "connection lost"])
def test_of_a_connection_to_postgres(kind: type[psycopg.Error], words: str) -> None:
    told = translate(kind(f'{words} for "{SECRET}"'), "main")
    assert SECRET not in f"{told} {told.remedy}"


@pytest.mark.parametrize("code", S3_CODES)
def test_of_s3(code: str) -> None:
    answer = {"Error": {"Code": code, "Message": SECRET, "Key": SECRET}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    error = botocore_errors.ClientError(answer, "HeadObject")  # type: ignore[arg-type]
    told = translated_s3("files", "collection avatars", error)
    assert SECRET not in f"{told} {told.remedy}"


@pytest.mark.parametrize("kind", kinds_of(botocore_errors), ids=lambda kind: kind.__name__)
def test_of_the_client_of_s3(kind: type[Exception]) -> None:
    """All but what the service answered, which is above."""
    if not issubclass(kind, botocore_errors.ClientError):
        told = translated_s3("files", None, made(kind, f"parameter {SECRET} of {SECRET}"))
        assert SECRET not in f"{told} {told.remedy}"
