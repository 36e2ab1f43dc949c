"""An account to which several persons of another kind belong: what is said, and that following it helps."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.data_map_text import write_document
from tests.support.fork_server import ForkServer
from tests.support.postgres.small_schemas import left, small_document
from tests.support.small_company import Company, succeeded

USERS = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
"""
ANN = b"user_id\n1\n"


def document(collections: str) -> dict[str, object]:
    made = small_document(USERS + collections)
    made["identities"] |= {"kid_id": {"kind": "person"}, "kid": {"kind": "internal"}}
    return made


def test_check_refuses_a_map_by_which_no_request_of_the_account_can_work(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    tables = (
        "CREATE TABLE kids (id int PRIMARY KEY, parent int REFERENCES users); INSERT INTO kids VALUES (11, 1), (13, 1)"
    )
    found_by = "found_by: [{column: id, identity: kid_id}, {column: parent, of: users.id}]"
    told = "goes_with_any: {reason: minors, approved_by: nobody}"
    persons = f"kids: {{table: public.kids, person: kid_id, {found_by}, yields: {{kid_id: id}}, {told}}}"
    company = Company(database, tmp_path, fork_server, document(persons), tables)
    refused = company.cli.run("check")
    assert refused.code == 5
    assert "several-behind-key" in refused.output
    assert company.cli.run("plan", "-", "-c", "acme", stdin=ANN).code == 5
    along = f"kids: {{table: public.kids, {found_by}, yields: {{kid: id}}, {told}}}"
    write_document(tmp_path / "datamap.yaml", document(along))
    succeeded(company.cli.run("check"))
    succeeded(company.erase(company.plan(ANN)))
    assert (left(database, "users"), left(database, "kids")) == ([2], [])


def test_what_check_cannot_see_is_told_of_the_kind_of_person_and_where_to_look(
    database: str, tmp_path: Path, fork_server: ForkServer
) -> None:
    """Each table leads to one; both together to two."""
    tables = "".join(
        f"CREATE TABLE {name} (user_id int PRIMARY KEY REFERENCES users, kid int UNIQUE);"
        f"INSERT INTO {name} VALUES (1, {kid});"
        for name, kid in (("pupils", 11), ("patients", 13))
    )
    both = "".join(
        f"{name}: {{table: public.{name}, found_by: [{{column: user_id, of: users.id}}], yields: {{kid_id: kid}}}}\n"
        for name in ("pupils", "patients")
    )
    company = Company(database, tmp_path, fork_server, document(both), tables)
    succeeded(company.cli.run("check"))
    plan = company.plan(ANN)
    said = "by the data map the key of one person leads to several of a kind: kid_id"
    for answer in (company.erase(plan), company.cli.run("locate", "-", "-c", "acme", stdin=ANN)):
        assert answer.code == 1
        assert "mend the data map (docs/findings.md, `several-behind-key`)" in answer.output
        assert "ask again" not in answer.output
        assert said in answer.output
    assert company.status(plan)["reasons"] == {said: 1}
    [receipt] = json.loads(succeeded(company.cli.run("receipts", "list", "--batch", plan["id"], "--json")))["receipts"]
    assert said in company.cli.run("receipts", "show", receipt["id"]).output
    write_document(tmp_path / "datamap.yaml", document(both.replace("kid_id", "kid")))
    succeeded(company.erase(company.plan(ANN)))
    assert (left(database, "users"), left(database, "pupils", "kid"), left(database, "patients", "kid")) == (
        [2],
        [],
        [],
    )
