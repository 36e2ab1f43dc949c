"""Log monitor: checks a receipt against the public log for rewritten history and withheld statements.

An export alone cannot show that its last statements are missing. The log can: each leaf names its series and number.
What the log held at the export's own checkpoint and the export leaves out is withheld. What came after that checkpoint
and follows on it makes the export an old one: as true as it was, and not complete any more. What does not follow, a
second statement of one number for instance, is another history told to somebody else.
"""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from expunge_reports.errors import ForeignLogError, LogCorruptError, MalformedError
from expunge_reports.log import leaf, merkle
from expunge_reports.log.signed_note import VerifierKey
from expunge_reports.log.transparency_log import Log
from expunge_reports.verify.verdict import Reason, Verdict


def beside(verdict: Verdict, path: Path, key: VerifierKey) -> Verdict:
    """Return the verdict after reading the log in a directory (see `judge`); a log that cannot be read is a verdict.

    Raises:
        LogError: there is no log at this path.
    """
    if not verdict.genuine:
        return verdict
    try:
        return judge(verdict, Log.open(path, key))
    except ForeignLogError:
        return replace(verdict, reason=Reason.LOG_FOREIGN, statements=())
    except LogCorruptError:
        return replace(verdict, reason=Reason.LOG_DAMAGED, statements=())


def judge(verdict: Verdict, log: Log) -> Verdict:
    """Return the verdict after reading the whole log.

    Args:
        verdict: a genuine one; any other is returned as it is.
        log: the log, opened with the key of the same trust file.

    Returns:
        With `searched` set to the log's size, and `later` to the number of statements of the series that came after the
        receipt's checkpoint, if the log extends that checkpoint and the receipt holds all that there was of the series;
        else with the reason `log-damaged`, `log-older`, `log-inconsistent`, `series-forked` or `statement-withheld`.
    """
    seen = verdict.as_of
    if not verdict.genuine or seen is None:
        return verdict
    try:
        log.audit()
        extends = seen.size <= log.size and merkle.root(seen.size, log.tree.node).hex() == seen.root
        found = _leaves(log, verdict.statements[0].series, seen.size) if extends else None
    except LogCorruptError:
        return replace(verdict, reason=Reason.LOG_DAMAGED, statements=())
    if found is None:
        reason = Reason.LOG_OLDER if log.size < seen.size else Reason.LOG_INCONSISTENT
        return replace(verdict, reason=reason, statements=())
    if found.forked:
        return replace(verdict, reason=Reason.SERIES_FORKED, statements=())
    if found.held != len(verdict.statements):
        return replace(verdict, reason=Reason.STATEMENT_WITHHELD, statements=())
    return replace(verdict, searched=log.size, later=found.later, unread_leaves=found.unread)


class _Leaves(NamedTuple):
    """The distinct leaves of a series.

    Attributes:
        held: how many before a checkpoint.
        later: how many after it.
        forked: one has not the number that is next.
        unread: how many name the series in an unknown form.
    """

    held: int
    later: int
    forked: bool
    unread: int


def _leaves(log: Log, series: str, size: int) -> _Leaves:
    """Look through the log for the leaves of a series; one appended again after a crash is the same statement."""
    found: set[bytes] = set()
    held = unread = 0
    forked = False
    for index, data in enumerate(log.leaves()):
        try:
            parsed = leaf.parse(data)
        except MalformedError:
            unread += series.encode() in data
            continue
        if parsed.series == series and data not in found:
            forked |= parsed.seq != len(found)
            found.add(data)
            held += index < size
    return _Leaves(held, len(found) - held, forked, unread)
