"""Data map options of the in-memory store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

from pydantic import Field, model_validator

from expunge_config.datamap import Action, CollectionSpec, DataMap, KeyFlow, Model, Name, Reader, StoreSpec, by_place
from expunge_connectors.memory.database import MemoryDatabase


class MemoryCollection(CollectionSpec):
    """One kind of record.

    Attributes:
        found_by: Identity -> field that holds a value of it: how a record belongs to a subject.
        yields: Identity -> field: what a record of the subject tells about further keys.
        tombstone: Fields that say `erased-<record id>` afterwards.
    """

    found_by: dict[Name, str] = Field(default_factory=dict)
    yields: dict[Name, str] = Field(default_factory=dict)
    tombstone: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> MemoryCollection:
        if (self.log is None) != bool(self.found_by):
            raise ValueError("a collection that is no log needs `found_by`; a log has none")
        if self.log is not None and (self.yields or self.tombstone):
            raise ValueError("a log is left alone: it has neither `tombstone` nor `yields`")
        return self

    def found_by_text(self) -> Sequence[str]:
        """`mail is email`."""
        return [f"{field} is {identity}" for identity, field in self.found_by.items()]


class MemorySpec(StoreSpec):
    """A store in the memory of this process."""

    connector: Literal["memory"]
    collections: dict[Name, MemoryCollection] = Field(min_length=1)

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The kinds of records by collection name."""
        return self.collections

    def complaints(self, data_map: DataMap) -> Iterable[tuple[tuple[str, ...], str]]:
        """Complaints about references to the rest of the map."""
        yield from super().complaints(data_map)
        for name, collection in self.collections.items():
            here = ("collections", name)
            for part, identities in (("found_by", collection.found_by), ("yields", collection.yields)):
                for identity in identities:
                    if identity not in data_map.identities:
                        yield (*here, part, identity), "unknown identity: the map does not declare it"
            data_type = data_map.data_types.get(collection.data_type or "")
            if data_type is not None and data_type.on_request is Action.TOMBSTONE and not collection.tombstone:
                yield here, "the data type is tombstoned: `tombstone` must name the fields"

    def key_flow(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow]:  # noqa: ARG002 - records name identities alone
        """By links and yields."""
        return {
            name: KeyFlow(
                frozenset(one for one in collection.found_by if not data_map.identities[one].shareable),
                frozenset() if _stays_whole(collection, data_map) else frozenset(collection.yields),
                outgoing=frozenset(collection.yields),
            )
            for name, collection in self.collections.items()
            if collection.log is None
        }

    def shared_places(self, store: str, data_map: DataMap) -> Iterable[AbstractSet[Reader]]:  # noqa: ARG002 - as above
        """By fields that several identities name."""
        return by_place(
            ((name, field), Reader(identity))
            for name, collection in self.collections.items()
            for identity, field in collection.found_by.items()
        )


def _stays_whole(collection: MemoryCollection, data_map: DataMap) -> bool:
    """The record stays, and so does everything by which it is found and leads on."""
    if data_map.data_types[collection.data_type or ""].on_request is not Action.TOMBSTONE:
        return False
    return not {*collection.found_by.values(), *collection.yields.values()} & set(collection.tombstone)


class MemoryConnection(Model):
    """Where the records are: handed over, because nothing else leads to them."""

    database: MemoryDatabase = Field(default_factory=MemoryDatabase, repr=False)
