"""Data map options of a table's links: where in a row a value stands, and how a row belongs to a person by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator
from pydantic.functional_validators import AfterValidator

from expunge_config import phone_numbers
from expunge_config.datamap import Assurance, Model
from expunge_config.decodings import Steps, decoded, of_bytes
from expunge_config.normalisers import Normaliser
from expunge_config.spellings import Reading
from expunge_connectors.keyspace.templates import Template
from expunge_connectors.postgres.row_kinds import Where, compared

Column = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Path = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Field(min_length=1)]


def _region(code: str) -> str:
    if not phone_numbers.supported(code):
        raise ValueError("no region whose phone numbers are known (ISO 3166-1, two capitals)")
    return code


def _one_place(text: str) -> str:
    template = Template.parse(text)
    if len([place for _, place in template.pieces if place is not None]) != 1 or template.namespace is None:
        raise ValueError("a template of a column names one identity, once: user-{user_id}")
    if text == f"{{{template.namespace}}}":
        raise ValueError("a template says what stands beside the identity: leave it out where nothing does")
    return text


Region = Annotated[str, AfterValidator(_region)]
TextTemplate = Annotated[str, AfterValidator(_one_place)]


class Source(Model):
    """Where in a row a value stands: a column, a place inside JSON, or every element of an array.

    Attributes:
        path: Keys from the top of a JSON or JSONB column to texts and numbers; arrays on the way, and at the end, are
            walked.
        each: The column is an array: each of its elements counts.
        region: Where phone numbers without a country code are dialled from there.
        where: Of which kind the row must be: in other rows something else stands there.
        template: The text there is this with the value in it; other texts are none.
        decode: Steps that take the value out of what stands there; of what a row yields alone.
        never_shared: Of an internal identity: no value is ever given to two people, though the column is not unique.
    """

    column: Column
    path: Path | None = None
    each: bool = False
    region: Region | None = None
    where: Where = ()
    template: TextTemplate | None = None
    decode: Steps = ()
    never_shared: Assurance | None = None

    @model_validator(mode="after")
    def _one(self) -> Source:
        if self.each and self.path is not None:
            raise ValueError("give `path` for JSON or `each` for an array, not both")
        if self.template is not None and self.decode:
            raise ValueError("give `template` or `decode`, not both")
        return self

    @property
    def ends(self) -> tuple[str, str] | None:
        """What stands before the value, and behind it, in a text with a template."""
        return ends(self.template)

    @property
    def several(self) -> bool:
        """One row may hold several values, or none."""
        return self.each or self.path is not None

    @property
    def of_bytes(self) -> bool:
        """What stands there are bytes."""
        return any(map(of_bytes, self.decode))

    def read(self, rule: Normaliser, text: str) -> Reading:
        """What a text that stands there says."""
        value = decoded(self.decode, text)
        return Reading(whole=False) if value is None else rule.read(value, self.region)

    @property
    def text(self) -> str:
        """As `found_by` writes it, after the identity: `column: doc, path: [contact, mail]`."""
        path = "" if self.path is None else f", path: [{', '.join(self.path)}]"
        region = "" if self.region is None else f", region: {self.region}"
        kinds = "" if not self.where else f", where: {{{', '.join(kind.written for kind in self.where)}}}"
        template = "" if self.template is None else f", template: '{self.template}'"
        return f"column: {self.column}{path}{', each: true' if self.each else ''}{region}{kinds}{template}"

    def same_place(self, other: Source) -> bool:
        """The two stand at one place of a row, and are read alike."""
        ours = (self.column, self.path, self.each, self.region, self.where, self.template, self.decode)
        theirs = (other.column, other.path, other.each, other.region, other.where, other.template, other.decode)
        return ours == theirs


class Link(Model):
    """How a row belongs to a subject: it holds an identity, or equals columns of a linked row.

    Attributes:
        column / columns: One column, or several that are compared together (of links `of` only).
        identity: The value is a key in this namespace; with `path` or `each`, any of the values there.
        region: Where phone numbers without a country code are dialled from there.
        of: `collection.column` of this store (with `columns`: the collection alone, and `of_columns`): the values stand
            in those columns of a row linked to the subject. Works towards children (calls.caller_id of callers.id),
            towards parents (addresses.id of user_addresses.address_id), and within one collection (comments.parent_id
            of comments.id: the rows below, to any depth).
        where: Of which kind the row must be: the link leads to no other.
        template: The text in the column is this with the identity's value in it.
    """

    column: Column | None = None
    columns: Annotated[tuple[Column, ...], Field(min_length=1)] | None = None
    identity: str | None = None
    path: Path | None = None
    each: bool = False
    region: Region | None = None
    of: str | None = None
    of_columns: Annotated[tuple[Column, ...], Field(min_length=1)] | None = None
    where: Where = ()
    template: TextTemplate | None = None

    @model_validator(mode="after")
    def _one(self) -> Link:
        if (self.column is None) == (self.columns is None):
            raise ValueError("a link names either a `column` or, with `of`, several `columns`")
        if (self.identity is None) == (self.of is None):
            raise ValueError("a link names either an `identity` or, with `of`, columns of a collection of this store")
        if self.columns is not None and self.of is None:
            raise ValueError("an identity stands in one `column`")
        if (self.columns is None) != (self.of_columns is None):
            raise ValueError("`columns` and `of_columns` go together")
        if len(self.columns or ()) != len(self.of_columns or ()):
            raise ValueError("`columns` and `of_columns` differ in number")
        if self.of is not None and (self.each or self.path is not None or self.region or self.template):
            raise ValueError("`path`, `each`, `region` and `template` are for identities")
        if self.template is not None and Template.parse(self.template).namespace != self.identity:
            raise ValueError("the template names another identity than the link")
        if self.each and self.path is not None:
            raise ValueError("give `path` for JSON or `each` for an array, not both")
        return self

    @classmethod
    def by(cls, identity: str, source: Source) -> Link:
        """As if rows were found by what stands there: what they merely tell is compared in the same way."""
        return cls(
            column=source.column,
            identity=identity,
            path=source.path,
            each=source.each,
            region=source.region,
            where=source.where,
            template=source.template,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The columns compared."""
        return self.columns if self.columns is not None else (self.column or "",)

    @property
    def lead(self) -> tuple[str, tuple[str, ...]] | None:
        """(collection, columns) that lead here, for a link inside the store."""
        if self.of is None:
            return None
        if self.of_columns is not None:
            return self.of, self.of_columns
        collection, _, column = self.of.partition(".")
        return collection, (column,)

    @property
    def several(self) -> bool:
        """One row may hold several values, or none."""
        return self.each or self.path is not None

    @property
    def source(self) -> Source:
        """Where in the row the identity stands; of links without `of`."""
        return Source(
            column=self.names[0],
            path=self.path,
            each=self.each,
            region=self.region,
            where=self.where,
            template=self.template,
        )

    @property
    def text(self) -> str:
        """`email is email`, `doc.contacts.mail holds email`, `about_id is users.id where about_type is User`."""
        kinds = " and ".join(kind.text for kind in compared(self.where))
        where = f" where {kinds}" if kinds else ""
        if self.lead is not None:
            collection, columns = self.lead
            return f"{', '.join(self.names)} is {collection}.{', '.join(columns)}{where}"
        place = ".".join((*self.names, *(self.path or ())))
        return f"{place} {'holds' if self.several else 'is'} {self.template or self.identity}{where}"


def ends(template: str | None) -> tuple[str, str] | None:
    """What stands before the one place of a template, and behind it."""
    if template is None:
        return None
    head, _, rest = template.partition("{")
    return head, rest.partition("}")[2]


def sought_namespace(store: str, link: Link) -> str:
    """The namespace of the keys that a link of this store is compared with."""
    return link.identity or "" if link.lead is None else internal_namespace(store, *link.lead)


def internal_namespace(store: str, collection: str, columns: Sequence[str]) -> str:
    """The namespace of keys that a store makes up for itself: the values of these columns of a collection."""
    return f"{store}.{collection}.{'+'.join(columns)}"
