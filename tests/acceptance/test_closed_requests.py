"""A request's whole life: it is closed once every copy that may have held the person was seen gone (ADR 33)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from tests.support.data_map_text import document_of, write_document
from tests.support.installation import CompanyStack, Installation, fresh_installation
from tests.support.people import make_holder
from tests.support.receipt_schemas import assert_has_published_form
from tests.support.scripted_copies import DAY, MovedClock, Scripted, ScriptedPlace, moved_clock
from tests.support.store_inspector import StoreInspector

from expunge_connectors.contract import OBJECTS
from expunge_orchestrator import clock
from expunge_orchestrator.copy_tracking import closed_requests
from expunge_orchestrator.copy_tracking.refresh import Refreshed, refresh
from expunge_orchestrator.installation_setup import open_log
from expunge_orchestrator.ledger import tables
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export
from expunge_orchestrator.receipts.statement_issuer import publish
from expunge_orchestrator.workspace import Workspace
from expunge_reports import export, trust
from expunge_reports.page.render import receipt_page
from expunge_reports.verify import verdict_text, verifier
from expunge_reports.verify.verdict import Verdict

HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Life:
    """An installation with scripted places of copies, and one person whose request runs through it."""

    installation: Installation
    clock: MovedClock
    person: str
    places: Sequence[ScriptedPlace]

    @property
    def script(self) -> Sequence[Scripted]:
        """Of the copies of the stores."""
        return self.places[0].script

    @property
    def workspace(self) -> Workspace:
        """With the scripted places."""
        return replace(self.installation.workspace, backups=cast("Any", {one.name: one for one in self.places}))

    def erased(self) -> Batch:
        """Erased and settled now."""
        batch = self.installation.erase(self.installation.plan(self.person, workspace=self.workspace), self.workspace)
        self.installation.settle(self.workspace)
        assert self.events(batch)[-1] == "settled"
        return batch

    def look(self, ahead: timedelta) -> int:
        """Look twice at all places, so long after now; returns of how many people `closed` is stated."""
        number = 0
        for more in (timedelta(0), HOUR):
            self.clock.ahead = ahead + more
            number += closed_requests.close_due(self.workspace, refresh(self.workspace))
        workspace = self.workspace
        with open_log(workspace.settings, workspace.data_map.operator, workspace.keys) as writer:
            publish(workspace.ledger, writer, lambda _: None)
        return number

    def events(self, batch: Batch) -> list[str]:
        """Of the one series."""
        (events,) = self.installation.events(batch)
        return events

    def receipt(self, batch: Batch) -> tuple[Verdict, bytes]:
        """What an auditor reads at the clock's time; nothing of it contradicts itself."""
        workspace = self.workspace
        with reading(workspace.ledger) as connection:
            (found,) = receipt_export.series_of(connection, batch.uid, None, Tagger(workspace.keys.suppression))
        data = receipt_export.exported(workspace, found.series).data
        assert_has_published_form(data)
        vouched = trust.parse(receipt_export.trust_file(workspace))
        verdict = verifier.verify(data, vouched, [], self.clock.now())
        assert (verdict.reason, verdict.contradictions) == (None, ())
        said = "was looked for twice, an hour apart, and was not there" in receipt_page(
            verdict, export.parse(data).shared
        )
        assert said is bool(verdict.statements[-1].event == "closed" and self.script)
        return verdict, data


@pytest.fixture
def life(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> Iterator[Life]:
    """Two places: one with dumps, one with copies of the ledger."""
    with begun(calltrack, inspector, tmp_path, dumps="main", ledgers="ledger") as made:
        yield made


@contextmanager
def begun(calltrack: CompanyStack, inspector: StoreInspector, home: Path, **places: str) -> Iterator[Life]:
    """Dumps of each of the last five days and of the next, kept for thirty days; objects beside them for five."""
    document = document_of(calltrack.settings(home / "expunge").data_map)
    dumps = document["backups"]["dumps"]
    document["backups"] = {name: {**dumps, "of": of} for name, of in places.items()}
    path = write_document(home / "map.yaml", document)
    with moved_clock() as moved, fresh_installation(calltrack, home / "expunge", data_map=path) as installation:
        start = clock.now()
        nightly = [Scripted(f"{number}.dump", start + number * DAY, 30 * DAY) for number in range(-5, 3)]
        objects = [Scripted(f"object-{number}", start - DAY, 5 * DAY, OBJECTS) for number in range(3)]
        of_ledger = [Scripted(f"{number}.ledger", start + number * DAY, 7 * DAY) for number in range(-2, 3)]
        script = {"main": [*nightly, *objects], "ledger": of_ledger}
        made = [ScriptedPlace(name, of, moved, script[of]) for name, of in places.items()]
        yield Life(installation, moved, make_holder(inspector).csv, made)


def suppressed(life: Life) -> int:
    with reading(life.workspace.ledger) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(tables.suppression)) or 0


