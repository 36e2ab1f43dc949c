"""The receipt as HTML: everything escaped, nothing active, nothing dropped, structure for screen readers."""

import base64
import hashlib
import itertools
import re
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib import resources

import pytest

from expunge_reports import canonical, export
from expunge_reports.page import date_format, glossary
from expunge_reports.page.render import receipt_page
from expunge_reports.statement import EVENTS, Open
from expunge_reports.verify import verdict_text
from expunge_reports.verify.what_is_owed import LateAnswer

HOSTILE = "</td></style></title><script>alert(1)</script><img src=x onerror=alert(1)>&\"'"
PLAN = {
    "kind": "plan",
    "operator": "Example GmbH",
    "contact": "privacy@example.com",
    "software": "expunge 1",
    "dataMap": "sha256:" + "1" * 64,
    "planDigest": "sha256:" + "2" * 64,
    "stores": [
        {
            "store": "main",
            "kind": "postgres",
            "identity": "sha256:" + "3" * 64,
            "collections": {"users": "delete", "invoices": "retain"},
            "noBackups": {"reason": "None are made", "approvedBy": "The officer"},
        }
    ],
    "logsLeftAlone": [
        {
            "store": "main",
            "collection": "access_log",
            "purpose": "Security",
            "ground": "Art. 6(1)(f)",
            "retention": "P90D",
            "approvedBy": "The officer",
        }
    ],
    "dataTypes": {"main.users": "account", "main.invoices": "bookkeeping"},
}
STORES = [
    {
        "store": "main",
        "level": "deleted",
        "cutoff": "2026-11-24T10:00:00.123456+00:00",
        "collections": [
            {"collection": "users", "outcome": "erased", "found": 3, "due": 0, "retained": 0, "newer": 2},
            {
                "collection": "invoices",
                "outcome": "retained",
                "found": 6,
                "due": 0,
                "retained": 4,
                "gone": 2,
                "newer": 0,
                "ground": "Ten years",
                "until": "2035-07-10",
            },
        ],
    }
]


def copy(**changes):
    return {
        "place": "dumps",
        "store": "main",
        "kind": "pg_dump",
        "id": "daily/1.dump@v1",
        "takenBetween": ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"],
        "status": "due",
        "due": "2027-01-02T00:00:00Z",
        "expectedBy": "2027-01-06T00:00:00Z",
        "ground": "rule daily-30d",
        "blocker": None,
        **changes,
    }


def copies(*held, at="2026-11-24T10:00:00Z", control="object README.txt"):
    listing = {"place": "dumps", "of": "main", "at": at, "storageAt": at, "copies": len(held), "control": control}
    return {"kind": "copies", "listings": [listing], "mayHoldTheRecords": list(held)}


def endless(status, blocker):
    return copy(status=status, due=None, expectedBy=None, blocker=blocker, id=f"{status}.dump")


