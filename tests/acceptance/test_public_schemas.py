"""Public schemas that others drew, each erased from as its `datamap.yaml` says, and as a person would do it by hand.

Each folder of `public_schemas/` holds a schema written down from its project's documentation, people whose ids are
those of other things as well, the map (made by `expunge map draft`, its questions and `expunge check`), and in
`expected.sql` and `expected.redis` what a hand-written erasure does to a copy.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.cli import CliResult, CliRunner
from tests.support.fork_server import ForkServer
from tests.support.public_schemas import by_hand, differences, holding, load, picture, places
from tests.support.servers import Keyspace

ANN = "7a000000-0000-4000-8000-000000000001"
ACME = "aaaaaaaa-0000-4000-8000-000000000001"
SCHEMAS = Path(__file__).parent / "public_schemas"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request.

    Attributes:
        people: The list, as CSV.
        words: What names the person: e-mail address, user name, phone, name, network address.
        outcome: Of each of them.
        kept: Where these still stand: what is retained, logs, and what others wrote. There and nowhere else.
        number: The person's id.
        numbered: The columns that hold ids of persons, as a pattern of their names.
        kept_number: Where of these it still stands.
    """

    people: str
    words: tuple[str, ...]
    outcome: str = "erased"
    kept: frozenset[str] = frozenset()
    number: str = ""
    numbered: str = ""
    kept_number: frozenset[str] = frozenset()
    controller: str = "company"


def public(*columns: str) -> frozenset[str]:
    return frozenset(f"public.{column}" for column in columns)


