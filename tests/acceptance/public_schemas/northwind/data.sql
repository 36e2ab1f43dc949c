INSERT INTO categories VALUES (1, 'Beverages', 'Soft drinks', '\x00'), (7, 'Produce', 'Dried fruit', '\x00');
INSERT INTO customer_demographics VALUES ('ALFKI', 'Those who buy like Alfki'), ('LARGE', 'Large');
-- BLONP and BLAUS share an office, so its phone; LETSS has the number that ALFKI's fax is.
INSERT INTO customers VALUES
    ('ALFKI', 'Alfreds Futterkiste', 'Maria Anders', 'Sales Representative', 'Obere Str. 57', 'Berlin', NULL, '12209', 'Germany', '030-0074321', '030-0076545'),
    ('BLAUS', 'Blauer See Delikatessen', 'Hanna Moos', 'Sales Representative', 'Forsterstr. 57', 'Mannheim', NULL, '68306', 'Germany', '0621-08460', '0621-08924'),
    ('BLONP', 'Blondel', 'Frédérique Citeaux', 'Marketing Manager', 'Forsterstr. 57', 'Mannheim', NULL, '68306', 'Germany', '0621-08460', NULL),
    ('LETSS', 'Let''s Stop N Shop', 'Jaime Yorres', 'Owner', '87 Polk St.', 'Berlin', NULL, '12209', 'Germany', '030-0076545', NULL),
    ('alfki', 'Alfki the younger', 'Maria Younger', NULL, 'Untere Str. 7', 'Bonn', NULL, '53111', 'Germany', '0228-555321', NULL);
INSERT INTO customer_customer_demo VALUES ('ALFKI', 'LARGE'), ('ALFKI', 'ALFKI'), ('BLAUS', 'ALFKI'), ('alfki', 'LARGE');
INSERT INTO employees VALUES
    (2, 'Fuller', 'Andrew', 'Vice President', 'Dr.', '1952-02-19', '1992-08-14', '908 W. Capital Way', 'Tacoma', 'WA', '98401', 'USA', '(206) 555-9482', '3457', '\x00', 'Andrew received his BTS.', NULL, 'http://accweb/emmployees/fuller.bmp'),
    (7, 'King', 'Robert', 'Sales Representative', 'Mr.', '1960-05-29', '1994-01-02', 'Edgeham Hollow', 'London', NULL, 'RG1 9SP', 'UK', '(71) 555-5598', '465', '\x00', 'Robert King served in the Peace Corps.', 2, 'http://accweb/emmployees/davolio.bmp'),
    (9, 'Dodsworth', 'Anne', 'Sales Representative', 'Ms.', '1966-01-27', '1994-11-15', '7 Houndstooth Rd.', 'London', NULL, 'WG2 7LT', 'UK', '(71) 555-4444', '452', '\x00', 'Anne has a BA.', 7, NULL);
INSERT INTO region VALUES (1, 'Eastern'), (7, 'Western');
INSERT INTO territories VALUES ('01581', 'Westboro', 1), ('98052', 'Redmond', 7);
INSERT INTO employee_territories VALUES (7, '01581'), (7, '98052'), (2, '01581');
INSERT INTO shippers VALUES (1, 'Speedy Express', '(503) 555-9831'), (7, 'King Express', '030-0074321');
INSERT INTO suppliers VALUES (7, 'Pavlova, Ltd.', 'Ian Devling', 'Marketing Manager', '74 Rose St.', 'Melbourne', 'Victoria', '3058', 'Australia', '(03) 444-2343', NULL, NULL);
INSERT INTO products VALUES (7, 'Organic Dried Pears', 7, 7, '12 pkgs', 30, 0), (1, 'Chai', 7, 1, '10 boxes', 18, 0);
-- 10700 is a present: ALFKI orders, BLAUS receives. 10248 is past its ten years.
INSERT INTO orders VALUES
    (10248, 'ALFKI', 7, '1996-07-04', '1996-08-01', '1996-07-16', 1, 32.38, 'Alfreds Futterkiste', 'Obere Str. 57', 'Berlin', NULL, '12209', 'Germany'),
    (10643, 'ALFKI', 7, '2025-08-25', '2025-09-22', '2025-09-02', 1, 29.46, 'Maria Anders', 'Obere Str. 57', 'Berlin', NULL, '12209', 'Germany'),
    (10700, 'ALFKI', 2, '2026-01-10', NULL, NULL, 7, 1, 'Hanna Moos', 'Forsterstr. 57', 'Mannheim', NULL, '68306', 'Germany'),
    (10701, 'BLAUS', 7, '2026-01-11', NULL, NULL, 7, 2, 'Maria Anders', 'Obere Str. 57', 'Berlin', NULL, '12209', 'Germany'),
    (10702, 'alfki', 7, '1996-01-11', NULL, NULL, 7, 2, 'Maria Younger', 'Untere Str. 7', 'Bonn', NULL, '53111', 'Germany'),
    (10703, NULL, 7, '1996-01-12', NULL, NULL, 7, 2, 'Counter sale', NULL, NULL, NULL, NULL, NULL);
INSERT INTO order_details (order_id, product_id, unit_price, quantity, discount) VALUES
    (10248, 7, 14, 12, 0), (10248, 1, 9.8, 10, 0), (10643, 7, 45.6, 15, 0.25), (10700, 1, 18, 1, 0), (10701, 7, 30, 7, 0),
    (10702, 7, 30, 1, 0), (10703, 1, 18, 1, 0);
UPDATE order_details l SET order_date = o.order_date FROM orders o WHERE o.order_id = l.order_id;
