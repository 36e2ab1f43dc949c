"""What is told as newer may be another account's: plan and status say so where there is any."""

from __future__ import annotations

import pytest

from expunge_orchestrator.cli import output


def test_whose_newer_records_may_be_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    output.left_newer([0, None])
    assert capsys.readouterr().out == ""
    output.left_newer([2, None, 1])
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("newer: 3 records made after the request's cutoff")
    assert "another account's under the same identifier" in said
