"""How long the offline verifier takes from the shell's point of view."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from tests.bench.measurements import elapsed
from tests.support.installation import Installation

from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.receipts import receipt_export
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log

# What the verifier cannot do without: the curves, the hashes and the reading of PEM.
CRYPTOGRAPHY = (
    "from cryptography.hazmat.primitives import hashes, serialization; "
    "from cryptography.hazmat.primitives.asymmetric import ec, ed25519"
)


def export(installation: Installation, directory: Path) -> Path:
    """Write the export of some settled receipt."""
    workspace = installation.workspace
    key = signed_note.log_key(workspace.data_map.operator.log_origin, workspace.keys.log.public_key())
    with reading(workspace.ledger) as connection:
        series = connection.scalar(
            sa.select(tables.statement.c.series).where(tables.statement.c.event == "settled").limit(1)
        )
        assert series is not None, "no batch settled"
        data = receipt_export.export_of(connection, Log.open(workspace.settings.log, key), series)
    path = directory / "receipt.json"
    path.write_bytes(data)
    return path


def commands(installation: Installation, receipt: Path) -> Mapping[str, Sequence[str]]:
    """What is timed: name -> command line."""
    verify = ["verify", str(receipt), "--trust", str(installation.settings.keys / TRUST_FILE)]
    return {
        "bare interpreter": [sys.executable, "-c", "pass"],
        "import cryptography": [sys.executable, "-c", CRYPTOGRAPHY],
        "python -m expunge_reports verify": [sys.executable, "-m", "expunge_reports", *verify],
        "expunge receipts verify": [str(Path(sys.executable).with_name("expunge")), "receipts", *verify],
    }


def times(timed: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each command in each round, in turn, so that noise meets all alike."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, command in timed.items():
            found[name].append(1000 * elapsed(lambda command=command: run(command)))
    return found


def run(command: Sequence[str]) -> None:
    """Run a command to its good end."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
