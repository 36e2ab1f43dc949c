"""Content types (Django): whether the numbers in `where` are those of the tables that links lead to, in this database.

A content type is numbered by the order of migrations, so another installation has other numbers, and a link that was
right there takes somebody else's rows here (ADR 23).
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.catalog.column_names import table_names
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import several_people, table_sampling
from expunge_connectors.postgres.inspection.context import InspectionContext

_COLUMN = "content_type_id"
_WHERE = """
SELECT n.nspname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = 'django_content_type' AND c.relkind = 'r'
"""
_MODELS = "SELECT id::text, lower(app_label::text), lower(model::text) FROM {}"
_TABLES = """
SELECT c.relname::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Numbers that are another table's. Nothing of models that no table is called like: it may have any name."""
    named = (kind.column for _, spec in inspection.data() for link in spec.found_by for kind in link.where)
    if not any(column.endswith(_COLUMN) for column in named):
        return
    schemas = [schema for (schema,) in connection.execute(_WHERE).fetchall()]
    if not schemas:
        return
    models: dict[str, dict[str, tuple[str, str]]] = {}
    for schema in schemas:
        statement = sql.SQL(_MODELS).format(sql.Identifier(schema, "django_content_type"))
        rows = table_sampling.asked(connection, statement)
        if rows is None:
            what = (
                f"Whether numbers in `where` are content types of {schema}.django_content_type as the links have them"
            )
            yield several_people.unknown(inspection, None, what)
        models[schema] = {number: (app, model) for number, app, model in rows or []}
    there = {name for (name,) in connection.execute(_TABLES).fetchall()}
    for name, spec, table in inspection.live_data():
        known = models.get(table.schema) or models[schemas[0]]
        for link in spec.found_by:
            own = {one.rpartition(".")[2] for one in inspection.tables_of(link)}
            for kind in link.where:
                for value in kind.values if kind.column.endswith(_COLUMN) else ():
                    app, model = known.get(value, ("", ""))
                    called = {f"{app}_{model}", *table_names(model)} & there
                    if called and own and own.isdisjoint(called):
                        yield inspection.error(
                            "where-other-table",
                            name,
                            f"`where` of {table.text} names content type {value}, which is {app}.{model} in this"
                            f" database, and the link leads to {', '.join(sorted(own))}: somebody else's rows, with the"
                            " same id of another table, would be taken for this person's.",
                            "SELECT id FROM django_content_type WHERE app_label = … AND model = …; and write that.",
                        )
