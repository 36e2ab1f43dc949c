"""The complete example data set: every row, Redis entry and S3 object, and people worth showing."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, islice
from typing import Literal

from expunge_demo.calltrack import redis_entries, s3_objects
from expunge_demo.calltrack.account_holders import Holder, HolderMaker
from expunge_demo.calltrack.callers import Caller, CallerMaker
from expunge_demo.calltrack.person import identity
from expunge_demo.calltrack.redis_entries import Entry
from expunge_demo.calltrack.rows import TABLES, Client, MarketingOptout, Row
from expunge_demo.calltrack.s3_objects import StoredObject
from expunge_demo.calltrack.vocabulary import CLIENTS

FIRST_CLIENT = 42
# Percent of the callers that each client has.
_SHARES = (22, 17, 14, 12, 11, 10, 8, 6)
_CHUNK = 1_000
_NO_ACCOUNT = 50_000_000


@dataclass(frozen=True, slots=True)
class Company:
    """Calltrack with `people` people, two of five of them account holders, the others callers.

    Everything follows from the three arguments: the same ones give the same bytes, on any machine, in any order.

    Args:
        seed: Any small number of 0 or more; another one gives other people.
        people: How many; from 250 on every case of the example occurs.
        now: Aware; everything happened before it, and what a person did about two years before it at the earliest.
    """

    seed: int
    people: int
    now: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "now", self.now.astimezone(UTC).replace(microsecond=0))

    @property
    def holder_count(self) -> int:
        """Number of account holders."""
        return self.people * 2 // 5

    @property
    def caller_count(self) -> int:
        """Number of callers."""
        return self.people - self.holder_count

    @property
    def clients(self) -> tuple[Client, ...]:
        """The eight clients; the first one has the most callers."""
        since = self.now - timedelta(days=900)
        return tuple(Client(FIRST_CLIENT + place, name, since) for place, name in enumerate(CLIENTS))

    def holders(self) -> Iterator[Holder]:
        """All account holders, made one by one."""
        maker = self._holder_maker()
        return (maker.holder(index) for index in range(self.holder_count))

    def callers(self) -> Iterator[Caller]:
        """All callers, made one by one."""
        maker = self._caller_maker()
        return (maker.caller(index) for index in range(self.caller_count))

    def holder(self, user_id: int) -> Holder:
        """The account holder with this id (1 to `holder_count`)."""
        return self._holder_maker().holder(user_id - 1)

    def caller(self, caller_id: int) -> Caller:
        """The caller with this id (1 to `caller_count`)."""
        return self._caller_maker().caller(caller_id - 1)

    def row_chunks(self) -> Iterator[Mapping[str, Sequence[Row]]]:
        """All database rows by table, in chunks of a thousand people; tables and chunks in an order that loads."""
        others = tuple(self._optouts_without_account())
        yield _by_table(chain(self.clients, others))
        people: Iterator[Holder | Caller] = chain(self.holders(), self.callers())
        while chunk := tuple(islice(people, _CHUNK)):
            yield _by_table(chain.from_iterable(person.rows() for person in chunk))

    def entries(self) -> Iterator[Entry]:
        """All keys of the cache."""
        for holder in self.holders():
            yield from redis_entries.of_holder(holder)
        for caller in self.callers():
            yield from redis_entries.of_caller(caller)

    def objects(self) -> Iterator[StoredObject]:
        """All objects except backup copies."""
        for caller in self.callers():
            yield from s3_objects.of_caller(caller)
        for holder in self.holders():
            yield from s3_objects.of_holder(holder)
        emails = cycle(identity(self.seed, index).email for index in range(0, self.holder_count, 3))
        yield from s3_objects.web_logs(self.seed, self.now, self.holder_count, emails)

    def callers_of(self, client: int) -> list[int]:
        """Ids of a client's callers."""
        maker = self._caller_maker()
        return [index + 1 for index in range(self.caller_count) if maker.client_of(index) == client]

    def batch_csv(self, client: int, count: int, column: Literal["caller_id", "phone"] = "caller_id") -> str:
        """A client's request for `count` of its callers: CSV text with one column.

        Phones are taken from callers who share theirs with nobody at that client.

        Raises:
            ValueError: The client has fewer callers.
        """
        maker = self._caller_maker()
        ids = self.callers_of(client)
        if column == "phone":
            lines = Counter(maker.phone(ident - 1) for ident in ids)
            ids = [ident for ident in ids if lines[maker.phone(ident - 1)] == 1]
        if len(ids) < count:
            raise ValueError("this client has fewer callers")
        chosen = sorted(random.Random(self.seed).sample(ids, count))  # noqa: S311 - an example, no secret
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column])
        writer.writerows([str(ident) if column == "caller_id" else maker.phone(ident - 1)] for ident in chosen)
        return text.getvalue()

    def showcase(self) -> Holder:
        """An account holder with everything: a shared home, young and old invoices, sessions, exports, log lines.

        Raises:
            ValueError: The company is too small to have one.
        """
        ten_years_ago = self.now - timedelta(days=3_653)
        homes = Counter(holder.household for holder in self.holders())
        for holder in self.holders():
            ages = {invoice.issued_at < ten_years_ago for invoice in holder.invoices}
            if (
                homes[holder.household] > 1
                and ages == {True, False}
                and holder.exports
                and holder.user.phone is not None
                and not holder.shares_phone
            ):
                return holder
        raise ValueError("the company is too small: it takes 25 people")

    def one_person(self) -> str:
        """The e-mail address of `showcase()`."""
        return self.showcase().user.email

    def _holder_maker(self) -> HolderMaker:
        staff_of = tuple(client.id for client in self.clients)
        return HolderMaker(self.seed, self.now, self.holder_count, staff_of)

    def _caller_maker(self) -> CallerMaker:
        pattern = [client.id for client, share in zip(self.clients, _SHARES, strict=True) for _ in range(share)]
        random.Random(self.seed).shuffle(pattern)  # noqa: S311 - an example, no secret
        return CallerMaker(self.seed, self.now, self.holder_count, self.caller_count, tuple(pattern))

    def _optouts_without_account(self) -> Iterator[MarketingOptout]:
        for place in range(self.holder_count // 20):
            email = identity(self.seed, _NO_ACCOUNT + place).email
            yield MarketingOptout(self.holder_count + place + 1, email, self.now - timedelta(days=3 + place % 700))


def _by_table(rows: Iterable[Row]) -> dict[str, list[Row]]:
    table_of = {row_type: table for table, row_type in TABLES.items()}
    sorted_rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    for row in rows:
        sorted_rows[table_of[type(row)]].append(row)
    return {table: found for table, found in sorted_rows.items() if found}
