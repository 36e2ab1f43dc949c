"""Subjects: people from CSV, their keys in all stores, and which keys a member may use.

csv_input       people from CSV, normalised and checked
people_seen     who stands in which line of a list, and when each asked
sealed_spool    a long list on disk, sealed
lookup          resolve and count people, read-only
attributions    whose records under an unclear value are, as two people say
member_proof    which keys a controller's member has proven (law 2)
member_lookup  asks the stores, those that tell members apart first
unread_values   what nobody can read
followed_keys   which keys a store is told, by whose they are just then
unclear_counts  what stands under keys that are not followed
index_keys      which keys only records under keys of others name
joint_lookup    what rows lead to that people are found by together
joint_owners    what rows lead to that people share who all go, for a plan
residual_keys   sealed keys to what a request left or had to keep (ADR 8)
inherited_keys  resolve people with what their plan led to, and ended requests of theirs kept
planned_keys    what a plan led to, while nothing is erased
earlier_claims  since when an erased person had a value
holders_at_receipt  nobody who came, or took a value, since the request was received
"""
