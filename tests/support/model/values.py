"""Made-up values: keys that look alike, addresses spelt differently, texts that break careless SQL."""

from __future__ import annotations

from datetime import date, timedelta

from tests.support.model.world import CUTOFF, Cell

NUMBERS = (1, 10, 11, 12, 19, 2, 100, 20, 13, 3, 110, 21, 4, 14, 101, 5, 1000, 6, 7, 8)
TEXTS = (
    "ann",
    "ann%",
    "an_",
    "Ann2",
    "user:1",
    "user:10",
    "o'hara",
    'say "x"',
    "back\\slash",
    "née",
    "*",
    "line\nbreak",
    "tab\there",
    "%s",
    "{0}",
    "[1]",
    "$1",
    "null",
    "a,b",
    " spaced ",
)
ENUM = "public.model_kind"
DOMAIN = "public.model_domain"
CITEXT = "public.citext"

_POOLS = {
    "integer": tuple(str(one) for one in NUMBERS),
    "smallint": tuple(str(one) for one in NUMBERS),
    "bigint": ("1", "10", "9007199254740993", *(str(one) for one in NUMBERS[2:])),
    "uuid": tuple(f"00000000-0000-0000-0000-{one:012d}" for one in NUMBERS),
    "text": TEXTS,
    "character varying(40)": TEXTS,
    CITEXT: tuple(one.capitalize() for one in TEXTS),
    ENUM: TEXTS,
    DOMAIN: TEXTS,
    "numeric": ("1", "1.5", "15", "-1.5", "0.1", *(f"{one}.01" for one in NUMBERS)),
    "date": tuple(f"2026-01-{one:02d}" for one in range(1, 21)),
    "time without time zone": tuple(f"10:{one:02d}:00" for one in range(20)),
    "timestamp with time zone": tuple(f"2026-01-01 00:00:0{one}.5+00" for one in range(10)),
    "timestamp without time zone": tuple(f"2026-03-29 0{one % 4}:{one:02d}:00" for one in range(20)),
    "bytea": tuple(f"\\x{one}" for one in ("00", "5c", "5c5c", "27", "61", "6162", *(f"{n:04x}" for n in range(14)))),
    "inet": tuple(f"10.0.0.{one}{size}" for one in range(1, 11) for size in ("", "/8")),
    "cidr": tuple(f"10.{one}.0.0/16" for one in range(20)),
    "macaddr": tuple(f"08:00:2b:01:02:{one:02x}" for one in range(20)),
    "money": tuple(f"${one}.0{one % 2}" for one in range(20)),
    "oid": tuple(str(one) for one in NUMBERS),
    "bit(8)": tuple(f"{one:08b}" for one in range(20)),
    "bit varying(8)": tuple("0" * one for one in range(1, 9)) + tuple(f"1{one:03b}" for one in range(8)),
    "character(40)": tuple(one.strip() or one for one in TEXTS),
    "name": TEXTS,
    "pg_lsn": tuple(f"{one}/{one:X}" for one in range(1, 10)) + tuple(f"0/{one:X}" for one in range(11)),
}
BY_TEXT = tuple(list(_POOLS)[-16:])
"""Types that are compared with themselves alone."""
UNHASHED = frozenset({"money", "bit(8)", "bit varying(8)"})
"""Types by whose hash no table is parted."""
NOTES = ("note", "it's", 'a "b"', "100%s", "c:\\d", "e\nf", "größe", "*", "1", "'; DROP TABLE x; --", "{}", "ann")
NO_ADDRESSES = ("unknown", "", "a@b", "%@mail.example", "p1@mail.example, p2@mail.example", "n/a")
TENANTS = ("1", "10")
WITHIN = ("1", "10", "11", "2")
MONTHS = ("2025-12-01", "2026-01-31", "2026-02-01", "2026-07-01")
MEMBERS = ("1", "10", "11", "2")


def kinds(type_: str) -> tuple[str, ...]:
    """Of which kind a row is, in a column of this type: some differ in little."""
    if type_ == "integer":
        return ("4", "5", "44", "-4")
    if type_ == "boolean":
        return ("true", "false")
    if type_ == "uuid":
        return tuple(f"00000000-0000-0000-0000-00000000000{one}" for one in range(4))
    return ("User", "user", "App::User", "User ")


def pool(kind: str) -> tuple[str, ...]:
    """Twenty different values of a type, as text."""
    return _POOLS[kind]


AROUND = (
    ("user-", ""),
    ("u.", ""),
    ("gid://app/User/", ""),
    ("", "@firm"),
    ("100%_", "!"),
    ("\\'s ", " end"),
    ("user", "0"),
)
"""What stands before a key, and behind it."""


