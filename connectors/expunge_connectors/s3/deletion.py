"""Deletion: DeleteObjects by version id, up to 1,000 at a time; delete markers; unfinished uploads.

Keys that XML cannot say go one by one, by DeleteObject: a DeleteObjects with one of them is refused whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from expunge_connectors.contract import Heartbeat, RemovalNotice, no_beat, no_notice
from expunge_connectors.errors import SomeRecordsError, TerminalError, TransientError
from expunge_connectors.retry import with_retries
from expunge_connectors.s3.client import Service
from expunge_connectors.s3.errors import NOT_THERE, BusyError, RefusedError, passing, unsure
from expunge_connectors.s3.found_versions import Entry, Found, Target
from expunge_connectors.s3.object_lock import lock_of
from expunge_connectors.s3.version_rules import classify
from expunge_connectors.s3.xml_names import fits_xml

BATCH = 1000
LOOKED_AT = 50
"""So many are looked at before they go together: the time in between is that of a few requests."""
NULL = "null"
_GONE = frozenset({"NoSuchKey", "NoSuchVersion"})
_CHANGED = frozenset({"PreconditionFailed", "412"})
_MARKER = ("405", "MethodNotAllowed")


class Removal:
    """Collects what is to go and removes it in batches.

    Args:
        service: Where to.
        cutoff: Of the request.
        beat: Called after each batch.
        notice: Told of whom something went, as the service answers.
    """

    def __init__(self, service: Service, cutoff: datetime, beat: Heartbeat, notice: RemovalNotice = no_notice) -> None:
        self._service = service
        self._cutoff = cutoff
        self._beat = beat
        self._notice = notice
        self._waiting: dict[str, list[Entry]] = defaultdict(list)
        self._changeable: dict[str, list[Entry]] = defaultdict(list)
        self._targets: dict[Entry, list[Target]] = defaultdict(list)
        self.gone = 0

    def take(self, found: Found) -> None:
        """Remove what is due below one target, now or with a later batch."""
        decided = classify(found, self._cutoff)
        place = f"collection {found.target.collection}"
        for key in decided.hide:
            self._service.must(place, "delete_object", Bucket=found.target.bucket, Key=key)
        for upload in decided.uploads:
            which = {"Bucket": upload.bucket, "Key": upload.key, "UploadId": upload.id}
            lost = partial(self._tell, [found.target])
            aborted = self._service.remove(place, "abort_multipart_upload", which, lost, ("NoSuchUpload",))
            if aborted is not None:
                self._tell([found.target])
                self.gone += 1
        changeable = not found.target.certain and any(entry.version == NULL for entry in decided.entries)
        for entry in decided.entries:
            waiting = (self._changeable if changeable else self._waiting)[entry.bucket]
            waiting.append(entry)
            self._targets[entry].append(found.target)
            if len(waiting) == (LOOKED_AT if changeable else BATCH):
                self._flush(entry.bucket, waiting, changeable=changeable)

    def finish(self) -> None:
        """Remove what is still waiting."""
        for changeable, every in ((False, self._waiting), (True, self._changeable)):
            for bucket, waiting in every.items():
                self._flush(bucket, waiting, changeable=changeable)

    def _flush(self, bucket: str, entries: list[Entry], *, changeable: bool) -> None:
        """Remove these; the list is empty then."""
        if not entries:
            return
        meant: Mapping[Entry, str | None] = dict.fromkeys(entries)
        if changeable:
            meant = unchanged(self._service, entries, self._cutoff)
        if meant:
            self._delete(bucket, meant)
        for entry in entries:
            self._targets.pop(entry, None)
        entries.clear()
        self._beat()

    def _tell(self, targets: Iterable[Target]) -> None:
        going: dict[int, set[str]] = defaultdict(set)
        for target in targets:
            going[target.number].add(target.collection)
        if going:
            self._notice(going)

    def _tell_of(self, entries: Iterable[Entry]) -> None:
        self._tell(target for entry in entries for target in self._targets[entry])

    def _delete(self, bucket: str, meant: Mapping[Entry, str | None]) -> None:
        """Remove these, each only if it has the ETag that is given."""
        left = [entry for entry in meant if fits_xml(entry.key)]

        def attempt() -> None:
            """Ask again for what may pass, and for nothing else."""
            nonlocal left
            objects = [
                {"Key": one.key, "VersionId": one.version, **({"ETag": meant[one]} if meant[one] else {})}
                for one in left
            ]
            meant_here = {"Bucket": bucket, "Delete": {"Objects": objects, "Quiet": True}}
            lost = partial(self._tell_of, left)
            answer = self._service.remove(f"bucket {bucket}", "delete_objects", meant_here, lost)
            assert answer is not None  # no code was named that says that there is nothing
            refused = answer.get("Errors", [])
            stay = {(one.get("Key"), one.get("VersionId")) for one in refused if not unsure(str(one.get("Code")))}
            self._tell_of(one for one in left if stay.isdisjoint({(one.key, one.version), (one.key, None)}))
            again = self._weigh(bucket, left, refused)
            self.gone += len(left) - len(refused)
            left = again
            if again:
                where = f"Store {self._service.name}, collection {self._targets[again[0]][0].collection}"
                codes = ", ".join(sorted({str(one.get("Code")) for one in refused if passing(str(one.get("Code")))}))
                raise SomeRecordsError(f"{where}: some objects could not be removed now ({codes}).")

        if left:
            with_retries(self._service.wait)(attempt)
        for entry, tag in meant.items():
            if not fits_xml(entry.key):
                self.gone += self._goes_alone(entry, tag)

    def _goes_alone(self, entry: Entry, tag: str | None) -> bool:
        """Whether it went by a request of its own, in which the key stands in the URL.

        Raises:
            SomeRecordsError: The service asks to try again.
            TerminalError: It refuses, and no lock is the reason.
        """
        place, match = f"collection {self._targets[entry][0].collection}", {"IfMatch": tag} if tag else {}
        where = {"Bucket": entry.bucket, "Key": entry.key, "VersionId": entry.version}
        try:
            lost = partial(self._tell_of, [entry])
            answer = self._service.remove(place, "delete_object", {**where, **match}, lost, _GONE | _CHANGED)
        except BusyError as error:
            raise SomeRecordsError(str(error)) from None
        except RefusedError:
            if entry.marker or lock_of(self._service, entry, self._service.clock(entry.bucket)) is None:
                raise
            return False
        if answer is not None:
            self._tell_of([entry])
        return answer is not None

    def _weigh(self, bucket: str, entries: Sequence[Entry], refused: Iterable[dict[str, str]]) -> list[Entry]:
        """Accept a refusal only for what is gone, written anew, or locked meanwhile (counted as retained from then on).

        Returns:
            What the service asks to try again.

        Raises:
            TransientError: The service asks to try again, and does not say what.
            TerminalError: It refused something that no lock protects.
        """
        again: list[Entry] = []
        by_name = {(entry.key, entry.version): entry for entry in entries}
        for one in refused:
            code = str(one.get("Code", ""))
            if code in _GONE or code in _CHANGED:
                continue
            entry = by_name.get((str(one.get("Key")), str(one.get("VersionId"))))
            if code == "AccessDenied" and entry is not None and not entry.marker:
                at = self._service.clock(bucket)
                if lock_of(self._service, entry, at) is not None:
                    continue
            if passing(code) and entry is not None:
                again.append(entry)
                continue
            name = self._targets[entry][0].collection if entry is not None else None
            where = f"Store {self._service.name}, " + (f"bucket {bucket}" if name is None else f"collection {name}")
            if passing(code):
                raise TransientError(f"{where}: some objects could not be removed now ({code}).")
            raise TerminalError(f"{where}: the service refuses to remove some objects ({code}).")
        return again


def unchanged(service: Service, entries: Sequence[Entry], cutoff: datetime) -> Mapping[Entry, str | None]:
    """Those of the entries that are still what was listed, in order, with the ETag to be asked for where there is one.

    Versions with a name of their own always are. Version `null` is no name of one content: what is written anew under
    its key takes its place, and where only a reusable identifier led there, that may be somebody else's by now. So it
    is looked at again just before it goes, and the service is told which content is meant (ETag), for the time in
    between. AWS deletes on this condition since September 2025 (User Guide, "How to perform conditional deletes");
    others may not.
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
