"""Checks: compares snapshots from before and after erasing with what the laws demand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from expunge_demo.ground_truth.models import JudgeError, Key, Record, Snapshot
from expunge_demo.ground_truth.ownership import (
    BACKUPS,
    EXPORTS,
    LOG_TABLE,
    LOGS,
    OF_CALLERS,
    OF_CALLERS_KEYS,
    OF_LEADS,
    OF_USERS,
    OF_USERS_KEYS,
    RECORDINGS,
)

LEFT_OVER = "left-over"
CHANGED = "changed"
MISSING = "missing"
APPEARED = "appeared"
LOG_TOUCHED = "log-touched"
RETAINED_TOUCHED = "retained-touched"
BACKUP_TOUCHED = "backup-touched"
ADDRESS = "address"
TOMBSTONE = "tombstone"
VALUE_LEFT = "value-left"

_USERS_PLACES = frozenset({*OF_USERS, *OF_USERS_KEYS, f"s3:{EXPORTS}"})
_CALLERS_PLACES = frozenset({*OF_CALLERS, *OF_CALLERS_KEYS, f"s3:{RECORDINGS}"})
_LEADS_PLACES = frozenset(OF_LEADS)
_LOG_PLACES = frozenset({LOG_TABLE, f"s3:{LOGS}"})
_BACKUPS_PLACE = f"s3:{BACKUPS}"


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was to be erased.

    Attributes:
        users: Ids of account holders.
        callers: Ids of callers, each for the client whose caller it is.
        leads: Ids of web forms whose senders never rang and were named by e-mail or phone.
    """

    users: frozenset[int] = field(default=frozenset(), repr=False)
    callers: frozenset[int] = field(default=frozenset(), repr=False)
    leads: frozenset[int] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Violation:
    """A law broken in one place.

    Attributes:
        law: Which one: a constant of this module.
        place: Table, kind of key, or bucket.
        records: The records' keys, hidden from `repr`: they lead to people.
    """

    law: str
    place: str
    records: tuple[Key, ...] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.law} in {self.place}: {len(self.records)}"


def check(before: Snapshot, after: Snapshot, erased: Erased) -> list[Violation]:
    """Hold two snapshots against the laws; an empty list is a clean verdict.

    Whoever was erased has nothing left but what the law keeps; everybody else's records are the same to the byte;
    logs are untouched although they name people; a home goes with its last resident.

    Raises:
        JudgeError: Somebody to be erased was not there before: a verdict would say nothing.
    """
    if not (
        erased.users <= before.holders.keys()
        and erased.callers <= before.callers.keys()
        and erased.leads <= before.leads.keys()
    ):
        raise JudgeError("Somebody who was to be erased is not in the first snapshot.")
    case = _Case(before, after, erased, _attribution(before, erased))
    broken: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
    for law, place, key in case.violations():
        broken[law, place].add(key)
    return [Violation(law, place, tuple(sorted(keys, key=str))) for (law, place), keys in sorted(broken.items())]


def _attribution(before: Snapshot, erased: Erased) -> frozenset[int]:
    """Return the web forms that go.

    These are the forms that name an erased caller, and the forms without a caller to which that caller's phone or
    e-mail leads. A phone or e-mail that leads to two callers of the client leads to nobody.
    """
    by_phone: defaultdict[tuple[int, bytes], set[int]] = defaultdict(set)
    by_email: defaultdict[tuple[int, bytes], set[int]] = defaultdict(set)
    for ident, caller in before.callers.items():
        by_phone[caller.client, caller.phone].add(ident)
    for lead in before.leads.values():
        if lead.caller is not None:
            by_email[lead.client, lead.email].add(lead.caller)
    going = set(erased.leads)
    for ident, lead in before.leads.items():
        if lead.caller is not None:
            senders = {lead.caller}
        else:
            phones = by_phone[lead.client, lead.phone] if lead.phone is not None else set()
            emails = by_email[lead.client, lead.email]
            senders = (phones if len(phones) == 1 else set()) | (emails if len(emails) == 1 else set())
        if senders and senders <= erased.callers:
            going.add(ident)
    return frozenset(going)


