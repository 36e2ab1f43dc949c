"""The YAML of a data map, read by either of PyYAML's parsers: the one in C, and the one for where that is missing."""

from __future__ import annotations

from importlib.resources import files

import pytest
import yaml

from expunge_config.datamap import yaml_reader
from expunge_config.datamap.yaml_reader import NotPlainError

EXAMPLE = (files("expunge_demo.calltrack") / "datamap.yaml").read_text("utf-8")


@pytest.fixture(autouse=True, params=["CSafeLoader", "SafeLoader"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_reader, "_LOADER", getattr(yaml, request.param))


def test_values_are_those_of_yaml_and_lines_those_of_the_file() -> None:
    text = "# first\na:\n  b: [x, 'true', true, ~, 7, 007, -3]\n  c: |\n    two\n    lines\nd:\n- e: \"f\"\n- {g: on}\n"
    value, lines = yaml_reader.read(text)
    assert value == {
        "a": {"b": ["x", "true", True, None, 7, "007", -3], "c": "two\nlines\n"},
        "d": [{"e": "f"}, {"g": "on"}],
    }
    told = {".".join(map(str, where)): line for where, line in lines.items()}
    listed = {"": 2, "a": 2, "a.b": 3, **{f"a.b.{n}": 3 for n in range(7)}, "a.c": 4}
    assert told == {**listed, "d": 7, "d.0": 8, "d.0.e": 8, "d.1": 9, "d.1.g": 9}


def test_the_example_is_what_pyyaml_itself_makes_of_it() -> None:
    def as_text(found: object) -> object:
        if isinstance(found, dict):
            return {key: as_text(value) for key, value in found.items()}
        if isinstance(found, list):
            return [as_text(one) for one in found]
        return str(found).lower() if isinstance(found, bool) else str(found)

    value, places = yaml_reader.read(EXAMPLE)
    lines = {where: line for where, line in places.items() if where and isinstance(where[-1], str)}
    assert as_text(value) == as_text(yaml.load(EXAMPLE, Loader=yaml.BaseLoader))
    written = EXAMPLE.splitlines()
    assert [(where, line) for where, line in lines.items() if where[-1] not in written[line - 1]] == []


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: é\x07\n", 2, "a character that YAML does not allow"),
        ("é: 1\nb: x\ufeffy\n", 2, "a character that YAML does not allow"),
        ("a: 1\nb: \x00\n", 2, "a character that YAML does not allow"),
        ("a: 1\n---\nb: 2\n", 2, "a second document follows"),
        ("a: 1\nb: {c: 1,\n  c: 2}\n", 3, "the key `c` stands twice"),
        ("a: 1\nb: &x 2\n", 2, "anchors and aliases are not read in a data map"),
        ("a: 1\nb: *x\n", 2, "anchors and aliases are not read in a data map"),
        ("a: 1\nb: !!str 2\n", 2, "tags are not read in a data map"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is one word"),
        ('a: 1\nb: "\\e"\n', 2, "a control character stands in a value"),
        ("a: 1\nb: " + "[" * 39 + "]" * 39 + "\nc: " + "[" * 40 + "]" * 40, 3, "nested more than 40 deep"),
    ],
)
def test_what_is_refused_is_refused_at_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(NotPlainError) as refused:
        yaml_reader.read(text)
    assert (refused.value.line, refused.value.reason) == (line, reason)


@pytest.mark.parametrize("text", ["a: [1\n", "a: 1\n\tb: 2\n", "a: 1\n b: 2\n", "a: 'b\n", "a: }\n"])
def test_what_is_no_yaml_is_refused_with_a_line(text: str) -> None:
    with pytest.raises(NotPlainError) as refused:
        yaml_reader.read(text)
    assert refused.value.line is not None


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n", "- a\n", "a\n"])
def test_what_holds_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(NotPlainError, match="the file is not a mapping"):
        yaml_reader.read(text)


def test_a_file_may_begin_as_some_editors_begin_it() -> None:
    assert yaml_reader.read("\ufeffa: 1\n") == ({"a": 1}, {(): 1, ("a",): 1})