class Structure(HTMLParser):
    """Collects tags and cells, and checks that each tag is closed in order."""

    VOID = frozenset({"meta", "br", "line", "rect", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.inside: list[list[list[str]]] = []  # tables nest
        self.said: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
            self.inside.append(self.tables[-1])
        elif tag == "tr":
            self.inside[-1].append([])
        elif tag in {"td", "th"}:
            self.inside[-1][-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag
        if tag == "table":
            self.inside.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data)
        if {"td", "th"} & set(self.open) and self.inside[-1] and self.inside[-1][-1]:
            self.inside[-1][-1][-1] += data.strip("\n")

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())

    def headed(self, *columns: str) -> list[list[str]]:
        """The rows of the one table that has these headings, in this order."""
        found = [rows for rows in self.tables if rows and set(columns) <= set(rows[0])]
        assert len(found) == 1, columns
        return found[0][1:]


def read(html: str) -> Structure:
    found = Structure()
    found.feed(html)
    assert found.open == []
    return found


def render(operator) -> str:
    data = operator.export()
    return receipt_page(operator.verify(data), export.parse(data).shared)


def cite(*documents):
    return [export.document_digest(document) for document in documents]


@pytest.fixture
def issue(make_operator):
    """A receipt of a request whose statement 1 has this body and cites these documents; returns its page."""

    def make(body, *documents, whole=True):
        operator = make_operator(documents=[PLAN, *documents])
        operator.issue(
            "accepted",
            body={"controller": "shop", "receivedAt": "2026-11-24T09:00:00Z", "context": cite(PLAN)},
        )
        operator.issue("partially-erased", whole=whole, body={**body, "context": cite(*documents)})
        return render(operator)

    return make


@pytest.fixture
def whole(issue):
    held = [copy(), endless("never", "no rule"), endless("held", "a legal hold is on")]
    return issue({"stores": STORES, "claim": "Nothing due was left.", "controller": "shop"}, copies(*held))


def test_a_limited_request_is_never_read_as_the_whole(make_operator):
    limit = ["exports", "messages"]
    operator = make_operator(documents=[PLAN])
    operator.issue("accepted", body={"controller": "shop", "dataTypes": limit, "context": cite(PLAN)})
    operator.issue("erased", body={"controller": "shop", "dataTypes": limit, "stores": STORES, "outcome": "erased"})
    text = read(render(operator)).text
    assert "Only these data types: exports, messages" in text
    for event in ("accepted", "erased"):
        assert f"{glossary.EVENTS[event]} (of the data types asked for only)" in text
    verdict = operator.verify(operator.export())
    said = verdict_text.lines(verdict)
    assert "limited to data of these types: exports, messages; of all other data nothing is said" in said
    assert "erased, of the data types asked for (1 open, " in said[-1]
    assert [one["data_types"] for one in verdict_text.to_object(verdict)["statements"]] == [limit, limit]


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\u202eb", "a\x9b2Jb", "a\nb", "k" * 100_000], ids=ascii)
def test_no_text_of_a_statement_moves_the_cursor_or_fills_the_page(issue, text):
    html = issue({text if text.isascii() else "named": text, "controller": text, "stores": STORES, "reason": text})
    assert text not in html
    assert len(html) < 60_000
    assert "a\ufffd" in html or len(text) > 100


@pytest.mark.parametrize("retention", ["P" + "9" * 5000 + "D", "P1" + "0" * 400 + "Y"])
def test_a_period_of_thousands_of_digits_is_shown_as_it_is(make_operator, retention):
    plan = {**PLAN, "logsLeftAlone": [{"store": "main", "collection": "audit", "retention": retention}]}
    operator = make_operator(documents=[plan])
    operator.issue("accepted", body={"controller": "shop", "context": cite(plan)})
    assert retention[:100] in read(render(operator)).text


def test_a_whole_request_says_nothing_of_a_limit(whole):
    assert "data types asked for" not in whole


@pytest.mark.parametrize("limit", ["messages", [HOSTILE], ["a\x1b[2J"], {"messages": 1}, [1], None])
def test_a_limit_that_cannot_be_read_is_still_said(make_operator, limit):
    operator = make_operator(documents=[PLAN])
    operator.issue("accepted", body={"controller": "shop", "dataTypes": limit, "context": cite(PLAN)})
    operator.issue("erased", body={"controller": "shop", "dataTypes": limit, "stores": STORES})
    assert read(render(operator)).text.count("(of the data types asked for only)") == 4
    said = "\n".join(verdict_text.lines(operator.verify(operator.export())))
    assert "limited to data of these types: (in a form that this version does not know)" in said
    assert "\x1b" not in said


def test_the_verdict_and_its_limits_come_first(whole):
    text = read(whole).text
    places = [
        text.index(words)
        for words in (
            "authentic, unanchored",
            "places not declared are not covered.",
            "no witness vouches that the log was never rewritten",
            "no opening given: not bound to a person",
            "Anyone can write such a page",
            "What was asked, and when",
            "What happened in each collection",
            "Backup copies that may still hold the records",
            "Logs left alone on purpose",
            "Technical details",
        )
    ]
    assert places == sorted(places)


def _warns(html: str) -> bool:
    return 'class="verdict warn"' in html


def test_the_page_says_what_the_verifier_says_and_warns_where_it_exits_1(finished):
    """A quorum that is demanded and not reached is no mere lack of witnesses."""
    shared = export.parse(finished.export()).shared
    plain = finished.verify(finished.export(), *finished.openings)
    untimely = replace(plain, quorum=2, untimely_witnesses=1, high_s=(1,))
    for verdict, warns in ((plain, False), (untimely, True)):
        html = receipt_page(verdict, shared)
        text = read(html).text
        said = verdict_text.grounds(verdict)
        assert [one for one in said if one not in text] == []
        assert (_warns(html), verdict.lacks_witnesses) == (warns, warns)
        assert set(said) < set(verdict_text.lines(verdict))
    assert "the trust file demands 2 witnesses of this checkpoint, and there are fewer" in text
    assert "no witness vouches" not in text


def test_what_was_stated_and_what_is_open_stand_in_the_verdict(finished):
    text = read(receipt_page(finished.verify(finished.export()), export.parse(finished.export()).shared)).text
    verdict = text[: text.index("What this verdict rests on")]
    stated = f"{glossary.EVENTS['partially-erased']}. Then: {glossary.EVENTS['settled']}"
    assert f"Stated by 2026-11-24 10:15:42 UTC: {stated}. Still open: Nothing; this is the last statement." in verdict


def test_an_answer_after_its_deadline_stands_in_the_verdict(finished):
    shared = export.parse(finished.export()).shared
    in_time = finished.verify(finished.export())
    late = replace(in_time, answered_late=LateAnswer(1, datetime(2026, 11, 20, 23, tzinfo=UTC), 4))
    text = read(receipt_page(late, shared)).text
    said = "Answered 4 days after it was due: statement 1, due by 2026-11-20 23:00:00 UTC."
    assert said in text[: text.index("What this verdict rests on")]
    assert "after it was due" not in read(receipt_page(in_time, shared)).text
    assert _warns(receipt_page(late, shared)) is _warns(receipt_page(in_time, shared)) is False


def test_one_table_holds_the_collections_of_a_statement(whole):
    users, invoices = read(whole).headed("Store", "Collection", "Data type", "Newer")
    assert users == ["main", "users", "account", "Erased", "3", "0", "0", "", "", "2"]
    assert invoices == [
        "invoices",
        "bookkeeping",
        "Kept in part; of the rest nothing due is left (2 gone)",
        "6",
        "0",
        "4",
        "Ten years",
        "2035-07-10",
        "0",
    ]


def test_copies_are_a_table_with_end_and_blocker(whole):
    rows = read(whole).headed("No.", "Place", "Ends", "What stands in the way")
    assert [row[3] for row in rows] == [
        "by 2027-01-06due 2027-01-02",
        "NEVERno rule ends it",
        "HELDa hold keeps it",
    ]
    assert [row[5] for row in rows] == ["nothing known", "no rule", "a legal hold is on"]
    assert rows[0][8] == "daily/1.dump@v1"


def test_the_picture_is_named_and_draws_no_end_where_there_is_none(whole):
    found = read(whole)
    svg = next(attributes for tag, attributes in found.tags if tag == "svg")
    assert svg["role"] == "img"
    named = {attributes.get("id"): tag for tag, attributes in found.tags}
    assert [named[name] for name in svg["aria-labelledby"].split()] == ["title", "desc"]
    drawn = whole[whole.index("<svg") : whole.index("</svg>")]
    assert drawn.count('class="head"') == drawn.count('class="ever"') == 2
    assert drawn.count('class="end"') == 1
    for said in ("Nov", "Dec", "Jan", ">2026<", ">2027<", ">NEVER<", ">HELD<", ">ends by 6 Jan 2027<"):
        assert said in drawn
    assert "copy 1 in dumps: ends by 6 Jan 2027; copy 2 in dumps: NEVER; copy 3 in dumps: HELD" in found.text


@pytest.mark.parametrize(
    "last", ["2026-11-24T10:00:00Z", "2020-01-01T00:00:00Z", "2031-05-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_any_day_can_be_drawn(issue, last):
    html = issue({}, copies(copy(due=last, expectedBy=last)))
    drawn = html[html.index("<svg") : html.index("</svg>")]
    assert all(0 <= float(x) <= 760 for x in re.findall(r' x[12]?="([^"]*)"', drawn))
    assert all(float(width) >= 0 for width in re.findall(r' width="([^"]*)"', drawn))
    assert 2 <= drawn.count('class="grid"') <= 13


def test_many_copies_are_all_in_the_table_and_the_last_to_end_in_the_picture(issue):
    held = [copy(id=f"{n}", due=None, expectedBy=f"2027-01-{n % 28 + 1:02}T00:00:00Z") for n in range(100)]
    html = issue({}, copies(*held, endless("never", "no rule")))
    found = read(html)
    assert len(found.headed("No.", "Place")) == 101
    assert html.count('class="ever"') == 1
    assert html.count('class="end"') == 39
    assert "Drawn are the 40 of 101 lines of the table that end last." in found.text


def test_copies_that_are_stated_together_are_one_line_and_counted(issue):
    together = {name: value for name, value in copy(kind="objects", copies=9500).items() if name != "id"}
    html = issue({}, copies(copy(), together, {**endless("never", "no rule"), "copies": 2}))
    found = read(html)
    assert "9503 copies may still hold the records; 2 without a day of its end." in found.text
    rows = found.headed("No.", "Place")
    assert [row[8] for row in rows] == [
        "daily/1.dump@v1",
        "9500 copies that end alike, not named one by one",
        "never.dump",
    ]
    assert ">2  dumps, objects, main, 9500 copies<" in html


@pytest.mark.parametrize(
    ("of", "said", "unsaid"),
    [
        (["main", "main"], "Of the copies of main listed below, none is known to have been taken", "ledger"),
        (["ledger"], "The copies in place0 are of the operator's ledger, and those made while", "none is known"),
        (["main", "ledger"], "The copies in place1 are of the operator's ledger", "did not touch"),
        (
            ["files", "other"],
            "The copies in place0, place1 are of stores that this request did not touch",
            "none is known",
        ),
        (["ledger"], "No place with copies of the stores of this request is declared", "listed below"),
        ([], "No place with copies of the stores of this request is declared", "listed below"),
    ],
)
def test_nothing_is_said_of_the_copies_of_others(issue, of, said, unsaid):
    listings = [{**copies()["listings"][0], "place": f"place{number}", "of": name} for number, name in enumerate(of)]
    text = read(issue({}, {"kind": "copies", "listings": listings, "mayHoldTheRecords": []})).text
    assert said in text
    assert unsaid not in text


def test_places_that_the_plan_names_are_declared_though_none_was_listed(issue):
    plan = {**PLAN, "stores": [{**PLAN["stores"][0], "backupPlaces": ["dumps"]}]}
    text = read(issue({}, {"kind": "copies", "listings": [], "mayHoldTheRecords": []}, plan)).text
    assert "was listed, although the plan names some" in text
    assert "is declared" not in text


def test_a_listing_is_dated_by_both_clocks(issue):
    listing = {**copies()["listings"][0], "storageAt": "2026-11-24T10:14:00Z"}
    text = read(issue({}, {"kind": "copies", "listings": [listing], "mayHoldTheRecords": []})).text
    assert "2026-11-24 10:00:00 UTC" in text
    assert "2026-11-24 10:14:00 UTC" in text


def test_copies_with_a_day_that_cannot_be_read_are_shown_as_they_stand_and_not_drawn(issue):
    html = issue({}, copies(copy(due="soon", expectedBy="later")))
    text = read(html).text
    assert "soon" in text
    assert "later" in text
    assert "contradictory: form-unknown" in html
    assert "<svg" not in html


def test_newer_records_may_be_another_accounts(whole):
    text = read(whole).text
    assert f"Newer: records {glossary.NEWER}." in text
    assert "which two of the operator's staff attributed to another person, or which stands in a record" in text
    assert "but for those under a value that two of the operator's staff attributed to this person:" in text


def test_an_overdue_copy_is_called_so_beside_its_days(issue):
    html = issue({}, copies(copy(status="overdue", due="2026-11-02T00:00:00Z", expectedBy="2026-11-06T00:00:00Z")))
    cell = read(html).headed("No.", "Place")[0][3]
    assert cell.startswith("OVERDUE")
    assert glossary.COPY_STATUSES["overdue"] in cell
    assert "due 2026-11-02" in cell
    assert 'class="end"' not in html
    assert ">OVERDUE<" in html


def test_copies_nobody_listed_are_not_called_none(issue):
    assert "nothing is said about them here" in read(issue({"stores": STORES}, whole=False)).text
    assert "proves nothing" in read(issue({}, copies(control=None))).text


def test_an_earlier_look_at_the_copies_moves_to_the_details(make_operator):
    before, after = copies(copy(id="gone.dump"), copy()), copies(copy(), at="2026-12-24T10:00:00Z")
    operator = make_operator(documents=[before, after])
    operator.issue("accepted", body={"context": []})
    operator.issue("erased", body={"context": cite(before)})
    operator.issue("settled", body={"context": cite(after)})
    html = render(operator)
    assert html.count("gone.dump") == 1
    assert html.index("<details>") < html.index("gone.dump")
    assert html.index("listing of 24 Dec 2026") < html.index("<details>")


DEADLINES = {
    "kind": "deadlines",
    "receivedAt": "2026-11-02T09:00:00Z",
    "controllerReceivedAt": "2026-10-30T08:00:00Z",
    "timeZone": "Europe/Berlin",
    "calendar": {"country": "DE", "subdivision": "BY", "source": "holidays 0.109"},
    "businessDays": 30,
    "statute": "gdpr",
    "clocks": [
        {
            "clock": "promise",
            "ground": "As promised",
            "receivedAt": "2026-11-02T09:00:00Z",
            "lastDay": "2026-12-14",
            "dueAt": "2026-12-14T23:00:00Z",
            "notCounted": [{"day": "2026-12-08", "name": "closed"}],
        },
        {
            "clock": "statute",
            "ground": "One month",
            "receivedAt": "2026-10-30T08:00:00Z",
            "lastDay": "2026-11-30",
            "dueAt": "2026-11-30T23:00:00Z",
            "movedFrom": "2026-11-29",
            "extendedTo": "2027-02-01T23:00:00Z",
            "extension": {
                "at": "2026-11-03T09:00:00Z",
                "reason": "Many <requests>",
                "lastDay": "2027-02-01",
                "ground": "Two more",
            },
        },
    ],
    "first": "promise",
    "answerBy": "2026-12-14T23:00:00Z",
    "warning": "The statutory clock ends first.",
}


def test_deadlines_stand_side_by_side(issue):
    found = read(issue({}, DEADLINES))
    columns = ("Clock", "Started", "Last day", "Over at", "Rule", "Days not counted")
    assert found.headed(*columns) == [
        [
            "Answer, as promised",
            "2026-11-02 09:00:00 UTC",
            "2026-12-14",
            "2026-12-14 23:00:00 UTC",
            "As promised",
            "2026-12-08 closed",
        ],
        [
            "Answer, by law",
            "2026-10-30 08:00:00 UTC",
            "2026-11-30moved from 2026-11-29extended to 2027-02-01told 2026-11-03 09:00:00 UTCMany <requests>Two more",
            "2026-11-30 23:00:00 UTCextended to 2027-02-01 23:00:00 UTC",
            "One month",
            "none",
        ],
    ]
    assert "The statutory clock ends first." in found.text
    assert "Public holidays ofDE-BY, by holidays 0.109" in found.text.replace("\n", "")
    assert "Document 1" not in found.text


def test_deadlines_stated_before_are_not_lost(make_operator):
    earlier = DEADLINES | {"warning": "An earlier word."}
    operator = make_operator(documents=[earlier, DEADLINES])
    operator.issue("accepted", body={"context": cite(earlier)})
    operator.issue("erased", body={"context": cite(DEADLINES)})
    text = read(render(operator)).text
    assert "The statutory clock ends first." in text
    assert "An earlier word." in text


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "deadlines", "clocks": [{"clock": "promise", "lastDay": "2026-12-14"}]},
        DEADLINES | {"news": {"a": "of a later version"}},
        DEADLINES | {"calendar": {"country": "DE", "news": "of a later version"}},
        DEADLINES | {"calendar": "of a later version"},
        DEADLINES | {"clocks": [DEADLINES["clocks"][0] | {"news": "of a later version"}]},
        DEADLINES | {"clocks": [DEADLINES["clocks"][1] | {"extension": {"reason": "of a later version"}}]},
        DEADLINES
        | {"clocks": [DEADLINES["clocks"][0] | {"notCounted": [{"day": "x", "name": "y", "z": "of a later version"}]}]},
        DEADLINES | {"first": "of a later version"},
        DEADLINES | {"statute": "of a later version", "warning": None},
    ],
)
def test_deadlines_of_another_form_are_shown_all_the_same(issue, document):
    text = read(issue({}, document)).text
    assert ("of a later version" in text) == ("later" in str(document))
    assert all(clock["lastDay"] in text for clock in document["clocks"])


