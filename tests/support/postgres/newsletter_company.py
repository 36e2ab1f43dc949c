"""A company with accounts, posts and a newsletter that is found by account or by address alone."""

from __future__ import annotations

DAY = "created_at timestamptz NOT NULL DEFAULT '2025-01-01'"
COLLECTIONS = """
users: {table: public.users, person: user_id, yields: {user_id: id, email: email},
  created: created_at, found_by: [{column: id, identity: user_id}, {column: email, identity: email}]}
posts: {table: public.posts, found_by: [{column: user_id, of: users.id}]}
news: {table: public.news, created: created_at,
  found_by: [{column: user_id, of: users.id}, {column: email, identity: email}]}
"""
SCHEMA = f"""
CREATE TABLE users (id int PRIMARY KEY, email text, {DAY});
CREATE TABLE posts (id int PRIMARY KEY, user_id int);
CREATE TABLE news (id int PRIMARY KEY, user_id int, email text, {DAY});
INSERT INTO users VALUES (1, 'home@x.example'), (2, 'bob@x.example');
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
"""
REFUSED = "CREATE TRIGGER no BEFORE DELETE ON news FOR EACH ROW EXECUTE FUNCTION no()"
"""From then on the database refuses to erase a letter."""
