"""A page of a list costs the same number of statements however long it is, and says what getting each of it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from tests.support.api import ACCOUNT, URL, ApiHarness, once
from tests.support.people import make_caller, make_holder
from tests.support.store_inspector import StoreInspector

from expunge_orchestrator.auth.principals import Role
from expunge_orchestrator.ledger import audit_log, tables
from expunge_orchestrator.ledger.request_tables import api_key, request, request_tag

COUNTS = ("found", "verified", "reviewed", "reverified", "unread")
NOT_IN_A_LIST = {"reasons", "collections", "left", "chunks"}


@contextmanager
def statements(ledger: sa.Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(ledger, "before_cursor_execute", heard)
    try:
        yield seen
    finally:
        event.remove(ledger, "before_cursor_execute", heard)


def multiply(api: ApiHarness, numbers: range) -> None:
    """Copies of the first request with its batch, chunk, person and statement, and of what else lists show."""
    with api.installation.workspace.ledger.begin() as connection:

        def copy(table: sa.Table, **changed: object) -> int:
            row = connection.execute(sa.select(table).order_by(table.c.id).limit(1)).mappings().one()
            values = {name: value for name, value in row.items() if name != "id"} | changed
            return int(connection.execute(sa.insert(table).values(values).returning(table.c.id)).scalar_one())

        tags = connection.scalars(sa.select(request_tag.c.tag).distinct()).all()
        for at in numbers:
            batch = copy(tables.batch, uid=f"bt_{at:012x}")
            chunk = copy(tables.chunk, batch_id=batch)
            item = copy(tables.item, batch_id=batch, chunk_id=chunk, series=f"er_{at:020x}")
            copy(tables.statement, series=f"er_{at:020x}", item_id=item, log_index=None)
            asked = copy(request, uid=f"rq_{at:012x}", batch_id=batch)
            connection.execute(sa.insert(request_tag), [{"tag": one, "request_id": asked} for one in tags])
            copy(tables.item, line=at + 1, series=f"er_1{at:019x}")  # one more line of the first batch
            copy(tables.hold, uid=f"lh_{at:012x}")
            copy(api_key, uid=f"ak_{at:012x}")
            audit_log.append(connection, api.at, "somebody", "batch.create", f"bt_{at:012x}")


def test_a_page_costs_the_same_however_long_it_is(api: ApiHarness, inspector: StoreInspector) -> None:
    holder, ann = make_holder(inspector), make_caller(inspector)
    hold = {"people": [{"caller_id": str(ann.id)}], "ground": "Court order 4 C 17/26"}
    assert api.client.post("/v1/legal_holds", json=hold, headers=api.key(Role.OPERATOR)).status_code == 201
    wish = ACCOUNT | {"waive_grace": True}
    assert api.client.post(URL, json=wish, headers=once(api.person(user_id=holder.id))).status_code == 201
    api.work()
    auditor, operator, admin = (api.key(one) for one in (Role.AUDITOR, Role.OPERATOR, Role.ADMIN))
    (batch,) = api.client.get("/v1/batches", headers=auditor).json()["items"]
    lists = {
        "/v1/batches": auditor,
        f"/v1/batches/{batch['id']}/results": auditor,
        "/v1/erasure_requests": auditor,
        "/v1/audit_log": auditor,
        "/v1/legal_holds": operator,
        "/v1/api_keys?limit=200": admin,
    }

    def ask() -> tuple[dict[str, int], dict[str, int]]:
        """List -> how many it shows, and by how many statements."""
        shown, cost = {}, {}
        for path, headers in {**lists, URL: api.person(user_id=holder.id)}.items():
            with statements(api.installation.workspace.ledger) as seen:
                answer = api.client.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            shown[path] = len(page if path == URL else page["items"])
            cost[path] = len(seen)
            assert not [one for one in seen for name in COUNTS if f"item.{name}" in one], path
        return shown, cost

    multiply(api, range(1, 5))
    few, cost_of_few = ask()
    multiply(api, range(5, 50))
    many, cost_of_many = ask()
    assert {path: many[path] - few[path] for path in few} == dict.fromkeys(few, 45)
    assert (few["/v1/batches"], many["/v1/batches"]) == (5, 50)
    assert cost_of_many == cost_of_few


def test_a_list_says_of_each_what_getting_it_says(api: ApiHarness, inspector: StoreInspector) -> None:
    """Of people whose requests stand differently: erased, on hold, not found, and not begun."""
    operator, ann, bob = api.key(Role.OPERATOR), make_caller(inspector), make_caller(inspector)
    hold = {"people": [{"caller_id": str(bob.id)}], "ground": "Court order 4 C 17/26"}
    assert api.client.post("/v1/legal_holds", json=hold, headers=operator).status_code == 201
    for caller in (ann.id, bob.id, 10**12):
        wish = {"controller": ann.controller, "identifiers": {"caller_id": str(caller)}}
        assert api.client.post("/v1/erasure_requests", json=wish, headers=once(operator)).status_code == 201
    api.work()
    holder = make_holder(inspector)
    assert api.client.post(URL, json=ACCOUNT, headers=once(api.person(user_id=holder.id))).status_code == 201

    def compared(path: str, not_in_a_list: set[str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = api.client.get(path, headers=operator).json()["items"]
        for one in items:
            whole = api.client.get(f"{path}/{one['id']}", headers=operator).json()
            assert one == {name: value for name, value in whole.items() if name not in not_in_a_list}
            assert not_in_a_list <= set(whole)
        return items

    requests = compared("/v1/erasure_requests", set())
    assert [one["state"] for one in requests] == ["scheduled", "not-found", "on-hold", "erased"]
    assert [one["receipt_id"] is None for one in requests] == [True, False, False, False]
    api.settle()
    with api.installation.workspace.ledger.begin() as connection:  # as an ended request leaves it
        first = connection.scalar(sa.select(sa.func.min(tables.item.c.id)))
        left = {"item_id": first, "wrapped_key": b"", "sealed_keys": b"", "places": [["main", "calls", True]], "at": ""}
        connection.execute(sa.insert(tables.residual_keys), left)
    batches = compared("/v1/batches", NOT_IN_A_LIST)
    assert [(one["settled"], one["left_in_part"]) for one in batches] == [(1, 0), (0, 0), (1, 1)]
    requests = compared("/v1/erasure_requests", set())
    assert [one["state"] for one in requests] == ["scheduled", "settled", "on-hold", "settled"]
