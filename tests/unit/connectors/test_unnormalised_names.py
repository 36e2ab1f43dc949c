"""Names held against the normalised spelling: what is looked for is no other spelling, whatever else could be read."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.contract_maps import CLIENT, COMPANY, LOG, data_map

from expunge_config.datamap import DataMap, Identity, load
from expunge_connectors.contract import Scope, Severity
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.keyspace.unnormalised_names import (
    Named,
    NormalisationSample,
    readable,
    reader,
    unknown_spellings,
)
from expunge_connectors.redis import RedisSpec
from expunge_connectors.redis.part_sampling import key_reader
from expunge_connectors.registry import installed
from expunge_connectors.s3 import S3Spec

NORMALISERS = {
    "mail": "email/2",
    "phone": "e164/1",
    "home": "postal/1",
    "uid": "uuid/1",
    "number": "integer/2",
    "code": "exact/1",
}
SCOPE = Scope("client", "42")
UUID = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"


@cache
def whole() -> DataMap:
    identities = {
        name: Identity.model_validate({"kind": "reusable", "normaliser": normaliser})
        for name, normaliser in NORMALISERS.items()
    }
    return data_map({"cache": spec(any="any:{token}")}).model_copy(update={"identities": identities})


def spec(**keys: str) -> RedisSpec:
    plain = {"type": "string", "data_type": "account", "undated": "erase"}
    collections = {
        name: {"key": key, **plain, "owner": CLIENT if "{controller}" in key else COMPANY} for name, key in keys.items()
    }
    return RedisSpec.model_validate({"connector": "redis", "collections": collections})


def told(names: list[str], **keys: str) -> dict[str | None, str]:
    """Collection -> how many of how many are spelt otherwise."""
    known = [
        Named.of(name, one, whole(), one.templates[0], key_reader(one.templates[0]))
        for name, one in spec(**keys).collections.items()
    ]
    spellings = NormalisationSample("cache", known)
    spellings.see(names)
    return {one.collection: one.message.partition(" names")[0] for one in spellings.findings()}


@pytest.mark.parametrize(
    ("template", "name", "value"),
    [
        ("mail:{mail}", "mail:Ada@X.example", "Ada@X.example"),
        ("mail:{mail}", "mail:", None),
        ("mail:{mail}", "mails:Ada@X.example", None),
        ("{home}", "a:b\nc", "a:b\nc"),
        ("{mail}/{mail}.jpg", "a@b.c/a@b.c.jpg", "a@b.c"),
        ("{mail}/{mail}.jpg", "a@b.c/A@b.c.jpg", None),
        ("shop:{controller}:{home}", "shop:42:a:b", "a:b"),
        ("{home}:of:{controller}", "a:of:b:of:42", "a:of:b"),
        ("a.c:{mail}", "abc:x", None),
    ],
)
def test_reading_a_name(template: str, name: str, value: str | None) -> None:
    assert reader(Template.parse(template))(name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("users/Ada/x/y", "Ada"), ("users/Ada/", "Ada"), ("users/Ada", None), ("users//x", None), ("x/users/Ada/", None)],
)
def test_reading_a_name_below_a_prefix(name: str, value: str | None) -> None:
    assert reader(Template.parse("users/{mail}/"), below=True)(name) == value


def test_where_an_identifier_begins_must_be_told() -> None:
    assert readable(Template.parse("{controller}:{number}"))
    assert not readable(Template.parse("{controller}{number}"))
    assert not readable(Template.parse("online"))


@given(
    st.sampled_from(["a:{X}", "{X}", "a:{X}:b", "{X}:{X}", "a:{controller}:{X}", "{X}:{controller}", "a:{*}:{X}:{*}"]),
    st.sampled_from(sorted(NORMALISERS)),
    st.one_of(
        st.emails(),
        st.integers(0).map(str),
        st.uuids().map(str),
        st.text(),
        st.just("+49 (30) 123456"),
        st.just("A, b"),
    ),
)
def test_what_is_looked_for_is_never_another_spelling(text: str, namespace: str, value: str) -> None:
    template = text.replace("{X}", f"{{{namespace}}}")
    try:
        normalised = whole().identities[namespace].rule.normalise(value)
        name = Template.parse(template.replace("{*}", "x")).fill(normalised, SCOPE)
        assert name is not None
        name.encode()
    except ValueError:
        return
    assert told([name], a=template) == {}


@pytest.mark.parametrize(
    ("namespace", "value"),
    [("mail", "Ada@x.example"), ("mail", " ada@x.example"), ("mail", "e\u0301@x.example"), ("phone", "+49 30 123456"),
     ("home", "Main St"), ("uid", UUID)],
)  # fmt: skip
@pytest.mark.parametrize("template", ["a:{X}", "{X}:b", "c:{controller}:{X}", "a:{*}:{X}:{*}", "a:{X}:{**}"])
def test_another_spelling(template: str, namespace: str, value: str) -> None:
    key, names = template.replace("{X}", f"{{{namespace}}}"), template
    for place in ("{controller}", "{**}", "{*}"):
        names = names.replace(place, "42")
    normalised = whole().identities[namespace].rule.normalise(value)
    assert told([names.replace("{X}", one) for one in (value, normalised)], a=key) == {"a": "1 of 2"}


def test_a_name_of_one_collection_is_no_other_spelling_of_a_looser_one() -> None:
    assert told(["a:b:C"], loose="a:{home}", exact="a:b:{code}") == {}
    assert told(["a:b:C"], loose="a:{home}", exact="{code}") == {"loose": "1 of 1"}
    assert told(["a:b:C", "a:D"], loose="a:{home}", other="a:b:{home}") == {"loose": "2 of 2", "other": "1 of 1"}


def test_what_is_refused_as_an_identifier_is_not_counted() -> None:
    assert told(["mail:Ada", "mail:X@y.example"], a="mail:{mail}") == {"a": "1 of 1"}


def test_without_a_sample_it_is_unknown_where_spellings_differ() -> None:
    keys = spec(**{name: f"{name}:{{{name}}}" for name in NORMALISERS})
    log = RedisSpec.model_validate(
        {"connector": "redis", "collections": {"log": {"key": "log:{mail}", "type": "string", "log": LOG}}}
    )
    named = [(name, one, one.namespace) for read in (keys, log) for name, one in read.collections.items()]
    found = list(unknown_spellings("cache", whole(), named))
    assert [one.collection for one in found] == ["mail", "phone", "home", "uid"]
    assert {(one.severity, one.code) for one in found} == {(Severity.INFO, "spelling-unknown")}
    assert "key mail:{mail}" in found[0].message


def test_the_examples_names_are_made_from_ids() -> None:
    registry = installed()
    path = Path(str(files("expunge_demo.calltrack").joinpath("datamap.yaml")))
    example = load(path, registry.store_specs, registry.backup_specs)
    cache, objects = example.stores["cache"], example.stores["recordings"]
    assert isinstance(cache, RedisSpec)
    assert isinstance(objects, S3Spec)
    keys = [(name, one, one.namespace) for name, one in cache.collections.items()]
    named = [(name, one, one.template.namespace) for name, one in objects.collections.items()]
    assert list(unknown_spellings("any", example, [*keys, *named])) == []
