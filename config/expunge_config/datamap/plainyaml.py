"""The part of YAML that a data map is written in: mappings, lists and plain values, each on a line that is known.

Left out on purpose: anchors and aliases (a few lines of them unfold to gigabytes, or to themselves), tags (`!!python/…`
and its kin name types, a map holds decisions), and guesses at types (YAML 1.1 reads `2026-01-01` as a date, `1:30` as
90 and `on` as true; here they stay text). YAML 1.2, chapter 10.2 (JSON schema) is the nearest standard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

Path_ = tuple[str | int, ...]
MAX_DEPTH: Final = 40
_WORDS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
# Everything that no name, key or sentence holds on purpose; line breaks and tabs are the reader's own.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_START: Final = "Start from an example: `expunge demo --keep`."


class NotPlainError(Exception):
    """The text is not the YAML of a data map; says where and why, without a path of its own."""

    def __init__(self, reason: str, line: int | None = None, remedy: str = "Correct the YAML at that line.") -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.remedy = remedy


def read(text: str) -> tuple[dict[Any, Any], dict[Path_, int]]:
    """Read a document: its mapping, and the line (from 1) of every entry by its path.

    Raises:
        NotPlainError: It is not YAML, or uses more of YAML than a data map may.
    """
    try:
        _refuse_more(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise NotPlainError("a character that YAML does not allow", line) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "not YAML"
        raise NotPlainError(reason, None if mark is None else mark.line + 1) from None
    if not isinstance(node, yaml.MappingNode):
        raise NotPlainError("the file is not a mapping", remedy=_START)
    lines: dict[Path_, int] = {}
    return _value(node, (), lines), lines


def _refuse_more(text: str) -> None:
    """Walk the events, which costs no memory, before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise NotPlainError("anchors and aliases are not read in a data map", line, "Write the value out.")
        if getattr(event, "tag", None) not in {None, "!"}:
            raise NotPlainError("tags are not read in a data map", line, "Leave the tag away.")
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > MAX_DEPTH:
            raise NotPlainError(f"nested more than {MAX_DEPTH} deep", line)


def _value(node: yaml.Node, where: Path_, lines: dict[Path_, int]) -> Any:  # noqa: ANN401 - what the YAML held
    line = node.start_mark.line + 1
    lines.setdefault(where, line)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = _name(key)
            if name in found:
                raise NotPlainError(f"the key `{name}` stands twice", key.start_mark.line + 1)
            lines[(*where, name)] = key.start_mark.line + 1
            found[name] = _value(value, (*where, name), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*where, index), lines) for index, one in enumerate(node.value)]
    return _scalar(str(node.value), line, quoted=getattr(node, "style", None) is not None)


def _name(key: yaml.Node) -> str:
    line = key.start_mark.line + 1
    if not isinstance(key, yaml.ScalarNode):
        raise NotPlainError("a key is one word", line)
    _refuse_control(str(key.value), line)
    return str(key.value)


def _scalar(text: str, line: int, *, quoted: bool) -> str | int | bool | None:
    _refuse_control(text, line)
    if quoted:
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def _refuse_control(text: str, line: int) -> None:
    if _CONTROL.search(text):
        raise NotPlainError("a control character stands in a value", line, "Leave it away: no name can hold one.")
