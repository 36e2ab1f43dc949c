"""SQL building blocks of resolving, counting and erasing. The verifying side (`verify`) imports none of them.

key_staging      keys of a chunk in temporary tables
staged_keys      where they are then
key_rows         the rows that are staged for keys (pure)
staging_tables   these tables made and filled
claim_ages       since when a person has a value
person_rows      persons' own rows, and when they were made
claimed_keys     marks staged keys that another person's row holds
stored_spellings texts that a library reads as keys of a chunk
subject_search   finding the rows of a chunk
search_paths     the ways that lead to a collection's rows
row_yields       the rows found by `resolve`, with what they say about further keys
combined_query   one statement for few keys
comparison       row identity and key comparison
member_rows      of which member a row is, by the rows above it
row_conditions   in scope, old enough, known by a value alone
retention        until when a row is kept by its data type
row_owners       whose a row is, whatever led there
named_people     whether a row names a person, by the keys in it and in the rows above it
held_values      by which values in it a found row is another's
keys_of_others   takes staged keys out that another's row holds by now
erased_rows      tombstones of people who are gone, not rows that look like one
known_keys       whether a row's keys are resolved already
shared_rows      who else points to a shared row
shared_values    values that must be one person's
tombstones       tombstone values, and the test for one
fragments        SQL fragments
"""
