-- A multi-tenant application as Citus' and Postgres' guides draw it: tenant_id leads every key, ids count per tenant,
-- an address may be a user of several tenants, and row-level security keeps tenants apart for the application's role.
CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    billing_email text NOT NULL
);
CREATE TABLE users (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);
CREATE TABLE api_keys (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    key_hash text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users
);
CREATE TABLE projects (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id bigint NOT NULL,
    owner_id bigint,
    name text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_id) REFERENCES users
);
CREATE TABLE tasks (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    assignee_id bigint,
    created_by bigint NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES projects,
    FOREIGN KEY (tenant_id, assignee_id) REFERENCES users,
    FOREIGN KEY (tenant_id, created_by) REFERENCES users
);
CREATE TABLE comments (
    tenant_id uuid NOT NULL,
    id bigint NOT NULL,
    task_id bigint NOT NULL,
    author_id bigint NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks,
    FOREIGN KEY (tenant_id, author_id) REFERENCES users
);
CREATE TABLE contacts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id bigint NOT NULL,
    email text,
    phone text,
    full_name text,
    custom jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE invoices (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id bigint NOT NULL,
    contact_id bigint,
    bill_to_email text NOT NULL,
    issued_at timestamptz NOT NULL,
    total numeric NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts
);
CREATE TABLE audit_log (
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    actor_id bigint,
    action text NOT NULL,
    details jsonb NOT NULL
);
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON contacts USING (tenant_id = current_setting('app.tenant', true)::uuid);
