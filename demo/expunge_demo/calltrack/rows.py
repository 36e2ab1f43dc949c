"""Row types of the example, one per table of schema.sql, with fields in column order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


class Client(NamedTuple):
    """A client of Calltrack, controller of its callers' records."""

    id: int
    name: str
    created_at: datetime


class User(NamedTuple):
    """An account holder."""

    id: int
    client_id: int
    email: str
    full_name: str
    phone: str | None
    status: str
    created_at: datetime


class UserProfile(NamedTuple):
    """Settings of an account; `preferences` is JSON text."""

    user_id: int
    timezone: str
    preferences: str
    created_at: datetime


class ApiToken(NamedTuple):
    """An access token of an account; `id` is a UUID."""

    id: str
    user_id: int
    label: str
    token_hash: bytes
    created_at: datetime


class Address(NamedTuple):
    """Where a household lives."""

    id: int
    street: str
    postcode: str
    city: str
    created_at: datetime


class UserAddress(NamedTuple):
    """Who lives where."""

    user_id: int
    address_id: int
    created_at: datetime


class Message(NamedTuple):
    """A message to the help desk; `reply_to` names an earlier one of the same account."""

    id: int
    user_id: int
    reply_to: int | None
    body: str
    created_at: datetime


class Invoice(NamedTuple):
    """An invoice, kept for ten years."""

    id: int
    user_id: int
    number: str
    billing_name: str
    cents: int
    issued_at: datetime


class InvoiceLine(NamedTuple):
    """A line of an invoice, issued with it."""

    id: int
    invoice_id: int
    text: str
    cents: int
    issued_at: datetime


class MarketingOptout(NamedTuple):
    """An objection to marketing, keyed by e-mail alone."""

    id: int
    email: str
    created_at: datetime


class AccessLog(NamedTuple):
    """A line of the access log that is kept in the database; `ip` is a textual address."""

    id: int
    at: datetime
    user_id: int | None
    ip: str
    browser: str
    referrer: str | None
    url: str
    object: str | None
    status: int


class CallerRow(NamedTuple):
    """Somebody who rang a client."""

    id: int
    client_id: int
    phone: str
    name: str | None
    created_at: datetime


class Call(NamedTuple):
    """A call to a client."""

    id: int
    client_id: int
    caller_id: int
    from_number: str
    seconds: int
    started_at: datetime


class CallNote(NamedTuple):
    """What the client's staff wrote about a call."""

    id: int
    call_id: int
    note: str
    created_at: datetime


class Recording(NamedTuple):
    """A recorded call; the sound lies in S3 under `object_key`."""

    id: int
    call_id: int
    object_key: str
    bytes: int
    created_at: datetime


class Transcript(NamedTuple):
    """What was said; `words` is JSON text."""

    id: int
    recording_id: int
    body: str
    words: str
    created_at: datetime


class Lead(NamedTuple):
    """A web form sent to a client, with or without a call before it."""

    id: int
    client_id: int
    caller_id: int | None
    name: str
    postal_address: str
    email: str
    phone: str | None
    created_at: datetime


class LeadAnswer(NamedTuple):
    """An answer in a web form."""

    id: int
    lead_id: int
    question: str
    answer: str
    created_at: datetime


Row = (
    Client
    | User
    | UserProfile
    | ApiToken
    | Address
    | UserAddress
    | Message
    | Invoice
    | InvoiceLine
    | MarketingOptout
    | AccessLog
    | CallerRow
    | Call
    | CallNote
    | Recording
    | Transcript
    | Lead
    | LeadAnswer
)

# Table -> row type, parents before children: the order in which rows can be loaded.
TABLES: Mapping[str, type[Row]] = MappingProxyType(
    {
        "clients": Client,
        "users": User,
        "user_profiles": UserProfile,
        "api_tokens": ApiToken,
        "addresses": Address,
        "user_addresses": UserAddress,
        "messages": Message,
        "invoices": Invoice,
        "invoice_lines": InvoiceLine,
        "marketing_optouts": MarketingOptout,
        "access_log": AccessLog,
        "callers": CallerRow,
        "calls": Call,
        "call_notes": CallNote,
        "recordings": Recording,
        "transcripts": Transcript,
        "leads": Lead,
        "lead_answers": LeadAnswer,
    }
)
