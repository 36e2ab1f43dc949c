SET session_replication_role = replica;  -- the company, its partner and the first user point to each other
INSERT INTO res_company VALUES (1, 'Acme', 1);
INSERT INTO res_users VALUES
    (2, 1, 3, true, '2020-01-01', 'admin', 'x', '<p>Mitchell</p>', 1, 2),
    (7, 1, 8, true, '2021-01-01', 'bob@acme.example', 'x', '<p>Bob</p>', 2, 2),
    (8, 1, 7, true, '2022-01-01', 'ann@mail.example', 'x', NULL, 2, 7);
-- Ann is partner 7 and portal user 8, a contact of Azure (9); Bob is partner 8 and user 7. Berta shares Ann's phone.
INSERT INTO res_partner VALUES
    (1, NULL, '2020-01-01', 'Acme', NULL, NULL, 2, 2, 'Acme', NULL, 'info@acme.example', 'info@acme.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, true, true),
    (3, 1, '2020-01-01', 'Mitchell Admin', 1, NULL, 2, 2, 'Acme, Mitchell Admin', NULL, 'admin@acme.example', 'admin@acme.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, false, true),
    (7, 1, '2021-05-01', 'Ann Lindqvist', 9, 7, 7, 7, 'Azure, Ann Lindqvist', NULL, 'Ann Lindqvist <Ann@mail.example>', 'ann@mail.example', '+49 30 1234567', '+49 151 12345678', '+4915112345678', 'Weg 7', '10115', 'Berlin', '<p>Likes trains</p>', 9, false, true),
    (8, 1, '2021-01-01', 'Bob Marley', 1, NULL, 2, 2, 'Acme, Bob Marley', NULL, 'bob@acme.example', 'bob@acme.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, false, true),
    (9, 1, '2021-04-01', 'Azure', NULL, 7, 7, 7, 'Azure', 'DE136695976', 'office@azure.example', 'office@azure.example', '+49 30 1234567', NULL, NULL, 'Weg 7', '10115', 'Berlin', NULL, 9, true, true),
    (10, 1, '2021-06-01', 'Berta Azure', 9, 7, 8, 8, 'Azure, Berta Azure', NULL, 'berta@azure.example', 'berta@azure.example', '+49 30 1234567', NULL, NULL, NULL, NULL, NULL, NULL, 9, false, true);
SET session_replication_role = DEFAULT;
INSERT INTO res_partner_bank VALUES (7, 8, 'DE02120300000000202051', 'Bob Marley'), (8, 7, 'DE02500105170137075030', 'Ann Lindqvist');
INSERT INTO crm_lead VALUES
    (7, 'Boats', 8, 7, 'Bob', 'bob@acme.example', NULL, '2025-01-01'), (8, 'Trains', 7, 7, 'Ann', 'ann@mail.example', '+49 30 1234567', '2025-01-02'),
    (9, 'Web form', NULL, 7, 'Ann L.', 'ANN@mail.example', NULL, '2021-02-01'), (10, 'Web form', NULL, 7, 'Berta', 'berta@azure.example', NULL, '2021-02-02');
INSERT INTO sale_order VALUES
    (7, 'S7', 10, 9, 7, 7, '2026-02-01', 'For Ann'), (8, 'S8', 7, 9, 7, 7, '2026-02-02', NULL), (9, 'S9', 7, 7, 7, 7, '2010-02-02', NULL);
INSERT INTO sale_order_line VALUES (7, 7, 'Boat', 1, 10, '2026-02-01'), (8, 8, 'Train', 2, 7, '2026-02-02'), (9, 9, 'Rail', 3, 7, '2010-02-02');
INSERT INTO account_move VALUES
    (7, 'INV/7', 10, 9, 7, 'Azure, Berta Azure', '2026-02-03', 1), (8, 'INV/8', 7, 9, 7, 'Azure, Ann Lindqvist', '2026-02-04', 2),
    (9, 'INV/9', 7, 9, 7, 'Azure, Ann Lindqvist', '2010-02-04', 3);
INSERT INTO account_move_line VALUES (7, 7, 10, '2026-02-03', 'Boat', 1), (8, 8, 7, '2026-02-04', 'Train', 2), (9, 9, 7, '2010-02-04', 'Rail', 3);
INSERT INTO mail_message VALUES
    (7, 'crm.lead', 8, 8, '"Bob Marley" <bob@acme.example>', 'Trains', '<p>Hello</p>', '2025-02-01', 'email'),
    (8, 'crm.lead', 7, 7, '"Ann Lindqvist" <ann@mail.example>', 'Boats?', '<p>From Ann</p>', '2025-02-02', 'email'),
    (9, 'sale.order', 7, 10, '"Berta" <berta@azure.example>', 'S7', '<p>Thanks</p>', '2026-02-02', 'comment'),
    (10, NULL, NULL, NULL, '"Ann" <ann@mail.example>', 'Before I had an account', '<p>Hi</p>', '2021-02-02', 'email');
INSERT INTO mail_followers VALUES (7, 'sale.order', 7, 10), (8, 'sale.order', 7, 7), (9, 'crm.lead', 7, 8);
INSERT INTO mail_message_res_partner_rel VALUES (7, 7), (9, 8), (9, 7);
INSERT INTO ir_attachment VALUES (7, 'boat.pdf', 'sale.order', 7, 'aa/7', NULL), (8, 'contract.pdf', 'res.partner', 8, 'bb/8', NULL),
    (9, 'ann.pdf', 'res.partner', 7, 'cc/9', '\x25504446'), (10, 'lead.pdf', 'crm.lead', 8, 'dd/10', NULL), (11, 'lead.pdf', 'crm.lead', 7, 'ee/11', NULL);
