"""Connectors with one verb replaced: how a test breaks a store on purpose, without a hook in production code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from expunge_connectors.contract import StoreConnector


class FaultyConnector:
    """A connector that answers some verbs in another way, and passes on everything else."""

    def __init__(self, inner: StoreConnector, **verbs: Callable[..., Any]) -> None:
        self.name = inner.name
        self._inner = inner
        self._verbs = verbs

    def __getattr__(self, verb: str) -> Any:
        if verb == "identity_at" and not {"identity", "now"}.isdisjoint(self._verbs):
            raise AttributeError(verb)  # it would pass by what is answered in another way
        return self._verbs.get(verb) or getattr(self._inner, verb)


def skip_collection(inner: StoreConnector, collection: str) -> FaultyConnector:
    """A connector that never erases one collection."""

    def erase(subjects: Any, actions: Any, *rest: Any) -> int:
        kept = {name: action for name, action in actions.items() if name != collection}
        return inner.erase(subjects, kept, *rest)

    return FaultyConnector(inner, erase=erase)


def no_op_erase(inner: StoreConnector) -> FaultyConnector:
    """A connector that erases nothing, and says that it did."""
    return FaultyConnector(inner, erase=lambda subjects, *_: len(subjects))


def before_call(
    inner: StoreConnector, verb: str, then: Callable[[], object], when: Callable[[], bool] = lambda: True
) -> FaultyConnector:
    """A connector before whose first call of a verb, as soon as it is time, something happens in the world."""
    waiting = [then]

    def call(*arguments: Any) -> Any:
        if waiting and when():
            waiting.pop()()
        return getattr(inner, verb)(*arguments)

    return FaultyConnector(inner, **{verb: call})
