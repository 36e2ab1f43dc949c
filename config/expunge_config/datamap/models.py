"""Data map models (pydantic): controllers, identities, data types, stores, collections, limits.

What can be derived (keys, foreign keys, types) comes from the live stores; the map states decisions. Connectors extend
`StoreSpec` and `CollectionSpec` with what their kind of store needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, StrictBool, StringConstraints, field_validator, model_validator

from expunge_config.datamap.base import Assurance, IsoPeriod, Model, Name, Text
from expunge_config.datamap.deadlines import DeadlineSpec
from expunge_config.datamap.identities import Identity, IdentityKind, PersonCollection, Reader, same_person_complaints
from expunge_config.datamap.key_flow import KeyFlow
from expunge_config.datamap.self_service import SelfService


class StartEvent(StrEnum):
    """When a deletion period starts (DIN 66398, three types of start time)."""

    COLLECTED = "collected"
    TRANSACTION_ENDED = "transaction_ended"
    RELATIONSHIP_ENDED = "relationship_ended"


class Action(StrEnum):
    """What a request does with a data type."""

    DELETE = "delete"
    TOMBSTONE = "tombstone"
    RETAIN = "retain"


class DeletionRule(Model):
    """Start event + period. Exactly one per data type (DIN 66398)."""

    start: StartEvent
    period: IsoPeriod


class DataType(Model):
    """Data of one purpose, with exactly one deletion rule and one answer to a request."""

    purpose: Text
    categories: tuple[Text, ...] = Field(min_length=1)
    rule: DeletionRule
    on_request: Action
    ground: Text | None = None

    @model_validator(mode="after")
    def _ground_for_retained(self) -> DataType:
        if (self.on_request is Action.RETAIN) != (self.ground is not None):
            raise ValueError(
                "`ground` is given exactly when `on_request` is `retain`: it names the law or reason to keep"
            )
        return self


class Owner(Model):
    """Whose records a collection holds: which controller may ask for them.

    Exactly one of: nothing more (the whole collection is that controller's), `column` (its value names the
    controller, as in `client:42`), or `inherited: true` (only keys found in records of that controller ever lead here).
    """

    controller: Name
    column: str | None = None
    inherited: StrictBool = False

    @model_validator(mode="after")
    def _one_way(self) -> Owner:
        if self.column is not None and self.inherited:
            raise ValueError("give `column` or `inherited: true`, not both")
        return self


class LogDeclaration(Model):
    """Why a collection is a log and is left alone. Never guessed: somebody approved it."""

    purpose: Text
    ground: Text
    retention: IsoPeriod
    approved_by: Text


class CollectionSpec(Model):
    """What is the same for a collection in any store: either a data type with an owner, or a log.

    Attributes:
        undated: Decision for a collection reached by a reusable identifier that has no trustworthy creation time:
            `erase` at any age, or `keep` (counted as newer, never erased).
    """

    data_type: Name | None = None
    owner: Owner | None = None
    log: LogDeclaration | None = None
    undated: Literal["erase", "keep"] | None = None

    @model_validator(mode="after")
    def _data_or_log(self) -> CollectionSpec:
        if (self.log is None) == (self.data_type is None):
            raise ValueError("a collection has either a `data_type` or a `log` declaration; undecided is refused")
        return self

    def found_by_text(self) -> Sequence[str]:
        """Where the records are and how they belong to a person, in words, for `expunge locate`.

        Names of tables, columns, templates and identities, never a value. Connectors' models know; empty if they do not
        say.
        """
        return ()

    def decided(self) -> dict[str, Any]:
        """What is decided of the records, as plain data: equal where the same are found and the same is done.

        Connectors' models leave out what decides neither.
        """
        decided: dict[str, Any] = _without_reasons(self.model_dump(mode="json"))
        return decided

    @property
    def person_identity(self) -> str | None:
        """The identity that names the person whom a record is; None: a record is no person. Connectors' models know."""
        return None

    @property
    def tells_member(self) -> bool:
        """A record says by itself whose it is of a controller's members. Connectors' models know of other ways."""
        return self.owner is not None and self.owner.column is not None

    @property
    def names_member(self) -> bool:
        """A record is called after the controller's member as well. Connectors' models know."""
        return False


def _without_reasons(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Of an assurance counts that it is given; why, and by whom, is for people."""
    if isinstance(value, Mapping):
        given = value.keys() == Assurance.model_fields.keys()
        return True if given else {name: _without_reasons(one) for name, one in value.items()}
    return [_without_reasons(one) for one in value] if isinstance(value, list) else value


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


class NoBackups(Model):
    """That no backup copies are made, of one store or of all: a decision that somebody stands by.

    Attributes:
        none: Why there are none.
    """

    none: Text
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


RECEIVED_AT = "received_at"
"""The column of a list that says when each person asked; no identity has this name."""

LEDGER = "ledger"
"""What backup places call Expunge's own ledger; no store has this name."""


class BackupSpec(Model):
    """Where copies of a store's data are kept. `of` names the store that is copied, or says `ledger`."""

    of: Name


class Controller(Model):
    """A controller that may send requests: one company, or a kind of them told apart by a value (`client:42`).

    Attributes:
        deadline: By when its requests are answered; without one, no clock runs.
        member_deadlines: For members of a kind that have another calendar, zone, promise or law; each whole, nothing
            is taken over from `deadline`.
    """

    name: Text
    many: StrictBool = False
    deadline: DeadlineSpec | None = None
    member_deadlines: dict[str, DeadlineSpec] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _members_of_many(self) -> Controller:
        if self.member_deadlines and not self.many:
            raise ValueError("`member_deadlines` are for a controller with `many: true`; write `deadline`")
        return self

    def deadline_of(self, member: str | None) -> DeadlineSpec | None:
        """By when a request of this member (the 42 of `client:42`, or None) is answered; None if nobody said."""
        own = None if member is None else self.member_deadlines.get(member)
        return self.deadline if own is None else own


class Operator(Model):
    """Who runs Expunge and signs: named on every receipt.

    Attributes:
        log_origin: Host name that names the transparency log (C2SP tlog-checkpoint origin, without a path).
    """

    name: Annotated[Text, StringConstraints(max_length=200)]
    contact: Text
    log_origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]{3,100}$")]


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
