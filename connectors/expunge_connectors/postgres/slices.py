"""Slices: a chunk cut into what one transaction erases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expunge_connectors.contract import Subject

KEYS_PER_TRANSACTION = 5_000
SUBJECTS_PER_TRANSACTION = 1_000


def slices(subjects: Sequence[Subject], keys: int = KEYS_PER_TRANSACTION) -> Iterator[list[Subject]]:
    """Cut a chunk so that a slice has at most so many keys and people; a person is never cut in two.

    Most slices then fit into one transaction, and whole persons are gone or there after a crash.
    """
    slice_: list[Subject] = []
    size = 0
    for subject in subjects:
        if slice_ and (size + len(subject.keys) > keys or len(slice_) == SUBJECTS_PER_TRANSACTION):
            yield slice_
            slice_, size = [], 0
        slice_.append(subject)
        size += len(subject.keys)
    if slice_:
        yield slice_
