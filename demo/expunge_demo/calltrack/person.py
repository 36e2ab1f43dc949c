"""Invented people: name, e-mail, phone and postal address, computed from a number."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from expunge_demo.calltrack.vocabulary import CITIES, DOMAINS, GIVEN, STREETS, SURNAMES

# Multiplying by a number without common factors with the modulus visits every value once: unique, but not in a row.
_STEP = 7_368_787
_PHONES = 10**9
_DIGITS = "abcdefghjkmnpqrstuvwxyz23456789"
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


class Identity(NamedTuple):
    """One human being. Names repeat after some 13,000 people; e-mail and phone do not."""

    name: str
    email: str
    phone: str
    street: str
    postcode: str
    city: str

    @property
    def postal(self) -> str:
        """The postal address in one line."""
        return f"{self.street}, {self.postcode} {self.city}"


def identity(seed: int, number: int) -> Identity:
    """The human being with this number (0 or more) in the world of `seed`."""
    shuffled = number * _STEP + seed * 104_729
    pairs = len(GIVEN) * len(SURNAMES)
    surname, given = divmod(shuffled % pairs, len(GIVEN))
    name = (GIVEN[given], SURNAMES[surname])
    local = ".".join(_ascii(part) for part in name) + _letters(number)
    street, postcode, city = place(shuffled)
    return Identity(
        name=" ".join(name),
        email=f"{local}@{DOMAINS[shuffled % len(DOMAINS)]}",
        phone=f"+4910{shuffled % _PHONES:09d}",
        street=street,
        postcode=postcode,
        city=city,
    )


def place(number: int) -> tuple[str, str, str]:
    """Street with house number, postcode and city; unique for some millions of numbers."""
    rest, street = divmod(number, len(STREETS))
    rest, house = divmod(rest, 190)
    rest, city = divmod(rest, len(CITIES))
    return f"{STREETS[street]} {house + 1}", f"{10_000 + rest % 90_000:05d}", CITIES[city]


def _ascii(word: str) -> str:
    folded = unicodedata.normalize("NFKD", word.translate(_FOLDED))
    return folded.encode("ascii", "ignore").decode().lower()


def _letters(number: int) -> str:
    """A short suffix that begins with a letter: an id never stands in an address as a word of its own."""
    text = ""
    while True:
        number, digit = divmod(number, len(_DIGITS))
        text += _DIGITS[digit]
        if not number:
            return f"x{text}"
