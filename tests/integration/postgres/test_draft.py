"""The draft of a map for a live database, held against the map that was made by hand."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

import pytest
from tests.support.postgres.company import data_map, execute, opened

from expunge_config.datamap import load
from expunge_config.errors import DataMapError
from expunge_connectors.contract import Severity
from expunge_connectors.draft import set_apart
from expunge_connectors.postgres import PostgresConnection, PostgresSpec, PostgresStore
from expunge_connectors.postgres.catalog.column_names import Kind, named
from expunge_connectors.postgres.draft.table_roles import kept_like, log_like, singular
from expunge_orchestrator.map_draft import render_yaml

# Every table of Calltrack that foreign keys lead from to a person: written out, not derived by the code that is tested.
LINKED = {
    "user_profiles", "api_tokens", "user_addresses", "messages", "invoices", "invoice_lines", "access_log", "calls",
    "call_notes", "recordings", "transcripts", "leads", "lead_answers",
}  # fmt: skip
ANSWERS = {
    "name": "Example Ltd",
    "contact": "privacy@example.org",
    "log_origin": "receipts.example.org",
    "data_type": "personal",
    "undated": "keep",
    "none": "A test makes none",
    "approved_by": "A. Officer",
    "goes_with_any": "{reason: one team, approved_by: A. Officer}",
}


def draft(url):
    return PostgresStore.draft("main", PostgresConnection.model_validate({"url": url}), 1000, ())


def collections(drafted):
    return {one.name: one for one in drafted.collections}


SAME = "{reason: A caller who signs up keeps the number, approved_by: A. Officer}"


def answered(text):
    """The draft after somebody went through it: empty places filled, the comments taken away."""
    text = re.sub(r"}(?=  # DECIDE: .* persons of different kinds)", f", same_person: {SAME}}}", text)
    return "\n".join(_answered(re.sub(r"\s*# DECIDE:.*", "", line)) for line in text.splitlines())


def _answered(line):
    key, _, value = line.partition(":")
    return f"{key}: {ANSWERS[key.strip()]}" if key.strip() in ANSWERS and not value.strip() else line


def loaded(text, tmp_path):
    path = tmp_path / "datamap.yaml"
    path.write_text(text)
    return load(path, {"postgres": PostgresSpec}, {})


def links_of(entries):
    return {(link["column"], link.get("of") or link.get("identity")) for link in entries["found_by"]}


def test_every_table_with_a_way_to_a_person_is_there_and_nothing_is_declared_a_log(company):
    drafted = draft(company)
    found = collections(drafted)
    assert set(found) >= LINKED | {"users", "callers"}
    assert not [one for one in found.values() if "log" in one.entries]
    assert not re.search(r"^ *log:", render_yaml([drafted]), re.MULTILINE)
    # What looks like a log is keyed by a person: undecided.
    assert found["access_log"].entries["data_type"] is None
    assert "log" in found["access_log"].questions["data_type"]


def test_the_hand_made_map_is_found_again(company):
    found = collections(draft(company))
    by_hand = {name: one for _, name, one in data_map().collections() if one.log is None}
    assert by_hand.keys() - found.keys() == set()
    wanted = {name: {(link.column, link.of or link.identity) for link in one.found_by} for name, one in by_hand.items()}
    missing = {name: links - links_of(found[name].entries) for name, links in wanted.items()}
    more = {name: links_of(found[name].entries) - links for name, links in wanted.items()}
    total, hit = sum(map(len, wanted.values())), sum(len(links - missing[name]) for name, links in wanted.items())
    print(f"collections {len(by_hand)} of {len(by_hand)}, links {hit} of {total}")  # noqa: T201 - asked for
    assert {name: links for name, links in missing.items() if links} == {}
    assert {name: links for name, links in more.items() if links} == {}
    assert found["addresses"].entries["sharing"] == "last_owner"
    assert found["recordings"].entries["yields"] == {"recording_object": "object_key"}
    assert found["users"].entries["yields"] == {"user_id": "id", "email": "email", "phone": "phone"}
    assert {name for name, one in found.items() if one.entries.get("person")} == {"users", "callers"}


def test_the_anchor_is_proposed_where_something_that_may_stay_points_to_a_person(company):
    found = collections(draft(company))
    assert found["users"].entries["data_type"] is None
    assert "access_log" in found["users"].questions["data_type"]
    assert "invoices" in found["users"].questions["data_type"]
    assert any("erased-" in line for line in found["users"].later)
    assert found["callers"].entries["data_type"] == "personal"


def test_it_is_refused_until_every_question_is_answered_and_then_holds_against_the_database(company, tmp_path):
    text = render_yaml([draft(company)])
    with pytest.raises(DataMapError) as refused:
        loaded(text, tmp_path)
    assert str(refused.value).count("not decided yet") == text.count("# DECIDE:") > 20
    complete = answered(text)
    for line in text.splitlines():  # each single one
        if "# DECIDE:" in line and ":" in line.partition("#")[0]:
            with pytest.raises(DataMapError, match="not decided yet"):
                loaded(f"{complete}\n# DECIDE: {line.strip()}\n", tmp_path)
    the_map = loaded(complete, tmp_path)
    with opened(company, the_map) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []


def test_it_asks_whether_persons_of_two_kinds_are_one_human(company, tmp_path):
    """Both are found by phone. The comment taken away without an answer, the map itself says so."""
    text = render_yaml([draft(company)])
    (asked,) = [line for line in text.splitlines() if "persons of different kinds" in line]
    assert asked.startswith("  phone: ")
    assert "main.callers and main.users" in asked
    with pytest.raises(DataMapError, match=r"identities.phone: main.callers and main.users are persons of different"):
        loaded(answered(text).replace(f", same_person: {SAME}", ""), tmp_path)


def test_the_anchor_as_it_is_proposed_holds_too(company, tmp_path):
    text = answered(render_yaml([draft(company)]))
    before, _, after = text.partition("table: public.users\n")
    after = after.replace("data_type: personal", "data_type: anchor", 1)
    after = re.sub(r"^( {8})# (tombstone:|  [a-z_]+: )", r"\1\2", after, flags=re.MULTILINE)
    with opened(company, loaded(before + "table: public.users\n" + after, tmp_path)) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []


def test_other_shapes_of_databases(database):
    execute(
        database,
        """
        CREATE TABLE organizations (id serial PRIMARY KEY, name text, contact_email text);
        CREATE SCHEMA "Shop";
        CREATE TABLE "Shop"."Customers" ("Id" uuid PRIMARY KEY, org int REFERENCES organizations, "eMail" text);
        CREATE TABLE "Shop"."Orders" (id serial PRIMARY KEY, "customerId" uuid REFERENCES "Shop"."Customers");
        CREATE TABLE friends (a uuid REFERENCES "Shop"."Customers", b uuid REFERENCES "Shop"."Customers");
        CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, owner uuid REFERENCES "Shop"."Customers");
        CREATE TABLE guests (id int PRIMARY KEY, email text, host uuid REFERENCES "Shop"."Customers");
        CREATE TABLE visits (at timestamptz, customer_id uuid);
        CREATE TABLE newsletter (address text, created_at timestamptz NOT NULL);
        INSERT INTO newsletter SELECT 'n' || i || '@mail.example', now() FROM generate_series(1, 9) AS i;
        CREATE TABLE job_log (at timestamptz, duration int);
        CREATE TABLE mail_log (at timestamptz, body text);
        CREATE TABLE colours (id int PRIMARY KEY, code text);
        CREATE TABLE bookings (org int, no int, customer_id uuid REFERENCES "Shop"."Customers", PRIMARY KEY (org, no));
        CREATE TABLE seats (org int, no int, FOREIGN KEY (org, no) REFERENCES bookings);
        CREATE TABLE seats_old (lid int) INHERITS (seats);
        CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
        CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
        """,
    )
    drafted = draft(database)
    found = collections(drafted)
    assert set(found) == {
        "customers",
        "orders",
        "friends",
        "tree",
        "guests",
        "visits",
        "newsletter",
        "bookings",
        "seats",
    }
    assert found["customers"].entries["person"] == "customer_id"
    assert drafted.identities["customer_id"] == {"kind": "person", "normaliser": "uuid/1"}
    assert links_of(found["customers"].entries) == {("Id", "customer_id"), ("eMail", "email")}
    assert found["customers"].entries["undated"] is None, "no creation time: a decision"
    assert links_of(found["orders"].entries) == {("customerId", "customers.Id")}
    assert found["orders"].entries["data_type"] is None, "kept by law, perhaps"
    assert "several people" in found["friends"].questions["found_by"]
    assert links_of(found["tree"].entries) == {("owner", "customers.Id")}
    assert any("up points to other rows" in note for note in found["tree"].notes)
    assert "person" not in found["guests"].entries, "they hang on a customer"
    assert links_of(found["guests"].entries) == {("host", "customers.Id"), ("email", "email")}
    assert found["seats"].entries["found_by"] == [
        {"columns": ["org", "no"], "of": "bookings", "of_columns": ["org", "no"]}
    ]
    assert links_of(found["visits"].entries) == {("customer_id", "customer_id")}
    assert links_of(found["newsletter"].entries) == {("address", "email")}, "seen in a sample"
    assert found["newsletter"].entries["created"] == "created_at"
    assert set(drafted.members) == {"organization"}
    told = {note.partition(":")[0].partition(" ")[0]: note for note in drafted.notes}
    assert "candidate for a log" in told["public.job_log"]
    assert "body (content)" in told["public.mail_log"]
    assert "candidate" not in told["public.mail_log"]
    assert "nothing personal was seen" in told["public.colours"]
    assert not {"public.parts_1"} & set(told)


def test_what_persons_point_to_is_shared_a_controller_or_a_question(database, tmp_path):
    execute(
        database,
        """
        CREATE TABLE addresses (id int PRIMARY KEY, street text, postcode text, city text);
        CREATE TABLE depots (shop text, no int, street text, PRIMARY KEY (shop, no));
        CREATE TABLE countries (code char(2) PRIMARY KEY, name text);
        CREATE TABLE "Tenants" (id int PRIMARY KEY, name text, contact_email text);
        CREATE TABLE customers (id int PRIMARY KEY, email text, shop text, depot int,
            ships_to int REFERENCES addresses, bills_to int NOT NULL REFERENCES addresses,
            country char(2) REFERENCES countries, tenant int REFERENCES "Tenants",
            FOREIGN KEY (shop, depot) REFERENCES depots);
        CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
            ship_to int REFERENCES addresses);
        """,
    )
    drafted = draft(database)
    found = collections(drafted)
    assert found["addresses"].entries["sharing"] == "last_owner"
    assert found["addresses"].entries["found_by"] == [
        {"column": "id", "of": "customers.bills_to"},
        {"column": "id", "of": "customers.ships_to"},
        {"column": "id", "of": "orders.ship_to"},
    ]
    assert found["depots"].entries["found_by"] == [
        {"columns": ["shop", "no"], "of": "customers", "of_columns": ["shop", "depot"]}
    ]
    assert set(drafted.members) == {"tenant"}, "by its name; a country is no controller, nor is an address"
    assert "tenant" in found["customers"].questions["owner"]
    (asked,) = drafted.questions
    assert "public.countries (public.customers points to it)" in asked
    assert f"    # DECIDE: {asked}" in render_yaml([drafted]).splitlines()
    later = found["customers"].later
    assert '  ships_to: "NULL"' in later, "else the row that stays would keep the address"
    assert not [line for line in later if "bills_to" in line], "the server takes no NULL there"
    with opened(database, loaded(answered(render_yaml([drafted])), tmp_path)) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []


DOCUMENTS = """
CREATE TABLE customers (id int PRIMARY KEY, email text, prefs jsonb, tags text[], extra json NOT NULL,
    details jsonb NOT NULL DEFAULT '{"mail": "a@mail.example", "said": "Call +49 30 1000001"}');
