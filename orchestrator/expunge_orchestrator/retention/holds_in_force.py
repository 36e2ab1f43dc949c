"""Holds in force: what they keep of a collection that is swept by age, whomever and whatever they name.

A hold knows people by keyed hashes alone (ADR 6). So each record that is about to go says its keys, and these are held
against the hashes; and the records of persons are read once, so that a hold by an e-mail keeps what is found by the id
beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from expunge_connectors.contract import DeletesByAge, Heartbeat, NamedThing, SubjectKey
from expunge_orchestrator.holds.kept_collections import sharing_records
from expunge_orchestrator.ledger import holds
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.retention.named_elsewhere import NamedElsewhere
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.workspace import Workspace

_REMEMBERED = 10_000
"""Tags of keys; a key has 512 characters at most, so that these are some megabytes and never more than 25."""


@dataclass(frozen=True)
class HoldKeeping:
    """What some holds keep (see `contract.Keeping`).

    Attributes:
        elsewhere: What is named in other stores.
        holds: On people or on members of a controller.
        known: Tag -> the holds (id) that know a person by it, and whether it is weak (see `holds.hold_tags`).
        persons: The identities that prove who somebody is.
        tagger: Makes tags.
    """

    holds: Mapping[int, Hold]
    known: Mapping[bytes, frozenset[tuple[int, bool]]] = field(repr=False)
    identities: frozenset[str]
    persons: frozenset[str]
    tagger: Tagger = field(repr=False)
    elsewhere: NamedElsewhere = field(repr=False)
    _tags: dict[SubjectKey, bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def _whole(self) -> list[Hold]:
        """Those that name nobody: they keep all of a member."""
        return [one for one in self.holds.values() if not one.people]

    @cached_property
    def _on_members(self) -> bool:
        return any(one.member is not None for one in self.holds.values())

    @property
    def members(self) -> bool:
        """A record is asked for its member: some hold is on one."""
        return self._on_members

    @property
    def named(self) -> frozenset[str]:
        """Identities by which records of other stores are found."""
        return self.elsewhere.identities

    def clear(self, named: Collection[NamedThing]) -> frozenset[SubjectKey]:
        """Have what these name elsewhere go first."""
        return self.elsewhere.clear(named)

    def keeps(self, keys: Collection[SubjectKey], member: str | None) -> bool:
        """Whether one of the holds keeps a record that is found by these keys; of no known member, it may be any's."""
        if self._whole and any(_may_be(one, member) for one in self._whole):
            return True
        known = [one for key in keys for one in self.known.get(self._tag(key), ())]
        if not known:
            return False
        proven = any(key.namespace in self.persons for key in keys)
        return any(
            hold_id in self.holds and not (weak and proven) and _may_be(self.holds[hold_id], member)
            for hold_id, weak in known
        )

    def _tag(self, key: SubjectKey) -> bytes:
        found = self._tags.get(key)
        if found is None:
            if len(self._tags) >= _REMEMBERED:
                self._tags.clear()
            found = self._tags[key] = self.tagger.tag(key)
        return found


@dataclass(frozen=True, slots=True)
class HoldsInForce:
    """All holds of a moment, with everything by which they know their people.

    Attributes:
        seen: The holds (id), and how many tags the ledger had: that nothing changed since.
    """

    holds: Sequence[Hold]
    known: Mapping[bytes, frozenset[tuple[int, bool]]] = field(repr=False)
    identities: frozenset[str]
    seen: tuple[tuple[int, ...], int]

    def whole(self, workspace: Workspace, store: str, names: Collection[str], controller: str) -> bool:
        """A hold keeps all of these collections, which go together: of their data type, or of the controller."""
        return any(
            not one.people and one.member is None and concerns(one, workspace, store, names, controller)
            for one in self.holds
        )

    def keeping(
        self, workspace: Workspace, store: str, names: Collection[str], controller: str, data_type: str
    ) -> HoldKeeping:
        """What the others keep of them."""
        some = {
            one.id: one
            for one in self.holds
            if (one.people or one.member is not None) and concerns(one, workspace, store, names, controller)
        }
        people = any(one.people for one in some.values())
        return HoldKeeping(
            some,
            self.known,
            self.identities if people else frozenset(),
            workspace.data_map.person_identities,
            Tagger(workspace.keys.suppression),
            NamedElsewhere(workspace, store, controller, data_type),
        )


def in_force(workspace: Workspace, day: date, last: HoldsInForce | None, beat: Heartbeat) -> HoldsInForce:
    """The holds of now; where they are those of the last look, that one.

    Args:
        workspace: Ledger, keys and stores.
        day: Of the operator's clock (UTC).
        last: The last look.
        beat: Called while the records of persons are read.

    Raises:
        ConnectorError: A store with such records cannot be read: nobody knows whom a hold keeps there.
    """
    with reading(workspace.ledger) as connection:
        found = holds.in_force(connection, day, None)
        of_people = [one.id for one in found if one.people]
        seen = tuple(one.id for one in found), holds.how_many_tags(connection, of_people) if of_people else 0
        if last is not None and last.seen == seen:
            return last
        tags = holds.tags_of(connection, of_people) if of_people else []
    known: dict[bytes, set[tuple[int, bool]]] = {}
    identities: set[str] = set()
    for one in tags:
        known.setdefault(one.tag, set()).add((one.hold_id, one.weak))
        identities.add(one.namespace)
    if known:
        while _learn(workspace, known, identities, beat):
            pass  # a person's record in another store may say a further key
    return HoldsInForce(
        found,
        {tag: frozenset(by) for tag, by in known.items()},
        frozenset(identities & workspace.data_map.identities.keys()),
        seen,
    )


def _learn(
    workspace: Workspace, known: dict[bytes, set[tuple[int, bool]]], identities: set[str], beat: Heartbeat
) -> bool:
    """Read the records of persons once; whether anything new was learnt."""
    persons, tagger, grown = workspace.data_map.person_identities, Tagger(workspace.keys.suppression), False
    for store in workspace.stores.values():
        if not isinstance(store, DeletesByAge):
            continue
        for piece in store.people(frozenset(identities), beat):
            for keys in piece:
                held = _held_by(keys, known, tagger)
                for key in keys if held else ():
                    ours = known.setdefault(tagger.tag(key), set())
                    more = {
                        (one, key.namespace not in persons) for one in held if not {(one, False), (one, True)} & ours
                    }
                    grown |= bool(more)
                    ours |= more
                    identities.add(key.namespace)
    return grown


def _held_by(keys: Iterable[SubjectKey], known: Mapping[bytes, set[tuple[int, bool]]], tagger: Tagger) -> set[int]:
    """The holds that know a person of these keys by a tag that leads on."""
    return {hold_id for key in keys for hold_id, weak in known.get(tagger.tag(key), ()) if not weak}


def concerns(hold: Hold, workspace: Workspace, store: str, names: Collection[str], controller: str) -> bool:
    """Whether a hold keeps anything of these collections of a controller."""
    if hold.controller not in {None, controller}:
        return False
    return hold.data_type is None or not sharing_records(workspace.data_map, store, hold.data_type).isdisjoint(names)


def _may_be(hold: Hold, member: str | None) -> bool:
    return hold.member is None or member is None or hold.member == member
