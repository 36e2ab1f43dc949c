-- Ann: partner 7, user 8. What is older than ten years goes; the rest of her invoices keeps her name, as Berta's do hers.
DELETE FROM mail_message_res_partner_rel WHERE res_partner_id = 7;
DELETE FROM mail_message WHERE id IN (8, 10);
DELETE FROM mail_followers WHERE id = 8;
DELETE FROM account_move_line WHERE id = 9;
DELETE FROM account_move WHERE id = 9;
DELETE FROM sale_order_line WHERE id = 9;
DELETE FROM sale_order WHERE id = 9;
DELETE FROM ir_attachment WHERE id IN (9, 10);
DELETE FROM crm_lead WHERE id = 9;
DELETE FROM crm_lead WHERE id = 8;
DELETE FROM res_partner_bank WHERE id = 8;
UPDATE res_users SET login = 'erased-8', password = NULL, signature = NULL, active = false WHERE id = 8;
UPDATE res_partner SET name = 'erased', complete_name = 'erased', vat = NULL, email = NULL, email_normalized = NULL,
    phone = NULL, mobile = NULL, phone_sanitized = NULL, street = NULL, zip = NULL, city = NULL, comment = NULL, active = false
WHERE id = 7;
