"""Servers of the overload scene: `expunge serve`, the account-settings page of docs/examples, and its set of keys."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.bench.overload.attacks import LOOPBACK
from tests.bench.overload.honest import PATIENCE, call
from tests.support.documentation import ROOT
from tests.support.installation import Installation

from expunge_demo import sidecar
from expunge_demo.dev_servers.ports import free_ports
from expunge_orchestrator.auth import api_keys
from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.clock import now

ISSUER = "https://page.calltrack.example"


def key(installation: Installation, number: int) -> str:
    """An API key of an operator, for every controller, of somebody of their own."""
    with installation.workspace.ledger.begin() as connection:
        given, key = api_keys.issue(connection, roles=[Role.OPERATOR], controllers=None, holder=None, expires_at=None,
                                    by=f"issuer {number}", at=now())  # fmt: skip
        api_keys.confirm(connection, key.uid, "witness", now())
    return given


@contextmanager
def serving(installation: Installation, keys: int) -> Iterator[tuple[int, int, subprocess.Popen[bytes]]]:
    """The server, without its worker so that what was begun goes on, and the page: their ports, and the server."""
    port, page = free_ports(2)
    calltrack = installation.calltrack
    issuer = {"KIND": "person", "ISSUER": ISSUER, "AUDIENCE": "expunge", "JWKS_URL": f"http://{LOOPBACK}:{keys}/{page}"}
    environment = {
        **calltrack.environment(installation.home),
        **{f"EXPUNGE_API__ISSUERS__PAGE__{name}": value for name, value in issuer.items()},
        "EXPUNGE_API__PROXIES": json.dumps([LOOPBACK]),
    }
    page_environment = {
        "EXPUNGE_URL": f"http://{LOOPBACK}:{port}",
        "ISSUER": ISSUER,
        "DATABASE_URL": calltrack.stack.endpoints.postgres_url,
        "DEMO_PEOPLE": "1",
        "PLAIN_HTTP": "yes",
    }
    with ExitStack() as stack:
        stack.enter_context(sidecar.running(ROOT / "docs/examples/account_settings", page, page_environment))
        arguments = [sys.executable, "-m", "expunge_orchestrator.cli", "serve", "--port", str(port), "--no-worker"]
        log = stack.enter_context((installation.home.parent / "serve.log").open("ab"))
        process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            for one in (port, page):
                _await(one)
            yield port, page, process
        finally:
            process.kill()  # a list that is planned would be planned to its end
            process.wait()


def _await(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            call(port, "GET", "/", {})
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def key_set() -> Iterator[tuple[int, threading.Event]]:
    """Serves the keys of the page whose port the path names; while the event is set, after half a minute."""
    slow = threading.Event()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if slow.is_set():
                time.sleep(PATIENCE / 2)
            _, told = call(int(self.path[1:]), "GET", "/.well-known/jwks.json", {})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Keys) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, slow
        server.shutdown()
