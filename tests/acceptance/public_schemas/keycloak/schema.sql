-- Keycloak 26: users, credentials, federation, consents, offline sessions and events. Ids are UUIDs in varchar(36), times
-- are milliseconds since 1970 in bigint, and what has no foreign key here has none there.
CREATE TABLE realm (id varchar(36) PRIMARY KEY, name varchar(255) UNIQUE, enabled boolean NOT NULL DEFAULT true);
CREATE TABLE client (
    id varchar(36) PRIMARY KEY,
    client_id varchar(255),
    realm_id varchar(36) REFERENCES realm,
    UNIQUE (realm_id, client_id)
);
CREATE TABLE keycloak_role (
    id varchar(36) PRIMARY KEY,
    name varchar(255),
    realm_id varchar(255),
    client varchar(36),
    description varchar(255)
);
CREATE TABLE keycloak_group (
    id varchar(36) PRIMARY KEY,
    name varchar(255),
    parent_group varchar(36) NOT NULL,
    realm_id varchar(36)
);
CREATE TABLE user_entity (
    id varchar(36) PRIMARY KEY,
    email varchar(255),
    email_constraint varchar(255),
    email_verified boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT false,
    federation_link varchar(255),
    first_name varchar(255),
    last_name varchar(255),
    realm_id varchar(255),
    username varchar(255),
    created_timestamp bigint,
    service_account_client_link varchar(255),
    not_before integer NOT NULL DEFAULT 0,
    CONSTRAINT uk_dykn684sl8up1crfei6eckhd7 UNIQUE (realm_id, email_constraint),
    CONSTRAINT uk_ru8tt6t700s9v50bu18ws5ha6 UNIQUE (realm_id, username)
);
CREATE INDEX idx_user_email ON user_entity (email);
CREATE TABLE user_attribute (
    name varchar(255) NOT NULL,
    value varchar(255),
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    id varchar(36) PRIMARY KEY,
    long_value_hash bytea,
    long_value_hash_lower_case bytea,
    long_value text
);
CREATE INDEX idx_user_attribute ON user_attribute (user_id);
CREATE TABLE credential (
    id varchar(36) PRIMARY KEY,
    salt bytea,
    type varchar(255),
    user_id varchar(36) REFERENCES user_entity,
    created_date bigint,
    user_label varchar(255),
    secret_data text,
    credential_data text,
    priority integer
);
CREATE TABLE user_role_mapping (
    role_id varchar(255) NOT NULL,
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    PRIMARY KEY (role_id, user_id)
);
CREATE TABLE user_group_membership (
    group_id varchar(36) NOT NULL,
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    membership_type varchar(255) NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE TABLE user_required_action (
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    required_action varchar(255) NOT NULL DEFAULT ' ',
    PRIMARY KEY (required_action, user_id)
);
CREATE TABLE federated_identity (
    identity_provider varchar(255) NOT NULL,
    realm_id varchar(36),
    federated_user_id varchar(255),
    federated_username varchar(255),
    token text,
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    PRIMARY KEY (identity_provider, user_id)
);
CREATE TABLE user_consent (
    id varchar(36) PRIMARY KEY,
    client_id varchar(255),
    user_id varchar(36) NOT NULL REFERENCES user_entity,
    created_date bigint,
    last_updated_date bigint,
    UNIQUE (client_id, user_id)
);
CREATE TABLE user_consent_client_scope (
    user_consent_id varchar(36) NOT NULL REFERENCES user_consent,
    scope_id varchar(36) NOT NULL,
    PRIMARY KEY (user_consent_id, scope_id)
);
CREATE TABLE broker_link (
    identity_provider varchar(255) NOT NULL,
    storage_provider_id varchar(255),
    realm_id varchar(36) NOT NULL,
    broker_user_id varchar(255),
    broker_username varchar(255),
    token text,
    user_id varchar(255) NOT NULL,
    PRIMARY KEY (identity_provider, user_id)
);
CREATE TABLE offline_user_session (
    user_session_id varchar(36) NOT NULL,
    user_id varchar(255) NOT NULL,
    realm_id varchar(36) NOT NULL,
    created_on integer NOT NULL,
    offline_flag varchar(4) NOT NULL,
    data text,
    last_session_refresh integer NOT NULL DEFAULT 0,
    PRIMARY KEY (user_session_id, offline_flag)
);
CREATE INDEX idx_offline_uss_by_user ON offline_user_session (user_id, realm_id, offline_flag);
CREATE TABLE offline_client_session (
    user_session_id varchar(36) NOT NULL,
    client_id varchar(255) NOT NULL,
    offline_flag varchar(4) NOT NULL,
    "timestamp" integer,
    data text,
    external_client_id varchar(255) NOT NULL DEFAULT 'local',
    client_storage_provider varchar(36) NOT NULL DEFAULT 'local',
    PRIMARY KEY (user_session_id, client_id, client_storage_provider, external_client_id, offline_flag)
);
CREATE TABLE event_entity (
    id varchar(36) PRIMARY KEY,
    client_id varchar(255),
    details_json varchar(2550),
    error varchar(255),
    ip_address varchar(255),
    realm_id varchar(255),
    session_id varchar(255),
    event_time bigint,
    type varchar(255),
    user_id varchar(255),
    details_json_long_value text
);
CREATE TABLE admin_event_entity (
    id varchar(36) PRIMARY KEY,
    admin_event_time bigint,
    realm_id varchar(255),
    operation_type varchar(255),
    auth_realm_id varchar(255),
    auth_client_id varchar(255),
    auth_user_id varchar(255),
    ip_address varchar(255),
    resource_path varchar(2550),
    representation text,
    error varchar(255),
    resource_type varchar(64)
);
