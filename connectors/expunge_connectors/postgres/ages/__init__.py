"""Ages: which rows have had their time, whoever they are of, why some of these stay, and how the others go (ADR 30).

age_counts        rows of every collection by age
age_sources       where the period of a collection's rows starts; or with what they go
age_sweep         what is due goes, piece by piece
copying_triggers  what was overwritten stands nowhere else in its row
due_rows          the SQL: due, coming due, needed by what stays
held_people       the keys of each person's own row, for holds
held_rows         which rows of a piece holds keep
hold_answers      what holds said to the texts of rows, remembered
row_names         by which keys rows that are due say whose they are, for holds
row_needs         which rows that stay need a row
sweep_statements  the SQL of one piece of a sweep
table_slices      a table in ranges of blocks that no statement timeout ends
"""
