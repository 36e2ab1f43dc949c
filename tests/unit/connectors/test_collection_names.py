"""What a draft calls a collection is a name that the map allows, whatever the table is called."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from expunge_config.datamap import Name
from expunge_connectors.draft import collection_name
from expunge_connectors.postgres.spec import PostgresSpec


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("users", "users"),
        ("Order Lines", "order_lines"),
        ("größe", "grosse"),
        ("AuditLog", "audit_log"),
        ("crm.users", "crm_users"),
        ("_prisma_migrations", "prisma_migrations"),
        ("2fa_codes", "t_2fa_codes"),
        ("клиенты", "t"),
        ("x" * 80, "x" * 63),
    ],
)
def test_it_is_made_of_letters_that_the_map_allows(table: str, name: str) -> None:
    assert collection_name(table) == name
    TypeAdapter(Name).validate_python(name)


@pytest.mark.parametrize("name", ["größe", "crm.users", "Users", "a b", "", "1st"])
def test_a_map_with_another_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PostgresSpec.model_validate({"connector": "postgres", "collections": {name: {"table": "public.users"}}})
    assert ("collections", name, "[key]") in [one["loc"] for one in refused.value.errors()]