INSERT INTO customers SELECT i, 'c' || i || '@mail.example',
    jsonb_build_object('backup_email', 'alt' || i || '@alt.example', 'seen', '2026-01-01T00:00:00+02:00'),
    ARRAY['blue', 'red'], json_build_object('reach', json_build_array(json_build_object('tel', '+49 30 100000' || i)))
  FROM generate_series(1, 9) AS i;
CREATE TABLE notes_of (id int PRIMARY KEY, customer_id int REFERENCES customers, doc jsonb);
INSERT INTO notes_of SELECT i, NULL, jsonb_build_object('mail', 'c' || i || '@mail.example')
  FROM generate_series(1, 5) AS i;
CREATE TABLE reviews (id int PRIMARY KEY, doc jsonb NOT NULL, created_at timestamptz NOT NULL);
INSERT INTO reviews SELECT i, jsonb_build_object('stars', 4, 'author', jsonb_build_object(
    'email', upper('c' || i || '@mail.example'), 'id', i)), now() FROM generate_series(1, 9) AS i;
CREATE TABLE rounds (id int PRIMARY KEY, told text[]);
INSERT INTO rounds SELECT i, ARRAY['c' || i || '@mail.example', 'd@mail.example'] FROM generate_series(1, 9) AS i;
INSERT INTO rounds VALUES (10, '{}'), (11, NULL);
CREATE TABLE circles (id int PRIMARY KEY, doc jsonb);
INSERT INTO circles SELECT i, jsonb_build_object('Magdalena' || i, 'c' || i || '@mail.example')
  FROM generate_series(1, 9) AS i;
