"""Receipt export: series in the ledger, and a self-contained receipt of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

import sqlalchemy as sa

from expunge_config.errors import UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.installation_setup import TRUST_FILE, read_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.workspace import Workspace
from expunge_reports import canonical, dsse, export, trust
from expunge_reports import statement as statements
from expunge_reports.log.transparency_log import Log
from expunge_reports.page.render import receipt_page
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


@dataclass(frozen=True, slots=True)
class Exported:
    """An export.

    Attributes:
        following: How many further statements were issued and have not reached the log yet.
    """

    data: bytes
    following: int

    @property
    def said(self) -> str | None:
        """That there are further ones, in words."""
        if not self.following:
            return None
        more = "1 more statement was" if self.following == 1 else f"{self.following} more statements were"
        return f"{more} issued and will follow: not in the log yet."


def exported(workspace: Workspace, series: str) -> Exported:
    """A self-contained export of one series, as far as it is in the log, with proofs from the log as it stands.

    Raises:
        UsageError: There is no such series, or no statement of it has reached the log yet.
    """
    log = read_log(workspace.settings, workspace.data_map.operator, workspace.keys)
    with reading(workspace.ledger) as connection:
        waiting = sa.select(sa.func.count()).where(
            tables.statement.c.series == series, tables.statement.c.log_index.is_(None)
        )
        return Exported(export_of(connection, log, series), connection.scalar(waiting) or 0)


def trust_file(workspace: Workspace) -> bytes:
    """What auditors pin, as it was handed out when the installation was founded."""
    return (workspace.settings.keys / TRUST_FILE).read_bytes()


def as_html(workspace: Workspace, receipt: Exported, at: datetime) -> str:
    """An export as a page, with the verdict that the offline verifier gives."""
    verdict = verifier.verify(receipt.data, trust.parse(trust_file(workspace)), [], at)
    return receipt_page(verdict, export.parse(receipt.data).shared, following=receipt.said)


def export_of(connection: sa.Connection, log: Log, series: str) -> bytes:
    """A self-contained export of one series: of its statements those that are in the log, which are its first ones.

    Raises:
        UsageError: There is no such series, or no statement of it has reached the log yet.
    """
    rows = connection.execute(
        sa.select(tables.statement.c.envelope, tables.statement.c.log_index)
        .where(tables.statement.c.series == series)
        .order_by(tables.statement.c.seq)
    ).all()
    if not rows:
        raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
    rows = list(takewhile(lambda row: row.log_index is not None, rows))
    if not rows:
        raise UsageError("No statement of this series is in the log yet.", remedy="Run `expunge run-due` first.")
    proofs = log.proofs([row.log_index for row in rows])
    cited = {digest for row in rows for digest in statements.parse(dsse.parse(row.envelope).payload).context}
    documents = connection.scalars(sa.select(tables.document.c.body).where(tables.document.c.digest.in_(cited)))
    envelopes = [row.envelope for row in rows]
    return export.build(
        series, list(zip(envelopes, proofs, strict=True)), [canonical.decode(body) for body in documents]
    )
