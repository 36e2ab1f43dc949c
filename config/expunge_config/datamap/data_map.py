"""The data map as a whole, and the stores in it (pydantic).

What can be derived (keys, foreign keys, types) comes from the live stores; the map states decisions. Connectors extend
`StoreSpec` and `CollectionSpec` with what their kind of store needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Literal

from pydantic import Field, SerializeAsAny, field_validator

from expunge_config.datamap.backups import BackupSpec, NoBackups
from expunge_config.datamap.base import Model, Name, Text
from expunge_config.datamap.collection_specs import CollectionSpec, Owner
from expunge_config.datamap.controllers import Controller, Operator
from expunge_config.datamap.data_types import DataType
from expunge_config.datamap.identities import Identity, IdentityKind, PersonCollection, Reader, same_person_complaints
from expunge_config.datamap.key_flow import KeyFlow
from expunge_config.datamap.self_service import SelfService

RECEIVED_AT = "received_at"
"""The column of a list that says when each person asked; no identity has this name."""


class UnmappedPlace(Model):
    """A place of a store that the map does not read, on purpose, and somebody says so.

    It holds no personal data, or an address of the very person whose row it is.

    Attributes:
        place: As the findings name it: `schema.table` or `schema.table.column`, a shape of keys (`config:{n}`), a
            shape of object keys (`bucket/img/{hex}.png`). It silences findings about exactly that place.
    """

    place: Text
    reason: Text
    approved_by: Text


class StoreSpec(Model):
    """What is the same for every store. The connector's own model adds `connector` and `collections`.

    Attributes:
        unmapped_ok: Places that are in no collection and need not be.
        backups: That no copies are made of this store; places with copies stand in the map's own `backups`.
    """

    unmapped_ok: tuple[UnmappedPlace, ...] = ()
    backups: NoBackups | None = None

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The collections by name. Connectors' models hold them in a field of their own type."""
        raise NotImplementedError(f"{type(self).__name__} does not say which collections it has")

    def key_flow(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow] | None:  # noqa: ARG002 - for those that know
        """Collection -> how its records are found and what they lead to; logs are absent.

        None: this kind of store does not say. Then requests of its controllers cannot be limited to some data types.
        """
        return None

    def shared_places(self, store: str, data_map: DataMap) -> Iterable[AbstractSet[Reader]]:  # noqa: ARG002 - as above
        """How one place is read; of places that are read in several ways.

        Records that are persons aside, which say themselves whose they are. None: this kind of store does not say.
        """
        return ()

    def complaints(self, data_map: DataMap) -> Iterable[tuple[tuple[str, ...], str]]:
        """What is wrong with this store in view of the whole map: (path below the store, message)."""
        for name, collection in self.collection_specs().items():
            here = ("collections", name)
            if collection.data_type is not None and collection.data_type not in data_map.data_types:
                yield (*here, "data_type"), "names a data type that the map does not declare"
            if collection.owner is not None:
                yield from _owner_complaints(here, collection, collection.owner, data_map)


def _owner_complaints(
    here: tuple[str, ...], collection: CollectionSpec, owner: Owner, data_map: DataMap
) -> Iterable[tuple[tuple[str, ...], str]]:
    controller = data_map.controllers.get(owner.controller)
    if controller is None:
        yield (*here, "owner", "controller"), "names a controller that the map does not declare"
    elif controller.many and not collection.tells_member and not owner.inherited:
        yield (
            (*here, "owner"),
            "this kind of controller has many members: say which `column` names it, or `inherited: true`",
        )
    elif not controller.many and owner.column is not None:
        yield (*here, "owner", "column"), "this controller is a single one: no column can tell members apart"


class Limits(Model):
    """What one batch may do without a second pair of eyes. A limit that is not given is none.

    Attributes:
        rows_per_person: Records due of one person, over all stores.
        share_percent: Records due of a collection, in percent of all that it holds.
        people: People in one batch; 0 makes four eyes the rule.
        drift_percent: By how much more may be there at execution than the plan counted, per chunk and collection.
    """

    rows_per_person: int | None = Field(default=None, ge=0)
    share_percent: int | None = Field(default=None, ge=0, le=100)
    people: int | None = Field(default=None, ge=0)
    drift_percent: int = Field(default=25, ge=0)