CREATE TABLE single (id int PRIMARY KEY, doc jsonb);
INSERT INTO single VALUES (1, '{"Magdalena": {"mail": "m@mail.example"}}');
CREATE TABLE colours (id int PRIMARY KEY, doc jsonb);
CREATE TYPE signature AS (mail text);
CREATE TABLE signed (id int PRIMARY KEY, by signature);
INSERT INTO signed VALUES (1, ROW('s@mail.example')::signature);
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers);
INSERT INTO colours VALUES (1, '{"shade": "blue"}'), (2, '["red", 3, null]'), (3, '"grey"');
"""


def test_documents_and_arrays_are_looked_into(database, tmp_path):
    execute(database, DOCUMENTS)
    drafted = draft(database)
    found = collections(drafted)
    assert set(found) == {"customers", "notes_of", "orders", "reviews", "rounds"}
    assert found["reviews"].entries["found_by"] == [{"column": "doc", "path": ["author", "email"], "identity": "email"}]
    assert found["reviews"].notes == ("Seems to hold: doc.author.email (e-mail address).",)
    assert found["reviews"].entries["data_type"] is None, "a question"
    assert found["rounds"].entries["found_by"] == [{"column": "told", "each": True, "identity": "email"}]
    assert {"column": "doc", "path": ["mail"], "identity": "email"} in found["notes_of"].entries["found_by"]
    customers = found["customers"]
    assert "prefs.backup_email (e-mail address)" in customers.notes[0]
    assert "tags" not in customers.notes[0]
    assert customers.entries["found_by"] == [
        {"column": "id", "identity": "customer_id"},
        {"column": "email", "identity": "email"},
        {"column": "extra", "path": ["reach", "tel"], "identity": "phone"},
    ]
    assert customers.entries["yields"]["phone"] == {"column": "extra", "path": ["reach", "tel"]}
    assert '  prefs: {remove: [["backup_email"]]}' in customers.later, "the rest of the document stays"
    assert '  extra: {remove: [["reach", "tel"]]}' in customers.later
    assert "details.mail (e-mail address)" in customers.notes[0]
    assert "details (phone number inside)" in customers.notes[0]
    assert "  details: \"'{}'\"" in customers.later
    # Where a name in a document may be somebody's, the place is not told; that there is something is asked.
    asked = {question.partition(" ")[0]: question for question in drafted.questions}
    assert asked.keys() == {"public.circles", "public.signed", "public.single"}
    assert "by (e-mail address inside)" in asked.pop("public.signed")
    assert all("doc (e-mail address inside)" in question for question in asked.values())
    assert "public.colours: nothing personal was seen." in drafted.notes
    text = render_yaml([drafted])
    assert "Magdalena" not in text
    assert "alt.example" not in text
    with opened(database, loaded(answered(text), tmp_path)) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []


def test_what_may_not_be_read_is_unknown(database):
    execute(database, DOCUMENTS)
    role = f"reader_{secrets.token_hex(4)}"
    execute(database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT (id, email) ON customers TO {role}")
    execute(database, "CREATE SCHEMA hidden; CREATE TABLE hidden.diaries (entry text)")
    server = urlsplit(database)
    netloc = f"{role}:x@{server.hostname}:{server.port}"
    try:
        drafted = draft(server._replace(netloc=netloc).geturl())
    finally:
        execute(database, f"DROP OWNED BY {role}; DROP ROLE {role}")
    told = {question.partition(" ")[0]: question for question in drafted.questions}
    assert told.keys() == {
        f"public.{one}" for one in ("reviews", "rounds", "circles", "signed", "single", "colours")
    } | {"hidden.diaries"}
    assert "doc could not be read: unknown" in told["public.reviews"]
    assert not [note for note in drafted.notes if "nothing personal was seen" in note]
    assert "prefs, tags, extra, details could not be read: unknown." in collections(drafted)["customers"].notes
    [grants] = [note for note in drafted.notes if "GRANT" in note]
    assert f'GRANT USAGE ON SCHEMA "hidden" TO "{role}"; GRANT SELECT ON "hidden"."diaries", "public".' in grants
    assert f'"public"."single" TO "{role}";' in grants


def test_rows_of_two_people_are_a_question_whatever_the_links_are(database):
    execute(
        database,
        """
        CREATE TABLE staff (id int PRIMARY KEY, email text, created_at timestamptz DEFAULT now());
        CREATE TABLE customers (id int PRIMARY KEY, email text, phone text, referred_by int REFERENCES customers);
        CREATE TABLE tickets (id int PRIMARY KEY, requester_email text, assigned_to int REFERENCES staff);
        CREATE TABLE orders (id int PRIMARY KEY, email text, customer_id int NOT NULL REFERENCES customers);
        CREATE TABLE visits (at date, customer_id int, staff_id int);
        CREATE TABLE calls (at date, email text, phone text);
        CREATE TABLE "AuditLog" (id int PRIMARY KEY, "UserId" int REFERENCES customers);
        CREATE TABLE "CustomerInvoices" (id int PRIMARY KEY, "UserId" int REFERENCES customers, "IssuedOn" date);
        """,
    )
    found = collections(draft(database))
    asked = {name for name, one in found.items() if "several people" in one.questions.get("found_by", "")}
    assert asked == {"tickets", "visits"}, "who handles it, and whose it is"
    assert links_of(found["tickets"].entries) == {("assigned_to", "staff.id"), ("requester_email", "email")}
    assert links_of(found["orders"].entries) == {("customer_id", "customers.id")}
    assert found["staff"].entries["created"] == "created_at"
    assert found["staff"].entries["undated"] is None, "for rows in which it is empty"
    # A person's row that points to another person's.
    (note,) = [note for note in found["customers"].notes if "referred_by" in note]
    assert "points to another row here: another person" in note
    # Names in CamelCase say the same as others.
    assert found["audit_log"].entries["data_type"] is None
    assert "`log:" in found["audit_log"].questions["data_type"]
    assert found["customer_invoices"].entries["data_type"] is None
    assert "public.AuditLog or public.CustomerInvoices" in found["customers"].questions["data_type"]
    assert "start: IssuedOn" in found["customer_invoices"].questions["data_type"]
    assert "or other people's rows (referred_by) must stay" in found["customers"].questions["data_type"]


TWO_SCHEMAS = """
    CREATE SCHEMA shop; CREATE SCHEMA crm;
    CREATE TABLE shop.customers (id serial PRIMARY KEY, email text NOT NULL, created_at timestamptz NOT NULL);
    CREATE TABLE crm.customers (id serial PRIMARY KEY, email text NOT NULL, created_at timestamptz NOT NULL);
    CREATE TABLE crm.visits (id serial PRIMARY KEY, customer_id int);
    CREATE TABLE visits (id serial PRIMARY KEY, customer_id int);
