SET timezone = 'UTC';
INSERT INTO country VALUES (7, 'Canada', '2020-01-01');
INSERT INTO city VALUES (7, 'Lethbridge', 7, '2020-01-01');
-- 5 is shared by Mary and Patricia, 6 by a customer and a member of the staff, 7 is Linda's alone, 8 the store's.
INSERT INTO address VALUES
    (5, '1913 Hanoi Way', NULL, 'Nagasaki', 7, '35200', '28303384290', '2020-01-01'),
    (6, '1121 Loja Avenue', NULL, 'California', 7, '17886', '838635286649', '2020-01-01'),
    (7, '692 Joliet Street', '', 'Attika', 7, '83579', '448477190408', '2020-01-01'),
    (8, '23 Workhaven Lane', NULL, 'Alberta', 7, '', '14033335568', '2020-01-01');
INSERT INTO store VALUES (1, 1, 8, '2020-01-01'), (7, 7, 8, '2020-01-01');
INSERT INTO staff VALUES
    (1, 'Mike', 'Hillyer', 8, 'Mike.Hillyer@sakilastaff.example', 1, true, 'Mike', 'x', '2020-01-01', '\x89504e47'),
    (7, 'Jon', 'Stephens', 6, 'Jon.Stephens@sakilastaff.example', 7, true, 'Jon', 'x', '2020-01-01', NULL);
ALTER TABLE store ADD FOREIGN KEY (manager_staff_id) REFERENCES staff ON UPDATE CASCADE ON DELETE RESTRICT;
INSERT INTO customer VALUES
    (1, 1, 'MARY', 'SMITH', 'MARY.SMITH@sakilacustomer.example', 5, true, '2006-02-14', '2020-01-01', 1),
    (2, 1, 'PATRICIA', 'JOHNSON', 'PATRICIA.JOHNSON@sakilacustomer.example', 5, true, '2006-02-14', '2020-01-01', 1),
    (7, 7, 'LINDA', 'WILLIAMS', 'LINDA.WILLIAMS@sakilacustomer.example', 7, true, '2006-02-14', '2020-01-01', 1),
    (8, 7, 'BARBARA', 'JONES', 'PATRICIA.JOHNSON@sakilacustomer.example', 6, true, '2006-02-15', '2020-01-01', 1),
    (9, 7, 'WALK', 'IN', NULL, 6, true, '2006-02-16', '2020-01-01', 1);
INSERT INTO film (film_id, title, description, release_year, last_update, special_features) VALUES
    (7, 'AIRPLANE SIERRA', 'A Touching Saga', 2006, '2020-01-01', '{Trailers,"Deleted Scenes"}');
INSERT INTO inventory VALUES (7, 7, 7, '2020-01-01'), (8, 7, 1, '2020-01-01');
INSERT INTO rental VALUES
    (1, '2012-05-24 22:53', 7, 7, '2012-05-26', 7, '2020-01-01'),
    (2, '2026-05-24 22:54', 8, 7, '2026-05-26', 1, '2020-01-01'),
    (7, '2026-05-25 23:03', 8, 1, NULL, 7, '2020-01-01'),
    (8, '2012-05-25 23:04', 8, 1, '2012-06-03', 1, '2020-01-01'),
    (9, '2026-06-01 10:00', 7, 2, '2026-06-03', 1, '2020-01-01');
INSERT INTO payment VALUES
    (1, 7, 7, 1, 2.99, '2012-05-24 22:53'), (2, 7, 1, 2, 4.99, '2026-05-24 22:54'),
    (7, 1, 7, 7, 0.99, '2026-05-25 23:03'), (8, 1, 1, 8, 5.99, '2012-05-25 23:04'), (9, 2, 1, 9, 1.99, '2026-06-01 10:00');
