"""Of every store the map says where its copies are kept, or who says that there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.data_map_text import document_of, read, write_document

from expunge_config.datamap import DataMap, digest
from expunge_config.errors import DataMapError
from expunge_connectors.contract import Severity
from expunge_orchestrator.notifications import email_text
from expunge_orchestrator.rules import declared_backups
from expunge_reports.forms import form_reader, shared_documents

NONE = {"none": "Nothing is backed up", "approved_by": "Ann, DPO"}


def example(tmp_path: Path, *, whole: Any = None, **stores: Any) -> DataMap:
    document = document_of()
    for name in ("main", "recordings", "cache"):
        document["stores"][name].pop("backups", None)
        if name in stores:
            document["stores"][name]["backups"] = dict(stores[name])
    if whole is not None:
        document["backups"] = whole
    return read(write_document(tmp_path / "map.yaml", document))


def test_what_is_not_said_is_an_error(tmp_path: Path) -> None:
    found = list(declared_backups.findings(example(tmp_path, cache=NONE)))
    assert [(one.severity, one.code, one.store) for one in found] == [
        (Severity.ERROR, "backups-undeclared", "recordings")
    ]
    nothing = example(tmp_path, whole={})
    assert {one.store for one in declared_backups.findings(nothing)} == {"main", "recordings", "cache"}


def test_that_there_are_none_is_said_of_all_stores_or_of_one(tmp_path: Path) -> None:
    whole, each = example(tmp_path, whole=NONE), example(tmp_path, recordings=NONE, cache=NONE)
    assert list(declared_backups.findings(whole)) == list(declared_backups.findings(each)) == []
    none = {"noBackups": {"reason": "Nothing is backed up", "approvedBy": "Ann, DPO"}}
    assert declared_backups.stated(whole, "main") == declared_backups.stated(each, "cache") == none
    assert declared_backups.stated(each, "main") == {"backupPlaces": ["dumps"]}
    assert digest(whole) != digest(example(tmp_path, whole=NONE | {"approved_by": "Bob"}))
    stated = {"store": "main", "kind": "postgres", "identity": "sha256:" + "3" * 64, "collections": {}, **none}
    planned = form_reader.read(shared_documents.PlannedStore, stated)
    assert planned is not None
    assert planned.no_backups is not None
    assert (planned.no_backups.approved_by, planned.further) == ("Ann, DPO", {})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"whole": {"none": "Nothing"}}, "backups.approved_by: Field required"),
        ({"whole": {"none": None, "approved_by": "Ann"}}, "backups.none: "),
        ({"whole": NONE | {"since": "today"}}, "backups.since: unknown key"),
        ({"cache": {"none": "Nothing"}}, "stores.cache.backups.approved_by: Field required"),
        ({"main": NONE}, "stores.main.backups: says that there are no copies, and dumps keeps some"),
    ],
)
def test_half_a_decision_is_refused(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataMapError, match=told):
        example(tmp_path, **changes)


def test_letters_say_so(tmp_path: Path) -> None:
    said = email_text.about_backups(example(tmp_path, whole=NONE))
    assert said == "Backups: no copies of the systems in use are made, as the receipt says."
    assert "copies may remain" in email_text.about_backups(example(tmp_path))
