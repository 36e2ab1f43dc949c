"""S3: what failures become, and that they repeat nothing of the service's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest
from tenacity import wait_none
from tests.support.contract_maps import data_map
from tests.support.s3.bucket import spec
from tests.support.s3.faulty_server import Script, error, faulty

from expunge_connectors.contract import RemovalNotice, no_beat, no_notice
from expunge_connectors.errors import ConnectorError, SomeRecordsError, TerminalError, TransientError
from expunge_connectors.s3 import S3Connection, S3Store
from expunge_connectors.s3.deletion import Removal
from expunge_connectors.s3.errors import NOT_THERE, NotSupportedError, RefusedError
from expunge_connectors.s3.found_versions import Entry, Found, Target

OK = (200, b"")
LIST = b"""<ListAllMyBucketsResult><Owner><ID>me</ID></Owner><Buckets><Bucket><Name>bkt</Name>
<CreationDate>2026-01-01T00:00:00Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"""


@contextmanager
def connected(*answers: tuple[int, bytes]) -> Iterator[tuple[S3Store, Script]]:
    with faulty(*answers) as (url, script):
        connection = S3Connection.model_validate(
            {"endpoint_url": url, "access_key_id": "a", "secret_access_key": "b", "timeout_seconds": 2}
        )
        connector = S3Store("objects", data_map({"objects": spec("bkt")}), connection, wait=wait_none())
        try:
            yield connector, script
        finally:
            connector.close()


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable", "SomethingNew"])
def test_what_passes_is_tried_again_and_then_answered(code: str) -> None:
    with connected((503, error(code)), (500, error(code)), (200, LIST)) as (connector, script):
        assert connector.identity().parts == {"account": "me", "bucket bkt": "2026-01-01T00:00:00Z"}
        assert len(script.seen) == 3


def test_what_does_not_pass_ends_after_a_few_attempts() -> None:
    with connected((503, error("SlowDown"))) as (connector, script):
        with pytest.raises(TransientError, match="SlowDown"):
            connector.identity()
        assert len(script.seen) == 4


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", RefusedError),
        (403, "SignatureDoesNotMatch", TerminalError),
        (501, "NotImplemented", NotSupportedError),
        (400, "InvalidRequest", TerminalError),
        (404, "NoSuchBucket", TerminalError),
    ],
)
def test_what_will_never_pass_is_asked_once(status: int, code: str, kind: type[ConnectorError]) -> None:
    with connected((status, error(code))) as (connector, script):
        with pytest.raises(kind, match=code) as caught:
            connector.identity()
        assert len(script.seen) == 1
        assert "secret" not in f"{caught.value!r}{caught.value}{caught.value.remedy}"


def test_only_what_is_said_not_to_be_there_is_absent() -> None:
    """What may not be looked at, or cannot be now, is not gone (law 4): HEAD tells nothing but the status."""

    def looked(status: int) -> object:
        with connected((status, b"")) as (connector, _):
            return connector._service.call(
                "bucket bkt", "head_object", absent=NOT_THERE, Bucket="bkt", Key="users/1/secret"
            )

    assert looked(404) is None
    for status in (400, 401, 403, 405, 409, 412, 501, 503):
        with pytest.raises(ConnectorError, match=str(status)):
            looked(status)


def test_an_answer_that_is_no_s3_is_not_taken_for_one() -> None:
    with connected((200, b"<html>not S3")) as (connector, _), pytest.raises(ConnectorError):
        connector.identity()


def test_an_account_without_the_bucket_has_no_identity() -> None:
    other = LIST.replace(b"bkt", b"other")
    with connected((200, other)) as (connector, _), pytest.raises(TerminalError, match="no bucket bkt"):
        connector.identity()


@pytest.mark.parametrize("marker", [b"", b"<NextKeyMarker>k</NextKeyMarker>"])
def test_half_a_listing_is_an_error(marker: bytes) -> None:
    """It says that there is more, but not where, or always the same."""
    page = b"<ListVersionsResult><IsTruncated>true</IsTruncated>" + marker + b"</ListVersionsResult>"
    with connected((200, page)) as (connector, _), pytest.raises(TerminalError, match="breaks off"):
        list(
            connector._service.pages("bucket bkt", "list_object_versions", {"NextKeyMarker": "KeyMarker"}, Bucket="bkt")
        )


def refusing(code: str) -> tuple[int, bytes]:
    body = f"""<DeleteResult><Error><Key>users/1/secret</Key><VersionId>v1</VersionId><Code>{code}</Code>
    <Message>users/1/secret</Message></Error></DeleteResult>"""
    return 200, body.encode()


def removal(connector: S3Store, key: str = "users/1/secret", notice: RemovalNotice = no_notice) -> Removal:
    target = Target(1, "folders", "bkt", "users/1/", is_prefix=True, certain=True)
    entry = Entry("bkt", key, "v1", marker=False, latest=True, modified=datetime(2026, 1, 1, tzinfo=UTC))
    begun = Removal(connector._service, datetime(2026, 2, 1, tzinfo=UTC), no_beat, notice)
    begun.take(Found(target, (entry,), (), {}))
    return begun


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalError", TransientError), ("SlowDown", TransientError), ("Whatever", TerminalError)]
)
def test_a_refusal_of_one_object_is_an_error_of_the_call(code: str, kind: type[ConnectorError]) -> None:
    """DeleteObjects answers 200 and hides failures in its body."""
    with connected(refusing(code)) as (connector, _):
        with pytest.raises(kind, match=code) as caught:
            removal(connector).finish()
        assert "secret" not in str(caught.value)
        assert "collection folders" in str(caught.value)


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable"])
def test_a_refusal_of_one_object_that_passes_is_asked_again(code: str) -> None:
    with connected(refusing(code), refusing(code), (200, b"<DeleteResult/>")) as (connector, script):
        begun = removal(connector)
        begun.finish()
        assert begun.gone == 1
        assert len(script.seen) == 3


def test_only_what_was_refused_is_asked_again() -> None:
    answers = (refusing("SlowDown"), (200, b"<DeleteResult/>"))
    with connected(*answers) as (connector, _):
        bodies: list[bytes] = []
        connector._service._client().meta.events.register(
            "before-send.s3.DeleteObjects", lambda request, **_: bodies.append(request.body)
        )
        begun = removal(connector)
        target = Target(2, "folders", "bkt", "users/2/", is_prefix=True, certain=True)
        other = Entry("bkt", "users/2/x", "v9", marker=False, latest=True, modified=datetime(2026, 1, 1, tzinfo=UTC))
        begun.take(Found(target, (other,), (), {}))
        begun.finish()
        assert begun.gone == 2
    assert [(b"users/1/secret" in body, b"users/2/x" in body) for body in bodies] == [(True, True), (True, False)]


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchVersion"])
def test_what_is_gone_already_is_no_error(code: str) -> None:
    with connected(refusing(code)) as (connector, _):
        begun = removal(connector)
        begun.finish()
        assert begun.gone == 0


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([(503, error("SlowDown"))], SomeRecordsError),
        ([(403, error("AccessDenied")), OK, (404, error("NoSuchObjectLockConfiguration"))], TerminalError),
        ([(400, error("Whatever"))], TerminalError),
    ],
)
def test_what_goes_by_itself_and_is_refused_is_told_with_its_code(
    answers: list[tuple[int, bytes]], kind: type[ConnectorError]
) -> None:
    """Of a key that no XML says. One that cannot go now is its person's alone: the store works."""
    with connected(*answers) as (connector, _):
        with pytest.raises(kind, match=r"collection folders.*(SlowDown|AccessDenied|Whatever)") as caught:
            removal(connector, "users/1/\x01secret").finish()
        assert "secret" not in str(caught.value)


