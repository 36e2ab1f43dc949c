"""The example that people copy stays small, and its pages hold no script and load nothing from elsewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import threading
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

import psycopg
import pytest
from tests.support.documentation import ROOT
from tests.support.servers import fresh_database, wait_until

from expunge_demo import sidecar
from expunge_demo.dev_servers import Endpoints
from expunge_demo.dev_servers.ports import LOOPBACK, free_ports, is_free

EXAMPLE = ROOT / "docs" / "examples" / "account_settings"
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
DESCRIBED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def lines_of_code(path: Path) -> set[int]:
    """Return the numbers of the lines that are neither blank nor comment nor docstring."""
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in NO_CODE]
    code = {line for token in tokens[1:] for line in range(token.start[0], token.end[0] + 1)}  # without the encoding
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DESCRIBED) and ast.get_docstring(node) is not None:
            code -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return code


def test_it_is_read_in_five_minutes() -> None:
    assert 0 < sum(len(lines_of_code(path)) for path in EXAMPLE.glob("*.py")) < 150


@pytest.mark.parametrize("page", sorted((EXAMPLE / "templates").glob("*.html")), ids=lambda page: page.name)
def test_a_page_has_no_script_and_loads_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<script|\son\w+=|javascript:", text)
    addresses = re.findall(r"(?:src|href|action)=(\S+)", text)
    assert [one for one in addresses if not re.match(r'"(/(?!/)|mailto:)', one)] == []


def test_every_form_that_changes_something_holds_the_word() -> None:
    for page in (EXAMPLE / "templates").glob("*.html"):
        for form in re.findall(r"<form method=\"post\".*?</form>", page.read_text(), re.DOTALL):
            assert 'name="csrf" value="$csrf"' in form, page.name


class Expunge(BaseHTTPRequestHandler):
    """Knows nobody, and remembers who was asked for."""

    asked: ClassVar[list[tuple[str | None, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.headers["authorization"], self.headers["x-forwarded-for"]))
        if "silent" in self.headers["authorization"]:
            self.close_connection = True
            return
        if "good" in self.headers["authorization"]:
            self.send_response(200)
            self.end_headers()
            return
        self.send_response(401)
        if "no-problem" not in self.headers["authorization"]:
            self.send_header("content-type", "application/problem+json")
        self.end_headers()
        self.wfile.write(b'{"detail": "Nobody knows it."}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass(slots=True)
class Visitor:
    """A browser: it keeps the cookie and the word of the forms."""

    port: int
    address: str = LOOPBACK
    cookie: str = ""
    csrf: str = ""
    said: str = ""
    lasts: str = ""

    def asks(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/x-www-form-urlencoded"
    ) -> tuple[int, str]:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=60, source_address=(self.address, 0))
        connection.request(method, path, body, {"Cookie": self.cookie, "Content-Type": kind})
        answer = connection.getresponse()
        self.said = answer.read().decode()
        if given := answer.headers["set-cookie"]:
            self.cookie, _, self.lasts = given.partition(";")
        if found := re.findall('name="csrf" value="(.*?)"', self.said):
            self.csrf = found[0]
        connection.close()
        return answer.status, self.said

    def sends(self, path: str, **fields: str) -> int:
        return self.asks("POST", path, urlencode({"csrf": self.csrf, **fields}).encode())[0]

    def signs_in(self) -> None:
        self.asks("GET", "/")
        assert self.sends("/", user="1") == 303
        assert "ann@mail.example" in self.asks("GET", "/")[1]


@dataclass(slots=True)
class Page:
    """The example at work.

    Attributes:
        log: What it printed.
    """

    port: int
    log: Path

    def visitor(self, address: str = LOOPBACK) -> Visitor:
        return Visitor(self.port, address)


@pytest.fixture(scope="module")
def page(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    (port,) = free_ports(1)
    log = tmp_path_factory.mktemp("page") / "log"
    with HTTPServer((LOOPBACK, 0), Expunge) as expunge, fresh_database(servers.postgres_url) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE TABLE users (id bigint, email text, full_name text, status text)")
            connection.execute("INSERT INTO users VALUES (1, 'ann@mail.example', 'Ann', 'active')")
        threading.Thread(target=expunge.serve_forever, daemon=True).start()
        environment = {
            "EXPUNGE_URL": f"http://{LOOPBACK}:{expunge.server_port}",
            "DATABASE_URL": database,
            "DEMO_PEOPLE": "1",
            "PLAIN_HTTP": "yes",
        }
        with logged_to(log), sidecar.running(EXAMPLE, port, environment):
            wait_until(lambda: not is_free(port), seconds=60)
            yield Page(port, log)
        expunge.shutdown()


@contextmanager
def logged_to(log: Path) -> Iterator[None]:
    """What processes print that begin in this block goes there."""
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def test_expunge_is_told_for_which_visitor_it_is_called(page: Page) -> None:
    """It counts wrong deletion keys by address: else one visitor's guesses lock out what all others mistype."""
    Expunge.asked.clear()
    for address in ("127.0.0.2", "127.0.0.3"):
        visitor = page.visitor(address)
        visitor.asks("GET", "/status")
        assert visitor.sends("/status", key=f"fu_{address}") == 401
    assert Expunge.asked == [("Bearer fu_127.0.0.2", "127.0.0.2"), ("Bearer fu_127.0.0.3", "127.0.0.3")]


