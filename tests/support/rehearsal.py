"""A rehearsal: a request from its plan to its receipt, on both kinds of ledger, before commands are forked from it.

A first command imports what only some need, compiles the ledger's statements and prepares what it keeps; commands that
are forked afterwards find all of it done.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.support.data_map_text import write_document
from tests.support.fork_server import IN, OUT, ForkServer
from tests.support.ledgers import for_sqlalchemy
from tests.support.postgres.company import execute
from tests.support.postgres.small_schemas import small_document
from tests.support.servers import fresh_database

if TYPE_CHECKING:
    from expunge_demo.dev_servers import Endpoints

_COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
orders: {table: public.orders, found_by: [{column: user_id, of: users.id}]}
news: {table: public.news, created: created_at, found_by: [{column: email, identity: email}]}
visitors: {table: public.visitors, data_type: anchor, undated: erase, found_by: [{column: email, identity: email}],
  tombstone: {email: "NULL"}, keeps: {id: k}}
bills: {table: public.bills, data_type: kept, start: created_at, created: created_at,
  found_by: [{column: email, identity: email}]}
"""
_DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
_TABLES = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {_DAY});
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users);
CREATE TABLE news (id int PRIMARY KEY, email text, {_DAY});
CREATE TABLE visitors (id int PRIMARY KEY, email text);
CREATE TABLE bills (id int PRIMARY KEY, email text, {_DAY});
INSERT INTO users VALUES (1, 'ann@x.example'), (2, 'bob@x.example'), (3, 'cleo@x.example');
INSERT INTO orders VALUES (1, 1), (2, 2);
INSERT INTO news VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
INSERT INTO visitors VALUES (1, 'ann@x.example'), (2, 'bob@x.example');
"""


def rehearse(fork_server: ForkServer, servers: Endpoints, place: Path) -> None:
    """Erase a made-up person with each kind of ledger."""
    write_document(place / "datamap.yaml", small_document(_COLLECTIONS))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    with fresh_database(servers.postgres_url) as store, fresh_database(servers.postgres_url) as ledger:
        execute(store, _TABLES)
        common = {
            "PYTHONPATH": ":".join(sys.path),
            "EXPUNGE_DATA_MAP": str(place / "datamap.yaml"),
            "EXPUNGE_SETTLING": "PT0S",
            "EXPUNGE_STORES__MAIN__URL": store,
        }
        for person, settings in enumerate(({}, {"EXPUNGE_LEDGER_URL": for_sqlalchemy(ledger)}), 1):
            with TemporaryDirectory(dir=place) as home:
                environment = plain | common | settings | {"EXPUNGE_HOME": home}
                _request(fork_server, Path(home), environment, person)


def _request(fork_server: ForkServer, home: Path, environment: Mapping[str, str], person: int) -> None:
    def run(*arguments: str, stdin: str = "") -> str:
        read, out, err = (home / name for name in ("in", "out", "err"))
        read.write_text(stdin)
        streams = [(read, IN), (out, OUT), (err, OUT)]
        code = fork_server.start(
            arguments, directory=home, environment=environment, streams=streams, rehearsed=True
        ).wait()
        assert code == 0, f"rehearsing `expunge {arguments[0]}` ended {code}: {err.read_text()}"
        return out.read_text()

    run("keys", "init", "--trust", "trust.json")
    run("check")
    plan = json.loads(run("plan", "-", "-c", "acme", "--json", stdin=f"user_id\n{person}\n"))
    run("status", plan["id"])
    run("erase", plan["id"], "--confirm", plan["digest"])
    run("run-due")
    run("status", plan["id"], "--json")
