"""Account holders: generates Calltrack's own customers with all their records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from expunge_demo.calltrack.person import Identity, identity, place
from expunge_demo.calltrack.random_draws import Draws
from expunge_demo.calltrack.rows import (
    AccessLog,
    Address,
    ApiToken,
    Invoice,
    InvoiceLine,
    MarketingOptout,
    Message,
    Row,
    User,
    UserAddress,
    UserProfile,
)
from expunge_demo.calltrack.vocabulary import BROWSERS, MESSAGES, PAGES, REFERRERS

HOUSEHOLDS = (1, 2, 1, 3, 1, 4, 2, 1)
_RESIDENTS = tuple(size_index for size_index, size in enumerate(HOUSEHOLDS) for _ in range(size))
_YEAR = timedelta(days=365)
_KIND = 1
# Ids of children are the person's index times a stride plus a position: any person can be computed alone.
MESSAGES_STRIDE = 16
INVOICES_STRIDE = 8
LINES_STRIDE = 4
LOG_STRIDE = 8
SECOND_HOMES = 10


@dataclass(frozen=True, slots=True)
class Session:
    """A login that is still open; lives in Redis."""

    token: str
    ip: str
    browser: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """One account holder and all their records."""

    user: User
    profile: UserProfile
    tokens: tuple[ApiToken, ...]
    addresses: tuple[Address, ...]
    lives_at: tuple[UserAddress, ...]
    household: int
    messages: tuple[Message, ...]
    invoices: tuple[Invoice, ...]
    lines: tuple[InvoiceLine, ...]
    optout: MarketingOptout | None
    visits: tuple[AccessLog, ...]
    sessions: tuple[Session, ...]
    exports: tuple[str, ...]

    def rows(self) -> Iterator[Row]:
        """Every database row. A household's address comes with its first resident."""
        yield self.user
        yield self.profile
        yield from self.tokens
        yield from self.addresses
        yield from self.lives_at
        yield from self.messages
        yield from self.invoices
        yield from self.lines
        if self.optout is not None:
            yield self.optout
        yield from self.visits

    @property
    def shares_phone(self) -> bool:
        """Another account holder has the same phone number."""
        return self.user.id % 100 in {51, 52}

    def marks(self) -> tuple[str, ...]:
        """Texts that stand in this person's records and in nobody else's: what a search for traces looks for."""
        own_phone = () if self.shares_phone or self.user.phone is None else (self.user.phone,)
        return (
            self.user.email,
            self.user.full_name,
            *own_phone,
            *(token.id for token in self.tokens),
            *(message.body.rpartition(" ")[2] for message in self.messages),
            *(session.token for session in self.sessions),
            *self.exports,
        )


