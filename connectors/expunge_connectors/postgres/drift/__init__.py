"""Drift in Postgres: what partitions, what manages them, and logs keep otherwise than the map declares (ADR 31).

Nothing here writes.

store_drift      each collection, held against what is there
places           what the map says of a collection's table
partitions       partitions whose time is over: empty ones, and those of logs
detached_parts   tables that look like partitions which were detached
partman_sets     what pg_partman is set to do
log_ages         entries of logs that are there for too long
printed_sql      the statements that are printed
"""
