"""One resolution round over the stores of a scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from expunge_connectors.contract import Scope, StoreConnector, Subject, Yield
from expunge_orchestrator.resolution import Lookup


def lookup_in(
    stores: Mapping[str, StoreConnector], names: Sequence[str], scope: Scope, cutoffs: Mapping[str, datetime]
) -> Lookup:
    """A lookup that asks every named store, each with its own cutoff."""

    def lookup(subjects: Sequence[Subject]) -> Iterator[Yield]:
        for name in names:
            yield from stores[name].resolve(subjects, scope, cutoffs[name])

    return lookup
