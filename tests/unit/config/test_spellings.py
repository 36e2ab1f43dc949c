"""Phone numbers and mailboxes are read as people write them, and nothing is read that its tokens would not find."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_config.normalisers import Normaliser, NotNormalisable, builtin

PHONE, EMAIL = builtin()["phone/1"], builtin()["email/3"]


@pytest.mark.parametrize(
    ("text", "region", "values"),
    [
        ("030 123456", "DE", {"+4930123456"}),
        ("(030) 12 34-56", "DE", {"+4930123456"}),
        ("0049 30 123456", "DE", {"+4930123456"}),
        ("+49 (0)30 123456", None, {"+4930123456"}),
        ("tel:+49-30-123456", None, {"+4930123456"}),
        ("TEL:+49-30-123456;ext=3", None, {"+4930123456;ext=3"}),
        ("+49 30 123456 ext. 3", None, {"+4930123456;ext=3"}),
        ("+49 30 123456 x3", None, {"+4930123456;ext=3"}),
        ("\uff0b\uff14\uff19 30 123456", None, {"+4930123456"}),
        ("030 123456, 040 987654", "DE", {"+4930123456", "+4940987654"}),
        ("+49 30 123456\n+49 40 987654", None, {"+4930123456", "+4940987654"}),
        ("020 7946 0958", "GB", {"+442079460958"}),
        ("22222", "SH", {"+29022222"}),
        ("+290 22222", None, {"+29022222"}),
        ("0 11 15 2345 6789", "AR", {"+5491123456789"}),
        ("\u0660\u0663\u0660 123456", "DE", {"+4930123456"}),
        ("Tel. 030 123456", "DE", {"+4930123456"}),
        ("Telefon: +49 30 123456 (privat)", None, {"+4930123456"}),
        ("mobil 030 123456", "DE", {"+4930123456"}),
        ("+49 30 123456 / +49 40 987654", None, {"+4930123456", "+4940987654"}),
        ("030 / 123456", "DE", {"+4930123456"}),
    ],
)
def test_phones_are_read_in_every_spelling(text: str, region: str | None, values: set[str]) -> None:
    reading = PHONE.read(text, region)
    assert reading.values == values
    assert reading.whole


@pytest.mark.parametrize(
    ("text", "region", "values"),
    [
        ("030 123456", None, set()),
        ("0049 30 123456", None, set()),
        ("unknown", "DE", set()),
        ("1-800-FLOWERS", "US", set()),
        ("Room 12 030 123456", "DE", set()),
        ("+49 30 123456, none", None, {"+4930123456"}),
    ],
)
def test_what_is_no_number_is_told(text: str, region: str | None, values: set[str]) -> None:
    reading = PHONE.read(text, region)
    assert reading.values == values
    assert not reading.whole


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Ann <Ann@X.example>", {"ann@x.example"}),
        ('"Smith, Ann" <ann@x.example>', {"ann@x.example"}),
        ("ann@x.example (Ann)", {"ann@x.example"}),
        ("ann@x.example <ann@x.example>", {"ann@x.example"}),
        ("mailto:ann@x.example?subject=Hello", {"ann@x.example"}),
        ("mailto:ann%40x.example", {"ann@x.example"}),
        ("mailto:o%27brien@x.example", {"o'brien@x.example"}),
        ("ann@x.example, bob@x.example", {"ann@x.example", "bob@x.example"}),
        ("Ann <ann@x.example>; bob@x.example;", {"ann@x.example", "bob@x.example"}),
        ("J\u00d6RG@m\u00fcnchen.example", {"j\u00f6rg@xn--mnchen-3ya.example"}),
        ("jo\u0308rg@xn--mnchen-3ya.example", {"j\u00f6rg@xn--mnchen-3ya.example"}),
        ("ann@\uff58.example", {"ann@x.example"}),
        ("\u00a0ann@x.example\u2003", {"ann@x.example"}),
        ("pat.o'brien@x.example", {"pat.o'brien@x.example"}),
        ("a_b@my_host.example", {"a_b@my_host.example"}),
        ("o?k@x.example", {"o?k@x.example"}),
        ("'ann@x.example'", {"ann@x.example"}),
        ('"ann@x.example"', {"ann@x.example"}),
        ("\u201cann@x.example\u201d", {"ann@x.example"}),
        ("'Ann' <'ann@x.example'>", {"ann@x.example"}),
        ("'j\u00f6rg@x.example'", {"j\u00f6rg@x.example"}),
        ("ann@x.example.", {"ann@x.example"}),
        ("ann\uff20x.example", {"ann@x.example"}),
        ("ann\u200b@x.example", {"ann@x.example"}),
        ("ann @x.example", {"ann@x.example"}),
        ("ann@ x.example", {"ann@x.example"}),
        ("ANN%40x.example", {"ann@x.example"}),
        ("E-Mail: ann@x.example", {"ann@x.example"}),
        ("E-Mail: mailto:ann@x.example?subject=1", {"ann@x.example"}),
        ("Ann's mail: ann@x.example", {"ann@x.example"}),
        ("'o'brien@x.example'", {"o'brien@x.example"}),
        ("a%40b@x.example", {"a%40b@x.example"}),
        ("prvs=1a/b|c@x.example", {"prvs=1a/b|c@x.example"}),
        (" ", set()),
    ],
)
def test_mailboxes_are_read_in_every_spelling(text: str, values: set[str]) -> None:
    reading = EMAIL.read(text)
    assert reading.values == values
    assert reading.whole


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("unknown", set()),
        ("ann@x", set()),
        ("bob@x.example <ann@x.example>", set()),
        ("bob%40x.example <ann@x.example>", set()),
        ('"ann b"@x.example', set()),
        ("ann@x.example, n/a", {"ann@x.example"}),
        ("xmpp:ann@x.example", set()),
        ("bob%40x.example: ann@x.example", set()),
        ("write to ann@x.example", set()),
        ("*ann@x.example*", set()),
        ("ann@x.example|dora@x.example", set()),
    ],
)
def test_what_is_no_mailbox_is_told(text: str, values: set[str]) -> None:
    reading = EMAIL.read(text)
    assert reading.values == values
    assert not reading.whole


@pytest.mark.parametrize(
    ("normaliser", "text", "values"),
    [
        (EMAIL, "ann@x.example; cc bob@x.example", {"ann@x.example"}),
        (EMAIL, "ann@x.example, bob@x.example privat", {"ann@x.example"}),
        (EMAIL, "ann@x.example, bob%40x.example privat", {"ann@x.example"}),
        (EMAIL, "ann@x.example, bob(at)x.example", {"ann@x.example"}),
        (EMAIL, "ann@x.example, bob [at] x.example", {"ann@x.example"}),
        (EMAIL, "Ann <ann@x.example> (for bob@x.example)", {"ann@x.example"}),
        (EMAIL, "ann@x.example (bob@x.example)", {"ann@x.example"}),
        (EMAIL, "ann@x.example (bob\uff20x.example)", {"ann@x.example"}),
        (EMAIL, "mailto:ann@x.example?cc=bob@x.example", {"ann@x.example"}),
        (EMAIL, "mailto:ann@x.example?subject=hi&bcc=bob%40x.example", {"ann@x.example"}),
        (EMAIL, "mailto:?cc=bob@x.example, ann@x.example", {"ann@x.example"}),
        (EMAIL, "ann@x.example (bob at x.example)", {"ann@x.example"}),
        (EMAIL, "ann@x.example; bob at x dot example", {"ann@x.example"}),
        (EMAIL, "ann@x.example; bob&#64;x.example", {"ann@x.example"}),
        (EMAIL, "ann@x.example; bob=40x.example", {"ann@x.example"}),
        (EMAIL, "mailto:ann@x.example?cc=bob%2540x.example", {"ann@x.example"}),
        (PHONE, "+4930123451;+4930123452 abends", {"+4930123451"}),
        (PHONE, "+4930123451, privat 030 12 34 52 abends", {"+4930123451"}),
        (PHONE, "tel:+4930123451;alt=+4930123452", {"+4930123451"}),
        (PHONE, "sms:+4930123451,+4930123452", {"+4930123452"}),
        (PHONE, "+4930123451\n+4930123452 Bob", {"+4930123451"}),
    ],
)
def test_a_part_that_may_be_another_value_leaves_no_value_alone(
    normaliser: Normaliser, text: str, values: set[str]
) -> None:
    reading = normaliser.read(text)
    assert reading.values == values
    assert not reading.whole
    assert not reading.alone


@pytest.mark.parametrize(
    ("normaliser", "text", "whole"),
    [
        (EMAIL, "Ann <ann@x.example> (work)", True),
        (EMAIL, "Ann Lee at Acme <ann@x.example>", True),
        (EMAIL, "ann@x.example (at work)", True),
        (EMAIL, "ann@x.example (Ann@X.example)", True),
        (EMAIL, "mailto:ann@x.example?subject=Hello", True),
        (EMAIL, "ann@x.example, n/a", False),
        (PHONE, "+49 30 123456 (work)", True),
        (PHONE, "+49 30 123456, room 12", False),
    ],
)
def test_what_can_be_no_other_value_leaves_one_alone(normaliser: Normaliser, text: str, *, whole: bool) -> None:
    reading = normaliser.read(text)
    assert len(reading.values) == 1
    assert reading.whole == whole
    assert reading.alone


@pytest.mark.parametrize("text", ["ann@x.example, bob@x.example", "ann@x.example (bob@x.example)", "Ann", ""])
def test_a_request_names_one_mailbox(text: str) -> None:
    with pytest.raises(NotNormalisable):
        EMAIL.normalise(text)


@pytest.mark.parametrize("text", ["030 123456", "+49 30 123456, +49 40 987654", ""])
def test_a_request_names_one_phone_with_its_country(text: str) -> None:
    with pytest.raises(NotNormalisable):
        PHONE.normalise(text)


@given(raw=st.emails() | st.text(max_size=20).map("{}@x.example".format))
def test_what_the_second_version_takes_the_third_reads(raw: str) -> None:
    """But for characters that are signs of a list, and for domains that the DNS refuses."""
    try:
        value = builtin()["email/2"].normalise(raw)
    except NotNormalisable:
        return
    if value.isascii() and "[" not in value and "]" not in value:
        assert EMAIL.normalise(raw) == value
