"""Form reader: a JSON value as one of the typed forms, derived from the types of its fields.

A member whose field has a default may be absent, and is no null where it is there, but for those that are `NULLABLE`.
One whose field has none may not be absent, and is null only if its type says so.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import cache, partial
from types import UnionType
from typing import Any, Final, Literal, NamedTuple, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from expunge_reports import json_fields
from expunge_reports.errors import MalformedError
from expunge_reports.forms import stated_time
from expunge_reports.forms.stated_time import Day, Period, Time

Members = Mapping[str, object]
NULLABLE: Final[Mapping[str, bool]] = {"nullable": True}
"""Metadata of a field whose member may be absent, and null as well."""

Names = NewType("Names", tuple[str, ...])
"""At least one text."""

NO_NAMES: Final = Names(())
"""What a member stands for that is absent."""

Digest = NewType("Digest", str)
"""A text that is a digest, `sha256:` and 64 hexadecimal digits."""

Interval = NewType("Interval", tuple[Time, Time])
"""Two times."""
_ENDS: Final = 2
_SHA256: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_Form = TypeVar("_Form")
_Reader = Callable[[object, str], object]


def read(form: type[_Form], value: object) -> _Form | None:
    """Read a value as one of the forms, or as a tuple of one."""
    try:
        return required(form, value, "the value")
    except MalformedError:
        return None


def required(form: type[_Form], value: object, what: str) -> _Form:
    """Read a value as one of the forms; `what` is named in the error.

    Raises:
        MalformedError: It has another form.
    """
    return cast("_Form", _reader(cast("Any", form))(value, what))


@cache
def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - a type as it is annotated
    if hint in _LEAVES:
        return _LEAVES[hint]
    if get_origin(hint) in {Union, UnionType}:
        return partial(_optional, _reader(get_args(hint)[0]))
    if get_origin(hint) is Literal:
        return partial(_word, get_args(hint))
    if get_origin(hint) is Mapping:
        return partial(_by_name, _reader(get_args(hint)[1]))
    if get_origin(hint) is tuple:
        return partial(_rows, _reader(get_args(hint)[0]))
    return partial(_record, hint, {one: (member.name, _reader(member.type)) for one, member in members(hint).items()})


class Member(NamedTuple):
    """One member of a form.

    Attributes:
        name: as it is in JSON.
        type: how it is read if it is there.
        required: it may not be absent.
    """

    name: str
    type: Any
    required: bool


@cache
def members(form: type) -> Mapping[str, Member]:
    """Return the members of a form by the names of their fields."""
    hints = get_type_hints(form)
    found = {}
    for one in fields(form):
        hint, required = hints[one.name], one.default is MISSING and one.default_factory is MISSING
        if not required and not one.metadata.get("nullable") and get_origin(hint) in {Union, UnionType}:
            hint = get_args(hint)[0]
        name = re.sub(r"_(\w)", lambda matched: matched[1].upper(), one.name)
        found[one.name] = Member(name, hint, required)
    del found["further"]
    return found


def _record(
    form: Callable[..., object], readers: Mapping[str, tuple[str, _Reader]], value: object, what: str
) -> object:
    left = dict(json_fields.members(value, what))
    for member in members(cast("type", form)).values():
        if member.required and member.name not in left:
            raise MalformedError(f"{what} lacks {member.name}")
    given = {one: reader(left.pop(name), name) for one, (name, reader) in readers.items() if name in left}
    return form(**given, further=left)


def _optional(reader: _Reader, value: object, what: str) -> object:
    return None if value is None else reader(value, what)


def _rows(reader: _Reader, value: object, what: str) -> object:
    return tuple(reader(one, what) for one in json_fields.sequence(value, what))


def _word(words: tuple[str, ...], value: object, what: str) -> object:
    if value not in words:
        raise MalformedError(f"{what} is none of the words that are known")
    return value


def _text(value: object, what: str) -> str:
    found = json_fields.text(value, what)
    if not found:
        raise MalformedError(f"{what} is empty")
    return found


def _digest(value: object, what: str) -> str:
    found = json_fields.text(value, what)
    if not _SHA256.fullmatch(found):
        raise MalformedError(f"{what} is no digest")
    return found


def _names(value: object, what: str) -> object:
    found = tuple(_text(one, what) for one in json_fields.sequence(value, what))
    if not found:
        raise MalformedError(f"{what} is empty")
    return found


def _interval(value: object, what: str) -> object:
    found = tuple(stated_time.read_time(one, what) for one in json_fields.sequence(value, what))
    if len(found) != _ENDS:
        raise MalformedError(f"{what} is no interval")
    return found


def _by_name(reader: _Reader, value: object, what: str) -> object:
    return {name: reader(one, what) for name, one in json_fields.members(value, what).items()}


_LEAVES: Final[Mapping[Any, _Reader]] = {
    Time: stated_time.read_time,
    Day: stated_time.read_day,
    Period: stated_time.read_period,
    str: _text,
    Digest: _digest,
    bool: json_fields.flag,
    Names: _names,
    Interval: _interval,
    Members: json_fields.members,
    int: json_fields.integer,  # what is below 0 is for the rules to say
}