def test_logs_say_why_they_stay(whole):
    rows = read(whole).headed("Log", "Purpose", "Ground", "Kept for", "Approved by")
    assert rows == [["main.access_log", "Security", "Art. 6(1)(f)", "90 days", "The officer"]]


def test_nothing_that_is_stated_is_left_out(issue):
    """Of a document of a known form neither: another plan than the last one, and a search that says more."""
    backups = {"reason": "it is rebuilt", "approvedBy": "Bob", "since": "2020"}
    empty = {"identity": "sha256:" + "5" * 64, "collections": {}}
    bare = [
        {"store": "cache", "kind": "redis", "noBackups": backups, **empty},
        {"store": "files", "kind": "s3", **empty},
    ]
    earlier = {
        **PLAN,
        "limitedTo": ["account", "bookkeeping"],
        "stores": [{**PLAN["stores"][0], "backupPlaces": ["nightly-dumps", "weekly-dumps"]}, *bare],
        "dataTypes": {**PLAN["dataTypes"], "main.old_letters": "letters"},
    }
    last = {**PLAN, "dataMap": "sha256:" + "4" * 64}
    ended = {"searched": "ended", "because": "nobody waited"}
    text = read(issue({"blindSearch": ended}, earlier, last)).text
    for said in ("nightly-dumps", "weekly-dumps", "rebuilt", "Bob", "2020", "main.old_letters", "letters"):
        assert said in text
    assert "account, bookkeeping" in text
    assert "nobody waited" in text
    assert "not made before the operator ended the request" in text
    whole = {"searched": "searched", "at": "2026-11-24T10:00:00Z", "left": [], "by": "hand"}
    whole |= dict.fromkeys(("places", "values", "logs", "retained", "mapped", "gaps"), 0)
    assert "hand" in read(issue({"blindSearch": whole})).text
    del whole["by"]
    assert "blindSearch" not in read(issue({"blindSearch": whole})).text


