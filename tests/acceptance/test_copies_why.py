"""`expunge copies why`: where the person of one receipt may still be, and until when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.acceptance.test_closed_requests import Life, begun
from tests.support.cli import CliRunner
from tests.support.fork_server import ForkServer
from tests.support.installation import CompanyStack
from tests.support.scripted_copies import DAY, Scripted
from tests.support.store_inspector import StoreInspector

from expunge_config.errors import UsageError
from expunge_orchestrator import clock
from expunge_orchestrator.copy_tracking import remaining_copies, remaining_sentences
from expunge_orchestrator.copy_tracking.refresh import refresh
from expunge_orchestrator.copy_tracking.remaining_copies import Standing
from expunge_orchestrator.ledger.batches import Batch
from expunge_orchestrator.ledger.database import reading
from expunge_orchestrator.ledger.suppression_list import Tagger
from expunge_orchestrator.receipts import receipt_export


@pytest.fixture
def life(calltrack: CompanyStack, inspector: StoreInspector, tmp_path: Path) -> object:
    with begun(calltrack, inspector, tmp_path, dumps="main", ledgers="ledger") as made:
        yield made


def series_of(life: Life, batch: Batch) -> str:
    tagger = Tagger(life.workspace.keys.suppression)
    with reading(life.workspace.ledger) as connection:
        (found,) = receipt_export.series_of(connection, batch.uid, None, tagger)
    return found.series


def said(life: Life, series: str) -> tuple[Standing, str]:
    """The standing, and its first sentence."""
    found = remaining_copies.of_series(life.workspace, series)
    return found.standing, next(iter(remaining_sentences.sentences(found)))


def test_the_copy_that_stays_longest_is_named_until_it_is_gone(life: Life) -> None:
    batch = life.installation.erase(life.installation.plan(life.person, workspace=life.workspace), life.workspace)
    series = series_of(life, batch)
    assert said(life, series)[0] is Standing.STORES
    life.installation.settle(life.workspace)
    assert life.look(2 * DAY) == 0
    standing, sentence = said(life, series)
    assert standing is Standing.COPIES
    assert "1.dump, of main, until " in sentence
    assert sentence.endswith("because of script.")
    begun_by = remaining_copies.of_series(life.workspace, series).copies
    assert {one.copy_id for one in begun_by if one.store == "main"} == {
        *(f"{number}.dump" for number in range(-5, 2)),
        *(f"object-{number}" for number in range(3)),
    }, "the dump of the day after tomorrow cannot hold the person"
    life.look(20 * DAY)
    assert {one.copy_id for one in remaining_copies.of_series(life.workspace, series).copies} == {
        f"{number}.dump" for number in range(-5, 2)
    }
    life.clock.ahead = 40 * DAY
    refresh(life.workspace)
    assert "was missed by one look" in said(life, series)[1]
    assert life.look(41 * DAY) == 1
    assert said(life, series)[0] is Standing.CLOSED


def test_between_the_last_copy_and_the_closing_look_it_says_what_has_to_happen(life: Life) -> None:
    for place in life.places:
        place.script = []
    standing, sentence = said(life, series_of(life, life.erased()))
    assert standing is Standing.LAST_LOOK
    assert "The first look after " in sentence


def test_what_nothing_ends_comes_first_with_its_reason(life: Life) -> None:
    life.places[0].script = [*life.places[0].script, Scripted("archive", clock.now() - 90 * DAY, None)]
    batch = life.erased()
    standing, sentence = said(life, series_of(life, batch))
    assert standing is Standing.COPIES
    assert "archive, of main, and nothing is known to end it (never): no rule." in sentence


def test_a_series_that_is_not_there_is_refused(life: Life) -> None:
    with pytest.raises(UsageError, match="no such series"):
        remaining_copies.of_series(life.workspace, "er_0")


def test_the_command_answers_first_and_shows_the_proof_after_it(
    life: Life, calltrack: CompanyStack, tmp_path: Path, fork_server: ForkServer
) -> None:
    series = series_of(life, life.erased())
    life.look(DAY)
    environment = dict(calltrack.environment(life.installation.home))
    ledgers = {name.replace("__DUMPS__", "__LEDGERS__"): of for name, of in environment.items() if "__DUMPS__" in name}
    environment |= {**ledgers, "EXPUNGE_DATA_MAP": str(life.installation.settings.data_map)}
    cli = CliRunner(tmp_path, environment, fork_server)
    shown = cli.run("copies", "why", series)
    assert shown.code == 0, shown.err
    assert shown.out.startswith("The last copy that may hold this person is dumps: ")
    told = json.loads(cli.run("copies", "why", series, "--json").out)
    assert (told["id"], told["standing"]) == (series, "copies")
    assert {one["place"] for one in told["copies"]} == {"dumps", "ledgers"}
    assert cli.run("copies", "why", "er_0").code == 2
