"""Must show 7: `expunge receipts verify` needs no network, no ledger and no driver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.installation import Installation

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import openings, receipt_export
from expunge_reports.log import signed_note
from expunge_reports.log.transparency_log import Log

ALONE = """
import socket, sys
def refuse(*_arguments, **_keywords):
    raise AssertionError("the verifier opened a socket")
socket.socket = socket.create_connection = refuse
from expunge_orchestrator.cli import run
code = run(sys.argv[1:])
heavy = {"sqlalchemy", "psycopg", "boto3", "botocore", "redis", "pydantic", "typer", "rich", "alembic", "jinja2"}
print("loaded:", sorted(heavy & sys.modules.keys()))
sys.exit(code)
"""


def verify(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, "receipts", "verify", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def exported(installation: Installation, tmp_path: Path, user_id: int) -> tuple[Path, Path, Path]:
    """Erase a person and write export, trust file and opening; returns their paths."""
    batch = installation.plan(f"user_id\n{user_id}\n")
    installation.erase(batch)
    workspace = installation.workspace
    key = SubjectKey("user_id", str(user_id))
    log = Log.open(
        workspace.settings.log,
        signed_note.log_key(workspace.data_map.operator.log_origin, workspace.keys.log.public_key()),
    )
    with reading(workspace.ledger) as connection:
        (one,) = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
        data = receipt_export.export_of(connection, log, one.series)
        opening = openings.openings_of(connection, one.series, frozenset({key}), workspace.keys, workspace.data_map)[
            "user_id"
        ]
    paths = tmp_path / f"{user_id}.json", workspace.settings.keys / "trust.json", tmp_path / f"{user_id}.opening.json"
    paths[0].write_bytes(data)
    paths[2].write_bytes(opening)
    return paths


def test_alone_it_accepts_the_right_opening_and_refuses_a_foreign_one(
    installation: Installation, tmp_path: Path
) -> None:
    first, second = installation.calltrack.take_holders(2)
    receipt, trust, opening = exported(installation, tmp_path, first)
    code, told = verify(receipt, "--trust", trust, "--opening", opening)
    assert code == 0, told
    assert "loaded: []" in told
    assert "unanchored" in told
    _, _, foreign = exported(installation, tmp_path, second)
    code, told = verify(receipt, "--trust", trust, "--opening", foreign)
    assert code == 1
    assert "opening-mismatch" in told


def test_another_installation_s_keys_do_not_verify_it(installation: Installation, tmp_path: Path) -> None:
    (user,) = installation.calltrack.take_holders()
    receipt, trust, _ = exported(installation, tmp_path, user)
    other = Installation(
        installation.calltrack, tmp_path / "other", installation.calltrack.settings(tmp_path / "other")
    )
    other.found()
    other.close()
    code, told = verify(receipt, "--trust", tmp_path / "other-keys" / "trust.json")
    assert code == 1
    assert "unknown-log" in told
    trusted = json.loads(trust.read_bytes())
    assert trusted["operator"] == "Calltrack Ltd"
