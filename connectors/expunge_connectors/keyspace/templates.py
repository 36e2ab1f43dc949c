"""Key templates: `session:{session_token}` names one key for each value of one namespace.

Values are inserted literally. A template holds at most one `{namespace}`; `{controller}` stands for the member of the
request's controller and may stand beside it. Where a store can be searched, `{*}` stands for one segment that nobody
can name and `{**}`, at the end, for everything that follows (`key_patterns.py` says where a segment ends).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from string import digits

from expunge_connectors.contract import Scope

_PLACE = re.compile(r"\{([a-z][a-z0-9_-]*|\*\*?)\}")
CONTROLLER = "controller"
SEGMENT, REST = "*", "**"

# What the values of a normaliser are made of; of all others anything is possible.
ALPHABETS: Mapping[str, AbstractSet[str]] = {
    "integer/1": frozenset(digits),
    "integer/2": frozenset(digits + "-"),
    "uuid/1": frozenset(digits + "abcdef-"),
    "e164/1": frozenset(digits + "+"),
    "phone/1": frozenset(digits + "+;ext="),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template."""

    text: str
    namespace: str | None
    by_controller: bool
    wild: bool

    @classmethod
    @lru_cache(4096)
    def parse(cls, text: str) -> Template:
        """Read a template; of the same text the same object, since the texts are those of a data map.

        Raises:
            ValueError: It names more than one namespace, braces do not match, or a wildcard stands where its end
                could not be told.
        """
        names = _PLACE.findall(text)
        if "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text):
            raise ValueError("braces enclose the name of an identity, as in session:{session_token}")
        namespaces = [name for name in names if name not in {CONTROLLER, SEGMENT, REST}]
        if len(set(namespaces)) > 1:
            raise ValueError("a template names one identity only")
        wild = SEGMENT in names or REST in names
        made = cls(text, next(iter(namespaces), None), CONTROLLER in names, wild)
        if wild:
            made._check_wildcards(len(namespaces))
        return made

    def _check_wildcards(self, identities: int) -> None:
        pieces = self.pieces
        if identities > 1:
            raise ValueError("beside a wildcard the identity stands once")
        if "}{" in self.text:
            raise ValueError("between a wildcard and its neighbours something literal must stand")
        literals = [text for text, place in pieces if place is None]
        if not any(literals) or not all(text.isascii() for text in literals):
            raise ValueError("beside a wildcard the literal parts are ASCII, and there is at least one")
        if any(place == REST for _, place in pieces[:-1]):
            raise ValueError("`{**}` stands at the end")

    @property
    def pieces(self) -> Sequence[tuple[str, str | None]]:
        """In order: (literal text, None) or ("", name of the place)."""
        found: list[tuple[str, str | None]] = []
        for at, piece in enumerate(_PLACE.split(self.text)):
            if at % 2:
                found.append(("", piece))
            elif piece:
                found.append((piece, None))
        return found

    @property
    def shape(self) -> Sequence[tuple[str, str | None]]:
        """The pieces, whatever identity stands in them."""
        return tuple((text, "" if place == self.namespace and place else place) for text, place in self.pieces)

    @property
    def head(self) -> str:
        """The literal text before the first place: every key that the template can name begins with it."""
        return self.text.partition("{")[0]

    def fill(self, value: str | None, scope: Scope) -> str | None:
        """The key for one value; None where the value or the controller's member that it needs is missing or empty."""
        if self.wild:
            raise ValueError("a template with wildcards names no single key")
        if (self.by_controller and not scope.member) or (self.namespace is not None and not value):
            return None

        def put(match: re.Match[str]) -> str:
            return (scope.member if match.group(1) == CONTROLLER else value) or ""

        return _PLACE.sub(put, self.text)

    def distinguishes(self, member: str) -> bool:
        """Whether this member's keys are nobody else's: beside another place something ends it that it does not hold.

        `client:{controller}:doc:{token}` with the member `4:doc:x` would name what the member `4` has as `x:doc:…`.
        """
        pieces = self.pieces
        others = [at for at, (_, place) in enumerate(pieces) if place not in {None, CONTROLLER}]
        for at, (_, place) in enumerate(pieces):
            if place != CONTROLLER or not others:
                continue
            after, before = others[-1] > at, others[0] < at
            if (after and pieces[at + 1][0][:1] in member) or (before and pieces[at - 1][0][-1:] in member):
                return False
        return True

    def could_name(self, key: str) -> bool:
        """Whether some value would make this template name `key`."""
        pieces = [re.escape(piece) for piece in _PLACE.sub("\0", self.text).split("\0")]
        return re.fullmatch(".+".join(pieces), key, re.DOTALL) is not None


Step = tuple[AbstractSet[str] | None, bool]
"""What one character may be (None: anything), and whether more of the kind may follow."""


def steps(template: Template, alphabet: AbstractSet[str] | None, *, open_end: bool = False) -> Sequence[Step]:
    """A template as an automaton that reads a key character by character.

    Args:
        template: Any.
        alphabet: What the identity's values are made of; None for anything.
        open_end: Anything may follow (a prefix).
    """
    found: list[Step] = []
    for text, place in template.pieces:
        if place is None:
            found += [(frozenset(character), False) for character in text]
        else:
            found.append((alphabet if place == template.namespace else None, True))
    return [*found, (None, True)] if open_end else found


def overlap(one: Sequence[Step], other: Sequence[Step]) -> bool:
    """Whether some key is read to its end by both."""
    seen: set[tuple[int, int]] = set()
    ahead = [(0, 0)]
    while ahead:
        at = ahead.pop()
        if at in seen:
            continue
        seen.add(at)
        here, there = at
        if here == len(one) and there == len(other):
            return True
        if here < len(one) and there < len(other) and _share(one[here][0], other[there][0]):
            mine = [here, here + 1] if one[here][1] else [here + 1]
            theirs = [there, there + 1] if other[there][1] else [there + 1]
            ahead += [(here, there) for here in mine for there in theirs]
    return False


def _share(one: AbstractSet[str] | None, other: AbstractSet[str] | None) -> bool:
    return one is None or other is None or bool(one & other)
