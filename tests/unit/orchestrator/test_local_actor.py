"""Actors: one person is one person, however the name is spelt; names that cannot be seen whole are refused."""

from __future__ import annotations

import pytest

from expunge_config.errors import ConfigError
from expunge_config.settings import Settings
from expunge_orchestrator.auth import local_actor


@pytest.mark.parametrize(
    "spelt",
    [
        "ann",
        "Ann",
        " ann",
        "ann ",
        "ANN",
        "ann\u200b",
        "a\u00adnn",
        "\uff41nn",
        "ann\ufe0f",
        "ann\u3164",
        "a\U000e0061nn",
        "ann\n",
    ],
)
def test_the_same_person_in_another_spelling(spelt: str) -> None:
    assert local_actor.plain_name(spelt) == "ann"


@pytest.mark.parametrize("other", ["anna", "bob", "an n", ""])
def test_somebody_else(other: str) -> None:
    assert local_actor.plain_name(other) != "ann"


def test_spaces_between_words_count_once() -> None:
    assert local_actor.plain_name("Ann Lee") == local_actor.plain_name("ann\u00a0\u00a0lee")


@pytest.mark.parametrize("name", ["ann\u200b", "an\x1bn", "ann\u202e", " ", "a\u034fnn", "\u3164"])
def test_a_name_that_cannot_be_seen_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        local_actor.current_actor(Settings(actor=name))


def test_white_space_at_the_edges_is_no_part_of_a_name() -> None:
    assert local_actor.current_actor(Settings(actor=" ann ")) == "ann"


def test_a_name_longer_than_the_ledger_keeps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login name is whatever the environment says."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    monkeypatch.setenv("LOGNAME", "a" * 200)
    assert local_actor.current_actor(settings) == "a" * 200
    monkeypatch.setenv("LOGNAME", "a" * 201)
    with pytest.raises(ConfigError, match="200"):
        local_actor.current_actor(settings)


@pytest.mark.parametrize("name", ["person", "Person", " PERSON ", "\uff50erson"])
def test_nobody_at_a_keyboard_is_a_person_who_asks_for_themselves(name: str) -> None:
    """What such a person asks for is not counted: of nobody else it is so."""
    with pytest.raises(ConfigError, match="asks for themselves"):
        local_actor.current_actor(Settings(actor=name))
    assert local_actor.current_actor(Settings(actor=f"{name.strip()} 2")) == f"{name.strip()} 2"
