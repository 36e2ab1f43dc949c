"""Copy tracking: backup copies are followed until each is seen to be gone (ADR 33).

refresh               look at every place of copies, each by itself
remaining_copies      which copies may still hold the person of one receipt, and until when
remaining_sentences   the same in sentences
closed_requests       requests that are closed, for every copy of theirs is gone
"""
