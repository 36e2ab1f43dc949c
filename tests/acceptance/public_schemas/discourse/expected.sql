-- Ann (7). Her topics and posts stay empty, since others answered.
DELETE FROM user_emails WHERE id IN (8, 9);
DELETE FROM user_profiles WHERE user_id = 7;
DELETE FROM user_auth_tokens WHERE id = 8;
DELETE FROM single_sign_on_records WHERE id = 8;
DELETE FROM post_actions WHERE id = 8;
DELETE FROM topic_allowed_users WHERE id = 1;
DELETE FROM drafts WHERE id = 8;
DELETE FROM notifications WHERE id = 8;
DELETE FROM bookmarks WHERE id = 8;
DELETE FROM invites WHERE id = 8;
UPDATE invites SET email = NULL WHERE id = 7;
DELETE FROM incoming_emails WHERE id IN (8, 9);
UPDATE topics SET title = '' WHERE id IN (8, 9);
UPDATE posts SET raw = '', cooked = '', raw_email = NULL WHERE id IN (8, 9, 11);
UPDATE users SET username = 'anon7', username_lower = 'anon7', name = NULL, ip_address = NULL, registration_ip_address = NULL,
    title = NULL, uploaded_avatar_id = NULL, active = false
WHERE id = 7;
