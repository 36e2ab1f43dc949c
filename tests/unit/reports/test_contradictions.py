"""The contradiction corpus: receipts that are well signed, logged and whole, and cannot be true.

Each case changes one thing in a receipt that is true, signs and logs it as an operator would, and names the rule that
notices. That the same receipt without the change is authentic is asserted first.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.receipt_schemas import assert_has_published_form

from expunge_reports import consistency, export, statement, trust
from expunge_reports.page.render import receipt_page
from expunge_reports.statement import Open, OpenCopies
from expunge_reports.verify import contradictions, series_reader, verdict_text
from expunge_reports.verify.cli import main

T0 = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ANSWER_BY = datetime(2026, 12, 24, 23, tzinfo=UTC)
SOON, LAST = datetime(2026, 12, 7, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC)
COPIES = OpenCopies(3, 1, SOON, LAST)
CHECK = Open(1, T0 + timedelta(days=2), COPIES)
Receipt = dict[str, Any]
DESTROYED = {
    "destroyedInLedger": True,
    "openableFrom": "Copies of the ledger",
    "until": None,
    "means": "No day is known",
    "level": "deleted",
    "levelMeans": "No query of the ledger returns them",
}
KEPT = {
    **{name: one for name, one in DESTROYED.items() if name not in {"level", "levelMeans"}},
    "destroyedInLedger": False,
    "kept": "What leads to the rest",
}
CARRIED_OVER = {"carriedOver": "Sealed for the series in which the request goes on"}
SEALED = {name: one for name, one in KEPT.items() if name != "kept"} | CARRIED_OVER
OTHER = "er_" + "ab" * 16
ITSELF = "er_" + "0" * 32
"""The series of every receipt here."""

PLANNED = {"users": "tombstone", "posts": "delete", "invoices": "retain"}

SEARCH: Receipt = {
    "searched": "searched",
    "at": "2026-11-24T10:00:00Z",
    **dict.fromkeys(("places", "values"), 2),
    **dict.fromkeys(("gaps", "logs", "retained", "mapped"), 0),
    "left": [{"store": "main", "place": "a.b", "records": 1}],
}


FOUND: Receipt = SEARCH | {"left": []}
GAP: Receipt = {"place": "public.notes", "why": "not in time"}
SAMPLE: Receipt = {"people": 1, "of": 3, "seed": "x"}
LIMITED: Receipt = {"searched": "limited-request"}


def at(hours: float = 0) -> str:
    return (T0 + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def held(identifier: str, status: str, due: str | None, expected: str | None) -> Receipt:
    return {
        "place": "dumps",
        "store": "main",
        "kind": "pg_dump",
        "id": identifier,
        "takenBetween": [at(-20), at(-19)],
        "status": status,
        "due": due,
        "expectedBy": expected,
        "ground": "rule",
        "blocker": None,
    }


def line(collection: str, outcome: str, found: int, **more: object) -> Receipt:
    return {
        "collection": collection,
        "outcome": outcome,
        "found": found,
        "due": 0,
        "retained": 0,
        "newer": 0,
        **more,
    }


def good() -> Receipt:
    """Accepted, erased but for invoices that a law keeps, checked again after the settling time."""
    users, posts = line("users", "tombstoned", 3), line("posts", "erased", 5)
    invoices = line("invoices", "retained", 6, retained=4, gone=2, ground="Ten years", until="2035-07-10")
    return {
        "documents": {
            "plan": {
                "kind": "plan",
                "software": "expunge 1",
                "operator": "Example GmbH",
                "contact": "privacy@example.com",
                "dataMap": "sha256:" + "1" * 64,
                "planDigest": "sha256:" + "2" * 64,
                "limitedTo": ["account", "invoices"],
                "stores": [
                    {
                        "store": "main",
                        "kind": "postgres",
                        "identity": "sha256:" + "3" * 64,
                        "collections": dict(PLANNED),
                        "backupPlaces": ["dumps"],
                    },
                    {
                        "store": "cache",
                        "kind": "redis",
                        "identity": "sha256:" + "4" * 64,
                        "collections": {"sessions": "delete"},
                        "noBackups": {"reason": "It is rebuilt", "approvedBy": "The officer"},
                    },
                ],
                "logsLeftAlone": [],
                "dataTypes": {
                    "main.users": "account",
                    "main.posts": "account",
                    "main.invoices": "invoices",
                    "cache.sessions": "account",
                },
            },
            "deadlines": {
                "kind": "deadlines",
                "receivedAt": at(-1),
                "timeZone": "Europe/Berlin",
                "calendar": {"country": "DE", "source": "holidays 1"},
                "clocks": [
                    {
                        "clock": "statute",
                        "ground": "Art. 12(3)",
                        "receivedAt": at(-1),
                        "lastDay": "2026-12-24",
                        "dueAt": "2026-12-24T23:00:00Z",
                    }
                ],
                "first": "statute",
                "answerBy": "2026-12-24T23:00:00Z",
            },
            "copies": {
                "kind": "copies",
                "listings": [
                    {
                        "place": "dumps",
                        "of": "main",
                        "at": at(1),
                        "storageAt": at(1),
                        "copies": 3,
                        "control": "object README",
                    }
                ],
                "mayHoldTheRecords": [
                    held("a", "due", "2026-12-02T00:00:00Z", "2026-12-07T00:00:00Z"),
                    held("b", "due", "2027-01-06T00:00:00Z", "2027-01-11T00:00:00Z"),
                    held("c", "never", None, None),
                ],
            },
        },
        "series": [
            {
                "event": "accepted",
                "at": 0,
                "open": Open(1, ANSWER_BY),
                "cites": ["plan", "deadlines"],
                "body": {"controller": "client:42", "dataTypes": ["account", "invoices"], "receivedAt": at(-1)},
            },
            {
                "event": "partially-erased",
                "at": 1,
                "open": CHECK,
                "cites": ["copies"],
                "body": {
                    "controller": "client:42",
                    "dataTypes": ["account", "invoices"],
                    "outcome": "partially-erased",
                    "countedAt": at(0.5),
                    "verifiedAt": at(0.9),
                    "stores": [
                        {"store": "main", "level": "deleted", "cutoff": at(0), "collections": [users, posts, invoices]},
                        {
                            "store": "cache",
                            "cutoff": at(0),
                            "collections": [line("sessions", "not-found", 0)],
                        },
                    ],
                },
            },
            {
                "event": "settled",
                "at": 26,
                "open": Open(copies=COPIES),
                "cites": ["copies"],
                "body": {
                    "controller": "client:42",
                    "dataTypes": ["account", "invoices"],
                    "verifiedAt": at(25.9),
                    "due": 0,
                    "identifiers": DESTROYED,
                    "blindSearch": LIMITED,
                },
            },
        ],
    }


def erased(receipt: Receipt) -> None:
    """The answer is `erased`, with nothing kept."""
    receipt["series"][1]["event"] = receipt["series"][1]["body"]["outcome"] = "erased"
    lines(receipt)[2] = line("invoices", "erased", 6)


def missing(receipt: Receipt) -> None:
    """The answer is `not-found`."""
    receipt["series"][1]["event"] = receipt["series"][1]["body"]["outcome"] = "not-found"
    for store in receipt["series"][1]["body"]["stores"]:
        store.pop("level", None)
        store["collections"] = [line(one["collection"], "not-found", 0) for one in store["collections"]]


def without_level(receipt: Receipt) -> None:
    """The answer states no level of the first store."""
    del receipt["series"][1]["body"]["stores"][0]["level"]


def lines(receipt: Receipt) -> list[Receipt]:
    found: list[Receipt] = receipt["series"][1]["body"]["stores"][0]["collections"]
    return found


def kept(one: Receipt) -> Receipt:
    """A line that says that all that was found is kept."""
    return {**line(one["collection"], "retained", one["found"], retained=one["found"], ground="A court", until=None)}


def of_everything(receipt: Receipt) -> None:
    """The request is not limited to data types; so nobody says that this is why there was no search."""
    receipt["documents"]["plan"].pop("limitedTo", None)
    for one in receipt["series"]:
        one["body"].pop("dataTypes", None)
        if one["body"].get("blindSearch") == LIMITED:
            del one["body"]["blindSearch"]


def body(number: int, **members: object) -> Callable[[Receipt], None]:
    """Members of a statement. One of a search is of a request that is not limited: for others there is none."""

    def change(receipt: Receipt) -> None:
        receipt["series"][number]["body"].update(members)
        if members.get("blindSearch", LIMITED) != LIMITED:
            of_everything(receipt)

    return change


def without(number: int, *members: str) -> Callable[[Receipt], None]:
    return lambda receipt: [receipt["series"][number]["body"].pop(one) for one in members]  # type: ignore[return-value]


def member(number: int, **members: object) -> Callable[[Receipt], None]:
    return lambda receipt: receipt["series"][number].update(members)


def of_line(number: int, **members: object) -> Callable[[Receipt], None]:
    return lambda receipt: lines(receipt)[number].update(members)


def of_store(number: int, **members: object) -> Callable[[Receipt], None]:
    """A store of the answer."""
    return lambda receipt: receipt["series"][1]["body"]["stores"][number].update(members)


def unlooked(one: Receipt, outcome: str = "left") -> None:
    """A line says that nobody looked at the collection any more."""
    found = {"collection": one["collection"], "outcome": outcome, "found": one["found"]}
    one.clear()
    one.update(found, unseen=True)


def of_copy(number: int, **members: object) -> Callable[[Receipt], None]:
    return lambda receipt: receipt["documents"]["copies"]["mayHoldTheRecords"][number].update(members)


def of_deadlines(**members: object) -> Callable[[Receipt], None]:
    return lambda receipt: receipt["documents"]["deadlines"].update(members)


def due(text: str) -> Callable[[Receipt], None]:
    """The answer is due then."""

    def change(receipt: Receipt) -> None:
        receipt["documents"]["deadlines"]["answerBy"] = text
        receipt["documents"]["deadlines"]["clocks"][0]["dueAt"] = text
        last = datetime.fromisoformat(text) - timedelta(seconds=1)
        receipt["documents"]["deadlines"]["clocks"][0]["lastDay"] = last.date().isoformat()
        receipt["series"][0]["open"] = Open(1, datetime.fromisoformat(text))

    return change


def usual(event: str) -> Receipt:
    """A statement as it mostly is."""
    said = good()["series"][1]
    subject = {one: said["body"][one] for one in ("controller", "dataTypes")}
    if event in consistency.LINES:
        receipt = good()
        {"erased": erased, "not-found": missing, "re-erased": of_line(1, found=6)}.get(event, lambda _: None)(receipt)
        said = receipt["series"][1]
        more = {} if event == "re-erased" else {"outcome": event, "reason": "A court"}
        more |= {"until": None} if event == "on-hold" else {}
        kept = {one: said["body"][one] for one in ("verifiedAt", "stores")}
        return {"open": CHECK, "cites": ["copies"], "body": {**subject, **kept, **more}}
    whole: dict[str, Receipt] = {
        "extended": {"open": Open(1, ANSWER_BY), "cites": ["deadlines"], "body": subject},
        "settled": {
            "open": Open(copies=COPIES),
            "cites": ["copies"],
            "body": {**subject, "verifiedAt": at(0.9), "due": 0, "identifiers": DESTROYED},
        },
        **{
            event: {"open": Open(), "cites": [], "body": {**subject, "outcome": event, "reason": "x", **more}}
            for event, more in (("denied", {}), ("cancelled", {"identifiers": DESTROYED}))
        },
    }
    return whole.get(event, {"open": Open(), "cites": [], "body": {}})


def claims(text: str) -> Callable[[Receipt], None]:
    """What the answer claims in words."""
    return body(1, claim=text)


def of_clock(**members: object) -> Callable[[Receipt], None]:
    return lambda receipt: receipt["documents"]["deadlines"]["clocks"][0].update(members)


def then(event: str, hours: float = 27, **members: Any) -> Callable[[Receipt], None]:
    """One more statement, as it mostly is but for these members. What is erased again is so before it is settled.

    Its look is not before those of the others, and not before they were told.
    """
    more = {**usual(event), "event": event, "at": hours, "final": event == "cancelled", **members}
    more["body"] = {**usual(event)["body"], **members.get("body", {})}

    def change(receipt: Receipt) -> None:
        if event == "re-erased" and receipt["series"][-1]["event"] == "settled":
            receipt["series"].pop()
        said = copy.deepcopy(more)
        if "verifiedAt" in said["body"] and "verifiedAt" not in members.get("body", {}):
            told = [at(one["at"]) for one in receipt["series"] if "verifiedAt" in one["body"] and one["at"] < hours]
            looks = [one["body"].get("verifiedAt", "") for one in receipt["series"]]
            said["body"]["verifiedAt"] = max([said["body"]["verifiedAt"], *looks, *told])
        receipt["series"].append(said)
        if "blindSearch" in more["body"]:
            of_everything(receipt)

    return change


def instead(number: int, event: str, **members: object) -> Callable[[Receipt], None]:
    """A statement in the place of another, and nothing after it."""

    def change(receipt: Receipt) -> None:
        del receipt["series"][number:]
        then(event, number, **members)(receipt)

    return change


def both(*changes: Callable[[Receipt], None]) -> Callable[[Receipt], None]:
    def change(receipt: Receipt) -> None:
        for one in changes:
            one(receipt)

    return change


def of_last(number: int, **members: object) -> Callable[[Receipt], None]:
    """A line of the last statement."""
    return lambda receipt: receipt["series"][-1]["body"]["stores"][0]["collections"][number].update(members)


def second(name: str, to: int = 0, **members: object) -> Callable[[Receipt], None]:
    """Another document of one kind, cited beside the first."""

    def change(receipt: Receipt) -> None:
        receipt["documents"]["other"] = {**receipt["documents"][name], **members}
        receipt["series"][to]["cites"].append("other")

    return change


def extended_to(text: str, **members: object) -> Callable[[Receipt], None]:
    """The last statement cites deadlines of its own."""

    def change(receipt: Receipt) -> None:
        clocks = copy.deepcopy(receipt["documents"]["deadlines"])
        last = (datetime.fromisoformat(text) - timedelta(seconds=1)).date().isoformat()
        clocks["clocks"][0].update(extendedTo=text, extension={"at": at(0), "reason": "x", "lastDay": last})
        receipt["documents"]["extended"] = {**clocks, "answerBy": text, **members}
        receipt["series"][-1].update(cites=["extended"], open=Open(1, datetime.fromisoformat(text)))

    return change


def dated(text: str) -> Callable[[Receipt], None]:
    """The extension of `extended_to` was told then."""
    extension = {"at": text, "reason": "x", "lastDay": "2027-02-24"}
    return lambda receipt: receipt["documents"]["extended"]["clocks"][0].update(extension=extension)


def logs_left_alone(*collections: str) -> Callable[[Receipt], None]:
    """The plan leaves these collections of the first store alone."""
    more = dict.fromkeys(("purpose", "ground", "retention", "approvedBy"), "x")
    left = [{"store": "main", "collection": one, **more} for one in collections]
    return lambda receipt: receipt["documents"]["plan"].update(logsLeftAlone=left)


def drop_store(receipt: Receipt) -> None:
    del receipt["documents"]["plan"]["stores"][1]


def twice(receipt: Receipt) -> None:
    lines(receipt).append(dict(lines(receipt)[0]))


def store_twice(receipt: Receipt) -> None:
    stores = receipt["series"][1]["body"]["stores"]
    stores.append({"store": "cache", "cutoff": None, "collections": []})


def copy_twice(receipt: Receipt) -> None:
    copies = receipt["documents"]["copies"]
    copies["mayHoldTheRecords"].append(dict(copies["mayHoldTheRecords"][0]))
    copies["listings"][0]["copies"] = 4
    for one in receipt["series"][1:]:
        owed: Open = one["open"]
        one["open"] = Open(owed.items, owed.expected_by, OpenCopies(4, 1, SOON, LAST))


def not_listed(receipt: Receipt) -> None:
    """Copies seen earlier, in a place that the data map does not name any more."""
    copies = receipt["documents"]["copies"]
    copies["listings"] = []
    for one in copies["mayHoldTheRecords"]:
        one.update(status="unknown", due=None, expectedBy=None, blocker="Not in the listing")
    for one in receipt["series"][1:]:
        one["open"] = Open(one["open"].items, one["open"].expected_by, OpenCopies(3, 3))


def copies_left_behind(receipt: Receipt) -> None:
    """A place was moved twice, with its copies: those of the same ids may still be in each storage that it was."""
    copies = receipt["documents"]["copies"]["mayHoldTheRecords"]
    left = {**copies[2], "status": "unknown", "blocker": "The place is another one by now"}
    copies += [left, dict(left)]
    for one in receipt["series"][1:]:
        owed: Open = one["open"]
        one["open"] = Open(owed.items, owed.expected_by, OpenCopies(5, 3, SOON, LAST))


def copies_together(receipt: Receipt) -> None:
    """Of a mirror's objects only so many are stated as end alike; two such lines that say the same are of others."""
    copies = receipt["documents"]["copies"]["mayHoldTheRecords"]
    for number, of in ((4, copies[0]), (5, copies[2]), (6, copies[2])):
        copies.append({name: value for name, value in of.items() if name != "id"} | {"copies": number})
    receipt["documents"]["copies"]["listings"][0]["copies"] = 18
    for one in receipt["series"][1:]:
        owed: Open = one["open"]
        one["open"] = Open(owed.items, owed.expected_by, OpenCopies(18, 12, SOON, LAST))


