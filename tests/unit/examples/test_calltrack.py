from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from expunge_config.datamap import load
from expunge_connectors.registry import installed
from expunge_demo.calltrack import Company, redis_entries
from expunge_demo.calltrack.rows import TABLES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
REFERENCES = {
    ("users", "client_id"): "clients",
    ("user_profiles", "user_id"): "users",
    ("api_tokens", "user_id"): "users",
    ("user_addresses", "user_id"): "users",
    ("user_addresses", "address_id"): "addresses",
    ("messages", "user_id"): "users",
    ("messages", "reply_to"): "messages",
    ("invoices", "user_id"): "users",
    ("invoice_lines", "invoice_id"): "invoices",
    ("access_log", "user_id"): "users",
    ("callers", "client_id"): "clients",
    ("calls", "caller_id"): "callers",
    ("calls", "client_id"): "clients",
    ("call_notes", "call_id"): "calls",
    ("recordings", "call_id"): "calls",
    ("transcripts", "recording_id"): "recordings",
    ("leads", "caller_id"): "callers",
    ("leads", "client_id"): "clients",
    ("lead_answers", "lead_id"): "leads",
}


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=7, people=10_000, now=NOW)


@pytest.fixture(scope="module")
def rows(company: Company) -> dict[str, list]:
    found = defaultdict(list)
    for chunk in company.row_chunks():
        for table, some in chunk.items():
            found[table] += some
    return found


def test_the_same_arguments_give_the_same_bytes_and_another_seed_gives_other_people():
    def everything(seed: int) -> list:
        one = Company(seed, 300, NOW)
        return [list(one.row_chunks()), list(one.entries()), list(one.objects())]

    assert everything(1) == everything(1)
    assert everything(1) != everything(2)


def test_a_person_computed_alone_is_the_person_of_the_stream(company: Company):
    assert next(holder for holder in company.holders() if holder.user.id == 314) == company.holder(314)
    assert next(caller for caller in company.callers() if caller.row.id == 2718) == company.caller(2718)


def test_the_row_types_are_the_tables_of_the_schema():
    text = resources.files("expunge_demo.calltrack").joinpath("schema.sql").read_text(encoding="utf-8")
    tables = {
        name: tuple(re.findall(r"^    ([a-z_]+) +[a-z]", body, re.MULTILINE))
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", text, re.DOTALL)
    }
    assert tables == {name: row_type._fields for name, row_type in TABLES.items()}


def test_the_data_map_loads_and_names_every_table_but_the_clients():
    registry = installed()
    path = resources.files("expunge_demo.calltrack").joinpath("datamap.yaml")
    data_map = load(path, registry.store_specs, registry.backup_specs)
    assert data_map.stores["main"].collection_specs().keys() == TABLES.keys() - {"clients"}


def test_sizes_are_those_of_the_story(company: Company, rows: dict[str, list]):
    assert len(rows["clients"]) == 8
    assert (len(rows["users"]), len(rows["callers"])) == (4_000, 6_000)
    assert 19 <= sum(map(len, rows.values())) / company.people <= 22
    assert rows.keys() == TABLES.keys()
    assert max(Counter(row.client_id for row in rows["callers"]).values()) >= 700


def test_every_foreign_key_leads_somewhere_and_every_id_is_given_once(rows: dict[str, list]):
    ids = {}
    for table, some in rows.items():
        keys = [(row.user_id, row.address_id) if table == "user_addresses" else row[0] for row in some]
        ids[table] = set(keys)
        assert len(ids[table]) == len(keys), table
    for (table, column), target in REFERENCES.items():
        values = {getattr(row, column) for row in rows[table]} - {None}
        assert values, (table, column)
        assert values <= ids[target], (table, column)


def test_parents_come_before_children_in_the_stream(company: Company):
    seen = {table: set() for table in TABLES}
    for chunk in Company(7, 2_500, NOW).row_chunks():
        for table, some in chunk.items():
            seen[table].update(row[0] for row in some)
            for (child, column), target in REFERENCES.items():
                if child == table:
                    assert {getattr(row, column) for row in some} - {None} <= seen[target], (table, column)


def test_unique_columns_are_unique(rows: dict[str, list]):
    for table, column in (("users", "email"), ("invoices", "number"), ("recordings", "object_key")):
        values = [getattr(row, column) for row in rows[table]]
        assert len(set(values)) == len(values), (table, column)


def test_some_share_what_others_have_alone(company: Company, rows: dict[str, list]):
    residents = Counter(row.address_id for row in rows["user_addresses"])
    assert set(residents.values()) == {1, 2, 3, 4}
    phones = Counter(row.phone for row in rows["users"] if row.phone)
    assert {1, 2} == set(phones.values())
    lines = Counter((row.client_id, row.phone) for row in rows["callers"])
    assert {1, 2} == set(lines.values())
    assert len({phone for _, phone in lines}) < len(lines), "somebody rang two clients"
    assert phones.keys() & {phone for _, phone in lines}, "somebody holds an account and rang a client"
    homes = defaultdict(set)
    for lead in rows["leads"]:
        homes[lead.client_id, lead.postal_address].add(lead.email.lower())
    assert any(len(emails) > 1 for emails in homes.values())


