"""The verifying side of Redis: what is left, by other commands and other code than what erases (law 1).

verification    what is left of each subject, counted
index_walk      what indexes name, by cursor
stream_walk     entries of a stream, from the last one
database_walk   one SCAN without a pattern
key_walk        patterns held against names piece by piece
"""
