"""`expunge serve`: run the HTTP API and its background worker."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from expunge_config.errors import UsageError
from expunge_config.settings import load_settings
from expunge_connectors.errors import ConnectorError
from expunge_connectors.registry import installed
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.gc_thresholds import freeze_startup
from expunge_orchestrator.workspace import Workspace, opened

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from expunge_config.api_settings import ApiSettings

_LOG = logging.getLogger("expunge.serve")

INTERVAL = 0.0005
"""Seconds after which a thread that works, on a long list say, lets others have the interpreter. With Python's own 5 ms
each step of every other call waits as long: a call of eight takes 40 ms instead of 8."""

GRACE = 10
"""Seconds that calls have to end when the server is told to. Whoever watches a batch is let go at once."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. Put a proxy with TLS in front of it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one and prints it.")] = 8080,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also start, erase and settle what has come due.")
    ] = True,
) -> None:
    """Serve the HTTP API, and do what has come due beside it.

    Who may call what: docs/api.md. Keys for systems and staff: `expunge api-keys add`. It stops on SIGTERM when the
    running steps have ended, calls within ten seconds; the next start or `expunge run-due` takes up what is left.

    Example: expunge serve --port 8080
    """
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from expunge_orchestrator.api import app as application  # noqa: PLC0415
        from expunge_orchestrator.api.background_worker import Worker  # noqa: PLC0415
        from expunge_orchestrator.api.state import build_state  # noqa: PLC0415
    except ImportError:
        raise UsageError("The API is not installed.", remedy="pip install 'expunge[api]'") from None
    _log_to(sys.stderr)
    sys.setswitchinterval(INTERVAL)
    with opened(load_settings(), installed()) as workspace:
        workspace.refuse_unmapped_names()
        _tell_errors(workspace)
        hands = Worker(workspace)
        built = application.build(build_state(workspace, wake=hands.wake if worker else lambda: None))
        server = uvicorn.Server(configured(built, host, port, workspace.settings.api))
        freeze_startup()
        built.state.ending = lambda: server.should_exit
        if worker:
            hands.start()
        try:
            with _stop_on_signal():
                server.run()
        finally:
            if worker:
                hands.stop()


def _tell_errors(workspace: Workspace) -> None:
    """Say what `check` would show. Whatever begins is checked by itself; what ends, or is only told, needs no store."""
    try:
        workspace.refuse_errors()
    except (FindingsError, ConnectorError) as error:
        _LOG.warning("not everything can begin: %s", error.message)


def configured(application: ASGIApp, host: str, port: int, settings: ApiSettings) -> uvicorn.Config:
    """How the server behaves.

    Nothing here speaks WebSocket. Its own access log would hold addresses and queries; ours holds neither. By itself it
    believes what a proxy on this machine passes on, also what callers made up.
    """
    import uvicorn  # noqa: PLC0415 - an extra

    from expunge_orchestrator.api.connection_limits import BACKLOG, limits_of  # noqa: PLC0415
    from expunge_orchestrator.api.http_protocol import http_protocol  # noqa: PLC0415

    return uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="expunge_orchestrator.api.connection_limits:event_loop",
        http=http_protocol(settings.call_timeout.total_seconds(), limits_of(settings)),
        backlog=BACKLOG,
        ws="none",
        server_header=False,
        access_log=False,
        log_level="info",
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=[str(one) for one in settings.proxies],
        timeout_graceful_shutdown=GRACE,
    )


@contextmanager
def _stop_on_signal() -> Iterator[None]:
    """SIGTERM and Ctrl-C end the server alone: it raises them once more when it has ended, before the steps have.

    Afterwards they mean again what they meant before, so that a second one ends a step that takes too long.
    """
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to(stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger = logging.getLogger("expunge")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
