"""Our canonical form equals RFC 8785 on the values we allow, and nothing else is let in."""

import enum
import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from expunge_reports import canonical
from expunge_reports.errors import MalformedError, NotCanonicalError

LIMIT = 2**53 - 1
SCALARS = st.none() | st.booleans() | st.integers(-LIMIT, LIMIT) | st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_encoding_equals_rfc_8785(value):
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(VALUES)
def test_decoding_gives_back_what_was_encoded(value):
    assert canonical.decode(canonical.encode(value)) == value


@given(VALUES)
def test_any_other_layout_is_refused(value):
    spaced = json.dumps(value, indent=1).encode()
    if spaced == canonical.encode(value):
        return
    with pytest.raises(NotCanonicalError):
        canonical.decode(spaced)


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        LIMIT + 1,
        -LIMIT - 1,
        "\ud800",
        {"\xe9": 1},
        {1: 1},
        {None: 1},
        (1, 2),
        b"x",
        {1, 2},
        Colour.RED,
        Number.ONE,
        {Colour.RED: 1},
        [[1.5]],
        object(),
    ],
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(MalformedError):
        canonical.encode(value)


def test_a_cycle_or_deep_nesting_is_refused():
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(MalformedError):
        canonical.encode(cycle)
    with pytest.raises(MalformedError):
        canonical.decode(b"[" * 40 + b"]" * 40)
    with pytest.raises(MalformedError):
        canonical.decode(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b"1.0",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"9007199254740992",
        b"9" * 5000,
        b'"\\ud800"',
        b'"\xff"',
        b'{"\xc3\xa9":1}',
        b"\xef\xbb\xbf1",
        b"",
        b"{",
        b"1 2",
    ],
)
def test_malformed_input_is_refused(data):
    with pytest.raises(MalformedError) as caught:
        canonical.decode(data)
    assert not isinstance(caught.value, NotCanonicalError)


@pytest.mark.parametrize("data", [b" 1", b"1\n", b"-0", b'{"b":1,"a":1}', b'"\\u0041"', b'"\\/"', b'"\\u000A"'])
def test_other_spellings_are_not_canonical(data):
    with pytest.raises(NotCanonicalError):
        canonical.decode(data)


def test_a_limit_is_kept():
    assert canonical.decode(b'"1234"', 6) == "1234"
    with pytest.raises(MalformedError):
        canonical.decode(b'"12345"', 6)


@pytest.mark.parametrize("text", ['"\\ud800"', '["a","\\uDFFF"]', '{"a":{"b":"\\ud800\\u0041"}}'])
def test_a_lone_surrogate_is_read_nowhere(text):
    """It has no bytes: whoever encoded it later would fail."""
    with pytest.raises(MalformedError):
        canonical.parse(text.encode())
    assert canonical.parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("one", [b"[]", b"0", b'{"a":0}', b'""'])
def test_tiny_values_do_not_fill_the_memory(one):
    """A million and more are refused before they are made; what is issued has 20 bytes and more a value."""
    assert len(canonical.parse(b"[%b]" % b",".join([one] * 1000))) == 1000
    with pytest.raises(MalformedError, match="more values"):
        canonical.parse(b"[%b]" % b",".join([one] * 1_000_001))


def test_no_message_quotes_the_input():
    for data in (b'{"ada@example.com"', b'"ada@example.com\xff"', b'{"ada@example.com":1,"ada@example.com":2}'):
        with pytest.raises(MalformedError) as caught:
            canonical.decode(data)
        assert "ada" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
