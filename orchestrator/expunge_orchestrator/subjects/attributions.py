"""Attributions: whose the records under an unclear value are, as one person says and another approves (ADR 18).

Two accounts have one address, or orders of two customers tell it: what stands under it alone is nobody's for certain,
and is told as ambiguous. Somebody may know all the same (a letter, a look at the records). What they say is kept as
keyed hashes, and holds for one person of one controller: from its approval on resolution, plan, erasure, verification
and settling check follow the value for this person, whoever else has it, or do not count it as theirs any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from expunge_config.datamap import DataMap, IdentityKind
from expunge_config.errors import InputError, UsageError
from expunge_connectors.contract import SINCE, Scope, SubjectKey
from expunge_orchestrator.auth import local_actor
from expunge_orchestrator.clock import now, stamp
from expunge_orchestrator.errors import NotConfirmedError
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules.identity_resolution import Resolved, Said
from expunge_orchestrator.workspace import Workspace

Ask = Callable[[Mapping[int, Said]], Mapping[int, Resolved]]
"""Resolves some people again: number -> what was decided -> the answers."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """As the ledger has it. It is in force once it is approved, until it is withdrawn.

    Attributes:
        values: How many values it is about, each of one person.
        theirs: What stands under them alone is this person's; False: it is somebody else's.
    """

    uid: str
    controller: str
    member: str | None
    values: int
    theirs: bool
    reason: str
    asked_by: str
    asked_at: str
    approved_by: str | None
    approved_at: str | None
    withdrawn_by: str | None
    withdrawn_at: str | None

    @property
    def state(self) -> str:
        """awaiting-approval, in-force or withdrawn."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "awaiting-approval" if self.approved_at is None else "in-force"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody says of some values, before it is written down.

    Attributes:
        people: Of each one key that says who it is, and the values.
    """

    scope: Scope
    people: Sequence[tuple[SubjectKey, frozenset[SubjectKey]]] = field(repr=False)
    theirs: bool
    reason: str


def person_and_values(
    listed: Iterable[frozenset[SubjectKey]], data_map: DataMap
) -> list[tuple[SubjectKey, frozenset[SubjectKey]]]:
    """The lines of a list: who it is, and the values that are spoken of.

    Raises:
        InputError: A line has no single person's key, or no reusable value.
    """
    found = []
    for keys in listed:
        persons = [key for key in keys if key.namespace in data_map.person_identities]
        values = frozenset(keys) - frozenset(persons)
        reusable = all(data_map.identities[key.namespace].kind is IdentityKind.REUSABLE for key in values)
        if len(persons) != 1 or not values or not reusable:
            raise InputError(
                "Each line names one person by a key that is never re-used, and the values that are spoken of.",
                remedy="Write a header such as `user_id,email`; the e-mail is the one that records were left under.",
            )
        found.append((persons[0], values))
    return found


def propose(connection: sa.Connection, wanted: Proposal, tagger: Tagger, actor: str) -> Attribution:
    """Write down what somebody says. Nothing follows from it before somebody else approves it."""
    uid = f"at_{secrets.token_hex(6)}"
    made: int = connection.execute(
        sa.insert(tables.attribution)
        .values(
            uid=uid,
            controller=wanted.scope.controller,
            member=wanted.scope.member,
            theirs=wanted.theirs,
            reason=wanted.reason,
            asked_by=actor,
            asked_at=stamp(now()),
        )
        .returning(tables.attribution.c.id)
    ).scalar_one()
    rows = {(tagger.tag(person), tagger.tag(value)) for person, values in wanted.people for value in values}
    connection.execute(
        sa.insert(tables.attribution_value),
        [{"attribution_id": made, "person": person, "value": value} for person, value in sorted(rows)],
    )
    return by_uid(connection, uid)


def approve(connection: sa.Connection, uid: str, actor: str) -> Attribution:
    """Put one in force, as somebody else than who proposed it.

    Raises:
        UsageError: There is none such that waits for approval.
        NotConfirmedError: The approver is who proposed it.
    """
    wanted = by_uid(connection, uid)
    if wanted.state != "awaiting-approval":
        raise UsageError(
            f"This attribution is {wanted.state}: it waits for no approval.", remedy="expunge attribute list"
        )
    if local_actor.same_actor(actor, wanted.asked_by):
        raise NotConfirmedError(
            "Nothing was approved: whoever proposed it cannot approve it.",
            remedy="Somebody else looks at the records and approves it, under a login or EXPUNGE_ACTOR of their own.",
        )
    table = tables.attribution
    connection.execute(sa.update(table).where(table.c.uid == uid).values(approved_by=actor, approved_at=stamp(now())))
    return by_uid(connection, uid)


def withdraw(connection: sa.Connection, uid: str, actor: str) -> Attribution:
    """End one. What was erased by it stays erased.

    Raises:
        UsageError: There is none such, or it was withdrawn before.
    """
    if by_uid(connection, uid).state == "withdrawn":
        raise UsageError("This attribution was withdrawn before.", remedy="expunge attribute list --all")
    table = tables.attribution
    connection.execute(sa.update(table).where(table.c.uid == uid).values(withdrawn_by=actor, withdrawn_at=stamp(now())))
    return by_uid(connection, uid)


def listed(connection: sa.Connection) -> list[Attribution]:
    """All of them, the oldest first."""
    table, value = tables.attribution, tables.attribution_value.c
    number = sa.select(sa.func.count()).where(value.attribution_id == table.c.id).scalar_subquery()
    wanted = [table.c[one] for one in Attribution.__slots__ if one != "values"]
    query = sa.select(*wanted, number.label("values")).order_by(table.c.id)
    return [Attribution(**row) for row in connection.execute(query).mappings()]


def by_uid(connection: sa.Connection, uid: str) -> Attribution:
    """One of them.

    Raises:
        UsageError: There is none such.
    """
    found = next((one for one in listed(connection) if one.uid == uid), None)
    if found is None:
        raise UsageError("There is no such attribution.", remedy="expunge attribute list")
    return found


def decided(
    workspace: Workspace, scope: Scope, people: Callable[[], Mapping[int, frozenset[SubjectKey]]]
) -> dict[int, Said]:
    """Number -> what was decided of this person's values; of those of whom anything was.

    Args:
        workspace: The ledger, and the key of its hashes.
        scope: For whom the request speaks.
        people: Number -> every key that is known of the person; asked for only where anything was decided.
    """
    table, value = tables.attribution.c, tables.attribution_value.c
    query = (
        sa.select(value.person, value.value, table.theirs)
        .join(tables.attribution, table.id == value.attribution_id)
        .where(table.controller == scope.controller, table.member.is_not_distinct_from(scope.member))
        .where(table.approved_at.is_not(None), table.withdrawn_at.is_(None))
        .order_by(table.id)  # the last word counts
    )
    with reading(workspace.ledger) as connection:
        theirs = {(row.person, row.value): row.theirs for row in connection.execute(query)}
    tagger, identities = Tagger(workspace.keys.suppression), workspace.data_map.identities
    found: dict[int, Said] = {}
    for number, keys in people().items() if theirs else ():
        persons = [tagger.tag(key) for key in keys if key.namespace in workspace.data_map.person_identities]
        said: dict[bool, set[SubjectKey]] = {True: set(), False: set()}
        for key in keys:
            if key.namespace in identities and identities[key.namespace].kind is IdentityKind.REUSABLE:
                tag = tagger.tag(key)
                for own in [theirs[person, tag] for person in persons if (person, tag) in theirs][-1:]:
                    said[own].add(key)
        if any(said.values()):
            found[number] = Said(frozenset(said[True]), frozenset(said[False]))
    return found


def applied(resolved: Mapping[int, Resolved], ask: Ask, workspace: Workspace, scope: Scope) -> dict[int, Resolved]:
    """The answers, with what was decided of any value that is known of a person, clear or not.

    Args:
        resolved: Number -> the answer.
        ask: Resolves those again of whom something was decided.
        workspace: The ledger.
        scope: For whom the request speaks.

    Raises:
        ConnectorError: A store cannot be asked.
    """

    def known() -> dict[int, frozenset[SubjectKey]]:
        clear = ((number, one) for number, one in resolved.items() if one.ambiguity is None)
        return {number: one.keys | one.refused | one.shared | one.doubtful for number, one in clear}

    said = decided(workspace, scope, known)
    again = ask(said) if said else {}
    return {
        **resolved,
        **{number: replace(one, keys=without_ages(one.keys, one.attributed)) for number, one in again.items()},
    }


def without_ages(keys: frozenset[SubjectKey], attributed: frozenset[SubjectKey]) -> frozenset[SubjectKey]:
    """The keys without since when attributed values are this person's: no record is too old for these."""
    if not attributed:
        return keys
    return frozenset(
        key
        for key in keys
        if not key.namespace.startswith(SINCE)
        or SubjectKey(key.namespace.removeprefix(SINCE), key.value.partition("|")[2]) not in attributed
    )
