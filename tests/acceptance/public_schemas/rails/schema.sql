-- A Rails shop (db/structure.sql): single-table inheritance in users (type), polymorphic comments, files, rich texts,
-- slugs and notifications, Devise, Doorkeeper, PaperTrail, Ahoy and Delayed::Job.
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    type character varying,
    email character varying NOT NULL DEFAULT '',
    encrypted_password character varying NOT NULL DEFAULT '',
    reset_password_token character varying UNIQUE,
    current_sign_in_ip character varying,
    last_sign_in_ip character varying,
    username character varying,
    full_name character varying,
    phone character varying,
    manager_id bigint REFERENCES users,
    created_at timestamp(6) NOT NULL,
    updated_at timestamp(6) NOT NULL
);
CREATE UNIQUE INDEX index_users_on_email ON users (email);
CREATE UNIQUE INDEX index_users_on_username ON users (username);
CREATE TABLE posts (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users,
    title character varying,
    created_at timestamp(6) NOT NULL
);
CREATE INDEX index_posts_on_user_id ON posts (user_id);
CREATE TABLE comments (
    id bigserial PRIMARY KEY,
    commentable_type character varying NOT NULL,
    commentable_id bigint NOT NULL,
    user_id bigint NOT NULL REFERENCES users,
    body text,
    created_at timestamp(6) NOT NULL
);
CREATE INDEX index_comments_on_commentable ON comments (commentable_type, commentable_id);
CREATE INDEX index_comments_on_user_id ON comments (user_id);
CREATE TABLE addresses (
    id bigserial PRIMARY KEY,
    addressable_type character varying NOT NULL,
    addressable_id bigint NOT NULL,
    street character varying,
    city character varying,
    postal_code character varying
);
CREATE INDEX index_addresses_on_addressable ON addresses (addressable_type, addressable_id);
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    user_id bigint REFERENCES users,
    guest_email character varying,
    total numeric NOT NULL,
    completed_at timestamp(6) NOT NULL
);
CREATE INDEX index_orders_on_user_id ON orders (user_id);
CREATE TABLE active_storage_blobs (
    id bigserial PRIMARY KEY,
    key character varying NOT NULL UNIQUE,
    filename character varying NOT NULL,
    metadata text,
    created_at timestamp(6) NOT NULL
);
CREATE TABLE active_storage_attachments (
    id bigserial PRIMARY KEY,
    name character varying NOT NULL,
    record_type character varying NOT NULL,
    record_id bigint NOT NULL,
    blob_id bigint NOT NULL REFERENCES active_storage_blobs,
    created_at timestamp(6) NOT NULL,
    UNIQUE (record_type, record_id, name, blob_id)
);
CREATE INDEX index_active_storage_attachments_on_blob_id ON active_storage_attachments (blob_id);
CREATE TABLE action_text_rich_texts (
    id bigserial PRIMARY KEY,
    name character varying NOT NULL,
    body text,
    record_type character varying NOT NULL,
    record_id bigint NOT NULL,
    UNIQUE (record_type, record_id, name)
);
CREATE TABLE friendly_id_slugs (
    id bigserial PRIMARY KEY,
    slug character varying NOT NULL,
    sluggable_id integer NOT NULL,
    sluggable_type character varying(50),
    created_at timestamp(6),
    UNIQUE (slug, sluggable_type)
);
CREATE TABLE notifications (
    id bigserial PRIMARY KEY,
    recipient_type character varying NOT NULL,
    recipient_id bigint NOT NULL,
    type character varying NOT NULL,
    params jsonb,
    read_at timestamp(6)
);
CREATE INDEX index_notifications_on_recipient ON notifications (recipient_type, recipient_id);
CREATE TABLE oauth_access_tokens (
    id bigserial PRIMARY KEY,
    resource_owner_id bigint REFERENCES users,
    token character varying NOT NULL UNIQUE,
    created_at timestamp(6) NOT NULL
);
CREATE INDEX ON oauth_access_tokens (resource_owner_id);
CREATE TABLE versions (
    id bigserial PRIMARY KEY,
    item_type character varying NOT NULL,
    item_id bigint NOT NULL,
    event character varying NOT NULL,
    whodunnit character varying,
    object text,
    created_at timestamp(6)
);
CREATE INDEX index_versions_on_item ON versions (item_type, item_id);
CREATE TABLE ahoy_visits (
    id bigserial PRIMARY KEY,
    visit_token character varying UNIQUE,
    visitor_token character varying,
    user_id bigint,
    ip character varying,
    user_agent text,
    started_at timestamp(6)
);
CREATE INDEX index_ahoy_visits_on_user_id ON ahoy_visits (user_id);
CREATE TABLE ahoy_events (
    id bigserial PRIMARY KEY,
    visit_id bigint,
    user_id bigint,
    name character varying,
    properties jsonb,
    "time" timestamp(6)
);
CREATE INDEX index_ahoy_events_on_visit_id ON ahoy_events (visit_id);
CREATE TABLE delayed_jobs (
    id bigserial PRIMARY KEY,
    handler text NOT NULL,
    last_error text,
    run_at timestamp(6),
    queue character varying
);
CREATE TABLE schema_migrations (version character varying PRIMARY KEY);
CREATE TABLE ar_internal_metadata (key character varying PRIMARY KEY, value character varying);
-- Not of Rails: the address of an order is retained as its order is, and each retained row needs a date of its own.
ALTER TABLE addresses ADD completed_at timestamp(6);
