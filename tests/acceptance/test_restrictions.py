"""Restrictions (GDPR Art. 18): requests and sweeps leave people alone until they are informed of the end (ADR 32)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.test_retention_plan import old_caller
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.holds import due, key, lift, place
from tests.support.installation import Installation
from tests.support.people import make_holder
from tests.support.statements import assert_chain_intact, statements_of
from tests.support.store_inspector import StoreInspector, changed

from expunge_orchestrator.clock import now
from expunge_orchestrator.installation_setup import TRUST_FILE
from expunge_orchestrator.ledger.states import BatchState
from expunge_orchestrator.rules.restrictions import RestrictedFor, ground_in_words

REFUSED = 2


@pytest.fixture
def cli(installation: Installation, tmp_path: Path, fork_server: ForkServer) -> CliRunner:
    return CliRunner(tmp_path, installation.calltrack.environment(installation.home), fork_server)


def told(cli: CliRunner, *words: str, stdin: bytes = b"") -> Any:
    done = cli.run(*words, "--json", stdin=stdin)
    assert done.code == 0, done.output
    return json.loads(done.out)


def restrict(cli: CliRunner, people: str) -> Any:
    wish = ("--restriction", "accuracy", "--ground", "ticket 4711")
    return told(cli, "holds", "place", "-", *wish, stdin=people.encode())


def swept(cli: CliRunner, code: str = "") -> dict[str, Any]:
    plan = told(cli, "retention", "plan")
    told(cli, "retention", "arm", plan["id"], "--confirm", plan["digest"])
    done = cli.run("retention", "run", "--busy", "1", "--json", code=code)
    assert done.code == 0, done.output
    return {one["collection"]: one for one in json.loads(done.out)["places"]}


def test_a_request_waits_and_the_person_is_told_why(
    cli: CliRunner, installation: Installation, inspector: StoreInspector, tmp_path: Path
) -> None:
    ann, bob = make_holder(inspector), make_holder(inspector)
    had = due(ann, inspector)
    placed = restrict(cli, f"user_id\n{ann.id}\n")
    assert (placed["kind"], placed["until"], placed["undisclosed"]) == ("restriction", None, False)
    batch = installation.plan(f"user_id\n{ann.id}\n{bob.id}\n")
    assert installation.erase(batch).state is BatchState.ON_HOLD
    assert due(ann, inspector) == had
    assert due(bob, inspector) == {}
    (said,) = statements_of(installation, batch, "on-hold")
    assert said.body["reason"] == placed["ground"] == ground_in_words(RestrictedFor.ACCURACY, "ticket 4711")
    assert said.body["until"] is None
    path, page, trust = tmp_path / "receipt.json", tmp_path / "receipt.html", installation.settings.keys / TRUST_FILE
    assert cli.run("receipts", "export", said.series, "--output", str(path), "--page", str(page)).code == 0
    shown = cli.run("receipts", "verify", str(path), "--trust", str(trust), "--allow-unanchored")
    assert shown.code == 0, shown.output
    assert "GDPR Art. 18(1)(a)" in page.read_text()
    before = inspector.contents()
    refused = cli.run("holds", "lift", placed["id"])
    assert refused.code == REFUSED
    assert "informed before" in refused.output
    assert cli.run("run-due").code == 0
    assert changed(before, inspector.contents()) == {}
    lifted = told(cli, "holds", "lift", placed["id"], "--informed", now().date().isoformat())
    assert (lifted["released"], lifted["informed_on"]) == (1, now().date().isoformat())
    assert installation.erase(batch).state is BatchState.ERASED
    assert due(ann, inspector) == {}
    assert_chain_intact(installation, batch)


def test_a_sweep_leaves_what_is_due_until_it_is_lifted_and_no_longer(
    cli: CliRunner, installation: Installation, inspector: StoreInspector
) -> None:
    """The period runs on: what became due meanwhile goes with the next sweep, and nothing that is not due."""
    old_caller(inspector)
    ann, phone = inspector.sql("SELECT id, phone FROM callers ORDER BY id DESC LIMIT 1")[0]
    calls = "SELECT count(*) FROM calls WHERE caller_id = %s"
    old = f"{calls} AND started_at < now() - interval '2 years'"
    had, were_due = inspector.one(calls, ann), inspector.one(old, ann)
    assert 0 < were_due < had
    placed = place(installation, [key("phone", phone)], of="restriction")
    assert swept(cli)["calls"]["held"] == were_due
    assert inspector.one(calls, ann) == had
    lift(installation, placed, informed_on=now().date())
    assert swept(cli)["calls"]["gone"]["calls"] == were_due
    assert inspector.one(calls, ann) == had - were_due


def test_it_comes_while_a_sweep_is_at_work(cli: CliRunner, inspector: StoreInspector) -> None:
    """From the next piece on: what comes after stays, and is told as held."""
    old_caller(inspector)
    ann = inspector.one("SELECT id FROM callers ORDER BY id DESC LIMIT 1")
    inspector.sql(
        "INSERT INTO messages (user_id, body, created_at)"
        " SELECT id, 'of long ago', now() - interval '3 years' FROM users ORDER BY id LIMIT 1"
    )
    user = inspector.one("SELECT id FROM users ORDER BY id LIMIT 1")
    first = {one["collection"] for one in told(cli, "retention", "plan")["places"] if one.get("due")}
    assert {"calls", "messages"} <= first
    comes = f"""
