"""Workspace: settings, data map, stores, ledger and keys, opened once per command and passed down."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from pydantic import ValidationError

from expunge_config.datamap import DataMap, Model, digest, load
from expunge_config.errors import ConfigError
from expunge_config.settings import Settings
from expunge_connectors.contract import BackupConnector, KnowsClaims, Scope, StoreConnector
from expunge_connectors.registry import Registry
from expunge_orchestrator import ledger_check
from expunge_orchestrator.clock import now
from expunge_orchestrator.data_map_check import InspectionCache, raise_on_errors
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.installation_check import installation_findings
from expunge_orchestrator.installation_setup import read_log, require_trusted
from expunge_orchestrator.ledger import Ledger
from expunge_orchestrator.ledger.batch_sums import BatchSums
from expunge_orchestrator.ledger.batches import Erasing
from expunge_orchestrator.ledger.database import open_ledger, reading
from expunge_orchestrator.rules.reachability import led, passing
from expunge_reports import keys as key_files
from expunge_reports.errors import ReportError
from expunge_reports.keys import KeyRing

# Caches come last: they refill from the stores before them.
_RANK = {"postgres": 0, "s3": 2, "redis": 3}


@dataclass(frozen=True, slots=True)
class SamplesDrawn:
    """What this process had drawn anew of a planner's samples: one at a time, for two would wait for the same tables.

    Attributes:
        covered: (store, scope, collection) -> what had been erased from the store, of what is not through, before it
            last began.
    """

    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    covered: dict[tuple[str, Scope, str], frozenset[Erasing]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a command works with.

    Attributes:
        stores: Connectors by name, in the order of erasure.
        backups: Backup places by name.
        passing: Store -> the identities that pass from one person to another and by which its records are found.
        led: Store -> the identities by which its records are found, and which other records tell that no person's key
            finds.
    """

    settings: Settings
    data_map: DataMap
    map_digest: str
    stores: Mapping[str, StoreConnector]
    backups: Mapping[str, BackupConnector]
    ledger: Ledger = field(repr=False)
    keys: KeyRing = field(repr=False)
    passing: Mapping[str, frozenset[str]]
    led: Mapping[str, frozenset[str]]
    inspection: InspectionCache = field(default_factory=InspectionCache, repr=False, compare=False)
    samples: SamplesDrawn = field(default_factory=SamplesDrawn, repr=False, compare=False)
    sums: BatchSums = field(default_factory=BatchSums, repr=False, compare=False)

    def refuse_errors(self, scope: Scope | None = None) -> None:
        """Inspect what this workspace works with, unless that was done a moment ago, and let errors block.

        Args:
            scope: Whose request is at work: what rows of others say does not stop it. None: anybody's.

        Raises:
            FindingsError: `check` would show an error.
            ConnectorError: A store cannot be asked: not looked at is not the same as nothing found.
        """
        raise_on_errors(installation_findings(self.settings))
        holds, at_once = self.settings.inspection_holds, self.settings.stores_at_once
        self.inspection.refuse_errors(self.data_map, self.stores, self.backups, holds, at_once, scope)
        self.refuse_unmapped_names()

    def refuse_unmapped_names(self) -> None:
        """Let block what the ledger names and the data map does not have; it is looked at every time.

        Raises:
            FindingsError: A hold in force names it, or what is kept of people.
        """
        with reading(self.ledger) as connection:
            found = ledger_check.findings(connection, self.data_map)
        raise_on_errors(found)


def load_map(settings: Settings, registry: Registry) -> DataMap:
    """The data map that the settings name."""
    return load(settings.data_map, registry.store_specs, registry.backup_specs)


@contextmanager
def connected(
    settings: Settings, data_map: DataMap, registry: Registry
) -> Iterator[tuple[Mapping[str, StoreConnector], Mapping[str, BackupConnector]]]:
    """The connectors of a map. Nothing is contacted until they are used.

    Raises:
        ConfigError: Connection settings are missing, of the wrong type, or for a store that the map does not have.
    """
    unknown = sorted(settings.stores.keys() - data_map.stores.keys() - data_map.backup_places.keys())
    if unknown:
        raise ConfigError(
            f"There are settings for stores that the data map does not have: {', '.join(unknown)}.",
            remedy="Correct the names in EXPUNGE_STORES__<NAME>__….",
        )
    with ExitStack() as stack:
        names = sorted(data_map.stores, key=lambda name: _RANK.get(_kind(data_map, name), 1))
        stores: dict[str, StoreConnector] = {}
        for name in names:
            store_type = registry.stores[_kind(data_map, name)]
            stores[name] = store_type(name, data_map, connection_settings(settings, name, store_type.connection))
            stack.callback(stores[name].close)
        backups: dict[str, BackupConnector] = {}
        for name, spec in data_map.backup_places.items():
            backup_type = registry.backups[str(getattr(spec, "connector"))]  # noqa: B009 - each model declares its own
            backups[name] = backup_type(name, data_map, connection_settings(settings, name, backup_type.connection))
            stack.callback(backups[name].close)
        yield stores, backups


@contextmanager
def opened(settings: Settings, registry: Registry) -> Iterator[Workspace]:
    """Open a whole workspace.

    Raises:
        ConfigError: Settings or data map cannot be used.
        KeysError: There are no keys yet, they cannot be read, or they are another ledger's.
        LedgerError: The ledger cannot be opened; or (LedgerBehindError) it was deleted or restored: its log knows more.
    """
    data_map = load_map(settings, registry)
    keys = load_keys(settings)
    require_trusted(settings, keys, now())
    with connected(settings, data_map, registry) as (stores, backups):
        log = read_log(settings, data_map.operator, keys)
        ledger = open_ledger(settings.ledger)
        try:
            ledger_check.require_log_in_sync(ledger, log)
            ledger_check.require_own_keys(ledger, keys)
            indexes = frozenset(name for name, one in stores.items() if not isinstance(one, KnowsClaims))
            passed = passing(data_map), led(data_map, indexes)
            yield Workspace(settings, data_map, digest(data_map), stores, backups, ledger, keys, *passed)
        finally:
            ledger.dispose()


def load_keys(settings: Settings) -> KeyRing:
    """The keys of this installation."""
    try:
        return key_files.load(settings.keys)
    except ReportError as error:
        raise KeysError(str(error), remedy="`expunge keys init` makes them; EXPUNGE_KEYS_DIR says where.") from None


def _kind(data_map: DataMap, name: str) -> str:
    return str(getattr(data_map.stores[name], "connector"))  # noqa: B009 - each connector's model declares its own


def connection_settings(settings: Settings, name: str, model: type[Model]) -> Model:
    """How to reach a store, as its connector wants it.

    Raises:
        ConfigError: A setting is missing or of the wrong type; the message names settings, never values.
    """
    given = {key: value.get_secret_value() for key, value in settings.stores.get(name, {}).items()}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        prefix = f"EXPUNGE_STORES__{name.upper()}__"
        named = "; ".join(
            f"{prefix}{'__'.join(str(part) for part in one['loc']).upper()}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        )
        raise ConfigError(
            f"The connection settings of {name} cannot be used: {named}.", remedy="Set them in the environment."
        ) from None