PASTED = "fu_0123456789_of-somebody"
ODD = {
    "no field": b"",
    "of no meaning": b"=&=&&;%zz=%&a",
    "twice": b"key=a&key=b&scope=account&scope=x&once=1&once=2&when=now&when=later&user=1&user=2&email=a&email=b",
    "no text": b"key=\xff\xfe&email=\xff&once=\xff&user=\xff&scope=\xff&when=\xff",
    "no text, encoded": b"key=%ff%fe&email=%ff&once=%ed%a0%80&user=%ff&scope=%00&when=%c0",
    "no header": f"key={PASTED}%0d%0aX: y&once=a%0ab%00&email=a%0ab&user=%0a&scope=account&when=now".encode(),
    "of another alphabet": "key=fu_ключ&once=ключ&user=\u0661&scope=account&when=now&email=ä".encode(),
    "long": b"user=" + b"9" * 5000 + b"&key=" + b"k" * 5000 + b"&once=" + b"o" * 500 + b"&scope=account&when=now",
    "JSON": b'{"csrf": "word", "key": "x"}',
}
KINDS = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x", "", "x" * 300)


@pytest.mark.parametrize("path", ["/", "/delete", "/status", "/undo", "/opening.json"])
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_form_is_refused_and_no_failure(page: Page, path: str, odd: str) -> None:
    for signed_in in (False, True):
        for kind in KINDS:
            visitor = page.visitor()
            if signed_in:
                visitor.signs_in()
            visitor.asks("GET", "/status" if not signed_in else "/")
            for word in (f"csrf={visitor.csrf}&".encode(), b"csrf=%ff&", b""):
                assert visitor.asks("POST", path, word + ODD[odd], kind)[0] < 500, (signed_in, kind, word)
    assert PASTED not in page.log.read_text()
    assert "Traceback" not in page.log.read_text()


def test_a_long_form_is_not_passed_on(page: Page) -> None:
    """Expunge would refuse it; so is one that does not say how long it is."""
    visitor = page.visitor()
    visitor.asks("GET", "/status")
    Expunge.asked.clear()
    assert visitor.sends("/status", key="k" * 8200) == 403
    assert "too long" in visitor.said
    assert Expunge.asked == []
    assert visitor.sends("/status", key="k" * 7000) == 401
    assert visitor.sends("/status", key="\u00e9" * 1000) == 401
    assert [len(bearer or "") for bearer, _ in Expunge.asked] == [len("Bearer ") + 100, len("Bearer ") + 600]


@pytest.mark.parametrize("key", ["silent", "no-problem"])
def test_that_expunge_does_not_answer_is_a_problem_and_no_failure(page: Page, key: str) -> None:
    """Or that something before it does, in its own words."""
    visitor = page.visitor()
    visitor.asks("GET", "/status")
    assert visitor.sends("/status", key=key) == 502
    assert "does not answer" in visitor.said
    assert "Traceback" not in page.log.read_text()


