"""Nothing but an error of ours leaves a connector, whatever its authors forgot."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from expunge_config.errors import ExpungeError
from expunge_connectors import registry
from expunge_connectors.contract import KnowsClaims, StoreConnector
from expunge_connectors.defects import DefectError
from expunge_connectors.errors import TransientError
from expunge_connectors.memory import MemoryStore
from expunge_connectors.registry import installed

SECRET = "ada@example.org"


class StoppedError(ExpungeError):
    """The run was stopped."""


class ForgetfulStore(MemoryStore):
    """Its authors forgot the case of every verb."""

    name = "main"

    def __init__(self, fails: Callable[[], Exception]) -> None:
        self._fails = fails

    def count(self, *_: object) -> dict[int, dict[str, object]]:  # type: ignore[override]
        """Look a value up in a dictionary that has it not."""
        raise self._fails()

    @classmethod
    def draft(cls, *_: object) -> None:  # type: ignore[override]
        """The same before there is a store."""
        raise KeyError(SECRET)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> type[ForgetfulStore]:
    """The class as the registry gives it."""
    point = EntryPoint("forgetful", "some.package:ForgetfulStore", registry.STORES)
    monkeypatch.setattr(EntryPoint, "load", lambda _: ForgetfulStore)
    return registry._store_type(point)  # type: ignore[return-value]


@pytest.mark.parametrize("error", [KeyError(SECRET), ValueError(SECRET), RecursionError(SECRET)])
def test_a_mistake_leaves_as_an_error_of_ours_without_its_text(
    forgetful: type[ForgetfulStore], error: Exception
) -> None:
    with pytest.raises(DefectError) as caught:
        forgetful(lambda: error).count()
    assert caught.value.message == f"The connector of main has a defect: count raised {type(error).__name__}."
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_so_does_one_of_a_verb_of_the_class(forgetful: type[ForgetfulStore]) -> None:
    with pytest.raises(DefectError, match="draft raised KeyError"):
        forgetful.draft()


@pytest.mark.parametrize("error", [TransientError("It is away."), StoppedError()])
def test_errors_of_ours_pass(forgetful: type[ForgetfulStore], error: ExpungeError) -> None:
    with pytest.raises(type(error)):
        forgetful(lambda: error).count()


def test_it_is_what_it_was(forgetful: type[ForgetfulStore]) -> None:
    store = forgetful(KeyError)
    assert isinstance(store, ForgetfulStore)
    assert isinstance(store, StoreConnector)
    assert isinstance(store, KnowsClaims) == issubclass(MemoryStore, KnowsClaims)
    assert type(store).__name__ == "ForgetfulStore"


@pytest.mark.parametrize("kind", ["stores", "backups"])
def test_every_installed_connector_is_so(kind: str) -> None:
    types = getattr(installed(), kind)
    for name in types:
        verbs = [verb for verb in vars(types[name]).values() if hasattr(verb, "__wrapped__")]
        assert len(verbs) >= 4, name
