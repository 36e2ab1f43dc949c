"""Documents of kinds that this version does not know are counted by kind, and no other text of theirs is printed."""

from __future__ import annotations

import json

import pytest

from expunge_reports import export
from expunge_reports.page.render import receipt_page
from expunge_reports.verify import verdict_text

FREE = {"kind": "free-text", "said": "whatever"}
COPIES = {"kind": "copies", "listings": [], "mayHoldTheRecords": []}


@pytest.fixture
def citing(make_operator):
    def cite(*documents):
        operator = make_operator(documents=list(documents))
        operator.issue("accepted")
        return operator

    return cite


def words(operator):
    verdict = operator.verify(operator.export())
    return verdict, [one for one in verdict_text.lines(verdict) if "does not know" in one]


def test_they_are_counted_by_kind(citing):
    other = [{**FREE, "said": "more"}, {"kind": "annex", "n": 1}, {"n": 1}, [1], {"kind": 5}]
    verdict, said = words(citing(FREE, *other))
    assert verdict.authentic
    (line,) = said
    assert line == (
        "6 documents of kinds that this version does not know, of which it checks nothing but that they are the ones"
        " cited: 2 free-text, 1 annex, 3 of further kinds or none"
    )
    told = verdict_text.to_object(verdict)
    assert told["unknown_documents"] == {"count": 6, "kinds": {"free-text": 2, "annex": 1}}


def test_one_is_told_as_one(citing):
    (line,) = words(citing(FREE))[1]
    assert line == (
        "1 document of a kind that this version does not know, of which it checks nothing but that it is the one"
        " cited: 1 free-text"
    )


def test_kinds_that_are_known_are_not_told(citing):
    verdict, said = words(citing(COPIES))
    assert (said, verdict.contradictions) == ([], ())


def test_a_known_kind_in_another_form_is_no_form_that_is_known(citing):
    verdict, _ = words(citing({"kind": "blind-search", "at": "2026-11-24T10:15:42Z", "stores": "none"}))
    assert [one.code for one in verdict.contradictions] == ["form-unknown"]


@pytest.mark.parametrize("kind", ["a\x1b[2J", "<script>", "a" * 200, "two words", "株", "\u202ex"])
def test_a_kind_that_is_no_name_is_not_printed(citing, kind):
    operator = citing({"kind": kind})
    verdict, said = words(operator)
    assert said[0].endswith(": 1 of a kind that is no name or none")
    assert kind not in "".join(verdict_text.lines(verdict)) + json.dumps(verdict_text.to_object(verdict))


def test_of_many_kinds_some_are_named(citing):
    operator = citing(*({"kind": f"kind-{number:02}"} for number in range(30)))
    _, said = words(operator)
    assert said[0].endswith(", 1 kind-09, 20 of further kinds or none")
    assert len(said[0]) < 500


def test_the_page_says_so_too(citing):
    operator = citing(FREE)
    data = operator.export()
    page = receipt_page(operator.verify(data), export.parse(data).shared)
    assert "1 document of a kind that this version does not know" in page
    assert "Other documents that the statements cite" in page
    assert "whatever" in page
