"""Ledger tables of retention: what was due by age, who let it go, and what went (ADR 30). Counts alone, of nobody."""

from __future__ import annotations

import sqlalchemy as sa

from expunge_orchestrator.ledger import text_bounds
from expunge_orchestrator.ledger.request_tables import metadata as metadata  # noqa: PLC0414 - handed on, with all tables
from expunge_orchestrator.ledger.tables import LONGEST_REASON

# What was due on a day. `places`: what each collection came to.
age_plan = sa.Table(
    "age_plan",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("at", sa.String(32), nullable=False, index=True),
    sa.Column("map_digest", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("places", sa.JSON, nullable=False),
    sa.Column("goes", sa.BigInteger, nullable=False),
)

# Leave to delete by age: under one map, so many records in one sweep, until somebody ends it or the map is another.
arming = sa.Table(
    "arming",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("age_plan_id", sa.ForeignKey(age_plan.c.id), nullable=False),
    sa.Column("at_most", sa.BigInteger, nullable=False),
    sa.Column("armed_by", sa.String(200), nullable=False),
    sa.Column("armed_at", sa.String(32), nullable=False),
    sa.Column("ended_by", sa.String(200)),
    sa.Column("ended_at", sa.String(32)),
)

# One pass over everything that has an age, on one day. `seconds`: in which a piece was at work.
sweep = sa.Table(
    "sweep",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("arming_id", sa.ForeignKey(arming.c.id), nullable=False),
    sa.Column("age_plan_id", sa.ForeignKey(age_plan.c.id), nullable=False),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("begun_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("why", sa.String(LONGEST_REASON)),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),
)

# One collection of a sweep. `after`: where the next piece begins. `gone`: collection -> records, as far as they are
# known to be committed. `piece`: what was told of the last one before its commit, of which that is still to be asked.
# `left`: what the verifying side saw afterwards, [records, oldest start, when]; `needed_by`: of these, by what.
sweep_place = sa.Table(
    "sweep_place",
    metadata,
    sa.Column("sweep_id", sa.ForeignKey(sweep.c.id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("store", sa.String(64), nullable=False),
    sa.Column("collection", sa.String(64), nullable=False),
    sa.Column("data_type", sa.String(64), nullable=False),
    sa.Column("controller", sa.String(64), nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("after", sa.String(200)),
    sa.Column("gone", sa.JSON, nullable=False),
    sa.Column("held", sa.BigInteger, nullable=False, default=0),
    sa.Column("piece", sa.JSON(none_as_null=True)),
    sa.Column("left", sa.JSON(none_as_null=True)),
    sa.Column("needed_by", sa.JSON(none_as_null=True)),
    sa.Column("failure", sa.String(LONGEST_REASON)),
)

# The series of what is stated of a sweep, one for each controller.
sweep_series = sa.Table(
    "sweep_series",
    metadata,
    sa.Column("sweep_id", sa.ForeignKey(sweep.c.id), primary_key=True),
    sa.Column("controller", sa.String(64), primary_key=True),
    sa.Column("series", sa.String(40), nullable=False, unique=True),
)

# One run of `expunge retention run`, in which a sweep went on, ended or began. `allowed`: the seconds that it had;
# NULL: until nothing was left. `full`: its time was over before. `backlog` and `empty_on`: what was left as it ended,
# and the day that was forecast then; `by_type`: data type -> [records that went, what was left]. `stuck`: something
# could go, and nothing went. Without `ended_at` it is at work, or was killed.
sweep_window = sa.Table(
    "sweep_window",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("day", sa.String(10), nullable=False, index=True),
    sa.Column("begun_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("allowed", sa.Float),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),
    sa.Column("gone", sa.BigInteger, nullable=False, default=0),
    sa.Column("full", sa.Boolean, nullable=False, default=False),
    sa.Column("backlog", sa.BigInteger, nullable=False, default=0),
    sa.Column("empty_on", sa.String(10)),
    sa.Column("by_type", sa.JSON, nullable=False, default=dict),
    sa.Column("stuck", sa.Boolean, nullable=False, default=False),
)

# From when a sweep stood still, or none was let begin, and why; until one went on or began.
sweep_stop = sa.Table(
    "sweep_stop",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("begun_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("why", sa.String(LONGEST_REASON), nullable=False),
)

text_bounds.hold_on_sqlite((age_plan, arming, sweep, sweep_place, sweep_series, sweep_window, sweep_stop))
