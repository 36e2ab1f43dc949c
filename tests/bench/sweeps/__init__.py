"""Deletion by age, beside a hand-written script on the same rows.

layouts     the tables: plain, partitioned, with children, under a hold, rows of 8 kB
script      what somebody would write: slices of blocks, children first, verified
alone       both at full speed, and the memory of ours
foreground  single rows read and written meanwhile, with their latencies
paced       a sweep with a share of the time, and the foreground with and without it, by turns
"""
