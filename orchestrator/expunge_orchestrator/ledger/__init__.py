"""The ledger: the truth about every request, on SQLite or Postgres. Tables, queries and secrets at rest; no use case.

database                open; reading and serialised transactions
ledger_file             whether SQLite's file is still the one that was opened
bulk_writes             one statement with the parameters of thousands of rows
schema_upgrade          create the tables, or bring them to the newest revision
tables                  batches, chunks, items, statements, holds, backup copies
request_tables          requests, access, audit, notifications
sweep_tables            plans by age, leave to delete, sweeps
sweeps                  their rows: what went of each collection, piece by piece
sweep_windows           the runs in which they went: how long, how much
sweep_stops             since when a sweep stood still, and until when
request_states          states of a request, until its batch takes over
requests                Request, and queries
requests_due            requests whose time has come: to be started, answered, planned anew
request_transitions     what writes a request's row
plan_writer             a plan, written a chunk of people at a time
stale_plans             plans that nobody carries out
approvals               who approved which plan, with which key
replaced_plans          how a plan ends whose request has a new one
idempotency             what was made under an Idempotency-Key
notices                 webhooks and letters to be delivered
text_bounds             SQLite refuses what Postgres refuses of a text
migrations/             Alembic revisions
failures                the database went away, told from what is asked of it
runner_lock             one process at a time runs batches
states                  states of batches and chunks; which chunks may run
batches                 Batch, and queries
chunks                  read, written, split
open_chunks             which can run, or wait for their settling check
claims                  the next step of a chunk, taken under a new epoch
put_off_chunks          put off to a later run, by the reason
bisections              searches for the one person on whom a step fails
batch_transitions       what writes a batch's state
withdrawable_people     for whom no store was asked to erase
stuck_people            in chunks that failed or wait
closable_people         of whom nothing is left in the stores, and copies may hold something
copies                  backup copies: seen, and seen to be gone
holds                   holds, and the keyed hashes by which they know people
held_people             who waits for a hold
items                   the people of a chunk
controllers             which rows are of which controller
asked_of_day            what an actor asked for in a day
page_cursors            cursors of lists that come in pages
batch_cutoffs           the cutoff of a batch in each store
chunk_sums              what the people of a chunk come to, and their records
batch_sums              what is told of a batch: sums of its chunks, counted once for each state of theirs
batch_status            progress, outcomes, the state that is shown
identifier_encryption   identifiers and keys, encrypted under a key for each item
suppression_list        keyed hashes of whom the ledger erased
kept_keys               sealed keys to what ended requests left
unfinished_people       whom a request began to erase and is not done with
people_at_work          who is open in a batch that runs
entered_identities      by which names, read how, the ledger knows people
known_keys              by what the installation's keys are known again
key_rows                API keys: rows, with the hash of each secret
key_chains              by whom and for whom API keys were issued
statements              signed statements, the documents they cite, their places in the log
token_uses              for what a person's token was used
attributions            whose values are, as two people say
audit_log               the append-only audit trail of API calls
"""

from __future__ import annotations

from typing import TypeAlias

import sqlalchemy as sa

Ledger: TypeAlias = sa.Engine
"""The ledger, opened (`database.open_ledger`): `with ledger.begin() as connection` is a transaction that writes."""

Transaction: TypeAlias = sa.Connection
"""A transaction on the ledger, which reads (`database.reading`) or writes. What it asks stands in this package."""
