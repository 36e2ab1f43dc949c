"""`erase`: deletes and tombstones rows.

chunk_erasure       slices of a chunk, each in transactions until nothing of it is left
eraser              one transaction: order, limits
collection_erasure  the due rows of one collection, or of a circle of them
rows_at_hand        rows found before they are erased
erasing_statements  DELETE and UPDATE that check once more what was found
found_rows          the rows found, with what matched
locked_rows         rows known by where they stand, locked there
rows_awaiting_keys  rows that wait for keys which are not resolved yet
awaited_keys        which of these stay, and for which keys
handed_over_rows    rows that became another's while a statement waited
reference_guard     rows that stay but point to rows that go
side_effect_guard   roll back when triggers or cascades change other rows
written_rows        the server's counters of what was written, table by table
intercepted_rows    rows that a trigger or a rule keeps from going
carried_values      what a trigger keeps of a replaced value in the same row
redacted_writes     writes whose errors quote no values
lock_blockers       who holds a lock that was not to be had
throttle            give way to the database's own users
"""
