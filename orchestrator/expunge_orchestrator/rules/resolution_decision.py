"""Resolution decision: which keys are one person's, by all that was seen so far, or why they are nobody's. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import replace

from expunge_connectors.contract import SubjectKey, hearsay_of
from expunge_orchestrator.rules.key_graph import (
    IdentityRules,
    KeyGraph,
    apart,
    leading_to,
    persons_among,
    persons_behind,
    reached,
    several,
)
from expunge_orchestrator.rules.resolution_answers import Ambiguity, Resolved


def next_keys(trail: KeyGraph, decided: Resolved) -> set[SubjectKey]:
    """Keys worth asking about: those given, and those reached without passing through a key that was rejected."""
    if decided.ambiguity is not None:
        return set(trail.given)
    followed = {*trail.given, *trail.known, *decided.keys}
    # A yielded reusable key must be asked about before it can be accepted or rejected, or is known to be another's; and
    # a person to whom a key leads that is known from before, for their own record may say that it does not.
    return followed.union(*[trail.edges[key] for key in decided.keys | trail.known if key in trail.edges])


def decide(trail: KeyGraph, rules: IdentityRules) -> Resolved:
    """Whose keys these are, or why nobody may be touched."""
    reach: list[set[SubjectKey]] = []
    by_values: list[set[SubjectKey]] = []
    nominated = False
    for key in sorted(trail.given, key=lambda one: one.namespace not in rules.person):
        found = persons_behind(key, trail, rules)
        if key.namespace in rules.person:
            found.add(key)
            if several(found):
                return _leads_to_several(trail, rules)
        elif key.namespace in rules.nominating:
            found -= trail.of_other_kinds(key, found, rules)
            if several(found) or apart([{one} for one in found], trail, rules):
                return Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
            nominated = True
        elif several(found):
            return Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
        reach.append(found)
        if key.namespace in rules.reusable and key.namespace not in rules.shared:
            by_values.append(found)
    together: set[SubjectKey] = set().union(*reach)
    one_leads_nowhere = together and trail.given <= trail.asked and not all(reach)
    nobody_and_apart = not together and len(trail.given) > 1 and not _meet(trail)
    # Each is known to be one human, as those are whom the request names.
    others_by_value = nominated and apart([persons_among(trail.given, rules), *by_values], trail, rules)
    if several(together) or one_leads_nowhere or nobody_and_apart or others_by_value:
        return Resolved(frozenset(), Ambiguity.KEYS_DISAGREE)
    selecting = {key for key in trail.given - trail.of_another if key.namespace not in rules.shared}
    if not selecting:
        of_another = trail.given & trail.of_another
        return Resolved(frozenset(), Ambiguity.OF_ANOTHER_ALONE if of_another else Ambiguity.SHAREABLE_ALONE)
    return _follow(selecting, trail, rules)


def _leads_to_several(trail: KeyGraph, rules: IdentityRules) -> Resolved:
    """A person's key leads on to several persons: another identifier of the same person would as well."""
    persons = persons_among(trail.given | reached(trail.given, trail.edges, rules.reusable), rules)
    kinds = Counter(key.namespace for key in persons)
    named = ", ".join(sorted(kind for kind, number in kinds.items() if number > 1))
    return Resolved(frozenset(), f"{Ambiguity.LEADS_TO_SEVERAL}: {named}" if named else Ambiguity.SEVERAL_PERSONS)


def _meet(trail: KeyGraph) -> bool:
    """Where nobody has a person key, all given keys must have led to one record in common, or none to any."""
    targets = [trail.edges.get(key, set()) for key in trail.given]
    return not trail.given <= trail.asked or not any(targets) or bool(set.intersection(*targets))


def _walk(
    trail: KeyGraph,
    start: AbstractSet[SubjectKey],
    accepted: set[SubjectKey],
    barred: AbstractSet[SubjectKey],
    rules: IdentityRules,
) -> set[SubjectKey] | None:
    """Accept the persons and things that keys lead to; the reusable keys told on the way. None: several persons."""
    told: set[SubjectKey] = set()
    if not start:
        return told
    persons = persons_among(accepted - trail.known, rules)
    ahead = list(start)  # in any order: two persons of one kind stay two
    while ahead:
        for target in trail.edges.get(ahead.pop(), ()):
            if target.namespace in rules.reusable:
                told.add(target)
            elif target not in accepted and target not in barred:
                if target.namespace in rules.person:
                    if several(persons | {target}):
                        return None
                    persons.add(target)
                accepted.add(target)
                ahead.append(target)
    return told


