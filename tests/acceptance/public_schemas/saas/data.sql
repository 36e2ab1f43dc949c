-- User 7 is Ann at Acme and Bob at Globex; Ann is user 8 there, with the same address.
INSERT INTO tenants VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'Acme', 'billing@acme.example'), ('bbbbbbbb-0000-4000-8000-000000000002', 'Globex', 'ann@mail.example');
INSERT INTO users VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 7, 'ann@mail.example', 'Ann Lindqvist', '2024-01-01'), ('aaaaaaaa-0000-4000-8000-000000000001', 8, 'cleo@mail.example', 'Cleo', '2024-01-02'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 7, 'bob@mail.example', 'Bob Marley', '2024-01-01'), ('bbbbbbbb-0000-4000-8000-000000000002', 8, 'ann@mail.example', 'Ann Lindqvist', '2024-01-03');
INSERT INTO api_keys VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 1, 7, 'hash-ann'), ('aaaaaaaa-0000-4000-8000-000000000001', 2, 8, 'hash-cleo'), ('bbbbbbbb-0000-4000-8000-000000000002', 1, 7, 'hash-bob');
INSERT INTO projects VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 7, 8, 'Boats'), ('aaaaaaaa-0000-4000-8000-000000000001', 8, 7, 'Trains'), ('bbbbbbbb-0000-4000-8000-000000000002', 7, 7, 'Rails');
INSERT INTO tasks VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 7, 7, 7, 8, 'Paint the boat'), ('aaaaaaaa-0000-4000-8000-000000000001', 8, 7, 8, 7, 'Ann asks Cleo to row'), ('aaaaaaaa-0000-4000-8000-000000000001', 9, 8, 8, 8, 'Buy tracks'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 7, 7, 7, 8, 'Lay rails'), ('bbbbbbbb-0000-4000-8000-000000000002', 8, 7, NULL, 7, 'Weld');
INSERT INTO comments VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 7, 7, 8, 'Blue, please', '2025-01-01'), ('aaaaaaaa-0000-4000-8000-000000000001', 8, 7, 7, 'Ann says green', '2025-01-02'), ('bbbbbbbb-0000-4000-8000-000000000002', 7, 7, 7, 'Done', '2025-01-03'), ('bbbbbbbb-0000-4000-8000-000000000002', 8, 7, 8, 'Thanks, Ann', '2025-01-03');
-- Contacts are the tenants' customers: Dora is one of both, with one address; Emil has her phone.
INSERT INTO contacts VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 7, 'dora@mail.example', '+4915112345678', 'Dora Home', '{"backup_email": "dora.b@mail.example"}', '2024-05-01'),
    ('aaaaaaaa-0000-4000-8000-000000000001', 8, 'emil@mail.example', '+4915112345678', 'Emil Home', '{}', '2024-05-02'),
    ('bbbbbbbb-0000-4000-8000-000000000002', 7, 'dora@mail.example', NULL, 'Dora Home', '{"tier": "gold"}', '2024-05-03');
INSERT INTO invoices VALUES
    ('aaaaaaaa-0000-4000-8000-000000000001', 7, 8, 'emil@mail.example', '2026-01-01', 10), ('aaaaaaaa-0000-4000-8000-000000000001', 8, 7, 'dora@mail.example', '2026-01-02', 20), ('aaaaaaaa-0000-4000-8000-000000000001', 9, 7, 'dora@mail.example', '2010-01-02', 30),
    ('bbbbbbbb-0000-4000-8000-000000000002', 7, 7, 'dora@mail.example', '2010-01-03', 40), ('aaaaaaaa-0000-4000-8000-000000000001', 10, NULL, 'Dora@mail.example', '2026-01-04', 50);
INSERT INTO audit_log VALUES ('aaaaaaaa-0000-4000-8000-000000000001', '2025-01-02', 7, 'comment', '{"email": "ann@mail.example"}'), ('bbbbbbbb-0000-4000-8000-000000000002', '2025-01-02', 7, 'comment', '{"email": "bob@mail.example"}');
