-- Ann of the shop. Her account in the club, and the admins' log, stay.
DELETE FROM user_consent_client_scope WHERE user_consent_id = 'uc1';
DELETE FROM user_consent WHERE id = 'uc1';
DELETE FROM user_attribute WHERE id IN ('a1', 'a3');
DELETE FROM credential WHERE id IN ('k1', 'k3');
DELETE FROM user_role_mapping WHERE user_id = '7a000000-0000-4000-8000-000000000001';
DELETE FROM user_group_membership WHERE user_id = '7a000000-0000-4000-8000-000000000001';
DELETE FROM user_required_action WHERE user_id = '7a000000-0000-4000-8000-000000000001';
DELETE FROM federated_identity WHERE user_id = '7a000000-0000-4000-8000-000000000001';
DELETE FROM broker_link WHERE user_id = '7a000000-0000-4000-8000-000000000001';
DELETE FROM offline_client_session WHERE user_session_id = 'us1';
DELETE FROM offline_user_session WHERE user_session_id = 'us1';
DELETE FROM user_entity WHERE id = '7a000000-0000-4000-8000-000000000001';