"""


def persons_of(drafted):
    return {one.entries["table"]: one.entries["person"] for one in drafted.collections if "person" in one.entries}


def test_persons_of_two_schemas_are_never_merged_by_their_name(database):
    execute(database, TWO_SCHEMAS)
    drafted = draft(database)
    assert persons_of(drafted) == {
        "shop.customers": "main_shop_customer_id",
        "crm.customers": "main_crm_customer_id",
    }
    assert {"main_shop_customer_id", "main_crm_customer_id", "email"} == drafted.identities.keys()
    links = {one.entries["table"]: links_of(one.entries) for one in drafted.collections}
    assert links["crm.visits"] == {("customer_id", "main_crm_customer_id")}, "its own schema first"
    both = {("customer_id", "main_shop_customer_id"), ("customer_id", "main_crm_customer_id")}
    assert links["public.visits"] == both, "with a question: whose rows are they?"
    merged, question = [line for line in render_yaml([drafted]).splitlines() if "same_person" in line]
    assert merged.startswith("  email: "), "one address in both: another question"
    assert "# DECIDE: crm.customers in main (main_crm_customer_id) and shop.customers in main" in question


def test_a_range_of_days_is_no_time_at_which_a_row_was_made(database):
    execute(database, "CREATE TABLE customers (id serial PRIMARY KEY, email text, created daterange, made_at date)")
    drafted = collections(draft(database))["customers"].entries
    assert "created" not in drafted
    assert "undated" in drafted


def test_persons_of_two_databases_are_never_merged_by_their_name(database):
    execute(database, "CREATE TABLE customers (id serial PRIMARY KEY, email text, created_at timestamptz NOT NULL)")
    connection = PostgresConnection.model_validate({"url": database})
    drafts = [PostgresStore.draft(name, connection, 1000, ()) for name in ("shop", "crm", "eu")]
    assert [set(one.identities) for one in set_apart(drafts[:1])] == [{"customer_id", "email"}]
    apart = set_apart([*set_apart(drafts[:2]), drafts[2]])
    names = [f"{store}_public_customer_id" for store in ("shop", "crm", "eu")]
    assert [set(one.persons) for one in apart] == [{name} for name in names]
    for one, name in zip(apart, names, strict=True):
        (collection,) = one.collections
        assert collection.entries["person"] == name
        assert ("id", name) in links_of(collection.entries)
        assert collection.entries["yields"] == {name: "id", "email": "email"}
    text = render_yaml(apart)
    assert "public.customers in shop (shop_public_customer_id) and public.customers in crm" in text
    assert not re.search(r"\bcustomer_id\b", text)


def test_user_beside_users_is_another_identity(database):
    columns = "(id serial PRIMARY KEY, email text, created_at timestamptz NOT NULL)"
    execute(database, f'CREATE TABLE users {columns}; CREATE TABLE "user" {columns}')
    assert len(set(persons_of(draft(database)).values())) == 2


def test_an_empty_database_is_said_to_have_no_persons(database):
    assert any("No table looks like one row for each person" in note for note in draft(database).notes)


def test_no_value_of_a_record_is_in_the_draft(company):
    values = [
        str(value)
        for table in ("users", "callers", "leads", "addresses", "messages")
        for row in execute(company, f"SELECT * FROM {table}")
        for value in row
        if isinstance(value, str) and len(value) > 2 and value != "active"
    ]
    canary = secrets.token_hex(8)
    execute(company, f"UPDATE users SET full_name = '{canary}', phone = '{canary}'")
    text = render_yaml([draft(company)])
    assert len(values) > 20
    assert not [value for value in [*values, canary] if value in text]


@pytest.mark.parametrize(
    ("column", "base", "kind"),
    [
        ("email", "text", Kind.EMAIL),
        ("contactEmail", "citext", Kind.EMAIL),
        ("email_verified", "boolean", None),
        ("phone_number", "text", Kind.PHONE),
        ("order_number", "text", None),
        ("microphone", "text", None),
        ("last_ip", "text", Kind.IP),
        ("address", "inet", Kind.IP),
        ("shipping", "text", None),
        ("Full Name", "text", Kind.NAME),
        ("E-Mail", "public.citext", Kind.EMAIL),
        ("firstName", "character varying", Kind.NAME),
        ("file_name", "text", Kind.OBJECT),
        ("date_of_birth", "date", Kind.BIRTH),
        ("password_digest", "bytea", Kind.SECRET),
        ("postcode", "text", Kind.PART_OF_ADDRESS),
        ("ship_postal_code", "text", Kind.PART_OF_ADDRESS),
        ("ship_address", "text", Kind.ADDRESS),
        ("ship_name", "text", Kind.NAME),
        ("complete_name", "text", Kind.NAME),
        ("acc_number", "text", Kind.NUMBER),
        ("account_id", "text", None),
        ("quantity", "integer", None),
    ],
)
def test_columns_by_name(column, base, kind):
    assert named(column, base) is kind


def test_names_of_tables():
    assert [singular(f"public.{one}") for one in ("users", "AppUsers", "people", "companies", "boxes", "Odd one")] == [
        "user", "app_user", "person", "company", "box", "odd_one",
    ]  # fmt: skip
    assert log_like("public.access_log")
    assert log_like("public.AccessLog")
    assert not log_like("public.blogs")
    assert not log_like("public.catalog")
    assert kept_like("public.invoice_lines")
    assert kept_like("Loyalty.PointsLedger")
    assert not kept_like("public.reorder_rules")


_POLYMORPHIC = """
CREATE TABLE users (id int PRIMARY KEY, email text);
INSERT INTO users VALUES (7, 'ann@x.example'), (8, 'bob@x.example'), (9, 'cleo@x.example');
CREATE TABLE posts (id int PRIMARY KEY, author_id int NOT NULL REFERENCES users, body text);
CREATE TABLE products (id int PRIMARY KEY, title text);
CREATE TABLE comments (id int PRIMARY KEY, commentable_type text, commentable_id int, body text);
INSERT INTO comments VALUES
  (1, 'User', 7, 'b'), (2, 'Post', 7, 'b'), (3, 'Admin::User', 7, 'b'), (4, 'Product', 7, 'b');
