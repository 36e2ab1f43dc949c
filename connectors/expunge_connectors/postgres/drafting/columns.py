"""Likely personal columns, by name and type and by what a sample looks like. Guesses, said as such."""

from __future__ import annotations

import re
from enum import StrEnum

from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import sampling
from expunge_connectors.postgres.inspection.sampling import SampledColumn, SampledTable
from expunge_connectors.shapes import EMAIL, PHONE

_MOSTLY = 0.5


class Kind(StrEnum):
    """What a column seems to hold."""

    EMAIL = "e-mail address"
    PHONE = "phone number"
    IP = "IP address"
    NAME = "name"
    ADDRESS = "postal address"
    PART_OF_ADDRESS = "part of a postal address"
    BIRTH = "birth"
    NUMBER = "number of a document or account"
    SECRET = "token or password"  # noqa: S105 - a word for a finding
    CONTENT = "content"
    OBJECT = "name of an object"
    AGENT = "browser"


# In this order: the first that fits, anywhere in the name in snake case.
_WORDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.EMAIL, (r"^e_?mail", r"_e_?mail$", r"^mail(_addr|_address)?$", r"_mail$")),
    (Kind.IP, (r"(^|_)ip(_?addr|_?address|_?v[46])?$", r"remote_addr", r"client_ip")),
    (Kind.PHONE, (r"(^|_)(tele)?phone(_?no|_?nr|_?number)?$", r"(^|_)(mobile|cell|fax|msisdn|tel)$", r"_number$")),
    (Kind.OBJECT, (r"(^|_)(object|s3|blob|storage|file|bucket)_?(key|path|name)$",)),
    (Kind.SECRET, (r"token", r"secret", r"passw", r"(^|_)(pw|salt)$", r"api_?key", r"session_?(id|key)", r"_hash$")),
    (Kind.BIRTH, (r"birth", r"(^|_)dob$", r"(^|_)born(_|$)")),
    (Kind.NUMBER, (r"(^|_)(ssn|iban|passport|national_?id|pan)$", r"(^|_)(tax|vat|card)_?(id|no|number)$")),
    (Kind.ADDRESS, (r"^address$", r"(^|_)(postal|street|home|mailing|billing|shipping|delivery)_?address$")),
    (Kind.PART_OF_ADDRESS, (r"(^|_)(street|city|town|post_?code|zip(_?code)?)$", r"house_?(no|nu)", r"address_line")),
    (Kind.AGENT, (r"browser", r"user_?agent", r"referr?er", r"(^|_)url$")),
    (Kind.NAME, (r"^name$", r"(^|_)(full|first|last|given|family|sur|fore|middle|maiden)_?name$",
                 r"(^|_)(nick|display|billing|user|real|contact)_?name$")),
    (Kind.CONTENT, (r"(^|_)(body|messages?|notes?|comments?|text|answer|subject|content|description|bio|about)$",
                    r"(^|_)(transcript|words|reply|review|feedback|preferences|metadata|payload|data|details)$",
                    r"(^|_)(profile|title|label)$")),
)  # fmt: skip
_BY_NAME = tuple((kind, re.compile("|".join(words))) for kind, words in _WORDS)
_NOT_A_PHONE = re.compile(r"(order|invoice|serial|account|version|card|tax|vat|id|line|page|house|room|part)_number$")
_TEXTS = frozenset({"text", "character varying", "character", "citext"})
_PERSONAL = frozenset(Kind) - {Kind.OBJECT, Kind.CONTENT, Kind.AGENT, Kind.SECRET}

Kinds = dict[str, Kind]
"""column -> what it seems to hold"""


def named(column: SampledColumn) -> Kind | None:
    """What the name and the type of a column say."""
    if column.base.removesuffix("[]") in {"inet", "cidr"}:
        return Kind.IP
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    found = next((kind for kind, pattern in _BY_NAME if pattern.search(snake)), None)
    if found is Kind.PHONE and _NOT_A_PHONE.search(snake):
        found = next((kind for kind, pattern in _BY_NAME if kind is not found and pattern.search(snake)), None)
    if found is Kind.BIRTH and column.base in {"date", "timestamp without time zone", "timestamp with time zone"}:
        return found
    return found if column.textual or (found is Kind.SECRET and column.base == "bytea") else None


def kinds(connection: Connection, table: SampledTable, rows: int) -> Kinds:
    """What the columns of a table seem to hold: an e-mail address or phone number in most rows decides over a name."""
    found = {column.name: kind for column in table.columns if (kind := named(column)) is not None}
    texts = [column for column in table.columns if column.base in _TEXTS and column.readable and not column.foreign]
    if not texts:
        return found
    conditions = {}
    for column in texts:
        conditions[f"{column.name}:"] = sampling.filled(column)
        conditions[f"{column.name}:email"] = sampling.matches(sampling.value(column), f"^{EMAIL}$")
        conditions[f"{column.name}:phone"] = sampling.matches(sampling.value(column), f"^ *{PHONE} *$")
    answer = sampling.counted(connection, table, rows, conditions)
    if answer is None:
        return found
    for column in texts:
        filled = answer[1][f"{column.name}:"]
        for shape, kind in (("email", Kind.EMAIL), ("phone", Kind.PHONE)):
            if filled and answer[1][f"{column.name}:{shape}"] >= filled * _MOSTLY:
                found[column.name] = kind
    return found


def personal(found: Kinds) -> Kinds:
    """Those that say something about a person by themselves; a bare `name` may be anybody's or anything's."""
    return {column: kind for column, kind in found.items() if kind in _PERSONAL and column != "name"}


def told(found: Kinds) -> str:
    """`email (e-mail address); birth_date (birth)`."""
    return "; ".join(f"{column} ({kind})" for column, kind in found.items())
