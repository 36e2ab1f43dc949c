-- Ann is account 107 and user 7; account 7 is Remi of another server, user 107 is Bob, account 108.
INSERT INTO accounts VALUES
    (107, 'ann', NULL, 'key-ann', 'pub', '2021-01-01', '2021-01-01', 'I like trains', 'Ann Lindqvist', 'https://m.example/users/ann', NULL, 'ann.png', '[{"name": "Web", "value": "https://ann.example"}]', NULL, '{}'),
    (108, 'bob', NULL, 'key-bob', 'pub', '2021-01-02', '2021-01-02', 'Friend of @ann', 'Bob', 'https://m.example/users/bob', NULL, NULL, NULL, NULL, '{}'),
    (109, 'mod', NULL, 'key-mod', 'pub', '2020-01-01', '2020-01-01', '', 'Moderator', 'https://m.example/users/mod', NULL, NULL, NULL, NULL, '{}'),
    (7, 'ann', 'other.example', NULL, 'pub', '2021-01-03', '2021-01-03', '', 'Remi', 'https://other.example/users/ann', NULL, NULL, NULL, NULL, '{}'),
    (110, 'old', NULL, 'key-old', 'pub', '2019-01-03', '2019-01-03', '', 'Old', 'https://m.example/users/old', NULL, NULL, NULL, 107, '{https://m.example/users/ann}');
INSERT INTO users VALUES
    (7, 'ann@mail.example', '2021-01-01', '2021-01-01', 'x', NULL, '2026-01-01', NULL, NULL, 'sv', NULL, 107, '192.0.2.7', NULL, '{}'),
    (107, 'bob@mail.example', '2021-01-02', '2021-01-02', 'x', NULL, '2026-01-01', NULL, NULL, 'en', NULL, 108, '192.0.2.8', NULL, '{}'),
    (109, 'mod@m.example', '2020-01-01', '2020-01-01', 'x', NULL, NULL, NULL, NULL, 'en', NULL, 109, NULL, NULL, NULL),
    (110, 'old@m.example', '2019-01-01', '2019-01-01', 'x', NULL, NULL, NULL, NULL, 'en', NULL, 110, NULL, NULL, NULL);
INSERT INTO session_activations VALUES (7, 'sess-bob', '2026-01-01', '2026-01-01', 'Firefox', '192.0.2.8', 107), (107, 'sess-ann', '2026-01-01', '2026-01-01', 'Firefox', '192.0.2.7', 7);
INSERT INTO login_activities VALUES (7, 107, 'password', true, '192.0.2.8', 'Firefox', '2026-01-01'), (8, 7, 'password', true, '192.0.2.7', 'Firefox', '2026-01-01');
INSERT INTO oauth_access_tokens VALUES (7, 'tok-bob', '2025-01-01', 'read', 107, NULL), (8, 'tok-ann', '2025-01-01', 'read', 7, '192.0.2.7'), (9, 'tok-app', '2025-01-01', 'read', NULL, NULL);
-- 201 Ann; 202 Bob replies to her; 203 Bob boosts her; 204 Ann replies to Bob's 205; 206 Ann boosts Bob's 205.
INSERT INTO statuses VALUES
    (201, NULL, 'Trains roll', '2024-01-01', '2024-01-01', NULL, NULL, NULL, '', 71, 107, NULL, NULL),
    (202, NULL, '@ann they do', '2024-01-02', '2024-01-02', 201, NULL, NULL, '', 71, 108, 107, NULL),
    (205, NULL, 'Boats float', '2024-01-03', '2024-01-03', NULL, NULL, NULL, '', 72, 108, NULL, NULL),
    (204, NULL, '@bob they do', '2024-01-04', '2024-01-04', 205, NULL, NULL, '', 72, 107, 108, NULL),
    (203, NULL, '', '2024-01-05', '2024-01-05', NULL, 201, NULL, '', 71, 108, NULL, NULL),
    (206, NULL, '', '2024-01-06', '2024-01-06', NULL, 205, NULL, '', 72, 107, NULL, NULL),
    (107, NULL, 'Status 107', '2024-01-07', '2024-01-07', NULL, NULL, NULL, '', 73, 108, NULL, NULL);
INSERT INTO mentions VALUES (1, 202, 107, '2024-01-02', false), (2, 204, 108, '2024-01-04', false), (7, 107, 7, '2024-01-07', false);
INSERT INTO favourites VALUES (1, 107, 205, '2024-02-01'), (2, 108, 201, '2024-02-02'), (7, 108, 107, '2024-02-03'), (8, 7, 201, '2024-02-03');
INSERT INTO follows VALUES (1, '2024-01-01', 107, 108, NULL), (2, '2024-01-01', 108, 107, NULL), (7, '2024-01-01', 108, 7, NULL);
INSERT INTO account_notes VALUES (1, 107, 108, 'Bob of the harbour', '2024-01-01'), (2, 108, 107, 'Ann of the station', '2024-01-01'), (7, 108, 7, 'Not that Ann', '2024-01-01');
INSERT INTO media_attachments VALUES
    (107, 205, 'boat.png', '', '2024-01-03', 108, 'A boat'), (108, 201, 'train.png', '', '2024-01-01', 107, 'A train'),
    (109, NULL, 'draft.png', '', '2024-01-01', 107, 'Not sent');
INSERT INTO account_conversations VALUES
    (1, 107, 71, '{108}', '{201,202}', 202, false), (2, 108, 71, '{107,7}', '{201,202}', 202, true), (7, 108, 73, '{7}', '{107}', 107, false);
INSERT INTO reports VALUES
    (7, '{205}', 'Too wet', '2025-01-01', 107, 109, 108, 109), (8, '{201}', 'Too loud', '2025-01-02', 108, 109, 107, NULL),
    (9, '{107}', 'Spam', '2025-01-03', 108, 109, 7, NULL);
INSERT INTO admin_action_logs VALUES
    (7, 109, 'silence', 'Account', 107, '2025-01-02', 'ann', NULL), (8, 109, 'destroy', 'Status', 107, '2025-01-03', 'bob', NULL);