def test_a_request_is_closed_when_the_last_copy_is_gone_and_not_before(life: Life) -> None:
    """The dump of tomorrow night is begun within the margin of a day: it goes last, on day 31 after it was begun."""
    batch = life.erased()
    assert suppressed(life) > 0
    closed_on = None
    for day in range(1, 36):
        number = life.look(day * DAY + 2 * HOUR)
        verdict, _ = life.receipt(batch)
        assert verdict.status != "incomplete", f"nothing is late on day {day}"
        assert (number == 1) == (life.events(batch)[-1] == "closed" and closed_on is None)
        if number:
            closed_on = day
    # Whether the dump of tomorrow counts is a matter of seconds: it is begun a day after `start`, the look after it.
    assert closed_on == 31
    assert life.events(batch) == ["accepted", "erased", "settled", "closed"]
    assert suppressed(life) > 0, "later requests are decided by them"
    verdict, data = life.receipt(batch)
    said = verdict.statements[-1]
    assert (said.open.items, said.open.copies.count, said.final) == (0, 0, False)
    assert said.body["ledgerCopies"] == "gone"
    (cited,) = [one for digest, one in export.parse(data).shared.items() if digest in said.context]
    assert isinstance(cited, dict)
    gone = {one.get("id", f"{one.get('copies')} objects") for one in cited["seenGone"]}
    assert {"-5.dump", "0.dump", "1.dump", "3 objects"} <= gone
    assert any("every backup copy that was counted" in line for line in verdict_text.lines(verdict))
    life.clock.ahead = timedelta(days=4000)
    assert life.receipt(batch)[0].complete


def test_a_receipt_is_late_once_it_could_have_been_closed(life: Life) -> None:
    """Nobody looks any more: incomplete is what should have been stated, and was not, two days after the last day."""
    batch = life.erased()
    states = {}
    for day in (20, 32, 34):
        life.clock.ahead = day * DAY
        states[day] = life.receipt(batch)[0].status
    assert states == {20: "unanchored", 32: "unanchored", 34: "incomplete"}


def test_a_copy_that_nothing_ends_keeps_the_request_open_and_the_receipt_says_so(life: Life) -> None:
    archive = Scripted("archive", clock.now() - 90 * DAY, None)
    life.places[0].script = [*life.places[0].script, archive]
    batch = life.erased()
    assert life.look(60 * DAY) == 0
    verdict, _ = life.receipt(batch)
    assert (verdict.complete, verdict.statements[-1].open.copies.without_day) == (True, 1)
    assert suppressed(life) > 0
    life.places[0].hidden.add("archive")
    assert life.look(61 * DAY) == 1


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("how", ["down", "without a control", "not in the map's places any more"])
def test_a_place_that_cannot_be_listed_keeps_the_request_open(life: Life, place: int, how: str) -> None:
    batch, whole = life.erased(), life.places
    assert life.look(DAY) == 0
    match how:
        case "down":
            whole[place].down = True
        case "without a control":
            whole[place].control = None
        case _:
            life.places = [one for number, one in enumerate(whole) if number != place]
    assert life.look(90 * DAY) == 0
    assert life.events(batch)[-1] == "settled"
    life.places, whole[place].down, whole[place].control = whole, False, "object README"
    assert life.look(91 * DAY) == 1


def test_a_copy_that_is_listed_late_keeps_the_request_open(life: Life) -> None:
    """Its upload ended after the first looks: it was begun before, and is a copy of the person's records."""
    life.places[0].script = [Scripted("late", clock.now() - HOUR, 20 * DAY)]
    life.places[0].hidden.add("late")
    batch = life.erased()
    assert life.look(timedelta(hours=20)) == 0, "within the day in which one may still be listed"
    life.places[0].hidden.clear()
    for day in range(1, 20):
        assert life.look(day * DAY + 2 * HOUR) == 0
    assert life.look(21 * DAY) == 1
    assert life.events(batch)[-1] == "closed"


