-- Discourse (annotations in app/models): no foreign key anywhere here but one; addresses stand in a table of their own,
-- user names are repeated in texts, bookmarks and notifications are polymorphic.
CREATE TABLE users (
    id serial PRIMARY KEY,
    username varchar(60) NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL,
    name varchar,
    last_posted_at timestamp,
    active boolean NOT NULL DEFAULT false,
    username_lower varchar(60) NOT NULL,
    ip_address inet,
    registration_ip_address inet,
    title varchar,
    uploaded_avatar_id integer,
    staged boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX index_users_on_username ON users (username);
CREATE UNIQUE INDEX index_users_on_username_lower ON users (username_lower);
CREATE TABLE user_emails (
    id serial PRIMARY KEY,
    user_id integer NOT NULL,
    email varchar(513) NOT NULL,
    normalized_email varchar,
    "primary" boolean NOT NULL DEFAULT false,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE UNIQUE INDEX index_user_emails_on_email ON user_emails (lower(email));
CREATE UNIQUE INDEX index_user_emails_on_user_id_and_primary ON user_emails (user_id, "primary") WHERE "primary";
CREATE INDEX index_user_emails_on_user_id ON user_emails (user_id);
CREATE TABLE user_profiles (
    user_id integer PRIMARY KEY,
    location varchar(3000),
    website varchar(3000),
    bio_raw text,
    bio_cooked text
);
CREATE TABLE user_auth_tokens (
    id serial PRIMARY KEY,
    user_id integer NOT NULL,
    auth_token varchar NOT NULL UNIQUE,
    prev_auth_token varchar NOT NULL UNIQUE,
    user_agent varchar,
    client_ip inet,
    created_at timestamp NOT NULL
);
CREATE INDEX ON user_auth_tokens (user_id);
CREATE TABLE single_sign_on_records (
    id serial PRIMARY KEY,
    user_id integer NOT NULL,
    external_id varchar NOT NULL UNIQUE,
    last_payload text NOT NULL,
    external_email varchar,
    external_username varchar,
    created_at timestamp NOT NULL
);
CREATE INDEX ON single_sign_on_records (user_id);
CREATE TABLE topics (
    id serial PRIMARY KEY,
    title varchar NOT NULL,
    created_at timestamp NOT NULL,
    user_id integer,
    last_post_user_id integer NOT NULL,
    archetype varchar NOT NULL DEFAULT 'regular'
);
CREATE INDEX ON topics (user_id);
CREATE TABLE posts (
    id serial PRIMARY KEY,
    user_id integer,
    topic_id integer NOT NULL,
    post_number integer NOT NULL,
    raw text NOT NULL,
    cooked text NOT NULL,
    created_at timestamp NOT NULL,
    reply_to_user_id integer,
    last_editor_id integer,
    deleted_by_id integer,
    raw_email text
);
CREATE UNIQUE INDEX index_posts_on_topic_id_and_post_number ON posts (topic_id, post_number);
CREATE INDEX ON posts (user_id);
CREATE TABLE post_actions (
    id serial PRIMARY KEY,
    post_id integer NOT NULL,
    user_id integer NOT NULL,
    post_action_type_id integer NOT NULL,
    created_at timestamp NOT NULL
);
CREATE INDEX ON post_actions (user_id);
CREATE TABLE topic_allowed_users (
    id serial PRIMARY KEY,
    user_id integer NOT NULL,
    topic_id integer NOT NULL,
    UNIQUE (topic_id, user_id)
);
CREATE INDEX ON topic_allowed_users (user_id);
CREATE TABLE drafts (
    id serial PRIMARY KEY,
    user_id integer NOT NULL,
    draft_key varchar NOT NULL,
    data text NOT NULL,
    created_at timestamp NOT NULL,
    UNIQUE (user_id, draft_key)
);
CREATE TABLE notifications (
    id bigserial PRIMARY KEY,
    notification_type integer NOT NULL,
    user_id integer NOT NULL,
    data varchar(1000) NOT NULL,
    read boolean NOT NULL DEFAULT false,
    created_at timestamp NOT NULL,
    topic_id integer,
    post_number integer
);
CREATE INDEX ON notifications (user_id);
CREATE TABLE bookmarks (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL,
    name varchar(100),
    created_at timestamp NOT NULL,
    bookmarkable_id integer,
    bookmarkable_type varchar
);
CREATE INDEX ON bookmarks (user_id);
CREATE TABLE invites (
    id serial PRIMARY KEY,
    invite_key varchar(32) NOT NULL UNIQUE,
    email varchar,
    invited_by_id integer NOT NULL,
    created_at timestamp NOT NULL,
    custom_message text
);
CREATE INDEX ON invites (invited_by_id);
CREATE TABLE email_logs (
    id serial PRIMARY KEY,
    to_address varchar NOT NULL,
    email_type varchar NOT NULL,
    user_id integer,
    created_at timestamp NOT NULL,
    post_id integer
);
CREATE TABLE user_histories (
    id serial PRIMARY KEY,
    action integer NOT NULL,
    acting_user_id integer,
    target_user_id integer,
    details text,
    created_at timestamp NOT NULL,
    email varchar,
    ip_address varchar
);
CREATE TABLE incoming_emails (
    id serial PRIMARY KEY,
    user_id integer,
    topic_id integer,
    post_id integer,
    raw text,
    message_id text,
    from_address text,
    to_addresses text,
    subject text,
    created_at timestamp NOT NULL
);