ERASURES: dict[str, tuple[Erasure, ...]] = {
    "discourse": (
        Erasure(
            people="user_id,email\n7,ann@mail.example\n",
            words=("ann@mail.example", "ann@work.example", "ann_l", "lindqvist", "192.0.2.7", "trains"),
            # What others wrote: her name in Bob's post, profile and notification, her address in Cleo's mail.
            kept=public(
                "email_logs.to_address",
                "incoming_emails.raw",
                "incoming_emails.to_addresses",
                "notifications.data",
                "posts.cooked",
                "posts.raw",
                "user_histories.details",
                "user_histories.email",
                "user_histories.ip_address",
                "user_profiles.bio_cooked",
                "user_profiles.bio_raw",
            ),
            number="7",
            numbered=r"(user|by|editor)_id$|\.users\.id$",
            kept_number=public(
                "email_logs.user_id",
                "posts.deleted_by_id",
                "posts.last_editor_id",
                "posts.reply_to_user_id",
                "posts.user_id",
                "topics.last_post_user_id",
                "topics.user_id",
                "user_histories.target_user_id",
                "users.id",
            ),
        ),
    ),
    "django": (
        Erasure(  # whose former address Bob has as well: whose a guest's comment from there is nobody can say
            people="auth_user_id,email\n7,ann.lind@mail.example\n",
            outcome="partially-erased",
            words=("ann.lind@mail.example", "ann.private@mail.example", "ann.lind", "lindqvist", "192.0.2.7", "s7ann"),
            kept=public("django_admin_log.object_repr"),
            number="7",
            numbered=r"\.(user|author)_id$|auth_user\.id$",
            kept_number=public("auth_user.id", "django_admin_log.user_id"),
        ),
        Erasure(  # whose address Emil has as well, and a guest who wrote a comment
            people="auth_user_id\n10\n",
            outcome="partially-erased",
            words=("dora", "family@home.example"),
            kept=public("auth_user.email", "django_comments.user_email"),
            number="10",
            numbered=r"\.(user|author)_id$|auth_user\.id$",
            kept_number=public("auth_user.id"),
        ),
    ),
    "keycloak": (
        Erasure(  # who has an account in another realm as well, where Bob's name is hers
            people=f"user_id,email\n{ANN},ann@mail.example\n",
            controller="realm:shop",
            words=(ANN, "ann@mail.example", "lindqvist", "192.0.2.7", "annl", "us1"),
            kept=public(
                "admin_event_entity.representation",
                "admin_event_entity.resource_path",
                "event_entity.details_json",
                "event_entity.ip_address",
                "event_entity.session_id",
                "event_entity.user_id",
                "user_entity.email",
                "user_entity.email_constraint",
                "user_entity.last_name",
            ),
        ),
    ),
    "mastodon": (
        Erasure(
            people="user_id,email\n7,ann@mail.example\n",
            outcome="partially-erased",
            words=("ann@mail.example", "ann", "lindqvist", "192.0.2.7", "key-ann", "tok-ann", "trains roll"),
            # Another Ann elsewhere, what others wrote of this one, and the log of the moderators.
            kept=public(
                "account_notes.comment",
                "accounts.also_known_as",
                "accounts.note",
                "accounts.uri",
                "accounts.username",
                "admin_action_logs.human_identifier",
                "statuses.text",
            ),
            number="107",
            numbered=r"account_id$|accounts\.id$|target_id$",
            kept_number=public(
                "accounts.id",
                "accounts.moved_to_account_id",
                "admin_action_logs.target_id",
                "reports.account_id",
                "reports.target_account_id",
                "statuses.account_id",
                "statuses.in_reply_to_account_id",
            ),
        ),
    ),
    "northwind": (
        Erasure(
            people="customer_id,phone\nALFKI,+49 30 0074321\n",
            outcome="partially-erased",
            words=("maria anders", "alfreds futterkiste", "obere str. 57", "030-0074321", "030-0076545"),
            # Orders are kept, one of them Hanna Moos's with a present; two others have the same numbers.
            kept=public("customers.phone", "orders.ship_name", "orders.ship_address", "shippers.phone"),
            number="ALFKI",
            numbered=r"\.customer_id$",
            kept_number=public("customers.customer_id", "orders.customer_id"),
        ),
        Erasure(
            people="employee_id\n7\n",
            words=("robert", "(71) 555-5598", "edgeham hollow"),
            number="7",
            numbered=r"\.employee_id$|reports_to$",
            kept_number=public("employees.employee_id", "employees.reports_to", "orders.employee_id"),
        ),
    ),
    "odoo": (
        Erasure(
            people="partner_id,email\n7,ann@mail.example\n",
            outcome="partially-erased",
            words=("ann@mail.example", "ann", "lindqvist", "+49 151 12345678", "DE02500105170137075030"),
            # An invoice keeps whose it is, and Berta's order what it was for.
            kept=public("account_move.invoice_partner_display_name", "sale_order.note"),
            number="7",
            numbered=r"partner_id$|author_id$|invoice_id$|shipping_id$|res_partner\.id$",
            kept_number=public(
                "account_move.partner_id",
                "account_move_line.partner_id",
                "res_partner.id",
                "res_users.partner_id",
                "sale_order.partner_id",
                "sale_order.partner_shipping_id",
                "sale_order_line.order_partner_id",
            ),
        ),
    ),
    "pagila": (
        Erasure(
            people="customer_id,email\n7,linda.williams@sakilacustomer.example\n",
            outcome="partially-erased",
            words=("linda", "williams", "linda.williams@sakilacustomer.example", "692 joliet street", "448477190408"),
            number="7",
            numbered=r"\.customer_id$",
            kept_number=public("customer.customer_id", "payment_p2026.customer_id", "rental.customer_id"),
        ),
    ),
    "rails": (
        Erasure(
            people="user_id,email\n7,ann@mail.example\n",
            outcome="partially-erased",
            words=("ann@mail.example", "ann", "lindqvist", "192.0.2.7", "weg 7", "tok-ann", "v8", "w8", "blob8"),
            kept=public("addresses.street", "versions.object"),
            number="7",
            numbered=r"user_id$|owner_id$|manager_id$|recipient_id$|\.users\.id$|whodunnit$",
            kept_number=public(
                "notifications.recipient_id", "orders.user_id", "users.id", "users.manager_id", "versions.whodunnit"
            ),
        ),
    ),
    "saas": (
        Erasure(  # who is somebody else's number elsewhere, and another number of another tenant
            people="user_id,email\n7,ann@mail.example\n",
            controller=f"tenant:{ACME}",
            words=("ann@mail.example", "ann", "lindqvist", "hash-ann"),
            kept=public(
                "audit_log.details", "comments.body", "tenants.billing_email", "users.email", "users.full_name"
            ),
        ),
        Erasure(
            people="contact_id,email\n7,dora@mail.example\n",
            controller=f"tenant:{ACME}",
            outcome="partially-erased",
            words=("dora@mail.example", "dora.b@mail.example", "dora", "+4915112345678"),
            # The other tenant's Dora, Emil's phone, and invoices that are kept.
            kept=public("contacts.email", "contacts.full_name", "contacts.phone", "invoices.bill_to_email"),
        ),
    ),
    "sidekiq": (
        Erasure(
            people="user_id,email\n7,ann@mail.example\n",
            words=("ann@mail.example", "7a7a", "7a7b", "77777777-0000-4000-8000-000000000007", "users/7", "user:7"),
            # `.example.org` is another one's.
            kept=frozenset(
                {
                    "public.users.email",
                    "redis: dead",
                    "redis: rack::attack:29833333:logins/email:ann@mail.example.org",
                }
            ),
            number="7",
            numbered=r"user_id$|users\.id$",
        ),
    ),
}