def _follow(accepted: set[SubjectKey], trail: KeyGraph, rules: IdentityRules) -> Resolved:
    """Walk from given keys (`accepted`); what is reached over a yielded reusable key alone is followed no further.

    The phone in the person's own record is the person's; the e-mail in a record that only this phone led to may be
    anybody's. So such records belong to the person (they were not found to be another's), and name nobody else's.
    A value leads to no person whose own record says another one, whatever index names them under it.
    """
    denied = trail.denied(rules)
    if denied:
        trail = replace(trail, edges={key: told - denied.get(key, set()) for key, told in trail.edges.items()})
    if trail.held:
        # Of a given value that another person holds under another name nothing is followed but whom it names.
        named = (persons_behind(key, trail, rules) for key in accepted & trail.held)
        accepted = accepted.difference(trail.held).union(*named)
    if not accepted and (not trail.known or trail.given <= trail.held):
        return Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
    let_go = _strangers(trail, rules) | trail.hearsay | trail.held | trail.of_another
    unfollowed = let_go | _through_these_alone(let_go, trail, rules) | trail.others
    nominated = trail.known - unfollowed
    accepted |= nominated
    values: set[SubjectKey] = set()
    if trail.attributed:
        told_of = trail.told_by_attributed() - trail.held
        values = {key for key in told_of if key.namespace in rules.reusable}
        accepted |= trail.attributed
        accepted |= {key for key in told_of if key.namespace not in rules.lasting}
        unfollowed -= trail.attributed
    # Whose the person's own records say that they are, before an address in them is asked whose it is.
    told = _walk(trail, accepted - trail.known - trail.attributed, accepted, unfollowed, rules)
    if told is None:
        return _leads_to_several(trail, rules)
    told -= accepted
    told -= unfollowed
    unfollowed |= told - trail.asked
    if told := told & trail.asked:
        theirs = _theirs(told, accepted, trail, rules)
        unfollowed |= told - theirs
        accepted |= theirs
        nominated |= theirs
    told = _walk(trail, nominated, accepted, unfollowed, rules)
    if told is None:
        return Resolved(frozenset(), Ambiguity.SEVERAL_PERSONS)
    strayed = set().union(*[keys for value, keys in denied.items() if value in accepted]) - accepted
    unfollowed |= ((told | values) - accepted) | strayed
    if not unfollowed:
        return Resolved(frozenset(accepted), attributed=trail.attributed)
    unclear = unfollowed - trail.others
    own = trail.own(accepted) | trail.known | trail.held | strayed
    shared = (unclear & own) - trail.of_another
    persons = persons_among(accepted, rules)
    doubtful = {key for key in unclear - shared if _nobodys(key, trail, rules, persons)}
    # Those who share a value go by it together. What was attributed to another person goes with none of them.
    doubtful |= trail.of_another & (own | trail.given)
    return Resolved(
        frozenset(accepted),
        None,
        frozenset(unfollowed),
        frozenset(shared),
        frozenset(doubtful),
        trail.attributed,
        others=trail.others,
        of_another=trail.of_another,
    )


def _theirs(
    told: AbstractSet[SubjectKey], accepted: AbstractSet[SubjectKey], trail: KeyGraph, rules: IdentityRules
) -> set[SubjectKey]:
    """Those of the reusable keys that records of the person told that lead to nobody else."""
    persons, own = persons_among(accepted - trail.known, rules), trail.own(accepted)
    theirs: set[SubjectKey] = set()
    for value in sorted(told):
        # By keys, to the end: of a person whose key leads to another one nothing can be erased, by whatever value.
        leads_to = persons_among(reached([value], trail.edges, rules.reusable), rules)
        # What a record merely tells (another's address on an order) leads to nobody who was not found without it.
        strangers = value not in own and not leads_to <= persons
        if value.namespace not in rules.shared and not strangers and not several(persons | leads_to):
            persons |= leads_to
            theirs.add(value)
    return theirs


def _nobodys(key: SubjectKey, trail: KeyGraph, rules: IdentityRules, persons: AbstractSet[SubjectKey]) -> bool:
    """It may lead to records of this person: nobody else is found by it, or this person as well."""
    if key.namespace not in rules.reusable or key.namespace in rules.shared:
        return False
    leads_to = persons_behind(key, trail, rules)
    return not leads_to or not leads_to.isdisjoint(persons)


def _through_these_alone(let_go: AbstractSet[SubjectKey], trail: KeyGraph, rules: IdentityRules) -> set[SubjectKey]:
    """Of the keys known from before those of things, and hearsay, that by now only keys lead to that are let go.

    Not links that hang on the own record of whom a value passed on to: nobody was led there by the value before, and
    of the rows that they lead to their store says whose they are (`given_again`), or that these are shared (ADR 26).
    """
    if not let_go or not trail.known:
        return set()
    hearsay = hearsay_of(trail.known)
    things = {key for key in trail.known - let_go if key in hearsay or key.namespace not in rules.lasting}
    named = reached(let_go, trail.edges, rules.lasting) & things
    if links := {key for key in named if rules.link(key)}:
        values = {key: trail.told_of_person.get(key, set()) for key in let_go if key.namespace in rules.reusable}
        edges = {**trail.edges, **{key: trail.edges.get(key, set()) - told for key, told in values.items()}}
        named -= links - reached(let_go, edges, rules.lasting)
    rest = (trail.given | trail.known | trail.attributed) - let_go - named
    return named - reached(rest, trail.edges, rules.reusable, let_go) - trail.attributed


def _strangers(trail: KeyGraph, rules: IdentityRules) -> set[SubjectKey]:
    """The keys known from before that are another person's by now, or lead to one who was not found by then.

    What such a key leads to is that person's as well, unless a given key leads there: a row's key leads to no person.
    """
    if not trail.known:
        return set()
    named = {key for key in trail.given if key.namespace not in rules.shared}
    ours = reached(named, trail.edges, rules.reusable) | named
    found = persons_among(ours, rules)
    before = found | persons_among(trail.given | trail.known, rules)
    told = persons_among(trail.known.union(*trail.edges.values()), rules)
    others = {key for key in told if key not in before or several(found | {key})}
    strangers = (leading_to(others, trail, rules) | others) & trail.known
    lasting = [key for key in strangers if key.namespace not in rules.reusable]
    return strangers | ((reached(lasting, trail.edges, rules.reusable) - ours) & trail.known)
