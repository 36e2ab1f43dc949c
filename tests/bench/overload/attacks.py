"""Attacks on a server, for the overload scene: each runs in a process of its own until it is told to end.

They wait rather than work: the machine's processors are for the server. What was answered is counted, by status.
"""

from __future__ import annotations

import secrets
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from multiprocessing.synchronize import Event
from threading import Thread
from typing import cast

from tests.support.api import AUDIENCE, TokenSigner, bearer

LOOPBACK = "127.0.0.1"
"""Where everything listens, and where those who are honest call from: the application, a named proxy, and a client."""

LIST = 60 * 2**20
PAUSE, PATIENCE = 0.1, 600.0


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked, and with which credentials.

    Attributes:
        keys: API keys, of an actor each.
        watched: A batch that runs.
        issuer: Whose set of keys is slow.
        standing: Set when the attack has come to its strength.
        over: Set when it is to end.
    """

    port: int
    keys: tuple[str, ...]
    watched: str
    issuer: str
    standing: Event
    over: Event


Attack = Callable[[Target], Counter[str]]


def uploads(target: Target) -> Counter[str]:
    """60 lists of 60 MiB at once, by one client, and each again when that is allowed: lines as short as they can be."""
    people = b"caller_id\n" + b"".join(b"%d\n" % one for one in range(10**6, 10**6 + LIST // 8))
    told = {**bearer(target.keys[0]), "Content-Type": "text/csv"}

    def upload(seen: Counter[str]) -> None:
        while not target.over.is_set():
            headers = {**told, "Idempotency-Key": secrets.token_hex(8)}
            status = call(target.port, "POST", "/v1/batches?controller=client:42", headers, people)
            seen[status] += 1
            if status == "201":
                return
            target.over.wait(5)

    return together(60, upload, target)


def half_open(target: Target, addresses: int = 40, first: int = 1) -> Counter[str]:
    """2,000 connections on which half a call's head is sent; whatever is closed is opened again."""
    head = b"GET /v1/batches HTTP/1.1\r\nHost: x\r\nX: "
    return crowd(target, [(address_of(first + one % addresses), head) for one in range(2000)])


def half_open_behind_the_proxy(target: Target) -> Counter[str]:
    """The same from the address of the application, which is not counted: it speaks for many."""
    return half_open(target, addresses=1, first=0)


def watchers(target: Target) -> Counter[str]:
    """600 who watch one batch, ten of each key, from ten addresses; 200 come a second, each with a call like others."""
    asked = f"GET /v1/batches/{target.watched}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    places = [
        (address_of(1 + number % 10), f"{asked}{key}\r\n\r\n".encode()) for number, key in enumerate(target.keys * 10)
    ]
    return crowd(target, places, pace=20)


def bad_keys(target: Target) -> Counter[str]:
    """6,300 follow-up keys that were never given, 150 at a time: of one visitor, as the application passes them on."""
    left = iter(range(6300))

    def guess(seen: Counter[str]) -> None:
        connection = HTTPConnection(LOOPBACK, target.port, timeout=60)
        for _ in left:
            if target.over.is_set():
                return
            key = f"fu_{secrets.token_hex(16)}_{secrets.token_urlsafe(32)}"
            connection.request(
                "GET",
                "/v1/follow_up/erasure_request",
                headers={"Authorization": f"Bearer {key}", "X-Forwarded-For": "127.0.0.2"},
            )
            with connection.getresponse() as answer:
                answer.read()
                seen[str(answer.status)] += 1

    return together(150, guess, target)


def slow_key_set(target: Target) -> Counter[str]:
    """Tokens under keys that nobody knows, so that the set is asked for: it answers when nobody waits any more."""
    signer = TokenSigner(target.issuer)

    def claim(seen: Counter[str]) -> None:
        while not target.over.is_set():
            moment = int(time.time())
            claims = {"iss": target.issuer, "aud": AUDIENCE, "iat": moment, "exp": moment + 60, "auth_time": moment}
            token = signer.sign({**claims, "jti": secrets.token_hex(8), "identifiers": {"user_id": 1}})
            seen[call(target.port, "GET", "/v1/me/erasure_requests", bearer(token))] += 1
            time.sleep(PAUSE)

    return together(20, claim, target)


def address_of(number: int) -> str:
    """The address of one of several; the first one's is that of the application."""
    return f"127.0.0.{1 + number}"


def crowd(target: Target, places: list[tuple[str, bytes]], pace: int = 100) -> Counter[str]:
    """A connection for each address and what is sent over it, so many new ones at a time; closed, opened again."""
    seen, number = Counter[str](), len(places)
    there = selectors.DefaultSelector()
    while not target.over.is_set():
        for address, said in places[:pace]:
            one = socket.create_connection((LOOPBACK, target.port), 10, source_address=(address, 0))
            one.sendall(said)
            there.register(one, selectors.EVENT_READ, (address, said))
            seen["opened"] += 1
        del places[:pace]
        if seen["opened"] >= number:
            target.standing.set()
        for key, _ in there.select(0):
            connection = cast("socket.socket", key.fileobj)
            try:
                came = connection.recv(65536)
            except ConnectionError:
                came = b""
            if came.startswith(b"HTTP/1.1 "):
                seen[came[9:12].decode()] += 1
            if not came:
                seen["closed"] += 1
                there.unregister(connection)
                connection.close()
                places.append(key.data)
        time.sleep(PAUSE)
    return seen


def call(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> str:
    """The status of one call from an attacker's address, or that the connection was closed."""
    connection = HTTPConnection(LOOPBACK, port, timeout=PATIENCE, source_address=(address_of(1), 0))
    try:
        with suppress(ConnectionError):  # it had said what it has to say, and listens no more
            connection.request(method, path, body, headers=dict(headers))
        return str(connection.getresponse().status)
    except (OSError, HTTPException):
        return "closed"
    finally:
        connection.close()


def together(number: int, act: Callable[[Counter[str]], None], target: Target) -> Counter[str]:
    """So many at a time, until it is over; what they have seen by then."""
    seen: Counter[str] = Counter()
    for _ in range(number):
        Thread(target=act, args=(seen,), daemon=True).start()
    target.standing.set()
    target.over.wait()
    return seen
