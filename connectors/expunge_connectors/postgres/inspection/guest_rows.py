"""Guest rows: rows that no key says whose they are, and that are found by a key which another store tells.

An order without an account is its buyer's by the e-mail in it. By its number, which an index in Redis names for Ann, it
would go with her, though the address is that of Cleo's account: an index says what a key leads to, and not whose it is.
Within one database the rows that tell the key are compared (`led_people`); another store's are not, so such rows are
looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from expunge_config.datamap import IdentityKind
from expunge_connectors.contract import Finding
from expunge_connectors.postgres.claims import claiming
from expunge_connectors.postgres.connection import Connection
from expunge_connectors.postgres.inspection import led_people, rows_concerned, several_people, told_people
from expunge_connectors.postgres.inspection.context import InspectionContext
from expunge_connectors.postgres.inspection.rows_concerned import Concerned
from expunge_connectors.postgres.spec import PostgresSpec
from expunge_connectors.postgres.sql.fragments import and_, column
from expunge_connectors.postgres.table_spec import Link, TableSpec


def findings(connection: Connection, inspection: InspectionContext) -> Iterator[Finding]:
    """Rows that would go with whom another store names, and say by a value alone that they are an account holder's."""
    for name, spec, _ in inspection.live_data():
        if spec.person is not None or spec.by_elements or spec.sharing is not None or spec.goes_with_any is not None:
            continue
        things = [link for link in _plain(inspection, spec, IdentityKind.INTERNAL) if _told_elsewhere(inspection, link)]
        for link in things:
            answers = {
                value.names[0]: _guests(connection, inspection, spec, link, value)
                for value in _plain(inspection, spec, IdentityKind.REUSABLE)
                if _claimed_in(inspection, value.identity or "")
            }
            if places := sorted(place for place, answer in answers.items() if answer):
                yield inspection.error_of_rows(
                    "several-people",
                    name,
                    f"Rows of {spec.table} name nobody by a key and say by {', '.join(places)} whose they are: an"
                    f" account may hold that value. They are found by {link.names[0]} ({link.identity}) as well, which"
                    " another store tells: with whomever it names they go.",
                    "Leave this link out: such rows are found by the value. Or say `goes_with_any: {reason: ...,"
                    " approved_by: ...}`.",
                    rows_concerned.together(answers.values(), rows_concerned.everybody(inspection, spec)) or (),
                )
            elif any(answer is None for answer in answers.values()):
                what = f"Whether rows of {spec.table} that name nobody by a key are found by {link.names[0]}"
                yield several_people.unknown(inspection, name, what)


def _plain(inspection: InspectionContext, spec: TableSpec, kind: IdentityKind) -> Iterator[Link]:
    """The links of a collection by identities of a kind, each by one value of a column."""
    live = inspection.catalogue.tables[spec.table].columns
    for link in spec.found_by:
        identity = inspection.data_map.identities.get(link.identity or "")
        if identity is None or identity.kind is not kind or identity.shareable:
            continue
        if not link.several and link.names[0] in live:
            yield link


def _told_elsewhere(inspection: InspectionContext, link: Link) -> bool:
    """Another store may tell such keys."""
    for name, store in inspection.data_map.stores.items():
        flows = {} if name == inspection.store else store.key_flow(name, inspection.data_map)
        if flows is None or any(link.identity in one.outgoing | one.lost for one in flows.values()):
            return True
    return False


def _claimed_in(inspection: InspectionContext, identity: str) -> set[str]:
    """The stores in which rows that are persons hold such values."""
    return {
        name
        for name, store in inspection.data_map.stores.items()
        if isinstance(store, PostgresSpec)
        for table in store.collections.values()
        if claiming(table) is not None and identity in table.yields
    }


def _guests(
    connection: Connection, inspection: InspectionContext, spec: TableSpec, link: Link, value: Link
) -> Concerned | None:
    """Whose rows hold both, and name nobody by a key. Where persons hold such values in this store alone, one does.

    None: the server would not say.
    """
    own = [one.value for one in led_people.own(inspection, spec, "t").values() if not one.joins]
    row = and_(
        *(sql.SQL("{} IS NOT NULL").format(column("t", one.names[0])) for one in (link, value)),
        *(sql.SQL("{} IS NULL").format(one) for one in own),
        _held(inspection, spec, value),
    )
    return rows_concerned.rows_of(connection, inspection, spec, row)


def _held(inspection: InspectionContext, spec: TableSpec, value: Link) -> sql.Composable:
    """A person's row holds the value of the row `t`; true where that cannot be asked here."""
    if _claimed_in(inspection, value.identity or "") != {inspection.store}:
        return sql.SQL("true")
    statement = sql.SQL("EXISTS (SELECT FROM {} AS p WHERE {} AND {})")
    known = [held for name, held in told_people.found_by_values(inspection, spec) if name == value.names[0]]
    held = [
        statement.format(
            one.table.identifier,
            one.hold(told_people.value(value.names[0], one.kind, "t"), "p"),
            rows_concerned.of_one_member(inspection, spec, "t", one.spec, "p"),
        )
        for one in known
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(held)) if held else sql.SQL("true")
