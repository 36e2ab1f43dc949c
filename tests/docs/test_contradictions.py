"""docs/receipts.md names every contradiction that the verifier knows, and none that it does not."""

from __future__ import annotations

import re

from tests.support.documentation import ROOT

from expunge_reports.verify import contradictions

_TABLE = re.compile(r"^\| reason \| what cannot be true \|\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)


def test_each_is_a_reason_of_the_table_and_each_reason_one() -> None:
    found = _TABLE.search((ROOT / "docs" / "receipts.md").read_text())
    assert found is not None
    cells = [row.split("|")[1] for row in found[1].splitlines()]
    assert {code for cell in cells for code in re.findall(r"`([a-z-]+)`", cell)} == contradictions.EXPLANATIONS.keys()
