-- Ann (7) of Acme: her account is overwritten, her project has no owner any more. Globex keeps its Ann.
DELETE FROM api_keys WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 1;
DELETE FROM comments WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 8;
UPDATE projects SET owner_id = NULL WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 8;
UPDATE tasks SET title = 'erased' WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 8;
UPDATE users SET email = 'erased-7@erased.invalid', full_name = 'erased' WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 7;
-- Dora (contact 7) of Acme: invoices stay for ten years.
DELETE FROM invoices WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 9;
UPDATE contacts SET email = NULL, phone = NULL, full_name = NULL, custom = '{}' WHERE tenant_id = 'aaaaaaaa-0000-4000-8000-000000000001' AND id = 7;
