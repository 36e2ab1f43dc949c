"""Scope of a request: which collections it covers, and which action each gets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from expunge_config.datamap import Action, CollectionSpec, DataMap, LogDeclaration
from expunge_config.errors import InputError
from expunge_config.unsafe_characters import UNSAFE
from expunge_connectors.contract import Counts, Finding, Scope, Severity

# As long as the ledger's column.
MAX_MEMBER = 200

Actions = Mapping[str, Mapping[str, Action]]
"""store -> collection -> action, for every collection of the scope."""


def parse_scope(text: str, data_map: DataMap) -> Scope:
    """Read `calltrack` or `client:42`.

    Raises:
        InputError: The map knows no such controller.
    """
    name, _, member = text.partition(":")
    known = data_map.controllers.get(name)
    listed = ", ".join(f"{one}:<id>" if spec.many else one for one, spec in sorted(data_map.controllers.items()))
    if known is None:
        raise InputError("The data map knows no such controller.", remedy=f"Controllers are {listed}.")
    if known.many != bool(member):
        raise InputError("The controller is not named whole.", remedy=f"Controllers are {listed}.")
    if len(member) > MAX_MEMBER or UNSAFE.search(member) or member != member.strip():
        raise InputError(
            f"What names the controller's member is longer than {MAX_MEMBER} characters, or holds control characters,"
            " others that nobody sees, or white space at its edges.",
            remedy=f"Controllers are {listed}.",
        )
    return Scope(name, member or None)


def collections_in(scope: Scope, data_map: DataMap) -> dict[str, dict[str, CollectionSpec]]:
    """Store -> collection -> spec of everything that belongs to the controller. Logs belong to nobody."""
    found: dict[str, dict[str, CollectionSpec]] = {}
    for store, name, spec in data_map.collections():
        if spec.log is None and spec.owner is not None and spec.owner.controller == scope.controller:
            found.setdefault(store, {})[name] = spec
    return found


def logs_in(data_map: DataMap) -> Iterator[tuple[str, str, LogDeclaration]]:
    """(store, collection, declaration) of everything that is left alone as a log."""
    for store, name, spec in data_map.collections():
        if spec.log is not None:
            yield store, name, spec.log


def actions_for(
    scope: Scope, data_map: DataMap, data_types: Collection[str] | None = None
) -> dict[str, dict[str, Action]]:
    """What the map decides for every collection of the scope; of these data types, if any are named."""
    decided = {
        store: {
            name: data_map.data_types[str(spec.data_type)].on_request
            for name, spec in specs.items()
            if data_types is None or spec.data_type in data_types
        }
        for store, specs in collections_in(scope, data_map).items()
    }
    return {store: actions for store, actions in decided.items() if actions}


def types_of(scope: Scope, data_map: DataMap) -> frozenset[str]:
    """The data types of which the controller has any collection."""
    return frozenset(
        str(spec.data_type) for specs in collections_in(scope, data_map).values() for spec in specs.values()
    )


def restrict_to(counts: Counts, actions: Mapping[str, Action]) -> Counts:
    """What a store answered, of the collections that the request is about: stores answer for all of a controller's."""
    return {
        number: tallies
        if tallies.keys() <= actions.keys()
        else {name: tally for name, tally in tallies.items() if name in actions}
        for number, tallies in counts.items()
    }


def collections_without_owner(data_map: DataMap) -> list[Finding]:
    """Collections of which the map does not say whose they are. Each blocks every request (law 2)."""
    return [
        Finding(
            Severity.ERROR,
            "no-owner",
            store,
            name,
            "The map does not say which controller these records belong to.",
            "Give the collection an `owner`.",
        )
        for store, name, spec in data_map.collections()
        if spec.log is None and spec.owner is None
    ]
