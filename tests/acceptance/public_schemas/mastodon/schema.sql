-- Mastodon 4 (db/schema.rb): an account is who writes, a user who signs in; remote accounts have no user. Ids of
-- statuses and accounts are snowflakes; rows name two accounts everywhere, one of them by an array.
CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    username character varying NOT NULL DEFAULT '',
    domain character varying,
    private_key text,
    public_key text NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    note text NOT NULL DEFAULT '',
    display_name character varying NOT NULL DEFAULT '',
    uri character varying NOT NULL DEFAULT '',
    url character varying,
    avatar_file_name character varying,
    fields jsonb,
    moved_to_account_id bigint REFERENCES accounts ON DELETE SET NULL,
    also_known_as character varying[]
);
CREATE UNIQUE INDEX index_accounts_on_username_and_domain_lower
    ON accounts (lower(username), COALESCE(lower(domain), ''));
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email character varying NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    encrypted_password character varying NOT NULL DEFAULT '',
    reset_password_token character varying UNIQUE,
    current_sign_in_at timestamp,
    confirmation_token character varying UNIQUE,
    unconfirmed_email character varying,
    locale character varying,
    otp_secret character varying,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    sign_up_ip inet,
    invite_id bigint,
    settings text
);
CREATE INDEX index_users_on_account_id ON users (account_id);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE TABLE session_activations (
    id bigserial PRIMARY KEY,
    session_id character varying NOT NULL UNIQUE,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    user_agent character varying NOT NULL DEFAULT '',
    ip inet,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ON session_activations (user_id);
CREATE TABLE login_activities (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    authentication_method character varying,
    success boolean,
    ip inet,
    user_agent character varying,
    created_at timestamp
);
CREATE INDEX ON login_activities (user_id);
CREATE TABLE oauth_access_tokens (
    id bigserial PRIMARY KEY,
    token character varying NOT NULL UNIQUE,
    created_at timestamp NOT NULL,
    scopes character varying,
    resource_owner_id bigint REFERENCES users ON DELETE CASCADE,
    last_used_ip inet
);
CREATE INDEX ON oauth_access_tokens (resource_owner_id);
CREATE TABLE statuses (
    id bigint PRIMARY KEY,
    uri character varying UNIQUE,
    text text NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    in_reply_to_id bigint REFERENCES statuses ON DELETE SET NULL,
    reblog_of_id bigint REFERENCES statuses ON DELETE CASCADE,
    url character varying,
    spoiler_text text NOT NULL DEFAULT '',
    conversation_id bigint,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    in_reply_to_account_id bigint REFERENCES accounts ON DELETE SET NULL,
    deleted_at timestamp
);
CREATE INDEX ON statuses (account_id);
CREATE INDEX ON statuses (in_reply_to_id);
CREATE INDEX ON statuses (reblog_of_id);
CREATE INDEX ON statuses (in_reply_to_account_id);
CREATE TABLE mentions (
    id bigserial PRIMARY KEY,
    status_id bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at timestamp NOT NULL,
    silent boolean NOT NULL DEFAULT false,
    UNIQUE (account_id, status_id)
);
CREATE INDEX ON mentions (status_id);
CREATE TABLE favourites (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    status_id bigint NOT NULL REFERENCES statuses ON DELETE CASCADE,
    created_at timestamp NOT NULL,
    UNIQUE (account_id, status_id)
);
CREATE INDEX ON favourites (status_id);
CREATE TABLE follows (
    id bigserial PRIMARY KEY,
    created_at timestamp NOT NULL,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    uri character varying,
    UNIQUE (account_id, target_account_id)
);
CREATE INDEX ON follows (target_account_id);
CREATE TABLE account_notes (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    target_account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    comment text NOT NULL,
    created_at timestamp NOT NULL,
    UNIQUE (account_id, target_account_id)
);
CREATE INDEX ON account_notes (target_account_id);
CREATE TABLE media_attachments (
    id bigserial PRIMARY KEY,
    status_id bigint REFERENCES statuses ON DELETE SET NULL,
    file_file_name character varying,
    remote_url character varying NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    account_id bigint REFERENCES accounts ON DELETE SET NULL,
    description text
);
CREATE INDEX ON media_attachments (status_id);
CREATE INDEX ON media_attachments (account_id);
CREATE TABLE account_conversations (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    conversation_id bigint NOT NULL,
    participant_account_ids bigint[] NOT NULL DEFAULT '{}',
    status_ids bigint[] NOT NULL DEFAULT '{}',
    last_status_id bigint,
    unread boolean NOT NULL DEFAULT false
);
CREATE INDEX ON account_conversations (account_id);
CREATE TABLE reports (
    id bigserial PRIMARY KEY,
    status_ids bigint[] NOT NULL DEFAULT '{}',
    comment text NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    action_taken_by_account_id bigint REFERENCES accounts ON DELETE SET NULL,
    target_account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    assigned_account_id bigint REFERENCES accounts ON DELETE SET NULL
);
CREATE INDEX ON reports (account_id);
CREATE INDEX ON reports (target_account_id);
CREATE TABLE admin_action_logs (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    action character varying NOT NULL DEFAULT '',
    target_type character varying,
    target_id bigint,
    created_at timestamp NOT NULL,
    human_identifier character varying,
    route_param character varying
);
CREATE INDEX ON admin_action_logs (account_id);
