"""Data map options of a Redis or Valkey store, and its connection settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from expunge_config.datamap import Assurance, CollectionSpec, DataMap, KeyFlow, Model, Name, Reader, StoreSpec
from expunge_connectors.keyspace.nested_names import UNDIVIDED
from expunge_connectors.keyspace.template_rules import (
    RecordNaming,
    named_by_complaints,
    overlapping_collections,
    shared_places,
)
from expunge_connectors.keyspace.templates import REST, Template


class NamedField(Model):
    """The value of one field."""

    field: str


class KeySpec(CollectionSpec):
    """One kind of key: whole keys, or members, fields, elements or entries inside keys of other people.

    Attributes:
        key: Key template, e.g. `session:{session_token}`. With wildcards (`cache:{*}:user:{user_id}`) the keys cannot
            be named and are looked for in one pass over the database.
        type: Type of the key as TYPE says it: a key of another type is an error, never guessed at.
        member: Template of the member of a set or sorted set that belongs to the subject; the key itself stays.
        hash_field: Template of the field of a hash that belongs to the subject; the key itself stays.
        element: Template of the element of a list that belongs to the subject; the key itself stays.
        entry: Name of a field -> template of its value: entries of a stream that belong to the subject.
        yields: Identity of what this key names (an index): members, elements, or what `named_by` says.
        named_by: Where an index names: `names` (members, elements, a string's value, names of a hash's fields),
            `values` of a hash, or one field of a hash or of a stream's entries.
        undivided: No value before `{**}` holds the character that follows it; and who says so.
    """

    key: str
    type: Literal["string", "hash", "set", "zset", "list", "stream"]
    member: str | None = None
    hash_field: str | None = None
    element: str | None = None
    entry: dict[str, str] | None = Field(default=None, min_length=1, max_length=1)
    yields: str | None = None
    named_by: Literal["names", "values"] | NamedField = "names"
    undivided: Assurance | None = None

    @model_validator(mode="after")
    def _whole(self) -> KeySpec:
        if self.log is None and sum(template.namespace is not None for template in self.templates) != 1:
            raise ValueError("exactly one identity must stand in `key` and in the part of it that is given, together")
        for part, types in PARTS.items():
            if getattr(self, part) is not None and self.type not in types:
                raise ValueError(f"`{part}` needs type {' or '.join(sorted(types))}")
        if sum(getattr(self, part) is not None for part in PARTS) > 1:
            raise ValueError(f"give one of {', '.join(f'`{part}`' for part in PARTS)}")
        if self.part is not None and self.part.wild:
            raise ValueError("wildcards stand in `key` only")
        if self.undivided is not None and not any(place == REST for _, place in self.templates[0].pieces):
            raise ValueError(UNDIVIDED)
        self._index()
        return self

    def _index(self) -> None:
        if self.yields is None:
            if self.named_by != "names":
                raise ValueError("`named_by` says where an index names what it `yields`")
            return
        if self.part is not None or self.templates[0].wild:
            raise ValueError("`yields` needs a whole key that can be named: an index")
        if self.named_by == "values" and self.type != "hash":
            raise ValueError("`named_by: values` needs type hash")
        if isinstance(self.named_by, NamedField) != (self.type == "stream") and self.type != "hash":
            raise ValueError("`named_by: {field: ...}` is for hashes and for streams, which need it")

    def found_by_text(self) -> Sequence[str]:
        """`key session:{session_token}`; `member {user_id} of key online`."""
        given = next((name for name in PARTS if getattr(self, name) is not None), None)
        if given is None:
            return [f"key {self.key}"]
        inside = next(iter(self.entry.items())) if self.entry else (given.replace("_", " "), getattr(self, given))
        return [f"{'entry with ' if self.entry else ''}{' '.join(inside)} of key {self.key}"]

    @property
    def namespace(self) -> str | None:
        """The identity through which this kind of key belongs to a subject."""
        return next((template.namespace for template in self.templates if template.namespace is not None), None)

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every template of this kind of key, the key's own first."""
        part = self.part
        return (Template.parse(self.key), *(() if part is None else (part,)))

    @property
    def names_member(self) -> bool:
        """By `{controller}`."""
        return any(template.by_controller for template in self.templates)

    @property
    def part(self) -> Template | None:
        """The template of what belongs to the subject inside a key; None for whole keys."""
        entry = None if self.entry is None else next(iter(self.entry.values()))
        text = self.member or self.hash_field or self.element or entry
        return None if text is None else Template.parse(text)


PARTS = {
    "member": frozenset({"set", "zset"}),
    "hash_field": frozenset({"hash"}),
    "element": frozenset({"list"}),
    "entry": frozenset({"stream"}),
}


class RedisSpec(StoreSpec):
    """One database of one server."""

    connector: Literal["redis"]
    collections: dict[Name, KeySpec] = Field(min_length=1)

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The kinds of keys by collection name."""
        return self.collections

    def complaints(self, data_map: DataMap) -> Iterable[tuple[tuple[str, ...], str]]:
        """Complaints about references to the rest of the map."""
        yield from super().complaints(data_map)
        for name, keys in self.collections.items():
            here = ("collections", name)
            yield from named_by_complaints(here, keys.templates, keys, data_map, dated=False)
            if keys.yields is not None and keys.yields not in data_map.identities:
                yield (*here, "yields"), "unknown identity: the map does not declare it"
        try:
            self.order()
        except CycleError:
            yield ("collections",), "index sets name each other in a circle"

    def namings(self) -> list[RecordNaming]:
        """What names the keys of each collection that is no log."""
        return [
            RecordNaming(name, "", keys.templates[0], keys.part)
            for name, keys in self.collections.items()
            if keys.log is None
        ]

    @property
    def undivided(self) -> frozenset[str]:
        """Collections of which the map says that no value holds what ends it in a name."""
        return frozenset(name for name, keys in self.collections.items() if keys.undivided is not None)

    def key_flow(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow]:  # noqa: ARG002 - keys name identities alone
        """By templates; an index leads on to what it names."""
        overlaps = overlapping_collections(data_map, self.namings())
        return {
            name: KeyFlow(
                frozenset([keys.namespace or ""]), frozenset([keys.yields] if keys.yields else []), overlaps[name]
            )
            for name, keys in self.collections.items()
            if keys.log is None
        }

    def shared_places(self, store: str, data_map: DataMap) -> Iterable[AbstractSet[Reader]]:  # noqa: ARG002 - as above
        """By templates that are alike but for the identity."""
        return shared_places(self.namings())

    def order(self) -> tuple[str, ...]:
        """The collections in the order of erasure: what an index set names goes before the index set itself.

        A crash in between leaves the index, from which a new run resumes.

        Raises:
            CycleError: Index sets name each other in a circle.
        """
        named_by = {
            index: {name for name, keys in self.collections.items() if keys.namespace == spec.yields}
            for index, spec in self.collections.items()
            if spec.yields is not None
        }
        after = {name: named_by.get(name, set()) for name in self.collections}
        return tuple(TopologicalSorter(after).static_order())


class RedisConnection(Model):
    """How to reach the server.

    Attributes:
        url: redis:// or rediss:// URL with database number.
    """

    url: SecretStr
    timeout_seconds: float = Field(default=10, gt=0, le=600)
