"""Version `null` is no name of one content: what is written anew under its key takes its place.

Where only a re-usable identifier led there, that may be somebody else's by now. So such versions are looked at again,
a few at a time, just before they go; and the service is told which content is meant (ETag), for the time in between.
AWS deletes on this condition since September 2025 (User Guide, "How to perform conditional deletes"); others may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from expunge_connectors.contract import no_beat
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.listing import NOT_THERE
from expunge_connectors.s3.versions import Entry

LOT = 50
"""So many are looked at before they go together: the time in between is that of a few requests."""
NULL = "null"
_MARKER = ("405", "MethodNotAllowed")


def unchanged(service: Service, entries: Sequence[Entry], cutoff: datetime) -> Mapping[Entry, str | None]:
    """Those of the entries that are still what was listed, in order, with the ETag to be asked for where there is one.

    Versions with a name of their own always are.
    """

    def look(entry: Entry) -> tuple[Entry, bool, str | None]:
        same, tag = _seen(service, entry, cutoff) if entry.version == NULL else (True, None)
        return entry, same, tag

    return {entry: tag for entry, same, tag in service.each(entries, look, no_beat) if same}


def _seen(service: Service, entry: Entry, cutoff: datetime) -> tuple[bool, str | None]:
    """Whether the same content is there, and its ETag, which AWS holds against the current version alone."""
    current = entry.latest and not entry.marker
    version = {} if current else {"VersionId": NULL}
    absent = (*NOT_THERE, *_MARKER) if entry.marker else NOT_THERE
    place = f"bucket {entry.bucket}"
    head = service.call(place, "head_object", absent=absent, Bucket=entry.bucket, Key=entry.key, **version)
    if head is None or entry.marker:
        return head is None and entry.marker, None
    if current and head.get("VersionId", NULL) != NULL:  # versions have names by now: nothing takes the place of this
        return True, None
    return head["LastModified"] < cutoff, head.get("ETag") if current else None
