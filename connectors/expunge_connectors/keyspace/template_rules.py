"""Template rules: which collections are in scope, which overlap, and which records are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from expunge_config.datamap import Action, CollectionSpec, DataMap, IdentityKind, Reader, by_place
from expunge_connectors.contract import Counts, Finding, RecordCounts, Scope, Severity, Subject
from expunge_connectors.errors import TerminalError, UnknownMemberError
from expunge_connectors.keyspace.templates import ALPHABETS, Step, Template, overlap, steps

Complaints = Iterable[tuple[tuple[str, ...], str]]


def named_by_complaints(
    here: tuple[str, ...],
    templates: Iterable[Template],
    spec: CollectionSpec,
    data_map: DataMap,
    *,
    dated: bool,
) -> Complaints:
    """What is wrong with a collection of named records in view of the whole map.

    Args:
        here: Path of the collection below the store.
        templates: All templates of the collection; together they name one identity.
        spec: The collection.
        data_map: The whole map.
        dated: The store knows when a record was created (S3: Last-Modified; Redis does not).
    """
    templates = list(templates)
    namespace = next((template.namespace for template in templates if template.namespace is not None), None)
    if spec.log is not None or namespace is None:
        return
    yield from _owner_complaints(here, templates, spec, data_map)
    identity = data_map.identities.get(namespace)
    if identity is None:
        yield (*here, "key"), "the template names an identity that the map does not declare"
        return
    if identity.shareable:
        yield (*here, "key"), "a shareable identity never selects a record"
    if dated and spec.undated is not None:
        yield (*here, "undated"), "records of this store have a creation time: there is nothing to decide"
    if not dated and identity.kind is IdentityKind.REUSABLE and spec.undated is None:
        yield here, "keys are found by a reusable identifier and have no creation time: decide `undated: erase | keep`"
    data_type = data_map.data_types.get(spec.data_type or "")
    if data_type is not None and data_type.on_request is not Action.DELETE:
        kept = "; objects that must be kept are locked (Object Lock) or declared a log" if dated else ""
        yield (*here, "data_type"), f"this kind of store only deletes: its data types need `on_request: delete`{kept}"


def _owner_complaints(
    here: tuple[str, ...], templates: Iterable[Template], spec: CollectionSpec, data_map: DataMap
) -> Complaints:
    if spec.owner is None:
        return
    if spec.owner.column is not None:
        yield (
            (*here, "owner", "column"),
            "this kind of store has no columns: use `inherited: true`, or `{controller}` in the template",
        )
    controller = data_map.controllers.get(spec.owner.controller)
    if controller is not None and not controller.many and any(template.by_controller for template in templates):
        yield (*here, "owner", "controller"), "`{controller}` needs a kind of controller that has many members"


def in_scope(store: str, name: str, spec: CollectionSpec, scope: Scope, *, by_controller: bool = False) -> bool:
    """Whether a collection is the request's business. Logs and other controllers' collections are not.

    Raises:
        TerminalError: It cannot be decided: no owner, or the scope names no member of the controller.
    """
    if spec.log is not None:
        return False
    if spec.owner is None:
        raise TerminalError(
            f"Store {store}, collection {name}: nobody owns it, so no request for one controller can be answered.",
            remedy="Give the collection an `owner` in the data map.",
        )
    if spec.owner.controller != scope.controller:
        return False
    if by_controller and not scope.member:
        raise TerminalError(
            f"Store {store}, collection {name}: the controller's members are told apart, and the request names none."
        )
    return True


def require_unambiguous_names(store: str, name: str, templates: Iterable[Template], scope: Scope) -> None:
    """Refuse a member whose keys could be another member's.

    Raises:
        UnknownMemberError: It holds the character that ends it in a template, or nothing does.
    """
    if not all(template.distinguishes(scope.member or "") for template in templates):
        raise UnknownMemberError(
            f"Store {store}, collection {name}: where the controller's member ends in a name cannot be told.",
            remedy="Use a delimiter beside `{controller}` that no member holds, and name the records anew.",
        )


def certain(spec: CollectionSpec, namespace: str, data_map: DataMap) -> bool:
    """Whether a record found through this namespace goes at any age (law 7)."""
    return data_map.identities[namespace].kind is not IdentityKind.REUSABLE or spec.undated == "erase"


def check_actions(store: str, specs: Mapping[str, CollectionSpec], actions: Mapping[str, Action]) -> None:
    """Refuse actions that this kind of store, or any store, must not carry out.

    Raises:
        TerminalError: A collection is unknown or a log (law 3), or is to be anything but deleted.
    """
    for name, action in actions.items():
        if name not in specs:
            raise TerminalError(f"Store {store}: the data map has no collection {name}.")
        if specs[name].log is not None:
            raise TerminalError(f"Store {store}, collection {name}: it is a log and is left alone.")
        if action is not Action.DELETE:
            raise TerminalError(f"Store {store}, collection {name}: this kind of store only deletes.")


class Tallies:
    """Counts in the making: starts with zeros for every subject and collection that is looked at."""

    def __init__(self, subjects: Iterable[Subject], collections: Iterable[str]) -> None:
        names = list(collections)
        self._counts = {subject.number: dict.fromkeys(names, RecordCounts()) for subject in subjects}

    def add(self, number: int, collection: str, *, due: int = 0, newer: int = 0) -> None:
        """Add records that are due, or newer than the cutoff."""
        before = self._counts[number][collection]
        self._put(
            number,
            collection,
            RecordCounts(before.due + due, before.retained, before.newer + newer, before.until, before.ground),
        )

    def retain(self, number: int, collection: str, until: datetime | None, ground: str) -> None:
        """Add one record that is kept: until a time, or (None) until somebody decides otherwise.

        An open end outweighs every date: then no last day can be named. What keeps the others is named beside it.
        """
        before = self._counts[number][collection]
        open_ended = until is None or (before.retained > 0 and before.until is None)
        day = None if open_ended or until is None else max(until.date(), before.until or until.date())
        every = {*([] if before.ground is None else before.ground.split("+")), *ground.split("+")}
        kept = before.retained + 1
        self._put(number, collection, RecordCounts(before.due, kept, before.newer, day, "+".join(sorted(every))))

    def _put(self, number: int, collection: str, tally: RecordCounts) -> None:
        self._counts[number][collection] = tally

    @property
    def counts(self) -> Counts:
        """The counts."""
        return self._counts


@dataclass(frozen=True, slots=True)
class RecordNaming:
    """What names the records of one collection, as far as it can meet what names those of another.

    Attributes:
        collection: Its name.
        place: Where the names are (a bucket); names in different places never meet.
        whole: The template of the key.
        part: The template of what belongs to the subject inside the key; None if the key itself does.
        below: Everything that begins with the key belongs to the subject (a prefix).
    """

    collection: str
    place: str
    whole: Template
    part: Template | None = None
    below: bool = False

    @property
    def means(self) -> tuple[str, str | None]:
        """The same key of the same person is one meaning, whoever declares it."""
        return self.whole.text, self.whole.namespace or (None if self.part is None else self.part.namespace)


def overlaps(store: str, data_map: DataMap, namings: Sequence[RecordNaming]) -> Iterable[Finding]:
    """Pairs of collections of which one can name a record of the other: the same key would mean two things.

    What values are made of is taken from
    their normalisers; of a token or an e-mail address anything is possible.
    """
    for at, one in enumerate(namings):
        for other in namings[at + 1 :]:
            if one.place == other.place and _meet(data_map, one, other):
                yield Finding(
                    Severity.WARNING,
                    "template-overlap",
                    store,
                    one.collection,
                    f"`{_shown(one)}` can name the same record as `{_shown(other)}` of {other.collection}:"
                    " what belongs to one person there may be taken for another's.",
                    "Begin the keys of different kinds differently, or make sure that their values never meet.",
                )


def overlapping_collections(data_map: DataMap, namings: Sequence[RecordNaming]) -> dict[str, frozenset[str]]:
    """Collection -> those of which a record can be a record of it, or a part of one, also with the same meaning."""
    return {
        one.collection: frozenset(
            other.collection
            for other in namings
            if other is not one and other.place == one.place and _can_meet(data_map, one, other)
        )
        for one in namings
    }


def shared_places(namings: Iterable[RecordNaming]) -> list[AbstractSet[Reader]]:
    """The identities of which the same value names the same record, of those where several do."""
    readers = []
    for one in namings:
        namespace = one.whole.namespace or (None if one.part is None else one.part.namespace)
        shapes = one.whole.shape, None if one.part is None else one.part.shape
        readers.append(((one.place, *shapes, one.below), Reader(namespace or "")))
    return by_place(readers)


def _meet(data_map: DataMap, one: RecordNaming, other: RecordNaming) -> bool:
    if one.means == other.means and (one.part is None) == (other.part is None):
        return False
    return _can_meet(data_map, one, other)


def _can_meet(data_map: DataMap, one: RecordNaming, other: RecordNaming) -> bool:
    if not overlap(_steps(data_map, one.whole, below=one.below), _steps(data_map, other.whole, below=other.below)):
        return False
    if one.part is None or other.part is None:
        return True
    return overlap(_steps(data_map, one.part), _steps(data_map, other.part))


def _steps(data_map: DataMap, template: Template, *, below: bool = False) -> Sequence[Step]:
    identity = data_map.identities.get(template.namespace or "")
    return steps(template, ALPHABETS.get(identity.normaliser) if identity is not None else None, open_end=below)


def _shown(naming: RecordNaming) -> str:
    return naming.whole.text if naming.part is None else f"{naming.whole.text} {naming.part.text}"
