"""The server as a whole: is it one we can work on, and what does it write down."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection.subject import Inspection

OLDEST_VERSION = 130_000  # normalize() came with 13

_SETTINGS = """
SELECT pg_catalog.current_setting('server_version_num')::integer,
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::boolean,
       pg_catalog.current_setting('log_statement'),
       (SELECT s.setting::bigint FROM pg_catalog.pg_settings s WHERE s.name = 'log_min_duration_statement'),
       (SELECT s.setting::bigint FROM pg_catalog.pg_settings s WHERE s.name = 'log_parameter_max_length')
"""


def findings(connection: Connection, inspection: Inspection) -> Iterator[Finding]:
    """Version, encoding, read-only servers, and statement logging."""
    row = connection.execute(_SETTINGS).fetchone()
    if row is None:
        return
    version, encoding, read_only, log_statement, log_duration, parameter_length = row
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
    if log_statement in {"mod", "all"}:
        yield inspection.info(
            "statement-log",
            None,
            f"log_statement = {log_statement}: the server records our statements. Keys travel by COPY and do not stand"
            " in them; what other programs write may hold values.",
            "Declare the server's log, with its retention, in your records of processing.",
        )
    if log_duration is not None and log_duration >= 0 and parameter_length != 0:
        yield inspection.warning(
            "parameter-log",
            None,
            "Slow statements are recorded with their parameters: ours carry no keys, but those of other programs may.",
            "Set log_parameter_max_length = 0, or declare the server's log.",
        )
