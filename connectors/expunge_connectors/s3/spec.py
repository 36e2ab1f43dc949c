"""Data map options of an S3 store, and its connection settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator

from expunge_config.datamap import Assurance, CollectionSpec, DataMap, KeyFlow, Model, Name, Reader, StoreSpec
from expunge_connectors.keyspace.nested_names import UNDIVIDED
from expunge_connectors.keyspace.template_rules import (
    RecordNaming,
    named_by_complaints,
    overlapping_collections,
    shared_places,
)
from expunge_connectors.keyspace.templates import Template

Bucket = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class ObjectSpec(CollectionSpec):
    """One kind of object: named one by one (`key`), or everything below a prefix.

    Attributes:
        key: Key template, e.g. `{recording_object}` (named by a database column) or `avatars/{user_id}.jpg`.
        prefix: Prefix template that ends in `/`, e.g. `uploads/{user_id}/`: every object below it. A log's is literal.
        undivided: No value in the prefix holds a slash; and who says so.
    """

    bucket: Bucket
    key: str | None = None
    prefix: str | None = None
    undivided: Assurance | None = None

    @model_validator(mode="after")
    def _whole(self) -> ObjectSpec:
        if (self.key is None) == (self.prefix is None):
            raise ValueError("give `key` or `prefix`")
        template = Template.parse(self.key or self.prefix or "")
        if self.prefix is not None and not self.prefix.endswith("/"):
            raise ValueError("a prefix ends in `/`: users/1 would also find users/10")
        if self.prefix is None and self.undivided is not None:
            raise ValueError(UNDIVIDED)
        if template.wild:
            raise ValueError("objects are named: `{*}` and `{**}` are for stores that can be searched")
        if self.log is None and template.namespace is None:
            raise ValueError("the template must name an identity")
        if self.log is not None and (template.namespace is not None or self.prefix is None):
            raise ValueError("a log is declared by a literal `prefix`")
        return self

    def found_by_text(self) -> Sequence[str]:
        """`object {recording_object} in sounds`; `objects below users/{user_id}/ in exports`."""
        named = f"object {self.key}" if self.key is not None else f"objects below {self.prefix}"
        return [f"{named} in {self.bucket}"]

    @property
    def template(self) -> Template:
        """The parsed key or prefix."""
        return Template.parse(self.key or self.prefix or "")

    @property
    def names_member(self) -> bool:
        """By `{controller}`."""
        return self.template.by_controller


class S3Spec(StoreSpec):
    """Buckets of one account behind one endpoint."""

    connector: Literal["s3"]
    collections: dict[Name, ObjectSpec] = Field(min_length=1)

    def collection_specs(self) -> Mapping[str, CollectionSpec]:
        """The kinds of objects by collection name."""
        return self.collections

    def complaints(self, data_map: DataMap) -> Iterable[tuple[tuple[str, ...], str]]:
        """Complaints about references to the rest of the map. Objects have a creation time: Last-Modified."""
        yield from super().complaints(data_map)
        for name, objects in self.collections.items():
            yield from named_by_complaints(("collections", name), [objects.template], objects, data_map, dated=True)

    def namings(self) -> list[RecordNaming]:
        """What names the objects of each collection that is no log."""
        return [
            RecordNaming(name, objects.bucket, objects.template, below=objects.prefix is not None)
            for name, objects in self.collections.items()
            if objects.log is None
        ]

    @property
    def undivided(self) -> frozenset[str]:
        """Collections of which the map says that no value holds what ends it in a name."""
        return frozenset(name for name, objects in self.collections.items() if objects.undivided is not None)

    def key_flow(self, store: str, data_map: DataMap) -> Mapping[str, KeyFlow]:  # noqa: ARG002 - keys name identities alone
        """By templates. An object leads nowhere."""
        overlaps = overlapping_collections(data_map, self.namings())
        return {
            name: KeyFlow(frozenset([objects.template.namespace or ""]), overlaps=overlaps[name])
            for name, objects in self.collections.items()
            if objects.log is None
        }

    def shared_places(self, store: str, data_map: DataMap) -> Iterable[AbstractSet[Reader]]:  # noqa: ARG002 - as above
        """By templates that are alike but for the identity."""
        return shared_places(self.namings())


class S3Connection(Model):
    """How to reach the service. Without keys, boto3's own credential chain applies.

    Attributes:
        endpoint_url: For services other than AWS; keys are then addressed by path.
        workers: Requests under way at one time.
    """

    endpoint_url: SecretStr | None = None
    region: str = "us-east-1"
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    workers: int = Field(default=16, ge=1, le=256)