def filled(around: tuple[str, str], key: str, way: int) -> str:
    """A text with a key in it: as the template has it, or nearly so."""
    before, behind = around
    ways = {1: key.upper(), 2: f"0{key}", 3: f" {key}", 4: f"{key} ", 5: f"{key}{behind}"}
    right = f"{before}{ways.get(way, key)}{behind}"
    return {6: key, 7: f"post-{key}", 8: f"{right}\n", 9: f"{before}{behind}", 10: f"x{right}"}.get(way, right)


def respelt(kind: str, value: str, way: int) -> str:
    """An equal value, as its type compares it, spelt in one of two ways."""
    if kind == CITEXT:
        return value.upper() if way else value
    if kind == "numeric" and way:
        return f"{value}0" if "." in value else f"{value}.00"
    return value


def as_written(kind: str, when: str) -> str:
    """A time as the text that a column of this type holds."""
    return when[:10] if kind == "date" else when.removesuffix("+00") if "out" in kind else when


def held(fills: str, kind: str) -> tuple[str, ...]:
    """Values of which some stand in a key's column: where a partition may end."""
    return {"tenant": TENANTS, "within": WITHIN, "month": MONTHS}.get(fills) or pool(kind)


COUNTS = frozenset({"integer", "bigint", "smallint"})


def normaliser(kind: str) -> str:
    """The spelling rule for an identity of this type."""
    return "integer/2" if kind in COUNTS else "uuid/1" if kind == "uuid" else "exact/1"


_ADDRESSES = (
    "p1@mail.example",
    "p1@mail.example.org",
    "o'p1@mail.example",
    "p_@mail.example",
    "p%@mail.example",
    "p1+tag@mail.example",
    "p*@mail.example",
    "pé@mail.example",
)


def address(human: int) -> str:
    """An e-mail address; they begin, end and match like each other."""
    return _ADDRESSES[human]


def spellings(email: str) -> tuple[str, ...]:
    """The same address as people write it; the last few are read by a library, or by nobody."""
    plain = (email, email.upper(), f"  {email}\n", email.capitalize(), f"\u00a0{email}\t")
    return *plain, *plain, f"Ann Lee <{email}>", f'"Lee, Ann" <{email.upper()}>', f"mailto:{email}", f" <{email}> "


def telephone(human: int) -> str:
    """A phone number; every one begins like the next."""
    return "+4930100000123456"[: 9 + human]


def dialled(number: str) -> tuple[str, ...]:
    """The same number as people write it."""
    return number, f"{number[:3]} ({number[3:5]}) {number[5:]}", f"{number[:6]}-{number[6:]} "


def house(number: int) -> str:
    """A postal address."""
    return f"{number} Long Road, Xtown"


CREATED = (
    "2025-01-01 00:00:00+00",
    "2026-06-30 12:34:55.999999+00",
    "2026-06-30 12:34:56+00",
    "2026-07-01 08:00:00+00",
    "2024-12-31 23:59:59.999999+00",
    "2025-01-01 00:00:00.000001+00",
)
"""Before the cutoff, a moment before, at it, after it; a moment before the first, and after it."""


def starts(period: str) -> tuple[str, ...]:
    """Days on which such a period ends around the cutoff, and far from it."""
    length = {"P10Y": 3652, "P1Y6M": 546, "P4M": 122, "P30D": 30}[period]
    about = CUTOFF.date() - timedelta(days=length)
    near = (about + timedelta(days=shift) for shift in range(-3, 4))
    return "2001-02-28", "2026-05-31", *(one.isoformat() for one in near), date(2024, 2, 29).isoformat()


PATHS = (("contact", "email"), ("e-mail",), ("0", "it's %s"), ("a.b", "c d", "é"))
"""Where an identity stands in a JSON column; a name that is a number is no place in an array."""


LISTS = (("guests", "id"), ("guests",), ("room", "guests", "id"))
"""Where keys stand in lists of a JSON column."""


def listed(path: tuple[str, ...], leaves: list[Cell], shape: int) -> Cell:
    """JSON data with several people: elements of a list, lists in elements, or somebody alone."""
    *above, last = path
    if shape == 0 and leaves:
        data: Cell = {last: leaves[0], "name": "kept"}
    elif not above or shape == 1:
        data = {last: [leaves[:1], *leaves[1:]] if shape == 2 else leaves, "name": "kept"}
    else:
        data = [{last: one if shape == 3 else [one, *leaves[:1]], "name": f"n{at}"} for at, one in enumerate(leaves)]
    for name in reversed(above):
        data = {name: data, "kept": [1, {"x": None}]}
    return data


def nested(path: tuple[str, ...], leaf: Cell, shape: int) -> Cell:
    """JSON data with something at a path, through arrays in some shapes, beside what must stay."""
    data: Cell = [leaf, None] if shape == 1 else leaf
    for depth, name in enumerate(reversed(path)):
        data = {name: data, "no": depth}
        if shape == 2 + depth:
            data = [data, "kept", {name: None}]
    if isinstance(data, dict):
        data["kept"] = {"no": 7, "yes": [1.5, True, None, "%s"]}
    return data
