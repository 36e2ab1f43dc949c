"""Calls of an API that begin in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from httpx2 import Response
from tests.support.api import ApiHarness

T = TypeVar("T")


def at_once(*jobs: Callable[[], T]) -> list[T]:
    """Run these at the same moment, each in a thread of its own."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], T]) -> T:
        gate.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def posting(api: ApiHarness, path: str, headers: dict[str, str], body: object = None) -> Callable[[], Response]:
    return lambda: api.client.post(path, json=body, headers=headers)