def test_a_long_head_is_refused_and_a_quoted_cookie_is_none(page: Page) -> None:
    """Python 3.11 reads it in time that grows with its square, and FastAPI has every call's read."""
    visitor = page.visitor()
    visitor.cookie = "a=" + "b" * 8200
    assert visitor.asks("GET", "/")[0] == 400
    visitor.cookie = ""
    visitor.signs_in()
    assert "ann@mail.example" in visitor.asks("GET", "/")[1]
    visitor.cookie += '; quoted="\\"\\""'
    assert "ann@mail.example" not in visitor.asks("GET", "/")[1]


def test_nothing_is_asked_for_with_no_key(page: Page) -> None:
    for path in ("/receipt", "/receipt.json", "/deletion-key.txt", "/delete?scope=%ff&when=%00", "/status?key=%0a"):
        assert page.visitor().asks("GET", path)[0] < 500
        odd = page.visitor()
        odd.cookie = 'visitor="\\377\\"; visitor=ä'.encode().decode("latin-1")
        assert odd.asks("GET", path)[0] < 500
    assert "Traceback" not in page.log.read_text()


def test_who_signs_out_is_signed_out_everywhere(page: Page) -> None:
    """Also where the cookie was copied."""
    visitor, thief = page.visitor(), page.visitor()
    visitor.signs_in()
    thief.cookie = visitor.cookie
    assert "ann@mail.example" in thief.asks("GET", "/")[1]
    assert visitor.sends("/") == 303
    thief.cookie, csrf = thief.cookie, thief.csrf
    assert "ann@mail.example" not in thief.asks("GET", "/")[1]
    thief.csrf = csrf
    assert thief.sends("/delete", scope="account", when="now", once="1") == 403
    assert "ann@mail.example" not in visitor.asks("GET", "/")[1]


def test_a_session_that_began_before_the_sign_in_is_not_signed_in(page: Page) -> None:
    """A cookie that somebody planted."""
    visitor = page.visitor()
    visitor.asks("GET", "/")
    planted = visitor.cookie
    visitor.signs_in()
    assert visitor.cookie != planted


def test_a_session_ends_by_itself(page: Page) -> None:
    visitor = page.visitor()
    visitor.signs_in()
    assert "Max-Age=900" in visitor.lasts
    assert {"HttpOnly", "SameSite=strict"} <= {one.strip() for one in visitor.lasts.split(";")}


def test_one_deletion_key_opens_few_sessions_at_a_time(page: Page) -> None:
    """And ends nobody else's by opening many."""
    person, followers = page.visitor(), [page.visitor() for _ in range(6)]
    person.signs_in()
    for one in followers:
        one.asks("GET", "/status")
        assert one.sends("/status", key="fu_good") == 303
    told = ["fu_good" in one.asks("GET", "/deletion-key.txt")[1] for one in followers]
    assert told == [False, False, True, True, True, True]
    assert "ann@mail.example" in person.asks("GET", "/")[1]


def test_a_session_is_over_after_a_quarter_of_an_hour() -> None:
    """The server's own clock: a browser may keep a cookie for as long as it likes."""
    environment = {**os.environ, "PLAIN_HTTP": "yes"}
    script = """
import time, types, visitor
known = visitor.fresh(1)
request = types.SimpleNamespace(cookies={visitor.COOKIE: known["session"]}, client=types.SimpleNamespace(host="x"))
assert visitor.visitor(request)["user"] == 1
began = time.time()
time.time = lambda: began + 899
assert visitor.visitor(request)["user"] == 1
time.time = lambda: began + 902
assert visitor.visitor(request)["user"] == 0
known = visitor.fresh(1)
request.cookies[visitor.COOKIE] = known["session"]
for number in range(10_100):
    visitor.visitor(types.SimpleNamespace(cookies={}, client=request.client))
    visitor.visitor(types.SimpleNamespace(cookies={visitor.COOKIE: str(number)}, client=request.client))
assert visitor.visitor(request)["user"] == 1
assert len(visitor.SESSIONS) == 1
for _ in range(10_100):
    visitor.fresh(2)
    visitor.fresh(key="fu_good")
assert visitor.visitor(request)["user"] == 1
assert len(visitor.SESSIONS) < 10
"""
    subprocess.run([sys.executable, "-c", script], cwd=EXAMPLE, env=environment, check=True)
