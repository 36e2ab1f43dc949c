"""Key templates: values are inserted as they are, and nothing is named by an empty one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge_connectors.contract import Scope
from expunge_connectors.keyspace.templates import Template

SCOPE = Scope("client", "42")


@pytest.mark.parametrize(
    ("text", "value", "key"),
    [
        ("session:{token}", "abc", "session:abc"),
        ("{object}", "a/b c.ogg", "a/b c.ogg"),
        ("client:{controller}:{user_id}", "7", "client:42:7"),
        ("client:{controller}:recent", None, "client:42:recent"),
        ("online", None, "online"),
        ("session:{token}", "{controller}", "session:{controller}"),  # a value is never a template
        ("session:{token}", "*", "session:*"),  # nor a pattern
        ("session:{token}", r"\1", r"session:\1"),
        ("session:{token}", "", None),
        ("session:{token}", None, None),
    ],
)
def test_filling(text: str, value: str | None, key: str | None) -> None:
    assert Template.parse(text).fill(value, SCOPE) == key


def test_without_the_controllers_member_nothing_is_named() -> None:
    template = Template.parse("client:{controller}:{user_id}")
    assert template.fill("7", Scope("client")) is None
    assert template.fill("7", Scope("client", "")) is None


@pytest.mark.parametrize("text", ["{a}{b}", "{", "a}", "{A}", "{{a}}"])
def test_unreadable_templates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="identity"):
        Template.parse(text)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_template_could_name_whatever_it_names(value: str, before: str, after: str) -> None:
    literal = (before + "{a}" + after).replace("{a}", "\0").replace("{", "").replace("}", "").replace("\0", "{a}")
    template = Template.parse(literal)
    key = template.fill(value, SCOPE)
    assert key is not None
    assert template.could_name(key)
    assert key.startswith(template.head)


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("client:{controller}:doc:{token}", {"4": True, "4:doc:x": False, "4:": False, "4/x": True}),
        ("doc:{token}/{controller}", {"4": True, "4/7": False, "4:7": True}),
        ("{token}-{controller}:{token}", {"4": True, "4:": False, "-4": False, "4/": True}),
        ("client:{controller}:recent", {"4": True, "4:recent": True}),  # its end is where the key ends
        ("{controller}{token}", {"4": False}),
        ("session:{token}", {"4:": True}),
    ],
)
def test_the_keys_of_a_member_are_nobody_elses(text: str, apart: dict[str, bool]) -> None:
    assert {member: Template.parse(text).distinguishes(member) for member in apart} == apart


def test_could_name_does_not_match_parts() -> None:
    template = Template.parse("log:{user_id}")
    assert not template.could_name("log:")
    assert not template.could_name("xlog:1")
    assert Template.parse("log.a").could_name("log.a")
    assert not Template.parse("log.a").could_name("logxa")
