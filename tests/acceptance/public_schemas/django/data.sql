INSERT INTO django_content_type VALUES (1, 'auth', 'group'), (4, 'auth', 'user'), (7, 'blog', 'entry'), (8, 'taggit', 'tag');
INSERT INTO auth_permission VALUES (7, 'Can add entry', 7, 'add_entry'), (8, 'Can change entry', 7, 'change_entry');
INSERT INTO auth_group VALUES (7, 'Editors'), (8, 'Readers');
-- Ann is 7, as entries, groups, tags and content types are. Dora and Emil share an address: auth_user allows that.
INSERT INTO auth_user VALUES
    (7, 'pbkdf2_sha256$1', '2026-09-01', false, 'ann.lind', 'Ann', 'Lindqvist', 'Ann.Lind@mail.example', false, true, '2021-03-01'),
    (8, 'pbkdf2_sha256$2', '2026-09-02', false, 'bob', 'Bob', 'Marley', 'bob@mail.example', true, true, '2021-03-02'),
    (9, 'pbkdf2_sha256$3', NULL, true, 'cleo', 'Cleo', 'Admin', 'cleo@mail.example', true, true, '2020-01-01'),
    (10, 'pbkdf2_sha256$4', NULL, false, 'dora', 'Dora', 'Home', 'family@home.example', false, true, '2022-01-01'),
    (11, 'pbkdf2_sha256$5', NULL, false, 'emil', 'Emil', 'Home', 'family@home.example', false, true, '2022-01-02');
INSERT INTO auth_user_groups VALUES (1, 7, 7), (7, 8, 7), (8, 8, 8), (9, 10, 8), (10, 11, 8);
INSERT INTO auth_user_user_permissions VALUES (1, 7, 7), (7, 8, 7);
INSERT INTO django_admin_log VALUES
    (7, '2026-05-01', '7', 'ann.lind', 2, '[{"changed": {"fields": ["Email address"]}}]', 4, 9),
    (8, '2026-05-02', '7', 'Ann on trains', 2, '[]', 7, 8),
    (9, '2026-05-03', '8', 'bob', 2, '[]', 4, 9),
    (10, '2026-05-04', '8', 'Bob on boats', 1, '[{"added": {}}]', 7, 7);
INSERT INTO django_session VALUES
    ('s7ann0000000000000000000000000001', 'eyJfYXV0aF91c2VyX2lkIjoiNyJ9:1tAnn', '2027-01-01'),
    ('s8bob0000000000000000000000000001', 'eyJfYXV0aF91c2VyX2lkIjoiOCJ9:1tBob', '2027-01-01'),
    ('nobody000000000000000000000000001', 'e30:1tNone', '2027-01-01');
INSERT INTO usersessions_usersession VALUES
    (7, '2026-08-02', '192.0.2.8', '2026-09-02', 's8bob0000000000000000000000000001', 'Firefox', '{}', 8),
    (8, '2026-08-01', '192.0.2.7', '2026-09-01', 's7ann0000000000000000000000000001', 'Firefox', '{}', 7);
-- Bob has an address that was Ann's at her former employer.
INSERT INTO account_emailaddress VALUES
    (7, 'bob@mail.example', true, true, 8), (8, 'ann.lind@mail.example', true, true, 7),
    (9, 'office@work.example', true, false, 8), (10, 'office@work.example', false, false, 7),
    (11, 'family@home.example', true, true, 10), (12, 'ann.private@mail.example', true, false, 7);
INSERT INTO authtoken_token VALUES
    ('a7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3a7f3', '2022-01-01', 7), ('b8f3b8f3b8f3b8f3b8f3b8f3b8f3b8f3b8f3b8f3', '2022-01-01', 8);
INSERT INTO blog_entry VALUES
    (7, 8, 'Bob on boats', 'Boats float.', '2025-02-01'), (8, 7, 'Ann on trains', 'Trains roll.', '2025-01-01'),
    (9, 9, 'News', 'Nothing.', '2025-03-01');
-- Under Ann's entry (8), under Bob's (7), on Ann herself (content type 4, object 7) and on Bob himself (4, 8).
INSERT INTO django_comments VALUES
    (7, '8', 'Bob M.', 'bob@mail.example', '', 'Nice trains', '2025-01-02', '192.0.2.8', true, false, 7, 8),
    (8, '7', 'Ann L.', 'ann.lind@mail.example', 'https://ann.example', 'Nice boats', '2025-02-02', '192.0.2.7', true, false, 7, 7),
    (9, '7', 'cleo', 'cleo@mail.example', '', 'Boats!', '2025-02-03', '192.0.2.9', true, false, 7, 9),
    (10, '7', 'cleo', 'cleo@mail.example', '', 'Welcome, Ann', '2025-02-04', '192.0.2.9', true, false, 4, 9),
    (11, '8', 'cleo', 'cleo@mail.example', '', 'Welcome, Bob', '2025-02-05', '192.0.2.9', true, false, 4, 9),
    (12, '9', 'Ann L.', 'ANN.LIND@mail.example', '', 'As a guest', '2020-02-06', '192.0.2.7', true, false, 7, NULL),
    (13, '9', 'Ann', 'ann.private@mail.example', '', 'As a guest again', '2021-02-06', '192.0.2.7', true, false, 7, NULL),
    (14, '9', 'guest', 'office@work.example', '', 'From the office of both', '2021-02-07', NULL, true, false, 7, NULL),
    (15, '9', 'Home', 'family@home.example', '', 'From the family', '2021-02-08', NULL, true, false, 7, NULL);
INSERT INTO taggit_tag VALUES (7, 'boats', 'boats'), (8, 'trains', 'trains');
-- Tags of Bob's entry (7), of Ann's (8), of news (9), of Ann herself (content type 4, object 7) and of Bob himself (4, 8).
INSERT INTO taggit_taggeditem VALUES (7, 7, 7, 7), (8, 8, 7, 8), (9, 9, 7, 8), (10, 8, 4, 7), (11, 7, 4, 8);
