"""From subjects and the map's identities to what can be searched for. Of the map nothing else is known here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import Identity
from expunge_connectors.blind_search.patterns import SearchedValue, searchable
from expunge_connectors.contract import FACTS, Subject


@dataclass(frozen=True, slots=True)
class SearchedPeople:
    """What is known of the people.

    Attributes:
        unsearched: Identity -> how many values are not searched for: they would be found at other people's as well.
        nameless: Numbers of people of whom nothing is searched for.
    """

    values: tuple[SearchedValue, ...] = field(repr=False)
    unsearched: Mapping[str, int]
    nameless: frozenset[int]


def searched_people(subjects: Sequence[Subject], identities: Mapping[str, Identity]) -> SearchedPeople:
    """The values of these people that can be told from other people's. Keys of a store's own columns are ids."""
    values: list[SearchedValue] = []
    unsearched: Counter[str] = Counter()
    for subject in subjects:
        for key in sorted(subject.keys):
            identity = identities.get(key.namespace)
            kind = (
                None if identity is None else searchable(identity.normaliser, key.value, shareable=identity.shareable)
            )
            if key.namespace.startswith(FACTS):
                continue
            if kind is None:
                unsearched[key.namespace] += 1
            else:
                values.append(SearchedValue(subject.number, kind, key.value))
    named = {one.number for one in values}
    return SearchedPeople(
        tuple(values), dict(sorted(unsearched.items())), frozenset(one.number for one in subjects) - named
    )
