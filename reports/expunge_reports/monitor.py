"""Reading the public log beside a receipt: was the receipt's history kept, and is a statement being withheld?

An export alone cannot show that its last statements are missing. The log can: each leaf names its series and number.
"""

from dataclasses import replace

from expunge_reports import leaf, merkle
from expunge_reports.errors import LogCorruptError, MalformedError
from expunge_reports.log import Log
from expunge_reports.verdict import Reason, Verdict


def judge(verdict: Verdict, log: Log) -> Verdict:
    """Return the verdict after reading the whole log.

    Args:
        verdict: an authentic verdict; any other is returned as it is.
        log: the log, opened with the key of the same trust file.

    Returns:
        With `searched` set to the log's size if the log extends the receipt's checkpoint and holds no other statement
        of the series; else with the reason `log-inconsistent` or `statement-withheld`.
    """
    seen = verdict.as_of
    if not verdict.authentic or seen is None:
        return verdict
    try:
        log.audit()
        extends = seen.size <= log.size and merkle.root(seen.size, log.tree.node).hex() == seen.root
        held = _count(log, verdict.statements[0].series) if extends else 0
    except LogCorruptError:
        return replace(verdict, reason=Reason.LOG_INCONSISTENT, statements=())
    if not extends:
        return replace(verdict, reason=Reason.LOG_INCONSISTENT, statements=())
    if held != len(verdict.statements):
        return replace(verdict, reason=Reason.STATEMENT_WITHHELD, statements=())
    return replace(verdict, searched=log.size)


def _count(log: Log, series: str) -> int:
    """Count the distinct leaves of a series; a leaf appended again after a crash is the same statement."""
    found: set[bytes] = set()
    for data in log.leaves():
        try:
            parsed = leaf.parse(data)
        except MalformedError:
            continue  # another kind of leaf; it states nothing about this series
        if parsed.series == series:
            found.add(data)
    return len(found)
