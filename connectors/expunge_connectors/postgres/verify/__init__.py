"""`verify`, by statements of its own. Imports nothing of `sql`, `erase` or `mapping` (law 1).

verification         `verify`
verification_query   the independent counting statement
verified_store       the collections looked at, and how they lead to each other (no SQL)
reached_rows         from the keys asked for to the rows of each collection
key_comparison       a row's columns compared with a key
row_states           what is said of a row: a tombstone, stays, newer, whose member's
claimed_values       values that another person's row holds by now
held_values          by which values in it a found row is another's
row_owners           whom a row names by the keys in it and in the rows above it
shared_rows          whether anything still points to a row that people share
due_left             rows that are due by age still
erased_rows          tombstones that cannot be a living person's row
stored_texts         texts that a library reads as keys that were asked for
expressions          SQL expressions of the verifying side
owner_check          the owner check of the verifying side
quiescence           waiting for transactions older than the cutoff
replicas             hot standbys: verify them, wait for their lag
"""
