"""A request for some data types only: nothing else changes, nothing else is claimed, and the rest is still found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.cancellation import cancel, end, refused, residual
from tests.support.cli import CliRunner
from tests.support.faulty_connector import FaultyConnector, before_call
from tests.support.fork_server import ForkServer
from tests.support.holds import key, place
from tests.support.installation import Installation
from tests.support.people import SeededPerson, make_caller, make_holder
from tests.support.statements import limits_of, lines_of, statements_of
from tests.support.store_inspector import Contents, StoreInspector, changed

from expunge_config.errors import UsageError
from expunge_orchestrator import data_type_closure
from expunge_orchestrator.errors import IncompleteSelectionError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.receipts.standard_sentences import CLAIMS, Went

INFORMATION = ("messages", "exports")
EVERYTHING = ("account", "account_anchor", "messages", "exports", "invoices", "optouts")


def gone(holder: SeededPerson, inspector: StoreInspector) -> set[str]:
    """The collections in which nothing of the person is left that should be gone one day."""
    return {name for name, number in holder.left(inspector).items() if number == 0}


@pytest.mark.parametrize("by", ["user_id", "email"])
def test_nothing_else_changes_and_the_whole_is_still_found_later(
    installation: Installation, inspector: StoreInspector, by: str
) -> None:
    holder = make_holder(inspector)
    csv = holder.csv if by == "user_id" else f"email\n{holder.email}\n"
    was = inspector.contents()
    first = installation.plan(csv, data_types=INFORMATION)
    planned = {name: one for store in first.plan["stores"].values() for name, one in store["collections"].items()}
    assert {name: one["due"] for name, one in planned.items()} == {"messages": 1, "exports": 1}
    assert first.plan["data_types"] == sorted(INFORMATION)
    assert set(first.plan["consulted"]) == {"cache"}
    assert installation.erase(first).state is BatchState.ERASED, installation.failures(first)
    assert changed(was, inspector.contents()) == {"table messages": (1, 0), "bucket calltrack-exports": (1, 0)}
    installation.settle()
    assert installation.events(first) == [["accepted", "erased", "settled"]]
    assert limits_of(installation, first) == dict.fromkeys(("accepted", "erased", "settled"), sorted(INFORMATION))
    (said,) = statements_of(installation, first, "erased")
    assert lines_of(said.body) == {"main.messages": ("erased", 1, 0), "recordings.exports": ("erased", 1, 0)}
    assert said.body["claim"] == CLAIMS[True][Went.SOME]

    whole = installation.plan(csv)
    assert "data_types" not in whole.plan
    assert installation.erase(whole).state is BatchState.ERASED, installation.failures(whole)
    assert not any(holder.left(inspector).values())
    assert installation.events(whole) == [["accepted", "erased"]]
    assert limits_of(installation, whole) == {"accepted": None, "erased": None}
    (said,) = statements_of(installation, whole, "erased")
    assert lines_of(said.body)["main.messages"] == ("not-found", 0, 0)
    assert lines_of(said.body)["main.users"] == ("tombstoned", 1, 0)
    assert said.body["claim"] == CLAIMS[False][Went.SOME]


def test_one_type_after_the_other(installation: Installation, inspector: StoreInspector) -> None:
    """Where a store holds nothing of the type, it is not touched; where nothing of the type is found, that is said."""
    holder = make_holder(inspector)
    for data_type, collection in (("exports", "recordings.exports"), ("messages", "main.messages")):
        batch = installation.plan(f"email\n{holder.email}\n", data_types=[data_type])
        assert [one for one in batch.pipeline if one.startswith("erase:")] == [f"erase:{collection.split('.')[0]}"]
        assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
        assert collection in gone(holder, inspector)
        assert installation.events(batch) == [["accepted", "erased"]]
    assert gone(holder, inspector) == {"recordings.exports", "main.messages"}
    again = installation.plan(holder.csv, data_types=["messages"])
    assert (again.plan["not_found"], again.plan["max_records_per_person"]) == (1, 0)
    installation.erase(again)
    assert installation.events(again) == [["accepted", "not-found"]]
    assert limits_of(installation, again)["not-found"] == ["messages"]
    assert installation.erase(installation.plan(holder.csv)).state is BatchState.ERASED
    assert not any(holder.left(inspector).values())


def test_a_type_with_shared_rows_and_indexes_goes_whole(installation: Installation, inspector: StoreInspector) -> None:
    """Shared addresses with those that point to them; sessions with the index that names them."""
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv, data_types=["account"])
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    kept = {"main.users", "main.messages", "main.invoices", "main.invoice_lines", "main.marketing_optouts"}
    assert set(holder.left(inspector)) - gone(holder, inspector) == kept | {"recordings.exports"}
    assert installation.erase(installation.plan(f"email\n{holder.email}\n")).state is BatchState.ERASED
    assert not any(holder.left(inspector).values())


def test_everything_is_no_limit(installation: Installation, inspector: StoreInspector) -> None:
    batch = installation.plan(make_holder(inspector).csv, data_types=EVERYTHING)
    assert batch.data_types is None
    assert batch.actions == installation.plan(make_holder(inspector).csv).actions


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
    installation: Installation, inspector: StoreInspector, controller: str, types: list[str], why: str
) -> None:
    person = make_holder(inspector) if controller == "calltrack" else make_caller(inspector)
    was = inspector.contents()
    with pytest.raises(IncompleteSelectionError) as refused:
        installation.plan(person.csv, controller, data_types=types)
    assert why in str(refused.value)
    assert refused.value.remedy
    assert changed(was, inspector.contents()) == {}
    with reading(installation.workspace.ledger) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(tables.batch)) == 0


def test_the_remedy_is_a_choice_that_is_closed(installation: Installation) -> None:
    with pytest.raises(IncompleteSelectionError) as refused:
        installation.plan("caller_id\n1\n", "client:42", data_types=["leads"])
    assert refused.value.remedy == "Ask for everything, or for data types on which nothing else depends."


@pytest.mark.parametrize("types", [[], ["nonsense"], ["calls"], ["messages", "leads"]])
def test_a_type_that_the_controller_has_not_is_refused(installation: Installation, types: list[str]) -> None:
    with pytest.raises(UsageError, match="type") as refused:
        installation.plan("user_id\n1\n", data_types=types)
    assert "account_anchor" in str(refused.value.remedy)


@contextmanager
def referring(inspector: StoreInspector, effect: str) -> Iterator[None]:
    """A foreign key that a migration made since: what stays now points to what would go."""
    inspector.sql("GRANT UPDATE (id) ON messages TO expunge_app")  # cascading deletions lock the rows first
    inspector.sql(f"ALTER TABLE api_tokens ADD COLUMN read_up_to bigint REFERENCES messages (id) ON DELETE {effect}")
    try:
        yield
    finally:
        inspector.sql("ALTER TABLE api_tokens DROP COLUMN read_up_to")
        inspector.sql("REVOKE UPDATE (id) ON messages FROM expunge_app")


@pytest.mark.parametrize("effect", ["NO ACTION", "CASCADE", "SET NULL"])
def test_a_foreign_key_from_what_stays_is_met_when_planning_and_before_erasing(
    installation: Installation, inspector: StoreInspector, effect: str
) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv, data_types=["messages"])
    with referring(inspector, effect):
        inspector.sql(
            "UPDATE api_tokens SET read_up_to = (SELECT min(id) FROM messages WHERE user_id = %s) WHERE user_id = %s",
            holder.id,
            holder.id,
        )
        was = inspector.contents()
        for refused in (
            lambda: installation.erase(batch),
            lambda: installation.plan(holder.csv, data_types=["messages"]),
        ):
            with pytest.raises(
                IncompleteSelectionError, match=r"records of main\.api_tokens stay and need those of main\.messages"
            ):
                refused()
        assert changed(was, inspector.contents()) == {}
    assert installation.erase(batch).state is BatchState.ERASED, installation.failures(batch)
    assert gone(holder, inspector) == {"main.messages"}


def ended_half_way(installation: Installation, holder: SeededPerson) -> Batch:
    """A limited request that is ended when its rows are gone and its objects are not."""
    batch = installation.plan(holder.csv, data_types=INFORMATION)
    stuck = FaultyConnector(installation.workspace.stores["recordings"], erase=refused)
    assert installation.erase(batch, installation.with_stores({"recordings": stuck})).state is BatchState.FAILED  # type: ignore[dict-item]
    assert end(installation, batch).state is BatchState.SETTLED, installation.failures(batch)
    return batch


def test_what_an_ended_one_leaves_is_of_its_own_types_and_ends_with_these(
    installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    first = ended_half_way(installation, holder)
    (said,) = statements_of(installation, first, "partially-erased")
    assert lines_of(said.body) == {"main.messages": ("erased", 1, 0), "recordings.exports": ("left", 1, 1)}
    assert limits_of(installation, first)["partially-erased"] == sorted(INFORMATION)
    assert residual(installation) == [[("recordings", "exports")]]
    other = installation.plan(holder.csv, data_types=["messages"])
    installation.erase(other)
    assert installation.events(other) == [["accepted", "not-found"]]
    assert len(residual(installation)) == 1, "a request that did not look there ended what leads there"
    second = installation.plan(holder.csv, data_types=["exports"])
    assert installation.erase(second).state is BatchState.ERASED, installation.failures(second)
    assert residual(installation) == []
    assert gone(holder, inspector) == {"main.messages", "recordings.exports"}


def test_cancelled_before_anything_says_the_limit_too(installation: Installation, inspector: StoreInspector) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv, data_types=["messages"])
    was = inspector.contents()
    cancel(installation, batch)
    assert changed(was, inspector.contents()) == {}
    assert limits_of(installation, batch) == {"accepted": ["messages"], "cancelled": ["messages"]}


def test_what_appears_elsewhere_meanwhile_is_nobodys_business(
    installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv, data_types=["messages"])
    late: list[Contents] = []

    def appear() -> None:
        inspector.sql("INSERT INTO api_tokens VALUES (gen_random_uuid(), %s, 'phone', '\\x00')", holder.id)
        late.append(inspector.contents())

    main = before_call(installation.workspace.stores["main"], "verify", appear)
    assert installation.erase(batch, installation.with_stores({"main": main})).state is BatchState.ERASED  # type: ignore[dict-item]
    assert changed(late[0], inspector.contents()) == {}
    assert installation.events(batch) == [["accepted", "erased"]]


def test_what_comes_back_at_the_settling_check_is_erased_within_the_limit(
    installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    batch = installation.plan(holder.csv, data_types=["messages"])
    installation.erase(batch)
    inspector.sql("INSERT INTO messages (user_id, body) VALUES (%s, 'restored')", holder.id)
    was = inspector.contents()
    installation.settle()
    assert changed(was, inspector.contents()) == {"table messages": (1, 0)}
    assert installation.events(batch) == [["accepted", "erased", "re-erased", "settled"]]
    assert set(map(tuple, limits_of(installation, batch).values())) == {("messages",)}


@pytest.mark.parametrize(
    ("held", "number", "state", "left"),
    [
        ("account", 0, BatchState.ERASED, set(INFORMATION)),
        ("exports", 1, BatchState.ON_HOLD, {"messages"}),
        (None, 1, BatchState.ON_HOLD, set()),
    ],
)
def test_a_hold_matters_where_it_meets_the_request(  # noqa: PLR0917 - the case and the places
    installation: Installation,
    inspector: StoreInspector,
    held: str | None,
    number: int,
    state: BatchState,
    left: set[str],
) -> None:
    holder = make_holder(inspector)
    place(installation, [key("user_id", holder.id)], data_type=held)
    batch = installation.plan(holder.csv, data_types=INFORMATION)
    assert batch.plan["on_hold"] == number
    assert installation.erase(batch).state is state, installation.failures(batch)
    assert {name.partition(".")[2] for name in gone(holder, inspector)} == left


# The map's own scopes ------------------------------------------------------------------------------------------------


def test_the_example_s_scopes_are_closed(installation: Installation) -> None:
    assert data_type_closure.findings(installation.workspace.data_map, installation.workspace.stores) == []


def test_check_names_a_scope_that_is_not_closed(installation: Installation) -> None:
    data_map = installation.workspace.data_map
    served = data_map.self_service
    assert served is not None
    scope = served.scopes["account"].model_copy(update={"data_types": ("account", "account_anchor")})
    served = served.model_copy(update={"scopes": {"account": scope}})
    found = data_type_closure.findings(
        data_map.model_copy(update={"self_service": served}), installation.workspace.stores
    )
    assert {(one.code, one.store, one.collection, one.severity.value) for one in found} == {
        ("scope-not-closed", "self_service", "account", "warning")
    }
    assert "main.users leads to main.messages, main.invoices" in " ".join(one.message for one in found)


# The commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(installation: Installation, fork_server: ForkServer) -> CliRunner:
    installation.home.parent.mkdir(exist_ok=True)
    return CliRunner(installation.home.parent, installation.calltrack.environment(installation.home), fork_server)


def told(answer: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(answer)
    return found


def test_the_command_takes_data_types_and_says_them(
    cli: CliRunner, installation: Installation, inspector: StoreInspector
) -> None:
    holder = make_holder(inspector)
    csv = holder.csv.encode()
    refused = cli.run("plan", "-", "-c", "calltrack", "--data-type", "account_anchor", stdin=csv)
    assert (refused.code, "main.users leads to" in refused.output) == (2, True), refused
    plan = ("plan", "-", "-c", "calltrack", "-t", "messages", "--data-type", "exports")
    shown = cli.run(*plan, stdin=csv)
    assert "only exports, messages" in shown.output, shown
    planned = told(cli.run(*plan, "--json", stdin=csv).out)
    assert planned["data_types"] == ["exports", "messages"]
    erased = cli.run("erase", planned["id"], "--confirm", planned["digest"])
    assert (erased.code, "only exports, messages: erased" in erased.output) == (0, True), erased
    assert gone(holder, inspector) == {"main.messages", "recordings.exports"}
    assert told(cli.run("status", planned["id"], "--json").out)["data_types"] == ["exports", "messages"]
    series = told(cli.run("receipts", "list", "--batch", planned["id"], "--json").out)["receipts"][0]["id"]
    exported = cli.run("receipts", "export", series, "-o", "receipt.json", "--page", "receipt.html")
    assert exported.code == 0, exported
    trust = str(installation.settings.keys / "trust.json")
    verified = cli.run("receipts", "verify", "receipt.json", "--trust", trust)
    assert "limited to data of these types: exports, messages" in verified.output, verified
    page = (cli.directory / "receipt.html").read_text()
    assert "Only these data types: exports, messages" in page
    assert "Erased from the declared stores (of the data types asked for only)" in page
