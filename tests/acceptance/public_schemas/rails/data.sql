-- Ann is 7, so are a post and a comment of others; Cleo (9) is Bob's manager, and Bob (8) an Admin in the same table.
INSERT INTO users VALUES
    (9, 'Admin', 'cleo@mail.example', 'x', NULL, NULL, NULL, 'cleo', 'Cleo', NULL, NULL, '2020-01-01', '2020-01-01'),
    (7, 'Customer', 'ann@mail.example', 'x', NULL, '192.0.2.7', '192.0.2.7', 'ann', 'Ann Lindqvist', '+4915112345678', NULL, '2021-01-01', '2021-01-01'),
    (8, 'Admin', 'bob@mail.example', 'x', NULL, '192.0.2.8', NULL, 'bob', 'Bob Marley', '+4915112345678', 9, '2021-01-02', '2021-01-02'),
    (10, 'Customer', 'dora@mail.example', 'x', NULL, NULL, NULL, NULL, 'Dora', NULL, 7, '2022-01-02', '2022-01-02');
INSERT INTO posts VALUES (7, 8, 'Boats', '2024-01-01'), (8, 7, 'Trains', '2024-01-02');
INSERT INTO comments VALUES
    (7, 'Post', 8, 8, 'Nice trains', '2024-02-01'), (8, 'Post', 7, 7, 'Nice boats', '2024-02-02'), (9, 'User', 7, 9, 'About the customer', '2024-02-03'),
    (10, 'User', 8, 9, 'About the admin', '2024-02-04'), (11, 'Comment', 8, 8, 'Thanks', '2024-02-05'), (12, 'Post', 8, 7, 'My own', '2024-02-06');
INSERT INTO addresses (id, addressable_type, addressable_id, street, city, postal_code) VALUES (7, 'Order', 7, 'Hafen 8', 'Kiel', '24103'), (8, 'User', 7, 'Weg 7', 'Berlin', '10115'), (9, 'User', 8, 'Hafen 8', 'Kiel', '24103'), (10, 'Order', 8, 'Weg 7', 'Berlin', '10115'), (11, 'Order', 11, 'Weg 7', 'Berlin', '10115');
INSERT INTO orders VALUES
    (7, 8, NULL, 10, '2026-01-01'), (8, 7, NULL, 20, '2026-01-02'), (9, NULL, 'Ann@mail.example', 30, '2010-01-03'), (10, NULL, 'dora@mail.example', 40, '2010-01-04'), (11, 7, NULL, 50, '2010-01-05');
UPDATE addresses a SET completed_at = o.completed_at FROM orders o WHERE a.addressable_type = 'Order' AND o.id = a.addressable_id;
-- Bob and Ann have the same picture: one blob, two attachments.
INSERT INTO active_storage_blobs VALUES (7, 'blob7', 'boat.png', NULL, '2024-01-01'), (8, 'blob8', 'ann.png', NULL, '2024-01-01'), (9, 'blob9', 'group.png', NULL, '2024-01-01');
INSERT INTO active_storage_attachments VALUES
    (7, 'cover', 'Post', 7, 7, '2024-01-01'), (8, 'avatar', 'User', 7, 8, '2024-01-01'), (9, 'group', 'User', 7, 9, '2024-01-01'), (10, 'group', 'User', 8, 9, '2024-01-01');
INSERT INTO action_text_rich_texts VALUES (7, 'body', '<div>Boats float</div>', 'Post', 7), (8, 'body', '<div>Trains roll</div>', 'Post', 8), (9, 'bio', '<div>Ann!</div>', 'User', 7), (10, 'bio', '<div>Bob!</div>', 'User', 8);
INSERT INTO friendly_id_slugs VALUES (7, 'boats', 7, 'Post', '2024-01-01'), (8, 'trains', 8, 'Post', '2024-01-01'), (9, 'ann', 7, 'User', '2024-01-01'), (10, 'bob', 8, 'User', '2024-01-01');
INSERT INTO notifications VALUES (7, 'User', 8, 'CommentNotification', '{"from": 7}', NULL), (8, 'User', 7, 'CommentNotification', '{"from": 8}', NULL), (9, 'Team', 7, 'DigestNotification', '{}', NULL);
INSERT INTO oauth_access_tokens VALUES (7, 8, 'tok-bob', '2024-01-01'), (8, 7, 'tok-ann', '2024-01-01');
INSERT INTO versions VALUES
    (7, 'Post', 7, 'update', '7', 'title: Boat', '2024-03-01'), (8, 'User', 7, 'update', '9', 'email: ann@mail.example', '2024-03-02'), (9, 'User', 8, 'update', '9', 'email: bob@mail.example', '2024-03-03');
INSERT INTO ahoy_visits VALUES (7, 'v7', 'w7', 8, '192.0.2.8', 'Firefox', '2026-01-01'), (8, 'v8', 'w8', 7, '192.0.2.7', 'Firefox', '2026-01-01'), (9, 'v9', 'w8', NULL, '192.0.2.7', 'Firefox', '2025-12-01');
INSERT INTO ahoy_events VALUES (7, 7, 8, 'view', '{"page": "/boats"}', '2026-01-01'), (8, 8, 7, 'view', '{"page": "/trains"}', '2026-01-01'), (9, 9, NULL, 'view', '{"page": "/"}', '2025-12-01'), (10, 8, NULL, 'view', '{"page": "/sign_in"}', '2026-01-01');
INSERT INTO delayed_jobs VALUES (7, '--- !ruby/object:ReindexJob {}', NULL, '2026-01-01', NULL);
INSERT INTO schema_migrations VALUES ('20240101000000');
INSERT INTO ar_internal_metadata VALUES ('environment', 'production');
