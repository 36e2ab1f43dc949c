"""Legal holds and exemptions: those in force, and whom they hold (ADR 6).

People are known here by suppression tags alone, so a hold outlives the keys of every request. `persons` are everywhere
the identities that prove who somebody is (`DataMap.person_identities`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from expunge_config.datamap import DataMap
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import Scope, SubjectKey
from expunge_orchestrator.clock import now
from expunge_orchestrator.holds import hold_tags
from expunge_orchestrator.holds.hold_tags import KnownBy
from expunge_orchestrator.ledger import Transaction, holds
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Opened, Sealed
from expunge_orchestrator.ledger.items import Item
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules.effective_holds import EffectiveHold, Hold
from expunge_reports.keys import KeyRing


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
    return holds.page(connection, controllers, after, limit, day)


def in_force(connection: Transaction, scope: Scope | None = None) -> list[Hold]:
    """The holds of today, the oldest first; with a scope, those alone that concern it: others cost nothing."""
    return holds.in_force(connection, now().date(), scope)


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
    cipher, aliases, known = ItemCipher(keys.wrapping), Aliases.of(data_map), []
    for item in items:
        if item.wrapped_key is None or item.sealed_keys is None:
            continue
        sealed = opened.keys.get(item.sealed_keys)
        if sealed is None:
            sealed = cipher.open(item.wrapped_key, Sealed.KEYS, item.series, item.sealed_keys)
            opened.keys[item.sealed_keys] = sealed
        if (person := hold_tags.known_by(sealed, aliases)).not_followed:
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
