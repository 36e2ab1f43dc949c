-- A call-tracking company, at a size at which cost per person can be seen. Eight tables hold records of a person, about
-- twenty rows each; everything that came in over time lies interleaved with other people's, as it would.

CREATE TABLE clients (
    id   bigint PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE callers (
    id         bigint PRIMARY KEY,
    client_id  bigint NOT NULL REFERENCES clients,
    phone      text NOT NULL,
    name       text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE calls (
    id          bigint PRIMARY KEY,
    client_id   bigint NOT NULL REFERENCES clients,
    caller_id   bigint NOT NULL REFERENCES callers,
    from_number text NOT NULL,
    seconds     integer NOT NULL,
    started_at  timestamptz NOT NULL
);

CREATE TABLE call_notes (
    id         bigint PRIMARY KEY,
    call_id    bigint NOT NULL REFERENCES calls,
    note       text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE recordings (
    id         bigint PRIMARY KEY,
    call_id    bigint NOT NULL REFERENCES calls,
    object_key text NOT NULL UNIQUE,
    bytes      bigint NOT NULL
);

CREATE TABLE transcripts (
    id           bigint PRIMARY KEY,
    recording_id bigint NOT NULL REFERENCES recordings,
    body         text NOT NULL
);

CREATE TABLE callbacks (
    id        bigint PRIMARY KEY,
    caller_id bigint NOT NULL REFERENCES callers,
    wanted_at timestamptz NOT NULL
);

CREATE TABLE leads (
    id         bigint PRIMARY KEY,
    client_id  bigint NOT NULL REFERENCES clients,
    caller_id  bigint REFERENCES callers,
    phone      text,
    name       text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE lead_answers (
    id      bigint PRIMARY KEY,
    lead_id bigint NOT NULL REFERENCES leads,
    answer  text NOT NULL
);
