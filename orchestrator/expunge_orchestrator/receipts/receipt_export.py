"""Receipt export: series in the ledger, and a self-contained receipt of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from expunge_config import regular_files
from expunge_config.errors import UsageError
from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.installation_setup import TRUST_FILE, read_log
from expunge_orchestrator.ledger import Transaction
from expunge_orchestrator.ledger import statements as ledger_statements
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.statements import Series
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.workspace import Workspace
from expunge_reports import canonical, dsse, export, trust
from expunge_reports import statement as statements
from expunge_reports.log.transparency_log import Log
from expunge_reports.page.render import receipt_page
from expunge_reports.verify import verifier


def series_of(
    connection: Transaction, batch_uid: str | None, people: Iterable[frozenset[SubjectKey]] | None, tagger: Tagger
) -> list[Series]:
    """The series of a batch, of some people (found by their suppression tags), or all."""
    tags = None if people is None else [tagger.tag(key) for keys in people for key in keys]
    return ledger_statements.series_list(connection, batch_uid, tags)


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
        waiting = sum(one.log_index is None for one in ledger_statements.of_series(connection, series))
        return Exported(export_of(connection, log, series), waiting)


def trust_file(workspace: Workspace) -> bytes:
    """What auditors pin, as it was handed out when the installation was founded.

    Raises:
        KeysError: It cannot be read.
    """
    try:
        return regular_files.read(workspace.settings.keys / TRUST_FILE)
    except OSError as error:
        raise KeysError(
            f"The trust file cannot be read ({type(error).__name__}).",
            remedy=f"Put {TRUST_FILE} back beside the keys, as `expunge keys init` wrote it.",
        ) from None


def as_html(workspace: Workspace, receipt: Exported, at: datetime) -> str:
    """An export as a page, with the verdict that the offline verifier gives."""
    verdict = verifier.verify(receipt.data, trust.parse(trust_file(workspace)), [], at)
    return receipt_page(verdict, export.parse(receipt.data).shared, following=receipt.said)


def export_of(connection: Transaction, log: Log, series: str) -> bytes:
    """A self-contained export of one series: of its statements those that are in the log, which are its first ones.

    Raises:
        UsageError: There is no such series, or no statement of it has reached the log yet.
    """
    rows = ledger_statements.of_series(connection, series)
    if not rows:
        raise UsageError("The ledger has no such series.", remedy="`expunge receipts list` lists them.")
    envelopes, indexes = [], []
    for row in rows:
        if row.log_index is None:
            break
        envelopes.append(row.envelope)
        indexes.append(row.log_index)
    if not envelopes:
        raise UsageError("No statement of this series is in the log yet.", remedy="Run `expunge run-due` first.")
    proofs = log.proofs(indexes)
    cited = {digest for one in envelopes for digest in statements.parse(dsse.parse(one).payload).context}
    documents = ledger_statements.documents(connection, cited).values()
    return export.build(
        series, list(zip(envelopes, proofs, strict=True)), [canonical.decode(body) for body in documents]
    )
