"""Sidecar: an example application (ASGI) that runs beside the demo's API and ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from expunge_demo.errors import DemoError
from expunge_demo.sidecar_http import SidecarHttp

_PATIENCE = 10.0
_HTTP = f"{SidecarHttp.__module__}:{SidecarHttp.__name__}"
# Nobody is in front of it: an address that a visitor claims would be believed, and each guess would be another's.
_UVICORN = ("-m", "uvicorn", "--log-level", "warning", "--no-proxy-headers", "--http", _HTTP)


@contextmanager
def running(directory: Path, port: int, environment: Mapping[str, str]) -> Iterator[None]:
    """Serve the ASGI application `app` of `directory/app.py` on loopback for the `with` block.

    Args:
        directory: Where it is.
        port: A free port.
        environment: What it reads, over this process's own.

    Raises:
        DemoError: There is no app.py.
    """
    if not (directory / "app.py").is_file():
        raise DemoError("There is no app.py in the application's directory.")
    process = subprocess.Popen(  # noqa: S603 - the argv is our own
        [sys.executable, *_UVICORN, "--app-dir", str(directory), "--port", str(port), "app:app"],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        # After Ctrl-C it is ending already: the terminal told it too.
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
