"""`verify`, by statements of its own. Imports nothing of `sql`, `erase` or `mapping` (law 1).

verification         `verify`
verification_query   the independent counting statement
claimed_values       values that another person's row holds by now
expressions          SQL expressions of the verifying side
owner_check          the owner check of the verifying side
quiescence           waiting for transactions older than the cutoff
replicas             hot standbys: verify them, wait for their lag
"""
