"""The real server before callers that are slow, large, odd or too many: an answer each, and others' calls go on."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from tests.support.api_process import PATIENT, Answer, ApiProcess, process_of, read, served
from tests.support.chaos.ledger_backends import FILE as LEDGER
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack, fresh_installation
from tests.support.opendsr import certificate_in

from expunge_demo.dev_servers.ports import LOOPBACK
from expunge_orchestrator.api.http_protocol import LONGEST_HEAD, LONGEST_TARGET
from expunge_orchestrator.cli import serve

CALLS, UNKNOWN = 20, 40
ENOUGH = 10**6
UPLOAD = 200_000
TILE = "/v1/log/tile/0/000"
_NOBODY = count(10**8)


@contextmanager
def opened(
    calltrack: CompanyStack, fork_server: ForkServer, home: Path, calls: int, unknown: int
) -> Iterator[ApiProcess]:
    """A server with these limits of calls in a minute."""
    opendsr = certificate_in(home)
    with served(
        calltrack,
        fork_server,
        home,
        CALLS_PER_MINUTE=str(calls),
        CALLS_PER_MINUTE_UNKNOWN=str(unknown),
        CONNECTIONS_PER_ADDRESS="200",
        CALL_TIMEOUT="PT2S",
        MAX_UPLOAD=str(UPLOAD),
        OPENDSR__DOMAIN=opendsr.domain,
        OPENDSR__CERTIFICATE=str(opendsr.certificate),
        OPENDSR__KEY=str(opendsr.key),
        OPENDSR__IDENTITIES=json.dumps(opendsr.identities),
    ) as made:
        yield made
        written = made.log.read_text()
        assert "Traceback" not in written
        assert "defect" not in written


@pytest.fixture(scope="module")
def server(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    with opened(calltrack, fork_server, tmp_path_factory.mktemp("served"), ENOUGH, ENOUGH) as made:
        yield made


@pytest.fixture(scope="module")
def strict(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiProcess]:
    """One of its own: a limit that was met holds for a minute, for whatever comes from here."""
    with opened(calltrack, fork_server, tmp_path_factory.mktemp("strict"), CALLS, UNKNOWN) as made:
        yield made


def asked(server: ApiProcess, key: str = "") -> Answer:
    """An ordinary call, by somebody who has made none before."""
    headers = {**server.person(user_id=next(_NOBODY)), "Idempotency-Key": key or f"k{next(_NOBODY)}"}
    return server.call("POST", "/v1/me/erasure_requests", headers, scope="account")


def wish(**members: object) -> dict[str, object]:
    return {"controller": "client:42", "identifiers": {"caller_id": str(next(_NOBODY))}, **members}


def create(server: ApiProcess, body: bytes, kind: str = "application/json") -> Answer:
    headers = {**server.key("requester"), "Idempotency-Key": f"k{next(_NOBODY)}", "Content-Type": kind}
    return server.call("POST", "/v1/erasure_requests", headers, body)


def chunked(size: int, piece: int = 4096) -> bytes:
    one = f"{piece:x}\r\n".encode() + b" " * piece + b"\r\n"
    return one * (size // piece) + b"0\r\n\r\n"


# Too many ------------------------------------------------------------------------------------------------------------


def test_too_many_calls_are_told_when_to_come_again(strict: ApiProcess) -> None:
    """More than twice the limit, so that in one of two minutes there are too many."""
    for _ in range(2 * CALLS + 1):
        answer = strict.call("GET", "/v1/audit_log", strict.key("auditor"))
        if answer.status == 429:
            break
    assert (answer.status, answer.slug) == (429, "too-many-calls")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert asked(strict).status == 201, "others are not kept waiting"


def test_guesses_are_counted_by_address(strict: ApiProcess) -> None:
    for number in range(2 * UNKNOWN + 1):
        answer = strict.call("GET", "/opendsr/v2/requests/x", {"Authorization": f"Bearer xk_{number:012x}_guess"})
        if answer.status == 429:
            break
    assert answer.status == 429
    assert json.loads(answer.body)["error"]["errors"][0]["reason"] == "too-many-calls"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert asked(strict).status == 201, "whoever has a credential is not one of them"


def test_a_ledger_that_is_busy_is_said_with_when_to_come_again(server: ApiProcess) -> None:
    """And the same call later, with the same key, is taken in once."""
    headers = {**server.key("operator"), "Idempotency-Key": "while it was busy"}
    body = wish()
    other = sqlite3.connect(server.home / LEDGER, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        answer = server.call("POST", "/v1/erasure_requests", headers, json.dumps(body).encode(), **body)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.slug in {"took-too-long", "ledger-unavailable"}
    finally:
        other.execute("ROLLBACK")
        other.close()
    again = [server.call("POST", "/v1/erasure_requests", headers, **body) for _ in range(2)]
    assert {one.status for one in again} <= {200, 201}
    assert len({json.loads(one.body)["id"] for one in again}) == 1


# Too large -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/v1/erasure_requests", 100_000),
        ("/v1/batches?controller=client:42", 400_000),
        ("/opendsr/v2/requests", 100_000),
    ],
)
def test_a_body_in_pieces_is_not_read_beyond_the_limit(server: ApiProcess, path: str, size: int) -> None:
    """No Content-Length says how much comes."""
    kind = "text/csv" if "batches" in path else "application/json"
    headers = {
        **server.key("operator"),
        "Idempotency-Key": f"k{next(_NOBODY)}",
        "Content-Type": kind,
        "Transfer-Encoding": "chunked",
    }
    answer = server.call("POST", path, headers, chunked(size))
    assert answer.status == 413
    if "opendsr" in path:
        assert json.loads(answer.body)["error"]["errors"][0]["reason"] == "body-too-large"
    else:
        assert answer.slug == "body-too-large"


def test_a_declared_body_is_refused_before_it_comes(server: ApiProcess) -> None:
    with server.connected() as connection:
        connection.sendall(
            b"POST /v1/erasure_requests HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n\r\n"
        )
        answer = read(connection)
    assert (answer.status, answer.slug) == (413, "body-too-large")


@pytest.mark.parametrize("length", ["-1", "1, 2", "0x10", "1e3", "٣"])
def test_lengths_that_are_none(server: ApiProcess, length: str) -> None:
    answer = server.raw(f"POST /v1/erasure_requests HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    assert answer.status == 400


@pytest.mark.parametrize("lengths", [("Content-Length: {}", "Transfer-Encoding: chunked"), ("Content-Length: {}\n",)])
def test_two_lengths_are_no_smuggling(server: ApiProcess, lengths: tuple[str, ...]) -> None:
    """RFC 9112, 6.3 and 2.2: what can be read two ways is not read, also of somebody who may call."""
    body = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    told = [f"{name}: {value}" for name, value in server.key("operator").items()]
    lines = ["POST /v1/locate HTTP/1.1", "Host: x", "Content-Type: application/json", *told, *lengths, "", ""]
    with server.connected() as connection:
        connection.sendall("\r\n".join(lines).format(len(body)).encode() + body)
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"ok\n" not in got


# Too slow ------------------------------------------------------------------------------------------------------------

PIECES, PAUSE = 3000, 0.02
"""A body that comes so slowly takes a minute; a call has two seconds."""

SOON = 20.0
"""Seconds after which a call of two is late, on however slow a machine."""


@pytest.mark.parametrize("path", ["/v1/erasure_requests", "/v1/batches?controller=client:42", "/opendsr/v2/requests"])
def test_a_body_that_trickles_is_not_waited_for(server: ApiProcess, path: str) -> None:
    key = server.key("operator")["Authorization"]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nIdempotency-Key: slow\r\n"
        f"Content-Type: application/json\r\nContent-Length: {PIECES}\r\n\r\n"
    )
    with server.connected() as connection:
        connection.sendall(head.encode())
        assert trickled(connection, PIECES) < PIECES, "it was read to its end"
        assert read(connection).status == 503


def test_a_body_is_not_waited_for_where_batches_are_watched(server: ApiProcess) -> None:
    """Only the answer may take longer than a call; a body that never comes may not, whoever it is of."""
    for key in (server.key("operator"), server.key("auditor")):
        with server.connected() as connection:
            connection.settimeout(SOON)
            head = f"GET /v1/batches/none/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key['Authorization']}\r\n"
            connection.sendall(f"{head}Content-Length: 1\r\n\r\n".encode())
            answer = read(connection)
            assert (answer.status, answer.slug) == (503, "took-too-long")


def test_many_that_trickle_keep_nobody_from_being_served(server: ApiProcess) -> None:
    """More than there are threads."""
    key = server.key("operator")["Authorization"]
    head = (
        f"POST /v1/erasure_requests HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 9\r\n\r\n".encode()
    )
    with ExitStack() as stack:
        slow = [stack.enter_context(server.connected()) for _ in range(120)]
        for one in slow:
            one.sendall(head)
        assert asked(server).status == 201
        assert server.call("GET", "/healthz").body == b"ok\n"
        for one in slow:
            assert read(one).status in {429, 503}


@pytest.mark.parametrize("first", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first call", "second call"])
def test_a_head_that_trickles_is_not_waited_for(server: ApiProcess, first: bytes) -> None:
    """Also on a connection that was served before; and one that says nothing at all is closed."""
    with server.connected() as connection, server.connected() as silent:
        if first:
            connection.sendall(first)
            assert read(connection).status == 200
        head = b"GET /healthz HTTP/1.1\r\n" + b"X-Pad: y\r\n" * PIECES
        connection.sendall(head[:30])
        assert trickled(connection, PIECES, head[30:]) < PIECES, "it was read to its end"
        assert ended(connection)
        assert ended(silent)


MANY = 100
"""Answers of ten megabytes in all: more than the kernel keeps for somebody who does not read."""


def test_an_answer_that_nobody_takes_is_not_kept(server: ApiProcess) -> None:
    """However much was asked for: what is not taken goes with the connection (more of it: test_slow_clients.py).

    It may have gone when this looks first: so another connection shows that one that is there is seen.
    """
    with socket.create_connection((LOOPBACK, server.port), PATIENT) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1) == b"H"
        assert open_at(server, idle)
    with unread(server) as reader:
        deadline = time.monotonic() + SOON
        while open_at(server, reader):
            assert time.monotonic() < deadline, "the server waits for somebody who reads nothing"
            time.sleep(0.1)


def unread(server: ApiProcess, last: str = "") -> socket.socket:
    """A connection on which much was asked for and nothing is read."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(PATIENT)
    reader.connect((LOOPBACK, server.port))
    one = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n"
    reader.sendall((MANY * f"{one}\r\n" + f"{one}{last}\r\n").encode())
    reader.recv(1, socket.MSG_PEEK)
    return reader


