"""What a place is in the data map, and how it is called in a report: after the search, which knows no map."""

from __future__ import annotations

from expunge_config.datamap import Action, CollectionSpec, DataMap
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Standing
from expunge_connectors.keyspace.identifier_patterns import mask_values


def standing(spec: CollectionSpec | None, data_map: DataMap) -> Standing:
    """Of a collection; None: the map names none there."""
    if spec is None:
        return Standing.UNMAPPED
    if spec.log is not None:
        return Standing.LOG
    retained = data_map.data_types[spec.data_type or ""].on_request is Action.RETAIN
    return Standing.RETAINED if retained else Standing.MAPPED


def shown(name: str, matcher: Matcher) -> str:
    """A name of the schema as it is, unless it holds what is searched for."""
    return mask_values(name) if matcher.found(name.encode(), name=True) else name
