"""The example that people copy stays small, and its pages hold no script and load nothing from elsewhere."""

from __future__ import annotations

import ast
import re
import threading
import time
import tokenize
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.support.documentation import ROOT
from tests.support.servers import wait_until

from expunge_orchestrator.demo import sidecar
from expunge_orchestrator.dev_servers.ports import LOOPBACK, free_ports, is_free

EXAMPLE = ROOT / "docs" / "examples" / "account_settings"
SECRET = "of a demonstration"
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


def test_expunge_is_told_for_which_visitor_it_is_called() -> None:
    """It counts wrong deletion keys by address: else one visitor's guesses lock out what all others mistype."""
    asked: list[tuple[str | None, str | None]] = []

    class Expunge(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.headers["authorization"], self.headers["x-forwarded-for"]))
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b'{"detail": "Nobody knows it."}')

        def log_message(self, *_: object) -> None:
            """Nothing."""

    (page,) = free_ports(1)
    known = {"user": 0, "signed_in_at": int(time.time()), "key": "", "csrf": "word"}
    cookie = jwt.encode({"alg": "HS256"}, known, OctKey.import_key(SECRET))
    headers = {"Cookie": f"visitor={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
    with HTTPServer((LOOPBACK, 0), Expunge) as expunge:
        threading.Thread(target=expunge.serve_forever, daemon=True).start()
        named = {"EXPUNGE_URL": f"http://{LOOPBACK}:{expunge.server_port}", "COOKIE_SECRET": SECRET}
        with sidecar.running(EXAMPLE, page, {**named, "PLAIN_HTTP": "yes"}):
            wait_until(lambda: not is_free(page), seconds=60)
            for address in ("127.0.0.2", "127.0.0.3"):
                visitor = HTTPConnection(LOOPBACK, page, timeout=60, source_address=(address, 0))
                visitor.request("POST", "/status", urlencode({"csrf": "word", "key": f"fu_{address}"}), headers)
                assert visitor.getresponse().status == 401
                visitor.close()
        expunge.shutdown()
    assert asked == [("Bearer fu_127.0.0.2", "127.0.0.2"), ("Bearer fu_127.0.0.3", "127.0.0.3")]
