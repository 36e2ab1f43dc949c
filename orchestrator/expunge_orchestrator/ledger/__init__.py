"""The ledger: the truth about every request, on SQLite or Postgres. Tables, queries and secrets at rest; no use case.

database                open; reading and serialised transactions
ledger_file             whether SQLite's file is still the one that was opened
bulk_writes             one statement with the parameters of thousands of rows
schema_upgrade          create the tables, or bring them to the newest revision
tables                  batches, chunks, items, statements, holds, backup copies
request_tables          requests, access, audit, notifications
text_bounds             SQLite refuses what Postgres refuses of a text
migrations/             Alembic revisions
runner_lock             one process at a time runs batches
states                  states of batches and chunks; which chunks may run
batches                 Batch, and queries
items                   the people of a chunk
asked_of_day            what an actor asked for in a day
batch_cutoffs           the cutoff of a batch in each store
batch_status            progress, outcomes, the state that is shown
identifier_encryption   identifiers and keys, encrypted under a key for each item
suppression_list        keyed hashes of whom the ledger erased
entered_identities      by which names, read how, the ledger knows people
key_chains              by whom and for whom API keys were issued
attributions            whose values are, as two people say
audit_log               the append-only audit trail of API calls
"""
