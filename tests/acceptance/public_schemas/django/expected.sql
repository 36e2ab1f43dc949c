-- Ann (7). What she wrote goes, her row is overwritten because the admin's log names it.
DELETE FROM django_session WHERE session_key = 's7ann0000000000000000000000000001';
DELETE FROM usersessions_usersession WHERE id = 8;
DELETE FROM account_emailaddress WHERE id IN (8, 10, 12);
DELETE FROM auth_user_groups WHERE id = 1;
DELETE FROM auth_user_user_permissions WHERE id = 1;
DELETE FROM authtoken_token WHERE user_id = 7;
DELETE FROM django_comments WHERE id IN (8, 12, 13);
DELETE FROM taggit_taggeditem WHERE id IN (8, 11);
DELETE FROM blog_entry WHERE id = 8;
UPDATE auth_user SET password = 'erased', username = 'erased-7', first_name = 'erased', last_name = 'erased',
    email = 'erased-7@erased.invalid', is_active = false
WHERE id = 7;
-- Dora (10). What a guest wrote from the address that she shares with Emil is nobody's for sure, and stays.
DELETE FROM auth_user_groups WHERE id = 9;
DELETE FROM account_emailaddress WHERE id = 11;
UPDATE auth_user SET password = 'erased', username = 'erased-10', first_name = 'erased', last_name = 'erased',
    email = 'erased-10@erased.invalid', is_active = false
WHERE id = 10;
