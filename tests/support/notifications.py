"""A receiver of webhooks, and what was delivered to it."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import HttpUrl, SecretStr
from tests.support.api import ApiHarness

from expunge_config.api_settings import Webhook
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.request_tables import notice
from expunge_orchestrator.notifications import delivery, outbox

KEY = b"a key of thirty-two bytes length"


SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(slots=True)
class Receiver:
    """A server that keeps what it was told. `answers`: how it answers the next calls; then 204."""

    url: str
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.calls]

    def data(self, place: int) -> dict[str, Any]:
        return dict(json.loads(self.calls[place][1])["data"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = made.answers.pop(0) if made.answers else 204
            if answer == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
            elif answer == "silent":
                ended.wait()
            else:
                assert isinstance(answer, int)
                self.send_response(answer)
                self.send_header("location", made.url)
                self.send_header("content-length", "0")
                self.end_headers()

        do_GET = do_POST  # noqa: N815 - its name in the base class

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            """Not to standard error."""

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    ended.set()
    server.shutdown()
    server.server_close()


def hook(url: str, **members: Any) -> Webhook:
    return Webhook(url=HttpUrl(url), secret=SecretStr(SECRET), **members)


def deliver(api: ApiHarness) -> None:
    workspace = api.installation.workspace
    outbox.enqueue_changes(workspace, api.at)
    delivery.deliver_due(workspace, lambda: api.at)


def rows(api: ApiHarness) -> list[sa.RowMapping]:
    with reading(api.installation.workspace.ledger) as connection:
        return list(connection.execute(sa.select(notice).order_by(notice.c.id)).mappings())


def waited(met: Callable[[], bool]) -> None:
    for _ in range(600):
        if met():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it did not come to that within a minute")


def letters_of(home: Path) -> list[str]:
    return [one.read_text() for one in sorted(home.glob("*.eml"), key=lambda one: one.stat().st_mtime_ns)]