def left_out(receipt: Receipt) -> None:
    receipt["documents"]["copies"]["mayHoldTheRecords"].pop()


POSTS = {"posts": "delete"}
NINE = {"copies": 9, "control": None}
IN_A_CENTURY = Open(1, T0.replace(year=2126), COPIES)
GONE: Receipt = {
    "kind": "copies",
    "listings": [good()["documents"]["copies"]["listings"][0] | {"at": at(49.9), "storageAt": at(49.9), "copies": 0}],
    "mayHoldTheRecords": [],
    "seenGone": [
        {"place": "dumps", "store": "main", "kind": "pg_dump", "id": one}
        | {"takenBetween": [at(-20), at(-19)], "goneAt": at(49.8)}
        for one in "abc"
    ],
}
OF_CLOSED = {"controller": "client:42", "dataTypes": ["account", "invoices"]}


def closed(hours: float = 49.95, **members: object) -> Callable[[Receipt], None]:
    """The request is closed: the copies were looked for a day after the last look at the stores."""

    def change(receipt: Receipt) -> None:
        receipt["documents"].setdefault("gone", copy.deepcopy(GONE))
        looks = [one["body"]["verifiedAt"] for one in receipt["series"] if "verifiedAt" in one["body"]]
        said = {**OF_CLOSED, "nothingLeftAt": max(looks, default=at()), "ledgerCopies": "not-followed", **members}
        then("closed", hours, cites=["gone"], body=said)(receipt)

    return change


CLOSED = closed()


def of_gone(**members: object) -> Callable[[Receipt], None]:
    """Members of the list that `closed` cites."""
    return both(CLOSED, lambda receipt: receipt["documents"]["gone"].update(members))


def ledger_listed(**members: object) -> Receipt:
    """A listing of a place with copies of the ledger."""
    return {**GONE["listings"][0], "place": "ledgers", "of": "ledger", **members}


def samples(anew: str, *older: str) -> Callable[[Receipt], None]:
    """Of which tables the planner's samples were drawn anew, and of which older ones are left."""
    told = [{"collection": one, "why": "a lock"} for one in older]
    return body(2, plannerSamples=[{"store": "main", "drawnAnew": [anew], "older": told}])


SEARCHED_STORE: Receipt = {
    "store": "main",
    "source": "primary",
    "at": at(),
    "places": 2,
    "records": 9,
    "notSearched": [],
}


def searched(at: str = SEARCH["at"], to: int = -1, **document: object) -> Callable[[Receipt], None]:
    """A statement cites the document about a pass that began then."""

    def change(receipt: Receipt) -> None:
        told = {"kind": "blind-search", "at": at, "stores": [SEARCHED_STORE], **document}
        receipt["documents"]["search"] = copy.deepcopy(told)
        receipt["series"][to]["cites"].append("search")

    return change


BY_THAT_DAY = "The last of these copies is expected to be gone by this day"


def openable(until: str | None, means: str = BY_THAT_DAY, **listing: object) -> Callable[[Receipt], None]:
    """Until when copies of the ledger open the identifiers, which were listed with those of stores."""

    def change(receipt: Receipt) -> None:
        listed = receipt["documents"]["copies"]["listings"]
        listed.append({**listed[0], "place": "ledgers", "of": "ledger", **listing})
        receipt["series"][2]["body"]["identifiers"] = {**DESTROYED, "until": until, "means": means}

    return change


LEFT = body(2, left=["main.posts"], leftMeans="x")
ENDED_WHOLE = "Ended by the operator, and nothing of the rest is known to have been deleted"


def sweep(**of_end: object) -> Callable[[Receipt], None]:
    """A sweep by age in place of the request: one place, of which six records of ten are gone; changed at its end."""

    def change(receipt: Receipt) -> None:
        names = {"store": "main", "collection": "calls", "dataType": "calls"}
        rule = {"startEvent": "collected", "period": "P2Y", "due": 10, "undated": 0}
        done = {"gone": 6, "goneAlong": 9, "left": 4, "held": 1, "oldestLeft": "2024-01-01"}
        of_day = {"controller": "client", "day": "2026-11-24", "context": []}
        begun = {**of_day, "dataMap": f"sha256:{'a' * 64}", "places": [{**names, **rule}], "notByAge": []}
        place = {**names, **done, **{name: one for name, one in of_end.items() if name not in of_day}}
        end = {**of_day, "verifiedAt": at(1), "places": [place], **{n: o for n, o in of_end.items() if n in of_day}}
        receipt["documents"].clear()
        receipt["series"][:] = [
            {"event": "sweep-begun", "at": 0, "open": Open(1), "body": begun, "cites": []},
            {"event": "swept", "at": 1, "open": Open(), "body": end, "cites": [], "final": True},
        ]

    return change


def planned_place(**members: object) -> Callable[[Receipt], None]:
    """The place that a sweep was begun for."""
    return lambda receipt: receipt["series"][0]["body"]["places"][0].update(members)


def left_and_closed(receipt: Receipt) -> None:
    """An earlier request left something; the copies are gone, and the series is closed."""
    of_line(2, outcome="ambiguous", retained=0, ambiguous=2, gone=2, ground=None, until=None)(receipt)
    both(LEFT, body(2, identifiers=KEPT), member(2, open=Open(1, None, COPIES)), CLOSED)(receipt)


OPEN = member(2, open=Open(1, None, COPIES))


def kept_gone(until: str = "2026-11-25", items: int = 0, **members: object) -> Callable[[Receipt], None]:
    """What is kept until a day is stated to be gone, two days after it was received."""
    subject = {"controller": "client:42", "dataTypes": ["account", "invoices"]}
    gone = {"verifiedAt": at(47.9), "places": ["main.invoices"], "identifiers": DESTROYED}
    said = {**subject, **gone, **members}
    return both(
        of_line(2, until=until),
        body(2, identifiers=KEPT),
        member(2, open=Open(1, None, COPIES)),
        then("kept-gone", 48, open=Open(items, None, COPIES), cites=["copies"], body=said),
    )