@dataclass(frozen=True, slots=True)
class _Case:
    before: Snapshot
    after: Snapshot
    erased: Erased
    leads: frozenset[int]

    def violations(self) -> Iterator[tuple[str, str, Key]]:
        for place, records in self.before.records.items():
            now = self.after.records[place]
            if place == "addresses":
                yield from self._addresses(records, now)
                continue
            for key, record in records.items():
                law = self._law(place, key, record, now.get(key))
                if law is not None:
                    yield law, place, key
        yield from self._appeared()
        yield from self._values_left()

    def _law(self, place: str, key: Key, record: Record, now: Record | None) -> str | None:
        same = now is not None and now.image == record.image
        if place in _LOG_PLACES:
            return None if same else LOG_TOUCHED
        if place == _BACKUPS_PLACE:
            return None if same else BACKUP_TOUCHED
        if not self._goes(place, record):
            return None if same else MISSING if now is None else CHANGED
        if place == "users":
            return None if self._tombstone(key) else TOMBSTONE
        return self._law_of_going(record, now, same=same)

    def _law_of_going(self, record: Record, now: Record | None, *, same: bool) -> str | None:
        if record.until is not None and record.until > self.after.day:
            return None if same else RETAINED_TOUCHED
        if record.until is not None and record.until > self.before.day:
            return None  # its last day passed in between: kept or gone, both are right
        return None if now is None else LEFT_OVER

    def _goes(self, place: str, record: Record) -> bool:
        if place in _USERS_PLACES:
            return record.person in self.erased.users
        if place in _CALLERS_PLACES:
            return record.person in self.erased.callers
        return place in _LEADS_PLACES and record.person in self.leads

    def _tombstone(self, key: Key) -> bool:
        """The row still holds its place, and nothing in it says whose it was."""
        if not isinstance(key, int) or key not in self.after.holders:
            return False
        was, now = self.before.holders[key], self.after.holders[key]
        if was.closed:
            return was == now
        return now.anchor == was.anchor and now.closed and now.words.isdisjoint(was.words)

    def _addresses(self, records: Mapping[Key, Record], now: Mapping[Key, Record]) -> Iterator[tuple[str, str, Key]]:
        residents: defaultdict[int, set[int]] = defaultdict(set)
        for link, record in self.before.records["user_addresses"].items():
            if record.person is not None:
                residents[int(str(link).partition(" ")[2])].add(record.person)
        for key, record in records.items():
            lived = residents[int(key)]
            stays = not lived or bool(lived - self.erased.users)
            found = now.get(key)
            if (found is not None) != stays or (found is not None and found.image != record.image):
                yield ADDRESS, "addresses", key

    def _appeared(self) -> Iterator[tuple[str, str, Key]]:
        for place, records in self.after.records.items():
            if place == _BACKUPS_PLACE:
                continue  # backups go on being made
            for key in records.keys() - self.before.records[place].keys():
                yield (LOG_TOUCHED if place in _LOG_PLACES else APPEARED), place, key

    def _values_left(self) -> Iterator[tuple[str, str, Key]]:
        """E-mail, phone and name of the erased, where nobody else there has the same, stand in kept rows only."""
        for found in self._own_values_of_users():
            for place, key in self.after.mentions.get(found, ()):
                record = self.after.records[place][key]
                if place in _USERS_PLACES | {"addresses"} and record.until is None:
                    yield VALUE_LEFT, place, key
        for client, found in self._own_values_of_callers():
            for place, key in self.after.mentions.get(found, ()):
                if self._client(place, key) == client:
                    yield VALUE_LEFT, place, key

    def _own_values_of_users(self) -> set[bytes]:
        owners: defaultdict[bytes, set[int]] = defaultdict(set)
        for ident, holder in self.before.holders.items():
            if not holder.closed:
                for found in holder.values:
                    owners[found].add(ident)
        return {found for found, who in owners.items() if who <= self.erased.users}

    def _own_values_of_callers(self) -> set[tuple[int, bytes]]:
        """(client, value) pairs that only erased callers and senders of that client have."""
        gone: set[tuple[int, bytes]] = set()
        others: set[tuple[int, bytes]] = set()
        for ident, caller in self.before.callers.items():
            own = {(caller.client, found) for found in (caller.phone, caller.name) if found is not None}
            (gone if ident in self.erased.callers else others).update(own)
        for ident, lead in self.before.leads.items():
            own = {(lead.client, found) for found in (lead.email, lead.phone, lead.name) if found is not None}
            (gone if ident in self.leads else others).update(own)
        return gone - others

    def _client(self, place: str, key: Key) -> int | None:
        """The client whose record this is."""
        person = self.after.records[place][key].person
        if person is None:
            return None
        if place in _CALLERS_PLACES:
            caller = self.after.callers.get(person) or self.before.callers.get(person)
            return caller.client if caller else None
        if place in _LEADS_PLACES:
            lead = self.after.leads.get(person) or self.before.leads.get(person)
            return lead.client if lead else None
        return None