def open_at(server: ApiProcess, connection: socket.socket) -> bool:
    """Whether a process still has the server's end: a socket without one has no inode (proc(5), /proc/net/tcp)."""
    port = connection.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = [int(end.rpartition(":")[2], 16) for end in fields[1:3]]
        if ends == [server.port, port]:
            return fields[9] != "0"
    return False


def trickled(connection: socket.socket, pieces: int, text: bytes = b"") -> int:
    """Send a byte at a time until there is an answer or an end; how many were sent."""
    connection.setblocking(False)
    try:
        for number in range(pieces):
            try:
                connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                pass
            except ConnectionError:
                return number
            else:
                return number
            try:
                connection.send(text[number : number + 1] or b" ")
            except ConnectionError:
                return number
            time.sleep(PAUSE)
        return pieces
    finally:
        connection.settimeout(120)


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


# Odd -----------------------------------------------------------------------------------------------------------------

ODD = (
    b"//v1/erasure_requests",
    b"/v1//requests",
    b"/v1/../v1/erasure_requests",
    b"/v1/%2e%2e/v1/erasure_requests",
    b"/v1%2Frequests",
    b"/v1/erasure_requests/",
    b"/v1/erasure_requests/%2F",
    b"/v1/erasure_requests/..%2f..%2fetc",
    b"/v1/erasure_requests/%00",
    b"/v1/erasure_requests%0A",
    b"/v1/batches/bt_0/events%0A",
    b"/v1/erasure_requests?cursor=%00",
    b"/v1/erasure_requests/%zz",
    b"/v1/erasure_requests/%ff%fe",
    b"/v1/erasure_requests/" + b"a" * 8000,
    b"/v1/erasure_requests/" + b"a" * 200_000,
    b"/" + b"../" * 2000 + b"etc/passwd",
    b"/v1/log/tile/../../keys/wrapping.key",
    b"/v1/log/tile/%2e%2e/%2e%2e/keys/wrapping.key",
    b"/V1/REQUESTS",
    b"*",
    b"requests",
    b"http://elsewhere.example/v1/erasure_requests",
    b"/v1/erasure_requests;x=1",
    b"/v1/erasure_requests#frag",
    b"/v1/erasure_requests?" + b"a=1&" * 10_000,
    b"/v1/erasure_requests/\xc3\xa4",
    b"/v1/erasure_requests/\x7f",
    b"/opendsr/v2//requests",
    b"/opendsr/v2/requests/",
    b"/opendsr/v2/..%2f..%2fv1/audit",
)


