"""Retry policy (tenacity) of transient errors: bounded attempts, exponential backoff with jitter."""

from __future__ import annotations

from tenacity import (
    Retrying,
    retry_if_exception_type,
    retry_if_not_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from expunge_connectors.errors import TransientError

ATTEMPTS = 4


def backoff() -> wait_base:
    """The pauses of production: a random part of 0.1, then of 0.2 and 0.4 seconds."""
    return wait_random_exponential(multiplier=0.1, max=5)


def with_retries(wait: wait_base, attempts: int = ATTEMPTS, but: tuple[type[TransientError], ...] = ()) -> Retrying:
    """A retry of `TransientError` only, for calls that are safe to repeat; the last error is raised as it is.

    Args:
        wait: What to wait between attempts.
        attempts: How many there are at most.
        but: These are raised at once.
    """
    return Retrying(
        retry=retry_if_exception_type(TransientError) & retry_if_not_exception_type(but),
        stop=stop_after_attempt(attempts),
        wait=wait,
        reraise=True,
    )
