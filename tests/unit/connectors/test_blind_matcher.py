"""The blind search's matcher: one person in every spelling and encoding, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.blind_search import BYTES, EMAIL, NORA, OTHERS, WRITTEN

from expunge_connectors.blind_search.matcher import Matcher
from expunge_connectors.blind_search.patterns import Kind, SearchedValue, searchable, split_phone

MATCHER = Matcher(NORA)


@pytest.mark.parametrize("text", WRITTEN.values(), ids=list(WRITTEN))
def test_a_value_is_found_however_it_is_written(text):
    for record in (text, f"before {text} after", f'{{"k": "{text}"}}'):
        assert {hit.number for hit in MATCHER.found(record.encode())} == {1}
        assert MATCHER.suspects([b"nobody", record.encode(), b""]) == [1]


@pytest.mark.parametrize("record", BYTES.values(), ids=list(BYTES))
def test_a_value_is_found_in_bytes(record):
    assert {hit.kind for hit in MATCHER.found(record)} == {Kind.EMAIL}
    assert MATCHER.suspects([record]) == [0]


@pytest.mark.parametrize("text", OTHERS.values(), ids=list(OTHERS))
def test_a_part_of_somebody_elses_value_is_no_hit(text):
    for record in (text, f"before {text} after"):
        assert MATCHER.found(record.encode()) == frozenset()


@pytest.mark.parametrize(
    "name", [f"cache-{EMAIL}", f"avatar_{EMAIL}.png", f"exports/2026-{EMAIL}.csv.gz", "mail.nora_left_77.inbox"]
)
def test_in_names_of_keys_and_objects_what_separates_parts_is_a_boundary(name):
    assert MATCHER.found(name.encode(), name=True)


@pytest.mark.parametrize(
    ("normaliser", "value", "kind"),
    [
        ("email/2", "a@b.example", Kind.EMAIL),
        ("e164/1", "+12345678", None),
        ("e164/1", "+123456789", Kind.PHONE),
        ("phone/1", "+4930123456;ext=17", Kind.PHONE),
        ("phone/1", "+4930123;ext=1712345", None),
        ("email/3", "a@b.example", Kind.EMAIL),
        ("exact/1", "seven77", None),
        ("exact/1", "eight888", Kind.TOKEN),
        ("exact/1", "1234567890123", None),
        ("integer/2", "1234567890123", None),
        ("postal/1", "1 long road, xtown", None),
        ("uuid/1", "6b1e0b3c-1111-4222-8333-444455556666", Kind.TOKEN),
    ],
)
def test_what_is_searched_for(normaliser, value, kind):
    assert searchable(normaliser, value) is kind
    assert searchable(normaliser, value, shareable=True) is None


@pytest.mark.parametrize(
    ("phone", "parts"),
    [("+12025550123", ("1", "2025550123")), ("+4930123", ("49", "30123")), ("+353861234567", ("353", "861234567"))],
)
def test_country_codes(phone, parts):
    assert split_phone(phone) == parts


def test_a_value_outside_ascii_is_found_composed_or_not_and_in_either_case():
    matcher = Matcher([SearchedValue(1, Kind.EMAIL, "josé@bücher.example")])
    for text in (
        "JOSÉ@BÜCHER.example",
        "José@xn--bcher-kva.example",
        "jose\u0301@bu\u0308cher.example",
        "jos%C3%A9%40b%C3%BCcher.example",
        r"jos\u00e9@b\u00fccher.example",
    ):
        assert matcher.found(text.encode()), text


def test_the_name_of_a_domain_is_found_as_people_read_it():
    matcher = Matcher([SearchedValue(1, Kind.EMAIL, "ada@xn--bcher-kva.example")])
    assert matcher.found("Ada@Bücher.example".encode())


def test_of_a_number_with_an_extension_the_switchboard_alone_is_no_hit():
    matcher = Matcher([SearchedValue(1, Kind.PHONE, "+4930123456;ext=17")])
    for text in ("tel:+49-30-123456;ext=17", "+49 30 123456-17", "030 123456 ext. 17", "+4930123456x17"):
        assert matcher.found(text.encode()), text
    for text in ("+49 30 123456", "+49 30 123456-18", "+4930123456 ext. 170", "030 123456, 17th floor"):
        assert matcher.found(text.encode()) == frozenset(), text


def test_two_people_with_one_value_are_both_named():
    matcher = Matcher([SearchedValue(1, Kind.EMAIL, EMAIL), SearchedValue(7, Kind.EMAIL, EMAIL)])
    assert {hit.number for hit in matcher.found(EMAIL.encode())} == {1, 7}


def test_a_short_national_number_needs_its_country_code_or_a_zero():
    matcher = Matcher([SearchedValue(1, Kind.PHONE, "+493012345")])
    assert matcher.found(b"+49 30 12345")
    assert matcher.found(b"030 12345") == frozenset()  # eight digits: too few
    longer = Matcher([SearchedValue(1, Kind.PHONE, "+4930123456")])
    assert longer.found(b"030-123456")
    assert longer.found(b"30123456") == frozenset()


@given(st.lists(st.sampled_from([*WRITTEN.values(), "nobody", "", "17 12 9", "x@mail.example"]), max_size=20))
def test_among_many_records_the_same_are_suspected_that_are_found(texts):
    records = [text.encode() for text in texts]
    found = [at for at, record in enumerate(records) if MATCHER.found(record)]
    assert set(found) <= set(MATCHER.suspects(records))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_searched(record):
    assert MATCHER.found(record) == frozenset()
    assert MATCHER.found(record, name=True) == frozenset()
    MATCHER.found(
        b"eyJ" + record + b"\x1f\x8b\x08" + record + b"%40mail.example" + rb"\u0040mail.example" + b"&#64;mail.example"
    )


def test_nothing_shows_a_value():
    assert EMAIL not in repr(MATCHER)
    assert EMAIL not in repr(NORA)