def test_a_text_that_is_cut_says_so(issue):
    assert "k… (500 more characters are not shown)" in read(issue({"reason": "k" * 2500})).text
    assert "not shown" not in read(issue({"reason": "k" * 2000})).text


def test_what_an_auditor_compares_is_last_and_closed(whole):
    details = whole[whole.index("<details>") :]
    for value in ("2026-11-24T10:00:00.123456+00:00", "1" * 64, "2" * 64, "3" * 64, "Checkpoint, root", *cite(PLAN)):
        assert value in details
    assert re.search(r"er_[0-9a-f]{32}", details)


# Forms that this version does not know. `marker` must reach the reader whatever stands around it.
UNKNOWN_BODIES = {
    "stores as an object": {"stores": {"main": "marker"}},
    "a store as text": {"stores": ["marker"]},
    "a count as text": {
        "stores": [{"store": "a", "collections": [{**STORES[0]["collections"][1], "found": "marker"}]}]
    },
    "a further member of a collection": {
        "stores": [{"store": "a", "collections": [{**STORES[0]["collections"][0], "x": "marker"}]}]
    },
    "a further member of a store": {"stores": [{**STORES[0], "x": {"deep": ["marker"]}}]},
    "a further member of two stores of one name": {"stores": [{**STORES[0], "x": "y"}, {**STORES[0], "x": "marker"}]},
    "a store without collections": {"stores": [{"store": "marker"}]},
    "collections that are null": {"stores": [{"store": "marker", "collections": None}]},
    "a count below 0": {"stores": [{"store": "marker", "collections": [{**STORES[0]["collections"][0], "found": -1}]}]},
    "a further member": {"x": [{"deep": "marker"}]},
    "an outcome that is not the event": {"outcome": "marker"},
    "an unknown outcome": {"stores": [{"store": "a", "collections": [{"collection": "b", "outcome": "marker"}]}]},
    "a time that is none": {"verifiedAt": "marker"},
    "a claim of another type": {"claim": {"x": ["marker"]}},
    "no collections": {"stores": [{"store": "marker", "collections": []}]},
}
UNKNOWN_DOCUMENTS = {
    "an unknown kind": {"kind": "marker"},
    "no object": ["marker"],
    "copies without listings": {"kind": "copies", "mayHoldTheRecords": ["marker"]},
    "a further member of copies": {**copies(), "x": "marker"},
    "a further member of a copy": copies(copy(x="marker")),
    "an unknown status": copies(copy(status="marker")),
    "a day beside NEVER": copies(copy(status="never", due=None, expectedBy="marker")),
    "a plan of another form": {"kind": "plan", "stores": "marker"},
    "a further member of a plan": {**PLAN, "x": "marker"},
    "a further member of a planned store": {**PLAN, "stores": [{**PLAN["stores"][0], "x": "marker"}]},
    "a further member of a log": {**PLAN, "logsLeftAlone": [{**PLAN["logsLeftAlone"][0], "x": "marker"}]},
}


