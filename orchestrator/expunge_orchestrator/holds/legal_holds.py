"""Legal holds and exemptions in the ledger: place, lift, list, and match people (ADR 6).

People are known here by suppression tags alone, so a hold outlives the keys of every request. `persons` are everywhere
the identities that prove who somebody is (`DataMap.person_identities`).
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from expunge_config.datamap import DataMap
from expunge_config.errors import UsageError
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.holds import hold_tags
from expunge_orchestrator.holds.hold_tags import KnownBy
from expunge_orchestrator.ledger import Transaction, holds
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Opened, Sealed
from expunge_orchestrator.ledger.items import Item, items_of_chunk
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules import pipeline
from expunge_reports.keys import KeyRing

_LONGEST_GROUNDS = 1500
"""Characters of joined grounds: three of the longest, and short enough for the reason of a person in the ledger."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A hold before it is placed: all that is named must agree; nothing named holds nothing.

    Attributes:
        kind: `hold` or `exemption`.
        people: One set of identifiers per person; any one of them is enough.
        controller: Whose requests; `member` None means every member.
        until: Last day on which it holds; None until it is lifted.
        undisclosed: No statement and no state may tell of it.
    """

    kind: str
    people: Sequence[frozenset[SubjectKey]] = field(repr=False)
    data_type: str | None
    controller: str | None
    member: str | None
    ground: str
    until: date | None
    undisclosed: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as the ledger has it.

    Attributes:
        people: How many it was placed for, 0 if it names none.
        identities: By which these are known -> the normaliser that read their values.
    """

    id: int
    uid: str
    kind: str
    people: int
    identities: Mapping[str, str]
    data_type: str | None
    controller: str | None
    member: str | None
    ground: str
    until: date | None
    undisclosed: bool
    placed_by: str
    placed_at: str
    lifted_by: str | None
    lifted_at: str | None

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.lifted_at is None and (self.until is None or day <= self.until)

    def concerns(self, scope: Scope) -> bool:
        """Whether requests of that controller can fall under it."""
        return self.controller is None or (
            self.controller == scope.controller and (self.member is None or self.member == scope.member)
        )


@dataclass(frozen=True, slots=True)
class EffectiveHold:
    """The holds on one person, or those of them that keep something of the person; the oldest first."""

    holds: tuple[Hold, ...]

    @property
    def whole(self) -> bool:
        """Nothing of the person may be touched."""
        return any(one.data_type is None for one in self.holds)

    @property
    def of_everything(self) -> EffectiveHold:
        """Those of the holds by which nothing of the person may be touched."""
        return EffectiveHold(tuple(one for one in self.holds if one.data_type is None))

    def on_types(self, data_types: Container[str]) -> bool:
        """Whether something of these data types may be held."""
        return any(one.data_type is None or one.data_type in data_types for one in self.holds)

    @property
    def undisclosed(self) -> bool:
        """One hold that may not be told is enough to say nothing."""
        return any(one.undisclosed for one in self.holds)

    @property
    def uids(self) -> list[str]:
        """The holds' names."""
        return sorted(one.uid for one in self.holds)

    @property
    def ground(self) -> str:
        """Why, as it may be told: as many grounds as there is room for, each of them whole; `…` stands for more."""
        grounds = list(dict.fromkeys(one.ground for one in self.holds))
        told = len(grounds)
        while len("; ".join(grounds[:told])) > _LONGEST_GROUNDS:
            told -= 1
        return "; ".join([*grounds[:told], *(["…"] if told < len(grounds) else [])])

    @property
    def until(self) -> date | None:
        """The last day of the longest; None if one of them has none."""
        days = [one.until for one in self.holds]
        return None if None in days else max(day for day in days if day is not None)


@dataclass(frozen=True, slots=True)
class PlacementResult:
    """A hold that is in force, and what it came too late to stop.

    Attributes:
        running: Batch -> people in a running erasing step.
        unproven: How many people it names by what can change hands alone, as an e-mail: where an account gets another
            one, the hold does not follow.
    """

    hold: Hold
    running: Mapping[str, int]
    unproven: int


