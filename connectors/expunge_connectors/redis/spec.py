"""What the data map says about a Redis or Valkey store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from expunge_config.datamap import Action, CollectionSpec, DataMap, IdentityKind, Model, StoreSpec
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
        templates = [Template.parse(text) for text in (self.key, self.member, self.hash_field) if text is not None]
        if self.log is None and sum(template.namespace is not None for template in templates) != 1:
            raise ValueError("exactly one identity must stand in `key`, `member` and `hash_field` together")
        if self.member is not None and self.type not in {"set", "zset"}:
            raise ValueError("`member` needs type set or zset")
        if self.hash_field is not None and self.type != "hash":
            raise ValueError("`hash_field` needs type hash")
        if self.yields is not None and (self.type != "set" or self.member is not None):
            raise ValueError("`yields` needs a whole key of type set: an index set")
        return self

    @property
    def namespace(self) -> str | None:
        """The identity through which this kind of key belongs to a subject."""
        for text in (self.member, self.hash_field, self.key):
            if text is not None and (namespace := Template.parse(text).namespace) is not None:
                return namespace
        return None


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
            yield from named_by_complaints(here, keys.namespace, keys, data_map)
            if keys.yields is not None and keys.yields not in data_map.identities:
                yield (*here, "yields"), "unknown identity: the map does not declare it"


def named_by_complaints(
    here: tuple[str, ...], namespace: str | None, spec: CollectionSpec, data_map: DataMap
) -> Iterable[tuple[tuple[str, ...], str]]:
    """Complaints that key stores share: the namespace exists, and undated keys have a decision where they need one."""
    if spec.log is not None or namespace is None:
        return
    identity = data_map.identities.get(namespace)
    if identity is None:
        yield (*here, "key"), "the template names an identity that the map does not declare"
        return
    if identity.shareable:
        yield (*here, "key"), "a shareable identity never selects a record"
    if identity.kind is IdentityKind.NOMINATING and spec.undated is None:
        yield here, "keys are found by a re-usable identifier and have no creation time: decide `undated: erase | keep`"
    data_type = data_map.data_types.get(spec.data_type or "")
    if data_type is not None and data_type.on_request is not Action.DELETE:
        yield (*here, "data_type"), "this kind of store only deletes: its data types need `on_request: delete`"


class RedisConnection(Model):
    """How to reach the server.

    Attributes:
        url: redis:// or rediss:// URL with database number.
    """

    url: SecretStr
    timeout_seconds: float = Field(default=10, gt=0, le=600)