CREATE TABLE django_content_type (id int PRIMARY KEY, app_label text, model text);
INSERT INTO django_content_type VALUES (4, 'app', 'user'), (5, 'app', 'post');
CREATE TABLE tags (id int PRIMARY KEY, content_type_id int REFERENCES django_content_type, object_id text);
INSERT INTO tags VALUES (1, 4, '7'), (2, 5, '7');
CREATE TABLE visits (id int PRIMARY KEY, user_id int, user_type text);
INSERT INTO visits SELECT n, 7, 'Ann ' || n FROM generate_series(1, 30) n;
"""


def test_columns_with_ids_of_many_tables_are_followed_and_asked_about(database, tmp_path):
    execute(database, _POLYMORPHIC)
    drafted = draft(database)
    found = collections(drafted)
    assert found["comments"].entries["found_by"] == [
        {"column": "commentable_id", "of": "users.id", "where": {"commentable_type": ["Admin::User", "User"]}},
        {"column": "commentable_id", "of": "posts.id", "where": {"commentable_type": "Post"}},
    ]
    assert "(a sample has Admin::User, Post, Product, User)" in found["comments"].questions["found_by"]
    assert found["tags"].entries["found_by"] == [
        {"column": "object_id", "identity": "user_id", "where": {"content_type_id": "4"}}
    ]
    assert "where: {user_type: …}" in found["visits"].questions["found_by"]
    text = render_yaml([drafted])
    assert "Ann 1" not in text
    loaded(answered(text), tmp_path)


def test_customers_of_a_store_are_not_the_manager_s(database):
    """As in Pagila: a store names its manager, and customers and copies of films name a store."""
    execute(
        database,
        """
        CREATE TABLE store (store_id int PRIMARY KEY, manager_staff_id int NOT NULL);
        CREATE TABLE staff (staff_id int PRIMARY KEY, email text, store_id int REFERENCES store);
        ALTER TABLE store ADD FOREIGN KEY (manager_staff_id) REFERENCES staff;
        CREATE TABLE customer (customer_id int PRIMARY KEY, email text, store_id int NOT NULL REFERENCES store);
        CREATE TABLE inventory (id int PRIMARY KEY, store_id int NOT NULL REFERENCES store);
        CREATE TABLE payment (id int, customer_id int NOT NULL REFERENCES customer, at date) PARTITION BY RANGE (at);
        CREATE TABLE payment_1 PARTITION OF payment FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE payment_2 PARTITION OF payment FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        ALTER TABLE payment DROP CONSTRAINT payment_customer_id_fkey;
        ALTER TABLE payment_1 ADD FOREIGN KEY (customer_id) REFERENCES customer;
        ALTER TABLE payment_2 ADD FOREIGN KEY (customer_id) REFERENCES customer;
        """,
    )
    found = collections(draft(database))
    assert {name for name, one in found.items() if one.entries.get("person")} == {"staff", "customer"}
    assert set(found) == {"staff", "customer", "store", "payment"}, "copies of films are nobody's"
    assert found["store"].entries["data_type"] is None
    assert "public.customer" in found["store"].questions["data_type"]
    assert found["payment"].entries["found_by"] == [{"column": "customer_id", "of": "customer.customer_id"}]


def test_persons_whose_addresses_stand_in_a_table_of_their_own(database):
    """As in Discourse, which has no foreign keys either."""
    execute(
        database,
        """
        CREATE TABLE users (id int PRIMARY KEY, username text NOT NULL, created_at timestamptz NOT NULL);
        CREATE TABLE user_emails (id int PRIMARY KEY, user_id int NOT NULL, email text NOT NULL);
        CREATE TABLE email_logs (id int PRIMARY KEY, email_type text NOT NULL, to_address text NOT NULL);
        CREATE TABLE drafts (id int PRIMARY KEY, user_id int NOT NULL, body text);
        INSERT INTO email_logs VALUES (1, 'digest', 'ann@mail.example'), (2, 'digest', 'bob@mail.example');
        """,
    )
    found = collections(draft(database))
    assert found["users"].entries["person"] == "user_id"
    assert links_of(found["user_emails"].entries) == {("user_id", "user_id"), ("email", "email")}
    assert links_of(found["drafts"].entries) == {("user_id", "user_id")}
    assert links_of(found["email_logs"].entries) == {("to_address", "email")}


def test_persons_whose_ids_count_for_each_tenant(database):
    """As in a SaaS: a tenant with an address for its bills is no person, and its users are not its own."""
    execute(
        database,
        """
        CREATE TABLE tenants (id uuid PRIMARY KEY, name text, billing_email text);
        CREATE TABLE users (tenant_id uuid REFERENCES tenants, id bigint, email text, PRIMARY KEY (tenant_id, id));
        CREATE TABLE projects (tenant_id uuid NOT NULL REFERENCES tenants, id bigint, owner_id bigint NOT NULL,
            PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, owner_id) REFERENCES users);
        """,
    )
    drafted = draft(database)
    found = collections(drafted)
    assert {name: one.entries.get("person") for name, one in found.items()} == {"users": "user_id", "projects": None}
    assert drafted.identities["user_id"] == {"kind": "person", "normaliser": "integer/2"}
    assert links_of(found["users"].entries) == {("id", "user_id"), ("email", "email")}
    assert found["users"].questions["owner"] == "or {controller: tenant, column: tenant_id}"
    assert found["projects"].entries["found_by"] == [
        {"columns": ["tenant_id", "owner_id"], "of": "users", "of_columns": ["tenant_id", "id"]}
    ]
    assert set(drafted.members) == {"tenant"}


def test_ids_are_known_by_the_name_that_foreign_keys_give_them(database):
    """As in Keycloak: `user_id` of `user_entity`; and another table's `user_id` is not."""
    execute(
        database,
        """
        CREATE TABLE user_entity (id varchar(36) PRIMARY KEY, email text);
        CREATE TABLE credential (id int PRIMARY KEY, user_id varchar(36) NOT NULL REFERENCES user_entity);
        CREATE TABLE offline_session (id int PRIMARY KEY, user_id varchar(255) NOT NULL);
        CREATE TABLE apps (id varchar(36) PRIMARY KEY);
        CREATE TABLE app_versions (id int PRIMARY KEY, user_id varchar(36) REFERENCES apps);
        """,
    )
    found = collections(draft(database))
    assert set(found) == {"user_entity", "credential", "offline_session"}
    assert links_of(found["offline_session"].entries) == {("user_id", "user_entity_id")}


