"""Who asks: `calltrack`, `client:42`, and nothing that no ledger or log line should hold."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from expunge_config.datamap import load
from expunge_config.errors import InputError
from expunge_connectors.contract import Scope
from expunge_connectors.registry import installed
from expunge_orchestrator.rules.scope import MAX_MEMBER, parse_scope

REGISTRY = installed()
EXAMPLE = Path(str(files("expunge_demo.calltrack") / "datamap.yaml"))
MAP = load(EXAMPLE, REGISTRY.store_specs, REGISTRY.backup_specs)


def test_a_controller_and_a_member_are_read() -> None:
    assert parse_scope("calltrack", MAP) == Scope("calltrack")
    assert parse_scope("client:42", MAP) == Scope("client", "42")


@pytest.mark.parametrize(
    "text", ["nobody", "client", "calltrack:1", "client:4\x002", "client:42\n", f"client:{'4' * (MAX_MEMBER + 1)}"]
)
def test_what_names_no_controller_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_scope(text, MAP)
    assert text.partition(":")[2] not in raised.value.message or not text.partition(":")[2]
