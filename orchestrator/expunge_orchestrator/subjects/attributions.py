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
from expunge_orchestrator.rules.identity_resolution import Resolved
from expunge_orchestrator.workspace import Workspace

Ask = Callable[[Mapping[int, frozenset[SubjectKey]]], Mapping[int, Resolved]]
"""Resolves some people again: number -> the values that are theirs -> the answers."""


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
    workspace: Workspace, scope: Scope, people: Mapping[int, tuple[frozenset[SubjectKey], frozenset[SubjectKey]]]
) -> dict[int, dict[SubjectKey, bool]]:
    """Number -> value -> whether it is this person's; of values of which that was decided.

    Args:
        workspace: The ledger, and the key of its hashes.
        scope: For whom the request speaks.
        people: Number -> what says who it is, and the values that are unclear.
    """
    tagger = Tagger(workspace.keys.suppression)
    values = {tagger.tag(value): value for _, unclear in people.values() for value in unclear}
    if not values:
        return {}
    table, value = tables.attribution.c, tables.attribution_value.c
    query = (
        sa.select(value.person, value.value, table.theirs)
        .join(tables.attribution, table.id == value.attribution_id)
        .where(table.controller == scope.controller, table.member.is_not_distinct_from(scope.member))
        .where(table.approved_at.is_not(None), table.withdrawn_at.is_(None))
        .order_by(table.id)  # the last word counts
    )
    with reading(workspace.ledger) as connection:
        said = {(row.person, row.value): row.theirs for row in connection.execute(query)}
    found: dict[int, dict[SubjectKey, bool]] = {}
    for number, (persons, unclear) in people.items() if said else ():
        tags = [tagger.tag(one) for one in persons]
        for tag, one in values.items():
            answers = [said[person, tag] for person in tags if (person, tag) in said] if one in unclear else []
            if answers:
                found.setdefault(number, {})[one] = answers[-1]
    return found


def applied(
    resolved: Mapping[int, Resolved],
    ask: Ask,
    workspace: Workspace,
    scope: Scope,
) -> dict[int, Resolved]:
    """The answers, with what was decided of values that are unclear.

    Args:
        resolved: Number -> the answer.
        ask: Resolves those again of whom a value is theirs.
        workspace: The ledger.
        scope: For whom the request speaks.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    persons = workspace.data_map.person_identities
    unclear = {
        number: (frozenset(key for key in one.keys if key.namespace in persons), values)
        for number, one in resolved.items()
        if one.ambiguity is None and (values := one.shared | one.doubtful)
    }
    said = decided(workspace, scope, unclear) if unclear else {}
    theirs = {number: frozenset(key for key, own in one.items() if own) for number, one in said.items()}
    again = ask({number: keys for number, keys in theirs.items() if keys}) if any(theirs.values()) else {}
    answers = {**resolved, **again}
    return answers | {
        number: _without(answers[number], frozenset(one) - theirs[number]) for number, one in said.items()
    }


def _without(answer: Resolved, others: frozenset[SubjectKey]) -> Resolved:
    """Without these values: they are somebody else's. And without since when those attributed are this person's."""
    ages = {
        key
        for key in answer.keys
        if key.namespace.startswith(SINCE)
        and SubjectKey(key.namespace.removeprefix(SINCE), key.value.partition("|")[2]) in answer.attributed
    }
    return replace(answer, keys=answer.keys - ages, shared=answer.shared - others, doubtful=answer.doubtful - others)
