"""A look at the stores is good for as long as the settings say, whoever asks again meanwhile (ADR 7)."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from expunge_connectors.contract import Finding, Scope, Severity
from expunge_orchestrator import data_map_check
from expunge_orchestrator.errors import FindingsError
from expunge_orchestrator.execution import erasing_findings
from expunge_orchestrator.execution.erasing_findings import ErasingFindings


def test_it_does_not_begin_anew_with_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    moment, shown = [1000.0], list[Finding]()
    monkeypatch.setattr(data_map_check.time, "monotonic", lambda: moment[0])
    monkeypatch.setattr(data_map_check, "inspect_all", lambda *_: list(shown))
    cache, holds = data_map_check.InspectionCache(), timedelta(minutes=1)
    data_map: Any = "map"

    def refuse(scope: Scope | None = None) -> None:
        cache.refuse_errors(data_map, {}, {}, holds, 1, scope)

    workspace: Any = SimpleNamespace(
        settings=SimpleNamespace(inspection_holds=holds),
        refuse_errors=refuse,
        inspection=cache,
        stores={},
        refuse_unmapped_names=lambda: None,
    )
    batch: Any = SimpleNamespace(scope=Scope("acme"), relations={}, uid="bt_1")
    monkeypatch.setattr(erasing_findings.stores_followed, "refuse_errors", lambda _, one: refuse(one.scope))
    refuse()  # as a plan does
    shown.append(Finding(Severity.ERROR, "x", "main", None, "wrong", "mend"))
    findings = ErasingFindings(workspace)
    moment[0] += 59
    assert findings._refused(batch)[0] is None
    moment[0] += 59  # 118 seconds after the only look that there was
    assert isinstance(findings._refused(batch)[0], FindingsError)
