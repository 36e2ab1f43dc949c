"""Background worker of a server: runs due work beside the calls, until it is stopped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from expunge_config.errors import ExpungeError
from expunge_connectors.errors import ConnectorError
from expunge_orchestrator.clock import now
from expunge_orchestrator.copy_tracking import closed_requests
from expunge_orchestrator.copy_tracking.refresh import refresh
from expunge_orchestrator.errors import FindingsError, LedgerBusyError
from expunge_orchestrator.execution import hold_enforcement, settling_search, settling_time
from expunge_orchestrator.execution.runner import RunObserver, run
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import token_uses
from expunge_orchestrator.ledger.failures import LedgerDatabaseError
from expunge_orchestrator.notifications import delivery, outbox
from expunge_orchestrator.planning import forgotten_plans
from expunge_orchestrator.requests import scheduler
from expunge_orchestrator.retention import kept_gone
from expunge_orchestrator.workspace import Workspace
from expunge_reports.errors import ReportError

_LOG = logging.getLogger("expunge.worker")
COPIES_EVERY = 300.0
"""Seconds between two looks at the backup copies."""

Job = Callable[[], None]


def _put_off(error: Exception) -> None:
    """It is tried again at the next look."""
    _LOG.warning("put off: %s", type(error).__name__)


class Worker:
    """Threads: one starts what is due, one runs it, one takes up what waited, one looks at the copies, one tells of it.

    One looks each day for what a law kept until then; where it is set, one searches before settling. A long batch does
    not keep a single person waiting to start, nor a slow receiver or a long search anybody at all. A run may last as
    long as the service, as long as it is fed: nothing that comes due waits for its end, and nothing depends on when it
    began.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], datetime] = now) -> None:
        self._workspace = workspace
        self._clock = clock
        self._stop = threading.Event()
        self._due = threading.Event()
        self._begun = threading.Event()
        self._news = threading.Event()
        self._waited = threading.Event()
        self._copies = threading.Event()
        self._kept = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(job, woken), name=f"expunge-{name}", daemon=True)
            for name, job, woken in (
                ("starter", self._start, self._due),
                ("runner", self._run, self._begun),
                ("waker", self._take_up, self._waited),
                ("copies", self._look_at_copies, self._copies),
                ("keeper", self._look_at_what_was_kept, self._kept),
                ("teller", self._tell, self._news),
            )
        ]
        self._searches = threading.Event()
        if workspace.settings.search.every is not None:
            self._threads.append(
                threading.Thread(
                    target=self._repeat, args=(self._search, self._searches), name="expunge-searcher", daemon=True
                )
            )
        self._copies_at: datetime | None = None

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something is due at once."""
        self._due.set()
        self._news.set()

    def stop(self) -> None:
        """Let the running steps end; what is left is taken up by the next process."""
        self._stop.set()
        for event in (self._due, self._begun, self._waited, self._copies, self._kept, self._news, self._searches):
            event.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: Job, woken: threading.Event) -> None:
        pause = self._workspace.settings.api.tick.total_seconds()
        while not self._stop.is_set():
            try:
                job()
            except (ExpungeError, ReportError, LedgerDatabaseError) as error:
                _put_off(error)
            except Exception as error:  # noqa: BLE001 - a defect must not end the thread in silence
                _LOG.error("defect: %s", type(error).__name__)  # no traceback: it may hold values
            woken.wait(pause)
            woken.clear()

    def _start(self) -> None:
        at = self._clock()
        if scheduler.start_due(self._workspace, at, self._stop.is_set):
            self._begun.set()
        scheduler.close_ended(self._workspace)
        with self._workspace.ledger.begin() as connection:
            token_uses.forget_expired(connection, at)

    def _tell(self) -> None:
        outbox.enqueue_changes(self._workspace, self._clock())
        delivery.deliver_due(self._workspace, self._clock, self._stop.is_set)

    def _search(self) -> None:
        if settling_search.search_due(self._workspace, self._stop.is_set):
            self._waited.set()

    def _take_up(self) -> None:
        workspace = self._workspace
        workspace.refuse_unmapped_names()
        try:
            if settling_time.start_due(workspace):
                self._begun.set()
        except (FindingsError, ConnectorError) as error:  # the others' holds run out without it
            _put_off(error)
        forgotten_plans.forget_stale(workspace)
        if hold_enforcement.release(workspace.ledger):
            self._begun.set()

    def _look_at_what_was_kept(self) -> None:
        if kept_gone.state_gone(self._workspace).gone:
            self._begun.set()  # it publishes what is stated

    def _run(self) -> None:
        workspace = self._workspace
        workspace.refuse_unmapped_names()
        with (
            suppress(LedgerBusyError),  # another process of this ledger is at it
            open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer,
        ):
            run(workspace, writer, RunObserver(told_to_stop=self._stop.is_set), patience=workspace.settings.api.tick)

    def _look_at_copies(self) -> None:
        at = self._clock()
        if self._copies_at is None or (at - self._copies_at).total_seconds() >= COPIES_EVERY:
            self._copies_at = at
            looked = refresh(self._workspace)
            for error in looked.unlisted.values():
                _put_off(error)
            if closed_requests.close_due(self._workspace, looked):
                self._begun.set()  # it publishes what is stated
