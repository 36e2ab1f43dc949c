"""An honest erasure by somebody who knows the generator: every row, key and object named one by one.

The generator says what belongs to whom, the judge finds it out from the stores: they check each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import redis
from psycopg import sql

from expunge_demo.calltrack import Company, redis_entries, s3_objects
from expunge_demo.calltrack.account_holders import Holder
from expunge_demo.calltrack.callers import Caller
from expunge_demo.calltrack.redis_entries import Entry
from expunge_demo.calltrack.s3_objects import StoredObject
from expunge_demo.ground_truth import Erased

# Children before parents.
ORDER = (
    "lead_answers",
    "leads",
    "transcripts",
    "recordings",
    "call_notes",
    "calls",
    "callers",
    "invoice_lines",
    "invoices",
    "messages",
    "user_addresses",
    "addresses",
    "api_tokens",
    "user_profiles",
)


@dataclass(frozen=True)
class ByHand:
    """Who is erased, and with that what."""

    company: Company
    holders: tuple[Holder, ...]
    callers: tuple[Caller, ...]
    visitors: tuple[Caller, ...]

    @classmethod
    def of(cls, company: Company) -> ByHand:
        """Pick people whose cases differ.

        Account holders: the one shown (others stay in the household), one who lives alone and has two homes, one of a
        couple with one phone, two who make up a whole household, one who also rang a client. Callers: every second one
        of the first client, one of two on one line, one who rang another client too. Two senders who never rang.
        """
        holders = [company.holder(user_id) for user_id in (10, 1, 52, 2, 3, 6)]
        own = company.callers_of(company.clients[0].id)
        callers = [company.caller(caller_id) for caller_id in sorted({*own[::2], 1, 38, 4, 24})]
        visitors = [company.caller(caller_id) for caller_id in (13, 49)]
        assert any(len(sound.versions) > 1 for caller in callers for sound in caller.sounds)
        assert any(lead.caller_id is None for caller in callers for lead in caller.leads)
        # The second one lives in the house of a caller who stays.
        assert not {13, 49} & {caller.row.id for caller in callers}
        assert visitors[1].leads[0].postal_address == visitors[1].visitor_leads[0].postal_address
        return cls(company, tuple(holders), tuple(callers), tuple(visitors))

    @property
    def erased(self) -> Erased:
        return Erased(
            users=frozenset(holder.user.id for holder in self.holders),
            callers=frozenset(caller.row.id for caller in self.callers),
            leads=frozenset(lead.id for visitor in self.visitors for lead in visitor.visitor_leads),
        )

    def keys(self) -> dict[str, list]:
        """Table -> primary keys of the rows to delete; of user_addresses, the accounts."""
        ten_years_ago = self.company.now - timedelta(days=3_653)
        found = defaultdict(list)
        for holder in self.holders:
            old = {invoice.id for invoice in holder.invoices if invoice.issued_at < ten_years_ago}
            found["user_profiles"].append(holder.user.id)
            found["user_addresses"].append(holder.user.id)
            found["api_tokens"] += [token.id for token in holder.tokens]
            found["messages"] += [message.id for message in holder.messages]
            found["invoices"] += sorted(old)
            found["invoice_lines"] += [line.id for line in holder.lines if line.invoice_id in old]
        found["addresses"] = self._empty_homes()
        for caller in self.callers:
            found["callers"].append(caller.row.id)
            for table, some in (
                ("calls", caller.calls),
                ("call_notes", caller.notes),
                ("recordings", caller.recordings),
                ("transcripts", caller.transcripts),
                ("leads", caller.leads),
                ("lead_answers", caller.answers),
            ):
                found[table] += [row.id for row in some]
        for visitor in self.visitors:
            found["leads"] += [lead.id for lead in visitor.visitor_leads]
            found["lead_answers"] += [answer.id for answer in visitor.visitor_answers]
        assert all(found[table] for table in ORDER)
        return found

    def erase_rows(self, url: str, skip: str | None = None) -> None:
        """Delete and tombstone; `skip` leaves out one table, with the foreign keys off."""
        keys = self.keys()
        with psycopg.connect(url) as connection:
            if skip is not None:
                connection.execute("SET LOCAL session_replication_role = replica")
            for table in ORDER:
                if table == skip:
                    continue
                column = "user_id" if table in {"user_profiles", "user_addresses"} else "id"
                connection.execute(
                    sql.SQL("DELETE FROM {} WHERE {}::text = ANY(%s)").format(
                        sql.Identifier(table), sql.Identifier(column)
                    ),
                    [[str(key) for key in keys[table]]],
                )
            if skip != "users":
                connection.execute(
                    "UPDATE users SET email = 'erased-' || id || '@erased.invalid', full_name = 'erased', phone = NULL,"
                    " status = 'closed' WHERE id = ANY(%s)",
                    [list(self.erased.users)],
                )

    def erase_keys(self, url: str) -> None:
        with redis.Redis.from_url(url) as client:
            for entry in self.entries():
                match entry.key.split(":"):
                    case ["online"]:
                        client.zrem(entry.key, *entry.fields)
                    case ["client", _, "recent"]:
                        client.srem(entry.key, *entry.fields)
                    case _:
                        client.unlink(entry.key)

    def erase_objects(self, s3) -> None:
        for stored in self.objects():
            listing = s3.list_object_versions(Bucket=stored.bucket, Prefix=stored.key)
            for version in listing["Versions"]:
                s3.delete_object(Bucket=stored.bucket, Key=stored.key, VersionId=version["VersionId"])

    def entries(self) -> Iterable[Entry]:
        for holder in self.holders:
            yield from redis_entries.of_holder(holder)
        for caller in self.callers:
            yield from redis_entries.of_caller(caller)

    def objects(self) -> Iterable[StoredObject]:
        for holder in self.holders:
            yield from s3_objects.of_holder(holder)
        for caller in self.callers:
            yield from s3_objects.of_caller(caller)

    def _empty_homes(self) -> list[int]:
        residents = defaultdict(set)
        for holder in self.company.holders():
            for link in holder.lives_at:
                residents[link.address_id].add(holder.user.id)
        return sorted(home for home, who in residents.items() if who <= self.erased.users)
