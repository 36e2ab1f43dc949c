"""What tests of the inspection share: asking, and changing the example's map."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.support.postgres.company import execute, opened

from expunge_config.datamap import DataMap
from expunge_connectors.contract import Finding, Severity

ENOUGH = (
    (
        "GRANT SELECT, DELETE ON user_profiles, api_tokens, user_addresses, addresses, messages, invoices,"
        " invoice_lines, marketing_optouts, callers, calls, call_notes, recordings, transcripts, leads, lead_answers"
        " TO {role}"
    ),
    "GRANT SELECT, UPDATE (email, full_name, phone, status) ON users TO {role}",
    "GRANT UPDATE (id) ON addresses TO {role}",
)
Change = Callable[[dict[str, Any]], None]


def findings(url: str, loaded: DataMap | None = None) -> list[Finding]:
    """Everything that the inspection finds."""
    with opened(url, loaded) as store:
        return list(store.inspect())


def codes(found: Iterable[Finding], *severities: Severity) -> set[tuple[str, str | None]]:
    """(code, collection) of the findings, perhaps of some severities only."""
    return {(one.code, one.collection) for one in found if one.severity in (severities or tuple(Severity))}


def edit(collection: str, **values: object) -> Change:
    """Change entries of a collection of the map."""

    def change(document: dict[str, Any]) -> None:
        document["stores"]["main"]["collections"][collection].update(values)

    return change


def free(*places: str) -> Change:
    """Declare places to hold no personal data."""

    def change(document: dict[str, Any]) -> None:
        document["stores"]["main"].setdefault("unmapped_ok", []).extend(
            {"place": place, "reason": "made up", "approved_by": "nobody"} for place in places
        )

    return change


def database(url: str) -> str:
    """The database's name."""
    return url.rpartition("/")[2]


def terse(url: str) -> None:
    """Let the server's log leave out what errors quote, in this database."""
    execute(url, f"ALTER DATABASE {database(url)} SET log_error_verbosity = 'terse'")