CASES: dict[str, tuple[str, Callable[[Receipt], None]]] = {
    "gone before its day": ("kept-gone-unheard", kept_gone("2026-12-25")),
    "gone eleven minutes before its day": (
        "kept-gone-unheard",
        kept_gone("2026-11-26", verifiedAt="2026-11-25T23:49:00Z"),
    ),
    "gone, and it was kept without a day": ("kept-gone-unheard", kept_gone(until=None)),  # type: ignore[arg-type]
    "gone when it was looked for before its day": ("kept-gone-unheard", kept_gone("2026-11-26", verifiedAt=at(27))),
    "gone, and what led there is kept": ("kept-gone-unheard", kept_gone(identifiers=KEPT)),
    "gone, and nothing was kept there": ("kept-gone-unheard", kept_gone(places=["main.posts"])),
    "gone twice": ("kept-gone-unheard", kept_gone(places=["main.invoices", "main.invoices"])),
    "gone, and as much is open as before": ("kept-gone-unheard", kept_gone(items=1)),
    "gone, and gone once more": (
        "kept-gone-unheard",
        both(kept_gone(), lambda r: r["series"].append(r["series"][-1] | {"at": 49})),
    ),
    "gone by keys that were destroyed": (
        "kept-gone-unheard",
        both(kept_gone(), body(2, identifiers=DESTROYED), member(2, open=Open(copies=COPIES))),
    ),
    "gone, and a day for more": (
        "day-of-nothing",
        both(
            kept_gone(identifiers=KEPT),
            member(2, open=Open(2, None, COPIES)),
            member(3, open=Open(1, T0 + timedelta(days=9), COPIES)),
        ),
    ),
    "a sweep of a day that had not begun": (
        "sweep-misdated",
        both(sweep(), lambda r: [one["body"].update(day="2026-11-25") for one in r["series"]]),  # type: ignore[func-returns-value]
    ),
    "a sweep that was looked at before it was begun": ("sweep-misdated", both(sweep(), body(1, verifiedAt=at(-0.2)))),
    "a sweep that left what was not due": ("sweep-misdated", sweep(oldestLeft="2024-11-25")),
    "a sweep that left what begins after the calendar": ("sweep-misdated", sweep(oldestLeft="9999-01-01")),
    "a sweep by a period that is none": (
        "form-unknown sweep-against-plan",
        both(sweep(), planned_place(period="soon")),
    ),
    "a sweep of a place twice": (
        "place-twice",
        both(sweep(), lambda r: [one["body"]["places"].append(one["body"]["places"][0]) for one in r["series"]]),  # type: ignore[func-returns-value]
    ),
    "a sweep of a place that goes by no age": (
        "place-twice",
        both(sweep(), lambda r: r["series"][0]["body"]["notByAge"].append("main.calls")),
    ),
    "a sweep that owes nothing": ("nothing-owed", both(sweep(), member(0, open=Open()))),
    "a sweep that owes twice": ("several-owed", both(sweep(), member(0, open=Open(2)))),
    "a sweep that is done and not the last word": ("over-and-open", both(sweep(), member(1, final=False))),
    "a sweep that ends on another day": ("sweep-against-plan", sweep(day="2026-11-25")),
    "a sweep that ends in another place": ("sweep-against-plan", sweep(collection="invoices")),
    "a sweep of which more is on hold than is left": ("sum-wrong", sweep(held=5)),
    "a sweep that left something from no day on": ("sum-wrong", sweep(oldestLeft=None)),
    "a sweep with which more went though nothing did": ("sum-wrong", sweep(gone=0)),
    # forms: what no rule can read, no rule would refuse
    "a store without collections": ("form-unknown", lambda r: r["series"][1]["body"]["stores"].append({"store": "x"})),
    "stores as a text": ("form-unknown", body(2, stores="none")),
    "a count as a text": ("form-unknown", of_line(0, found="3")),
    "copies in no list": ("form-unknown", lambda r: r["documents"]["copies"].update(listings=None)),
    "a clock without a last day": ("form-unknown", lambda r: r["documents"]["deadlines"].update(clocks=[{}])),
    "a plan of other stores": (
        "form-unknown plan-against-lines",
        lambda r: r["documents"]["plan"].update(stores=["main"]),
    ),
    "a count that is absent": ("form-unknown", lambda r: lines(r)[0].pop("due")),
    "nothing of what was found": ("form-unknown", lambda r: lines(r)[0].pop("found")),
    **{
        f"{event} without {member}": ("form-unknown", both(instead(1, event), without(1, member)))
        for event, members in {
            "erased": ("controller", "outcome", "verifiedAt", "stores"),
            "partially-erased": ("controller", "outcome", "verifiedAt", "stores"),
            "not-found": ("controller", "outcome", "verifiedAt", "stores"),
            "on-hold": ("controller", "outcome", "reason", "until", "verifiedAt", "stores"),
            "denied": ("controller", "outcome", "reason"),
            "cancelled": ("controller", "outcome", "reason", "identifiers"),
            "extended": ("controller",),
        }.items()
        for member in members
    },
    "erased again without stores": ("form-unknown", both(then("re-erased"), without(2, "stores"))),
    "settled without a check": ("form-unknown", without(2, "verifiedAt")),
    "settled and nothing is said of what is due": ("form-unknown", without(2, "due")),
    "settled with a text due": ("form-unknown", body(2, due="5")),
    "settled by nobody": ("form-unknown", without(2, "controller")),
    "settled and nothing is said of the identifiers": ("form-unknown", without(2, "identifiers")),
    "limited to null": ("form-unknown", lambda r: [one["body"].update(dataTypes=None) for one in r["series"]]),
    "searched: null": ("form-unknown", body(2, blindSearch=None)),
    "a copy taken at one time": ("form-unknown", of_copy(0, takenBetween=[at(-20)])),
    "a clock of a name that no law has": ("form-unknown", of_clock(clock="moon")),
    "a plan without its digest": (
        "form-unknown plan-against-lines",
        lambda r: r["documents"]["plan"].pop("planDigest"),
    ),
    **{
        f"a plan whose {name}": ("form-unknown plan-against-lines", change)
        for name, change in {
            "digest is none": lambda r: r["documents"]["plan"].update(planDigest="x"),
            "map is no digest": lambda r: r["documents"]["plan"].update(dataMap="sha256:" + "A" * 64),
            "store is no digest": lambda r: r["documents"]["plan"]["stores"][0].update(identity="x"),
        }.items()
    },
    "a store that has copies and none": (
        "backups-unclear",
        lambda r: r["documents"]["plan"]["stores"][0].update(noBackups={"reason": "x", "approvedBy": "x"}),
    ),
    "a store without a word on copies": (
        "backups-unclear",
        lambda r: r["documents"]["plan"]["stores"][1].pop("noBackups"),
    ),
    "a copy that is due and expected on no day": ("copy-days-reversed copies-not-counted", of_copy(0, expectedBy=None)),
    "a listing of copies of nothing": ("form-unknown", lambda r: r["documents"]["copies"]["listings"][0].pop("of")),
    "a copy without a word on what stops it": (
        "form-unknown",
        lambda r: r["documents"]["copies"]["mayHoldTheRecords"][0].pop("blocker"),
    ),
    "a store without a cutoff": ("form-unknown", lambda r: r["series"][1]["body"]["stores"][0].pop("cutoff")),
    "accepted on no day": ("form-unknown", without(0, "receivedAt")),
    # times that no rule can compare
    **{
        f"{name} {text}": ("form-unknown", put(text))
        for name, put in {
            "received": lambda text: body(0, receivedAt=text),
            "verified": lambda text: body(1, verifiedAt=text),
            "counted": lambda text: body(1, countedAt=text),
            "checked again": lambda text: body(2, verifiedAt=text),
            "searched": lambda text: body(2, blindSearch={"searched": "no-values", "at": text}),
            "cut off": lambda text: lambda r: r["series"][1]["body"]["stores"][0].update(cutoff=text),
            "listed": lambda text: lambda r: r["documents"]["copies"]["listings"][0].update(at=text),
            "a copy taken": lambda text: of_copy(0, takenBetween=[text, text]),
            "a copy due": lambda text: of_copy(0, due=text),
            "a copy expected": lambda text: of_copy(0, expectedBy=text),
            "deadlines from": lambda text: of_deadlines(receivedAt=text),
            "deadlines from, by the controller": lambda text: of_deadlines(controllerReceivedAt=text),
            "the answer": lambda text: of_deadlines(answerBy=text),
            "a clock from": lambda text: of_clock(receivedAt=text),
            "a clock until": lambda text: of_clock(dueAt=text),
            "a clock extended": lambda text: of_clock(extendedTo=text),
        }.items()
        for text in ("soon", "2026-11-24T10:00:00")
    },
    # what the schemas do not allow
    **{
        f"{name}": ("form-unknown", change)
        for name, change in {
            "a week date": of_line(2, until="2035-W48-2"),
            "a time without hyphens": body(1, verifiedAt="20261124T105400Z"),
            "a time with an escape": body(1, verifiedAt="2026-11-24\x1b10:54:00Z"),
            "a time with a comma": body(1, verifiedAt="2026-11-24T10:54:00,5Z"),
            "identifiers as a text": body(2, identifiers="gone everywhere"),
            "received at a guess": body(0, receivedAtIs="guess"),
            "dropped as a text": body(2, dropped="x"),
            "samples as a text": body(2, plannerSamples="x"),
            "a claim that is a number": body(1, claim=5),
            "a reason that is a number": body(1, reason=5),
            "normalisers as a text": body(1, normalisers="x"),
            "evidence as a text": body(0, identityEvidence="x"),
            "evidence of no time": body(0, identityEvidence={"kind": "callback", "checkedAt": "soon"}),
            "destroyed at no level": body(2, identifiers=DESTROYED | {"level": None}),
            "destroyed, and no word on its level": body(
                2, identifiers={name: one for name, one in DESTROYED.items() if name != "levelMeans"}
            ),
            "a controller without a name": lambda r: [one["body"].update(controller="") for one in r["series"]],
            "deadlines without a clock": of_deadlines(clocks=[]),
            "a copy in a place without a name": of_copy(0, place=""),
            "left, and no word on it": both(LEFT, OPEN, body(2, identifiers=KEPT), without(2, "leftMeans")),
            "a data map that is no digest": body(1, dataMap="x"),
            "a search that is none": body(2, blindSearch={"searched": "guessed"}),
        }.items()
    },
    "keys destroyed: yes": (
        "form-unknown keys-destroyed-and-kept",
        body(2, identifiers=DESTROYED | {"destroyedInLedger": "yes"}),
    ),
    "a copy of an unknown status": ("form-unknown", of_copy(2, status="gone")),
    "an action that no plan has": (
        "form-unknown plan-against-lines",
        lambda r: r["documents"]["plan"]["stores"][0]["collections"].update(posts="keep"),
    ),
    "limited to no data type": (
        "form-unknown",
        lambda r: [
            r["documents"]["plan"].update(limitedTo=[]),
            *[one["body"].update(dataTypes=[]) for one in r["series"]],
        ],
    ),
    "a copy that is due on a day": ("form-unknown", of_copy(0, due="2026-12-02")),
    "kept until a time": ("form-unknown", of_line(2, until="2035-07-10T00:00:00Z")),
    "kept until soon": ("form-unknown", of_line(2, until="soon")),
    "a last day that is none": ("form-unknown", of_clock(lastDay="2026-02-30")),
    "no day of the answer": ("form-unknown", lambda r: r["documents"]["deadlines"].pop("answerBy")),
    "a clock that never ends": ("form-unknown", lambda r: r["documents"]["deadlines"]["clocks"][0].pop("dueAt")),
    # counts
    "fewer than nothing found": ("count-negative sum-wrong", of_line(0, found=-3)),
    "fewer than nothing due": ("count-negative outcome-against-counts due-left", of_line(0, due=-1)),
    "fewer than nothing newer": ("count-negative", of_line(0, newer=-1)),
    "fewer than nothing unclear": ("count-negative", body(2, ambiguous=-2)),
    "fewer than nothing due at settling": ("count-negative", body(2, due=-1)),
    "fewer than nothing listed": (
        "count-negative copies-not-listed",
        lambda r: r["documents"]["copies"]["listings"][0].update(copies=-1),
    ),
    "a negative period": ("count-negative", of_deadlines(businessDays=-30)),
    "more due than found": ("sum-wrong due-left", of_line(1, due=7, outcome="left")),
    "more kept than found": ("sum-wrong", of_line(2, retained=9, gone=0)),
    "more gone than found": ("sum-wrong", of_line(2, gone=9)),
    "kept and gone are more than found": ("sum-wrong", of_line(2, gone=3)),
    # a collection against itself
    "erased and nothing was there": ("outcome-against-counts", of_line(1, found=0)),
    "emptied and nothing was there": ("outcome-against-counts", of_line(0, found=0)),
    "erased with some kept": ("outcome-against-counts", of_line(1, retained=1, ground="x")),
    "erased with some unclear": ("outcome-against-counts", of_line(1, ambiguous=1)),
    "emptied with one due": ("outcome-against-counts due-left", of_line(0, due=1)),
    "not found and three found": ("outcome-against-counts", of_line(1, outcome="not-found", found=3)),
    "not found and one kept": (
        "outcome-against-counts",
        of_line(1, outcome="not-found", found=1, retained=1, ground="x"),
    ),
    "kept and none is kept": ("outcome-against-counts", of_line(2, retained=0, gone=6)),
    "unclear and none is": ("outcome-against-counts", of_line(1, outcome="ambiguous")),
    "erased where an earlier request left some": ("outcome-against-counts", of_line(1, leftBefore=2)),
    "left before, and how many is none": ("due-left", of_line(1, outcome="left", leftBefore=0)),
    "unclear: none": ("outcome-against-counts", of_line(1, outcome="ambiguous", ambiguous=0)),
    "kept on no ground": ("kept-without-ground", of_line(2, ground=None)),
    "kept on an empty ground": ("form-unknown", of_line(2, ground="")),
    "a collection stated twice": ("place-twice", twice),
    "a store stated twice": ("place-twice", store_twice),
    "a copy stated twice": ("place-twice", copy_twice),
    "two plans": ("document-twice", second("plan", operator="Somebody else")),
    "two lists of copies": (
        "document-twice copies-not-counted",
        second("copies", to=1, mayHoldTheRecords=[], listings=[]),
    ),
    "a store planned twice": (
        "place-twice",
        lambda r: r["documents"]["plan"]["stores"].append(r["documents"]["plan"]["stores"][1] | {"collections": {}}),
    ),
    "emptied where the plan erases": ("outcome-against-plan", of_line(1, outcome="tombstoned")),
    "erased where the plan empties": ("outcome-against-plan", of_line(0, outcome="erased")),
    "a search for a limited request": (
        "search-not-limited",
        both(lambda r: r["series"][2]["body"].update(blindSearch=FOUND), searched()),
    ),
    "no search of a limited request that is none": (
        "search-not-limited",
        both(
            lambda r: [one["body"].pop("dataTypes") for one in r["series"]],
            lambda r: r["documents"]["plan"].pop("limitedTo"),
            body(2, blindSearch={"searched": "limited-request"}),
        ),
    ),
    "three found and none gone": ("outcome-against-counts", of_line(0, gone=0)),
    "due, and nobody looked": ("form-unknown due-left", of_line(1, unseen=True)),
    "erased, and nobody looked": ("outcome-against-counts due-left", lambda r: unlooked(lines(r)[1], "erased")),
    "left, nobody looked, and it was no end": ("due-left", lambda r: unlooked(lines(r)[1])),
    "deleted, and nobody looked": (
        "claim-against-lines due-left",
        both(
            lambda r: [unlooked(one) for one in lines(r)],
            without_level,
            claims("Records were deleted or tombstoned in the stores listed. Of all other data nothing is said."),
        ),
    ),
    "kept, and not how many": ("form-unknown", lambda r: lines(r)[2].pop("retained")),
    "ended, and nothing of the rest is gone, beside five erased": (
        "claim-against-lines",
        instead(1, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT, "reason": ENDED_WHOLE}),
    ),
    # what may not be left
    "erased with seven due": ("due-left outcome-against-counts", both(erased, of_line(1, due=5))),
    "partially erased with one due": ("due-left", of_line(1, due=1, outcome="ambiguous", ambiguous=1)),
    "settled with three due": ("due-left", body(2, due=3)),
    "settled with one due where an earlier request left some": (
        "due-left",
        both(LEFT, OPEN, body(2, due=1, identifiers=KEPT)),
    ),
    "left, and neither ended nor by an earlier request": ("due-left", of_line(1, outcome="left")),
    "left and due, and not ended": ("due-left", of_line(1, outcome="left", due=1, leftBefore=2)),
    "on hold, and left by nobody": ("due-left", both(instead(1, "on-hold"), of_last(1, outcome="left"))),
    "settled and a search left something": (
        "search-left",
        both(body(2, blindSearch=SEARCH), searched(), member(2, open=Open(1, None, COPIES))),
    ),
    "erased and a search left something": ("search-left", both(erased, body(1, blindSearch=SEARCH), searched(to=1))),
    "not found and a search left something": (
        "search-left",
        both(missing, body(1, blindSearch=SEARCH), searched(to=1)),
    ),
    "an answer, and a search before it left something": (
        "search-left",
        both(body(1, blindSearch=SEARCH), searched(to=1)),
    ),
    "erased again and a search left something": (
        "search-left",
        both(instead(2, "re-erased", body={"blindSearch": SEARCH}), searched()),
    ),
    "erased again, and due": (
        "due-left event-against-lines",
        both(instead(2, "re-erased"), of_last(1, outcome="failed", found=11, due=5, gone=6)),
    ),
    # the event against what it says
    "erased whose outcome is not-found": ("event-against-outcome", both(erased, body(1, outcome="not-found"))),
    "partially erased whose outcome is erased": ("event-against-outcome", body(1, outcome="erased")),
    "not found whose outcome is erased": ("event-against-outcome", both(missing, body(1, outcome="erased"))),
    "denied whose outcome is erased": ("event-against-outcome", instead(1, "denied", body={"outcome": "erased"})),
    "cancelled whose outcome is erased": (
        "event-against-outcome",
        instead(1, "cancelled", body={"outcome": "erased"}),
    ),
    "on hold whose outcome is settled": ("event-against-outcome", instead(1, "on-hold", body={"outcome": "settled"})),
    "erased and some is kept": ("event-against-lines event-against-outcome", member(1, event="erased")),
    "erased and some is unclear": (
        "event-against-lines",
        both(erased, of_line(1, outcome="ambiguous", ambiguous=1)),
    ),
    "erased and nothing was found": (
        "event-against-lines event-against-outcome",
        both(missing, member(1, event="erased")),
    ),
    "erased and some failed": ("event-against-lines", both(erased, of_line(1, outcome="failed"))),
    "not found and some erased": ("event-against-lines", both(missing, of_line(0, outcome="tombstoned", found=3))),
    "partially erased and some failed": ("event-against-lines", of_line(1, outcome="failed")),
    "partially erased and nothing is left": ("event-against-lines", of_line(2, outcome="erased", retained=0, gone=6)),
    "erased and some is in no known state": ("event-against-lines", both(erased, of_line(1, outcome="purgatory"))),
    "erased again and left": ("due-left", both(then("re-erased"), of_last(1, outcome="left", found=11, due=5))),
    "settled beside lines": ("event-against-lines", body(2, stores=[])),
    "accepted beside lines": ("event-against-lines", body(0, stores=[])),
    "cancelled beside lines": ("event-against-lines", instead(1, "cancelled", body={"stores": []})),
    "denied beside lines": ("event-against-lines", instead(1, "denied", body={"stores": []})),
    "on hold, and nothing is kept": (
        "event-against-lines",
        both(instead(1, "on-hold"), of_last(2, outcome="erased", retained=0, gone=6)),
    ),
    "on hold after the answer, and nothing is kept": (
        "event-against-lines",
        both(instead(2, "on-hold"), of_last(2, outcome="erased", retained=0, gone=6)),
    ),
    "cancelled, and some was erased before": (
        "event-against-lines",
        both(instead(1, "on-hold"), then("cancelled")),
    ),
    "not found, and some was erased before": (
        "event-against-lines gone-lowered",
        both(instead(1, "on-hold"), then("not-found", 2)),
    ),
    "denied, and some was erased before": ("event-against-lines", both(instead(1, "on-hold"), then("denied", 2))),
    "settled and a collection was dropped that was not planned": (
        "plan-against-lines",
        body(2, dropped=["main.posts", "main.letters"]),
    ),
    "settled and a collection is left that was not planned": (
        "plan-against-lines",
        both(LEFT, OPEN, body(2, left=["main.letters"], identifiers=KEPT)),
    ),
    "ended, and a search that was none left something": (
        "left-without-search",
        instead(
            2,
            "partially-erased",
            open=Open(1, None, COPIES),
            body={
                "identifiers": DESTROYED,
                "blindSearch": {"searched": "ended", "left": [{"store": "main", "place": "a.b", "records": 1}]},
            },
        ),
    ),
    "settled whose outcome is failed": ("event-against-outcome", body(2, outcome="failed")),
    "a failure whose outcome is erased": (
        "event-against-outcome",
        instead(1, "failed", open=Open(1, ANSWER_BY), body={"outcome": "erased"}),
    ),
    "a level where nothing was found": (
        "level-against-lines",
        lambda r: r["series"][1]["body"]["stores"][1].update(level="deleted"),
    ),
    "a level where all is kept": (
        "level-against-lines",
        lambda r: r["series"][1]["body"]["stores"][0].update(collections=[kept(one) for one in lines(r)]),
    ),
    "another level than is claimed": (
        "level-not-claimed",
        lambda r: r["series"][1]["body"]["stores"][0].update(level="rewritten"),
    ),
    "nothing due left, beside what is left": (
        "claim-against-lines",
        both(of_line(1, outcome="left", leftBefore=2), claims("Records were deleted, and nothing due was left.")),
    ),
    **{
        f"nothing due left, spelled {text!r}, beside what is left": (
            "claim-against-lines",
            both(of_line(1, outcome="left", leftBefore=2), claims(text)),
        )
        for text in ("Nothing due\u00a0was left.", "nothing due was left!", "Nothing\ndue  was left")
    },
    "of everything, and the request is limited": (
        "claim-against-limit",
        claims("Records were deleted or tombstoned in the stores listed."),
    ),
    "of the data types alone, and the request is of everything": (
        "claim-against-limit",
        both(
            of_everything,
            claims("Records were deleted or tombstoned in the stores listed. Of all other data nothing is said."),
        ),
    ),
    "nothing deleted, beside what was erased": (
        "claim-against-lines",
        claims("Nothing was deleted or tombstoned: what was found is kept. Of all other data nothing is said."),
    ),
    "nothing deleted, beside what went in part": (
        "claim-against-lines",
        both(
            of_line(0, outcome="left", leftBefore=3),
            of_line(1, outcome="left", leftBefore=5),
            without_level,
            claims("Of these types alone: nothing was deleted or tombstoned. Of all other data nothing is said."),
        ),
    ),
    "deleted, and all of it is left or was dropped": (
        "claim-against-lines",
        both(
            of_line(0, outcome="left", found=0, leftBefore=3),
            of_line(1, outcome="dropped"),
            of_line(2, outcome="left", found=0, leftBefore=6, retained=0, gone=0),
            without_level,
            claims("Records were deleted or tombstoned in the stores listed. Of all other data nothing is said."),
        ),
    ),
    "a level, and no collection is erased as a whole": (
        "claim-against-lines",
        both(
            of_line(0, outcome="left", leftBefore=2),
            of_line(1, outcome="left", leftBefore=3),
            without_level,
            claims("Records were deleted. Level reached: deleted (no query of the records returns them)."),
        ),
    ),
    # what is left at the end, what is open and what is kept
    **{
        f"settled with {name}": ("open-against-left", both(*changes))
        for name, changes in {
            "one left and nothing open": [LEFT],
            "one left and open, and no key kept": [LEFT, OPEN],
            "one open and nothing left or kept": [OPEN],
            "a key kept and nothing open": [body(2, identifiers=KEPT)],
            "two left and one open": [LEFT, OPEN, body(2, left=["main.posts", "main.users"], identifiers=KEPT)],
        }.items()
    },
    "settled with more open than is planned": (
        "open-against-left",
        both(LEFT, member(2, open=Open(5, None, COPIES)), body(2, identifiers=KEPT)),
    ),
    "ended with more open than is left or kept": (
        "open-against-left",
        instead(2, "partially-erased", open=Open(2, None, COPIES), body={"identifiers": KEPT}),
    ),
    "ended with three left and one open": (
        "open-against-left",
        both(
            instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT}),
            *[of_last(number, outcome="left", found=found, due=1, gone=0) for number, found in enumerate((4, 6, 6))],
            lambda r: r["series"][2]["body"]["stores"][0].pop("level"),
            of_last(2, retained=0),
        ),
    ),
    "ended with one left, and no key kept": (
        "open-against-left",
        both(
            instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": DESTROYED}),
            of_last(1, outcome="left", found=10, due=5),
        ),
    ),
    "ended with one open that nothing is said of": (
        "open-against-left",
        instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": DESTROYED}),
    ),
    **{
        f"left at settling, and {name}": (
            "settled-against-answer",
            both(change, LEFT, OPEN, body(2, identifiers=KEPT)),
        )
        for name, change in {"all was erased": erased, "nothing was there": missing}.items()
    },
    "samples drawn anew, and nothing was found": ("settled-against-answer", both(missing, samples("users"))),
    "samples drawn anew of a table in which nothing was found": (
        "settled-against-answer",
        both(of_line(1, outcome="not-found", found=0), samples("users", "posts")),
    ),
    "samples drawn anew of a table that was not planned": ("settled-against-answer", samples("letters")),
    "samples drawn anew and older": ("place-twice", samples("users", "users")),
    "a collection left twice": (
        "place-twice",
        both(LEFT, member(2, open=Open(2, None, COPIES)), body(2, left=["main.posts", "main.posts"], identifiers=KEPT)),
    ),
    "a collection left and dropped": (
        "place-twice",
        both(LEFT, OPEN, body(2, dropped=["main.posts"], droppedMeans="x", identifiers=KEPT)),
    ),
    # what was found
    "a cutoff that moves": (
        "cutoff-changes",
        both(instead(2, "re-erased"), lambda r: r["series"][2]["body"]["stores"][0].update(cutoff=at(0.1))),
    ),
    "a cutoff that is not stated any more": (
        "cutoff-changes erased-without-cutoff",
        both(instead(2, "re-erased"), lambda r: r["series"][2]["body"]["stores"][0].update(cutoff=None)),
    ),
    **{
        f"{event}, and less was found than the answer says": (
            "found-lowered",
            both(instead(2, event), of_last(2, found=5, retained=3)),
        )
        for event in ("re-erased", "on-hold")
    },
    "ended, and less was found than the answer says": (
        "found-lowered",
        both(
            instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT}),
            of_last(2, found=5, retained=3),
        ),
    ),
    "erased again, and nothing was found where the answer says that something was": (
        "found-lowered gone-lowered nothing-erased-again",
        both(instead(2, "re-erased"), of_last(1, outcome="not-found", found=0)),
    ),
    # what is gone
    "five erased, and then one": (
        "gone-lowered",
        both(instead(1, "on-hold"), then("partially-erased", 2), of_last(1, found=1)),
    ),
    "five erased, and then none was found": (
        "gone-lowered",
        both(instead(1, "on-hold"), then("partially-erased", 2), of_last(1, outcome="not-found", found=0)),
    ),
    "five erased, and then all of them kept": (
        "gone-lowered",
        both(
            instead(1, "on-hold"),
            then("partially-erased", 2),
            of_last(1, outcome="retained", retained=5, ground="A court"),
        ),
    ),
    "two gone, and then all of them there": (
        "gone-lowered",
        both(then("re-erased", 26), of_last(2, retained=6, gone=0)),
    ),
    "two gone, and left by an end as if they were there": (
        "gone-lowered",
        both(
            instead(2, "partially-erased", open=Open(2, None, COPIES), body={"identifiers": KEPT}),
            of_last(1, outcome="left", due=5),
        ),
    ),
    "erased again, and nothing more is gone": (
        "nothing-erased-again",
        both(then("re-erased", 26), of_last(1, found=5)),
    ),
    # searches
    **{
        f"no values to search for, and {name}": (
            "left-without-search",
            both(body(2, blindSearch={"searched": "no-values", "at": at(), name: 7}), searched()),
        )
        for name in ("places", "values", "logs", "retained", "mapped", "gaps")
    },
    **{
        f"searched, and no {name} of it": (
            "search-unaccounted",
            both(body(2, blindSearch={one: told for one, told in FOUND.items() if one != name}), searched()),
        )
        for name in SEARCH
        if name not in {"searched", "left"}
    },
    "searched for nothing": ("search-unaccounted", both(body(2, blindSearch=FOUND | {"values": 0}), searched())),
    **{
        f"searched, and its document {name}": ("search-unaccounted", both(body(2, blindSearch=FOUND), change))
        for name, change in {
            "is not cited": lambda _: None,
            "is of another time": searched(at(1)),
            "has fewer places": searched(stores=[SEARCHED_STORE | {"places": 1}]),
            "has more places that were not searched": searched(stores=[SEARCHED_STORE | {"notSearched": [GAP]}]),
            "has more of them than it names": searched(stores=[SEARCHED_STORE | {"moreNotSearched": 3}]),
            "has a store that was not searched": searched(storesNotSearched=["cache"]),
            "is of a sample of nobody": searched(sample={"people": 0, "of": 3, "seed": "x"}),
            "is of a sample of everybody": searched(sample={"people": 3, "of": 3, "seed": "x"}),
            "is of a sample of more than waited": searched(sample={"people": 9, "of": 3, "seed": "x"}),
        }.items()
    },
    "places that were not searched, and its document names none": (
        "search-unaccounted",
        both(body(2, blindSearch=FOUND | {"gaps": 5}), searched()),
    ),
    **{
        f"{how}, and its document is not cited": (
            "search-unaccounted",
            body(2, blindSearch={"searched": how, "at": at()}),
        )
        for how in ("not-in-sample", "no-values")
    },
    "not in a sample, and no sample was drawn": (
        "search-unaccounted",
        both(body(2, blindSearch={"searched": "not-in-sample", "at": at()}), searched()),
    ),
    "not in a sample at no time": (
        "search-unaccounted",
        both(body(2, blindSearch={"searched": "not-in-sample"}), searched(sample=SAMPLE)),
    ),
    "no values to search for in a sample of nobody": (
        "search-unaccounted",
        both(body(2, blindSearch={"searched": "no-values", "at": at()}), searched(sample=SAMPLE | {"people": 0})),
    ),
    "ended before a search, and a time of it": (
        "search-unaccounted",
        body(2, blindSearch={"searched": "ended", "at": at()}),
    ),
    "ended before a search, and a document of it": (
        "search-unaccounted",
        both(body(2, blindSearch={"searched": "ended"}), searched()),
    ),
    "a document of a search, and not a word of it": ("search-unaccounted", both(of_everything, searched())),
    "a search that left something in a store that was not searched": (
        "search-unaccounted",
        both(
            instead(2, "on-hold", body={"blindSearch": SEARCH | {"left": [SEARCH["left"][0] | {"store": "cache"}]}}),
            searched(),
        ),
    ),
    "a store searched twice": (
        "place-twice",
        both(
            body(2, blindSearch=FOUND | {"places": 4}),
            searched(stores=[SEARCHED_STORE, SEARCHED_STORE]),
        ),
    ),
    "a store that was searched and was not": (
        "place-twice",
        both(body(2, blindSearch=FOUND | {"gaps": 1}), searched(storesNotSearched=["main"])),
    ),
    "a search that left nothing in a place": (
        "search-unaccounted",
        both(
            instead(
                2,
                "partially-erased",
                open=Open(1, None, COPIES),
                body={"identifiers": DESTROYED, "blindSearch": SEARCH | {"left": [SEARCH["left"][0] | {"records": 0}]}},
            ),
            searched(),
        ),
    ),
    "another answer after one": ("event-order", instead(2, "partially-erased")),
    "settled twice": ("event-order", then("settled", 30)),
    "erased again after it was settled": (
        "event-order",
        lambda r: r["series"].append(
            {**usual("re-erased"), "event": "re-erased", "at": 30}
            | {"body": usual("re-erased")["body"] | {"verifiedAt": at(29)}}
        ),
    ),
    "settled after an end by the operator": (
        "event-order",
        both(
            instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT}),
            then("settled", 30),
        ),
    ),
    # order
    "cancelled after it was erased": ("event-order", then("cancelled")),
    "denied after it was erased": ("event-order", then("denied")),
    "extended after the answer": ("event-order extended-by-nothing", then("extended")),
    "erased twice": ("event-order", then("erased")),
    "not found after it was erased": ("event-order found-lowered gone-lowered", then("not-found")),
    "settled before any answer": ("event-order", instead(1, "settled")),
    "erased again before it was erased": ("event-order", instead(1, "re-erased")),
    "erased after it was denied": ("event-order", both(instead(1, "denied"), then("erased"))),
    "on hold after it was denied": ("event-order", both(instead(1, "denied"), then("on-hold"))),
    "erased after it was cancelled": (
        "event-order over-and-open",
        both(instead(1, "cancelled", final=False), then("erased")),
    ),
    "cancelled twice": (
        "event-order over-and-open",
        both(instead(1, "cancelled", final=False), then("cancelled")),
    ),
    "extended after it was cancelled": (
        "event-order over-and-open extended-by-nothing",
        both(instead(1, "cancelled", final=False), then("extended")),
    ),
    "cancelled and not final": ("over-and-open", instead(1, "cancelled", final=False)),
    "cancelled with four open": ("over-and-open", instead(1, "cancelled", final=False, open=Open(4))),
    "denied with one open": ("over-and-open", instead(1, "denied", open=Open(1))),
    "a copy goes in a request": ("event-order", then("copy-gone")),
    "a request's end in a copy's series": (
        "event-order deadlines-change",
        both(member(0, event="copy-seen"), instead(1, "erased")),
    ),
    # time
    "dated ninety days before the one before": ("time-backwards looked-later-than-stated", member(2, at=-24 * 90)),
    "dated a second before the one before": ("time-backwards looked-later-than-stated", member(2, at=1 - 1 / 3600)),
    "issued in ten years": ("in-the-future", member(2, at=24 * 3650)),
    "issued in eleven minutes": ("in-the-future", then("correction", 50 + 11 / 60)),
    "verified after it was stated": ("looked-later-than-stated", body(1, verifiedAt="2030-01-01T00:00:00Z")),
    "counted after it was stated": ("looked-later-than-stated", body(1, countedAt=at(5), verifiedAt=at(5))),
    "copies listed after it was stated": (
        "looked-later-than-stated",
        lambda r: r["documents"]["copies"]["listings"][0].update(at=at(30)),
    ),
    "searched after it was stated": (
        "looked-later-than-stated",
        both(body(2, blindSearch={"searched": "no-values", "at": at(40)}), searched(at(40))),
    ),
    "searched before it was received": (
        "looked-before-receipt",
        both(body(2, blindSearch=FOUND | {"at": at(-2)}), searched(at(-2))),
    ),
    "copies listed before it was received": (
        "looked-before-receipt",
        lambda r: r["documents"]["copies"]["listings"][0].update(at=at(-2)),
    ),
    "settled by a look of twenty hours before the answer's": (
        "looks-backwards",
        both(
            member(1, at=21, open=Open(1, T0 + timedelta(days=3), COPIES)),
            body(1, countedAt=at(20), verifiedAt=at(20.9)),
            body(2, verifiedAt=at(1)),
        ),
    ),
    "settled by a look of a second and ten minutes before the answer": (
        "looks-backwards",
        body(2, verifiedAt=at(1 - 601 / 3600)),
    ),
    "settled by a look between the answer's and the answer": (
        "looks-backwards",
        both(body(1, countedAt=at(0.1), verifiedAt=at(0.2)), body(2, verifiedAt=at(0.5))),
    ),
    "erased again by a look between the answer's and the answer": (
        "looks-backwards",
        both(
            body(1, countedAt=at(0.1), verifiedAt=at(0.2)),
            then("re-erased", 26, body={"verifiedAt": at(0.5)}),
            of_last(1, found=9),
            then("settled", 26, body={"verifiedAt": at(0.5)}),
        ),
    ),
    "settled by a look before what was erased again was told": (
        "looks-backwards",
        both(
            then("re-erased", 26, body={"verifiedAt": at(25)}),
            of_last(1, found=9),
            then("settled", 27, body={"verifiedAt": at(25.5)}),
        ),
    ),
    "erased again by a look before the answer's": (
        "looks-backwards",
        both(instead(2, "re-erased", body={"verifiedAt": at(0.05)}), of_last(1, found=9), then("settled")),
    ),
    "settled by a look before that of what was erased again": (
        "looks-backwards",
        both(
            then("re-erased", 26, body={"verifiedAt": at(25)}),
            of_last(1, found=9),
            then("settled", body={"verifiedAt": at(1)}),
        ),
    ),
    "answered by a look before the hold's": (
        "looks-backwards",
        both(
            instead(1, "on-hold"),
            then("erased", 2, body={"verifiedAt": at(0.5)}),
            of_last(2, outcome="erased", retained=0, gone=6),
        ),
    ),
    "the person's identity was checked after that was stated": (
        "looked-later-than-stated",
        body(0, identityEvidence={"kind": "callback", "checkedAt": at(0.2)}),
    ),
    "on hold until a day before it was looked for": (
        "kept-until-past",
        both(instead(1, "on-hold", body={"until": "2026-11-22"}), of_last(2, until=None)),
    ),
    "received by the controller after the operator": (
        "begins-after-receipt",
        of_deadlines(controllerReceivedAt=at(-0.5)),
    ),
    "a clock that begins after the request was received": ("begins-after-receipt", of_clock(receivedAt=at(-0.5))),
    "a clock twice": (
        "place-twice",
        lambda r: r["documents"]["deadlines"]["clocks"].append(dict(r["documents"]["deadlines"]["clocks"][0])),
    ),
    "a last day that was moved to an earlier one": ("days-not-counted", of_clock(movedFrom="2026-12-25")),
    "a last day that was moved to itself": ("days-not-counted", of_clock(movedFrom="2026-12-24")),
    **{
        f"a day that is not counted {name}": ("days-not-counted", of_clock(notCounted=[{"day": day, "name": "x"}]))
        for name, day in {"before the clock begins": "2026-11-22", "after its last": "2026-12-25"}.items()
    },
    "a day that is not counted twice": (
        "days-not-counted",
        of_clock(notCounted=[{"day": "2026-12-08", "name": "x"}] * 2),
    ),
    "a log that is left alone, and erased": ("place-twice", logs_left_alone("posts")),
    "a log that is left alone twice": ("place-twice", logs_left_alone("access", "access")),
    "a copy taken half a year after it was listed": (
        "taken-after-listed",
        of_copy(2, takenBetween=["2027-06-01T00:00:00Z", "2027-06-02T00:00:00Z"]),
    ),
    "a copy taken ten minutes and a second after what tells of it": (
        "taken-after-listed",
        of_copy(2, takenBetween=[at(1 + 601 / 3600), at(2)]),
    ),
    "a copy that was seen earlier, taken a day and a second after what tells of it": (
        "taken-after-listed",
        both(not_listed, of_copy(2, takenBetween=[at(25 + 1 / 3600), at(26)])),
    ),
    "counted after it was verified": ("counted-after-verified", body(1, verifiedAt=at(0.5), countedAt=at(0.95))),
    "received after it was accepted": (
        "received-after-stated looked-before-receipt",
        both(body(0, receivedAt=at(1)), of_deadlines(receivedAt=at(1))),
    ),
    "received on another day than its deadlines say": ("receipt-differs", body(0, receivedAt=at(-24 * 20))),
    "to be answered before it was received": ("deadline-before-receipt", due(at(-2))),
    "a clock that ended before it began": ("deadline-before-receipt", due("2026-01-01T00:00:00Z")),
    "a clock that ended before its own receipt": (
        "deadline-before-receipt",
        both(
            of_deadlines(controllerReceivedAt=at(-24 * 50)),
            due(at(-24 * 20)),
            of_clock(receivedAt=at(-1)),
        ),
    ),
    "another receipt of the extended deadlines": (
        "receipt-differs",
        both(instead(1, "extended"), extended_to("2026-12-24T23:00:00Z", receivedAt=at(-0.5))),
    ),
    "extended to an earlier day": ("extended-by-nothing", both(instead(1, "extended"), extended_to(at(24 * 9)))),
    "extended without deadlines": ("extended-by-nothing", instead(1, "extended", cites=[])),
    "to be answered after its clock": ("answer-day-differs", of_deadlines(answerBy="2099-01-01T00:00:00Z")),
    "a clock that is over two days after its last day": ("answer-day-differs", of_clock(lastDay="2026-12-22")),
    "a clock that is over two days before its last day": ("answer-day-differs", of_clock(lastDay="2026-12-26")),
    "a clock that is extended to another day than its last": (
        "answer-day-differs",
        both(
            instead(1, "extended"),
            extended_to("2027-02-24T23:00:00Z"),
            lambda r: r["documents"]["extended"]["clocks"][0].update(
                extension={"at": at(0), "reason": "x", "lastDay": "2026-12-30"}
            ),
        ),
    ),
    "a clock that ends first and is none": ("answer-day-differs", of_deadlines(first="promise")),
    "a clock that ends first and ends later": (
        "answer-day-differs",
        both(
            lambda r: r["documents"]["deadlines"]["clocks"].append(
                {**r["documents"]["deadlines"]["clocks"][0], "clock": "promise", "lastDay": "2026-12-28"}
                | {"dueAt": "2026-12-28T23:00:00Z"}
            ),
            of_deadlines(first="promise"),
        ),
    ),
    "to be answered before its clock": ("answer-day-differs", of_deadlines(answerBy=at(24))),
    "to be answered after its clock as extended": (
        "answer-day-differs",
        both(
            due("2027-02-24T23:00:00Z"),
            of_clock(dueAt=at(24), lastDay="2026-11-25", extendedTo=at(48)),
            of_clock(extension={"at": at(0), "reason": "x", "lastDay": "2026-11-26"}),
        ),
    ),
    "to be answered by another day than is open": ("answer-day-differs", member(0, open=Open(1))),
    "verified before it was received": (
        "looked-before-receipt cutoff-in-the-future",
        body(1, verifiedAt=at(-9000), countedAt=at(-9000)),
    ),
    "counted before it was received": ("looked-before-receipt", body(1, countedAt=at(-1.2))),
    "cut off in five years": (
        "cutoff-in-the-future",
        lambda r: r["series"][1]["body"]["stores"][0].update(cutoff="2031-01-01T00:00:00Z"),
    ),
    "cut off a year before it was received": ("cutoff-before-receipt", of_store(0, cutoff="2025-11-24T10:00:00Z")),
    "cut off a day and a second before it was received": (
        "cutoff-before-receipt",
        of_store(1, cutoff=at(-25 - 1 / 3600)),
    ),
    "erased where nothing is cut off": ("erased-without-cutoff", of_store(0, cutoff=None)),
    "a part of it gone where nothing is cut off": (
        "erased-without-cutoff",
        both(
            lambda r: [lines(r).__setitem__(number, kept(lines(r)[number])) for number in (0, 1)],
            without_level,
            of_store(0, cutoff=None),
        ),
    ),
    "cut off after it was verified": (
        "cutoff-in-the-future",
        both(
            member(1, at=40),
            instead(2, "correction", at=45, open=Open(1, CHECK.expected_by)),
            lambda r: r["series"][1]["body"]["stores"][0].update(cutoff=at(26)),
        ),
    ),
    "extended by the deadlines that were there": ("extended-by-nothing", instead(1, "extended")),
    "extended by nothing of its own": (
        "extended-by-nothing",
        both(
            instead(1, "extended"),
            extended_to("2026-12-24T23:00:00Z", warning="x"),
            lambda r: [r["documents"]["extended"]["clocks"][0].pop(one) for one in ("extendedTo", "extension")],
        ),
    ),
    "extended twice at once": (
        "extended-by-nothing",
        both(
            lambda r: r["documents"]["deadlines"]["clocks"].append(
                {**r["documents"]["deadlines"]["clocks"][0], "clock": "promise"}
            ),
            instead(1, "extended"),
            extended_to("2027-02-24T23:00:00Z"),
            lambda r: r["documents"]["extended"]["clocks"].__setitem__(
                1, {**r["documents"]["extended"]["clocks"][0], "clock": "promise"}
            ),
        ),
    ),
    "extended, and a clock is gone": (
        "extended-by-nothing",
        both(
            lambda r: r["documents"]["deadlines"]["clocks"].append(
                {**r["documents"]["deadlines"]["clocks"][0], "clock": "promise"}
            ),
            instead(1, "extended"),
            extended_to("2027-02-24T23:00:00Z"),
            lambda r: r["documents"]["extended"]["clocks"].pop(),
        ),
    ),
    "extended, and the clock itself is another": (
        "extended-by-nothing",
        both(
            instead(1, "extended"),
            extended_to("2027-02-24T23:00:00Z"),
            lambda r: r["documents"]["extended"]["clocks"][0].update(
                dueAt="2027-01-24T23:00:00Z", lastDay="2027-01-24"
            ),
        ),
    ),
    "extended when its clock was over": (
        "extension-misdated",
        both(
            due(at(30)),
            of_clock(lastDay="2026-11-25"),
            instead(1, "extended", at=40),
            extended_to("2027-02-24T23:00:00Z"),
            dated(at(20)),
        ),
    ),
    **{
        f"a clock extended {name}": (
            "extension-misdated",
            both(instead(1, "extended"), extended_to("2027-02-24T23:00:00Z"), dated(text)),
        )
        for name, text in {
            "before it began": at(-2),
            "after it was over": "2026-12-25T10:00:00Z",
            "weeks after it is stated": at(24 * 20),
        }.items()
    },
    "a law's clock of a century": ("clock-beyond-law", due("2126-12-24T23:00:00Z")),
    "a law's clock that is extended by a century": (
        "clock-beyond-law",
        both(instead(1, "extended"), extended_to("2126-02-24T23:00:00Z")),
    ),
    "a clock that ends later and was not extended": (
        "extension-misdated",
        both(
            instead(1, "extended"),
            extended_to("2027-02-24T23:00:00Z"),
            lambda r: r["documents"]["extended"]["clocks"][0].pop("extension"),
        ),
    ),
    "no clock but that of the confirmation": ("answer-day-differs", of_clock(clock="confirmation")),
    "other deadlines of a hold": (
        "deadlines-change",
        both(
            instead(1, "on-hold"),
            second("deadlines", to=1, warning="x"),
            member(1, open=Open(1, ANSWER_BY, COPIES)),
        ),
    ),
    # whose, and of what
    "a collection of a type that was not asked for": (
        "type-not-asked-for",
        lambda r: r["documents"]["plan"]["dataTypes"].update({"main.posts": "messages"}),
    ),
    "a collection of no type": (
        "type-not-asked-for",
        lambda r: r["documents"]["plan"]["dataTypes"].pop("main.posts"),
    ),
    "another controller": ("controller-changes", body(1, controller="client:43")),
    "another controller at settling": ("controller-changes", body(2, controller="company")),
    "other data types": ("types-change", body(1, dataTypes=["account"])),
    "a limit that is dropped": ("types-change", without(1, "dataTypes")),
    "a limit that the plan does not have": (
        "types-change type-not-asked-for",
        lambda r: r["documents"]["plan"].update(limitedTo=["account"]),
    ),
    "a collection that was not planned": ("plan-against-lines", of_line(1, collection="others")),
    "a store that was not planned": ("plan-against-lines", drop_store),
    "a limit that no statement names": (
        "types-change",
        both(without(2, "blindSearch"), lambda r: [one["body"].pop("dataTypes") for one in r["series"]]),
    ),
    "erased by another plan, and three collections are out of sight": (
        "plan-changes",
        both(
            erased,
            second("plan", to=1, stores=[{**good()["documents"]["plan"]["stores"][0], "collections": POSTS}]),
            body(1, stores=[{"store": "main", "cutoff": at(0), "collections": [line("posts", "erased", 5)]}]),
        ),
    ),
    "settled by another plan": ("plan-changes", second("plan", to=2, software="expunge 2")),
    "a collection that is left out": ("plan-against-lines", lambda r: lines(r).pop(1)),
    "not found, and a collection is left out": ("plan-against-lines", both(missing, lambda r: lines(r).pop(1))),
    "on hold, and a collection is left out": (
        "plan-against-lines",
        both(instead(1, "on-hold"), lambda r: lines(r).pop(0)),
    ),
    "erased again, and a collection is left out": (
        "plan-against-lines",
        both(then("re-erased"), lambda r: r["series"][2]["body"]["stores"].pop()),
    ),
    "a store that is left out": ("plan-against-lines", lambda r: r["series"][1]["body"]["stores"].pop()),
    "not found in no store": ("plan-against-lines", both(missing, body(1, stores=[]))),
    "erased in no collection": (
        "plan-against-lines",
        both(erased, body(1, stores=[{"store": one, "cutoff": None, "collections": []} for one in ("main", "cache")])),
    ),
    "no plan": ("plan-against-lines", member(0, cites=["deadlines"])),
    # what is open
    "accepted and nothing open": ("nothing-owed", member(0, open=Open())),
    "erased and no check owed": (
        "nothing-owed",
        both(erased, member(1, open=Open(copies=OpenCopies(3, 1, SOON, LAST)))),
    ),
    "not found and no check owed": (
        "nothing-owed",
        both(missing, member(1, open=Open(copies=OpenCopies(3, 1, SOON, LAST)))),
    ),
    "erased and no day of the check": ("nothing-owed", both(erased, member(1, open=Open(1, None, COPIES)))),
    "copies that are not told any more": ("copies-not-counted", member(2, cites=[], open=Open())),
    "copies of no list": ("copies-not-counted", member(0, open=Open(1, ANSWER_BY, OpenCopies(9, 9)))),
    "a copy of a place that was not listed": ("copies-not-listed", of_copy(0, place="tapes")),
    "more copies than there were": (
        "copies-not-listed",
        lambda r: r["documents"]["copies"]["listings"][0].update(copies=2),
    ),
    "copies due and none open": ("copies-not-counted", member(2, open=Open())),
    "not found, and its copies are not counted": ("copies-not-counted", both(missing, member(1, open=Open(1, SOON)))),
    "a copy that is not counted": ("copies-not-counted", member(2, open=Open(copies=OpenCopies(2, 0, SOON, LAST)))),
    "an endless copy that is not told": ("copies-not-counted", left_out),
    "another day than the first copy's": (
        "copies-not-counted",
        member(2, open=Open(copies=OpenCopies(3, 1, SOON + timedelta(days=1), LAST))),
    ),
    "another day than the last copy's": (
        "copies-not-counted",
        member(2, open=Open(copies=OpenCopies(3, 1, SOON, LAST + timedelta(days=1)))),
    ),
    "fewer copies stated together than are open": (
        "copies-not-counted",
        both(copies_together, lambda r: r["documents"]["copies"]["mayHoldTheRecords"][3].update(copies=3)),
    ),
    "a copy expected before it is due": ("copy-days-reversed", of_copy(0, due="2026-12-09T00:00:00Z")),
    "a copy that was taken backwards": ("copy-days-reversed", of_copy(0, takenBetween=[at(-19), at(-20)])),
    "a copy that was gone before it was taken": ("copy-days-reversed", of_copy(0, due=at(-30))),
    "a copy that is due on no day": ("copy-days-reversed", of_copy(2, status="due")),
    # the end
    "closed with a place left": ("kept-when-closed", left_and_closed),
    "closed with invoices kept until 2035": (
        "kept-when-closed",
        both(body(2, identifiers=KEPT), member(2, open=Open(1, None, COPIES)), CLOSED),
    ),
    "closed with invoices kept without a day": (
        "kept-when-closed",
        both(of_line(2, until=None), body(2, identifiers=KEPT), member(2, open=Open(1, None, COPIES)), CLOSED),
    ),
    "closed with copies open": (
        "kept-when-closed copies-not-counted",
        both(CLOSED, member(3, open=Open(copies=OpenCopies(1, 1)))),
    ),
    "closed with copies in the last list": (
        "kept-when-closed copies-not-counted",
        of_gone(mayHoldTheRecords=[held("d", "never", None, None)], listings=[GONE["listings"][0] | {"copies": 1}]),
    ),
    "closed before any answer": (
        "event-order kept-when-closed closed-too-early",
        lambda r: (r["series"].__delitem__(slice(1, None)), CLOSED(r)),
    ),
    "closed before the check after the answer": (
        "event-order kept-when-closed",
        both(erased, lambda r: r["series"].pop(), CLOSED),
    ),
    "closed twice": ("event-order", both(CLOSED, lambda r: r["series"].append(r["series"][-1] | {"at": 49.96}))),
    "something after closed": ("event-order", both(CLOSED, then("re-erased", 49.96), of_last(2, gone=3, retained=3))),
    "closed without a list of copies": (
        "closed-unshown copies-forgotten",
        both(CLOSED, member(3, cites=[])),
    ),
    "closed without a look at a planned place": ("closed-unshown", of_gone(listings=[])),
    "closed, and copies of the ledger are said to be gone that nobody listed": (
        "closed-unshown",
        closed(ledgerCopies="gone"),
    ),
    "closed, and copies of the ledger were listed of which nothing is said": (
        "closed-unshown",
        of_gone(listings=[*GONE["listings"], ledger_listed()]),
    ),
    "closed beside no control": ("gone-unconfirmed", of_gone(listings=[GONE["listings"][0] | {"control": None}])),
    "closed beside no control with copies of the ledger": (
        "gone-unconfirmed",
        both(
            closed(ledgerCopies="gone"),
            lambda r: r["documents"]["gone"]["listings"].append(ledger_listed(control=None)),
        ),
    ),
    "closed since before the last look": ("closed-too-early", closed(nothingLeftAt=at(20))),
    "closed since after the last look": ("closed-too-early", closed(nothingLeftAt=at(25.95))),
    "closed less than a day after the last look": (
        "closed-too-early",
        of_gone(listings=[GONE["listings"][0] | {"at": at(49.7), "storageAt": at(49.7)}]),
    ),
    "closed before a copy went": (
        "closed-too-early",
        of_gone(seenGone=[*GONE["seenGone"][:2], GONE["seenGone"][2] | {"goneAt": at(75)}]),
    ),
    "closed, and what may be another person's is there": (
        "kept-when-closed",
        both(erased, body(2, ambiguous=1), CLOSED),
    ),
    "closed, and by a value that could not be read nothing was searched for": (
        "kept-when-closed",
        both(erased, body(2, unread=1), CLOSED),
    ),
    "closed and a copy gone before it was begun": (
        "copy-days-reversed",
        of_gone(seenGone=[*GONE["seenGone"][:2], GONE["seenGone"][2] | {"goneAt": at(-24 * 20)}]),
    ),
    "closed and a copy forgotten": ("copies-forgotten", of_gone(seenGone=GONE["seenGone"][:2])),
    "closed and another copy in its place": (
        "copies-forgotten",
        of_gone(seenGone=[*GONE["seenGone"][:2], GONE["seenGone"][2] | {"id": "d"}]),
    ),
    "closed and a copy of another place in its place": (
        "copies-forgotten",
        of_gone(seenGone=[*GONE["seenGone"][:2], GONE["seenGone"][2] | {"place": "others"}]),
    ),
    "closed and one fewer of those that are not named": (
        "copies-forgotten",
        of_gone(seenGone=[{name: one for name, one in GONE["seenGone"][0].items() if name != "id"} | {"copies": 2}]),
    ),
    "closed and a copy forgotten that an earlier list alone has": (
        "copies-forgotten",
        both(
            lambda r: r["documents"].update(
                earlier=r["documents"]["copies"] | {"mayHoldTheRecords": [held("z", "never", None, None)]}
            ),
            member(1, cites=["earlier"], open=Open(1, T0 + timedelta(days=2), OpenCopies(1, 1))),
            CLOSED,
        ),
    ),
    # what is owed ends by an answer, and by nothing else
    **{
        f"{event} {'and the last word' if final else 'and nothing is open'}, and no answer": (
            "debt-lowered",
            instead(1, event, final=final),
        )
        for event in ("correction", "failed")
        for final in (False, True)
    },
    "corrected, and the answer is put off": (
        "debt-lowered",
        instead(1, "correction", open=Open(1, ANSWER_BY + timedelta(days=1))),
    ),
    "corrected, and the answer is due on no day": ("debt-lowered", instead(1, "correction", open=Open(1))),
    "corrected instead of checked": ("debt-lowered", both(erased, instead(2, "correction"))),
    "failed after a hold, and nothing is open": ("debt-lowered", both(instead(1, "on-hold"), then("failed", 2))),
    "erased in part and no day of the check": ("nothing-owed", member(1, open=Open(1, None, COPIES))),
    "erased again and no day of the check": ("nothing-owed", then("re-erased", open=Open(1, None, COPIES))),
    **{
        f"{event}, and two are open": ("several-owed", change)
        for event, change in {
            "accepted": member(0, open=Open(2, ANSWER_BY)),
            "erased": both(erased, member(1, open=Open(2, CHECK.expected_by, COPIES))),
            "on hold": instead(2, "on-hold", open=Open(2, None, COPIES)),
            "erased again": instead(2, "re-erased", open=Open(2, CHECK.expected_by, COPIES)),
        }.items()
    },
    "settled, and a day is given": (
        "day-of-nothing",
        both(body(2, identifiers=KEPT), member(2, open=Open(1, SOON, COPIES))),
    ),
    "ended, and a day is given": (
        "day-of-nothing",
        both(instead(2, "partially-erased", body={"identifiers": KEPT}), member(2, open=Open(1, SOON, COPIES))),
    ),
    "a place listed twice": (
        "place-twice",
        lambda r: r["documents"]["copies"]["listings"].insert(0, r["documents"]["copies"]["listings"][0] | NINE),
    ),
    "a copy of a store that is not planned": ("copies-not-listed", of_copy(0, store="elsewhere")),
    **{
        f"copies of a store in a place with those of {of}": (
            "copies-not-listed",
            lambda r, of=of: r["documents"]["copies"]["listings"][0].update({"of": of}),
        )
        for of in ("cache", "ledger")
    },
    "a group of no copies": (
        "copies-not-listed",
        lambda r: r["documents"]["copies"]["mayHoldTheRecords"].append(
            {name: one for name, one in held("d", "never", None, None).items() if name != "id"} | {"copies": 0}
        ),
    ),
    "a copy that nothing ends, and its day": ("status-against-days", of_copy(2, expectedBy="2026-12-25T00:00:00Z")),
    "a copy that is overdue and goes in three years": (
        "status-against-days",
        of_copy(2, status="overdue", due="2030-01-01T00:00:00Z", expectedBy="2030-01-01T00:00:00Z"),
    ),
    "a copy that is overdue on no day": ("status-against-days", of_copy(2, status="overdue")),
    "dropped and kept": (
        "outcome-against-counts",
        of_line(1, outcome="dropped", retained=5, ground="x", until=None),
    ),
    # days that no true receipt has
    "kept until a day before it was looked for, and no cutoff": (
        "kept-until-past erased-without-cutoff",
        both(of_line(2, until="1999-01-01"), of_store(0, cutoff=None)),
    ),
    "kept until a day before it was looked for": ("kept-until-past", of_line(2, until="2026-11-22")),
    "kept again until a day before it was looked for": (
        "kept-until-past",
        both(then("re-erased"), of_last(2, until="1999-12-31")),
    ),
    **{
        f"{event}, and checked in a hundred years": ("check-too-late", both(change, member(1, open=IN_A_CENTURY)))
        for event, change in {"erased": erased, "not-found": missing, "partially-erased": bool}.items()
    },
    "erased again, and checked in a hundred years": ("check-too-late", then("re-erased", open=IN_A_CENTURY)),
    "keys destroyed and kept": (
        "keys-destroyed-and-kept",
        both(
            body(2, identifiers=DESTROYED | {"kept": "What leads there"}),
            member(2, open=Open(1, None, COPIES)),
        ),
    ),
    "keys neither destroyed nor kept": (
        "keys-destroyed-and-kept",
        body(2, identifiers=DESTROYED | {"destroyedInLedger": False}),
    ),
    "keys destroyed and an address kept": (
        "keys-destroyed-and-kept",
        body(2, identifiers=DESTROYED | {"contactKept": "For the last letter"}),
    ),
    "keys destroyed and sealed for another series": (
        "keys-destroyed-and-kept",
        instead(1, "cancelled", body={"continuedIn": OTHER, "identifiers": DESTROYED | CARRIED_OVER}),
    ),
    # a request that goes on elsewhere
    **{
        name: ("goes-on-nowhere", change)
        for name, change in {
            "goes on in the series that it ends": instead(
                1, "cancelled", body={"continuedIn": ITSELF, "identifiers": SEALED}
            ),
            "goes on in the series that it ends, and its keys are gone": instead(
                1, "cancelled", body={"continuedIn": ITSELF}
            ),
            "carried over to no series": instead(1, "cancelled", body={"identifiers": SEALED}),
            "settled, and carried over": body(2, identifiers=SEALED),
            "ended by an operator, and carried over": instead(
                2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT | CARRIED_OVER}
            ),
            "accepted, and goes on elsewhere": body(0, continuedIn=OTHER),
            "answered, and goes on elsewhere": body(1, continuedIn=OTHER),
            "settled, and goes on elsewhere": body(2, continuedIn=OTHER),
            "settled, carried over and goes on elsewhere": body(2, continuedIn=OTHER, identifiers=SEALED),
            "denied, and goes on elsewhere": instead(1, "denied", body={"continuedIn": OTHER}),
            "corrected, and goes on elsewhere": then("correction", body={"continuedIn": OTHER}),
        }.items()
    },
    **{
        f"openable {name}": ("openable-against-copies", change)
        for name, change in {
            "until a day before the ledger's copies were listed": openable("2026-11-23"),
            "until a day in years before, by a storage whose clock is days behind": openable(
                "2020-01-01", storageAt=at(-72)
            ),
            "until a day, and the ledger has no copy": openable("2027-01-11", copies=0),
            "until a day, and no copies of the ledger were listed": openable("2027-01-11", of="main"),
            "until this day, and none is given": openable(None),
            "until a day, and no day is known": openable(
                "2027-01-11", "No day is known: as long as such a copy exists"
            ),
            "until a day, and nobody looked": openable(
                "2027-01-11", "How long such copies are kept\u00a0was not looked at"
            ),
        }.items()
    },
    "checked at the end of the calendar": (
        "looked-later-than-stated looked-before-receipt",
        body(1, verifiedAt="9999-12-31T23:59:59Z", countedAt="0001-01-01T00:00:00Z"),
    ),
    "an outcome that is a list": ("form-unknown event-against-outcome", body(1, outcome=["partially-erased"])),
    "an outcome that is an object": ("form-unknown event-against-outcome", body(1, outcome={})),
}


