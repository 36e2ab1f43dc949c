"""A schema for each client, all with the same tables and the same ids, and the map that names them by a pattern."""

from __future__ import annotations

from tests.support.postgres.company import execute

SHARED = """
CREATE TABLE plans (id int PRIMARY KEY);
INSERT INTO plans VALUES (1);
CREATE TABLE sellers (id int PRIMARY KEY, email text NOT NULL);
INSERT INTO sellers VALUES (7, 'ann@x.example'), (8, 'bob@x.example');
"""
_TENANT = """
CREATE SCHEMA {0};
CREATE TYPE {0}.kind AS ENUM ('note', 'post');
CREATE TABLE {0}.users (id int PRIMARY KEY, email text NOT NULL UNIQUE, plan_id int REFERENCES public.plans,
  sold_by int REFERENCES public.sellers, created_at timestamptz NOT NULL DEFAULT '2025-01-01');
CREATE TABLE {0}.posts (id int PRIMARY KEY, author_id int NOT NULL REFERENCES {0}.users,
  kind {0}.kind NOT NULL DEFAULT 'post', body text CHECK (body <> ''));
CREATE INDEX ON {0}.posts (author_id);
CREATE INDEX ON {0}.users (plan_id);
CREATE INDEX ON {0}.users (sold_by);
CREATE TABLE {0}.signatures (post_id int PRIMARY KEY, user_id int NOT NULL, signed_as text);
CREATE INDEX ON {0}.signatures (user_id);
CREATE FUNCTION {0}.signed() RETURNS trigger LANGUAGE plpgsql SET search_path = {0}, pg_catalog AS $$
BEGIN PERFORM FROM {0}.posts WHERE id = NEW.post_id; RETURN NEW; END $$;
CREATE TRIGGER signed BEFORE INSERT ON {0}.signatures FOR EACH ROW EXECUTE FUNCTION {0}.signed();
INSERT INTO {0}.users VALUES (7, 'ann@x.example', 1, NULL), (8, 'bob@x.example', 1, 8);
INSERT INTO {0}.posts VALUES (1, 7, 'post', 'Ann''s'), (2, 8, 'note', 'Bob''s');
INSERT INTO {0}.signatures VALUES (2, 7, 'Ann');
"""
COLLECTIONS = """
users:
  table: "tenant_*.users"
  owner: {controller: client}
  person: user_id
  created: created_at
  found_by: [{column: id, identity: user_id}, {column: email, identity: email}]
  yields: {user_id: id, email: email}
posts: {table: "tenant_*.posts", owner: {controller: client}, found_by: [{column: author_id, of: users.id}]}
signatures:
  table: "tenant_*.signatures"
  owner: {controller: client}
  data_type: anchor
  found_by: [{column: user_id, of: users.id}]
  tombstone: {signed_as: "NULL"}
sellers: {table: public.sellers, found_by: [{column: email, identity: email}], undated: erase}
plans: {table: public.plans, log: {purpose: p, ground: g, retention: P1Y, approved_by: A. Officer}}
"""
NAMES = ("users", "posts", "signatures")


def add_tenants(url: str, *names: str) -> None:
    """Their schemas, with user 7 (Ann), user 8 (Bob) and what they wrote in each."""
    execute(url, "".join(_TENANT.format(f'"tenant_{name}"') for name in names))


def places(name: str) -> set[str]:
    """The tables of one tenant."""
    return {f"tenant_{name}.{table}" for table in NAMES}
