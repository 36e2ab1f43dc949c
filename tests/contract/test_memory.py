"""The store in memory takes the whole suite, and so shows that the suite can be passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.contract_maps import COMPANY, LOG, data_map

from expunge_config.datamap import Action
from expunge_connectors.contract import Scope, Subject, SubjectKey, no_beat
from expunge_connectors.memory import MemoryConnection, MemoryDatabase, MemoryRecord, MemorySpec, MemoryStore
from expunge_connectors.testing import (
    CutoffContract,
    LogContract,
    MemberContract,
    Person,
    RawRecords,
    ResolutionContract,
    StoreContract,
)

SPEC = {
    "connector": "memory",
    "collections": {
        "users": {
            "data_type": "anchor",
            "owner": COMPANY,
            "found_by": {"user_id": "id", "email": "email"},
            "yields": {"user_id": "id", "email": "email"},
            "tombstone": ["email", "name"],
        },
        "sessions": {"data_type": "account", "owner": COMPANY, "found_by": {"token": "token"}},
        "session_index": {
            "data_type": "account",
            "owner": COMPANY,
            "found_by": {"user_id": "user"},
            "yields": {"token": "token"},
        },
        "leads": {"data_type": "account", "owner": COMPANY, "found_by": {"email": "email"}},
        "orders": {
            "data_type": "account",
            "owner": {"controller": "client", "column": "client"},
            "found_by": {"user_id": "user"},
        },
        "audit": {"log": LOG},
    },
}
BIRTH = datetime(2026, 1, 1, tzinfo=UTC)


def email(number: int) -> str:
    return f"person{number}@mail.example"


class MemoryHarness:
    store = "main"
    log = "audit"
    scope = Scope("company")
    actions: Mapping[str, Action] = {
        "users": Action.TOMBSTONE,
        "sessions": Action.DELETE,
        "session_index": Action.DELETE,
        "leads": Action.DELETE,
    }
    member, other_member = Scope("client", "7"), Scope("client", "8")
    member_actions: Mapping[str, Action] = {"orders": Action.DELETE}
    member_owns, other_owns = frozenset({("orders", "order7")}), frozenset({("orders", "order8")})
    part: Mapping[str, Action] = {"session_index": Action.DELETE, "leads": Action.DELETE}

    def __init__(self) -> None:
        self.data_map = data_map({"main": MemorySpec.model_validate(SPEC)})
        self.database = MemoryDatabase()
        self.first, self.second, self.bystander = (self._person(number) for number in (1, 2, 3))
        for client in ("7", "8"):
            self.database.put("orders", MemoryRecord(f"order{client}", {"user": "4004", "client": client}, BIRTH))
        self.caller = Subject(4, frozenset({SubjectKey("user_id", "4004")}))
        self.outsider = Person(
            Subject(4, frozenset({SubjectKey("user_id", "4004")})),
            frozenset({SubjectKey("user_id", "4004")}),
            {},
            frozenset(),
            frozenset(),
        )

    def _person(self, number: int) -> Person:
        user, token = f"{number:04}"[::-1], f"token-{number}"
        owns = {
            "users": {"id": user, "email": email(number), "name": f"Name{number}"},
            "sessions": {"token": token},
            "session_index": {"user": user, "token": token},
            "leads": {"email": email(number)},
        }
        for collection, fields in owns.items():
            self.database.put(collection, MemoryRecord(f"r{number}", fields, BIRTH))
        self.database.put("audit", MemoryRecord(f"r{number}", {"user": user}, BIRTH))
        given = frozenset({SubjectKey("user_id", user)})
        return Person(
            Subject(number, given),
            given | {SubjectKey("email", email(number)), SubjectKey("token", token)},
            dict.fromkeys(owns, 1),
            frozenset((collection, f"r{number}") for collection in owns),
            frozenset({user, email(number), token, f"Name{number}"}),
        )

    def build(self) -> MemoryStore:
        return MemoryStore("main", self.data_map, MemoryConnection(database=self.database))

    def build_elsewhere(self) -> MemoryStore:
        return MemoryStore("main", self.data_map, MemoryConnection())

    def build_unreachable(self) -> MemoryStore:
        nowhere = MemoryDatabase()
        nowhere.reachable = False
        return MemoryStore("main", self.data_map, MemoryConnection(database=nowhere))

    def build_broken(self) -> MemoryStore:
        self.database.broken.add("leads")
        return self.build()

    def raw(self) -> RawRecords:
        return {
            (collection, record.id): repr(sorted(record.fields.items())).encode()
            for collection in SPEC["collections"]
            for record in self.database.records(collection)
        }

    def add(self, person: Person) -> str:
        self.database.put("sessions", MemoryRecord("late", {"token": f"token-{person.given.number}"}, BIRTH))
        return "sessions"

    def stranger(self, number: int) -> Subject:
        return Subject(number, frozenset({SubjectKey("user_id", "999"), SubjectKey("email", "nobody@mail.example")}))

    def add_nominated(self, number: int) -> Subject:
        created = self.database.clock()
        name = f"n{number}-{created.isoformat()}"
        self.database.put("leads", MemoryRecord(name, {"email": f"shared{number}@mail.example"}, created))
        return Subject(number, frozenset({SubjectKey("email", f"shared{number}@mail.example")}))


class TestMemory(StoreContract, ResolutionContract, CutoffContract, MemberContract, LogContract):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness()


def test_retained_records_stay_until_their_period_ends_and_go_then() -> None:
    collections = {
        "invoices": {"data_type": "invoices", "owner": COMPANY, "found_by": {"user_id": "user"}},
    }
    the_map = data_map({"main": MemorySpec.model_validate({"connector": "memory", "collections": collections})})
    database = MemoryDatabase()
    today = datetime.now(UTC).date()
    database.put("invoices", MemoryRecord("old", {"user": "1"}, BIRTH, today - timedelta(days=11 * 366)))
    database.put("invoices", MemoryRecord("young", {"user": "1"}, BIRTH, today))
    connector = MemoryStore("main", the_map, MemoryConnection(database=database))
    subject = Subject(1, frozenset({SubjectKey("user_id", "1")}))
    cutoff = connector.now()

    tally = connector.count([subject], Scope("company"), cutoff)[1]["invoices"]
    assert (tally.due, tally.retained) == (1, 1)
    assert tally.until == today.replace(year=today.year + 10)
    connector.erase([subject], {"invoices": Action.RETAIN}, Scope("company"), cutoff, no_beat)
    assert [record.id for record in database.records("invoices")] == ["young"]
    assert connector.verify([subject], Scope("company"), cutoff)[1]["invoices"].retained == 1
