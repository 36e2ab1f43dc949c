"""Sampled values (`check --sample`): whether values can be read, and lead to anything in the stores that go by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from expunge_config.datamap import DataMap
from expunge_connectors.contract import (
    Finding,
    ReadSample,
    SamplesReadings,
    Scope,
    Severity,
    StoreConnector,
    Subject,
    SubjectKey,
)
from expunge_connectors.errors import DividedNameError

MOST_KEYS = 100
"""So many values of one place are looked up in another store: there each may cost a request."""


def findings(data_map: DataMap, stores: Mapping[str, StoreConnector], rows: int) -> Iterator[Finding]:
    """Places with values that cannot be read, and places whose values lead to nothing elsewhere. Counts, never values.

    Args:
        data_map: Says what leads where.
        stores: The connectors by name.
        rows: Of one table at most.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    for name, store in stores.items():
        if isinstance(store, SamplesReadings):
            for sample in store.readings(rows):
                yield from _read(data_map, name, sample)
                for other in data_map.stores:
                    if other != name and other in stores:
                        yield from _led(data_map, name, sample, other, stores[other])


def _read(data_map: DataMap, store: str, sample: ReadSample) -> Iterator[Finding]:
    rule = data_map.identities[sample.identity].normaliser
    if sample.seen is None:
        yield Finding(
            Severity.INFO,
            "sweep-unfinished",
            store,
            sample.collection,
            f"A sample of {sample.where} could not be read in time: whether values are read as `{sample.identity}` is"
            " unknown, not fine.",
            "Try again with fewer rows (--rows), or look yourself.",
        )
    elif sample.unread:
        yield Finding(
            Severity.ERROR if sample.unread == sample.seen else Severity.WARNING,
            "values-unread",
            store,
            sample.collection,
            f"{sample.unread} of {sample.seen} values looked at in {sample.where} cannot be read as `{sample.identity}`"
            f" ({rule}), or not whole: nobody's request finds them, and they lead nowhere.",
            "Correct them; or have the map read them: a normaliser that does (email/3, phone/1), the column's `region`,"
            " `decode` of what is yielded. A document of a json column may have a name of the path twice: make the"
            " column jsonb, which keeps the last value alone.",
        )


def _led(data_map: DataMap, store: str, sample: ReadSample, other: str, there: StoreConnector) -> Iterator[Finding]:
    """How many of the values lead to anything in another store."""
    flows = data_map.stores[other].key_flow(other, data_map) or {}
    owner = data_map.stores[store].collection_specs()[sample.collection].owner
    targets = {
        name
        for name, spec in data_map.stores[other].collection_specs().items()
        if name in flows
        and sample.identity in flows[name].incoming
        and owner is not None
        and spec.owner is not None
        and spec.owner.controller == owner.controller
    }
    if not targets or owner is None:
        return
    many = data_map.controllers[owner.controller].many
    asked: dict[str | None, list[SubjectKey]] = {}
    for member, key in sorted(sample.keys, key=lambda one: one[1])[:MOST_KEYS]:
        if bool(member) == many:
            asked.setdefault(member if many else None, []).append(key)
    tried = hit = divided = 0
    for member, keys in asked.items():
        subjects = [Subject(number, frozenset([key])) for number, key in enumerate(keys)]
        scope, cutoff = Scope(owner.controller, member), there.now()
        while subjects:
            try:
                counts = there.count(subjects, scope, cutoff)
                break
            except DividedNameError as refused:
                divided += len(refused.numbers)
                subjects = [one for one in subjects if one.number not in refused.numbers]
        else:
            continue
        tried += len(subjects)
        hit += sum(any(not tallies[name].empty for name in targets & tallies.keys()) for tallies in counts.values())
    if divided:
        yield Finding(
            Severity.ERROR,
            "values-divided",
            store,
            sample.collection,
            f"{divided} values of `{sample.identity}` in {sample.where} hold the character that ends them in names of"
            f" {other} ({', '.join(sorted(targets))}): whose is what such a name holds cannot be told there, and a"
            " request of these people is refused.",
            f"Take `undivided` back in {other}, and name these records by another identity, or one by one.",
        )
    if tried:
        yield Finding(
            Severity.INFO if hit else Severity.WARNING,
            "values-led",
            store,
            sample.collection,
            f"{hit} of {tried} values of `{sample.identity}` in {sample.where} lead to something in {other}"
            f" ({', '.join(sorted(targets))}).",
            "Nothing to do, if the others are gone there."
            if hit
            else f"Compare with what stands in {other}: another spelling, a URL or an encoding (`decode`), another"
            " bucket or database?",
        )
