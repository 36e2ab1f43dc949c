-- Odoo 17: everybody is a res_partner (customers, contacts of a company, the company itself, employees); who signs in is
-- a res_users on top of one. Every table names who created and who wrote a row; messages, followers and files hang on
-- records by (model, id).
CREATE TABLE res_company (
    id serial PRIMARY KEY,
    name varchar NOT NULL,
    partner_id integer NOT NULL
);
CREATE TABLE res_users (
    id serial PRIMARY KEY,
    company_id integer NOT NULL REFERENCES res_company ON DELETE RESTRICT,
    partner_id integer NOT NULL,
    active boolean DEFAULT true,
    create_date timestamp,
    login varchar NOT NULL UNIQUE,
    password varchar,
    signature text,
    create_uid integer REFERENCES res_users ON DELETE SET NULL,
    write_uid integer REFERENCES res_users ON DELETE SET NULL
);
CREATE TABLE res_partner (
    id serial PRIMARY KEY,
    company_id integer REFERENCES res_company ON DELETE RESTRICT,
    create_date timestamp,
    name varchar,
    parent_id integer REFERENCES res_partner ON DELETE SET NULL,
    user_id integer REFERENCES res_users ON DELETE SET NULL,
    create_uid integer REFERENCES res_users ON DELETE SET NULL,
    write_uid integer REFERENCES res_users ON DELETE SET NULL,
    complete_name varchar,
    vat varchar,
    email varchar,
    email_normalized varchar,
    phone varchar,
    mobile varchar,
    phone_sanitized varchar,
    street varchar,
    zip varchar,
    city varchar,
    comment text,
    commercial_partner_id integer REFERENCES res_partner ON DELETE SET NULL,
    is_company boolean,
    active boolean DEFAULT true,
    CHECK (name IS NOT NULL)
);
ALTER TABLE res_users ADD FOREIGN KEY (partner_id) REFERENCES res_partner ON DELETE RESTRICT;
ALTER TABLE res_company ADD FOREIGN KEY (partner_id) REFERENCES res_partner ON DELETE RESTRICT;
CREATE INDEX ON res_partner (parent_id);
CREATE INDEX ON res_partner (commercial_partner_id);
CREATE INDEX ON res_users (partner_id);
CREATE TABLE res_partner_bank (
    id serial PRIMARY KEY,
    partner_id integer NOT NULL REFERENCES res_partner ON DELETE CASCADE,
    acc_number varchar NOT NULL,
    acc_holder_name varchar
);
CREATE INDEX ON res_partner_bank (partner_id);
CREATE TABLE crm_lead (
    id serial PRIMARY KEY,
    name varchar NOT NULL,
    partner_id integer REFERENCES res_partner ON DELETE SET NULL,
    user_id integer REFERENCES res_users ON DELETE SET NULL,
    contact_name varchar,
    email_from varchar,
    phone varchar,
    create_date timestamp
);
CREATE INDEX ON crm_lead (partner_id);
CREATE TABLE sale_order (
    id serial PRIMARY KEY,
    name varchar NOT NULL,
    partner_id integer NOT NULL REFERENCES res_partner ON DELETE RESTRICT,
    partner_invoice_id integer NOT NULL REFERENCES res_partner ON DELETE RESTRICT,
    partner_shipping_id integer NOT NULL REFERENCES res_partner ON DELETE RESTRICT,
    user_id integer REFERENCES res_users ON DELETE SET NULL,
    date_order timestamp NOT NULL,
    note text
);
CREATE INDEX ON sale_order (partner_id);
CREATE TABLE sale_order_line (
    id serial PRIMARY KEY,
    order_id integer NOT NULL REFERENCES sale_order ON DELETE CASCADE,
    name text NOT NULL,
    price_unit numeric NOT NULL,
    order_partner_id integer REFERENCES res_partner ON DELETE SET NULL,
    create_date timestamp
);
CREATE INDEX ON sale_order_line (order_id);
CREATE TABLE account_move (
    id serial PRIMARY KEY,
    name varchar,
    partner_id integer REFERENCES res_partner ON DELETE RESTRICT,
    commercial_partner_id integer REFERENCES res_partner ON DELETE RESTRICT,
    invoice_user_id integer REFERENCES res_users ON DELETE SET NULL,
    invoice_partner_display_name varchar,
    date date NOT NULL,
    amount_total numeric
);
CREATE INDEX ON account_move (partner_id);
CREATE TABLE account_move_line (
    id serial PRIMARY KEY,
    move_id integer NOT NULL REFERENCES account_move ON DELETE CASCADE,
    partner_id integer REFERENCES res_partner ON DELETE RESTRICT,
    date date NOT NULL,
    name varchar,
    debit numeric
);
CREATE INDEX ON account_move_line (move_id);
CREATE TABLE mail_message (
    id serial PRIMARY KEY,
    model varchar,
    res_id integer,
    author_id integer REFERENCES res_partner ON DELETE SET NULL,
    email_from varchar,
    subject varchar,
    body text,
    date timestamp,
    message_type varchar NOT NULL
);
CREATE INDEX ON mail_message (model, res_id);
CREATE INDEX ON mail_message (author_id);
CREATE TABLE mail_followers (
    id serial PRIMARY KEY,
    res_model varchar NOT NULL,
    res_id integer,
    partner_id integer NOT NULL REFERENCES res_partner ON DELETE CASCADE,
    UNIQUE (res_model, res_id, partner_id)
);
CREATE INDEX ON mail_followers (partner_id);
CREATE TABLE mail_message_res_partner_rel (
    mail_message_id integer NOT NULL REFERENCES mail_message ON DELETE CASCADE,
    res_partner_id integer NOT NULL REFERENCES res_partner ON DELETE CASCADE,
    PRIMARY KEY (mail_message_id, res_partner_id)
);
CREATE INDEX ON mail_message_res_partner_rel (res_partner_id);
CREATE TABLE ir_attachment (
    id serial PRIMARY KEY,
    name varchar NOT NULL,
    res_model varchar,
    res_id integer,
    store_fname varchar,
    db_datas bytea
);
CREATE INDEX ON ir_attachment (res_model, res_id);
