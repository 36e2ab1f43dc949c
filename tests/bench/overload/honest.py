"""Honest callers: a person at the account-settings page, a client with an API key, and who asks after health."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

import httpx2
from tests.bench.measurements import median
from tests.bench.overload.attacks import LOOPBACK
from tests.support.api import bearer
from tests.support.installation import Installation

CLIENT = "client:42"
CALLS = {"person": ("person asks", "person looks"), "client": ("client plans", "client looks")}
HEALTH = "health"
THINKS, LOOKS_EVERY = 0.03, 0.05
PATIENCE = 60.0


@dataclass(slots=True)
class Seen:
    """What honest callers saw for a while.

    Attributes:
        took: Call -> seconds, each time.
        unwell: Answers that an honest call must not get, and closed connections.
    """

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unwell: Counter[str] = field(default_factory=Counter)

    def late(self, call: str) -> float:
        """The 99th percentile, in seconds."""
        return sorted(self.took[call])[int(len(self.took[call]) * 0.99)]

    def told(self, call: str) -> str:
        """Median and 99th percentile in milliseconds."""
        return f"{1000 * median(self.took[call]):.0f}, {1000 * self.late(call):.0f}"

    @property
    def longest(self) -> float:
        """Seconds of the slowest answer about health."""
        return max(self.took[HEALTH])

    def take(self, call: str, made: Callable[[], tuple[int, Any]], *good: int) -> Any:
        """Time a call; None unless it was answered well."""
        began = time.perf_counter()
        try:
            status, told = made()
        except (OSError, HTTPException, httpx2.HTTPError) as error:
            status, told = type(error).__name__, None
        self.took[call].append(time.perf_counter() - began)
        if status in good:
            return told
        self.unwell[f"{call}: {status}"] += 1
        return None


class Honest:
    """A person, a client, and who asks after the server's health."""

    def __init__(self, installation: Installation, port: int, page: int, key: str) -> None:
        self._installation, self._port, self._page, self._key = installation, port, page, key

    def seen(self, seconds: float) -> Seen:
        """What they see for so long."""
        found, over = Seen(), threading.Event()
        acting = [
            threading.Thread(target=act, args=(found, over)) for act in (self._person, self._client, self._health)
        ]
        for one in acting:
            one.start()
        over.wait(seconds)
        over.set()
        for one in acting:
            one.join()
        return found

    def _person(self, seen: Seen, over: threading.Event) -> None:
        """Asks for the deletion of the account, looks at the status and undoes it, over and over."""
        (user,) = self._installation.calltrack.take_holders()
        with httpx2.Client(base_url=f"http://{LOOPBACK}:{self._page}", timeout=PATIENCE) as browser:

            def post(path: str, form: str, **members: object) -> tuple[int, str]:
                members["csrf"] = re.findall('name="csrf" value="(.*?)"', form)[0]
                answer = browser.post(path, data=members)
                return answer.status_code, answer.text

            def get(path: str) -> tuple[int, str]:
                answer = browser.get(path)
                return answer.status_code, answer.text

            post("/", get("/")[1], user=user)
            while not over.wait(THINKS):
                form = get("/delete?scope=account&when=later")[1]
                (once,) = re.findall('name="once" value="(.*?)"', form)
                wish = {"once": once, "scope": "account", "when": "later"}
                seen.take("person asks", lambda: post("/delete", form, **wish), 303)  # noqa: B023 - called at once
                for _ in range(2):
                    told = seen.take("person looks", lambda: get("/status"), 200)
                if told is not None and 'action="/undo"' in told:
                    post("/undo", told)

    def _client(self, seen: Seen, over: threading.Event) -> None:
        """Plans a list of one, and looks at the batch."""
        people = self._installation.calltrack.company.callers_of(42)

        def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
            return call(self._port, method, path, {**bearer(self._key), **headers}, body)

        while not over.wait(THINKS):
            text = f"caller_id\n{secrets.choice(people)}\n"
            told = {"Content-Type": "text/csv", "Idempotency-Key": secrets.token_hex(8)}
            plan = lambda: ask("POST", f"/v1/batches?controller={CLIENT}", text, **told)  # noqa: B023, E731
            made = seen.take("client plans", plan, 201)
            if made is not None:
                for _ in range(3):
                    seen.take("client looks", lambda: ask("GET", f"/v1/batches/{made['id']}"), 200)  # noqa: B023

    def _health(self, seen: Seen, over: threading.Event) -> None:
        while not over.wait(LOOKS_EVERY):
            seen.take(HEALTH, lambda: call(self._port, "GET", "/healthz", {}), 200)


def call(port: int, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> tuple[int, Any]:
    """Status and what was told, over a connection of its own."""
    connection = HTTPConnection(LOOPBACK, port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers=dict(headers))
        answer = connection.getresponse()
        told = answer.read()
        return answer.status, json.loads(told) if told.startswith(b"{") else told
    finally:
        connection.close()
