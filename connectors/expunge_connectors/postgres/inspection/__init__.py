"""`check`: compares the data map with the live database. Read-only; every finding has a remedy.

Each module that has `findings` gives those of its subject.

context                 what an inspection works on
table_sampling          bounded samples, searched by the server: counts, never values
column_classifier       likely personal columns, by name, type and sample
json_paths              places in JSON that look like an identifier
tombstone_dry_run       a tombstone tried on sample rows, by reading
mapped_columns          tables, columns and types exist and fit
found_by                links lead to the person's own rows, and to nobody else's
kind_values             whether a column holds names of tables
content_types           whether numbers of Django's content types are those of this database
several_people          rows that name more than one person, and would go with one of them
led_people              rows of one person that a row of another leads to
row_persons             whose a row is, by the keys in it and in the rows above it
member_schemas          questions about rows in every schema of a member
rows_concerned          whose rows meet a condition: whose requests an error of rows stops
told_people             columns that tell an address of a person
value_holders           persons whose own rows hold such values
pointed_people          rows of one person that point to the record of another
shared_records          rows that people share, and that are somebody's own
row_kinds               columns with ids of many tables, values that no row has
owner_columns           each member has one spelling
empty_columns           rows that are nobody's because a column is NULL
internal_identities     a value belongs to one person
padded_keys             values of char(n) that name things elsewhere
person_identities       a value is one row of the table of persons
persons_behind_keys     one person's key that leads to several persons
tenants                 schemas of members: how many, which are built otherwise, what leads across
same_person             tables of persons that are said to be the same people
unnormalised_values     values in another than the normalised form
collations              the columns that are compared
timestamps              times without a zone
undeclared_tables       tables that point to mapped ones, and that the map does not name
foreign_keys            who points to what will be deleted
kept_children           retained rows that outlast what they point to
inheritance             partitions and children
tombstone_expressions   can they be computed from the key
tombstone_constraints   do CHECK, UNIQUE and foreign keys allow them
tombstone_leftovers     what they leave of a person, undecided
triggers                what the database does by itself when rows are written
accepted_triggers       may the role do what accepted triggers do
privileges              GRANTs: too few, too many
called_functions        may the role execute what a row calls that is overwritten or compared
type_schemas            may the role use the schemas of columns' types
server_settings         version, encoding, what the server records
replication_and_copies  materialised views, publications, replication slots, foreign tables
indexes                 missing indexes
untied_columns          columns that look like a person's id
unmapped_ok             places that the map calls free of personal data
read_samples            how many values of samples can be read (`check --sample`)
made_ahead              rows that say they were made in the future (`check --sample`)
unmapped_identifiers    identifiers in samples of unmapped places (`check --sample`)
unlinked_addresses      addresses in mapped tables by which no row is found (`check --sample`)
"""

from __future__ import annotations

import time

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, ReadSample
from expunge_connectors.postgres.catalog import reader, tenant_shapes, unique_columns
from expunge_connectors.postgres.catalog.tables import ForeignKey
from expunge_connectors.postgres.catalog.tenant_shapes import Tenants
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import (
    collations,
    content_types,
    empty_columns,
    foreign_keys,
    found_by,
    indexes,
    inheritance,
    internal_identities,
    kept_children,
    led_people,
    made_ahead,
    mapped_columns,
    member_schemas,
    owner_columns,
    padded_keys,
    person_identities,
    persons_behind_keys,
    pointed_people,
    privileges,
    read_samples,
    replication_and_copies,
    row_kinds,
    same_person,
    server_settings,
    several_people,
    shared_records,
    tenants,
    timestamps,
    tombstone_constraints,
    tombstone_expressions,
    tombstone_leftovers,
    triggers,
    undeclared_tables,
    unlinked_addresses,
    unmapped_identifiers,
    unmapped_ok,
    unnormalised_values,
    untied_columns,
)
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.mapping import tenant_map
from expunge_connectors.postgres.mapping.table_binding import store_spec

__all__ = ["findings", "readings", "swept"]


