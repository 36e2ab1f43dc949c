"""Ledger tables of batches, chunks, items, statements, holds, suppression entries and backup copies.

Nothing in it is a value of a person's record: identifiers and resolved keys are sealed under a key of their item
(`item.wrapped_key`), suppression tags are keyed hashes. Times are ISO 8601 UTC text, so that SQLite and Postgres agree.
Requests before their batch, access, audit and notifications are in `request_tables`. One schema, and so longer than
most modules: a table is a list of columns.
"""

from __future__ import annotations

import sqlalchemy as sa

from expunge_connectors.contract import LONGEST_COPY_ID, LONGEST_KIND, LONGEST_WORDS

LONGEST_REASON = 2000
"""Characters of why something failed: what it says to do stands last."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One request of one person is a batch of one. `undisclosed`: somebody in it waits for a hold that may not be told.
batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("controller", sa.String(64), nullable=False),
    sa.Column("member", sa.String(200)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("state_at", sa.String(32), nullable=False),
    sa.Column("map_digest", sa.String(64), nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("plan_digest", sa.String(64), nullable=False),
    sa.Column("pipeline", sa.JSON, nullable=False),
    sa.Column("settle_at", sa.String(32)),
    sa.Column("requested_by", sa.String(200)),
    sa.Column("paused_at", sa.String(32)),
    sa.Column("cancelled_at", sa.String(32)),
    sa.Column("changed_by", sa.String(200)),
    sa.Column("undisclosed", sa.Boolean, nullable=False, default=False),
)

# What an actor asked for in a day (UTC), over all plans; `place` is `people`, or store.collection. No member is "".
asked_of_day = sa.Table(
    "asked_of_day",
    metadata,
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("actor", sa.String(200), primary_key=True),
    sa.Column("controller", sa.String(64), primary_key=True),
    sa.Column("member", sa.String(200), primary_key=True),
    sa.Column("place", sa.String(140), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

# Somebody other than the requester who looked at exactly this plan. `key`: by which API key, if by one: revoked, it
# takes its approvals along. `persons`, `requester_persons`: who may be behind the approver, and behind who asked, by
# the keys as of the approval; nobody is in both.
approval = sa.Table(
    "approval",
    metadata,
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), primary_key=True),
    sa.Column("approver", sa.String(200), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("key", sa.String(32), index=True),
    sa.Column("persons", sa.JSON, nullable=False),
    sa.Column("requester_persons", sa.JSON, nullable=False),
)

# The cutoff of a batch in one store: set once, on the store's clock, when execution starts.
cutoff = sa.Table(
    "cutoff",
    metadata,
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), primary_key=True),
    sa.Column("store", sa.String(64), primary_key=True),
    sa.Column("at", sa.String(40), nullable=False),
)

# The search for the person on whom a step fails (ADR 6): how many pieces failed at it, and how many passed.
bisection = sa.Table(
    "bisection",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("passes", sa.Integer, nullable=False),
    sa.Column("everywhere", sa.Boolean, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

# A frozen range of items: the unit of work. `epoch` is the fencing token: every delivery takes a new one.
# `repeats` counts rounds of erasing since the chunk was last taken up, `rounds` all of them. `depth`: how often it was
# split. `stuck_at`: the step that `attempts` are counted for. `planned`: what the plan counted,
# {store: {collection: due}}. `ending`: an operator ends its people where they are, nothing more is erased (ADR 8).
# `asked`: an erasing step whose store was asked, or was about to be; who notes what it removed clears it.
chunk = sa.Table(
    "chunk",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), nullable=False, index=True),
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    sa.Column("rounds", sa.Integer, nullable=False, default=0),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", sa.String(32)),
    sa.Column("failure", sa.String(LONGEST_REASON)),
    sa.Column("settle_at", sa.String(32)),
    sa.Column("repeats", sa.Integer, nullable=False, default=0),
    sa.Column("depth", sa.Integer, nullable=False, default=0),
    sa.Column("bisection_id", sa.Integer),
    sa.Column("stuck_at", sa.Integer),
    sa.Column("planned", sa.JSON),
    sa.Column("ending", sa.Boolean, nullable=False, default=False),
    sa.Column("asked", sa.String(80)),
)

# Exactly one row per finished step of a chunk.
step_log = sa.Table(
    "step_log",
    metadata,
    sa.Column("chunk_id", sa.ForeignKey(chunk.c.id), primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)

# One person of a batch. Count records are compact:
# {store: {collection: [due, retained, newer, until, ground, ambiguous]}}.
# `touched`: a store was asked to erase something of the person, or was about to be (ADR 8). `erased`: where one was
# about to remove something for good, {step: [collections]}. `unasked`: what was due and was not asked of the store, for
# a hold keeps it, {step: [collections]}. `held`: the holds (uids) for which the person waits.
# `searched`: what the blind search found, for the next settling check; places are masked.
# `unread`: values that nobody could read, {"store.collection": how many}.
# `received_at`: when the person asked, as their list says: a day or a time; of a request see `request`.
# `sealed_keys`: every accepted key; before the first resolution those that the plan led to.
item = sa.Table(
    "item",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("batch_id", sa.ForeignKey(batch.c.id), nullable=False, index=True),
    sa.Column("chunk_id", sa.ForeignKey(chunk.c.id), nullable=False, index=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("series", sa.String(40), nullable=False, unique=True),
    sa.Column("subjects", sa.JSON, nullable=False),
    sa.Column("received_at", sa.String(32)),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("sealed_identifiers", sa.LargeBinary),
    sa.Column("sealed_keys", sa.LargeBinary),
    sa.Column("touched", sa.Boolean, nullable=False, default=False),
    sa.Column("erased", sa.JSON(none_as_null=True)),
    sa.Column("unasked", sa.JSON(none_as_null=True)),
    sa.Column("outcome", sa.String(20)),
    sa.Column("reason", sa.String(LONGEST_REASON)),
    sa.Column("found", sa.JSON),
    sa.Column("held", sa.JSON),
    sa.Column("verified", sa.JSON),
    sa.Column("reviewed", sa.JSON),
    sa.Column("reverified", sa.JSON),
    sa.Column("searched", sa.JSON(none_as_null=True)),
    sa.Column("unread", sa.JSON(none_as_null=True)),
    sa.Column("nothing_left_at", sa.String(32)),
)
_OPEN_COPIES = item.c.nothing_left_at.is_not(None)
sa.Index("item_nothing_left", item.c.batch_id, sqlite_where=_OPEN_COPIES, postgresql_where=_OPEN_COPIES)

# Keyed hashes of everybody erased: durable before the first destructive statement.
# Who is back after a restore is recognised by them (ADR 35).
suppression = sa.Table(
    "suppression",
    metadata,
    sa.Column("tag", sa.LargeBinary(32), primary_key=True),
    sa.Column("item_id", sa.ForeignKey(item.c.id), primary_key=True, index=True),
    sa.Column("namespace", sa.String(64), nullable=False),
    sa.Column("entered_at", sa.String(32), nullable=False),
    sa.Column("since", sa.String(32)),
)

# By which identities the ledger knows people, and how their values were read: both are for good.
entered_identity = sa.Table(
    "entered_identity",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("normaliser", sa.String(64), nullable=False),
)

# By what the keys are known again under which tags were made and identifiers are sealed here (`known_keys`).
known_key = sa.Table(
    "known_key",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
)

# What an ended request left of a person, or a law or the storage keeps: keys that lead there, sealed under a key of
# their own (ADR 8). Found by the tags in `suppression`. `places`: [[store, collection, whether they lead there]].
# `look_on`: the day from which on it is looked whether all of it is gone; null: it has no such day.
residual_keys = sa.Table(
    "residual_keys",
    metadata,
    sa.Column("item_id", sa.ForeignKey(item.c.id), primary_key=True, autoincrement=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("sealed_keys", sa.LargeBinary, nullable=False),
    sa.Column("places", sa.JSON, nullable=False),
    sa.Column("look_on", sa.String(10), index=True),
    sa.Column("at", sa.String(32), nullable=False),
)

# What must not be erased for now: people (by the tags in `hold_tag`), a data type, a controller, or all that is named.
hold = sa.Table(
    "hold",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("identities", sa.JSON, nullable=False),
    sa.Column("read_alike", sa.JSON, nullable=False),
    sa.Column("data_type", sa.String(64)),
    sa.Column("controller", sa.String(64)),
    sa.Column("member", sa.String(200)),
    sa.Column("ground", sa.String(700), nullable=False),
    sa.Column("until", sa.String(10)),
    sa.Column("undisclosed", sa.Boolean, nullable=False),
    sa.Column("placed_by", sa.String(200), nullable=False),
    sa.Column("placed_at", sa.String(32), nullable=False),
    sa.Column("lifted_by", sa.String(200)),
    sa.Column("lifted_at", sa.String(32)),
    sa.Column("informed_on", sa.String(10)),
)
# `weak`: not as it was placed and no person key, but something else that a held person had (see `hold_tags`).
hold_tag = sa.Table(
    "hold_tag",
    metadata,
    sa.Column("tag", sa.LargeBinary(32), primary_key=True),
    sa.Column("hold_id", sa.ForeignKey(hold.c.id), primary_key=True),
    sa.Column("weak", sa.Boolean, nullable=False, default=False),
    sa.Column("namespace", sa.String(64), nullable=False),
)

# Whose the records under an unclear value are, as one person says and another approves, for one controller (ADR 18).
attribution = sa.Table(
    "attribution",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("controller", sa.String(64), nullable=False),
    sa.Column("member", sa.String(200)),
    sa.Column("theirs", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("asked_by", sa.String(200), nullable=False),
    sa.Column("asked_at", sa.String(32), nullable=False),
    sa.Column("approved_by", sa.String(200)),
    sa.Column("approved_at", sa.String(32)),
    sa.Column("withdrawn_by", sa.String(200)),
    sa.Column("withdrawn_at", sa.String(32)),
)
# Tags, as in `suppression`: of a person's key, and of a value.
attribution_value = sa.Table(
    "attribution_value",
    metadata,
    sa.Column("attribution_id", sa.ForeignKey(attribution.c.id), primary_key=True),
    sa.Column("person", sa.LargeBinary(32), primary_key=True),
    sa.Column("value", sa.LargeBinary(32), primary_key=True),
)
# And of everybody who had a value of theirs when that was approved: whoever takes it later was not decided about.
attribution_claimant = sa.Table(
    "attribution_claimant",
    metadata,
    sa.Column("attribution_id", sa.ForeignKey(attribution.c.id), primary_key=True),
    sa.Column("value", sa.LargeBinary(32), primary_key=True),
    sa.Column("person", sa.LargeBinary(32), primary_key=True),
)

# What many statements share, cited by digest.
document = sa.Table(
    "document",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

# The passes of the blind search, and the document that says of each what was searched.
blind_search = sa.Table(
    "blind_search",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(32), nullable=False, index=True),
    sa.Column("document", sa.ForeignKey(document.c.digest)),
)

# Signed statements: here first (exactly once per series and seq), then in the log, then `log_index`.
statement = sa.Table(
    "statement",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("series", sa.String(40), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("event", sa.String(20), nullable=False),
    sa.Column("item_id", sa.ForeignKey(item.c.id), index=True),
    sa.Column("issued_at", sa.String(32), nullable=False),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False),
    sa.Column("log_index", sa.Integer, unique=True),
    sa.UniqueConstraint("series", "seq"),
    sqlite_autoincrement=True,
)

# Backup copies as they were seen. A copy is gone when it was looked for and not there, beside a positive control.
# One object is one copy of a store under every name and prefix of its place: `identity` is of the storage, as a bucket.
backup_copy = sa.Table(
    "backup_copy",
    metadata,
    sa.Column("identity", sa.String(64), primary_key=True),
    sa.Column("store", sa.String(64), primary_key=True),
    sa.Column("copy_id", sa.String(LONGEST_COPY_ID), primary_key=True),
    sa.Column("place", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(LONGEST_KIND), nullable=False),
    sa.Column("taken_from", sa.String(32), nullable=False),
    sa.Column("taken_until", sa.String(32), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("due", sa.String(32)),
    sa.Column("expected_by", sa.String(32)),
    sa.Column("ground", sa.String(LONGEST_WORDS), nullable=False),
    sa.Column("blocker", sa.String(LONGEST_WORDS)),
    sa.Column("first_seen", sa.String(32), nullable=False),
    sa.Column("last_seen", sa.String(32), nullable=False),
    sa.Column("missed_at", sa.String(32)),
    sa.Column("observed_gone_at", sa.String(32)),
)
