"""Hold placement: place and lift holds, exemptions and restrictions; refuse one that would hold nothing (ADR 6)."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from expunge_config.datamap import DataMap, others_read_alike
from expunge_config.errors import InputError, UsageError
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import Scope, StoreConnector, SubjectKey
from expunge_connectors.errors import ConnectorError, UnknownMemberError
from expunge_orchestrator import store_calls
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.holds.legal_holds import held_in_chunk, learn_from_sealed
from expunge_orchestrator.ledger import Transaction, holds
from expunge_orchestrator.ledger.database import serialise_writers
from expunge_orchestrator.ledger.identifier_encryption import Opened
from expunge_orchestrator.ledger.items import items_of_chunk
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules import pipeline
from expunge_orchestrator.rules.effective_holds import Hold
from expunge_orchestrator.rules.restrictions import RESTRICTION, why_no_restriction, why_not_lifted
from expunge_orchestrator.rules.scope import collections_in, types_of
from expunge_reports.keys import KeyRing


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A hold before it is placed: all that is named must agree; nothing named holds nothing.

    Attributes:
        kind: `hold`, `exemption` or `restriction`.
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

    A value holds under every identity that the map reads where it stands: a request may name it by another one.

    Raises:
        UsageError: It names neither people nor a data type nor a controller; or it is no restriction (ADR 32).
    """
    if not (wanted.people or wanted.data_type or wanted.controller):
        raise UsageError(
            "A hold names people, a data type or a controller, or several of these.",
            remedy="Give PEOPLE.csv, --data-type or --controller.",
        )
    if wanted.kind == RESTRICTION:
        number = len(wanted.people)
        if why := why_no_restriction(people=number, until=wanted.until, undisclosed=wanted.undisclosed):
            raise UsageError(why, remedy="Give PEOPLE.csv, and neither --until nor --undisclosed; or place a hold.")
    persons, tagger = data_map.person_identities, Tagger(keys.suppression)
    aliases, named = Aliases.of(data_map), frozenset[SubjectKey]().union(*wanted.people)
    identities = {key.namespace for key in named}
    alike = {other for name in identities for other in others_read_alike(data_map, name)} - identities
    serialise_writers(connection)
    uid = f"hd_{secrets.token_hex(6)}"
    hold_id = holds.insert(
        connection,
        {
            "uid": uid,
            "kind": wanted.kind,
            "people": len(wanted.people),
            "identities": {name: data_map.identities[name].normaliser for name in sorted(identities)},
            "read_alike": {name: data_map.identities[name].normaliser for name in sorted(alike)},
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
    everywhere = frozenset[SubjectKey]().union(*map(aliases.everywhere, named))
    tags = {tagger.tag(key): key.namespace for key in everywhere}
    holds.insert_tags(connection, hold_id, tags)
    hold = holds.find(connection, uid)
    assert hold is not None
    if tags:
        people = holds.open_or_left(connection, hold_id, hold.controller, hold.member)
        holds.learn_from_items(connection, [hold_id], people, persons)
    return PlacementResult(hold, _running(connection, hold, keys, data_map), len(unproven))


def lift(connection: Transaction, uid: str, actor: str, informed_on: date | None = None) -> Hold:
    """End a hold. Who waited for it is taken up by `release`.

    Args:
        connection: The transaction.
        uid: Its name.
        actor: Who lifts it.
        informed_on: The day (UTC) on which the people of a restriction were informed of its end.

    Raises:
        UsageError: There is no such hold, or it is lifted already; or it is a restriction of whose end nobody was
            informed.
    """
    serialise_writers(connection)
    known = holds.find(connection, uid)
    if known is not None and known.lifted_at is None and (why := why_not_lifted(known, informed_on, now().date())):
        raise UsageError(why, remedy=f"`expunge holds list` says what {uid} is; `--informed DAY` is of a restriction.")
    if not holds.lift(connection, uid, actor, informed_on):
        raise UsageError("There is no hold of that name in force.", remedy="`expunge holds list` lists them.")
    lifted = holds.find(connection, uid)
    assert lifted is not None
    return lifted


def require_effective(data_type: str | None, controller: str | None, data_map: DataMap) -> None:
    """Refuse a hold on a data type of which the controller has nothing.

    Raises:
        InputError: It would be in force and hold nothing.
    """
    if data_type is None or controller is None:
        return
    known = types_of(Scope(controller), data_map)
    if data_type not in known:
        raise InputError(
            f"{controller} has no records of this data type: the hold would hold nothing.",
            remedy=f"Data types of {controller} are {', '.join(sorted(known))}; or leave the controller out.",
        )


def require_member(
    scope: Scope, data_map: DataMap, stores: Mapping[str, StoreConnector], at_once: int
) -> tuple[str, ...]:
    """Refuse a hold on a member whom no request can be for as it is spelled; each store is asked as a plan asks it.

    Returns:
        The stores that could not be asked: a hold has to be placed while a store is down, too.

    Raises:
        UnknownMemberError: A plan for that member is refused in the same words.
    """
    if scope.member is None:
        return ()

    def asked(name: str) -> bool:
        store = stores[name]
        try:
            store_calls.relations(store, scope)
            store.count([], scope, now())
        except UnknownMemberError:
            raise
        except ConnectorError:
            return False
        return True

    answers = store_calls.gather(collections_in(scope, data_map), asked, at_once)
    return tuple(sorted(name for name, answered in answers.items() if not answered))


def _running(connection: Transaction, hold: Hold, keys: KeyRing, data_map: DataMap) -> dict[str, int]:
    """Who is in an erasing step at this moment."""
    found: dict[str, int] = defaultdict(int)
    for running in holds.running_steps(connection):
        if pipeline.split(running.step)[0] not in {pipeline.ERASE, pipeline.RE_ERASE}:
            continue
        if not hold.concerns(running.scope):
            continue
        items = items_of_chunk(connection, running.chunk_id)
        learn_from_sealed(connection, [hold], items, keys, data_map, Opened())
        people = [item.id for item in items]
        persons = data_map.person_identities
        if held := held_in_chunk(connection, running.scope, running.chunk_id, people, persons, [hold]):
            found[running.batch] += len(held)
    return dict(found)
