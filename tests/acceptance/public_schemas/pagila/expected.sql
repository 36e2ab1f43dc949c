-- Linda (7). Her payment of 2012 and what it was for are past their ten years; those of 2026 stay.
DELETE FROM payment WHERE payment_id = 1;
DELETE FROM rental WHERE rental_id = 1;
UPDATE customer SET first_name = 'erased', last_name = 'erased', email = 'erased-7@erased.invalid' WHERE customer_id = 7;
UPDATE address SET address = 'erased', address2 = NULL, district = 'erased', postal_code = NULL, phone = 'erased'
WHERE address_id = 7;