def test_every_way_to_a_person_is_a_link_whichever_was_reached_first(database):
    """As in Odoo: an invoice names who sold, and to whom; that is reached later."""
    execute(
        database,
        """
        CREATE TABLE users (id int PRIMARY KEY, email text);
        CREATE TABLE invoices (id int PRIMARY KEY, seller_id int REFERENCES users, partner_id int);
        CREATE TABLE partners (id int PRIMARY KEY, user_id int REFERENCES users);
        ALTER TABLE invoices ADD FOREIGN KEY (partner_id) REFERENCES partners;
        """,
    )
    found = collections(draft(database))
    assert links_of(found["invoices"].entries) == {("seller_id", "users.id"), ("partner_id", "partners.id")}
    assert "several people" in found["invoices"].questions["found_by"]


def test_a_tombstone_is_proposed_that_unique_indexes_allow(database, tmp_path):
    """As in Django: user names are unique, and never empty."""
    execute(
        database,
        """
        CREATE TABLE users (id int PRIMARY KEY, username text NOT NULL, name text NOT NULL, email text NOT NULL,
            date_joined timestamptz NOT NULL);
        CREATE UNIQUE INDEX ON users (lower(username));
        CREATE TABLE invoices (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, at date NOT NULL);
        """,
    )
    drafted = draft(database)
    assert collections(drafted)["users"].entries["created"] == "date_joined"
    text = answered(render_yaml([drafted])).replace("data_type: personal", "data_type: anchor", 1)
    text = re.sub(r"^( {8})# (tombstone:|  [a-z_]+: )", r"\1\2", text, flags=re.MULTILINE)
    with opened(database, loaded(text, tmp_path)) as store:
        assert [one for one in store.inspect() if one.severity is Severity.ERROR] == []


