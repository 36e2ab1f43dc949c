"""Postgres connector: tables, their rows and the foreign keys between them.

connector          the contract's verbs
known_structure    how the mapped tables are built, as the last look, the plan and the last inspection saw them
spec, table_spec   what the data map says about the store and about one table
table_links        and about where in its rows a value stands, and how they belong to a person by it
row_kinds          of which kind a row must be, where one column names rows of many tables (pure)
tenant_view        what a view for one member knows of the whole
tenant_pattern     one collection over the tables of that name in many schemas (pure)
key_flow           which keys lead to a table's rows, and which are lost with them (pure)
claims             which values pass from one person to another, and whose rows say so (pure)
table_complaints   what a map may not say of one table (pure)
owner_complaints   what a map may not say, for whose the rows are nobody could tell (pure)
owner_links        by which links a row says whose it is, itself or through rows above it (pure)
shared_owners      what holds a row that people share, beside the links of the map (pure)
resolve            `resolve`: what the rows say about further keys
count              `count`
hearsay            values that records merely tell, and records of somebody else as well
other_names        values that another person holds under an identity that is read in the same place
joint_keys         what shared rows tell that somebody else owns by now
keys_given_again   persons' keys that somebody else has by now
planner_statistics samples of values that the planner keeps, drawn anew
obstacles          rows that stay and point to rows that would be deleted
references         by which foreign keys they may (pure)
ages/              rows that have had their time, whoever they are of (ADR 30)
drift/             what partitions and logs keep otherwise than the map declares (ADR 31)
erase/             `erase`
verify/            `verify`, by statements of its own (law 1)
blind_search       where the blind search reads, and what its places are in the map
inspection/        `check`
draft/             `map draft`
mapping/           the data map bound to the live catalogue
catalog/           what the live database says about itself
sql/               building blocks of the statements that resolve, count and erase
statement_cache    statements compiled once, then filled in
dependency_graph   topological order, cycles (pure)
transactions       what they see and whether they write, with bounded retries
connection         pooled connections
store_identity     which database this is; its clock
table_probe        is a table readable at all
errors             SQLSTATEs to our errors
"""

from expunge_connectors.postgres.connector import PostgresStore
from expunge_connectors.postgres.spec import PostgresConnection, PostgresSpec

__all__ = ["PostgresConnection", "PostgresSpec", "PostgresStore"]
