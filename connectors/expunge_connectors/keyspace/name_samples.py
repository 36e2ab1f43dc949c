"""Name samples: sampled keys of a keyspace or bucket compared with the map, to find shapes that no template names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from expunge_config.datamap import StoreSpec
from expunge_connectors.contract import Finding, Severity
from expunge_connectors.keyspace.identifier_patterns import identifiers, mask_values, share, words_of

_NAMED = 10


@dataclass(frozen=True, slots=True)
class KeyNames:
    """What the map says about the names of one place.

    Attributes:
        store: Name of the store in the data map.
        spec: Its entry, for `unmapped_ok`.
        place: What stands before a shape in findings: `bucket/`, or nothing.
        templates: Of the collections, for their words.
        named: Whether the map names a key.
    """

    store: str
    spec: StoreSpec
    place: str
    templates: tuple[str, ...]
    named: Callable[[str], bool]

    def findings(self, names: Iterable[str]) -> Iterator[Finding]:
        """Shapes with identifiers, each for itself; the other unmapped ones in one."""
        words = words_of(self.templates)
        free = {one.place for one in self.spec.unmapped_ok}
        shapes: Counter[str] = Counter()
        size = 0
        for name in names:
            size += 1
            if not self.named(name):
                shapes[self.place + mask_values(name, words)] += 1
        others: list[str] = []
        for shape, count in sorted(shapes.items()):
            if shape in free:
                continue
            kinds = identifiers(shape.removeprefix(self.place))
            if not kinds:
                others.append(shape)
                continue
            yield Finding(
                Severity.WARNING,
                "unmapped-identifiers",
                self.store,
                None,
                f"Names of the shape {shape} hold {', '.join(kinds)}: {share(count, size)} of {size} names looked at,"
                " and no template of the map names them.",
                f"Map them, declare them a log, or put {shape} under `unmapped_ok`.",
            )
        if others:
            more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
            yield Finding(
                Severity.INFO,
                "unmapped-names",
                self.store,
                None,
                f"No template of the map names {', '.join(others[:_NAMED])}{more}; what the names hold is unknown.",
                "Map them, or put each shape under `unmapped_ok`.",
            )
