-- Ann (7). What she wrote and what was noted about her goes; orders younger than ten years stay, with where they went.
DELETE FROM ahoy_events WHERE id IN (8, 9, 10);
DELETE FROM ahoy_visits WHERE id IN (8, 9);
DELETE FROM oauth_access_tokens WHERE id = 8;
DELETE FROM notifications WHERE id = 8;
DELETE FROM friendly_id_slugs WHERE id IN (8, 9);
DELETE FROM action_text_rich_texts WHERE id IN (8, 9);
DELETE FROM active_storage_attachments WHERE id IN (8, 9);
DELETE FROM active_storage_blobs WHERE id = 8;
UPDATE addresses SET street = NULL, city = NULL, postal_code = NULL WHERE id = 8;
DELETE FROM addresses WHERE id = 11;
DELETE FROM orders WHERE id IN (9, 11);
DELETE FROM comments WHERE id IN (8, 9, 12);
DELETE FROM posts WHERE id = 8;
UPDATE users SET email = 'erased-7@erased.invalid', encrypted_password = 'erased', reset_password_token = NULL,
    current_sign_in_ip = NULL, last_sign_in_ip = NULL, username = NULL, full_name = NULL, phone = NULL
WHERE id = 7;
