"""Resolution answers: who a request means and by which keys, or why it names no single person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from expunge_connectors.contract import CoHolder, SubjectKey


class Ambiguity(StrEnum):
    """Why a request names no single person. The text stands in outcomes and receipts."""

    SEVERAL_PERSONS = "several persons are behind one of the given identifiers"
    LEADS_TO_SEVERAL = "by the data map the key of one person leads to several of a kind"
    KEYS_DISAGREE = "the given identifiers do not lead to the same person"
    SHAREABLE_ALONE = "an identifier that people share does not name a person by itself"
    OF_ANOTHER_ALONE = (
        "an identifier that we know, on the word of two of our staff, to be another person's does not name this person"
    )
    LEADS_NOWHERE = "by the data map the given identifiers lead to no records of this controller"
    OTHERWISE = "an identifier leads to another person than when the plan was made"
    MOVED = "an identifier leads to a person to whom it did not lead when the erasure began"
    SINCE_RECEIPT = "an identifier leads to a person who has it only since the request was received"
    TOO_DEEP = "the records lead on and on; the map's yields form a loop over other people's records"


def what_helps(told: Iterable[str]) -> str:
    """What to do about people of whom this was told: no identifier helps where the map makes several of one."""
    told = list(told)
    by_map = {one.startswith(Ambiguity.LEADS_TO_SEVERAL) for one in told if one != Ambiguity.LEADS_NOWHERE}
    asked = "Find out who is meant and ask again with an identifier that only this person has."
    named = (
        "Ask again with an identifier by which this controller's records are found, or have a collection of this"
        " controller yield it (docs/findings.md, `identity-unyielded`)."
    )
    mended = (
        "Where the key of one person leads to several, mend the data map (docs/findings.md, `several-behind-key`), then"
        " plan these people again."
    )
    return " ".join(
        [
            *([asked] if False in by_map else []),
            *([mended] if True in by_map else []),
            *([named] if Ambiguity.LEADS_NOWHERE in told else []),
        ]
    )


class Resolved(NamedTuple):
    """The answer for one subject. A tuple: a resolution decides several times about each person of a chunk.

    Attributes:
        keys: Every key accepted: what count, erase and verify work with.
        ambiguity: Set exactly when nothing may be erased: an `Ambiguity`; where it is `LEADS_TO_SEVERAL`, and of which
            identities there are several.
        refused: Keys that were told and not followed: other people share them, or may.
        shared: Those of them that the person's own record holds.
        doubtful: Those of them that records merely tell, and that lead to nobody else: nobody can say whose they are.
        attributed: Those of the keys that an operator says are this person's, though `co_holders` have them as well.
        co_holders: Who else has an attributed key, and had it when that was approved.
        others: Values that an operator says are not this person's: they are none of the keys, and not unclear either.
        of_another: Values that an operator says are one other person's: they are none of the keys, and never followed.
        unread: What records of the person name and nobody can read, by store and collection (`contract.UNREAD`).
        at_home: Store, collection and key of the person's own records that are the request's member's.
        let_go: Keys that an earlier resolution followed, and against which the records speak by now.
    """

    keys: frozenset[SubjectKey]
    ambiguity: str | None = None
    refused: frozenset[SubjectKey] = frozenset()
    shared: frozenset[SubjectKey] = frozenset()
    doubtful: frozenset[SubjectKey] = frozenset()
    attributed: frozenset[SubjectKey] = frozenset()
    co_holders: frozenset[CoHolder] = frozenset()
    others: frozenset[SubjectKey] = frozenset()
    of_another: frozenset[SubjectKey] = frozenset()
    unread: frozenset[SubjectKey] = frozenset()
    at_home: frozenset[SubjectKey] = frozenset()
    let_go: frozenset[SubjectKey] = frozenset()

    @property
    def unfollowed(self) -> int:
        """How many keys were not followed."""
        return len(self.refused)


@dataclass(frozen=True, slots=True)
class Said:
    """What was decided of a person's values, by two people (`subjects.attributions`).

    Attributes:
        co_holders: Who else has a value that is theirs, and had it by then.
        of_another: Values that were attributed to one other person.
    """

    theirs: frozenset[SubjectKey] = frozenset()
    others: frozenset[SubjectKey] = frozenset()
    of_another: frozenset[SubjectKey] = frozenset()
    co_holders: frozenset[CoHolder] = frozenset()
