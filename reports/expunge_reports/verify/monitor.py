"""Log monitor: checks a receipt against the public log for rewritten history and withheld statements.

An export alone cannot show that its last statements are missing. The log can: each leaf names its series and number.
What the log held at the export's own checkpoint and the export leaves out is withheld. What came after that checkpoint
makes the export an old one: as true as it was, and not complete any more.
"""

from dataclasses import replace
from pathlib import Path

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
        else with the reason `log-damaged`, `log-inconsistent` or `statement-withheld`.
    """
    seen = verdict.as_of
    if not verdict.genuine or seen is None:
        return verdict
    try:
        log.audit()
        extends = seen.size <= log.size and merkle.root(seen.size, log.tree.node).hex() == seen.root
        held, later = _count(log, verdict.statements[0].series, seen.size) if extends else (0, 0)
    except LogCorruptError:
        return replace(verdict, reason=Reason.LOG_DAMAGED, statements=())
    if not extends:
        return replace(verdict, reason=Reason.LOG_INCONSISTENT, statements=())
    if held != len(verdict.statements):
        return replace(verdict, reason=Reason.STATEMENT_WITHHELD, statements=())
    return replace(verdict, searched=log.size, later=later)


def _count(log: Log, series: str, size: int) -> tuple[int, int]:
    """Count the distinct leaves of a series before and after a checkpoint of that size.

    A leaf appended again after a crash is the same statement.
    """
    found: set[bytes] = set()
    before = 0
    for index, data in enumerate(log.leaves()):
        try:
            parsed = leaf.parse(data)
        except MalformedError:
            continue  # another kind of leaf; it states nothing about this series
        if parsed.series == series:
            found.add(data)
            if index < size:
                before = len(found)
    return before, len(found) - before
