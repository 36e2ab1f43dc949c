"""Execution of batches: the steps of a chunk, the runner that carries them out, and operators' commands.

runner                threads over the ledger under the runner lock
fencing               claim the next step of a chunk under a new epoch; only the latest claim can finish
step_context          what a step is given, and what it gives back
erasure_steps         accept, recount, erase
verify_step           ask a store again what is left
resolve_step          every key of every person, durable before anything is erased
people_meant          who the identifiers lead to, by what was planned and erased already
counted_of_others     what was counted and then said to be others' is taken off the counts
foreseen_keys         what shared rows told when it was planned, and what became of it
outcome_facts         what both steps that end people gather for the decision
conclude_step         gather, decide, and state outcomes, or go another round
settle_step           the same at the end of the settling check
evidence              what statements say beside outcomes
outcome_writer        the only writer of what was decided
residual_places       where something is left or kept, and whether the kept keys lead there
failure_text          which collections of people who fail are not done, in words
leftover_reasons      why something is left of people who fail
settling_steps        the settling check: review, erase again
settling_time         when a settling check is due; start those whose time has come
planner_samples       what a store's planner remembers of erased values
settling_search       the blind search before the settling checks that are due
store_erasure         ask a store to erase, once the ledger knows for whom
erasing_findings      put off what would erase while check shows an error, or under another map
plans_map             whether the data map decides what it did when a batch was planned
stores_followed       dropped and renamed tables keep no settling check waiting
step_retry            another attempt, isolation, or a failed chunk
poison_isolation      bisect a failing chunk to one person
hold_enforcement      leave people on hold out of a step; release them later
concurrent_requests   unfinished requests about the same people
start_preconditions   what must hold before a batch starts, and why it is refused
batch_lifecycle       start, derive the state
batch_control         start, pause, resume on an operator's command
operator_retry        chunks that failed, or rest, run again
operator_cancel       cancel a batch on an operator's command
cancellation          withdraw people for whom no store was asked to erase
operator_end          end people whom a store refuses for good
"""
