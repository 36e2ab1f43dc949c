"""Connectors with one verb replaced: how a test breaks a store on purpose, without a hook in production code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from expunge_connectors.contract import StoreConnector


class Instead:
    """A connector that answers some verbs in another way, and passes on everything else."""

    def __init__(self, inner: StoreConnector, **verbs: Callable[..., Any]) -> None:
        self.name = inner.name
        self._inner = inner
        self._verbs = verbs

    def __getattr__(self, verb: str) -> Any:
        if verb == "identity_at" and not {"identity", "now"}.isdisjoint(self._verbs):
            raise AttributeError(verb)  # it would pass by what is answered in another way
        return self._verbs.get(verb) or getattr(self._inner, verb)


def without(inner: StoreConnector, collection: str) -> Instead:
    """A connector that never erases one collection."""

    def erase(subjects: Any, actions: Any, scope: Any, cutoff: Any, beat: Any) -> int:
        kept = {name: action for name, action in actions.items() if name != collection}
        return inner.erase(subjects, kept, scope, cutoff, beat)

    return Instead(inner, erase=erase)


def idle(inner: StoreConnector) -> Instead:
    """A connector that erases nothing, and says that it did."""
    return Instead(inner, erase=lambda subjects, *_: len(subjects))


def before(inner: StoreConnector, verb: str, then: Callable[[], object]) -> Instead:
    """A connector before whose first call of a verb something happens in the world."""
    waiting = [then]

    def call(*arguments: Any) -> Any:
        if waiting:
            waiting.pop()()
        return getattr(inner, verb)(*arguments)

    return Instead(inner, **{verb: call})