def test_a_second_address_in_a_row_that_no_key_links_is_asked_about(database):
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'a@mail.example');"
        "CREATE TABLE mails (id int PRIMARY KEY, from_email text, to_email text);"
        "INSERT INTO mails VALUES (1, 'a@mail.example', 'b@mail.example');"
        "CREATE TABLE invitations (user_id int NOT NULL REFERENCES users, guest_email text);"
        "INSERT INTO invitations VALUES (1, 'b@mail.example')",
    )
    found = collections(draft(database))
    assert links_of(found["mails"].entries) == {("from_email", "email")}
    assert found["mails"].questions["found_by"].startswith("to_email: whose?")
    assert [one for one in found["invitations"].notes if one.startswith("No link reads guest_email.")]


def test_a_table_of_companies_is_not_the_company_itself(database):
    execute(
        database,
        "CREATE TABLE companies (id int PRIMARY KEY); INSERT INTO companies VALUES (1);"
        "CREATE TABLE users (id int PRIMARY KEY, company_id int NOT NULL REFERENCES companies, email text);"
        "INSERT INTO users VALUES (1, 1, 'a@mail.example')",
    )
    controllers = re.findall(r"^  (\w+): \{name:", render_yaml([draft(database)]), re.MULTILINE)
    assert sorted(controllers) == ["company", "our_company"]
