DROP TABLE payments_taken;
ALTER TABLE staff_tasks DROP COLUMN wanted;
