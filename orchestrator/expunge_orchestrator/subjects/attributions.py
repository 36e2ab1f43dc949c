"""Attributions: whose the records under an unclear value are, as one person says and another approves (ADR 18).

Two accounts have one address, or orders of two customers tell it: what stands under it alone is nobody's for certain,
and is told as ambiguous. Somebody may know all the same (a letter, a look at the records). What they say is kept as
keyed hashes, and holds for one person of one controller: from its approval on resolution, plan, erasure, verification
and settling check follow the value for this person, or do not count it as theirs any more.

What is theirs is nobody else's: whoever else asks, what stands under the value alone stays and is told as ambiguous, as
long as the attribution stands. So none is approved that contradicts one in force.

What is theirs was decided between this person and everybody else who had the value when it was approved: the stores are
asked for these then, and their keys are kept as hashes too. Where anybody has it who is not among them it passed on
since: nothing was decided of that, and the value is one as any other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from expunge_config.datamap import DataMap, IdentityKind
from expunge_config.errors import InputError, UsageError
from expunge_connectors.aliases import Aliases
from expunge_connectors.contract import SINCE, CoHolder, Holders, Scope, SubjectKey
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.auth.persons import share_a_person
from expunge_orchestrator.errors import NotConfirmedError
from expunge_orchestrator.ledger import Transaction, attributions
from expunge_orchestrator.ledger.attributions import Attribution, Pair
from expunge_orchestrator.ledger.database import reading, serialise_writers
from expunge_orchestrator.ledger.key_chains import issued_keys
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.rules.resolution_answers import Resolved, Said
from expunge_orchestrator.subjects import member_proof
from expunge_orchestrator.subjects.member_lookup import holders
from expunge_orchestrator.workspace import Workspace

Ask = Callable[[Mapping[int, Said]], Mapping[int, Resolved]]
"""Resolves some people again: number -> what was decided -> the answers."""
People = Sequence[tuple[SubjectKey, frozenset[SubjectKey]]]
"""Of each person one key that says who it is, and values."""

MOST_HOLDERS = 20
"""A value that more people than that have at a time is nobody's (ADR 18)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody says of some values, before it is written down.

    Attributes:
        people: Whom and what it is about.
    """

    scope: Scope
    people: People = field(repr=False)
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


def propose(connection: Transaction, wanted: Proposal, tagger: Tagger, actor: str) -> Attribution:
    """Write down what somebody says. Nothing follows from it before somebody else approves it.

    Raises:
        InputError: By the list a value is theirs of two people.
    """
    pairs = _pairs(wanted.people, tagger)
    if wanted.theirs and len({value for _, value in pairs}) < len(pairs):
        raise InputError(
            "The list says of two people that one value is theirs: what stands under it alone is one person's.",
            remedy="Leave the value to one of them, or say `--as others` of those whose it is not.",
        )
    return attributions.insert(connection, wanted.scope, pairs, theirs=wanted.theirs, reason=wanted.reason, by=actor)


def approve(workspace: Workspace, uid: str, people: People, actor: str) -> Attribution:
    """Put one in force, as somebody else than who proposed it, with the list that was looked at.

    The ledger has keyed hashes alone: an approver who gives no list would approve what they cannot see. Of values that
    are theirs the stores say who has them now.

    Raises:
        UsageError: There is none such that waits for approval.
        NotConfirmedError: The approver is who proposed it, or the list is another one; it contradicts one in force; or
            a value is nobody's, so many people have it.
        ConnectorError: A store cannot say who has the values.
    """
    tagger = Tagger(workspace.keys.suppression)
    with reading(workspace.ledger) as connection:
        wanted = attributions.by_uid(connection, uid)
        if wanted.state == "awaiting-approval":
            _refuse(connection, wanted, _pairs(people, tagger), actor)
    held: Mapping[SubjectKey, Holders] = {}
    if wanted.state == "awaiting-approval" and wanted.theirs:
        try:
            held = holders(workspace.stores.values(), _values(people), Scope(wanted.controller, wanted.member))
        except ConnectorError as error:
            raise type(error)(
                f"Nothing was approved, for who has these values now cannot be read: {error}",
                remedy=f"{error.remedy or 'Make the store answer.'} Then: expunge attribute approve {uid} CSV",
            ) from None
    if any(len(persons) > MOST_HOLDERS for persons in held.values()):
        raise NotConfirmedError(
            f"Nothing was approved: more than {MOST_HOLDERS} people have one of these values. It is an address of many,"
            " such as a no-reply address, and not this person's.",
            remedy=f"expunge attribute withdraw {uid}. Then say it of the other values, or propose it `--as others`.",
        )
    claimants = {(tagger.tag(person), tagger.tag(value)) for value, persons in held.items() for person in persons}
    with workspace.ledger.begin() as connection:
        serialise_writers(connection)  # of two that contradict each other one is in force
        _refuse_contrary(connection, uid)
        if not attributions.set_approved(connection, uid, claimants, actor):
            state = attributions.by_uid(connection, uid).state
            raise UsageError(f"This attribution is {state}: it waits for no approval.", remedy="expunge attribute list")
        return attributions.by_uid(connection, uid)


def _refuse(connection: Transaction, wanted: Attribution, pairs: frozenset[Pair], actor: str) -> None:
    if share_a_person(actor, wanted.asked_by, issued_keys(connection)):
        raise NotConfirmedError(
            "Nothing was approved: whoever proposed it cannot approve it.",
            remedy="Somebody else looks at the records and approves it, by a login or EXPUNGE_ACTOR of their own.",
        )
    if pairs != attributions.pairs_of(connection, wanted.uid):
        raise NotConfirmedError(
            "Nothing was approved: the list is not the one that was proposed.",
            remedy="Give the list that you looked at; if it is right and the proposal is not, withdraw that one.",
        )


def _refuse_contrary(connection: Transaction, uid: str) -> None:
    if contrary := attributions.contrary_to(connection, uid):
        ends = "; ".join(f"expunge attribute withdraw {one}" for one in contrary)
        raise NotConfirmedError(
            "Nothing was approved: of one of these values it was said otherwise, of this person or as another's,"
            f" and that is in force ({', '.join(contrary)}).",
            remedy=f"Find out which is true. If this one is: {ends}. Then: expunge attribute approve {uid} CSV",
        )


def withdraw(connection: Transaction, uid: str, actor: str) -> Attribution:
    """End one. What was erased by it stays erased.

    Raises:
        UsageError: There is none such, or it was withdrawn before.
    """
    attributions.by_uid(connection, uid)
    if not attributions.set_withdrawn(connection, uid, actor):
        raise UsageError("This attribution was withdrawn before.", remedy="expunge attribute list --all")
    return attributions.by_uid(connection, uid)


def _pairs(people: People, tagger: Tagger) -> frozenset[Pair]:
    return frozenset((tagger.tag(person), tagger.tag(value)) for person, values in people for value in values)


def _values(people: People) -> frozenset[SubjectKey]:
    return frozenset[SubjectKey]().union(*(values for _, values in people))


def decided(
    workspace: Workspace, scope: Scope, people: Callable[[], Mapping[int, frozenset[SubjectKey]]]
) -> dict[int, Said]:
    """Number -> what was decided of this person's values, or of another person's; of those of whom anything was.

    Args:
        workspace: The ledger, the key of its hashes, and the stores, which say who has a value that is theirs.
        scope: For whom the request speaks.
        people: Number -> every key that is known of the person; asked for only where anything was decided.

    Raises:
        ConnectorError: A store cannot be asked.
    """
    with reading(workspace.ledger) as connection:
        in_force = attributions.in_force(connection, scope)
    if not in_force:
        return {}
    tagger, identities = Tagger(workspace.keys.suppression), workspace.data_map.identities
    aliases = Aliases.of(workspace.data_map)
    known = people()
    attributed = {value for (_, value), one in in_force.items() if one.theirs}
    others: dict[int, set[SubjectKey]] = defaultdict(set)
    of_another: dict[int, set[SubjectKey]] = defaultdict(set)
    theirs: dict[tuple[int, SubjectKey], frozenset[bytes]] = {}
    for number, keys in known.items():
        plain = map(member_proof.unmark, keys)
        persons = [tagger.tag(key) for key in plain if key.namespace in workspace.data_map.person_identities]
        for key in keys:
            if key.namespace in identities and identities[key.namespace].kind is IdentityKind.REUSABLE:
                # What is said of a value is said of it by whatever identity it is read where it is.
                tags = [*sorted(map(tagger.tag, aliases.of_key(key))), tagger.tag(key)]
                own = [in_force[person, tag] for person in persons for tag in tags if (person, tag) in in_force]
                if own and all(one.theirs for one in own):
                    theirs[number, key] = own[-1].claimants
                elif own and not any(one.theirs for one in own):
                    others[number].add(key)
                elif own or not attributed.isdisjoint(
                    tags
                ):  # or it was said otherwise of another key of the same person
                    of_another[number].add(key)
    said = {
        number: Said(others=frozenset(others[number]), of_another=frozenset(of_another[number]))
        for number in others.keys() | of_another.keys()
    }
    held = holders(workspace.stores.values(), {value for _, value in theirs}, scope)
    for (number, value), claimants in theirs.items():
        co_holders = held.get(value, {}).keys() - known[number]
        if all(tagger.tag(person) in claimants for person in co_holders):
            before = said.get(number, Said())
            said[number] = replace(
                before,
                theirs=before.theirs | {value},
                co_holders=before.co_holders.union(CoHolder(value, person) for person in co_holders),
            )
    return said


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
        persons = workspace.data_map.person_identities
        clear = ((number, one) for number, one in resolved.items() if one.ambiguity is None)
        return {
            # A person's key that is not followed is somebody else's by now, and so is what was said of it.
            number: one.keys.union(
                key for key in one.refused | one.shared | one.doubtful if key.namespace not in persons
            )
            for number, one in clear
        }

    said = decided(workspace, scope, known)
    again = ask(said) if said else {}
    return {
        **resolved,
        **{
            number: one._replace(
                keys=without_ages(one.keys, one.attributed),
                co_holders=frozenset(held for held in said[number].co_holders if held.value in one.attributed),
            )
            for number, one in again.items()
        },
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
