"""The installed connectors, found by entry point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import cast

from expunge_config.datamap import BackupSpec, StoreSpec
from expunge_connectors.contract import BackupType, StoreType

STORES = "expunge.connectors"
BACKUPS = "expunge.backups"


@dataclass(frozen=True, slots=True)
class Registry:
    """Connector name -> class, for stores and for backup places."""

    stores: Mapping[str, StoreType]
    backups: Mapping[str, BackupType]

    @property
    def store_specs(self) -> Mapping[str, type[StoreSpec]]:
        """What `expunge_config.datamap.load` needs for the stores."""
        return {name: connector.spec for name, connector in self.stores.items()}

    @property
    def backup_specs(self) -> Mapping[str, type[BackupSpec]]:
        """What `expunge_config.datamap.load` needs for the backup places."""
        return {name: connector.spec for name, connector in self.backups.items()}


def installed() -> Registry:
    """Every connector that is installed, ours and those of others."""
    return Registry(
        stores={point.name: cast("StoreType", point.load()) for point in entry_points(group=STORES)},
        backups={point.name: cast("BackupType", point.load()) for point in entry_points(group=BACKUPS)},
    )
