"""`home/sales/` and `home/sales/anna/`: one person's prefix within another's is refused before anybody asks."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.postgres.company import execute
from tests.support.postgres.inspection import terse
from tests.support.servers import BucketFactory

from expunge_demo.dev_servers import Endpoints

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAP = """
expunge: 1
backups: {none: A database of a test lives as long as the test, approved_by: Whoever wrote the test}
operator: {name: Acme, contact: x@acme.example, log_origin: log.acme.example}
controllers: {acme: {name: Acme}}
identities: {handle: {kind: person, normaliser: exact/1}}
data_types:
  gone: {purpose: p, categories: [c], rule: {start: collected, period: P1Y}, on_request: delete}
stores:
  main:
    connector: postgres
    collections:
      users:
        table: public.users
        data_type: gone
        owner: {controller: acme}
        person: handle
        found_by: [{column: handle, identity: handle}]
        yields: {handle: handle}
  files:
    connector: s3
    collections:
      home:
        bucket: BUCKET
        prefix: "home/{handle}/"
        data_type: gone
        owner: {controller: acme}
"""
SAID = "        undivided: {reason: sign-up refuses slashes, approved_by: A. Officer}\n"


@pytest.fixture
def cli(database: str, tmp_path: Path, fork_server: ForkServer, servers: Endpoints) -> CliRunner:
    execute(
        database,
        "CREATE TABLE users (handle text PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT '2025-01-01');"
        "INSERT INTO users VALUES ('sales'), ('sales/anna'), ('bob')",
    )
    terse(database)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    environment |= {
        "PYTHONPATH": ":".join(sys.path),
        "EXPUNGE_STORES__MAIN__URL": database,
        "EXPUNGE_STORES__FILES__ENDPOINT_URL": servers.s3_endpoint,
        "EXPUNGE_STORES__FILES__ACCESS_KEY_ID": servers.s3_access_key,
        "EXPUNGE_STORES__FILES__SECRET_ACCESS_KEY": servers.s3_secret_key,
    }
    return CliRunner(tmp_path, environment, fork_server)


def test_a_prefix_within_a_prefix(cli: CliRunner, s3: S3Client, bucket: BucketFactory) -> None:
    name = bucket()
    for key in ("home/sales/1", "home/sales/anna/2"):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    said = MAP.replace("BUCKET", name)
    (cli.directory / "datamap.yaml").write_text(said)
    assert cli.run("keys", "init").code == 0
    refused = cli.run("check")
    assert (refused.code, "name-nested" in refused.output) == (5, True), refused.output
    assert cli.run("plan", "-", "-c", "acme", stdin=b"handle\nsales\n").code == 5
    # The map says that no handle holds a slash. Two places show that this is not so, and neither repeats a handle.
    (cli.directory / "datamap.yaml").write_text(said + SAID)
    assert cli.run("check").code == 0
    sampled = cli.run("check", "--sample")
    assert sampled.code == 5, sampled.output
    assert "values-divided" in sampled.output
    assert "values-led" in sampled.output, "what is said of the others is said all the same"
    planned = cli.run("plan", "-", "-c", "acme", stdin=b"handle\nbob\nsales/anna\n")
    assert planned.code == 4, planned.output
    assert "below its header: 2." in " ".join(planned.output.split())
    assert "anna" not in sampled.output + planned.output
