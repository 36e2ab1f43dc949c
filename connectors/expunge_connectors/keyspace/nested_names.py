"""Nested names: what one person's template names may lie within what another's does, where a value holds its own end.

A prefix home/{handle}/ of the handle sales is one of all that the handle sales/anna has, and a pattern
cache:{handle}:{**} reads the keys of sales:anna as keys of sales. A request for the second can be refused; a request
for the first cannot be told from any other: so no value may hold the character, and normalisers or the map
(its undivided) say that none does.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity, Subject
from expunge_connectors.errors import DividedNameError
from expunge_connectors.keyspace.template_rules import RecordNaming
from expunge_connectors.keyspace.templates import ALPHABETS, CONTROLLER, REST, SEGMENT

UNDIVIDED = "`undivided` says that no value holds the character which ends it: for a prefix, or `{**}` behind a place"


def ends(naming: RecordNaming) -> Sequence[tuple[str, str]]:
    """Places of a template behind which anything may follow -> the character that no value there may hold.

    Below a prefix that is its last one: whatever stands before it, only a value that holds it makes one prefix begin as
    another does. Before `{**}` keys are read from the front, each value to the first character that follows it.
    """
    pieces = naming.whole.pieces
    if not naming.below and not any(place == REST for _, place in pieces):
        return ()
    return [
        (place, naming.whole.text[-1] if naming.below else pieces[at + 1][0][:1])
        for at, (_, place) in enumerate(pieces)
        if place is not None and place not in {SEGMENT, REST}
    ]


def nested(
    store: str, data_map: DataMap, namings: Sequence[RecordNaming], undivided: Container[str]
) -> Iterator[Finding]:
    """Templates whose values may hold what ends them.

    Args:
        store: Its name.
        data_map: Knows what values are made of: of a token, a handle or an e-mail address anything is possible.
        namings: What names the records of each collection.
        undivided: Collections of which the map says that no value does.
    """
    for naming in namings:
        for place, end in ends(naming) if naming.collection not in undivided else ():
            if _may_hold(data_map, place, end):
                yield Finding(
                    Severity.ERROR,
                    "name-nested",
                    store,
                    naming.collection,
                    f"`{naming.whole.text}`: a value of {place} may hold the `{end}` that ends it in a name. What one"
                    f" person has as `ann{end}bob` would go with another who is called `ann`.",
                    "Name by an identity that cannot hold it (integer/2, uuid/1), or name the records one by one (`key`"
                    f" without `{{**}}`). If no value of {place} holds `{end}`, which nothing here shows, say so:"
                    " `undivided: {reason: ..., approved_by: ...}`.",
                )


def _may_hold(data_map: DataMap, place: str, end: str) -> bool:
    if place == CONTROLLER:
        return True
    identity = data_map.identities.get(place)
    alphabet = None if identity is None else ALPHABETS.get(identity.normaliser)
    return alphabet is None or end in alphabet


def require_undivided(store: str, collection: str, namespace: str, end: str, subjects: Sequence[Subject]) -> None:
    """Refuse people whose value holds what ends it: what it names may lie within what another value does.

    Raises:
        DividedNameError: There are such people.
    """
    numbers = frozenset(one.number for one in subjects if any(end in value for value in one.values(namespace)))
    if numbers:
        raise DividedNameError(
            f"Store {store}, collection {collection}: an identifier holds `{end}`, which ends it in a name: what it"
            " names may lie within what another person's does.",
            numbers=numbers,
            remedy="Use an identity without this character, or name these records one by one (`key` without `{**}`).",
        )
