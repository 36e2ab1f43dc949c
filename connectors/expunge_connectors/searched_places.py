"""What a place is in the data map, and how it is called in a report: after the search, which knows no map."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from expunge_config.datamap import Action, CollectionSpec, DataMap
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import Standing
from expunge_connectors.keyspace.identifier_patterns import mask_values
from expunge_connectors.keyspace.templates import ALPHABETS, REST, Template


def standing_of(collections: Mapping[str, CollectionSpec], data_map: DataMap) -> tuple[Standing, str | None]:
    """What a place is that these collections cover, and the first of them that says so.

    Where they differ, that it is none where something may stay.
    """
    found = [(_standing(spec, data_map), name) for name, spec in collections.items()]
    return min(found, key=lambda one: _STRICTEST.index(one[0]), default=(Standing.UNMAPPED, None))


_STRICTEST = (Standing.MAPPED, Standing.RETAINED, Standing.LOG)


def _standing(spec: CollectionSpec, data_map: DataMap) -> Standing:
    if spec.log is not None:
        return Standing.LOG
    retained = data_map.data_types[spec.data_type or ""].on_request is Action.RETAIN
    return Standing.RETAINED if retained else Standing.MAPPED


def namer(template: Template, data_map: DataMap, separator: str, *, below: bool = False) -> re.Pattern[str]:
    """The names that a template gives. A value is what its normaliser leaves; of others, one that holds no separator.

    Args:
        template: Of a collection.
        data_map: Knows the identities.
        separator: Of the parts of a name; empty: a value may hold anything.
        below: Anything follows.
    """
    identity = data_map.identities.get(template.namespace or "")
    alphabet = ALPHABETS.get("" if identity is None else identity.normaliser)
    pieces = []
    for text, place in template.pieces:
        if place is None:
            pieces.append(re.escape(text))
        elif place == template.namespace and alphabet is not None:
            pieces.append(f"[{re.escape(''.join(sorted(alphabet)))}]+")
        else:
            pieces.append(".+" if place == REST or not separator else f"[^{re.escape(separator)}]+")
    return re.compile("".join(pieces) + (".*" if below else ""), re.DOTALL)


def masked(name: str, matcher: Matcher, words: Collection[str]) -> str:
    """The shape of a key's name. No word of a template stays where it is what is searched for."""
    shape = mask_values(name, words)
    return mask_values(name) if matcher.found(shape.encode(), name=True) else shape


def shown(name: str, matcher: Matcher) -> str:
    """A name of the schema as it is, unless it holds what is searched for."""
    return mask_values(name) if matcher.found(name.encode(), name=True) else name
