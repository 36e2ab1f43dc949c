"""Copy tracking: backup copies are followed until each is seen to be gone (ADR 33).

refresh           look at every place of copies, each by itself
closed_requests   requests that are closed, for every copy of theirs is gone
"""
