"""Targets: keys and prefixes of each subject, from the data map and the subjects' keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Scope, Subject
from expunge_connectors.errors import TerminalError, UnknownMemberError
from expunge_connectors.keyspace.nested_names import require_undivided
from expunge_connectors.keyspace.template_rules import certain, in_scope, require_unambiguous_names
from expunge_connectors.s3.found_versions import Target
from expunge_connectors.s3.spec import ObjectSpec, S3Spec


class Names:
    """Fills the templates of the collections in scope.

    Attributes:
        collections: In scope, by name.
    """

    def __init__(self, store: str, data_map: DataMap, spec: S3Spec, scope: Scope) -> None:
        self._store = store
        self._map = data_map
        self._spec = spec
        self._scope = scope
        self.collections: Mapping[str, ObjectSpec] = {
            name: objects
            for name, objects in spec.collections.items()
            if in_scope(store, name, objects, scope, by_controller=objects.template.by_controller)
        }

        for name, objects in self.collections.items():
            require_unambiguous_names(store, name, [objects.template], scope)

    @property
    def heads(self) -> Mapping[str, str]:
        """The literal beginning of every name, per collection in scope."""
        return {name: objects.template.head for name, objects in self.collections.items()}

    def targets(self, subjects: Sequence[Subject]) -> list[Target]:
        """What the subjects' keys name, collection by collection.

        Raises:
            DividedNameError: A value holds a slash, and its collection is a prefix.
        """
        for name, objects in self.collections.items():
            if objects.prefix is not None:
                require_undivided(self._store, name, objects.template.namespace or "", "/", subjects)
        return [
            self._target(subject.number, name, objects, value)
            for name, objects in self.collections.items()
            for subject in subjects
            for value in subject.values(objects.template.namespace or "")
        ]

    def _target(self, number: int, collection: str, objects: ObjectSpec, value: str) -> Target:
        where = f"Store {self._store}, collection {collection}"
        template = objects.template
        name = template.fill(value, self._scope)
        if not name:
            raise TerminalError(f"{where}: a key is empty.")
        member = (self._scope.member if template.by_controller else None) or ""
        if objects.prefix is not None and "/" in member:
            raise UnknownMemberError(
                f"{where}: the controller's member holds `/`: its prefixes may lie within another's.",
                remedy="Name these objects one by one (`key`), or name members without slashes.",
            )
        if any(overlapping(objects, name, log) for log in self._spec.collections.values()):
            raise TerminalError(
                f"{where}: a name falls on a declared log, which is left alone.",
                remedy="Keep logs and data below different prefixes.",
            )
        return Target(
            number,
            collection,
            objects.bucket,
            name,
            objects.prefix is not None,
            certain(objects, template.namespace or "", self._map),
        )


def overlapping(objects: ObjectSpec, name: str, log: ObjectSpec) -> bool:
    """Whether a name (or what lies below it) falls into a declared log of the same bucket."""
    if log.log is None or log.prefix is None or log.bucket != objects.bucket:
        return False
    return name.startswith(log.prefix) or (objects.prefix is not None and log.prefix.startswith(name))
