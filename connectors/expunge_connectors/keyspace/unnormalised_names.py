"""Unnormalised names: keys and objects that hold an identifier in another than its normalised form.

Stores whose records are named (keys, members, objects) cannot normalise what stands there, as a database can: a name is
made from the normalised value and asked for. Whether names are written so is known to the application alone, so a
sample of them is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from expunge_config.datamap import CollectionSpec, DataMap
from expunge_config.normalisers import Normaliser, NotNormalisable
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.keyspace.templates import CONTROLLER, Template

Reader = Callable[[str], str | None]
"""A name -> what stands in the identity's place of it; None if the template does not fit."""

# Of these a value has one spelling, but for white space around a number, which nobody writes into a name.
_ONE_SPELLING = frozenset({"exact/1", "integer/1", "integer/2"})


def reader(template: Template, *, below: bool = False) -> Reader:
    """Read names by a template without wildcards. A controller's member ends as soon as it can.

    Args:
        template: Names an identity.
        below: It is a prefix: anything may follow, and no value holds a slash.
    """
    one, end = ("[^/]", ".*") if below else (".", "")
    match = re.compile(_expression(template, one) + end, re.DOTALL).fullmatch

    def read(name: str) -> str | None:
        found = match(name)
        return None if found is None else found["value"]

    return read


def readable(template: Template) -> bool:
    """Whether an identity stands in a template, and where it ends can be told."""
    return template.namespace is not None and "}{" not in template.text


def has_variants(data_map: DataMap, namespace: str | None) -> bool:
    """Whether a value of an identity may be spelt in several ways."""
    identity = data_map.identities.get(namespace or "")
    return identity is not None and identity.normaliser not in _ONE_SPELLING


def _expression(template: Template, one: str) -> str:
    expression, seen = "", set[str]()
    for text, place in template.pieces:
        if place is None:
            expression += re.escape(text)
            continue
        name = "controller" if place == CONTROLLER else "value"
        more = "+?" if place == CONTROLLER else "+"
        expression += f"(?P={name})" if name in seen else f"(?P<{name}>{one}{more})"
        seen.add(name)
    return expression


@dataclass(frozen=True, slots=True)
class Named:
    """How the names of one collection are read.

    Attributes:
        collection: Its name.
        where: The template, in the words of `CollectionSpec.found_by_text`.
        rule: The identity's normaliser.
        literal: How many characters of the template are no places: the more, the surer that a name is one of its.
    """

    collection: str
    where: str
    rule: Normaliser
    read: Reader
    literal: int

    @classmethod
    def of(cls, collection: str, spec: CollectionSpec, data_map: DataMap, template: Template, read: Reader) -> Named:
        """Prepare a collection whose template names an identity."""
        rule = data_map.identities[template.namespace or ""].rule
        literal = sum(len(text) for text, _ in template.pieces)
        return cls(collection, "; ".join(spec.found_by_text()), rule, read, literal)

    @property
    def free(self) -> bool:
        """Whether a value may be spelt in several ways."""
        return self.rule.name not in _ONE_SPELLING

    def normalised(self, name: str) -> bool | None:
        """Whether a name holds an identifier as it is looked for; None if it holds none."""
        value = self.read(name)
        try:
            return None if value is None else self.rule.normalise(value) == value
        except NotNormalisable:
            return None


@dataclass(frozen=True, slots=True)
class NormalisationSample:
    """Counts names in another spelling than the normalised one. Holds no name.

    Attributes:
        known: Everything that may name what is looked at: a name that a template with as much literal text reads in
            the normalised spelling is that one's.
        what: What is looked at: names, members, fields.
    """

    store: str
    known: Sequence[Named]
    what: str = "names"
    _seen: Counter[str] = field(default_factory=Counter)
    _other: Counter[str] = field(default_factory=Counter)

    def see(self, names: Iterable[str]) -> None:
        """Count some names."""
        for name in names:
            answers = [(one, answer) for one in self.known if (answer := one.normalised(name)) is not None]
            best = max((one.literal for one, same in answers if same), default=-1)
            for one, same in answers:
                if same or one.literal > best:
                    self._seen[one.collection] += 1
                    self._other[one.collection] += not same

    def findings(self) -> Iterator[Finding]:
        """One for each collection of which a name is in another spelling. How many, never which."""
        for one in self.known:
            if others := self._other[one.collection]:
                yield Finding(
                    Severity.ERROR,
                    "other-spelling",
                    self.store,
                    one.collection,
                    f"{others} of {self._seen[one.collection]} {self.what} looked at ({one.where}) hold an identifier"
                    f" in another spelling than {one.rule.name} makes of it: they are not found, left behind and"
                    " counted as not there.",
                    f"Rename them and have the application write {self.what} in the normalised form, or name them by"
                    " an id.",
                )


def unknown_spellings(
    store: str, data_map: DataMap, collections: Iterable[tuple[str, CollectionSpec, str | None]]
) -> Iterator[Finding]:
    """Where a name may be spelt in several ways: what nobody has looked at is unknown.

    Args:
        store: Its name.
        data_map: The whole map.
        collections: (name, collection, the identity that its names are made from).
    """
    for name, spec, namespace in collections:
        if spec.log is None and namespace is not None and has_variants(data_map, namespace):
            normaliser = data_map.identities[namespace].normaliser
            yield Finding(
                Severity.INFO,
                "spelling-unknown",
                store,
                name,
                f"What is named by {namespace} ({'; '.join(spec.found_by_text())}) is found in the normalised spelling"
                f" ({normaliser}) alone; whether the application writes it so is unknown.",
                "`expunge check --sample` looks at some names; better, have them named by an id.",
            )