@pytest.mark.parametrize("around", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_data_as_deep_as_a_receipt_may_hold_is_shown(issue, around):
    deep: object = "marker"
    for _ in range(canonical.MAX_DEPTH - 2):  # the export and its `shared` are around it
        deep = around(deep)
    assert "marker" in read(issue({}, deep)).text


@pytest.mark.parametrize("body", UNKNOWN_BODIES.values(), ids=UNKNOWN_BODIES)
def test_an_unknown_body_is_shown_all_the_same(issue, body):
    assert "marker" in read(issue(body)).text.lower()


@pytest.mark.parametrize("document", UNKNOWN_DOCUMENTS.values(), ids=UNKNOWN_DOCUMENTS)
def test_an_unknown_document_is_shown_all_the_same(issue, document):
    assert "marker" in read(issue({}, document)).text.lower()


def test_a_copys_series_is_shown(make_operator):
    operator = make_operator(documents=[])
    operator.issue("copy-seen", body={"context": [], "place": "dumps"}, still_open=Open(1))
    operator.issue("copy-gone", body={"context": [], "control": "README.txt"}, final=True)
    text = read(render(operator)).text
    for said in ("Backup copy seen", "dumps", "README.txt", "Nothing; this is the last statement"):
        assert said in text


def spoilt(value):
    """The same data with a hostile text for every text that is not a code the page must recognise."""
    if isinstance(value, dict):
        return {key: item if key in {"kind", "status"} else spoilt(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spoilt(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def test_nothing_in_a_receipt_becomes_markup(issue):
    plan = spoilt(PLAN) | {"dataTypes": {HOSTILE: HOSTILE}, HOSTILE: HOSTILE}
    held = spoilt(copies(copy(), endless("never", "x"))) | {"listings": copies(copy())["listings"]}
    other = {HOSTILE: [HOSTILE, None, True, 3, {}, []]}
    body = {"stores": spoilt(STORES), "claim": HOSTILE, "verifiedAt": HOSTILE, "dataMap": HOSTILE, HOSTILE: HOSTILE}
    html = issue(body, plan, held, other)
    found = read(html)
    assert html.count("alert(1)") > 30
    assert {tag for tag, _ in found.tags} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "h1",
            "h2",
            "h3",
            "section",
            "div",
            "p",
            "span",
            "strong",
        ),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "time", "code", "ul", "li", "dl", "dt", "dd", "br"),
        *("details", "summary", "figure", "figcaption", "svg", "desc", "g", "text", "line", "rect", "path"),
    }
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith(("on", "style"))]
    assert not {"src", "href", "xlink:href"} & {name for _, attributes in found.tags for name in attributes}


