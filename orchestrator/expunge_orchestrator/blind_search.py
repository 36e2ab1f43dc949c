"""The blind search of all stores: what is left of people anywhere, whatever the data map says (ADR 21). Read-only.

For auditors, and to find what the map forgot. It says where, what the place is in the map, and whose values: by their
place in the list. Whose *row* it is, it does not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from expunge_config.datamap import DataMap
from expunge_config.errors import InputError
from expunge_connectors.blind_search.effort import Effort
from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.report import PlaceFinding, StoreReport
from expunge_connectors.contract import SearchesBlind, StoreConnector, Subject, SubjectKey, no_beat
from expunge_orchestrator.rules.searched_values import searched_people
from expunge_orchestrator.store_calls import gather


@dataclass(frozen=True, slots=True)
class BlindSearch:
    """What was found, and what was not searched.

    Attributes:
        people: How many were searched for.
        values: Number of a person -> how many values of this one were searched for.
        nameless: Numbers of people of whom the list names nothing that can be searched for.
        unsearched: Identity -> how many values were not searched for, since they stand at other people's as well.
        unsearchable: Stores whose connector cannot be searched.
    """

    people: int
    values: Mapping[int, int]
    reports: tuple[StoreReport, ...]
    nameless: frozenset[int]
    unsearched: Mapping[str, int]
    unsearchable: tuple[str, ...]

    @property
    def leftovers(self) -> tuple[PlaceFinding, ...]:
        """What stands where the map allows nothing of an erased person."""
        return tuple(one for report in self.reports for one in report.leftovers)

    @property
    def whole(self) -> bool:
        """Everybody was searched for, everywhere."""
        return not (self.nameless or self.unsearchable or any(report.gaps for report in self.reports))


def search_blind(  # noqa: PLR0913 - what is searched, for whom, and how
    stores: Mapping[str, StoreConnector],
    data_map: DataMap,
    people: Iterable[frozenset[SubjectKey]],
    *,
    effort: Effort,
    at_once: int,
    done: Callable[[int], None],
) -> BlindSearch:
    """Search some stores for these people, in one pass each.

    Args:
        stores: By name.
        data_map: Knows the identities, and what a place is once something was found there.
        people: Keys of each, in the order of their numbers, from 1.
        effort: How long, and how gently.
        at_once: How many stores are searched at the same time.
        done: Told how many stores are done.

    Raises:
        InputError: There is nobody of whom anything can be searched for.
        ConnectorError: A store as a whole cannot be searched: not looked at is never "nothing left".
    """
    subjects = [Subject(number, keys) for number, keys in enumerate(people, start=1)]
    found = search_subjects(stores, data_map, subjects, effort=effort, at_once=at_once, done=done)
    if not found.values:
        raise InputError(
            "Nothing in the list can be searched for.",
            remedy="Give e-mail addresses, phone numbers with at least 9 digits, or tokens and user names with at least"
            " 8 characters: numbers and postal addresses are found at other people's as well.",
        )
    return found


def search_subjects(  # noqa: PLR0913 - what is searched, for whom, and how
    stores: Mapping[str, StoreConnector],
    data_map: DataMap,
    subjects: Sequence[Subject],
    *,
    effort: Effort,
    at_once: int,
    done: Callable[[int], None],
) -> BlindSearch:
    """The same for subjects with numbers of their own. Where nothing of them can be searched for, no store is read.

    Raises:
        ConnectorError: A store as a whole cannot be searched.
    """
    known = searched_people(subjects, data_map.identities)
    values = Counter(one.number for one in known.values)
    if not values:
        return BlindSearch(len(subjects), values, (), known.nameless, known.unsearched, ())
    matcher = Matcher(known.values)
    able = [name for name, store in stores.items() if isinstance(store, SearchesBlind)]
    finished: list[str] = []

    def one(name: str) -> StoreReport:
        store = stores[name]
        assert isinstance(store, SearchesBlind)
        report = store.search_blind(matcher, effort, no_beat)
        finished.append(name)
        done(len(finished))
        return report

    reports = _in_order(able, gather(able, one, at_once))
    unable = tuple(name for name in stores if name not in able)
    return BlindSearch(len(subjects), values, reports, known.nameless, known.unsearched, unable)


def _in_order(names: Sequence[str], reports: Mapping[str, StoreReport]) -> tuple[StoreReport, ...]:
    return tuple(reports[name] for name in names)