def issued(make_operator: Callable[..., Any], receipt: Receipt) -> Any:
    documents = receipt["documents"]
    cited = {name for one in receipt["series"] for name in one["cites"]}
    operator = make_operator(series=ITSELF, documents=[one for name, one in documents.items() if name in cited])
    for one in receipt["series"]:
        context = [export.document_digest(documents[name]) for name in one["cites"]]
        operator.issue(
            one["event"],
            whole=False,
            issued_at=T0 + timedelta(hours=one["at"]),
            body={**one["body"], "context": context},
            still_open=one["open"],
            final=one.get("final", False),
        )
    return operator


def passed_on_late(receipt: Receipt) -> None:
    """The controller passed it on when the law's clock was over: a breach, and no contradiction."""
    both(of_deadlines(controllerReceivedAt=at(-24 * 50)), due(at(-24 * 20)))(receipt)
    receipt["documents"]["deadlines"]["clocks"][0].update(receivedAt=at(-24 * 50))


def closed_in_the_end(receipt: Receipt) -> None:
    """Everything was erased, the copies were looked for and are gone."""
    both(erased, CLOSED)(receipt)


def again_all_erased(receipt: Receipt) -> None:
    """Erased again after an answer by which nothing was kept."""
    both(then("re-erased"), of_last(2, outcome="erased", retained=0, gone=6))(receipt)


