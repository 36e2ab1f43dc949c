"""The server as a whole: is it one we can work on."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.context import InspectionContext

OLDEST_VERSION = 130_000  # normalize() came with 13

_SETTINGS = """
SELECT pg_catalog.current_setting('server_version_num')::integer,
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::boolean
"""


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Version, encoding, read-only servers."""
    row = connection.execute(_SETTINGS).fetchone()
    if row is None:
        return
    version, encoding, read_only = row
    if version < OLDEST_VERSION:
        yield inspection.error(
            "server-version",
            None,
            f"The server is version {version // 10_000}; 13 is the oldest supported.",
            "Upgrade.",
        )
    if encoding != "UTF8":
        yield inspection.error(
            "server-encoding",
            None,
            f"The database is encoded in {encoding}: identifiers cannot be normalised there.",
            "Move the data to a database in UTF8.",
        )
    if read_only:
        yield inspection.error(
            "read-only", None, "The server is a standby, or the session is read-only.", "Give the primary's url."
        )
