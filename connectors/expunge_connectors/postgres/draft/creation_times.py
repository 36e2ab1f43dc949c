"""Creation times: by which column it is known when a row was made, by names and types (pure)."""

from __future__ import annotations

from expunge_connectors.postgres.catalog.tables import Table

_CREATED = frozenset(
    """
    created_at created created_on inserted_at date_created creation_date createdat create_date created_date date_joined
    joined_at registered_at registration_date signed_up_at submit_date submitted_at create_time created_time
    creation_time
    """.split()  # noqa: SIM905 - reads as a text
)


def creation_time(table: Table) -> dict[str, object]:
    """`created`, and `undated` where rows may have no time: to be decided."""
    columns = table.columns
    found = next((name for name in columns if name.lower() in _CREATED and columns[name].dated), None)
    open_ = found is None or not columns[found].not_null  # a row without a time would count as newer for ever
    return {**({} if found is None else {"created": found}), **({"undated": None} if open_ else {})}
