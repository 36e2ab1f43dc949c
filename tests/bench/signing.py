"""Receipts a second: statements as a batch makes them, signed and appended to a log of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from tests.bench.measurements import Stages, peak_memory
from tests.support.installation import Installation

from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_reports import dsse, statement_payload
from expunge_reports import statement as statements
from expunge_reports.log import leaf
from expunge_reports.log.transparency_log import LogWriter

ORIGIN = "bench.example"
APPENDED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Signed:
    """How long so many statements took: `build`, `sign`, `leaf`, `log`."""

    statements: int
    stages: Stages
    memory: str


def sign(installation: Installation, directory: Path, number: int) -> Signed:
    """Build, sign and log so many statements with the body of a real `erased` one; the ledger is not part of it."""
    body, subjects = erased_statement(installation)
    keys, at, stages = installation.workspace.keys, datetime.now(UTC), Stages()
    with peak_memory() as memory, LogWriter.create(directory, ORIGIN, keys.log) as writer:
        for start in range(0, number, APPENDED_AT_ONCE):
            series = [statements.new_series() for _ in range(min(APPENDED_AT_ONCE, number - start))]
            with stages.time("build"):
                payloads = [
                    statement_payload.build(
                        series=one, seq=1, prev="0" * 64, event="erased", issued_at=at, body=body, subjects=subjects
                    )
                    for one in series
                ]
            with stages.time("sign"):
                for payload in payloads:
                    dsse.sign(payload, keys.receipt)
            with stages.time("leaf"):
                leaves = [
                    leaf.of_payload(one, 1, payload).to_bytes() for one, payload in zip(series, payloads, strict=True)
                ]
            with stages.time("log"):
                writer.append(leaves)
        told = memory()
    return Signed(number, stages, told)


def erased_statement(installation: Installation) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """Body and subjects of a statement that a batch really issued."""
    with reading(installation.workspace.ledger) as connection:
        envelope = connection.scalar(
            sa.select(tables.statement.c.envelope).where(tables.statement.c.event == "erased").limit(1)
        )
    assert envelope is not None, "no batch erased anybody"
    found = statements.parse(dsse.parse(envelope).payload)
    return found.body, found.subjects
