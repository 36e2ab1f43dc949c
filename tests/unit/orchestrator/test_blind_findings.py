"""What a blind search found of one person: told apart from others', kept, and stated."""

from __future__ import annotations

from tests.support.postgres.company import actions, checked
from tests.support.postgres.small_schemas import ACME, small_document

from expunge_config.datamap import Action
from expunge_connectors.blind_search.report import Findings, Hit, Kind, Place, Standing
from expunge_orchestrator.rules import blind_findings
from expunge_orchestrator.rules.blind_findings import BlindFinding, LeftPlace, Searched
from expunge_reports import canonical

COMMON = BlindFinding(Searched.SEARCHED, "2026-11-27T10:00:00+00:00", f"sha256:{'ab' * 32}", 3, 214, 1)


def test_of_one_person_only_their_own_records_count() -> None:
    found = Findings()
    places = {one: Place("main", f"t.{one.value}", one) for one in Standing}
    for standing, people in (
        (Standing.LOG, (1, 2)),
        (Standing.LOG, (2,)),
        (Standing.RETAINED, (1,)),
        (Standing.MAPPED, (2,)),
        (Standing.UNMAPPED, (1,)),
        (Standing.NOBODYS, (1, 2)),
    ):
        found.add(places[standing], [Hit(number, Kind.EMAIL, "plain") for number in people])
    found.add(places[Standing.NOBODYS], [Hit(1, Kind.EMAIL, "plain")], member="42")
    found.add(places[Standing.UNMAPPED], [Hit(1, Kind.PHONE, "plain"), Hit(2, Kind.PHONE, "plain")], again=True)
    first, second, third = (blind_findings.of_person(number, found.all(), COMMON) for number in (1, 2, 3))
    assert (first.logs, first.retained, first.mapped) == (1, 1, 1)  # what is another member's is not asked for
    own = blind_findings.of_person(1, found.all(), COMMON, "42")
    assert (own.mapped, own.left[0]) == (0, LeftPlace("main", "t.names nobody", 2))
    assert first.left == (LeftPlace("main", "t.names nobody", 1), LeftPlace("main", "t.unmapped", 1))
    assert (second.logs, second.retained, second.mapped) == (2, 0, 1)
    assert second.left == first.left
    assert third == COMMON
    assert first.said == "blind search: left in main: t.names nobody (1), main: t.unmapped (1)"


def test_a_place_that_came_into_the_map_since_the_plan_is_left() -> None:
    """Nothing of it was approved, so no verification of this person looks there: they are planned again."""
    found = Findings()
    for name, standing in (("audit", Standing.MAPPED), ("bills", Standing.RETAINED), ("users", Standing.MAPPED)):
        found.add(Place("main", f"public.{name}.mail", standing, name), [Hit(1, Kind.EMAIL, "plain")])
    added = {("main", "audit"), ("main", "bills"), ("crm", "users")}
    one = blind_findings.of_person(1, found.all(), COMMON, added=added)
    assert (one.left, one.mapped, one.retained) == ((LeftPlace("main", "public.audit.mail", 1),), 1, 1)


def test_with_a_collection_that_was_added_go_those_of_its_table() -> None:
    """A row that named nobody may name somebody by the new one, and be told by the one that was planned."""
    users = "{table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}"
    linked = (
        "{table: public.%s, created: created_at, data_type: anchor, tombstone: {%s: 'NULL'},"
        " found_by: [{column: %s, identity: email}]}"
    )
    names = {"clicks": ("events", "mail"), "notes": ("events", "note"), "news": ("news", "mail")}
    collections = "".join(f"{name}: {linked % (table, column, column)}\n" for name, (table, column) in names.items())
    data_map = checked(small_document(f"users: {users}\n{collections}"))
    planned = {"main": dict.fromkeys(("users", "clicks", "news"), Action.DELETE)}
    assert blind_findings.added_since(ACME, data_map, planned) == {("main", "notes"), ("main", "clicks")}
    assert blind_findings.added_since(ACME, data_map, {"main": actions(data_map, "acme")}) == frozenset()


def test_it_is_read_back_as_it_was_kept_and_stated_in_canonical_form() -> None:
    left = tuple(LeftPlace("main", f"t.c{number}", number) for number in range(1, 8))
    one = BlindFinding(**{**COMMON.packed(), "searched": Searched.SEARCHED, "left": left})
    assert BlindFinding.unpacked(one.packed()) == one
    assert one.said.endswith("main: t.c5 (5) and 2 more places")
    assert canonical.encode(one.stated())
    assert one.stated()["places"] == 214
    assert "document" not in one.stated()  # it is cited
    assert BlindFinding(Searched.ENDED).stated() == {"searched": "ended"}


def test_a_sample_can_be_drawn_again_by_its_seed() -> None:
    series = [f"er_{number:032x}" for number in range(100)]
    drawn = blind_findings.sample(series, 10, "seed")
    assert len(drawn) == 10
    assert set(drawn) <= set(series)
    assert blind_findings.sample(series[::-1], 10, "seed") == drawn
    assert blind_findings.sample(series, 10, "other") != drawn
    assert blind_findings.sample(series, None, "seed") == blind_findings.sample(series, 100, "seed") == series
