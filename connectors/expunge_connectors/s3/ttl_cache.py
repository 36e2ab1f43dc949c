"""TTL cache: bucket settings kept for a minute, never bucket contents (ADR 14)."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

GOOD_FOR = 60.0
"""Seconds. As long as an inspection holds where nobody says otherwise (ADR 7)."""

T = TypeVar("T")


class TtlCache:
    """Answers of one store, each good for a minute. Errors are not among them.

    Several threads may ask: then a question may be asked twice, and either answer stays.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: str | None = None
        self._said: dict[Hashable, tuple[float, Any]] = {}

    def said(self, question: Hashable, ask: Callable[[], T]) -> T:
        """The recent answer to a question, or else one that is asked for now."""
        found: T | None = self.get(question)
        return self.put(question, ask()) if found is None else found

    def get(self, question: Hashable) -> Any:  # noqa: ANN401 - each question has its own type of answer
        """The recent answer; None if there is none."""
        at, answer = self._said.get(question, (0.0, None))
        return answer if self._clock() - at < GOOD_FOR else None

    def put(self, question: Hashable, answer: T) -> T:
        """Note an answer, and hand it back."""
        self._said[question] = (self._clock(), answer)
        return answer

    def are_of(self, identity: str) -> None:
        """Forget what another store said behind the same address, and what is too old."""
        if identity != self._of:
            self.forget()
            self._of = identity
        oldest = self._clock() - GOOD_FOR
        self._said = {question: said for question, said in self._said.copy().items() if said[0] > oldest}

    def forget(self) -> None:
        """Forget everything: somebody inspects, and wants to see how it is now."""
        self._said = {}
