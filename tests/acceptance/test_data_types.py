"""A request for some data types only: nothing else changes, nothing else is claimed, and the rest is still found."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.cancellation import ACTOR, cancel, leftovers
from tests.support.cli import Desk
from tests.support.faulty_connector import Instead, before
from tests.support.holds import key, place
from tests.support.installation import Office
from tests.support.people import Made, make_caller, make_holder
from tests.support.statements import limits_of, lines_of, statements_of
from tests.support.store_inspector import Contents, Probe, changed

from expunge_config.errors import UsageError
from expunge_orchestrator import data_type_closure
from expunge_orchestrator.errors import IncompleteSelectionError
from expunge_orchestrator.execution import batch_control
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch, BatchState
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.receipts import statement_bodies

INFORMATION = ("messages", "exports")
EVERYTHING = ("account", "account_anchor", "messages", "exports", "invoices", "optouts")


def gone(holder: Made, probe: Probe) -> set[str]:
    """The collections in which nothing of the person is left that should be gone one day."""
    return {name for name, number in holder.left(probe).items() if number == 0}


def places_left(office: Office) -> list[list[list[str]]]:
    with reading(office.workspace.ledger) as connection:
        return [list(one) for one in connection.scalars(sa.select(tables.leftover.c.places))]


@pytest.mark.parametrize("by", ["user_id", "email"])
def test_nothing_else_changes_and_the_whole_is_still_found_later(office: Office, probe: Probe, by: str) -> None:
    holder = make_holder(probe)
    csv = holder.csv if by == "user_id" else f"email\n{holder.email}\n"
    was = probe.contents()
    first = office.plan(csv, data_types=INFORMATION)
    planned = {name: one for store in first.plan["stores"].values() for name, one in store["collections"].items()}
    assert {name: one["due"] for name, one in planned.items()} == {"messages": 1, "exports": 1}
    assert first.plan["dataTypes"] == sorted(INFORMATION)
    assert set(first.plan["consulted"]) == {"cache"}
    assert office.erase(first).state is BatchState.ERASED, office.failures(first)
    assert changed(was, probe.contents()) == {"table messages": (1, 0), "bucket calltrack-exports": (1, 0)}
    office.settle()
    assert office.events(first) == [["accepted", "erased", "settled"]]
    assert limits_of(office, first) == dict.fromkeys(("accepted", "erased", "settled"), sorted(INFORMATION))
    (said,) = statements_of(office, first, "erased")
    assert lines_of(said.body) == {"main.messages": ("erased", 1, 0), "recordings.exports": ("erased", 1, 0)}
    assert said.body["claim"] == statement_bodies.LIMITED_CLAIM

    whole = office.plan(csv)
    assert "dataTypes" not in whole.plan
    assert office.erase(whole).state is BatchState.ERASED, office.failures(whole)
    assert not any(holder.left(probe).values())
    assert office.events(whole) == [["accepted", "erased"]]
    assert limits_of(office, whole) == {"accepted": None, "erased": None}
    (said,) = statements_of(office, whole, "erased")
    assert lines_of(said.body)["main.messages"] == ("not-found", 0, 0)
    assert lines_of(said.body)["main.users"] == ("tombstoned", 1, 0)
    assert said.body["claim"] == statement_bodies.CLAIM


def test_one_type_after_the_other(office: Office, probe: Probe) -> None:
    """Where a store holds nothing of the type, it is not touched; where nothing of the type is found, that is said."""
    holder = make_holder(probe)
    for data_type, collection in (("exports", "recordings.exports"), ("messages", "main.messages")):
        batch = office.plan(f"email\n{holder.email}\n", data_types=[data_type])
        assert [one for one in batch.pipeline if one.startswith("erase:")] == [f"erase:{collection.split('.')[0]}"]
        assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
        assert collection in gone(holder, probe)
        assert office.events(batch) == [["accepted", "erased"]]
    assert gone(holder, probe) == {"recordings.exports", "main.messages"}
    again = office.plan(holder.csv, data_types=["messages"])
    assert (again.plan["notFound"], again.plan["mostPerPerson"]) == (1, 0)
    office.erase(again)
    assert office.events(again) == [["accepted", "not-found"]]
    assert limits_of(office, again)["not-found"] == ["messages"]
    assert office.erase(office.plan(holder.csv)).state is BatchState.ERASED
    assert not any(holder.left(probe).values())


def test_a_type_with_shared_rows_and_indexes_goes_whole(office: Office, probe: Probe) -> None:
    """Shared addresses with those that point to them; sessions with the index that names them."""
    holder = make_holder(probe)
    batch = office.plan(holder.csv, data_types=["account"])
    assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
    kept = {"main.users", "main.messages", "main.invoices", "main.invoice_lines", "main.marketing_optouts"}
    assert set(holder.left(probe)) - gone(holder, probe) == kept | {"recordings.exports"}
    assert office.erase(office.plan(f"email\n{holder.email}\n")).state is BatchState.ERASED
    assert not any(holder.left(probe).values())


def test_everything_is_no_limit(office: Office, probe: Probe) -> None:
    batch = office.plan(make_holder(probe).csv, data_types=EVERYTHING)
    assert batch.data_types is None
    assert batch.actions == office.plan(make_holder(probe).csv).actions


@pytest.mark.parametrize(
    ("controller", "types", "why"),
    [
        ("calltrack", ["account_anchor"], "main.users leads to main.user_profiles"),
        ("calltrack", ["account_anchor", "messages", "exports"], "main.users leads to main.user_profiles"),
        ("calltrack", ["account", "account_anchor", "messages", "exports", "optouts"], "leads to main.invoices"),
        ("client:42", ["calls"], "main.callers leads to main.leads"),
        ("client:42", ["leads"], "main.leads leads to main.callers"),
    ],
)
def test_what_others_hang_on_is_refused_with_nothing_touched(
    office: Office, probe: Probe, controller: str, types: list[str], why: str
) -> None:
    person = make_holder(probe) if controller == "calltrack" else make_caller(probe)
    was = probe.contents()
    with pytest.raises(IncompleteSelectionError) as refused:
        office.plan(person.csv, controller, data_types=types)
    assert why in str(refused.value)
    assert refused.value.remedy
    assert changed(was, probe.contents()) == {}
    with reading(office.workspace.ledger) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.batch)) == 0


def test_the_remedy_is_a_choice_that_is_closed(office: Office) -> None:
    with pytest.raises(IncompleteSelectionError) as refused:
        office.plan("caller_id\n1\n", "client:42", data_types=["leads"])
    assert refused.value.remedy == "Ask for everything, or for data types on which nothing else depends."


@pytest.mark.parametrize("types", [[], ["nonsense"], ["calls"], ["messages", "leads"]])
def test_a_type_that_the_controller_has_not_is_refused(office: Office, types: list[str]) -> None:
    with pytest.raises(UsageError, match="type") as refused:
        office.plan("user_id\n1\n", data_types=types)
    assert "account_anchor" in str(refused.value.remedy)


@contextmanager
def referring(probe: Probe, effect: str) -> Iterator[None]:
    """A foreign key that a migration made since: what stays now points to what would go."""
    probe.sql("GRANT UPDATE (id) ON messages TO expunge_app")  # cascading deletions lock the rows first
    probe.sql(f"ALTER TABLE api_tokens ADD COLUMN read_up_to bigint REFERENCES messages (id) ON DELETE {effect}")
    try:
        yield
    finally:
        probe.sql("ALTER TABLE api_tokens DROP COLUMN read_up_to")
        probe.sql("REVOKE UPDATE (id) ON messages FROM expunge_app")


@pytest.mark.parametrize("effect", ["NO ACTION", "CASCADE", "SET NULL"])
def test_a_foreign_key_from_what_stays_is_met_when_planning_and_before_erasing(
    office: Office, probe: Probe, effect: str
) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv, data_types=["messages"])
    with referring(probe, effect):
        probe.sql(
            "UPDATE api_tokens SET read_up_to = (SELECT min(id) FROM messages WHERE user_id = %s) WHERE user_id = %s",
            holder.id,
            holder.id,
        )
        was = probe.contents()
        for refused in (
            lambda: office.erase(batch),
            lambda: office.plan(holder.csv, data_types=["messages"]),
        ):
            with pytest.raises(
                IncompleteSelectionError, match=r"records of main\.api_tokens stay and need those of main\.messages"
            ):
                refused()
        assert changed(was, probe.contents()) == {}
    assert office.erase(batch).state is BatchState.ERASED, office.failures(batch)
    assert gone(holder, probe) == {"main.messages"}


def cancelled_half_way(office: Office, holder: Made) -> Batch:
    """A limited request that is cancelled when its rows are gone and its objects are not."""
    batch = office.plan(holder.csv, data_types=INFORMATION)

    def idle(*_: object) -> int:
        batch_control.cancel(office.workspace.ledger, batch, ACTOR)
        return 0

    stores = office.workspace.stores
    ended = office.erase(batch, office.with_stores({"recordings": Instead(stores["recordings"], erase=idle)}))  # type: ignore[dict-item]
    assert ended.state is BatchState.CANCELLED, office.failures(batch)
    return batch


def test_what_a_cancelled_one_leaves_is_of_its_own_types_and_ends_with_these(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    first = cancelled_half_way(office, holder)
    (said,) = statements_of(office, first, "cancelled")
    assert lines_of(said.body) == {"main.messages": ("erased", 1, 0), "recordings.exports": ("left", 1, 1)}
    assert limits_of(office, first)["cancelled"] == sorted(INFORMATION)
    assert places_left(office) == [[["recordings", "exports"]]]
    other = office.plan(holder.csv, data_types=["messages"])
    office.erase(other)
    assert office.events(other) == [["accepted", "not-found"]]
    assert leftovers(office)[0] == 1, "a request that did not look there ended what leads there"
    second = office.plan(holder.csv, data_types=["exports"])
    assert office.erase(second).state is BatchState.ERASED, office.failures(second)
    assert leftovers(office) == (0, 0)
    assert gone(holder, probe) == {"main.messages", "recordings.exports"}


def test_cancelled_before_anything_says_the_limit_too(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv, data_types=["messages"])
    was = probe.contents()
    cancel(office, batch)
    assert changed(was, probe.contents()) == {}
    assert limits_of(office, batch) == {"accepted": ["messages"], "cancelled": ["messages"]}


def test_what_appears_elsewhere_meanwhile_is_nobodys_business(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv, data_types=["messages"])
    late: list[Contents] = []

    def appear() -> None:
        probe.sql("INSERT INTO api_tokens VALUES (gen_random_uuid(), %s, 'phone', '\\x00')", holder.id)
        late.append(probe.contents())

    main = before(office.workspace.stores["main"], "verify", appear)
    assert office.erase(batch, office.with_stores({"main": main})).state is BatchState.ERASED  # type: ignore[dict-item]
    assert changed(late[0], probe.contents()) == {}
    assert office.events(batch) == [["accepted", "erased"]]


def test_what_comes_back_at_the_settling_check_is_erased_within_the_limit(office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    batch = office.plan(holder.csv, data_types=["messages"])
    office.erase(batch)
    probe.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'restored')", holder.id)
    was = probe.contents()
    office.settle()
    assert changed(was, probe.contents()) == {"table messages": (1, 0)}
    assert office.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert set(map(tuple, limits_of(office, batch).values())) == {("messages",)}


@pytest.mark.parametrize(
    ("held", "number", "state", "left"),
    [
        ("account", 0, BatchState.ERASED, set(INFORMATION)),
        ("exports", 1, BatchState.ON_HOLD, {"messages"}),
        (None, 1, BatchState.ON_HOLD, set()),
    ],
)
def test_a_hold_matters_where_it_meets_the_request(  # noqa: PLR0917 - the case and the places
    office: Office, probe: Probe, held: str | None, number: int, state: BatchState, left: set[str]
) -> None:
    holder = make_holder(probe)
    place(office, [key("user_id", holder.id)], data_type=held)
    batch = office.plan(holder.csv, data_types=INFORMATION)
    assert batch.plan["onHold"] == number
    assert office.erase(batch).state is state, office.failures(batch)
    assert {name.partition(".")[2] for name in gone(holder, probe)} == left


# The map's own scopes ------------------------------------------------------------------------------------------------


def test_the_example_s_scopes_are_closed(office: Office) -> None:
    assert data_type_closure.findings(office.workspace.data_map, office.workspace.stores) == []


def test_check_names_a_scope_that_is_not_closed(office: Office) -> None:
    data_map = office.workspace.data_map
    served = data_map.self_service
    assert served is not None
    scope = served.scopes["account"].model_copy(update={"data_types": ("account", "account_anchor")})
    served = served.model_copy(update={"scopes": {"account": scope}})
    found = data_type_closure.findings(data_map.model_copy(update={"self_service": served}), office.workspace.stores)
    assert {(one.code, one.store, one.collection, one.severity.value) for one in found} == {
        ("scope-not-closed", "self_service", "account", "warning")
    }
    assert "main.users leads to main.messages, main.invoices" in " ".join(one.message for one in found)


# The commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(office: Office, forker: subprocess.Popen[str]) -> Desk:
    office.home.parent.mkdir(exist_ok=True)
    return Desk(office.home.parent, office.town.environment(office.home), forker)


def told(answer: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(answer)
    return found


def test_the_command_takes_data_types_and_says_them(desk: Desk, office: Office, probe: Probe) -> None:
    holder = make_holder(probe)
    csv = holder.csv.encode()
    refused = desk.run("plan", "-", "-c", "calltrack", "--data-type", "account_anchor", stdin=csv)
    assert (refused.code, "main.users leads to" in refused.told) == (2, True), refused
    plan = ("plan", "-", "-c", "calltrack", "-t", "messages", "--data-type", "exports")
    shown = desk.run(*plan, stdin=csv)
    assert "only exports, messages" in shown.told, shown
    planned = told(desk.run(*plan, "--json", stdin=csv).out)
    assert planned["dataTypes"] == ["exports", "messages"]
    erased = desk.run("erase", planned["batch"], "--confirm", planned["digest"])
    assert (erased.code, "only exports, messages: erased" in erased.told) == (0, True), erased
    assert gone(holder, probe) == {"main.messages", "recordings.exports"}
    assert told(desk.run("status", planned["batch"], "--json").out)["dataTypes"] == ["exports", "messages"]
    series = told(desk.run("receipts", "list", "--batch", planned["batch"], "--json").out)["receipts"][0]["series"]
    exported = desk.run("receipts", "export", series, "-o", "receipt.json", "--page", "receipt.html")
    assert exported.code == 0, exported
    trust = str(office.settings.keys / "trust.json")
    verified = desk.run("receipts", "verify", "receipt.json", "--trust", trust)
    assert "limited to data of these types: exports, messages" in verified.told, verified
    page = (desk.directory / "receipt.html").read_text()
    assert "Only these data types: exports, messages" in page
    assert "Erased from the declared stores (of the data types asked for only)" in page
