-- Calltrack: a call-tracking company that processes calls, recordings and leads for its clients.
-- Two kinds of person: account holders (the company's own customers, table users) and callers (people who rang or wrote
-- to a client; their records belong to that client).

CREATE TABLE clients (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Account holders -----------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   bigint NOT NULL REFERENCES clients,
    email       text NOT NULL UNIQUE,
    full_name   text NOT NULL CHECK (full_name <> ''),
    phone       text,
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed')),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_phone ON users (phone);

CREATE TABLE user_profiles (
    user_id     bigint PRIMARY KEY REFERENCES users,
    timezone    text NOT NULL,
    preferences jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_tokens (
    id          uuid PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users,
    label       text NOT NULL,
    token_hash  bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- One address for a household: several people live there.
CREATE TABLE addresses (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    street      text NOT NULL,
    postcode    text NOT NULL,
    city        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE user_addresses (
    user_id     bigint NOT NULL REFERENCES users,
    address_id  bigint NOT NULL REFERENCES addresses,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, address_id)
);
CREATE INDEX user_addresses_address ON user_addresses (address_id);

CREATE TABLE messages (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     bigint NOT NULL REFERENCES users,
    reply_to    bigint REFERENCES messages,
    body        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_user ON messages (user_id);
CREATE INDEX messages_reply_to ON messages (reply_to);

-- Kept by law for ten years.
CREATE TABLE invoices (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES users,
    number       text NOT NULL UNIQUE,
    billing_name text NOT NULL,
    cents        bigint NOT NULL,
    issued_at    timestamptz NOT NULL
);
CREATE INDEX invoices_user ON invoices (user_id);

CREATE TABLE invoice_lines (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id  bigint NOT NULL REFERENCES invoices,
    text        text NOT NULL,
    cents       bigint NOT NULL,
    issued_at   timestamptz NOT NULL
);
CREATE INDEX invoice_lines_invoice ON invoice_lines (invoice_id);

-- Keyed by e-mail alone: an opt-out is honoured also for people who never had an account.
CREATE TABLE marketing_optouts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX marketing_optouts_email ON marketing_optouts (email);

-- The web access log: a log on purpose, with a foreign key to the account all the same.
CREATE TABLE access_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    user_id     bigint REFERENCES users ON DELETE SET NULL,
    ip          inet NOT NULL,
    browser     text NOT NULL,
    referrer    text,
    url         text NOT NULL,
    object      text,
    status      smallint NOT NULL
);
CREATE INDEX access_log_user ON access_log (user_id);

-- Callers: records of a client ----------------------------------------------------------------------------------------

CREATE TABLE callers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   bigint NOT NULL REFERENCES clients,
    phone       text NOT NULL,
    name        text,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX callers_phone ON callers (phone);
CREATE INDEX callers_client ON callers (client_id);

CREATE TABLE calls (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id   bigint NOT NULL REFERENCES clients,
    caller_id   bigint NOT NULL REFERENCES callers,
    from_number text NOT NULL,
    seconds     integer NOT NULL,
    started_at  timestamptz NOT NULL
);
CREATE INDEX calls_caller ON calls (caller_id);
CREATE INDEX calls_client ON calls (client_id);

CREATE TABLE call_notes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id     bigint NOT NULL REFERENCES calls,
    note        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX call_notes_call ON call_notes (call_id);

CREATE TABLE recordings (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    call_id     bigint NOT NULL REFERENCES calls,
    object_key  text NOT NULL UNIQUE,
    bytes       bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recordings_call ON recordings (call_id);

CREATE TABLE transcripts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording_id bigint NOT NULL REFERENCES recordings,
    body         text NOT NULL,
    words        jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transcripts_recording ON transcripts (recording_id);

CREATE TABLE leads (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id      bigint NOT NULL REFERENCES clients,
    caller_id      bigint REFERENCES callers,
    name           text NOT NULL,
    postal_address text NOT NULL,
    email          text NOT NULL,
    phone          text,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX leads_caller ON leads (caller_id);
CREATE INDEX leads_client ON leads (client_id);
CREATE INDEX leads_email ON leads (email);
CREATE INDEX leads_phone ON leads (phone);

CREATE TABLE lead_answers (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id     bigint NOT NULL REFERENCES leads,
    question    text NOT NULL,
    answer      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lead_answers_lead ON lead_answers (lead_id);
