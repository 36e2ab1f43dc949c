"""Shapes of key names: what may be said of a name, and nothing that may have come from a person."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from expunge_connectors.keyspace.identifier_patterns import (
    EMAIL,
    IP,
    PHONE,
    identifiers,
    mask_values,
    names_pattern,
    words_of,
)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("user:17:sessions", "user:{n}:sessions"),
        ("session:3f2b9a0c77d1", "session:{hex}"),
        ("cache:user:ann@mail.example", "cache:user:{email}"),
        ("cache:user:ann%40mail.example", "cache:user:{email}"),
        ("cache:user:Ö'brien@müller.example:x", "cache:user:{email}:{text}"),
        ("otp:+49 30 1234567", "otp:{phone}"),
        ("rate:10.0.0.1:login", "rate:{ip}:login"),
        ("cart:8c3e21f2-6a66-4d0e-9f0a-9c8f6c2f6d11", "cart:{uuid}"),
        ("profile:ann", "profile:{text}"),
        ("profile:Ann-Marie_Smith", "profile:{text}"),
        ("profile:Ann Smith", "profile:{text}"),
        ("profile:Ännchen", "profile:{text}"),
        ("api:v2:user_17", "api:v2:user_{n}"),
        ("online", "online"),
        ("users/7/export-2026.csv", "users/{n}/export-{n}.csv"),
        ("{ann}:x", "{text}:{text}"),
        ("profile:\x00\n*", "profile:{text}"),
    ],
)
def test_shapes(name, shape):
    assert mask_values(name) == shape


def test_words_of_the_maps_templates_stay():
    assert mask_values("acme:user:7") == "{text}:user:{n}"
    assert mask_values("acme:user:7", words_of(["acme:{user_id}:cart"])) == "acme:user:{n}"


@given(st.text(max_size=40))
@example("0@0.0")
@example("f0@ .1 .--")
def test_a_shape_holds_nothing_that_would_be_taken_out_again(name):
    shape = mask_values(f"profile:{name}")
    assert mask_values(shape) == shape


def test_identifiers_of_a_shape():
    assert identifiers("user:{n}:{email}") == ["e-mail addresses", "numbers"]
    assert identifiers("cache:{text}") == []


def test_a_template_names_whole_segments():
    assert names_pattern("user:{user_id}", ":").fullmatch("user:7")
    assert not names_pattern("user:{user_id}", ":").fullmatch("user:7:cart")
    assert not names_pattern("a.b:{user_id}", ":").fullmatch("aXb:7")
    assert names_pattern("a:{*}:{user_id}", ":").fullmatch("a:x:7")
    assert not names_pattern("a:{*}:{user_id}", ":").fullmatch("a:x:y:7")
    assert names_pattern("a:{user_id}:{**}", ":").fullmatch("a:7:x:y")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (EMAIL, "write to ann@mail.example today", True),
        (EMAIL, "user@host", False),
        (EMAIL, '{"to": "o\'brién@müller.example"}', True),
        (EMAIL, "package@1.2.3", False),
        (EMAIL, "git@host:repo.git", False),
        (PHONE, "call +49 (30) 123-4567!", True),
        (PHONE, "0049301234567", True),
        (PHONE, "+1234", False),
        (PHONE, "order 4930123456789", False),
        (IP, "from 10.0.0.255, twice", True),
        (IP, "version 1.2.3", False),
        (IP, "300.1.1.1", False),
        (IP, "1.2.3.4.5", False),
    ],
)
def test_identifiers_in_texts(pattern, text, found):
    assert bool(re.search(pattern, text)) is found
