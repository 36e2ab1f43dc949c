"""YAML reader for data maps: mappings, lists and plain scalars, each with its line number.

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
# YAML 1.2, production [1] (c-printable). Looked for here, because parsers count its place in units of their own.
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# libyaml, wherever PyYAML was built with it (its wheels are): twenty times faster, the same events and lines.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
    text = text.removeprefix("\ufeff")  # as some editors begin a file
    if (found := _UNPRINTABLE.search(text)) is not None:
        raise NotPlainError("a character that YAML does not allow", text.count("\n", 0, found.start()) + 1)
    try:
        return _Reader(text).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "not YAML"
        raise NotPlainError(reason, None if mark is None else mark.line + 1) from None


class _Reader:
    """Builds values straight from the parser's events, once through: every command reads the map when it starts."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._lines: dict[Path_, int] = {}

    def document(self) -> tuple[dict[Any, Any], dict[Path_, int]]:
        """The only document."""
        self._next()  # the stream starts
        first = self._next()
        found = None
        if isinstance(first, yaml.DocumentStartEvent):
            found = self._value(self._next(), (), 0)
            self._next()  # the document ends
            after = self._next()
            if not isinstance(after, yaml.StreamEndEvent):
                raise NotPlainError("a second document follows", _line(after), "Leave one of them away.")
        if not isinstance(found, dict):
            raise NotPlainError("the file is not a mapping", remedy=_START)
        return found, self._lines

    def _next(self) -> yaml.Event:
        """The next event, unless it is more than a data map may use."""
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise NotPlainError("anchors and aliases are not read in a data map", _line(event), "Write the value out.")
        if getattr(event, "tag", None) not in {None, "!"}:
            raise NotPlainError("tags are not read in a data map", _line(event), "Leave the tag away.")
        return event

    def _value(self, event: yaml.Event, where: Path_, depth: int) -> Any:  # noqa: ANN401 - what the YAML held
        self._lines.setdefault(where, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(str(event.value), _line(event), quoted=bool(event.style))
        if depth == MAX_DEPTH:
            raise NotPlainError(f"nested more than {MAX_DEPTH} deep", _line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(where, depth + 1)
        listed: list[Any] = []
        while not isinstance(one := self._next(), yaml.SequenceEndEvent):
            listed.append(self._value(one, (*where, len(listed)), depth + 1))
        return listed

    def _mapping(self, where: Path_, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            name, line = _name(key), _line(key)
            if name in found:
                raise NotPlainError(f"the key `{name}` stands twice", line)
            self._lines[(*where, name)] = line
            found[name] = self._value(self._next(), (*where, name), depth)
        return found


def _line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else int(event.start_mark.line) + 1


def _name(key: yaml.Event) -> str:
    if not isinstance(key, yaml.ScalarEvent):
        raise NotPlainError("a key is one word", _line(key))
    _refuse_control(str(key.value), _line(key))
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
