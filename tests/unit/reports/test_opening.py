"""Openings bind a receipt to a person, can be made again, and tell nobody else anything."""

import hashlib
import hmac
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_reports import opening
from expunge_reports.errors import MalformedError

KEY = bytes(range(32))
SERIES = "er_" + "ab" * 16


def test_the_nonce_is_the_documented_hmac():
    made = opening.make(KEY, SERIES, "email/1", "ada@example.com")
    message = b"expunge-opening-nonce/1\n" + SERIES.encode() + b'{"scheme":"email/1","value":"ada@example.com"}'
    assert json.loads(made) == {
        "format": "expunge-opening/1",
        "series": SERIES,
        "identifier": {"scheme": "email/1", "value": "ada@example.com"},
        "nonce": hmac.new(KEY, message, hashlib.sha256).hexdigest(),
    }
    assert opening.digest(made) == hashlib.sha256(made).hexdigest()


def test_the_same_arguments_give_the_same_bytes_and_any_other_give_others():
    arguments = (KEY, SERIES, "email/1", "ada@example.com")
    made = opening.make(*arguments)
    assert opening.make(*arguments) == made
    others = [
        (KEY[::-1], *arguments[1:]),
        (KEY, "er_" + "ac" * 16, *arguments[2:]),
        (KEY, SERIES, "email/2", "ada@example.com"),
        (KEY, SERIES, "phone/1", "ada@example.com"),
        (KEY, SERIES, "email/1", "Ada@example.com"),
    ]
    nonces = {opening.parse(opening.make(*other)).nonce for other in others}
    assert len(nonces) == len(others)
    assert opening.parse(made).nonce not in nonces


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_normalised_value_is_read_back(value):
    value = unicodedata.normalize("NFC", value)
    if value.strip() != value or not value:
        return
    made = opening.make(KEY, SERIES, "name/1", value)
    assert opening.parse(made).to_bytes() == made
    assert opening.parse(made).value == value


@pytest.mark.parametrize(
    ("key", "series", "scheme", "value"),
    [
        (b"short", SERIES, "email/1", "a"),
        (KEY, "er_1", "email/1", "a"),
        (KEY, SERIES.upper(), "email/1", "a"),
        (KEY, SERIES, "email", "a"),
        (KEY, SERIES, "email/0", "a"),
        (KEY, SERIES, "Email/1", "a"),
        (KEY, SERIES, "email/1", ""),
        (KEY, SERIES, "email/1", " a"),
        (KEY, SERIES, "email/1", "a\n"),
        (KEY, SERIES, "email/1", "e\u0301"),
    ],
)
def test_what_no_normaliser_would_leave_is_refused(key, series, scheme, value):
    with pytest.raises(MalformedError) as caught:
        opening.make(key, series, scheme, value)
    assert value.strip() in {"", "a", "e\u0301"}
    assert "\u0301" not in str(caught.value)


def test_the_identifier_stays_out_of_repr():
    shown = repr(opening.parse(opening.make(KEY, SERIES, "email/1", "ada@example.com")))
    assert "ada" not in shown
    assert "nonce" not in shown
