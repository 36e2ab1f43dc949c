"""Ages: which rows have had their time, whoever they are of, and why some of these stay (ADR 30).

age_counts    rows of every collection by age
age_sources   where the period of a collection's rows starts; or with what they go
due_rows      the SQL: due, coming due, needed by what stays
table_slices  a table in ranges of blocks that no statement timeout ends
"""
