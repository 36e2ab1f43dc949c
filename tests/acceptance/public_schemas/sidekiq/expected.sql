-- Ann (7).
DELETE FROM user_sessions WHERE user_id = 7;
DELETE FROM exports WHERE user_id = 7;
DELETE FROM users WHERE id = 7;
