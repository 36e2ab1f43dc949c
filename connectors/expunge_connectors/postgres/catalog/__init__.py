"""System catalogue: what the live database says about its tables.

reader               tables, columns and keys from pg_catalog
tables               these as data
cache                the catalogue kept, with a cheap check that it still holds
relations            what the collections of a plan are, and whether they still are that
tenant_facts         what there is of the tables of each member's schema, for all schemas by one statement
tenant_shapes        which of these schemas are built alike, and what is otherwise in one of them
schema_fingerprint   what changed in the schema between inspection and erasure
column_names         what the names of columns say about what they hold
polymorphic_columns  columns with ids of many tables, by their names
unique_columns       sets of columns whose values no two rows share
key_types            the types under which keys are compared
large_objects        those that only other roles may remove
row_estimates        the planner's estimates
index_use            whether the planner would use an index
"""
