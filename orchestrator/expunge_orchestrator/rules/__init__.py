"""Pure rules over the data map and counts. They know the contract's types, and nothing of the ledger.

scope                   which collections a request touches, and what it does there
given_identifiers       a key of a person, from what was given
identity_resolution     from identifiers to the keys of one person, or why not, round by round (law 2)
key_graph               what was seen to lead to what for one subject
resolution_decision     which keys are one person's, by what was seen
resolution_answers      who is meant, or why nobody is
count_records           what was counted of a person, as the ledger keeps it
successive_looks        what the count records of several looks come to
outcomes                from verification to what may be said of a collection and of a person (law 1)
outcome_decision        what becomes of each person of a chunk, decided once
other_requests          what other requests about a person leave uncertain
effective_holds         Hold, and holds as they are in force on a person
restrictions            a hold that people obtained for themselves, and when it may be lifted
stuck_people            who can be ended, who withdrawn, and who is kept by a hold
chunking                a batch cut into chunks
pipeline                the steps of a chunk
turns                   whose work comes next
plan_limits_and_drift   what needs approval; what is clearly more than was planned
map_differences         where a map decides otherwise than the one of a plan
declared_backups        where the copies of a store are kept, or who says that there are none
gone_copies             which backup copies two looks missed, an hour apart
returned_people         whether a record is an erased person's, or made after the erasure
copy_horizons           until when everything that was taken of a store is gone
stated_copies           which backup copies a statement names, and which it tells of together
reachability            can a request ever lead to a collection
searched_values         what of people a blind search can look for
blind_findings          what a blind search found of one person, and what of that fails
owed                    what a request owes after each statement, and by when
times_of_receipt        when a request was received, as somebody says, and what is not believed
retention_grounds       why something is kept, in words
runaway_limit           how much may come due until a day, by what a plan foresaw
backlog_forecast        on which day nothing is overdue any more, at the rate measured
backlog_history         what came due and went day by day, and what forecasts were worth
run_gaps                for how long there was leave to delete by age, and nobody ran it
"""
