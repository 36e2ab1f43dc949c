"""A package that fails as it is imported stops what names its connector, and nothing else."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from expunge_config.errors import ConfigError
from expunge_connectors import registry


def test_a_connector_that_fails_as_it_is_imported_says_what_to_reinstall(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_connector.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    points = EntryPoints([EntryPoint("odd", "broken_connector:Store", registry.STORES)])
    monkeypatch.setattr(registry, "entry_points", lambda: points)
    found = registry.installed.__wrapped__()
    assert list(found.stores) == ["odd"]
    with pytest.raises(ConfigError, match=r"The connector odd is installed but cannot be loaded \(RuntimeError\)"):
        found.stores["odd"]
