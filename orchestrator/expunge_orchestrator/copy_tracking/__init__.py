"""Copy tracking: backup copies are followed until each is seen to be gone (ADR 33).

refresh     look at every place of copies, each by itself
closing     close the requests of which every copy is gone
"""