def place(
    connection: Transaction, wanted: HoldRequest, keys: KeyRing, actor: str, data_map: DataMap
) -> PlacementResult:
    """Put a hold in force. With this transaction's end no erasing step begins that it forbids.

    Raises:
        UsageError: It names neither people nor a data type nor a controller.
    """
    if not (wanted.people or wanted.data_type or wanted.controller):
        raise UsageError(
            "A hold names people, a data type or a controller, or several of these.",
            remedy="Give PEOPLE.csv, --data-type or --controller.",
        )
    persons, tagger = data_map.person_identities, Tagger(keys.suppression)
    named = sorted(frozenset[SubjectKey]().union(*wanted.people))
    serialise_writers(connection)
    uid = f"hd_{secrets.token_hex(6)}"
    hold_id = holds.insert(
        connection,
        {
            "uid": uid,
            "kind": wanted.kind,
            "people": len(wanted.people),
            "identities": {key.namespace: data_map.identities[key.namespace].normaliser for key in named},
            "data_type": wanted.data_type,
            "controller": wanted.controller,
            "member": wanted.member,
            "ground": wanted.ground,
            "until": wanted.until and wanted.until.isoformat(),
            "undisclosed": wanted.undisclosed,
            "placed_by": actor,
            "placed_at": stamp(now()),
        },
    )
    unproven = [one for one in wanted.people if not any(key.namespace in persons for key in one)]
    tags = {tagger.tag(key): key.namespace for key in named}
    holds.insert_tags(connection, hold_id, tags)
    hold = find(connection, uid)
    assert hold is not None
    if tags:
        people = holds.open_or_left(connection, hold_id, hold.controller, hold.member)
        holds.learn_from_items(connection, [hold_id], people, persons)
    return PlacementResult(hold, _running(connection, hold, keys, data_map), len(unproven))


def lift(connection: Transaction, uid: str, actor: str) -> Hold:
    """End a hold. Who waited for it is taken up by `release`.

    Raises:
        UsageError: There is no such hold, or it is lifted already.
    """
    serialise_writers(connection)
    if not holds.lift(connection, uid, actor):
        raise UsageError("There is no hold of that name in force.", remedy="`expunge holds list` lists them.")
    lifted = find(connection, uid)
    assert lifted is not None
    return lifted


def find(connection: Transaction, uid: str) -> Hold | None:
    """The hold of that name, in force or not."""
    row = holds.row(connection, uid)
    return None if row is None else _hold(row)


def list_page(
    connection: Transaction, controllers: Sequence[Scope] | None, after: int | None, limit: int, *, ended: bool
) -> list[Hold]:
    """Holds, the newest first.

    Args:
        connection: Reads.
        controllers: Whose; None: everybody's.
        after: Only those older than this id; None: from the newest on.
        limit: How many at the most.
        ended: Also those that were lifted or have run out.
    """
    day = None if ended else now().date()
    return [_hold(row) for row in holds.page(connection, controllers, after, limit, day)]


def in_force(connection: Transaction, scope: Scope | None = None) -> list[Hold]:
    """The holds of today, the oldest first; with a scope, those alone that concern it: others cost nothing."""
    return [_hold(row) for row in holds.in_force(connection, now().date(), scope)]


def held_in_chunk(  # noqa: PLR0913, PLR0917 - who they are, and by what they are known
    connection: Transaction,
    scope: Scope,
    chunk_id: int,
    people: Iterable[int],
    persons: Collection[str],
    only: Iterable[Hold] | None = None,
) -> dict[int, EffectiveHold]:
    """Item -> what holds it, by the tags of all its resolved keys. People without a hold are absent.

    `only`: of holds that concern the scope, those that count; None: all that are in force.
    """
    applying = in_force(connection, scope) if only is None else list(only)
    if not applying:
        return {}
    by_people = [one.id for one in applying if one.people]
    pairs = holds.matching_items(connection, chunk_id, by_people, persons) if by_people else []
    return _held(applying, pairs, people)


