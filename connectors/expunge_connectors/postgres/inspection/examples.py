"""Examples of values by type, for trying an expression on paper."""

from __future__ import annotations

FIRST = {
    "smallint": "1",
    "integer": "1",
    "bigint": "1",
    "numeric": "1",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "text": "x",
    "character varying": "x",
    "character": "x",
    "date": "2000-01-01",
    "timestamp without time zone": "2000-01-01",
    "timestamp with time zone": "2000-01-01 00:00:00+00",
}
SECOND = {
    "smallint": "2",
    "integer": "2",
    "bigint": "2",
    "numeric": "2",
    "uuid": "00000000-0000-0000-0000-000000000002",
    "text": "y",
    "character varying": "y",
    "character": "y",
    "date": "2000-01-02",
    "timestamp without time zone": "2000-01-02",
    "timestamp with time zone": "2000-01-02 00:00:00+00",
}
