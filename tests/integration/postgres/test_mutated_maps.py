"""Mistakes in a data map are told, whatever they are: no command ends with an error that is not one of ours.

300 maps with mistakes in them. Most are refused as they are loaded; the others are held against a database.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import document_of, read, write_document
from tests.support.mutated_maps import mutated
from tests.support.postgres.company import CUTOFF, checked, opened, subject
from tests.support.postgres.inspection import codes
from tests.support.postgres.small_schemas import small_document

from expunge_config.datamap import DataMap
from expunge_config.errors import DataMapError
from expunge_connectors.contract import Finding, Scope, Severity
from expunge_connectors.errors import ConnectorError, TerminalError
from expunge_connectors.postgres import PostgresSpec
from expunge_orchestrator import data_map_check

MAPS = {
    "chain": """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}]
  yields: {user_id: id}
messages: {table: public.messages, found_by: [{column: user_id, of: users.id}]}
invoices: {table: public.invoices, found_by: [{column: user_id, of: users.id}]}
invoice_lines: {table: public.invoice_lines, found_by: [{column: invoice_id, of: invoices.id}]}
user_addresses: {table: public.user_addresses, found_by: [{column: user_id, of: users.id}]}
addresses:
  table: public.addresses
  found_by: [{column: id, of: user_addresses.address_id}]
  sharing: last_owner
""",
    "inside": """
users:
  table: public.users
  person: user_id
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  created: created_at
  yields: {user_id: id, email: email, token: {column: full_name, never_shared: {reason: r, approved_by: a}}}
messages:
  table: public.messages
  found_by: [{column: user_id, of: users.id}, {column: reply_to, of: messages.id}]
invoices:
  table: public.invoices
  data_type: kept
  start: issued_at
  found_by: [{columns: [user_id], of: users, of_columns: [id]}]
access_log: {table: public.access_log, log: {purpose: p, ground: g, retention: P90D, approved_by: a}}
""",
}
BLOCKS = 15
MUTANTS = 20


class Elsewhere:
    """A store that is not a Postgres one: of it, what the map alone shows is looked at."""

    def inspect(self) -> list[Finding]:
        return []


@pytest.mark.heavy
@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_mistake_in_a_map_is_told(company: str, tmp_path: Path, block: int) -> None:
    name = ("example", *MAPS)[block % 3]
    document = small_document(MAPS[name]) if name in MAPS else document_of()
    for number in range(MUTANTS):
        path = write_document(tmp_path / "map.yaml", mutated(document, f"{block}.{number}"))
        with suppress(DataMapError):
            hold_against(company, read(path))


def hold_against(url: str, loaded: DataMap) -> None:
    """As commands do: an inspection raises nothing at all; where it finds no error, reading does not either."""
    main = loaded.stores.get("main")
    if not isinstance(main, PostgresSpec):
        return
    with opened(url, loaded) as store:
        stores: Any = {name: store if name == "main" else Elsewhere() for name in loaded.stores}
        found = data_map_check.inspect_all(loaded, stores, {})
        store.sweep(20)
        people = [subject(1, user_id="1", email="ada@mail.example", caller_id="1")]
        blocks = any(one.severity is Severity.ERROR and one.store == "main" for one in found)
        for scope in (Scope(name, "1" if one.many else None) for name, one in loaded.controllers.items()):
            for verb in (store.resolve, store.count, store.verify):
                with suppress(*[ConnectorError] if blocks else []):
                    verb(people, scope, CUTOFF)


def test_the_mistakes_are_worth_the_while(tmp_path: Path) -> None:
    """Enough of the maps load, and enough do not."""
    seeds = [f"{block}.{number}" for block in range(0, BLOCKS, 3) for number in range(MUTANTS)]
    refused = 0
    for seed in seeds:
        try:
            read(write_document(tmp_path / "map.yaml", mutated(document_of(), seed)))
        except DataMapError:
            refused += 1
    assert len(seeds) / 4 < refused < len(seeds) * 3 / 4


@pytest.mark.parametrize("table", ["users", "invoices", "invoice_lines"])
def test_a_table_that_is_missing_anywhere_in_a_chain_is_a_finding(company: str, table: str) -> None:
    document = small_document(MAPS["chain"])
    document["stores"]["main"]["collections"][table]["table"] = "public.mistyped"
    with opened(company, checked(document)) as store:
        assert ("table-missing", table) in codes(store.inspect(), Severity.ERROR)
        for verb in (store.resolve, store.count, store.verify):
            with pytest.raises(TerminalError, match="missing"):
                verb([subject(1, user_id="1")], Scope("acme"), CUTOFF)


@pytest.mark.parametrize("place", ["recordings", "callers", "calls"])
def test_a_column_that_is_missing_is_a_finding(company: str, place: str) -> None:
    """One that is yielded as an internal identity, one of a person, and one that leads on."""
    document = document_of()
    document["stores"], document["backups"] = {"main": document["stores"]["main"]}, {}
    spec = document["stores"]["main"]["collections"][place]
    if place == "recordings":
        spec["yields"] = {"recording_object": "mistyped"}
    else:
        spec["found_by"][0]["column"] = "mistyped"
        spec.get("yields", {}).update({"caller_id": "mistyped"} if place == "callers" else {})
    with opened(company, checked(document)) as store:
        assert ("column-missing", place) in codes(store.inspect(), Severity.ERROR)
        for verb in (store.resolve, store.count, store.verify):
            with suppress(TerminalError):
                verb([subject(1, caller_id="1")], Scope("client", "1"), CUTOFF)
