"""Missing rights: what a draft could not look at for want of a GRANT, and the GRANT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import quoted

_UNREADABLE = """
SELECT n.nspname::text, c.relname::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT'), pg_catalog.row_security_active(c.oid),
       CURRENT_USER::text
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY (%s::bigint[]::oid[])
   AND (NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE') OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
        OR pg_catalog.row_security_active(c.oid))
 ORDER BY 1, 2
"""


def notes(connection: Connection, tables: Sequence[int]) -> Iterator[str]:
    """One line with everything that is to be pasted; none where all could be read.

    Args:
        connection: Inside a transaction.
        tables: Their oids.
    """
    found = connection.execute(_UNREADABLE, (list(tables),)).fetchall()
    if not found:
        return
    role = quoted(found[0][-1])
    schemas = ", ".join(dict.fromkeys(quoted(schema) for schema, _, usage, *_ in found if not usage))
    unread = ", ".join(quoted(schema, table) for schema, table, _, select, *_ in found if not select)
    statements = [
        f"GRANT USAGE ON SCHEMA {schemas} TO {role};" if schemas else "",
        f"GRANT SELECT ON {unread} TO {role};" if unread else "",
        f"ALTER ROLE {role} BYPASSRLS;" if any(hidden for *_, hidden, _ in found) else "",
    ]
    yield (
        "What the role may not read is unknown, and what it holds is not drafted. To have it looked at:"
        f" {' '.join(filter(None, statements))} Then draft anew."
    )
