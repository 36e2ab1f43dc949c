"""Rows that stay and point to rows to be deleted: seen before, and what is seen is what the server refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.postgres.company import CUTOFF, actions, dump, execute, opened, resolved, subject
from tests.support.postgres.inspection import findings
from tests.support.postgres.small_schemas import ACME, left, shape

from expunge_connectors.contract import Obstacle, SubjectKey, no_beat
from expunge_connectors.errors import StillReferencedError
from expunge_connectors.postgres import obstacles

TABLES = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users, approved_by int REFERENCES users,
                    answers int REFERENCES posts, body json);
CREATE TABLE likes (id int PRIMARY KEY, post_id int REFERENCES posts, user_id int REFERENCES users);
INSERT INTO users VALUES (1), (2), (3);
INSERT INTO posts VALUES (1, 1, NULL, NULL), (2, 2, 1, NULL), (3, 1, 3, 1), (4, 2, NULL, 3), (5, 3, NULL, NULL);
INSERT INTO likes VALUES (1, 1, 2), (2, 1, 3), (3, 1, 1), (4, 5, 3), (5, 2, 1);
"""
MAP = """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
posts: {table: public.posts, found_by: [{column: user_id, of: users.id}]}
approvals:
  table: public.posts
  data_type: anchor
  found_by: [{column: approved_by, of: users.id}]
  tombstone: {approved_by: "NULL"}
likes: {table: public.likes, found_by: [{column: user_id, of: users.id}]}
"""


def test_rows_of_others_that_point_to_what_would_go_are_counted_before(database):
    execute(database, TABLES)
    loaded = shape(MAP)
    told = {one.message.split()[2] for one in findings(database, loaded) if one.code == "foreign-key-of-others"}
    assert told == {"public.likes", "public.posts"}
    before = dump(database)
    with opened(database, loaded) as store:
        ann, bob, cleo = resolved(store, [subject(number, user_id=str(number)) for number in (1, 2, 3)], ACME)
        assert set(store.count_with_obstacles([ann], ACME, CUTOFF)[1]) == {
            Obstacle(1, "posts", "public.likes", "likes_post_id_fkey", 2),
            Obstacle(1, "posts", "public.posts", "posts_answers_fkey", 1),
        }
        many = replace(ann, keys=ann.keys | {SubjectKey("user_id", str(number)) for number in range(100, 3_000)})
        assert set(store.count_with_obstacles([many], ACME, CUTOFF)[1]) == set(
            store.count_with_obstacles([ann], ACME, CUTOFF)[1]
        )
        # Cleo's row goes with her, and Bob's post that Ann approved stays as hers goes.
        assert store.count_with_obstacles([cleo], ACME, CUTOFF)[1] == []
        assert [one.number for one in store.count_with_obstacles([ann, bob], ACME, CUTOFF)[1]] == [1]
        assert store.count_with_obstacles([ann, bob, cleo], ACME, CUTOFF)[1] == []
        assert dump(database) == before
        with pytest.raises(StillReferencedError):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert dump(database) == before
        store.erase([ann, bob, cleo], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
    assert [left(database, table) for table in ("users", "posts", "likes")] == [[], [], []]


def test_what_is_in_the_way_is_not_asked_where_nothing_is_due(database, monkeypatch):
    execute(database, TABLES)
    asked = []
    answers = obstacles.answers
    monkeypatch.setattr(obstacles, "answers", lambda search, *what: asked.append(search) or answers(search, *what))
    with opened(database, shape(MAP)) as store:
        ann, dora = resolved(store, [subject(number, user_id=str(number)) for number in (1, 4)], ACME)
        assert store.count_with_obstacles([dora], ACME, CUTOFF)[1] == []
        assert asked == []
        assert store.count_with_obstacles([ann], ACME, CUTOFF)[1] != []
        assert len(asked) == 1


@pytest.mark.parametrize("yields", ["", "yields: {token: token}, "])
def test_rows_of_two_people_that_stay_are_in_the_way_of_what_they_point_to(database, yields):
    """Bob's comment below Ann's post is found by the post, and is his as well: so it stays, and needs the post.

    Nothing waits for keys of it, which nobody asks for: the server's refusal is told.
    """
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY);"
        "CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users);"
        "CREATE TABLE comments (id int PRIMARY KEY, post_id int REFERENCES posts, user_id int, token text UNIQUE);"
        "INSERT INTO users VALUES (1), (2); INSERT INTO posts VALUES (1, 1), (2, 2);"
        "INSERT INTO comments VALUES (1, 1, 1, 'a'), (2, 1, 2, 'b'), (3, 2, 2, 'c')",
    )
    loaded = shape(f"""
users: {{table: public.users, person: user_id, found_by: [{{column: id, identity: user_id}}], yields: {{user_id: id}}}}
posts: {{table: public.posts, found_by: [{{column: user_id, of: users.id}}]}}
comments: {{table: public.comments, {yields}
  found_by: [{{column: post_id, of: posts.id}}, {{column: user_id, of: users.id}}]}}
""")
    before = dump(database)
    with opened(database, loaded) as store:
        [ann] = resolved(store, [subject(1, user_id="1")], ACME)
        both = resolved(store, [subject(number, user_id=str(number)) for number in (1, 2)], ACME)
        told = [Obstacle(1, "posts", "public.comments", "comments_post_id_fkey", 1)]
        assert store.count_with_obstacles([ann], ACME, CUTOFF)[1] == told
        assert store.count_with_obstacles(both, ACME, CUTOFF)[1] == []
        with pytest.raises(StillReferencedError):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
        assert dump(database) == before


def test_a_row_of_others_below_a_shared_row_is_counted_before(database):
    """Dan's transaction in Ann's wallet, which nobody else owns: the wallet would go with her, and cannot."""
    execute(
        database,
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE wallets (id int PRIMARY KEY);"
        "CREATE TABLE owners (id int PRIMARY KEY, wallet_id int REFERENCES wallets, user_id int REFERENCES users);"
        "CREATE TABLE payments (id int PRIMARY KEY, wallet_id int REFERENCES wallets, by_user int REFERENCES users);"
        "INSERT INTO users VALUES (1), (4); INSERT INTO wallets VALUES (2); INSERT INTO owners VALUES (1, 2, 1);"
        "INSERT INTO payments VALUES (3, 2, 1), (5, 2, NULL), (6, 2, 4)",
    )
    loaded = shape(
        """
users: {table: public.users, person: user_id, found_by: [{column: id, identity: user_id}], yields: {user_id: id}}
owners: {table: public.owners, found_by: [{column: user_id, of: users.id}]}
wallets: {table: public.wallets, sharing: last_owner, found_by: [{column: id, of: owners.wallet_id}]}
payments: {table: public.payments, found_by: [{column: by_user, of: users.id}, {column: wallet_id, of: wallets.id}]}
"""
    )
    with opened(database, loaded) as store:
        ann, dan = resolved(store, [subject(number, user_id=str(number)) for number in (1, 4)], ACME)
        assert store.count_with_obstacles([ann], ACME, CUTOFF)[1] == [
            Obstacle(1, "wallets", "public.payments", "payments_wallet_id_fkey", 1)
        ]
        assert store.count_with_obstacles([ann, dan], ACME, CUTOFF)[1] == []
        with pytest.raises(StillReferencedError):
            store.erase([ann], actions(loaded, "acme"), ACME, CUTOFF, no_beat)
