"""A plan: what is due of whom, held against limits, frozen under a digest, and approved by it.

planner    count, check limits and freeze
totals     the counts, chunk by chunk
approval   a second pair of eyes on one digest
"""
