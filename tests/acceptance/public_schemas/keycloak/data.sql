-- Ann has an account in two realms, with one address. Bob has the name that is Ann's in the other realm.
INSERT INTO realm VALUES ('shop', 'Shop'), ('club', 'Club');
INSERT INTO client VALUES ('c1', 'account', 'shop'), ('c2', 'account', 'club');
INSERT INTO keycloak_role VALUES ('r1', 'offline_access', 'shop', NULL, NULL), ('r2', 'offline_access', 'club', NULL, NULL);
INSERT INTO keycloak_group VALUES ('g1', 'Customers', ' ', 'shop'), ('g2', 'Members', ' ', 'club');
INSERT INTO user_entity VALUES
    ('7a000000-0000-4000-8000-000000000001', 'ann@mail.example', 'ann@mail.example', true, true, NULL, 'Ann', 'Lindqvist', 'shop', 'ann', 1700000000000, NULL, 0),
    ('7a000000-0000-4000-8000-0000000000f2', 'ann@mail.example', 'ann@mail.example', true, true, NULL, 'Ann', 'Lindqvist', 'club', 'ann.l', 1710000000000, NULL, 0),
    ('8b000000-0000-4000-8000-000000000002', 'bob@mail.example', 'bob@mail.example', true, true, NULL, 'Bob', 'Marley', 'shop', 'ann.l', 1700000000001, NULL, 0),
    ('9c000000-0000-4000-8000-000000000003', NULL, '9c9c9c9c-0000-4000-8000-000000000000', false, true, NULL, 'Cleo', NULL, 'club', 'ann', NULL, NULL, 0);
INSERT INTO user_attribute (name, value, user_id, id) VALUES
    ('phone', '+4915112345678', '7a000000-0000-4000-8000-000000000001', 'a1'), ('phone', '+4915112345678', '8b000000-0000-4000-8000-000000000002', 'a2'),
    ('locale', 'sv', '7a000000-0000-4000-8000-000000000001', 'a3'), ('phone', '+4915112345678', '7a000000-0000-4000-8000-0000000000f2', 'a4');
INSERT INTO credential VALUES
    ('k1', NULL, 'password', '7a000000-0000-4000-8000-000000000001', 1700000000000, NULL, '{"value":"hash1"}', '{"algorithm":"argon2"}', 10),
    ('k2', NULL, 'password', '8b000000-0000-4000-8000-000000000002', 1700000000001, NULL, '{"value":"hash2"}', '{"algorithm":"argon2"}', 10),
    ('k3', NULL, 'otp', '7a000000-0000-4000-8000-000000000001', 1700000000002, 'Ann''s phone', '{"value":"otp"}', '{}', 20);
INSERT INTO user_role_mapping VALUES ('r1', '7a000000-0000-4000-8000-000000000001'), ('r1', '8b000000-0000-4000-8000-000000000002'), ('r2', '7a000000-0000-4000-8000-0000000000f2');
INSERT INTO user_group_membership VALUES ('g1', '7a000000-0000-4000-8000-000000000001', 'UNMANAGED'), ('g1', '8b000000-0000-4000-8000-000000000002', 'UNMANAGED');
INSERT INTO user_required_action VALUES ('7a000000-0000-4000-8000-000000000001', 'UPDATE_PASSWORD'), ('8b000000-0000-4000-8000-000000000002', 'UPDATE_PASSWORD');
INSERT INTO federated_identity VALUES
    ('google', 'shop', '1077', 'ann@mail.example', NULL, '7a000000-0000-4000-8000-000000000001'), ('google', 'shop', '1088', 'bob@mail.example', NULL, '8b000000-0000-4000-8000-000000000002');
INSERT INTO user_consent VALUES ('uc1', 'c1', '7a000000-0000-4000-8000-000000000001', 1700000000000, NULL), ('uc2', 'c1', '8b000000-0000-4000-8000-000000000002', 1700000000000, NULL);
INSERT INTO user_consent_client_scope VALUES ('uc1', 's1'), ('uc2', 's1'), ('uc1', 's2');
INSERT INTO broker_link VALUES ('github', NULL, 'shop', '77', 'annl', 'tok', '7a000000-0000-4000-8000-000000000001'), ('github', NULL, 'shop', '88', 'bobm', 'tok', '8b000000-0000-4000-8000-000000000002');
INSERT INTO offline_user_session VALUES
    ('us1', '7a000000-0000-4000-8000-000000000001', 'shop', 1700000000, '1', '{"ipAddress":"192.0.2.7"}', 1700000100),
    ('us2', '8b000000-0000-4000-8000-000000000002', 'shop', 1700000000, '1', '{"ipAddress":"192.0.2.8"}', 1700000100),
    ('us1', '7a000000-0000-4000-8000-000000000001', 'shop', 1700000000, '0', '{"ipAddress":"192.0.2.7"}', 1700000100);
INSERT INTO offline_client_session VALUES ('us1', 'c1', '1', 1700000000, '{}'), ('us2', 'c1', '1', 1700000000, '{}'), ('us1', 'c1', '0', 1700000000, '{}');
INSERT INTO event_entity VALUES
    ('e1', 'account', '{"username":"ann","code_id":"us1"}', NULL, '192.0.2.7', 'shop', 'us1', 1700000000000, 'LOGIN', '7a000000-0000-4000-8000-000000000001', NULL),
    ('e2', 'account', '{"username":"ann.l"}', NULL, '192.0.2.8', 'shop', 'us2', 1700000000000, 'LOGIN', '8b000000-0000-4000-8000-000000000002', NULL),
    ('e3', 'account', '{"username":"ann@mail.example"}', 'user_not_found', '192.0.2.7', 'shop', NULL, 1690000000000, 'LOGIN_ERROR', NULL, NULL);
INSERT INTO admin_event_entity VALUES
    ('x1', 1700000000000, 'shop', 'UPDATE', 'shop', 'c1', '8b000000-0000-4000-8000-000000000002', '192.0.2.8', 'users/7a000000-0000-4000-8000-000000000001', '{"email":"ann@mail.example"}', NULL, 'USER'),
    ('x2', 1700000000000, 'shop', 'UPDATE', 'shop', 'c1', '8b000000-0000-4000-8000-000000000002', '192.0.2.8', 'users/8b000000-0000-4000-8000-000000000002', '{"email":"bob@mail.example"}', NULL, 'USER');
