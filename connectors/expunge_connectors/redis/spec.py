"""What the data map says about a Redis or Valkey store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from expunge_config.datamap import CollectionSpec, DataMap, Model, StoreSpec
from expunge_connectors.keyed import named_by_complaints
from expunge_connectors.templates import Template


class KeySpec(CollectionSpec):
    """One kind of key: whole keys, or members or fields inside keys of other people.

    Attributes:
        key: Key template, e.g. `session:{session_token}`.
        type: Type of the key as TYPE says it: a key of another type is an error, never guessed at.
        member: Template of the member of a set or sorted set that belongs to the subject; the key itself stays.
        hash_field: Template of the field of a hash that belongs to the subject; the key itself stays.
        yields: Identity that the members of this set are values of (an index set).
    """

    key: str
    type: Literal["string", "hash", "set", "zset", "list", "stream"]
    member: str | None = None
    hash_field: str | None = None
    yields: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> KeySpec:
        if self.log is None and sum(template.namespace is not None for template in self.templates) != 1:
            raise ValueError("exactly one identity must stand in `key`, `member` and `hash_field` together")
        if self.member is not None and self.type not in {"set", "zset"}:
            raise ValueError("`member` needs type set or zset")
        if self.hash_field is not None and self.type != "hash":
            raise ValueError("`hash_field` needs type hash")
        if self.member is not None and self.hash_field is not None:
            raise ValueError("give `member` or `hash_field`, not both")
        if self.yields is not None and (self.type != "set" or self.member is not None):
            raise ValueError("`yields` needs a whole key of type set: an index set")
        return self

    @property
    def namespace(self) -> str | None:
        """The identity through which this kind of key belongs to a subject."""
        return next((template.namespace for template in self.templates if template.namespace is not None), None)

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every template of this kind of key, the key's own first."""
        return tuple(Template.parse(text) for text in (self.key, self.member, self.hash_field) if text is not None)

    @property
    def part(self) -> Template | None:
        """The template of the member or field that belongs to the subject; None for whole keys."""
        text = self.member or self.hash_field
        return None if text is None else Template.parse(text)


class RedisSpec(StoreSpec):
    """One database of one server."""

    connector: Literal["redis"]
    collections: dict[str, KeySpec] = Field(min_length=1)

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
