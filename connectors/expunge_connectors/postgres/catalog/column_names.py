"""Column names: what the name and the type of a column say about what it holds. Pure; guesses, never decisions."""

from __future__ import annotations

import re
from enum import StrEnum

from expunge_connectors.postgres.catalog.tables import DATES

_TEXTUAL = frozenset({"text", "character varying", "character", "name", "citext", "json", "jsonb", "xml", "hstore"})


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
    (Kind.NUMBER, (r"(^|_)(ssn|iban|passport|national_?id|pan)$", r"(^|_)(tax|vat|card)_?(id|no|number)$",
                   r"(^|_)(acc|account|bank)_?(no|nr|number)$")),
    (Kind.ADDRESS, (r"^address$", r"(^|_)(postal|street|home|mailing|bill(ing)?|ship(ping)?|delivery)_?address$")),
    (Kind.PART_OF_ADDRESS, (r"(^|_)(street|city|town|post(al)?_?code|zip(_?code)?)$", r"house_?(no|nu)",
                            r"address_line")),
    (Kind.AGENT, (r"browser", r"user_?agent", r"referr?er", r"(^|_)url$")),
    (Kind.NAME, (r"^name$", r"(^|_)(full|first|last|given|family|sur|fore|middle|maiden)_?name$",
                 r"(^|_)(nick|display|complete|bill(ing)?|ship(ping)?|user|real|contact|holder)_?name$")),
    (Kind.CONTENT, (r"(^|_)(body|messages?|notes?|comments?|text|answer|subject|content|description|bio|about)$",
                    r"(^|_)(transcript|words|reply|review|feedback|preferences|metadata|payload|data|details)$",
                    r"(^|_)(profile|title|label)$")),
)  # fmt: skip
_BY_NAME = tuple((kind, re.compile("|".join(words))) for kind, words in _WORDS)
_NOT_A_PHONE = re.compile(
    r"(order|invoice|serial|acc|account|bank|version|card|tax|vat|id|line|page|house|room|part)_number$"
)


def snaked(name: str) -> str:
    """`AuditLog` -> `audit_log`, `Full Name` -> `full_name`."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()


def table_names(name: str) -> set[str]:
    """How a table of these may be called: of sales_orders also sales_order, of category also categories."""
    snake = snaked(name)
    one = f"{snake[:-3]}y" if snake.endswith("ies") else snake.removesuffix("s")
    many = f"{one[:-1]}ies" if one.endswith("y") else f"{one}s"
    return {snake, one, many}


def textual(base: str) -> bool:
    """Text, or something with text inside, or an array of it; a type of an extension may be told with its schema."""
    return base.removesuffix("[]").rpartition(".")[2] in _TEXTUAL


def named(name: str, base: str) -> Kind | None:
    """What the name of a column, and its type without length, say."""
    if base.removesuffix("[]") in {"inet", "cidr"}:
        return Kind.IP
    snake = snaked(name)
    found = next((kind for kind, pattern in _BY_NAME if pattern.search(snake)), None)
    if found is Kind.PHONE and _NOT_A_PHONE.search(snake):
        found = next((kind for kind, pattern in _BY_NAME if kind is not found and pattern.search(snake)), None)
    if found is Kind.BIRTH and base in DATES:
        return found
    return found if textual(base) or (found is Kind.SECRET and base == "bytea") else None
