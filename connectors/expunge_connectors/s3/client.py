"""S3 client: requests with retries, translated errors and bounded concurrency, and the service's clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from tenacity.wait import wait_base

from expunge_connectors.contract import Heartbeat
from expunge_connectors.errors import AnswerLostError, TerminalError
from expunge_connectors.retry import backoff, with_retries
from expunge_connectors.s3 import driver
from expunge_connectors.s3.errors import code_of, translated
from expunge_connectors.s3.spec import S3Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Item = TypeVar("Item")
Result = TypeVar("Result")
Answer = dict[str, Any]

VERSION_MARKERS = {"NextKeyMarker": "KeyMarker", "NextVersionIdMarker": "VersionIdMarker"}
UPLOAD_MARKERS = {"NextKeyMarker": "KeyMarker", "NextUploadIdMarker": "UploadIdMarker"}
"""Where a page of versions, or of uploads, ends -> where the next one begins (`Service.pages`)."""


class Service:
    """Requests to one service. The client is made at the first request: boto3 may ask the network for credentials."""

    def __init__(self, name: str, connection: S3Connection, wait: wait_base | None = None) -> None:
        self.name = name
        self._connection = connection
        self.wait = backoff() if wait is None else wait
        self._lock = threading.Lock()
        self._made: S3Client | None = None
        self._pool: ThreadPoolExecutor | None = None

    @property
    def unset(self) -> bool:
        """Whether nobody said how to reach the service: it is AWS then, with what this machine has of keys."""
        return not self._connection.model_fields_set

    def call(
        self, place: str | None, operation: str, *, absent: Iterable[str] = (), **arguments: object
    ) -> Answer | None:
        """One request, repeated while the failure may pass.

        Args:
            place: What an error is to name (`bucket b`, `collection c`).
            operation: Method of the boto3 client. Every one used here is safe to repeat.
            absent: Error codes that say "there is no such thing": the answer is then None.
            arguments: Of the request.

        Raises:
            TransientError: The service did not answer, also after some more attempts.
            TerminalError: It refused.
        """
        return with_retries(self.wait)(self._call, place, operation, frozenset(absent), arguments)

    def remove(
        self, place: str, operation: str, arguments: Answer, lost: Callable[[], None], absent: Iterable[str] = ()
    ) -> Answer | None:
        """As `call`, for a request that removes something.

        `lost` is called after every attempt whose answer was lost: what it asked for may be done.
        """

        def attempt() -> Answer | None:
            try:
                return self._call(place, operation, frozenset(absent), arguments)
            except AnswerLostError:
                lost()
                raise

        return with_retries(self.wait)(attempt)

    def must(self, place: str | None, operation: str, **arguments: Any) -> Answer:  # noqa: ANN401 - as boto3 has it
        """As `call`, where "there is no such thing" is an error like any other."""
        answer = self.call(place, operation, **arguments)
        if answer is None:
            raise TerminalError(f"Store {self.name}: no answer to {operation}.")
        return answer

    def _call(self, place: str | None, operation: str, absent: frozenset[str], arguments: Answer) -> Answer | None:
        try:
            answer: Answer = getattr(self._client(), operation)(**arguments)
        except ClientError as error:
            code = code_of(error)
            if code in absent:
                return None
            if code == "NoSuchBucket" and "Bucket" in arguments:  # not the collection's fault
                place = f"bucket {arguments['Bucket']}"
            raise translated(self.name, place, error) from None
        except (BotoCoreError, ResponseParserError, ValueError) as error:
            raise translated(self.name, place, error) from None
        return answer

    def pages(
        self, place: str | None, operation: str, markers: dict[str, str], **arguments: object
    ) -> Iterator[Answer]:
        """The pages of a listing.

        Args:
            place: What an error is to name.
            operation: Method of the boto3 client.
            markers: Name of the answer's marker -> name of the next request's.
            arguments: Of the first request.

        Raises:
            TerminalError: A page says that there is more but not where: half a listing proves nothing.
        """
        while True:
            page = self.must(place, operation, **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            onward = {theirs: page[ours] for ours, theirs in markers.items() if page.get(ours)}
            if all(arguments.get(name) == value for name, value in onward.items()):
                where = f"Store {self.name}" if place is None else f"Store {self.name}, {place}"
                raise TerminalError(f"{where}: the listing breaks off ({operation}).")
            arguments = {**arguments, **onward}

    def each(self, items: Iterable[Item], work: Callable[[Item], Result], beat: Heartbeat) -> Iterator[Result]:
        """Do some work for every item, several at a time, in order; `beat` runs here, between results.

        The first error ends it; what has not begun is then dropped. Work must not wait for other work given here.
        """
        items = list(items)
        if len(items) == 1:  # no thread for one alone
            yield work(items[0])
            beat()
            return
        begun = [self._threads().submit(work, item) for item in items]
        try:
            for one in begun:
                yield one.result()
                beat()
        finally:
            _end(begun)

    @contextmanager
    def meanwhile(self, work: Callable[[], Result]) -> Iterator[Future[Result]]:
        """Do some work beside the block, which may ask for its result. It is over when the block is.

        Where one request at a time is allowed, it is done before the block.
        """
        begun = _done(work) if self._connection.workers == 1 else self._threads().submit(work)
        try:
            yield begun
        finally:
            _end([begun])

    def clock(self, bucket: str) -> datetime:
        """The service's time, in whole seconds, and proof that the bucket is there and open to us.

        HTTP's Date says seconds only. It is cut off, not rounded: a cutoff is never later than the true time, so that
        nothing created after it is ever taken for older. Last-Modified is cut off in the same way; an object of the
        same second as the cutoff counts as newer and stays.
        """
        place = f"bucket {bucket}"
        return self._time_of(place, self.must(place, "head_bucket", Bucket=bucket))

    def _time_of(self, place: str | None, answer: Answer) -> datetime:
        raw = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        try:
            return parsedate_to_datetime(str(raw)).astimezone(UTC)
        except ValueError:
            where = f"Store {self.name}" if place is None else f"Store {self.name}, {place}"
            raise TerminalError(f"{where}: the service does not tell the time.") from None

    def owned(self, buckets: Iterable[str]) -> tuple[dict[str, str], datetime]:
        """What the buckets are, whatever endpoint leads to them: the account, and each bucket's creation date.

        With them goes the service's time as `clock` tells it, from the same answer.

        AWS may change a bucket's CreationDate when its policy is edited (API reference, type Bucket): a plan made
        before is then refused and made again.

        Raises:
            TerminalError: A bucket is not among the account's own.
        """
        answer = self.must(None, "list_buckets")
        created = {bucket["Name"]: bucket["CreationDate"].astimezone(UTC) for bucket in answer.get("Buckets", [])}
        parts = {"account": str(answer.get("Owner", {}).get("ID", ""))}
        for bucket in sorted(set(buckets)):
            if bucket not in created:
                raise TerminalError(f"Store {self.name}: the account has no bucket {bucket}.")
            parts[f"bucket {bucket}"] = created[bucket].strftime("%Y-%m-%dT%H:%M:%SZ")
        return parts, self._time_of(None, answer)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
            if self._made is not None:
                self._made.close()
                self._made = None

    def _threads(self) -> ThreadPoolExecutor:
        self._client()  # its first request, for credentials, is made once and not by several threads
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._connection.workers, thread_name_prefix=f"expunge-{self.name}")
            return self._pool

    def _client(self) -> S3Client:
        with self._lock:
            if self._made is None:
                self._made = driver.new_client(self._connection)
            return self._made


def _done(work: Callable[[], Result]) -> Future[Result]:
    done: Future[Result] = Future()
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - kept for whoever asks for the result, as a thread keeps it
        done.set_exception(error)
    return done


def _end(begun: Iterable[Future[Any]]) -> None:
    """Let no request outlive the call that made it."""
    for one in begun:
        one.cancel()
    wait(begun)