def findings(connection: Connection, store: str, data_map: DataMap, schemas: Tenants | None = None) -> list[Finding]:
    """All findings of one store, errors first.

    Args:
        connection: In autocommit mode and outside a transaction.
        store: Its name in the data map.
        data_map: The whole map.
        schemas: Where tables are named by a pattern, those that match.
    """
    with connection.transaction(force_rollback=True):
        inspection, crossing = _inspection(connection, store, data_map, schemas)
        found = _findings(connection, inspection)
        found += tenants.findings(connection, inspection, data_map, crossing)
    found += tombstone_expressions.unstable(connection, inspection)
    rank = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda one: rank[one.severity])


def _findings(connection: Connection, inspection: InspectionContext) -> list[Finding]:
    return [
        *server_settings.findings(connection, inspection),
        *mapped_columns.findings(inspection),
        *inheritance.findings(connection, inspection),
        *unnormalised_values.findings(inspection),
        *padded_keys.findings(connection, inspection),
        *timestamps.findings(connection, inspection),
        *found_by.findings(inspection),
        *several_people.findings(connection, inspection),
        *led_people.findings(connection, inspection),
        *pointed_people.findings(connection, inspection),
        *shared_records.findings(connection, inspection),
        *row_kinds.findings(connection, inspection),
        *content_types.findings(connection, inspection),
        *collations.findings(connection, inspection),
        *owner_columns.findings(inspection),
        *empty_columns.findings(connection, inspection),
        *tenants.by_owner(inspection),
        *internal_identities.findings(inspection),
        *person_identities.findings(connection, inspection),
        *persons_behind_keys.findings(connection, inspection),
        *same_person.findings(connection, inspection),
        *undeclared_tables.findings(inspection),
        *foreign_keys.findings(inspection),
        *kept_children.findings(connection, inspection),
        *tombstone_expressions.findings(connection, inspection),
        *tombstone_constraints.findings(connection, inspection),
        *tombstone_leftovers.findings(connection, inspection),
        *privileges.findings(connection, inspection),
        *triggers.findings(connection, inspection),
        *replication_and_copies.findings(connection, inspection),
        *unmapped_ok.findings(connection, inspection),
        *untied_columns.findings(connection, inspection),
        *indexes.findings(connection, inspection),
    ]


def swept(connection: Connection, store: str, data_map: DataMap, rows: int) -> list[Finding]:
    """What a search of samples of unmapped places finds.

    Args:
        connection: In a transaction.
        store: Its name in the data map.
        data_map: The whole map.
        rows: Of one table, at most.
    """
    schemas = tenant_shapes.read(connection, store_spec(store, data_map), data_map)
    inspection, _ = _inspection(connection, store, data_map, schemas)
    return [
        *unmapped_identifiers.findings(connection, inspection, rows),
        *unlinked_addresses.findings(connection, inspection, rows),
        *made_ahead.findings(connection, inspection, rows),
        *tenants.sampled(inspection),
    ]


def readings(connection: Connection, store: str, data_map: DataMap, rows: int) -> list[ReadSample]:
    """What samples of mapped places say: how many values can be read.

    Args:
        connection: In a transaction.
        store: Its name in the data map.
        data_map: The whole map.
        rows: Of one table, at most.
    """
    schemas = tenant_shapes.read(connection, store_spec(store, data_map), data_map)
    inspection, _ = _inspection(connection, store, data_map, schemas)
    return list(read_samples.read_samples(connection, inspection, rows))


def _inspection(
    connection: Connection, store: str, data_map: DataMap, schemas: Tenants | None
) -> tuple[InspectionContext, list[ForeignKey]]:
    """What to look at, and the foreign keys between the schemas of two members."""
    looked_at: tuple[str, ...] = ()
    if schemas is not None:
        if store_spec(store, data_map).tenants is not None:  # not of one member's view
            looked_at = member_schemas.alike(schemas)
        data_map = tenant_map.of_schema(store, data_map, schemas.first)
    spec = store_spec(store, data_map)
    live = reader.read(connection, (table.table for table in spec.collections.values()))
    crossing: list[ForeignKey] = []
    if schemas is not None:
        live, crossing = tenants.split(live, schemas)
    row = connection.execute("SELECT CURRENT_USER").fetchone()
    unique, role = unique_columns.uniques(connection, live.tables.values()), str(row[0]) if row else ""
    until = time.monotonic() + member_schemas.SECONDS
    return InspectionContext(store, data_map, spec, live, role, unique, schemas, looked_at, until), crossing