def held_people(
    connection: Transaction,
    scope: Scope,
    tagger: Tagger,
    people: Mapping[int, Collection[SubjectKey]],
    persons: Collection[str],
) -> dict[int, EffectiveHold]:
    """The same for people whose keys are at hand, as when planning: number -> what holds them."""
    applying = in_force(connection, scope)
    if not applying:
        return {}
    pairs = hold_tags.matching_keys(connection, people, [one.id for one in applying if one.people], persons, tagger)
    return _held(applying, pairs, people)


def learn(connection: Transaction, held: Mapping[int, EffectiveHold], persons: Collection[str]) -> None:
    """Let the holds of these people (items) know them by what else they are known: it is about to be erased."""
    by_people = sorted({hold.id for one in held.values() for hold in one.holds if hold.people})
    if by_people:
        holds.learn_from_items(connection, by_people, held, persons)


def learn_from_plan(
    connection: Transaction,
    scope: Scope,
    tagger: Tagger,
    planned: Iterable[KnownBy],
    persons: Collection[str],
) -> None:
    """The same by what a plan led to: the records may say other values by now."""
    by_people = [one.id for one in in_force(connection, scope) if one.people]
    if by_people:
        hold_tags.link_keys(connection, planned, by_people, persons, tagger)


def learn_from_sealed(  # noqa: PLR0913, PLR0917 - who they are, and what opens it
    connection: Transaction,
    of: Iterable[Hold],
    items: Iterable[Item],
    keys: KeyRing,
    data_map: DataMap,
    opened: Opened,
) -> None:
    """The same of people whom a step is about to erase, by values of theirs that resolution did not follow.

    Of such a value, as a number of two people, the ledger has no tag.
    """
    by_people = [one.id for one in of if one.people]
    if not by_people:
        return
    cipher, known = ItemCipher(keys.wrapping), []
    for item in items:
        if item.wrapped_key is None or item.sealed_keys is None:
            continue
        sealed = opened.get(item.sealed_keys)
        if sealed is None:
            sealed = cipher.open(item.wrapped_key, Sealed.KEYS, item.series, item.sealed_keys)
            opened[item.sealed_keys] = sealed
        if (person := hold_tags.known_by(sealed, data_map.identities)).not_followed:
            known.append(person)
    if known:
        persons = data_map.person_identities
        hold_tags.link_keys(connection, known, by_people, persons, Tagger(keys.suppression))


def _held(
    applying: Iterable[Hold], pairs: Iterable[tuple[int, int]], people: Iterable[int]
) -> dict[int, EffectiveHold]:
    by_id = {one.id: one for one in applying}
    general = [one for one in by_id.values() if not one.people]
    found: dict[int, list[Hold]] = defaultdict(list)
    for hold_id, number in pairs:
        found[number].append(by_id[hold_id])
    return {
        number: EffectiveHold(tuple(sorted([*found.get(number, []), *general], key=lambda one: one.id)))
        for number in people
        if general or number in found
    }


def _running(connection: Transaction, hold: Hold, keys: KeyRing, data_map: DataMap) -> dict[str, int]:
    """Who is in an erasing step at this moment."""
    found: dict[str, int] = defaultdict(int)
    for running in holds.running_steps(connection):
        if pipeline.split(running.step)[0] not in {pipeline.ERASE, pipeline.RE_ERASE}:
            continue
        if not hold.concerns(running.scope):
            continue
        items = items_of_chunk(connection, running.chunk_id)
        learn_from_sealed(connection, [hold], items, keys, data_map, {})
        people = [item.id for item in items]
        persons = data_map.person_identities
        if held := held_in_chunk(connection, running.scope, running.chunk_id, people, persons, [hold]):
            found[running.batch] += len(held)
    return dict(found)


def _hold(row: Mapping[str, Any]) -> Hold:
    return Hold(**{**row, "until": date.fromisoformat(row["until"]) if row["until"] else None})
