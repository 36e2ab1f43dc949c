"""Inspections shared by the installations of a session: one takes as long as erasing a person.

Most tests change nothing that an inspection looks at. Those that do ask for the fixture `fresh_inspections`;
`pytest --fresh-inspections` makes every test look each time. Commands in processes of their own share them by files.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from tests.support.faulty_connector import FaultyConnector

from expunge_config.datamap import DataMap
from expunge_connectors.contract import BackupConnector, Scope, StoreConnector
from expunge_connectors.postgres import PostgresStore
from expunge_connectors.postgres.catalog.schema_fingerprint import Fingerprint
from expunge_orchestrator.data_map_check import InspectionCache

HOLDS = timedelta(hours=1)
SHARED_IN = "TESTS_INSPECTIONS"
"""The variable that tells a command where inspections are shared."""
LOOKED_AT = ("inspect", "needed_by")


@dataclass(slots=True)
class Inspected:
    """An inspection that found no error, and how the tables of each Postgres store were built then."""

    at: float
    tables: Mapping[str, Fingerprint]


@dataclass(slots=True)
class SharedInspections:
    """What was inspected in this session.

    Attributes:
        fresh: Share nothing: look each time.
        last: By data map and connection settings.
        directory: Where commands share theirs; None: they do not.
    """

    fresh: bool = False
    directory: Path | None = None
    last: dict[Hashable, Inspected] = field(default_factory=dict)


@dataclass(slots=True)
class SharedInspectionCache(InspectionCache):
    """The cache of one workspace, which takes over what another workspace of the session saw.

    What a connector notes of an inspection comes along, and is held against the database first: a test that altered
    tables and built them again leaves others than those that were looked at.
    """

    shared: SharedInspections = field(default_factory=SharedInspections)
    key: Hashable = None

    def refuse_errors(  # noqa: PLR0917 - as its base class
        self,
        data_map: DataMap,
        stores: Mapping[str, StoreConnector],
        backups: Mapping[str, BackupConnector],
        holds: timedelta,
        at_once: int,
        scope: Scope | None = None,
    ) -> None:
        """As its base class; a connector of which a test replaced other verbs is looked at as the one behind it."""
        behind = {name: _behind(one) for name, one in stores.items()}
        plain = all(not isinstance(one, FaultyConnector) for one in behind.values())
        if self.shared.fresh:
            holds = timedelta(0)
        elif plain and not self._of:
            self._take_over(data_map, behind, backups, holds)
        before = self._at
        InspectionCache.refuse_errors(self, data_map, behind, backups, holds, at_once, scope)
        if plain and self._at != before and not self._errors:
            self.shared.last[self.key] = Inspected(self._at, {one.name: seen for one, seen in _noted(behind)})

    def _take_over(
        self,
        data_map: DataMap,
        stores: Mapping[str, StoreConnector],
        backups: Mapping[str, BackupConnector],
        holds: timedelta,
    ) -> None:
        known = self.shared.last.get(self.key)
        if known is not None and time.monotonic() - known.at < holds.total_seconds():
            _take_over(self, known, data_map, stores, backups)


def share_with_commands(directory: Path) -> None:
    """In the process of a command: take over what another command saw with equal settings, and note what this one sees.

    A check that the user asks for (`expunge check`) looks all the same.
    """
    look = InspectionCache.refuse_errors

    def refuse_errors(  # noqa: PLR0917 - as what it stands for
        cache: InspectionCache,
        data_map: DataMap,
        stores: Mapping[str, StoreConnector],
        backups: Mapping[str, BackupConnector],
        holds: timedelta,
        at_once: int,
        scope: Scope | None = None,
    ) -> None:
        del holds
        place = directory / _settings_digest()
        if not cache._of and place.exists():
            _take_over(cache, pickle.loads(place.read_bytes()), data_map, stores, backups)
        before = cache._at
        look(cache, data_map, stores, backups, HOLDS, at_once, scope)
        if cache._at != before and not cache._errors:
            with NamedTemporaryFile(dir=directory, delete=False) as made:
                made.write(pickle.dumps(Inspected(cache._at, {one.name: seen for one, seen in _noted(stores)})))
            Path(made.name).rename(place)

    InspectionCache.refuse_errors = refuse_errors  # type: ignore[method-assign]


def _settings_digest() -> str:
    """Of what this process is told about its stores."""
    told = {name: value for name, value in sorted(os.environ.items()) if name.startswith("EXPUNGE_STORES__")}
    data_map = Path(os.environ.get("EXPUNGE_DATA_MAP", "datamap.yaml")).read_bytes()
    return hashlib.sha256(repr((told, data_map)).encode()).hexdigest()


def _take_over(
    cache: InspectionCache,
    known: Inspected,
    data_map: DataMap,
    stores: Mapping[str, StoreConnector],
    backups: Mapping[str, BackupConnector],
) -> None:
    """Take what was seen for what this cache saw, unless a table is built otherwise by now."""
    found = [(one, known.tables[one.name]) for one in stores.values() if isinstance(one, PostgresStore)]
    if any(one._transactions.call(tables.differences) for one, tables in found):
        return
    for one, tables in found:
        one._structure.inspected = tables
    cache._of, cache._at, cache._errors = (data_map, *stores.values(), *backups.values()), known.at, ()


def _noted(stores: Mapping[str, StoreConnector]) -> list[tuple[PostgresStore, Fingerprint]]:
    return [
        (one, one._structure.inspected)
        for one in stores.values()
        if isinstance(one, PostgresStore) and one._structure.inspected
    ]


def _behind(store: StoreConnector) -> StoreConnector:
    while isinstance(store, FaultyConnector) and store._verbs.keys().isdisjoint(LOOKED_AT):
        store = store._inner
    return store
