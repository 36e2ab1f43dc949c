"""Which keys, members and fields belong to which subject: pure, from the data map and the subjects' keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyed import certain, in_scope
from expunge_connectors.redis.patterns import Pattern
from expunge_connectors.redis.spec import KeySpec, RedisSpec
from expunge_connectors.templates import Template

SENTINEL = "expunge:sentinel"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One collection, ready for use.

    Attributes:
        certain: A record found through its namespace goes at any age; otherwise it counts as newer and stays.
        pattern: For keys that cannot be named: how to know them.
        follows: What this index names is found again from the live set in every pass (late records). Only
            internal ids are: anything else is for the resolution to accept or refuse.
    """

    name: str
    spec: KeySpec
    key: Template
    part: Template | None
    pattern: Pattern | None
    namespace: str
    certain: bool
    follows: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One key, or one member, field, element or entry of a key, of one subject.

    Attributes:
        due: If it exists it must go; otherwise it counts as newer.
        late: Found in a live index, not through the subject's own keys.
        key: Its name; None if it cannot be named and is to be looked for.
        part: For entries of a stream that were found: their id.
    """

    number: int
    kind: Kind
    via: SubjectKey
    due: bool
    late: bool
    key: str | bytes | None = field(repr=False)
    part: str | bytes | None = field(repr=False)

    @property
    def name(self) -> str | bytes:
        """The key of a record that has one."""
        if self.key is None:
            raise ValueError("the key is still to be looked for")
        return self.key

    @property
    def wanted(self) -> bytes:
        """What stands for the subject inside the key, as the server has it."""
        return self.part.encode() if isinstance(self.part, str) else self.part or b""


def kinds(store: str, data_map: DataMap, spec: RedisSpec, scope: Scope) -> tuple[Kind, ...]:
    """The collections in scope, in the order of erasure."""
    found: list[Kind] = []
    for name in spec.order():
        keys = spec.collections[name]
        by_controller = any(template.by_controller for template in keys.templates)
        if not in_scope(store, name, keys, scope, by_controller=by_controller):
            continue
        namespace = keys.namespace
        if namespace is None:
            raise TerminalError(f"Store {store}, collection {name}: its template names no identity.")
        follows = keys.yields is not None and data_map.identities[keys.yields].kind is IdentityKind.INTERNAL
        key = keys.templates[0]
        pattern = Pattern.of(key, scope) if key.wild else None
        sure = certain(keys, namespace, data_map)
        found.append(Kind(name, keys, key, keys.part, pattern, namespace, sure, follows))
    return tuple(found)


class Names:
    """Fills the templates, and refuses a key that is a declared log (law 3) or the store's own sentinel."""

    def __init__(self, store: str, spec: RedisSpec, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._logs = [Template.parse(keys.key) for keys in spec.collections.values() if keys.log is not None]

    def records(self, found: Iterable[Kind], subjects: Sequence[Subject]) -> list[Record]:
        """The records that the subjects' keys name, collection by collection."""
        return [
            self.record(subject.number, kind, SubjectKey(kind.namespace, value), due=kind.certain)
            for kind in found
            for subject in subjects
            for value in subject.values(kind.namespace)
        ]

    def record(self, number: int, kind: Kind, via: SubjectKey, *, due: bool, late: bool = False) -> Record:
        """The record of a collection that one key names.

        Raises:
            TerminalError: It is a declared log or the sentinel, or the value is empty.
        """
        try:
            via.value.encode()
        except UnicodeEncodeError:
            raise TerminalError(
                f"Store {self._store}, collection {kind.name}: a key cannot be written as UTF-8."
            ) from None
        part = kind.part.fill(via.value, self._scope) if kind.part is not None else None
        key = kind.key.fill(via.value, self._scope) if kind.pattern is None else None
        if (kind.pattern is None and not key) or (kind.part is not None and not part) or not via.value:
            raise TerminalError(f"Store {self._store}, collection {kind.name}: a key is empty.")
        ends = kind.pattern.ends_value if kind.pattern is not None and kind.part is None else None
        if ends is not None and ends in via.value:
            raise TerminalError(
                f"Store {self._store}, collection {kind.name}: an identifier holds the character that ends it.",
                remedy="Use `{*}` for each segment instead of `{**}`, or an identity without this character.",
            )
        return self.checked(Record(number, kind, via, due, late, key, part))

    def checked(self, record: Record) -> Record:
        """The record, unless its key is not ours.

        Raises:
            TerminalError: It is a declared log or the sentinel.
        """
        key = record.key.decode(errors="surrogateescape") if isinstance(record.key, bytes) else record.key
        where = f"Store {self._store}, collection {record.kind.name}"
        if key == SENTINEL:
            raise TerminalError(f"{where}: a key falls on the store's sentinel.")
        if key is not None and any(log.could_name(key) for log in self._logs):
            raise TerminalError(
                f"{where}: a key falls on a declared log, which is left alone.",
                remedy="Make the templates of data and logs distinct.",
            )
        return record
