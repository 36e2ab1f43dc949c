"""An HTTP server that answers as a failing S3 would: faults that a healthy server cannot be made to show."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """What the server says, in turn; the last answer is repeated. `seen` counts the requests."""

    answers: Sequence[tuple[int, bytes]]
    seen: list[str] = field(default_factory=list)


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>users/1/secret</Message></Error>".encode()


@contextmanager
def faulty(*answers: tuple[int, bytes]) -> Iterator[tuple[str, Script]]:
    """Run the server; yields its URL and its script."""
    script = Script(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = script.answers[min(len(script.seen), len(script.answers) - 1)]
            script.seen.append(self.command)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the base class's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
