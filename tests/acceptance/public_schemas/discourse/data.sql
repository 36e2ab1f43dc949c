-- Ann is 7; topic 7, post 7 and bookmark 7 are Bob's. staged users (9) are people who only ever wrote by mail.
INSERT INTO users VALUES
    (7, 'Ann_L', '2021-01-01', '2021-01-01', 'Ann Lindqvist', NULL, true, 'ann_l', '192.0.2.7', '192.0.2.7', NULL, 7, false),
    (8, 'bob', '2021-01-02', '2021-01-02', 'Bob Marley', NULL, true, 'bob', '192.0.2.8', NULL, NULL, NULL, false),
    (9, 'cleo1', '2022-01-02', '2022-01-02', NULL, NULL, false, 'cleo1', NULL, NULL, NULL, NULL, true),
    (1, 'admin', '2020-01-01', '2020-01-01', 'Admin', NULL, true, 'admin', NULL, NULL, NULL, NULL, false);
INSERT INTO user_emails VALUES
    (7, 8, 'bob@mail.example', NULL, true, '2021-01-02', '2021-01-02'),
    (8, 7, 'Ann@mail.example', 'ann@mail.example', true, '2021-01-01', '2021-01-01'),
    (9, 7, 'ann@work.example', NULL, false, '2021-02-01', '2021-02-01'),
    (10, 9, 'cleo@mail.example', NULL, true, '2022-01-02', '2022-01-02'),
    (11, 1, 'admin@forum.example', NULL, true, '2020-01-01', '2020-01-01');
INSERT INTO user_profiles VALUES (7, 'Malmö', 'https://ann.example', 'I am Ann', '<p>I am Ann</p>'), (8, NULL, NULL, 'Friend of @Ann_L', '<p>Friend of @Ann_L</p>');
INSERT INTO user_auth_tokens VALUES (7, 8, 'tb1', 'tb0', 'Firefox', '192.0.2.8', '2026-01-01'), (8, 7, 'ta1', 'ta0', 'Firefox', '192.0.2.7', '2026-01-01');
INSERT INTO single_sign_on_records VALUES (7, 8, '7', 'email=bob%40mail.example', 'bob@mail.example', 'bob', '2021-01-02'), (8, 7, '8', 'email=ann%40mail.example', 'ann@mail.example', 'ann', '2021-01-01');
INSERT INTO topics VALUES (7, 'Boats', '2024-01-01', 8, 7, 'regular'), (8, 'Trains', '2024-01-02', 7, 8, 'regular'), (9, 'Private', '2024-01-03', 7, 8, 'private_message');
INSERT INTO posts VALUES
    (7, 8, 7, 1, 'Boats float', '<p>Boats float</p>', '2024-01-01', NULL, 8, NULL, NULL),
    (8, 7, 7, 2, 'They do', '<p>They do</p>', '2024-01-01', 8, 1, NULL, NULL),
    (9, 7, 8, 1, 'Trains roll', '<p>Trains roll</p>', '2024-01-02', NULL, 7, NULL, NULL),
    (10, 8, 8, 2, '@Ann_L they do', '<p>@Ann_L they do</p>', '2024-01-02', 7, 7, NULL, NULL),
    (11, 7, 9, 1, 'Secret', '<p>Secret</p>', '2024-01-03', NULL, 7, NULL, NULL),
    (12, 8, 9, 2, 'Sure', '<p>Sure</p>', '2024-01-03', 7, 8, NULL, NULL),
    (13, 9, 7, 3, 'By mail', '<p>By mail</p>', '2024-01-04', NULL, 9, 7, 'From: cleo@mail.example');
INSERT INTO post_actions VALUES (7, 9, 8, 2, '2024-02-01'), (8, 7, 7, 2, '2024-02-02');
INSERT INTO topic_allowed_users VALUES (1, 7, 9), (7, 8, 9);
INSERT INTO drafts VALUES (7, 8, 'topic_7', '{"reply":"hm"}', '2026-01-01'), (8, 7, 'topic_8', '{"reply":"Ann''s draft"}', '2026-01-01');
INSERT INTO notifications VALUES
    (7, 2, 8, '{"topic_title":"Boats","display_username":"Ann_L"}', true, '2024-01-01', 7, 2),
    (8, 2, 7, '{"topic_title":"Trains","display_username":"bob"}', true, '2024-01-02', 8, 2);
INSERT INTO bookmarks VALUES (7, 8, NULL, '2024-03-01', 7, 'User'), (8, 7, 'later', '2024-03-01', 8, 'Topic'), (9, 8, NULL, '2024-03-02', 7, 'Topic');
INSERT INTO invites VALUES (7, 'inv7', 'ann@mail.example', 8, '2020-12-30', 'Join us'), (8, 'inv8', 'dora@mail.example', 7, '2024-01-01', 'Dear Dora'), (9, 'inv9', NULL, 1, '2024-01-01', NULL);
INSERT INTO email_logs VALUES (7, 'bob@mail.example', 'digest', 8, '2026-01-01', NULL), (8, 'ann@mail.example', 'digest', 7, '2026-01-01', NULL);
INSERT INTO user_histories VALUES (7, 1, 1, 8, NULL, '2025-01-01', NULL, NULL), (8, 1, 1, 7, 'Renamed to Ann_L', '2025-01-02', 'ann@mail.example', '192.0.2.7');
-- Cleo writes to Ann and Bob; Ann writes from the office; somebody who was called Ann before her wrote in 2019.
INSERT INTO incoming_emails VALUES
    (7, 9, 7, 13, 'From: cleo@mail.example To: ann@mail.example', 'm7', 'cleo@mail.example', 'ann@mail.example;bob@mail.example', 'Boats', '2024-01-04'),
    (8, 7, 8, NULL, 'From: ann@work.example', 'm8', 'ann@work.example', 'forum@forum.example', 'Trains', '2024-01-05'),
    (9, NULL, NULL, NULL, 'From: ann@mail.example', 'm9', 'ann@mail.example', 'forum@forum.example', 'Hello', '2024-01-06');
