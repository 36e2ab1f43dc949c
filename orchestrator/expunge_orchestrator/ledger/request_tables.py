"""Ledger tables of requests (ADR 11), access control and audit (ADR 12), and notifications.

As everywhere in the ledger: no value of a person's record, identifiers are sealed under a key of their request, tags
and fingerprints are keyed hashes.
"""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.ledger import text_bounds
from expunge_orchestrator.ledger.tables import LONGEST_REASON, batch
from expunge_orchestrator.ledger.tables import metadata as metadata  # noqa: PLC0414 - handed on, with these tables in it

# One person's wish. `due_at`: when it is started. `data_types`: what it is limited to; null: everything. `told`: the
# last event of which the person was informed. `follow_up`: SHA-256 of the secret that reads and takes back this one.
request = sa.Table(
    "request",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(40), nullable=False, unique=True),
    sa.Column("origin", sa.String(12), nullable=False),
    sa.Column("controller", sa.String(64), nullable=False),
    sa.Column("member", sa.String(200)),
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("state_at", sa.String(32), nullable=False),
    sa.Column("asked_by", sa.String(80), nullable=False),
    sa.Column("changed_by", sa.String(80)),
    sa.Column("received_at", sa.String(32), nullable=False),
    sa.Column("controller_received_at", sa.String(32)),
    sa.Column("due_at", sa.String(32), nullable=False, index=True),
    sa.Column("grace_waived", sa.Boolean, nullable=False),
    sa.Column("scope_name", sa.String(64)),
    sa.Column("data_types", sa.JSON(none_as_null=True)),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("sealed_identifiers", sa.LargeBinary),
    sa.Column("contact_key", sa.LargeBinary),
    sa.Column("sealed_contact", sa.LargeBinary),
    sa.Column("follow_up", sa.LargeBinary(32)),
    sa.Column("deadlines", sa.JSON(none_as_null=True)),
    sa.Column("evidence", sa.JSON(none_as_null=True)),
    sa.Column("reason", sa.String(200)),
    sa.Column("failure", sa.String(LONGEST_REASON)),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", sa.String(32)),
    sa.Column("told", sa.String(20), index=True),
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), index=True),
)

# Keyed tags (look-up key) of a request's identifiers: how a person's requests are found again.
request_tag = sa.Table(
    "request_tag",
    metadata,
    sa.Column("tag", sa.LargeBinary(32), primary_key=True),
    sa.Column("request_id", sa.ForeignKey(request.c.id), primary_key=True, index=True),
)

# A person's self-deletion that is not over: one at most per person key and controller, whatever is repeated or races.
request_open = sa.Table(
    "request_open",
    metadata,
    sa.Column("tag", sa.LargeBinary(32), primary_key=True),
    sa.Column("request_id", sa.ForeignKey(request.c.id), nullable=False, index=True),
)

# What was made under an Idempotency-Key. Key and wish are kept as keyed hashes.
repeat = sa.Table(
    "repeat",
    metadata,
    sa.Column("actor", sa.String(80), primary_key=True),
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
    sa.Column("target", sa.String(40), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

# A person's token is used for one operation: the hash of issuer and jti, and the digest of that operation.
token_use = sa.Table(
    "token_use",
    metadata,
    sa.Column("token", sa.LargeBinary(32), primary_key=True),
    sa.Column("operation", sa.LargeBinary(32), nullable=False),
    sa.Column("expires_at", sa.String(32), nullable=False, index=True),
)

# Of the uses that were forgotten, the last expiry: one row. What runs out no later may have been used.
token_uses_forgotten = sa.Table(
    "token_uses_forgotten",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("expires_at", sa.String(32), nullable=False),
)

# Hashed API keys. `controllers`: those it may speak for; null: all. `subject`: whose it is, if its issuer said so: a
# login name, or the actor of a token. `confirmed_by`: a second person, without whom it approves nothing.
api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("controllers", sa.JSON(none_as_null=True)),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("subject", sa.String(200)),
    sa.Column("confirmed_by", sa.String(200)),
    sa.Column("confirmed_at", sa.String(32)),
    sa.Column("expires_at", sa.String(32)),
    sa.Column("revoked_at", sa.String(32)),
)

# What was done over the API, by whom, to what: opaque ids only. The database refuses UPDATE and DELETE (`migrations`).
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("target", sa.String(80)),
    sa.Column("result", sa.String(40), nullable=False),
    sqlite_autoincrement=True,
)

# How often an actor was refused something in a minute (`2026-11-29T08:15`): the first time is an entry of `audit`.
refused_call = sa.Table(
    "refused_call",
    metadata,
    sa.Column("actor", sa.String(80), primary_key=True),
    sa.Column("minute", sa.String(16), primary_key=True),
    sa.Column("action", sa.String(40), primary_key=True),
    sa.Column("result", sa.String(40), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)

# Webhooks and letters to be delivered: written in the transaction of what they tell, delivered later, at least once.
notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(40), nullable=False, unique=True),
    sa.Column("request_id", sa.ForeignKey(request.c.id), index=True),
    sa.Column("channel", sa.String(40), nullable=False),
    sa.Column("event", sa.String(40), nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("not_before", sa.String(32)),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("delivered_at", sa.String(32), index=True),
    sa.Column("failure", sa.String(200)),
    sqlite_autoincrement=True,
)

text_bounds.hold_on_sqlite(metadata.sorted_tables)