class DataMap(Model):
    """The whole map. Loaded with `expunge_config.datamap.load`, which adds file and line to every complaint."""

    expunge: Literal[1]
    operator: Operator
    controllers: dict[Name, Controller] = Field(min_length=1)
    identities: dict[Name, Identity] = Field(min_length=1)
    data_types: dict[Name, DataType] = Field(min_length=1)
    stores: dict[Name, SerializeAsAny[StoreSpec]] = Field(min_length=1)
    backups: NoBackups | dict[Name, SerializeAsAny[BackupSpec]] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    self_service: SelfService | None = None

    @field_validator("expunge", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        if type(value) is not int:  # `true` equals 1
            raise ValueError("the version of the format is a number: `expunge: 1`")
        return value

    @property
    def person_identities(self) -> frozenset[str]:
        """The identities that prove who somebody is."""
        return frozenset(name for name, one in self.identities.items() if one.kind is IdentityKind.PERSON)

    @property
    def backup_places(self) -> Mapping[str, BackupSpec]:
        """The places with backup copies by name."""
        return {} if isinstance(self.backups, NoBackups) else self.backups

    def places_of(self, store: str) -> list[str]:
        """The places that keep copies of a store."""
        return [name for name, place in self.backup_places.items() if place.of == store]

    def no_backups_of(self, store: str) -> NoBackups | None:
        """Who says that no copies are made of a store, and why; None if nobody does."""
        return self.backups if isinstance(self.backups, NoBackups) else self.stores[store].backups

    def collections(self) -> Iterator[tuple[str, str, CollectionSpec]]:
        """(store, collection, spec) of every collection, in the order of the file."""
        for store_name, store in self.stores.items():
            for collection_name, collection in store.collection_specs().items():
                yield store_name, collection_name, collection

    def complaints(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """What is wrong between the stores, and between the parts of the map that are none: (path, message)."""
        yield from self._self_service_complaints()
        for name, store in self.stores.items():
            if store.backups is not None and (places := self.places_of(name)):
                yield ("stores", name, "backups"), f"says that there are no copies, and {places[0]} keeps some"

    def same_person_complaints(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Persons of several collections whom one value makes one human, unsaid; of stores without a complaint."""
        many = {spec.person_identity or "" for _, _, spec in self.collections() if spec.tells_member}
        yield from same_person_complaints(self.identities, list(self._person_collections()), many)

    def _person_collections(self) -> Iterator[PersonCollection]:
        for name, store in self.stores.items():
            flows = store.key_flow(name, self) or {}
            for collection, spec in store.collection_specs().items():
                flow = flows.get(collection, KeyFlow(frozenset()))
                if spec.person_identity is not None and spec.owner is not None:
                    place = f"{name}.{collection}"
                    yield PersonCollection(
                        place, spec.person_identity, spec.owner.controller, flow.incoming, flow.outgoing
                    )

    def _self_service_complaints(self) -> Iterator[tuple[tuple[str, ...], str]]:
        own = self.self_service
        if own is None:
            return
        controller = self.controllers.get(own.controller)
        if controller is None:
            yield ("self_service", "controller"), "names a controller that the map does not declare"
        elif controller.many:
            yield ("self_service", "controller"), "names a kind of controller with many members, not the company itself"
        unknown = [name for name in own.identities if name not in self.identities]
        kinds = {self.identities[name].kind for name in own.identities if name not in unknown}
        if unknown:
            yield ("self_service", "identities"), f"names identities that the map does not declare: {unknown}"
        elif IdentityKind.PERSON not in kinds:
            yield ("self_service", "identities"), "names none of kind `person`: who is signed in must be certain"
        elif IdentityKind.INTERNAL in kinds:
            yield ("self_service", "identities"), "names one of kind `internal`, which is never accepted from outside"
        held = {
            spec.data_type
            for _, _, spec in self.collections()
            if spec.owner is not None and spec.owner.controller == own.controller
        }
        for name, scope in own.scopes.items():
            strange = [one for one in scope.data_types if one not in self.data_types]
            if strange:
                yield ("self_service", "scopes", name, "data_types"), f"names unknown data types: {strange}"
            elif foreign := [one for one in scope.data_types if one not in held]:
                yield (
                    ("self_service", "scopes", name, "data_types"),
                    f"names data types of which no collection is this controller's: {foreign}",
                )
