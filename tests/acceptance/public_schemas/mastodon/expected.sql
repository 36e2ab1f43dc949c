-- Ann: user 7, account 107. Her account and posts are overwritten, since Bob's answers and boosts hang on them.
DELETE FROM session_activations WHERE user_id = 7;
DELETE FROM login_activities WHERE user_id = 7;
DELETE FROM oauth_access_tokens WHERE resource_owner_id = 7;
DELETE FROM users WHERE id = 7;
DELETE FROM mentions WHERE id IN (1, 2);
DELETE FROM favourites WHERE id = 1;
DELETE FROM follows WHERE id IN (1, 2);
DELETE FROM account_notes WHERE id IN (1, 2);
DELETE FROM media_attachments WHERE id IN (108, 109);
DELETE FROM account_conversations WHERE id = 1;
UPDATE account_conversations SET participant_account_ids = '{7}' WHERE id = 2;
UPDATE statuses SET text = '', spoiler_text = '', uri = NULL, url = NULL WHERE id IN (201, 204, 206);
UPDATE reports SET comment = '' WHERE id = 7;
UPDATE accounts SET username = 'erased_107', display_name = '', note = '', private_key = NULL, public_key = '', uri = '',
    url = NULL, avatar_file_name = NULL, fields = NULL, also_known_as = NULL
WHERE id = 107;
