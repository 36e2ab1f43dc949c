"""The column that says whose the records are: a member is found in the one spelling that the column's type has."""

from __future__ import annotations

import pytest
from tests.integration.postgres.company import CUTOFF, actions, due, execute, opened, resolved, subject
from tests.integration.postgres.inspecting import codes, findings
from tests.integration.postgres.shapes import left, shape

from expunge_connectors.contract import Scope, Severity, no_beat
from expunge_connectors.errors import TerminalError

MAP = shape(
    "callers: {table: public.callers, owner: {controller: client, column: client}, person: user_id,"
    " ties: [{column: id, identity: user_id}], yields: {user_id: id}}"
)
MADE = "CREATE TYPE colour AS ENUM ('red'); CREATE DOMAIN account AS int; CREATE EXTENSION citext;"
UUID = "aaaaaaaa-0000-0000-0000-000000000001"
OTHERWISE = [
    ("int", "42", ["042", "+42", "42.0", " 42", "4_2", "٤٢", "x", "9" * 5_000]),
    ("bigint", "-42", ["\N{MINUS SIGN}42", "-042", "-0"]),
    ("account", "42", ["042"]),
    ("numeric(10,0)", "42", ["42.0", "4.2e1", "-0"]),
    ("uuid", UUID, [UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", "a"]),
    ("colour", "red", ["Red", "blue"]),
    ("text", "042", []),
    ("char(6)", "42", []),
    ("boolean", "true", []),
]


def table(database, kind, value):
    """A row of the member's, and the same for a stranger."""
    execute(
        database,
        f"{MADE} CREATE TABLE callers (id int PRIMARY KEY, client {kind} NOT NULL);"
        f"INSERT INTO callers VALUES (1, '{value}'), (2, '{value}')",
    )


@pytest.mark.parametrize(("kind", "spelling", "others"), OTHERWISE, ids=[one[0] for one in OTHERWISE])
def test_a_member_in_another_spelling_is_refused(database, kind, spelling, others):
    table(database, kind, spelling)
    assert codes(findings(database, MAP), Severity.ERROR) == set()
    ada = subject(1, user_id="1")
    with opened(database, MAP) as store:
        for other in others:
            scope = Scope("client", other)
            for ask in (
                lambda scope=scope: store.resolve([ada], scope, CUTOFF),
                lambda scope=scope: store.count([ada], scope, CUTOFF),
                lambda scope=scope: store.verify([ada], scope, CUTOFF),
                lambda scope=scope: store.erase([ada], actions(MAP, "client"), scope, CUTOFF, no_beat),
            ):
                with pytest.raises(TerminalError, match=r"collection callers: .* in client are ") as refused:
                    ask()
                assert len(other) < 4 or other not in str(refused.value)
        scope = Scope("client", spelling)
        [ada] = resolved(store, [ada], scope)
        assert due(store.count([ada], scope, CUTOFF)) == due(store.verify([ada], scope, CUTOFF)) == {"callers": 1}
        assert left(database, "callers") == [1, 2]
        assert store.erase([ada], actions(MAP, "client"), scope, CUTOFF, no_beat) == 1
        assert due(store.verify([ada], scope, CUTOFF)) == {}


@pytest.mark.parametrize("kind", ["numeric(10,2)", "numeric", "float8", "citext", "timestamptz", "varchar[]", "jsonb"])
def test_a_type_with_several_spellings_of_a_member_is_refused(database, kind):
    value = {"timestamptz": "2026-01-01", "varchar[]": "{}"}.get(kind, "42")
    table(database, kind, value)
    assert codes(findings(database, MAP), Severity.ERROR) == {("owner-type", "callers")}
