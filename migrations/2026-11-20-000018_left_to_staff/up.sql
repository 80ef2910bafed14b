-- What somebody wants that only a person at the practice can do: a new phone number, a payment looked for. It is
-- theirs, so it is sealed, unlike the sentence beside it.
ALTER TABLE staff_tasks ADD COLUMN wanted bytea;
-- For keys that rotate, and for what has had its time.
GRANT UPDATE (wanted) ON staff_tasks TO switchboard_machinery;
