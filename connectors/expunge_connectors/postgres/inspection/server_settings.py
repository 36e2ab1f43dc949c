"""Server settings: version, encoding, read-only mode, and logging that would record values."""

from __future__ import annotations

from collections.abc import Iterator

from expunge_connectors.contract import Finding
from expunge_connectors.postgres.connection import Connection, only_row
from expunge_connectors.postgres.inspection.context import InspectionContext

OLDEST_VERSION = 130_000  # normalize() came with 13

_SETTINGS = """
SELECT pg_catalog.current_setting('server_version_num')::integer,
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::boolean
"""
# Settings of modules are absent (NULL) where the module is.
_RECORDING = """
SELECT n, pg_catalog.current_setting(n, true)
  FROM unnest(ARRAY['log_statement', 'log_error_verbosity', 'log_min_duration_statement', 'log_min_duration_sample',
                    'log_transaction_sample_rate', 'log_parameter_max_length', 'log_parameter_max_length_on_error',
                    'auto_explain.log_min_duration', 'pgaudit.log_parameter', 'pg_stat_statements.track',
                    'pg_stat_statements.track_utility']) AS n
"""
_OFF = {None, "", "-1"}


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Version, encoding, read-only servers; logs of values."""
    version, encoding, read_only = only_row(connection.execute(_SETTINGS))
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
    yield from _recording(connection, inspection)


def _recording(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Statement logs, parameters, error messages that quote rows, plans, audit logs, collected statements."""
    now = {name: value for name, value in connection.execute(_RECORDING).fetchall() if value not in _OFF}
    if now.get("log_statement") in {"mod", "all"}:
        yield inspection.info(
            "statement-log",
            None,
            f"log_statement = {now['log_statement']}: the server records our statements. Keys travel by COPY and do not"
            " stand in them; what other programs write may hold values.",
            "Declare the server's log, with its retention, in your records of processing.",
        )
    slow = "log_min_duration_statement" in now or "log_min_duration_sample" in now
    sampled = now.get("log_transaction_sample_rate", "0") != "0"
    if (slow or sampled or now.get("log_statement") == "all") and now.get("log_parameter_max_length") != "0":
        yield inspection.warning(
            "parameter-log",
            None,
            "Statements are recorded with their parameters: ours carry no keys, but those of other programs may.",
            "ALTER SYSTEM SET log_parameter_max_length = 0; SELECT pg_reload_conf(); or declare the server's log.",
        )
    if now.get("log_error_verbosity") != "terse":
        yield inspection.warning(
            "error-log",
            None,
            "When a constraint refuses a statement, of whatever program, the server's log quotes the key or the whole"
            f" row (log_error_verbosity = {now.get('log_error_verbosity')}).",
            "ALTER SYSTEM SET log_error_verbosity = 'terse'; SELECT pg_reload_conf(); or declare the server's log.",
        )
    if now.get("log_parameter_max_length_on_error", "0") != "0":
        yield inspection.warning(
            "error-parameter-log",
            None,
            "Statements that fail are recorded with their parameters.",
            "ALTER SYSTEM SET log_parameter_max_length_on_error = 0; SELECT pg_reload_conf();",
        )
    if "auto_explain.log_min_duration" in now:
        yield inspection.warning(
            "plan-log",
            None,
            "auto_explain records the plans of slow statements, with the constants of other programs in them.",
            "ALTER SYSTEM SET auto_explain.log_min_duration = -1; SELECT pg_reload_conf(); or declare the log.",
        )
    if now.get("pgaudit.log_parameter") == "on":
        yield inspection.warning(
            "audit-log",
            None,
            "pgAudit records the parameters of statements.",
            "ALTER SYSTEM SET pgaudit.log_parameter = off; SELECT pg_reload_conf(); or declare the audit log.",
        )
    if now.get("pg_stat_statements.track", "none") != "none" and now.get("pg_stat_statements.track_utility") != "off":
        yield inspection.info(
            "statement-statistics",
            None,
            "pg_stat_statements keeps the texts of statements; it takes constants out of queries, but not always out of"
            " utility statements (COPY, DO, CREATE, prepared names).",
            "ALTER SYSTEM SET pg_stat_statements.track_utility = off; SELECT pg_reload_conf();",
        )
