from __future__ import annotations

import os

import pytest

from expunge_connectors.contract import SubjectKey
from expunge_orchestrator.errors import KeysError
from expunge_orchestrator.ledger.identifier_encryption import ItemCipher, Sealed
from expunge_orchestrator.ledger.suppression_list import Tagger

KEYS = frozenset({SubjectKey("email", "ann@mail.example"), SubjectKey("user_id", "7")})


def test_what_was_sealed_opens_again_and_shows_nothing() -> None:
    seal = ItemCipher(os.urandom(32))
    wrapped = seal.new_key()
    sealed = seal.close(wrapped, Sealed.KEYS, "er_1", KEYS)
    assert seal.open(wrapped, Sealed.KEYS, "er_1", sealed) == KEYS
    assert b"ann" not in sealed


def test_a_sealed_value_moved_to_another_series_does_not_open() -> None:
    seal = ItemCipher(os.urandom(32))
    wrapped = seal.new_key()
    with pytest.raises(KeysError):
        seal.open(wrapped, Sealed.KEYS, "er_2", seal.close(wrapped, Sealed.KEYS, "er_1", KEYS))


@pytest.mark.parametrize("what", sorted(set(Sealed) - {Sealed.KEYS}))
def test_a_sealed_value_does_not_open_as_something_else(what: Sealed) -> None:
    seal = ItemCipher(os.urandom(32))
    wrapped = seal.new_key()
    with pytest.raises(KeysError):
        seal.open(wrapped, what, "er_1", seal.close(wrapped, Sealed.KEYS, "er_1", KEYS))


def test_another_wrapping_key_opens_nothing() -> None:
    wrapped = ItemCipher(os.urandom(32)).new_key()
    with pytest.raises(KeysError):
        ItemCipher(os.urandom(32)).open(wrapped, Sealed.KEYS, "er_1", b"\x00" * 40)


def test_tags_differ_by_namespace_value_and_key() -> None:
    tagger = Tagger(b"k" * 32)
    tags = {
        tagger.tag(SubjectKey("email", "a")),
        tagger.tag(SubjectKey("phone", "a")),
        tagger.tag(SubjectKey("email", "b")),
        Tagger(b"l" * 32).tag(SubjectKey("email", "a")),
    }
    assert len(tags) == 4
    assert tagger.tag(SubjectKey("email", "a")) in tags


def test_a_key_hides_its_value_in_repr() -> None:
    assert "ann" not in repr(SubjectKey("email", "ann@mail.example"))
