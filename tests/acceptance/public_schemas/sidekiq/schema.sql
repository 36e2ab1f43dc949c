-- The database beside a Redis of Sidekiq, RQ, redis-session-store, the Rails cache and Rack::Attack.
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    email varchar NOT NULL UNIQUE,
    encrypted_password varchar NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE user_sessions (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id varchar NOT NULL UNIQUE,
    created_at timestamp NOT NULL
);
CREATE INDEX ON user_sessions (user_id);
CREATE TABLE exports (
    id bigserial PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    rq_job_id uuid UNIQUE,
    created_at timestamp NOT NULL
);
CREATE INDEX ON exports (user_id);
