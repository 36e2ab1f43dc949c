"""Debian's Chromium, driven over its own pipe: the DevTools protocol needs no port and no further package."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60.0


def program() -> str:
    """Where Chromium is; without it the tests fail, they are not skipped."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("chromium is not installed: apt-get install -y chromium")
    return found


def command(profile: Path, *arguments: str) -> list[str]:
    return [program(), *FLAGS, f"--user-data-dir={profile}", *arguments]


@dataclass
class Browser:
    """One tab of one running browser; `events` holds what it reported unasked."""

    wants: int
    gives: int
    events: list[dict] = field(default_factory=list)
    session: str | None = None
    _sent: int = 0
    _rest: bytes = b""

    def call(self, method: str, **parameters: object) -> dict:
        self._sent += 1
        message: dict[str, object] = {"id": self._sent, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.wants, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def attach(self) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def open(self, page: Path, *, width: int, scheme: str = "light", media: str = "") -> None:
        """Load a page at a width in CSS pixels, as a phone does (no minimum width of a window)."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.events.clear()
        assert "errorText" not in self.call("Page.navigate", url=page.as_uri())
        while not self.reported("Page.loadEventFired"):
            self.events.append(self._next())

    def reported(self, method: str) -> list[dict]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def value(self, expression: str) -> object:
        """Measure something in the page. The page itself holds no script; this one is DevTools' own."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _next(self) -> dict:
        stop = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self.gives], [], [], max(0.0, stop - time.monotonic()))
            assert ready, "chromium said nothing for a minute"
            read = os.read(self.gives, 1 << 20)
            assert read, "chromium ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


def _pipe() -> list[int]:
    """A pipe above the descriptors 3 and 4 that the browser's ends are moved to."""
    found = []
    for end in os.pipe():
        found.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(end)
    return found


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile; it is ended by its own process id."""
    to_read, to_write = _pipe()
    from_read, from_write = _pipe()
    # The protocol's pipe is 3 (Chromium reads) and 4 (it writes). A shell puts the ends there: no code of ours runs
    # between fork and exec. bash, because dash takes descriptors of one digit alone.
    process = subprocess.Popen(
        [
            "bash",
            "-c",
            f'exec "$@" 3<&{to_read} 4>&{from_write}',
            "bash",
            *command(profile, "--remote-debugging-pipe"),
        ],
        pass_fds=(to_read, from_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    browser = Browser(to_write, from_read)
    try:
        browser.attach()
        yield browser
    finally:
        os.close(to_write)  # Chromium ends by itself when its pipe closes
        os.close(from_read)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def complaints(browser: Browser) -> list[dict[str, Any]]:
    """What the page and the network complained of, and what a script wrote."""
    return [
        one
        for method in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed")
        for one in browser.reported(method)
    ]
