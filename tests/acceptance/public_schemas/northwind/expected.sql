-- ALFKI. The order of 1996 is past its ten years; the others stay as they are, to whomever they were shipped.
DELETE FROM order_details WHERE order_id = 10248;
DELETE FROM orders WHERE order_id = 10248;
DELETE FROM customer_customer_demo WHERE customer_id = 'ALFKI';
UPDATE customers SET company_name = 'erased', contact_name = NULL, contact_title = NULL, address = NULL, city = NULL,
    postal_code = NULL, phone = NULL, fax = NULL
WHERE customer_id = 'ALFKI';
-- Robert King (7), to whom Anne Dodsworth reports, and who sold to many.
DELETE FROM employee_territories WHERE employee_id = 7;
UPDATE employees SET last_name = 'erased', first_name = 'erased', title = NULL, title_of_courtesy = NULL, birth_date = NULL,
    address = NULL, city = NULL, postal_code = NULL, home_phone = NULL, notes = NULL, photo = NULL, photo_path = NULL,
    extension = NULL
WHERE employee_id = 7;
