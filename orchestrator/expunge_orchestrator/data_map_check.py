"""Data map check: inspects all stores in parallel, lets errors block, and caches the result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from expunge_config.datamap import DataMap
from expunge_connectors.contract import BackupConnector, Finding, Sampleable, Scope, Severity, StoreConnector
from expunge_orchestrator import data_type_closure, sampled_values, store_calls
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.rules import declared_backups, reachability
from expunge_orchestrator.rules.scope import collections_without_owner


def inspect_all(
    data_map: DataMap,
    stores: Mapping[str, StoreConnector],
    backups: Mapping[str, BackupConnector],
    at_once: int = 1,
) -> list[Finding]:
    """Every finding of every store and backup place, errors first.

    Args:
        data_map: Says what should be there.
        stores: The connectors by name.
        backups: Those of backup places.
        at_once: How many of them are looked at in the same time.

    Raises:
        ConnectorError: A store cannot be asked: not looked at is not the same as nothing found.
    """
    looks = {f"store {name}": one.inspect for name, one in stores.items()}
    looks |= {f"backups {name}": one.inspect for name, one in backups.items()}
    found = [*map_findings(data_map), *data_type_closure.findings(data_map, stores)]
    for findings in store_calls.gather(looks, lambda place: looks[place](), at_once).values():
        found.extend(findings)
    return _in_order(found)


def map_findings(data_map: DataMap) -> Iterator[Finding]:
    """What the map shows by itself, without a look into any store."""
    yield from collections_without_owner(data_map)
    yield from reachability.findings(data_map)
    yield from declared_backups.findings(data_map)


def sample_all(data_map: DataMap, stores: Mapping[str, StoreConnector], rows: int) -> list[Finding]:
    """What samples show: identifiers in places that the map does not name, names that it would not find. Errors first.

    And values that cannot be read, or that lead nowhere.

    Args:
        data_map: Says what leads where.
        stores: The connectors by name.
        rows: Of one table at most; and so many names of a keyspace or bucket.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    found: list[Finding] = list(sampled_values.findings(data_map, stores, rows))
    for name, store in stores.items():
        if isinstance(store, Sampleable):
            found.extend(store.sweep(rows))
        else:
            found.append(
                Finding(
                    Severity.INFO,
                    "sweep-unread",
                    name,
                    None,
                    "Its connector cannot search it: what stands in unmapped places is unknown, not fine.",
                    "Look yourself.",
                )
            )
    return _in_order(found)


def _in_order(found: list[Finding]) -> list[Finding]:
    order = list(Severity)
    return sorted(found, key=lambda one: (order.index(one.severity), one.store, one.collection or "", one.code))


def raise_on_errors(findings: Sequence[Finding], scope: Scope | None = None) -> None:
    """Let errors block.

    Args:
        findings: What was noticed.
        scope: Whose request is to be blocked: not by what rows of others say. None: anybody's.

    Raises:
        FindingsError: There is at least one error; the message lists them.
    """
    errors = [one for one in findings if one.stops(scope)]
    if errors:
        listed = "\n".join(
            f"  {one.store}{f'.{one.collection}' if one.collection else ''}: {one.message}" for one in errors
        )
        raise FindingsError(
            f"The data map and the live stores disagree; nothing was touched:\n{listed}",
            remedy="`expunge check` explains each finding and what to do.",
            number=len(errors),
        )


@dataclass(slots=True)
class InspectionCache:
    """The last inspection of this process, if it found no error that concerns everybody (ADR 7)."""

    _of: tuple[object, ...] = ()
    _at: float = 0.0
    _errors: Sequence[Finding] = ()

    @property
    def at(self) -> float:
        """When it was made, on the monotonic clock: what is remembered of it is as old."""
        return self._at

    def refuse_errors(  # noqa: PLR0913, PLR0917 - of what, and for whom
        self,
        data_map: DataMap,
        stores: Mapping[str, StoreConnector],
        backups: Mapping[str, BackupConnector],
        holds: timedelta,
        at_once: int,
        scope: Scope | None = None,
    ) -> None:
        """Inspect everything and let errors block, unless just that was done less than `holds` ago.

        An error is never remembered for whom it stops: after mending, the next look is a fresh one.

        Raises:
            FindingsError: There is an error.
            ConnectorError: A store cannot be asked.
        """
        of = (data_map, *stores.values(), *backups.values())
        same = len(of) == len(self._of) and all(one is other for one, other in zip(of, self._of, strict=True))
        fresh = same and time.monotonic() - self._at < holds.total_seconds()
        if fresh and not any(one.stops(scope) for one in self._errors):
            return
        started = time.monotonic()
        errors = [one for one in inspect_all(data_map, stores, backups, at_once) if one.stops(None)]
        if all(one.scopes is not None for one in errors):
            self._of, self._at, self._errors = of, started, errors
        raise_on_errors(errors, scope)
