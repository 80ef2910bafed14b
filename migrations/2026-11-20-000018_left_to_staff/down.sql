ALTER TABLE staff_tasks DROP COLUMN wanted;