def all_kept(receipt: Receipt) -> None:
    """The last statement says of everything that was found that it is kept."""
    for store in receipt["series"][-1]["body"]["stores"]:
        store.pop("level", None)
        store["collections"] = [kept(one) if one["found"] else one for one in store["collections"]]


def nothing_went(receipt: Receipt) -> None:
    """The answer is the last statement, and by it all is kept."""
    del receipt["series"][2:]
    all_kept(receipt)


TRUE = {
    "on hold, all of it, and denied": both(instead(1, "on-hold"), all_kept, then("denied", 2)),
    "on hold after an answer by which all was kept, and some of it went by itself": both(
        nothing_went,
        then("on-hold"),
        all_kept,
        of_last(1, found=3, retained=3),
        of_last(0, outcome="not-found", found=0, retained=0),
        then("settled"),
    ),
    "samples drawn anew of what was erased only again": both(
        of_line(1, outcome="not-found", found=0),
        then("re-erased"),
        then("settled", 28, body={"plannerSamples": [{"store": "main", "drawnAnew": ["posts"], "older": []}]}),
    ),
    "ended, and nothing of the rest is gone": both(
        instead(1, "partially-erased", open=Open(3, None, COPIES), body={"identifiers": KEPT, "reason": ENDED_WHOLE}),
        all_kept,
        of_last(1, outcome="left", retained=0, due=5),
    ),
    "samples drawn anew of one table, and older of another": samples("users", "posts"),
    "searched, and nothing left": both(body(2, blindSearch=FOUND), searched()),
    "searched but for a part of its places, and a store": both(
        body(2, blindSearch=FOUND | {"gaps": 54}),
        searched(
            stores=[SEARCHED_STORE | {"notSearched": [GAP] * 50, "moreNotSearched": 3}], storesNotSearched=["cache"]
        ),
    ),
    "searched before anything was read in time": both(
        body(2, blindSearch=FOUND | {"places": 0, "gaps": 1}),
        searched(stores=[SEARCHED_STORE | {"places": 0, "records": 0, "notSearched": [GAP]}]),
    ),
    "searched in a sample": both(body(2, blindSearch=FOUND), searched(sample=SAMPLE)),
    "not in a sample": both(body(2, blindSearch={"searched": "not-in-sample", "at": at()}), searched(sample=SAMPLE)),
    "no values to search for, and nobody else's": both(
        body(2, blindSearch={"searched": "no-values", "at": at()}), searched(stores=[])
    ),
    "cut off a day before it was received, by a store whose clock is behind": of_store(0, cutoff=at(-25)),
    "cut off at no time in a store in which nothing was erased": of_store(1, cutoff=None),
    "openable until a day": openable("2027-01-11"),
    "openable until the day on which the ledger's copies were listed": openable("2026-11-24"),
    "openable until the day before, by a storage whose clock is a day behind": openable(
        "2026-11-23", storageAt=at(-24)
    ),
    "openable by copies of which none has a day": openable(None, "No day is known: as long as such a copy exists"),
    "ended before a search, and nothing was left": body(2, blindSearch={"searched": "ended"}),
    "copies listed by a storage whose clock is days behind": lambda r: r["documents"]["copies"]["listings"][0].update(
        storageAt=at(-72)
    ),
    "searched by a host whose clock runs ten minutes behind": both(
        body(2, blindSearch=FOUND | {"at": at(-1.1)}), searched(at(-1.1))
    ),
    "erased again, and more was found than the answer says": both(
        instead(2, "re-erased"), of_last(1, found=9), then("settled")
    ),
    "answered after a hold, when the application had deleted some": both(
        instead(1, "on-hold"),
        of_last(1, found=9, outcome="retained", retained=9, ground="A court", until=None),
        then("erased", 2),
        then("settled"),
    ),
    # What is left is looked up when it is settled: another request of the person may have been ended since the answer.
    "settled, and left since by another request where the answer says that all was erased": both(
        LEFT, OPEN, body(2, identifiers=KEPT)
    ),
    "ended, and a search alone left something": both(
        instead(
            2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": DESTROYED, "blindSearch": SEARCH}
        ),
        searched(),
    ),
    "ended by the operator": instead(2, "partially-erased", open=Open(1, None, COPIES), body={"identifiers": KEPT}),
    "a copy that is overdue": of_copy(2, status="overdue", due=at(-2), expectedBy=at(-1)),
    "extended twice": both(
        lambda r: r["documents"]["deadlines"]["clocks"].append(
            {**r["documents"]["deadlines"]["clocks"][0], "clock": "promise"}
        ),
        instead(1, "extended"),
        extended_to("2026-12-24T23:00:00Z", first="promise"),
        lambda r: r["documents"]["extended"]["clocks"][0].update(
            extendedTo="2027-02-24T23:00:00Z", extension={"at": at(0), "reason": "x", "lastDay": "2027-02-24"}
        ),
    ),
    "closed in the end": closed_in_the_end,
    "closed, and the copies are not named": of_gone(
        seenGone=[{name: one for name, one in GONE["seenGone"][0].items() if name != "id"} | {"copies": 5}]
    ),
    "closed with the copies of the ledger": both(
        closed(ledgerCopies="gone"),
        lambda receipt: receipt["documents"]["gone"]["listings"].append(ledger_listed()),
    ),
    "closed, and corrected": both(CLOSED, then("correction", 49.96)),
    "cancelled by a plan without a store that the map lost": both(
        instead(1, "cancelled"),
        second("plan", to=1, stores=good()["documents"]["plan"]["stores"][:1]),
    ),
    **{
        f"a day that is over at {text}": both(due(text), of_clock(lastDay="2026-12-24"))
        for text in ("2026-12-24T10:00:00Z", "2026-12-25T12:00:00Z")  # UTC+14, UTC-12
    },
    "corrected with what is owed": instead(1, "correction", open=Open(1, ANSWER_BY)),
    "failed, then erased": both(
        erased,
        lambda r: r["series"].insert(
            1, {"event": "failed", "at": 0.1, "open": Open(1, ANSWER_BY), "cites": [], "body": {}}
        ),
    ),
    "kept": None,
    "erased": erased,
    "not-found": missing,
    "copies stated together": copies_together,
    "copies seen earlier in a place that is not listed": not_listed,
    "copies of the same ids in storages that their place was": copies_left_behind,
    "passed on late": passed_on_late,
    "extended": both(instead(1, "extended"), extended_to("2027-02-24T23:00:00Z"), dated(at(1))),
    "extended in the last second": both(
        due(at(1)),
        of_clock(lastDay="2026-11-24"),
        instead(1, "extended"),
        extended_to("2027-02-24T23:00:00Z"),
        dated(at(1)),
    ),
    "extended in time by a clock that was set back to before the acceptance": both(
        member(0, at=1),
        due(at(0.5)),
        instead(1, "extended"),
        extended_to("2027-02-24T23:00:00Z"),
        dated(at(0.4)),
    ),
    "on hold, then erased": both(instead(1, "on-hold"), then("erased", 2), again_all_erased, then("settled")),
    "on hold for what a search left alone": both(
        instead(2, "on-hold", open=Open(1, None, COPIES), body={"blindSearch": SEARCH}),
        searched(),
        of_last(2, outcome="erased", retained=0, gone=6),
    ),
    "denied": instead(1, "denied"),
    "cancelled": instead(1, "cancelled"),
    "cancelled, and goes on elsewhere": instead(1, "cancelled", body={"continuedIn": OTHER, "identifiers": SEALED}),
    "cancelled, and is over where it went on": instead(1, "cancelled", body={"continuedIn": OTHER}),
    "kept until the day before by a store whose clock runs behind": of_line(2, until="2026-11-23"),
    "logs left alone": logs_left_alone("access", "audit"),
    "the person's identity was checked within ten minutes of the statement": body(
        0, identityEvidence={"kind": "callback", "checkedAt": at(0.1)}
    ),
    "on hold until the day before, by a store whose clock runs ahead": both(
        instead(1, "on-hold", open=Open(1, None, COPIES), body={"until": "2026-11-23"}),
        of_last(2, until="2026-11-23"),
    ),
    "two clocks, one from when the controller received it": both(
        of_deadlines(controllerReceivedAt=at(-24)),
        lambda r: r["documents"]["deadlines"]["clocks"].append(
            {**r["documents"]["deadlines"]["clocks"][0], "clock": "promise"}
        ),
        of_clock(receivedAt=at(-24), movedFrom="2026-12-20", notCounted=[{"day": "2026-12-08", "name": "x"}]),
    ),
    "kept by the plan until its period was over, and erased": erased,
    "kept until a day, and gone after it": kept_gone(),
    "kept until a day, and gone on it": kept_gone("2026-11-26"),
    "kept until a day, and gone within ten minutes of it": kept_gone("2026-11-26", verifiedAt="2026-11-25T23:51:00Z"),
    "a sweep by age that left some": sweep(),
    "a sweep by age that left what came due on its day": sweep(oldestLeft="2024-11-24"),
    "a sweep by age that left what came due on the last day of a month": both(
        sweep(oldestLeft="2025-08-31"),
        planned_place(period="P6M"),
        lambda r: [one["body"].update(day="2026-02-28") for one in r["series"]],  # type: ignore[func-returns-value]
    ),
    "a sweep by age that was looked at by a clock that was set back by minutes": both(
        sweep(), body(1, verifiedAt=at(-0.1))
    ),
    "a sweep by age that left nothing": sweep(left=0, held=0, oldestLeft=None),
    "checked after the longest time that can be set": member(1, open=Open(1, T0 + timedelta(days=7301), COPIES)),
    # By when it was done is the latest time, from when on it goes the earliest.
    "a copy that was begun, went and may have been done later": of_copy(0, due=at(-19.5)),
    "a copy of a fraction of a second": of_copy(
        0, takenBetween=[at(-20), at(-19).replace("Z", ".123000Z")], due=at(-19)
    ),
    "counted by a host whose clock runs ahead": body(1, countedAt=at(0.95)),
    "settled by a look of a host whose clock runs ten minutes behind": body(2, verifiedAt=at(1 - 600 / 3600)),
    "counted before a hold that was stated first": both(
        instead(1, "on-hold"),
        then("erased", 2, body={"countedAt": at(0.5), "verifiedAt": at(1.9)}),
        then("settled", body={"verifiedAt": at(26)}),
    ),
    "a copy taken while its place was listed": of_copy(2, takenBetween=[at(1 + 600 / 3600), at(2)]),
    "a copy seen earlier in a storage whose clock was a day ahead": both(
        not_listed, of_copy(2, takenBetween=[at(25), at(25)])
    ),
    "a copy taken by a storage whose clock is a day ahead": both(
        lambda r: r["documents"]["copies"]["listings"][0].update(storageAt=at(25)),
        of_copy(2, takenBetween=[at(24), at(24.5)]),
    ),
}