@dataclass(frozen=True, slots=True)
class HolderMaker:
    """Computes account holders one by one.

    Attributes:
        count: How many there are: ids of second homes begin after those of the households.
        client_ids: The clients whose staff they are.
    """

    seed: int
    now: datetime
    count: int
    client_ids: tuple[int, ...]

    def holder(self, index: int) -> Holder:
        """Account holder `index` (from 0)."""
        draws = Draws.of(self.seed, _KIND, index, self.now)
        who = identity(self.seed, index)
        old_customer = index % 25 in {3, 9}
        user = User(
            id=index + 1,
            client_id=draws.pick(self.client_ids),
            email=who.email,
            full_name=who.name,
            phone=self._phone(index, who),
            status="active",
            created_at=draws.moment() - 12 * _YEAR if old_customer else draws.moment(),
        )
        fortnight = self.now - timedelta(days=13)
        invoices = tuple(_invoices(draws, user, old_customer=old_customer))
        addresses, lives_at, household = self._homes(index, user)
        return Holder(
            user=user,
            profile=UserProfile(
                user.id,
                draws.pick(("Europe/Berlin", "Europe/Vienna", "Europe/Zurich")),
                json.dumps({"language": draws.pick(("de", "en")), "signature": who.name}, ensure_ascii=False),
                user.created_at,
            ),
            tokens=tuple(_tokens(draws, user)),
            addresses=addresses,
            lives_at=lives_at,
            household=household,
            messages=tuple(_messages(draws, user)),
            invoices=invoices,
            lines=tuple(line for position, invoice in enumerate(invoices) for line in _lines(draws, invoice, position)),
            optout=MarketingOptout(user.id, user.email, draws.moment()) if index % 7 == 2 else None,  # noqa: PLR2004
            visits=tuple(_visits(draws, user)),
            sessions=tuple(
                Session(draws.hexadecimal(40), draws.address(), draws.pick(BROWSERS), draws.moment(fortnight))
                for _ in range(draws.number(1, 3))
            ),
            exports=tuple(
                f"users/{user.id}/{draws.moment():%Y-%m-%d}-{draws.hexadecimal(12)}.csv"
                for _ in range(2 if index % 15 == 9 else 0)  # noqa: PLR2004
            ),
        )

    def _phone(self, index: int, who: Identity) -> str | None:
        if index % 100 == 51:  # noqa: PLR2004 - a couple with one phone
            return identity(self.seed, index - 1).phone
        return None if index % 40 == 17 else who.phone  # noqa: PLR2004 - some give none

    def _homes(self, index: int, user: User) -> tuple[tuple[Address, ...], tuple[UserAddress, ...], int]:
        block, position = divmod(index, len(_RESIDENTS))
        household = block * len(HOUSEHOLDS) + _RESIDENTS[position]
        first = position == 0 or _RESIDENTS[position - 1] != _RESIDENTS[position]
        homes = [household]
        if index % SECOND_HOMES == 0:
            homes.append(self.count + index // SECOND_HOMES)
        # A second home's number lies beyond the households' (there are fewer households than people).
        made = tuple(
            Address(home + 1, *place(home * 7_919 + self.seed), user.created_at)
            for home in homes
            if home != household or first
        )
        return made, tuple(UserAddress(user.id, home + 1, user.created_at) for home in homes), household


def _tokens(draws: Draws, user: User) -> Iterator[ApiToken]:
    for _ in range(draws.number(1, 3)):
        ident = draws.uuid()
        digest = hashlib.sha256(ident.encode()).digest()
        yield ApiToken(
            ident, user.id, f"{draws.pick(('laptop', 'phone', 'CRM'))} of {user.full_name}", digest, draws.moment()
        )


def _messages(draws: Draws, user: User) -> Iterator[Message]:
    earlier: list[Message] = []
    for position in range(draws.number(2, 8)):
        parent = draws.pick(earlier) if earlier and position % 2 else None
        message = Message(
            (user.id - 1) * MESSAGES_STRIDE + position + 1,
            user.id,
            parent.id if parent else None,
            f"{draws.pick(MESSAGES)} {user.full_name}, ticket CT-{draws.hexadecimal(14)}",
            draws.moment(parent.created_at if parent else None),
        )
        earlier.append(message)
        yield message


def _invoices(draws: Draws, user: User, *, old_customer: bool) -> Iterator[Invoice]:
    for position in range(draws.number(2, 4) + (2 if old_customer else 0)):
        # Kept well away from the ten-year limit, so that a run around midnight changes nothing.
        old = old_customer and position < 2  # noqa: PLR2004 - the first two of an old customer are past their time
        days = draws.number(3_700, 4_200) if old else draws.number(1, 3_500 if old_customer else 720)
        ident = (user.id - 1) * INVOICES_STRIDE + position + 1
        issued = draws.now - timedelta(days=days, seconds=draws.number(0, 86_399))
        yield Invoice(
            ident, user.id, f"CT-{issued.year}-{ident:08d}", user.full_name, draws.number(900, 99_900), issued
        )


def _lines(draws: Draws, invoice: Invoice, position: int) -> Iterator[InvoiceLine]:
    first = ((invoice.user_id - 1) * INVOICES_STRIDE + position) * LINES_STRIDE + 1
    count = draws.number(1, 3)
    for number in range(count):
        yield InvoiceLine(
            first + number,
            invoice.id,
            f"{draws.pick(('Numbers', 'Minutes', 'Recording', 'Seats'))} for {invoice.billing_name}",
            invoice.cents // count,
            invoice.issued_at,
        )


def _visits(draws: Draws, user: User) -> Iterator[AccessLog]:
    for position in range(draws.number(2, 6)):
        page = draws.pick(PAGES)
        yield AccessLog(
            id=(user.id - 1) * LOG_STRIDE + position + 1,
            at=draws.now - timedelta(seconds=draws.number(7_200, 89 * 86_400)),
            user_id=user.id if position else None,  # the first line was written before the login
            ip=draws.address(),
            browser=draws.pick(BROWSERS),
            referrer=draws.pick(REFERRERS) if position == 0 else None,
            url=page if position else f"/login?email={user.email}",
            object=f"users/{user.id}" if page.startswith("/settings") else None,
            status=draws.pick((200, 200, 200, 304, 404)),
        )
