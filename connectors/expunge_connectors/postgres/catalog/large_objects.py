"""Large objects: those that only other roles may remove. A trigger that unlinks one needs to be of its owner's role."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from expunge_connectors.postgres.connection import Connection, only_row

LARGE_OBJECTS = "pg_catalog.pg_largeobject"
_OTHERS = """
SELECT DISTINCT r.rolname::text
  FROM pg_catalog.pg_largeobject_metadata m
  JOIN pg_catalog.pg_roles r ON r.oid = m.lomowner
 WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
   AND NOT pg_catalog.current_setting('lo_compat_privileges')::boolean
 ORDER BY 1
"""


def owners(connection: Connection) -> Sequence[str]:
    """Roles with large objects that this role may not remove."""
    return [name for (name,) in connection.execute(_OTHERS).fetchall()]


def remedy(connection: Connection, others: Sequence[str]) -> str:
    """What lets the role remove them, to be pasted."""
    (role,) = only_row(connection.execute("SELECT CURRENT_USER"))
    grants = " ".join(f"GRANT {_quoted(connection, one)} TO {_quoted(connection, role)};" for one in others)
    return (
        f"{grants} or ALTER LARGE OBJECT … OWNER TO {_quoted(connection, role)}; for each that a mapped row"
        " names; or make the trigger's function one of their owner's, SECURITY DEFINER, with a search_path of its own."
    )


def _quoted(connection: Connection, name: str) -> str:
    return sql.Identifier(name).as_string(connection)
