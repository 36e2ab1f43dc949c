"""Receipts out of the ledger: which series there are, their statements, exports and openings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from expunge_config.datamap import DataMap
from expunge_config.errors import InputError, UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_tags import Tagger
from expunge_orchestrator.planning.planner import scheme
from expunge_orchestrator.transparency_log import TRUST_FILE, read_log
from expunge_orchestrator.workspace import Workspace
from expunge_reports import canonical, dsse, export, opening, page, trust
from expunge_reports import statement as statements
from expunge_reports.keys import KeyRing
from expunge_reports.log.append_only_log import Log
from expunge_reports.verify import verifier


@dataclass(frozen=True, slots=True)
class Series:
    """One receipt: a series of statements about one request of one person."""

    series: str
    batch: str
    line: int
    events: Sequence[str]


def series_of(
    connection: sa.Connection, batch_uid: str | None, people: Iterable[frozenset[SubjectKey]] | None, tagger: Tagger
) -> list[Series]:
    """The series of a batch, of some people (found by their suppression tags), or all."""
    query = (
        sa.select(tables.item.c.series, tables.item.c.line, tables.batch.c.uid, tables.statement.c.event)
        .join(tables.batch, tables.batch.c.id == tables.item.c.batch_id)
        .join(tables.statement, tables.statement.c.item_id == tables.item.c.id)
        .order_by(tables.item.c.id, tables.statement.c.seq)
    )
    if batch_uid is not None:
        query = query.where(tables.batch.c.uid == batch_uid)
    if people is not None:
        tags = [tagger.tag(key) for keys in people for key in keys]
        query = query.where(
            tables.item.c.id.in_(sa.select(tables.suppression.c.item_id).where(tables.suppression.c.tag.in_(tags)))
        )
    found: dict[str, tuple[str, int, list[str]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.series, (row.uid, row.line, []))[2].append(row.event)
    return [Series(series, uid, line, events) for series, (uid, line, events) in found.items()]


def exported(workspace: Workspace, series: str) -> bytes:
    """A self-contained export of one series, with proofs from the log as it stands.

    Raises:
        UsageError: There is no such series, or a statement of it has not reached the log yet.
    """
    log = read_log(workspace.settings, workspace.data_map.operator, workspace.keys)
    with reading(workspace.ledger) as connection:
        return export_of(connection, log, series)


def trust_file(workspace: Workspace) -> bytes:
    """What auditors pin, as it was handed out when the installation was founded."""
    return (workspace.settings.keys / TRUST_FILE).read_bytes()


def as_html(workspace: Workspace, data: bytes, at: datetime) -> str:
    """An export as a page, with the verdict that the offline verifier gives."""
    verdict = verifier.verify(data, trust.parse(trust_file(workspace)), [], at)
    return page.render(verdict, export.parse(data).shared)


def export_of(connection: sa.Connection, log: Log, series: str) -> bytes:
    """A self-contained export of one series.

    Raises:
        UsageError: There is no such series, or a statement of it has not reached the log yet.
    """
    rows = connection.execute(
        sa.select(tables.statement.c.envelope, tables.statement.c.log_index)
        .where(tables.statement.c.series == series)
        .order_by(tables.statement.c.seq)
    ).all()
    if not rows:
        raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
    if any(row.log_index is None for row in rows):
        raise UsageError("A statement of this series is not in the log yet.", remedy="Run `expunge run-due` first.")
    proofs = log.proofs([row.log_index for row in rows])
    cited = {digest for row in rows for digest in statements.parse(dsse.parse(row.envelope).payload).context}
    documents = connection.scalars(sa.select(tables.document.c.body).where(tables.document.c.digest.in_(cited)))
    envelopes = [row.envelope for row in rows]
    return export.build(
        series, list(zip(envelopes, proofs, strict=True)), [canonical.decode(body) for body in documents]
    )


def openings_of(
    connection: sa.Connection, series: str, identifiers: frozenset[SubjectKey], keys: KeyRing, data_map: DataMap
) -> dict[str, bytes]:
    """Namespace -> opening file, for each identifier that the request was made with. Nothing is stored.

    Raises:
        UsageError: There is no such series.
        InputError: None of the identifiers belongs to this request.
    """
    subjects = connection.scalar(sa.select(tables.item.c.subjects).where(tables.item.c.series == series))
    if subjects is None:
        raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
    made = {key.namespace: opening.make(keys.opening, series, scheme(key, data_map), key.value) for key in identifiers}
    fitting = {namespace: one for namespace, one in made.items() if opening.digest(one) in subjects}
    if not fitting:
        raise InputError(
            "None of these identifiers belongs to that request.",
            remedy="Give the identifiers that the request was made with.",
        )
    return fitting
