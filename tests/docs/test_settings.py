"""docs/settings.md names every setting there is, with its default, and none that is not there."""

from __future__ import annotations

import re

import pytest
from pydantic import TypeAdapter
from tests.support.documentation import ROOT, first_cells

from expunge_config import settings
from expunge_config.settings import Settings
from expunge_connectors.registry import installed

PAGE = (ROOT / "docs" / "settings.md").read_text()
ROW = re.compile(r"^\| `EXPUNGE_([A-Z_]+)(?:__<NAME>__<OPTION>)?` \| (.*?) \|", re.MULTILINE)
CONNECTION = re.compile(r"^\| ([a-z0-9, -]+) \| (`[A-Z].*?) \|$", re.MULTILINE)
# For making stores in tests, never for an installation.
NOT_FOR_USERS = {"memory"}


def documented() -> dict[str, str]:
    """Return setting -> default, as the page has them."""
    return {name.lower(): default.strip("`") for name, default in ROW.findall(PAGE)}


def options() -> dict[str, set[str]]:
    """Return connector -> connection options, as the page has them."""
    return {
        connector.strip(): {option.lower() for option in re.findall(r"`([A-Z_]+)`", listed)}
        for connectors, listed in CONNECTION.findall(PAGE)
        for connector in connectors.split(",")
    }


def test_settings_are_documented_and_documented_ones_exist() -> None:
    assert documented().keys() == Settings.model_fields.keys()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_defaults_are_as_documented(name: str) -> None:
    field = Settings.model_fields[name]
    if field.default_factory is not None or field.default is None:
        assert not documented()[name].isdigit()  # said in words, or empty
        return
    assert field.annotation is not None
    assert TypeAdapter(field.annotation).validate_python(documented()[name]) == field.default


def test_the_two_variables_that_lead_to_settings_are_named() -> None:
    assert f"`{settings.SETTINGS_FILE}`" in PAGE
    assert f"`{settings.SECRETS_DIR}`" in PAGE
    assert f"`{settings.DEFAULT_FILE}`" in PAGE


def test_connection_options_are_documented_and_documented_ones_exist() -> None:
    registry = installed()
    kinds = {**registry.stores, **registry.backups}
    there = {name: set(kind.connection.model_fields) for name, kind in kinds.items() if name not in NOT_FOR_USERS}
    assert options() == there


def test_rows_are_read_as_meant() -> None:
    assert all(
        cell.startswith("`EXPUNGE_") or cell in ", ".join(options()) or "," in cell for cell in first_cells(PAGE)
    )