def test_a_receipt_that_is_not_authentic_shows_the_reason_alone(finished, edit):
    data = edit(finished.export(), lambda document: document["shared"].popitem())
    html = receipt_page(finished.verify(data), export.parse(data).shared)
    assert "invalid: shared-document-missing" in html
    assert "pg-main" not in html
    assert "data-map" not in html
    assert [tag for tag, _ in read(html).tags if tag in {"h1", "h2"}] == ["h1", "h2"]


def test_headings_tables_and_regions_have_their_structure(whole):
    found = read(whole)
    assert ("html", {"lang": "en"}) in found.tags
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    tags = [tag for tag, _ in found.tags]
    assert tags.count("table") == tags.count("caption") > 5
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    identifiers = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    labels = [name for _, attributes in found.tags for name in (attributes.get("aria-labelledby") or "").split()]
    assert set(labels) <= set(identifiers)
    regions = [attributes for tag, attributes in found.tags if attributes.get("class") == "scroll"]
    assert len(regions) == tags.count("table") + tags.count("svg")
    assert all(one["role"] == "region" and one["tabindex"] == "0" and one["aria-labelledby"] for one in regions)


def test_the_policy_lets_the_one_style_sheet_in_and_nothing_else(whole):
    sheet = whole[whole.index("<style>") + len("<style>") : whole.index("</style>")]
    found = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = next(
        attributes["content"]
        for tag, attributes in read(whole).tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{found}'"
    assert "url(" not in sheet
    assert "@import" not in sheet


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(scheme: str) -> dict[str, str]:
    sheet = resources.files("expunge_reports.page").joinpath("templates/page.css").read_text()
    light, dark, paper = (dict(re.findall(r"--(\w+): (#\w{6});", part)) for part in sheet.split(":root {")[1:])
    return {"light": light, "dark": dark, "print": light | paper}[scheme]


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize(("ink", "least"), [("ink", 7), ("quiet", 4.5), ("open", 4.5), ("mark", 3), ("line", 3)])
@pytest.mark.parametrize("ground", ["paper", "panel"])
def test_contrast_is_sufficient(scheme, ink, least, ground):
    dark, light = sorted(luminance(colours(scheme)[name]) for name in (ink, ground))
    assert (light + 0.05) / (dark + 0.05) >= least


@pytest.mark.parametrize("event", ["partially-erased", "re-erased"])
def test_nothing_is_headed_as_erased_of_which_nothing_went(make_operator, event):
    """A law keeps all of it. And what is due at the check need not have been erased before: nothing was found then."""

    def page(**members):
        operator = make_operator(documents=[PLAN])
        operator.issue("accepted", body={"controller": "shop", "context": cite(PLAN)})
        if event == "re-erased":
            operator.issue("not-found", body={"controller": "shop"})
        store = deepcopy(STORES[0])
        del store["level"]
        store["collections"][0].update(outcome="not-found", found=0)
        store["collections"][1].update(members)
        operator.issue(event, body={"controller": "shop", "stores": [store]})
        return read(render(operator)).text

    assert glossary.NOTHING_ERASED[event] in page(found=4, gone=0)
    assert glossary.EVENTS[event] in page()
    assert "again" not in glossary.EVENTS["re-erased"].split(",")[0]


def test_every_event_has_words():
    assert glossary.EVENTS.keys() == EVENTS


@pytest.mark.parametrize(
    ("given", "said"),
    [("P90D", "90 days"), ("P1Y6M", "1 year, 6 months"), ("P2W", "2 weeks"), ("P", "P"), ("PT1H", "PT1H"), ("x", "x")],
)
def test_periods_in_words(given, said):
    assert date_format.period(given) == said


def test_a_time_of_receipt_that_is_none_says_so(make_operator):
    def page(**members):
        operator = make_operator(documents=[PLAN])
        said = {"controller": "shop", "receivedAt": "2026-11-24T09:00:00Z", **members, "context": cite(PLAN)}
        operator.issue("accepted", body=said)
        return render(operator)

    assert "when the list that names the person was planned" in page(receivedAtIs="planning")
    assert "the day that began then" in page(receivedAtIs="day")
    plain = page()
    assert "was planned" not in plain
    assert "began then" not in plain
    assert "guessed" in page(receivedAtIs="guessed")
    assert "&lt;b&gt;" in page(receivedAtIs=["<b>"])


class Counted(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("number", [20, 200])
def test_what_is_copied_is_held_against_no_list_of_stores(make_operator, number):
    stores = [{"store": f"s{one}", "kind": "postgres", "collections": {"c": "delete"}} for one in range(number)]
    plan = {**PLAN, "stores": stores}
    listed = copies()
    listed["listings"] = [{**listed["listings"][0], "place": f"p{n}", "of": f"other{n}"} for n in range(number)]
    operator = make_operator(documents=[plan, listed])
    context = cite(plan, listed)
    operator.issue("accepted", body={"controller": "shop", "receivedAt": "2026-11-24T09:00:00Z", "context": context})
    shared = export.parse(operator.export()).shared
    for document in shared.values():
        for one in document.get("listings", []):
            one["of"] = Counted(one["of"])
    Counted.compared = 0
    assert "nothing is said about them" in receipt_page(operator.verify(operator.export()), shared)
    assert Counted.compared <= 20 * number
