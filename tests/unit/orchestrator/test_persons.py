"""Persons behind actors: who is behind the same, however long the chain of keys, in steps that grow with the keys."""

from __future__ import annotations

from collections import UserDict

from expunge_orchestrator.auth.persons import behind_the_same, persons_of
from expunge_orchestrator.ledger.key_chains import Issued


class CountedKeys(UserDict[str, list[Issued]]):
    """Keys that count how often one is looked up."""

    looked_up = 0

    def __getitem__(self, holder: str) -> list[Issued]:
        self.looked_up += 1
        return super().__getitem__(holder)


def issued(by: str, subject: str | None = None, *, confirmed: bool = False) -> Issued:
    return Issued(by, subject, confirmed)


def test_the_same_are_found_by_issuer_subject_and_chain() -> None:
    keys = {
        "ak_1": [issued("Ann")],
        "ak_2": [issued("ak_1", "Bob")],
        "ak_3": [issued("ak_1", "Bob", confirmed=True)],
        "ak_4": [issued("carol")],
        "ak_5": [issued("carol"), issued("ak_5"), issued("ak_6")],
        "ak_6": [issued("ak_5")],
    }
    anns = {"ann", "ak_1", "ak_2"}
    assert behind_the_same("ann", keys) == anns
    assert behind_the_same("ak_1", keys) == anns
    assert behind_the_same("ak_2", keys) == anns | {"bob", "ak_3"}
    assert behind_the_same("bob", keys) == {"bob", "ak_2", "ak_3"}
    assert behind_the_same("ak_3", keys) == {"bob", "ak_2", "ak_3"}
    assert behind_the_same("ak_6", keys) == {"carol", "ak_4", "ak_5", "ak_6"}
    assert behind_the_same("dora", keys) == {"dora"}


def test_by_definition_they_share_a_person() -> None:
    """Of all holders of a small graph with cycles, chains and subjects."""
    keys = {
        f"ak_{number}": [
            issued(f"ak_{(number * 7 + 3) % 40}" if number % 5 else f"us_{number % 4}", None if number % 3 else "us_9"),
            issued(f"ak_{(number * 11) % 37}", f"us_{number % 6}", confirmed=bool(number % 2)),
        ]
        for number in range(40)
    }
    for actor in [*keys, "us_0", "us_9", "nobody"]:
        mine = persons_of(actor, keys)
        holders = {one for one in keys if not mine.isdisjoint(persons_of(one, keys))}
        assert behind_the_same(actor, keys) == {actor, *mine, *holders}


def test_a_chain_is_walked_once() -> None:
    """A client's administrator who has each key issued by the one before makes nobody's plan slow."""
    number = 400
    keys = CountedKeys({f"ak_{one}": [issued(f"ak_{one - 1}" if one else "ann")] for one in range(number)})
    assert len(behind_the_same("ann", keys)) == number + 1
    assert len(behind_the_same("ak_399", keys)) == number + 1
    assert keys.looked_up <= 10 * number