from expunge_connectors.postgres.ages import age_sweep
age_sweep.AgeSweep.taken = age_sweep.AgeSweep._piece
age_sweep.AgeSweep.came = False
def piece(self, *words):
    import sys
    from pathlib import Path
    from subprocess import DEVNULL, run
    went = self.taken(*words)
    if went and not type(self).came:
        type(self).came = True
        wish = "holds place - --restriction claims --ground 4711".split()
        for people in (b"caller_id\\n{ann}\\n", b"user_id\\n{user}\\n"):
            run([Path(sys.executable).with_name("expunge"), *wish], input=people, check=True, stdout=DEVNULL)
    return went
age_sweep.AgeSweep._piece = piece
"""
    theirs = {
        "calls": ("SELECT count(*) FROM calls WHERE caller_id = %s", ann),
        "messages": ("SELECT count(*) FROM messages WHERE user_id = %s", user),
    }
    had = {name: inspector.one(*query) for name, query in theirs.items()}
    places = swept(cli, comes)
    left = {name: inspector.one(*query) for name, query in theirs.items()}
    swept_first = next(iter(places))
    later = [name for name in theirs if name != swept_first]
    assert later
    assert {name: left[name] for name in later} == {name: had[name] for name in later}
    assert all(places[name]["held"] for name in later)


@pytest.mark.parametrize(
    ("more", "people"),
    [
        (["--restriction", "accuracy", "--data-type", "calls"], None),
        (["--restriction", "accuracy", "--until", "2999-01-01"], b"user_id\n1\n"),
        (["--restriction", "accuracy", "--undisclosed"], b"user_id\n1\n"),
        (["--restriction", "accuracy", "--exemption"], b"user_id\n1\n"),
        (["--restriction", "zyqv"], b"user_id\n1\n"),
    ],
)
def test_what_is_no_restriction_is_refused(cli: CliRunner, more: list[str], people: bytes | None) -> None:
    given = ["-"] if people else []
    refused = cli.run("holds", "place", *given, "--ground", "x", *more, stdin=people or b"")
    assert refused.code == REFUSED, refused
    assert told(cli, "holds", "list")["legal_holds"] == []


def test_a_day_that_cannot_be_is_refused(cli: CliRunner, installation: Installation) -> None:
    placed, hold = place(installation, [key("user_id", 1)], of="restriction"), place(installation, [key("user_id", 2)])
    today = now().date()
    for day in (today + timedelta(days=1), today - timedelta(days=1), "zyqv"):
        assert cli.run("holds", "lift", placed.hold.uid, "--informed", str(day)).code == REFUSED
    assert cli.run("holds", "lift", hold.hold.uid, "--informed", str(today)).code == REFUSED
    assert len(told(cli, "holds", "list")["legal_holds"]) == 2
