"""Planning: counts what is due, checks limits, freezes the plan under a digest, and has it approved.

planner           count, check limits and freeze
chunk_assignment  which people are in one chunk
sealed_rows       what a plan will write of each person, until it is frozen
plan_digest       what is confirmed and approved
totals            the counts, chunk by chunk
forgotten_plans   what nobody carried out, or was not written to its end
approval          a second pair of eyes on one digest
"""
