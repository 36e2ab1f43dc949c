"""Test harness: what an author supplies so that the contract suite can run on a connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from expunge_config.datamap import Action, DataMap
from expunge_connectors.contract import Scope, StoreConnector, Subject, SubjectKey

RawRecords = Mapping[tuple[str, str], bytes]
"""(collection, record's own name) -> its content, read without the connector. Logs are included."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person who has records in the store.

    Attributes:
        given: The keys that a request would bring, under the number that counts come back with.
        resolved: All keys that resolution must find, the given ones included, without internal path keys.
        counts: In-scope collection -> how many records are there and due. At least one collection holds one.
        owns: The names (as in `RawRecords`) of the records that may be changed when the person is erased.
        secrets: Values that must never show up in an error: identifiers, keys, content. Four characters or more.
    """

    given: Subject
    resolved: frozenset[SubjectKey]
    counts: Mapping[str, int]
    owns: frozenset[tuple[str, str]] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)


class StoreHarness(Protocol):
    """A store with fresh data: two people, a bystander of the same controller, an outsider of another one.

    The fixture makes a new one for every test. Everything here works without the connector under test.

    Attributes:
        store: Name of the store in `data_map`.
        scope: The controller that asks for `first`, `second` and `bystander`.
        outsider: A person of another controller, or None if the store has one controller only.
        actions: What the map says for every collection of the scope that holds data.
        part: A part of `actions` that can be carried out on its own (in a database: children without their parents).
    """

    store: str
    data_map: DataMap
    scope: Scope
    first: Person
    second: Person
    bystander: Person
    outsider: Person | None
    actions: Mapping[str, Action]
    part: Mapping[str, Action]

    def build(self) -> StoreConnector:
        """A new connector over the data, without pauses between attempts."""
        ...

    def build_elsewhere(self) -> StoreConnector:
        """A connector for the same map over another store."""
        ...

    def build_unreachable(self) -> StoreConnector:
        """A connector whose store does not answer."""
        ...

    def build_broken(self) -> StoreConnector:
        """A connector that cannot use a collection of `first` until somebody changes something.

        A missing table, a key of another type, a right that was taken away. Called once, at the end of a test.
        """
        ...

    def raw(self) -> RawRecords:
        """Every record of every collection, logs included."""
        ...

    def add(self, person: Person) -> str:
        """Add one record that is due and hangs on the person's resolved keys; return its collection."""
        ...

    def stranger(self, number: int) -> Subject:
        """Somebody with well-formed keys who has no record at all."""
        ...


class ResolvingHarness(StoreHarness, Protocol):
    """A store that yields keys: some person's `resolved` is larger than what was `given`."""


class DatedHarness(StoreHarness, Protocol):
    """A store that knows when a record was created."""

    def add_nominated(self, number: int) -> Subject:
        """Add a record, created now, of a person who is known only by a reusable identifier; return the subject.

        Called again with the same number, it adds another record under the same identifier.
        """
        ...


class MemberHarness(StoreHarness, Protocol):
    """A store with a controller that has many members (`client:7`, `client:8`).

    Attributes:
        member: The member that asks.
        other_member: Another member of the same controller.
        caller: A person with records of both members, with all keys.
        member_actions: What the map says for the collections of this controller.
        member_owns: The names of the caller's records that are the asking member's; at least one.
        other_owns: The names of those that are the other member's; at least one.
    """

    member: Scope
    other_member: Scope
    caller: Subject
    member_actions: Mapping[str, Action]
    member_owns: frozenset[tuple[str, str]]
    other_owns: frozenset[tuple[str, str]]


class LoggedHarness(StoreHarness, Protocol):
    """A store in which a log is declared and holds something about `first`.

    Attributes:
        log: Name of the collection.
    """

    log: str


class AgedHarness(StoreHarness, Protocol):
    """A store from which records go by age.

    Attributes:
        aged: Name of a collection with a start of its own, from whose records nothing hangs. None of them is due.
    """

    aged: str

    def add_aged(self, *, due: bool) -> tuple[Subject, str]:
        """Add a record to it whose period is over, or begins now; return whose it is, with all keys, and its name."""
        ...


class DriftingHarness(StoreHarness, Protocol):
    """A store that ends records by itself, or is asked what else does."""

    def overstay(self) -> str:
        """Have something stay for longer than the map declares, if nothing does; return its collection."""
        ...
