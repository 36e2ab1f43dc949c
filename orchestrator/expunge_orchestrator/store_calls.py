"""Parallel read calls on several stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from expunge_connectors.contract import (
    KnowsRelations,
    RelationChange,
    ReportsClock,
    Scope,
    StoreConnector,
    StoreIdentity,
)
from expunge_connectors.errors import ConnectorError, StoreClockError
from expunge_orchestrator.clock import now
from expunge_reports.consistency import STORES_DIFFER

T = TypeVar("T")


def identity_and_time(name: str, store: StoreConnector) -> tuple[StoreIdentity, datetime]:
    """What a store is, and its clock when it said so; one request where the store can say both at once.

    The cutoff is the store's time, the receipt of the request ours: a verifier refuses a receipt in which they differ
    by more (`cutoff-before-receipt`, `cutoff-in-the-future`).

    Raises:
        StoreClockError: Its clock and ours differ by more than a day.
    """
    identity, at = store.identity_at() if isinstance(store, ReportsClock) else (store.identity(), store.now())
    if abs(at - now()) > STORES_DIFFER:
        raise StoreClockError(
            f"The clock of the store {name} and the clock of this machine differ by more than a day.",
            remedy="Set the one that is wrong; nothing was touched.",
        )
    return identity, at


def require_clocks(stores: Mapping[str, StoreConnector], at_once: int) -> None:
    """Make sure that no clock is wrong by days, where what was begun goes on. A store that cannot say is told later.

    Raises:
        StoreClockError: As of `identity_and_time`.
    """

    def ask(name: str) -> None:
        try:
            identity_and_time(name, stores[name])
        except StoreClockError:
            raise
        except ConnectorError:  # the step that asks it says so
            return

    gather(stores, ask, at_once)


def relations(store: StoreConnector, scope: Scope) -> Mapping[str, Mapping[str, Any]]:
    """What a store's collections are for a request; nothing where only their names say so."""
    return store.relations(scope) if isinstance(store, KnowsRelations) else {}


def changed_relations(
    store: StoreConnector, planned: Mapping[str, Mapping[str, Any]], scope: Scope
) -> Mapping[str, RelationChange]:
    """Collections that are no longer what they were planned to be -> how."""
    return store.changed(planned, scope) if planned and isinstance(store, KnowsRelations) else {}


def gather(names: Iterable[str], ask: Callable[[str], T], at_once: int) -> dict[str, T]:
    """Ask for each name, `at_once` of them at a time; the answers in the order of the names.

    Every call is over when this returns or raises. Of several errors the first one's, in that order, is raised. The
    first is asked in the caller's own thread: it would only wait otherwise.

    Args:
        names: Usually of stores.
        ask: Reads; may run in another thread.
        at_once: 1: one after the other, and none after the first error.
    """
    ordered = list(names)
    if at_once == 1 or len(ordered) < 2:  # noqa: PLR2004 - with one there is nothing to do at once
        return {name: ask(name) for name in ordered}
    first, *others = ordered
    with ThreadPoolExecutor(min(at_once - 1, len(others)), thread_name_prefix="expunge-ask") as pool:
        begun = [pool.submit(ask, name) for name in others]
        answers = {first: ask(first)}  # leaving the block waits for the others, also if this raises
    return answers | {name: one.result() for name, one in zip(others, begun, strict=True)}