def test_what_goes_by_itself_and_is_gone_already_is_no_error() -> None:
    with connected((404, error("NoSuchVersion"))) as (connector, _):
        begun = removal(connector, "users/1/\x01secret")
        begun.finish()
        assert begun.gone == 0


def test_access_denied_without_a_lock_is_an_error() -> None:
    none = (404, error("NoSuchObjectLockConfiguration"))
    answers = (refusing("AccessDenied"), OK, OK, none, none)
    with connected(*answers) as (connector, _), pytest.raises(TerminalError, match="AccessDenied"):
        removal(connector).finish()


@pytest.mark.parametrize("key", ["users/1/secret", "users/1/\x01secret"], ids=["together", "by itself"])
@pytest.mark.parametrize(
    ("answer", "presumed"),
    [
        ((500, error("InternalError")), True),
        ((504, b""), True),
        ((200, b"<DeleteResult>not XML"), True),
        ((503, error("SlowDown")), False),
        ((403, error("SignatureDoesNotMatch")), False),
    ],
    ids=["failed within", "a gateway", "cut off", "busy", "refused"],
)
def test_where_the_outcome_is_unknown_it_may_have_gone(key: str, answer: tuple[int, bytes], *, presumed: bool) -> None:
    """Nothing is told to have gone where the service said that it did not do it."""
    told: list[object] = []
    with connected(answer) as (connector, _):
        begun = removal(connector, key, told.append)
        with suppress(ConnectorError):
            begun.finish()
    assert [{1: {"folders"}}] * len(told) == told
    assert bool(told) == presumed
