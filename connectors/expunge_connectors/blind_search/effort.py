"""Effort of a blind search: until when it may go on, and how much of that time it leaves to others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Effort:
    """What one search may take. Begins when it is made.

    Attributes:
        seconds: After so long nothing further is begun; None: until everything was searched.
        share: Of the time that a store is read from, above 0, at most 1: after each piece the search rests.
        pause: How to sleep, in seconds.
        told_to_stop: Whether nothing further is to be begun, however much time is left.
    """

    seconds: float | None = None
    share: float = 1.0
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    told_to_stop: Callable[[], bool] = field(default=lambda: False, repr=False)
    began: float = field(default_factory=time.monotonic, repr=False)

    @property
    def spent(self) -> bool:
        """The time is over."""
        return self.told_to_stop() or (self.seconds is not None and time.monotonic() - self.began >= self.seconds)

    @contextmanager
    def piece(self) -> Iterator[None]:
        """Around the reading of one bounded piece: rests afterwards."""
        before = time.monotonic()
        yield
        if self.share < 1:
            self.pause((time.monotonic() - before) * (1 - self.share) / self.share)