@pytest.fixture
def cli(database: str, keyspace: Keyspace, tmp_path: Path, fork_server: ForkServer, schema: str) -> CliRunner:
    """Settings for a schema's stores, loaded, with its map."""
    directory = SCHEMAS / schema
    load(database, directory)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPUNGE_")}
    environment |= {
        "PYTHONPATH": ":".join(sys.path),
        "EXPUNGE_DATA_MAP": str(directory / "datamap.yaml"),
        "EXPUNGE_SETTLING": "PT0S",
        "EXPUNGE_STORES__MAIN__URL": database,
    }
    if (directory / "data.redis").exists():
        environment["EXPUNGE_STORES__CACHE__URL"] = keyspace.url
    return CliRunner(tmp_path, environment, fork_server)


def succeeded(answer: CliResult) -> str:
    assert answer.code == 0, answer.output
    return answer.out


@pytest.mark.parametrize("schema", ERASURES)
def test_a_person_goes_as_if_erased_by_hand(cli: CliRunner, database: str, keyspace: Keyspace, schema: str) -> None:
    directory = SCHEMAS / schema
    expected = by_hand(database, keyspace, directory)
    before = picture(database, keyspace.client)
    assert differences(before, expected), "the hand-written erasure does nothing"
    for one in ERASURES[schema]:
        assert places(before, one.words) > one.kept
    succeeded(cli.run("keys", "init"))
    if (directory / "data.redis").exists():
        succeeded(cli.run("adopt", "cache"))
    succeeded(cli.run("check"))
    for one in ERASURES[schema]:
        planned = json.loads(succeeded(cli.run("plan", "-", "-c", one.controller, "--json", stdin=one.people.encode())))
        assert cli.run("erase", planned["id"], "--confirm", planned["digest"]).code == 0
        succeeded(cli.run("run-due"))
        status = json.loads(succeeded(cli.run("status", planned["id"], "--json")))
        assert (status["state"], set(status["outcomes"])) == ("settled", {one.outcome})
        assert {place: counts["due"] for place, counts in status["collections"].items() if counts["due"]} == {}
    after = picture(database, keyspace.client)
    assert differences(after, expected) == []
    for one in ERASURES[schema]:
        assert places(after, one.words) == one.kept
        if one.number:
            assert holding(after, one.numbered, one.number) == one.kept_number
