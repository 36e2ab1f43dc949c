"""S3 objects of the example: recordings, exports of account holders, web server logs."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from expunge_demo.calltrack.account_holders import Holder
from expunge_demo.calltrack.callers import Caller
from expunge_demo.calltrack.random_draws import Draws
from expunge_demo.calltrack.vocabulary import BROWSERS, PAGES, REFERRERS

RECORDINGS = "calltrack-recordings"
EXPORTS = "calltrack-exports"
LOGS = "calltrack-logs"
BACKUPS = "calltrack-backups"
_LOG_HOURS = 48
_LOG_LINES = 40
_KIND = 3


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object and all its versions, oldest first."""

    bucket: str
    key: str
    versions: tuple[bytes, ...]


def of_holder(holder: Holder) -> Iterator[StoredObject]:
    """An account holder's exports."""
    user = holder.user
    for key in holder.exports:
        body = f"exported for,{user.full_name}\nmail,{user.email}\ninvoices,{len(holder.invoices)}\n"
        yield StoredObject(EXPORTS, key, (body.encode(),))


def of_caller(caller: Caller) -> Iterator[StoredObject]:
    """A caller's recordings."""
    for sound in caller.sounds:
        yield StoredObject(RECORDINGS, sound.key, sound.versions)


def web_logs(seed: int, now: datetime, holders: int, emails: Iterator[str]) -> Iterator[StoredObject]:
    """The access log of the last two days, an object an hour: older hours compressed, the last ones still plain.

    A line holds: time, address, browser, referrer, URL, object, status. Logins name the e-mail address: a log is left
    alone although it tells who came.
    """
    for hours in range(_LOG_HOURS, 0, -1):
        hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        draws = Draws.of(seed, _KIND, hours, now)
        lines = []
        for second in sorted(draws.number(0, 3_599) for _ in range(_LOG_LINES)):
            at = hour + timedelta(seconds=second)
            user = draws.number(1, holders)
            known = draws.source.random() < 0.3  # noqa: PLR2004 - the share of logins
            url = f"/login?email={next(emails)}" if known else draws.pick(PAGES)
            subject = "-" if known else f"users/{user}"
            lines.append(
                f'{at:%Y-%m-%dT%H:%M:%SZ} {draws.address()} "{draws.pick(BROWSERS)}" "{draws.pick(REFERRERS)}" '
                f'"{url}" "{subject}" {draws.pick((200, 200, 304, 403))}\n'
            )
        text = "".join(lines).encode()
        key = f"web/{hour:%Y/%m/%d/%H}.log"
        if hours > 6:  # noqa: PLR2004 - the last six hours are not compressed yet
            yield StoredObject(LOGS, key + ".gz", (gzip.compress(text, mtime=0),))
        else:
            yield StoredObject(LOGS, key, (text,))
