"""Records: keys, members and fields of each subject, from the data map and the subjects' keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import DataMap, IdentityKind
from expunge_connectors.contract import Scope, Subject, SubjectKey
from expunge_connectors.errors import TerminalError
from expunge_connectors.keyspace.nested_names import require_undivided
from expunge_connectors.keyspace.template_rules import certain, in_scope, require_unambiguous_names
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.redis.key_patterns import Pattern
from expunge_connectors.redis.spec import KeySpec, RedisSpec

SENTINEL = "expunge:sentinel"


@dataclass(frozen=True, slots=True, eq=False)
class RecordKind:
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

    @property
    def ends_value(self) -> str | None:
        """The character that no value of the identity may hold; None: any may stand in a key."""
        return self.pattern.ends_value if self.pattern is not None and self.part is None else None


@dataclass(frozen=True, slots=True)
class Record:
    """One key, or one member, field, element or entry of a key, of one subject.

    Attributes:
        due: If it exists it must go; otherwise it counts as newer.
        late: How many live indexes, one after the other, led to it from the subject's own keys; 0: these name it.
        key: Its name; None if it cannot be named and is to be looked for.
        part: For entries of a stream that were found: their id.
    """

    number: int
    kind: RecordKind
    via: SubjectKey
    due: bool
    late: int
    key: str | bytes | None = field(repr=False)
    part: str | bytes | None = field(repr=False)

    @property
    def name(self) -> str | bytes:
        """The key of a record that has one."""
        if self.key is None:
            raise ValueError("the key is still to be looked for")
        return self.key

    @property
    def text(self) -> str:
        """The key as text, whatever bytes it holds; empty if it is still to be looked for."""
        return self.key.decode(errors="surrogateescape") if isinstance(self.key, bytes) else self.key or ""

    @property
    def wanted(self) -> bytes:
        """What stands for the subject inside the key, as the server has it."""
        return self.part.encode() if isinstance(self.part, str) else self.part or b""

    @property
    def in_stream(self) -> bool:
        """Whether it is an entry of a stream, which is looked for by the value of a field."""
        return self.part is not None and self.kind.spec.type == "stream"


def kinds(store: str, data_map: DataMap, spec: RedisSpec, scope: Scope) -> tuple[RecordKind, ...]:
    """The collections in scope, in the order of erasure."""
    found: list[RecordKind] = []
    for name in spec.order():
        keys = spec.collections[name]
        by_controller = any(template.by_controller for template in keys.templates)
        if not in_scope(store, name, keys, scope, by_controller=by_controller):
            continue
        require_unambiguous_names(store, name, keys.templates, scope)
        namespace = keys.namespace
        if namespace is None:
            raise TerminalError(f"Store {store}, collection {name}: its template names no identity.")
        follows = keys.yields is not None and data_map.identities[keys.yields].kind is IdentityKind.INTERNAL
        key = keys.templates[0]
        pattern = Pattern.of(key, scope) if key.wild else None
        sure = certain(keys, namespace, data_map)
        found.append(RecordKind(name, keys, key, keys.part, pattern, namespace, sure, follows))
    return tuple(found)


class Names:
    """Fills the templates, and refuses a key that is a declared log (law 3) or the store's own sentinel."""

    def __init__(self, store: str, spec: RedisSpec, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._logs = [Template.parse(keys.key) for keys in spec.collections.values() if keys.log is not None]

    def records(self, found: Iterable[RecordKind], subjects: Sequence[Subject]) -> list[Record]:
        """The records that the subjects' keys name, collection by collection.

        Raises:
            DividedNameError: A value holds the character that ends it in a pattern.
        """
        found = list(found)
        for kind in found:
            if (end := kind.ends_value) is not None:
                require_undivided(self._store, kind.name, kind.namespace, end, subjects)
        return [
            self.record(subject.number, kind, SubjectKey(kind.namespace, value), due=kind.certain)
            for kind in found
            for subject in subjects
            for value in subject.values(kind.namespace)
        ]

    def record(self, number: int, kind: RecordKind, via: SubjectKey, *, due: bool, late: int = 0) -> Record:
        """The record of a collection that one key names.

        Raises:
            TerminalError: It is a declared log or the sentinel, or the value is empty.
        """
        where = f"Store {self._store}, collection {kind.name}"
        if not _writable(via):
            raise TerminalError(f"{where}: a key cannot be written as UTF-8.")
        record = Record(
            number,
            kind,
            via,
            due,
            late,
            kind.key.fill(via.value, self._scope) if kind.pattern is None else None,
            kind.part.fill(via.value, self._scope) if kind.part is not None else None,
        )
        if not via.value or not (record.key or kind.pattern) or (kind.part is not None and not record.part):
            raise TerminalError(f"{where}: a key is empty.")
        if (end := kind.ends_value) is not None:
            require_undivided(self._store, kind.name, kind.namespace, end, [Subject(number, frozenset([via]))])
        return self.checked(record)

    def checked(self, record: Record) -> Record:
        """The record, unless its key is not ours.

        Raises:
            TerminalError: It is a declared log or the sentinel.
        """
        where = f"Store {self._store}, collection {record.kind.name}"
        if record.text == SENTINEL:
            raise TerminalError(f"{where}: a key falls on the store's sentinel.")
        if record.key is not None and any(log.could_name(record.text) for log in self._logs):
            raise TerminalError(
                f"{where}: a key falls on a declared log, which is left alone.",
                remedy="Make the templates of data and logs distinct.",
            )
        return record


def _writable(key: SubjectKey) -> bool:
    try:
        key.value.encode()
    except UnicodeEncodeError:
        return False
    return True
