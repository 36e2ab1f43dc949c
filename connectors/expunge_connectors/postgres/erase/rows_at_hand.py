"""Rows at hand: those found before they are erased, for they lead on or are looked at more than once.

Other rows are found by the statement that erases them.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from expunge_config.datamap import Action
from expunge_connectors.postgres.erase import locked_rows, rows_awaiting_keys
from expunge_connectors.postgres.erase.found_rows import FoundRows
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundTable
from expunge_connectors.postgres.sql import claimed_keys, held_values, keys_of_others, shared_values
from expunge_connectors.postgres.sql.subject_search import Search


def find(search: Search, intercepted: Collection[str]) -> None:
    """Find them, until no key of the request turns out to be another person's on the way.

    Args:
        search: Its transaction.
        intercepted: Collections with a trigger or a rule of their own: what became of their rows is looked at.
    """
    while _find_once(search, intercepted):
        with translated(search.store.name):
            search.begin_anew()  # by an identity rows are found before what yields it
            # What a row of somebody else's holds they claim.
            claimed_keys.mark(search.connection, search.store, search.staged)
    with translated(search.store.name):
        shared_values.refuse_common(search)


def hold(search: Search, mapped: BoundTable) -> None:
    """Lock the rows found of a collection that are known by where they stand; moved ones are found again."""
    locked_rows.hold(search, mapped, lambda: _keep(search, FoundRows.of(search, mapped)))


def _find_once(search: Search, intercepted: Collection[str]) -> bool:
    """Find them once; returns whether identities of the map turned out to be somebody else's on the way."""
    passed = False
    for mapped in search.store.scoped.values():
        with translated(search.store.name, mapped.name):
            evidence = FoundRows.of(search, mapped)
            dated = any(map(search.staged.dated, mapped.erasing))
            at_hand = bool(evidence.paths) and (mapped.name in intercepted or _kept_at_hand(search, mapped) or dated)
            if at_hand:
                _keep(search, evidence)
                hold(search, mapped)
            while gone := keys_of_others.let_go(search, mapped):
                of_others = {key.namespace for key in chain(*gone.values())}
                plain = {link.namespace for link in mapped.links if link.of is None}
                passed = passed or not of_others.isdisjoint(plain | mapped.yields.keys())
                if not (at_hand and mapped.own):
                    break
                _keep(search, evidence)  # those below were found by them
                hold(search, mapped)
    return passed


def _keep(search: Search, evidence: FoundRows) -> None:
    mapped = evidence.mapped
    search.keep("erase", mapped, evidence.statement, evidence.columns)
    rows_awaiting_keys.look(search, mapped)
    if mapped.name in search.waiting and rows_awaiting_keys.no_identifiers(search, mapped):
        search.waiting.discard(mapped.name)
        search.keep("erase", mapped, evidence.statement, evidence.columns)
        rows_awaiting_keys.look(search, mapped)


def _kept_at_hand(search: Search, mapped: BoundTable) -> bool:
    if mapped.leads or mapped.own or mapped.binding or mapped.spec.sharing is not None:
        return True
    if held_values.columns(mapped):
        return True  # what its rows say is looked at again
    if mapped.name in search.store.holding:
        return True
    if mapped.table.kind != "r" or not mapped.table.row_key:
        return True  # a row's address says which row it is within one table, and while the row is locked
    return mapped.action is not Action.TOMBSTONE and any(
        key.parent == mapped.table.text for key in search.store.foreign_keys
    )
