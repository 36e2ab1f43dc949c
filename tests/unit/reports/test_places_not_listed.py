"""A place with copies that the plan names and no list has: the map may have changed since, and the verdict says so."""

from __future__ import annotations

import json

from tests.unit.reports.test_contradictions import NOW, Receipt, good, issued

from expunge_reports import export
from expunge_reports.page.render import receipt_page
from expunge_reports.statement import Open
from expunge_reports.verify import verdict_text


def judged(make_operator, *planned: str, listed: bool = True):
    receipt: Receipt = good()
    receipt["documents"]["plan"]["stores"][0]["backupPlaces"] = list(planned)
    if not listed:
        receipt["documents"]["copies"].update(listings=[], mayHoldTheRecords=[])
        for one in receipt["series"][1:]:
            one["open"] = Open(one["open"].items, one["open"].expected_by)
    operator = issued(make_operator, receipt)
    data = operator.export()
    verdict = operator.verify(data, now=NOW)
    assert verdict.authentic
    said = [one for one in verdict_text.lines(verdict) if "was not listed" in one or "were not listed" in one]
    page = receipt_page(verdict, export.parse(data).shared)
    assert all(one in page for one in said)
    return verdict, said


def test_it_is_named(make_operator):
    verdict, said = judged(make_operator, "dumps", listed=False)
    assert said == [
        "1 place with backup copies that the plan names was not listed, and nothing is said of the copies there: dumps"
    ]
    assert verdict_text.to_object(verdict)["places_not_listed"] == ["dumps"]
    assert verdict.complete


def test_so_are_several_beside_one_that_is_listed(make_operator):
    _, (said,) = judged(make_operator, "dumps", "tapes", "older")
    assert said == (
        "2 places with backup copies that the plan names were not listed, and nothing is said of the copies there:"
        " older, tapes"
    )


def test_ten_are_named_and_none_that_is_no_name(make_operator):
    verdict, (said,) = judged(make_operator, "a b\u202e", *(f"p{number:02}" for number in range(12)), listed=False)
    assert said.startswith("13 places with")
    assert said.endswith(f": {', '.join(f'p{number:02}' for number in range(10))}, …")
    assert len(json.dumps(verdict_text.to_object(verdict)["places_not_listed"])) < 200


def test_nothing_is_said_where_all_were_or_before_any_list_is_owed(make_operator):
    _, said = judged(make_operator, "dumps")
    assert said == []
    receipt = good()
    del receipt["series"][1:]
    operator = issued(make_operator, receipt)
    assert operator.verify(operator.export(), now=NOW).places_not_listed == ()