def test_some_web_forms_know_no_caller(company: Company, rows: dict[str, list]):
    without = [lead for lead in rows["leads"] if lead.caller_id is None]
    phones = {(row.client_id, row.phone) for row in rows["callers"]}
    reachable = [lead for lead in without if (lead.client_id, lead.phone) in phones]
    assert reachable
    assert len(reachable) < len(without)


def test_replies_answer_earlier_messages_of_the_same_account(rows: dict[str, list]):
    messages = {row.id: row for row in rows["messages"]}
    replies = [row for row in rows["messages"] if row.reply_to is not None]
    assert len(replies) > 1_000
    assert all(messages[row.reply_to].user_id == row.user_id for row in replies)
    assert all(messages[row.reply_to].created_at <= row.created_at for row in replies)


def test_invoices_lie_well_before_or_after_the_ten_years(rows: dict[str, list]):
    limit = NOW - timedelta(days=3_652)
    old = [row for row in rows["invoices"] if row.issued_at < limit]
    assert 100 < len(old) < len(rows["invoices"]) / 10
    assert not [row for row in rows["invoices"] if abs(row.issued_at - limit) < timedelta(days=40)]
    issued = {row.id: row.issued_at for row in rows["invoices"]}
    assert all(line.issued_at == issued[line.invoice_id] for line in rows["invoice_lines"])
    both = {row.user_id for row in old} & {row.user_id for row in rows["invoices"] if row.issued_at > limit}
    assert both


def test_nothing_is_of_the_future_and_most_is_of_the_last_two_years(rows: dict[str, list]):
    for table, some in rows.items():
        moments = [value for row in some for value in row if isinstance(value, datetime)]
        assert max(moments) < NOW - timedelta(hours=1), table
        if table in {"callers", "leads", "messages", "calls"}:
            assert min(moments) > NOW - timedelta(days=731), table
            assert max(moments) - min(moments) > timedelta(days=600), table


def test_no_value_can_belong_to_anybody_real(rows: dict[str, list]):
    for table, column in (("users", "email"), ("leads", "email"), ("marketing_optouts", "email")):
        assert all(getattr(row, column).lower().endswith(".example") for row in rows[table])
    for table in ("users", "callers"):
        assert all(re.fullmatch(r"\+4910\d{9}", row.phone) for row in rows[table] if row.phone)


def test_objects_stay_within_five_thousand_and_recordings_are_the_ones_in_the_database(
    company: Company, rows: dict[str, list]
):
    objects = list(company.objects())
    assert sum(len(one.versions) for one in objects) <= 5_000
    assert len({(one.bucket, one.key) for one in objects}) == len(objects)
    stored = {one.key: len(one.versions[-1]) for one in objects if one.bucket == "calltrack-recordings"}
    assert stored == {row.object_key: row.bytes for row in rows["recordings"]}
    assert {len(one.versions) for one in objects} == {1, 2}
    assert Counter(one.bucket for one in objects)["calltrack-logs"] == 48


def test_sessions_are_indexed_by_their_account(company: Company):
    for holder in (company.holder(1), company.holder(4_000)):
        made = list(redis_entries.of_holder(holder))
        sessions = {entry.key.removeprefix("session:") for entry in made if entry.key.startswith("session:")}
        (index,) = [entry for entry in made if entry.key == f"user:{holder.user.id}:sessions"]
        assert set(index.fields) == sessions != set()


@pytest.mark.parametrize("column", ["caller_id", "phone"])
def test_a_batch_names_callers_of_one_client_once(company: Company, rows: dict[str, list], column: str):
    client = company.clients[0].id
    lines = list(csv.reader(io.StringIO(company.batch_csv(client, 700, column))))
    assert lines[0] == [column]
    named = [line[0] for line in lines[1:]]
    assert len(set(named)) == len(named) == 700
    own = Counter(
        str(row.id) if column == "caller_id" else row.phone for row in rows["callers"] if row.client_id == client
    )
    assert all(own[one] == 1 for one in named)


def test_a_batch_larger_than_the_client_is_refused(company: Company):
    with pytest.raises(ValueError, match="fewer callers"):
        company.batch_csv(company.clients[0].id, 6_000)


@pytest.mark.parametrize("people", [25, 250, 10_000])
def test_the_person_shown_has_everything(people: int):
    company = Company(7, people, NOW)
    holder = company.showcase()
    assert company.one_person() == holder.user.email
    assert any(one.household == holder.household and one != holder for one in company.holders())
    assert holder.exports
    assert holder.sessions
    assert any(visit.user_id for visit in holder.visits)
    assert {invoice.issued_at < NOW - timedelta(days=3_653) for invoice in holder.invoices} == {True, False}


def test_marks_stand_in_the_persons_records_and_nowhere_else():
    company = Company(7, 300, NOW)
    for one, everybody in ((company.showcase(), company.holders()), (company.caller(1), company.callers())):
        others = [repr(other) for other in everybody if other != one]
        for mark in one.marks():
            assert mark in repr(one)
            assert not any(mark in other for other in others)