def test_a_receipt_is_not_late_while_copies_of_the_ledger_are_kept_longer(life: Life) -> None:
    life.places[1].script = [Scripted("old.ledger", clock.now() - DAY, 90 * DAY)]
    batch = life.erased()
    for day in (34, 60, 88):
        assert life.look(day * DAY) == 0
        assert life.receipt(batch)[0].complete
    assert life.look(91 * DAY) == 1


def test_an_object_that_is_dated_anew_holds_what_it_held(life: Life) -> None:
    """`aws s3 cp` onto itself, for another storage class: the same bytes under the same id, and a date of today."""
    start = clock.now()
    life.places[0].script = [Scripted("a@null", start - HOUR, None)]
    batch = life.erased()
    assert life.look(timedelta(hours=2)) == 0
    life.places[0].script = [Scripted("a@null", start + 10 * DAY, None)]
    assert life.look(12 * DAY) == 0
    life.places[0].script = [Scripted("a@null", start + 10 * DAY, 5 * DAY)]
    assert life.look(20 * DAY) == 1
    assert life.events(batch)[-1] == "closed"


def test_an_object_that_is_overwritten_every_night_keeps_the_request_open(life: Life) -> None:
    start = clock.now()
    life.places[0].script = [Scripted("latest@null", start - HOUR + number * DAY, DAY) for number in range(40)]
    batch = life.erased()
    assert [life.look(day * DAY + 2 * HOUR) for day in range(1, 9)] == [0] * 8
    life.receipt(batch)


def test_a_copy_that_was_counted_under_another_places_name_keeps_the_request_open(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    """Two places of one bucket: the one under whose name the copy was stated is down while it goes."""
    with begun(calltrack, inspector, tmp_path, dumps="main", dumps2="main", ledgers="ledger") as life:
        first, second, _ = life.places
        first.storage = second.storage = "one-bucket"
        batch = life.erased()
        second.down = True
        assert life.look(timedelta(hours=3)) == 0
        first.script = second.script = []
        second.down = False
        with reading(life.workspace.ledger) as connection:
            before = connection.scalar(sa.select(sa.func.count()).select_from(tables.document))
        assert life.look(60 * DAY) == 0
        assert life.events(batch)[-1] == "settled"
        with reading(life.workspace.ledger) as connection:
            kept = connection.scalar(sa.select(sa.func.count()).select_from(tables.document))
        assert kept == before, "looks that close nobody leave nothing behind"


def test_nobody_is_closed_twice_by_two_who_look_at_once(life: Life) -> None:
    batch = life.erased()
    workspace = life.workspace
    looks: list[Refreshed] = []
    for hours in (0, 1, 2):
        life.clock.ahead = 50 * DAY + hours * HOUR
        looks.append(refresh(workspace))
    assert [closed_requests.close_due(workspace, looks[-1]) for _ in range(2)] == [1, 0]
    assert life.events(batch).count("closed") == 1


def test_where_copies_of_the_ledger_are_not_declared_nothing_is_said_of_them(
    calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path
) -> None:
    with moved_clock() as moved, fresh_installation(calltrack, tmp_path / "expunge") as installation:
        place = ScriptedPlace("dumps", "main", moved, [])
        life = Life(installation, moved, make_holder(inspector).csv, [place])
        batch = life.erased()
        assert life.look(timedelta(hours=20)) == 0
        assert life.look(2 * DAY) == 1
        verdict, _ = life.receipt(batch)
        assert verdict.statements[-1].body["ledgerCopies"] == "not-followed"


def test_of_a_request_of_yesterday_the_moment_is_the_last_look(life: Life) -> None:
    batch = life.erased()
    assert life.look(50 * DAY) == 1
    verdict, _ = life.receipt(batch)
    settled, closed = verdict.statements[-2:]
    assert closed.body["nothingLeftAt"] == settled.body["verifiedAt"]
    assert datetime.fromisoformat(str(closed.body["nothingLeftAt"])) < closed.issued_at - 49 * DAY


def test_a_value_that_could_not_be_read_keeps_the_request_open(life: Life, inspector: StoreInspector) -> None:
    """It would have led on: nobody knows whether there is more of the person."""
    ann = make_holder(inspector)
    inspector.sql("UPDATE users SET phone = '030 unreadable' WHERE id = %s", ann.id)
    life.person = ann.csv
    batch = life.erased()
    assert life.look(60 * DAY) == 0
    verdict, _ = life.receipt(batch)
    assert (verdict.statements[-1].event, verdict.complete) == ("settled", True)
