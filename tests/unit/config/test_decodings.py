"""A key is taken out of an encoded text, or the text is told not to hold one."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from expunge_config.decodings import Steps, decoded


@pytest.mark.parametrize(
    ("steps", "text", "key"),
    [
        (["object-in:calls"], "https://calls.s3.eu-central-1.amazonaws.com/f/a%201.jpg?X-Amz-Expires=60", "f/a 1.jpg"),
        (["object-in:calls"], "https://s3.eu-central-1.amazonaws.com/calls/f/a1.jpg", "f/a1.jpg"),
        (["object-in:calls@127.0.0.1:8333"], "http://127.0.0.1:8333/calls/f/a1.jpg#t=1", "f/a1.jpg"),
        (["object-in:calls@cdn.example"], "https://calls.CDN.example/f/a1.jpg", "f/a1.jpg"),
        (["object-in:calls@cdn.example"], "https://calls.s3.amazonaws.com/f/a1.jpg", None),
        (["object-in:calls"], "https://calls.s3.dualstack.us-gov-west-1.amazonaws.com/f/a1.jpg", "f/a1.jpg"),
        (["object-in:calls"], "https://s3-eu-west-1.amazonaws.com/calls/f/a1.jpg", "f/a1.jpg"),
        (["object-in:calls"], "https://calls.s3.cn-north-1.amazonaws.com.cn/f/a1.jpg", "f/a1.jpg"),
        # A folder of the bucket archive, the bucket calls.backup, and services of which nobody says what a host is.
        (["object-in:calls"], "https://archive.s3.eu-central-1.amazonaws.com/calls/f/a1.jpg", None),
        (["object-in:calls"], "https://calls.backup.s3.eu-central-1.amazonaws.com/f/a1.jpg", None),
        (["object-in:calls"], "https://calls.cdn.example/f/a1.jpg", None),
        (["object-in:calls"], "https://cdn.example/calls/f/a1.jpg", None),
        (["object-in:calls"], "s3://calls/f/a%201.jpg", "f/a%201.jpg"),
        (["object-in:calls"], "https://other.s3.amazonaws.com/f/a1.jpg", None),
        (["object-in:calls"], "s3://calls/", None),
        (["object-in:calls"], "f/a1.jpg", None),
        (["url-path"], "https://cdn.example/f/a1.jpg", "f/a1.jpg"),
        (["url-path"], "ftp://cdn.example/f/a1.jpg", None),
        (["percent"], "a%2Fb", "a/b"),
        (["percent"], "100%", None),
        (["percent"], "%ff", None),
        (["base64"], "YT9iPmM", "a?b>c"),
        (["base64"], "YT9iPmM=", "a?b>c"),
        (["base64"], "unknown!", None),
        (["base64"], "a", None),
        (["hex"], "6162", "ab"),
        (["hex"], "616", None),
        (["bytes-as-text"], "\\x6162", "ab"),
        (["bytes-as-text"], "\\xff", None),
        (["bytes-as-hex"], "\\x00FF", "00ff"),
        (["bytes-as-base64"], "\\xfbff", "+/8="),
        (["bytes-as-base64url"], "\\xfbff", "-_8"),
        (["base64", "url-path"], "aHR0cHM6Ly94LmV4YW1wbGUvYQ", "a"),
        ([], "a", "a"),
    ],
)
def test_a_key_is_taken_out_or_the_text_holds_none(steps: list[str], text: str, key: str | None) -> None:
    assert decoded(steps, text) == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_was_encoded_is_read_again(key: str) -> None:
    assert decoded(["percent"], quote(key, safe="")) == key
    assert decoded(["base64"], base64.b64encode(key.encode()).decode()) == key
    assert decoded(["base64"], base64.urlsafe_b64encode(key.encode()).decode()) == key
    assert decoded(["object-in:calls"], f"https://calls.s3.amazonaws.com/{quote(key)}") == key


@pytest.mark.parametrize(
    "steps",
    [["rot13"], ["object-in:"], ["object-in:UP"], ["object-in:up@"], ["object-in:up@a/b"], ["base64", "bytes-as-hex"]],
)
def test_unknown_steps_are_refused(steps: list[str]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Steps).validate_python(steps)
