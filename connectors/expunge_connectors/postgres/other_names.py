"""Other names of a value: who holds it under an identity that is read in the same place (ADR 18, claims).

Letters are found by an address and by an address for recovery: Ann's for recovery is Bob's own, and what stands under
it may be either's. Claimed keys (`sql.claimed_keys`) look under the very identity; here it is asked under the others,
of which no statement compares the texts: of a value, as each of them reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import reduce

from expunge_connectors.contract import CoHolder, Holders, Scope, Subject, SubjectKey, with_holders
from expunge_connectors.errors import SomeRecordsError
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.errors import translated
from expunge_connectors.postgres.mapping.bound_tables import BoundStore
from expunge_connectors.postgres.sql import claimed_keys


def claimants(
    connection: Connection, store: BoundStore, values: Collection[SubjectKey], scope: Scope
) -> dict[SubjectKey, Holders]:
    """Value -> the persons' keys of the rows that hold it now, under any identity that is read where it is."""
    names = {value: store.aliases.everywhere(value) for value in values}
    held = claimed_keys.claimants(connection, store, frozenset[SubjectKey]().union(*names.values()), scope)
    nobody: Holders = {}
    found = {
        value: reduce(with_holders, (held.get(one, {}) for one in every), nobody) for value, every in names.items()
    }
    return {value: holders for value, holders in found.items() if holders}


def held_by_others(
    connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope
) -> dict[int, frozenset[SubjectKey]]:
    """Subject number -> keys that a row of a person outside holds under another identity; of those with any.

    Args:
        connection: In a transaction.
        store: The collections.
        subjects: Everybody of the transaction.
        scope: For whom the request speaks.
    """
    names = store.aliases.among(key for one in subjects for key in one.keys)
    if not names:
        return {}
    with connection.transaction(force_rollback=True), translated(store.name):  # staged for this question alone
        held = claimed_keys.claimants(connection, store, frozenset[SubjectKey]().union(*names.values()), scope)
    if not held:
        return {}
    going = {key for one in subjects for key in one.keys | one.known}
    found: dict[int, frozenset[SubjectKey]] = {}
    for one in subjects:
        theirs = frozenset(
            key
            for key in one.keys & names.keys()
            for name in names[key]
            if any(CoHolder(key, person) not in one.co_holders for person in held.get(name, {}).keys() - going)
        )
        if theirs:
            found[one.number] = theirs
    return found


def refuse_new(connection: Connection, store: BoundStore, subjects: Sequence[Subject], scope: Scope) -> None:
    """Look again before what went by such values is committed.

    Args:
        connection: Another session than the one that erased, which has the keys staged.
        store: The collections.
        subjects: As they were followed.
        scope: For whom the request speaks.

    Raises:
        SomeRecordsError: Somebody else holds one by now. Tried again, it is not followed.
    """
    if held_by_others(connection, store, subjects, scope):
        raise SomeRecordsError(
            f"store {store.name}: a value of a person to be erased was given to another one meanwhile, under another"
            " identity that is read in the same place; nothing of this transaction is kept, and it is done again."
        )