@pytest.mark.parametrize("path", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("method", [b"GET", b"POST", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PURGE"])
def test_odd_paths_lead_nowhere(server: ApiProcess, path: bytes, method: bytes) -> None:
    """Never an error of the server, never elsewhere, never what is behind a credential; and nothing is repeated."""
    answer = server.raw(method + b" " + path + b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    if len(path) > LONGEST_TARGET:
        assert answer.status in {0, 414}
        return
    assert answer.status in {400, 401, 404, 405, 422}
    assert "location" not in answer.headers
    assert b"evil" not in answer.body
    assert b"aaaa" not in answer.body
    if method != b"HEAD" and answer.headers.get("content-type") == "application/problem+json":
        assert json.loads(answer.body)["status"] == answer.status


def test_what_may_be_done_there_is_said(server: ApiProcess) -> None:
    answer = server.call("OPTIONS", "/v1/locate")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert server.call("HEAD", "/v1/erasure_requests", server.key("operator")).status == 405
    told = server.call("DELETE", "/opendsr/v2/discovery")
    assert (told.status, json.loads(told.body)["error"]["code"]) == (405, 405)


BODIES = {
    "not JSON": b"{",
    "nothing": b"",
    "an array": b"[]",
    "null": b"null",
    "a number that is huge": b'{"controller": 1' + b"0" * 20_000 + b"}",
    "a float that is none": b'{"controller": NaN, "identifiers": {"caller_id": Infinity}}',
    "deep": b'{"identifiers":' * 3000 + b"1" + b"}" * 3000,
    "deep lists": b"[" * 30_000 + b"]" * 30_000,
    "latin-1": '{"controller": "client:42", "identifiers": {"email": "jörg@mail.example"}}'.encode("latin-1"),
    "half a character": b'{"controller": "client:42", "identifiers": {"email": "\xf0\x9f@mail.example"}}',
    "half a pair": b'{"controller": "client:42", "identifiers": {"email": "\\ud800@mail.example"}}',
    "half a pair as a name": b'{"controller": "client:42", "identifiers": {"\\ud800": "1"}}',
    "half a pair as whom": b'{"controller": "client:\\ud800", "identifiers": {"caller_id": "1"}}',
    "a NUL": b'{"controller": "client:42", "identifiers": {"email": "a\\u0000@mail.example"}}',
    "said twice": b'{"controller": "client:42", "controller": "client:43", "identifiers": {"caller_id": "1"}}',
    "two people": b'{"controller": "client:42", "identifiers": {"caller_id": "1", "caller_id": "2"}}',
    "two people, said differently": b'{"controller": "client:42", "identifiers": {"email": "1", "em\\u0061il": "2"}}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_odd_bodies_are_refused(server: ApiProcess, body: bytes) -> None:
    answer = create(server, body)
    assert answer.status == 422
    assert answer.slug in {"call-unusable", "people-unusable"}


@pytest.mark.parametrize("where", ["/v1/locate", "/v1/legal_holds", "/v1/api_keys", "/opendsr/v2/requests"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_odd_bodies_are_refused_everywhere(server: ApiProcess, where: str, body: bytes) -> None:
    who = server.staff("operator", "admin")
    answer = server.call("POST", where, {**who, "Content-Type": "application/json"}, body)
    assert answer.status == (400 if "opendsr" in where else 422)
    assert ("error" in json.loads(answer.body)) == ("opendsr" in where)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/csv",
        "application/octet-stream",
        "json",
        ";;;",
        "application/json-seq",
    ],
)
def test_what_is_not_said_to_be_json_is_not_read_as_json(server: ApiProcess, kind: str) -> None:
    """So that no page of anybody's can make a browser send it without asking."""
    assert create(server, json.dumps(wish()).encode(), kind).status in {400, 422}


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "nonsense", '"']
)
def test_a_body_in_a_coding_that_is_not_read_is_not_taken_as_it_is(server: ApiProcess, coding: str) -> None:
    """It may say something else once it is unfolded, and a proxy between may do that."""
    list_of_people = {"Content-Type": "text/csv", "Content-Encoding": coding, "Idempotency-Key": "coded"}
    who = server.staff("operator")
    answer = server.call("POST", "/v1/batches?controller=client:42", {**who, **list_of_people}, b"caller_id\n1\n")
    assert (answer.status, answer.slug, answer.headers["accept-encoding"]) == (415, "coding-unusable", "identity")
    answer = server.call(
        "POST", "/v1/erasure_requests", {**who, "Content-Encoding": coding}, json.dumps(wish()).encode()
    )
    assert (answer.status, answer.slug) == (415, "coding-unusable")


@pytest.mark.parametrize("charset", ["iso-8859-1", '"Latin1"', "utf-16", "nonsense"])
def test_a_list_that_says_that_it_is_no_utf_8_is_not_read_as_utf_8(server: ApiProcess, charset: str) -> None:
    """It might be: then its letters are others than the sender's."""
    told = {"Content-Type": f"text/csv; header=present; charset={charset}", "Idempotency-Key": "other letters"}
    who = server.staff("operator")
    answer = server.call("POST", "/v1/batches?controller=client:42", {**who, **told}, "email\né@x.example\n".encode())
    assert (answer.status, answer.slug) == (415, "coding-unusable")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16", "nonsense", '"'])
def test_charsets_mean_nothing_in_json(server: ApiProcess, charset: str) -> None:
    """RFC 8259, 8.1 and 11: it is UTF-8, whatever a parameter says."""
    body = json.dumps(wish(), ensure_ascii=False).encode()
    assert create(server, body, f"application/json; charset={charset}").status == 201


def test_a_list_in_another_charset(server: ApiProcess) -> None:
    headers = {**server.key("operator"), "Idempotency-Key": f"k{next(_NOBODY)}", "Content-Type": "text/csv"}
    for text in (
        "email\njörg@mail.example\n".encode("utf-16"),
        b"email\n\xff\xfe@mail.example\n",
        b"email\n\0\n",
        b'"',
        b"\n" * 9,
    ):
        answer = server.call("POST", "/v1/batches?controller=client:42", headers, text)
        assert (answer.status, answer.slug) == (422, "people-unusable")


def test_odd_headers(server: ApiProcess) -> None:
    for name, value in (
        ("Idempotency-Key", b"\xff\xfe"),
        ("Idempotency-Key", b"x" * 201),
        ("Authorization", b"Bearer \xff"),
        ("Authorization", b"Bearer " + b"a." * 20_000),
        ("Authorization", b"Bearer a.b.c"),
        ("Authorization", b"Basic x"),
        ("Accept", b"\xff"),
        ("Content-Type", b"\xff"),
        ("X-Forwarded-For", b"\xff"),
        ("Cookie", b"a" * 60_000),
    ):
        answer = server.raw(
            b"POST /v1/locate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
            + name.encode()
            + b": "
            + value
            + b"\r\n\r\n{}"
        )
        assert answer.status in ({431} if len(value) > LONGEST_HEAD else {400, 401, 422}), name


def test_it_ends_when_it_is_told_to(
    server: ApiProcess, calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Also while somebody trickles."""
    with served(calltrack, fork_server, tmp_path, CALL_TIMEOUT="PT2S") as made, made.connected() as connection:
        connection.sendall(b"POST /v1/locate HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert made.call("GET", "/readyz").status == 200
        assert made.end() == 0


def test_a_thread_that_works_lets_others_go_on_soon(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Else each step of a call waits 5 ms for the interpreter while a list is read: Python's own interval."""
    code = "import sys, uvicorn; uvicorn.Server.run = lambda _: print('interval', sys.getswitchinterval())"
    with fresh_installation(calltrack, tmp_path / "expunge") as installation:
        made = process_of(installation, fork_server, tmp_path)
        assert made.launch(code=code).wait(PATIENT) == 0
    (told,) = [line for line in made.log.read_text().splitlines() if line.startswith("interval")]
    assert float(told.split()[1]) <= 0.0005


def test_it_ends_while_a_batch_is_watched(calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path) -> None:
    """Nobody works on the batch: it would be watched for five minutes. Two watch, and one of them does not read."""
    with served(calltrack, fork_server, tmp_path, "--no-worker") as made:
        operator, uid = made.key("operator"), begun(made, calltrack)
        with made.connected() as reads, made.connected() as silent:
            for one in (reads, silent):
                authorization = operator["Authorization"]
                call = f"GET /v1/batches/{uid}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n"
                one.sendall(call.encode())
            assert b"event: progress" in until(reads, b"event: progress")
            began = time.monotonic()
            assert made.end() == 0
            assert time.monotonic() - began < serve.GRACE, "it waited for those who watch"
            assert until(reads, b"\r\n0\r\n\r\n").endswith(b"0\r\n\r\n"), "the answer was not cut"
        assert "Traceback" not in made.log.read_text()


@pytest.mark.heavy
def test_it_ends_while_a_call_takes_longer_than_it_waits(
    calltrack: CompanyStack, fork_server: ForkServer, tmp_path: Path
) -> None:
    """A call may take a minute here; who is in the middle of one is told to come again, and nothing is logged of it.

    Two others read nothing of what they asked for.
    """
    with (
        served(calltrack, fork_server, tmp_path, CALL_TIMEOUT="PT60S") as made,
        made.connected() as connection,
        unread(made),
        unread(made, "Connection: close\r\n"),
    ):
        key = made.key("operator")["Authorization"]
        head = f"POST /v1/locate HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 9\r\n\r\n"
        connection.sendall(head.encode())
        assert made.call("GET", "/readyz").status == 200
        began = time.monotonic()
        assert made.end() == 0
        assert time.monotonic() - began < serve.GRACE + SOON, "it waited for the body"
        answer = read(connection)
        assert (answer.status, answer.slug) == (503, "took-too-long")
        assert int(answer.headers["retry-after"]) > 0
        assert "Traceback" not in made.log.read_text()


def begun(server: ApiProcess, calltrack: CompanyStack) -> str:
    """A batch that was started."""
    client = calltrack.company.clients[2].id
    headers = {**server.key("operator"), "Idempotency-Key": f"k{next(_NOBODY)}"}
    listed = f"caller_id\n{calltrack.company.callers_of(client)[0]}\n".encode()
    path = f"/v1/batches?controller=client:{client}"
    plan = json.loads(server.call("POST", path, {**headers, "Content-Type": "text/csv"}, listed).body)
    started = server.call("POST", f"/v1/batches/{plan['id']}/start", server.key("operator"), digest=plan["digest"])
    assert started.status == 202, started.body
    return str(plan["id"])


def until(connection: socket.socket, end: bytes) -> bytes:
    """What comes, up to this, or all of it."""
    got = b""
    while end not in got and (more := connection.recv(65536)):
        got += more
    return got
