"""Spellings: values that stand in many forms, read by a library and not by SQL (ADR 22).

A database cannot read a phone number or a mailbox as a library does. So a value has *tokens*, which plain SQL makes of
a stored text as well: a text whose tokens meet those of a key may be a spelling of it, and `read` decides. What can be
read but would not be found by its tokens counts as unread, so that nothing is read here that would be missed there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands in one text.

    Attributes:
        values: The normalised values: none, one, or those of a list.
        whole: All of the text was read. White space alone is read, and says nothing.
        alone: What was not read can be no other value: an address or number in it may name somebody else.
    """

    values: frozenset[str] = frozenset()
    whole: bool = True
    alone: bool = True

    def theirs(self, known: Callable[[str], bool]) -> bool:
        """The text names nobody but those whose values these are: of one alone they are, whoever that is."""
        return self.alone and (len(self.values) == 1 or all(map(known, self.values)))


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a text that may list several.

    Attributes:
        value: The value that it is; None: it cannot be read.
        others: What is left of it, beside the value, may be another value.
    """

    value: str | None
    others: bool


@dataclass(frozen=True, slots=True)
class TextsCompared:
    """How a database compares two stored texts that nobody reads, by the tokens of both.

    Attributes:
        plain: SQL with `{column}`: the text without what would tear a value apart.
        unread: What a token of it matches where SQL cannot read all of the value: nobody can say whose it is.
        found_by: SQL with `{token}`: by which tokens a text that says the same is found, as an array.
        equal_to: SQL with `{token}`: of which tokens the plain form of such a text has one, as an array.
    """

    plain: str = "{column}::text"
    unread: str | None = None
    found_by: str = "ARRAY[{token}]"
    equal_to: str = "ARRAY[{token}]"


@dataclass(frozen=True, slots=True)
class Spellings:
    """How the values of one normaliser are found among stored texts.

    Attributes:
        items: A stored text, and the region of its column if one is declared -> the items of the list that it may be.
        tokens: A normalised value -> every spelling of it has one of these tokens.
        text_tokens: A stored text -> its tokens, as the SQL has them.
        may_name: A normalised value, and a stored text that is not read as it -> its own characters stand in the text.
        sql: The tokens of a stored text, as an array: SQL with `{column}`, immutable, so that an index can hold it.
        shape: What each token matches and nothing else that the SQL makes does: a regular expression of Postgres.
        written: A normalised value, and the region of a column if one is declared -> texts that say it there, the value
            among them; None: a text means the same in every region.
        compared: How a stored text is compared with another one.
        within: Also where a text is read, as another value, this one may be meant: `prvs=1=ann@x.example`.
    """

    items: Callable[[str, str | None], Iterable[Item]]
    tokens: Callable[[str], frozenset[str]]
    text_tokens: Callable[[str], frozenset[str]]
    may_name: Callable[[str, str], bool]
    sql: str
    shape: str
    written: Callable[[str, str | None], frozenset[str]] | None = None
    compared: TextsCompared = TextsCompared()
    within: bool = False

    @property
    def regional(self) -> bool:
        """A text means something else in another region."""
        return self.written is not None

    def read(self, text: str, region: str | None = None) -> Reading:
        """What stands in a text, in a column of this region."""
        items = list(self.items(text, region))
        there = self.text_tokens(text)
        found = {item.value for item in items if item.value is not None}
        values = frozenset(value for value in found if not there.isdisjoint(self.tokens(value)))
        alone = not any(item.others for item in items) and found == values
        return Reading(values, alone and all(item.value in values for item in items), alone)
