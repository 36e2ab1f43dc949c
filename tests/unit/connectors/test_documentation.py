"""Every finding that the code can make is documented, with its severity, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = re.compile(r'Severity\.([A-Z]+),\s*"((?:redis|s3|backups|memory)-[a-z0-9-]+)"')
ROW = re.compile(r"^\| `((?:redis|s3|backups|memory)-[a-z0-9-]+)` \| ([a-z]+) \|", re.MULTILINE)


def test_findings_are_documented() -> None:
    sources = ROOT / "connectors" / "expunge_connectors"
    made = {
        (code, severity.lower())
        for folder in ("redis", "s3", "s3_backups", "memory")
        for module in (sources / folder).glob("*.py")
        for severity, code in CODE.findall(module.read_text(encoding="utf-8"))
    }
    documented = set(ROW.findall((ROOT / "docs" / "findings.md").read_text(encoding="utf-8")))
    assert made == documented
    assert len(made) > 20