@pytest.mark.parametrize("change", TRUE.values(), ids=TRUE)
def test_what_is_true_has_the_published_form_and_contradicts_nothing(make_operator, change):
    receipt = good()
    if change is not None:
        change(receipt)
    operator = issued(make_operator, receipt)
    data = operator.export()
    assert_has_published_form(data)
    verdict = operator.verify(data, now=NOW)
    assert (verdict.contradictions, verdict.status, verdict.authentic) == ((), "unanchored", True)


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_true_is_contradictory_for_its_own_reason(make_operator, name):
    codes, change = CASES[name]
    receipt = good()
    change(receipt)
    operator = issued(make_operator, receipt)
    verdict = operator.verify(operator.export(), now=NOW)
    assert (verdict.reason, verdict.status, verdict.authentic, verdict.genuine) == (None, "contradictory", False, True)
    assert {one.code for one in verdict.contradictions} == set(codes.split())
    assert len(verdict.statements) == len(receipt["series"])


def test_the_corpus_is_large_and_every_rule_has_a_case():
    assert len(CASES) >= 60
    assert {code for codes, _ in CASES.values() for code in codes.split()} == contradictions.EXPLANATIONS.keys()


def test_a_contradiction_is_shown_beside_all_that_was_said(make_operator, tmp_path, capsys):
    receipt = good()
    of_line(2, ground=None)(receipt)
    operator = issued(make_operator, receipt)
    data = operator.export()
    (tmp_path / "receipt.json").write_bytes(data)
    (tmp_path / "trust.json").write_bytes(trust.encode(operator.trust))
    options = ["verify", str(tmp_path / "receipt.json"), "--trust", str(tmp_path / "trust.json")]
    assert main(options) == 1
    said = capsys.readouterr().out.splitlines()
    reason = "contradictory: kept-without-ground (statement 1, main.invoices): records are kept and no ground is named"
    assert said[0].startswith("contradictory")
    assert said[1] == reason
    assert sum(one.startswith(("  0 ", "  1 ", "  2 ")) for one in said) == 3
    assert not any(one.startswith("Authentic statement") for one in said)
    assert main([*options, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["authentic"], told["reason"]) == ("contradictory", False, None)
    assert told["contradictions"] == [{"reason": "kept-without-ground", "statement": 1, "where": "main.invoices"}]
    page = receipt_page(operator.verify(data, now=NOW), export.parse(data).shared)
    assert reason in page
    assert "invoices" in page[page.index("What happened in each collection") :]


def test_a_correction_ends_no_deadline(make_operator):
    """While a hold lasts its end is owed on no day, and the deadlines of the request run on."""
    receipt = good()
    both(instead(1, "on-hold", open=Open(1, None, COPIES)), then("correction", 2, open=Open(1)))(receipt)
    operator = issued(make_operator, receipt)
    verdict = operator.verify(operator.export(), now=datetime(2027, 6, 1, tzinfo=UTC))
    assert (verdict.contradictions, verdict.overdue_since) == ((), ANSWER_BY)


def test_ten_minutes_between_clocks_contradict_nothing(make_operator):
    receipt = good()
    then("correction", 50 + 10 / 60)(receipt)
    operator = issued(make_operator, receipt)
    assert operator.verify(operator.export(), now=NOW).contradictions == ()


@pytest.mark.parametrize("where", ["users\x1b[2J", "<script>", "a" * 200])
def test_a_place_with_another_name_is_not_printed(make_operator, where):
    receipt = good()
    of_line(2, ground=None, collection=where)(receipt)
    operator = issued(make_operator, receipt)
    said = verdict_text.contradictions(operator.verify(operator.export(), now=NOW))
    assert "contradictory: kept-without-ground (statement 1): records are kept and no ground is named" in said
    assert where not in "".join(said)


def test_a_rule_holds_from_its_predicate_version_on(make_operator, monkeypatch):
    """What an earlier version left open is not held against its statements."""
    receipt = good()
    of_line(2, ground=None)(receipt)
    operator = issued(make_operator, receipt)
    later = tuple(series_reader.Rule(since=2, check=one.check) for one in contradictions.RULES)
    monkeypatch.setattr(contradictions, "RULES", later)
    assert operator.verify(operator.export(), now=NOW).contradictions == ()
    assert statement.PREDICATES == {statement.PREDICATE_TYPE: 1}
