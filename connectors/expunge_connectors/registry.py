"""Connector registry: installed connectors by entry point, imported when a data map names them.

A broken plug-in that nobody uses must not stop the others, so nothing is imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from expunge_config.datamap import BackupSpec, StoreSpec
from expunge_config.installed_objects import load
from expunge_connectors.contract import BackupType, StoreType
from expunge_connectors.defects import without_defects

STORES = "expunge.connectors"
BACKUPS = "expunge.backups"

T = TypeVar("T")


class LazyMapping(Mapping[str, T], Generic[T]):
    """Names known at once, values made when they are asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], T]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> T:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, slots=True)
class Registry:
    """Connector name -> class, for stores and for backup places."""

    stores: Mapping[str, StoreType]
    backups: Mapping[str, BackupType]

    @property
    def store_specs(self) -> Mapping[str, type[StoreSpec]]:
        """What `expunge_config.datamap.load` needs for the stores."""
        return LazyMapping({name: partial(_store_spec, self.stores, name) for name in self.stores})

    @property
    def backup_specs(self) -> Mapping[str, type[BackupSpec]]:
        """What `expunge_config.datamap.load` needs for the backup places."""
        return LazyMapping({name: partial(_backup_spec, self.backups, name) for name in self.backups})


@cache  # the packages' metadata are files, one of every package
def installed() -> Registry:
    """Every connector that is installed, ours and those of others."""
    points = entry_points()
    return Registry(
        stores=LazyMapping({point.name: partial(_store_type, point) for point in points.select(group=STORES)}),
        backups=LazyMapping({point.name: partial(_backup_type, point) for point in points.select(group=BACKUPS)}),
    )


def _store_spec(types: Mapping[str, StoreType], name: str) -> type[StoreSpec]:
    return types[name].spec


def _backup_spec(types: Mapping[str, BackupType], name: str) -> type[BackupSpec]:
    return types[name].spec


def _store_type(point: EntryPoint) -> StoreType:
    return cast("StoreType", without_defects(cast("type", load("connector", point))))


def _backup_type(point: EntryPoint) -> BackupType:
    return cast("BackupType", without_defects(cast("type", load("connector", point))))
